/* SPDX-License-Identifier: MIT */
#include "data/csv_field.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_one_of(const char *text, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(text, words[i]) == 0) return 1;
  return 0;
}

/* Is the double exactly the whole number? 2^63 is a double, but no whole number of 64 bits. */
static int same(const borel_csv_field *field) {
  return field->number < 0x1p63 && (int64_t)field->number == field->integer;
}

/* Decimal numbers, "nan" and "inf" in any case; not the hexadecimal ones that strtod also takes. */
static void read_number(const char *text, size_t length, borel_csv_field *field) {
  if (strpbrk(text, "xX(")) return;
  char *end;
  field->number = strtod(text, &end);
  field->numeric = end == text + length;
  errno = 0;
  field->integer = strtoll(text, &end, 10);
  field->whole = end == text + length && errno == 0;
  int digits = end == text + length && end > text;
  field->beyond = field->numeric && isinf(field->number) && strpbrk(text, "0123456789") != NULL;
  field->rounded = digits && (!field->whole || !same(field));
}

borel_csv_field borel_csv_field_read(const char *text, size_t length) {
  static const char *const yes[] = {"true", "TRUE", "True"}, *const no[] = {"false", "FALSE", "False"};
  borel_csv_field field = {.truth = -1, .number = NAN};
  if (!text || length == 0 || strcmp(text, "NA") == 0) {
    field.missing = 1;
    return field;
  }
  field.truth = is_one_of(text, yes, 3) ? 1 : is_one_of(text, no, 3) ? 0 : -1;
  if (field.truth < 0) read_number(text, length, &field);
  return field;
}

/* Length of the UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 when there is none or it is NUL. */
static size_t sequence(const uint8_t *at, const uint8_t *end) {
  uint8_t first = at[0], low = 0x80, high = 0xbf;
  size_t more;
  if (first < 0x80) return first != 0;
  if (first < 0xc2 || first > 0xf4) return 0;
  more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  if ((size_t)(end - at) <= more) return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i <= more; i++)
    if (at[i] < 0x80 || at[i] > 0xbf) return 0;
  return more + 1;
}

size_t borel_csv_bad_line(const uint8_t *bytes, size_t size) {
  size_t line = 1;
  for (const uint8_t *at = bytes, *end = bytes + size; at < end;) {
    size_t n = sequence(at, end);
    if (n == 0) return line;
    line += *at == '\n';
    at += n;
  }
  return 0;
}
