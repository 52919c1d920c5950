/* SPDX-License-Identifier: MIT
 * Tall matrices of data times vectors, by their columns: so the product, what is done with each of its
 * elements and the sums for the derivative are one loop over the rows, in which the matrix is read once. */
#ifndef BOREL_GRAPH_COLUMNS_H
#define BOREL_GRAPH_COLUMNS_H

#include "graph/graph.h"

/* The node equal to `root` in which matrices of up to 16 columns are so; `root` itself where there are none.
 * BOREL_NO_NODE and a message when memory is short. */
borel_node borel_graph_columns(borel_graph *, borel_node root, borel_error *);

#endif
