/* SPDX-License-Identifier: MIT
 * Linear algebra on matrices of few rows, for which a call of LAPACK takes longer than the work. */
#ifndef BOREL_GRAPH_LINEAR_SMALL_H
#define BOREL_GRAPH_LINEAR_SMALL_H

#include <stdint.h>

#define BOREL_LINEAR_SMALL 16 /* up to here */

/* As the functions of linear.h; 0 when a pivot is not a positive number. */
int borel_small_cholesky(int64_t n, const double *a, double *l);
/* In place. */
void borel_small_solve_triangular(int64_t n, int64_t m, int transposed, const double *l, double *x);
void borel_small_positive_inverse(int64_t n, const double *l, double *inverse);

#endif
