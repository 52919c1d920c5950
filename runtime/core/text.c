/* SPDX-License-Identifier: MIT */
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reserve(borel_text *text, size_t more) {
  if (text->failed) return 0;
  if (text->length + more + 1 <= text->capacity) return 1;
  size_t capacity = text->capacity ? text->capacity : 256;
  while (capacity < text->length + more + 1) capacity *= 2;
  char *bytes = realloc(text->bytes, capacity);
  if (!bytes) {
    text->failed = 1;
    return 0;
  }
  text->bytes = bytes;
  text->capacity = capacity;
  return 1;
}

void borel_text_append(borel_text *text, const char *bytes, size_t length) {
  if (!reserve(text, length)) return;
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = 0;
}

void borel_text_printf(borel_text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int needed = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (needed >= 0 && reserve(text, (size_t)needed)) {
    vsnprintf(text->bytes + text->length, (size_t)needed + 1, format, again);
    text->length += (size_t)needed;
  }
  va_end(again);
}

void borel_text_free(borel_text *text) {
  free(text->bytes);
  *text = (borel_text){0};
}
