/* SPDX-License-Identifier: MIT
 * Kernels made of kernels for Lua: core.compose, and which unknowns a kernel moves. */
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "host/compose.h"
#include "values.h"

/* The kernels in the list at `index`, in memory of Lua's. */
static const borel_kernel **check_parts(lua_State *L, int index, size_t *count) {
  luaL_checktype(L, index, LUA_TTABLE);
  *count = lua_rawlen(L, index);
  const borel_kernel **parts = lua_newuserdatauv(L, (*count + 1) * sizeof *parts, 0);
  for (size_t i = 0; i < *count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    parts[i] = borel_lua_kernel(L, -1);
    lua_pop(L, 1);
  }
  return parts;
}

static double *check_weights(lua_State *L, int index, size_t count) {
  luaL_checktype(L, index, LUA_TTABLE);
  double *weights = lua_newuserdatauv(L, (count + 1) * sizeof *weights, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    weights[i] = luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  return weights;
}

/* "z", "u" or a list of names, which lives as long as the value at `index`. */
static borel_selection check_selection(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TSTRING)
    return (borel_selection){.all = 1, .block = *lua_tostring(L, index) == 'z' ? BOREL_SITE_Z : BOREL_SITE_U};
  luaL_checktype(L, index, LUA_TTABLE);
  borel_selection selection = {.count = lua_rawlen(L, index)};
  const char **names = lua_newuserdatauv(L, (selection.count + 1) * sizeof *names, 0);
  for (size_t i = 0; i < selection.count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    names[i] = luaL_checkstring(L, -1);
    lua_pop(L, 1);
  }
  selection.names = names;
  return selection;
}

/* core.compose("cycle", kernels), ("mixture", kernels, weights), ("on", {kernel}, "z" or "u" or names),
 * ("thin", {kernel}, steps): a kernel, which keeps its parts alive */
static int compose(lua_State *L) {
  static const char *const kinds[] = {"cycle", "mixture", "on", "thin", NULL};
  borel_error error = {0};
  int kind = luaL_checkoption(L, 1, NULL, kinds);
  lua_settop(L, 3);
  size_t count;
  const borel_kernel **parts = check_parts(L, 2, &count);
  luaL_argcheck(L, kind < 2 || count == 1, 2, "one kernel is needed");
  borel_composition *made = NULL;
  borel_selection selection;
  borel_status status = BOREL_OK;
  switch (kind) {
  case 0: status = borel_cycle_new(parts, count, &made, &error); break;
  case 1: status = borel_mixture_new(parts, check_weights(L, 3, count), count, &made, &error); break;
  case 2:
    selection = check_selection(L, 3);
    status = borel_on_new(&selection, parts[0], &made, &error);
    break;
  default: status = borel_thin_new((size_t)luaL_checkinteger(L, 3), parts[0], &made, &error);
  }
  borel_kernel *kernel = NULL;
  if (!status) status = borel_kernel_compose(made, &kernel, &error);
  if (status) return borel_lua_error(L, &error);
  borel_lua_push_kernel(L, kernel);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

/* kernel:stays(source): the names of the unknowns that it would leave where they are */
int borel_lua_kernel_stays(lua_State *L) {
  borel_error error = {0};
  const borel_kernel *kernel = borel_lua_kernel(L, 1);
  const borel_layout *layout = borel_lua_source(L, 2)->layout;
  uint8_t *moved = lua_newuserdatauv(L, layout->site_count + 1, 0);
  if (borel_kernel_moves(kernel, layout, moved, &error)) return borel_lua_error(L, &error);
  lua_newtable(L);
  for (size_t i = 0, n = 0; i < layout->site_count; i++) {
    if (moved[i]) continue;
    lua_pushstring(L, layout->sites[i].name);
    lua_rawseti(L, -2, (lua_Integer)++n);
  }
  return 1;
}

void borel_lua_open_compose(lua_State *L) {
  lua_pushcfunction(L, compose);
  lua_setfield(L, -2, "compose");
}
