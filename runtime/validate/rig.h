/* SPDX-License-Identifier: MIT
 * A kernel set up on a trial with all that one chain owns. Between calls everything that a kernel may not
 * rely on is spoiled. */
#ifndef BOREL_VALIDATE_RIG_H
#define BOREL_VALIDATE_RIG_H

#include "host/instance.h"
#include "host/point.h"
#include "host/windows.h"
#include "validate/trial.h"

typedef struct {
  borel_trial_target target;
  borel_kernel *kernel;
  borel_kernel_blocks blocks;
  borel_block *begun; /* state as it was after `begin` */
  borel_host_point *point;
  double *info;
  borel_windows plan;
  int spoil; /* the byte that scratch and info are filled with before each call */
  borel_error error;
} borel_rig;

/* Creates, begins and warms at the start of the trial. On failure `rig->error` says why; close it anyway.
 * ARG: this kernel is not for such a target. */
borel_status borel_rig_open(borel_rig *, const borel_component *, borel_args, const borel_trial *,
                            const borel_windows *plan);
void borel_rig_close(borel_rig *);

/* One step in the phase of `iteration`, and `adapt` while that is part of the warm-up. The status of the
 * kernel, or of the source when that has failed; `rig->error` says why. REJECT becomes INTERNAL: a step is
 * none. */
borel_status borel_rig_step(borel_rig *, borel_rng *, uint64_t iteration);

/* At these coordinates, nothing cached, and the state as after `begin`. NULL: at the start of the trial. */
void borel_rig_reset(borel_rig *, const double *u, const int64_t *z);

/* Are the point's coordinates in place and what it caches true? 0 after filling `rig->error`. Fresh
 * evaluations may differ by rounding: 1e-9 relative. */
int borel_rig_is_true(borel_rig *);

/* A tuning field of `count` F64; NULL when the kernel has no such field. */
double *borel_rig_tuning(const borel_rig *, const char *name, size_t count);

#endif
