/* SPDX-License-Identifier: MIT
 *
 * mean-reverting: x reverts to a mean mu, the shift that a run states: dx = theta (mu - x) dt + g dW with
 * g^2 = 2 theta sigma_inf^2 (Luo et al. 2023), so that
 *   x - mu = a (x0 - mu) + sigma_inf sqrt(1 - a^2) eps,   a = exp(-integral of theta).
 * Less the shift and over sigma_inf it is variance-preserving.
 *
 * Times are 0 .. T, T = steps, with -ln a_n proportional to theta_0 + ... + theta_n, a_T = alpha_end, and
 * straight lines of ln a between (sigma and lambda follow from it). theta:
 *  - constant: 1.
 *  - linear: from 1e-4 to 0.02.
 *  - cosine: theta_k = 1 - c(k + 1) / c(0), c(j) = cos^2((j / (T + 2) + 0.008) / 1.008 pi / 2), k = 0 .. T.
 *  - table: thetas.
 */
#include <borel/diffusion.h>
#include <math.h>

enum { THETA, STEPS, SIGMA_INF, ALPHA_END, THETAS };
enum { CONSTANT, LINEAR, COSINE, TABLE };

static const double PI = 3.14159265358979323846;

typedef struct {
  double ln_sigma_inf, sigma_inf;
  size_t count;     /* T + 1 */
  double *ln_alpha; /* [count], at times 0 .. T */
} mean_reverting;

static double theta_at(int theta, const double *thetas, size_t k, size_t steps) {
  double T = (double)steps;
  if (theta == CONSTANT) return 1;
  if (theta == LINEAR) return 1e-4 + (0.02 - 1e-4) * (double)k / T;
  if (theta == TABLE) return thetas[k];
  /* cos^2 b - cos^2 a = sin(a - b) sin(a + b) */
  double a = ((double)(k + 1) / (T + 2) + 0.008) / 1.008 * PI / 2, b = 0.008 / 1.008 * PI / 2;
  return sin(a - b) * sin(a + b) / (cos(b) * cos(b));
}

static void destroy(const borel_host *host, void *given) {
  mean_reverting *self = given;
  host->release(self->ln_alpha);
  host->release(self);
}

/* Sums of theta, then scaled to end at ln alpha_end. */
static borel_status fill(const borel_host *host, mean_reverting *self, int theta, const double *thetas,
                         double alpha_end, borel_error *error) {
  double sum = 0;
  for (size_t k = 0; k < self->count; k++) {
    double one = theta_at(theta, thetas, k, self->count - 1);
    if (!(one > 0))
      return host->fail(error, BOREL_ARG, "mean-reverting: theta %zu is %g, must be above 0", k + 1, one);
    self->ln_alpha[k] = sum += one;
  }
  for (size_t k = 0; k < self->count; k++) self->ln_alpha[k] *= log(alpha_end) / sum;
  return BOREL_OK;
}

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  int theta = (int)params[THETA].number;
  size_t given = params[THETAS].count, count = theta == TABLE ? given : (size_t)params[STEPS].number + 1;
  double sigma_inf = params[SIGMA_INF].number, alpha_end = params[ALPHA_END].number;
  if (theta == TABLE && given < 2)
    return host->fail(error, BOREL_ARG, "mean-reverting: a table needs thetas, at least two; got %zu", given);
  if (theta != TABLE && given)
    return host->fail(error, BOREL_ARG, "mean-reverting: thetas are for theta = \"table\"");
  if (!(sigma_inf > 0))
    return host->fail(error, BOREL_ARG, "mean-reverting: sigma_inf is %g, must be above 0", sigma_inf);
  if (!(alpha_end > 0 && alpha_end < 1))
    return host->fail(error, BOREL_ARG, "mean-reverting: alpha_end is %g, must be above 0 and below 1",
                      alpha_end);
  mean_reverting *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "mean-reverting: out of memory");
  *self = (mean_reverting){.ln_sigma_inf = log(sigma_inf), .sigma_inf = sigma_inf, .count = count};
  self->ln_alpha = host->allocate(count, sizeof *self->ln_alpha);
  borel_status status = self->ln_alpha ? fill(host, self, theta, params[THETAS].reals, alpha_end, error)
                                       : host->fail(error, BOREL_INTERNAL, "mean-reverting: out of memory");
  if (status == BOREL_OK)
    *out = self;
  else
    destroy(host, self);
  return status;
}

