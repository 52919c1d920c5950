/* SPDX-License-Identifier: MIT
 * lgamma, digamma, trigamma, lbeta and log_choose of the graph against 80-bit references, for processors with
 * fused multiply-add and without; what they are at the edges; and that loops of native code, in which most
 * elements have another form than the few that are far out, give the interpreter's bits. The bounds are the
 * largest errors of 300000 points in each range (docs/performance.md), rounded up. */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/processor.h"
#include "graph/graph.h"

TestSuite(special_gamma, .fini = cache_remove);

/* ---- references: shifted up to 40, then twelve terms of the asymptotic series ---------------------- */

enum { TERMS = 12 };
static const long double bernoulli[TERMS] = {
    1 / 6.0L, -1 / 30.0L,     1 / 42.0L,      -1 / 30.0L,       5 / 66.0L,       -691 / 2730.0L,
    7 / 6.0L, -3617 / 510.0L, 43867 / 798.0L, -174611 / 330.0L, 854513 / 138.0L, -236364091 / 2730.0L};

static long double digammal(long double x) {
  long double shift = 0;
  for (; x < 40; x += 1) shift += 1 / x;
  long double z = 1 / (x * x), power = z, sum = logl(x) - 1 / (2 * x);
  for (int k = 0; k < TERMS; k++, power *= z) sum -= bernoulli[k] / (2 * k + 2) * power;
  return sum - shift;
}

static long double trigammal(long double x) {
  long double shift = 0;
  for (; x < 40; x += 1) shift += 1 / (x * x);
  long double z = 1 / (x * x), power = z / x, sum = 1 / x + z / 2;
  for (int k = 0; k < TERMS; k++, power *= z) sum += bernoulli[k] * power;
  return sum + shift;
}

/* What Stirling's formula leaves. */
static long double tail(long double x) {
  long double z = 1 / (x * x), power = 1 / x, sum = 0;
  for (int k = 0; k < TERMS; k++, power *= z) sum += bernoulli[k] / ((2 * k + 2) * (2 * k + 1)) * power;
  return sum;
}

static long double lbetal(long double a, long double b) {
  long double shift = 0;
  for (; a < 40; a += 1) shift += log1pl(b / a);
  for (; b < 40; b += 1) shift += log1pl(a / b);
  long double low = fminl(a, b), high = fmaxl(a, b), sum = a + b;
  return shift + 0.918938533204672741780329736406L - 0.5L * logl(low / sum * high) + low * logl(low / sum) +
         high * log1pl(-low / sum) + tail(a) + tail(b) - tail(sum);
}

static long double log_choosel(long double n, long double k) { return -log1pl(n) - lbetal(n - k + 1, k + 1); }

/* ---- accuracy ------------------------------------------------------------------------------------- */

static double next(void) { return (double)random() * 0x1p-31 + (double)random() * 0x1p-62; }
static double between(double low, double high) { return low + next() * (high - low); }
static double decade(double low, double high) { return exp(between(log(low), log(high))); }

static double ulp(long double exact) {
  int exponent;
  frexpl(exact, &exponent);
  return ldexp(1, (exponent < DBL_MIN_EXP ? DBL_MIN_EXP : exponent) - DBL_MANT_DIG);
}

/* `ulps` units in the last place, or `absolute` where that is more. */
typedef struct {
  borel_op op;
  long double (*exact)(long double);
  double low, high;
  int by_logarithm;
  double ulps, absolute;
} range;

