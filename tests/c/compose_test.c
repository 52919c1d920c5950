/* SPDX-License-Identifier: MIT
 * Compositions of kernels against the algebra of their transition matrices, which the enumerating source
 * gives exactly. The build makes mutants of this program too, in which the compositions are wrong on purpose;
 * cli/compose_mutants.sh sees each fail. */
#include "host/compose.h"
#include "host/plugin.h"
#include "host/windows.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/rig.h"
#include "validate/validate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- a target of six points: x in {1, 2, 3}, y in {0, 1} -------------------------------------- */

enum { X = 3, Y = 2, N = X * Y };
static const double mass[X][Y] = {{0.05, 0.15}, {0.3, 0.1}, {0.15, 0.25}};

typedef struct {
  borel_target target; /* first */
  size_t evaluations;
} table;

static const borel_site sites[] = {
    {.name = "x", .block = BOREL_SITE_Z, .size = 1, .lowest = 1, .count = X},
    {.name = "y[1]", .block = BOREL_SITE_Z, .offset = 1, .size = 1, .count = Y}};
static const borel_layout shape = {.size = sizeof shape, .K = 2, .site_count = 2, .sites = sites};

static const borel_layout *layout_of(borel_target *target, uint32_t id) {
  (void)target;
  return id == 0 ? &shape : NULL;
}

static borel_status logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *out, borel_error *error) {
  (void)id, (void)u, (void)error;
  ((table *)target)->evaluations++;
  *out = log(mass[z[0] - 1][z[1]]);
  return BOREL_OK;
}

static const borel_target_ops table_ops = {
    .size = sizeof table_ops, .layout = layout_of, .logdensity = logdensity};

/* ---- kernels --------------------------------------------------------------------------------- */

