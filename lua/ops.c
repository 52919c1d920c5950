/* SPDX-License-Identifier: MIT
 * Operations on numbers, arrays and symbolic values: functions of `core` and methods, made from ops.def. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"

/* ---- what the arguments are ------------------------------------------------------------------ */

static int is_mask_op(borel_op op) {
  const borel_op_info *info = borel_op_get(op);
  return info->kind == BOREL_CLASS_ELEMENTWISE && info->result == 'I' && op != BOREL_OP_IADD &&
         op != BOREL_OP_ISUB && op != BOREL_OP_IMUL;
}

static int is_table(lua_State *L, int index) { return lua_type(L, index) == LUA_TTABLE; }

/* Turns tables into arrays; anything that is no value is an error. */
static void check_value(lua_State *L, borel_op op, int first, int i) {
  int index = first + i, type = lua_type(L, index);
  if (is_table(L, index))
    borel_lua_toarray(L, index);
  else if (type != LUA_TNUMBER && type != LUA_TBOOLEAN && !borel_lua_isnode(L, index) &&
           !borel_lua_testarray(L, index))
    borel_lua_fail(L, "%s: argument %d is a %s; a number, an array or a value of the model is needed",
                   borel_op_get(op)->name, i + 1, borel_lua_typename(L, index));
}

