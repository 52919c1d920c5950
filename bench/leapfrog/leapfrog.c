/* SPDX-License-Identifier: MIT
 * What a leapfrog step of NUTS costs beyond the gradient: momenta, metric, tests of turns, selection, and the
 * part of a step's start and end that falls to each leapfrog. The target is a standard normal, whose gradient
 * is timed alone and taken off; the step size is D^(-1/4), so that trajectories are as long as in a run.
 *
 *   leapfrog times                 the table, and a line a + b D through the times of the diagonal metric
 *   leapfrog steps METRIC D COUNT  COUNT steps and nothing else, in `steps`; prints how many leapfrogs these
 * were leapfrog slopes D COUNT        COUNT gradients, in `slopes`: both for counting instructions */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/instance.h"
#include "host/point.h"
#include "host/registry.h"
#include "random/source_philox.h"

enum { RANK = 8, INFO_LEAPFROGS = 2, INFOS = 16 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void insist(borel_status status, const borel_error *error) {
  if (status == BOREL_OK) return;
  fprintf(stderr, "%s\n", error->message);
  exit(1);
}

/* ---- a standard normal ----------------------------------------------------------------------- */

typedef struct {
  borel_target target; /* first */
  borel_layout layout;
} normal;

static const borel_layout *layout(borel_target *target, uint32_t id) {
  (void)id;
  return &((normal *)target)->layout;
}

static borel_status gradient(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                             double *out, double *slope, borel_error *error) {
  size_t D = ((normal *)target)->layout.D, i = 0;
  (void)id, (void)z, (void)error;
  double sum[4] = {0};
  for (; i + 4 <= D; i += 4)
    for (size_t j = 0; j < 4; j++) {
      slope[i + j] = -u[i + j];
      sum[j] += u[i + j] * u[i + j];
    }
  for (; i < D; i++) {
    slope[i] = -u[i];
    sum[0] += u[i] * u[i];
  }
  *out = -0.5 * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
  return BOREL_OK;
}

static const borel_target_ops normal_ops = {
    .size = sizeof normal_ops, .layout = layout, .gradient = gradient};

/* ---- a chain that is past its warm-up -------------------------------------------------------- */

typedef struct {
  normal target;
  borel_kernel *kernel;
  borel_kernel_blocks blocks;
  borel_host_point *point;
  uint64_t iteration;
  double leapfrogs;
  borel_error error;
} chain;

static const borel_component *nuts(void) {
  static borel_registry *registry;
  borel_error error = {0};
  if (!registry) insist(borel_registry_create(PLUGINS, NULL, &registry, &error), &error);
  const borel_component *component = borel_registry_find(registry, BOREL_KERNEL, "nuts", &error);
  if (!component) insist(BOREL_ARG, &error);
  return component;
}

static double *tuning(const chain *c, const char *name) {
  const borel_block_field *field = borel_block_find(c->blocks.tuning, name);
  return field ? field->data : NULL;
}

/* Unit scales; rows of a cosine transform as directions, without stretch: the metric is I, at full price. */
static void set_metric(chain *c, size_t D, const char *metric) {
  for (size_t i = 0; i < D; i++) tuning(c, "scale")[i] = 1;
  for (size_t i = 0; !strcmp(metric, "dense") && i < D; i++) tuning(c, "root")[i * D + i] = 1;
  if (strcmp(metric, "low_rank")) return;
  size_t rank = D / 2 < RANK ? D / 2 : RANK;
  *tuning(c, "rank") = (double)rank;
  for (size_t k = 0; k < rank; k++) {
    tuning(c, "stretch")[k] = 1;
    for (size_t i = 0; i < D; i++)
      tuning(c, "directions")[k * D + i] =
          sqrt(2 / (double)D) * cos(M_PI * ((double)i + 0.5) * (double)(k + 1) / (double)D);
  }
}

static void chain_open(chain *c, size_t D, const char *metric) {
  *c = (chain){.target = {.target.ops = &normal_ops, .layout = {.size = sizeof(borel_layout), .D = D}}};
  borel_arg arg = {.name = "metric", .kind = BOREL_ARG_TEXT, .text = metric};
  insist(borel_kernel_create(nuts(), (borel_args){&arg, 1}, &c->kernel, &c->error), &c->error);
  insist(borel_kernel_blocks_create(c->kernel, &c->target.layout, 1, &c->blocks, &c->error), &c->error);
  insist(borel_point_create(&c->target.layout, &c->point, &c->error), &c->error);
  *tuning(c, "step_size") = pow((double)D, -0.25);
  set_metric(c, D, metric);
}

static void chain_close(chain *c) {
  borel_point_destroy(c->point);
  borel_kernel_blocks_destroy(&c->blocks);
  borel_kernel_destroy(c->kernel);
}

__attribute__((noinline)) static void steps(chain *c, uint64_t count) {
  borel_phase phase = {.size = sizeof phase, .total = UINT64_MAX, .lanes = 1};
  borel_philox_rng rng;
  double info[INFOS];
  for (uint64_t n = 0; n < count; n++) {
    phase.iteration = c->iteration++;
    borel_philox_open(&rng, 1, 0, phase.iteration, 0, &c->error);
    borel_context context = borel_kernel_context(&c->blocks, &rng.rng, &phase);
    insist(
        c->kernel->ops->step(c->kernel->self, &context, &c->target.target, &c->point->view, info, &c->error),
        &c->error);
    c->leapfrogs += info[INFO_LEAPFROGS];
  }
}

__attribute__((noinline)) static double slopes(chain *c, uint64_t count) {
  double sum = 0, value;
  borel_target *target = &c->target.target;
  for (uint64_t n = 0; n < count; n++) {
    target->ops->gradient(target, 0, c->point->u, NULL, &value, c->point->gradient, &c->error);
    sum += value;
  }
  return sum;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const size_t sizes[] = {1, 10, 100, 1000, 10000};
enum { SIZES = sizeof sizes / sizeof *sizes, BATCHES = 40 };

static volatile double sink;

/* Nanoseconds of a leapfrog and of a gradient, least of BATCHES. */
static void measure(size_t D, const char *metric, double *leapfrog, double *slope) {
  chain c;
  chain_open(&c, D, metric);
  uint64_t batch = 1 + 20000 / (D + 20);
  if (!strcmp(metric, "dense")) batch = 1 + batch * 20 / (D + 20);
  steps(&c, 1000 / (D + 10) + 2);
  *leapfrog = *slope = INFINITY;
  for (int i = 0; i < BATCHES; i++) {
    double before = c.leapfrogs, start = now();
    steps(&c, batch);
    double each = (now() - start) / (c.leapfrogs - before) * 1e9;
    if (each < *leapfrog) *leapfrog = each;
    start = now();
    sink = slopes(&c, 8 * batch);
    each = (now() - start) / (double)(8 * batch) * 1e9;
    if (each < *slope) *slope = each;
  }
  chain_close(&c);
}

/* a + b D with the least sum of squared relative errors. */
static void fit_line(const double *ns, double *a, double *b) {
  double w0 = 0, w1 = 0, w2 = 0, y0 = 0, y1 = 0;
  for (size_t i = 0; i < SIZES; i++) {
    double x = (double)sizes[i], weight = 1 / (ns[i] * ns[i]);
    w0 += weight, w1 += weight * x, w2 += weight * x * x;
    y0 += weight * ns[i], y1 += weight * x * ns[i];
  }
  *b = (w0 * y1 - w1 * y0) / (w0 * w2 - w1 * w1);
  *a = (y0 - *b * w1) / w0;
}

static int times(void) {
  static const char *const metrics[] = {"fisher", "low_rank", "dense"};
  double diagonal[SIZES];
  printf("ns per leapfrog beyond the gradient (low_rank: %d directions, or D / 2)\n", RANK);
  for (size_t m = 0; m < 3; m++)
    for (size_t i = 0; i < SIZES; i++) {
      if (m == 2 && sizes[i] > 1000) continue; /* a root of 800 MB */
      double leapfrog, slope;
      measure(sizes[i], metrics[m], &leapfrog, &slope);
      if (m == 0) diagonal[i] = leapfrog - slope;
      printf("FIGURE leapfrog_ns_%s_D%zu %.1f\n", metrics[m], sizes[i], leapfrog - slope);
    }
  double a, b;
  fit_line(diagonal, &a, &b);
  printf("FIGURE leapfrog_overhead_us_D10 %.4f\n", diagonal[1] * 1e-3);
  printf("FIGURE leapfrog_overhead_us %.4f\nFIGURE leapfrog_ns_per_D %.3f\n", a * 1e-3, b);
  return 0;
}

int main(int argc, char **argv) {
  chain c;
  if (argc == 2 && !strcmp(argv[1], "times")) return times();
  if (argc == 5 && !strcmp(argv[1], "steps")) {
    chain_open(&c, strtoul(argv[3], NULL, 10), argv[2]);
    steps(&c, strtoul(argv[4], NULL, 10));
    printf("%.0f\n", c.leapfrogs);
  } else if (argc == 4 && !strcmp(argv[1], "slopes")) {
    chain_open(&c, strtoul(argv[2], NULL, 10), "fisher");
    sink = slopes(&c, strtoul(argv[3], NULL, 10));
  } else {
    fprintf(stderr, "usage: leapfrog times | steps METRIC D COUNT | slopes D COUNT\n");
    return 2;
  }
  chain_close(&c);
  return 0;
}
