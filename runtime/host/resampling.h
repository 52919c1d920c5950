/* SPDX-License-Identifier: MIT
 * Calls of resamplers, held to their interface. */
#ifndef BOREL_HOST_RESAMPLING_H
#define BOREL_HOST_RESAMPLING_H

#include "host/instance.h"

/* The scratch of one thread for up to n weights and offspring. Errors: those of borel_block_create. */
borel_status borel_resampler_scratch(const borel_resampler *, size_t n, borel_block **, borel_error *);

/* Draws ancestors [count], indices into weights [n], which sum to 1. Errors: ARG for n or count of 0 and for
 * weights that are negative, not finite, or do not sum to 1 (to 1e-9); INTERNAL for an ancestor outside
 * 0 .. n - 1 or of weight 0; what the resampler or the source reports. `scratch` has room for the larger of
 * n and count. [any thread] */
borel_status borel_resample(const borel_resampler *, borel_block *scratch, borel_rng *, size_t n,
                            const double *weights, size_t count, int64_t *ancestors, borel_error *);

#endif
