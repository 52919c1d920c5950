/* SPDX-License-Identifier: MIT
 * A model as a source of targets: evaluation by native code or the interpreter. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/model_private.h"

void borel_model_fill(const borel_model *model, const borel_program *p, borel_workspace *w, const double *u,
                      const int64_t *z) {
  for (size_t i = 0; i < model->inputs.count; i++) {
    const borel_model_input *input = &model->inputs.list[i];
    int32_t slot = p->input_slot[borel_graph_at(model->graph, input->node)->attr];
    if (slot < 0) continue;
    borel_model_input_read(input, input->block == BOREL_SITE_U ? (const void *)u : (const void *)z,
                           w->slot[slot]);
  }
}

const double *borel_model_output(const borel_program *p, const borel_workspace *w, size_t i) {
  return w->slot[borel_program_output_slot(p, i)];
}

/* ---- functions of a target ------------------------------------------------------------------- */

static borel_status open_function(const borel_program *p, borel_native_function native,
                                  const borel_model_places *inputs, borel_model_function *f,
                                  borel_error *error) {
  f->program = p;
  f->native = native;
  f->constants = p->tables->constants;
  f->extents = (const long long *)p->tables->extents;
  f->caller = p->tables->slot_count;
  f->inputs = *inputs;
  if (p->output_count) f->value = borel_program_output_slot(p, 0);
  return borel_workspace_new(p, &f->work, error);
}

/* Few models have inputs or derivatives that are copied: these two stay out of the way of the others. */
static __attribute__((noinline)) void copy_inputs(const borel_model_function *f, const double *u,
                                                  const int64_t *z) {
  for (size_t i = f->inputs.in_place; i < f->inputs.count; i++) {
    const borel_model_input *input = f->inputs.list[i].input;
    borel_model_input_read(input, input->block == BOREL_SITE_U ? (const void *)u : (const void *)z,
                           f->work.slot[f->inputs.list[i].slot]);
  }
}
static __attribute__((noinline)) void copy_derivatives(const borel_model_function *f, double *gradient) {
  for (size_t i = f->derivatives.in_place; i < f->derivatives.count; i++)
    borel_model_input_write(f->derivatives.list[i].input, f->work.slot[f->derivatives.list[i].slot],
                            gradient);
}

static void point_at(void **slot, const borel_model_places *places, double *vector) {
  for (size_t i = 0; i < places->in_place; i++)
    slot[places->list[i].slot] = vector + places->list[i].input->first;
}

static __attribute__((noinline)) void interpret(borel_model_function *f, const double *u, double *gradient) {
  point_at(f->work.slot, &f->inputs, (double *)u);
  if (gradient) point_at(f->work.slot, &f->derivatives, gradient);
  borel_program_interpret(f->program, &f->work);
}

/* `gradient` is written by GRADIENT alone. A function does not write to its inputs. */
static inline void run(borel_model_function *f, const double *u, double *gradient) {
  void **slot = f->work.slot;
  slot[f->caller] = (double *)u;
  slot[f->caller + 1] = gradient;
  if (f->native)
    f->native(slot, f->constants, f->extents);
  else
    interpret(f, u, gradient);
}

void borel_model_copy_inputs(const borel_model_function *f, const double *u, const int64_t *z) {
  copy_inputs(f, u, z);
}

void borel_model_run(borel_model_function *f, const double *u) { run(f, u, NULL); }

static inline void evaluate(borel_model_target *t, int which, const double *u, const int64_t *z,
                            double *gradient) {
  borel_model_function *f = &t->functions[which];
  if (f->inputs.in_place < f->inputs.count) copy_inputs(f, u, z);
  run(f, u, gradient);
}

static inline double value_of(const borel_model_function *f) {
  return *(const double *)f->work.slot[f->value];
}

/* -inf is a number; NaN and +inf are not. */
static __attribute__((noinline)) borel_status judge(double logdensity, borel_error *error) {
  if (logdensity == -INFINITY) return BOREL_REJECT;
  return borel_fail(error, BOREL_DOMAIN, "the log-density is %s", isnan(logdensity) ? "NaN" : "+inf");
}
static inline borel_status verdict(double logdensity, borel_error *error) {
  return isfinite(logdensity) ? BOREL_OK : judge(logdensity, error);
}

static const borel_layout *target_layout(borel_target *target, uint32_t id) {
  return id == 0 ? &((borel_model_target *)target)->model->layout : NULL;
}

static borel_status target_logdensity(borel_target *target, uint32_t layout, const double *u,
                                      const int64_t *z, double *logdensity, borel_error *error) {
  borel_model_target *t = (borel_model_target *)target;
  (void)layout;
  evaluate(t, DENSITY, u, z, NULL);
  *logdensity = value_of(&t->functions[DENSITY]);
  return verdict(*logdensity, error);
}

