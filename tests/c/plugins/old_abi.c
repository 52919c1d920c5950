/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

SKELETON_COMPONENT("kernel/0", "old-abi", &skeleton_ops);
SKELETON_ENTRY(0, 1);
