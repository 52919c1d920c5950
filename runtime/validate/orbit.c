/* SPDX-License-Identifier: MIT
 * The orbit check, for kernels that move along leapfrog orbits and draw their momentum from the normal law.
 * Such a kernel cannot be enumerated, but once its normals are forced it is a finite kernel on the states
 * (q_i, p_i) of one orbit, whose remaining choices are enumerated. Let K(i, j) be the probability that it
 * goes from q_i to q_j, over both signs of the momentum, and w_i = exp(-H_i). As leapfrog steps keep volumes,
 * the target is preserved if and only if, on almost every orbit, sum_i w_i K(i, j) = w_j        for each j,
 * over all i that lead there; and the kernel is reversible if and only if w_i K(i, j) = w_j K(j, i). */
#include "core/error.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/source_replay.h"
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SIDE = 40,    /* states computed on each side of state 0 */
  LONGEST = 15, /* steps that a transition may take */
  COLUMNS = 3,  /* j = 0 .. COLUMNS - 1 */
  STATES = 2 * SIDE + 1
};
#define TOLERANCE 1e-12
/* Energies above the lowest of the orbit: of the states j that are judged; of those whose transitions are
 * looked at, as lighter ones give j less than a rounding error; and where the orbit is cut, far beyond all
 * that a kernel accepts, because leapfrog steps from such heights do not find back in floating point. */
#define JUDGED_ENERGY 20.0
#define LOOKED_ENERGY 60.0
#define CUT_ENERGY 1e4
static const uint64_t frozen_phase = 1000;

typedef struct {
  const borel_trial *trial;
  double step, inverse_mass[BOREL_TRIAL_MAX];
  double q[STATES][BOREL_TRIAL_MAX], p[STATES][BOREL_TRIAL_MAX], energy[STATES];
  double lowest;
  int low,
      high; /* states low .. high exist, state 0 is SIDE; beyond is no density, or too little, or no room */
  double K[STATES][STATES];
  int known[STATES]; /* rows of K */
  int reach;         /* longest transition seen */
} orbit;

typedef struct {
  size_t orbits, states, paths;
  double flow, balance;
  char where[220], flow_at[220], balance_at[220], wrong[430];
} tally;

/* ---- the orbit ------------------------------------------------------------------------------- */

/* Energy of state i, and the gradient there; 0 when the orbit ends before it. */
static int look(orbit *o, int i, double *gradient) {
  double logdensity = o->trial->density(o->q[i], NULL, gradient), kinetic = 0;
  for (size_t d = 0; d < o->trial->D; d++) kinetic += 0.5 * o->inverse_mass[d] * o->p[i][d] * o->p[i][d];
  o->energy[i] = kinetic - logdensity;
  return isfinite(o->energy[i]);
}

static void half_kick(orbit *o, int from, int to, const double *gradient, double step) {
  for (size_t d = 0; d < o->trial->D; d++) o->p[to][d] = o->p[from][d] + 0.5 * step * gradient[d];
}

/* States from the middle to one end. Returns the last that exists. */
static int extend(orbit *o, int direction) {
  double gradient[BOREL_TRIAL_MAX], step = direction * o->step;
  int i = SIDE;
  look(o, i, gradient);
  while (i + direction >= 0 && i + direction < STATES) {
    int next = i + direction;
    half_kick(o, i, next, gradient, step);
    for (size_t d = 0; d < o->trial->D; d++)
      o->q[next][d] = o->q[i][d] + step * (o->inverse_mass[d] * o->p[next][d]);
    if (!isfinite(o->trial->density(o->q[next], NULL, gradient))) return i;
    half_kick(o, next, next, gradient, step);
    if (!look(o, next, gradient) || o->energy[next] > o->energy[SIDE] + CUT_ENERGY) return i;
    i = next;
  }
  return i;
}

static double distance(const orbit *o, int i, const double *q) {
  double worst = 0;
  for (size_t d = 0; d < o->trial->D; d++) worst = fmax(worst, fabs(o->q[i][d] - q[d]) / (1 + fabs(q[d])));
  return worst;
}

/* Could two states near the middle be taken for one another? */
static int is_ambiguous(const orbit *o) {
  for (int i = o->low; i <= o->high; i++)
    for (int j = i + 1; j <= o->high && j <= i + 2 * LONGEST; j++)
      if (distance(o, i, o->q[j]) < 1e-5) return 1;
  return 0;
}

static int lay(orbit *o) {
  memset(o->known, 0, sizeof o->known);
  o->reach = 0;
  o->low = extend(o, -1);
  o->high = extend(o, 1);
  o->lowest = o->energy[SIDE];
  for (int i = o->low; i <= o->high; i++) o->lowest = fmin(o->lowest, o->energy[i]);
  return !is_ambiguous(o);
}

/* ---- K --------------------------------------------------------------------------------------- */

static int state_at(const orbit *o, const double *q) {
  int nearest = o->low;
  for (int i = o->low; i <= o->high; i++)
    if (distance(o, i, q) < distance(o, nearest, q)) nearest = i;
  return distance(o, nearest, q) < 1e-7 ? nearest : -1;
}

