/* SPDX-License-Identifier: MIT
 * core.solver(name, parameters), core.plan(solver, path, D, levels), core.reverse(plan, predictor, options):
 * planned runs of samples from noise to data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "diffuse/execute.h"
#include "diffusion.h"
#include "engine.h"

#define SOLVER "borel.solver"
#define PLAN "borel.plan"
#define REVERSE "borel.reverse"

/* ---- solvers ----------------------------------------------------------------------------------- */

const borel_solver *borel_lua_solver(lua_State *L, int index) {
  return *(borel_solver **)luaL_checkudata(L, index, SOLVER);
}

static int solver_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  borel_solver **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  luaL_setmetatable(L, SOLVER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, 1);
  void *made = NULL;
  if (borel_lua_create(L, 1, "solver", &made, &error)) return borel_lua_error(L, &error);
  *box = made;
  return 1;
}

static int solver_gc(lua_State *L) {
  borel_solver **box = luaL_checkudata(L, 1, SOLVER);
  borel_solver_destroy(*box);
  *box = NULL;
  return 0;
}

static int solver_describe(lua_State *L) {
  const borel_solver *solver = borel_lua_solver(L, 1);
  borel_lua_describe(L, solver->component, solver->values);
  lua_pushboolean(L, solver->ops->plan != NULL);
  lua_setfield(L, -2, "plans");
  return 1;
}

/* solver:claims(): {order =, weak_order =, exact_data =, exact_noise =, stochastic =, one_way =, coupled =,
 * degree =, form = "data" | "noise"} */
static int solver_claims(lua_State *L) {
  const borel_solver *solver = borel_lua_solver(L, 1);
  borel_solver_claims claims = {.size = sizeof claims};
  solver->ops->claims(solver->self, &claims);
  lua_createtable(L, 0, 9);
#define NUMBER(name, value) (lua_pushnumber(L, value), lua_setfield(L, -2, name))
#define FLAG(name, bit) (lua_pushboolean(L, (claims.flags & (bit)) != 0), lua_setfield(L, -2, name))
  NUMBER("order", claims.order);
  NUMBER("weak_order", claims.weak_order);
  NUMBER("degree", claims.degree);
  FLAG("exact_data", BOREL_EXACT_DATA);
  FLAG("exact_noise", BOREL_EXACT_NOISE);
  FLAG("stochastic", BOREL_STOCHASTIC);
  FLAG("one_way", BOREL_ONE_WAY);
  FLAG("coupled", BOREL_COUPLED);
#undef NUMBER
#undef FLAG
  lua_pushstring(L, claims.form == BOREL_PREDICT_NOISE ? "noise" : "data");
  lua_setfield(L, -2, "form");
  return 1;
}

/* ---- plans ------------------------------------------------------------------------------------- */

static borel_tape *check_plan(lua_State *L, int index) {
  return *(borel_tape **)luaL_checkudata(L, index, PLAN);
}

static int plan_new(lua_State *L) {
  lua_settop(L, 4);
  const borel_solver *solver = borel_lua_solver(L, 1);
  const borel_path *path = borel_lua_path(L, 2);
  lua_Integer D = luaL_checkinteger(L, 3);
  if (D < 1 || D > INT32_MAX) borel_lua_fail(L, "a plan is for at least one dimension, not %d", (int)D);
  size_t points;
  const borel_level *levels = borel_lua_levels(L, 4, &points);
  if (points < 2) borel_lua_fail(L, "a plan leads from one level to another: %d is given", (int)points);
  borel_tape **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, PLAN);
  borel_error error = {0};
  if (borel_tape_plan(solver, path, (size_t)D, points, levels, box, &error))
    return borel_lua_error(L, &error);
  return 1;
}

static int plan_gc(lua_State *L) {
  borel_tape **box = luaL_checkudata(L, 1, PLAN);
  borel_tape_destroy(*box);
  *box = NULL;
  return 0;
}

