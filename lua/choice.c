/* SPDX-License-Identifier: MIT
 * Sources of randomness for programs that run in Lua: core.philox(key, lane, index, site) draws,
 * core.enumerate(budget) goes through every outcome, core.tape() remembers what another source answered. */
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "engine.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/source_record.h"
#include "random/source_replay.h"
#include "random/stream.h"
#include "scripted.h"
#include "values.h"

#define CHOICE "borel.choice"
#define TAPE "borel.tape"
#define UNIF "borel.unif"

typedef struct {
  borel_rng *rng; /* one of the two below */
  borel_error error;
  int enumerating, exhausted, borrowed;
  const borel_error *taped; /* of the tape it belongs to */
  borel_philox_rng philox;
  borel_enumeration enumeration;
} choice;

/* The source at `index`, which must be able to answer. */
static choice *check_at(lua_State *L, int index) {
  choice *c = luaL_checkudata(L, index, CHOICE);
  if (!c->rng) borel_lua_fail(L, "the source of a component draws only while its function runs");
  if (c->exhausted)
    borel_lua_fail(L, "every path of the enumeration has been taken: there is nothing to choose");
  return c;
}

static choice *check(lua_State *L) { return check_at(L, 1); }

borel_rng *borel_lua_rng(lua_State *L, int index) {
  if (!luaL_testudata(L, index, CHOICE))
    borel_lua_fail(L, "a source of randomness is needed, got a %s", borel_lua_typename(L, index));
  return check_at(L, index)->rng;
}

/* Raises when the source has failed; a borrowed one is looked at by its owner. */
static int done(lua_State *L, choice *c, int results) {
  return c->rng->status && !c->borrowed ? borel_lua_error(L, c->taped ? c->taped : &c->error) : results;
}

static choice *push(lua_State *L) {
  choice *c = lua_newuserdatauv(L, sizeof *c, 1); /* what it leans on */
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

/* source:seat(key, lane, index): the start of another cell; returns the source. */
static int choice_seat(lua_State *L) {
  choice *c = check(L);
  luaL_argcheck(L, c->rng == &c->philox.rng, 1, "only a source made by philox has cells");
  borel_philox_open(&c->philox, (uint64_t)luaL_checkinteger(L, 2), (uint32_t)luaL_checkinteger(L, 3),
                    (uint64_t)luaL_checkinteger(L, 4), 0, &c->error);
  lua_settop(L, 1);
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
  choice *c = luaL_checkudata(L, 1, CHOICE);
  if (c->enumerating) borel_enumerate_end(&c->enumeration);
  c->enumerating = 0;
  return 0;
}

/* source:next(): starts the next path; false when all are done. */
static int choice_next(lua_State *L) {
  choice *c = check(L);
  luaL_argcheck(L, c->enumerating, 1, "only an enumerating source has paths");
  c->exhausted = !borel_enumerate_next(&c->enumeration);
  lua_pushboolean(L, !c->exhausted);
  return done(L, c, 1);
}

static int choice_probability(lua_State *L) {
  choice *c = check(L);
  luaL_argcheck(L, c->enumerating, 1, "only an enumerating source has probabilities");
  lua_pushnumber(L, borel_enumerate_probability(&c->enumeration));
  return 1;
}

/* source:uniform(), or source:uniform(n): an array of n */
static int draw(lua_State *L, double (*one)(borel_rng *),
                void (*fill)(borel_rng *, double *, size_t, size_t)) {
  choice *c = check(L);
  if (lua_isnoneornil(L, 2)) {
    lua_pushnumber(L, one(c->rng));
    return done(L, c, 1);
  }
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 0 && n < (lua_Integer)1 << 40, 2, "a number of draws");
  borel_array *a = borel_lua_newarray(L);
  *a = borel_array_new(BOREL_F64, &(borel_shape){1, {n}});
  if (!a->data) borel_lua_fail(L, "out of memory for %lld draws", (long long)n);
  if (n) fill(c->rng, a->data, 1, (size_t)n);
  borel_lua_account(L);
  return done(L, c, 1);
}

static int choice_uniform(lua_State *L) {
  const borel_rng_ops *ops = check(L)->rng->ops;
  return draw(L, ops->uniform, ops->fill_uniform);
}

static int choice_normal(lua_State *L) {
  const borel_rng_ops *ops = check(L)->rng->ops;
  return draw(L, ops->normal, ops->fill_normal);
}

/* source:unif(): a uniform number on [0, 1) that is only compared: u:below(cut). An enumerating source goes
 * through the outcomes of the comparisons. */
static int choice_unif(lua_State *L) {
  choice *c = check(L);
  borel_unif *u = lua_newuserdatauv(L, sizeof *u, 1);
  *u = c->rng->ops->unif(c->rng);
  luaL_setmetatable(L, UNIF);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return done(L, c, 1);
}

