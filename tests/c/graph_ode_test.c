/* SPDX-License-Identifier: MIT
 *
 * Differential equations: closed forms, derivatives of every argument, convergence, what has no solution. */
#include "compile/ode.h"
#include "support/differences.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static borel_node number(borel_graph *G, double x) { return borel_graph_scalar(G, x); }
static borel_node mul(borel_graph *G, borel_node a, borel_node b) { return apply2(G, BOREL_OP_MUL, a, b); }
static borel_node sub(borel_graph *G, borel_node a, borel_node b) { return apply2(G, BOREL_OP_SUB, a, b); }
static borel_node element(borel_graph *G, borel_node x, int64_t i) {
  return apply2(G, BOREL_OP_GATHER, x, borel_graph_integer(G, i));
}
static borel_node pair(borel_graph *G, borel_node a, borel_node b) {
  return borel_graph_op(G, BOREL_OP_STACK, (borel_node[]){a, b}, 2, 0, NULL, NULL);
}

/* A right-hand side in the body: inputs t, y [n], p [m]. */
typedef borel_node (*field)(borel_graph *, borel_node t, borel_node y, borel_node p);

static borel_node decay(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  (void)t;
  return apply1(G, BOREL_OP_NEG, mul(G, element(G, p, 0), y));
}
static borel_node oscillator(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  (void)t;
  borel_node w = element(G, p, 0);
  return pair(G, element(G, y, 1), apply1(G, BOREL_OP_NEG, mul(G, mul(G, w, w), element(G, y, 0))));
}
static borel_node logistic(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  (void)t;
  borel_node r = element(G, p, 0), K = element(G, p, 1);
  return mul(G, mul(G, r, y), sub(G, number(G, 1), apply2(G, BOREL_OP_DIV, y, K)));
}
/* y' = p t y: y = y0 exp(p (t^2 - t0^2) / 2) */
static borel_node driven(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  return mul(G, mul(G, element(G, p, 0), t), y);
}
/* y' = sqrt(y - 1) ...: NaN below 1, which y' = -p reaches */
static borel_node falling(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  (void)t;
  return mul(G, apply1(G, BOREL_OP_NEG, element(G, p, 0)), apply1(G, BOREL_OP_SQRT, y));
}
/* y' = y^2 grows beyond all bounds at t = 1 / y0 */
static borel_node blow_up(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  (void)t, (void)p;
  return mul(G, y, y);
}

typedef struct {
  borel_graph *G;
  borel_node y0, t0, ts, p, ode, solution;
} problem;

/* Robertson's chemical reaction: rates of 4e-2, 3e7 and 1e4 (p is in these units). */
static borel_node robertson(borel_graph *G, borel_node t, borel_node y, borel_node p) {
  (void)t;
  borel_node slow = mul(G, mul(G, number(G, 0.04), element(G, p, 0)), element(G, y, 0));
  borel_node back =
      mul(G, mul(G, mul(G, number(G, 1e4), element(G, p, 1)), element(G, y, 1)), element(G, y, 2));
  borel_node fast =
      mul(G, mul(G, mul(G, number(G, 3e7), element(G, p, 2)), element(G, y, 1)), element(G, y, 1));
  borel_node parts[] = {sub(G, back, slow), sub(G, sub(G, slow, back), fast), fast};
  return borel_graph_op(G, BOREL_OP_STACK, parts, 3, 0, NULL, NULL);
}

static borel_ode options(double tolerance) {
  return (borel_ode){.rel_tol = tolerance, .abs_tol = tolerance, .max_steps = 10000};
}