static const borel_component *component(const char *name) {
  char path[400];
  const borel_plugin *plugin;
  borel_error error = {0};
  snprintf(path, sizeof path, BOREL_BUILD_DIR "/plugins/kernel/%s.so", name);
  cr_assert(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
  return plugin->components[0];
}

static borel_kernel *leaf(const char *name, const borel_arg *args, size_t count) {
  borel_kernel *kernel;
  borel_error error = {0};
  cr_assert(borel_kernel_create(component(name), (borel_args){args, count}, &kernel, &error) == BOREL_OK,
            "%s", error.message);
  return kernel;
}

static borel_kernel *gibbs(const char *scan) {
  return leaf("gibbs", &(borel_arg){.name = "scan", .kind = BOREL_ARG_TEXT, .text = scan}, 1);
}

static borel_kernel *walk(void) {
  return leaf("random-walk", &(borel_arg){.name = "move", .kind = BOREL_ARG_TEXT, .text = "z"}, 1);
}

static borel_kernel *composed(borel_status status, borel_composition **c, borel_error *error) {
  borel_kernel *kernel;
  cr_assert(status == BOREL_OK, "%s", error->message);
  cr_assert(borel_kernel_compose(*c, &kernel, error) == BOREL_OK, "%s", error->message);
  return kernel;
}

static borel_kernel *cycle_of(const borel_kernel *const *parts, size_t count) {
  borel_composition *c;
  borel_error error = {0};
  return composed(borel_cycle_new(parts, count, &c, &error), &c, &error);
}

static borel_kernel *mixture_of(const borel_kernel *a, double p, const borel_kernel *b, double q) {
  borel_composition *c;
  borel_error error = {0};
  return composed(
      borel_mixture_new((const borel_kernel *const[]){a, b}, (const double[]){p, q}, 2, &c, &error), &c,
      &error);
}

static borel_kernel *on_names(const char *name, const borel_kernel *part) {
  borel_composition *c;
  borel_error error = {0};
  borel_selection selection = {.names = &name, .count = 1};
  return composed(borel_on_new(&selection, part, &c, &error), &c, &error);
}

static borel_kernel *on_block(borel_site_block block, const borel_kernel *part) {
  borel_composition *c;
  borel_error error = {0};
  borel_selection selection = {.all = 1, .block = block};
  return composed(borel_on_new(&selection, part, &c, &error), &c, &error);
}

static borel_kernel *thinned(size_t steps, const borel_kernel *part) {
  borel_composition *c;
  borel_error error = {0};
  return composed(borel_thin_new(steps, part, &c, &error), &c, &error);
}

/* ---- their transition matrices --------------------------------------------------------------- */

typedef struct {
  double at[N][N];
} matrix;

static size_t number_of(const int64_t *z) { return (size_t)((z[0] - 1) * Y + z[1]); }

static matrix matrix_of(const borel_kernel *kernel) {
  matrix K = {0};
  table target = {.target = {&table_ops}};
  borel_error error = {0};
  borel_host_point *point;
  borel_kernel_blocks blocks;
  double info[20];
  borel_windows plan = borel_windows_plan(0, 1000);
  borel_phase phase = borel_windows_phase(&plan, 500, 1);
  cr_assert(kernel->info_count <= 20);
  cr_assert(borel_point_create(&shape, &point, &error) == BOREL_OK);
  cr_assert(borel_kernel_blocks_create(kernel, &shape, 1, &blocks, &error) == BOREL_OK, "%s", error.message);
  for (size_t from = 0; from < N; from++) {
    borel_enumeration e;
    borel_enumerate_begin(&e, 0, &error);
    while (borel_enumerate_next(&e)) {
      int64_t z[] = {(int64_t)from / Y + 1, (int64_t)from % Y};
      borel_point_set(point, NULL, z);
      borel_context context = borel_kernel_context(&blocks, borel_enumerate_rng(&e), &phase);
      cr_assert(kernel->ops->step(kernel->self, &context, &target.target, &point->view, info, &error) ==
                    BOREL_OK,
                "%s", error.message);
      if (point->view.valid & BOREL_LOGDENSITY)
        cr_expect(fabs(point->view.logdensity - log(mass[point->z[0] - 1][point->z[1]])) < 1e-14,
                  "a point remembers the density of another");
      K.at[from][number_of(point->z)] += borel_enumerate_probability(&e);
    }
    cr_assert(e.rng.status == BOREL_OK, "%s", error.message);
    borel_enumerate_end(&e);
  }
  borel_kernel_blocks_destroy(&blocks);
  borel_point_destroy(point);
  return K;
}

static matrix product(const matrix *a, const matrix *b) {
  matrix c = {0};
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++)
      for (size_t k = 0; k < N; k++) c.at[i][j] += a->at[i][k] * b->at[k][j];
  return c;
}

static matrix mixed(double p, const matrix *a, double q, const matrix *b) {
  matrix c;
  for (size_t i = 0; i < N * N; i++) (&c.at[0][0])[i] = p * (&a->at[0][0])[i] + q * (&b->at[0][0])[i];
  return c;
}

/* Sums of at most six products of numbers up to 1, in another order. */
static void expect_equal(const char *what, const matrix *a, const matrix *b) {
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++)
      cr_expect(fabs(a->at[i][j] - b->at[i][j]) < 1e-14, "%s: K(%zu, %zu) is %.15g, not %.15g", what, i, j,
                a->at[i][j], b->at[i][j]);
}

/* The conditional law of x or of y, from the table. */
static matrix conditional_of(int of_x) {
  matrix K = {0};
  for (size_t x = 0; x < X; x++)
    for (size_t y = 0; y < Y; y++) {
      double sum = 0;
      for (size_t v = 0; v < (of_x ? X : Y); v++) sum += of_x ? mass[v][y] : mass[x][v];
      for (size_t v = 0; v < (of_x ? X : Y); v++)
        K.at[x * Y + y][of_x ? v * Y + y : x * Y + v] = (of_x ? mass[v][y] : mass[x][v]) / sum;
    }
  return K;
}

Test(compose, gibbs_draws_from_the_conditional_laws) {
  borel_kernel *in_order = gibbs("systematic"), *one = gibbs("random");
  matrix Kx = conditional_of(1), Ky = conditional_of(0), both = product(&Kx, &Ky),
         either = mixed(0.5, &Kx, 0.5, &Ky);
  matrix ordered = matrix_of(in_order), random = matrix_of(one);
  expect_equal("systematic", &ordered, &both);
  expect_equal("random", &random, &either);
  borel_kernel_destroy(in_order);
  borel_kernel_destroy(one);
}

