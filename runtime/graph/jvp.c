/* SPDX-License-Identifier: MIT
 * Forward mode, graph to graph: the tangent of a node from the tangents of its arguments. A tangent has the
 * shape of its node, or is absent where it is zero. The Jacobian of an elementwise operation is diagonal, so
 * its adjoint rules (ops.def) give its tangent too, with the tangent of an argument in the adjoint's place.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

static borel_shape shape_of(const borel_tangent *t, borel_node node) {
  return borel_graph_at(t->graph, node)->shape;
}
static int64_t attr_of(const borel_tangent *t) { return borel_graph_at(t->graph, t->y)->attr; }
static borel_node one(const borel_tangent *t, borel_op op, borel_node a, int64_t attr, borel_shape shape) {
  return borel_graph_op(t->graph, op, &a, 1, attr, &shape, t->error);
}
static borel_node two(const borel_tangent *t, borel_op op, borel_node a, borel_node b, int64_t attr) {
  borel_shape shape = shape_of(t, t->y);
  return borel_graph_op(t->graph, op, (borel_node[]){a, b}, 2, attr, &shape, t->error);
}
static borel_node sum(const borel_tangent *t, borel_node a, borel_node b) {
  if (a == BOREL_NO_NODE) return b;
  return b == BOREL_NO_NODE ? a : two(t, BOREL_OP_ADD, a, b, 0);
}
/* The tangent of argument k in full. */
static borel_node dot(const borel_tangent *t, size_t k) {
  borel_shape shape = shape_of(t, t->args[k]);
  borel_node x = t->dots[k] == BOREL_NO_NODE ? borel_graph_scalar(t->graph, 0) : t->dots[k];
  return borel_graph_expand(t->graph, x, &shape, t->error);
}

/* ---- elementwise operations ------------------------------------------------------------------ */

static const borel_vjp_rule adjoint_rules[BOREL_OP_COUNT] = {
#define ELEMENTWISE1(NAME, lua, R, A, e, da) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc) [BOREL_OP_##NAME] = borel_vjp_##NAME,
#include "graph/ops.def"
};

/* Chooses between tangents as the operation chose between values: nothing is multiplied by zero. */
static borel_node choose(const borel_tangent *t, borel_node first, borel_node a, borel_node b) {
  borel_node zero = borel_graph_scalar(t->graph, 0);
  borel_node args[] = {first, a == BOREL_NO_NODE ? zero : a, b == BOREL_NO_NODE ? zero : b};
  return borel_graph_op(t->graph, BOREL_OP_WHERE, args, 3, 0, NULL, t->error);
}

static borel_node elementwise(const borel_tangent *t, borel_op op) {
  switch (op) {
  case BOREL_OP_WHERE: return choose(t, t->args[0], t->dots[1], t->dots[2]);
  case BOREL_OP_MIN: return choose(t, two(t, BOREL_OP_LT, t->args[0], t->args[1], 0), t->dots[0], t->dots[1]);
  case BOREL_OP_MAX: return choose(t, two(t, BOREL_OP_GT, t->args[0], t->args[1], 0), t->dots[0], t->dots[1]);
  default: break;
  }
  borel_node total = BOREL_NO_NODE;
  for (size_t k = 0; k < t->count; k++) {
    if (t->dots[k] == BOREL_NO_NODE) continue;
    borel_node adjoint[3] = {BOREL_NO_NODE, BOREL_NO_NODE, BOREL_NO_NODE};
    borel_vjp v = {.graph = t->graph,
                   .y = t->y,
                   .g = t->dots[k],
                   .args = t->args,
                   .count = t->count,
                   .adjoint = adjoint,
                   .error = t->error};
    adjoint_rules[op](&v);
    if (adjoint[k] == BOREL_REFUSED) return BOREL_REFUSED;
    total = sum(t, total, adjoint[k]);
  }
  return total;
}

/* ---- linear operations on one array: themselves, on the tangent ------------------------------ */

#define RULE(NAME) borel_node borel_tangent_##NAME(const borel_tangent *t)

RULE(RESHAPE) { return one(t, BOREL_OP_RESHAPE, dot(t, 0), 0, shape_of(t, t->y)); }
RULE(BROADCAST) { return one(t, BOREL_OP_BROADCAST, t->dots[0], 0, shape_of(t, t->y)); }
RULE(GATHER) { return two(t, BOREL_OP_GATHER, dot(t, 0), t->args[1], 0); }
RULE(SCATTER) { return two(t, BOREL_OP_SCATTER, dot(t, 0), t->args[1], 0); }
RULE(SEGMENT_SUM) {
  borel_node args[] = {dot(t, 0), t->args[1], t->args[2]};
  return borel_graph_op(t->graph, BOREL_OP_SEGMENT_SUM, args, 3, 0, NULL, t->error);
}
RULE(SUM) { return one(t, BOREL_OP_SUM, dot(t, 0), attr_of(t), shape_of(t, t->y)); }
RULE(SUM_LOG) {
  return one(t, BOREL_OP_SUM, two(t, BOREL_OP_DIV, dot(t, 0), t->args[0], 0), -1, shape_of(t, t->y));
}
RULE(CUMSUM) { return one(t, BOREL_OP_CUMSUM, dot(t, 0), attr_of(t), shape_of(t, t->y)); }

