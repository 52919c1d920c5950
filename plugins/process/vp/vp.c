/* SPDX-License-Identifier: MIT
 *
 * vp: variance is preserved, alpha^2 + sigma^2 = 1.
 *
 * Schedules:
 *  - linear: beta(t) = beta0 + t (beta1 - beta0) on [0, 1], so ln alpha = -t^2 (beta1 - beta0) / 4 - t beta0
 * / 2 (Song et al. 2021, eq. 33).
 *  - cosine: alpha = cos((t + s) / (1 + s) pi / 2) / cos(s / (1 + s) pi / 2) (Nichol and Dhariwal 2021, eq.
 * 17); lambda goes to -inf at t = 1, so times end at 0.9946, where it is -4.8 for s = 0.008.
 *  - table: ln alpha_n = sum of ln(1 - beta_i) / 2 over i <= n at t = n / N, straight lines between. Its last
 *    entries are left out where lambda is below lambda_least: cosine tables end near -10, which no grid of
 * lambda survives.
 */
#include <borel/diffusion.h>
#include <math.h>

enum { SCHEDULE, BETA0, BETA1, OFFSET, BETAS, LAMBDA_LEAST };
enum { LINEAR, COSINE, TABLE };

typedef struct {
  int schedule;
  double beta0, beta1, offset;
  size_t count;     /* of entries of the table that are kept */
  size_t length;    /* N */
  double *ln_alpha; /* [count] */
} vp;

static const double PI = 3.14159265358979323846;

static borel_status table(const borel_host *host, vp *self, const borel_value *betas, double lambda_least,
                          borel_error *error) {
  if (betas->count < 2)
    return host->fail(error, BOREL_ARG, "vp: a table needs betas, at least two; got %zu", betas->count);
  self->length = betas->count;
  self->ln_alpha = host->allocate(betas->count, sizeof *self->ln_alpha);
  if (!self->ln_alpha) return host->fail(error, BOREL_INTERNAL, "vp: out of memory");
  double sum = 0;
  for (size_t n = 0; n < betas->count; n++) {
    if (!(betas->reals[n] > 0 && betas->reals[n] < 1))
      return host->fail(error, BOREL_ARG, "vp: beta %zu is %g, must be above 0 and below 1", n + 1,
                        betas->reals[n]);
    sum += log1p(-betas->reals[n]) / 2;
    if (sum - log(-expm1(2 * sum)) / 2 < lambda_least) break;
    self->ln_alpha[self->count++] = sum;
  }
  if (self->count < 2)
    return host->fail(error, BOREL_ARG, "vp: fewer than two entries of the table have lambda above %g",
                      lambda_least);
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *given) {
  vp *self = given;
  host->release(self->ln_alpha);
  host->release(self);
}

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  vp *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "vp: out of memory");
  self->schedule = (int)params[SCHEDULE].number;
  self->beta0 = params[BETA0].number;
  self->beta1 = params[BETA1].number;
  self->offset = params[OFFSET].number;
  borel_status status = BOREL_OK;
  if (self->schedule == TABLE)
    status = table(host, self, &params[BETAS], params[LAMBDA_LEAST].number, error);
  else if (params[BETAS].count)
    status = host->fail(error, BOREL_ARG, "vp: betas are for schedule = \"table\"");
  else if (self->schedule == LINEAR && !(self->beta1 > self->beta0))
    status =
        host->fail(error, BOREL_ARG, "vp: beta1 = %g must be above beta0 = %g", self->beta1, self->beta0);
  if (status == BOREL_OK)
    *out = self;
  else
    destroy(host, self);
  return status;
}

static void domain(const void *given, double *least, double *most) {
  const vp *self = given;
  *least = self->schedule == TABLE ? 1 / (double)self->length : 0;
  *most = self->schedule == TABLE    ? (double)self->count / (double)self->length
          : self->schedule == COSINE ? 0.9946
                                     : 1;
}

static double table_ln_alpha(const vp *self, double t, size_t *left, double *share) {
  double place = t * (double)self->length - 1;
  size_t k = place > 0 ? (size_t)place : 0;
  if (k > self->count - 2) k = self->count - 2;
  *left = k;
  *share = place - (double)k;
  return self->ln_alpha[k] + *share * (self->ln_alpha[k + 1] - self->ln_alpha[k]);
}

static double cosine_angle(const vp *self, double t) {
  return (t + self->offset) / (1 + self->offset) * PI / 2;
}

/* cos(a) / cos(b) = 1 - 2 sin((a+b)/2) sin((a-b)/2) / cos(b), which keeps its digits near t = 0; a - b is t.
 */
