/* SPDX-License-Identifier: MIT
 *
 * borel/diffusion.h - what a plugin for diffusion models includes: the kinds process, score and solver.
 *
 * A process takes data to noise, x = shift + alpha x0 + sigma eps, where alpha and sigma are functions of
 * time; here x0 is the data less the shift, and eps the noise. A score predicts x0 or eps, given x and the
 * level of noise. A solver goes the way back. Levels are told by lambda = ln(alpha / sigma), which falls as
 * noise grows; on the scale of lambda the reverse equation is the same for every Gaussian process, so that
 * solvers see neither shift nor schedule.
 *
 * Every step of a solver with a fixed grid is a linear combination of what the score predicted. So such a
 * solver does not step: it *plans*, once for a process, a grid and parameters, a tape of instructions, which
 * the host then runs for any number of samples. Solvers that choose their steps as they go have `step`
 * instead.
 *
 * Reading order: borel_level -> borel_process_ops -> borel_score_ops -> borel_plan, borel_tape ->
 * borel_solver_ops. The rules of borel/plugin.h hold.
 */
#ifndef BOREL_DIFFUSION_H
#define BOREL_DIFFUSION_H

#include <borel/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOREL_PROCESS "process/0"
#define BOREL_SCORE "score/0"
#define BOREL_SOLVER "solver/0"

/* A level of noise. Logarithms, so that the ratio of two alphas never is one of underflowed numbers. Without
 * noise ln_sigma is -inf and lambda +inf, without data ln_alpha and lambda are -inf. Never grows. */
typedef struct {
  double t, lambda;
  double ln_alpha, ln_sigma;
} borel_level;

/* What is asked of a score: both are linear in each other given x = alpha x0 + sigma eps. */
typedef uint32_t borel_prediction;
enum { BOREL_PREDICT_DATA = 0, BOREL_PREDICT_NOISE = 1 };

/* ---- kind BOREL_PROCESS ----------------------------------------------------------------------- */

/* [any thread] but create and destroy. */
typedef struct {
  uint32_t size;
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  /* The times of least and of most noise that a grid may reach; either may be the larger. */
  void (*domain)(const void *self, double *least, double *most);
  /* ln alpha and ln sigma at a time of the domain; lambda must fall strictly from least to most noise. */
  void (*path)(const void *self, double t, double *ln_alpha, double *ln_sigma);
  /* Optional: the time at which lambda is reached; else the host bisects. */
  double (*time)(const void *self, double lambda);
  /* Optional: d alpha / dt and d sigma / dt; else the host takes differences. */
  void (*slopes)(const void *self, double t, double *alpha, double *sigma);
  /* Optional: standard deviation of x - shift where a reverse run begins; else sigma there. */
  double (*prior_scale)(const void *self);
  /* Optional: degrees of freedom of the law of eps, one Student t for all coordinates of a sample: finite
   * ones leave the reverse equation without noise as it is, and there is none with noise. Else, and when 0,
   * the law is normal. */
  double (*degrees)(const void *self);
  /* Optional: 1 when a run must state a shift. */
  int32_t (*shifted)(const void *self);
  /* Optional: how many levels a table has, at even distances over the domain; 0: there is none. */
  size_t (*indices)(const void *self);
} borel_process_ops;

/* ---- kind BOREL_SCORE ------------------------------------------------------------------------- */

/* What a score answers natively: p x0 + q eps. */
typedef uint32_t borel_parametrisation;
enum {
  BOREL_NATIVE_DATA = 0,     /* x0 */
  BOREL_NATIVE_NOISE = 1,    /* eps */
  BOREL_NATIVE_SCORE = 2,    /* gradient of the log-density: -eps / sigma */
  BOREL_NATIVE_V = 3,        /* alpha eps - sigma x0 */
  BOREL_NATIVE_VELOCITY = 4, /* dx/dt along the process with x0 and eps fixed: alpha' x0 + sigma' eps */
  BOREL_NATIVE_CUSTOM = 5    /* as `native` says */
};
#define BOREL_NATIVE_WORDS "data|noise|score|v|velocity"

