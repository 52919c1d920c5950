/* SPDX-License-Identifier: MIT
 * The order of the elements of a vector; called by the interpreter and by emitted code alike. */
#ifndef BOREL_GRAPH_ORDER_H
#define BOREL_GRAPH_ORDER_H

#include <stdint.h>

/* places [n]: where the elements of x [n] are, 0-based, in ascending order; equal ones as they stand, NaN
 * last. */
void borel_order(int64_t n, const double *x, int64_t *places);

#endif
