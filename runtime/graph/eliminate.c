/* SPDX-License-Identifier: MIT
 *
 * BOREL_MUTANT = 1 to 4 breaks one expression on purpose; tests/cli/summed_mutants.sh sees that each is
 * noticed.
 */
#include "graph/eliminate.h"

#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"
#include "graph/separate.h"

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { LEAST_JOINED = 16 /* so many numbers are computed in a loop; fewer may be steps of a recursion */ };

struct borel_elimination {
  borel_graph *G;
  size_t known, room; /* nodes of the graph that were looked at; room for */
  uint8_t *discrete;  /* [room]: does it depend on any i64 input? */
  borel_node *map;    /* [room]: what stands for a node in a branch; itself outside of one */
  uint64_t *seen;     /* [room]: the last search that met it */
  uint64_t searches;
  borel_node *cone, *stack; /* [room]: what a search has found, and will look at */
  size_t count;
};

typedef struct {
  borel_elimination *e;
  borel_graph *G;
  borel_node input, root;
  borel_node *list; /* [count]: what the root needs and depends on the input, in order */
  size_t count;
  borel_node *map;  /* that of e; a number for an array of equal elements, too */
  borel_node *args; /* room for those of one node */
  borel_error *error;
} branch;

static borel_node no_memory(borel_error *error) {
  borel_fail(error, BOREL_INTERNAL, "out of memory for the sum over a discrete unknown");
  return BOREL_NO_NODE;
}

/* ---- what depends on discrete inputs ---------------------------------------------------------- */

borel_elimination *borel_elimination_new(borel_graph *G) {
  borel_elimination *e = calloc(1, sizeof *e);
  if (e) e->G = G;
  return e;
}

void borel_elimination_free(borel_elimination *e) {
  if (!e) return;
  free(e->discrete);
  free(e->map);
  free(e->seen);
  free(e->cone);
  free(e->stack);
  free(e);
}

static int make_room(void *array, size_t count, size_t size) {
  void *old, *more;
  memcpy(&old, array, sizeof old);
  if (!(more = realloc(old, count * size))) return 0;
  memcpy(array, &more, sizeof more);
  return 1;
}

/* Looks at the nodes that were made since. */
static int catch_up(borel_elimination *e) {
  size_t nodes = borel_graph_size(e->G);
  if (nodes > e->room) {
    size_t room = 2 * nodes;
    if (!make_room(&e->discrete, room, sizeof *e->discrete) || !make_room(&e->map, room, sizeof *e->map) ||
        !make_room(&e->seen, room, sizeof *e->seen) || !make_room(&e->cone, room, sizeof *e->cone) ||
        !make_room(&e->stack, room, sizeof *e->stack))
      return 0;
    e->room = room;
  }
  for (borel_node i = (borel_node)e->known; i < nodes; i++) {
    const borel_node_info *node = borel_graph_at(e->G, i);
    e->discrete[i] = node->op == BOREL_OP_INPUT && node->dtype == BOREL_I64;
    for (uint32_t k = 0; k < node->arg_count; k++)
      e->discrete[i] |= e->discrete[borel_graph_args(e->G, i)[k]];
    e->map[i] = i;
    e->seen[i] = 0;
  }
  e->known = nodes;
  return 1;
}

static int by_number(const void *a, const void *b) {
  borel_node x = *(const borel_node *)a, y = *(const borel_node *)b;
  return (x > y) - (x < y);
}

/* cone[count]: what the root needs and depends on discrete inputs, itself among it. */
static int find_cone(borel_elimination *e, borel_node root) {
  size_t depth = 0;
  if (!catch_up(e)) return 0;
  e->searches += 2;
  e->count = 0;
  if (!e->discrete[root]) return 1;
  e->seen[root] = e->searches;
  for (e->stack[depth++] = root; depth > 0;) {
    borel_node i = e->stack[--depth];
    e->cone[e->count++] = i;
    for (uint32_t k = 0; k < borel_graph_at(e->G, i)->arg_count; k++) {
      borel_node arg = borel_graph_args(e->G, i)[k];
      if (!e->discrete[arg] || e->seen[arg] == e->searches) continue;
      e->seen[arg] = e->searches;
      e->stack[depth++] = arg;
    }
  }
  return 1;
}

/* Of a node of the cone, asked in their order. */
static int depends_on(borel_elimination *e, borel_node i, borel_node input) {
  int depends = i == input;
  for (uint32_t k = 0; k < borel_graph_at(e->G, i)->arg_count && !depends; k++)
    depends = e->seen[borel_graph_args(e->G, i)[k]] == e->searches + 1;
  if (depends) e->seen[i] = e->searches + 1;
  return depends;
}

