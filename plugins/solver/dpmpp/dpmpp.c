/* SPDX-License-Identifier: MIT
 *
 * dpmpp: DPM-Solver++, exponential integrators of orders 1 to 3 for the prediction of x0, without noise or
 * with eta times that of the reverse diffusion; ../dpm/dpm.h has the steps. With noise the order that can be
 * had is weak order 2: the last step sees nothing of the noise that it draws. predict = "noise" is for study:
 * its steps grow with e^h where those of x0 are bounded.
 *
 * Reference: Lu et al. 2025, Machine Intelligence Research 22, algorithms 1 and 2 and the appendix on SDEs.
 */
#include "../dpm/dpm.h"

enum { ETA = DPM_OWN, NOISE, PREDICT };

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  dpm_options *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "dpmpp: out of memory");
  dpm_options_of(host, params, "dpmpp", self);
  self->eta = params[ETA].number;
  self->noise = params[NOISE].number > 0 ? BOREL_NOISE_TREE : BOREL_NOISE_FRESH;
  self->predict = params[PREDICT].number > 0 ? BOREL_PREDICT_NOISE : BOREL_PREDICT_DATA;
  borel_status status = dpm_check(self, error);
  if (status == BOREL_OK)
    *out = self;
  else
    host->release(self);
  return status;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }
static void claims(const void *self, borel_solver_claims *out) { dpm_claims(self, out); }
static borel_status plan(const void *self, const borel_plan *in, borel_tape *tape, borel_error *error) {
  return dpm_plan(self, in, tape, error);
}

static const borel_param params[] = {
    DPM_PARAMS,
    {.name = "eta",
     .number = 0,
     .min = 0,
     .max = 100,
     .doc = "share of the noise of the reverse diffusion: 0 none, 1 the reverse of the process"},
    {.name = "noise",
     .type = BOREL_CHOICE,
     .choices = "fresh|tree",
     .doc = "tree: one Brownian path, whatever the grid, so that more steps refine the same sample"},
    {.name = "predict", .type = BOREL_CHOICE, .choices = "data|noise", .doc = "what polynomials go through"},
    {0}};

static const borel_solver_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .claims = claims, .plan = plan};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_SOLVER,
                                          .name = "dpmpp",
                                          .summary = "DPM-Solver++: exponential integrators of orders 1 to 3 "
                                                     "for predictions of data, with or without noise",
                                          .reference = "Lu et al. 2025, Machine Intelligence Research",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.dpmpp",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
