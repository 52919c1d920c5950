/* SPDX-License-Identifier: MIT
 * Symbolic values: userdata that hold a node number and the epoch of the trace they belong to. The graph is
 * the trace's, so nodes need no finaliser, and a node whose trace has ended is noticed by its epoch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"

static const char node_type[] = "borel.node", trace_type[] = "borel.graph";

typedef struct {
  borel_node node;
  uint32_t epoch;
} symbolic;

/* ---- traces ---------------------------------------------------------------------------------- */

borel_lua_trace *borel_lua_trace_open(lua_State *L, borel_lua_trace *outer) {
  borel_lua_values *values = borel_lua_state(L);
  borel_lua_trace *trace = lua_newuserdatauv(L, sizeof *trace, 1);
  *trace = (borel_lua_trace){.outer = outer};
  luaL_setmetatable(L, trace_type);
  if (!(trace->graph = borel_graph_new())) borel_lua_fail(L, "out of memory for the graph of a model");
  /* The user values are a chain that keeps the open traces alive: state -> current -> previous -> ... */
  lua_rawgetp(L, LUA_REGISTRYINDEX, borel_lua_state_key());
  lua_getiuservalue(L, -1, 1);
  lua_setiuservalue(L, -3, 1);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 1);
  lua_pop(L, 1);
  trace->epoch = ++values->epochs;
  trace->open = 1;
  trace->previous = values->current;
  values->current = trace;
  return trace;
}

