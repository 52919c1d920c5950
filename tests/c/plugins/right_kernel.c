/* SPDX-License-Identifier: MIT */
/* Small kernels that keep their promises, so that the validation is seen to let them pass. */
#include "skeleton.h"

#include <math.h>
#include <string.h>

/* ---- MALA: x' = x + h g / 2 + sqrt(h) n, accepted by Metropolis and Hastings ----------------- */

#define MALA_H 0.04

enum { NEW_U, NEW_GRADIENT, NOISE };
static const borel_field mala_scratch[] = {{"u", BOREL_F64, {BOREL_DIM_D}, "proposal"},
                                           {"gradient", BOREL_F64, {BOREL_DIM_D}, "there"},
                                           {"noise", BOREL_F64, {BOREL_DIM_D}, "normals"},
                                           {0}};

/* log q(to | from), but for a constant. */
static double log_proposal(const double *from, const double *gradient, const double *to, size_t D) {
  double sum = 0;
  for (size_t d = 0; d < D; d++) {
    double n = to[d] - from[d] - 0.5 * MALA_H * gradient[d];
    sum -= n * n / (2 * MALA_H);
  }
  return sum;
}

static borel_status mala_step(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, double *info, borel_error *error) {
  (void)self, (void)info;
  double *u = context->scratch[NEW_U], *gradient = context->scratch[NEW_GRADIENT];
  double *noise = context->scratch[NOISE], logdensity = -INFINITY, log_ratio = -INFINITY;
  size_t D = point->D;
  borel_status status = context->host->evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK) return status;
  context->rng->ops->fill_normal(context->rng, noise, 1, D);
  for (size_t d = 0; d < D; d++)
    u[d] = point->u[d] + 0.5 * MALA_H * point->gradient[d] + sqrt(MALA_H) * noise[d];
  status = target->ops->gradient(target, point->layout, u, point->z, &logdensity, gradient, error);
  if (status != BOREL_OK && status != BOREL_REJECT) return status;
  if (status == BOREL_OK && logdensity > -INFINITY)
    log_ratio = logdensity - point->logdensity + log_proposal(u, gradient, point->u, D) -
                log_proposal(point->u, point->gradient, u, D);
  if (context->rng->ops->accept(context->rng, log_ratio)) {
    context->host->move_u(point, u);
    context->host->know(point, logdensity, gradient);
  }
  return BOREL_OK;
}

/* ---- HMC: a fixed number of leapfrog steps, then Metropolis ---------------------------------- */

static const borel_param hmc_params[] = {
    {.name = "steps", .type = BOREL_INT, .number = 10, .min = 1, .max = 100}, {0}};
static const borel_field hmc_tuning[] = {
    {"step_size", BOREL_F64, {0}, ""}, {"scale", BOREL_F64, {BOREL_DIM_D}, ""}, {0}};
static const borel_field hmc_scratch[] = {{"u", BOREL_F64, {BOREL_DIM_D}, "position"},
                                          {"gradient", BOREL_F64, {BOREL_DIM_D}, "there"},
                                          {"p", BOREL_F64, {BOREL_DIM_D}, "momentum"},
                                          {0}};

static borel_status hmc_create(const borel_host *host, const borel_value *values, void **self,
                               borel_error *error) {
  int *steps = host->allocate(1, sizeof *steps);
  if (!steps) return host->fail(error, BOREL_INTERNAL, "no memory");
  *steps = (int)values[0].number;
  *self = steps;
  return BOREL_OK;
}

static void hmc_destroy(const borel_host *host, void *self) { host->release(self); }

static borel_status hmc_warm(const void *self, const borel_context *context, borel_target *target,
                             borel_point *point, void *const *tuning, borel_error *error) {
  (void)self, (void)context, (void)target, (void)error;
  *(double *)tuning[0] = 0.05;
  for (size_t d = 0; d < point->D; d++) ((double *)tuning[1])[d] = 1;
  return BOREL_OK;
}

static double kinetic(const double *p, size_t D) {
  double sum = 0;
  for (size_t d = 0; d < D; d++) sum += 0.5 * p[d] * p[d];
  return sum;
}

static borel_status hmc_step(const void *self, const borel_context *context, borel_target *target,
                             borel_point *point, double *info, borel_error *error) {
  (void)info;
  double *u = context->scratch[0], *gradient = context->scratch[1], *p = context->scratch[2];
  const double h = *(const double *)context->tuning[0], *scale = context->tuning[1];
  size_t D = point->D;
  borel_status status = context->host->evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK) return status;
  context->rng->ops->fill_normal(context->rng, p, 1, D);
  memcpy(u, point->u, D * sizeof *u);
  memcpy(gradient, point->gradient, D * sizeof *gradient);
  double before = kinetic(p, D) - point->logdensity, logdensity = 0;
  for (int i = 0; i < *(const int *)self; i++) {
    for (size_t d = 0; d < D; d++) p[d] += 0.5 * h * scale[d] * gradient[d], u[d] += h * scale[d] * p[d];
    status = target->ops->gradient(target, point->layout, u, point->z, &logdensity, gradient, error);
    if (status == BOREL_REJECT || (status == BOREL_OK && logdensity == -INFINITY)) return BOREL_OK;
    if (status != BOREL_OK) return status;
    for (size_t d = 0; d < D; d++) p[d] += 0.5 * h * scale[d] * gradient[d];
  }
  if (context->rng->ops->accept(context->rng, before - kinetic(p, D) + logdensity)) {
    context->host->move_u(point, u);
    context->host->know(point, logdensity, gradient);
  }
  return BOREL_OK;
}

