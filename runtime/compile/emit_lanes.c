/* SPDX-License-Identifier: MIT
 * Four points at once: every number of a program becomes a vector with a lane for each point. It pays where a
 * program is short: numbers, and loops over a few elements, of which a single evaluation fills the lanes only
 * in part. Each point gets the bits of its single evaluation: elements are added in the same eight
 * accumulators, and operations whose results depend on how a compiler makes them (those of libm) are left to
 * single evaluations. */
#include <stdlib.h>
#include <string.h>

#include "compile/emit.h"
#include "graph/internal.h"

enum { MOST_ELEMENTS = 16, MOST_WORK = 2000 };

/* ---- which programs -------------------------------------------------------------------------- */

static const borel_node_info *at(const borel_program *p, borel_node i) { return borel_graph_at(p->graph, i); }
static borel_node argument(const borel_program *p, borel_node i, uint32_t k) {
  return borel_graph_args(p->graph, i)[k];
}
static int is_known(const borel_node_info *node) {
  return node->op == BOREL_OP_ARRAY || node->op == BOREL_OP_SCALAR;
}
static int is_sum(const borel_program *p, borel_node i) {
  return at(p, i)->op == BOREL_OP_SUM && at(p, i)->attr < 0 && at(p, argument(p, i, 0))->shape.rank > 0;
}

/* A matrix of data times a vector, each result one sum in the order of memory (few_times_vector in
 * emit_ops.c). */
static int is_short_product(const borel_program *p, borel_node i) {
  const borel_node_info *matrix = at(p, argument(p, i, 0));
  return matrix->op == BOREL_OP_ARRAY && at(p, i)->shape.rank == 1 &&
         !borel_matmul_in_lanes(at(p, i)->attr, &matrix->shape, &at(p, i)->shape) &&
         borel_shape_size(&at(p, argument(p, i, 1))->shape) <= MOST_ELEMENTS;
}

static int fits(const borel_program *p, borel_node i) {
  const borel_node_info *node = at(p, i);
  if (borel_shape_size(&node->shape) > MOST_ELEMENTS) return 0;
  switch (node->op) {
  case BOREL_OP_RESHAPE: return 1;
  case BOREL_OP_BROADCAST: return at(p, argument(p, i, 0))->shape.rank == 0;
  case BOREL_OP_GATHER: return is_known(at(p, argument(p, i, 1)));
  case BOREL_OP_SUM: return is_sum(p, i);
  case BOREL_OP_STACK: return 1;
  case BOREL_OP_SCATTER: return is_known(at(p, argument(p, i, 1)));
  case BOREL_OP_MATMUL: return is_short_product(p, i);
  default: return borel_op_get(node->op)->kind == BOREL_CLASS_ELEMENTWISE && !borel_emit_needs_libm(node->op);
  }
}

int borel_program_fits_lanes(const borel_program *p) {
  size_t work = 0;
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    const int64_t size = borel_shape_size(&group->shape);
    if (group->kind == BOREL_GROUP_REGION) return 0;
    if (size > MOST_ELEMENTS) return 0;
    work += group->count * (size_t)size;
    for (size_t j = 0; j < group->count; j++)
      if (!fits(p, group->nodes[j])) return 0;
  }
  return work <= MOST_WORK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static const char *type_of(const borel_node_info *node) {
  return node->dtype == BOREL_I64 ? "wholes" : "lanes";
}
static const char *spread_of(const borel_node_info *node) {
  return node->dtype == BOREL_I64 ? "WHOLES" : "LANES4";
}

/* Element `element` of an array that is complete. */
static void emit_element(const borel_program *p, borel_node i, const char *element, borel_text *out) {
  const borel_node_info *node = at(p, i);
  if (node->op != BOREL_OP_ARRAY) {
    borel_text_printf(out, "m%d[%s]", p->number[i], element);
    return;
  }
  borel_text_printf(out, "%s(", spread_of(node));
  borel_emit_pointer(p, i, 0, out);
  borel_text_printf(out, "[%s])", element);
}

/* An argument inside group k: a number, a value of this loop, or an element of memory. */
static void emit_operand(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  const borel_node_info *node = at(p, i);
  if (node->op == BOREL_OP_SCALAR) {
    borel_text_printf(out, "%s(", spread_of(node));
    borel_emit_scalar(p, i, out);
    borel_text_printf(out, ")");
  } else if (node->shape.rank == 0) {
    borel_text_printf(out, "s%d", p->number[i]);
  } else if (p->group_of[i] == k) {
    borel_text_printf(out, "r%d", p->number[i]);
  } else {
    emit_element(p, i, "i", out);
  }
}

