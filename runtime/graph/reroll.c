/* SPDX-License-Identifier: MIT
 * Re-rolling. `for t = 2, T do observe(...) end` traces to T scalar terms of one form. Terms with equal
 * skeletons (operations equal, leaves free) are merged position by position: what is the same in all
 * stays a scalar, differing constants become a data array, elements of one array become a gather, equal
 * operations become one vector operation; anything else is stacked. The sum of the merged vector is the
 * sum of the terms. */
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "graph/internal.h"

enum { LEAST_MERGED = 4 }; /* fewer terms gain nothing from a loop of eight lanes */

static int scalar_element(const borel_graph *G, borel_node i) {
  const borel_node_info *node = borel_graph_at(G, i);
  return node->op == BOREL_OP_GATHER && node->shape.rank == 0;
}

/* Hash of the form of each node; scalar constants and scalar inputs are all alike. */
static void skeletons(const borel_graph *G, uint64_t *form) {
  for (borel_node i = 0; i < borel_graph_size(G); i++) {
    const borel_node_info *node = borel_graph_at(G, i);
    const borel_node *args = borel_graph_args(G, i);
    uint64_t key[3] = {node->op, (uint64_t)node->attr, (uint64_t)node->dtype};
    if (node->op == BOREL_OP_SCALAR || (node->op == BOREL_OP_INPUT && node->shape.rank == 0)) {
      key[1] = 0;
      form[i] = borel_hash(key, sizeof key, 1);
    } else if (scalar_element(G, i)) {
      key[1] = args[0]; /* of one array, at any place */
      form[i] = borel_hash(key, sizeof key, form[args[1]]);
    } else if (borel_op_get(node->op)->kind == BOREL_CLASS_ELEMENTWISE && node->shape.rank == 0) {
      form[i] = borel_hash(key, sizeof key, 2);
      for (uint32_t k = 0; k < node->arg_count; k++)
        form[i] = borel_hash(&form[args[k]], sizeof *form, form[i]);
    } else {
      key[1] = i; /* whole arrays and their reductions: only themselves */
      form[i] = borel_hash(key, sizeof key, 3);
    }
  }
}

/* Lists that were merged already: a node used twice in a term is merged once. */
typedef struct {
  borel_node *list, result;
} merged_list;
typedef struct {
  borel_graph *graph;
  size_t count; /* terms in the group */
  merged_list *done;
  size_t done_count, done_room;
  borel_error *error;
} merger;

static borel_node merge_constants(merger *m, const borel_node *list) {
  borel_graph *G = m->graph;
  borel_dtype dtype = borel_graph_at(G, list[0])->dtype;
  borel_array values = borel_array_new(dtype, &(borel_shape){1, {(int64_t)m->count}});
  if (!values.data) return BOREL_NO_NODE;
  for (size_t i = 0; i < m->count; i++) {
    const borel_node_info *node = borel_graph_at(G, list[i]);
    if (dtype == BOREL_I64)
      ((int64_t *)values.data)[i] = node->attr;
    else
      ((double *)values.data)[i] = node->value;
  }
  borel_node made = borel_graph_array(G, &values);
  borel_array_release(&values);
  return made;
}

static borel_node merge(merger *m, const borel_node *list);

/* Merges argument k of every node of the list. */
static borel_node merge_argument(merger *m, const borel_node *list, uint32_t k) {
  borel_node *inner = malloc(m->count * sizeof *inner);
  if (!inner) return BOREL_NO_NODE;
  for (size_t i = 0; i < m->count; i++) inner[i] = borel_graph_args(m->graph, list[i])[k];
  borel_node made = merge(m, inner);
  free(inner);
  return made;
}

static borel_node merge_new(merger *m, const borel_node *list) {
  borel_graph *G = m->graph;
  borel_node_info first = *borel_graph_at(G, list[0]);
  int alike = 1, elements = scalar_element(G, list[0]);
  for (size_t i = 1; i < m->count; i++) {
    const borel_node_info *node = borel_graph_at(G, list[i]);
    alike &= node->op == first.op && node->dtype == first.dtype && node->shape.rank == 0 &&
             node->arg_count == first.arg_count;
    elements = elements && scalar_element(G, list[i]) &&
               borel_graph_args(G, list[i])[0] == borel_graph_args(G, list[0])[0];
  }
  if (alike && first.op == BOREL_OP_SCALAR) return merge_constants(m, list);
  if (alike && elements) {
    borel_node args[2] = {borel_graph_args(G, list[0])[0], merge_argument(m, list, 1)};
    return borel_graph_op(G, BOREL_OP_GATHER, args, 2, 0, NULL, m->error);
  }
  if (alike && borel_op_get(first.op)->kind == BOREL_CLASS_ELEMENTWISE && first.shape.rank == 0) {
    borel_node args[3];
    for (uint32_t k = 0; k < first.arg_count; k++) args[k] = merge_argument(m, list, k);
    return borel_graph_op(G, first.op, args, first.arg_count, first.attr, NULL, m->error);
  }
  return borel_graph_op(G, BOREL_OP_STACK, list, m->count, 0, NULL, m->error);
}

