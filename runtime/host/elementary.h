/* SPDX-License-Identifier: MIT
 * borel_elementary: exponentials and logarithms of arrays. */
#ifndef BOREL_HOST_ELEMENTARY_H
#define BOREL_HOST_ELEMENTARY_H

#include <borel/plugin.h>

extern const borel_elementary borel_elementary_table;

#endif
