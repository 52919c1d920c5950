/* SPDX-License-Identifier: MIT
 *
 * Several points of a model at once: the bits of single evaluations, whatever the number of points, whichever
 * of them have no density, and whether the model is small enough for code of its own. */
#include "compile/driver.h"
#include "infer/counting_target.h"
#include "infer/model.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void begin(void) { cache_make(); }
static void end(void) { cache_remove(); }
TestSuite(lanes, .init = begin, .fini = end);

typedef struct {
  borel_graph *graph;
  borel_model *model;
  borel_target *target;
  size_t D, K;
} subject;

static subject subject_begin(void) {
  subject s = {.graph = borel_graph_new()};
  s.model = borel_model_new(s.graph);
  return s;
}

static borel_node site(subject *s, const char *name, borel_node input) {
  borel_error error = {0};
  cr_assert(borel_model_site(s->model, name, input, BOREL_SITE_U, 0, 0, &error) == BOREL_OK, "%s",
            error.message);
  return input;
}

static void open_with(subject *s, borel_node term, borel_engine by) {
  borel_error error = {0};
  cr_assert(borel_model_term(s->model, "term", term, 0, &error) == BOREL_OK, "%s", error.message);
  cr_assert(borel_model_build(s->model, by, &error) == BOREL_OK, "%s", error.message);
  const borel_source *source = borel_model_source(s->model);
  cr_assert(source->open(source, &s->target, &error) == BOREL_OK, "%s", error.message);
  s->D = source->layout->D;
  s->K = source->layout->K;
}

static void close_subject(subject *s) {
  const borel_source *source = borel_model_source(s->model);
  source->close(source, s->target);
  borel_model_free(s->model);
  borel_graph_free(s->graph);
}

/* n points at once against one by one, with gradients and without. Points and gradients that mean something
 * have the same bits. */
static void expect_same(const subject *s, size_t n, const double *u, const int64_t *z) {
  const borel_target_ops *ops = s->target->ops;
  double *values = malloc(2 * (n + 1) * sizeof *values), *alone = values + n + 1,
         *gradients = malloc(2 * (n + 1) * s->D * sizeof *gradients), *single = gradients + (n + 1) * s->D;
  borel_error error = {0};
  for (size_t i = 0; i < n; i++) {
    borel_status status = ops->gradient(s->target, 0, u + i * s->D, z ? z + i * s->K : NULL, &alone[i],
                                        single + i * s->D, &error);
    cr_assert(status <= BOREL_DOMAIN);
    if (status != BOREL_OK) memset(single + i * s->D, 0, s->D * sizeof *single);
  }
  error = (borel_error){0};
  cr_assert(ops->batch(s->target, 0, n, u, z, values, gradients, &error) == BOREL_OK);
  cr_expect(error.code == BOREL_OK && !*error.message);
  for (size_t i = 0; i < n; i++) {
    cr_expect(same_bits(values[i], alone[i]), "point %zu of %zu: %a, alone %a", i, n, values[i], alone[i]);
    for (size_t d = 0; d < s->D && isfinite(alone[i]); d++)
      cr_expect(same_bits(gradients[i * s->D + d], single[i * s->D + d]),
                "derivative %zu of point %zu of %zu: %a, alone %a", d, i, n, gradients[i * s->D + d],
                single[i * s->D + d]);
  }
  for (size_t i = 0; i < n; i++) {
    borel_status status =
        ops->logdensity(s->target, 0, u + i * s->D, z ? z + i * s->K : NULL, &alone[i], &error);
    cr_assert(status <= BOREL_DOMAIN);
  }
  error = (borel_error){0};
  cr_assert(ops->batch(s->target, 0, n, u, z, values, NULL, &error) == BOREL_OK);
  for (size_t i = 0; i < n; i++)
    cr_expect(same_bits(values[i], alone[i]), "density %zu of %zu: %a, alone %a", i, n, values[i], alone[i]);
  free(values);
  free(gradients);
}

static double *points(size_t n, size_t D, double scale, uint64_t seed) {
  double *u = malloc(n * D * sizeof *u);
  for (size_t i = 0; i < n * D; i++) u[i] = uniform(&seed, -scale, scale);
  return u;
}

static void expect_all_sizes(const subject *s, double scale) {
  for (size_t n = 1; n <= 9; n++) {
    double *u = points(n, s->D, scale, n);
    expect_same(s, n, u, NULL);
    free(u);
  }
}

