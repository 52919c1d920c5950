/* SPDX-License-Identifier: MIT */
#include "infer/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/processor.h"
#include "core/version.h"
#include "graph/columns.h"
#include "graph/gather.h"
#include "graph/hmm.h"
#include "graph/linear.h"
#include "graph/log_products.h"
#include "infer/model_private.h"

enum { NAME_SIZE = 48 };
static const char *const function_names[FUNCTIONS] = {"borel_density", "borel_gradient", "borel_values"};

borel_model *borel_model_new(borel_graph *graph) {
  borel_model *model = calloc(1, sizeof *model);
  if (!model) return NULL;
  model->graph = graph;
  model->layout.size = sizeof model->layout;
  return model;
}

void borel_model_free(borel_model *model) {
  if (!model) return;
  for (int f = 0; f < FUNCTIONS; f++) {
    borel_program_free(model->programs[f]);
    free(model->inputs_of[f].list);
  }
  free(model->derivatives.list);
  borel_program_free(model->split);
  borel_program_free(model->each_term);
  borel_model_drop_conditionals(model);
  for (size_t i = 0; i < model->layout.site_count; i++) free((void *)model->sites[i].name);
  for (size_t i = 0; i < model->source.value_count; i++) free((void *)model->values[i].name);
  for (size_t i = 0; i < model->term_count; i++) free(model->terms[i].label);
  free(model->sites);
  free(model->site_nodes);
  borel_model_inputs_free(&model->inputs);
  free(model->values);
  free(model->value_nodes);
  free(model->terms);
  free(model->summed);
  borel_elimination_free(model->elimination);
  free(model->native);
  borel_text_free(&model->text);
  borel_model_lanes_free(model->lanes);
  borel_graph_free(model->rewritten);
  free(model);
}

borel_graph *borel_model_graph(borel_model *model) { return model->graph; }

/* Room for one more in the list whose pointer is at `list`; 0 when memory is short. */
static int room(void *list, size_t count, size_t size) {
  if (count & (count - 1)) return 1; /* grows at powers of two */
  void *old;
  memcpy(&old, list, sizeof old);
  void *more = realloc(old, (count ? 2 * count : 1) * size);
  if (more) memcpy(list, &more, sizeof more);
  return more != NULL;
}

borel_status borel_model_site(borel_model *model, const char *name, borel_node input, borel_site_block block,
                              int64_t lowest, int64_t count, borel_error *error) {
  size_t n = model->layout.site_count;
  if (!room(&model->sites, n, sizeof *model->sites) ||
      !room(&model->site_nodes, n, sizeof *model->site_nodes))
    return no_memory(error);
  size_t size = (size_t)borel_shape_size(&borel_graph_at(model->graph, input)->shape);
  borel_site site = {.name = strdup(name),
                     .block = block,
                     .offset = block == BOREL_SITE_U ? model->layout.D : model->layout.K,
                     .size = size,
                     .lowest = lowest,
                     .count = count};
  if (!site.name) return no_memory(error);
  model->sites[n] = site;
  model->site_nodes[n] = input;
  model->layout.site_count++;
  if (block == BOREL_SITE_U)
    model->layout.D += size;
  else
    model->layout.K += size;
  return BOREL_OK;
}

borel_status borel_model_value(borel_model *model, const char *name, borel_node node, borel_error *error) {
  size_t n = model->source.value_count;
  if (borel_graph_at(model->graph, node)->dtype == BOREL_I64)
    node = borel_graph_op(model->graph, BOREL_OP_TO_F64, &node, 1, 0, NULL, error);
  if (node == BOREL_NO_NODE || !room(&model->values, n, sizeof *model->values) ||
      !room(&model->value_nodes, n, sizeof *model->value_nodes))
    return no_memory(error);
  const borel_shape *shape = &borel_graph_at(model->graph, node)->shape;
  borel_value_info value = {strdup(name), *shape, model->source.value_size, (size_t)borel_shape_size(shape)};
  if (!value.name) return no_memory(error);
  model->values[n] = value;
  model->value_nodes[n] = node;
  model->source.value_count++;
  model->source.value_size += value.size;
  return BOREL_OK;
}