static int unif_below(lua_State *L) {
  borel_unif *u = luaL_checkudata(L, 1, UNIF);
  double cut = luaL_checknumber(L, 2);
  lua_getiuservalue(L, 1, 1);
  choice *c = check_at(L, -1);
  lua_pushboolean(L, c->rng->ops->unif_lt(c->rng, u, cut));
  return done(L, c, 1);
}

static int choice_exponential(lua_State *L) {
  choice *c = check(L);
  lua_pushnumber(L, c->rng->ops->exponential(c->rng));
  return done(L, c, 1);
}

/* source:accept(log_ratio): true with probability min(1, exp(log_ratio)) */
static int choice_accept(lua_State *L) {
  choice *c = check(L);
  lua_pushboolean(L, c->rng->ops->accept(c->rng, luaL_checknumber(L, 2)));
  return done(L, c, 1);
}

/* source:direction(): -1 or 1 */
static int choice_direction(lua_State *L) {
  choice *c = check(L);
  lua_pushinteger(L, c->rng->ops->direction(c->rng));
  return done(L, c, 1);
}

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

/* Weights, a list or an array, on the stack; *n of them. */
static const double *weights(lua_State *L, size_t *n) {
  const borel_array *a = borel_lua_testarray(L, 2);
  if (!a) luaL_checktype(L, 2, LUA_TTABLE);
  *n = a ? (size_t)borel_shape_size(&a->shape) : lua_rawlen(L, 2);
  luaL_argcheck(L, *n > 0, 2, "a list of weights");
  double *p = lua_newuserdatauv(L, *n * sizeof *p, 0);
  for (size_t i = 0; i < *n; i++) {
    if (a) {
      p[i] = borel_array_at(a, (int64_t)i);
      continue;
    }
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    p[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return p;
}

/* source:categorical(p): 1 .. n */
static int choice_categorical(lua_State *L) {
  choice *c = check(L);
  size_t n;
  const double *p = weights(L, &n);
  lua_pushinteger(L, (lua_Integer)c->rng->ops->categorical(c->rng, p, n) + 1);
  return done(L, c, 1);
}

/* source:categorical_log(log weights): 1 .. n */
static int choice_categorical_log(lua_State *L) {
  choice *c = check(L);
  size_t n;
  const double *p = weights(L, &n);
  lua_pushinteger(L, (lua_Integer)c->rng->ops->categorical_log(c->rng, p, n) + 1);
  return done(L, c, 1);
}

borel_rng **borel_lua_push_source(lua_State *L) {
  choice *c = push(L);
  c->borrowed = 1;
  return &c->rng;
}

/* ---- tapes ------------------------------------------------------------------------------------ */

/* The choices that a program has made, to be made again: `heard` are answered as before, whatever comes after
 * them is answered by another source and goes to `all`. */
typedef struct {
  borel_trace heard, all;
  borel_replay_rng replay;
  borel_record_rng record;
  borel_error error;
} tape;

enum { TAPE_FIELDS = 5 };

/* tape:pack(count): the first choices, an i64 array [count, 5] of law, parameters, arity, bits of the value,
 * decision */
static int tape_pack(lua_State *L) {
  const tape *t = luaL_checkudata(L, 1, TAPE);
  lua_Integer count = luaL_checkinteger(L, 2);
  luaL_argcheck(L, count >= 0 && (size_t)count <= t->all.count, 2, "more choices than are on the tape");
  borel_array *packed = borel_lua_makearray(L, BOREL_I64, &(borel_shape){2, {count, TAPE_FIELDS}});
  int64_t *to = packed->data;
  for (lua_Integer i = 0; i < count; i++, to += TAPE_FIELDS) {
    const borel_choice *c = &t->all.choices[i];
    to[0] = c->law;
    to[1] = (int64_t)c->parameters;
    to[2] = (int64_t)c->arity;
    memcpy(&to[3], &c->value, sizeof to[3]);
    to[4] = c->decision;
  }
  return 1;
}

/* Puts choices that were packed on an empty tape. */
static void unpack(lua_State *L, tape *t, const borel_array *packed) {
  luaL_argcheck(
      L, packed->dtype == BOREL_I64 && packed->shape.rank == 2 && packed->shape.extent[1] == TAPE_FIELDS, 1,
      "the choices of a tape");
  const int64_t *from = packed->data;
  for (int64_t i = 0; i < packed->shape.extent[0]; i++, from += TAPE_FIELDS) {
    borel_choice c = {.law = (borel_law)from[0],
                      .parameters = (uint64_t)from[1],
                      .arity = (uint64_t)from[2],
                      .decision = from[4]};
    memcpy(&c.value, &from[3], sizeof c.value);
    if (!borel_trace_append(&t->heard, &c) || !borel_trace_append(&t->all, &c))
      borel_lua_fail(L, "out of memory for a tape");
  }
}

/* core.tape([tape, count]): an empty tape, or one on which the first `count` choices of another are heard, or
 * those of tape:pack. */
static int tape_new(lua_State *L) {
  const borel_array *packed = borel_lua_testarray(L, 1);
  if (packed) {
    tape *t = lua_newuserdatauv(L, sizeof *t, 2);
    *t = (tape){0};
    luaL_setmetatable(L, TAPE);
    unpack(L, t, packed);
    return 1;
  }
  const tape *old = lua_isnoneornil(L, 1) ? NULL : luaL_checkudata(L, 1, TAPE);
  lua_Integer count = luaL_optinteger(L, 2, old ? (lua_Integer)old->all.count : 0);
  luaL_argcheck(L, count >= 0 && (size_t)count <= (old ? old->all.count : 0), 2,
                "more choices than are on the tape");
  tape *t = lua_newuserdatauv(L, sizeof *t, 2); /* the source that it is, the one behind */
  *t = (tape){0};
  luaL_setmetatable(L, TAPE);
  for (lua_Integer i = 0; i < count; i++)
    if (!borel_trace_append(&t->heard, &old->all.choices[i]) ||
        !borel_trace_append(&t->all, &old->all.choices[i]))
      borel_lua_fail(L, "out of memory for a tape of %lld choices", (long long)count);
  return 1;
}

static int tape_gc(lua_State *L) {
  tape *t = luaL_checkudata(L, 1, TAPE);
  borel_trace_free(&t->heard);
  borel_trace_free(&t->all);
  return 0;
}

/* tape:over(source): what is on the tape, then what `source` answers; one source at a time, which may change.
 */
static int tape_over(lua_State *L) {
  tape *t = luaL_checkudata(L, 1, TAPE);
  choice *source = luaL_checkudata(L, 2, CHOICE);
  luaL_argcheck(L, !source->exhausted, 2, "every path of this enumeration has been taken");
  if (lua_getiuservalue(L, 1, 1) == LUA_TNIL) {
    borel_record_open(&t->record, source->rng, &t->all, &t->error);
    borel_replay_open_trace(&t->replay, &t->heard, &t->record.rng, &t->error);
    choice *c = push(L);
    c->rng = &t->replay.rng;
    c->taped = &t->error;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, 1);
  }
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 1, 2);
  t->record.source = source->rng;
  return 1;
}

