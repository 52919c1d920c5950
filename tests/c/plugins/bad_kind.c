/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT("kernle/0", "bad-kind", &skeleton_ops);
SKELETON_ENTRY(BOREL_ABI, 1);
