/* SPDX-License-Identifier: MIT
 *
 * Values of the linear algebra: residuals within the bounds of N. Higham, Accuracy and Stability of Numerical
 * Algorithms (2nd ed. 2002), theorems 10.3, 8.5 and 9.4, with gamma_k = k u / (1 - k u); values from GSL;
 * what happens where there is no value. Native code, and derivatives of every operation: graph_arrays_test.c.
 */
#include "graph/linear.h"
#include "support/differences.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef BOREL_TEST_GSL
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_sort_vector.h>
#endif

enum { MOST = 40, SIZES = 6 };
static const int64_t sizes[SIZES] = {1, 2, 5, 16, 17, 40}; /* both sides of the change from loops to LAPACK */

static double allowed(int64_t k) {
  return (double)k * (DBL_EPSILON / 2) / (1 - (double)k * (DBL_EPSILON / 2));
}

static void random_matrix(int64_t n, int64_t m, uint64_t seed, double *a) {
  for (int64_t i = 0; i < n * m; i++) a[i] = uniform(&seed, -1, 1);
}
/* b b' + I/2 */
static void random_definite(int64_t n, uint64_t seed, double *a) {
  double b[MOST * MOST];
  random_matrix(n, n, seed, b);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = i == j ? 0.5 : 0;
      for (int64_t k = 0; k < n; k++) sum += b[i * n + k] * b[j * n + k];
      a[i * n + j] = sum;
    }
}
static double norm(int64_t count, const double *a) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * a[i];
  return sqrt(sum);
}

/* ---- residuals ------------------------------------------------------------------------------- */

Test(linear, cholesky_gives_back_the_matrix) {
  double a[MOST * MOST], l[MOST * MOST];
  for (int s = 0; s < SIZES; s++) {
    int64_t n = sizes[s];
    random_definite(n, 100 + (uint64_t)s, a);
    borel_linear_cholesky(n, a, l);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) {
        double product = 0, size = 0;
        for (int64_t k = 0; k < n; k++) {
          product += l[i * n + k] * l[j * n + k];
          size += fabs(l[i * n + k] * l[j * n + k]);
        }
        cr_expect(j <= i || l[i * n + j] == 0);
        cr_expect(fabs(product - a[i * n + j]) <= 2 * allowed(n + 1) * size, "n = %lld [%lld,%lld]",
                  (long long)n, (long long)i, (long long)j); /* twice: the product here is rounded too */
      }
  }
}

Test(linear, triangular_solutions_solve) {
  double l[MOST * MOST], b[MOST * 3], x[MOST * 3];
  for (int s = 0; s < SIZES; s++)
    for (int64_t m = 1; m <= 3; m += 2)
      for (int transposed = 0; transposed < 2; transposed++) {
        int64_t n = sizes[s];
        random_matrix(n, n, 7, l);
        for (int64_t i = 0; i < n; i++) {
          l[i * n + i] += 3;
          for (int64_t j = i + 1; j < n; j++) l[i * n + j] = NAN; /* not read */
        }
        random_matrix(n, m, 8, b);
        borel_linear_solve_triangular(n, m, transposed, l, b, x);
        for (int64_t i = 0; i < n; i++)
          for (int64_t j = 0; j < m; j++) {
            double product = 0, size = 0;
            for (int64_t k = transposed ? i : 0; transposed ? k < n : k <= i; k++) {
              double term = (transposed ? l[k * n + i] : l[i * n + k]) * x[k * m + j];
              product += term;
              size += fabs(term);
            }
            cr_expect(fabs(product - b[i * m + j]) <= 2 * allowed(n + 2) * size,
                      "n = %lld, m = %lld, transposed %d", (long long)n, (long long)m, transposed);
          }
      }
}

/* The inverse from the factor: x = w' w with w = l^-1 of which |w l - 1| <= c |w||l| (Higham,
 * theorems 8.5, 14.2 and section 14.3), so |x a - 1| is within a small multiple of n gamma_n |x||a|. */
