/* SPDX-License-Identifier: MIT
 *
 * The diagnostics against ArviZ: chains and answers in tests/fixtures/diagnose, with the versions that
 * gave them; tests/fixtures/regenerate.sh rewrites the answers. */
#include "diagnose/diagnose.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static const double tolerance = 1e-8; /* relative; FFT and direct sums differ by about 1e-14 */

static json_t *load(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/tests/fixtures/diagnose/%s", BOREL_SOURCE_DIR, name);
  json_error_t error;
  json_t *data = json_load_file(path, 0, &error);
  cr_assert(data, "%s:%d: %s", path, error.line, error.text);
  return data;
}

struct sample {
  double *x; /* [chains, draws] */
  size_t chains, draws;
};

static struct sample sample_of(const json_t *rows) {
  struct sample s = {.chains = json_array_size(rows), .draws = json_array_size(json_array_get(rows, 0))};
  s.x = malloc(s.chains * s.draws * sizeof *s.x);
  cr_assert(s.x);
  for (size_t c = 0; c < s.chains; c++)
    for (size_t i = 0; i < s.draws; i++)
      s.x[c * s.draws + i] = json_number_value(json_array_get(json_array_get(rows, c), i));
  return s;
}

/* null in the answers stands for NaN. */
static void expect_answer(const char *chain, const char *statistic, double got, const json_t *answers) {
  const json_t *answer = json_object_get(answers, statistic);
  cr_assert(answer, "%s has no answer for %s", chain, statistic);
  const double want = json_is_null(answer) ? NAN : json_number_value(answer);
  const bool agree = isnan(want) ? isnan(got) : fabs(got - want) <= tolerance * fabs(want);
  cr_expect(agree, "%s %s: got %.17g, ArviZ %.17g, relative %.2g", chain, statistic, got, want,
            fabs(got / want - 1));
}

typedef double statistic_fn(const double *x, size_t chains, size_t draws);
typedef double quantile_fn(const double *x, size_t chains, size_t draws, double prob);

static const struct {
  const char *name;
  statistic_fn *compute;
} statistics[] = {{"rhat", borel_rhat},         {"ess_bulk", borel_ess_bulk}, {"ess_tail", borel_ess_tail},
                  {"ess_mean", borel_ess_mean}, {"ess_sd", borel_ess_sd},     {"mcse_mean", borel_mcse_mean},
                  {"mcse_sd", borel_mcse_sd}};

static const struct {
  const char *name;
  quantile_fn *compute;
  double prob;
} quantile_statistics[] = {
    {"ess_quantile_0.1", borel_ess_quantile, 0.1},   {"ess_quantile_0.5", borel_ess_quantile, 0.5},
    {"ess_quantile_0.9", borel_ess_quantile, 0.9},   {"mcse_quantile_0.1", borel_mcse_quantile, 0.1},
    {"mcse_quantile_0.5", borel_mcse_quantile, 0.5}, {"mcse_quantile_0.9", borel_mcse_quantile, 0.9}};

enum { N_STATISTICS = sizeof statistics / sizeof *statistics };
enum { N_QUANTILE_STATISTICS = sizeof quantile_statistics / sizeof *quantile_statistics };

Test(diagnose, every_statistic_is_arviz_s) {
  json_t *chains = load("chains.json"), *answers = load("answers.json");
  const char *name;
  json_t *rows;
  json_object_foreach(json_object_get(chains, "chains"), name, rows) {
    const json_t *answer = json_object_get(json_object_get(answers, "chains"), name);
    struct sample s = sample_of(rows);
    for (size_t k = 0; k < N_STATISTICS; k++)
      expect_answer(name, statistics[k].name, statistics[k].compute(s.x, s.chains, s.draws), answer);
    for (size_t k = 0; k < N_QUANTILE_STATISTICS; k++)
      expect_answer(name, quantile_statistics[k].name,
                    quantile_statistics[k].compute(s.x, s.chains, s.draws, quantile_statistics[k].prob),
                    answer);
    free(s.x);
  }
  json_decref(answers);
  json_decref(chains);
}

