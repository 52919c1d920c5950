/* SPDX-License-Identifier: MIT
 * C text of values and of fused loops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/emit_loop.h"

/* An argument of a node in group k: a register of this loop, an element of memory, or a scalar. */
void borel_emit_operand(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  if (borel_graph_at(p->graph, i)->shape.rank == 0)
    borel_emit_scalar(p, i, out);
  else if (p->group_of[i] == k)
    borel_text_printf(out, "r%d", p->number[i]);
  else
    borel_text_printf(out, "p%d[i]", p->slot_of[i]);
}

void borel_emit_broadcast_index(const borel_program *p, const borel_shape *from, const borel_shape *to,
                                const char *element, borel_text *out) {
  int terms = 0;
  for (int d = to->rank - 1, s = from->rank - 1; s >= 0; d--, s--) {
    if (from->extent[s] == 1) continue;
    borel_shape after = {0}, stride = {0};
    for (int k = d + 1; k < to->rank; k++) after.extent[after.rank++] = to->extent[k];
    for (int k = s + 1; k < from->rank; k++) stride.extent[stride.rank++] = from->extent[k];
    borel_text_printf(out, "%s(%s / (", terms++ ? " + " : "", element);
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

void borel_emit_arguments(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  for (uint32_t a = 0; a < borel_graph_at(p->graph, i)->arg_count; a++) {
    if (a) borel_text_printf(out, ", ");
    borel_emit_operand(p, k, borel_graph_args(p->graph, i)[a], out);
  }
}

/* The value of node i in terms of its arguments, inside group k. */
void borel_emit_value(const borel_program *p, int32_t k, borel_node i, borel_text *out) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  const borel_node *args = borel_graph_args(p->graph, i);
  const borel_node_info *first = borel_graph_at(p->graph, args[0]);
  if (node->op == BOREL_OP_RESHAPE && first->shape.rank == 0 && node->shape.rank > 0) {
    borel_emit_scalar(p, args[0], out);
  } else if (node->op == BOREL_OP_RESHAPE && node->shape.rank == 0 && first->shape.rank > 0) {
    borel_emit_pointer(p, args[0], 0, out);
    borel_text_printf(out, "[0]");
  } else if (node->op == BOREL_OP_RESHAPE || (node->op == BOREL_OP_BROADCAST && first->shape.rank == 0)) {
    borel_emit_operand(p, k, args[0], out);
  } else if (node->op == BOREL_OP_BROADCAST) {
    borel_text_printf(out, "w%d[l]", p->number[i]);
  } else if (node->op == BOREL_OP_GATHER) {
    const borel_node_info *index = borel_graph_at(p->graph, args[1]);
    int known = index->op == BOREL_OP_ARRAY || index->op == BOREL_OP_SCALAR; /* checked when it was made */
    if (!known) { /* the interpreter's rule: a NaN from outside */
      borel_text_printf(out, "(unsigned long long)");
      borel_emit_operand(p, k, args[1], out);
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
      borel_emit_operand(p, k, args[1], out);
      borel_text_printf(out, "]");
    }
  } else {
    int single = p->groups[k].kind == BOREL_GROUP_SCALARS && borel_emit_has_single(node->op);
    borel_text_printf(out, "%s_%s(", single ? "one" : "op", borel_op_get(node->op)->name);
    borel_emit_arguments(p, k, i, out);
    borel_text_printf(out, ")");
  }
}

/* ---- loops ----------------------------------------------------------------------------------- */

void borel_emit_store(const borel_program *p, borel_node i, borel_text *out) {
  if (!p->stored[i]) return;
  borel_text_printf(out, "  ");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, "[0] = s%d;\n", p->number[i]);
}

/* Does group k read this argument from memory, at place i? Prints its pointer once. */
void borel_emit_loop_pointers(const borel_program *p, int32_t k, borel_text *out) {
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
        borel_text_printf(out, "    const %s *restrict const p%d = (const %s *)b[%d];\n",
                          borel_emit_type(from), p->slot_of[arg], borel_emit_type(from), p->slot_of[arg]);
    }
    if (p->stored[node] && info->shape.rank > 0)
      borel_text_printf(out, "    %s *restrict const q%d = (%s *)b[%d];\n", borel_emit_type(info),
                        p->slot_of[node], borel_emit_type(info), p->slot_of[node]);
  }
}

int borel_is_whole_sum(const borel_program *p, borel_node i) {
  borel_op op = borel_graph_at(p->graph, i)->op;
  return op == BOREL_OP_SUM_LOG || (op == BOREL_OP_SUM && borel_graph_at(p->graph, i)->shape.rank == 0);
}

