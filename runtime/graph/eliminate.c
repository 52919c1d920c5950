/* SPDX-License-Identifier: MIT
 *
 * BOREL_MUTANT = 1 to 4 breaks one expression on purpose; tests/cli/summed_mutants.sh sees that each is
 * noticed.
 */
#include "graph/eliminate.h"

#include <stdlib.h>

#include "graph/internal.h"
#include "graph/separate.h"

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { LEAST_JOINED = 16 /* so many numbers are computed in a loop; fewer may be steps of a recursion */ };

typedef struct {
  borel_graph *G;
  borel_node input, root;
  borel_node *list; /* [count]: what the root needs and depends on the input, in order */
  size_t count;
  borel_node *map;  /* [root + 1]: what stands for a node; a number for an array of equal elements, too */
  borel_node *args; /* room for those of one node */
  borel_error *error;
} branch;

static borel_node no_memory(borel_error *error) {
  borel_fail(error, BOREL_INTERNAL, "out of memory for the sum over a discrete unknown");
  return BOREL_NO_NODE;
}

/* ---- one value ------------------------------------------------------------------------------- */

static borel_node expanded(branch *b, borel_node old) {
  borel_shape shape = borel_graph_at(b->G, old)->shape;
  return borel_graph_expand(b->G, b->map[old], &shape, b->error);
}

static int is_number(const borel_graph *G, borel_node i) { return borel_graph_at(G, i)->shape.rank == 0; }

/* The node with what stands for its arguments. */
static borel_node again(branch *b, borel_node i) {
  borel_graph *G = b->G;
  borel_node_info info = *borel_graph_at(G, i);
  size_t count = info.arg_count;
  for (size_t k = 0; k < count; k++) {
    b->args[k] = b->map[borel_graph_args(G, i)[k]];
    if (b->args[k] == BOREL_NO_NODE) return BOREL_NO_NODE;
  }
  if (borel_op_get(info.op)->kind == BOREL_CLASS_ELEMENTWISE)
    return borel_graph_op(G, info.op, b->args, count, info.attr, NULL, b->error);
  if (borel_op_get(info.op)->kind == BOREL_CLASS_INDEXED) {
    if (is_number(G, b->args[0]) && (info.op != BOREL_OP_GATHER || !is_number(G, borel_graph_args(G, i)[0])))
      return b->args[0];
    if (info.op == BOREL_OP_GATHER) return borel_graph_op(G, info.op, b->args, count, 0, NULL, b->error);
  }
  for (size_t k = 0; k < count; k++)
    if ((b->args[k] = expanded(b, borel_graph_args(G, i)[k])) == BOREL_NO_NODE) return BOREL_NO_NODE;
  return borel_graph_like(G, &info, b->args, b->error);
}

/* The root where `value` stands for the input. */
static borel_node root_at(branch *b, borel_node value) {
  b->map[b->input] = value;
  for (size_t i = 0; i < b->count; i++)
    if ((b->map[b->list[i]] = again(b, b->list[i])) == BOREL_NO_NODE) return BOREL_NO_NODE;
  return expanded(b, b->root);
}

static int branch_begin(branch *b, borel_graph *G, borel_node root, borel_node input, borel_error *error) {
  size_t most_args;
  *b = (branch){.G = G, .input = input, .root = root, .error = error};
  uint8_t *depends = malloc((size_t)root + 1), *needed = borel_graph_needed(G, root, &most_args);
  b->map = malloc(((size_t)root + 1) * sizeof *b->map);
  b->list = malloc(((size_t)root + 1) * sizeof *b->list);
  int done = depends && needed && b->map && b->list && (b->args = malloc(most_args * sizeof *b->args));
  if (done) {
    borel_graph_dependents(G, input, root, depends);
    for (borel_node i = 0; i <= root; i++) {
      b->map[i] = i;
      if (i > input && depends[i] && needed[i]) b->list[b->count++] = i;
    }
  }
  free(depends);
  free(needed);
  return done;
}

static void branch_end(branch *b) {
  free(b->map);
  free(b->list);
  free(b->args);
}

/* ---- all values ------------------------------------------------------------------------------ */

/* Combination c of the values of the n elements: the last one varies fastest. */
static borel_node joint_value(borel_graph *G, const borel_shape *shape, int64_t c, int64_t lowest,
                              int64_t count) {
  borel_array values = borel_array_new(BOREL_I64, shape);
  if (!values.data) return BOREL_NO_NODE;
  for (int64_t e = borel_shape_size(shape); e-- > 0; c /= count)
    ((int64_t *)values.data)[e] = lowest + c % count;
  borel_node made = borel_graph_array(G, &values);
  borel_array_release(&values);
  return made;
}

