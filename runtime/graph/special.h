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
 * lgamma, digamma, trigamma, lbeta, log_choose: `positive` forms without branches, NaN where they do not hold
 * (below 0 and far out), and the whole function, which is the positive form or else that of any arguments in
 * special_functions.h. Loops of emitted code call functions of arrays (rows_text.h): the positive form of all
 * elements first, then the other of those that are NaN. Below 2.5 a polynomial around 2 after one or two
 * steps of the recurrence, so that lgamma keeps its digits around its zeros 1 and 2; above it what is left of
 * Stirling's formula, a polynomial in 1 / x^2. All polynomials are minimax (Remez' exchange in 300 bits or
 * more), 2^-56.5 or better; odd and even powers apart. Errors: docs/performance.md. */
#ifndef SPECIAL
#error "define SPECIAL(name, ...)"
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/* Part of the function around it: a vector loop has no calls but of LOOP_FUNCTIONs. */
#define INLINED static inline __attribute__((always_inline))

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

/* y of exp(z) = 2^k (1 + y). */
SPECIAL(
    borel_exp_rest, static inline double borel_exp_rest(double z, double k) {
      double high = FMA(k, -6.93147180369123816490e-01, z), low = k * 1.90821492927058770002e-10;
      double r = high - low, r2 = r * r, r4 = r2 * r2;
      double p0 = FMA(r2, FMA(r, 0x1.1111111125306p-7, 0x1.55555555505fep-5),
                      FMA(r, 0x1.5555555555502p-3, 0x1.000000000000ap-1));
      double p4 = FMA(r2, FMA(r, 0x1.71def909dcdcep-19, 0x1.a01998820af01p-16),
                      FMA(r, 0x1.a01a013b34492p-13, 0x1.6c16c184b8684p-10));
      double p8 = FMA(r, 0x1.adcfce0cb8cdep-26, 0x1.28aee71484326p-22);
      return high + FMA(r2, FMA(r4, FMA(r4, p8, p4), p0), -low);
    })

SPECIAL(
    borel_exp, static LOOP_FUNCTION double borel_exp(double x) {
      double z = x > 710.0 ? 710.0 : x;
      z = z < -746.0 ? -746.0 : z;
      double shifted = FMA(z, 1.4426950408889634, 0x1.8p52 + 2046.0);
      double y = borel_exp_rest(z, shifted - (0x1.8p52 + 2046.0));
      unsigned long long half = (borel_bits(shifted) >> 1) << 52, rest = (borel_bits(shifted) << 52) - half;
      return FMA(y, borel_from(half), borel_from(half)) * borel_from(rest);
    })

SPECIAL(
    borel_ln_parts, INLINED double borel_ln_parts(double k, double f, double low) {
      double s = f / (2.0 + f), z = s * s, w = z * z, g = 0.5 * f;
      double even = w * FMA(w, FMA(w, 0x1.3852d4c97fc21p-3, 0x1.c71c016c6bd40p-3), 0x1.99999998f0f15p-2);
      double odd = FMA(w, FMA(w, FMA(w, 0x1.3abe8e80a4084p-3, 0x1.7474e2337cf1bp-3), 0x1.249249b20cb2dp-2),
                       0x1.5555555555775p-1);
      double R = FMA(z, odd, even);
      return FMA(k, 6.93147180369123816490e-01, f - FMA(g, f, -FMA(s, FMA(g, f, R), low)));
    })

/* ln(z) - twos ln 2 of a normal number; of others anything. */
SPECIAL(
    borel_ln_normal, INLINED double borel_ln_normal(double z, double twos) {
      unsigned long long bits = borel_bits(z),
                         e = (bits + (0x3ff0000000000000ULL - 0x3fe8000000000000ULL)) >> 52;
      double k = (borel_from(e | 0x4330000000000000ULL) - (0x1p52 + 1023.0)) - twos;
      double f = borel_from(bits - ((e - 1023ULL) << 52)) - 1.0;
      return borel_ln_parts(k, f, k * 1.90821492927058770002e-10);
    })

