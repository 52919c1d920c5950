/* SPDX-License-Identifier: MIT
 *
 * gaussian-mixture: the exact x0 of data whose law is a mixture of normal laws.
 *
 * With y = x - (1 - alpha) shift, which is alpha x0 + sigma eps for the data themselves, component k has the law
 * N(alpha m_k, V_k), V_k = alpha^2 S_k + sigma^2 I, and
 *   E[x0 | x] = sum_k r_k (m_k + alpha S_k V_k^-1 (y - alpha m_k)),   r_k proportional to w_k N(y; alpha m_k, V_k).
 * S_k = Q_k diag(l_k) Q_k' once, so that every level costs two products with Q_k, or none where S_k is a multiple
 * of I. Eight rows go together, whether a call has them or not: results do not depend on how many rows it has.
 */
#include <borel/diffusion.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { DIMENSION, WEIGHTS, MEANS, SD, COVARIANCES };
enum { LANES = 8 };

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

typedef struct {
  size_t D, K;
  int isotropic;       /* no rotations: each S_k is a multiple of I */
  double *log_weights; /* [K] */
  double *means;       /* [K, D] */
  double *spread;      /* [K, D]: eigenvalues of S_k */
  double *rotation;    /* [K, D, D]: column j is the eigenvector of eigenvalue j */
} mixture;

/* Cyclic Jacobi rotations: a [D, D] symmetric becomes diagonal, q its eigenvectors as columns. */
static void diagonalise(double *a, double *q, size_t D) {
  for (size_t i = 0; i < D * D; i++) q[i] = i % (D + 1) == 0;
  for (int sweep = 0; sweep < 60; sweep++) {
    double off = 0, all = 0;
    for (size_t i = 0; i < D * D; i++) {
      all += a[i] * a[i];
      if (i % (D + 1)) off += a[i] * a[i];
    }
    if (off <= DBL_EPSILON * DBL_EPSILON * all) return;
    for (size_t i = 0; i + 1 < D; i++)
      for (size_t j = i + 1; j < D; j++) {
        if (a[i * D + j] == 0) continue;
        double theta = (a[j * D + j] - a[i * D + i]) / (2 * a[i * D + j]);
        double t = copysign(1, theta) / (fabs(theta) + hypot(1, theta)), c = 1 / hypot(1, t), s = t * c;
        for (size_t k = 0; k < D; k++) {
          double x = a[k * D + i], y = a[k * D + j], v = q[k * D + i], w = q[k * D + j];
          a[k * D + i] = c * x - s * y;
          a[k * D + j] = s * x + c * y;
          q[k * D + i] = c * v - s * w;
          q[k * D + j] = s * v + c * w;
        }
        for (size_t k = 0; k < D; k++) {
          double x = a[i * D + k], y = a[j * D + k];
          a[i * D + k] = c * x - s * y;
          a[j * D + k] = s * x + c * y;
        }
      }
  }
}

static borel_status take_covariances(const borel_host *host, mixture *self, const double *given, borel_error *error) {
  size_t D = self->D;
  double *a = host->allocate(D * D, sizeof *a);
  if (!a) return host->fail(error, BOREL_INTERNAL, "gaussian-mixture: out of memory");
  borel_status status = BOREL_OK;
  for (size_t k = 0; k < self->K && status == BOREL_OK; k++) {
    memcpy(a, given + k * D * D, D * D * sizeof *a);
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < i; j++)
        if (fabs(a[i * D + j] - a[j * D + i]) > 1e-9 * (fabs(a[i * D + i]) + fabs(a[j * D + j])))
          status = host->fail(error, BOREL_ARG, "gaussian-mixture: covariance %zu is not symmetric: [%zu, %zu] is %g but "
                                                "[%zu, %zu] is %g",
                              k + 1, i + 1, j + 1, a[i * D + j], j + 1, i + 1, a[j * D + i]);
    diagonalise(a, self->rotation + k * D * D, D);
    double largest = 0;
    for (size_t d = 0; d < D; d++) largest = fmax(largest, fabs(a[d * D + d]));
    for (size_t d = 0; d < D; d++) {
      double value = a[d * D + d];
      if (value < -1e-12 * largest && status == BOREL_OK)
        status = host->fail(error, BOREL_ARG, "gaussian-mixture: covariance %zu has the eigenvalue %g, but none may be "
                                              "negative",
                            k + 1, value);
      self->spread[k * D + d] = value > 0 ? value : 0;
    }
  }
  host->release(a);
  return status;
}

