/* SPDX-License-Identifier: MIT
 * Ordering and fusion. Every node gets the earliest level at which its arguments are there: the level
 * of an argument when both run in the same loop, one more when it must be complete (another loop, a
 * reduction, an array that is read at computed places). Nodes of equal level and loop size fuse. */
#include <stdlib.h>
#include <string.h>

#include "compile/program.h"
#include "core/error.h"

/* ---- loop sizes ------------------------------------------------------------------------------ */

/* Extents other than 1, in order; their product alone where none is an argument of the text. */
static borel_shape size_of(const borel_shape *shape) {
  borel_shape size = {0};
  int64_t product = 1;
  int symbols = 0;
  for (int i = 0; i < shape->rank; i++) {
    symbols += shape->extent[i] > BOREL_EXTENT_CONSTANT;
    product *= shape->extent[i];
    if (shape->extent[i] != 1) size.extent[size.rank++] = shape->extent[i];
  }
  return symbols ? size : (borel_shape){1, {product}};
}

static int same_size(const borel_shape *a, const borel_shape *b) {
  borel_shape left = size_of(a), right = size_of(b);
  return borel_shape_equal(&left, &right);
}

/* ---- what kind of group a node belongs to ---------------------------------------------------- */

static int is_leaf(const borel_node_info *node) {
  return node->op == BOREL_OP_SCALAR || node->op == BOREL_OP_ARRAY || node->op == BOREL_OP_INPUT;
}

static int is_scalar(const borel_node_info *node) { return node->shape.rank == 0; }

/* A sum that runs inside the loop of its argument: over everything, or over an axis of a matrix whose rows
 * are long enough for a nest of two loops (emit_nest.c). */
static int is_fused_sum(const borel_program *p, borel_node i) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  if (node->op != BOREL_OP_SUM && node->op != BOREL_OP_SUM_LOG) return 0;
  const borel_shape *from = &borel_graph_at(p->graph, borel_graph_args(p->graph, i)[0])->shape;
  if (node->attr < 0 || node->op == BOREL_OP_SUM_LOG) return from->rank > 0;
  return from->rank == 2 && from->extent[0] > 1 && from->extent[1] > BOREL_EXTENT_CONSTANT;
}

static borel_group_kind kind_of(const borel_program *p, borel_node i) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  if (node->region || node->op == BOREL_OP_PROJECT) return BOREL_GROUP_REGION;
  if (is_fused_sum(p, i)) return BOREL_GROUP_LOOP;
  if (borel_op_get(node->op)->kind == BOREL_CLASS_STRUCTURED) return BOREL_GROUP_STRUCTURED;
  return is_scalar(node) ? BOREL_GROUP_SCALARS : BOREL_GROUP_LOOP;
}

static const borel_shape *loop_shape(const borel_program *p, borel_node i) {
  if (is_fused_sum(p, i)) i = borel_graph_args(p->graph, i)[0];
  return &borel_graph_at(p->graph, i)->shape;
}

/* Does `node` read its k-th argument element by element, at its own place? */
static int reads_in_place(const borel_program *p, borel_node i, uint32_t k) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  const borel_node_info *arg = borel_graph_at(p->graph, borel_graph_args(p->graph, i)[k]);
  switch (node->op) {
  case BOREL_OP_BROADCAST: return is_scalar(arg);
  case BOREL_OP_GATHER: return k == 1;
  default: return 1;
  }
}

static int fuses(const borel_program *p, borel_node i, uint32_t k) {
  borel_node a = borel_graph_args(p->graph, i)[k];
  borel_group_kind kind = kind_of(p, i);
  if (is_leaf(borel_graph_at(p->graph, a))) return 0;
  if (borel_graph_at(p->graph, i)->op == BOREL_OP_PROJECT) return 1;
  if (kind != BOREL_GROUP_LOOP && kind != BOREL_GROUP_SCALARS) return 0;
  if (is_fused_sum(p, a) || kind_of(p, a) != kind || !reads_in_place(p, i, k)) return 0;
  return kind == BOREL_GROUP_SCALARS || same_size(loop_shape(p, a), loop_shape(p, i));
}

/* ---- tables ---------------------------------------------------------------------------------- */

