/* SPDX-License-Identifier: MIT
 *
 * borel/plugin.h - everything that a plugin includes. A plugin links nothing: it exports one
 * constant, `borel_plugin_entry`, and receives what the host offers as a `const borel_host *`.
 *
 * Reading order: borel_plugin -> borel_component -> borel_kernel_ops (or those of another kind) ->
 * borel_context, borel_point, borel_target -> borel_rng -> borel_host.
 *
 * Rules that hold everywhere
 *  - Every ops table, and every struct that is passed by pointer, starts with its own `size` and grows at
 *    the tail only. A slot beyond `size`, or NULL, is absent: BOREL_HAS tells.
 *  - What lies in arrays, inside another struct or on a plugin's stack never grows, and its reserved places
 *    are zero: borel_value, borel_site, borel_claims, borel_metric, borel_place. borel_param and borel_field
 *    may grow: a plugin states the sizes that it was built with. borel_error and borel_unif never change.
 *  - An object (borel_target, borel_rng) is a pointer to its ops table, then what the header shows, then what
 *    its maker alone knows.
 *  - Numbers of a fixed set (status, element types) are uint32_t, whatever a compiler makes of an enum. A
 *    number that this header does not list comes from a newer one.
 *  - Functions return a borel_status; on anything but OK and REJECT they fill `error` (never NULL).
 *  - No longjmp, abort, exception or output crosses this boundary.
 *  - [main thread]: called by the thread that created the instance, one at a time.
 *    [chain thread]: may be called by many threads at once, never twice at once for one context.
 *  - Pointers that the host passes are the host's and live for the call, unless said otherwise.
 *  - All logarithms are natural, all arrays row-major.
 */
#ifndef BOREL_PLUGIN_H
#define BOREL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOREL_ABI 1u /* of this header, frozen; a plugin built for another one is refused by name */

/* The kinds of component: what `ops` points to. Frozen: a change that plugins would notice makes a new kind.
 */
#define BOREL_KERNEL "kernel/1"
#define BOREL_DENSITY "density/1"
#define BOREL_RESAMPLER "resampler/1"
#define BOREL_INVOLUTION "involution/1"

/* Does `table`, a pointer to a `type` that begins with its size, have this slot? */
#define BOREL_HAS(type, table, slot)                                                                         \
  ((table)->size >= offsetof(type, slot) + sizeof(((type *)0)->slot) && (table)->slot)

#if defined(__GNUC__)
#define BOREL_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define BOREL_PRINTF(text, first)
#endif

typedef struct borel_host borel_host;
typedef struct borel_context borel_context;

/* ---- status and errors ----------------------------------------------------------------------- */

typedef uint32_t borel_status;
enum {
  BOREL_OK = 0,
  BOREL_REJECT = 1,    /* outside the support: a normal event, log-density -inf; `error` stays empty */
  BOREL_DOMAIN = 2,    /* a NaN where a number must be; `error` names the term */
  BOREL_ARG = 3,       /* a bad parameter, shape or size */
  BOREL_IO = 4,        /* file, disk, compiler */
  BOREL_CANCELLED = 5, /* the user asked to stop */
  BOREL_INTERNAL = 6   /* a broken promise: always a defect */
};

typedef struct {
  borel_status code;
  char message[1000]; /* one line, for people: what, where, what to do */
} borel_error;

/* ---- element types and declared fields ------------------------------------------------------- */

typedef uint32_t borel_dtype;
enum { BOREL_F64 = 0, BOREL_F32 = 1, BOREL_I64 = 2, BOREL_BOOL = 3 };

/* An extent of a field: a constant > 0, or one of these symbols, resolved when a chain is made. */
#define BOREL_DIM_D (-1) /* unconstrained dimensions of the point */
#define BOREL_DIM_K (-2) /* discrete coordinates of the point */
#define BOREL_DIM_N (-3) /* lanes: particles or replicas; 1 in a plain chain */
#define BOREL_DIM_V (-4) /* values of all discrete coordinates together: the sum of their counts */
#define BOREL_DIM_PARAM(i) (-100 - (i)) /* integer parameter i of the component, or the length of list i */

