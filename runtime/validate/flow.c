/* SPDX-License-Identifier: MIT */
#include "validate/flow.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A step that shrinks the sphere of directions magnifies rounding errors as much, seen from its other end.
 * Near the states that are judged none may do so more than MOST_STRAIN times: the cube of that, for three
 * steps, times 1e-16 is below the tolerance. */
#define MOST_STRAIN 15.0
enum { NEAR = 8 };

/* ---- metric ---------------------------------------------------------------------------------- */

static void write_field(borel_rig *rig, const char *name, const double *values, size_t count) {
  double *field = borel_rig_tuning(rig, name, count);
  if (field) memcpy(field, values, count * sizeof *field);
}

/* L = diag(scale) B */
static void scale_rows(borel_orbit *o, const double *scale) {
  for (size_t i = 0; i < o->trial->D; i++)
    for (size_t j = 0; j < o->trial->D; j++) o->L[i][j] *= scale[i];
}

/* B lower triangular, as far from symmetric as from diagonal. */
static void take_root(borel_orbit *o, double *root) {
  size_t D = o->trial->D;
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++)
      root[i * D + j] = o->L[i][j] = i == j ? 0.8 + 0.3 * (double)i : i > j ? 0.5 - 0.9 * (double)j : 0;
}

/* B = I + (stretch - 1) v v', v a unit vector that lies along no axis. */
static void take_direction(borel_orbit *o, borel_rig *rig, double *rank) {
  static const double along[BOREL_TRIAL_MAX] = {0.6, -0.7, 0.4};
  size_t D = o->trial->D;
  double norm = 0, v[BOREL_TRIAL_MAX], stretch = 1.8;
  const borel_block_field *rows = borel_block_find(rig->blocks.tuning, "directions"),
                          *lengths = borel_block_find(rig->blocks.tuning, "stretch");
  for (size_t i = 0; i < D; i++) norm += along[i] * along[i];
  for (size_t i = 0; i < D; i++) v[i] = along[i] / sqrt(norm);
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++) o->L[i][j] += (stretch - 1) * v[i] * v[j];
  *rank = 1;
  memcpy(rows->data, v, D * sizeof *v);
  memcpy(lengths->data, &stretch, sizeof stretch);
}

