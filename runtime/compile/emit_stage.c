/* SPDX-License-Identifier: MIT
 * The elements of a piece of 128, in stages. No compiler makes vector code of a loop that calls a function of
 * libborel, so each such call has a loop of its own, beside the vector loops of everything else; lgamma and
 * its kin are called once, for all elements. What a stage reads of an earlier one stands in u#[128]. */
#include <stdlib.h>
#include <string.h>

#include "compile/emit_loop.h"

enum { CROSSES = 1 }; /* in a stage's number, which is above that bit: odd for calls, even for vector loops */
static int stage_of(const uint16_t *stages, borel_node i) { return stages[i] >> 1; }

static int is_number(const borel_program *p, borel_node i) {
  return borel_graph_at(p->graph, i)->shape.rank == 0;
}

static int is_call(const borel_program *p, borel_node i) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  return node->shape.rank > 0 && (borel_emit_is_many(node->op) || borel_emit_is_library(node->op));
}

int borel_has_calls(const borel_program *p, int32_t k) {
  for (size_t j = 0; j < p->groups[k].count; j++)
    if (is_call(p, p->groups[k].nodes[j])) return 1;
  return 0;
}

int borel_is_long(borel_op op) {
  static const char *const calls[] = {"borel_", "exp",  "log",  "sin", "cos", "tan",
                                      "tanh",   "sinh", "cosh", "erf", "pow"};
  const borel_op_info *info = borel_op_get(op);
  for (size_t i = 0; info->expression && i < sizeof calls / sizeof *calls; i++)
    if (strstr(info->expression, calls[i])) return 1;
  return 0;
}

/* The first stage in which a node can be made, given those of its arguments. With calls, each of them takes a
 * stage; without, there are two: before the first long function, and from there on. */
static int earliest(const borel_program *p, int32_t k, borel_node i, int calls, const uint16_t *stages) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  int own = calls ? is_call(p, i) : 0, stage = own;
  if (!calls && borel_is_long(node->op)) stage = 2;
  for (uint32_t a = 0; a < node->arg_count; a++) {
    borel_node arg = borel_graph_args(p->graph, i)[a];
    if (p->group_of[arg] != k) continue;
    int least = stage_of(stages, arg);
    if (least % 2) least++;
    if (least + own > stage) stage = least + own;
  }
  return stage;
}

uint16_t *borel_find_stages(const borel_program *p, int32_t k) {
  enum { LEAST_BEFORE = 5, MOST_CROSSING = 4, MOST_ARRAYS = 48 };
  const borel_group *group = &p->groups[k];
  uint16_t *stages = calloc(p->nodes, sizeof *stages);
  int calls = borel_has_calls(p, k), before = 0, crossing = 0;
  for (size_t j = 0; stages && j < group->count; j++) {
    borel_node i = group->nodes[j];
    const borel_node_info *info = borel_graph_at(p->graph, i);
    int stage = earliest(p, k, i, calls, stages);
    stages[i] = (uint16_t)(stage << 1);
    if (is_call(p, i)) stages[i] |= CROSSES, crossing++;
    for (uint32_t a = 0; a < info->arg_count; a++) {
      borel_node arg = borel_graph_args(p->graph, i)[a];
      if (p->group_of[arg] != k || stage_of(stages, arg) == stage || stages[arg] & CROSSES) continue;
      if (borel_graph_at(p->graph, arg)->shape.rank > 0) stages[arg] |= CROSSES, crossing++;
    }
    before += stage == 0;
  }
  if (calls ? crossing <= MOST_ARRAYS : before >= LEAST_BEFORE && crossing <= MOST_CROSSING) return stages;
  free(stages);
  return NULL;
}

/* Prints its type in place of @ and its number in place of #. */
static void print(const borel_program *p, borel_node i, const char *format, borel_text *out) {
  for (const char *at = format; *at; at++)
    if (*at == '#')
      borel_text_printf(out, "%d", p->number[i]);
    else if (*at == '@')
      borel_text_printf(out, "%s", borel_emit_type(borel_graph_at(p->graph, i)));
    else
      borel_text_append(out, at, 1);
}

void borel_emit_crossing(const borel_program *p, int32_t k, const uint16_t *stages, borel_text *out) {
  for (size_t j = 0; j < p->groups[k].count; j++) {
    borel_node i = p->groups[k].nodes[j];
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (stages[i] & CROSSES) print(p, i, "    @ u#[128];\n", out);
    for (uint32_t a = 0; a < node->arg_count && is_call(p, i) && borel_emit_is_many(node->op); a++) {
      borel_node arg = borel_graph_args(p->graph, i)[a];
      if (!is_number(p, arg)) continue;
      borel_text_printf(out, "    double k%d_%u[128];\n    for (int l = 0; l < 128; l++) k%d_%u[l] = ",
                        p->number[i], a, p->number[i], a);
      borel_emit_scalar(p, arg, out);
      borel_text_printf(out, ";\n");
    }
  }
}

