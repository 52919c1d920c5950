/* SPDX-License-Identifier: MIT
 * ctx, target and point of a kernel in Lua. Arrays that they give are copies. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scripted.h"

borel_scripted_call borel_scripted_now;
#define NOW borel_scripted_now

#define VIEWS "borel.scripted.views"

static void need_call(lua_State *L) {
  if (!NOW.context)
    borel_lua_fail(L, "ctx, target and point mean something only while a kernel's function runs");
}

/* Raises what a service reported; the op then returns the same code. */
static int raise(lua_State *L, const borel_error *error) {
  NOW.failure = *error;
  return borel_lua_error(L, error);
}

/* ---- numbers in and out ---------------------------------------------------------------------- */

void borel_scripted_push_reals(lua_State *L, const double *x, size_t n) {
  borel_array a = borel_array_new(BOREL_F64, &(borel_shape){1, {(int64_t)n}});
  if (!a.data) borel_lua_fail(L, "out of memory for %zu numbers", n);
  if (n) memcpy(a.data, x, n * sizeof *x);
  borel_lua_pusharray(L, a);
}

void borel_scripted_push_wholes(lua_State *L, const int64_t *x, size_t n) {
  borel_array a = borel_array_new(BOREL_I64, &(borel_shape){1, {(int64_t)n}});
  if (!a.data) borel_lua_fail(L, "out of memory for %zu numbers", n);
  if (n) memcpy(a.data, x, n * sizeof *x);
  borel_lua_pusharray(L, a);
}

void borel_scripted_read(lua_State *L, int index, double *out, size_t n, const char *what) {
  const borel_array *a = borel_lua_testarray(L, index);
  if (a) {
    if ((size_t)borel_shape_size(&a->shape) != n)
      borel_lua_fail(L, "%s has %lld numbers, must have %zu", what, (long long)borel_shape_size(&a->shape),
                     n);
    for (size_t i = 0; i < n; i++) out[i] = borel_array_at(a, (int64_t)i);
    return;
  }
  if (lua_type(L, index) != LUA_TTABLE)
    borel_lua_fail(L, "%s must be a list or an array of %zu numbers, got a %s", what, n,
                   borel_lua_typename(L, index));
  if (lua_rawlen(L, index) != n)
    borel_lua_fail(L, "%s has %d numbers, must have %zu", what, (int)lua_rawlen(L, index), n);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      borel_lua_fail(L, "%s[%d] is no number, but a %s", what, (int)i + 1, borel_lua_typename(L, -1));
    out[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* Room for n doubles that the state owns, on top of the stack. */
static double *room(lua_State *L, size_t n) { return lua_newuserdatauv(L, (n + 1) * sizeof(double), 0); }

/* u at `index`, or the point's when it is nil; pushes one value. */
static const double *u_at(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) {
    lua_pushnil(L);
    return NOW.point->u;
  }
  double *u = room(L, NOW.point->D);
  borel_scripted_read(L, index, u, NOW.point->D, "u");
  return u;
}

static const int64_t *z_at(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) {
    lua_pushnil(L);
    return NOW.point->z;
  }
  double *x = room(L, NOW.point->K);
  borel_scripted_read(L, index, x, NOW.point->K, "z");
  int64_t *z = lua_newuserdatauv(L, (NOW.point->K + 1) * sizeof *z, 0);
  for (size_t k = 0; k < NOW.point->K; k++) z[k] = (int64_t)x[k];
  lua_remove(L, -2);
  return z;
}

/* ---- blocks: ctx.tuning, ctx.state ----------------------------------------------------------- */

enum { TUNING, STATE };

static const borel_field *fields_of(int block) { return block == TUNING ? NOW.ops->tuning : NOW.ops->state; }

static size_t size_of(const borel_field *field) {
  size_t n = 1;
  for (int i = 0; i < 3 && field->dim[i]; i++) {
    int32_t dim = field->dim[i];
    n *= dim > 0              ? (size_t)dim
         : dim == BOREL_DIM_D ? NOW.point->D
         : dim == BOREL_DIM_K ? NOW.point->K
         : dim == BOREL_DIM_N ? 1
                              : (size_t)NOW.values[BOREL_DIM_PARAM(0) - dim].number;
  }
  return n;
}

