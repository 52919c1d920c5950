/* SPDX-License-Identifier: MIT
 * Host-owned arrays that components declare (borel_field): one aligned, zeroed arena for each list. */
#ifndef BOREL_HOST_BLOCKS_H
#define BOREL_HOST_BLOCKS_H

#include <borel/plugin.h>

/* What the symbols of an extent stand for. */
typedef struct {
  size_t D, K, N;
  const borel_value *values; /* for BOREL_DIM_PARAM; may be NULL when no field uses it */
} borel_dims;

/* One field, laid out. */
typedef struct {
  const char *name, *doc;
  borel_dtype dtype;
  int rank; /* 0: a scalar */
  size_t extent[3];
  void *data; /* 64-byte aligned, never NULL */
  size_t bytes;
} borel_block_field;

typedef struct {
  size_t count;
  borel_block_field *fields; /* [count] */
  void **data;               /* [count]: what a borel_context carries */
  void *arena;
  size_t bytes; /* of the arena: all fields, each padded to 64 bytes with zeros */
} borel_block;

/* Lays out `fields` (NULL: none) and allocates them zeroed. Errors: ARG when an extent is negative or the
 * size overflows, INTERNAL when memory is short; both name the field. */
borel_status borel_block_create(const borel_field *fields, const borel_dims *, borel_block **, borel_error *);
void borel_block_destroy(borel_block *); /* NULL is fine */

/* Copies all contents; both were made from the same fields and dims. */
void borel_block_copy(borel_block *to, const borel_block *from);
/* Hash of all contents; equal contents of equal layout give equal hashes. */
uint64_t borel_block_hash(const borel_block *);
/* Field by name; NULL when there is none. */
const borel_block_field *borel_block_find(const borel_block *, const char *name);

#endif