static void trace_close(lua_State *L, borel_lua_trace *trace) {
  borel_lua_values *values = borel_lua_state(L);
  if (!trace->open) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, borel_lua_state_key());
  while (trace->open) { /* and those opened inside it that an error left open */
    values->current->open = 0;
    values->current = values->current->previous;
    lua_getiuservalue(L, -1, 1);
    lua_getiuservalue(L, -1, 1);
    lua_setiuservalue(L, -3, 1);
    lua_pushnil(L);
    lua_setiuservalue(L, -2, 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

borel_graph *borel_lua_trace_begin(lua_State *L) { return borel_lua_trace_open(L, NULL)->graph; }

void borel_lua_trace_end(lua_State *L, int index) { trace_close(L, luaL_checkudata(L, index, trace_type)); }

static int trace_gc(lua_State *L) {
  borel_lua_trace *trace = luaL_checkudata(L, 1, trace_type);
  borel_graph_free(trace->graph);
  free(trace->captured);
  free(trace->inner);
  trace->graph = NULL;
  trace->captured = trace->inner = NULL;
  return 0;
}

borel_graph *borel_lua_graph(lua_State *L, int index) {
  borel_lua_trace *trace = luaL_checkudata(L, index, trace_type);
  return trace->graph;
}

borel_graph *borel_lua_current_graph(lua_State *L) {
  borel_lua_values *values = borel_lua_state(L);
  return values->current ? values->current->graph : NULL;
}

borel_graph *borel_lua_need_graph(lua_State *L) {
  borel_graph *graph = borel_lua_current_graph(L);
  if (!graph) borel_lua_fail(L, "a symbolic value is used after its model was traced");
  return graph;
}

/* The open trace that `epoch` names; raises when it has ended. */
static borel_lua_trace *find_trace(lua_State *L, uint32_t epoch) {
  borel_lua_trace *trace = borel_lua_state(L)->current;
  while (trace && trace->epoch != epoch) trace = trace->previous;
  if (!trace) borel_lua_fail(L, "a symbolic value is used after its model was traced");
  return trace;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

borel_node borel_lua_checknode(lua_State *L, borel_node node, const borel_error *error) {
  if (node != BOREL_NO_NODE) return node;
  if (error->code) borel_lua_error(L, error);
  borel_lua_fail(L, "out of memory for the graph of a model");
}

int borel_lua_isnode(lua_State *L, int index) { return luaL_testudata(L, index, node_type) != NULL; }

static symbolic *check_node(lua_State *L, int index) {
  symbolic *value = luaL_testudata(L, index, node_type);
  if (!value) borel_lua_fail(L, "a symbolic value is needed, got a %s", borel_lua_typename(L, index));
  return value;
}

void borel_lua_pushnode(lua_State *L, borel_graph *graph, borel_node node) {
  borel_lua_trace *trace = borel_lua_state(L)->current;
  while (trace && trace->graph != graph) trace = trace->previous;
  if (!trace) borel_lua_fail(L, "this model is not being traced any more");
  symbolic *value = lua_newuserdatauv(L, sizeof *value, 0);
  *value = (symbolic){node, trace->epoch};
  luaL_setmetatable(L, node_type);
}

const borel_node_info *borel_lua_nodeinfo(lua_State *L, int index) {
  const symbolic *value = check_node(L, index);
  return borel_graph_at(find_trace(L, value->epoch)->graph, value->node);
}

/* Comparisons, what combines them, and parts of those: integers in the graph, masks in the language. */
static int is_mask(const borel_graph *graph, borel_node node) {
  const borel_node_info *info = borel_graph_at(graph, node);
  switch (info->op) {
  case BOREL_OP_GT:
  case BOREL_OP_GE:
  case BOREL_OP_LT:
  case BOREL_OP_LE:
  case BOREL_OP_EQ:
  case BOREL_OP_NE:
  case BOREL_OP_IS_FINITE:
  case BOREL_OP_AND:
  case BOREL_OP_OR:
  case BOREL_OP_NOT: return 1;
  case BOREL_OP_RESHAPE:
  case BOREL_OP_BROADCAST:
  case BOREL_OP_GATHER: return info->dtype != BOREL_F64 && is_mask(graph, borel_graph_args(graph, node)[0]);
  case BOREL_OP_STACK:
    for (uint32_t i = 0; i < info->arg_count; i++)
      if (info->dtype == BOREL_F64 || !is_mask(graph, borel_graph_args(graph, node)[i])) return 0;
    return 1;
  default: return info->dtype == BOREL_BOOL;
  }
}

int borel_lua_is_mask(lua_State *L, int index) {
  const symbolic *value = check_node(L, index);
  return is_mask(find_trace(L, value->epoch)->graph, value->node);
}

/* A node of `from` in the trace `to`: the body of a region captures it from the trace around it. */
static borel_node capture(borel_lua_trace *to, const borel_lua_trace *from, borel_node node) {
  if (to == from) return node;
  if (!to->outer) return BOREL_NO_NODE;
  borel_node outer = capture(to->outer, from, node);
  if (outer == BOREL_NO_NODE) return BOREL_NO_NODE;
  for (size_t i = 0; i < to->captured_count; i++)
    if (to->captured[i] == outer) return to->inner[i];
  borel_node_info info = *borel_graph_at(to->outer->graph, outer);
  if (info.op == BOREL_OP_SCALAR)
    return info.dtype == BOREL_I64 ? borel_graph_integer(to->graph, info.attr)
                                   : borel_graph_scalar(to->graph, info.value);
  size_t bytes = (to->captured_count + 1) * sizeof(borel_node);
  borel_node *captured = realloc(to->captured, bytes);
  if (captured) to->captured = captured;
  borel_node *inner = realloc(to->inner, bytes);
  if (inner) to->inner = inner;
  if (!captured || !inner) return BOREL_NO_NODE;
  borel_node made = borel_graph_input(to->graph, info.dtype, &info.shape);
  if (made == BOREL_NO_NODE) return BOREL_NO_NODE;
  captured[to->captured_count] = outer;
  inner[to->captured_count++] = made;
  return made;
}

borel_node borel_lua_capture(borel_lua_trace *trace, borel_node outer) {
  return trace->outer ? capture(trace, trace->outer, outer) : BOREL_NO_NODE;
}

/* What holds `graph` as an open trace. */
static borel_lua_trace *trace_of(lua_State *L, const borel_graph *graph) {
  borel_lua_trace *trace = borel_lua_state(L)->current;
  while (trace && trace->graph != graph) trace = trace->previous;
  if (!trace) borel_lua_fail(L, "this model is not being traced any more");
  return trace;
}

borel_node borel_lua_tonode(lua_State *L, int index, borel_graph *graph) {
  borel_node made = BOREL_NO_NODE;
  switch (lua_type(L, index)) {
  case LUA_TNUMBER: made = borel_graph_scalar(graph, lua_tonumber(L, index)); break;
  case LUA_TBOOLEAN: made = borel_graph_integer(graph, lua_toboolean(L, index)); break;
  case LUA_TTABLE: /* fall through */
  case LUA_TUSERDATA: {
    const symbolic *value = luaL_testudata(L, index, node_type);
    if (value) {
      borel_lua_trace *from = find_trace(L, value->epoch), *to = trace_of(L, graph);
      const borel_lua_trace *around = to;
      while (around && around != from) around = around->outer;
      if (!around)
        borel_lua_fail(
            L, "a symbolic value of one model, or of the body of a scan, map or cond, is used outside it");
      made = capture(to, from, value->node);
      break;
    }
    const borel_array *array = borel_lua_toarray(L, index);
    if (array->dtype == BOREL_F32) borel_lua_fail(L, "an f32 array: convert it with x:to \"f64\"");
    made = borel_graph_array(graph, array);
    break;
  }
  default:
    borel_lua_fail(L, "a number, an array or a symbolic value is needed, got a %s",
                   borel_lua_typename(L, index));
  }
  if (made == BOREL_NO_NODE) borel_lua_fail(L, "out of memory for the graph of a model");
  return made;
}

borel_node borel_lua_tonode_as(lua_State *L, int index, borel_graph *graph, borel_dtype dtype) {
  borel_error error = {0};
  borel_node node = borel_lua_tonode(L, index, graph);
  if (dtype != BOREL_F64 || borel_graph_at(graph, node)->dtype == BOREL_F64) return node;
  return borel_lua_checknode(L, borel_graph_op(graph, BOREL_OP_TO_F64, &node, 1, 0, NULL, &error), &error);
}

borel_shape borel_lua_shape(lua_State *L, int index) {
  if (borel_lua_isnode(L, index)) return borel_lua_nodeinfo(L, index)->shape;
  const borel_array *array = borel_lua_testarray(L, index);
  if (array) return array->shape;
  const borel_particles *particles = borel_lua_testparticles(L, index);
  return particles ? borel_particles_shape(particles) : (borel_shape){0};
}

/* ---- functions and methods ------------------------------------------------------------------- */

/* core.trace_begin() -> graph, which is current until core.trace_end(graph), or until it goes out of scope as
 * a <close> variable. */
static int trace_begin(lua_State *L) {
  borel_lua_trace_begin(L);
  return 1;
}

static int trace_end(lua_State *L) {
  borel_lua_trace_end(L, 1);
  return 0;
}

/* graph:input(shape [, dtype]) -> node */
static int graph_input(lua_State *L) {
  borel_graph *graph = borel_lua_graph(L, 1);
  trace_of(L, graph);
  borel_shape shape = borel_lua_toshape(L, 2);
  borel_dtype dtype = borel_lua_todtype(L, 3, BOREL_F64);
  if (dtype != BOREL_F64 && dtype != BOREL_I64) borel_lua_fail(L, "an input is f64 or i64");
  borel_node made = borel_graph_input(graph, dtype, &shape);
  if (made == BOREL_NO_NODE) borel_lua_fail(L, "out of memory for the graph of a model");
  borel_lua_pushnode(L, graph, made);
  return 1;
}

/* graph:size(): how many nodes it has. */
static int graph_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)borel_graph_size(borel_lua_graph(L, 1)));
  return 1;
}

