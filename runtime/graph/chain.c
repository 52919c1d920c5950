/* SPDX-License-Identifier: MIT
 * Finding recursions. `for t = 2, T do s = a + b * s end` leaves T copies of the same few nodes, each made of
 * the ones before. Nodes of such a chain, and only they, have both long paths below and long paths above
 * them; in the order in which they were made they repeat with the period of the loop. So: take the nodes with
 * more than ENDS operations below and above, and look for runs in which each node does what the node one
 * period before it did, to the same kind of arguments. The ends come after (chain_ends.c). */
#include <stdlib.h>
#include <string.h>

#include "graph/reroll.h"

enum { ENDS = 12, LONGEST_PERIOD = 128, MOST_CHAINS = 16 };

typedef struct {
  const borel_graph *graph;
  borel_node *order; /* candidates, as they were made */
  size_t count;
  uint32_t *place; /* [nodes]: 1 + place in the order, or 0 */
  uint8_t *taken;  /* [count]: is in a chain already */
} candidates;

static int is_leaf(const borel_node_info *node) {
  return node->op == BOREL_OP_SCALAR || node->op == BOREL_OP_ARRAY || node->op == BOREL_OP_INPUT;
}

/* Can it be part of a chain? */
static int is_plain(const borel_node_info *node) {
  return node->shape.rank == 0 &&
         (borel_op_get(node->op)->kind == BOREL_CLASS_ELEMENTWISE || node->op == BOREL_OP_GATHER);
}

/* Lengths of the longest paths: below[n] to a leaf, above[n] to a term (0: not below any term). */
static void measure(const borel_graph *G, const borel_node *terms, size_t count, uint32_t *below,
                    uint32_t *above) {
  size_t nodes = borel_graph_size(G);
  for (borel_node i = 0; i < nodes; i++) {
    const borel_node_info *node = borel_graph_at(G, i);
    for (uint32_t k = 0; k < node->arg_count; k++) {
      uint32_t path = below[borel_graph_args(G, i)[k]] + 1;
      if (path > below[i]) below[i] = path;
    }
  }
  for (size_t i = 0; i < count; i++) above[terms[i]] = 1;
  for (size_t n = nodes; n-- > 0;) {
    borel_node i = (borel_node)n;
    const borel_node_info *node = borel_graph_at(G, i);
    for (uint32_t k = 0; above[i] && k < node->arg_count; k++) {
      uint32_t *arg = &above[borel_graph_args(G, i)[k]];
      if (above[i] + 1 > *arg) *arg = above[i] + 1;
    }
  }
}

static int collect(candidates *c, const borel_node *terms, size_t count) {
  size_t nodes = borel_graph_size(c->graph);
  uint32_t *below = calloc(nodes + 1, sizeof *below), *above = calloc(nodes + 1, sizeof *above);
  c->order = malloc((nodes + 1) * sizeof *c->order);
  c->place = calloc(nodes + 1, sizeof *c->place);
  int done = below && above && c->order && c->place;
  if (done) {
    measure(c->graph, terms, count, below, above);
    for (borel_node i = 0; i < nodes; i++)
      if (below[i] > ENDS && above[i] > ENDS && !is_leaf(borel_graph_at(c->graph, i))) {
        c->order[c->count++] = i;
        c->place[i] = (uint32_t)c->count;
      }
  }
  free(below);
  free(above);
  return done && (c->taken = calloc(c->count + 1, 1));
}

/* Is it a step of a chain that was found? For a later chain that is something from outside. */
static int is_found(const candidates *c, borel_node i) { return c->place[i] && c->taken[c->place[i] - 1]; }

/* Does candidate i do what candidate i - period did? Then bit k of *kind says that argument k is recurrent.
 */
static int repeats(const candidates *c, size_t i, size_t period, uint8_t *kind) {
  const borel_node a = c->order[i], b = c->order[i - period];
  const borel_node_info *x = borel_graph_at(c->graph, a), *y = borel_graph_at(c->graph, b);
  *kind = 0;
  if (x->op != y->op || x->attr != y->attr || x->dtype != y->dtype || !is_plain(x) || !is_plain(y)) return 0;
  for (uint32_t k = 0; k < x->arg_count; k++) {
    borel_node now = borel_graph_args(c->graph, a)[k], before = borel_graph_args(c->graph, b)[k];
    if (now == before) continue;
    if (is_found(c, now) && is_found(c, before)) {
      if (borel_graph_at(c->graph, now)->dtype != borel_graph_at(c->graph, before)->dtype) return 0;
    } else if (c->place[now] && c->place[before]) {
      if (c->place[now] != c->place[before] + period) return 0;
      *kind |= (uint8_t)(1 << k);
    } else if (c->place[now] || c->place[before] ||
               borel_graph_at(c->graph, now)->dtype != borel_graph_at(c->graph, before)->dtype ||
               borel_graph_at(c->graph, now)->shape.rank > 0 ||
               borel_graph_at(c->graph, before)->shape.rank > 0) {
      return 0;
    }
  }
  return 1;
}

/* The longest run of repetitions with this period: candidates [start, start + length). */
static void longest_run(const candidates *c, size_t period, uint8_t *kind, size_t *start, size_t *length) {
  size_t from = period;
  *length = 0;
  for (size_t i = period; i < c->count; i++) {
    int same = !c->taken[i] && !c->taken[i - period] && repeats(c, i, period, &kind[i]);
    if (!same)
      from = i + 1;
    else if (i - from >= period && kind[i] != kind[i - period])
      from = i; /* what was recurrent is so no more: another loop */
    else if (i + 1 - from > *length)
      *start = from, *length = i + 1 - from;
  }
}

