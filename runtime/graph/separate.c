/* SPDX-License-Identifier: MIT
 * A node of size n m is by rows when its flat elements e depend on no other element of the input than x[e /
 * m]: elementwise operations, gathers by such indices and sums inside rows keep that. */
#include "graph/separate.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t FREE = 0, MIXED = -1; /* of an input's elements: none; of several */

typedef struct {
  borel_graph *G;
  int64_t n;
  int64_t *width; /* [nodes]: m of a node by rows, or FREE, or MIXED */
  borel_error *error;
} separation;

/* ---- which nodes are by rows ----------------------------------------------------------------- */

void borel_graph_dependents(const borel_graph *G, borel_node input, borel_node root, uint8_t *depends) {
  memset(depends, 0, (size_t)root + 1);
  depends[input] = 1;
  for (borel_node i = input + 1; i <= root; i++) {
    const borel_node *args = borel_graph_args(G, i);
    size_t count = borel_graph_at(G, i)->arg_count;
    for (size_t k = 0; k < count && !depends[i]; k++) depends[i] = depends[args[k]];
  }
}

/* The number of leading axes of a shape that span the rows; -1 when rows end inside an axis. */
static int row_axes(const borel_shape *shape, int64_t n) {
  int64_t rows = 1;
  for (int axis = 0; axis <= shape->rank; axis++) {
    if (rows == n) return axis;
    if (axis < shape->rank) rows *= shape->extent[axis];
  }
  return -1;
}

/* Elements may multiply inside rows. */
static int64_t of_broadcast(const separation *s, const borel_node_info *info, borel_node arg) {
  const borel_shape *from = &borel_graph_at(s->G, arg)->shape, *to = &info->shape;
  int axes = row_axes(from, s->n);
  if (axes < 0 || from->rank != to->rank) return MIXED;
  for (int i = 0; i < axes; i++)
    if (from->extent[i] != to->extent[i]) return MIXED;
  return borel_shape_size(to) / s->n;
}

/* A constant choice of elements that leaves each in its row. */
static int64_t of_choice(const separation *s, const borel_node_info *info, borel_node from,
                         borel_node index) {
  const borel_node_info *chosen = borel_graph_at(s->G, index);
  int64_t size = borel_shape_size(&info->shape);
  if (chosen->op != BOREL_OP_ARRAY || size % s->n != 0) return MIXED;
  for (int64_t e = 0; e < size; e++)
    if (((const int64_t *)chosen->array.data)[e] / s->width[from] != e / (size / s->n)) return MIXED;
  return size / s->n;
}

/* A reduction along one axis inside rows; attr = -1 stands for all of a vector. */
static int64_t of_reduction(const separation *s, const borel_node_info *info, borel_node arg) {
  const borel_shape *shape = &borel_graph_at(s->G, arg)->shape;
  int axes = row_axes(shape, s->n);
  int axis = info->op == BOREL_OP_SUM ? (int)info->attr : shape->rank - 1;
  if (axes < 0 || info->shape.rank == 0 || axis < axes) return MIXED;
  return s->width[arg] / shape->extent[axis];
}

static int64_t of_elementwise(const separation *s, const borel_node_info *info, const borel_node *args) {
  int64_t size = borel_shape_size(&info->shape);
  for (size_t k = 0; k < info->arg_count; k++)
    if (s->width[args[k]] != FREE && borel_shape_size(&borel_graph_at(s->G, args[k])->shape) != size)
      return MIXED;
  return size / s->n;
}

static int64_t width_of(const separation *s, borel_node i) {
  const borel_node_info *info = borel_graph_at(s->G, i);
  const borel_node *args = borel_graph_args(s->G, i);
  int used = 0, mixed = 0;
  for (size_t k = 0; k < info->arg_count; k++) {
    used |= s->width[args[k]] != FREE;
    mixed |= s->width[args[k]] == MIXED;
  }
  if (!used || mixed) return mixed ? MIXED : FREE;
  if (borel_op_get(info->op)->kind == BOREL_CLASS_ELEMENTWISE) return of_elementwise(s, info, args);
  switch (info->op) {
  case BOREL_OP_RESHAPE: return s->width[args[0]];
  case BOREL_OP_BROADCAST: return of_broadcast(s, info, args[0]);
  case BOREL_OP_GATHER:
    if (s->width[args[0]] == FREE) return s->width[args[1]];
    return s->width[args[1]] == FREE ? of_choice(s, info, args[0], args[1]) : MIXED;
  case BOREL_OP_SUM:
  case BOREL_OP_LOG_SUM_EXP:
  case BOREL_OP_MAXIMUM: return of_reduction(s, info, args[0]);
  default: return MIXED;
  }
}

/* ---- the vector of terms --------------------------------------------------------------------- */

static borel_node op(const separation *s, borel_op which, const borel_node *args, size_t count, int64_t attr,
                     const borel_shape *shape) {
  return borel_graph_op(s->G, which, args, count, attr, shape, s->error);
}

/* Sums of the rows of a node by rows: [n]. */
static borel_node row_sums(const separation *s, borel_node node) {
  borel_shape vector = {1, {s->n}}, matrix = {2, {s->n, s->width[node]}};
  if (s->width[node] == 1) return op(s, BOREL_OP_RESHAPE, &node, 1, 0, &vector);
  borel_node rows = op(s, BOREL_OP_RESHAPE, &node, 1, 0, &matrix);
  return op(s, BOREL_OP_SUM, &rows, 1, 1, NULL);
}

