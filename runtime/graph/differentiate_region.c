/* SPDX-License-Identifier: MIT
 * Reverse mode through nodes that hold sub-graphs. The adjoint of a region is a region whose body is the
 * gradient of <outputs, their adjoints> with respect to the inputs: so it can be differentiated again. */
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

/* A region in the making: inputs of its body, each with the argument of the node that feeds it. */
typedef struct {
  borel_graph *outer;
  borel_region *region;
  borel_node *args; /* of the node */
  size_t count, input_count;
} builder;

/* An adjoint has at most this many arguments: each input twice, each result once, and a condition. */
static size_t most_args(const borel_vjp *v) {
  return 2 * v->count + borel_region_results(borel_graph_at(v->graph, v->y)) + 1;
}

static int begin(builder *b, const borel_vjp *v, int two_bodies) {
  *b = (builder){.outer = v->graph};
  b->args = malloc(most_args(v) * sizeof *b->args);
  b->region = calloc(1, sizeof *b->region);
  if (!b->args || !b->region) return 0;
  borel_region *parts[] = {b->region, NULL};
  if (two_bodies && !(parts[1] = b->region->otherwise = calloc(1, sizeof *b->region))) return 0;
  for (int i = 0; i <= two_bodies; i++)
    if (!(parts[i]->body = borel_graph_new()) ||
        !(parts[i]->outputs = calloc(most_args(v), sizeof *parts[i]->outputs)))
      return 0;
  return 1;
}

static void end(builder *b) {
  free(b->args);
  borel_region_free(b->region);
}

/* Makes an input (in every body the same number, while there are only inputs), fed by `arg`; of its shape, or
 * of that of its elements. */
static borel_node feed(builder *b, borel_node arg, int element) {
  b->args[b->count++] = arg;
  if (arg == BOREL_NO_NODE) return BOREL_NO_NODE; /* an earlier failure passes through */
  const borel_node_info *info = borel_graph_at(b->outer, arg);
  borel_shape shape = info->shape;
  borel_dtype dtype = info->dtype;
  if (element) memmove(shape.extent, shape.extent + 1, sizeof *shape.extent * (size_t)--shape.rank);
  b->input_count++;
  if (b->region->otherwise) borel_graph_input(b->region->otherwise->body, dtype, &shape);
  return borel_graph_input(b->region->body, dtype, &shape);
}

static borel_node zeros(borel_vjp *v, borel_node like) {
  borel_shape shape = borel_graph_at(v->graph, like)->shape;
  return borel_graph_expand(v->graph, borel_graph_scalar(v->graph, 0), &shape, v->error);
}

static int is_masked(const borel_graph *graph, borel_node node) {
  return borel_graph_at(graph, node)->masked;
}

/* The adjoint of argument k is wanted. */
static int wanted(const borel_vjp *v, size_t k) {
  return v->active[v->args[k]] && borel_graph_at(v->graph, v->args[k])->dtype == BOREL_F64;
}

/* The gradient of <outputs, out_bar> with respect to inputs[count]; `map` as from borel_graph_copy. An
 * output_bar may be missing. */
static borel_status pull_back(borel_graph *body, const borel_region *forward, const borel_node *map,
                              const borel_node *out_bar, const borel_node *inputs, size_t count,
                              borel_node *grads, borel_error *error) {
  borel_node total = borel_graph_scalar(body, 0);
  for (size_t i = 0; i < forward->output_count; i++) {
    borel_node output = map[forward->outputs[i]];
    if (out_bar[i] == BOREL_NO_NODE || borel_graph_at(body, output)->dtype != BOREL_F64) continue;
    borel_node product =
        borel_graph_op(body, BOREL_OP_MULZ, (borel_node[]){out_bar[i], output}, 2, 0, NULL, error);
    product = borel_graph_op(body, BOREL_OP_SUM, &product, 1, -1, NULL, error);
    total = borel_graph_op(body, BOREL_OP_ADD, (borel_node[]){total, product}, 2, 0, NULL, error);
  }
  if (total == BOREL_NO_NODE) return BOREL_INTERNAL;
  return borel_graph_gradient(body, total, inputs, count, grads, error);
}

static borel_node plus(borel_graph *graph, borel_node a, borel_node b) {
  return b == BOREL_NO_NODE ? a : borel_graph_op(graph, BOREL_OP_ADD, (borel_node[]){a, b}, 2, 0, NULL, NULL);
}

/* ---- scan ------------------------------------------------------------------------------------ */