borel_status borel_model_term(borel_model *model, const char *label, borel_node node, int likelihood,
                              borel_error *error) {
  if (borel_graph_at(model->graph, node)->shape.rank > 0)
    node = borel_graph_op(model->graph, BOREL_OP_SUM, &node, 1, -1, NULL, error);
  if (node == BOREL_NO_NODE || !room(&model->terms, model->term_count, sizeof *model->terms))
    return no_memory(error);
  char *copy = strdup(label);
  if (!copy) return no_memory(error);
  model->terms[model->term_count++] = (borel_model_term_info){copy, node, likelihood};
  return BOREL_OK;
}

/* ---- building -------------------------------------------------------------------------------- */

static borel_node sum_terms(borel_model *model, int likelihood, borel_error *error) {
  borel_node *list = malloc((model->term_count + 1) * sizeof *list);
  size_t count = 0, merged = 0;
  if (!list) return BOREL_NO_NODE;
  for (size_t i = 0; i < model->term_count; i++)
    if (model->terms[i].likelihood == likelihood) list[count++] = model->terms[i].node;
  borel_node sum = borel_graph_reroll(model->graph, list, count, &merged, error);
  free(list);
  model->rerolled += merged;
  if (sum == BOREL_NO_NODE || model->plain_sums) return sum;
  if ((sum = borel_graph_hmm(model->graph, sum, &model->hmms, error)) == BOREL_NO_NODE) return sum;
  if ((sum = borel_graph_sufficient(model->graph, sum, &model->sufficient, error)) == BOREL_NO_NODE)
    return sum;
  return borel_graph_columns(model->graph, sum, error);
}

/* The inputs of the sites and, behind them, that of uniform numbers. */
static borel_status inputs_with_uniforms(borel_model *model, borel_node **map, borel_error *error) {
  size_t n = model->layout.site_count;
  borel_site *sites = malloc((n + 1) * sizeof *sites);
  borel_node *nodes = malloc((n + 1) * sizeof *nodes);
  borel_status status = sites && nodes ? BOREL_OK : no_memory(error);
  if (!status) {
    memcpy(sites, model->sites, n * sizeof *sites);
    memcpy(nodes, model->site_nodes, n * sizeof *nodes);
    size_t size = (size_t)borel_shape_size(&borel_graph_at(model->graph, model->uniforms)->shape);
    sites[n] =
        (borel_site){.name = "", .block = BOREL_SITE_U, .offset = model->layout.D, .size = size, .count = 0};
    nodes[n] = model->uniforms;
    status = borel_model_inputs_make(model->graph, sites, nodes, n + 1, &model->inputs, &model->rewritten,
                                     map, error);
    if (!status) model->inputs.count--; /* no input of the density */
  }
  free(sites);
  free(nodes);
  return status;
}

/* From now on the nodes of the model are those of the rewritten graph, if there is one. */
static borel_status make_inputs(borel_model *model, borel_error *error) {
  borel_node *map = NULL;
  borel_status status =
      model->uniform_count > 0
          ? inputs_with_uniforms(model, &map, error)
          : borel_model_inputs_make(model->graph, model->sites, model->site_nodes, model->layout.site_count,
                                    &model->inputs, &model->rewritten, &map, error);
  if (!status && model->rewritten) {
    for (size_t i = 0; i < model->term_count; i++) model->terms[i].node = map[model->terms[i].node];
    for (size_t i = 0; i < model->source.value_count; i++) model->value_nodes[i] = map[model->value_nodes[i]];
    model->shared_in_trace = borel_graph_shared(model->graph);
    model->graph = model->rewritten;
  }
  free(map);
  return status;
}

