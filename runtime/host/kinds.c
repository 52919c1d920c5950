/* SPDX-License-Identifier: MIT */
#include "host/kinds.h"

#include <borel/diffusion.h>
#include <string.h>

#define UP_TO(type, slot) ((uint32_t)(offsetof(type, slot) + sizeof((type *)0)->slot))

static const char *kernel_missing(const void *table) {
  const borel_kernel_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  return ops->step ? NULL : "step";
}

static void kernel_fields(const void *table, const borel_field *lists[4]) {
  const borel_kernel_ops *ops = table;
  lists[0] = ops->tuning;
  lists[1] = ops->state;
  lists[2] = ops->scratch;
  lists[3] = ops->info;
}

static const char *density_missing(const void *table) {
  const borel_density_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  if (!ops->layout) return "layout";
  return ops->logdensity ? NULL : "logdensity";
}

static void density_fields(const void *table, const borel_field *lists[4]) {
  lists[0] = ((const borel_density_ops *)table)->scratch;
  lists[1] = lists[2] = lists[3] = NULL;
}

static const char *resampler_missing(const void *table) {
  const borel_resampler_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  return ops->resample ? NULL : "resample";
}

static void resampler_fields(const void *table, const borel_field *lists[4]) {
  lists[0] = ((const borel_resampler_ops *)table)->scratch;
  lists[1] = lists[2] = lists[3] = NULL;
}

static void no_fields(const void *table, const borel_field *lists[4]) {
  (void)table;
  lists[0] = lists[1] = lists[2] = lists[3] = NULL;
}

static const char *process_missing(const void *table) {
  const borel_process_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  if (!ops->domain) return "domain";
  return ops->path ? NULL : "path";
}

static const char *score_missing(const void *table) {
  const borel_score_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  if (!ops->dimension) return "dimension";
  if (!ops->parametrisation) return "parametrisation";
  return ops->evaluate ? NULL : "evaluate";
}

static void score_fields(const void *table, const borel_field *lists[4]) {
  no_fields(table, lists);
  lists[0] = ((const borel_score_ops *)table)->scratch;
}

static const char *solver_missing(const void *table) {
  const borel_solver_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  if (!ops->claims) return "claims";
  return ops->plan || BOREL_HAS(borel_solver_ops, ops, step) ? NULL : "plan";
}

static void solver_fields(const void *table, const borel_field *lists[4]) {
  no_fields(table, lists);
  lists[0] = ((const borel_solver_ops *)table)->state;
  lists[1] = ((const borel_solver_ops *)table)->scratch;
}

static const char *involution_missing(const void *table) {
  const borel_involution_ops *ops = table;
  if (!ops->create) return "create";
  if (!ops->destroy) return "destroy";
  return ops->map ? NULL : "map";
}

static void involution_fields(const void *table, const borel_field *lists[4]) {
  const borel_involution_ops *ops = table;
  for (int side = 0; side < 2; side++) {
    lists[2 * side] = ops->trace[side];
    lists[2 * side + 1] = ops->auxiliary[side];
  }
}

static const borel_kind kinds[] = {
    {BOREL_KERNEL, "kernel", 1, UP_TO(borel_kernel_ops, step), kernel_missing, kernel_fields},
    {BOREL_DENSITY, "density", 0, UP_TO(borel_density_ops, logdensity), density_missing, density_fields},
    {BOREL_RESAMPLER, "resampler", 1, UP_TO(borel_resampler_ops, resample), resampler_missing,
     resampler_fields},
    {BOREL_PROCESS, "process", 0, UP_TO(borel_process_ops, path), process_missing, no_fields},
    {BOREL_SCORE, "score", 0, UP_TO(borel_score_ops, evaluate), score_missing, score_fields},
    {BOREL_SOLVER, "solver", 0, UP_TO(borel_solver_ops, plan), solver_missing, solver_fields},
    {BOREL_INVOLUTION, "involution", 0, UP_TO(borel_involution_ops, map), involution_missing,
     involution_fields},
};

const borel_kind *borel_kind_at(size_t i) { return i < sizeof kinds / sizeof *kinds ? &kinds[i] : NULL; }

const borel_kind *borel_kind_find(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, name) || !strcmp(kinds[i].folder, name)) return &kinds[i];
  return NULL;
}