/* log sum exp over a list of numbers, or of vectors element by element. */
static borel_node joined(borel_graph *G, const borel_node *list, size_t count, borel_error *error) {
  borel_node sum = list[0];
  if (count >= LEAST_JOINED && is_number(G, sum)) {
    sum = borel_graph_vector(G, list, count, error);
    return sum == BOREL_NO_NODE ? sum : borel_graph_op(G, BOREL_OP_LOG_SUM_EXP, &sum, 1, -1, NULL, error);
  }
  for (size_t i = 1; i < count && sum != BOREL_NO_NODE; i++)
    sum = borel_graph_op(G, BOREL_OP_LOG_ADD_EXP, (borel_node[]){sum, list[i]}, 2, 0, NULL, error);
  return sum;
}

/* The root at each combination of values, [combinations], the caller's; NULL after a failure. */
static borel_node *at_all_values(branch *b, int64_t lowest, int64_t count, int64_t combinations) {
  borel_shape shape = borel_graph_at(b->G, b->input)->shape;
  borel_node *list = malloc((size_t)combinations * sizeof *list);
  if (!list) return no_memory(b->error), NULL;
  for (int64_t c = 0; c < combinations; c++) {
    borel_node value = combinations == count ? borel_graph_integer(b->G, lowest + c)
                                             : joint_value(b->G, &shape, c, lowest, count);
    if (value == BOREL_NO_NODE) no_memory(b->error);
    if (value == BOREL_NO_NODE || (list[c] = root_at(b, value)) == BOREL_NO_NODE) {
      free(list);
      return NULL;
    }
  }
  return list;
}

/* How many combinations the values of n elements have; 0: more than the limit. */
static int64_t count_joint(int64_t count, int64_t n) {
  int64_t all = 1;
  for (int64_t e = 0; e < n; e++)
    if ((all *= count) > BOREL_MOST_JOINT) return 0;
  return all;
}

/* What is made of the root at all combinations of values. */
typedef borel_node (*reduction)(branch *, const borel_node *list, size_t count, void *context);

static borel_node over_branches(borel_graph *G, borel_node root, borel_node input, int64_t lowest,
                                int64_t count, int64_t combinations, reduction reduce, void *context,
                                borel_error *error) {
  branch b;
  borel_node made = BOREL_NO_NODE, *list = NULL;
  if (!branch_begin(&b, G, root, input, error))
    no_memory(error);
  else if ((double)b.count * (double)combinations > BOREL_MOST_BRANCHES)
    borel_fail(error, BOREL_ARG,
               "cannot be summed out: %lld values of %zu operations that depend on it are more than %d; is "
               "one term made "
               "of many such sites? observe each value beside its own site",
               (long long)combinations, b.count, BOREL_MOST_BRANCHES);
  else if ((list = at_all_values(&b, lowest, count, combinations)))
    made = reduce(&b, list, (size_t)combinations, context);
  free(list);
  branch_end(&b);
  return made;
}

static borel_node sum_list(branch *b, const borel_node *list, size_t count, void *context) {
  (void)context;
  return joined(b->G, list, count, b->error);
}

static borel_node sum_branches(borel_graph *G, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, int64_t combinations, borel_error *error) {
  return over_branches(G, root, input, lowest, count, combinations, sum_list, NULL, error);
}

/* The elements together. */
static borel_node over_joint(borel_graph *G, borel_node root, borel_node input, int64_t lowest, int64_t count,
                             reduction reduce, void *context, borel_error *error) {
  int64_t n = borel_shape_size(&borel_graph_at(G, input)->shape), combinations = count_joint(count, n);
  if (n == 1) combinations = count;
  if (combinations > 0)
    return over_branches(G, root, input, lowest, count, combinations, reduce, context, error);
  borel_fail(
      error, BOREL_ARG,
      "cannot be summed out: its %lld elements do not enter terms of their own, and together they have "
      "more than %d values; make scalar sites of them in a loop, each observation beside its own",
      (long long)n, BOREL_MOST_JOINT);
  return BOREL_NO_NODE;
}

