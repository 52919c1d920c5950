/* SPDX-License-Identifier: MIT
 *
 * interpolant: from data at t = 0 to noise alone at t = 1.
 *
 * Schedules:
 *  - linear: alpha = 1 - t, sigma = t (flow matching, rectified flow).
 *  - trigonometric: alpha = cos(pi t / 2), sigma = sin(pi t / 2) (Albergo and Vanden-Eijnden 2023).
 *
 * lambda is infinite at both ends; a shift of times belongs to grids.
 */
#include <borel/diffusion.h>
#include <math.h>

enum { SCHEDULE };
enum { LINEAR, TRIGONOMETRIC };

static const double PI = 3.14159265358979323846;

typedef struct {
  int schedule;
} interpolant;

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  interpolant *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "interpolant: out of memory");
  self->schedule = (int)params[SCHEDULE].number;
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void domain(const void *self, double *least, double *most) {
  (void)self;
  *least = 0;
  *most = 1;
}

/* The cosine as the sine of what is missing to a right angle, which is 0 at t = 1. */
static void path(const void *given, double t, double *ln_alpha, double *ln_sigma) {
  int linear = ((const interpolant *)given)->schedule == LINEAR;
  *ln_alpha = linear ? log1p(-t) : log(t < 0.5 ? cos(t * PI / 2) : sin((1 - t) * PI / 2));
  *ln_sigma = log(linear ? t : sin(t * PI / 2));
}

static double time_of(const void *given, double lambda) {
  int linear = ((const interpolant *)given)->schedule == LINEAR;
  return linear ? 1 / (1 + exp(lambda)) : atan(exp(-lambda)) * 2 / PI;
}

static void slopes(const void *given, double t, double *alpha, double *sigma) {
  int linear = ((const interpolant *)given)->schedule == LINEAR;
  *alpha = linear ? -1 : -sin(t * PI / 2) * PI / 2;
  *sigma = linear ? 1 : sin((1 - t) * PI / 2) * PI / 2;
}

static const borel_param params[] = {{.name = "schedule",
                                      .type = BOREL_CHOICE,
                                      .choices = "linear|trigonometric",
                                      .doc = "how data go over into noise"},
                                     {0}};

static const borel_process_ops ops = {.size = sizeof ops,
                                      .create = create,
                                      .destroy = destroy,
                                      .domain = domain,
                                      .path = path,
                                      .time = time_of,
                                      .slopes = slopes};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_PROCESS,
    .name = "interpolant",
    .summary = "Interpolant between data and noise: linear (flow matching) or trigonometric",
    .reference = "Lipman et al. 2023, ICLR; Albergo and Vanden-Eijnden 2023, ICLR",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.interpolant",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
