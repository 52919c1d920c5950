/* SPDX-License-Identifier: MIT */
#include "host/fpenv.h"

#include <stddef.h>

#if defined(__x86_64__) || defined(__SSE__)
#include <xmmintrin.h>

enum { STICKY = 0x3f, DENORMALS_ARE_ZERO = 0x40, TRAPS = 0x1f80, ROUNDING = 0x6000, FLUSH_TO_ZERO = 0x8000 };

unsigned borel_fpenv_get(void) { return _mm_getcsr() & ~(unsigned)STICKY; }

void borel_fpenv_set(unsigned control) { _mm_setcsr((_mm_getcsr() & STICKY) | control); }

const char *borel_fpenv_difference(unsigned before, unsigned after) {
  unsigned changed = before ^ after;
  if (changed & (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO))
    return after & (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO) ? "turned flush-to-zero on"
                                                        : "turned flush-to-zero off";
  if (changed & ROUNDING) return "changed the rounding mode";
  return changed & TRAPS ? "changed the floating-point traps" : NULL;
}
#else
unsigned borel_fpenv_get(void) { return 0; }
void borel_fpenv_set(unsigned control) { (void)control; }
const char *borel_fpenv_difference(unsigned before, unsigned after) {
  (void)before;
  (void)after;
  return NULL;
}
#endif
