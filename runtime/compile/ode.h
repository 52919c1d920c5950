/* SPDX-License-Identifier: MIT
 * Solvers of ordinary differential equations, for the interpreter and for emitted code, each with its form of
 * the right-hand side. */
#ifndef BOREL_COMPILE_ODE_H
#define BOREL_COMPILE_ODE_H

#include <stddef.h>

/* An initial value problem, and where its solution goes. `rhs` leaves dy/dt at (t, y) in f and, when there
 * are columns or the problem is stiff, the derivatives with respect to y in jy (column j: [states] from j *
 * states) and those with respect to the parameters in jp (likewise, with columns only). It may read y and
 * write its results up to whole lanes. Sensitivities are columns: of y0 and of t0 from those places on (-1:
 * none), then of the parameters. This text is also part of emitted code. */
#define BOREL_ODE_PROBLEM                                                                                    \
  typedef struct {                                                                                           \
    long long states, times, columns, parameters, y0_column, t0_column, parameter_column, max_steps, stiff;  \
    double rel_tol, abs_tol;                                                                                 \
    const double *y0, *t0, *ts;                                                                              \
    void (*rhs)(void *const *b, const double *c, const long long *n, double t, const double *y, double *f,   \
                double *jy, double *jp);                                                                     \
    void *const *b;                                                                                          \
    const double *c;                                                                                         \
    const long long *n;                                                                                      \
    const double *values; /* of the parameters, when stiff and with sensitivities */                         \
    double *work;                                                                                            \
    double *solution;      /* [times, states], or NULL */                                                    \
    double *sensitivities; /* [times, states, columns], or NULL */                                           \
    double *slopes;        /* dy/dt there [times, states], or NULL */                                        \
  } borel_ode_problem;
BOREL_ODE_PROBLEM

/* How many numbers `work` holds, for a solver of either kind. */
size_t borel_ode_work(long long states, long long columns, long long parameters, int stiff);

/* Solves it: Dormand-Prince 5(4), or BDF by SUNDIALS where `stiff`. Where there is no solution (times out of
 * order, a right-hand side that is NaN, too many steps) all results are NaN. */
void borel_ode_solve(const borel_ode_problem *);
/* The first of these, compiled for processors with fused multiply-add. */
void borel_ode_solve_fma(const borel_ode_problem *);

/* Is the solver for stiff problems part of this build? */
int borel_ode_has_stiff(void);
/* The other solver. Returns 0 when it fails. */
int borel_ode_solve_stiff(const borel_ode_problem *);

#endif
