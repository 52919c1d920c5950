/* SPDX-License-Identifier: MIT
 *
 * Random graphs of random operations: native code = interpreter, for values and gradients. Several hundred,
 * from fixed seeds. */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPHS = 160, PER_TEXT = 40, NODES = 10, INPUTS = 6 };

static const borel_shape shapes[] = {{0},          {1, {1}},     {1, {3}},    {1, {20}},       {1, {37}},
                                     {2, {20, 3}}, {2, {3, 20}}, {2, {4, 5}}, {3, {2, 20, 3}}, {2, {2, 2}}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* In the bodies of scans, where small arrays become numbers. */
static const borel_shape small_shapes[] = {{0},         {1, {1}},    {1, {2}},    {1, {3}},  {1, {9}},
                                           {2, {2, 2}}, {2, {3, 2}}, {2, {1, 4}}, {1, {20}}, {2, {3, 3}}};
enum { SMALL_SHAPES = sizeof small_shapes / sizeof *small_shapes };

/* Vector loops use libmvec for these, and a difference of an ulp can become anything behind a comparison. */
static int differs_in_loops(borel_op op) {
  static const char *const functions[] = {"expm1(", "sin(",  "cos(",  "tan(",  "tanh(", "pow(",
                                          "erf",    "asin(", "acos(", "atan(", "sinh(", "cosh("};
  const char *text = borel_op_get(op)->expression;
  for (size_t i = 0; text && i < sizeof functions / sizeof *functions; i++)
    if (strstr(text, functions[i])) return 1;
  return 0;
}

static borel_node pick(const borel_graph *G, uint64_t *state) {
  uint64_t size = borel_graph_size(G);
  borel_node found; /* rather a recent one; the results of a region are values, it itself is none */
  do found = (borel_node)(size - 1 - uniform_below(state, size < 12 ? size : 12));
  while (borel_graph_at(G, found)->region);
  return found;
}

/* Linear algebra needs a square matrix: x x' of a matrix x, which fits on the right side too. */
static borel_node grow_linear(borel_graph *G, borel_op op, borel_node x, int64_t attr) {
  borel_error error;
  if (borel_graph_at(G, x)->shape.rank != 2) return BOREL_NO_NODE;
  borel_node square = borel_graph_op(G, BOREL_OP_MATMUL, (borel_node[]){x, x}, 2, 2, NULL, &error);
  borel_node lu = borel_graph_op(G, BOREL_OP_LU, &square, 1, 0, NULL, &error);
  borel_node args[4] = {square, op == BOREL_OP_SOLVE_TRIANGULAR ? x : lu, x};
  if (op == BOREL_OP_DET_SIGN) args[0] = lu;
  if (op == BOREL_OP_POSITIVE_INVERSE || op == BOREL_OP_LOG_DET || op == BOREL_OP_MAHALANOBIS) {
    args[1] = borel_graph_op(G, BOREL_OP_CHOLESKY, &square, 1, 0, NULL, &error);
    args[3] = borel_graph_op(G, BOREL_OP_SOLVE_TRIANGULAR, (borel_node[]){args[1], x}, 2, 0, NULL, &error);
    return borel_graph_op(G, op, args, op == BOREL_OP_MAHALANOBIS ? 4 : 2, 0, NULL, &error);
  }
  size_t count = op == BOREL_OP_SOLVE                                            ? 3
                 : op == BOREL_OP_SOLVE_TRIANGULAR || op == BOREL_OP_LOG_ABS_DET ? 2
                                                                                 : 1;
  return borel_graph_op(G, op, args, count, attr > 0, NULL, &error);
}

enum { FIRST_OP = BOREL_OP_PROJECT + 1, OPS = BOREL_OP_COUNT - FIRST_OP };

static int is_region(int op) { return borel_op_get((borel_op)op)->kind == BOREL_CLASS_REGION; }

/* One more node `op` out of what there is, or BOREL_NO_NODE when these do not fit together. */
static borel_node grow(borel_graph *G, borel_op op, const borel_shape *stated, uint64_t *state) {
  if (is_region(op)) return BOREL_NO_NODE;
  const borel_op_info *info = borel_op_get(op);
  borel_node args[4];
  for (int k = 0; k < 4; k++) {
    args[k] = pick(G, state);
    if (k < info->arity && info->types[k] == 'I' && borel_graph_at(G, args[k])->dtype == BOREL_F64)
      args[k] =
          INPUTS; /* the one of whole numbers (node 0 is a constant), or such operations would be rare */
  }
  int64_t attr = (int64_t)uniform_below(state, 4) - 1;
  borel_error error;
  switch (op) {
  case BOREL_OP_CHOLESKY:
  case BOREL_OP_SOLVE_TRIANGULAR:
  case BOREL_OP_POSITIVE_INVERSE:
  case BOREL_OP_LOG_DET:
  case BOREL_OP_MAHALANOBIS:
  case BOREL_OP_LU:
  case BOREL_OP_SOLVE:
  case BOREL_OP_LOG_ABS_DET:
  case BOREL_OP_DET_SIGN:
  case BOREL_OP_EIGH: return grow_linear(G, op, args[0], attr);
  case BOREL_OP_RESHAPE: {
    borel_shape flat = {1, {borel_shape_size(&borel_graph_at(G, args[0])->shape)}};
    return borel_graph_op(G, op, args, 1, 0, attr ? stated : &flat, &error);
  }
  case BOREL_OP_SEGMENT_SUM: { /* what a scatter to places in order becomes */
    enum { N = 70, GROUPS = 9 };
    int64_t from[N], to[N], limit = borel_shape_size(&borel_graph_at(G, args[0])->shape);
    if (borel_graph_at(G, args[0])->dtype != BOREL_F64) return BOREL_NO_NODE;
    for (int i = 0; i < N; i++) from[i] = (int64_t)uniform_below(state, (uint64_t)limit), to[i] = i * 7 / N;
    borel_node many[] = {apply2(G, BOREL_OP_GATHER, args[0], integers(G, N, from)), integers(G, N, to)};
    return borel_graph_op(G, BOREL_OP_SCATTER, many, 2, 0, &(borel_shape){1, {GROUPS}}, &error);
  }
  case BOREL_OP_CUMSUM: attr = attr > 0; break;
  case BOREL_OP_MATMUL: attr &= 3; break;
  case BOREL_OP_SUM:
  case BOREL_OP_MAXIMUM:
  case BOREL_OP_LOG_SUM_EXP: break;
  case BOREL_OP_STACK: return borel_graph_op(G, op, args, 1 + uniform_below(state, 4), 0, NULL, &error);
  case BOREL_OP_GATHER: {
    int64_t places[19], limit = borel_shape_size(&borel_graph_at(G, args[0])->shape);
    for (int i = 0; i < 19; i++) places[i] = (int64_t)uniform_below(state, (uint64_t)limit);
    if (attr >= 0) args[1] = attr ? integers(G, 19, places) : borel_graph_integer(G, places[0]);
    break;
  }
  default: attr = 0; break;
  }
  size_t count = info->arity ? (size_t)info->arity
                 : op == BOREL_OP_GATHER || op == BOREL_OP_SCATTER || op == BOREL_OP_MATMUL ? 2
                                                                                            : 1;
  if (differs_in_loops(op))
    for (size_t k = 0; k < count; k++) { /* numbers only: of arrays the sum */
      if (borel_graph_at(G, args[k])->shape.rank == 0) continue;
      if (borel_graph_at(G, args[k])->dtype != BOREL_F64) return BOREL_NO_NODE;
      args[k] = total(G, args[k]);
    }
  return borel_graph_op(G, op, args, count, attr, stated, &error);
}

/* Elements of what there is, in the given shape. */
static borel_node elements(borel_graph *G, borel_shape shape, borel_dtype dtype, uint64_t *state) {
  borel_node from = pick(G, state);
  if (borel_graph_at(G, from)->dtype != dtype) from = dtype == BOREL_I64 ? INPUTS : 1;
  borel_array index = borel_array_new(BOREL_I64, &shape);
  uint64_t limit = (uint64_t)borel_shape_size(&borel_graph_at(G, from)->shape);
  for (int64_t i = 0; i < borel_shape_size(&shape); i++)
    ((int64_t *)index.data)[i] = (int64_t)uniform_below(state, limit);
  borel_node made = apply2(G, BOREL_OP_GATHER, from, borel_graph_array(G, &index));
  borel_array_release(&index);
  return made;
}

/* The latest number node of the shape that depends on something, else half of `other`. */
static borel_node latest(borel_graph *G, const borel_shape *shape, borel_node other) {
  for (borel_node i = (borel_node)borel_graph_size(G); i-- > INPUTS + 1;)
    if (borel_graph_at(G, i)->dtype == BOREL_F64 && borel_shape_equal(&borel_graph_at(G, i)->shape, shape))
      return i;
  return apply2(G, BOREL_OP_MUL, borel_graph_scalar(G, 0.5), other);
}

/* A scan over five steps: two carries, two sequences, two captured values of which one is whole numbers. Its
 * body has its inputs where a graph has them: nodes 1 to INPUTS. */
static void grow_scan(borel_graph *G, uint64_t *state) {
  enum { STEPS = 5, CARRIES = 2, SEQUENCES = 2, OUTPUTS = 4 };
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  borel_node args[INPUTS];
  borel_graph_scalar(B, 0);
  for (int k = 0; k < INPUTS; k++) {
    borel_dtype dtype = k < INPUTS - 1 ? BOREL_F64 : BOREL_I64;
    borel_shape shape = small_shapes[uniform_below(state, SMALL_SHAPES)], whole = shape;
    if (k >= CARRIES && k < CARRIES + SEQUENCES) {
      whole.rank++;
      whole.extent[0] = STEPS;
      memcpy(whole.extent + 1, shape.extent, sizeof *shape.extent * (size_t)shape.rank);
    }
    borel_graph_input(B, dtype, &shape);
    args[k] = elements(G, whole, dtype, state);
  }
  for (int made = 0, tries = 0; made < NODES && tries < 400; tries++)
    made += grow(B, (borel_op)(FIRST_OP + uniform_below(state, OPS)),
                 &small_shapes[uniform_below(state, SMALL_SHAPES)], state) != BOREL_NO_NODE;
  region->outputs = calloc(OUTPUTS, sizeof *region->outputs);
  for (borel_node k = 0; k < CARRIES; k++)
    region->outputs[k] = latest(B, &borel_graph_at(B, 1 + k)->shape, 1 + k);
  for (size_t k = CARRIES; k < OUTPUTS; k++) region->outputs[k] = pick(B, state);
  region->output_count = OUTPUTS;
  region->carries = CARRIES;
  region->sequences = SEQUENCES;
  region->captured = INPUTS - CARRIES - SEQUENCES;
  region->reverse = (int)uniform_below(state, 2);
  borel_error error = {0};
  borel_node scan = borel_graph_scan(G, region, args, INPUTS, &error);
  cr_assert(scan != BOREL_NO_NODE, "%s", error.message);
  for (size_t k = 0; k < OUTPUTS + CARRIES; k++)
    if (uniform_below(state, 4)) borel_graph_project(G, scan, k);
}

/* Outputs: the last few nodes, the sum of all of them, and its gradient. */
static size_t generate(borel_graph *G, uint64_t seed, borel_node outputs[16]) {
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  borel_node wrt[INPUTS], sum = borel_graph_scalar(G, 0);
  for (int k = 0; k < INPUTS; k++) {
    const borel_shape *shape = &shapes[uniform_below(&state, SHAPES)];
    wrt[k] = borel_graph_input(G, k < INPUTS - 1 ? BOREL_F64 : BOREL_I64, shape);
  }
  for (uint64_t turn = 2 * seed; turn < 2 * seed + 2; turn++) /* every operation has its turn */
    for (int tries = 0, made = 0; tries < 60 && !made; tries++)
      made = grow(G, (borel_op)(FIRST_OP + turn % OPS), &shapes[uniform_below(&state, SHAPES)], &state) !=
             BOREL_NO_NODE;
  for (int made = 0, tries = 0; made < NODES && tries < 400; tries++) {
    made += grow(G, (borel_op)(FIRST_OP + uniform_below(&state, OPS)), &shapes[uniform_below(&state, SHAPES)],
                 &state) != BOREL_NO_NODE;
    if (made == NODES / 2 && seed % 3 == 0) grow_scan(G, &state), made++;
  }
  size_t count = 0, size = borel_graph_size(G);
  for (borel_node i = (borel_node)size; i-- > 0 && count < 5;) {
    if (borel_graph_at(G, i)->region) continue;
    if (borel_graph_at(G, i)->dtype == BOREL_F64) sum = apply2(G, BOREL_OP_ADD, sum, total(G, i));
    outputs[count++] = i;
  }
  outputs[count++] = sum;
  if (borel_graph_gradient(G, sum, wrt, INPUTS - 1, outputs + count, NULL) == BOREL_OK) count += INPUTS - 1;
  return count;
}

enum { ROOM = 128 };
static double values[INPUTS - 1][ROOM];
static int64_t places[ROOM];
static void *columns[INPUTS];

/* Numbers with a sprinkling of what breaks things. */
static void fill(uint64_t state) {
  static const double odd[] = {0, -0.0, 1, INFINITY, -INFINITY, NAN, 1e300, -1e-300};
  for (int k = 0; k < INPUTS - 1; k++) {
    columns[k] = values[k];
    for (int i = 0; i < ROOM; i++)
      values[k][i] = uniform_below(&state, 40) ? uniform(&state, -3, 3) : odd[uniform_below(&state, 8)];
  }
  columns[INPUTS - 1] = places;
  for (int i = 0; i < ROOM; i++) places[i] = (int64_t)uniform_below(&state, 25) - 2;
}

static void compare(engines *e, size_t program, uint64_t seed) {
  const borel_program *p = e->programs[program];
  double *kept[16];
  engines_run(e, program, INTERPRETED, columns);
  for (size_t k = 0; k < p->output_count; k++) {
    size_t bytes = 8 * (size_t)borel_shape_size(&borel_graph_at(p->graph, p->outputs[k])->shape);
    memcpy(kept[k] = malloc(bytes + 1), engines_output(e, program, k), bytes);
  }
  engines_run(e, program, NATIVE, columns);
  for (size_t k = 0; k < p->output_count; k++) {
    const borel_node_info *node = borel_graph_at(p->graph, p->outputs[k]);
    const double *native = engines_output(e, program, k);
    for (int64_t i = 0; i < borel_shape_size(&node->shape); i++)
      if (node->dtype == BOREL_I64 ? memcmp(&native[i], &kept[k][i], 8) != 0
                                   : !same_bits(native[i], kept[k][i])) {
        cr_expect(0, "graph %llu, output %zu (%s) [%lld]: native %.17g, interpreted %.17g",
                  (unsigned long long)seed, k, borel_op_get(node->op)->name, (long long)i, native[i],
                  kept[k][i]);
        break;
      }
    free(kept[k]);
  }
}

Test(fuzz, random_graphs_agree) {
  cache_make();
  size_t used[BOREL_OP_COUNT] = {0};
  for (uint64_t seed = 0; seed < GRAPHS; seed += PER_TEXT) {
    borel_graph *G[PER_TEXT];
    engines e = {0};
    for (uint64_t i = 0; i < PER_TEXT; i++) {
      borel_node outputs[16];
      G[i] = borel_graph_new();
      size_t count = generate(G[i], seed + i + 1, outputs);
      engines_add(&e, G[i], outputs, count);
      for (borel_node n = 0; n < borel_graph_size(G[i]); n++) used[borel_graph_at(G[i], n)->op]++;
    }
    engines_compile(&e);
    for (uint64_t i = 0; i < PER_TEXT; i++)
      for (uint64_t point = 0; point < 3; point++) {
        fill(1 + seed + i + 1000 * point);
        compare(&e, i, seed + i + 1);
      }
    engines_free(&e);
    for (uint64_t i = 0; i < PER_TEXT; i++) borel_graph_free(G[i]);
  }
  for (int op = 0; op < BOREL_OP_COUNT; op++)
    cr_expect(used[op] || is_region(op) || op == BOREL_OP_PROJECT, "%s was never drawn",
              borel_op_get((borel_op)op)->name);
  cache_remove();
}
