/* SPDX-License-Identifier: MIT
 * The kernel random-walk: parameters, and steps against what they are by hand. That it keeps its claims is
 * tested in validate_test.c. */
#include "host/instance.h"
#include "host/point.h"
#include "host/registry.h"
#include "host/windows.h"
#include "random/source_philox.h"
#include "random/source_replay.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { ACCEPT, STEP_SIZE, MOVED, NANS, OF_U, INFOS };

/* ---- a target: u ~ N(z, 1) for z in -1 .. 2 with mass exp(z / 2), inside |u| < 3 ------------- */

static const borel_site sites[] = {
    {.name = "u", .block = BOREL_SITE_U, .offset = 0, .size = 2},
    {.name = "z", .block = BOREL_SITE_Z, .offset = 0, .size = 2, .lowest = -1, .count = 4}};
static const borel_layout shape = {
    .size = sizeof(borel_layout), .D = 2, .K = 2, .site_count = 2, .sites = sites};

typedef struct {
  borel_target target;
  borel_status outside;
} fenced;

static const borel_layout *layout(borel_target *target, uint32_t id) {
  (void)target;
  return id == 0 ? &shape : NULL;
}

static double density(const double *u, const int64_t *z) {
  double a = u[0] - (double)z[0], b = u[1] - (double)z[1];
  return -0.5 * (a * a + b * b) + 0.5 * (double)z[0];
}

static borel_status logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *out, borel_error *error) {
  (void)id;
  borel_status outside = ((fenced *)target)->outside;
  *out = density(u, z);
  if (fabs(u[0]) < 3 && fabs(u[1]) < 3) return BOREL_OK;
  *out = outside == BOREL_OK ? -INFINITY : NAN;
  if (outside == BOREL_DOMAIN || outside == BOREL_IO) {
    error->code = outside;
    strcpy(error->message, "the fence");
  }
  return outside;
}

static const borel_target_ops target_ops = {
    .size = sizeof target_ops, .layout = layout, .logdensity = logdensity};

/* ---- a kernel on it -------------------------------------------------------------------------- */

static const borel_component *random_walk(void) {
  static borel_registry *registry;
  borel_error error = {0};
  if (!registry)
    cr_assert(borel_registry_create(BOREL_BUILD_DIR "/plugins", NULL, &registry, &error) == BOREL_OK);
  const borel_component *component = borel_registry_find(registry, "kernel", "random-walk", &error);
  cr_assert(component, "%s", error.message);
  return component;
}

#define NUMBER(its_name, x) ((borel_arg){.name = its_name, .kind = BOREL_ARG_NUMBER, .number = x})
#define TEXT(its_name, x) ((borel_arg){.name = its_name, .kind = BOREL_ARG_TEXT, .text = x})

typedef struct {
  borel_kernel *kernel;
  fenced target;
  borel_host_point *point;
  borel_kernel_blocks blocks;
  borel_windows plan;
  double info[INFOS];
  borel_error error;
} chain;

static const double start[2] = {0.5, -1};
static const int64_t start_z[2] = {1, 0};

static chain chain_of(const borel_arg *args, size_t count, uint64_t warmup) {
  chain c = {.target = {{&target_ops}, BOREL_REJECT}, .plan = borel_windows_plan(warmup, warmup + 100)};
  cr_assert(borel_kernel_create(random_walk(), (borel_args){args, count}, &c.kernel, &c.error) == BOREL_OK,
            "%s", c.error.message);
  cr_assert(c.kernel->info_count == INFOS);
  cr_assert(borel_kernel_blocks_create(c.kernel, &shape, 1, &c.blocks, &c.error) == BOREL_OK);
  cr_assert(borel_point_create(&shape, &c.point, &c.error) == BOREL_OK);
  borel_point_set(c.point, start, start_z);
  borel_phase phase = borel_windows_phase(&c.plan, 0, 1);
  borel_context context = borel_kernel_context(&c.blocks, NULL, &phase);
  cr_assert(c.kernel->ops->warm(c.kernel->self, &context, &c.target.target, &c.point->view,
                                c.blocks.tuning->data, &c.error) == BOREL_OK);
  return c;
}

static void chain_end(chain *c) {
  borel_point_destroy(c->point);
  borel_kernel_blocks_destroy(&c->blocks);
  borel_kernel_destroy(c->kernel);
}

