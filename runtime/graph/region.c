/* SPDX-License-Identifier: MIT
 * Nodes that hold sub-graphs: checks, the parts of their results, and copies of whole graphs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

/* Of one element of a sequence. */
static borel_shape tail_of(const borel_shape *shape) {
  borel_shape tail = {shape->rank - 1, {0}};
  memcpy(tail.extent, shape->extent + 1, sizeof *shape->extent * (size_t)tail.rank);
  return tail;
}

/* The graph owns the region, whatever else fails. */
static int take_over(borel_graph *graph, borel_region *region, const borel_node *args, size_t count,
                     borel_error *error) {
  if (!borel_graph_keep_region(graph, region)) {
    borel_region_free(region);
    borel_fail(error, BOREL_INTERNAL, "out of memory for the graph of the model");
    return 0;
  }
  for (size_t i = 0; i < count; i++) /* an earlier failure passes through */
    if (args[i] == BOREL_NO_NODE) return 0;
  for (const borel_region *r = region; r; r = r->otherwise)
    for (size_t i = 0; i < r->output_count; i++)
      if (r->outputs[i] == BOREL_NO_NODE) return 0;
  return 1;
}

static borel_node refuse(borel_op op, const char *fault, borel_error *error) {
  borel_fail(error, BOREL_ARG, "%s: %s", borel_op_get(op)->name, fault);
  return BOREL_NO_NODE;
}

/* Does argument `first + k` have the type and shape of input k of the body (of sequences: their elements)? */
static const char *check_inputs(const borel_graph *graph, const borel_region *region, const borel_node *args,
                                size_t first, char text[200]) {
  char have[64], want[64];
  for (borel_node i = 0; i < borel_graph_size(region->body); i++) {
    const borel_node_info *input = borel_graph_at(region->body, i), *arg;
    if (input->op != BOREL_OP_INPUT) continue;
    size_t k = (size_t)input->attr;
    arg = borel_graph_at(graph, args[first + k]);
    int element = k >= region->carries && k < region->carries + region->sequences;
    borel_shape shape = element ? tail_of(&arg->shape) : arg->shape;
    if (input->dtype == arg->dtype && borel_shape_equal(&input->shape, &shape)) continue;
    snprintf(text, 200, "argument %zu is %s %s where the body takes %s %s", first + k + 1,
             borel_dtype_name(arg->dtype), borel_shape_text(&shape, have), borel_dtype_name(input->dtype),
             borel_shape_text(&input->shape, want));
    return text;
  }
  return NULL;
}

borel_node borel_graph_scan(borel_graph *graph, borel_region *region, const borel_node *args, size_t count,
                            borel_error *error) {
  if (!take_over(graph, region, args, count, error)) return BOREL_NO_NODE;
  int64_t steps = -1;
  const char *fault = NULL;
  char text[200];
  if (region->output_count < region->carries)
    fault = "the body has fewer outputs than carries";
  else if (count != region->carries + region->sequences + region->captured ||
           borel_graph_inputs(region->body) != count)
    fault = "the number of arguments differs from the inputs of the body";
  for (size_t i = 0; !fault && i < region->sequences; i++) {
    const borel_shape *shape = &borel_graph_at(graph, args[region->carries + i])->shape;
    if (shape->rank == 0)
      fault = "a sequence must have at least one axis";
    else if (steps >= 0 && shape->extent[0] != steps)
      fault = "the sequences have different lengths";
    else
      steps = shape->extent[0];
  }
  if (!fault && steps < 0) fault = "there is no sequence to go through";
  if (!fault) fault = check_inputs(graph, region, args, 0, text);
  for (size_t i = 0; !fault && i < region->carries; i++) {
    const borel_node_info *after = borel_graph_at(region->body, region->outputs[i]),
                          *before = borel_graph_at(graph, args[i]);
    if (!borel_shape_equal(&after->shape, &before->shape) || after->dtype != before->dtype)
      fault = "a carry changes its shape or type between steps";
  }
  if (fault) return refuse(BOREL_OP_SCAN, fault, error);
  borel_node_info node = {
      .op = BOREL_OP_SCAN, .dtype = BOREL_F64, .attr = steps, .region = region, .masked = 1};
  return borel_graph_intern(graph, &node, args, count);
}