/* One named array of a host-owned block. The host allocates, zeroes, checkpoints, copies and shows
 * it; tuning and state survive a checkpoint by name, scratch means nothing between two calls. */
typedef struct {
  const char *name; /* NULL ends a list */
  borel_dtype dtype;
  int32_t dim[3]; /* extents; 0 ends the list: {0} is a scalar */
  const char *doc;
} borel_field;

/* ---- parameters ------------------------------------------------------------------------------ */

typedef uint32_t borel_param_type;
enum { BOREL_REAL = 0, BOREL_INT = 1, BOREL_FLAG = 2, BOREL_CHOICE = 3, BOREL_REALS = 4 };

/* One parameter of a component. REAL and INT use number, min and max (inclusive); FLAG uses number
 * (0 or 1); CHOICE lists its words in `choices`, separated by '|', the first is the default; REALS is
 * a list of numbers, each in [min, max], empty by default unless `required`. */
typedef struct {
  const char *name; /* NULL ends a list */
  borel_param_type type;
  double number, min, max;
  const char *choices;
  int32_t required;
  const char *unit, *doc;
} borel_param;

/* The value of a parameter, after the host has checked it against its borel_param. */
typedef struct {
  double number;       /* REAL, INT, FLAG; CHOICE: index of the word */
  const double *reals; /* REALS: [count], lives as long as the instance */
  size_t count;
  const void *reserved[2]; /* for types to come: texts, other components */
} borel_value;

/* ---- layouts and points ---------------------------------------------------------------------- */

typedef uint32_t borel_site_block;
enum { BOREL_SITE_U = 0, BOREL_SITE_Z = 1 };

typedef struct {
  const char *name;       /* as the model spells it */
  borel_site_block block; /* continuous (in u) or discrete (in z) */
  size_t offset, size;    /* place in u[D] or z[K] */
  int64_t lowest, count;  /* discrete: values lowest .. lowest + count - 1 for each coordinate */
  const void *reserved[2];
} borel_site;

/* What a point of one shape looks like. Targets intern layouts as they appear: two points have the
 * same id exactly when they have the same sites. */
typedef struct {
  uint32_t size;
  uint32_t id;
  size_t D, K;
  size_t site_count;
  const borel_site *sites;
} borel_layout;

/* What is known about a point. */
#define BOREL_LOGDENSITY 1u
#define BOREL_GRADIENT 2u
#define BOREL_SPLIT 4u

/* Where a chain is. Owned by the host; a kernel reads it and changes it only through borel_host, so
 * that no cached number outlives the coordinates it belongs to. u is unconstrained: logdensity is
 * that of u, log-Jacobian included. Cached numbers mean something only while their bit in `valid` is
 * set (borel_host.evaluate makes it so). */
typedef struct {
  uint32_t size;
  uint32_t layout;
  size_t D, K;
  const double *u;  /* [D] */
  const int64_t *z; /* [K] */
  uint32_t valid;   /* BOREL_LOGDENSITY | ... */
  double logdensity, prior, likelihood;
  const double *gradient; /* [D], of logdensity with respect to u */
  uint64_t version;       /* grows with every change of u or z */
} borel_point;

/* ---- targets --------------------------------------------------------------------------------- */

/* An unnormalised density over points. It is an ops table, so a plugin can wrap one (tempering,
 * delayed acceptance). [chain thread]: each chain has its own. An evaluation returns OK with a number
 * or -inf, REJECT for a point outside the support (logdensity is then set to -inf), DOMAIN for NaN. */
