/* SPDX-License-Identifier: MIT
 * A density instance as a target. */
#ifndef BOREL_HOST_DENSITY_TARGET_H
#define BOREL_HOST_DENSITY_TARGET_H

#include "host/instance.h"

/* A target for one chain: it owns the scratch arrays, the instance stays the caller's and must outlive it.
 * Its only layout has id 0. A NaN becomes DOMAIN, +inf too; -inf stays a number; REJECT sets -inf. Without a
 * gradient op, `gradient` is absent. Errors: ARG for a broken layout, those of borel_block_create. */
borel_status borel_density_target_create(const borel_density *, borel_target **, borel_error *);
void borel_density_target_destroy(borel_target *); /* NULL is fine */

#endif
