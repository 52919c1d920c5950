/* SPDX-License-Identifier: MIT
 * The ends of a chain. Finding it leaves a few steps at both ends written out, as their nodes have no long
 * paths below or above them. Here whole steps are put back: backwards from what the first step reads,
 * forwards from what reads the last, as far as nodes do what those of the steps beside them do. */
#include <stdlib.h>
#include <string.h>

#include "graph/reroll.h"

typedef struct {
  const borel_graph *graph;
  const borel_chain *chain;
  borel_node *nodes;        /* room for `most` steps more on each side, and what the first step reads */
  size_t first, last, most; /* steps in use: [first, last), in units of the period */
  size_t *user_start;       /* [nodes + 1]: users of a node, of those that the terms need */
  borel_node *users;
  uint8_t *within; /* [nodes]: is in the chain */
  uint8_t *varies; /* [3 * period]: is an argument not the same node in all steps? */
} growth;

static borel_node *step(growth *g, size_t at) { return g->nodes + at * g->chain->period; }

static int list_users(growth *g, const borel_node *terms, size_t count) {
  size_t nodes = borel_graph_size(g->graph), total = 0;
  uint8_t *needed = calloc(nodes + 1, 1);
  g->user_start = calloc(nodes + 2, sizeof *g->user_start);
  int done = needed && g->user_start;
  for (size_t i = 0; done && i < count; i++) needed[terms[i]] = 1;
  for (size_t n = nodes; done && n-- > 0;)
    for (uint32_t k = 0; needed[n] && k < borel_graph_at(g->graph, (borel_node)n)->arg_count; k++) {
      borel_node arg = borel_graph_args(g->graph, (borel_node)n)[k];
      needed[arg] = 1;
      g->user_start[arg + 2]++;
      total++;
    }
  for (size_t n = 0; done && n + 1 < nodes; n++) g->user_start[n + 2] += g->user_start[n + 1];
  done = done && (g->users = malloc((total + 1) * sizeof *g->users));
  for (size_t n = 0; done && n < nodes; n++)
    for (uint32_t k = 0; needed[n] && k < borel_graph_at(g->graph, (borel_node)n)->arg_count; k++)
      g->users[g->user_start[borel_graph_args(g->graph, (borel_node)n)[k] + 1]++] = (borel_node)n;
  free(needed);
  return done;
}

static int reaches_one_step(const borel_chain *chain) {
  for (size_t i = 0; i < 3 * chain->period; i++) {
    size_t from;
    if (chain->recurrent[i] && borel_chain_back(chain, i, &from) > 1) return 0;
  }
  return 1;
}

static void find_constants(growth *g) {
  for (size_t i = g->first; i + 1 < g->last; i++)
    for (size_t k = 0; k < 3 * g->chain->period; k++) {
      const borel_node *now = borel_graph_args(g->graph, step(g, i)[k / 3]);
      const borel_node *next = borel_graph_args(g->graph, step(g, i + 1)[k / 3]);
      if (k % 3 < borel_graph_at(g->graph, step(g, i)[k / 3])->arg_count)
        g->varies[k] |= now[k % 3] != next[k % 3];
    }
}

/* May `node` be at place p of a new step, beside `like` in the step next to it? Of its arguments, those from
 * outside are looked at. */
static int fits(const growth *g, size_t p, borel_node node, borel_node like) {
  const borel_graph *G = g->graph;
  const borel_node_info *a = borel_graph_at(G, node), *b = borel_graph_at(G, like);
  if (g->within[node] || a->op != b->op || a->attr != b->attr || a->dtype != b->dtype || a->shape.rank != 0 ||
      a->arg_count != b->arg_count)
    return 0;
  for (uint32_t k = 0; k < a->arg_count; k++) {
    borel_node x = borel_graph_args(G, node)[k], y = borel_graph_args(G, like)[k];
    const borel_node_info *u = borel_graph_at(G, x), *v = borel_graph_at(G, y);
    if (u->dtype != v->dtype || u->shape.rank != v->shape.rank) return 0;
    if (g->chain->recurrent[3 * p + k] || x == y) continue;
    if (!g->varies[3 * p + k] || u->op != v->op || u->shape.rank != 0) return 0;
  }
  return 1;
}

/* Notes that `node` is wanted at a place; 0 when another one is already. */
static int want(borel_node *place, borel_node node) {
  if (*place == BOREL_NO_NODE) *place = node;
  return *place == node;
}

/* What `from`, a step, reads of the one before; 0 when one place would have to be two nodes. */
static int read_before(growth *g, const borel_node *from, borel_node *before) {
  memset(before, 0xff, g->chain->period * sizeof *before); /* BOREL_NO_NODE */
  for (size_t i = 0; i < 3 * g->chain->period; i++) {
    size_t place;
    if (!g->chain->recurrent[i] || borel_chain_back(g->chain, i, &place) != 1) continue;
    if (!want(&before[place], borel_graph_args(g->graph, from[i / 3])[i % 3])) return 0;
  }
  return 1;
}