static int fails(borel_rig *rig, const char *what) {
  borel_fail(&rig->error, BOREL_INTERNAL, "%s", what);
  return 0;
}

/* One transition from state i with momentum sign * p_i. */
static int one_path(borel_rig *rig, orbit *o, int i, int sign, borel_enumeration *e) {
  double normals[BOREL_TRIAL_MAX];
  size_t D = o->trial->D;
  for (size_t d = 0; d < D; d++) normals[d] = sign * o->p[i][d] * sqrt(o->inverse_mass[d]);
  borel_script script = {.normals = normals, .normal_count = D};
  borel_replay_rng rng;
  borel_replay_open(&rng, &script, borel_enumerate_rng(e), &rig->error);
  borel_rig_reset(rig, o->q[i], NULL);
  borel_status status = borel_rig_step(rig, &rng.rng, frozen_phase);
  if (status != BOREL_OK || borel_replay_finish(&rng) != BOREL_OK || !borel_rig_is_true(rig)) return 0;
  int j = state_at(o, rig->point->u);
  if (j < 0) return fails(rig, "a step leaves the leapfrog orbit of its start");
  if (abs(j - i) > LONGEST) return fails(rig, "a step goes further than 15 leapfrog steps");
  if (abs(j - i) > o->reach) o->reach = abs(j - i);
  o->K[i][j] += 0.5 * borel_enumerate_probability(e);
  return 1;
}

static int one_row(borel_rig *rig, orbit *o, int i, size_t *paths) {
  double sum = 0;
  memset(o->K[i], 0, sizeof o->K[i]);
  for (int sign = -1; sign <= 1; sign += 2) {
    borel_enumeration e;
    int fine = 1;
    borel_enumerate_begin(&e, 0, &rig->error);
    while (fine && borel_enumerate_next(&e)) fine = one_path(rig, o, i, sign, &e);
    *paths += e.paths;
    borel_enumerate_end(&e);
    if (!fine || e.rng.status != BOREL_OK) return 0;
  }
  for (int j = 0; j < STATES; j++) sum += o->K[i][j];
  o->known[i] = 1;
  return fabs(sum - 1) <= TOLERANCE || fails(rig, "the probabilities of its outcomes do not sum to 1");
}

/* The rows of all states that lead to the columns; how far that is shows as they are computed. */
static int build(borel_rig *rig, orbit *o, size_t *paths) {
  for (int done = 0; !done;) {
    int first = SIDE - o->reach, last = SIDE + COLUMNS - 1 + o->reach;
    if (first < o->low) first = o->low;
    if (last > o->high) last = o->high;
    done = 1;
    for (int i = first; i <= last; i++)
      if (!o->known[i] && o->energy[i] <= o->lowest + LOOKED_ENERGY) {
        if (!one_row(rig, o, i, paths)) return 0;
        done = 0;
      }
  }
  return 1;
}

/* ---- what it says ---------------------------------------------------------------------------- */

/* Relative to w_j. */
static double flow_error(const orbit *o, int j) {
  double flow = 0;
  for (int i = o->low; i <= o->high; i++)
    if (o->known[i] && o->K[i][j] > 0) flow += exp(o->energy[j] - o->energy[i]) * o->K[i][j];
  return fabs(flow - 1);
}

static double balance_error(const orbit *o, int j) {
  double worst = 0;
  for (int i = o->low; i <= o->high; i++) {
    double ratio = exp(o->energy[j] - o->energy[i]);
    if (o->known[i]) worst = fmax(worst, fabs(ratio * o->K[i][j] - o->K[j][i]));
  }
  return worst;
}

static void judge(const orbit *o, tally *t) {
  t->orbits++;
  for (int j = SIDE; j < SIDE + COLUMNS && j <= o->high; j++) {
    if (o->energy[j] > o->lowest + JUDGED_ENERGY) continue;
    t->states++;
    double flow = flow_error(o, j), balance = balance_error(o, j);
    if (!(flow <= t->flow)) t->flow = flow, memcpy(t->flow_at, t->where, sizeof t->where);
    if (!(balance <= t->balance)) t->balance = balance, memcpy(t->balance_at, t->where, sizeof t->where);
  }
}

/* ---- all orbits ------------------------------------------------------------------------------ */

/* A warm-up on an awkward trial may be hopeless, so it happens on the first of that dimension, which is
 * gentle; then the trial becomes the target and the tuning that of the orbit. */
static borel_status set_up(borel_rig *rig, const borel_examination *e, const borel_configuration *c,
                           const orbit *o) {
  borel_windows plan = borel_windows_plan(0, frozen_phase);
  size_t D = o->trial->D;
  const borel_trial *gentle = borel_continuous_trials;
  while (gentle->D != D) gentle++;
  borel_status status = borel_rig_open(rig, e->component, borel_configuration_args(c), gentle, &plan);
  if (status != BOREL_OK) return status;
  rig->target = borel_trial_open(o->trial);
  double *step = borel_rig_tuning(rig, "step_size", 1), *metric = borel_rig_tuning(rig, "inverse_mass", D);
  if (!step || !metric)
    return borel_fail(&rig->error, BOREL_INTERNAL,
                      "the orbit check needs tuning fields step_size and inverse_mass [D], both F64");
  *step = o->step;
  memcpy(metric, o->inverse_mass, D * sizeof *metric);
  return BOREL_OK;
}

