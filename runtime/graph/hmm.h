/* SPDX-License-Identifier: MIT
 * Forward recursions of hidden Markov models, in the domain of probabilities. */
#ifndef BOREL_GRAPH_HMM_H
#define BOREL_GRAPH_HMM_H

#include "graph/graph.h"

/* `root` with every scan in it that is such a recursion,
 *     new[j] = log sum_i exp(carry[i] + w[i][j]) + e[j],
 * w the same in every step, rewritten; `found` counts them. Up to BOREL_HMM_STATES states. The result agrees
 * with that of the recursion to rounding; BOREL_NO_NODE when memory is short. */
borel_node borel_graph_hmm(borel_graph *, borel_node root, size_t *found, borel_error *);

enum { BOREL_HMM_STATES = 8 };

/* What a scan says when it is such a recursion: nodes of the graph that holds it. */
typedef struct {
  size_t states;
  int64_t steps;
  borel_node start[BOREL_HMM_STATES];                     /* logarithms of weights, numbers */
  borel_node weight[BOREL_HMM_STATES * BOREL_HMM_STATES]; /* [from, to], as well */
  borel_node emission;                                    /* [steps, states] */
} borel_hmm;

/* hmm_read.c: reads scan `node`. Fills `place`[carries]: which states each carry holds: the first, how many,
 * or 0 for a number. 0: it is none; -1: memory is short. */
int borel_hmm_read(borel_graph *, borel_node node, borel_hmm *, int64_t (*place)[2], borel_error *);

#endif
