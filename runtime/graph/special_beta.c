/* SPDX-License-Identifier: MIT
 * The regularised incomplete beta function and the cdf of Student's t. */
#include <math.h>

#include "graph/special_functions.h"

typedef struct {
  double log, da, db; /* log I_x(a, b) and its derivatives */
} incomplete;

enum { MOST_TERMS = 200000 };

/* log x, where x + y = 1 and neither is lost near 0. */
static double log_of(double x, double y) { return x < 0.5 ? log(x) : log1p(-y); }

/* log of x^a y^b / B(a, b), y = 1 - x (Loader 2000 for large a and b). */
static double log_power(double a, double b, double x, double y) {
  if (a < 10.0 || b < 10.0) return a * log_of(x, y) + b * log_of(y, x) - borel_lbeta_anywhere(a, b);
  double n = a + b;
  return -borel_deviance(a, n * x) - borel_deviance(b, n * y) +
         0.5 * (log(a) + log(b / n) - 1.8378770664093454836) + borel_stirling_error(n) -
         borel_stirling_error(a) - borel_stirling_error(b);
}

/* The fraction h = 1/(1 + e1/(1 + e2/...)) by Lentz' method, with derivatives with respect to a and b; h_a,
 * h_b are those of log h, `change` is what the last step did, relative. */
typedef struct {
  double C, C_a, C_b, D, D_a, D_b, log_h, h_a, h_b, change;
} lentz;

static void lentz_step(lentz *f, double e, double e_a, double e_b) {
  const double tiny = 1e-300;
  double E = 1.0 + e * f->D, E_a = e_a * f->D + e * f->D_a, E_b = e_b * f->D + e * f->D_b;
  double C = 1.0 + e / f->C, C_a = e_a / f->C - e * f->C_a / (f->C * f->C),
         C_b = e_b / f->C - e * f->C_b / (f->C * f->C);
  if (fabs(E) < tiny) E = tiny;
  if (fabs(C) < tiny) C = tiny;
  f->C = C, f->C_a = C_a, f->C_b = C_b;
  f->D = 1.0 / E;
  f->D_a = -E_a * f->D * f->D;
  f->D_b = -E_b * f->D * f->D;
  double factor = C * f->D, by_a = C_a / C - E_a * f->D, by_b = C_b / C - E_b * f->D;
  f->log_h += log(factor);
  f->h_a += by_a;
  f->h_b += by_b;
  f->change = fabs(factor - 1.0) + fabs(by_a) / (1e-3 + fabs(f->h_a)) + fabs(by_b) / (1e-3 + fabs(f->h_b));
}

/* DLMF 8.17.22, for x < (a + 1)/(a + b + 2). */
static incomplete by_fraction(double a, double b, double x, double y) {
  lentz f = {.C = 1e300, .D = 1.0};
  int m = 0;
  for (double before = 1.0; m < MOST_TERMS; m++) {
    double even = a + 2.0 * m, e, scale = 1.0 / (even * (even - 1.0));
    if (m > 0) { /* none for m = 0 */
      e = m * (b - m) * x * scale;
      lentz_step(&f, e, -e * (1.0 / (even - 1.0) + 1.0 / even), m * x * scale);
      before = f.change;
    }
    e = -(a + m) * (a + b + m) * x / (even * (even + 1.0));
    lentz_step(&f, e, e * (1.0 / (a + m) + 1.0 / (a + b + m) - 1.0 / even - 1.0 / (even + 1.0)),
               e / (a + b + m));
    if (before < 4e-16 && f.change < 4e-16) break;
  }
  if (m == MOST_TERMS) return (incomplete){NAN, NAN, NAN};
  double psi = borel_digamma_anywhere(a + b);
  return (incomplete){log_power(a, b, x, y) - log(a) + f.log_h,
                      log_of(x, y) - 1.0 / a - borel_digamma_anywhere(a) + psi + f.h_a,
                      log_of(y, x) - borel_digamma_anywhere(b) + psi + f.h_b};
}

static incomplete complement(incomplete i) {
  double log_p = i.log > 0.0 ? 0.0 : i.log, log_q = borel_log_complement(log_p), odds = exp(log_p - log_q);
  return (incomplete){log_q, -odds * i.da, -odds * i.db};
}

