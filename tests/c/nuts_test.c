/* SPDX-License-Identifier: MIT
 *
 * The NUTS plugin: integrator, divergences, moments, adaptation, and resuming inside the warm-up. That it
 * preserves the target exactly is shown by the orbit test of `borel validate`. */
#include "diagnose/diagnose.h"
#include "host/density_target.h"
#include "host/instance.h"
#include "host/point.h"
#include "host/registry.h"
#include "host/windows.h"
#include "random/source_philox.h"
#include "random/source_replay.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ACCEPT, STEP_SIZE, LEAPFROGS, DEPTH, DIVERGING, ENERGY, NANS, SYMMETRIC, INFOS };

/* ---- helpers --------------------------------------------------------------------------------- */

static const borel_component *find(const char *kind, const char *name) {
  static borel_registry *registry;
  borel_error error = {0};
  if (!registry)
    cr_assert(borel_registry_create(BOREL_BUILD_DIR "/plugins", NULL, &registry, &error) == BOREL_OK);
  const borel_component *component = borel_registry_find(registry, kind, name, &error);
  cr_assert(component, "%s", error.message);
  return component;
}

#define NUMBER(its_name, x) ((borel_arg){.name = its_name, .kind = BOREL_ARG_NUMBER, .number = x})
#define TEXT(its_name, x) ((borel_arg){.name = its_name, .kind = BOREL_ARG_TEXT, .text = x})

/* A kernel on a target, with all that one chain owns. */
typedef struct {
  borel_kernel *kernel;
  borel_density *density; /* NULL for a target of the test's own */
  borel_target *target;
  borel_host_point *point;
  borel_kernel_blocks blocks;
  borel_windows plan;
  double info[INFOS];
  uint64_t seed;
  borel_error error;
} chain;

static chain chain_on(borel_target *target, size_t D, const borel_arg *args, size_t count) {
  chain c = {.target = target, .seed = 1};
  borel_layout layout = {.size = sizeof(borel_layout), .D = D};
  cr_assert(borel_kernel_create(find("kernel", "nuts"), (borel_args){args, count}, &c.kernel, &c.error) ==
                BOREL_OK,
            "%s", c.error.message);
  cr_assert(borel_kernel_blocks_create(c.kernel, &layout, 1, &c.blocks, &c.error) == BOREL_OK);
  cr_assert(borel_point_create(&layout, &c.point, &c.error) == BOREL_OK);
  cr_assert(c.kernel->info_count == INFOS);
  return c;
}

static chain chain_on_gaussian(const double *mean, const double *sd, size_t D, const borel_arg *args,
                               size_t count) {
  borel_arg parameters[] = {{.name = "sd", .kind = BOREL_ARG_REALS, .reals = sd, .count = D},
                            {.name = "mean", .kind = BOREL_ARG_REALS, .reals = mean, .count = D}};
  borel_error error = {0};
  borel_density *density;
  borel_target *target;
  borel_args both = {parameters, mean ? 2 : 1};
  cr_assert(borel_density_create(find("density", "gaussian"), both, &density, &error) == BOREL_OK);
  cr_assert(borel_density_target_create(density, &target, &error) == BOREL_OK);
  chain c = chain_on(target, D, args, count);
  c.density = density;
  return c;
}

static void chain_end(chain *c) {
  borel_point_destroy(c->point);
  borel_kernel_blocks_destroy(&c->blocks);
  borel_kernel_destroy(c->kernel);
  if (!c->density) return;
  borel_density_target_destroy(c->target);
  borel_density_destroy(c->density);
}

static double *tuning(const chain *c, const char *name) {
  return borel_block_find(c->blocks.tuning, name)->data;
}

/* What lies in scratch must not matter. */
static void spoil_scratch(const chain *c) {
  for (size_t i = 0; i < c->blocks.scratch->count; i++)
    memset(c->blocks.scratch->fields[i].data, 0xff, c->blocks.scratch->fields[i].bytes);
}

static void chain_warm(chain *c, uint64_t warmup, uint64_t total) {
  c->plan = borel_windows_plan(warmup, total);
  borel_phase phase = borel_windows_phase(&c->plan, 0, 1);
  borel_philox_rng rng;
  borel_philox_open(&rng, c->seed, 0, 0, 1, &c->error);
  borel_context context = borel_kernel_context(&c->blocks, &rng.rng, &phase);
  borel_status status = c->kernel->ops->warm(c->kernel->self, &context, c->target, &c->point->view,
                                             c->blocks.tuning->data, &c->error);
  cr_assert(status == BOREL_OK, "%s", c->error.message);
}

