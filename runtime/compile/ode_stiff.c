/* SPDX-License-Identifier: MIT
 * Stiff problems: the solver is not part of this build. */
#include "compile/ode.h"

int borel_ode_has_stiff(void) { return 0; }

int borel_ode_solve_stiff(const borel_ode_problem *p) {
  (void)p;
  return 0;
}
