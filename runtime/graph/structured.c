/* SPDX-License-Identifier: MIT
 * Shape rules and evaluation of the operations that are not elementwise. */
#include <math.h>
#include <string.h>

#include "graph/internal.h"
#include "graph/order.h"

#define EVAL(NAME)                                                                                           \
  void borel_eval_##NAME(const borel_node_info *node, const borel_operand *args, size_t count, void *out)
#define SHAPE(NAME)                                                                                          \
  borel_status borel_shape_##NAME(borel_node_info *info, const borel_node_info *const *args, size_t count,   \
                                  const borel_shape *stated, borel_error *error)

static borel_status arity(borel_op op, size_t count, size_t wanted, borel_error *error) {
  if (count == wanted) return BOREL_OK;
  return borel_fail(error, BOREL_ARG, "%s: takes %zu arguments, got %zu", borel_op_get(op)->name, wanted,
                    count);
}

static borel_status need_f64(const borel_node_info *info, const borel_node_info *arg, borel_error *error) {
  if (arg->dtype == BOREL_F64) return BOREL_OK;
  return borel_fail(error, BOREL_ARG, "%s: needs an f64 array, got %s", borel_op_get(info->op)->name,
                    borel_dtype_name(arg->dtype));
}

/* ---- reshape, broadcast, gather, scatter ----------------------------------------------------- */

SHAPE(RESHAPE) {
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  char have[64], want[64];
  if (!stated || borel_shape_size(stated) != borel_shape_size(&args[0]->shape))
    return borel_fail(error, BOREL_ARG, "reshape: %s has not as many elements as %s",
                      borel_shape_text(&args[0]->shape, have), stated ? borel_shape_text(stated, want) : "?");
  info->shape = *stated;
  info->dtype = args[0]->dtype;
  return BOREL_OK;
}
EVAL(RESHAPE) {
  (void)count;
  memcpy(out, args[0].data, 8 * (size_t)borel_shape_size(&node->shape));
}

SHAPE(BROADCAST) {
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  borel_shape wide;
  char have[64], want[64];
  if (!stated || !borel_shape_broadcast(&args[0]->shape, stated, &wide) || !borel_shape_equal(&wide, stated))
    return borel_fail(error, BOREL_ARG, "broadcast: %s does not stretch to %s",
                      borel_shape_text(&args[0]->shape, have), stated ? borel_shape_text(stated, want) : "?");
  info->shape = *stated;
  info->dtype = args[0]->dtype;
  return BOREL_OK;
}
EVAL(BROADCAST) {
  (void)count;
  const borel_shape *to = &node->shape, *from = args[0].shape;
  int64_t size = borel_shape_size(to), at[BOREL_MAX_RANK] = {0}, stride[BOREL_MAX_RANK] = {0};
  int64_t run = 1;
  for (int i = to->rank - 1, j = from->rank - 1; j >= 0; i--, j--) {
    stride[i] = from->extent[j] == 1 ? 0 : run;
    run *= from->extent[j];
  }
  const uint64_t *source = args[0].data;
  uint64_t *target = out;
  for (int64_t flat = 0; flat < size; flat++) {
    int64_t index = 0;
    for (int i = 0; i < to->rank; i++) index += at[i] * stride[i];
    target[flat] = source[index];
    for (int i = to->rank - 1; i >= 0 && ++at[i] == to->extent[i]; i--) at[i] = 0;
  }
}

SHAPE(GATHER) {
  (void)stated;
  if (arity(info->op, count, 2, error)) return error ? error->code : BOREL_ARG;
  if (args[1]->dtype != BOREL_I64) return borel_fail(error, BOREL_ARG, "gather: indices must be integers");
  if (args[1]->op == BOREL_OP_ARRAY || args[1]->op == BOREL_OP_SCALAR) {
    int64_t limit = borel_shape_size(&args[0]->shape), n = borel_shape_size(&args[1]->shape);
    const int64_t *index = args[1]->op == BOREL_OP_ARRAY ? args[1]->array.data : &args[1]->attr;
    for (int64_t i = 0; i < n; i++)
      if (index[i] < 0 || index[i] >= limit)
        return borel_fail(error, BOREL_ARG, "index %lld (at place %lld) is outside 1 .. %lld",
                          (long long)index[i] + 1, (long long)i + 1, (long long)limit);
  }
  info->shape = args[1]->shape;
  info->dtype = args[0]->dtype;
  return BOREL_OK;
}
EVAL(GATHER) {
  (void)count;
  const uint64_t *source = args[0].data;
  const int64_t *index = args[1].data;
  uint64_t *target = out;
  int64_t limit = borel_shape_size(args[0].shape);
  for (int64_t i = 0, n = borel_shape_size(&node->shape); i < n; i++) {
    double missing = NAN;
    if (index[i] >= 0 && index[i] < limit)
      target[i] = source[index[i]];
    else
      memcpy(&target[i], &missing, 8);
  }
}

