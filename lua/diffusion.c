/* SPDX-License-Identifier: MIT
 * core.path(process, parameters), core.score(score, parameters), and predictors made of them:
 * core.predictor(score, path), core.predictor_sum, core.predictor_threshold, core.predictor_function.
 * stdlib/borel/diffusion.lua is their face. */
#include "diffusion.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "engine.h"

#define PATH "borel.path"
#define SCORE "borel.score"
#define PREDICTOR "borel.predictor"

/* ---- arguments --------------------------------------------------------------------------------- */

const borel_array *borel_lua_rows(lua_State *L, int index, size_t D, const char *what) {
  index = lua_absindex(L, index);
  borel_array *given = borel_lua_toarray(L, index);
  borel_shape shape = given->shape;
  if (shape.rank == 1) shape = (borel_shape){2, {1, shape.extent[0]}};
  char text[64];
  if (shape.rank != 2 || (D && (size_t)shape.extent[1] != D) || shape.extent[0] < 1 || shape.extent[1] < 1) {
    borel_shape_text(&given->shape, text);
    if (D) borel_lua_fail(L, "%s has shape %s, must be [rows, %d]", what, text, (int)D);
    borel_lua_fail(L, "%s has shape %s, must be [rows, dimensions]", what, text);
  }
  borel_array converted = borel_lua_convert(given, BOREL_F64);
  if (!converted.data) borel_lua_fail(L, "out of memory for %s", what);
  converted.shape = shape;
  borel_lua_pusharray(L, converted);
  lua_replace(L, index);
  return lua_touserdata(L, index);
}

const borel_level *borel_lua_levels(lua_State *L, int index, size_t *count) {
  const borel_array *levels = borel_lua_rows(L, index, 4, "levels");
  *count = (size_t)levels->shape.extent[0];
  return levels->data; /* t, lambda, ln alpha, ln sigma: a borel_level */
}

void borel_lua_push_level(lua_State *L, const borel_level *level) {
  lua_createtable(L, 0, 4);
#define FIELD(name, value) (lua_pushnumber(L, value), lua_setfield(L, -2, name))
  FIELD("t", level->t);
  FIELD("lambda", level->lambda);
  FIELD("ln_alpha", level->ln_alpha);
  FIELD("ln_sigma", level->ln_sigma);
#undef FIELD
}

borel_prediction borel_lua_prediction(lua_State *L, int index) {
  static const char *const words[] = {"data", "noise", NULL};
  return (borel_prediction)luaL_checkoption(L, index, "data", words);
}

/* An array [size] or [rows, size] of the table at `index`, pushed; nil when it is absent. */
static const double *row_option(lua_State *L, int index, const char *name, size_t rows, size_t *size,
                                size_t *stride) {
  if (!lua_istable(L, index) || lua_getfield(L, index, name) == LUA_TNIL) {
    lua_settop(L, lua_gettop(L) + !lua_istable(L, index));
    return NULL;
  }
  const borel_array *given = borel_lua_rows(L, -1, *size, name);
  if (given->shape.extent[0] != 1 && (size_t)given->shape.extent[0] != rows)
    borel_lua_fail(L, "%s has %d rows for %d samples; give one row, or one for each", name,
                   (int)given->shape.extent[0], (int)rows);
  *size = (size_t)given->shape.extent[1];
  *stride = given->shape.extent[0] == 1 ? 0 : *size;
  return given->data;
}

void borel_lua_call_options(lua_State *L, int index, size_t rows, size_t D, borel_score_call *call) {
  size_t width = D;
  call->shift = row_option(L, index, "shift", rows, &width, &call->shift_stride);
  call->condition_size = 0;
  call->condition = row_option(L, index, "condition", rows, &call->condition_size, &call->condition_stride);
  lua_Integer first = 1;
  if (lua_istable(L, index)) {
    if (lua_getfield(L, index, "first") != LUA_TNIL) first = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
  }
  if (first < 1) borel_lua_fail(L, "first is %d; samples are numbered from 1", (int)first);
  call->first = (uint64_t)first - 1;
}

/* ---- paths ------------------------------------------------------------------------------------- */

typedef struct {
  borel_process *process;
  borel_path path;
} path_box;