static borel_node number(subject *s, double x) { return borel_graph_scalar(s->graph, x); }
static borel_node square(subject *s, borel_node x) { return apply2(s->graph, BOREL_OP_MUL, x, x); }

/* mu, log tau, z[N]: y[i] is normal(mu + exp(log tau) z[i], i + 1), tau half-Cauchy. */
static borel_node schools(subject *s, int64_t N) {
  borel_graph *G = s->graph;
  double y[40], sigma[40];
  for (int i = 0; i < N; i++) y[i] = 3 * sin(i), sigma[i] = 1 + i;
  borel_node mu = site(s, "mu", scalar_input(G)), log_tau = site(s, "log_tau", scalar_input(G)),
             z = site(s, "z", vector_input(G, N)), tau = apply1(G, BOREL_OP_EXP, log_tau);
  borel_node mean = apply2(G, BOREL_OP_ADD, mu, apply2(G, BOREL_OP_MUL, tau, z));
  borel_node gap =
      apply2(G, BOREL_OP_DIV, apply2(G, BOREL_OP_SUB, doubles(G, N, y), mean), doubles(G, N, sigma));
  borel_node sum = total(G, apply2(G, BOREL_OP_ADD, square(s, gap), square(s, z)));
  borel_node prior = apply1(G, BOREL_OP_LOG1P, square(s, apply2(G, BOREL_OP_DIV, tau, number(s, 5))));
  return apply2(G, BOREL_OP_SUB, apply2(G, BOREL_OP_MUL, number(s, -0.5), sum), prior);
}

static subject open_schools(int64_t N, borel_engine by) {
  subject s = subject_begin();
  open_with(&s, schools(&s, N), by);
  return s;
}

Test(lanes, any_number_of_points_gets_the_bits_of_each_alone) {
  for (int64_t N = 7; N <= 16; N += 3) { /* of one round of accumulators, and of more */
    subject s = open_schools(N, BOREL_ENGINE_NATIVE);
    expect_all_sizes(&s, 2);
    close_subject(&s);
  }
}

Test(lanes, code_is_compiled_when_several_points_are_first_asked_for) {
  subject s = open_schools(8, BOREL_ENGINE_NATIVE);
  double *u = points(5, s.D, 2, 1);
  size_t before = borel_compile_count();
  expect_same(&s, 1, u, NULL);
  cr_expect(borel_compile_count() == before, "one point needs no code of its own");
  expect_same(&s, 5, u, NULL);
  expect_same(&s, 5, u, NULL);
  cr_expect(borel_compile_count() == before + 1);
  free(u);
  close_subject(&s);
}

/* log(a) is NaN for a negative a, and 1 / (b < 1) the way to a density of -inf. */
static borel_node fragile(subject *s) {
  borel_graph *G = s->graph;
  borel_node a = site(s, "a", scalar_input(G)), b = site(s, "b", scalar_input(G)),
             x = site(s, "x", vector_input(G, 6));
  borel_node inside = apply2(G, BOREL_OP_LT, b, number(s, 1));
  borel_node cut = apply3(G, BOREL_OP_WHERE, inside, number(s, 0), number(s, -INFINITY));
  borel_node sum = total(G, apply2(G, BOREL_OP_MUL, square(s, x), apply1(G, BOREL_OP_LOG, a)));
  return apply2(G, BOREL_OP_SUB, apply2(G, BOREL_OP_SUB, cut, sum), square(s, b));
}

Test(lanes, points_without_density_do_not_stop_the_others) {
  subject s = subject_begin();
  open_with(&s, fragile(&s), BOREL_ENGINE_NATIVE);
  enum { N = 7 };
  double u[N][8];
  for (int i = 0; i < N; i++)
    for (int d = 0; d < 8; d++) u[i][d] = 0.25 + 0.1 * i + 0.05 * d;
  u[1][0] = -1;                      /* NaN */
  u[2][1] = 2;                       /* -inf */
  u[4][0] = NAN, u[5][1] = INFINITY; /* what a leapfrog that diverges leaves */
  u[6][0] = 0;                       /* log(0) in a sum: +inf */
  expect_same(&s, N, *u, NULL);
  double values[N];
  borel_error error = {0};
  cr_assert(s.target->ops->batch(s.target, 0, N, *u, NULL, values, NULL, &error) == BOREL_OK);
  cr_expect(isfinite(values[0]) && isnan(values[1]) && values[2] == -INFINITY && isfinite(values[3]) &&
            isnan(values[4]) && values[6] == INFINITY);
  close_subject(&s);
}

