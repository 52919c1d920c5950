/* SPDX-License-Identifier: MIT
 * The order of an approximate kernel: on a standard normal target, whose mean square is 1, chains are run at
 * step sizes h, h / 2 and h / 4. If the error of their mean square is c h^p, its logarithm falls by p log 2
 * from one to the next. */
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/rig.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 3, CHAINS = 64, FORGOTTEN = 20, FIRST_DRAWS = 500, LONGEST_DRAWS = 32 * FIRST_DRAWS };
static const double largest_step = 0.8; /* in standard deviations */
static const double tolerance = 0.25;   /* of the order */
static const double enough = 0.06;      /* standard error of the order at which chains are long enough */
static const double sure = 3;           /* standard errors in an interval */
static const uint64_t frozen_phase = 1000;

static double standard_normal(const double *u, const int64_t *z, double *gradient) {
  (void)z;
  double sum = 0;
  for (int d = 0; d < 3; d++) {
    sum += u[d] * u[d];
    if (gradient) gradient[d] = -u[d];
  }
  return -0.5 * sum;
}

static const borel_site site = {.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 3};
static const borel_trial target = {.name = "the standard normal",
                                   .D = 3,
                                   .site_count = 1,
                                   .sites = &site,
                                   .density = standard_normal,
                                   .u = {0.3, -0.5, 1}};

/* Mean squares less 1, of many chains of the same length: n of them add up. */
typedef struct {
  double n, sum, squares;
} bias;

static double mean_of(const bias *b) { return b->sum / b->n; }
static double error_of(const bias *b) {
  return sqrt((b->squares - b->sum * b->sum / b->n) / (b->n - 1) / b->n);
}

/* A chain from an exact draw. */
static borel_status one_chain(borel_rig *rig, uint64_t key, uint64_t number, size_t draws, bias *b) {
  borel_philox_rng rng;
  double u[3], sum = 0;
  borel_status status = BOREL_OK;
  borel_philox_open(&rng, key, 0, number, 0, &rig->error);
  rng.rng.ops->fill_normal(&rng.rng, u, 1, 3);
  borel_rig_reset(rig, u, NULL);
  for (size_t i = 0; i < FORGOTTEN + draws && status == BOREL_OK; i++) {
    status = borel_rig_step(rig, &rng.rng, frozen_phase);
    const double *x = rig->point->u;
    if (i >= FORGOTTEN) sum += x[0] * x[0] + x[1] * x[1] + x[2] * x[2];
  }
  double mean = sum / (3.0 * (double)draws) - 1;
  b->n += 1;
  b->sum += mean;
  b->squares += mean * mean;
  return status;
}

/* Weighted least squares of log error on log step size; a logarithm has the relative error of its argument.
 */
static double slope_of(const bias b[STEPS], double *error) {
  double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
  for (int k = 0; k < STEPS; k++) {
    double x = -k * log(2), y = log(fabs(mean_of(&b[k]))), weight = pow(mean_of(&b[k]) / error_of(&b[k]), 2);
    w += weight, wx += weight * x, wy += weight * y, wxx += weight * x * x, wxy += weight * x * y;
  }
  double spread = wxx - wx * wx / w;
  *error = 1 / sqrt(spread);
  return (wxy - wx * wy / w) / spread;
}

/* Chains at all step sizes, twice as long each time, until the order is known well enough. */
static borel_status measure(borel_rig *rig, double *step_size, uint64_t seed, bias b[STEPS], size_t *draws) {
  uint64_t root = borel_stream_child(borel_stream_root(seed), "order");
  borel_status status = BOREL_OK;
  for (*draws = FIRST_DRAWS; status == BOREL_OK; *draws *= 2) {
    for (int k = 0; k < STEPS; k++) {
      uint64_t key = borel_stream_child_id(borel_stream_child_id(root, *draws), (uint64_t)k);
      *step_size = ldexp(largest_step, -k);
      b[k] = (bias){0, 0, 0};
      for (uint64_t i = 0; i < CHAINS && status == BOREL_OK; i++)
        status = one_chain(rig, key, i, *draws, &b[k]);
    }
    double error;
    slope_of(b, &error);
    if (error < enough || *draws == LONGEST_DRAWS) break;
  }
  return status;
}

static void judge(const borel_examination *e, const bias b[STEPS], size_t draws) {
  const borel_claims *claims = &e->component->claims;
  int order_claimed = claims->preserves == BOREL_PRESERVES_ORDER;
  double error, slope = slope_of(b, &error), far = sure * error;
  char claim[40], numbers[140];
  size_t used = 0;
  snprintf(claim, sizeof claim, order_claimed ? "order %g" : "tends to the target", claims->order);
  for (int k = 0; k < STEPS; k++)
    used += (size_t)snprintf(numbers + used, sizeof numbers - used, "%s%.2g +- %.1g at %g", k ? ", " : "",
                             mean_of(&b[k]), error_of(&b[k]), ldexp(largest_step, -k));
  if (fabs(mean_of(&b[1])) < sure * error_of(&b[1])) {
    borel_examination_row(e, BOREL_NOT_TESTED, claim, "order", "the error is too small to see: %s", numbers);
    return;
  }
  double off = order_claimed ? fabs(slope - claims->order) - tolerance : tolerance - slope;
  borel_verdict verdict = off > far                      ? BOREL_FAILS
                          : off <= 0 && far <= tolerance ? BOREL_HOLDS
                                                         : BOREL_NOT_TESTED;
  borel_examination_row(e, verdict, claim, "order",
                        "error of the mean square of a standard normal: %s; slope %.2f +- %.2f (%g standard "
                        "errors), tolerance %g; %d chains of %zu draws, seed %llu",
                        numbers, slope, far, sure, tolerance, CHAINS, draws,
                        (unsigned long long)e->tier->seed);
}

void borel_examine_order(const borel_examination *e) {
  borel_windows plan = borel_windows_plan(0, frozen_phase);
  borel_rig rig;
  bias b[STEPS];
  size_t draws;
  const char *claim = "tends to the target";
  borel_examination_doing(e, "chains at three step sizes");
  borel_status status =
      borel_rig_open(&rig, e->component, borel_configuration_args(&e->configurations[0]), &target, &plan);
  double *step_size = status == BOREL_OK ? borel_rig_tuning(&rig, "step_size", 1) : NULL;
  double *scale = step_size ? borel_rig_tuning(&rig, "scale", target.D) : NULL;
  for (size_t d = 0; scale && d < target.D; d++) scale[d] = 1;
  if (step_size) status = measure(&rig, step_size, e->tier->seed, b, &draws);
  if (status != BOREL_OK)
    borel_examination_row(e, status == BOREL_ARG ? BOREL_NOT_TESTED : BOREL_FAILS, claim, "order", "%.300s",
                          rig.error.message);
  else if (!step_size)
    borel_examination_row(e, BOREL_NOT_TESTED, claim, "order", "it has no tuning field step_size");
  else
    judge(e, b, draws);
  borel_rig_close(&rig);
}
