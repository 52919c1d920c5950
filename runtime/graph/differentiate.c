/* SPDX-License-Identifier: MIT
 * Reverse mode, graph to graph. An adjoint has the shape of its node, or is a scalar that stands for
 * that shape; `fit` gives a contribution the shape of the argument it belongs to. */
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

/* ---- elementwise rules, from ops.def --------------------------------------------------------- */

#define NONE BOREL_NO_NODE
#define REFUSED BOREL_REFUSED
#define K(x) borel_graph_scalar(G, x)
#define M(p, q) borel_graph_adjoint_product(G, p, q)
#define U(OP, p) borel_graph_op(G, BOREL_OP_##OP, (borel_node[]){p}, 1, 0, NULL, NULL)
#define B(OP, p, q) borel_graph_op(G, BOREL_OP_##OP, (borel_node[]){p, q}, 2, 0, NULL, NULL)
#define T(OP, p, q, r) borel_graph_op(G, BOREL_OP_##OP, (borel_node[]){p, q, r}, 3, 0, NULL, NULL)
#define UNPACK                                                                                               \
  borel_graph *G = v->graph;                                                                                 \
  borel_node y = v->y, g = v->g, a = v->args[0], b = v->args[v->count > 1 ? 1 : 0],                          \
             c = v->args[v->count > 2 ? 2 : 0];                                                              \
  (void)G, (void)y, (void)g, (void)a, (void)b, (void)c

#define ELEMENTWISE1(NAME, lua, R, A, e, da)                                                                 \
  void borel_vjp_##NAME(borel_vjp *v) {                                                                      \
    UNPACK;                                                                                                  \
    v->adjoint[0] = da;                                                                                      \
  }
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db)                                                         \
  void borel_vjp_##NAME(borel_vjp *v) {                                                                      \
    UNPACK;                                                                                                  \
    v->adjoint[0] = da;                                                                                      \
    v->adjoint[1] = db;                                                                                      \
  }
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc)                                                 \
  void borel_vjp_##NAME(borel_vjp *v) {                                                                      \
    UNPACK;                                                                                                  \
    v->adjoint[0] = da;                                                                                      \
    v->adjoint[1] = db;                                                                                      \
    v->adjoint[2] = dc;                                                                                      \
  }
#include "graph/ops.def"

/* ---- rules of the other operations ----------------------------------------------------------- */

#define RULE(NAME) void borel_vjp_##NAME(borel_vjp *v)

static const borel_shape *shape_of(const borel_vjp *v, borel_node node) {
  return &borel_graph_at(v->graph, node)->shape;
}
/* The adjoint with the full shape of y. */
static borel_node full(borel_vjp *v) {
  return borel_graph_expand(v->graph, v->g, shape_of(v, v->y), v->error);
}
static borel_node make(borel_vjp *v, borel_op op, borel_node a, borel_node b, int64_t attr,
                       const borel_shape *shape) {
  borel_shape copy = shape ? *shape : (borel_shape){0}; /* the node list may move */
  return borel_graph_op(v->graph, op, (borel_node[]){a, b}, b == BOREL_NO_NODE ? 1 : 2, attr,
                        shape ? &copy : NULL, v->error);
}

RULE(RESHAPE) {
  v->adjoint[0] = make(v, BOREL_OP_RESHAPE, full(v), BOREL_NO_NODE, 0, shape_of(v, v->args[0]));
}

RULE(BROADCAST) { v->adjoint[0] = full(v); /* `fit` sums it */ }

RULE(GATHER) { v->adjoint[0] = make(v, BOREL_OP_SCATTER, full(v), v->args[1], 0, shape_of(v, v->args[0])); }

RULE(SCATTER) { v->adjoint[0] = make(v, BOREL_OP_GATHER, full(v), v->args[1], 0, NULL); }

/* An array without one axis, put back as an axis of extent 1 and stretched to `to`. */
static borel_node restore_axis(borel_vjp *v, borel_node x, int axis, borel_shape to) {
  borel_shape thin = to;
  thin.extent[axis] = 1;
  return make(v, BOREL_OP_BROADCAST, make(v, BOREL_OP_RESHAPE, x, BOREL_NO_NODE, 0, &thin), BOREL_NO_NODE, 0,
              &to);
}