typedef struct borel_target borel_target;
typedef struct {
  uint32_t size;
  const borel_layout *(*layout)(borel_target *, uint32_t id);
  borel_status (*logdensity)(borel_target *, uint32_t layout, const double *u, const int64_t *z,
                             double *logdensity, borel_error *);
  borel_status (*gradient)(borel_target *, uint32_t layout, const double *u, const int64_t *z,
                           double *logdensity, double *gradient, borel_error *);
  /* Optional: logdensity = prior + likelihood (the Jacobian belongs to the prior). */
  borel_status (*split)(borel_target *, uint32_t layout, const double *u, const int64_t *z, double *prior,
                        double *likelihood, borel_error *);
  /* Optional: n points at once, u [n, D], z [n, K], logdensity [n], gradient [n, D] or NULL. Each gets what
   * it would get alone, and none stops the others: OK says that all were evaluated, whatever came out. The
   * logdensity of one that alone would be REJECT is -inf, that of a DOMAIN NaN or +inf; the gradients of
   * these mean nothing. Other codes are failures of the whole call. */
  borel_status (*batch)(borel_target *, uint32_t layout, size_t n, const double *u, const int64_t *z,
                        double *logdensity, double *gradient, borel_error *);
  /* Optional: an estimate from the likelihood terms rows[n] only, rescaled to be unbiased. */
  borel_status (*minibatch)(borel_target *, uint32_t layout, const double *u, const int64_t *z,
                            const int64_t *rows, size_t n, double *logdensity, double *gradient,
                            borel_error *);
  /* Optional, both or none. How many discrete coordinates from k on, all with the same values, are
   * independent of each other given everything else: 1 or more; 0 when the conditional law of coordinate k
   * costs no less than log-densities of the whole. */
  size_t (*independent)(borel_target *, uint32_t layout, size_t k);
  /* The log-densities of the values of discrete coordinates k .. k + n - 1, each coordinate alone being set
   * to lowest, lowest + 1, ...: logdensity [n, count of the site], each row up to a constant of its own. n is
   * 1, or at most what `independent` says. -inf where the density is zero; NaN where it is not a number. */
  borel_status (*conditional)(borel_target *, uint32_t layout, const double *u, const int64_t *z, size_t k,
                              size_t n, double *logdensity, borel_error *);
} borel_target_ops;
struct borel_target {
  const borel_target_ops *ops;
};

/* ---- randomness ------------------------------------------------------------------------------ */

/* A uniform number on [0, 1) known only as far as it has been compared: an enumerating source splits
 * [low, high) at each cut, a drawing source has its value at once. */
typedef struct {
  double low, high, value;
} borel_unif;

/* The only source of randomness: a cursor in one cell of the run's streams, or a recording, replaying
 * or enumerating source. Ask for decisions by their meaning, so that the shipped code can be run over
 * all of its outcomes: accept(log_ratio) and never uniform() < exp(log_ratio).
 * After an error inside a source `status` is set, and results are harmless dummies; the host looks at
 * it after each call, so kernels need not. */
typedef struct borel_rng borel_rng;
typedef struct {
  uint32_t size;
  int (*accept)(borel_rng *, double log_ratio); /* 1 with probability min(1, exp(log_ratio)); NaN: error */
  int (*direction)(borel_rng *);                /* -1 or +1, each 1/2 */
  int (*bernoulli)(borel_rng *, double p);
  size_t (*categorical)(borel_rng *, const double *p, size_t n);      /* p sums to 1; 0-based */
  size_t (*categorical_log)(borel_rng *, const double *lw, size_t n); /* any scale; -inf allowed; 0-based */
  uint64_t (*uniform_int)(borel_rng *, uint64_t n);                   /* 0 .. n - 1 */
  borel_unif (*unif)(borel_rng *);
  int (*unif_lt)(borel_rng *, borel_unif *, double cut); /* is it below cut? */
  double (*uniform)(borel_rng *);                        /* in (0, 1), 53 bits */
  double (*normal)(borel_rng *);                         /* standard */
  double (*exponential)(borel_rng *);                    /* rate 1 */
  double (*gamma)(borel_rng *, double shape);            /* rate 1 */
  double (*beta)(borel_rng *, double a, double b);
  uint64_t (*poisson)(borel_rng *, double mean);
  uint64_t (*binomial)(borel_rng *, uint64_t n, double p);
  /* out [lanes, n]: element (b, i) is draw i of lane (first lane + b), whatever lanes is. */
  void (*fill_uniform)(borel_rng *, double *out, size_t lanes, size_t n);
  void (*fill_normal)(borel_rng *, double *out, size_t lanes, size_t n);
} borel_rng_ops;
struct borel_rng {
  const borel_rng_ops *ops;
  borel_error *error; /* filled at the first failure; never NULL */
  borel_status status;
  uint32_t reserved;
};