Test(compose, on_moves_its_sites_by_their_conditional_law) {
  borel_kernel *part = gibbs("systematic"), *on_x = on_names("x", part), *on_y = on_names("y", part),
               *on_z = on_block(BOREL_SITE_Z, part), *twice = on_block(BOREL_SITE_Z, on_y);
  matrix Kx = conditional_of(1), Ky = conditional_of(0), both = product(&Kx, &Ky);
  matrix made_x = matrix_of(on_x), made_y = matrix_of(on_y), made_z = matrix_of(on_z),
         made = matrix_of(twice);
  expect_equal("x", &made_x, &Kx);
  expect_equal("y", &made_y, &Ky); /* which is called y[1] */
  expect_equal("z", &made_z, &both);
  expect_equal("y of z", &made, &Ky);
  borel_kernel_destroy(twice);
  borel_kernel_destroy(on_z);
  borel_kernel_destroy(on_y);
  borel_kernel_destroy(on_x);
  borel_kernel_destroy(part);
}

Test(compose, a_cycle_is_a_product) {
  borel_kernel *a = walk(), *g = gibbs("systematic"), *b = on_names("y", g), *c = on_names("x", g);
  borel_kernel *made = cycle_of((const borel_kernel *const[]){a, b, c}, 3);
  matrix A = matrix_of(a), B = matrix_of(b), C = matrix_of(c), AB = product(&A, &B), ABC = product(&AB, &C);
  matrix K = matrix_of(made);
  expect_equal("cycle", &K, &ABC);
  borel_kernel_destroy(made);
  borel_kernel_destroy(c);
  borel_kernel_destroy(b);
  borel_kernel_destroy(g);
  borel_kernel_destroy(a);
}

Test(compose, a_mixture_is_a_weighted_mean) {
  borel_kernel *a = walk(), *b = gibbs("systematic"), *made = mixture_of(a, 3, b, 1);
  matrix A = matrix_of(a), B = matrix_of(b), expected = mixed(0.75, &A, 0.25, &B), K = matrix_of(made);
  expect_equal("mixture", &K, &expected);
  borel_kernel_destroy(made);
  borel_kernel_destroy(b);
  borel_kernel_destroy(a);
}

Test(compose, thin_is_a_power) {
  borel_kernel *a = walk(), *made = thinned(3, a);
  matrix A = matrix_of(a), AA = product(&A, &A), AAA = product(&AA, &A), K = matrix_of(made);
  expect_equal("thin", &K, &AAA);
  borel_kernel_destroy(made);
  borel_kernel_destroy(a);
}

Test(compose, compositions_nest) {
  borel_kernel *a = walk(), *g = gibbs("systematic"), *x = on_names("x", g), *twice = thinned(2, x),
               *either = mixture_of(a, 1, twice, 1);
  borel_kernel *made = cycle_of((const borel_kernel *const[]){either, x}, 2);
  matrix A = matrix_of(a), C = matrix_of(x), CC = product(&C, &C), M = mixed(0.5, &A, 0.5, &CC),
         MC = product(&M, &C), K = matrix_of(made);
  expect_equal("nested", &K, &MC);
  cr_expect_str_eq(made->ops->info[0].name, "1.chosen");
  cr_expect_str_eq(made->ops->info[made->info_count - 2].name, "2.changed");
  borel_kernel_destroy(made);
  borel_kernel_destroy(either);
  borel_kernel_destroy(twice);
  borel_kernel_destroy(x);
  borel_kernel_destroy(g);
  borel_kernel_destroy(a);
}

/* ---- what is known of a point ---------------------------------------------------------------- */

