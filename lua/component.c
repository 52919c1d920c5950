/* SPDX-License-Identifier: MIT
 * Plugins for Lua: core.kernel(name, path or component in Lua, args), core.components(),
 * core.component_info(kind, name). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/hash.h"
#include "engine.h"
#include "host/claims.h"
#include "host/kinds.h"
#include "host/plugin.h"
#include "validate/validate.h"
#include "values.h"

#define KERNEL "borel.kernel"
#define REGISTRY "borel.registry"

static int registry_gc(lua_State *L) {
  borel_registry **box = lua_touserdata(L, 1);
  borel_registry_destroy(*box);
  *box = NULL;
  return 0;
}

borel_registry *borel_lua_registry(lua_State *L) {
  borel_registry **box;
  if (lua_getfield(L, LUA_REGISTRYINDEX, REGISTRY) == LUA_TUSERDATA) {
    box = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return *box;
  }
  lua_pop(L, 1);
  borel_error error = {0};
  char path[BOREL_PLACE_SIZE];
  borel_lua_place(BOREL_PLUGINS, path);
  box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  lua_newtable(L);
  lua_pushcfunction(L, registry_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  if (borel_registry_create(path, getenv("BOREL_PLUGIN_PATH"), box, &error)) borel_lua_error(L, &error);
  lua_setfield(L, LUA_REGISTRYINDEX, REGISTRY);
  return *box;
}

/* A name, or a path (it has a slash or ends in .so): then the one component of that kind in the file. */
static const borel_component *find(lua_State *L, const char *kind, const char *name, borel_error *error) {
  borel_registry *registry = borel_lua_registry(L);
  size_t length = strlen(name);
  if (!strchr(name, '/') && (length < 3 || strcmp(name + length - 3, ".so") != 0))
    return borel_registry_find(registry, kind, name, error);
  char real[4096];
  if (borel_registry_add(registry, name, error)) return NULL;
  if (!realpath(name, real)) snprintf(real, sizeof real, "%s", name);
  const borel_component *found = NULL;
  size_t kind_length = strlen(kind);
  for (size_t i = 0; borel_registry_at(registry, i); i++) {
    const borel_registry_entry *entry = borel_registry_at(registry, i);
    if (strcmp(entry->path, real) != 0 || strncmp(entry->component->kind, kind, kind_length) != 0) continue;
    if (found) {
      borel_fail(error, BOREL_ARG, "%s has more than one %s: load it with borel.load and ask by name", name,
                 kind);
      return NULL;
    }
    found = entry->component;
  }
  if (!found) borel_fail(error, BOREL_ARG, "%s has no %s", name, kind);
  return found;
}

enum { MOST_PARAMETERS = 64 };

/* Reads the table at `index` into items; lists are copies to be freed. Raises nothing. */
static borel_status read_args(lua_State *L, int index, const char *name, borel_arg *items, size_t *count,
                              borel_error *error) {
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (*count == MOST_PARAMETERS || lua_type(L, -2) != LUA_TSTRING)
      return borel_fail(error, BOREL_ARG, "%s: parameters are given by name", name);
    borel_arg *arg = &items[(*count)++];
    arg->name = lua_tostring(L, -2); /* alive as long as the table */
    switch (lua_type(L, -1)) {
    case LUA_TNUMBER: arg->number = lua_tonumber(L, -1); break;
    case LUA_TBOOLEAN: arg->number = lua_toboolean(L, -1); break;
    case LUA_TSTRING:
      arg->kind = BOREL_ARG_TEXT;
      arg->text = lua_tostring(L, -1);
      break;
    case LUA_TTABLE: {
      arg->kind = BOREL_ARG_REALS;
      arg->count = lua_rawlen(L, -1);
      double *reals = malloc((arg->count + 1) * sizeof *reals);
      if (!(arg->reals = reals)) return borel_fail(error, BOREL_INTERNAL, "out of memory for parameters");
      for (size_t i = 0; i < arg->count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        reals[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
      }
      break;
    }
    case LUA_TUSERDATA: { /* an array of any shape: its elements in order */
      const borel_array *array = borel_lua_testarray(L, -1);
      if (array) {
        arg->kind = BOREL_ARG_REALS;
        arg->count = (size_t)borel_shape_size(&array->shape);
        double *reals = malloc((arg->count + 1) * sizeof *reals);
        if (!(arg->reals = reals)) return borel_fail(error, BOREL_INTERNAL, "out of memory for parameters");
        for (size_t i = 0; i < arg->count; i++) reals[i] = borel_array_at(array, (int64_t)i);
        break;
      }
    } /* fall through */
    default:
      return borel_fail(error, BOREL_ARG, "%s: parameter '%s' is a %s, not a number, text or list", name,
                        arg->name, luaL_typename(L, -1));
    }
  }
  return BOREL_OK;
}

