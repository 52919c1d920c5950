/* SPDX-License-Identifier: MIT */
#include "host/involution.h"

#include "core/array.h"
#include "core/error.h"
#include "host/difference.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const borel_involution_side *borel_involution_other(const borel_involution *involution, size_t side) {
  return &involution->sides[involution->side_count == 2 ? 1 - side : 0];
}

/* ---- the map --------------------------------------------------------------------------------- */

static borel_status check_field(const char *name, const borel_block_field *field, const double *numbers,
                                borel_error *error) {
  size_t count = field->bytes / borel_dtype_size(field->dtype);
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(numbers[i]))
      return borel_fail(error, BOREL_DOMAIN,
                        "%s: its map makes %g of '%s'; return BOREL_REJECT where it does "
                        "not apply",
                        name, numbers[i], field->name);
    if (field->dtype != BOREL_F64 && numbers[i] != nearbyint(numbers[i]))
      return borel_fail(error, BOREL_INTERNAL, "%s: its map makes %.17g of '%s', which is declared as whole",
                        name, numbers[i], field->name);
  }
  return BOREL_OK;
}

static borel_status check_block(const char *name, const borel_block *block, const double **numbers,
                                borel_error *error) {
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < block->count && status == BOREL_OK; i++) {
    status = check_field(name, &block->fields[i], *numbers, error);
    *numbers += block->fields[i].bytes / borel_dtype_size(block->fields[i].dtype);
  }
  return status;
}

borel_status borel_involution_map(const borel_involution *involution, size_t side, const double *in,
                                  double *out, borel_error *error) {
  const borel_involution_side *other = borel_involution_other(involution, side);
  const char *name = involution->component->name;
  for (size_t i = 0; i < other->size; i++) out[i] = NAN;
  borel_status status = involution->ops->map(involution->self, (uint32_t)side, in, out, error);
  if (status != BOREL_OK) return status;
  const double *numbers = out;
  status = check_block(name, other->trace, &numbers, error);
  return status == BOREL_OK ? check_block(name, other->auxiliary, &numbers, error) : status;
}

/* ---- the Jacobian by differences ------------------------------------------------------------- */

enum { SCALES = 5 };
/* What differences of a smooth map reach, and what the log-ratio of a move may be off by. */
static const double CLEAR = 1e-11, MOST_DOUBT = 1e-6;

/* Places of the continuous numbers of a side, [continuous]. */
static void continuous_of(const borel_involution_side *side, size_t *places) {
  const borel_block *const blocks[] = {side->trace, side->auxiliary};
  size_t place = 0, n = 0;
  for (int b = 0; b < 2; b++)
    for (size_t i = 0; i < blocks[b]->count; i++) {
      const borel_block_field *field = &blocks[b]->fields[i];
      size_t count = field->bytes / borel_dtype_size(field->dtype);
      for (size_t k = 0; k < count; k++, place++)
        if (field->dtype == BOREL_F64) places[n++] = place;
    }
}

/* One entry: out[row] as a function of in[column]. */
typedef struct {
  const borel_involution *involution;
  size_t side, row, column;
  double *in, *out;
} entry;

static double value_at(void *context, double x) {
  const entry *e = context;
  borel_error error = {0};
  double kept = e->in[e->column];
  e->in[e->column] = x;
  borel_status status =
      e->involution->ops->map(e->involution->self, (uint32_t)e->side, e->in, e->out, &error);
  e->in[e->column] = kept;
  return status == BOREL_OK ? e->out[e->row] : NAN;
}

static void swap(double *a, double *b) {
  double kept = *a;
  *a = *b;
  *b = kept;
}

