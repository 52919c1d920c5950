/* SPDX-License-Identifier: MIT
 * Full conditionals of the discrete sites of a model: for each input of them a program of the terms that it
 * is in. Where each element has terms of its own, the program yields those of all elements, and `count` runs
 * of it give every element the log-densities of all of its values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/separate.h"
#include "infer/model_private.h"

enum { MOST_INPUTS = 256 /* each is a program */ };

/* ---- planning -------------------------------------------------------------------------------- */

static const borel_site *site_at(const borel_model *model, size_t k) {
  for (size_t s = 0; s < model->layout.site_count; s++) {
    const borel_site *site = &model->sites[s];
    if (site->block == BOREL_SITE_Z && k >= site->offset && k - site->offset < site->size) return site;
  }
  return NULL;
}

size_t borel_model_input_place(const borel_model_input *input, size_t element) {
  return input->places ? input->places[element] : input->first + element;
}

/* The sum of the terms that depend on an input; a number that does not when there are none. */
static borel_node blanket(borel_model *model, borel_node input, borel_error *error) {
  size_t size = borel_graph_size(model->graph), count = 0;
  uint8_t *depends = malloc(size);
  borel_node *list = malloc((model->term_count + 1) * sizeof *list), sum = BOREL_NO_NODE;
  if (depends && list) {
    borel_graph_dependents(model->graph, input, (borel_node)size - 1, depends);
    for (size_t i = 0; i < model->term_count; i++)
      if (depends[model->terms[i].node]) list[count++] = model->terms[i].node;
    sum = borel_graph_reroll(model->graph, list, count, NULL, error);
  } else {
    no_memory(error);
  }
  free(depends);
  free(list);
  return sum;
}

/* About how many numbers a program computes. */
static double cost_of(const borel_program *program) {
  double cost = 0;
  for (size_t g = 0; g < program->group_count; g++) {
    const borel_group *group = &program->groups[g];
    double size = (double)borel_shape_size(&group->shape);
    cost += (double)group->count * (size > 1 ? size : 1);
    if (group->body) cost += cost_of(group->body);
    if (group->otherwise) cost += cost_of(group->otherwise);
  }
  return cost;
}

/* A law needs all values of a coordinate, the whole densities all but the present one. */
static int is_dear(const borel_model *model, const borel_model_conditional *c, int64_t count) {
  double by_terms = (double)count * cost_of(c->program),
         by_wholes = (double)(count - 1) * cost_of(model->programs[DENSITY]);
  return !c->separate && by_terms >= by_wholes;
}

static borel_status plan_input(borel_model *model, size_t i, borel_error *error) {
  const borel_model_input *input = &model->inputs.list[i];
  borel_model_conditional *c = &model->conditionals[model->conditional_count++];
  borel_node sum = blanket(model, input->node, error), terms = BOREL_NO_NODE;
  if (sum == BOREL_NO_NODE) return BOREL_INTERNAL;
  borel_error trouble = {0};
  if (input->count > 1) terms = borel_graph_separate(model->graph, sum, input->node, NULL, &trouble);
  if (trouble.code) return *error = trouble, trouble.code;
  c->input = i;
  c->separate = terms != BOREL_NO_NODE;
  if (c->separate) sum = terms;
  c->program = borel_program_new(model->graph, &sum, 1, error);
  if (c->program) c->dear = is_dear(model, c, site_at(model, borel_model_input_place(input, 0))->count);
  for (size_t e = 0; c->program && e < input->count; e++)
    model->conditional_of[borel_model_input_place(input, e)] =
        (borel_model_element){model->conditional_count - 1, e};
  return c->program ? BOREL_OK : BOREL_INTERNAL;
}

borel_status borel_model_plan_conditionals(borel_model *model, borel_error *error) {
  size_t discrete = 0;
  for (size_t i = 0; i < model->inputs.count; i++)
    discrete += model->inputs.list[i].block == BOREL_SITE_Z && model->inputs.list[i].count > 0;
  if (!discrete || discrete > MOST_INPUTS) return BOREL_OK;
  model->conditionals = calloc(discrete, sizeof *model->conditionals);
  model->conditional_of = calloc(model->layout.K, sizeof *model->conditional_of);
  borel_status status = model->conditionals && model->conditional_of ? BOREL_OK : no_memory(error);
  for (size_t i = 0; i < model->inputs.count && status == BOREL_OK; i++)
    if (model->inputs.list[i].block == BOREL_SITE_Z && model->inputs.list[i].count > 0)
      status = plan_input(model, i, error);
  return status;
}

void borel_model_drop_conditionals(borel_model *model) {
  for (size_t i = 0; i < model->conditional_count; i++) {
    borel_program_free(model->conditionals[i].program);
    free(model->conditionals[i].inputs.list);
  }
  free(model->conditionals);
  free(model->conditional_of);
  model->conditionals = NULL;
  model->conditional_of = NULL;
  model->conditional_count = 0;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

size_t borel_model_independent(borel_target *target, uint32_t layout, size_t k) {
  const borel_model *model = ((borel_model_target *)target)->model;
  (void)layout;
  borel_model_element at = model->conditional_of[k];
  const borel_model_conditional *c = &model->conditionals[at.conditional];
  const borel_model_input *input = &model->inputs.list[c->input];
  size_t n = !c->dear;
  while (c->separate && at.element + n < input->count &&
         borel_model_input_place(input, at.element + n) == k + n)
    n++;
  return n;
}

/* A number that is none where the density is not one. */
static double density_or_nan(double x) { return x == INFINITY ? NAN : x; }

borel_status borel_model_conditional_at(borel_target *target, uint32_t layout, const double *u,
                                        const int64_t *z, size_t k, size_t n, double *logdensity,
                                        borel_error *error) {
  borel_model_target *t = (borel_model_target *)target;
  const borel_model *model = t->model;
  (void)layout, (void)error;
  borel_model_element at = model->conditional_of[k];
  const borel_model_conditional *c = &model->conditionals[at.conditional];
  const borel_model_input *input = &model->inputs.list[c->input];
  const borel_site *site = site_at(model, k);
  borel_model_function *f = &t->conditionals[at.conditional];
  int32_t slot = c->program->input_slot[borel_graph_at(model->graph, input->node)->attr];
  int64_t *values = slot >= 0 ? f->work.slot[slot] : NULL, none;
  if (!values) values = &none; /* no term depends on it */
  borel_model_copy_inputs(f, u, z);
  for (int64_t v = 0; v < site->count; v++) {
    for (size_t e = 0; slot >= 0 && c->separate && e < n; e++) values[at.element + e] = site->lowest + v;
    if (slot >= 0 && !c->separate) values[at.element] = site->lowest + v;
    borel_model_run(f, u);
    const double *result = f->work.slot[f->value];
    for (size_t e = 0; e < n; e++)
      logdensity[e * (size_t)site->count + (size_t)v] =
          density_or_nan(result[c->separate ? at.element + e : 0]);
  }
  return BOREL_OK;
}
