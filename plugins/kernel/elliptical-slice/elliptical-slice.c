/* SPDX-License-Identifier: MIT
 *
 * elliptical-slice: moves all of u along an ellipse around a normal reference N(m, L L').
 *
 * The density is reference times the rest, rest = density / reference, whatever the density is. With y = L^-1
 * (u - m), a point n ~ N(0, I) spans the ellipse y cos(a) + n sin(a), on which the reference is invariant; a
 * level below the rest at u is drawn, and angles are tried, each cutting the bracket, until the rest is above
 * the level. No step size and no rejection; good where the density is close to normal, or wide compared with
 * its likelihood. The reference is learnt in the warm-up and then fixed, so that a step is exact for every
 * density; where tails are heavier than those of the reference it mixes slowly.
 *
 * The level is U rest(u) with U compared, never drawn. angles = n > 0 draws among the n angles 2 pi k / n
 * with the same brackets, on which reversibility holds point by point: an enumerating source can follow it.
 *
 * Reference: Murray, Adams, MacKay 2010 (AISTATS, JMLR W&CP 9:541), figure 2; any density by a reference:
 * Nishihara, Murray, Adams 2014 (JMLR 15:2087), section 3.
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the ellipse test must notice each. */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

/* ---- parameters and fields ------------------------------------------------------------------- */

enum { PARAM_REFERENCE, PARAM_WIDEN, PARAM_ANGLES };
enum { REFERENCE_DIAGONAL, REFERENCE_DENSE };
enum { MOST_CUTS = 1000 };
static const double turn = 6.283185307179586;

static const borel_param params[] = {
    {.name = "reference",
     .type = BOREL_CHOICE,
     .choices = "diagonal|dense",
     .doc = "covariance of the normal reference, learnt from the draws of the warm-up"},
    {.name = "widen",
     .type = BOREL_REAL,
     .number = 1.5,
     .min = 0.1,
     .max = 100,
     .doc =
         "standard deviations of the reference over those of the draws: tails wider than the reference mix "
         "slowly"},
    {.name = "angles",
     .type = BOREL_INT,
     .number = 0,
     .min = 0,
     .max = 1e6,
     .doc = "draw among so many angles, for checks; 0: all"},
    {0}};

enum { TUNE_CENTER, TUNE_SCALE, TUNE_COUNT, TUNE_MEAN, TUNE_PRODUCTS, TUNE_ROOT };
static const borel_field dense_fields[] = {
    {"center", BOREL_F64, {BOREL_DIM_D}, "mean of the reference"},
    {"scale", BOREL_F64, {BOREL_DIM_D}, "standard deviations of the reference"},
    {"count", BOREL_F64, {2}, "draws in the window, length of the window"},
    {"mean", BOREL_F64, {BOREL_DIM_D}, "of the window"},
    {"products", BOREL_F64, {BOREL_DIM_D, BOREL_DIM_D}, "of the window, about the mean"},
    {"root", BOREL_F64, {BOREL_DIM_D, BOREL_DIM_D}, "lower triangular root of the correlations"},
    {0}};
static const borel_field diagonal_fields[] = {
    {"center", BOREL_F64, {BOREL_DIM_D}, "mean of the reference"},
    {"scale", BOREL_F64, {BOREL_DIM_D}, "standard deviations of the reference"},
    {"count", BOREL_F64, {2}, "draws in the window, length of the window"},
    {"mean", BOREL_F64, {BOREL_DIM_D}, "of the window"},
    {"products", BOREL_F64, {BOREL_DIM_D}, "squares in the window, about the mean"},
    {0}};

enum { SCRATCH_ROWS };
static const borel_field scratch_fields[] = {
    {"rows", BOREL_F64, {4, BOREL_DIM_D}, "y, n, a point of the ellipse in y and in u"}, {0}};

enum { INFO_EVALUATIONS, INFO_ANGLE, INFO_STUCK, INFO_NAN };
static const borel_field info_fields[] = {
    {"evaluations", BOREL_F64, {0}, "log-densities evaluated"},
    {"angle", BOREL_F64, {0}, "by which the point moved on the ellipse"},
    {"stuck", BOREL_F64, {0}, "1 when the bracket was cut down to nothing"},
    {"nan", BOREL_F64, {0}, "points where the target was not a number, which count as below the level"},
    {0}};

