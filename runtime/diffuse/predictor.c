/* SPDX-License-Identifier: MIT */
#include "diffuse/predictor.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void borel_predictor_destroy(borel_predictor *predictor) {
  if (predictor) predictor->ops->destroy(predictor);
}

/* out = a x + b have, row by row: coefficients of both are functions of the level. */
static void blend(size_t D, double a, double b, const double *x, const double *have, double *out) {
  for (size_t d = 0; d < D; d++) out[d] = a * x[d] + b * have[d];
}

void borel_predictor_convert(const borel_score_call *call, const double *x, borel_prediction what,
                             const double *have, double *out) {
  for (size_t r = 0; r < call->rows; r++) {
    const borel_level *level = borel_call_level(call, r);
    double alpha = exp(level->ln_alpha), sigma = exp(level->ln_sigma);
    size_t at = r * call->D;
    if (what == BOREL_PREDICT_NOISE)
      blend(call->D, 1 / alpha, -sigma / alpha, x + at, have + at, out + at);
    else
      blend(call->D, 1 / sigma, -alpha / sigma, x + at, have + at, out + at);
  }
}

static double *scratch(size_t arrays, size_t rows, size_t D, borel_error *error) {
  size_t most = SIZE_MAX / sizeof(double) / (arrays ? arrays : 1);
  double *made = !D || rows <= most / D ? malloc((arrays * rows * D + 1) * sizeof *made) : NULL;
  if (!made) borel_fail(error, BOREL_INTERNAL, "out of memory for %zu rows of %zu numbers", rows, D);
  return made;
}

/* ---- parametrisations -------------------------------------------------------------------------- */

/* What a native answer is: `score` tells, when its parametrisation is its own. */
typedef struct {
  const char *name;
  const borel_path *path;
  borel_parametrisation parametrisation;
  const borel_score *score;
} native_form;

/* From the native p x0 + q eps, in place. x = alpha x0 + sigma eps makes two equations of it. */
static borel_status from_native(const native_form *native, const borel_score_call *call, const double *x,
                                borel_prediction what, double *out, borel_error *error) {
  if (native->parametrisation == what && what <= BOREL_PREDICT_NOISE) return BOREL_OK;
  const borel_level *last = NULL;
  double a = 0, b = 0;
  for (size_t r = 0; r < call->rows; r++) {
    const borel_level *level = borel_call_level(call, r);
    if (level != last) {
      double alpha = exp(level->ln_alpha), sigma = exp(level->ln_sigma), s, q;
      if (native->parametrisation == BOREL_NATIVE_CUSTOM)
        native->score->ops->native(native->score->self, level, &s, &q);
      else
        borel_path_native(native->path, native->parametrisation, level, &s, &q);
      double det = alpha * q - sigma * s, size = fabs(alpha * q) + fabs(sigma * s);
      if (!(fabs(det) > 1e-12 * size) || !isfinite(size))
        return borel_fail(
            error, BOREL_ARG,
            "%s: at lambda = %g its prediction does not tell %s: the answer %g x0 + %g eps and x = %g x0 + "
            "%g eps depend on each other",
            native->name, level->lambda, what == BOREL_PREDICT_DATA ? "x0" : "eps", s, q, alpha, sigma);
      a = (what == BOREL_PREDICT_DATA ? q : -s) / det;
      b = (what == BOREL_PREDICT_DATA ? -sigma : alpha) / det;
      last = level;
    }
    size_t at = r * call->D;
    blend(call->D, a, b, x + at, out + at, out + at);
  }
  return BOREL_OK;
}

borel_status borel_predictor_from_native(const char *name, const borel_path *path,
                                         borel_parametrisation parametrisation, const borel_score_call *call,
                                         const double *x, borel_prediction what, double *out,
                                         borel_error *error) {
  return from_native(&(native_form){name, path, parametrisation, NULL}, call, x, what, out, error);
}

/* ---- a score ----------------------------------------------------------------------------------- */

typedef struct {
  borel_predictor base;
  const borel_score *score;
  borel_path path;
} leaf;

