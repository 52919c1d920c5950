/* SPDX-License-Identifier: MIT
 * Every law against its exact distribution: Kolmogorov-Smirnov for continuous ones, chi-square for discrete
 * ones. Seeds are fixed and each test has a false-alarm level of 1e-6, so a failure is a defect. */
#include "random/source_philox.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef BOREL_TEST_GSL
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#endif

enum { DRAWS = 100000 };
static const double LEVEL = 1e-6;

static borel_error error;

static borel_philox_rng source(uint64_t seed) {
  borel_philox_rng r;
  borel_philox_open(&r, borel_stream_root(seed), 0, 0, 0, &error);
  return r;
}

/* ---- Kolmogorov-Smirnov ---------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef double distribution(double x, double a, double b);

/* P(sqrt(n) D > t) tends to 2 exp(-2 t^2) from below. */
static void assert_distributed(double *x, size_t n, distribution *cdf, double a, double b, const char *name) {
  qsort(x, n, sizeof *x, ascending);
  double worst = 0;
  for (size_t i = 0; i < n; i++) {
    double p = cdf(x[i], a, b);
    worst = fmax(worst, fmax(fabs(p - (double)i / (double)n), fabs(p - (double)(i + 1) / (double)n)));
  }
  const double limit = sqrt(log(2 / LEVEL) / 2), t = sqrt((double)n) * worst;
  cr_assert_lt(t, limit, "%s(%g, %g): sqrt(n) D = %.3f, limit %.3f", name, a, b, t, limit);
}

static double uniform_cdf(double x, double a, double b) { return (x - a) / (b - a); }
static double normal_cdf(double x, double a, double b) { return 0.5 * erfc(-(x - a) / b * sqrt(0.5)); }
static double exponential_cdf(double x, double a, double b) { return (void)a, (void)b, -expm1(-x); }

Test(random_laws, uniform_normal_and_exponential_have_their_distributions) {
  static double x[DRAWS];
  borel_philox_rng r = source(1);
  for (int i = 0; i < DRAWS; i++) x[i] = r.rng.ops->uniform(&r.rng);
  assert_distributed(x, DRAWS, uniform_cdf, 0, 1, "uniform");
  for (int i = 0; i < DRAWS; i++) x[i] = r.rng.ops->normal(&r.rng);
  assert_distributed(x, DRAWS, normal_cdf, 0, 1, "normal");
  for (int i = 0; i < DRAWS; i++) x[i] = r.rng.ops->exponential(&r.rng);
  assert_distributed(x, DRAWS, exponential_cdf, 0, 0, "exponential");
}

Test(random_laws, fills_across_lanes_and_indices_have_their_distributions) {
  static double x[DRAWS];
  borel_philox_rng r = source(2);
  r.rng.ops->fill_normal(&r.rng, x, DRAWS / 2, 2);
  assert_distributed(x, DRAWS, normal_cdf, 0, 1, "normal across lanes");
  for (int i = 0; i < DRAWS; i++) {
    borel_philox_open(&r, 5, 0, (uint64_t)i, 0, &error);
    x[i] = r.rng.ops->uniform(&r.rng);
  }
  assert_distributed(x, DRAWS, uniform_cdf, 0, 1, "uniform across indices");
  for (int i = 0; i < DRAWS; i++) {
    borel_philox_open(&r, borel_stream_child_id(7, (uint64_t)i), 0, 0, 0, &error);
    x[i] = r.rng.ops->uniform(&r.rng);
  }
  assert_distributed(x, DRAWS, uniform_cdf, 0, 1, "uniform across keys");
}

Test(random_laws, the_two_normals_of_a_block_are_independent) {
  static double sum[DRAWS], squares[DRAWS];
  borel_philox_rng r = source(3);
  for (int i = 0; i < DRAWS; i++) {
    double a = r.rng.ops->normal(&r.rng), b = r.rng.ops->normal(&r.rng);
    sum[i] = a + b;
    squares[i] = 0.5 * (a * a + b * b);
  }
  assert_distributed(sum, DRAWS, normal_cdf, 0, sqrt(2), "sum");
  assert_distributed(squares, DRAWS, exponential_cdf, 0, 0, "half sum of squares");
}

