/* SPDX-License-Identifier: MIT
 * The pairs check, for reversible kernels whose step is x' = b(x) + J(x) n with n ~ N(0, I), D normals, then
 * accepted or not: random walks with a normal law, Langevin proposals. With phi the normal density and a(x,
 * n) the probability of acceptance, which is enumerated, detailed balance is pi(x) phi(n) a(x, n) / |det
 * J(x)| = pi(x') phi(n') a(x', n') / |det J(x')| for n' that leads back from x' to x. b and J come from a few
 * steps with given normals, and each further step shows whether the form is true. A kernel of another form is
 * not judged. */
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/source_replay.h"
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PAIRS_PER_TRIAL = 12 };
#define TOLERANCE 1e-9
static const double probe = 0x1p-6; /* normals that show J: small, so that the proposal is not refused */
static const uint64_t frozen_phase = 1000;

/* x' = b + J n at one point. */
typedef struct {
  double b[BOREL_TRIAL_MAX], J[BOREL_TRIAL_MAX][BOREL_TRIAL_MAX];
  double log_volume; /* log |det J| */
} form;

typedef struct {
  size_t pairs;
  double worst;
  char where[160], unsuited[200];
} tally;

typedef enum { FOUND, NOWHERE, UNSUITED } outcome;

static outcome unsuited(tally *t, const char *why) {
  snprintf(t->unsuited, sizeof t->unsuited, "%.199s", why);
  return UNSUITED;
}

/* ---- a step with given normals --------------------------------------------------------------- */

/* Where a step from u with these normals leads when it is accepted, and with which probability. NOWHERE: it
 * is never accepted. */
static outcome propose(borel_rig *rig, tally *t, const double *u, const double *normals, double *to,
                       double *chance) {
  size_t D = rig->target.trial->D;
  borel_script script = {.normals = normals, .normal_count = D};
  borel_enumeration e;
  outcome found = FOUND;
  int moved = 0;
  double stayed = 0;
  *chance = 0;
  borel_enumerate_begin(&e, 1000, &rig->error);
  while (found == FOUND && borel_enumerate_next(&e)) {
    borel_replay_rng rng;
    borel_replay_open(&rng, &script, borel_enumerate_rng(&e), &rig->error);
    borel_rig_reset(rig, u, NULL);
    borel_status status = borel_rig_step(rig, &rng.rng, frozen_phase);
    if (status != BOREL_OK || borel_replay_finish(&rng) != BOREL_OK || !borel_rig_is_true(rig))
      found = unsuited(t, rig->error.message);
    else if (!memcmp(rig->point->u, u, D * sizeof *u))
      stayed += borel_enumerate_probability(&e);
    else if (moved && memcmp(rig->point->u, to, D * sizeof *to) != 0)
      found = unsuited(t, "its normals leave more than one place to go");
    else {
      moved = 1;
      memcpy(to, rig->point->u, D * sizeof *to);
      *chance += borel_enumerate_probability(&e);
    }
  }
  if (found == FOUND && e.rng.status != BOREL_OK) found = unsuited(t, rig->error.message);
  borel_enumerate_end(&e);
  if (found != FOUND || moved) return found;
  memcpy(to, u, D * sizeof *to); /* with normals that lead nowhere else; else no move was accepted */
  *chance = stayed;
  return NOWHERE;
}

/* ---- the affine form ------------------------------------------------------------------------- */

/* Solves J n = x by elimination with pivots; returns log |det J|, -inf when there is no solution. */
static double solve(size_t D, double J[BOREL_TRIAL_MAX][BOREL_TRIAL_MAX], double *x) {
  double log_volume = 0;
  for (size_t k = 0; k < D; k++) {
    size_t pivot = k;
    for (size_t i = k; i < D; i++)
      if (fabs(J[i][k]) > fabs(J[pivot][k])) pivot = i;
    if (!(fabs(J[pivot][k]) > 0)) return -INFINITY;
    for (size_t j = 0; j < D; j++) {
      double held = J[k][j];
      J[k][j] = J[pivot][j];
      J[pivot][j] = held;
    }
    double held = x[k];
    x[k] = x[pivot];
    x[pivot] = held;
    log_volume += log(fabs(J[k][k]));
    for (size_t i = 0; i < D; i++) {
      if (i == k) continue;
      double factor = J[i][k] / J[k][k];
      for (size_t j = k; j < D; j++) J[i][j] -= factor * J[k][j];
      x[i] -= factor * x[k];
    }
  }
  for (size_t k = 0; k < D; k++) x[k] /= J[k][k];
  return log_volume;
}

static outcome find_form(borel_rig *rig, tally *t, const double *u, form *f) {
  size_t D = rig->target.trial->D;
  double n[BOREL_TRIAL_MAX] = {0}, to[BOREL_TRIAL_MAX], chance;
  if (propose(rig, t, u, n, f->b, &chance) == UNSUITED)
    return UNSUITED; /* no normals may well lead nowhere */
  for (size_t d = 0; d < D; d++) {
    n[d] = probe;
    outcome found = propose(rig, t, u, n, to, &chance);
    n[d] = 0;
    if (found == NOWHERE) unsuited(t, "it does not move by its normals");
    if (found != FOUND) return found;
    for (size_t i = 0; i < D; i++) f->J[i][d] = (to[i] - f->b[i]) / probe;
  }
  double copy[BOREL_TRIAL_MAX][BOREL_TRIAL_MAX], x[BOREL_TRIAL_MAX] = {0};
  memcpy(copy, f->J, sizeof copy);
  f->log_volume = solve(D, copy, x);
  return isfinite(f->log_volume) ? FOUND : unsuited(t, "its moves are no invertible function of its normals");
}

