/* SPDX-License-Identifier: MIT
 * Sums of logarithms as logarithms of products, for which most of the work of a logarithm is done once. */
#ifndef BOREL_GRAPH_LOG_PRODUCTS_H
#define BOREL_GRAPH_LOG_PRODUCTS_H

#include "graph/graph.h"

/* The node equal to `root`, up to rounding, in which sums of log, log1p_exp, log_add_exp and (where it is as
 * accurate) log1p use SUM_LOG; `root` itself where there are none. A logarithm that one of others[count]
 * needs too stays, as it is computed anyway. Terms that are the same number in each row, or data, leave their
 * sums. Adds to `found` the sums that were rewritten. BOREL_NO_NODE and a message when memory is short. */
borel_node borel_graph_log_products(borel_graph *, borel_node root, const borel_node *others, size_t count,
                                    size_t *found, borel_error *);

#endif
