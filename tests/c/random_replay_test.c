/* SPDX-License-Identifier: MIT
 * Recording a run, replaying it, and forcing the first choices of one. */
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/source_record.h"
#include "random/source_replay.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static borel_error error;

static borel_philox_rng source(uint64_t seed) {
  borel_philox_rng r;
  borel_philox_open(&r, borel_stream_root(seed), 0, 0, 0, &error);
  return r;
}

enum { OUTCOMES = 32 };

/* One of everything; `p` is a parameter that a replay must see again. */
static void program(borel_rng *rng, double p, double out[OUTCOMES]) {
  const borel_rng_ops *ops = rng->ops;
  size_t n = 0;
  memset(out, 0, OUTCOMES * sizeof *out);
  out[n++] = ops->accept(rng, -0.7);
  out[n++] = ops->direction(rng);
  out[n++] = ops->bernoulli(rng, p);
  out[n++] = (double)ops->categorical(rng, (const double[]){0.2, 0.3, 0.5}, 3);
  out[n++] = (double)ops->categorical_log(rng, (const double[]){-1, -INFINITY, 3, 3}, 4);
  out[n++] = (double)ops->uniform_int(rng, 1000);
  borel_unif u = ops->unif(rng);
  out[n++] = ops->unif_lt(rng, &u, 0.4);
  out[n++] = ops->unif_lt(rng, &u, 0.7);
  out[n++] = ops->uniform(rng);
  out[n++] = ops->normal(rng);
  out[n++] = ops->exponential(rng);
  out[n++] = ops->gamma(rng, 0.7);
  out[n++] = ops->beta(rng, 2, 3);
  out[n++] = (double)ops->poisson(rng, 20);
  out[n++] = (double)ops->binomial(rng, 30, 0.4);
  ops->fill_uniform(rng, out + n, 1, 3), n += 3;
  ops->fill_normal(rng, out + n, 2, 4), n += 8;
  out[n++] = ops->normal(rng);
  cr_assert_leq(n, OUTCOMES);
}

Test(random_replay, recording_changes_nothing_and_a_replay_repeats_everything) {
  for (uint64_t seed = 0; seed < 200; seed++) {
    double plain[OUTCOMES], recorded[OUTCOMES], replayed[OUTCOMES];
    borel_philox_rng a = source(seed), b = a;
    program(&a.rng, 0.5, plain);
    borel_trace trace = {0};
    borel_record_rng record;
    borel_record_open(&record, &b.rng, &trace, &error);
    program(&record.rng, 0.5, recorded);
    cr_assert_eq(record.rng.status, BOREL_OK);
    cr_assert_arr_eq(plain, recorded, sizeof plain);
    cr_assert_eq(trace.count, 28);
    cr_assert_eq(trace.choices[3].law, BOREL_LAW_CATEGORICAL);
    cr_assert_eq(trace.choices[3].arity, 3);
    borel_replay_rng replay;
    borel_replay_open_trace(&replay, &trace, NULL, &error);
    program(&replay.rng, 0.5, replayed);
    cr_assert_eq(borel_replay_finish(&replay), BOREL_OK, "%s", error.message);
    cr_assert_arr_eq(plain, replayed, sizeof plain);
    borel_trace_free(&trace);
  }
}

static borel_trace record_of(uint64_t seed) {
  borel_trace trace = {0};
  borel_philox_rng r = source(seed);
  borel_record_rng record;
  borel_record_open(&record, &r.rng, &trace, &error);
  double out[OUTCOMES];
  program(&record.rng, 0.5, out);
  return trace;
}

Test(random_replay, another_parameter_is_reported_with_its_position) {
  borel_trace trace = record_of(1);
  borel_replay_rng replay;
  borel_replay_open_trace(&replay, &trace, NULL, &error);
  double out[OUTCOMES];
  program(&replay.rng, nextafter(0.5, 1), out);
  cr_assert_eq(replay.rng.status, BOREL_INTERNAL);
  cr_assert_str_eq(error.message,
                   "the program is not deterministic given its choices: choice 3 of 28, bernoulli, "
                   "has other parameters than before");
  cr_assert_eq(out[8], 0.5, "dummies after the error");
  borel_trace_free(&trace);
}

Test(random_replay, another_law_is_reported_with_its_position) {
  borel_trace trace = record_of(1);
  borel_replay_rng replay;
  borel_replay_open_trace(&replay, &trace, NULL, &error);
  replay.rng.ops->accept(&replay.rng, -0.7);
  replay.rng.ops->normal(&replay.rng);
  cr_assert_eq(replay.rng.status, BOREL_INTERNAL);
  cr_assert_str_eq(error.message,
                   "the program is not deterministic given its choices: choice 2 of 28 was direction "
                   "and is now normal");
  borel_trace_free(&trace);
}

