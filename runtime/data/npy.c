/* SPDX-License-Identifier: MIT */
#include "data/npy.h"

#include <string.h>

#include "data/npy_header.h"

/* Elements of the shape when they take exactly `bytes` bytes, else -1. */
static int64_t count_elements(const borel_npy_header *h, size_t bytes, int *empty) {
  size_t need = (size_t)h->width;
  *empty = 0;
  for (int i = 0; i < h->shape.rank; i++) *empty |= h->shape.extent[i] == 0;
  for (int i = 0; i < h->shape.rank && !*empty; i++)
    if (__builtin_mul_overflow(need, (size_t)h->shape.extent[i], &need)) return -1;
  return !*empty && need == bytes ? (int64_t)(need / (size_t)h->width) : -1;
}

/* The bits of an element, zero-extended. */
static uint64_t bits_of(const uint8_t *at, int width, int big_endian) {
  uint64_t bits = 0;
  for (int i = 0; i < width; i++) bits |= (uint64_t)at[big_endian ? width - 1 - i : i] << 8 * i;
  return bits;
}

static double real_of(uint64_t bits, int width) {
  if (width == 8) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  uint32_t half = (uint32_t)bits;
  float value;
  memcpy(&value, &half, sizeof value);
  return (double)value;
}

static int64_t whole_of(uint64_t bits, int width, char kind) {
  if (kind == 'u' || width == 8) return (int64_t)bits;
  uint64_t sign = (uint64_t)1 << (8 * width - 1);
  return (int64_t)((bits ^ sign) - sign);
}

/* Stores element `i`; 0 when its value has no place in the array. */
static int store(borel_array *out, int64_t i, uint64_t bits, const borel_npy_header *h) {
  switch (h->kind) {
  case 'f': ((double *)out->data)[i] = real_of(bits, h->width); return 1;
  case 'b': ((uint8_t *)out->data)[i] = (uint8_t)bits; return bits <= 1;
  default:
    ((int64_t *)out->data)[i] = whole_of(bits, h->width, h->kind);
    return !(h->kind == 'u' && h->width == 8 && bits >> 63);
  }
}

/* Steps `index` to the next element in row-major order. */
static void next_index(const borel_shape *shape, int64_t index[BOREL_MAX_RANK]) {
  for (int axis = shape->rank - 1; axis >= 0 && ++index[axis] == shape->extent[axis]; axis--) index[axis] = 0;
}

/* Place of an element in a file in Fortran order: the first axis runs fastest. */
static int64_t fortran_place(const borel_shape *shape, const int64_t index[BOREL_MAX_RANK]) {
  int64_t place = 0;
  for (int axis = shape->rank - 1; axis >= 0; axis--) place = place * shape->extent[axis] + index[axis];
  return place;
}

borel_status borel_npy_parse(const char *name, const uint8_t *bytes, size_t size, borel_array *out,
                             borel_error *error) {
  borel_npy_header h;
  *out = (borel_array){0};
  borel_status status = borel_npy_header_parse(name, bytes, size, &h, error);
  if (status) return status;
  char shape[64];
  int empty;
  int64_t n = count_elements(&h, size - h.data, &empty), index[BOREL_MAX_RANK] = {0};
  if (empty)
    return borel_fail(error, BOREL_ARG,
                      "%.700s: the array of shape %s is empty; arrays have at least one element", name,
                      borel_shape_text(&h.shape, shape));
  if (n < 0)
    return borel_fail(error, BOREL_ARG,
                      "%.700s: shape %s with %d bytes each does not take the %zu bytes that follow"
                      " the header: cut short, or damaged",
                      name, borel_shape_text(&h.shape, shape), h.width, size - h.data);
  borel_dtype dtype = h.kind == 'f' ? BOREL_F64 : h.kind == 'b' ? BOREL_BOOL : BOREL_I64;
  *out = borel_array_new(dtype, &h.shape);
  if (!out->data) return borel_fail(error, BOREL_INTERNAL, "%.700s: out of memory", name);
  const uint8_t *data = bytes + h.data;
  for (int64_t i = 0; i < n; i++) {
    int64_t place = h.fortran ? fortran_place(&h.shape, index) : i;
    uint64_t bits = bits_of(data + place * h.width, h.width, h.big_endian);
    if (!store(out, i, bits, &h)) {
      borel_array_release(out);
      return borel_fail(error, BOREL_ARG, "%.700s: element %lld in the file is %llu, %s", name,
                        (long long)place + 1, (unsigned long long)bits,
                        h.kind == 'b' ? "a boolean must be 0 or 1" : "too large for a 64-bit signed integer");
    }
    if (h.fortran) next_index(&h.shape, index);
  }
  return BOREL_OK;
}
