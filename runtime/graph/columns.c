/* SPDX-License-Identifier: MIT */
#include "graph/columns.h"

#include "graph/internal.h"

enum { LEAST_ROWS = 64, MOST_COLUMNS = 16 }; /* sums of so many columns still fit the nearest cache */

static borel_node column(borel_graph *graph, borel_node matrix, int64_t k) {
  const borel_node_info *from = borel_graph_at(graph, matrix);
  int64_t rows = from->shape.extent[0], columns = from->shape.extent[1];
  borel_array x = borel_array_new(BOREL_F64, &(borel_shape){1, {rows}});
  if (!x.data) return BOREL_NO_NODE;
  for (int64_t r = 0; r < rows; r++)
    ((double *)x.data)[r] = ((const double *)from->array.data)[r * columns + k];
  borel_node made = borel_graph_array(graph, &x);
  borel_array_release(&x);
  return made;
}

/* A product with a tall matrix of data, or BOREL_NO_NODE. */
static borel_node by_columns(borel_graph *graph, borel_node node, void *context, borel_error *error) {
  (void)context;
  const borel_node_info *info = borel_graph_at(graph, node);
  if (info->op != BOREL_OP_MATMUL || info->attr != 0 || info->shape.rank != 1) return BOREL_NO_NODE;
  borel_node matrix = borel_graph_args(graph, node)[0], vector = borel_graph_args(graph, node)[1];
  const borel_shape shape = borel_graph_at(graph, matrix)->shape;
  if (borel_graph_at(graph, matrix)->op != BOREL_OP_ARRAY || shape.extent[0] < LEAST_ROWS ||
      shape.extent[1] < 1 || shape.extent[1] > MOST_COLUMNS)
    return BOREL_NO_NODE;
  borel_node sum = BOREL_NO_NODE;
  for (int64_t k = 0; k < shape.extent[1]; k++) {
    borel_node place[] = {vector, borel_graph_integer(graph, k)};
    borel_node product[] = {borel_graph_op(graph, BOREL_OP_GATHER, place, 2, 0, NULL, error),
                            column(graph, matrix, k)};
    borel_node term = borel_graph_op(graph, BOREL_OP_MUL, product, 2, 0, NULL, error);
    sum = k == 0 ? term : borel_graph_op(graph, BOREL_OP_ADD, (borel_node[]){sum, term}, 2, 0, NULL, error);
    if (sum == BOREL_NO_NODE) break;
  }
  return sum;
}

borel_node borel_graph_columns(borel_graph *graph, borel_node root, borel_error *error) {
  return borel_graph_rewrite(graph, root, by_columns, NULL, error);
}