static int reads(const borel_program *p, borel_node i, borel_node arg) {
  for (uint32_t a = 0; a < borel_graph_at(p->graph, i)->arg_count; a++)
    if (borel_graph_args(p->graph, i)[a] == arg) return 1;
  return 0;
}

/* A vector loop over the nodes of a stage. */
static void emit_vector_stage(const borel_program *p, int32_t k, const uint16_t *stages, int stage,
                              borel_text *out) {
  const borel_group *group = &p->groups[k];
  borel_text_printf(out, "#pragma omp simd\n      for (long long l = 0; l < end; l++) {\n"
                         "        const long long i = i0 + l;\n");
  for (size_t j = 0; j < group->count; j++) {
    borel_node from = group->nodes[j];
    if (!(stages[from] & CROSSES) || stage_of(stages, from) == stage) continue;
    int wanted = 0;
    for (size_t q = j + 1; q < group->count && !wanted; q++)
      wanted = stage_of(stages, group->nodes[q]) == stage && reads(p, group->nodes[q], from);
    if (wanted) print(p, from, "        const @ r# = u#[l];\n", out);
  }
  borel_emit_element(p, k, stages, stage, out);
  for (size_t j = 0; j < group->count; j++)
    if (stages[group->nodes[j]] & CROSSES && stage_of(stages, group->nodes[j]) == stage)
      print(p, group->nodes[j], "        u#[l] = r#;\n", out);
  borel_text_printf(out, "      }\n");
}

/* "      for (...) {" and the values of the arguments. */
static void open_call(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  const borel_node *args = borel_graph_args(p->graph, i);
  borel_text_printf(out, "      for (long long l = 0; l < end; l++) {\n"
                         "        const long long i = i0 + l;\n        (void)i;\n");
  for (uint32_t a = 0; a < borel_graph_at(p->graph, i)->arg_count; a++) {
    int seen = is_number(p, args[a]) || p->group_of[args[a]] != k;
    for (uint32_t b = 0; b < a && !seen; b++) seen = args[b] == args[a];
    if (!seen) print(p, args[a], "        const @ r# = u#[l];\n", out);
  }
}

/* "OF_MANY(lgamma)(end, u7, u8);": numbers stand in arrays k#_0, k#_1, everything else in u# or in memory. */
static void call_of_many(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  borel_text_printf(out, "      OF_MANY(%s)(end", borel_op_get(node->op)->name);
  for (uint32_t a = 0; a < node->arg_count; a++) {
    borel_node arg = borel_graph_args(p->graph, i)[a];
    if (is_number(p, arg))
      borel_text_printf(out, ", k%d_%u", p->number[i], a);
    else if (p->group_of[arg] == k)
      borel_text_printf(out, ", u%d", p->number[arg]);
    else
      borel_text_printf(out, ", p%d + i0", p->slot_of[arg]);
  }
  print(p, i, ", u#);\n", out);
}

static void emit_call(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  if (borel_emit_is_many(borel_graph_at(p->graph, i)->op)) {
    call_of_many(p, k, i, out);
  } else {
    open_call(p, k, i, out);
    print(p, i, "        u#[l] = ", out);
    borel_emit_value(p, k, i, out);
    borel_text_printf(out, ";\n      }\n");
  }
  if (!p->stored[i]) return;
  borel_text_printf(out, "      for (long long l = 0; l < end; l++) q%d[i0 + l] = ", p->slot_of[i]);
  print(p, i, "u#[l];\n", out);
}

void borel_emit_stages(const borel_program *p, int32_t k, const uint16_t *stages, borel_text *out) {
  const borel_group *group = &p->groups[k];
  int last = 0;
  for (size_t j = 0; j < group->count; j++)
    if (stage_of(stages, group->nodes[j]) > last) last = stage_of(stages, group->nodes[j]);
  for (int stage = 0; stage <= last; stage++) {
    int count = 0;
    for (size_t j = 0; j < group->count; j++) {
      if (stage_of(stages, group->nodes[j]) != stage) continue;
      count++;
      if (stage % 2) emit_call(p, k, group->nodes[j], out);
    }
    if (count > 0 && stage % 2 == 0) emit_vector_stage(p, k, stages, stage, out);
  }
}
