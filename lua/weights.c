/* SPDX-License-Identifier: MIT
 * Weights of particles, on the log scale, as a list or an array. Lists and arrays give the same bits: sums go
 * from the first particle to the last. */
#include <math.h>

#include "engine.h"
#include "values.h"

/* The log-weights at stack index 1. */
typedef struct {
  const double *array; /* NULL: a list */
  int64_t n;
} log_weights;

static log_weights check(lua_State *L) {
  const borel_array *a = borel_lua_testarray(L, 1);
  if (!a) {
    luaL_checktype(L, 1, LUA_TTABLE);
    return (log_weights){NULL, (int64_t)lua_rawlen(L, 1)};
  }
  if (a->dtype != BOREL_F64 || a->shape.rank != 1) borel_lua_fail(L, "log-weights are a vector of f64");
  return (log_weights){a->data, a->shape.extent[0]};
}

static double weight(lua_State *L, const log_weights *w, int64_t i) {
  if (w->array) return w->array[i];
  lua_rawgeti(L, 1, i + 1);
  double x = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return x;
}

/* core.log_total(log-weights): log of the sum of the weights; -inf when none has mass. */
static int log_total(lua_State *L) {
  log_weights w = check(L);
  double most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < w.n; i++) {
    double x = weight(L, &w, i);
    if (x > most) most = x;
  }
  if (most > -INFINITY)
    for (int64_t i = 0; i < w.n; i++) sum += exp(weight(L, &w, i) - most);
  lua_pushnumber(L, most > -INFINITY ? most + log(sum) : most);
  return 1;
}

/* core.normalised(log-weights, log of their sum): the weights, which then sum to 1, as they came; and the
 * effective sample size, 1 / sum of their squares. */
static int normalised(lua_State *L) {
  log_weights w = check(L);
  double total = luaL_checknumber(L, 2), squares = 0, *out = NULL;
  if (w.array)
    out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {w.n}})->data;
  else
    lua_createtable(L, w.n < 1 << 24 ? (int)w.n : 0, 0);
  for (int64_t i = 0; i < w.n; i++) {
    double p = exp(weight(L, &w, i) - total);
    squares += p * p;
    if (out) {
      out[i] = p;
    } else {
      lua_pushnumber(L, p);
      lua_rawseti(L, -2, i + 1);
    }
  }
  borel_lua_account(L);
  lua_pushnumber(L, 1 / squares);
  return 2;
}

static const borel_array *check_scores(lua_State *L, int index, int64_t n) {
  const borel_array *a = borel_lua_checkarray(L, index);
  if (a->dtype != BOREL_F64 || a->shape.rank != 1 || (n && a->shape.extent[0] != n))
    borel_lua_fail(L, "an f64 vector with a number for each particle is needed");
  return a;
}

/* core.passed(scores, log-weight, what): the scores of particles behind a factor of one log-weight each (a
 * value of all particles, or a number), and whether one of them has mass. A particle without mass stays so,
 * whatever its factor is; a factor of another that is NaN or +infinity is an error, which begins with `what`.
 */
static int passed(lua_State *L) {
  const borel_array *before = check_scores(L, 1, 0);
  const int64_t n = before->shape.extent[0];
  const borel_particles *p = borel_lua_testparticles(L, 2);
  const double number = p ? 0 : luaL_checknumber(L, 2), *s = before->data;
  if (p && (p->array.shape.rank != 1 || p->array.shape.extent[0] != n))
    borel_lua_fail(L, "%s: a log-weight for each particle is needed", luaL_checkstring(L, 3));
  const double *real = p && p->array.dtype == BOREL_F64 ? p->array.data : NULL;
  double *out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {n}})->data;
  int alive = 0;
  for (int64_t i = 0; i < n; i++) {
    if (s[i] == -INFINITY) {
      out[i] = s[i];
      continue;
    }
    double factor = real ? real[i] : p ? borel_array_at(&p->array, i) : number;
    if (isnan(factor) || factor == INFINITY)
      borel_lua_fail(L, "%s is %s, of particle %lld", luaL_checkstring(L, 3),
                     isnan(factor) ? "NaN" : "+infinity", (long long)i + 1);
    out[i] = s[i] + factor;
    alive |= out[i] > -INFINITY;
  }
  borel_lua_account(L);
  lua_pushboolean(L, alive);
  return 2;
}

/* core.weighed(log-weights, before, after): the log-weights of particles whose scores went from `before` to
 * `after`. */
static int weighed(lua_State *L) {
  const borel_array *w = check_scores(L, 1, 0);
  const int64_t n = w->shape.extent[0];
  const double *from = w->data, *before = check_scores(L, 2, n)->data, *after = check_scores(L, 3, n)->data;
  double *out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {n}})->data;
  for (int64_t i = 0; i < n; i++)
    out[i] = after[i] == -INFINITY ? -INFINITY : from[i] + (after[i] - before[i]);
  borel_lua_account(L);
  return 1;
}

void borel_lua_open_weights(lua_State *L) {
  static const luaL_Reg functions[] = {{"log_total", log_total},
                                       {"normalised", normalised},
                                       {"passed", passed},
                                       {"weighed", weighed},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