int borel_orbit_metric(borel_orbit *o, borel_rig *rig, size_t n) {
  size_t D = o->trial->D;
  double scale[BOREL_TRIAL_MAX];
  memset(o->L, 0, sizeof o->L);
  for (size_t d = 0; d < D; d++) {
    o->L[d][d] = 1;
    scale[d] = n % 2 ? 1 : d ? 0.77 : 1.3;
    o->center[d] = o->flow == BOREL_FLOW_ELLIPSE ? 0.3 * o->trial->u[d] : 0;
  }
  double *root = borel_rig_tuning(rig, "root", D * D), *rank = borel_rig_tuning(rig, "rank", 1);
  if (!borel_rig_tuning(rig, "scale", D) ||
      (o->flow != BOREL_FLOW_ELLIPSE ? !borel_rig_tuning(rig, "step_size", 1)
                                     : !borel_rig_tuning(rig, "center", D))) {
    borel_fail(&rig->error, BOREL_INTERNAL, "the check needs tuning fields scale [D] and %s, both F64",
               o->flow == BOREL_FLOW_ELLIPSE ? "center [D]" : "step_size");
    return 0;
  }
  if (root) take_root(o, root);
  if (rank && borel_block_find(rig->blocks.tuning, "directions")) take_direction(o, rig, rank);
  write_field(rig, "scale", scale, D);
  write_field(rig, "step_size", &o->step, 1);
  write_field(rig, "center", o->center, D);
  scale_rows(o, scale);
  return 1;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void push(const borel_orbit *o, const double *y, double step, double *q) {
  for (size_t i = 0; i < o->trial->D; i++)
    for (size_t j = 0; j < o->trial->D; j++) q[i] += step * o->L[i][j] * y[j];
}

/* L' gradient */
static void pull(const borel_orbit *o, const double *gradient, double *force) {
  for (size_t j = 0; j < o->trial->D; j++) {
    force[j] = 0;
    for (size_t i = 0; i < o->trial->D; i++) force[j] += o->L[i][j] * gradient[i];
  }
}

static double dot(size_t D, const double *x, const double *y) {
  double sum = 0;
  for (size_t d = 0; d < D; d++) sum += x[d] * y[d];
  return sum;
}

/* Robnik, De Luca, Silverstein and Seljak 2023 (JMLR 24:311), eq. 16; returns the log of the factor by which
 * the sphere shrinks around n. */
static double turn(size_t D, const double *force, double step, double *n) {
  double size = sqrt(dot(D, force, force)), angle = step * size / (double)(D - 1);
  if (size == 0) return 0;
  /* 1 + cosine, or 1 - cosine backward in time: from lengths, so that no digits are lost where it is small.
   */
  double sign = angle < 0 ? -1 : 1, with = 0;
  for (size_t d = 0; d < D; d++) with += 0.5 * pow(n[d] + sign * force[d] / size, 2);
  double along = dot(D, force, n) / size, shrink = exp(-fabs(angle)) + with * sinh(fabs(angle));
  for (size_t d = 0; d < D; d++)
    n[d] = (n[d] + force[d] / size * (sinh(angle) + along * (cosh(angle) - 1))) / shrink;
  return (double)(D - 1) * log(shrink);
}

/* Half a kick; returns what it adds to the energy by its volume. */
static double kick(const borel_orbit *o, const double *force, double step, double *n) {
  size_t D = o->trial->D;
  if (o->flow == BOREL_FLOW_ISOKINETIC) return turn(D, force, 0.5 * step * sqrt((double)D), n);
  for (size_t d = 0; d < D; d++) n[d] += 0.5 * step * force[d];
  return 0;
}

static double kinetic(const borel_orbit *o, int i) {
  return o->flow == BOREL_FLOW_ISOKINETIC ? 0 : 0.5 * dot(o->trial->D, o->n[i], o->n[i]);
}

/* State `to` from its neighbour; 0 when there is no density. `volume` is what the energy has from volumes. */
static int advance(borel_orbit *o, int from, int to, double step, double *volume) {
  double gradient[BOREL_TRIAL_MAX] = {0}, force[BOREL_TRIAL_MAX];
  size_t D = o->trial->D;
  borel_trial_density(o->trial, o->q[from], o->trial->z, gradient);
  pull(o, gradient, force);
  memcpy(o->n[to], o->n[from], sizeof o->n[to]);
  memcpy(o->q[to], o->q[from], sizeof o->q[to]);
  double first = kick(o, force, step, o->n[to]);
  push(o, o->n[to], o->flow == BOREL_FLOW_ISOKINETIC ? step * sqrt((double)D) : step, o->q[to]);
  double logdensity = borel_trial_density(o->trial, o->q[to], o->trial->z, gradient);
  if (!isfinite(logdensity)) return 0;
  pull(o, gradient, force);
  double second = kick(o, force, step, o->n[to]);
  *volume += first + second;
  o->energy[to] = kinetic(o, to) - logdensity + *volume;
  if (abs(to - BOREL_ORBIT_SIDE) <= NEAR && D > 1)
    o->strain = fmax(o->strain, (fabs(first) + fabs(second)) / (double)(D - 1));
  return isfinite(o->energy[to]) && o->energy[to] <= o->energy[BOREL_ORBIT_SIDE] + BOREL_ORBIT_CUT;
}

/* States from the middle to one end. Returns the last that exists. */
static int extend(borel_orbit *o, int direction) {
  int i = BOREL_ORBIT_SIDE;
  double volume = 0;
  while (i + direction >= 0 && i + direction < BOREL_ORBIT_STATES) {
    if (!advance(o, i, i + direction, direction * o->step, &volume)) return i;
    i += direction;
  }
  return i;
}

/* y with L y = q - center, by elimination: L of these orbits needs no pivots. */
static void solve(const borel_orbit *o, const double *q, double *y) {
  size_t D = o->trial->D;
  double L[BOREL_TRIAL_MAX][BOREL_TRIAL_MAX];
  memcpy(L, o->L, sizeof L);
  for (size_t d = 0; d < D; d++) y[d] = q[d] - o->center[d];
  for (size_t k = 0; k < D; k++)
    for (size_t i = 0; i < D; i++) {
      if (i == k) continue;
      double factor = L[i][k] / L[k][k];
      for (size_t j = k; j < D; j++) L[i][j] -= factor * L[k][j];
      y[i] -= factor * y[k];
    }
  for (size_t k = 0; k < D; k++) y[k] /= L[k][k];
}

/* All states of the ellipse, in order of the angle; some may have no density. */
static void go_round(borel_orbit *o) {
  double y[BOREL_TRIAL_MAX];
  size_t D = o->trial->D;
  solve(o, o->q[BOREL_ORBIT_SIDE], y);
  const double *n = o->n[BOREL_ORBIT_SIDE];
  o->low = BOREL_ORBIT_SIDE;
  o->high = BOREL_ORBIT_SIDE + (int)o->angles - 1;
  for (int i = o->low; i <= o->high; i++) {
    double angle = 2 * acos(-1.0) * (i - o->low) / (double)o->angles, at[BOREL_TRIAL_MAX];
    for (size_t d = 0; d < D; d++) {
      at[d] = y[d] * cos(angle) + n[d] * sin(angle);
      if (i > o->low) o->n[i][d] = n[d] * cos(angle) - y[d] * sin(angle);
    }
    if (i > o->low) {
      memcpy(o->q[i], o->center, sizeof o->q[i]);
      push(o, at, 1, o->q[i]);
    }
    o->energy[i] = kinetic(o, i) - borel_trial_density(o->trial, o->q[i], o->trial->z, NULL);
  }
}

/* ---- the orbit ------------------------------------------------------------------------------- */

static double distance(const borel_orbit *o, int i, const double *q) {
  double worst = 0;
  for (size_t d = 0; d < o->trial->D; d++) worst = fmax(worst, fabs(o->q[i][d] - q[d]) / (1 + fabs(q[d])));
  return worst;
}

int borel_orbit_state_at(const borel_orbit *o, const double *q) {
  int nearest = o->low;
  for (int i = o->low; i <= o->high; i++)
    if (distance(o, i, q) < distance(o, nearest, q)) nearest = i;
  return distance(o, nearest, q) < 1e-7 ? nearest : -1;
}

static int is_ambiguous(const borel_orbit *o) {
  for (int i = o->low; i <= o->high; i++)
    for (int j = i + 1; j <= o->high && j <= i + 2 * BOREL_ORBIT_LONGEST; j++)
      if (distance(o, i, o->q[j]) < 1e-5) return 1;
  return 0;
}

int borel_orbit_lay(borel_orbit *o) {
  o->strain = 0;
  int middle = BOREL_ORBIT_SIDE;
  if (o->flow == BOREL_FLOW_ISOKINETIC) {
    double size = sqrt(dot(o->trial->D, o->n[middle], o->n[middle]));
    for (size_t d = 0; d < o->trial->D; d++) o->n[middle][d] /= size;
  }
  o->energy[middle] = kinetic(o, middle) - borel_trial_density(o->trial, o->q[middle], o->trial->z, NULL);
  if (o->flow == BOREL_FLOW_ELLIPSE) {
    go_round(o);
  } else {
    o->low = extend(o, -1);
    o->high = extend(o, 1);
  }
  if (o->strain > log(MOST_STRAIN)) return 0;
  o->lowest = o->energy[middle];
  for (int i = o->low; i <= o->high; i++) o->lowest = fmin(o->lowest, o->energy[i]);
  return !is_ambiguous(o);
}
