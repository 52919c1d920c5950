/* SPDX-License-Identifier: MIT
 * Functions that op expressions may use beyond libm. Each stands inside SPECIAL(name, ...), so that one
 * text is compiled into the interpreter and printed into emitted code (which includes no header).
 *
 * exp, ln (natural logarithm) and ln1p are written without branches, so that loops over them become vector
 * code. FMA(a, b, c) is one operation where the processor that code is made for has it, else a product and a
 * sum; compilers may fuse nothing by themselves. So vector, scalar and interpreted results are the same bits
 * on a machine (core/processor.h). LOOP_FUNCTION says how a compiler makes a function part of a vector loop.
 * Largest error over 5 million points of each of several ranges, with FMA and without: exp 0.89 and 0.90 ulp,
 * ln 0.88 and 0.98, ln1p 0.90 and 0.97, ln1p_unit 0.89 and 1.00.
 *
 * exp: x = k ln 2 + r with |r| <= ln 2 / 2 and e^r = 1 + r + r^2 p(r), p of degree 9 the minimax polynomial
 * of the relative error (Remez' exchange in 200 bits, the coefficient 1/2 rounded before the others were
 * fitted; 2^-57.7), in Estrin's order since in a vector loop latency counts. 2^k in two factors, so that
 * results may be subnormal: the integer k + 2046 stands in the low bits of the shifted product, and its
 * halves are the exponents of the factors.
 *
 * ln, ln1p: the scheme of fdlibm (Sun 1993) for 1 + f in [3/4, 3/2): with s = f / (2 + f), ln(1 + f) =
 * f - (f^2/2 - s (f^2/2 + z P(z))), z = s^2 <= 0.04, P of degree 6 by the same exchange (2^-55.9 of the
 * result).
 *
 * lgamma, digamma and trigamma: shift up to x >= 8 by the recurrence, then the asymptotic series
 * (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12), reflection below 0; about 1e-14 relative. */
#ifndef SPECIAL
#error "define SPECIAL(name, ...)"
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

SPECIAL(
    borel_bits, static inline unsigned long long borel_bits(double x) {
      unsigned long long bits;
      __builtin_memcpy(&bits, &x, sizeof bits);
      return bits;
    })

SPECIAL(
    borel_from, static inline double borel_from(unsigned long long bits) {
      double x;
      __builtin_memcpy(&x, &bits, sizeof x);
      return x;
    })

SPECIAL(
    borel_exp, static LOOP_FUNCTION double borel_exp(double x) {
      double z = x > 710.0 ? 710.0 : x;
      z = z < -746.0 ? -746.0 : z;
      double shifted = FMA(z, 1.4426950408889634, 0x1.8p52 + 2046.0), k = shifted - (0x1.8p52 + 2046.0);
      double high = FMA(k, -6.93147180369123816490e-01, z), low = k * 1.90821492927058770002e-10;
      double r = high - low, r2 = r * r, r4 = r2 * r2;
      double p0 = FMA(r2, FMA(r, 0x1.1111111125306p-7, 0x1.55555555505fep-5),
                      FMA(r, 0x1.5555555555502p-3, 0x1.000000000000ap-1));
      double p4 = FMA(r2, FMA(r, 0x1.71def909dcdcep-19, 0x1.a01998820af01p-16),
                      FMA(r, 0x1.a01a013b34492p-13, 0x1.6c16c184b8684p-10));
      double p8 = FMA(r, 0x1.adcfce0cb8cdep-26, 0x1.28aee71484326p-22);
      double y = high + FMA(r2, FMA(r4, FMA(r4, p8, p4), p0), -low);
      unsigned long long half = (borel_bits(shifted) >> 1) << 52, rest = (borel_bits(shifted) << 52) - half;
      return FMA(y, borel_from(half), borel_from(half)) * borel_from(rest);
    })