static int agrees(const form *f, size_t D, const double *n, const double *to) {
  for (size_t i = 0; i < D; i++) {
    double x = f->b[i];
    for (size_t d = 0; d < D; d++) x += f->J[i][d] * n[d];
    if (!(fabs(x - to[i]) <= 1e-10 * (1 + fabs(x)))) return 0;
  }
  return 1;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* log of pi(x) phi(n) a / |det J| */
static double log_flow(const borel_trial *trial, const double *u, const double *n, double chance,
                       const form *f) {
  double sum = borel_trial_density(trial, u, NULL, NULL) + log(chance) - f->log_volume;
  for (size_t d = 0; d < trial->D; d++) sum -= 0.5 * n[d] * n[d];
  return sum;
}

/* From u by the normals n, and back. */
static outcome one_pair(borel_rig *rig, tally *t, const double *u, const double *n, double *difference) {
  const borel_trial *trial = rig->target.trial;
  size_t D = trial->D;
  form there, back;
  double to[BOREL_TRIAL_MAX], home[BOREL_TRIAL_MAX], m[BOREL_TRIAL_MAX], chance, return_chance;
  outcome found = find_form(rig, t, u, &there);
  if (found == FOUND) found = propose(rig, t, u, n, to, &chance);
  if (found != FOUND) return found;
  if (!agrees(&there, D, n, to)) return unsuited(t, "its moves are no affine function of its normals");
  found = find_form(rig, t, to, &back);
  if (found != FOUND) return found;
  double copy[BOREL_TRIAL_MAX][BOREL_TRIAL_MAX];
  memcpy(copy, back.J, sizeof copy);
  for (size_t d = 0; d < D; d++) m[d] = u[d] - back.b[d];
  solve(D, copy, m);
  found = propose(rig, t, to, m, home, &return_chance);
  if (found == UNSUITED) return UNSUITED;
  if (found == NOWHERE) return_chance = 0;
  if (found == FOUND && !agrees(&back, D, m, home))
    return unsuited(t, "its moves are no affine function of its normals");
  *difference = fabs(log_flow(trial, u, n, chance, &there) - log_flow(trial, to, m, return_chance, &back));
  return FOUND;
}

static outcome one_trial(const borel_examination *e, const borel_configuration *c, const borel_trial *trial,
                         tally *t) {
  borel_windows plan = borel_windows_plan(0, frozen_phase);
  borel_rig rig;
  borel_philox_rng rng;
  borel_examination_doing(e, "pairs on %s with %s", trial->name, c->text);
  outcome found = FOUND;
  if (borel_rig_open(&rig, e->component, borel_configuration_args(c), trial, &plan) != BOREL_OK)
    found = unsuited(t, rig.error.message);
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(2), trial->name), 0, 0, 0, &rig.error);
  for (int i = 0; i < PAIRS_PER_TRIAL && found != UNSUITED; i++) {
    double u[BOREL_TRIAL_MAX], n[BOREL_TRIAL_MAX], difference = 0;
    for (size_t d = 0; d < trial->D; d++) {
      u[d] = trial->u[d] * (1 + 0.4 * rng.rng.ops->normal(&rng.rng));
      n[d] = 0.5 * rng.rng.ops->normal(&rng.rng);
    }
    if (borel_trial_density(trial, u, NULL, NULL) == -INFINITY) continue;
    found = one_pair(&rig, t, u, n, &difference);
    if (found != FOUND) continue;
    t->pairs++;
    if (!(difference <= t->worst)) {
      t->worst = difference;
      snprintf(t->where, sizeof t->where, " on %s", trial->name);
    }
  }
  borel_rig_close(&rig);
  return found == UNSUITED ? UNSUITED : FOUND;
}

static void one_configuration(const borel_examination *e, size_t number) {
  const borel_configuration *c = &e->configurations[number];
  tally t = {0};
  for (size_t k = 0; k < borel_continuous_trial_count; k++)
    if (one_trial(e, c, &borel_continuous_trials[k], &t) == UNSUITED) {
      if (!*e->findings->refusals[number])
        memcpy(e->findings->refusals[number], t.unsuited, sizeof t.unsuited);
      return;
    }
  if (!t.pairs) return;
  int balanced = t.worst <= TOLERANCE;
  borel_examination_row(
      e, balanced ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_REVERSIBLE, "pairs",
      "with %s: detailed balance differs by at most %.1e (in logs)%s, over %zu pairs, tolerance %.0e",
      c->text, t.worst, balanced ? "" : t.where, t.pairs, TOLERANCE);
  borel_examination_row(e, balanced ? BOREL_HOLDS : BOREL_NOT_TESTED, BOREL_CLAIM_PRESERVES, "pairs",
                        "with %s: %s", c->text,
                        balanced ? "it is reversible" : "only by way of reversibility");
  e->findings->judged[number] = BOREL_JUDGED_PAIRS;
}

void borel_examine_pairs(const borel_examination *e) {
  if (!(e->component->claims.flags & BOREL_REVERSIBLE) || e->findings->remembers) return;
  for (size_t i = 0; i < e->count; i++)
    if (e->findings->judged[i] == BOREL_NOT_JUDGED) one_configuration(e, i);
}
