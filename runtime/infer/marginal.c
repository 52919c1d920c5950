/* SPDX-License-Identifier: MIT
 * Discrete unknowns that are summed out of the terms of a model, and drawn again for its values: the last
 * that was summed out from its own law, each other one given those after it, from what was its term's
 * exponent. For a chain that is backward sampling (Fruehwirth-Schnatter 2006, "Finite Mixture and Markov
 * Switching Models", section 11.5.1), for labels a draw of each.
 *
 * BOREL_MUTANT = 5 and 6 breaks one expression on purpose; tests/cli/summed_mutants.sh sees that each is
 * noticed.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/eliminate.h"
#include "graph/internal.h"
#include "graph/separate.h"
#include "infer/model_private.h"

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

/* Takes the terms that depend on the input out of the list; *first: where the first of them stood. Their sum,
 * or BOREL_NO_NODE. */
static borel_node take_terms(borel_model *model, borel_node input, size_t *first, int *likelihood,
                             borel_error *error) {
  size_t kept = 0;
  borel_node sum = BOREL_NO_NODE;
  int failed = 0;
  for (size_t i = 0; i < model->term_count; i++) {
    borel_model_term_info term = model->terms[i];
    int depends = 0;
    failed |= borel_elimination_depends(model->elimination, term.node, input, &depends, error) != BOREL_OK;
    if (!depends) {
      model->terms[kept++] = term;
      continue;
    }
    if (sum == BOREL_NO_NODE) *first = kept;
    if (!failed)
      sum = sum == BOREL_NO_NODE ? term.node
                                 : borel_graph_op(model->graph, BOREL_OP_ADD, (borel_node[]){sum, term.node},
                                                  2, 0, NULL, error);
    failed |= sum == BOREL_NO_NODE;
    *likelihood |= term.likelihood;
    free(term.label);
  }
  model->term_count = kept;
  return failed ? BOREL_NO_NODE : sum;
}

static borel_status note(borel_model *model, borel_model_summed site, borel_error *error) {
  borel_model_summed *more = realloc(model->summed, (model->summed_count + 1) * sizeof *more);
  if (!more) return no_memory(error);
  model->summed = more;
  model->summed[model->summed_count++] = site;
  return BOREL_OK;
}

borel_status borel_model_sum_out(borel_model *model, const char *name, const char *label, borel_node input,
                                 int64_t lowest, int64_t count, borel_error *error) {
  size_t first = 0;
  int likelihood = 0;
  if (!model->elimination && !(model->elimination = borel_elimination_new(model->graph)))
    return no_memory(error);
  borel_node sum = take_terms(model, input, &first, &likelihood, error);
  if (sum == BOREL_NO_NODE) return no_memory(error);
  borel_status status = note(model, (borel_model_summed){input, sum, lowest, count}, error);
  if (status) return status;
  sum = borel_graph_sum_out(model->elimination, sum, input, lowest, count, error);
  if (sum == BOREL_NO_NODE) {
    borel_fail_within(error, "site '%s'", name);
    return error->code;
  }
  if ((status = borel_model_term(model, label, sum, likelihood, error))) return status;
  borel_model_term_info made = model->terms[model->term_count - 1];
  memmove(&model->terms[first + 1], &model->terms[first], (model->term_count - 1 - first) * sizeof made);
  model->terms[first] = made;
  return BOREL_OK;
}

/* ---- draws ----------------------------------------------------------------------------------- */

/* The first of the summed sites that a value of a draw depends on; those after it are drawn, too. */
static borel_status find_first(const borel_model *model, size_t *first, borel_error *error) {
  uint8_t *needed = borel_graph_needed_by(model->graph, model->value_nodes, model->source.value_count);
  if (!needed) return no_memory(error);
  for (*first = 0; *first < model->summed_count && !needed[model->summed[*first].input];) ++*first;
  free(needed);
  return BOREL_OK;
}

static size_t size_of(const borel_model *model, size_t i) {
  return (size_t)borel_shape_size(&borel_graph_at(model->graph, model->summed[i].input)->shape);
}

static borel_status draw_from(borel_model *model, size_t first, borel_error *error) {
  borel_elimination *e = model->elimination;
  int64_t places = 0;
  for (size_t i = first; i < model->summed_count; i++) model->uniform_count += size_of(model, i);
  size_t whole = (model->uniform_count + BOREL_LANES - 1) / BOREL_LANES * BOREL_LANES; /* read in place */
  model->uniforms = borel_graph_input(model->graph, BOREL_F64, &(borel_shape){1, {(int64_t)whole}});
  if (model->uniforms == BOREL_NO_NODE) return no_memory(error);
  for (size_t i = model->summed_count; i-- > first;) {
    const borel_model_summed *site = &model->summed[i];
    borel_node root = borel_graph_substitute(e, site->root, error), drawn = BOREL_NO_NODE;
    if (root != BOREL_NO_NODE)
      drawn =
          borel_graph_draw(e, root, site->input, site->lowest, site->count, model->uniforms, places, error);
    if (drawn == BOREL_NO_NODE) return error->code ? error->code : no_memory(error);
#if BOREL_MUTANT == 6 /* for the sites before it, as if it had its lowest value */
    if (i + 1 < model->summed_count && borel_graph_at(model->graph, drawn)->shape.rank == 0)
      drawn = borel_graph_integer(model->graph, site->lowest);
#endif
    borel_status status = borel_elimination_bind(e, site->input, drawn, error);
    if (status) return status;
#if BOREL_MUTANT != 5 /* all sites by the same numbers */
    places += (int64_t)size_of(model, i);
#endif
  }
  for (size_t v = 0; v < model->source.value_count; v++) {
    model->value_nodes[v] = borel_graph_substitute(e, model->value_nodes[v], error);
    if (model->value_nodes[v] == BOREL_NO_NODE) return BOREL_INTERNAL;
  }
  return BOREL_OK;
}

borel_status borel_model_draw_summed(borel_model *model, borel_error *error) {
  size_t first = 0;
  borel_status status = find_first(model, &first, error);
  return status || first == model->summed_count ? status : draw_from(model, first, error);
}