Test(lanes, a_sum_of_negative_zeros_is_zero) {
  for (int64_t N = 5; N <= 8; N += 3)
    for (int by = BOREL_ENGINE_NATIVE; by <= BOREL_ENGINE_INTERPRETER; by++) {
      subject s = subject_begin();
      open_with(&s, total(s.graph, site(&s, "x", vector_input(s.graph, N))), (borel_engine)by);
      double u[4 * 8], value;
      borel_error error = {0};
      for (int i = 0; i < 4 * 8; i++) u[i] = -0.0;
      cr_assert(s.target->ops->logdensity(s.target, 0, u, NULL, &value, &error) == BOREL_OK);
      cr_expect(same_bits(value, 0.0), "%lld elements: %g", (long long)N, value);
      expect_same(&s, 4, u, NULL);
      close_subject(&s);
    }
}

static void expect_no_code(subject *s, double scale) {
  size_t before = borel_compile_count();
  expect_all_sizes(s, scale);
  cr_expect(borel_compile_count() == before, "evaluated one by one");
  close_subject(s);
}

Test(lanes, long_loops_are_evaluated_one_by_one) {
  subject s = open_schools(17, BOREL_ENGINE_NATIVE);
  expect_no_code(&s, 2);
}

Test(lanes, functions_of_libm_are_evaluated_one_by_one) {
  subject s = subject_begin();
  borel_node x = site(&s, "x", vector_input(s.graph, 4));
  open_with(&s, total(s.graph, apply1(s.graph, BOREL_OP_SIN, x)), BOREL_ENGINE_NATIVE);
  expect_no_code(&s, 2);
}

Test(lanes, the_interpreter_evaluates_one_by_one) {
  subject s = open_schools(8, BOREL_ENGINE_INTERPRETER);
  expect_no_code(&s, 2);
}

Test(lanes, discrete_coordinates_are_evaluated_one_by_one) {
  subject s = subject_begin();
  borel_graph *G = s.graph;
  borel_error error = {0};
  borel_node x = site(&s, "x", scalar_input(G)), k = borel_graph_input(G, BOREL_I64, &(borel_shape){0});
  cr_assert(borel_model_site(s.model, "k", k, BOREL_SITE_Z, 0, 3, &error) == BOREL_OK);
  borel_node gap = apply2(G, BOREL_OP_SUB, x, apply1(G, BOREL_OP_TO_F64, k));
  open_with(&s, apply1(G, BOREL_OP_NEG, square(&s, gap)), BOREL_ENGINE_NATIVE);
  size_t before = borel_compile_count();
  double u[5];
  int64_t z[5];
  for (int i = 0; i < 5; i++) u[i] = 0.3 * i, z[i] = i % 3;
  expect_same(&s, 5, u, z);
  cr_expect(borel_compile_count() == before);
  close_subject(&s);
}

Test(lanes, counting_targets_count_every_point) {
  subject s = open_schools(8, BOREL_ENGINE_NATIVE);
  borel_counting_target counted;
  borel_counting_target_wrap(&counted, s.target);
  double *u = points(6, s.D, 2, 1), values[6], *gradients = points(6, s.D, 0, 1);
  borel_error error = {0};
  counted.ops.batch(&counted.target, 0, 6, u, NULL, values, gradients, &error);
  counted.ops.batch(&counted.target, 0, 3, u, NULL, values, NULL, &error);
  cr_expect(counted.gradients == 6 && counted.densities == 3);
  free(u);
  free(gradients);
  close_subject(&s);
}

/* ---- random models --------------------------------------------------------------------------- */

static borel_node any(const borel_graph *G, uint64_t *state) {
  uint64_t size = borel_graph_size(G);
  return (borel_node)(size - 1 - uniform_below(state, size < 10 ? size : 10));
}

