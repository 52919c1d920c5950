/* SPDX-License-Identifier: MIT
 *
 * Sums of squares by their triangle: against sums over rows in extended precision. What may be rewritten is,
 * in every form that models are written in; what may not is left alone. Tolerances: both ways round each
 * product and sum once, so they differ by a few units in the last place of the sum of (sum |coefficient *
 * data|)^2. */
#include "graph/sufficient.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 90, K = 3, GROUPS = 7 };

typedef struct {
  borel_graph *g;
  double y[ROWS], x[K][ROWS], rows[ROWS * K], weight[ROWS], beta[K], level[GROUPS], sigma, offset;
  int64_t group[ROWS];
  borel_node in_beta, in_level, in_sigma, in_offset;
} setting;

static void setting_make(setting *s, uint64_t seed) {
  memset(s, 0, sizeof *s);
  s->g = borel_graph_new();
  for (int i = 0; i < ROWS; i++) {
    s->y[i] = uniform(&seed, -3, 9);
    s->weight[i] = uniform(&seed, 0.2, 3);
    s->group[i] = (int64_t)uniform_below(&seed, GROUPS - 1); /* the last group is empty */
    for (int k = 0; k < K; k++) s->rows[i * K + k] = s->x[k][i] = uniform(&seed, -2, 2) + 50 * (k == 1);
  }
  for (int k = 0; k < K; k++) s->beta[k] = uniform(&seed, -1, 1);
  for (int k = 0; k < GROUPS; k++) s->level[k] = uniform(&seed, -5, 5);
  s->sigma = uniform(&seed, 0.5, 2);
  s->offset = uniform(&seed, -4, 4);
  s->in_beta = vector_input(s->g, K);
  s->in_level = vector_input(s->g, GROUPS);
  s->in_sigma = scalar_input(s->g);
  s->in_offset = scalar_input(s->g);
}

static borel_node column(setting *s, int k) { return doubles(s->g, ROWS, s->x[k]); }
static borel_node element(setting *s, int k) {
  return apply2(s->g, BOREL_OP_GATHER, s->in_beta, borel_graph_integer(s->g, k));
}
static borel_node groups(setting *s) {
  return apply2(s->g, BOREL_OP_GATHER, s->in_level, integers(s->g, ROWS, s->group));
}
static borel_node outcome(setting *s) { return doubles(s->g, ROWS, s->y); }
#define ADD(a, b) apply2(s->g, BOREL_OP_ADD, a, b)
#define SUB(a, b) apply2(s->g, BOREL_OP_SUB, a, b)
#define MUL(a, b) apply2(s->g, BOREL_OP_MUL, a, b)
#define DIV(a, b) apply2(s->g, BOREL_OP_DIV, a, b)
#define NUMBER(x) borel_graph_scalar(s->g, x)

/* Ways to write sum_k beta_k x_k. */
static borel_node by_matrix(setting *s) {
  borel_array a = borel_array_new(BOREL_F64, &(borel_shape){2, {ROWS, K}});
  memcpy(a.data, s->rows, sizeof s->rows);
  borel_node matrix = borel_graph_array(s->g, &a);
  borel_array_release(&a);
  return apply2(s->g, BOREL_OP_MATMUL, matrix, s->in_beta);
}
static borel_node by_elements(setting *s) {
  return ADD(ADD(MUL(element(s, 0), column(s, 0)), MUL(column(s, 1), element(s, 1))),
             MUL(element(s, 2), column(s, 2)));
}

/* Each writes z, and the row of coefficients that its reference takes: (data, absolute sum). */
typedef struct {
  const char *name;
  borel_node (*z)(setting *);
  double beta, offset, level, weighted; /* factors in the reference: z = (y - ...) ... / sigma */
  int sigma;
  size_t left;
} form;

