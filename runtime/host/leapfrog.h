/* SPDX-License-Identifier: MIT
 * The services of the same names in borel_hamiltonian. */
#ifndef BOREL_HOST_LEAPFROG_H
#define BOREL_HOST_LEAPFROG_H

#include <borel/plugin.h>

borel_status borel_place_load(borel_target *, borel_point *, const borel_metric *, borel_place *,
                              borel_error *);
void borel_place_refresh(borel_rng *, const borel_metric *, borel_place *);
borel_status borel_place_drift(borel_target *, const borel_point *, const borel_metric *, const borel_place *,
                               const double *velocity, double step, borel_place *, borel_error *);
borel_status borel_place_leapfrog(borel_target *, const borel_point *, const borel_metric *,
                                  const borel_place *, double step, borel_place *, borel_error *);

#endif
