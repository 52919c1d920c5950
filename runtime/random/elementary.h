/* SPDX-License-Identifier: MIT
 * log, exp, and sine and cosine of a turn, from IEEE basic operations only: no branch, no table, no libm. So
 * a scalar call, a vector loop of any width and any IEEE machine give the same bits (compile with
 * -ffp-contract=off, round to nearest). Polynomials are those of fdlibm 5.3 (Sun, freely distributable):
 * e_log.c, e_exp.c, k_sin.c, k_cos.c. Errors below 2 ulp; random_elementary_test.c measures them. */
#ifndef BOREL_RANDOM_ELEMENTARY_H
#define BOREL_RANDOM_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#define BOREL_INLINE static inline __attribute__((always_inline))

BOREL_INLINE uint64_t borel_bits(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

BOREL_INLINE double borel_from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* A random word as an odd multiple of 2^-53 in (0, 1), from its upper 52 bits: never 0 or 1, symmetric
 * about 1/2, and exact. */
BOREL_INLINE double borel_word_uniform(uint64_t word) {
  return borel_from_bits((word >> 12) | 0x3FF0000000000000u) - (1.0 - 0x1p-53);
}

/* Natural logarithm of a positive, normal, finite number. */
BOREL_INLINE double borel_log(double x) {
  const double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
  const double L1 = 6.666666666666735130e-01, L2 = 3.999999999940941908e-01, L3 = 2.857142874366239149e-01;
  const double L4 = 2.222219843214978396e-01, L5 = 1.818357216161805012e-01, L6 = 1.531383769920937332e-01;
  const double L7 = 1.479819860511658591e-01;
  /* x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); the exponent becomes a double by way of 2^52 + k. */
  uint64_t shifted = borel_bits(x) + (0x3FF0000000000000u - 0x3FE6A09E00000000u);
  double k = borel_from_bits(0x4330000000000000u | (shifted >> 52)) - (0x1p52 + 1023.0);
  double f = borel_from_bits((shifted & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E00000000u) - 1.0;
  double s = f / (2.0 + f), z = s * s, w = z * z, half = 0.5 * f * f;
  double even = w * (L2 + w * (L4 + w * L6));
  double odd = z * (L1 + w * (L3 + w * (L5 + w * L7)));
  return s * (half + (even + odd)) + k * ln2_lo - half + f + k * ln2_hi;
}

/* log(1 + x), x > -1, relative error a few ulp also for small x (Kahan's correction). */
BOREL_INLINE double borel_log1p(double x) {
  double u = 1.0 + x, d = u - 1.0;
  return d == 0.0 ? x : borel_log(u) * (x / d);
}

/* e^x; 0 below -745.14, infinity above 709.78. */
BOREL_INLINE double borel_exp(double x) {
  const double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
  const double P1 = 1.66666666666666019037e-01, P2 = -2.77777777770155933842e-03;
  const double P3 = 6.61375632143793436117e-05, P4 = -1.65339022054652515390e-06;
  const double P5 = 4.13813679705723846039e-08;
  double held = x < -800.0 ? -800.0 : x > 800.0 ? 800.0 : x;
  double shift = held * 1.44269504088896338700 + 0x1.8p52; /* x / ln 2 to the nearest integer */
  double k = shift - 0x1.8p52;
  double hi = held - k * ln2_hi, lo = k * ln2_lo, r = hi - lo, t = r * r;
  double c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))));
  double y = 1.0 + (r * c / (2.0 - c) - lo + hi);
  /* 2^k in two factors, so that results below the normal range are reached without a detour by 0. */
  uint64_t n = borel_bits(shift) - borel_bits(0x1.8p52) + 2046, half = n >> 1;
  return y * borel_from_bits(half << 52) * borel_from_bits((n - half) << 52);
}

/* cos(2 pi u) and sin(2 pi u), u in [0, 1]. The quadrant is split off exactly: 4u = q + f, |f| <= 1/2. */
BOREL_INLINE void borel_turn(double u, double *cosine, double *sine) {
  const double S1 = -1.66666666666666324348e-01, S2 = 8.33333333332248946124e-03;
  const double S3 = -1.98412698298579493134e-04, S4 = 2.75573137070700676789e-06;
  const double S5 = -2.50507602534068634195e-08, S6 = 1.58969099521155010221e-10;
  const double C1 = 4.16666666666666019037e-02, C2 = -1.38888888888741095749e-03;
  const double C3 = 2.48015872894767294178e-05, C4 = -2.75573143513906633035e-07;
  const double C5 = 2.08757232129817482790e-09, C6 = -1.13596475577881948265e-11;
  double shift = 4.0 * u + 0x1.8p52;
  double x = (4.0 * u - (shift - 0x1.8p52)) * 1.57079632679489661923;
  uint64_t q = borel_bits(shift);
  double z = x * x, w = z * z;
  double s = x + z * x * (S1 + z * (S2 + z * (S3 + z * S4) + z * w * (S5 + z * S6)));
  double half = 0.5 * z, one = 1.0 - half;
  double c = one + (((1.0 - one) - half) + w * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6))))));
  /* q = 0: (c, s); 1: (-s, c); 2: (-c, -s); 3: (s, -c). */
  uint64_t swap = 0 - (q & 1), cb = borel_bits(c), sb = borel_bits(s);
  *cosine = borel_from_bits(((cb & ~swap) | (sb & swap)) ^ (((q + 1) & 2) << 62));
  *sine = borel_from_bits(((sb & ~swap) | (cb & swap)) ^ ((q & 2) << 62));
}

#endif
