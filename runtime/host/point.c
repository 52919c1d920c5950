/* SPDX-License-Identifier: MIT */
#include "host/point.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Room for n elements of 8 bytes, 64-byte aligned and zeroed; never NULL for n = 0. */
static void *room(size_t n) {
  if (n > SIZE_MAX / 16) return NULL;
  size_t bytes = (n * 8 + 64) & ~(size_t)63;
  void *memory = aligned_alloc(64, bytes);
  if (memory) memset(memory, 0, bytes);
  return memory;
}

static borel_status no_memory(borel_error *error, size_t D, size_t K) {
  return borel_fail(error, BOREL_INTERNAL,
                    "no memory for a point of %zu continuous and %zu discrete coordinates", D, K);
}

/* Gives the point arrays for another shape; all or nothing. */
static int resize(borel_host_point *point, size_t D, size_t K) {
  double *u = room(D), *gradient = room(D);
  int64_t *z = room(K);
  if (!u || !gradient || !z) {
    free(u);
    free(gradient);
    free(z);
    return 0;
  }
  free(point->u);
  free(point->gradient);
  free(point->z);
  point->view.u = point->u = u;
  point->view.gradient = point->gradient = gradient;
  point->view.z = point->z = z;
  point->view.D = D;
  point->view.K = K;
  return 1;
}

borel_status borel_point_create(const borel_layout *layout, borel_host_point **out, borel_error *error) {
  borel_host_point *point = calloc(1, sizeof *point);
  *out = NULL;
  if (!point || !resize(point, layout->D, layout->K)) {
    free(point);
    return no_memory(error, layout->D, layout->K);
  }
  point->view.size = sizeof point->view;
  point->view.layout = layout->id;
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    if (site->block != BOREL_SITE_Z) continue;
    for (size_t k = 0; k < site->size; k++) point->z[site->offset + k] = site->lowest;
  }
  *out = point;
  return BOREL_OK;
}

void borel_point_destroy(borel_host_point *point) {
  if (!point) return;
  free(point->u);
  free(point->gradient);
  free(point->z);
  free(point);
}

borel_status borel_point_copy(borel_host_point *to, const borel_host_point *from, borel_error *error) {
  const borel_point *a = &from->view;
  borel_point *b = &to->view;
  if (to == from) return BOREL_OK;
  if ((a->D != b->D || a->K != b->K) && !resize(to, a->D, a->K)) return no_memory(error, a->D, a->K);
  memcpy(to->u, from->u, a->D * sizeof *to->u);
  memcpy(to->gradient, from->gradient, a->D * sizeof *to->gradient);
  memcpy(to->z, from->z, a->K * sizeof *to->z);
  b->layout = a->layout;
  b->valid = a->valid;
  b->logdensity = a->logdensity;
  b->prior = a->prior;
  b->likelihood = a->likelihood;
  b->version++;
  return BOREL_OK;
}

void borel_point_forget(borel_point *point) { point->valid = 0; }

static void moved(borel_point *point) {
  point->valid = 0;
  point->version++;
}

void borel_point_set(borel_host_point *point, const double *u, const int64_t *z) {
  if (u) memcpy(point->u, u, point->view.D * sizeof *u);
  if (z) memcpy(point->z, z, point->view.K * sizeof *z);
  moved(&point->view);
}

void borel_point_move_u(borel_point *point, const double *u) {
  borel_host_point *host = (borel_host_point *)point;
  if (point->D) memmove(host->u, u, point->D * sizeof *u);
  moved(point);
}

void borel_point_move_z(borel_point *point, size_t k, int64_t value) {
  borel_host_point *host = (borel_host_point *)point;
  host->z[k] = value;
  moved(point);
}

void borel_point_know(borel_point *point, double logdensity, const double *gradient) {
  borel_host_point *host = (borel_host_point *)point;
  point->logdensity = logdensity;
  point->valid = BOREL_LOGDENSITY;
  if (!gradient) return;
  if (point->D) memmove(host->gradient, gradient, point->D * sizeof *gradient);
  point->valid |= BOREL_GRADIENT;
}

/* Runs one evaluation of the target that yields the numbers in `want`. */
static borel_status compute(borel_target *target, borel_host_point *host, uint32_t want, borel_error *error) {
  const borel_target_ops *ops = target->ops;
  borel_point *point = &host->view;
  if (want & BOREL_GRADIENT) {
    if (!ops->gradient)
      return borel_fail(error, BOREL_ARG, "this target has no gradient; use a kernel that needs none");
    return ops->gradient(target, point->layout, host->u, host->z, &point->logdensity, host->gradient, error);
  }
  return ops->logdensity(target, point->layout, host->u, host->z, &point->logdensity, error);
}

static borel_status evaluate_density(borel_target *target, borel_host_point *host, uint32_t want,
                                     borel_error *error) {
  borel_point *point = &host->view;
  borel_status status = compute(target, host, want, error);
  if (status == BOREL_REJECT) point->logdensity = -INFINITY;
  if (status != BOREL_OK && status != BOREL_REJECT) return status;
  if (isnan(point->logdensity) || point->logdensity == INFINITY)
    return borel_fail(error, BOREL_DOMAIN, "the log-density is %g at the current point", point->logdensity);
  point->valid |= BOREL_LOGDENSITY;
  if (point->logdensity > -INFINITY) point->valid |= want & BOREL_GRADIENT;
  return BOREL_OK;
}

static borel_status evaluate_split(borel_target *target, borel_host_point *host, borel_error *error) {
  const borel_target_ops *ops = target->ops;
  borel_point *point = &host->view;
  if (ops->size < offsetof(borel_target_ops, split) + sizeof ops->split || !ops->split)
    return borel_fail(error, BOREL_ARG, "this target does not separate prior and likelihood");
  borel_status status =
      ops->split(target, point->layout, host->u, host->z, &point->prior, &point->likelihood, error);
  if (status == BOREL_OK) point->valid |= BOREL_SPLIT;
  return status;
}

borel_status borel_point_evaluate(borel_target *target, borel_point *point, uint32_t want,
                                  borel_error *error) {
  borel_host_point *host = (borel_host_point *)point;
  uint32_t density = BOREL_LOGDENSITY | BOREL_GRADIENT;
  int rejected = (point->valid & BOREL_LOGDENSITY) && point->logdensity == -INFINITY;
  uint32_t lacking = rejected ? 0 : want & density & ~point->valid;
  if (lacking) {
    borel_status status = evaluate_density(target, host, lacking, error);
    if (status != BOREL_OK) return status;
    rejected = point->logdensity == -INFINITY;
  }
  if ((want & density) && rejected) return BOREL_REJECT;
  if (want & BOREL_SPLIT & ~point->valid) return evaluate_split(target, host, error);
  return BOREL_OK;
}
