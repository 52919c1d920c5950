/* SPDX-License-Identifier: MIT
 * Values of the modelling language: arrays, symbolic nodes, the operations on them, and JSON; together the
 * Lua module "borel.core". Everything that a person sees is 1-based; everything below this layer is 0-based.
 *
 * Functions here may raise Lua errors (longjmp): call them holding nothing that the Lua state does not own.
 */
#ifndef BOREL_LUA_VALUES_H
#define BOREL_LUA_VALUES_H

#include <lauxlib.h>
#include <lua.h>

#include "core/array.h"
#include "core/error.h"
#include "graph/graph.h"

/* Pushes the module table "borel.core". */
int luaopen_borel_core(lua_State *L);

/* ---- errors (where.c) ------------------------------------------------------------------------ */

/* Pushes "file:line" of the innermost Lua frame outside the standard library (whose chunk names start with
 * "=borel/"), or "" when there is none. */
void borel_lua_position(lua_State *L);
/* Raises "file:line: message" with that position. */
int borel_lua_error(lua_State *L, const borel_error *error) __attribute__((noreturn));
int borel_lua_fail(lua_State *L, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* The type of a value as people call it: "nil", "string", "array", "symbolic value". */
const char *borel_lua_typename(lua_State *L, int index);
/* Is there a table of options at `index`? Raises for another value and for a name that is not in `known`. */
int borel_lua_options(lua_State *L, int index, const char *function, const char *const *known, size_t count);

/* ---- arrays (array.c) ------------------------------------------------------------------------ */

/* Pushes an array that takes over `taken`, which is released when Lua is out of memory. */
void borel_lua_pusharray(lua_State *L, borel_array taken);
/* The array at `index`, or NULL when it is something else; raises for a released one. */
borel_array *borel_lua_testarray(lua_State *L, int index);
/* The array at `index`; raises when it is something else. */
borel_array *borel_lua_checkarray(lua_State *L, int index);
/* The same after turning a number, a boolean or a table of them into an array in place; raises otherwise. */
borel_array *borel_lua_toarray(lua_State *L, int index);
/* A number or a list of extents; {} is a scalar. */
borel_shape borel_lua_toshape(lua_State *L, int index);
/* "f64" and so on; `missing` for nil. */
borel_dtype borel_lua_todtype(lua_State *L, int index, borel_dtype missing);

/* ---- symbolic values and traces (node.c) ----------------------------------------------------- */

/* The graph of the "borel.graph" at `index`, also after its trace has ended. */
borel_graph *borel_lua_graph(lua_State *L, int index);
/* The graph being traced now, or NULL. */
borel_graph *borel_lua_current_graph(lua_State *L);
int borel_lua_isnode(lua_State *L, int index);
/* A number (f64), boolean, array, table of numbers or node as a node of `graph`, which must be open. */
borel_node borel_lua_tonode(lua_State *L, int index, borel_graph *graph);
/* The same, as f64 when that is asked for. */
borel_node borel_lua_tonode_as(lua_State *L, int index, borel_graph *graph, borel_dtype);
/* The same as f64; a table, which may hold nodes, is the vector of its elements. (derivative.c) */
borel_node borel_lua_tovector(lua_State *L, int index, borel_graph *graph);
void borel_lua_pushnode(lua_State *L, borel_graph *graph, borel_node node);
/* core.trace_begin and core.trace_end: the first pushes the "borel.graph"; ending twice does nothing. */
borel_graph *borel_lua_trace_begin(lua_State *L);
void borel_lua_trace_end(lua_State *L, int index);

/* ---- values of a population (particles.c) ----------------------------------------------------- */

typedef struct borel_lineage borel_lineage; /* what the rows of a population are, and where they come from */
typedef struct {
  borel_array array; /* [rows] + the shape of one particle's value */
  borel_lineage *lineage;
} borel_particles;

/* The value at `index`, its rows those of the lineage that is entered; NULL when it is something else. */
borel_particles *borel_lua_testparticles(lua_State *L, int index);
borel_particles *borel_lua_checkparticles(lua_State *L, int index);
/* The shape of one particle's value. */
borel_shape borel_particles_shape(const borel_particles *);
int64_t borel_lineage_rows(const borel_lineage *);
/* Replaces the array on top of the stack, which nobody else may have, by a value whose rows it has. */
void borel_lua_as_particles(lua_State *L, borel_lineage *);
/* Pushes a value of one number for each row, all for the caller to write; then call borel_lua_account. */
double *borel_lua_pushcolumn(lua_State *L, borel_lineage *);
/* Raises that drawn values cannot steer a program that runs once for all particles. */
void borel_lua_no_elements(lua_State *L) __attribute__((noreturn));

/* ---- operations (ops.c) ---------------------------------------------------------------------- */

/* Applies `op` to the `count` values from stack index `first` on (numbers, booleans, arrays, tables, nodes)
 * and pushes the result: a number or boolean, an array, or a node when an argument is one. */
void borel_lua_op(lua_State *L, borel_op op, int first, int count, int64_t attr, const borel_shape *stated);

/* Is the value at `index` a boolean, or an array of them? */
int borel_lua_is_boolean(lua_State *L, int index);
/* Raises, in the name of the function `name`, when argument i (from `first` on) is no value of the language.
 */
void borel_lua_check_value(lua_State *L, const char *name, int first, int i);

/* ---- between the files of this binding ------------------------------------------------------- */

/* One trace: a graph that is open from begin to end. The body of a region is a trace with an `outer` one,
 * whose nodes it captures when they are used. */
typedef struct borel_lua_trace {
  borel_graph *graph;
  uint32_t epoch;
  int open;
  struct borel_lua_trace *previous; /* current before this one */
  struct borel_lua_trace *outer;    /* NULL for a model */
  borel_node *captured, *inner;     /* node of `outer`, and the input that stands for it here */
  size_t captured_count;
} borel_lua_trace;

/* What a Lua state keeps: in the registry, not in C globals. */
typedef struct {
  borel_lua_trace *current;
  uint32_t epochs;        /* used so far */
  size_t counted_bytes;   /* of array buffers at the last collector step */
  borel_lineage *lineage; /* entered: whose rows values have when they are read; or NULL */
  uint64_t lineages;      /* made so far */
} borel_lua_values;

borel_lua_values *borel_lua_state(lua_State *L);
const void *borel_lua_state_key(void); /* of the registry: a userdata whose user value is the current trace */
/* Pushes a trace and makes it current. */
borel_lua_trace *borel_lua_trace_open(lua_State *L, borel_lua_trace *outer);
/* What stands, in the body of a region, for a node of the trace around it: an input, or the number itself.
 * BOREL_NO_NODE when memory is short. */
borel_node borel_lua_capture(borel_lua_trace *, borel_node outer);
/* What is known of the node at `index`; raises when its trace has ended. Valid until the next node is made.
 */
const borel_node_info *borel_lua_nodeinfo(lua_State *L, int index);
/* The current graph; raises when nothing is traced. */
borel_graph *borel_lua_need_graph(lua_State *L);
/* Raises what a graph call that returned BOREL_NO_NODE left in `error`. */
borel_node borel_lua_checknode(lua_State *L, borel_node node, const borel_error *error);
/* Is the node at `index` a mask: an integer in the graph, a bool in the language? */
int borel_lua_is_mask(lua_State *L, int index);

/* Pushes an empty array for C code to fill; until then it may not be used from Lua. */
borel_array *borel_lua_newarray(lua_State *L);
/* Pushes an array of zeros; raises an error, before it asks for memory, when it would take more than a data
 * file may hold. */
borel_array *borel_lua_makearray(lua_State *L, borel_dtype, const borel_shape *);
/* The same with elements for the caller to write, all of them. */
borel_array *borel_lua_makeroom(lua_State *L, borel_dtype, const borel_shape *);
/* Lets the collector work when buffers have grown; call it after filling an array. */
void borel_lua_account(lua_State *L);
/* A converted copy (a hold when nothing changes); data is NULL when memory is short. Values are not checked.
 */
borel_array borel_lua_convert(const borel_array *, borel_dtype);
/* Replaces the table at `index` by an array of `dtype`. */
borel_array *borel_lua_table_toarray(lua_State *L, int index, borel_dtype dtype);
/* Pushes element i (0-based, flat) as a Lua number or boolean. */
void borel_lua_pushelement(lua_State *L, const borel_array *, int64_t i);
/* Shape of a number, array or node. */
borel_shape borel_lua_shape(lua_State *L, int index);
/* Replaces the array or node at `index` by the same elements in another shape. */
void borel_lua_reshape(lua_State *L, int index, const borel_shape *to);
/* Pushes x[key], for x an array or a node. */
void borel_lua_index(lua_State *L, int x, int key);
/* core.missing */
void borel_lua_pushmissing(lua_State *L);
int borel_lua_ismissing(lua_State *L, int index);

/* Each adds its functions to `core` (stack index 1) and to the methods of arrays and nodes (index 2). */
void borel_lua_open_where(lua_State *L);
void borel_lua_open_array(lua_State *L);
void borel_lua_open_node(lua_State *L);
void borel_lua_open_particles(lua_State *L);
void borel_lua_open_index(lua_State *L);
void borel_lua_open_ops(lua_State *L);
void borel_lua_open_linear(lua_State *L);
void borel_lua_open_scan(lua_State *L);
void borel_lua_open_cond(lua_State *L);
void borel_lua_open_derivative(lua_State *L);
void borel_lua_open_ode(lua_State *L);
void borel_lua_open_json(lua_State *L);

#endif
