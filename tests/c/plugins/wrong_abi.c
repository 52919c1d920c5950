/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT(BOREL_KERNEL, "wrong-abi", &skeleton_ops);
SKELETON_ENTRY(4711, 1);
