/* SPDX-License-Identifier: MIT
 *
 * gibbs: draws discrete coordinates from their full conditional laws, by enumeration.
 *
 * For coordinate k with values lowest .. lowest + count - 1 it takes the log-density of each value, all else
 * being as it is, and draws the new value in proportion. scan = systematic does so for every coordinate in
 * order; scan = random for one of them, chosen uniformly. A target that knows its conditionals is asked for
 * them (borel_target_ops.conditional): compiled models evaluate only the terms that a coordinate is in, and
 * all elements of a site at once where these are independent given the rest, as the labels of a mixture are.
 * Another target, and one for which that would cost more, is evaluated at every value but the present one.
 *
 * Choose it for discrete unknowns of few values each. Strong dependence between coordinates makes it slow:
 * then sum some of them out. u stays where it is: combine it with a kernel for u by borel.cycle.
 *
 * Reference: Geman and Geman 1984, IEEE Trans. Pattern Anal. Mach. Intell. 6:721. Random scan is reversible,
 * systematic scan is not (Liu, Wong and Kong 1995, J. R. Statist. Soc. B 57:157).
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the matrix test must notice each. */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { PARAM_SCAN };
enum { SCAN_SYSTEMATIC, SCAN_RANDOM };
static const borel_param params[] = {
    {.name = "scan",
     .type = BOREL_CHOICE,
     .choices = "systematic|random",
     .doc = "a step draws every coordinate in order, or one chosen uniformly"},
    {0}};

enum { SCRATCH_WEIGHTS, SCRATCH_Z };
static const borel_field scratch_fields[] = {
    {"weights", BOREL_F64, {BOREL_DIM_V}, "log-density of each value, [coordinates, count]"},
    {"z", BOREL_I64, {BOREL_DIM_K}, "the point with another value"},
    {0}};

enum { INFO_CHANGED, INFO_NAN };
static const borel_field info_fields[] = {
    {"changed", BOREL_F64, {0}, "coordinates that have another value after the step"},
    {"nan", BOREL_F64, {0}, "values at which the target was not a number; they have probability 0"},
    {0}};

typedef struct {
  int scan;
} gibbs;

/* A call of step. */
typedef struct {
  const borel_context *context;
  borel_target *target;
  borel_point *point;
  double *weights;
  int64_t *z;
  double *info;
  borel_error *error;
} call;

/* ---- log-densities of the values of one coordinate ------------------------------------------- */

/* Those that are not numbers count as -inf. */
static double counted(call *c, double logdensity) {
  if (!isnan(logdensity)) return logdensity;
  c->info[INFO_NAN]++;
  return -INFINITY;
}

/* At one other value. */
static borel_status evaluate(call *c, size_t k, int64_t value, double *logdensity) {
  c->z[k] = value;
  *logdensity = -INFINITY;
  borel_status status =
      c->target->ops->logdensity(c->target, c->point->layout, c->point->u, c->z, logdensity, c->error);
  c->z[k] = c->point->z[k];
  if (status == BOREL_REJECT) *logdensity = -INFINITY;
  if (status == BOREL_DOMAIN) {
    *logdensity = NAN;
    c->error->code = BOREL_OK;
    c->error->message[0] = 0;
  }
  return status == BOREL_REJECT || status == BOREL_DOMAIN ? BOREL_OK : status;
}

static borel_status by_evaluation(call *c, const borel_site *site, size_t k) {
  borel_status status = c->context->host->evaluate(c->target, c->point, BOREL_LOGDENSITY, c->error);
  if (status == BOREL_REJECT)
    return c->context->host->fail(c->error, BOREL_DOMAIN, "gibbs: the current point is outside the support");
  for (int64_t v = 0; v < site->count && status == BOREL_OK; v++)
    if (site->lowest + v == c->point->z[k])
      c->weights[v] = c->point->logdensity;
    else
      status = evaluate(c, k, site->lowest + v, &c->weights[v]);
  return status;
}

/* ---- one draw -------------------------------------------------------------------------------- */

/* Draws coordinate k from weights w[count]. When they are log-densities of the whole point, one of them is
 * that of the new one. */
