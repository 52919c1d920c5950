/* SPDX-License-Identifier: MIT
 * Claims as text. */
#ifndef BOREL_HOST_CLAIMS_H
#define BOREL_HOST_CLAIMS_H

#include "core/text.h"
#include <borel/plugin.h>

/* Appends for example "preserves the target exactly; reversible; checks: matrix", and the note. */
void borel_claims_text(const borel_claims *, borel_text *);

#endif
