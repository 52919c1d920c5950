/* SPDX-License-Identifier: MIT
 * The drawing source: a cursor inside one cell of the run's streams. It lives on a stack, allocates nothing
 * and needs no closing.
 *
 * A cell holds two sequences that never meet: uniforms (blocks 0, 1, ...; uniforms 2k and 2k + 1 are block k)
 * and normals (blocks 2^31 + k; normals 2k and 2k + 1 are block 2^31 + k, by Box-Muller). Normal i of a cell
 * is the same number whether normal() was called i + 1 times or a fill reached it, and whatever uniforms were
 * drawn between. Every law but normal() consumes uniforms (gamma and beta both). */
#ifndef BOREL_RANDOM_SOURCE_PHILOX_H
#define BOREL_RANDOM_SOURCE_PHILOX_H

#include "random/fill.h"
#include "random/stream.h"
#include <borel/plugin.h>

/* `rng` is what everybody else uses; the rest is private. */
typedef struct {
  borel_rng rng;
  borel_cell cell;
  uint64_t uniforms, normals;        /* how many are behind the cursor; all lanes advance together */
  uint64_t words[BOREL_GROUP_WORDS]; /* behind uniforms held_from .. held_until - 1 */
  uint64_t held_from, held_until;    /* empty when equal */
  double pair[2];                    /* of the block that holds normal normals - 1 */
  int pair_held;
} borel_philox_rng;

/* Puts the cursor at the start of a cell. `index` >= 2^48 or `site` = 0xFFFF: status ARG. `error` is written
 * at a failure only. [any thread] */
void borel_philox_open(borel_philox_rng *, uint64_t key, uint32_t lane, uint64_t index, uint16_t site,
                       borel_error *error);

#endif
