/* SPDX-License-Identifier: MIT
 * core.stepper(solver, path, levels, predictor, options): runs of solvers that choose their steps as they go.
 */
#include "diffuse/stepper.h"

#include "core/error.h"
#include "diffusion.h"
#include "engine.h"

#define STEPPER "borel.stepper"

typedef struct {
  borel_stepper *run;
  borel_reverse_options options; /* its arrays are the run's own */
} stepper_box;

static stepper_box *check(lua_State *L) { return luaL_checkudata(L, 1, STEPPER); }

/* core.stepper(solver, path, levels, predictor, options, D), options as in core.reverse */
static int stepper_new(lua_State *L) {
  lua_settop(L, 6);
  const borel_solver *solver = borel_lua_solver(L, 1);
  const borel_path *path = borel_lua_path(L, 2);
  size_t points;
  const borel_level *levels = borel_lua_levels(L, 3, &points);
  if (points < 2) borel_lua_fail(L, "a run leads from one level to another: %d is given", (int)points);
  borel_predictor *predictor = borel_lua_predictor(L, 4);
  lua_Integer D = luaL_checkinteger(L, 6);
  if (D < 1 || D > INT32_MAX) borel_lua_fail(L, "samples have at least one dimension, not %d", (int)D);
  borel_reverse_options options = borel_lua_reverse_options(L, 5, (size_t)D);
  stepper_box *box = lua_newuserdatauv(L, sizeof *box, 2);
  *box = (stepper_box){.options = options};
  luaL_setmetatable(L, STEPPER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, 4);
  lua_setiuservalue(L, -2, 2);
  borel_error error = {0};
  if (borel_stepper_create(solver, path, points, levels, predictor, &options, &box->run, &error))
    return borel_lua_error(L, &error);
  return 1;
}

static int stepper_gc(lua_State *L) {
  stepper_box *box = check(L);
  borel_stepper_destroy(box->run);
  box->run = NULL;
  return 0;
}

/* run:prior(scale [, degrees]), run:x([array]) as of core.reverse */
static int stepper_prior(lua_State *L) {
  stepper_box *box = check(L);
  borel_reverse_prior(&box->options, luaL_checknumber(L, 2), luaL_optnumber(L, 3, 0),
                      borel_stepper_x(box->run));
  return 0;
}

static int stepper_x(lua_State *L) {
  stepper_box *box = check(L);
  int reading = lua_isnoneornil(L, 2);
  if (reading)
    borel_lua_push_x(L, &box->options, borel_stepper_x(box->run));
  else
    borel_lua_read_x(L, 2, &box->options, borel_stepper_x(box->run));
  return reading;
}

/* run:advance([steps]): that many steps of every row that has not arrived, or all. Have all arrived? */
static int stepper_advance(lua_State *L) {
  borel_stepper *run = check(L)->run;
  lua_Integer steps = luaL_optinteger(L, 2, 0);
  borel_error error = {0};
  borel_lua_predictors_enter(L);
  if (borel_stepper_advance(run, steps > 0 ? (uint64_t)steps : 0, &error)) return borel_lua_error(L, &error);
  lua_pushboolean(L, borel_stepper_done(run));
  return 1;
}

static int counts(lua_State *L, int64_t (*count)(const borel_stepper *, size_t)) {
  const stepper_box *box = check(L);
  borel_array *out = borel_lua_makeroom(L, BOREL_I64, &(borel_shape){1, {(int64_t)box->options.rows}});
  for (size_t r = 0; r < box->options.rows; r++) ((int64_t *)out->data)[r] = count(box->run, r);
  return 1;
}

/* run:evaluations(), run:rejected(): i64 [rows] */
static int stepper_evaluations(lua_State *L) { return counts(L, borel_stepper_evaluations); }
static int stepper_rejected(lua_State *L) { return counts(L, borel_stepper_rejected); }

/* run:save(): a string; run:load(string) */
static int stepper_save(lua_State *L) {
  const borel_stepper *run = check(L)->run;
  size_t size = borel_stepper_size(run);
  luaL_Buffer buffer;
  borel_stepper_save(run, luaL_buffinitsize(L, &buffer, size));
  luaL_pushresultsize(&buffer, size);
  return 1;
}

static int stepper_load(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  borel_error error = {0};
  if (borel_stepper_load(check(L)->run, bytes, size, &error)) return borel_lua_error(L, &error);
  return 0;
}

void borel_lua_open_stepper(lua_State *L) {
  static const luaL_Reg methods[] = {{"prior", stepper_prior},       {"x", stepper_x},
                                     {"advance", stepper_advance},   {"evaluations", stepper_evaluations},
                                     {"rejected", stepper_rejected}, {"save", stepper_save},
                                     {"load", stepper_load},         {NULL, NULL}};
  borel_lua_class(L, STEPPER, methods, stepper_gc);
  lua_pushcfunction(L, stepper_new);
  lua_setfield(L, -2, "stepper");
}