static int graph_text(lua_State *L) {
  const borel_lua_trace *trace = luaL_checkudata(L, 1, trace_type);
  lua_pushfstring(L, "graph of %I nodes%s", trace->graph ? (LUAI_UACINT)borel_graph_size(trace->graph) : 0,
                  trace->open ? ", being traced" : "");
  return 1;
}

/* Is it a value whose elements a program cannot know: of the model that is traced, or of all particles? */
static int is_symbolic(lua_State *L) {
  lua_pushboolean(L, borel_lua_isnode(L, 1) || luaL_testudata(L, 1, "borel.particles"));
  return 1;
}

static int node_text(lua_State *L) {
  const symbolic *value = luaL_checkudata(L, 1, node_type);
  const borel_lua_trace *trace = borel_lua_state(L)->current;
  while (trace && trace->epoch != value->epoch) trace = trace->previous;
  if (!trace) {
    lua_pushliteral(L, "symbolic (its model has been traced)");
    return 1;
  }
  const borel_node_info *node = borel_graph_at(trace->graph, value->node);
  char shape[64];
  lua_pushfstring(L, "symbolic %s %s",
                  is_mask(trace->graph, value->node) ? "bool" : borel_dtype_name(node->dtype),
                  borel_shape_text(&node->shape, shape));
  return 1;
}

static int no_order(lua_State *L) {
  borel_lua_fail(L, "a value drawn in a model cannot be compared with < in Lua: use x:gt(y) and borel.where"
                    "; if the model is to branch, make it dynamic: borel.model(fn, { dynamic = true })");
}

/* Reached by `x == y` only when both are userdata: comparison with a number is false before anyone can act.
 */
static int no_equality(lua_State *L) {
  for (int i = 1; i <= 2; i++)
    if (!borel_lua_isnode(L, i) && !luaL_testudata(L, i, "borel.array")) {
      lua_pushboolean(L, 0);
      return 1;
    }
  borel_lua_fail(L, "a value drawn in a model cannot be compared with == in Lua: use x:eq(y) and borel.where"
                    "; if the model is to branch, make it dynamic: borel.model(fn, { dynamic = true })");
}

static int no_text(lua_State *L) {
  borel_lua_fail(
      L, "a value drawn in a model cannot be joined with ..: it has no text while the model is traced");
}

void borel_lua_open_node(lua_State *L) {
  luaL_newmetatable(L, trace_type);
  static const luaL_Reg trace_meta[] = {
      {"__gc", trace_gc}, {"__close", trace_end}, {"__tostring", graph_text}, {NULL, NULL}};
  luaL_setfuncs(L, trace_meta, 0);
  lua_createtable(L, 0, 2);
  static const luaL_Reg trace_methods[] = {{"input", graph_input}, {"size", graph_size}, {NULL, NULL}};
  luaL_setfuncs(L, trace_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);

  luaL_newmetatable(L, node_type);
  static const luaL_Reg node_meta[] = {{"__tostring", node_text}, {"__lt", no_order},    {"__le", no_order},
                                       {"__eq", no_equality},     {"__concat", no_text}, {NULL, NULL}};
  luaL_setfuncs(L, node_meta, 0);
  /* What Lua's own functions say when they are given one: "number expected, got ...". */
  lua_pushliteral(L, "value drawn in the model: write borel.exp(x) and the like");
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);

  static const luaL_Reg functions[] = {
      {"trace_begin", trace_begin}, {"trace_end", trace_end}, {"is_symbolic", is_symbolic}, {NULL, NULL}};
  lua_pushvalue(L, 1);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