static int push_slot(borel_tables *tables, borel_slot slot) {
  borel_slot *slots = realloc(tables->slots, (tables->slot_count + 1) * sizeof *slots);
  if (!slots) return -1;
  tables->slots = slots;
  slots[tables->slot_count] = slot;
  return (int)tables->slot_count++;
}

static int note_extents(borel_tables *tables, const borel_shape *shape) {
  for (int i = 0; i < shape->rank; i++) {
    size_t k = 0;
    if (shape->extent[i] <= BOREL_EXTENT_CONSTANT) continue;
    while (k < tables->extent_count && tables->extents[k] != shape->extent[i]) k++;
    if (k < tables->extent_count) continue;
    int64_t *extents = realloc(tables->extents, (k + 1) * sizeof *extents);
    if (!extents) return 0;
    tables->extents = extents;
    extents[tables->extent_count++] = shape->extent[i];
  }
  return 1;
}

/* Whole numbers up to 8 stay in the text, everything else is an argument: so also N - 1 for every extent N
 * that is one. */
static int note_constant(borel_tables *tables, const borel_node_info *node) {
  const double value = node->value;
  if (node->dtype == BOREL_I64 && (int64_t)value != node->attr) return 1; /* too wide for the table */
  if (value >= -8 && value <= 8 && (value == (double)(int)value || value == 0.5 || value == -0.5)) return 1;
  for (size_t k = 0; k < tables->constant_count; k++)
    if (memcmp(&tables->constants[k], &value, sizeof value) == 0) return 1;
  double *constants = realloc(tables->constants, (tables->constant_count + 1) * sizeof *constants);
  if (!constants) return 0;
  tables->constants = constants;
  constants[tables->constant_count++] = value;
  return 1;
}

/* ---- planning -------------------------------------------------------------------------------- */

/* `bound` (NULL for the outermost program): for each input of the graph the slot of the program around it
 * that it is read from, or -1 where it needs one of its own. In the body of a scan numbers that are outputs
 * stay in registers. */
static borel_program *plan(const borel_graph *graph, const borel_node *outputs, size_t count,
                           borel_tables *tables, const int32_t *bound, int scan, borel_error *error);

static void mark_needed(const borel_program *p, int outermost, uint8_t *needed) {
  for (borel_node i = 0; i < p->nodes && !outermost; i++)
    if (borel_graph_at(p->graph, i)->op == BOREL_OP_INPUT) needed[i] = 1; /* a scan may keep its carries */
  for (size_t i = 0; i < p->output_count; i++) needed[p->outputs[i]] = 1;
  for (size_t i = p->nodes; i-- > 0;) {
    if (!needed[i]) continue;
    const borel_node *args = borel_graph_args(p->graph, (borel_node)i);
    for (uint32_t k = 0; k < borel_graph_at(p->graph, (borel_node)i)->arg_count; k++) needed[args[k]] = 1;
  }
}

/* Elements of loops and numbers move to the level of the first group that wants them. Often the same loop
 * then makes elements and uses them, and they need no memory; and a logarithm that only the value needs does
 * not stand before the loops. Sums stay early, since lines of scalars wait for them. */
static void postpone(const borel_program *p, uint32_t *level) {
  uint32_t *latest = malloc((p->nodes + 1) * sizeof *latest);
  if (!latest) return; /* also right, only slower */
  memset(latest, 0xff, (p->nodes + 1) * sizeof *latest);
  for (size_t n = p->nodes; n-- > 0;) {
    borel_node i = (borel_node)n;
    if (p->group_of[i] < 0) continue;
    const borel_group_kind kind = kind_of(p, i);
    const int moves = (kind == BOREL_GROUP_LOOP && !is_fused_sum(p, i)) || kind == BOREL_GROUP_SCALARS;
    if (moves && latest[i] != UINT32_MAX && latest[i] > level[i]) level[i] = latest[i];
    for (uint32_t k = 0; k < borel_graph_at(p->graph, i)->arg_count; k++) {
      borel_node arg = borel_graph_args(p->graph, i)[k];
      uint32_t bound = fuses(p, i, k) ? level[i] : level[i] - 1;
      if (p->group_of[arg] >= 0 && bound < latest[arg]) latest[arg] = bound;
    }
  }
  free(latest);
}