Test(random_laws, a_drawn_unif_is_a_uniform_compared) {
  static double x[DRAWS];
  borel_philox_rng r = source(4);
  for (int i = 0; i < DRAWS; i++) {
    borel_unif u = r.rng.ops->unif(&r.rng);
    cr_assert_eq(r.rng.ops->unif_lt(&r.rng, &u, 0.25), u.value < 0.25);
    cr_assert_eq(r.rng.ops->unif_lt(&r.rng, &u, u.value), 0);
    x[i] = u.value;
  }
  assert_distributed(x, DRAWS, uniform_cdf, 0, 1, "unif");
}

#ifdef BOREL_TEST_GSL
static double gamma_cdf(double x, double a, double b) { return gsl_cdf_gamma_P(x, a, b); }
static double beta_cdf(double x, double a, double b) { return gsl_cdf_beta_P(x, a, b); }

Test(random_laws, gamma_has_its_distribution) {
  static const double shapes[] = {0.05, 0.5, 1, 1.5, 3, 30, 1e4};
  static double x[DRAWS];
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    borel_philox_rng r = source(10 + s);
    for (int i = 0; i < DRAWS; i++) x[i] = r.rng.ops->gamma(&r.rng, shapes[s]);
    assert_distributed(x, DRAWS, gamma_cdf, shapes[s], 1, "gamma");
  }
}

Test(random_laws, beta_has_its_distribution) {
  static const double shapes[][2] = {{0.5, 0.5}, {1, 1}, {0.05, 0.1}, {2, 5}, {30, 0.3}, {500, 700}};
  static double x[DRAWS];
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    borel_philox_rng r = source(20 + s);
    for (int i = 0; i < DRAWS; i++) x[i] = r.rng.ops->beta(&r.rng, shapes[s][0], shapes[s][1]);
    assert_distributed(x, DRAWS, beta_cdf, shapes[s][0], shapes[s][1], "beta");
  }
}

/* ---- chi-square ------------------------------------------------------------------------------ */

/* counts[n] against probabilities[n]; neighbours are pooled until 10 are expected. */
static void assert_counts(const double *counts, const double *probability, size_t n, const char *name) {
  double total = 0, observed = 0, expected = 0, chi2 = 0, last_o = 0, last_e = 0;
  size_t cells = 0;
  for (size_t i = 0; i < n; i++) total += counts[i];
  for (size_t i = 0; i < n; i++) {
    cr_assert(probability[i] > 0 || counts[i] == 0, "%s: impossible outcome %zu", name, i);
    observed += counts[i];
    expected += total * probability[i];
    if (expected >= 10) {
      chi2 += (observed - expected) * (observed - expected) / expected;
      last_o = observed, last_e = expected;
      observed = expected = 0;
      cells++;
    }
  }
  if (last_e > 0) { /* the rest joins the last cell */
    chi2 -= (last_o - last_e) * (last_o - last_e) / last_e;
    last_o += observed, last_e += expected;
    chi2 += (last_o - last_e) * (last_o - last_e) / last_e;
  }
  cr_assert_gt(cells, 1, "%s: one cell only", name);
  const double limit = gsl_cdf_chisq_Qinv(LEVEL, (double)cells - 1);
  cr_assert_lt(chi2, limit, "%s: chi2 = %.2f with %zu cells, limit %.2f", name, chi2, cells, limit);
}

static void assert_coin(double ones, double p, const char *name) {
  assert_counts((double[]){DRAWS - ones, ones}, (double[]){1 - p, p}, 2, name);
}

