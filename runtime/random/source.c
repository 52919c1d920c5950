/* SPDX-License-Identifier: MIT */
#include "random/source.h"

#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>

void borel_source_open(borel_rng *rng, const borel_rng_ops *ops, borel_error *error) {
  rng->ops = ops;
  rng->error = error;
  rng->status = BOREL_OK;
}

void borel_source_fail(borel_rng *rng, borel_status code, const char *format, ...) {
  if (rng->status != BOREL_OK) return;
  rng->status = code;
  char message[sizeof rng->error->message];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  borel_fail(rng->error, code, "%s", message);
}

int borel_source_adopt(borel_rng *outer, const borel_rng *inner) {
  if (inner->status != BOREL_OK && outer->status == BOREL_OK) {
    outer->status = inner->status;
    if (outer->error && inner->error && outer->error != inner->error) *outer->error = *inner->error;
  }
  return outer->status == BOREL_OK;
}