Test(linear, inverses_of_positive_definite_matrices_invert) {
  double a[MOST * MOST], l[MOST * MOST], x[MOST * MOST];
  for (int s = 0; s < SIZES; s++) {
    int64_t n = sizes[s];
    random_definite(n, 500 + (uint64_t)s, a);
    borel_linear_cholesky(n, a, l);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = i + 1; j < n; j++) l[i * n + j] = NAN; /* not read */
    borel_linear_positive_inverse(n, l, x);
    double bound = 8 * (double)n * allowed(n + 1) * norm(n * n, a) * norm(n * n, x);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) {
        double product = 0;
        for (int64_t k = 0; k < n; k++) product += x[i * n + k] * a[k * n + j];
        cr_expect(fabs(product - (i == j)) <= bound, "n = %lld [%lld,%lld] %g", (long long)n, (long long)i,
                  (long long)j, product);
        cr_expect(same_bits(x[i * n + j], x[j * n + i]));
      }
  }
}

/* ... of matrices whose determinant is no number any more, above and below. */
Test(linear, log_determinants_leave_the_range_of_numbers) {
  double l[MOST * MOST] = {0};
  for (int sign = -1; sign <= 1; sign += 2) {
    double want = 0;
    for (int64_t i = 0; i < MOST; i++) want += 2 * log(l[i * (MOST + 1)] = pow(10, sign * (double)(3 * i)));
    cr_expect(fabs(borel_linear_log_det(MOST, l) - want) <=
              allowed(MOST + 4) * fabs(want) + allowed(2 * MOST));
  }
  double one[] = {1e-160, 0, 1, 1e-160};
  cr_expect(fabs(borel_linear_log_det(2, one) + 640 * log(10)) < 1e-12);
  double none[] = {NAN, NAN, NAN, NAN};
  cr_expect(isnan(borel_linear_log_det(2, none)));
}

/* |a||x| stands for the theorem's |L||U||x|, which partial pivoting keeps within a small multiple of it. */
Test(linear, general_solutions_solve) {
  double a[MOST * MOST], lu[(MOST + 1) * MOST], b[MOST * 3], x[MOST * 3];
  for (int s = 0; s < SIZES; s++)
    for (int64_t m = 1; m <= 3; m += 2)
      for (int transposed = 0; transposed < 2; transposed++) {
        int64_t n = sizes[s];
        random_matrix(n, n, 17, a);
        random_matrix(n, m, 18, b);
        borel_linear_lu(n, a, lu);
        borel_linear_solve(n, m, transposed, lu, b, x);
        for (int64_t j = 0; j < m; j++) {
          double off = 0, size = 0;
          for (int64_t i = 0; i < n; i++) {
            double product = 0;
            for (int64_t k = 0; k < n; k++)
              product += (transposed ? a[k * n + i] : a[i * n + k]) * x[k * m + j];
            off = fmax(off, fabs(product - b[i * m + j]));
            size = fmax(size, fabs(x[i * m + j]));
          }
          cr_expect(off <= allowed(3 * n) * (double)(4 * n) * size, "n = %lld, m = %lld, transposed %d: %g",
                    (long long)n, (long long)m, transposed, off);
        }
      }
}

/* Residual and orthogonality within 30 n eps, the threshold of LAPACK's own tests (LAPACK Working Note 41).
 */
Test(linear, eigenvectors_diagonalise) {
  double a[MOST * MOST], out[(MOST + 4) * MOST];
  for (int s = 0; s < SIZES; s++) {
    int64_t n = sizes[s];
    random_definite(n, 300 + (uint64_t)s, a);
    for (int64_t i = 0; i < n; i++) a[i * n + i] -= 1; /* some eigenvalues below 0 */
    borel_linear_eigh(n, a, out);
    const double *w = out, *v = out + n;
    double bound = 30 * (double)n * DBL_EPSILON;
    for (int64_t j = 0; j < n; j++) {
      int64_t largest = 0;
      for (int64_t i = 0; i < n; i++) {
        double product = 0, dot = 0;
        for (int64_t k = 0; k < n; k++) {
          product += a[i * n + k] * v[k * n + j];
          dot += v[k * n + i] * v[k * n + j];
        }
        cr_expect(fabs(product - w[j] * v[i * n + j]) <= bound * norm(n * n, a));
        cr_expect(fabs(dot - (i == j)) <= bound);
        if (fabs(v[i * n + j]) > fabs(v[largest * n + j])) largest = i;
      }
      cr_expect(v[largest * n + j] > 0);
      cr_expect(j == 0 || w[j] >= w[j - 1]);
    }
  }
}

