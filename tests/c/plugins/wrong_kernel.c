/* SPDX-License-Identifier: MIT */
/* Kernels that break one promise each, for the validation to notice. */
#include "skeleton.h"

#include <signal.h>
#include <stdlib.h>

/* One coordinate of z gets a uniform value, or u a normal step, whatever the density there. */
static void wander(const borel_context *context, borel_target *target, borel_point *point) {
  borel_rng *rng = context->rng;
  if (!point->K) {
    double *u = context->scratch[0];
    for (size_t d = 0; d < point->D; d++) u[d] = point->u[d] + 0.1 * rng->ops->normal(rng);
    context->host->move_u(point, u);
    return;
  }
  size_t k = rng->ops->uniform_int(rng, point->K);
  const borel_layout *layout = target->ops->layout(target, point->layout);
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    if (site->block == BOREL_SITE_Z && k >= site->offset && k < site->offset + site->size)
      context->host->move_z(point, k,
                            site->lowest + (int64_t)rng->ops->uniform_int(rng, (uint64_t)site->count));
  }
}

static const borel_field scratch[] = {{"u", BOREL_F64, {BOREL_DIM_D}, "proposal"}, {0}};
static const borel_field tuning[] = {{"x", BOREL_F64, {0}, "a number"}, {0}};
static const borel_field info[] = {{"accept", BOREL_F64, {0}, "never said"}, {0}};

static borel_status wander_step(const void *self, const borel_context *context, borel_target *target,
                                borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)numbers, (void)error;
  wander(context, target, point);
  return BOREL_OK;
}

static borel_status crash_step(const void *self, const borel_context *context, borel_target *target,
                               borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)context, (void)target, (void)point, (void)numbers, (void)error;
  raise(SIGSEGV);
  return BOREL_OK;
}

/* Ends the process as if all were well. */
static borel_status leave_step(const void *self, const borel_context *context, borel_target *target,
                               borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)context, (void)target, (void)point, (void)numbers, (void)error;
  exit(0);
}

/* Accepts every other proposal, by a counter of its own. */
static borel_status hidden_step(const void *self, const borel_context *context, borel_target *target,
                                borel_point *point, double *numbers, borel_error *error) {
  static int count;
  (void)self, (void)numbers, (void)error;
  if (++count % 2 && point->D) {
    double *u = context->scratch[0];
    for (size_t d = 0; d < point->D; d++) u[d] = point->u[d] * (count % 4 == 1 ? 1.01 : 1 / 1.01);
    context->host->move_u(point, u);
  }
  (void)target;
  return BOREL_OK;
}

static borel_status tuning_step(const void *self, const borel_context *context, borel_target *target,
                                borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)target, (void)point, (void)numbers, (void)error;
  union {
    const void *given;
    double *kept;
  } x = {context->tuning[0]};
  *x.kept += 1;
  return BOREL_OK;
}

/* Moves by what an earlier call has left in scratch. */
static borel_status scratch_step(const void *self, const borel_context *context, borel_target *target,
                                 borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)target, (void)numbers, (void)error;
  double *u = context->scratch[0];
  for (size_t d = 0; d < point->D; d++) u[d] = u[d] == 0 ? point->u[d] : point->u[d] * 0.99;
  context->host->move_u(point, u);
  return BOREL_OK;
}

static borel_status swallow_step(const void *self, const borel_context *context, borel_target *target,
                                 borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)numbers;
  double logdensity;
  target->ops->logdensity(target, point->layout, point->u, point->z, &logdensity, error);
  *error = (borel_error){0};
  (void)context;
  return BOREL_OK;
}

static borel_status silent_step(const void *self, const borel_context *context, borel_target *target,
                                borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)context, (void)target, (void)point, (void)numbers, (void)error;
  return BOREL_OK;
}

