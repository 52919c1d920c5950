/* SPDX-License-Identifier: MIT
 *
 * Every elementwise operation of ops.def, driven by the table: native code = interpreter = reference, and
 * derivatives = finite differences. The other operations are in graph_arrays_test.c. */
#include "support/differences.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef BOREL_TEST_GSL
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_sf.h>
#endif

static int is_elementwise(int op) { return borel_op_get((borel_op)op)->kind == BOREL_CLASS_ELEMENTWISE; }

/* ---- points ---------------------------------------------------------------------------------- */

/* Edges first: zeros, infinities, NaN, the ends of the range, and places where algorithms change. */
static const double edges[] = {0.0,    -0.0,    1.0,    -1.0,   0.5,      -0.5,      2.0,   -2.0,
                               1e-300, -1e-300, 1e300,  -1e300, INFINITY, -INFINITY, NAN,   0x1p-1074,
                               1e-17,  1e-9,    10.0,   7.5,    -7.5,     36.7,      -36.7, 709.7,
                               -708.3, 709.9,   -745.2, -746.0, 1e16,     171.5};
enum { EDGES = sizeof edges / sizeof *edges, POINTS = EDGES * EDGES + 100 };

/* Column `k` of the points of an operation: the pairs of edges, then random ones. */
static void fill(int op, int k, uint64_t state, double *d, int64_t *whole) {
  for (size_t i = 0; i < POINTS; i++) {
    size_t edge = k == 0 ? i % EDGES : i / EDGES;
    double x = i < EDGES * EDGES ? edges[k == 2 ? (7 * i + 3) % EDGES : edge] : uniform(&state, -4, 4);
    d[i] = x;
    whole[i] = borel_op_get((borel_op)op)->types[0] == 'I' && borel_op_get((borel_op)op)->types[1] == 'I' &&
                       fabs(x) < 1e18
                   ? (int64_t)x
                   : (int64_t)(i + (size_t)k) % 3 - 1;
  }
}

typedef struct {
  double d[3][POINTS];
  int64_t whole[3][POINTS];
  void *column[3]; /* as the operation takes them */
} points;

static points *make_points(int op) {
  points *p = malloc(sizeof *p);
  const borel_op_info *info = borel_op_get((borel_op)op);
  for (int k = 0; k < 3; k++) {
    fill(op, k, 77 + (uint64_t)k, p->d[k], p->whole[k]);
    p->column[k] = k < info->arity && info->types[k] == 'I' ? (void *)p->whole[k] : (void *)p->d[k];
  }
  return p;
}

/* op of inputs that are arrays, or numbers where `scalar` has bit k. */
static borel_node applied(borel_graph *G, int op, unsigned scalar) {
  const borel_op_info *info = borel_op_get((borel_op)op);
  borel_node args[3];
  for (int k = 0; k < info->arity; k++) {
    borel_shape shape = {scalar >> k & 1 ? 0 : 1, {POINTS}};
    args[k] = borel_graph_input(G, info->types[k] == 'I' ? BOREL_I64 : BOREL_F64, &shape);
  }
  borel_error error = {0};
  borel_node y = borel_graph_op(G, (borel_op)op, args, (size_t)info->arity, 0, NULL, &error);
  cr_assert(y != BOREL_NO_NODE, "%s: %s", info->name, error.message);
  return y;
}

/* ---- native = interpreter -------------------------------------------------------------------- */

/* Loops call libmvec for these, whose results are not those of libm; its documented bound is 4 ulp. For all
 * others, exp and log among them, a loop gives the bits of a single evaluation. */
static double allowance(int op) {
  static const char *const vector_functions[] = {"expm1(", "sin(",  "cos(",  "tan(",  "tanh(", "pow(",
                                                 "erf",    "asin(", "acos(", "atan(", "sinh(", "cosh("};
  const char *text = borel_op_get((borel_op)op)->expression;
  for (size_t i = 0; i < sizeof vector_functions / sizeof *vector_functions; i++)
    if (strstr(text, vector_functions[i])) return 4;
  return 0;
}

