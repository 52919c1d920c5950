/* SPDX-License-Identifier: MIT
 * Operations on numbers, arrays and symbolic values: functions of `core` and methods, made from ops.def. */
#include <string.h>

#include "values.h"

/* ---- what the arguments are ------------------------------------------------------------------ */

static int is_mask_op(borel_op op) {
  const borel_op_info *info = borel_op_get(op);
  return info->kind == BOREL_CLASS_ELEMENTWISE && info->result == 'I' && op != BOREL_OP_IADD &&
         op != BOREL_OP_ISUB && op != BOREL_OP_IMUL;
}

static int is_table(lua_State *L, int index) { return lua_type(L, index) == LUA_TTABLE; }

/* The elements of an array, or of a value of all particles; NULL for something else. */
static const borel_array *array_at(lua_State *L, int index) {
  const borel_array *array = borel_lua_testarray(L, index);
  if (array) return array;
  const borel_particles *particles = borel_lua_testparticles(L, index);
  return particles ? &particles->array : NULL;
}

/* Turns tables into arrays; anything that is no value is an error. */
static void check_value(lua_State *L, const char *name, int first, int i) {
  int index = first + i, type = lua_type(L, index);
  if (is_table(L, index))
    borel_lua_toarray(L, index);
  else if (type != LUA_TNUMBER && type != LUA_TBOOLEAN && !borel_lua_isnode(L, index) && !array_at(L, index))
    borel_lua_fail(L, "%s: argument %d is a %s; a number, an array or a value of the model is needed", name,
                   i + 1, borel_lua_typename(L, index));
}

/* A whole number that stays one in + - *: a Lua integer, an i64 array or node that is no mask. */
static int is_integer(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TNUMBER) return lua_isinteger(L, index);
  const borel_array *array = array_at(L, index);
  if (array) return array->dtype == BOREL_I64;
  if (!borel_lua_isnode(L, index)) return 0;
  return borel_lua_nodeinfo(L, index)->dtype == BOREL_I64 && !borel_lua_is_mask(L, index);
}

static int is_boolean(lua_State *L, int index) {
  const borel_array *array = array_at(L, index);
  if (array) return array->dtype == BOREL_BOOL;
  return borel_lua_isnode(L, index) ? borel_lua_is_mask(L, index) : lua_type(L, index) == LUA_TBOOLEAN;
}

/* What the parts of a stack have in common: 'B' masks, 'I' whole numbers, 'D' anything. */
static char stack_type(lua_State *L, int first, int count) {
  int (*const all)(lua_State *, int) = is_boolean(L, first) ? is_boolean : is_integer;
  for (int i = 0; i < count; i++)
    if (!all(L, first + i)) return 'D';
  return all == is_boolean ? 'B' : 'I';
}

static borel_op integer_form(lua_State *L, borel_op op, int first, int count) {
  borel_op whole = op == BOREL_OP_ADD   ? BOREL_OP_IADD
                   : op == BOREL_OP_SUB ? BOREL_OP_ISUB
                   : op == BOREL_OP_MUL ? BOREL_OP_IMUL
                                        : op;
  if (whole == op) return op;
  for (int i = 0; i < count; i++)
    if (!is_integer(L, first + i)) return op;
  return whole;
}

/* The type that argument i must have: 'D', 'I', or 0 when any will do. */
static char wanted_type(borel_op op, int i, char stacked) {
  const borel_op_info *info = borel_op_get(op);
  switch (info->kind) {
  case BOREL_CLASS_ELEMENTWISE: return info->types[i];
  case BOREL_CLASS_STRUCTURED:
    if (op == BOREL_OP_SCATTER && i == 1) return 'I'; /* places */
    return op != BOREL_OP_STACK || stacked == 'D' ? 'D' : 'I';
  default: return i == 1 ? 'I' : 0; /* indices */
  }
}

