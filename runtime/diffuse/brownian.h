/* SPDX-License-Identifier: MIT
 * One Brownian path for each sample and coordinate, on the scale of lambda: a function of the seed alone, so
 * that runs with other grids see the same path. */
#ifndef BOREL_DIFFUSE_BROWNIAN_H
#define BOREL_DIFFUSE_BROWNIAN_H

#include <stddef.h>
#include <stdint.h>

/* out [rows, D]: the increment of the paths of samples first, first + 1, ... from one lambda to another, over
 * the square root of their distance: a standard normal. Places are held to [-32, 32] and rounded to multiples
 * of 2^-20; increments over intervals that do not overlap are independent. */
void borel_brownian_increment(uint64_t seed, uint64_t first, size_t rows, size_t D, double from, double to,
                              double *out);

#endif