RULE(SUM) {
  int64_t axis = borel_graph_at(v->graph, v->y)->attr;
  v->adjoint[0] = axis < 0 ? v->g : restore_axis(v, full(v), (int)axis, *shape_of(v, v->args[0]));
}

RULE(LOG_SUM_EXP) {
  int64_t axis = borel_graph_at(v->graph, v->y)->attr;
  borel_shape shape = *shape_of(v, v->args[0]);
  borel_node y = v->y, g = v->g;
  if (axis >= 0) {
    g = restore_axis(v, full(v), (int)axis, shape);
    y = restore_axis(v, y, (int)axis, shape);
  }
  v->adjoint[0] =
      borel_graph_adjoint_product(v->graph, g, make(v, BOREL_OP_EXP_DIFF, v->args[0], y, 0, NULL));
}

RULE(MAXIMUM) {
  borel_node here = make(v, BOREL_OP_EQ, v->args[0], v->y, 0, NULL), zero = borel_graph_scalar(v->graph, 0);
  v->adjoint[0] =
      borel_graph_op(v->graph, BOREL_OP_WHERE, (borel_node[]){here, v->g, zero}, 3, 0, NULL, v->error);
}

RULE(CUMSUM) {
  v->adjoint[0] =
      make(v, BOREL_OP_CUMSUM, full(v), BOREL_NO_NODE, !borel_graph_at(v->graph, v->y)->attr, NULL);
}

RULE(STACK) {
  borel_node g = full(v);
  int64_t start = 0;
  for (size_t i = 0; i < v->count; i++) {
    borel_shape shape = *shape_of(v, v->args[i]);
    int64_t size = borel_shape_size(&shape);
    borel_array index = borel_array_new(BOREL_I64, &shape);
    if (!index.data) return;
    for (int64_t k = 0; k < size; k++) ((int64_t *)index.data)[k] = start + k;
    v->adjoint[i] = make(v, BOREL_OP_GATHER, g, borel_graph_array(v->graph, &index), 0, NULL);
    borel_array_release(&index);
    start += size;
  }
}

RULE(MATMUL) {
  int64_t attr = borel_graph_at(v->graph, v->y)->attr;
  borel_node a = v->args[0], b = v->args[1], g = full(v);
  int ta = (int)(attr & 1), tb = (int)(attr >> 1 & 1), vector = shape_of(v, b)->rank == 1;
  borel_node matrix_b = b, matrix_g = g;
  if (vector) { /* as [K,1] and [N,1] */
    matrix_b =
        make(v, BOREL_OP_RESHAPE, b, BOREL_NO_NODE, 0, &(borel_shape){2, {shape_of(v, b)->extent[0], 1}});
    matrix_g =
        make(v, BOREL_OP_RESHAPE, g, BOREL_NO_NODE, 0, &(borel_shape){2, {shape_of(v, g)->extent[0], 1}});
  }
  /* With A and B as used (transposed or not): dA = g B', dB = A' g. */
  v->adjoint[0] = ta ? make(v, BOREL_OP_MATMUL, matrix_b, matrix_g, tb | 2, NULL)
                     : make(v, BOREL_OP_MATMUL, matrix_g, matrix_b, tb ? 0 : 2, NULL);
  if (vector)
    v->adjoint[1] = make(v, BOREL_OP_MATMUL, a, g, ta ? 0 : 1, NULL);
  else
    v->adjoint[1] = tb ? make(v, BOREL_OP_MATMUL, matrix_g, a, ta ? 3 : 1, NULL)
                       : make(v, BOREL_OP_MATMUL, a, matrix_g, ta ? 0 : 1, NULL);
}

static const borel_vjp_rule rules[BOREL_OP_COUNT] = {
#define ELEMENTWISE1(NAME, lua, R, A, e, da) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define INDEXED(NAME, lua) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define REGION(NAME, lua) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#include "graph/ops.def"
};

