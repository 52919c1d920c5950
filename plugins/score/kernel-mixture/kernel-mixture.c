/* SPDX-License-Identifier: MIT
 *
 * kernel-mixture: the exact x0 of a finite set of data p_i, each with weight w_i.
 *
 *   E[x0 | x] = sum_i r_i p_i,   r_i proportional to w_i k(|y - alpha p_i|^2),   y = x - (1 - alpha) shift.
 * Normal noise:  ln k(q) = -q / (2 sigma^2).
 * Student noise: ln k(q) = -(nu + D)/2 ln(1 + q / (nu sigma^2)), nu = `degrees` (Xu et al. 2023: the Poisson
 * field of charges p_i in D + nu dimensions at r = sigma sqrt(nu)).
 *
 * A few rows go together, one in each lane, and points in blocks with running maxima, so that memory does not
 * grow with their number: results do not depend on how many rows a call has.
 */
#include <borel/diffusion.h>
#include <math.h>
#include <string.h>

enum { DIMENSION, DATA, WEIGHTS, DEGREES };
enum { LANES = 4, BLOCK = 64 };

#define LOG_SQRT_2PI 0.91893853320467274178

typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

typedef struct {
  const borel_host *host;
  size_t D, count;
  double degrees;      /* 0: normal noise */
  const double *data;  /* [count, D] */
  double *log_weights; /* [count] */
} kernel_mixture;

static void destroy(const borel_host *host, void *given) {
  kernel_mixture *self = given;
  host->release(self->log_weights);
  host->release(self);
}

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  size_t D = (size_t)params[DIMENSION].number, count = params[DATA].count / D;
  if (!count || params[DATA].count != count * D)
    return host->fail(error, BOREL_ARG,
                      "kernel-mixture: data has %zu numbers, must have %zu for each of one or more points",
                      params[DATA].count, D);
  if (params[WEIGHTS].count && params[WEIGHTS].count != count)
    return host->fail(error, BOREL_ARG, "kernel-mixture: %zu weights for %zu points", params[WEIGHTS].count,
                      count);
  double total = 0;
  for (size_t i = 0; i < count; i++) total += params[WEIGHTS].count ? params[WEIGHTS].reals[i] : 1;
  if (!(total > 0)) return host->fail(error, BOREL_ARG, "kernel-mixture: the weights sum to %g", total);
  kernel_mixture *self = host->allocate(1, sizeof *self);
  double *logs = host->allocate(count, sizeof *logs);
  if (!self || !logs) {
    host->release(self);
    host->release(logs);
    return host->fail(error, BOREL_INTERNAL, "kernel-mixture: out of memory");
  }
  for (size_t i = 0; i < count; i++)
    logs[i] = log((params[WEIGHTS].count ? params[WEIGHTS].reals[i] : 1) / total);
  double degrees = params[DEGREES].number;
  *self = (kernel_mixture){host, D, count, isinf(degrees) ? 0 : degrees, params[DATA].reals, logs};
  *out = self;
  return BOREL_OK;
}

static size_t dimension(const void *self) { return ((const kernel_mixture *)self)->D; }
static borel_parametrisation parametrisation(const void *self) { return (void)self, BOREL_NATIVE_DATA; }
static size_t preferred_rows(const void *self) { return (void)self, LANES; }

/* ---- a few rows -------------------------------------------------------------------------------- */

typedef struct {
  size_t first; /* row in lane 0 */
  lanes alpha, sigma;
  lanes *x, *mean;      /* [D] */
  lanes *logs;          /* [BLOCK] */
  lanes highest, total; /* the sums below are relative to e^highest */
} group;

/* Squared distances of points from, .. to alpha p_i, [n]. */
FOR_EACH_MACHINE static void distances(const kernel_mixture *self, group *g, size_t from, size_t n) {
  const lanes alpha = g->alpha, *x = g->x;
  for (size_t i = 0; i < n; i++) {
    const double *point = self->data + (from + i) * self->D;
    lanes square = {0};
    for (size_t d = 0; d < self->D; d++) {
      lanes off = x[d] - alpha * point[d];
      square += off * off;
    }
    g->logs[i] = square;
  }
}

/* Distances become logarithms of w k. */
static void kernels(const kernel_mixture *self, group *g, size_t from, size_t n) {
  if (self->degrees > 0) {
    lanes scale = self->degrees * g->sigma * g->sigma;
    for (size_t i = 0; i < n; i++) g->logs[i] /= scale;
    self->host->elementary->log1p(n * LANES, (const double *)g->logs, (double *)g->logs);
    for (size_t i = 0; i < n; i++) g->logs[i] *= -(self->degrees + (double)self->D) / 2;
  } else {
    lanes scale = -2 * g->sigma * g->sigma;
    for (size_t i = 0; i < n; i++) g->logs[i] /= scale;
  }
  for (size_t i = 0; i < n; i++) g->logs[i] += self->log_weights[from + i];
}

/* Adds shares of a block of points, and what they predict, to the sums. */
FOR_EACH_MACHINE static void add(const kernel_mixture *self, group *g, size_t from, size_t n, int predicts) {
  size_t D = self->D;
  lanes highest = g->highest, rescale;
  for (size_t i = 0; i < n; i++)
    for (size_t l = 0; l < LANES; l++) highest[l] = fmax(highest[l], g->logs[i][l]);
  for (size_t l = 0; l < LANES; l++) /* equal, too, when both are -inf */
    rescale[l] = highest[l] == g->highest[l] ? 1 : exp(g->highest[l] - highest[l]);
  g->highest = highest;
  g->total *= rescale;
  for (size_t d = 0; predicts && d < D; d++) g->mean[d] *= rescale;
  for (size_t i = 0; i < n; i++) g->logs[i] -= highest;
  self->host->elementary->exp(n * LANES, (const double *)g->logs, (double *)g->logs);
  for (size_t i = 0; i < n; i++) {
    const lanes share = g->logs[i];
    const double *point = self->data + (from + i) * D;
    g->total += share;
    int any = 0;
    for (size_t l = 0; l < LANES; l++) any |= share[l] != 0;
    for (size_t d = 0; predicts && any && d < D; d++) g->mean[d] += share * point[d];
  }
}