/* Who asks: `rows` samples, each with its level, shift and condition. A stride of 0 gives all rows the same.
 */
typedef struct {
  uint32_t size;
  size_t rows, D;
  const borel_level *levels; /* of row b: levels[b * level_stride] */
  size_t level_stride;       /* 0 or 1 */
  const double *shift;       /* of row b: shift + b * shift_stride, [D]; NULL: 0 */
  size_t shift_stride;
  const double *condition; /* of row b: condition + b * condition_stride, [condition_size]; NULL: none */
  size_t condition_size, condition_stride;
  uint64_t first; /* number of the sample in row 0, where rows are samples in order */
  int64_t step;   /* of the solver, from 0; -1: none */
} borel_score_call;

/* Results of a row must not depend on the other rows, nor on how many there are. x0 is less the shift, for
 * scores and for those who ask. [any thread] but create and destroy, each with its scratch. */
typedef struct {
  uint32_t size;
  const borel_field *scratch; /* BOREL_DIM_N is the largest number of rows of a call */
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  size_t (*dimension)(const void *self); /* D; 0: any */
  borel_parametrisation (*parametrisation)(const void *self);
  /* The native answer: x [rows, D] -> out [rows, D]. */
  borel_status (*evaluate)(const void *self, void *const *scratch, const borel_score_call *, const double *x,
                           double *out, borel_error *);
  /* Required for BOREL_NATIVE_CUSTOM. */
  void (*native)(const void *self, const borel_level *, double *p, double *q);
  /* Optional: rows that a call should have; 0: no matter. */
  size_t (*preferred_rows)(const void *self);
  /* Optional: how the native answer changes along dx [rows, D] and dlevel [rows, 2], which are changes of
   * ln alpha and ln sigma (NULL: 0): [rows, D]. */
  borel_status (*jvp)(const void *self, void *const *scratch, const borel_score_call *, const double *x,
                      const double *dx, const double *dlevel, double *out, borel_error *);
  /* Optional: dx' J, where J is the derivative of the native answer by x: [rows, D]. */
  borel_status (*vjp)(const void *self, void *const *scratch, const borel_score_call *, const double *x,
                      const double *dx, double *out, borel_error *);
  /* Optional: the diagonal of J, [rows, D]. */
  borel_status (*diagonal)(const void *self, void *const *scratch, const borel_score_call *, const double *x,
                           double *out, borel_error *);
  /* Optional: the log-density of x at its level, [rows]. */
  borel_status (*logdensity)(const void *self, void *const *scratch, const borel_score_call *,
                             const double *x, double *out, borel_error *);
} borel_score_ops;

/* ---- tapes ------------------------------------------------------------------------------------ */

/* What a planner knows. levels [points] lead from the start of the run to its end, as a rule to less noise;
 * the last may have no noise (sigma = 0), the first no data (alpha = 0). */
typedef struct borel_plan borel_plan;
struct borel_plan {
  uint32_t size;
  size_t D;
  size_t points; /* at least 2 */
  const borel_level *levels;
  double degrees; /* of borel_process_ops; 0: the law of the noise is normal */
  /* The level between or beside those of the grid at which lambda, or t, is this; held to the domain of the
   * process. */
  void (*at_lambda)(const borel_plan *, double lambda, borel_level *);
  void (*at_time)(const borel_plan *, double t, borel_level *);
  /* d alpha / dt and d sigma / dt. */
  void (*slopes)(const borel_plan *, double t, double *alpha, double *sigma);
  const borel_host *host;
};

/* Slots are arrays [rows, D]. These two are there from the start. */
#define BOREL_SLOT_X 0      /* x - shift: at first at levels[0], at the end at the last */
#define BOREL_SLOT_ONE (-1) /* all ones; never written */

typedef uint32_t borel_noise;
enum {
  BOREL_NOISE_FRESH = 0, /* independent */
  BOREL_NOISE_TREE = 1   /* the increment of one Brownian path, which does not depend on the grid */
};

/* Where a planner writes. A first failure (a slot that does not exist, a coefficient that is not finite,
 * short memory) is kept and makes the plan fail; calls after it do nothing. */
