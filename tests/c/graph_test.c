/* SPDX-License-Identifier: MIT
 *
 * The graph: what is shared, folded and simplified when a node is made, what is refused and in which words,
 * scans, masks, and re-rolling. */
#include "support/differences.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE1(a) ((borel_shape){1, {a}})
#define SHAPE2(a, b) ((borel_shape){2, {a, b}})

static borel_graph *G;
static void make_graph(void) { G = borel_graph_new(); }
static void free_graph(void) { borel_graph_free(G); }
TestSuite(graph, .init = make_graph, .fini = free_graph);

static borel_node shaped(borel_op op, borel_node a, borel_shape shape) {
  return borel_graph_op(G, op, &a, 1, 0, &shape, NULL);
}
static borel_node number(double x) { return borel_graph_scalar(G, x); }

static double value_of(borel_node node) {
  double value = NAN;
  cr_expect(borel_graph_constant(G, node, &value), "not a constant number");
  return value;
}

/* Runs one output on the interpreter; `inputs` as engines_run. Static: good until the next call. */
static const double *evaluate(borel_node y, void *const *inputs) {
  static double out[4096];
  engines e = {0};
  size_t program = engines_add(&e, G, &y, 1);
  engines_run(&e, program, INTERPRETED, inputs);
  memcpy(out, engines_output(&e, program, 0), 8 * (size_t)borel_shape_size(&borel_graph_at(G, y)->shape));
  engines_free(&e);
  return out;
}

static borel_node gradient(borel_node y, borel_node wrt) {
  borel_node out;
  borel_error error = {0};
  cr_assert(borel_graph_gradient(G, y, &wrt, 1, &out, &error) == BOREL_OK, "%s", error.message);
  return out;
}

/* ---- sharing --------------------------------------------------------------------------------- */

Test(graph, equal_expressions_are_one_node) {
  borel_node x = vector_input(G, 20), y = vector_input(G, 20);
  cr_expect(x != y, "two inputs are two things");
  cr_expect(apply2(G, BOREL_OP_MUL, x, y) == apply2(G, BOREL_OP_MUL, x, y));
  cr_expect(apply2(G, BOREL_OP_MUL, x, y) != apply2(G, BOREL_OP_MUL, y, x));
  cr_expect(number(2.5) == number(2.5) && number(0.0) == number(-0.0) && number(NAN) == number(NAN));
  cr_expect(number(3) != borel_graph_integer(G, 3), "a number is not an integer");
  cr_expect(doubles(G, 3, (double[]){1, 2, 3}) == doubles(G, 3, (double[]){1, 2, 3}));
  cr_expect(doubles(G, 3, (double[]){1, 2, 3}) != doubles(G, 3, (double[]){1, 2, 4}));
  cr_expect(shaped(BOREL_OP_RESHAPE, x, SHAPE2(4, 5)) != shaped(BOREL_OP_RESHAPE, x, SHAPE2(5, 4)));
  borel_node first =
                 borel_graph_op(G, BOREL_OP_SUM, (borel_node[]){shaped(BOREL_OP_RESHAPE, x, SHAPE2(4, 5))}, 1,
                                0, NULL, NULL),
             second =
                 borel_graph_op(G, BOREL_OP_SUM, (borel_node[]){shaped(BOREL_OP_RESHAPE, x, SHAPE2(4, 5))}, 1,
                                1, NULL, NULL);
  cr_expect(first != second, "sums over different axes");
}

/* The table grows several times; what was shared stays shared. */
Test(graph, sharing_survives_growth) {
  borel_node x = scalar_input(G), kept[5000];
  for (int i = 0; i < 5000; i++) kept[i] = apply2(G, BOREL_OP_MUL, x, number(i + 2.5));
  size_t size = borel_graph_size(G);
  for (int i = 0; i < 5000; i++) cr_assert(kept[i] == apply2(G, BOREL_OP_MUL, x, number(i + 2.5)));
  cr_expect(borel_graph_size(G) == size);
}

