/* SPDX-License-Identifier: MIT
 * Differential equations as nodes: what is checked, the Jacobians that solvers need, and derivatives of
 * solutions, which are linear in their sensitivities. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"

enum { Y0, T0, TS, CAPTURED };            /* arguments */
enum { SOLUTION, SENSITIVITIES, SLOPES }; /* results */
enum { T_INPUT, Y_INPUT };                /* of the body; then the captured ones */

static int64_t size_of(const borel_graph *G, borel_node node) {
  return borel_shape_size(&borel_graph_at(G, node)->shape);
}

/* Can it change from one evaluation to the next? */
static int moves(const borel_graph *G, borel_node node) {
  double number;
  const borel_node_info *info = borel_graph_at(G, node);
  return info->dtype == BOREL_F64 && info->op != BOREL_OP_ARRAY && !borel_graph_constant(G, node, &number);
}

/* ---- checks ---------------------------------------------------------------------------------- */

static borel_status check_times(const borel_graph *G, borel_node t0, borel_node ts, borel_error *error) {
  const borel_node_info *times = borel_graph_at(G, ts);
  double start = -INFINITY;
  if (borel_graph_constant(G, t0, &start) && !isfinite(start))
    return borel_fail(error, BOREL_ARG, "ode: t0 is %g", start);
  if (times->op != BOREL_OP_ARRAY) return BOREL_OK;
  const double *t = times->array.data;
  for (int64_t i = 0; i < times->shape.extent[0]; i++) {
    if (!isfinite(t[i])) return borel_fail(error, BOREL_ARG, "ode: ts[%lld] is %g", (long long)i + 1, t[i]);
    if (i == 0 && t[0] < start)
      return borel_fail(error, BOREL_ARG, "ode: ts[1] = %g lies before t0 = %g", t[0], start);
    if (i > 0 && !(t[i] > t[i - 1]))
      return borel_fail(error, BOREL_ARG,
                        "ode: the times must increase, but ts[%lld] = %g is followed by ts[%lld] = %g",
                        (long long)i, t[i - 1], (long long)i + 1, t[i]);
  }
  return BOREL_OK;
}

static borel_status check(const borel_graph *G, const borel_region *region, const borel_node *args,
                          size_t count, borel_error *error) {
  char have[64], want[64];
  if (count < CAPTURED || count - CAPTURED + 2 != borel_graph_inputs(region->body) ||
      region->output_count < 1)
    return borel_fail(error, BOREL_INTERNAL,
                      "ode: the number of arguments differs from the inputs of the body");
  const borel_node_info *y0 = borel_graph_at(G, args[Y0]);
  static const char *const names[] = {"the initial state", "t0", "ts"};
  static const int ranks[] = {1, 0, 1};
  for (int k = 0; k < CAPTURED; k++) {
    const borel_node_info *arg = borel_graph_at(G, args[k]);
    if (arg->dtype == BOREL_F64 && arg->shape.rank == ranks[k] && borel_shape_size(&arg->shape) > 0) continue;
    return borel_fail(error, BOREL_ARG, "ode: %s must be %s, not %s %s", names[k],
                      ranks[k] ? "a vector of numbers" : "a number", borel_dtype_name(arg->dtype),
                      borel_shape_text(&arg->shape, have));
  }
  const borel_node_info *f = borel_graph_at(region->body, region->outputs[0]);
  if (!borel_shape_equal(&f->shape, &y0->shape) || f->dtype != BOREL_F64)
    return borel_fail(error, BOREL_ARG, "ode: the state has shape %s but the right-hand side returns %s %s",
                      borel_shape_text(&y0->shape, want), borel_dtype_name(f->dtype),
                      borel_shape_text(&f->shape, have));
  return check_times(G, args[T0], args[TS], error);
}

/* ---- Jacobians ------------------------------------------------------------------------------- */

static borel_node unit_vector(borel_graph *B, borel_shape shape, int64_t k) {
  if (shape.rank == 0) return borel_graph_scalar(B, 1);
  borel_array unit = borel_array_new(BOREL_F64, &shape);
  if (!unit.data) return BOREL_NO_NODE;
  ((double *)unit.data)[k] = 1;
  borel_node made = borel_graph_array(B, &unit);
  borel_array_release(&unit);
  return made;
}

/* Appends the columns of df/dx to `columns`: tangents of f along unit vectors. */
static borel_status add_columns(borel_graph *B, borel_node f, borel_node x, borel_node *columns,
                                size_t *count, borel_error *error) {
  borel_shape shape = borel_graph_at(B, x)->shape;
  for (int64_t k = 0; k < borel_shape_size(&shape); k++) {
    borel_node unit = unit_vector(B, shape, k);
    borel_status status = borel_graph_jvp(B, &f, 1, &x, &unit, 1, &columns[(*count)++], error);
    if (status) return status;
  }
  return BOREL_OK;
}

