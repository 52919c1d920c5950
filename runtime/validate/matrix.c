/* SPDX-License-Identifier: MIT
 * The matrix check: on finitely many points x the transition probabilities K(x, y) are known exactly, because
 * the enumerating source runs the kernel over every outcome of its choices from every x. Then
 *   sum_x pi(x) K(x, y) = pi(y)            preserves the target
 *   pi(x) K(x, y) = pi(y) K(y, x)          reversible
 *   K leads from everywhere to everywhere, and has no period: ergodic. */
#include "random/source_enumerate.h"
#include "validate/examination.h"
#include "validate/rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POINTS = 160 };
#define TOLERANCE 1e-12
static const uint64_t frozen_phase = 1000; /* an iteration after the warm-up */

/* Points as they are found, and K between them. */
typedef struct {
  size_t count;
  double u[MAX_POINTS][BOREL_TRIAL_MAX];
  int64_t z[MAX_POINTS][BOREL_TRIAL_MAX];
  double logdensity[MAX_POINTS], pi[MAX_POINTS];
  double K[MAX_POINTS][MAX_POINTS];
} space;

typedef enum {
  KNOWN,      /* K is complete */
  UNSUITED,   /* the kernel is not for such a target */
  CONTINUOUS, /* a law that cannot be enumerated, or too many points */
  WRONG       /* the kernel breaks a rule: `why` */
} outcome;

/* Of all spaces. */
typedef struct {
  size_t matrices, points; /* of those in which something moves */
  size_t still;
  double flow, balance; /* largest differences */
  char flow_at[164], balance_at[164], wrong[400], reducible[400];
} tally;

/* ---- points ---------------------------------------------------------------------------------- */

static int same_point(const borel_trial *trial, const space *s, size_t i, const double *u, const int64_t *z) {
  for (size_t d = 0; d < trial->D; d++)
    if (!(fabs(s->u[i][d] - u[d]) <= 1e-9 * (1 + fabs(u[d])))) return 0;
  return !memcmp(s->z[i], z, trial->K * sizeof *z);
}

/* The number of a point, which may be new; MAX_POINTS when there is no room. */
static size_t point_number(const borel_trial *trial, space *s, const double *u, const int64_t *z) {
  for (size_t i = 0; i < s->count; i++)
    if (same_point(trial, s, i, u, z)) return i;
  if (s->count == MAX_POINTS) return MAX_POINTS;
  memcpy(s->u[s->count], u, trial->D * sizeof *u);
  memcpy(s->z[s->count], z, trial->K * sizeof *z);
  s->logdensity[s->count] = borel_trial_density(trial, u, z, NULL);
  return s->count++;
}

static int next_z(const borel_trial *trial, int64_t *z) {
  for (size_t i = 0; i < trial->site_count; i++) {
    const borel_site *site = &trial->sites[i];
    for (size_t k = site->offset; site->block == BOREL_SITE_Z && k < site->offset + site->size; k++) {
      if (++z[k] < site->lowest + site->count) return 1;
      z[k] = site->lowest;
    }
  }
  return 0;
}

/* Without u the whole support is known beforehand; with it, what the kernel reaches from the start. */
static void first_points(const borel_trial *trial, space *s) {
  int64_t z[BOREL_TRIAL_MAX] = {0};
  s->count = 0;
  if (trial->D > 0) {
    point_number(trial, s, trial->u, trial->z);
    return;
  }
  for (size_t i = 0; i < trial->site_count; i++)
    for (size_t k = 0; k < trial->sites[i].size; k++) z[trial->sites[i].offset + k] = trial->sites[i].lowest;
  do
    if (borel_trial_density(trial, trial->u, z, NULL) > -INFINITY) point_number(trial, s, trial->u, z);
  while (next_z(trial, z));
}

/* ---- one matrix ------------------------------------------------------------------------------ */

/* The enumerating source refuses by its own name; other errors of a source are the kernel's. */
static int cannot_enumerate(const borel_rig *rig) {
  return strstr(rig->error.message, "enumeration: ") != NULL; /* after the name of a part, in a composition */
}

static outcome one_path(borel_rig *rig, space *s, size_t from, borel_enumeration *e, char why[200]) {
  borel_rig_reset(rig, s->u[from], s->z[from]);
  borel_status status = borel_rig_step(rig, borel_enumerate_rng(e), frozen_phase);
  if (status == BOREL_OK && borel_rig_is_true(rig)) {
    size_t to = point_number(rig->target.trial, s, rig->point->u, rig->point->z);
    if (to < MAX_POINTS) {
      s->K[from][to] += borel_enumerate_probability(e);
      return KNOWN;
    }
    snprintf(why, 200, "it reaches more than %d points", MAX_POINTS);
    return CONTINUOUS;
  }
  snprintf(why, 200, "%.199s", rig->error.message);
  if (e->rng.status != BOREL_OK) return cannot_enumerate(rig) ? CONTINUOUS : WRONG;
  return status == BOREL_ARG ? UNSUITED : WRONG;
}