typedef struct {
  borel_block *block;
  double *x; /* with the shift */
} leaf_room;

static void leaf_close(const borel_predictor *p, void *room) {
  (void)p;
  leaf_room *r = room;
  if (!r) return;
  borel_block_destroy(r->block);
  free(r->x);
  free(r);
}

static void *leaf_open(const borel_predictor *p, size_t rows, size_t D, borel_error *error) {
  const borel_score *score = ((const leaf *)p)->score;
  leaf_room *r = calloc(1, sizeof *r);
  if (!r) {
    borel_fail(error, BOREL_INTERNAL, "%s: out of memory", score->component->name);
    return NULL;
  }
  borel_dims dims = {.N = rows, .D = D, .values = score->values};
  if (borel_block_create(score->ops->scratch, &dims, &r->block, error) != BOREL_OK ||
      !(r->x = scratch(1, rows, D, error))) {
    leaf_close(p, r);
    return NULL;
  }
  return r;
}

/* What the score is given: x itself, with the shift. */
static const double *shifted(const borel_score_call *call, const double *x, double *room) {
  if (!call->shift) return x;
  for (size_t r = 0; r < call->rows; r++)
    for (size_t d = 0; d < call->D; d++)
      room[r * call->D + d] = x[r * call->D + d] + call->shift[r * call->shift_stride + d];
  return room;
}

static borel_status check_finite(const leaf *p, const borel_score_call *call, const double *out,
                                 borel_error *error) {
  double sum = 0; /* of what is finite: 0; NaN and infinity stay */
  for (size_t i = 0; i < call->rows * call->D; i++) sum += out[i] * 0;
  if (sum == 0) return BOREL_OK;
  for (size_t i = 0; i < call->rows * call->D; i++)
    if (!isfinite(out[i])) {
      size_t row = i / call->D;
      return borel_fail(error, BOREL_DOMAIN,
                        "%s: at lambda = %g its prediction for coordinate %zu of sample %llu is %g",
                        p->score->component->name, borel_call_level(call, row)->lambda, i % call->D + 1,
                        (unsigned long long)(call->first + row + 1), out[i]);
    }
  return BOREL_OK;
}

static borel_status leaf_predict(const borel_predictor *given, void *room, const borel_score_call *call,
                                 const double *x, borel_prediction what, double *out, borel_error *error) {
  const leaf *p = (const leaf *)given;
  const borel_score *score = p->score;
  leaf_room *r = room;
  borel_status status =
      score->ops->evaluate(score->self, r->block->data, call, shifted(call, x, r->x), out, error);
  if (status == BOREL_REJECT)
    return borel_fail(error, BOREL_INTERNAL, "%s: evaluate rejects", score->component->name);
  if (status == BOREL_OK) status = check_finite(p, call, out, error);
  native_form native = {score->component->name, &p->path, score->ops->parametrisation(score->self), score};
  return status == BOREL_OK ? from_native(&native, call, x, what, out, error) : status;
}

static borel_status leaf_logdensity(const borel_predictor *given, void *room, const borel_score_call *call,
                                    const double *x, double *out, borel_error *error) {
  const leaf *p = (const leaf *)given;
  leaf_room *r = room;
  return p->score->ops->logdensity(p->score->self, r->block->data, call, shifted(call, x, r->x), out, error);
}

static void plain_destroy(borel_predictor *p) { free(p); }

borel_status borel_predictor_score(const borel_score *score, const borel_path *path, borel_predictor **out,
                                   borel_error *error) {
  static const borel_predictor_ops plain = {leaf_open, leaf_close, leaf_predict, plain_destroy, NULL};
  static const borel_predictor_ops dense = {leaf_open, leaf_close, leaf_predict, plain_destroy,
                                            leaf_logdensity};
  *out = NULL;
  const borel_score_ops *ops = score->ops;
  borel_parametrisation native = ops->parametrisation(score->self);
  if (native > BOREL_NATIVE_CUSTOM || (native == BOREL_NATIVE_CUSTOM && !ops->native))
    return borel_fail(error, BOREL_INTERNAL, "%s: its parametrisation is %u, which nothing says what it is",
                      score->component->name, (unsigned)native);
  leaf *made = calloc(1, sizeof *made);
  if (!made) return borel_fail(error, BOREL_INTERNAL, "%s: out of memory", score->component->name);
  made->base.ops = ops->logdensity ? &dense : &plain;
  made->base.D = ops->dimension(score->self);
  made->base.calls = 1;
  made->base.rows = ops->preferred_rows ? ops->preferred_rows(score->self) : 0;
  made->score = score;
  made->path = *path;
  *out = &made->base;
  return BOREL_OK;
}

