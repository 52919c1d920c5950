/* SPDX-License-Identifier: MIT
 * C emission. An emitted function is
 *     void NAME(void *const *b, const double *c, const long long *n)
 * b: slots (arrays padded to whole lanes), c: numbers of model and data, n: extents. It includes no
 * header and carries its own prototypes; on x86-64 those of libm carry the `simd` attribute, which lets
 * gcc use libmvec without -ffast-math. Loops run over whole lanes; only reductions look at the true
 * size, and every reduction has BOREL_LANES accumulators, so that no compiler may choose their order. */
#include "compile/emit.h"

#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

/* ---- spelling -------------------------------------------------------------------------------- */

static const char *type_of(const borel_node_info *node) {
  return node->dtype == BOREL_I64 ? "long long" : "double";
}

void borel_emit_extent(const borel_program *p, int64_t extent, borel_text *out) {
  for (size_t k = 0; k < p->tables->extent_count; k++)
    if (p->tables->extents[k] == extent) {
      borel_text_printf(out, "n[%zu]", k);
      return;
    }
  borel_text_printf(out, "%lld", (long long)extent);
}

void borel_emit_size(const borel_program *p, const borel_shape *shape, borel_text *out) {
  int64_t constant = 1;
  int symbols = 0;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->extent[i] <= BOREL_EXTENT_CONSTANT) {
      constant *= shape->extent[i];
      continue;
    }
    if (symbols++) borel_text_printf(out, " * ");
    borel_emit_extent(p, shape->extent[i], out);
  }
  if (!symbols)
    borel_text_printf(out, "%lld", (long long)constant);
  else if (constant != 1)
    borel_text_printf(out, " * %lld", (long long)constant);
}

static void emit_number(const borel_program *p, const borel_node_info *node, borel_text *out) {
  const borel_tables *tables = p->tables;
  if (node->dtype == BOREL_I64 && (int64_t)node->value != node->attr) { /* not exact as a double */
    borel_text_printf(out, "(long long)0x%llxULL", (unsigned long long)node->attr);
    return;
  }
  for (size_t k = 0; k < tables->constant_count; k++)
    if (memcmp(&tables->constants[k], &node->value, sizeof node->value) == 0) {
      borel_text_printf(out, node->dtype == BOREL_I64 ? "(long long)c[%zu]" : "c[%zu]", k);
      return;
    }
  if (node->dtype == BOREL_I64)
    borel_text_printf(out, "%lldLL", (long long)node->attr);
  else
    borel_text_printf(out, "%.1f", node->value);
}

void borel_emit_scalar(const borel_program *p, borel_node i, borel_text *out) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  if (node->op == BOREL_OP_SCALAR)
    emit_number(p, node, out);
  else
    borel_text_printf(out, "s%d", p->number[i]);
}

void borel_emit_pointer(const borel_program *p, borel_node i, int writable, borel_text *out) {
  borel_text_printf(out, "((%s%s *)b[%d])", writable ? "" : "const ", type_of(borel_graph_at(p->graph, i)),
                    p->slot_of[i]);
}

/* An argument of a node in group k: a register of this loop, an element of memory, or a scalar. */
static void emit_operand(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  if (borel_graph_at(p->graph, i)->shape.rank == 0)
    borel_emit_scalar(p, i, out);
  else if (p->group_of[i] == k)
    borel_text_printf(out, "r%d", p->number[i]);
  else
    borel_text_printf(out, "p%d[i]", p->slot_of[i]);
}

/* The place, in a smaller array, of element i of the shape it is stretched to. */
static void emit_broadcast_index(const borel_program *p, const borel_shape *from, const borel_shape *to,
                                 borel_text *out) {
  int terms = 0;
  for (int d = to->rank - 1, s = from->rank - 1; s >= 0; d--, s--) {
    if (from->extent[s] == 1) continue;
    borel_shape after = {0}, stride = {0};
    for (int k = d + 1; k < to->rank; k++) after.extent[after.rank++] = to->extent[k];
    for (int k = s + 1; k < from->rank; k++) stride.extent[stride.rank++] = from->extent[k];
    borel_text_printf(out, terms++ ? " + (i / (" : "(i / (");
    borel_emit_size(p, &after, out);
    borel_text_printf(out, ")");
    if (d > 0) {
      borel_text_printf(out, " %% ");
      borel_emit_extent(p, to->extent[d], out);
    }
    borel_text_printf(out, ") * (");
    borel_emit_size(p, &stride, out);
    borel_text_printf(out, ")");
  }
  if (!terms) borel_text_printf(out, "0");
}

