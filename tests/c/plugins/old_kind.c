/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT("kernel/0", "old-kind", &skeleton_ops);
SKELETON_ENTRY(BOREL_ABI, 1);
