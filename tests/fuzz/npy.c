/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of NPY files. */
#include "data/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  borel_array array;
  borel_error error;
  volatile double sink = 0;
  if (borel_npy_parse("input", data, size, &array, &error)) return 0;
  for (int64_t i = 0, n = borel_shape_size(&array.shape); i < n; i++) sink = borel_array_at(&array, i);
  (void)sink;
  borel_array_release(&array);
  return 0;
}