/* x + y = 1, both given, so that neither is lost near 0. */
static incomplete incomplete_beta(double a, double b, double x, double y) {
  if (!(a > 0.0 && b > 0.0 && x >= 0.0 && y >= 0.0) || a == INFINITY || b == INFINITY)
    return (incomplete){NAN, NAN, NAN};
  if (x <= 0.0) return (incomplete){-INFINITY, -INFINITY, INFINITY};
  if (y <= 0.0) return (incomplete){0.0, 0.0, 0.0};
  if (x < (a + 1.0) / (a + b + 2.0)) {
    incomplete i = by_fraction(a, b, x, y);
    if (i.log > 0.0) i.log = 0.0;
    return i;
  }
  incomplete i = by_fraction(b, a, y, x);
  return complement((incomplete){i.log, i.db, i.da});
}

double borel_log_inc_beta(double a, double b, double x) { return incomplete_beta(a, b, x, 1.0 - x).log; }
double borel_d_log_inc_beta_a(double a, double b, double x) { return incomplete_beta(a, b, x, 1.0 - x).da; }
double borel_d_log_inc_beta_b(double a, double b, double x) { return incomplete_beta(a, b, x, 1.0 - x).db; }

/* ---- Student's t ----------------------------------------------------------------------------------- */

/* The tail beyond |x| is I_w(nu/2, 1/2) / 2 with w = nu / (nu + x^2) (Abramowitz and Stegun 26.7.1). */
static void t_tail(double nu, double x, double *log_tail, double *by_nu) {
  double ratio = x * x / nu, w = 1.0 / (1.0 + ratio), v = ratio < 1e300 ? ratio * w : 1.0;
  incomplete i = incomplete_beta(0.5 * nu, 0.5, w, v);
  *log_tail = i.log - 0.69314718055994530942;
  /* d I_w / dw * dw / dnu = w^(nu/2) v^(1/2) / (nu B(nu/2, 1/2)) */
  double log_w = -log1p(ratio);
  double by_w = exp(0.5 * nu * log_w + 0.5 * log(v) - borel_lbeta_anywhere(0.5 * nu, 0.5) - i.log) / nu;
  *by_nu = 0.5 * i.da + by_w;
}

/* Many degrees of freedom: the z whose normal cdf is that of t at x, and its derivative by nu, to the third
 * order in 1 / nu (Fisher and Cornish 1960); the fourth is about 0.07 x (x^2 / nu)^4. The fraction would lose
 * what the rounding of w is to 1 - w: nu / x^2 roundings, 3000 where it takes over. */
static int is_nearly_normal(double nu, double x) { return nu > 1e4 && x * x < 3e-4 * nu; }

static double normal_place(double nu, double x, double *by_nu) {
  double r = 1.0 / nu, s = x * x;
  double first = -0.25 * x * (s + 1.0), second = x * (s * (13.0 * s + 8.0) + 3.0) / 96.0,
         third = -x * (s * (s * (35.0 * s + 19.0) + 1.0) - 15.0) / 384.0;
  *by_nu = -r * r * (first + r * (2.0 * second + r * 3.0 * third));
  return x + r * (first + r * (second + r * third));
}

double borel_student_t_logcdf(double nu, double x) {
  if (!(nu > 0.0) || x != x) return NAN;
  double log_tail, by_nu;
  if (is_nearly_normal(nu, x)) return borel_std_normal_logcdf(normal_place(nu, x, &by_nu));
  t_tail(nu, x, &log_tail, &by_nu);
  return x < 0.0 ? log_tail : borel_log_complement(log_tail);
}

double borel_d_student_t_logcdf(double nu, double x) {
  if (!(nu > 0.0) || x != x) return NAN;
  if (x == 0.0 || fabs(x) == INFINITY) return 0.0;
  double log_tail, by_nu;
  if (is_nearly_normal(nu, x)) {
    double z = normal_place(nu, x, &by_nu);
    return borel_inverse_mills(z) * by_nu;
  }
  t_tail(nu, x, &log_tail, &by_nu);
  return x < 0.0 ? by_nu : -by_nu * exp(log_tail - borel_log_complement(log_tail));
}
