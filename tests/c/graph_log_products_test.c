/* SPDX-License-Identifier: MIT
 *
 * Logarithms of products: the operation against sums of logarithms in extended precision, with everything
 * that a double can be among its elements, the same bits from both engines; and the rewriting of sums, which
 * equals what it rewrites and leaves alone what it must. */
#include "graph/log_products.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MOST = 5000 };

typedef struct {
  borel_graph *g;
  engines e;
  borel_node x;
  size_t plain;   /* the program: SUM_LOG of the input */
  size_t counted; /* elements */
} product;

static product product_make(size_t n) {
  product p = {.g = borel_graph_new(), .counted = n};
  p.x = vector_input(p.g, (int64_t)n);
  borel_node y = apply1(p.g, BOREL_OP_SUM_LOG, p.x);
  p.plain = engines_add(&p.e, p.g, &y, 1);
  engines_compile(&p.e);
  return p;
}

static void product_free(product *p) {
  engines_free(&p->e);
  borel_graph_free(p->g);
}

static double product_run(product *p, engine which, double *x) {
  engines_run(&p->e, p->plain, which, (void *[]){x});
  return *(const double *)engines_output(&p->e, p->plain, 0);
}

/* Each product of significands and the logarithm at the end round once, a power of two never; ln 2 times the
 * exponent and the last two additions round at the size of the result. */
static double bound(size_t n, double total) { return ((double)n + 4 + 3 * fabs(total)) * DBL_EPSILON; }

static void expect_sum_of_logs(size_t n, double low, double high) {
  product p = product_make(n);
  uint64_t seed = 77 + n;
  double x[MOST];
  long double sum = 0;
  for (size_t i = 0; i < n; i++) {
    x[i] = exp(uniform(&seed, low, high));
    sum += logl((long double)x[i]);
  }
  double interpreted = product_run(&p, INTERPRETED, x), native = product_run(&p, NATIVE, x);
  cr_expect(same_bits(interpreted, native), "%zu: %a interpreted, %a native", n, interpreted, native);
  cr_expect(fabs(native - (double)sum) <= bound(n, (double)sum),
            "%zu in exp(%g) .. exp(%g): %.17g, not %.17Lg", n, low, high, native, sum);
  product_free(&p);
}

Test(log_products, equals_the_sum_of_logarithms, .init = (void (*)(void))cache_make, .fini = cache_remove) {
  static const size_t sizes[] = {1, 7, 8, 9, 127, 128, 129, 1000, MOST};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    expect_sum_of_logs(sizes[i], -1, 1);
    expect_sum_of_logs(sizes[i], -700, 700);
    expect_sum_of_logs(sizes[i], 600, 709); /* the product itself is far beyond the range */
    expect_sum_of_logs(sizes[i], -708, -600);
  }
}

Test(log_products, takes_every_double, .init = (void (*)(void))cache_make, .fini = cache_remove) {
  enum { N = 200 };
  product p = product_make(N);
  static const double odd[] = {0,       -0.0,     -1,        DBL_TRUE_MIN, DBL_MIN,  DBL_MIN / 2,
                               DBL_MAX, INFINITY, -INFINITY, NAN,          -DBL_MIN, 1};
  uint64_t seed = 5;
  for (size_t o = 0; o < sizeof odd / sizeof *odd; o++)
    for (size_t at = 0; at < N; at += 37) {
      double x[N], sum = 0;
      for (size_t i = 0; i < N; i++) x[i] = uniform(&seed, 0.1, 9);
      x[at] = odd[o];
      for (size_t i = 0; i < N; i++) sum += log(x[i]);
      double interpreted = product_run(&p, INTERPRETED, x), native = product_run(&p, NATIVE, x);
      cr_expect(same_bits(interpreted, native), "%g: %a interpreted, %a native", odd[o], interpreted, native);
      if (isfinite(sum))
        cr_expect(fabs(native - sum) <= bound(N, sum) + N * DBL_EPSILON * fabs(sum), "%g: %.17g, not %.17g",
                  odd[o], native, sum);
      else
        cr_expect(isnan(sum) ? isnan(native) : native == sum, "%g: %g, not %g", odd[o], native, sum);
    }
  product_free(&p);
}

/* ---- rewriting ------------------------------------------------------------------------------- */

enum { ROWS = 150 };

typedef struct {
  borel_graph *g;
  borel_node x, y, s; /* inputs: two vectors and a number */
} setting;

static borel_node sum(setting *t, borel_node a) { return total(t->g, a); }
#define OP1(op, a) apply1(t->g, BOREL_OP_##op, a)
#define OP2(op, a, b) apply2(t->g, BOREL_OP_##op, a, b)
#define NUMBER(v) borel_graph_scalar(t->g, v)

