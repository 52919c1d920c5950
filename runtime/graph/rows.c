/* SPDX-License-Identifier: MIT */
#define ROWS borel_rows
#include "graph/rows_text.h"