static outcome one_row(borel_rig *rig, space *s, size_t from, char why[200]) {
  borel_enumeration e;
  outcome found = KNOWN;
  borel_enumerate_begin(&e, 0, &rig->error);
  while (found == KNOWN && borel_enumerate_next(&e)) found = one_path(rig, s, from, &e, why);
  if (found == KNOWN && e.rng.status != BOREL_OK) {
    snprintf(why, 200, "%.199s", rig->error.message);
    found = cannot_enumerate(rig) ? CONTINUOUS : WRONG;
  }
  borel_enumerate_end(&e);
  double sum = 0;
  for (size_t j = 0; j < s->count; j++) sum += s->K[from][j];
  if (found == KNOWN && !(fabs(sum - 1) <= TOLERANCE)) {
    snprintf(why, 200, "the probabilities of its outcomes sum to %.12g", sum);
    found = WRONG;
  }
  return found;
}

static outcome build(borel_rig *rig, space *s, char why[200]) {
  const borel_trial *trial = rig->target.trial;
  outcome found = KNOWN;
  memset(s->K, 0, sizeof s->K);
  first_points(trial, s);
  for (size_t i = 0; found == KNOWN && i < s->count; i++) found = one_row(rig, s, i, why);
  double largest = -INFINITY, total = 0;
  for (size_t i = 0; i < s->count; i++) largest = fmax(largest, s->logdensity[i]);
  for (size_t i = 0; i < s->count; i++) total += s->pi[i] = exp(s->logdensity[i] - largest);
  for (size_t i = 0; i < s->count; i++) s->pi[i] /= total;
  return found;
}

/* ---- what it says ---------------------------------------------------------------------------- */

static double flow_error(const space *s) {
  double worst = 0;
  for (size_t j = 0; j < s->count; j++) {
    double flow = 0;
    for (size_t i = 0; i < s->count; i++) flow += s->pi[i] * s->K[i][j];
    worst = fmax(worst, fabs(flow - s->pi[j]));
  }
  return worst;
}

static double balance_error(const space *s) {
  double worst = 0;
  for (size_t i = 0; i < s->count; i++)
    for (size_t j = 0; j < i; j++) worst = fmax(worst, fabs(s->pi[i] * s->K[i][j] - s->pi[j] * s->K[j][i]));
  return worst;
}

static int moves(const space *s) {
  for (size_t i = 0; i < s->count; i++)
    if (s->K[i][i] < 1 - TOLERANCE) return 1;
  return 0;
}

/* Distance of each point from point 0 along K, or against it; SIZE_MAX: not reached. Returns how many are. */
static size_t distances(const space *s, int against, size_t distance[MAX_POINTS]) {
  size_t queue[MAX_POINTS], head = 0, tail = 1;
  for (size_t i = 0; i < s->count; i++) distance[i] = SIZE_MAX;
  distance[0] = queue[0] = 0;
  while (head < tail) {
    size_t i = queue[head++];
    for (size_t j = 0; j < s->count; j++)
      if (distance[j] == SIZE_MAX && (against ? s->K[j][i] : s->K[i][j]) > 0) {
        distance[j] = distance[i] + 1;
        queue[tail++] = j;
      }
  }
  return tail;
}

/* The greatest common divisor of the lengths of all cycles. */
static size_t period(const space *s, const size_t distance[MAX_POINTS]) {
  size_t divisor = 0;
  for (size_t i = 0; i < s->count; i++)
    for (size_t j = 0; j < s->count; j++) {
      if (!(s->K[i][j] > 0)) continue;
      size_t a = divisor, b = distance[i] + 1 > distance[j] ? distance[i] + 1 - distance[j]
                                                            : distance[j] - distance[i] - 1;
      while (b) {
        size_t rest = a % b;
        a = b;
        b = rest;
      }
      divisor = a;
    }
  return divisor;
}

/* Why it is not ergodic, or "". */
static void reducible(const space *s, char why[120]) {
  size_t distance[MAX_POINTS], back[MAX_POINTS];
  size_t reached = distances(s, 0, distance), returning = distances(s, 1, back);
  *why = 0;
  if (reached < s->count || returning < s->count)
    snprintf(why, 120, "point 1 of %zu leads to %zu and is reached from %zu", s->count, reached, returning);
  else if (period(s, distance) != 1)
    snprintf(why, 120, "it has period %zu", period(s, distance));
}