static borel_status step(chain *c, borel_rng *rng, uint64_t iteration) {
  borel_phase phase = borel_windows_phase(&c->plan, iteration, 1);
  borel_context context = borel_kernel_context(&c->blocks, rng, &phase);
  return c->kernel->ops->step(c->kernel->self, &context, &c->target.target, &c->point->view, c->info,
                              &c->error);
}

/* One step whose choices are these, all used. */
static borel_status forced(chain *c, borel_script script) {
  borel_replay_rng rng;
  borel_replay_open(&rng, &script, NULL, &c->error);
  borel_status status = step(c, &rng.rng, c->plan.warmup);
  if (status == BOREL_OK) cr_assert(borel_replay_finish(&rng) == BOREL_OK, "%s", c->error.message);
  return status;
}

#define NORMALS(...)                                                                                         \
  .normals = (const double[]){__VA_ARGS__},                                                                  \
  .normal_count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)
#define DECISIONS(...)                                                                                       \
  .decisions = (const int64_t[]){__VA_ARGS__},                                                               \
  .decision_count = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

/* ---- parameters ------------------------------------------------------------------------------ */

Test(random_walk, parameters_have_their_ranges) {
  static const struct {
    borel_arg arg;
    const char *text;
  } bad[] = {{{.name = "step", .kind = BOREL_ARG_NUMBER, .number = 0}, "parameter step is 0, outside"},
             {{.name = "law", .kind = BOREL_ARG_TEXT, .text = "cauchy"}, "must be one of normal|three_point"},
             {{.name = "move", .kind = BOREL_ARG_TEXT, .text = "both"}, "must be one of u|z"},
             {{.name = "adapt", .kind = BOREL_ARG_NUMBER, .number = 0.5}, "must be true or false"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    borel_error error = {0};
    borel_kernel *kernel;
    cr_expect(borel_kernel_create(random_walk(), (borel_args){&bad[i].arg, 1}, &kernel, &error) == BOREL_ARG);
    cr_expect(strstr(error.message, bad[i].text), "%s", error.message);
  }
}

/* ---- moves of u ------------------------------------------------------------------------------ */

Test(random_walk, accepts_by_the_ratio_of_densities) {
  borel_arg args[] = {NUMBER("step", 0.5)};
  chain c = chain_of(args, 1, 0);
  const double proposal[] = {0.5 + 0.5 * -1.2, -1 + 0.5 * -0.4};
  /* By hand: distances from (1, 0) are 1.1 and 1.2, before 0.5 and 1: (1.25 - 2.65) / 2. */
  double ratio = exp(-0.7);
  cr_assert(forced(&c, (borel_script){NORMALS(-1.2, -0.4), DECISIONS(0)}) == BOREL_OK, "%s", c.error.message);
  cr_expect(!memcmp(c.point->u, start, sizeof start) && c.info[MOVED] == 0 && c.info[STEP_SIZE] == 0.5);
  cr_expect_float_eq(c.info[ACCEPT], ratio, 1e-15);
  cr_assert(forced(&c, (borel_script){NORMALS(-1.2, -0.4), DECISIONS(1)}) == BOREL_OK);
  cr_expect(!memcmp(c.point->u, proposal, sizeof proposal) && c.info[MOVED] == 1);
  cr_expect(c.point->view.valid == BOREL_LOGDENSITY);
  cr_expect_float_eq(c.point->view.logdensity, density(proposal, start_z), 1e-15);
  cr_expect(!memcmp(c.point->z, start_z, sizeof start_z), "z stays");
  chain_end(&c);
}

Test(random_walk, three_points_have_the_moments_of_a_normal) {
  static const double values[] = {-1.7320508075688772, 0, 1.7320508075688772},
                      p[] = {1.0 / 6, 2.0 / 3, 1.0 / 6};
  const double exact[] = {1, 0, 1, 0, 3, 0};
  for (int k = 0; k < 6; k++) {
    double moment = 0;
    for (int i = 0; i < 3; i++) moment += p[i] * pow(values[i], k);
    cr_expect_float_eq(moment, exact[k], 1e-14);
  }
  borel_arg args[] = {TEXT("law", "three_point"), NUMBER("step", 0.1)};
  chain c = chain_of(args, 2, 0);
  cr_assert(forced(&c, (borel_script){DECISIONS(2, 0, 1)}) == BOREL_OK, "%s", c.error.message);
  cr_expect_float_eq(c.point->u[0], 0.5 + 0.1 * sqrt(3), 1e-15);
  cr_expect_float_eq(c.point->u[1], -1 - 0.1 * sqrt(3), 1e-15);
  chain_end(&c);
}

Test(random_walk, refuses_what_is_outside_or_not_a_number) {
  static const struct {
    borel_status outside;
    double nans;
  } walls[] = {{BOREL_REJECT, 0}, {BOREL_OK, 0}, {BOREL_DOMAIN, 1}};
  for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
    chain c = chain_of(NULL, 0, 0);
    c.target.outside = walls[i].outside;
    cr_assert(forced(&c, (borel_script){NORMALS(4, 0), DECISIONS(0)}) == BOREL_OK, "%s", c.error.message);
    cr_expect(!memcmp(c.point->u, start, sizeof start));
    cr_expect(c.info[ACCEPT] == 0 && c.info[MOVED] == 0 && c.info[NANS] == walls[i].nans);
    cr_expect(c.error.code == BOREL_OK && c.error.message[0] == 0, "left behind: %s", c.error.message);
    cr_expect_float_eq(c.point->view.logdensity, density(start, start_z), 1e-15);
    chain_end(&c);
  }
  chain c = chain_of(NULL, 0, 0);
  c.target.outside = BOREL_IO;
  cr_expect(forced(&c, (borel_script){NORMALS(4, 0), DECISIONS(0)}) == BOREL_IO);
  cr_expect_str_eq(c.error.message, "the fence");
  chain_end(&c);
}

