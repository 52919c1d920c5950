/* SPDX-License-Identifier: MIT
 *
 * ddim: the first-order exponential integrator, with a share eta of the noise of ancestral sampling.
 *
 * A step takes x0 and eps as they are predicted at the start s and mixes them anew at the end t:
 *   x_t = alpha_t x0 + sqrt(sigma_t^2 - c^2) eps + c z,
 *   c^2 = eta^2 sigma_t^2 (1 - e^{-2h}),  h = lambda_t - lambda_s.
 * With e^{-k} = sqrt(1 - eta^2 (1 - e^{-2h})) all of it is a combination of x and x0 without cancellation,
 *   x_t = (sigma_t / sigma_s) e^{-k} x_s - alpha_t expm1(-h - k) x0 + c z,
 * which also holds where there is no noise at t, or no data at s. eta = 0 is the reverse equation without
 * noise, and goes both ways; eta = 1 is ancestral sampling (DDPM).
 *
 * Reference: Song, Meng and Ermon 2021, ICLR, eq. 12 and 16.
 */
#include <borel/diffusion.h>
#include <math.h>

typedef struct {
  double eta;
  borel_noise noise;
} ddim;

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  ddim *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "ddim: out of memory");
  self->eta = params[0].number;
  self->noise = params[1].number > 0 ? BOREL_NOISE_TREE : BOREL_NOISE_FRESH;
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void claims(const void *given, borel_solver_claims *out) {
  const ddim *self = given;
  int quiet = self->eta == 0;
  out->order = quiet;
  out->weak_order = !quiet;
  out->flags = BOREL_EXACT_DATA | (quiet ? BOREL_EXACT_NOISE : BOREL_STOCHASTIC);
  out->degree = 0;
  out->form = BOREL_PREDICT_DATA;
}

static borel_status plan(const void *given, const borel_plan *in, borel_tape *tape, borel_error *error) {
  (void)error;
  const ddim *self = given;
  int32_t data = tape->ops->slot(tape, "x0");
  for (size_t i = 0; i + 1 < in->points; i++) {
    const borel_level *s = &in->levels[i], *t = s + 1;
    double h = t->lambda - s->lambda, share = self->eta * self->eta * -expm1(-2 * h), k = -log1p(-share) / 2;
    tape->ops->predict(tape, data, BOREL_SLOT_X, s, BOREL_PREDICT_DATA);
    tape->ops->combine(tape, BOREL_SLOT_X, 2,
                       (double[]){exp(t->ln_sigma - s->ln_sigma - k), -exp(t->ln_alpha) * expm1(-h - k)},
                       (int32_t[]){BOREL_SLOT_X, data});
    double scale = exp(t->ln_sigma) * sqrt(share);
    if (scale > 0) tape->ops->noise(tape, BOREL_SLOT_X, scale, self->noise, s->lambda, t->lambda);
    tape->ops->mark(tape, t);
  }
  return BOREL_OK;
}

static const borel_param params[] = {
    {.name = "eta", .number = 0, .min = 0, .max = 1, .doc = "share of the noise of ancestral sampling"},
    {.name = "noise",
     .type = BOREL_CHOICE,
     .choices = "fresh|tree",
     .doc = "tree: one Brownian path, whatever the grid, so that more steps refine the same sample"},
    {0}};

static const borel_solver_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .claims = claims, .plan = plan};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_SOLVER,
    .name = "ddim",
    .summary = "First order; between the equation without noise (eta = 0) and ancestral sampling (eta = 1)",
    .reference = "Song, Meng and Ermon 2021, ICLR, eq. 12 and 16",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.ddim",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