borel_status borel_elimination_depends(borel_elimination *e, borel_node node, borel_node input, int *depends,
                                       borel_error *error) {
  if (!find_cone(e, node)) return no_memory(error), BOREL_INTERNAL;
  *depends = 0;
  for (size_t i = 0; i < e->count; i++) *depends |= e->cone[i] == input;
  return BOREL_OK;
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

/* With BOREL_NO_NODE as input: of what depends on any. */
static int branch_begin(branch *b, borel_elimination *e, borel_node root, borel_node input,
                        borel_error *error) {
  size_t most_args = 1;
  *b = (branch){.e = e, .G = e->G, .input = input, .root = root, .error = error};
  if (!find_cone(e, root)) return 0;
  qsort(e->cone, e->count, sizeof *e->cone, by_number);
  b->map = e->map;
  b->list = malloc((e->count + 1) * sizeof *b->list);
  for (size_t i = 0; b->list && i < e->count; i++) {
    size_t count = borel_graph_at(e->G, e->cone[i])->arg_count;
    int is_input = borel_graph_at(e->G, e->cone[i])->op == BOREL_OP_INPUT;
    if ((input != BOREL_NO_NODE && !depends_on(e, e->cone[i], input)) || is_input) continue;
    if (count > most_args) most_args = count;
    b->list[b->count++] = e->cone[i];
  }
  return b->list && (b->args = malloc(most_args * sizeof *b->args));
}

static void branch_end(branch *b) {
  for (size_t i = 0; i < b->count; i++) b->map[b->list[i]] = b->list[i];
  if (b->map && b->input != BOREL_NO_NODE) b->map[b->input] = b->input;
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

static borel_node over_branches(borel_elimination *e, borel_node root, borel_node input, int64_t lowest,
                                int64_t count, int64_t combinations, reduction reduce, void *context,
                                borel_error *error) {
  branch b;
  borel_node made = BOREL_NO_NODE, *list = NULL;
  if (!branch_begin(&b, e, root, input, error))
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

static borel_node sum_branches(borel_elimination *e, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, int64_t combinations, borel_error *error) {
  return over_branches(e, root, input, lowest, count, combinations, sum_list, NULL, error);
}

/* The elements together. */
static borel_node over_joint(borel_elimination *e, borel_node root, borel_node input, int64_t lowest,
                             int64_t count, reduction reduce, void *context, borel_error *error) {
  int64_t n = borel_shape_size(&borel_graph_at(e->G, input)->shape), combinations = count_joint(count, n);
  if (n == 1) combinations = count;
  if (combinations > 0)
    return over_branches(e, root, input, lowest, count, combinations, reduce, context, error);
  borel_fail(
      error, BOREL_ARG,
      "cannot be summed out: its %lld elements do not enter terms of their own, and together they have "
      "more than %d values; make scalar sites of them in a loop, each observation beside its own",
      (long long)n, BOREL_MOST_JOINT);
  return BOREL_NO_NODE;
}

borel_node borel_graph_sum_out(borel_elimination *e, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, borel_error *error) {
  borel_graph *G = e->G;
  borel_node rest = BOREL_NO_NODE, separate = BOREL_NO_NODE;
  borel_error trouble = {0};
  if (borel_shape_size(&borel_graph_at(G, input)->shape) > 1)
    separate = borel_graph_separate(G, root, input, &rest, &trouble);
  if (trouble.code) return *error = trouble, BOREL_NO_NODE;
  if (separate == BOREL_NO_NODE) return over_joint(e, root, input, lowest, count, sum_list, NULL, error);
  borel_node sum = sum_branches(e, separate, input, lowest, count, count, error);
  if (sum != BOREL_NO_NODE) sum = borel_graph_op(G, BOREL_OP_SUM, &sum, 1, -1, NULL, error);
  if (sum == BOREL_NO_NODE || rest == BOREL_NO_NODE) return sum;
  return borel_graph_op(G, BOREL_OP_ADD, (borel_node[]){sum, rest}, 2, 0, NULL, error);
}

borel_node borel_graph_sum_out_each(borel_elimination *e, borel_node root, borel_node input, int64_t lowest,
                                    int64_t count, borel_error *error) {
  borel_graph *G = e->G;
  borel_node rest = BOREL_NO_NODE, each = root;
  if (borel_shape_size(&borel_graph_at(G, input)->shape) > 1)
    each = borel_graph_separate(G, root, input, &rest, error);
  if (each == BOREL_NO_NODE || rest != BOREL_NO_NODE) return BOREL_NO_NODE;
  return sum_branches(e, each, input, lowest, count, count, error);
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

borel_node borel_graph_draw(borel_elimination *e, borel_node root, borel_node input, int64_t lowest,
                            int64_t count, borel_node uniforms, int64_t first, borel_error *error) {
  borel_graph *G = e->G;
  drawing d = {uniforms, first, lowest, count};
  borel_node separate = BOREL_NO_NODE;
  borel_error trouble = {0};
  if (borel_shape_size(&borel_graph_at(G, input)->shape) > 1)
    separate = borel_graph_separate(G, root, input, NULL, &trouble);
  if (trouble.code) return *error = trouble, BOREL_NO_NODE;
  if (separate == BOREL_NO_NODE)
    return over_joint(e, root, input, lowest, count, draw_combination, &d, error);
  return over_branches(e, separate, input, lowest, count, count, draw_each, &d, error);
}

borel_status borel_elimination_bind(borel_elimination *e, borel_node input, borel_node value,
                                    borel_error *error) {
  if (!catch_up(e)) return no_memory(error), BOREL_INTERNAL;
  e->map[input] = value;
  return BOREL_OK;
}

static int is_bound(const branch *b, borel_node i) {
  for (uint32_t k = 0; k < borel_graph_at(b->G, i)->arg_count; k++) {
    borel_node arg = borel_graph_args(b->G, i)[k];
    if (b->map[arg] != arg) return 1;
  }
  return 0;
}

borel_node borel_graph_substitute(borel_elimination *e, borel_node node, borel_error *error) {
  branch b;
  int done = branch_begin(&b, e, node, BOREL_NO_NODE, error);
  for (size_t i = 0; done && i < b.count; i++)
    if (is_bound(&b, b.list[i])) done = (b.map[b.list[i]] = again(&b, b.list[i])) != BOREL_NO_NODE;
  borel_node made = done ? expanded(&b, node) : BOREL_NO_NODE;
  if (!done && !error->code) no_memory(error);
  branch_end(&b);
  return made;
}
