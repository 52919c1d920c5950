/* SPDX-License-Identifier: MIT
 * Simplification, as a node is made. Every rewrite is exact but for the sign of a zero, and three kinds that
 * may change the last bit (and overflow elsewhere, at the very ends of the range), marked "rounds": they take
 * work out of loops over data. Both engines run the rewritten graph, so they agree. */
#include <math.h>
#include <string.h>

#include "graph/internal.h"

static int is_value(const borel_graph *graph, borel_node node, double wanted) {
  double value;
  return borel_graph_constant(graph, node, &value) && value == wanted;
}
static borel_op op_of(const borel_graph *graph, borel_node node) { return borel_graph_at(graph, node)->op; }
static const borel_shape *shape_of(const borel_graph *graph, borel_node node) {
  return &borel_graph_at(graph, node)->shape;
}
static int is_number(const borel_graph *graph, borel_node node) { return shape_of(graph, node)->rank == 0; }
static borel_node argument(const borel_graph *graph, borel_node node, int k) {
  return borel_graph_args(graph, node)[k];
}

static borel_node one(borel_graph *graph, borel_op op, borel_node a) {
  return borel_graph_op(graph, op, &a, 1, op == BOREL_OP_SUM ? -1 : 0, NULL, NULL);
}
static borel_node two(borel_graph *graph, borel_op op, borel_node a, borel_node b) {
  return borel_graph_op(graph, op, (borel_node[]){a, b}, 2, 0, NULL, NULL);
}
static borel_node filled(borel_graph *graph, double value, const borel_shape *shape) {
  return borel_graph_expand(graph, borel_graph_scalar(graph, value), shape, NULL);
}

/* `x` when it already has the wanted shape (an identity may not lose a broadcast). */
static borel_node as_shape(const borel_graph *graph, borel_node x, const borel_shape *shape) {
  return borel_shape_equal(shape_of(graph, x), shape) ? x : BOREL_NO_NODE;
}

/* Of a number; it is not 0 where this is asked. */
static int is_finite(const borel_graph *graph, borel_node node) {
  double value;
  return borel_graph_constant(graph, node, &value) && isfinite(value);
}

/* A constant that can be multiplied by another without rounding. */
static int is_power_of_two(const borel_graph *graph, borel_node node) {
  double value;
  int exponent;
  return borel_graph_constant(graph, node, &value) && fabs(frexp(value, &exponent)) == 0.5 &&
         exponent > -32 && exponent < 32;
}

/* A constant whose products with others like it neither overflow nor vanish. */
static int is_middling(const borel_graph *graph, borel_node node) {
  double value;
  return borel_graph_constant(graph, node, &value) && fabs(value) > 1e-30 && fabs(value) < 1e30;
}

/* Numbers that are scattered to known places, at most `room` of them; 0: it is something else. */
static size_t read_scatter(const borel_graph *graph, borel_node node, borel_node *numbers, int64_t *places,
                           size_t room) {
  if (op_of(graph, node) != BOREL_OP_SCATTER) return 0;
  borel_node from = argument(graph, node, 0);
  const borel_node_info *index = borel_graph_at(graph, argument(graph, node, 1));
  if (index->op == BOREL_OP_SCALAR && is_number(graph, from)) {
    *numbers = from;
    *places = index->attr;
    return 1;
  }
  const borel_node_info *stack = borel_graph_at(graph, from);
  if (stack->op != BOREL_OP_STACK || index->op != BOREL_OP_ARRAY || stack->arg_count > room ||
      borel_shape_size(&index->shape) != stack->arg_count)
    return 0;
  for (uint32_t k = 0; k < stack->arg_count; k++) {
    if (!is_number(graph, argument(graph, from, (int)k))) return 0;
    numbers[k] = argument(graph, from, (int)k);
    places[k] = ((const int64_t *)index->array.data)[k];
  }
  return stack->arg_count;
}

/* The derivatives by several elements of an array are one: in the order of their places, so that it is a copy
 * where these follow each other. */
static borel_node merge_scatters(borel_graph *graph, borel_node a, borel_node b) {
  enum { MOST = 64 };
  borel_node numbers[2 * MOST];
  int64_t places[2 * MOST];
  size_t first = read_scatter(graph, a, numbers, places, MOST),
         count = first ? read_scatter(graph, b, numbers + first, places + first, MOST) : 0;
  if (count == 0 || !borel_shape_equal(shape_of(graph, a), shape_of(graph, b))) return BOREL_NO_NODE;
  count += first;
  for (size_t i = 1; i < count; i++)
    for (size_t k = i; k > 0 && places[k - 1] > places[k]; k--) {
      borel_node number = numbers[k];
      int64_t place = places[k];
      numbers[k] = numbers[k - 1], places[k] = places[k - 1];
      numbers[k - 1] = number, places[k - 1] = place;
    }
  borel_array index = borel_array_new(BOREL_I64, &(borel_shape){1, {(int64_t)count}});
  if (!index.data) return BOREL_NO_NODE; /* also right, only slower */
  memcpy(index.data, places, count * sizeof *places);
  borel_node args[] = {borel_graph_op(graph, BOREL_OP_STACK, numbers, count, 0, NULL, NULL),
                       borel_graph_array(graph, &index)};
  borel_array_release(&index);
  return borel_graph_op(graph, BOREL_OP_SCATTER, args, 2, 0, shape_of(graph, a), NULL);
}

