/* SPDX-License-Identifier: MIT */
#include "core/interrupt.h"

#include <stdatomic.h>

static atomic_int wanted; /* lock-free, so that a signal handler may set it */

void borel_interrupt(void) { atomic_store(&wanted, 1); }
int borel_interrupted(void) { return atomic_load(&wanted); }