/* ---- sums --------------------------------------------------------------------------------------- */

typedef struct {
  borel_predictor base;
  size_t n;
  int affine; /* the weights sum to 1, so that they serve for x0 as well as for eps */
  struct {
    borel_predictor *predictor;
    double weight;
  } parts[];
} sum;

typedef struct {
  double *one;    /* [rows, D] */
  double *logs;   /* [n, rows], of a mixture */
  double *shares; /* [rows] */
  void *rooms[];
} sum_room;

static void sum_close(const borel_predictor *given, void *room) {
  const sum *p = (const sum *)given;
  sum_room *r = room;
  if (!r) return;
  for (size_t j = 0; j < p->n; j++)
    if (r->rooms[j]) p->parts[j].predictor->ops->close(p->parts[j].predictor, r->rooms[j]);
  free(r->one);
  free(r->logs);
  free(r->shares);
  free(r);
}

static void *sum_open(const borel_predictor *given, size_t rows, size_t D, borel_error *error) {
  const sum *p = (const sum *)given;
  sum_room *r = calloc(1, sizeof *r + p->n * sizeof *r->rooms);
  if (r && (r->one = scratch(1, rows, D, error)) && (r->logs = scratch(p->n, rows, 1, error)) &&
      (r->shares = scratch(1, rows, 1, error))) {
    size_t j = 0;
    while (j < p->n &&
           (r->rooms[j] = p->parts[j].predictor->ops->open(p->parts[j].predictor, rows, D, error)))
      j++;
    if (j == p->n) return r;
  } else if (!r) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for a sum of scores");
  }
  sum_close(given, r);
  return NULL;
}

static borel_status sum_predict(const borel_predictor *given, void *room, const borel_score_call *call,
                                const double *x, borel_prediction what, double *out, borel_error *error) {
  const sum *p = (const sum *)given;
  sum_room *r = room;
  borel_prediction each = p->affine ? what : BOREL_PREDICT_NOISE;
  size_t size = call->rows * call->D;
  for (size_t j = 0; j < p->n; j++) {
    borel_predictor *part = p->parts[j].predictor;
    borel_status status = part->ops->predict(part, r->rooms[j], call, x, each, r->one, error);
    if (status != BOREL_OK) return status;
    double weight = p->parts[j].weight;
    if (j)
      for (size_t i = 0; i < size; i++) out[i] += weight * r->one[i];
    else
      for (size_t i = 0; i < size; i++) out[i] = weight * r->one[i];
  }
  if (each != what) borel_predictor_convert(call, x, each, out, out);
  return BOREL_OK;
}

static borel_status sum_create(const borel_predictor_ops *ops, size_t n, borel_predictor *const *parts,
                               const double *weights, borel_predictor **out, borel_error *error) {
  *out = NULL;
  if (!n) return borel_fail(error, BOREL_ARG, "a sum of scores has at least one");
  sum *made = n < 4096 ? calloc(1, sizeof *made + n * sizeof *made->parts) : NULL;
  if (!made) return borel_fail(error, BOREL_INTERNAL, "out of memory for a sum of %zu scores", n);
  made->base.ops = ops;
  made->n = n;
  double total = 0;
  for (size_t j = 0; j < n; j++) {
    borel_predictor *part = parts[j];
    if (part->D && made->base.D && part->D != made->base.D) {
      borel_fail(error, BOREL_ARG, "scores 1 and %zu of a sum have %zu and %zu dimensions", j + 1,
                 made->base.D, part->D);
      free(made);
      return BOREL_ARG;
    }
    if (part->D) made->base.D = part->D;
    made->base.serial |= part->serial;
    made->base.calls += part->calls;
    if (part->rows > made->base.rows) made->base.rows = part->rows;
    made->parts[j].predictor = part;
    made->parts[j].weight = weights[j];
    total += weights[j];
  }
  made->affine = fabs(total - 1) < 1e-14;
  *out = &made->base;
  return BOREL_OK;
}