static const range ranges[] = {
    {BOREL_OP_LGAMMA, lgammal, 1e-307, 1e-3, 1, 1.2, 0},
    {BOREL_OP_LGAMMA, lgammal, 1e-3, 0.9, 0, 3, 0},
    {BOREL_OP_LGAMMA, lgammal, 0.9, 1.1, 0, 3, 0},
    {BOREL_OP_LGAMMA, lgammal, 0.9999, 1.0001, 0, 3, 0},
    {BOREL_OP_LGAMMA, lgammal, 1.1, 1.9, 0, 7.5, 0},
    {BOREL_OP_LGAMMA, lgammal, 1.9, 2.1, 0, 3, 0},
    {BOREL_OP_LGAMMA, lgammal, 1.9999, 2.0001, 0, 3, 0},
    {BOREL_OP_LGAMMA, lgammal, 2.1, 4, 0, 7.5, 0},
    {BOREL_OP_LGAMMA, lgammal, 4, 10, 0, 3.2, 0},
    {BOREL_OP_LGAMMA, lgammal, 10, 1e15, 1, 1.6, 0},
    {BOREL_OP_LGAMMA, lgammal, 1e15, 2e305, 1, 1.6, 0},
    {BOREL_OP_DIGAMMA, digammal, 1e-300, 1e-3, 1, 3, 0},
    {BOREL_OP_DIGAMMA, digammal, 1e-3, 0.9, 0, 3.5, 0},
    {BOREL_OP_DIGAMMA, digammal, 0.9, 2, 0, 2.4, 2.4e-16},
    {BOREL_OP_DIGAMMA, digammal, 1.46, 1.463, 0, 0, 2.4e-16},
    {BOREL_OP_DIGAMMA, digammal, 2, 10, 0, 2.4, 0},
    {BOREL_OP_DIGAMMA, digammal, 10, 1e300, 1, 1, 0},
    {BOREL_OP_TRIGAMMA, trigammal, 1e-150, 1e-3, 1, 5.5, 0},
    {BOREL_OP_TRIGAMMA, trigammal, 1e-3, 0.9, 0, 5.5, 0},
    {BOREL_OP_TRIGAMMA, trigammal, 0.9, 10, 0, 2.6, 0},
    {BOREL_OP_TRIGAMMA, trigammal, 10, 1e300, 1, 2.6, 0},
};

/* Error of an operation of two arguments, in units of 1 + |value|. */
static double off(borel_op op, double a, double b, long double exact) {
  return (double)(fabsl((long double)borel_op_number(op, a, b, 0) - exact) / (1 + fabsl(exact)));
}

static void expect_accurate(void) {
  if (LDBL_MANT_DIG < 64) cr_skip("long double is double here");
  enum { POINTS = 20000 };
  srandom(2);
  for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
    const range *in = &ranges[r];
    for (int i = 0; i < POINTS; i++) {
      double x = in->by_logarithm ? decade(in->low, in->high) : between(in->low, in->high);
      long double exact = in->exact((long double)x);
      double error = (double)fabsl((long double)borel_op_number(in->op, x, 0, 0) - exact);
      if (error > fmax(in->ulps * ulp(exact), in->absolute))
        cr_assert(0, "%s(%.17g): %.2f ulp, %.3g", borel_op_get(in->op)->name, x, error / ulp(exact), error);
    }
  }
  for (int i = 0; i < POINTS; i++) {
    double a = decade(1e-3, 1e3), b = decade(1e-3, 1e8), n = floor(decade(1, 1e9)),
           k = floor(next() * (n + 1));
    cr_assert_lt(off(BOREL_OP_LBETA, a, b, lbetal(a, b)), 2.5e-15, "lbeta(%.17g, %.17g)", a, b);
    cr_assert_lt(off(BOREL_OP_LOG_CHOOSE, n, k, log_choosel(n, k)), 6e-16, "log_choose(%.0f, %.0f)", n, k);
    k = floor(decade(1, fmin(n, 20) + 1)) - 1;
    cr_assert_lt(off(BOREL_OP_LOG_CHOOSE, n, k, log_choosel(n, k)), 6e-16, "log_choose(%.0f, %.0f)", n, k);
  }
}

static void on_the_baseline(void) {
  setenv("BOREL_BASELINE", "1", 1);
#if defined(__x86_64__)
  cr_assert(!borel_processor_has_fma());
#endif
}

Test(special_gamma, accurate) { expect_accurate(); }

Test(special_gamma, accurate_on_the_baseline) {
  on_the_baseline();
  expect_accurate();
}