/* ---- the others ------------------------------------------------------------------------------ */

RULE(STACK) {
  borel_node *parts = malloc(t->count * sizeof *parts), made = BOREL_NO_NODE;
  if (!parts) return BOREL_NO_NODE;
  borel_shape shape = borel_graph_at(t->graph, t->y)->shape;
  for (size_t k = 0; k < t->count; k++) parts[k] = dot(t, k);
  made = borel_graph_op(t->graph, BOREL_OP_STACK, parts, t->count, 0, &shape, t->error);
  free(parts);
  return made;
}

RULE(MATMUL) {
  borel_node left = BOREL_NO_NODE, right = BOREL_NO_NODE;
  if (t->dots[0] != BOREL_NO_NODE) left = two(t, BOREL_OP_MATMUL, dot(t, 0), t->args[1], attr_of(t));
  if (t->dots[1] != BOREL_NO_NODE) right = two(t, BOREL_OP_MATMUL, t->args[0], dot(t, 1), attr_of(t));
  return sum(t, left, right);
}

/* What a reduction along an axis gave, stretched to the shape of its argument. */
static borel_node along_axis(const borel_tangent *t, borel_node y, int64_t axis) {
  if (axis < 0) return y;
  borel_shape wide = shape_of(t, t->args[0]), thin = wide;
  thin.extent[axis] = 1;
  return one(t, BOREL_OP_BROADCAST, one(t, BOREL_OP_RESHAPE, y, 0, thin), 0, wide);
}

/* The mean of the tangents under the softmax weights exp(a - y). */
RULE(LOG_SUM_EXP) {
  int64_t axis = attr_of(t);
  borel_node weight = two(t, BOREL_OP_EXP_DIFF, t->args[0], along_axis(t, t->y, axis), 0);
  borel_node product = borel_graph_adjoint_product(t->graph, weight, dot(t, 0));
  return one(t, BOREL_OP_SUM, product, axis, shape_of(t, t->y));
}

/* The transpose of the adjoint rule: the mean over the places of the maximum. */
RULE(MAXIMUM) {
  int64_t axis = attr_of(t);
  borel_node here = two(t, BOREL_OP_EQ, t->args[0], along_axis(t, t->y, axis), 0);
  borel_node one_each = choose(t, here, borel_graph_scalar(t->graph, 1), BOREL_NO_NODE);
  borel_node count = one(t, BOREL_OP_SUM, one_each, axis, shape_of(t, t->y));
  borel_node total = one(t, BOREL_OP_SUM, choose(t, here, dot(t, 0), BOREL_NO_NODE), axis, shape_of(t, t->y));
  return two(t, BOREL_OP_DIV, total, count, 0);
}

RULE(ORDER) { return borel_graph_scalar(t->graph, 0); }

static const borel_tangent_rule rules[BOREL_OP_COUNT] = {
#define INDEXED(NAME, lua) [BOREL_OP_##NAME] = borel_tangent_##NAME,
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_tangent_##NAME,
#include "graph/ops.def"
};

/* ---- the sweep ------------------------------------------------------------------------------- */

static int is_zero(const borel_graph *G, borel_node x) {
  double value;
  if (borel_graph_constant(G, x, &value)) return value == 0;
  const borel_node_info *node = borel_graph_at(G, x);
  if (node->op != BOREL_OP_ARRAY) return 0;
  for (int64_t i = 0, n = borel_shape_size(&node->shape); i < n; i++)
    if (((const double *)node->array.data)[i] != 0) return 0;
  return 1;
}

/* What the outputs depend on. */
static void mark_wanted(const borel_graph *G, const borel_node *outputs, size_t count, uint8_t *wanted) {
  borel_node last = 0;
  for (size_t i = 0; i < count; i++) {
    wanted[outputs[i]] = 1;
    if (outputs[i] > last) last = outputs[i];
  }
  for (borel_node i = last + 1; i-- > 0;)
    for (uint32_t k = 0; wanted[i] && k < borel_graph_at(G, i)->arg_count; k++)
      wanted[borel_graph_args(G, i)[k]] = 1;
}

