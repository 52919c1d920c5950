/* SPDX-License-Identifier: MIT
 * Recognition. The body of a scan is written out in numbers (scalarise.h), whatever arrays, axes and gathered
 * rows it was written with; then each new carry j must be log sum_i exp(carry[i] + offset[i][j]). An offset
 * is a sum of parts; those that no step changes make up the weights, the others must be those of i and those
 * of j: what is observed before a move, or after it. */
#include <stdlib.h>
#include <string.h>

#include "graph/hmm.h"
#include "graph/scalarise.h"

enum { MOST_PARTS = 8, DEEPEST = 64, WIDEST = BOREL_HMM_STATES * BOREL_HMM_STATES };

typedef struct {
  int negative;
  borel_node node; /* of the body */
} part;

/* The offset of one state. */
typedef struct {
  int present, parts;
  borel_node fixed; /* in the graph around; BOREL_NO_NODE: nothing */
  part varies[MOST_PARTS];
} offset;

typedef struct {
  borel_graph *G;
  borel_node scan;
  const borel_region *region;
  const borel_graph *B;
  uint8_t *on_carry, *on_step; /* [nodes of B]: what it depends on */
  borel_error *error;
} reader;

typedef struct {
  offset of[BOREL_HMM_STATES];
} form;

static borel_op op_of(const reader *r, borel_node i) { return borel_graph_at(r->B, i)->op; }
static borel_node arg_of(const reader *r, borel_node i, int k) { return borel_graph_args(r->B, i)[k]; }

static int find_dependence(reader *r) {
  size_t nodes = borel_graph_size(r->B);
  r->on_carry = calloc(nodes + 1, 1);
  r->on_step = calloc(nodes + 1, 1);
  if (!r->on_carry || !r->on_step) return 0;
  for (borel_node i = 0; i < nodes; i++) {
    const borel_node_info *node = borel_graph_at(r->B, i);
    if (node->op == BOREL_OP_INPUT) {
      r->on_carry[i] = (size_t)node->attr < r->region->carries;
      r->on_step[i] = (size_t)node->attr < r->region->carries + r->region->sequences;
    }
    for (uint32_t k = 0; k < node->arg_count; k++) {
      r->on_carry[i] |= r->on_carry[arg_of(r, i, (int)k)];
      r->on_step[i] |= r->on_step[arg_of(r, i, (int)k)];
    }
  }
  return 1;
}

/* Adds node `x` of the body to all offsets. */
static int add_part(const reader *r, form *f, borel_node x, int negative) {
  const borel_node_info *node = borel_graph_at(r->B, x);
  borel_node outer = BOREL_NO_NODE;
  if (!r->on_step[x]) {
    if (node->op == BOREL_OP_SCALAR)
      outer = borel_graph_scalar(r->G, node->value);
    else if (node->op == BOREL_OP_INPUT)
      outer = borel_graph_args(r->G, r->scan)[node->attr];
    if (outer == BOREL_NO_NODE) return 0;
    if (negative) outer = borel_graph_op(r->G, BOREL_OP_NEG, &outer, 1, 0, NULL, r->error);
  }
  for (size_t i = 0; i < BOREL_HMM_STATES; i++) {
    offset *o = &f->of[i];
    if (!o->present) continue;
    if (outer == BOREL_NO_NODE) {
      if (o->parts == MOST_PARTS) return 0;
      o->varies[o->parts++] = (part){negative, x};
    } else {
      o->fixed =
          o->fixed == BOREL_NO_NODE
              ? outer
              : borel_graph_op(r->G, BOREL_OP_ADD, (borel_node[]){o->fixed, outer}, 2, 0, NULL, r->error);
    }
  }
  return 1;
}

static int merge(form *f, const form *other) {
  for (size_t i = 0; i < BOREL_HMM_STATES; i++) {
    if (!other->of[i].present) continue;
    if (f->of[i].present) return 0; /* a state twice */
    f->of[i] = other->of[i];
  }
  return 1;
}

static int read_form(const reader *r, borel_node x, form *f, int depth);

static int read_joined(const reader *r, borel_node a, borel_node b, form *f, int depth) {
  form other;
  return read_form(r, a, f, depth) && read_form(r, b, &other, depth) && merge(f, &other);
}

