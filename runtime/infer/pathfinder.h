/* SPDX-License-Identifier: MIT
 * Pathfinder: a start inside the typical set, and its scale, from a walk to the mode.
 *
 * L-BFGS climbs from a point; at each of its places the curvature seen so far makes a normal approximation,
 * whose ELBO is estimated by draws. A draw of the best approximation, chosen by its importance weight, is the
 * start (Zhang, Carpenter, Gelman and Vehtari 2022, JMLR 23:306). */
#ifndef BOREL_INFER_PATHFINDER_H
#define BOREL_INFER_PATHFINDER_H

#include <borel/plugin.h>

/* The random numbers of one cell: place number `index` of the walk. */
typedef borel_rng *(*borel_pathfinder_rng)(void *context, uint64_t index);

/* Climbs from the point, whose gradient exists, and fills u [D], scale [D], the standard deviations of the
 * approximation, and log_mass, the sum of the importance weights of its draws: of several walks, one is
 * chosen with probability proportional to that. z stays. Errors: REJECT when it finds no approximation with a
 * finite ELBO (nothing is filled then), INTERNAL without memory, and what the target reports but for REJECT
 * and DOMAIN. */
borel_status borel_pathfinder(borel_target *, const borel_point *, borel_pathfinder_rng, void *context,
                              double *u, double *scale, double *log_mass, borel_error *);

#endif
