/* SPDX-License-Identifier: MIT
 * A test in rounds that rejects a true hypothesis with probability at most alpha, and spends large samples on
 * doubtful cases only (Gandy and Scott 2020, arXiv:2001.06465, algorithm 3). */
#ifndef BOREL_VALIDATE_SEQUENTIAL_H
#define BOREL_VALIDATE_SEQUENTIAL_H

#include <stddef.h>

enum { BOREL_ROUNDS = 7, BOREL_ROUND_GROWTH = 4 /* of n, after the first round */ };

typedef struct {
  int rejected;
  size_t round, n; /* of the last one, from 1 */
  double q;        /* of the last round */
} borel_sequence;

/* `test` draws a fresh sample of size n and returns q, which is below x with probability at most x when the
 * hypothesis holds (number of p-values times the smallest); NaN ends the test without rejection. */
borel_sequence borel_sequential(double alpha, size_t n, double (*test)(void *self, size_t round, size_t n),
                                void *self);

/* The q at which round 1 rejects, and at which it calls for a second round. */
void borel_sequential_levels(double alpha, double *reject, double *doubt);

#endif