/* The terms of a sum of exp(term - high). */
static int read_exponentials(const reader *r, borel_node sum, borel_node high, form *f, int depth) {
  form other;
  if (depth == 0) return 0;
  if (op_of(r, sum) == BOREL_OP_ADD)
    return read_exponentials(r, arg_of(r, sum, 0), high, f, depth - 1) &&
           read_exponentials(r, arg_of(r, sum, 1), high, &other, depth - 1) && merge(f, &other);
  if (op_of(r, sum) != BOREL_OP_EXP) return 0;
  borel_node gap = arg_of(r, sum, 0);
  return op_of(r, gap) == BOREL_OP_SUB && arg_of(r, gap, 1) == high &&
         read_form(r, arg_of(r, gap, 0), f, depth - 1);
}

/* where(is_finite(high), high + log(sum of exp(term - high)), high), as log_sum_exp is written out: any
 * finite `high` gives the same, and the maximum of the terms is one. */
static int read_choice(const reader *r, borel_node x, form *f, int depth) {
  borel_node test = arg_of(r, x, 0), y = arg_of(r, x, 1), high = arg_of(r, x, 2);
  if (op_of(r, test) != BOREL_OP_IS_FINITE || arg_of(r, test, 0) != high || op_of(r, y) != BOREL_OP_ADD ||
      op_of(r, high) != BOREL_OP_MAX)
    return 0;
  for (int k = 0; k < 2; k++)
    if (arg_of(r, y, k) == high && op_of(r, arg_of(r, y, 1 - k)) == BOREL_OP_LOG)
      return read_exponentials(r, arg_of(r, arg_of(r, y, 1 - k), 0), high, f, depth);
  return 0;
}

static int read_form(const reader *r, borel_node x, form *f, int depth) {
  const borel_node_info *node = borel_graph_at(r->B, x);
  memset(f, 0, sizeof *f);
  if (depth == 0 || !r->on_carry[x]) return 0;
  switch (node->op) {
  case BOREL_OP_INPUT: f->of[node->attr] = (offset){.present = 1, .fixed = BOREL_NO_NODE}; return 1;
  case BOREL_OP_LOG_ADD_EXP: return read_joined(r, arg_of(r, x, 0), arg_of(r, x, 1), f, depth - 1);
  case BOREL_OP_WHERE: return read_choice(r, x, f, depth - 1);
  case BOREL_OP_ADD:
  case BOREL_OP_SUB:
    for (int k = 0; k < (node->op == BOREL_OP_ADD ? 2 : 1); k++) {
      borel_node rest = arg_of(r, x, 1 - k);
      if (!r->on_carry[rest])
        return read_form(r, arg_of(r, x, k), f, depth - 1) && add_part(r, f, rest, node->op == BOREL_OP_SUB);
    }
    return 0;
  default: return 0;
  }
}

/* ---- emissions ------------------------------------------------------------------------------- */

/* Element j of one sequence for every state j: then that sequence is it. */
static borel_node whole_sequence(const reader *r, const offset *offsets, size_t states) {
  borel_node input = BOREL_NO_NODE;
  for (size_t j = 0; j < states; j++) {
    const offset *o = &offsets[j];
    if (o->parts != 1 || o->varies[0].negative || op_of(r, o->varies[0].node) != BOREL_OP_GATHER)
      return BOREL_NO_NODE;
    borel_node from = arg_of(r, o->varies[0].node, 0), index = arg_of(r, o->varies[0].node, 1);
    if (op_of(r, from) != BOREL_OP_INPUT || op_of(r, index) != BOREL_OP_SCALAR ||
        borel_graph_at(r->B, index)->attr != (int64_t)j || (j > 0 && from != input))
      return BOREL_NO_NODE;
    input = from;
  }
  if (borel_shape_size(&borel_graph_at(r->B, input)->shape) != (int64_t)states) return BOREL_NO_NODE;
  borel_node array = borel_graph_args(r->G, r->scan)[borel_graph_at(r->B, input)->attr];
  borel_shape shape = {2, {borel_graph_at(r->G, r->scan)->attr, (int64_t)states}};
  return borel_graph_op(r->G, BOREL_OP_RESHAPE, &array, 1, 0, &shape, r->error);
}

