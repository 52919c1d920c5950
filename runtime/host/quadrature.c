/* SPDX-License-Identifier: MIT */
#include "host/quadrature.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { POINTS = 40, HIGHEST_PHI = 8 };

/* Gauss-Legendre points and weights on [0, 1], by Newton's method from Chebyshev's guess. */
static void legendre(double point[POINTS], double weight[POINTS]) {
  for (int i = 0; i < POINTS / 2; i++) {
    double x = cos(M_PI * (i + 0.75) / (POINTS + 0.5)), slope = 1;
    for (int round = 0; round < 8; round++) {
      double before = 1, value = x;
      for (int k = 2; k <= POINTS; k++) {
        double next = ((2 * k - 1) * x * value - (k - 1) * before) / k;
        before = value;
        value = next;
      }
      slope = POINTS * (before - x * value) / (1 - x * x);
      x -= value / slope;
    }
    point[i] = (1 - x) / 2;
    point[POINTS - 1 - i] = (1 + x) / 2;
    weight[i] = weight[POINTS - 1 - i] = 1 / ((1 - x * x) * slope * slope);
  }
}

/* The sum of z^j / (k + j)!, which loses nothing while its terms have one sign or are small. */
static double phi_series(unsigned k, double z) {
  double term = 1, sum = 0;
  for (unsigned i = 2; i <= k; i++) term /= i;
  for (unsigned j = 1; fabs(term) > DBL_EPSILON / 4 * fabs(sum); j++) {
    sum += term;
    term *= z / (k + j);
  }
  return sum + term;
}

/* The integral of e^{(1 - s) z} s^{k-1} / (k-1)! over [0, 1], whose integrand is positive. */
static double phi_integral(unsigned k, double z) {
  double point[POINTS], weight[POINTS], sum = 0;
  legendre(point, weight);
  for (int i = 0; i < POINTS; i++) {
    double power = 1;
    for (unsigned m = 1; m < k; m++) power *= point[i] / m;
    sum += weight[i] * power * exp((1 - point[i]) * z);
  }
  return sum;
}

static double phi(unsigned k, double z) {
  if (k > HIGHEST_PHI || isnan(z)) return NAN;
  if (k == 0) return exp(z);
  if (k == 1 && z != 0) return expm1(z) / z;
  if (z > -1 && z < 30) return phi_series(k, z);
  if (z > -30 && z < 0) return phi_integral(k, z);
  double value = expm1(z) / z, factorial = 1; /* |z| so large that the recursion subtracts little */
  for (unsigned i = 2; i <= k; i++) {
    factorial *= i - 1;
    value = (value - 1 / factorial) / z;
  }
  return value;
}

/* Gaussian elimination with pivots of the largest magnitude in their column. */
static int solve(size_t n, double *matrix, double *right) {
  for (size_t c = 0; c < n; c++) {
    size_t pivot = c;
    for (size_t r = c + 1; r < n; r++)
      if (fabs(matrix[r * n + c]) > fabs(matrix[pivot * n + c])) pivot = r;
    if (!(fabs(matrix[pivot * n + c]) > 0)) return 0;
    for (size_t j = 0; pivot != c && j <= n; j++) {
      double *a = j < n ? &matrix[c * n + j] : &right[c], *b = j < n ? &matrix[pivot * n + j] : &right[pivot];
      double kept = *a;
      *a = *b;
      *b = kept;
    }
    for (size_t r = c + 1; r < n; r++) {
      double factor = matrix[r * n + c] / matrix[c * n + c];
      for (size_t j = c; j < n; j++) matrix[r * n + j] -= factor * matrix[c * n + j];
      right[r] -= factor * right[c];
    }
  }
  for (size_t c = n; c-- > 0;) {
    for (size_t j = c + 1; j < n; j++) right[c] -= matrix[c * n + j] * right[j];
    right[c] /= matrix[c * n + c];
  }
  return 1;
}

/* Weights w with sum_j w_j place_j^m = moment_m, m < n; NaN where two places are one. */
static void fit(size_t n, const double *place, double *moment_to_weight) {
  double matrix[BOREL_NODES * BOREL_NODES];
  for (size_t j = 0; j < n; j++) {
    double power = 1;
    for (size_t m = 0; m < n; m++, power *= place[j]) matrix[m * n + j] = power;
  }
  if (solve(n, matrix, moment_to_weight)) return;
  for (size_t j = 0; j < n; j++) moment_to_weight[j] = NAN;
}

static void derivative(size_t n, const double *nodes, double at, unsigned order, double *out) {
  if (n < 1 || n > BOREL_NODES || order >= n) return;
  double scale = 0, place[BOREL_NODES];
  for (size_t j = 0; j < n; j++) scale = fmax(scale, fabs(nodes[j] - at));
  if (!(scale > 0)) scale = 1;
  for (size_t j = 0; j < n; j++) place[j] = (nodes[j] - at) / scale;
  double factorial = 1;
  for (unsigned i = 1; i <= order; i++) factorial *= i / scale;
  for (size_t m = 0; m < n; m++) out[m] = m == order ? factorial : 0;
  fit(n, place, out);
}

/* In s = a + (b - a) v the moments of v^m are (b - a) m! phi_{m+1}(-rate (b - a)). */
static void exponential(size_t n, const double *nodes, double a, double b, double rate, double *out) {
  if (n < 1 || n > HIGHEST_PHI) return;
  double h = b - a, place[BOREL_NODES], factorial = 1;
  for (size_t j = 0; j < n; j++) place[j] = (nodes[j] - a) / h;
  for (size_t m = 0; m < n; m++) {
    if (m > 1) factorial *= (double)m;
    out[m] = h * factorial * phi((unsigned)m + 1, -rate * h);
  }
  fit(n, place, out);
}

static void weighted(size_t n, const double *nodes, double a, double b,
                     double (*weight)(const void *data, double s), const void *data, double *out) {
  if (n < 1 || n > BOREL_NODES) return;
  double point[POINTS], share[POINTS];
  legendre(point, share);
  for (size_t j = 0; j < n; j++) out[j] = 0;
  for (int i = 0; i < POINTS; i++) {
    double s = a + (b - a) * point[i], mass = (b - a) * share[i] * weight(data, s);
    for (size_t j = 0; j < n; j++) {
      double lagrange = 1;
      for (size_t k = 0; k < n; k++)
        if (k != j) lagrange *= (s - nodes[k]) / (nodes[j] - nodes[k]);
      out[j] += mass * lagrange;
    }
  }
}

const borel_quadrature borel_quadrature_table = {.size = sizeof borel_quadrature_table,
                                                 .phi = phi,
                                                 .derivative = derivative,
                                                 .exponential = exponential,
                                                 .weighted = weighted,
                                                 .solve = solve};