static borel_node stacked(borel_graph *B, const borel_node *columns, size_t count, borel_error *error) {
  return count ? borel_graph_op(B, BOREL_OP_STACK, columns, count, 0, NULL, error) : borel_graph_scalar(B, 0);
}

/* Outputs of the body: f, df/dy, df/dparameters, the last two by columns. */
static borel_status add_jacobians(borel_region *region, const int64_t *first, borel_error *error) {
  borel_graph *B = region->body;
  size_t size = borel_graph_size(B), total = 0, count = 0;
  borel_node f = region->outputs[0];
  borel_node *inputs = malloc((borel_graph_inputs(B) + 1) * sizeof *inputs), *columns = NULL;
  borel_node *outputs = malloc(3 * sizeof *outputs);
  borel_status status = BOREL_INTERNAL;
  if (!inputs || !outputs) goto done;
  for (borel_node i = 0; i < size; i++)
    if (borel_graph_at(B, i)->op == BOREL_OP_INPUT) {
      inputs[borel_graph_at(B, i)->attr] = i;
      total += (size_t)size_of(B, i);
    }
  if (!(columns = malloc((total + 1) * sizeof *columns))) goto done;
  outputs[0] = f;
  if ((status = add_columns(B, f, inputs[Y_INPUT], columns, &count, error))) goto done;
  outputs[1] = stacked(B, columns, count, error);
  count = 0;
  for (size_t k = 0; k < region->captured && !status; k++)
    if (first[CAPTURED + k] >= 0) status = add_columns(B, f, inputs[2 + k], columns, &count, error);
  if (status) goto done;
  outputs[2] = stacked(B, columns, count, error);
  status = outputs[1] == BOREL_NO_NODE || outputs[2] == BOREL_NO_NODE ? BOREL_INTERNAL : BOREL_OK;
  free(region->outputs);
  region->outputs = outputs;
  region->output_count = 3;
  outputs = NULL;
done:
  free(inputs);
  free(columns);
  free(outputs);
  return status;
}

/* ---- construction ---------------------------------------------------------------------------- */

static borel_status prepare(const borel_graph *G, borel_region *region, const borel_node *args, size_t count,
                            const borel_ode *options, borel_error *error) {
  borel_status status = check(G, region, args, count, error);
  if (status) return status;
  if (!(region->ode = malloc(sizeof *region->ode + count * sizeof *region->ode->first)))
    return borel_fail(error, BOREL_INTERNAL, "out of memory for the graph of the model");
  *region->ode = *options;
  region->captured = count - CAPTURED;
  int64_t next = 0;
  for (size_t k = 0; k < count; k++) {
    int has_columns = k != TS && moves(G, args[k]);
    region->ode->first[k] = has_columns ? next : -1;
    if (has_columns) next += size_of(G, args[k]);
  }
  region->ode->columns = next;
  return add_jacobians(region, region->ode->first, error);
}

borel_node borel_graph_ode(borel_graph *graph, borel_region *region, const borel_node *args, size_t count,
                           const borel_ode *options, borel_error *error) {
  if (!borel_graph_keep_region(graph, region)) {
    borel_region_free(region);
    borel_fail(error, BOREL_INTERNAL, "out of memory for the graph of the model");
    return BOREL_NO_NODE;
  }
  for (size_t i = 0; i < count; i++) /* an earlier failure passes through */
    if (args[i] == BOREL_NO_NODE) return BOREL_NO_NODE;
  /* A region that was prepared before is a copy of one: its columns stay what they were. */
  if (!region->ode && prepare(graph, region, args, count, options, error)) return BOREL_NO_NODE;
  borel_node_info node = {.op = BOREL_OP_ODE, .dtype = BOREL_F64, .region = region, .masked = 1};
  node.attr = size_of(graph, args[TS]);
  return borel_graph_intern(graph, &node, args, count);
}

borel_node borel_graph_ode_project(borel_graph *graph, borel_node ode, size_t which) {
  if (which > SLOPES) return BOREL_NO_NODE;
  const borel_node_info *node = borel_graph_at(graph, ode);
  int64_t n = size_of(graph, borel_graph_args(graph, ode)[Y0]), columns = node->region->ode->columns;
  borel_node_info part = {.op = BOREL_OP_PROJECT, .dtype = BOREL_F64, .attr = (int64_t)which, .masked = 1};
  part.shape = (borel_shape){which == SENSITIVITIES ? 3 : 2, {node->attr, n}};
  if (which == SENSITIVITIES) part.shape.extent[2] = columns;
  return borel_graph_intern(graph, &part, &ode, 1);
}

/* ---- derivatives ----------------------------------------------------------------------------- */

static borel_node reshaped(borel_graph *G, borel_node x, borel_shape shape, borel_error *error) {
  return borel_graph_op(G, BOREL_OP_RESHAPE, &x, 1, 0, &shape, error);
}