void borel_each_sum(const borel_program *p, int32_t k, const char *sum, const char *log, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    if (!borel_is_whole_sum(p, i)) continue;
    for (const char *at = borel_graph_at(p->graph, i)->op == BOREL_OP_SUM ? sum : log; *at; at++)
      if (*at == '#')
        borel_text_printf(out, "%d", p->number[i]);
      else
        borel_text_append(out, at, 1);
  }
}

void borel_emit_accumulators(const borel_program *p, int32_t k, borel_text *out) {
  borel_each_sum(p, k, "    LANES(a#)\n", "    product a# = PRODUCT;\n", out);
}

void borel_emit_accumulate(const borel_program *p, int32_t k, const char *from, const char *count,
                           borel_text *out) {
  char sum[100], log[100];
  snprintf(sum, sizeof sum, "      for (long long l = 0; l < %s; l += 8) { ADD(a#, %s# + l) }\n", count,
           from);
  snprintf(log, sizeof log, "      borel_multiply(&a#, %s#, %s);\n", from, count);
  borel_each_sum(p, k, sum, log, out);
}

void borel_emit_neutral(const borel_program *p, int32_t k, const char *from, const char *index,
                        borel_text *out) {
  char sum[60], log[60];
  snprintf(sum, sizeof sum, " %s#[%s] = 0.0;", from, index);
  snprintf(log, sizeof log, " %s#[%s] = 1.0;", from, index);
  borel_each_sum(p, k, sum, log, out);
}

void borel_emit_element(const borel_program *p, int32_t k, const uint16_t *stages, int stage,
                        borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    if (stages && stages[i] >> 1 != stage) continue;
    const borel_node_info *info = borel_graph_at(p->graph, i);
    if (borel_is_whole_sum(p, i)) {
      borel_text_printf(out, "        t%d[l] = ", p->number[i]);
      borel_emit_operand(p, k, borel_graph_args(p->graph, i)[0], out);
      borel_text_printf(out, ";\n");
      continue;
    }
    borel_text_printf(out, "        const %s r%d = ", borel_emit_type(info), p->number[i]);
    borel_emit_value(p, k, i, out);
    borel_text_printf(out, ";\n");
    if (p->stored[i]) borel_text_printf(out, "        q%d[i] = r%d;\n", p->slot_of[i], p->number[i]);
  }
}

/* ---- stretched arrays -------------------------------------------------------------------------- */

/* A broadcast of an array: its elements stand in runs, which are one element again and again or follow each
 * other in memory. Runs are copied to w#[128], so that the loop that uses them has no index arithmetic. */
int borel_is_stretched(const borel_program *p, borel_node i) {
  return borel_graph_at(p->graph, i)->op == BOREL_OP_BROADCAST &&
         borel_graph_at(p->graph, borel_graph_args(p->graph, i)[0])->shape.rank > 0;
}

/* The axes of a run, from the last: returns whether its elements follow each other. */
int borel_find_run(const borel_shape *from, const borel_shape *to, borel_shape *run) {
  int along = -1;
  *run = (borel_shape){0};
  for (int d = to->rank - 1, s = from->rank - 1; d >= 0; d--, s--) {
    if (to->extent[d] == 1) continue;
    int same = s >= 0 && from->extent[s] == to->extent[d];
    if (along < 0) along = same;
    if (same != along) break;
    run->extent[run->rank++] = to->extent[d];
  }
  return along == 1;
}

enum { SHORT_RUN = 8, PIECE = 128 };

/* The period of an array that repeats a few elements again and again, if pieces begin where they begin: every
 * piece is the same then. 0: it does not. */
static int64_t period_of(const borel_program *p, borel_node i) {
  const borel_shape *to = &borel_graph_at(p->graph, i)->shape,
                    *from = &borel_graph_at(p->graph, borel_graph_args(p->graph, i)[0])->shape;
  int64_t period = borel_shape_size(from), inner = 1;
  for (int d = to->rank - 1; d >= 0 && inner < period; d--) inner *= to->extent[d];
  borel_shape run;
  return inner == period && borel_find_run(from, to, &run) && borel_shape_size(&run) == period &&
                 period <= PIECE && PIECE % period == 0
             ? period
             : 0;
}

/* How often each element stands, one time after the other, where all stand in their order: 0 where it is not
 * so. */
static int64_t times_of(const borel_program *p, borel_node i) {
  const borel_shape *to = &borel_graph_at(p->graph, i)->shape,
                    *from = &borel_graph_at(p->graph, borel_graph_args(p->graph, i)[0])->shape;
  borel_shape run;
  if (borel_find_run(from, to, &run)) return 0;
  int64_t times = borel_shape_size(&run);
  return borel_shape_size(from) * times == borel_shape_size(to) && times < SHORT_RUN && PIECE % times == 0
             ? times
             : 0;
}

