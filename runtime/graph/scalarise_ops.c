/* SPDX-License-Identifier: MIT
 * The operations on arrays, written out in numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/scalarise.h"

/* An operation that is written out: `part` are its elements. */
typedef struct {
  borel_scalariser *s;
  borel_graph *G; /* where they go */
  borel_node_info node;
  const borel_node *args; /* nodes of before */
  borel_node *part;
  int64_t count;
} writer;

static const borel_shape *shape_of(const writer *w, uint32_t k) {
  return &borel_graph_at(w->s->from, w->args[k])->shape;
}
static borel_node element(const writer *w, uint32_t k, int64_t i) {
  return borel_scalarise_part(w->s, w->args[k], i);
}
static borel_node one(const writer *w, borel_op op, borel_node a) {
  return borel_graph_op(w->G, op, &a, 1, 0, NULL, w->s->error);
}
static borel_node two(const writer *w, borel_op op, borel_node a, borel_node b) {
  return borel_graph_op(w->G, op, (borel_node[]){a, b}, 2, 0, NULL, w->s->error);
}
/* a + b, where BOREL_NO_NODE counts as nothing. */
static borel_node plus(const writer *w, borel_node a, borel_node b) {
  return a == BOREL_NO_NODE ? b : b == BOREL_NO_NODE ? a : two(w, BOREL_OP_ADD, a, b);
}

/* ---- elements elsewhere ---------------------------------------------------------------------- */

static void write_elementwise(writer *w) {
  for (int64_t i = 0; i < w->count; i++) {
    borel_node args[3];
    for (uint32_t k = 0; k < w->node.arg_count; k++) args[k] = element(w, k, i);
    w->part[i] = borel_graph_op(w->G, w->node.op, args, w->node.arg_count, 0, NULL, w->s->error);
  }
}

static void write_broadcast(writer *w) {
  const borel_shape *from = shape_of(w, 0), *to = &w->node.shape;
  for (int64_t i = 0; i < w->count; i++) {
    int64_t rest = i, at = 0, run = 1;
    for (int d = to->rank - 1, k = from->rank - 1; k >= 0; d--, k--) {
      if (from->extent[k] > 1) at += rest % to->extent[d] * run;
      rest /= to->extent[d];
      run *= from->extent[k];
    }
    w->part[i] = element(w, 0, at);
  }
}

static void write_gather(writer *w, const int64_t *index) {
  for (int64_t i = 0; i < w->count; i++)
    w->part[i] = index ? element(w, 0, index[i])
                       : two(w, BOREL_OP_GATHER, borel_scalarise_whole(w->s, w->args[0]), element(w, 1, i));
}

static void write_scatter(writer *w, const int64_t *index) {
  for (int64_t i = 0; i < borel_shape_size(shape_of(w, 0)); i++)
    if (index[i] >= 0 && index[i] < w->count)
      w->part[index[i]] = plus(w, w->part[index[i]], element(w, 0, i));
  for (int64_t i = 0; i < w->count; i++)
    if (w->part[i] == BOREL_NO_NODE) w->part[i] = borel_graph_scalar(w->G, 0);
}

static void write_stack(writer *w) {
  int64_t next = 0;
  for (uint32_t k = 0; k < w->node.arg_count; k++)
    for (int64_t i = 0, n = borel_shape_size(shape_of(w, k)); i < n; i++) w->part[next++] = element(w, k, i);
}

/* ---- reductions ------------------------------------------------------------------------------ */

/* Element i goes to accumulator i mod 8, as in every sum; neighbouring sums add element by element. */
static borel_node sum(const writer *w, const borel_node *list, int64_t count, int neighbours) {
  borel_node lane[8];
  memset(lane, 0xff, sizeof lane); /* BOREL_NO_NODE */
  for (int64_t i = 0; i < count; i++) {
    borel_node *to = &lane[neighbours ? 0 : i & 7];
    *to = plus(w, *to, list[i]);
  }
  for (int k = 0; k < 4; k++) lane[k] = plus(w, lane[k], lane[k + 4]);
  return plus(w, plus(w, lane[0], lane[1]), plus(w, lane[2], lane[3]));
}

static borel_node maximum(const writer *w, const borel_node *list, int64_t count) {
  borel_node high = list[0];
  for (int64_t i = 1; i < count; i++) high = two(w, BOREL_OP_MAX, list[i], high);
  return high;
}

/* Two terms need one exponential only. */
static borel_node log_sum_exp(const writer *w, borel_node *list, int64_t count) {
  if (count == 1) return list[0];
  if (count == 2) return two(w, BOREL_OP_LOG_ADD_EXP, list[0], list[1]);
  borel_node high = maximum(w, list, count);
  for (int64_t i = 0; i < count; i++) list[i] = one(w, BOREL_OP_EXP, two(w, BOREL_OP_SUB, list[i], high));
  borel_node y = plus(w, high, one(w, BOREL_OP_LOG, sum(w, list, count, 0)));
  return borel_graph_op(w->G, BOREL_OP_WHERE, (borel_node[]){one(w, BOREL_OP_IS_FINITE, high), y, high}, 3, 0,
                        NULL, w->s->error);
}

