/* SPDX-License-Identifier: MIT
 * Points: where a chain is, with what is known there. The host writes them, kernels only read. */
#ifndef BOREL_HOST_POINT_H
#define BOREL_HOST_POINT_H

#include <borel/plugin.h>

/* `view` comes first: a borel_point that a kernel holds is always the head of one of these. */
typedef struct {
  borel_point view;
  double *u, *gradient; /* [D], the storage behind view.u and view.gradient; 64-byte aligned */
  int64_t *z;           /* [K] */
} borel_host_point;

/* A point of the given shape, all zeros (z: the lowest value of its site), nothing valid.
 * Errors: INTERNAL when memory is short. */
borel_status borel_point_create(const borel_layout *, borel_host_point **, borel_error *);
void borel_point_destroy(borel_host_point *); /* NULL is fine */

/* Makes `to` equal to `from`: coordinates, layout, cached numbers. The layout may change; then memory may
 * be needed. `to->view.version` grows. Errors: INTERNAL when memory is short (`to` is unchanged). */
borel_status borel_point_copy(borel_host_point *to, const borel_host_point *from, borel_error *);

/* Writes all coordinates and forgets all cached numbers. u [D], z [K]; either may be NULL to keep it. */
void borel_point_set(borel_host_point *, const double *u, const int64_t *z);

/* The services of the same names in borel_host. evaluate: REJECT when the log-density is -inf, DOMAIN when it
 * is NaN or +inf, ARG when the target cannot give what is wanted, and what the target reports. */
borel_status borel_point_evaluate(borel_target *, borel_point *, uint32_t want, borel_error *);
void borel_point_move_u(borel_point *, const double *u);
void borel_point_move_z(borel_point *, size_t k, int64_t value);
void borel_point_know(borel_point *, double logdensity, const double *gradient);

/* Forgets all cached numbers without a move: when the target itself has changed. */
void borel_point_forget(borel_point *);

#endif