/* ---- folding --------------------------------------------------------------------------------- */

Test(graph, constants_are_folded) {
  cr_expect(value_of(apply2(G, BOREL_OP_ADD, number(2), number(3))) == 5);
  cr_expect(value_of(apply1(G, BOREL_OP_EXP, number(0))) == 1);
  cr_expect(isnan(value_of(apply1(G, BOREL_OP_LOG, number(-1)))));
  borel_node a = doubles(G, 3, (double[]){1, 2, 3}), b = apply2(G, BOREL_OP_MUL, a, number(2));
  cr_expect(b == doubles(G, 3, (double[]){2, 4, 6}));
  cr_expect(value_of(total(G, b)) == 12);
  borel_node picked = apply2(G, BOREL_OP_GATHER, b, integers(G, 2, (int64_t[]){2, 0}));
  cr_expect(picked == doubles(G, 2, (double[]){6, 2}));
  borel_node big = borel_graph_integer(G, INT64_MAX);
  cr_expect(borel_graph_at(G, apply2(G, BOREL_OP_IADD, big, borel_graph_integer(G, 1)))->attr == INT64_MIN,
            "integers wrap");
}

Test(graph, identities_leave_no_node) {
  borel_node x = vector_input(G, 20), s = scalar_input(G), one = number(1), zero = number(0);
  cr_expect(apply2(G, BOREL_OP_ADD, x, zero) == x && apply2(G, BOREL_OP_ADD, zero, x) == x);
  cr_expect(apply2(G, BOREL_OP_MUL, x, one) == x && apply2(G, BOREL_OP_DIV, x, one) == x);
  cr_expect(apply1(G, BOREL_OP_NEG, apply1(G, BOREL_OP_NEG, x)) == x);
  cr_expect(apply2(G, BOREL_OP_POW, x, number(2)) == apply2(G, BOREL_OP_MUL, x, x));
  cr_expect(apply2(G, BOREL_OP_MULZ, x, zero) == shaped(BOREL_OP_BROADCAST, zero, SHAPE1(20)));
  cr_expect(shaped(BOREL_OP_RESHAPE, shaped(BOREL_OP_RESHAPE, x, SHAPE2(4, 5)), SHAPE1(20)) == x);
  /* but an identity may not lose a shape, and 0 * x is not 0 for x = inf */
  borel_node stretched = apply2(G, BOREL_OP_ADD, s, shaped(BOREL_OP_BROADCAST, zero, SHAPE1(20)));
  cr_expect(borel_graph_at(G, stretched)->shape.rank == 1);
  cr_expect(borel_graph_at(G, apply2(G, BOREL_OP_MUL, x, zero))->op == BOREL_OP_MUL);
  cr_expect(total(G, shaped(BOREL_OP_BROADCAST, s, SHAPE1(20))) == apply2(G, BOREL_OP_MUL, s, number(20)));
  cr_expect(value_of(total(G, shaped(BOREL_OP_BROADCAST, s, SHAPE1(0)))) == 0, "an empty sum");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void expect_refused(borel_op op, const borel_node *args, size_t count, int64_t attr,
                           const borel_shape *shape, const char *text) {
  borel_error error = {0};
  size_t size = borel_graph_size(G);
  cr_expect(borel_graph_op(G, op, args, count, attr, shape, &error) == BOREL_NO_NODE);
  cr_expect(error.code != BOREL_OK && strstr(error.message, text), "expected \"%s\" in: %s", text,
            error.message);
  cr_expect(borel_graph_size(G) == size, "a refused node leaves nothing behind");
}

Test(graph, misfits_are_refused_with_both_shapes) {
  borel_node x = vector_input(G, 20), y = vector_input(G, 7),
             m = borel_graph_input(G, BOREL_F64, &SHAPE2(3, 4)),
             i = borel_graph_input(G, BOREL_I64, &SHAPE1(20));
  expect_refused(BOREL_OP_ADD, (borel_node[]){x, y}, 2, 0, NULL,
                 "add: shapes [20] and [7] do not fit together");
  expect_refused(BOREL_OP_WHERE, (borel_node[]){i, x, m}, 3, 0, NULL, "where: shapes [20] and [3, 4]");
  expect_refused(BOREL_OP_MATMUL, (borel_node[]){m, x}, 2, 0, NULL,
                 "matmul: shapes [3, 4] and [20] do not fit");
  expect_refused(BOREL_OP_MATMUL, (borel_node[]){x, m}, 2, 0, NULL,
                 "matmul: shapes [20] and [3, 4] do not fit");
  expect_refused(BOREL_OP_RESHAPE, &x, 1, 0, &SHAPE2(3, 4),
                 "reshape: [20] has not as many elements as [3, 4]");
  expect_refused(BOREL_OP_BROADCAST, &x, 1, 0, &SHAPE1(21), "broadcast: [20] does not stretch to [21]");
  expect_refused(BOREL_OP_SUM, &x, 1, 1, NULL, "sum: there is no axis 2");
  expect_refused(BOREL_OP_LOG_SUM_EXP, &m, 1, 0, NULL, "log_sum_exp: reduces the last axis (2)");
  expect_refused(BOREL_OP_CUMSUM, &m, 1, 0, NULL, "cumsum: needs an array of one axis");
  expect_refused(BOREL_OP_ADD, (borel_node[]){x, i}, 2, 0, NULL, "add: argument 2 is i64, needs f64");
  expect_refused(BOREL_OP_EXP, &i, 1, 0, NULL, "exp: argument 1 is i64, needs f64");
  expect_refused(BOREL_OP_ADD, &x, 1, 0, NULL, "add: takes 2 arguments, got 1");
  expect_refused(BOREL_OP_SUM, (borel_node[]){x, y}, 2, -1, NULL, "sum: takes 1 arguments, got 2");
  expect_refused(BOREL_OP_GATHER, (borel_node[]){x, y}, 2, 0, NULL, "gather: indices must be integers");
  expect_refused(BOREL_OP_STACK, (borel_node[]){x, i}, 2, 0, NULL, "stack: numbers and integers do not mix");
  borel_node args[] = {x, integers(G, 3, (int64_t[]){0, 20, 1})};
  expect_refused(BOREL_OP_GATHER, args, 2, 0, NULL, "index 21 (at place 2) is outside 1 .. 20");
}

Test(graph, a_failed_argument_fails_the_node) {
  borel_error error = {0};
  cr_expect(borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){number(1), BOREL_NO_NODE}, 2, 0, NULL, &error) ==
            BOREL_NO_NODE);
  cr_expect(borel_graph_project(G, BOREL_NO_NODE, 0) == BOREL_NO_NODE);
  borel_node x = vector_input(G, 20), out;
  cr_expect(borel_graph_gradient(G, x, &x, 1, &out, &error) != BOREL_OK);
  cr_expect(strstr(error.message, "must be a number"));
}

