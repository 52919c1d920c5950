/* SPDX-License-Identifier: MIT
 * Nodes that hold a sub-graph: checks of a scan, and the parts of its result. */
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

/* Of one element of a sequence. */
static borel_shape tail_of(const borel_shape *shape) {
  borel_shape tail = {shape->rank - 1, {0}};
  memcpy(tail.extent, shape->extent + 1, sizeof *shape->extent * (size_t)tail.rank);
  return tail;
}

borel_node borel_graph_scan(borel_graph *graph, borel_region *region, const borel_node *args, size_t count,
                            borel_error *error) {
  if (!borel_graph_keep_region(graph, region)) {
    borel_region_free(region);
    borel_fail(error, BOREL_INTERNAL, "out of memory for the graph of the model");
    return BOREL_NO_NODE;
  }
  for (size_t i = 0; i < count; i++) /* an earlier failure passes through */
    if (args[i] == BOREL_NO_NODE) return BOREL_NO_NODE;
  for (size_t i = 0; i < region->output_count; i++)
    if (region->outputs[i] == BOREL_NO_NODE) return BOREL_NO_NODE;

  int64_t steps = -1;
  const char *fault = NULL;
  char have[64], want[64], text[200];
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
  for (borel_node i = 0; !fault && i < borel_graph_size(region->body); i++) {
    const borel_node_info *input = borel_graph_at(region->body, i), *arg;
    if (input->op != BOREL_OP_INPUT) continue;
    arg = borel_graph_at(graph, args[input->attr]);
    int element =
        (size_t)input->attr >= region->carries && (size_t)input->attr < region->carries + region->sequences;
    borel_shape shape = element ? tail_of(&arg->shape) : arg->shape;
    if (input->dtype == arg->dtype && borel_shape_equal(&input->shape, &shape)) continue;
    snprintf(text, sizeof text, "argument %lld is %s %s where the body takes %s %s",
             (long long)input->attr + 1, borel_dtype_name(arg->dtype), borel_shape_text(&shape, have),
             borel_dtype_name(input->dtype), borel_shape_text(&input->shape, want));
    fault = text;
  }
  for (size_t i = 0; !fault && i < region->carries; i++) {
    const borel_node_info *after = borel_graph_at(region->body, region->outputs[i]),
                          *before = borel_graph_at(graph, args[i]);
    if (!borel_shape_equal(&after->shape, &before->shape) || after->dtype != before->dtype)
      fault = "a carry changes its shape or type between steps";
  }
  if (fault) {
    borel_fail(error, BOREL_ARG, "scan: %s", fault);
    return BOREL_NO_NODE;
  }
  borel_node_info node = {
      .op = BOREL_OP_SCAN, .dtype = BOREL_F64, .attr = steps, .region = region, .masked = 1};
  return borel_graph_intern(graph, &node, args, count);
}

borel_node borel_graph_project(borel_graph *graph, borel_node scan, size_t which) {
  if (scan == BOREL_NO_NODE) return BOREL_NO_NODE; /* an earlier failure passes through */
  const borel_node_info *node = borel_graph_at(graph, scan);
  const borel_region *region = node->region;
  if (which >= region->output_count + region->carries) return BOREL_NO_NODE;
  borel_node_info part = {.op = BOREL_OP_PROJECT, .attr = (int64_t)which, .masked = 1};
  int stacked = which >= region->carries;
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
  return borel_graph_intern(graph, &part, &scan, 1);
}