static int step_before(growth *g) {
  borel_node *made = step(g, g->first - 1), *next = step(g, g->first);
  if (!read_before(g, next, made)) return 0;
  for (size_t p = g->chain->period; p-- > 0;) {
    if (made[p] == BOREL_NO_NODE || !fits(g, p, made[p], next[p])) return 0;
    for (uint32_t k = 0; k < borel_graph_at(g->graph, made[p])->arg_count; k++) {
      size_t place;
      if (g->chain->recurrent[3 * p + k] && borel_chain_back(g->chain, 3 * p + k, &place) == 0 &&
          !want(&made[place], borel_graph_args(g->graph, made[p])[k]))
        return 0;
    }
  }
  return read_before(g, made, step(g, g->first - 2));
}

/* The node of the new step at place p, found among the users of one of its arguments. */
static borel_node find_after(const growth *g, const borel_node *made, const borel_node *last, size_t p) {
  borel_node wanted[3] = {BOREL_NO_NODE, BOREL_NO_NODE, BOREL_NO_NODE}, known = BOREL_NO_NODE;
  for (uint32_t k = 0; k < 3; k++) {
    size_t place;
    if (!g->chain->recurrent[3 * p + k]) continue;
    size_t back = borel_chain_back(g->chain, 3 * p + k, &place);
    known = wanted[k] = back ? last[place] : made[place];
  }
  if (known == BOREL_NO_NODE) return BOREL_NO_NODE;
  for (size_t i = g->user_start[known]; i < g->user_start[known + 1]; i++) {
    borel_node node = g->users[i];
    int same = fits(g, p, node, last[p]);
    for (uint32_t k = 0; same && k < 3; k++)
      same = wanted[k] == BOREL_NO_NODE || borel_graph_args(g->graph, node)[k] == wanted[k];
    if (same) return node;
  }
  return BOREL_NO_NODE;
}

static int step_after(growth *g) {
  borel_node *made = step(g, g->last), *last = step(g, g->last - 1);
  for (size_t p = 0; p < g->chain->period; p++)
    if ((made[p] = find_after(g, made, last, p)) == BOREL_NO_NODE) return 0;
  return 1;
}

/* The nodes of a step are in the chain; 0, and they are not, when two places are one node. */
static int take(growth *g, size_t at) {
  for (size_t p = 0; p < g->chain->period; p++) {
    if (g->within[step(g, at)[p]]) {
      while (p-- > 0) g->within[step(g, at)[p]] = 0;
      return 0;
    }
    g->within[step(g, at)[p]] = 1;
  }
  return 1;
}

/* Is everything from outside made without the chain? */
static int stands_alone(const growth *g) {
  size_t nodes = borel_graph_size(g->graph), period = g->chain->period;
  uint8_t *depends = malloc(nodes + 1);
  if (!depends) return 0;
  memcpy(depends, g->within, nodes);
  for (borel_node n = 0; n < nodes; n++)
    for (uint32_t k = 0; k < borel_graph_at(g->graph, n)->arg_count; k++)
      depends[n] |= depends[borel_graph_args(g->graph, n)[k]];
  int alone = 1;
  for (size_t i = g->first * period; alone && i < g->last * period; i++)
    for (uint32_t k = 0; alone && k < borel_graph_at(g->graph, g->nodes[i])->arg_count; k++)
      alone =
          g->chain->recurrent[3 * (i % period) + k] || !depends[borel_graph_args(g->graph, g->nodes[i])[k]];
  for (size_t p = 0; alone && p < period; p++) {
    borel_node start = g->nodes[(g->first - 1) * period + p];
    alone = start == BOREL_NO_NODE || !depends[start];
  }
  free(depends);
  return alone;
}

void borel_chain_grow(const borel_graph *graph, const borel_node *terms, size_t count, size_t most,
                      borel_chain *chain) {
  growth g = {.graph = graph, .chain = chain, .first = most + 2, .most = most};
  size_t period = chain->period, size = borel_graph_size(graph);
  if (chain->steps < 2 || !reaches_one_step(chain)) return;
  g.last = g.first + chain->steps;
  g.nodes = malloc((g.last + most + 1) * period * sizeof *g.nodes);
  g.within = calloc(size + 1, 1);
  g.varies = calloc(3 * period, 1);
  if (!g.nodes || !g.within || !g.varies || !list_users(&g, terms, count)) goto done;
  memcpy(step(&g, g.first), chain->nodes, chain->steps * period * sizeof *g.nodes);
  for (size_t i = g.first; i < g.last; i++)
    if (!take(&g, i)) goto done;
  find_constants(&g);
  if (!read_before(&g, step(&g, g.first), step(&g, g.first - 1))) goto done;
  for (size_t i = 0; i < most && step_before(&g) && take(&g, g.first - 1); i++) g.first--;
  if (!read_before(&g, step(&g, g.first), step(&g, g.first - 1)))
    goto done; /* after a step that did not fit */
  for (size_t i = 0; i < most && step_after(&g) && take(&g, g.last); i++) g.last++;
  if (!stands_alone(&g)) goto done;
  chain->owned = g.nodes;
  chain->nodes = step(&g, g.first);
  chain->steps = g.last - g.first;
  g.nodes = NULL;
done:
  free(g.nodes);
  free(g.within);
  free(g.varies);
  free(g.users);
  free(g.user_start);
}
