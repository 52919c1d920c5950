/* SPDX-License-Identifier: MIT
 * The laws that are made from others: written on a source's own uniform() and normal(), so that they serve
 * any source. No libm: the same numbers give the same draw on any IEEE machine. How many uniforms a law
 * consumes is said where it is fixed. Parameters are checked here. */
#ifndef BOREL_RANDOM_LAWS_H
#define BOREL_RANDOM_LAWS_H

#include <borel/plugin.h>

/* One uniform each, whatever the outcome. */
int borel_law_accept(borel_rng *, double log_ratio);
int borel_law_direction(borel_rng *);
int borel_law_bernoulli(borel_rng *, double p);
size_t borel_law_categorical(borel_rng *, const double *p, size_t n);
size_t borel_law_categorical_log(borel_rng *, const double *lw, size_t n);
borel_unif borel_law_unif(borel_rng *);
double borel_law_exponential(borel_rng *);

/* Consumes nothing: compares what unif has drawn. */
int borel_law_unif_lt(borel_rng *, borel_unif *, double cut);

double borel_law_gamma(borel_rng *, double shape);
double borel_law_beta(borel_rng *, double a, double b);
uint64_t borel_law_poisson(borel_rng *, double mean);
uint64_t borel_law_binomial(borel_rng *, uint64_t n, double p);

#endif
