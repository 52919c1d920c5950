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

RULE(SEGMENT_SUM) { v->adjoint[0] = make(v, BOREL_OP_GATHER, full(v), v->args[2], 0, NULL); }

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

RULE(SUM_LOG) { v->adjoint[0] = make(v, BOREL_OP_DIV, v->g, v->args[0], 0, NULL); }

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

/* Equal maxima share the adjoint: they may be one value in several places, as in maximum(x[group]). */
RULE(MAXIMUM) {
  borel_graph *G = v->graph;
  int64_t axis = borel_graph_at(v->graph, v->y)->attr;
  borel_shape shape = *shape_of(v, v->args[0]);
  borel_node y = v->y, g = axis >= 0 ? full(v) : v->g;
  if (axis >= 0) y = restore_axis(v, y, (int)axis, shape);
  borel_node here = make(v, BOREL_OP_EQ, v->args[0], y, 0, NULL);
  borel_node count = make(v, BOREL_OP_SUM, T(WHERE, here, K(1), K(0)), BOREL_NO_NODE, axis, NULL);
  borel_node share = B(DIV, g, count);
  if (axis >= 0) share = restore_axis(v, share, (int)axis, shape);
  v->adjoint[0] = T(WHERE, here, share, K(0));
}

RULE(ORDER) { (void)v; } /* whole numbers: they do not change but in jumps */

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

borel_status borel_graph_gradient(borel_graph *G, borel_node y, const borel_node *wrt, size_t count,
                                  borel_node *out, borel_error *error) {
  if (borel_graph_at(G, y)->shape.rank != 0)
    return borel_fail(error, BOREL_ARG, "gradient: the result to differentiate must be a number");
  borel_status status = BOREL_OK;
  uint8_t *active = calloc((size_t)y + 1, 1);
  borel_node *adjoint = malloc(((size_t)y + 1) * sizeof *adjoint);
  borel_node **parts = calloc((size_t)y + 1, sizeof *parts); /* of regions: adjoint of each projection */
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
      size_t total = borel_region_results(borel_graph_at(G, args[0]));
      if (!parts[args[0]] && (parts[args[0]] = malloc(total * sizeof **parts)))
        memset(parts[args[0]], 0xff, total * sizeof **parts);
      add_to(G, &parts[args[0]][node.attr], borel_graph_expand(G, adjoint[i], &node.shape, error));
    } else if (node.op != BOREL_OP_INPUT && node.arg_count) {
      borel_vjp v = {G, i, adjoint[i], args, node.arg_count, got, error, parts[i], active, BOREL_OK};
      rules[node.op](&v);
      if (v.status) status = v.status;
    }
    int elementwise = borel_op_get(node.op)->kind == BOREL_CLASS_ELEMENTWISE || node.op == BOREL_OP_BROADCAST;
    if (node.op == BOREL_OP_MUL && got[0] == got[1] && got[0] != BOREL_NO_NODE) { /* of a square */
      got[0] = borel_graph_op(G, BOREL_OP_MUL, (borel_node[]){borel_graph_scalar(G, 2), got[0]}, 2, 0, NULL,
                              error);
      got[1] = BOREL_NO_NODE;
    }
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
