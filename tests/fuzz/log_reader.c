/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of draw logs. Input is read twice: as it is, and with all checksums repaired, because no
 * fuzzer guesses those. */
#include "core/hash.h"
#include "store/bytes.h"
#include "store/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_log(const uint8_t *data, size_t size) {
  borel_log_reader *reader;
  borel_log_record record;
  borel_log_block block;
  borel_error error;
  int more = 1;
  if (borel_log_open_memory(data, size, "input", &reader, &error) != BOREL_OK) return;
  while (borel_log_next(reader, &record, &more, &error) == BOREL_OK && more) {
    volatile double sink = 0;
    for (size_t i = 0; i < record.D; i++) sink = record.u[i];
    for (size_t i = 0; i < record.K; i++) sink = (double)record.z[i];
    for (size_t i = 0; i < record.V; i++) sink = record.values[i];
    for (size_t i = 0; i < record.I; i++) sink = record.info[i];
    (void)sink;
  }
  for (size_t i = 0; i < borel_log_layout_count(reader) && i < 4; i++)
    if (borel_log_load(reader, BOREL_LOG_DRAWS, borel_log_layout_id(reader, i), 15u, &block, &error) ==
        BOREL_OK)
      borel_log_block_free(&block);
  borel_log_reader_free(reader);
}

static void repair(uint8_t *data, size_t size) {
  for (size_t at = 12; at < size && size - at >= 8;) {
    uint32_t length = borel_bytes_get32(data + at);
    if (length > size - at - 8) return;
    borel_bytes_put32(data + at + 4, borel_crc32c(data + at + 8, length, borel_crc32c(data + at, 4, 0)));
    at += 8 + (size_t)length;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_log(data, size);
  uint8_t *copy = malloc(size ? size : 1);
  if (!copy) return 0;
  if (size) memcpy(copy, data, size);
  repair(copy, size);
  read_log(copy, size);
  free(copy);
  return 0;
}