#ifdef BOREL_TEST_GSL
/* A relative change d of the matrix moves log|det| by at most n d |a| |a^-1|. */
Test(linear, values_agree_with_gsl) {
  double a[MOST * MOST], lu[(MOST + 1) * MOST], l[MOST * MOST], eye[MOST * MOST], inverse[MOST * MOST],
      out[(MOST + 4) * MOST];
  for (int s = 0; s < SIZES; s++) {
    int64_t n = sizes[s];
    gsl_matrix *A = gsl_matrix_alloc((size_t)n, (size_t)n);
    gsl_permutation *p = gsl_permutation_alloc((size_t)n);
    gsl_vector *w = gsl_vector_alloc((size_t)n);
    gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc((size_t)n);
    int sign;

    random_matrix(n, n, 900 + (uint64_t)s, a);
    borel_linear_lu(n, a, lu);
    memset(eye, 0, sizeof eye);
    for (int64_t i = 0; i < n; i++) eye[i * n + i] = 1;
    borel_linear_solve(n, n, 0, lu, eye, inverse);
    memcpy(A->data, a, (size_t)(n * n) * sizeof *a);
    gsl_linalg_LU_decomp(A, p, &sign);
    double bound = 4 * (double)n * allowed(n) * norm(n * n, a) * norm(n * n, inverse);
    cr_expect(fabs(borel_linear_log_abs_det(n, lu) - gsl_linalg_LU_lndet(A)) <= bound + DBL_EPSILON,
              "n = %lld", (long long)n);
    cr_expect(borel_linear_det_sign(n, lu) == gsl_linalg_LU_sgndet(A, sign));

    random_definite(n, 950 + (uint64_t)s, a);
    borel_linear_cholesky(n, a, l);
    memcpy(A->data, a, (size_t)(n * n) * sizeof *a);
    gsl_linalg_cholesky_decomp1(A);
    for (int64_t i = 0; i < n; i++) /* of a matrix whose condition is below 2000 */
      for (int64_t j = 0; j <= i; j++)
        cr_expect(fabs(l[i * n + j] - A->data[i * n + j]) <= 2000 * allowed(n + 1) * sqrt(norm(n * n, a)));

    borel_linear_eigh(n, a, out);
    memcpy(A->data, a, (size_t)(n * n) * sizeof *a);
    gsl_eigen_symm(A, w, work);
    gsl_sort_vector(w);
    for (int64_t i = 0; i < n; i++)
      cr_expect(fabs(out[i] - w->data[i]) <= 30 * (double)n * DBL_EPSILON * norm(n * n, a));
    gsl_eigen_symm_free(work);
    gsl_vector_free(w);
    gsl_permutation_free(p);
    gsl_matrix_free(A);
  }
}
#endif

/* ---- where there is no value ----------------------------------------------------------------- */

Test(linear, what_is_not_positive_definite_has_no_factor) {
  double a[MOST * MOST], l[MOST * MOST];
  const double bad[] = {0, -1, NAN, INFINITY, -INFINITY};
  for (int s = 0; s < SIZES; s++)
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
      for (int off = 0; off < 2; off++) { /* on the diagonal, and below it */
        int64_t n = sizes[s];
        if (off && (n == 1 || fabs(bad[b]) <= 1)) continue;
        random_definite(n, 5, a);
        a[(n - 1) * n + (off ? 0 : n - 1)] = bad[b];
        borel_linear_cholesky(n, a, l);
        for (int64_t i = 0; i < n * n; i++) cr_expect(isnan(l[i]), "n = %lld, %g", (long long)n, bad[b]);
      }
}

