/* SPDX-License-Identifier: MIT
 * C text of the structured operations, one loop nest each. The loops write to slots and read slots, so
 * nothing here depends on what is in registers. */
#include "compile/emit.h"
#include "graph/internal.h"

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

/* A sum in lanes over j < length of `term`, which may use j: leaves it in `sum`. */
static void lane_sum(const char *term, borel_text *out) {
  borel_text_printf(out,
                    "    LANES(a)\n    long long j0 = 0;\n    for (; j0 < length - 7; j0 += 8) {\n"
                    "      double t[8];\n#pragma omp simd\n"
                    "      for (int l = 0; l < 8; l++) { const long long j = j0 + l; t[l] = %s; }\n"
                    "      ADD(a, t)\n    }\n    if (j0 < length) {\n      double t[8] = {0};\n"
                    "      for (int l = 0; l < length - j0; l++) { const long long j = j0 + l; t[l] = %s; }\n"
                    "      ADD(a, t)\n    }\n    const double sum = TOTAL(a);\n",
                    term, term);
}

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
  if (borel_shape_size(&inner) == 1) {
    borel_text_printf(out, " {\n");
    lane_sum("x[o * length + j]", out);
    borel_text_printf(out, "    y[o] = sum;\n  }\n");
    return;
  }
  /* Neighbouring sums row by row, eight at a time in registers. */
  borel_text_printf(out,
                    "\n  for (long long k0 = 0; k0 < inner; k0 += 8) {\n"
                    "    const long long width = inner - k0 < 8 ? inner - k0 : 8;\n    double a[8] = {0};\n"
                    "    for (long long j = 0; j < length; j++) {\n"
                    "      const double *restrict v = x + (o * length + j) * inner + k0;\n"
                    "      if (width == 8)\n        for (int k = 0; k < 8; k++) a[k] += v[k];\n"
                    "      else\n        for (int k = 0; k < width; k++) a[k] += v[k];\n    }\n"
                    "    for (int k = 0; k < width; k++) y[o * inner + k0 + k] = a[k];\n  }\n");
}

/* Opens the loop over the vectors v [length] of the last axis, or of everything; returns their length. */
static int64_t each_vector(const borel_program *p, borel_node i, borel_text *out) {
  const borel_shape *from = SHAPE_OF(ARG(0));
  int all = borel_graph_at(p->graph, i)->attr < 0;
  borel_shape outer = part(from, 0, all ? 0 : from->rank - 1),
              length = all ? *from : part(from, from->rank - 1, from->rank);
  operands(p, i, out);
  borel_text_printf(out, "  const long long length = ");
  borel_emit_size(p, &length, out);
  borel_text_printf(out, ";\n  ");
  loop(p, "o", &outer, out);
  borel_text_printf(out, " {\n    const double *v = x + o * length;\n");
  return borel_shape_size(&length);
}
static void maximum(borel_text *out) {
  borel_text_printf(
      out, "    double high = -__builtin_inf();\n"
           "    for (long long j = 0; j < length; j++) high = v[j] > high || v[j] != v[j] ? v[j] : high;\n"
           "    y[o] = high;\n");
}

/* Of a number, which no loop takes; arrays are fused into their loops. */
EMIT(SUM_LOG) {
  operands(p, i, out);
  borel_text_printf(out, "  y[0] = borel_ln(x[0]);\n");
}

EMIT(LOG_SUM_EXP) {
  if (each_vector(p, i, out) == 2) { /* one exponential is enough */
    borel_text_printf(out, "    y[o] = borel_log_add_exp(v[0], v[1]);\n  }\n");
    return;
  }
  maximum(out);
  borel_text_printf(out, "    if (high - high != 0.0) continue;\n");
  lane_sum("borel_exp(v[j] - high)", out);
  borel_text_printf(out, "    y[o] = high + borel_ln(sum);\n  }\n");
}

EMIT(MAXIMUM) {
  each_vector(p, i, out);
  maximum(out);
  borel_text_printf(out, "  }\n");
}

