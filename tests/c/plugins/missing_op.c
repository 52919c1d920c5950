/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

static const borel_kernel_ops ops = {.size = sizeof ops, .create = skeleton_create, .step = skeleton_step};
SKELETON_COMPONENT(BOREL_KERNEL, "missing-op", &ops);
SKELETON_ENTRY(BOREL_ABI, 1);
