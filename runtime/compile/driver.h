/* SPDX-License-Identifier: MIT
 * The compiler driver and its cache. Emitted text becomes a shared object through the system's C
 * compiler, is kept in a private folder under a name that is the hash of everything that went into it,
 * and is loaded by descriptor. */
#ifndef BOREL_COMPILE_DRIVER_H
#define BOREL_COMPILE_DRIVER_H

#include <borel/plugin.h>

typedef void (*borel_native_function)(void *const *slots, const double *constants, const long long *extents);

/* The compiler as the engine id spells it ("gcc 12.2.0 -O2 ..."), or NULL when there is none: BOREL_CC,
 * else cc. `optimise` is 1 or 2. The text lives as long as the process. */
const char *borel_compiler_text(int optimise);

/* Compiles `source` (or finds it in the cache) and looks up names[count]. *compiled (may be NULL) tells
 * whether the compiler ran. Limits for the compiler: 4 GB, and 120 s or
 * BOREL_CC_SECONDS. On IO errors the message has the
 * first line of what the compiler said. */
borel_status borel_compile(const char *source, int optimise, const char *const *names, size_t count,
                           borel_native_function *functions, int *compiled, borel_error *);

/* How often this process ran the compiler. */
size_t borel_compile_count(void);

#endif