static double cosine_ln_alpha(const vp *self, double t) {
  double quarter = PI / 4 / (1 + self->offset), sum = (t + 2 * self->offset) * quarter;
  return log1p(-2 * sin(sum) * sin(t * quarter) / cos(cosine_angle(self, 0)));
}

static void path(const void *given, double t, double *ln_alpha, double *ln_sigma) {
  const vp *self = given;
  size_t left;
  double share;
  if (self->schedule == LINEAR)
    *ln_alpha = -t * t * (self->beta1 - self->beta0) / 4 - t * self->beta0 / 2;
  else if (self->schedule == COSINE)
    *ln_alpha = cosine_ln_alpha(self, t);
  else
    *ln_alpha = table_ln_alpha(self, t, &left, &share);
  *ln_sigma = log(-expm1(2 * *ln_alpha)) / 2;
}

/* ln alpha = -log1p(e^{-2 lambda}) / 2 for every schedule. */
static double time_of(const void *given, double lambda) {
  const vp *self = given;
  double ln_alpha = lambda > 0 ? -log1p(exp(-2 * lambda)) / 2 : lambda - log1p(exp(2 * lambda)) / 2;
  if (self->schedule == LINEAR) { /* the form of the root that does not cancel */
    double slope = self->beta1 - self->beta0, u = -4 * slope * ln_alpha;
    return u / ((sqrt(self->beta0 * self->beta0 + u) + self->beta0) * slope);
  }
  if (self->schedule == COSINE) {
    double b = cosine_angle(self, 0); /* sin^2 a = sin^2 b + (1 - alpha^2) cos^2 b: nothing cancels */
    double sine = hypot(sin(b), sqrt(-expm1(2 * ln_alpha)) * cos(b)),
           angle = atan2(sine, exp(ln_alpha) * cos(b));
    return angle * 2 / PI * (1 + self->offset) - self->offset;
  }
  size_t low = 0, high = self->count - 1;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    *(self->ln_alpha[middle] > ln_alpha ? &low : &high) = middle;
  }
  double share = (ln_alpha - self->ln_alpha[low]) / (self->ln_alpha[high] - self->ln_alpha[low]);
  return ((double)low + 1 + share) / (double)self->length;
}

static void slopes(const void *given, double t, double *alpha, double *sigma) {
  const vp *self = given;
  double ln_alpha, ln_sigma, slope, share;
  size_t left;
  path(self, t, &ln_alpha, &ln_sigma);
  if (self->schedule == LINEAR)
    slope = -t * (self->beta1 - self->beta0) / 2 - self->beta0 / 2;
  else if (self->schedule == COSINE)
    slope = -tan(cosine_angle(self, t)) * PI / 2 / (1 + self->offset);
  else {
    table_ln_alpha(self, t, &left, &share);
    slope = (self->ln_alpha[left + 1] - self->ln_alpha[left]) * (double)self->length;
  }
  *alpha = exp(ln_alpha) * slope;
  *sigma = -exp(2 * ln_alpha - ln_sigma) * slope; /* alpha^2 + sigma^2 = 1 */
}

static double prior_scale(const void *self) { return (void)self, 1.0; }
static size_t indices(const void *self) { return ((const vp *)self)->count; }

static const borel_param params[] = {
    {.name = "schedule",
     .type = BOREL_CHOICE,
     .choices = "linear|cosine|table",
     .doc = "how alpha falls with time"},
    {.name = "beta0", .number = 0.1, .min = 0, .max = 1e3, .doc = "rate at t = 0, of linear"},
    {.name = "beta1", .number = 20, .min = 0, .max = 1e3, .doc = "rate at t = 1, of linear"},
    {.name = "offset", .number = 0.008, .min = 0, .max = 1, .doc = "s of cosine"},
    {.name = "betas", .type = BOREL_REALS, .min = 0, .max = 1, .doc = "of table, from least to most noise"},
    {.name = "lambda_least",
     .number = -5.1,
     .min = -1e3,
     .max = 1e3,
     .doc = "entries of the table below it are left out"},
    {0}};

static const borel_process_ops ops = {.size = sizeof ops,
                                      .create = create,
                                      .destroy = destroy,
                                      .domain = domain,
                                      .path = path,
                                      .time = time_of,
                                      .slopes = slopes,
                                      .prior_scale = prior_scale,
                                      .indices = indices};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_PROCESS,
    .name = "vp",
    .summary = "Variance-preserving process: linear, cosine, or a table of betas",
    .reference = "Song et al. 2021, ICLR; Nichol and Dhariwal 2021, ICML",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.vp",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
