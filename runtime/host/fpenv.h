/* SPDX-License-Identifier: MIT
 * The floating-point environment, which foreign code must leave as it found it. */
#ifndef BOREL_HOST_FPENV_H
#define BOREL_HOST_FPENV_H

/* Control bits of this thread (rounding, traps, flush-to-zero), without the sticky exception flags; a
 * constant where the processor is not x86. */
unsigned borel_fpenv_get(void);
void borel_fpenv_set(unsigned);
/* What differs, in words ("flush-to-zero is on"); NULL when nothing does. */
const char *borel_fpenv_difference(unsigned before, unsigned after);

#endif
