/* my-resampler: offspring k has its parent at position (u + k) / count of the cumulated weights, with a new
 * uniform u for each offspring (stratified resampling) or one for all (`shared`, systematic resampling).
 * Either way particle i has count * weights[i] offspring on average.
 *
 *   ./build.sh                                  builds my-resampler.so and tests what it claims
 *   borel.resampler("./my-resampler.so", { shared = true })          in a script */
#include <borel/plugin.h>

/* What a user may set, in this order in `create`. */
enum { PARAM_SHARED };
static const borel_param params[] = {
    {.name = "shared", .type = BOREL_FLAG, .number = 0, .doc = "one uniform number for all offspring"}, {0}};

/* An instance: what follows from the parameters. It never changes, so many threads may share it. */
typedef struct {
  int shared;
} resampler;

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  resampler *r = host->allocate(1, sizeof *r);
  if (!r) return host->fail(error, BOREL_INTERNAL, "my-resampler: no memory");
  r->shared = values[PARAM_SHARED].number != 0;
  *self = r;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* Everything random goes through rng, and uniform numbers are only compared: so that `borel validate` can go
 * through all outcomes. The position of offspring k lies below the end of particle i when u < end - k. */
static borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n,
                             const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  const resampler *r = self;
  borel_unif u = rng->ops->unif(rng);
  double end = 0; /* count times the weights so far */
  size_t k = 0, last = 0;
  (void)scratch, (void)error;
  for (size_t i = 0; i < n; i++) {
    if (!(weights[i] > 0)) continue;
    end += (double)count * weights[i];
    while (k < count && rng->ops->unif_lt(rng, &u, end - (double)k)) {
      ancestors[k++] = (int64_t)i;
      if (!r->shared) u = rng->ops->unif(rng);
    }
    last = i;
  }
  while (k < count) ancestors[k++] = (int64_t)last; /* the weights sum to a little less than 1 */
  return BOREL_OK;
}

static const borel_resampler_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .resample = resample};

/* `borel validate` tests each of the claims. */
static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_RESAMPLER,
    .name = "my-resampler",
    .summary = "Positions in strata of the cumulated weights",
    .reference = "Kitagawa 1996, J. Comput. Graph. Statist. 5:1",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE, .flags = BOREL_AT_MOST_MULTINOMIAL},
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "my-resampler",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