/* Else a scan without carries computes them. */
static borel_node mapped(const reader *r, const offset *offsets, size_t states) {
  size_t inputs = borel_graph_inputs(r->B), carries = r->region->carries, nodes = borel_graph_size(r->B);
  borel_region *map = calloc(1, sizeof *map);
  borel_node *in = malloc((inputs + 1) * sizeof *in), *at = malloc((nodes + 1) * sizeof *at),
             *args = malloc((inputs + 1) * sizeof *args), row[BOREL_HMM_STATES], made = BOREL_NO_NODE;
  if (!map || !in || !at || !args || !(map->body = borel_graph_new()) ||
      !(map->outputs = malloc(sizeof *map->outputs)))
    goto done;
  for (borel_node i = 0; i < nodes; i++)
    if (borel_graph_at(r->B, i)->op == BOREL_OP_INPUT) at[borel_graph_at(r->B, i)->attr] = i;
  for (size_t k = 0; k < inputs; k++) {
    const borel_node_info *input = borel_graph_at(r->B, at[k]);
    in[k] = k < carries ? borel_graph_scalar(map->body, 0)
                        : borel_graph_input(map->body, input->dtype, &input->shape);
    args[k] = borel_graph_args(r->G, r->scan)[k];
  }
  if (borel_graph_copy(map->body, r->B, in, at, r->error)) goto done;
  for (size_t j = 0; j < states; j++) {
    const offset *o = &offsets[j];
    row[j] = borel_graph_scalar(map->body, 0);
    for (int k = 0; k < o->parts; k++)
      row[j] = borel_graph_op(map->body, o->varies[k].negative ? BOREL_OP_SUB : BOREL_OP_ADD,
                              (borel_node[]){row[j], at[o->varies[k].node]}, 2, 0, NULL, r->error);
  }
  map->outputs[0] = borel_graph_op(map->body, BOREL_OP_STACK, row, states, 0, NULL, r->error);
  map->output_count = 1;
  map->sequences = r->region->sequences;
  map->captured = r->region->captured;
  map->reverse = r->region->reverse;
  borel_region *region = map;
  map = NULL; /* the graph's now */
  made = borel_graph_project(r->G, borel_graph_scan(r->G, region, args + carries, inputs - carries, r->error),
                             0);
done:
  free(in);
  free(at);
  free(args);
  borel_region_free(map);
  return made;
}

/* What varies with each state, [steps, states]. */
static borel_node emissions(const reader *r, const offset *offsets, size_t states) {
  borel_node whole = whole_sequence(r, offsets, states);
  return whole == BOREL_NO_NODE ? mapped(r, offsets, states) : whole;
}

static borel_node add(const reader *r, borel_node a, borel_node b) {
  return borel_graph_op(r->G, BOREL_OP_ADD, (borel_node[]){a, b}, 2, 0, NULL, r->error);
}

/* The rows of the next steps, and 0 for the last. */
static borel_node next_rows(const reader *r, borel_node rows, size_t states) {
  int64_t n = (int64_t)states, steps = borel_graph_at(r->G, r->scan)->attr;
  borel_array index = borel_array_new(BOREL_I64, &(borel_shape){2, {steps, n}});
  if (!index.data) return BOREL_NO_NODE;
  for (int64_t i = 0; i < steps * n; i++) {
    int64_t next = r->region->reverse ? i - n : i + n;
    ((int64_t *)index.data)[i] = next < 0 || next >= steps * n ? steps * n : next;
  }
  borel_node parts[] = {rows, borel_graph_scalar(r->G, 0)};
  borel_node ended = borel_graph_op(r->G, BOREL_OP_STACK, parts, 2, 0, NULL, r->error);
  borel_node args[] = {ended, borel_graph_array(r->G, &index)};
  borel_array_release(&index);
  return borel_graph_op(r->G, BOREL_OP_GATHER, args, 2, 0, NULL, r->error);
}

