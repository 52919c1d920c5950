/* SPDX-License-Identifier: MIT
 * Sums over the elements of an input: does each element enter a term of its own? */
#ifndef BOREL_GRAPH_SEPARATE_H
#define BOREL_GRAPH_SEPARATE_H

#include "graph/graph.h"

/* Marks depends[node] for all nodes up to `root` that depend on `input`; others are 0. [root + 1] */
void borel_graph_dependents(const borel_graph *, borel_node input, borel_node root, uint8_t *depends);

/* For a scalar node that is sum_i f_i(x_i) + c, where x is the input [n] and f_i and c do not depend on it: a
 * node [n] of f_i(x_i), so that one evaluation at x = (v, ..., v) says what every element adds at v. As data
 * are compared with labels in a mixture, y_i ~ normal(mu[x_i]). BOREL_NO_NODE when the graph does not show
 * that form; after a failure (no memory) with `error` filled. `rest` (may be NULL): c, or BOREL_NO_NODE where
 * it is 0. */
borel_node borel_graph_separate(borel_graph *, borel_node root, borel_node input, borel_node *rest,
                                borel_error *);

#endif