static problem make(field f, int64_t n, int64_t times, int64_t m, borel_ode o) {
  problem p = {.G = borel_graph_new()};
  p.y0 = vector_input(p.G, n), p.t0 = scalar_input(p.G), p.ts = vector_input(p.G, times),
  p.p = vector_input(p.G, m);
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  borel_node t = scalar_input(B), y = vector_input(B, n), q = vector_input(B, m);
  region->outputs = malloc(sizeof *region->outputs);
  region->outputs[0] = f(B, t, y, q);
  region->output_count = 1;
  borel_error error = {0};
  p.ode = borel_graph_ode(p.G, region, (borel_node[]){p.y0, p.t0, p.ts, p.p}, 4, &o, &error);
  cr_assert(p.ode != BOREL_NO_NODE, "%s", error.message);
  p.solution = borel_graph_project(p.G, p.ode, 0);
  return p;
}

/* The sum of the solution times fixed weights, and its gradient with respect to y0, t0, ts, p. */
static borel_node weighted(const problem *p, borel_node gradient[4]) {
  borel_shape shape = borel_graph_at(p->G, p->solution)->shape;
  int64_t size = borel_shape_size(&shape);
  double w[1000];
  uint64_t state = 3;
  for (int64_t i = 0; i < size; i++) w[i] = uniform(&state, 0.5, 1.5);
  borel_node flat =
      borel_graph_op(p->G, BOREL_OP_RESHAPE, &p->solution, 1, 0, &(borel_shape){1, {size}}, NULL);
  borel_node sum = total(p->G, mul(p->G, flat, doubles(p->G, size, w)));
  borel_error error = {0};
  cr_assert(borel_graph_gradient(p->G, sum, (borel_node[]){p->y0, p->t0, p->ts, p->p}, 4, gradient, &error) ==
                BOREL_OK,
            "%s", error.message);
  return sum;
}

/* Solutions and gradients agree in both engines, in every bit: no right-hand side here calls libmvec. The
 * solution is the same whether or not sensitivities are computed with it. Few states are part of emitted
 * code, 12 have Jacobians whose zeros are skipped, 40 a right-hand side of its own. */
Test(ode, engines_agree_and_sensitivities_change_nothing) {
  cache_make();
  enum { CASES = 7, MOST = 40, TIMES = 17 };
  static const struct {
    field f;
    size_t states;
  } cases[CASES] = {{decay, 2}, {oscillator, 2}, {logistic, 2}, {driven, 2},
                    {decay, 5}, {logistic, 12},  {driven, MOST}};
  engines e = {0};
  problem p[CASES];
  for (int k = 0; k < CASES; k++) {
    borel_node list[6];
    p[k] = make(cases[k].f, (int64_t)cases[k].states, TIMES, 2, options(1e-6));
    list[0] = p[k].solution;
    list[5] = weighted(&p[k], list + 1);
    engines_add(&e, p[k].G, list, 1);
    engines_add(&e, p[k].G, list, 6);
  }
  engines_compile(&e);
  double y0[MOST], t0 = 0.25, ts[24], q[8] = {0.7, 3}, kept[5][TIMES * MOST];
  for (int i = 0; i < MOST; i++) y0[i] = 1.0 / (1 + i);
  for (int i = 0; i < 24; i++) ts[i] = 0.25 + 0.3 * i;
  for (size_t k = 0; k < CASES; k++) {
    void *in[] = {y0, &t0, ts, q};
    const size_t n = cases[k].states;
    for (int which = 0; which < 2; which++)
      for (size_t values_only = 0; values_only < 2; values_only++) {
        engines_run(&e, 2 * k + !values_only, (engine)which, in);
        for (size_t out = 0; out < (values_only ? 1 : 5); out++) {
          size_t size = 8 * (size_t[]){TIMES * n, n, 1, TIMES, 2}[out];
          const void *got = engines_output(&e, 2 * k + !values_only, out);
          if (which == 0 && !values_only) memcpy(kept[out], got, size);
          cr_expect(memcmp(kept[out], got, size) == 0, "case %zu, engine %d, output %zu", k, which, out);
        }
      }
  }
  engines_free(&e);
  for (int k = 0; k < CASES; k++) borel_graph_free(p[k].G);
  cache_remove();
}

