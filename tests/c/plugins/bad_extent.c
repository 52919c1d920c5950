/* SPDX-License-Identifier: MIT */
/* A field as long as a parameter that does not exist. */
#include "skeleton.h"

static const borel_field state[] = {{"memory", BOREL_F64, {BOREL_DIM_PARAM(3)}, "as long as what?"}, {0}};
static const borel_kernel_ops ops = {.size = sizeof ops,
                                     .state = state,
                                     .create = skeleton_create,
                                     .destroy = skeleton_destroy,
                                     .step = skeleton_step};
SKELETON_COMPONENT(BOREL_KERNEL, "bad-extent", &ops);
SKELETON_ENTRY(BOREL_ABI, 1);
