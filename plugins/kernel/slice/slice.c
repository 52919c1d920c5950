/* SPDX-License-Identifier: MIT
 *
 * slice: one coordinate of u after the other, each by a slice under the density along it.
 *
 * A level below the density at x is drawn; an interval of the coordinate's width is laid around x at random
 * and grows until its ends are outside the slice (step_out: by whole widths; double: by doubling to a random
 * side); then uniform points of it are tried, and those outside the slice cut it, until one is inside. Needs
 * no gradient and no tuning to be right; choose it for few coordinates with odd scales, or inside a cycle.
 *
 * Reversible for each coordinate, as the interval and its cuts are as likely seen from the point where it
 * ends (Neal 2003, section 4; with double only after the test of section 4.2). A step visits all coordinates,
 * shuffled, or in their order, which preserves the target without being reversible.
 *
 * The level is U f(x) with U compared, never drawn. law = lattice puts the interval and the tries on
 * multiples of half the width from x, where all of the same holds for sums in place of integrals, and takes
 * one coordinate at random: nothing is then continuous, and an enumerating source can take the kernel apart.
 *
 * Reference: Neal 2003, Annals of Statistics 31:705; figures 3 to 6.
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the matrix test must notice each. */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

/* ---- parameters and fields ------------------------------------------------------------------- */

enum { PARAM_EXPAND, PARAM_LAW, PARAM_SHUFFLE, PARAM_WIDTH, PARAM_ADAPT, PARAM_MAX_EXPANSIONS };
enum { EXPAND_STEP_OUT, EXPAND_DOUBLE };
enum { LAW_CONTINUOUS, LAW_LATTICE, LATTICE = 2 /* points in a width */ };
enum { MOST_DOUBLINGS = 30, LATTICE_DOUBLINGS = 2 /* keeps the paths countable */, MOST_CUTS = 1000 };

static const borel_param params[] = {
    {.name = "expand",
     .type = BOREL_CHOICE,
     .choices = "step_out|double",
     .doc = "how an interval grows: by its width on both sides, or by doubling to one"},
    {.name = "law",
     .type = BOREL_CHOICE,
     .choices = "continuous|lattice",
     .doc = "lattice, for checks: only one coordinate of a step, by multiples of width / 2"},
    {.name = "shuffle",
     .type = BOREL_FLAG,
     .number = 1,
     .doc = "visit the coordinates in a random order, so that a step is reversible"},
    {.name = "width",
     .type = BOREL_REAL,
     .number = 2,
     .min = 1e-100,
     .max = 1e100,
     .doc = "first length of an interval, before adaptation"},
    {.name = "adapt",
     .type = BOREL_FLAG,
     .number = 1,
     .doc = "learn widths in the warm-up: three times the mean move of a coordinate"},
    {.name = "max_expansions",
     .type = BOREL_INT,
     .number = 100,
     .min = 1,
     .max = 1e6,
     .doc = "an interval has at most so many widths (double: is doubled so often, 30 at most)"},
    {0}};

enum { TUNE_WIDTH, TUNE_MOVES, TUNE_COUNT };
static const borel_field tuning_fields[] = {
    {"width", BOREL_F64, {BOREL_DIM_D}, "length of the first interval of each coordinate"},
    {"moves", BOREL_F64, {BOREL_DIM_D}, "sum of moves in this window"},
    {"count", BOREL_F64, {2}, "moves summed, length of the window"},
    {0}};

enum { STATE_MOVES };
static const borel_field state_fields[] = {
    {"moves", BOREL_F64, {BOREL_DIM_D}, "how far the last step moved each coordinate"}, {0}};

enum { SCRATCH_U, SCRATCH_ORDER };
static const borel_field scratch_fields[] = {{"u", BOREL_F64, {BOREL_DIM_D}, "where the slices are"},
                                             {"order", BOREL_I64, {BOREL_DIM_D}, "of the coordinates"},
                                             {0}};

