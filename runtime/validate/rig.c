/* SPDX-License-Identifier: MIT */
#include "validate/rig.h"

#include "core/error.h"
#include "random/source_philox.h"
#include "random/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void spoil(borel_rig *rig) {
  for (size_t i = 0; i < rig->blocks.scratch->count; i++) {
    const borel_block_field *field = &rig->blocks.scratch->fields[i];
    memset(field->data, rig->spoil, field->bytes);
  }
}

/* A step may leave no info unsaid: NaN of a payload that no computation yields stands in each place. */
static const uint64_t unsaid = 0x7FF8DEADBEEF0000u;

static void spoil_info(borel_rig *rig) {
  for (size_t i = 0; i < rig->kernel->info_count; i++) memcpy(&rig->info[i], &unsaid, sizeof unsaid);
}

static borel_rng *open_rng(borel_philox_rng *rng, borel_rig *rig, const char *role, uint64_t index) {
  borel_philox_open(rng, borel_stream_child(borel_stream_root(1), role), 0, index, 0, &rig->error);
  return &rng->rng;
}

static borel_status begin_and_warm(borel_rig *rig) {
  const borel_kernel_ops *ops = rig->kernel->ops;
  borel_phase phase = borel_windows_phase(&rig->plan, 0, 1);
  borel_philox_rng rng;
  borel_status status = BOREL_OK;
  borel_context context = borel_kernel_context(&rig->blocks, open_rng(&rng, rig, "begin", 0), &phase);
  if (ops->begin)
    status = ops->begin(rig->kernel->self, &context, &rig->target.target, &rig->point->view, &rig->error);
  if (status == BOREL_OK) status = rng.rng.status;
  if (status != BOREL_OK) return status;
  borel_block_copy(rig->begun, rig->blocks.state);
  spoil(rig);
  context = borel_kernel_context(&rig->blocks, open_rng(&rng, rig, "warm", 0), &phase);
  if (ops->warm)
    status = ops->warm(rig->kernel->self, &context, &rig->target.target, &rig->point->view,
                       rig->blocks.tuning->data, &rig->error);
  return status == BOREL_OK ? rng.rng.status : status;
}

borel_status borel_rig_open(borel_rig *rig, const borel_component *component, borel_args args,
                            const borel_trial *trial, const borel_windows *plan) {
  *rig = (borel_rig){.target = borel_trial_open(trial), .plan = *plan, .spoil = 0xff};
  const borel_layout *layout = &rig->target.layout;
  borel_status status = borel_kernel_create(component, args, &rig->kernel, &rig->error);
  if (status == BOREL_OK)
    status = borel_kernel_blocks_create(rig->kernel, layout, 1, &rig->blocks, &rig->error);
  if (status != BOREL_OK) return status;
  status = borel_block_clone(rig->blocks.state, &rig->begun, &rig->error);
  if (status == BOREL_OK) status = borel_point_create(layout, &rig->point, &rig->error);
  if (status != BOREL_OK) return status;
  rig->info = calloc(rig->kernel->info_count + 1, sizeof *rig->info);
  if (!rig->info) return borel_fail(&rig->error, BOREL_INTERNAL, "no memory for the info of a step");
  borel_point_set(rig->point, trial->u, trial->z);
  spoil(rig);
  status = begin_and_warm(rig);
  return status == BOREL_REJECT ? borel_fail(&rig->error, BOREL_INTERNAL, "begin or warm rejects") : status;
}

void borel_rig_close(borel_rig *rig) {
  if (rig->kernel) borel_kernel_blocks_destroy(&rig->blocks);
  borel_block_destroy(rig->begun);
  borel_point_destroy(rig->point);
  borel_kernel_destroy(rig->kernel);
  free(rig->info);
}

void borel_rig_reset(borel_rig *rig, const double *u, const int64_t *z) {
  borel_point_set(rig->point, u ? u : rig->target.trial->u, z ? z : rig->target.trial->z);
  borel_block_copy(rig->blocks.state, rig->begun);
}

