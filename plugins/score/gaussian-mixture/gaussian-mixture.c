/* SPDX-License-Identifier: MIT
 *
 * gaussian-mixture: the exact x0 of data whose law is a mixture of normal laws.
 *
 * With y = x - (1 - alpha) shift, which is alpha x0 + sigma eps for the data themselves, component k has the
 * law N(alpha m_k, V_k), V_k = alpha^2 S_k + sigma^2 I, and E[x0 | x] = sum_k r_k (m_k + alpha S_k V_k^-1 (y
 * - alpha m_k)),   r_k proportional to w_k N(y; alpha m_k, V_k). S_k = Q_k diag(l_k) Q_k' once, so that every
 * level costs two products with Q_k, or none where S_k is a multiple of I (group.h). With `degrees` the noise
 * follows Student's t, and x0 is E[x0 | x] under it (student.h; Xu et al. 2023); the gradient of the
 * log-density is something else then.
 */
#include "group.h"
#include "mixture.h"
#include "student.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { DIMENSION, WEIGHTS, MEANS, SD, COVARIANCES, DEGREES };

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

static borel_status take_covariances(const borel_host *host, mixture *self, const double *given,
                                     borel_error *error) {
  size_t D = self->D;
  double *a = host->allocate(D * D, sizeof *a);
  if (!a) return host->fail(error, BOREL_INTERNAL, "gaussian-mixture: out of memory");
  borel_status status = BOREL_OK;
  for (size_t k = 0; k < self->K && status == BOREL_OK; k++) {
    memcpy(a, given + k * D * D, D * D * sizeof *a);
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < i; j++)
        if (fabs(a[i * D + j] - a[j * D + i]) > 1e-9 * (fabs(a[i * D + i]) + fabs(a[j * D + j])))
          status = host->fail(error, BOREL_ARG,
                              "gaussian-mixture: covariance %zu is not symmetric: [%zu, %zu] is %g but "
                              "[%zu, %zu] is %g",
                              k + 1, i + 1, j + 1, a[i * D + j], j + 1, i + 1, a[j * D + i]);
    diagonalise(a, self->rotation + k * D * D, D);
    double largest = 0;
    for (size_t d = 0; d < D; d++) largest = fmax(largest, fabs(a[d * D + d]));
    for (size_t d = 0; d < D; d++) {
      double value = a[d * D + d];
      if (value < -1e-12 * largest && status == BOREL_OK)
        status = host->fail(error, BOREL_ARG,
                            "gaussian-mixture: covariance %zu has the eigenvalue %g, but none may be "
                            "negative",
                            k + 1, value);
      self->spread[k * D + d] = value > 0 ? value : 0;
    }
    for (size_t i = 0; i < D * D; i++)
      self->transposed[k * D * D + i] = self->rotation[k * D * D + i % D * D + i / D];
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
  host->release(self->transposed);
  host->release(self);
}

