/* SPDX-License-Identifier: MIT
 *
 * predictor-corrector: Langevin steps at each level of noise, then a step to the next.
 *
 * In y = x / alpha and rho = sigma / alpha the process only adds noise, so that with eps = -rho (score of y)
 * a step from rho to r < rho is
 *   reverse diffusion: y - (rho^2 - r^2) / rho eps + sqrt(rho^2 - r^2) z,
 *   ancestral:         the same with noise sqrt(r^2 (rho^2 - r^2) / rho^2), the deviation of y at r given
 *                      y at rho and x0 (Ho et al. 2020).
 * A corrector step at a level is x <- x + k s + sqrt(2 k) z with s = -eps / sigma; it preserves the law at
 * that level only as k goes to 0. Its length: k = 2 (snr |z| / |s|)^2, with the norms
 *   level:  |z| = |eps| = sqrt(D), what they are in many dimensions, so that k = 2 (snr sigma)^2;
 *   sample: those of the sample itself, which in few dimensions gives huge steps where s is small;
 *   batch:  means over the batch, as in the published code: a sample then depends on those run with it.
 * With `denoise` the last step draws no noise.
 *
 * Reference: Song et al. 2021, ICLR, section 4.2, algorithms 2 to 5.
 */
#include <borel/diffusion.h>
#include <math.h>
#include <string.h>

enum { PREDICTOR, CORRECTIONS, SNR, LENGTH, DENOISE };
enum { REVERSE_DIFFUSION, ANCESTRAL, NONE };
enum { BY_LEVEL, BY_SAMPLE, BY_BATCH };
enum { AT };                   /* state */
enum { LEVELS, EPS, NORMALS }; /* scratch */

typedef struct {
  int predictor, corrections, length, denoise;
  double snr;
} pc;

static borel_status create(const borel_host *host, const borel_value *p, void **out, borel_error *error) {
  pc *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "predictor-corrector: out of memory");
  *self = (pc){.predictor = (int)p[PREDICTOR].number,
               .corrections = (int)p[CORRECTIONS].number,
               .length = (int)p[LENGTH].number,
               .denoise = (int)p[DENOISE].number,
               .snr = p[SNR].number};
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void claims(const void *given, borel_solver_claims *out) {
  const pc *self = given;
  out->flags = BOREL_STOCHASTIC | (self->length == BY_BATCH ? BOREL_COUPLED : 0);
}

static borel_status predict(borel_batch *batch, const borel_level *level, borel_level *levels,
                            const double *x, borel_prediction what, double *out, borel_error *error) {
  for (size_t i = 0; i < batch->rows; i++) levels[i] = *level;
  return batch->ops->predict(batch, batch->rows, NULL, x, levels, what, out, error);
}

static double norm(size_t D, const double *v) {
  double sum = 0;
  for (size_t d = 0; d < D; d++) sum += v[d] * v[d];
  return sqrt(sum);
}

/* |z| / |s| for a row, or for all of them. */
static double ratio_of(size_t rows, size_t D, double sigma, const double *z, const double *eps) {
  double noise = 0, score = 0;
  for (size_t i = 0; i < rows; i++) {
    noise += norm(D, z + i * D);
    score += norm(D, eps + i * D) / sigma;
  }
  return score > 0 ? noise / score : 0; /* at a mode: no direction, and no length of a step */
}

static void correct(const pc *self, borel_batch *batch, double sigma, uint64_t at, uint32_t use,
                    const double *eps, double *z, double *x) {
  size_t D = batch->plan->D, rows = batch->rows;
  for (size_t i = 0; i < rows; i++) batch->ops->normals(batch, (int64_t)i, at, use, z + i * D);
  double ratio = self->length == BY_BATCH ? ratio_of(rows, D, sigma, z, eps) : sigma;
  for (size_t i = 0; i < rows; i++) {
    if (self->length == BY_SAMPLE) ratio = ratio_of(1, D, sigma, z + i * D, eps + i * D);
    double k = 2 * self->snr * self->snr * ratio * ratio;
    for (size_t d = i * D; d < (i + 1) * D; d++) x[d] += -k * eps[d] / sigma + sqrt(2 * k) * z[d];
  }
}