SPECIAL(
    borel_ln_parts, static inline double borel_ln_parts(double k, double f, double low) {
      double s = f / (2.0 + f), z = s * s, w = z * z, g = 0.5 * f;
      double even = w * FMA(w, FMA(w, 0x1.3852d4c97fc21p-3, 0x1.c71c016c6bd40p-3), 0x1.99999998f0f15p-2);
      double odd = FMA(w, FMA(w, FMA(w, 0x1.3abe8e80a4084p-3, 0x1.7474e2337cf1bp-3), 0x1.249249b20cb2dp-2),
                       0x1.5555555555775p-1);
      double R = FMA(z, odd, even);
      return FMA(k, 6.93147180369123816490e-01, f - FMA(g, f, -FMA(s, FMA(g, f, R), low)));
    })

SPECIAL(
    borel_ln, static LOOP_FUNCTION double borel_ln(double x) {
      int tiny = x < 0x1p-1022;
      double z = tiny ? x * 0x1p54 : x;
      unsigned long long bits = borel_bits(z),
                         e = (bits + (0x3ff0000000000000ULL - 0x3fe8000000000000ULL)) >> 52;
      double k = (borel_from(e | 0x4330000000000000ULL) - (0x1p52 + 1023.0)) - (tiny ? 54.0 : 0.0);
      double f = borel_from(bits - ((e - 1023ULL) << 52)) - 1.0;
      double y = borel_ln_parts(k, f, k * 1.90821492927058770002e-10);
      y = x > 1.7976931348623157e308 ? x : y;
      return x > 0.0 ? y : x == 0.0 ? -__builtin_inf() : __builtin_nan("");
    })

SPECIAL(
    borel_ln1p, static LOOP_FUNCTION double borel_ln1p(double x) {
      double u = 1.0 + x;
      unsigned long long bits = borel_bits(u),
                         e = (bits + (0x3ff0000000000000ULL - 0x3fe8000000000000ULL)) >> 52;
      double k = borel_from(e | 0x4330000000000000ULL) - (0x1p52 + 1023.0);
      double f = borel_from(bits - ((e - 1023ULL) << 52)) - 1.0;
      double lost = (u > 2.0 ? 1.0 - (u - x) : x - (u - 1.0)) / u;
      double y =
          borel_ln_parts(k, k == 0.0 ? x : f, k == 0.0 ? 0.0 : FMA(k, 1.90821492927058770002e-10, lost));
      y = x > 1.7976931348623157e308 ? x : y;
      return x > -1.0 ? y : x == -1.0 ? -__builtin_inf() : __builtin_nan("");
    })

/* log(1 + x) for 0 <= x <= 1, which is all that differences of exponentials need: one division instead of
 * two, and nothing to take apart. Above 1/2 it is ln 2 + log(1 + (x - 1) / 2), where x - 1 is exact. */
SPECIAL(
    borel_ln1p_unit, static LOOP_FUNCTION double borel_ln1p_unit(double x) {
      int upper = x > 0.5;
      return borel_ln_parts(upper ? 1.0 : 0.0, upper ? (x - 1.0) * 0.5 : x,
                            upper ? 1.90821492927058770002e-10 : 0.0);
    })

/* Both choose the argument of a call, never between its result and something else: gcc would move the call
 * into the branch, and the loop around it would not be vector code. */
SPECIAL(
    borel_ratio, static inline double borel_ratio(double a, double b) {
      double high = a > b ? a : b, low = a > b ? b : a;
      return borel_exp(high == low ? 0.0 : low - high);
    })

SPECIAL(
    borel_log_add_exp, static inline double borel_log_add_exp(double a, double b) {
      return (a > b ? a : b) + borel_ln1p_unit(borel_ratio(a, b));
    })

/* 2^-e for x = m 2^e, 1 <= m < 2: x times it is m, exactly. Of 0 and subnormal numbers 2^1023. */
SPECIAL(
    borel_unscale, static inline double borel_unscale(double x) {
      return borel_from(0x7fe0000000000000ULL - (borel_bits(x) & 0x7ff0000000000000ULL));
    })

/* 1 or e over 1 + e with e = exp(-|x|), by a choice between numbers only, as above. */
SPECIAL(
    borel_inv_logit, static inline double borel_inv_logit(double x) {
      double e = borel_exp(-fabs(x)), top = x > 0.0 ? 1.0 : 0.0;
      return (top + (1.0 - top) * e) / (1.0 + e);
    })

