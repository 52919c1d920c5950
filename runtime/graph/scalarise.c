/* SPDX-License-Identifier: MIT
 * Small arrays become numbers. A loop over two elements costs more than the arithmetic in it: it goes through
 * memory, runs over whole lanes, and gathers by index arrays. Before a graph is planned it is therefore
 * copied, and in the copy arrays of few elements are lists of numbers; they are put together again where an
 * operation needs an array. In the body of a scan carries become numbers, so that they stay in registers, and
 * what does not change from step to step moves out. Sums keep the order of their evaluation (structured.c).
 */
#include "graph/scalarise.h"

#include <stdlib.h>
#include <string.h>

borel_graph *borel_scalarise_target(const borel_scalariser *s) { return s->out ? s->around->to : s->to; }

int borel_scalarise_is_small(const borel_scalariser *s, const borel_shape *shape) {
  int64_t size = borel_shape_size(shape);
  return size >= 1 && size <= s->most;
}

static int is_constant(const borel_node_info *node) {
  return node->op == BOREL_OP_SCALAR || node->op == BOREL_OP_ARRAY;
}

const int64_t *borel_scalarise_known(const borel_scalariser *s, borel_node i) {
  const borel_node_info *node = borel_graph_at(s->from, i);
  if (s->outside[i] && s->whole[i] != BOREL_NO_NODE) node = borel_graph_at(s->around->to, s->whole[i]);
  if (node->dtype != BOREL_I64) return NULL;
  return node->op == BOREL_OP_ARRAY ? node->array.data : node->op == BOREL_OP_SCALAR ? &node->attr : NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* One element, read from memory. Those of constants are not folded: data must not change the text. */
static borel_node pick(borel_graph *G, borel_node from, int64_t element) {
  borel_node index = borel_graph_integer(G, element);
  if (from == BOREL_NO_NODE || index == BOREL_NO_NODE) return BOREL_NO_NODE;
  borel_node_info node = {.op = BOREL_OP_GATHER, .dtype = borel_graph_at(G, from)->dtype};
  return borel_graph_intern(G, &node, (borel_node[]){from, index}, 2);
}

/* The array whose elements these are, one after the other: one that there is, or a new one. */
static borel_node gather_up(borel_graph *G, const borel_node *parts, const borel_shape *shape,
                            borel_error *error) {
  int64_t n = borel_shape_size(shape), k = 0;
  borel_node array = BOREL_NO_NODE;
  for (; k < n; k++) {
    if (parts[k] == BOREL_NO_NODE) return BOREL_NO_NODE;
    const borel_node_info *part = borel_graph_at(G, parts[k]);
    const borel_node *args = borel_graph_args(G, parts[k]);
    if (part->op != BOREL_OP_GATHER || borel_graph_at(G, args[1])->op != BOREL_OP_SCALAR ||
        borel_graph_at(G, args[1])->attr != k || (k > 0 && args[0] != array))
      break;
    array = args[0];
  }
  if (k == n && borel_shape_equal(&borel_graph_at(G, array)->shape, shape)) return array;
  return borel_graph_op(G, BOREL_OP_STACK, parts, (size_t)n, 0, shape, error);
}

int borel_bridge_add(borel_bridge *b, borel_node outer, const borel_shape *shape) {
  if (outer == BOREL_NO_NODE) return -1;
  if (b->count == b->room) {
    size_t room = 2 * b->room + 16;
    borel_node **lists[] = {&b->outer, &b->inner[0], &b->inner[1]};
    for (int k = 0; k < 3; k++) {
      borel_node *list = realloc(*lists[k], room * sizeof *list);
      if (!list) return -1;
      *lists[k] = list;
    }
    b->room = room;
  }
  b->outer[b->count] = outer;
  for (int k = 0; k < b->bodies; k++) {
    b->inner[k][b->count] = borel_graph_input(b->body[k], borel_graph_at(b->around->to, outer)->dtype, shape);
    if (b->inner[k][b->count] == BOREL_NO_NODE) return -1;
  }
  return (int)b->count++;
}

/* A node of the graph around becomes a captured value; constants are known inside too. */
static borel_node import(borel_scalariser *s, borel_node outer) {
  borel_bridge *b = s->bridge;
  if (outer == BOREL_NO_NODE) return BOREL_NO_NODE;
  borel_node_info node = *borel_graph_at(b->around->to, outer);
  if (is_constant(&node)) return borel_graph_like(s->to, &node, NULL, s->error);
  for (size_t k = b->fixed; k < b->count; k++)
    if (b->outer[k] == outer) return b->inner[s->branch][k];
  int at = borel_bridge_add(b, outer, &node.shape);
  return at < 0 ? BOREL_NO_NODE : b->inner[s->branch][at];
}

static borel_graph *home(const borel_scalariser *s, borel_node i) {
  return s->outside[i] ? s->around->to : s->to;
}

borel_node borel_scalarise_whole(borel_scalariser *s, borel_node i) {
  borel_node_info node = *borel_graph_at(s->from, i);
  if (is_constant(&node)) return borel_graph_like(borel_scalarise_target(s), &node, NULL, s->error);
  if (s->whole[i] == BOREL_NO_NODE && s->parts[i])
    s->whole[i] =
        node.shape.rank == 0 ? s->parts[i][0] : gather_up(home(s, i), s->parts[i], &node.shape, s->error);
  return s->outside[i] && !s->out ? import(s, s->whole[i]) : s->whole[i];
}

borel_node borel_scalarise_part(borel_scalariser *s, borel_node i, int64_t element) {
  borel_node_info node = *borel_graph_at(s->from, i);
  borel_graph *target = borel_scalarise_target(s);
  if (node.shape.rank == 0 || (is_constant(&node) && !s->parts[i])) {
    borel_node whole = borel_scalarise_whole(s, i);
    return node.shape.rank == 0 ? whole : pick(target, whole, element);
  }
  borel_node part = s->parts[i] ? s->parts[i][element] : pick(home(s, i), s->whole[i], element);
  return s->outside[i] && !s->out ? import(s, part) : part;
}

/* ---- one node -------------------------------------------------------------------------------- */

/* Is it the same in every step of the loop, and worth a place in memory? */
static int moves_out(const borel_scalariser *s, borel_node i) {
  const borel_node_info *node = borel_graph_at(s->from, i);
  borel_op_class kind = borel_op_get(node->op)->kind;
  if (!s->bridge || !s->bridge->hoist || node->arg_count == 0 || node->region || node->op == BOREL_OP_PROJECT)
    return 0;
  if (kind == BOREL_CLASS_INDEXED && node->shape.rank > 0 && !borel_scalarise_is_small(s, &node->shape))
    return 0;
  int any = 0;
  for (uint32_t k = 0; k < node->arg_count; k++) {
    borel_node arg = borel_graph_args(s->from, i)[k];
    if (!s->outside[arg] && !is_constant(borel_graph_at(s->from, arg))) return 0;
    any |= s->outside[arg];
  }
  return any;
}

static borel_status project(borel_scalariser *s, borel_node i) {
  borel_node whole = borel_graph_args(s->from, i)[0], region = s->whole[whole];
  const borel_node_info *node = borel_graph_at(s->from, i);
  borel_result_place place = s->results[whole][node->attr];
  if (place.count == 0) {
    s->whole[i] = borel_graph_project(s->to, region, (size_t)place.first);
    return s->whole[i] == BOREL_NO_NODE ? BOREL_INTERNAL : BOREL_OK;
  }
  if (!(s->parts[i] = malloc((size_t)place.count * sizeof **s->parts))) return BOREL_INTERNAL;
  for (int64_t k = 0; k < place.count; k++)
    if ((s->parts[i][k] = borel_graph_project(s->to, region, (size_t)(place.first + k))) == BOREL_NO_NODE)
      return BOREL_INTERNAL;
  return BOREL_OK;
}

/* The same operation on the same arguments. */
static borel_status copy(borel_scalariser *s, borel_node i) {
  borel_node_info node = *borel_graph_at(s->from, i);
  borel_node *args = malloc((node.arg_count + 1) * sizeof *args);
  if (!args) return BOREL_INTERNAL;
  borel_status status = BOREL_OK;
  for (uint32_t k = 0; k < node.arg_count && !status; k++) {
    args[k] = borel_scalarise_whole(s, borel_graph_args(s->from, i)[k]);
    if (args[k] == BOREL_NO_NODE) status = BOREL_INTERNAL;
  }
  if (!status) s->whole[i] = borel_graph_like(borel_scalarise_target(s), &node, args, s->error);
  free(args);
  return status || s->whole[i] == BOREL_NO_NODE ? BOREL_INTERNAL : BOREL_OK;
}

static borel_status visit(borel_scalariser *s, borel_node i) {
  const borel_node_info *node = borel_graph_at(s->from, i);
  int failed = 0;
  s->out = 0;
  if (is_constant(node) || node->op == BOREL_OP_INPUT) return BOREL_OK;
  if (node->op == BOREL_OP_PROJECT) return project(s, i);
  if (node->region) return borel_scalarise_region(s, i);
  s->out = s->outside[i] = (uint8_t)moves_out(s, i);
  s->parts[i] = borel_scalarise_op(s, i, &failed);
  borel_status status = failed ? BOREL_INTERNAL : s->parts[i] ? BOREL_OK : copy(s, i);
  s->out = 0;
  return status;
}

/* ---- the whole graph ------------------------------------------------------------------------- */

static size_t mark_used(const borel_graph *graph, const borel_node *outputs, size_t count, uint8_t *used) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++) used[outputs[i]] = 1;
  for (size_t i = borel_graph_size(graph); i-- > 0;) {
    if (!used[i]) continue;
    total++;
    const borel_node *args = borel_graph_args(graph, (borel_node)i);
    for (uint32_t k = 0; k < borel_graph_at(graph, (borel_node)i)->arg_count; k++) used[args[k]] = 1;
  }
  return total;
}