static borel_node merge(merger *m, const borel_node *list) {
  size_t same = 1, bytes = m->count * sizeof *list;
  while (same < m->count && list[same] == list[0]) same++;
  if (same == m->count) return list[0];
  for (size_t i = 0; i < m->done_count; i++)
    if (memcmp(m->done[i].list, list, bytes) == 0) return m->done[i].result;
  borel_node made = merge_new(m, list);
  if (m->done_count == m->done_room) {
    merged_list *more = realloc(m->done, (m->done_room = 2 * m->done_room + 16) * sizeof *more);
    if (!more) return BOREL_NO_NODE;
    m->done = more;
  }
  borel_node *copy = malloc(bytes);
  if (!copy) return BOREL_NO_NODE;
  memcpy(copy, list, bytes);
  m->done[m->done_count++] = (merged_list){copy, made};
  return made;
}

static borel_node merge_terms(borel_graph *G, const borel_node *terms, size_t count, borel_error *error) {
  merger m = {G, count, NULL, 0, 0, error};
  borel_node vector = merge(&m, terms), sum = BOREL_NO_NODE;
  if (vector != BOREL_NO_NODE && borel_graph_at(G, vector)->shape.rank == 0) /* the same term, many times */
    sum = borel_graph_op(G, BOREL_OP_MUL, (borel_node[]){vector, borel_graph_scalar(G, (double)count)}, 2, 0,
                         NULL, error);
  else
    sum = borel_graph_op(G, BOREL_OP_SUM, &vector, 1, -1, NULL, error);
  for (size_t i = 0; i < m.done_count; i++) free(m.done[i].list);
  free(m.done);
  return sum;
}

typedef struct {
  uint64_t form;
  size_t place;
} formed;

static int by_form(const void *a, const void *b) {
  const formed *x = a, *y = b;
  if (x->form != y->form) return x->form < y->form ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

borel_node borel_graph_reroll(borel_graph *G, const borel_node *terms, size_t count, size_t *merged,
                              borel_error *error) {
  borel_node total = BOREL_NO_NODE, *group = malloc((count + 1) * sizeof *group),
             *partial = malloc((count + 1) * sizeof *partial);
  uint64_t *form = malloc((borel_graph_size(G) + 1) * sizeof *form);
  formed *order = malloc((count + 1) * sizeof *order);
  if (merged) *merged = 0;
  if (!group || !partial || !form || !order) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for the terms of the model");
    goto done;
  }
  skeletons(G, form);
  for (size_t i = 0; i < count; i++) order[i] = (formed){form[terms[i]], i};
  qsort(order, count, sizeof *order, by_form);
  for (size_t i = 0; i < count; i++) partial[i] = BOREL_NO_NODE; /* where the first of a group stood */
  for (size_t start = 0, end; start < count; start = end) {
    for (end = start; end < count && order[end].form == order[start].form; end++)
      group[end - start] = terms[order[end].place];
    if (end - start < LEAST_MERGED || borel_graph_at(G, group[0])->shape.rank > 0) {
      for (size_t i = start; i < end; i++) partial[order[i].place] = terms[order[i].place];
      continue;
    }
    partial[order[start].place] = merge_terms(G, group, end - start, error);
    if (partial[order[start].place] == BOREL_NO_NODE) goto done;
    if (merged) *merged += end - start;
  }
  total = borel_graph_scalar(G, 0);
  for (size_t i = 0; i < count && total != BOREL_NO_NODE; i++)
    if (partial[i] != BOREL_NO_NODE)
      total = borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){total, partial[i]}, 2, 0, NULL, error);
done:
  free(group);
  free(partial);
  free(form);
  free(order);
  return total;
}
