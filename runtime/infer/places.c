/* SPDX-License-Identifier: MIT */
#include "infer/places.h"

#include <stdlib.h>

#include "core/error.h"

/* One number, or whole rounds of lanes: a function touches nothing beyond them. */
static int fits_in_place(const borel_graph *graph, const borel_model_input *input) {
  if (input->places || input->block != BOREL_SITE_U) return 0;
  return borel_graph_at(graph, input->node)->shape.rank == 0 ||
         (input->count > 0 && input->count % BOREL_LANES == 0);
}

static borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for the model");
}

static borel_status make_room(const borel_model_inputs *inputs, borel_model_places *to, borel_error *error) {
  to->list = malloc((inputs->count + 1) * sizeof *to->list);
  return to->list ? BOREL_OK : no_memory(error);
}

static borel_status add(borel_program *p, int32_t slot, const borel_model_input *input, borel_caller caller,
                        borel_model_places *to, borel_error *error) {
  to->list[to->count++] = (borel_model_place){slot, input};
  if (caller == BOREL_CALLER_NONE) return BOREL_OK;
  to->in_place = to->count;
  return borel_program_bind(p, slot, caller, input->first) ? BOREL_OK : no_memory(error);
}

borel_status borel_model_place_inputs(borel_program *p, const borel_graph *graph,
                                      const borel_model_inputs *inputs, borel_model_places *to,
                                      borel_error *error) {
  borel_status status = make_room(inputs, to, error);
  for (int copied = 0; copied < 2; copied++)
    for (size_t i = 0; i < inputs->count && !status; i++) {
      const borel_model_input *input = &inputs->list[i];
      int32_t slot = p->input_slot[borel_graph_at(graph, input->node)->attr];
      if (slot >= 0 && fits_in_place(graph, input) == !copied)
        status = add(p, slot, input, copied ? BOREL_CALLER_NONE : BOREL_CALLER_POINT, to, error);
    }
  return status;
}

/* One is made in place when its slot is no input, no constant and no other result: users[slot] is then 1. */
borel_status borel_model_place_derivatives(borel_program *p, const borel_graph *graph,
                                           const borel_model_inputs *inputs, borel_model_places *to,
                                           borel_error *error) {
  borel_status status = make_room(inputs, to, error);
  uint8_t *users = calloc(p->tables->slot_count + 1, sizeof *users);
  if (!users) status = no_memory(error);
  for (size_t i = 0; i < p->output_count && !status; i++) {
    uint8_t *of_slot = &users[borel_program_output_slot(p, i)];
    if (*of_slot < 2) ++*of_slot;
  }
  for (int copied = 0; copied < 2; copied++) {
    size_t output = 1;
    for (size_t i = 0; i < inputs->count && !status; i++) {
      const borel_model_input *input = &inputs->list[i];
      if (input->block != BOREL_SITE_U) continue;
      int32_t slot = borel_program_output_slot(p, output++);
      int in_place =
          users[slot] == 1 && p->tables->slots[slot].role == BOREL_SLOT_WORK && fits_in_place(graph, input);
      if (in_place == !copied)
        status = add(p, slot, input, copied ? BOREL_CALLER_NONE : BOREL_CALLER_GRADIENT, to, error);
    }
  }
  free(users);
  return status;
}
