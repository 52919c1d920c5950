/* SPDX-License-Identifier: MIT
 * Where a function of a model finds its inputs and leaves its derivatives: in the caller's vectors where that
 * is possible, else in slots that are copied. */
#ifndef BOREL_INFER_PLACES_H
#define BOREL_INFER_PLACES_H

#include "compile/program.h"
#include "infer/inputs.h"

typedef struct {
  int32_t slot;
  const borel_model_input *input;
} borel_model_place;

/* Those that are in the caller's vector, then those that are copied. */
typedef struct {
  borel_model_place *list;
  size_t in_place, count;
} borel_model_places;

/* The inputs that the program reads, bound to the caller's point; `graph` is that of the inputs' nodes. */
borel_status borel_model_place_inputs(borel_program *, const borel_graph *graph, const borel_model_inputs *,
                                      borel_model_places *, borel_error *);
/* The derivatives by the continuous inputs, which are outputs 1, 2, ..., bound to the caller's gradient. */
borel_status borel_model_place_derivatives(borel_program *, const borel_graph *graph,
                                           const borel_model_inputs *, borel_model_places *, borel_error *);

#endif
