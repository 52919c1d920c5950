/* SPDX-License-Identifier: MIT
 * What a solver is told: borel_plan, and whether it may be asked at all. */
#include "core/error.h"
#include "diffuse/tape.h"
#include "host/services.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  borel_plan plan; /* first: the pointer that solvers have */
  borel_path path;
  borel_level levels[];
} planned;

static const borel_path *path_of(const borel_plan *plan) { return &((const planned *)plan)->path; }

static void at_lambda(const borel_plan *plan, double lambda, borel_level *level) {
  borel_path_at_lambda(path_of(plan), lambda, level);
}

static void at_time(const borel_plan *plan, double t, borel_level *level) {
  borel_path_at_time(path_of(plan), t, level);
}

static void slopes(const borel_plan *plan, double t, double *alpha, double *sigma) {
  borel_path_slopes(path_of(plan), t, alpha, sigma);
}

borel_plan *borel_plan_create(const borel_path *path, size_t D, size_t points, const borel_level *levels,
                              borel_error *error) {
  planned *made =
      points < SIZE_MAX / sizeof(borel_level) / 2 ? malloc(sizeof *made + points * sizeof *levels) : NULL;
  if (!made) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for a plan of %zu levels", points);
    return NULL;
  }
  memcpy(made->levels, levels, points * sizeof *levels);
  made->path = *path;
  made->plan = (borel_plan){.size = sizeof made->plan,
                            .D = D,
                            .points = points,
                            .levels = made->levels,
                            .degrees = path->degrees,
                            .at_lambda = at_lambda,
                            .at_time = at_time,
                            .slopes = slopes,
                            .host = borel_host_table()};
  return &made->plan;
}

void borel_plan_destroy(borel_plan *plan) { free(plan); }

borel_status borel_solver_suits(const borel_solver *solver, const borel_plan *plan, borel_error *error) {
  const char *name = solver->component->name;
  borel_solver_claims claims = {.size = sizeof claims};
  solver->ops->claims(solver->self, &claims);
  int rising_noise = plan->levels[plan->points - 1].lambda < plan->levels[0].lambda;
  if (plan->degrees > 0 && claims.flags & BOREL_STOCHASTIC)
    return borel_fail(
        error, BOREL_ARG,
        "%s draws noise, but the noise of this process has a Student t law, whose reverse has none; use a "
        "solver without noise",
        name);
  if (rising_noise && claims.flags & (BOREL_STOCHASTIC | BOREL_ONE_WAY))
    return borel_fail(error, BOREL_ARG, "%s goes to less noise only, but lambda falls from %g to %g", name,
                      plan->levels[0].lambda, plan->levels[plan->points - 1].lambda);
  return BOREL_OK;
}
