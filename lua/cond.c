/* SPDX-License-Identifier: MIT
 * core.cond: a choice that stays a choice in the graph, so that only one branch is computed, and only that
 * one has a derivative. A mask that is known decides at once, and the other function is never called. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

enum { MOST_RESULTS = 16, MASK = 1, THEN, OTHERWISE, FIRST };

/* What pcall hands to trace_branch: the body, and its results once traced. */
typedef struct {
  borel_graph *body;
  borel_node results[MOST_RESULTS];
  int count;
} branch;

static void check_count(lua_State *L, int count) {
  if (count < 1 || count > MOST_RESULTS)
    borel_lua_fail(L, "cond: a branch returns %d values; from 1 to %d are possible", count, MOST_RESULTS);
}

/* Stack: the branch, the function, its arguments. [protected] */
static int trace_branch(lua_State *L) {
  branch *b = lua_touserdata(L, 1);
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  b->count = lua_gettop(L) - 1;
  check_count(L, b->count);
  for (int i = 0; i < b->count; i++) {
    if (lua_isnil(L, 2 + i)) borel_lua_fail(L, "cond: result %d of a branch is nil", i + 1);
    b->results[i] = borel_lua_tonode_as(L, 2 + i, b->body, BOREL_F64);
  }
  return 0;
}

/* Runs the function at index `fn` on the arguments from FIRST to `last` inside `trace`, which lies at `at`.
 */
static branch run_branch(lua_State *L, borel_lua_trace *trace, int at, int fn, int last) {
  branch b = {.body = trace->graph};
  luaL_checkstack(L, last + 8, "cond");
  lua_pushcfunction(L, trace_branch);
  lua_pushlightuserdata(L, &b);
  lua_pushvalue(L, fn);
  for (int i = FIRST; i <= last; i++) lua_pushvalue(L, i);
  int failed = lua_pcall(L, 2 + last - FIRST + 1, 0, 0);
  borel_lua_trace_end(L, at);
  if (failed) lua_error(L);
  return b;
}

/* Makes `to` capture what `from` has captured: in order, so that the inputs of both have the same numbers. */
static void share_captured(lua_State *L, borel_lua_trace *to, const borel_lua_trace *from) {
  for (size_t i = 0; i < from->captured_count; i++)
    if (borel_lua_capture(to, from->captured[i]) == BOREL_NO_NODE)
      borel_lua_fail(L, "out of memory for the graph of a model");
}

/* The region takes the graph from the trace. */
static borel_region *make_region(lua_State *L, borel_lua_trace *trace, const branch *b) {
  borel_region *region = calloc(1, sizeof *region);
  borel_node *outputs = malloc((size_t)b->count * sizeof *outputs);
  if (!region || !outputs) {
    free(region);
    free(outputs);
    borel_lua_fail(L, "out of memory for the graph of a model");
  }
  memcpy(outputs, b->results, (size_t)b->count * sizeof *outputs);
  *region = (borel_region){.body = trace->graph,
                           .captured = trace->captured_count,
                           .output_count = (size_t)b->count,
                           .outputs = outputs};
  trace->graph = NULL;
  return region;
}

static int cond_traced(lua_State *L, int last) {
  borel_lua_trace *outer = borel_lua_state(L)->current;
  borel_node mask = borel_lua_tonode(L, MASK, outer->graph);
  borel_lua_trace *first = borel_lua_trace_open(L, outer);
  branch then = run_branch(L, first, lua_gettop(L), THEN, last);
  borel_lua_trace *second = borel_lua_trace_open(L, outer);
  share_captured(L, second, first);
  branch otherwise = run_branch(L, second, lua_gettop(L), OTHERWISE, last);
  if (then.count != otherwise.count)
    borel_lua_fail(L, "cond: one branch returns %d values, the other %d", then.count, otherwise.count);
  share_captured(L, first, second);

  size_t count = 1 + second->captured_count;
  borel_node *args = lua_newuserdatauv(L, count * sizeof *args, 0);
  args[0] = mask;
  if (count > 1) memcpy(args + 1, second->captured, (count - 1) * sizeof *args);
  borel_region *region = make_region(L, first, &then);
  region->otherwise = make_region(L, second, &otherwise);
  borel_error error = {0};
  borel_node node =
      borel_lua_checknode(L, borel_graph_cond(outer->graph, region, args, count, &error), &error);
  for (int i = 0; i < then.count; i++)
    borel_lua_pushnode(L, outer->graph,
                       borel_lua_checknode(L, borel_graph_project(outer->graph, node, (size_t)i), &error));
  return then.count;
}

/* Is the condition known? Then *value is it. A whole number counts as in C: 0 is false. */
static int known_mask(lua_State *L, int *value) {
  borel_shape shape = borel_lua_shape(L, MASK);
  const borel_array *array = borel_lua_testarray(L, MASK);
  const borel_node_info *node = borel_lua_isnode(L, MASK) ? borel_lua_nodeinfo(L, MASK) : NULL;
  if (shape.rank > 0)
    borel_lua_fail(L,
                   "cond: the condition is an array; it must be one mask (borel.where chooses by elements)");
  if (node && node->dtype == BOREL_I64) {
    *value = node->attr != 0;
    return node->op == BOREL_OP_SCALAR;
  }
  if (lua_type(L, MASK) == LUA_TBOOLEAN)
    *value = lua_toboolean(L, MASK);
  else if (lua_isinteger(L, MASK))
    *value = lua_tointeger(L, MASK) != 0;
  else if (array && array->dtype != BOREL_F64 && array->dtype != BOREL_F32)
    *value = borel_array_at(array, 0) != 0;
  else if (borel_lua_testparticles(L, MASK))
    borel_lua_no_elements(L);
  else
    borel_lua_fail(L, "cond: the condition is a %s, not a mask such as x:gt(0)", borel_lua_typename(L, MASK));
  return 1;
}

/* core.cond(mask, then_fn, else_fn, ...) -> what then_fn(...) returns where the mask holds, else what
 * else_fn(...) returns: numbers or arrays, of the same shapes in both. */
static int cond(lua_State *L) {
  int value, last = lua_gettop(L);
  if (last < OTHERWISE) borel_lua_fail(L, "cond takes a mask and two functions, got %d values", last);
  for (int i = THEN; i <= OTHERWISE; i++)
    if (!lua_isfunction(L, i))
      borel_lua_fail(L, "cond: argument %d must be a function, got a %s", i, borel_lua_typename(L, i));
  if (!known_mask(L, &value)) return cond_traced(L, last);
  lua_pushvalue(L, value ? THEN : OTHERWISE);
  lua_insert(L, FIRST);
  lua_call(L, last - FIRST + 1, LUA_MULTRET);
  check_count(L, lua_gettop(L) - OTHERWISE);
  return lua_gettop(L) - OTHERWISE;
}

void borel_lua_open_cond(lua_State *L) {
  lua_pushcfunction(L, cond);
  lua_setfield(L, 1, "cond");
}