Test(diagnose, summary_is_arviz_s) {
  json_t *chains = load("chains.json"), *answers = load("answers.json");
  const char *name;
  json_t *rows;
  json_object_foreach(json_object_get(chains, "chains"), name, rows) {
    const json_t *answer = json_object_get(json_object_get(answers, "chains"), name);
    struct sample s = sample_of(rows);
    struct borel_summary row;
    cr_expect_eq(borel_summarise(s.x, s.chains, s.draws, &row), 0, "%s", name);
    expect_answer(name, "mean", row.mean, answer);
    expect_answer(name, "sd", row.sd, answer);
    expect_answer(name, "mcse_mean", row.mcse_mean, answer);
    expect_answer(name, "mcse_sd", row.mcse_sd, answer);
    expect_answer(name, "q5", row.q5, answer);
    expect_answer(name, "median", row.median, answer);
    expect_answer(name, "q95", row.q95, answer);
    expect_answer(name, "ess_bulk", row.ess_bulk, answer);
    expect_answer(name, "ess_tail", row.ess_tail, answer);
    expect_answer(name, "rhat", row.rhat, answer);
    free(s.x);
  }
  json_decref(answers);
  json_decref(chains);
}

Test(diagnose, ebfmi_is_arviz_s) {
  json_t *chains = load("chains.json"), *answers = load("answers.json");
  const char *name;
  json_t *draws;
  json_object_foreach(json_object_get(chains, "energies"), name, draws) {
    double energy[1000];
    const size_t n = json_array_size(draws);
    cr_assert_leq(n, 1000);
    for (size_t i = 0; i < n; i++) energy[i] = json_number_value(json_array_get(draws, i));
    expect_answer(name, "ebfmi", borel_ebfmi(energy, n),
                  json_object_get(json_object_get(answers, "energies"), name));
  }
  json_decref(answers);
  json_decref(chains);
}

/* Of each first chain, by the definition in NumPy: ArviZ has no number for one chain. */
Test(diagnose, rhat_of_one_chain_compares_its_halves) {
  json_t *chains = load("chains.json"), *answers = load("answers.json");
  const char *name;
  json_t *rows;
  json_object_foreach(json_object_get(chains, "chains"), name, rows) {
    const json_t *answer = json_object_get(json_object_get(answers, "chains"), name);
    struct sample s = sample_of(rows);
    struct borel_summary row;
    expect_answer(name, "rhat_of_first_chain", borel_rhat(s.x, 1, s.draws), answer);
    cr_expect_eq(borel_summarise(s.x, 1, s.draws, &row), 0, "%s", name);
    expect_answer(name, "rhat_of_first_chain", row.rhat, answer);
    free(s.x);
  }
  json_decref(answers);
  json_decref(chains);
}

/* Why mcse_sd does not follow arviz-stats 0.8.0. For a stationary Gaussian AR(1), x^2 has autocorrelation
 * rho^2t, so the standard error of sd is sigma sqrt((1 + rho^2) / (1 - rho^2) / (2 N)): 0.0271 here. The
 * ESS of x^2 is itself known to about 10 % (2000 draws); that of x would give 0.0088. */
Test(diagnose, mcse_sd_of_an_antithetic_chain_has_its_closed_form) {
  json_t *chains = load("chains.json");
  struct sample s = sample_of(json_object_get(json_object_get(chains, "chains"), "ar1_antithetic"));
  const double square = 0.7 * 0.7;
  const double exact = sqrt((1 + square) / (1 - square) / (2.0 * (double)(s.chains * s.draws)));
  cr_expect_float_eq(borel_mcse_sd(s.x, s.chains, s.draws) / exact, 1, 0.2);
  free(s.x);
  json_decref(chains);
}

/* x[i] = sin(i) with no structure that matters: [4, 25]. */
static void fill(double x[100]) {
  for (size_t i = 0; i < 100; i++) x[i] = sin((double)i);
}

static bool all_nan(const struct borel_summary *row) {
  const double fields[] = {row->mean,   row->sd,  row->mcse_mean, row->mcse_sd,  row->q5,
                           row->median, row->q95, row->ess_bulk,  row->ess_tail, row->rhat};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!isnan(fields[i])) return false;
  return true;
}

Test(diagnose, a_nan_draw_gives_nan) {
  double x[100];
  fill(x);
  x[60] = NAN;
  for (size_t k = 0; k < N_STATISTICS; k++)
    cr_expect(isnan(statistics[k].compute(x, 4, 25)), "%s", statistics[k].name);
  for (size_t k = 0; k < N_QUANTILE_STATISTICS; k++)
    cr_expect(isnan(quantile_statistics[k].compute(x, 4, 25, 0.5)), "%s", quantile_statistics[k].name);
  cr_expect(isnan(borel_ebfmi(x, 100)));

  struct borel_summary row;
  cr_expect_eq(borel_summarise(x, 4, 25, &row), 0);
  cr_expect(all_nan(&row));
}

