/* SPDX-License-Identifier: MIT
 * Functions that op expressions may use beyond libm. Each stands inside SPECIAL(name, ...), so that one
 * text is compiled into the interpreter and printed into emitted code (which includes no header).
 * lgamma, digamma and trigamma: shift up to x >= 8 by the recurrence, then the asymptotic series
 * (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12), reflection below 0; about 1e-14 relative. */
#ifndef SPECIAL
#error "define SPECIAL(name, ...)"
#endif

SPECIAL(
    borel_log_add_exp, static inline double borel_log_add_exp(double a, double b) {
      double high = a > b ? a : b, low = a > b ? b : a;
      double gap = low - high;
      double result = high + log1p(exp(gap == gap ? gap : 0.0));
      return high == -__builtin_inf()  ? high + (low != low ? low : 0.0)
             : high == __builtin_inf() ? high + (low != low ? low : 0.0)
             : a != a || b != b        ? a + b
                                       : result;
    })

SPECIAL(
    borel_lgamma, static double borel_lgamma(double x) {
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
    borel_digamma, static double borel_digamma(double x) {
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
    borel_trigamma, static double borel_trigamma(double x) {
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