Test(random_replay, stopping_early_and_asking_for_more_are_reported) {
  borel_trace trace = record_of(1);
  borel_replay_rng replay;
  borel_replay_open_trace(&replay, &trace, NULL, &error);
  replay.rng.ops->accept(&replay.rng, -0.7);
  cr_assert_eq(borel_replay_finish(&replay), BOREL_INTERNAL);
  cr_assert(strstr(error.message, "stopped after 1 of 28"), "%s", error.message);
  double out[OUTCOMES];
  borel_replay_open_trace(&replay, &trace, NULL, &error);
  program(&replay.rng, 0.5, out);
  cr_assert_eq(replay.rng.ops->normal(&replay.rng), 0);
  cr_assert_eq(replay.rng.status, BOREL_ARG);
  cr_assert(strstr(error.message, "more than the given choices, first for normal"), "%s", error.message);
  borel_trace_free(&trace);
}

Test(random_replay, after_a_trace_another_source_continues) {
  borel_trace trace = record_of(1);
  trace.count =
      24; /* in the middle of the second fill: all up to out[22] (a unif has no outcome of its own) */
  double out[OUTCOMES], first[OUTCOMES];
  borel_philox_rng a = source(1), next = source(2), same = source(2);
  program(&a.rng, 0.5, first);
  borel_replay_rng replay;
  borel_replay_open_trace(&replay, &trace, &next.rng, &error);
  program(&replay.rng, 0.5, out);
  cr_assert_eq(borel_replay_finish(&replay), BOREL_OK);
  cr_assert_arr_eq(out, first, 23 * sizeof *out);
  double lanes[8];
  same.rng.ops->fill_normal(&same.rng, lanes, 2, 4);
  for (int i = 5; i < 8; i++) cr_assert_eq(out[18 + i], lanes[i], "element %d comes from its lane", i);
  cr_assert_eq(out[26], same.rng.ops->normal(&same.rng));
  borel_trace_free(&trace);
}

Test(random_replay, forced_normals_come_first_then_the_next_source) {
  const double momenta[3] = {1.5, -2.5, 0.25};
  const borel_script script = {.normals = momenta, .normal_count = 3};
  for (int filled = 0; filled < 2; filled++) {
    borel_philox_rng next = source(3), same = source(3);
    borel_replay_rng replay;
    borel_replay_open(&replay, &script, &next.rng, &error);
    double out[5];
    if (filled)
      replay.rng.ops->fill_normal(&replay.rng, out, 1, 5);
    else
      for (int i = 0; i < 5; i++) out[i] = replay.rng.ops->normal(&replay.rng);
    cr_assert_arr_eq(out, momenta, sizeof momenta);
    for (int i = 3; i < 5; i++) cr_assert_eq(out[i], same.rng.ops->normal(&same.rng));
    cr_assert_eq(replay.rng.ops->accept(&replay.rng, -1), same.rng.ops->accept(&same.rng, -1));
    cr_assert_eq(borel_replay_finish(&replay), BOREL_OK);
  }
}

/* What an orbit test needs: momenta are given, decisions are enumerated. */
Test(random_replay, forced_normals_over_an_enumerating_source) {
  const double momenta[2] = {0.5, -0.5};
  const borel_script script = {.normals = momenta, .normal_count = 2};
  borel_enumeration e;
  borel_enumerate_begin(&e, 0, &error);
  double total = 0, up_and_accepted = 0;
  while (borel_enumerate_next(&e)) {
    borel_replay_rng replay;
    borel_replay_open(&replay, &script, borel_enumerate_rng(&e), &error);
    double p[2];
    replay.rng.ops->fill_normal(&replay.rng, p, 1, 2);
    cr_assert_arr_eq(p, momenta, sizeof p);
    int up = replay.rng.ops->direction(&replay.rng) > 0;
    int accepted = replay.rng.ops->accept(&replay.rng, -p[0]);
    cr_assert_eq(borel_replay_finish(&replay), BOREL_OK);
    total += borel_enumerate_probability(&e);
    if (up && accepted) up_and_accepted += borel_enumerate_probability(&e);
  }
  cr_assert_eq(e.rng.status, BOREL_OK);
  cr_assert_eq(e.paths, 4);
  cr_assert_float_eq(total, 1, 1e-15);
  cr_assert_float_eq(up_and_accepted, 0.5 * exp(-0.5), 1e-15);
  borel_enumerate_end(&e);
  /* A third normal reaches the enumeration, which refuses. */
  borel_enumerate_begin(&e, 0, &error);
  cr_assert(borel_enumerate_next(&e));
  borel_replay_rng replay;
  borel_replay_open(&replay, &script, borel_enumerate_rng(&e), &error);
  for (int i = 0; i < 3; i++) replay.rng.ops->normal(&replay.rng);
  cr_assert_eq(replay.rng.status, BOREL_ARG);
  cr_assert(strstr(error.message, "normal has continuous support"), "%s", error.message);
  borel_enumerate_end(&e);
}