/* Evaluations of `steps` steps from a point about which nothing is known. */
static size_t evaluations_of(const borel_kernel *kernel, int steps) {
  table target = {.target = {&table_ops}};
  borel_error error = {0};
  borel_host_point *point;
  borel_kernel_blocks blocks;
  double info[20];
  borel_philox_rng rng;
  borel_windows plan = borel_windows_plan(0, 1000);
  borel_phase phase = borel_windows_phase(&plan, 500, 1);
  borel_point_create(&shape, &point, &error);
  borel_kernel_blocks_create(kernel, &shape, 1, &blocks, &error);
  for (int i = 0; i < steps; i++) {
    borel_philox_open(&rng, borel_stream_root(1), 0, (uint64_t)i, 0, &error);
    borel_context context = borel_kernel_context(&blocks, &rng.rng, &phase);
    cr_assert(kernel->ops->step(kernel->self, &context, &target.target, &point->view, info, &error) ==
              BOREL_OK);
  }
  borel_kernel_blocks_destroy(&blocks);
  borel_point_destroy(point);
  return target.evaluations;
}

Test(compose, nothing_is_evaluated_twice) {
  borel_kernel *a = walk(), *x = on_names("x", a), *y = on_names("y", a), *g = gibbs("systematic"),
               *gx = on_names("x", g);
  borel_kernel *walks = cycle_of((const borel_kernel *const[]){x, y, a}, 3),
               *draws = cycle_of((const borel_kernel *const[]){gx, gx}, 2);
  cr_expect_eq(evaluations_of(walks, 20), 1 + 3 * 20, "one for the start, one for each proposal");
  cr_expect_eq(evaluations_of(draws, 20), 1 + 2 * 20 * (X - 1),
               "one for the start, one for each other value");
  borel_kernel_destroy(draws);
  borel_kernel_destroy(walks);
  borel_kernel_destroy(gx);
  borel_kernel_destroy(g);
  borel_kernel_destroy(y);
  borel_kernel_destroy(x);
  borel_kernel_destroy(a);
}

/* ---- fields, claims, errors ------------------------------------------------------------------ */

Test(compose, fields_have_the_number_of_their_part) {
  borel_kernel *a = walk(), *g = gibbs("systematic"), *x = on_names("x", a);
  borel_kernel *made = cycle_of((const borel_kernel *const[]){g, x}, 2);
  borel_kernel_blocks blocks;
  borel_error error = {0};
  cr_assert(borel_kernel_blocks_create(made, &shape, 1, &blocks, &error) == BOREL_OK);
  cr_expect(borel_block_find(blocks.tuning, "2.step_size") && !borel_block_find(blocks.tuning, "step_size"));
  cr_expect_eq(borel_block_find(blocks.scratch, "1.z")->extent[0], 2, "the first part sees all of z");
  cr_expect_eq(borel_block_find(blocks.scratch, "2.z")->extent[0], 1, "the second sees x alone");
  cr_expect_eq(borel_block_find(blocks.scratch, "1.weights")->extent[0], X + Y);
  borel_block *copy;
  cr_assert(borel_block_clone(blocks.tuning, &copy, &error) == BOREL_OK);
  cr_expect_eq(borel_block_hash(copy), borel_block_hash(blocks.tuning));
  borel_block_destroy(copy);
  borel_kernel_blocks_destroy(&blocks);
  borel_kernel_destroy(made);
  borel_kernel_destroy(x);
  borel_kernel_destroy(g);
  borel_kernel_destroy(a);
}

static uint32_t flags_of(const borel_kernel *kernel) { return kernel->component->claims.flags; }