/* ---- the phase of a run ---------------------------------------------------------------------- */

/* Where the run stands when a step is taken. Warm-up has a fast start, slow windows (at whose ends a
 * metric may be renewed) and a fast end; the host plans them, kernels adapt their own tuning. */
typedef struct {
  uint32_t size;
  uint64_t iteration; /* 0-based, over warm-up and draws */
  uint64_t warmup, total;
  int32_t warming;    /* 0 or 1: iteration < warmup */
  int32_t slow;       /* 0 or 1: inside a slow window */
  int32_t window_end; /* 0 or 1: the last iteration of a slow window */
  uint32_t reserved;
  uint64_t lanes; /* N of the fields */
} borel_phase;

/* ---- host services --------------------------------------------------------------------------- */

/* Step size by dual averaging (Hoffman and Gelman 2014, algorithm 5): gamma 0.05, t0 10, kappa 0.75.
 * The six numbers live in a tuning field of the kernel. [any thread] */
typedef struct {
  uint32_t size;
  void (*restart)(double state[6], double step_size);                        /* mu = log(10 step_size) */
  double (*update)(double state[6], double accept_statistic, double target); /* next step size */
  double (*finish)(const double state[6]);                                   /* averaged step size */
} borel_dual_averaging;

/* Running mean and variance (Welford), count[1], mean[D], sum_of_squares[D]. [any thread] */
typedef struct {
  uint32_t size;
  void (*reset)(double *count, double *mean, double *squares, size_t D);
  void (*add)(double *count, double *mean, double *squares, size_t D, const double *x);
  void (*variance)(const double *count, const double *squares, size_t D, double *out); /* n - 1 */
} borel_welford;

/* ---- host services: gradients ---------------------------------------------------------------- */

/* Kernels that follow gradients move in coordinates y of unit scale, u = L y, L = diag(scale) B. B is I; or
 * lower triangular, `root`; or I + V' (diag(stretch) - I) V, where the rows of V, `directions`, are
 * orthonormal. A momentum in y is standard normal: for u the inverse mass matrix is L L'. It lies in the
 * kernel's memory and never grows; a new form of B would use the reserved places. */
typedef struct {
  size_t D, rank;
  const double *scale;       /* [D] */
  const double *root;        /* [D, D], or NULL */
  const double *directions;  /* [rank, D], or NULL */
  const double *stretch;     /* [rank] */
  const double *reserved[2]; /* NULL */
} borel_metric;

/* How the metric is found; the value of a CHOICE parameter with these words. */
typedef uint32_t borel_metric_kind;
enum {
  BOREL_METRIC_LOW_RANK = 0, /* fisher, and directions in which draws and gradients are far from unit scale */
  BOREL_METRIC_FISHER = 1,   /* scale^2 = sd of draws / sd of gradients */
  BOREL_METRIC_VARIANCE = 2, /* scale^2 = variance of draws */
  BOREL_METRIC_DENSE = 3     /* L L' = covariance of draws */
};
#define BOREL_METRIC_WORDS "low_rank|fisher|variance|dense" /* the first is the default */

