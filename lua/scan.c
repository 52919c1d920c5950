/* SPDX-License-Identifier: MIT
 * core.scan and core.map: loops that stay loops in the graph. On plain numbers and arrays they are Lua loops;
 * while a model is traced the body becomes a sub-graph. A map is a scan without carries. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

enum { MOST_VALUES = 32, FN = 1, CARRY, SEQUENCES, OPTIONS };

/* What goes in: values on the stack from `first` on, carries then sequences. */
typedef struct {
  const char *name; /* of the function: "scan" or "map" */
  int first, carries, sequences;
  int is_map; /* no carries: the step takes elements and returns an output */
  int carry_is_list, reverse;
  int64_t steps;
} inputs;

static int is_list(lua_State *L, int index) { return lua_type(L, index) == LUA_TTABLE; }

/* Pushes the value at `index`, or the elements of the list there; returns how many. */
static int push_values(lua_State *L, const char *name, int index, const char *what) {
  if (!is_list(L, index)) {
    lua_pushvalue(L, index);
    return 1;
  }
  int count = (int)lua_rawlen(L, index);
  if (count < 1 || count > MOST_VALUES)
    borel_lua_fail(L, "%s: %d %s; from 1 to %d are possible", name, count, what, MOST_VALUES);
  for (int i = 1; i <= count; i++) lua_rawgeti(L, index, i);
  return count;
}

static void check_value(lua_State *L, const char *name, int index, const char *what, int i) {
  if (is_list(L, index))
    borel_lua_toarray(L, index);
  else if (lua_type(L, index) != LUA_TNUMBER && !borel_lua_isnode(L, index) && !borel_lua_testarray(L, index))
    borel_lua_fail(L, "%s: %s %d is a %s, not a number, an array or a value of the model", name, what, i,
                   borel_lua_typename(L, index));
}

/* The same for what the loop computes: a mask becomes the numbers 0 and 1, as it does in a graph. */
static void check_number(lua_State *L, const char *name, int index, const char *what, int i) {
  if (lua_type(L, index) == LUA_TBOOLEAN) {
    lua_pushnumber(L, lua_toboolean(L, index));
    lua_replace(L, index);
  }
  check_value(L, name, index, what, i);
  const borel_array *array = borel_lua_testarray(L, index);
  if (!array || array->dtype != BOREL_BOOL) return;
  borel_array *numbers = borel_lua_newarray(L);
  *numbers = borel_lua_convert(array, BOREL_F64);
  if (!numbers->data) borel_lua_fail(L, "out of memory for an array");
  lua_replace(L, index);
}

/* A number of steps becomes the sequence 1 .. n. */
static void count_to_sequence(lua_State *L, const char *name) {
  int whole = 0;
  lua_Integer n = lua_tointegerx(L, SEQUENCES, &whole);
  if (!whole)
    borel_lua_fail(L, "%s: the number of steps is %g, not a whole number", name, lua_tonumber(L, SEQUENCES));
  if (n < 1) borel_lua_fail(L, "%s: the number of steps is %lld, must be at least 1", name, (long long)n);
  borel_array *steps = borel_lua_makearray(L, BOREL_I64, &(borel_shape){1, {n}});
  for (int64_t i = 0; i < n; i++) ((int64_t *)steps->data)[i] = i + 1;
  lua_replace(L, SEQUENCES);
}

/* Pushes the sequences, of one length. */
static void read_sequences(lua_State *L, inputs *in) {
  if (lua_type(L, SEQUENCES) == LUA_TNUMBER) count_to_sequence(L, in->name);
  in->sequences = push_values(L, in->name, SEQUENCES, "sequences");
  for (int i = 0; i < in->sequences; i++) {
    int index = in->first + in->carries + i;
    check_value(L, in->name, index, "sequence", i + 1);
    borel_shape shape = borel_lua_shape(L, index);
    if (shape.rank == 0) borel_lua_fail(L, "%s: sequence %d is a scalar", in->name, i + 1);
    if (in->steps >= 0 && shape.extent[0] != in->steps)
      borel_lua_fail(L, "%s: sequence %d has %lld elements, the first has %lld", in->name, i + 1,
                     (long long)shape.extent[0], (long long)in->steps);
    in->steps = shape.extent[0];
  }
}

/* The stack holds the arguments, FN to OPTIONS. */
static inputs read_inputs(lua_State *L, int is_map) {
  static const char *const known[] = {"reverse"};
  inputs in = {.name = is_map ? "map" : "scan", .is_map = is_map, .steps = -1, .first = OPTIONS + 1};
  in.carry_is_list = !is_map && is_list(L, CARRY);
  if (!lua_isfunction(L, FN))
    borel_lua_fail(L, "%s: the step must be a function, got a %s", in.name, borel_lua_typename(L, FN));
  if (borel_lua_options(L, OPTIONS, in.name, known, 1)) {
    int type = lua_getfield(L, OPTIONS, known[0]);
    if (type != LUA_TBOOLEAN && type != LUA_TNIL)
      borel_lua_fail(L, "scan: reverse is true or false, got a %s", borel_lua_typename(L, -1));
    in.reverse = lua_toboolean(L, -1);
    lua_settop(L, OPTIONS);
  }
  luaL_checkstack(L, 4 * MOST_VALUES, in.name);
  if (!is_map) in.carries = push_values(L, in.name, CARRY, "carries");
  for (int i = 0; i < in.carries; i++) check_number(L, in.name, in.first + i, "carry", i + 1);
  read_sequences(L, &in);
  return in;
}