typedef struct borel_tape borel_tape;
typedef struct {
  uint32_t size;
  /* A new slot; the name is for people. What was never written must not be read. */
  int32_t (*slot)(borel_tape *, const char *name);
  /* to = prediction of the score for slot `from`, which is at this level. One evaluation. */
  void (*predict)(borel_tape *, int32_t to, int32_t from, const borel_level *, borel_prediction);
  /* to = sum of coefficients[j] from[j]; `to` may be one of them. At most 16. */
  void (*combine)(borel_tape *, int32_t to, size_t n, const double *coefficients, const int32_t *from);
  /* The same with a coefficient for each coordinate: coefficients[j] is [D]. */
  void (*combine_by)(borel_tape *, int32_t to, size_t n, const double *const *coefficients,
                     const int32_t *from);
  /* to += scale * standard normals. Those of a tree belong to the interval of lambda [from, to]. */
  void (*noise)(borel_tape *, int32_t to, double scale, borel_noise, double lambda_from, double lambda_to);
  /* A step ends: BOREL_SLOT_X is at this level now. Runs may be watched, steered and begun here. */
  void (*mark)(borel_tape *, const borel_level *);
} borel_tape_ops;
struct borel_tape {
  const borel_tape_ops *ops;
};

/* ---- kind BOREL_SOLVER ------------------------------------------------------------------------ */

/* What a solver with these parameters claims of itself; `borel validate` measures each. */
#define BOREL_EXACT_DATA 1u  /* a constant x0 is followed exactly */
#define BOREL_EXACT_NOISE 2u /* a constant eps is followed exactly */
#define BOREL_STOCHASTIC 4u  /* draws noise; needs a normal law, and goes to less noise only */
#define BOREL_ONE_WAY 8u     /* goes to less noise only */
#define BOREL_COUPLED 16u    /* a sample depends on those that are run with it */

typedef struct {
  uint32_t size;
  double order;      /* the error of x falls as a step in lambda, uniform, to this power; 0: no claim */
  double weak_order; /* the same of the mean and variance of a normal law, with noise; 0: no claim */
  uint32_t flags;    /* BOREL_EXACT_DATA | ... */
  uint32_t degree;   /* polynomials in lambda up to this degree are followed exactly, after as many steps, */
  borel_prediction form; /* when they are this prediction */
} borel_solver_claims;

/* What a solver that steps works with: a batch of rows, from levels[0] to the last of a plan. */
typedef struct borel_batch borel_batch;
typedef struct {
  uint32_t size;
  /* Predictions for n of the rows (numbers from 0, NULL: rows 0 .. n - 1), x [n, D] at levels [n]. */
  borel_status (*predict)(borel_batch *, size_t n, const int64_t *rows, const double *x,
                          const borel_level *levels, borel_prediction, double *out, borel_error *);
  /* D standard normals for a row: those of (step, use), whoever asks and how often. */
  void (*normals)(borel_batch *, int64_t row, uint64_t step, uint32_t use, double *out);
} borel_batch_ops;
struct borel_batch {
  const borel_batch_ops *ops;
  const borel_plan *plan;
  size_t rows;
};

typedef struct {
  uint32_t size;
  const borel_field *state, *scratch; /* of a batch: BOREL_DIM_N rows, BOREL_DIM_D; for `step` alone. A state
                                         field rejected [N] is reported: steps that were taken back */
  borel_status (*create)(const borel_host *, const borel_value *params, void **self, borel_error *);
  void (*destroy)(const borel_host *, void *self);
  void (*claims)(const void *self, borel_solver_claims *);
  /* Writes the tape. ARG for a grid that it cannot use. [any thread] */
  borel_status (*plan)(const void *self, const borel_plan *, borel_tape *, borel_error *);
  /* In place of `plan`: one step of each row that has not arrived, x [rows, D]. The first call finds state
   * zeroed; `done` is 1 when all rows have arrived. [any thread] */
  borel_status (*step)(const void *self, borel_batch *, void *const *state, void *const *scratch, double *x,
                       int32_t *done, borel_error *);
} borel_solver_ops;

#ifdef __cplusplus
}
#endif
#endif
