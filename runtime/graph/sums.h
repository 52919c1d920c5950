/* SPDX-License-Identifier: MIT
 * Sums over everything, taken apart: of a linear combination of arrays each term is looked at by itself, and
 * what a rewrite finds a better form for leaves the sum. */
#ifndef BOREL_GRAPH_SUMS_H
#define BOREL_GRAPH_SUMS_H

#include "graph/graph.h"

/* One sum of `rows` elements that is being rewritten. BOREL_NO_NODE stands for a missing factor, which is 1,
 * and for a total or rest of nothing. */
typedef struct {
  borel_graph *graph;
  borel_error *error;
  borel_node array;   /* what is summed */
  size_t rows, taken; /* taken: terms that found another form */
  size_t moved;       /* terms that are the same number in each row, or data */
  borel_node total;   /* a number: what left the sum */
  borel_node rest;    /* an array, whose sum is still due */
  int failed;
} borel_sum;

/* Adds sign * scale * x to the total or the rest. */
void borel_sum_add(borel_sum *, borel_node *to, double sign, borel_node scale, borel_node x);
/* Takes numbers off a product: node = sign * scale * the result. */
borel_node borel_sum_strip(borel_sum *, borel_node, double *sign, borel_node *scale);
borel_node borel_sum_op(borel_sum *, borel_op, borel_node a, borel_node b);
/* x times a factor that may be missing; a missing x is 1. */
borel_node borel_sum_times(borel_sum *, borel_node x, borel_node factor);
/* Of all elements. */
borel_node borel_sum_of(borel_sum *, borel_node);

/* A term of a sum, sign * scale * node: adds all of it to total and rest, and counts it in `taken` when that
 * is worth rewriting the sum; or returns 0. */
typedef int (*borel_sum_term)(borel_sum *, double sign, borel_node scale, borel_node node, void *context);

/* The node equal to `root` in which sums are rewritten where a term was taken, or with `any` moved; `root`
 * itself where there are none. BOREL_NO_NODE and a message when memory is short. */
borel_node borel_graph_rewrite_sums(borel_graph *, borel_node root, borel_sum_term, void *context, int any,
                                    borel_error *);

#endif
