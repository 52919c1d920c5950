/* SPDX-License-Identifier: MIT
 * Multinomial resampling, one categorical for each offspring, that breaks the rule which its parameter names.
 */
#include <borel/plugin.h>

#include <sched.h>
#include <signal.h>

enum {
  NONE,
  RANGE,
  ZERO,
  UNSET,
  BEYOND,
  BIASED,
  SINGLE,
  COUNTER,
  SCRATCH,
  SHARED,
  DRAWN,
  FAILS,
  REJECTS,
  CRASH
};

static const borel_param params[] = {
    {.name = "fault",
     .type = BOREL_CHOICE,
     .choices =
         "none|range|zero|unset|beyond|biased|single|counter|scratch|shared|drawn|fails|rejects|crash"},
    {0}};

static const borel_field scratch_fields[] = {{.name = "room", .dtype = BOREL_F64, .dim = {BOREL_DIM_N}}, {0}};

typedef struct {
  int fault;
  volatile double sum;
} resampler;

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  resampler *r = host->allocate(1, sizeof *r);
  if (!r) return host->fail(error, BOREL_INTERNAL, "no memory");
  r->fault = (int)values[0].number;
  *self = r;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* By the place of a uniform number among sums that all threads share. */
static size_t shared(resampler *r, borel_rng *rng, size_t n, const double *weights) {
  borel_unif u = rng->ops->unif(rng);
  size_t i = 0;
  r->sum = 0;
  for (;; i++) {
    r->sum += weights[i];
    if (i % 64 == 0) sched_yield();
    if (i + 1 >= n || (weights[i] > 0 && rng->ops->unif_lt(rng, &u, r->sum))) break;
  }
  while (!(weights[i] > 0)) i--;
  return i;
}

static borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n,
                             const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  static size_t calls;
  resampler *r = (resampler *)(uintptr_t)self; /* the fault SHARED: an instance that is written to */
  double *room = scratch[0];
  size_t first = 0;
  (void)error;
  calls++;
  while (!(weights[first] > 0)) first++;
  for (size_t k = 0; k < count; k++) ancestors[k] = (int64_t)rng->ops->categorical(rng, weights, n);
  switch (r->fault) {
  case RANGE: ancestors[count - 1] = (int64_t)n; break;
  case ZERO:
    for (size_t i = 0; i < n; i++)
      if (!(weights[i] > 0)) ancestors[0] = (int64_t)i;
    break;
  case UNSET: ancestors[count - 1] = -7; break;
  case BEYOND: ancestors[count] = 0; break;
  case BIASED: ancestors[0] = (int64_t)first; break;
  case SINGLE:
    for (size_t k = 1; k < count; k++) ancestors[k] = ancestors[0];
    break;
  case COUNTER:
    if (n > 100 && calls % 2) ancestors[0] = ancestors[count - 1];
    break;
  case SCRATCH:
    if (n > 100 && !(room[count > n ? count - 1 : n - 1] == 0)) ancestors[0] = ancestors[count - 1];
    break;
  case SHARED:
    for (size_t k = 0; n > 100 && k < count && k < 5; k++) ancestors[k] = (int64_t)shared(r, rng, n, weights);
    break;
  case DRAWN: rng->ops->normal(rng); break;
  case FAILS: return 4;
  case REJECTS: return BOREL_REJECT;
  case CRASH: raise(SIGSEGV); break;
  default: break;
  }
  return BOREL_OK;
}

static const borel_resampler_ops ops = {.size = sizeof ops,
                                        .scratch = scratch_fields,
                                        .create = create,
                                        .destroy = destroy,
                                        .resample = resample};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_RESAMPLER,
    .name = "wrong-resampler",
    .summary = "Multinomial resampling with one fault",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE, .flags = BOREL_AT_MOST_MULTINOMIAL},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "test.wrong-resampler",
                                                      .version = "0",       .licence = "MIT",
                                                      .component_count = 1, .components = components};