Test(random_laws, coins_have_their_probabilities) {
  borel_philox_rng r = source(30);
  double accepts = 0, ups = 0, heads = 0;
  for (int i = 0; i < DRAWS; i++) {
    accepts += r.rng.ops->accept(&r.rng, log(0.3));
    ups += r.rng.ops->direction(&r.rng) > 0;
    heads += r.rng.ops->bernoulli(&r.rng, 0.9);
    cr_assert_eq(r.rng.ops->accept(&r.rng, 0), 1);
    cr_assert_eq(r.rng.ops->accept(&r.rng, INFINITY), 1);
    cr_assert_eq(r.rng.ops->accept(&r.rng, -INFINITY), 0);
    cr_assert_eq(r.rng.ops->bernoulli(&r.rng, 0), 0);
    cr_assert_eq(r.rng.ops->bernoulli(&r.rng, 1), 1);
  }
  assert_coin(accepts, 0.3, "accept");
  assert_coin(ups, 0.5, "direction");
  assert_coin(heads, 0.9, "bernoulli");
}

Test(random_laws, categorical_has_its_probabilities_on_both_scales) {
  const double p[] = {0, 0.1, 0, 0.25, 0.6, 0.05, 0};
  double lw[7], plain[7] = {0}, logs[7] = {0};
  for (int i = 0; i < 7; i++) lw[i] = log(p[i]) - 2000;
  borel_philox_rng r = source(31);
  for (int i = 0; i < DRAWS; i++) {
    plain[r.rng.ops->categorical(&r.rng, p, 7)]++;
    logs[r.rng.ops->categorical_log(&r.rng, lw, 7)]++;
  }
  assert_counts(plain, p, 7, "categorical");
  assert_counts(logs, p, 7, "categorical_log");
}

Test(random_laws, uniform_int_is_unbiased) {
  double small[7] = {0}, large[3] = {0}, p[7];
  for (int i = 0; i < 7; i++) p[i] = 1.0 / 7;
  borel_philox_rng r = source(32);
  for (int i = 0; i < DRAWS; i++) {
    small[r.rng.ops->uniform_int(&r.rng, 7)]++;
    large[r.rng.ops->uniform_int(&r.rng, UINT64_C(3) << 62) >>
          62]++; /* a word modulo n would favour the first */
    cr_assert_eq(r.rng.ops->uniform_int(&r.rng, 1), 0);
  }
  assert_counts(small, p, 7, "uniform_int(7)");
  assert_counts(large, (double[]){1.0 / 3, 1.0 / 3, 1.0 / 3}, 3, "uniform_int(3 * 2^62)");
}

Test(random_laws, poisson_has_its_probabilities) {
  static const double means[] = {0.01, 1, 9.99, 10, 10.5, 40, 1000, 1e5};
  enum { CELLS = 20000 };
  static double counts[CELLS], p[CELLS];
  for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
    const double mean = means[m], low = floor(fmax(0, mean - 12 * sqrt(mean) - 12));
    const size_t n = (size_t)(24 * sqrt(mean) + 40);
    cr_assert_leq(n, CELLS);
    borel_philox_rng r = source(40 + m);
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++) p[i] = gsl_ran_poisson_pdf((unsigned)(low + (double)i), mean);
    for (int i = 0; i < DRAWS; i++) {
      size_t k = (size_t)((double)r.rng.ops->poisson(&r.rng, mean) - low);
      cr_assert_lt(k, n, "poisson(%g) is %g off", mean, (double)k);
      counts[k]++;
    }
    char name[40];
    snprintf(name, sizeof name, "poisson(%g)", mean);
    assert_counts(counts, p, n, name);
  }
}

Test(random_laws, binomial_has_its_probabilities) {
  static const struct {
    unsigned n;
    double p;
  } cases[] = {{1, 0.3},   {10, 0.5},   {20, 0.5},   {21, 0.5},      {100, 0.05},
               {100, 0.3}, {100, 0.97}, {1000, 0.7}, {1000000, 0.3}, {100000000, 1e-7}};
  enum { CELLS = 20000 };
  static double counts[CELLS], p[CELLS];
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const double mean = cases[c].n * cases[c].p, sd = sqrt(mean * (1 - cases[c].p));
    const double low = floor(fmax(0, mean - 12 * sd - 12));
    const size_t n = (size_t)(24 * sd + 40);
    cr_assert_leq(n, CELLS);
    borel_philox_rng r = source(50 + c);
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++)
      p[i] = gsl_ran_binomial_pdf((unsigned)(low + (double)i), cases[c].p, cases[c].n);
    for (int i = 0; i < DRAWS; i++) {
      uint64_t drawn = r.rng.ops->binomial(&r.rng, cases[c].n, cases[c].p);
      cr_assert_leq(drawn, cases[c].n);
      size_t k = (size_t)((double)drawn - low);
      cr_assert_lt(k, n, "binomial(%u, %g) is %g off", cases[c].n, cases[c].p, (double)k);
      counts[k]++;
    }
    char name[60];
    snprintf(name, sizeof name, "binomial(%u, %g)", cases[c].n, cases[c].p);
    assert_counts(counts, p, n, name);
  }
}