SHAPE(SCATTER) {
  if (arity(info->op, count, 2, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  if (!stated || args[1]->dtype != BOREL_I64 || !borel_shape_equal(&args[0]->shape, &args[1]->shape))
    return borel_fail(error, BOREL_INTERNAL, "scatter: values and indices differ in shape");
  info->shape = *stated;
  info->dtype = BOREL_F64;
  return BOREL_OK;
}
EVAL(SCATTER) {
  (void)count;
  int64_t size = borel_shape_size(&node->shape);
  double *target = out;
  memset(target, 0, 8 * (size_t)size);
  const double *value = args[0].data;
  const int64_t *index = args[1].data;
  for (int64_t i = 0, n = borel_shape_size(args[0].shape); i < n; i++)
    if (index[i] >= 0 && index[i] < size) target[index[i]] += value[i];
}

/* ---- reductions ------------------------------------------------------------------------------ */

SHAPE(SUM) {
  (void)stated;
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  const borel_shape *from = &args[0]->shape;
  info->dtype = BOREL_F64;
  info->shape = (borel_shape){0};
  if (info->attr < 0) return BOREL_OK;
  if (info->attr >= from->rank)
    return borel_fail(error, BOREL_ARG, "sum: there is no axis %lld", (long long)info->attr + 1);
  for (int i = 0; i < from->rank; i++)
    if (i != info->attr) info->shape.extent[info->shape.rank++] = from->extent[i];
  return BOREL_OK;
}
/* An array seen as [outer, axis, inner]. */
static void split_axis(const borel_shape *shape, int64_t axis, int64_t *outer, int64_t *length,
                       int64_t *inner) {
  *outer = *inner = 1;
  *length = axis < 0 ? borel_shape_size(shape) : shape->extent[axis];
  for (int i = 0; axis >= 0 && i < shape->rank; i++) {
    if (i < axis) *outer *= shape->extent[i];
    if (i > axis) *inner *= shape->extent[i];
  }
}
/* Long sums have the eight accumulators of emitted code, added in its order. */
static double total(const double lane[8]) {
  return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}
EVAL(SUM) {
  (void)count;
  int64_t outer, length, inner;
  split_axis(args[0].shape, node->attr, &outer, &length, &inner);
  const double *a = args[0].data;
  double *sum = out;
  for (int64_t o = 0; o < outer && inner == 1; o++) {
    double lane[8] = {0};
    for (int64_t i = 0; i < length; i++) lane[i & 7] += a[o * length + i];
    sum[o] = total(lane);
  }
  for (int64_t o = 0; o < outer && inner != 1; o++) { /* neighbouring sums are independent: row by row */
    for (int64_t k = 0; k < inner; k++) sum[o * inner + k] = 0;
    for (int64_t i = 0; i < length; i++)
      for (int64_t k = 0; k < inner; k++) sum[o * inner + k] += a[(o * length + i) * inner + k];
  }
}

/* starts [groups + 1] are known; places [size of a] are what they were made of. */
SHAPE(SEGMENT_SUM) {
  (void)stated;
  if (arity(info->op, count, 3, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  if (args[1]->op != BOREL_OP_ARRAY || args[1]->shape.rank != 1 || args[1]->shape.extent[0] < 1)
    return borel_fail(error, BOREL_INTERNAL, "segment_sum: the places of its segments are not known");
  info->dtype = BOREL_F64;
  info->shape = (borel_shape){1, {args[1]->shape.extent[0] - 1}};
  return BOREL_OK;
}
EVAL(SEGMENT_SUM) {
  (void)count;
  const double *a = args[0].data;
  const int64_t *starts = args[1].data;
  for (int64_t g = 0; g < node->shape.extent[0]; g++) {
    double lane[8] = {0};
    for (int64_t i = starts[g]; i < starts[g + 1]; i++) lane[(i - starts[g]) & 7] += a[i];
    ((double *)out)[g] = total(lane);
  }
}

SHAPE(SUM_LOG) {
  (void)stated;
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  info->dtype = BOREL_F64;
  info->shape = (borel_shape){0};
  return BOREL_OK;
}
static int is_positive_normal(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (bits >> 52) - 1 <= 2045;
}
/* Takes the exponent off a positive normal number. */
static double take_exponent(double x, int64_t *exponent) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  *exponent += (int64_t)(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
  memcpy(&x, &bits, sizeof x);
  return x;
}
/* Significands are multiplied, in eight lanes, and exponents added: one logarithm for all. A product of 128 /
 * 8 of them is far from overflow, and taking an exponent off is exact: it does not matter when it is done.
 * Elements that are no positive normal numbers come in by logarithms of their own. */
EVAL(SUM_LOG) {
  (void)count, (void)node;
  static const double high = 6.93147180369123816490e-01, low = 1.90821492927058770002e-10; /* ln 2 */
  const double *a = args[0].data;
  double lane[8] = {1, 1, 1, 1, 1, 1, 1, 1}, others = 0;
  int64_t exponent = 0;
  for (int64_t i = 0, n = borel_shape_size(args[0].shape); i < n; i++) {
    double *product = &lane[i & 7];
    if (is_positive_normal(a[i]))
      *product *= take_exponent(a[i], &exponent);
    else
      others += borel_op_number(BOREL_OP_LOG, a[i], 0, 0);
    if ((i & 127) >= 120) *product = take_exponent(*product, &exponent);
  }
  for (int l = 0; l < 8; l++) lane[l] = take_exponent(lane[l], &exponent);
  double product = ((lane[0] * lane[4]) * (lane[1] * lane[5])) * ((lane[2] * lane[6]) * (lane[3] * lane[7])),
         twos = (double)exponent;
  *(double *)out = (twos * high + (twos * low + borel_op_number(BOREL_OP_LOG, product, 0, 0))) + others;
}

/* For reductions of everything (attr < 0) or of the last axis. */
static borel_status last_axis_shape(borel_node_info *info, const borel_node_info *const *args, size_t count,
                                    borel_error *error) {
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  if (info->attr >= 0 && info->attr != args[0]->shape.rank - 1)
    return borel_fail(error, BOREL_ARG, "%s: reduces the last axis (%d) or everything",
                      borel_op_get(info->op)->name, args[0]->shape.rank);
  info->dtype = BOREL_F64;
  info->shape = (borel_shape){0};
  for (int i = 0; info->attr >= 0 && i < args[0]->shape.rank - 1; i++)
    info->shape.extent[info->shape.rank++] = args[0]->shape.extent[i];
  return BOREL_OK;
}

SHAPE(LOG_SUM_EXP) {
  (void)stated;
  return last_axis_shape(info, args, count, error);
}
EVAL(LOG_SUM_EXP) {
  (void)count;
  int64_t outer, length, inner;
  split_axis(args[0].shape, node->attr, &outer, &length, &inner);
  const double *a = args[0].data;
  for (int64_t o = 0; o < outer; o++, a += length) {
    if (length == 2) { /* one exponential is enough */
      ((double *)out)[o] = borel_op_number(BOREL_OP_LOG_ADD_EXP, a[0], a[1], 0);
      continue;
    }
    double high = -INFINITY, lane[8] = {0};
    for (int64_t i = 0; i < length; i++) high = a[i] > high || a[i] != a[i] ? a[i] : high;
    for (int64_t i = 0; i < length && isfinite(high); i++)
      lane[i & 7] += borel_op_number(BOREL_OP_EXP, a[i] - high, 0, 0);
    ((double *)out)[o] = isfinite(high) ? high + borel_op_number(BOREL_OP_LOG, total(lane), 0, 0) : high;
  }
}

SHAPE(MAXIMUM) {
  (void)stated;
  return last_axis_shape(info, args, count, error);
}
EVAL(MAXIMUM) {
  (void)count;
  int64_t outer, length, inner;
  split_axis(args[0].shape, node->attr, &outer, &length, &inner);
  const double *a = args[0].data;
  for (int64_t o = 0; o < outer; o++, a += length) {
    double high = -INFINITY;
    for (int64_t i = 0; i < length; i++) high = a[i] > high || a[i] != a[i] ? a[i] : high;
    ((double *)out)[o] = high;
  }
}

SHAPE(ORDER) {
  (void)stated;
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  if (args[0]->shape.rank != 1) return borel_fail(error, BOREL_ARG, "order: needs an array of one axis");
  info->dtype = BOREL_I64;
  info->shape = args[0]->shape;
  return BOREL_OK;
}
EVAL(ORDER) {
  (void)count;
  borel_order(borel_shape_size(&node->shape), args[0].data, out);
}

SHAPE(CUMSUM) {
  (void)stated;
  if (arity(info->op, count, 1, error)) return error ? error->code : BOREL_ARG;
  if (need_f64(info, args[0], error)) return BOREL_ARG;
  if (args[0]->shape.rank != 1) return borel_fail(error, BOREL_ARG, "cumsum: needs an array of one axis");
  info->dtype = BOREL_F64;
  info->shape = args[0]->shape;
  return BOREL_OK;
}
EVAL(CUMSUM) {
  (void)count;
  int64_t n = borel_shape_size(&node->shape);
  const double *a = args[0].data;
  double *sum = out, run = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = node->attr ? n - 1 - i : i;
    sum[at] = run += a[at];
  }
}

SHAPE(STACK) {
  info->shape = (borel_shape){1, {0}};
  info->dtype = args[0]->dtype;
  for (size_t i = 0; i < count; i++) {
    if (args[i]->dtype != info->dtype)
      return borel_fail(error, BOREL_ARG, "stack: numbers and integers do not mix");
    info->shape.extent[0] += borel_shape_size(&args[i]->shape);
  }
  if (stated && borel_shape_size(stated) == info->shape.extent[0]) info->shape = *stated;
  return BOREL_OK;
}
EVAL(STACK) {
  (void)node;
  char *at = out;
  for (size_t i = 0; i < count; i++) {
    size_t bytes = 8 * (size_t)borel_shape_size(args[i].shape);
    memcpy(at, args[i].data, bytes);
    at += bytes;
  }
}

/* ---- matmul: [N,K] x [K] -> [N], [N,K] x [K,M] -> [N,M]; either operand may be transposed ---- */

SHAPE(MATMUL) {
  (void)stated;
  if (arity(info->op, count, 2, error)) return error ? error->code : BOREL_ARG;
  const borel_shape *a = &args[0]->shape, *b = &args[1]->shape;
  char left[64], right[64];
  if (need_f64(info, args[0], error) || need_f64(info, args[1], error)) return BOREL_ARG;
  int ta = (int)(info->attr & 1), tb = (int)(info->attr >> 1 & 1);
  if (a->rank != 2 || (b->rank != 1 && b->rank != 2) ||
      a->extent[ta ? 0 : 1] != b->extent[b->rank == 2 && tb ? 1 : 0])
    return borel_fail(error, BOREL_ARG, "matmul: shapes %s and %s do not fit", borel_shape_text(a, left),
                      borel_shape_text(b, right));
  info->dtype = BOREL_F64;
  info->shape = (borel_shape){b->rank, {a->extent[ta ? 1 : 0], b->rank == 2 ? b->extent[tb ? 0 : 1] : 0}};
  return BOREL_OK;
}
int borel_matmul_in_lanes(int64_t attr, const borel_shape *a, const borel_shape *result) {
  int ta = (int)(attr & 1), tb = (int)(attr >> 1 & 1);
  int64_t columns = result->rank == 2 ? result->extent[1] : 1;
  if (a->extent[ta ? 0 : 1] <= 16) return 0;
  return ta ? columns == 1 && result->extent[0] <= 16 : columns == 1 || tb;
}
EVAL(MATMUL) {
  (void)count;
  const double *a = args[0].data, *b = args[1].data;
  double *c = out;
  int ta = (int)(node->attr & 1), tb = (int)(node->attr >> 1 & 1);
  int64_t width = args[0].shape->extent[1], inner = args[0].shape->extent[ta ? 0 : 1];
  int64_t n = node->shape.extent[0], m = node->shape.rank == 2 ? node->shape.extent[1] : 1;
  if (borel_matmul_in_lanes(node->attr, args[0].shape, &node->shape)) {
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < m; j++) {
        double lane[8] = {0};
        for (int64_t k = 0; k < inner; k++)
          lane[k & 7] += (ta ? a[k * width + i] : a[i * width + k]) * (tb ? b[j * inner + k] : b[k * m + j]);
        c[i * m + j] = total(lane);
      }
    return;
  }
  memset(c, 0, 8 * (size_t)(n * m));
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < inner; k++) {
      double x = ta ? a[k * width + i] : a[i * width + k];
      for (int64_t j = 0; j < m; j++) c[i * m + j] += x * (tb ? b[j * inner + k] : b[k * m + j]);
    }
}