/* The value of node i in terms of its arguments, inside group k. */
static void emit_value(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  const borel_node *args = borel_graph_args(p->graph, i);
  const borel_node_info *first = borel_graph_at(p->graph, args[0]);
  if (node->op == BOREL_OP_RESHAPE && first->shape.rank == 0 && node->shape.rank > 0) {
    borel_emit_scalar(p, args[0], out);
  } else if (node->op == BOREL_OP_RESHAPE && node->shape.rank == 0 && first->shape.rank > 0) {
    borel_emit_pointer(p, args[0], 0, out);
    borel_text_printf(out, "[0]");
  } else if (node->op == BOREL_OP_RESHAPE || (node->op == BOREL_OP_BROADCAST && first->shape.rank == 0)) {
    emit_operand(p, k, args[0], out);
  } else if (node->op == BOREL_OP_BROADCAST) {
    borel_emit_pointer(p, args[0], 0, out);
    borel_text_printf(out, "[");
    emit_broadcast_index(p, &first->shape, &node->shape, out);
    borel_text_printf(out, "]");
  } else if (node->op == BOREL_OP_GATHER) {
    const borel_node_info *index = borel_graph_at(p->graph, args[1]);
    int known = index->op == BOREL_OP_ARRAY || index->op == BOREL_OP_SCALAR; /* checked when it was made */
    if (!known) { /* the interpreter's rule: a NaN from outside */
      borel_text_printf(out, "(unsigned long long)");
      emit_operand(p, k, args[1], out);
      borel_text_printf(out, " >= ");
      borel_emit_size(p, &first->shape, out);
      borel_text_printf(
          out, " ? %s : ", node->dtype == BOREL_I64 ? "0x7ff8000000000000LL" : "__builtin_nan(\"\")");
    }
    if (first->shape.rank == 0) {
      borel_emit_scalar(p, args[0], out);
    } else {
      borel_emit_pointer(p, args[0], 0, out);
      borel_text_printf(out, "[");
      emit_operand(p, k, args[1], out);
      borel_text_printf(out, "]");
    }
  } else {
    borel_text_printf(out, "op_%s(", borel_op_get(node->op)->name);
    for (uint32_t a = 0; a < node->arg_count; a++) {
      if (a) borel_text_printf(out, ", ");
      emit_operand(p, k, args[a], out);
    }
    borel_text_printf(out, ")");
  }
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void emit_store(const borel_program *p, borel_node i, borel_text *out) {
  if (!p->stored[i]) return;
  borel_text_printf(out, "  ");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, "[0] = s%d;\n", p->number[i]);
}

static void emit_scalars(const borel_program *p, int32_t k, borel_text *out) {
  for (size_t j = 0; j < p->groups[k].count; j++) {
    borel_node i = p->groups[k].nodes[j];
    borel_text_printf(out, "  const %s s%d = ", type_of(borel_graph_at(p->graph, i)), p->number[i]);
    emit_value(p, k, i, out);
    borel_text_printf(out, ";\n");
    emit_store(p, i, out);
  }
}

/* Does group k read this argument from memory, at place i? Prints its pointer once. */
static void emit_loop_pointers(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t j = 0; j < group->count; j++) {
    borel_node node = group->nodes[j];
    const borel_node_info *info = borel_graph_at(p->graph, node);
    for (uint32_t a = 0; a < info->arg_count; a++) {
      borel_node arg = borel_graph_args(p->graph, node)[a];
      const borel_node_info *from = borel_graph_at(p->graph, arg);
      if (from->shape.rank == 0 || p->group_of[arg] == k) continue;
      int seen = 0; /* an earlier argument of this group? Groups are short enough for a search */
      for (size_t q = 0; q <= j && !seen; q++) {
        uint32_t end = q == j ? a : borel_graph_at(p->graph, group->nodes[q])->arg_count;
        for (uint32_t e = 0; e < end && !seen; e++)
          seen = borel_graph_args(p->graph, group->nodes[q])[e] == arg;
      }
      if (!seen)
        borel_text_printf(out, "    const %s *restrict const p%d = (const %s *)b[%d];\n", type_of(from),
                          p->slot_of[arg], type_of(from), p->slot_of[arg]);
    }
    if (p->stored[node] && info->shape.rank > 0)
      borel_text_printf(out, "    %s *restrict const q%d = (%s *)b[%d];\n", type_of(info), p->slot_of[node],
                        type_of(info), p->slot_of[node]);
  }
}