/* Many scalar values, as those of sites in a loop are, are computed in loops too. */
static borel_program *plan_values(borel_model *model, borel_error *error) {
  enum { LEAST_JOINED = 8 };
  size_t count = model->source.value_count, arrays = 0, scalars = 0;
  borel_node *outputs = malloc((2 * count + 1) * sizeof *outputs),
             *list = outputs ? outputs + count + 1 : NULL;
  borel_program *made = NULL;
  if (!outputs) return no_memory(error), NULL;
  for (size_t i = 0; i < count; i++)
    if (model->values[i].shape.rank == 0)
      list[scalars++] = model->value_nodes[i];
    else
      outputs[arrays++] = model->value_nodes[i];
  model->joined = scalars >= LEAST_JOINED;
  if (!model->joined) {
    made = borel_program_new(model->graph, model->value_nodes, count, error);
  } else {
    outputs[arrays] = borel_graph_vector(model->graph, list, scalars, error);
    if (outputs[arrays] != BOREL_NO_NODE) made = borel_program_new(model->graph, outputs, arrays + 1, error);
  }
  free(outputs);
  return made;
}

static borel_status plan_programs(borel_model *model, borel_error *error) {
  borel_status drawn = borel_model_draw_summed(model, error);
  if (drawn) return drawn;
  borel_elimination_free(model->elimination);
  model->elimination = NULL;
  if (make_inputs(model, error)) return BOREL_INTERNAL;
  borel_graph *G = model->graph;
  borel_node prior = sum_terms(model, 0, error), likelihood = sum_terms(model, 1, error);
  if (prior == BOREL_NO_NODE || likelihood == BOREL_NO_NODE) return BOREL_INTERNAL;
  borel_node total = borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){prior, likelihood}, 2, 0, NULL, error);
  size_t inputs = model->inputs.count, wanted = 0;
  borel_node *wrt = malloc((inputs + 1) * sizeof *wrt),
             *outputs = malloc((inputs + model->term_count + 2) * sizeof *outputs);
  borel_status status = BOREL_INTERNAL;
  if (!wrt || !outputs || total == BOREL_NO_NODE) goto done;
  for (size_t i = 0; i < inputs; i++)
    if (model->inputs.list[i].block == BOREL_SITE_U) wrt[wanted++] = model->inputs.list[i].node;
  if ((status = borel_graph_gradient(G, total, wrt, wanted, outputs + 1, error))) goto done;
  status = BOREL_INTERNAL;
  if (!model->plain_sums)
    total = borel_graph_log_products(G, total, outputs + 1, wanted, &model->log_products, error);
  if (total != BOREL_NO_NODE) total = borel_graph_gather(G, total, outputs + 1, wanted, error);
  if (total == BOREL_NO_NODE) goto done;
  outputs[0] = total;
  if (!(model->programs[DENSITY] = borel_program_new(G, &total, 1, error))) goto done;
  if (!(model->programs[GRADIENT] = borel_program_new(G, outputs, wanted + 1, error))) goto done;
  if (!(model->programs[VALUES] = plan_values(model, error))) goto done;
  if (!(model->split = borel_program_new(G, (borel_node[]){prior, likelihood}, 2, error))) goto done;
  for (size_t i = 0; i < model->term_count; i++) outputs[i] = model->terms[i].node;
  if (!(model->each_term = borel_program_new(G, outputs, model->term_count, error))) goto done;
  status = borel_model_plan_conditionals(model, error);
done:
  free(wrt);
  free(outputs);
  return status;
}

static borel_status place_all(borel_model *model, borel_error *error) {
  borel_status status = BOREL_OK;
  for (int f = 0; f < FUNCTIONS && !status; f++) {
    borel_model_inputs inputs = model->inputs;
    if (f == VALUES && model->uniform_count > 0) inputs.count++;
    status = borel_model_place_inputs(model->programs[f], model->graph, &inputs, &model->inputs_of[f], error);
  }
  for (size_t i = 0; i < model->conditional_count && !status; i++)
    status = borel_model_place_inputs(model->conditionals[i].program, model->graph, &model->inputs,
                                      &model->conditionals[i].inputs, error);
  return status ? status
                : borel_model_place_derivatives(model->programs[GRADIENT], model->graph, &model->inputs,
                                                &model->derivatives, error);
}

static size_t function_count(const borel_model *model) { return FUNCTIONS + model->conditional_count; }

static const borel_program *function_program(const borel_model *model, size_t f) {
  return f < FUNCTIONS ? model->programs[f] : model->conditionals[f - FUNCTIONS].program;
}

