/* SPDX-License-Identifier: MIT
 * What one field of a CSV file can be read as. */
#ifndef BOREL_DATA_CSV_FIELD_H
#define BOREL_DATA_CSV_FIELD_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int missing; /* empty or NA */
  int numeric; /* `number` holds */
  int whole;   /* `integer` holds too */
  int beyond;  /* written with digits, but too large for a double */
  int rounded; /* written as a whole number of more than 53 bits, which `number` does not hold */
  int truth;   /* 0 or 1; -1: not a boolean */
  double number;
  int64_t integer;
} borel_csv_field;

/* text[length] is NUL-terminated, or NULL for an empty field. */
borel_csv_field borel_csv_field_read(const char *text, size_t length);
/* The line (from 1) of the first byte that is no UTF-8 or is NUL; 0 when there is none. */
size_t borel_csv_bad_line(const uint8_t *bytes, size_t size);

#endif
