/* SPDX-License-Identifier: MIT
 *
 * Hidden Markov models in the domain of probabilities, against the forward and backward recursions by
 * logarithms in extended precision: in the forms that models are written in, with extreme emissions and with
 * impossible transitions. What is no such recursion is left alone.
 *
 * Tolerances: an element of p or of its adjoint is a sum of positive terms, with K + 3 roundings in each
 * step, so after N steps it is right to (K + 3) N units in the last place; a product of the two, and the sum
 * of those over N steps, to 2 (K + 4) N. Where the recursion runs as it was written, errors are relative to
 * the logarithms that are added up, so these tolerances are times the largest of them. */
#include "graph/hmm.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { K_MOST = 6, N_MOST = 1000, INPUTS = 3 };
typedef enum { NESTED, AXIS, SCALARS, INSIDE, FORMS } style; /* how it is written */

typedef struct {
  size_t K, N;
  double start[K_MOST], weight[K_MOST * K_MOST], emission[N_MOST * K_MOST];
  long double value, d_start[K_MOST], d_weight[K_MOST * K_MOST], d_emission[N_MOST * K_MOST];
} hmm;

/* ---- reference ------------------------------------------------------------------------------- */

static long double log_sum(const long double *x, size_t n) {
  long double high = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) high = x[i] > high ? x[i] : high;
  if (!isfinite(high)) return high;
  for (size_t i = 0; i < n; i++) sum += expl(x[i] - high);
  return high + logl(sum);
}

