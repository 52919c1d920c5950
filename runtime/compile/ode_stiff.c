/* SPDX-License-Identifier: MIT
 * Stiff problems: the backward differentiation formulas of CVODES (SUNDIALS; Hindmarsh and others, ACM Trans.
 * Math. Softw. 31, 2005), variable in order and step, with Newton iteration on the exact Jacobian.
 * Sensitivities are integrated by its staggered method, and as in ode.c the error control sees the states
 * alone. They share Newton matrices with the states, so here the solution with and without them agrees to the
 * tolerance and not to the bit. CVODES keeps its memory from malloc, for one solution at a time. */
#include "compile/ode.h"

#ifndef BOREL_HAVE_SUNDIALS

int borel_ode_has_stiff(void) { return 0; }

int borel_ode_solve_stiff(const borel_ode_problem *p) {
  (void)p;
  return 0;
}

#else

#include <cvodes/cvodes.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdlib.h>
#include <string.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>

int borel_ode_has_stiff(void) { return 1; }

typedef struct {
  const borel_ode_problem *p;
  size_t n, columns;
  double *f, *jy, *jp; /* of the right-hand side */
  SUNContext context;
  void *cvodes;
  N_Vector y, *s;
  SUNMatrix matrix;
  SUNLinearSolver solver;
} run;

static int all_finite(const double *x, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return 0;
  return 1;
}

/* Evaluates the right-hand side; where it is not a number a smaller step may help: 1 asks CVODES for it. */
static int derive(const run *r, double t, N_Vector y) {
  r->p->rhs(r->p->b, r->p->c, r->p->n, t, N_VGetArrayPointer(y), r->f, r->jy, r->jp);
  return !all_finite(r->f, r->n);
}

static int rate(double t, N_Vector y, N_Vector out, void *user) {
  const run *r = user;
  if (derive(r, t, y)) return 1;
  memcpy(N_VGetArrayPointer(out), r->f, r->n * sizeof(double));
  return 0;
}

static int jacobian(double t, N_Vector y, N_Vector f, SUNMatrix J, void *user, N_Vector a, N_Vector b,
                    N_Vector c) {
  (void)f, (void)a, (void)b, (void)c;
  const run *r = user;
  if (derive(r, t, y) || !all_finite(r->jy, r->n * r->n)) return 1;
  memcpy(SUNDenseMatrix_Data(J), r->jy, r->n * r->n * sizeof(double)); /* both are by columns */
  return 0;
}

static int sensitivity_rate(int count, double t, N_Vector y, N_Vector f, N_Vector *s, N_Vector *out,
                            void *user, N_Vector a, N_Vector b) {
  (void)f, (void)a, (void)b;
  const run *r = user;
  if (derive(r, t, y)) return 1;
  for (int q = 0; q < count; q++) {
    const double *from = N_VGetArrayPointer(s[q]);
    double *to = N_VGetArrayPointer(out[q]);
    long long parameter = q - r->p->parameter_column;
    for (size_t i = 0; i < r->n; i++) to[i] = parameter < 0 ? 0 : r->jp[(size_t)parameter * r->n + i];
    for (size_t j = 0; j < r->n; j++)
      for (size_t i = 0; i < r->n; i++) to[i] += r->jy[j * r->n + i] * from[j];
    if (!all_finite(to, r->n)) return 1;
  }
  return 0;
}

/* Nothing is printed: a failure is a result that is NaN. */
static void stay_silent(int code, const char *module, const char *function, char *message, void *user) {
  (void)code, (void)module, (void)function, (void)message, (void)user;
}

/* ---- setting up ------------------------------------------------------------------------------ */

static int start_states(run *r) {
  const borel_ode_problem *p = r->p;
  if (SUNContext_Create(NULL, &r->context)) return 0;
  if (!(r->y = N_VNew_Serial((sunindextype)r->n, r->context))) return 0;
  memcpy(N_VGetArrayPointer(r->y), p->y0, r->n * sizeof(double));
  if (!(r->cvodes = CVodeCreate(CV_BDF, r->context))) return 0;
  if (CVodeSetErrHandlerFn(r->cvodes, stay_silent, NULL)) return 0;
  if (CVodeInit(r->cvodes, rate, *p->t0, r->y)) return 0;
  if (CVodeSStolerances(r->cvodes, p->rel_tol, p->abs_tol) || CVodeSetUserData(r->cvodes, r)) return 0;
  if (!(r->matrix = SUNDenseMatrix((sunindextype)r->n, (sunindextype)r->n, r->context))) return 0;
  if (!(r->solver = SUNLinSol_Dense(r->y, r->matrix, r->context))) return 0;
  if (CVodeSetLinearSolver(r->cvodes, r->solver, r->matrix) || CVodeSetJacFn(r->cvodes, jacobian)) return 0;
  return !CVodeSetStopTime(r->cvodes, p->ts[p->times - 1]);
}