static void emit_gather(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  borel_node from = argument(p, i, 0), index = argument(p, i, 1);
  borel_text place = {0};
  if (at(p, from)->shape.rank == 0) {
    emit_operand(p, k, from, out);
    return;
  }
  if (at(p, index)->op == BOREL_OP_SCALAR) {
    borel_text_printf(&place, "%lld", (long long)at(p, index)->attr);
  } else {
    borel_emit_pointer(p, index, 0, &place);
    borel_text_printf(&place, "[%s]", at(p, i)->shape.rank == 0 ? "0" : "i");
  }
  if (place.bytes) emit_element(p, from, place.bytes, out);
  out->failed |= place.failed;
  borel_text_free(&place);
}

static void emit_value(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  const borel_node_info *node = at(p, i);
  if (node->op == BOREL_OP_RESHAPE && node->shape.rank == 0 && at(p, argument(p, i, 0))->shape.rank > 0) {
    emit_element(p, argument(p, i, 0), "0", out);
  } else if (node->op == BOREL_OP_RESHAPE || node->op == BOREL_OP_BROADCAST) {
    emit_operand(p, k, argument(p, i, 0), out);
  } else if (node->op == BOREL_OP_GATHER) {
    emit_gather(p, k, i, out);
  } else {
    borel_text_printf(out, "lanes_%s(", borel_op_get(node->op)->name);
    for (uint32_t a = 0; a < node->arg_count; a++) {
      if (a) borel_text_printf(out, ", ");
      emit_operand(p, k, argument(p, i, a), out);
    }
    borel_text_printf(out, ")");
  }
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void emit_numbers(const borel_program *p, int32_t k, borel_text *out) {
  for (size_t j = 0; j < p->groups[k].count; j++) {
    borel_node i = p->groups[k].nodes[j];
    borel_text_printf(out, "  const %s s%d = ", type_of(at(p, i)), p->number[i]);
    emit_value(p, k, i, out);
    borel_text_printf(out, ";\n");
  }
}

static void emit_loop(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  const int one_round = borel_shape_size(&group->shape) <= BOREL_LANES; /* as in emit_loop.c */
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    if (is_sum(p, i))
      borel_text_printf(out, "  lanes a%d[8] = {0};\n", p->number[i]);
    else if (p->stored[i])
      borel_text_printf(out, "  %s m%d[%lld];\n", type_of(at(p, i)), p->number[i],
                        (long long)borel_shape_size(&group->shape));
  }
  borel_text_printf(out, "  for (int i = 0; i < %lld; i++) {\n", (long long)borel_shape_size(&group->shape));
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    if (is_sum(p, i)) {
      borel_text_printf(out, one_round ? "    a%d[i] = " : "    a%d[i & 7] += ", p->number[i]);
      emit_operand(p, k, argument(p, i, 0), out);
    } else {
      borel_text_printf(out, "    const %s r%d = ", type_of(at(p, i)), p->number[i]);
      emit_value(p, k, i, out);
      if (p->stored[i]) borel_text_printf(out, ";\n    m%d[i] = r%d", p->number[i], p->number[i]);
    }
    borel_text_printf(out, ";\n");
  }
  borel_text_printf(out, "  }\n");
  for (size_t j = 0; j < group->count; j++)
    if (is_sum(p, group->nodes[j]))
      borel_text_printf(out, "  const lanes s%d = %sborel_total4(a%d);\n", p->number[group->nodes[j]],
                        one_round ? "0.0 + " : "", p->number[group->nodes[j]]);
}

/* A number, or element `element` of an array, that is complete. */
static void emit_part(const borel_program *p, borel_node i, const char *element, borel_text *out) {
  if (at(p, i)->shape.rank == 0)
    emit_operand(p, -2, i, out);
  else
    emit_element(p, i, element, out);
}

static void emit_stack(const borel_program *p, borel_node i, borel_text *out) {
  int64_t first = 0;
  for (uint32_t k = 0; k < at(p, i)->arg_count; k++) {
    const int64_t size = borel_shape_size(&at(p, argument(p, i, k))->shape);
    borel_text_printf(out, "  for (int i = 0; i < %lld; i++) m%d[%lld + i] = ", (long long)size, p->number[i],
                      (long long)first);
    emit_part(p, argument(p, i, k), "i", out);
    borel_text_printf(out, ";\n");
    first += size;
  }
}

static void emit_scatter(const borel_program *p, borel_node i, borel_text *out) {
  const borel_node index = argument(p, i, 1);
  const int64_t size = borel_shape_size(&at(p, i)->shape);
  borel_text_printf(out, "  for (int i = 0; i < %lld; i++) m%d[i] = (lanes){0};\n", (long long)size,
                    p->number[i]);
  borel_text_printf(out, "  for (int i = 0; i < %lld; i++) {\n    const long long w = ",
                    (long long)borel_shape_size(&at(p, argument(p, i, 0))->shape));
  if (at(p, index)->op == BOREL_OP_SCALAR) {
    borel_text_printf(out, "%lld", (long long)at(p, index)->attr);
  } else {
    borel_emit_pointer(p, index, 0, out);
    borel_text_printf(out, "[i]");
  }
  borel_text_printf(out, ";\n    if (w >= 0 && w < %lld) m%d[w] += ", (long long)size, p->number[i]);
  emit_part(p, argument(p, i, 0), "i", out);
  borel_text_printf(out, ";\n  }\n");
}