/* A component in Lua, a composition of kernels, a name or a path at `index`. */
static const borel_component *component_at(lua_State *L, int index, const char *kind, borel_error *error) {
  borel_kernel **kernel = luaL_testudata(L, index, KERNEL);
  if (kernel) borel_lua_scripted_enter(L); /* a part may be written in Lua */
  if (kernel) return (*kernel)->component;
  const borel_component *scripted = borel_lua_scripted(L, index, NULL);
  return scripted ? scripted : find(L, kind, luaL_checkstring(L, index), error);
}

/* How instances of each kind are made. */
#define MAKE(type)                                                                                           \
  static borel_status make_##type(const borel_component *component, borel_args args, void **made,            \
                                  borel_error *error) {                                                      \
    borel_##type *instance = NULL;                                                                           \
    borel_status status = borel_##type##_create(component, args, &instance, error);                          \
    *made = instance;                                                                                        \
    return status;                                                                                           \
  }
MAKE(kernel)
MAKE(density)
MAKE(resampler)
MAKE(process)
MAKE(score)
MAKE(solver)
MAKE(involution)

static const struct {
  const char *kind;
  borel_status (*make)(const borel_component *, borel_args, void **, borel_error *);
} makers[] = {{"kernel", make_kernel},        {"density", make_density}, {"resampler", make_resampler},
              {"process", make_process},      {"score", make_score},     {"solver", make_solver},
              {"involution", make_involution}};

borel_status borel_lua_create(lua_State *L, int index, const char *kind, void **made, borel_error *error) {
  const borel_component *component = component_at(L, index, kind, error);
  if (!component) return error->code;
  borel_arg items[MOST_PARAMETERS] = {{0}};
  size_t count = 0, k = 0;
  borel_status status =
      lua_istable(L, index + 1) ? read_args(L, index + 1, component->name, items, &count, error) : BOREL_OK;
  while (strcmp(makers[k].kind, kind) != 0) k++;
  if (!status) status = makers[k].make(component, (borel_args){items, count}, made, error);
  for (size_t i = 0; i < count; i++) free((void *)items[i].reals);
  return status;
}

void borel_lua_push_kernel(lua_State *L, borel_kernel *kernel) {
  borel_kernel **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = kernel;
  luaL_setmetatable(L, KERNEL);
}

static int kernel_new(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 2);
  void *kernel = NULL;
  if (borel_lua_create(L, 1, "kernel", &kernel, &error)) return borel_lua_error(L, &error);
  borel_lua_push_kernel(L, kernel);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); /* a component in Lua lives as long as its kernel */
  return 1;
}

static int kernel_gc(lua_State *L) {
  borel_kernel **box = luaL_checkudata(L, 1, KERNEL);
  borel_kernel_destroy(*box);
  *box = NULL;
  return 0;
}

borel_kernel *borel_lua_kernel(lua_State *L, int index) {
  return *(borel_kernel **)luaL_checkudata(L, index, KERNEL);
}

/* Hash of a component's file: part of the engine id. */
static uint64_t file_hash(const char *path) {
  uint64_t hash = 0;
  FILE *file = path ? fopen(path, "rb") : NULL;
  char buffer[65536];
  for (size_t n; file && (n = fread(buffer, 1, sizeof buffer, file)) > 0;) hash = borel_hash(buffer, n, hash);
  if (file) fclose(file);
  return hash;
}

void borel_lua_describe(lua_State *L, const borel_component *component, const borel_value *values) {
  char hash[32];
  snprintf(hash, sizeof hash, "%016llx",
           (unsigned long long)file_hash(borel_registry_path(borel_lua_registry(L), component)));
  lua_newtable(L);
  lua_pushstring(L, component->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, hash);
  lua_setfield(L, -2, "hash");
  lua_newtable(L);
  for (size_t i = 0; component->params && component->params[i].name; i++) {
    const borel_param *param = &component->params[i];
    const char *word;
    if (param->type == BOREL_CHOICE) {
      size_t length = borel_schema_choice(param, (size_t)values[i].number, &word);
      lua_pushlstring(L, word, length);
    } else if (param->type == BOREL_REALS) {
      lua_newtable(L);
      for (size_t k = 0; k < values[i].count; k++) {
        lua_pushnumber(L, values[i].reals[k]);
        lua_rawseti(L, -2, (lua_Integer)k + 1);
      }
    } else {
      lua_pushnumber(L, values[i].number);
    }
    lua_setfield(L, -2, param->name);
  }
  lua_setfield(L, -2, "parameters");
}

