/* SPDX-License-Identifier: MIT
 * Re-rolling. `for t = 2, T do observe(...) end` traces to T scalar terms of one form. Recursions, in which
 * one step is made of the one before, become scans first (chain.c, reroll_scan.c). Then terms with equal
 * skeletons (operations equal, leaves free) are merged position by position: what is the same in all
 * stays a scalar, differing constants become a data array, elements of one array and steps of one scan become
 * a gather, equal operations become one vector operation; what has several forms is merged form by form and
 * put in order by a gather; anything else is stacked. The sum of the merged vector is the sum of the terms.
 */
#include "graph/reroll.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

enum { LEAST_MERGED = 4 }; /* fewer terms gain nothing from a loop of eight lanes */

static int scalar_element(const borel_graph *G, borel_node i) {
  const borel_node_info *node = borel_graph_at(G, i);
  return node->op == BOREL_OP_GATHER && node->shape.rank == 0;
}

/* Hash of the form of each node; scalar constants and scalar inputs are all alike, and so are the steps of a
 * chain. */
static void skeletons(borel_merger *m) {
  const borel_graph *G = m->graph;
  uint64_t *form = m->form;
  for (borel_node i = 0; i < m->original; i++) {
    const borel_node_info *node = borel_graph_at(G, i);
    const borel_node *args = borel_graph_args(G, i);
    uint64_t key[3] = {node->op, (uint64_t)node->attr, (uint64_t)node->dtype};
    if (m->chain[i] >= 0) {
      key[1] = m->at[i] % m->chains.list[m->chain[i]].period;
      form[i] = borel_hash(key, sizeof key, 4 + (uint64_t)m->chain[i]);
    } else if (node->op == BOREL_OP_SCALAR || (node->op == BOREL_OP_INPUT && node->shape.rank == 0)) {
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

/* ---- what stands for a node that is made of chains ------------------------------------------- */

static int is_last_step(const borel_merger *m, borel_node i) {
  const borel_chain *chain = &m->chains.list[m->chain[i]];
  return m->at[i] / chain->period == chain->steps - 1;
}

/* Element `step` of the stacked results of a scan; a carry at its end. */
static borel_node chain_element(borel_merger *m, borel_node i) {
  size_t period = m->chains.list[m->chain[i]].period;
  borel_node carry = m->last[m->chain[i]][m->at[i] % period];
  if (carry != BOREL_NO_NODE && is_last_step(m, i)) return carry;
  borel_node args[] = {m->stacked[m->chain[i]][m->at[i] % period],
                       borel_graph_integer(m->graph, (int64_t)(m->at[i] / period))};
  return borel_graph_op(m->graph, BOREL_OP_GATHER, args, 2, 0, NULL, m->error);
}

/* Of a node whose arguments are resolved. */
static borel_node again(borel_merger *m, borel_node i) {
  if (m->chain[i] >= 0) return chain_element(m, i);
  borel_node_info like = *borel_graph_at(m->graph, i);
  borel_node *args = malloc((like.arg_count + 1) * sizeof *args);
  if (!args) return BOREL_NO_NODE;
  for (uint32_t k = 0; k < like.arg_count; k++) {
    borel_node arg = borel_graph_args(m->graph, i)[k];
    args[k] = m->moved[arg] ? m->resolved[arg] : arg;
  }
  borel_node made = borel_graph_like(m->graph, &like, args, m->error);
  free(args);
  return made;
}

/* Depth first, with a stack of its own: what is written out may be deep. */
borel_node borel_resolve(borel_merger *m, borel_node wanted) {
  if (wanted == BOREL_NO_NODE || !m->moved[wanted]) return wanted;
  borel_node *stack = malloc((m->original + 1) * sizeof *stack);
  size_t depth = 0;
  if (!stack) return BOREL_NO_NODE;
  stack[depth++] = wanted;
  while (depth > 0) {
    borel_node i = stack[depth - 1], next = BOREL_NO_NODE;
    const borel_node *args = borel_graph_args(m->graph, i);
    uint32_t count = m->chain[i] >= 0 ? 0 : borel_graph_at(m->graph, i)->arg_count;
    for (uint32_t k = 0; k < count && next == BOREL_NO_NODE; k++)
      if (m->moved[args[k]] && m->resolved[args[k]] == BOREL_NO_NODE) next = args[k];
    if (next != BOREL_NO_NODE) {
      stack[depth++] = next; /* a path: never longer than there are nodes */
      continue;
    }
    if (m->resolved[i] == BOREL_NO_NODE && (m->resolved[i] = again(m, i)) == BOREL_NO_NODE) break;
    depth--;
  }
  free(stack);
  return m->resolved[wanted];
}

/* ---- merging --------------------------------------------------------------------------------- */

static borel_node merge_constants(borel_merger *m, const borel_node *list, size_t count) {
  borel_graph *G = m->graph;
  borel_dtype dtype = borel_graph_at(G, list[0])->dtype;
  borel_array values = borel_array_new(dtype, &(borel_shape){1, {(int64_t)count}});
  if (!values.data) return BOREL_NO_NODE;
  for (size_t i = 0; i < count; i++) {
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

/* Elements of an array, at known places. */
static borel_node pick(borel_merger *m, borel_node from, const size_t *places, size_t count) {
  borel_array index = borel_array_new(BOREL_I64, &(borel_shape){1, {(int64_t)count}});
  if (!index.data) return BOREL_NO_NODE;
  for (size_t i = 0; i < count; i++) ((int64_t *)index.data)[i] = (int64_t)places[i];
  borel_node args[] = {from, borel_graph_array(m->graph, &index)};
  borel_array_release(&index);
  return borel_graph_op(m->graph, BOREL_OP_GATHER, args, 2, 0, NULL, m->error);
}

/* Merges argument k of every node of the list. */
static borel_node merge_argument(borel_merger *m, const borel_node *list, size_t count, uint32_t k) {
  borel_node *inner = malloc(count * sizeof *inner);
  if (!inner) return BOREL_NO_NODE;
  for (size_t i = 0; i < count; i++) inner[i] = borel_graph_args(m->graph, list[i])[k];
  borel_node made = borel_merge(m, inner, count);
  free(inner);
  return made;
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

static borel_node stack_all(borel_merger *m, const borel_node *list, size_t count) {
  borel_node *all = malloc(count * sizeof *all), made = BOREL_NO_NODE;
  for (size_t i = 0; all && i < count; i++) all[i] = borel_resolve(m, list[i]);
  if (all) made = borel_graph_op(m->graph, BOREL_OP_STACK, all, count, 0, NULL, m->error);
  free(all);
  return made;
}

/* A list of several forms: each is merged, and a gather puts the elements back in their order. */
static borel_node merge_by_form(borel_merger *m, const borel_node *list, size_t count) {
  formed *order = malloc(count * sizeof *order);
  borel_node *group = malloc(count * sizeof *group), *parts = malloc(count * sizeof *parts),
             made = BOREL_NO_NODE;
  size_t *places = malloc(count * sizeof *places), part_count = 0;
  if (!order || !group || !parts || !places) goto done;
  for (size_t i = 0; i < count; i++) order[i] = (formed){m->form[list[i]], i};
  qsort(order, count, sizeof *order, by_form);
  for (size_t start = 0, end; start < count; start = end) {
    for (end = start; end < count && order[end].form == order[start].form; end++) {
      group[end - start] = list[order[end].place];
      places[order[end].place] = end;
    }
    if (end - start == count) { /* one form, and yet not alike */
      made = stack_all(m, list, count);
      goto done;
    }
    if (end - start < LEAST_MERGED) {
      for (size_t i = 0; i < end - start; i++) parts[part_count++] = borel_resolve(m, group[i]);
      continue;
    }
    borel_node vector = borel_merge(m, group, end - start);
    if (vector == BOREL_NO_NODE) goto done;
    parts[part_count++] =
        borel_graph_expand(m->graph, vector, &(borel_shape){1, {(int64_t)(end - start)}}, m->error);
  }
  made = borel_graph_op(m->graph, BOREL_OP_STACK, parts, part_count, 0, NULL, m->error);
  if (made != BOREL_NO_NODE) made = pick(m, made, places, count);
done:
  free(order);
  free(group);
  free(parts);
  free(places);
  return made;
}

/* Steps of one chain. */
static borel_node merge_steps(borel_merger *m, const borel_node *list, size_t count) {
  size_t period = m->chains.list[m->chain[list[0]]].period;
  size_t *steps = malloc(count * sizeof *steps);
  if (!steps) return BOREL_NO_NODE;
  for (size_t i = 0; i < count; i++) steps[i] = m->at[list[i]] / period;
  borel_node made = pick(m, m->stacked[m->chain[list[0]]][m->at[list[0]] % period], steps, count);
  free(steps);
  return made;
}

static borel_node merge_new(borel_merger *m, const borel_node *list, size_t count) {
  borel_graph *G = m->graph;
  borel_node_info first = *borel_graph_at(G, list[0]);
  int steps = 1, alike = 1, elements = 1; /* of one chain; of one operation; of one array */
  for (size_t i = 0; i < count; i++) {
    const borel_node_info *node = borel_graph_at(G, list[i]);
    int free = m->chain[list[i]] < 0;
    steps = steps && !free && m->chain[list[i]] == m->chain[list[0]] && m->form[list[i]] == m->form[list[0]];
    alike = alike && free && node->op == first.op && node->dtype == first.dtype && node->shape.rank == 0 &&
            node->arg_count == first.arg_count;
    elements = elements && scalar_element(G, list[i]) &&
               borel_graph_args(G, list[i])[0] == borel_graph_args(G, list[0])[0];
  }
  if (steps) return merge_steps(m, list, count);
  if (alike && first.op == BOREL_OP_SCALAR) return merge_constants(m, list, count);
  if (alike && elements) {
    borel_node args[2] = {borel_resolve(m, borel_graph_args(G, list[0])[0]),
                          merge_argument(m, list, count, 1)};
    return borel_graph_op(G, BOREL_OP_GATHER, args, 2, 0, NULL, m->error);
  }
  if (alike && borel_op_get(first.op)->kind == BOREL_CLASS_ELEMENTWISE && first.shape.rank == 0) {
    borel_node args[3];
    for (uint32_t k = 0; k < first.arg_count; k++) args[k] = merge_argument(m, list, count, k);
    return borel_graph_op(G, first.op, args, first.arg_count, first.attr, NULL, m->error);
  }
  return merge_by_form(m, list, count);
}

borel_node borel_merge(borel_merger *m, const borel_node *list, size_t count) {
  size_t same = 1, bytes = count * sizeof *list;
  while (same < count && list[same] == list[0]) same++;
  if (same == count) return borel_resolve(m, list[0]);
  for (size_t i = 0; i < m->done_count; i++)
    if (m->done[i].count == count && memcmp(m->done[i].list, list, bytes) == 0) return m->done[i].result;
  borel_node made = merge_new(m, list, count);
  if (m->done_count == m->done_room) {
    borel_merged *more = realloc(m->done, (m->done_room = 2 * m->done_room + 16) * sizeof *more);
    if (!more) return BOREL_NO_NODE;
    m->done = more;
  }
  borel_node *copy = malloc(bytes);
  if (!copy) return BOREL_NO_NODE;
  memcpy(copy, list, bytes);
  m->done[m->done_count++] = (borel_merged){copy, made, count};
  return made;
}

static borel_node merge_terms(borel_merger *m, const borel_node *terms, size_t count) {
  borel_node vector = borel_merge(m, terms, count);
  if (vector != BOREL_NO_NODE && borel_graph_at(m->graph, vector)->shape.rank == 0) /* one term, many times */
    return borel_graph_op(m->graph, BOREL_OP_MUL,
                          (borel_node[]){vector, borel_graph_scalar(m->graph, (double)count)}, 2, 0, NULL,
                          m->error);
  return borel_graph_op(m->graph, BOREL_OP_SUM, &vector, 1, -1, NULL, m->error);
}

/* ---- chains ---------------------------------------------------------------------------------- */

/* Which nodes are in chains, and which are made of them. */
static void place_chains(borel_merger *m) {
  memset(m->chain, 0xff, m->original * sizeof *m->chain);
  for (size_t c = 0; c < m->chains.count; c++) {
    const borel_chain *chain = &m->chains.list[c];
    for (size_t i = 0; i < chain->steps * chain->period; i++) {
      m->chain[chain->nodes[i]] = (int32_t)c;
      m->at[chain->nodes[i]] = (uint32_t)i;
    }
  }
  for (borel_node i = 0; i < m->original; i++) {
    m->moved[i] = m->chain[i] >= 0;
    for (uint32_t k = 0; k < borel_graph_at(m->graph, i)->arg_count; k++)
      m->moved[i] |= m->moved[borel_graph_args(m->graph, i)[k]];
  }
}

/* Somebody outside reads node i of the chain. */
static void mark(const borel_merger *m, borel_node i, const uint8_t *carried, uint8_t *used) {
  size_t p = m->at[i] % m->chains.list[m->chain[i]].period;
  if (!carried[p] || !is_last_step(m, i)) used[p] = 1;
}

/* Marks the places of chain c that somebody outside reads, a term or a node below a term, and that are not
 * among the `carried` at the end. */
static void mark_used(const borel_merger *m, const borel_node *terms, size_t count, size_t c,
                      const uint8_t *carried, uint8_t *used, uint8_t *needed) {
  size_t period = m->chains.list[c].period;
  memset(needed, 0, m->original);
  memset(used, 0, period);
  for (size_t i = 0; i < count; i++) {
    needed[terms[i]] = 1;
    if (m->chain[terms[i]] == (int32_t)c) mark(m, terms[i], carried, used);
  }
  for (size_t n = m->original; n-- > 0;) {
    if (!needed[n]) continue;
    for (uint32_t k = 0; k < borel_graph_at(m->graph, (borel_node)n)->arg_count; k++) {
      borel_node arg = borel_graph_args(m->graph, (borel_node)n)[k];
      needed[arg] = 1;
      if (m->chain[arg] == (int32_t)c && m->chain[n] != (int32_t)c) mark(m, arg, carried, used);
    }
  }
}

static borel_status roll_chains(borel_merger *m, const borel_node *terms, size_t count) {
  size_t longest = 1;
  for (size_t c = 0; c < m->chains.count; c++)
    if (m->chains.list[c].period > longest) longest = m->chains.list[c].period;
  uint8_t *used = malloc(2 * longest), *carried = used ? used + longest : NULL;
  uint8_t *needed = malloc(m->original + 1);
  borel_status status = used && needed ? BOREL_OK : BOREL_INTERNAL;
  for (size_t c = 0; c < m->chains.count && !status; c++) {
    for (size_t p = 0; p < m->chains.list[c].period; p++)
      carried[p] = (uint8_t)borel_chain_carries(&m->chains.list[c], p);
    mark_used(m, terms, count, c, carried, used, needed);
    status = borel_chain_to_scan(m, c, used);
  }
  free(used);
  free(needed);
  return status;
}

static int merger_begin(borel_merger *m, borel_graph *G, const borel_node *terms, size_t count,
                        borel_error *error) {
  size_t nodes = borel_graph_size(G);
  *m = (borel_merger){.graph = G, .original = nodes, .error = error};
  borel_chains_find(G, terms, count, &m->chains);
  m->form = malloc((nodes + 1) * sizeof *m->form);
  m->moved = calloc(nodes + 1, 1);
  m->resolved = malloc((nodes + 1) * sizeof *m->resolved);
  m->chain = malloc((nodes + 1) * sizeof *m->chain);
  m->at = malloc((nodes + 1) * sizeof *m->at);
  m->stacked = calloc(m->chains.count + 1, sizeof *m->stacked);
  m->last = calloc(m->chains.count + 1, sizeof *m->last);
  int done = m->form && m->moved && m->resolved && m->chain && m->at && m->stacked && m->last;
  for (size_t c = 0; done && c < m->chains.count; c++)
    done = (m->stacked[c] = malloc(m->chains.list[c].period * sizeof **m->stacked)) &&
           (m->last[c] = malloc(m->chains.list[c].period * sizeof **m->last));
  if (!done) return 0;
  memset(m->resolved, 0xff, (nodes + 1) * sizeof *m->resolved); /* BOREL_NO_NODE everywhere */
  place_chains(m);
  skeletons(m);
  return 1;
}

static void merger_end(borel_merger *m) {
  for (size_t i = 0; i < m->done_count; i++) free(m->done[i].list);
  for (size_t c = 0; m->stacked && c < m->chains.count; c++) free(m->stacked[c]);
  for (size_t c = 0; m->last && c < m->chains.count; c++) free(m->last[c]);
  borel_chains_free(&m->chains);
  free(m->done);
  free(m->form);
  free(m->moved);
  free(m->resolved);
  free(m->chain);
  free(m->at);
  free(m->stacked);
  free(m->last);
}

/* ---- terms ----------------------------------------------------------------------------------- */

borel_node borel_graph_reroll(borel_graph *G, const borel_node *terms, size_t count, size_t *merged,
                              borel_error *error) {
  borel_node total = BOREL_NO_NODE, *group = malloc((count + 1) * sizeof *group),
             *partial = malloc((count + 1) * sizeof *partial);
  formed *order = malloc((count + 1) * sizeof *order);
  borel_merger m;
  int ready = merger_begin(&m, G, terms, count, error);
  if (merged) *merged = 0;
  if (!group || !partial || !ready || !order) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for the terms of the model");
    goto done;
  }
  if (roll_chains(&m, terms, count)) goto done;
  for (size_t i = 0; i < count; i++) order[i] = (formed){m.form[terms[i]], i};
  qsort(order, count, sizeof *order, by_form);
  for (size_t i = 0; i < count; i++) partial[i] = BOREL_NO_NODE; /* where the first of a group stood */
  for (size_t start = 0, end; start < count; start = end) {
    for (end = start; end < count && order[end].form == order[start].form; end++)
      group[end - start] = terms[order[end].place];
    if (end - start < LEAST_MERGED || borel_graph_at(G, group[0])->shape.rank > 0) {
      for (size_t i = start; i < end; i++) partial[order[i].place] = borel_resolve(&m, terms[order[i].place]);
      continue;
    }
    partial[order[start].place] = merge_terms(&m, group, end - start);
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
  free(order);
  merger_end(&m);
  return total;
}

borel_node borel_graph_vector(borel_graph *G, const borel_node *scalars, size_t count, borel_error *error) {
  borel_merger m;
  borel_node made = BOREL_NO_NODE;
  if (merger_begin(&m, G, scalars, count, error) && roll_chains(&m, scalars, count) == BOREL_OK)
    made = borel_merge(&m, scalars, count);
  merger_end(&m);
  if (made == BOREL_NO_NODE) borel_fail(error, BOREL_INTERNAL, "out of memory for the values of the model");
  return borel_graph_expand(G, made, &(borel_shape){1, {(int64_t)count}}, error);
}
