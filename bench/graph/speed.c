/* SPDX-License-Identifier: MIT
 * Speed of emitted code: value and gradient of three log-densities, next to C written by hand, in one run.
 *
 *   ./dev bench graph [text]      prints the emitted C of each model when `text` is given
 *
 * Times are the least of many repetitions of a batch, so that other work on the machine counts little. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compile/driver.h"
#include "compile/program.h"

/* "FIGURE native_us_logistic_wells 25.2" */
static void figure(const char *what, const char *name, double value) {
  printf("FIGURE %s_", what);
  for (const char *c = name; *c; c++)
    if (*c != ',') putchar(*c == ' ' ? '_' : *c);
  printf(" %.4f\n", value);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static borel_graph *G;
static borel_node op1(borel_op op, borel_node a) { return borel_graph_op(G, op, &a, 1, 0, NULL, NULL); }
static borel_node op2(borel_op op, borel_node a, borel_node b) {
  return borel_graph_op(G, op, (borel_node[]){a, b}, 2, 0, NULL, NULL);
}
static borel_node K(double x) { return borel_graph_scalar(G, x); }
static borel_node sum(borel_node a) { return borel_graph_op(G, BOREL_OP_SUM, &a, 1, -1, NULL, NULL); }
static borel_node input(int rank, int64_t size) {
  return borel_graph_input(G, BOREL_F64, &(borel_shape){rank, {size}});
}
static borel_node data(int64_t rows, int64_t columns, const double *x) {
  borel_array a = borel_array_new(BOREL_F64, &(borel_shape){columns ? 2 : 1, {rows, columns}});
  memcpy(a.data, x, 8 * (size_t)(rows * (columns ? columns : 1)));
  return borel_graph_array(G, &a);
}
#define ADD(a, b) op2(BOREL_OP_ADD, a, b)
#define SUB(a, b) op2(BOREL_OP_SUB, a, b)
#define MUL(a, b) op2(BOREL_OP_MUL, a, b)
#define DIV(a, b) op2(BOREL_OP_DIV, a, b)

enum { N = 434, WELLS = 3020 };
static double x1[WELLS], x2[WELLS], y[WELLS], labels[WELLS], design[3 * WELLS];

/* -N log sigma - sum (y - b0 - b1 x1 - b2 x2)^2 / (2 sigma^2), sigma = exp(s) */
static borel_node normal(borel_node mean, borel_node log_sigma) {
  borel_node sigma = op1(BOREL_OP_EXP, log_sigma), z = DIV(SUB(data(N, 0, y), mean), sigma);
  return SUB(sum(MUL(K(-0.5), MUL(z, z))), MUL(K(N), op1(BOREL_OP_LOG, sigma)));
}
static borel_node columns_model(borel_node *wrt, size_t *count) {
  for (int i = 0; i < 4; i++) wrt[i] = input(0, 0);
  *count = 4;
  return normal(ADD(wrt[0], ADD(MUL(wrt[1], data(N, 0, x1)), MUL(wrt[2], data(N, 0, x2)))), wrt[3]);
}
static borel_node matrix_model(borel_node *wrt, size_t *count) {
  wrt[0] = input(1, 3), wrt[1] = input(0, 0);
  *count = 2;
  return normal(op2(BOREL_OP_MATMUL, data(N, 3, design), wrt[0]), wrt[1]);
}
/* sum y eta - log(1 + exp eta) */
static borel_node logistic_model(borel_node *wrt, size_t *count) {
  for (int i = 0; i < 3; i++) wrt[i] = input(0, 0);
  *count = 3;
  borel_node eta = ADD(wrt[0], ADD(MUL(wrt[1], data(WELLS, 0, x1)), MUL(wrt[2], data(WELLS, 0, x2))));
  return sum(SUB(MUL(data(WELLS, 0, labels), eta), op1(BOREL_OP_LOG1P_EXP, eta)));
}
/* y ~ normal(mu + tau z, s), z ~ normal, mu ~ normal(0, 5), log tau ~ cauchy-like */
static borel_node schools_model(borel_node *wrt, size_t *count) {
  static const double effect[8] = {28, 8, -3, 7, -1, 1, 18, 12}, error[8] = {15, 10, 16, 11, 9, 11, 10, 18};
  wrt[0] = input(0, 0), wrt[1] = input(0, 0), wrt[2] = input(1, 8);
  *count = 3;
  borel_node tau = op1(BOREL_OP_EXP, wrt[1]), theta = ADD(wrt[0], MUL(tau, wrt[2]));
  borel_node z = DIV(SUB(data(8, 0, effect), theta), data(8, 0, error)), m = DIV(wrt[0], K(5));
  borel_node prior =
      ADD(MUL(K(-0.5), MUL(m, m)), SUB(wrt[1], op1(BOREL_OP_LOG1P, MUL(tau, DIV(tau, K(25))))));
  return ADD(prior, MUL(K(-0.5), ADD(sum(MUL(z, z)), sum(MUL(wrt[2], wrt[2])))));
}

/* ---- by hand --------------------------------------------------------------------------------- */

typedef double v4 __attribute__((vector_size(32)));
static double add4(v4 a) { return a[0] + a[1] + a[2] + a[3]; }

__attribute__((target("avx2"), noinline)) static double hand_normal(const double *b, double *g) {
  v4 s0 = {0}, s1 = {0}, s2 = {0}, ss = {0};
  int i = 0;
  for (; i + 4 <= N; i += 4) {
    v4 a, c, d;
    memcpy(&a, x1 + i, 32), memcpy(&c, x2 + i, 32), memcpy(&d, y + i, 32);
    v4 r = d - (b[0] + b[1] * a + b[2] * c);
    s0 += r, s1 += r * a, s2 += r * c, ss += r * r;
  }
  double t0 = add4(s0), t1 = add4(s1), t2 = add4(s2), tt = add4(ss), inverse = exp(-2 * b[3]);
  for (; i < N; i++) {
    double r = y[i] - (b[0] + b[1] * x1[i] + b[2] * x2[i]);
    t0 += r, t1 += r * x1[i], t2 += r * x2[i], tt += r * r;
  }
  g[0] = t0 * inverse, g[1] = t1 * inverse, g[2] = t2 * inverse, g[3] = tt * inverse - N;
  return -0.5 * tt * inverse - N * b[3];
}
__attribute__((noinline)) static double hand_logistic(const double *b, double *g) {
  double value = 0;
  g[0] = g[1] = g[2] = 0;
  for (int i = 0; i < WELLS; i++) {
    double eta = b[0] + b[1] * x1[i] + b[2] * x2[i], e = exp(-fabs(eta)),
           p = eta > 0 ? 1 / (1 + e) : e / (1 + e);
    value += labels[i] * eta - (eta > 0 ? eta : 0) - log1p(e);
    double r = labels[i] - p;
    g[0] += r, g[1] += r * x1[i], g[2] += r * x2[i];
  }
  return value;
}

/* ---- timing ---------------------------------------------------------------------------------- */

static double at[16] = {0.1, 0.2, -0.3, 0.4, 0.1, 0.2, 0.3, -0.2, 0.5, 0.3, 0.1};
static volatile double sink;

#define LEAST(seconds, statement)                                                                            \
  do {                                                                                                       \
    seconds = 1e9;                                                                                           \
    for (int repeat = 0; repeat < 300; repeat++) {                                                           \
      double start = now();                                                                                  \
      for (int batch = 0; batch < 200; batch++) statement;                                                   \
      double took = (now() - start) / 200;                                                                   \
      if (took < seconds) seconds = took;                                                                    \
    }                                                                                                        \
  } while (0)

static void model(const char *name, borel_node (*make)(borel_node *, size_t *),
                  double (*hand)(const double *, double *), int show) {
  borel_node wrt[8], outputs[9];
  size_t count;
  borel_error error = {0};
  borel_text text = {0};
  borel_native_function f[2];
  G = borel_graph_new();
  outputs[0] = make(wrt, &count);
  if (outputs[0] == BOREL_NO_NODE || borel_graph_gradient(G, outputs[0], wrt, count, outputs + 1, &error))
    exit(1);
  borel_program *p[2] = {borel_program_new(G, outputs, count + 1, &error),
                         borel_program_new(G, outputs, 1, &error)};
  borel_emit_prelude((const borel_program *const *)p, 2, &text);
  borel_emit_program(p[0], "gradient", &text);
  borel_emit_program(p[1], "density", &text);
  if (show) printf("%s\n", text.bytes);
  double start = now();
  if (borel_compile(text.bytes, 2, (const char *[]){"gradient", "density"}, 2, f, NULL, &error)) {
    printf("%s\n", error.message);
    exit(1);
  }
  double compile = now() - start, native, interpreted, by_hand = 0, g[8];
  borel_workspace w;
  borel_workspace_new(p[0], &w, &error);
  for (size_t k = 0, from = 0; k < count; k++) {
    size_t size = p[0]->tables->slots[p[0]->input_slot[k]].size;
    memcpy(w.slot[p[0]->input_slot[k]], at + from, 8 * size);
    from += size;
  }
  LEAST(interpreted, borel_program_interpret(p[0], &w));
  LEAST(native, f[0](w.slot, p[0]->tables->constants, (const long long *)p[0]->tables->extents));
  double value = *(double *)w.slot[borel_program_output_slot(p[0], 0)], check = value;
  if (hand) LEAST(by_hand, check = sink = hand(at, g));
  printf("%-24s native %8.3f us  by hand %8.3f us  interpreter %8.3f us  compile %.3f s  %s\n", name,
         native * 1e6, by_hand * 1e6, interpreted * 1e6, compile,
         fabs(value - check) < 1e-9 * fabs(value) ? "" : "VALUES DIFFER");
  figure("native_us", name, native * 1e6);
  if (hand) figure("native_over_hand", name, native / by_hand);
  borel_workspace_free(&w);
  borel_program_free(p[0]);
  borel_program_free(p[1]);
  borel_text_free(&text);
  borel_graph_free(G);
}

int main(int argc, char **argv) {
  int show = argc > 1 && !strcmp(argv[1], "text");
  for (int i = 0; i < WELLS; i++) {
    x1[i] = sin(i * 1.7), x2[i] = cos(i * 0.9), y[i] = sin(i * 0.33) + 0.2 * x1[i];
    labels[i] = sin(i * 2.3) > 0;
    design[3 * i] = 1, design[3 * i + 1] = x1[i], design[3 * i + 2] = x2[i];
  }
  char folder[] = "/tmp/borel-speed-XXXXXX", command[64]; /* a cold cache */
  setenv("BOREL_CACHE", mkdtemp(folder), 1);
  model("eight schools", schools_model, NULL, show);
  model("regression, columns", columns_model, hand_normal, show);
  model("regression, matrix", matrix_model, hand_normal, show);
  model("logistic, wells", logistic_model, hand_logistic, show);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}
