/* SPDX-License-Identifier: MIT
 * Parameters of the laws, checked at the door of every source. Each returns 1 when the draw may go on; 0
 * after filling the error by the name of the law (or when the source has failed before). */
#ifndef BOREL_RANDOM_CHECK_H
#define BOREL_RANDOM_CHECK_H

#include "random/choice.h"
#include <borel/plugin.h>

int borel_check_log_ratio(borel_rng *, double log_ratio);            /* a number; DOMAIN */
int borel_check_cut(borel_rng *, double cut);                        /* a number; DOMAIN */
int borel_check_probability(borel_rng *, double p);                  /* of bernoulli */
int borel_check_categorical(borel_rng *, const double *p, size_t n); /* sums to 1 within 1e-9 */
/* Also finds the largest of lw. All -inf, NaN or +inf: DOMAIN. */
int borel_check_categorical_log(borel_rng *, const double *lw, size_t n, double *largest);
int borel_check_uniform_int(borel_rng *, uint64_t n); /* n > 0 */
int borel_check_gamma(borel_rng *, double shape);
int borel_check_beta(borel_rng *, double a, double b);
int borel_check_poisson(borel_rng *, double mean);           /* 0 .. 2^53 */
int borel_check_binomial(borel_rng *, uint64_t n, double p); /* n <= 2^53 */

#endif
