/* SPDX-License-Identifier: MIT */
#include "graph/log_products.h"

#include <math.h>
#include <stdlib.h>

#include "graph/internal.h"
#include "graph/sums.h"

enum { LEAST_ROWS = 16 }; /* fewer logarithms are as fast */

/* 1 + x has an error of half a unit where log(1 + x) may be far smaller than that. Such an error for each
 * element is what adding up makes too, as long as it is not multiplied: not by a factor in the sum, nor by
 * one that left it. */
static const double MOST_FACTOR = 8;

typedef struct {
  uint8_t *kept; /* [nodes]: computed anyway */
  size_t nodes, *found;
} search;

static borel_node op1(borel_sum *s, borel_op op, borel_node a) {
  return a == BOREL_NO_NODE ? a : borel_graph_op(s->graph, op, &a, 1, 0, NULL, s->error);
}

static borel_node larger(borel_sum *s, borel_node a, borel_node b) {
  borel_node above = borel_sum_op(s, BOREL_OP_GT, a, b);
  if (above == BOREL_NO_NODE) return above;
  return borel_graph_op(s->graph, BOREL_OP_WHERE, (borel_node[]){above, a, b}, 3, 0, NULL, s->error);
}

/* node = *plain + log(*inner), *plain BOREL_NO_NODE where it is 0; returns 0 where it is no logarithm. */
static int read_log(borel_sum *s, borel_node node, borel_node *plain, borel_node *inner, int *near_one) {
  borel_op op = borel_graph_at(s->graph, node)->op;
  borel_node one = borel_graph_scalar(s->graph, 1), zero = borel_graph_scalar(s->graph, 0), a, b;
  *plain = BOREL_NO_NODE;
  *near_one = op != BOREL_OP_LOG;
  if (borel_graph_at(s->graph, node)->arg_count == 0) return 0;
  a = borel_graph_args(s->graph, node)[0];
  switch (op) {
  case BOREL_OP_LOG: *inner = a; return 1;
  case BOREL_OP_LOG1P: *inner = borel_sum_op(s, BOREL_OP_ADD, one, a); return 1;
  case BOREL_OP_LOG1P_EXP:
    *plain = larger(s, a, zero);
    *inner = borel_sum_op(s, BOREL_OP_ADD, one, op1(s, BOREL_OP_EXP_NEG_ABS, a));
    return 1;
  case BOREL_OP_LOG_ADD_EXP:
    b = borel_graph_args(s->graph, node)[1];
    *plain = larger(s, a, b);
    *inner = borel_sum_op(s, BOREL_OP_ADD, one, borel_sum_op(s, BOREL_OP_RATIO, a, b));
    return 1;
  default: return 0;
  }
}

static int take_log(borel_sum *s, double sign, borel_node scale, borel_node node, void *context) {
  const search *look = context;
  borel_node plain, inner;
  int near_one;
  if (s->rows < LEAST_ROWS || (node < look->nodes && look->kept[node])) return 0;
  if (!read_log(s, node, &plain, &inner, &near_one)) return 0;
  if (near_one && (scale != BOREL_NO_NODE || fabs(sign) > MOST_FACTOR)) return 0;
  if (borel_graph_at(s->graph, node)->op == BOREL_OP_LOG1P && node == s->array) return 0;
  if (plain != BOREL_NO_NODE) borel_sum_add(s, &s->rest, sign, scale, plain);
  borel_sum_add(s, &s->total, sign, scale, op1(s, BOREL_OP_SUM_LOG, inner));
  if (s->taken++ == 0) ++*look->found;
  return 1;
}

borel_node borel_graph_log_products(borel_graph *graph, borel_node root, const borel_node *others,
                                    size_t count, size_t *found, borel_error *error) {
  search look = {.nodes = borel_graph_size(graph), .found = found};
  look.kept = borel_graph_needed_by(graph, others, count);
  borel_node result = BOREL_NO_NODE;
  if (look.kept)
    result = borel_graph_rewrite_sums(graph, root, take_log, &look, 1, error);
  else
    borel_fail(error, BOREL_INTERNAL, "out of memory for the rewriting of the model");
  free(look.kept);
  return result;
}