static int find_group(borel_program *p, borel_node i, uint32_t level) {
  borel_group_kind kind = kind_of(p, i);
  if (borel_graph_at(p->graph, i)->op == BOREL_OP_PROJECT)
    return p->group_of[borel_graph_args(p->graph, i)[0]];
  if (kind == BOREL_GROUP_SCALARS || kind == BOREL_GROUP_LOOP)
    for (size_t k = 0; k < p->group_count; k++) {
      borel_group *group = &p->groups[k];
      if (group->kind == kind && group->level == level &&
          (kind == BOREL_GROUP_SCALARS || same_size(&group->shape, loop_shape(p, i))))
        return (int)k;
    }
  borel_group *groups = realloc(p->groups, (p->group_count + 1) * sizeof *groups);
  if (!groups) return -1;
  p->groups = groups;
  groups[p->group_count] = (borel_group){kind, level, *loop_shape(p, i), NULL, 0, NULL, NULL, -1};
  return (int)p->group_count++;
}

static int by_level(const void *a, const void *b, void *context) {
  const borel_group *groups = context;
  const int *x = a, *y = b;
  if (groups[*x].level != groups[*y].level) return groups[*x].level < groups[*y].level ? -1 : 1;
  return *x < *y ? -1 : *x > *y;
}

/* Puts the groups in order of level and renumbers group_of. */
static int sort_groups(borel_program *p) {
  size_t n = p->group_count;
  int *order = malloc((n + 1) * sizeof *order), *place = malloc((n + 1) * sizeof *place);
  borel_group *sorted = malloc((n + 1) * sizeof *sorted);
  if (order && place && sorted) {
    for (size_t i = 0; i < n; i++) order[i] = (int)i;
    qsort_r(order, n, sizeof *order, by_level, p->groups);
    for (size_t i = 0; i < n; i++) {
      sorted[i] = p->groups[order[i]];
      place[order[i]] = (int)i;
    }
    for (size_t i = 0; i < p->nodes; i++)
      if (p->group_of[i] >= 0) p->group_of[i] = place[p->group_of[i]];
    if (n) memcpy(p->groups, sorted, n * sizeof *sorted);
  }
  int done = order && place && sorted;
  free(order);
  free(place);
  free(sorted);
  return done;
}

/* A value must be in memory when somebody other than its own group reads it, or reads it at other places,
 * or it is an output. Scalars between groups travel in registers unless a loop nest or region takes them. */
static void mark_stored(borel_program *p, int scan, const uint8_t *needed) {
  for (size_t i = 0; i < p->output_count; i++) {
    const borel_node_info *output = borel_graph_at(p->graph, p->outputs[i]);
    if (!scan || output->shape.rank > 0 || output->op == BOREL_OP_SCALAR) p->stored[p->outputs[i]] = 1;
  }
  for (borel_node i = 0; i < p->nodes; i++) {
    if (!needed[i] || is_leaf(borel_graph_at(p->graph, i))) continue;
    const borel_node *args = borel_graph_args(p->graph, i);
    borel_group_kind kind = kind_of(p, i);
    if (kind == BOREL_GROUP_STRUCTURED || kind == BOREL_GROUP_REGION) p->stored[i] = 1;
    for (uint32_t k = 0; k < borel_graph_at(p->graph, i)->arg_count; k++) {
      int scalar = is_scalar(borel_graph_at(p->graph, args[k]));
      int whole = kind == BOREL_GROUP_STRUCTURED || kind == BOREL_GROUP_REGION || !reads_in_place(p, i, k);
      if (scalar && borel_graph_at(p->graph, i)->op == BOREL_OP_STACK) whole = 0; /* written from registers */
      if (whole || (!scalar && p->group_of[args[k]] != p->group_of[i])) p->stored[args[k]] = 1;
    }
  }
}

