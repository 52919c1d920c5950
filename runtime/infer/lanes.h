/* SPDX-License-Identifier: MIT
 * Several points of a model at once, for models small enough: code of their own, which is compiled when it is
 * first wanted, since few runs do. */
#ifndef BOREL_INFER_LANES_H
#define BOREL_INFER_LANES_H

#include "compile/driver.h"
#include "compile/program.h"
#include "infer/inputs.h"

typedef struct borel_model_lanes borel_model_lanes;

/* Of a density and the density with its gradient. *out is NULL where the programs are not such that it pays
 * (compile/emit_lanes.c), or the model has discrete coordinates. */
borel_status borel_model_lanes_new(const borel_program *density, const borel_program *gradient,
                                   const borel_graph *graph, const borel_model_inputs *, const borel_layout *,
                                   borel_model_lanes **out, borel_error *);
void borel_model_lanes_free(borel_model_lanes *);

/* The C that is compiled. */
const char *borel_model_lanes_text(const borel_model_lanes *);

/* The function for densities, or with gradients: compiled the first time, by whatever thread comes first.
 * NULL where that failed. */
borel_native_function borel_model_lanes_function(borel_model_lanes *, int with_gradient);

#endif
