/* SPDX-License-Identifier: MIT */
#include "core/array.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct borel_buffer {
  atomic_size_t holders;
  size_t bytes;
  void *room; /* what was allocated */
};

static atomic_size_t live_bytes;

int64_t borel_shape_size(const borel_shape *shape) {
  int64_t size = 1;
  for (int i = 0; i < shape->rank; i++) size *= shape->extent[i];
  return size;
}

int borel_shape_equal(const borel_shape *a, const borel_shape *b) {
  if (a->rank != b->rank) return 0;
  for (int i = 0; i < a->rank; i++)
    if (a->extent[i] != b->extent[i]) return 0;
  return 1;
}

int borel_shape_broadcast(const borel_shape *a, const borel_shape *b, borel_shape *out) {
  borel_shape wide = {a->rank > b->rank ? a->rank : b->rank, {0}};
  for (int i = 0; i < wide.rank; i++) {
    int ia = a->rank - wide.rank + i, ib = b->rank - wide.rank + i;
    int64_t ea = ia < 0 ? 1 : a->extent[ia], eb = ib < 0 ? 1 : b->extent[ib];
    if (ea != eb && ea != 1 && eb != 1) return 0;
    wide.extent[i] = ea == 1 ? eb : ea;
  }
  *out = wide;
  return 1;
}

const char *borel_shape_text(const borel_shape *shape, char text[64]) {
  int used = snprintf(text, 64, "[");
  for (int i = 0; i < shape->rank && used < 60; i++)
    used += snprintf(text + used, 64 - (size_t)used, i ? ", %lld" : "%lld", (long long)shape->extent[i]);
  if (used < 63) snprintf(text + used, 64 - (size_t)used, "]");
  return text;
}

size_t borel_dtype_size(borel_dtype dtype) {
  switch (dtype) {
  case BOREL_F32: return 4;
  case BOREL_BOOL: return 1;
  case BOREL_F64:
  case BOREL_I64: return 8;
  }
  return 8;
}

const char *borel_dtype_name(borel_dtype dtype) {
  static const char *const names[] = {"f64", "f32", "i64", "bool"};
  return names[dtype];
}

/* The start of a buffer is aligned by hand: aligned_alloc takes a chunk apart for it, which arrays of a few
 * thousand elements feel. */
static borel_array new_array(borel_dtype dtype, const borel_shape *shape, int zeroed) {
  borel_array array = {dtype, *shape, NULL, NULL};
  size_t bytes = borel_dtype_size(dtype);
  for (int i = 0; i < shape->rank; i++) {
    if (shape->extent[i] < 0 || __builtin_mul_overflow(bytes, (size_t)shape->extent[i], &bytes)) return array;
  }
  if (bytes > SIZE_MAX / 2) return array;
  const size_t used = bytes;
  bytes = (bytes + 63) / 64 * 64 + 64;
  char *room = zeroed ? calloc(1, bytes + 128) : malloc(bytes + 128);
  if (!room) return array;
  char *block = room + (64 - (uintptr_t)room % 64) % 64;
  if (!zeroed) memset(block + 64 + used, 0, bytes - used);
  array.buffer = (borel_buffer *)(void *)block;
  array.buffer->room = room;
  atomic_init(&array.buffer->holders, 1);
  array.buffer->bytes = bytes;
  array.data = block + 64;
  atomic_fetch_add(&live_bytes, bytes);
  return array;
}

borel_array borel_array_new(borel_dtype dtype, const borel_shape *shape) {
  return new_array(dtype, shape, 1);
}

borel_array borel_array_room(borel_dtype dtype, const borel_shape *shape) {
  return new_array(dtype, shape, 0);
}

borel_array borel_array_scalar(double value) {
  borel_array array = borel_array_new(BOREL_F64, &(borel_shape){0});
  if (array.data) *(double *)array.data = value;
  return array;
}

borel_array borel_array_hold(const borel_array *array) {
  atomic_fetch_add(&array->buffer->holders, 1);
  return *array;
}

void borel_array_release(borel_array *array) {
  if (array->buffer && atomic_fetch_sub(&array->buffer->holders, 1) == 1) {
    atomic_fetch_sub(&live_bytes, array->buffer->bytes);
    free(array->buffer->room);
  }
  array->buffer = NULL;
  array->data = NULL;
}

double borel_array_at(const borel_array *array, int64_t i) {
  switch (array->dtype) {
  case BOREL_F64: return ((const double *)array->data)[i];
  case BOREL_F32: return (double)((const float *)array->data)[i];
  case BOREL_I64: return (double)((const int64_t *)array->data)[i];
  case BOREL_BOOL: return (double)((const uint8_t *)array->data)[i];
  }
  return 0;
}

size_t borel_array_bytes(void) { return atomic_load(&live_bytes); }
