/* SPDX-License-Identifier: MIT
 * An operation of ops.def on numbers, arrays, values of particles and symbolic values. */
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
void borel_lua_check_value(lua_State *L, const char *name, int first, int i) {
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

int borel_lua_is_boolean(lua_State *L, int index) {
  const borel_array *array = array_at(L, index);
  if (array) return array->dtype == BOREL_BOOL;
  return borel_lua_isnode(L, index) ? borel_lua_is_mask(L, index) : lua_type(L, index) == LUA_TBOOLEAN;
}

/* What the parts of a stack have in common: 'B' masks, 'I' whole numbers, 'D' anything. */
static char stack_type(lua_State *L, int first, int count) {
  int (*const all)(lua_State *, int) = borel_lua_is_boolean(L, first) ? borel_lua_is_boolean : is_integer;
  for (int i = 0; i < count; i++)
    if (!all(L, first + i)) return 'D';
  return all == borel_lua_is_boolean ? 'B' : 'I';
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
    borel_lua_check_value(L, borel_op_get(op)->name, first, i);
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
