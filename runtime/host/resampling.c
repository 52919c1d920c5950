/* SPDX-License-Identifier: MIT */
#include "host/resampling.h"

#include "core/error.h"

#include <math.h>

borel_status borel_resampler_scratch(const borel_resampler *resampler, size_t n, borel_block **out,
                                     borel_error *error) {
  borel_dims dims = {.N = n, .values = resampler->values};
  borel_status status = borel_block_create(resampler->ops->scratch, &dims, out, error);
  if (status != BOREL_OK) borel_fail_within(error, "%s", resampler->component->name);
  return status;
}

static borel_status check_weights(const char *name, size_t n, const double *weights, borel_error *error) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(weights[i] >= 0 && weights[i] < INFINITY))
      return borel_fail(error, BOREL_ARG, "%s: weight %zu is %g; it must be finite and not negative", name,
                        i + 1, isnan(weights[i]) ? fabs(weights[i]) : weights[i]);
    sum += weights[i];
  }
  if (fabs(sum - 1) <= 1e-9) return BOREL_OK;
  return borel_fail(error, BOREL_ARG, "%s: the %zu weights sum to %.12g, not to 1; divide them by their sum",
                    name, n, sum);
}

static borel_status check_ancestors(const char *name, size_t n, const double *weights, size_t count,
                                    const int64_t *ancestors, borel_error *error) {
  for (size_t k = 0; k < count; k++)
    if (ancestors[k] < 0 || (uint64_t)ancestors[k] >= n || !(weights[ancestors[k]] > 0))
      return borel_fail(error, BOREL_INTERNAL,
                        "%s: ancestor %lld of offspring %zu is no particle with a weight", name,
                        (long long)ancestors[k] + 1, k + 1);
  return BOREL_OK;
}

borel_status borel_resample(const borel_resampler *resampler, borel_block *scratch, borel_rng *rng, size_t n,
                            const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  const char *name = resampler->component->name;
  if (n < 1) return borel_fail(error, BOREL_ARG, "%s: there are no weights", name);
  if (count < 1) return borel_fail(error, BOREL_ARG, "%s: the number of offspring must be at least 1", name);
  borel_status status = check_weights(name, n, weights, error);
  if (status != BOREL_OK) return status;
  status = resampler->ops->resample(resampler->self, scratch->data, rng, n, weights, count, ancestors, error);
  if (status == BOREL_OK && rng->status != BOREL_OK) {
    status = rng->status;
    if (error != rng->error) *error = *rng->error;
  }
  if (status == BOREL_REJECT) return borel_fail(error, BOREL_INTERNAL, "%s: resample rejects", name);
  return status == BOREL_OK ? check_ancestors(name, n, weights, count, ancestors, error) : status;
}