static _Noreturn void needs_mask(lua_State *L, borel_op op, int i) {
  borel_lua_fail(L, "%s: argument %d must be a mask, such as x:gt(0)", borel_op_get(op)->name, i + 1);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void on_numbers(lua_State *L, borel_op op, int first, int count) {
  double in[3] = {0};
  for (int i = 0; i < count; i++) {
    int boolean = lua_type(L, first + i) == LUA_TBOOLEAN;
    if (wanted_type(op, i, 0) == 'I' && !boolean && !lua_isinteger(L, first + i)) needs_mask(L, op, i);
    in[i] = boolean ? lua_toboolean(L, first + i) : lua_tonumber(L, first + i);
  }
  double out = borel_op_number(op, in[0], in[1], in[2]);
  if (is_mask_op(op))
    lua_pushboolean(L, out != 0);
  else
    lua_pushnumber(L, out);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

typedef union {
  double real;
  int64_t whole;
} cell;

/* Argument i as 8-byte elements of the type that the operation takes: a number in `number`, which must
 * outlive the result; a converted array in the argument's place. */
static borel_array as_operand(lua_State *L, borel_op op, int first, int i, char type, cell *number) {
  int index = first + i;
  const borel_array *array = array_at(L, index);
  if (!array) {
    int boolean = lua_type(L, index) == LUA_TBOOLEAN;
    if (type == 'I' && !boolean && !lua_isinteger(L, index)) needs_mask(L, op, i);
    if (type == 'I')
      number->whole = boolean ? lua_toboolean(L, index) : lua_tointeger(L, index);
    else
      number->real = boolean ? lua_toboolean(L, index) : lua_tonumber(L, index);
    return (borel_array){.dtype = type == 'I' ? BOREL_I64 : BOREL_F64, .data = number};
  }
  if (array->dtype == BOREL_F32)
    borel_lua_fail(L, "%s: argument %d is an f32 array: convert it with x:to \"f64\"", borel_op_get(op)->name,
                   i + 1);
  if (type == 'I' && array->dtype == BOREL_F64) needs_mask(L, op, i);
  borel_dtype dtype = type == 'I'                  ? BOREL_I64
                      : type == 'D'                ? BOREL_F64
                      : array->dtype == BOREL_BOOL ? BOREL_I64
                                                   : array->dtype;
  if (array->dtype == dtype) return *array;
  borel_array *converted = borel_lua_newarray(L);
  *converted = borel_lua_convert(array, dtype);
  if (!converted->data) borel_lua_fail(L, "out of memory for an array");
  lua_replace(L, index);
  return *converted;
}

/* The operand at `index` stretched to `shape`, unless it is a scalar, which stretches by itself. */
static borel_array stretch(lua_State *L, int index, const borel_array *array, const borel_shape *shape) {
  if (array->shape.rank == 0 || borel_shape_equal(&array->shape, shape)) return *array;
  borel_node_info node = {.op = BOREL_OP_BROADCAST, .shape = *shape, .dtype = array->dtype};
  borel_array *wide = borel_lua_makearray(L, array->dtype, shape);
  borel_op_evaluate(&node, &(borel_operand){array->data, &array->shape}, 1, wide->data);
  lua_replace(L, index);
  return *wide;
}

static void on_arrays(lua_State *L, borel_op op, int first, int count, int64_t attr,
                      const borel_shape *stated) {
  enum { FEW = 3 };
  borel_error error = {0};
  char stacked = op == BOREL_OP_STACK ? stack_type(L, first, count) : 0;
  struct {
    borel_node_info info;
    cell number;
  } few[FEW], *parts = few;
  const borel_node_info *few_list[FEW], **list = few_list;
  borel_operand few_operands[FEW], *operands = few_operands;
  if (count > FEW) {
    parts = lua_newuserdatauv(L, (size_t)count * (sizeof *parts + sizeof *operands + sizeof *list), 0);
    operands = (borel_operand *)(parts + count);
    list = (const borel_node_info **)(operands + count);
  }
  for (int i = 0; i < count; i++) {
    borel_array array = as_operand(L, op, first, i, wanted_type(op, i, stacked), &parts[i].number);
    parts[i].info =
        (borel_node_info){.op = BOREL_OP_ARRAY, .dtype = array.dtype, .shape = array.shape, .array = array};
    list[i] = &parts[i].info;
  }
  borel_node_info node = {.op = op, .attr = attr};
  if (borel_op_infer(&node, list, (size_t)count, stated, &error)) borel_lua_error(L, &error);
  int elementwise = borel_op_get(op)->kind == BOREL_CLASS_ELEMENTWISE;
  for (int i = 0; i < count; i++) {
    borel_array *array = &parts[i].info.array;
    if (elementwise) *array = stretch(L, first + i, array, &node.shape);
    operands[i] = (borel_operand){array->data, &array->shape};
  }
  borel_array *out = borel_lua_makearray(L, node.dtype, &node.shape);
  borel_op_evaluate(&node, operands, (size_t)count, out->data);
  if (is_mask_op(op) || stacked == 'B') {
    borel_array *mask = borel_lua_newarray(L);
    *mask = borel_lua_convert(out, BOREL_BOOL);
    if (!mask->data) borel_lua_fail(L, "out of memory for an array");
    out = mask;
  }
  if (out->shape.rank == 0) borel_lua_pushelement(L, out, 0);
  borel_lua_account(L);
}

/* ---- values of all particles ------------------------------------------------------------------- */

/* An argument: its elements, the shape that one particle sees, and whether every particle has its own. */
typedef struct {
  borel_node_info info;
  cell number;
  int every;
  int64_t step; /* bytes from one particle's value to the next */
} argument;

/* [rows] + axes of extent 1 up to `rank` + the axes of one value. */
static borel_shape spread(lua_State *L, int64_t rows, int rank, const borel_shape *own) {
  if (rank >= BOREL_MAX_RANK)
    borel_lua_fail(L, "values of all particles have at most %d axes each", BOREL_MAX_RANK - 1);
  borel_shape to = {rank + 1, {rows, 1, 1, 1}};
  memcpy(to.extent + 1 + rank - own->rank, own->extent, sizeof *own->extent * (size_t)own->rank);
  return to;
}

/* Pushes op of whole columns: the axis of the particles is one more axis. */
static void on_columns(lua_State *L, borel_op op, int first, int count, int64_t rows, argument *args) {
  borel_error error = {0};
  const borel_node_info *list[3];
  borel_operand operands[3];
  int rank = 0;
  for (int i = 0; i < count; i++)
    if (args[i].info.shape.rank > rank) rank = args[i].info.shape.rank;
  for (int i = 0; i < count; i++) {
    if (args[i].every)
      args[i].info.array.shape = args[i].info.shape = spread(L, rows, rank, &args[i].info.shape);
    list[i] = &args[i].info;
  }
  borel_node_info node = {.op = op};
  if (borel_op_infer(&node, list, (size_t)count, NULL, &error)) borel_lua_error(L, &error);
  for (int i = 0; i < count; i++) {
    args[i].info.array = stretch(L, first + i, &args[i].info.array, &node.shape);
    operands[i] = (borel_operand){args[i].info.array.data, &args[i].info.array.shape};
  }
  borel_array *out = borel_lua_makearray(L, node.dtype, &node.shape);
  borel_op_evaluate(&node, operands, (size_t)count, out->data);
}

/* Pushes op of each particle's values, one particle after the other. */
static void on_each(lua_State *L, borel_op op, int count, int64_t attr, const borel_shape *stated,
                    int64_t rows, argument *args) {
  borel_error error = {0};
  const borel_node_info **list =
      lua_newuserdatauv(L, (size_t)count * (sizeof *list + sizeof(borel_operand)), 0);
  borel_operand *operands = (borel_operand *)(list + count);
  for (int i = 0; i < count; i++) list[i] = &args[i].info;
  borel_node_info node = {.op = op, .attr = attr};
  if (borel_op_infer(&node, list, (size_t)count, stated, &error)) borel_lua_error(L, &error);
  borel_shape to = spread(L, rows, node.shape.rank, &node.shape);
  borel_array *out = borel_lua_makearray(L, node.dtype, &to);
  size_t size = (size_t)borel_shape_size(&node.shape) * borel_dtype_size(node.dtype);
  for (int64_t row = 0; row < rows; row++) {
    for (int i = 0; i < count; i++)
      operands[i] =
          (borel_operand){(char *)args[i].info.array.data + row * args[i].step, &args[i].info.shape};
    borel_op_evaluate(&node, operands, (size_t)count, (char *)out->data + (size_t)row * size);
  }
}

/* The lineage of the values among the arguments; all have one. */
static borel_lineage *lineage_of(lua_State *L, borel_op op, int first, int count) {
  borel_lineage *lineage = NULL;
  for (int i = 0; i < count; i++) {
    const borel_particles *p = borel_lua_testparticles(L, first + i);
    if (p && lineage && p->lineage != lineage)
      borel_lua_fail(L, "%s: values of different populations", borel_op_get(op)->name);
    if (p) lineage = p->lineage;
  }
  return lineage;
}

/* The same of numbers alone, one of each particle or of all, without what other shapes and types take: pushes
 * the result and returns 1, or returns 0. */
static int on_scalars(lua_State *L, borel_op op, int first, int count) {
  const borel_op_info *info = borel_op_get(op);
  double number[3];
  borel_operand operands[3];
  borel_lineage *lineage = NULL;
  static const borel_shape scalar;
  if (info->kind != BOREL_CLASS_ELEMENTWISE || info->result != 'D' || op == BOREL_OP_POW) return 0;
  for (int i = 0; i < count; i++) {
    const borel_particles *p = borel_lua_testparticles(L, first + i);
    if (info->types[i] != 'D' || (!p && lua_type(L, first + i) != LUA_TNUMBER)) return 0;
    if (p && (p->array.dtype != BOREL_F64 || p->array.shape.rank != 1 || (lineage && p->lineage != lineage)))
      return 0;
    if (p) lineage = p->lineage;
    number[i] = p ? 0 : lua_tonumber(L, first + i);
    operands[i] = p ? (borel_operand){p->array.data, &p->array.shape} : (borel_operand){&number[i], &scalar};
  }
  if (!lineage) return 0;
  borel_node_info node = {.op = op, .dtype = BOREL_F64, .shape = {1, {borel_lineage_rows(lineage)}}};
  borel_op_evaluate(&node, operands, (size_t)count, borel_lua_pushcolumn(L, lineage));
  borel_lua_account(L);
  return 1;
}

static void on_particles(lua_State *L, borel_op op, int first, int count, int64_t attr,
                         const borel_shape *stated) {
  int top = lua_gettop(L), elementwise = borel_op_get(op)->kind == BOREL_CLASS_ELEMENTWISE, anchor = first;
  if (op == BOREL_OP_POW && lua_type(L, first + 1) == LUA_TNUMBER && lua_tonumber(L, first + 1) == 2) {
    lua_pushvalue(L, first); /* as Lua has it for numbers */
    lua_replace(L, first + 1);
    op = BOREL_OP_MUL;
  }
  borel_lineage *lineage = lineage_of(L, op, first, count);
  const int64_t rows = borel_lineage_rows(lineage);
  while (!borel_lua_testparticles(L, anchor)) anchor++;
  lua_pushvalue(L, anchor); /* keeps the lineage when the argument is converted */
  char stacked = op == BOREL_OP_STACK ? stack_type(L, first, count) : 0;
  argument few[3], *args = count > 3 ? lua_newuserdatauv(L, (size_t)count * sizeof *args, 0) : few;
  for (int i = 0; i < count; i++) {
    const borel_particles *p = borel_lua_testparticles(L, first + i);
    borel_shape own = p ? borel_particles_shape(p) : (borel_shape){0};
    args[i].every = p != NULL;
    borel_array array = as_operand(L, op, first, i, wanted_type(op, i, stacked), &args[i].number);
    args[i].info = (borel_node_info){.op = BOREL_OP_ARRAY,
                                     .dtype = array.dtype,
                                     .shape = args[i].every ? own : array.shape,
                                     .array = array};
    args[i].step = args[i].every ? borel_shape_size(&own) * (int64_t)sizeof(double) : 0;
  }
  if (elementwise)
    on_columns(L, op, first, count, rows, args);
  else
    on_each(L, op, count, attr, stated, rows, args);
  if (is_mask_op(op) || stacked == 'B') {
    borel_array *mask = borel_lua_newarray(L);
    *mask = borel_lua_convert(borel_lua_testarray(L, -2), BOREL_BOOL);
    if (!mask->data) borel_lua_fail(L, "out of memory for an array");
  }
  borel_lua_account(L);
  borel_lua_as_particles(L, lineage);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

/* ---- symbolic values ------------------------------------------------------------------------- */

static borel_node as_node(lua_State *L, borel_graph *graph, borel_op op, int first, int i, char type) {
  int index = first + i;
  if (type == 'I' && lua_isinteger(L, index)) return borel_graph_integer(graph, lua_tointeger(L, index));
  borel_node node = borel_lua_tonode(L, index, graph);
  borel_dtype dtype = borel_graph_at(graph, node)->dtype;
  if (type == 'I' && dtype == BOREL_F64) needs_mask(L, op, i);
  if (type != 'D' || dtype == BOREL_F64) return node;
  borel_error error = {0};
  return borel_lua_checknode(L, borel_graph_op(graph, BOREL_OP_TO_F64, &node, 1, 0, NULL, &error), &error);
}

static void on_nodes(lua_State *L, borel_op op, int first, int count, int64_t attr,
                     const borel_shape *stated) {
  borel_error error = {0};
  borel_graph *graph = borel_lua_need_graph(L);
  char stacked = op == BOREL_OP_STACK ? stack_type(L, first, count) : 0;
  borel_node few[8], *nodes = count > 8 ? lua_newuserdatauv(L, (size_t)count * sizeof *nodes, 0) : few;
  for (int i = 0; i < count; i++) nodes[i] = as_node(L, graph, op, first, i, wanted_type(op, i, stacked));
  borel_lua_pushnode(
      L, graph,
      borel_lua_checknode(L, borel_graph_op(graph, op, nodes, (size_t)count, attr, stated, &error), &error));
}

void borel_lua_op(lua_State *L, borel_op op, int first, int count, int64_t attr, const borel_shape *stated) {
  int numbers = 1, symbolic = 0, every = 0;
  first = lua_absindex(L, first);
  luaL_checkstack(L, 8, "an operation");
  if (count <= 3 && on_scalars(L, op, first, count)) return;
  for (int i = 0; i < count; i++) {
    check_value(L, borel_op_get(op)->name, first, i);
    int type = lua_type(L, first + i);
    numbers &= type == LUA_TNUMBER || type == LUA_TBOOLEAN;
    symbolic |= borel_lua_isnode(L, first + i);
    every |= type == LUA_TUSERDATA && borel_lua_testparticles(L, first + i) != NULL;
  }
  if (!numbers || symbolic) op = integer_form(L, op, first, count);
  if (symbolic)
    on_nodes(L, op, first, count, attr, stated);
  else if (every)
    on_particles(L, op, first, count, attr, stated);
  else if (numbers && borel_op_get(op)->kind == BOREL_CLASS_ELEMENTWISE)
    on_numbers(L, op, first, count);
  else
    on_arrays(L, op, first, count, attr, stated);
}

/* ---- functions ------------------------------------------------------------------------------- */

static void check_count(lua_State *L, const char *name, int least, int most) {
  int count = lua_gettop(L);
  if (count < least || count > most)
    borel_lua_fail(L, "%s takes %d value%s%s, got %d", name, least, least == 1 ? "" : "s",
                   least == most ? "" : " and an axis", count);
}

/* Upvalue 1: the operation. Metamethods of one operand get it twice. */
static int elementwise(lua_State *L) {
  borel_op op = (borel_op)lua_tointeger(L, lua_upvalueindex(1));
  const borel_op_info *info = borel_op_get(op);
  if (lua_toboolean(L, lua_upvalueindex(2))) lua_settop(L, info->arity);
  check_count(L, info->name, info->arity, info->arity);
  borel_lua_op(L, op, 1, info->arity, 0, NULL);
  return 1;
}

/* The 0-based axis in argument 2; -1 when there is none. */
static int64_t axis_of(lua_State *L, const char *name) {
  if (lua_isnoneornil(L, 2)) return -1;
  int whole = 0;
  lua_Integer axis = lua_type(L, 2) == LUA_TNUMBER ? lua_tointegerx(L, 2, &whole) : 0;
  int rank = borel_lua_shape(L, 1).rank;
  if (rank == 0) borel_lua_fail(L, "%s: a scalar has no axis", name);
  if (!whole || axis < 1 || axis > rank)
    borel_lua_fail(L, "%s: the axis must be a whole number from 1 to %d", name, rank);
  return axis - 1;
}

/* Pushes the elements of the list at `index`; returns how many. */
static int push_elements(lua_State *L, int index, const char *name) {
  enum { MOST = 900000 }; /* Lua's own limit of a stack is a million */
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  if (n == 0) borel_lua_fail(L, "%s: the list is empty", name);
  if (n > MOST) borel_lua_fail(L, "%s: a list of %lld arrays is too long", name, (long long)n);
  luaL_checkstack(L, (int)n + 8, name);
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, index, i);
  return (int)n;
}

/* Are there arrays, symbolic values or, if wanted, tables in the list at `index`? */
static int holds_values(lua_State *L, int index, int or_tables) {
  int found = 0;
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  for (lua_Integer i = 1; i <= n && !found; i++) {
    int type = lua_rawgeti(L, index, i);
    found = type == LUA_TUSERDATA || (or_tables && type == LUA_TTABLE);
    lua_pop(L, 1);
  }
  return found;
}

/* A list in argument 1 as one value: [n] + the shape of its elements. When there is no such array and its
 * elements may come in any order, it is flat. */
static void one_value(lua_State *L, const char *name, int flat) {
  lua_settop(L, 2);
  if (!is_table(L, 1) || !holds_values(L, 1, 0)) {
    check_value(L, name, 1, 0);
    return;
  }
  int first = 3, n = push_elements(L, 1, name), alike = 1;
  for (int i = 0; i < n; i++) check_value(L, name, first, i);
  borel_shape shape = borel_lua_shape(L, first), to = {shape.rank + 1, {n}};
  for (int i = 1; i < n && alike; i++) {
    borel_shape other = borel_lua_shape(L, first + i);
    char have[64], want[64];
    alike = borel_shape_equal(&shape, &other);
    if (!alike && !flat)
      borel_lua_fail(L, "%s: the list holds shapes %s and %s, which make no array", name,
                     borel_shape_text(&shape, have), borel_shape_text(&other, want));
  }
  if (shape.rank == BOREL_MAX_RANK && !flat)
    borel_lua_fail(L, "%s: an array has at most %d axes", name, BOREL_MAX_RANK);
  borel_lua_op(L, BOREL_OP_STACK, first, n, 0, NULL);
  if (alike && shape.rank > 0 && shape.rank < BOREL_MAX_RANK) {
    memcpy(to.extent + 1, shape.extent, sizeof *shape.extent * (size_t)shape.rank);
    borel_lua_reshape(L, -1, &to);
  }
  lua_replace(L, 1);
  lua_settop(L, 2);
}

/* Replaces argument 1 by what `op` makes of it, along an axis or of all elements. */
static int reduce_by(lua_State *L, borel_op op, int64_t axis) {
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TNUMBER || lua_type(L, 1) == LUA_TBOOLEAN) {
    lua_pushnumber(L, lua_isboolean(L, 1) ? lua_toboolean(L, 1) : lua_tonumber(L, 1));
    return 1;
  }
  borel_lua_op(L, op, 1, 1, axis, NULL);
  return 1;
}

/* core.sum(x [, axis]) */
static int sum(lua_State *L) {
  check_count(L, "sum", 1, 2);
  one_value(L, "sum", lua_isnoneornil(L, 2));
  return reduce_by(L, BOREL_OP_SUM, axis_of(L, "sum"));
}

/* core.mean(x [, axis]) */
static int mean(lua_State *L) {
  check_count(L, "mean", 1, 2);
  one_value(L, "mean", lua_isnoneornil(L, 2));
  borel_shape shape = borel_lua_shape(L, 1);
  int64_t axis = axis_of(L, "mean");
  reduce_by(L, BOREL_OP_SUM, axis);
  lua_pushnumber(L, (double)(axis < 0 ? borel_shape_size(&shape) : shape.extent[axis]));
  borel_lua_op(L, BOREL_OP_DIV, -2, 2, 0, NULL);
  return 1;
}

/* Replaces argument 1 by itself with its axes in the order axes[], 0-based. */
static void permute(lua_State *L, const int axes[BOREL_MAX_RANK]) {
  borel_shape from = borel_lua_shape(L, 1), to = {from.rank, {0}};
  int64_t stride[BOREL_MAX_RANK], run = 1, at[BOREL_MAX_RANK] = {0};
  for (int i = from.rank - 1; i >= 0; i--) stride[i] = run, run *= from.extent[i];
  for (int i = 0; i < to.rank; i++) to.extent[i] = from.extent[axes[i]];
  borel_array *places = borel_lua_makearray(L, BOREL_I64, &to);
  for (int64_t k = 0; k < run; k++) {
    int64_t flat = 0;
    for (int i = 0; i < to.rank; i++) flat += at[i] * stride[axes[i]];
    ((int64_t *)places->data)[k] = flat;
    for (int i = to.rank - 1; i >= 0 && ++at[i] == to.extent[i]; i--) at[i] = 0;
  }
  lua_insert(L, 2);
  lua_settop(L, 2);
  int mask = is_boolean(L, 1) && !borel_lua_isnode(L, 1);
  borel_lua_op(L, BOREL_OP_GATHER, 1, 2, 0, NULL);
  if (mask) { /* the operation knows whole numbers only */
    lua_pushinteger(L, 0);
    borel_lua_op(L, BOREL_OP_NE, 3, 2, 0, NULL);
  }
  lua_replace(L, 1);
  lua_settop(L, 1);
}

/* As reduce_by, for an operation that knows the last axis only. */
static int reduce_last(lua_State *L, borel_op op, int64_t axis) {
  int rank = borel_lua_shape(L, 1).rank, axes[BOREL_MAX_RANK], count = 0;
  if (axis < 0 || axis == rank - 1) return reduce_by(L, op, axis);
  for (int i = 0; i < rank; i++)
    if (i != axis) axes[count++] = i;
  axes[count] = (int)axis;
  permute(L, axes);
  return reduce_by(L, op, rank - 1);
}

/* core.maximum(x [, axis]) */
static int maximum(lua_State *L) {
  if (lua_gettop(L) > 2 || lua_type(L, 2) == LUA_TUSERDATA)
    borel_lua_fail(L, "maximum takes 1 value and an axis; the larger of two is max(a, b)");
  check_count(L, "maximum", 1, 2);
  one_value(L, "maximum", lua_isnoneornil(L, 2));
  return reduce_last(L, BOREL_OP_MAXIMUM, axis_of(L, "maximum"));
}

/* core.minimum(x [, axis]) */
static int minimum(lua_State *L) {
  if (lua_gettop(L) > 2 || lua_type(L, 2) == LUA_TUSERDATA)
    borel_lua_fail(L, "minimum takes 1 value and an axis; the smaller of two is min(a, b)");
  check_count(L, "minimum", 1, 2);
  one_value(L, "minimum", lua_isnoneornil(L, 2));
  int64_t axis = axis_of(L, "minimum");
  lua_settop(L, 1);
  borel_lua_op(L, BOREL_OP_NEG, 1, 1, 0, NULL);
  lua_replace(L, 1);
  reduce_last(L, BOREL_OP_MAXIMUM, axis);
  borel_lua_op(L, BOREL_OP_NEG, -1, 1, 0, NULL);
  return 1;
}

/* The option axis, 0-based, of the table in argument 2; -1 when there is none. */
static int stack_axis(lua_State *L) {
  static const char *const known[] = {"axis"};
  if (lua_isnoneornil(L, 2) || !borel_lua_options(L, 2, "stack", known, 1)) return -1;
  int whole = 0;
  lua_getfield(L, 2, known[0]);
  lua_Integer axis = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  if (!lua_isnil(L, -1) && (!whole || axis < 1 || axis > BOREL_MAX_RANK))
    borel_lua_fail(L, "stack: the axis must be a whole number from 1 to %d", BOREL_MAX_RANK);
  lua_pop(L, 1);
  return (int)axis - 1;
}

/* core.stack{a, b, ...}: scalars and vectors, one after the other, as one vector; arrays of more axes along a
 * new first axis. core.stack({a, b, ...}, {axis = k}): arrays of one shape along a new axis k. */
static int stack(lua_State *L) {
  if (lua_gettop(L) > 2 || !is_table(L, 1)) borel_lua_fail(L, "stack takes one list, as in stack{a, b}");
  int axis = stack_axis(L), first = 2, joined = axis < 0;
  lua_settop(L, 1);
  if (axis <= 0 && lua_rawlen(L, 1) > 0 && !holds_values(L, 1, 1)) { /* numbers: as many as there are */
    borel_lua_toarray(L, 1);
    return 1;
  }
  int n = push_elements(L, 1, "stack");
  for (int i = 0; i < n; i++) {
    check_value(L, "stack", first, i);
    joined &= borel_lua_shape(L, first + i).rank < 2;
  }
  if (joined) {
    borel_lua_op(L, BOREL_OP_STACK, first, n, 0, NULL);
    return 1;
  }
  lua_settop(L, 1);
  one_value(L, "stack", 0);
  lua_settop(L, 1);
  int rank = borel_lua_shape(L, 1).rank, axes[BOREL_MAX_RANK];
  if (axis >= rank) borel_lua_fail(L, "stack: the axis must be a whole number from 1 to %d", rank);
  if (axis <= 0) return 1;
  for (int i = 0; i < rank; i++) axes[i] = i < axis ? i + 1 : i == axis ? 0 : i;
  permute(L, axes);
  return 1;
}

/* core.sort(x): the elements of a vector in ascending order, NaN last. Its derivative takes each adjoint to
 * where the element stands in x. */
static int sort(lua_State *L) {
  check_count(L, "sort", 1, 1);
  one_value(L, "sort", 0);
  if (borel_lua_shape(L, 1).rank != 1) borel_lua_fail(L, "sort: needs an array of one axis");
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  borel_lua_op(L, BOREL_OP_ORDER, 2, 1, 0, NULL);
  lua_replace(L, 2);
  borel_lua_op(L, BOREL_OP_GATHER, 1, 2, 0, NULL);
  return 1;
}

/* core.log_sum_exp(x [, { axis = k }]): of all elements, or along an axis;
 * core.log_sum_exp(a, b, ...): element by element. */
static int log_sum_exp(lua_State *L) {
  static const char *const known[] = {"axis"};
  int count = lua_gettop(L);
  int options = count == 2 && is_table(L, 2) && lua_rawlen(L, 2) == 0;
  if (count == 0) borel_lua_fail(L, "log_sum_exp takes values");
  if (count == 1 || options) {
    one_value(L, "log_sum_exp", !options);
    if (options && borel_lua_options(L, 2, "log_sum_exp", known, 1)) {
      lua_getfield(L, 2, known[0]);
      lua_replace(L, 2);
    }
    return reduce_last(L, BOREL_OP_LOG_SUM_EXP, axis_of(L, "log_sum_exp"));
  }
  if (count == 2 && lua_isinteger(L, 2) && !lua_isnumber(L, 1)) /* elsewhere such a number is an axis */
    borel_lua_fail(L, "log_sum_exp: is %lld an axis or a value? Write { axis = %lld } or %lld.0",
                   (long long)lua_tointeger(L, 2), (long long)lua_tointeger(L, 2),
                   (long long)lua_tointeger(L, 2));
  for (int i = 2; i <= count; i++) {
    lua_pushvalue(L, i == 2 ? 1 : -1);
    lua_pushvalue(L, i);
    borel_lua_op(L, BOREL_OP_LOG_ADD_EXP, lua_gettop(L) - 1, 2, 0, NULL);
  }
  return 1;
}

static int cumsum(lua_State *L) {
  check_count(L, "cumsum", 1, 1);
  one_value(L, "cumsum", 0);
  borel_lua_op(L, BOREL_OP_CUMSUM, 1, 1, 0, NULL);
  return 1;
}

static int matmul(lua_State *L) {
  check_count(L, "matmul", 2, 2);
  borel_lua_op(L, BOREL_OP_MATMUL, 1, 2, 0, NULL);
  return 1;
}

static int dot(lua_State *L) {
  check_count(L, "dot", 2, 2);
  for (int i = 1; i <= 2; i++)
    if (is_table(L, i)) borel_lua_toarray(L, i);
  borel_shape a = borel_lua_shape(L, 1), b = borel_lua_shape(L, 2);
  char have[64], other[64];
  if (a.rank != 1 || !borel_shape_equal(&a, &b))
    borel_lua_fail(L, "dot: shapes %s and %s; two vectors of one length are needed",
                   borel_shape_text(&a, have), borel_shape_text(&b, other));
  borel_lua_op(L, BOREL_OP_MUL, 1, 2, 0, NULL);
  borel_lua_op(L, BOREL_OP_SUM, -1, 1, -1, NULL);
  return 1;
}

static int square(lua_State *L) {
  check_count(L, "square", 1, 1);
  lua_pushvalue(L, 1);
  borel_lua_op(L, BOREL_OP_MUL, 1, 2, 0, NULL);
  return 1;
}

/* log(p / (1 - p)) */
static int logit(lua_State *L) {
  check_count(L, "logit", 1, 1);
  lua_pushvalue(L, 1);
  borel_lua_op(L, BOREL_OP_LOG, 2, 1, 0, NULL); /* 3 */
  lua_pushvalue(L, 1);
  borel_lua_op(L, BOREL_OP_NEG, 4, 1, 0, NULL);
  borel_lua_op(L, BOREL_OP_LOG1P, -1, 1, 0, NULL);
  lua_replace(L, 4);
  lua_settop(L, 4);
  borel_lua_op(L, BOREL_OP_SUB, 3, 2, 0, NULL);
  return 1;
}

/* log(1 / (1 + exp(-x))) */
static int log_inv_logit(lua_State *L) {
  check_count(L, "log_inv_logit", 1, 1);
  borel_lua_op(L, BOREL_OP_NEG, 1, 1, 0, NULL);
  borel_lua_op(L, BOREL_OP_LOG1P_EXP, -1, 1, 0, NULL);
  borel_lua_op(L, BOREL_OP_NEG, -1, 1, 0, NULL);
  return 1;
}

/* ---- registration ---------------------------------------------------------------------------- */

/* Adds the function on top of the stack to `core` and to the methods. */
static void add(lua_State *L, const char *name) {
  lua_pushvalue(L, -1);
  lua_setfield(L, 1, name);
  lua_setfield(L, 2, name);
}

/* To the metatable on top of the stack, which goes. */
static void add_metamethods(lua_State *L) {
  static const struct {
    const char *event;
    borel_op op;
  } events[] = {{"__add", BOREL_OP_ADD},  {"__sub", BOREL_OP_SUB}, {"__mul", BOREL_OP_MUL},
                {"__div", BOREL_OP_DIV},  {"__pow", BOREL_OP_POW}, {"__unm", BOREL_OP_NEG},
                {"__band", BOREL_OP_AND}, {"__bor", BOREL_OP_OR},  {"__bnot", BOREL_OP_NOT}};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
    lua_pushinteger(L, events[i].op);
    lua_pushboolean(L, 1);
    lua_pushcclosure(L, elementwise, 2);
    lua_setfield(L, -2, events[i].event);
  }
  lua_pop(L, 1);
}