size_t borel_scalarise_count(const borel_graph *graph, const borel_node *outputs, size_t count) {
  uint8_t *used = calloc(borel_graph_size(graph) + 1, 1);
  size_t total = used ? mark_used(graph, outputs, count, used) : borel_graph_size(graph);
  free(used);
  return total;
}

int borel_scalariser_begin(borel_scalariser *s, const borel_graph *from, const borel_node *outputs,
                           size_t count) {
  s->from = from;
  s->nodes = borel_graph_size(from);
  s->to = borel_graph_new();
  s->used = calloc(s->nodes + 1, 1);
  s->outside = calloc(s->nodes + 1, 1);
  s->whole = malloc((s->nodes + 1) * sizeof *s->whole);
  s->parts = calloc(s->nodes + 1, sizeof *s->parts);
  s->results = calloc(s->nodes + 1, sizeof *s->results);
  if (!s->to || !s->used || !s->outside || !s->whole || !s->parts || !s->results) return 0;
  memset(s->whole, 0xff, (s->nodes + 1) * sizeof *s->whole); /* BOREL_NO_NODE */
  mark_used(from, outputs, count, s->used);
  return 1;
}

borel_status borel_scalariser_run(borel_scalariser *s) {
  for (borel_node i = 0; i < s->nodes; i++)
    if (s->used[i] && visit(s, i)) return BOREL_INTERNAL;
  return BOREL_OK;
}