static void emit_product(const borel_program *p, borel_node i, borel_text *out) {
  const borel_node matrix = argument(p, i, 0), vector = argument(p, i, 1);
  const int64_t inner = borel_shape_size(&at(p, vector)->shape), rows = borel_shape_size(&at(p, i)->shape);
  const int turned = (int)(at(p, i)->attr & 1);
  borel_text_printf(out, "  for (int i = 0; i < %lld; i++) {\n    const double *x = ", (long long)rows);
  borel_emit_pointer(p, matrix, 0, out);
  borel_text_printf(out, turned ? " + i;\n" : " + i * %lld;\n", (long long)inner);
  borel_text_printf(out, "    lanes y = {0};\n    for (int k = 0; k < %lld; k++) y += LANES4(x[k * %lld]) * ",
                    (long long)inner, (long long)(turned ? rows : 1));
  emit_element(p, vector, "k", out);
  borel_text_printf(out, ";\n    m%d[i] = y;\n  }\n", p->number[i]);
}

static void emit_structured(const borel_program *p, borel_node i, borel_text *out) {
  borel_text_printf(out, "  %s m%d[%lld];\n", type_of(at(p, i)), p->number[i],
                    (long long)borel_shape_size(&at(p, i)->shape));
  switch (at(p, i)->op) {
  case BOREL_OP_STACK: emit_stack(p, i, out); break;
  case BOREL_OP_SCATTER: emit_scatter(p, i, out); break;
  default: emit_product(p, i, out);
  }
  if (at(p, i)->shape.rank == 0)
    borel_text_printf(out, "  const lanes s%d = m%d[0];\n", p->number[i], p->number[i]);
}

/* ---- the function ---------------------------------------------------------------------------- */

static void emit_inputs(const borel_program *p, const borel_lanes_places *places, borel_text *out) {
  for (borel_node i = 0; i < p->nodes; i++) {
    const borel_node_info *node = at(p, i);
    if (node->op != BOREL_OP_INPUT || p->slot_of[i] < 0) continue;
    borel_text_printf(
        out, node->shape.rank == 0 ? "  const lanes s%d = x[%zu];\n" : "  const lanes *m%d = x + %zu;\n",
        p->number[i], places->input[node->attr]);
  }
}

static void emit_derivatives(const borel_program *p, const borel_lanes_places *places, borel_text *out) {
  for (size_t o = 1; o < p->output_count; o++) {
    const borel_node i = p->outputs[o];
    const int64_t size = borel_shape_size(&at(p, i)->shape);
    borel_text_printf(out, "  for (int i = 0; i < %lld; i++) g[%zu + i] = ", (long long)size,
                      places->derivative[o - 1]);
    emit_part(p, i, "i", out);
    borel_text_printf(out, ";\n");
  }
}

void borel_emit_lanes(const borel_program *p, const borel_lanes_places *places, const char *name,
                      borel_text *out) {
  const size_t caller = p->tables->slot_count;
  const int derivatives = p->output_count > 1;
  borel_text_printf(
      out,
      "\nvoid %s(void *const *restrict b, const double *restrict c, const long long *restrict n) {\n"
      "  (void)c, (void)n;\n  enum { D = %zu };\n  lanes x[D]%s;\n"
      "  borel_to_lanes(b[%zu], D, x);\n",
      name, places->size, derivatives ? ", g[D]" : "", caller);
  emit_inputs(p, places, out);
  for (size_t k = 0; k < p->group_count; k++) switch (p->groups[k].kind) {
    case BOREL_GROUP_SCALARS: emit_numbers(p, (int32_t)k, out); break;
    case BOREL_GROUP_STRUCTURED: emit_structured(p, p->groups[k].nodes[0], out); break;
    default: emit_loop(p, (int32_t)k, out);
    }
  borel_text_printf(out, "  *(lanes *)b[%zu] = ", caller + 2);
  emit_operand(p, -2, p->outputs[0], out);
  borel_text_printf(out, ";\n");
  if (derivatives) {
    emit_derivatives(p, places, out);
    borel_text_printf(out, "  borel_from_lanes(g, D, b[%zu]);\n", caller + 1);
  }
  borel_text_printf(out, "}\n");
}

/* ---- prelude --------------------------------------------------------------------------------- */

/* `lanes` is a number of each point. Points stand in rows [4, D]; MIX chooses among the lanes of two vectors.
 */