static void solve(hmm *h) {
  size_t K = h->K, N = h->N;
  cr_assert(K >= 2 && K <= K_MOST && N <= N_MOST);
  long double *a = calloc((N + 1) * K, sizeof *a), *b = calloc((N + 1) * K, sizeof *b), x[K_MOST];
  for (size_t i = 0; i < K; i++) a[i] = h->start[i], b[N * K + i] = 0;
  for (size_t t = 1; t <= N; t++)
    for (size_t j = 0; j < K; j++) {
      for (size_t i = 0; i < K; i++) x[i] = a[(t - 1) * K + i] + h->weight[i * K + j];
      a[t * K + j] = log_sum(x, K) + h->emission[(t - 1) * K + j];
    }
  for (size_t t = N; t-- > 0;)
    for (size_t i = 0; i < K; i++) {
      for (size_t j = 0; j < K; j++)
        x[j] = h->weight[i * K + j] + h->emission[t * K + j] + b[(t + 1) * K + j];
      b[t * K + i] = log_sum(x, K);
    }
  h->value = log_sum(a + N * K, K);
  memset(h->d_weight, 0, sizeof h->d_weight);
  for (size_t i = 0; i < K; i++) h->d_start[i] = expl(a[i] + b[i] - h->value);
  for (size_t t = 0; t < N; t++)
    for (size_t j = 0; j < K; j++) {
      h->d_emission[t * K + j] = expl(a[(t + 1) * K + j] + b[(t + 1) * K + j] - h->value);
      for (size_t i = 0; i < K; i++)
        h->d_weight[i * K + j] += expl(a[t * K + i] + h->weight[i * K + j] + h->emission[t * K + j] +
                                       b[(t + 1) * K + j] - h->value);
    }
  free(a);
  free(b);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static borel_node at(borel_graph *B, borel_node array, int64_t i) {
  return apply2(B, BOREL_OP_GATHER, array, borel_graph_integer(B, i));
}

/* Places first, first + step, ... */
static borel_node places(borel_graph *B, borel_node array, int64_t first, int64_t step, int64_t count) {
  int64_t list[K_MOST * K_MOST];
  for (int64_t i = 0; i < count; i++) list[i] = first + i * step;
  return apply2(B, BOREL_OP_GATHER, array, integers(B, count, list));
}

/* log sum_i exp(carry[i] + weight[i, :]): row by row, or along an axis of the transposed sum. */
static borel_node mix(borel_graph *B, borel_node carry, borel_node weight, int64_t K, style form) {
  borel_node y = BOREL_NO_NODE;
  if (form == AXIS) {
    int64_t turned[K_MOST * K_MOST];
    for (int64_t j = 0; j < K; j++)
      for (int64_t i = 0; i < K; i++) turned[j * K + i] = i * K + j;
    borel_array index = borel_array_new(BOREL_I64, &(borel_shape){2, {K, K}});
    memcpy(index.data, turned, 8 * (size_t)(K * K));
    y = apply2(B, BOREL_OP_GATHER, weight, borel_graph_array(B, &index));
    borel_array_release(&index);
    y = apply2(B, BOREL_OP_ADD, y, carry); /* [to, from] */
    return borel_graph_op(B, BOREL_OP_LOG_SUM_EXP, &y, 1, 1, NULL, NULL);
  }
  for (int64_t i = 0; i < K; i++) {
    borel_node term = apply2(B, BOREL_OP_ADD, at(B, carry, i), places(B, weight, i * K, 1, K));
    y = i == 0 ? term : apply2(B, BOREL_OP_LOG_ADD_EXP, y, term);
  }
  return y;
}

/* Carries, elements of the emissions, the weights. */
static borel_region *body(int64_t K, style form) {
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  borel_node carry[K_MOST], all;
  size_t carries = form == SCALARS ? (size_t)K : 1;
  for (size_t i = 0; i < carries; i++) carry[i] = form == SCALARS ? scalar_input(B) : vector_input(B, K);
  borel_node emission = vector_input(B, K), weight = vector_input(B, K * K);
  all = form == SCALARS ? borel_graph_op(B, BOREL_OP_STACK, carry, carries, 0, NULL, NULL) : carry[0];
  if (form == INSIDE) { /* emissions that the body computes: -|2 (e / 2)|, which is e */
    emission = apply2(B, BOREL_OP_MUL, borel_graph_scalar(B, 2),
                      apply2(B, BOREL_OP_MUL, emission, borel_graph_scalar(B, 0.5)));
    emission = apply1(B, BOREL_OP_ABS, emission);
    emission = apply1(B, BOREL_OP_NEG, emission);
  }
  borel_node next = apply2(B, BOREL_OP_ADD, mix(B, all, weight, K, form), emission);
  region->outputs = calloc(K_MOST, sizeof *region->outputs);
  for (size_t i = 0; i < carries; i++) region->outputs[i] = form == SCALARS ? at(B, next, (int64_t)i) : next;
  region->carries = region->output_count = carries;
  region->sequences = region->captured = 1;
  return region;
}

/* log p of the observations, from the inputs start [K], weight [K * K], emission [N, K]. */
static borel_node likelihood(borel_graph *G, const hmm *h, style form, borel_node wrt[INPUTS]) {
  int64_t K = (int64_t)h->K;
  wrt[0] = vector_input(G, K), wrt[1] = vector_input(G, K * K);
  wrt[2] = borel_graph_input(G, BOREL_F64, &(borel_shape){2, {(int64_t)h->N, K}});
  borel_node args[K_MOST + 2], last[K_MOST];
  size_t carries = form == SCALARS ? h->K : 1;
  for (size_t i = 0; i < carries; i++) args[i] = form == SCALARS ? at(G, wrt[0], (int64_t)i) : wrt[0];
  args[carries] = wrt[2], args[carries + 1] = wrt[1];
  borel_node scan = borel_graph_scan(G, body(K, form), args, carries + 2, NULL);
  for (size_t i = 0; i < carries; i++) last[i] = borel_graph_project(G, scan, i);
  borel_node all =
      form == SCALARS ? borel_graph_op(G, BOREL_OP_STACK, last, carries, 0, NULL, NULL) : last[0];
  return borel_graph_op(G, BOREL_OP_LOG_SUM_EXP, &all, 1, -1, NULL, NULL);
}

static size_t add(engines *e, borel_graph *G, const hmm *h, style form) {
  borel_node wrt[INPUTS], outputs[1 + INPUTS];
  size_t found = 0;
  outputs[0] = borel_graph_hmm(G, likelihood(G, h, form, wrt), &found, NULL);
  cr_assert(found == 1, "%zu states, form %d: not recognised", h->K, (int)form);
  cr_assert(borel_graph_gradient(G, outputs[0], wrt, INPUTS, outputs + 1, NULL) == BOREL_OK);
  return engines_add(e, G, outputs, 1 + INPUTS);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void compare(const engines *e, size_t program, const hmm *h, double scale, const char *what) {
  const double *have[1 + INPUTS];
  const long double *want[] = {&h->value, h->d_start, h->d_weight, h->d_emission};
  size_t sizes[] = {1, h->K, h->K * h->K, h->N * h->K};
  for (size_t k = 0; k <= INPUTS; k++) have[k] = engines_output(e, program, k);
  double unit = 2 * (double)(h->K + 4) * (double)h->N * DBL_EPSILON * scale;
  for (size_t k = 0; k <= INPUTS; k++)
    for (size_t i = 0; i < sizes[k]; i++) {
      if (!isfinite((double)want[k][i]) && have[k][i] == (double)want[k][i]) continue;
      double error = fabs((double)(have[k][i] - want[k][i])), most = unit * (1 + fabs((double)want[k][i]));
      cr_expect(error <= most, "%s, %zu states, output %zu[%zu]: %.17g for %.17g", what, h->K, k, i,
                have[k][i], (double)want[k][i]);
      if (error > most) break;
    }
}

static void run(engines *e, size_t program, hmm *h, engine which) {
  engines_run(e, program, which, (void *[]){h->start, h->weight, h->emission});
}

static hmm *draw(size_t K, size_t N, double spread, uint64_t *state) {
  hmm *h = calloc(1, sizeof *h);
  h->K = K, h->N = N;
  for (size_t i = 0; i < K; i++) h->start[i] = uniform(state, -3, 0);
  for (size_t i = 0; i < K * K; i++) h->weight[i] = uniform(state, -4, 0);
  for (size_t i = 0; i < N * K; i++) h->emission[i] = uniform(state, -spread, 0);
  return h;
}

Test(hmm, random_models_agree_with_extended_precision) {
  uint64_t state = 5;
  for (size_t K = 2; K <= K_MOST; K++)
    for (int form = 0; form < FORMS; form++) {
      static const size_t steps[] = {1, 3, 40, N_MOST};
      for (size_t n = 0; n < 4; n++) {
        engines e = {0};
        borel_graph *G = borel_graph_new();
        hmm *h = draw(K, steps[n], 5, &state);
        size_t program = add(&e, G, h, (style)form);
        solve(h);
        run(&e, program, h, INTERPRETED);
        compare(&e, program, h, 1, "random");
        engines_free(&e);
        borel_graph_free(G);
        free(h);
      }
    }
}

/* As body by SCALARS, but the emissions of the states in `before` are added before the move. */
static borel_region *split_body(int64_t K, unsigned before, int reverse) {
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  borel_node carry[K_MOST];
  for (int64_t i = 0; i < K; i++) carry[i] = scalar_input(B);
  borel_node emission = vector_input(B, K), weight = vector_input(B, K * K);
  for (int64_t i = 0; i < K; i++)
    if (before >> i & 1) carry[i] = apply2(B, BOREL_OP_ADD, carry[i], at(B, emission, i));
  region->outputs = calloc(K_MOST, sizeof *region->outputs);
  for (int64_t j = 0; j < K; j++) {
    borel_node y = BOREL_NO_NODE;
    for (int64_t i = 0; i < K; i++) {
      borel_node term = apply2(B, BOREL_OP_ADD, carry[i], at(B, weight, i * K + j));
      y = i == 0 ? term : apply2(B, BOREL_OP_LOG_ADD_EXP, y, term);
    }
    region->outputs[j] = before >> j & 1 ? y : apply2(B, BOREL_OP_ADD, y, at(B, emission, j));
  }
  region->carries = region->output_count = (size_t)K;
  region->sequences = region->captured = 1;
  region->reverse = reverse;
  return region;
}

/* The same with all emissions after the move: those before it belong to the step before. Then the derivatives
 * of the first are put where they belong. */
static void solve_split(hmm *h, unsigned before, int reverse) {
  hmm *r = calloc(1, sizeof *r);
  size_t K = h->K, N = h->N;
  *r = *h;
  for (size_t k = 0; k < N; k++)
    for (size_t j = 0; j < K; j++) {
      size_t t = reverse ? N - 1 - k : k;
      int early = before >> j & 1;
      if (early && k == 0) r->start[j] += h->emission[t * K + j];
      if (early && k > 0) r->emission[(k - 1) * K + j] = h->emission[t * K + j];
      if (early && k == N - 1) r->emission[k * K + j] = 0;
      if (!early) r->emission[k * K + j] = h->emission[t * K + j];
    }
  solve(r);
  h->value = r->value;
  memcpy(h->d_start, r->d_start, sizeof h->d_start);
  memcpy(h->d_weight, r->d_weight, sizeof h->d_weight);
  for (size_t k = 0; k < N; k++)
    for (size_t j = 0; j < K; j++) {
      size_t t = reverse ? N - 1 - k : k;
      int early = before >> j & 1;
      h->d_emission[t * K + j] = !early   ? r->d_emission[k * K + j]
                                 : k == 0 ? r->d_start[j]
                                          : r->d_emission[(k - 1) * K + j];
    }
  free(r);
}

Test(hmm, emissions_may_be_added_before_the_move) {
  uint64_t state = 8;
  for (size_t K = 2; K <= 4; K++)
    for (int what = 0; what < 12; what++) {
      static const size_t steps[] = {1, 2, 40};
      unsigned before = what % 3 == 0 ? (1u << K) - 1 : what % 3 == 1 ? 2 : 5 & ((1u << K) - 1);
      int reverse = what >= 6;
      engines e = {0};
      borel_graph *G = borel_graph_new();
      hmm *h = draw(K, steps[what / 3 % 2 + (what % 3 > 0)], 5, &state);
      borel_node wrt[INPUTS], outputs[1 + INPUTS], args[K_MOST + 2], last[K_MOST];
      wrt[0] = vector_input(G, (int64_t)K), wrt[1] = vector_input(G, (int64_t)(K * K));
      wrt[2] = borel_graph_input(G, BOREL_F64, &(borel_shape){2, {(int64_t)h->N, (int64_t)K}});
      for (size_t i = 0; i < K; i++) args[i] = at(G, wrt[0], (int64_t)i);
      args[K] = wrt[2], args[K + 1] = wrt[1];
      borel_node scan = borel_graph_scan(G, split_body((int64_t)K, before, reverse), args, K + 2, NULL);
      for (size_t i = 0; i < K; i++) last[i] = borel_graph_project(G, scan, i);
      borel_node all = borel_graph_op(G, BOREL_OP_STACK, last, K, 0, NULL, NULL);
      size_t found = 0;
      outputs[0] = borel_graph_op(G, BOREL_OP_LOG_SUM_EXP, &all, 1, -1, NULL, NULL);
      outputs[0] = borel_graph_hmm(G, outputs[0], &found, NULL);
      cr_assert(found == 1, "%zu states, case %d: not recognised", K, what);
      cr_assert(borel_graph_gradient(G, outputs[0], wrt, INPUTS, outputs + 1, NULL) == BOREL_OK);
      size_t program = engines_add(&e, G, outputs, 1 + INPUTS);
      solve_split(h, before, reverse);
      run(&e, program, h, INTERPRETED);
      compare(&e, program, h, 1, reverse ? "split, from the end" : "split");
      engines_free(&e);
      borel_graph_free(G);
      free(h);
    }
}

/* Emissions 1e4 apart, impossible transitions, states and steps, NaN: as the recursion gives it. */
Test(hmm, hard_cases_run_as_written) {
  uint64_t state = 6;
  enum { N = 60 };
  for (size_t K = 2; K <= 4; K++)
    for (int what = 0; what < 5; what++) {
      static const char *const names[] = {"far emissions", "impossible transitions", "known start",
                                          "impossible step", "left to right"};
      engines e = {0};
      borel_graph *G = borel_graph_new();
      hmm *h = draw(K, N, 5, &state);
      double scale = 1;
      if (what == 0) {
        for (size_t i = 0; i < N * K; i++) h->emission[i] = uniform_below(&state, 2) ? -1e4 : 0;
        scale = 1e4 * N;
      }
      if (what == 1) h->weight[1] = h->weight[K] = -INFINITY;
      if (what == 2)
        for (size_t i = 1; i < K; i++) h->start[i] = -INFINITY;
      if (what == 3) h->emission[7 * K] = -INFINITY;
      if (what == 4) { /* 1500 against a state, then 3000 for it: it must not have been forgotten */
        for (size_t i = 0; i < K; i++)
          for (size_t j = 0; j < i; j++) h->weight[i * K + j] = -INFINITY;
        for (size_t t = 0; t < N; t++)
          h->emission[t * K] = t < N / 2 ? -50 : 0, h->emission[t * K + 1] = t < N / 2 ? 0 : -100;
        scale = 3000;
      }
      if (what == 1 || what == 3) scale = 300;
      size_t program = add(&e, G, h, NESTED);
      solve(h);
      run(&e, program, h, INTERPRETED);
      compare(&e, program, h, scale, names[what]);
      engines_free(&e);
      borel_graph_free(G);
      free(h);
    }
}

Test(hmm, engines_agree) {
  enum { CASES = 8 };
  uint64_t state = 7;
  engines e = {0};
  borel_graph *G[CASES];
  hmm *h[CASES];
  cache_make();
  for (int c = 0; c < CASES; c++) {
    h[c] = draw(2 + (size_t)c % 3, 33, c < 6 ? 5 : 1e4, &state);
    add(&e, G[c] = borel_graph_new(), h[c], (style)(c % FORMS));
  }
  engines_compile(&e);
  for (size_t c = 0; c < CASES; c++) {
    static double kept[1 + K_MOST + K_MOST * K_MOST + N_MOST * K_MOST];
    size_t sizes[] = {1, h[c]->K, h[c]->K * h[c]->K, h[c]->N * h[c]->K}, next = 0;
    run(&e, c, h[c], INTERPRETED);
    for (size_t k = 0; k <= INPUTS; next += sizes[k++])
      memcpy(kept + next, engines_output(&e, c, k), 8 * sizes[k]);
    run(&e, c, h[c], NATIVE);
    next = 0;
    for (size_t k = 0; k <= INPUTS; k++)
      for (size_t i = 0; i < sizes[k]; i++, next++)
        cr_expect(same_bits(((const double *)engines_output(&e, c, k))[i], kept[next]),
                  "case %zu, output %zu[%zu]", c, k, i);
  }
  engines_free(&e);
  for (int c = 0; c < CASES; c++) {
    borel_graph_free(G[c]);
    free(h[c]);
  }
  cache_remove();
}

/* A recursion of two numbers whose step is `make`. */
static size_t found_in(borel_node (*make)(borel_graph *, const borel_node *, int), int read_all) {
  borel_graph *G = borel_graph_new();
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  borel_node in[5], args[5];
  for (int k = 0; k < 5; k++) { /* two carries, an element of two sequences, a captured value */
    in[k] = scalar_input(B);
    args[k] = k < 2 || k == 4 ? scalar_input(G) : vector_input(G, 20);
  }
  region->outputs = calloc(2, sizeof *region->outputs);
  for (int j = 0; j < 2; j++) region->outputs[j] = make(B, in, j);
  region->carries = region->sequences = region->output_count = 2;
  region->captured = 1;
  borel_node scan = borel_graph_scan(G, region, args, 5, NULL), root = borel_graph_project(G, scan, 0);
  if (read_all) root = apply2(G, BOREL_OP_ADD, root, total(G, borel_graph_project(G, scan, 3)));
  size_t found = 0;
  borel_node made = borel_graph_hmm(G, root, &found, NULL);
  cr_expect(found ? made != root : made == root);
  borel_graph_free(G);
  return found;
}

static borel_node sum_of(borel_graph *B, borel_node a, borel_node b) { return apply2(B, BOREL_OP_ADD, a, b); }
static borel_node good(borel_graph *B, const borel_node *in, int j) {
  return sum_of(B, apply2(B, BOREL_OP_LOG_ADD_EXP, sum_of(B, in[0], in[4]), in[1]), in[2 + j]);
}
static borel_node changing_weights(borel_graph *B, const borel_node *in, int j) {
  return sum_of(B, apply2(B, BOREL_OP_LOG_ADD_EXP, sum_of(B, in[0], in[3]), in[1]), in[2 + j]);
}
static borel_node no_transition(borel_graph *B, const borel_node *in, int j) {
  return j ? good(B, in, j) : sum_of(B, in[0], in[2]);
}
static borel_node twice(borel_graph *B, const borel_node *in, int j) {
  return apply2(B, BOREL_OP_LOG_ADD_EXP, good(B, in, j), in[0]);
}
static borel_node bent(borel_graph *B, const borel_node *in, int j) {
  return sum_of(B, apply2(B, BOREL_OP_LOG_ADD_EXP, apply2(B, BOREL_OP_MUL, in[0], in[4]), in[1]), in[2 + j]);
}
static borel_node silent(borel_graph *B, const borel_node *in, int j) {
  (void)j;
  return apply2(B, BOREL_OP_LOG_ADD_EXP, in[0], in[1]);
}

Test(hmm, other_recursions_are_left_alone) {
  cr_expect(found_in(good, 0) == 1);
  cr_expect(found_in(good, 1) == 0, "carries of all steps are read");
  cr_expect(found_in(changing_weights, 0) == 0);
  cr_expect(found_in(no_transition, 0) == 0);
  cr_expect(found_in(twice, 0) == 0);
  cr_expect(found_in(bent, 0) == 0);
  cr_expect(found_in(silent, 0) == 0, "no emissions");
}
