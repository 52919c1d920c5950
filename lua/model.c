/* SPDX-License-Identifier: MIT
 * core.model(graph): a traced model in the making; core.density(name, args): a density plugin. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "graph/eliminate.h"
#include "graph/separate.h"
#include "infer/density_source.h"
#include "infer/model.h"
#include "values.h"

#define MODEL "borel.model"
#define DENSITY "borel.density"

static borel_model *check_model(lua_State *L) { return *(borel_model **)luaL_checkudata(L, 1, MODEL); }

static int model_new(lua_State *L) {
  borel_graph *graph = borel_lua_graph(L, 1);
  borel_model **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  luaL_setmetatable(L, MODEL);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); /* the graph lives as long as the model */
  if (!(*box = borel_model_new(graph))) return luaL_error(L, "out of memory for the model");
  return 1;
}

static int model_gc(lua_State *L) {
  borel_model **box = luaL_checkudata(L, 1, MODEL);
  borel_model_free(*box);
  *box = NULL;
  return 0;
}

/* model:site(name, node, "u" | "z", lowest, count) */
static int model_site(lua_State *L) {
  borel_error error = {0};
  borel_model *model = check_model(L);
  borel_node node = borel_lua_tonode(L, 3, borel_model_graph(model));
  int discrete = strcmp(luaL_checkstring(L, 4), "z") == 0;
  if (borel_model_site(model, luaL_checkstring(L, 2), node, discrete ? BOREL_SITE_Z : BOREL_SITE_U,
                       luaL_optinteger(L, 5, 0), luaL_optinteger(L, 6, 0), &error))
    return borel_lua_error(L, &error);
  return 0;
}

/* model:value(name, node) */
static int model_value(lua_State *L) {
  borel_error error = {0};
  borel_model *model = check_model(L);
  if (borel_model_value(model, luaL_checkstring(L, 2), borel_lua_tonode(L, 3, borel_model_graph(model)),
                        &error))
    return borel_lua_error(L, &error);
  return 0;
}

/* model:term(label, node, is_likelihood) */
static int model_term(lua_State *L) {
  borel_error error = {0};
  borel_model *model = check_model(L);
  if (borel_model_term(model, luaL_checkstring(L, 2), borel_lua_tonode(L, 3, borel_model_graph(model)),
                       lua_toboolean(L, 4), &error))
    return borel_lua_error(L, &error);
  return 0;
}

/* model:sum_out(name, label, node, lowest, count) */
static int model_sum_out(lua_State *L) {
  borel_error error = {0};
  borel_model *model = check_model(L);
  if (borel_model_sum_out(model, luaL_checkstring(L, 2), luaL_checkstring(L, 3),
                          borel_lua_tonode(L, 4, borel_model_graph(model)), luaL_checkinteger(L, 5),
                          luaL_checkinteger(L, 6), &error))
    return borel_lua_error(L, &error);
  return 0;
}

/* core.depends(value, node): is the value computed from that node? */
static int depends(lua_State *L) {
  borel_graph *graph = borel_lua_current_graph(L);
  if (!borel_lua_isnode(L, 1)) return lua_pushboolean(L, 0), 1;
  borel_node root = borel_lua_tonode(L, 1, graph), node = borel_lua_tonode(L, 2, graph);
  uint8_t *marks = lua_newuserdatauv(L, (size_t)root + 1, 0);
  if (root >= node) borel_graph_dependents(graph, node, root, marks);
  return lua_pushboolean(L, root >= node && marks[root]), 1;
}

/* core.sum_out_each(root, input, lowest, count): log sum exp of the root over the values of each element
 * alone; nil where the elements are not separate */
static int sum_out_each(lua_State *L) {
  borel_error error = {0};
  borel_graph *graph = borel_lua_current_graph(L);
  borel_node root = borel_lua_tonode(L, 1, graph), input = borel_lua_tonode(L, 2, graph);
  int64_t lowest = luaL_checkinteger(L, 3), count = luaL_checkinteger(L, 4);
  borel_elimination *elimination = borel_elimination_new(graph);
  if (!elimination) return luaL_error(L, "out of memory for a sum over a discrete unknown");
  borel_node made = borel_graph_sum_out_each(elimination, root, input, lowest, count, &error);
  borel_elimination_free(elimination);
  if (error.code) return borel_lua_error(L, &error);
  if (made == BOREL_NO_NODE) return 0;
  borel_lua_pushnode(L, graph, made);
  return 1;
}

