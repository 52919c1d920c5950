/* SPDX-License-Identifier: MIT
 *
 * Levy's construction: the path is 0 at the left end, a normal at the right end, and the middle of every
 * dyadic interval is the mean of its ends plus a normal of a quarter of its length as variance. Each of these
 * normals has a cell of its own, numbered like a heap: 1 for the whole, 2 and 3 for its halves. */
#include "diffuse/brownian.h"

#include <math.h>

#include "random/fill.h"

enum { DEPTH = 26 }; /* 64 / 2^26 = 2^-20 */
static const double LEFT = -32, WHOLE = 64;

static void normals(uint64_t key, uint64_t node, uint64_t first, size_t rows, size_t D, double *out,
                    size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    borel_cell cell = {.key = key, .lane = (uint32_t)(first + r), .index = node};
    borel_cell_fill_normal(&cell, 0, out + r * stride, 1, D);
  }
}

/* Number of the place on the finest grid, 0 .. 2^DEPTH. */
static uint64_t place(double lambda) {
  double held = fmin(fmax(lambda - LEFT, 0), WHOLE);
  return (uint64_t)llround(held / WHOLE * (double)(UINT64_C(1) << DEPTH));
}

/* The path at a place for one row: walks down from the whole interval. low, high, and middle are [D]. */
static void at_place(uint64_t key, uint64_t sample, size_t D, uint64_t target, double *low, double *high,
                     double *room, double *out) {
  uint64_t left = 0, size = UINT64_C(1) << DEPTH, node = 1;
  normals(key, 0, sample, 1, D, high, D);
  for (size_t d = 0; d < D; d++) {
    low[d] = 0;
    high[d] *= sqrt(WHOLE);
  }
  while (target != left && target != left + size) {
    size /= 2;
    normals(key, node, sample, 1, D, room, D);
    double deviation = sqrt(WHOLE * (double)size / (double)(UINT64_C(1) << DEPTH) / 2);
    for (size_t d = 0; d < D; d++) room[d] = (low[d] + high[d]) / 2 + deviation * room[d];
    int right = target >= left + size;
    double *end = right ? low : high;
    for (size_t d = 0; d < D; d++) end[d] = room[d];
    if (right) left += size;
    node = 2 * node + (uint64_t)right;
  }
  const double *found = target == left ? low : high;
  for (size_t d = 0; d < D; d++) out[d] = found[d];
}

/* Coordinates of a row at a time, so that the room is small and fixed. */
enum { SOME = 64 };

void borel_brownian_increment(uint64_t seed, uint64_t first, size_t rows, size_t D, double from, double to,
                              double *out) {
  uint64_t start = place(from), end = place(to);
  double length = fabs((double)end - (double)start) / (double)(UINT64_C(1) << DEPTH) * WHOLE;
  double scale = length > 0 ? 1 / sqrt(length) : 0;
  uint64_t root = borel_stream_child(borel_stream_child(borel_stream_root(seed), "reverse"), "tree");
  for (size_t c = 0; c < D; c += SOME) {
    size_t some = D - c < SOME ? D - c : SOME;
    uint64_t key = borel_stream_child_id(root, c / SOME);
    double low[SOME], high[SOME], room[SOME], before[SOME], after[SOME];
    for (size_t r = 0; r < rows; r++) {
      at_place(key, first + r, some, start, low, high, room, before);
      at_place(key, first + r, some, end, low, high, room, after);
      for (size_t d = 0; d < some; d++) out[r * D + c + d] = scale * (after[d] - before[d]);
    }
  }
}