/* Reflected: relative to what the two sides of the reflection are. */
Test(special_gamma, below_zero) {
  if (LDBL_MANT_DIG < 64) cr_skip("long double is double here");
  const long double pi = 3.14159265358979323846264338328L;
  srandom(3);
  for (int i = 0; i < 20000; i++) {
    double x = i % 2 ? between(-20, 0) : -decade(1e-12, 1e6);
    if (x == floor(x)) continue;
    long double away = (long double)x - roundl((long double)x), other = 1 - (long double)x;
    long double size = fabsl(logl(fabsl(sinl(pi * away)))) + fabsl(lgammal(other)) + 1;
    double error =
        (double)fabsl((long double)borel_op_number(BOREL_OP_LGAMMA, x, 0, 0) - lgammal((long double)x));
    cr_expect_lt(error, 1e-15 * (double)size, "lgamma(%.17g): %.3g", x, error);
    long double cotangent = pi / tanl(pi * away), cosecant = pi / sinl(pi * away);
    long double psi = digammal(other) - cotangent, psi1 = cosecant * cosecant - trigammal(other);
    error = (double)fabsl((long double)borel_op_number(BOREL_OP_DIGAMMA, x, 0, 0) - psi);
    cr_expect_lt(error, 1e-15 * (double)(fabsl(cotangent) + fabsl(psi) + 1), "digamma(%.17g): %.3g", x,
                 error);
    error = (double)fabsl((long double)borel_op_number(BOREL_OP_TRIGAMMA, x, 0, 0) - psi1);
    cr_expect_lt(error, 1e-15 * (double)(cosecant * cosecant + fabsl(psi1)), "trigamma(%.17g): %.3g", x,
                 error);
  }
}

static void expect_edges(void) {
  const double inf = INFINITY;
  const struct {
    borel_op op;
    double a, b, want;
  } cases[] = {{BOREL_OP_LGAMMA, -0.0, 0, inf},
               {BOREL_OP_LGAMMA, -inf, 0, inf},
               {BOREL_OP_LGAMMA, -0x1p60, 0, inf},
               {BOREL_OP_LGAMMA, NAN, 0, NAN},
               {BOREL_OP_LGAMMA, 1, 0, 0},
               {BOREL_OP_LGAMMA, 2, 0, 0},
               {BOREL_OP_LGAMMA, 0x1p-1074, 0, 744.44007192138126},
               {BOREL_OP_LGAMMA, 1e300, 0, 6.8977552789821371e302},
               {BOREL_OP_LGAMMA, 1e306, 0, inf},
               {BOREL_OP_LGAMMA, DBL_MAX, 0, inf},
               {BOREL_OP_DIGAMMA, 0, 0, NAN},
               {BOREL_OP_DIGAMMA, -inf, 0, NAN},
               {BOREL_OP_DIGAMMA, NAN, 0, NAN},
               {BOREL_OP_DIGAMMA, 0x1p-1074, 0, -inf},
               {BOREL_OP_DIGAMMA, 1e300, 0, 690.77552789821368},
               {BOREL_OP_TRIGAMMA, 0, 0, inf},
               {BOREL_OP_TRIGAMMA, -3, 0, inf},
               {BOREL_OP_TRIGAMMA, NAN, 0, NAN},
               {BOREL_OP_TRIGAMMA, 1e-200, 0, inf},
               {BOREL_OP_TRIGAMMA, 1e300, 0, 1e-300},
               {BOREL_OP_LBETA, 0, 0, inf},
               {BOREL_OP_LBETA, 0, inf, NAN},
               {BOREL_OP_LBETA, 2, inf, -inf},
               {BOREL_OP_LBETA, NAN, 2, NAN},
               {BOREL_OP_LBETA, 2, NAN, NAN},
               {BOREL_OP_LBETA, 1e300, 1, -690.77552789821368},
               {BOREL_OP_LBETA, 1e-300, 1, 690.77552789821368},
               {BOREL_OP_LOG_CHOOSE, 7, 0, 0},
               {BOREL_OP_LOG_CHOOSE, 7, 7, 0},
               {BOREL_OP_LOG_CHOOSE, 1e300, 0, 0},
               {BOREL_OP_LOG_CHOOSE, -1, 0, NAN},
               {BOREL_OP_LOG_CHOOSE, 3, NAN, NAN},
               {BOREL_OP_LOG_CHOOSE, NAN, 3, NAN},
               {BOREL_OP_LOG_CHOOSE, 1e300, 1, 690.77552789821368}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double got = borel_op_number(cases[i].op, cases[i].a, cases[i].b, 0), want = cases[i].want;
    cr_expect(same_bits(got, want) || (isfinite(want) && want != 0 && ulps_apart(got, want) <= 2),
              "%s(%g, %g): %.17g instead of %.17g", borel_op_get(cases[i].op)->name, cases[i].a, cases[i].b,
              got, want);
  }
}