/* The field called by the text at `index`, and its place. */
static const borel_field *field_at(lua_State *L, int block, int index, size_t *place) {
  need_call(L);
  const char *name = luaL_checkstring(L, index);
  const borel_field *fields = fields_of(block);
  for (*place = 0; fields && fields[*place].name; (*place)++)
    if (!strcmp(fields[*place].name, name)) return &fields[*place];
  borel_lua_fail(L, "the kernel declares no %s field '%s'", block == TUNING ? "tuning" : "state", name);
}

static int block_index(lua_State *L) {
  int block = (int)lua_tointeger(L, lua_upvalueindex(1));
  size_t place;
  const borel_field *field = field_at(L, block, 2, &place);
  const void *data = block == STATE ? NOW.context->state[place]
                     : NOW.tuned    ? NOW.tuned[place]
                                    : NOW.context->tuning[place];
  size_t n = size_of(field);
  if (field->dim[0]) {
    if (field->dtype == BOREL_I64)
      borel_scripted_push_wholes(L, data, n);
    else
      borel_scripted_push_reals(L, data, n);
  } else if (field->dtype == BOREL_I64) {
    lua_pushinteger(L, *(const int64_t *)data);
  } else {
    lua_pushnumber(L, *(const double *)data);
  }
  return 1;
}

static int block_newindex(lua_State *L) {
  int block = (int)lua_tointeger(L, lua_upvalueindex(1));
  size_t place;
  const borel_field *field = field_at(L, block, 2, &place);
  if (block == TUNING && !NOW.tuned)
    borel_lua_fail(
        L, "tuning may be written in warm and adapt only: a step that adapts itself preserves nothing");
  void *data = block == STATE ? NOW.context->state[place] : NOW.tuned[place];
  size_t n = size_of(field);
  double *x = room(L, n);
  if (field->dim[0])
    borel_scripted_read(L, 3, x, n, field->name);
  else if (lua_type(L, 3) == LUA_TNUMBER)
    x[0] = lua_tonumber(L, 3);
  else
    borel_lua_fail(L, "%s is a number, got a %s", field->name, borel_lua_typename(L, 3));
  for (size_t i = 0; i < n; i++) {
    if (field->dtype == BOREL_I64)
      ((int64_t *)data)[i] = (int64_t)x[i];
    else
      ((double *)data)[i] = x[i];
  }
  return 0;
}

/* ctx:averaging_restart(field, step), ctx:averaging_update(field, accept, wanted),
 * ctx:averaging_finish(field): dual averaging in a tuning field of six numbers. */
static double *averaging_state(lua_State *L) {
  size_t place;
  const borel_field *field = field_at(L, TUNING, 2, &place);
  if (!NOW.tuned) borel_lua_fail(L, "tuning may be written in warm and adapt only");
  if (field->dtype != BOREL_F64 || size_of(field) != 6)
    borel_lua_fail(L, "dual averaging needs a field with dim = 6, and '%s' is none", field->name);
  return NOW.tuned[place];
}

static int averaging_restart(lua_State *L) {
  double *state = averaging_state(L);
  NOW.context->host->dual_averaging->restart(state, luaL_checknumber(L, 3));
  return 0;
}

static int averaging_update(lua_State *L) {
  double *state = averaging_state(L);
  lua_pushnumber(
      L, NOW.context->host->dual_averaging->update(state, luaL_checknumber(L, 3), luaL_checknumber(L, 4)));
  return 1;
}

static int averaging_finish(lua_State *L) {
  double *state = averaging_state(L);
  lua_pushnumber(L, NOW.context->host->dual_averaging->finish(state));
  return 1;
}

/* ctx:unsuited(text): ends the run with it; for targets that the kernel is not for. */
static int unsuited(lua_State *L) {
  borel_error error = {0};
  need_call(L);
  borel_fail(&error, BOREL_ARG, "%s", luaL_checkstring(L, 2));
  return raise(L, &error);
}

/* ctx.phase: iteration, warmup, total, warming, slow, window_end, last_of_warmup */
static int phase_index(lua_State *L) {
  need_call(L);
  const borel_phase *p = NOW.context->phase;
  const char *name = luaL_checkstring(L, 2);
  if (!strcmp(name, "iteration"))
    lua_pushinteger(L, (lua_Integer)p->iteration);
  else if (!strcmp(name, "warmup"))
    lua_pushinteger(L, (lua_Integer)p->warmup);
  else if (!strcmp(name, "total"))
    lua_pushinteger(L, (lua_Integer)p->total);
  else if (!strcmp(name, "warming"))
    lua_pushboolean(L, p->warming);
  else if (!strcmp(name, "slow"))
    lua_pushboolean(L, p->slow);
  else if (!strcmp(name, "window_end"))
    lua_pushboolean(L, p->window_end);
  else if (!strcmp(name, "last_of_warmup"))
    lua_pushboolean(L, p->iteration + 1 == p->warmup);
  else
    borel_lua_fail(L, "ctx.phase has no '%s'", name);
  return 1;
}

