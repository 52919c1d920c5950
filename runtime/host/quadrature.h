/* SPDX-License-Identifier: MIT
 * borel_quadrature: weights of polynomials against exponentials and other functions. */
#ifndef BOREL_HOST_QUADRATURE_H
#define BOREL_HOST_QUADRATURE_H

#include <borel/plugin.h>

extern const borel_quadrature borel_quadrature_table;

#endif