/* A whole number that stays one in + - *: a Lua integer, an i64 array or node that is no mask. */
static int is_integer(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TNUMBER) return lua_isinteger(L, index);
  const borel_array *array = borel_lua_testarray(L, index);
  if (array) return array->dtype == BOREL_I64;
  if (!borel_lua_isnode(L, index)) return 0;
  const borel_node_info *node = borel_lua_nodeinfo(L, index);
  return node->dtype == BOREL_I64 && !borel_lua_is_mask(node);
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
static char wanted_type(borel_op op, int i) {
  const borel_op_info *info = borel_op_get(op);
  switch (info->kind) {
  case BOREL_CLASS_ELEMENTWISE: return info->types[i];
  case BOREL_CLASS_STRUCTURED: return op == BOREL_OP_STACK ? 0 : 'D';
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
    if (wanted_type(op, i) == 'I' && !boolean && !lua_isinteger(L, first + i)) needs_mask(L, op, i);
    in[i] = boolean ? lua_toboolean(L, first + i) : lua_tonumber(L, first + i);
  }
  double out = borel_op_number(op, in[0], in[1], in[2]);
  if (is_mask_op(op))
    lua_pushboolean(L, out != 0);
  else
    lua_pushnumber(L, out);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* Replaces argument i by an array of 8-byte elements of the type that the operation takes. */
static const borel_array *as_operand(lua_State *L, borel_op op, int first, int i, char type) {
  int index = first + i;
  const borel_array *array = borel_lua_testarray(L, index);
  if (!array) {
    int boolean = lua_type(L, index) == LUA_TBOOLEAN, whole = boolean || lua_isinteger(L, index);
    if (type == 'I' && !whole) needs_mask(L, op, i);
    borel_array *scalar = borel_lua_newarray(L);
    *scalar = borel_array_new(type == 'I' ? BOREL_I64 : BOREL_F64, &(borel_shape){0});
    if (!scalar->data) borel_lua_fail(L, "out of memory for an array");
    if (type == 'I')
      *(int64_t *)scalar->data = boolean ? lua_toboolean(L, index) : lua_tointeger(L, index);
    else
      *(double *)scalar->data = boolean ? lua_toboolean(L, index) : lua_tonumber(L, index);
    lua_replace(L, index);
    return scalar;
  }
  if (array->dtype == BOREL_F32)
    borel_lua_fail(L, "%s: argument %d is an f32 array: convert it with x:to \"f64\"", borel_op_get(op)->name,
                   i + 1);
  if (type == 'I' && array->dtype == BOREL_F64) needs_mask(L, op, i);
  borel_dtype dtype = type == 'I'                  ? BOREL_I64
                      : type == 'D'                ? BOREL_F64
                      : array->dtype == BOREL_BOOL ? BOREL_I64
                                                   : array->dtype;
  if (array->dtype == dtype) return array;
  borel_array *converted = borel_lua_newarray(L);
  *converted = borel_lua_convert(array, dtype);
  if (!converted->data) borel_lua_fail(L, "out of memory for an array");
  lua_replace(L, index);
  return converted;
}

/* Stretches operand i to `shape`, unless it is a scalar, which stretches by itself. */
static const borel_array *stretch(lua_State *L, int index, const borel_array *array,
                                  const borel_shape *shape) {
  if (array->shape.rank == 0 || borel_shape_equal(&array->shape, shape)) return array;
  borel_node_info node = {.op = BOREL_OP_BROADCAST, .shape = *shape, .dtype = array->dtype};
  borel_array *wide = borel_lua_newarray(L);
  *wide = borel_array_new(array->dtype, shape);
  if (!wide->data) borel_lua_fail(L, "out of memory for an array");
  borel_op_evaluate(&node, &(borel_operand){array->data, &array->shape}, 1, wide->data);
  lua_replace(L, index);
  return wide;
}

static void on_arrays(lua_State *L, borel_op op, int first, int count, int64_t attr,
                      const borel_shape *stated) {
  borel_error error = {0};
  int whole = op == BOREL_OP_STACK; /* i64 only when all parts are */
  for (int i = 0; whole && i < count; i++) whole = is_integer(L, first + i);
  const borel_array **arrays =
      lua_newuserdatauv(L,
                        (size_t)count * (sizeof *arrays + sizeof(borel_node_info) +
                                         sizeof(borel_node_info *) + sizeof(borel_operand)),
                        0);
  borel_operand *operands = (borel_operand *)(arrays + count);
  borel_node_info *infos = (borel_node_info *)(operands + count);
  const borel_node_info **list = (const borel_node_info **)(infos + count);
  for (int i = 0; i < count; i++) {
    char type = op == BOREL_OP_STACK ? (whole ? 'I' : 'D') : wanted_type(op, i);
    arrays[i] = as_operand(L, op, first, i, type);
    infos[i] = (borel_node_info){
        .op = BOREL_OP_ARRAY, .dtype = arrays[i]->dtype, .shape = arrays[i]->shape, .array = *arrays[i]};
    list[i] = &infos[i];
  }
  borel_node_info node = {.op = op, .attr = attr};
  if (borel_op_infer(&node, list, (size_t)count, stated, &error)) borel_lua_error(L, &error);
  int elementwise = borel_op_get(op)->kind == BOREL_CLASS_ELEMENTWISE;
  for (int i = 0; i < count; i++) {
    if (elementwise) arrays[i] = stretch(L, first + i, arrays[i], &node.shape);
    operands[i] = (borel_operand){arrays[i]->data, &arrays[i]->shape};
  }
  borel_array *out = borel_lua_newarray(L);
  *out = borel_array_new(node.dtype, &node.shape);
  if (!out->data) borel_lua_fail(L, "out of memory for an array");
  borel_op_evaluate(&node, operands, (size_t)count, out->data);
  if (is_mask_op(op)) {
    borel_array *mask = borel_lua_newarray(L);
    *mask = borel_lua_convert(out, BOREL_BOOL);
    if (!mask->data) borel_lua_fail(L, "out of memory for an array");
    out = mask;
  }
  if (out->shape.rank == 0) borel_lua_pushelement(L, out, 0);
  borel_lua_account(L);
}

/* ---- symbolic values ------------------------------------------------------------------------- */

static borel_node as_node(lua_State *L, borel_graph *graph, borel_op op, int first, int i, char type) {
  int index = first + i;
  if (type == 'I' && lua_isinteger(L, index)) return borel_graph_integer(graph, lua_tointeger(L, index));
  borel_node node = borel_lua_tonode(L, index, graph);
  const borel_node_info *info = borel_graph_at(graph, node);
  if (type == 'I' && info->dtype == BOREL_F64) needs_mask(L, op, i);
  if (type != 'D' || info->dtype == BOREL_F64) return node;
  borel_error error = {0};
  return borel_lua_checknode(L, borel_graph_op(graph, BOREL_OP_TO_F64, &node, 1, 0, NULL, &error), &error);
}

static void on_nodes(lua_State *L, borel_op op, int first, int count, int64_t attr,
                     const borel_shape *stated) {
  borel_error error = {0};
  borel_graph *graph = borel_lua_need_graph(L);
  int whole = op == BOREL_OP_STACK;
  for (int i = 0; whole && i < count; i++) whole = is_integer(L, first + i);
  borel_node few[8], *nodes = count > 8 ? lua_newuserdatauv(L, (size_t)count * sizeof *nodes, 0) : few;
  for (int i = 0; i < count; i++)
    nodes[i] =
        as_node(L, graph, op, first, i, op == BOREL_OP_STACK ? (whole ? 'I' : 'D') : wanted_type(op, i));
  borel_lua_pushnode(
      L, graph,
      borel_lua_checknode(L, borel_graph_op(graph, op, nodes, (size_t)count, attr, stated, &error), &error));
}

void borel_lua_op(lua_State *L, borel_op op, int first, int count, int64_t attr, const borel_shape *stated) {
  int numbers = 1, symbolic = 0;
  first = lua_absindex(L, first);
  luaL_checkstack(L, 8, "an operation");
  for (int i = 0; i < count; i++) {
    check_value(L, op, first, i);
    int type = lua_type(L, first + i);
    numbers &= type == LUA_TNUMBER || type == LUA_TBOOLEAN;
    symbolic |= borel_lua_isnode(L, first + i);
  }
  if (!numbers || symbolic) op = integer_form(L, op, first, count);
  if (symbolic)
    on_nodes(L, op, first, count, attr, stated);
  else if (numbers && borel_op_get(op)->kind == BOREL_CLASS_ELEMENTWISE)
    on_numbers(L, op, first, count);
  else
    on_arrays(L, op, first, count, attr, stated);
}

/* ---- functions ------------------------------------------------------------------------------- */

/* Upvalue 1: the operation. Metamethods of one operand get it twice. */
static int elementwise(lua_State *L) {
  borel_op op = (borel_op)lua_tointeger(L, lua_upvalueindex(1));
  const borel_op_info *info = borel_op_get(op);
  int count = lua_gettop(L);
  if (count > info->arity && lua_toboolean(L, lua_upvalueindex(2))) lua_settop(L, count = info->arity);
  if (count != info->arity)
    borel_lua_fail(L, "%s takes %d value%s, got %d", info->name, info->arity, info->arity == 1 ? "" : "s",
                   count);
  borel_lua_op(L, op, 1, count, 0, NULL);
  return 1;
}

/* The 0-based axis in argument 2; -1 when there is none. */
static int64_t axis_of(lua_State *L, const char *name) {
  if (lua_isnoneornil(L, 2)) return -1;
  int whole = 0;
  lua_Integer axis = lua_tointegerx(L, 2, &whole);
  int rank = borel_lua_shape(L, 1).rank;
  if (!whole || axis < 1 || axis > rank)
    borel_lua_fail(L, "%s: the axis must be a whole number from 1 to %d", name, rank);
  return axis - 1;
}

/* Does the table at `index` hold symbolic values? */
static int holds_nodes(lua_State *L, int index) {
  int found = 0;
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  for (lua_Integer i = 1; i <= n && !found; i++) {
    lua_rawgeti(L, index, i);
    found = borel_lua_isnode(L, -1);
    lua_pop(L, 1);
  }
  return found;
}

/* core.stack{a, b, ...}: scalars and arrays, one after the other, as one array of one axis. */
static int stack(lua_State *L) {
  if (lua_gettop(L) != 1 || !is_table(L, 1)) borel_lua_fail(L, "stack takes one list, as in stack{a, b}");
  lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
  if (n == 0) borel_lua_fail(L, "stack: the list is empty");
  if (n > 1000000) borel_lua_fail(L, "stack: a list of %lld values is too long", (long long)n);
  luaL_checkstack(L, (int)n + 8, "stack");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, 1, i);
  borel_lua_op(L, BOREL_OP_STACK, 2, (int)n, 0, NULL);
  return 1;
}