/* ---- the sweep ------------------------------------------------------------------------------- */

/* A contribution for y's argument: stretched to y's shape, then summed over the axes that the argument
 * does not have. */
static borel_node fit(borel_graph *G, borel_node x, borel_shape from, borel_shape to, borel_error *error) {
  if (borel_shape_equal(&borel_graph_at(G, x)->shape, &to) && borel_shape_equal(&from, &to)) return x;
  if (borel_shape_equal(&from, &to)) return x; /* a scalar that stands for the shape */
  if (borel_graph_at(G, x)->shape.rank == 0 && from.rank > 0) x = borel_graph_expand(G, x, &from, error);
  if (to.rank == 0) return borel_graph_op(G, BOREL_OP_SUM, &x, 1, -1, NULL, error);
  borel_shape at = from;
  for (int i = from.rank - 1, j = to.rank - 1; i >= 0; i--, j--) {
    if (j >= 0 && to.extent[j] == from.extent[i]) continue;
    x = borel_graph_op(G, BOREL_OP_SUM, &x, 1, i, NULL, error);
    for (int k = i; k + 1 < at.rank; k++) at.extent[k] = at.extent[k + 1];
    at.rank--;
  }
  return borel_graph_op(G, BOREL_OP_RESHAPE, &x, 1, 0, &to, error);
}

/* Does node i depend on one of `wrt`, through operations on f64? */
static void mark_active(const borel_graph *G, borel_node last, const borel_node *wrt, size_t count,
                        uint8_t *active) {
  for (size_t i = 0; i < count; i++)
    if (wrt[i] <= last) active[wrt[i]] = 1;
  for (borel_node i = 0; i <= last; i++) {
    const borel_node_info *node = borel_graph_at(G, i);
    if (active[i] || node->dtype != BOREL_F64) continue;
    const borel_node *args = borel_graph_args(G, i);
    for (uint32_t k = 0; k < node->arg_count; k++) active[i] |= active[args[k]];
  }
}

static void add_to(borel_graph *G, borel_node *sum, borel_node more) {
  *sum = *sum == BOREL_NO_NODE
             ? more
             : borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){*sum, more}, 2, 0, NULL, NULL);
}

/* Adjoints of a scan come from the adjoints of all its projections together. `parts` [outputs]. */
static borel_status scan_adjoints(borel_graph *G, borel_node scan, const borel_node *parts,
                                  borel_node *adjoint, borel_error *error);

