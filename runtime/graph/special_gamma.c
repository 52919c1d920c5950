/* SPDX-License-Identifier: MIT
 * Beta function, binomial coefficients, incomplete gamma function. */
#include <math.h>

#include "graph/special_functions.h"

#define SPECIAL(name, ...) __VA_ARGS__
#define LOOP_FUNCTION inline
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-equal"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "graph/special.h"
#pragma GCC diagnostic pop

static const double PI = 3.14159265358979323846, LOG_PI = 1.14472988584940017414;
static const double HALF_LOG_2PI = 0.91893853320467274178;

/* x minus the nearest integer: exact, and 0 for what is so large that it is an integer. */
static double from_integer(double x) { return x - floor(x + 0.5); }

double borel_lgamma_anywhere(double x) {
  if (x != x || x == INFINITY) return x;
  if (x <= 0.0 && x == floor(x)) return INFINITY;
  if (x < 0.0) return LOG_PI - log(fabs(sin(PI * from_integer(x)))) - borel_positive_lgamma(1.0 - x);
  return x < 0x1p-1022 ? -log(x) : borel_positive_lgamma(x);
}

double borel_digamma_anywhere(double x) {
  if (x == INFINITY) return x;
  if (x <= 0.0 && x == floor(x)) return NAN;
  if (x < 0.0) return borel_positive_digamma(1.0 - x) - PI / tan(PI * from_integer(x));
  return borel_positive_digamma(x);
}

double borel_trigamma_anywhere(double x) {
  if (x <= 0.0 && x == floor(x)) return INFINITY;
  double root = PI / sin(PI * from_integer(x));
  return x < 0.0 ? root * root - borel_positive_trigamma(1.0 - x) : borel_positive_trigamma(x);
}

double borel_log_complement(double x) { return x > -0.69314718055994531 ? log(-expm1(x)) : log1p(-exp(x)); }

double borel_deviance(double a, double m) {
  double t = (m - a) / a;
  if (fabs(t) > 0.2) return m - a - a * log(m / a);
  /* t - log(1 + t) with log(1 + t) = 2 atanh(s): a t s - 2 a (s^3/3 + s^5/5 + ...) */
  double s = t / (2.0 + t), s2 = s * s, power = s * s2, sum = 0.0;
  for (int k = 3; k < 40 && fabs(power) > 1e-18 * fabs(t * s); k += 2) {
    sum += power / k;
    power *= s2;
  }
  return a * (t * s - 2.0 * sum);
}

double borel_stirling_error(double a) {
  if (a < 2.5) return borel_lgamma_anywhere(a + 1.0) - (a + 0.5) * log(a) + a - HALF_LOG_2PI;
  double r = 1.0 / a;
  return r * borel_tail_lgamma(r * r);
}

/* For b >= 10: lgamma(b) - lgamma(a + b), without the cancellation of the two. */
static double lgamma_drop(double a, double b) {
  return (b - 0.5) * log1p(-a / (a + b)) - a * (log(a + b) - 1.0) + borel_stirling_error(b) -
         borel_stirling_error(a + b);
}

double borel_lbeta_anywhere(double a, double b) {
  double low = a < b ? a : b, high = a < b ? b : a;
  if (!(low >= 0.0)) return NAN;
  if (low <= 0.0) return high < INFINITY ? INFINITY : NAN;
  if (high == INFINITY) return -INFINITY;
  if (low >= 10.0)
    return HALF_LOG_2PI - 0.5 * log(high) + (low - 0.5) * log(low / (low + high)) +
           high * log1p(-low / (low + high)) + borel_stirling_error(low) + borel_stirling_error(high) -
           borel_stirling_error(low + high);
  if (high >= 10.0) return borel_lgamma_anywhere(low) + lgamma_drop(low, high);
  return borel_lgamma_anywhere(low) + borel_lgamma_anywhere(high) - borel_lgamma_anywhere(low + high);
}

double borel_log_choose_anywhere(double n, double k) {
  if (n != n || k != k || n < 0.0) return NAN;
  if (k < 0.0 || k > n) return -INFINITY;
  if (k == 0.0 || k == n) return 0.0;
  return -log1p(n) - borel_lbeta_anywhere(n - k + 1.0, k + 1.0);
}

/* ---- incomplete gamma function -------------------------------------------------------------------- */

typedef struct {
  double log_p, log_q, d_log_p, d_log_q; /* d: with respect to a */
} incomplete;

/* log of x^a exp(-x) / Gamma(a + 1) */
static double log_power(double a, double x) {
  if (a < 10.0) return a * log(x) - x - borel_lgamma_anywhere(a + 1.0);
  return -borel_deviance(a, x) - 0.5 * log(a) - HALF_LOG_2PI - borel_stirling_error(a);
}

