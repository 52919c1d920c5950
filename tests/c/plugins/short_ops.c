/* SPDX-License-Identifier: MIT */
/* An ops table that ends before `step`. */
#include "skeleton.h"

static const borel_kernel_ops ops = {.size = offsetof(borel_kernel_ops, step),
                                     .create = skeleton_create,
                                     .destroy = skeleton_destroy,
                                     .step = skeleton_step};
SKELETON_COMPONENT(BOREL_KERNEL, "short-ops", &ops);
SKELETON_ENTRY(BOREL_ABI, 1);
