/* SPDX-License-Identifier: MIT
 * The header of an NPY file: a Python dictionary literal with the keys descr, fortran_order and shape. */
#ifndef BOREL_DATA_NPY_HEADER_H
#define BOREL_DATA_NPY_HEADER_H

#include "core/array.h"
#include "core/error.h"

typedef struct {
  char kind;      /* 'f', 'i', 'u' or 'b' */
  int width;      /* bytes of an element */
  int big_endian; /* else little */
  int fortran;
  borel_shape shape;
  size_t data; /* offset of the first element */
} borel_npy_header;

borel_status borel_npy_header_parse(const char *name, const uint8_t *bytes, size_t size, borel_npy_header *,
                                    borel_error *);

#endif
