/* SPDX-License-Identifier: MIT
 * Private to re-rolling: recursions that a loop of the language left in the graph, and merging. */
#ifndef BOREL_GRAPH_REROLL_H
#define BOREL_GRAPH_REROLL_H

#include "graph/internal.h"

enum { BOREL_CHAIN_STEPS = 8 }; /* fewer steps than this stay as they are */

/* `steps` repetitions of `period` scalar nodes: node(step, place) = nodes[step * period + place]. Argument k
 * of node(step, place) is, for every step alike,
 *   recurrent[3 * place + k] = d > 0: the node d places before it (of the same or of an earlier step), or
 *   recurrent[3 * place + k] = 0:     something from outside the chain.
 * `nodes` may be indexed down to the places before the first step that recurrent arguments reach. */
typedef struct {
  const borel_node *nodes; /* in `order` of the borel_chains, or in `owned` */
  size_t period, steps;
  uint32_t *recurrent;
  borel_node *owned; /* or NULL */
} borel_chain;

/* Where the recurrent argument i = 3 * place + k comes from: how many steps back, and which place there. */
static inline size_t borel_chain_back(const borel_chain *chain, size_t i, size_t *place) {
  size_t p = i / 3, distance = chain->recurrent[i];
  size_t back = distance <= p ? 0 : (distance - p + chain->period - 1) / chain->period;
  *place = p + back * chain->period - distance;
  return back;
}

typedef struct {
  borel_chain *list; /* in order: what one needs of another comes from an earlier one */
  size_t count;
  borel_node *order;
} borel_chains;

/* Finds the recursions below `terms`. Memory that is short is a graph without chains. */
void borel_chains_find(const borel_graph *, const borel_node *terms, size_t count, borel_chains *);
void borel_chains_free(borel_chains *);
/* Adds steps at both ends of a chain whose arguments come from one step back, at most `most` at each. It must
 * be the only chain: nothing that it takes from outside may depend on it. */
void borel_chain_grow(const borel_graph *, const borel_node *terms, size_t count, size_t most, borel_chain *);

/* A list that was merged already: a node used twice in a term is merged once. */
typedef struct {
  borel_node *list, result;
  size_t count;
} borel_merged;

/* The state of one re-rolling. `original` is the number of nodes there were; everything made since is final.
 */
typedef struct {
  borel_graph *graph;
  size_t original;
  uint64_t *form;       /* [original]: nodes of equal form may be merged */
  uint8_t *moved;       /* [original]: is in a chain, or made of what is: no longer to be used as it is */
  borel_node *resolved; /* [original]: what stands for a moved node now, or BOREL_NO_NODE */
  borel_chains chains;
  int32_t *chain; /* [original]: which one it is in, or -1 */
  uint32_t *at;   /* [original]: step * period + place */
  borel_node *
      *stacked; /* [chains][period]: results of the scan, all steps; BOREL_NO_NODE: not used outside */
  borel_node *
      *last; /* [chains][period]: those of the last step that later ones would read, or BOREL_NO_NODE */
  borel_merged *done;
  size_t done_count, done_room;
  borel_error *error;
} borel_merger;

/* One value for a list of scalar nodes: a vector of them, or the value itself when all are the same node. */
borel_node borel_merge(borel_merger *, const borel_node *list, size_t count);
/* What stands for a node of before: itself, unless it depends on a chain. */
borel_node borel_resolve(borel_merger *, borel_node);
/* Would step k + 1, or a later one, read the node at this place of step k? */
int borel_chain_carries(const borel_chain *, size_t place);
/* Makes the scan of chain c. `used` [period]: of which places somebody outside reads more than the last step
 * of what is carried. */
borel_status borel_chain_to_scan(borel_merger *, size_t c, const uint8_t *used);

#endif
