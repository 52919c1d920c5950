/* SPDX-License-Identifier: MIT
 * Directions in which a density is much wider or narrower than its scaled coordinates say. */
#ifndef BOREL_HOST_LOW_RANK_H
#define BOREL_HOST_LOW_RANK_H

#include <borel/plugin.h>

enum { BOREL_LOW_RANK = 32 }; /* directions at most */

/* The last n draws of a ring [kept, D] and the gradients there; `last` counts all that were put in. */
typedef struct {
  size_t n, D, kept, last;
  const double *draws, *gradients;
  const double *scale; /* [D] */
} borel_low_rank;

/* Fits I + V' (diag(stretch)^2 - I) V to scaled draws and gradients: S = cov(gradients)^-1 # cov(draws), the
 * geometric mean, which for a normal density is its covariance even from dependent draws (arXiv:2603.18845;
 * in the space that draws and gradients span). Its eigenvalues outside [1/2, 2], the most extreme first, and
 * their eigenvectors become stretch [*rank] (square roots) and directions [*rank, D]; *rank = 0 when there
 * are none or the numbers are no use. Errors: INTERNAL without memory. */
borel_status borel_low_rank_fit(const borel_low_rank *, double *directions, double *stretch, size_t *rank,
                                borel_error *);

#endif