static int plan_slots(borel_program *p, const uint8_t *needed, const int32_t *bound) {
  for (borel_node i = 0; i < p->nodes; i++) {
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (!needed[i] || node->region) continue;
    borel_slot slot = {.role = BOREL_SLOT_WORK, .size = (size_t)borel_shape_size(&node->shape)};
    if (node->op == BOREL_OP_ARRAY) {
      slot.role = BOREL_SLOT_CONSTANT;
      if (!(slot.array = malloc(sizeof *slot.array))) return 0;
      *slot.array = node->array; /* the graph may move its nodes */
    } else if (node->op == BOREL_OP_INPUT && !bound) {
      slot.role = BOREL_SLOT_INPUT;
      slot.input = (size_t)node->attr;
    } else if (node->op == BOREL_OP_SCALAR && !p->stored[i]) {
      continue;
    }
    if (node->op == BOREL_OP_INPUT && bound && bound[node->attr] >= 0)
      p->slot_of[i] = bound[node->attr];
    else if ((p->slot_of[i] = push_slot(p->tables, slot)) < 0) {
      free(slot.array);
      return 0;
    }
    if (node->op == BOREL_OP_INPUT) p->number[i] = (int32_t)p->tables->numbered++;
    if (node->op == BOREL_OP_INPUT) p->input_slot[node->attr] = p->slot_of[i];
  }
  return 1;
}

/* Extents and constants in the order in which the text meets them. */
static int plan_tables(borel_program *p) {
  for (size_t k = 0; k < p->group_count; k++) {
    borel_group *group = &p->groups[k];
    if (!note_extents(p->tables, &group->shape)) return 0;
    for (size_t j = 0; j < group->count; j++) {
      borel_node i = group->nodes[j];
      const borel_node_info *node = borel_graph_at(p->graph, i);
      if (!note_extents(p->tables, &node->shape)) return 0;
      p->number[i] = (int32_t)p->tables->numbered++;
      if (node->op == BOREL_OP_SCAN && node->attr > BOREL_EXTENT_CONSTANT &&
          !note_extents(p->tables, &(borel_shape){1, {node->attr}}))
        return 0;
      for (uint32_t a = 0; a < node->arg_count; a++) {
        const borel_node_info *arg = borel_graph_at(p->graph, borel_graph_args(p->graph, i)[a]);
        if (arg->op == BOREL_OP_SCALAR && !note_constant(p->tables, arg)) return 0;
        if (!note_extents(p->tables, &arg->shape)) return 0;
      }
    }
  }
  for (size_t i = 0; i < p->output_count; i++) {
    const borel_node_info *node = borel_graph_at(p->graph, p->outputs[i]);
    if (node->op == BOREL_OP_SCALAR && !note_constant(p->tables, node)) return 0;
  }
  return 1;
}

/* Marks what steps of a scan read and write in place: elements of sequences of which only numbers are taken,
 * and stacked outputs that are made of numbers and that nobody else reads. */
static void mark_in_place(borel_program *body, const borel_region *region) {
  uint8_t *free_to = body->in_place;
  for (borel_node i = 0; i < body->nodes; i++) {
    const borel_node_info *node = borel_graph_at(body->graph, i);
    free_to[i] = node->op == BOREL_OP_INPUT && (size_t)node->attr >= region->carries &&
                 (size_t)node->attr < region->carries + region->sequences && node->shape.rank > 0;
  }
  for (size_t k = 0; k < body->output_count; k++) {
    borel_node i = body->outputs[k];
    const borel_node_info *node = borel_graph_at(body->graph, i);
    free_to[i] = k >= region->carries && node->op == BOREL_OP_STACK;
    for (uint32_t a = 0; a < node->arg_count && free_to[i]; a++)
      free_to[i] = borel_graph_at(body->graph, borel_graph_args(body->graph, i)[a])->shape.rank == 0;
  }
  for (size_t k = 0; k < region->carries; k++) free_to[body->outputs[k]] = 0;
  for (borel_node i = 0; i < body->nodes; i++) {
    const borel_node_info *node = borel_graph_at(body->graph, i);
    if (body->group_of[i] < 0) continue;
    for (uint32_t a = 0; a < node->arg_count; a++) {
      borel_node arg = borel_graph_args(body->graph, i)[a];
      int one_number = a == 0 && node->op == BOREL_OP_GATHER && node->shape.rank == 0;
      if (!one_number || borel_graph_at(body->graph, arg)->op != BOREL_OP_INPUT) free_to[arg] = 0;
    }
  }
}