const borel_path *borel_lua_path(lua_State *L, int index) {
  return &((path_box *)luaL_checkudata(L, index, PATH))->path;
}

static int path_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  path_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (path_box){0};
  luaL_setmetatable(L, PATH);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, 1);
  void *made = NULL;
  if (borel_lua_create(L, 1, "process", &made, &error)) return borel_lua_error(L, &error);
  box->process = made;
  if (borel_path_open(box->process, &box->path, &error)) return borel_lua_error(L, &error);
  return 1;
}

static int path_gc(lua_State *L) {
  path_box *box = luaL_checkudata(L, 1, PATH);
  borel_process_destroy(box->process);
  box->process = NULL;
  return 0;
}

static int path_describe(lua_State *L) {
  const borel_process *process = borel_lua_path(L, 1)->process;
  borel_lua_describe(L, process->component, process->values);
  return 1;
}

/* path:about(): {least =, most =, lambda_of_least =, lambda_of_most =, degrees =, prior_scale =, shifted =,
 * indices = levels of a table, or 0} */
static int path_about(lua_State *L) {
  const borel_path *path = borel_lua_path(L, 1);
  lua_createtable(L, 0, 8);
#define FIELD(name) (lua_pushnumber(L, path->name), lua_setfield(L, -2, #name))
  FIELD(least);
  FIELD(most);
  FIELD(lambda_of_least);
  FIELD(lambda_of_most);
  FIELD(degrees);
  FIELD(prior_scale);
#undef FIELD
  lua_pushboolean(L, path->shifted);
  lua_setfield(L, -2, "shifted");
  lua_pushinteger(L, (lua_Integer)path->indices);
  lua_setfield(L, -2, "indices");
  return 1;
}

/* path:grid("time" | "lambda", values [n], clean): levels [n + 1 with clean, 4] */
static int path_grid(lua_State *L) {
  static const char *const words[] = {"time", "lambda", NULL};
  lua_settop(L, 4);
  const borel_path *path = borel_lua_path(L, 1);
  borel_grid_scale scale = luaL_checkoption(L, 2, NULL, words) ? BOREL_GRID_LAMBDA : BOREL_GRID_TIME;
  int clean = lua_toboolean(L, 4);
  size_t n = 0;
  const double *values = NULL;
  if (!lua_istable(L, 3) || lua_rawlen(L, 3) > 0) {
    const borel_array *given = borel_lua_rows(L, 3, 0, "values of a grid");
    values = given->data;
    n = (size_t)borel_shape_size(&given->shape);
  }
  borel_array *out = borel_lua_makearray(L, BOREL_F64, &(borel_shape){2, {(int64_t)n + clean, 4}});
  borel_error error = {0};
  if (borel_path_grid(path, scale, n, values, clean, out->data, &error)) return borel_lua_error(L, &error);
  borel_lua_account(L);
  return 1;
}

/* path:level("time" | "lambda", value): the level there, held to the domain, as a table. */
static int path_level(lua_State *L) {
  static const char *const words[] = {"time", "lambda", NULL};
  const borel_path *path = borel_lua_path(L, 1);
  borel_level level;
  if (luaL_checkoption(L, 2, NULL, words))
    borel_path_at_lambda(path, luaL_checknumber(L, 3), &level);
  else
    borel_path_at_time(path, luaL_checknumber(L, 3), &level);
  borel_lua_push_level(L, &level);
  return 1;
}

/* path:slopes(t): d alpha / dt, d sigma / dt */
static int path_slopes(lua_State *L) {
  double alpha, sigma;
  borel_path_slopes(borel_lua_path(L, 1), luaL_checknumber(L, 2), &alpha, &sigma);
  lua_pushnumber(L, alpha);
  lua_pushnumber(L, sigma);
  return 2;
}

/* ---- scores ------------------------------------------------------------------------------------ */

static borel_score *check_score(lua_State *L, int index) {
  return *(borel_score **)luaL_checkudata(L, index, SCORE);
}

static int score_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  borel_score **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  luaL_setmetatable(L, SCORE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, 1);
  void *made = NULL;
  if (borel_lua_create(L, 1, "score", &made, &error)) return borel_lua_error(L, &error);
  *box = made;
  return 1;
}