static borel_status check_sizes(const borel_host *host, const borel_value *p, size_t D, size_t K,
                                borel_error *error) {
  if (!K || p[MEANS].count != K * D)
    return host->fail(error, BOREL_ARG,
                      "gaussian-mixture: %zu means, must be a list of %zu numbers for each component",
                      p[MEANS].count, D);
  if (p[WEIGHTS].count && p[WEIGHTS].count != K)
    return host->fail(error, BOREL_ARG, "gaussian-mixture: %zu weights for %zu components", p[WEIGHTS].count,
                      K);
  if ((p[SD].count > 0) == (p[COVARIANCES].count > 0))
    return host->fail(error, BOREL_ARG, "gaussian-mixture: give sd, one for each component, or covariances");
  if (p[SD].count && p[SD].count != K)
    return host->fail(error, BOREL_ARG, "gaussian-mixture: %zu sd for %zu components", p[SD].count, K);
  if (p[COVARIANCES].count && p[COVARIANCES].count != K * D * D)
    return host->fail(error, BOREL_ARG,
                      "gaussian-mixture: covariances have %zu numbers, must be %zu x %zu x %zu",
                      p[COVARIANCES].count, K, D, D);
  return BOREL_OK;
}

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  size_t D = (size_t)params[DIMENSION].number, K = params[MEANS].count / D;
  borel_status status = check_sizes(host, params, D, K, error);
  if (status != BOREL_OK) return status;
  mixture *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "gaussian-mixture: out of memory");
  int isotropic = params[SD].count > 0;
  *self = (mixture){.host = host, .D = D, .K = K, .degrees = params[DEGREES].number};
  if (isinf(self->degrees)) self->degrees = 0;
  self->log_weights = host->allocate(K, sizeof(double));
  self->means = host->allocate(K * D, sizeof(double));
  self->spread = host->allocate(K * D, sizeof(double));
  if (!isotropic) {
    self->rotation = host->allocate(K * D * D, sizeof(double));
    self->transposed = host->allocate(K * D * D, sizeof(double));
  }
  if (!self->log_weights || !self->means || !self->spread ||
      (!isotropic && (!self->rotation || !self->transposed))) {
    destroy(host, self);
    return host->fail(error, BOREL_INTERNAL, "gaussian-mixture: out of memory");
  }
  memcpy(self->means, params[MEANS].reals, K * D * sizeof(double));
  double total = 0;
  for (size_t k = 0; k < K; k++) total += params[WEIGHTS].count ? params[WEIGHTS].reals[k] : 1;
  for (size_t k = 0; k < K; k++)
    self->log_weights[k] = log((params[WEIGHTS].count ? params[WEIGHTS].reals[k] : 1) / total);
  for (size_t i = 0; isotropic && i < K * D; i++)
    self->spread[i] = params[SD].reals[i / D] * params[SD].reals[i / D];
  if (!isotropic) status = take_covariances(host, self, params[COVARIANCES].reals, error);
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

/* ---- calls ------------------------------------------------------------------------------------- */

/* Fields of the scratch, and what of them a group has. */
enum { ROOM, COORDINATES, INVERSE, LOGS };

static void open_group(const mixture *self, void *const *scratch, group *e) {
  lanes *room = scratch[ROOM], *logs = scratch[LOGS];
  size_t D = self->D;
  *e = (group){.x = room,
               .mean = room + D,
               .room = {room + 2 * D, room + 3 * D, room + 4 * D},
               .w = scratch[COORDINATES],
               .inverse = scratch[INVERSE],
               .determinant = logs,
               .share = logs + self->K};
}

/* Rows first, .. of a call: the last one stands for those that are missing. Levels that rows share are
 * prepared once. */
static void load(const mixture *self, const borel_score_call *call, const double *x, size_t first, group *e) {
  size_t D = self->D;
  e->first = first;
  if (first == 0 || call->level_stride) {
    for (size_t l = 0; l < LANES; l++) {
      size_t row = first + l < call->rows ? first + l : call->rows - 1;
      const borel_level *level = &call->levels[row * call->level_stride];
      e->alpha[l] = exp(level->ln_alpha);
      e->variance[l] = exp(2 * level->ln_sigma);
    }
    prepare(self, e);
  }
  for (size_t l = 0; l < LANES; l++) {
    size_t row = first + l < call->rows ? first + l : call->rows - 1;
    const double *shift = call->shift ? call->shift + row * call->shift_stride : NULL;
    for (size_t d = 0; d < D; d++) e->x[d][l] = x[row * D + d] - (shift ? (1 - e->alpha[l]) * shift[d] : 0);
  }
}

/* Lanes of rows that there are, to out [rows, D]. */
static void store(const group *e, const borel_score_call *call, const lanes *from, double *out) {
  for (size_t l = 0; l < LANES && e->first + l < call->rows; l++)
    for (size_t d = 0; d < call->D; d++) out[(e->first + l) * call->D + d] = from[d][l];
}