static void destroy(const borel_host *host, void *given) {
  mixture *self = given;
  host->release(self->log_weights);
  host->release(self->means);
  host->release(self->spread);
  host->release(self->rotation);
  host->release(self);
}

static borel_status check_sizes(const borel_host *host, const borel_value *p, size_t D, size_t K, borel_error *error) {
  if (!K || p[MEANS].count != K * D)
    return host->fail(error, BOREL_ARG,
                      "gaussian-mixture: %zu means, must be a list of %zu numbers for each component", p[MEANS].count, D);
  if (p[WEIGHTS].count && p[WEIGHTS].count != K)
    return host->fail(error, BOREL_ARG, "gaussian-mixture: %zu weights for %zu components", p[WEIGHTS].count, K);
  if ((p[SD].count > 0) == (p[COVARIANCES].count > 0))
    return host->fail(error, BOREL_ARG, "gaussian-mixture: give sd, one for each component, or covariances");
  if (p[SD].count && p[SD].count != K)
    return host->fail(error, BOREL_ARG, "gaussian-mixture: %zu sd for %zu components", p[SD].count, K);
  if (p[COVARIANCES].count && p[COVARIANCES].count != K * D * D)
    return host->fail(error, BOREL_ARG, "gaussian-mixture: covariances have %zu numbers, must be %zu x %zu x %zu",
                      p[COVARIANCES].count, K, D, D);
  return BOREL_OK;
}

static borel_status create(const borel_host *host, const borel_value *params, void **out, borel_error *error) {
  size_t D = (size_t)params[DIMENSION].number, K = params[MEANS].count / D;
  borel_status status = check_sizes(host, params, D, K, error);
  if (status != BOREL_OK) return status;
  mixture *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "gaussian-mixture: out of memory");
  self->D = D;
  self->K = K;
  self->isotropic = params[SD].count > 0;
  self->log_weights = host->allocate(K, sizeof(double));
  self->means = host->allocate(K * D, sizeof(double));
  self->spread = host->allocate(K * D, sizeof(double));
  self->rotation = self->isotropic ? NULL : host->allocate(K * D * D, sizeof(double));
  if (!self->log_weights || !self->means || !self->spread || (!self->isotropic && !self->rotation)) {
    destroy(host, self);
    return host->fail(error, BOREL_INTERNAL, "gaussian-mixture: out of memory");
  }
  memcpy(self->means, params[MEANS].reals, K * D * sizeof(double));
  double total = 0;
  for (size_t k = 0; k < K; k++) total += params[WEIGHTS].count ? params[WEIGHTS].reals[k] : 1;
  for (size_t k = 0; k < K; k++)
    self->log_weights[k] = log((params[WEIGHTS].count ? params[WEIGHTS].reals[k] : 1) / total);
  for (size_t i = 0; self->isotropic && i < K * D; i++)
    self->spread[i] = params[SD].reals[i / D] * params[SD].reals[i / D];
  if (!self->isotropic) status = take_covariances(host, self, params[COVARIANCES].reals, error);
  if (status == BOREL_OK && !(total > 0))
    status = host->fail(error, BOREL_ARG, "gaussian-mixture: the weights sum to %g", total);
  if (status == BOREL_OK)
    *out = self;
  else
    destroy(host, self);
  return status;
}

static size_t dimension(const void *self) { return ((const mixture *)self)->D; }
static borel_parametrisation parametrisation(const void *self) { return (void)self, BOREL_NATIVE_DATA; }
static size_t preferred_rows(const void *self) { return (void)self, LANES; }

/* ---- eight rows -------------------------------------------------------------------------------- */

/* w = Q' v for eight columns at once. */
FOR_EACH_MACHINE static void rotate_back(size_t D, const double *restrict q, const double *restrict v,
                                         double *restrict w) {
  memset(w, 0, D * LANES * sizeof *w);
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++) {
      double factor = q[i * D + j];
      for (size_t l = 0; l < LANES; l++) w[j * LANES + l] += factor * v[i * LANES + l];
    }
}

