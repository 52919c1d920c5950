/* SPDX-License-Identifier: MIT
 * C text of regions: loops and choices around the text of their bodies. */
#include <stdio.h>
#include <stdlib.h>

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

/* ---- scan: numbers live in registers, arrays in their slots ---------------------------------- */

/* The parts of a scan that emission needs again and again. */
typedef struct {
  const borel_program *p, *body;
  const borel_group *group;
  const borel_region *region;
  const borel_node *args;
  borel_node *input; /* [inputs of the body]: their nodes */
  size_t carries, sequences, inputs, outputs;
} scan;

static const borel_node_info *body_at(const scan *s, borel_node i) {
  return borel_graph_at(s->body->graph, i);
}
static int is_number(const scan *s, borel_node i) { return body_at(s, i)->shape.rank == 0; }

/* "((double *)b[7])[t]" for an array of the program around, one number a step. */
static void emit_element(const scan *s, borel_node array, const char *t, borel_text *out) {
  const char *type = borel_emit_type(borel_graph_at(s->p->graph, array));
  borel_text_printf(out, "((%s *)b[%d])[%s]", type, s->p->slot_of[array], t);
}

/* Somebody in the body reads the input from memory. */
static void emit_kept(const scan *s, size_t i, borel_text *out) {
  borel_emit_store(s->body, s->input[i], out);
}

/* Before the loop: carries that are numbers become k<number>, captured numbers the locals of the body. */
static void emit_scan_start(const scan *s, borel_text *out) {
  for (size_t i = 0; i < s->inputs; i++) {
    if (i >= s->carries && i < s->carries + s->sequences) continue;
    const char *type = borel_emit_type(body_at(s, s->input[i]));
    int32_t number = s->body->number[s->input[i]];
    int captured = i >= s->carries;
    if (is_number(s, s->input[i])) {
      borel_text_printf(out, "  %s%s %s%d = ", captured ? "const " : "", type, captured ? "s" : "k", number);
      borel_emit_scalar(s->p, s->args[i], out);
      borel_text_printf(out, ";\n");
    } else if (!captured) {
      emit_copy(s->p, &body_at(s, s->input[i])->shape, out, s->body->input_slot[i], NULL,
                s->p->slot_of[s->args[i]], NULL);
    }
  }
}

static void emit_step_inputs(const scan *s, const char *t, borel_text *out) {
  for (size_t i = 0; i < s->carries + s->sequences; i++) {
    borel_node input = s->input[i];
    int carry = i < s->carries;
    if (is_number(s, input)) {
      borel_text_printf(out, "  const %s s%d = ", borel_emit_type(body_at(s, input)), s->body->number[input]);
      if (carry)
        borel_text_printf(out, "k%d", s->body->number[input]);
      else
        emit_element(s, s->args[i], t, out);
      borel_text_printf(out, ";\n");
      emit_kept(s, i, out);
    } else if (s->body->in_place[input]) {
      const char *type = borel_emit_type(body_at(s, input));
      borel_text_printf(out, "  const %s *const row%d = ", type, s->body->slot_of[input]);
      borel_emit_pointer(s->p, s->args[i], 0, out);
      borel_text_printf(out, " + %s * (", t);
      borel_emit_size(s->p, &body_at(s, input)->shape, out);
      borel_text_printf(out, ");\n");
    } else if (!carry) {
      emit_copy(s->p, &body_at(s, input)->shape, out, s->body->input_slot[i], NULL, s->p->slot_of[s->args[i]],
                t);
    }
  }
}

/* A row of numbers that goes to its place. */
static void emit_row(const scan *s, borel_node to, borel_node from, const char *t, borel_text *out) {
  const char *type = borel_emit_type(body_at(s, from));
  for (uint32_t a = 0; a < body_at(s, from)->arg_count; a++) {
    borel_text_printf(out, "  ((%s *)b[%d])[%s * %u + %u] = ", type, s->p->slot_of[to], t,
                      body_at(s, from)->arg_count, a);
    borel_emit_scalar(s->body, borel_graph_args(s->body->graph, from)[a], out);
    borel_text_printf(out, ";\n");
  }
}

