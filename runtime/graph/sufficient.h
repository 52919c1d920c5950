/* SPDX-License-Identifier: MIT
 * Sums of squares that are linear in the unknowns, with data as coefficients: of N rows of data only a small
 * triangle is needed, since |X p|^2 = |R p|^2 where X = Q R. Gaussian regressions, autoregressions and models
 * with a level for each group become models of a few rows. */
#ifndef BOREL_GRAPH_SUFFICIENT_H
#define BOREL_GRAPH_SUFFICIENT_H

#include "graph/graph.h"

/* What was rewritten: `sums` sums of squares of `rows` rows in all, which have `left` rows now. */
typedef struct {
  size_t sums, rows, left;
} borel_sufficient;

/* The node equal to `root` (up to rounding: as far as evaluating row by row is from the exact value) in which
 * such sums are evaluated by their triangle; `root` itself where there is none. Adds to `found`.
 * BOREL_NO_NODE and a message when memory is short. */
borel_node borel_graph_sufficient(borel_graph *, borel_node root, borel_sufficient *found, borel_error *);

#endif
