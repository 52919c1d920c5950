/* SPDX-License-Identifier: MIT
 *
 * stratified: offspring k at a uniform position of its own stratum, (u_k + k) / count of the cumulated
 * weights.
 *
 * Offspring are independent given the weights, so the variance of every estimate is at most that of
 * multinomial resampling, whatever the order of the particles (Douc, Cappe and Moulines 2005). Choose it
 * where systematic is not safe enough, or where a theorem needs independence.
 *
 * Position k lies below the end of particle i when u_k < count (W_1 + .. + W_i) - k. Each u_k is only ever
 * compared, so an enumerating source gives the exact law.
 *
 * Reference: Kitagawa 1996, J. Comput. Graph. Statist. 5:1, its appendix.
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the check of offspring must notice each. */
#include <borel/plugin.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

static borel_status create(const borel_host *host, const borel_value *params, void **self,
                           borel_error *error) {
  (void)host, (void)params, (void)error;
  *self = NULL; /* there is nothing to keep */
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { (void)host, (void)self; }

static borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n,
                             const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  (void)self, (void)scratch, (void)error;
  borel_unif u = rng->ops->unif(rng);
  double end = 0; /* count (W_1 + .. + W_i) */
  size_t k = 0, last = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(weights[i] > 0)) continue;
#if BOREL_MUTANT == 1 /* uniform ancestors */
    end += (double)count / (double)n;
#elif BOREL_MUTANT == 2 /* squares of the weights */
    end += (double)count * weights[i] * weights[i];
#else
    end += (double)count * weights[i];
#endif
#if BOREL_MUTANT == 3 /* the last particle has no offspring */
    if (i && i + 1 == n) break;
#endif
    for (; k < count; k++) {
#if BOREL_MUTANT == 4 /* all offspring from one draw */
      if (!rng->ops->unif_lt(rng, &u, end / (double)count)) break;
#elif BOREL_MUTANT == 5 /* only the first half of each stratum */
      if (!rng->ops->unif_lt(rng, &u, 2 * (end - (double)k))) break;
#else
      if (!rng->ops->unif_lt(rng, &u, end - (double)k)) break;
#endif
      ancestors[k] = (int64_t)i;
#if BOREL_MUTANT != 4
      u = rng->ops->unif(rng);
#endif
    }
    last = i;
  }
#if BOREL_MUTANT == 6 /* the last particle is taken for one with a weight */
  last = n - 1;
#endif
  while (k < count) ancestors[k++] = (int64_t)last; /* the weights sum to a little less than 1 */
  return BOREL_OK;
}

static const borel_resampler_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .resample = resample};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_RESAMPLER,
    .name = "stratified",
    .summary = "One uniform position in each of as many strata as offspring",
    .reference = "Kitagawa 1996, J. Comput. Graph. Statist. 5:1",
    .claims = {.preserves = BOREL_PRESERVES_MEASURE, .flags = BOREL_AT_MOST_MULTINOMIAL},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.stratified", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,         .components = components,
};
