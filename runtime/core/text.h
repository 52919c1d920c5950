/* SPDX-License-Identifier: MIT
 * A growing string. After a failed allocation `failed` stays set and further writes do nothing. */
#ifndef BOREL_CORE_TEXT_H
#define BOREL_CORE_TEXT_H

#include <stddef.h>

typedef struct {
  char *bytes; /* NUL-terminated once something was written; NULL before */
  size_t length, capacity;
  int failed;
} borel_text;

void borel_text_printf(borel_text *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void borel_text_append(borel_text *, const char *bytes, size_t length);
void borel_text_free(borel_text *);

#endif
