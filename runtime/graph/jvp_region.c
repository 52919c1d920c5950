/* SPDX-License-Identifier: MIT
 * Forward mode through nodes that hold sub-graphs. */
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

/* ---- scan ------------------------------------------------------------------------------------ */

/* A scan and its derivative go together: the body gets the tangents of its inputs that are not zero as
 * further inputs, each kind after the values of that kind, and returns the tangents of its outputs. */
typedef struct {
  borel_graph *outer;
  const borel_region *before;
  borel_region *after;
  const borel_node *args, *dots;
  size_t inputs;
  uint8_t *moves;      /* [inputs]: has a tangent */
  borel_node *map;     /* of the old body's nodes */
  borel_node *in;      /* [inputs] of the new body */
  borel_node *in_dot;  /* [inputs], or BOREL_NO_NODE */
  borel_node *old_out; /* [outputs], the old ones in the new body */
  borel_node *out_dot; /* [outputs] */
} augmented;

/* Which inputs have a tangent: a carry also when a step gives it one. */
static borel_status find_moving(augmented *a, borel_error *error) {
  const borel_graph *body = a->before->body;
  size_t size = borel_graph_size(body);
  uint8_t *active = malloc(size + 1);
  if (!active) return borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  for (size_t k = 0; k < a->inputs; k++) a->moves[k] = a->dots[k] != BOREL_NO_NODE;
  for (int changed = 1; changed;) {
    changed = 0;
    for (borel_node i = 0; i < size; i++) {
      const borel_node_info *node = borel_graph_at(body, i);
      active[i] = node->op == BOREL_OP_INPUT && a->moves[node->attr];
      for (uint32_t k = 0; k < node->arg_count && node->dtype == BOREL_F64; k++)
        active[i] |= active[borel_graph_args(body, i)[k]];
    }
    for (size_t k = 0; k < a->before->carries; k++)
      if (!a->moves[k] && active[a->before->outputs[k]]) changed = a->moves[k] = 1;
  }
  free(active);
  return BOREL_OK;
}

/* Inputs from..to of the new body: values, then tangents; `args` collects what the new scan is given. */
static size_t add_inputs(augmented *a, size_t from, size_t to, borel_node *args, size_t n,
                         borel_error *error) {
  size_t first_sequence = a->before->carries, first_captured = first_sequence + a->before->sequences;
  for (int tangents = 0; tangents < 2; tangents++)
    for (size_t k = from; k < to; k++) {
      borel_node_info arg = *borel_graph_at(a->outer, a->args[k]);
      borel_shape shape = arg.shape;
      if (k >= first_sequence && k < first_captured) { /* one element */
        shape.rank--;
        memmove(shape.extent, shape.extent + 1, sizeof *shape.extent * (size_t)shape.rank);
      }
      if (!tangents) {
        a->in[k] = borel_graph_input(a->after->body, arg.dtype, &shape);
        args[n++] = a->args[k];
      } else if (a->moves[k]) {
        a->in_dot[k] = borel_graph_input(a->after->body, BOREL_F64, &shape);
        if (a->dots[k] != BOREL_NO_NODE && borel_graph_at(a->outer, a->dots[k])->masked)
          borel_graph_mask(a->after->body, a->in_dot[k]);
        borel_node x = a->dots[k] == BOREL_NO_NODE ? borel_graph_scalar(a->outer, 0) : a->dots[k];
        args[n++] = borel_graph_expand(a->outer, x, &arg.shape, error);
      }
    }
  return n;
}

/* The tangents of the body's outputs. */
static borel_status step_tangents(augmented *a, borel_error *error) {
  borel_node *list = malloc((2 * a->inputs + 1) * sizeof *list);
  size_t n = 0;
  if (!list) return borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  for (size_t k = 0; k < a->inputs; k++)
    if (a->moves[k]) {
      list[n] = a->in[k];
      list[a->inputs + n++] = a->in_dot[k];
    }
  borel_status status = borel_graph_tangents(a->after->body, a->old_out, a->before->output_count, list,
                                             list + a->inputs, n, a->out_dot, error);
  free(list);
  return status;
}

/* Zeros of masks that a step makes reach the next one: then the tangents of carries count as masked. */
static borel_status settle_masks(augmented *a, borel_error *error) {
  int again = 0;
  borel_graph *body = a->after->body;
  for (size_t k = 0; k < a->before->carries; k++)
    if (a->moves[k] && a->out_dot[k] != BOREL_NO_NODE && borel_graph_at(body, a->out_dot[k])->masked &&
        !borel_graph_at(body, a->in_dot[k])->masked) {
      borel_graph_mask(body, a->in_dot[k]);
      again = 1;
    }
  return again ? step_tangents(a, error) : BOREL_OK;
}

/* Outputs of the new body: carries and their tangents, then what is stacked and the tangents of that. Fills
 * place[k]: where the tangent of output k is, if it has one. */
