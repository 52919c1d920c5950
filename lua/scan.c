/* SPDX-License-Identifier: MIT
 * core.scan: a loop that stays a loop in the graph. On plain numbers and arrays it is a Lua loop; while a
 * model is traced its body becomes a sub-graph. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

enum { MOST_VALUES = 32, FN = 1, CARRY = 2, SEQUENCES = 3 };

/* What goes in: values on the stack from `first` on, carries then sequences. */
typedef struct {
  int first, carries, sequences;
  int carry_is_list;
  int64_t steps;
} inputs;

static int is_list(lua_State *L, int index) { return lua_type(L, index) == LUA_TTABLE; }

/* Pushes the value at `index`, or the elements of the list there; returns how many. */
static int push_values(lua_State *L, int index, const char *what) {
  if (!is_list(L, index)) {
    lua_pushvalue(L, index);
    return 1;
  }
  int count = (int)lua_rawlen(L, index);
  if (count < 1 || count > MOST_VALUES)
    borel_lua_fail(L, "scan: %d %s; from 1 to %d are possible", count, what, MOST_VALUES);
  for (int i = 1; i <= count; i++) lua_rawgeti(L, index, i);
  return count;
}

static void check_value(lua_State *L, int index, const char *what, int i) {
  int type = lua_type(L, index);
  if (is_list(L, index))
    borel_lua_toarray(L, index);
  else if (type != LUA_TNUMBER && !borel_lua_isnode(L, index) && !borel_lua_testarray(L, index))
    borel_lua_fail(L, "scan: %s %d is a %s, not a number, an array or a value of the model", what, i,
                   borel_lua_typename(L, index));
}

static inputs read_inputs(lua_State *L) {
  inputs in = {.carry_is_list = is_list(L, CARRY), .steps = -1};
  if (!lua_isfunction(L, FN))
    borel_lua_fail(L, "scan: the step must be a function, got a %s", borel_lua_typename(L, FN));
  if (lua_isinteger(L, SEQUENCES)) { /* a number of steps: the sequence 1 .. n */
    lua_Integer n = lua_tointeger(L, SEQUENCES);
    if (n < 1) borel_lua_fail(L, "scan: the number of steps is %lld, must be at least 1", (long long)n);
    borel_array *steps = borel_lua_newarray(L);
    *steps = borel_array_new(BOREL_I64, &(borel_shape){1, {n}});
    if (!steps->data) borel_lua_fail(L, "out of memory for an array");
    for (int64_t i = 0; i < n; i++) ((int64_t *)steps->data)[i] = i + 1;
    lua_replace(L, SEQUENCES);
  }
  in.first = lua_gettop(L) + 1;
  luaL_checkstack(L, 4 * MOST_VALUES, "scan");
  in.carries = push_values(L, CARRY, "carries");
  in.sequences = push_values(L, SEQUENCES, "sequences");
  for (int i = 0; i < in.carries; i++) check_value(L, in.first + i, "carry", i + 1);
  for (int i = 0; i < in.sequences; i++) {
    int index = in.first + in.carries + i;
    check_value(L, index, "sequence", i + 1);
    borel_shape shape = borel_lua_shape(L, index);
    if (shape.rank == 0) borel_lua_fail(L, "scan: sequence %d is a scalar", i + 1);
    if (in.steps >= 0 && shape.extent[0] != in.steps)
      borel_lua_fail(L, "scan: sequence %d has %lld elements, the first has %lld", i + 1,
                     (long long)shape.extent[0], (long long)in.steps);
    in.steps = shape.extent[0];
  }
  return in;
}

/* Pushes the carries, which lie at `first`, as the step function takes them. */
static void push_carry(lua_State *L, const inputs *in, int first) {
  if (!in->carry_is_list) {
    lua_pushvalue(L, first);
    return;
  }
  lua_createtable(L, in->carries, 0);
  for (int i = 0; i < in->carries; i++) {
    lua_pushvalue(L, first + i);
    lua_rawseti(L, -2, i + 1);
  }
}