/* A place on a trajectory. The arrays [D] are the kernel's, as a rule in scratch. Never grows. */
typedef struct {
  double *u, *gradient;     /* gradient of the log-density with respect to u */
  double *momentum, *force; /* with respect to y: force = L' gradient */
  double logdensity;        /* -inf where the target is zero or not a number */
  double energy;            /* momentum' momentum / 2 - logdensity; +inf there */
  int64_t index;            /* leapfrog steps from the start, with sign */
  int32_t nan;              /* 1 where the target is not a number */
  uint32_t reserved;
} borel_place;

typedef struct {
  uint32_t size;
  borel_metric_kind metric;
  double step_size;     /* the first one; 0: found by doubling or halving */
  double target_accept; /* mean acceptance that the warm-up tunes the step size to */
} borel_hamiltonian_options;

/* What a step of the warm-up tells. */
typedef struct {
  uint32_t size;
  int32_t informative; /* 0: the draw says nothing new about the metric */
  double accept;       /* its acceptance statistic */
  double symmetric;    /* the same with gains of energy counted like losses, or `accept` once more */
} borel_hamiltonian_news;

/* Hamiltonian dynamics and their warm-up. What is adapted lives in tuning fields of the kernel: `fields`
 * names them, the kernel puts them together at some place of its list (borel_kernel_ops.fields), and `tuned`
 * below is that place. The first is step_size, a scalar. Statuses and errors as in borel_host.evaluate. */
#define BOREL_HAMILTONIAN_FIELDS 16 /* at most, with the end of the list */
typedef struct {
  uint32_t size;
  /* field_size is sizeof(borel_field) of the plugin; the list ends with a NULL name. */
  void (*fields)(borel_metric_kind, size_t field_size, borel_field out[BOREL_HAMILTONIAN_FIELDS]);
  void (*metric)(borel_metric_kind, size_t D, const void *const *tuned, borel_metric *out);
  /* out = u + step L y; out may be u. */
  void (*push)(const borel_metric *, double step, const double *y, const double *u, double *out);
  /* force = L' gradient */
  void (*pull)(const borel_metric *, const double *gradient, double *force);
  /* The place of the point, but for momentum and energy. DOMAIN when its log-density is not finite. */
  borel_status (*load)(borel_target *, borel_point *, const borel_metric *, borel_place *, borel_error *);
  /* D standard normals for the momentum; the energy with them. */
  void (*refresh)(borel_rng *, const borel_metric *, borel_place *);
  /* u, logdensity, gradient and force where a drift from `from->u` by step L velocity leads; the energy
   * without momentum. OK, too, where the target is zero or not a number: then the energy is +inf. z and
   * layout are those of the point. */
  borel_status (*drift)(borel_target *, const borel_point *, const borel_metric *, const borel_place *from,
                        const double *velocity, double step, borel_place *to, borel_error *);
  /* One leapfrog step: half a kick, a drift, half a kick. `to` may be `from`. */
  borel_status (*leapfrog)(borel_target *, const borel_point *, const borel_metric *, const borel_place *from,
                           double step, borel_place *to, borel_error *);
  /* In warm: the first metric, the first step size. room [8, D] is scratch. */
  borel_status (*start)(const borel_hamiltonian_options *, const borel_context *, borel_target *,
                        borel_point *, void *const *tuned, double *room, borel_error *);
  /* In adapt, once for each step: renews metric and step size. room [8, D] is scratch. */
  borel_status (*adapt)(const borel_hamiltonian_options *, const borel_context *, borel_target *,
                        borel_point *, const borel_hamiltonian_news *, void *const *tuned, double *room,
                        borel_error *);
} borel_hamiltonian;

/* ---- host services: polynomials against exponentials ------------------------------------------ */

/* What solvers of differential equations plan with: weights of values at n nodes, distinct, n at most
 * BOREL_NODES. [any thread] */