static void chain_step(chain *c, uint64_t iteration) {
  const borel_kernel_ops *ops = c->kernel->ops;
  borel_phase phase = borel_windows_phase(&c->plan, iteration, 1);
  borel_philox_rng rng;
  borel_philox_open(&rng, c->seed, 0, iteration, 0, &c->error);
  borel_context context = borel_kernel_context(&c->blocks, &rng.rng, &phase);
  spoil_scratch(c);
  borel_status status = ops->step(c->kernel->self, &context, c->target, &c->point->view, c->info, &c->error);
  cr_assert(status == BOREL_OK, "%s", c->error.message);
  if (phase.warming) {
    spoil_scratch(c);
    status = ops->adapt(c->kernel->self, &context, c->target, &c->point->view, c->info,
                        c->blocks.tuning->data, &c->error);
    cr_assert(status == BOREL_OK, "%s", c->error.message);
  }
  cr_assert(rng.rng.status == BOREL_OK, "%s", c->error.message);
}

/* ---- integrator ------------------------------------------------------------------------------ */

/* One step with max_depth = 1 whose momentum is n, forward in time, accepted. */
static void forced_step(chain *c, const double *n) {
  const int64_t decisions[] = {+1, 1};
  borel_script script = {.normals = n, .normal_count = 2, .decisions = decisions, .decision_count = 2};
  borel_replay_rng rng;
  borel_phase phase = borel_windows_phase(&c->plan, 0, 1);
  borel_replay_open(&rng, &script, NULL, &c->error);
  borel_context context = borel_kernel_context(&c->blocks, &rng.rng, &phase);
  borel_status status =
      c->kernel->ops->step(c->kernel->self, &context, c->target, &c->point->view, c->info, &c->error);
  cr_assert(status == BOREL_OK && borel_replay_finish(&rng) == BOREL_OK, "%s", c->error.message);
}

Test(nuts, leapfrog_returns_when_the_momentum_is_turned) {
  const double sd[] = {0.5, 3}, step = 0.3;
  borel_arg depth = NUMBER("max_depth", 1);
  chain c = chain_on_gaussian(NULL, sd, 2, &depth, 1);
  double *scale = tuning(&c, "scale");
  *tuning(&c, "step_size") = step;
  scale[0] = 0.8, scale[1] = 2.2;
  const double start[] = {0.4, -2}, n[] = {0.9, -0.3};
  borel_point_set(c.point, start, NULL);
  forced_step(&c, n);

  /* The same by hand: half a kick, a drift, half a kick. */
  double back[2], energy = c.point->view.logdensity;
  for (int i = 0; i < 2; i++) {
    double precision = 1 / (sd[i] * sd[i]), p = n[i] - 0.5 * step * scale[i] * precision * start[i];
    double u = start[i] + step * scale[i] * p;
    cr_expect_float_eq(c.point->u[i], u, 1e-15);
    p -= 0.5 * step * scale[i] * precision * u;
    back[i] = -p;
    energy -= 0.5 * p * p;
    cr_expect_float_eq(c.point->gradient[i], -precision * u, 1e-14);
  }
  cr_expect_float_eq(c.info[ENERGY], -energy, 1e-14);
  cr_expect(c.info[LEAPFROGS] == 1 && c.info[DEPTH] == 1 && c.info[DIVERGING] == 0);
  cr_expect(c.point->view.valid == (BOREL_LOGDENSITY | BOREL_GRADIENT));
  forced_step(&c, back);
  for (int i = 0; i < 2; i++) cr_expect_float_eq(c.point->u[i], start[i], 1e-14);
  chain_end(&c);
}

/* ---- divergences ----------------------------------------------------------------------------- */

/* A standard normal on [-1, 1]; what is outside is told by `outside`. */
typedef struct {
  borel_target target;
  borel_status outside;
  double value;
} walled;

static borel_status walled_gradient(borel_target *target, uint32_t layout, const double *u, const int64_t *z,
                                    double *logdensity, double *gradient, borel_error *error) {
  const walled *self = (const walled *)target;
  (void)layout, (void)z;
  *gradient = -*u;
  *logdensity = -0.5 * *u * *u;
  if (fabs(*u) <= 1) return BOREL_OK;
  *logdensity = self->value;
  if (self->outside != BOREL_OK && self->outside != BOREL_REJECT) {
    error->code = self->outside;
    strcpy(error->message, "the wall");
  }
  return self->outside;
}

static const borel_target_ops walled_ops = {.size = sizeof walled_ops, .gradient = walled_gradient};

