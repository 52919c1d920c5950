/* SPDX-License-Identifier: MIT
 *
 * Draws in increasing order. Sorting dominates the cost of a summary, so it is done once: the orders of
 * the split and of the folded draws, and all quantiles, follow from the first in O(n). */
#include "diagnose/diagnose.h"

#include <math.h>
#include <stdlib.h>

static int compare_values(const void *left, const void *right) {
  const double a = ((const struct borel_diagnose_ordered *)left)->value;
  const double b = ((const struct borel_diagnose_ordered *)right)->value;
  return (a > b) - (a < b);
}

struct borel_diagnose_ordered *borel_diagnose_order(const double *x, size_t n) {
  struct borel_diagnose_ordered *order = malloc(n * sizeof *order);
  if (!order) return NULL;
  for (size_t i = 0; i < n; i++) order[i] = (struct borel_diagnose_ordered){x[i], i};
  qsort(order, n, sizeof *order, compare_values);
  return order;
}

struct borel_diagnose_ordered *borel_diagnose_order_halves(const struct borel_diagnose_ordered *order,
                                                           size_t chains, size_t draws) {
  const size_t half = draws / 2, later = draws - half;
  struct borel_diagnose_ordered *halves = malloc(2 * chains * half * sizeof *halves);
  if (!halves) return NULL;

  size_t n = 0;
  for (size_t k = 0; k < chains * draws; k++) {
    const size_t chain = order[k].index / draws, draw = order[k].index % draws;
    if (draw < half)
      halves[n++] = (struct borel_diagnose_ordered){order[k].value, chain * half + draw};
    else if (draw >= later)
      halves[n++] = (struct borel_diagnose_ordered){order[k].value, (chains + chain) * half + draw - later};
  }
  return halves;
}

static double median(const struct borel_diagnose_ordered *order, size_t n) {
  return n % 2 ? order[n / 2].value : (order[n / 2 - 1].value + order[n / 2].value) / 2;
}

void borel_diagnose_order_folded(const struct borel_diagnose_ordered *order, size_t n,
                                 struct borel_diagnose_ordered *folded) {
  /* |x - median| falls, then rises along the order: merge both sides outwards from the middle. */
  const double centre = median(order, n);
  size_t above = n / 2, below = above;
  for (size_t k = 0; k < n; k++) {
    const double rise = above < n ? fabs(order[above].value - centre) : INFINITY;
    const double fall = below > 0 ? fabs(order[below - 1].value - centre) : INFINITY;
    const bool take_above = above < n && (below == 0 || rise <= fall);
    const size_t from = take_above ? above++ : --below;
    folded[k] = (struct borel_diagnose_ordered){take_above ? rise : fall, order[from].index};
  }
}

double borel_diagnose_quantile(const struct borel_diagnose_ordered *order, size_t n, double prob) {
  const double position = (double)(n - 1) * prob;
  const size_t low = (size_t)position;
  if (low >= n - 1) return order[n - 1].value;

  const double fraction = position - (double)low;
  const double a = order[low].value, b = order[low + 1].value;
  return fraction < 0.5 ? a + (b - a) * fraction : b - (b - a) * (1 - fraction);
}
