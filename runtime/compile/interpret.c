/* SPDX-License-Identifier: MIT
 * The interpreter: the groups of a program, one whole array operation after the other. */
#include <string.h>

#include "compile/program.h"

static void *place(const borel_program *p, borel_workspace *w, borel_node node) {
  if (p->slot_of[node] >= 0) return w->slot[p->slot_of[node]];
  const borel_node_info *info = borel_graph_at(p->graph, node);
  return info->dtype == BOREL_I64 ? (void *)&info->attr : (void *)&info->value; /* a number */
}

static void compute(const borel_program *p, borel_workspace *w, borel_node i) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  const borel_node *args = borel_graph_args(p->graph, i);
  enum { CHUNK = 64 };
  if (node->op == BOREL_OP_STACK && node->arg_count > CHUNK) { /* any number of arguments: piece by piece */
    char *at = w->slot[p->slot_of[i]];
    for (uint32_t k = 0; k < node->arg_count; k++) {
      size_t bytes = 8 * (size_t)borel_shape_size(&borel_graph_at(p->graph, args[k])->shape);
      memcpy(at, place(p, w, args[k]), bytes);
      at += bytes;
    }
    return;
  }
  borel_operand operands[CHUNK];
  for (uint32_t k = 0; k < node->arg_count; k++)
    operands[k] = (borel_operand){place(p, w, args[k]), &borel_graph_at(p->graph, args[k])->shape};
  borel_op_evaluate(node, operands, node->arg_count, w->slot[p->slot_of[i]]);
}

static void run(const borel_program *p, borel_workspace *w);

static size_t bytes_of(const borel_program *p, borel_node i) {
  return 8 * (size_t)borel_shape_size(&borel_graph_at(p->graph, i)->shape);
}

/* Element `index` of `from` becomes input k of the body. */
static void copy_in(const borel_program *body, borel_workspace *w, size_t k, const void *from,
                    int64_t index) {
  size_t bytes = 8 * body->tables->slots[body->input_slot[k]].size;
  memcpy(w->slot[body->input_slot[k]], (const char *)from + (size_t)index * bytes, bytes);
}

/* A new carry may be an old one in another place: all are set aside before any is overwritten. */
static void renew_carries(const borel_group *group, const borel_region *region, borel_workspace *w) {
  const borel_program *body = group->body;
  char *aside = w->slot[group->carry_slot];
  for (size_t i = 0; i < region->carries; i++) {
    size_t bytes = bytes_of(body, region->outputs[i]);
    memcpy(aside, place(body, w, region->outputs[i]), bytes);
    aside += bytes;
  }
  aside = w->slot[group->carry_slot];
  for (size_t i = 0; i < region->carries; i++) {
    copy_in(body, w, i, aside, 0);
    aside += bytes_of(body, region->outputs[i]);
  }
}

static void scan(const borel_program *p, const borel_group *group, borel_workspace *w) {
  borel_node node = group->nodes[0];
  const borel_node *args = borel_graph_args(p->graph, node);
  const borel_region *region = borel_graph_at(p->graph, node)->region;
  const borel_program *body = group->body;
  size_t nc = region->carries, ns = region->sequences, no = region->output_count;
  int64_t steps = borel_graph_at(p->graph, node)->attr;
  for (size_t i = 0; i < nc; i++) copy_in(body, w, i, place(p, w, args[i]), 0);
  for (int64_t s = 0; s < steps; s++) {
    int64_t t = region->reverse ? steps - 1 - s : s;
    for (size_t i = 0; i < ns; i++) copy_in(body, w, nc + i, place(p, w, args[nc + i]), t);
    run(body, w);
    for (size_t k = 1; k < group->count; k++) { /* stacked outputs, and the carries before the step */
      size_t which = (size_t)borel_graph_at(p->graph, group->nodes[k])->attr;
      if (which < nc) continue;
      const void *from =
          which < no ? place(body, w, region->outputs[which]) : w->slot[body->input_slot[which - no]];
      size_t bytes = bytes_of(p, group->nodes[k]) / (size_t)steps;
      memcpy((char *)place(p, w, group->nodes[k]) + (size_t)t * bytes, from, bytes);
    }
    if (nc) renew_carries(group, region, w);
  }
  for (size_t k = 1; k < group->count; k++) {
    size_t which = (size_t)borel_graph_at(p->graph, group->nodes[k])->attr;
    if (which < nc)
      memcpy(place(p, w, group->nodes[k]), w->slot[body->input_slot[which]], bytes_of(p, group->nodes[k]));
  }
}

static void cond(const borel_program *p, const borel_group *group, borel_workspace *w) {
  borel_node node = group->nodes[0];
  int64_t mask;
  memcpy(&mask, place(p, w, borel_graph_args(p->graph, node)[0]), sizeof mask);
  const borel_program *branch = mask ? group->body : group->otherwise;
  run(branch, w);
  for (size_t k = 1; k < group->count; k++) {
    size_t which = (size_t)borel_graph_at(p->graph, group->nodes[k])->attr;
    memcpy(place(p, w, group->nodes[k]), place(branch, w, branch->outputs[which]),
           bytes_of(p, group->nodes[k]));
  }
}

static void run(const borel_program *p, borel_workspace *w) {
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    if (group->kind != BOREL_GROUP_REGION)
      for (size_t j = 0; j < group->count; j++) compute(p, w, group->nodes[j]);
    else if (borel_graph_at(p->graph, group->nodes[0])->op == BOREL_OP_SCAN)
      scan(p, group, w);
    else if (borel_graph_at(p->graph, group->nodes[0])->op == BOREL_OP_ODE)
      borel_ode_interpret(p, group, w);
    else
      cond(p, group, w);
  }
}

void borel_program_step(const borel_program *p, borel_workspace *w) { run(p, w); }

/* Constants that are outputs have a slot of their own; fill it once. */
static void settle(const borel_program *p, borel_workspace *w) {
  for (borel_node i = 0; i < p->nodes; i++) {
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (node->op == BOREL_OP_SCALAR && p->slot_of[i] >= 0)
      memcpy(w->slot[p->slot_of[i]],
             node->dtype == BOREL_I64 ? (const void *)&node->attr : (const void *)&node->value, 8);
  }
  for (size_t k = 0; k < p->group_count; k++) {
    if (p->groups[k].body) settle(p->groups[k].body, w);
    if (p->groups[k].otherwise) settle(p->groups[k].otherwise, w);
  }
}

void borel_program_interpret(const borel_program *p, borel_workspace *w) {
  settle(p, w);
  run(p, w);
}
