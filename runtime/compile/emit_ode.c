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

/* Functions are named by a macro of the program they belong to; in it, numbers are unique. */
static void emit_functions(const borel_program *p, borel_text *out) {
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    if (group->body) emit_functions(group->body, out);
    if (group->otherwise) emit_functions(group->otherwise, out);
    if (!group->body || borel_graph_at(p->graph, group->nodes[0])->op != BOREL_OP_ODE) continue;
    borel_text_printf(out,
                      "\nstatic inline __attribute__((always_inline)) void RHS(%d)(void *const *restrict b, const double *restrict c, "
                      "const long long *restrict n) {\n  (void)c, (void)n;\n",
                      p->number[group->nodes[0]]);
    borel_emit_inputs(group->body, out);
    borel_emit_body(group->body, out);
    borel_text_printf(out, "}\n");
  }
}

void borel_emit_ode_functions(const borel_program *p, const char *name, borel_text *out) {
  borel_text_printf(out, "#undef RHS\n#define RHS(k) %s_rhs##k\n", name);
  emit_functions(p, out);
}

static void emit_slot(const char *field, int32_t slot, borel_text *out) {
  if (slot >= 0) borel_text_printf(out, ", .%s = (double *)b[%d]", field, slot);
}

void borel_emit_ode(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  const borel_program *body = group->body;
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
  borel_text_printf(out,
                    "  borel_ode_dormand_prince(&(const borel_ode_problem){.states = %lld, .times = ", layout.states);
  borel_emit_size(p, &borel_graph_at(p->graph, args[2])->shape, out);
  borel_text_printf(out,
                    ", .columns = %lld, .parameters = %lld, .y0_column = %lld, .t0_column = %lld, "
                    ".parameter_column = %lld, .max_steps = %lld, .stiff = %d, .rel_tol = %a, .abs_tol = %a, "
                    ".rhs = RHS(%d)",
                    layout.columns, layout.parameters, layout.y0_column, layout.t0_column,
                    layout.parameter_column, (long long)region->ode->max_steps, region->ode->stiff,
                    region->ode->rel_tol, region->ode->abs_tol, p->number[group->nodes[0]]);
  borel_text_printf(out, ", .b = b, .c = c, .n = n");
  emit_slot("y0", p->slot_of[args[0]], out);
  emit_slot("t0", p->slot_of[args[1]], out);
  emit_slot("ts", p->slot_of[args[2]], out);
  emit_slot("t", body->input_slot[0], out);
  emit_slot("y", body->input_slot[1], out);
  emit_slot("f", layout.f, out);
  emit_slot("jy", layout.jy, out);
  emit_slot("jp", layout.jp, out);
  emit_slot("values", group->carry_slot, out);
  borel_text_printf(out, ", .work = (double *)b[%d] + %zu", group->carry_slot, layout.values);
  emit_slot("solution", layout.results[0], out);
  emit_slot("sensitivities", layout.results[1], out);
  emit_slot("slopes", layout.results[2], out);
  borel_text_printf(out, "});\n");
}
