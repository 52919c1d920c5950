/* SPDX-License-Identifier: MIT
 * Instances: a component with checked parameters. Immutable after creation, so threads may share one. */
#ifndef BOREL_HOST_INSTANCE_H
#define BOREL_HOST_INSTANCE_H

#include "host/blocks.h"
#include "host/schema.h"
#include <borel/diffusion.h>

typedef struct borel_composition borel_composition; /* host/compose.h */

typedef struct {
  const borel_component *component;
  const borel_kernel_ops *ops; /* complete: slots that the plugin's table lacks are NULL */
  void *self;
  borel_value *values; /* one for each parameter */
  size_t info_count;   /* scalars that a step reports, named by ops->info */
  borel_kernel_ops table;
  const borel_composition *composition; /* that it is an instance of; NULL: a plugin's */
  borel_composition *owned;             /* the same, when it ends with the kernel */
} borel_kernel;

typedef struct {
  const borel_component *component;
  const borel_density_ops *ops;
  void *self;
  borel_value *values;
  borel_density_ops table;
} borel_density;

typedef struct {
  const borel_component *component;
  const borel_resampler_ops *ops;
  void *self;
  borel_value *values;
  borel_resampler_ops table;
} borel_resampler;

typedef struct {
  const borel_component *component;
  const borel_process_ops *ops;
  void *self;
  borel_value *values;
  borel_process_ops table;
} borel_process;

typedef struct {
  const borel_component *component;
  const borel_score_ops *ops;
  void *self;
  borel_value *values;
  borel_score_ops table;
} borel_score;

typedef struct {
  const borel_component *component;
  const borel_solver_ops *ops;
  void *self;
  borel_value *values;
  borel_solver_ops table;
} borel_solver;
/* Of the fields of a side, trace first. */
typedef struct {
  borel_block *trace, *auxiliary; /* names, types and extents; their data mean nothing */
  size_t size, continuous;        /* numbers; how many of them are F64 */
} borel_involution_side;

typedef struct {
  const borel_component *component;
  const borel_involution_ops *ops;
  void *self;
  borel_value *values;
  borel_involution_ops table;
  size_t side_count; /* 1: side 0 is led to itself */
  borel_involution_side sides[2];
} borel_involution;

/* Errors: those of borel_schema_check, ARG for a component of another kind or one whose `create` changed the
 * floating-point environment, and whatever `create` reports. [main thread] */
borel_status borel_kernel_create(const borel_component *, borel_args, borel_kernel **, borel_error *);
void borel_kernel_destroy(borel_kernel *); /* NULL is fine */
borel_status borel_density_create(const borel_component *, borel_args, borel_density **, borel_error *);
void borel_density_destroy(borel_density *);
borel_status borel_resampler_create(const borel_component *, borel_args, borel_resampler **, borel_error *);
void borel_resampler_destroy(borel_resampler *);
borel_status borel_process_create(const borel_component *, borel_args, borel_process **, borel_error *);
void borel_process_destroy(borel_process *);
borel_status borel_score_create(const borel_component *, borel_args, borel_score **, borel_error *);
void borel_score_destroy(borel_score *);
borel_status borel_solver_create(const borel_component *, borel_args, borel_solver **, borel_error *);
void borel_solver_destroy(borel_solver *);
/* Also ARG for sides with different numbers of continuous numbers, or fields with extents that follow a
 * point. */
borel_status borel_involution_create(const borel_component *, borel_args, borel_involution **, borel_error *);
void borel_involution_destroy(borel_involution *);

/* The arrays that one chain needs for a kernel. */
typedef struct {
  borel_block *tuning, *state, *scratch;
  struct borel_block_view **views; /* [view_count], of a composition */
  size_t view_count;
} borel_kernel_blocks;

/* For points of this layout, which must outlive the blocks, and N lanes (1 in a plain chain). Errors: those
 * of borel_block_create; ARG when a part of a composition is on sites that the layout lacks. */
borel_status borel_kernel_blocks_create(const borel_kernel *, const borel_layout *, size_t N,
                                        borel_kernel_blocks *, borel_error *);
void borel_kernel_blocks_destroy(borel_kernel_blocks *);
/* A context for calls with these blocks. */
borel_context borel_kernel_context(const borel_kernel_blocks *, borel_rng *, const borel_phase *);

#endif
