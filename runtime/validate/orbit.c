/* SPDX-License-Identifier: MIT
 * The orbit check, for kernels that draw normals n and then move along the orbit of a flow on (q, n):
 * leapfrog trajectories, those with momenta of fixed length, ellipses. Such a kernel cannot be enumerated,
 * but once its normals are forced it is a finite kernel on the states (q_i, n_i) of one orbit, whose
 * remaining choices are enumerated. Let K(i, j) be the probability that it goes from q_i to q_j, over both
 * signs of n_i, and w_i the density of state i times the volume of the flow from state 0 to it. The target is
 * preserved if and only if, on almost every orbit, sum_i w_i K(i, j) = w_j        for each j, over all i that
 * lead there; and the kernel is reversible if and only if w_i K(i, j) = w_j K(j, i). */
#include "core/error.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/source_replay.h"
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/flow.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = BOREL_ORBIT_SIDE, STATES = BOREL_ORBIT_STATES, COLUMNS = 3 /* j = 0 .. COLUMNS - 1 */ };
#define TOLERANCE 1e-12
/* Energies above the lowest of the orbit: of the states j that are judged; and of those whose transitions are
 * looked at, as lighter ones give j less than a rounding error. */
#define JUDGED_ENERGY 20.0
#define LOOKED_ENERGY 60.0
static const uint64_t frozen_phase = 1000;

typedef struct {
  borel_orbit at;
  double K[STATES][STATES];
  double doubt[STATES][STATES]; /* of K, for a relative error of 1 in what choices are made with */
  int known[STATES];            /* rows of K */
  int reach;                    /* longest transition seen */
} orbit;

typedef struct {
  size_t orbits, states, paths;
  double flow, balance; /* the worst, beyond rounding */
  double allowed;       /* the most for rounding */
  char where[220], flow_at[220], balance_at[220], wrong[430];
  int too_long; /* steps went further than can be followed, and no parameter shortens them */
} tally;

/* ---- K --------------------------------------------------------------------------------------- */

static const char *const too_long = "a step goes further than 15 steps of the flow";

static int fails(borel_rig *rig, const char *what) {
  borel_fail(&rig->error, BOREL_INTERNAL, "%s", what);
  return 0;
}

/* One transition from state i with normals sign * n_i. */
static int one_path(borel_rig *rig, orbit *o, int i, int sign, borel_enumeration *e) {
  double normals[BOREL_TRIAL_MAX];
  size_t D = o->at.trial->D;
  double length = o->at.flow == BOREL_FLOW_ISOKINETIC ? 1.7 : 1; /* which the kernel has to take out */
  for (size_t d = 0; d < D; d++) normals[d] = sign * length * o->at.n[i][d];
  borel_script script = {.normals = normals, .normal_count = D};
  borel_replay_rng rng;
  borel_replay_open(&rng, &script, borel_enumerate_rng(e), &rig->error);
  borel_rig_reset(rig, o->at.q[i], NULL);
  borel_status status = borel_rig_step(rig, &rng.rng, frozen_phase);
  if (status != BOREL_OK || borel_replay_finish(&rng) != BOREL_OK || !borel_rig_is_true(rig)) return 0;
  int j = borel_orbit_state_at(&o->at, rig->point->u);
  if (j < 0) return fails(rig, "a step leaves the orbit of its start");
  if (abs(j - i) > BOREL_ORBIT_LONGEST) return fails(rig, too_long);
  if (abs(j - i) > o->reach) o->reach = abs(j - i);
  double probability = 0.5 * borel_enumerate_probability(e);
  o->K[i][j] += probability;
  o->doubt[i][j] += probability * borel_enumerate_doubt(e);
  return 1;
}

static int one_row(borel_rig *rig, orbit *o, int i, size_t *paths) {
  double sum = 0;
  memset(o->K[i], 0, sizeof o->K[i]);
  memset(o->doubt[i], 0, sizeof o->doubt[i]);
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
    if (first < o->at.low) first = o->at.low;
    if (last > o->at.high) last = o->at.high;
    done = 1;
    for (int i = first; i <= last; i++)
      if (!o->known[i] && o->at.energy[i] <= o->at.lowest + LOOKED_ENERGY) {
        if (!one_row(rig, o, i, paths)) return 0;
        done = 0;
      }
  }
  return 1;
}

/* ---- what it says ---------------------------------------------------------------------------- */

/* What a kernel makes its choices with follows from differences of energies, each rounded a few times; so
 * does the relative error of probabilities. A state that is much lighter than one it is reached from shows
 * what this does to the little that is left of 1 when the heavy one is preferred. */
static double rounding(const orbit *o) {
  double largest = 1;
  for (int i = o->at.low; i <= o->at.high; i++)
    if (o->known[i]) largest = fmax(largest, fabs(o->at.energy[i]));
  return 4 * DBL_EPSILON * largest;
}

