/* SPDX-License-Identifier: MIT
 *
 * Products with tall matrices of data by their columns: the same value, up to the sign of a zero and in the
 * same order of additions, and the same derivative up to the order of its sums; what is small, wide or
 * unknown stays. */
#include "graph/columns.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

enum { ROWS = 300, COLUMNS = 5 };

static borel_node matrix(borel_graph *g, int64_t rows, int64_t columns, uint64_t seed) {
  borel_array a = borel_array_new(BOREL_F64, &(borel_shape){2, {rows, columns}});
  for (int64_t i = 0; i < rows * columns; i++) ((double *)a.data)[i] = uniform(&seed, -2, 2);
  borel_node made = borel_graph_array(g, &a);
  borel_array_release(&a);
  return made;
}

/* A sum over the rows of softplus(X v). */
static borel_node model(borel_graph *g, borel_node x, borel_node v) {
  return total(g, apply1(g, BOREL_OP_LOG1P_EXP, apply2(g, BOREL_OP_MATMUL, x, v)));
}

Test(columns, equal_the_product, .init = (void (*)(void))cache_make, .fini = cache_remove) {
  borel_graph *g = borel_graph_new();
  borel_error error = {0};
  borel_node v = vector_input(g, COLUMNS), x = matrix(g, ROWS, COLUMNS, 9), outputs[4];
  outputs[0] = model(g, x, v);
  outputs[1] = borel_graph_columns(g, outputs[0], &error);
  cr_assert(outputs[1] != BOREL_NO_NODE && outputs[1] != outputs[0]);
  for (int i = 0; i < 2; i++)
    cr_assert(borel_graph_gradient(g, outputs[i], &v, 1, &outputs[2 + i], &error) == BOREL_OK, "%s",
              error.message);
  engines e = {0};
  size_t program = engines_add(&e, g, outputs, 4);
  engines_compile(&e);
  uint64_t seed = 4;
  for (int which = 0; which < 2; which++) {
    double at[COLUMNS];
    for (int k = 0; k < COLUMNS; k++) at[k] = uniform(&seed, -1, 1);
    engines_run(&e, program, which ? NATIVE : INTERPRETED, (void *[]){at});
    const double *value[4];
    for (size_t i = 0; i < 4; i++) value[i] = engines_output(&e, program, i);
    cr_expect(same_bits(*value[0], *value[1]), "%a and %a", *value[0], *value[1]);
    for (int k = 0; k < COLUMNS; k++) /* ROWS summands of at most 2, in another order */
      cr_expect(fabs(value[2][k] - value[3][k]) <= 2 * ROWS * ROWS * DBL_EPSILON, "%d: %.17g and %.17g", k,
                value[2][k], value[3][k]);
  }
  engines_free(&e);
  borel_graph_free(g);
}

Test(columns, leaves_other_matrices) {
  static const int64_t shapes[][2] = {{20, 3}, {300, 17}};
  borel_graph *g = borel_graph_new();
  borel_error error = {0};
  for (int i = 0; i < 2; i++) {
    borel_node root = model(g, matrix(g, shapes[i][0], shapes[i][1], 3), vector_input(g, shapes[i][1]));
    cr_expect(borel_graph_columns(g, root, &error) == root, "%d rows", (int)shapes[i][0]);
  }
  borel_node unknown = borel_graph_input(g, BOREL_F64, &(borel_shape){2, {ROWS, COLUMNS}});
  borel_node root = model(g, unknown, vector_input(g, COLUMNS));
  cr_expect(borel_graph_columns(g, root, &error) == root, "a matrix that is no data");
  borel_graph_free(g);
}

/* Derivatives by elements of a vector are scattered at once, whatever the order and however often one is
 * read. */
Test(columns, elements_that_are_read_alone, .init = (void (*)(void))cache_make, .fini = cache_remove) {
  static const int64_t read[] = {3, 0, 3, 4, 1, 6};
  borel_graph *g = borel_graph_new();
  borel_error error = {0};
  borel_node v = vector_input(g, 7), y = borel_graph_scalar(g, 0), slope;
  for (size_t i = 0; i < 6; i++) {
    borel_node element = apply2(g, BOREL_OP_GATHER, v, borel_graph_integer(g, read[i]));
    y = apply2(g, BOREL_OP_ADD, y,
               apply2(g, BOREL_OP_MUL, apply1(g, BOREL_OP_EXP, element), borel_graph_scalar(g, 1.5)));
  }
  cr_assert(borel_graph_gradient(g, y, &v, 1, &slope, &error) == BOREL_OK);
  engines e = {0};
  size_t program = engines_add(&e, g, &slope, 1);
  engines_compile(&e);
  double at[7] = {0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7}, expected[7] = {0};
  for (size_t i = 0; i < 6; i++) expected[read[i]] += 1.5 * exp(at[read[i]]);
  engines_run(&e, program, NATIVE, (void *[]){at});
  const double *found = engines_output(&e, program, 0);
  for (int k = 0; k < 7; k++)
    cr_expect(fabs(found[k] - expected[k]) <= 4 * DBL_EPSILON * expected[k], "%d: %g", k, found[k]);
  engines_free(&e);
  borel_graph_free(g);
}
