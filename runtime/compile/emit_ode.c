/* SPDX-License-Identifier: MIT
 * C text of differential equations: the right-hand side as a function of its own, and the call of the solver,
 * which is a function of libborel. */
#include "compile/emit.h"
#include "compile/ode.h"

#define TEXT_OF(...) #__VA_ARGS__
#define TEXT(...) TEXT_OF(__VA_ARGS__)

/* The method for problems that are not stiff. */
static const char *const method[] = {
#define ODE_METHOD(...) #__VA_ARGS__,
#include "compile/ode_method.h"
};

void borel_emit_ode_prelude(borel_text *out) {
  borel_text_printf(out, "%s\nvoid borel_ode_solve(const borel_ode_problem *);\n", TEXT(BOREL_ODE_PROBLEM));
  borel_text_printf(out, "#define ODE_INLINE static inline __attribute__((always_inline))\n");
  for (size_t i = 0; i < sizeof method / sizeof *method; i++) borel_text_printf(out, "%s\n", method[i]);
}

static int is_ode(const borel_program *p, const borel_group *group) {
  return group->body && borel_graph_at(p->graph, group->nodes[0])->op == BOREL_OP_ODE;
}

/* ---- functions before the program ------------------------------------------------------------ */

enum { T_INPUT, Y_INPUT, SMALL = 128 };

static size_t operations(const borel_program *p) {
  size_t count = 0;
  for (size_t k = 0; k < p->group_count; k++) {
    count += p->groups[k].count;
    if (p->groups[k].body) count += operations(p->groups[k].body);
    if (p->groups[k].otherwise) count += operations(p->groups[k].otherwise);
  }
  return count;
}

/* Right-hand sides of few states and operations become part of the solver, with a copy for each stage, and
 * compute where it wants their results. */
static int is_small(const borel_program *p, const borel_group *group) {
  const borel_ode_layout layout = borel_ode_layout_of(p, group);
  return !borel_graph_at(p->graph, group->nodes[0])->region->ode->stiff && layout.states <= SMALL &&
         layout.states * (1 + layout.states + layout.columns) <= SMALL && operations(group->body) <= SMALL;
}

/* The slots that the program reads or writes. */
static void emit_slots(const borel_program *p, borel_text *out) {
  for (size_t i = 0; i < p->nodes; i++)
    if (p->slot_of[i] >= 0) borel_text_printf(out, "  b[%d] = slots[%d];\n", p->slot_of[i], p->slot_of[i]);
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    if (group->body && group->carry_slot >= 0)
      borel_text_printf(out, "  b[%d] = slots[%d];\n", group->carry_slot, group->carry_slot);
    if (group->body) emit_slots(group->body, out);
    if (group->otherwise) emit_slots(group->otherwise, out);
  }
}

static const char *const results[] = {"f", "jy", "jp"};

/* Is output k computed by the body, in a slot that is not also that of an earlier one? */
static int is_own(const borel_program *body, size_t k) {
  for (size_t j = 0; j < k; j++)
    if (body->outputs[j] == body->outputs[k]) return 0;
  return body->group_of[body->outputs[k]] >= 0;
}

static void emit_arguments(const borel_program *body, long long states, int small, borel_text *out) {
  const int32_t t = body->input_slot[T_INPUT], y = body->input_slot[Y_INPUT];
  if (small) {
    borel_text_printf(out, "  void *b[%zu];\n", body->tables->slot_count);
    emit_slots(body, out);
    if (t >= 0) borel_text_printf(out, "  b[%d] = &t;\n", t);
    if (y >= 0) borel_text_printf(out, "  b[%d] = (void *)y;\n", y);
    for (size_t k = 0; k < body->output_count; k++)
      if (is_own(body, k))
        borel_text_printf(out, "  b[%d] = %s;\n", borel_program_output_slot(body, k), results[k]);
  } else {
    if (t >= 0) borel_text_printf(out, "  *(double *)b[%d] = t;\n", t);
    if (y >= 0) borel_text_printf(out, "  __builtin_memcpy(b[%d], y, 8 * %lld);\n", y, states);
  }
}

