/* SPDX-License-Identifier: MIT
 * Joint laws of parameters and data that can be drawn from exactly. Each is also a target: the density of the
 * parameters given data, whose constant nobody needs to know. */
#ifndef BOREL_VALIDATE_JOINT_H
#define BOREL_VALIDATE_JOINT_H

#include "validate/trial.h"

enum {
  BOREL_JOINT_DATA = 4,                      /* most numbers of data */
  BOREL_STATISTICS = 2 * BOREL_TRIAL_MAX + 3 /* most that borel_joint_statistics gives */
};

typedef struct borel_joint {
  const char *name;
  size_t D, K, site_count, data_count;
  const borel_site *sites;
  void (*draw_parameters)(borel_rng *, double *u, int64_t *z);
  void (*draw_data)(borel_rng *, const double *u, const int64_t *z, double *data);
  /* Log-densities, the second up to terms of the data alone. They add to gradient [D], which may be NULL. */
  double (*prior)(const double *u, const int64_t *z, double *gradient);
  double (*likelihood)(const double *data, const double *u, const int64_t *z, double *gradient);
  int modes; /* there may be several, between which chains seldom move */
} borel_joint;

extern const borel_joint borel_joints[];
extern const size_t borel_joint_count;

double borel_joint_density(const borel_joint *, const double *data, const double *u, const int64_t *z,
                           double *gradient);

/* What the tests look at: each coordinate of u and z, the log-likelihood, log-prior plus log-likelihood, and
 * the cosine of the sum of all coordinates and the first number of the data. Returns how many. */
size_t borel_joint_statistics(const borel_joint *, const double *data, const double *u, const int64_t *z,
                              double out[BOREL_STATISTICS]);
/* "u[0]", "log-likelihood", ... */
void borel_joint_statistic_name(const borel_joint *, size_t statistic, char out[24]);

#endif
