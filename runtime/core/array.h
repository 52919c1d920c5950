/* SPDX-License-Identifier: MIT
 * Dense row-major arrays with a counted buffer. A buffer is 64-byte aligned and padded with zeros to a
 * whole number of 64-byte lines, so that vector loops may read to full width. */
#ifndef BOREL_CORE_ARRAY_H
#define BOREL_CORE_ARRAY_H

#include <borel/plugin.h>

#define BOREL_MAX_RANK 4

typedef struct {
  int rank; /* 0: a scalar */
  int64_t extent[BOREL_MAX_RANK];
} borel_shape;

int64_t borel_shape_size(const borel_shape *);
int borel_shape_equal(const borel_shape *, const borel_shape *);
/* NumPy's rule: aligned at the last axis, an extent of 1 stretches. Returns 0 when they do not fit. */
int borel_shape_broadcast(const borel_shape *a, const borel_shape *b, borel_shape *out);
/* "[3, 4]" into text[64]; returns text. */
const char *borel_shape_text(const borel_shape *, char text[64]);

typedef struct borel_buffer borel_buffer; /* counted bytes */

typedef struct {
  borel_dtype dtype;
  borel_shape shape;
  void *data; /* inside `buffer`, contiguous */
  borel_buffer *buffer;
} borel_array;

size_t borel_dtype_size(borel_dtype);
const char *borel_dtype_name(borel_dtype);

/* A zeroed array; data is NULL when memory is short or the size overflows. */
borel_array borel_array_new(borel_dtype, const borel_shape *);
/* The same with elements for the caller to write, all of them. */
borel_array borel_array_room(borel_dtype, const borel_shape *);
borel_array borel_array_scalar(double);
/* Another holder of the same data. */
borel_array borel_array_hold(const borel_array *);
void borel_array_release(borel_array *);
/* Element i of the flat data as a double; i64 and bool convert. */
double borel_array_at(const borel_array *, int64_t i);

/* Bytes held by all buffers of this process, for the collector of a scripting language. */
size_t borel_array_bytes(void);

#endif