/* plan:about(): {nfe =, steps =, slots =, buffers =, length =, stochastic =, hash =} */
static int plan_about(lua_State *L) {
  const borel_tape_view *view = borel_tape_look(check_plan(L, 1));
  lua_createtable(L, 0, 8);
#define FIELD(name, value) (lua_pushinteger(L, (lua_Integer)(value)), lua_setfield(L, -2, name))
  FIELD("nfe", view->predictions);
  FIELD("steps", view->steps);
  FIELD("slots", view->slots);
  FIELD("buffers", view->buffers);
  FIELD("length", view->count);
  FIELD("dimension", view->D);
#undef FIELD
  lua_pushboolean(L, view->stochastic);
  lua_setfield(L, -2, "stochastic");
  char hash[20];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)view->hash);
  lua_pushstring(L, hash);
  lua_setfield(L, -2, "hash");
  return 1;
}

static void push_slot(lua_State *L, const borel_tape_view *view, int32_t slot) {
  if (slot == BOREL_SLOT_ONE)
    lua_pushliteral(L, "one");
  else
    lua_pushstring(L, view->names[slot]);
}

/* What combinations read: {slot =, coefficient = number or array [D]} for each source. */
static void push_sources(lua_State *L, const borel_tape_view *view, const borel_tape_instruction *at) {
  lua_createtable(L, (int)at->count, 0);
  for (uint32_t j = 0; j < at->count; j++) {
    lua_createtable(L, 0, 3);
    push_slot(L, view, at->from[j]);
    lua_setfield(L, -2, "slot");
    lua_pushinteger(L, at->from[j]);
    lua_setfield(L, -2, "number");
    const double *c = view->coefficients + at->coefficients;
    if (at->code == BOREL_TAPE_COMBINE) {
      lua_pushnumber(L, c[j]);
      lua_setfield(L, -2, "coefficient");
    } else if (at->code == BOREL_TAPE_COMBINE_BY) {
      borel_array *array = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {(int64_t)view->D}});
      memcpy(array->data, c + j * view->D, view->D * sizeof *c);
      lua_setfield(L, -2, "coefficient");
    }
    lua_rawseti(L, -2, (lua_Integer)j + 1);
  }
}

/* plan:instructions(): a list of {code = "predict" | "combine" | "combine_by" | "noise" | "mark", to = slot,
 * number = of the slot, from = sources, level =, prediction =, scale =, tree = {lambda, lambda}, step =} */