Test(nuts, a_wall_ends_the_trajectory_but_not_the_run) {
  static const struct {
    borel_status outside;
    double value;
    int is_nan;
  } walls[] = {{BOREL_REJECT, -INFINITY, 0}, {BOREL_OK, -INFINITY, 0}, {BOREL_OK, -1e9, 0},
               {BOREL_DOMAIN, NAN, 1},       {BOREL_OK, NAN, 1},       {BOREL_OK, INFINITY, 1}};
  for (size_t w = 0; w < sizeof walls / sizeof *walls; w++) {
    walled target = {{&walled_ops}, walls[w].outside, walls[w].value};
    borel_arg step = NUMBER("step_size", 0.3);
    chain c = chain_on(&target.target, 1, &step, 1);
    chain_warm(&c, 0, 1000);
    double diverging = 0, nans = 0;
    for (uint64_t i = 0; i < 1000; i++) {
      chain_step(&c, i);
      cr_assert(fabs(c.point->u[0]) <= 1);
      cr_assert(c.info[NANS] == (walls[w].is_nan ? c.info[DIVERGING] : 0));
      diverging += c.info[DIVERGING];
      nans += c.info[NANS];
    }
    cr_expect(diverging > 100 && diverging < 1000, "wall %zu: %g", w, diverging);
    cr_expect(c.error.code == BOREL_OK && c.error.message[0] == 0, "left behind: %s", c.error.message);
    chain_end(&c);
  }
}

Test(nuts, an_error_of_the_target_is_passed_on) {
  walled target = {{&walled_ops}, BOREL_IO, 0};
  chain c = chain_on(&target.target, 1, NULL, 0);
  *tuning(&c, "step_size") = 1e3;
  *tuning(&c, "scale") = 1;
  borel_phase phase = {.size = sizeof phase};
  borel_philox_rng rng;
  borel_philox_open(&rng, 1, 0, 0, 0, &c.error);
  borel_context context = borel_kernel_context(&c.blocks, &rng.rng, &phase);
  cr_expect(c.kernel->ops->step(c.kernel->self, &context, c.target, &c.point->view, c.info, &c.error) ==
            BOREL_IO);
  cr_expect_str_eq(c.error.message, "the wall");
  borel_point_set(c.point, (double[]){2}, NULL);
  target.outside = BOREL_REJECT;
  c.error = (borel_error){0};
  cr_expect(c.kernel->ops->step(c.kernel->self, &context, c.target, &c.point->view, c.info, &c.error) ==
            BOREL_DOMAIN);
  cr_expect(strstr(c.error.message, "the log-density is -inf at the current point"));
  chain_end(&c);
}

/* ---- sampling -------------------------------------------------------------------------------- */

/* Means and standard deviations of a Gaussian within 4 standard errors, which come from the draws themselves.
 */
static void expect_moments(const char *metric) {
  enum { D = 3, WARMUP = 500, DRAWS = 4000 };
  const double mean[D] = {1, -20, 300}, sd[D] = {0.1, 2, 30};
  borel_arg args[] = {TEXT("metric", metric)};
  chain c = chain_on_gaussian(mean, sd, D, args, 1);
  static double draws[D][DRAWS];
  chain_warm(&c, WARMUP, WARMUP + DRAWS);
  for (uint64_t i = 0; i < WARMUP + DRAWS; i++) {
    chain_step(&c, i);
    for (size_t d = 0; d < D && i >= WARMUP; d++) draws[d][i - WARMUP] = c.point->u[d];
  }
  for (size_t d = 0; d < D; d++) {
    struct borel_summary s;
    cr_assert(borel_summarise(draws[d], 1, DRAWS, &s) == 0);
    cr_expect(fabs(s.mean - mean[d]) < 4 * s.mcse_mean, "%s: mean %g of %g, MCSE %g", metric, s.mean, mean[d],
              s.mcse_mean);
    cr_expect(fabs(s.sd - sd[d]) < 4 * s.mcse_sd, "%s: sd %g of %g, MCSE %g", metric, s.sd, sd[d], s.mcse_sd);
    cr_expect(s.ess_bulk > 0.4 * DRAWS, "%s: ESS %g", metric, s.ess_bulk);
  }
  chain_end(&c);
}

Test(nuts, fisher_metric_finds_the_moments) { expect_moments("fisher"); }
Test(nuts, variance_metric_finds_the_moments) { expect_moments("variance"); }
Test(nuts, dense_metric_finds_the_moments) { expect_moments("dense"); }
Test(nuts, low_rank_metric_finds_the_moments) { expect_moments("low_rank"); }