/* Argument 1 as one value: a list that holds symbolic values is stacked, another list becomes an array. */
static void one_value(lua_State *L, const char *name) {
  if (lua_isnone(L, 1)) borel_lua_fail(L, "%s takes a value", name);
  if (!is_table(L, 1)) return;
  if (!holds_nodes(L, 1)) {
    borel_lua_toarray(L, 1);
    return;
  }
  lua_pushcfunction(L, stack);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  lua_replace(L, 1);
}

/* Upvalue 1: an operation that reduces; upvalue 2: does it take an axis, and what stands for all. */
static int reduce(lua_State *L) {
  borel_op op = (borel_op)lua_tointeger(L, lua_upvalueindex(1));
  const char *name = borel_op_get(op)->name;
  one_value(L, name);
  int type = lua_type(L, 1);
  if (type == LUA_TNUMBER || type == LUA_TBOOLEAN) {
    if (type == LUA_TBOOLEAN)
      lua_pushnumber(L, lua_toboolean(L, 1));
    else
      lua_pushnumber(L, lua_tonumber(L, 1));
    return 1;
  }
  int64_t axis = op == BOREL_OP_MAXIMUM ? -1 : axis_of(L, name);
  lua_settop(L, 1);
  borel_lua_op(L, op, 1, 1, axis, NULL);
  return 1;
}

