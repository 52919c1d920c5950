/* my-kernel: random-walk Metropolis. It proposes u' = u + scale * e with e standard normal, and accepts with
 * probability min(1, pi(u') / pi(u)). The proposal is symmetric, so this gives detailed balance. The scale is
 * tuned in the warm-up to an acceptance of 0.234 (Roberts, Gelman and Gilks 1997), 0.44 in one dimension.
 *
 *   ./build.sh                                  builds my-kernel.so and tests what it claims
 *   borel run model.lua --kernel ./my-kernel.so */
#include <borel/plugin.h>

#include <math.h>

/* What a user may set, in this order in `create`. */
enum { PARAM_SCALE };
static const borel_param params[] = {{.name = "scale",
                                      .type = BOREL_REAL,
                                      .number = 1,
                                      .min = 1e-100,
                                      .max = 1e100,
                                      .doc = "standard deviation of a move, before the warm-up tunes it"},
                                     {0}};

/* What the warm-up tunes: the host keeps it, writes it to checkpoints, and lends it to each call. */
enum { TUNE_SCALE, TUNE_AVERAGING };
static const borel_field tuning[] = {
    {.name = "scale", .dtype = BOREL_F64, .doc = "standard deviation of a move"},
    {.name = "averaging", .dtype = BOREL_F64, .dim = {6}, .doc = "dual averaging of the scale"},
    {0}};

/* Room for one call; it holds nothing from one call to the next. */
enum { SCRATCH_U };
static const borel_field scratch[] = {
    {.name = "u", .dtype = BOREL_F64, .dim = {BOREL_DIM_D}, .doc = "proposal"}, {0}};

/* What a step tells: numbers that are kept with each draw. */
enum { INFO_ACCEPT, INFO_STEP_SIZE };
static const borel_field info_fields[] = {
    {.name = "accept", .dtype = BOREL_F64, .doc = "probability with which the proposal was accepted"},
    {.name = "step_size", .dtype = BOREL_F64, .doc = "standard deviation of the move"},
    {0}};

/* An instance: what follows from the parameters. It never changes, so many chains may share it. */
typedef struct {
  double scale;
} kernel;

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  kernel *k = host->allocate(1, sizeof *k);
  if (!k) return host->fail(error, BOREL_INTERNAL, "my-kernel: no memory");
  k->scale = values[PARAM_SCALE].number;
  *self = k;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* Before the first step: start values of the tuning. */
static borel_status warm(const void *self, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuned, borel_error *error) {
  const kernel *k = self;
  (void)target, (void)point, (void)error;
  *(double *)tuned[TUNE_SCALE] = k->scale;
  context->host->dual_averaging->restart(tuned[TUNE_AVERAGING], k->scale);
  return BOREL_OK;
}

/* One transition. Everything random goes through context->rng, and decisions through accept: so that
 * `borel validate` can go through all of their outcomes. */
static borel_status step(const void *self, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const borel_host *host = context->host;
  borel_rng *rng = context->rng;
  double scale = *(const double *)context->tuning[TUNE_SCALE], *u = context->scratch[SCRATCH_U];
  (void)self;
  if (!point->D)
    return host->fail(error, BOREL_ARG, "my-kernel: nothing is continuous, so there is nothing to move");
  borel_status status = host->evaluate(target, point, BOREL_LOGDENSITY, error); /* costs nothing when known */
  if (status == BOREL_REJECT)
    return host->fail(error, BOREL_DOMAIN, "my-kernel: the current point is outside the support");
  if (status != BOREL_OK) return status;

  rng->ops->fill_normal(rng, u, 1, point->D);
  for (size_t i = 0; i < point->D; i++) u[i] = point->u[i] + scale * u[i];
  double logdensity = -INFINITY;
  status = target->ops->logdensity(target, point->layout, u, point->z, &logdensity, error);
  if (status == BOREL_DOMAIN) *error = (borel_error){0}; /* a NaN there: a proposal to refuse */
  if (status == BOREL_REJECT || status == BOREL_DOMAIN)
    logdensity = -INFINITY;
  else if (status != BOREL_OK)
    return status; /* anything else ends the run */

  double log_ratio = logdensity - point->logdensity;
  if (rng->ops->accept(rng, log_ratio)) {
    host->move_u(point, u);
    host->know(point, logdensity, NULL); /* saves the next step an evaluation */
  }
  info[INFO_ACCEPT] = log_ratio > 0 ? 1 : exp(log_ratio);
  info[INFO_STEP_SIZE] = scale;
  return BOREL_OK;
}

/* After each step of the warm-up. */
static borel_status adapt(const void *self, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuned, borel_error *error) {
  const borel_dual_averaging *averaging = context->host->dual_averaging;
  double *scale = tuned[TUNE_SCALE], wanted = point->D > 1 ? 0.234 : 0.44;
  (void)self, (void)target, (void)error;
  *scale = averaging->update(tuned[TUNE_AVERAGING], info[INFO_ACCEPT], wanted);
  if (context->phase->iteration + 1 == context->phase->warmup)
    *scale = averaging->finish(tuned[TUNE_AVERAGING]);
  return BOREL_OK;
}

static const borel_kernel_ops ops = {.size = sizeof ops,
                                     .tuning = tuning,
                                     .scratch = scratch,
                                     .info = info_fields,
                                     .create = create,
                                     .destroy = destroy,
                                     .warm = warm,
                                     .step = step,
                                     .adapt = adapt};

/* `borel validate` tests each of the claims. */
static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_KERNEL,
    .name = "my-kernel",
    .summary = "Random-walk Metropolis with a tuned scale",
    .reference = "Metropolis et al. 1953, J. Chem. Phys. 21:1087",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_ERGODIC | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "my-kernel",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