static const double *interpret(engines *e, const problem *p, const borel_node *outputs, size_t count,
                               void *const *in) {
  size_t program = engines_add(e, p->G, outputs, count);
  engines_run(e, program, INTERPRETED, in);
  return engines_output(e, program, 0);
}

static void expect_close(const char *what, double got, double want, double tolerance) {
  cr_expect(fabs(got - want) <= tolerance * (1 + fabs(want)), "%s: %.15g, not %.15g", what, got, want);
}

/* y = y0 exp(-k (t - t0)) and its derivatives: tolerance 1e-10 a step, some tens of steps. */
Test(ode, exponential_decay_and_all_its_derivatives) {
  problem p = make(decay, 1, 3, 1, options(1e-10));
  borel_node list[5];
  borel_shape flat = {1, {3}};
  list[0] = borel_graph_op(p.G, BOREL_OP_RESHAPE, &p.solution, 1, 0, &flat, NULL);
  borel_node last = element(p.G, list[0], 2);
  cr_assert(borel_graph_gradient(p.G, last, (borel_node[]){p.y0, p.t0, p.ts, p.p}, 4, list + 1, NULL) ==
            BOREL_OK);
  double y0 = 2.5, t0 = 1, ts[] = {1, 2, 4}, k = 0.8;
  engines e = {0};
  interpret(&e, &p, list, 5, (void *[]){&y0, &t0, ts, &k});
  double y = y0 * exp(-k * 3);
  const double *got[5];
  for (size_t i = 0; i < 5; i++) got[i] = engines_output(&e, 0, i);
  expect_close("y at t0", got[0][0], y0, 0);
  expect_close("y(2)", got[0][1], y0 * exp(-k), 1e-9);
  expect_close("y(4)", got[0][2], y, 1e-9);
  expect_close("dy/dy0", got[1][0], exp(-k * 3), 1e-9);
  expect_close("dy/dt0", got[2][0], k * y, 1e-9);
  expect_close("dy/dt", got[3][2], -k * y, 1e-9);
  expect_close("dy(4)/dt(2)", got[3][1], 0, 0);
  expect_close("dy/dk", got[4][0], -3 * y, 1e-9);
  engines_free(&e);
  borel_graph_free(p.G);
}

/* Logistic growth: y = K / (1 + A e^(-r t)), A = (K - y0) / y0. */
Test(ode, logistic_growth) {
  problem p = make(logistic, 1, 5, 2, options(1e-10));
  borel_shape flat = {1, {5}};
  borel_node list[2] = {borel_graph_op(p.G, BOREL_OP_RESHAPE, &p.solution, 1, 0, &flat, NULL)};
  borel_node last = element(p.G, list[0], 4);
  cr_assert(borel_graph_gradient(p.G, last, &p.p, 1, list + 1, NULL) == BOREL_OK);
  double y0 = 0.1, t0 = 0, ts[] = {1, 2, 4, 6, 8}, q[] = {0.9, 3};
  engines e = {0};
  interpret(&e, &p, list, 2, (void *[]){&y0, &t0, ts, q});
  for (int i = 0; i < 5; i++) {
    double E = (q[1] - y0) / y0 * exp(-q[0] * ts[i]), y = q[1] / (1 + E);
    expect_close("y", ((const double *)engines_output(&e, 0, 0))[i], y, 1e-9);
    if (i < 4) continue;
    const double *d = engines_output(&e, 0, 1);
    expect_close("dy/dr", d[0], y * y / q[1] * E * ts[i], 1e-8);
    expect_close("dy/dK", d[1], 1 / (1 + E) - q[1] / pow(1 + E, 2) * exp(-q[0] * ts[i]) / y0, 1e-8);
  }
  engines_free(&e);
  borel_graph_free(p.G);
}

