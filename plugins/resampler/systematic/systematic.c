/* SPDX-License-Identifier: MIT
 *
 * systematic: offspring at evenly spaced positions (u + k) / count of the cumulated weights, with one uniform
 * u for all of them.
 *
 * Particle i has floor or ceiling of count W_i offspring, count W_i on average, so the number varies as
 * little as it can. The cheapest scheme, and the usual choice; how offspring of different particles covary
 * depends on the order of the particles, and there are orders for which an estimate is worse than by
 * multinomial resampling (Douc, Cappe and Moulines 2005). Choose stratified where that matters.
 *
 * The position of offspring k lies below the end of particle i when u < count (W_1 + .. + W_i) - k. u is only
 * ever compared, so an enumerating source gives the exact law.
 *
 * References: Carpenter, Clifford and Fearnhead 1999, IEE Proc. Radar, Sonar and Navigation 146:2; Kitagawa
 * 1996, J. Comput. Graph. Statist. 5:1.
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
#if BOREL_MUTANT == 5 /* the last particle has no offspring */
    if (i && i + 1 == n) break;
#endif
#if BOREL_MUTANT == 1 /* uniform ancestors */
    end += (double)count / (double)n;
#elif BOREL_MUTANT == 2 /* squares of the weights */
    end += (double)count * weights[i] * weights[i];
#else
    end += (double)count * weights[i];
#endif
#if BOREL_MUTANT == 3 /* the positions are not random */
    while (k < count && 0.5 < end - (double)k) ancestors[k++] = (int64_t)i;
#elif BOREL_MUTANT == 4 /* one position for all offspring */
    while (k < count && rng->ops->unif_lt(rng, &u, end / (double)count)) ancestors[k++] = (int64_t)i;
#else
    while (k < count && rng->ops->unif_lt(rng, &u, end - (double)k)) ancestors[k++] = (int64_t)i;
#endif
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
    .name = "systematic",
    .summary = "Evenly spaced positions with one uniform for all",
    .reference = "Carpenter, Clifford and Fearnhead 1999, IEE Proc. Radar, Sonar and Navigation 146:2",
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_FLOOR_CEILING | BOREL_AT_MOST_MULTINOMIAL},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.systematic",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