static const char types[] =
    "typedef double lanes __attribute__((vector_size(32), aligned(8), may_alias));\n"
    "typedef long long wholes __attribute__((vector_size(32), aligned(8), may_alias));\n"
    "#define LANES4(x) ((lanes){x, x, x, x})\n#define WHOLES(x) ((wholes){x, x, x, x})\n"
    "#if defined(__clang__)\n#define MIX(v, w, ...) __builtin_shufflevector(v, w, __VA_ARGS__)\n"
    "#else\n#define MIX(v, w, ...) __builtin_shuffle(v, w, (wholes){__VA_ARGS__})\n#endif\n"
    "#define TURN(v, w) \\\n"
    "  const lanes p = MIX(v[0], v[1], 0, 4, 2, 6), q = MIX(v[0], v[1], 1, 5, 3, 7), \\\n"
    "              r = MIX(v[2], v[3], 0, 4, 2, 6), s = MIX(v[2], v[3], 1, 5, 3, 7); \\\n"
    "  w[0] = MIX(p, r, 0, 1, 4, 5), w[1] = MIX(q, s, 0, 1, 4, 5); \\\n"
    "  w[2] = MIX(p, r, 2, 3, 6, 7), w[3] = MIX(q, s, 2, 3, 6, 7);\n"
    "static inline __attribute__((always_inline)) void borel_to_lanes(const double *u, int D, lanes *x) {\n"
    "  int d = 0;\n"
    "#pragma GCC unroll 4\n"
    "  for (; d < D - 3; d += 4) {\n"
    "    const lanes v[4] = {*(const lanes *)(u + d), *(const lanes *)(u + D + d),\n"
    "                        *(const lanes *)(u + 2 * D + d), *(const lanes *)(u + 3 * D + d)};\n"
    "    lanes *const w = x + d;\n    TURN(v, w)\n  }\n"
    "#pragma GCC unroll 4\n"
    "  for (; d < D; d++) x[d] = (lanes){u[d], u[D + d], u[2 * D + d], u[3 * D + d]};\n}\n"
    "static inline __attribute__((always_inline)) void borel_from_lanes(const lanes *g, int D, double *u) {\n"
    "  int d = 0;\n"
    "#pragma GCC unroll 4\n"
    "  for (; d < D - 3; d += 4) {\n"
    "    const lanes *const v = g + d;\n    lanes w[4];\n    TURN(v, w)\n"
    "    for (int l = 0; l < 4; l++) *(lanes *)(u + l * D + d) = w[l];\n  }\n"
    "#pragma GCC unroll 4\n"
    "  for (; d < D; d++)\n    for (int l = 0; l < 4; l++) u[l * D + d] = g[d][l];\n}\n"
    "static inline lanes borel_total4(const lanes *a) { /* in the order of TOTAL */\n"
    "  return ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7]));\n}\n";

/* An operation on lanes: of a processor's own by vector arithmetic, others by the scalar one in a loop. */
static void emit_operation(const borel_op_info *info, borel_text *out) {
  const char *type = info->result == 'I' ? "wholes" : "lanes",
             *element = info->result == 'I' ? "long long" : "double";
  borel_text_printf(out, "static inline __attribute__((always_inline)) %s lanes_%s(", type, info->name);
  for (int k = 0; k < info->arity; k++)
    borel_text_printf(out, "%sconst %s %c", k ? ", " : "", info->types[k] == 'I' ? "wholes" : "lanes",
                      'a' + k);
  borel_text_printf(out, ") {\n");
  static const char *const own[] = {"add", "sub", "mul", "div", "neg"};
  for (size_t k = 0; k < sizeof own / sizeof *own; k++)
    if (!strcmp(info->name, own[k])) {
      borel_text_printf(out, "  return %s;\n}\n", info->expression);
      return;
    }
  borel_text_printf(out, "  %s y;\n#pragma omp simd\n  for (int l = 0; l < 4; l++) ((%s *)&y)[l] = op_%s(",
                    type, element, info->name);
  for (int k = 0; k < info->arity; k++)
    borel_text_printf(out, "%s((const %s *)&%c)[l]", k ? ", " : "",
                      info->types[k] == 'I' ? "long long" : "double", 'a' + k);
  borel_text_printf(out, ");\n  return y;\n}\n");
}

void borel_emit_lanes_prelude(const borel_program *const *programs, size_t count, borel_text *out) {
  uint8_t used[BOREL_OP_COUNT] = {0};
  borel_emit_prelude_of(programs, count, 1, out);
  borel_text_printf(out, "%s", types);
  for (size_t i = 0; i < count; i++) borel_emit_note_ops(programs[i], used);
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    if (used[op] && borel_op_get((borel_op)op)->kind == BOREL_CLASS_ELEMENTWISE)
      emit_operation(borel_op_get((borel_op)op), out);
}