/* Once scales are known the target is a standard normal in 20 dimensions, for which a trajectory of 7
 * leapfrog steps is enough at an acceptance of 0.8. */
static void expect_adapted(const char *metric, double smallest, double orders) {
  enum { D = 20, WARMUP = 1000, DRAWS = 1000 };
  double sd[D], accept = 0, leapfrogs = 0, diverging = 0, start[D];
  for (size_t d = 0; d < D; d++) {
    sd[d] = smallest * pow(10, orders * (double)d / (D - 1));
    start[d] = 2 * sd[d] * (d % 2 ? 1 : -1);
  }
  borel_arg args[] = {TEXT("metric", metric), NUMBER("target_accept", 0.8)};
  chain c = chain_on_gaussian(NULL, sd, D, args, 2);
  borel_point_set(c.point, start, NULL);
  chain_warm(&c, WARMUP, WARMUP + DRAWS);
  for (uint64_t i = 0; i < WARMUP + DRAWS; i++) {
    chain_step(&c, i);
    if (i < WARMUP) continue;
    accept += c.info[ACCEPT] / DRAWS;
    leapfrogs += c.info[LEAPFROGS] / DRAWS;
    diverging += c.info[DIVERGING];
  }
  cr_expect(fabs(accept - 0.8) < 0.1, "%s: acceptance %g", metric, accept);
  cr_expect(leapfrogs <= 8, "%s: %g leapfrog steps", metric, leapfrogs);
  cr_expect(diverging == 0);
  const double *scale = tuning(&c, "scale");
  for (size_t d = 0; d < D; d++) {
    double ratio = scale[d] / sd[d];
    cr_expect(ratio > 0.7 && ratio < 1.42, "%s: scale %zu is %g of the standard deviation", metric, d, ratio);
  }
  chain_end(&c);
}

Test(nuts, fisher_metric_adapts_to_six_orders_of_scale) { expect_adapted("fisher", 1e-3, 6); }
/* Stan's estimate of a variance is never below 1e-5, so scales under 0.01 are beyond it. */
Test(nuts, variance_metric_adapts_to_four_orders_of_scale) { expect_adapted("variance", 0.1, 4); }

Test(nuts, warm_up_comes_back_from_far_out) {
  const double sd[] = {1, 1, 1, 1}, start[] = {1000, -1000, 1000, 1000};
  chain c = chain_on_gaussian(NULL, sd, 4, NULL, 0);
  borel_point_set(c.point, start, NULL);
  chain_warm(&c, 200, 300);
  for (uint64_t i = 0; i < 200; i++) chain_step(&c, i);
  for (int d = 0; d < 4; d++) cr_expect(fabs(c.point->u[d]) < 6);
  chain_end(&c);
}

/* With steps of h = 1.95, near the limit of stability, a leapfrog from u = 100 leads to (1 - h^2 / 2) u + h
 * p, about -90: the energy falls from 5000 to about 4100, and the new point weighs exp(900) times the start,
 * which is no number. The start is then never the draw. */
Test(nuts, selection_survives_energies_that_fall_far) {
  const double sd[] = {1}, start[] = {100};
  borel_arg range = NUMBER("max_energy_error", 1e6);
  chain c = chain_on_gaussian(NULL, sd, 1, &range, 1);
  *tuning(&c, "scale") = 1;
  *tuning(&c, "step_size") = 1.95;
  for (uint64_t i = 0; i < 40; i++) {
    borel_point_set(c.point, start, NULL);
    chain_step(&c, i);
    cr_expect(c.info[ENERGY] < 4700 && c.info[DIVERGING] == 0, "energy %g", c.info[ENERGY]);
  }
  chain_end(&c);
}

/* Tuning, state and point are all there is: copied at any iteration they continue bit for bit. */
static void expect_resumes(const char *metric) {
  const double sd[] = {0.01, 1, 100};
  borel_arg args[] = {TEXT("metric", metric)};
  chain a = chain_on_gaussian(NULL, sd, 3, args, 1);
  chain_warm(&a, 200, 250);
  uint64_t done = 0;
  for (uint64_t cut = 1; cut < 250; cut += 31) {
    chain b = chain_on_gaussian(NULL, sd, 3, args, 1);
    b.plan = a.plan;
    for (; done < cut; done++) chain_step(&a, done);
    borel_block_copy(b.blocks.tuning, a.blocks.tuning);
    borel_block_copy(b.blocks.state, a.blocks.state);
    cr_assert(borel_point_copy(b.point, a.point, &b.error) == BOREL_OK);
    borel_point_forget(&b.point->view);
    for (uint64_t i = cut; i < cut + 30 && i < 250; i++) chain_step(&b, i);
    for (; done < cut + 30 && done < 250; done++) chain_step(&a, done);
    cr_expect(!memcmp(a.point->u, b.point->u, 3 * sizeof(double)), "%s: cut at %d", metric, (int)cut);
    cr_expect(borel_block_hash(a.blocks.tuning) == borel_block_hash(b.blocks.tuning));
    chain_end(&b);
  }
  chain_end(&a);
}

