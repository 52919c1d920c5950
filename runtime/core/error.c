/* SPDX-License-Identifier: MIT */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

borel_status borel_fail(borel_error *error, borel_status code, const char *format, ...) {
  if (error) {
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    error->code = code;
  }
  return code;
}

void borel_fail_within(borel_error *error, const char *format, ...) {
  char old[sizeof error->message];
  memcpy(old, error->message, sizeof old);
  va_list args;
  va_start(args, format);
  int used = vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  if (used < 0 || (size_t)used >= sizeof error->message) return;
  snprintf(error->message + used, sizeof error->message - (size_t)used, ": %.*s", 900, old);
}

const char *borel_status_name(borel_status code) {
  switch (code) {
  case BOREL_OK: return "ok";
  case BOREL_REJECT: return "reject";
  case BOREL_DOMAIN: return "domain";
  case BOREL_ARG: return "argument";
  case BOREL_IO: return "io";
  case BOREL_CANCELLED: return "cancelled";
  case BOREL_INTERNAL: return "internal";
  }
  return "unknown";
}