static incomplete complete_p(double log_p, double d_log_p) {
  incomplete r = {.log_p = log_p > 0.0 ? 0.0 : log_p, .d_log_p = d_log_p};
  r.log_q = borel_log_complement(r.log_p);
  r.d_log_q = -exp(r.log_p - r.log_q) * d_log_p;
  return r;
}

static incomplete complete_q(double log_q, double d_log_q) {
  incomplete p = complete_p(log_q, d_log_q);
  return (incomplete){p.log_q, p.log_p, p.d_log_q, p.d_log_p};
}

/* Terms until these add nothing more: some sqrt(a) of them where x is near a. */
enum { MOST_TERMS = 2000000 };
static const double ENOUGH = 1e-17, LARGEST_SERIES = 1e9;

/* P = x^a exp(-x) / Gamma(a + 1) (1 + x / (a + 1) + x^2 / ((a + 1)(a + 2)) + ...), DLMF 8.7.1 and 8.2.7. */
static incomplete by_series(double a, double x) {
  double term = 1.0, sum = 1.0, d_term = 0.0, d_sum = 0.0;
  for (int n = 1; n < MOST_TERMS && (term > ENOUGH * sum || fabs(d_term) > ENOUGH * fabs(d_sum)); n++) {
    double below = 1.0 / (a + n);
    term *= x * below;
    d_term = d_term * x * below - term * below;
    sum += term;
    d_sum += d_term;
  }
  return complete_p(log_power(a, x) + log(sum), log(x) - borel_digamma_anywhere(a + 1.0) + d_sum / sum);
}

/* Q = x^a exp(-x) / Gamma(a) 1/(x + 1 - a - 1 (1 - a)/(x + 3 - a - ...)), DLMF 8.9.2, by Lentz' method. */
static incomplete by_fraction(double a, double x) {
  const double tiny = 1e-300;
  double b = x + 1.0 - a, db = -1.0;
  double C = 1.0 / tiny, dC = 0.0, D = 1.0 / b, dD = -db * D * D;
  double h = D, d_log_h = -db * D;
  for (int k = 1; k < MOST_TERMS; k++) {
    double numerator = -k * (k - a), dn = k;
    b += 2.0;
    double E = b + numerator * D, dE = db + dn * D + numerator * dD;
    double next = b + numerator / C;
    dC = db + dn / C - numerator * dC / (C * C);
    C = next;
    if (fabs(E) < tiny) E = tiny;
    if (fabs(C) < tiny) C = tiny;
    D = 1.0 / E;
    dD = -dE * D * D;
    double change = dC / C - dE * D;
    h *= C * D;
    d_log_h += change;
    if (fabs(C * D - 1.0) < 2e-16 && fabs(change) <= 1e-16 * fabs(d_log_h)) break;
  }
  return complete_q(log_power(a, x) + log(a) + log(h), log(x) - borel_digamma_anywhere(a) + d_log_h);
}

/* a so large that the first two terms of Temme's uniform expansion (1979; DLMF 8.12.3) are exact to 1e-13.
 * The derivative is that of the first term. */
static incomplete by_normal(double a, double x) {
  double away = (x - a) / a, root = sqrt(a);
  double eta = copysign(sqrt(2.0 * borel_deviance(a, x) / a), away), z = eta * root;
  double c0 = fabs(eta) < 1e-3 ? -1.0 / 3 + eta / 12 : 1.0 / away - 1.0 / eta;
  double dz = fabs(away) < 1e-8 ? -1.0 / root : -log(x / a) / z;
  double r = borel_inverse_mills(z), s = borel_inverse_mills(-z);
  return (incomplete){borel_std_normal_logcdf(z) + log1p(-r * c0 / root),
                      borel_std_normal_logcdf(-z) + log1p(s * c0 / root), r * dz, -s * dz};
}

static incomplete incomplete_gamma(double a, double x) {
  if (!(a > 0.0 && x >= 0.0) || a == INFINITY) return (incomplete){NAN, NAN, NAN, NAN};
  if (x == 0.0) return (incomplete){-INFINITY, 0.0, -INFINITY, 0.0};
  if (x == INFINITY) return (incomplete){0.0, -INFINITY, 0.0, INFINITY};
  if (a > LARGEST_SERIES) return by_normal(a, x);
  return x < a + 1.0 ? by_series(a, x) : by_fraction(a, x);
}

double borel_log_gamma_p(double a, double x) { return incomplete_gamma(a, x).log_p; }
double borel_log_gamma_q(double a, double x) { return incomplete_gamma(a, x).log_q; }
double borel_d_log_gamma_p(double a, double x) { return incomplete_gamma(a, x).d_log_p; }
double borel_d_log_gamma_q(double a, double x) { return incomplete_gamma(a, x).d_log_q; }
