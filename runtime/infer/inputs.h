/* SPDX-License-Identifier: MIT
 * The inputs of a model's programs: one a site, but that many scalar sites of one name, as a loop over
 * sample({"theta", i}) makes them, are elements of one vector. So a loop over them can become vector code. */
#ifndef BOREL_INFER_INPUTS_H
#define BOREL_INFER_INPUTS_H

#include "borel/plugin.h"
#include "graph/graph.h"

typedef struct {
  borel_node node;
  borel_site_block block;
  size_t count;   /* elements */
  size_t first;   /* their coordinates are first, first + 1, ... */
  size_t *places; /* or these, owned; NULL: as `first` says */
} borel_model_input;

typedef struct {
  borel_model_input *list;
  size_t count;
} borel_model_inputs;

/* Inputs for `sites`, whose inputs in `graph` are nodes[site_count]. When some share a vector, *rewritten is
 * a copy of the graph that reads them there, and map (to be freed by the caller) says where its nodes went;
 * else both are NULL. */
borel_status borel_model_inputs_make(borel_graph *graph, const borel_site *sites, const borel_node *nodes,
                                     size_t site_count, borel_model_inputs *out, borel_graph **rewritten,
                                     borel_node **map, borel_error *);
void borel_model_inputs_free(borel_model_inputs *);

/* Copies the elements of an input from or to its coordinates; they are 8 bytes each. In the header, as most
 * inputs are a few elements and this is done for every gradient. */
static inline void borel_model_input_read(const borel_model_input *input, const void *coordinates,
                                          void *elements) {
  const uint64_t *from = coordinates;
  uint64_t *to = elements;
  if (input->places)
    for (size_t i = 0; i < input->count; i++) to[i] = from[input->places[i]];
  else
    for (size_t i = 0; i < input->count; i++) to[i] = from[input->first + i];
}
static inline void borel_model_input_write(const borel_model_input *input, const double *elements,
                                           double *coordinates) {
  if (input->places)
    for (size_t i = 0; i < input->count; i++) coordinates[input->places[i]] = elements[i];
  else
    for (size_t i = 0; i < input->count; i++) coordinates[input->first + i] = elements[i];
}

#endif