/* Replaces the carries at `first` by those in the result at `index`. */
static void take_carry(lua_State *L, const inputs *in, int index, int first) {
  index = lua_absindex(L, index);
  if (lua_isnil(L, index)) borel_lua_fail(L, "scan: the step returns nothing");
  if (in->carry_is_list && (!is_list(L, index) || (int)lua_rawlen(L, index) != in->carries))
    borel_lua_fail(L, "scan: the step must return a list of %d carries first", in->carries);
  for (int i = 0; i < in->carries; i++) {
    if (in->carry_is_list)
      lua_rawgeti(L, index, i + 1);
    else
      lua_pushvalue(L, index);
    lua_replace(L, first + i);
  }
  for (int i = 0; i < in->carries; i++) check_value(L, first + i, "new carry", i + 1);
}

static void same_shape(lua_State *L, const borel_shape *before, const borel_shape *after, int i) {
  char have[64], want[64];
  if (!borel_shape_equal(before, after))
    borel_lua_fail(L, "scan: carry %d has shape %s but the step returns shape %s", i + 1,
                   borel_shape_text(before, have), borel_shape_text(after, want));
}

/* ---- on numbers and arrays ------------------------------------------------------------------- */

static int scan_now(lua_State *L, const inputs *in) {
  lua_newtable(L); /* outputs */
  int outputs = lua_gettop(L), has_output = 0;
  borel_shape each = {0};
  for (int64_t t = 1; t <= in->steps; t++) {
    lua_pushvalue(L, FN);
    push_carry(L, in, in->first);
    for (int i = 0; i < in->sequences; i++) {
      lua_pushinteger(L, t);
      borel_lua_index(L, in->first + in->carries + i, -1);
      lua_remove(L, -2);
    }
    lua_call(L, 1 + in->sequences, 2);
    borel_shape before[MOST_VALUES];
    for (int i = 0; i < in->carries; i++) before[i] = borel_lua_shape(L, in->first + i);
    take_carry(L, in, -2, in->first);
    for (int i = 0; i < in->carries; i++) {
      borel_shape after = borel_lua_shape(L, in->first + i);
      same_shape(L, &before[i], &after, i);
    }
    int more = !lua_isnil(L, -1);
    if (t > 1 && more != has_output) borel_lua_fail(L, "scan: the step returns an output at some steps only");
    has_output = more;
    if (more) {
      check_value(L, lua_gettop(L), "output", 1);
      each = borel_lua_shape(L, -1);
    }
    lua_rawseti(L, outputs, t);
    lua_pop(L, 1);
  }
  push_carry(L, in, in->first);
  if (!has_output) return 1;
  lua_getfield(L, lua_upvalueindex(1), "stack");
  lua_pushvalue(L, outputs);
  lua_call(L, 1, 1);
  if (each.rank == 0) return 2;
  lua_getfield(L, -1, "reshape");
  lua_insert(L, -2);
  lua_createtable(L, each.rank + 1, 0);
  lua_pushinteger(L, in->steps);
  lua_rawseti(L, -2, 1);
  for (int i = 0; i < each.rank; i++) {
    lua_pushinteger(L, each.extent[i]);
    lua_rawseti(L, -2, i + 2);
  }
  lua_call(L, 2, 1);
  return 2;
}

/* ---- in a graph ------------------------------------------------------------------------------ */

typedef struct {
  const inputs *in;
  borel_graph *body;
  const borel_node_info *args; /* copies: of the outer graph's nodes */
  borel_node results[MOST_VALUES + 1];
  int result_count;
} body_trace;

static borel_node as_type(lua_State *L, borel_graph *graph, int index, borel_dtype dtype) {
  borel_error error = {0};
  borel_node node = borel_lua_tonode(L, index, graph);
  if (dtype != BOREL_F64 || borel_graph_at(graph, node)->dtype == BOREL_F64) return node;
  return borel_lua_checknode(L, borel_graph_op(graph, BOREL_OP_TO_F64, &node, 1, 0, NULL, &error), &error);
}

