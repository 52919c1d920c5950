/* SPDX-License-Identifier: MIT
 * core.ode: solutions of differential equations. In a model the right-hand side becomes a sub-graph. On
 * numbers the same solver calls the Lua function, so that the one checks the other; BDF, which needs a
 * Jacobian, solves the graph in both cases. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compile/ode.h"
#include "compile/program.h"
#include "values.h"

enum { FN = 1, Y0, T0, TS, PARAMETERS, OPTIONS, MOST_PARAMETERS = 64 };

/* ---- arguments ------------------------------------------------------------------------------- */

static double option(lua_State *L, const char *name, double missing, double least) {
  if (lua_getfield(L, OPTIONS, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return missing;
  }
  if (lua_type(L, -1) != LUA_TNUMBER)
    borel_lua_fail(L, "ode: %s is a number, got a %s", name, borel_lua_typename(L, -1));
  double value = lua_tonumber(L, -1);
  if (!(value >= least) || !isfinite(value))
    borel_lua_fail(L, "ode: %s is %g, must be at least %g", name, value, least);
  lua_pop(L, 1);
  return value;
}

static int is_stiff(lua_State *L) {
  int stiff = 0;
  if (lua_getfield(L, OPTIONS, "method") != LUA_TNIL) {
    const char *method = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    stiff = strcmp(method, "bdf") == 0;
    if (!stiff && strcmp(method, "rk45") != 0)
      borel_lua_fail(L, "ode: method is \"rk45\" or \"bdf\", got %s%s", *method ? method : "a ",
                     *method ? "" : borel_lua_typename(L, -1));
    if (stiff && !borel_ode_has_stiff())
      borel_lua_fail(L, "ode: method \"bdf\" needs SUNDIALS, which this build of Borel lacks: install "
                        "libsundials-dev and build again");
  }
  lua_pop(L, 1);
  return stiff;
}

static borel_ode read_options(lua_State *L) {
  static const char *const known[] = {"rel_tol", "abs_tol", "max_steps", "method"};
  borel_ode o = {.rel_tol = 1e-6, .abs_tol = 1e-6, .max_steps = 10000};
  if (!borel_lua_options(L, OPTIONS, "ode", known, sizeof known / sizeof *known)) return o;
  o.rel_tol = option(L, "rel_tol", o.rel_tol, 1e-14);
  o.abs_tol = option(L, "abs_tol", o.abs_tol, 1e-300);
  double steps = option(L, "max_steps", (double)o.max_steps, 1);
  if (steps > 1e9 || steps != floor(steps))
    borel_lua_fail(L, "ode: max_steps is %g, must be a whole number up to 1e9", steps);
  o.max_steps = (int64_t)steps;
  o.stiff = is_stiff(L);
  return o;
}

static void check_value(lua_State *L, int index, const char *what) {
  int type = lua_type(L, index);
  if (type != LUA_TNUMBER && type != LUA_TTABLE && !borel_lua_isnode(L, index) &&
      !borel_lua_testarray(L, index))
    borel_lua_fail(L, "ode: %s is a %s, not a number, an array or a value of the model", what,
                   borel_lua_typename(L, index));
}

/* Pushes the parameters; returns how many. */
static int push_parameters(lua_State *L) {
  if (lua_isnil(L, PARAMETERS)) return 0;
  if (lua_type(L, PARAMETERS) != LUA_TTABLE)
    borel_lua_fail(L, "ode: the parameters must be a list, got a %s", borel_lua_typename(L, PARAMETERS));
  int count = (int)lua_rawlen(L, PARAMETERS);
  if (count > MOST_PARAMETERS)
    borel_lua_fail(L, "ode: %d parameters; %d are possible, and each may be an array", count,
                   MOST_PARAMETERS);
  for (int i = 1; i <= count; i++) {
    char what[32];
    lua_rawgeti(L, PARAMETERS, i);
    snprintf(what, sizeof what, "parameter %d", i);
    check_value(L, lua_gettop(L), what);
  }
  return count;
}

/* ---- in a graph ------------------------------------------------------------------------------ */

typedef struct {
  borel_graph *body;
  const borel_node_info *parameters; /* copies: of the outer graph's nodes */
  int count;
  borel_shape state;
  borel_node f;
} body_trace;

/* Runs the right-hand side once on symbolic values. Stack: the context, the function. [protected] */
static int trace_body(lua_State *L) {
  body_trace *b = lua_touserdata(L, 1);
  luaL_checkstack(L, MOST_PARAMETERS + 8, "ode");
  lua_pushvalue(L, 2);
  borel_lua_pushnode(L, b->body, borel_graph_input(b->body, BOREL_F64, &(borel_shape){0}));
  borel_lua_pushnode(L, b->body, borel_graph_input(b->body, BOREL_F64, &b->state));
  for (int i = 0; i < b->count; i++)
    borel_lua_pushnode(L, b->body,
                       borel_graph_input(b->body, b->parameters[i].dtype, &b->parameters[i].shape));
  lua_call(L, 2 + b->count, 1);
  check_value(L, lua_gettop(L), "what the right-hand side returns");
  b->f = borel_lua_tovector(L, lua_gettop(L), b->body);
  return 0;
}

static borel_region *new_region(borel_graph *body, borel_node f) {
  borel_region *region = calloc(1, sizeof *region);
  borel_node *outputs = malloc(sizeof *outputs);
  if (!region || !outputs) {
    free(region);
    free(outputs);
    return NULL;
  }
  outputs[0] = f;
  *region = (borel_region){.body = body, .output_count = 1, .outputs = outputs};
  return region;
}

/* The solution as a node of the current graph; parameters lie on the stack from `first` on. */
static borel_node solution_node(lua_State *L, int first, int count, const borel_ode *options) {
  borel_lua_trace *outer = borel_lua_state(L)->current;
  borel_graph *graph = outer->graph;
  borel_node args[3 + MOST_PARAMETERS];
  borel_node_info infos[MOST_PARAMETERS];
  borel_error error = {0};
  args[0] = borel_lua_tovector(L, Y0, graph);
  args[1] = borel_lua_tonode_as(L, T0, graph, BOREL_F64);
  args[2] = borel_lua_tovector(L, TS, graph);
  for (int i = 0; i < count; i++) {
    args[3 + i] = lua_type(L, first + i) == LUA_TTABLE ? borel_lua_tovector(L, first + i, graph)
                                                       : borel_lua_tonode(L, first + i, graph);
    infos[i] = *borel_graph_at(graph, args[3 + i]);
  }
  body_trace b = {.parameters = infos, .count = count, .state = borel_graph_at(graph, args[0])->shape};
  borel_lua_trace *trace = borel_lua_trace_open(L, outer);
  int at = lua_gettop(L);
  b.body = trace->graph;
  lua_pushcfunction(L, trace_body);
  lua_pushlightuserdata(L, &b);
  lua_pushvalue(L, FN);
  int failed = lua_pcall(L, 2, 0, 0);
  borel_lua_trace_end(L, at);
  if (failed) lua_error(L);

  size_t given = 3 + (size_t)count, total = given + trace->captured_count;
  borel_node *all = lua_newuserdatauv(L, total * sizeof *all, 0);
  memcpy(all, args, given * sizeof *all);
  if (trace->captured_count) memcpy(all + given, trace->captured, trace->captured_count * sizeof *all);
  borel_region *region = new_region(trace->graph, b.f);
  if (!region) borel_lua_fail(L, "out of memory for the graph of a model");
  trace->graph = NULL; /* the region's now */
  borel_node ode =
      borel_lua_checknode(L, borel_graph_ode(graph, region, all, total, options, &error), &error);
  return borel_lua_checknode(L, borel_graph_project(graph, ode, 0), &error);
}

/* ---- on numbers ------------------------------------------------------------------------------ */

/* What the Lua right-hand side needs, as the solver's `b`. Its first error ends the solution: after it, all
 * slopes are NaN. */
typedef struct {
  lua_State *L;
  int first, count, failed; /* failed: an error lies on top of the stack */
  double t, *f;
  const double *y;
  int64_t n;
} plain;

/* Stack: the context, the function, the parameters. [protected] */
static int call_function(lua_State *L) {
  plain *s = lua_touserdata(L, 1);
  char have[64];
  int parameters = lua_gettop(L) - 2;
  lua_pushvalue(L, 2);
  lua_pushnumber(L, s->t);
  borel_array *y = borel_lua_makearray(L, BOREL_F64, &(borel_shape){1, {s->n}});
  memcpy(y->data, s->y, 8 * (size_t)s->n);
  for (int i = 0; i < parameters; i++) lua_pushvalue(L, 3 + i);
  lua_call(L, 2 + parameters, 1);
  int result = lua_gettop(L);
  check_value(L, result, "what the right-hand side returns");
  const borel_array *f = lua_type(L, result) == LUA_TNUMBER ? NULL : borel_lua_toarray(L, result);
  if (!f || f->shape.rank != 1 || f->shape.extent[0] != s->n)
    borel_lua_fail(L, "ode: the state has shape [%lld] but the right-hand side returns shape %s",
                   (long long)s->n, borel_shape_text(f ? &f->shape : &(borel_shape){0}, have));
  for (int64_t i = 0; i < s->n; i++) s->f[i] = borel_array_at(f, i);
  borel_lua_account(L);
  return 0;
}

static void right_hand_side(void *const *b, const double *c, const long long *n, double t, const double *y,
                            double *f, double *jy, double *jp) {
  (void)c, (void)n, (void)jy, (void)jp;
  plain *s = b[0];
  s->t = t, s->y = y, s->f = f;
  lua_State *L = s->L;
  if (!s->failed) {
    lua_pushcfunction(L, call_function);
    lua_pushlightuserdata(L, s);
    lua_pushvalue(L, FN);
    for (int i = 0; i < s->count; i++) lua_pushvalue(L, s->first + i);
    s->failed = lua_pcall(L, 2 + s->count, 0, 0) != 0;
  }
  for (int64_t i = 0; s->failed && i < s->n; i++) s->f[i] = NAN;
}

/* The checks of a graph, with its words: constant arguments, and a right-hand side of the right shape. */
static void check_constants(lua_State *L, const borel_array *y0, double t0, const borel_array *ts) {
  borel_graph *graph = borel_lua_trace_begin(L);
  int at = lua_gettop(L);
  borel_error error = {0};
  borel_graph *body = borel_graph_new();
  borel_region *region = NULL;
  if (body) {
    borel_graph_input(body, BOREL_F64, &(borel_shape){0});
    region = new_region(body, borel_graph_input(body, BOREL_F64, &y0->shape));
  }
  borel_node args[] = {borel_graph_array(graph, y0), borel_graph_scalar(graph, t0),
                       borel_graph_array(graph, ts)};
  borel_ode options = {.rel_tol = 1, .abs_tol = 1, .max_steps = 1};
  borel_node made = region ? borel_graph_ode(graph, region, args, 3, &options, &error) : BOREL_NO_NODE;
  borel_lua_trace_end(L, at);
  borel_lua_checknode(L, made, &error);
}

static const borel_array *to_reals(lua_State *L, int index) {
  borel_lua_toarray(L, index);
  borel_array *reals = borel_lua_newarray(L);
  *reals = borel_lua_convert(borel_lua_checkarray(L, index), BOREL_F64);
  if (!reals->data) borel_lua_fail(L, "out of memory for an array");
  lua_replace(L, index);
  return borel_lua_checkarray(L, index);
}

static int solve_now(lua_State *L, int first, int count, const borel_ode *options) {
  const borel_array *y0 = to_reals(L, Y0), *ts = to_reals(L, TS);
  if (lua_type(L, T0) != LUA_TNUMBER)
    borel_lua_fail(L, "ode: t0 must be a number, got a %s", borel_lua_typename(L, T0));
  double t0 = lua_tonumber(L, T0);
  check_constants(L, y0, t0, ts);
  int64_t n = y0->shape.extent[0], times = ts->shape.extent[0];
  borel_array *result = borel_lua_newarray(L);
  *result = borel_array_new(BOREL_F64, &(borel_shape){2, {times, n}});
  double *room = lua_newuserdatauv(L, borel_ode_work(n, 0, 0, 0) * sizeof *room, 0);
  if (!result->data) borel_lua_fail(L, "out of memory for an array");
  int kept = lua_gettop(L);
  luaL_checkstack(L, MOST_PARAMETERS + 8, "ode");
  plain s = {.L = L, .first = first, .count = count, .n = n};
  void *const b[] = {&s};
  borel_ode_solve(&(const borel_ode_problem){.states = n,
                                             .times = times,
                                             .y0_column = -1,
                                             .t0_column = -1,
                                             .max_steps = options->max_steps,
                                             .rel_tol = options->rel_tol,
                                             .abs_tol = options->abs_tol,
                                             .y0 = y0->data,
                                             .t0 = &t0,
                                             .ts = ts->data,
                                             .rhs = right_hand_side,
                                             .b = b,
                                             .work = room,
                                             .solution = result->data});
  if (s.failed) return lua_error(L);
  lua_settop(L, kept - 1); /* the result */
  borel_lua_account(L);
  return 1;
}

/* The graph of these numbers, interpreted. */
static int solve_graph_now(lua_State *L, int first, int count, const borel_ode *options) {
  borel_graph *graph = borel_lua_trace_begin(L);
  int at = lua_gettop(L);
  borel_node y = solution_node(L, first, count, options);
  borel_lua_trace_end(L, at);
  borel_error error = {0};
  borel_workspace w = {0};
  borel_array *result = borel_lua_newarray(L);
  borel_program *p = borel_program_new(graph, &y, 1, &error);
  if (p && !borel_workspace_new(p, &w, &error)) {
    const borel_shape *shape = &borel_graph_at(graph, y)->shape;
    borel_program_interpret(p, &w);
    *result = borel_array_new(BOREL_F64, shape);
    if (result->data)
      memcpy(result->data, w.slot[borel_program_output_slot(p, 0)], 8 * (size_t)borel_shape_size(shape));
    borel_workspace_free(&w);
  }
  borel_program_free(p);
  if (error.code) borel_lua_error(L, &error);
  if (!result->data) borel_lua_fail(L, "out of memory for an array");
  borel_lua_account(L);
  return 1;
}

/* core.ode(rhs, y0, t0, ts [, parameters [, options]]) -> [#ts, n], the solution of dy/dt = rhs(t, y,
 * parameters
 * ...) at the increasing times ts from t0 on, where it is y0 [n]. rhs returns a vector [n] or a list of n
 * numbers. Options: rel_tol and abs_tol (1e-6): a step's error in each state stays, in the root mean square,
 * below abs_tol + rel_tol |y|; max_steps (10000) for the whole solution; method, "rk45" or "bdf" (stiff
 * systems; needs SUNDIALS). Where no solution is found, all of the result is NaN. */
static int ode(lua_State *L) {
  int count = lua_gettop(L);
  if (count < TS || count > OPTIONS)
    borel_lua_fail(L,
                   "ode takes a right-hand side, an initial state, t0, times, parameters and options, got %d "
                   "values",
                   count);
  lua_settop(L, OPTIONS);
  if (!lua_isfunction(L, FN))
    borel_lua_fail(L, "ode: the right-hand side must be a function, got a %s", borel_lua_typename(L, FN));
  check_value(L, Y0, "the initial state");
  check_value(L, T0, "t0");
  check_value(L, TS, "ts");
  borel_ode options = read_options(L);
  luaL_checkstack(L, MOST_PARAMETERS + 16, "ode");
  int first = OPTIONS + 1, parameters = push_parameters(L);
  if (!borel_lua_current_graph(L))
    return options.stiff ? solve_graph_now(L, first, parameters, &options)
                         : solve_now(L, first, parameters, &options);
  borel_node made = solution_node(L, first, parameters, &options);
  borel_lua_pushnode(L, borel_lua_current_graph(L), made);
  return 1;
}

void borel_lua_open_ode(lua_State *L) {
  lua_pushcfunction(L, ode);
  lua_setfield(L, 1, "ode");
}
