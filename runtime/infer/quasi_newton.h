/* SPDX-License-Identifier: MIT
 * The inverse Hessian of L-BFGS as a product, H = T T', so that normal draws with this covariance are T z.
 *
 * T = (I + s_m p_m') ... (I + s_1 p_1') diag(sqrt(alpha)): each pair of a step s and a change of gradient y
 * is a factor, with p = -rho y + c B s, rho = 1 / y's, c = sqrt(rho / s'B s), B the inverse of H before the
 * pair (Brodlie, Gourlay and Greenstadt 1973, IMA J. Appl. Math. 11:73). Then H y = s for the last pair. */
#ifndef BOREL_INFER_QUASI_NEWTON_H
#define BOREL_INFER_QUASI_NEWTON_H

#include <stddef.h>

enum { BOREL_QUASI_NEWTON_PAIRS = 6 };

typedef struct {
  size_t D, pairs;   /* pairs <= BOREL_QUASI_NEWTON_PAIRS */
  double *s, *y, *p; /* [PAIRS, D], the oldest first */
  double *alpha;     /* [D] */
  double log_volume; /* log det T */
  double *memory;
} borel_quasi_newton;

/* H = I. 0 when there is no memory. */
int borel_quasi_newton_open(borel_quasi_newton *, size_t D);
void borel_quasi_newton_close(borel_quasi_newton *);

/* Takes in a step and a change of gradient (of the function that is minimised), drops the oldest pair when
 * there are too many, and renews alpha (Gilbert and Lemarechal 1989, Math. Prog. 45:407) and T. Returns 0,
 * and changes nothing, when y's is not safely positive. */
int borel_quasi_newton_add(borel_quasi_newton *, const double *s, const double *y);
/* x = T x; x = T' x; x = H x = T T' x. [D] */
void borel_quasi_newton_root(const borel_quasi_newton *, double *x);
void borel_quasi_newton_transposed(const borel_quasi_newton *, double *x);
void borel_quasi_newton_apply(const borel_quasi_newton *, double *x);
/* The diagonal of H; room [D]. */
void borel_quasi_newton_diagonal(const borel_quasi_newton *, double *out, double *room);

#endif
