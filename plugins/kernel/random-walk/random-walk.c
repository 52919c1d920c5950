/* SPDX-License-Identifier: MIT
 *
 * random-walk: Metropolis steps that need no gradient.
 *
 * move = u proposes u + step * e for all continuous coordinates at once. law = normal draws e from N(0, I);
 * three_point draws each e[i] from -sqrt(3), 0, sqrt(3) with 1/6, 2/3, 1/6 (the same first five moments),
 * which a source of choices can enumerate. move = z picks one discrete coordinate and proposes a uniform
 * value of its support. move = all does one or the other, with even chances where there are both. Each of
 * these proposals is symmetric, so min(1, ratio of densities) gives detailed balance. A chain whose other
 * block would stay where it starts is refused. Choose it for small D, for targets without gradients, and for
 * discrete unknowns.
 *
 * References: Metropolis et al. 1953, J. Chem. Phys. 21:1087; acceptance to tune for: Roberts, Gelman and
 * Gilks 1997, Ann. Appl. Probab. 7:110 (0.234), Gelman, Roberts and Gilks 1996 (0.44 in one dimension).
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the matrix test must notice each. */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { PARAM_STEP, PARAM_LAW, PARAM_MOVE, PARAM_ADAPT };
enum { LAW_NORMAL, LAW_THREE_POINT };
enum { MOVE_U, MOVE_Z, MOVE_ALL };

static const borel_param params[] = {
    {.name = "step",
     .type = BOREL_REAL,
     .number = 1,
     .min = 1e-100,
     .max = 1e100,
     .doc = "standard deviation of a move of u, before adaptation"},
    {.name = "law", .type = BOREL_CHOICE, .choices = "normal|three_point", .doc = "how a move of u is drawn"},
    {.name = "move",
     .type = BOREL_CHOICE,
     .choices = "u|z|all",
     .doc = "what moves: all of u, or one of z, or either"},
    {.name = "adapt",
     .type = BOREL_FLAG,
     .number = 1,
     .doc =
         "tune the step to an acceptance of 0.234 (0.44 in one dimension) during the warm-up, of proposals "
         "that are another point"},
    {0}};

enum { TUNE_STEP, TUNE_AVERAGING };
static const borel_field tuning_fields[] = {
    {"step_size", BOREL_F64, {0}, "standard deviation of a move of u"},
    {"averaging", BOREL_F64, {6}, "dual averaging of the step"},
    {0}};

enum { SCRATCH_U, SCRATCH_NOISE, SCRATCH_Z };
static const borel_field scratch_fields[] = {{"u", BOREL_F64, {BOREL_DIM_D}, "proposal"},
                                             {"noise", BOREL_F64, {BOREL_DIM_D}, "e"},
                                             {"z", BOREL_I64, {BOREL_DIM_K}, "proposal"},
                                             {0}};

enum { INFO_ACCEPT, INFO_STEP_SIZE, INFO_MOVED, INFO_NAN, INFO_OF_U };
static const borel_field info_fields[] = {
    {"accept", BOREL_F64, {0}, "probability with which the proposal was accepted"},
    {"step_size", BOREL_F64, {0}, "standard deviation of a move of u"},
    {"moved", BOREL_F64, {0}, "1 when the proposal was accepted"},
    {"nan", BOREL_F64, {0}, "1 when the target was not a number at the proposal, which is then rejected"},
    {"of_u", BOREL_F64, {0}, "1 when the move was of u, 0 when of z"},
    {0}};

typedef struct {
  double step;
  int law, move, adapt;
} walk;

/* ---- proposals ------------------------------------------------------------------------------- */

static void propose_u(const walk *self, borel_rng *rng, double step, const borel_point *point, double *noise,
                      double *u) {
  static const double values[] = {-1.7320508075688772, 0, 1.7320508075688772},
                      chances[] = {1.0 / 6, 2.0 / 3, 1.0 / 6};
  if (self->law == LAW_NORMAL)
    rng->ops->fill_normal(rng, noise, 1, point->D);
  else
    for (size_t i = 0; i < point->D; i++) noise[i] = values[rng->ops->categorical(rng, chances, 3)];
  for (size_t i = 0; i < point->D; i++) {
#if BOREL_MUTANT == 8 /* only ever proposes upwards: not symmetric */
    u[i] = point->u[i] + step * fabs(noise[i]);
#else
    u[i] = point->u[i] + step * noise[i];
#endif
  }
}

