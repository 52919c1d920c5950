/* SPDX-License-Identifier: MIT */
#include "host/density_target.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  borel_target target; /* first: the pointers convert */
  borel_target_ops table;
  const borel_density *density;
  const borel_layout *layout;
  borel_block *scratch;
} density_target;

static const borel_layout *layout(borel_target *target, uint32_t id) {
  return id == 0 ? ((density_target *)target)->layout : NULL;
}

/* Holds the density to the contract of targets. */
static borel_status judge(const density_target *self, borel_status status, double *logdensity,
                          borel_error *error) {
  if (status == BOREL_REJECT) *logdensity = -INFINITY;
  if (status == BOREL_OK && (isnan(*logdensity) || *logdensity == INFINITY))
    return borel_fail(error, BOREL_DOMAIN, "density %s is %g", self->density->component->name, *logdensity);
  return status;
}

static borel_status logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *out, borel_error *error) {
  const density_target *self = (const density_target *)target;
  (void)id;
  const borel_density *density = self->density;
  borel_status status = density->ops->logdensity(density->self, self->scratch->data, u, z, out, error);
  return judge(self, status, out, error);
}

static borel_status gradient(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                             double *out, double *slope, borel_error *error) {
  const density_target *self = (const density_target *)target;
  (void)id;
  const borel_density *density = self->density;
  borel_status status = density->ops->gradient(density->self, self->scratch->data, u, z, out, slope, error);
  return judge(self, status, out, error);
}

/* Sites tile u[D] and z[K] in order, and each discrete one has a support. */
static borel_status check_layout(const borel_layout *shape, const char *name, borel_error *error) {
  if (!shape) return borel_fail(error, BOREL_ARG, "density %s has no layout", name);
  if (shape->size < sizeof *shape)
    return borel_fail(error, BOREL_ARG, "density %s: its layout claims %u bytes, not sizeof(borel_layout)",
                      name, (unsigned)shape->size);
  if (shape->id != 0) return borel_fail(error, BOREL_ARG, "density %s: its layout must have id 0", name);
  size_t next[2] = {0, 0};
  for (size_t i = 0; i < shape->site_count; i++) {
    const borel_site *site = &shape->sites[i];
    int block = site->block == BOREL_SITE_Z;
    if (!site->name || site->offset != next[block] ||
        __builtin_add_overflow(next[block], site->size, &next[block]) || (block && site->count < 1))
      return borel_fail(error, BOREL_ARG, "density %s: site %zu of its layout is broken", name, i + 1);
  }
  if (next[0] != shape->D || next[1] != shape->K)
    return borel_fail(error, BOREL_ARG,
                      "density %s: its sites have %zu and %zu coordinates, its layout %zu and %zu", name,
                      next[0], next[1], shape->D, shape->K);
  return BOREL_OK;
}

borel_status borel_density_target_create(const borel_density *density, borel_target **out,
                                         borel_error *error) {
  *out = NULL;
  const borel_layout *shape = density->ops->layout(density->self);
  borel_status status = check_layout(shape, density->component->name, error);
  if (status != BOREL_OK) return status;
  density_target *self = calloc(1, sizeof *self);
  if (!self) return borel_fail(error, BOREL_INTERNAL, "density %s: no memory", density->component->name);
  borel_dims dims = {.D = shape->D, .K = shape->K, .N = 1, .values = density->values};
  status = borel_block_create(density->ops->scratch, &dims, &self->scratch, error);
  if (status != BOREL_OK) {
    borel_fail_within(error, "density %s", density->component->name);
    free(self);
    return status;
  }
  self->density = density;
  self->layout = shape;
  self->table = (borel_target_ops){.size = sizeof self->table,
                                   .layout = layout,
                                   .logdensity = logdensity,
                                   .gradient = density->ops->gradient ? gradient : NULL};
  self->target.ops = &self->table;
  *out = &self->target;
  return BOREL_OK;
}

void borel_density_target_destroy(borel_target *target) {
  if (!target) return;
  borel_block_destroy(((density_target *)target)->scratch);
  free(target);
}