Test(random_walk, does_not_start_outside_the_support) {
  chain c = chain_of(NULL, 0, 0);
  borel_point_set(c.point, (const double[]){5, 0}, NULL);
  cr_expect(forced(&c, (borel_script){NORMALS(0, 0)}) == BOREL_DOMAIN);
  cr_expect(strstr(c.error.message, "random-walk: the current point is outside the support"));
  chain_end(&c);
}

/* ---- moves of z ------------------------------------------------------------------------------ */

Test(random_walk, moves_one_coordinate_of_z) {
  borel_arg args[] = {TEXT("move", "z")};
  chain c = chain_of(args, 1, 0);
  /* Coordinate 1 of the two, the last of its four values -1 .. 2, accepted. */
  cr_assert(forced(&c, (borel_script){DECISIONS(1, 3, 1)}) == BOREL_OK, "%s", c.error.message);
  const int64_t there[] = {1, 2};
  cr_expect(!memcmp(c.point->z, there, sizeof there) && !memcmp(c.point->u, start, sizeof start));
  cr_expect_float_eq(c.info[ACCEPT], exp(density(start, there) - density(start, start_z)), 1e-15);
  cr_expect_float_eq(c.point->view.logdensity, density(start, there), 1e-15);
  chain_end(&c);
}

Test(random_walk, moves_either_block) {
  borel_arg args[] = {TEXT("move", "all")};
  chain c = chain_of(args, 1, 0);
  const int64_t there[] = {1, 2};
  const double proposal[] = {0.5 - 0.3, -1 + 0.2};
  cr_assert(forced(&c, (borel_script){DECISIONS(0, 1, 3, 1)}) == BOREL_OK, "%s", c.error.message);
  cr_expect(!memcmp(c.point->z, there, sizeof there) && !memcmp(c.point->u, start, sizeof start));
  cr_expect(c.info[OF_U] == 0);
  cr_assert(forced(&c, (borel_script){NORMALS(-0.3, 0.2), DECISIONS(1, 1)}) == BOREL_OK);
  cr_expect(!memcmp(c.point->z, there, sizeof there) && !memcmp(c.point->u, proposal, sizeof proposal));
  cr_expect(c.info[OF_U] == 1);
  chain_end(&c);
}

Test(random_walk, refuses_to_leave_a_block_where_it_starts) {
  static const struct {
    const char *move, *left;
  } blocks[] = {{"u", "random-walk: move = u leaves what is discrete where it starts: use move = all"},
                {"z", "random-walk: move = z leaves what is continuous where it starts: use move = all"}};
  for (size_t i = 0; i < 2; i++) {
    borel_arg args[] = {TEXT("move", blocks[i].move)};
    chain c = chain_of(args, 1, 0);
    borel_phase phase = borel_windows_phase(&c.plan, 0, 1);
    borel_context context = borel_kernel_context(&c.blocks, NULL, &phase);
    cr_expect(c.kernel->ops->begin(c.kernel->self, &context, &c.target.target, &c.point->view, &c.error) ==
              BOREL_ARG);
    cr_expect_str_eq(c.error.message, blocks[i].left);
    chain_end(&c);
  }
}