borel_node borel_graph_cond(borel_graph *graph, borel_region *region, const borel_node *args, size_t count,
                            borel_error *error) {
  if (!take_over(graph, region, args, count, error)) return BOREL_NO_NODE;
  const borel_region *other = region->otherwise;
  char text[200], have[64], want[64];
  const char *fault = NULL;
  if (!other || region->carries || region->sequences || other->output_count != region->output_count)
    fault = "the two branches give different numbers of results";
  else if (count != 1 + region->captured || borel_graph_inputs(region->body) != region->captured ||
           borel_graph_inputs(other->body) != region->captured)
    fault = "the number of arguments differs from the inputs of the branches";
  else if (borel_graph_at(graph, args[0])->dtype != BOREL_I64 ||
           borel_graph_at(graph, args[0])->shape.rank > 0)
    fault = "the condition must be one mask";
  if (!fault) fault = check_inputs(graph, region, args, 1, text);
  if (!fault) fault = check_inputs(graph, other, args, 1, text);
  for (size_t i = 0; !fault && i < region->output_count; i++) {
    const borel_node_info *a = borel_graph_at(region->body, region->outputs[i]),
                          *b = borel_graph_at(other->body, other->outputs[i]);
    if (a->dtype == b->dtype && borel_shape_equal(&a->shape, &b->shape)) continue;
    snprintf(text, sizeof text, "result %zu is %s %s in one branch and %s %s in the other", i + 1,
             borel_dtype_name(a->dtype), borel_shape_text(&a->shape, have), borel_dtype_name(b->dtype),
             borel_shape_text(&b->shape, want));
    fault = text;
  }
  if (fault) return refuse(BOREL_OP_COND, fault, error);
  borel_node_info node = {.op = BOREL_OP_COND, .dtype = BOREL_F64, .region = region, .masked = 1};
  return borel_graph_intern(graph, &node, args, count);
}

borel_node borel_graph_region(borel_graph *graph, borel_op op, borel_region *region, const borel_node *args,
                              size_t count, borel_error *error) {
  switch (op) {
  case BOREL_OP_SCAN: return borel_graph_scan(graph, region, args, count, error);
  case BOREL_OP_ODE: return borel_graph_ode(graph, region, args, count, NULL, error);
  default: return borel_graph_cond(graph, region, args, count, error);
  }
}

size_t borel_region_results(const borel_node_info *node) {
  return node->region->output_count + (node->op == BOREL_OP_SCAN ? node->region->carries : 0);
}

borel_node borel_graph_project(borel_graph *graph, borel_node whole, size_t which) {
  if (whole == BOREL_NO_NODE) return BOREL_NO_NODE; /* an earlier failure passes through */
  const borel_node_info *node = borel_graph_at(graph, whole);
  const borel_region *region = node->region;
  if (which >= borel_region_results(node)) return BOREL_NO_NODE;
  if (node->op == BOREL_OP_ODE) return borel_graph_ode_project(graph, whole, which);
  borel_node_info part = {.op = BOREL_OP_PROJECT, .attr = (int64_t)which, .masked = 1};
  int stacked = node->op == BOREL_OP_SCAN && which >= region->carries;
  const borel_node_info *from = borel_graph_at(
      region->body, region->outputs[which < region->output_count ? which : which - region->output_count]);
  part.dtype = from->dtype;
  part.shape = from->shape;
  if (stacked) {
    if (part.shape.rank == BOREL_MAX_RANK) return BOREL_NO_NODE;
    memmove(part.shape.extent + 1, part.shape.extent, sizeof *part.shape.extent * (size_t)part.shape.rank);
    part.shape.extent[0] = node->attr;
    part.shape.rank++;
  }
  return borel_graph_intern(graph, &part, &whole, 1);
}

/* ---- copies ---------------------------------------------------------------------------------- */

borel_node borel_graph_like(borel_graph *graph, const borel_node_info *like, const borel_node *args,
                            borel_error *error) {
  switch (like->op) {
  case BOREL_OP_ARRAY: return borel_graph_array(graph, &like->array);
  case BOREL_OP_PROJECT: return borel_graph_project(graph, args[0], (size_t)like->attr);
  case BOREL_OP_SCALAR:
    return like->dtype == BOREL_I64 ? borel_graph_integer(graph, like->attr)
                                    : borel_graph_scalar(graph, like->value);
  default: break;
  }
  if (like->region) { /* shared: a region never changes, and one more holder is no change */
    borel_region *region = (borel_region *)like->region;
    return borel_graph_region(graph, like->op, region, args, like->arg_count, error);
  }
  return borel_graph_op(graph, like->op, args, like->arg_count, like->attr, &like->shape, error);
}