Test(linear, singular_matrices_have_no_solution_and_no_determinant) {
  double a[MOST * MOST], lu[(MOST + 1) * MOST], b[MOST] = {1}, x[MOST];
  for (int s = 0; s < SIZES; s++) {
    int64_t n = sizes[s];
    for (int64_t i = 0; i < n * n; i++)
      a[i] = (double)(i / n) * (double)(i % n); /* rank 1, in whole numbers */
    borel_linear_lu(n, a, lu);
    borel_linear_solve(n, 1, 0, lu, b, x);
    for (int64_t i = 0; i < n; i++) cr_expect(isnan(x[i]));
    cr_expect(borel_linear_log_abs_det(n, lu) == -INFINITY && borel_linear_det_sign(n, lu) == 0);
    a[n * n - 1] = NAN;
    borel_linear_lu(n, a, lu);
    borel_linear_solve(n, 1, 1, lu, b, x);
    for (int64_t i = 0; i < n; i++) cr_expect(isnan(x[i]));
    cr_expect(isnan(borel_linear_log_abs_det(n, lu)) && isnan(borel_linear_det_sign(n, lu)));
  }
}

Test(linear, eigenvalues_of_what_is_not_finite_are_nan) {
  double a[MOST * MOST], out[(MOST + 4) * MOST];
  for (int s = 0; s < SIZES; s++)
    for (int k = 0; k < 2; k++) {
      int64_t n = sizes[s];
      random_definite(n, 5, a);
      a[(n - 1) * n] = k ? NAN : INFINITY;
      borel_linear_eigh(n, a, out);
      for (int64_t i = 0; i < n * (n + 1); i++) cr_expect(isnan(out[i]));
    }
}

/* ---- derivatives ----------------------------------------------------------------------------- */

static borel_node matrix_input(borel_graph *G, int64_t n) {
  return borel_graph_input(G, BOREL_F64, &(borel_shape){2, {n, n}});
}

/* Sums of eigenvalues have a derivative wherever they lie: f = sum w^3 = tr a^3 at a = 2 I. */
Test(linear, equal_eigenvalues_have_the_derivative_of_their_sum) {
  borel_graph *G = borel_graph_new();
  engines e = {0};
  borel_node a = matrix_input(G, 3), out = apply1(G, BOREL_OP_EIGH, a), d;
  borel_node w = apply2(G, BOREL_OP_GATHER, out, integers(G, 3, (int64_t[]){0, 1, 2}));
  borel_node cubes = total(G, apply2(G, BOREL_OP_MUL, w, apply2(G, BOREL_OP_MUL, w, w)));
  cr_assert(borel_graph_gradient(G, cubes, &a, 1, &d, NULL) == BOREL_OK);
  size_t program = engines_add(&e, G, &d, 1);
  double at[9] = {2, 0, 0, 0, 2, 0, 0, 0, 2};
  engines_run(&e, program, INTERPRETED, (void *[]){at});
  const double *got = engines_output(&e, program, 0);
  for (int i = 0; i < 9; i++) cr_expect(fabs(got[i] - (i % 4 == 0 ? 12 : 0)) < 1e-13, "[%d] %g", i, got[i]);
  engines_free(&e);
  borel_graph_free(G);
}

/* ... and vectors have none: what depends on them says so, rather than something that is not so. */
Test(linear, vectors_of_equal_eigenvalues_have_no_derivative) {
  borel_graph *G = borel_graph_new();
  engines e = {0};
  borel_node a = matrix_input(G, 2), out = apply1(G, BOREL_OP_EIGH, a), d;
  borel_node v = apply2(G, BOREL_OP_GATHER, out, integers(G, 4, (int64_t[]){2, 3, 4, 5}));
  borel_node f = total(G, apply2(G, BOREL_OP_MUL, v, doubles(G, 4, (double[]){1, 2, 3, 4})));
  cr_assert(borel_graph_gradient(G, f, &a, 1, &d, NULL) == BOREL_OK);
  size_t program = engines_add(&e, G, &d, 1);
  double at[4] = {2, 0, 0, 2};
  engines_run(&e, program, INTERPRETED, (void *[]){at});
  const double *got = engines_output(&e, program, 0);
  cr_expect(!isfinite(got[2]), "%g", got[2]);
  engines_free(&e);
  borel_graph_free(G);
}

/* The log-density of a Gaussian, up to a constant: by the factor alone, or by the operations that know the
 * derivative by the matrix. */