borel_node borel_graph_sum_out(borel_graph *G, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, borel_error *error) {
  borel_node rest = BOREL_NO_NODE, separate = BOREL_NO_NODE;
  borel_error trouble = {0};
  if (borel_shape_size(&borel_graph_at(G, input)->shape) > 1)
    separate = borel_graph_separate(G, root, input, &rest, &trouble);
  if (trouble.code) return *error = trouble, BOREL_NO_NODE;
  if (separate == BOREL_NO_NODE) return over_joint(G, root, input, lowest, count, sum_list, NULL, error);
  borel_node sum = sum_branches(G, separate, input, lowest, count, count, error);
  if (sum != BOREL_NO_NODE) sum = borel_graph_op(G, BOREL_OP_SUM, &sum, 1, -1, NULL, error);
  if (sum == BOREL_NO_NODE || rest == BOREL_NO_NODE) return sum;
  return borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){sum, rest}, 2, 0, NULL, error);
}

borel_node borel_graph_sum_out_each(borel_graph *G, borel_node root, borel_node input, int64_t lowest,
                                    int64_t count, borel_error *error) {
  borel_node rest = BOREL_NO_NODE, each = root;
  if (borel_shape_size(&borel_graph_at(G, input)->shape) > 1)
    each = borel_graph_separate(G, root, input, &rest, error);
  if (each == BOREL_NO_NODE || rest != BOREL_NO_NODE) return BOREL_NO_NODE;
  return sum_branches(G, each, input, lowest, count, count, error);
}

/* ---- draws ----------------------------------------------------------------------------------- */

typedef struct {
  borel_node uniforms; /* f64 vector */
  int64_t first;       /* those of this input: uniforms[first ...], one an element */
  int64_t lowest, count;
} drawing;

static borel_node one(const branch *b, borel_op op, borel_node x, int64_t attr) {
  return borel_graph_op(b->G, op, &x, 1, attr, NULL, b->error);
}
static borel_node two(const branch *b, borel_op op, borel_node x, borel_node y) {
  return borel_graph_op(b->G, op, (borel_node[]){x, y}, 2, 0, NULL, b->error);
}

/* first, first + 1, ... in an array of the shape. */
static borel_node counting(const branch *b, const borel_shape *shape, int64_t first) {
  borel_array places = borel_array_new(BOREL_I64, shape);
  if (!places.data) return no_memory(b->error);
  for (int64_t e = 0; e < borel_shape_size(shape); e++) ((int64_t *)places.data)[e] = first + e;
#if BOREL_MUTANT == 1 /* all elements by the same number */
  for (int64_t e = 0; e < borel_shape_size(shape); e++) ((int64_t *)places.data)[e] = first;
#endif
  borel_node made = borel_graph_array(b->G, &places);
  borel_array_release(&places);
  return made;
}

/* The uniform numbers for one choice, or for a vector of them. */
static borel_node uniforms_for(const branch *b, const drawing *d, borel_node weight) {
  borel_shape shape = borel_graph_at(b->G, weight)->shape;
  return two(b, BOREL_OP_GATHER, d->uniforms,
             shape.rank == 0 ? borel_graph_integer(b->G, d->first) : counting(b, &shape, d->first));
}

/* How many of the partial sums of exp(list) are not above u times the whole: an index from 0, by inversion.
 * As u < 1, u times the whole rounds to less than the whole, so that an index of weight 0 is never chosen. */
static borel_node choose_few(const branch *b, const borel_node *list, size_t count, borel_node u) {
  borel_node *sums = malloc(count * sizeof *sums), high = list[0], index = borel_graph_integer(b->G, 0);
  if (!sums) return no_memory(b->error);
  for (size_t v = 1; v < count; v++) high = two(b, BOREL_OP_MAX, high, list[v]);
  for (size_t v = 0; v < count; v++) {
    sums[v] = two(b, BOREL_OP_EXP_DIFF, list[v], high);
    if (v > 0) sums[v] = two(b, BOREL_OP_ADD, sums[v - 1], sums[v]);
  }
  borel_node at = two(b, BOREL_OP_MUL, sums[count - 1], u);
#if BOREL_MUTANT == 2 /* as if the weights added up to 1 */
  at = u;
#endif
  for (size_t v = 0; v + 1 < count; v++) {
    borel_node passed = two(b, BOREL_OP_LE, sums[v], at);
    index = v == 0 ? passed : two(b, BOREL_OP_IADD, index, passed);
  }
  free(sums);
  return index;
}

