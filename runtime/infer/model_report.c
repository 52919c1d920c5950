/* SPDX-License-Identifier: MIT
 * What a model tells people who ask: sizes, times, gradients of its terms. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "infer/model_private.h"

borel_model_sizes borel_model_size(const borel_model *model) {
  borel_model_sizes sizes = {.nodes = borel_graph_size(model->graph),
                             .text = model->text.length,
                             .shared = model->shared_in_trace + borel_graph_shared(model->graph),
                             .inputs = model->inputs.count};
  for (int f = 0; f < FUNCTIONS; f++) {
    sizes.statements += model->programs[f]->tables->statements;
    sizes.groups += model->programs[f]->group_count;
  }
  return sizes;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum { TIMED_ROUNDS = 5, LONGEST_BATCH = 1 << 20 };

/* Seconds of one call: the least of a few batches, each long enough for the clock. */
static double time_of(void (*call)(void *), void *context) {
  double least = INFINITY;
  size_t batch = 1;
  for (int round = 0; round < TIMED_ROUNDS;) {
    double start = now();
    for (size_t i = 0; i < batch; i++) call(context);
    double spent = now() - start;
    if (spent < 1e-4 && batch < LONGEST_BATCH) {
      batch *= 2;
      continue;
    }
    if (spent / (double)batch < least) least = spent / (double)batch;
    round++;
  }
  return least;
}

typedef struct {
  const borel_program *program;
  borel_workspace work;
} interpreted;

static void call_interpreter(void *context) {
  interpreted *in = context;
  borel_program_interpret(in->program, &in->work);
}

static borel_status interpret_at(const borel_model *model, interpreted *in, const borel_node *nodes,
                                 size_t count, const double *u, const int64_t *z, borel_error *error) {
  borel_program *program = borel_program_new(model->graph, nodes, count, error);
  if (!program) return BOREL_INTERNAL;
  in->program = program;
  borel_status status = borel_workspace_new(program, &in->work, error);
  if (status) return status;
  borel_model_fill(model, program, &in->work, u, z);
  borel_program_interpret(program, &in->work);
  return BOREL_OK;
}

static void release(interpreted *in) {
  borel_workspace_free(&in->work);
  borel_program_free((borel_program *)(uintptr_t)in->program);
}

borel_status borel_model_term_report(borel_model *model, size_t i, const double *u, const int64_t *z,
                                     double *norm, double *seconds, borel_error *error) {
  size_t inputs = model->inputs.count, wanted = 0;
  borel_node node = model->terms[i].node, *wrt = malloc((inputs + 1) * sizeof *wrt),
             *gradient = malloc((inputs + 1) * sizeof *gradient);
  interpreted value = {0}, slope = {0};
  borel_status status = wrt && gradient ? BOREL_OK : no_memory(error);
  for (size_t k = 0; !status && k < inputs; k++)
    if (model->inputs.list[k].block == BOREL_SITE_U) wrt[wanted++] = model->inputs.list[k].node;
  if (!status) status = borel_graph_gradient(model->graph, node, wrt, wanted, gradient, error);
  if (!status) status = interpret_at(model, &slope, gradient, wanted, u, z, error);
  if (!status) status = interpret_at(model, &value, &node, 1, u, z, error);
  if (!status) {
    double sum = 0;
    for (size_t s = 0; s < wanted; s++) {
      size_t n = (size_t)borel_shape_size(&borel_graph_at(model->graph, wrt[s])->shape);
      for (size_t k = 0; k < n; k++) sum = hypot(sum, borel_model_output(slope.program, &slope.work, s)[k]);
    }
    *norm = sum;
    *seconds = time_of(call_interpreter, &value);
  }
  if (slope.program) release(&slope);
  if (value.program) release(&value);
  free(wrt);
  free(gradient);
  return status;
}

typedef struct {
  borel_target *target;
  const double *u;
  const int64_t *z;
  double *gradient;
} timed;

static void call_density(void *context) {
  timed *t = context;
  double value;
  borel_error error;
  t->target->ops->logdensity(t->target, 0, t->u, t->z, &value, &error);
}

static void call_gradient(void *context) {
  timed *t = context;
  double value;
  borel_error error;
  t->target->ops->gradient(t->target, 0, t->u, t->z, &value, t->gradient, &error);
}

borel_status borel_model_time(const borel_model *model, const double *u, const int64_t *z, double *density,
                              double *gradient, borel_error *error) {
  timed t = {.u = u, .z = z, .gradient = malloc((model->layout.D + 1) * sizeof *t.gradient)};
  borel_status status = t.gradient ? model->source.open(&model->source, &t.target, error) : no_memory(error);
  if (!status) {
    *density = time_of(call_density, &t);
    *gradient = time_of(call_gradient, &t);
    model->source.close(&model->source, t.target);
  }
  free(t.gradient);
  return status;
}