static void one_orbit(const borel_examination *e, const borel_configuration *c, orbit *o, tally *t) {
  borel_rig rig;
  borel_examination_doing(e, "the orbit %s", t->where);
  if (!lay(o)) return;
  if (set_up(&rig, e, c, o) == BOREL_OK && build(&rig, o, &t->paths))
    judge(o, t);
  else
    snprintf(t->wrong, sizeof t->wrong, "%.200s; on %s", rig.error.message, t->where);
  borel_rig_close(&rig);
}

/* Start n of a trial: near its own, with a momentum of the metric. */
static void start(orbit *o, const borel_trial *trial, size_t n) {
  borel_error error = {0};
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(1), trial->name), 0, n, 0, &error);
  o->trial = trial;
  o->step = trial->steps[n % 3] * exp(0.2 * rng.rng.ops->normal(&rng.rng));
  for (size_t d = 0; d < trial->D; d++) {
    double scale = fabs(trial->u[d]);
    o->inverse_mass[d] = n % 2 ? 1 : d ? 0.6 : 1.7;
    o->q[SIDE][d] = trial->u[d] + 0.4 * scale * rng.rng.ops->normal(&rng.rng);
    o->p[SIDE][d] = rng.rng.ops->normal(&rng.rng) / sqrt(o->inverse_mass[d]);
  }
  if (trial->density(o->q[SIDE], NULL, NULL) == -INFINITY) memcpy(o->q[SIDE], trial->u, sizeof trial->u);
}

/* Integers at most 3, so that trajectories are short; on one orbit 4, where the third doubling has a
 * successor (a million paths). The limit of energies is that of the kernel, or one that orbits meet. */
static void configure(const borel_examination *e, size_t number, size_t trial, size_t n,
                      borel_configuration *c) {
  static const double limits[] = {0, 2, 0.5};
  borel_configuration_copy(c, &e->configurations[number]);
  borel_configuration_shorten(c, e->component, trial == 0 && n == 6 ? 4 : 3);
  double limit = limits[n / 2 % 3];
  if (limit > 0) borel_configuration_number(c, e->component, "max_energy_error", limit);
}

/* Of each trial, shared out among the configurations. */
enum { ORBITS_PER_TRIAL = 24, LEAST_ORBITS = 6 };

static void one_configuration(const borel_examination *e, size_t number, orbit *o, tally *t) {
  size_t shared = ORBITS_PER_TRIAL / e->count, orbits = shared > LEAST_ORBITS ? shared : LEAST_ORBITS;
  for (size_t k = 0; k < borel_continuous_trial_count; k++)
    for (size_t n = number * orbits; n < (number + 1) * orbits; n++) {
      e->findings->judged[number] = BOREL_JUDGED;
      if (*t->wrong || t->flow > TOLERANCE) return; /* one counterexample is enough */
      borel_configuration c;
      configure(e, number, k, n, &c);
      start(o, &borel_continuous_trials[k], n);
      snprintf(t->where, sizeof t->where, "%s, start %zu, step size %g, with %s", o->trial->name, n, o->step,
               c.text);
      one_orbit(e, &c, o, t);
    }
}

static void report(const borel_examination *e, const tally *t) {
  if (!*t->wrong && !t->states) return;
  int flows = t->flow <= TOLERANCE, balanced = t->balance <= TOLERANCE;
  if (*t->wrong) {
    borel_examination_row(e, BOREL_FAILS, BOREL_CLAIM_PRESERVES, "orbit", "%s", t->wrong);
    if (e->component->claims.flags & BOREL_REVERSIBLE)
      borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_REVERSIBLE, "orbit",
                            "the check ended at a failure");
    return;
  }
  borel_examination_row(
      e, flows ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_PRESERVES, "orbit",
      "max |w K - w| / w = %.1e%s%s, at %zu states of %zu orbits, %zu paths, tolerance %.0e", t->flow,
      flows ? "" : " on ", flows ? "" : t->flow_at, t->states, t->orbits, t->paths, TOLERANCE);
  if (e->component->claims.flags & BOREL_REVERSIBLE)
    borel_examination_row(e, balanced ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_REVERSIBLE, "orbit",
                          "max |w_i K_ij - w_j K_ji| / w_j = %.1e%s%s, over %zu orbits, tolerance %.0e",
                          t->balance, balanced ? "" : " on ", balanced ? "" : t->balance_at, t->orbits,
                          TOLERANCE);
}

void borel_examine_orbits(const borel_examination *e) {
  if (e->findings->remembers) {
    borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_PRESERVES, "orbit",
                          "its steps depend on its state, so that a point is no state of the chain");
    return;
  }
  orbit *o = malloc(sizeof *o);
  tally t = {0};
  for (size_t i = 0; o && i < e->count; i++) one_configuration(e, i, o, &t);
  free(o);
  report(e, &t);
}