borel_status borel_graph_gradient(borel_graph *G, borel_node y, const borel_node *wrt, size_t count,
                                  borel_node *out, borel_error *error) {
  if (borel_graph_at(G, y)->shape.rank != 0)
    return borel_fail(error, BOREL_ARG, "gradient: the result to differentiate must be a number");
  borel_status status = BOREL_OK;
  uint8_t *active = calloc((size_t)y + 1, 1);
  borel_node *adjoint = malloc(((size_t)y + 1) * sizeof *adjoint);
  borel_node **parts = calloc((size_t)y + 1, sizeof *parts); /* of scans: adjoint of each projection */
  if (!active || !adjoint || !parts) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
    goto done;
  }
  mark_active(G, y, wrt, count, active);
  memset(adjoint, 0xff, ((size_t)y + 1) * sizeof *adjoint);
  adjoint[y] = borel_graph_scalar(G, 1);
  for (borel_node i = y + 1; i-- > 0;) {
    if (!active[i] || (adjoint[i] == BOREL_NO_NODE && !parts[i])) continue;
    borel_node_info node = *borel_graph_at(G, i);
    borel_node few[8], contribution[8], *args = few, *got = contribution;
    if (node.arg_count > 8) {
      args = malloc(node.arg_count * sizeof *args);
      got = malloc(node.arg_count * sizeof *got);
      if (!args || !got) {
        status = borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
        free(args);
        free(got);
        goto done;
      }
    }
    if (node.arg_count) memcpy(args, borel_graph_args(G, i), node.arg_count * sizeof *args);
    for (uint32_t k = 0; k < node.arg_count; k++) got[k] = BOREL_NO_NODE;
    if (node.op == BOREL_OP_PROJECT) {
      const borel_region *region = borel_graph_at(G, args[0])->region;
      size_t total = region->output_count + region->carries;
      if (!parts[args[0]] && (parts[args[0]] = malloc(total * sizeof **parts)))
        memset(parts[args[0]], 0xff, total * sizeof **parts);
      add_to(G, &parts[args[0]][node.attr], borel_graph_expand(G, adjoint[i], &node.shape, error));
    } else if (node.op == BOREL_OP_SCAN) {
      status = scan_adjoints(G, i, parts[i], got, error);
    } else if (node.op != BOREL_OP_INPUT && node.arg_count) {
      borel_vjp v = {G, i, adjoint[i], args, node.arg_count, got, error};
      rules[node.op](&v);
    }
    int elementwise = borel_op_get(node.op)->kind == BOREL_CLASS_ELEMENTWISE || node.op == BOREL_OP_BROADCAST;
    for (uint32_t k = 0; k < node.arg_count && !status; k++) {
      if (got[k] == BOREL_NO_NODE || !active[args[k]]) continue;
      if (got[k] == BOREL_REFUSED) {
        status = borel_fail(error, BOREL_ARG, "%s: its derivative with respect to argument %u is not offered",
                            borel_op_get(node.op)->name, k + 1);
        break;
      }
      borel_shape to = borel_graph_at(G, args[k])->shape;
      borel_node x = elementwise ? fit(G, got[k], node.shape, to, error) : got[k];
      add_to(G, &adjoint[args[k]], x);
    }
    if (args != few) free(args);
    if (got != contribution) free(got);
    if (status) goto done;
  }
  for (size_t i = 0; i < count; i++) {
    borel_shape shape = borel_graph_at(G, wrt[i])->shape;
    borel_node found = wrt[i] <= y ? adjoint[wrt[i]] : BOREL_NO_NODE;
    out[i] = borel_graph_expand(G, found == BOREL_NO_NODE ? borel_graph_scalar(G, 0) : found, &shape, error);
    if (out[i] == BOREL_NO_NODE) status = BOREL_INTERNAL;
  }
done:
  for (size_t i = 0; parts && i <= y; i++) free(parts[i]);
  free(parts);
  free(adjoint);
  free(active);
  return status;
}

/* ---- scan ------------------------------------------------------------------------------------ */

/* Copies the body's nodes into `to`; map[old] = new, inputs given in `inputs`. */
static borel_status copy_body(borel_graph *to, const borel_graph *from, const borel_node *inputs,
                              borel_node *map, borel_error *error) {
  for (borel_node i = 0; i < borel_graph_size(from); i++) {
    const borel_node_info *node = borel_graph_at(from, i);
    borel_node args[64];
    if (node->arg_count > 64 || node->region)
      return borel_fail(error, BOREL_ARG, "scan: this body is too deep to differentiate");
    for (uint32_t k = 0; k < node->arg_count; k++) args[k] = map[borel_graph_args(from, i)[k]];
    switch (node->op) {
    case BOREL_OP_INPUT: map[i] = inputs[node->attr]; break;
    case BOREL_OP_SCALAR:
      map[i] = node->dtype == BOREL_I64 ? borel_graph_integer(to, node->attr)
                                        : borel_graph_scalar(to, node->value);
      break;
    case BOREL_OP_ARRAY: map[i] = borel_graph_array(to, &node->array); break;
    default: map[i] = borel_graph_op(to, node->op, args, node->arg_count, node->attr, &node->shape, error);
    }
    if (map[i] == BOREL_NO_NODE) return BOREL_INTERNAL;
  }
  return BOREL_OK;
}