static void move(const pc *self, borel_batch *batch, const borel_level *s, const borel_level *t, uint64_t at,
                 int quiet, const double *eps, double *normals, double *x) {
  size_t D = batch->plan->D;
  double rho = exp(-s->lambda), r = exp(-t->lambda), lost = rho * rho * -expm1(2 * (s->lambda - t->lambda));
  double alpha = exp(t->ln_alpha), ratio = exp(t->ln_alpha - s->ln_alpha);
  double scale = alpha * sqrt(lost) * (self->predictor == ANCESTRAL ? r / rho : 1);
  for (size_t i = 0; i < batch->rows; i++) {
    if (!quiet) batch->ops->normals(batch, (int64_t)i, at, 0, normals);
    for (size_t d = 0; d < D; d++)
      x[i * D + d] =
          ratio * x[i * D + d] - alpha * lost / rho * eps[i * D + d] + (quiet ? 0 : scale * normals[d]);
  }
}

static borel_status step(const void *given, borel_batch *batch, void *const *state, void *const *scratch,
                         double *x, int32_t *done, borel_error *error) {
  const pc *self = given;
  const borel_plan *plan = batch->plan;
  int64_t *at = state[AT];
  borel_level *levels = scratch[LEVELS];
  double *eps = scratch[EPS], *normals = scratch[NORMALS];
  const borel_level *s = &plan->levels[*at], *t = s + 1;
  borel_status status = BOREL_OK;
  int last = (size_t)*at + 2 == plan->points;
  if (isinf(s->lambda))
    return plan->host->fail(error, BOREL_ARG,
                            "predictor-corrector: the grid begins without data; begin at a finite lambda");
  for (int k = 0; k < self->corrections && status == BOREL_OK; k++) {
    status = predict(batch, s, levels, x, BOREL_PREDICT_NOISE, eps, error);
    if (status == BOREL_OK)
      correct(self, batch, exp(s->ln_sigma), (uint64_t)*at, (uint32_t)k + 1, eps, normals, x);
  }
  if (status == BOREL_OK && isinf(t->lambda)) {
    status = predict(batch, s, levels, x, BOREL_PREDICT_DATA, eps, error);
    if (status == BOREL_OK) memcpy(x, eps, batch->rows * plan->D * sizeof *x);
  } else if (status == BOREL_OK && self->predictor == NONE) {
    double ratio = exp(t->ln_alpha - s->ln_alpha); /* y stays; only its scale changes */
    for (size_t i = 0; i < batch->rows * plan->D; i++) x[i] *= ratio;
  } else if (status == BOREL_OK) {
    status = predict(batch, s, levels, x, BOREL_PREDICT_NOISE, eps, error);
    if (status == BOREL_OK) move(self, batch, s, t, (uint64_t)*at, last && self->denoise, eps, normals, x);
  }
  ++*at;
  *done = last;
  return status;
}

static const borel_field state[] = {{.name = "at", .dtype = BOREL_I64, .doc = "steps taken"}, {0}};

static const borel_field scratch[] = {
    {.name = "levels", .dim = {BOREL_DIM_N, 4}, .doc = "of an evaluation"},
    {.name = "eps", .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "predictions"},
    {.name = "normals", .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "z"},
    {0}};

static const borel_param params[] = {
    {.name = "predictor",
     .type = BOREL_CHOICE,
     .choices = "reverse_diffusion|ancestral|none",
     .doc = "the step between levels"},
    {.name = "corrections",
     .type = BOREL_INT,
     .number = 1,
     .min = 0,
     .max = 1000,
     .doc = "Langevin steps at each level"},
    {.name = "snr",
     .number = 0.16,
     .min = 1e-9,
     .max = 10,
     .doc = "length of a Langevin step: signal to noise"},
    {.name = "length",
     .type = BOREL_CHOICE,
     .choices = "level|sample|batch",
     .doc = "norms that a Langevin step goes by"},
    {.name = "denoise", .type = BOREL_FLAG, .number = 1, .max = 1, .doc = "no noise in the last step"},
    {0}};

static const borel_solver_ops ops = {.size = sizeof ops,
                                     .state = state,
                                     .scratch = scratch,
                                     .create = create,
                                     .destroy = destroy,
                                     .claims = claims,
                                     .step = step};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_SOLVER,
    .name = "predictor-corrector",
    .summary = "Langevin steps at each level of noise, then a step to the next",
    .reference = "Song et al. 2021, ICLR, section 4.2",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD,    .id = "org.borel.predictor-corrector",
    .version = "0.1.0",   .licence = "MIT",
    .component_count = 1, .components = components};