static int plan_instructions(lua_State *L) {
  static const char *const codes[] = {"predict", "combine", "combine_by", "noise", "mark"};
  const borel_tape_view *view = borel_tape_look(check_plan(L, 1));
  lua_createtable(L, (int)view->count, 0);
  for (size_t i = 0; i < view->count; i++) {
    const borel_tape_instruction *at = &view->instructions[i];
    lua_createtable(L, 0, 8);
    lua_pushstring(L, codes[at->code]);
    lua_setfield(L, -2, "code");
    push_slot(L, view, at->to);
    lua_setfield(L, -2, "to");
    lua_pushinteger(L, at->to);
    lua_setfield(L, -2, "number");
    lua_pushinteger(L, at->step + 1);
    lua_setfield(L, -2, "step");
    if (at->count) {
      push_sources(L, view, at);
      lua_setfield(L, -2, "from");
    }
    if (at->code == BOREL_TAPE_PREDICT || at->code == BOREL_TAPE_MARK) {
      borel_lua_push_level(L, &at->level);
      lua_setfield(L, -2, "level");
    }
    if (at->code == BOREL_TAPE_PREDICT) {
      lua_pushstring(L, at->prediction == BOREL_PREDICT_DATA ? "data" : "noise");
      lua_setfield(L, -2, "prediction");
    }
    if (at->code == BOREL_TAPE_NOISE) {
      lua_pushnumber(L, at->scale);
      lua_setfield(L, -2, "scale");
      if (at->noise == BOREL_NOISE_TREE) {
        lua_createtable(L, 2, 0);
        for (int k = 0; k < 2; k++) {
          lua_pushnumber(L, at->interval[k]);
          lua_rawseti(L, -2, k + 1);
        }
        lua_setfield(L, -2, "tree");
      }
    }
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ---- runs -------------------------------------------------------------------------------------- */

typedef struct {
  borel_reverse *run;
  borel_reverse_options options; /* its arrays are the run's own */
} reverse_box;

static reverse_box *check_box(lua_State *L) { return luaL_checkudata(L, 1, REVERSE); }
static borel_reverse *check(lua_State *L) { return check_box(L)->run; }

borel_reverse_options borel_lua_reverse_options(lua_State *L, int index, size_t D) {
  luaL_checktype(L, index, LUA_TTABLE);
  lua_getfield(L, index, "n");
  lua_getfield(L, index, "seed");
  lua_getfield(L, index, "threads");
  lua_Integer n = luaL_checkinteger(L, -3), threads = luaL_optinteger(L, -1, 1);
  if (n < 1 || threads < 1) borel_lua_fail(L, "n and threads are at least 1");
  borel_reverse_options options = {
      .rows = (size_t)n, .D = D, .seed = (uint64_t)luaL_optinteger(L, -2, 0), .threads = (unsigned)threads};
  borel_score_call call = {.size = sizeof call};
  borel_lua_call_options(L, index, options.rows, options.D, &call);
  options.first = call.first;
  if (lua_getfield(L, index, "numbers") != LUA_TNIL) {
    const borel_array *given = borel_lua_toarray(L, -1);
    if ((size_t)borel_shape_size(&given->shape) != options.rows)
      borel_lua_fail(L, "%d numbers for %d samples", (int)borel_shape_size(&given->shape), (int)options.rows);
    uint64_t *numbers = lua_newuserdatauv(L, options.rows * sizeof *numbers, 0);
    for (size_t r = 0; r < options.rows; r++) {
      double number = borel_array_at(given, (int64_t)r);
      if (!(number >= 1 && number <= 0x1p32))
        borel_lua_fail(L, "samples are numbered from 1; number %d is %f", (int)r + 1, number);
      numbers[r] = (uint64_t)number - 1;
    }
    options.numbers = numbers;
  }
  options.shift = call.shift;
  options.shift_stride = call.shift_stride;
  options.condition = call.condition;
  options.condition_size = call.condition_size;
  options.condition_stride = call.condition_stride;
  return options;
}

void borel_lua_push_x(lua_State *L, const borel_reverse_options *o, const double *x) {
  borel_array *out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){2, {(int64_t)o->rows, (int64_t)o->D}});
  memcpy(out->data, x, o->rows * o->D * sizeof *x);
  borel_lua_account(L);
}

void borel_lua_read_x(lua_State *L, int index, const borel_reverse_options *o, double *x) {
  const borel_array *given = borel_lua_rows(L, index, o->D, "x");
  if ((size_t)given->shape.extent[0] != o->rows)
    borel_lua_fail(L, "x has %d rows for %d samples", (int)given->shape.extent[0], (int)o->rows);
  memcpy(x, given->data, o->rows * o->D * sizeof *x);
}

/* core.reverse(plan, predictor, { n =, seed = 0, first = 1 or numbers = of the samples,
 * threads = 1, shift =, condition = }) */
static int reverse_new(lua_State *L) {
  lua_settop(L, 3);
  const borel_tape *tape = check_plan(L, 1);
  borel_predictor *predictor = borel_lua_predictor(L, 2);
  borel_reverse_options options = borel_lua_reverse_options(L, 3, borel_tape_look(tape)->D);
  reverse_box *box = lua_newuserdatauv(L, sizeof *box, 2);
  *box = (reverse_box){.options = options};
  luaL_setmetatable(L, REVERSE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 2);
  borel_error error = {0};
  if (borel_reverse_create(tape, predictor, &options, &box->run, &error)) return borel_lua_error(L, &error);
  return 1;
}

static int reverse_gc(lua_State *L) {
  reverse_box *box = check_box(L);
  borel_reverse_destroy(box->run);
  box->run = NULL;
  return 0;
}

/* run:prior(scale [, degrees]): x is noise of this scale. */
static int reverse_prior(lua_State *L) {
  borel_reverse_prior(&check_box(L)->options, luaL_checknumber(L, 2), luaL_optnumber(L, 3, 0),
                      borel_reverse_x(check(L)));
  return 0;
}

/* run:x([array]): x less the shift [rows, D]; or sets it. */
static int reverse_x(lua_State *L) {
  reverse_box *box = check_box(L);
  int reading = lua_isnoneornil(L, 2);
  if (reading)
    borel_lua_push_x(L, &box->options, borel_reverse_x(box->run));
  else
    borel_lua_read_x(L, 2, &box->options, borel_reverse_x(box->run));
  return reading;
}

