/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of NPZ files. What is inside an entry is behind a check sum, so the reader of NPY has a
 * harness of its own. */
#include "data/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  borel_table table;
  borel_error error;
  if (borel_npz_parse("input", data, size, &table, &error) == BOREL_OK) borel_table_free(&table);
  return 0;
}