/* Pairs of neighbouring lanes, indices and draws fill a 16 x 16 table evenly. */
Test(random_laws, neighbours_are_independent) {
  static double out[DRAWS * 2], p[256];
  for (int i = 0; i < 256; i++) p[i] = 1.0 / 256;
  double draws[256] = {0}, lanes[256] = {0}, indices[256] = {0};
  borel_philox_rng r = source(60);
  r.rng.ops->fill_uniform(&r.rng, out, 1, 2 * DRAWS);
  for (int i = 0; i < DRAWS; i++) draws[16 * (int)(16 * out[2 * i]) + (int)(16 * out[2 * i + 1])]++;
  borel_philox_open(&r, 61, 0, 0, 1, &error);
  r.rng.ops->fill_uniform(&r.rng, out, 2 * DRAWS, 1);
  for (int i = 0; i < DRAWS; i++) lanes[16 * (int)(16 * out[2 * i]) + (int)(16 * out[2 * i + 1])]++;
  for (uint64_t i = 0; i < 2 * DRAWS; i++) {
    borel_philox_open(&r, 62, 0, i, 1, &error);
    out[i] = r.rng.ops->uniform(&r.rng);
  }
  for (int i = 0; i < DRAWS; i++) indices[16 * (int)(16 * out[2 * i]) + (int)(16 * out[2 * i + 1])]++;
  assert_counts(draws, p, 256, "successive draws");
  assert_counts(lanes, p, 256, "neighbouring lanes");
  assert_counts(indices, p, 256, "neighbouring indices");
}
#endif

/* ---- consumption, edges, parameters ---------------------------------------------------------- */

Test(random_laws, decisions_consume_one_uniform_whatever_comes_out) {
  borel_philox_rng r = source(70);
  const borel_rng_ops *ops = r.rng.ops;
  borel_rng *rng = &r.rng;
  ops->accept(rng, 5), ops->accept(rng, -INFINITY), ops->accept(rng, -0.5);
  cr_assert_eq(r.uniforms, 3);
  ops->direction(rng), ops->bernoulli(rng, 0), ops->bernoulli(rng, 1);
  cr_assert_eq(r.uniforms, 6);
  ops->categorical(rng, (const double[]){1, 0}, 2), ops->categorical_log(rng, (const double[]){0}, 1);
  cr_assert_eq(r.uniforms, 8);
  borel_unif u = ops->unif(rng);
  ops->unif_lt(rng, &u, 0.1), ops->unif_lt(rng, &u, 0.9);
  cr_assert_eq(r.uniforms, 9);
  cr_assert_eq(r.normals, 0);
}

Test(random_laws, accept_compares_logarithms) {
  for (uint64_t i = 0; i < 1000; i++) {
    borel_philox_rng a = source(1000 + i), b = a;
    double u = a.rng.ops->uniform(&a.rng), l = (double)logl(u);
    cr_assert_eq(b.rng.ops->accept(&b.rng, l * (1 - 1e-12)), 1);
    b = source(1000 + i);
    cr_assert_eq(b.rng.ops->accept(&b.rng, l * (1 + 1e-12)), 0);
  }
}