/* Runs the step once on symbolic values. Stack: the context, the step. [protected] */
static int trace_body(lua_State *L) {
  body_trace *b = lua_touserdata(L, 1);
  const inputs *in = b->in;
  luaL_checkstack(L, 3 * MOST_VALUES, "scan");
  int first = lua_gettop(L) + 1;
  for (int i = 0; i < in->carries + in->sequences; i++) {
    borel_shape shape = b->args[i].shape;
    if (i >= in->carries) { /* one element */
      memmove(shape.extent, shape.extent + 1, sizeof *shape.extent * (size_t)(shape.rank - 1));
      shape.rank--;
    }
    borel_lua_pushnode(L, b->body, borel_graph_input(b->body, b->args[i].dtype, &shape));
  }
  lua_pushvalue(L, 2);
  push_carry(L, in, first);
  for (int i = 0; i < in->sequences; i++) lua_pushvalue(L, first + in->carries + i);
  lua_call(L, 1 + in->sequences, 2);
  take_carry(L, in, -2, first);
  for (int i = 0; i < in->carries; i++) {
    b->results[i] = as_type(L, b->body, first + i, b->args[i].dtype);
    same_shape(L, &b->args[i].shape, &borel_graph_at(b->body, b->results[i])->shape, i);
  }
  b->result_count = in->carries;
  if (!lua_isnil(L, -1)) b->results[b->result_count++] = as_type(L, b->body, lua_gettop(L), BOREL_F64);
  return 0;
}

static int scan_traced(lua_State *L, const inputs *in) {
  borel_lua_trace *outer = borel_lua_state(L)->current;
  borel_graph *graph = outer->graph;
  int count = in->carries + in->sequences;
  borel_node args[2 * MOST_VALUES];
  borel_node_info infos[2 * MOST_VALUES];
  for (int i = 0; i < count; i++) {
    args[i] = as_type(L, graph, in->first + i, i < in->carries ? BOREL_F64 : BOREL_I64);
    infos[i] = *borel_graph_at(graph, args[i]);
  }
  borel_lua_trace *trace = borel_lua_trace_open(L, outer);
  int at = lua_gettop(L);
  body_trace b = {.in = in, .body = trace->graph, .args = infos};
  lua_pushcfunction(L, trace_body);
  lua_pushlightuserdata(L, &b);
  lua_pushvalue(L, FN);
  int failed = lua_pcall(L, 2, 0, 0);
  borel_lua_trace_end(L, at);
  if (failed) return lua_error(L);

  size_t total = (size_t)count + trace->captured_count;
  borel_node *all = lua_newuserdatauv(L, (total + 1) * sizeof *all, 0);
  memcpy(all, args, (size_t)count * sizeof *all);
  if (trace->captured_count) memcpy(all + count, trace->captured, trace->captured_count * sizeof *all);
  borel_region *region = calloc(1, sizeof *region);
  borel_node *outputs = malloc((size_t)b.result_count * sizeof *outputs);
  if (!region || !outputs) {
    free(region);
    free(outputs);
    borel_lua_fail(L, "out of memory for the graph of a model");
  }
  memcpy(outputs, b.results, (size_t)b.result_count * sizeof *outputs);
  *region = (borel_region){.body = trace->graph,
                           .carries = (size_t)in->carries,
                           .sequences = (size_t)in->sequences,
                           .captured = trace->captured_count,
                           .output_count = (size_t)b.result_count,
                           .outputs = outputs};
  trace->graph = NULL; /* the region's now */
  borel_error error = {0};
  borel_node scan = borel_lua_checknode(L, borel_graph_scan(graph, region, all, total, &error), &error);
  int base = lua_gettop(L) + 1;
  for (int i = 0; i < b.result_count; i++)
    borel_lua_pushnode(L, graph, borel_lua_checknode(L, borel_graph_project(graph, scan, (size_t)i), &error));
  push_carry(L, in, base);
  if (b.result_count == in->carries) return 1;
  lua_pushvalue(L, base + in->carries);
  return 2;
}

/* core.scan(step, start, sequences): step(carry, x, ...) -> carry [, output] for each element of the
 * sequences (an array, a list of arrays, or a number n for 1 .. n). Carries: one value or a list. Returns the
 * last carry and the outputs stacked along a new first axis. */
static int scan(lua_State *L) {
  if (lua_gettop(L) != 3) borel_lua_fail(L, "scan takes a step function, a start and sequences");
  inputs in = read_inputs(L);
  return borel_lua_current_graph(L) ? scan_traced(L, &in) : scan_now(L, &in);
}

void borel_lua_open_scan(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, scan, 1);
  lua_setfield(L, 1, "scan");
}
