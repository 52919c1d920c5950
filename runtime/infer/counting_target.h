/* SPDX-License-Identifier: MIT
 * A target that counts the evaluations of another. */
#ifndef BOREL_INFER_COUNTING_TARGET_H
#define BOREL_INFER_COUNTING_TARGET_H

#include <borel/plugin.h>

typedef struct {
  borel_target target; /* first */
  borel_target_ops ops;
  borel_target *inner;
  uint64_t densities, gradients;
} borel_counting_target;

/* `inner` stays the caller's and must outlive it. */
void borel_counting_target_wrap(borel_counting_target *, borel_target *inner);

#endif
