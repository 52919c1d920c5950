/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT("kernel/0", "absurd-count", &skeleton_ops);
SKELETON_ENTRY(BOREL_ABI, (size_t)1 << 40);