static int score_gc(lua_State *L) {
  borel_score **box = luaL_checkudata(L, 1, SCORE);
  borel_score_destroy(*box);
  *box = NULL;
  return 0;
}

/* score:describe(): what borel_lua_describe says, dimension, predicts = "data" | ... | "custom" */
static int score_describe(lua_State *L) {
  static const char *const words[] = {"data", "noise", "score", "v", "velocity", "custom"};
  const borel_score *score = check_score(L, 1);
  borel_lua_describe(L, score->component, score->values);
  borel_parametrisation native = score->ops->parametrisation(score->self);
  lua_pushstring(L, words[native < BOREL_NATIVE_CUSTOM ? native : BOREL_NATIVE_CUSTOM]);
  lua_setfield(L, -2, "predicts");
  lua_pushinteger(L, (lua_Integer)score->ops->dimension(score->self));
  lua_setfield(L, -2, "dimension");
  return 1;
}

/* The array [rows, width] at `index`. */
static const double *like(lua_State *L, int index, const char *name, size_t rows, size_t width) {
  const borel_array *given = borel_lua_rows(L, index, width, name);
  if ((size_t)given->shape.extent[0] != rows)
    borel_lua_fail(L, "%s has %d rows for %d samples", name, (int)given->shape.extent[0], (int)rows);
  return given->data;
}

enum { LOGDENSITY, JVP, VJP, DIAGONAL };

/* score:logdensity(x, levels, nil, options), :jvp(x, levels, dx, options) with options.dlevel [rows, 2] (of
 * ln alpha and ln sigma), :vjp(x, levels, dx, options), :diagonal(x, levels, nil, options): of the native
 * answer at x, which has the shift. Levels are one, or one for each row. */
static int score_op(lua_State *L, int which) {
  lua_settop(L, 5);
  const borel_score *score = check_score(L, 1);
  const borel_score_ops *ops = score->ops;
  static const char *const names[] = {"logdensity", "jvp", "vjp", "diagonal"};
  const int has[] = {ops->logdensity != NULL, ops->jvp != NULL, ops->vjp != NULL, ops->diagonal != NULL};
  if (!has[which]) borel_lua_fail(L, "%s has no %s", score->component->name, names[which]);
  const borel_array *x = borel_lua_rows(L, 2, ops->dimension(score->self), "x");
  size_t rows = (size_t)x->shape.extent[0], D = (size_t)x->shape.extent[1], levels;
  borel_score_call call = {.size = sizeof call, .rows = rows, .D = D, .step = -1};
  call.levels = borel_lua_levels(L, 3, &levels);
  call.level_stride = levels > 1;
  if (levels != 1 && levels != rows) borel_lua_fail(L, "%d levels for %d rows", (int)levels, (int)rows);
  borel_lua_call_options(L, 5, rows, D, &call);
  const double *direction = which == JVP || which == VJP ? like(L, 4, "dx", rows, D) : NULL;
  const double *dlevel = NULL;
  if (which == JVP && lua_istable(L, 5) && lua_getfield(L, 5, "dlevel") != LUA_TNIL)
    dlevel = like(L, -1, "dlevel", rows, 2);
  borel_array *out =
      borel_lua_makeroom(L, BOREL_F64, which == LOGDENSITY ? &(borel_shape){1, {(int64_t)rows}} : &x->shape);
  borel_block *block = NULL;
  borel_error error = {0};
  borel_dims dims = {.N = rows, .D = D, .values = score->values};
  borel_status status = borel_block_create(ops->scratch, &dims, &block, &error);
  if (!status && which == LOGDENSITY)
    status = ops->logdensity(score->self, block->data, &call, x->data, out->data, &error);
  else if (!status && which == JVP)
    status = ops->jvp(score->self, block->data, &call, x->data, direction, dlevel, out->data, &error);
  else if (!status && which == VJP)
    status = ops->vjp(score->self, block->data, &call, x->data, direction, out->data, &error);
  else if (!status)
    status = ops->diagonal(score->self, block->data, &call, x->data, out->data, &error);
  borel_block_destroy(block);
  if (status) return borel_lua_error(L, &error);
  borel_lua_account(L);
  return 1;
}