static double weight(const orbit *o, int i, int j) { return exp(o->at.energy[j] - o->at.energy[i]); }

/* A difference, and what rounding may make of it; both relative to w_j. */
typedef struct {
  double off, allowed;
} finding;

static finding flow_at(const orbit *o, int j) {
  double flow = 0, doubt = 0;
  for (int i = o->at.low; i <= o->at.high; i++)
    if (o->known[i] && o->K[i][j] > 0) {
      flow += weight(o, i, j) * o->K[i][j];
      doubt += weight(o, i, j) * o->doubt[i][j];
    }
  return (finding){fabs(flow - 1), rounding(o) * doubt};
}

static finding balance_at(const orbit *o, int i, int j) {
  double ratio = weight(o, i, j);
  return (finding){fabs(ratio * o->K[i][j] - o->K[j][i]),
                   rounding(o) * (ratio * o->doubt[i][j] + o->doubt[j][i])};
}

/* Keeps the worst of what rounding does not explain, and the most that it was allowed. */
static void note(finding f, double *worst, double *allowed, char *at, const char *where) {
  double beyond = f.off <= f.allowed ? 0 : f.off - f.allowed;
  *allowed = fmax(*allowed, f.allowed);
  if (beyond <= *worst) return;
  *worst = beyond;
  strcpy(at, where);
}

static void judge(const orbit *o, tally *t) {
  t->orbits++;
  for (int j = SIDE; j < SIDE + COLUMNS && j <= o->at.high; j++) {
    if (o->at.energy[j] > o->at.lowest + JUDGED_ENERGY) continue;
    t->states++;
    note(flow_at(o, j), &t->flow, &t->allowed, t->flow_at, t->where);
    for (int i = o->at.low; i <= o->at.high; i++)
      if (o->known[i]) note(balance_at(o, i, j), &t->balance, &t->allowed, t->balance_at, t->where);
  }
}

/* ---- all orbits ------------------------------------------------------------------------------ */

/* A warm-up on an awkward trial may be hopeless, so it happens on the first of that dimension, which is
 * gentle; then the trial becomes the target and the tuning that of the orbit. */
static borel_status open_rig(borel_rig *rig, const borel_examination *e, const borel_configuration *c,
                             const borel_trial *trial) {
  borel_windows plan = borel_windows_plan(0, frozen_phase);
  const borel_trial *gentle = borel_continuous_trials;
  while (gentle->D != trial->D) gentle++;
  if (trial->K) gentle = trial;
  borel_status status = borel_rig_open(rig, e->component, borel_configuration_args(c), gentle, &plan);
  if (status == BOREL_OK) rig->target = borel_trial_open(trial);
  return status;
}

/* Returns 0 when the kernel is not for such a trial. */
static int one_orbit(const borel_examination *e, const borel_configuration *c, orbit *o, size_t n, tally *t) {
  borel_rig rig;
  borel_examination_doing(e, "the orbit %s", t->where);
  memset(o->known, 0, sizeof o->known);
  o->reach = 0;
  borel_status status = open_rig(&rig, e, c, o->at.trial);
  int fine = status == BOREL_OK && borel_orbit_metric(&o->at, &rig, n);
  if (fine && borel_orbit_lay(&o->at)) {
    fine = build(&rig, o, &t->paths);
    if (fine) judge(o, t);
  }
  if (!fine && !e->component->params && !strcmp(rig.error.message, too_long))
    t->too_long = 1;
  else if (!fine && status != BOREL_ARG)
    snprintf(t->wrong, sizeof t->wrong, "%.200s; on %s", rig.error.message, t->where);
  borel_rig_close(&rig);
  return status != BOREL_ARG && !t->too_long;
}

/* Start n of a trial: near its own. */
static void start(orbit *o, const borel_trial *trial, size_t n) {
  borel_error error = {0};
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(1), trial->name), 0, n, 0, &error);
  o->at.trial = trial;
  o->at.step = trial->steps[n % 3] * exp(0.2 * rng.rng.ops->normal(&rng.rng));
  for (size_t d = 0; d < trial->D; d++) {
    double scale = fabs(trial->u[d]);
    o->at.q[SIDE][d] = trial->u[d] + 0.4 * scale * rng.rng.ops->normal(&rng.rng);
    o->at.n[SIDE][d] = rng.rng.ops->normal(&rng.rng);
  }
  if (borel_trial_density(trial, o->at.q[SIDE], trial->z, NULL) == -INFINITY)
    memcpy(o->at.q[SIDE], trial->u, sizeof trial->u);
}

/* Of a kernel on ellipses, which then draws among these; a state of its orbit every 2 pi / angles. */
static double angles_of(size_t n) { return n % 3 ? 7 : 4; }

