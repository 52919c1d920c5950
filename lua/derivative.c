/* SPDX-License-Identifier: MIT
 * core.grad and core.jvp: derivatives of functions, as values. A function is traced into a graph of its own;
 * its derivative becomes part of the model that is being traced, or is evaluated at once. */
#include <stdlib.h>
#include <string.h>

#include "compile/program.h"
#include "values.h"

enum { MOST_ARGUMENTS = 32 };

borel_node borel_lua_tovector(lua_State *L, int index, borel_graph *graph) {
  if (lua_type(L, index) != LUA_TTABLE) return borel_lua_tonode_as(L, index, graph, BOREL_F64);
  borel_error error = {0};
  int count = (int)lua_rawlen(L, index);
  if (count < 1) borel_lua_fail(L, "an empty table where a vector is needed");
  borel_node *parts = lua_newuserdatauv(L, (size_t)count * sizeof *parts, 0);
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, index, i + 1);
    parts[i] = borel_lua_tonode_as(L, -1, graph, BOREL_F64);
    lua_pop(L, 1);
  }
  borel_node made = borel_graph_op(graph, BOREL_OP_STACK, parts, (size_t)count, 0, NULL, &error);
  lua_pop(L, 1);
  return borel_lua_checknode(L, made, &error);
}

/* A function at work: its arguments lie on the stack from `first` on, then (for jvp) their tangents. */
typedef struct {
  const char *name;
  int fn, first, count, tangents;
  borel_graph *body;
  const borel_shape *shapes; /* of the arguments */
  borel_node in[2 * MOST_ARGUMENTS], out[MOST_ARGUMENTS + 1];
  size_t outputs;
} derivative;

static void checked(lua_State *L, const derivative *d, borel_status status, borel_error *error) {
  if (!status) return;
  if (!error->code) borel_lua_fail(L, "%s: out of memory", d->name);
  borel_lua_error(L, error);
}

/* The function on symbolic values, then its derivative. Stack: the description, the function. [protected] */
static int trace_function(lua_State *L) {
  derivative *d = lua_touserdata(L, 1);
  borel_error error = {0};
  luaL_checkstack(L, 2 * MOST_ARGUMENTS, d->name);
  int inputs = d->count * (1 + d->tangents);
  for (int i = 0; i < inputs; i++)
    d->in[i] =
        borel_lua_checknode(L, borel_graph_input(d->body, BOREL_F64, &d->shapes[i % d->count]), &error);
  lua_pushvalue(L, 2);
  for (int i = 0; i < d->count; i++) borel_lua_pushnode(L, d->body, d->in[i]);
  lua_call(L, d->count, 1);
  if (lua_isnil(L, -1)) borel_lua_fail(L, "%s: the function returns nothing", d->name);
  borel_node y = borel_lua_tovector(L, lua_gettop(L), d->body);
  size_t count = (size_t)d->count;
  if (d->tangents) {
    d->out[0] = y;
    checked(L, d, borel_graph_jvp(d->body, &y, 1, d->in, d->in + count, count, d->out + 1, &error), &error);
    d->outputs = 2;
  } else {
    char text[64];
    const borel_shape *shape = &borel_graph_at(d->body, y)->shape;
    if (shape->rank != 0)
      borel_lua_fail(L, "grad: the function must return a number, not an array of shape %s",
                     borel_shape_text(shape, text));
    checked(L, d, borel_graph_gradient(d->body, y, d->in, count, d->out, &error), &error);
    d->outputs = count;
  }
  return 0;
}

/* As part of the model: the nodes are copied to where the function was called. */
static void push_nodes(lua_State *L, derivative *d, const borel_lua_trace *trace, borel_graph *graph) {
  borel_error error = {0};
  int inputs = d->count * (1 + d->tangents);
  size_t size = borel_graph_size(d->body), total = (size_t)inputs + trace->captured_count;
  borel_node *map = lua_newuserdatauv(L, (size + total + 1) * sizeof *map, 0), *given = map + size;
  for (int i = 0; i < inputs; i++) given[i] = borel_lua_tonode_as(L, d->first + i, graph, BOREL_F64);
  if (trace->captured_count) memcpy(given + inputs, trace->captured, trace->captured_count * sizeof *given);
  checked(L, d, borel_graph_copy(graph, d->body, given, map, &error), &error);
  for (size_t i = 0; i < d->outputs; i++) borel_lua_pushnode(L, graph, map[d->out[i]]);
}

/* On numbers: the body is evaluated. The results are arrays, numbers where they have no axes. */
static borel_status evaluate(lua_State *L, derivative *d, borel_array *results, borel_error *error) {
  borel_workspace w = {0};
  borel_program *p = borel_program_new(d->body, d->out, d->outputs, error);
  borel_status status = p ? borel_workspace_new(p, &w, error) : BOREL_INTERNAL;
  for (int i = 0; i < d->count * (1 + d->tangents) && !status; i++) {
    const borel_array *array = borel_lua_testarray(L, d->first + i);
    int32_t slot = p->input_slot[i];
    int64_t size = borel_shape_size(&d->shapes[i % d->count]);
    for (int64_t k = 0; slot >= 0 && k < size; k++)
      ((double *)w.slot[slot])[k] = array ? borel_array_at(array, k) : lua_tonumber(L, d->first + i);
  }
  if (!status) borel_program_interpret(p, &w);
  for (size_t i = 0; i < d->outputs && !status; i++) {
    const borel_shape *shape = &borel_graph_at(d->body, d->out[i])->shape;
    results[i] = borel_array_new(BOREL_F64, shape);
    if (!results[i].data) {
      status = borel_fail(error, BOREL_INTERNAL, "out of memory for an array");
      break;
    }
    memcpy(results[i].data, w.slot[borel_program_output_slot(p, i)], 8 * (size_t)borel_shape_size(shape));
  }
  borel_workspace_free(&w);
  borel_program_free(p);
  return status;
}

