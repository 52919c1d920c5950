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

/* The weights at index 3 as a flat array of f64, which replaces a list. */
static const borel_array *weights_at_3(lua_State *L) {
  const char *what = "weights are a list of numbers or an f64 array of one axis";
  if (lua_istable(L, 3)) {
    if (lua_rawlen(L, 3) == 0) borel_lua_fail(L, "resample: there are no weights");
    borel_lua_table_toarray(L, 3, BOREL_F64);
  }
  const borel_array *weights = borel_lua_testarray(L, 3);
  if (!weights) borel_lua_fail(L, "resample: %s, got a %s", what, borel_lua_typename(L, 3));
  char text[64];
  if (weights->dtype != BOREL_F64 || weights->shape.rank != 1)
    borel_lua_fail(L, "resample: %s, got one of %s with shape %s", what, borel_dtype_name(weights->dtype),
                   borel_shape_text(&weights->shape, text));
  return weights;
}

/* resampler:resample(source, weights [, count]): an i64 array of `count` ancestors, indices from 1 into the
 * weights, which sum to 1. count is the number of weights unless stated. */
static int resampler_resample(lua_State *L) {
  const borel_resampler *resampler = check(L);
  borel_rng *rng = borel_lua_rng(L, 2);
  const borel_array *weights = weights_at_3(L);
  size_t n = (size_t)borel_shape_size(&weights->shape);
  lua_Integer count = luaL_optinteger(L, 4, (lua_Integer)n);
  if (count < 1) borel_lua_fail(L, "resample: the number of offspring is %lld, must be at least 1", (long long)count);
  borel_array *ancestors = borel_lua_makearray(L, BOREL_I64, &(borel_shape){1, {count}});
  borel_error error = {0};
  borel_block *scratch = NULL;
  borel_lua_scripted_enter(L);
  borel_status status = borel_resampler_scratch(resampler, n > (size_t)count ? n : (size_t)count, &scratch, &error);
  if (status == BOREL_OK)
    status = borel_resample(resampler, scratch, rng, n, weights->data, (size_t)count, ancestors->data, &error);
  borel_block_destroy(scratch);
  if (status != BOREL_OK) return borel_lua_error(L, &error);
  int64_t *index = ancestors->data;
  for (lua_Integer k = 0; k < count; k++) index[k]++;
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
