/* SPDX-License-Identifier: MIT
 * core.resampler(name, path or component in Lua, parameters): resampler:describe() and
 * resampler:resample(source, weights [, count]). */
#include "core/error.h"
#include "engine.h"
#include "host/resampling.h"
#include "values.h"

#define RESAMPLER "borel.resampler"

static borel_resampler *check(lua_State *L) { return *(borel_resampler **)luaL_checkudata(L, 1, RESAMPLER); }

static int resampler_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  borel_resampler **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  luaL_setmetatable(L, RESAMPLER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, 1); /* a component in Lua lives as long as its resampler */
  void *made = NULL;
  if (borel_lua_create(L, 1, "resampler", &made, &error)) return borel_lua_error(L, &error);
  *box = made;
  return 1;
}

static int resampler_gc(lua_State *L) {
  borel_resampler **box = luaL_checkudata(L, 1, RESAMPLER);
  borel_resampler_destroy(*box);
  *box = NULL;
  return 0;
}

static int resampler_describe(lua_State *L) {
  const borel_resampler *resampler = check(L);
  borel_lua_describe(L, resampler->component, resampler->values);
  borel_lua_describe_scripted(L, 1);
  return 1;
}

/* The weights at index 3, a list or an array of one axis, as f64: pushed. */
static const borel_array *push_weights(lua_State *L) {
  const char *what = "weights are a list of numbers or an array of one axis";
  if (lua_istable(L, 3)) {
    if (lua_rawlen(L, 3) == 0) borel_lua_fail(L, "resample: there are no weights");
    borel_lua_table_toarray(L, 3, BOREL_F64);
  }
  const borel_array *given = borel_lua_testarray(L, 3);
  if (!given) borel_lua_fail(L, "resample: %s, got a %s", what, borel_lua_typename(L, 3));
  char text[64];
  if (given->shape.rank != 1)
    borel_lua_fail(L, "resample: %s, got one of shape %s", what, borel_shape_text(&given->shape, text));
  borel_array weights = borel_lua_convert(given, BOREL_F64);
  if (!weights.data) borel_lua_fail(L, "resample: out of memory for the weights");
  borel_lua_pusharray(L, weights);
  return lua_touserdata(L, -1);
}

/* The number of offspring at index 4; as many as weights when it is absent. */
static size_t count_at_4(lua_State *L, size_t n) {
  if (lua_isnil(L, 4)) return n;
  int whole;
  lua_Integer count = lua_tointegerx(L, 4, &whole);
  if (!whole || count < 1)
    borel_lua_fail(L, "resample: the number of offspring is %s, must be a whole number, at least 1",
                   luaL_tolstring(L, 4, NULL));
  return (size_t)count;
}

/* resampler:resample(source, weights [, count]): an i64 array of `count` ancestors, indices from 1 into the
 * weights, which sum to 1. count is the number of weights unless stated. */
static int resampler_resample(lua_State *L) {
  lua_settop(L, 4);
  const borel_resampler *resampler = check(L);
  borel_rng *rng = borel_lua_rng(L, 2);
  const borel_array *weights = push_weights(L);
  size_t n = (size_t)borel_shape_size(&weights->shape), count = count_at_4(L, n);
  borel_array *ancestors = borel_lua_makearray(L, BOREL_I64, &(borel_shape){1, {(int64_t)count}});
  borel_error error = {0};
  borel_block *scratch = NULL;
  borel_lua_scripted_enter(L);
  borel_status status = borel_resampler_scratch(resampler, n > count ? n : count, &scratch, &error);
  if (status == BOREL_OK)
    status = borel_resample(resampler, scratch, rng, n, weights->data, count, ancestors->data, &error);
  borel_block_destroy(scratch);
  if (status != BOREL_OK) return borel_lua_error(L, &error);
  int64_t *index = ancestors->data;
  for (size_t k = 0; k < count; k++) index[k]++;
  borel_lua_account(L);
  return 1;
}

void borel_lua_open_resampler(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"describe", resampler_describe}, {"resample", resampler_resample}, {NULL, NULL}};
  luaL_newmetatable(L, RESAMPLER);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, resampler_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, resampler_new);
  lua_setfield(L, -2, "resampler");
}
