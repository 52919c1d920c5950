/* SPDX-License-Identifier: MIT */
/* Loads well, but its component has the name of one that Borel ships. */
#include "skeleton.h"

SKELETON_COMPONENT(BOREL_KERNEL, "nuts", &skeleton_ops);
SKELETON_ENTRY(BOREL_ABI, 1);