Test(nuts, fisher_metric_resumes_bit_for_bit) { expect_resumes("fisher"); }
Test(nuts, variance_metric_resumes_bit_for_bit) { expect_resumes("variance"); }
Test(nuts, dense_metric_resumes_bit_for_bit) { expect_resumes("dense"); }
Test(nuts, low_rank_metric_resumes_bit_for_bit) { expect_resumes("low_rank"); }

/* Two normal coordinates with correlation 0.999: in the metrics that know directions a trajectory is short.
 */
static borel_status ridge(borel_target *target, uint32_t layout, const double *u, const int64_t *z,
                          double *logdensity, double *gradient, borel_error *error) {
  const double rho = 0.999, precision = 1 / (1 - rho * rho);
  (void)target, (void)layout, (void)z, (void)error;
  *logdensity = -0.5 * precision * (u[0] * u[0] - 2 * rho * u[0] * u[1] + u[1] * u[1]);
  gradient[0] = -precision * (u[0] - rho * u[1]);
  gradient[1] = -precision * (u[1] - rho * u[0]);
  return BOREL_OK;
}

static double leapfrogs_on_ridge(const char *metric) {
  static const borel_target_ops ridge_ops = {.size = sizeof ridge_ops, .gradient = ridge};
  borel_target target = {&ridge_ops};
  borel_arg args[] = {TEXT("metric", metric)};
  chain c = chain_on(&target, 2, args, 1);
  double leapfrogs = 0;
  borel_point_set(c.point, (double[]){0.5, 0.5}, NULL);
  chain_warm(&c, 500, 700);
  for (uint64_t i = 0; i < 700; i++) {
    chain_step(&c, i);
    if (i >= 500) leapfrogs += c.info[LEAPFROGS] / 200;
  }
  chain_end(&c);
  return leapfrogs;
}

/* The ridge is sqrt(1.999 / 0.001) = 45 times longer than wide: about 100 steps where scales are all that is
 * known, at most 7 for a standard normal. */
Test(nuts, dense_and_low_rank_metrics_straighten_a_ridge) {
  cr_expect(leapfrogs_on_ridge("fisher") > 30);
  cr_expect(leapfrogs_on_ridge("dense") <= 7);
  cr_expect(leapfrogs_on_ridge("low_rank") <= 7);
}

Test(nuts, jitter_spreads_step_sizes_evenly) {
  const double sd[] = {1};
  borel_arg args[] = {NUMBER("step_jitter", 0.5), NUMBER("step_size", 0.1)};
  chain c = chain_on_gaussian(NULL, sd, 1, args, 2);
  double sum = 0, lowest = 1, highest = 0;
  chain_warm(&c, 0, 500);
  for (uint64_t i = 0; i < 500; i++) {
    chain_step(&c, i);
    sum += c.info[STEP_SIZE] / 500;
    lowest = fmin(lowest, c.info[STEP_SIZE]);
    highest = fmax(highest, c.info[STEP_SIZE]);
  }
  /* Uniform on 0.05 to 0.15: mean 0.1 within 4 standard errors of 0.0289 / sqrt(500). */
  cr_expect(lowest >= 0.05 && lowest < 0.052 && highest <= 0.15 && highest > 0.148);
  cr_expect(fabs(sum - 0.1) < 4 * 0.0289 / sqrt(500));
  chain_end(&c);
}

Test(nuts, max_depth_bounds_the_trajectory) {
  const double sd[] = {1};
  borel_arg args[] = {NUMBER("max_depth", 3), NUMBER("step_size", 1e-4)};
  chain c = chain_on_gaussian(NULL, sd, 1, args, 2);
  chain_warm(&c, 0, 10);
  for (uint64_t i = 0; i < 10; i++) {
    chain_step(&c, i);
    cr_expect(c.info[LEAPFROGS] == 7 && c.info[DEPTH] == 3 && c.info[ACCEPT] > 0.999);
  }
  chain_end(&c);
}
