/* SPDX-License-Identifier: MIT
 * The source that draws for all particles at once: core.lanes(key, index) answers, for each row of the
 * lineage that is entered, what core.philox(key, row, index) would have answered to that particle alone, bit
 * for bit. */
#include <math.h>

#include "core/error.h"
#include "engine.h"
#include "random/laws.h"
#include "random/source.h"
#include "random/source_philox.h"
#include "values.h"

#define LANES "borel.lanes"

typedef struct {
  borel_philox_rng common; /* all lanes stand where it does ... */
  borel_philox_rng *each;  /* ... until they took different numbers of uniforms: then each has its own */
  int64_t rows;
  borel_lineage *lineage;
  borel_error error;
} lanes;

static int lanes_new(lua_State *L) {
  borel_lineage *lineage = borel_lua_state(L)->lineage;
  if (!lineage) borel_lua_fail(L, "core.lanes: no population is entered");
  uint64_t key = (uint64_t)luaL_checkinteger(L, 1), index = (uint64_t)luaL_checkinteger(L, 2);
  lanes *l = lua_newuserdatauv(L, sizeof *l, 1); /* `each` */
  *l = (lanes){.rows = borel_lineage_rows(lineage), .lineage = lineage};
  luaL_setmetatable(L, LANES);
  borel_philox_open(&l->common, key, 0, index, 0, &l->error);
  return l->common.rng.status ? borel_lua_error(L, &l->error) : 1;
}

static lanes *check(lua_State *L) {
  lanes *l = luaL_checkudata(L, 1, LANES);
  if (borel_lua_state(L)->lineage != l->lineage)
    borel_lua_fail(L, "core.lanes: another population has been entered since");
  return l;
}

static void apart(lua_State *L, lanes *l) {
  if (l->each) return;
  l->each = lua_newuserdatauv(L, (size_t)l->rows * sizeof *l->each, 0);
  for (int64_t i = 0; i < l->rows; i++) {
    l->each[i] = l->common;
    l->each[i].cell.lane = (uint32_t)i;
  }
  lua_setiuservalue(L, 1, 1);
}

static int done(lua_State *L, lanes *l) {
  if (l->error.code) borel_lua_error(L, &l->error);
  borel_lua_account(L);
  borel_lua_as_particles(L, l->lineage);
  return 1;
}

/* ---- uniforms and normals --------------------------------------------------------------------- */

/* lanes:uniform(), lanes:normal(): a number for each; with n, a vector [n] for each. */
static int numbers(lua_State *L, double (*one)(borel_rng *),
                   void (*fill)(borel_rng *, double *, size_t, size_t)) {
  lanes *l = check(L);
  const int scalar = lua_isnoneornil(L, 2);
  lua_Integer n = scalar ? 1 : luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 1 && n < (lua_Integer)1 << 40, 2, "a number of draws");
  borel_shape shape = {scalar ? 1 : 2, {l->rows, n}};
  double *out = borel_lua_makeroom(L, BOREL_F64, &shape)->data;
  if (!l->each)
    fill(&l->common.rng, out, (size_t)l->rows, (size_t)n);
  else
    for (int64_t i = 0; i < l->rows; i++)
      for (lua_Integer k = 0; k < n; k++) *out++ = one(&l->each[i].rng);
  return done(L, l);
}

static int uniform(lua_State *L) {
  const borel_rng_ops *ops = check(L)->common.rng.ops;
  return numbers(L, ops->uniform, ops->fill_uniform);
}

static int normal(lua_State *L) {
  const borel_rng_ops *ops = check(L)->common.rng.ops;
  return numbers(L, ops->normal, ops->fill_normal);
}

/* ---- parameters --------------------------------------------------------------------------------- */

/* A number that each particle has of its own, or all have. */
typedef struct {
  const borel_array *array; /* NULL: `number` */
  double number;
} parameter;

static parameter parameter_at(lua_State *L, int index) {
  const borel_particles *p = borel_lua_testparticles(L, index);
  if (!p) return (parameter){NULL, luaL_checknumber(L, index)};
  if (p->array.shape.rank != 1) borel_lua_fail(L, "a number for each particle is needed, not an array");
  return (parameter){&p->array, 0};
}

static double of(const parameter *p, int64_t i) { return p->array ? borel_array_at(p->array, i) : p->number; }

/* ---- laws of one uniform ------------------------------------------------------------------------ */

/* A source whose next uniform is given. */
typedef struct {
  borel_rng rng;
  double u;
} given;

static double given_uniform(borel_rng *rng) { return ((given *)rng)->u; }
static const borel_rng_ops given_ops = {.size = sizeof given_ops, .uniform = given_uniform};

/* Pushes an array [rows] of the next uniforms. */
static double *next_uniforms(lua_State *L, lanes *l) {
  double *u = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {l->rows}})->data;
  if (!l->each)
    l->common.rng.ops->fill_uniform(&l->common.rng, u, (size_t)l->rows, 1);
  else
    for (int64_t i = 0; i < l->rows; i++) u[i] = l->each[i].rng.ops->uniform(&l->each[i].rng);
  return u;
}

