/* SPDX-License-Identifier: MIT
 * A traced model: a graph with sites as inputs, turned into a source of targets by native code or by the
 * interpreter. */
#ifndef BOREL_INFER_MODEL_H
#define BOREL_INFER_MODEL_H

#include "graph/graph.h"
#include "graph/sufficient.h"
#include "infer/source.h"

typedef struct borel_model borel_model;

typedef enum { BOREL_ENGINE_AUTO, BOREL_ENGINE_NATIVE, BOREL_ENGINE_INTERPRETER } borel_engine;

/* Limits on generated statements: gcc is superlinear in straight-line code (docs/performance.md). */
#define BOREL_STATEMENTS_O2 1000
#define BOREL_STATEMENTS_NATIVE 5000

/* An empty model over `graph`, which stays the caller's and must outlive it. */
borel_model *borel_model_new(borel_graph *graph);
void borel_model_free(borel_model *);
borel_graph *borel_model_graph(borel_model *);

/* Declares input `input` of the graph (in order of inputs) to be a site of block U (f64, any shape) or
 * Z (i64, values lowest .. lowest + count - 1). */
borel_status borel_model_site(borel_model *, const char *name, borel_node input, borel_site_block,
                              int64_t lowest, int64_t count, borel_error *);
/* A value to keep of each draw. */
borel_status borel_model_value(borel_model *, const char *name, borel_node, borel_error *);
/* A term of the log-density (any shape: its sum counts): of the likelihood or of the prior. `label` names
 * it in messages (site and line). */
borel_status borel_model_term(borel_model *, const char *label, borel_node, int likelihood, borel_error *);

/* Sums the discrete input `input` of the graph (values lowest .. lowest + count - 1; no site) out of the
 * density: the terms that depend on it become one, labelled `label`, where the first of them stood, of the
 * likelihood if one of them was. Values to keep that depend on it are computed with a draw from its law given
 * all else. Errors, which name the site `name`: the limits of graph/eliminate.h. */
borel_status borel_model_sum_out(borel_model *, const char *name, const char *label, borel_node input,
                                 int64_t lowest, int64_t count, borel_error *);

/* Sums of squares that are linear in the unknowns (graph/sufficient.h): by their triangle, unless told not
 * to. */
void borel_model_use_sufficient(borel_model *, int use);
/* What was rewritten so; all 0 where nothing was. */
const borel_sufficient *borel_model_sufficient(const borel_model *);
/* How many recursions over hidden states run with scaled probabilities (graph/hmm.h), under the same switch.
 */
size_t borel_model_hmms(const borel_model *);
/* How many sums of logarithms are logarithms of products (graph/log_products.h), under the same switch. */
size_t borel_model_log_products(const borel_model *);

/* Adds up the terms, differentiates, plans and compiles. Afterwards the model is a source and constant.
 * Errors: no sites, no terms, shapes; BOREL_IO from the compiler (NATIVE only: AUTO falls back). */
borel_status borel_model_build(borel_model *, borel_engine, borel_error *);

const borel_source *borel_model_source(const borel_model *);
size_t borel_model_term_count(const borel_model *);
const char *borel_model_term_label(const borel_model *, size_t i);
/* Evaluates every term at a point by the interpreter: out[terms]. Not for hot loops. */
borel_status borel_model_terms(const borel_model *, const double *u, const int64_t *z, double *out,
                               borel_error *);

/* ---- for people who ask (borel explain) ------------------------------------------------------ */

typedef struct {
  size_t nodes;      /* of the graph, derivatives included */
  size_t statements; /* nodes that are computed: density, gradient and values of a draw together */
  size_t groups;     /* loops and straight lines of scalars that they were fused into */
  size_t text;       /* bytes of emitted C */
  size_t shared;     /* operations that were met again and are computed once */
  size_t inputs;     /* vectors and numbers that the sites lie in: those of a loop share one */
} borel_model_sizes;
borel_model_sizes borel_model_size(const borel_model *);

/* Term i alone at a point, by the interpreter: |gradient| in u, and seconds of an evaluation. Makes nodes in
 * the graph; not while chains run. */
borel_status borel_model_term_report(borel_model *, size_t i, const double *u, const int64_t *z, double *norm,
                                     double *seconds, borel_error *);
/* Seconds of an evaluation of density and of density with gradient at a point, by the engine of the model. */
borel_status borel_model_time(const borel_model *, const double *u, const int64_t *z, double *density,
                              double *gradient, borel_error *);

/* The emitted C text (also when the engine is the interpreter). */
const char *borel_model_text(const borel_model *);
/* What distinguishes results bit for bit: hash of engine, text, compiler, flags, library build. */
const char *borel_model_engine_id(const borel_model *);
/* Hash of what the text leaves open: names, extents, numbers and data. Together with the engine id it
 * names a posterior. */
const char *borel_model_data_id(const borel_model *);
/* "native (gcc ..., -O2)", "interpreter: 12000 statements ...": why this engine. */
const char *borel_model_engine_text(const borel_model *);
int borel_model_compiled(const borel_model *);    /* did the compiler run, rather than the cache answer? */
size_t borel_model_rerolled(const borel_model *); /* scalar terms that were merged into arrays */

#endif
