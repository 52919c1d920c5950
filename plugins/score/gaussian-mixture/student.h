/* SPDX-License-Identifier: MIT
 * Noise with Student's law: normal noise whose variance tau = sigma^2 e^{-s} is random, where nu e^s is
 * chi-squared with nu degrees of freedom. So the law of x is an integral over s of those of normal noise:
 *   p(x) = integral of f(s) sum_k w_k N(x; alpha m_k, alpha^2 S_k + tau I),
 *   ln f = nu/2 (s - expm1(s)) + constant.
 * The integrand is analytic and falls exponentially on both sides, so that the trapezoidal rule on all of the
 * line gives it to rounding. */
#ifndef GAUSSIAN_MIXTURE_STUDENT_H
#define GAUSSIAN_MIXTURE_STUDENT_H

#include "mixture.h"

#include <math.h>
#include <string.h>

#define STUDENT_DEPTH 40.0 /* nodes where the integrand is below e^-40 of its largest value are left out */

/* How far from a mode the integral of (e^y - 1) `rate`, or on the other side of (1 - e^-y), reaches
 * STUDENT_DEPTH. */
static double reach(double rate, int upward) {
  double low = 0, high = 1;
#define DROP(y) (rate * (upward ? expm1(y) - (y) : (y) + expm1(-(y))))
  while (DROP(high) < STUDENT_DEPTH) high *= 2;
  for (int i = 0; i < 20; i++) {
    double middle = (low + high) / 2;
    *(DROP(middle) < STUDENT_DEPTH ? &low : &high) = middle;
  }
#undef DROP
  return high;
}

typedef struct {
  double step;         /* between nodes */
  double above, below; /* of the window beyond the range of modes */
  double constant;     /* of ln f, the step and 2 pi */
} student;

/* The step from how fast the Fourier transform of the integrand falls: |Gamma(a + iw)| / Gamma(a) for a up to
 * (nu + D) / 2, and e^{-w pi / 2}, at w = 2 pi / step. */
static student student_rule(double degrees, size_t D) {
  double half = degrees / 2, most = (degrees + (double)D) / 2;
  student rule = {.step = fmin(0.2, 0.5 / sqrt(most)), .above = reach(most, 1), .below = reach(half, 0)};
  /* half ln half - half - ln Gamma(half), which cancels for many degrees: what Stirling's series leaves then
   */
  double gamma = half < 30 ? half * log(half) - half - lgamma(half)
                           : log(half) / 2 - LOG_SQRT_2PI -
                                 (1 - (1 - 12 / (42 * half * half)) / (30 * half * half)) / (12 * half);
  rule.constant = log(rule.step) + gamma - (double)D * LOG_SQRT_2PI;
  return rule;
}

/* One row: w [K, D] (with a stride) along the axes of S_k. Gives the log-density, and with `share` [K] and
 * `shrunk` [K, D] the sums over nodes of the shares of components, and of shares times c w. */
static double student_row(const mixture *self, const student *rule, double alpha, double variance,
                          const double *w, size_t stride, double *share, double *shrunk) {
  size_t D = self->D, K = self->K;
  double farthest = 0, highest = -INFINITY, total = 0, half = self->degrees / 2;
  for (size_t k = 0; k < K; k++) {
    double square = 0;
    for (size_t d = 0; d < D; d++) square += w[(k * D + d) * stride] * w[(k * D + d) * stride];
    farthest = fmax(farthest, square);
  }
  /* The modes lie where the slope (nu - nu e^s + D) / 2 is positive and (nu - nu e^s - |w|^2 / tau) / 2
   * negative. */
  int noisy = variance > 0; /* else one node serves, since tau is 0 at all */
  double from = noisy ? -log1p(farthest / (self->degrees * variance)) - rule->below : 0;
  double until = noisy ? log1p((double)D / self->degrees) + rule->above : 0;
  memset(share, 0, K * sizeof *share);
  memset(shrunk, 0, K * D * sizeof *shrunk);
  for (double node = floor(from / rule->step); node * rule->step <= until; node++) {
    double s = node * rule->step, tau = variance * exp(-s), prior = half * (s - expm1(s));
    for (size_t k = 0; k < K; k++) {
      const double *spread = self->spread + k * D;
      double square = 0, logs = 0, product = 1;
      for (size_t d = 0; d < D; d++) {
        double one = w[(k * D + d) * stride], total_variance = alpha * alpha * spread[d] + tau;
        square += one * one / total_variance;
        product *= total_variance;
        if (d % 4 == 3 || d + 1 == D) {
          logs += log(product);
          product = 1;
        }
      }
      double weight = prior + self->log_weights[k] - (square + logs) / 2;
      if (weight == -INFINITY) continue;
      if (weight > highest) { /* sums are kept relative to the largest term so far */
        double rescale = exp(highest - weight);
        highest = weight;
        total *= rescale;
        for (size_t i = 0; i < K; i++) share[i] *= rescale;
        for (size_t i = 0; i < K * D; i++) shrunk[i] *= rescale;
      }
      double r = exp(weight - highest);
      total += r;
      share[k] += r;
      for (size_t d = 0; d < D; d++)
        shrunk[k * D + d] +=
            r * alpha * spread[d] / (alpha * alpha * spread[d] + tau) * w[(k * D + d) * stride];
    }
  }
  for (size_t k = 0; k < K; k++) share[k] /= total;
  for (size_t i = 0; i < K * D; i++) shrunk[i] /= total;
  return highest + log(total) + (noisy ? rule->constant : -(double)D * LOG_SQRT_2PI);
}

#endif