static borel_status node_tangent(borel_graph *G, borel_node i, const borel_node *args, const borel_node *dots,
                                 borel_node *out, borel_error *error) {
  borel_node_info node = *borel_graph_at(G, i);
  borel_tangent t = {G, i, args, dots, node.arg_count, error};
  int is_elementwise = borel_op_get(node.op)->kind == BOREL_CLASS_ELEMENTWISE;
  borel_node made = is_elementwise ? elementwise(&t, node.op) : rules[node.op](&t);
  if (made == BOREL_NO_NODE && is_elementwise) return BOREL_OK; /* a step function */
  if (made == BOREL_REFUSED)
    return borel_fail(error, BOREL_ARG, "%s: this derivative is not offered", borel_op_get(node.op)->name);
  made = borel_graph_expand(G, made, &node.shape, error);
  if (made == BOREL_NO_NODE) return borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  if (!is_zero(G, made)) *out = made;
  return BOREL_OK;
}

static borel_node *new_parts(const borel_graph *G, borel_node region) {
  size_t count = borel_region_results(borel_graph_at(G, region));
  borel_node *parts = malloc((count + 1) * sizeof *parts);
  if (parts) memset(parts, 0xff, (count + 1) * sizeof *parts);
  return parts;
}

borel_status borel_graph_tangents(borel_graph *G, const borel_node *outputs, size_t count,
                                  const borel_node *wrt, const borel_node *tangents, size_t wrt_count,
                                  borel_node *out, borel_error *error) {
  size_t size = borel_graph_size(G), room = 1;
  for (borel_node i = 0; i < size; i++)
    if (borel_graph_at(G, i)->arg_count > room) room = borel_graph_at(G, i)->arg_count;
  borel_status status = BOREL_OK;
  uint8_t *wanted = calloc(size + 1, 1);
  borel_node *tangent = malloc((size + 1) * sizeof *tangent), *args = malloc(2 * room * sizeof *args);
  borel_node **parts = calloc(size + 1, sizeof *parts);
  if (!wanted || !tangent || !args || !parts) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
    goto done;
  }
  memset(tangent, 0xff, (size + 1) * sizeof *tangent);
  mark_wanted(G, outputs, count, wanted);
  for (size_t i = 0; i < wrt_count; i++) {
    borel_shape shape = borel_graph_at(G, wrt[i])->shape;
    borel_node full = borel_graph_expand(G, tangents[i], &shape, error);
    if (full == BOREL_NO_NODE) {
      status = error && error->code ? error->code : BOREL_INTERNAL;
      goto done;
    }
    tangent[wrt[i]] = is_zero(G, full) ? BOREL_NO_NODE : full;
    wanted[wrt[i]] = 0; /* given: not to be computed */
  }
  borel_node *dots = args + room;
  for (borel_node i = 0; i < size && !status; i++) {
    borel_node_info node = *borel_graph_at(G, i);
    int moves = 0;
    if (!wanted[i] || node.arg_count == 0 || node.dtype != BOREL_F64) continue;
    memcpy(args, borel_graph_args(G, i), node.arg_count * sizeof *args);
    if (node.op == BOREL_OP_PROJECT) {
      if (parts[args[0]]) tangent[i] = parts[args[0]][node.attr];
      continue;
    }
    for (uint32_t k = 0; k < node.arg_count; k++) moves |= (dots[k] = tangent[args[k]]) != BOREL_NO_NODE;
    if (!moves) continue;
    if (borel_op_get(node.op)->kind != BOREL_CLASS_REGION)
      status = node_tangent(G, i, args, dots, &tangent[i], error);
    else if (!(parts[i] = new_parts(G, i)))
      status = borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
    else
      status = borel_region_tangents(G, i, dots, parts[i], error);
  }
  for (size_t i = 0; i < count && !status; i++) out[i] = tangent[outputs[i]];
done:
  for (size_t i = 0; parts && i < size; i++) free(parts[i]);
  free(parts);
  free(args);
  free(tangent);
  free(wanted);
  return status;
}

borel_status borel_graph_jvp(borel_graph *G, const borel_node *outputs, size_t count, const borel_node *wrt,
                             const borel_node *tangents, size_t wrt_count, borel_node *out,
                             borel_error *error) {
  borel_status status = borel_graph_tangents(G, outputs, count, wrt, tangents, wrt_count, out, error);
  for (size_t i = 0; i < count && !status; i++) {
    borel_shape shape = borel_graph_at(G, outputs[i])->shape;
    if (out[i] == BOREL_NO_NODE) out[i] = borel_graph_scalar(G, 0);
    out[i] = borel_graph_expand(G, out[i], &shape, error);
    if (out[i] == BOREL_NO_NODE) status = BOREL_INTERNAL;
  }
  return status;
}