SPECIAL(
    borel_ln, static LOOP_FUNCTION double borel_ln(double x) {
      int tiny = x < 0x1p-1022;
      double y = borel_ln_normal(tiny ? x * 0x1p54 : x, tiny ? 54.0 : 0.0);
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

/* log Gamma(2 + u) / (u (1 + u)) for -0.6 <= u <= 0.5, and the sum of Binet, log Gamma(x) - (x - 1/2) log x +
 * x - log(2 pi) / 2 = z^(1/2) p(z), for z = 1 / x^2 and x >= 2.5. */
SPECIAL(
    borel_two_lgamma, INLINED double borel_two_lgamma(double u) {
      double u2 = u * u, odd = -0x1.c21c8ee172e93p-24, even = 0x1.d99a02fc8152dp-24;
      odd = FMA(u2, odd, -0x1.0fea9124bed62p-23), even = FMA(u2, even, 0x1.ad4eb1adf8a16p-22);
      odd = FMA(u2, odd, -0x1.db0348348cc88p-21), even = FMA(u2, even, 0x1.e5108f86e0f2fp-20);
      odd = FMA(u2, odd, -0x1.019986fece3abp-18), even = FMA(u2, even, 0x1.13e9b9152230ap-17);
      odd = FMA(u2, odd, -0x1.2856a1e9e71d3p-16), even = FMA(u2, even, 0x1.402ec9277e70bp-15);
      odd = FMA(u2, odd, -0x1.5c868d07c2927p-14), even = FMA(u2, even, 0x1.7ed735772e531p-13);
      odd = FMA(u2, odd, -0x1.a96a40b1c3b7fp-12), even = FMA(u2, even, 0x1.dfebcf8876ed2p-11);
      odd = FMA(u2, odd, -0x1.145121f8f170dp-9), even = FMA(u2, even, 0x1.47974853aef69p-8);
      odd = FMA(u2, odd, -0x1.95ce223a9d647p-7), even = FMA(u2, even, 0x1.0e0c9df29351ap-5);
      odd = FMA(u2, odd, -0x1.9ae6509ea109ep-4), even = FMA(u2, even, 0x1.b0ee6072093cep-2);
      return FMA(u, odd, even);
    })

SPECIAL(
    borel_tail_lgamma, INLINED double borel_tail_lgamma(double z) {
      double z2 = z * z, odd = -0x1.d3693c1ea6f17p+0, even = 0x1.803a912846a88p+0;
      even = FMA(z2, even, 0x1.0a8d6ae3e42b5p+0);
      odd = FMA(z2, odd, -0x1.846bae732eaaep-2), even = FMA(z2, even, 0x1.a9be77d5ae82fp-4);
      odd = FMA(z2, odd, -0x1.97c343d805c35p-6), even = FMA(z2, even, 0x1.95ac584a7f330p-8);
      odd = FMA(z2, odd, -0x1.f4b2288573571p-10), even = FMA(z2, even, 0x1.b93a58c83c232p-11);
      odd = FMA(z2, odd, -0x1.38132878035d4p-11), even = FMA(z2, even, 0x1.a01a00e456361p-11);
      odd = FMA(z2, odd, -0x1.6c16c16be9f21p-9), even = FMA(z2, even, 0x1.5555555555550p-4);
      return FMA(z, odd, even);
    })

SPECIAL(
    borel_positive_lgamma, INLINED double borel_positive_lgamma(double x) {
      double one = x >= 0.4 ? 1.0 : 0.0, two = x >= 1.4 ? 1.0 : 0.0, large = x >= 2.5 ? 1.0 : 0.0;
      double w = 1.0 / x, u = (x - one) - two;
      double l = borel_ln_normal(x >= 0.4 ? x : FMA(x, x, x), 0.0);
      double tail = FMA(w, borel_tail_lgamma(w * w), 0.41893853320467274178);
      double near = (u * (1.0 + u)) * borel_two_lgamma(u);
      double factor = (x >= 2.5 ? x - 0.5 : two - 1.0) + (x >= 0x1p-1022 ? 0.0 : __builtin_nan(""));
      return FMA(factor, l - large, x >= 2.5 ? tail : near);
    })

SPECIAL(
    borel_lgamma, static inline double borel_lgamma(double x) {
      double y = borel_positive_lgamma(x);
      return y == y ? y : borel_lgamma_anywhere(x);
    })

/* On [1.5, 2.5): digamma(2 + u); from there on digamma(x) = log x - 1 / (2 x) - z p(z), z = 1 / x^2. */
SPECIAL(
    borel_two_digamma, INLINED double borel_two_digamma(double u) {
      double u2 = u * u, odd = 0x1.5b447ffc8d012p-18, even = -0x1.66953cc983f7cp-19;
      even = FMA(u2, even, -0x1.e201e99ea544cp-18);
      odd = FMA(u2, odd, 0x1.e8abee8c24ca3p-17), even = FMA(u2, even, -0x1.01d0e1be57a17p-15);
      odd = FMA(u2, odd, 0x1.01bdcf87a1a1cp-14), even = FMA(u2, even, -0x1.014a2f4c8f990p-13);
      odd = FMA(u2, odd, 0x1.020161e536b8ap-12), even = FMA(u2, even, -0x1.0319516bbfa45p-11);
      odd = FMA(u2, odd, 0x1.04b907a6438d8p-10), even = FMA(u2, even, -0x1.073e78f17c325p-9);
      odd = FMA(u2, odd, 0x1.0b36aeb1caf2ap-8), even = FMA(u2, even, -0x1.1196d0abff51ap-7);
      odd = FMA(u2, odd, 0x1.1c261303f496fp-6), even = FMA(u2, even, -0x1.2e831d94f2142p-5);
      odd = FMA(u2, odd, 0x1.51322ac7d6c1bp-4), even = FMA(u2, even, -0x1.9dd002780314ap-3);
      odd = FMA(u2, odd, 0x1.4a34cc4a60faap-1), even = FMA(u2, even, 0x1.b0ee6072093cep-2);
      return FMA(u, odd, even);
    })

SPECIAL(
    borel_tail_digamma, INLINED double borel_tail_digamma(double z) {
      double z2 = z * z, odd = -0x1.a2e16a0ecaeb9p+6, even = 0x1.1083e10509c0fp+7;
      odd = FMA(z2, odd, -0x1.4a418dad08291p+6), even = FMA(z2, even, 0x1.f600b5bb49838p+4);
      odd = FMA(z2, odd, -0x1.1345e51dab278p+3), even = FMA(z2, even, 0x1.e6165087dbc9bp+0);
      odd = FMA(z2, odd, -0x1.864f8e3fe891dp-2), even = FMA(z2, even, 0x1.4ab0a7e596f79p-4);
      odd = FMA(z2, odd, -0x1.5845625c901adp-6), even = FMA(z2, even, 0x1.f05f3a87dc3f4p-8);
      odd = FMA(z2, odd, -0x1.1110aa4c6fa87p-8), even = FMA(z2, even, 0x1.041040313442cp-8);
      odd = FMA(z2, odd, -0x1.11111110ac236p-7), even = FMA(z2, even, 0x1.5555555555521p-4);
      return FMA(z, odd, even);
    })

SPECIAL(
    borel_positive_digamma, INLINED double borel_positive_digamma(double x) {
      double one = x >= 0.5 ? 1.0 : 0.0, two = x >= 1.5 ? 1.0 : 0.0;
      double u = (x - one) - two;
      double w = (x >= 0.5 ? 1.0 : FMA(2.0, x, 1.0)) / (x >= 0.5 ? x : FMA(x, x, x)), z = w * w;
      double tail = borel_ln_normal(x, 0.0) - FMA(z, borel_tail_digamma(z), FMA(0.5, w, x - x));
      double near = borel_two_digamma(u) - (x >= 1.5 ? 0.0 : w);
      return (x >= 2.5 ? tail : near) + (x > 0.0 ? 0.0 : __builtin_nan(""));
    })

SPECIAL(
    borel_digamma, static inline double borel_digamma(double x) {
      double y = borel_positive_digamma(x);
      return y == y ? y : borel_digamma_anywhere(x);
    })

/* trigamma(2 + u); from 2.5 on trigamma(x) = 1 / x + 1 / (2 x^2) + x^-3 p(1 / x^2). */
SPECIAL(
    borel_two_trigamma, INLINED double borel_two_trigamma(double u) {
      double u2 = u * u, odd = -0x1.cf333d19b2831p-17, even = 0x1.e21f1eb695008p-18;
      even = FMA(u2, even, 0x1.1ab67e5b35a02p-16);
      odd = FMA(u2, odd, -0x1.0aa177eda99d0p-15), even = FMA(u2, even, 0x1.11ddd280c18bcp-14);
      odd = FMA(u2, odd, -0x1.02022c1a0df6dp-13), even = FMA(u2, even, 0x1.e0947c5e7954bp-13);
      odd = FMA(u2, odd, -0x1.c0dd998cb61ecp-12), even = FMA(u2, even, 0x1.a174c9a38fde4p-11);
      odd = FMA(u2, odd, -0x1.820731aa8f299p-10), even = FMA(u2, even, 0x1.62ce38141b75fp-9);
      odd = FMA(u2, odd, -0x1.43df10435b819p-8), even = FMA(u2, even, 0x1.254fe8772e875p-7);
      odd = FMA(u2, odd, -0x1.073e7b1680fb9p-6), even = FMA(u2, even, 0x1.d39fb32ac5278p-6);
      odd = FMA(u2, odd, -0x1.9a6238f976fe7p-5), even = FMA(u2, even, 0x1.632f97c2db5c4p-4);
      odd = FMA(u2, odd, -0x1.2e831d94f9ca9p-3), even = FMA(u2, even, 0x1.f9cb402bc46c6p-3);
      odd = FMA(u2, odd, -0x1.9dd0027803108p-2), even = FMA(u2, even, 0x1.4a34cc4a60fa6p-1);
      return FMA(u, odd, even);
    })

SPECIAL(
    borel_tail_trigamma, INLINED double borel_tail_trigamma(double z) {
      double z2 = z * z, odd = -0x1.b758317752e14p+13, even = 0x1.43387c09ffde5p+13;
      even = FMA(z2, even, 0x1.152de56694a49p+13);
      odd = FMA(z2, odd, -0x1.b2a7a020da2dap+11), even = FMA(z2, even, 0x1.e1b772ca2f858p+9);
      odd = FMA(z2, odd, -0x1.9c20af46c3114p+7), even = FMA(z2, even, 0x1.28f6611089d23p+5);
      odd = FMA(z2, odd, -0x1.919bf39d2cc77p+2), even = FMA(z2, even, 0x1.23326d6dd2b12p+0);
      odd = FMA(z2, odd, -0x1.0265fc6ce2fb5p-2), even = FMA(z2, even, 0x1.363ea0bcee0a1p-4);
      odd = FMA(z2, odd, -0x1.1110b563543cap-5), even = FMA(z2, even, 0x1.86186041e55aap-6);
      odd = FMA(z2, odd, -0x1.111111108c373p-5), even = FMA(z2, even, 0x1.55555555554e3p-3);
      return FMA(z, odd, even);
    })

SPECIAL(
    borel_positive_trigamma, INLINED double borel_positive_trigamma(double x) {
      double one = x >= 0.5 ? 1.0 : 0.0, two = x >= 1.5 ? 1.0 : 0.0, next = 1.0 + x;
      double u = (x - one) - two, square = x >= 0.5 ? x * x : (x * next) * (x * next);
      double w = (x >= 0.5 ? 1.0 : FMA(next, next, x * x)) / (x >= 2.5 ? x : square);
      double tail = w * FMA(w, FMA(w, borel_tail_trigamma(w * w), 0.5), 1.0);
      double near = borel_two_trigamma(u) + (x >= 1.5 ? 0.0 : w);
      return (x >= 2.5 ? tail : near) + (x > 0.0 ? 0.0 : __builtin_nan(""));
    })

SPECIAL(
    borel_trigamma, static inline double borel_trigamma(double x) {
      double y = borel_positive_trigamma(x);
      return y == y ? y : borel_trigamma_anywhere(x);
    })

/* log(f B(a, b)). Arguments below 2.5 move up by 3, x = c - 3: then with n = c + d
 *   B(a, b) = sqrt(2 pi n / (c d)) (c / n)^a (d / n)^b exp(tail(c) + tail(d) - tail(n)) * factors,
 * where the factors a (a + 1) (a + 2) / c^3 and n^3 / (s (s + 1) (s + 2)), s the sum before the move, are
 * near 1. */
SPECIAL(
    borel_log_beta_times, INLINED double borel_log_beta_times(double a, double b, double f) {
      double low = a < b ? a : b, high = a < b ? b : a, s = low + high;
      int one = low < 2.5, two = high < 2.5;
      double c = one ? low + 3.0 : low, d = two ? high + 3.0 : high;
      double least = c < d ? c : d, most = c < d ? d : c, n = least + most, t = least / n, n3 = n * n * n;
      int upper = t > 0.25;
      double l = borel_ln_normal(t, 0.0);
      double l1m = borel_ln_parts(upper ? -1.0 : 0.0, upper ? FMA(-2.0, t, 1.0) : -t,
                                  upper ? -1.90821492927058770002e-10 : 0.0);
      double top = one ? FMA(low, low, low) * (low + 2.0) * n3 : 1.0,
             below = one ? FMA(s, s, s) * (s + 2.0) * (c * c * c) : 1.0;
      double more = two ? FMA(high, high, high) * (high + 2.0) * n3 : 1.0,
             under = two ? (s + 3.0) * (s + 4.0) * (s + 5.0) * (d * d * d) : 1.0;
      double factors = borel_ln_normal(sqrt(most * t) * ((top * more) / (below * under * f)), 0.0);
      double p = 1.0 / least, q = 1.0 / most, r = 1.0 / n;
      double tails =
          FMA(p, borel_tail_lgamma(p * p),
              FMA(q, borel_tail_lgamma(q * q), FMA(-r, borel_tail_lgamma(r * r), 0.91893853320467274178)));
      double y = FMA(c < d ? low : high, l, FMA(c < d ? high : low, l1m, tails)) - factors;
      return y + ((low >= 1e-100 ? 0.0 : __builtin_nan("")) + (high <= 1e60 ? 0.0 : __builtin_nan("")));
    })

SPECIAL(
    borel_positive_lbeta,
    INLINED double borel_positive_lbeta(double a, double b) { return borel_log_beta_times(a, b, 1.0); })

SPECIAL(
    borel_lbeta, static inline double borel_lbeta(double a, double b) {
      double y = borel_positive_lbeta(a, b);
      return y == y ? y : borel_lbeta_anywhere(a, b);
    })

SPECIAL(
    borel_positive_log_choose, INLINED double borel_positive_log_choose(double n, double k) {
      double rest = n - k, y = -borel_log_beta_times(rest + 1.0, k + 1.0, n + 1.0);
      double none = k == 0.0 ? 0.0 : 1.0, all = rest == 0.0 ? 0.0 : 1.0;
      return y * (none * all) +
             ((k >= 0.0 ? 0.0 : __builtin_nan("")) + (rest >= 0.0 ? 0.0 : __builtin_nan("")));
    })

SPECIAL(
    borel_log_choose, static inline double borel_log_choose(double n, double k) {
      double y = borel_positive_log_choose(n, k);
      return y == y ? y : borel_log_choose_anywhere(n, k);
    })

#undef SPECIAL
#undef FMA
#undef INLINED