static int score_logdensity(lua_State *L) { return score_op(L, LOGDENSITY); }
static int score_jvp(lua_State *L) { return score_op(L, JVP); }
static int score_vjp(lua_State *L) { return score_op(L, VJP); }
static int score_diagonal(lua_State *L) { return score_op(L, DIAGONAL); }

/* ---- predictors -------------------------------------------------------------------------------- */

borel_predictor *borel_lua_predictor(lua_State *L, int index) {
  return *(borel_predictor **)luaL_checkudata(L, index, PREDICTOR);
}

/* Pushes an empty predictor that keeps the value at `index` alive. */
static borel_predictor **push_predictor(lua_State *L, int index) {
  borel_predictor **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  luaL_setmetatable(L, PREDICTOR);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, 1);
  return box;
}

static int predictor_gc(lua_State *L) {
  borel_predictor **box = luaL_checkudata(L, 1, PREDICTOR);
  borel_predictor_destroy(*box);
  *box = NULL;
  return 0;
}

/* core.predictor(score, path) */
static int predictor_new(lua_State *L) {
  lua_settop(L, 2);
  const borel_score *score = check_score(L, 1);
  const borel_path *path = borel_lua_path(L, 2);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, 3, 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, 3, 2);
  borel_error error = {0};
  if (borel_predictor_score(score, path, push_predictor(L, 3), &error)) return borel_lua_error(L, &error);
  return 1;
}

typedef borel_status (*combiner)(size_t, borel_predictor *const *, const double *, borel_predictor **,
                                 borel_error *);

/* Of {predictor, ...} and {weight, ...}. */
static int combined(lua_State *L, combiner combine) {
  lua_settop(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t n = lua_rawlen(L, 1);
  if (n != lua_rawlen(L, 2))
    borel_lua_fail(L, "a sum of %d scores has %d weights", (int)n, (int)lua_rawlen(L, 2));
  borel_predictor **parts = lua_newuserdatauv(L, (n + 1) * sizeof *parts, 0);
  double *weights = lua_newuserdatauv(L, (n + 1) * sizeof *weights, 0);
  for (size_t j = 0; j < n; j++) {
    lua_rawgeti(L, 1, (lua_Integer)j + 1);
    parts[j] = borel_lua_predictor(L, -1);
    lua_rawgeti(L, 2, (lua_Integer)j + 1);
    weights[j] = luaL_checknumber(L, -1);
    lua_pop(L, 2);
  }
  borel_error error = {0};
  if (combine(n, parts, weights, push_predictor(L, 1), &error)) return borel_lua_error(L, &error);
  return 1;
}

/* core.predictor_sum({predictor, ...}, {weight, ...}), core.predictor_mixture({predictor, ...}, {weight,
 * ...}) */
static int predictor_sum(lua_State *L) { return combined(L, borel_predictor_sum); }
static int predictor_mixture(lua_State *L) { return combined(L, borel_predictor_mixture); }

/* core.predictor_threshold(predictor, limit, quantile) */
static int predictor_threshold(lua_State *L) {
  lua_settop(L, 3);
  borel_predictor *inner = borel_lua_predictor(L, 1);
  double limit = luaL_checknumber(L, 2), quantile = luaL_optnumber(L, 3, 0);
  borel_error error = {0};
  if (borel_predictor_threshold(inner, limit, quantile, push_predictor(L, 1), &error))
    return borel_lua_error(L, &error);
  return 1;
}

/* ---- a predictor in Lua ------------------------------------------------------------------------ */

typedef struct {
  borel_predictor base;
  lua_State **state; /* where functions run now */
  int reference;     /* of the function, in the registry */
  borel_parametrisation native;
  const borel_path *path;
} scripted;

static const char state_key = 0;

static lua_State **state_of(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    lua_State **made = lua_newuserdatauv(L, sizeof *made, 0);
    *made = L;
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  }
  lua_State **state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

void borel_lua_predictors_enter(lua_State *L) { *state_of(L) = L; }

typedef struct {
  const scripted *p;
  const borel_score_call *call;
  const double *x;
  double *out;
} question;

static void push_rows(lua_State *L, const double *from, size_t rows, size_t width) {
  borel_array *array = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){2, {(int64_t)rows, (int64_t)width}});
  memcpy(array->data, from, rows * width * sizeof *from);
}

