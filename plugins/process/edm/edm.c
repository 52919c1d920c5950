/* SPDX-License-Identifier: MIT
 *
 * edm: alpha = 1 and sigma = t from sigma_min to sigma_max (Karras et al. 2022). Preconditioning by c_skip,
 * c_in and c_out belongs to the score.
 *
 * With `degrees` the noise of a sample follows Student's t with so many degrees of freedom: the family of Xu
 * et al. 2023, where they are the number of extra coordinates and r = sigma sqrt(degrees). The reverse
 * equation without noise is the same.
 */
#include <borel/diffusion.h>
#include <math.h>

enum { SIGMA_MIN, SIGMA_MAX, DEGREES };

typedef struct {
  double least, most, degrees;
} edm;

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  double least = params[SIGMA_MIN].number, most = params[SIGMA_MAX].number;
  if (!(least > 0 && most > least))
    return host->fail(error, BOREL_ARG, "edm: sigma_min = %g must be above 0 and below sigma_max = %g", least,
                      most);
  edm *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "edm: out of memory");
  *self = (edm){least, most, params[DEGREES].number};
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void domain(const void *given, double *least, double *most) {
  const edm *self = given;
  *least = self->least;
  *most = self->most;
}

static void path(const void *self, double t, double *ln_alpha, double *ln_sigma) {
  (void)self;
  *ln_alpha = 0;
  *ln_sigma = log(t);
}

static double time_of(const void *self, double lambda) { return (void)self, exp(-lambda); }

static void slopes(const void *self, double t, double *alpha, double *sigma) {
  (void)self, (void)t;
  *alpha = 0;
  *sigma = 1;
}

static double degrees(const void *self) { return ((const edm *)self)->degrees; }

static const borel_param params[] = {
    {.name = "sigma_min", .number = 0.002, .min = 0, .max = 1e150, .doc = "least noise"},
    {.name = "sigma_max", .number = 80, .min = 0, .max = 1e150, .doc = "most noise"},
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
                                          .name = "edm",
                                          .summary = "Variance-exploding process whose time is its noise",
                                          .reference = "Karras et al. 2022, NeurIPS; Xu et al. 2023, ICML",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.edm",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