Test(diagnose, too_few_draws_give_nan) {
  double x[100];
  fill(x);
  const size_t shapes[][2] = {{0, 25}, {4, 3}, {1, 0}};
  for (size_t i = 0; i < 3; i++) {
    const size_t chains = shapes[i][0], draws = shapes[i][1];
    for (size_t k = 0; k < N_STATISTICS; k++)
      cr_expect(isnan(statistics[k].compute(x, chains, draws)), "%s", statistics[k].name);
    for (size_t k = 0; k < N_QUANTILE_STATISTICS; k++)
      cr_expect(isnan(quantile_statistics[k].compute(x, chains, draws, 0.5)), "%s",
                quantile_statistics[k].name);
    struct borel_summary row;
    cr_expect_eq(borel_summarise(x, chains, draws, &row), EINVAL);
    cr_expect(all_nan(&row));
  }
  cr_expect(isnan(borel_ebfmi(x, 3)));
}

Test(diagnose, a_prob_outside_the_unit_interval_gives_nan) {
  double x[100];
  fill(x);
  const double wrong[] = {-0.1, 1.1, NAN};
  for (size_t i = 0; i < 3; i++) {
    cr_expect(isnan(borel_ess_quantile(x, 4, 25, wrong[i])));
    cr_expect(isnan(borel_mcse_quantile(x, 4, 25, wrong[i])));
  }
}

/* 0.1 has no exact double and its sum rounds; that must not look like variance. */
Test(diagnose, constant_draws_have_no_spread) {
  double x[100];
  for (size_t i = 0; i < 100; i++) x[i] = 0.1;
  struct borel_summary row;
  cr_expect_eq(borel_summarise(x, 4, 25, &row), 0);
  cr_expect(row.mean == 0.1 && row.q5 == 0.1 && row.q95 == 0.1 && row.sd == 0 && row.mcse_mean == 0);
  cr_expect(isnan(row.rhat));
  cr_expect(row.ess_bulk == 96 && row.ess_tail == 96, "24 of 25 draws survive the split");
}

Test(diagnose, chains_stuck_at_different_values_never_look_converged) {
  double x[100];
  for (size_t i = 0; i < 100; i++) x[i] = 0.1 * (double)(i / 25);
  cr_expect(isinf(borel_rhat(x, 4, 25)));
  cr_expect_lt(borel_ess_bulk(x, 4, 25), 10);
}

Test(diagnose, diagnostics_do_not_depend_on_location_and_scale) {
  double x[100], y[100];
  fill(x);
  for (size_t i = 0; i < 100; i++) y[i] = 4 * x[i] - 8;
  cr_expect_float_eq(borel_ess_bulk(x, 4, 25) / borel_ess_bulk(y, 4, 25), 1, 1e-12);
  cr_expect_float_eq(borel_ess_mean(x, 4, 25) / borel_ess_mean(y, 4, 25), 1, 1e-12);
  cr_expect_float_eq(borel_mcse_mean(y, 4, 25) / borel_mcse_mean(x, 4, 25), 4, 1e-12);
}

Test(diagnose, normal_quantile_inverts_the_distribution_function) {
  /* dp/p is about z dz in the tail, hence the factor. */
  for (double z = -37; z <= 0; z += 0.03125) {
    const double p = erfc(-z / sqrt(2)) / 2;
    cr_expect_float_eq(borel_diagnose_normal_quantile(p), z, 8 * DBL_EPSILON * (1 + fabs(z)), "z = %g", z);
  }
  cr_expect(borel_diagnose_normal_quantile(0.5) == 0);
  cr_expect_float_eq(borel_diagnose_normal_quantile(0.975), 1.9599639845400545, 24 * DBL_EPSILON);
  cr_expect(isinf(borel_diagnose_normal_quantile(0)) && isnan(borel_diagnose_normal_quantile(1.5)));
}

/* Closed forms: Beta(a, 1) has distribution function x^a, and Beta(a, a) has median 1/2. The tolerance
 * follows lgamma, whose error grows with a log(a). */
Test(diagnose, beta_quantile_has_its_closed_forms) {
  for (double a = 1; a < 1e6; a *= 3) {
    const double near = 1e-14 * (1 + log(a) * sqrt(a));
    for (double p = 0.05; p < 1; p += 0.15) {
      cr_expect_float_eq(borel_diagnose_beta_quantile(p, a, 1), pow(p, 1 / a), near, "a = %g, p = %g", a, p);
      cr_expect_float_eq(borel_diagnose_beta_quantile(p, 1, a), -expm1(log1p(-p) / a), near);
    }
    cr_expect_float_eq(borel_diagnose_beta_quantile(0.5, a, a), 0.5, near);
  }
}
