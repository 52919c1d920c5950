/* SPDX-License-Identifier: MIT
 * Discrete unknowns that are summed out of the terms of a model. */
#include <stdlib.h>
#include <string.h>

#include "graph/eliminate.h"
#include "graph/separate.h"
#include "infer/model_private.h"

static borel_status check_values(const borel_model *model, const char *name, const uint8_t *depends,
                                 borel_error *error) {
  for (size_t i = 0; i < model->source.value_count; i++)
    if (depends[model->value_nodes[i]])
      return borel_fail(error, BOREL_ARG,
                        "'%s' depends on site '%s', which is summed out and has no value in a draw",
                        model->values[i].name, name);
  return BOREL_OK;
}

/* Takes the terms that depend on the input out of the list; *first: where the first of them stood. Their sum,
 * or BOREL_NO_NODE. */
static borel_node take_terms(borel_model *model, const uint8_t *depends, size_t *first, int *likelihood,
                             borel_error *error) {
  size_t kept = 0;
  borel_node sum = BOREL_NO_NODE;
  int failed = 0;
  for (size_t i = 0; i < model->term_count; i++) {
    borel_model_term_info term = model->terms[i];
    if (!depends[term.node]) {
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
  return sum;
}

borel_status borel_model_sum_out(borel_model *model, const char *name, const char *label, borel_node input,
                                 int64_t lowest, int64_t count, borel_error *error) {
  size_t nodes = borel_graph_size(model->graph), first = 0;
  int likelihood = 0;
  uint8_t *depends = malloc(nodes);
  if (!depends) return no_memory(error);
  borel_graph_dependents(model->graph, input, (borel_node)nodes - 1, depends);
  borel_status status = check_values(model, name, depends, error);
  borel_node sum = status ? BOREL_NO_NODE : take_terms(model, depends, &first, &likelihood, error);
  free(depends);
  if (status) return status;
  if (sum == BOREL_NO_NODE) return no_memory(error);
  sum = borel_graph_sum_out(model->graph, sum, input, lowest, count, error);
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