/* Pushes the carries, which lie at `first`, as the step function takes them; nothing in a map. */
static void push_carry(lua_State *L, const inputs *in, int first) {
  if (in->is_map) return;
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
  if (lua_isnil(L, index)) borel_lua_fail(L, "%s: the step returns nothing", in->name);
  if (in->is_map) return;
  if (in->carry_is_list && (!is_list(L, index) || (int)lua_rawlen(L, index) != in->carries))
    borel_lua_fail(L, "scan: the step must return a list of %d carries first", in->carries);
  for (int i = 0; i < in->carries; i++) {
    if (in->carry_is_list)
      lua_rawgeti(L, index, i + 1);
    else
      lua_pushvalue(L, index);
    lua_replace(L, first + i);
  }
  for (int i = 0; i < in->carries; i++) check_number(L, in->name, first + i, "new carry", i + 1);
}

/* Calls the step, which lies below its arguments: pushes the new carry (of a map: the output, a second time)
 * and the output. */
static void call_step(lua_State *L, const inputs *in) {
  lua_call(L, !in->is_map + in->sequences, 2 - in->is_map);
  if (in->is_map) lua_pushvalue(L, -1);
}

static void same_shape(lua_State *L, const borel_shape *before, const borel_shape *after, int i) {
  char have[64], want[64];
  if (!borel_shape_equal(before, after))
    borel_lua_fail(L, "scan: carry %d has shape %s but the step returns shape %s", i + 1,
                   borel_shape_text(before, have), borel_shape_text(after, want));
}

/* The shape of outputs of shape `each`, one a step. */
static borel_shape stacked_shape(lua_State *L, const char *name, int64_t steps, const borel_shape *each) {
  if (each->rank == BOREL_MAX_RANK)
    borel_lua_fail(L, "%s: outputs of %d axes, stacked, would have more than %d", name, each->rank,
                   BOREL_MAX_RANK);
  borel_shape all = {each->rank + 1, {steps}};
  memcpy(all.extent + 1, each->extent, sizeof *each->extent * (size_t)each->rank);
  return all;
}

/* ---- on numbers and arrays ------------------------------------------------------------------- */

