/* SPDX-License-Identifier: MIT
 * Many numbers of a cell and of the lanes after it at once. The one definition of which block holds which
 * number, and of uniforms and normals as functions of a block. */
#ifndef BOREL_RANDOM_FILL_H
#define BOREL_RANDOM_FILL_H

#include "random/stream.h"

#include <stddef.h>

/* Both sequences of a cell have this many blocks, two numbers in each. */
#define BOREL_SEQUENCE_BLOCKS (UINT64_C(1) << 31)
#define BOREL_NORMAL_BLOCK 0x80000000u

/* The two words behind uniforms 2k and 2k + 1 of a cell; k < BOREL_SEQUENCE_BLOCKS. */
void borel_cell_words(const borel_cell *, uint64_t k, uint64_t words[2]);
/* The words behind uniforms 2k .. 2k + BOREL_GROUP_WORDS - 1: eight blocks at once cost about as much as
 * three alone. Those of blocks that a cell does not have mean nothing. */
#define BOREL_GROUP_WORDS 16
void borel_cell_group_words(const borel_cell *, uint64_t k, uint64_t words[BOREL_GROUP_WORDS]);
/* Normals 2k and 2k + 1. */
void borel_cell_normals(const borel_cell *, uint64_t k, double normals[2]);

/* out [lanes, n]: element (b, i) is number first + i of lane cell->lane + b, the same bits as above. */
void borel_cell_fill_uniform(const borel_cell *, uint64_t first, double *out, size_t lanes, size_t n);
void borel_cell_fill_normal(const borel_cell *, uint64_t first, double *out, size_t lanes, size_t n);

#endif