/* core.log_sum_exp(a, b, ...): element by element; core.log_sum_exp(x): of all elements; (x, axis) with the
 * last axis given as {axis =}. */
static int log_sum_exp(lua_State *L) {
  int count = lua_gettop(L);
  if (count <= 1) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, count, 1);
    return 1;
  }
  for (int i = 2; i <= count; i++) {
    lua_pushvalue(L, i == 2 ? 1 : -1);
    lua_pushvalue(L, i);
    borel_lua_op(L, BOREL_OP_LOG_ADD_EXP, lua_gettop(L) - 1, 2, 0, NULL);
  }
  return 1;
}

static int mean(lua_State *L) {
  one_value(L, "mean");
  if (lua_type(L, 1) == LUA_TNUMBER) return lua_settop(L, 1), 1;
  borel_shape shape = borel_lua_shape(L, 1);
  int64_t axis = axis_of(L, "mean");
  lua_settop(L, 1);
  borel_lua_op(L, BOREL_OP_SUM, 1, 1, axis, NULL);
  lua_pushnumber(L, (double)(axis < 0 ? borel_shape_size(&shape) : shape.extent[axis]));
  borel_lua_op(L, BOREL_OP_DIV, -2, 2, 0, NULL);
  return 1;
}

static int cumsum(lua_State *L) {
  one_value(L, "cumsum");
  lua_settop(L, 1);
  borel_lua_op(L, BOREL_OP_CUMSUM, 1, 1, 0, NULL);
  return 1;
}

static int matmul(lua_State *L) {
  if (lua_gettop(L) != 2) borel_lua_fail(L, "matmul takes two values");
  borel_lua_op(L, BOREL_OP_MATMUL, 1, 2, 0, NULL);
  return 1;
}

static int dot(lua_State *L) {
  if (lua_gettop(L) != 2) borel_lua_fail(L, "dot takes two values");
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
  if (lua_gettop(L) != 1) borel_lua_fail(L, "square takes 1 value, got %d", lua_gettop(L));
  lua_pushvalue(L, 1);
  borel_lua_op(L, BOREL_OP_MUL, 1, 2, 0, NULL);
  return 1;
}

/* log(p / (1 - p)) */
static int logit(lua_State *L) {
  if (lua_gettop(L) != 1) borel_lua_fail(L, "logit takes 1 value, got %d", lua_gettop(L));
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
  if (lua_gettop(L) != 1) borel_lua_fail(L, "log_inv_logit takes 1 value, got %d", lua_gettop(L));
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

static void add_metamethods(lua_State *L, const char *type) {
  static const struct {
    const char *event;
    borel_op op;
  } events[] = {{"__add", BOREL_OP_ADD},  {"__sub", BOREL_OP_SUB}, {"__mul", BOREL_OP_MUL},
                {"__div", BOREL_OP_DIV},  {"__pow", BOREL_OP_POW}, {"__unm", BOREL_OP_NEG},
                {"__band", BOREL_OP_AND}, {"__bor", BOREL_OP_OR},  {"__bnot", BOREL_OP_NOT}};
  luaL_getmetatable(L, type);
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
        op == BOREL_OP_IMUL || op == BOREL_OP_TO_F64 || op == BOREL_OP_EXP_DIFF)
      continue;
    lua_pushinteger(L, op);
    lua_pushcclosure(L, elementwise, 1);
    add(L, info->name);
  }
  static const borel_op reductions[] = {BOREL_OP_SUM, BOREL_OP_MAXIMUM, BOREL_OP_LOG_SUM_EXP};
  for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) {
    lua_pushinteger(L, reductions[i]);
    lua_pushcclosure(L, reduce, 1);
    if (reductions[i] == BOREL_OP_LOG_SUM_EXP) lua_pushcclosure(L, log_sum_exp, 1);
    add(L, borel_op_get(reductions[i])->name);
  }
  static const luaL_Reg others[] = {
      {"stack", stack}, {"mean", mean},     {"cumsum", cumsum}, {"matmul", matmul},
      {"dot", dot},     {"square", square}, {"logit", logit},   {"log_inv_logit", log_inv_logit},
      {NULL, NULL}};
  for (const luaL_Reg *f = others; f->name; f++) {
    lua_pushcfunction(L, f->func);
    add(L, f->name);
  }
  add_metamethods(L, "borel.array");
  add_metamethods(L, "borel.node");
}