uint8_t *borel_graph_needed(const borel_graph *graph, borel_node root, size_t *most_args) {
  uint8_t *needed = calloc((size_t)root + 1, 1);
  *most_args = 1;
  if (!needed) return NULL;
  needed[root] = 1;
  for (borel_node i = root + 1; i-- > 0;) {
    uint32_t count = needed[i] ? borel_graph_at(graph, i)->arg_count : 0;
    if (count > *most_args) *most_args = count;
    for (uint32_t k = 0; k < count; k++) needed[borel_graph_args(graph, i)[k]] = 1;
  }
  return needed;
}

uint8_t *borel_graph_needed_by(const borel_graph *graph, const borel_node *roots, size_t count) {
  size_t nodes = borel_graph_size(graph);
  uint8_t *needed = calloc(nodes + 1, 1);
  for (size_t i = 0; needed && i < count; i++) needed[roots[i]] = 1;
  for (size_t i = nodes; needed && i-- > 0;)
    for (uint32_t k = 0; needed[i] && k < borel_graph_at(graph, (borel_node)i)->arg_count; k++)
      needed[borel_graph_args(graph, (borel_node)i)[k]] = 1;
  return needed;
}

borel_node borel_graph_mapped(borel_graph *graph, borel_node node, const borel_node *map, borel_node *args,
                              borel_error *error) {
  borel_node_info info = *borel_graph_at(graph, node);
  int changed = 0;
  for (uint32_t k = 0; k < info.arg_count; k++) {
    borel_node arg = borel_graph_args(graph, node)[k];
    args[k] = map[arg];
    changed |= args[k] != arg;
  }
  return changed ? borel_graph_like(graph, &info, args, error) : node;
}

borel_node borel_graph_rewrite(borel_graph *graph, borel_node root, borel_graph_rule rule, void *context,
                               borel_error *error) {
  size_t nodes = (size_t)root + 1, most_args;
  borel_node *map = malloc(nodes * sizeof *map), *args = NULL, result = BOREL_NO_NODE;
  uint8_t *needed = borel_graph_needed(graph, root, &most_args);
  if (!map || !needed) goto memory;
  if (!(args = malloc(most_args * sizeof *args))) goto memory;
  for (borel_node i = 0; i < nodes; i++) {
    map[i] = i;
    if (!needed[i]) continue;
    if ((map[i] = borel_graph_mapped(graph, i, map, args, error)) == BOREL_NO_NODE) goto done;
    borel_node other = rule(graph, map[i], context, error);
    if (other != BOREL_NO_NODE) map[i] = other;
  }
  result = map[root];
  goto done;
memory:
  borel_fail(error, BOREL_INTERNAL, "out of memory for the rewriting of the model");
done:
  free(map);
  free(args);
  free(needed);
  return result;
}

borel_status borel_graph_copy(borel_graph *to, const borel_graph *from, const borel_node *inputs,
                              borel_node *map, borel_error *error) {
  size_t most = 1;
  for (borel_node i = 0; i < borel_graph_size(from); i++)
    if (borel_graph_at(from, i)->arg_count > most) most = borel_graph_at(from, i)->arg_count;
  borel_node *args = malloc(most * sizeof *args);
  if (!args) return borel_fail(error, BOREL_INTERNAL, "out of memory for the graph of the model");
  borel_status status = BOREL_OK;
  for (borel_node i = 0; i < borel_graph_size(from) && !status; i++) {
    const borel_node_info *node = borel_graph_at(from, i);
    int absent = node->op == BOREL_OP_INPUT && inputs[node->attr] == BOREL_NO_NODE;
    for (uint32_t k = 0; k < node->arg_count; k++) {
      args[k] = map[borel_graph_args(from, i)[k]];
      absent |= args[k] == BOREL_NO_NODE;
    }
    map[i] = absent                       ? BOREL_NO_NODE
             : node->op == BOREL_OP_INPUT ? inputs[node->attr]
                                          : borel_graph_like(to, node, args, error);
    if (map[i] == BOREL_NO_NODE && !absent) status = BOREL_INTERNAL;
  }
  free(args);
  return status;
}