static borel_status draw(call *c, const borel_site *site, size_t k, double *w, int whole) {
  const borel_host *host = c->context->host;
  borel_rng *rng = c->context->rng;
  double highest = -INFINITY;
  for (int64_t v = 0; v < site->count; v++) {
    w[v] = counted(c, w[v]);
    if (w[v] > highest) highest = w[v];
  }
  if (highest == -INFINITY)
    return host->fail(c->error, BOREL_DOMAIN, "gibbs: no value of '%s' has a density above zero", site->name);
#if BOREL_MUTANT == 1 /* every value is as likely */
  for (int64_t v = 0; v < site->count; v++)
    if (w[v] > -INFINITY) w[v] = 0;
#elif BOREL_MUTANT == 2 /* the last value is never drawn */
  if (site->count > 2) w[site->count - 1] = -INFINITY;
#elif BOREL_MUTANT == 3 /* the square root of the density */
  for (int64_t v = 0; v < site->count; v++) w[v] *= 0.5;
#elif BOREL_MUTANT == 4 /* the present value is never drawn */
  if (site->count > 1 && w[c->point->z[k] - site->lowest] < highest)
    w[c->point->z[k] - site->lowest] = -INFINITY;
#endif
  int64_t value = site->lowest + (int64_t)rng->ops->categorical_log(rng, w, (size_t)site->count);
#if BOREL_MUTANT == 5 /* off by one */
  value = site->lowest + (value - site->lowest + 1) % site->count;
#endif
  if (rng->status != BOREL_OK || value == c->point->z[k]) return rng->status;
  c->info[INFO_CHANGED]++;
  host->move_z(c->point, k, value);
#if BOREL_MUTANT == 6 /* knows the density of where it was */
  if (whole) host->know(c->point, w[c->z[k] - site->lowest], NULL);
#else
  if (whole) host->know(c->point, w[value - site->lowest], NULL);
#endif
#if BOREL_MUTANT != 7 /* later coordinates see the value from before */
  c->z[k] = value;
#endif
  return BOREL_OK;
}

/* Draws coordinate k by log-densities of the whole. */
static borel_status draw_by_evaluation(call *c, const borel_site *site, size_t k) {
  borel_status status = by_evaluation(c, site, k);
  return status == BOREL_OK ? draw(c, site, k, c->weights, 1) : status;
}

/* Draws coordinates k .. k + n - 1, which have the same values, by their conditional laws. */
static borel_status draw_by_law(call *c, const borel_site *site, size_t k, size_t n) {
  borel_status status = c->target->ops->conditional(c->target, c->point->layout, c->point->u, c->point->z, k,
                                                    n, c->weights, c->error);
  for (size_t i = 0; i < n && status == BOREL_OK; i++)
    status = draw(c, site, k + i, c->weights + i * (size_t)site->count, 0);
  return status;
}

/* ---- one transition -------------------------------------------------------------------------- */

static const borel_site *site_of(const borel_layout *layout, size_t k) {
  for (size_t s = 0; s < layout->site_count; s++) {
    const borel_site *site = &layout->sites[s];
    if (site->block == BOREL_SITE_Z && k >= site->offset && k - site->offset < site->size) return site;
  }
  return NULL;
}

/* Draws coordinate k, and those after it that may be drawn with it, *n in all, but no more than `most`. */
static borel_status step_at(call *c, const borel_layout *layout, size_t k, size_t most, size_t *n) {
  const borel_target_ops *ops = c->target->ops;
  const borel_site *site = site_of(layout, k);
  if (!site)
    return c->context->host->fail(c->error, BOREL_INTERNAL, "gibbs: z[%zu] belongs to no site of the layout",
                                  k);
  *n = BOREL_HAS(borel_target_ops, ops, conditional) ? ops->independent(c->target, c->point->layout, k) : 0;
  if (*n > most) *n = most;
  if (*n) return draw_by_law(c, site, k, *n);
  *n = 1;
  return draw_by_evaluation(c, site, k);
}

static borel_status sweep(call *c, const borel_layout *layout) {
  borel_status status = BOREL_OK;
  for (size_t k = 0, n = 1; k < c->point->K && status == BOREL_OK; k += n) {
    status = step_at(c, layout, k, c->point->K - k, &n);
#if BOREL_MUTANT == 8 /* only the first coordinate moves */
    break;
#endif
  }
  return status;
}

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const gibbs *self = instance;
  call c = {context, target, point, context->scratch[SCRATCH_WEIGHTS], context->scratch[SCRATCH_Z],
            info,    error};
  if (!point->K) return context->host->fail(error, BOREL_ARG, "gibbs: nothing is discrete");
  const borel_layout *layout = target->ops->layout(target, point->layout);
  memcpy(c.z, point->z, point->K * sizeof *c.z);
  info[INFO_CHANGED] = info[INFO_NAN] = 0;
  if (self->scan == SCAN_SYSTEMATIC) return sweep(&c, layout);
  size_t n, k = (size_t)context->rng->ops->uniform_int(context->rng, point->K);
  return step_at(&c, layout, k, 1, &n);
}

/* ---- the component --------------------------------------------------------------------------- */

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  gibbs *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "gibbs: no memory");
  self->scan = (int)values[PARAM_SCAN].number;
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
    .step = step,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_KERNEL,
    .name = "gibbs",
    .summary = "draws discrete coordinates from their full conditional laws",
    .reference = "Geman and Geman 1984, IEEE Trans. Pattern Anal. Mach. Intell. 6:721",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_ERGODIC | BOREL_FIXED_LAYOUT | BOREL_LEAVES_U,
               .checks = BOREL_CHECK_MATRIX,
               .note =
                   "ergodic in z where changes of one coordinate at a time connect the support; reversible "
                   "with scan = random"},
    .ops = &ops,
};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.gibbs", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,    .components = components,
};
