/* SPDX-License-Identifier: MIT
 * Metrics and how they are found from draws and gradients. */
#ifndef BOREL_HOST_METRIC_H
#define BOREL_HOST_METRIC_H

#include <borel/plugin.h>

/* Fields that hold a metric and its estimates, ending with a NULL name; `out` has room for 12. */
void borel_metric_fields(borel_metric_kind, borel_field *out);
void borel_metric_view(borel_metric_kind, size_t D, const void *const *fields, borel_metric *out);
void borel_metric_push(const borel_metric *, double step, const double *y, const double *u, double *out);
void borel_metric_pull(const borel_metric *, const double *gradient, double *force);

/* The first metric. `scale` [D] as in borel_context, or NULL. The gradient of the point is valid. */
void borel_metric_start(borel_metric_kind, const borel_point *, const double *scale, void *const *fields);

/* Learns from the point after a step of the warm-up; its gradient is valid. `*renewed` becomes 1 when the
 * metric has changed so much that the step size has to be found again. Errors: INTERNAL without memory. */
borel_status borel_metric_learn(borel_metric_kind, const borel_phase *, const borel_point *, int informative,
                                void *const *fields, int *renewed, borel_error *);

/* Share of the warm-up in which metrics from draws and gradients are rough. */
#define BOREL_METRIC_EARLY 0.3
int borel_metric_uses_gradients(borel_metric_kind);

#endif
