/* SPDX-License-Identifier: MIT */
#define ROWS borel_rows
#define MANY(name) borel_many_##name
#include "graph/rows_text.h"