static borel_status target_gradient(borel_target *target, uint32_t layout, const double *u, const int64_t *z,
                                    double *logdensity, double *gradient, borel_error *error) {
  borel_model_target *t = (borel_model_target *)target;
  const borel_model_function *f = &t->functions[GRADIENT];
  (void)layout;
  evaluate(t, GRADIENT, u, z, gradient);
  *logdensity = value_of(f);
  if (f->derivatives.in_place < f->derivatives.count) copy_derivatives(f, gradient);
  return verdict(*logdensity, error);
}

/* ---- several points -------------------------------------------------------------------------- */

/* BOREL_POINTS points by `function`: u, and gradient unless it is NULL, [4, D]. */
static void evaluate_lanes(borel_model_target *t, borel_native_function function, const double *u,
                           double *logdensity, double *gradient) {
  const borel_model_function *f = &t->functions[gradient ? GRADIENT : DENSITY];
  void **caller = f->work.slot + f->caller;
  caller[0] = (double *)u;
  caller[1] = gradient;
  caller[2] = logdensity;
  function(f->work.slot, f->constants, f->extents);
}

/* The last points, fewer than a function takes: it gets the last one again and again. */
static void evaluate_tail(borel_model_target *t, borel_native_function function, size_t n, const double *u,
                          double *logdensity, double *gradient) {
  const size_t D = t->model->layout.D;
  double values[BOREL_POINTS], *derivatives = t->tail + BOREL_POINTS * D;
  for (size_t i = 0; i < BOREL_POINTS; i++)
    memcpy(t->tail + i * D, u + (i < n ? i : n - 1) * D, D * sizeof *u);
  evaluate_lanes(t, function, t->tail, values, gradient ? derivatives : NULL);
  memcpy(logdensity, values, n * sizeof *values);
  if (gradient) memcpy(gradient, derivatives, n * D * sizeof *derivatives);
}

/* One by one: what a point lacks does not concern the others. */
static borel_status evaluate_each(borel_target *target, uint32_t layout, size_t n, const double *u,
                                  const int64_t *z, double *logdensity, double *gradient,
                                  borel_error *error) {
  const borel_layout *sizes = target_layout(target, layout);
  for (size_t i = 0; i < n; i++) {
    const double *point = u + i * sizes->D;
    const int64_t *discrete = z ? z + i * sizes->K : NULL;
    borel_status status =
        gradient
            ? target_gradient(target, layout, point, discrete, &logdensity[i], gradient + i * sizes->D, error)
            : target_logdensity(target, layout, point, discrete, &logdensity[i], error);
    if (status > BOREL_DOMAIN) return status;
    if (status == BOREL_DOMAIN) *error = (borel_error){0};
  }
  return BOREL_OK;
}

static borel_status target_batch(borel_target *target, uint32_t layout, size_t n, const double *u,
                                 const int64_t *z, double *logdensity, double *gradient, borel_error *error) {
  enum { LEAST = 2 };
  borel_model_target *t = (borel_model_target *)target;
  borel_native_function function = NULL;
  if (n >= LEAST && t->model->lanes && t->functions[GRADIENT].native)
    function = borel_model_lanes_function(t->model->lanes, gradient != NULL);
  if (!function) return evaluate_each(target, layout, n, u, z, logdensity, gradient, error);
  const size_t D = t->model->layout.D;
  size_t i = 0;
  for (; i + BOREL_POINTS <= n; i += BOREL_POINTS)
    evaluate_lanes(t, function, u + i * D, logdensity + i, gradient ? gradient + i * D : NULL);
  if (i < n) evaluate_tail(t, function, n - i, u + i * D, logdensity + i, gradient ? gradient + i * D : NULL);
  return BOREL_OK;
}

static borel_status target_split(borel_target *target, uint32_t layout, const double *u, const int64_t *z,
                                 double *prior, double *likelihood, borel_error *error) {
  borel_model_target *t = (borel_model_target *)target;
  (void)layout;
  borel_model_fill(t->model, t->model->split, &t->split, u, z);
  borel_program_interpret(t->model->split, &t->split);
  *prior = *borel_model_output(t->model->split, &t->split, 0);
  *likelihood = *borel_model_output(t->model->split, &t->split, 1);
  return verdict(*prior + *likelihood, error);
}

static const borel_target_ops target_ops = {
    .size = sizeof(borel_target_ops),
    .layout = target_layout,
    .logdensity = target_logdensity,
    .gradient = target_gradient,
    .split = target_split,
    .batch = target_batch,
};

static const borel_target_ops conditional_ops = {
    .size = sizeof(borel_target_ops),
    .layout = target_layout,
    .logdensity = target_logdensity,
    .gradient = target_gradient,
    .split = target_split,
    .batch = target_batch,
    .independent = borel_model_independent,
    .conditional = borel_model_conditional_at,
};

