/* SPDX-License-Identifier: MIT
 * Derivatives by central differences with Richardson extrapolation (Ridders 1982: the step shrinks by 1.4,
 * the estimate is the entry of the extrapolation table with the least change to its neighbours). */
#ifndef BOREL_TESTS_SUPPORT_DIFFERENCES_H
#define BOREL_TESTS_SUPPORT_DIFFERENCES_H

#include "support/engines.h"

typedef struct {
  double value, error; /* error: of the extrapolation, as it estimates it */
} difference;

/* d output[i] / d x[i] for all i < count at once, interpreted: x is an input, and elements do not mix. */
void differences(engines *, size_t program, size_t output, void *const *inputs, double *x, size_t count,
                 difference *out);
/* d output[0] / d x[i]: one element of an input at a time. */
void partial_differences(engines *, size_t program, size_t output, void *const *inputs, double *x,
                         size_t count, difference *out);

#endif