static void emit_right_hand_side(const borel_program *p, const borel_group *group, borel_text *out) {
  const borel_program *body = group->body;
  const int small = is_small(p, group);
  const borel_ode_layout layout = borel_ode_layout_of(p, group);
  const long long sizes[] = {layout.states, layout.states * layout.states, layout.states * layout.parameters};
  borel_text_printf(
      out,
      "\nstatic %s void RHS(%d)(void *const *%s, const double *c, const long long *n, double t, "
      "const double *y, double *f, double *jy, double *jp) {\n  (void)c, (void)n;\n",
      small ? "inline __attribute__((always_inline))" : "__attribute__((noinline))",
      p->number[group->nodes[0]], small ? "slots" : "b");
  emit_arguments(body, layout.states, small, out);
  borel_emit_inputs(body, out);
  borel_emit_body(body, out);
  for (size_t k = 0; k < body->output_count; k++)
    if (sizes[k] && !(small && is_own(body, k)))
      borel_text_printf(out, "  __builtin_memcpy(%s, b[%d], 8 * %lld);\n", results[k],
                        borel_program_output_slot(body, k), sizes[k]);
  borel_text_printf(out, "}\n");
}

static void emit_slot(const char *field, int32_t slot, borel_text *out) {
  if (slot >= 0) borel_text_printf(out, ", .%s = (double *)b[%d]", field, slot);
}

static void emit_solver(const borel_program *p, const borel_group *group, borel_text *out) {
  const borel_node *args = borel_graph_args(p->graph, group->nodes[0]);
  const borel_ode *ode = borel_graph_at(p->graph, group->nodes[0])->region->ode;
  const borel_ode_layout layout = borel_ode_layout_of(p, group);
  borel_text_printf(out,
                    "\nstatic __attribute__((noinline)) void SOLVE(%d)(void *const *b, const double *c, "
                    "const long long *n) {\n  %s(&(const borel_ode_problem){.states = %lld, .times = ",
                    p->number[group->nodes[0]], ode->stiff ? "borel_ode_solve" : "borel_ode_dormand_prince",
                    layout.states);
  borel_emit_size(p, &borel_graph_at(p->graph, args[2])->shape, out);
  borel_text_printf(out,
                    ", .columns = %lld, .parameters = %lld, .y0_column = %lld, .t0_column = %lld, "
                    ".parameter_column = %lld, .max_steps = %lld, .stiff = %d, .rel_tol = %a, .abs_tol = %a, "
                    ".rhs = RHS(%d), .b = b, .c = c, .n = n",
                    layout.columns, layout.parameters, layout.y0_column, layout.t0_column,
                    layout.parameter_column, (long long)ode->max_steps, ode->stiff, ode->rel_tol,
                    ode->abs_tol, p->number[group->nodes[0]]);
  emit_slot("y0", p->slot_of[args[0]], out);
  emit_slot("t0", p->slot_of[args[1]], out);
  emit_slot("ts", p->slot_of[args[2]], out);
  emit_slot("values", group->carry_slot, out);
  borel_text_printf(out, ", .work = (double *)b[%d] + %zu", group->carry_slot, layout.values);
  emit_slot("solution", layout.results[0], out);
  emit_slot("sensitivities", layout.results[1], out);
  emit_slot("slopes", layout.results[2], out);
  borel_text_printf(out, "});\n}\n");
}

static void emit_functions(const borel_program *p, borel_text *out) {
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    if (group->body) emit_functions(group->body, out);
    if (group->otherwise) emit_functions(group->otherwise, out);
    if (!is_ode(p, group)) continue;
    emit_right_hand_side(p, group, out);
    emit_solver(p, group, out);
  }
}

/* Functions are named by a macro of the program they belong to; in it, numbers are unique. */
void borel_emit_ode_functions(const borel_program *p, const char *name, borel_text *out) {
  borel_text_printf(out, "#undef RHS\n#undef SOLVE\n#define RHS(k) %s_rhs##k\n#define SOLVE(k) %s_ode##k\n",
                    name, name);
  emit_functions(p, out);
}

/* ---- in the program -------------------------------------------------------------------------- */

void borel_emit_ode(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  const borel_node *args = borel_graph_args(p->graph, group->nodes[0]);
  const borel_region *region = borel_graph_at(p->graph, group->nodes[0])->region;
  borel_ode_layout layout = borel_ode_layout_of(p, group);
  for (size_t i = 0; layout.values && i < region->captured; i++) {
    if (region->ode->first[3 + i] < 0) continue;
    borel_text_printf(out, "  __builtin_memcpy((double *)b[%d] + %lld, b[%d], 8 * (", group->carry_slot,
                      (long long)region->ode->first[3 + i] - layout.parameter_column,
                      p->slot_of[args[3 + i]]);
    borel_emit_size(p, &borel_graph_at(p->graph, args[3 + i])->shape, out);
    borel_text_printf(out, "));\n");
  }
  borel_text_printf(out, "  SOLVE(%d)(b, c, n);\n", p->number[group->nodes[0]]);
}