Test(special_gamma, edges) { expect_edges(); }

Test(special_gamma, edges_on_the_baseline) {
  on_the_baseline();
  expect_edges();
}

/* ---- loops ---------------------------------------------------------------------------------------- */

enum { SIZE = 300, OPS = 5, OUTPUTS = 3 * OPS + 4 };
static const borel_op ops[OPS] = {BOREL_OP_LGAMMA, BOREL_OP_DIGAMMA, BOREL_OP_TRIGAMMA, BOREL_OP_LBETA,
                                  BOREL_OP_LOG_CHOOSE};

/* Every function of an array, of it and an array or a number, and calls of calls. */
static size_t functions_of(borel_graph *G, borel_node *outputs) {
  borel_node x = vector_input(G, SIZE), w = vector_input(G, SIZE), number = scalar_input(G);
  borel_node known = borel_graph_scalar(G, 2.0);
  size_t count = 0;
  for (int i = 0; i < OPS; i++) {
    int unary = i < 3;
    outputs[count++] = unary ? apply1(G, ops[i], x) : apply2(G, ops[i], x, w);
    outputs[count++] = unary ? apply1(G, ops[i], number) : apply2(G, ops[i], x, number);
    outputs[count++] = total(G, unary ? apply1(G, ops[i], w) : apply2(G, ops[i], w, known));
  }
  borel_node lg = apply1(G, BOREL_OP_LGAMMA, x),
             exponential = apply1(G, BOREL_OP_EXP, apply1(G, BOREL_OP_NEG, lg));
  borel_node choose = apply2(G, BOREL_OP_LOG_CHOOSE, apply1(G, BOREL_OP_ABS, lg), exponential);
  outputs[count++] = apply1(G, BOREL_OP_STD_NORMAL_LOGCDF, apply2(G, BOREL_OP_SUB, choose, lg));
  outputs[count++] = apply1(G, BOREL_OP_DIGAMMA, apply2(G, BOREL_OP_ADD, exponential, w));
  outputs[count++] = total(G, apply2(G, BOREL_OP_MUL, apply1(G, BOREL_OP_LGAMMA, w), exponential));
  outputs[count++] = apply2(G, BOREL_OP_LBETA, exponential, exponential);
  return count;
}