/* Nodes in the body of the way back. */
typedef struct {
  borel_node *input;      /* [inputs of the scan]: their values */
  borel_node *bar;        /* [inputs of the scan]: running adjoints of carries and of captured values */
  borel_node *out_bar;    /* [outputs]: of new carries (the same as bar), then of stacked outputs */
  borel_node *before_bar; /* [carries]: of the stored carries, where somebody used them */
  borel_node *grads;      /* [inputs of the scan] */
  borel_node *map;
} way_back;

/* Its carries are the adjoint of the carry and a running sum for each captured value; its sequences are the
 * stored carries, the sequences, and the adjoints of the stacked outputs. */
static void feed_way_back(borel_vjp *v, builder *b, const borel_region *fwd, way_back *w) {
  size_t nc = fwd->carries, ns = fwd->sequences, np = fwd->captured, no = fwd->output_count;
  for (size_t i = 0; i < nc; i++) {
    int numbers = borel_graph_at(v->graph, v->args[i])->dtype == BOREL_F64;
    w->bar[i] = w->out_bar[i] =
        feed(b, numbers && v->parts[i] != BOREL_NO_NODE ? v->parts[i] : zeros(v, v->args[i]), 0);
  }
  for (size_t i = nc + ns; i < nc + ns + np; i++)
    if (wanted(v, i)) w->bar[i] = feed(b, zeros(v, v->args[i]), 0);
  b->region->carries = b->input_count;
  for (size_t i = 0; i < nc; i++) w->input[i] = feed(b, borel_graph_project(v->graph, v->y, no + i), 1);
  for (size_t i = nc; i < nc + ns; i++) w->input[i] = feed(b, v->args[i], 1);
  for (size_t i = nc; i < no; i++)
    if (v->parts[i] != BOREL_NO_NODE) w->out_bar[i] = feed(b, v->parts[i], 1);
  for (size_t i = 0; i < nc; i++)
    if (v->parts[no + i] != BOREL_NO_NODE) w->before_bar[i] = feed(b, v->parts[no + i], 1);
  b->region->sequences = b->input_count - b->region->carries;
  for (size_t i = nc + ns; i < nc + ns + np; i++) w->input[i] = feed(b, v->args[i], 0);
  b->region->captured = np;
}

/* Zeros from masks may come in, or arise in the body and reach the next step: then the step's products let
 * them absorb. */
static borel_status step_back(borel_vjp *v, builder *b, const borel_region *fwd, way_back *w) {
  borel_graph *body = b->region->body;
  size_t nc = fwd->carries, no = fwd->output_count;
  int masks = 0;
  borel_status status = borel_graph_copy(body, fwd->body, w->input, w->map, v->error);
  if (!status) status = pull_back(body, fwd, w->map, w->out_bar, w->input, v->count, w->grads, v->error);
  for (size_t i = 0; i < no + nc; i++)
    if (v->parts[i] != BOREL_NO_NODE) masks |= is_masked(v->graph, v->parts[i]);
  for (size_t i = 0; i < nc && !status; i++) masks |= is_masked(body, w->grads[i]);
  if (status || !masks || fwd->finite) return status;
  for (size_t i = 0; i < no; i++)
    if (w->out_bar[i] != BOREL_NO_NODE) borel_graph_mask(body, w->out_bar[i]);
  for (size_t i = 0; i < nc; i++)
    if (w->before_bar[i] != BOREL_NO_NODE) borel_graph_mask(body, w->before_bar[i]);
  return pull_back(body, fwd, w->map, w->out_bar, w->input, v->count, w->grads, v->error);
}

/* The adjoint of a scan is a scan the other way. */
static borel_status scan_adjoints(borel_vjp *v, builder *b, const borel_region *fwd, way_back *w) {
  size_t nc = fwd->carries, ns = fwd->sequences, inputs = v->count;
  feed_way_back(v, b, fwd, w);
  borel_status status = step_back(v, b, fwd, w);
  if (status) return status;
  borel_region *bwd = b->region;
  size_t n = 0;
  for (size_t i = 0; i < nc; i++) bwd->outputs[n++] = plus(bwd->body, w->grads[i], w->before_bar[i]);
  for (size_t i = nc + ns; i < inputs; i++)
    if (wanted(v, i)) bwd->outputs[n++] = plus(bwd->body, w->bar[i], w->grads[i]);
  for (size_t i = nc; i < nc + ns; i++)
    if (wanted(v, i)) bwd->outputs[n++] = w->grads[i];
  bwd->output_count = n;
  bwd->reverse = !fwd->reverse;
  b->region = NULL; /* the graph's now */
  borel_node back = borel_graph_scan(v->graph, bwd, b->args, b->count, v->error);
  if (back == BOREL_NO_NODE) return BOREL_INTERNAL;
  n = 0;
  for (size_t i = 0; i < nc; i++) v->adjoint[i] = borel_graph_project(v->graph, back, n++);
  for (size_t i = nc + ns; i < inputs; i++)
    if (wanted(v, i)) v->adjoint[i] = borel_graph_project(v->graph, back, n++);
  for (size_t i = nc; i < nc + ns; i++)
    if (wanted(v, i)) v->adjoint[i] = borel_graph_project(v->graph, back, n++);
  return BOREL_OK;
}