enum { INFO_EVALUATIONS, INFO_STUCK, INFO_NAN };
static const borel_field info_fields[] = {
    {"evaluations", BOREL_F64, {0}, "log-densities evaluated"},
    {"stuck", BOREL_F64, {0}, "coordinates whose interval was cut down to nothing"},
    {"nan", BOREL_F64, {0}, "points where the target was not a number, which count as outside"},
    {0}};

typedef struct {
  int expand, law, shuffle, adapt;
  double width, max_expansions;
} slice;

/* ---- one coordinate -------------------------------------------------------------------------- */

/* A slice along coordinate k through u. Positions are offsets from where it began. */
typedef struct {
  const slice *self;
  borel_rng *rng;
  borel_target *target;
  const borel_point *point;
  borel_error *error;
  double *u, *info;
  size_t k;
  double origin, width, logdensity; /* at offset 0 */
  double seen;                      /* log-density at the last offset looked at */
  borel_unif level;                 /* U: inside is f > U f(x) */
  borel_status status;              /* of the target; once it fails nothing is inside */
} line;

/* Is the point at this offset inside the slice? */
static int inside(line *l, double offset) {
  if (l->status != BOREL_OK) return 0;
  double logdensity = -INFINITY;
  l->u[l->k] = l->origin + offset;
  borel_status status =
      l->target->ops->logdensity(l->target, l->point->layout, l->u, l->point->z, &logdensity, l->error);
  l->info[INFO_EVALUATIONS] += 1;
  if (status == BOREL_DOMAIN || (status == BOREL_OK && !(logdensity < INFINITY))) {
    l->info[INFO_NAN] += 1;
    l->error->code = BOREL_OK;
    l->error->message[0] = 0;
    return 0;
  }
  if (status == BOREL_REJECT || (status == BOREL_OK && logdensity == -INFINITY)) return 0;
  l->status = status;
  if (status != BOREL_OK) return 0;
  l->seen = logdensity;
#if BOREL_MUTANT == 1 /* the level lies below the square root of the density */
  return l->rng->ops->unif_lt(l->rng, &l->level, exp(0.5 * (logdensity - l->logdensity)));
#else
  return l->rng->ops->unif_lt(l->rng, &l->level, exp(logdensity - l->logdensity));
#endif
}

/* A point of [left, right), uniform. */
static double pick(const line *l, double left, double right) {
  borel_rng *rng = l->rng;
  if (l->self->law == LAW_CONTINUOUS) return left + (right - left) * rng->ops->uniform(rng);
  double gap = l->width / LATTICE, n = floor((right - left) / gap + 0.5);
  return left + gap * (double)rng->ops->uniform_int(rng, n >= 1 ? (uint64_t)n : 1);
}

/* Neal, figure 3. How many of the max_expansions widths go to the left is V of them, V uniform, compared
 * where it matters. */
static void step_out(line *l, double *left, double *right) {
  borel_rng *rng = l->rng;
  double most = l->self->max_expansions;
  borel_unif share = rng->ops->unif(rng);
#if BOREL_MUTANT == 2 /* only the right end grows */
  (void)left;
#else
  for (double i = 1; i < most && !rng->ops->unif_lt(rng, &share, i / most) && inside(l, *left); i++)
    *left -= l->width;
#endif
#if BOREL_MUTANT == 3 /* the right end grows by more than the left */
  double stride = 1.5 * l->width;
#else
  double stride = l->width;
#endif
  for (double i = 1; i < most && rng->ops->unif_lt(rng, &share, (most - i) / most) && inside(l, *right); i++)
    *right += stride;
}

/* Neal, figure 4. */
static void double_out(line *l, double *left, double *right) {
  int in_left = inside(l, *left), in_right = inside(l, *right);
  double most = l->self->law == LAW_LATTICE ? LATTICE_DOUBLINGS : MOST_DOUBLINGS;
  if (most > l->self->max_expansions) most = l->self->max_expansions;
  for (double i = 0; i < most && (in_left || in_right); i++) {
    double length = *right - *left;
#if BOREL_MUTANT == 4 /* always to the side that is inside the slice */
    int side = in_left ? -1 : 1;
#else
    int side = l->rng->ops->direction(l->rng);
#endif
    if (side < 0) {
      *left -= length;
      in_left = inside(l, *left);
    } else {
      *right += length;
      in_right = inside(l, *right);
    }
  }
}

