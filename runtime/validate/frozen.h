/* SPDX-License-Identifier: MIT
 * A kernel on a joint law, tuned on data of its own and then frozen: from here on it knows nothing of the
 * parameters and data that it is tried on. */
#ifndef BOREL_VALIDATE_FROZEN_H
#define BOREL_VALIDATE_FROZEN_H

#include "random/source_philox.h"
#include "validate/joint.h"
#include "validate/rig.h"

typedef struct {
  const borel_joint *joint;
  borel_trial trial;
  double data[BOREL_JOINT_DATA]; /* the target is the density given these */
  borel_rig rig;
  double accept; /* mean of the info field `accept` after tuning; NaN without one */
  uint64_t key;
  double drawn_u[BOREL_TRIAL_MAX]; /* the last exact draw */
  int64_t drawn_z[BOREL_TRIAL_MAX];
} borel_frozen;

/* Warms up on parameters and data drawn below `key`, and changes a tuning field `step_size` until acceptance
 * is moderate, as near 1 a wrong decision would be rare. The struct must not move. Statuses as in
 * borel_rig_open; close it anyway. */
borel_status borel_frozen_open(borel_frozen *, const borel_component *, borel_args, const borel_joint *,
                               uint64_t key);
void borel_frozen_close(borel_frozen *);

/* A source of its own for number `index` of `role`. */
void borel_frozen_rng(borel_frozen *, borel_philox_rng *, const char *role, uint64_t round, uint64_t index);

/* Parameters and data from the joint law; the point is put there. */
void borel_frozen_draw(borel_frozen *, borel_rng *);
/* Is the point not where it was drawn? */
int borel_frozen_moved(const borel_frozen *);
/* Puts the point back there, as a chain that begins. */
void borel_frozen_return(borel_frozen *);
/* `count` steps. */
borel_status borel_frozen_steps(borel_frozen *, borel_rng *, size_t count);
/* borel_joint_statistics of the point and the data. */
size_t borel_frozen_statistics(const borel_frozen *, double out[BOREL_STATISTICS]);

#endif