void borel_vjp_SCAN(borel_vjp *v) {
  const borel_region *fwd = borel_graph_at(v->graph, v->y)->region;
  size_t rooms = 3 * v->count + fwd->output_count + fwd->carries + borel_graph_size(fwd->body);
  borel_node *room = malloc((rooms + 1) * sizeof *room);
  builder b = {0};
  if (!room || !begin(&b, v, 0)) {
    v->status = borel_fail(v->error, BOREL_INTERNAL, "out of memory for a derivative");
  } else {
    memset(room, 0xff, rooms * sizeof *room); /* BOREL_NO_NODE everywhere */
    way_back w = {.input = room, .bar = room + v->count, .grads = room + 2 * v->count};
    w.out_bar = w.grads + v->count;
    w.before_bar = w.out_bar + fwd->output_count;
    w.map = w.before_bar + fwd->carries;
    v->status = scan_adjoints(v, &b, fwd, &w);
  }
  end(&b);
  free(room);
}

/* ---- cond ------------------------------------------------------------------------------------ */

/* The gradient of one branch; `room` for the nodes of its body and the captured values. */
static borel_status branch_back(borel_vjp *v, borel_region *bwd, const borel_region *fwd,
                                const borel_node *inputs, const borel_node *out_bar, borel_node *room) {
  borel_node *grads = room, *map = room + fwd->captured;
  borel_status status = borel_graph_copy(bwd->body, fwd->body, inputs, map, v->error);
  for (size_t i = 0; i < fwd->output_count && !status; i++)
    if (out_bar[i] != BOREL_NO_NODE && is_masked(v->graph, v->parts[i]))
      borel_graph_mask(bwd->body, out_bar[i]);
  if (!status) status = pull_back(bwd->body, fwd, map, out_bar, inputs, fwd->captured, grads, v->error);
  for (size_t i = 0; i < fwd->captured && !status; i++)
    if (wanted(v, 1 + i)) bwd->outputs[bwd->output_count++] = grads[i];
  return status;
}

/* The adjoint of a choice is the same choice between the adjoints: nothing of the other branch is touched. */
void borel_vjp_COND(borel_vjp *v) {
  const borel_region *fwd = borel_graph_at(v->graph, v->y)->region;
  size_t captured = fwd->captured, nodes = borel_graph_size(fwd->body);
  if (borel_graph_size(fwd->otherwise->body) > nodes) nodes = borel_graph_size(fwd->otherwise->body);
  borel_node *room = malloc((2 * captured + fwd->output_count + nodes + 1) * sizeof *room);
  builder b = {0};
  if (!room || !begin(&b, v, 1)) {
    v->status = borel_fail(v->error, BOREL_INTERNAL, "out of memory for a derivative");
    goto done;
  }
  borel_node *inputs = room, *out_bar = room + captured, *rest = out_bar + fwd->output_count;
  b.args[b.count++] = v->args[0];
  for (size_t i = 0; i < captured; i++) inputs[i] = feed(&b, v->args[1 + i], 0);
  for (size_t i = 0; i < fwd->output_count; i++)
    out_bar[i] = v->parts[i] == BOREL_NO_NODE ? BOREL_NO_NODE : feed(&b, v->parts[i], 0);
  b.region->captured = b.region->otherwise->captured = b.input_count;
  v->status = branch_back(v, b.region, fwd, inputs, out_bar, rest);
  if (!v->status) v->status = branch_back(v, b.region->otherwise, fwd->otherwise, inputs, out_bar, rest);
  if (v->status) goto done;
  borel_region *bwd = b.region;
  b.region = NULL; /* the graph's now */
  borel_node back = borel_graph_cond(v->graph, bwd, b.args, b.count, v->error);
  if (back == BOREL_NO_NODE) v->status = BOREL_INTERNAL;
  for (size_t i = 0, n = 0; i < captured && !v->status; i++)
    if (wanted(v, 1 + i)) v->adjoint[1 + i] = borel_graph_project(v->graph, back, n++);
done:
  end(&b);
  free(room);
}
