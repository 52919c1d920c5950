/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

void borel_test_nobody_defines_this(void);

static void destroy(const borel_host *host, void *self) {
  skeleton_destroy(host, self);
  borel_test_nobody_defines_this();
}

static const borel_kernel_ops ops = {
    .size = sizeof ops, .create = skeleton_create, .destroy = destroy, .step = skeleton_step};
SKELETON_COMPONENT(BOREL_KERNEL, "undefined-symbol", &ops);
SKELETON_ENTRY(BOREL_ABI, 1);