/* ---- one coordinate of z after the other: which is next is in the state ---------------------- */

static const borel_field scan_state[] = {{"next", BOREL_I64, {0}, "coordinate"}, {0}};

/* A value of coordinate k, each as likely. */
static int64_t any_value(borel_rng *rng, borel_target *target, const borel_point *point, size_t k) {
  const borel_layout *layout = target->ops->layout(target, point->layout);
  const borel_site *site = layout->sites;
  while (site->block != BOREL_SITE_Z || k < site->offset || k >= site->offset + site->size) site++;
  return site->lowest + (int64_t)rng->ops->uniform_int(rng, (uint64_t)site->count);
}

static borel_status scan_step(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, double *info, borel_error *error) {
  (void)self, (void)info;
  int64_t *next = context->state[0], held;
  borel_status status = context->host->evaluate(target, point, BOREL_LOGDENSITY, error);
  if (status != BOREL_OK) return status;
  double before = point->logdensity;
  if (!point->K) return context->host->fail(error, BOREL_ARG, "nothing is discrete");
  size_t k = (size_t)*next;
  held = point->z[k];
  context->host->move_z(point, k, any_value(context->rng, target, point, k));
  status = context->host->evaluate(target, point, BOREL_LOGDENSITY, error);
  int outside = status == BOREL_REJECT;
  int fails = status != BOREL_OK && !outside;
  if (fails || !context->rng->ops->accept(context->rng, outside ? -INFINITY : point->logdensity - before)) {
    context->host->move_z(point, k, held);
    context->host->know(point, before, NULL);
  }
  if (status == BOREL_OK || outside) *next = (*next + 1) % (int64_t)point->K;
  return outside ? BOREL_OK : status;
}

/* ---- a kernel that claims what nobody can check ---------------------------------------------- */

static borel_status idle_step(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, double *info, borel_error *error) {
  (void)self, (void)context, (void)target, (void)point, (void)info, (void)error;
  return BOREL_OK;
}

static const borel_kernel_ops mala_ops = {.size = sizeof mala_ops,
                                          .scratch = mala_scratch,
                                          .create = skeleton_create,
                                          .destroy = skeleton_destroy,
                                          .step = mala_step};
static const borel_kernel_ops hmc_ops = {.size = sizeof hmc_ops,
                                         .tuning = hmc_tuning,
                                         .scratch = hmc_scratch,
                                         .create = hmc_create,
                                         .destroy = hmc_destroy,
                                         .warm = hmc_warm,
                                         .step = hmc_step};
static const borel_kernel_ops scan_ops = {.size = sizeof scan_ops,
                                          .state = scan_state,
                                          .create = skeleton_create,
                                          .destroy = skeleton_destroy,
                                          .step = scan_step};
static const borel_kernel_ops idle_ops = {
    .size = sizeof idle_ops, .create = skeleton_create, .destroy = skeleton_destroy, .step = idle_step};

#define KERNEL(its_name, its_params, its_preserves, its_flags, its_checks)                                   \
  static const borel_component its_name = {                                                                  \
      .size = sizeof its_name,                                                                               \
      .kind = BOREL_KERNEL,                                                                                  \
      .name = "right-" #its_name,                                                                            \
      .summary = "for a test",                                                                               \
      .params = its_params,                                                                                  \
      .claims = {.preserves = its_preserves, .flags = its_flags, .checks = its_checks},                      \
      .ops = &its_name##_ops}

KERNEL(mala, NULL, BOREL_PRESERVES_MEASURE, BOREL_REVERSIBLE, 0);
KERNEL(hmc, hmc_params, BOREL_PRESERVES_MEASURE, BOREL_REVERSIBLE, BOREL_CHECK_ORBIT);
KERNEL(scan, NULL, BOREL_PRESERVES_MEASURE, 0, BOREL_CHECK_MATRIX);
KERNEL(idle, NULL, BOREL_PRESERVES_ASYMPTOTIC, BOREL_REVERSIBLE | BOREL_ERGODIC | BOREL_FIXED_LAYOUT, 0);

static const borel_component *const components[] = {&mala, &hmc, &scan, &idle};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,
                                                      .id = "test",
                                                      .version = "0",
                                                      .licence = "MIT",
                                                      .component_count =
                                                          sizeof components / sizeof *components,
                                                      .components = components};