static borel_node gaussian(borel_graph *G, borel_node sigma, borel_node y, int by_factor) {
  borel_node L = apply1(G, BOREL_OP_CHOLESKY, sigma), z = apply2(G, BOREL_OP_SOLVE_TRIANGULAR, L, y), log_det,
             square;
  if (by_factor) {
    int64_t on_diagonal[MOST], n = borel_graph_at(G, y)->shape.extent[0];
    for (int64_t i = 0; i < n; i++) on_diagonal[i] = i * (n + 1);
    borel_node diagonal = apply2(G, BOREL_OP_GATHER, L, integers(G, n, on_diagonal));
    log_det = apply2(G, BOREL_OP_MUL, borel_graph_scalar(G, 2), total(G, apply1(G, BOREL_OP_LOG, diagonal)));
    square = total(G, apply2(G, BOREL_OP_MUL, z, z));
  } else {
    log_det = apply2(G, BOREL_OP_LOG_DET, sigma, L);
    square = borel_graph_op(G, BOREL_OP_MAHALANOBIS, (borel_node[]){sigma, L, y, z}, 4, 0, NULL, NULL);
  }
  return apply2(G, BOREL_OP_MUL, borel_graph_scalar(G, -0.5), apply2(G, BOREL_OP_ADD, log_det, square));
}

/* Adjoints by the matrix lie in its lower triangle, the one that is read. */
Test(linear, both_gaussian_densities_have_one_gradient) {
  for (int s = 0; s < SIZES; s++) {
    int64_t n = sizes[s];
    borel_graph *G = borel_graph_new();
    engines e = {0};
    double a[MOST * MOST], y[MOST];
    random_definite(n, 70 + (uint64_t)s, a);
    random_matrix(n, 1, 80, y);
    borel_node sigma = matrix_input(G, n), x = vector_input(G, n);
    borel_node lp[2], d[2][2];
    size_t program[2];
    for (int k = 0; k < 2; k++) {
      lp[k] = gaussian(G, sigma, x, k);
      cr_assert(borel_graph_gradient(G, lp[k], (borel_node[]){sigma, x}, 2, d[k], NULL) == BOREL_OK);
      program[k] = engines_add(&e, G, (borel_node[]){lp[k], d[k][0], d[k][1]}, 3);
      engines_run(&e, program[k], INTERPRETED, (void *[]){a, y});
    }
    for (size_t output = 0; output < 3; output++) {
      const double *got = engines_output(&e, program[0], output),
                   *want = engines_output(&e, program[1], output);
      int64_t count = output == 0 ? 1 : output == 1 ? n * n : n;
      for (int64_t i = 0; i < count; i++)
        cr_expect(fabs(got[i] - want[i]) <= 1e-12 * norm(count, want),
                  "n = %lld, output %zu[%lld]: %.17g, %.17g", (long long)n, output, (long long)i, got[i],
                  want[i]);
    }
    engines_free(&e);
    borel_graph_free(G);
  }
}

/* The log-density along a line of covariance matrices, at 40 x 40: first and second derivative, and the same
 * bits from native code. */
