/* SPDX-License-Identifier: MIT */
#include "core/version.h"

#include "build_id.h"

const char *borel_version(void) { return BOREL_PROJECT_VERSION; }

const char *borel_build_id(void) { return BOREL_BUILD_ID; }