/* The weights of both terms, exp(a) and exp(b) over their sum; 0 for one that is -inf. In a loop that has the
 * sum too the exponential and the reciprocal are computed once. Choices between numbers only, as above, and
 * by a condition of their own, which gcc does not join with those of the ratio. */
SPECIAL(
    borel_first_weight, static inline double borel_first_weight(double a, double b) {
      double ratio = borel_ratio(a, b), gap = a - b, top = gap > 0.0 ? 1.0 : 0.0;
      return (a == -__builtin_inf() ? 0.0 : 1.0) * (top + (1.0 - top) * ratio) * (1.0 / (1.0 + ratio));
    })

SPECIAL(
    borel_second_weight, static inline double borel_second_weight(double a, double b) {
      double ratio = borel_ratio(a, b), gap = a - b, top = gap > 0.0 ? 1.0 : 0.0;
      return (b == -__builtin_inf() ? 0.0 : 1.0) * ((1.0 - top) + top * ratio) * (1.0 / (1.0 + ratio));
    })

SPECIAL(
    borel_exp_diff, static inline double borel_exp_diff(double a, double b) {
      return borel_exp(a == -__builtin_inf() ? a : a - b);
    })

/* log(1 - exp(x)): above -ln 2 with 1 - u made exact to a few ulp by x / ln(u), u the rounded exp(x). */
SPECIAL(
    borel_log1m_exp, static inline double borel_log1m_exp(double x) {
      double u = borel_exp(x), l = borel_ln(u);
      return x > -0.6931471805599453 ? borel_ln(u == 1.0 ? -x : (1.0 - u) * (x / l)) : borel_ln1p(-u);
    })

SPECIAL(
    borel_log_diff_exp, static inline double borel_log_diff_exp(double a, double b) {
      return b == -__builtin_inf() ? a : a + borel_log1m_exp(b - a);
    })

SPECIAL(
    borel_lgamma, static inline double borel_lgamma(double x) {
      if (x != x) return x;
      if (x <= 0.0 && x == floor(x)) return __builtin_inf();
      if (x < 0.5)
        return 1.1447298858494002 - log(fabs(sin(3.141592653589793 * (x - floor(x + 0.5))))) -
               borel_lgamma(1.0 - x);
      if (x == 1.0 || x == 2.0) return 0.0;
      if (x > 1e300) return x == __builtin_inf() ? x : x * (log(x) - 1.0);
      int sign;
      return lgamma_r(x, &sign);
    })

SPECIAL(
    borel_digamma, static inline double borel_digamma(double x) {
      double result = 0.0;
      if (x <= 0.0) {
        if (x == floor(x)) return __builtin_nan("");
        result = -3.141592653589793 / tan(3.141592653589793 * (x - floor(x + 0.5)));
        x = 1.0 - x;
      }
      while (x < 10.0) {
        result -= 1.0 / x;
        x += 1.0;
      }
      double r = 1.0 / (x * x);
      return result + log(x) - 0.5 / x -
             r * (1.0 / 12 - r * (1.0 / 120 -
                                  r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132 - r * (691.0 / 32760))))));
    })

SPECIAL(
    borel_trigamma, static inline double borel_trigamma(double x) {
      if (x <= 0.0) {
        if (x == floor(x)) return __builtin_inf();
        double s = sin(3.141592653589793 * (x - floor(x + 0.5)));
        return 9.869604401089358 / (s * s) - borel_trigamma(1.0 - x);
      }
      double result = 0.0;
      while (x < 10.0) {
        result += 1.0 / (x * x);
        x += 1.0;
      }
      double r = 1.0 / (x * x);
      return result + 1.0 / x + 0.5 * r +
             r / x *
                 (1.0 / 6 -
                  r * (1.0 / 30 - r * (1.0 / 42 - r * (1.0 / 30 - r * (5.0 / 66 - r * (691.0 / 2730))))));
    })

#undef SPECIAL
#undef FMA