static void load(const borel_score_call *call, const double *x, size_t first, group *g) {
  g->first = first;
  for (size_t l = 0; l < LANES; l++) {
    size_t row = first + l < call->rows ? first + l : call->rows - 1;
    const borel_level *level = &call->levels[row * call->level_stride];
    g->alpha[l] = exp(level->ln_alpha);
    g->sigma[l] = exp(level->ln_sigma);
    const double *shift = call->shift ? call->shift + row * call->shift_stride : NULL;
    for (size_t d = 0; d < call->D; d++)
      g->x[d][l] = x[row * call->D + d] - (shift ? (1 - g->alpha[l]) * shift[d] : 0);
  }
}

static void run(const kernel_mixture *self, const borel_score_call *call, const double *x, size_t first,
                int predicts, void *const *scratch, group *g) {
  lanes *room = scratch[0];
  *g = (group){.x = room, .mean = room + self->D, .logs = scratch[1]};
  load(call, x, first, g);
  memset(g->mean, 0, self->D * sizeof *g->mean);
  for (size_t l = 0; l < LANES; l++) g->highest[l] = -INFINITY;
  for (size_t from = 0; from < self->count; from += BLOCK) {
    size_t n = self->count - from < BLOCK ? self->count - from : BLOCK;
    distances(self, g, from, n);
    kernels(self, g, from, n);
    add(self, g, from, n, predicts);
  }
}

static borel_status evaluate(const void *given, void *const *scratch, const borel_score_call *call,
                             const double *x, double *out, borel_error *error) {
  (void)error;
  const kernel_mixture *self = given;
  for (size_t first = 0; first < call->rows; first += LANES) {
    group g;
    run(self, call, x, first, 1, scratch, &g);
    for (size_t l = 0; l < LANES && first + l < call->rows; l++) {
      const double *shift = call->shift ? call->shift + (first + l) * call->shift_stride : NULL;
      for (size_t d = 0; d < self->D; d++)
        out[(first + l) * self->D + d] = g.mean[d][l] / g.total[l] - (shift ? shift[d] : 0);
    }
  }
  return BOREL_OK;
}

/* ln of Gamma((nu + D) / 2) / (Gamma(nu / 2) (nu / 2)^(D / 2)): near 0 for many degrees, where the difference
 * of two large numbers is replaced by the sum over the steps between them, or by its expansion. */
static double student_constant(double degrees, size_t D) {
  double half = degrees / 2, sum = 0;
  for (size_t j = 0; j < D / 2; j++) sum += log1p((double)j / half + (D % 2 ? 0.5 / half : 0));
  if (D % 2 == 0) return sum;
  /* Gamma(half + 1/2) / (Gamma(half) sqrt(half)) */
  double inverse = 1 / half;
  double step = half < 50 ? lgamma(half + 0.5) - lgamma(half) - log(half) / 2
                          : inverse * (-1.0 / 8 + inverse * inverse * (1.0 / 192 - inverse * inverse / 640));
  return sum + step;
}

static borel_status logdensity(const void *given, void *const *scratch, const borel_score_call *call,
                               const double *x, double *out, borel_error *error) {
  (void)error;
  const kernel_mixture *self = given;
  double D = (double)self->D;
  double constant = self->degrees > 0 ? student_constant(self->degrees, self->D) : 0;
  for (size_t first = 0; first < call->rows; first += LANES) {
    group g;
    run(self, call, x, first, 0, scratch, &g);
    for (size_t l = 0; l < LANES && first + l < call->rows; l++)
      out[first + l] = g.highest[l] + log(g.total[l]) + constant - D * (LOG_SQRT_2PI + log(g.sigma[l]));
  }
  return BOREL_OK;
}

static const borel_param params[] = {
    {.name = "dimension", .type = BOREL_INT, .number = 1, .min = 1, .max = 65536, .required = 1, .doc = "D"},
    {.name = "data", .type = BOREL_REALS, .min = -1e150, .max = 1e150, .required = 1, .doc = "[n, D]"},
    {.name = "weights",
     .type = BOREL_REALS,
     .min = 0,
     .max = 1e300,
     .doc = "[n], up to a factor; equal when absent"},
    {.name = "degrees",
     .min = 0,
     .max = INFINITY,
     .doc = "of freedom of the noise, those of the process; 0: normal"},
    {0}};

static const borel_field scratch[] = {{.name = "room", .dim = {BOREL_DIM_D, 2 * LANES}, .doc = "x and x0"},
                                      {.name = "logs", .dim = {BLOCK, LANES}, .doc = "of a block of points"},
                                      {0}};

static const borel_score_ops ops = {.size = sizeof ops,
                                    .scratch = scratch,
                                    .create = create,
                                    .destroy = destroy,
                                    .dimension = dimension,
                                    .parametrisation = parametrisation,
                                    .evaluate = evaluate,
                                    .preferred_rows = preferred_rows,
                                    .logdensity = logdensity};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_SCORE,
    .name = "kernel-mixture",
    .summary = "Exact score of a finite set of data, with normal or Student noise",
    .reference = "closed form; Xu et al. 2023, ICML, for Student noise",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.kernel-mixture",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