/* w = Q v */
FOR_EACH_MACHINE static void rotate(size_t D, const double *restrict q, const double *restrict v, double *restrict w) {
  for (size_t i = 0; i < D; i++) {
    double sum[LANES] = {0};
    for (size_t j = 0; j < D; j++)
      for (size_t l = 0; l < LANES; l++) sum[l] += q[i * D + j] * v[j * LANES + l];
    for (size_t l = 0; l < LANES; l++) w[i * LANES + l] = sum[l];
  }
}

/* What eight rows share or have: numbers of a level, [LANES]. */
typedef struct {
  double alpha[LANES], variance[LANES]; /* sigma^2 */
} eight;

/* v = S_k-coordinates of y - alpha m_k, and the log-density of component k with its weight. The normalising
 * constant 2 pi is left out. */
FOR_EACH_MACHINE static void component_at(const mixture *self, size_t k, const eight *at, const double *restrict y,
                                          double *restrict v, double *restrict w, double *restrict logdensity) {
  size_t D = self->D;
  const double *mean = self->means + k * D, *spread = self->spread + k * D;
  for (size_t d = 0; d < D; d++)
    for (size_t l = 0; l < LANES; l++) v[d * LANES + l] = y[d * LANES + l] - at->alpha[l] * mean[d];
  if (self->isotropic)
    memcpy(w, v, D * LANES * sizeof *w);
  else
    rotate_back(D, self->rotation + k * D * D, v, w);
  double square[LANES] = {0}, determinant[LANES], mantissas[LANES];
  for (size_t l = 0; l < LANES; l++) determinant[l] = 0, mantissas[l] = 1;
  for (size_t d = 0; d < D; d++) {
    for (size_t l = 0; l < LANES; l++) {
      double total = at->alpha[l] * at->alpha[l] * spread[d] + at->variance[l];
      square[l] += w[d * LANES + l] * w[d * LANES + l] / total;
      mantissas[l] *= total;
    }
    /* One logarithm for a few variances; products of more could leave the range. */
    if (d % 4 == 3 || d + 1 == D)
      for (size_t l = 0; l < LANES; l++) {
        determinant[l] += log(mantissas[l]);
        mantissas[l] = 1;
      }
  }
  for (size_t l = 0; l < LANES; l++) logdensity[l] = self->log_weights[k] - (square[l] + determinant[l]) / 2;
}

/* x0 of component k, added to `out` with weights r. w as component_at left it; v is room. */
FOR_EACH_MACHINE static void add_data(const mixture *self, size_t k, const eight *at, const double *restrict r,
                                      double *restrict w, double *restrict v, double *restrict out) {
  size_t D = self->D;
  const double *mean = self->means + k * D, *spread = self->spread + k * D;
  for (size_t d = 0; d < D; d++)
    for (size_t l = 0; l < LANES; l++)
      w[d * LANES + l] *= at->alpha[l] * spread[d] / (at->alpha[l] * at->alpha[l] * spread[d] + at->variance[l]);
  const double *shrunk = w;
  if (!self->isotropic) {
    rotate(D, self->rotation + k * D * D, w, v);
    shrunk = v;
  }
  for (size_t d = 0; d < D; d++)
    for (size_t l = 0; l < LANES; l++) out[d * LANES + l] += r[l] * (mean[d] + shrunk[d * LANES + l]);
}

/* Rows first, .. of a call as eight columns: the last one stands for those that are missing. */
static void load(const borel_score_call *call, const double *x, size_t first, eight *at, double *y) {
  for (size_t l = 0; l < LANES; l++) {
    size_t row = first + l < call->rows ? first + l : call->rows - 1;
    const borel_level *level = &call->levels[row * call->level_stride];
    at->alpha[l] = exp(level->ln_alpha);
    at->variance[l] = exp(2 * level->ln_sigma);
    const double *shift = call->shift ? call->shift + row * call->shift_stride : NULL;
    for (size_t d = 0; d < call->D; d++)
      y[d * LANES + l] = x[row * call->D + d] - (shift ? (1 - at->alpha[l]) * shift[d] : 0);
  }
}

/* scratch: y, v, w, out [D, 8] each, and the coordinates and log-densities of all components. */
enum { ROOM, COORDINATES, LOGS };

