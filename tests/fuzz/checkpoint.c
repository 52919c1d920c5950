/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of checkpoints. Input is read twice: as it is, and with size and check sum repaired,
 * because no fuzzer guesses those. */
#include <stdlib.h>

#include "store/checkpoint_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_checkpoint(const uint8_t *data, size_t size) {
  static const char *const names[] = {"iteration", "point.u", "tuning.step_size", "text"};
  borel_checkpoint_reader *reader;
  borel_error error;
  if (borel_checkpoint_parse(data, size, "input", &reader, &error)) return;
  volatile uint64_t sink = borel_checkpoint_log_length(reader);
  for (size_t i = 0; i < borel_checkpoint_count(reader); i++) {
    const borel_checkpoint_entry *e = borel_checkpoint_at(reader, i);
    size_t bytes = e->kind == BOREL_ENTRY_U64    ? 8
                   : e->kind == BOREL_ENTRY_TEXT ? 1
                                                 : borel_dtype_size(e->dtype);
    if (e->kind != BOREL_ENTRY_U64) bytes *= (size_t)borel_shape_size(&e->shape);
    for (size_t k = 0; k < bytes; k++) sink += ((const unsigned char *)e->data)[k];
    sink += strlen(e->name);
  }
  for (size_t i = 0; i < 4; i++) {
    uint64_t whole;
    double real;
    const char *text;
    const void *array;
    borel_checkpoint_get_u64(reader, names[i], &whole, &error);
    borel_checkpoint_get_real(reader, names[i], &real, &error);
    borel_checkpoint_get_array(reader, names[i], BOREL_F64, &(borel_shape){1, {3}}, &array, &error);
    if (borel_checkpoint_get_text(reader, names[i], &text, &error) == BOREL_OK) sink += strlen(text);
  }
  (void)sink;
  borel_checkpoint_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_checkpoint(data, size);
  if (size < CHECKPOINT_START + CHECKPOINT_END) return 0;
  uint8_t *copy = malloc(size);
  if (!copy) return 0;
  memcpy(copy, data, size);
  borel_bytes_put64(copy + 16, size);
  borel_bytes_put32(copy + size - CHECKPOINT_END, borel_crc32c(copy, size - CHECKPOINT_END, 0));
  read_checkpoint(copy, size);
  free(copy);
  return 0;
}