static int is_reduction(const borel_program *p, borel_node i) {
  return borel_graph_at(p->graph, i)->op == BOREL_OP_SUM && borel_graph_at(p->graph, i)->shape.rank == 0;
}

static void emit_loop(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t j = 0; j < group->count; j++)
    if (is_reduction(p, group->nodes[j]))
      borel_text_printf(out, "  double s%d;\n", p->number[group->nodes[j]]);
  borel_text_printf(out, "  {\n");
  emit_loop_pointers(p, k, out);
  borel_text_printf(out, "    const long long size = ");
  borel_emit_size(p, &group->shape, out);
  borel_text_printf(out, ";\n");
  for (size_t j = 0; j < group->count; j++)
    if (is_reduction(p, group->nodes[j]))
      borel_text_printf(out, "    double a%d[8] = {0};\n", p->number[group->nodes[j]]);
  borel_text_printf(out, "    for (long long i0 = 0; i0 < size; i0 += 8)\n#pragma omp simd\n      for (int l "
                         "= 0; l < 8; l++) {\n"
                         "        const long long i = i0 + l;\n");
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    const borel_node_info *info = borel_graph_at(p->graph, i);
    if (is_reduction(p, i)) {
      borel_text_printf(out, "        a%d[l] += i < size ? ", p->number[i]);
      emit_operand(p, k, borel_graph_args(p->graph, i)[0], out);
      borel_text_printf(out, " : 0.0;\n");
      continue;
    }
    borel_text_printf(out, "        const %s r%d = ", type_of(info), p->number[i]);
    emit_value(p, k, i, out);
    borel_text_printf(out, ";\n");
    if (p->stored[i]) borel_text_printf(out, "        q%d[i] = r%d;\n", p->slot_of[i], p->number[i]);
  }
  borel_text_printf(out, "      }\n");
  for (size_t j = 0; j < group->count; j++)
    if (is_reduction(p, group->nodes[j])) {
      int a = p->number[group->nodes[j]];
      borel_text_printf(
          out,
          "    s%d = ((a%d[0] + a%d[4]) + (a%d[1] + a%d[5])) + ((a%d[2] + a%d[6]) + (a%d[3] + a%d[7]));\n", a,
          a, a, a, a, a, a, a, a);
    }
  borel_text_printf(out, "  }\n");
  for (size_t j = 0; j < group->count; j++)
    if (is_reduction(p, group->nodes[j])) emit_store(p, group->nodes[j], out);
}

static void emit_structured(const borel_program *p, int32_t k, borel_text *out) {
  static void (*const rules[BOREL_OP_COUNT])(const borel_program *, borel_node, borel_text *) = {
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_emit_##NAME,
#include "graph/ops.def"
  };
  borel_node i = p->groups[k].nodes[0];
  borel_text_printf(out, "  {\n");
  rules[borel_graph_at(p->graph, i)->op](p, i, out);
  borel_text_printf(out, "  }\n");
  if (borel_graph_at(p->graph, i)->shape.rank == 0) {
    borel_text_printf(out, "  const double s%d = ", p->number[i]);
    borel_emit_pointer(p, i, 0, out);
    borel_text_printf(out, "[0];\n");
  }
}

static void emit_body(const borel_program *p, borel_text *out);

/* Copies one value of the given shape between slots; an index (may be NULL) counts in such values. */
static void emit_copy(const borel_program *p, const borel_shape *shape, borel_text *out, int to_slot,
                      const char *to_index, int from_slot, const char *from_index) {
  borel_text_printf(out, "    __builtin_memcpy((double *)b[%d]%s", to_slot, to_index ? " + " : "");
  if (to_index) {
    borel_text_printf(out, "%s * (", to_index);
    borel_emit_size(p, shape, out);
    borel_text_printf(out, ")");
  }
  borel_text_printf(out, ", (const double *)b[%d]%s", from_slot, from_index ? " + " : "");
  if (from_index) {
    borel_text_printf(out, "%s * (", from_index);
    borel_emit_size(p, shape, out);
    borel_text_printf(out, ")");
  }
  borel_text_printf(out, ", 8 * (");
  borel_emit_size(p, shape, out);
  borel_text_printf(out, "));\n");
}