static const borel_site *site_of(const borel_layout *layout, size_t k) {
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    if (site->block == BOREL_SITE_Z && k >= site->offset && k - site->offset < site->size) return site;
  }
  return NULL;
}

static borel_status propose_z(const borel_context *context, borel_target *target, const borel_point *point,
                              int64_t *z, size_t *k, borel_error *error) {
  borel_rng *rng = context->rng;
  if (!point->K)
    return context->host->fail(error, BOREL_ARG, "random-walk: move = z, but nothing is discrete");
#if BOREL_MUTANT == 6 /* the other coordinates never move */
  *k = 0;
#else
  *k = rng->ops->uniform_int(rng, point->K);
#endif
  const borel_site *site = site_of(target->ops->layout(target, point->layout), *k);
  if (!site)
    return context->host->fail(error, BOREL_INTERNAL, "random-walk: z[%zu] belongs to no site of the layout",
                               *k);
  memcpy(z, point->z, point->K * sizeof *z);
  z[*k] = site->lowest + (int64_t)rng->ops->uniform_int(rng, (uint64_t)site->count);
  return BOREL_OK;
}

/* ---- one transition -------------------------------------------------------------------------- */

/* Log-density at the proposal; -inf outside the support and where it is not a number. */
static borel_status evaluate(borel_target *target, const borel_point *point, const double *u,
                             const int64_t *z, double *logdensity, double *nan_count, borel_error *error) {
  *logdensity = -INFINITY;
  borel_status status = target->ops->logdensity(target, point->layout, u, z, logdensity, error);
  *nan_count = status == BOREL_DOMAIN || (status == BOREL_OK && isnan(*logdensity));
  if (*nan_count != 0) {
    error->code = BOREL_OK;
    error->message[0] = 0;
  } else if (status != BOREL_OK && status != BOREL_REJECT) {
    return status;
  }
  if (*nan_count != 0 || status == BOREL_REJECT) *logdensity = -INFINITY;
  return BOREL_OK;
}

/* Does this step move u? */
static int moves_u(const walk *self, borel_rng *rng, const borel_point *point) {
  if (self->move != MOVE_ALL) return self->move == MOVE_U;
  return point->D && (!point->K || rng->ops->bernoulli(rng, 0.5));
}

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const walk *self = instance;
  const borel_host *host = context->host;
  borel_rng *rng = context->rng;
  double step_size = *(const double *)context->tuning[TUNE_STEP];
  double *new_u = context->scratch[SCRATCH_U], logdensity;
  int64_t *new_z = context->scratch[SCRATCH_Z];
  size_t k = 0;
  borel_status status = host->evaluate(target, point, BOREL_LOGDENSITY, error);
  if (status == BOREL_REJECT)
    return host->fail(error, BOREL_DOMAIN, "random-walk: the current point is outside the support");
  if (status != BOREL_OK) return status;
  if (self->move == MOVE_U && !point->D)
    return host->fail(error, BOREL_ARG, "random-walk: move = u, but nothing is continuous: use move = z");
  const int of_u = moves_u(self, rng, point);
  if (!of_u) status = propose_z(context, target, point, new_z, &k, error);
  if (status != BOREL_OK) return status;
  if (of_u) propose_u(self, rng, step_size, point, context->scratch[SCRATCH_NOISE], new_u);
  const double *u = of_u ? new_u : point->u;
  const int64_t *z = of_u ? point->z : new_z;
  status = evaluate(target, point, u, z, &logdensity, &info[INFO_NAN], error);
  if (status != BOREL_OK) return status;

  double log_ratio = logdensity - point->logdensity;
#if BOREL_MUTANT == 1 /* accepts whatever is proposed */
  int accepted = 1;
