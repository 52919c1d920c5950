/* SPDX-License-Identifier: MIT */
#include "validate/joint.h"

#include <math.h>
#include <stdio.h>

static double normal(borel_rng *rng, double mean, double sd) { return mean + sd * rng->ops->normal(rng); }

/* Log-density of N(mean, sd^2) at x; the gradient with respect to x is added to *slope. */
static double normal_density(double x, double mean, double sd, double *slope) {
  double r = (x - mean) / sd;
  if (slope) *slope -= r / sd;
  return -0.5 * r * r - log(sd);
}

static double log_factorial(double n) {
  int sign;
  return lgamma_r(n + 1, &sign);
}

static double *slope_of(double *gradient, size_t i) { return gradient ? gradient + i : NULL; }

/* ---- normal mean: three of them, on scales 1 : 3 : 10 ---------------------------------------- */

static const double mean_sd[] = {0.3, 1, 3}, mean_noise[] = {0.25, 0.7, 2};

static void draw_means(borel_rng *rng, double *u, int64_t *z) {
  (void)z;
  for (int d = 0; d < 3; d++) u[d] = normal(rng, 0, mean_sd[d]);
}

static void draw_mean_data(borel_rng *rng, const double *u, const int64_t *z, double *data) {
  (void)z;
  for (int d = 0; d < 3; d++) data[d] = normal(rng, u[d], mean_noise[d]);
}

static double mean_prior(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 0;
  for (size_t d = 0; d < 3; d++) sum += normal_density(u[d], 0, mean_sd[d], slope_of(gradient, d));
  return sum;
}

static double mean_likelihood(const double *data, const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 0;
  for (size_t d = 0; d < 3; d++) sum += normal_density(u[d], data[d], mean_noise[d], slope_of(gradient, d));
  return sum;
}

/* ---- gamma and Poisson: u = log(rate) -------------------------------------------------------- */

static const double rate_shape[] = {3, 1.5}, rate_inverse[] = {1, 0.2}; /* rate ~ Gamma(shape) / inverse */

static void draw_rates(borel_rng *rng, double *u, int64_t *z) {
  (void)z;
  for (int d = 0; d < 2; d++) u[d] = log(rng->ops->gamma(rng, rate_shape[d]) / rate_inverse[d]);
}

static void draw_counts(borel_rng *rng, const double *u, const int64_t *z, double *data) {
  (void)z;
  for (int d = 0; d < 2; d++) data[d] = (double)rng->ops->poisson(rng, exp(u[d]));
}

static double rate_prior(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 0;
  for (int d = 0; d < 2; d++) {
    double scaled = rate_inverse[d] * exp(u[d]);
    if (gradient) gradient[d] += rate_shape[d] - scaled;
    sum += rate_shape[d] * u[d] - scaled;
  }
  return sum;
}

static double count_likelihood(const double *data, const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 0;
  for (int d = 0; d < 2; d++) {
    double rate = exp(u[d]);
    if (gradient) gradient[d] += data[d] - rate;
    sum += data[d] * u[d] - rate - log_factorial(data[d]);
  }
  return sum;
}

/* ---- mixture: u from two normals, of which the data see u[0]^2 and u[1] ----------------------- */

static const double mixture_weight[] = {0.4, 0.6}, mixture_mean[2][2] = {{-1.5, -0.5}, {1.5, 0.5}};
static const double mixture_sd = 0.7, square_noise = 0.8;

static void draw_mixture(borel_rng *rng, double *u, int64_t *z) {
  (void)z;
  size_t c = rng->ops->categorical(rng, mixture_weight, 2);
  for (int d = 0; d < 2; d++) u[d] = normal(rng, mixture_mean[c][d], mixture_sd);
}

static void draw_square(borel_rng *rng, const double *u, const int64_t *z, double *data) {
  (void)z;
  data[0] = normal(rng, u[0] * u[0], square_noise);
  data[1] = normal(rng, u[1], 1);
}

