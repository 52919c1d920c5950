/* SPDX-License-Identifier: MIT
 * A recursion that was written out becomes a scan again. Its carries are the places that later steps read,
 * with one carry more for each further step back; what it takes from outside is merged over the steps: a
 * sequence where it changes, a captured value where it does not. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "graph/reroll.h"

typedef struct {
  borel_merger *m;
  const borel_chain *chain;
  borel_region *region;
  size_t *first_carry;  /* [period + 1]: inputs of the body with a place one, two, ... steps back */
  borel_node *external; /* [3 * period]: merged arguments from outside, or BOREL_NO_NODE */
  uint8_t *varies;      /* [3 * period]: is that one a sequence? */
  borel_node *outer;    /* arguments of the scan, and the input of the body for each */
  borel_node *inner;
  size_t count;
  borel_node *now; /* [period]: this step, in the body */
} making;

static void end(making *k) {
  free(k->first_carry);
  free(k->external);
  free(k->varies);
  free(k->outer);
  free(k->inner);
  free(k->now);
  borel_region_free(k->region);
}

static int begin(making *k, borel_merger *m, const borel_chain *chain, size_t outputs) {
  size_t period = chain->period, carries = 0;
  *k = (making){.m = m, .chain = chain, .first_carry = calloc(period + 1, sizeof *k->first_carry)};
  if (!k->first_carry) return 0;
  for (size_t i = 0; i < 3 * period; i++) {
    size_t place, back = chain->recurrent[i] ? borel_chain_back(chain, i, &place) : 0;
    if (back && k->first_carry[place + 1] < back) k->first_carry[place + 1] = back;
  }
  for (size_t p = 0; p < period; p++) k->first_carry[p + 1] += k->first_carry[p];
  carries = k->first_carry[period];
  k->external = malloc(3 * period * sizeof *k->external);
  k->varies = calloc(3 * period, 1);
  k->outer = malloc((carries + 3 * period + 1) * sizeof *k->outer);
  k->inner = malloc((carries + 3 * period + 1) * sizeof *k->inner);
  k->now = malloc(period * sizeof *k->now);
  k->region = calloc(1, sizeof *k->region);
  if (!k->external || !k->varies || !k->outer || !k->inner || !k->now || !k->region) return 0;
  k->region->body = borel_graph_new();
  k->region->outputs = calloc(carries + outputs + 1, sizeof *k->region->outputs);
  return k->region->body && k->region->outputs;
}

/* An input of the body; the same one for the same argument of the scan, among those from `first` on. */
static borel_node input_for(making *k, borel_node outer, int element, size_t first) {
  if (outer == BOREL_NO_NODE) return BOREL_NO_NODE;
  for (size_t i = first; i < k->count; i++)
    if (k->outer[i] == outer) return k->inner[i];
  const borel_node_info *info = borel_graph_at(k->m->graph, outer);
  borel_shape shape = info->shape;
  if (element) memmove(shape.extent, shape.extent + 1, sizeof *shape.extent * (size_t)--shape.rank);
  k->outer[k->count] = outer;
  return k->inner[k->count++] = borel_graph_input(k->region->body, info->dtype, &shape);
}

/* Merges what the steps take from outside. */
static int merge_external(making *k) {
  const borel_chain *chain = k->chain;
  const borel_graph *G = k->m->graph;
  borel_node *list = malloc(chain->steps * sizeof *list);
  int done = list != NULL;
  for (size_t i = 0; done && i < 3 * chain->period; i++) {
    k->external[i] = BOREL_NO_NODE;
    if (chain->recurrent[i] || i % 3 >= borel_graph_at(G, chain->nodes[i / 3])->arg_count) continue;
    for (size_t t = 0; t < chain->steps; t++)
      list[t] = borel_graph_args(G, chain->nodes[t * chain->period + i / 3])[i % 3];
    k->external[i] = borel_merge(k->m, list, chain->steps);
    done = k->external[i] != BOREL_NO_NODE;
    for (size_t t = 1; t < chain->steps && !k->varies[i]; t++) k->varies[i] = list[t] != list[0];
    if (done && borel_graph_at(G, k->external[i])->shape.rank == 0) k->varies[i] = 0;
  }
  free(list);
  return done;
}