/* The iterations for the sensitivity to a parameter end at abs_tol over its size (CVODES user guide, 5.2.4).
 */
static int start_sensitivities(run *r) {
  const borel_ode_problem *p = r->p;
  if (!r->columns) return 1;
  if (!(r->s = N_VCloneVectorArray((int)r->columns, r->y))) return 0;
  double *tolerances = malloc(r->columns * sizeof *tolerances);
  if (!tolerances || derive(r, *p->t0, r->y)) {
    free(tolerances);
    return 0;
  }
  for (size_t q = 0; q < r->columns; q++) {
    double *s = N_VGetArrayPointer(r->s[q]);
    long long parameter = (long long)q - p->parameter_column, state = (long long)q - p->y0_column;
    double size = parameter >= 0 ? fabs(p->values[parameter]) : 1;
    tolerances[q] = p->abs_tol / (size > 0 && isfinite(size) ? size : 1);
    memset(s, 0, r->n * sizeof *s);
    if (p->y0_column >= 0 && state >= 0 && state < p->states) s[state] = 1;
    if ((long long)q == p->t0_column)
      for (size_t i = 0; i < r->n; i++) s[i] = -r->f[i];
  }
  int failed = CVodeSensInit(r->cvodes, (int)r->columns, CV_STAGGERED, sensitivity_rate, r->s) ||
               CVodeSensSStolerances(r->cvodes, p->rel_tol, tolerances) ||
               CVodeSetSensErrCon(r->cvodes, SUNFALSE) || CVodeSetSensMaxNonlinIters(r->cvodes, 10);
  free(tolerances);
  return !failed;
}

static void finish(run *r) {
  if (r->cvodes) CVodeFree(&r->cvodes);
  if (r->solver) SUNLinSolFree(r->solver);
  if (r->matrix) SUNMatDestroy(r->matrix);
  if (r->s) N_VDestroyVectorArray(r->s, (int)r->columns);
  if (r->y) N_VDestroy(r->y);
  if (r->context) SUNContext_Free(&r->context);
}

/* ---- solving --------------------------------------------------------------------------------- */

static int advance(run *r, double to) {
  long taken = 0;
  double reached = *r->p->t0;
  if (to <= reached) return 1;
  if (CVodeGetNumSteps(r->cvodes, &taken) || taken >= r->p->max_steps) return 0;
  if (CVodeSetMaxNumSteps(r->cvodes, (long)r->p->max_steps - taken)) return 0;
  if (CVode(r->cvodes, to, r->y, &reached, CV_NORMAL) < 0) return 0;
  return !r->columns || CVodeGetSens(r->cvodes, &reached, r->s) >= 0;
}

static int integrate(run *r) {
  const borel_ode_problem *p = r->p;
  for (size_t at = 0; at < (size_t)p->times; at++) {
    if (!advance(r, p->ts[at])) return 0;
    const double *y = N_VGetArrayPointer(r->y);
    if (p->solution) memcpy(p->solution + at * r->n, y, r->n * sizeof *y);
    for (size_t q = 0; q < r->columns; q++) {
      const double *s = N_VGetArrayPointer(r->s[q]);
      for (size_t i = 0; i < r->n; i++) p->sensitivities[(at * r->n + i) * r->columns + q] = s[i];
    }
    if (!p->slopes) continue;
    if (derive(r, p->ts[at], r->y)) return 0;
    memcpy(p->slopes + at * r->n, r->f, r->n * sizeof(double));
  }
  return 1;
}

int borel_ode_solve_stiff(const borel_ode_problem *p) {
  run r = {.p = p, .n = (size_t)p->states, .columns = (size_t)p->columns};
  r.f = p->work;
  r.jy = r.f + r.n;
  r.jp = r.jy + r.n * r.n;
  int done = start_states(&r) && start_sensitivities(&r) && integrate(&r);
  finish(&r);
  return done;
}

#endif
