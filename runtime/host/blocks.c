/* SPDX-License-Identifier: MIT */
#include "host/blocks.h"

#include "core/array.h"
#include "core/error.h"
#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64, BIGGEST_EXACT = 1 << 30 };

/* One extent; 0 and an error when it makes no sense. */
static int resolve(const borel_field *field, int32_t dim, const borel_dims *dims, size_t *out,
                   borel_error *error) {
  if (dim > 0)
    *out = (size_t)dim;
  else if (dim == BOREL_DIM_D)
    *out = dims->D;
  else if (dim == BOREL_DIM_K)
    *out = dims->K;
  else if (dim == BOREL_DIM_N)
    *out = dims->N;
  else if (dim <= BOREL_DIM_PARAM(0) && dims->values) {
    double number = dims->values[BOREL_DIM_PARAM(0) - dim].number;
    if (!(number >= 0 && number <= BIGGEST_EXACT)) {
      borel_fail(error, BOREL_ARG, "field %s: an extent of %g is not possible", field->name, number);
      return 0;
    }
    *out = (size_t)number;
  } else {
    borel_fail(error, BOREL_ARG, "field %s: extent %d means nothing", field->name, (int)dim);
    return 0;
  }
  return 1;
}

/* Fills all but `data`, and adds the padded size to `total`. */
static borel_status lay_out(const borel_field *field, const borel_dims *dims, borel_block_field *out,
                            size_t *total, borel_error *error) {
  *out = (borel_block_field){.name = field->name, .doc = field->doc, .dtype = field->dtype};
  size_t bytes = borel_dtype_size(field->dtype);
  for (int i = 0; i < 3 && field->dim[i]; i++) {
    if (!resolve(field, field->dim[i], dims, &out->extent[i], error)) return error->code;
    out->rank = i + 1;
    if (__builtin_mul_overflow(bytes, out->extent[i], &bytes))
      return borel_fail(error, BOREL_ARG, "field %s: too many elements", field->name);
  }
  out->bytes = bytes;
  size_t padded = bytes ? bytes : LINE; /* an empty array has an address too */
  if (__builtin_add_overflow(padded, LINE - 1, &padded) ||
      __builtin_add_overflow(*total, padded & ~(size_t)(LINE - 1), total) || *total > PTRDIFF_MAX)
    return borel_fail(error, BOREL_ARG, "field %s: too many elements", field->name);
  return BOREL_OK;
}

borel_status borel_block_create(const borel_field *fields, const borel_dims *dims, borel_block **out,
                                borel_error *error) {
  size_t n = 0;
  *out = NULL;
  while (fields && fields[n].name) n++;
  borel_block *block = calloc(1, sizeof *block);
  if (!block) return borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  block->count = n;
  block->fields = calloc(n + 1, sizeof *block->fields);
  block->data = calloc(n + 1, sizeof *block->data);
  borel_status status = BOREL_OK;
  if (!block->fields || !block->data) status = borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  for (size_t i = 0; i < n && status == BOREL_OK; i++)
    status = lay_out(&fields[i], dims, &block->fields[i], &block->bytes, error);
  if (status != BOREL_OK) goto fail;

  if (block->bytes) {
    block->arena = aligned_alloc(LINE, block->bytes);
    if (!block->arena) {
      status = borel_fail(error, BOREL_INTERNAL, "no memory: fields %s, ... need %zu bytes", fields[0].name,
                          block->bytes);
      goto fail;
    }
    memset(block->arena, 0, block->bytes);
  }
  char *at = block->arena;
  for (size_t i = 0; i < n; i++) {
    size_t bytes = block->fields[i].bytes;
    block->data[i] = block->fields[i].data = at;
    at += ((bytes ? bytes : LINE) + LINE - 1) & ~(size_t)(LINE - 1);
  }
  *out = block;
  return BOREL_OK;

fail:
  borel_block_destroy(block);
  return status;
}

void borel_block_destroy(borel_block *block) {
  if (!block) return;
  free(block->arena);
  free(block->fields);
  free(block->data);
  free(block);
}

void borel_block_copy(borel_block *to, const borel_block *from) {
  if (to->bytes) memcpy(to->arena, from->arena, from->bytes);
}

uint64_t borel_block_hash(const borel_block *block) { return borel_hash(block->arena, block->bytes, 0); }

const borel_block_field *borel_block_find(const borel_block *block, const char *name) {
  for (size_t i = 0; i < block->count; i++)
    if (!strcmp(block->fields[i].name, name)) return &block->fields[i];
  return NULL;
}