void borel_scalariser_end(borel_scalariser *s) {
  for (size_t i = 0; i < s->nodes; i++) {
    if (s->parts) free(s->parts[i]);
    if (s->results) free(s->results[i]);
  }
  free(s->used);
  free(s->outside);
  free(s->whole);
  free(s->parts);
  free(s->results);
}

/* The inputs of the copy have the numbers of those of `from`. */
static int copy_inputs(borel_scalariser *s) {
  borel_node *list = malloc((borel_graph_inputs(s->from) + 1) * sizeof *list);
  int done = list != NULL;
  for (borel_node i = 0; done && i < s->nodes; i++)
    if (borel_graph_at(s->from, i)->op == BOREL_OP_INPUT) list[borel_graph_at(s->from, i)->attr] = i;
  for (size_t k = 0; done && k < borel_graph_inputs(s->from); k++) {
    const borel_node_info *input = borel_graph_at(s->from, list[k]);
    s->whole[list[k]] = borel_graph_input(s->to, input->dtype, &input->shape);
    done = s->whole[list[k]] != BOREL_NO_NODE;
  }
  free(list);
  return done;
}

static borel_graph *attempt(const borel_graph *from, const borel_node *outputs, size_t count, int64_t most,
                            borel_node *made, borel_error *error) {
  borel_scalariser s = {.most = most, .error = error};
  borel_status status = BOREL_INTERNAL;
  if (borel_scalariser_begin(&s, from, outputs, count) && copy_inputs(&s)) status = borel_scalariser_run(&s);
  for (size_t i = 0; i < count && !status; i++)
    if ((made[i] = borel_scalarise_whole(&s, outputs[i])) == BOREL_NO_NODE) status = BOREL_INTERNAL;
  borel_scalariser_end(&s);
  if (!status) return s.to;
  borel_graph_free(s.to);
  borel_fail(error, BOREL_INTERNAL, "out of memory for the program of the model");
  return NULL;
}

borel_graph *borel_graph_scalarise(const borel_graph *from, const borel_node *outputs, size_t count,
                                   borel_node *made, borel_error *error) {
  enum { GROWTH = 128 };
  static const int64_t sizes[] = {4, 2, 0};
  size_t before = borel_scalarise_count(from, outputs, count);
  for (size_t k = 0;; k++) {
    borel_graph *to = attempt(from, outputs, count, sizes[k], made, error);
    if (!to || sizes[k] == 0 || borel_scalarise_count(to, made, count) <= before + GROWTH) return to;
    borel_graph_free(to);
  }
}