static double mixture_prior(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double term[2], slope[2][2] = {{0}}, sum = 0;
  for (int c = 0; c < 2; c++) {
    term[c] = log(mixture_weight[c]);
    for (size_t d = 0; d < 2; d++)
      term[c] += normal_density(u[d], mixture_mean[c][d], mixture_sd, &slope[c][d]);
  }
  double most = fmax(term[0], term[1]);
  for (int c = 0; c < 2; c++) sum += exp(term[c] - most);
  for (int d = 0; d < 2 && gradient; d++)
    for (int c = 0; c < 2; c++) gradient[d] += exp(term[c] - most) / sum * slope[c][d];
  return most + log(sum);
}

static double square_likelihood(const double *data, const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double slope = 0, sum = normal_density(u[0] * u[0], data[0], square_noise, &slope);
  if (gradient) gradient[0] += 2 * u[0] * slope;
  return sum + normal_density(u[1], data[1], 1, slope_of(gradient, 1));
}

/* ---- beta and binomial, of two groups: u = logit(p), shifted by the kind z of the group -------- */

static const double kind_chance[] = {0.5, 0.3, 0.2}, kind_shift[] = {-1, 0, 1.5};
static const double beta_a = 2, beta_b = 3;
enum { TRIALS = 8 };

static double log_inv_logit(double x) { return x > 0 ? -log1p(exp(-x)) : x - log1p(exp(x)); }

static void draw_groups(borel_rng *rng, double *u, int64_t *z) {
  for (int g = 0; g < 2; g++) {
    double p = rng->ops->beta(rng, beta_a, beta_b);
    u[g] = log(p) - log1p(-p);
    z[g] = (int64_t)rng->ops->categorical(rng, kind_chance, 3);
  }
}

static void draw_successes(borel_rng *rng, const double *u, const int64_t *z, double *data) {
  for (int g = 0; g < 2; g++)
    data[g] = (double)rng->ops->binomial(rng, TRIALS, exp(log_inv_logit(u[g] + kind_shift[z[g]])));
}

/* a log(p) + b log(1 - p) at p = inv_logit(x) */
static double logit_density(double a, double b, double x, double *slope) {
  if (slope) *slope += a - (a + b) * exp(log_inv_logit(x));
  return a * log_inv_logit(x) + b * log_inv_logit(-x);
}

static double group_prior(const double *u, const int64_t *z, double *gradient) {
  double sum = 0;
  for (size_t g = 0; g < 2; g++)
    sum += logit_density(beta_a, beta_b, u[g], slope_of(gradient, g)) + log(kind_chance[z[g]]);
  return sum;
}

static double success_likelihood(const double *data, const double *u, const int64_t *z, double *gradient) {
  double sum = 0;
  for (size_t g = 0; g < 2; g++)
    sum += logit_density(data[g], TRIALS - data[g], u[g] + kind_shift[z[g]], slope_of(gradient, g)) -
           log_factorial(data[g]) - log_factorial(TRIALS - data[g]);
  return sum;
}

/* ---- hierarchical normal: u = (mean, log(sd), effect), the effect centred ---------------------- */

static void draw_hierarchy(borel_rng *rng, double *u, int64_t *z) {
  (void)z;
  u[0] = normal(rng, 0, 1);
  u[1] = normal(rng, -0.3, 0.4);
  u[2] = normal(rng, u[0], exp(u[1]));
}

static void draw_hierarchy_data(borel_rng *rng, const double *u, const int64_t *z, double *data) {
  (void)z;
  for (int i = 0; i < 2; i++) data[i] = normal(rng, u[2], 0.6);
}

static double hierarchy_prior(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sd = exp(u[1]), r = (u[2] - u[0]) / sd;
  if (gradient) {
    gradient[0] += r / sd;
    gradient[1] += r * r - 1;
  }
  return normal_density(u[0], 0, 1, slope_of(gradient, 0)) +
         normal_density(u[1], -0.3, 0.4, slope_of(gradient, 1)) +
         normal_density(u[2], u[0], sd, slope_of(gradient, 2));
}

static double hierarchy_likelihood(const double *data, const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 0;
  for (int i = 0; i < 2; i++) sum += normal_density(u[2], data[i], 0.6, slope_of(gradient, 2));
  return sum;
}