static borel_node logistic(setting *t) {
  return sum(t, OP2(SUB, OP2(MUL, t->y, t->x), OP1(LOG1P_EXP, t->x)));
}
static borel_node variances(setting *t) {
  borel_node v = OP2(ADD, OP1(EXP, t->x), t->s), z = OP2(MUL, NUMBER(-0.5), OP2(DIV, t->y, v));
  return sum(t, OP2(SUB, z, OP2(MUL, t->s, OP1(LOG, v))));
}
static borel_node mixture(setting *t) { return sum(t, OP2(MUL, NUMBER(3), OP2(LOG_ADD_EXP, t->x, t->y))); }
static borel_node heavy_tails(setting *t) {
  return sum(t, OP2(SUB, t->y, OP2(MUL, NUMBER(2.5), OP1(LOG1P, OP2(MUL, t->x, t->x)))));
}
static borel_node two_logs(setting *t) {
  return sum(t, OP2(SUB, OP1(LOG, OP2(ADD, NUMBER(9), t->x)), OP1(LOG1P_EXP, t->y)));
}
/* Left alone: a factor that may be large, one for each row, nothing to take, a logarithm inside. */
static borel_node many_degrees(setting *t) {
  return sum(t, OP2(MUL, t->s, OP1(LOG1P, OP2(MUL, t->x, t->x))));
}
static borel_node weighted(setting *t) { return sum(t, OP2(MUL, t->y, OP1(LOG1P_EXP, t->x))); }
static borel_node squares(setting *t) { return sum(t, OP2(MUL, t->x, t->x)); }
static borel_node square_of_log(setting *t) {
  borel_node z = OP1(LOG1P_EXP, t->x);
  return sum(t, OP2(MUL, z, z));
}

static const struct {
  const char *name;
  borel_node (*make)(setting *);
  size_t found;
} forms[] = {
    {"logistic", logistic, 1},       {"variances", variances, 1},     {"mixture", mixture, 1},
    {"heavy tails", heavy_tails, 1}, {"two logarithms", two_logs, 1}, {"many degrees", many_degrees, 0},
    {"weighted", weighted, 0},       {"squares", squares, 0},         {"square of a log", square_of_log, 0}};

static setting setting_make(int64_t rows) {
  setting t = {.g = borel_graph_new()};
  t.x = vector_input(t.g, rows);
  t.y = vector_input(t.g, rows);
  t.s = scalar_input(t.g);
  return t;
}

Test(log_products, rewrites_sums, .init = (void (*)(void))cache_make, .fini = cache_remove) {
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    setting t = setting_make(ROWS);
    borel_error error = {0};
    size_t found = 0;
    borel_node before = forms[f].make(&t),
               after = borel_graph_log_products(t.g, before, NULL, 0, &found, &error);
    cr_assert(after != BOREL_NO_NODE, "%s", error.message);
    cr_expect(found == forms[f].found && (after == before) == (found == 0), "%s: %zu rewritten",
              forms[f].name, found);
    engines e = {0};
    size_t program = engines_add(&e, t.g, (borel_node[]){before, after}, 2);
    engines_compile(&e);
    uint64_t seed = 3 + f;
    double x[ROWS], y[ROWS], s = 0.7;
    for (int i = 0; i < ROWS; i++) x[i] = uniform(&seed, -8, 8), y[i] = uniform(&seed, -8, 8);
    engines_run(&e, program, NATIVE, (void *[]){x, y, &s});
    double was = *(const double *)engines_output(&e, program, 0),
           is = *(const double *)engines_output(&e, program, 1);
    /* terms of at most 8 * 8 + 1 and factors of at most 3, each rounded twice, and their sums */
    cr_expect(fabs(was - is) <= 3 * 65 * ROWS * DBL_EPSILON, "%s: %.17g before, %.17g after", forms[f].name,
              was, is);
    engines_free(&e);
    borel_graph_free(t.g);
  }
}

Test(log_products, leaves_what_is_computed_anyway) {
  setting s = setting_make(ROWS), *t = &s;
  borel_error error = {0};
  size_t found = 0;
  borel_node z = OP1(LOG1P_EXP, t->x), root = sum(t, z);
  cr_expect(borel_graph_log_products(t->g, root, &z, 1, &found, &error) == root && found == 0);
  cr_expect(borel_graph_log_products(t->g, root, &t->x, 1, &found, &error) != root && found == 1);
  borel_graph_free(t->g);
}

Test(log_products, leaves_few_rows) {
  setting s = setting_make(8), *t = &s;
  borel_error error = {0};
  size_t found = 0;
  borel_node root = logistic(t);
  cr_expect(borel_graph_log_products(t->g, root, NULL, 0, &found, &error) == root && found == 0);
  borel_graph_free(t->g);
}