/* fn(x, levels, { shift =, condition =, first =, step = }): the native answer [rows, D]. Protected. */
static int answer(lua_State *L) {
  const question *q = lua_touserdata(L, 1);
  const borel_score_call *call = q->call;
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->p->reference);
  push_rows(L, q->x, call->rows, call->D);
  push_rows(L, (const double *)call->levels, call->level_stride ? call->rows : 1, 4);
  lua_createtable(L, 0, 4);
  if (call->shift) {
    push_rows(L, call->shift, call->shift_stride ? call->rows : 1, call->D);
    lua_setfield(L, -2, "shift");
  }
  if (call->condition) {
    push_rows(L, call->condition, call->condition_stride ? call->rows : 1, call->condition_size);
    lua_setfield(L, -2, "condition");
  }
  lua_pushinteger(L, (lua_Integer)call->first + 1);
  lua_setfield(L, -2, "first");
  lua_pushinteger(L, call->step + 1);
  lua_setfield(L, -2, "step");
  lua_call(L, 3, 1);
  const borel_array *given = borel_lua_rows(L, -1, call->D, "the prediction of a function");
  if ((size_t)given->shape.extent[0] != call->rows)
    borel_lua_fail(L, "a function predicts %d rows for %d samples", (int)given->shape.extent[0],
                   (int)call->rows);
  memcpy(q->out, given->data, call->rows * call->D * sizeof *q->out);
  return 0;
}

static void *scripted_open(const borel_predictor *p, size_t rows, size_t D, borel_error *error) {
  (void)rows, (void)D, (void)error;
  return (void *)(uintptr_t)p; /* there is nothing to keep */
}

static void scripted_close(const borel_predictor *p, void *room) { (void)p, (void)room; }

static borel_status scripted_predict(const borel_predictor *given, void *room, const borel_score_call *call,
                                     const double *x, borel_prediction what, double *out,
                                     borel_error *error) {
  (void)room;
  const scripted *p = (const scripted *)given;
  lua_State *L = *p->state;
  question q = {p, call, x, out};
  lua_pushcfunction(L, answer);
  lua_pushlightuserdata(L, &q);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    borel_fail(error, BOREL_ARG, "%s", luaL_tolstring(L, -1, NULL));
    lua_pop(L, 2);
    return error->code;
  }
  return borel_predictor_from_native("a score in Lua", p->path, p->native, call, x, what, out, error);
}

static void scripted_destroy(borel_predictor *given) {
  scripted *p = (scripted *)given;
  luaL_unref(*p->state, LUA_REGISTRYINDEX, p->reference);
  free(p);
}

/* core.predictor_function(fn, path, "data" | "noise" | "score" | "v" | "velocity", D (0: any), calls) */
static int predictor_function(lua_State *L) {
  static const borel_predictor_ops ops = {scripted_open, scripted_close, scripted_predict, scripted_destroy,
                                          NULL};
  static const char *const words[] = {"data", "noise", "score", "v", "velocity", NULL};
  lua_settop(L, 5);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  const borel_path *path = borel_lua_path(L, 2);
  borel_parametrisation native = (borel_parametrisation)luaL_checkoption(L, 3, "data", words);
  lua_Integer D = luaL_optinteger(L, 4, 0), calls = luaL_optinteger(L, 5, 1);
  if (D < 0 || calls < 0) borel_lua_fail(L, "a dimension and a number of calls are not negative");
  lua_State **state = state_of(L);
  lua_createtable(L, 2, 0); /* what lives as long as the predictor */
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 2);
  borel_predictor **box = push_predictor(L, lua_gettop(L));
  scripted *made = calloc(1, sizeof *made);
  if (!made) borel_lua_fail(L, "out of memory for a predictor");
  *box = &made->base;
  made->base.ops = &ops;
  made->base.D = (size_t)D;
  made->base.calls = (size_t)calls;
  made->base.serial = 1;
  made->state = state;
  made->native = native;
  made->path = path;
  lua_pushvalue(L, 1);
  made->reference = luaL_ref(L, LUA_REGISTRYINDEX);
  return 1;
}