static void domain(const void *given, double *least, double *most) {
  const mean_reverting *self = given;
  *least = 0;
  *most = (double)(self->count - 1);
}

/* ln a at t, and its slope. */
static double ln_alpha_at(const mean_reverting *self, double t, double *slope) {
  size_t k = t > 0 ? (size_t)t : 0;
  if (k > self->count - 2) k = self->count - 2;
  *slope = self->ln_alpha[k + 1] - self->ln_alpha[k];
  return self->ln_alpha[k] + (t - (double)k) * *slope;
}

static void path(const void *given, double t, double *ln_alpha, double *ln_sigma) {
  const mean_reverting *self = given;
  double slope;
  *ln_alpha = ln_alpha_at(self, t, &slope);
  *ln_sigma = self->ln_sigma_inf + log(-expm1(2 * *ln_alpha)) / 2;
}

/* e^{2 lambda} sigma_inf^2 = a^2 / (1 - a^2) */
static double time_of(const void *given, double lambda) {
  const mean_reverting *self = given;
  double plain = lambda + self->ln_sigma_inf;
  double ln_alpha = plain > 0 ? -log1p(exp(-2 * plain)) / 2 : plain - log1p(exp(2 * plain)) / 2;
  size_t low = 0, high = self->count - 1;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    *(self->ln_alpha[middle] > ln_alpha ? &low : &high) = middle;
  }
  return (double)low + (ln_alpha - self->ln_alpha[low]) / (self->ln_alpha[high] - self->ln_alpha[low]);
}

static void slopes(const void *given, double t, double *alpha, double *sigma) {
  const mean_reverting *self = given;
  double slope, ln_alpha = ln_alpha_at(self, t, &slope);
  *alpha = exp(ln_alpha) * slope;
  *sigma = -self->sigma_inf * exp(2 * ln_alpha) * slope / sqrt(-expm1(2 * ln_alpha));
}

static double prior_scale(const void *self) { return ((const mean_reverting *)self)->sigma_inf; }
static int32_t shifted(const void *self) { return (void)self, 1; }
static size_t indices(const void *self) { return ((const mean_reverting *)self)->count; }

static const borel_param params[] = {
    {.name = "theta", .type = BOREL_CHOICE, .choices = "constant|linear|cosine|table", .doc = "how fast"},
    {.name = "steps", .type = BOREL_INT, .number = 100, .min = 1, .max = 1e6, .doc = "T"},
    {.name = "sigma_inf",
     .number = 50.0 / 255,
     .min = 0,
     .max = 1e150,
     .doc = "standard deviation in the limit"},
    {.name = "alpha_end", .number = 0.005, .min = 0, .max = 1, .doc = "a at T"},
    {.name = "thetas",
     .type = BOREL_REALS,
     .min = 0,
     .max = 1e300,
     .doc = "[T + 1] of table, up to a factor"},
    {0}};

static const borel_process_ops ops = {.size = sizeof ops,
                                      .create = create,
                                      .destroy = destroy,
                                      .domain = domain,
                                      .path = path,
                                      .time = time_of,
                                      .slopes = slopes,
                                      .prior_scale = prior_scale,
                                      .shifted = shifted,
                                      .indices = indices};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_PROCESS,
                                          .name = "mean-reverting",
                                          .summary =
                                              "Process that reverts to a stated mean, a degraded observation",
                                          .reference = "Luo et al. 2023, ICML; Li et al. 2025, ICLR",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.mean-reverting",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