static void emit_stretch(const borel_program *p, borel_node i, borel_text *out) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  borel_node from = borel_graph_args(p->graph, i)[0];
  const borel_shape *shape = &borel_graph_at(p->graph, from)->shape;
  borel_shape run;
  int64_t times = times_of(p, i);
  if (period_of(p, i)) return; /* once, before the loop */
  if (times) {
    borel_text_printf(out, "      const %s *restrict const at%d = ", borel_emit_type(node), p->number[i]);
    borel_emit_pointer(p, from, 0, out);
    borel_text_printf(out,
                      " + i0 / %lld;\n      for (int e = 0; e < (int)stop / %lld; e++)\n"
                      "        for (int k = 0; k < %lld; k++) w%d[%lld * e + k] = at%d[e];\n",
                      (long long)times, (long long)times, (long long)times, p->number[i], (long long)times,
                      p->number[i]);
    return;
  }
  int along = borel_find_run(shape, &node->shape, &run);
  int is_short = run.rank == 0 || (run.rank == 1 && run.extent[0] < SHORT_RUN);
  borel_text_printf(out, "      for (long long l = 0; l < stop;%s) {\n        const long long i = i0 + l;\n",
                    is_short ? " l++" : "");
  borel_text_printf(out, "        const %s *at = ", borel_emit_type(node));
  borel_emit_pointer(p, from, 0, out);
  borel_text_printf(out, " + ");
  borel_emit_broadcast_index(p, shape, &node->shape, "i", out);
  if (is_short) {
    borel_text_printf(out, ";\n        w%d[l] = *at;\n      }\n", p->number[i]);
    return;
  }
  borel_text_printf(out, ";\n        const long long run = ");
  borel_emit_size(p, &run, out);
  borel_text_printf(out,
                    ", rest = run - i %% run, count = rest < stop - l ? rest : stop - l;\n"
                    "        for (long long k = 0; k < count; k++) w%d[l + k] = at[%s];\n"
                    "        l += count;\n      }\n",
                    p->number[i], along ? "k" : "0");
}

/* Prints the runs of a piece; with `declare`, the arrays that they go to, and what is in all pieces. */
static void emit_stretched(const borel_program *p, int32_t k, int declare, borel_text *out) {
  const borel_group *group = &p->groups[k];
  for (size_t j = 0; j < group->count; j++) {
    borel_node i = group->nodes[j];
    if (!borel_is_stretched(p, i)) continue;
    if (!declare) {
      emit_stretch(p, i, out);
      continue;
    }
    borel_text_printf(out, "    %s w%d[%d]%s;\n", borel_emit_type(borel_graph_at(p->graph, i)), p->number[i],
                      PIECE, period_of(p, i) ? "" : " = {0}");
    if (!period_of(p, i)) continue;
    borel_text_printf(out, "    for (int l = 0; l < %d; l++) w%d[l] = ", PIECE, p->number[i]);
    borel_emit_pointer(p, borel_graph_args(p->graph, i)[0], 0, out);
    borel_text_printf(out, "[l %% %lld];\n", (long long)period_of(p, i));
  }
}

/* ---- the loop ---------------------------------------------------------------------------------- */

/* Elements of reductions beyond the true size become neutral. */
static void emit_cut(const borel_program *p, int32_t k, const char *end, borel_text *out) {
  int sums = 0;
  for (size_t j = 0; j < p->groups[k].count; j++) sums += borel_is_whole_sum(p, p->groups[k].nodes[j]);
  if (!sums) return;
  borel_text_printf(out, "      for (long long l = size - i0; l < %s; l++) {", end);
  borel_emit_neutral(p, k, "t", "l", out);
  borel_text_printf(out, " }\n");
}

/* The size of a loop when no extent of it is an argument, else -1. */
static int64_t known_size(const borel_group *group) {
  int64_t known = 1;
  for (int d = 0; d < group->shape.rank; d++)
    known = known < 0 || group->shape.extent[d] > BOREL_EXTENT_CONSTANT ? -1 : known * group->shape.extent[d];
  return known;
}

/* Sums of one round: their accumulators begin with it. */
static int is_one_round(const borel_group *group) {
  int64_t size = known_size(group);
  return size > 0 && size <= BOREL_LANES;
}

/* One round of all lanes. Summands go through an array, so that the round is vectorised whatever is in it. */
static void emit_round(const borel_program *p, int32_t k, int cut, borel_text *out) {
  borel_each_sum(p, k, "      double t#[8];\n", "", out);
  borel_text_printf(out, "#pragma omp simd\n      for (int l = 0; l < 8; l++) {\n"
                         "        const long long i = i0 + l;\n");
  borel_emit_element(p, k, NULL, 0, out);
  borel_text_printf(out, "      }\n");
  if (cut) emit_cut(p, k, "8", out);
  borel_each_sum(p, k, is_one_round(&p->groups[k]) ? "      SET(a#, t#)\n" : "      ADD(a#, t#)\n", "", out);
}