Test(random_laws, extreme_parameters_stay_in_the_support) {
  borel_philox_rng r = source(80);
  for (int i = 0; i < 2000; i++) {
    double x = r.rng.ops->beta(&r.rng, 1e-3, 1e-3);
    cr_assert(x >= 0 && x <= 1);
    x = r.rng.ops->beta(&r.rng, 1e-300, 1e-300);
    cr_assert(x >= 0 && x <= 1);
    x = r.rng.ops->gamma(&r.rng, 1e-5);
    cr_assert(x >= 0 && isfinite(x));
    x = (double)r.rng.ops->poisson(&r.rng, 1e15);
    cr_assert_lt(fabs(x - 1e15), 10 * sqrt(1e15));
    x = (double)r.rng.ops->binomial(&r.rng, UINT64_C(1) << 53, 0.25);
    cr_assert_lt(fabs(x - 0x1p51), 10 * sqrt(0x1p53 * 0.1875));
    cr_assert_eq(r.rng.ops->poisson(&r.rng, 0), 0);
    cr_assert_eq(r.rng.ops->binomial(&r.rng, 5, 0), 0);
    cr_assert_eq(r.rng.ops->binomial(&r.rng, 5, 1), 5);
    cr_assert_eq(r.rng.ops->binomial(&r.rng, UINT64_C(1) << 53, 1), UINT64_C(1) << 53);
    cr_assert_eq(r.rng.ops->binomial(&r.rng, 0, 0.5), 0);
  }
  cr_assert_eq(r.rng.status, BOREL_OK);
}

#define assert_refused(status_code, word, call)                                                              \
  do {                                                                                                       \
    r = source(90);                                                                                          \
    (void)(call);                                                                                            \
    cr_assert_eq(r.rng.status, status_code, "%s", #call);                                                    \
    cr_assert_eq(error.code, status_code);                                                                   \
    cr_assert(strncmp(error.message, word ": ", sizeof word + 1) == 0, "%s", error.message);                 \
  } while (0)

Test(random_laws, bad_parameters_are_refused_by_the_name_of_the_law) {
  borel_philox_rng r = source(90);
  const borel_rng_ops *ops = r.rng.ops;
  borel_rng *rng = &r.rng;
  const double short_sum[] = {0.5, 0.4}, negative[] = {-0.5, 1.5}, unknown[] = {NAN, 1};
  const double nothing[] = {-INFINITY, -INFINITY}, certain[] = {0, INFINITY};
  borel_unif u = {0, 1, 0.5};
  assert_refused(BOREL_DOMAIN, "accept", ops->accept(rng, NAN));
  assert_refused(BOREL_ARG, "bernoulli", ops->bernoulli(rng, -0.1));
  assert_refused(BOREL_ARG, "bernoulli", ops->bernoulli(rng, NAN));
  assert_refused(BOREL_ARG, "categorical", ops->categorical(rng, short_sum, 2));
  assert_refused(BOREL_ARG, "categorical", ops->categorical(rng, negative, 2));
  assert_refused(BOREL_ARG, "categorical", ops->categorical(rng, unknown, 2));
  assert_refused(BOREL_ARG, "categorical", ops->categorical(rng, short_sum, 0));
  assert_refused(BOREL_DOMAIN, "categorical_log", ops->categorical_log(rng, nothing, 2));
  assert_refused(BOREL_DOMAIN, "categorical_log", ops->categorical_log(rng, unknown, 2));
  assert_refused(BOREL_DOMAIN, "categorical_log", ops->categorical_log(rng, certain, 2));
  assert_refused(BOREL_DOMAIN, "unif_lt", ops->unif_lt(rng, &u, NAN));
  assert_refused(BOREL_ARG, "uniform_int", ops->uniform_int(rng, 0));
  assert_refused(BOREL_ARG, "gamma", ops->gamma(rng, 0));
  assert_refused(BOREL_ARG, "gamma", ops->gamma(rng, INFINITY));
  assert_refused(BOREL_ARG, "beta", ops->beta(rng, 1, -1));
  assert_refused(BOREL_ARG, "poisson", ops->poisson(rng, NAN));
  assert_refused(BOREL_ARG, "poisson", ops->poisson(rng, -1));
  assert_refused(BOREL_ARG, "binomial", ops->binomial(rng, 3, 1.1));
  assert_refused(BOREL_ARG, "binomial", ops->binomial(rng, UINT64_MAX, 0.5));
}
