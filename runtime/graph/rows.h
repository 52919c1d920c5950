/* SPDX-License-Identifier: MIT
 * One function for each elementwise operation, twice: what is written as FMA in special.h is one operation in
 * borel_rows_fma, as in code that the driver compiles for such a processor, and two in borel_rows. */
#ifndef BOREL_GRAPH_ROWS_H
#define BOREL_GRAPH_ROWS_H

#include "graph/graph.h"

/* out[i] of a[i], b[i], c[i] for i < n; sa, sb, sc are 0 for a scalar that stretches, else 1. */
typedef void (*borel_row_function)(size_t n, const void *a, size_t sa, const void *b, size_t sb,
                                   const void *c, size_t sc, void *out);

extern const borel_row_function borel_rows[BOREL_OP_COUNT];
#if defined(__x86_64__)
extern const borel_row_function borel_rows_fma[BOREL_OP_COUNT];
#endif

#endif