static borel_node terms_of(const separation *s, borel_node node);

/* + or - of two scalars, of which one may have no part in it. */
static borel_node of_sum(const separation *s, borel_op which, borel_node a, borel_node b) {
  borel_node left = s->width[a] == FREE ? BOREL_NO_NODE : terms_of(s, a),
             right = s->width[b] == FREE ? BOREL_NO_NODE : terms_of(s, b);
  if ((left == BOREL_NO_NODE && s->width[a] != FREE) || (right == BOREL_NO_NODE && s->width[b] != FREE))
    return BOREL_NO_NODE;
  if (right == BOREL_NO_NODE) return left;
  if (left != BOREL_NO_NODE) return op(s, which, (borel_node[]){left, right}, 2, 0, NULL);
  return which == BOREL_OP_SUB ? op(s, BOREL_OP_NEG, &right, 1, 0, NULL) : right;
}

static borel_node scaled(const separation *s, borel_op which, borel_node x, borel_node factor, int first) {
  borel_node terms = terms_of(s, x);
  if (terms == BOREL_NO_NODE) return BOREL_NO_NODE;
  return op(s, which, first ? (borel_node[]){terms, factor} : (borel_node[]){factor, terms}, 2, 0, NULL);
}

/* The vector for a scalar node that depends on the input, or BOREL_NO_NODE. */
static borel_node terms_of(const separation *s, borel_node node) {
  const borel_node_info info = *borel_graph_at(s->G, node);
  borel_node a = info.arg_count > 0 ? borel_graph_args(s->G, node)[0] : BOREL_NO_NODE,
             b = info.arg_count > 1 ? borel_graph_args(s->G, node)[1] : BOREL_NO_NODE;
  switch (info.op) {
  case BOREL_OP_SUM: return s->width[a] > 0 ? row_sums(s, a) : BOREL_NO_NODE;
  case BOREL_OP_SUM_LOG:
    if (s->width[a] != 1) return BOREL_NO_NODE;
    a = op(s, BOREL_OP_LOG, &a, 1, 0, NULL);
    return op(s, BOREL_OP_RESHAPE, &a, 1, 0, &(borel_shape){1, {s->n}});
  case BOREL_OP_ADD:
  case BOREL_OP_SUB: return of_sum(s, info.op, a, b);
  case BOREL_OP_NEG: return scaled(s, BOREL_OP_MUL, a, borel_graph_scalar(s->G, -1), 1);
  case BOREL_OP_MUL:
    if (s->width[b] == FREE) return scaled(s, BOREL_OP_MUL, a, b, 1);
    return s->width[a] == FREE ? scaled(s, BOREL_OP_MUL, b, a, 0) : BOREL_NO_NODE;
  case BOREL_OP_DIV: return s->width[b] == FREE ? scaled(s, BOREL_OP_DIV, a, b, 1) : BOREL_NO_NODE;
  default: return BOREL_NO_NODE;
  }
}

/* What terms_of leaves out: the part of the scalar that does not depend on the input, or BOREL_NO_NODE. */
static borel_node rest_of(const separation *s, borel_node node) {
  const borel_node_info info = *borel_graph_at(s->G, node);
  if (s->width[node] == FREE) return node;
  if (info.op == BOREL_OP_SUM || info.op == BOREL_OP_SUM_LOG) return BOREL_NO_NODE;
  borel_node args[2] = {BOREL_NO_NODE, BOREL_NO_NODE}, rests[2] = {BOREL_NO_NODE, BOREL_NO_NODE};
  for (uint32_t k = 0; k < info.arg_count; k++) args[k] = borel_graph_args(s->G, node)[k];
  for (uint32_t k = 0; k < info.arg_count; k++) rests[k] = rest_of(s, args[k]);
  if (info.op == BOREL_OP_MUL || info.op == BOREL_OP_DIV) {
    borel_node other = s->width[args[0]] == FREE ? rests[1] : rests[0];
    return other == BOREL_NO_NODE ? other : op(s, info.op, rests, 2, 0, NULL);
  }
  if (info.op == BOREL_OP_NEG)
    return rests[0] == BOREL_NO_NODE ? rests[0] : op(s, info.op, rests, 1, 0, NULL);
  if (rests[1] == BOREL_NO_NODE) return rests[0];
  if (rests[0] != BOREL_NO_NODE) return op(s, info.op, rests, 2, 0, NULL);
  return info.op == BOREL_OP_SUB ? op(s, BOREL_OP_NEG, &rests[1], 1, 0, NULL) : rests[1];
}

borel_node borel_graph_separate(borel_graph *G, borel_node root, borel_node input, borel_node *rest,
                                borel_error *error) {
  separation s = {G, borel_shape_size(&borel_graph_at(G, input)->shape), NULL, error};
  if (s.n < 1 || borel_graph_at(G, root)->shape.rank != 0 || root < input) return BOREL_NO_NODE;
  s.width = calloc((size_t)root + 1, sizeof *s.width);
  if (!s.width) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for the model");
    return BOREL_NO_NODE;
  }
  s.width[input] = 1;
  for (borel_node i = input + 1; i <= root; i++) s.width[i] = width_of(&s, i);
  borel_node made = s.width[root] == FREE ? BOREL_NO_NODE : terms_of(&s, root);
  if (rest) *rest = made == BOREL_NO_NODE ? BOREL_NO_NODE : rest_of(&s, root);
  free(s.width);
  return made;
}