static borel_node simplify_sum_of_two(borel_graph *graph, const borel_node_info *node, borel_node a,
                                      borel_node b) {
  if (is_value(graph, a, 0)) return as_shape(graph, b, &node->shape);
  if (is_value(graph, b, 0)) return as_shape(graph, a, &node->shape);
  if (op_of(graph, b) == BOREL_OP_NEG) return two(graph, BOREL_OP_SUB, a, argument(graph, b, 0));
  if (op_of(graph, a) == BOREL_OP_NEG) return two(graph, BOREL_OP_SUB, b, argument(graph, a, 0));
  if (a == b) return two(graph, BOREL_OP_MUL, borel_graph_scalar(graph, 2), a);
  return merge_scatters(graph, a, b);
}

/* c x with a number c that is known, of any kind or a power of two: returns x, and c in *factor. */
static borel_node scaled(const borel_graph *graph, borel_node node, int any, borel_node *factor) {
  if (op_of(graph, node) != BOREL_OP_MUL) return BOREL_NO_NODE;
  for (int k = 0; k < 2; k++) {
    *factor = argument(graph, node, k);
    if (is_number(graph, *factor) &&
        (is_power_of_two(graph, *factor) || (any && is_middling(graph, *factor))))
      return argument(graph, node, 1 - k);
  }
  return BOREL_NO_NODE;
}

/* Signs and powers of two move outward, where they merge, or vanish in a difference or a sum. */
static borel_node simplify_product(borel_graph *graph, const borel_node_info *node, borel_node a,
                                   borel_node b) {
  borel_op op = node->op;
  if (is_value(graph, a, 1)) return as_shape(graph, b, &node->shape);
  if (is_value(graph, b, 1)) return as_shape(graph, a, &node->shape);
  if (is_value(graph, a, -1) && as_shape(graph, b, &node->shape) == b) return one(graph, BOREL_OP_NEG, b);
  if (is_value(graph, b, -1) && as_shape(graph, a, &node->shape) == a) return one(graph, BOREL_OP_NEG, a);
  if (op_of(graph, a) == BOREL_OP_NEG)
    return one(graph, BOREL_OP_NEG, two(graph, op, argument(graph, a, 0), b));
  if (op_of(graph, b) == BOREL_OP_NEG)
    return one(graph, BOREL_OP_NEG, two(graph, op, a, argument(graph, b, 0)));
  for (int swap = 0; swap < 2; swap++) {
    borel_node outer = swap ? b : a, rest = swap ? a : b, factor;
    int merges = is_number(graph, outer) && is_middling(graph, outer); /* 2 (-0.5 x) = -x; else rounds */
    borel_node x = scaled(graph, rest, merges, &factor);
    if (x == BOREL_NO_NODE) continue;
    if (merges) return two(graph, BOREL_OP_MUL, two(graph, BOREL_OP_MUL, outer, factor), x);
    return two(graph, BOREL_OP_MUL, factor, two(graph, op, x, outer));
  }
  return BOREL_NO_NODE;
}

/* Is it made of whole numbers? Somebody may round its quotients, so these stay exact. */
static int is_whole(const borel_graph *graph, borel_node node, int depth) {
  enum { MOST_DEPTH = 6 };
  borel_op op = op_of(graph, node);
  if (op == BOREL_OP_TO_F64 || op == BOREL_OP_FLOOR || op == BOREL_OP_CEIL) return 1;
  for (uint32_t k = 0; depth < MOST_DEPTH && k < borel_graph_at(graph, node)->arg_count; k++)
    if (is_whole(graph, argument(graph, node, (int)k), depth + 1)) return 1;
  return 0;
}

