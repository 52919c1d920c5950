/* SPDX-License-Identifier: MIT */
#include "infer/counting_target.h"

static const borel_layout *layout(borel_target *target, uint32_t id) {
  borel_target *inner = ((borel_counting_target *)target)->inner;
  return inner->ops->layout(inner, id);
}

static borel_status logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *value, borel_error *error) {
  borel_counting_target *t = (borel_counting_target *)target;
  t->densities++;
  return t->inner->ops->logdensity(t->inner, id, u, z, value, error);
}

static borel_status gradient(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                             double *value, double *out, borel_error *error) {
  borel_counting_target *t = (borel_counting_target *)target;
  t->gradients++;
  return t->inner->ops->gradient(t->inner, id, u, z, value, out, error);
}

static borel_status split(borel_target *target, uint32_t id, const double *u, const int64_t *z, double *prior,
                          double *likelihood, borel_error *error) {
  borel_counting_target *t = (borel_counting_target *)target;
  t->densities++;
  return t->inner->ops->split(t->inner, id, u, z, prior, likelihood, error);
}

static borel_status batch(borel_target *target, uint32_t id, size_t n, const double *u, const int64_t *z,
                          double *values, double *out, borel_error *error) {
  borel_counting_target *t = (borel_counting_target *)target;
  *(out ? &t->gradients : &t->densities) += n;
  return t->inner->ops->batch(t->inner, id, n, u, z, values, out, error);
}

static size_t independent(borel_target *target, uint32_t id, size_t k) {
  borel_target *inner = ((borel_counting_target *)target)->inner;
  return inner->ops->independent(inner, id, k);
}

static borel_status conditional(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                                size_t k, size_t n, double *logdensity_of, borel_error *error) {
  borel_counting_target *t = (borel_counting_target *)target;
  t->densities++;
  return t->inner->ops->conditional(t->inner, id, u, z, k, n, logdensity_of, error);
}

void borel_counting_target_wrap(borel_counting_target *t, borel_target *inner) {
  *t = (borel_counting_target){.inner = inner};
  t->ops = (borel_target_ops){.size = sizeof t->ops, .layout = layout, .logdensity = logdensity};
  if (inner->ops->gradient) t->ops.gradient = gradient;
  if (inner->ops->split) t->ops.split = split;
  if (BOREL_HAS(borel_target_ops, inner->ops, batch)) t->ops.batch = batch;
  if (BOREL_HAS(borel_target_ops, inner->ops, conditional)) {
    t->ops.independent = independent;
    t->ops.conditional = conditional;
  }
  t->target.ops = &t->ops;
}
