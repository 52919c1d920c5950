/* SPDX-License-Identifier: MIT
 * Dormand and Prince's method of order 5(4) (J. Comput. Appl. Math. 6, 1980), with the step-size control and
 * the interpolation of order 4 of Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I
 * (2nd ed., II.4 to II.6): steps follow the error, whatever the times that are asked for.
 *
 * The error control sees the states alone. So the solution, bit for bit, does not depend on whether
 * sensitivities are wanted, and these are the derivatives of the very numbers that are returned, the step
 * sizes held constant (Bock 1981): the gradient belongs to the log-density. Their own error is of the order
 * of the tolerance. Their stages follow those of the states at once, while the Jacobians are at hand; what a
 * rejected step wastes is less than keeping Jacobians costs.
 *
 * One text is compiled for the interpreter (ode.c, and ode_fma.c where FMA is one operation) and printed into
 * emitted code, where the problem is a constant and its right-hand side known: all functions become one,
 * whose loops over states and columns have constant lengths. The bits are the same. */
#ifndef ODE_METHOD
#error "define ODE_METHOD(...)"
#endif

#ifndef FMA
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif
#define ODE_INLINE static inline
#endif

ODE_METHOD(
    static const double borel_ode_nodes[7] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
    /* The second weight of stage 7, which is the end of the step, is 0, as are those of what is below. */
    static const double borel_ode_weights[7][6] =
        {
            {0},
            {1.0 / 5},
            {3.0 / 40, 9.0 / 40},
            {44.0 / 45, -56.0 / 15, 32.0 / 9},
            {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
            {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
            {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
        };
    /* Order 5 less order 4. */
    static const double borel_ode_errors[7] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200,
                                               22.0 / 525, -1.0 / 40};
    /* Of the interpolation. */
    static const double borel_ode_dense[7] = {-12715105075.0 / 11282082432.0, 0,
                                              87487479700.0 / 32700410799.0, -10690763975.0 / 1880347072.0,
                                              701980252875.0 / 199316789632.0, -1453857185.0 / 822651844.0,
                                              69997945.0 / 29380423.0};

    /* What the controller remembers of an error is at least this: log2 of the square of 1e-4. */
    static const double borel_ode_least_log_error = -26.575424759098897;

    /* Four columns at once. */
    typedef double borel_four __attribute__((vector_size(32), aligned(8)));

    ODE_INLINE long long borel_ode_lanes(long long count) { return (count + 7) & ~7LL; }

    /* One solution on its way. */
    typedef struct {
      const borel_ode_problem *p;
      long long n;                      /* states */
      long long room, jy_room, jp_room; /* of a vector of states and of Jacobians, in whole lanes */
      long long width;                  /* columns of sensitivities, in whole vectors */
      long long size;                   /* of all sensitivities */
      double t, h;
      double log_error;         /* of the last step: what the controller remembers */
      double *y, *next, *error; /* [n] */
      double *k;                /* dy/dt at the stages [7, n] */
      double *jy, *jp;          /* Jacobians at the last one [n, n] and [parameters, n] */
      double *s, *end;          /* sensitivities [n, columns] */
      double *ds;               /* their derivatives [7, n, columns] */
    } borel_ode_run;)

ODE_METHOD(
    /* out = y + h sum_j weights[j] k[j], j < count; the k lie `stride` apart. */
    ODE_INLINE void borel_ode_combine(double *restrict out, const double *restrict y,
                                      const double *restrict k, long long length, long long stride,
                                      const double *weights, int count, double h) {
      const double w0 = h * weights[0], w1 = count > 1 ? h * weights[1] : 0,
                   w2 = count > 2 ? h * weights[2] : 0, w3 = count > 3 ? h * weights[3] : 0,
                   w4 = count > 4 ? h * weights[4] : 0, w5 = count > 5 ? h * weights[5] : 0,
                   w6 = count > 6 ? h * weights[6] : 0;
      for (long long i = 0; i < length; i++) {
        double x = FMA(w0, k[i], y[i]);
        if (count > 1 && count < 6) x = FMA(w1, k[stride + i], x);
        if (count > 2) x = FMA(w2, k[2 * stride + i], x);
        if (count > 3) x = FMA(w3, k[3 * stride + i], x);
        if (count > 4) x = FMA(w4, k[4 * stride + i], x);
        if (count > 5) x = FMA(w5, k[5 * stride + i], x);
        if (count > 6) x = FMA(w6, k[6 * stride + i], x);
        out[i] = x;
      }
    }

    ODE_INLINE void borel_ode_copy(double *to, const double *from, long long count) {
      __builtin_memcpy(to, from, (unsigned long long)count * sizeof *to);
    }

    /* dy/dt at (t, y) for stage i, and the Jacobians. */
    ODE_INLINE void borel_ode_derive(const borel_ode_run *r, double t, const double *y, int i) {
      const borel_ode_problem *p = r->p;
      p->rhs(p->b, p->c, p->n, t, y, r->k + i * r->room, r->jy, r->jp);
    }

    /* df/dp of one state, by the column of the sensitivities. */
    ODE_INLINE double borel_ode_forcing(const borel_ode_problem *p, const double *jp, long long state,
                                        long long column) {
      const long long parameter = column - p->parameter_column;
      return parameter >= 0 && parameter < p->parameters ? jp[parameter * p->states + state] : 0;
    }

    /* out += J s, row by row in registers. */
    ODE_INLINE void borel_ode_add_dense(const borel_ode_run *r, const double *restrict s,
                                        double *restrict out) {
      for (long long row = 0; row < r->n; row++)
        for (long long q = 0; q < r->width; q += 4)
          for (long long j = 0; j < r->n; j++)
            for (int l = 0; l < 4; l++)
              out[row * r->width + q + l] =
                  FMA(r->jy[j * r->n + row], s[j * r->width + q + l], out[row * r->width + q + l]);
    }

    /* The same where J has many zeros. */
    ODE_INLINE void borel_ode_add_sparse(const borel_ode_run *r, const double *restrict s,
                                         double *restrict out) {
      for (long long j = 0; j < r->n; j++)
        for (long long row = 0; row < r->n; row++) {
          const double slope = r->jy[j * r->n + row];
          if (slope != 0)
            for (long long q = 0; q < r->width; q++)
              out[row * r->width + q] = FMA(slope, s[j * r->width + q], out[row * r->width + q]);
        }
    }

    /* ds = J s + df/dp at stage i. Jacobians of many states are mostly zero. */
    ODE_INLINE void borel_ode_sensitivity_rate(const borel_ode_run *r, const double *restrict s, int i) {
      const borel_ode_problem *p = r->p;
      double *restrict out = r->ds + i * r->size;
      for (long long row = 0; row < r->n; row++)
        for (long long q = 0; q < r->width; q += 4)
          *(borel_four *)(out + row * r->width + q) =
              (borel_four){borel_ode_forcing(p, r->jp, row, q), borel_ode_forcing(p, r->jp, row, q + 1),
                           borel_ode_forcing(p, r->jp, row, q + 2), borel_ode_forcing(p, r->jp, row, q + 3)};
      if (r->n <= 8)
        borel_ode_add_dense(r, s, out);
      else
        borel_ode_add_sparse(r, s, out);
    })

ODE_METHOD(
    /* y(t + theta h) = y + h sum_i weights[i] k_i. With FMA in all places, since gcc 12 makes products whose
     * sums and differences alternate into fused ones, whatever -ffp-contract says. */
    ODE_INLINE void borel_ode_interpolation(double theta, double *weights) {
      for (int i = 0; i < 7; i++) {
        double b = i < 6 ? borel_ode_weights[6][i] : 0;
        double first = i == 0;
        double last = i == 6;
        double rest = FMA(theta, FMA(1 - theta, borel_ode_dense[i], 2 * b - last - first), first - b);
        weights[i] = theta * FMA(1 - theta, rest, b);
      }
    }

    /* Results at the times of this step, from number `at` on; returns the next. */
    ODE_INLINE long long borel_ode_write(const borel_ode_run *r, long long at, double next) {
      const borel_ode_problem *p = r->p;
      double *states = p->solution ? p->solution : p->slopes;
      for (; at < p->times && p->ts[at] <= next; at++) {
        double weights[7];
        borel_ode_interpolation(p->ts[at] >= next ? 1 : (p->ts[at] - r->t) / r->h, weights);
        if (states) borel_ode_combine(states + at * r->n, r->y, r->k, r->n, r->room, weights, 7, r->h);
        for (long long i = 0; p->columns && i < r->n; i++)
          borel_ode_combine(p->sensitivities + (at * r->n + i) * p->columns, r->s + i * r->width,
                            r->ds + i * r->width, p->columns, r->size, weights, 7, r->h);
      }
      return at;
    }

    /* From the states, in whose place they stand when nobody wants those. */
    ODE_INLINE void borel_ode_write_slopes(const borel_ode_run *r) {
      const borel_ode_problem *p = r->p;
      const double *states = p->solution ? p->solution : p->slopes;
      for (long long at = 0; p->slopes && at < p->times; at++) {
        borel_ode_copy(r->y, states + at * r->n, r->n);
        borel_ode_derive(r, p->ts[at], r->y, 0);
        borel_ode_copy(p->slopes + at * r->n, r->k, r->n);
      }
    }

    ODE_INLINE void borel_ode_give_up(const borel_ode_problem *p) {
      const double nan = __builtin_nan("");
      long long size = p->times * p->states;
      for (long long i = 0; p->solution && i < size; i++) p->solution[i] = nan;
      for (long long i = 0; p->slopes && i < size; i++) p->slopes[i] = nan;
      for (long long i = 0; p->sensitivities && i < size * p->columns; i++) p->sensitivities[i] = nan;
    }

    ODE_INLINE int borel_ode_in_order(const borel_ode_problem *p) {
      for (long long i = 0; i < p->times; i++)
        if (!(i ? p->ts[i] > p->ts[i - 1] : p->ts[i] >= *p->t0) || !__builtin_isfinite(p->ts[i])) return 0;
      return __builtin_isfinite(*p->t0);
    })

ODE_METHOD(
    /* b where a is NaN. */
    ODE_INLINE double borel_ode_larger(double a, double b) { return a > b ? a : b; }
    /* b where a is NaN. */
    ODE_INLINE double borel_ode_smaller(double a, double b) { return a < b ? a : b; }

    /* Mean square of h v in units of the tolerance, at states between y and `other`. */
    ODE_INLINE double borel_ode_mean_square(const borel_ode_run *r, double h, const double *v,
                                            const double *other) {
      double sum = 0;
      for (long long i = 0; i < r->n; i++) {
        double size = borel_ode_larger(__builtin_fabs(r->y[i]), __builtin_fabs(other[i]));
        double e = v[i] * (h / FMA(r->p->rel_tol, size, r->p->abs_tol)); /* the quotient waits for no v */
        sum = FMA(e, e, sum);
      }
      return sum * (1 / (double)r->n);
    }

    /* Hairer, Norsett and Wanner, II.4: from the sizes of y, y' and y''. */
    ODE_INLINE double borel_ode_first_step(const borel_ode_run *r, double span) {
      double d0 = __builtin_sqrt(borel_ode_mean_square(r, 1, r->y, r->y));
      double d1 = __builtin_sqrt(borel_ode_mean_square(r, 1, r->k, r->y));
      double h = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1;
      h = borel_ode_smaller(h, span);
      double *other = r->k + r->room;
      for (long long i = 0; i < r->n; i++) r->next[i] = FMA(h, r->k[i], r->y[i]);
      borel_ode_derive(r, r->t + h, r->next, 1);
      for (long long i = 0; i < r->n; i++) r->next[i] = (other[i] - r->k[i]) / h;
      double most = borel_ode_larger(d1, __builtin_sqrt(borel_ode_mean_square(r, 1, r->next, r->y)));
      double second = most <= 1e-15 ? borel_ode_larger(1e-6, 1e-3 * h) : __builtin_pow(0.01 / most, 0.2);
      return borel_ode_smaller(borel_ode_smaller(100 * h, second), span);
    }

    ODE_INLINE void borel_ode_stage(const borel_ode_run *r, int i, double t) {
      borel_ode_combine(r->next, r->y, r->k, r->n, r->room, borel_ode_weights[i], i, r->h);
      borel_ode_derive(r, t, r->next, i);
      if (!r->size) return;
      borel_ode_combine(r->end, r->s, r->ds, r->size, r->size, borel_ode_weights[i], i, r->h);
      borel_ode_sensitivity_rate(r, r->end, i);
    }

    /* All stages of a step of size h; returns the square of its error in units of the tolerance. */
    ODE_INLINE double borel_ode_try(const borel_ode_run *r, double next_t) {
      borel_ode_stage(r, 1, r->t + borel_ode_nodes[1] * r->h);
      borel_ode_stage(r, 2, r->t + borel_ode_nodes[2] * r->h);
      borel_ode_stage(r, 3, r->t + borel_ode_nodes[3] * r->h);
      borel_ode_stage(r, 4, r->t + borel_ode_nodes[4] * r->h);
      borel_ode_stage(r, 5, next_t);
      borel_ode_stage(r, 6, next_t);
      double *error = r->error;
      for (long long i = 0; i < r->n; i++) {
        double e = borel_ode_errors[0] * r->k[i];
        e = FMA(borel_ode_errors[2], r->k[2 * r->room + i], e);
        e = FMA(borel_ode_errors[3], r->k[3 * r->room + i], e);
        e = FMA(borel_ode_errors[4], r->k[4 * r->room + i], e);
        e = FMA(borel_ode_errors[5], r->k[5 * r->room + i], e);
        error[i] = FMA(borel_ode_errors[6], r->k[6 * r->room + i], e);
      }
      return borel_ode_mean_square(r, r->h, error, r->next);
    }

    /* The last stage of a step is the first of the next. */
    ODE_INLINE void borel_ode_accept(borel_ode_run *r, double next_t) {
      r->t = next_t;
      borel_ode_copy(r->y, r->next, r->n);
      borel_ode_copy(r->k, r->k + 6 * r->room, r->n);
      borel_ode_copy(r->s, r->end, r->size);
      borel_ode_copy(r->ds, r->ds + 6 * r->size, r->size);
    }

    /* log2 x to 0.007, x > 0: a step size needs no more, and what follows waits for it. The bits of x are its
     * exponent and its mantissa 1 + f, and log2(1 + f) is nearly f + 0.344 f (1 - f). */
    ODE_INLINE double borel_ode_log2(double x) {
      unsigned long long bits;
      __builtin_memcpy(&bits, &x, sizeof bits);
      unsigned long long mantissa = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
      double f;
      __builtin_memcpy(&f, &mantissa, sizeof f);
      return FMA((double)(long long)bits, 0x1p-52, -1023.0) + (0.344 * (f - 1)) * (2 - f);
    }

    /* 2^x to 2 % for |x| < 3.4, and to 0.01 % for |x| < 1. */
    ODE_INLINE double borel_ode_exp2(double x) {
      double u = 0.17328679513998632 * x; /* log(2) / 4 */
      double root = FMA(u * u, FMA(u, 1.0 / 6, 0.5), 1 + u);
      return (root * root) * (root * root);
    }

    /* The PI controller of DOPRI5, alpha = 0.2 - 0.75 beta and beta = 0.04, with safety factor 0.87 (as many
     * attempts as with 0.9, and fewer rejected), from the logarithms of the squares of the errors; at least
     * 0.2 or 0.1, at most 1 or 10. */
    ODE_INLINE double borel_ode_growth(double log_error, double log_before, double least, double most) {
      double x = FMA(-0.085, log_error, FMA(0.02, log_before, -0.20091269392599642));
      return borel_ode_exp2(borel_ode_smaller(borel_ode_larger(x, least), most));
    })

ODE_METHOD(
    /* At t0: dy/dy0 = 1, dy/dt0 = -f(t0, y0). */
    ODE_INLINE void borel_ode_start(borel_ode_run *r) {
      const borel_ode_problem *p = r->p;
      borel_ode_copy(r->y, p->y0, r->n);
      r->t = *p->t0;
      r->log_error = borel_ode_least_log_error;
      borel_ode_derive(r, r->t, r->y, 0);
      if (!r->size) return;
      for (long long i = 0; i < r->size; i++) r->s[i] = 0;
      for (long long i = 0; i < r->n; i++) {
        if (p->y0_column >= 0) r->s[i * r->width + p->y0_column + i] = 1;
        if (p->t0_column >= 0) r->s[i * r->width + p->t0_column] = -r->k[i];
      }
      borel_ode_sensitivity_rate(r, r->s, 0);
    }

    ODE_INLINE int borel_ode_integrate(borel_ode_run *r) {
      const borel_ode_problem *p = r->p;
      borel_ode_start(r);
      long long at = 0;
      if (p->ts[0] <= r->t) {
        double *states = p->solution ? p->solution : p->slopes;
        if (states) borel_ode_copy(states, r->y, r->n);
        for (long long i = 0; p->columns && i < r->n; i++)
          borel_ode_copy(p->sensitivities + i * p->columns, r->s + i * r->width, p->columns);
        at = 1;
      }
      if (at == p->times) return 1;
      const double end = p->ts[p->times - 1];
      double h = borel_ode_first_step(r, end - r->t);
      int rejected = 0;
      for (long long step = 0; step < p->max_steps; step++) {
        double next_t = r->t + h;
        r->h = h;
        if (__builtin_expect(1.01 * h >= end - r->t, 0)) next_t = end, r->h = end - r->t;
        if (!(r->h > 4e-16 * __builtin_fabs(r->t)) || !(r->h > 0)) return 0;
        const double square = borel_ode_try(r, next_t), log_error = borel_ode_log2(square);
        if (!(square <= 1)) { /* NaN: beyond where the right-hand side is defined */
          h = r->h *
              (__builtin_isfinite(square) ? borel_ode_growth(log_error, 0, -3.3219280948873622, 0) : 0.1);
          rejected = 1;
          continue;
        }
        at = borel_ode_write(r, at, next_t);
        h = r->h *
            borel_ode_growth(log_error, r->log_error, -2.3219280948873622, rejected ? 0 : 3.3219280948873622);
        r->log_error = borel_ode_larger(log_error, borel_ode_least_log_error);
        rejected = 0;
        borel_ode_accept(r, next_t);
        if (at == p->times) return 1;
      }
      return 0;
    }

    /* Everything is NaN where there is no solution. */
    ODE_INLINE void borel_ode_dormand_prince(const borel_ode_problem *p) {
      borel_ode_run r = {.p = p, .n = p->states, .width = (p->columns + 3) / 4 * 4};
      r.size = r.n * r.width;
      r.room = borel_ode_lanes(r.n);
      r.jy_room = p->columns ? borel_ode_lanes(r.n * r.n) : 0;
      r.jp_room = p->columns ? borel_ode_lanes(r.n * p->parameters) : 0;
      r.y = p->work;
      r.next = r.y + r.room;
      r.error = r.next + r.room;
      r.k = r.error + r.room;
      r.jy = r.k + 7 * r.room;
      r.jp = r.jy + r.jy_room;
      r.s = r.jp + r.jp_room;
      r.end = r.s + r.size;
      r.ds = r.end + r.size;
      if (borel_ode_in_order(p) && borel_ode_integrate(&r))
        borel_ode_write_slopes(&r);
      else
        borel_ode_give_up(p);
    })