static void source_close(const borel_source *source, borel_target *target) {
  const borel_model *model = (const borel_model *)source;
  borel_model_target *t = (borel_model_target *)target;
  if (!t) return;
  for (size_t i = 0; t->conditionals && i < model->conditional_count; i++)
    borel_workspace_free(&t->conditionals[i].work);
  free(t->conditionals);
  for (int f = 0; f < FUNCTIONS; f++) borel_workspace_free(&t->functions[f].work);
  borel_workspace_free(&t->split);
  free(t->tail);
  free(t->extended);
  free(t);
}

static borel_status source_open(const borel_source *source, borel_target **target, borel_error *error) {
  const borel_model *model = (const borel_model *)source;
  borel_model_target *t = calloc(1, sizeof *t);
  if (!t) return no_memory(error);
  t->target.ops = model->conditionals ? &conditional_ops : &target_ops;
  t->model = model;
  t->conditionals = calloc(model->conditional_count + 1, sizeof *t->conditionals);
  borel_status status = borel_workspace_new(model->split, &t->split, error);
  if (!t->conditionals && !status) status = no_memory(error);
  if (model->lanes && !(t->tail = calloc(2 * BOREL_POINTS * model->layout.D + 1, sizeof *t->tail)))
    status = no_memory(error);
  if (model->uniform_count > 0 &&
      !(t->extended = calloc(model->layout.D + model->uniform_count + BOREL_LANES, sizeof *t->extended)))
    status = no_memory(error);
  for (int f = 0; f < FUNCTIONS && !status; f++)
    status =
        open_function(model->programs[f], model->native[f], &model->inputs_of[f], &t->functions[f], error);
  t->functions[GRADIENT].derivatives = model->derivatives;
  for (size_t i = 0; i < model->conditional_count && !status; i++)
    status = open_function(model->conditionals[i].program, model->native[FUNCTIONS + i],
                           &model->conditionals[i].inputs, &t->conditionals[i], error);
  if (status)
    source_close(source, &t->target);
  else
    *target = &t->target;
  return status;
}

static borel_status source_constrain(const borel_source *source, borel_target *target, const double *u,
                                     const int64_t *z, borel_rng *rng, double *out, borel_error *error) {
  const borel_model *model = (const borel_model *)source;
  borel_model_target *t = (borel_model_target *)target;
  (void)error;
  if (t->extended) {
    memcpy(t->extended, u, model->layout.D * sizeof *u);
    rng->ops->fill_uniform(rng, t->extended + model->layout.D, 1, model->uniform_count);
    u = t->extended;
    if (rng->status) return rng->status;
  }
  evaluate(t, VALUES, u, z, NULL);
  const borel_program *p = model->programs[VALUES];
  const borel_workspace *work = &t->functions[VALUES].work;
  const double *scalars = model->joined ? borel_model_output(p, work, p->output_count - 1) : NULL;
  for (size_t i = 0, k = 0; i < model->source.value_count; i++)
    if (scalars && model->values[i].shape.rank == 0)
      out[model->values[i].offset] = *scalars++;
    else
      memcpy(out + model->values[i].offset, borel_model_output(p, work, k++), 8 * model->values[i].size);
  return BOREL_OK;
}

borel_status borel_model_terms(const borel_model *model, const double *u, const int64_t *z, double *out,
                               borel_error *error) {
  borel_workspace w;
  borel_status status = borel_workspace_new(model->each_term, &w, error);
  if (status) return status;
  borel_model_fill(model, model->each_term, &w, u, z);
  borel_program_interpret(model->each_term, &w);
  for (size_t i = 0; i < model->term_count; i++) out[i] = *borel_model_output(model->each_term, &w, i);
  borel_workspace_free(&w);
  return BOREL_OK;
}

static void source_explain(const borel_source *source, const double *u, const int64_t *z, char *text,
                           size_t size) {
  const borel_model *model = (const borel_model *)source;
  double *terms = malloc((model->term_count + 1) * sizeof *terms);
  size_t used = 0;
  int shown = 0;
  text[0] = 0;
  if (!terms || borel_model_terms(model, u, z, terms, NULL) != BOREL_OK) {
    free(terms);
    return;
  }
  for (size_t i = 0; i < model->term_count && shown < 3 && used < size; i++)
    if (!isfinite(terms[i])) {
      int n = snprintf(text + used, size - used, "%s%s is %s", shown++ ? ", " : "", model->terms[i].label,
                       isnan(terms[i]) ? "NaN"
                       : terms[i] > 0  ? "+inf"
                                       : "-inf");
      used += n > 0 ? (size_t)n : 0;
    }
  if (!shown) snprintf(text, size, "every term is finite, but the gradient is not");
  free(terms);
}

void borel_model_become_source(borel_model *model) {
  model->source.open = source_open;
  model->source.close = source_close;
  model->source.constrain = source_constrain;
  model->source.explain = source_explain;
}