/* run:advance([until]): runs instructions up to number `until`, or all that are left. Returns the number
 * reached. */
static int reverse_advance(lua_State *L) {
  borel_reverse *run = check(L);
  lua_Integer until = luaL_optinteger(L, 2, -1);
  borel_error error = {0};
  borel_lua_predictors_enter(L);
  if (borel_reverse_advance(run, until < 0 ? SIZE_MAX : (size_t)until, &error))
    return borel_lua_error(L, &error);
  lua_pushinteger(L, (lua_Integer)borel_reverse_at(run));
  return 1;
}

/* run:save(): a string; run:load(string) */
static int reverse_save(lua_State *L) {
  const borel_reverse *run = check(L);
  size_t size = borel_reverse_size(run);
  luaL_Buffer buffer;
  borel_reverse_save(run, luaL_buffinitsize(L, &buffer, size));
  luaL_pushresultsize(&buffer, size);
  return 1;
}

static int reverse_load(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  borel_error error = {0};
  if (borel_reverse_load(check(L), bytes, size, &error)) return borel_lua_error(L, &error);
  return 0;
}

/* run:gather(rows): a list or array of n row numbers, from 1. */
static int reverse_gather(lua_State *L) {
  reverse_box *box = check_box(L);
  const borel_array *given = borel_lua_toarray(L, 2);
  if ((size_t)borel_shape_size(&given->shape) != box->options.rows)
    borel_lua_fail(L, "%d ancestors for %d samples", (int)borel_shape_size(&given->shape),
                   (int)box->options.rows);
  int64_t *rows = lua_newuserdatauv(L, box->options.rows * sizeof *rows, 0);
  for (size_t i = 0; i < box->options.rows; i++) {
    double row = borel_array_at(given, (int64_t)i);
    if (!(row >= 1 && row <= (double)box->options.rows))
      borel_lua_fail(L, "ancestor %d is %f", (int)i + 1, row);
    rows[i] = (int64_t)row - 1;
  }
  borel_error error = {0};
  if (borel_reverse_gather(box->run, rows, &error)) return borel_lua_error(L, &error);
  return 0;
}

/* core.reverse_normals(seed, first, n, step, use, D): [n, D], the standard normals of samples first .. at
 * (step, use), which are those that runs of this seed draw there. */
static int reverse_normals(lua_State *L) {
  lua_Integer seed = luaL_checkinteger(L, 1), first = luaL_checkinteger(L, 2), n = luaL_checkinteger(L, 3),
              step = luaL_checkinteger(L, 4), use = luaL_checkinteger(L, 5), D = luaL_checkinteger(L, 6);
  if (first < 1 || n < 1 || D < 1 || first + n > UINT32_MAX || step < 0 || use < 0 || use >= UINT16_MAX)
    borel_lua_fail(L, "reverse_normals: an argument is out of range");
  borel_array *out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){2, {n, D}});
  for (lua_Integer r = 0; r < n; r++)
    borel_reverse_normals((uint64_t)seed, (uint64_t)(first + r - 1), (uint64_t)step, (uint32_t)use, (size_t)D,
                          (double *)out->data + r * D);
  borel_lua_account(L);
  return 1;
}

void borel_lua_open_reverse(lua_State *L) {
  static const luaL_Reg solvers[] = {{"describe", solver_describe}, {"claims", solver_claims}, {NULL, NULL}};
  static const luaL_Reg plans[] = {{"about", plan_about}, {"instructions", plan_instructions}, {NULL, NULL}};
  static const luaL_Reg runs[] = {{"prior", reverse_prior},
                                  {"x", reverse_x},
                                  {"advance", reverse_advance},
                                  {"save", reverse_save},
                                  {"load", reverse_load},
                                  {"gather", reverse_gather},
                                  {NULL, NULL}};
  borel_lua_class(L, SOLVER, solvers, solver_gc);
  borel_lua_class(L, PLAN, plans, plan_gc);
  borel_lua_class(L, REVERSE, runs, reverse_gc);
  static const luaL_Reg functions[] = {{"solver", solver_new},
                                       {"plan", plan_new},
                                       {"reverse", reverse_new},
                                       {"reverse_normals", reverse_normals},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
