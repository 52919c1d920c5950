/* SPDX-License-Identifier: MIT
 * Dormand and Prince's method of order 5(4) (J. Comput. Appl. Math. 6, 1980), with the step-size control and
 * the interpolation of order 4 of Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I
 * (2nd ed., II.4 to II.6): steps follow the error, whatever the times that are asked for.
 *
 * The error control sees the states alone. So the solution, bit for bit, does not depend on whether
 * sensitivities are wanted, and these are the derivatives of the very numbers that are returned, the step
 * sizes held constant (Bock 1981): the gradient belongs to the log-density. Their own error is of the order
 * of the tolerance. Since nothing waits for them, they are computed after a step is accepted. */
#include "compile/ode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STAGES = 7 };

static const double nodes[STAGES] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
static const double steps[STAGES][STAGES] = {
    {0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};
/* Order 5 less order 4. */
static const double errors[STAGES] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                      -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
/* Of the interpolation. */
static const double dense[STAGES] = {-12715105075.0 / 11282082432.0,  0,
                                     87487479700.0 / 32700410799.0,   -10690763975.0 / 1880347072.0,
                                     701980252875.0 / 199316789632.0, -1453857185.0 / 822651844.0,
                                     69997945.0 / 29380423.0};

/* One solution on its way. Stage 7 of a step is stage 1 of the next: the pointers change places. */
typedef struct {
  const borel_ode_problem *p;
  size_t n, columns, parameters;
  double t, h, last_error; /* last_error: what the controller remembers */
  double *y, *next;        /* [n] */
  double *k[STAGES];       /* dy/dt [n] */
  double *jy[STAGES];      /* [n, n] by columns */
  double *jp[STAGES];      /* [parameters, n] */
  double *s, *stage;       /* sensitivities [n, columns] */
  double *ds[STAGES];      /* their derivatives [n, columns] */
} run;

size_t borel_ode_work(size_t n, size_t columns, size_t parameters) {
  size_t states = n * (2 + STAGES);
  return columns ? states + STAGES * (n * n + n * parameters) + (2 + STAGES) * n * columns : states;
}

static void lay_out(run *r) {
  double *at = r->p->work;
  r->y = at, at += r->n;
  r->next = at, at += r->n;
  for (int i = 0; i < STAGES; i++) r->k[i] = at, at += r->n;
  if (!r->columns) return;
  for (int i = 0; i < STAGES; i++) r->jy[i] = at, at += r->n * r->n;
  for (int i = 0; i < STAGES; i++) r->jp[i] = at, at += r->n * r->parameters;
  r->s = at, at += r->n * r->columns;
  r->stage = at, at += r->n * r->columns;
  for (int i = 0; i < STAGES; i++) r->ds[i] = at, at += r->n * r->columns;
}

/* dy/dt at (t, y), where y lies in the input of the right-hand side, into stage i. */
static void derive(run *r, double t, int i) {
  const borel_ode_problem *p = r->p;
  *p->t = t;
  p->rhs(p->b, p->c, p->n);
  memcpy(r->k[i], p->f, r->n * sizeof(double));
  if (!r->columns) return;
  memcpy(r->jy[i], p->jy, r->n * r->n * sizeof(double));
  if (r->parameters) memcpy(r->jp[i], p->jp, r->n * r->parameters * sizeof(double));
}

static void derive_at(run *r, double t, const double *y, int i) {
  memcpy(r->p->y, y, r->n * sizeof *y);
  derive(r, t, i);
}

/* out = y + h sum_j weights[j] k[j], j < count. */
static void combine(double *restrict out, const double *restrict y, double *const *k, const double *weights,
                    int count, double h, size_t n) {
  memcpy(out, y, n * sizeof *out);
  for (int j = 0; j < count; j++) {
    const double w = h * weights[j], *restrict v = k[j];
    if (w != 0)
      for (size_t i = 0; i < n; i++) out[i] += w * v[i];
  }
}

/* ---- sensitivities --------------------------------------------------------------------------- */

/* ds = J s + df/dp at stage i. Jacobians of many states are mostly zero. */
static void sensitivity_rate(run *r, int i, const double *restrict s) {
  size_t n = r->n, columns = r->columns;
  double *restrict out = r->ds[i];
  memset(out, 0, n * columns * sizeof *out);
  for (size_t j = 0; j < n; j++)
    for (size_t row = 0; row < n; row++) {
      const double slope = r->jy[i][j * n + row];
      if (slope != 0)
        for (size_t q = 0; q < columns; q++) out[row * columns + q] += slope * s[j * columns + q];
    }
  double *forced = out + r->p->parameter_column;
  for (size_t q = 0; q < r->parameters; q++)
    for (size_t row = 0; row < n; row++) forced[row * columns + q] += r->jp[i][q * n + row];
}

/* At t0: dy/dy0 = 1, dy/dt0 = -f(t0, y0). */
static void start_sensitivities(run *r) {
  memset(r->s, 0, r->n * r->columns * sizeof *r->s);
  for (size_t i = 0; i < r->n; i++) {
    if (r->p->y0_column >= 0) r->s[i * r->columns + (size_t)r->p->y0_column + i] = 1;
    if (r->p->t0_column >= 0) r->s[i * r->columns + (size_t)r->p->t0_column] = -r->k[0][i];
  }
  sensitivity_rate(r, 0, r->s);
}

/* The stages of the step that the states took, with the derivatives that were noted on the way. */
static void advance_sensitivities(run *r) {
  for (int i = 1; i < STAGES; i++) {
    combine(r->stage, r->s, r->ds, steps[i], i, r->h, r->n * r->columns);
    sensitivity_rate(r, i, r->stage);
  }
}

/* ---- results --------------------------------------------------------------------------------- */

static void give_up(const borel_ode_problem *p) {
  size_t size = (size_t)(p->times * p->states);
  for (size_t i = 0; p->solution && i < size; i++) p->solution[i] = NAN;
  for (size_t i = 0; p->slopes && i < size; i++) p->slopes[i] = NAN;
  for (size_t i = 0; p->sensitivities && i < size * (size_t)p->columns; i++) p->sensitivities[i] = NAN;
}

/* y(t + theta h) = y + h sum_i weights[i] k_i. */
static void interpolation(double theta, double weights[STAGES]) {
  for (int i = 0; i < STAGES; i++) {
    double b = steps[STAGES - 1][i], first = i == 0, last = i == STAGES - 1;
    double rest = (first - b) + theta * ((2 * b - last - first) + (1 - theta) * dense[i]);
    weights[i] = theta * (b + (1 - theta) * rest);
  }
}

static void write_result(const run *r, size_t at, double h, const double weights[STAGES]) {
  double *states = borel_ode_states(r->p);
  if (states) combine(states + at * r->n, r->y, r->k, weights, STAGES, h, r->n);
  size_t size = r->n * r->columns;
  if (r->columns) combine(r->p->sensitivities + at * size, r->s, r->ds, weights, STAGES, h, size);
}

/* Results at the times of this step, from number `at` on; returns the next. */
static size_t write_results(const run *r, size_t at, double next) {
  for (; at < (size_t)r->p->times && r->p->ts[at] <= next; at++) {
    double weights[STAGES];
    interpolation(r->p->ts[at] >= next ? 1 : (r->p->ts[at] - r->t) / r->h, weights);
    write_result(r, at, r->h, weights);
  }
  return at;
}

/* From the states, in whose place they stand when nobody wants those. */
static void write_slopes(run *r) {
  const borel_ode_problem *p = r->p;
  for (size_t at = 0; p->slopes && at < (size_t)p->times; at++) {
    derive_at(r, p->ts[at], borel_ode_states(p) + at * r->n, 0);
    memcpy(p->slopes + at * r->n, r->k[0], r->n * sizeof(double));
  }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static double scale(const run *r, size_t i, double other) {
  return r->p->abs_tol + r->p->rel_tol * fmax(fabs(r->y[i]), fabs(other));
}

/* Root mean square of v in units of the tolerance. */
static double norm(const run *r, const double *v) {
  double sum = 0;
  for (size_t i = 0; i < r->n; i++) sum += pow(v[i] / scale(r, i, r->y[i]), 2);
  return sqrt(sum / (double)r->n);
}

/* Hairer, Norsett and Wanner, II.4: from the sizes of y, y' and y''. */
static double first_step(run *r, double span) {
  double d0 = norm(r, r->y), d1 = norm(r, r->k[0]);
  double h = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1;
  h = fmin(h, span);
  combine(r->next, r->y, r->k, steps[1], 1, 5 * h, r->n); /* y + h k */
  derive_at(r, r->t + h, r->next, 1);
  for (size_t i = 0; i < r->n; i++) r->next[i] = (r->k[1][i] - r->k[0][i]) / h;
  double most = fmax(d1, norm(r, r->next));
  double other = most <= 1e-15 ? fmax(1e-6, 1e-3 * h) : pow(0.01 / most, 0.2);
  return fmin(fmin(100 * h, other), span);
}

/* All stages of a step of size h; returns its error in units of the tolerance. */
static double try_step(run *r, double next_t) {
  for (int i = 1; i < STAGES; i++) {
    combine(r->p->y, r->y, r->k, steps[i], i, r->h, r->n);
    if (i == STAGES - 1) memcpy(r->next, r->p->y, r->n * sizeof(double));
    derive(r, nodes[i] == 1 ? next_t : r->t + nodes[i] * r->h, i);
  }
  double sum = 0;
  for (size_t i = 0; i < r->n; i++) {
    double e = 0;
    for (int j = 0; j < STAGES; j++) e += errors[j] * r->k[j][i];
    sum += pow(r->h * e / scale(r, i, r->next[i]), 2);
  }
  return sqrt(sum / (double)r->n);
}

static void swap(double **stages) {
  double *last = stages[STAGES - 1];
  stages[STAGES - 1] = stages[0];
  stages[0] = last;
}

static void accept(run *r, double next_t) {
  memcpy(r->y, r->next, r->n * sizeof(double));
  swap(r->k);
  r->t = next_t;
  if (!r->columns) return;
  memcpy(r->s, r->stage, r->n * r->columns * sizeof(double)); /* stage 7 is at the end of the step */
  swap(r->jy);
  swap(r->jp);
  swap(r->ds);
}

/* The PI controller of DOPRI5: alpha = 0.2 - 0.75 beta, beta = 0.04. */
static double growth(run *r, double error, int after_rejection) {
  double factor = 0.9 * pow(fmax(error, 1e-10), -0.17) * pow(r->last_error, 0.04);
  r->last_error = fmax(error, 1e-4);
  return fmin(fmax(factor, 0.2), after_rejection ? 1 : 10);
}

static int integrate(run *r) {
  const borel_ode_problem *p = r->p;
  double end = p->ts[p->times - 1];
  size_t at = 0;
  memcpy(r->y, p->y0, r->n * sizeof(double));
  r->t = *p->t0;
  r->last_error = 1e-4;
  derive_at(r, r->t, r->y, 0);
  if (r->columns) start_sensitivities(r);
  if (p->ts[0] <= r->t) {
    static const double none[STAGES];
    write_result(r, at++, 0, none);
  }
  if (at == (size_t)p->times) return 1;
  double h = first_step(r, end - r->t);
  int rejected = 0;
  for (long long step = 0; step < p->max_steps; step++) {
    int last = r->t + 1.01 * h >= end;
    double next_t = last ? end : r->t + h;
    r->h = next_t - r->t;
    if (!(r->h > 4e-16 * fabs(r->t)) || !(r->h > 0)) return 0;
    double error = try_step(r, next_t);
    if (!(error <= 1)) { /* NaN: beyond where the right-hand side is defined */
      h = r->h * (isfinite(error) ? fmax(0.1, 0.9 * pow(error, -0.17)) : 0.1);
      rejected = 1;
      continue;
    }
    if (r->columns) advance_sensitivities(r);
    at = write_results(r, at, next_t);
    double next_h = r->h * growth(r, error, rejected);
    rejected = 0;
    accept(r, next_t);
    if (at == (size_t)p->times) return 1;
    h = next_h;
  }
  return 0;
}

static int in_order(const borel_ode_problem *p) {
  for (long long i = 0; i < p->times; i++)
    if (!(i ? p->ts[i] > p->ts[i - 1] : p->ts[i] >= *p->t0) || !isfinite(p->ts[i])) return 0;
  return isfinite(*p->t0);
}

static int solve(const borel_ode_problem *p) {
  if (!in_order(p)) return 0;
  if (p->stiff) return borel_ode_solve_stiff(p);
  run r = {.p = p,
           .n = (size_t)p->states,
           .columns = p->sensitivities ? (size_t)p->columns : 0,
           .parameters = (size_t)p->parameters};
  lay_out(&r);
  if (!integrate(&r)) return 0;
  write_slopes(&r);
  return 1;
}

void borel_ode_solve(const borel_ode_problem *p) {
  if (!solve(p)) give_up(p);
}