borel_status borel_predictor_sum(size_t n, borel_predictor *const *parts, const double *weights,
                                 borel_predictor **out, borel_error *error) {
  static const borel_predictor_ops ops = {sum_open, sum_close, sum_predict, plain_destroy, NULL};
  return sum_create(&ops, n, parts, weights, out, error);
}

/* ---- mixtures ----------------------------------------------------------------------------------- */

/* room->logs: the log-densities of all parts with their weights; `out` their log-sum. */
static borel_status mixture_logdensity(const borel_predictor *given, void *room, const borel_score_call *call,
                                       const double *x, double *out, borel_error *error) {
  const sum *p = (const sum *)given;
  sum_room *r = room;
  size_t rows = call->rows;
  for (size_t j = 0; j < p->n; j++) {
    borel_predictor *part = p->parts[j].predictor;
    double *logs = r->logs + j * rows, weight = log(p->parts[j].weight);
    borel_status status = part->ops->logdensity(part, r->rooms[j], call, x, logs, error);
    if (status != BOREL_OK) return status;
    for (size_t b = 0; b < rows; b++) logs[b] += weight;
  }
  for (size_t b = 0; b < rows; b++) {
    double highest = -INFINITY, total = 0;
    for (size_t j = 0; j < p->n; j++) highest = fmax(highest, r->logs[j * rows + b]);
    for (size_t j = 0; j < p->n; j++) total += exp(r->logs[j * rows + b] - highest);
    out[b] = highest > -INFINITY ? highest + log(total) : highest;
  }
  return BOREL_OK;
}

/* Shares sum to 1, so that they serve for x0 as well as for eps. */
static borel_status mixture_predict(const borel_predictor *given, void *room, const borel_score_call *call,
                                    const double *x, borel_prediction what, double *out, borel_error *error) {
  const sum *p = (const sum *)given;
  sum_room *r = room;
  size_t rows = call->rows, D = call->D;
  borel_status status = mixture_logdensity(given, room, call, x, r->shares, error);
  if (status != BOREL_OK) return status;
  memset(out, 0, rows * D * sizeof *out);
  for (size_t j = 0; j < p->n; j++) {
    borel_predictor *part = p->parts[j].predictor;
    status = part->ops->predict(part, r->rooms[j], call, x, what, r->one, error);
    if (status != BOREL_OK) return status;
    for (size_t b = 0; b < rows; b++) {
      /* Where all densities underflow nothing tells the parts apart: they have the same share. */
      double share = r->shares[b] > -INFINITY ? exp(r->logs[j * rows + b] - r->shares[b]) : 1 / (double)p->n;
      for (size_t d = 0; d < D; d++) out[b * D + d] += share * r->one[b * D + d];
    }
  }
  return BOREL_OK;
}

borel_status borel_predictor_mixture(size_t n, borel_predictor *const *parts, const double *weights,
                                     borel_predictor **out, borel_error *error) {
  static const borel_predictor_ops ops = {sum_open, sum_close, mixture_predict, plain_destroy,
                                          mixture_logdensity};
  *out = NULL;
  double total = 0;
  for (size_t j = 0; j < n; j++) {
    if (!parts[j]->ops->logdensity)
      return borel_fail(error, BOREL_ARG, "score %zu of a mixture has no log-density", j + 1);
    if (!(weights[j] >= 0 && isfinite(weights[j])))
      return borel_fail(error, BOREL_ARG, "weight %zu of a mixture is %g; it must not be negative", j + 1,
                        weights[j]);
    total += weights[j];
  }
  if (n && !(total > 0)) return borel_fail(error, BOREL_ARG, "the weights of a mixture are all 0");
  borel_status status = sum_create(&ops, n, parts, weights, out, error);
  if (status == BOREL_OK)
    for (size_t j = 0; j < n; j++) ((sum *)*out)->parts[j].weight /= total;
  return status;
}