Test(graph, broadcasting_follows_numpy) {
  borel_node column = borel_graph_input(G, BOREL_F64, &SHAPE2(3, 1)),
             row = borel_graph_input(G, BOREL_F64, &SHAPE1(4));
  double a[3] = {10, 20, 30}, b[4] = {1, 2, 3, 4};
  borel_node y = apply2(G, BOREL_OP_ADD, column, row);
  cr_expect(borel_shape_equal(&borel_graph_at(G, y)->shape, &SHAPE2(3, 4)));
  const double *sum = evaluate(y, (void *[]){a, b});
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 4; j++) cr_expect(sum[4 * i + j] == a[i] + b[j]);
  const double *d = evaluate(gradient(total(G, apply2(G, BOREL_OP_MUL, y, y)), column), (void *[]){a, b});
  for (int i = 0; i < 3; i++) cr_expect(d[i] == 2 * (4 * a[i] + 10));
}

/* Computed indices: what is outside reads NaN and adds nothing. */
Test(graph, gather_and_scatter_at_computed_places) {
  borel_node x = vector_input(G, 3), index = borel_graph_input(G, BOREL_I64, &SHAPE1(5));
  double a[3] = {5, 6, 7};
  int64_t places[5] = {2, 0, -1, 3, INT64_MAX};
  const double *y = evaluate(apply2(G, BOREL_OP_GATHER, x, index), (void *[]){a, places});
  cr_expect(y[0] == 7 && y[1] == 5 && isnan(y[2]) && isnan(y[3]) && isnan(y[4]));
  borel_node five = doubles(G, 5, (double[]){1, 2, 4, 8, 16});
  borel_node back = borel_graph_op(G, BOREL_OP_SCATTER, (borel_node[]){five, index}, 2, 0, &SHAPE1(3), NULL);
  y = evaluate(back, (void *[]){a, places});
  cr_expect(y[0] == 2 && y[1] == 0 && y[2] == 1);
}

