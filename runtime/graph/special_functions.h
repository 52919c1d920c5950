/* SPDX-License-Identifier: MIT
 * Special functions of probability that are too long to be printed into emitted code: the interpreter and
 * native code call the same ones, so they give the same bits. Each takes any numbers, ends in bounded time,
 * and gives NaN for arguments outside its domain. Logarithms are natural and accurate in both tails.
 *
 *   std_normal_logcdf(x)       log Phi(x)
 *   inverse_mills(x)           phi(x) / Phi(x), the derivative of the former
 *   mills_excess(x)            x + inverse_mills(x)
 *   std_normal_quantile(p)     the x with Phi(x) = p
 *   log_i0e(x)                 log I0(x) - |x|
 *   i1_over_i0(x)              I1(x) / I0(x)
 *   lbeta_anywhere(a, b)       log B(a, b)
 *   log_choose_anywhere(n, k)  log of n over k; -inf for k < 0 and k > n
 *   lgamma_anywhere(x), digamma_anywhere(x), trigamma_anywhere(x)
 *   log_gamma_p(a, x)          log P(a, x), P regularised from 0 to x; log_gamma_q: log(1 - P)
 *   log_inc_beta(a, b, x)      log I_x(a, b), regularised
 *   student_t_logcdf(nu, x)    log of the cdf of Student's t with nu degrees of freedom
 * and d_...: derivatives with respect to a parameter. */
#ifndef BOREL_GRAPH_SPECIAL_FUNCTIONS_H
#define BOREL_GRAPH_SPECIAL_FUNCTIONS_H

/* F(name, types of the arguments): for declarations here, and in the text of emitted code. */
#define BOREL_SPECIAL_FUNCTIONS(F)                                                                           \
  F(borel_std_normal_logcdf, double)                                                                         \
  F(borel_inverse_mills, double)                                                                             \
  F(borel_mills_excess, double)                                                                              \
  F(borel_std_normal_quantile, double)                                                                       \
  F(borel_log_i0e, double)                                                                                   \
  F(borel_i1_over_i0, double)                                                                                \
  F(borel_lgamma_anywhere, double)                                                                           \
  F(borel_digamma_anywhere, double)                                                                          \
  F(borel_trigamma_anywhere, double)                                                                         \
  F(borel_lbeta_anywhere, double, double)                                                                    \
  F(borel_log_choose_anywhere, double, double)                                                               \
  F(borel_log_gamma_p, double, double)                                                                       \
  F(borel_log_gamma_q, double, double)                                                                       \
  F(borel_d_log_gamma_p, double, double)                                                                     \
  F(borel_d_log_gamma_q, double, double)                                                                     \
  F(borel_log_inc_beta, double, double, double)                                                              \
  F(borel_d_log_inc_beta_a, double, double, double)                                                          \
  F(borel_d_log_inc_beta_b, double, double, double)                                                          \
  F(borel_student_t_logcdf, double, double)                                                                  \
  F(borel_d_student_t_logcdf, double, double)

#define DECLARE(name, ...) double name(__VA_ARGS__) __attribute__((const));
BOREL_SPECIAL_FUNCTIONS(DECLARE)
#undef DECLARE

/* Functions of special.h that loops of emitted code call for whole arrays, F1(name) of one argument, F2(name)
 * of two: borel_many_lgamma(n, a, y) leaves lgamma(a[i]) in y[i], for i < n, and borel_many_lgamma_fma does
 * so with fused multiply-add. The arrays do not overlap. */
#define BOREL_MANY(F1, F2) F1(lgamma) F1(digamma) F1(trigamma) F2(lbeta) F2(log_choose)

#define DECLARE1(name)                                                                                       \
  void borel_many_##name(long long n, const double *a, double *y);                                           \
  void borel_many_##name##_fma(long long n, const double *a, double *y);
#define DECLARE2(name)                                                                                       \
  void borel_many_##name(long long n, const double *a, const double *b, double *y);                          \
  void borel_many_##name##_fma(long long n, const double *a, const double *b, double *y);
BOREL_MANY(DECLARE1, DECLARE2)
#undef DECLARE1
#undef DECLARE2

/* Shared by the files that define these. */

/* log(1 - exp(x)) for x <= 0 (Maechler 2012). */
double borel_log_complement(double x);
/* a log(a / m) + m - a, at least 0: the deviance of Loader (2000), without cancellation at m = a. */
double borel_deviance(double a, double m);
/* lgamma(a + 1) - (a + 1/2) log a + a - log(2 pi) / 2, for a > 0. */
double borel_stirling_error(double a);

#endif
