/* SPDX-License-Identifier: MIT
 * Evaluation of elementwise operations: one loop an operation, made from ops.def. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/internal.h"
#include "graph/special_functions.h"

/* Nobody reads the floating-point flags, so loops with choices in them may become vector code. */
#ifndef __clang__
#pragma GCC optimize("no-trapping-math")
#endif

#define SPECIAL(name, ...) __VA_ARGS__
#define LOOP_FUNCTION inline __attribute__((always_inline))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-equal"
#include "graph/special.h"
#pragma GCC diagnostic pop

#define TYPE_D double
#define TYPE_I int64_t

/* Row functions: s_ are 0 for a scalar that stretches, else 1. */
typedef void (*row_function)(size_t n, const void *a, size_t sa, const void *b, size_t sb, const void *c,
                             size_t sc, void *out);

#define ELEMENTWISE1(NAME, lua, R, A, expression, da)                                                        \
  static void row_##NAME(size_t n, const void *pa, size_t sa, const void *pb, size_t sb, const void *pc,     \
                         size_t sc, void *out) {                                                             \
    (void)pb, (void)sb, (void)pc, (void)sc;                                                                  \
    for (size_t i = 0; i < n; i++) {                                                                         \
      TYPE_##A a = ((const TYPE_##A *)pa)[i * sa];                                                           \
      ((TYPE_##R *)out)[i] = (TYPE_##R)(expression);                                                         \
    }                                                                                                        \
  }
#define ELEMENTWISE2(NAME, lua, R, A, B_, expression, da, db)                                                \
  static void row_##NAME(size_t n, const void *pa, size_t sa, const void *pb, size_t sb, const void *pc,     \
                         size_t sc, void *out) {                                                             \
    (void)pc, (void)sc;                                                                                      \
    for (size_t i = 0; i < n; i++) {                                                                         \
      TYPE_##A a = ((const TYPE_##A *)pa)[i * sa];                                                           \
      TYPE_##B_ b = ((const TYPE_##B_ *)pb)[i * sb];                                                         \
      ((TYPE_##R *)out)[i] = (TYPE_##R)(expression);                                                         \
    }                                                                                                        \
  }
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, expression, da, db, dc)                                        \
  static void row_##NAME(size_t n, const void *pa, size_t sa, const void *pb, size_t sb, const void *pc,     \
                         size_t sc, void *out) {                                                             \
    for (size_t i = 0; i < n; i++) {                                                                         \
      TYPE_##A a = ((const TYPE_##A *)pa)[i * sa];                                                           \
      TYPE_##B_ b = ((const TYPE_##B_ *)pb)[i * sb];                                                         \
      TYPE_##C_ c = ((const TYPE_##C_ *)pc)[i * sc];                                                         \
      ((TYPE_##R *)out)[i] = (TYPE_##R)(expression);                                                         \
    }                                                                                                        \
  }
#include "graph/ops.def"

static const row_function rows[BOREL_OP_COUNT] = {
#define ELEMENTWISE1(NAME, lua, R, A, e, da) [BOREL_OP_##NAME] = row_##NAME,
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db) [BOREL_OP_##NAME] = row_##NAME,
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc) [BOREL_OP_##NAME] = row_##NAME,
#include "graph/ops.def"
};

static const borel_eval_rule evals[BOREL_OP_COUNT] = {
#define INDEXED(NAME, lua) [BOREL_OP_##NAME] = borel_eval_##NAME,
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_eval_##NAME,
#include "graph/ops.def"
};

void borel_op_evaluate(const borel_node_info *node, const borel_operand *args, size_t count, void *out) {
  if (!rows[node->op]) {
    evals[node->op](node, args, count, out);
    return;
  }
  const void *data[3] = {0};
  size_t stride[3] = {0};
  for (size_t i = 0; i < count; i++) {
    data[i] = args[i].data;
    stride[i] = args[i].shape->rank == 0 ? 0 : 1;
  }
  rows[node->op]((size_t)borel_shape_size(&node->shape), data[0], stride[0], data[1], stride[1], data[2],
                 stride[2], out);
}

double borel_op_number(borel_op op, double a, double b, double c) {
  const borel_op_info *info = borel_op_get(op);
  double in[3] = {a, b, c}, out = 0;
  int64_t whole[3] = {(int64_t)0};
  const void *data[3];
  for (int i = 0; i < 3; i++) {
    if (info->types[i] == 'I') whole[i] = (int64_t)in[i];
    data[i] = info->types[i] == 'I' ? (const void *)&whole[i] : (const void *)&in[i];
  }
  if (info->result == 'I') {
    int64_t result = 0;
    rows[op](1, data[0], 0, data[1], 0, data[2], 0, &result);
    return (double)result;
  }
  rows[op](1, data[0], 0, data[1], 0, data[2], 0, &out);
  return out;
}
