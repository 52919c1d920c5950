/* SPDX-License-Identifier: MIT
 * Compiled with the flags of x86-64-v3 (CMakeLists.txt); elsewhere the processor is known when rows.c is
 * compiled. */
#include "graph/rows.h"

#if defined(__x86_64__)
#ifndef __FMA__
#error "compile this file with -march=x86-64-v3"
#endif
#define ROWS borel_rows_fma
#define MANY(name) borel_many_##name##_fma
#include "graph/rows_text.h"
#endif