EMIT(ORDER) {
  borel_text_printf(out, "  borel_order(");
  borel_emit_size(p, SHAPE_OF(i), out);
  borel_text_printf(out, ", ");
  borel_emit_pointer(p, ARG(0), 0, out);
  borel_text_printf(out, ", ");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, ");\n");
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

/* The first of places that are known, follow each other and lie in an array of `size`; -1: they do not. */
static int64_t first_of_run(const borel_node_info *places, int64_t size) {
  int64_t count = borel_shape_size(&places->shape), k = 0;
  if (places->op != BOREL_OP_ARRAY || count == 0) return -1;
  const int64_t *at = places->array.data;
  while (k < count && at[k] == at[0] + k) k++;
  return k == count && at[0] >= 0 && at[0] <= size - count ? at[0] : -1;
}

/* y [size] = 0, not by a plain loop: of a known size compilers make an instruction of it that takes its time
 * to begin */
static void zeros(borel_text *out) {
  borel_text_printf(out, "  long long z = 0;\n  for (; z < size - 7; z += 8) { ZERO(y + z) }\n"
                         "  for (; z < size; z++) y[z] = 0;\n");
}

EMIT(SCATTER) {
  operands(p, i, out);
  int64_t first = first_of_run(borel_graph_at(p->graph, ARG(1)), borel_shape_size(SHAPE_OF(i)));
  if (first >= 0) {
    borel_text_printf(out, "  const long long size = ");
    borel_emit_size(p, SHAPE_OF(i), out);
    borel_text_printf(out, ", count = ");
    borel_emit_size(p, SHAPE_OF(ARG(0)), out);
    borel_text_printf(out,
                      ", first = %lld;\n  for (long long j = 0; j < first; j++) y[j] = 0;\n"
                      "  for (long long j = 0; j < count; j++) y[first + j] = 0.0 + x[j];\n"
                      "  for (long long j = first + count; j < size; j++) y[j] = 0;\n  (void)w;\n",
                      (long long)first);
    return;
  }
  borel_text_printf(out, "  const long long size = ");
  borel_emit_size(p, SHAPE_OF(i), out);
  borel_text_printf(out, ";\n");
  zeros(out);
  borel_text_printf(out, "  ");
  loop(p, "j", SHAPE_OF(ARG(0)), out);
  borel_text_printf(out, " if (w[j] >= 0 && w[j] < size) y[w[j]] += x[j];\n");
}

