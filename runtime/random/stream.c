/* SPDX-License-Identifier: MIT */
#include "random/stream.h"

#include "core/hash.h"
#include "random/philox.h"

void borel_stream_counter(const borel_cell *cell, uint32_t block, uint32_t counter[4]) {
  counter[0] = block;
  counter[1] = cell->lane;
  counter[2] = (uint32_t)cell->index;
  counter[3] = (uint32_t)cell->site << 16 | (uint32_t)(cell->index >> 32);
}

uint64_t borel_stream_child_id(uint64_t key, uint64_t tag) {
  const uint32_t counter[4] = {(uint32_t)tag, (uint32_t)(tag >> 32), 0xFFFFFFFFu, 0xFFFFFFFFu};
  uint32_t out[4];
  borel_philox(key, counter, out);
  return (uint64_t)out[1] << 32 | out[0];
}

uint64_t borel_stream_child(uint64_t key, const char *role) {
  return borel_stream_child_id(key, borel_hash_text(role, 0));
}

/* The seed takes the place of a key; one derivation makes neighbouring seeds unlike. */
uint64_t borel_stream_root(uint64_t seed) { return borel_stream_child(seed, "borel"); }
