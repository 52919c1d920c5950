/* SPDX-License-Identifier: MIT
 *
 * dpm: DPM-Solver, exponential integrators of orders 1 to 3 for the prediction of eps; dpm.h has the steps.
 *
 * Reference: Lu et al. 2022, NeurIPS, algorithms 1-3 and appendix D.
 */
#include "dpm.h"

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  dpm_options *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "dpm: out of memory");
  dpm_options_of(host, params, "dpm", self);
  self->predict = BOREL_PREDICT_NOISE;
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

static const borel_param params[] = {DPM_PARAMS, {0}};

static const borel_solver_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .claims = claims, .plan = plan};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_SOLVER,
    .name = "dpm",
    .summary = "DPM-Solver: exponential integrators of orders 1 to 3 for predictions of noise",
    .reference = "Lu et al. 2022, NeurIPS",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.dpm",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
