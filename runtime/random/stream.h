/* SPDX-License-Identifier: MIT
 * Where a random number lives: a 64-bit key (who asks, by name) and a cell under it (which lane, which
 * index, which site). Nothing is handed on from draw to draw, so threads, batches and order never matter.
 * docs/streams.md is the description; both are part of every file format.
 *
 * The counter of block `block` of a cell:
 *
 *   word 0   block                            31 ..  0
 *   word 1   lane                             31 ..  0
 *   word 2   index, bits 31 .. 0
 *   word 3   site << 16 | index, bits 47 .. 32
 *
 * Keys are derived with the site 0xFFFF and the highest index, which no cell may use. */
#ifndef BOREL_RANDOM_STREAM_H
#define BOREL_RANDOM_STREAM_H

#include <stdint.h>

#define BOREL_STREAM_INDEX_LIMIT (UINT64_C(1) << 48)
#define BOREL_STREAM_SITE_RESERVED 0xFFFFu

/* A lane of a batch adds to `lane`. */
typedef struct {
  uint64_t key;
  uint64_t index; /* < BOREL_STREAM_INDEX_LIMIT: iteration, time */
  uint32_t lane;  /* particle, sample, chain */
  uint16_t site;  /* < BOREL_STREAM_SITE_RESERVED */
} borel_cell;

/* The key at the root of a run. */
uint64_t borel_stream_root(uint64_t seed);
/* The key of a role below `key`: roles are names ("init", "step", "chain"), so that adding one moves no
 * other. */
uint64_t borel_stream_child(uint64_t key, const char *role);
/* The same for a numbered child, or one whose tag the caller hashed (a dynamic address, a visit number). */
uint64_t borel_stream_child_id(uint64_t key, uint64_t tag);

void borel_stream_counter(const borel_cell *, uint32_t block, uint32_t counter[4]);

#endif
