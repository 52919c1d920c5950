/* SPDX-License-Identifier: MIT
 * C text of regions: loops and choices around the text of their bodies. */
#include <stdio.h>
#include <string.h>

#include "compile/emit.h"

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
  borel_emit_inputs(body, out);
  borel_emit_body(body, out);
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
  }
}

static void emit_branch(const borel_program *p, const borel_group *group, const borel_program *branch,
                        borel_text *out) {
  borel_emit_inputs(branch, out);
  borel_emit_body(branch, out);
  for (size_t j = 1; j < group->count; j++) {
    const borel_node_info *part = borel_graph_at(p->graph, group->nodes[j]);
    emit_copy(p, &part->shape, out, p->slot_of[group->nodes[j]], NULL,
              branch->slot_of[branch->outputs[part->attr]], NULL);
  }
}

static void emit_cond(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  borel_text_printf(out, "  if (");
  borel_emit_scalar(p, borel_graph_args(p->graph, group->nodes[0])[0], out);
  borel_text_printf(out, ") {\n");
  emit_branch(p, group, group->body, out);
  borel_text_printf(out, "  } else {\n");
  emit_branch(p, group, group->otherwise, out);
  borel_text_printf(out, "  }\n");
}

void borel_emit_region(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  switch (borel_graph_at(p->graph, group->nodes[0])->op) {
  case BOREL_OP_SCAN: emit_scan(p, k, out); break;
  case BOREL_OP_ODE: borel_emit_ode(p, k, out); break;
  default: emit_cond(p, k, out);
  }
  for (size_t j = 1; j < group->count; j++) { /* results that are numbers go on in registers */
    borel_node i = group->nodes[j];
    const borel_node_info *part = borel_graph_at(p->graph, i);
    if (part->shape.rank > 0) continue;
    borel_text_printf(out, "  const %s s%d = ", borel_emit_type(part), p->number[i]);
    borel_emit_pointer(p, i, 0, out);
    borel_text_printf(out, "[0];\n");
  }
}
