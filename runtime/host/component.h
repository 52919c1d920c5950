/* SPDX-License-Identifier: MIT
 * Is a component well formed? */
#ifndef BOREL_HOST_COMPONENT_H
#define BOREL_HOST_COMPONENT_H

#include <borel/plugin.h>

/* Checks what a plugin declares: kind, names, claims, parameters, ops table, fields. After it the host may
 * rely on all of them. Errors: ARG, one sentence that names the component where it has a name. */
borel_status borel_component_check(const borel_component *, borel_error *);

/* Is this a name that a component may have: 1 to 64 of a-z, 0-9 and '-'? */
int borel_component_named(const char *name);

#endif
