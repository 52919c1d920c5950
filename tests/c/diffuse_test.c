/* SPDX-License-Identifier: MIT
 * Tapes and their runs: what planners may not do, where buffers are shared, that bits depend on neither
 * batch, threads nor interruptions, and what the host refuses. Components are made here; those that ship have
 * tests in Lua. */
#include "diffuse/brownian.h"
#include "diffuse/execute.h"
#include "diffuse/stepper.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- components -------------------------------------------------------------------------------- */

static borel_status nothing(const borel_host *host, const borel_value *params, void **self,
                            borel_error *error) {
  (void)host, (void)params, (void)error;
  *self = NULL;
  return BOREL_OK;
}

static void gone(const borel_host *host, void *self) { (void)host, (void)self; }

/* alpha = 1 - t, sigma = t: the straight way, with both ends. */
static void straight_domain(const void *self, double *least, double *most) {
  (void)self;
  *least = 0;
  *most = 1;
}

static void straight_path(const void *self, double t, double *ln_alpha, double *ln_sigma) {
  (void)self;
  *ln_alpha = log1p(-t);
  *ln_sigma = log(t);
}

static double five(const void *self) { return (void)self, 5; }

static const borel_process_ops straight_ops = {.size = sizeof straight_ops,
                                               .create = nothing,
                                               .destroy = gone,
                                               .domain = straight_domain,
                                               .path = straight_path};
static const borel_process_ops heavy_ops = {.size = sizeof heavy_ops,
                                            .create = nothing,
                                            .destroy = gone,
                                            .domain = straight_domain,
                                            .path = straight_path,
                                            .degrees = five};

static void bent_path(const void *self, double t, double *ln_alpha, double *ln_sigma) {
  straight_path(self, t < 0.5 ? t : 0.75 - t / 2, ln_alpha, ln_sigma);
}
static const borel_process_ops bent_ops = {.size = sizeof bent_ops,
                                           .create = nothing,
                                           .destroy = gone,
                                           .domain = straight_domain,
                                           .path = bent_path};

/* Data N(0, 1/4) in every coordinate: x0 = alpha / (alpha^2 + 4 sigma^2) x; NaN above x = 1000. */
static size_t any_dimension(const void *self) { return (void)self, 0; }
static borel_parametrisation data_native(const void *self) { return (void)self, BOREL_NATIVE_DATA; }

static borel_status shrink(const void *self, void *const *scratch, const borel_score_call *call,
                           const double *x, double *out, borel_error *error) {
  (void)self, (void)scratch, (void)error;
  for (size_t r = 0; r < call->rows; r++) {
    const borel_level *level = &call->levels[r * call->level_stride];
    double alpha = exp(level->ln_alpha), sigma = exp(level->ln_sigma);
    for (size_t d = 0; d < call->D; d++) {
      double v = x[r * call->D + d];
      out[r * call->D + d] = v > 1000 ? NAN : alpha / (alpha * alpha + 4 * sigma * sigma) * v;
    }
  }
  return BOREL_OK;
}

static const borel_score_ops shrink_ops = {.size = sizeof shrink_ops,
                                           .create = nothing,
                                           .destroy = gone,
                                           .dimension = any_dimension,
                                           .parametrisation = data_native,
                                           .evaluate = shrink};

/* Ancestral steps; the parameter says what to do wrong. */
enum { RIGHT, UNWRITTEN, NO_SLOT, NOT_FINITE, TOO_MANY, SHORT, LIAR, MANY_SLOTS };

static borel_status plan_with(int fault, const borel_plan *in, borel_tape *tape) {
  const borel_tape_ops *ops = tape->ops;
  int32_t data = ops->slot(tape, "x0"), spare = ops->slot(tape, "spare");
  for (size_t i = 0; i + 1 < in->points; i++) {
    const borel_level *s = &in->levels[i], *t = s + 1;
    double h = t->lambda - s->lambda, kept = exp(t->ln_sigma - s->ln_sigma - h);
    ops->predict(tape, data, 0, s, BOREL_PREDICT_DATA);
    if (fault == UNWRITTEN) ops->combine(tape, 0, 1, (double[]){1}, (int32_t[]){spare});
    if (fault == NO_SLOT) ops->combine(tape, 7, 1, (double[]){1}, (int32_t[]){0});
    if (fault == NOT_FINITE) kept = NAN;
    if (fault == TOO_MANY) ops->combine(tape, 0, 17, (double[17]){1}, (int32_t[17]){0});
    for (int k = 0; fault == MANY_SLOTS && k < 5000; k++) ops->slot(tape, "one more");
    ops->combine(tape, 0, 2, (double[]){kept, -exp(t->ln_alpha) * expm1(-2 * h)}, (int32_t[]){0, data});
    if (fault != LIAR || i == 0)
      ops->noise(tape, 0, exp(t->ln_sigma) * sqrt(-expm1(-2 * h)), BOREL_NOISE_FRESH, s->lambda, t->lambda);
    if (fault != SHORT || i + 2 < in->points) ops->mark(tape, t);
  }
  return BOREL_OK;
}