static borel_node simplify_quotient(borel_graph *graph, const borel_node_info *node, borel_node a,
                                    borel_node b) {
  if (is_value(graph, b, 1)) return as_shape(graph, a, &node->shape);
  if (op_of(graph, a) == BOREL_OP_NEG)
    return one(graph, BOREL_OP_NEG, two(graph, BOREL_OP_DIV, argument(graph, a, 0), b));
  /* rounds: one division instead of one for each element, or none where the divisor is data */
  int known = op_of(graph, b) == BOREL_OP_SCALAR || op_of(graph, b) == BOREL_OP_ARRAY;
  if ((is_number(graph, b) && !is_number(graph, a)) || (known && !is_whole(graph, a, 0)))
    return two(graph, BOREL_OP_MUL, a, two(graph, BOREL_OP_DIV, borel_graph_scalar(graph, 1), b));
  return BOREL_NO_NODE;
}

/* (x / sqrt(v))^2 = x^2 / v: rounds; standardised residuals of known variance need no root then. */
static borel_node square_of_quotient(borel_graph *graph, borel_node a) {
  if (op_of(graph, a) != BOREL_OP_DIV || op_of(graph, argument(graph, a, 1)) != BOREL_OP_SQRT)
    return BOREL_NO_NODE;
  borel_node x = argument(graph, a, 0), v = argument(graph, argument(graph, a, 1), 0);
  return two(graph, BOREL_OP_DIV, two(graph, BOREL_OP_MUL, x, x), v);
}

/* Of everything. Factors that are numbers, and signs, leave the sum. */
static borel_node simplify_sum(borel_graph *graph, borel_node a) {
  borel_node inner = op_of(graph, a) > BOREL_OP_PROJECT ? argument(graph, a, 0) : BOREL_NO_NODE;
  switch (op_of(graph, a)) {
  case BOREL_OP_BROADCAST: {
    int64_t size = borel_shape_size(shape_of(graph, a));
    if (size == 0) return borel_graph_scalar(graph, 0); /* even of infinities */
    if (!is_number(graph, inner)) return BOREL_NO_NODE;
    return two(graph, BOREL_OP_MUL, inner, borel_graph_scalar(graph, (double)size));
  }
  case BOREL_OP_NEG: return one(graph, BOREL_OP_NEG, one(graph, BOREL_OP_SUM, inner));
  case BOREL_OP_MUL: /* rounds */
  case BOREL_OP_MULZ:
    for (int k = 0; k < 2; k++) {
      borel_node factor = argument(graph, a, k), rest = argument(graph, a, 1 - k);
      if (is_number(graph, factor) && borel_shape_equal(shape_of(graph, rest), shape_of(graph, a)))
        return two(graph, op_of(graph, a), factor, one(graph, BOREL_OP_SUM, rest));
    }
    return BOREL_NO_NODE;
  default: return BOREL_NO_NODE;
  }
}

/* Are these the places 0, 1, ... of the whole array? */
static int picks_all(const borel_graph *graph, borel_node from, borel_node index) {
  const borel_node_info *places = borel_graph_at(graph, index);
  if (places->op != BOREL_OP_ARRAY || !borel_shape_equal(&places->shape, shape_of(graph, from))) return 0;
  int64_t i = 0, size = borel_shape_size(&places->shape);
  while (i < size && ((const int64_t *)places->array.data)[i] == i) i++;
  return i == size;
}

/* A small matrix of data times a vector: the transposed one, so that the loop over rows runs along memory. */
static borel_node turn_matrix(borel_graph *graph, const borel_node_info *node, borel_node a, borel_node b) {
  enum { MOST = 16 };
  const borel_node_info *matrix = borel_graph_at(graph, a);
  int64_t rows = matrix->shape.extent[0], columns = matrix->shape.extent[1];
  if (node->attr != 0 || node->shape.rank != 1 || matrix->op != BOREL_OP_ARRAY || rows < 2 || rows > MOST ||
      columns > MOST)
    return BOREL_NO_NODE;
  borel_array turned = borel_array_new(BOREL_F64, &(borel_shape){2, {columns, rows}});
  if (!turned.data) return BOREL_NO_NODE; /* also right, only slower */
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      ((double *)turned.data)[c * rows + r] = ((const double *)matrix->array.data)[r * columns + c];
  borel_node args[] = {borel_graph_array(graph, &turned), b};
  borel_array_release(&turned);
  return borel_graph_op(graph, BOREL_OP_MATMUL, args, 2, 1, NULL, NULL);
}

/* Places in ascending order, several elements to each: sums of segments, each in lanes, where adding one by
 * one to memory would wait for itself. */
