/* SPDX-License-Identifier: MIT */
#include "host/blocks.h"

#include "core/array.h"
#include "core/error.h"
#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, BIGGEST_EXACT = 1 << 30 };

borel_dims borel_dims_of(const borel_layout *layout, size_t N, const borel_value *values) {
  borel_dims dims = {.D = layout->D, .K = layout->K, .N = N, .values = values};
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    size_t own;
    if (site->block == BOREL_SITE_Z && (__builtin_mul_overflow(site->size, (size_t)site->count, &own) ||
                                        __builtin_add_overflow(dims.V, own, &dims.V)))
      dims.V = SIZE_MAX; /* a field of that size is refused */
  }
  return dims;
}

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
  else if (dim == BOREL_DIM_V)
    *out = dims->V;
  else if (dim <= BOREL_DIM_PARAM(0) && dims->values) {
    const borel_value *value = &dims->values[BOREL_DIM_PARAM(0) - dim];
    double number = value->reals ? (double)value->count : value->number;
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

/* Memory for `n` fields that need `bytes`. */
static borel_status allocate(borel_block *block, size_t n, size_t name_bytes, borel_error *error) {
  block->count = n;
  block->fields = calloc(n + 1, sizeof *block->fields);
  block->data = calloc(n + 1, sizeof *block->data);
  block->names = name_bytes ? malloc(name_bytes) : NULL;
  if (!block->fields || !block->data || (name_bytes && !block->names))
    return borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  return BOREL_OK;
}

/* Fills the fields of one part and puts the prefix before their names, which are written from `names` on. */
static borel_status lay_out_part(const borel_block_part *part, borel_block_field *out, char **names,
                                 size_t *total, borel_error *error) {
  for (const borel_field *f = part->fields; f && f->name; f++, out++) {
    borel_status status = lay_out(f, &part->dims, out, total, error);
    if (status != BOREL_OK) return status;
    if (!*part->prefix) continue;
    out->name = *names;
    *names += sprintf(*names, "%s%s", part->prefix, f->name) + 1;
  }
  return BOREL_OK;
}

static borel_status allocate_arena(borel_block *block, borel_error *error) {
  if (!block->bytes) return BOREL_OK;
  block->arena = aligned_alloc(LINE, block->bytes);
  if (!block->arena)
    return borel_fail(error, BOREL_INTERNAL, "no memory: fields %s, ... need %zu bytes",
                      block->fields[0].name, block->bytes);
  memset(block->arena, 0, block->bytes);
  char *at = block->arena;
  for (size_t i = 0; i < block->count; i++) {
    size_t bytes = block->fields[i].bytes;
    block->data[i] = block->fields[i].data = at;
    at += ((bytes ? bytes : LINE) + LINE - 1) & ~(size_t)(LINE - 1);
  }
  return BOREL_OK;
}

borel_status borel_block_join(const borel_block_part *parts, size_t count, borel_block **out,
                              borel_error *error) {
  size_t n = 0, name_bytes = 0, done = 0;
  *out = NULL;
  borel_block *block = calloc(1, sizeof *block);
  if (!block) return borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  for (size_t p = 0; p < count; p++)
    for (const borel_field *f = parts[p].fields; f && f->name; f++, n++)
      if (*parts[p].prefix) name_bytes += strlen(parts[p].prefix) + strlen(f->name) + 1;
  borel_status status = allocate(block, n, name_bytes, error);
  char *names = block->names;
  for (size_t p = 0; p < count && status == BOREL_OK; p++) {
    status = lay_out_part(&parts[p], &block->fields[done], &names, &block->bytes, error);
    for (const borel_field *f = parts[p].fields; f && f->name; f++) done++;
  }
  if (status == BOREL_OK) status = allocate_arena(block, error);
  if (status == BOREL_OK)
    *out = block;
  else
    borel_block_destroy(block);
  return status;
}

borel_status borel_block_create(const borel_field *fields, const borel_dims *dims, borel_block **out,
                                borel_error *error) {
  return borel_block_join(&(borel_block_part){"", fields, *dims}, 1, out, error);
}

borel_status borel_block_clone(const borel_block *from, borel_block **out, borel_error *error) {
  size_t name_bytes = 0;
  *out = NULL;
  borel_block *block = calloc(1, sizeof *block);
  if (!block) return borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  for (size_t i = 0; i < from->count; i++) name_bytes += strlen(from->fields[i].name) + 1;
  borel_status status = allocate(block, from->count, name_bytes, error);
  char *names = block->names;
  for (size_t i = 0; i < from->count && status == BOREL_OK; i++) {
    block->fields[i] = from->fields[i];
    block->fields[i].name = strcpy(names, from->fields[i].name);
    names += strlen(names) + 1;
  }
  block->bytes = from->bytes;
  if (status == BOREL_OK) status = allocate_arena(block, error);
  if (status == BOREL_OK) {
    borel_block_copy(block, from);
    *out = block;
  } else {
    borel_block_destroy(block);
  }
  return status;
}

void borel_block_destroy(borel_block *block) {
  if (!block) return;
  free(block->arena);
  free(block->fields);
  free(block->data);
  free(block->names);
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