static void expect_close(int op, const char *how, size_t i, const points *p, const void *a, const void *b,
                         double ulps) {
  const borel_op_info *info = borel_op_get((borel_op)op);
  if (info->result == 'I') {
    int64_t x = ((const int64_t *)a)[i], y = ((const int64_t *)b)[i];
    cr_expect(x == y, "%s, %s, at point %zu: %lld, %lld", info->name, how, i, (long long)x, (long long)y);
    return;
  }
  double x = ((const double *)a)[i], y = ((const double *)b)[i];
  cr_expect(ulps == 0 ? same_bits(x, y) : ulps_apart(x, y) <= ulps, "%s(%g, %g, %g), %s: %.17g, %.17g",
            info->name, p->d[0][i], p->d[1][i], p->d[2][i], how, x, y);
}

Test(elementwise, native_loops_agree_with_the_interpreter) {
  cache_make();
  engines e = {0};
  borel_graph *G[BOREL_OP_COUNT][2] = {0};
  size_t program[BOREL_OP_COUNT][2];
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    for (unsigned stretched = 0; is_elementwise(op) && stretched < 2; stretched++) {
      G[op][stretched] = borel_graph_new();
      borel_node y = applied(G[op][stretched], op, stretched); /* 1: the first argument is one number */
      program[op][stretched] = engines_add(&e, G[op][stretched], &y, 1);
    }
  engines_compile(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    for (int stretched = 0; is_elementwise(op) && stretched < 2; stretched++) {
      points *p = make_points(op);
      double *kept = malloc(POINTS * sizeof *kept);
      size_t count = stretched && borel_op_get((borel_op)op)->arity == 1 ? 1 : POINTS;
      engines_run(&e, program[op][stretched], INTERPRETED, p->column);
      memcpy(kept, engines_output(&e, program[op][stretched], 0), count * sizeof *kept);
      engines_run(&e, program[op][stretched], NATIVE, p->column);
      for (size_t i = 0; i < count; i++)
        expect_close(op, stretched ? "stretched" : "array", i, p, kept,
                     engines_output(&e, program[op][stretched], 0), allowance(op));
      free(kept);
      free(p);
    }
  engines_free(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    for (int k = 0; k < 2; k++) borel_graph_free(G[op][k]);
  cache_remove();
}

/* On single numbers nothing is vectorised, so not one bit may differ; and folding a constant expression is
 * the same as running it. */
Test(elementwise, scalars_agree_in_every_bit) {
  cache_make();
  engines e = {0};
  borel_graph *G[BOREL_OP_COUNT] = {0};
  size_t program[BOREL_OP_COUNT];
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    if (is_elementwise(op)) {
      G[op] = borel_graph_new();
      borel_node y = applied(G[op], op, 7);
      program[op] = engines_add(&e, G[op], &y, 1);
    }
  engines_compile(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    if (!is_elementwise(op)) continue;
    points *p = make_points(op);
    const borel_op_info *info = borel_op_get((borel_op)op);
    for (size_t i = 0; i < POINTS; i++) {
      void *in[3];
      double number[3], kept;
      for (int k = 0; k < 3; k++) {
        in[k] = (char *)p->column[k] + 8 * i;
        number[k] = k < info->arity && info->types[k] == 'I' ? (double)p->whole[k][i] : p->d[k][i];
      }
      engines_run(&e, program[op], INTERPRETED, in);
      memcpy(&kept, engines_output(&e, program[op], 0), sizeof kept);
      engines_run(&e, program[op], NATIVE, in);
      const void *native = engines_output(&e, program[op], 0);
      cr_expect(info->result == 'I' ? memcmp(native, &kept, 8) == 0
                                    : same_bits(*(const double *)native, kept),
                "%s(%g, %g, %g): native %.17g, interpreted %.17g", info->name, number[0], number[1],
                number[2], *(const double *)native, kept);
      double folded = borel_op_number((borel_op)op, number[0], number[1], number[2]);
      double run = info->result == 'I' ? (double)*(const int64_t *)native : *(const double *)native;
      cr_expect(same_bits(run, folded), "%s(%g, %g, %g): run %.17g, folded %.17g", info->name, number[0],
                number[1], number[2], run, folded);
    }
    free(p);
  }
  engines_free(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++) borel_graph_free(G[op]);
  cache_remove();
}

/* ---- references ------------------------------------------------------------------------------ */

/* The C library's functions, or the definition; within `ulps`. */
static double inverse_logit(double x) { return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static const struct {
  borel_op op;
  double (*f)(double);
  double ulps;
} references1[] = {{BOREL_OP_ABS, fabs, 0},          {BOREL_OP_FLOOR, floor, 0},
                   {BOREL_OP_CEIL, ceil, 0},         {BOREL_OP_SQRT, sqrt, 0},
                   {BOREL_OP_EXP, exp, 1},           {BOREL_OP_EXPM1, expm1, 1},
                   {BOREL_OP_LOG, log, 1},           {BOREL_OP_LOG1P, log1p, 1},
                   {BOREL_OP_SIN, sin, 1},           {BOREL_OP_COS, cos, 1},
                   {BOREL_OP_TAN, tan, 1},           {BOREL_OP_ASIN, asin, 1},
                   {BOREL_OP_ACOS, acos, 1},         {BOREL_OP_ATAN, atan, 1},
                   {BOREL_OP_SINH, sinh, 2},         {BOREL_OP_COSH, cosh, 2},
                   {BOREL_OP_TANH, tanh, 2},         {BOREL_OP_ERF, erf, 1},
                   {BOREL_OP_ERFC, erfc, 1},         {BOREL_OP_INV_LOGIT, inverse_logit, 4},
                   {BOREL_OP_LOG1P_EXP, softplus, 2}};

Test(elementwise, functions_agree_with_the_c_library) {
  for (size_t r = 0; r < sizeof references1 / sizeof *references1; r++) {
    uint64_t state = 5;
    for (size_t i = 0; i < 4000; i++) {
      double x = i < EDGES ? edges[i] : i < 2000 ? uniform(&state, -5, 5) : uniform(&state, -800, 800);
      double want = references1[r].f(x), got = borel_op_number(references1[r].op, x, 0, 0);
      cr_expect(ulps_apart(want, got) <= references1[r].ulps, "%s(%.17g): %.17g, the C library says %.17g",
                borel_op_get(references1[r].op)->name, x, got, want);
    }
  }
  for (size_t i = 0; i < EDGES; i++)
    for (size_t j = 0; j < EDGES; j++)
      cr_expect(ulps_apart(borel_op_number(BOREL_OP_POW, edges[i], edges[j], 0), pow(edges[i], edges[j])) <=
                1);
}

/* Relative to the largest number that the sum is made of: lgamma and digamma pass through 0. */
#ifdef BOREL_TEST_GSL
Test(elementwise, gamma_functions_agree_with_gsl) {
  uint64_t state = 9;
  for (int i = 0; i < 3000; i++) {
    double x = i < 1000   ? uniform(&state, 1e-3, 20)
               : i < 2000 ? exp(uniform(&state, -20, 20))
                          : uniform(&state, -20, 0);
    gsl_sf_result want;
    if (gsl_sf_lngamma_e(x, &want) == 0)
      cr_expect(fabs(borel_op_number(BOREL_OP_LGAMMA, x, 0, 0) - want.val) <
                    1e-13 * (1 + fabs(want.val)) + 4 * want.err,
                "lgamma(%.17g)", x);
    double near = fabs(x - nearbyint(x)); /* to a pole */
    if (gsl_sf_psi_e(x, &want) == 0)
      cr_expect(fabs(borel_op_number(BOREL_OP_DIGAMMA, x, 0, 0) - want.val) <
                    1e-13 * (1 + fabs(want.val)) + (x < 0 ? 1e-14 / (near * near) : 0),
                "digamma(%.17g)", x);
    if (x > 0 && gsl_sf_psi_1_e(x, &want) == 0)
      cr_expect(fabs(borel_op_number(BOREL_OP_TRIGAMMA, x, 0, 0) / want.val - 1) < 1e-13, "trigamma(%.17g)",
                x);
  }
}
#endif

#ifdef BOREL_TEST_GSL
/* Logarithms agree to 1e-6, relative as it is of the probability: GSL 2.7 is off by up to 3e-7 of it (a = 5e5
 * and x near a; student_t far out), beyond its own estimate, where mpmath has all digits of ours.
 * tests/lua/special_test.lua compares all digits at fewer points. Probabilities below 1e-280 are left out:
 * GSL's underflow. Returns 1 when there was something to compare. */
static int agrees(borel_op op, double a, double b, double c, gsl_sf_result want) {
  if (!(want.val > 1e-280) || !isfinite(want.err)) return 0;
  double have = borel_op_number(op, a, b, c), expected = log(want.val);
  cr_expect(fabs(have - expected) <= 1e-6 * (1 + fabs(expected)) + 2 * want.err / want.val,
            "%s(%.17g, %.17g, %.17g): %.17g, GSL %.17g +- %.2g", borel_op_get(op)->name, a, b, c, have,
            expected, want.err / want.val);
  return 1;
}

/* Wide ranges: parameters over eight decades, arguments around the mean and far from it. */
Test(elementwise, incomplete_functions_agree_with_gsl) {
  gsl_set_error_handler_off();
  uint64_t state = 31;
  int compared[4] = {0};
  for (int i = 0; i < 4000; i++) {
    double a = exp(uniform(&state, -7, 11.5)), x = a * exp(uniform(&state, -3, 3) / (1 + sqrt(a) * (i % 2)));
    gsl_sf_result p;
    if (gsl_sf_gamma_inc_P_e(a, x, &p) == 0) compared[0] += agrees(BOREL_OP_LOG_GAMMA_P, a, x, 0, p);
    if (gsl_sf_gamma_inc_Q_e(a, x, &p) == 0) compared[1] += agrees(BOREL_OP_LOG_GAMMA_Q, a, x, 0, p);
    double b = exp(uniform(&state, -5, 9));
    a = exp(uniform(&state, -5, 9));
    double spread = 1 / sqrt(1 + (a < b ? a : b)), odds = a / b * exp(uniform(&state, -6, 6) * spread);
    if (gsl_sf_beta_inc_e(a, b, odds / (1 + odds), &p) == 0)
      compared[2] += agrees(BOREL_OP_LOG_INC_BETA, a, b, odds / (1 + odds), p);
    double nu = exp(uniform(&state, -2, 7)), t = exp(uniform(&state, -6, 4)) * (i % 2 ? 1 : -1);
    p = (gsl_sf_result){gsl_cdf_tdist_P(t, nu), 0};
    compared[3] += agrees(BOREL_OP_STUDENT_T_LOGCDF, nu, t, 0, p);
  }
  for (int k = 0; k < 4; k++) cr_expect(compared[k] > 2000, "function %d: %d points", k, compared[k]);
}

Test(elementwise, normal_and_bessel_functions_agree_with_gsl) {
  gsl_set_error_handler_off();
  uint64_t state = 32;
  for (int i = 0; i < 4000; i++) {
    gsl_sf_result want;
    double x = i % 2 ? uniform(&state, -38, 8) : -exp(uniform(&state, -6, 12));
    if (gsl_sf_log_erfc_e(-x * 0.70710678118654752440, &want) == 0 && x < 3) {
      /* log Phi(x) = log erfc(-x / sqrt 2) - log 2: the argument is rounded, which counts with x times the
       * slope */
      double have = borel_op_number(BOREL_OP_STD_NORMAL_LOGCDF, x, 0, 0),
             expected = want.val - 0.69314718055994531;
      cr_expect(fabs(have - expected) <= 1e-15 * (4 + 2 * x * x + fabs(expected)) + 2 * want.err,
                "log Phi(%.17g)", x);
    }
    if (gsl_sf_hazard_e(-x, &want) == 0)
      cr_expect(fabs(borel_op_number(BOREL_OP_INVERSE_MILLS, x, 0, 0) - want.val) <=
                    1e-15 * (4 + x * x * (x > -5)) * want.val + 2 * want.err,
                "inverse_mills(%.17g)", x);
    double p = i % 2 ? uniform(&state, 0, 1) : exp(uniform(&state, -600, -1));
    double quantile = gsl_cdf_ugaussian_Pinv(p);
    cr_expect(fabs(borel_op_number(BOREL_OP_STD_NORMAL_QUANTILE, p, 0, 0) - quantile) <=
                  1e-14 * (1 + fabs(quantile)),
              "quantile(%.17g)", p);
    double kappa = exp(uniform(&state, -12, 14));
    gsl_sf_result zero, one;
    gsl_sf_bessel_I0_scaled_e(kappa, &zero);
    gsl_sf_bessel_I1_scaled_e(kappa, &one);
    cr_expect(fabs(borel_op_number(BOREL_OP_LOG_I0E, kappa, 0, 0) - log(zero.val)) <=
                  1e-14 + 2 * zero.err / zero.val,
              "log_i0e(%.17g)", kappa);
    cr_expect(fabs(borel_op_number(BOREL_OP_I1_OVER_I0, kappa, 0, 0) - one.val / zero.val) <=
                  (1e-14 + 2 * zero.err / zero.val + 2 * one.err / one.val) * one.val / zero.val,
              "i1_over_i0(%.17g)", kappa);
    double a = exp(uniform(&state, -10, 10)), b = exp(uniform(&state, -10, 10));
    if (gsl_sf_lnbeta_e(a, b, &want) == 0)
      cr_expect(fabs(borel_op_number(BOREL_OP_LBETA, a, b, 0) - want.val) <=
                    1e-14 * (10 + fabs(want.val)) + 2 * want.err,
                "lbeta(%.17g, %.17g)", a, b);
    unsigned n = (unsigned)exp(uniform(&state, 0, 14)),
             k = n > 0 ? (unsigned)uniform_below(&state, n + 1) : 0;
    if (gsl_sf_lnchoose_e(n, k, &want) == 0)
      cr_expect(fabs(borel_op_number(BOREL_OP_LOG_CHOOSE, n, k, 0) - want.val) <=
                    1e-14 * (10 + fabs(want.val)) + 2 * want.err,
                "log_choose(%u, %u)", n, k);
  }
}
#endif

Test(elementwise, conventions_at_the_edges) {
  double inf = INFINITY;
  struct {
    borel_op op;
    double a, b, want;
  } cases[] = {{BOREL_OP_MULZ, 0, inf, 0},
               {BOREL_OP_MULZ, NAN, 0, 0},
               {BOREL_OP_XLOGY, 0, 0, 0},
               {BOREL_OP_XLOGY, 0, -1, 0},
               {BOREL_OP_LOG_ADD_EXP, -inf, -inf, -inf},
               {BOREL_OP_LOG_ADD_EXP, -inf, 3, 3},
               {BOREL_OP_LOG_ADD_EXP, inf, -inf, inf},
               {BOREL_OP_LOG_ADD_EXP, inf, inf, inf},
               {BOREL_OP_LOG_ADD_EXP, NAN, -inf, NAN},
               {BOREL_OP_LOG_ADD_EXP, 1000, 1000, 1000 + 0.69314718055994531},
               {BOREL_OP_FIRST_WEIGHT, -inf, -inf, 0},
               {BOREL_OP_SECOND_WEIGHT, -inf, -inf, 0},
               {BOREL_OP_FIRST_WEIGHT, 7, -inf, 1},
               {BOREL_OP_SECOND_WEIGHT, 7, -inf, 0},
               {BOREL_OP_FIRST_WEIGHT, -inf, 7, 0},
               {BOREL_OP_SECOND_WEIGHT, -inf, 7, 1},
               {BOREL_OP_FIRST_WEIGHT, 2, 2, 0.5},
               {BOREL_OP_SECOND_WEIGHT, 2, 2, 0.5},
               {BOREL_OP_EXP_DIFF, -inf, -inf, 0},
               {BOREL_OP_EXP_DIFF, 2, 2, 1},
               {BOREL_OP_MIN, NAN, 1, NAN},
               {BOREL_OP_MIN, 1, NAN, NAN},
               {BOREL_OP_MAX, NAN, 1, NAN},
               {BOREL_OP_MAX, 1, NAN, NAN},
               {BOREL_OP_LGAMMA, 0, 0, inf},
               {BOREL_OP_LGAMMA, -3, 0, inf},
               {BOREL_OP_LGAMMA, 1, 0, 0},
               {BOREL_OP_LGAMMA, inf, 0, inf},
               {BOREL_OP_DIGAMMA, -2, 0, NAN},
               {BOREL_OP_DIGAMMA, inf, 0, inf},
               {BOREL_OP_TRIGAMMA, inf, 0, 0},
               {BOREL_OP_LOG1P_EXP, -inf, 0, 0},
               {BOREL_OP_LOG1M_EXP, 0, 0, -inf},
               {BOREL_OP_LOG1M_EXP, -inf, 0, 0},
               {BOREL_OP_LOG1M_EXP, 1, 0, NAN},
               {BOREL_OP_LOG_DIFF_EXP, -inf, -inf, -inf},
               {BOREL_OP_LOG_DIFF_EXP, 2, 2, -inf},
               {BOREL_OP_LOG_DIFF_EXP, 2, -inf, 2},
               {BOREL_OP_LOG_DIFF_EXP, 1, 2, NAN},
               {BOREL_OP_STD_NORMAL_LOGCDF, -inf, 0, -inf},
               {BOREL_OP_STD_NORMAL_LOGCDF, inf, 0, -0.0},
               {BOREL_OP_STD_NORMAL_QUANTILE, 0, 0, -inf},
               {BOREL_OP_STD_NORMAL_QUANTILE, 1, 0, inf},
               {BOREL_OP_STD_NORMAL_QUANTILE, 0.5, 0, 0},
               {BOREL_OP_STD_NORMAL_QUANTILE, 1.5, 0, NAN},
               {BOREL_OP_INVERSE_MILLS, inf, 0, 0},
               {BOREL_OP_LOG_I0E, 0, 0, 0},
               {BOREL_OP_I1_OVER_I0, inf, 0, 1},
               {BOREL_OP_LBETA, 0, 1, inf},
               {BOREL_OP_LBETA, -1, 1, NAN},
               {BOREL_OP_LOG_CHOOSE, 3, 4, -inf},
               {BOREL_OP_LOG_CHOOSE, 3, -1, -inf},
               {BOREL_OP_LOG_CHOOSE, 0, 0, 0},
               {BOREL_OP_LOG_GAMMA_P, 2, 0, -inf},
               {BOREL_OP_LOG_GAMMA_Q, 2, 0, 0},
               {BOREL_OP_LOG_GAMMA_P, 2, inf, 0},
               {BOREL_OP_LOG_GAMMA_P, 0, 1, NAN},
               {BOREL_OP_LOG_GAMMA_P, 2, -1, NAN},
               {BOREL_OP_STUDENT_T_LOGCDF, 3, -inf, -inf},
               {BOREL_OP_STUDENT_T_LOGCDF, 3, inf, -0.0},
               {BOREL_OP_STUDENT_T_LOGCDF, -3, 1, NAN},
               {BOREL_OP_INV_LOGIT, -inf, 0, 0},
               {BOREL_OP_INV_LOGIT, inf, 0, 1},
               {BOREL_OP_AND, 2, 1, 1},
               {BOREL_OP_AND, 2, 0, 0},
               {BOREL_OP_OR, 2, 1, 1},
               {BOREL_OP_NOT, 2, 0, 0},
               {BOREL_OP_IS_FINITE, inf, 0, 0},
               {BOREL_OP_IS_FINITE, NAN, 0, 0},
               {BOREL_OP_SIGN, -0.0, 0, 0},
               {BOREL_OP_POW, 0, 0, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double got = borel_op_number(cases[i].op, cases[i].a, cases[i].b, 0);
    cr_expect(same_bits(got, cases[i].want), "%s(%g, %g): %.17g instead of %.17g",
              borel_op_get(cases[i].op)->name, cases[i].a, cases[i].b, got, cases[i].want);
  }
}

/* ---- derivatives ----------------------------------------------------------------------------- */

enum { SAMPLES = 200 };

/* f's elements depend on the elements of its inputs one by one, so all samples are differenced at once. */
static void check_elementwise(int op, int order, engines *e, size_t f, size_t df, int output, int k) {
  const borel_op_info *info = borel_op_get((borel_op)op);
  points *p = make_points(op);
  uint64_t state = 1234 + (uint64_t)op;
  for (int j = 0; j < info->arity; j++)
    for (int i = 0; i < SAMPLES; i++)
      p->d[j][i] = i % 2 ? uniform(&state, -3, 3) : uniform(&state, 0.05, 0.95);
  difference *d = malloc(SAMPLES * sizeof *d);
  differences(e, f, 0, p->column, p->d[k], SAMPLES, d);
  engines_run(e, df, INTERPRETED, p->column);
  const double *derivative = engines_output(e, df, (size_t)output);
  int checked = 0;
  for (int i = 0; i < SAMPLES; i++) {
    double tolerance = 10 * d[i].error + 1e-9 * (1 + fabs(d[i].value));
    if (!isfinite(d[i].value) || tolerance > 1e-4 * (1 + fabs(d[i].value)))
      continue; /* near a kink or a pole */
    checked++;
    cr_expect(fabs(derivative[i] - d[i].value) <= tolerance,
              "%s(%g, %g, %g), order %d, argument %d: %.12g, differences %.12g", info->name, p->d[0][i],
              p->d[1][i], p->d[2][i], order, k, derivative[i], d[i].value);
  }
  cr_expect(checked >= SAMPLES / 5, "%s, order %d, argument %d: only %d points to compare", info->name, order,
            k, checked);
  free(d);
  free(p);
}

/* Sums y as numbers. */
static borel_node sum_of(borel_graph *G, borel_node y) {
  if (borel_graph_at(G, y)->dtype == BOREL_I64) y = apply1(G, BOREL_OP_TO_F64, y);
  return total(G, y);
}

/* Parts of derivatives, whose own derivatives are not offered. */
static int ends_differentiation(int op) {
  return op == BOREL_OP_TRIGAMMA || strncmp(borel_op_get((borel_op)op)->name, "d_", 2) == 0;
}

/* `first`, a derivative of y, differentiated with respect to every argument: mixed derivatives too. */
static void check_second(borel_graph *G, engines *e, int op, size_t df, borel_node first) {
  const borel_op_info *info = borel_op_get((borel_op)op);
  for (int j = 0; j < info->arity; j++) {
    if (info->types[j] != 'D') continue;
    borel_node wrt = (borel_node)j, second;
    borel_error error = {0};
    borel_status status = borel_graph_gradient(G, sum_of(G, first), &wrt, 1, &second, &error);
    if (status == BOREL_OK) {
      check_elementwise(op, 2, e, df, engines_add(e, G, &second, 1), 0, j);
      continue;
    }
    cr_expect(strstr(error.message, "is not offered") &&
                  (op == BOREL_OP_DIGAMMA || strstr(error.message, info->name)),
              "%s: %s", info->name, error.message);
  }
}

/* STOP is the one operation whose derivative is 0 by decree. Where the first or the second derivative is not
 * offered, that is an error which says so. */
Test(elementwise, derivatives_agree_with_differences) {
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    if (!is_elementwise(op) || op == BOREL_OP_STOP) continue;
    const borel_op_info *info = borel_op_get((borel_op)op);
    for (int k = 0; k < info->arity; k++) {
      if (info->types[k] != 'D') continue;
      borel_graph *G = borel_graph_new();
      engines e = {0};
      borel_node y = applied(G, op, 0), wrt = (borel_node)k, first;
      borel_error error = {0};
      if (info->result == 'I') y = apply1(G, BOREL_OP_TO_F64, y);
      borel_status status = borel_graph_gradient(G, sum_of(G, y), &wrt, 1, &first, &error);
      if (ends_differentiation(op)) {
        cr_expect(status != BOREL_OK && strstr(error.message, info->name));
        borel_graph_free(G);
        continue;
      }
      cr_assert(status == BOREL_OK, "%s: %s", info->name, error.message);
      size_t f = engines_add(&e, G, &y, 1), df = engines_add(&e, G, &first, 1);
      check_elementwise(op, 1, &e, f, df, 0, k);
      check_second(G, &e, op, df, first);
      engines_free(&e);
      borel_graph_free(G);
    }
  }
}

/* where(x > 0, f(x), 0) has derivatives 0 at x < 0, whatever f does there: never NaN; in both engines, and
 * also the second derivative, and that of the squared gradient. */
Test(elementwise, a_dead_branch_gives_no_gradient) {
  cache_make();
  engines e = {0};
  borel_graph *G[BOREL_OP_COUNT][3] = {0};
  size_t program[BOREL_OP_COUNT][3], orders[BOREL_OP_COUNT][3];
  double x[4] = {-1.5, 0.0, -INFINITY, NAN};
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    const borel_op_info *info = borel_op_get((borel_op)op);
    if (!is_elementwise(op) || info->result != 'D' || ends_differentiation(op)) continue;
    for (int k = 0; k < info->arity; k++) {
      if (info->types[k] != 'D') continue;
      borel_graph *g = G[op][k] = borel_graph_new();
      borel_node in = vector_input(g, 4), args[3],
                 alive = apply2(g, BOREL_OP_GT, in, borel_graph_scalar(g, 0)), d[3];
      for (int j = 0; j < info->arity; j++)
        args[j] = j == k ? in : info->types[j] == 'I' ? alive : borel_graph_scalar(g, 0.75);
      borel_node y = borel_graph_op(g, (borel_op)op, args, (size_t)info->arity, 0, NULL, NULL);
      y = apply3(g, BOREL_OP_WHERE, alive, y, borel_graph_scalar(g, 0));
      cr_assert(borel_graph_gradient(g, total(g, y), &in, 1, d, NULL) == BOREL_OK);
      orders[op][k] = 1;
      if (borel_graph_gradient(g, total(g, d[0]), &in, 1, d + 1, NULL) == BOREL_OK &&
          borel_graph_gradient(g, total(g, apply2(g, BOREL_OP_MUL, d[0], d[0])), &in, 1, d + 2, NULL) ==
              BOREL_OK)
        orders[op][k] = 3;
      program[op][k] = engines_add(&e, g, d, orders[op][k]);
    }
  }
  engines_compile(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    for (int k = 0; k < 3; k++)
      for (int which = INTERPRETED; G[op][k] && which <= NATIVE; which++) {
        engines_run(&e, program[op][k], (engine)which, (void *[]){x});
        for (size_t order = 0; order < orders[op][k]; order++) {
          const double *d = engines_output(&e, program[op][k], order);
          for (int i = 0; i < 4; i++)
            cr_expect(d[i] == 0, "%s, argument %d, derivative %zu, at %g: %g",
                      borel_op_get((borel_op)op)->name, k, order, x[i], d[i]);
        }
      }
  engines_free(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    for (int k = 0; k < 3; k++) borel_graph_free(G[op][k]);
  cache_remove();
}
