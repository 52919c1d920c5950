/* SPDX-License-Identifier: MIT
 * What a data file holds: named columns, each an array or, for texts, a list of cells. */
#ifndef BOREL_DATA_TABLE_H
#define BOREL_DATA_TABLE_H

#include "core/array.h"
#include "core/error.h"

typedef struct {
  char *bytes; /* NUL-terminated; NULL: missing */
  size_t length;
} borel_cell;

typedef struct {
  char *name;
  borel_array array; /* data is NULL for a column of texts */
  borel_cell *cells; /* [rows], NULL for an array */
} borel_column;

typedef struct {
  borel_column *columns;
  size_t count, rows; /* rows: of a CSV file */
} borel_table;

/* Appends an empty column with a copy of `name`; NULL when memory is short. */
borel_column *borel_table_add(borel_table *, const char *name, size_t length);
/* The column of that name, or NULL. */
borel_column *borel_table_find(const borel_table *, const char *name);
void borel_table_free(borel_table *);

/* Reads a whole regular file of at most BOREL_DATA_MOST_BYTES; *bytes is to be released with free. */
#define BOREL_DATA_MOST_BYTES ((size_t)2 << 30)
borel_status borel_data_load(const char *path, uint8_t **bytes, size_t *size, borel_error *);

#endif
