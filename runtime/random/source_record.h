/* SPDX-License-Identifier: MIT
 * The recording source: another source answers, and every choice goes to a trace. A fill is recorded element
 * by element in row-major order. */
#ifndef BOREL_RANDOM_SOURCE_RECORD_H
#define BOREL_RANDOM_SOURCE_RECORD_H

#include "random/choice.h"
#include <borel/plugin.h>

typedef struct {
  borel_rng rng;
  borel_rng *source;
  borel_trace *trace;
} borel_record_rng;

/* `source` and `trace` are the caller's and outlive the recorder; the trace is appended to. */
void borel_record_open(borel_record_rng *, borel_rng *source, borel_trace *trace, borel_error *error);

#endif
