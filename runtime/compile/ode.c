/* SPDX-License-Identifier: MIT
 * The solvers that the interpreter calls, and emitted code for stiff problems. */
#include "compile/ode.h"

#include "core/processor.h"

#define ODE_METHOD(...) __VA_ARGS__
#include "compile/ode_method.h"

size_t borel_ode_work(long long n, long long columns, long long parameters, int stiff) {
  if (stiff) return (size_t)(n + n * n + n * parameters);
  long long states = 10 * borel_ode_lanes(n);
  long long jacobians = columns ? borel_ode_lanes(n * n) + borel_ode_lanes(n * parameters) : 0;
  return (size_t)(states + jacobians + 9 * n * ((columns + 3) / 4 * 4));
}

static void solve_stiff(const borel_ode_problem *p) {
  if (!borel_ode_in_order(p) || !borel_ode_solve_stiff(p)) borel_ode_give_up(p);
}

void borel_ode_solve(const borel_ode_problem *p) {
#if defined(__x86_64__)
  if (!p->stiff && borel_processor_has_fma()) {
    borel_ode_solve_fma(p);
    return;
  }
#endif
  if (p->stiff)
    solve_stiff(p);
  else
    borel_ode_dormand_prince(p);
}
