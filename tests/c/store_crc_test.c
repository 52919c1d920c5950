/* SPDX-License-Identifier: MIT
 * CRC-32C: the published values, and the same value from the table as from the processor. */
#include "core/hash.h"

#include <criterion/criterion.h>
#include <string.h>

/* The portable half of core/hash.c, under other names. */
uint32_t table_crc32c(const void *bytes, size_t size, uint32_t crc);
uint64_t table_hash(const void *bytes, size_t size, uint64_t seed);
uint64_t table_hash_text(const char *text, uint64_t seed);
#undef __x86_64__
#define borel_crc32c table_crc32c
#define borel_hash table_hash
#define borel_hash_text table_hash_text
#include "core/hash.c"
#undef borel_crc32c

static uint32_t bitwise(const unsigned char *at, size_t size, uint32_t crc) {
  crc = ~crc;
  for (size_t i = 0; i < size; i++) {
    crc ^= at[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
  }
  return ~crc;
}

Test(store_crc, published_values) { /* RFC 3720, appendix B.4; and the check value of the CRC catalogue */
  unsigned char bytes[32] = {0};
  cr_assert_eq(borel_crc32c("123456789", 9, 0), 0xe3069283u);
  cr_assert_eq(borel_crc32c(bytes, 32, 0), 0x8a9136aau);
  memset(bytes, 0xff, 32);
  cr_assert_eq(borel_crc32c(bytes, 32, 0), 0x62a8ab43u);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
  cr_assert_eq(borel_crc32c(bytes, 32, 0), 0x46dd794eu);
}

Test(store_crc, every_way_agrees_at_every_length_and_alignment) {
  unsigned char bytes[300];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * i * 7 + i / 3);
  for (size_t start = 0; start < 9; start++)
    for (size_t size = 0; size + start <= sizeof bytes; size++) {
      uint32_t expected = bitwise(bytes + start, size, (uint32_t)size);
      cr_assert_eq(borel_crc32c(bytes + start, size, (uint32_t)size), expected);
      cr_assert_eq(table_crc32c(bytes + start, size, (uint32_t)size), expected);
    }
}

Test(store_crc, a_checksum_continues) {
  uint32_t whole = borel_crc32c("framed records", 14, 0);
  for (size_t cut = 0; cut <= 14; cut++)
    cr_assert_eq(borel_crc32c("framed records" + cut, 14 - cut, borel_crc32c("framed records", cut, 0)),
                 whole);
}