Test(random_walk, has_nothing_to_move_without_z) {
  static const borel_layout continuous = {.size = sizeof(borel_layout), .D = 2};
  borel_arg args[] = {TEXT("move", "z")};
  chain c = chain_of(args, 1, 0);
  borel_host_point *point;
  cr_assert(borel_point_create(&continuous, &point, &c.error) == BOREL_OK);
  borel_point_know(&point->view, 0, NULL);
  borel_phase phase = borel_windows_phase(&c.plan, 0, 1);
  borel_context context = borel_kernel_context(&c.blocks, NULL, &phase);
  cr_expect(c.kernel->ops->step(c.kernel->self, &context, &c.target.target, &point->view, c.info, &c.error) ==
            BOREL_ARG);
  cr_expect_str_eq(c.error.message, "random-walk: move = z, but nothing is discrete");
  borel_point_destroy(point);
  chain_end(&c);
}

/* ---- warm-up --------------------------------------------------------------------------------- */

/* Runs the warm-up, with mean acceptance *warmup; returns that of the draws after it. */
static double acceptance(chain *c, uint64_t draws, double *warmup) {
  double sum = 0;
  *warmup = 0;
  for (uint64_t i = 0; i < c->plan.warmup + draws; i++) {
    borel_phase phase = borel_windows_phase(&c->plan, i, 1);
    borel_philox_rng rng;
    borel_philox_open(&rng, 7, 0, i, 0, &c->error);
    borel_context context = borel_kernel_context(&c->blocks, &rng.rng, &phase);
    cr_assert(step(c, &rng.rng, i) == BOREL_OK, "%s", c->error.message);
    if (phase.warming)
      cr_assert(c->kernel->ops->adapt(c->kernel->self, &context, &c->target.target, &c->point->view, c->info,
                                      c->blocks.tuning->data, &c->error) == BOREL_OK);
    if (phase.warming)
      *warmup += c->info[ACCEPT] / (double)c->plan.warmup;
    else
      sum += c->info[ACCEPT];
  }
  return sum / (double)draws;
}

/* Dual averaging leaves the mean acceptance of the warm-up within gamma (mu - log step) / sqrt(t) = 0.05 * 5
 * / sqrt(4000) = 0.004 of what is wanted. The draws have a Monte Carlo error of about sqrt(0.234 * 10 /
 * 20000) = 0.011 with 10 dependent draws worth one; 4 of these. */
Test(random_walk, tunes_its_step_to_the_wanted_acceptance) {
  borel_arg args[] = {NUMBER("step", 50)};
  chain c = chain_of(args, 1, 4000);
  double warmup, mean = acceptance(&c, 20000, &warmup);
  cr_expect(fabs(mean - 0.234) < 0.05, "%g", mean);
  chain_end(&c);
}

/* Two thirds of three_point's numbers are 0, so 4/9 of its proposals in two dimensions are the point itself
 * and accepted whatever the step is: more than 0.234, which the mean of all can never reach. The others are
 * tuned to it. That of the draws depends on which points of the lattice are inside, so the warm-up is looked
 * at, whose mean dual averaging ties to what is wanted as above, and by 10 / 4000 for its first steps. */
Test(random_walk, three_points_tune_the_acceptance_of_proposals_that_move) {
  borel_arg args[] = {TEXT("law", "three_point")};
  chain c = chain_of(args, 1, 4000);
  double warmup, wanted = 4.0 / 9 + 5.0 / 9 * 0.234;
  acceptance(&c, 1, &warmup);
  cr_expect(fabs(warmup - wanted) < 0.0065, "%g, not %g", warmup, wanted);
  cr_expect(c.info[STEP_SIZE] < 10, "the step is %g", c.info[STEP_SIZE]);
  chain_end(&c);
}

Test(random_walk, keeps_its_step_when_told_to) {
  borel_arg args[] = {NUMBER("step", 0.25), NUMBER("adapt", 0)};
  chain c = chain_of(args, 2, 50);
  double warmup;
  acceptance(&c, 10, &warmup);
  cr_expect(c.info[STEP_SIZE] == 0.25);
  chain_end(&c);
}