/* Distances of recurrent arguments; 0 when none reaches an earlier step: then these are repetitions, but no
 * recursion. */
static int describe(const candidates *c, borel_chain *chain, size_t base, const uint8_t *kind) {
  int reaches_back = 0;
  chain->nodes = c->order + base;
  chain->recurrent = calloc(3 * chain->period, sizeof *chain->recurrent);
  for (size_t p = 0; chain->recurrent && p < chain->period; p++)
    for (uint32_t k = 0; k < 3; k++) {
      size_t i = base + chain->period + p;
      if (!(kind[i] >> k & 1)) continue;
      uint32_t distance = (uint32_t)(i + 1) - c->place[borel_graph_args(c->graph, c->order[i])[k]];
      chain->recurrent[3 * p + k] = distance;
      reaches_back |= distance > p;
    }
  if (!reaches_back) free(chain->recurrent);
  return reaches_back;
}

/* Does a step read a node of the chain as something from outside, the same one in all steps? */
static int reads_itself(const candidates *c, const borel_chain *chain) {
  size_t first = (size_t)(chain->nodes - c->order), count = chain->steps * chain->period;
  for (size_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < borel_graph_at(c->graph, chain->nodes[i])->arg_count; k++) {
      size_t place = c->place[borel_graph_args(c->graph, chain->nodes[i])[k]];
      if (!chain->recurrent[3 * (i % chain->period) + k] && place > first && place <= first + count) return 1;
    }
  return 0;
}

/* How many values go from step to step when steps begin `turn` nodes later than in the chain. */
static size_t carries_of(const borel_chain *chain, size_t turn, uint8_t *most) {
  size_t period = chain->period, carries = 0;
  memset(most, 0, period);
  for (size_t i = 0; i < 3 * period; i++) {
    size_t p = (i / 3 + period - turn) % period, distance = chain->recurrent[i];
    if (distance <= p) continue;
    size_t back = (distance - p + period - 1) / period, from = p + back * period - distance;
    if (back > most[from]) most[from] = (uint8_t)(back < UINT8_MAX ? back : UINT8_MAX);
  }
  for (size_t p = 0; p < period; p++) carries += most[p];
  return carries;
}

/* Where a step begins is free, at the price of a part of one: there where the fewest values are carried. */
static void turn_to_fewest(borel_chain *chain, size_t length) {
  uint8_t most[LONGEST_PERIOD];
  size_t best = 0, fewest = carries_of(chain, 0, most);
  uint32_t turned[3 * LONGEST_PERIOD];
  for (size_t turn = 1; turn < chain->period && chain->steps > BOREL_CHAIN_STEPS; turn++) {
    size_t carries = carries_of(chain, turn, most);
    if (carries < fewest) best = turn, fewest = carries;
  }
  for (size_t i = 0; i < 3 * chain->period; i++)
    turned[i] = chain->recurrent[(i + 3 * best) % (3 * chain->period)];
  memcpy(chain->recurrent, turned, 3 * chain->period * sizeof *turned);
  chain->nodes += best;
  chain->steps = (length - best) / chain->period;
}

/* Adds the chain that covers most; 0 when there is none. */
static int find_next(candidates *c, uint8_t *kind, borel_chains *out) {
  size_t best_period = 0, best_start = 0, best_length = 0;
  for (size_t period = 1; period <= LONGEST_PERIOD && period * BOREL_CHAIN_STEPS <= c->count; period++) {
    size_t start = 0, length = 0;
    longest_run(c, period, kind, &start, &length);
    if (length > best_length && length >= period * (BOREL_CHAIN_STEPS - 1))
      best_period = period, best_start = start, best_length = length;
  }
  if (!best_period) return 0;
  for (size_t i = best_start; i < best_start + best_length; i++) repeats(c, i, best_period, &kind[i]);
  borel_chain chain = {.period = best_period, .steps = best_length / best_period + 1};
  size_t base = best_start - best_period;
  memset(c->taken + base, 1, chain.steps * chain.period);
  if (!describe(c, &chain, base, kind)) return 1;
  turn_to_fewest(&chain, best_length + best_period);
  if (reads_itself(c, &chain))
    free(chain.recurrent);
  else
    out->list[out->count++] = chain;
  return 1;
}

static int by_position(const void *a, const void *b) {
  const borel_chain *x = a, *y = b;
  return x->nodes < y->nodes ? -1 : x->nodes > y->nodes;
}

void borel_chains_find(const borel_graph *graph, const borel_node *terms, size_t count, borel_chains *out) {
  candidates c = {.graph = graph};
  *out = (borel_chains){.list = calloc(MOST_CHAINS, sizeof *out->list)};
  uint8_t *kind = NULL;
  if (out->list && collect(&c, terms, count) && (kind = malloc(c.count + 1)))
    for (int tries = 0; tries < MOST_CHAINS && find_next(&c, kind, out); tries++) {}
  if (out->count) qsort(out->list, out->count, sizeof *out->list, by_position);
  if (out->count == 1) borel_chain_grow(graph, terms, count, ENDS, out->list);
  out->order = c.order;
  free(kind);
  free(c.place);
  free(c.taken);
}

void borel_chains_free(borel_chains *chains) {
  for (size_t i = 0; i < chains->count; i++) {
    free(chains->list[i].recurrent);
    free(chains->list[i].owned);
  }
  free(chains->list);
  free(chains->order);
}
