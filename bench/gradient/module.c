/* SPDX-License-Identifier: MIT
 * The gradients by hand as a Lua module: hand.model(name, arrays) makes one, model(u [, times]) returns
 * log-density and gradient. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <time.h>

#include "hand.h"

typedef struct {
  hand_gradient gradient;
  void *prepared;
} hand_model;

static const struct {
  const char *name;
  hand_prepare prepare;
  hand_gradient gradient;
} models[] = {
#define HAND(name) {#name, name##_prepare, name##_gradient},
    HAND(eight_schools) HAND(radon) HAND(wells) HAND(irt) HAND(garch)
#undef HAND
};

static double *numbers(lua_State *L, int index, size_t *size) {
  luaL_checktype(L, index, LUA_TTABLE);
  *size = lua_rawlen(L, index);
  double *x = malloc(8 * *size + 64);
  for (size_t i = 0; i < *size; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    x[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return x;
}

static int call(lua_State *L) {
  const hand_model *m = lua_touserdata(L, lua_upvalueindex(1));
  size_t size;
  double *u = numbers(L, 1, &size), *g = malloc(8 * size + 64), value = 0;
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (lua_Integer times = luaL_optinteger(L, 2, 1); times > 0; times--)
    value = m->gradient(m->prepared, u, g);
  clock_gettime(CLOCK_MONOTONIC, &end);
  lua_pushnumber(L, value);
  lua_createtable(L, (int)size, 0);
  for (size_t i = 0; i < size; i++) lua_pushnumber(L, g[i]), lua_rawseti(L, -2, (lua_Integer)i + 1);
  lua_pushnumber(L, (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
  free(u), free(g);
  return 3;
}

static int make(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  hand_data data = {0};
  for (int k = 0; k < (int)lua_rawlen(L, 2) && k < 8; k++) {
    lua_rawgeti(L, 2, k + 1);
    data.x[k] = numbers(L, lua_gettop(L), &data.size[k]);
    lua_pop(L, 1);
  }
  for (size_t i = 0; i < sizeof models / sizeof *models; i++)
    if (!strcmp(models[i].name, name)) {
      hand_model *m = lua_newuserdatauv(L, sizeof *m, 0);
      *m = (hand_model){models[i].gradient, models[i].prepare(&data)};
      lua_pushcclosure(L, call, 1);
      return 1;
    }
  return luaL_error(L, "no gradient by hand for '%s'", name);
}

int luaopen_hand(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, make);
  lua_setfield(L, -2, "model");
  return 1;
}