#define PLANNER(name, fault, claimed)                                                                        \
  static borel_status plan_##name(const void *self, const borel_plan *in, borel_tape *tape,                  \
                                  borel_error *error) {                                                      \
    (void)self, (void)error;                                                                                 \
    return plan_with(fault, in, tape);                                                                       \
  }                                                                                                          \
  static void claims_##name(const void *self, borel_solver_claims *out) {                                    \
    (void)self;                                                                                              \
    out->flags = claimed;                                                                                    \
  }                                                                                                          \
  static const borel_solver_ops name##_ops = {.size = sizeof name##_ops,                                     \
                                              .create = nothing,                                             \
                                              .destroy = gone,                                               \
                                              .claims = claims_##name,                                       \
                                              .plan = plan_##name};
PLANNER(right, RIGHT, BOREL_STOCHASTIC)
PLANNER(unwritten, UNWRITTEN, BOREL_STOCHASTIC)
PLANNER(no_slot, NO_SLOT, BOREL_STOCHASTIC)
PLANNER(not_finite, NOT_FINITE, BOREL_STOCHASTIC)
PLANNER(too_many, TOO_MANY, BOREL_STOCHASTIC)
PLANNER(shorter, SHORT, BOREL_STOCHASTIC)
PLANNER(liar, LIAR, 0)
PLANNER(many_slots, MANY_SLOTS, BOREL_STOCHASTIC)

/* A solver that steps: rows halve what is left of their way, each with a number of steps of its own, then
 * stop. */
static borel_status halve(const void *self, borel_batch *batch, void *const *state, void *const *scratch,
                          double *x, int32_t *done, borel_error *error) {
  (void)self;
  int64_t *steps = state[0], *rejected = state[1];
  borel_level *levels = scratch[0];
  double *out = scratch[1], *z = scratch[2];
  *done = 1;
  for (size_t i = 0; i < batch->rows; i++) {
    int64_t row = (int64_t)i;
    double *own = x + i * batch->plan->D;
    if (steps[i] > 0 && fabs(own[0]) < 1) continue; /* arrived */
    levels[0] = batch->plan->levels[0];
    borel_status status = batch->ops->predict(batch, 1, &row, own, levels, BOREL_PREDICT_DATA, out, error);
    if (status != BOREL_OK) return status;
    batch->ops->normals(batch, row, (uint64_t)steps[i], 0, z);
    for (size_t d = 0; d < batch->plan->D; d++) own[d] = out[d] / 2 + 0.1 * z[d];
    rejected[i] += own[0] > 0;
    steps[i]++;
    *done = 0;
  }
  return BOREL_OK;
}

static const borel_field halve_state[] = {
    {.name = "steps", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = ""},
    {.name = "rejected", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = ""},
    {0}};
static const borel_field halve_scratch[] = {{.name = "levels", .dim = {4}, .doc = ""},
                                            {.name = "out", .dim = {BOREL_DIM_D}, .doc = ""},
                                            {.name = "z", .dim = {BOREL_DIM_D}, .doc = ""},
                                            {0}};
static const borel_solver_ops halve_ops = {.size = sizeof halve_ops,
                                           .state = halve_state,
                                           .scratch = halve_scratch,
                                           .create = nothing,
                                           .destroy = gone,
                                           .claims = claims_right,
                                           .step = halve};

/* ---- helpers ----------------------------------------------------------------------------------- */

static borel_process *process_of(const borel_process_ops *ops) {
  static borel_component component;
  component = (borel_component){.size = sizeof component, .kind = BOREL_PROCESS, .name = "way", .ops = ops};
  borel_error error = {0};
  borel_process *made;
  cr_assert(borel_process_create(&component, (borel_args){0}, &made, &error) == BOREL_OK, "%s",
            error.message);
  return made;
}

