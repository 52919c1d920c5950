/* SPDX-License-Identifier: MIT
 * Little-endian numbers in byte buffers, for formats that are the same on every machine. Buffers need
 * no alignment. */
#ifndef BOREL_STORE_BYTES_H
#define BOREL_STORE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Copies `count` numbers of `size` bytes (1, 4 or 8) between native and little-endian order. */
static inline void borel_bytes_copy(void *to, const void *from, size_t count, size_t size) {
  if (count == 0) return; /* the arrays may be NULL */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(to, from, count * size);
#else
  unsigned char *out = to;
  const unsigned char *in = from;
  for (size_t i = 0; i < count; i++, out += size, in += size)
    for (size_t k = 0; k < size; k++) out[k] = in[size - 1 - k];
#endif
}

static inline void borel_bytes_put32(unsigned char *at, uint32_t value) {
  borel_bytes_copy(at, &value, 1, 4);
}
static inline void borel_bytes_put64(unsigned char *at, uint64_t value) {
  borel_bytes_copy(at, &value, 1, 8);
}

static inline uint32_t borel_bytes_get32(const unsigned char *at) {
  uint32_t value;
  borel_bytes_copy(&value, at, 1, 4);
  return value;
}

static inline uint64_t borel_bytes_get64(const unsigned char *at) {
  uint64_t value;
  borel_bytes_copy(&value, at, 1, 8);
  return value;
}

#endif
