/* SPDX-License-Identifier: MIT */
/* Loads well, and turns flush-to-zero on when an instance is made. */
#include "skeleton.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040u);
#endif
  return skeleton_create(host, values, self, error);
}

static const borel_kernel_ops ops = {
    .size = sizeof ops, .create = create, .destroy = skeleton_destroy, .step = skeleton_step};
SKELETON_COMPONENT(BOREL_KERNEL, "flush-later", &ops);
SKELETON_ENTRY(BOREL_ABI, 1);