static borel_solver *solver_of(const borel_solver_ops *ops) {
  static borel_component component;
  component = (borel_component){.size = sizeof component, .kind = BOREL_SOLVER, .name = "solver", .ops = ops};
  borel_error error = {0};
  borel_solver *made;
  cr_assert(borel_solver_create(&component, (borel_args){0}, &made, &error) == BOREL_OK, "%s", error.message);
  return made;
}

static const borel_path *straight(void) {
  static borel_path path;
  borel_error error = {0};
  cr_assert(borel_path_open(process_of(&straight_ops), &path, &error) == BOREL_OK, "%s", error.message);
  return &path;
}

static borel_predictor *predictor(void) {
  static borel_component component = {.size = sizeof component, .kind = BOREL_SCORE, .name = "shrink"};
  component.ops = &shrink_ops;
  borel_error error = {0};
  borel_score *score;
  borel_predictor *made;
  cr_assert(borel_score_create(&component, (borel_args){0}, &score, &error) == BOREL_OK, "%s", error.message);
  cr_assert(borel_predictor_score(score, straight(), &made, &error) == BOREL_OK, "%s", error.message);
  return made;
}

enum { STEPS = 7 };

/* From t = 1, where there is no data, to t = 0, where there is no noise. */
static void grid(borel_level levels[STEPS + 1]) {
  double t[STEPS + 1];
  for (int i = 0; i <= STEPS; i++) t[i] = 1 - (double)i / STEPS;
  borel_error error = {0};
  cr_assert(borel_path_grid(straight(), BOREL_GRID_TIME, STEPS + 1, t, 0, levels, &error) == BOREL_OK, "%s",
            error.message);
}

static borel_tape *tape_of(const borel_solver_ops *ops, size_t D) {
  borel_level levels[STEPS + 1];
  grid(levels);
  borel_error error = {0};
  borel_tape *tape;
  borel_status status = borel_tape_plan(solver_of(ops), straight(), D, STEPS + 1, levels, &tape, &error);
  cr_assert(status == BOREL_OK, "%s", error.message);
  return tape;
}

static const char *refusal(const borel_solver_ops *ops, const borel_process_ops *process, int backwards) {
  static borel_error error;
  borel_level levels[STEPS + 1];
  grid(levels);
  for (int i = 0; backwards && i <= STEPS / 2; i++) {
    borel_level kept = levels[i];
    levels[i] = levels[STEPS - i];
    levels[STEPS - i] = kept;
  }
  borel_path path;
  borel_tape *tape = NULL;
  memset(&error, 0, sizeof error);
  cr_assert(borel_path_open(process_of(process), &path, &error) == BOREL_OK);
  borel_status status = borel_tape_plan(solver_of(ops), &path, 2, STEPS + 1, levels, &tape, &error);
  cr_assert(status != BOREL_OK && !tape);
  return error.message;
}

/* Samples first .. first + rows - 1 of seed 5, run in pieces of `piece` instructions and carried over. */
static double *samples(size_t first, size_t rows, unsigned threads, size_t piece) {
  enum { D = 3 };
  borel_tape *tape = tape_of(&right_ops, D);
  borel_predictor *p = predictor();
  borel_reverse_options options = {.rows = rows, .D = D, .seed = 5, .first = first, .threads = threads};
  borel_reverse *run;
  borel_error error = {0};
  cr_assert(borel_reverse_create(tape, p, &options, &run, &error) == BOREL_OK, "%s", error.message);
  borel_reverse_prior(&options, 1, 0, borel_reverse_x(run));
  size_t count = borel_tape_look(tape)->count;
  while (borel_reverse_at(run) < count) {
    cr_assert(borel_reverse_advance(run, borel_reverse_at(run) + piece, &error) == BOREL_OK, "%s",
              error.message);
    size_t size = borel_reverse_size(run);
    void *bytes = malloc(size);
    borel_reverse_save(run, bytes);
    borel_reverse_destroy(run);
    cr_assert(borel_reverse_create(tape, p, &options, &run, &error) == BOREL_OK);
    cr_assert(borel_reverse_load(run, bytes, size, &error) == BOREL_OK, "%s", error.message);
    free(bytes);
  }
  double *out = malloc(rows * D * sizeof *out);
  memcpy(out, borel_reverse_x(run), rows * D * sizeof *out);
  borel_reverse_destroy(run);
  return out;
}