/* Scalar inputs of a body are read from their slots into locals. */
static void emit_inputs(const borel_program *p, borel_text *out) {
  for (borel_node i = 0; i < p->nodes; i++) {
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (node->op != BOREL_OP_INPUT || p->slot_of[i] < 0 || node->shape.rank > 0) continue;
    borel_text_printf(out, "  const %s s%d = ", type_of(node), p->number[i]);
    borel_emit_pointer(p, i, 0, out);
    borel_text_printf(out, "[0];\n");
  }
}

static void emit_scan(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  borel_node node = group->nodes[0];
  const borel_node *args = borel_graph_args(p->graph, node);
  const borel_node_info *info = borel_graph_at(p->graph, node);
  const borel_region *region = info->region;
  const borel_program *body = group->body;
  size_t nc = region->carries, ns = region->sequences, no = region->output_count;
  for (size_t i = 0; i < nc; i++)
    emit_copy(p, &borel_graph_at(p->graph, args[i])->shape, out, body->input_slot[i], NULL,
              p->slot_of[args[i]], NULL);
  for (size_t i = nc + ns; i < info->arg_count; i++)
    emit_copy(p, &borel_graph_at(p->graph, args[i])->shape, out, body->input_slot[i], NULL,
              p->slot_of[args[i]], NULL);
  char t[16];
  borel_text_printf(out, "  {\n  const long long steps = ");
  borel_emit_extent(p, info->attr, out);
  snprintf(t, sizeof t, "t%d", p->number[node]);
  borel_text_printf(out,
                    ";\n  for (long long step = 0; step < steps; step++) {\n    const long long %s = %s;\n",
                    t, region->reverse ? "steps - 1 - step" : "step");
  for (size_t i = 0; i < ns; i++) {
    borel_shape element = borel_graph_at(p->graph, args[nc + i])->shape;
    memmove(element.extent, element.extent + 1, sizeof *element.extent * (size_t)--element.rank);
    emit_copy(p, &element, out, body->input_slot[nc + i], NULL, p->slot_of[args[nc + i]], t);
  }
  emit_inputs(body, out);
  emit_body(body, out);
  for (size_t j = 1; j < group->count; j++) {
    size_t which = (size_t)borel_graph_at(p->graph, group->nodes[j])->attr;
    if (which < nc) continue;
    borel_node from = region->outputs[which < no ? which : which - no];
    int slot = which < no ? body->slot_of[from] : body->input_slot[which - no];
    emit_copy(p, &borel_graph_at(body->graph, from)->shape, out, p->slot_of[group->nodes[j]], t, slot, NULL);
  }
  for (int pass = 0; pass < 2; pass++) { /* all new carries are set aside before any is overwritten */
    borel_text_printf(out, "    double *aside%d = (double *)b[%d];\n", pass, group->carry_slot);
    for (size_t i = 0; i < nc; i++) {
      const borel_shape *shape = &borel_graph_at(body->graph, region->outputs[i])->shape;
      borel_text_printf(out, "    __builtin_memcpy(");
      if (pass == 0)
        borel_text_printf(out, "aside0, (const double *)b[%d], 8 * (", body->slot_of[region->outputs[i]]);
      else
        borel_text_printf(out, "(double *)b[%d], aside1, 8 * (", body->input_slot[i]);
      borel_emit_size(p, shape, out);
      borel_text_printf(out, "));\n    aside%d += ", pass);
      borel_emit_size(p, shape, out);
      borel_text_printf(out, ";\n");
    }
  }
  borel_text_printf(out, "  }\n  }\n");
  for (size_t j = 1; j < group->count; j++) {
    borel_node i = group->nodes[j];
    const borel_node_info *part = borel_graph_at(p->graph, i);
    if ((size_t)part->attr < nc)
      emit_copy(p, &part->shape, out, p->slot_of[i], NULL, body->input_slot[part->attr], NULL);
    if (part->shape.rank == 0) {
      borel_text_printf(out, "  const %s s%d = ", type_of(part), p->number[i]);
      borel_emit_pointer(p, i, 0, out);
      borel_text_printf(out, "[0];\n");
    }
  }
}