/* ---- hidden Markov: a path of three states, each seen through one of two symbols --------------- */

static const double path_start[] = {0.6, 0.4}, path_move[2][2] = {{0.7, 0.3}, {0.2, 0.8}},
                    symbol_zero[] = {0.9, 0.3};

static void draw_path(borel_rng *rng, double *u, int64_t *z) {
  (void)u;
  for (int t = 0; t < 3; t++) z[t] = rng->ops->bernoulli(rng, t ? path_move[z[t - 1]][1] : path_start[1]);
}

static void draw_symbols(borel_rng *rng, const double *u, const int64_t *z, double *data) {
  (void)u;
  for (int t = 0; t < 3; t++) data[t] = rng->ops->bernoulli(rng, 1 - symbol_zero[z[t]]);
}

static double path_prior(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  return log(path_start[z[0]] * path_move[z[0]][z[1]] * path_move[z[1]][z[2]]);
}

static double symbol_likelihood(const double *data, const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  double sum = 0;
  for (int t = 0; t < 3; t++) sum += log(data[t] != 0 ? 1 - symbol_zero[z[t]] : symbol_zero[z[t]]);
  return sum;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const borel_site
    u2[] = {{.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 2}},
    u3[] = {{.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 3}},
    group_sites[] = {{.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 2},
                     {.name = "z", .block = BOREL_SITE_Z, .offset = 0, .size = 2, .lowest = 0, .count = 3}},
    path_site[] = {{.name = "z", .block = BOREL_SITE_Z, .offset = 0, .size = 3, .lowest = 0, .count = 2}};

const borel_joint borel_joints[] = {
    {"normal means", 3, 0, 1, 3, u3, draw_means, draw_mean_data, mean_prior, mean_likelihood, 0},
    {"gamma-Poisson", 2, 0, 1, 2, u2, draw_rates, draw_counts, rate_prior, count_likelihood, 0},
    {"mixture", 2, 0, 1, 2, u2, draw_mixture, draw_square, mixture_prior, square_likelihood, 1},
    {"beta-binomial", 2, 2, 2, 2, group_sites, draw_groups, draw_successes, group_prior, success_likelihood,
     0},
    {"hierarchy", 3, 0, 1, 2, u3, draw_hierarchy, draw_hierarchy_data, hierarchy_prior, hierarchy_likelihood,
     0},
    {"hidden Markov", 0, 3, 1, 3, path_site, draw_path, draw_symbols, path_prior, symbol_likelihood, 0},
};
const size_t borel_joint_count = sizeof borel_joints / sizeof *borel_joints;

double borel_joint_density(const borel_joint *joint, const double *data, const double *u, const int64_t *z,
                           double *gradient) {
  for (size_t d = 0; gradient && d < joint->D; d++) gradient[d] = 0;
  return joint->prior(u, z, gradient) + joint->likelihood(data, u, z, gradient);
}

size_t borel_joint_statistics(const borel_joint *joint, const double *data, const double *u, const int64_t *z,
                              double out[BOREL_STATISTICS]) {
  size_t n = 0;
  double sum = data[0];
  for (size_t d = 0; d < joint->D; d++) sum += out[n++] = u[d];
  for (size_t k = 0; k < joint->K; k++) sum += out[n++] = (double)z[k];
  out[n] = joint->likelihood(data, u, z, NULL);
  out[n + 1] = out[n] + joint->prior(u, z, NULL);
  out[n + 2] = cos(sum);
  return n + 3;
}

void borel_joint_statistic_name(const borel_joint *joint, size_t statistic, char out[24]) {
  static const char *const others[] = {"log-likelihood", "log-density", "cos(sum)"};
  size_t coordinates = joint->D + joint->K;
  if (statistic >= coordinates)
    snprintf(out, 24, "%s", others[statistic - coordinates]);
  else if (statistic < joint->D)
    snprintf(out, 24, "u[%zu]", statistic);
  else
    snprintf(out, 24, "z[%zu]", statistic - joint->D);
}
