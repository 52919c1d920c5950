/* SPDX-License-Identifier: MIT */
#include "data/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/file.h"

borel_column *borel_table_add(borel_table *table, const char *name, size_t length) {
  borel_column *grown = realloc(table->columns, (table->count + 1) * sizeof *grown);
  if (!grown) return NULL;
  table->columns = grown;
  grown[table->count] = (borel_column){.name = strndup(name, length)};
  if (!grown[table->count].name) return NULL;
  return &grown[table->count++];
}

borel_column *borel_table_find(const borel_table *table, const char *name) {
  for (size_t i = 0; i < table->count; i++)
    if (strcmp(table->columns[i].name, name) == 0) return &table->columns[i];
  return NULL;
}

void borel_table_free(borel_table *table) {
  for (size_t i = 0; i < table->count; i++) {
    borel_column *column = &table->columns[i];
    for (size_t row = 0; column->cells && row < table->rows; row++) free(column->cells[row].bytes);
    free(column->cells);
    free(column->name);
    borel_array_release(&column->array);
  }
  free(table->columns);
  *table = (borel_table){0};
}

borel_status borel_data_load(const char *path, uint8_t **bytes, size_t *size, borel_error *error) {
  int fd;
  uint64_t length = 0;
  *bytes = NULL;
  borel_status status = borel_file_open(path, &fd, &length, error);
  if (status) return status;
  if (length > BOREL_DATA_MOST_BYTES)
    status = borel_fail(error, BOREL_ARG, "'%.700s' has %llu bytes; a data file may have at most %zu", path,
                        (unsigned long long)length, BOREL_DATA_MOST_BYTES);
  else if (!(*bytes = malloc((size_t)length + 1)))
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for '%.700s' (%llu bytes)", path,
                        (unsigned long long)length);
  else
    status = borel_file_read(fd, path, 0, *bytes, (size_t)length, error);
  close(fd);
  *size = (size_t)length;
  if (status) {
    free(*bytes);
    *bytes = NULL;
  }
  return status;
}