static void add_outputs(augmented *a, size_t *place) {
  size_t nc = a->before->carries, no = a->before->output_count, n = 0;
  borel_region *after = a->after;
  for (size_t part = 0; part < 2; part++) {
    size_t from = part ? nc : 0, to = part ? no : nc;
    for (size_t k = from; k < to; k++) after->outputs[n++] = a->old_out[k];
    for (size_t k = from; k < to; k++) {
      place[k] = n;
      if (part == 0 && !a->moves[k]) continue;
      if (part == 1 && a->out_dot[k] == BOREL_NO_NODE) continue;
      borel_shape shape = borel_graph_at(after->body, a->old_out[k])->shape;
      borel_node x = a->out_dot[k] == BOREL_NO_NODE ? borel_graph_scalar(after->body, 0) : a->out_dot[k];
      after->outputs[n++] = borel_graph_expand(after->body, x, &shape, NULL);
    }
    if (part == 0) after->carries = n;
  }
  after->output_count = n;
}

static borel_status augment(augmented *a, borel_node *parts, borel_error *error) {
  const borel_region *before = a->before;
  size_t nc = before->carries, ns = before->sequences, no = before->output_count, n = 0;
  borel_node *args = malloc((2 * a->inputs + 1) * sizeof *args);
  size_t *place = malloc((no + 1) * sizeof *place);
  borel_status status = BOREL_INTERNAL;
  if (!args || !place) goto done;
  if ((status = find_moving(a, error))) goto done;
  n = add_inputs(a, 0, nc, args, n, error);
  a->after->sequences = add_inputs(a, nc, nc + ns, args, n, error) - n;
  n += a->after->sequences;
  a->after->captured = add_inputs(a, nc + ns, a->inputs, args, n, error) - n;
  n += a->after->captured;
  if ((status = borel_graph_copy(a->after->body, before->body, a->in, a->map, error))) goto done;
  for (size_t k = 0; k < no; k++) a->old_out[k] = a->map[before->outputs[k]];
  if ((status = step_tangents(a, error)) || (status = settle_masks(a, error))) goto done;
  add_outputs(a, place);
  a->after->reverse = before->reverse;
  size_t outputs = a->after->output_count;
  borel_node made = borel_graph_scan(a->outer, a->after, args, n, error);
  a->after = NULL; /* the graph's */
  status = made == BOREL_NO_NODE ? BOREL_INTERNAL : BOREL_OK;
  for (size_t k = 0; k < no && !status; k++) {
    if (k < nc ? !a->moves[k] : a->out_dot[k] == BOREL_NO_NODE) continue;
    parts[k] = borel_graph_project(a->outer, made, place[k]);
    if (k < nc) parts[no + k] = borel_graph_project(a->outer, made, outputs + place[k]);
  }
done:
  free(args);
  free(place);
  if (status == BOREL_INTERNAL && error && !error->code)
    borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  return status;
}

static borel_status scan_tangents(borel_graph *G, borel_node scan, const borel_node *dots, borel_node *parts,
                                  borel_error *error) {
  const borel_region *before = borel_graph_at(G, scan)->region;
  size_t inputs = borel_graph_at(G, scan)->arg_count, no = before->output_count,
         size = borel_graph_size(before->body);
  borel_status status = BOREL_INTERNAL;
  borel_node *room = malloc((3 * inputs + 2 * no + size + 1) * sizeof *room);
  augmented a = {
      .outer = G, .before = before, .dots = dots, .inputs = inputs, .moves = calloc(inputs + 1, 1)};
  a.after = calloc(1, sizeof *a.after);
  if (!room || !a.moves || !a.after || !(a.after->body = borel_graph_new()) ||
      !(a.after->outputs = calloc(2 * no + 1, sizeof *a.after->outputs))) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
    goto done;
  }
  memset(room, 0xff, (3 * inputs + 2 * no + size) * sizeof *room);
  borel_node *args = room;
  memcpy(args, borel_graph_args(G, scan), inputs * sizeof *args);
  a.args = args;
  a.in = room + inputs;
  a.in_dot = a.in + inputs;
  a.old_out = a.in_dot + inputs;
  a.out_dot = a.old_out + no;
  a.map = a.out_dot + no;
  status = augment(&a, parts, error);
done:
  borel_region_free(a.after);
  free(a.moves);
  free(room);
  return status;
}

/* ---- cond ------------------------------------------------------------------------------------ */

/* The same choice between the tangents: inputs are the captured values, then the tangents that are not zero.
 */
typedef struct {
  borel_graph *outer;
  const borel_region *before;
  borel_region *after;
  const borel_node *args, *dots; /* of the captured values */
} choice;

