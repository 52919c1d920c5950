/* SPDX-License-Identifier: MIT
 * The module "borel.core". */
#include "values.h"

static const char state_key;

const void *borel_lua_state_key(void) { return &state_key; }

borel_lua_values *borel_lua_state(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  borel_lua_values *values = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return values;
}

/* ---- core.missing ---------------------------------------------------------------------------- */

static const char missing_key;

void borel_lua_pushmissing(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &missing_key); }

int borel_lua_ismissing(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA) return 0;
  const void *value = lua_touserdata(L, index);
  borel_lua_pushmissing(L);
  int same = value == lua_touserdata(L, -1);
  lua_pop(L, 1);
  return same;
}

static int missing_text(lua_State *L) {
  lua_pushliteral(L, "missing");
  return 1;
}

static void open_missing(lua_State *L) {
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, missing_text);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "missing");
  lua_setfield(L, -2, "__name");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &missing_key);
  lua_setfield(L, 1, "missing");
}

int luaopen_borel_core(lua_State *L) {
  lua_settop(L, 0);
  lua_newtable(L); /* core */
  lua_newtable(L); /* methods of arrays and nodes */
  if (!borel_lua_state(L)) {
    borel_lua_values *values = lua_newuserdatauv(L, sizeof *values, 1);
    *values = (borel_lua_values){0};
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
  }
  open_missing(L);
  borel_lua_open_where(L);
  borel_lua_open_array(L);
  borel_lua_open_node(L);
  borel_lua_open_particles(L);
  borel_lua_open_index(L);
  borel_lua_open_ops(L);
  borel_lua_open_linear(L);
  borel_lua_open_scan(L);
  borel_lua_open_cond(L);
  borel_lua_open_derivative(L);
  borel_lua_open_ode(L);
  borel_lua_open_json(L);
  lua_pushvalue(L, 2);
  lua_setfield(L, 1, "methods");
  lua_pushvalue(L, 1);
  return 1;
}
