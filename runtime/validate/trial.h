/* SPDX-License-Identifier: MIT
 * Targets made to try kernels on: small, exact, and awkward where kernels go wrong. */
#ifndef BOREL_VALIDATE_TRIAL_H
#define BOREL_VALIDATE_TRIAL_H

#include <borel/plugin.h>

enum { BOREL_TRIAL_MAX = 3 }; /* largest D and K */

struct borel_joint;

typedef struct {
  const char *name;
  size_t D, K, site_count;
  const borel_site *sites;
  /* Log-density, -inf outside the support. gradient [D] or NULL. NULL: that of `joint` at `data`. */
  double (*density)(const double *u, const int64_t *z, double *gradient);
  const struct borel_joint *joint;
  const double *data;        /* may change between two evaluations, if the point then forgets what it knew */
  double u[BOREL_TRIAL_MAX]; /* where to start, inside the support */
  int64_t z[BOREL_TRIAL_MAX];
  double steps[3]; /* of a leapfrog: fine, coarse, at the edge of stability */
  int by_value;    /* outside the support evaluations return OK and -inf, not REJECT */
  size_t together; /* it knows its conditionals: of this many coordinates at once, as they are independent */
} borel_trial;

double borel_trial_density(const borel_trial *, const double *u, const int64_t *z, double *gradient);

/* A trial as a target, which can be told to break down. */
typedef struct {
  borel_target target; /* first: the pointers convert */
  const borel_trial *trial;
  borel_layout layout;
  uint64_t evaluations;
  uint64_t breaks_at;   /* number of the evaluation (from 1) that fails; 0: none */
  borel_status failure; /* with this code, and NaN in the numbers */
} borel_trial_target;

borel_trial_target borel_trial_open(const borel_trial *);

/* For matrices: finite in z, and in u bounded, so that a kernel that moves by fixed amounts visits finitely
 * many points. Single changes of z connect each support. */
extern const borel_trial borel_finite_trials[];
extern const size_t borel_finite_trial_count;
/* For orbits and pairs: continuous, D >= 1, K = 0, with a gradient. */
extern const borel_trial borel_continuous_trials[];
extern const size_t borel_continuous_trial_count;
/* For orbits: discrete coordinates that are held, D >= 1, with a gradient. */
extern const borel_trial borel_held_trial;
/* For the rules of the interface. */
extern const borel_trial *const borel_rule_trials[];
extern const size_t borel_rule_trial_count;

#endif
