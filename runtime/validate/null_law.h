/* SPDX-License-Identifier: MIT
 * Tail probabilities of test statistics under the null hypothesis. But for chi_squared they are exact for
 * every sample size, far into the tails, which is where tests with few false alarms decide. */
#ifndef BOREL_VALIDATE_NULL_LAW_H
#define BOREL_VALIDATE_NULL_LAW_H

#include <stddef.h>

/* Largest difference between the empirical distribution functions of two samples a[n] and b[n], times n.
 * Sorts both. */
size_t borel_smirnov(double *a, double *b, size_t n);
/* The probability that it is k or more when both samples come from one law (Gnedenko and Koroljuk 1951). When
 * values may coincide the probability is smaller than this. */
double borel_smirnov_p(size_t n, size_t k);

/* Two-sided: twice the smaller tail of Binomial(n, p) at k, at most 1; 0 < p < 1. */
double borel_binomial_p(size_t n, size_t k, double p);

/* The probability that chi-squared with `freedom` degrees of freedom exceeds x; for histograms this holds in
 * the limit of large counts. */
double borel_chi_squared_p(double x, size_t freedom);

#endif