/* Ten periods of an oscillator, y = cos(w t): the error at the end falls with the tolerance, at least tenfold
 * for a hundredfold smaller one, and stays within 1000 times it (the errors of some hundred steps). */
Test(ode, global_error_follows_the_tolerance) {
  double before = INFINITY, before_slope = INFINITY;
  for (double tolerance = 1e-4; tolerance > 1e-11; tolerance *= 1e-2) {
    problem p = make(oscillator, 2, 1, 1, options(tolerance));
    borel_node list[2] = {p.solution};
    borel_node flat = borel_graph_op(p.G, BOREL_OP_RESHAPE, &p.solution, 1, 0, &(borel_shape){1, {2}}, NULL);
    cr_assert(borel_graph_gradient(p.G, element(p.G, flat, 0), &p.p, 1, list + 1, NULL) == BOREL_OK);
    double y0[] = {1, 0}, t0 = 0, ts = 62.5, w = 1.01;
    engines e = {0};
    interpret(&e, &p, list, 2, (void *[]){y0, &t0, &ts, &w});
    double error = fabs(*(const double *)engines_output(&e, 0, 0) - cos(w * ts));
    double slope = fabs(*(const double *)engines_output(&e, 0, 1) / ts + sin(w * ts));
    cr_expect(error < before / 10 && error < 1000 * tolerance, "at %g: %g after %g", tolerance, error,
              before);
    cr_expect(slope < before_slope / 10 && slope < 5000 * tolerance, "derivative at %g: %g after %g",
              tolerance, slope, before_slope);
    before = error, before_slope = slope;
    engines_free(&e);
    borel_graph_free(p.G);
  }
}

/* Gradients of every argument against differences of the solution, at a tolerance where the noise of
 * step-size choice in differences is below 1e-7. */
Test(ode, gradients_agree_with_differences) {
  static const field fields[] = {decay, oscillator, logistic, driven};
  for (int k = 0; k < 4; k++) {
    problem p = make(fields[k], 2, 4, 2, options(1e-12));
    borel_node gradient[4], sum = weighted(&p, gradient);
    double y0[8] = {1, 0.5}, t0[8] = {0.1}, ts[8] = {0.5, 1, 1.5, 3}, q[8] = {0.7, 3};
    void *in[] = {y0, t0, ts, q};
    static const size_t sizes[] = {2, 1, 4, 2};
    engines e = {0};
    size_t f = engines_add(&e, p.G, &sum, 1), df = engines_add(&e, p.G, gradient, 4);
    for (size_t a = 0; a < 4; a++) {
      difference d[4];
      partial_differences(&e, f, 0, in, in[a], sizes[a], d);
      engines_run(&e, df, INTERPRETED, in);
      for (size_t i = 0; i < sizes[a]; i++)
        expect_close("derivative", ((const double *)engines_output(&e, df, a))[i], d[i].value, 1e-7);
    }
    engines_free(&e);
    borel_graph_free(p.G);
  }
}

/* Forward mode: <w, J v> = <J' w, v>. */
Test(ode, forward_mode_is_the_transpose_of_reverse_mode) {
  problem p = make(driven, 2, 3, 1, options(1e-6));
  borel_node gradient[4], sum = weighted(&p, gradient), v[4], along, inner = number(p.G, 0);
  v[0] = doubles(p.G, 2, (double[]){0.3, -1}), v[1] = number(p.G, 0.7);
  v[2] = doubles(p.G, 3, (double[]){0.1, 0.2, -0.4}), v[3] = doubles(p.G, 1, (double[]){1.5});
  borel_error error = {0};
  cr_assert(borel_graph_jvp(p.G, &sum, 1, (borel_node[]){p.y0, p.t0, p.ts, p.p}, v, 4, &along, &error) ==
                BOREL_OK,
            "%s", error.message);
  for (int k = 0; k < 4; k++)
    inner = apply2(p.G, BOREL_OP_ADD, inner, total(p.G, mul(p.G, gradient[k], v[k])));
  double y0[] = {1, 0.5}, t0 = 0.1, ts[] = {0.5, 1, 1.5}, q = 0.7;
  engines e = {0};
  interpret(&e, &p, (borel_node[]){along, inner}, 2, (void *[]){y0, &t0, ts, &q});
  expect_close("J v", *(const double *)engines_output(&e, 0, 0), *(const double *)engines_output(&e, 0, 1),
               1e-13);
  engines_free(&e);
  borel_graph_free(p.G);
}