/* ---- thresholds --------------------------------------------------------------------------------- */

typedef struct {
  borel_predictor base;
  borel_predictor *inner;
  double limit, quantile;
} threshold;

typedef struct {
  void *inner;
  double *sorted; /* [D] */
} threshold_room;

static void threshold_close(const borel_predictor *given, void *room) {
  const threshold *p = (const threshold *)given;
  threshold_room *r = room;
  if (!r) return;
  if (r->inner) p->inner->ops->close(p->inner, r->inner);
  free(r->sorted);
  free(r);
}

static void *threshold_open(const borel_predictor *given, size_t rows, size_t D, borel_error *error) {
  const threshold *p = (const threshold *)given;
  threshold_room *r = calloc(1, sizeof *r);
  if (r && (r->sorted = scratch(1, 1, D, error)) &&
      (r->inner = p->inner->ops->open(p->inner, rows, D, error)))
    return r;
  if (!r) borel_fail(error, BOREL_INTERNAL, "out of memory for a threshold");
  threshold_close(given, r);
  return NULL;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The quantile of |x0| between order statistics, as in type 7 of Hyndman and Fan 1996. */
static double magnitude(const double *x0, size_t D, double quantile, double *sorted) {
  for (size_t d = 0; d < D; d++) sorted[d] = fabs(x0[d]);
  qsort(sorted, D, sizeof *sorted, ascending);
  double place = quantile * (double)(D - 1);
  size_t below = (size_t)place;
  if (below + 1 >= D) return sorted[D - 1];
  return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

static borel_status threshold_predict(const borel_predictor *given, void *room, const borel_score_call *call,
                                      const double *x, borel_prediction what, double *out,
                                      borel_error *error) {
  const threshold *p = (const threshold *)given;
  threshold_room *r = room;
  borel_status status = p->inner->ops->predict(p->inner, r->inner, call, x, BOREL_PREDICT_DATA, out, error);
  if (status != BOREL_OK) return status;
  for (size_t row = 0; row < call->rows; row++) {
    double *x0 = out + row * call->D, bound = p->limit;
    if (p->quantile > 0) bound = fmax(bound, magnitude(x0, call->D, p->quantile, r->sorted));
    for (size_t d = 0; d < call->D; d++) {
      double held = x0[d] < -bound ? -bound : x0[d] > bound ? bound : x0[d];
      x0[d] = bound > p->limit ? held * (p->limit / bound) : held;
    }
  }
  if (what != BOREL_PREDICT_DATA) borel_predictor_convert(call, x, BOREL_PREDICT_DATA, out, out);
  return BOREL_OK;
}

borel_status borel_predictor_threshold(borel_predictor *inner, double limit, double quantile,
                                       borel_predictor **out, borel_error *error) {
  static const borel_predictor_ops threshold_ops = {threshold_open, threshold_close, threshold_predict,
                                                    plain_destroy, NULL};
  *out = NULL;
  if (!(limit > 0) || !isfinite(limit))
    return borel_fail(error, BOREL_ARG, "threshold: the limit of x0 is %g; it must be above 0", limit);
  if (!(quantile >= 0 && quantile < 1))
    return borel_fail(error, BOREL_ARG, "threshold: the quantile is %g; it must be at least 0 and below 1",
                      quantile);
  threshold *made = calloc(1, sizeof *made);
  if (!made) return borel_fail(error, BOREL_INTERNAL, "out of memory for a threshold");
  made->base = *inner;
  made->base.ops = &threshold_ops;
  made->inner = inner;
  made->limit = limit;
  made->quantile = quantile;
  *out = &made->base;
  return BOREL_OK;
}