/* The gradient of <outputs, out_bar> of one step with respect to its inputs; `map` as from copy_body. */
static borel_status step_gradient(borel_graph *body, const borel_region *fwd, const borel_node *map,
                                  const borel_node *out_bar, const borel_node *inputs, borel_node *grads,
                                  borel_error *error) {
  borel_node total = borel_graph_scalar(body, 0);
  for (size_t i = 0; i < fwd->output_count; i++) {
    borel_node output = map[fwd->outputs[i]];
    if (borel_graph_at(body, output)->dtype != BOREL_F64) continue;
    borel_node product =
        borel_graph_op(body, BOREL_OP_MULZ, (borel_node[]){out_bar[i], output}, 2, 0, NULL, error);
    product = borel_graph_op(body, BOREL_OP_SUM, &product, 1, -1, NULL, error);
    total = borel_graph_op(body, BOREL_OP_ADD, (borel_node[]){total, product}, 2, 0, NULL, error);
  }
  if (total == BOREL_NO_NODE) return BOREL_INTERNAL;
  size_t count = fwd->carries + fwd->sequences + fwd->captured;
  return borel_graph_gradient(body, total, inputs, count, grads, error);
}

/* The adjoint of a scan is a scan the other way. Its carries are the adjoint of the carry and a running sum
 * for each captured value; its sequences are the stored carries, the sequences, and the adjoints of the
 * stacked outputs. The step's adjoint is the gradient of <outputs, their adjoints>. */