/* The sensitivities as a matrix [T n, columns]. */
static borel_node sensitivity_matrix(borel_graph *G, borel_node ode, borel_error *error) {
  borel_node s = borel_graph_ode_project(G, ode, SENSITIVITIES);
  borel_shape shape = borel_graph_at(G, s)->shape;
  return reshaped(G, s, (borel_shape){2, {shape.extent[0] * shape.extent[1], shape.extent[2]}}, error);
}

/* Elements first .. of a vector, in the given shape. */
static borel_node part_of(borel_graph *G, borel_node vector, int64_t first, borel_shape shape,
                          borel_error *error) {
  borel_array index = borel_array_new(BOREL_I64, &shape);
  if (!index.data) return BOREL_NO_NODE;
  for (int64_t i = 0; i < borel_shape_size(&shape); i++) ((int64_t *)index.data)[i] = first + i;
  borel_node made = borel_graph_op(G, BOREL_OP_GATHER, (borel_node[]){vector, borel_graph_array(G, &index)},
                                   2, 0, NULL, error);
  borel_array_release(&index);
  return made;
}

static borel_status adjoints(borel_vjp *v) {
  borel_graph *G = v->graph;
  const borel_ode *o = borel_graph_at(G, v->y)->region->ode;
  borel_node g = v->parts[SOLUTION];
  if (v->parts[SENSITIVITIES] != BOREL_NO_NODE || v->parts[SLOPES] != BOREL_NO_NODE)
    return borel_fail(v->error, BOREL_ARG, "ode: second derivatives of a solution are not offered");
  if (g == BOREL_NO_NODE) return BOREL_OK;
  borel_shape shape = borel_graph_at(G, g)->shape;
  if (o->columns) {
    borel_node flat = reshaped(G, g, (borel_shape){1, {shape.extent[0] * shape.extent[1]}}, v->error);
    borel_node factors[] = {sensitivity_matrix(G, v->y, v->error), flat};
    borel_node all = borel_graph_op(G, BOREL_OP_MATMUL, factors, 2, 1, NULL, v->error);
    for (size_t k = 0; k < v->count; k++)
      if (o->first[k] >= 0)
        v->adjoint[k] = part_of(G, all, o->first[k], borel_graph_at(G, v->args[k])->shape, v->error);
  }
  if (v->active[v->args[TS]]) {
    borel_node product = borel_graph_adjoint_product(G, g, borel_graph_ode_project(G, v->y, SLOPES));
    v->adjoint[TS] = borel_graph_op(G, BOREL_OP_SUM, &product, 1, 1, NULL, v->error);
  }
  return BOREL_OK;
}

void borel_vjp_ODE(borel_vjp *v) { v->status = adjoints(v); }

borel_status borel_ode_tangents(borel_graph *G, borel_node ode, const borel_node *dots, borel_node *parts,
                                borel_error *error) {
  const borel_ode *o = borel_graph_at(G, ode)->region->ode;
  size_t count = borel_graph_at(G, ode)->arg_count, used = 0;
  borel_shape shape = {2, {borel_graph_at(G, ode)->attr, size_of(G, borel_graph_args(G, ode)[Y0])}};
  borel_node total = BOREL_NO_NODE, *list = malloc((count + 1) * sizeof *list);
  if (!list) return borel_fail(error, BOREL_INTERNAL, "out of memory for a derivative");
  int any = 0;
  for (size_t k = 0; k < count; k++) {
    if (o->first[k] < 0) continue;
    borel_shape own = borel_graph_at(G, borel_graph_args(G, ode)[k])->shape;
    any |= dots[k] != BOREL_NO_NODE;
    list[used++] =
        dots[k] != BOREL_NO_NODE ? dots[k] : borel_graph_expand(G, borel_graph_scalar(G, 0), &own, error);
  }
  if (any) {
    borel_node direction = borel_graph_op(G, BOREL_OP_STACK, list, used, 0, NULL, error);
    total = borel_graph_op(G, BOREL_OP_MATMUL, (borel_node[]){sensitivity_matrix(G, ode, error), direction},
                           2, 0, NULL, error);
    total = reshaped(G, total, shape, error);
  }
  free(list);
  if (dots[TS] != BOREL_NO_NODE) {
    borel_node column = reshaped(G, dots[TS], (borel_shape){2, {shape.extent[0], 1}}, error);
    borel_node product = borel_graph_op(
        G, BOREL_OP_MUL, (borel_node[]){borel_graph_ode_project(G, ode, SLOPES), column}, 2, 0, NULL, error);
    total = total == BOREL_NO_NODE
                ? product
                : borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){total, product}, 2, 0, NULL, error);
  }
  parts[SOLUTION] = total;
  return BOREL_OK;
}