borel_status borel_rig_step(borel_rig *rig, borel_rng *rng, uint64_t iteration) {
  const borel_kernel_ops *ops = rig->kernel->ops;
  borel_target *target = &rig->target.target;
  borel_point *point = &rig->point->view;
  borel_phase phase = borel_windows_phase(&rig->plan, iteration, 1);
  borel_context context = borel_kernel_context(&rig->blocks, rng, &phase);
  spoil(rig);
  spoil_info(rig);
  borel_status status = ops->step(rig->kernel->self, &context, target, point, rig->info, &rig->error);
  if (status == BOREL_OK && rng->status == BOREL_OK && phase.warming && ops->adapt) {
    borel_philox_rng other;
    context = borel_kernel_context(&rig->blocks, open_rng(&other, rig, "adapt", iteration), &phase);
    spoil(rig);
    status = ops->adapt(rig->kernel->self, &context, target, point, rig->info, rig->blocks.tuning->data,
                        &rig->error);
    if (status == BOREL_OK) status = other.rng.status;
  }
  if (status == BOREL_REJECT) return borel_fail(&rig->error, BOREL_INTERNAL, "a step returns REJECT");
  return rng->status != BOREL_OK ? rng->status : status;
}

/* ---- what must be true after a step ---------------------------------------------------------- */

static int close_to(double cached, double fresh) {
  return cached == fresh || fabs(cached - fresh) <= 1e-9 * (1 + fabs(fresh));
}

static int untrue(borel_rig *rig, const char *what, double cached, double fresh) {
  borel_fail(&rig->error, BOREL_INTERNAL, "the point says that its %s is %.6g, but it is %.6g", what, cached,
             fresh);
  return 0;
}

static int in_place(borel_rig *rig) {
  const borel_host_point *point = rig->point;
  const borel_trial *trial = rig->target.trial;
  if (point->view.layout != 0 || point->view.D != trial->D || point->view.K != trial->K) {
    borel_fail(&rig->error, BOREL_INTERNAL, "the layout of the point has changed");
    return 0;
  }
  for (size_t d = 0; d < trial->D; d++)
    if (!isfinite(point->u[d])) {
      borel_fail(&rig->error, BOREL_INTERNAL, "u[%zu] is %g after a step", d, point->u[d]);
      return 0;
    }
  for (size_t i = 0; i < rig->kernel->info_count; i++)
    if (!memcmp(&rig->info[i], &unsaid, sizeof unsaid)) {
      borel_fail(&rig->error, BOREL_INTERNAL, "a step leaves its info field %s unset",
                 rig->kernel->ops->info[i].name);
      return 0;
    }
  return 1;
}

int borel_rig_is_true(borel_rig *rig) {
  const borel_host_point *point = rig->point;
  const borel_point *view = &point->view;
  const borel_trial *trial = rig->target.trial;
  if (!in_place(rig)) return 0;
  double gradient[BOREL_TRIAL_MAX], logdensity = borel_trial_density(trial, point->u, point->z, gradient);
  if (logdensity == -INFINITY) {
    borel_fail(&rig->error, BOREL_INTERNAL, "a step ends outside the support");
    return 0;
  }
  if (view->valid & BOREL_LOGDENSITY && !close_to(view->logdensity, logdensity))
    return untrue(rig, "log-density", view->logdensity, logdensity);
  for (size_t d = 0; d < trial->D && view->valid & BOREL_GRADIENT; d++)
    if (!close_to(point->gradient[d], gradient[d]))
      return untrue(rig, "gradient", point->gradient[d], gradient[d]);
  return 1;
}

double *borel_rig_tuning(const borel_rig *rig, const char *name, size_t count) {
  const borel_block_field *field = borel_block_find(rig->blocks.tuning, name);
  return field && field->dtype == BOREL_F64 && field->bytes == count * sizeof(double) ? field->data : NULL;
}
