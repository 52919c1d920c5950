/* SPDX-License-Identifier: MIT */
#include "validate/frozen.h"

#include "random/stream.h"

#include <math.h>
#include <string.h>

enum { WARMUP = 150, PILOTS = 24, PILOT_STEPS = 100, STUCK = 90 };
static const double least_accept = 0.45, most_accept = 0.75, factor = 1.4, large_factor = 10;

void borel_frozen_rng(borel_frozen *f, borel_philox_rng *rng, const char *role, uint64_t round,
                      uint64_t index) {
  uint64_t key = borel_stream_child_id(borel_stream_child(f->key, role), round);
  borel_philox_open(rng, key, 0, index, 0, &f->rig.error);
}

void borel_frozen_draw(borel_frozen *f, borel_rng *rng) {
  f->joint->draw_parameters(rng, f->drawn_u, f->drawn_z);
  f->joint->draw_data(rng, f->drawn_u, f->drawn_z, f->data);
  borel_frozen_return(f);
}

void borel_frozen_return(borel_frozen *f) { borel_rig_reset(&f->rig, f->drawn_u, f->drawn_z); }

int borel_frozen_moved(const borel_frozen *f) {
  const borel_host_point *point = f->rig.point;
  return memcmp(point->u, f->drawn_u, f->joint->D * sizeof *point->u) != 0 ||
         memcmp(point->z, f->drawn_z, f->joint->K * sizeof *point->z) != 0;
}

borel_status borel_frozen_steps(borel_frozen *f, borel_rng *rng, size_t count) {
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < count && status == BOREL_OK; i++) status = borel_rig_step(&f->rig, rng, WARMUP);
  return status;
}

size_t borel_frozen_statistics(const borel_frozen *f, double out[BOREL_STATISTICS]) {
  return borel_joint_statistics(f->joint, f->data, f->rig.point->u, f->rig.point->z, out);
}

/* ---- tuning ---------------------------------------------------------------------------------- */

static double *accept_of(const borel_frozen *f) {
  const borel_kernel *kernel = f->rig.kernel;
  for (size_t i = 0; i < kernel->info_count; i++)
    if (!strcmp(kernel->ops->info[i].name, "accept")) return &f->rig.info[i];
  return NULL;
}

/* Mean acceptance over steps from exact draws; `stuck`: how many of them moved nothing. */
static borel_status pilot(borel_frozen *f, uint64_t number, int *stuck) {
  const double *accept = accept_of(f);
  double sum = 0;
  borel_status status = BOREL_OK;
  *stuck = 0;
  for (uint64_t i = 0; i < PILOT_STEPS && status == BOREL_OK; i++) {
    borel_philox_rng rng;
    borel_frozen_rng(f, &rng, "pilot", number, i);
    borel_frozen_draw(f, &rng.rng);
    status = borel_frozen_steps(f, &rng.rng, 1);
    *stuck += !borel_frozen_moved(f);
    if (accept) sum += *accept;
  }
  f->accept = accept ? sum / PILOT_STEPS : NAN;
  return status;
}

static borel_status temper(borel_frozen *f) {
  double *step_size = borel_rig_tuning(&f->rig, "step_size", 1);
  borel_status status = BOREL_OK;
  for (uint64_t i = 0; i < PILOTS && status == BOREL_OK; i++) {
    int stuck;
    status = pilot(f, i, &stuck);
    int low = f->accept < least_accept || stuck >= STUCK;
    if (!step_size || !(low || f->accept > most_accept)) break;
    if (i + 1 < PILOTS) *step_size *= stuck >= STUCK ? 1 / large_factor : low ? 1 / factor : factor;
  }
  return status;
}

borel_status borel_frozen_open(borel_frozen *f, const borel_component *component, borel_args args,
                               const borel_joint *joint, uint64_t key) {
  borel_philox_rng rng;
  *f = (borel_frozen){.joint = joint, .key = key};
  f->trial = (borel_trial){.name = joint->name,
                           .D = joint->D,
                           .K = joint->K,
                           .site_count = joint->site_count,
                           .sites = joint->sites,
                           .joint = joint,
                           .data = f->data};
  borel_frozen_rng(f, &rng, "tune", 0, 0);
  joint->draw_parameters(&rng.rng, f->trial.u, f->trial.z);
  joint->draw_data(&rng.rng, f->trial.u, f->trial.z, f->data);
  borel_windows plan = borel_windows_plan(WARMUP, WARMUP + 1);
  borel_status status = borel_rig_open(&f->rig, component, args, &f->trial, &plan);
  for (uint64_t i = 0; i < WARMUP && status == BOREL_OK; i++) {
    borel_frozen_rng(f, &rng, "warm", 0, i);
    status = borel_rig_step(&f->rig, &rng.rng, i);
  }
  return status == BOREL_OK ? temper(f) : status;
}

void borel_frozen_close(borel_frozen *f) { borel_rig_close(&f->rig); }
