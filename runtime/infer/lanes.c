/* SPDX-License-Identifier: MIT */
#include "infer/lanes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/error.h"

struct borel_model_lanes {
  borel_text text;
  pthread_mutex_t lock; /* of the compilation */
  atomic_int made;
  borel_native_function functions[2]; /* once `made`; NULL: the compiler failed */
};

/* Each input is a run of coordinates of the point. */
static int is_plain(const borel_model_inputs *inputs) {
  for (size_t i = 0; i < inputs->count; i++)
    if (inputs->list[i].places || inputs->list[i].block != BOREL_SITE_U) return 0;
  return 1;
}

static const char *const names[] = {"borel_density_lanes", "borel_gradient_lanes"};

static int write_text(borel_text *text, const borel_program *const *programs, const borel_graph *graph,
                      const borel_model_inputs *inputs, size_t D) {
  size_t *input = calloc(borel_graph_inputs(graph) + 1, sizeof *input),
         *derivative = calloc(inputs->count + 1, sizeof *derivative);
  int done = input && derivative;
  for (size_t i = 0; i < inputs->count && done; i++) {
    input[borel_graph_at(graph, inputs->list[i].node)->attr] = inputs->list[i].first;
    derivative[i] = inputs->list[i].first;
  }
  if (done) {
    borel_emit_lanes_prelude(programs, 2, text);
    for (int f = 0; f < 2; f++)
      borel_emit_lanes(programs[f], &(borel_lanes_places){D, input, derivative}, names[f], text);
  }
  free(input);
  free(derivative);
  return done && !text->failed;
}

borel_status borel_model_lanes_new(const borel_program *density, const borel_program *gradient,
                                   const borel_graph *graph, const borel_model_inputs *inputs,
                                   const borel_layout *layout, borel_model_lanes **out, borel_error *error) {
  *out = NULL;
  if (layout->K > 0 || !is_plain(inputs) || !borel_program_fits_lanes(density) ||
      !borel_program_fits_lanes(gradient))
    return BOREL_OK;
  borel_model_lanes *lanes = calloc(1, sizeof *lanes);
  const borel_program *const programs[] = {density, gradient};
  if (!lanes || !write_text(&lanes->text, programs, graph, inputs, layout->D)) {
    if (lanes) borel_text_free(&lanes->text);
    free(lanes);
    return borel_fail(error, BOREL_INTERNAL, "out of memory for the model");
  }
  pthread_mutex_init(&lanes->lock, NULL);
  *out = lanes;
  return BOREL_OK;
}

void borel_model_lanes_free(borel_model_lanes *lanes) {
  if (!lanes) return;
  borel_text_free(&lanes->text);
  pthread_mutex_destroy(&lanes->lock);
  free(lanes);
}

const char *borel_model_lanes_text(const borel_model_lanes *lanes) { return lanes->text.bytes; }

static void compile(borel_model_lanes *lanes) {
  borel_error ignored = {0}; /* single evaluations serve as well */
  pthread_mutex_lock(&lanes->lock);
  if (!atomic_load(&lanes->made) &&
      borel_compile(lanes->text.bytes, 2, names, 2, lanes->functions, NULL, &ignored))
    lanes->functions[0] = lanes->functions[1] = NULL;
  atomic_store(&lanes->made, 1);
  pthread_mutex_unlock(&lanes->lock);
}

borel_native_function borel_model_lanes_function(borel_model_lanes *lanes, int with_gradient) {
  if (!atomic_load_explicit(&lanes->made, memory_order_acquire)) compile(lanes);
  return lanes->functions[with_gradient];
}