void borel_lua_open_ops(lua_State *L) {
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    const borel_op_info *info = borel_op_get((borel_op)op);
    if (info->kind != BOREL_CLASS_ELEMENTWISE || op == BOREL_OP_IADD || op == BOREL_OP_ISUB ||
        op == BOREL_OP_IMUL || op == BOREL_OP_TO_F64 || op == BOREL_OP_EXP_DIFF ||
        op == BOREL_OP_FIRST_WEIGHT || op == BOREL_OP_SECOND_WEIGHT || op == BOREL_OP_RATIO ||
        op == BOREL_OP_EXP_NEG_ABS || op == BOREL_OP_UNSCALE || strncmp(info->name, "d_", 2) == 0)
      continue;
    lua_pushinteger(L, op);
    lua_pushcclosure(L, elementwise, 1);
    add(L, info->name);
  }
  static const luaL_Reg others[] = {{"stack", stack},
                                    {"sum", sum},
                                    {"mean", mean},
                                    {"maximum", maximum},
                                    {"minimum", minimum},
                                    {"sort", sort},
                                    {"log_sum_exp", log_sum_exp},
                                    {"cumsum", cumsum},
                                    {"matmul", matmul},
                                    {"dot", dot},
                                    {"square", square},
                                    {"logit", logit},
                                    {"log_inv_logit", log_inv_logit},
                                    {NULL, NULL}};
  for (const luaL_Reg *f = others; f->name; f++) {
    lua_pushcfunction(L, f->func);
    add(L, f->name);
  }
  luaL_getmetatable(L, "borel.array");
  add_metamethods(L);
  luaL_getmetatable(L, "borel.node");
  add_metamethods(L);
  luaL_getmetatable(L, "borel.particles");
  add_metamethods(L);
  lua_pushboolean(L, 1); /* masks of scalars in a plain run */
  lua_getmetatable(L, -1);
  lua_remove(L, -2);
  add_metamethods(L);
}