void borel_lua_describe_scripted(lua_State *L, int index) {
  const char *hash = NULL;
  lua_getiuservalue(L, index, 1);
  if (borel_lua_scripted(L, -1, &hash)) {
    lua_pushstring(L, hash);
    lua_setfield(L, -3, "hash");
  }
  lua_pop(L, 1);
}

static int kernel_describe(lua_State *L) {
  const borel_kernel *kernel = borel_lua_kernel(L, 1);
  borel_lua_describe(L, kernel->component, kernel->values);
  borel_lua_describe_scripted(L, 1);
  return 1;
}

/* "change, first; at, v": the numbers of the trace on one side of an involution, and the auxiliary ones. */
static void push_side(lua_State *L, const borel_involution_ops *ops, int side) {
  const borel_field *const lists[] = {ops->trace[side], ops->auxiliary[side]};
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (int i = 0; i < 2; i++) {
    luaL_addstring(&text, i ? "; " : "");
    for (const borel_field *f = lists[i]; f && f->name; f++) {
      luaL_addstring(&text, f > lists[i] ? ", " : "");
      luaL_addstring(&text, f->name);
    }
    if (!lists[i] || !lists[i]->name) luaL_addstring(&text, "nothing");
  }
  luaL_pushresult(&text);
}

/* A list of one or two. */
static void push_sides(lua_State *L, const borel_involution_ops *ops) {
  lua_newtable(L);
  for (int side = 0; side < (ops->trace[1] || ops->auxiliary[1] ? 2 : 1); side++) {
    push_side(L, ops, side);
    lua_rawseti(L, -2, side + 1);
  }
}

static void push_component(lua_State *L, const borel_registry_entry *entry) {
  static const char *const types[] = {"real", "int", "flag", "choice", "reals"};
  const borel_component *c = entry->component;
  borel_text claims = {0};
  borel_claims_text(&c->claims, &claims);
  lua_newtable(L);
#define FIELD(name, value) (lua_pushstring(L, (value) ? (value) : ""), lua_setfield(L, -2, name))
  FIELD("kind", c->kind);
  FIELD("name", c->name);
  FIELD("summary", c->summary);
  FIELD("reference", c->reference);
  FIELD("claims", claims.bytes);
  FIELD("path", entry->path);
  FIELD("plugin", entry->plugin->id);
  FIELD("version", entry->plugin->version);
  FIELD("licence", entry->plugin->licence);
  lua_pushinteger(L, entry->plugin->abi);
  lua_setfield(L, -2, "abi");
  borel_text_free(&claims);
  if (strcmp(c->kind, BOREL_INVOLUTION) == 0) {
    push_sides(L, c->ops);
    lua_setfield(L, -2, "sides");
  }
  lua_newtable(L);
  for (size_t i = 0; c->params && c->params[i].name; i++) {
    const borel_param *p = &c->params[i];
    lua_newtable(L);
    FIELD("name", p->name);
    FIELD("type", types[p->type]);
    FIELD("doc", p->doc);
    FIELD("unit", p->unit);
    FIELD("choices", p->choices);
    lua_pushnumber(L, p->number);
    lua_setfield(L, -2, "default");
    lua_pushnumber(L, p->min);
    lua_setfield(L, -2, "min");
    lua_pushnumber(L, p->max);
    lua_setfield(L, -2, "max");
    lua_pushboolean(L, p->required);
    lua_setfield(L, -2, "required");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "params");
#undef FIELD
}

/* {statistical = false, seed = 1, alpha = 1e-6} at `index`, or nothing. */
static borel_validate_tier tier_at(lua_State *L, int index) {
  borel_validate_tier tier = {.seed = BOREL_VALIDATE_SEED, .alpha = BOREL_VALIDATE_ALPHA};
  static const char *const known[] = {"statistical", "seed", "alpha"};
  if (!borel_lua_options(L, index, "validate", known, 3)) return tier;
  lua_getfield(L, index, "statistical");
  lua_getfield(L, index, "seed");
  lua_getfield(L, index, "alpha");
  tier.statistical = lua_toboolean(L, -3);
  tier.seed = (uint64_t)luaL_optinteger(L, -2, BOREL_VALIDATE_SEED);
  tier.alpha = luaL_optnumber(L, -1, BOREL_VALIDATE_ALPHA);
  lua_pop(L, 3);
  return tier;
}