static const char *function_name(size_t f, char name[NAME_SIZE]) {
  if (f < FUNCTIONS) return function_names[f];
  snprintf(name, NAME_SIZE, "borel_conditional_%zu", f - FUNCTIONS);
  return name;
}

static int is_compiled(const borel_model *model, size_t f) {
  return f != VALUES || !model->interprets_values;
}

static size_t count_statements(const borel_model *model) {
  size_t statements = 0;
  for (size_t f = 0; f < function_count(model); f++)
    if (is_compiled(model, f)) statements += function_program(model, f)->tables->statements;
  return statements;
}

static borel_status emit_functions(borel_model *model, borel_error *error) {
  size_t count = function_count(model), compiled = 0;
  const borel_program **programs = malloc(count * sizeof *programs);
  char name[NAME_SIZE];
  if (!programs) return no_memory(error);
  for (size_t f = 0; f < count; f++)
    if (is_compiled(model, f)) programs[compiled++] = function_program(model, f);
  borel_emit_prelude(programs, compiled, &model->text);
  for (size_t f = 0; f < count; f++)
    if (is_compiled(model, f))
      borel_emit_program(function_program(model, f), function_name(f, name), &model->text);
  free(programs);
  return model->text.failed ? no_memory(error) : BOREL_OK;
}

static borel_status compile_functions(borel_model *model, int optimise, borel_error *error) {
  size_t count = function_count(model), compiled = 0;
  const char **names = calloc(count, sizeof *names);
  char(*texts)[NAME_SIZE] = malloc(count * sizeof *texts);
  borel_native_function *made = calloc(count, sizeof *made);
  borel_status status = names && texts && made ? BOREL_OK : no_memory(error);
  for (size_t f = 0; !status && f < count; f++)
    if (is_compiled(model, f)) names[compiled++] = function_name(f, texts[f]);
  if (!status)
    status = borel_compile(model->text.bytes, optimise, names, compiled, made, &model->compiled, error);
  for (size_t f = count; !status && f-- > 0;)
    if (is_compiled(model, f)) model->native[f] = made[--compiled];
  free(names);
  free(texts);
  free(made);
  return status;
}

static void choose_engine(borel_model *model, borel_engine engine, borel_status *status, borel_error *error) {
  size_t statements = count_statements(model), drawing = 0;
  if (model->uniform_count > 0 && is_compiled(model, VALUES))
    drawing = model->programs[VALUES]->tables->statements; /* no reason for a slower density */
  int optimise = statements - drawing <= BOREL_STATEMENTS_O2 ? 2 : 1,
      native = engine != BOREL_ENGINE_INTERPRETER;
  const char *why = "as asked";
  char reason[300];
  if (engine == BOREL_ENGINE_AUTO && statements > BOREL_STATEMENTS_NATIVE) {
    native = 0;
    snprintf(reason, sizeof reason,
             "%zu statements are more than %d, above which the C compiler takes too long", statements,
             BOREL_STATEMENTS_NATIVE);
    why = reason;
  }
  borel_error trouble = {0};
  if (native) {
    *status = compile_functions(model, optimise, &trouble);
    if (*status && engine == BOREL_ENGINE_AUTO) {
      *status = BOREL_OK;
      native = 0;
      memset(model->native, 0, function_count(model) * sizeof *model->native);
      snprintf(reason, sizeof reason, "%.280s", trouble.message);
      why = reason;
    } else if (*status) {
      *error = trouble;
    }
  }
  uint64_t id = borel_hash_text(model->text.bytes, borel_hash_text(borel_build_id(), native ? 1 : 2));
  if (model->lanes) id = borel_hash_text(borel_model_lanes_text(model->lanes), id);
  id = borel_hash_text(native ? borel_compiler_text(optimise) : borel_processor_flag(), id);
  if (strstr(model->text.bytes, "borel_linear_")) id = borel_hash_text(borel_linear_library(), id);
  snprintf(model->engine_id, sizeof model->engine_id, "%s-%016llx", native ? "native" : "interpreter",
           (unsigned long long)id);
  if (native)
    snprintf(model->engine_text, sizeof model->engine_text, "native code (%.400s)",
             borel_compiler_text(optimise));
  else
    snprintf(model->engine_text, sizeof model->engine_text, "interpreter (%.300s)", why);
}

