/* SPDX-License-Identifier: MIT
 * The statistical tier: each configuration on each joint law by each test, in sequential rounds. alpha is
 * shared out among all of them alike, also those for which the kernel turns out not to be made. */
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/sampling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const borel_sampling_method borel_sampling_methods[BOREL_SAMPLING_METHODS] = {
    {"two-sample", borel_two_sample, borel_two_sample_effect, 4000, 0, "pairs"},
    {"rank", borel_rank_test, borel_rank_effect, 1000, BOREL_REVERSIBLE, "runs"}};
enum { LEAST_MOVES = 20 }; /* one sample of so many moves, or the test says nothing */

/* Of the tests that share a row. */
typedef struct {
  char scope[120]; /* what all of them have in common */
  size_t tests;
  double q, accept_low, accept_high;
  char where[140], wrong[400];
} tally;

static double alpha_of(const borel_examination *e) {
  double alpha = e->tier->alpha > 0 ? e->tier->alpha : BOREL_VALIDATE_ALPHA;
  return alpha / (double)(BOREL_SAMPLING_METHODS * e->count * borel_joint_count);
}

/* ---- one test -------------------------------------------------------------------------------- */

borel_sequence borel_sampling_run(borel_sampling *s, const borel_component *component, borel_args args,
                                  const borel_sampling_method *method, const borel_joint *joint, uint64_t key,
                                  size_t n, double alpha) {
  *s = (borel_sampling){0};
  s->status = borel_frozen_open(&s->frozen, component, args, joint, key);
  return s->status == BOREL_OK ? borel_sequential(alpha, n, method->test, s) : (borel_sequence){0};
}

int borel_sampling_counts(const borel_sampling *s, const borel_sequence *result) {
  return s->status == BOREL_OK && (result->rejected || s->moves * LEAST_MOVES >= result->n);
}

static void add(tally *t, const borel_sampling *s, const borel_sequence *result, const char *where) {
  char statistic[24];
  borel_joint_statistic_name(s->frozen.joint, s->worst, statistic);
  t->tests++;
  if (!(result->q >= t->q)) {
    t->q = result->q;
    snprintf(t->where, sizeof t->where, "%s of %.100s", statistic, where);
  }
  t->accept_low = fmin(t->accept_low, s->frozen.accept);
  t->accept_high = fmax(t->accept_high, s->frozen.accept);
  if (result->rejected)
    snprintf(t->wrong, sizeof t->wrong, "%s of %.160s has another law: q = %.1e in round %zu, n = %zu",
             statistic, where, result->q, result->round, result->n);
}

static void one_test(const borel_examination *e, size_t number, const borel_sampling_method *method,
                     const borel_joint *joint, tally *t) {
  const borel_configuration *c = &e->configurations[number];
  char where[160];
  snprintf(where, sizeof where, "%s%s%s", joint->name, *t->scope ? "" : " with ", *t->scope ? "" : c->text);
  borel_examination_doing(e, "%s on %s with %s", method->name, joint->name, c->text);
  uint64_t key = borel_stream_child(borel_stream_root(e->tier->seed), e->component->name);
  key = borel_stream_child(key, method->name);
  key = borel_stream_child(borel_stream_child(key, c->text), joint->name);
  borel_sampling s;
  borel_sequence result = borel_sampling_run(&s, e->component, borel_configuration_args(c), method, joint,
                                             key, method->n, alpha_of(e));
  if (borel_sampling_counts(&s, &result)) {
    e->findings->sampled[number] = 1;
    add(t, &s, &result, where);
  }
  if (s.status != BOREL_OK && s.status != BOREL_ARG)
    snprintf(t->wrong, sizeof t->wrong, "%.200s; on %s", s.frozen.rig.error.message, where);
  borel_frozen_close(&s.frozen);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void report(const borel_examination *e, const borel_sampling_method *method, const tally *t) {
  double alpha = alpha_of(e);
  char accept[60] = "";
  if (*t->wrong) {
    borel_examination_row(e, BOREL_FAILS, BOREL_CLAIM_PRESERVES, method->name,
                          "%s%s; alpha = %.1e a test, seed %llu", t->scope, t->wrong, alpha,
                          (unsigned long long)e->tier->seed);
    return;
  }
  if (!t->tests) return;
  if (t->accept_low <= t->accept_high)
    snprintf(accept, sizeof accept, ", acceptance %.2f to %.2f", t->accept_low, t->accept_high);
  borel_examination_row(
      e, BOREL_HOLDS, BOREL_CLAIM_PRESERVES, method->name,
      "%s%zu tests, none rejects at alpha = %.1e each; least q %.2g, %s; %zu %s%s; a difference of %.2f "
      "between distribution functions is noticed but for 1e-6; seed %llu",
      t->scope, t->tests, alpha, t->q, t->where, method->n, method->what, accept,
      method->effect(alpha, method->n), (unsigned long long)e->tier->seed);
}

static const tally empty = {.q = INFINITY, .accept_low = INFINITY, .accept_high = -INFINITY};

/* Configurations that the exact checks have judged share a row, each of the others has its own. */
static void one_method(const borel_examination *e, const borel_sampling_method *method) {
  tally shared = empty;
  for (size_t i = 0; i < e->count; i++) {
    int judged = e->findings->judged[i] != BOREL_NOT_JUDGED;
    tally own = empty, *t = judged ? &shared : &own;
    if (!judged) snprintf(own.scope, sizeof own.scope, "with %s: ", e->configurations[i].text);
    for (size_t k = 0; k < borel_joint_count && !*t->wrong; k++) one_test(e, i, method, &borel_joints[k], t);
    if (!judged) report(e, method, t);
  }
  report(e, method, &shared);
}

void borel_examine_samples(const borel_examination *e) {
  for (size_t m = 0; m < BOREL_SAMPLING_METHODS; m++) {
    uint32_t needs = borel_sampling_methods[m].flags;
    if ((e->component->claims.flags & needs) != needs || (needs && e->findings->remembers)) continue;
    one_method(e, &borel_sampling_methods[m]);
  }
}
