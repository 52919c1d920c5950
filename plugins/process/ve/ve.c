/* SPDX-License-Identifier: MIT
 *
 * ve: alpha = 1 and noise that grows geometrically, sigma(t) = sigma_min (sigma_max / sigma_min)^t on [0, 1]
 * (Song et al. 2021, eq. 30; there the variance is less by that at t = 0, which their samplers leave out
 * too).
 *
 * With `degrees` the noise of a sample follows Student's t with so many degrees of freedom: the family of Xu
 * et al. 2023, where they are the number of extra coordinates and r = sigma sqrt(degrees). The reverse
 * equation without noise is the same.
 */
#include <borel/diffusion.h>
#include <math.h>

enum { SIGMA_MIN, SIGMA_MAX, DEGREES };

typedef struct {
  double ln_least, span; /* ln sigma = ln_least + t span */
  double degrees;
} ve;

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  double least = params[SIGMA_MIN].number, most = params[SIGMA_MAX].number;
  if (!(least > 0 && most > least))
    return host->fail(error, BOREL_ARG, "ve: sigma_min = %g must be above 0 and below sigma_max = %g", least,
                      most);
  ve *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "ve: out of memory");
  *self = (ve){log(least), log(most) - log(least), params[DEGREES].number};
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
  const ve *self = given;
  *ln_alpha = 0;
  *ln_sigma = self->ln_least + t * self->span;
}

static double time_of(const void *given, double lambda) {
  const ve *self = given;
  return (-lambda - self->ln_least) / self->span;
}

static void slopes(const void *given, double t, double *alpha, double *sigma) {
  const ve *self = given;
  *alpha = 0;
  *sigma = exp(self->ln_least + t * self->span) * self->span;
}

static double degrees(const void *self) { return ((const ve *)self)->degrees; }

static const borel_param params[] = {
    {.name = "sigma_min", .number = 0.01, .min = 0, .max = 1e150, .doc = "noise at t = 0"},
    {.name = "sigma_max", .number = 50, .min = 0, .max = 1e150, .doc = "noise at t = 1"},
    {.name = "degrees", .min = 0, .max = INFINITY, .doc = "of freedom of the noise; 0 or infinity: normal"},
    {0}};

static const borel_process_ops ops = {.size = sizeof ops,
                                      .create = create,
                                      .destroy = destroy,
                                      .domain = domain,
                                      .path = path,
                                      .time = time_of,
                                      .slopes = slopes,
                                      .degrees = degrees};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_PROCESS,
                                          .name = "ve",
                                          .summary = "Variance-exploding process with geometric noise",
                                          .reference = "Song et al. 2021, ICLR; Xu et al. 2023, ICML",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.ve",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