#define BOREL_NODES 16
typedef struct {
  uint32_t size;
  /* phi_0(z) = e^z, phi_k(z) = (phi_{k-1}(z) - 1/(k-1)!) / z: to rounding for every z; k at most 8. */
  double (*phi)(unsigned k, double z);
  /* out [n]: sum_j out_j f(nodes_j) is the derivative of this order at `at`, for polynomials of degree
   * below n; order at most n - 1. NaN, here and below, where two nodes are one. */
  void (*derivative)(size_t n, const double *nodes, double at, unsigned order, double *out);
  /* out [n]: sum_j out_j f(nodes_j) is the integral of e^{rate (s - b)} f(s) over s from a to b, for
   * polynomials of degree below n; n at most 8. */
  void (*exponential)(size_t n, const double *nodes, double a, double b, double rate, double *out);
  /* The same against any smooth weight, by Gauss-Legendre quadrature with 40 points. */
  void (*weighted)(size_t n, const double *nodes, double a, double b,
                   double (*weight)(const void *data, double s), const void *data, double *out);
  /* Solves matrix [n, n] y = right [n] in place of both, y in `right`. 0 when it is singular. */
  int (*solve)(size_t n, double *matrix, double *right);
} borel_quadrature;

/* ---- host services: functions of many numbers -------------------------------------------------- */

/* out [n] of x [n], which may be the same array: every element as it would be alone, with the same bits on
 * all machines. Errors are at most 1 ulp, of log1p 4. [any thread] */
typedef struct {
  uint32_t size;
  void (*exp)(size_t n, const double *x, double *out);
  void (*log)(size_t n, const double *x, double *out);   /* natural; -inf of 0, NaN below */
  void (*log1p)(size_t n, const double *x, double *out); /* log(1 + x) */
} borel_elementary;

typedef uint32_t borel_log_level;
enum { BOREL_LOG_DEBUG = 0, BOREL_LOG_INFO = 1, BOREL_LOG_WARN = 2 };

struct borel_host {
  uint32_t size;
  /* Fills `error` (printf-like) and returns its code. [any thread] */
  borel_status (*fail)(borel_error *error, borel_status code, const char *format, ...) BOREL_PRINTF(3, 4);
  void (*log)(borel_log_level, const char *format, ...) BOREL_PRINTF(2, 3); /* [any thread] */
  /* Memory for create/destroy only, zeroed; NULL when there is none. */
  void *(*allocate)(size_t count, size_t size);
  void (*release)(void *);
  /* Makes the `want` numbers of a point valid; free when they are. REJECT when the log-density is -inf
   * (there is no gradient then), DOMAIN when it is NaN or +inf. [chain thread] */
  borel_status (*evaluate)(borel_target *, borel_point *, uint32_t want, borel_error *);
  /* Writes all of u; forgets what depends on it. [chain thread] */
  void (*move_u)(borel_point *, const double *u);
  /* Writes one z; forgets what depends on it. [chain thread] */
  void (*move_z)(borel_point *, size_t k, int64_t value);
  /* After a move, states what the kernel has already computed there (gradient may be NULL). */
  void (*know)(borel_point *, double logdensity, const double *gradient);
  const borel_dual_averaging *dual_averaging;
  const borel_welford *welford;
  const borel_hamiltonian *hamiltonian;
  const borel_quadrature *quadrature;
  const borel_elementary *elementary;
};

/* ---- components ------------------------------------------------------------------------------ */

typedef uint32_t borel_preserves;
enum {
  BOREL_PRESERVES_MEASURE = 1,    /* exactly the target */
  BOREL_PRESERVES_SCALE = 2,      /* the target up to its normalising constant */
  BOREL_PRESERVES_ASYMPTOTIC = 3, /* only in a limit */
  BOREL_PRESERVES_ORDER = 4       /* up to an error of order step^order */
};

