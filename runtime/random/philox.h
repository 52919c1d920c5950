/* SPDX-License-Identifier: MIT
 * Philox4x32-10: a keyed bijection of 128-bit counters whose outputs are the run's random words.
 * Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; known answers from
 * the authors' Random123. */
#ifndef BOREL_RANDOM_PHILOX_H
#define BOREL_RANDOM_PHILOX_H

#include <stdint.h>

#define BOREL_PHILOX_M0 0xD2511F53u
#define BOREL_PHILOX_M1 0xCD9E8D57u
#define BOREL_PHILOX_W0 0x9E3779B9u /* golden ratio */
#define BOREL_PHILOX_W1 0xBB67AE85u /* sqrt(3) - 1 */
#define BOREL_PHILOX_ROUNDS 10

/* out = Philox(counter) under a 64-bit key, whose low half is Random123's key word 0. out may be counter. */
void borel_philox(uint64_t key, const uint32_t counter[4], uint32_t out[4]);

#endif
