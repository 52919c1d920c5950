/* SPDX-License-Identifier: MIT */
#include "core/processor.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int has_fma;

static void look(void) {
  const char *chosen = getenv("BOREL_BASELINE");
  has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
            __builtin_cpu_supports("bmi2") && (!chosen || !*chosen || strcmp(chosen, "0") == 0);
}

int borel_processor_has_fma(void) {
  pthread_once(&once, look);
  return has_fma;
}

const char *borel_processor_flag(void) {
  return borel_processor_has_fma() ? "-march=x86-64-v3" : "-march=x86-64";
}
#else
int borel_processor_has_fma(void) {
#if defined(__ARM_FEATURE_FMA)
  return 1;
#else
  return 0;
#endif
}

const char *borel_processor_flag(void) { return "-O2"; }
#endif
