/* SPDX-License-Identifier: MIT */
#include "graph/sums.h"

#include <math.h>

#include "graph/internal.h"

borel_node borel_sum_op(borel_sum *s, borel_op op, borel_node a, borel_node b) {
  if (a == BOREL_NO_NODE || b == BOREL_NO_NODE) return BOREL_NO_NODE;
  return borel_graph_op(s->graph, op, (borel_node[]){a, b}, 2, 0, NULL, s->error);
}

borel_node borel_sum_of(borel_sum *s, borel_node a) {
  return a == BOREL_NO_NODE ? a : borel_graph_op(s->graph, BOREL_OP_SUM, &a, 1, -1, NULL, s->error);
}

borel_node borel_sum_times(borel_sum *s, borel_node x, borel_node factor) {
  if (factor == BOREL_NO_NODE) return x == BOREL_NO_NODE ? borel_graph_scalar(s->graph, 1) : x;
  return x == BOREL_NO_NODE ? factor : borel_sum_op(s, BOREL_OP_MUL, x, factor);
}

void borel_sum_add(borel_sum *s, borel_node *to, double sign, borel_node scale, borel_node x) {
  if (scale != BOREL_NO_NODE) x = borel_sum_op(s, BOREL_OP_MUL, scale, x);
  if (fabs(sign) != 1) x = borel_sum_op(s, BOREL_OP_MUL, borel_graph_scalar(s->graph, fabs(sign)), x);
  if (*to != BOREL_NO_NODE)
    *to = borel_sum_op(s, sign < 0 ? BOREL_OP_SUB : BOREL_OP_ADD, *to, x);
  else
    *to =
        sign < 0 && x != BOREL_NO_NODE ? borel_graph_op(s->graph, BOREL_OP_NEG, &x, 1, 0, NULL, s->error) : x;
  if (*to == BOREL_NO_NODE) s->failed = 1;
}

borel_node borel_sum_strip(borel_sum *s, borel_node node, double *sign, borel_node *scale) {
  for (;;) {
    const borel_node_info *info = borel_graph_at(s->graph, node);
    const borel_node *args = borel_graph_args(s->graph, node);
    if (info->shape.rank == 0) return node;
    if (info->op == BOREL_OP_NEG) {
      *sign = -*sign;
      node = args[0];
      continue;
    }
    if (info->op != BOREL_OP_MUL) return node;
    int k = borel_graph_at(s->graph, args[0])->shape.rank == 0 ? 0 : 1;
    borel_node factor = args[k], rest = args[1 - k];
    if (borel_graph_at(s->graph, factor)->shape.rank > 0) return node;
    double number;
    if (borel_graph_constant(s->graph, factor, &number))
      *sign *= number;
    else
      *scale = borel_sum_times(s, factor, *scale);
    node = rest;
  }
}

/* Adds sign * scale * sum(node) to what there is. */
static void take_apart(borel_sum *s, borel_node node, double sign, borel_node scale, borel_sum_term term,
                       void *context, int depth) {
  enum { MOST_DEPTH = 2000 };
  node = borel_sum_strip(s, node, &sign, &scale);
  const borel_node_info info = *borel_graph_at(s->graph, node);
  borel_node a = BOREL_NO_NODE, b = BOREL_NO_NODE;
  if (info.arg_count > 0) a = borel_graph_args(s->graph, node)[0];
  if (info.arg_count > 1) b = borel_graph_args(s->graph, node)[1];
  if (info.shape.rank == 0) {
    s->moved++;
    borel_sum_add(s, &s->total, sign * (double)s->rows, scale, node);
  } else if (info.op == BOREL_OP_ARRAY && node != s->array) {
    s->moved++;
    borel_sum_add(s, &s->total, sign, scale, borel_sum_of(s, node)); /* folds to a number */
  } else if ((info.op == BOREL_OP_ADD || info.op == BOREL_OP_SUB) && depth < MOST_DEPTH) {
    take_apart(s, a, sign, scale, term, context, depth + 1);
    take_apart(s, b, info.op == BOREL_OP_ADD ? sign : -sign, scale, term, context, depth + 1);
  } else if (info.op == BOREL_OP_BROADCAST && borel_graph_at(s->graph, a)->shape.rank == 0) {
    s->moved++;
    borel_sum_add(s, &s->total, sign * (double)s->rows, scale, a);
  } else if (!term(s, sign, scale, node, context)) {
    borel_sum_add(s, &s->rest, sign, scale, node);
  }
}

/* The sum of all elements of `array` in another form, or BOREL_NO_NODE. */
static borel_node rewrite_sum(borel_graph *graph, borel_node array, borel_sum_term term, void *context,
                              int any, borel_error *error) {
  const borel_node_info *info = borel_graph_at(graph, array);
  borel_sum s = {.graph = graph,
                 .error = error,
                 .array = array,
                 .rows = (size_t)borel_shape_size(&info->shape),
                 .total = BOREL_NO_NODE,
                 .rest = BOREL_NO_NODE};
  if (info->dtype != BOREL_F64 || info->shape.rank == 0 || s.rows == 0) return BOREL_NO_NODE;
  take_apart(&s, array, 1, BOREL_NO_NODE, term, context, 0);
  if (s.taken + (any ? s.moved : 0) == 0 || s.failed) return BOREL_NO_NODE;
  if (s.rest != BOREL_NO_NODE) borel_sum_add(&s, &s.total, 1, BOREL_NO_NODE, borel_sum_of(&s, s.rest));
  return s.failed ? BOREL_NO_NODE : s.total;
}

typedef struct {
  borel_sum_term term;
  void *context;
  int any;
} sum_rule;

static borel_node rewrite_if_sum(borel_graph *graph, borel_node node, void *context, borel_error *error) {
  const borel_node_info *info = borel_graph_at(graph, node);
  const sum_rule *rule = context;
  if (info->op != BOREL_OP_SUM || info->attr >= 0) return BOREL_NO_NODE;
  return rewrite_sum(graph, borel_graph_args(graph, node)[0], rule->term, rule->context, rule->any, error);
}

borel_node borel_graph_rewrite_sums(borel_graph *graph, borel_node root, borel_sum_term term, void *context,
                                    int any, borel_error *error) {
  return borel_graph_rewrite(graph, root, rewrite_if_sum, &(sum_rule){term, context, any}, error);
}
