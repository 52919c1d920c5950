/* SPDX-License-Identifier: MIT
 *
 * sub-vp: alpha as in the linear variance-preserving process, sigma = 1 - alpha^2 (Song et al. 2021, eq. 29).
 *
 *   ln alpha = -t^2 (beta1 - beta0) / 4 - t beta0 / 2,  t in [0, 1].
 *
 * lambda = ln alpha - ln(1 - alpha^2) = -ln(2 sinh(-ln alpha)), so that -ln alpha = asinh(e^{-lambda} / 2).
 */
#include <borel/diffusion.h>
#include <math.h>

enum { BETA0, BETA1 };

typedef struct {
  double beta0, beta1;
} sub_vp;

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  double beta0 = params[BETA0].number, beta1 = params[BETA1].number;
  if (!(beta1 > beta0))
    return host->fail(error, BOREL_ARG, "sub-vp: beta1 = %g must be above beta0 = %g", beta1, beta0);
  sub_vp *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "sub-vp: out of memory");
  *self = (sub_vp){beta0, beta1};
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void domain(const void *self, double *least, double *most) {
  (void)self;
  *least = 0;
  *most = 1;
}

static void path(const void *given, double t, double *ln_alpha, double *ln_sigma) {
  const sub_vp *self = given;
  *ln_alpha = -t * t * (self->beta1 - self->beta0) / 4 - t * self->beta0 / 2;
  *ln_sigma = log(-expm1(2 * *ln_alpha));
}

/* The root of the quadratic in t, in the form that does not cancel. */
static double time_of(const void *given, double lambda) {
  const sub_vp *self = given;
  /* asinh(r / 2) of r too large for a number is ln r = -lambda. */
  double fall = lambda < -700 ? -lambda : asinh(exp(-lambda) / 2), slope = self->beta1 - self->beta0;
  double u = 4 * slope * fall;
  return u / ((sqrt(self->beta0 * self->beta0 + u) + self->beta0) * slope);
}

static void slopes(const void *given, double t, double *alpha, double *sigma) {
  const sub_vp *self = given;
  double ln_alpha, ln_sigma, slope = -t * (self->beta1 - self->beta0) / 2 - self->beta0 / 2;
  path(self, t, &ln_alpha, &ln_sigma);
  *alpha = exp(ln_alpha) * slope;
  *sigma = -2 * exp(2 * ln_alpha) * slope;
}

static double prior_scale(const void *self) { return (void)self, 1.0; }

static const borel_param params[] = {
    {.name = "beta0", .number = 0.1, .min = 0, .max = 1e3, .doc = "rate at t = 0"},
    {.name = "beta1", .number = 20, .min = 0, .max = 1e3, .doc = "rate at t = 1"},
    {0}};

static const borel_process_ops ops = {.size = sizeof ops,
                                      .create = create,
                                      .destroy = destroy,
                                      .domain = domain,
                                      .path = path,
                                      .time = time_of,
                                      .slopes = slopes,
                                      .prior_scale = prior_scale};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_PROCESS,
    .name = "sub-vp",
    .summary = "Less noise than the variance-preserving process, with its alpha",
    .reference = "Song et al. 2021, ICLR",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.sub-vp",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