static void push_numbers(lua_State *L, derivative *d) {
  borel_error error = {0};
  borel_array results[MOST_ARGUMENTS + 1] = {{0}};
  borel_status status = evaluate(L, d, results, &error);
  for (size_t i = 0; i < d->outputs; i++) {
    if (status)
      borel_array_release(&results[i]);
    else
      borel_lua_pusharray(L, results[i]);
    if (!status && results[i].shape.rank == 0) {
      borel_lua_pushelement(L, borel_lua_checkarray(L, -1), 0);
      lua_remove(L, -2);
    }
  }
  checked(L, d, status, &error);
  borel_lua_account(L);
}

static int differentiate(lua_State *L, derivative *d) {
  borel_shape shapes[MOST_ARGUMENTS];
  borel_graph *graph = borel_lua_current_graph(L);
  for (int i = 0; i < d->count * (1 + d->tangents); i++) {
    int index = d->first + i, type = lua_type(L, index);
    char have[64], want[64];
    if (type == LUA_TTABLE) borel_lua_toarray(L, index);
    if (type != LUA_TNUMBER && !borel_lua_isnode(L, index) && !borel_lua_testarray(L, index))
      borel_lua_fail(L, "%s: %s %d is a %s, not a number, an array or a value of the model", d->name,
                     i < d->count ? "argument" : "tangent", i % d->count + 1, borel_lua_typename(L, index));
    borel_shape shape = borel_lua_shape(L, index);
    if (i < d->count)
      shapes[i] = shape;
    else if (!borel_shape_equal(&shape, &shapes[i - d->count]))
      borel_lua_fail(L, "%s: argument %d has shape %s but its tangent has shape %s", d->name,
                     i - d->count + 1, borel_shape_text(&shapes[i - d->count], want),
                     borel_shape_text(&shape, have));
  }
  borel_lua_trace *trace = borel_lua_trace_open(L, borel_lua_state(L)->current);
  int at = lua_gettop(L);
  d->body = trace->graph;
  d->shapes = shapes;
  lua_pushcfunction(L, trace_function);
  lua_pushlightuserdata(L, d);
  lua_pushvalue(L, d->fn);
  int failed = lua_pcall(L, 2, 0, 0);
  borel_lua_trace_end(L, at);
  if (failed) return lua_error(L);
  if (graph)
    push_nodes(L, d, trace, graph);
  else
    push_numbers(L, d);
  return (int)d->outputs;
}

static void check_function(lua_State *L, const char *name) {
  if (!lua_isfunction(L, 1))
    borel_lua_fail(L, "%s: the first argument must be a function, got a %s", name, borel_lua_typename(L, 1));
}

/* core.grad(fn, x, ...) -> the derivatives of the number fn(x, ...) with respect to each x, of its shape. On
 * numbers and arrays, or inside a model, where they are values like any others. */
static int grad(lua_State *L) {
  int count = lua_gettop(L) - 1;
  check_function(L, "grad");
  if (count < 1 || count > MOST_ARGUMENTS)
    borel_lua_fail(L, "grad takes a function and 1 to %d arguments, got %d", MOST_ARGUMENTS, count);
  derivative d = {.name = "grad", .fn = 1, .first = 2, .count = count};
  return differentiate(L, &d);
}

static int push_list(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) != LUA_TTABLE)
    borel_lua_fail(L, "jvp: the %s must be a list, got a %s", what, borel_lua_typename(L, index));
  int count = (int)lua_rawlen(L, index);
  if (count < 1 || count > MOST_ARGUMENTS)
    borel_lua_fail(L, "jvp: %d %s; from 1 to %d are possible", count, what, MOST_ARGUMENTS);
  for (int i = 1; i <= count; i++) lua_rawgeti(L, index, i);
  return count;
}

/* core.jvp(fn, {x, ...}, {v, ...}) -> fn(x, ...), and its derivative along v: sum of Jacobian times v. Both
 * have the shape of the result. */
static int jvp(lua_State *L) {
  if (lua_gettop(L) != 3)
    borel_lua_fail(L, "jvp takes a function, a list of arguments and a list of tangents");
  check_function(L, "jvp");
  luaL_checkstack(L, 4 * MOST_ARGUMENTS, "jvp");
  derivative d = {.name = "jvp", .fn = 1, .first = 4, .tangents = 1};
  d.count = push_list(L, 2, "arguments");
  int tangents = push_list(L, 3, "tangents");
  if (tangents != d.count) borel_lua_fail(L, "jvp: %d arguments and %d tangents", d.count, tangents);
  return differentiate(L, &d);
}

void borel_lua_open_derivative(lua_State *L) {
  static const luaL_Reg functions[] = {{"grad", grad}, {"jvp", jvp}, {NULL, NULL}};
  lua_pushvalue(L, 1);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
