/* SPDX-License-Identifier: MIT
 * The forward recursion of a hidden Markov model in the domain of probabilities (Rabiner 1989, section V.A):
 * p[j] = sum_i p[i] W[i][j] E[j], scaled in every step by the power of two that brings the sum into [1, 2),
 * which is exact and needs no division; the logarithms of the scales add up to what was divided out. The
 * exponentials of weights and emissions stand outside. Derivatives hold the scales constant, which is exact
 * since the result does not depend on them: so the adjoint of the loop is the backward recursion, sums of
 * positive terms.
 *
 * Probabilities must not underflow where they may matter later. No element of p is below exp(-2 NARROW) / K^2
 * where all weights lie within NARROW of the largest, and all emissions of a step within NARROW of that
 * step's largest. Where that does not hold (impossible transitions, for one) the result is that of the
 * recursion as it was written; the loop over probabilities runs all the same, through finite numbers, and is
 * not used. */
#include "graph/hmm.h"

#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

static const double NARROW = 300;

typedef struct {
  borel_graph *G;
  borel_error *error;
} maker;

static borel_node one(const maker *m, borel_op op, borel_node a, int64_t attr) {
  return borel_graph_op(m->G, op, &a, 1, attr, NULL, m->error);
}
static borel_node two(const maker *m, borel_op op, borel_node a, borel_node b) {
  return borel_graph_op(m->G, op, (borel_node[]){a, b}, 2, 0, NULL, m->error);
}
static borel_node number(const maker *m, double x) { return borel_graph_scalar(m->G, x); }
static borel_node element(const maker *m, borel_node array, size_t i) {
  return two(m, BOREL_OP_GATHER, array, borel_graph_integer(m->G, (int64_t)i));
}
static borel_node constant(const maker *m, borel_node x) { return one(m, BOREL_OP_STOP, x, 0); }
static borel_node total(const maker *m, borel_node x) { return one(m, BOREL_OP_SUM, x, -1); }

/* How many elements of x are not above -NARROW; NaN is one that is not. */
static borel_node count_far(const maker *m, borel_node x) {
  borel_node near = two(m, BOREL_OP_GT, x, number(m, -NARROW));
  return total(m, borel_graph_op(m->G, BOREL_OP_WHERE, (borel_node[]){near, number(m, 0), number(m, 1)}, 3, 0,
                                 NULL, m->error));
}