Test(compose, claims_follow_from_those_of_the_parts) {
  borel_kernel *rw = walk(), *g = gibbs("systematic"), *nuts = leaf("nuts", NULL, 0),
               *rough = leaf("microcanonical", NULL, 0);
  borel_kernel *z = on_block(BOREL_SITE_Z, g), *u = on_block(BOREL_SITE_U, nuts), *x = on_names("x", rw);
  borel_kernel *both = cycle_of((const borel_kernel *const[]){z, u}, 2), *either = mixture_of(rw, 1, nuts, 1),
               *there_and_back = cycle_of((const borel_kernel *const[]){rw, g, rw}, 3),
               *often = thinned(4, rw);
  cr_expect_eq(both->component->claims.preserves, BOREL_PRESERVES_MEASURE);
  cr_expect_eq(flags_of(both), BOREL_FIXED_LAYOUT, "not reversible, and nuts does not claim to be ergodic");
  cr_expect(flags_of(z) & BOREL_LEAVES_U && !(flags_of(z) & BOREL_LEAVES_Z) && flags_of(z) & BOREL_ERGODIC);
  cr_expect(flags_of(u) & BOREL_LEAVES_Z && flags_of(u) & BOREL_REVERSIBLE &&
            u->component->claims.checks == BOREL_CHECK_ORBIT);
  cr_expect(flags_of(x) & BOREL_REVERSIBLE && !(flags_of(x) & BOREL_ERGODIC), "x is not all");
  cr_expect(flags_of(either) & BOREL_REVERSIBLE);
  cr_expect(!(flags_of(there_and_back) & BOREL_REVERSIBLE), "each walk has a step size of its own");
  cr_expect(flags_of(often) & BOREL_REVERSIBLE && flags_of(often) & BOREL_ERGODIC);
  borel_kernel *const all[] = {often, there_and_back, either, both, x, u, z, rough, nuts, g, rw};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) borel_kernel_destroy(all[i]);
}

Test(compose, what_is_wrong_is_said) {
  borel_error error = {0};
  borel_composition *c;
  borel_kernel *rw = walk(), *astray = on_names("xx", rw);
  const borel_kernel *const two[] = {rw, rw};
  cr_expect(borel_cycle_new(two, 0, &c, &error) == BOREL_ARG && !c);
  cr_expect(borel_mixture_new(two, (const double[]){1, NAN}, 2, &c, &error) == BOREL_ARG && !c);
  cr_expect_str_eq(error.message, "mixture: weight 2 is nan, must be above 0");
  cr_expect(borel_thin_new(0, rw, &c, &error) == BOREL_ARG && !c);
  cr_expect(borel_on_new(&(borel_selection){.count = 0}, rw, &c, &error) == BOREL_ARG && !c);
  borel_kernel_blocks blocks;
  cr_expect(borel_kernel_blocks_create(astray, &shape, 1, &blocks, &error) == BOREL_ARG);
  cr_expect_str_eq(error.message, "on: on: there is no unknown 'xx'; did you mean 'x'?");
  uint8_t moved[2];
  cr_expect(borel_kernel_moves(astray, &shape, moved, &error) == BOREL_ARG);
  borel_kernel_destroy(astray);
  borel_kernel_destroy(rw);
}

/* ---- by the checks of claims ----------------------------------------------------------------- */

/* Every row holds or is not tested; there is one for `claim` by `method`. */
static void expect_valid(const borel_kernel *kernel, const char *claim, const char *method) {
  borel_error error = {0};
  borel_validate_report report;
  size_t found = 0;
  cr_assert(borel_validate_kernel(kernel->component, (borel_args){0}, &report, &error) == BOREL_OK, "%s",
            error.message);
  for (size_t i = 0; i < report.count; i++) {
    const borel_validate_row *row = &report.rows[i];
    cr_expect(row->verdict != BOREL_FAILS, "%s: %s", row->claim, row->evidence);
    found += row->verdict == BOREL_HOLDS && !strcmp(row->claim, claim) && !strcmp(row->method, method);
  }
  cr_expect(found == 1, "'%s' has not been tested by %s", claim, method);
  borel_validate_report_free(&report);
}

Test(compose, claims_hold) {
  borel_arg law = {.name = "law", .kind = BOREL_ARG_TEXT, .text = "three_point"};
  borel_kernel *g = gibbs("systematic"), *rw = leaf("random-walk", &law, 1);
  borel_kernel *z = on_block(BOREL_SITE_Z, g), *u = on_block(BOREL_SITE_U, rw), *thin = thinned(2, rw);
  borel_kernel *cycle = cycle_of((const borel_kernel *const[]){z, u}, 2),
               *mixture = mixture_of(z, 0.3, u, 0.7);
  expect_valid(cycle, "preserves the target", "matrix");
  expect_valid(mixture, "ergodic", "matrix");
  expect_valid(thin, "reversible", "matrix");
  borel_kernel *const all[] = {mixture, cycle, thin, u, z, rw, g};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) borel_kernel_destroy(all[i]);
}

