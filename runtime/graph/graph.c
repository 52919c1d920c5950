/* SPDX-License-Identifier: MIT
 * Construction: hash-consing, folding of constants, and the algebra that is always true. */
#include "graph/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "graph/internal.h"

struct borel_graph {
  borel_node_info *nodes;
  size_t count, capacity;
  borel_node *args; /* all argument lists, one after the other */
  size_t arg_count, arg_capacity;
  uint32_t *table; /* open addressing: node + 1, 0 when empty */
  size_t table_size;
  size_t inputs, shared;
  borel_region **regions;
  size_t region_count;
};

static const borel_op_info ops[BOREL_OP_COUNT] = {
    [BOREL_OP_SCALAR] = {"scalar", BOREL_CLASS_LEAF, 0, 'D', "", NULL},
    [BOREL_OP_ARRAY] = {"array", BOREL_CLASS_LEAF, 0, 'D', "", NULL},
    [BOREL_OP_INPUT] = {"input", BOREL_CLASS_LEAF, 0, 'D', "", NULL},
    [BOREL_OP_PROJECT] = {"project", BOREL_CLASS_LEAF, 1, 'D', "", NULL},
#define ELEMENTWISE1(NAME, lua, R, A, e, da)                                                                 \
  [BOREL_OP_##NAME] = {#lua, BOREL_CLASS_ELEMENTWISE, 1, #R[0], #A, #e},
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db)                                                         \
  [BOREL_OP_##NAME] = {#lua, BOREL_CLASS_ELEMENTWISE, 2, #R[0], #A #B_, #e},
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc)                                                 \
  [BOREL_OP_##NAME] = {#lua, BOREL_CLASS_ELEMENTWISE, 3, #R[0], #A #B_ #C_, #e},
#define INDEXED(NAME, lua) [BOREL_OP_##NAME] = {#lua, BOREL_CLASS_INDEXED, 0, 'D', "", NULL},
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = {#lua, BOREL_CLASS_STRUCTURED, 0, 'D', "", NULL},
#define REGION(NAME, lua) [BOREL_OP_##NAME] = {#lua, BOREL_CLASS_REGION, 0, 'D', "", NULL},
#include "graph/ops.def"
};

static const borel_shape_rule shape_rules[BOREL_OP_COUNT] = {
#define INDEXED(NAME, lua) [BOREL_OP_##NAME] = borel_shape_##NAME,
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_shape_##NAME,
#include "graph/ops.def"
};

const borel_op_info *borel_op_get(borel_op op) { return &ops[op]; }

borel_graph *borel_graph_new(void) { return calloc(1, sizeof(borel_graph)); }

void borel_region_free(borel_region *region) {
  if (!region || (region->holders > 0 && --region->holders > 0)) return;
  borel_graph_free(region->body);
  borel_region_free(region->otherwise);
  free(region->outputs);
  free(region->ode);
  free(region);
}

void borel_graph_free(borel_graph *graph) {
  if (!graph) return;
  for (size_t i = 0; i < graph->count; i++)
    if (graph->nodes[i].op == BOREL_OP_ARRAY) borel_array_release(&graph->nodes[i].array);
  for (size_t i = 0; i < graph->region_count; i++) borel_region_free(graph->regions[i]);
  free(graph->regions);
  free(graph->nodes);
  free(graph->args);
  free(graph->table);
  free(graph);
}

int borel_graph_keep_region(borel_graph *graph, borel_region *region) {
  borel_region **regions = realloc(graph->regions, (graph->region_count + 1) * sizeof *regions);
  if (!regions) return 0;
  graph->regions = regions;
  regions[graph->region_count++] = region;
  region->holders++;
  return 1;
}

size_t borel_graph_size(const borel_graph *graph) { return graph->count; }
size_t borel_graph_shared(const borel_graph *graph) { return graph->shared; }
const borel_node_info *borel_graph_at(const borel_graph *graph, borel_node node) {
  return &graph->nodes[node];
}
const borel_node *borel_graph_args(const borel_graph *graph, borel_node node) {
  return graph->args + graph->nodes[node].first_arg;
}
size_t borel_graph_inputs(const borel_graph *graph) { return graph->inputs; }

/* ---- hash-consing ---------------------------------------------------------------------------- */

static uint64_t hash_node(const borel_node_info *node, const borel_node *args) {
  struct {
    uint32_t op, dtype, count, rank;
    int64_t extent[BOREL_MAX_RANK], attr;
    double value;
    const void *region;
  } key = {node->op, node->dtype, node->arg_count, (uint32_t)node->shape.rank,
           {0},      node->attr,  node->value,     NULL};
  for (int i = 0; i < node->shape.rank; i++) key.extent[i] = node->shape.extent[i];
  key.region = node->region;
  uint64_t hash = borel_hash(args, node->arg_count * sizeof *args, borel_hash(&key, sizeof key, 0));
  if (node->op != BOREL_OP_ARRAY) return hash;
  int64_t size = borel_shape_size(&node->shape), stride = size / 16 + 1; /* a sample; equality looks at all */
  for (int64_t i = 0; i < size; i += stride)
    hash = borel_hash((const char *)node->array.data + 8 * i, 8, hash);
  return hash;
}

static int same_data(const borel_node_info *a, const borel_node_info *b) {
  return a->array.data == b->array.data ||
         memcmp(a->array.data, b->array.data, 8 * (size_t)borel_shape_size(&a->shape)) == 0;
}

static int same_node(const borel_graph *graph, const borel_node_info *a, const borel_node_info *b,
                     const borel_node *args) {
  return a->op == b->op && a->dtype == b->dtype && a->arg_count == b->arg_count && a->attr == b->attr &&
         memcmp(&a->value, &b->value, sizeof a->value) == 0 && borel_shape_equal(&a->shape, &b->shape) &&
         a->region == b->region && (a->op != BOREL_OP_ARRAY || same_data(a, b)) &&
         (a->arg_count == 0 || memcmp(graph->args + a->first_arg, args, a->arg_count * sizeof *args) == 0);
}

static int grow(borel_graph *graph, size_t args) {
  if (graph->count == graph->capacity) {
    size_t capacity = graph->capacity ? 2 * graph->capacity : 256;
    borel_node_info *nodes = realloc(graph->nodes, capacity * sizeof *nodes);
    if (!nodes) return 0;
    graph->nodes = nodes;
    graph->capacity = capacity;
  }
  if (graph->arg_count + args > graph->arg_capacity) {
    size_t capacity = 2 * graph->arg_capacity + args + 256;
    borel_node *list = realloc(graph->args, capacity * sizeof *list);
    if (!list) return 0;
    graph->args = list;
    graph->arg_capacity = capacity;
  }
  if (2 * graph->count >= graph->table_size) {
    size_t size = graph->table_size ? 2 * graph->table_size : 1024;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table) return 0;
    for (borel_node i = 0; i < graph->count; i++) {
      size_t slot = hash_node(&graph->nodes[i], borel_graph_args(graph, i)) & (size - 1);
      while (table[slot]) slot = (slot + 1) & (size - 1);
      table[slot] = i + 1;
    }
    free(graph->table);
    graph->table = table;
    graph->table_size = size;
  }
  return 1;
}

borel_node borel_graph_intern(borel_graph *graph, borel_node_info *node, const borel_node *args,
                              size_t count) {
  node->arg_count = (uint32_t)count;
  int inside = count && args >= graph->args && args < graph->args + graph->arg_capacity;
  size_t at = inside ? (size_t)(args - graph->args) : 0;
  if (!grow(graph, count)) return BOREL_NO_NODE;
  if (inside) args = graph->args + at; /* `grow` may have moved the list that args lies in */
  size_t slot = hash_node(node, args) & (graph->table_size - 1);
  for (; graph->table[slot]; slot = (slot + 1) & (graph->table_size - 1)) {
    borel_node found = graph->table[slot] - 1;
    if (same_node(graph, &graph->nodes[found], node, args)) {
      if (node->op == BOREL_OP_ARRAY) borel_array_release(&node->array);
      graph->nodes[found].masked |= node->masked;
      graph->shared += count > 0;
      return found;
    }
  }
  node->first_arg = (uint32_t)graph->arg_count;
  if (count) memcpy(graph->args + graph->arg_count, args, count * sizeof *args);
  graph->arg_count += count;
  graph->nodes[graph->count] = *node;
  graph->table[slot] = (uint32_t)++graph->count;
  return (borel_node)(graph->count - 1);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

borel_node borel_graph_input(borel_graph *graph, borel_dtype dtype, const borel_shape *shape) {
  borel_node_info node = {
      .op = BOREL_OP_INPUT, .dtype = dtype, .shape = *shape, .attr = (int64_t)graph->inputs};
  borel_node made = borel_graph_intern(graph, &node, NULL, 0);
  if (made != BOREL_NO_NODE) graph->inputs++;
  return made;
}

borel_node borel_graph_scalar(borel_graph *graph, double value) {
  if (value == 0) value = 0; /* -0 and 0 are one constant */
  borel_node_info node = {.op = BOREL_OP_SCALAR, .dtype = BOREL_F64, .value = value};
  return borel_graph_intern(graph, &node, NULL, 0);
}

borel_node borel_graph_integer(borel_graph *graph, int64_t value) {
  borel_node_info node = {.op = BOREL_OP_SCALAR, .dtype = BOREL_I64, .attr = value, .value = (double)value};
  return borel_graph_intern(graph, &node, NULL, 0);
}

/* A constant from an array that the node takes over: a number when it has rank 0. */
static borel_node constant(borel_graph *graph, borel_array array) {
  if (array.shape.rank == 0) {
    borel_node made = array.dtype == BOREL_F64 ? borel_graph_scalar(graph, *(double *)array.data)
                                               : borel_graph_integer(graph, *(int64_t *)array.data);
    borel_array_release(&array);
    return made;
  }
  borel_node_info node = {.op = BOREL_OP_ARRAY, .dtype = array.dtype, .shape = array.shape, .array = array};
  return borel_graph_intern(graph, &node, NULL, 0);
}

borel_node borel_graph_array(borel_graph *graph, const borel_array *array) {
  if (array->dtype == BOREL_F64 || array->dtype == BOREL_I64) return constant(graph, borel_array_hold(array));
  borel_array wide = borel_array_new(array->dtype == BOREL_BOOL ? BOREL_I64 : BOREL_F64, &array->shape);
  if (!wide.data) return BOREL_NO_NODE;
  for (int64_t i = 0, n = borel_shape_size(&array->shape); i < n; i++) {
    if (wide.dtype == BOREL_I64)
      ((int64_t *)wide.data)[i] = ((const uint8_t *)array->data)[i];
    else
      ((double *)wide.data)[i] = borel_array_at(array, i);
  }
  return constant(graph, wide);
}

int borel_graph_constant(const borel_graph *graph, borel_node node, double *value) {
  const borel_node_info *info = &graph->nodes[node];
  while (info->op == BOREL_OP_BROADCAST) info = &graph->nodes[graph->args[info->first_arg]];
  if (info->op != BOREL_OP_SCALAR) return 0;
  *value = info->value;
  return 1;
}

/* ---- types and shapes ------------------------------------------------------------------------ */

static borel_dtype letter_dtype(char letter) { return letter == 'I' ? BOREL_I64 : BOREL_F64; }

borel_status borel_op_infer(borel_node_info *info, const borel_node_info *const *args, size_t count,
                            const borel_shape *stated, borel_error *error) {
  const borel_op_info *op = &ops[info->op];
  if (op->kind != BOREL_CLASS_ELEMENTWISE) {
    if (!shape_rules[info->op])
      return borel_fail(error, BOREL_INTERNAL, "%s: not an operation on arrays", op->name);
    return shape_rules[info->op](info, args, count, stated, error);
  }
  if (count != (size_t)op->arity)
    return borel_fail(error, BOREL_ARG, "%s: takes %d arguments, got %zu", op->name, op->arity, count);
  info->shape = (borel_shape){0};
  for (size_t i = 0; i < count; i++) {
    if (letter_dtype(op->types[i]) != (args[i]->dtype == BOREL_BOOL ? BOREL_I64 : args[i]->dtype))
      return borel_fail(error, BOREL_ARG, "%s: argument %zu is %s, needs %s", op->name, i + 1,
                        borel_dtype_name(args[i]->dtype), borel_dtype_name(letter_dtype(op->types[i])));
    borel_shape wide;
    if (!borel_shape_broadcast(&info->shape, &args[i]->shape, &wide)) {
      char have[64], want[64];
      return borel_fail(error, BOREL_ARG, "%s: shapes %s and %s do not fit together", op->name,
                        borel_shape_text(&info->shape, have), borel_shape_text(&args[i]->shape, want));
    }
    info->shape = wide;
  }
  info->dtype = letter_dtype(op->result);
  return BOREL_OK;
}

/* ---- folding --------------------------------------------------------------------------------- */

static int is_constant(const borel_node_info *node) {
  return node->op == BOREL_OP_SCALAR || node->op == BOREL_OP_ARRAY;
}

static borel_node fold(borel_graph *graph, const borel_node_info *node, const borel_node *args,
                       size_t count) {
  if (node->op == BOREL_OP_BROADCAST && graph->nodes[args[0]].shape.rank == 0)
    return BOREL_NO_NODE; /* stays small */
  if (borel_op_get(node->op)->kind == BOREL_CLASS_REGION) return BOREL_NO_NODE;
  for (size_t i = 0; i < count; i++)
    if (!is_constant(&graph->nodes[args[i]])) return BOREL_NO_NODE;
  borel_operand *operands = calloc(count, sizeof *operands);
  borel_array result = borel_array_new(node->dtype, &node->shape);
  if (operands && result.data) {
    for (size_t i = 0; i < count; i++) {
      borel_node_info *arg = &graph->nodes[args[i]];
      operands[i].shape = &arg->shape;
      operands[i].data = arg->op == BOREL_OP_ARRAY ? arg->array.data
                         : arg->dtype == BOREL_I64 ? (void *)&arg->attr
                                                   : (void *)&arg->value;
    }
    borel_op_evaluate(node, operands, count, result.data);
    free(operands);
    return constant(graph, result);
  }
  free(operands);
  borel_array_release(&result);
  return BOREL_NO_NODE;
}

static int masked(const borel_graph *graph, const borel_node_info *node, const borel_node *args) {
  switch (node->op) {
  case BOREL_OP_WHERE:
    for (size_t i = 1; i < 3; i++) {
      double value = 1;
      if (graph->nodes[args[i]].masked || (borel_graph_constant(graph, args[i], &value) && value == 0))
        return 1;
    }
    return 0;
  case BOREL_OP_MULZ:
  case BOREL_OP_FIRST_WEIGHT:
  case BOREL_OP_SECOND_WEIGHT:
  case BOREL_OP_EXP_DIFF: /* the weight of an impossible term */ return 1;
  case BOREL_OP_ADD:
  case BOREL_OP_SUB:
  case BOREL_OP_MUL:
  case BOREL_OP_NEG:
  case BOREL_OP_RESHAPE:
  case BOREL_OP_BROADCAST:
  case BOREL_OP_GATHER:
  case BOREL_OP_SUM:
  case BOREL_OP_CUMSUM:
  case BOREL_OP_SCATTER:
  case BOREL_OP_SEGMENT_SUM:
  case BOREL_OP_STACK:
  case BOREL_OP_MATMUL:
  case BOREL_OP_SOLVE_TRIANGULAR:
  case BOREL_OP_SOLVE:
  case BOREL_OP_MAHALANOBIS:
    for (size_t i = 0; i < node->arg_count; i++)
      if (graph->nodes[args[i]].masked) return 1;
    return 0;
  case BOREL_OP_PROJECT: return 1; /* a scan's adjoint may pass masks through its body */
  default: return 0;
  }
}

borel_node borel_graph_op(borel_graph *graph, borel_op op, const borel_node *args, size_t count, int64_t attr,
                          const borel_shape *shape, borel_error *error) {
  borel_node few[8], *list = count <= 8 ? few : malloc(count * sizeof *list);
  const borel_node_info *infos[8], **all = count <= 8 ? infos : malloc(count * sizeof *all);
  borel_node made = BOREL_NO_NODE;
  if (!list || !all || count == 0 || count > UINT32_MAX / 8) goto done;
  for (size_t i = 0; i < count; i++) {
    if (args[i] == BOREL_NO_NODE) goto done; /* an earlier failure passes through */
    list[i] = args[i];
    all[i] = &graph->nodes[args[i]];
  }
  borel_node_info node = {.op = op, .attr = attr, .arg_count = (uint32_t)count};
  if (borel_op_infer(&node, all, count, shape, error) != BOREL_OK) goto done;
  if (borel_op_get(op)->kind == BOREL_CLASS_ELEMENTWISE) /* scalars stretch by themselves */
    for (size_t i = 0; i < count; i++) {
      const borel_shape *have = &graph->nodes[list[i]].shape;
      if (have->rank == 0 || borel_shape_equal(have, &node.shape)) continue;
      list[i] = borel_graph_op(graph, BOREL_OP_BROADCAST, &list[i], 1, 0, &node.shape, error);
      if (list[i] == BOREL_NO_NODE) goto done;
    }
  if ((made = fold(graph, &node, list, count)) != BOREL_NO_NODE) goto done;
  if ((made = borel_graph_simplify(graph, &node, list)) != BOREL_NO_NODE) goto done;
  node.masked = (uint8_t)masked(graph, &node, list);
  made = borel_graph_intern(graph, &node, list, count);
  if (made == BOREL_NO_NODE) borel_fail(error, BOREL_INTERNAL, "out of memory for the graph of the model");
done:
  if (list != few) free(list);
  if (all != infos) free(all);
  return made;
}

borel_node borel_graph_expand(borel_graph *graph, borel_node x, const borel_shape *shape,
                              borel_error *error) {
  if (x == BOREL_NO_NODE || borel_shape_equal(&graph->nodes[x].shape, shape)) return x;
  return borel_graph_op(graph, BOREL_OP_BROADCAST, &x, 1, 0, shape, error);
}

borel_node borel_graph_adjoint_product(borel_graph *graph, borel_node g, borel_node factor) {
  if (g == BOREL_NO_NODE || factor == BOREL_NO_NODE) return BOREL_NO_NODE;
  borel_op product = graph->nodes[g].masked ? BOREL_OP_MULZ : BOREL_OP_MUL;
  return borel_graph_op(graph, product, (borel_node[]){g, factor}, 2, 0, NULL, NULL);
}

void borel_graph_mask(borel_graph *graph, borel_node x) { graph->nodes[x].masked = 1; }