static int bernoulli(lua_State *L) {
  lanes *l = check(L);
  parameter p = parameter_at(L, 2);
  given g;
  borel_source_open(&g.rng, &given_ops, &l->error);
  const double *u = next_uniforms(L, l);
  int64_t *out = borel_lua_makeroom(L, BOREL_I64, &(borel_shape){1, {l->rows}})->data;
  for (int64_t i = 0; i < l->rows; i++) {
    g.u = u[i];
    out[i] = borel_law_bernoulli(&g.rng, of(&p, i));
  }
  return done(L, l);
}

static int exponential(lua_State *L) {
  lanes *l = check(L);
  given g;
  borel_source_open(&g.rng, &given_ops, &l->error);
  double *u = next_uniforms(L, l);
  for (int64_t i = 0; i < l->rows; i++) {
    g.u = u[i];
    u[i] = borel_law_exponential(&g.rng);
  }
  return done(L, l);
}

/* ---- laws of any number of uniforms ------------------------------------------------------------- */

static int gamma_of(lua_State *L) {
  lanes *l = check(L);
  parameter a = parameter_at(L, 2);
  apart(L, l);
  double *out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {l->rows}})->data;
  for (int64_t i = 0; i < l->rows; i++) out[i] = borel_law_gamma(&l->each[i].rng, of(&a, i));
  return done(L, l);
}

static int beta_of(lua_State *L) {
  lanes *l = check(L);
  parameter a = parameter_at(L, 2), b = parameter_at(L, 3);
  apart(L, l);
  double *out = borel_lua_makeroom(L, BOREL_F64, &(borel_shape){1, {l->rows}})->data;
  for (int64_t i = 0; i < l->rows; i++) out[i] = borel_law_beta(&l->each[i].rng, of(&a, i), of(&b, i));
  return done(L, l);
}

static int poisson(lua_State *L) {
  lanes *l = check(L);
  parameter mean = parameter_at(L, 2);
  apart(L, l);
  int64_t *out = borel_lua_makeroom(L, BOREL_I64, &(borel_shape){1, {l->rows}})->data;
  for (int64_t i = 0; i < l->rows; i++) out[i] = (int64_t)borel_law_poisson(&l->each[i].rng, of(&mean, i));
  return done(L, l);
}

/* lanes:categorical(p): 1 .. K with the probabilities p, a vector [K] of each particle, or a list for all. */
static int categorical(lua_State *L) {
  lanes *l = check(L);
  const borel_particles *p = borel_lua_testparticles(L, 2);
  const borel_array *a = p ? &p->array : borel_lua_toarray(L, 2);
  if (!p && a->dtype != BOREL_F64) a = borel_lua_table_toarray(L, 2, BOREL_F64);
  if (a->dtype != BOREL_F64 || a->shape.rank != (p ? 2 : 1))
    borel_lua_fail(L, "categorical: a vector of probabilities is needed");
  size_t K = (size_t)a->shape.extent[p ? 1 : 0], step = p ? K : 0;
  given g;
  borel_source_open(&g.rng, &given_ops, &l->error);
  const double *u = next_uniforms(L, l), *probabilities = a->data;
  int64_t *out = borel_lua_makeroom(L, BOREL_I64, &(borel_shape){1, {l->rows}})->data;
  for (size_t i = 0; i < (size_t)l->rows; i++) {
    g.u = u[i];
    out[i] = (int64_t)borel_law_categorical(&g.rng, probabilities + i * step, K) + 1;
  }
  return done(L, l);
}

/* ---- functions of draws ------------------------------------------------------------------------- */

/* core.libm.exp and so on, of a number or of each element of a value of all particles: the bits of Lua's own
 * math library, in which laws are drawn one by one; core.exp and its kin may differ in the last. */
static int of_each(lua_State *L, double (*f)(double)) {
  const borel_particles *p = borel_lua_testparticles(L, 1);
  if (!p) {
    lua_pushnumber(L, f(luaL_checknumber(L, 1)));
    return 1;
  }
  borel_array *out = borel_lua_makeroom(L, BOREL_F64, &p->array.shape);
  for (int64_t i = 0, n = borel_shape_size(&p->array.shape); i < n; i++)
    ((double *)out->data)[i] = f(borel_array_at(&p->array, i));
  borel_lua_account(L);
  borel_lua_as_particles(L, p->lineage);
  return 1;
}

static int libm_exp(lua_State *L) { return of_each(L, exp); }
static int libm_log(lua_State *L) { return of_each(L, log); }
static int libm_sqrt(lua_State *L) { return of_each(L, sqrt); }
static int libm_tan(lua_State *L) { return of_each(L, tan); }
static int libm_abs(lua_State *L) { return of_each(L, fabs); }

void borel_lua_open_lanes(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"uniform", uniform},         {"normal", normal},           {"bernoulli", bernoulli},
      {"exponential", exponential}, {"gamma", gamma_of},          {"beta", beta_of},
      {"poisson", poisson},         {"categorical", categorical}, {NULL, NULL}};
  luaL_newmetatable(L, LANES);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, lanes_new);
  lua_setfield(L, -2, "lanes");
  static const luaL_Reg libm[] = {{"exp", libm_exp}, {"log", libm_log}, {"sqrt", libm_sqrt},
                                  {"tan", libm_tan}, {"abs", libm_abs}, {NULL, NULL}};
  luaL_newlib(L, libm);
  lua_setfield(L, -2, "libm");
}