#elif BOREL_MUTANT == 2 /* prefers low density */
  int accepted = rng->ops->accept(rng, -log_ratio);
#elif BOREL_MUTANT == 3 /* the square root of the ratio: samples a flattened target */
  int accepted = rng->ops->accept(rng, 0.5 * log_ratio);
#elif BOREL_MUTANT == 7 /* never moves: preserves everything and reaches nothing */
  int accepted = 0;
#else
  int accepted = rng->ops->accept(rng, log_ratio);
#endif
#if BOREL_MUTANT == 4 /* stays at the rejected proposal */
  int moves = 1;
#else
  int moves = accepted;
#endif
  if (moves) {
    if (of_u)
      host->move_u(point, new_u);
    else
      host->move_z(point, k, new_z[k]);
    host->know(point, logdensity, NULL);
  }
#if BOREL_MUTANT == 5 /* stays, but remembers the density of the proposal */
  if (!moves) host->know(point, logdensity, NULL);
#endif
  info[INFO_ACCEPT] = log_ratio > 0 ? 1 : exp(log_ratio);
  info[INFO_STEP_SIZE] = step_size;
  info[INFO_MOVED] = accepted;
  info[INFO_OF_U] = of_u;
  return BOREL_OK;
}

/* ---- warm-up --------------------------------------------------------------------------------- */

/* A block that never moves would pass for a posterior. */
static borel_status begin(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, borel_error *error) {
  const walk *self = instance;
  (void)target;
  if (self->move == MOVE_ALL || !point->D || !point->K) return BOREL_OK;
  return context->host->fail(
      error, BOREL_ARG, "random-walk: move = %s leaves what is %s where it starts: use move = all",
      self->move == MOVE_U ? "u" : "z", self->move == MOVE_U ? "discrete" : "continuous");
}

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const walk *self = instance;
  (void)target, (void)point, (void)error;
  *(double *)tuning[TUNE_STEP] = self->step;
  context->host->dual_averaging->restart(tuning[TUNE_AVERAGING], self->step);
  return BOREL_OK;
}

/* The share of proposals of u that are the point itself: they are accepted whatever the step is. */
static double stays(const walk *self, size_t D) {
  return self->law == LAW_THREE_POINT ? pow(2.0 / 3, (double)D) : 0;
}

static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const walk *self = instance;
  const borel_dual_averaging *averaging = context->host->dual_averaging;
  double *step_size = tuning[TUNE_STEP];
  (void)target, (void)error;
  if (!self->adapt || info[INFO_OF_U] == 0) return BOREL_OK;
  double idle = stays(self, point->D), wanted = idle + (1 - idle) * (point->D > 1 ? 0.234 : 0.44);
  *step_size = averaging->update(tuning[TUNE_AVERAGING], info[INFO_ACCEPT], wanted);
  if (context->phase->iteration + 1 == context->phase->warmup)
    *step_size = averaging->finish(tuning[TUNE_AVERAGING]);
  return BOREL_OK;
}

/* ---- the component --------------------------------------------------------------------------- */

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  walk *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "random-walk: no memory");
  self->step = values[PARAM_STEP].number;
  self->law = (int)values[PARAM_LAW].number;
  self->move = (int)values[PARAM_MOVE].number;
  self->adapt = values[PARAM_ADAPT].number != 0;
  *instance = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_kernel_ops ops = {
    .size = sizeof ops,
    .tuning = tuning_fields,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .warm = warm,
    .step = step,
    .adapt = adapt,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_KERNEL,
    .name = "random-walk",
    .summary = "Metropolis: symmetric proposals for u, or for one discrete coordinate",
    .reference = "Metropolis et al. 1953, J. Chem. Phys. 21:1087",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_ERGODIC | BOREL_FIXED_LAYOUT,
               .checks = BOREL_CHECK_MATRIX,
               .note = "ergodic in what it moves: u with law = normal (three_point: on its lattice); z where "
                       "changes of one coordinate at a time connect the support"},
    .ops = &ops,
};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.random-walk", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,          .components = components,
};
