/* SPDX-License-Identifier: MIT
 *
 * residual: particle i is copied floor(count W_i) times; the offspring that are then missing are drawn by
 * multinomial resampling from what the copies leave over, count W_i - floor(count W_i).
 *
 * Never less than floor(count W_i) offspring, and less variance than multinomial resampling for every
 * estimate (Douc, Cappe and Moulines 2005), in any order of the particles.
 *
 * The numbers of the multinomial part are drawn one after the other, each a binomial share of the rest: one
 * more pass, finitely many outcomes, so an enumerating source gives the exact law.
 *
 * Reference: Liu and Chen 1998, J. Amer. Statist. Assoc. 93:1032, section 3.
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the check of offspring must notice each. */
#include <borel/plugin.h>

#include <math.h>

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

/* Is count W_i a whole number, but for rounding? Then nothing is left over. */
static const double rounding = 1e-12;

typedef struct {
  uint64_t copies;
  double left_over;
} share;

static share share_of(double weight, size_t count) {
  double expected = (double)count * weight, whole = floor(expected * (1 + rounding)), rest = expected - whole;
#if BOREL_MUTANT == 2 /* the copies are lost */
  whole = 0;
#elif BOREL_MUTANT == 4 /* left over as much as is expected */
  rest = expected;
#endif
#if BOREL_MUTANT == 1 /* whoever has something left over has as much as the others */
  return (share){(uint64_t)whole, rest > rounding * expected ? 1 : 0};
#else
  return (share){(uint64_t)whole, rest > rounding * expected ? rest : 0};
#endif
}

static borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n,
                             const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  (void)self, (void)scratch, (void)error;
  double rest = 0;                       /* left over by particles i .. n */
  uint64_t missing = count;              /* offspring that are no copies, of particles i .. n */
  size_t k = 0, last = 0, last_left = n; /* with a weight, and with something left over */
  for (size_t i = 0; i < n; i++) {
    share s = share_of(weights[i], count);
    missing -= s.copies < missing ? s.copies : missing;
    rest += s.left_over;
    if (weights[i] > 0) last = i;
    if (s.left_over > 0) last_left = i;
  }
  for (size_t i = 0; i < n; i++) {
    share s = share_of(weights[i], count);
    uint64_t offspring = s.copies;
    if (s.left_over > 0 && missing > 0) {
      uint64_t drawn = missing; /* all of them, where nobody is behind */
#if BOREL_MUTANT == 3           /* all of them from one draw */
      if (i < last_left && s.left_over < rest)
        drawn *= (uint64_t)rng->ops->bernoulli(rng, s.left_over / rest);
#else
      if (i < last_left && s.left_over < rest) drawn = rng->ops->binomial(rng, missing, s.left_over / rest);
#endif
      missing -= drawn;
      offspring += drawn;
      rest -= s.left_over;
    }
    for (; offspring > 0 && k < count; offspring--) ancestors[k++] = (int64_t)i;
  }
  while (k < count) ancestors[k++] = (int64_t)last; /* the weights sum to a little less than 1 */
  return BOREL_OK;
}

static const borel_resampler_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .resample = resample};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_RESAMPLER,
    .name = "residual",
    .summary = "Copies of whole numbers, the rest by multinomial resampling",
    .reference = "Liu and Chen 1998, J. Amer. Statist. Assoc. 93:1032",
    .claims = {.preserves = BOREL_PRESERVES_MEASURE, .flags = BOREL_AT_MOST_MULTINOMIAL},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.residual", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,       .components = components,
};
