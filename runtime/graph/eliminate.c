/* SPDX-License-Identifier: MIT */
#include "graph/eliminate.h"

#include <stdlib.h>

#include "graph/internal.h"
#include "graph/separate.h"

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

static borel_node sum_values(branch *b, int64_t lowest, int64_t count, int64_t combinations) {
  borel_shape shape = borel_graph_at(b->G, b->input)->shape;
  borel_node *list = malloc((size_t)combinations * sizeof *list), result = BOREL_NO_NODE;
  if (!list) return no_memory(b->error);
  int64_t c = 0;
  for (; c < combinations; c++) {
    borel_node value = combinations == count ? borel_graph_integer(b->G, lowest + c)
                                             : joint_value(b->G, &shape, c, lowest, count);
    if (value == BOREL_NO_NODE) {
      no_memory(b->error);
      break;
    }
    if ((list[c] = root_at(b, value)) == BOREL_NO_NODE) break;
  }
  if (c == combinations) result = joined(b->G, list, (size_t)combinations, b->error);
  free(list);
  return result;
}

/* How many combinations the values of n elements have; 0: more than the limit. */
static int64_t count_joint(int64_t count, int64_t n) {
  int64_t all = 1;
  for (int64_t e = 0; e < n; e++)
    if ((all *= count) > BOREL_MOST_JOINT) return 0;
  return all;
}

static borel_node sum_branches(borel_graph *G, borel_node root, borel_node input, int64_t lowest,
                               int64_t count, int64_t combinations, borel_error *error) {
  branch b;
  borel_node sum = BOREL_NO_NODE;
  if (!branch_begin(&b, G, root, input, error))
    no_memory(error);
  else if ((double)b.count * (double)combinations > BOREL_MOST_BRANCHES)
    borel_fail(error, BOREL_ARG,
               "cannot be summed out: %lld values of %zu operations that depend on it are more than %d; is "
               "one term made "
               "of many such sites? observe each value beside its own site",
               (long long)combinations, b.count, BOREL_MOST_BRANCHES);
  else
    sum = sum_values(&b, lowest, count, combinations);
  branch_end(&b);
  return sum;
}

/* The elements together. */
static borel_node sum_jointly(borel_graph *G, borel_node root, borel_node input, int64_t lowest,
                              int64_t count, borel_error *error) {
  int64_t n = borel_shape_size(&borel_graph_at(G, input)->shape), combinations = count_joint(count, n);
  if (n == 1) combinations = count;
  if (combinations > 0) return sum_branches(G, root, input, lowest, count, combinations, error);
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
  if (separate == BOREL_NO_NODE) return sum_jointly(G, root, input, lowest, count, error);
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
