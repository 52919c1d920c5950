/* SPDX-License-Identifier: MIT
 * Host-owned arrays that components declare (borel_field): one aligned, zeroed arena for each list. */
#ifndef BOREL_HOST_BLOCKS_H
#define BOREL_HOST_BLOCKS_H

#include <borel/plugin.h>

/* What the symbols of an extent stand for. */
typedef struct {
  size_t D, K, N;
  size_t V;                  /* values of all discrete coordinates together */
  const borel_value *values; /* for BOREL_DIM_PARAM; may be NULL when no field uses it */
} borel_dims;

/* Those of a layout, for N lanes and these parameters. */
borel_dims borel_dims_of(const borel_layout *, size_t N, const borel_value *values);

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
  char *names;  /* those that begin with a prefix; or NULL */
} borel_block;

/* Fields of one owner among those of a block: their names begin with `prefix`, "" or "2." */
typedef struct {
  const char *prefix;
  const borel_field *fields; /* NULL: none */
  borel_dims dims;
} borel_block_part;

/* Lays out `fields` (NULL: none) and allocates them zeroed. Errors: ARG when an extent is negative or the
 * size overflows, INTERNAL when memory is short; both name the field. */
borel_status borel_block_create(const borel_field *fields, const borel_dims *, borel_block **, borel_error *);
/* The same for the fields of several owners, one after the other. */
borel_status borel_block_join(const borel_block_part *, size_t count, borel_block **, borel_error *);
/* A block of the same fields with the same contents. Errors: INTERNAL when memory is short. */
borel_status borel_block_clone(const borel_block *, borel_block **, borel_error *);
void borel_block_destroy(borel_block *); /* NULL is fine */

/* Copies all contents; both were made from the same fields and dims. */
void borel_block_copy(borel_block *to, const borel_block *from);
/* Hash of all contents; equal contents of equal layout give equal hashes. */
uint64_t borel_block_hash(const borel_block *);
/* Field by name; NULL when there is none. */
const borel_block_field *borel_block_find(const borel_block *, const char *name);

#endif