/* model:build("auto" | "native" | "interpreter") */
static int model_build(lua_State *L) {
  static const char *const engines[] = {"auto", "native", "interpreter", NULL};
  borel_error error = {0};
  borel_model_use_sufficient(check_model(L), lua_isnoneornil(L, 3) || lua_toboolean(L, 3));
  if (borel_model_build(check_model(L), (borel_engine)luaL_checkoption(L, 2, "auto", engines), &error))
    return borel_lua_error(L, &error);
  lua_settop(L, 1);
  return 1;
}

/* Reads a table of numbers at `index` into out[count]. */
static void read_numbers(lua_State *L, int index, double *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    out[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* model:terms(u, z): log-density of each term at a point, by the interpreter. */
static int model_terms(lua_State *L) {
  borel_model *model = check_model(L);
  const borel_layout *layout = borel_model_source(model)->layout;
  size_t terms = borel_model_term_count(model);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  double *u = lua_newuserdatauv(L, (layout->D + layout->K + terms + 1) * sizeof *u, 0), *zf = u + layout->D,
         *out = zf + layout->K;
  int64_t *z = lua_newuserdatauv(L, (layout->K + 1) * sizeof *z, 0);
  read_numbers(L, 2, u, layout->D);
  read_numbers(L, 3, zf, layout->K);
  for (size_t i = 0; i < layout->K; i++) z[i] = (int64_t)zf[i];
  borel_error error = {0};
  if (borel_model_terms(model, u, z, out, &error)) return borel_lua_error(L, &error);
  lua_createtable(L, (int)terms, 0);
  for (size_t i = 0; i < terms; i++) {
    lua_pushnumber(L, out[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static void push_numbers(lua_State *L, const double *x, size_t count) {
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushnumber(L, x[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* The point (u, z) at stack indices `index` and index + 1, as lists, in memory that Lua owns. */
static void read_point(lua_State *L, int index, const borel_layout *layout, double **u, int64_t **z) {
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checktype(L, index + 1, LUA_TTABLE);
  *u = lua_newuserdatauv(L, (layout->D + layout->K + 1) * sizeof **u, 0);
  *z = lua_newuserdatauv(L, (layout->K + 1) * sizeof **z, 0);
  double *whole = *u + layout->D;
  read_numbers(L, index, *u, layout->D);
  read_numbers(L, index + 1, whole, layout->K);
  for (size_t i = 0; i < layout->K; i++) (*z)[i] = (int64_t)whole[i];
}

/* A source whose uniform numbers are those of a list, 0 where it ends. */
typedef struct {
  borel_rng rng;
  const double *numbers;
  size_t count;
} listed_rng;

static void listed_uniforms(borel_rng *rng, double *out, size_t lanes, size_t n) {
  const listed_rng *list = (const listed_rng *)rng;
  for (size_t i = 0; i < lanes * n; i++) out[i] = i < list->count ? list->numbers[i] : 0;
}

/* model:values(u, z, uniforms): the values of a draw, a table from names to lists of elements; those that
 * are drawn given the point (sites that are summed out) are made of the uniform numbers, the last of these
 * sites from the first ones. */
static int model_values(lua_State *L) {
  const borel_source *source = borel_model_source(check_model(L));
  static const borel_rng_ops ops = {.size = sizeof ops, .fill_uniform = listed_uniforms};
  double *u;
  int64_t *z;
  read_point(L, 2, source->layout, &u, &z);
  luaL_checktype(L, 4, LUA_TTABLE);
  size_t count = lua_rawlen(L, 4);
  double *numbers = lua_newuserdatauv(L, (count + source->value_size + 1) * sizeof *numbers, 0);
  double *out = numbers + count;
  read_numbers(L, 4, numbers, count);
  borel_error error = {0};
  listed_rng rng = {{.ops = &ops, .error = &error}, numbers, count};
  borel_target *target = NULL;
  if (source->open(source, &target, &error)) return borel_lua_error(L, &error);
  borel_status status = source->constrain(source, target, u, z, &rng.rng, out, &error);
  source->close(source, target);
  if (status) return borel_lua_error(L, &error);
  lua_createtable(L, 0, (int)source->value_count);
  for (size_t i = 0; i < source->value_count; i++) {
    push_numbers(L, out + source->values[i].offset, source->values[i].size);
    lua_setfield(L, -2, source->values[i].name);
  }
  return 1;
}

/* model:evaluate(u, z [, times]): log-density and gradient (a table) through the engine of the model; that
 * many times, for measurements, and the seconds of these calls. */
static int model_evaluate(lua_State *L) {
  borel_model *model = check_model(L);
  const borel_source *source = borel_model_source(model);
  size_t D = source->layout->D, K = source->layout->K;
  lua_Integer times = luaL_optinteger(L, 4, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  double *u = lua_newuserdatauv(L, (2 * D + K + 1) * sizeof *u, 0), *gradient = u + D, *zf = gradient + D,
         value = 0;
  int64_t *z = lua_newuserdatauv(L, (K + 1) * sizeof *z, 0);
  read_numbers(L, 2, u, D);
  read_numbers(L, 3, zf, K);
  for (size_t i = 0; i < K; i++) z[i] = (int64_t)zf[i];
  borel_error error = {0};
  borel_target *target = NULL;
  if (source->open(source, &target, &error)) return borel_lua_error(L, &error);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (; times > 0; times--) target->ops->gradient(target, 0, u, z, &value, gradient, &error);
  clock_gettime(CLOCK_MONOTONIC, &end);
  source->close(source, target);
  lua_pushnumber(L, value);
  push_numbers(L, gradient, D);
  lua_pushnumber(L, (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
  return 3;
}

/* model:evaluate_points(points [, times]): log-densities and gradients (lists of a list) of several points of
 * a model without discrete coordinates at once; that many times, for measurements, and the seconds. */
static int model_evaluate_points(lua_State *L) {
  borel_model *model = check_model(L);
  const borel_source *source = borel_model_source(model);
  size_t D = source->layout->D;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer times = luaL_optinteger(L, 3, 1);
  size_t n = lua_rawlen(L, 2);
  luaL_argcheck(L, source->layout->K == 0, 1, "the model has discrete coordinates");
  luaL_argcheck(L, n <= SIZE_MAX / 32 / (D + 1), 2, "too many points");
  double *u = lua_newuserdatauv(L, (n * (2 * D + 1) + 1) * sizeof *u, 0), *gradient = u + n * D,
         *value = gradient + n * D;
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    read_numbers(L, lua_gettop(L), u + i * D, D);
    lua_pop(L, 1);
  }
  borel_error error = {0};
  borel_target *target = NULL;
  if (source->open(source, &target, &error)) return borel_lua_error(L, &error);
  struct timespec start, end;
  borel_status status = target->ops->batch(target, 0, n, u, NULL, value, gradient, &error);
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (lua_Integer k = 0; k < times && !status; k++)
    status = target->ops->batch(target, 0, n, u, NULL, value, gradient, &error);
  clock_gettime(CLOCK_MONOTONIC, &end);
  source->close(source, target);
  if (status) return borel_lua_error(L, &error);
  push_numbers(L, value, n);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    push_numbers(L, gradient + i * D, D);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushnumber(L, (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
  return 3;
}

/* model:term_report(i, u, z): |gradient| of term i, and seconds of an evaluation of it alone */
static int model_term_report(lua_State *L) {
  borel_model *model = check_model(L);
  lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && (size_t)i <= borel_model_term_count(model), 2, "no such term");
  double *u, norm, seconds;
  int64_t *z;
  borel_error error = {0};
  read_point(L, 3, borel_model_source(model)->layout, &u, &z);
  if (borel_model_term_report(model, (size_t)i - 1, u, z, &norm, &seconds, &error))
    return borel_lua_error(L, &error);
  lua_pushnumber(L, norm);
  lua_pushnumber(L, seconds);
  return 2;
}

/* model:time(u, z): seconds of a density and of a gradient by the engine of the model */
static int model_time(lua_State *L) {
  borel_model *model = check_model(L);
  double *u, density, gradient;
  int64_t *z;
  borel_error error = {0};
  read_point(L, 2, borel_model_source(model)->layout, &u, &z);
  if (borel_model_time(model, u, z, &density, &gradient, &error)) return borel_lua_error(L, &error);
  lua_pushnumber(L, density);
  lua_pushnumber(L, gradient);
  return 2;
}

/* Row `row` [count] of numbers as a list. */
static void push_row(lua_State *L, const double *numbers, size_t row, size_t count) {
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushnumber(L, numbers[row * count + i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* model:conditional(u, z, k): for discrete coordinate k (from 1) and those that follow it and may be drawn
 * together with it, a list of the log-densities of its values each, up to a constant; nil where the model
 * offers none */
static int model_conditional(lua_State *L) {
  const borel_source *source = borel_model_source(check_model(L));
  const borel_layout *layout = source->layout;
  borel_error error = {0};
  lua_Integer place = luaL_checkinteger(L, 4);
  luaL_argcheck(L, place >= 1 && (size_t)place <= layout->K, 4, "no such coordinate");
  size_t k = (size_t)place - 1, values = 0, n;
  double *u;
  int64_t *z;
  read_point(L, 2, layout, &u, &z);
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    if (site->block == BOREL_SITE_Z && k >= site->offset && k - site->offset < site->size)
      values = (size_t)site->count;
  }
  double *out = lua_newuserdatauv(L, (layout->K * values + 1) * sizeof *out, 0);
  borel_target *target = NULL;
  if (source->open(source, &target, &error)) return borel_lua_error(L, &error);
  int offered = BOREL_HAS(borel_target_ops, target->ops, conditional);
  n = offered ? target->ops->independent(target, layout->id, k) : 0;
  if (n < 1) n = 1; /* also where it is not worth it */
  borel_status status =
      offered ? target->ops->conditional(target, layout->id, u, z, k, n, out, &error) : BOREL_OK;
  source->close(source, target);
  if (status) return borel_lua_error(L, &error);
  if (!offered) return 0;
  lua_newtable(L);
  for (size_t i = 0; i < n; i++) {
    push_row(L, out, i, values);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* {{name =, block = "u" or "z", size =, lowest =, count = of a discrete one}, ...} */
static int push_sites(lua_State *L, const borel_layout *layout) {
  lua_createtable(L, (int)layout->site_count, 0);
  for (size_t i = 0; i < layout->site_count; i++) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, layout->sites[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, layout->sites[i].block == BOREL_SITE_U ? "u" : "z");
    lua_setfield(L, -2, "block");
    lua_pushinteger(L, (lua_Integer)layout->sites[i].size);
    lua_setfield(L, -2, "size");
    if (layout->sites[i].block == BOREL_SITE_Z) {
      lua_pushinteger(L, (lua_Integer)layout->sites[i].lowest);
      lua_setfield(L, -2, "lowest");
      lua_pushinteger(L, (lua_Integer)layout->sites[i].count);
      lua_setfield(L, -2, "count");
    }
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* model:sites() */
static int model_sites(lua_State *L) { return push_sites(L, borel_model_source(check_model(L))->layout); }

static int model_labels(lua_State *L) {
  borel_model *model = check_model(L);
  lua_newtable(L);
  for (size_t i = 0; i < borel_model_term_count(model); i++) {
    lua_pushstring(L, borel_model_term_label(model, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* model:describe(): text, engine, engine id, dimensions. */
static int model_describe(lua_State *L) {
  borel_model *model = check_model(L);
  const borel_layout *layout = borel_model_source(model)->layout;
  lua_newtable(L);
#define FIELD(push, name) (push, lua_setfield(L, -2, name))
  FIELD(lua_pushstring(L, borel_model_text(model)), "text");
  FIELD(lua_pushstring(L, borel_model_engine_id(model)), "engine_id");
  FIELD(lua_pushstring(L, borel_model_data_id(model)), "data_id");
  FIELD(lua_pushstring(L, borel_model_engine_text(model)), "engine");
  borel_model_sizes sizes = borel_model_size(model);
  FIELD(lua_pushinteger(L, (lua_Integer)sizes.nodes), "nodes");
  FIELD(lua_pushinteger(L, (lua_Integer)sizes.statements), "statements");
  FIELD(lua_pushinteger(L, (lua_Integer)sizes.groups), "groups");
  FIELD(lua_pushinteger(L, (lua_Integer)sizes.shared), "shared");
  FIELD(lua_pushinteger(L, (lua_Integer)sizes.inputs), "inputs");
  FIELD(lua_pushinteger(L, (lua_Integer)layout->site_count), "site_count");
  FIELD(lua_pushboolean(L, borel_model_compiled(model)), "compiled");
  FIELD(lua_pushinteger(L, (lua_Integer)borel_model_rerolled(model)), "rerolled");
  const borel_sufficient *sufficient = borel_model_sufficient(model);
  FIELD(lua_pushinteger(L, (lua_Integer)sufficient->rows), "squares");
  FIELD(lua_pushinteger(L, (lua_Integer)sufficient->left), "squares_left");
  FIELD(lua_pushinteger(L, (lua_Integer)borel_model_hmms(model)), "hmms");
  FIELD(lua_pushinteger(L, (lua_Integer)borel_model_log_products(model)), "log_products");
  FIELD(lua_pushinteger(L, (lua_Integer)layout->D), "D");
  FIELD(lua_pushinteger(L, (lua_Integer)layout->K), "K");
  FIELD(lua_pushinteger(L, (lua_Integer)borel_model_source(model)->value_size), "values");
#undef FIELD
  return 1;
}

/* ---- density plugins ------------------------------------------------------------------------- */

typedef struct {
  borel_density_source *source;
  const borel_density *density; /* inside the source */
} density_box;

/* core.density(name or path, args) */
static int density_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  density_box *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (density_box){0};
  luaL_setmetatable(L, DENSITY);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); /* a component in Lua lives as long as its density */
  void *density = NULL;
  if (borel_lua_create(L, 1, "density", &density, &error)) return borel_lua_error(L, &error);
  if (borel_density_source_new(density, &box->source, &error)) {
    borel_density_destroy(density);
    return borel_lua_error(L, &error);
  }
  box->density = density;
  return 1;
}

static int density_gc(lua_State *L) {
  density_box *box = luaL_checkudata(L, 1, DENSITY);
  borel_density_source_free(box->source);
  *box = (density_box){0};
  return 0;
}

/* density:describe(): what the component says, and the dimensions. */
static int density_describe(lua_State *L) {
  const density_box *box = luaL_checkudata(L, 1, DENSITY);
  const borel_layout *layout = borel_density_source_view(box->source)->layout;
  borel_lua_describe(L, box->density->component, box->density->values);
  borel_lua_describe_scripted(L, 1);
  lua_pushinteger(L, (lua_Integer)layout->D);
  lua_setfield(L, -2, "D");
  lua_pushinteger(L, (lua_Integer)layout->K);
  lua_setfield(L, -2, "K");
  return 1;
}

/* density:sites(), as model:sites() */
static int density_sites(lua_State *L) {
  const density_box *box = luaL_checkudata(L, 1, DENSITY);
  return push_sites(L, borel_density_source_view(box->source)->layout);
}

int borel_lua_source_is_scripted(lua_State *L, int index) {
  const density_box *density = luaL_testudata(L, index, DENSITY);
  return density && borel_lua_is_scripted(density->density->component);
}

const borel_source *borel_lua_source(lua_State *L, int index) {
  const density_box *density = luaL_testudata(L, index, DENSITY);
  if (density) return borel_density_source_view(density->source);
  return borel_model_source(*(borel_model **)luaL_checkudata(L, index, MODEL));
}

void borel_lua_open_model(lua_State *L) {
  static const luaL_Reg methods[] = {{"site", model_site},
                                     {"value", model_value},
                                     {"term", model_term},
                                     {"sum_out", model_sum_out},
                                     {"build", model_build},
                                     {"terms", model_terms},
                                     {"labels", model_labels},
                                     {"values", model_values},
                                     {"evaluate", model_evaluate},
                                     {"evaluate_points", model_evaluate_points},
                                     {"describe", model_describe},
                                     {"term_report", model_term_report},
                                     {"time", model_time},
                                     {"sites", model_sites},
                                     {"conditional", model_conditional},
                                     {NULL, NULL}};
  luaL_newmetatable(L, MODEL);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, model_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newmetatable(L, DENSITY);
  lua_pushcfunction(L, density_gc);
  lua_setfield(L, -2, "__gc");
  static const luaL_Reg density_methods[] = {
      {"describe", density_describe}, {"sites", density_sites}, {NULL, NULL}};
  luaL_newlib(L, density_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"model", model_new},
                                       {"density", density_new},
                                       {"depends", depends},
                                       {"sum_out_each", sum_out_each},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