typedef struct {
  int reference;
  double widen;
  uint64_t angles;
} ellipse;

/* ---- the reference --------------------------------------------------------------------------- */

typedef struct {
  size_t D;
  const double *center, *scale, *root; /* root is NULL for diagonal */
} normal;

/* y with u = center + diag(scale) root y */
static void whiten(const normal *r, const double *u, double *y) {
  for (size_t i = 0; i < r->D; i++) {
    double sum = (u[i] - r->center[i]) / r->scale[i];
    for (size_t j = 0; r->root && j < i; j++) sum -= r->root[i * r->D + j] * y[j];
    y[i] = r->root ? sum / r->root[i * r->D + i] : sum;
  }
}

static void colour(const normal *r, const double *y, double *u) {
  for (size_t i = 0; i < r->D; i++) {
    double sum = r->root ? 0 : y[i];
    for (size_t j = 0; r->root && j <= i; j++) sum += r->root[i * r->D + j] * y[j];
    u[i] = r->center[i] + r->scale[i] * sum;
  }
}

/* log of density / reference, but for a constant */
static double log_rest(double logdensity, const double *y, size_t D) {
  double sum = 0;
  for (size_t i = 0; i < D; i++) sum += y[i] * y[i];
#if BOREL_MUTANT == 1 /* takes the density for the rest: the reference counts twice */
  return logdensity;
#else
  return logdensity + 0.5 * sum;
#endif
}

/* ---- angles ---------------------------------------------------------------------------------- */

/* The angles that are still open: (low, high), or low .. high of the numbers of a grid. */
typedef struct {
  const ellipse *self;
  borel_rng *rng;
  double low, high;
  int64_t first, last, at; /* on the grid */
} bracket;

static double first_angle(bracket *b) {
  if (b->self->angles) {
    b->at = (int64_t)b->rng->ops->uniform_int(b->rng, b->self->angles);
#if BOREL_MUTANT == 2 /* the first bracket leaves an angle out */
    b->first = b->at - (int64_t)b->self->angles + (b->at > 1);
#else
    b->first = b->at - (int64_t)b->self->angles;
#endif
    b->last = b->at;
    return turn * (double)b->at / (double)b->self->angles;
  }
  double angle = turn * b->rng->ops->uniform(b->rng);
  b->low = angle - turn;
  b->high = angle;
  return angle;
}

/* Another angle, now that this one is below the level: the bracket ends there, on the side away from 0. */
static double next_angle(bracket *b, double angle) {
  if (b->self->angles) {
    if (b->at < 0)
      b->first = b->at;
    else
      b->last = b->at;
    b->at = b->first + 1 + (int64_t)b->rng->ops->uniform_int(b->rng, (uint64_t)(b->last - b->first - 1));
    return turn * (double)b->at / (double)b->self->angles;
  }
  if (angle < 0)
    b->low = angle;
  else
    b->high = angle;
  return b->low + (b->high - b->low) * b->rng->ops->uniform(b->rng);
}

/* ---- one transition -------------------------------------------------------------------------- */