static int add_inputs(making *k) {
  const borel_chain *chain = k->chain;
  for (size_t p = 0; p < chain->period; p++)
    for (size_t back = 1; back <= k->first_carry[p + 1] - k->first_carry[p]; back++) {
      ptrdiff_t before = (ptrdiff_t)p - (ptrdiff_t)(back * chain->period); /* the first step */
      if (input_for(k, borel_resolve(k->m, chain->nodes[before]), 0, k->count) == BOREL_NO_NODE) return 0;
    }
  k->region->carries = k->count;
  for (int captured = 0; captured < 2; captured++) {
    for (size_t i = 0; i < 3 * chain->period; i++)
      if (k->external[i] != BOREL_NO_NODE && k->varies[i] == !captured &&
          (k->external[i] = input_for(k, k->external[i], !captured,
                                      k->region->carries + (captured ? k->region->sequences : 0))) ==
              BOREL_NO_NODE)
        return 0;
    if (captured) break;
    if (k->count == k->region->carries) { /* nothing changes from step to step: something must count them */
      borel_array steps = borel_array_new(BOREL_I64, &(borel_shape){1, {(int64_t)chain->steps}});
      borel_node counter = steps.data ? borel_graph_array(k->m->graph, &steps) : BOREL_NO_NODE;
      borel_array_release(&steps);
      if (input_for(k, counter, 1, k->count) == BOREL_NO_NODE) return 0;
    }
    k->region->sequences = k->count - k->region->carries;
  }
  k->region->captured = k->count - k->region->carries - k->region->sequences;
  return 1;
}

/* One step in the body. */
static int make_step(making *k) {
  const borel_chain *chain = k->chain;
  for (size_t p = 0; p < chain->period; p++) {
    borel_node_info like = *borel_graph_at(k->m->graph, chain->nodes[p]);
    borel_node args[3];
    for (size_t i = 3 * p; i < 3 * p + like.arg_count; i++) {
      size_t place, back = chain->recurrent[i] ? borel_chain_back(chain, i, &place) : 0;
      args[i % 3] = !chain->recurrent[i] ? k->external[i]
                    : back               ? k->inner[k->first_carry[place] + back - 1]
                                         : k->now[place];
    }
    k->now[p] = borel_graph_like(k->region->body, &like, args, k->m->error);
    if (k->now[p] == BOREL_NO_NODE) return 0;
  }
  return 1;
}

int borel_chain_carries(const borel_chain *chain, size_t place) {
  for (size_t i = 0; i < 3 * chain->period; i++) {
    size_t from;
    if (chain->recurrent[i] && borel_chain_back(chain, i, &from) > 0 && from == place) return 1;
  }
  return 0;
}

borel_status borel_chain_to_scan(borel_merger *m, size_t c, const uint8_t *used) {
  const borel_chain *chain = &m->chains.list[c];
  making k;
  borel_status status = BOREL_INTERNAL;
  if (!begin(&k, m, chain, chain->period) || !merge_external(&k) || !add_inputs(&k) || !make_step(&k))
    goto done;
  borel_region *region = k.region;
  for (size_t p = 0; p < chain->period; p++)
    for (size_t i = k.first_carry[p]; i < k.first_carry[p + 1]; i++)
      region->outputs[region->output_count++] = i == k.first_carry[p] ? k.now[p] : k.inner[i - 1];
  for (size_t p = 0; p < chain->period; p++)
    if (used[p]) region->outputs[region->output_count++] = k.now[p];
  k.region = NULL; /* the graph's now */
  borel_node scan = borel_graph_scan(m->graph, region, k.outer, k.count, m->error);
  if (scan == BOREL_NO_NODE) goto done;
  size_t next = region->carries;
  for (size_t p = 0; p < chain->period; p++) {
    int carried = k.first_carry[p + 1] > k.first_carry[p];
    m->last[c][p] = carried ? borel_graph_project(m->graph, scan, k.first_carry[p]) : BOREL_NO_NODE;
    m->stacked[c][p] = used[p] ? borel_graph_project(m->graph, scan, next++) : BOREL_NO_NODE;
  }
  status = BOREL_OK;
done:
  end(&k);
  if (status) borel_fail(m->error, status, "out of memory for a loop of the model");
  return status;
}
