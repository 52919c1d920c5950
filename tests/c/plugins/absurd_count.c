/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT(BOREL_KERNEL, "absurd-count", &skeleton_ops);
SKELETON_ENTRY(BOREL_ABI, (size_t)1 << 40);
