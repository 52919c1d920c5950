/* SPDX-License-Identifier: MIT
 * Tables in CSV (RFC 4180), read by libcsv: UTF-8, with or without a byte order mark, any line ends, fields
 * in double quotes where needed, blank lines skipped, spaces around an unquoted field dropped.
 *
 * The first line names the columns; a first column without a name (row numbers, as R writes them) is left
 * out. The first entry of a column that is not missing decides what it holds, and later ones must agree:
 *
 *   numbers   i64 when every entry is a whole number of 64 bits and none is missing, else f64 with NaN for
 * missing truths    true, false (also TRUE, True, ...): bool; none may be missing texts     anything else
 *
 * Missing is an empty field or NA. `types` takes the place of the decision. A column that is all missing is
 * f64. */
#ifndef BOREL_DATA_CSV_H
#define BOREL_DATA_CSV_H

#include "data/table.h"

typedef enum { BOREL_CSV_GUESS, BOREL_CSV_F64, BOREL_CSV_I64, BOREL_CSV_BOOL, BOREL_CSV_TEXT } borel_csv_type;

typedef struct {
  const char *column;
  borel_csv_type type;
} borel_csv_typed;

typedef struct {
  char delimiter;             /* 0: a comma */
  const char *const *columns; /* those to keep, in the order of the file; none: all */
  size_t column_count;
  const borel_csv_typed *types;
  size_t type_count;
} borel_csv_options;

/* Errors begin with "name:line". Memory taken is bounded by a small multiple of `size`. */
borel_status borel_csv_parse(const char *name, const uint8_t *bytes, size_t size, const borel_csv_options *,
                             borel_table *out, borel_error *);

#endif