/* Where there is no solution everything is NaN: times out of order, before t0, a right-hand side that leaves
 * its domain, a solution that ends before the time, too few steps. */
Test(ode, no_solution_is_nan_in_every_result) {
  static const struct {
    field f;
    double t0, ts[2];
    long long max_steps;
  } cases[] = {{decay, 0, {2, 1}, 100},    {decay, 0, {1, 1}, 100},       {decay, 2, {1, 3}, 100},
               {falling, 0, {1, 5}, 1000}, {blow_up, 0, {0.5, 2}, 5000},  {oscillator, 0, {1, 1e4}, 50},
               {decay, NAN, {1, 2}, 100},  {decay, 0, {1, INFINITY}, 100}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    borel_ode o = options(1e-6);
    o.max_steps = cases[k].max_steps;
    problem p = make(cases[k].f, 2, 2, 1, o);
    borel_node list[3];
    for (size_t which = 0; which < 3; which++) list[which] = borel_graph_project(p.G, p.ode, which);
    double y0[] = {1, 1}, t0 = cases[k].t0, ts[] = {cases[k].ts[0], cases[k].ts[1]}, q = 1;
    engines e = {0};
    interpret(&e, &p, list, 3, (void *[]){y0, &t0, ts, &q});
    for (size_t which = 0; which < 3; which++)
      for (int64_t i = 0; i < borel_shape_size(&borel_graph_at(p.G, list[which])->shape); i++)
        cr_expect(isnan(((const double *)engines_output(&e, 0, which))[i]), "case %zu, result %zu", k, which);
    engines_free(&e);
    borel_graph_free(p.G);
  }
}

/* Constant arguments have no columns: nothing is computed for them. */
Test(ode, only_what_can_change_has_sensitivities) {
  borel_graph *G = borel_graph_new();
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  scalar_input(B);
  borel_node y = vector_input(B, 2), fixed = scalar_input(B), rate = scalar_input(B);
  region->outputs = malloc(sizeof *region->outputs);
  region->outputs[0] = mul(B, mul(B, fixed, rate), y);
  region->output_count = 1;
  borel_node args[] = {doubles(G, 2, (double[]){1, 2}), number(G, 0), doubles(G, 1, (double[]){1}),
                       number(G, 0.5), scalar_input(G)};
  borel_ode o = options(1e-8);
  borel_node s = borel_graph_project(G, borel_graph_ode(G, region, args, 5, &o, NULL), 1);
  cr_expect(borel_graph_at(G, s)->shape.extent[2] == 1);
  double rate_now = -1;
  engines e = {0};
  size_t program = engines_add(&e, G, &s, 1);
  engines_run(&e, program, INTERPRETED, (void *[]){&rate_now});
  expect_close("dy2/drate", ((const double *)engines_output(&e, program, 0))[1], exp(-0.5), 1e-7);
  engines_free(&e);
  borel_graph_free(G);
}

static void refused(borel_graph *G, const borel_node *args, borel_node (*f)(borel_graph *, borel_node),
                    const char *text) {
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  scalar_input(B);
  region->outputs = malloc(sizeof *region->outputs);
  region->outputs[0] = f(B, vector_input(B, 2));
  region->output_count = 1;
  borel_error error = {0};
  borel_ode o = options(1e-6);
  cr_expect(borel_graph_ode(G, region, args, 3, &o, &error) == BOREL_NO_NODE);
  cr_expect(strstr(error.message, text), "expected \"%s\" in: %s", text, error.message);
}
static borel_node same(borel_graph *B, borel_node y) {
  (void)B;
  return y;
}