static void emit_body(const borel_program *p, borel_text *out) {
  for (borel_node i = 0; i < p->nodes; i++) { /* numbers that somebody reads from memory */
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (node->op != BOREL_OP_SCALAR || p->slot_of[i] < 0) continue;
    borel_text_printf(out, "  ");
    borel_emit_pointer(p, i, 1, out);
    borel_text_printf(out, "[0] = ");
    emit_number(p, node, out);
    borel_text_printf(out, ";\n");
  }
  for (size_t k = 0; k < p->group_count; k++) switch (p->groups[k].kind) {
    case BOREL_GROUP_SCALARS: emit_scalars(p, (int32_t)k, out); break;
    case BOREL_GROUP_LOOP: emit_loop(p, (int32_t)k, out); break;
    case BOREL_GROUP_STRUCTURED: emit_structured(p, (int32_t)k, out); break;
    case BOREL_GROUP_SCAN: emit_scan(p, (int32_t)k, out); break;
    }
}

void borel_emit_program(const borel_program *p, const char *name, borel_text *out) {
  borel_text_printf(
      out,
      "\nvoid %s(void *const *restrict b, const double *restrict c, const long long *restrict n) {\n"
      "  (void)c, (void)n;\n",
      name);
  emit_inputs(p, out);
  emit_body(p, out);
  borel_text_printf(out, "}\n");
}

/* ---- prelude --------------------------------------------------------------------------------- */

static void note_ops(const borel_program *p, uint8_t *used) {
  for (size_t k = 0; k < p->group_count; k++) {
    for (size_t j = 0; j < p->groups[k].count; j++)
      used[borel_graph_at(p->graph, p->groups[k].nodes[j])->op] = 1;
    if (p->groups[k].body) note_ops(p->groups[k].body, used);
  }
}

static const struct {
  const char *name, *text;
} specials[] = {
#define SPECIAL(name, ...) {#name, #__VA_ARGS__},
#include "graph/special.h"
};

void borel_emit_prelude(const borel_program *const *programs, size_t count, borel_text *out) {
  uint8_t used[BOREL_OP_COUNT] = {0};
  for (size_t i = 0; i < count; i++) note_ops(programs[i], used);
  borel_text_printf(out, "#if defined(__x86_64__) && defined(__linux__)\n#define VECTOR "
                         "__attribute__((simd(\"notinbranch\"), const))\n"
                         "#else\n#define VECTOR __attribute__((const))\n#endif\n");
  static const char *const vector_functions[] = {"exp",   "log",  "sin",  "cos",  "log1p",
                                                 "expm1", "tanh", "erf",  "erfc", "tan",
                                                 "asin",  "acos", "atan", "sinh", "cosh"};
  for (size_t i = 0; i < sizeof vector_functions / sizeof *vector_functions; i++)
    borel_text_printf(out, "VECTOR double %s(double);\n", vector_functions[i]);
  borel_text_printf(out, "VECTOR double pow(double, double);\ndouble fabs(double), floor(double), "
                         "ceil(double), sqrt(double), lgamma_r(double, int *);\n");
  for (size_t s = 0; s < sizeof specials / sizeof *specials; s++)
    for (int op = 0; op < BOREL_OP_COUNT; op++)
      if (used[op] && borel_op_get((borel_op)op)->expression &&
          strstr(borel_op_get((borel_op)op)->expression, specials[s].name)) {
        borel_text_printf(out, "%s\n", specials[s].text);
        break;
      }
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    const borel_op_info *info = borel_op_get((borel_op)op);
    if (!used[op] || info->kind != BOREL_CLASS_ELEMENTWISE) continue;
    borel_text_printf(out, "static inline __attribute__((always_inline)) %s op_%s(",
                      info->result == 'I' ? "long long" : "double", info->name);
    for (int a = 0; a < info->arity; a++)
      borel_text_printf(out, "%s%s %c", a ? ", " : "", info->types[a] == 'I' ? "long long" : "double",
                        'a' + a);
    borel_text_printf(out, ") { return %s; }\n", info->expression);
  }
}