static borel_status evaluate(const void *given, void *const *scratch, const borel_score_call *call, const double *x,
                             double *out, borel_error *error) {
  (void)error;
  const mixture *self = given;
  size_t D = self->D, size = D * LANES;
  double *y = scratch[ROOM], *v = y + size, *mean = v + size, *w = scratch[COORDINATES], *logs = scratch[LOGS];
  for (size_t first = 0; first < call->rows; first += LANES) {
    eight at;
    load(call, x, first, &at, y);
    double highest[LANES], total[LANES] = {0};
    for (size_t l = 0; l < LANES; l++) highest[l] = -INFINITY;
    for (size_t k = 0; k < self->K; k++) {
      component_at(self, k, &at, y, v, w + k * size, logs + k * LANES);
      for (size_t l = 0; l < LANES; l++) highest[l] = fmax(highest[l], logs[k * LANES + l]);
    }
    memset(mean, 0, size * sizeof *mean);
    for (size_t k = 0; k < self->K; k++) {
      double r[LANES];
      for (size_t l = 0; l < LANES; l++) total[l] += r[l] = exp(logs[k * LANES + l] - highest[l]);
      add_data(self, k, &at, r, w + k * size, v, mean);
    }
    for (size_t l = 0; l < LANES && first + l < call->rows; l++) {
      const double *shift = call->shift ? call->shift + (first + l) * call->shift_stride : NULL;
      for (size_t d = 0; d < D; d++)
        out[(first + l) * D + d] = mean[d * LANES + l] / total[l] - (shift ? shift[d] : 0);
    }
  }
  return BOREL_OK;
}

static borel_status logdensity(const void *given, void *const *scratch, const borel_score_call *call, const double *x,
                               double *out, borel_error *error) {
  (void)error;
  const mixture *self = given;
  size_t size = self->D * LANES;
  double *y = scratch[ROOM], *v = y + size, *w = v + size, *logs = scratch[LOGS];
  for (size_t first = 0; first < call->rows; first += LANES) {
    eight at;
    load(call, x, first, &at, y);
    double highest[LANES], total[LANES] = {0};
    for (size_t l = 0; l < LANES; l++) highest[l] = -INFINITY;
    for (size_t k = 0; k < self->K; k++) {
      component_at(self, k, &at, y, v, w, logs + k * LANES);
      for (size_t l = 0; l < LANES; l++) highest[l] = fmax(highest[l], logs[k * LANES + l]);
    }
    for (size_t k = 0; k < self->K; k++)
      for (size_t l = 0; l < LANES; l++) total[l] += exp(logs[k * LANES + l] - highest[l]);
    for (size_t l = 0; l < LANES && first + l < call->rows; l++)
      out[first + l] = highest[l] + log(total[l]) - (double)self->D * 0.91893853320467274178; /* log sqrt(2 pi) */
  }
  return BOREL_OK;
}

static const borel_param params[] = {
    {.name = "dimension", .type = BOREL_INT, .number = 1, .min = 1, .max = 65536, .required = 1, .doc = "D"},
    {.name = "weights", .type = BOREL_REALS, .min = 0, .max = 1e300, .doc = "[K], up to a factor; equal when absent"},
    {.name = "means", .type = BOREL_REALS, .min = -1e300, .max = 1e300, .required = 1, .doc = "[K, D]"},
    {.name = "sd", .type = BOREL_REALS, .min = 0, .max = 1e150, .doc = "[K]: standard deviation of every coordinate"},
    {.name = "covariances", .type = BOREL_REALS, .min = -1e300, .max = 1e300, .doc = "[K, D, D], in place of sd"},
    {0}};

static const borel_field scratch[] = {
    {.name = "room", .dim = {BOREL_DIM_D, 3 * LANES}, .doc = "y, v and x0"},
    {.name = "coordinates", .dim = {BOREL_DIM_PARAM(MEANS), LANES}, .doc = "of all components"},
    {.name = "logs", .dim = {BOREL_DIM_PARAM(MEANS), LANES}, .doc = "log-densities of components"},
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

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_SCORE,
                                          .name = "gaussian-mixture",
                                          .summary = "Exact score of a mixture of normal laws",
                                          .reference = "closed form: mixtures of normal laws under normal noise",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.gaussian-mixture",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