/* Stacked outputs, and the carries before the step. */
static void emit_step_outputs(const scan *s, const char *t, borel_text *out) {
  for (size_t j = 1; j < s->group->count; j++) {
    size_t which = (size_t)borel_graph_at(s->p->graph, s->group->nodes[j])->attr;
    if (which < s->carries) continue;
    borel_node from = which < s->outputs ? s->region->outputs[which] : s->input[which - s->outputs];
    if (is_number(s, from)) {
      borel_text_printf(out, "  ");
      emit_element(s, s->group->nodes[j], t, out);
      borel_text_printf(out, " = ");
      borel_emit_scalar(s->body, from, out);
      borel_text_printf(out, ";\n");
    } else if (s->body->in_place[from]) {
      emit_row(s, s->group->nodes[j], from, t, out);
    } else {
      emit_copy(s->p, &body_at(s, from)->shape, out, s->p->slot_of[s->group->nodes[j]], t,
                s->body->slot_of[from], NULL);
    }
  }
}

/* Arrays are all set aside before any is overwritten; numbers are in registers already. */
static void emit_new_carries(const scan *s, borel_text *out) {
  for (size_t i = 0; i < s->carries; i++)
    if (is_number(s, s->region->outputs[i])) {
      borel_text_printf(out, "  k%d = ", s->body->number[s->input[i]]);
      borel_emit_scalar(s->body, s->region->outputs[i], out);
      borel_text_printf(out, ";\n");
    }
  for (int pass = 0; pass < 2; pass++) {
    int arrays = 0;
    for (size_t i = 0; i < s->carries; i++) {
      const borel_shape *shape = &body_at(s, s->region->outputs[i])->shape;
      if (shape->rank == 0) continue;
      if (!arrays++)
        borel_text_printf(out, "    double *aside%d = (double *)b[%d];\n", pass, s->group->carry_slot);
      if (pass == 0)
        borel_text_printf(out, "    __builtin_memcpy(aside0, (const double *)b[%d], 8 * (",
                          s->body->slot_of[s->region->outputs[i]]);
      else
        borel_text_printf(out, "    __builtin_memcpy((double *)b[%d], aside1, 8 * (", s->body->input_slot[i]);
      borel_emit_size(s->p, shape, out);
      borel_text_printf(out, "));\n    aside%d += ", pass);
      borel_emit_size(s->p, shape, out);
      borel_text_printf(out, ";\n");
    }
  }
}

static void emit_last_carries(const scan *s, borel_text *out) {
  for (size_t j = 1; j < s->group->count; j++) {
    borel_node part = s->group->nodes[j];
    const borel_node_info *info = borel_graph_at(s->p->graph, part);
    size_t which = (size_t)info->attr;
    if (which >= s->carries) continue;
    if (info->shape.rank == 0) {
      borel_text_printf(out, "  ");
      emit_element(s, part, "0", out);
      borel_text_printf(out, " = k%d;\n", s->body->number[s->input[which]]);
    } else {
      emit_copy(s->p, &info->shape, out, s->p->slot_of[part], NULL, s->body->input_slot[which], NULL);
    }
  }
}

static void emit_scan(const borel_program *p, int32_t k, borel_text *out) {
  const borel_group *group = &p->groups[k];
  const borel_node_info *info = borel_graph_at(p->graph, group->nodes[0]);
  const borel_region *region = info->region;
  scan s = {.p = p,
            .body = group->body,
            .group = group,
            .region = region,
            .args = borel_graph_args(p->graph, group->nodes[0]),
            .input = malloc((info->arg_count + 1) * sizeof(borel_node)),
            .carries = region->carries,
            .sequences = region->sequences,
            .inputs = info->arg_count,
            .outputs = region->output_count};
  if (!s.input) {
    out->failed = 1;
    return;
  }
  for (borel_node i = 0; i < s.body->nodes; i++)
    if (body_at(&s, i)->op == BOREL_OP_INPUT) s.input[body_at(&s, i)->attr] = i;
  char t[16];
  snprintf(t, sizeof t, "t%d", p->number[group->nodes[0]]);
  borel_text_printf(out, "  {\n");
  emit_scan_start(&s, out);
  borel_text_printf(out, "  const long long steps = ");
  borel_emit_extent(p, info->attr, out);
  borel_text_printf(out,
                    ";\n  for (long long step = 0; step < steps; step++) {\n    const long long %s = %s;\n",
                    t, region->reverse ? "steps - 1 - step" : "step");
  emit_step_inputs(&s, t, out);
  borel_emit_body(s.body, out);
  emit_step_outputs(&s, t, out);
  emit_new_carries(&s, out);
  borel_text_printf(out, "  }\n");
  emit_last_carries(&s, out);
  borel_text_printf(out, "  }\n");
  free(s.input);
}

/* ---- cond ------------------------------------------------------------------------------------ */

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
