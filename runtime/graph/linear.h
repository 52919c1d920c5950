/* SPDX-License-Identifier: MIT
 * Dense linear algebra on row-major matrices, called by the interpreter and by emitted code alike, so that
 * both give the same bits. Small sizes run in plain loops, larger ones in OpenBLAS and LAPACK with one
 * thread. What cannot be computed (not positive definite, singular, NaN or infinity inside) is NaN, never an
 * error: a log-density made of it is then not finite, and the proposal refused. Results never overlap
 * arguments. */
#ifndef BOREL_GRAPH_LINEAR_H
#define BOREL_GRAPH_LINEAR_H

#include <stdint.h>

#define BOREL_LINEAR_MOST 32768 /* rows: 32-bit integers count the elements in LAPACK */

/* The library, its build and the processor it chose its routines for: their last bits differ. */
const char *borel_linear_library(void);

/* l [n,n] with l l' = a, zero above the diagonal. Reads the lower triangle of a. All NaN when a is not
 * positive definite. */
void borel_linear_cholesky(int64_t n, const double *a, double *l);
/* x [n,m] with l x = b, or l' x = b. Reads the lower triangle of l. */
void borel_linear_solve_triangular(int64_t n, int64_t m, int transposed, const double *l, const double *b,
                                   double *x);
/* The inverse of l l', the same bits on both sides of its diagonal. Reads the lower triangle of l. */
void borel_linear_positive_inverse(int64_t n, const double *l, double *inverse);
/* log det of l l' for a Cholesky factor l. */
double borel_linear_log_det(int64_t n, const double *l);
/* squares [m]: the sum of squares of each column of z [n,m]. */
void borel_linear_mahalanobis(int64_t n, int64_t m, const double *z, double *squares);
/* lu [n+1,n]: a lower and a unit upper factor of a (with its columns exchanged), then the exchanges. */
void borel_linear_lu(int64_t n, const double *a, double *lu);
/* x [n,m] with a x = b, or a' x = b. */
void borel_linear_solve(int64_t n, int64_t m, int transposed, const double *lu, const double *b, double *x);
/* log|det a| (-inf when singular) and the sign of det a: -1, 0, 1. */
double borel_linear_log_abs_det(int64_t n, const double *lu);
double borel_linear_det_sign(int64_t n, const double *lu);
/* out [n+4,n]: the eigenvalues of a in ascending order; the matrix whose columns are the eigenvectors, of
 * length 1, with the element of largest size positive; three rows of work, left zero. Reads the lower
 * triangle. */
void borel_linear_eigh(int64_t n, const double *a, double *out);

#endif
