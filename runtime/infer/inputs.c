/* SPDX-License-Identifier: MIT */
#include "infer/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

enum { LEAST_SHARED = 8 }; /* fewer sites of a name are as fast on their own */

/* Up to the index: "theta" of "theta[3]"; 0 for a name without one. */
static size_t family_length(const borel_site *site) {
  const char *bracket = strchr(site->name, '[');
  return bracket ? (size_t)(bracket - site->name) : 0;
}

static int by_family(const void *a, const void *b, void *context) {
  const borel_site *sites = context;
  size_t i = *(const size_t *)a, k = *(const size_t *)b;
  size_t left = family_length(&sites[i]), right = family_length(&sites[k]);
  int names = strncmp(sites[i].name, sites[k].name, left < right ? left : right);
  if (names) return names;
  if (left != right) return left < right ? -1 : 1;
  return i < k ? -1 : i > k;
}

/* Discrete ones have the same values, too. */
static int same_family(const borel_site *a, const borel_site *b) {
  size_t length = family_length(a);
  if (a->block != b->block) return 0;
  if (a->block == BOREL_SITE_Z && (a->lowest != b->lowest || a->count != b->count)) return 0;
  return length > 0 && length == family_length(b) && strncmp(a->name, b->name, length) == 0;
}

/* Writes the scalar sites, sorted by family, into order; returns how many. */
static size_t sort_scalars(const borel_graph *graph, const borel_site *sites, const borel_node *nodes,
                           size_t site_count, size_t *order) {
  size_t count = 0;
  for (size_t i = 0; i < site_count; i++)
    if (borel_graph_at(graph, nodes[i])->shape.rank == 0) order[count++] = i;
  qsort_r(order, count, sizeof *order, by_family, (void *)sites);
  return count;
}

/* Coordinates that follow each other need no list. */
static void describe_places(borel_model_input *input) {
  input->first = input->places[0];
  for (size_t i = 1; i < input->count; i++)
    if (input->places[i] != input->first + i) return;
  free(input->places);
  input->places = NULL;
}

/* One vector input for the sites order[0 .. count), which it puts into `stands_for` as its elements. */
static int share(borel_graph *to, const borel_site *sites, const size_t *order, size_t count,
                 borel_model_inputs *out, borel_node *stands_for) {
  borel_site_block block = sites[order[0]].block;
  borel_model_input input = {.block = block, .count = count, .places = malloc(count * sizeof(size_t))};
  if (!input.places) return 0;
  input.node = borel_graph_input(to, block == BOREL_SITE_Z ? BOREL_I64 : BOREL_F64,
                                 &(borel_shape){1, {(int64_t)count}});
  for (size_t i = 0; i < count; i++) input.places[i] = sites[order[i]].offset;
  describe_places(&input);
  out->list[out->count++] = input;
  for (size_t i = 0; i < count && input.node != BOREL_NO_NODE; i++) {
    borel_node args[] = {input.node, borel_graph_integer(to, (int64_t)i)};
    stands_for[order[i]] = borel_graph_op(to, BOREL_OP_GATHER, args, 2, 0, NULL, NULL);
    if (stands_for[order[i]] == BOREL_NO_NODE) return 0;
  }
  return input.node != BOREL_NO_NODE;
}

/* Shares what can be shared; stands_for[i]: the node of `to` for site i, or BOREL_NO_NODE. */
static int share_families(borel_graph *to, const borel_site *sites, const size_t *order, size_t scalars,
                          borel_model_inputs *out, borel_node *stands_for) {
  for (size_t start = 0, end; start < scalars; start = end) {
    for (end = start + 1; end < scalars && same_family(&sites[order[start]], &sites[order[end]]);) end++;
    if (end - start >= LEAST_SHARED && !share(to, sites, order + start, end - start, out, stands_for))
      return 0;
  }
  return 1;
}

/* The other sites keep inputs of their own. */
static int keep_others(borel_graph *to, const borel_graph *from, const borel_site *sites,
                       const borel_node *nodes, size_t site_count, borel_model_inputs *out,
                       borel_node *stands_for) {
  for (size_t i = 0; i < site_count; i++) {
    if (stands_for && stands_for[i] != BOREL_NO_NODE) continue;
    borel_node_info info = *borel_graph_at(from, nodes[i]);
    borel_node node = to ? borel_graph_input(to, info.dtype, &info.shape) : nodes[i];
    if (node == BOREL_NO_NODE) return 0;
    if (stands_for) stands_for[i] = node;
    out->list[out->count++] = (borel_model_input){node, sites[i].block, sites[i].size, sites[i].offset, NULL};
  }
  return 1;
}

/* The copy of the graph. Its inputs are numbered as they were made, which need not be the order of sites. */
static borel_status rewrite(const borel_graph *from, const borel_node *nodes, const borel_node *stands_for,
                            size_t site_count, borel_graph *to, borel_node *map, borel_error *error) {
  size_t inputs = borel_graph_inputs(from);
  borel_node *list = malloc((inputs + 1) * sizeof *list);
  if (!list) return borel_fail(error, BOREL_INTERNAL, "out of memory for the model");
  for (size_t i = 0; i < inputs; i++) list[i] = BOREL_NO_NODE;
  for (size_t i = 0; i < site_count; i++) list[borel_graph_at(from, nodes[i])->attr] = stands_for[i];
  borel_status status = borel_graph_copy(to, from, list, map, error);
  free(list);
  return status;
}

borel_status borel_model_inputs_make(borel_graph *graph, const borel_site *sites, const borel_node *nodes,
                                     size_t site_count, borel_model_inputs *out, borel_graph **rewritten,
                                     borel_node **map, borel_error *error) {
  size_t *order = malloc((site_count + 1) * sizeof *order), scalars;
  borel_node *stands_for = malloc((site_count + 1) * sizeof *stands_for);
  borel_status status = BOREL_INTERNAL;
  *out = (borel_model_inputs){.list = calloc(site_count + 1, sizeof *out->list)};
  *map = malloc((borel_graph_size(graph) + 1) * sizeof **map);
  *rewritten = borel_graph_new();
  if (!order || !stands_for || !out->list || !*map || !*rewritten) goto done;
  for (size_t i = 0; i < site_count; i++) stands_for[i] = BOREL_NO_NODE;
  scalars = sort_scalars(graph, sites, nodes, site_count, order);
  if (!share_families(*rewritten, sites, order, scalars, out, stands_for)) goto done;
  if (out->count > 0) {
    if (!keep_others(*rewritten, graph, sites, nodes, site_count, out, stands_for)) goto done;
    status = rewrite(graph, nodes, stands_for, site_count, *rewritten, *map, error);
    goto done;
  }
  if (!keep_others(NULL, graph, sites, nodes, site_count, out, NULL)) goto done;
  borel_graph_free(*rewritten);
  free(*map);
  *rewritten = NULL;
  *map = NULL;
  status = BOREL_OK;
done:
  free(order);
  free(stands_for);
  if (status) borel_fail(error, status, "out of memory for the model");
  return status;
}

void borel_model_inputs_free(borel_model_inputs *inputs) {
  for (size_t i = 0; i < inputs->count; i++) free(inputs->list[i].places);
  free(inputs->list);
  *inputs = (borel_model_inputs){0};
}