/* What is observed before a move belongs to the step before. */
static int take_back(const reader *r, const offset *before, borel_hmm *h) {
  int64_t first = r->region->reverse ? h->steps - 1 : 0;
  borel_node rows = emissions(r, before, h->states);
  if (rows == BOREL_NO_NODE) return 0;
  h->emission = add(r, h->emission, next_rows(r, rows, h->states));
  for (size_t i = 0; i < h->states && h->emission != BOREL_NO_NODE; i++) {
    borel_node args[] = {rows, borel_graph_integer(r->G, first * (int64_t)h->states + (int64_t)i)};
    h->start[i] = add(r, h->start[i], borel_graph_op(r->G, BOREL_OP_GATHER, args, 2, 0, NULL, r->error));
    if (h->start[i] == BOREL_NO_NODE) return 0;
  }
  return h->emission != BOREL_NO_NODE;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int has_part(const offset *o, part x) {
  for (int k = 0; k < o->parts; k++)
    if (o->varies[k].negative == x.negative && o->varies[k].node == x.node) return 1;
  return 0;
}

/* The parts of a that are in b, or those that are not. */
static offset parts_of(const offset *a, const offset *b, int in) {
  offset some = {.present = 1, .fixed = BOREL_NO_NODE};
  for (int k = 0; k < a->parts; k++)
    if (has_part(b, a->varies[k]) == in) some.varies[some.parts++] = a->varies[k];
  return some;
}

/* Are the parts of (i, j) those of before[i] and after[j]? The parts of one sum are different ones, or it is
 * none that is read. */
static int split(const form *forms, size_t n, offset *before, offset *after) {
  int varies = 0;
  before[0] = forms[0].of[0];
  for (size_t j = 1; j < n; j++) before[0] = parts_of(&before[0], &forms[j].of[0], 1);
  for (size_t j = 0; j < n; j++) after[j] = parts_of(&forms[j].of[0], &before[0], 0);
  for (size_t i = 1; i < n; i++) before[i] = parts_of(&forms[0].of[i], &after[0], 0);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const offset *o = &forms[j].of[i];
      varies |= o->parts > 0;
      if (o->parts != before[i].parts + after[j].parts ||
          parts_of(o, &before[i], 1).parts != before[i].parts ||
          parts_of(o, &after[j], 1).parts != after[j].parts)
        return 0;
      for (int k = 0; k < o->parts; k++)
        if (has_part(&before[i], o->varies[k]) == has_part(&after[j], o->varies[k])) return 0;
    }
  return varies;
}

/* The scan in numbers is at `r->scan`. */
static int read_scan(reader *r, borel_hmm *h) {
  size_t n = h->states = r->region->carries;
  offset before[BOREL_HMM_STATES], after[BOREL_HMM_STATES];
  form *forms = malloc(n * sizeof *forms);
  int found = forms && find_dependence(r);
  for (size_t j = 0; j < n && found; j++) {
    found = borel_graph_at(r->B, r->region->outputs[j])->shape.rank == 0 &&
            read_form(r, r->region->outputs[j], &forms[j], DEEPEST);
    for (size_t i = 0; i < n && found; i++) {
      const offset *o = &forms[j].of[i];
      found = o->present;
      h->weight[i * n + j] = o->fixed != BOREL_NO_NODE ? o->fixed : borel_graph_scalar(r->G, 0);
    }
  }
  if (found && (found = split(forms, n, before, after))) {
    int early = 0;
    for (size_t i = 0; i < n; i++) h->start[i] = borel_graph_args(r->G, r->scan)[i];
    for (size_t i = 0; i < n; i++) early |= before[i].parts > 0;
    h->emission = emissions(r, after, n);
    if (h->emission == BOREL_NO_NODE || (early && !take_back(r, before, h))) found = -1;
  }
  free(forms);
  free(r->on_carry);
  free(r->on_step);
  return found;
}

int borel_hmm_read(borel_graph *G, borel_node node, borel_hmm *h, int64_t (*place)[2], borel_error *error) {
  const borel_region *old = borel_graph_at(G, node)->region;
  size_t nodes = borel_graph_size(G), growth;
  int64_t states = 0;
  for (size_t k = 0; k < old->carries; k++) {
    const borel_node_info *carry = borel_graph_at(old->body, old->outputs[k]);
    int64_t size = borel_shape_size(&carry->shape);
    if (carry->dtype != BOREL_F64 || size > BOREL_HMM_STATES) return 0;
    place[k][0] = states;
    place[k][1] = carry->shape.rank > 0 ? size : 0;
    states += size;
  }
  h->steps = borel_graph_at(G, node)->attr;
  if (states < 2 || states > BOREL_HMM_STATES || h->steps < 1) return 0;
  borel_scalariser s = {.from = G, .to = G, .nodes = nodes, .most = WIDEST, .error = error};
  s.used = calloc(nodes + 1, 1);
  s.outside = calloc(nodes + 1, 1);
  s.whole = malloc((nodes + 1) * sizeof *s.whole);
  s.parts = calloc(nodes + 1, sizeof *s.parts);
  s.results = calloc(nodes + 1, sizeof *s.results);
  int found = -1;
  if (s.used && s.outside && s.whole && s.parts && s.results) {
    for (borel_node i = 0; i < nodes; i++) s.whole[i] = i;
    if (!borel_scalarise_region_to(&s, node, WIDEST, &growth)) {
      reader r = {
          .G = G, .scan = s.whole[node], .region = borel_graph_at(G, s.whole[node])->region, .error = error};
      r.B = r.region->body;
      found = r.region->carries == (size_t)states ? read_scan(&r, h) : 0;
    }
  }
  borel_scalariser_end(&s);
  return found;
}
