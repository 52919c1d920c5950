/* SPDX-License-Identifier: MIT
 * The plan of a warm-up, as in Stan: a fast start of 75 iterations, slow windows of 25, 50, 100, ... and a
 * fast end of 50; 15 %, 75 % and 10 % of a warm-up that is shorter than 150; only fast below 20. A window
 * whose successor would be cut short takes the rest (in Stan from the second window on). */
#ifndef BOREL_HOST_WINDOWS_H
#define BOREL_HOST_WINDOWS_H

#include <borel/plugin.h>

typedef struct {
  uint64_t warmup, total;    /* iterations */
  uint64_t start, end, base; /* slow windows cover [start, end), the first has `base` iterations */
} borel_windows;

borel_windows borel_windows_plan(uint64_t warmup, uint64_t total);

/* The phase of an iteration (0-based) with `lanes` lanes; a pure function, so that a run resumes anywhere. */
borel_phase borel_windows_phase(const borel_windows *, uint64_t iteration, uint64_t lanes);

#endif