/* The largest emission of each step: [steps, 1]. */
static borel_node row_maxima(const maker *m, const borel_hmm *h) {
  borel_node high = BOREL_NO_NODE, e = constant(m, h->emission);
  for (size_t j = 0; j < h->states; j++) {
    borel_array index = borel_array_new(BOREL_I64, &(borel_shape){2, {h->steps, 1}});
    if (!index.data) return BOREL_NO_NODE;
    for (int64_t t = 0; t < h->steps; t++) ((int64_t *)index.data)[t] = t * (int64_t)h->states + (int64_t)j;
    borel_node column = two(m, BOREL_OP_GATHER, e, borel_graph_array(m->G, &index));
    borel_array_release(&index);
    high = j == 0 ? column : two(m, BOREL_OP_MAX, column, high);
  }
  return high;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Carries p, elements of the sequence E, captured values W; outputs: new p, what it was multiplied by. */
static borel_region *loop_body(size_t n, int reverse, borel_error *error) {
  borel_region *region = calloc(1, sizeof *region);
  if (!region || !(region->body = borel_graph_new()) ||
      !(region->outputs = malloc((n + 1) * sizeof *region->outputs))) {
    borel_region_free(region);
    return NULL;
  }
  maker m = {region->body, error};
  borel_node p[BOREL_HMM_STATES], W[BOREL_HMM_STATES * BOREL_HMM_STATES], x[BOREL_HMM_STATES],
      s = BOREL_NO_NODE;
  for (size_t i = 0; i < n; i++) p[i] = borel_graph_input(m.G, BOREL_F64, &(borel_shape){0});
  borel_node E = borel_graph_input(m.G, BOREL_F64, &(borel_shape){1, {(int64_t)n}});
  for (size_t i = 0; i < n * n; i++) W[i] = borel_graph_input(m.G, BOREL_F64, &(borel_shape){0});
  for (size_t j = 0; j < n; j++) {
    for (size_t i = 0; i < n; i++) {
      borel_node term = two(&m, BOREL_OP_MUL, p[i], W[i * n + j]);
      x[j] = i == 0 ? term : two(&m, BOREL_OP_ADD, x[j], term);
    }
    x[j] = two(&m, BOREL_OP_MUL, x[j], element(&m, E, j));
    s = j == 0 ? x[j] : two(&m, BOREL_OP_ADD, s, x[j]);
  }
  borel_node scale = one(&m, BOREL_OP_UNSCALE, s, 0);
  for (size_t j = 0; j < n; j++) region->outputs[j] = two(&m, BOREL_OP_MUL, x[j], scale);
  region->outputs[n] = scale;
  region->output_count = n + 1;
  region->carries = n;
  region->sequences = 1;
  region->captured = n * n;
  region->reverse = reverse;
  region->finite = 1;
  return region;
}

/* p[states] of the last step, from p at the start, W and E; *base gets the logarithm of its scale added. */
static borel_node scaled(const maker *m, size_t n, int reverse, borel_node p, borel_node W, borel_node E,
                         borel_node *base) {
  borel_node args[BOREL_HMM_STATES * (BOREL_HMM_STATES + 1) + 1], last[BOREL_HMM_STATES];
  borel_region *region = loop_body(n, reverse, m->error);
  if (!region) return BOREL_NO_NODE;
  for (size_t i = 0; i < n; i++) args[i] = element(m, p, i);
  args[n] = E;
  for (size_t i = 0; i < n * n; i++) args[n + 1 + i] = element(m, W, i);
  borel_node scan = borel_graph_scan(m->G, region, args, n + 1 + n * n, m->error);
  *base = two(m, BOREL_OP_SUB, *base,
              one(m, BOREL_OP_SUM_LOG, constant(m, borel_graph_project(m->G, scan, n)), 0));
  for (size_t j = 0; j < n; j++) last[j] = borel_graph_project(m->G, scan, j);
  return borel_graph_op(m->G, BOREL_OP_STACK, last, n, 0, NULL, m->error);
}

/* The scan as it was. */
static borel_node plain(const maker *m, const borel_node_info *scan, const borel_node *args) {
  borel_region *region = (borel_region *)scan->region; /* shared */
  borel_node made = borel_graph_scan(m->G, region, args, scan->arg_count, m->error);
  borel_node carries[BOREL_HMM_STATES];
  for (size_t k = 0; k < region->carries; k++) carries[k] = borel_graph_project(m->G, made, k);
  return borel_graph_op(m->G, BOREL_OP_STACK, carries, region->carries, 0, NULL, m->error);
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* One of the two; `given`: p of the last step, base, then the arguments of the scan. */
static borel_node choose(const maker *m, const borel_node_info *scan, borel_node test, borel_node *given,
                         size_t count) {
  borel_region *region = calloc(1, sizeof *region), *parts[2] = {region, NULL};
  borel_node *in = malloc((count + 1) * sizeof *in), *args = malloc((count + 1) * sizeof *args);
  borel_node made = BOREL_NO_NODE;
  if (!region || !in || !args || !(parts[1] = region->otherwise = calloc(1, sizeof *region))) goto done;
  for (int b = 0; b < 2; b++) {
    if (!(parts[b]->body = borel_graph_new()) || !(parts[b]->outputs = malloc(sizeof *parts[b]->outputs)))
      goto done;
    maker inside = {parts[b]->body, m->error};
    for (size_t k = 0; k < count; k++) {
      const borel_node_info *info = borel_graph_at(m->G, given[k]);
      in[k] = borel_graph_input(inside.G, info->dtype, &info->shape);
    }
    parts[b]->outputs[0] = b == 0 ? two(&inside, BOREL_OP_ADD, one(&inside, BOREL_OP_LOG, in[0], 0), in[1])
                                  : plain(&inside, scan, in + 2);
    parts[b]->output_count = 1;
    parts[b]->captured = count;
    if (parts[b]->outputs[0] == BOREL_NO_NODE) goto done;
  }
  args[0] = test;
  memcpy(args + 1, given, count * sizeof *given);
  made = borel_graph_cond(m->G, region, args, count + 1, m->error);
  region = NULL; /* the graph's now */
done:
  free(in);
  free(args);
  borel_region_free(region);
  return borel_graph_project(m->G, made, 0);
}

/* x where it is finite, else 0: to subtract from numbers not above it, which gives no NaN. */
static borel_node finite_or_zero(const maker *m, borel_node x) {
  borel_node args[] = {one(m, BOREL_OP_IS_FINITE, x, 0), x, number(m, 0)};
  return borel_graph_op(m->G, BOREL_OP_WHERE, args, 3, 0, NULL, m->error);
}

/* The logarithms of the last step. */
static borel_node rewrite(const maker *m, borel_node node, const borel_hmm *h) {
  borel_node_info scan = *borel_graph_at(m->G, node);
  size_t n = h->states, count = 2 + scan.arg_count;
  borel_node *given = malloc(count * sizeof *given);
  if (!given) return BOREL_NO_NODE;
  borel_node start = borel_graph_op(m->G, BOREL_OP_STACK, h->start, n, 0, NULL, m->error),
             weight = borel_graph_op(m->G, BOREL_OP_STACK, h->weight, n * n, 0, NULL, m->error);
  borel_node highest = one(m, BOREL_OP_MAXIMUM, constant(m, start), -1),
             heaviest = finite_or_zero(m, one(m, BOREL_OP_MAXIMUM, constant(m, weight), -1)),
             loudest = finite_or_zero(m, row_maxima(m, h)), top = finite_or_zero(m, highest);
  borel_node weights = two(m, BOREL_OP_SUB, weight, heaviest),
             emissions = two(m, BOREL_OP_SUB, h->emission, loudest);
  borel_node far = two(m, BOREL_OP_ADD, count_far(m, weights), count_far(m, emissions));
  borel_node test =
      two(m, BOREL_OP_AND, two(m, BOREL_OP_EQ, far, number(m, 0)), one(m, BOREL_OP_IS_FINITE, highest, 0));
  given[1] = two(m, BOREL_OP_ADD, two(m, BOREL_OP_ADD, top, total(m, loudest)),
                 two(m, BOREL_OP_MUL, heaviest, number(m, (double)h->steps)));
  given[0] = scaled(m, n, scan.region->reverse, one(m, BOREL_OP_EXP, two(m, BOREL_OP_SUB, start, top), 0),
                    one(m, BOREL_OP_EXP, weights, 0), one(m, BOREL_OP_EXP, emissions, 0), &given[1]);
  memcpy(given + 2, borel_graph_args(m->G, node), scan.arg_count * sizeof *given);
  borel_node made = BOREL_NO_NODE;
  size_t k = 0;
  while (k < count && given[k] != BOREL_NO_NODE) k++;
  if (k == count && test != BOREL_NO_NODE) made = choose(m, &scan, test, given, count);
  free(given);
  return made;
}

/* ---- everywhere ------------------------------------------------------------------------------ */

/* A scan of which nobody reads more than the carries at the end. */
static int is_candidate(const borel_graph *G, borel_node i, const uint8_t *needed, borel_node root) {
  const borel_node_info *node = borel_graph_at(G, i);
  if (node->op != BOREL_OP_SCAN || node->region->carries == 0 || node->region->carries > BOREL_HMM_STATES)
    return 0;
  for (borel_node k = i + 1; k <= root; k++)
    if (needed[k] && borel_graph_at(G, k)->op == BOREL_OP_PROJECT && borel_graph_args(G, k)[0] == i &&
        borel_graph_at(G, k)->attr >= (int64_t)node->region->carries)
      return 0;
  return 1;
}

/* Some of the states, in the shape of the carry that held them. */
static borel_node states_of(const maker *m, borel_node last, const int64_t place[2], borel_shape shape) {
  if (place[1] == 0) return element(m, last, (size_t)place[0]);
  borel_array index = borel_array_new(BOREL_I64, &shape);
  if (!index.data) return BOREL_NO_NODE;
  for (int64_t k = 0; k < place[1]; k++) ((int64_t *)index.data)[k] = place[0] + k;
  borel_node made = two(m, BOREL_OP_GATHER, last, borel_graph_array(m->G, &index));
  borel_array_release(&index);
  return made;
}

typedef struct {
  borel_node last; /* BOREL_NO_NODE: not rewritten */
  int64_t place[BOREL_HMM_STATES][2];
} rewritten;

borel_node borel_graph_hmm(borel_graph *graph, borel_node root, size_t *found, borel_error *error) {
  maker m = {graph, error};
  size_t nodes = (size_t)root + 1, most_args;
  borel_node *map = malloc(nodes * sizeof *map), *args = NULL, result = BOREL_NO_NODE;
  uint8_t *needed = borel_graph_needed(graph, root, &most_args);
  rewritten **scans = calloc(nodes, sizeof *scans);
  if (!map || !needed || !scans) goto done;
  if (!(args = malloc(most_args * sizeof *args))) goto done;
  for (borel_node i = 0; i < nodes; i++) {
    map[i] = i;
    if (!needed[i]) continue;
    borel_node_info info = *borel_graph_at(graph, i);
    if (info.op == BOREL_OP_PROJECT && scans[borel_graph_args(graph, i)[0]]) {
      const rewritten *scan = scans[borel_graph_args(graph, i)[0]];
      map[i] = states_of(&m, scan->last, scan->place[info.attr], info.shape);
    } else {
      map[i] = borel_graph_mapped(graph, i, map, args, error);
    }
    if (map[i] == BOREL_NO_NODE) goto done;
    if (!is_candidate(graph, i, needed, root)) continue;
    borel_hmm h;
    if (!(scans[i] = malloc(sizeof **scans))) goto done;
    int is_one = borel_hmm_read(graph, map[i], &h, scans[i]->place, error);
    if (is_one > 0) {
      if ((scans[i]->last = rewrite(&m, map[i], &h)) == BOREL_NO_NODE) goto done;
      (*found)++;
      continue;
    }
    free(scans[i]);
    scans[i] = NULL;
    if (is_one < 0) goto done;
  }
  result = map[root];
done:
  for (size_t i = 0; scans && i < nodes; i++) free(scans[i]);
  free(scans);
  free(map);
  free(args);
  free(needed);
  if (result == BOREL_NO_NODE)
    borel_fail(error, BOREL_INTERNAL, "out of memory for the rewriting of the model");
  return result;
}
