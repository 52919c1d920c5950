/* SPDX-License-Identifier: MIT
 * Differential equations in a program: what a group needs, and how the interpreter solves it. */
#include "compile/ode.h"

#include <string.h>

#include "compile/program.h"

static int32_t result_slot(const borel_program *p, const borel_group *group, int64_t which) {
  for (size_t j = 1; j < group->count; j++)
    if (borel_graph_at(p->graph, group->nodes[j])->attr == which) return p->slot_of[group->nodes[j]];
  return -1;
}

/* f alone for values; BDF needs the Jacobian in any case; sensitivities need all. */
size_t borel_ode_outputs_needed(const borel_program *p, const borel_group *group) {
  const borel_ode *ode = borel_graph_at(p->graph, group->nodes[0])->region->ode;
  for (size_t j = 1; j < group->count; j++)
    if (ode->columns && borel_graph_at(p->graph, group->nodes[j])->attr == 1) return 3;
  return ode->stiff ? 2 : 1;
}

borel_ode_layout borel_ode_layout_of(const borel_program *p, const borel_group *group) {
  const borel_node_info *node = borel_graph_at(p->graph, group->nodes[0]);
  const borel_node *args = borel_graph_args(p->graph, group->nodes[0]);
  const borel_ode *ode = node->region->ode;
  borel_ode_layout layout = {.states = borel_shape_size(&borel_graph_at(p->graph, args[0])->shape),
                             .columns = ode->columns,
                             .y0_column = ode->first[0],
                             .t0_column = ode->first[1]};
  layout.parameter_column =
      (ode->first[0] >= 0 ? layout.states : 0) + (ode->first[1] >= 0 ? 1 : 0); /* they come last */
  layout.parameters = layout.columns - layout.parameter_column;
  layout.f = layout.jy = layout.jp = -1;
  const borel_program *body = group->body;
  if (body) layout.f = borel_program_output_slot(body, 0);
  if (body && body->output_count > 1) layout.jy = borel_program_output_slot(body, 1);
  if (body && body->output_count > 2) layout.jp = borel_program_output_slot(body, 2);
  for (int which = 0; which < 3; which++) layout.results[which] = result_slot(p, group, which);
  if (layout.results[1] < 0) layout.columns = 0;
  layout.values = ode->stiff && layout.results[1] >= 0 ? (size_t)layout.parameters : 0;
  return layout;
}

size_t borel_ode_group_work(const borel_program *p, const borel_group *group) {
  borel_ode_layout layout = borel_ode_layout_of(p, group);
  int stiff = borel_graph_at(p->graph, group->nodes[0])->region->ode->stiff;
  return layout.values + borel_ode_work(layout.states, layout.columns, layout.parameters, stiff);
}

/* ---- interpreted ----------------------------------------------------------------------------- */

typedef struct {
  const borel_program *body;
  const borel_ode_layout *layout;
  borel_workspace *workspace;
} context;

static void right_hand_side(void *const *b, const double *c, const long long *extents, double t,
                            const double *y, double *f, double *jy, double *jp) {
  (void)c, (void)extents;
  const context *in = b[0];
  const borel_ode_layout *layout = in->layout;
  const int32_t *inputs = in->body->input_slot;
  void *const *slots = in->workspace->slot;
  const size_t n = (size_t)layout->states, parameters = (size_t)layout->parameters;
  if (inputs[0] >= 0) memcpy(slots[inputs[0]], &t, sizeof t);
  if (inputs[1] >= 0) memcpy(slots[inputs[1]], y, n * sizeof *y);
  borel_program_step(in->body, in->workspace);
  memcpy(f, slots[layout->f], n * sizeof *f);
  if (layout->jy >= 0) memcpy(jy, slots[layout->jy], n * n * sizeof *jy);
  if (layout->jp >= 0) memcpy(jp, slots[layout->jp], n * parameters * sizeof *jp);
}

static double *slot(const borel_workspace *w, int32_t at) { return at < 0 ? NULL : w->slot[at]; }

void borel_ode_interpret(const borel_program *p, const borel_group *group, borel_workspace *w) {
  const borel_node *args = borel_graph_args(p->graph, group->nodes[0]);
  const borel_region *region = borel_graph_at(p->graph, group->nodes[0])->region;
  borel_ode_layout layout = borel_ode_layout_of(p, group);
  double *work = w->slot[group->carry_slot];
  for (size_t i = 0; layout.values && i < region->captured; i++)
    if (region->ode->first[3 + i] >= 0)
      memcpy(work + region->ode->first[3 + i] - layout.parameter_column, w->slot[p->slot_of[args[3 + i]]],
             8 * (size_t)borel_shape_size(&borel_graph_at(p->graph, args[3 + i])->shape));
  context in = {group->body, &layout, w};
  borel_ode_solve(&(const borel_ode_problem){
      .states = layout.states,
      .times = borel_shape_size(&borel_graph_at(p->graph, args[2])->shape),
      .columns = layout.columns,
      .parameters = layout.parameters,
      .y0_column = layout.y0_column,
      .t0_column = layout.t0_column,
      .parameter_column = layout.parameter_column,
      .max_steps = region->ode->max_steps,
      .stiff = region->ode->stiff,
      .rel_tol = region->ode->rel_tol,
      .abs_tol = region->ode->abs_tol,
      .rhs = right_hand_side,
      .b = (void *[]){&in},
      .y0 = slot(w, p->slot_of[args[0]]),
      .t0 = slot(w, p->slot_of[args[1]]),
      .ts = slot(w, p->slot_of[args[2]]),
      .values = work,
      .work = work + layout.values,
      .solution = slot(w, layout.results[0]),
      .sensitivities = slot(w, layout.results[1]),
      .slopes = slot(w, layout.results[2]),
  });
}
