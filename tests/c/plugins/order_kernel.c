/* SPDX-License-Identifier: MIT */
/* Langevin steps x + h g / 2 + sqrt(h) n that are never refused, whose law is wrong by h / 4 + ...: of order
 * 1, whatever they claim. */
#include "skeleton.h"

#include <math.h>

static const borel_field tuning[] = {{"step_size", BOREL_F64, {0}, "h"}, {0}};
static const borel_field scratch[] = {
    {"u", BOREL_F64, {BOREL_DIM_D}, "proposal"}, {"noise", BOREL_F64, {BOREL_DIM_D}, "normals"}, {0}};

static borel_status warm(const void *self, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuned, borel_error *error) {
  (void)self, (void)context, (void)target, (void)point, (void)error;
  *(double *)tuned[0] = 0.01;
  return BOREL_OK;
}

static borel_status step(const void *self, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  (void)self, (void)info;
  const double h = *(const double *)context->tuning[0];
  double *u = context->scratch[0], *noise = context->scratch[1], logdensity = -INFINITY;
  borel_status status = context->host->evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK) return status;
  context->rng->ops->fill_normal(context->rng, noise, 1, point->D);
  for (size_t d = 0; d < point->D; d++)
    u[d] = point->u[d] + 0.5 * h * point->gradient[d] + sqrt(h) * noise[d];
  status = target->ops->logdensity(target, point->layout, u, point->z, &logdensity, error);
  if (status != BOREL_OK && status != BOREL_REJECT) return status;
  if (logdensity > -INFINITY) context->host->move_u(point, u);
  return BOREL_OK;
}

/* The same without a step size that could be halved. */
static borel_status fixed_step(const void *self, const borel_context *context, borel_target *target,
                               borel_point *point, double *info, borel_error *error) {
  const double h = 0.01;
  const void *const tuned[] = {&h};
  borel_context with = *context;
  with.tuning = tuned;
  return step(self, &with, target, point, info, error);
}

static const borel_kernel_ops ops = {.size = sizeof ops,
                                     .tuning = tuning,
                                     .scratch = scratch,
                                     .create = skeleton_create,
                                     .destroy = skeleton_destroy,
                                     .warm = warm,
                                     .step = step};
static const borel_kernel_ops fixed_ops = {.size = sizeof fixed_ops,
                                           .scratch = scratch,
                                           .create = skeleton_create,
                                           .destroy = skeleton_destroy,
                                           .step = fixed_step};

#define KERNEL(its_name, its_text, its_ops, its_preserves, its_order)                                        \
  static const borel_component its_name = {.size = sizeof its_name,                                          \
                                           .kind = BOREL_KERNEL,                                             \
                                           .name = its_text,                                                 \
                                           .summary = "for a test",                                          \
                                           .claims = {.preserves = its_preserves, .order = its_order},       \
                                           .ops = &its_ops}

KERNEL(one, "order-one", ops, BOREL_PRESERVES_ORDER, 1);
KERNEL(two, "order-two", ops, BOREL_PRESERVES_ORDER, 2);
KERNEL(limit, "order-limit", ops, BOREL_PRESERVES_ASYMPTOTIC, 0);
KERNEL(fixed, "order-fixed", fixed_ops, BOREL_PRESERVES_ORDER, 1);

static const borel_component *const components[] = {&one, &two, &limit, &fixed};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,
                                                      .id = "test",
                                                      .version = "0",
                                                      .licence = "MIT",
                                                      .component_count =
                                                          sizeof components / sizeof *components,
                                                      .components = components};