/* Over an axis, or (-1) everything. */
static void write_reduction(writer *w) {
  const borel_shape *shape = shape_of(w, 0);
  int64_t axis = w->node.attr, inner = 1, length = axis < 0 ? borel_shape_size(shape) : shape->extent[axis];
  for (int k = (int)axis + 1; axis >= 0 && k < shape->rank; k++) inner *= shape->extent[k];
  borel_node *list = malloc((size_t)length * sizeof *list);
  for (int64_t i = 0; list && i < w->count; i++) {
    for (int64_t k = 0; k < length; k++)
      list[k] = element(w, 0, (i / inner * length + k) * inner + i % inner);
    w->part[i] = w->node.op == BOREL_OP_SUM       ? sum(w, list, length, inner > 1)
                 : w->node.op == BOREL_OP_MAXIMUM ? maximum(w, list, length)
                                                  : log_sum_exp(w, list, length);
  }
  free(list);
}

static void write_cumsum(writer *w) {
  borel_node run = BOREL_NO_NODE;
  for (int64_t i = 0; i < w->count; i++) {
    int64_t at = w->node.attr ? w->count - 1 - i : i;
    w->part[at] = run = plus(w, run, element(w, 0, at));
  }
}

static void write_matmul(writer *w) {
  const borel_shape *a = shape_of(w, 0), *b = shape_of(w, 1);
  int ta = (int)(w->node.attr & 1), tb = (int)(w->node.attr >> 1 & 1);
  int64_t inner = a->extent[ta ? 0 : 1], width = a->extent[1],
          columns = b->rank == 2 ? w->node.shape.extent[1] : 1;
  for (int64_t i = 0; i < w->count; i++) {
    int64_t r = i / columns, c = i % columns;
    for (int64_t k = 0; k < inner; k++) {
      borel_node x = element(w, 0, ta ? k * width + r : r * width + k),
                 y = element(w, 1, b->rank == 2 && tb ? c * inner + k : k * columns + c);
      w->part[i] = plus(w, w->part[i], two(w, BOREL_OP_MUL, x, y));
    }
  }
}

/* ---- which ----------------------------------------------------------------------------------- */

static int args_are_small(const writer *w) {
  for (uint32_t k = 0; k < w->node.arg_count; k++)
    if (!borel_scalarise_is_small(w->s, shape_of(w, k))) return 0;
  return 1;
}

/* Can it be written out? A number made of numbers is one already. */
static int is_written_out(const writer *w, const int64_t *index) {
  int small = borel_scalarise_is_small(w->s, &w->node.shape), number = w->node.shape.rank == 0;
  switch (w->node.op) {
  case BOREL_OP_GATHER: return number ? index != NULL : small;
  case BOREL_OP_RESHAPE: return number || small;
  case BOREL_OP_BROADCAST:
  case BOREL_OP_STACK: return small;
  case BOREL_OP_SCATTER: return small && index && args_are_small(w);
  case BOREL_OP_SUM:
  case BOREL_OP_LOG_SUM_EXP:
  case BOREL_OP_MAXIMUM:
  case BOREL_OP_CUMSUM:
  case BOREL_OP_MATMUL: return small && args_are_small(w);
  default: return borel_op_get(w->node.op)->kind == BOREL_CLASS_ELEMENTWISE && !number && small;
  }
}

borel_node *borel_scalarise_op(borel_scalariser *s, borel_node i, int *failed) {
  writer w = {.s = s, .G = borel_scalarise_target(s), .node = *borel_graph_at(s->from, i)};
  w.args = borel_graph_args(s->from, i);
  w.count = borel_shape_size(&w.node.shape);
  const int64_t *index = w.node.arg_count == 2 ? borel_scalarise_known(s, w.args[1]) : NULL;
  if (!is_written_out(&w, index)) return NULL;
  if (!(w.part = malloc((size_t)w.count * sizeof *w.part))) {
    *failed = 1;
    return NULL;
  }
  memset(w.part, 0xff, (size_t)w.count * sizeof *w.part); /* BOREL_NO_NODE */
  switch (w.node.op) {
  case BOREL_OP_GATHER: write_gather(&w, index); break;
  case BOREL_OP_BROADCAST: write_broadcast(&w); break;
  case BOREL_OP_SCATTER: write_scatter(&w, index); break;
  case BOREL_OP_RESHAPE:
  case BOREL_OP_STACK: write_stack(&w); break;
  case BOREL_OP_SUM:
  case BOREL_OP_LOG_SUM_EXP:
  case BOREL_OP_MAXIMUM: write_reduction(&w); break;
  case BOREL_OP_CUMSUM: write_cumsum(&w); break;
  case BOREL_OP_MATMUL: write_matmul(&w); break;
  default: write_elementwise(&w);
  }
  for (int64_t k = 0; k < w.count; k++) *failed |= w.part[k] == BOREL_NO_NODE;
  if (!*failed) return w.part;
  free(w.part);
  return NULL;
}