/* The programs of a region. Captured values are read where they lie in the program around it. */
static int plan_region(borel_program *p, borel_group *group, borel_error *error) {
  borel_node node = group->nodes[0];
  const borel_region *region = borel_graph_at(p->graph, node)->region;
  const borel_node *args = borel_graph_args(p->graph, node);
  size_t inputs = borel_graph_inputs(region->body),
         first = borel_graph_at(p->graph, node)->arg_count - region->captured;
  int32_t *bound = malloc((inputs + 1) * sizeof *bound);
  if (!bound) return 0;
  for (size_t i = 0; i < inputs; i++)
    bound[i] = i < inputs - region->captured ? -1 : p->slot_of[args[first + i - (inputs - region->captured)]];
  int scan = borel_graph_at(p->graph, node)->op == BOREL_OP_SCAN;
  size_t outputs = region->ode ? borel_ode_outputs_needed(p, group) : region->output_count;
  group->body = plan(region->body, region->outputs, outputs, p->tables, bound, scan, error);
  const borel_region *other = region->otherwise;
  if (other)
    group->otherwise = plan(other->body, other->outputs, other->output_count, p->tables, bound, 0, error);
  free(bound);
  if (!group->body || (other && !group->otherwise)) return 0;
  if (scan) mark_in_place(group->body, region);
  borel_slot aside = {.role = BOREL_SLOT_WORK, .size = region->ode ? borel_ode_group_work(p, group) : 0};
  for (size_t i = 0; i < region->carries; i++)
    aside.size += (size_t)borel_shape_size(&borel_graph_at(region->body, region->outputs[i])->shape);
  return aside.size == 0 || (group->carry_slot = push_slot(p->tables, aside)) >= 0;
}

static borel_program *plan(const borel_graph *graph, const borel_node *outputs, size_t count,
                           borel_tables *tables, const int32_t *bound, int scan, borel_error *error) {
  size_t nodes = borel_graph_size(graph);
  borel_program *p = calloc(1, sizeof *p);
  uint8_t *needed = calloc(nodes + 1, 1);
  uint32_t *level = calloc(nodes + 1, sizeof *level);
  if (!p || !needed || !level) goto fail;
  *p = (borel_program){
      .graph = graph, .nodes = nodes, .outputs = outputs, .output_count = count, .tables = tables};
  p->group_of = malloc((nodes + 1) * sizeof *p->group_of);
  p->slot_of = malloc((nodes + 1) * sizeof *p->slot_of);
  p->number = malloc((nodes + 1) * sizeof *p->number);
  p->stored = calloc(nodes + 1, 1);
  p->in_place = calloc(nodes + 1, 1);
  size_t inputs = borel_graph_inputs(graph);
  p->input_slot = malloc((inputs + 1) * sizeof *p->input_slot);
  if (!p->input_slot || !p->group_of || !p->slot_of || !p->number || !p->stored || !p->in_place) goto fail;
  for (size_t i = 0; i <= nodes; i++) p->group_of[i] = p->slot_of[i] = p->number[i] = -1;
  for (size_t i = 0; i <= inputs; i++) p->input_slot[i] = -1;
  mark_needed(p, !bound, needed);

  for (borel_node i = 0; i < nodes; i++) {
    const borel_node_info *node = borel_graph_at(graph, i);
    if (!needed[i] || is_leaf(node)) continue;
    for (uint32_t k = 0; k < node->arg_count; k++) {
      borel_node arg = borel_graph_args(graph, i)[k];
      uint32_t least = p->group_of[arg] < 0 ? 0 : level[arg] + (fuses(p, i, k) ? 0 : 1);
      if (least > level[i]) level[i] = least;
    }
    p->group_of[i] = 0; /* any: it is computed */
    tables->statements++;
  }
  postpone(p, level);
  for (borel_node i = 0; i < nodes; i++) {
    if (p->group_of[i] < 0) continue;
    p->group_of[i] = find_group(p, i, level[i]);
    if (p->group_of[i] < 0) goto fail;
    p->groups[p->group_of[i]].count++;
  }
  if (!sort_groups(p)) goto fail;
  for (size_t k = 0; k < p->group_count; k++) {
    if (!(p->groups[k].nodes = malloc((p->groups[k].count + 1) * sizeof(borel_node)))) goto fail;
    p->groups[k].count = 0;
  }
  for (borel_node i = 0; i < nodes; i++)
    if (p->group_of[i] >= 0) {
      borel_group *group = &p->groups[p->group_of[i]];
      group->nodes[group->count++] = i;
    }
  mark_stored(p, scan, needed);
  if (!plan_slots(p, needed, bound) || !plan_tables(p)) goto fail;
  for (size_t k = 0; k < p->group_count; k++)
    if (p->groups[k].kind == BOREL_GROUP_REGION && !plan_region(p, &p->groups[k], error)) goto fail;
  free(needed);
  free(level);
  return p;
fail:
  free(needed);
  free(level);
  if (p) p->tables = NULL; /* the caller's */
  borel_program_free(p);
  borel_fail(error, BOREL_INTERNAL, "out of memory for the program of the model");
  return NULL;
}