EMIT(SEGMENT_SUM) {
  operands(p, i, out);
  borel_text_printf(out, "  ");
  loop(p, "g", SHAPE_OF(i), out);
  borel_text_printf(out,
                    " {\n    const double *v = x + w[g];\n    const long long length = w[g + 1] - w[g];\n");
  lane_sum("v[j]", out);
  borel_text_printf(out, "    y[g] = sum;\n  }\n");
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

/* Prints `format` for r = 0 .. rows - 1 in place of #. */
static void each_row(int64_t rows, const char *format, borel_text *out) {
  for (int64_t r = 0; r < rows; r++)
    for (const char *at = format; *at; at++)
      if (*at == '#')
        borel_text_printf(out, "%lld", (long long)r);
      else
        borel_text_append(out, at, 1);
}

/* A few columns of x [length, rows] times the vector w: all sums in one pass over memory. */
static void columns_times_vector(int64_t rows, borel_text *out) {
  each_row(rows, "  LANES(a#)\n", out);
  borel_text_printf(out, "  long long j0 = 0;\n  for (; j0 < length - 7; j0 += 8) {\n"
                         "    const double *restrict v = x + j0 * rows;\n");
  each_row(rows, "    double t#[8];\n", out);
  borel_text_printf(out, "#pragma omp simd\n    for (int l = 0; l < 8; l++) {\n");
  each_row(rows, "      t#[l] = v[l * rows + #] * w[j0 + l];\n", out);
  borel_text_printf(out, "    }\n");
  each_row(rows, "    ADD(a#, t#)\n", out);
  borel_text_printf(out, "  }\n  if (j0 < length) {\n");
  each_row(rows, "    double t#[8] = {0};\n", out);
  borel_text_printf(out, "    for (int l = 0; l < length - j0; l++) {\n");
  each_row(rows, "      t#[l] = x[(j0 + l) * rows + #] * w[j0 + l];\n", out);
  borel_text_printf(out, "    }\n");
  each_row(rows, "    ADD(a#, t#)\n", out);
  borel_text_printf(out, "  }\n");
  each_row(rows, "  y[#] = TOTAL(a#);\n", out);
}

/* A few columns of each row, or rows of a transposed matrix, times a vector: one result in each lane. */
static void few_times_vector(int64_t inner, int transposed, borel_text *out) {
  borel_text_printf(out, "#pragma omp simd\n  for (long long r = 0; r < rows; r++) y[r] = ");
  for (int64_t k = 0; k < inner; k++) borel_text_printf(out, "(");
  borel_text_printf(out, "0.0");
  for (int64_t k = 0; k < inner; k++)
    if (transposed)
      borel_text_printf(out, " + x[%lld * width + r] * w[%lld])", (long long)k, (long long)k);
    else
      borel_text_printf(out, " + x[r * %lld + %lld] * w[%lld])", (long long)inner, (long long)k,
                        (long long)k);
  borel_text_printf(out, ";\n");
}

EMIT(MATMUL) {
  int64_t attr = borel_graph_at(p->graph, i)->attr;
  int ta = (int)(attr & 1), tb = (int)(attr >> 1 & 1);
  const borel_shape *a = SHAPE_OF(ARG(0)), *c = SHAPE_OF(i);
  int64_t inner = a->extent[ta ? 0 : 1], columns = c->rank == 2 ? c->extent[1] : 1;
  operands(p, i, out);
  borel_text_printf(out, "  const long long rows = ");
  borel_emit_extent(p, c->extent[0], out);
  borel_text_printf(out, ", columns = ");
  borel_emit_extent(p, columns, out);
  borel_text_printf(out, ", length = ");
  borel_emit_extent(p, inner, out);
  borel_text_printf(out, ", width = ");
  borel_emit_extent(p, a->extent[1], out);
  borel_text_printf(out, ";\n");
  if (borel_matmul_in_lanes(attr, a, c)) {
    if (ta) {
      columns_times_vector(c->extent[0], out);
      return;
    }
    borel_text_printf(
        out, "  for (long long r = 0; r < rows; r++)\n  for (long long q = 0; q < columns; q++) {\n");
    lane_sum(tb ? "x[r * length + j] * w[q * length + j]" : "x[r * length + j] * w[j]", out);
    borel_text_printf(out, "    y[r * columns + q] = sum;\n  }\n");
    return;
  }
  if (columns == 1 && inner <= BOREL_EXTENT_CONSTANT) {
    few_times_vector(inner, ta, out);
    return;
  }
  const char *left = ta ? "x[k * width + r]" : "x[r * width + k]";
  const char *right = tb ? "w[j * length + k]" : "w[k * columns + j]";
  if (inner == 1) {
    borel_text_printf(out,
                      "  const long long k = 0;\n  for (long long r = 0; r < rows; r++)\n"
                      "    for (long long j = 0; j < columns; j++) y[r * columns + j] = 0.0 + %s * %s;\n",
                      left, right);
    return;
  }
  borel_text_printf(out, "  const long long size = rows * columns;\n");
  zeros(out);
  /* The inner loop runs along memory: over rows when the left operand is transposed. */
  borel_text_printf(
      out, ta ? "  for (long long k = 0; k < length; k++)\n    for (long long r = 0; r < rows; r++)\n"
              : "  for (long long r = 0; r < rows; r++)\n    for (long long k = 0; k < length; k++)\n");
  borel_text_printf(out, "      for (long long j = 0; j < columns; j++) y[r * columns + j] += %s * %s;\n",
                    left, right);
}