/* A Langevin proposal that is never refused. */
static borel_status langevin_step(const void *self, const borel_context *context, borel_target *target,
                                  borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)numbers;
  borel_status status = context->host->evaluate(target, point, BOREL_GRADIENT, error);
  if (status != BOREL_OK) return status;
  double *u = context->scratch[0];
  for (size_t d = 0; d < point->D; d++)
    u[d] = point->u[d] + 0.005 * point->gradient[d] + 0.1 * context->rng->ops->normal(context->rng);
  context->host->move_u(point, u);
  return BOREL_OK;
}

/* Asks for a probability that is none. */
static borel_status odds_step(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)target, (void)numbers, (void)error;
  if (context->rng->ops->bernoulli(context->rng, 1.2) && point->K) context->host->move_z(point, 0, 0);
  return BOREL_OK;
}

/* Moves z where there is a u, too, and says that it leaves z. */
static borel_status restless_step(const void *self, const borel_context *context, borel_target *target,
                                  borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)target, (void)numbers, (void)error;
  if (point->D && point->K) context->host->move_z(point, 0, point->z[0] == 2 ? 1 : 2);
  return BOREL_OK;
}

/* Moves u where there is a z, too, and says that it leaves u. */
static borel_status drifting_step(const void *self, const borel_context *context, borel_target *target,
                                  borel_point *point, double *numbers, borel_error *error) {
  (void)self, (void)target, (void)numbers, (void)error;
  const double u[2] = {point->u[0] == 0.5 ? 0.25 : 0.5, 0};
  if (point->D == 2 && point->K) context->host->move_u(point, u);
  return BOREL_OK;
}

#define KERNEL(its_step, its_name, its_flags, its_checks, its_info)                                          \
  static const borel_kernel_ops its_step##_ops = {.size = sizeof its_step##_ops,                             \
                                                  .tuning = tuning,                                          \
                                                  .scratch = scratch,                                        \
                                                  .info = its_info,                                          \
                                                  .create = skeleton_create,                                 \
                                                  .destroy = skeleton_destroy,                               \
                                                  .step = its_step##_step};                                  \
  static const borel_component its_step##_kernel = {                                                         \
      .size = sizeof its_step##_kernel,                                                                      \
      .kind = BOREL_KERNEL,                                                                                  \
      .name = its_name,                                                                                      \
      .summary = "for a test",                                                                               \
      .claims = {.preserves = BOREL_PRESERVES_MEASURE, .flags = its_flags, .checks = its_checks},            \
      .ops = &its_step##_ops}

KERNEL(wander, "wrong-wander", BOREL_REVERSIBLE | BOREL_ERGODIC, BOREL_CHECK_MATRIX, NULL);
KERNEL(crash, "wrong-crash", 0, BOREL_CHECK_MATRIX, NULL);
KERNEL(leave, "wrong-leave", 0, BOREL_CHECK_MATRIX, NULL);
KERNEL(hidden, "wrong-hidden", 0, 0, NULL);
KERNEL(tuning, "wrong-tuning", 0, 0, NULL);
KERNEL(scratch, "wrong-scratch", 0, 0, NULL);
KERNEL(swallow, "wrong-swallow", 0, 0, NULL);
KERNEL(silent, "wrong-silent", BOREL_ERGODIC, BOREL_CHECK_ORBIT, info);
KERNEL(langevin, "wrong-langevin", BOREL_REVERSIBLE, 0, NULL);
KERNEL(odds, "wrong-odds", 0, BOREL_CHECK_MATRIX, NULL);
KERNEL(restless, "wrong-restless", BOREL_LEAVES_Z, 0, NULL);
KERNEL(drifting, "wrong-drifting", BOREL_LEAVES_U, 0, NULL);

static const borel_component *const components[] = {
    &wander_kernel, &crash_kernel,    &hidden_kernel, &tuning_kernel, &scratch_kernel,  &swallow_kernel,
    &silent_kernel, &langevin_kernel, &odds_kernel,   &leave_kernel,  &restless_kernel, &drifting_kernel};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,
                                                      .id = "test",
                                                      .version = "0",
                                                      .licence = "MIT",
                                                      .component_count =
                                                          sizeof components / sizeof *components,
                                                      .components = components};
