/* SPDX-License-Identifier: MIT
 *
 * multinomial: each offspring picks its parent by itself, with the weights for probabilities.
 *
 * The plainest scheme and the one with the most variance; choose it where a theorem is about it, or to
 * compare.
 *
 * The numbers of offspring are drawn, not the offspring: given what the particles before it took, particle i
 * has a binomial share of the rest, with probability W_i / (W_i + .. + W_n) (Davis 1993, Comput. Statist.
 * Data Anal. 16:205). That takes one pass, comes out sorted, and has finitely many outcomes, so an
 * enumerating source gives the exact law.
 *
 * Reference: Gordon, Salmond and Smith 1993, IEE Proc. F 140:107.
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

/* What is drawn from, in place of the weights themselves in a mutant. */
static double weight(const double *weights, size_t n, size_t i) {
  (void)n;
  if (!(weights[i] > 0)) return 0;
#if BOREL_MUTANT == 1 /* uniform ancestors */
  return 1;
#elif BOREL_MUTANT == 2 /* squares of the weights */
  return weights[i] * weights[i];
#elif BOREL_MUTANT == 3 /* the last particle has no offspring */
  return i && i + 1 == n ? 0 : weights[i];
#else
  return weights[i];
#endif
}

static borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n,
                             const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  (void)self, (void)scratch, (void)error;
  double rest = 0; /* W_i + .. + W_n */
  size_t k = 0, last = 0;
  for (size_t i = 0; i < n; i++)
    if (weight(weights, n, i) > 0) rest += weight(weights, n, i), last = i;
  for (size_t i = 0; i < n && k < count; i++) {
    double w = weight(weights, n, i);
    if (!(w > 0)) continue;
    uint64_t offspring = count - k; /* all that is left, where nobody is behind */
#if BOREL_MUTANT == 4               /* all offspring from one draw */
    if (i < last && w < rest) offspring *= (uint64_t)rng->ops->bernoulli(rng, w / rest);
#elif BOREL_MUTANT == 5 /* shares of the whole, not of the rest */
    if (i < last && w < rest) offspring = rng->ops->binomial(rng, offspring, w);
#else
    if (i < last && w < rest) offspring = rng->ops->binomial(rng, offspring, w / rest);
#endif
    for (; offspring > 0; offspring--) ancestors[k++] = (int64_t)i;
    rest -= w;
  }
  return BOREL_OK;
}

static const borel_resampler_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .resample = resample};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_RESAMPLER,
    .name = "multinomial",
    .summary = "Each offspring picks its parent by itself",
    .reference = "Gordon, Salmond and Smith 1993, IEE Proc. F 140:107",
    .claims = {.preserves = BOREL_PRESERVES_MEASURE, .flags = BOREL_AT_MOST_MULTINOMIAL},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.multinomial", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,          .components = components,
};