#define BOREL_REVERSIBLE 1u   /* detailed balance */
#define BOREL_ERGODIC 2u      /* reaches every point of the support, and has no period */
#define BOREL_FIXED_LAYOUT 4u /* never changes the layout of a point */
#define BOREL_LEAVES_Z 8u     /* moves u alone and leaves z as it is, whatever the parameters */
#define BOREL_LEAVES_U 64u    /* moves z alone and leaves u as it is, whatever the parameters */
/* Of resamplers: */
#define BOREL_FLOOR_CEILING 16u       /* offspring numbers are floor or ceiling of count * weight */
#define BOREL_AT_MOST_MULTINOMIAL 32u /* their variances are at most count * weight * (1 - weight) */

/* How the claim can be checked exactly; docs/validity.md states each contract. */
#define BOREL_CHECK_MATRIX 1u     /* transition matrix on a finite support, all choices enumerated */
#define BOREL_CHECK_ORBIT 2u      /* moves along leapfrog orbits, from a momentum of D standard normals */
#define BOREL_CHECK_ISOKINETIC 4u /* the same with momenta of fixed length */
#define BOREL_CHECK_ELLIPSE 8u    /* moves along ellipses around a normal law */

typedef struct {
  borel_preserves preserves;
  double order;
  uint32_t flags;  /* BOREL_REVERSIBLE | ... */
  uint32_t checks; /* BOREL_CHECK_... */
  const char *note;
  const void *reserved[2];
} borel_claims;

typedef struct {
  uint32_t size;
  const char *kind; /* BOREL_KERNEL, BOREL_DENSITY, BOREL_RESAMPLER, BOREL_INVOLUTION */
  const char *name, *summary, *reference;
  const borel_param *params; /* ends with a NULL name; NULL when there are none */
  borel_claims claims;
  const void
      *ops; /* borel_kernel_ops, borel_density_ops, borel_resampler_ops, borel_involution_ops, by kind */
} borel_component;

typedef struct {
  uint32_t abi;                    /* BOREL_ABI */
  uint32_t size;                   /* sizeof(borel_plugin) */
  uint32_t param_size, field_size; /* sizeof(borel_param), sizeof(borel_field) */
  const char *id, *version, *licence;
  size_t component_count;
  const borel_component *const *components;
} borel_plugin;

#if defined(__GNUC__)
#define BOREL_EXPORT __attribute__((visibility("default")))
#else
#define BOREL_EXPORT
#endif
/* How a borel_plugin begins, in this order: BOREL_PLUGIN_HEAD, .id = ... */
#define BOREL_PLUGIN_HEAD                                                                                    \
  BOREL_ABI, (uint32_t)sizeof(borel_plugin), (uint32_t)sizeof(borel_param), (uint32_t)sizeof(borel_field)
/* Define this in exactly one file of a plugin: BOREL_EXPORT const borel_plugin borel_plugin_entry = {...}; */
extern BOREL_EXPORT const borel_plugin borel_plugin_entry;

/* ---- kind BOREL_KERNEL ----------------------------------------------------------------------- */

/* What a call may use. tuning, state and scratch point to the declared fields, in order of declaration;
 * tuning is const here: only warm and adapt receive a pointer that they may write through. */
struct borel_context {
  uint32_t size;
  const borel_host *host;
  borel_rng *rng;
  const borel_phase *phase;
  const void *const *tuning;
  void *const *state;
  void *const *scratch;
  /* In warm, when the start comes with them: about the standard deviations of u, [D]; else NULL. */
  const double *scale;
};