static borel_node plain(setting *s) { return SUB(outcome(s), by_matrix(s)); }
static borel_node standardised(setting *s) {
  return DIV(SUB(outcome(s), ADD(s->in_offset, by_matrix(s))), s->in_sigma);
}
static borel_node elements_of_a_vector(setting *s) {
  return DIV(SUB(outcome(s), ADD(by_elements(s), s->in_offset)), s->in_sigma);
}
static borel_node known_deviations(setting *s) {
  return DIV(SUB(outcome(s), ADD(by_elements(s), s->in_offset)), doubles(s->g, ROWS, s->weight));
}
static borel_node with_groups(setting *s) {
  return DIV(SUB(outcome(s), ADD(groups(s), by_elements(s))), s->in_sigma);
}
static borel_node scaled_groups(setting *s) {
  return MUL(SUB(ADD(MUL(groups(s), NUMBER(2)), by_matrix(s)), outcome(s)), DIV(NUMBER(-1), s->in_sigma));
}
static borel_node shuffled(setting *s) { /* the last row first */
  int64_t index[ROWS];
  for (int i = 0; i < ROWS; i++) index[i] = ROWS - 1 - i;
  return apply2(s->g, BOREL_OP_GATHER, plain(s), integers(s->g, ROWS, index));
}

static const form forms[] = {
    {"plain", plain, 1, 0, 0, 0, 0, K + 1},
    {"standardised", standardised, 1, 1, 0, 0, 1, K + 2},
    {"elements of a vector", elements_of_a_vector, 1, 1, 0, 0, 1, K + 2},
    {"known deviations", known_deviations, 1, 1, 0, 1, 0, K + 2},
    {"with groups", with_groups, 1, 0, 1, 0, 1, K + 1 + GROUPS},
    {"scaled groups", scaled_groups, 1, 0, 2, 0, 1, K + 1 + GROUPS},
    {"shuffled", shuffled, 1, 0, 0, 0, 0, K + 1},
};

static long double reference(const setting *s, const form *f, long double *size) {
  long double sum = 0;
  *size = 0;
  for (int i = 0; i < ROWS; i++) {
    long double scale = (f->sigma ? s->sigma : 1.0L) * (f->weighted ? s->weight[i] : 1.0L);
    long double z = s->y[i] - f->offset * s->offset - f->level * s->level[s->group[i]],
                all = fabsl(s->y[i]) + f->offset * fabsl(s->offset) + f->level * fabsl(s->level[s->group[i]]);
    for (int k = 0; k < K; k++) {
      z -= f->beta * (long double)s->beta[k] * s->x[k][i];
      all += f->beta * fabsl((long double)s->beta[k] * s->x[k][i]);
    }
    sum += z * z / (scale * scale);
    *size += all * all / (scale * scale);
  }
  return sum;
}

Test(sufficient, squares_by_their_triangle_are_the_sum_over_rows) {
  cache_make();
  for (size_t k = 0; k < sizeof forms / sizeof *forms; k++)
    for (uint64_t seed = 1; seed <= 5; seed++) {
      setting made, *s = &made;
      setting_make(s, seed);
      borel_error error = {0};
      borel_node z = forms[k].z(s), plain_sum = total(s->g, MUL(NUMBER(-0.5), MUL(z, z)));
      borel_sufficient found = {0};
      borel_node sum = borel_graph_sufficient(s->g, plain_sum, &found, &error);
      cr_assert_neq(sum, BOREL_NO_NODE, "%s: %s", forms[k].name, error.message);
      cr_expect_eq(found.sums, 1u, "%s: %zu sums", forms[k].name, found.sums);
      cr_expect_eq(found.left, forms[k].left, "%s: %zu rows left", forms[k].name, found.left);

      borel_node wrt[] = {s->in_beta, s->in_level, s->in_sigma, s->in_offset}, outputs[10] = {sum, plain_sum};
      cr_assert_eq(borel_graph_gradient(s->g, sum, wrt, 4, outputs + 2, &error), BOREL_OK, "%s",
                   error.message);
      cr_assert_eq(borel_graph_gradient(s->g, plain_sum, wrt, 4, outputs + 6, &error), BOREL_OK);
      engines e = {0};
      engines_add(&e, s->g, outputs, 10);
      engines_run(&e, 0, INTERPRETED, (void *[]){s->beta, s->level, &s->sigma, &s->offset});
      long double size, expected = -0.5L * reference(s, &forms[k], &size);
      double value = *(const double *)engines_output(&e, 0, 0);
      cr_expect(fabsl(value - expected) <= 40 * 2.2e-16L * size, "%s: %.17g, not %.17Lg", forms[k].name,
                value, expected);
      const int64_t sizes[] = {K, GROUPS, 1, 1};
      for (size_t w = 0; w < 4; w++) {
        const double *a = engines_output(&e, 0, 2 + w), *b = engines_output(&e, 0, 6 + w);
        for (int64_t i = 0; i < sizes[w]; i++) /* x up to 52: a gradient is at most that much larger */
          cr_expect(fabs(a[i] - b[i]) <= 60 * 40 * 2.2e-16 * (double)size,
                    "%s, derivative %zu[%d]: %.17g, %.17g", forms[k].name, w, (int)i, a[i], b[i]);
      }
      engines_free(&e);
      borel_graph_free(s->g);
    }
  cache_remove();
}