/* ---- log-sum-exp and masks ------------------------------------------------------------------- */

Test(graph, log_sum_exp_of_impossible_terms) {
  borel_node x = borel_graph_input(G, BOREL_F64, &SHAPE2(4, 3));
  double inf = INFINITY, a[12] = {-inf, 0, -inf, -inf, -inf, -inf, 1000, 1000, -inf, NAN, 0, inf};
  borel_node y = borel_graph_op(G, BOREL_OP_LOG_SUM_EXP, &x, 1, 1, NULL, NULL);
  const double *v = evaluate(y, (void *[]){a});
  cr_expect(v[0] == 0 && v[1] == -inf && fabs(v[2] - 1000 - log(2)) < 1e-12 && isnan(v[3]));
  const double *d = evaluate(gradient(total(G, y), x), (void *[]){a});
  double want[9] = {0, 1, 0, 0, 0, 0, 0.5, 0.5, 0};
  for (int i = 0; i < 9; i++)
    cr_expect(fabs(d[i] - want[i]) < 1e-12 /* 1000 has 13 digits behind it */, "element %d: %g", i, d[i]);
  borel_node empty = borel_graph_input(G, BOREL_F64, &SHAPE1(0));
  v = evaluate(borel_graph_op(G, BOREL_OP_LOG_SUM_EXP, &empty, 1, -1, NULL, NULL), (void *[]){a, NULL});
  cr_expect(v[0] == -inf);
}

/* A mixture in which one component is impossible: the gradient of the other is as if it were alone. */
Test(graph, a_mask_passes_through_what_follows_it) {
  borel_node x = scalar_input(G), alive = apply2(G, BOREL_OP_GT, x, number(0));
  borel_node inner = apply3(G, BOREL_OP_WHERE, alive, apply1(G, BOREL_OP_LOG, x), number(-INFINITY));
  borel_node y = apply2(G, BOREL_OP_LOG_ADD_EXP, inner, apply2(G, BOREL_OP_MUL, x, number(3)));
  double at = -2;
  cr_expect(*evaluate(y, (void *[]){&at}) == -6);
  cr_expect(*evaluate(gradient(y, x), (void *[]){&at}) == 3);
  borel_node sqrt_of = apply1(G, BOREL_OP_SQRT, apply3(G, BOREL_OP_WHERE, alive, x, number(0)));
  borel_node guarded = apply3(G, BOREL_OP_WHERE, alive, sqrt_of, number(0));
  cr_expect(*evaluate(gradient(guarded, x), (void *[]){&at}) == 0);
}

/* ---- re-rolling ------------------------------------------------------------------------------ */

