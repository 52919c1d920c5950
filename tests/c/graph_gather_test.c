/* SPDX-License-Identifier: MIT
 *
 * Constants and sums of a log-density that are gathered: the same number but for rounding, one constant, one
 * sum for each factor and shape; what somebody else needs, and infinities, stay as they are. */
#include "graph/gather.h"
#include "graph/internal.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { N = 11 };

typedef struct {
  borel_graph *graph;
  borel_node x, a, b; /* inputs: a number, vectors [N] */
} subject;

static subject subject_new(void) {
  subject s = {.graph = borel_graph_new()};
  s.x = scalar_input(s.graph);
  s.a = vector_input(s.graph, N);
  s.b = vector_input(s.graph, N);
  return s;
}

static borel_node two(const subject *s, borel_op op, borel_node a, borel_node b) {
  return apply2(s->graph, op, a, b);
}
static borel_node number(const subject *s, double x) { return borel_graph_scalar(s->graph, x); }
static borel_node square(const subject *s, borel_node x) { return two(s, BOREL_OP_MUL, x, x); }

/* ((x + 1.1) - 0.3 sum(a^2)) + (2.7 - (x^2 - 0.3 sum(b^2)) + sum(a)) */
static borel_node density(const subject *s, borel_node *sum_of_b) {
  borel_node scaled_a = two(s, BOREL_OP_MUL, number(s, 0.3), total(s->graph, square(s, s->a)));
  *sum_of_b = total(s->graph, square(s, s->b));
  borel_node inner = two(s, BOREL_OP_SUB, square(s, s->x), two(s, BOREL_OP_MUL, number(s, -0.3), *sum_of_b));
  borel_node left = two(s, BOREL_OP_SUB, two(s, BOREL_OP_ADD, s->x, number(s, 1.1)), scaled_a);
  borel_node right = two(s, BOREL_OP_SUB, number(s, 2.7), inner);
  return two(s, BOREL_OP_ADD, left, two(s, BOREL_OP_ADD, right, total(s->graph, s->a)));
}

static size_t count(const borel_graph *graph, borel_node root, borel_op op) {
  size_t found = 0;
  uint8_t *needed = borel_graph_needed_by(graph, &root, 1);
  for (borel_node i = 0; i <= root; i++) found += needed[i] && borel_graph_at(graph, i)->op == op;
  free(needed);
  return found;
}

/* Both numbers at a few points, by the interpreter. The sums have 4 N + 5 terms, none above 3 in absolute
 * value. */
static void expect_equal(const subject *s, borel_node before, borel_node after) {
  engines e = {0};
  borel_node outputs[] = {before, after};
  size_t program = engines_add(&e, s->graph, outputs, 2);
  uint64_t state = 5;
  for (int k = 0; k < 5; k++) {
    double x = uniform(&state, -1, 1), a[N], b[N];
    for (int i = 0; i < N; i++) a[i] = uniform(&state, -1, 1), b[i] = uniform(&state, -1, 1);
    engines_run(&e, program, INTERPRETED, (void *[]){&x, a, b});
    double u = *(const double *)engines_output(&e, program, 0),
           v = *(const double *)engines_output(&e, program, 1);
    cr_expect(fabs(u - v) <= 3 * (4 * N + 5) * DBL_EPSILON, "%.17g became %.17g", u, v);
  }
  engines_free(&e);
}

Test(graph_gather, constants_become_one_and_equal_sums_one) {
  subject s = subject_new();
  borel_error error = {0};
  borel_node sum_of_b, root = density(&s, &sum_of_b),
                       made = borel_graph_gather(s.graph, root, NULL, 0, &error);
  cr_assert(made != BOREL_NO_NODE, "%s", error.message);
  cr_expect(count(s.graph, root, BOREL_OP_SUM) == 3 && count(s.graph, made, BOREL_OP_SUM) == 2);
  cr_expect(count(s.graph, root, BOREL_OP_SCALAR) == count(s.graph, made, BOREL_OP_SCALAR) + 2,
            "1.1 and 2.7 are 3.8; 0.3 and -0.3 are 0.3");
  expect_equal(&s, root, made);
  borel_graph_free(s.graph);
}

Test(graph_gather, sums_that_others_need_stay) {
  subject s = subject_new();
  borel_error error = {0};
  borel_node sum_of_b, root = density(&s, &sum_of_b),
                       made = borel_graph_gather(s.graph, root, &sum_of_b, 1, &error);
  cr_expect(count(s.graph, made, BOREL_OP_SUM) == 3);
  expect_equal(&s, root, made);
  borel_graph_free(s.graph);
}

Test(graph_gather, infinite_constants_stay) {
  subject s = subject_new();
  borel_error error = {0};
  borel_node root = two(&s, BOREL_OP_ADD, two(&s, BOREL_OP_ADD, s.x, number(&s, -INFINITY)), number(&s, 2));
  borel_node made = borel_graph_gather(s.graph, root, NULL, 0, &error);
  engines e = {0};
  size_t program = engines_add(&e, s.graph, &made, 1);
  for (double x = -1; x <= 1; x++) {
    engines_run(&e, program, INTERPRETED, (void *[]){&x, NULL, NULL});
    cr_expect(*(const double *)engines_output(&e, program, 0) == -INFINITY);
  }
  engines_free(&e);
  borel_graph_free(s.graph);
}

Test(graph_gather, a_number_that_is_no_sum_stays) {
  subject s = subject_new();
  borel_error error = {0};
  borel_node root = apply1(s.graph, BOREL_OP_EXP, s.x);
  cr_expect(borel_graph_gather(s.graph, root, NULL, 0, &error) == root);
  cr_expect(borel_graph_gather(s.graph, number(&s, 4), NULL, 0, &error) == number(&s, 4));
  borel_graph_free(s.graph);
}