/* Pushes the outputs of all steps, in the table at `outputs`, as one array: i64 when all of them are. */
static void push_outputs(lua_State *L, const char *name, int outputs, int64_t steps,
                         const borel_shape *each) {
  borel_shape shape = stacked_shape(L, name, steps, each);
  int64_t size = borel_shape_size(each);
  borel_dtype dtype = BOREL_I64;
  for (int64_t t = 1; t <= steps && dtype == BOREL_I64; t++) {
    lua_rawgeti(L, outputs, t);
    const borel_array *array = borel_lua_testarray(L, -1);
    if (array ? array->dtype != BOREL_I64 : !lua_isinteger(L, -1)) dtype = BOREL_F64;
    lua_pop(L, 1);
  }
  borel_array *all = borel_lua_makearray(L, dtype, &shape);
  for (int64_t t = 0; t < steps; t++) {
    lua_rawgeti(L, outputs, t + 1);
    const borel_array *array = borel_lua_testarray(L, -1);
    for (int64_t i = 0; i < size; i++)
      if (dtype == BOREL_I64)
        ((int64_t *)all->data)[t * size + i] =
            array ? ((const int64_t *)array->data)[i] : lua_tointeger(L, -1);
      else
        ((double *)all->data)[t * size + i] = array ? borel_array_at(array, i) : lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  borel_lua_account(L);
}

/* Notes the output on top of the stack, which must have the shape of those before it, and pops it. */
static void keep_output(lua_State *L, const char *name, int outputs, int64_t t, borel_shape *each,
                        int first) {
  char have[64], want[64];
  check_number(L, name, lua_gettop(L), "output", 1);
  borel_shape shape = borel_lua_shape(L, -1);
  if (first) *each = shape;
  if (!borel_shape_equal(each, &shape))
    borel_lua_fail(L, "%s: the output has shape %s at the first step and shape %s at a later one", name,
                   borel_shape_text(each, have), borel_shape_text(&shape, want));
  lua_rawseti(L, outputs, t);
}

static int scan_now(lua_State *L, const inputs *in) {
  lua_newtable(L); /* outputs */
  int outputs = lua_gettop(L), has_output = 0;
  borel_shape each = {0};
  for (int64_t step = 1; step <= in->steps; step++) {
    int64_t t = in->reverse ? in->steps + 1 - step : step;
    lua_pushvalue(L, FN);
    push_carry(L, in, in->first);
    for (int i = 0; i < in->sequences; i++) {
      lua_pushinteger(L, t);
      borel_lua_index(L, in->first + in->carries + i, -1);
      lua_remove(L, -2);
    }
    call_step(L, in);
    borel_shape before[MOST_VALUES];
    for (int i = 0; i < in->carries; i++) before[i] = borel_lua_shape(L, in->first + i);
    take_carry(L, in, -2, in->first);
    for (int i = 0; i < in->carries; i++) {
      borel_shape after = borel_lua_shape(L, in->first + i);
      same_shape(L, &before[i], &after, i);
    }
    int more = !lua_isnil(L, -1);
    if (step > 1 && more != has_output)
      borel_lua_fail(L, "scan: the step returns an output at some steps only");
    has_output = more;
    if (more) keep_output(L, in->name, outputs, t, &each, step == 1);
    lua_settop(L, outputs);
  }
  push_carry(L, in, in->first);
  if (has_output) push_outputs(L, in->name, outputs, in->steps, &each);
  return has_output + !in->is_map;
}

/* ---- in a graph ------------------------------------------------------------------------------ */

typedef struct {
  const inputs *in;
  borel_graph *body;
  const borel_node_info *args; /* copies: of the outer graph's nodes */
  borel_node results[MOST_VALUES + 1];
  int result_count;
} body_trace;

/* Runs the step once on symbolic values. Stack: the context, the step. [protected] */
static int trace_body(lua_State *L) {
  body_trace *b = lua_touserdata(L, 1);
  const inputs *in = b->in;
  luaL_checkstack(L, 4 * MOST_VALUES, "scan");
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
  call_step(L, in);
  take_carry(L, in, -2, first);
  for (int i = 0; i < in->carries; i++) {
    b->results[i] = borel_lua_tonode_as(L, first + i, b->body, b->args[i].dtype);
    same_shape(L, &b->args[i].shape, &borel_graph_at(b->body, b->results[i])->shape, i);
  }
  b->result_count = in->carries;
  if (lua_isnil(L, -1)) return 0;
  b->results[b->result_count] = borel_lua_tonode_as(L, lua_gettop(L), b->body, BOREL_F64);
  stacked_shape(L, in->name, in->steps, &borel_graph_at(b->body, b->results[b->result_count++])->shape);
  return 0;
}

static int scan_traced(lua_State *L, const inputs *in) {
  borel_lua_trace *outer = borel_lua_state(L)->current;
  borel_graph *graph = outer->graph;
  int count = in->carries + in->sequences;
  borel_node args[2 * MOST_VALUES];
  borel_node_info infos[2 * MOST_VALUES];
  for (int i = 0; i < count; i++) {
    args[i] = borel_lua_tonode_as(L, in->first + i, graph, i < in->carries ? BOREL_F64 : BOREL_I64);
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
                           .outputs = outputs,
                           .reverse = in->reverse};
  trace->graph = NULL; /* the region's now */
  borel_error error = {0};
  borel_node scan = borel_lua_checknode(L, borel_graph_scan(graph, region, all, total, &error), &error);
  int base = lua_gettop(L) + 1;
  for (int i = 0; i < b.result_count; i++)
    borel_lua_pushnode(L, graph, borel_lua_checknode(L, borel_graph_project(graph, scan, (size_t)i), &error));
  push_carry(L, in, base);
  if (b.result_count == in->carries) return 1;
  lua_pushvalue(L, base + in->carries);
  return 2 - in->is_map;
}

/* core.scan(step, start, sequences [, {reverse = true}]): step(carry, x, ...) -> carry [, output] for each
 * element of the sequences (an array, a list of arrays, or a number n for 1 .. n), from the last to the first
 * when reverse. Carries: one value or a list. Returns the last carry, and the outputs stacked along a new
 * first axis, each at the place of its element. */
static int scan(lua_State *L) {
  int count = lua_gettop(L);
  if (count < SEQUENCES || count > OPTIONS)
    borel_lua_fail(L, "scan takes a step function, a start, sequences and options, got %d values", count);
  lua_settop(L, OPTIONS);
  inputs in = read_inputs(L, 0);
  return borel_lua_current_graph(L) ? scan_traced(L, &in) : scan_now(L, &in);
}

/* core.map(fn, xs): fn(x, ...) for each element of xs, as in scan; the results along a new first axis. */
static int map(lua_State *L) {
  if (lua_gettop(L) != 2)
    borel_lua_fail(L, "map takes a function and sequences, got %d values", lua_gettop(L));
  lua_pushnil(L);
  lua_insert(L, CARRY);
  lua_settop(L, OPTIONS);
  inputs in = read_inputs(L, 1);
  return borel_lua_current_graph(L) ? scan_traced(L, &in) : scan_now(L, &in);
}

void borel_lua_open_scan(lua_State *L) {
  static const luaL_Reg functions[] = {{"scan", scan}, {"map", map}, {NULL, NULL}};
  lua_pushvalue(L, 1);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
