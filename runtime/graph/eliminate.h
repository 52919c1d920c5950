/* SPDX-License-Identifier: MIT
 * Sums over discrete inputs: elimination of variables, one at a time.
 *   Koller and Friedman (2009), "Probabilistic Graphical Models", section 9.3. */
#ifndef BOREL_GRAPH_ELIMINATE_H
#define BOREL_GRAPH_ELIMINATE_H

#include "graph/graph.h"

enum {
  BOREL_MOST_JOINT = 4096,     /* values of all elements together, where these are not separate */
  BOREL_MOST_BRANCHES = 500000 /* values times operations that depend on the input */
};

/* log sum exp(root) over all values lowest .. lowest + count - 1 of every element of `input` (i64, any
 * shape), where `root` is a scalar that depends on it: a scalar that does not. Elements that enter terms of
 * their own (graph/separate.h) are summed one by one, others together. BOREL_NO_NODE with a message, which
 * begins "cannot be summed out", above the limits. */
borel_node borel_graph_sum_out(borel_graph *, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, borel_error *);
/* The same for each element: the vector of their parts of the sum, a number for a scalar input. BOREL_NO_NODE
 * without a message where elements are not separate or a part of the root belongs to none of them. */
borel_node borel_graph_sum_out_each(borel_graph *, borel_node root, borel_node input, int64_t lowest,
                                    int64_t count, borel_error *);

#endif