/* ---- paths ------------------------------------------------------------------------------------- */

Test(path, levels_by_lambda_are_those_by_time) {
  const borel_path *path = straight();
  for (double t = 0.01; t < 1; t += 0.07) {
    borel_level by_time, by_lambda;
    borel_path_at_time(path, t, &by_time);
    borel_path_at_lambda(path, by_time.lambda, &by_lambda);
    cr_expect(fabs(by_lambda.t - t) < 1e-14, "t = %g, found %.17g", t, by_lambda.t);
  }
  borel_level end;
  borel_path_at_lambda(path, INFINITY, &end);
  cr_expect(end.t == 0 && end.ln_sigma == -INFINITY);
  borel_path_at_lambda(path, -INFINITY, &end);
  cr_expect(end.t == 1 && end.ln_alpha == -INFINITY);
}

Test(path, slopes_by_differences) {
  double alpha, sigma;
  borel_path_slopes(straight(), 0.3, &alpha, &sigma);
  cr_expect(fabs(alpha + 1) < 1e-9 && fabs(sigma - 1) < 1e-9);
  borel_path_slopes(straight(), 1, &alpha, &sigma); /* at the end, from one side */
  cr_expect(fabs(alpha + 1) < 1e-9 && fabs(sigma - 1) < 1e-9);
}

Test(path, noise_must_fall_all_the_way) {
  borel_path path;
  borel_error error = {0};
  cr_expect(borel_path_open(process_of(&bent_ops), &path, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "lambda must fall"), "%s", error.message);
}

Test(path, grids_that_are_none_are_refused) {
  borel_level out[4];
  borel_error error = {0};
  const double same[] = {0.9, 0.5, 0.5}, outside[] = {1.5, 0.5}, turning[] = {0.9, 0.5, 0.7};
  cr_expect(borel_path_grid(straight(), BOREL_GRID_TIME, 3, same, 0, out, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "levels 2 and 3 are the same"), "%s", error.message);
  cr_expect(borel_path_grid(straight(), BOREL_GRID_TIME, 3, turning, 0, out, &error) == BOREL_ARG);
  cr_expect(borel_path_grid(straight(), BOREL_GRID_TIME, 2, outside, 0, out, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "t = 1.5"), "%s", error.message);
  cr_expect(borel_path_grid(straight(), BOREL_GRID_TIME, 1, same, 0, out, &error) == BOREL_ARG);
  cr_expect(borel_path_grid(straight(), BOREL_GRID_TIME, 1, same, 1, out, &error) == BOREL_OK);
}

/* ---- tapes ------------------------------------------------------------------------------------- */

Test(tape, counts_what_it_will_do) {
  const borel_tape_view *view = borel_tape_look(tape_of(&right_ops, 2));
  cr_expect(view->predictions == STEPS && view->steps == STEPS && view->stochastic &&
            view->count == 4 * STEPS);
  cr_expect(view->slots == 3 && view->buffers == 2, "%zu slots in %zu buffers", view->slots, view->buffers);
}

Test(tape, faults_of_planners_are_named) {
  cr_expect(strstr(refusal(&unwritten_ops, &straight_ops, 0), "reads slot 2 (spare)"));
  cr_expect(strstr(refusal(&no_slot_ops, &straight_ops, 0), "slot 7"));
  cr_expect(strstr(refusal(&not_finite_ops, &straight_ops, 0), "a coefficient of step 1 is"));
  cr_expect(strstr(refusal(&too_many_ops, &straight_ops, 0), "combines 17"));
  cr_expect(strstr(refusal(&shorter_ops, &straight_ops, 0), "not at the last level"));
  cr_expect(strstr(refusal(&liar_ops, &straight_ops, 0), "does not claim"));
  cr_expect(strstr(refusal(&many_slots_ops, &straight_ops, 0), "at most 4096 slots"));
  cr_expect(strstr(refusal(&right_ops, &heavy_ops, 0), "Student t"));
  cr_expect(strstr(refusal(&right_ops, &straight_ops, 1), "less noise only"));
}

/* ---- runs -------------------------------------------------------------------------------------- */

