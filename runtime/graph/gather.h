/* SPDX-License-Identifier: MIT
 * A number that adds many others, as a log-density does: its constants become one, and sums over arrays of
 * one shape and factor become one sum over their elementwise sum. */
#ifndef BOREL_GRAPH_GATHER_H
#define BOREL_GRAPH_GATHER_H

#include "graph/graph.h"

/* The node equal to `root` but for rounding; what the nodes others[count] need is left as it is.
 * BOREL_NO_NODE and a message when memory is short. */
borel_node borel_graph_gather(borel_graph *, borel_node root, const borel_node *others, size_t count,
                              borel_error *);

#endif
