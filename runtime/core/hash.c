/* SPDX-License-Identifier: MIT */
#include "core/hash.h"

#include <string.h>

static uint64_t mix(uint64_t h) {
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdULL;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33);
}

uint64_t borel_hash(const void *bytes, size_t size, uint64_t seed) {
  const unsigned char *at = bytes;
  uint64_t h = 0xcbf29ce484222325ULL ^ seed;
  for (size_t i = 0; i < size; i++) h = (h ^ at[i]) * 0x100000001b3ULL;
  return mix(h ^ size);
}

uint64_t borel_hash_text(const char *text, uint64_t seed) { return borel_hash(text, strlen(text), seed); }

/* A CRC table is linear: its entry n is the sum over GF(2) of the entries at the bits of n, a to h. */
#define BIT(n, b, entry) (((n) >> (b)&1u) ? (entry) : 0u)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                                     \
  (BIT(n, 0, a) ^ BIT(n, 1, b) ^ BIT(n, 2, c) ^ BIT(n, 3, d) ^ BIT(n, 4, e) ^ BIT(n, 5, f) ^ BIT(n, 6, g) ^  \
   BIT(n, 7, h))
#define ENTRIES_4(n, ...)                                                                                    \
  ENTRY(n, __VA_ARGS__), ENTRY((n) + 1u, __VA_ARGS__), ENTRY((n) + 2u, __VA_ARGS__),                         \
      ENTRY((n) + 3u, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                                                                   \
  ENTRIES_4(n, __VA_ARGS__), ENTRIES_4((n) + 4u, __VA_ARGS__), ENTRIES_4((n) + 8u, __VA_ARGS__),             \
      ENTRIES_4((n) + 12u, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                                                                   \
  ENTRIES_16(n, __VA_ARGS__), ENTRIES_16((n) + 16u, __VA_ARGS__), ENTRIES_16((n) + 32u, __VA_ARGS__),        \
      ENTRIES_16((n) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                                           \
  ENTRIES_64(0u, __VA_ARGS__), ENTRIES_64(64u, __VA_ARGS__), ENTRIES_64(128u, __VA_ARGS__),                  \
      ENTRIES_64(192u, __VA_ARGS__)

/* crc_table[k][n]: the effect of byte n followed by k zero bytes (slicing by 4, polynomial 0x82f63b78). */
static const uint32_t crc_table[4][256] = {
    {TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78)},
    {TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9)},
    {TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743)},
    {TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f)}};

static uint32_t crc_by_table(const unsigned char *at, size_t size, uint32_t crc) {
  for (; size >= 4; size -= 4, at += 4)
    crc = crc_table[3][(crc ^ at[0]) & 0xff] ^ crc_table[2][(crc >> 8 ^ at[1]) & 0xff] ^
          crc_table[1][(crc >> 16 ^ at[2]) & 0xff] ^ crc_table[0][crc >> 24 ^ at[3]];
  for (; size > 0; size--, at++) crc = crc >> 8 ^ crc_table[0][(crc ^ *at) & 0xff];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(const unsigned char *at, size_t size,
                                                                     uint32_t crc) {
  uint64_t wide = crc;
  for (; size >= 8; size -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = (uint32_t)wide;
  for (; size > 0; size--, at++) crc = __builtin_ia32_crc32qi(crc, *at);
  return crc;
}
#endif

uint32_t borel_crc32c(const void *bytes, size_t size, uint32_t crc) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc_by_instruction(bytes, size, ~crc);
#endif
  return ~crc_by_table(bytes, size, ~crc);
}