static void expect_same_bits(void) {
  static const double rare[] = {0,      -0.0,   1,      2,    -1,  -2.5, INFINITY, -INFINITY, NAN, 1e300,
                                5e-324, 1e-310, 1e-120, 1e70, 0.4, 1.4,  0.5,      1.5,       2.5, DBL_MAX};
  enum { RARE = sizeof rare / sizeof *rare };
  cache_make();
  uint64_t state = 5;
  double x[SIZE], w[SIZE], number = 3.25;
  for (int i = 0; i < SIZE; i++) {
    x[i] = exp(uniform(&state, -6, 8));
    w[i] = i % 3 ? uniform(&state, 0, 5) : (double)uniform_below(&state, 12);
  }
  borel_graph *G = borel_graph_new();
  borel_node outputs[OUTPUTS];
  size_t count = functions_of(G, outputs);
  cr_assert(count == OUTPUTS);
  engines e = {0};
  size_t p = engines_add(&e, G, outputs, count);
  engines_compile(&e);
  for (int round = 0; round < 2; round++) { /* first without, then with rare elements in some pieces */
    for (size_t i = 0; round && i < RARE; i++)
      x[7 * i + 3] = rare[i], w[7 * i + 3] = rare[(3 * i + 1) % RARE], w[SIZE - 1 - i] = rare[i];
    void *inputs[] = {x, w, &number};
    double *kept[OUTPUTS];
    size_t size[OUTPUTS];
    engines_run(&e, p, INTERPRETED, inputs);
    for (size_t k = 0; k < count; k++) {
      size[k] = borel_graph_at(G, outputs[k])->shape.rank ? SIZE : 1;
      kept[k] = malloc(size[k] * sizeof(double));
      memcpy(kept[k], engines_output(&e, p, k), size[k] * sizeof(double));
    }
    engines_run(&e, p, NATIVE, inputs);
    for (size_t k = 0; k < count; k++) {
      const double *got = engines_output(&e, p, k);
      for (size_t i = 0; i < size[k]; i++)
        cr_expect(same_bits(got[i], kept[k][i]),
                  "output %zu, element %zu (%g, %g): native %.17g, interpreter %.17g", k, i, x[i], w[i],
                  got[i], kept[k][i]);
      free(kept[k]);
    }
    const double *lgamma_x = engines_output(&e, p, 0);
    for (int i = 0; i < SIZE; i++)
      cr_expect(same_bits(lgamma_x[i], borel_op_number(BOREL_OP_LGAMMA, x[i], 0, 0)), "lgamma(%.17g)", x[i]);
  }
  engines_free(&e);
  borel_graph_free(G);
}

Test(special_gamma, native_code_gives_the_bits_of_the_interpreter) { expect_same_bits(); }

Test(special_gamma, native_code_gives_the_bits_of_the_interpreter_on_the_baseline) {
  on_the_baseline();
  expect_same_bits();
}

Test(special_gamma, each_is_the_derivative_of_the_one_before) {
  borel_graph *G = borel_graph_new();
  borel_node x = vector_input(G, SIZE), first, second;
  cr_assert(borel_graph_gradient(G, total(G, apply1(G, BOREL_OP_LGAMMA, x)), &x, 1, &first, NULL) ==
            BOREL_OK);
  cr_assert(borel_graph_gradient(G, total(G, first), &x, 1, &second, NULL) == BOREL_OK);
  borel_node outputs[] = {first, second};
  engines e = {0};
  cache_make();
  size_t p = engines_add(&e, G, outputs, 2);
  engines_compile(&e);
  double at[SIZE];
  for (int i = 0; i < SIZE; i++) at[i] = i < 20 ? 0.37 * i - 3.6 : 0.05 * i;
  engines_run(&e, p, NATIVE, (void *[]){at});
  const double *psi = engines_output(&e, p, 0), *psi1 = engines_output(&e, p, 1);
  for (int i = 0; i < SIZE; i++) {
    /* a central difference of step h: h^2 f''' / 6 of truncation and 1e-15 |f| / h of rounding, near the pole
     * at distance d of a 1 / d^3 (or 1 / d^4) slope */
    double h = 1e-4, d = fmin(at[i] > 0 ? at[i] : 1, at[i] < 0.5 ? fabs(at[i] - nearbyint(at[i])) : 1);
    double by_lgamma = (borel_op_number(BOREL_OP_LGAMMA, at[i] + h, 0, 0) -
                        borel_op_number(BOREL_OP_LGAMMA, at[i] - h, 0, 0)) /
                       (2 * h);
    double by_digamma = (borel_op_number(BOREL_OP_DIGAMMA, at[i] + h, 0, 0) -
                         borel_op_number(BOREL_OP_DIGAMMA, at[i] - h, 0, 0)) /
                        (2 * h);
    cr_expect_lt(fabs(psi[i] - by_lgamma), 1e-9 + h * h / (d * d * d), "digamma(%g)", at[i]);
    cr_expect_lt(fabs(psi1[i] - by_digamma), 1e-9 + 2 * h * h / (d * d * d * d), "trigamma(%g)", at[i]);
  }
  engines_free(&e);
  borel_graph_free(G);
}