/* Integers at most 3, so that trajectories are short; on one orbit 4, where the third doubling has a
 * successor (a million paths). The limit of energies is that of the kernel, or one that orbits meet. */
static void configure(const borel_examination *e, size_t number, size_t trial, size_t n,
                      borel_configuration *c) {
  static const double limits[] = {0, 2, 0.5};
  borel_configuration_copy(c, &e->configurations[number]);
  borel_configuration_shorten(c, e->component, trial == 0 && n == 6 ? 4 : 3);
  double limit = limits[n / 2 % 3];
  if (limit > 0) borel_configuration_number(c, e->component, "max_energy_error", limit);
  borel_configuration_number(c, e->component, "angles", angles_of(n));
}

/* Of each trial, shared out among the configurations. */
enum { ORBITS_PER_TRIAL = 24, LEAST_ORBITS = 6 };

static void one_configuration(const borel_examination *e, size_t number, orbit *o, tally *t) {
  size_t shared = ORBITS_PER_TRIAL / e->count, orbits = shared > LEAST_ORBITS ? shared : LEAST_ORBITS;
  for (size_t k = 0; k <= borel_continuous_trial_count; k++)
    for (size_t n = number * orbits; n < (number + 1) * orbits; n++) {
      const borel_trial *trial =
          k < borel_continuous_trial_count ? &borel_continuous_trials[k] : &borel_held_trial;
      e->findings->judged[number] = BOREL_JUDGED;
      if (*t->wrong || t->too_long || t->flow > TOLERANCE) return; /* one counterexample is enough */
      borel_configuration c;
      configure(e, number, k, n, &c);
      start(o, trial, n);
      o->at.angles = (size_t)angles_of(n);
      snprintf(t->where, sizeof t->where, "%s, start %zu, step size %g, with %s", o->at.trial->name, n,
               o->at.step, c.text);
      if (!one_orbit(e, &c, o, n, t)) break;
    }
}

static void report(const borel_examination *e, const char *method, const tally *t) {
  if (t->too_long && !*t->wrong) {
    borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_PRESERVES, method,
                          "%s, on %s; give its parts parameters for shorter ones", too_long, t->where);
    return;
  }
  if (!*t->wrong && !t->states) return;
  int flows = t->flow <= TOLERANCE, balanced = t->balance <= TOLERANCE;
  if (*t->wrong) {
    borel_examination_row(e, BOREL_FAILS, BOREL_CLAIM_PRESERVES, method, "%s", t->wrong);
    if (e->component->claims.flags & BOREL_REVERSIBLE)
      borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_REVERSIBLE, method,
                            "the check ended at a failure");
    return;
  }
  borel_examination_row(e, flows ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_PRESERVES, method,
                        "max |w K - w| / w = %.1e%s%s, at %zu states of %zu orbits, %zu paths, tolerance "
                        "%.0e beyond rounding (%.1e at most)",
                        t->flow, flows ? "" : " on ", flows ? "" : t->flow_at, t->states, t->orbits, t->paths,
                        TOLERANCE, t->allowed);
  if (e->component->claims.flags & BOREL_REVERSIBLE)
    borel_examination_row(
        e, balanced ? BOREL_HOLDS : BOREL_FAILS, BOREL_CLAIM_REVERSIBLE, method,
        "max |w_i K_ij - w_j K_ji| / w_j = %.1e%s%s, over %zu orbits, tolerance %.0e beyond rounding",
        t->balance, balanced ? "" : " on ", balanced ? "" : t->balance_at, t->orbits, TOLERANCE);
}

void borel_examine_orbits(const borel_examination *e) {
  static const struct {
    uint32_t check;
    const char *method;
  } flows[BOREL_FLOWS] = {[BOREL_FLOW_LEAPFROG] = {BOREL_CHECK_ORBIT, "orbit"},
                          [BOREL_FLOW_ISOKINETIC] = {BOREL_CHECK_ISOKINETIC, "isokinetic"},
                          [BOREL_FLOW_ELLIPSE] = {BOREL_CHECK_ELLIPSE, "ellipse"}};
  orbit *o = malloc(sizeof *o);
  for (int flow = 0; o && flow < BOREL_FLOWS; flow++) {
    if (!(e->component->claims.checks & flows[flow].check)) continue;
    if (e->findings->remembers) {
      borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_PRESERVES, flows[flow].method,
                            "its steps depend on its state, so that a point is no state of the chain");
      continue;
    }
    tally t = {0};
    o->at.flow = (borel_flow)flow;
    for (size_t i = 0; i < e->count; i++) one_configuration(e, i, o, &t);
    report(e, flows[flow].method, &t);
  }
  free(o);
}
