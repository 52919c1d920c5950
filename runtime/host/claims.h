/* SPDX-License-Identifier: MIT
 * Claims as text. */
#ifndef BOREL_HOST_CLAIMS_H
#define BOREL_HOST_CLAIMS_H

#include "core/text.h"
#include <borel/plugin.h>

/* Appends for example "preserves the target exactly; reversible; checks: matrix", and the note. */
void borel_claims_text(const borel_claims *, borel_text *);

/* Must the kernel be taken for one that leaves discrete coordinates where they are? It says so, or is checked
 * along flows of u: one that was built before there was BOREL_LEAVES_Z has no other way to say it. */
int borel_claims_leaves_z(const borel_claims *);

#endif
