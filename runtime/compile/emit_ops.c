/* SPDX-License-Identifier: MIT
 * C text of the structured operations, one loop nest each. The loops write to slots and read slots, so
 * nothing here depends on what is in registers. */
#include "compile/emit.h"

#define EMIT(NAME) void borel_emit_##NAME(const borel_program *p, borel_node i, borel_text *out)
#define ARG(k) (borel_graph_args(p->graph, i)[k])
#define SHAPE_OF(node) (&borel_graph_at(p->graph, node)->shape)

/* "const double *x = ...; double *y = ...;" */
static void operands(const borel_program *p, borel_node i, borel_text *out) {
  static const char names[] = "xw";
  uint32_t count = borel_graph_at(p->graph, i)->arg_count;
  for (uint32_t k = 0; k < count && k < 2; k++) {
    borel_text_printf(out, "  const %s *%c = ",
                      borel_graph_at(p->graph, ARG(k))->dtype == BOREL_I64 ? "long long" : "double",
                      names[k]);
    borel_emit_pointer(p, ARG(k), 0, out);
    borel_text_printf(out, ";\n");
  }
  borel_text_printf(out, "  double *restrict y = ");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, ";\n");
}

static void loop(const borel_program *p, const char *name, const borel_shape *shape, borel_text *out) {
  borel_text_printf(out, "for (long long %s = 0, %s_end = ", name, name);
  borel_emit_size(p, shape, out);
  borel_text_printf(out, "; %s < %s_end; %s++)", name, name, name);
}

/* The part of a shape before or after an axis. */
static borel_shape part(const borel_shape *shape, int from, int to) {
  borel_shape result = {0};
  for (int k = from; k < to; k++) result.extent[result.rank++] = shape->extent[k];
  return result;
}

static const char lane_sum[] = "((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7]))";

EMIT(SUM) {
  const borel_shape *from = SHAPE_OF(ARG(0));
  int axis = (int)borel_graph_at(p->graph, i)->attr;
  borel_shape outer = part(from, 0, axis), inner = part(from, axis + 1, from->rank),
              length = part(from, axis, axis + 1);
  operands(p, i, out);
  borel_text_printf(out, "  const long long inner = ");
  borel_emit_size(p, &inner, out);
  borel_text_printf(out, ", length = ");
  borel_emit_size(p, &length, out);
  borel_text_printf(out, ";\n  ");
  loop(p, "o", &outer, out);
  borel_text_printf(
      out,
      "\n    for (long long k = 0; k < inner; k++) {\n      double a[8] = {0};\n"
      "      for (long long j = 0; j < length; j++) a[j & 7] += x[(o * length + j) * inner + k];\n"
      "      y[o * inner + k] = %s;\n    }\n",
      lane_sum);
}

EMIT(LOG_SUM_EXP) {
  const borel_shape *from = SHAPE_OF(ARG(0));
  int all = borel_graph_at(p->graph, i)->attr < 0;
  borel_shape outer = part(from, 0, all ? 0 : from->rank - 1),
              length = all ? *from : part(from, from->rank - 1, from->rank);
  operands(p, i, out);
  borel_text_printf(out, "  const long long length = ");
  borel_emit_size(p, &length, out);
  borel_text_printf(out, ";\n  ");
  loop(p, "o", &outer, out);
  borel_text_printf(
      out, " {\n    const double *v = x + o * length;\n    double high = -__builtin_inf(), sum = 0;\n"
           "    for (long long j = 0; j < length; j++) high = v[j] > high || v[j] != v[j] ? v[j] : high;\n"
           "    int finite = high - high == 0.0;\n"
           "    for (long long j = 0; j < length && finite; j++) sum += exp(v[j] - high);\n"
           "    y[o] = finite ? high + log(sum) : high;\n  }\n");
}

EMIT(MAXIMUM) {
  operands(p, i, out);
  borel_text_printf(out, "  double high = -__builtin_inf();\n  ");
  loop(p, "j", SHAPE_OF(ARG(0)), out);
  borel_text_printf(out, " high = x[j] > high || x[j] != x[j] ? x[j] : high;\n  y[0] = high;\n");
}

EMIT(CUMSUM) {
  operands(p, i, out);
  borel_text_printf(out, "  const long long size = ");
  borel_emit_size(p, SHAPE_OF(i), out);
  borel_text_printf(out, ";\n  double run = 0;\n");
  if (borel_graph_at(p->graph, i)->attr)
    borel_text_printf(out, "  for (long long j = size; j-- > 0;) y[j] = run += x[j];\n");
  else
    borel_text_printf(out, "  for (long long j = 0; j < size; j++) y[j] = run += x[j];\n");
}

EMIT(SCATTER) {
  operands(p, i, out);
  borel_text_printf(out, "  const long long size = ");
  borel_emit_size(p, SHAPE_OF(i), out);
  borel_text_printf(out, ";\n  for (long long j = 0; j < size; j++) y[j] = 0;\n  ");
  loop(p, "j", SHAPE_OF(ARG(0)), out);
  borel_text_printf(out, " if (w[j] >= 0 && w[j] < size) y[w[j]] += x[j];\n");
}

EMIT(STACK) {
  borel_text_printf(out,
                    "  %s *y = ", borel_graph_at(p->graph, i)->dtype == BOREL_I64 ? "long long" : "double");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, ";\n");
  for (uint32_t k = 0; k < borel_graph_at(p->graph, i)->arg_count; k++) {
    if (SHAPE_OF(ARG(k))->rank == 0) {
      borel_text_printf(out, "  *y++ = ");
      borel_emit_scalar(p, ARG(k), out);
      borel_text_printf(out, ";\n");
      continue;
    }
    borel_text_printf(out, "  ");
    loop(p, "j", SHAPE_OF(ARG(k)), out);
    borel_text_printf(out, " *y++ = ");
    borel_emit_pointer(p, ARG(k), 0, out);
    borel_text_printf(out, "[j];\n");
  }
}

EMIT(MATMUL) {
  int64_t attr = borel_graph_at(p->graph, i)->attr;
  int ta = (int)(attr & 1), tb = (int)(attr >> 1 & 1);
  const borel_shape *a = SHAPE_OF(ARG(0)), *c = SHAPE_OF(i);
  operands(p, i, out);
  borel_text_printf(out, "  const long long rows = ");
  borel_emit_extent(p, c->extent[0], out);
  borel_text_printf(out, ", columns = ");
  borel_emit_extent(p, c->rank == 2 ? c->extent[1] : 1, out);
  borel_text_printf(out, ", inner = ");
  borel_emit_extent(p, a->extent[ta ? 0 : 1], out);
  borel_text_printf(out, ", width = ");
  borel_emit_extent(p, a->extent[1], out);
  borel_text_printf(out, ";\n  for (long long j = 0; j < rows * columns; j++) y[j] = 0;\n");
  const char *left = ta ? "x[k * width + r]" : "x[r * width + k]";
  const char *right = tb ? "w[j * inner + k]" : "w[k * columns + j]";
  /* The inner loop runs along memory: over rows when the left operand is transposed. */
  borel_text_printf(
      out, ta ? "  for (long long k = 0; k < inner; k++)\n    for (long long r = 0; r < rows; r++)\n"
              : "  for (long long r = 0; r < rows; r++)\n    for (long long k = 0; k < inner; k++)\n");
  borel_text_printf(out, "      for (long long j = 0; j < columns; j++) y[r * columns + j] += %s * %s;\n",
                    left, right);
}
