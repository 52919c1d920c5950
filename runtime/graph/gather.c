/* SPDX-License-Identifier: MIT */
#include "graph/gather.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "graph/internal.h"

/* factor * node, or factor * the sum of `array`. */
typedef struct {
  double factor;
  borel_node node, array;
} term;

typedef struct {
  borel_graph *graph;
  uint8_t *kept; /* [nodes]: computed anyway */
  term *list;
  size_t count;
  double constant;
  borel_error *error;
  int failed;
} gathering;

static borel_node make(gathering *g, borel_op op, borel_node a, borel_node b) {
  borel_node args[] = {a, b};
  borel_node made = a == BOREL_NO_NODE ? a
                                       : borel_graph_op(g->graph, op, args, b == BOREL_NO_NODE ? 1 : 2,
                                                        op == BOREL_OP_SUM ? -1 : 0, NULL, g->error);
  g->failed |= made == BOREL_NO_NODE;
  return made;
}

/* The array that a number is the sum of, if nobody else wants that sum. */
static borel_node summed(const gathering *g, borel_node node) {
  const borel_node_info *info = borel_graph_at(g->graph, node);
  if (info->op != BOREL_OP_SUM || info->attr >= 0 || g->kept[node]) return BOREL_NO_NODE;
  return borel_graph_args(g->graph, node)[0];
}

static void add_term(gathering *g, double factor, borel_node node, borel_node array) {
  enum { MOST_SEARCHED = 64 };
  for (size_t i = 0; array != BOREL_NO_NODE && i < g->count && i < MOST_SEARCHED; i++) {
    term *other = &g->list[i];
    if (other->array == BOREL_NO_NODE || other->factor != factor ||
        !borel_shape_equal(&borel_graph_at(g->graph, other->array)->shape,
                           &borel_graph_at(g->graph, array)->shape))
      continue;
    other->array = make(g, BOREL_OP_ADD, other->array, array);
    other->node = BOREL_NO_NODE;
    return;
  }
  if (!(g->count & (g->count - 1))) { /* grows at powers of two */
    term *more = realloc(g->list, 2 * (g->count + 1) * sizeof *more);
    if (!more) {
      g->failed = 1;
      return;
    }
    g->list = more;
  }
  g->list[g->count++] = (term){factor, node, array};
}

static void take_apart(gathering *g, borel_node node, double sign, int depth) {
  enum { MOST_DEPTH = 2000 };
  const borel_node_info info = *borel_graph_at(g->graph, node);
  const borel_node *args = borel_graph_args(g->graph, node);
  const borel_node a = info.arg_count > 0 ? args[0] : BOREL_NO_NODE, b = info.arg_count > 1 ? args[1] : a;
  double value;
  if (borel_graph_constant(g->graph, node, &value) && isfinite(value)) {
    g->constant += sign * value;
  } else if (g->kept[node] || depth == MOST_DEPTH) {
    add_term(g, sign, node, BOREL_NO_NODE);
  } else if (info.op == BOREL_OP_ADD || info.op == BOREL_OP_SUB) {
    take_apart(g, a, sign, depth + 1);
    take_apart(g, b, info.op == BOREL_OP_ADD ? sign : -sign, depth + 1);
  } else if (info.op == BOREL_OP_NEG) {
    take_apart(g, a, -sign, depth + 1);
  } else if (info.op == BOREL_OP_MUL && borel_graph_constant(g->graph, a, &value)) {
    add_term(g, sign * value, b, summed(g, b));
  } else if (info.op == BOREL_OP_MUL && borel_graph_constant(g->graph, b, &value)) {
    add_term(g, sign * value, a, summed(g, a));
  } else {
    add_term(g, sign, node, summed(g, node));
  }
}

static borel_node put_together(gathering *g) {
  borel_node total = BOREL_NO_NODE;
  for (size_t i = 0; i < g->count && !g->failed; i++) {
    const term *t = &g->list[i];
    borel_node x = t->node == BOREL_NO_NODE ? make(g, BOREL_OP_SUM, t->array, BOREL_NO_NODE) : t->node;
    if (fabs(t->factor) != 1) x = make(g, BOREL_OP_MUL, borel_graph_scalar(g->graph, fabs(t->factor)), x);
    if (total != BOREL_NO_NODE)
      total = make(g, t->factor < 0 ? BOREL_OP_SUB : BOREL_OP_ADD, total, x);
    else
      total = t->factor < 0 ? make(g, BOREL_OP_NEG, x, BOREL_NO_NODE) : x;
  }
  borel_node constant = borel_graph_scalar(g->graph, g->constant);
  return total == BOREL_NO_NODE ? constant : make(g, BOREL_OP_ADD, total, constant);
}

borel_node borel_graph_gather(borel_graph *graph, borel_node root, const borel_node *others, size_t count,
                              borel_error *error) {
  gathering g = {.graph = graph, .error = error};
  g.kept = borel_graph_needed_by(graph, others, count);
  borel_node result = BOREL_NO_NODE;
  if (g.kept) {
    take_apart(&g, root, 1, 0);
    if (!g.failed) result = put_together(&g);
  }
  if (!g.kept || g.failed) {
    result = BOREL_NO_NODE;
    borel_fail(error, BOREL_INTERNAL, "out of memory for the rewriting of the model");
  }
  free(g.kept);
  free(g.list);
  return result;
}