static uint64_t hash_shape(const borel_shape *shape, uint64_t id) {
  return borel_hash(shape->extent, sizeof *shape->extent * (size_t)shape->rank, id + (uint64_t)shape->rank);
}

/* Everything that the emitted text leaves open: names, extents, numbers, data. */
static void name_data(borel_model *model) {
  uint64_t id = 0;
  for (size_t i = 0; i < model->layout.site_count; i++) {
    id = borel_hash_text(model->sites[i].name, id);
    id = borel_hash((const int64_t[]){model->sites[i].lowest, model->sites[i].count}, 16, id);
  }
  for (size_t i = 0; i < model->source.value_count; i++)
    id = hash_shape(&model->values[i].shape, borel_hash_text(model->values[i].name, id));
  for (int f = 0; f < FUNCTIONS; f++) {
    const borel_tables *tables = model->programs[f]->tables;
    id = borel_hash(tables->constants, sizeof *tables->constants * tables->constant_count, id);
    id = borel_hash(tables->extents, sizeof *tables->extents * tables->extent_count, id);
    for (size_t i = 0; i < tables->slot_count; i++)
      if (tables->slots[i].role == BOREL_SLOT_CONSTANT)
        id = hash_shape(&tables->slots[i].array->shape,
                        borel_hash(tables->slots[i].array->data,
                                   (size_t)borel_shape_size(&tables->slots[i].array->shape) *
                                       borel_dtype_size(tables->slots[i].array->dtype),
                                   id));
  }
  snprintf(model->data_id, sizeof model->data_id, "%016llx", (unsigned long long)id);
}

borel_status borel_model_build(borel_model *model, borel_engine engine, borel_error *error) {
  if (model->layout.site_count == 0)
    return borel_fail(error, BOREL_ARG,
                      "the model has no sites: it calls sample nowhere, so there is nothing to infer");
  if (borel_graph_size(model->graph) > UINT32_MAX / 4)
    return borel_fail(error, BOREL_ARG, "the model is too large");
  borel_status status = plan_programs(model, error);
  if (!status) status = place_all(model, error);
  if (status) return status;
  if (engine == BOREL_ENGINE_AUTO && count_statements(model) > BOREL_STATEMENTS_NATIVE)
    borel_model_drop_conditionals(model); /* rather than native code */
  model->interprets_values = engine == BOREL_ENGINE_AUTO && model->uniform_count > 0 &&
                             count_statements(model) > BOREL_STATEMENTS_NATIVE;
  model->native = calloc(function_count(model), sizeof *model->native);
  if (!model->native) return no_memory(error);
  if ((status = emit_functions(model, error))) return status;
  status = borel_model_lanes_new(model->programs[DENSITY], model->programs[GRADIENT], model->graph,
                                 &model->inputs, &model->layout, &model->lanes, error);
  if (status) return status;
  name_data(model);
  choose_engine(model, engine, &status, error);
  model->layout.sites = model->sites;
  model->source.layout = &model->layout;
  model->source.values = model->values;
  borel_model_become_source(model);
  return status;
}

const borel_source *borel_model_source(const borel_model *model) { return &model->source; }
size_t borel_model_term_count(const borel_model *model) { return model->term_count; }
const char *borel_model_term_label(const borel_model *model, size_t i) { return model->terms[i].label; }
const char *borel_model_text(const borel_model *model) { return model->text.bytes; }
const char *borel_model_engine_id(const borel_model *model) { return model->engine_id; }
const char *borel_model_data_id(const borel_model *model) { return model->data_id; }
const char *borel_model_engine_text(const borel_model *model) { return model->engine_text; }
int borel_model_compiled(const borel_model *model) { return model->compiled; }
void borel_model_use_sufficient(borel_model *model, int use) { model->plain_sums = !use; }
const borel_sufficient *borel_model_sufficient(const borel_model *model) { return &model->sufficient; }
size_t borel_model_hmms(const borel_model *model) { return model->hmms; }
size_t borel_model_log_products(const borel_model *model) { return model->log_products; }
size_t borel_model_rerolled(const borel_model *model) { return model->rerolled; }
