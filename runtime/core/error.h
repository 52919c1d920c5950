/* SPDX-License-Identifier: MIT
 * Errors travel as a status code and one line of text; nothing aborts. */
#ifndef BOREL_CORE_ERROR_H
#define BOREL_CORE_ERROR_H

#include <borel/plugin.h>

/* Fills `error` (may be NULL) with `code` and a printf-like message; returns `code`, so that a function
 * can end with `return borel_fail(error, BOREL_ARG, "...")`. */
borel_status borel_fail(borel_error *error, borel_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message that `error` holds. */
void borel_fail_within(borel_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word for a code: "ok", "domain", ... */
const char *borel_status_name(borel_status code);

#endif