/* Sums of little work for each element: in registers. First the rounds within the size, then the one that
 * goes beyond it. */
static void emit_short_sums(const borel_program *p, int32_t k, borel_text *out) {
  const int64_t known = known_size(&p->groups[k]);
  int whole = known >= 0 && known % 8 == 0, once = whole || (known >= 0 && known < 8);
  borel_text_printf(out, "    long long i0 = 0;\n    for (; i0 < size%s; i0 += 8) {\n", once ? "" : " - 7");
  emit_round(p, k, once && !whole, out);
  borel_text_printf(out, "    }\n");
  if (once) return;
  borel_text_printf(out, "    if (i0 < size) {\n");
  emit_round(p, k, 1, out);
  borel_text_printf(out, "    }\n");
}

/* Much work, or stretched arrays: pieces of a few rounds, each first computed as a whole (one flat loop,
 * whose constants stay in registers), then added. */
static void emit_pieces(const borel_program *p, int32_t k, int stretched, borel_text *out) {
  borel_each_sum(p, k, "    double t#[128];\n", "    double t#[128];\n", out);
  uint16_t *stages = borel_find_stages(p, k);
  if (stages) borel_emit_crossing(p, k, stages, out);
  if (stretched) emit_stretched(p, k, 1, out);
  borel_text_printf(out, "    for (long long i0 = 0; i0 < size; i0 += 128) {\n"
                         "      const long long end = size - i0 < 128 ? (size - i0 + 7) & ~7LL : 128;\n");
  if (stretched) {
    borel_text_printf(out, "      const long long stop = size - i0 < 128 ? size - i0 : 128;\n");
    emit_stretched(p, k, 0, out);
  }
  if (stages) {
    borel_emit_stages(p, k, stages, out);
  } else {
    borel_text_printf(out, "#pragma omp simd\n      for (long long l = 0; l < end; l++) {\n"
                           "        const long long i = i0 + l;\n");
    borel_emit_element(p, k, NULL, 0, out);
    borel_text_printf(out, "      }\n");
  }
  free(stages);
  emit_cut(p, k, "end", out);
  borel_emit_accumulate(p, k, "t", "end", out);
  borel_text_printf(out, "    }\n");
}

/* Loops run over whole lanes, beyond the true size: arrays are padded, and a value never depends on where it
 * stands. */
void borel_emit_loop(const borel_program *p, int32_t k, borel_text *out) {
  enum { MANY_NODES = 40 };
  const borel_group *group = &p->groups[k];
  const int nest = borel_is_nest(p, k);
  int sums = 0, stretched = 0, sets = 0, heavy = group->count > MANY_NODES;
  for (size_t j = 0; j < group->count; j++) {
    sums += borel_is_whole_sum(p, group->nodes[j]);
    stretched |= borel_is_stretched(p, group->nodes[j]);
    borel_op op = borel_graph_at(p->graph, group->nodes[j])->op;
    heavy |= op == BOREL_OP_SUM_LOG || borel_is_long(op);
  }
  borel_each_sum(p, k, "  double s#;\n", "  double s#;\n", out);
  borel_text_printf(out, "  {\n");
  borel_emit_loop_pointers(p, k, out);
  borel_text_printf(out, "    const long long size = ");
  borel_emit_size(p, &group->shape, out);
  borel_text_printf(out, ";\n");
  borel_emit_accumulators(p, k, out);
  if (nest) {
    borel_emit_nest(p, k, out);
  } else if (stretched || (sums && heavy) || borel_has_calls(p, k)) {
    emit_pieces(p, k, stretched, out);
  } else if (!sums) {
    borel_text_printf(out, "    const long long end = (size + 7) & ~7LL;\n"
                           "#pragma omp simd\n    for (long long i = 0; i < end; i++) {\n");
    borel_emit_element(p, k, NULL, 0, out);
    borel_text_printf(out, "    }\n");
  } else {
    emit_short_sums(p, k, out);
    sets = is_one_round(group); /* 0.0: the sign of a sum of zeros, as if they had begun with it */
  }
  borel_each_sum(p, k, sets ? "    s# = 0.0 + TOTAL(a#);\n" : "    s# = TOTAL(a#);\n",
                 "    s# = borel_log_of(&a#);\n", out);
  borel_text_printf(out, "  }\n");
  for (size_t j = 0; j < group->count; j++)
    if (borel_is_whole_sum(p, group->nodes[j])) borel_emit_store(p, group->nodes[j], out);
}
