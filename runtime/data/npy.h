/* SPDX-License-Identifier: MIT
 * Arrays in NumPy's NPY format, versions 1.0 to 3.0 (NEP 1, "A Simple File Format for NumPy Arrays").
 *
 *   f8 and f4 become f64 (every f4 is exact in f64), i1 .. i8 and u1 .. u8 i64 (a u8 above 2^63 - 1 is an
 *   error), b1 bool. Either byte order, C or Fortran order; 0 to 4 axes, at least one element. Objects
 * (pickles), texts, complex numbers, dates and records are refused.
 *
 * Errors begin with `name`. The header's shape must account for every byte that follows it, which is checked
 * before anything is allocated. */
#ifndef BOREL_DATA_NPY_H
#define BOREL_DATA_NPY_H

#include "core/array.h"
#include "core/error.h"

/* *out is to be released by borel_array_release. */
borel_status borel_npy_parse(const char *name, const uint8_t *bytes, size_t size, borel_array *out,
                             borel_error *);

#endif