/* ---- target ---------------------------------------------------------------------------------- */

/* REJECT and DOMAIN are -inf: a proposal to refuse. Other codes raise. */
static double judge(lua_State *L, borel_status status, double value, const borel_error *error) {
  if (status == BOREL_REJECT || status == BOREL_DOMAIN || (status == BOREL_OK && isnan(value)))
    return -INFINITY;
  if (status != BOREL_OK) raise(L, error);
  return value;
}

/* target:logdensity(u [, z]); either may be nil: where the chain is. */
static int target_logdensity(lua_State *L) {
  borel_error error = {0};
  need_call(L);
  lua_settop(L, 3);
  const double *u = u_at(L, 2);
  const int64_t *z = z_at(L, 3);
  double value = -INFINITY;
  borel_status status = NOW.target->ops->logdensity(NOW.target, NOW.point->layout, u, z, &value, &error);
  lua_pushnumber(L, judge(L, status, value, &error));
  return 1;
}

/* target:gradient(u [, z]): log-density, gradient [D] */
static int target_gradient(lua_State *L) {
  borel_error error = {0};
  need_call(L);
  lua_settop(L, 3);
  const double *u = u_at(L, 2);
  const int64_t *z = z_at(L, 3);
  double value = -INFINITY, *gradient = room(L, NOW.point->D);
  if (!NOW.target->ops->gradient) {
    borel_fail(&error, BOREL_ARG, "this target has no gradient");
    return raise(L, &error);
  }
  for (size_t i = 0; i < NOW.point->D; i++) gradient[i] = 0;
  borel_status status =
      NOW.target->ops->gradient(NOW.target, NOW.point->layout, u, z, &value, gradient, &error);
  lua_pushnumber(L, judge(L, status, value, &error));
  borel_scripted_push_reals(L, gradient, NOW.point->D);
  return 2;
}

