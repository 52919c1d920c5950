/* SPDX-License-Identifier: MIT
 * The loops of elementwise operations, made from ops.def: a table named ROWS; and functions of arrays, named
 * by MANY, that emitted code calls. Included by rows.c and,
 * compiled for processors with fused multiply-add, by rows_fma.c. */
#include <math.h>

#include "graph/rows.h"
#include "graph/special_functions.h"

/* Nobody reads the floating-point flags, so loops with choices in them may become vector code. */
#ifndef __clang__
#pragma GCC optimize("no-trapping-math", "vect-cost-model=unlimited")
#endif

#define SPECIAL(name, ...) __VA_ARGS__
#define LOOP_FUNCTION inline __attribute__((always_inline))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-equal"
#include "graph/special.h"
#pragma GCC diagnostic pop

/* The positive form of all, then the function of any arguments for those that are NaN. `odd` stays 0 while
 * all are finite: a comparison would be no vector code on the baseline. */
#define MANY1(name)                                                                                          \
  void MANY(name)(long long n, const double *restrict a, double *restrict y) {                               \
    unsigned long long odd = 0;                                                                              \
    for (long long i = 0; i < n; i++) {                                                                      \
      y[i] = borel_positive_##name(a[i]);                                                                    \
      odd |= borel_bits(y[i] - y[i]);                                                                        \
    }                                                                                                        \
    for (long long i = 0; odd && i < n; i++)                                                                 \
      if (y[i] != y[i]) y[i] = borel_##name##_anywhere(a[i]);                                                \
  }
#define MANY2(name)                                                                                          \
  void MANY(name)(long long n, const double *restrict a, const double *restrict b, double *restrict y) {     \
    unsigned long long odd = 0;                                                                              \
    for (long long i = 0; i < n; i++) {                                                                      \
      y[i] = borel_positive_##name(a[i], b[i]);                                                              \
      odd |= borel_bits(y[i] - y[i]);                                                                        \
    }                                                                                                        \
    for (long long i = 0; odd && i < n; i++)                                                                 \
      if (y[i] != y[i]) y[i] = borel_##name##_anywhere(a[i], b[i]);                                          \
  }
BOREL_MANY(MANY1, MANY2)

#define TYPE_D double
#define TYPE_I int64_t

#define ELEMENTWISE1(NAME, lua, R, A, expression, da)                                                        \
  static void row_##NAME(size_t n, const void *pa, size_t sa, const void *pb, size_t sb, const void *pc,     \
                         size_t sc, void *out) {                                                             \
    (void)pb, (void)sb, (void)pc, (void)sc;                                                                  \
    for (size_t i = 0; i < n; i++) {                                                                         \
      TYPE_##A a = ((const TYPE_##A *)pa)[i * sa];                                                           \
      ((TYPE_##R *)out)[i] = (TYPE_##R)(expression);                                                         \
    }                                                                                                        \
  }
#define ELEMENTWISE2(NAME, lua, R, A, B_, expression, da, db)                                                \
  static void row_##NAME(size_t n, const void *pa, size_t sa, const void *pb, size_t sb, const void *pc,     \
                         size_t sc, void *out) {                                                             \
    (void)pc, (void)sc;                                                                                      \
    for (size_t i = 0; i < n; i++) {                                                                         \
      TYPE_##A a = ((const TYPE_##A *)pa)[i * sa];                                                           \
      TYPE_##B_ b = ((const TYPE_##B_ *)pb)[i * sb];                                                         \
      ((TYPE_##R *)out)[i] = (TYPE_##R)(expression);                                                         \
    }                                                                                                        \
  }
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, expression, da, db, dc)                                        \
  static void row_##NAME(size_t n, const void *pa, size_t sa, const void *pb, size_t sb, const void *pc,     \
                         size_t sc, void *out) {                                                             \
    for (size_t i = 0; i < n; i++) {                                                                         \
      TYPE_##A a = ((const TYPE_##A *)pa)[i * sa];                                                           \
      TYPE_##B_ b = ((const TYPE_##B_ *)pb)[i * sb];                                                         \
      TYPE_##C_ c = ((const TYPE_##C_ *)pc)[i * sc];                                                         \
      ((TYPE_##R *)out)[i] = (TYPE_##R)(expression);                                                         \
    }                                                                                                        \
  }
#include "graph/ops.def"

const borel_row_function ROWS[BOREL_OP_COUNT] = {
#define ELEMENTWISE1(NAME, lua, R, A, e, da) [BOREL_OP_##NAME] = row_##NAME,
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db) [BOREL_OP_##NAME] = row_##NAME,
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc) [BOREL_OP_##NAME] = row_##NAME,
#include "graph/ops.def"
};
