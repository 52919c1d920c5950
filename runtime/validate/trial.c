/* SPDX-License-Identifier: MIT */
#include "validate/trial.h"

#include "core/error.h"
#include "validate/joint.h"

#include <math.h>
#include <string.h>

/* ---- finite in z ----------------------------------------------------------------------------- */

/* P1: x ~ B(1/3); y ~ B(3/4 if x else 1/4); factor 2 if y else 1/2. */
static double coins(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  static const double mass[2][2] = {{1.0 / 4, 1.0 / 3}, {1.0 / 24, 1.0 / 2}};
  return log(mass[z[0]][z[1]]);
}

/* P4: x ~ U{0..3}; factor 1 if x even else 0; y ~ B(1/2); factor 1 if x = 0 or y = 1 else 0. */
static double impossible(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  return z[0] % 2 == 0 && (z[0] == 0 || z[1] == 1) ? log(1.0 / 8) : -INFINITY;
}

/* P5: a Markov chain of three states, observed as 0, 1, 1. */
static double hidden_markov(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  static const double start[2] = {0.6, 0.4}, move[2][2] = {{0.7, 0.3}, {0.2, 0.8}}, zero[2] = {0.9, 0.3};
  return log(start[z[0]] * zero[z[0]] * move[z[0]][z[1]] * (1 - zero[z[1]]) * move[z[1]][z[2]] *
             (1 - zero[z[2]]));
}

/* P7: x ~ B(1/2); y ~ U{0, 1} if x else U{0..3}; factor y + 1. */
static double dependent_support(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  if (z[0] && z[1] > 1) return -INFINITY;
  return log((double)(z[1] + 1) / (z[0] ? 4 : 8));
}

/* One vector site, whose values begin below zero. */
static double signed_pair(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  return 0.4 * (double)z[0] - 0.3 * (double)(z[1] * z[1]) + 0.5 * (double)(z[0] * z[1]);
}

/* Labels that are independent of each other. */
static double labels(const double *u, const int64_t *z, double *gradient) {
  (void)u, (void)gradient;
  static const double mass[3][3] = {{0.2, 0.5, 0.3}, {0.7, 0, 0.3}, {0.1, 0.1, 0.8}};
  return log(mass[0][z[0] - 1] * mass[1][z[1] - 1] * mass[2][z[2] - 1]);
}

static const borel_site label_site[] = {
    {.name = "label", .block = BOREL_SITE_Z, .offset = 0, .size = 3, .lowest = 1, .count = 3}};
static const borel_site coins_sites[] = {
    {.name = "x", .block = BOREL_SITE_Z, .offset = 0, .size = 1, .lowest = 0, .count = 2},
    {.name = "y", .block = BOREL_SITE_Z, .offset = 1, .size = 1, .lowest = 0, .count = 2}};
static const borel_site impossible_sites[] = {
    {.name = "x", .block = BOREL_SITE_Z, .offset = 0, .size = 1, .lowest = 0, .count = 4},
    {.name = "y", .block = BOREL_SITE_Z, .offset = 1, .size = 1, .lowest = 0, .count = 2}};
static const borel_site path_site[] = {
    {.name = "path", .block = BOREL_SITE_Z, .offset = 0, .size = 3, .lowest = 0, .count = 2}};
static const borel_site dependent_sites[] = {
    {.name = "x", .block = BOREL_SITE_Z, .offset = 0, .size = 1, .lowest = 0, .count = 2},
    {.name = "y", .block = BOREL_SITE_Z, .offset = 1, .size = 1, .lowest = 0, .count = 4}};
static const borel_site signed_site[] = {
    {.name = "s", .block = BOREL_SITE_Z, .offset = 0, .size = 2, .lowest = -2, .count = 4}};
static const borel_site u1[] = {{.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 1}},
                        u2[] = {{.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 2}},
                        u3[] = {{.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 3}};
static const borel_site mixed_sites[] = {
    {.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 1},
    {.name = "m", .block = BOREL_SITE_Z, .offset = 0, .size = 2, .lowest = 1, .count = 3}};

/* ---- bounded in u ---------------------------------------------------------------------------- */

static double segment(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  if (gradient) gradient[0] = 0.3 - u[0];
  return fabs(u[0]) < 6.05 ? 0.3 * u[0] - 0.5 * u[0] * u[0] : -INFINITY;
}

