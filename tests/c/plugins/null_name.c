/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT(BOREL_KERNEL, NULL, &skeleton_ops);
SKELETON_ENTRY(BOREL_ABI, 1);
