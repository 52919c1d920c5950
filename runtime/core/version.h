/* SPDX-License-Identifier: MIT
 * Which Borel this is. */
#ifndef BOREL_CORE_VERSION_H
#define BOREL_CORE_VERSION_H

const char *borel_version(void);  /* "0.1.0" */
const char *borel_build_id(void); /* 16 hex digits of a hash of the runtime's sources and flags */

#endif
