/* SPDX-License-Identifier: MIT
 * Heapsort of places: no memory of its own, and no worst case. The place breaks ties, so the order is stable.
 */
#include "graph/order.h"

/* Does x[a] come before x[b]? */
static int before(const double *x, int64_t a, int64_t b) {
  if (x[a] < x[b]) return 1;
  if (x[a] > x[b]) return 0;
  int a_nan = x[a] != x[a], b_nan = x[b] != x[b];
  return a_nan == b_nan ? a < b : b_nan;
}

/* Lets places[at] sink in the heap of the first n, whose first is the last in order. */
static void sink(const double *x, int64_t *places, int64_t at, int64_t n) {
  int64_t moved = places[at];
  for (int64_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && before(x, places[child], places[child + 1])) child++;
    if (!before(x, moved, places[child])) break;
    places[at] = places[child];
  }
  places[at] = moved;
}

void borel_order(int64_t n, const double *x, int64_t *places) {
  for (int64_t i = 0; i < n; i++) places[i] = i;
  for (int64_t i = n / 2; i-- > 0;) sink(x, places, i, n);
  for (int64_t last = n - 1; last > 0; last--) {
    int64_t top = places[0];
    places[0] = places[last];
    places[last] = top;
    sink(x, places, 0, last);
  }
}