/* An answer of the predictor at 1: what(x [rows, D] at 2, levels at 3, options at 5). */
static int ask(lua_State *L, int density, borel_prediction what) {
  borel_predictor *p = borel_lua_predictor(L, 1);
  const borel_array *x = borel_lua_rows(L, 2, p->D, "x");
  size_t rows = (size_t)x->shape.extent[0], D = (size_t)x->shape.extent[1], levels;
  borel_score_call call = {.size = sizeof call, .rows = rows, .D = D, .step = -1};
  call.levels = borel_lua_levels(L, 3, &levels);
  call.level_stride = levels > 1;
  if (levels != 1 && levels != rows) borel_lua_fail(L, "%d levels for %d rows", (int)levels, (int)rows);
  borel_lua_call_options(L, 5, rows, D, &call);
  borel_array *out =
      borel_lua_makeroom(L, BOREL_F64, density ? &(borel_shape){1, {(int64_t)rows}} : &x->shape);
  borel_error error = {0};
  borel_lua_predictors_enter(L);
  void *room = p->ops->open(p, rows, D, &error);
  borel_status status = error.code;
  if (room && density)
    status = p->ops->logdensity(p, room, &call, x->data, out->data, &error);
  else if (room)
    status = p->ops->predict(p, room, &call, x->data, what, out->data, &error);
  if (room) p->ops->close(p, room);
  if (status) return borel_lua_error(L, &error);
  borel_lua_account(L);
  return 1;
}

/* predictor:predict(x, levels, "data" | "noise", { shift =, condition =, first = }): x less the shift [rows,
 * D]; levels are one, or one for each row. */
static int predictor_predict(lua_State *L) {
  lua_settop(L, 5);
  return ask(L, 0, borel_lua_prediction(L, 4));
}

/* predictor:logdensity(x, levels, { shift =, ... }): [rows] */
static int predictor_logdensity(lua_State *L) {
  lua_settop(L, 4);
  lua_pushnil(L);
  lua_insert(L, 4);
  if (!borel_lua_predictor(L, 1)->ops->logdensity) borel_lua_fail(L, "this score has no log-density");
  return ask(L, 1, BOREL_PREDICT_DATA);
}

/* predictor:about(): {D =, calls =, serial =, density = does it have logdensity?} */
static int predictor_about(lua_State *L) {
  const borel_predictor *p = borel_lua_predictor(L, 1);
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)p->D);
  lua_setfield(L, -2, "D");
  lua_pushinteger(L, (lua_Integer)p->calls);
  lua_setfield(L, -2, "calls");
  lua_pushboolean(L, p->serial);
  lua_setfield(L, -2, "serial");
  lua_pushboolean(L, p->ops->logdensity != NULL);
  lua_setfield(L, -2, "density");
  return 1;
}

void borel_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction collect) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void borel_lua_open_diffusion(lua_State *L) {
  static const luaL_Reg paths[] = {{"describe", path_describe}, {"about", path_about}, {"grid", path_grid},
                                   {"slopes", path_slopes},     {"level", path_level}, {NULL, NULL}};
  static const luaL_Reg scores[] = {{"describe", score_describe}, {"logdensity", score_logdensity},
                                    {"jvp", score_jvp},           {"vjp", score_vjp},
                                    {"diagonal", score_diagonal}, {NULL, NULL}};
  static const luaL_Reg predictors[] = {{"predict", predictor_predict},
                                        {"logdensity", predictor_logdensity},
                                        {"about", predictor_about},
                                        {NULL, NULL}};
  borel_lua_class(L, PATH, paths, path_gc);
  borel_lua_class(L, SCORE, scores, score_gc);
  borel_lua_class(L, PREDICTOR, predictors, predictor_gc);
  static const luaL_Reg functions[] = {{"path", path_new},
                                       {"score", score_new},
                                       {"predictor", predictor_new},
                                       {"predictor_sum", predictor_sum},
                                       {"predictor_mixture", predictor_mixture},
                                       {"predictor_threshold", predictor_threshold},
                                       {"predictor_function", predictor_function},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
