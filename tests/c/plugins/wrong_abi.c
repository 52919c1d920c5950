/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT("kernel/0", "wrong-abi", &skeleton_ops);
SKELETON_ENTRY(4711, 1);