static void store_data(const group *e, const borel_score_call *call, double *out) {
  store(e, call, e->mean, out);
  if (!call->shift) return;
  for (size_t row = e->first; row < e->first + LANES && row < call->rows; row++)
    for (size_t d = 0; d < call->D; d++) out[row * call->D + d] -= call->shift[row * call->shift_stride + d];
}

/* Under Student noise each row goes by itself; what is not needed then serves as room. */
static void student_group(const mixture *self, const student *rule, group *e) {
  size_t D = self->D, K = self->K;
  double *share = (double *)e->share, *shrunk = (double *)e->inverse;
  for (size_t k = 0; k < K; k++) {
    lanes unused;
    component_at(self, k, e, &unused);
  }
  for (size_t l = 0; l < LANES; l++) {
    e->logdensity[l] =
        student_row(self, rule, e->alpha[l], e->variance[l], (double *)e->w + l, LANES, share, shrunk);
    for (size_t d = 0; d < D; d++) e->mean[d][l] = 0;
    for (size_t k = 0; k < K; k++)
      for (size_t i = 0; i < D; i++) {
        double back = self->rotation ? 0 : shrunk[k * D + i];
        const double *q = self->rotation ? self->rotation + (k * D + i) * D : NULL;
        for (size_t j = 0; q && j < D; j++) back += q[j] * shrunk[k * D + j];
        e->mean[i][l] += share[k] * self->means[k * D + i] + back;
      }
  }
}

static borel_status evaluate(const void *given, void *const *scratch, const borel_score_call *call,
                             const double *x, double *out, borel_error *error) {
  (void)error;
  const mixture *self = given;
  student rule = {0};
  if (self->degrees > 0) rule = student_rule(self->degrees, self->D);
  group e;
  open_group(self, scratch, &e);
  for (size_t first = 0; first < call->rows; first += LANES) {
    load(self, call, x, first, &e);
    if (self->degrees > 0) {
      student_group(self, &rule, &e);
    } else {
      weigh(self, &e);
      predict(self, &e);
    }
    store_data(&e, call, out);
  }
  return BOREL_OK;
}

static borel_status logdensity(const void *given, void *const *scratch, const borel_score_call *call,
                               const double *x, double *out, borel_error *error) {
  (void)error;
  const mixture *self = given;
  student rule = {0};
  if (self->degrees > 0) rule = student_rule(self->degrees, self->D);
  group e;
  open_group(self, scratch, &e);
  for (size_t first = 0; first < call->rows; first += LANES) {
    load(self, call, x, first, &e);
    if (self->degrees > 0)
      student_group(self, &rule, &e);
    else
      weigh(self, &e);
    double constant = self->degrees > 0 ? 0 : (double)self->D * LOG_SQRT_2PI;
    for (size_t l = 0; l < LANES && first + l < call->rows; l++) out[first + l] = e.logdensity[l] - constant;
  }
  return BOREL_OK;
}

static borel_status need_normal(const mixture *self, borel_error *error) {
  if (!(self->degrees > 0)) return BOREL_OK;
  return self->host->fail(
      error, BOREL_ARG, "gaussian-mixture: derivatives are there for normal noise alone, not for %g degrees",
      self->degrees);
}

static borel_status jvp(const void *given, void *const *scratch, const borel_score_call *call,
                        const double *x, const double *dx, const double *dlevel, double *out,
                        borel_error *error) {
  const mixture *self = given;
  borel_status status = need_normal(self, error);
  if (status != BOREL_OK) return status;
  size_t D = self->D;
  lanes *direction = (lanes *)scratch[ROOM] + 5 * D, *result = direction + D, change[2];
  group e;
  open_group(self, scratch, &e);
  for (size_t first = 0; first < call->rows; first += LANES) {
    load(self, call, x, first, &e);
    weigh(self, &e);
    predict(self, &e);
    for (size_t l = 0; l < LANES; l++) {
      size_t row = first + l < call->rows ? first + l : call->rows - 1;
      const double *shift = call->shift ? call->shift + row * call->shift_stride : NULL;
      for (size_t i = 0; i < 2; i++) change[i][l] = dlevel ? dlevel[row * 2 + i] : 0;
      for (size_t d = 0; d < D; d++)
        direction[d][l] = dx[row * D + d] + (shift ? e.alpha[l] * change[0][l] * shift[d] : 0);
    }
    differentiate(self, &e, direction, change, result);
    store(&e, call, result, out);
  }
  return BOREL_OK;
}