Test(ode, refuses_with_the_reason) {
  borel_graph *G = borel_graph_new();
  borel_node y0 = vector_input(G, 2), t0 = number(G, 1), ts = doubles(G, 2, (double[]){2, 3});
  refused(G, (borel_node[]){y0, t0, ts}, total,
          "the state has shape [2] but the right-hand side returns f64 []");
  refused(G, (borel_node[]){t0, t0, ts}, same, "the initial state must be a vector of numbers, not f64 []");
  refused(G, (borel_node[]){y0, ts, ts}, same, "t0 must be a number");
  refused(G, (borel_node[]){y0, t0, t0}, same, "ts must be a vector");
  refused(G, (borel_node[]){y0, t0, doubles(G, 2, (double[]){0.5, 3})}, same,
          "ts[1] = 0.5 lies before t0 = 1");
  refused(G, (borel_node[]){y0, t0, doubles(G, 3, (double[]){2, 4, 4})}, same,
          "ts[2] = 4 is followed by ts[3] = 4");
  refused(G, (borel_node[]){y0, t0, doubles(G, 2, (double[]){2, NAN})}, same, "ts[2] is nan");
  refused(G, (borel_node[]){y0, number(G, INFINITY), ts}, same, "t0 is inf");
  borel_graph_free(G);
}

/* ---- stiff ----------------------------------------------------------------------------------- */

static borel_ode stiff(double rel_tol, double abs_tol) {
  return (borel_ode){.rel_tol = rel_tol, .abs_tol = abs_tol, .max_steps = 100000, .stiff = 1};
}

/* Reference at t = 1e11: the Test Set for IVP Solvers (Mazzia and Magherini, release 2.4, 2008), problem
 * ROBER. At t = 0.4, 40, 4e5: the documented output of CVODE's example cvRoberts_dns (rtol 1e-4), good to
 * some four digits.
 */
Test(ode, robertson_agrees_with_published_values) {
  if (!borel_ode_has_stiff()) cr_skip_test("built without SUNDIALS");
  problem p = make(robertson, 3, 4, 3, stiff(1e-10, 1e-14));
  double y0[8] = {1, 0, 0}, t0 = 0, ts[8] = {0.4, 40, 4e5, 1e11}, q[8] = {1, 1, 1};
  static const double documented[3][3] = {{9.8517e-01, 3.3864e-05, 1.4794e-02},
                                          {7.1583e-01, 9.1851e-06, 2.8416e-01},
                                          {4.9382e-03, 1.9850e-08, 9.9506e-01}},
                      reference[3] = {0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050};
  engines e = {0};
  const double *got = interpret(&e, &p, &p.solution, 1, (void *[]){y0, &t0, ts, q});
  for (int at = 0; at < 3; at++)
    for (int i = 0; i < 3; i++)
      cr_expect(fabs(got[3 * at + i] / documented[at][i] - 1) < 3e-4, "t = %g, y%d: %.6g, not %.6g", ts[at],
                i + 1, got[3 * at + i], documented[at][i]);
  for (int i = 0; i < 3; i++)
    cr_expect(fabs(got[9 + i] / reference[i] - 1) < 1e-5, "t = 1e11, y%d: %.16g, not %.16g", i + 1,
              got[9 + i], reference[i]);
  engines_free(&e);
  borel_graph_free(p.G);
}

/* Both engines; values with and without sensitivities; gradients against differences and against those of the
 * other method, where both can solve. */
