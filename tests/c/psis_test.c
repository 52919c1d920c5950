/* SPDX-License-Identifier: MIT
 *
 * Predictive accuracy against ArviZ: log-likelihoods and answers in tests/fixtures/accuracy, with the
 * versions that gave them; tests/fixtures/regenerate.sh rewrites the answers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "diagnose/diagnose.h"

/* Relative: the same formulas, summed in another order, over at most 1000 terms. */
static const double tolerance = 1e-9;

static json_t *load(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/tests/fixtures/accuracy/%s", BOREL_SOURCE_DIR, name);
  json_error_t error;
  json_t *data = json_load_file(path, 0, &error);
  cr_assert(data, "%s:%d: %s", path, error.line, error.text);
  return data;
}

static void expect_near(const char *name, const char *what, double got, const json_t *answers) {
  const double want = json_number_value(json_object_get(answers, what));
  cr_expect(fabs(got - want) <= tolerance * fmax(1, fabs(want)), "%s %s: got %.17g, ArviZ %.17g", name, what,
            got, want);
}

Test(psis, every_number_is_arviz_s) {
  json_t *loglik = load("loglik.json"), *answers = load("answers.json");
  const char *name;
  json_t *rows;
  json_object_foreach(loglik, name, rows) {
    const size_t chains = json_array_size(rows), draws = json_array_size(json_array_get(rows, 0));
    double *x = malloc(chains * draws * sizeof *x);
    cr_assert(x);
    for (size_t c = 0; c < chains; c++)
      for (size_t i = 0; i < draws; i++)
        x[c * draws + i] = json_number_value(json_array_get(json_array_get(rows, c), i));
    const json_t *answer = json_object_get(json_object_get(answers, "cases"), name);
    struct borel_elpd elpd;
    size_t each;
    json_t *psis;
    json_array_foreach(json_object_get(answer, "psis"), each, psis) {
      cr_expect_eq(borel_loo(x, chains, draws, json_number_value(json_object_get(psis, "r_eff")), &elpd), 0);
      expect_near(name, "elpd", elpd.elpd, psis);
      expect_near(name, "p", elpd.p, psis);
      expect_near(name, "k", elpd.k, psis);
    }
    cr_expect_eq(borel_waic(x, chains, draws, &elpd), 0);
    expect_near(name, "elpd", elpd.elpd, json_object_get(answer, "waic"));
    expect_near(name, "p", elpd.p, json_object_get(answer, "waic"));
    free(x);
  }
  json_decref(answers);
  json_decref(loglik);
}

/* Exact exceedances: the quantiles at (i - 1/2) / n of a Pareto distribution with k and sigma. Their fit errs
 * by the discretisation, O(log n / n), and by the prior, 10 (1/2 - k) / (n + 10). */
Test(psis, pareto_fit_finds_the_shape_of_exact_quantiles) {
  enum { N = 20000 };
  static double x[N];
  const double shapes[] = {-0.4, 0.2, 0.7, 1.5};
  for (size_t s = 0; s < 4; s++) {
    const double shape = shapes[s];
    for (size_t i = 0; i < N; i++) x[i] = 2 * expm1(-shape * log1p(-((double)i + 0.5) / N)) / shape;
    double k, sigma;
    cr_assert_eq(borel_pareto_fit(x, N, &k, &sigma), 0);
    const double bound = 20 * log(N) / N;
    cr_expect(fabs(k - shape) < bound, "k %g, not %g", k, shape);
    cr_expect(fabs(sigma - 2) < 2 * bound * (1 + fabs(shape)), "sigma %g, not 2 (k = %g)", sigma, shape);
  }
}

Test(psis, weights_that_cannot_be_smoothed) {
  double k;
  double few[] = {0, 1, 2, 3};
  cr_expect_eq(borel_psis(few, 4, 1, &k), 0);
  cr_expect(isinf(k), "a tail of less than five cannot be fitted");
  double sum = 0;
  for (size_t i = 0; i < 4; i++) sum += exp(few[i]);
  cr_expect(fabs(sum - 1) < 1e-15);

  double equal[100] = {0};
  cr_expect_eq(borel_psis(equal, 100, 1, &k), 0);
  cr_expect_eq(k, 0, "equal weights have no tail");
  cr_expect(fabs(equal[7] + log(100)) < 1e-14);

  const double broken[] = {NAN, INFINITY};
  for (size_t b = 0; b < 2; b++) {
    double x[30] = {0};
    x[3] = broken[b];
    cr_expect_eq(borel_psis(x, 30, 1, &k), EINVAL);
    cr_expect(isnan(x[0]) && isinf(k));
  }
  struct borel_elpd elpd;
  double impossible[30] = {0};
  impossible[11] = -INFINITY; /* a draw under which the observation cannot be */
  cr_expect_eq(borel_loo(impossible, 1, 30, 1, &elpd), EINVAL);
  cr_expect(isnan(elpd.elpd) && isinf(elpd.k));
}

Test(psis, limit_of_k) {
  cr_expect(fabs(borel_pareto_limit(100) - 0.5) < 1e-15);
  cr_expect(fabs(borel_pareto_limit(4000) - 0.7) < 1e-15);
  cr_expect_eq(borel_pareto_limit(0), 0);
}
