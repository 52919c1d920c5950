/* SPDX-License-Identifier: MIT
 * Private parts of a model: model.c builds it, model_target.c evaluates it, model_report.c answers questions.
 */
#ifndef BOREL_INFER_MODEL_PRIVATE_H
#define BOREL_INFER_MODEL_PRIVATE_H

#include "compile/driver.h"
#include "compile/program.h"
#include "core/error.h"
#include "graph/eliminate.h"
#include "graph/sufficient.h"
#include "infer/inputs.h"
#include "infer/lanes.h"
#include "infer/model.h"
#include "infer/places.h"

/* The functions of a model's text. */
enum { DENSITY, GRADIENT, VALUES, FUNCTIONS };

typedef struct {
  char *label;
  borel_node node;
  int likelihood;
} borel_model_term_info;

/* A site that was summed out: log sum exp over the values of its input of `root`, which may depend on sites
 * that were summed out later. */
typedef struct {
  borel_node input, root;
  int64_t lowest, count;
} borel_model_summed;

/* Of one discrete input: its terms, or those of each element. */
typedef struct {
  size_t input;
  int separate; /* one result for each element */
  int dear;     /* not worth it: log-densities of the whole cost no more */
  borel_program *program;
  borel_model_places inputs;
} borel_model_conditional;

typedef struct {
  size_t conditional, element; /* of that input */
} borel_model_element;

struct borel_model {
  borel_source source;    /* first: a source is a model */
  borel_graph *graph;     /* of the trace, or `rewritten` */
  borel_graph *rewritten; /* owned; NULL when no sites share an input */
  borel_layout layout;
  borel_site *sites;
  borel_node *site_nodes; /* [sites]: inputs of the graph of the trace */
  borel_model_inputs inputs;
  borel_model_summed *summed; /* in the order in which they were summed out */
  size_t summed_count;
  borel_elimination *elimination; /* NULL: nothing is summed out */
  borel_node uniforms;   /* input that the draws of summed sites are made of: whole rounds of lanes behind u,
                            and   behind the others in `inputs` */
  int interprets_values; /* as drawing takes too many statements for native code; the others may have it */
  size_t uniform_count;  /* 0: no value depends on such a site */
  borel_value_info *values;
  borel_node *value_nodes;
  int joined; /* scalar values are one vector, the last output of VALUES; the others come before it */
  borel_model_term_info *terms;
  size_t term_count, rerolled, hmms, log_products;
  int plain_sums; /* sums of squares stay loops over data */
  borel_sufficient sufficient;
  size_t shared_in_trace; /* operations that the graph of the trace merged, when that is not `graph` */
  borel_program *programs[FUNCTIONS], *split, *each_term;
  borel_model_places inputs_of[FUNCTIONS], derivatives; /* derivatives: of GRADIENT */
  borel_model_lanes *lanes;                             /* NULL: points are evaluated one by one */
  borel_native_function *native;         /* [FUNCTIONS + conditional_count]; NULL: interpreted */
  borel_model_conditional *conditionals; /* NULL: none are offered */
  borel_model_element *conditional_of;   /* [K] */
  size_t conditional_count;
  borel_text text;
  char engine_id[40], engine_text[500], data_id[20];
  int compiled;
};

/* A function of the model with its memory, and what a call needs. */
typedef struct {
  const borel_program *program;
  borel_native_function native; /* NULL: interpreted */
  const double *constants;
  const long long *extents;
  borel_workspace work;
  size_t caller; /* where the pointers to the caller's vectors stand among the slots */
  int32_t value; /* the slot of its first result */
  borel_model_places inputs, derivatives; /* the model's */
} borel_model_function;

typedef struct {
  borel_target target; /* first */
  const borel_model *model;
  borel_model_function functions[FUNCTIONS];
  borel_model_function *conditionals; /* [conditional_count] */
  borel_workspace split;
  double *extended; /* for VALUES: u and uniforms; NULL: it needs none */
  double *tail;     /* for lanes: points [4, D] and their derivatives */
} borel_model_target;

static inline borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for the model");
}

/* Copies coordinates into the inputs of a program. */
void borel_model_fill(const borel_model *, const borel_program *, borel_workspace *, const double *u,
                      const int64_t *z);
/* Output i of a program that has run. */
const double *borel_model_output(const borel_program *, const borel_workspace *, size_t i);
/* Where the elements of an input are among the coordinates. */
size_t borel_model_input_place(const borel_model_input *, size_t element);
/* Copies what a function does not read where it is, discrete coordinates above all. */
void borel_model_copy_inputs(const borel_model_function *, const double *u, const int64_t *z);
/* Runs a function, but for GRADIENT, on inputs that were copied. */
void borel_model_run(borel_model_function *, const double *u);

/* Plans the conditionals, if there are discrete sites, and not too many. */
borel_status borel_model_plan_conditionals(borel_model *, borel_error *);
void borel_model_drop_conditionals(borel_model *);
/* The ops of a target (borel_target_ops) of a model that has them. */
size_t borel_model_independent(borel_target *, uint32_t layout, size_t k);
borel_status borel_model_conditional_at(borel_target *, uint32_t layout, const double *u, const int64_t *z,
                                        size_t k, size_t n, double *logdensity, borel_error *);

/* Puts draws of the sites that were summed out into the values of a draw. */
borel_status borel_model_draw_summed(borel_model *, borel_error *);

/* Makes the model a source: its functions. */
void borel_model_become_source(borel_model *);

#endif