Test(ode, stiff_sensitivities) {
  if (!borel_ode_has_stiff()) cr_skip_test("built without SUNDIALS");
  cache_make();
  problem slow = make(logistic, 2, 4, 2, options(1e-11)), p = make(logistic, 2, 4, 2, stiff(1e-11, 1e-11)),
          r = make(robertson, 3, 2, 3, stiff(1e-11, 1e-15));
  borel_node want[5], got[5], rober[5];
  want[4] = weighted(&slow, want), got[4] = weighted(&p, got), rober[4] = weighted(&r, rober);
  engines e = {0};
  engines_add(&e, slow.G, want, 5);
  engines_add(&e, p.G, got, 5);
  engines_add(&e, p.G, got + 4, 1);
  engines_add(&e, r.G, rober, 5);
  engines_add(&e, r.G, rober + 4, 1);
  engines_compile(&e);
  double y0[8] = {1, 0.5}, t0[8] = {0.1}, ts[8] = {0.5, 1, 1.5, 3}, q[8] = {0.7, 3};
  void *in[] = {y0, t0, ts, q};
  static const size_t sizes[] = {2, 1, 4, 2, 1};
  engines_run(&e, 0, NATIVE, in);
  for (int which = 0; which < 2; which++) {
    engines_run(&e, 1, (engine)which, in);
    engines_run(&e, 2, (engine)which, in);
    for (size_t k = 0; k < 5; k++)
      for (size_t i = 0; i < sizes[k]; i++)
        expect_close("stiff", ((const double *)engines_output(&e, 1, k))[i],
                     ((const double *)engines_output(&e, 0, k))[i], 1e-7);
    expect_close("values alone", *(const double *)engines_output(&e, 2, 0),
                 *(const double *)engines_output(&e, 1, 4), 1e-9);
  }
  double start[8] = {1, 0, 0}, begin[8] = {0}, times[8] = {0.4, 40}, rates[8] = {1, 1, 1};
  void *at[] = {start, begin, times, rates};
  difference d[3];
  partial_differences(&e, 4, 0, at, rates, 3, d);
  engines_run(&e, 3, NATIVE, at);
  for (size_t i = 0; i < 3; i++)
    expect_close("Robertson", ((const double *)engines_output(&e, 3, 3))[i], d[i].value, 1e-6);
  engines_free(&e);
  borel_graph_free(slow.G), borel_graph_free(p.G), borel_graph_free(r.G);
  cache_remove();
}

/* A failure is NaN and nothing else: nothing may be printed. */
Test(ode, stiff_failures_are_silent) {
  if (!borel_ode_has_stiff()) cr_skip_test("built without SUNDIALS");
  borel_ode o = stiff(1e-8, 1e-8);
  o.max_steps = 5;
  problem few = make(robertson, 3, 1, 3, o), gone = make(blow_up, 1, 1, 1, stiff(1e-8, 1e-8));
  double y0[8] = {1, 0, 0}, t0 = 0, ts = 1e3, q[8] = {1, 1, 1};
  engines e = {0};
  char text[8] = {0};
  FILE *caught = tmpfile();
  int err = dup(STDERR_FILENO), out = dup(STDOUT_FILENO);
  dup2(fileno(caught), STDERR_FILENO), dup2(fileno(caught), STDOUT_FILENO);
  double a = *interpret(&e, &few, &few.solution, 1, (void *[]){y0, &t0, &ts, q});
  size_t program = engines_add(&e, gone.G, &gone.solution, 1);
  engines_run(&e, program, INTERPRETED, (void *[]){y0, &t0, &ts, q});
  double b = *(const double *)engines_output(&e, program, 0);
  fflush(stdout), fflush(stderr);
  dup2(err, STDERR_FILENO), dup2(out, STDOUT_FILENO);
  rewind(caught);
  cr_expect(fread(text, 1, 1, caught) == 0, "something was printed");
  cr_expect(isnan(a) && isnan(b));
  fclose(caught), close(err), close(out);
  engines_free(&e);
  borel_graph_free(few.G), borel_graph_free(gone.G);
}