/* Two modes: the points above a level are no interval. */
static double humps(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double x = u[0], well = (x * x - 9) / 4;
  if (gradient) gradient[0] = -0.4 * well * x + 0.1;
  return fabs(x) < 5.05 ? -0.4 * well * well + 0.1 * x : -INFINITY;
}

static double square(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double x = u[0], y = u[1];
  if (gradient) gradient[0] = 0.2 - x - 0.5 * y, gradient[1] = -y - 0.5 * x;
  return fabs(x) < 4.05 && fabs(y) < 2.95 ? 0.2 * x - 0.5 * (x * x + x * y + y * y) : -INFINITY;
}

static double mixed(const double *u, const int64_t *z, double *gradient) {
  double x = u[0], mean = 0.5 * (double)z[0] - 0.2 * (double)z[1];
  if (gradient) gradient[0] = mean - x;
  return fabs(x) < 4.05 ? -0.5 * (x - mean) * (x - mean) - 0.3 * (double)z[1] : -INFINITY;
}

const borel_trial borel_finite_trials[] = {
    {.name = "P1", .K = 2, .site_count = 2, .sites = coins_sites, .density = coins},
    {.name = "P4", .K = 2, .site_count = 2, .sites = impossible_sites, .density = impossible},
    {.name = "P5", .K = 3, .site_count = 1, .sites = path_site, .density = hidden_markov, .together = 1},
    {.name = "labels",
     .K = 3,
     .site_count = 1,
     .sites = label_site,
     .density = labels,
     .z = {1, 1, 1},
     .together = 3},
    {.name = "P7",
     .K = 2,
     .site_count = 2,
     .sites = dependent_sites,
     .density = dependent_support,
     .by_value = 1},
    {.name = "signed", .K = 2, .site_count = 1, .sites = signed_site, .density = signed_pair, .z = {-2, -2}},
    {.name = "segment", .D = 1, .site_count = 1, .sites = u1, .density = segment, .u = {0.1}},
    {.name = "humps", .D = 1, .site_count = 1, .sites = u1, .density = humps, .u = {0.1}},
    {.name = "square",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = square,
     .u = {0.1, -0.2},
     .by_value = 1},
    {.name = "mixed",
     .D = 1,
     .K = 2,
     .site_count = 2,
     .sites = mixed_sites,
     .density = mixed,
     .u = {0.1},
     .z = {1, 1},
     .together = 1},
};
const size_t borel_finite_trial_count = sizeof borel_finite_trials / sizeof *borel_finite_trials;

/* ---- continuous ------------------------------------------------------------------------------ */

static double normal(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  if (gradient) gradient[0] = -u[0];
  return -0.5 * u[0] * u[0];
}

static double scales(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  static const double sd[] = {0.13, 1, 7.7};
  double sum = 0;
  for (int i = 0; i < 3; i++) {
    double x = u[i] / sd[i];
    sum += x * x;
    if (gradient) gradient[i] = -x / sd[i];
  }
  return -0.5 * sum;
}

static double banana(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double bend = u[1] - u[0] * u[0];
  if (gradient) gradient[0] = -u[0] + 8 * bend * u[0], gradient[1] = -4 * bend;
  return -0.5 * u[0] * u[0] - 2 * bend * bend;
}

static double double_well(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double x = u[0], well = x * x - 1;
  if (gradient) gradient[0] = -8 * x * well + 0.3;
  return -2 * well * well + 0.3 * x;
}

/* The slope jumps along the axes. */
static double laplace(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  if (gradient) gradient[0] = u[0] > 0 ? -1 : 1, gradient[1] = u[1] > 0 ? -3 : 3;
  return -fabs(u[0]) - 3 * fabs(u[1]);
}

static double half_plane(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  if (gradient) gradient[0] = -u[0], gradient[1] = -u[1];
  return u[0] + 0.5 * u[1] > -0.4 ? -0.5 * (u[0] * u[0] + u[1] * u[1]) : -INFINITY;
}

/* A step of 3 that the gradient does not see: energies jump both ways along an orbit. */
static double cliff(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  if (gradient) gradient[0] = -u[0], gradient[1] = -u[1];
  return -0.5 * (u[0] * u[0] + u[1] * u[1]) - (u[0] > 0.5 ? 3 : 0) - (u[1] > 0.2 ? 1.5 : 0);
}