Test(random_replay, forced_decisions_and_uniforms_are_taken_in_order) {
  const int64_t decisions[] = {0, -1, 1, 2, 3, 999, 7, 30, 1, 0};
  const double uniforms[] = {0.125, 0.75};
  const borel_script script = {
      .uniforms = uniforms, .uniform_count = 2, .decisions = decisions, .decision_count = 10};
  borel_replay_rng replay;
  borel_replay_open(&replay, &script, NULL, &error);
  borel_rng *rng = &replay.rng;
  const borel_rng_ops *ops = rng->ops;
  cr_assert_eq(ops->accept(rng, -0.7), 0);
  cr_assert_eq(ops->direction(rng), -1);
  cr_assert_eq(ops->bernoulli(rng, 0.5), 1);
  cr_assert_eq(ops->categorical(rng, (const double[]){0.2, 0.3, 0.5}, 3), 2);
  cr_assert_eq(ops->categorical_log(rng, (const double[]){-1, -INFINITY, 3, 3}, 4), 3);
  cr_assert_eq(ops->uniform_int(rng, 1000), 999);
  cr_assert_eq(ops->poisson(rng, 2), 7);
  cr_assert_eq(ops->binomial(rng, 30, 0.1), 30);
  cr_assert_eq(ops->uniform(rng), 0.125);
  borel_unif known = ops->unif(rng); /* the forced 0.75: comparing it is no decision */
  cr_assert_eq(ops->unif_lt(rng, &known, 0.75), 0);
  cr_assert_eq(ops->unif_lt(rng, &known, 0.76), 1);
  borel_unif open = {0, 1, 0.5};
  cr_assert_eq(ops->unif_lt(rng, &open, 0.6), 1);
  cr_assert_eq(ops->unif_lt(rng, &open, 0.2), 0);
  cr_assert(open.low == 0.2 && open.high == 0.6 && open.value >= 0.2 && open.value < 0.6);
  cr_assert_eq(borel_replay_finish(&replay), BOREL_OK, "%s", error.message);
}

Test(random_replay, a_forced_decision_of_probability_zero_is_refused) {
  const int64_t decisions[] = {1, 0};
  const borel_script script = {.decisions = decisions, .decision_count = 2};
  borel_replay_rng replay;
  borel_replay_open(&replay, &script, NULL, &error);
  cr_assert_eq(replay.rng.ops->accept(&replay.rng, -1), 1);
  cr_assert_eq(replay.rng.ops->accept(&replay.rng, 0.5), 0);
  cr_assert_eq(replay.rng.status, BOREL_ARG);
  cr_assert(strstr(error.message, "forced decision 2 has probability 0: accept cannot give 0"), "%s",
            error.message);
}

Test(random_replay, a_script_that_is_not_used_up_is_reported) {
  const double normals[2] = {0, 0};
  const borel_script script = {.normals = normals, .normal_count = 2};
  borel_replay_rng replay;
  borel_replay_open(&replay, &script, NULL, &error);
  replay.rng.ops->normal(&replay.rng);
  cr_assert_eq(borel_replay_finish(&replay), BOREL_ARG);
  cr_assert(strstr(error.message, "1 of 2 normals"), "%s", error.message);
}

/* After a forced unif_lt the rest of the uniform is the next source's, within what is left of the interval.
 */
Test(random_replay, a_forced_cut_leaves_a_uniform_on_what_remains) {
  const int64_t below[] = {1};
  const borel_script script = {.decisions = below, .decision_count = 1};
  double lower = 0;
  for (uint64_t seed = 0; seed < 10000; seed++) {
    borel_philox_rng next = source(seed);
    borel_replay_rng replay;
    borel_replay_open(&replay, &script, &next.rng, &error);
    borel_unif u = replay.rng.ops->unif(&replay.rng);
    cr_assert_eq(replay.rng.ops->unif_lt(&replay.rng, &u, 0.2), 1);
    lower += replay.rng.ops->unif_lt(&replay.rng, &u, 0.05);
  }
  cr_assert_lt(fabs(lower - 2500), 5 * sqrt(10000 * 0.25 * 0.75)); /* false alarm below 1e-6 */
}

Test(random_replay, failures_of_the_inner_source_come_through_once) {
  borel_error outer_error = {0};
  borel_philox_rng inner = source(1);
  borel_trace trace = {0};
  borel_record_rng record;
  borel_record_open(&record, &inner.rng, &trace, &outer_error);
  record.rng.ops->gamma(&record.rng, -1);
  cr_assert_eq(record.rng.status, BOREL_ARG);
  cr_assert(strstr(outer_error.message, "gamma: shape is -1"), "%s", outer_error.message);
  cr_assert_eq(trace.count, 0);
  cr_assert_eq(record.rng.ops->uniform(&record.rng), 0.5);
  borel_trace_free(&trace);
}
