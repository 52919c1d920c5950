/* SPDX-License-Identifier: MIT
 *
 * R-hat: the spread of all draws over the spread within chains. */
#include "diagnose/diagnose.h"

#include <math.h>
#include <stdlib.h>

/* R-hat of x [chains, draws] as it is, neither split nor ranked; means [chains] is scratch. */
static double plain_rhat(const double *x, size_t chains, size_t draws, double *means) {
  const double n = (double)draws;
  double within = 0;
  for (size_t c = 0; c < chains; c++) {
    means[c] = borel_diagnose_mean(x + c * draws, draws);
    within += borel_diagnose_variance(x + c * draws, draws) / (double)chains;
  }
  const double between = n * borel_diagnose_variance(means, chains);
  return sqrt((between / within + n - 1) / n);
}

double borel_diagnose_rhat_of_order(const struct borel_diagnose_ordered *order, const double *scores,
                                    size_t chains, size_t draws) {
  const size_t n = chains * draws;
  double rhat = NAN;
  struct borel_diagnose_ordered *folded = malloc(n * sizeof *folded);
  double *folded_scores = malloc(n * sizeof *folded_scores), *means = malloc(chains * sizeof *means);
  if (!folded || !folded_scores || !means) goto done;

  borel_diagnose_order_folded(order, n, folded);
  borel_diagnose_normal_scores(folded, n, folded_scores);
  const double bulk = plain_rhat(scores, chains, draws, means);
  const double tail = plain_rhat(folded_scores, chains, draws, means);
  /* tail is NaN, and does not count, when all draws are equally far from the median. */
  rhat = tail > bulk ? tail : bulk;
done:
  free(means);
  free(folded_scores);
  free(folded);
  return rhat;
}

double borel_rhat(const double *x, size_t chains, size_t draws) {
  if (!borel_diagnose_usable(x, chains, draws)) return NAN;

  const size_t n = 2 * chains * (draws / 2);
  double rhat = NAN, *halves = malloc(n * sizeof *halves);
  struct borel_diagnose_ordered *order = NULL;
  if (halves) {
    borel_diagnose_split(x, chains, draws, halves);
    order = borel_diagnose_order(halves, n);
  }
  if (order) {
    borel_diagnose_normal_scores(order, n, halves);
    rhat = borel_diagnose_rhat_of_order(order, halves, 2 * chains, draws / 2);
  }
  free(order);
  free(halves);
  return rhat;
}
