/* SPDX-License-Identifier: MIT
 * Leapfrog trajectories and their warm-up, as plugins receive them. */
#ifndef BOREL_HOST_HAMILTONIAN_H
#define BOREL_HOST_HAMILTONIAN_H

#include <borel/plugin.h>

extern const borel_hamiltonian borel_hamiltonian_table;

#endif