Test(reverse, bits_depend_on_nothing_but_seed_and_sample) {
  double *all = samples(0, 3000, 1, 1000), *threads = samples(0, 3000, 2, 1000),
         *few = samples(17, 7, 1, 1000), *one = samples(20, 1, 1, 1000), *pieces = samples(0, 3000, 2, 3);
  cr_expect(!memcmp(all, threads, 9000 * sizeof *all));
  cr_expect(!memcmp(all, pieces, 9000 * sizeof *all));
  cr_expect(!memcmp(all + 17 * 3, few, 21 * sizeof *all));
  cr_expect(!memcmp(all + 20 * 3, one, 3 * sizeof *all));
  cr_expect(memcmp(all, all + 3, 3 * sizeof *all), "two samples are one");
}

Test(reverse, ancestral_steps_of_a_normal_law_have_the_variance_of_their_recursion) {
  /* v' = (kept + c k)^2 v + noise^2 with x0 = k x; 4 standard errors of a variance of 9000 numbers */
  borel_level levels[STEPS + 1];
  grid(levels);
  double v = 1, sum = 0;
  for (int i = 0; i < STEPS; i++) {
    double h = levels[i + 1].lambda - levels[i].lambda, alpha = exp(levels[i].ln_alpha),
           sigma = exp(levels[i].ln_sigma);
    double factor = exp(levels[i + 1].ln_sigma - levels[i].ln_sigma - h) -
                    exp(levels[i + 1].ln_alpha) * expm1(-2 * h) * alpha / (alpha * alpha + 4 * sigma * sigma);
    v = factor * factor * v - exp(2 * levels[i + 1].ln_sigma) * expm1(-2 * h);
  }
  double *x = samples(0, 3000, 1, 1000);
  for (int i = 0; i < 9000; i++) sum += x[i] * x[i] / 9000;
  cr_expect(fabs(sum / v - 1) < 4 * sqrt(2.0 / 9000), "%g for %g", sum, v);
}

Test(reverse, what_cannot_go_on_says_so) {
  borel_tape *tape = tape_of(&right_ops, 2);
  borel_predictor *p = predictor();
  borel_reverse_options options = {.rows = 2, .D = 2, .seed = 5};
  borel_reverse *run, *other;
  borel_error error = {0};
  cr_assert(borel_reverse_create(tape, p, &options, &run, &error) == BOREL_OK);
  borel_reverse_x(run)[3] = 2000;
  cr_expect(borel_reverse_advance(run, SIZE_MAX, &error) == BOREL_DOMAIN);
  cr_expect(strstr(error.message, "coordinate 2 of sample 2"), "%s", error.message);
  cr_expect(borel_reverse_advance(run, SIZE_MAX, &error) == BOREL_DOMAIN, "it went on");
  options.seed = 6;
  cr_assert(borel_reverse_create(tape, p, &options, &other, &error) == BOREL_OK);
  size_t size = borel_reverse_size(run);
  void *bytes = malloc(size);
  borel_reverse_save(run, bytes);
  cr_expect(borel_reverse_load(other, bytes, size, &error) == BOREL_ARG);
  cr_expect(borel_reverse_load(other, bytes, size - 1, &error) == BOREL_ARG);
  options.D = 3;
  cr_expect(borel_reverse_create(tape, p, &options, &other, &error) == BOREL_ARG);
  options = (borel_reverse_options){.rows = 2, .D = 2, .first = UINT32_MAX};
  cr_expect(borel_reverse_create(tape, p, &options, &other, &error) == BOREL_ARG);
}

Test(reverse, offspring_have_the_state_of_their_parent_and_noise_of_their_own) {
  borel_tape *tape = tape_of(&right_ops, 2);
  borel_reverse_options options = {.rows = 4, .D = 2, .seed = 5};
  borel_reverse *run;
  borel_error error = {0};
  cr_assert(borel_reverse_create(tape, predictor(), &options, &run, &error) == BOREL_OK);
  borel_reverse_prior(&options, 1, 0, borel_reverse_x(run));
  const int64_t parents[] = {2, 2, 0, 3};
  double *x = borel_reverse_x(run), kept = x[4];
  cr_assert(borel_reverse_gather(run, parents, &error) == BOREL_OK);
  cr_expect(x[0] == kept && x[2] == kept);
  cr_assert(borel_reverse_advance(run, SIZE_MAX, &error) == BOREL_OK);
  cr_expect(x[0] != x[2]);
}

