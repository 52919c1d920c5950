/* SPDX-License-Identifier: MIT
 * Sources of randomness for programs that run in Lua: core.philox(key, lane, index, site) draws,
 * core.enumerate(budget) goes through every outcome. */
#include <stdlib.h>

#include "core/error.h"
#include "engine.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "values.h"

#define CHOICE "borel.choice"

typedef struct {
  borel_rng *rng; /* one of the two below */
  borel_error error;
  int enumerating;
  borel_philox_rng philox;
  borel_enumeration enumeration;
} choice;

static choice *check(lua_State *L) { return luaL_checkudata(L, 1, CHOICE); }

/* Raises when the source has failed. */
static int done(lua_State *L, choice *c, int results) {
  return c->rng->status ? borel_lua_error(L, &c->error) : results;
}

static choice *push(lua_State *L) {
  choice *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (choice){0};
  luaL_setmetatable(L, CHOICE);
  return c;
}

static int philox_new(lua_State *L) {
  uint64_t key = (uint64_t)luaL_checkinteger(L, 1), lane = (uint64_t)luaL_optinteger(L, 2, 0),
           index = (uint64_t)luaL_optinteger(L, 3, 0);
  choice *c = push(L);
  c->rng = &c->philox.rng;
  borel_philox_open(&c->philox, key, (uint32_t)lane, index, (uint16_t)luaL_optinteger(L, 4, 0), &c->error);
  return done(L, c, 1);
}

static int enumerate_new(lua_State *L) {
  lua_Integer budget = luaL_optinteger(L, 1, 0);
  luaL_argcheck(L, budget >= 0, 1, "a budget is a number of paths");
  choice *c = push(L);
  c->enumerating = 1;
  borel_enumerate_begin(&c->enumeration, (uint64_t)budget, &c->error);
  c->rng = borel_enumerate_rng(&c->enumeration);
  return 1;
}

static int choice_gc(lua_State *L) {
  choice *c = check(L);
  if (c->enumerating) borel_enumerate_end(&c->enumeration);
  c->enumerating = 0;
  return 0;
}

/* source:next(): starts the next path; false when all are done. */
static int choice_next(lua_State *L) {
  choice *c = check(L);
  luaL_argcheck(L, c->enumerating, 1, "only an enumerating source has paths");
  lua_pushboolean(L, borel_enumerate_next(&c->enumeration));
  return done(L, c, 1);
}

static int choice_probability(lua_State *L) {
  choice *c = check(L);
  luaL_argcheck(L, c->enumerating, 1, "only an enumerating source has probabilities");
  lua_pushnumber(L, borel_enumerate_probability(&c->enumeration));
  return 1;
}

#define LAW0(name)                                                                                           \
  static int choice_##name(lua_State *L) {                                                                   \
    choice *c = check(L);                                                                                    \
    lua_pushnumber(L, c->rng->ops->name(c->rng));                                                            \
    return done(L, c, 1);                                                                                    \
  }
LAW0(uniform)
LAW0(normal)
LAW0(exponential)

static int choice_gamma(lua_State *L) {
  choice *c = check(L);
  lua_pushnumber(L, c->rng->ops->gamma(c->rng, luaL_checknumber(L, 2)));
  return done(L, c, 1);
}

static int choice_beta(lua_State *L) {
  choice *c = check(L);
  lua_pushnumber(L, c->rng->ops->beta(c->rng, luaL_checknumber(L, 2), luaL_checknumber(L, 3)));
  return done(L, c, 1);
}

static int choice_poisson(lua_State *L) {
  choice *c = check(L);
  lua_pushinteger(L, (lua_Integer)c->rng->ops->poisson(c->rng, luaL_checknumber(L, 2)));
  return done(L, c, 1);
}

static int choice_binomial(lua_State *L) {
  choice *c = check(L);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 0, 2, "a number of trials");
  lua_pushinteger(L, (lua_Integer)c->rng->ops->binomial(c->rng, (uint64_t)n, luaL_checknumber(L, 3)));
  return done(L, c, 1);
}

static int choice_bernoulli(lua_State *L) {
  choice *c = check(L);
  lua_pushinteger(L, c->rng->ops->bernoulli(c->rng, luaL_checknumber(L, 2)));
  return done(L, c, 1);
}

/* source:uniform_int(n): 0 .. n - 1 */
static int choice_uniform_int(lua_State *L) {
  choice *c = check(L);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n > 0, 2, "a number of outcomes");
  lua_pushinteger(L, (lua_Integer)c->rng->ops->uniform_int(c->rng, (uint64_t)n));
  return done(L, c, 1);
}

/* source:categorical(p): 1 .. n */
static int choice_categorical(lua_State *L) {
  choice *c = check(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t n = lua_rawlen(L, 2);
  luaL_argcheck(L, n > 0, 2, "a list of probabilities");
  double *p = lua_newuserdatauv(L, n * sizeof *p, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    p[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  lua_pushinteger(L, (lua_Integer)c->rng->ops->categorical(c->rng, p, n) + 1);
  return done(L, c, 1);
}

/* core.stream_key(seed, role, ...): the key below the root of a run. */
static int stream_key(lua_State *L) {
  uint64_t key = borel_stream_root((uint64_t)luaL_checkinteger(L, 1));
  for (int i = 2; i <= lua_gettop(L); i++) key = borel_stream_child(key, luaL_checkstring(L, i));
  lua_pushinteger(L, (lua_Integer)key);
  return 1;
}

void borel_lua_open_choice(lua_State *L) {
  static const luaL_Reg methods[] = {{"next", choice_next},
                                     {"probability", choice_probability},
                                     {"uniform", choice_uniform},
                                     {"normal", choice_normal},
                                     {"exponential", choice_exponential},
                                     {"gamma", choice_gamma},
                                     {"beta", choice_beta},
                                     {"poisson", choice_poisson},
                                     {"binomial", choice_binomial},
                                     {"bernoulli", choice_bernoulli},
                                     {"uniform_int", choice_uniform_int},
                                     {"categorical", choice_categorical},
                                     {NULL, NULL}};
  luaL_newmetatable(L, CHOICE);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, choice_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {
      {"philox", philox_new}, {"enumerate", enumerate_new}, {"stream_key", stream_key}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