/* Neal 2003, with v ~ N(0, 2^2). */
static double funnel(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double precision = exp(-u[0]), square_sum = u[1] * u[1] + u[2] * u[2];
  if (gradient) {
    gradient[0] = -0.25 * u[0] - 1 + 0.5 * square_sum * precision;
    gradient[1] = -u[1] * precision;
    gradient[2] = -u[2] * precision;
  }
  return -0.125 * u[0] * u[0] - u[0] - 0.5 * square_sum * precision;
}

static double cauchy(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 1 + u[0] * u[0] + u[1] * u[1];
  if (gradient) gradient[0] = -3 * u[0] / sum, gradient[1] = -3 * u[1] / sum;
  return -1.5 * log(sum);
}

const borel_trial borel_continuous_trials[] = {
    {.name = "normal",
     .D = 1,
     .site_count = 1,
     .sites = u1,
     .density = normal,
     .u = {0.4},
     .steps = {0.3, 0.9, 1.7}},
    {.name = "scales",
     .D = 3,
     .site_count = 1,
     .sites = u3,
     .density = scales,
     .u = {0.05, 0.3, -2},
     .steps = {0.07, 0.18, 0.24}},
    {.name = "banana",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = banana,
     .u = {0.5, 0.6},
     .steps = {0.15, 0.4, 0.7}},
    {.name = "double well",
     .D = 1,
     .site_count = 1,
     .sites = u1,
     .density = double_well,
     .u = {0.7},
     .steps = {0.1, 0.3, 0.45}},
    {.name = "laplace",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = laplace,
     .u = {0.3, -0.2},
     .steps = {0.1, 0.4, 1.1}},
    {.name = "half plane",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = half_plane,
     .u = {0.5, 0.3},
     .steps = {0.2, 0.6, 1.3}},
    {.name = "half plane by value",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = half_plane,
     .u = {0.5, 0.3},
     .steps = {0.15, 0.5, 1.5},
     .by_value = 1},
    {.name = "cliff",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = cliff,
     .u = {0.4, 0.1},
     .steps = {0.25, 0.7, 1.4}},
    {.name = "funnel",
     .D = 3,
     .site_count = 1,
     .sites = u3,
     .density = funnel,
     .u = {-0.5, 0.4, -0.3},
     .steps = {0.15, 0.5, 0.9}},
    {.name = "cauchy",
     .D = 2,
     .site_count = 1,
     .sites = u2,
     .density = cauchy,
     .u = {0.4, -0.8},
     .steps = {0.3, 0.8, 1.6}},
};
const size_t borel_continuous_trial_count = sizeof borel_continuous_trials / sizeof *borel_continuous_trials;

/* Both blocks, with two continuous coordinates: some kernels need them. */
static double mixed_pair(const double *u, const int64_t *z, double *gradient) {
  double x = u[0] - 0.5 * (double)z[0], y = u[1] + 0.2 * (double)z[1];
  if (gradient) gradient[0] = -x, gradient[1] = -y;
  return -0.5 * (x * x + y * y) - 0.3 * (double)z[1];
}

static const borel_site mixed_pair_sites[] = {
    {.name = "a", .block = BOREL_SITE_U, .offset = 0, .size = 1},
    {.name = "b", .block = BOREL_SITE_U, .offset = 1, .size = 1},
    {.name = "m", .block = BOREL_SITE_Z, .offset = 0, .size = 2, .lowest = 1, .count = 3}};
static const borel_trial mixed_normal = {.name = "mixed pair",
                                         .D = 2,
                                         .K = 2,
                                         .site_count = 3,
                                         .sites = mixed_pair_sites,
                                         .density = mixed_pair,
                                         .u = {0.1, -0.2},
                                         .z = {1, 1},
                                         .together = 1};

/* Its second coordinate has tails of the fourth order. */
static double held(const double *u, const int64_t *z, double *gradient) {
  double x = u[0] - 0.5 * (double)z[0], y = u[1] + 0.2 * (double)z[1];
  if (gradient) gradient[0] = -x - 0.5 * y, gradient[1] = -y * y * y - 0.5 * x;
  return -0.5 * x * x - 0.25 * y * y * y * y - 0.5 * x * y - 0.3 * (double)z[1];
}