/* Neal, figure 6: would the same interval have grown from x as well? */
static int grows_from(line *l, double left, double right, double x) {
  int apart = 0;
  while (right - left > 1.1 * l->width) {
    /* Halves are whole widths, so that with a lattice the middle is one of its points. */
    double middle = left + 0.5 * (right - left);
    double guard = 1e-9 * l->width; /* offsets of a lattice carry rounding */
    int far = x >= middle - guard, near = 0 >= middle - guard;
    if (far != near) apart = 1;
    if (far)
      left = middle;
    else
      right = middle;
#if BOREL_MUTANT != 5 /* takes whatever is in the slice */
    if (apart && !inside(l, left) && !inside(l, right)) return 0;
#endif
  }
  return 1;
}

/* Moves coordinate k and what is known of u there. */
static void update(line *l, double *moved) {
  borel_rng *rng = l->rng;
  l->level = rng->ops->unif(rng);
  double left = -pick(l, 0, l->width), right = left + l->width, first_left = 0, first_right = 0;
  if (l->self->expand == EXPAND_DOUBLE)
    double_out(l, &left, &right);
  else
    step_out(l, &left, &right);
  first_left = left;
  first_right = right;
  for (int i = 0; i < MOST_CUTS && l->status == BOREL_OK; i++) {
    double at = pick(l, left, right), guard = l->self->law == LAW_LATTICE ? 1e-9 * l->width : 0;
    int is_origin = fabs(at) <= guard;
    int accepted = is_origin || inside(l, at);
    double logdensity = is_origin ? l->logdensity : l->seen;
    if (accepted && !is_origin && l->self->expand == EXPAND_DOUBLE)
      accepted = grows_from(l, first_left, first_right, at);
    if (l->status != BOREL_OK) break;
    if (accepted) {
      l->u[l->k] = is_origin ? l->origin : l->origin + at;
      l->logdensity = logdensity;
      *moved = fabs(at);
      return;
    }
    /* A lattice point that is outside goes, those beyond it too; [left, right) is half open. */
    if (at < 0) left = l->self->law == LAW_LATTICE ? at + l->width / LATTICE : at;
#if BOREL_MUTANT == 6 /* cuts the other side as well */
    if (at < 0 && right > -at) right = -at;
#endif
#if BOREL_MUTANT == 7 /* cuts on the right leave a point too many out */
    if (at > 0)
      right = l->self->law == LAW_LATTICE && at > 1.5 * l->width / LATTICE ? at - l->width / LATTICE : at;
#else
    if (at > 0) right = at;
#endif
  }
  l->u[l->k] = l->origin;
  *moved = 0;
  l->info[INFO_STUCK] += 1;
}

/* ---- one transition -------------------------------------------------------------------------- */