static void free_tables(borel_tables *tables) {
  for (size_t i = 0; i < tables->slot_count; i++) free(tables->slots[i].array);
  free(tables->slots);
  free(tables->constants);
  free(tables->extents);
  free(tables);
}

borel_program *borel_program_new(const borel_graph *graph, const borel_node *outputs, size_t count,
                                 borel_error *error) {
  borel_tables *tables = calloc(1, sizeof *tables);
  borel_node *copy = malloc((count + 1) * sizeof *copy);
  if (!tables || !copy) {
    free(tables); /* still empty */
    free(copy);
    borel_fail(error, BOREL_INTERNAL, "out of memory for the program of the model");
    return NULL;
  }
  borel_graph *small = borel_graph_scalarise(graph, outputs, count, copy, error);
  borel_program *program = small ? plan(small, copy, count, tables, NULL, 0, error) : NULL;
  if (program) {
    program->owned = small;
    return program;
  }
  borel_graph_free(small);
  free_tables(tables);
  free(copy);
  return NULL;
}

static void free_nested(borel_program *p);

static void free_parts(borel_program *p) {
  for (size_t k = 0; k < p->group_count; k++) {
    free(p->groups[k].nodes);
    free_nested(p->groups[k].body);
    free_nested(p->groups[k].otherwise);
  }
  free(p->groups);
  free(p->group_of);
  free(p->slot_of);
  free(p->input_slot);
  free(p->number);
  free(p->stored);
  free(p->in_place);
}

/* Without the tables, which are the outermost program's. */
static void free_nested(borel_program *p) {
  if (p) free_parts(p);
  free(p);
}

void borel_program_free(borel_program *p) {
  if (!p) return;
  free_parts(p);
  if (p->tables) {
    free_tables(p->tables);
    free((void *)p->outputs);
    borel_graph_free(p->owned);
  }
  free(p);
}

int borel_program_bind(borel_program *p, int32_t slot, borel_caller caller, size_t first) {
  p->tables->slots[slot].caller = caller;
  p->tables->slots[slot].first = first;
  return note_extents(p->tables, &(borel_shape){1, {(int64_t)first}});
}

int32_t borel_program_output_slot(const borel_program *p, size_t i) { return p->slot_of[p->outputs[i]]; }

/* ---- workspaces ------------------------------------------------------------------------------ */

borel_status borel_workspace_new(const borel_program *p, borel_workspace *w, borel_error *error) {
  const borel_tables *tables = p->tables;
  size_t total = 0;
  *w = (borel_workspace){0};
  for (size_t i = 0; i < tables->slot_count; i++) {
    size_t padded = (tables->slots[i].size + BOREL_LANES) / BOREL_LANES * BOREL_LANES;
    if (tables->slots[i].role != BOREL_SLOT_CONSTANT && __builtin_add_overflow(total, padded * 8, &total))
      goto memory;
  }
  w->slot = calloc(tables->slot_count + 3, sizeof *w->slot);
  w->memory = aligned_alloc(64, total + 64);
  if (!w->slot || !w->memory) goto memory;
  memset(w->memory, 0, total + 64);
  char *at = w->memory;
  for (size_t i = 0; i < tables->slot_count; i++) {
    if (tables->slots[i].role == BOREL_SLOT_CONSTANT) {
      w->slot[i] = tables->slots[i].array->data;
      continue;
    }
    w->slot[i] = at;
    at += (tables->slots[i].size + BOREL_LANES) / BOREL_LANES * BOREL_LANES * 8;
  }
  return BOREL_OK;
memory:
  borel_workspace_free(w);
  return borel_fail(error, BOREL_INTERNAL, "not enough memory to evaluate the model (%zu MB)", total >> 20);
}

void borel_workspace_free(borel_workspace *w) {
  free(w->slot);
  free(w->memory);
  *w = (borel_workspace){0};
}