/* J is symmetric: x0 = (x + sigma^2 grad log p) / alpha. */
static borel_status vjp(const void *given, void *const *scratch, const borel_score_call *call,
                        const double *x, const double *dx, double *out, borel_error *error) {
  return jvp(given, scratch, call, x, dx, NULL, out, error);
}

static borel_status diagonal(const void *given, void *const *scratch, const borel_score_call *call,
                             const double *x, double *out, borel_error *error) {
  const mixture *self = given;
  borel_status status = need_normal(self, error);
  if (status != BOREL_OK) return status;
  lanes *result = (lanes *)scratch[ROOM] + 5 * self->D;
  group e;
  open_group(self, scratch, &e);
  for (size_t first = 0; first < call->rows; first += LANES) {
    load(self, call, x, first, &e);
    weigh(self, &e);
    predict(self, &e);
    diagonal_of(self, &e, result);
    store(&e, call, result, out);
  }
  return BOREL_OK;
}

static const borel_param params[] = {
    {.name = "dimension", .type = BOREL_INT, .number = 1, .min = 1, .max = 65536, .required = 1, .doc = "D"},
    {.name = "weights",
     .type = BOREL_REALS,
     .min = 0,
     .max = 1e300,
     .doc = "[K], up to a factor; equal when absent"},
    {.name = "means", .type = BOREL_REALS, .min = -1e300, .max = 1e300, .required = 1, .doc = "[K, D]"},
    {.name = "sd",
     .type = BOREL_REALS,
     .min = 0,
     .max = 1e150,
     .doc = "[K]: standard deviation of every coordinate"},
    {.name = "covariances",
     .type = BOREL_REALS,
     .min = -1e300,
     .max = 1e300,
     .doc = "[K, D, D], in place of sd"},
    {.name = "degrees",
     .min = 0,
     .max = INFINITY,
     .doc = "of freedom of the noise, those of the process; 0: normal"},
    {0}};

static const borel_field scratch[] = {
    {.name = "room", .dim = {BOREL_DIM_D, 7 * LANES}, .doc = "vectors of a group"},
    {.name = "coordinates", .dim = {BOREL_DIM_PARAM(MEANS), LANES}, .doc = "of all components"},
    {.name = "inverse", .dim = {BOREL_DIM_PARAM(MEANS), LANES}, .doc = "of variances"},
    {.name = "logs", .dim = {BOREL_DIM_PARAM(MEANS), 2 * LANES}, .doc = "determinants and shares"},
    {0}};

static const borel_score_ops ops = {.size = sizeof ops,
                                    .scratch = scratch,
                                    .create = create,
                                    .destroy = destroy,
                                    .dimension = dimension,
                                    .parametrisation = parametrisation,
                                    .evaluate = evaluate,
                                    .preferred_rows = preferred_rows,
                                    .jvp = jvp,
                                    .vjp = vjp,
                                    .diagonal = diagonal,
                                    .logdensity = logdensity};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_SCORE,
                                          .name = "gaussian-mixture",
                                          .summary = "Exact score of a mixture of normal laws",
                                          .reference =
                                              "closed form: mixtures of normal laws under normal noise",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD,    .id = "org.borel.gaussian-mixture",
    .version = "0.1.0",   .licence = "MIT",
    .component_count = 1, .components = components};
