/* SPDX-License-Identifier: MIT
 * Loops over the rows and columns of a matrix: arrays that are stretched over it are a number for each row or
 * a vector along it, and sums over an axis are made where their elements are. Element (r, j) is number r *
 * columns + j of the flat loop; sums over everything add in the flat order, in lanes by that number. */
#include "compile/emit_loop.h"

/* The extents other than 1. */
static borel_shape tight(const borel_shape *shape) {
  borel_shape result = {0};
  for (int d = 0; d < shape->rank; d++)
    if (shape->extent[d] != 1) result.extent[result.rank++] = shape->extent[d];
  return result;
}

static int is_axis_sum(const borel_program *p, borel_node i) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  return node->op == BOREL_OP_SUM && node->attr >= 0;
}

int borel_is_nest(const borel_program *p, int32_t k) {
  const borel_group *group = &p->groups[k];
  borel_shape shape = tight(&group->shape);
  if (shape.rank < 2 || shape.extent[shape.rank - 1] <= BOREL_EXTENT_CONSTANT) return 0;
  for (size_t j = 0; j < group->count; j++)
    if (borel_is_stretched(p, group->nodes[j]) || is_axis_sum(p, group->nodes[j])) return 1;
  return 0;
}

static borel_node argument(const borel_program *p, borel_node i) { return borel_graph_args(p->graph, i)[0]; }

/* Prints `format` for each sum over an axis, its number in place of #, its slot in place of @. */
static void each_axis_sum(const borel_program *p, int32_t k, int axis, const char *format, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    if (!is_axis_sum(p, i) || borel_graph_at(p->graph, i)->attr != axis) continue;
    for (const char *at = format; *at; at++)
      if (*at == '#')
        borel_text_printf(out, "%d", p->number[i]);
      else if (*at == '@')
        borel_text_printf(out, "%d", p->slot_of[i]);
      else
        borel_text_append(out, at, 1);
  }
}

/* What row r has of each stretched array: a number w#, or a pointer w# to its elements. */
static void emit_row_values(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t n = 0; n < group->count; n++) {
    borel_node node = group->nodes[n];
    if (!borel_is_stretched(p, node)) continue;
    const borel_shape *from = &borel_graph_at(p->graph, argument(p, node))->shape,
                      *to = &borel_graph_at(p->graph, node)->shape;
    borel_shape run;
    int along = borel_find_run(from, to, &run);
    borel_text_printf(out, "      const %s %sw%d = ", borel_emit_type(borel_graph_at(p->graph, node)),
                      along ? "*restrict " : "", p->number[node]);
    borel_emit_pointer(p, argument(p, node), 0, out);
    borel_text_printf(out, along ? " + (" : "[");
    borel_emit_broadcast_index(p, from, to, "first", out);
    borel_text_printf(out, along ? ");\n" : "];\n");
  }
}

static void emit_element(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t n = 0; n < group->count; n++) {
    borel_node node = group->nodes[n];
    const borel_node_info *info = borel_graph_at(p->graph, node);
    if (info->op == BOREL_OP_SUM || info->op == BOREL_OP_SUM_LOG) {
      borel_text_printf(out,
                        !is_axis_sum(p, node) ? "          f%d[fill + l] = "
                        : info->attr == 0     ? "          y%d[j] += "
                                              : "          t%d[l] = ",
                        p->number[node]);
      borel_emit_operand(p, k, argument(p, node), out);
      borel_text_printf(out, ";\n");
      continue;
    }
    borel_text_printf(out, "          const %s r%d = ", borel_emit_type(info), p->number[node]);
    if (borel_is_stretched(p, node)) {
      borel_shape run;
      int along = borel_find_run(&borel_graph_at(p->graph, argument(p, node))->shape, &info->shape, &run);
      borel_text_printf(out, along ? "w%d[j]" : "w%d", p->number[node]);
    } else {
      borel_emit_value(p, k, node, out);
    }
    borel_text_printf(out, ";\n");
    if (p->stored[node])
      borel_text_printf(out, "          q%d[i] = r%d;\n", p->slot_of[node], p->number[node]);
  }
}

/* Summands wait in f# until there are whole lanes of them; `fill` is how many wait. */
static void emit_whole_sums(const borel_program *p, int32_t k, borel_text *out) {
  borel_text_printf(out, "        fill += stop;\n        const long long whole = fill & ~7LL;\n");
  borel_emit_accumulate(p, k, "f", "whole", out);
  borel_text_printf(out, "        fill -= whole;\n        for (long long l = 0; l < fill; l++) {\n");
  borel_each_sum(p, k, "          f#[l] = f#[whole + l];\n", "          f#[l] = f#[whole + l];\n", out);
  borel_text_printf(out, "        }\n");
}

void borel_emit_nest(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  borel_shape shape = tight(&group->shape), columns = {1, {shape.extent[shape.rank - 1]}};
  int sums = 0;
  for (size_t n = 0; n < group->count; n++) sums += borel_is_whole_sum(p, group->nodes[n]);
  shape.rank--;
  borel_text_printf(out, "    const long long rows = ");
  borel_emit_size(p, &shape, out);
  borel_text_printf(out, ", columns = ");
  borel_emit_size(p, &columns, out);
  borel_text_printf(out, ";\n");
  borel_each_sum(p, k, "    double f#[144];\n", "    double f#[144];\n", out);
  if (sums) borel_text_printf(out, "    long long fill = 0;\n");
  each_axis_sum(p, k, 1, "    double t#[128];\n", out);
  each_axis_sum(
      p, k, 0,
      "    double *restrict const y# = q@;\n    for (long long j = 0; j < columns; j++) y#[j] = 0;\n", out);
  borel_text_printf(out, "    for (long long row = 0; row < rows; row++) {\n"
                         "      const long long first = row * columns;\n");
  emit_row_values(p, k, out);
  each_axis_sum(p, k, 1, "      LANES(a#)\n", out);
  borel_text_printf(out, "      for (long long j0 = 0; j0 < columns; j0 += 128) {\n"
                         "        const long long stop = columns - j0 < 128 ? columns - j0 : 128;\n"
                         "#pragma omp simd\n        for (long long l = 0; l < stop; l++) {\n"
                         "          const long long j = j0 + l, i = first + j;\n          (void)i;\n");
  emit_element(p, k, out);
  borel_text_printf(out, "        }\n");
  if (sums) emit_whole_sums(p, k, out);
  each_axis_sum(p, k, 1,
                "        for (long long l = stop; l & 7; l++) t#[l] = 0.0;\n"
                "        for (long long l = 0; l < stop; l += 8) { ADD(a#, t# + l) }\n",
                out);
  borel_text_printf(out, "      }\n");
  each_axis_sum(p, k, 1, "      q@[row] = TOTAL(a#);\n", out);
  borel_text_printf(out, "    }\n");
  if (sums) {
    borel_text_printf(out, "    if (fill) {\n      for (long long l = fill; l < 8; l++) {");
    borel_emit_neutral(p, k, "f", "l", out);
    borel_text_printf(out, " }\n");
    borel_emit_accumulate(p, k, "f", "8", out);
    borel_text_printf(out, "    }\n");
  }
}