/* One step of the elimination, with pivot k on the diagonal. */
static void eliminate(size_t n, double *a, size_t k) {
  double pivot = a[k * n + k];
  a[k * n + k] = 1;
  for (size_t j = 0; j < n; j++) a[k * n + j] /= pivot;
  for (size_t i = 0; i < n; i++) {
    double factor = a[i * n + k];
    if (i == k) continue;
    a[i * n + k] = 0;
    for (size_t j = 0; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
  }
}

/* log |det a| of a matrix [n, n], whose inverse takes its place: Gauss-Jordan elimination with the largest
 * pivot of each column; `order` [n]. */
static double invert(size_t n, double *a, size_t *order) {
  double log_det = 0;
  for (size_t k = 0; k < n; k++) {
    order[k] = k;
    for (size_t i = k + 1; i < n; i++)
      if (fabs(a[i * n + k]) > fabs(a[order[k] * n + k])) order[k] = i;
    for (size_t j = 0; j < n && order[k] != k; j++) swap(&a[k * n + j], &a[order[k] * n + j]);
    log_det += log(fabs(a[k * n + k]));
    eliminate(n, a, k);
  }
  for (size_t k = n; k-- > 0;)
    for (size_t i = 0; i < n && order[k] != k; i++) swap(&a[i * n + k], &a[i * n + order[k]]);
  return log_det;
}

typedef struct {
  size_t *from, *to, *order; /* [n] each */
  double *matrix, *errors;   /* [n, n] each */
  double *in, *out;
} room;

static int take(const borel_involution *involution, size_t side, size_t n, room *r) {
  size_t square;
  if (__builtin_mul_overflow(n, n, &square) || square > SIZE_MAX / (2 * sizeof(double)) - 1) return 0;
  r->from = calloc(3 * n, sizeof *r->from);
  r->matrix = calloc(2 * square, sizeof *r->matrix);
  r->in = calloc(involution->sides[side].size, sizeof *r->in);
  r->out = calloc(borel_involution_other(involution, side)->size, sizeof *r->out);
  if (!r->from || !r->matrix || !r->in || !r->out) return 0;
  r->to = r->from + n;
  r->order = r->to + n;
  r->errors = r->matrix + square;
  return 1;
}

static void drop(room *r) {
  free(r->from);
  free(r->matrix);
  free(r->in);
  free(r->out);
}

/* The derivative of an entry, from shorter and shorter distances while a map that bends fast, or ends nearby,
 * leaves it unclear. */
static double slope(entry *e, double x, double *error) {
  double distance = 0.25 * fmax(1, fabs(x)), best = NAN;
  *error = INFINITY;
  for (int i = 0; i < SCALES && !(*error <= CLEAR * fmax(1, fabs(best))); i++, distance /= 64) {
    double unsure, found = borel_difference_from(value_at, e, x, distance, &unsure);
    if (!(unsure < *error)) continue;
    *error = unsure;
    best = found;
  }
  return best;
}

static void fill_matrix(const borel_involution *involution, size_t side, const double *in, room *r) {
  const borel_involution_side *here = &involution->sides[side];
  size_t n = here->continuous;
  continuous_of(here, r->from);
  continuous_of(borel_involution_other(involution, side), r->to);
  memcpy(r->in, in, here->size * sizeof *in);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      entry e = {involution, side, r->to[i], r->from[j], r->in, r->out};
      r->matrix[i * n + j] = slope(&e, in[e.column], &r->errors[i * n + j]);
    }
}

borel_status borel_involution_differences(const borel_involution *involution, size_t side, const double *in,
                                          double *log_jacobian, double *doubt, borel_error *error) {
  const char *name = involution->component->name;
  size_t n = involution->sides[side].continuous;
  borel_status status = BOREL_OK;
  room r = {0};
  *log_jacobian = *doubt = 0;
  if (!n) return BOREL_OK;
  if (!take(involution, side, n, &r)) {
    status = borel_fail(error, BOREL_INTERNAL, "%s: no memory for the Jacobian of %zu numbers", name, n);
    goto end;
  }
  fill_matrix(involution, side, in, &r);
  *log_jacobian = invert(n, r.matrix, r.order);
  for (size_t i = 0; i < n; i++) /* d log |det a| = sum of inverse[j][i] d a[i][j] */
    for (size_t j = 0; j < n; j++) *doubt += fabs(r.matrix[j * n + i]) * r.errors[i * n + j];
  if (!isfinite(*log_jacobian) || !isfinite(*doubt))
    status = borel_fail(error, BOREL_DOMAIN,
                        "%s: differences of its map give the log-Jacobian %g: it has no inverse there, or no "
                        "derivative",
                        name, *log_jacobian);

end:
  drop(&r);
  return status;
}

static borel_status by_differences(const borel_involution *involution, size_t side, const double *in,
                                   double *log_jacobian, double *doubt, borel_error *error) {
  borel_status status = borel_involution_differences(involution, side, in, log_jacobian, doubt, error);
  if (status != BOREL_OK || *doubt <= MOST_DOUBT) return status;
  return borel_fail(error, BOREL_DOMAIN,
                    "%s: differences of its map give a log-Jacobian of %g to %.1e only; it must state it",
                    involution->component->name, *log_jacobian, *doubt);
}

borel_status borel_involution_log_jacobian(const borel_involution *involution, size_t side, const double *in,
                                           double *log_jacobian, double *doubt, borel_error *error) {
  const char *name = involution->component->name;
  if (!involution->ops->log_jacobian) return by_differences(involution, side, in, log_jacobian, doubt, error);
  *log_jacobian = NAN;
  *doubt = 0;
  borel_status status =
      involution->ops->log_jacobian(involution->self, (uint32_t)side, in, log_jacobian, error);
  if (status == BOREL_OK && !isfinite(*log_jacobian))
    return borel_fail(error, BOREL_DOMAIN, "%s: it states the log-Jacobian %g", name, *log_jacobian);
  if (status == BOREL_REJECT)
    return borel_fail(error, BOREL_INTERNAL, "%s: log_jacobian rejects where map does not", name);
  return status;
}