/* Gradients of some of u and of all of it. */
Test(compose, claims_of_two_blocks_of_u_hold) {
  borel_kernel *hmc = leaf("hmc", NULL, 0), *a = on_names("a", hmc), *b = on_names("b", hmc);
  borel_kernel *made = cycle_of((const borel_kernel *const[]){a, hmc, b}, 3);
  expect_valid(made, "leaves a true point", "steps");
  borel_kernel *const all[] = {made, b, a, hmc};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) borel_kernel_destroy(all[i]);
}

/* Each part is tuned by its own acceptance, in a mixture as in a cycle. */
static void expect_adapted(const borel_kernel *kernel, size_t accept) {
  static const char *const step_size = "2.step_size", *const averaging = "2.averaging";
  enum { WARMUP = 400, TOTAL = 1400 };
  borel_windows plan = borel_windows_plan(WARMUP, TOTAL);
  borel_rig rig;
  borel_philox_rng rng;
  double sum = 0, first, count = 0;
  cr_assert(borel_rig_open(&rig, kernel->component, (borel_args){0}, &borel_held_trial, &plan) == BOREL_OK,
            "%s", rig.error.message);
  first = *borel_rig_tuning(&rig, step_size, 1);
  for (uint64_t i = 0; i < TOTAL; i++) {
    borel_philox_open(&rng, borel_stream_root(3), 0, i, 0, &rig.error);
    cr_assert(borel_rig_step(&rig, &rng.rng, i) == BOREL_OK, "%s", rig.error.message);
    if (i + 1 == WARMUP && kernel->info_count > accept && !strcmp(kernel->ops->info[0].name, "chosen"))
      cr_assert(rig.info[0] == 1, "this seed shows nothing: the tuned part has the last step of the warm-up");
    if (i >= WARMUP && !isnan(rig.info[accept])) sum += rig.info[accept], count++;
  }
  /* target_accept is 0.8; the mean of some 500 acceptances has an error of about 0.01, the averaged step
   * size of the warm-up is good for 0.05. */
  cr_expect(fabs(sum / count - 0.8) < 0.1, "mean acceptance %.3f with step size %g", sum / count,
            *borel_rig_tuning(&rig, step_size, 1));
  cr_expect(*borel_rig_tuning(&rig, step_size, 1) != first);
  /* At the end of the warm-up the step size is the averaged one, also of a part that was not chosen then. */
  cr_expect(fabs(log(*borel_rig_tuning(&rig, step_size, 1)) - borel_rig_tuning(&rig, averaging, 6)[2]) <
            1e-12);
  borel_rig_close(&rig);
}

Test(compose, parts_adapt_to_their_own_steps) {
  borel_kernel *g = gibbs("systematic"), *z = on_block(BOREL_SITE_Z, g), *hmc = leaf("hmc", NULL, 0),
               *u = on_block(BOREL_SITE_U, hmc);
  borel_kernel *cycle = cycle_of((const borel_kernel *const[]){z, u}, 2), *mixture = mixture_of(z, 1, u, 1);
  size_t accept = 0;
  while (strcmp(hmc->ops->info[accept].name, "accept") != 0) accept++;
  expect_adapted(cycle, g->info_count + accept);
  expect_adapted(mixture, 1 + g->info_count + accept);
  borel_kernel *const all[] = {mixture, cycle, u, hmc, z, g};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) borel_kernel_destroy(all[i]);
}

/* On orbits with z held. */
Test(compose, claims_of_nuts_on_u_hold) {
  borel_arg args[] = {{.name = "max_depth", .number = 3}, {.name = "max_energy_error", .number = 2}};
  borel_kernel *nuts = leaf("nuts", args, 2), *u = on_block(BOREL_SITE_U, nuts);
  expect_valid(u, "preserves the target", "orbit");
  borel_kernel_destroy(u);
  borel_kernel_destroy(nuts);
}