const borel_trial borel_held_trial = {.name = "held",
                                      .D = 2,
                                      .K = 2,
                                      .site_count = 3,
                                      .sites = mixed_pair_sites,
                                      .density = held,
                                      .u = {0.6, 0.1},
                                      .z = {1, 2},
                                      .steps = {0.2, 0.5, 0.8}};

const borel_trial *const borel_rule_trials[] = {&borel_continuous_trials[2], &borel_continuous_trials[5],
                                                &borel_continuous_trials[1], &borel_finite_trials[1],
                                                &mixed_normal};
const size_t borel_rule_trial_count = sizeof borel_rule_trials / sizeof *borel_rule_trials;

double borel_trial_density(const borel_trial *trial, const double *u, const int64_t *z, double *gradient) {
  return trial->density ? trial->density(u, z, gradient)
                        : borel_joint_density(trial->joint, trial->data, u, z, gradient);
}

/* ---- as targets ------------------------------------------------------------------------------ */

static const borel_layout *layout(borel_target *target, uint32_t id) {
  return id == 0 ? &((borel_trial_target *)target)->layout : NULL;
}

static borel_status evaluate(borel_target *target, const double *u, const int64_t *z, double *logdensity,
                             double *gradient, borel_error *error) {
  borel_trial_target *self = (borel_trial_target *)target;
  const borel_trial *trial = self->trial;
  int breaks = ++self->evaluations == self->breaks_at;
  *logdensity = breaks ? NAN : borel_trial_density(trial, u, z, gradient);
  for (size_t d = 0; gradient && d < trial->D; d++)
    if (breaks || *logdensity == -INFINITY) gradient[d] = NAN;
  if (breaks) return borel_fail(error, self->failure, "the trial target breaks down, as it was told to");
  if (isnan(*logdensity))
    return borel_fail(error, BOREL_DOMAIN, "the density of %s is not a number", trial->name);
  return *logdensity == -INFINITY && !trial->by_value ? BOREL_REJECT : BOREL_OK;
}

static borel_status logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *out, borel_error *error) {
  (void)id;
  return evaluate(target, u, z, out, NULL, error);
}

static borel_status gradient(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                             double *out, double *slope, borel_error *error) {
  (void)id;
  return evaluate(target, u, z, out, slope, error);
}

static const borel_target_ops ops = {
    .size = sizeof ops, .layout = layout, .logdensity = logdensity, .gradient = gradient};

/* ---- their conditionals ---------------------------------------------------------------------- */

static size_t independent(borel_target *target, uint32_t id, size_t k) {
  const borel_trial *trial = ((borel_trial_target *)target)->trial;
  (void)id;
  return trial->together - k % trial->together;
}

/* Up to a constant, which is another one for each coordinate. */
static borel_status conditional(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                                size_t k, size_t n, double *out, borel_error *error) {
  borel_trial_target *self = (borel_trial_target *)target;
  const borel_trial *trial = self->trial;
  const borel_site *site = trial->sites;
  (void)id;
  if (++self->evaluations == self->breaks_at)
    return borel_fail(error, self->failure, "the trial target breaks down, as it was told to");
  while (site->block != BOREL_SITE_Z || k < site->offset || k - site->offset >= site->size) site++;
  for (size_t i = 0; i < n; i++)
    for (int64_t v = 0; v < site->count; v++) {
      int64_t moved[BOREL_TRIAL_MAX];
      memcpy(moved, z, trial->K * sizeof *z);
      moved[k + i] = site->lowest + v;
      *out++ = trial->density(u, moved, NULL) + 3.7 * (double)(k + i + 1);
    }
  return BOREL_OK;
}

static const borel_target_ops conditional_ops = {.size = sizeof ops,
                                                 .layout = layout,
                                                 .logdensity = logdensity,
                                                 .gradient = gradient,
                                                 .independent = independent,
                                                 .conditional = conditional};

borel_trial_target borel_trial_open(const borel_trial *trial) {
  borel_trial_target opened = {.target = {trial->together ? &conditional_ops : &ops}, .trial = trial};
  opened.layout = (borel_layout){.size = sizeof(borel_layout),
                                 .D = trial->D,
                                 .K = trial->K,
                                 .site_count = trial->site_count,
                                 .sites = trial->sites};
  return opened;
}
