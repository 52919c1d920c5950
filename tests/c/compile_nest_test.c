/* SPDX-License-Identifier: MIT
 *
 * Fused loops over rows and columns: what is stretched along either, sums over either axis and over
 * everything, stored elements - native code against the interpreter, in bits, and both against plain sums. */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MATRIX(r, c) (&(borel_shape){2, {r, c}})

static borel_node stretch(borel_graph *g, borel_node x, const borel_shape *to) {
  borel_error error = {0};
  borel_node node = borel_graph_op(g, BOREL_OP_BROADCAST, &x, 1, 0, to, &error);
  cr_assert_neq(node, BOREL_NO_NODE, "%s", error.message);
  return node;
}
static borel_node along(borel_graph *g, borel_node x, int axis) {
  return borel_graph_op(g, BOREL_OP_SUM, &x, 1, axis, NULL, NULL);
}

/* x_rj = exp(a_r + b_j) y_rj + s, and what becomes of it. */
enum { ELEMENTS, ROW_SUMS, COLUMN_SUMS, SUM, AGAIN, OUTPUTS };

static void make(borel_graph *g, int64_t rows, int64_t columns, borel_node *out) {
  borel_node a = borel_graph_input(g, BOREL_F64, MATRIX(rows, 1)), b = vector_input(g, columns),
             y = borel_graph_input(g, BOREL_F64, MATRIX(rows, columns)), s = scalar_input(g);
  borel_node mean =
      apply2(g, BOREL_OP_ADD, stretch(g, a, MATRIX(rows, columns)), stretch(g, b, MATRIX(rows, columns)));
  borel_node x = apply2(g, BOREL_OP_ADD, apply2(g, BOREL_OP_MUL, apply1(g, BOREL_OP_EXP, mean), y), s);
  out[ELEMENTS] = x;
  out[ROW_SUMS] = along(g, x, 1);
  out[COLUMN_SUMS] = along(g, apply1(g, BOREL_OP_LOG1P_EXP, x), 0);
  out[SUM] = total(g, x);
  /* a sum over an axis that is stretched again, in a later loop */
  borel_node sums = borel_graph_op(g, BOREL_OP_RESHAPE, &out[ROW_SUMS], 1, 0, MATRIX(rows, 1), NULL);
  out[AGAIN] = total(g, apply2(g, BOREL_OP_MUL, x, stretch(g, sums, MATRIX(rows, columns))));
}

Test(nest, native_code_has_the_bits_of_the_interpreter_and_the_values_of_plain_sums) {
  static const int64_t sizes[][2] = {{2, 17},  {5, 37}, {20, 100}, {3, 127}, {3, 128}, {3, 129},
                                     {2, 300}, {1, 40}, {40, 3},   {17, 16}, {4, 24}};
  enum { CASES = sizeof sizes / sizeof *sizes, LARGEST = 2000 };
  static double a[LARGEST], b[LARGEST], y[LARGEST], kept[LARGEST];
  cache_make();
  engines e = {0};
  borel_graph *graphs[CASES];
  for (size_t k = 0; k < CASES; k++) {
    borel_node out[OUTPUTS];
    make(graphs[k] = borel_graph_new(), sizes[k][0], sizes[k][1], out);
    engines_add(&e, graphs[k], out, OUTPUTS);
  }
  engines_compile(&e);
  uint64_t state = 11;
  double s = 0.25;
  for (size_t i = 0; i < LARGEST; i++) {
    a[i] = uniform(&state, -2, 2);
    b[i] = uniform(&state, -2, 2);
    y[i] = uniform(&state, -1, 1);
  }
  for (size_t k = 0; k < CASES; k++) {
    int64_t rows = sizes[k][0], columns = sizes[k][1];
    const int64_t counts[OUTPUTS] = {rows * columns, rows, columns, 1, 1};
    void *in[] = {a, b, y, &s};
    for (size_t o = 0; o < OUTPUTS; o++) {
      engines_run(&e, k, INTERPRETED, in);
      memcpy(kept, engines_output(&e, k, o), (size_t)counts[o] * sizeof *kept);
      engines_run(&e, k, NATIVE, in);
      const double *native = engines_output(&e, k, o);
      for (int64_t i = 0; i < counts[o]; i++)
        cr_expect(same_bits(kept[i], native[i]), "[%d, %d], output %zu[%d]: %.17g interpreted, %.17g native",
                  (int)rows, (int)columns, o, (int)i, kept[i], native[i]);
    }
    const double *row = engines_output(&e, k, ROW_SUMS), *column = engines_output(&e, k, COLUMN_SUMS);
    long double whole = 0, again = 0, size = 0;
    for (int64_t r = 0; r < rows; r++) {
      long double sum = 0;
      for (int64_t j = 0; j < columns; j++) sum += expl(a[r] + b[j]) * y[r * columns + j] + s;
      cr_expect_float_eq(row[r], (double)sum, 1e-14 * 60 * (double)columns, "row %d of [%d, %d]", (int)r,
                         (int)rows, (int)columns);
      whole += sum;
      for (int64_t j = 0; j < columns; j++) {
        long double x = expl(a[r] + b[j]) * y[r * columns + j] + s;
        again += x * sum;
        size += fabsl(x * sum);
      }
    }
    for (int64_t j = 0; j < columns; j++) {
      long double sum = 0;
      for (int64_t r = 0; r < rows; r++) sum += log1pl(expl(expl(a[r] + b[j]) * y[r * columns + j] + s));
      cr_expect_float_eq(column[j], (double)sum, 1e-14 * 60 * (double)rows, "column %d", (int)j);
    }
    cr_expect_float_eq(*(const double *)engines_output(&e, k, SUM), (double)whole,
                       1e-14 * 60 * (double)(rows * columns));
    cr_expect_float_eq(*(const double *)engines_output(&e, k, AGAIN), (double)again, 1e-13 * (double)size);
  }
  engines_free(&e);
  for (size_t k = 0; k < CASES; k++) borel_graph_free(graphs[k]);
  cache_remove();
}