/* Terms of a random walk, one by one: -(x_t - phi x_{t-1} - data_t)^2. */
static void random_walk(borel_node x, borel_node phi, const double *data, int count, borel_node *terms) {
  for (int t = 1; t <= count; t++) {
    borel_node now = apply2(G, BOREL_OP_GATHER, x, borel_graph_integer(G, t)),
               before = apply2(G, BOREL_OP_GATHER, x, borel_graph_integer(G, t - 1));
    borel_node gap = apply2(G, BOREL_OP_SUB, now, apply2(G, BOREL_OP_MUL, phi, before));
    gap = apply2(G, BOREL_OP_SUB, gap, number(data[t - 1]));
    terms[t - 1] = apply1(G, BOREL_OP_NEG, apply2(G, BOREL_OP_MUL, gap, gap));
  }
}

Test(graph, isomorphic_terms_become_arrays) {
  borel_node x = vector_input(G, 31), phi = scalar_input(G), terms[32];
  double data[30], in[31], factor = 0.7, want = 0;
  uint64_t state = 3;
  for (int t = 0; t < 30; t++) data[t] = uniform(&state, -1, 1);
  for (int t = 0; t < 31; t++) in[t] = uniform(&state, -1, 1);
  random_walk(x, phi, data, 30, terms);
  terms[30] = apply1(G, BOREL_OP_EXP, phi); /* of no form but its own */
  size_t merged = 99;
  borel_node y = borel_graph_reroll(G, terms, 31, &merged, NULL), d = gradient(y, x);
  cr_expect(merged == 30);
  for (int t = 1; t < 31; t++) {
    double gap = in[t] - factor * in[t - 1] - data[t - 1];
    want -= gap * gap;
  }
  void *inputs[] = {in, &factor};
  cr_expect(fabs(*evaluate(y, inputs) - want - exp(factor)) < 1e-13);
  engines e = {0};
  size_t f = engines_add(&e, G, &y, 1);
  cr_expect(e.programs[f]->tables->statements < 15, "%zu statements", e.programs[f]->tables->statements);
  difference by_steps[31];
  partial_differences(&e, f, 0, inputs, in, 31, by_steps);
  const double *exact = evaluate(d, inputs);
  for (int t = 0; t < 31; t++) cr_expect(fabs(exact[t] - by_steps[t].value) < 1e-8);
  engines_free(&e);
}

Test(graph, rerolling_leaves_the_rest_alone) {
  borel_node x = scalar_input(G), y = scalar_input(G), z = scalar_input(G);
  size_t merged = 99;
  cr_expect(value_of(borel_graph_reroll(G, NULL, 0, &merged, NULL)) == 0 && merged == 0);
  cr_expect(borel_graph_reroll(G, &x, 1, &merged, NULL) == x && merged == 0);
  borel_node mixed[] = {apply1(G, BOREL_OP_EXP, x), apply1(G, BOREL_OP_SIN, y),
                        apply2(G, BOREL_OP_MUL, x, z)};
  borel_node sum = borel_graph_reroll(G, mixed, 3, &merged, NULL);
  double in[] = {0.3, 0.4, 0.5};
  cr_expect(merged == 0);
  cr_expect(*evaluate(sum, (void *[]){&in[0], &in[1], &in[2]}) == exp(0.3) + sin(0.4) + 0.3 * 0.5);
  borel_node same[] = {mixed[0], mixed[0], mixed[0], mixed[0], mixed[0]};
  sum = borel_graph_reroll(G, same, 5, &merged, NULL);
  cr_expect(fabs(*evaluate(sum, (void *[]){&in[0], &in[1], &in[2]}) - 5 * exp(0.3)) < 1e-14);
  borel_node inputs[12]; /* parameters that are numbers: stacked */
  for (int i = 0; i < 12; i++) inputs[i] = apply1(G, BOREL_OP_EXP, i % 3 == 0 ? x : i % 3 == 1 ? y : z);
  sum = borel_graph_reroll(G, inputs, 12, &merged, NULL);
  cr_expect(merged == 12);
  double want = 4 * (exp(0.3) + exp(0.4) + exp(0.5));
  cr_expect(fabs(*evaluate(sum, (void *[]){&in[0], &in[1], &in[2]}) - want) < 1e-13);
}