/* Log-density at u; -inf outside the support and where it is not a number. */
static borel_status look(borel_target *target, const borel_point *point, const double *u, double *logdensity,
                         double *info, borel_error *error) {
  *logdensity = -INFINITY;
  borel_status status = target->ops->logdensity(target, point->layout, u, point->z, logdensity, error);
  info[INFO_EVALUATIONS] += 1;
  if (status == BOREL_DOMAIN || (status == BOREL_OK && !(*logdensity < INFINITY))) {
    info[INFO_NAN] += 1;
    error->code = BOREL_OK;
    error->message[0] = 0;
    *logdensity = -INFINITY;
    return BOREL_OK;
  }
  if (status == BOREL_REJECT) *logdensity = -INFINITY;
  return status == BOREL_REJECT ? BOREL_OK : status;
}

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const ellipse *self = instance;
  const borel_host *host = context->host;
  borel_rng *rng = context->rng;
  size_t D = point->D;
  double *y = context->scratch[SCRATCH_ROWS], *n = y + D, *there = n + D, *u = there + D, logdensity;
  info[INFO_EVALUATIONS] = info[INFO_ANGLE] = info[INFO_STUCK] = info[INFO_NAN] = 0;
  if (!D) return host->fail(error, BOREL_ARG, "elliptical-slice: moves u, but nothing is continuous");
  borel_status status = host->evaluate(target, point, BOREL_LOGDENSITY, error);
  if (status == BOREL_REJECT)
    return host->fail(error, BOREL_DOMAIN, "elliptical-slice: the current point is outside the support");
  if (status != BOREL_OK) return status;
  normal reference = {.D = D, .center = context->tuning[TUNE_CENTER], .scale = context->tuning[TUNE_SCALE]};
  if (self->reference == REFERENCE_DENSE) reference.root = context->tuning[TUNE_ROOT];
  whiten(&reference, point->u, y);
  rng->ops->fill_normal(rng, n, 1, D);
  double rest = log_rest(point->logdensity, y, D);
  borel_unif level = rng->ops->unif(rng);
  bracket b = {.self = self, .rng = rng};
  double angle = first_angle(&b);
  for (int i = 0; i < MOST_CUTS; i++, angle = next_angle(&b, angle)) {
    if (self->angles && b.at == 0) return BOREL_OK; /* on a grid it may come back to where it is */
#if BOREL_MUTANT == 3                               /* a path that is no ellipse */
    for (size_t d = 0; d < D; d++) there[d] = y[d] * cos(angle) + n[d] * sin(0.5 * angle);
#elif BOREL_MUTANT == 4 /* an ellipse around the origin */
    for (size_t d = 0; d < D; d++)
      there[d] = y[d] * cos(angle) + n[d] * sin(angle) - (1 - cos(angle)) * reference.center[d];
#else
    for (size_t d = 0; d < D; d++) there[d] = y[d] * cos(angle) + n[d] * sin(angle);
#endif
    colour(&reference, there, u);
    status = look(target, point, u, &logdensity, info, error);
    if (status != BOREL_OK) return status;
    double log_ratio = log_rest(logdensity, there, D) - rest;
#if BOREL_MUTANT == 5 /* a new level for each try */
    level = rng->ops->unif(rng);
#endif
#if BOREL_MUTANT == 6 /* takes the first point of the support */
    int above = logdensity > -INFINITY;
#else
    int above = logdensity > -INFINITY && rng->ops->unif_lt(rng, &level, exp(log_ratio));
#endif
    if (!above) continue;
    host->move_u(point, u);
#if BOREL_MUTANT == 7 /* remembers the log of the rest */
    host->know(point, log_ratio, NULL);
#else
    host->know(point, logdensity, NULL);
#endif
    info[INFO_ANGLE] = angle;
    return BOREL_OK;
  }
  info[INFO_STUCK] = 1;
  return BOREL_OK;
}

/* ---- warm-up --------------------------------------------------------------------------------- */

static void forget(double *count, double *mean, double *products, size_t D, size_t rows) {
  count[0] = 0;
  memset(mean, 0, D * sizeof *mean);
  memset(products, 0, rows * D * sizeof *products);
}

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const ellipse *self = instance;
  size_t D = point->D;
  double *center = tuning[TUNE_CENTER], *scale = tuning[TUNE_SCALE], *count = tuning[TUNE_COUNT];
  int dense = self->reference == REFERENCE_DENSE;
  (void)target, (void)error;
  for (size_t i = 0; i < D; i++) {
    center[i] = point->u[i];
    scale[i] = context->scale ? context->scale[i] : 1;
  }
  if (dense) memset(tuning[TUNE_ROOT], 0, D * D * sizeof(double));
  for (size_t i = 0; dense && i < D; i++) ((double *)tuning[TUNE_ROOT])[i * D + i] = 1;
  forget(count, tuning[TUNE_MEAN], tuning[TUNE_PRODUCTS], D, dense ? D : 1);
  count[1] = 20 + (dense ? 2 * (double)D : 0); /* correlations from few draws are noise */
  return BOREL_OK;
}