/* The same for many numbers, in a loop. */
static borel_node choose_many(const branch *b, const borel_node *list, size_t count, borel_node u) {
  borel_node weights = borel_graph_vector(b->G, list, count, b->error);
  borel_node sums =
      one(b, BOREL_OP_CUMSUM, two(b, BOREL_OP_EXP_DIFF, weights, one(b, BOREL_OP_MAXIMUM, weights, -1)), 0);
  borel_node whole = two(b, BOREL_OP_GATHER, sums, borel_graph_integer(b->G, (int64_t)count - 1));
#if BOREL_MUTANT == 4 /* of the largest weight, which is 1 */
  whole = borel_graph_scalar(b->G, 1);
#endif
  borel_node passed = two(b, BOREL_OP_LE, sums, two(b, BOREL_OP_MUL, whole, u));
  return one(b, BOREL_OP_TO_I64, one(b, BOREL_OP_SUM, one(b, BOREL_OP_TO_F64, passed, 0), -1), 0);
}

static borel_node choose(branch *b, const borel_node *list, size_t count, const drawing *d) {
  int many = count >= LEAST_JOINED && is_number(b->G, list[0]);
  borel_node u = uniforms_for(b, d, list[0]);
  return many ? choose_many(b, list, count, u) : choose_few(b, list, count, u);
}

static borel_node in_shape(const branch *b, borel_node value) {
  borel_shape shape = borel_graph_at(b->G, b->input)->shape;
  if (value == BOREL_NO_NODE || borel_shape_equal(&borel_graph_at(b->G, value)->shape, &shape)) return value;
  return borel_graph_op(b->G, BOREL_OP_RESHAPE, &value, 1, 0, &shape, b->error);
}

/* Each element for itself, or the only one. */
static borel_node draw_each(branch *b, const borel_node *list, size_t count, void *context) {
  const drawing *d = context;
  return in_shape(b, two(b, BOREL_OP_IADD, choose(b, list, count, d), borel_graph_integer(b->G, d->lowest)));
}

/* One combination: row `index` of the table of all of them. */
static borel_node draw_combination(branch *b, const borel_node *list, size_t count, void *context) {
  const drawing *d = context;
  borel_shape shape = borel_graph_at(b->G, b->input)->shape;
  int64_t n = borel_shape_size(&shape);
  if (n == 1) return draw_each(b, list, count, context);
  borel_array table = borel_array_new(BOREL_I64, &(borel_shape){1, {(int64_t)count * n}});
  if (!table.data) return no_memory(b->error);
  for (int64_t i = 0; i < (int64_t)count; i++) {
    int64_t c = i;
    for (int64_t e = n; e-- > 0; c /= d->count) ((int64_t *)table.data)[i * n + e] = d->lowest + c % d->count;
#if BOREL_MUTANT == 3 /* the elements the other way round */
    c = i;
    for (int64_t e = 0; e < n; e++, c /= d->count)
      ((int64_t *)table.data)[i * n + e] = d->lowest + c % d->count;
#endif
  }
  borel_node rows = borel_graph_array(b->G, &table), index = choose(b, list, count, d);
  borel_array_release(&table);
  borel_node start = two(b, BOREL_OP_IMUL, index, borel_graph_integer(b->G, n));
  return two(b, BOREL_OP_GATHER, rows, two(b, BOREL_OP_IADD, counting(b, &shape, 0), start));
}

borel_node borel_graph_draw(borel_graph *G, borel_node root, borel_node input, int64_t lowest, int64_t count,
                            borel_node uniforms, int64_t first, borel_error *error) {
  drawing d = {uniforms, first, lowest, count};
  borel_node separate = BOREL_NO_NODE;
  borel_error trouble = {0};
  if (borel_shape_size(&borel_graph_at(G, input)->shape) > 1)
    separate = borel_graph_separate(G, root, input, NULL, &trouble);
  if (trouble.code) return *error = trouble, BOREL_NO_NODE;
  if (separate == BOREL_NO_NODE)
    return over_joint(G, root, input, lowest, count, draw_combination, &d, error);
  return over_branches(G, separate, input, lowest, count, count, draw_each, &d, error);
}

borel_node borel_graph_substitute(borel_graph *G, borel_node node, borel_node input, borel_node value,
                                  borel_error *error) {
  branch b;
  borel_node made = BOREL_NO_NODE;
  if (node < input) return node;
  if (branch_begin(&b, G, node, input, error))
    made = root_at(&b, value);
  else
    no_memory(error);
  branch_end(&b);
  return made;
}