static double *stepped(size_t first, size_t rows, unsigned threads, uint64_t piece, int64_t *evaluations) {
  enum { D = 2 };
  borel_level levels[STEPS + 1];
  grid(levels);
  levels[0] = levels[3];
  borel_solver *solver = solver_of(&halve_ops);
  borel_predictor *p = predictor();
  borel_reverse_options options = {.rows = rows, .D = D, .seed = 9, .first = first, .threads = threads};
  borel_stepper *run;
  borel_error error = {0};
  const borel_level ends[] = {levels[3], levels[5]};
  cr_assert(borel_stepper_create(solver, straight(), 2, ends, p, &options, &run, &error) == BOREL_OK, "%s",
            error.message);
  borel_reverse_prior(&options, 240, 0, borel_stepper_x(run));
  while (!borel_stepper_done(run)) {
    cr_assert(borel_stepper_advance(run, piece, &error) == BOREL_OK, "%s", error.message);
    size_t size = borel_stepper_size(run);
    void *bytes = malloc(size);
    borel_stepper_save(run, bytes);
    borel_stepper_destroy(run);
    cr_assert(borel_stepper_create(solver, straight(), 2, ends, p, &options, &run, &error) == BOREL_OK);
    cr_assert(borel_stepper_load(run, bytes, size, &error) == BOREL_OK, "%s", error.message);
    free(bytes);
  }
  double *out = malloc(rows * D * sizeof *out);
  memcpy(out, borel_stepper_x(run), rows * D * sizeof *out);
  for (size_t r = 0; r < rows; r++) evaluations[r] = borel_stepper_evaluations(run, r);
  borel_stepper_destroy(run);
  return out;
}

Test(stepper, bits_depend_on_nothing_but_seed_and_sample) {
  int64_t counts[700], again[700], few[7];
  double *all = stepped(0, 700, 1, 0, counts), *threads = stepped(0, 700, 2, 0, again);
  cr_expect(!memcmp(all, threads, 1400 * sizeof *all) && !memcmp(counts, again, sizeof counts));
  double *pieces = stepped(0, 700, 1, 1, again);
  cr_expect(!memcmp(all, pieces, 1400 * sizeof *all) && !memcmp(counts, again, sizeof counts));
  double *some = stepped(300, 7, 1, 0, few);
  cr_expect(!memcmp(all + 600, some, 14 * sizeof *all) && !memcmp(counts + 300, few, sizeof few));
  int64_t least = counts[0], most = counts[0];
  for (int i = 0; i < 700; i++) {
    if (counts[i] < least) least = counts[i];
    if (counts[i] > most) most = counts[i];
  }
  cr_expect(least < most, "every row took %lld steps", (long long)least);
}

Test(stepper, planners_and_steppers_are_not_taken_for_each_other) {
  borel_level levels[STEPS + 1];
  grid(levels);
  borel_error error = {0};
  borel_stepper *run;
  borel_tape *tape;
  borel_reverse_options options = {.rows = 1, .D = 1};
  cr_expect(borel_stepper_create(solver_of(&right_ops), straight(), STEPS + 1, levels, predictor(), &options,
                                 &run, &error) == BOREL_ARG);
  cr_expect(borel_tape_plan(solver_of(&halve_ops), straight(), 1, STEPS + 1, levels, &tape, &error) ==
            BOREL_ARG);
}

/* ---- Brownian paths ------------------------------------------------------------------------------ */

Test(brownian, increments_add_up_and_do_not_depend_on_the_grid) {
  enum { ROWS = 500, D = 2, N = ROWS * D };
  double whole[N], left[N], right[N], square = 0, both = 0;
  borel_brownian_increment(3, 0, ROWS, D, -2, 1.5, whole);
  borel_brownian_increment(3, 0, ROWS, D, -2, 0.25, left);
  borel_brownian_increment(3, 0, ROWS, D, 0.25, 1.5, right);
  for (int i = 0; i < N; i++) {
    cr_assert(fabs(whole[i] * sqrt(3.5) - left[i] * sqrt(2.25) - right[i] * sqrt(1.25)) < 1e-12);
    square += whole[i] * whole[i] / N;
    both += left[i] * right[i] / N;
  }
  /* A mean of 1000 squares of standard normals, and of 1000 products: 4 standard errors. */
  cr_expect(fabs(square - 1) < 4 * sqrt(2.0 / N), "variance %g", square);
  cr_expect(fabs(both) < 4 / sqrt(N), "correlation %g", both);
}
