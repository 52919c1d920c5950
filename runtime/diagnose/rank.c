/* SPDX-License-Identifier: MIT
 *
 * Rank normalisation: makes R-hat and bulk ESS exist for draws without mean or variance. */
#include "diagnose/diagnose.h"

void borel_diagnose_normal_scores(const struct borel_diagnose_ordered *order, size_t n, double *scores) {
  for (size_t first = 0, end; first < n; first = end) {
    for (end = first + 1; end < n && order[end].value == order[first].value;) end++;
    /* The ranks first + 1 .. end are tied; each gets their average. Offset 3/8: Blom (1958). */
    const double rank = (double)(first + 1 + end) / 2;
    const double score = borel_diagnose_normal_quantile((rank - 0.375) / ((double)n + 0.25));
    for (size_t k = first; k < end; k++) scores[order[k].index] = score;
  }
}