/* The lower triangle of products becomes its Cholesky root; 0 when it is not positive. */
static int take_root(double *products, size_t D) {
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = products[i * D + j];
      for (size_t k = 0; k < j; k++) sum -= products[i * D + k] * products[j * D + k];
      if (i == j && !(sum > 0)) return 0;
      products[i * D + j] = i == j ? sqrt(sum) : sum / products[j * D + j];
    }
  return 1;
}

/* Correlations of the window, drawn a little towards none; the root stays when they are no use. */
static void take_correlations(double n, const double *scale, double *products, size_t D, double *root) {
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < i; j++) products[i * D + j] *= 1 / (scale[i] * scale[j] * (n - 1)) * n / (n + 5);
  for (size_t i = 0; i < D; i++) products[i * D + i] = 1;
  if (take_root(products, D)) memcpy(root, products, D * D * sizeof *root);
}

static void take_reference(const ellipse *self, void *const *tuning, size_t D) {
  double *center = tuning[TUNE_CENTER], *scale = tuning[TUNE_SCALE], *products = tuning[TUNE_PRODUCTS];
  double n = *(double *)tuning[TUNE_COUNT];
  int dense = self->reference == REFERENCE_DENSE, usable = 1;
  for (size_t i = 0; i < D; i++) usable &= products[dense ? i * D + i : i] > 0;
  if (!usable) return; /* a coordinate has not moved */
  memcpy(center, tuning[TUNE_MEAN], D * sizeof *center);
  for (size_t i = 0; i < D; i++) scale[i] = sqrt(products[dense ? i * D + i : i] / (n - 1));
  if (dense) take_correlations(n, scale, products, D, tuning[TUNE_ROOT]);
  for (size_t i = 0; i < D; i++) scale[i] *= self->widen;
}

/* Windows that double. */
static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const ellipse *self = instance;
  size_t D = point->D;
  double *count = tuning[TUNE_COUNT], *mean = tuning[TUNE_MEAN], *products = tuning[TUNE_PRODUCTS];
  int dense = self->reference == REFERENCE_DENSE;
  (void)context, (void)target, (void)info, (void)error;
  double n = count[0]; /* before this draw */
  for (size_t i = 0; i < D; i++) {
    double row = (point->u[i] - mean[i]) * n / (n + 1);
    for (size_t j = dense ? 0 : i; j <= i; j++)
      products[dense ? i * D + j : i] += row * (point->u[j] - mean[j]);
  }
  for (size_t i = 0; i < D; i++) mean[i] += (point->u[i] - mean[i]) / (n + 1);
  count[0] = n + 1;
  if (count[0] < count[1]) return BOREL_OK;
  take_reference(self, tuning, D);
  forget(count, mean, products, D, dense ? D : 1);
  count[1] *= 2;
  return BOREL_OK;
}

/* ---- the component --------------------------------------------------------------------------- */

static const borel_field *tuning_fields(const void *instance) {
  return ((const ellipse *)instance)->reference == REFERENCE_DENSE ? dense_fields : diagonal_fields;
}

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  ellipse *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "elliptical-slice: no memory");
  self->reference = (int)values[PARAM_REFERENCE].number;
  self->widen = values[PARAM_WIDEN].number;
  self->angles = (uint64_t)values[PARAM_ANGLES].number;
  *instance = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_kernel_ops ops = {
    .size = sizeof ops,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create,
    .destroy = destroy,
    .warm = warm,
    .step = step,
    .adapt = adapt,
    .fields = tuning_fields,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_KERNEL,
    .name = "elliptical-slice",
    .summary = "slice sampling along ellipses around a normal reference, without gradients",
    .reference = "Murray, Adams, MacKay 2010, JMLR W&CP 9:541",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
               .checks = BOREL_CHECK_ELLIPSE,
               .note = "with the reference fixed, after warm-up; moves u only. The check follows angles > 0, "
                       "where the same code draws from a grid"},
    .ops = &ops,
};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD,    .id = "org.borel.elliptical-slice", .version = "0.1.0", .licence = "MIT",
    .component_count = 1, .components = components,
};