typedef borel_status (*validation)(const borel_component *, borel_args, borel_validate_report *,
                                   borel_error *);

static borel_status validate_component(const borel_component *component, int kind, borel_args args,
                                       const borel_validate_tier *tier, borel_validate_report *report,
                                       borel_error *error) {
  static const validation checks[][2] = {{NULL, NULL},
                                         {borel_validate_density, borel_validate_single_density},
                                         {borel_validate_resampler, borel_validate_single_resampler},
                                         {borel_validate_involution, borel_validate_involution}};
  if (kind == 0) return borel_validate_kernel_tier(component, args, tier, report, error);
  return checks[kind][borel_lua_is_scripted(component) != 0](component, args, report, error);
}

/* core.validate("kernel" | "density" | "resampler" | "involution", name, path or composition [, parameters [,
 * tier]]): rows {claim =, method =, evidence =, verdict = "holds" | "fails" | "not tested" | "reported"}. */
static int validate(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 4);
  static const char *const kinds[] = {"kernel", "density", "resampler", "involution", NULL};
  int kind = luaL_checkoption(L, 1, NULL, kinds);
  const borel_component *component = component_at(L, 2, kinds[kind], &error);
  if (!component) return borel_lua_error(L, &error);
  borel_validate_tier tier = tier_at(L, 4);
  borel_validate_report report;
  borel_arg items[MOST_PARAMETERS] = {{0}};
  size_t count = 0;
  borel_status status =
      lua_istable(L, 3) ? read_args(L, 3, component->name, items, &count, &error) : BOREL_OK;
  if (!status)
    status = validate_component(component, kind, (borel_args){items, count}, &tier, &report, &error);
  for (size_t i = 0; i < count; i++) free((void *)items[i].reals);
  if (status) return borel_lua_error(L, &error);
  lua_createtable(L, (int)report.count, 0);
  for (size_t i = 0; i < report.count; i++) {
    const borel_validate_row *row = &report.rows[i];
    lua_createtable(L, 0, 4);
#define FIELD(name, value) (lua_pushstring(L, value), lua_setfield(L, -2, name))
    FIELD("claim", row->claim);
    FIELD("method", row->method);
    FIELD("evidence", row->evidence);
    FIELD("verdict", borel_verdict_name(row->verdict));
#undef FIELD
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  borel_validate_report_free(&report);
  return 1;
}

/* core.components(): every component that can be found; second result: the number of files that failed. */
static int components(lua_State *L) {
  borel_registry *registry = borel_lua_registry(L);
  borel_error error = {0};
  size_t failed = borel_registry_load_all(registry, &error);
  lua_newtable(L);
  for (size_t i = 0; borel_registry_at(registry, i); i++) {
    push_component(L, borel_registry_at(registry, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushinteger(L, (lua_Integer)failed);
  return 2;
}

/* core.load(path): registers the components of a file and returns them. */
static int load_file(lua_State *L) {
  borel_registry *registry = borel_lua_registry(L);
  borel_error error = {0};
  const char *path = luaL_checkstring(L, 1);
  char real[4096];
  if (borel_registry_add(registry, path, &error)) return borel_lua_error(L, &error);
  if (!realpath(path, real)) snprintf(real, sizeof real, "%s", path);
  lua_newtable(L);
  for (size_t i = 0, n = 0; borel_registry_at(registry, i); i++)
    if (strcmp(borel_registry_at(registry, i)->path, real) == 0) {
      push_component(L, borel_registry_at(registry, i));
      lua_rawseti(L, -2, (lua_Integer)++n);
    }
  return 1;
}

void borel_lua_open_component(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"describe", kernel_describe}, {"stays", borel_lua_kernel_stays}, {NULL, NULL}};
  luaL_newmetatable(L, KERNEL);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, kernel_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"kernel", kernel_new},
                                       {"components", components},
                                       {"load", load_file},
                                       {"validate", validate},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_pushinteger(L, BOREL_VALIDATE_SEED);
  lua_setfield(L, -2, "validate_seed");
  lua_pushnumber(L, BOREL_VALIDATE_ALPHA);
  lua_setfield(L, -2, "validate_alpha");
}
