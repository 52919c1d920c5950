/* SPDX-License-Identifier: MIT
 * The functions of `core` and the methods of arrays and symbolic values that are made from ops.def:
 * elementwise ones, reductions, sums, sorting, products. */
#include <string.h>

#include "values.h"

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
  if (!lua_istable(L, 1) || !holds_values(L, 1, 0)) {
    borel_lua_check_value(L, name, 1, 0);
    return;
  }
  int first = 3, n = push_elements(L, 1, name), alike = 1;
  for (int i = 0; i < n; i++) borel_lua_check_value(L, name, first, i);
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
  int mask = borel_lua_is_boolean(L, 1) && !borel_lua_isnode(L, 1);
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
  if (lua_gettop(L) > 2 || !lua_istable(L, 1)) borel_lua_fail(L, "stack takes one list, as in stack{a, b}");
  int axis = stack_axis(L), first = 2, joined = axis < 0;
  lua_settop(L, 1);
  if (axis <= 0 && lua_rawlen(L, 1) > 0 && !holds_values(L, 1, 1)) { /* numbers: as many as there are */
    borel_lua_toarray(L, 1);
    return 1;
  }
  int n = push_elements(L, 1, "stack");
  for (int i = 0; i < n; i++) {
    borel_lua_check_value(L, "stack", first, i);
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
  int options = count == 2 && lua_istable(L, 2) && lua_rawlen(L, 2) == 0;
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
    if (lua_istable(L, i)) borel_lua_toarray(L, i);
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
        op == BOREL_OP_IMUL || op == BOREL_OP_TO_F64 || op == BOREL_OP_TO_I64 || op == BOREL_OP_EXP_DIFF ||
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
