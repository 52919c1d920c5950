/* SPDX-License-Identifier: MIT
 * core.involution(name or path, parameters): involution:describe(), :sides(), :map(side, numbers) and
 * :log_jacobian(side, numbers, check). */
#include "host/involution.h"

#include "core/array.h"
#include "core/error.h"
#include "engine.h"
#include "values.h"

#include <math.h>
#include <stdlib.h>

#define INVOLUTION "borel.involution"

static borel_involution *check(lua_State *L) {
  return *(borel_involution **)luaL_checkudata(L, 1, INVOLUTION);
}

static int involution_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  borel_involution **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, INVOLUTION);
  void *made = NULL;
  if (borel_lua_create(L, 1, "involution", &made, &error)) return borel_lua_error(L, &error);
  *box = made;
  return 1;
}

static int involution_gc(lua_State *L) {
  borel_involution **box = luaL_checkudata(L, 1, INVOLUTION);
  borel_involution_destroy(*box);
  *box = NULL;
  return 0;
}

static int involution_describe(lua_State *L) {
  const borel_involution *involution = check(L);
  borel_lua_describe(L, involution->component, involution->values);
  return 1;
}

/* {{name =, shape = {extents}, size =, discrete =}, ...} */
static void push_fields(lua_State *L, const borel_block *block) {
  lua_createtable(L, (int)block->count, 0);
  for (size_t i = 0; i < block->count; i++) {
    const borel_block_field *field = &block->fields[i];
    lua_createtable(L, 0, 4);
    lua_pushstring(L, field->name);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, (lua_Integer)(field->bytes / borel_dtype_size(field->dtype)));
    lua_setfield(L, -2, "size");
    lua_pushboolean(L, field->dtype != BOREL_F64);
    lua_setfield(L, -2, "discrete");
    lua_createtable(L, field->rank, 0);
    for (int d = 0; d < field->rank; d++) {
      lua_pushinteger(L, (lua_Integer)field->extent[d]);
      lua_rawseti(L, -2, d + 1);
    }
    lua_setfield(L, -2, "shape");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* involution:sides(): a list of one or two {trace = fields, auxiliary = fields}. */
static int involution_sides(lua_State *L) {
  const borel_involution *involution = check(L);
  lua_createtable(L, (int)involution->side_count, 0);
  for (size_t s = 0; s < involution->side_count; s++) {
    lua_createtable(L, 0, 2);
    push_fields(L, involution->sides[s].trace);
    lua_setfield(L, -2, "trace");
    push_fields(L, involution->sides[s].auxiliary);
    lua_setfield(L, -2, "auxiliary");
    lua_rawseti(L, -2, (lua_Integer)s + 1);
  }
  return 1;
}

static size_t side_at_2(lua_State *L, const borel_involution *involution) {
  lua_Integer side = luaL_checkinteger(L, 2);
  luaL_argcheck(L, side >= 1 && (size_t)side <= involution->side_count, 2, "no such side");
  return (size_t)side - 1;
}

/* Room for `count` numbers, pushed. */
static double *push_room(lua_State *L, size_t count) {
  if (count > SIZE_MAX / sizeof(double) - 1)
    borel_lua_fail(L, "involution: no memory for %zu numbers", count);
  return lua_newuserdatauv(L, (count + 1) * sizeof(double), 0);
}

/* The list at index 3, as many numbers as the side has: pushed. */
static double *push_numbers(lua_State *L, const borel_involution_side *side) {
  luaL_checktype(L, 3, LUA_TTABLE);
  luaL_argcheck(L, lua_rawlen(L, 3) == side->size, 3, "another number of numbers than the side has");
  double *in = push_room(L, side->size);
  for (size_t i = 0; i < side->size; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    in[i] = luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  return in;
}

/* involution:map(side, numbers): the numbers of the other side; nil where the map does not apply. */
static int involution_map(lua_State *L) {
  const borel_involution *involution = check(L);
  size_t side = side_at_2(L, involution);
  const borel_involution_side *other = borel_involution_other(involution, side);
  borel_error error = {0};
  const double *in = push_numbers(L, &involution->sides[side]);
  double *out = push_room(L, other->size);
  borel_status status = borel_involution_map(involution, side, in, out, &error);
  if (status == BOREL_REJECT) return 0;
  if (status != BOREL_OK) return borel_lua_error(L, &error);
  lua_createtable(L, (int)other->size, 0);
  for (size_t i = 0; i < other->size; i++) {
    lua_pushnumber(L, out[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* Differences are right to `doubt` only, and rounding of log |det| itself. */
static void compare(lua_State *L, const borel_involution *involution, double stated, double found,
                    double doubt) {
  if (fabs(stated - found) > 10 * doubt + 1e-9 * fmax(1, fabs(found)))
    borel_lua_fail(L, "%s: the stated log-Jacobian is %.12g, differences give %.12g",
                   involution->component->name, stated, found);
}

/* involution:log_jacobian(side, numbers, check): log |det|; with `check`, a stated one is compared with
 * differences. */
static int involution_log_jacobian(lua_State *L) {
  const borel_involution *involution = check(L);
  size_t side = side_at_2(L, involution);
  int checked = lua_toboolean(L, 4);
  borel_error error = {0};
  const double *in = push_numbers(L, &involution->sides[side]);
  double value, found, doubt;
  if (borel_involution_log_jacobian(involution, side, in, &value, &doubt, &error))
    return borel_lua_error(L, &error);
  if (checked && involution->ops->log_jacobian) {
    if (borel_involution_differences(involution, side, in, &found, &doubt, &error))
      return borel_lua_error(L, &error);
    compare(L, involution, value, found, doubt);
  }
  lua_pushnumber(L, value);
  return 1;
}

/* involution:states_jacobian(): does it state its log-Jacobian? */
static int involution_states(lua_State *L) {
  lua_pushboolean(L, check(L)->ops->log_jacobian != NULL);
  return 1;
}

void borel_lua_open_involution(lua_State *L) {
  static const luaL_Reg methods[] = {{"describe", involution_describe},
                                     {"sides", involution_sides},
                                     {"map", involution_map},
                                     {"log_jacobian", involution_log_jacobian},
                                     {"states_jacobian", involution_states},
                                     {NULL, NULL}};
  luaL_newmetatable(L, INVOLUTION);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, involution_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, involution_new);
  lua_setfield(L, -2, "involution");
}