static void judge(tally *t, const space *s, const char *where) {
  double flow = flow_error(s), balance = balance_error(s);
  char why[120];
  if (flow >= t->flow) snprintf(t->flow_at, sizeof t->flow_at, " on %s", where), t->flow = flow;
  if (balance >= t->balance)
    snprintf(t->balance_at, sizeof t->balance_at, " on %s", where), t->balance = balance;
  if (!moves(s)) {
    t->still++;
    return;
  }
  t->matrices++;
  t->points += s->count;
  reducible(s, why);
  if (*why && !*t->reducible) snprintf(t->reducible, sizeof t->reducible, "%s: %s", where, why);
}

/* ---- all matrices ---------------------------------------------------------------------------- */

/* One configuration on all trials. Where it does nothing to any point it says nothing about laws that could
 * not be enumerated elsewhere: then it counts as judged only if there were none. */
static void one_configuration(const borel_examination *e, size_t number, space *s, tally *t) {
  const borel_configuration *configuration = &e->configurations[number];
  size_t matrices = t->matrices, still = t->still;
  int wrong = 0;
  char refused[200] = "", unsuited[200] = "";
  for (size_t k = 0; k < borel_finite_trial_count; k++) {
    const borel_trial *trial = &borel_finite_trials[k];
    borel_windows plan = borel_windows_plan(0, frozen_phase);
    borel_rig rig;
    char why[200] = "", where[160];
    borel_examination_doing(e, "the matrix on %s with %s", trial->name, configuration->text);
    snprintf(where, sizeof where, "%s with %s", trial->name, configuration->text);
    borel_status status =
        borel_rig_open(&rig, e->component, borel_configuration_args(configuration), trial, &plan);
    outcome found = status == BOREL_OK ? build(&rig, s, why) : status == BOREL_ARG ? UNSUITED : WRONG;
    if (status != BOREL_OK) snprintf(why, sizeof why, "%.199s", rig.error.message);
    borel_rig_close(&rig);
    if (found == KNOWN) judge(t, s, where);
    if (found == UNSUITED) memcpy(unsuited, why, sizeof why);
    if (found == CONTINUOUS) memcpy(refused, why, sizeof why);
    if (found == WRONG && !*t->wrong) snprintf(t->wrong, sizeof t->wrong, "%s: %s", where, why);
    wrong |= found == WRONG;
  }
  int moved = t->matrices > matrices, judged = moved || wrong || (t->still > still && !*refused);
  e->findings->judged[number] = judged ? BOREL_JUDGED : BOREL_NOT_JUDGED;
  if (judged && !moved && !wrong && !*t->reducible)
    snprintf(t->reducible, sizeof t->reducible, "it never moves, with %s", configuration->text);
  memcpy(e->findings->refusals[number], *refused ? refused : unsuited, sizeof refused);
}

static void report(const borel_examination *e, const tally *t) {
  uint32_t flags = e->component->claims.flags;
  int flows = t->flow <= TOLERANCE, balanced = t->balance <= TOLERANCE;
  if (*t->wrong) borel_examination_row(e, BOREL_FAILS, BOREL_CLAIM_PRESERVES, "matrix", "%s", t->wrong);
  if (!t->matrices && !t->still) return;
  if (!*t->wrong)
    borel_examination_row(e, flows ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_PRESERVES, "matrix",
                          "max |pi K - pi| = %.1e%s, over %zu matrices with %zu points, tolerance %.0e",
                          t->flow, flows ? "" : t->flow_at, t->matrices, t->points, TOLERANCE);
  if (flags & BOREL_REVERSIBLE)
    borel_examination_row(e, balanced ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_REVERSIBLE, "matrix",
                          "max |pi_x K_xy - pi_y K_yx| = %.1e%s, over %zu matrices, tolerance %.0e",
                          t->balance, balanced ? "" : t->balance_at, t->matrices, TOLERANCE);
  if (!(flags & BOREL_ERGODIC)) return;
  if (*t->reducible)
    borel_examination_row(e, BOREL_FAILS, BOREL_CLAIM_ERGODIC, "matrix", "%s", t->reducible);
  else if (t->matrices)
    borel_examination_row(e, BOREL_HOLDS, BOREL_CLAIM_ERGODIC, "matrix",
                          "every point leads to every other, without period, in %zu matrices", t->matrices);
}

void borel_examine_matrix(const borel_examination *e) {
  if (e->findings->remembers) {
    borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_PRESERVES, "matrix",
                          "its steps depend on its state, so that a point is no state of the chain");
    return;
  }
  space *s = malloc(sizeof *s);
  tally t = {0};
  for (size_t i = 0; s && i < e->count; i++) one_configuration(e, i, s, &t);
  free(s);
  report(e, &t);
}
