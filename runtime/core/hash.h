/* SPDX-License-Identifier: MIT
 * Two hashes: a 64-bit one for tables and names inside a process (FNV-1a, finished by a mixer), and a
 * CRC-32C (Castagnoli, as in RFC 3720) that guards records on disk. */
#ifndef BOREL_CORE_HASH_H
#define BOREL_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Hash of `size` bytes, continuing from `seed` (0 to start). The same on every machine. */
uint64_t borel_hash(const void *bytes, size_t size, uint64_t seed);
uint64_t borel_hash_text(const char *text, uint64_t seed);

/* CRC-32C of `size` bytes, continuing from `crc` (0 to start). */
uint32_t borel_crc32c(const void *bytes, size_t size, uint32_t crc);

#endif
