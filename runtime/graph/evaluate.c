/* SPDX-License-Identifier: MIT
 * Evaluation of one operation on arrays. */
#include <string.h>

#include "core/processor.h"
#include "graph/graph.h"
#include "graph/internal.h"
#include "graph/rows.h"

static const borel_row_function *rows(void) {
#if defined(__x86_64__)
  if (borel_processor_has_fma()) return borel_rows_fma;
#endif
  return borel_rows;
}

static const borel_eval_rule evals[BOREL_OP_COUNT] = {
#define INDEXED(NAME, lua) [BOREL_OP_##NAME] = borel_eval_##NAME,
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_eval_##NAME,
#include "graph/ops.def"
};

void borel_op_evaluate(const borel_node_info *node, const borel_operand *args, size_t count, void *out) {
  const borel_row_function row = rows()[node->op];
  if (!row) {
    evals[node->op](node, args, count, out);
    return;
  }
  const void *data[3] = {0};
  size_t stride[3] = {0};
  for (size_t i = 0; i < count; i++) {
    data[i] = args[i].data;
    stride[i] = args[i].shape->rank == 0 ? 0 : 1;
  }
  row((size_t)borel_shape_size(&node->shape), data[0], stride[0], data[1], stride[1], data[2], stride[2],
      out);
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
    rows()[op](1, data[0], 0, data[1], 0, data[2], 0, &result);
    return (double)result;
  }
  rows()[op](1, data[0], 0, data[1], 0, data[2], 0, &out);
  return out;
}
