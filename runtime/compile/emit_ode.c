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

enum { T_INPUT, Y_INPUT, SMALL = 256 };

/* Numbers that the right-hand side computes up to SMALL: then it becomes part of the solver, each stage has a
 * copy, and its arguments and results are local. */
static int is_small(const borel_program *p, const borel_group *group) {
  borel_ode_layout layout = borel_ode_layout_of(p, group);
  return !borel_graph_at(p->graph, group->nodes[0])->region->ode->stiff && layout.states <= SMALL &&
         layout.states * (1 + layout.states + layout.parameters) <= SMALL;
}

/* An array on the stack in the place of a slot. */
static void emit_local(const borel_program *body, int32_t slot, borel_text *out) {
  if (slot < 0) return;
  borel_text_printf(out, "  double local%d[%zu];\n  own[%d] = local%d;\n", slot,
                    body->tables->slots[slot].size, slot, slot);
}

/* The slots that the program reads or writes. */
static void emit_own(const borel_program *p, borel_text *out) {
  for (size_t i = 0; i < p->nodes; i++)
    if (p->slot_of[i] >= 0) borel_text_printf(out, "  own[%d] = b[%d];\n", p->slot_of[i], p->slot_of[i]);
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    if (group->body && group->carry_slot >= 0)
      borel_text_printf(out, "  own[%d] = b[%d];\n", group->carry_slot, group->carry_slot);
    if (group->body) emit_own(group->body, out);
    if (group->otherwise) emit_own(group->otherwise, out);
  }
}

static void emit_locals(const borel_program *body, borel_text *out) {
  borel_text_printf(out, "  void *own[%zu];\n", body->tables->slot_count);
  emit_own(body, out);
  emit_local(body, body->input_slot[T_INPUT], out);
  emit_local(body, body->input_slot[Y_INPUT], out);
  for (size_t k = 0; k < body->output_count; k++)
    if (body->group_of[body->outputs[k]] >= 0) emit_local(body, borel_program_output_slot(body, k), out);
}

static void emit_slot(const char *field, const char *of, int32_t slot, borel_text *out) {
  if (slot >= 0) borel_text_printf(out, ", .%s = (double *)%s[%d]", field, of, slot);
}

static void emit_problem(const borel_program *p, const borel_group *group, borel_text *out) {
  const borel_program *body = group->body;
  const borel_node *args = borel_graph_args(p->graph, group->nodes[0]);
  const borel_ode *ode = borel_graph_at(p->graph, group->nodes[0])->region->ode;
  borel_ode_layout layout = borel_ode_layout_of(p, group);
  borel_text_printf(out, "(&(const borel_ode_problem){.states = %lld, .times = ", layout.states);
  borel_emit_size(p, &borel_graph_at(p->graph, args[2])->shape, out);
  borel_text_printf(out,
                    ", .columns = %lld, .parameters = %lld, .y0_column = %lld, .t0_column = %lld, "
                    ".parameter_column = %lld, .max_steps = %lld, .stiff = %d, .rel_tol = %a, .abs_tol = %a, "
                    ".rhs = RHS(%d)",
                    layout.columns, layout.parameters, layout.y0_column, layout.t0_column,
                    layout.parameter_column, (long long)ode->max_steps, ode->stiff, ode->rel_tol,
                    ode->abs_tol, p->number[group->nodes[0]]);
  borel_text_printf(out, ", .b = own, .c = c, .n = n");
  emit_slot("y0", "b", p->slot_of[args[0]], out);
  emit_slot("t0", "b", p->slot_of[args[1]], out);
  emit_slot("ts", "b", p->slot_of[args[2]], out);
  emit_slot("t", "own", body->input_slot[T_INPUT], out);
  emit_slot("y", "own", body->input_slot[Y_INPUT], out);
  emit_slot("f", "own", layout.f, out);
  emit_slot("jy", "own", layout.jy, out);
  emit_slot("jp", "own", layout.jp, out);
  emit_slot("values", "b", group->carry_slot, out);
  borel_text_printf(out, ", .work = (double *)b[%d] + %zu", group->carry_slot, layout.values);
  emit_slot("solution", "b", layout.results[0], out);
  emit_slot("sensitivities", "b", layout.results[1], out);
  emit_slot("slopes", "b", layout.results[2], out);
  borel_text_printf(out, "})");
}

static void emit_solver(const borel_program *p, const borel_group *group, borel_text *out) {
  const int number = p->number[group->nodes[0]], small = is_small(p, group);
  borel_text_printf(out,
                    "\nstatic %s void RHS(%d)(void *const *restrict b, const double *restrict c, "
                    "const long long *restrict n) {\n  (void)c, (void)n;\n",
                    small ? "inline __attribute__((always_inline))" : "__attribute__((noinline))", number);
  borel_emit_inputs(group->body, out);
  borel_emit_body(group->body, out);
  borel_text_printf(out,
                    "}\n\nstatic __attribute__((noinline)) void SOLVE(%d)(void *const *b, const double *c, "
                    "const long long *n) {\n",
                    number);
  if (small)
    emit_locals(group->body, out);
  else
    borel_text_printf(out, "  void *const *const own = b;\n");
  borel_text_printf(out, "  %s",
                    borel_graph_at(p->graph, group->nodes[0])->region->ode->stiff
                        ? "borel_ode_solve"
                        : "borel_ode_dormand_prince");
  emit_problem(p, group, out);
  borel_text_printf(out, ";\n}\n");
}

static void emit_functions(const borel_program *p, borel_text *out) {
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    if (group->body) emit_functions(group->body, out);
    if (group->otherwise) emit_functions(group->otherwise, out);
    if (is_ode(p, group)) emit_solver(p, group, out);
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