/* A normal log-density as models write it: numbers go, what is no square stays. */
Test(sufficient, other_terms_of_the_sum_stay) {
  cache_make();
  setting made, *s = &made;
  setting_make(s, 3);
  borel_error error = {0};
  borel_node z = standardised(s), other = apply1(s->g, BOREL_OP_SIN, MUL(s->in_offset, outcome(s)));
  borel_node terms = ADD(SUB(SUB(MUL(NUMBER(-0.5), MUL(z, z)), apply1(s->g, BOREL_OP_LOG, s->in_sigma)),
                             NUMBER(0.9189385332046727)),
                         other);
  borel_node before = apply1(s->g, BOREL_OP_EXP, MUL(NUMBER(1e-3), total(s->g, terms)));
  borel_sufficient found = {0};
  borel_node after = borel_graph_sufficient(s->g, before, &found, &error);
  cr_assert(after != before && found.rows == ROWS && found.left == K + 2);
  engines e = {0};
  engines_add(&e, s->g, (borel_node[]){before, after}, 2);
  engines_run(&e, 0, INTERPRETED, (void *[]){s->beta, s->level, &s->sigma, &s->offset});
  double a = *(const double *)engines_output(&e, 0, 0), b = *(const double *)engines_output(&e, 0, 1);
  cr_expect(fabs(a - b) <= 1e-12 * fabs(a), "%.17g, %.17g", a, b);
  engines_free(&e);
  borel_graph_free(s->g);
  cache_remove();
}

static void expect_unchanged(setting *s, borel_node z, const char *what) {
  borel_error error = {0};
  borel_sufficient found = {0};
  borel_node sum = total(s->g, MUL(z, z));
  cr_expect_eq(borel_graph_sufficient(s->g, sum, &found, &error), sum, "%s", what);
  cr_expect_eq(found.sums, 0u, "%s", what);
}

Test(sufficient, what_is_not_linear_or_not_worth_it_is_left_alone) {
  setting made, *s = &made;
  setting_make(s, 4);
  expect_unchanged(s, SUB(outcome(s), apply1(s->g, BOREL_OP_EXP, by_matrix(s))), "a curve");
  expect_unchanged(s, SUB(outcome(s), MUL(groups(s), column(s, 0))), "slopes of groups");
  expect_unchanged(s, SUB(outcome(s), vector_input(s->g, ROWS)), "an unknown for each row");
  expect_unchanged(
      s, SUB(doubles(s->g, 5, s->y), ADD(MUL(element(s, 0), doubles(s->g, 5, s->x[0])), s->in_offset)),
      "few rows");
  s->y[4] = NAN;
  expect_unchanged(s, plain(s), "data that is not finite");
  borel_graph_free(s->g);
}