/* tape:answers(count): the first choices as bytes, equal for equal answers. */
static int tape_answers(lua_State *L) {
  tape *t = luaL_checkudata(L, 1, TAPE);
  lua_Integer count = luaL_checkinteger(L, 2);
  luaL_argcheck(L, count >= 0 && (size_t)count <= t->all.count, 2, "more choices than are on the tape");
  luaL_Buffer bytes;
  luaL_buffinit(L, &bytes);
  for (lua_Integer i = 0; i < count; i++) {
    luaL_addlstring(&bytes, (const char *)&t->all.choices[i].value, sizeof(double));
    luaL_addlstring(&bytes, (const char *)&t->all.choices[i].decision, sizeof(int64_t));
  }
  luaL_pushresult(&bytes);
  return 1;
}

static int tape_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)((tape *)luaL_checkudata(L, 1, TAPE))->all.count);
  return 1;
}

/* core.stream_key(seed, role, ...): the key below the root of a run. */
static int stream_key(lua_State *L) {
  uint64_t key = borel_stream_root((uint64_t)luaL_checkinteger(L, 1));
  for (int i = 2; i <= lua_gettop(L); i++) key = borel_stream_child(key, luaL_checkstring(L, i));
  lua_pushinteger(L, (lua_Integer)key);
  return 1;
}

/* core.stream_child(key, role or number, ...): a key below another. */
static int stream_child(lua_State *L) {
  uint64_t key = (uint64_t)luaL_checkinteger(L, 1);
  for (int i = 2; i <= lua_gettop(L); i++)
    key = lua_isinteger(L, i) ? borel_stream_child_id(key, (uint64_t)lua_tointeger(L, i))
                              : borel_stream_child(key, luaL_checkstring(L, i));
  lua_pushinteger(L, (lua_Integer)key);
  return 1;
}

void borel_lua_open_choice(lua_State *L) {
  static const luaL_Reg methods[] = {{"next", choice_next},
                                     {"probability", choice_probability},
                                     {"seat", choice_seat},
                                     {"accept", choice_accept},
                                     {"direction", choice_direction},
                                     {"categorical_log", choice_categorical_log},
                                     {"unif", choice_unif},
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
  static const luaL_Reg of_tapes[] = {
      {"over", tape_over}, {"answers", tape_answers}, {"pack", tape_pack}, {NULL, NULL}};
  luaL_newmetatable(L, TAPE);
  luaL_newlib(L, of_tapes);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, tape_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, tape_len);
  lua_setfield(L, -2, "__len");
  lua_pop(L, 1);
  static const luaL_Reg comparisons[] = {{"below", unif_below}, {NULL, NULL}};
  luaL_newmetatable(L, UNIF);
  luaL_newlib(L, comparisons);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {
      {"philox", philox_new},     {"enumerate", enumerate_new},   {"tape", tape_new},
      {"stream_key", stream_key}, {"stream_child", stream_child}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