static borel_status scan_adjoints(borel_graph *G, borel_node scan, const borel_node *parts,
                                  borel_node *adjoint, borel_error *error) {
  const borel_region *fwd = borel_graph_at(G, scan)->region;
  size_t nc = fwd->carries, ns = fwd->sequences, np = fwd->captured, no = fwd->output_count,
         inputs = nc + ns + np;
  borel_node args[64], body_in[64], grads[64], bwd_args[256];
  if (inputs > 64 || no > 64) return borel_fail(error, BOREL_ARG, "scan: more than 64 inputs or outputs");
  memcpy(args, borel_graph_args(G, scan), inputs * sizeof *args);
  borel_region *bwd = calloc(1, sizeof *bwd);
  borel_node *map = malloc(borel_graph_size(fwd->body) * sizeof *map);
  if (!bwd || !map || !(bwd->body = borel_graph_new()) ||
      !(bwd->outputs = calloc(inputs + 1, sizeof *bwd->outputs))) {
    free(map);
    borel_region_free(bwd);
    return borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  }
  borel_graph *body = bwd->body;
  bwd->carries = nc + np;
  bwd->sequences = nc + ns + (no - nc);
  for (size_t i = 0; i < nc; i++) bwd->sequences += parts[no + i] != BOREL_NO_NODE;
  bwd->captured = np;
  bwd->output_count = nc + np + ns;
  bwd->reverse = !fwd->reverse;

  size_t n = 0;
  borel_node out_bar[64], captured_bar[64],
      before_bar[64];               /* out_bar: of new carries, then stacked outputs */
  for (size_t i = 0; i < nc; i++) { /* carries of the way back */
    borel_shape shape = borel_graph_at(G, args[i])->shape;
    borel_dtype dtype = borel_graph_at(G, args[i])->dtype;
    out_bar[i] = borel_graph_input(body, BOREL_F64, &shape);
    borel_node zero = borel_graph_expand(G, borel_graph_scalar(G, 0), &shape, error);
    bwd_args[n++] = dtype != BOREL_F64 || parts[i] == BOREL_NO_NODE ? zero : parts[i];
  }
  for (size_t i = 0; i < np; i++) {
    borel_shape shape = borel_graph_at(G, args[nc + ns + i])->shape;
    captured_bar[i] = borel_graph_input(body, BOREL_F64, &shape);
    bwd_args[n++] = borel_graph_expand(G, borel_graph_scalar(G, 0), &shape, error);
  }
  for (size_t i = 0; i < nc; i++) { /* sequences: carries before each step, then what the scan went through */
    const borel_node_info *arg = borel_graph_at(G, args[i]);
    body_in[i] = borel_graph_input(body, arg->dtype,
                                   &(borel_shape){arg->shape.rank,
                                                  {arg->shape.extent[0], arg->shape.extent[1],
                                                   arg->shape.extent[2], arg->shape.extent[3]}});
    bwd_args[n++] = borel_graph_project(G, scan, no + i);
  }
  for (size_t i = 0; i < ns; i++) {
    borel_shape shape = borel_graph_at(G, args[nc + i])->shape, element = {shape.rank - 1, {0}};
    memcpy(element.extent, shape.extent + 1, sizeof *shape.extent * (size_t)element.rank);
    body_in[nc + i] = borel_graph_input(body, borel_graph_at(G, args[nc + i])->dtype, &element);
    bwd_args[n++] = args[nc + i];
  }
  for (size_t i = nc; i < no; i++) {
    borel_shape element = borel_graph_at(fwd->body, fwd->outputs[i])->shape;
    out_bar[i] = borel_graph_input(body, BOREL_F64, &element);
    borel_node stacked = borel_graph_project(G, scan, i);
    borel_shape shape = borel_graph_at(G, stacked)->shape;
    bwd_args[n++] =
        parts[i] != BOREL_NO_NODE ? parts[i] : borel_graph_expand(G, borel_graph_scalar(G, 0), &shape, error);
  }
  for (size_t i = 0; i < nc; i++) { /* where somebody else used the stored carries */
    before_bar[i] = BOREL_NO_NODE;
    if (parts[no + i] == BOREL_NO_NODE) continue;
    borel_shape shape = borel_graph_at(G, args[i])->shape;
    before_bar[i] = borel_graph_input(body, BOREL_F64, &shape);
    bwd_args[n++] = parts[no + i];
  }
  for (size_t i = 0; i < np; i++) {
    borel_shape shape = borel_graph_at(G, args[nc + ns + i])->shape;
    body_in[nc + ns + i] = borel_graph_input(body, borel_graph_at(G, args[nc + ns + i])->dtype, &shape);
    bwd_args[n++] = args[nc + ns + i];
  }
  borel_status status = copy_body(body, fwd->body, body_in, map, error);
  int masks = 0; /* zeros from masks may come in, or arise in the body and reach the next step */
  for (size_t i = 0; i < no + nc; i++)
    if (parts[i] != BOREL_NO_NODE) masks |= borel_graph_at(G, parts[i])->masked;
  if (!status) status = step_gradient(body, fwd, map, out_bar, body_in, grads, error);
  for (size_t i = 0; i < nc && !status; i++) masks |= borel_graph_at(body, grads[i])->masked;
  if (!status && masks) {
    for (size_t i = 0; i < no; i++) borel_graph_mask(body, out_bar[i]);
    for (size_t i = 0; i < nc; i++)
      if (before_bar[i] != BOREL_NO_NODE) borel_graph_mask(body, before_bar[i]);
    status = step_gradient(body, fwd, map, out_bar, body_in, grads, error);
  }
  if (!status) {
    for (size_t i = 0; i < nc; i++) {
      bwd->outputs[i] = grads[i];
      if (before_bar[i] != BOREL_NO_NODE) add_to(body, &bwd->outputs[i], before_bar[i]);
    }
    for (size_t i = 0; i < np; i++) {
      bwd->outputs[nc + i] = captured_bar[i];
      add_to(body, &bwd->outputs[nc + i], grads[nc + ns + i]);
    }
    for (size_t i = 0; i < ns; i++) bwd->outputs[nc + np + i] = grads[nc + i];
    borel_node back = borel_graph_scan(G, bwd, bwd_args, n, error);
    bwd = NULL;
    if (back == BOREL_NO_NODE) status = BOREL_INTERNAL;
    for (size_t i = 0; i < nc && !status; i++) adjoint[i] = borel_graph_project(G, back, i);
    for (size_t i = 0; i < ns && !status; i++) adjoint[nc + i] = borel_graph_project(G, back, nc + np + i);
    for (size_t i = 0; i < np && !status; i++) adjoint[nc + ns + i] = borel_graph_project(G, back, nc + i);
  }
  free(map);
  borel_region_free(bwd);
  return status;
}

RULE(SCAN) { (void)v; /* the sweep calls scan_adjoints */ }
