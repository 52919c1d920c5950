/* SPDX-License-Identifier: MIT
 * Sums over discrete inputs: elimination of variables, one at a time, and draws of what was eliminated, the
 * last one first, each given those that were drawn before.
 *   Koller and Friedman (2009), "Probabilistic Graphical Models", section 9.3. */
#ifndef BOREL_GRAPH_ELIMINATE_H
#define BOREL_GRAPH_ELIMINATE_H

#include "graph/graph.h"

enum {
  BOREL_MOST_JOINT = 4096,     /* values of all elements together, where these are not separate */
  BOREL_MOST_BRANCHES = 500000 /* values times operations that depend on the input */
};

/* What is known of a graph while its discrete inputs are eliminated: every node is looked at once. The graph
 * may grow meanwhile, and must outlive it. NULL when memory is short. */
typedef struct borel_elimination borel_elimination;
borel_elimination *borel_elimination_new(borel_graph *);
void borel_elimination_free(borel_elimination *);
/* Does `node` depend on `input`, an i64 one? */
borel_status borel_elimination_depends(borel_elimination *, borel_node node, borel_node input, int *depends,
                                       borel_error *);

/* log sum exp(root) over all values lowest .. lowest + count - 1 of every element of `input` (i64, any
 * shape), where `root` is a scalar that depends on it: a scalar that does not. Elements that enter terms of
 * their own (graph/separate.h) are summed one by one, others together. BOREL_NO_NODE with a message, which
 * begins "cannot be summed out", above the limits. */
borel_node borel_graph_sum_out(borel_elimination *, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, borel_error *);
/* The same for each element: the vector of their parts of the sum, a number for a scalar input. BOREL_NO_NODE
 * without a message where elements are not separate or a part of the root belongs to none of them. */
borel_node borel_graph_sum_out_each(borel_elimination *, borel_node root, borel_node input, int64_t lowest,
                                    int64_t count, borel_error *);

/* A value of `input` from the law that is proportional to exp(root), of its shape: what root is before it is
 * summed out. By inversion, with the numbers uniforms[first], uniforms[first + 1], ... in (0, 1) of an f64
 * vector, one for each element; where elements are drawn together, the first of them. Limits and errors as
 * for borel_graph_sum_out. */
borel_node borel_graph_draw(borel_elimination *, borel_node root, borel_node input, int64_t lowest,
                            int64_t count, borel_node uniforms, int64_t first, borel_error *);
/* From now on `value`, of the input's type and shape, stands for `input` in what is substituted. */
borel_status borel_elimination_bind(borel_elimination *, borel_node input, borel_node value, borel_error *);
/* `node` with those values in it. */
borel_node borel_graph_substitute(borel_elimination *, borel_node node, borel_error *);

#endif