static void shuffle(borel_rng *rng, int64_t *order, size_t n) {
  for (size_t i = n; i > 1; i--) {
    size_t j = rng->ops->uniform_int(rng, i);
    int64_t held = order[i - 1];
    order[i - 1] = order[j];
    order[j] = held;
  }
}

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const slice *self = instance;
  const borel_host *host = context->host;
  const double *width = context->tuning[TUNE_WIDTH];
  double *u = context->scratch[SCRATCH_U], *moves = context->state[STATE_MOVES];
  int64_t *order = context->scratch[SCRATCH_ORDER];
  size_t D = point->D;
  info[INFO_EVALUATIONS] = info[INFO_STUCK] = info[INFO_NAN] = 0;
  if (!D) return host->fail(error, BOREL_ARG, "slice: moves u, but nothing is continuous");
  borel_status status = host->evaluate(target, point, BOREL_LOGDENSITY, error);
  if (status == BOREL_REJECT)
    return host->fail(error, BOREL_DOMAIN, "slice: the current point is outside the support");
  if (status != BOREL_OK) return status;
  memcpy(u, point->u, D * sizeof *u);
  size_t visits = self->law == LAW_LATTICE ? 1 : D;
  for (size_t i = 0; i < D; i++) order[i] = (int64_t)i, moves[i] = 0;
  if (self->law == LAW_LATTICE)
    order[0] = (int64_t)context->rng->ops->uniform_int(context->rng, D);
  else if (self->shuffle)
    shuffle(context->rng, order, D);
  double logdensity = point->logdensity;
  for (size_t i = 0; i < visits; i++) {
    size_t k = (size_t)order[i];
    line l = {.self = self,
              .rng = context->rng,
              .target = target,
              .point = point,
              .error = error,
              .u = u,
              .info = info,
              .k = k,
              .origin = u[k],
              .width = width[k],
              .logdensity = logdensity,
              .status = BOREL_OK};
    update(&l, &moves[k]);
    if (l.status != BOREL_OK) return l.status;
    logdensity = l.logdensity;
  }
  host->move_u(point, u);
#if BOREL_MUTANT == 8 /* remembers where it has looked last */
  host->know(point, logdensity - 0.5, NULL);
#else
  host->know(point, logdensity, NULL);
#endif
  return BOREL_OK;
}

/* ---- warm-up --------------------------------------------------------------------------------- */

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const slice *self = instance;
  double *width = tuning[TUNE_WIDTH], *count = tuning[TUNE_COUNT];
  (void)target, (void)error;
  for (size_t i = 0; i < point->D; i++) width[i] = context->scale ? 3 * context->scale[i] : self->width;
  count[0] = 0;
  count[1] = 10;
  return BOREL_OK;
}

/* Windows of 10, 20, 40, ...: a coordinate that moves uniformly inside a slice moves a third of its length.
 */
static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const slice *self = instance;
  double *width = tuning[TUNE_WIDTH], *sums = tuning[TUNE_MOVES], *count = tuning[TUNE_COUNT];
  const double *moves = context->state[STATE_MOVES];
  (void)target, (void)info, (void)error;
  if (!self->adapt) return BOREL_OK;
  for (size_t i = 0; i < point->D; i++) sums[i] += moves[i];
  if (++count[0] < count[1]) return BOREL_OK;
  for (size_t i = 0; i < point->D; i++) {
    double wanted = 3 * sums[i] / count[0];
    if (wanted > 0 && wanted < INFINITY) width[i] = wanted;
    sums[i] = 0;
  }
  count[0] = 0;
  count[1] *= 2;
  return BOREL_OK;
}

/* ---- the component --------------------------------------------------------------------------- */

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  slice *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "slice: no memory");
  self->expand = (int)values[PARAM_EXPAND].number;
  self->law = (int)values[PARAM_LAW].number;
  self->shuffle = values[PARAM_SHUFFLE].number != 0;
  self->width = values[PARAM_WIDTH].number;
  self->adapt = values[PARAM_ADAPT].number != 0;
  self->max_expansions = values[PARAM_MAX_EXPANSIONS].number;
  *instance = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_kernel_ops ops = {
    .size = sizeof ops,
    .tuning = tuning_fields,
    .state = state_fields,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create,
    .destroy = destroy,
    .warm = warm,
    .step = step,
    .adapt = adapt,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_KERNEL,
    .name = "slice",
    .summary = "slice sampling of one coordinate after the other, without gradients",
    .reference = "Neal 2003, Annals of Statistics 31:705",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
               .checks = BOREL_CHECK_MATRIX,
               .note = "moves u only; reversible with shuffle. law = lattice is what the matrix test "
                       "takes apart: the same code with sums for integrals"},
    .ops = &ops,
};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.slice", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,    .components = components,
};