static void check_along_a_line(int by_factor) {
  cache_make();
  int64_t n = MOST;
  borel_graph *G = borel_graph_new();
  engines e = {0};
  borel_error error = {0};
  double a[MOST * MOST], b[MOST * MOST], y[MOST];
  random_definite(n, 41, a);
  random_definite(n, 42, b);
  random_matrix(n, 1, 43, y);
  borel_node t = borel_graph_input(G, BOREL_F64, &(borel_shape){0}), base = doubles(G, n * n, a),
             along = doubles(G, n * n, b), first, second;
  borel_node flat = apply2(G, BOREL_OP_ADD, base, apply2(G, BOREL_OP_MUL, t, along));
  borel_node sigma = borel_graph_op(G, BOREL_OP_RESHAPE, &flat, 1, 0, &(borel_shape){2, {n, n}}, &error);
  borel_node lp = gaussian(G, sigma, doubles(G, n, y), by_factor);
  cr_assert(borel_graph_gradient(G, lp, &t, 1, &first, &error) == BOREL_OK, "%s", error.message);
  cr_assert(borel_graph_gradient(G, first, &t, 1, &second, &error) == BOREL_OK, "%s", error.message);
  size_t program = engines_add(&e, G, (borel_node[]){lp, first, second}, 3);
  engines_compile(&e);
  double at = 0.3, interpreted[3];
  difference d[2];
  for (size_t k = 0; k < 2; k++) partial_differences(&e, program, k, (void *[]){&at}, &at, 1, &d[k]);
  engines_run(&e, program, INTERPRETED, (void *[]){&at});
  for (size_t k = 0; k < 3; k++) interpreted[k] = *(const double *)engines_output(&e, program, k);
  for (size_t k = 0; k < 2; k++)
    cr_expect(fabs(interpreted[k + 1] - d[k].value) <= 10 * d[k].error + 1e-9 * (1 + fabs(d[k].value)),
              "order %zu: %.12g, differences %.12g", k + 1, interpreted[k + 1], d[k].value);
  engines_run(&e, program, NATIVE, (void *[]){&at});
  for (size_t k = 0; k < 3; k++)
    cr_expect(same_bits(interpreted[k], *(const double *)engines_output(&e, program, k)), "output %zu", k);
  engines_free(&e);
  borel_graph_free(G);
  cache_remove();
}
Test(linear, a_gaussian_density_is_differentiable_twice) { check_along_a_line(0); }
Test(linear, a_gaussian_density_by_its_factor_is_differentiable_twice) { check_along_a_line(1); }

/* ---- errors ---------------------------------------------------------------------------------- */

Test(linear, shapes_that_do_not_fit_are_errors) {
  borel_graph *G = borel_graph_new();
  borel_node wide = borel_graph_input(G, BOREL_F64, &(borel_shape){2, {2, 3}}), v = vector_input(G, 3),
             square = matrix_input(G, 4), whole = borel_graph_input(G, BOREL_I64, &(borel_shape){2, {4, 4}}),
             huge = borel_graph_input(G, BOREL_F64, &(borel_shape){2, {40000, 40000}});
  const struct {
    borel_op op;
    borel_node args[2];
    size_t count;
    const char *says;
  } cases[] = {{BOREL_OP_CHOLESKY, {wide, 0}, 1, "cholesky: needs a square matrix, got shape [2, 3]"},
               {BOREL_OP_CHOLESKY, {v, 0}, 1, "cholesky: needs a square matrix, got shape [3]"},
               {BOREL_OP_CHOLESKY, {whole, 0}, 1, "cholesky: needs f64 arrays, got i64"},
               {BOREL_OP_CHOLESKY, {huge, 0}, 1, "cholesky: a matrix of shape [40000, 40000] is too large"},
               {BOREL_OP_CHOLESKY, {square, square}, 2, "cholesky: takes 1 arguments, got 2"},
               {BOREL_OP_SOLVE_TRIANGULAR, {square, v}, 2, "solve_triangular: the right side has shape [3]"},
               {BOREL_OP_LOG_DET, {square, v}, 2, "log_det: this is not the factor"},
               {BOREL_OP_POSITIVE_INVERSE, {wide, wide}, 2, "positive_inverse: needs a square matrix"},
               {BOREL_OP_MAHALANOBIS, {square, square}, 2, "mahalanobis: takes 4 arguments, got 2"},
               {BOREL_OP_LU, {wide, 0}, 1, "lu: needs a square matrix"},
               {BOREL_OP_LOG_ABS_DET, {square, square}, 2, "log_abs_det: these are not the factors"},
               {BOREL_OP_DET_SIGN, {square, 0}, 1, "det_sign: needs a square matrix"},
               {BOREL_OP_EIGH, {wide, 0}, 1, "eigh: needs a square matrix, got shape [2, 3]"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    borel_error error = {0};
    cr_expect(borel_graph_op(G, cases[i].op, cases[i].args, cases[i].count, 0, NULL, &error) ==
              BOREL_NO_NODE);
    cr_expect(strncmp(error.message, cases[i].says, strlen(cases[i].says)) == 0, "'%s' instead of '%s'",
              error.message, cases[i].says);
  }
  borel_graph_free(G);
}