/* target:sites(): list of {name =, block = "u" | "z", first =, size =, lowest =, count =}, first 1-based */
static int target_sites(lua_State *L) {
  need_call(L);
  const borel_layout *layout = NOW.target->ops->layout(NOW.target, NOW.point->layout);
  lua_createtable(L, (int)layout->site_count, 0);
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    lua_createtable(L, 0, 6);
    lua_pushstring(L, site->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, site->block == BOREL_SITE_U ? "u" : "z");
    lua_setfield(L, -2, "block");
    lua_pushinteger(L, (lua_Integer)site->offset + 1);
    lua_setfield(L, -2, "first");
    lua_pushinteger(L, (lua_Integer)site->size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, site->lowest);
    lua_setfield(L, -2, "lowest");
    lua_pushinteger(L, site->count);
    lua_setfield(L, -2, "count");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ---- point ----------------------------------------------------------------------------------- */

static void evaluate(lua_State *L, uint32_t want) {
  borel_error error = {0};
  borel_status status = NOW.context->host->evaluate(NOW.target, NOW.point, want, &error);
  if (status == BOREL_REJECT) borel_fail(&error, BOREL_DOMAIN, "the current point is outside the support");
  if (status != BOREL_OK) raise(L, &error);
}

/* point:move(u) */
static int point_move(lua_State *L) {
  need_call(L);
  lua_settop(L, 2);
  luaL_argexpected(L, !lua_isnil(L, 2), 2, "list or array");
  NOW.context->host->move_u(NOW.point, u_at(L, 2));
  return 0;
}

/* point:move_z(k, value), k from 1 */
static int point_move_z(lua_State *L) {
  need_call(L);
  lua_Integer k = luaL_checkinteger(L, 2);
  if (k < 1 || (uint64_t)k > NOW.point->K)
    borel_lua_fail(L, "z has %zu coordinates, so there is no z[%lld]", NOW.point->K, (long long)k);
  NOW.context->host->move_z(NOW.point, (size_t)k - 1, luaL_checkinteger(L, 3));
  return 0;
}

/* point:know(logdensity [, gradient]): after a move, what is known there */
static int point_know(lua_State *L) {
  need_call(L);
  double logdensity = luaL_checknumber(L, 2), *gradient = NULL;
  if (!lua_isnoneornil(L, 3)) {
    gradient = room(L, NOW.point->D);
    borel_scripted_read(L, 3, gradient, NOW.point->D, "gradient");
  }
  NOW.context->host->know(NOW.point, logdensity, gradient);
  return 0;
}

/* point.D, K, u, z, logdensity, gradient; the last two are evaluated when they are not known. */
static int point_index(lua_State *L) {
  need_call(L);
  const char *name = luaL_checkstring(L, 2);
  borel_point *p = NOW.point;
  if (!strcmp(name, "D"))
    lua_pushinteger(L, (lua_Integer)p->D);
  else if (!strcmp(name, "K"))
    lua_pushinteger(L, (lua_Integer)p->K);
  else if (!strcmp(name, "u"))
    borel_scripted_push_reals(L, p->u, p->D);
  else if (!strcmp(name, "z"))
    borel_scripted_push_wholes(L, p->z, p->K);
  else if (!strcmp(name, "logdensity")) {
    evaluate(L, BOREL_LOGDENSITY);
    lua_pushnumber(L, p->logdensity);
  } else if (!strcmp(name, "gradient")) {
    evaluate(L, BOREL_LOGDENSITY | BOREL_GRADIENT);
    borel_scripted_push_reals(L, p->gradient, p->D);
  } else if (lua_getfield(L, lua_upvalueindex(1), name) == LUA_TNIL)
    borel_lua_fail(L, "point has no '%s': it has D, K, u, z, logdensity, gradient, move, move_z, know", name);
  return 1;
}

static int point_newindex(lua_State *L) {
  borel_lua_fail(L, "a point is moved by point:move(u) and point:move_z(k, value)");
}

/* ---- making them ----------------------------------------------------------------------------- */

/* Gives the table on top of the stack a metatable with these functions, each with the value `upvalue`. */
static void set_meta(lua_State *L, lua_CFunction index, lua_CFunction newindex, int upvalue) {
  lua_newtable(L);
  lua_pushinteger(L, upvalue);
  lua_pushcclosure(L, index, 1);
  lua_setfield(L, -2, "__index");
  if (newindex) {
    lua_pushinteger(L, upvalue);
    lua_pushcclosure(L, newindex, 1);
    lua_setfield(L, -2, "__newindex");
  }
  lua_setmetatable(L, -2);
}

static borel_rng **source; /* of the one view */

static void make(lua_State *L) {
  static const luaL_Reg ctx[] = {{"averaging_restart", averaging_restart},
                                 {"averaging_update", averaging_update},
                                 {"averaging_finish", averaging_finish},
                                 {"unsuited", unsuited},
                                 {NULL, NULL}};
  static const luaL_Reg target[] = {{"logdensity", target_logdensity},
                                    {"gradient", target_gradient},
                                    {"sites", target_sites},
                                    {NULL, NULL}};
  static const luaL_Reg point[] = {
      {"move", point_move}, {"move_z", point_move_z}, {"know", point_know}, {NULL, NULL}};
  lua_newtable(L); /* the views */
  luaL_newlib(L, ctx);
  lua_newtable(L);
  set_meta(L, block_index, block_newindex, TUNING);
  lua_setfield(L, -2, "tuning");
  lua_newtable(L);
  set_meta(L, block_index, block_newindex, STATE);
  lua_setfield(L, -2, "state");
  lua_newtable(L);
  set_meta(L, phase_index, NULL, 0);
  lua_setfield(L, -2, "phase");
  source = borel_lua_push_source(L);
  lua_setfield(L, -2, "rng");
  lua_rawseti(L, -2, 1);
  luaL_newlib(L, target);
  lua_rawseti(L, -2, 2);
  lua_newtable(L); /* point: its metatable's __index knows the methods */
  lua_newtable(L);
  luaL_newlib(L, point);
  lua_pushcclosure(L, point_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, point_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  lua_rawseti(L, -2, 3);
}

void borel_scripted_push_views(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, VIEWS) != LUA_TTABLE) {
    lua_pop(L, 1);
    make(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, VIEWS);
  }
  *source = NOW.context ? NOW.context->rng : NULL;
  int views = lua_gettop(L);
  for (int i = 1; i <= 3; i++) lua_rawgeti(L, views, i);
  lua_remove(L, views);
}