/* Copies a branch into its new body; out[output_count] gets the tangents, BOREL_NO_NODE where zero. */
static borel_status branch_tangents(const choice *c, const borel_region *before, borel_region *after,
                                    borel_node *out, borel_error *error) {
  size_t captured = before->captured, no = before->output_count, n = 0;
  borel_node *in = malloc((3 * captured + no + borel_graph_size(before->body) + 1) * sizeof *in);
  if (!in) return borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  borel_node *wrt = in + captured, *tangents = wrt + captured, *old = tangents + captured, *map = old + no;
  for (size_t k = 0; k < captured; k++) {
    borel_node_info info = *borel_graph_at(c->outer, c->args[k]);
    in[k] = borel_graph_input(after->body, info.dtype, &info.shape);
  }
  for (size_t k = 0; k < captured; k++) {
    if (c->dots[k] == BOREL_NO_NODE) continue;
    borel_node_info info = *borel_graph_at(c->outer, c->dots[k]);
    wrt[n] = in[k];
    tangents[n] = borel_graph_input(after->body, BOREL_F64, &info.shape);
    if (info.masked) borel_graph_mask(after->body, tangents[n]);
    n++;
  }
  after->captured = captured + n;
  borel_status status = borel_graph_copy(after->body, before->body, in, map, error);
  for (size_t k = 0; k < no; k++) old[k] = map[before->outputs[k]];
  if (!status) status = borel_graph_tangents(after->body, old, no, wrt, tangents, n, out, error);
  free(in);
  return status;
}

/* Outputs that have a tangent in one of the branches; parts[k] becomes the number of output k's. */
static void choose_outputs(const choice *c, const borel_node *yes, const borel_node *no, borel_node *parts,
                           borel_error *error) {
  size_t n = 0;
  for (size_t k = 0; k < c->before->output_count; k++) {
    if (yes[k] == BOREL_NO_NODE && no[k] == BOREL_NO_NODE) continue;
    borel_shape shape = borel_graph_at(c->before->body, c->before->outputs[k])->shape;
    borel_region *branch = c->after;
    for (const borel_node *from = yes; branch; branch = branch->otherwise, from = no) {
      borel_node x = from[k] == BOREL_NO_NODE ? borel_graph_scalar(branch->body, 0) : from[k];
      branch->outputs[n] = borel_graph_expand(branch->body, x, &shape, error);
      branch->output_count = n + 1;
    }
    parts[k] = (borel_node)n++;
  }
}

static int new_branch(borel_region *region, size_t outputs) {
  return (region->body = borel_graph_new()) && (region->outputs = calloc(outputs + 1, sizeof(borel_node)));
}

static borel_status cond_tangents(borel_graph *G, borel_node cond, const borel_node *dots, borel_node *parts,
                                  borel_error *error) {
  const borel_region *before = borel_graph_at(G, cond)->region;
  size_t count = borel_graph_at(G, cond)->arg_count, no = before->output_count, n = 0;
  borel_status status = BOREL_INTERNAL;
  borel_node *args = malloc((2 * count + 2 * no + 1) * sizeof *args), made = BOREL_NO_NODE;
  borel_region *after = calloc(1, sizeof *after);
  if (after) after->otherwise = calloc(1, sizeof *after);
  if (!args || !after || !after->otherwise || !new_branch(after, no) || !new_branch(after->otherwise, no)) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
    goto done;
  }
  memcpy(args, borel_graph_args(G, cond), count * sizeof *args);
  for (size_t k = 1; k < count; k++)
    if (dots[k] != BOREL_NO_NODE) args[count + n++] = dots[k];
  choice c = {G, before, after, args + 1, dots + 1};
  borel_node *yes = args + 2 * count, *other = yes + no;
  if ((status = branch_tangents(&c, before, after, yes, error))) goto done;
  if ((status = branch_tangents(&c, before->otherwise, after->otherwise, other, error))) goto done;
  choose_outputs(&c, yes, other, parts, error);
  if (after->output_count == 0) goto done; /* zero in both */
  made = borel_graph_cond(G, after, args, count + n, error);
  after = NULL; /* the graph's now */
  if (made == BOREL_NO_NODE) status = BOREL_INTERNAL;
  for (size_t k = 0; k < no && !status; k++)
    if (parts[k] != BOREL_NO_NODE) parts[k] = borel_graph_project(G, made, parts[k]);
done:
  borel_region_free(after);
  free(args);
  return status;
}

borel_status borel_region_tangents(borel_graph *G, borel_node region, const borel_node *dots,
                                   borel_node *parts, borel_error *error) {
  borel_op op = borel_graph_at(G, region)->op;
  switch (op) {
  case BOREL_OP_SCAN: return scan_tangents(G, region, dots, parts, error);
  case BOREL_OP_ODE: return borel_ode_tangents(G, region, dots, parts, error);
  case BOREL_OP_COND: return cond_tangents(G, region, dots, parts, error);
  default:
    return borel_fail(error, BOREL_ARG, "%s: the forward derivative is not offered", borel_op_get(op)->name);
  }
}