static borel_node sum_segments(borel_graph *graph, const borel_node_info *node, borel_node a, borel_node b) {
  enum { LEAST = 64, LEAST_EACH = 4 };
  const borel_node_info *places = borel_graph_at(graph, b);
  int64_t count = borel_shape_size(&places->shape), size = borel_shape_size(&node->shape);
  if (places->op != BOREL_OP_ARRAY || places->shape.rank != 1 || node->shape.rank != 1 || count < LEAST ||
      count < LEAST_EACH * size)
    return BOREL_NO_NODE;
  const int64_t *at = places->array.data;
  for (int64_t i = 0; i < count; i++)
    if (at[i] < (i ? at[i - 1] : 0) || at[i] >= size) return BOREL_NO_NODE;
  borel_array starts = borel_array_new(BOREL_I64, &(borel_shape){1, {size + 1}});
  if (!starts.data) return BOREL_NO_NODE; /* also right, only slower */
  for (int64_t g = 0, i = 0; g <= size; g++) {
    while (i < count && at[i] < g) i++;
    ((int64_t *)starts.data)[g] = i;
  }
  borel_node args[] = {a, borel_graph_array(graph, &starts), b};
  borel_array_release(&starts);
  return borel_graph_op(graph, BOREL_OP_SEGMENT_SUM, args, 3, 0, NULL, NULL);
}

borel_node borel_graph_simplify(borel_graph *graph, const borel_node_info *node, const borel_node *args) {
  borel_node a = args[0], b = node->arg_count > 1 ? args[1] : BOREL_NO_NODE;
  switch (node->op) {
  case BOREL_OP_ADD: return simplify_sum_of_two(graph, node, a, b);
  case BOREL_OP_SUB:
    if (is_value(graph, b, 0)) return as_shape(graph, a, &node->shape);
    if (is_value(graph, a, 0) && as_shape(graph, b, &node->shape) == b) return one(graph, BOREL_OP_NEG, b);
    if (op_of(graph, b) == BOREL_OP_NEG) return two(graph, BOREL_OP_ADD, a, argument(graph, b, 0));
    return BOREL_NO_NODE;
  case BOREL_OP_MULZ:
    if (is_value(graph, a, 0) || is_value(graph, b, 0)) return filled(graph, 0, &node->shape);
    if (is_finite(graph, a) || is_finite(graph, b)) return two(graph, BOREL_OP_MUL, a, b);
    return simplify_product(graph, node, a, b);
  case BOREL_OP_MUL: {
    borel_node square = a == b ? square_of_quotient(graph, a) : BOREL_NO_NODE;
    return square != BOREL_NO_NODE ? square : simplify_product(graph, node, a, b);
  }
  case BOREL_OP_DIV: return simplify_quotient(graph, node, a, b);
  case BOREL_OP_NEG:
    if (op_of(graph, a) == BOREL_OP_NEG) return argument(graph, a, 0);
    if (op_of(graph, a) == BOREL_OP_SUB)
      return two(graph, BOREL_OP_SUB, argument(graph, a, 1), argument(graph, a, 0));
    return BOREL_NO_NODE;
  case BOREL_OP_LOG: /* rounds, less than log does */
    if (op_of(graph, a) == BOREL_OP_EXP) return argument(graph, a, 0);
    if (op_of(graph, a) == BOREL_OP_SQRT)
      return two(graph, BOREL_OP_MUL, borel_graph_scalar(graph, 0.5),
                 one(graph, BOREL_OP_LOG, argument(graph, a, 0)));
    return BOREL_NO_NODE;
  case BOREL_OP_POW:
    if (is_value(graph, b, 0)) return filled(graph, 1, &node->shape);
    if (is_value(graph, b, 1)) return as_shape(graph, a, &node->shape);
    if (is_value(graph, b, 2) && as_shape(graph, a, &node->shape) == a) return two(graph, BOREL_OP_MUL, a, a);
    return BOREL_NO_NODE;
  case BOREL_OP_RESHAPE:
    if (op_of(graph, a) == BOREL_OP_RESHAPE)
      return borel_graph_op(graph, BOREL_OP_RESHAPE, borel_graph_args(graph, a), 1, 0, &node->shape, NULL);
    return as_shape(graph, a, &node->shape);
  case BOREL_OP_BROADCAST:
    if (op_of(graph, a) == BOREL_OP_BROADCAST && is_number(graph, argument(graph, a, 0)))
      return borel_graph_op(graph, BOREL_OP_BROADCAST, borel_graph_args(graph, a), 1, 0, &node->shape, NULL);
    return as_shape(graph, a, &node->shape);
  case BOREL_OP_SCATTER: return sum_segments(graph, node, a, b);
  case BOREL_OP_MATMUL: return turn_matrix(graph, node, a, b);
  case BOREL_OP_GATHER: return picks_all(graph, a, b) ? a : BOREL_NO_NODE;
  case BOREL_OP_SUM_LOG: return is_number(graph, a) ? one(graph, BOREL_OP_LOG, a) : BOREL_NO_NODE;
  case BOREL_OP_SUM:
    if (is_number(graph, a)) return a;
    return node->attr < 0 ? simplify_sum(graph, a) : BOREL_NO_NODE;
  default: return BOREL_NO_NODE;
  }
}