typedef struct {
  uint32_t size;
  const borel_field *tuning, *state, *scratch; /* each ends with a NULL name; NULL when empty */
  const borel_field *info; /* scalars (F64) that describe a step; recorded with each draw. Known names:
                              accept, step_size, leapfrogs, depth, diverging, energy */
  /* Makes an immutable instance from checked parameters. [main thread] */
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  /* Optional: state at the start of a chain. [chain thread] */
  borel_status (*begin)(const void *self, const borel_context *, borel_target *, borel_point *,
                        borel_error *);
  /* Optional: start values of tuning, before the first step; may evaluate the target. [chain thread] */
  borel_status (*warm)(const void *self, const borel_context *, borel_target *, borel_point *,
                       void *const *tuning, borel_error *);
  /* One transition. Allocates nothing. [chain thread] */
  borel_status (*step)(const void *self, const borel_context *, borel_target *, borel_point *, double *info,
                       borel_error *);
  /* Optional: after each step of the warm-up. [chain thread] */
  borel_status (*adapt)(const void *self, const borel_context *, borel_target *, borel_point *,
                        const double *info, void *const *tuning, borel_error *);
  /* Optional: one transition of each of the N lanes. [chain thread] */
  borel_status (*step_batch)(const void *self, const borel_context *, borel_target *, size_t n,
                             borel_point *const *points, double *info, borel_error *);
  /* Optional: tuning fields that depend on the parameters, in place of the list above. Lives as long as the
   * instance. [main thread] */
  const borel_field *(*fields)(const void *self);
} borel_kernel_ops;

/* ---- kind BOREL_DENSITY ---------------------------------------------------------------------- */

typedef struct {
  uint32_t size;
  const borel_field *scratch; /* per thread; dims D, K or parameters */
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  /* The only layout of this density (id 0); lives as long as the instance. [any thread] */
  const borel_layout *(*layout)(const void *self);
  borel_status (*logdensity)(const void *self, void *const *scratch, const double *u, const int64_t *z,
                             double *logdensity, borel_error *);
  /* Optional when D = 0. */
  borel_status (*gradient)(const void *self, void *const *scratch, const double *u, const int64_t *z,
                           double *logdensity, double *gradient, borel_error *);
} borel_density_ops;

/* ---- kind BOREL_RESAMPLER -------------------------------------------------------------------- */

/* Draws the parents of `count` offspring of n weighted particles. Preserving the measure means that particle
 * i has count * weights[i] offspring on average. For the exact checks, ask the source for decisions:
 * categorical, binomial, or unif and unif_lt in place of uniform. */
typedef struct {
  uint32_t size;
  const borel_field *scratch; /* per thread; BOREL_DIM_N is the larger of n and count; or parameters */
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  /* weights [n], none negative, sum to 1 up to rounding; n and count are at least 1. Fills
   * ancestors [count] with indices 0 .. n - 1 in any order, never with one of weight 0. Allocates nothing.
   * [any thread] */
  borel_status (*resample)(const void *self, void *const *scratch, borel_rng *, size_t n,
                           const double *weights, size_t count, int64_t *ancestors, borel_error *);
} borel_resampler_ops;

/* ---- kind BOREL_INVOLUTION ------------------------------------------------------------------- */

/* A map of numbers that is its own inverse, for moves between runs of a program (Green 1995): it leads from
 * side 0 to side 1 and back, or from side 0 to side 0. A side is a list of named numbers: those of the trace,
 * then the auxiliary ones, which are drawn before the map is applied. F64 are continuous, others whole; all
 * are passed as double, in order of declaration, arrays row-major. Extents are constants or
 * BOREL_DIM_PARAM. Both sides have as many continuous numbers. */
typedef struct {
  uint32_t size;
  const borel_field *trace[2], *auxiliary[2]; /* both of side 1 NULL: side 0 is led to itself */
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  /* Sets all numbers of the other side. REJECT where the map does not apply: the move then stays. Allocates
   * nothing. [any thread] */
  borel_status (*map)(const void *self, uint32_t side, const double *in, double *out, borel_error *);
  /* Optional: log |det d out / d in| over the continuous numbers, where map applies. Without it the host
   * takes differences, to some ten digits. [any thread] */
  borel_status (*log_jacobian)(const void *self, uint32_t side, const double *in, double *log_jacobian,
                               borel_error *);
  /* Optional: draws numbers of a side where the map applies, for tests; without it they are standard normals
   * and coins. [any thread] */
  borel_status (*draw)(const void *self, uint32_t side, borel_rng *, double *in, borel_error *);
} borel_involution_ops;

#ifdef __cplusplus
}
#endif
#endif