static borel_node grow(subject *s, uint64_t *state) {
  static const borel_op ones[] = {BOREL_OP_EXP, BOREL_OP_LOG1P_EXP, BOREL_OP_INV_LOGIT,
                                  BOREL_OP_NEG, BOREL_OP_ABS,       BOREL_OP_SQRT,
                                  BOREL_OP_LOG, BOREL_OP_LOG1P,     BOREL_OP_SIGN},
                        twos[] = {BOREL_OP_ADD,  BOREL_OP_SUB,         BOREL_OP_MUL,
                                  BOREL_OP_MULZ, BOREL_OP_DIV,         BOREL_OP_MAX,
                                  BOREL_OP_MIN,  BOREL_OP_LOG_ADD_EXP, BOREL_OP_XLOGY};
  borel_graph *G = s->graph;
  borel_error error = {0};
  borel_node a = any(G, state), b = any(G, state);
  double data[48];
  if (borel_graph_at(G, a)->dtype != BOREL_F64 || borel_graph_at(G, b)->dtype != BOREL_F64)
    return BOREL_NO_NODE;
  const borel_shape *shape = &borel_graph_at(G, a)->shape;
  const int64_t size = borel_shape_size(shape);
  int64_t places[5];
  for (int i = 0; i < 48; i++) data[i] = uniform(state, -1, 1);
  for (int i = 0; i < 5; i++) places[i] = (int64_t)uniform_below(state, (uint64_t)size);
  switch (uniform_below(state, 8)) {
  case 0: return borel_graph_op(G, BOREL_OP_SUM, &a, 1, -1, NULL, &error);
  case 1:
    return borel_graph_op(G, BOREL_OP_GATHER, (borel_node[]){a, integers(G, 5, places)}, 2, 0, NULL, &error);
  case 2: return borel_graph_op(G, BOREL_OP_STACK, (borel_node[]){a, b}, 2, 0, NULL, &error);
  case 3: {
    if (shape->rank != 1 || size > 12) return BOREL_NO_NODE;
    borel_array matrix = borel_array_new(BOREL_F64, &(borel_shape){2, {3, size}});
    memcpy(matrix.data, data, 8 * 3 * (size_t)size);
    borel_node left = borel_graph_array(G, &matrix);
    borel_array_release(&matrix);
    return borel_graph_op(G, BOREL_OP_MATMUL, (borel_node[]){left, a}, 2, 0, NULL, &error);
  }
  case 4: {
    borel_node above = borel_graph_op(G, BOREL_OP_GT, (borel_node[]){a, b}, 2, 0, NULL, &error);
    return above == BOREL_NO_NODE
               ? above
               : borel_graph_op(G, BOREL_OP_WHERE, (borel_node[]){above, a, b}, 3, 0, NULL, &error);
  }
  case 5:
    return borel_graph_op(G, ones[uniform_below(state, sizeof ones / sizeof *ones)], &a, 1, 0, NULL, &error);
  default:
    return borel_graph_op(G, twos[uniform_below(state, sizeof twos / sizeof *twos)], (borel_node[]){a, b}, 2,
                          0, NULL, &error);
  }
}

Test(lanes, random_models_get_the_bits_of_each_point_alone, .timeout = 300) {
  enum { MODELS = 25, STEPS = 18, N = 7 };
  size_t with_code = 0, finite = 0;
  for (uint64_t seed = 1; seed <= MODELS; seed++) {
    uint64_t state = 1000 + seed;
    subject s = subject_begin();
    site(&s, "a", scalar_input(s.graph));
    site(&s, "x", vector_input(s.graph, 8));
    site(&s, "b", scalar_input(s.graph));
    site(&s, "y", vector_input(s.graph, 3));
    borel_node sum = number(&s, 0.25);
    for (int k = 0; k < STEPS; k++) {
      borel_node made = grow(&s, &state);
      if (made == BOREL_NO_NODE || borel_graph_at(s.graph, made)->dtype != BOREL_F64) continue;
      if (k % 3 == 0) sum = apply2(s.graph, BOREL_OP_ADD, sum, total(s.graph, made));
    }
    size_t before;
    open_with(&s, sum, BOREL_ENGINE_NATIVE);
    before = borel_compile_count();
    double *u = points(N, s.D, 1.5, seed), value;
    expect_same(&s, N, u, NULL);
    with_code += borel_compile_count() - before;
    borel_error error = {0};
    finite += s.target->ops->logdensity(s.target, 0, u, NULL, &value, &error) == BOREL_OK;
    free(u);
    close_subject(&s);
  }
  cr_expect(with_code > MODELS / 2, "%zu of %d models are small", with_code, MODELS);
  cr_expect(finite > MODELS / 3, "%zu of %d models have a density at their first point", finite, MODELS);
}
