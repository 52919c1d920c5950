/* SPDX-License-Identifier: MIT
 * core.scripted(definition): a component whose ops are Lua functions. stdlib/borel/component.lua has checked
 * the definition and says what is in it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/component.h"
#include "host/schema.h"
#include "scripted.h"
#include "validate/validate.h"

#define SCRIPTED "borel.scripted"
#define NOW borel_scripted_now

typedef struct {
  borel_component component; /* its texts belong to the definition, the userdata's user value */
  borel_kernel_ops kernel;
  borel_density_ops density;
  borel_resampler_ops resampler;
  borel_param *params;
  borel_field *tuning, *state, *info;
  borel_site *sites;
  borel_layout layout;
  char hash[20];
  int functions; /* reference to the table of functions */
} scripted;

/* What `create` makes. */
typedef struct {
  const scripted *of;
  const borel_value *values;
  int self; /* reference: the parameters by name, read-only */
  borel_layout layout;
} instance;

/* `create` has no other way to know whose it is, and the functions none to know in which state they run. One
 * thread makes and calls; children have their own copy. */
static const scripted *creating;
static lua_State *state, *main_state;

/* ---- calling functions ----------------------------------------------------------------------- */

typedef struct {
  const instance *of;
  const char *function;
  /* kernel */
  double *info;
  const double *told;
  /* density */
  const double *u;
  const int64_t *z;
  double *value, *slope;
  /* resampler */
  borel_rng *rng;
  const double *weights;
  size_t n, count;
  int64_t *ancestors;
} call;

/* Pushes the function and self. */
static void push_function(lua_State *L, const call *c) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->of->of->functions);
  lua_getfield(L, -1, c->function);
  lua_remove(L, -2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->of->self);
}

static void push_info(lua_State *L, const call *c) {
  lua_newtable(L);
  const borel_field *fields = c->of->of->kernel.info;
  for (size_t i = 0; c->told && fields && fields[i].name; i++) {
    lua_pushnumber(L, c->told[i]);
    lua_setfield(L, -2, fields[i].name);
  }
}

static void read_info(lua_State *L, const call *c, int table) {
  const borel_field *fields = c->of->of->kernel.info;
  for (size_t i = 0; fields && fields[i].name; i++) {
    int type = lua_getfield(L, table, fields[i].name);
    if (type == LUA_TBOOLEAN)
      c->info[i] = lua_toboolean(L, -1);
    else if (type == LUA_TNUMBER)
      c->info[i] = lua_tonumber(L, -1);
    else
      luaL_error(L, "step must set info.%s to a number, and it is a %s", fields[i].name,
                 luaL_typename(L, -1));
    lua_pop(L, 1);
  }
}

/* [call]: begin, warm, step, adapt */
static int run_kernel(lua_State *L) {
  const call *c = lua_touserdata(L, 1);
  push_info(L, c);
  push_function(L, c);
  borel_scripted_push_views(L);
  lua_pushvalue(L, 2);
  lua_call(L, 5, 0);
  if (c->info) read_info(L, c, 2);
  return 0;
}

/* [call]: logdensity, gradient */
static int run_density(lua_State *L) {
  const call *c = lua_touserdata(L, 1);
  const borel_layout *layout = &c->of->of->layout;
  push_function(L, c);
  borel_scripted_push_reals(L, c->u, layout->D);
  borel_scripted_push_wholes(L, c->z, layout->K);
  lua_call(L, 3, c->slope ? 2 : 1);
  if (lua_type(L, 2) != LUA_TNUMBER)
    luaL_error(L, "%s must return a number, and returns a %s", c->function, borel_lua_typename(L, 2));
  *c->value = lua_tonumber(L, 2);
  if (c->slope) borel_scripted_read(L, 3, c->slope, layout->D, "the second result of gradient");
  return 0;
}

/* Whole numbers from 1 to n at `index`, as indices from 0. */
static void read_ancestors(lua_State *L, int index, const call *c) {
  double *given = lua_newuserdatauv(L, c->count * sizeof *given, 0);
  borel_scripted_read(L, index, given, c->count, "the result of resample");
  for (size_t k = 0; k < c->count; k++) {
    if (!(given[k] >= 1 && given[k] <= (double)c->n && floor(given[k]) == given[k]))
      luaL_error(L, "resample returns %f as ancestor %d; each is a whole number from 1 to %d", given[k],
                 (int)k + 1, (int)c->n);
    c->ancestors[k] = (int64_t)given[k] - 1;
  }
}

/* [call]: resample. The source draws no more when the function has returned, should it have kept it. */
static int run_resampler(lua_State *L) {
  const call *c = lua_touserdata(L, 1);
  borel_rng **source = borel_lua_push_source(L); /* 2 */
  *source = c->rng;
  push_function(L, c);
  lua_pushvalue(L, 2);
  borel_scripted_push_reals(L, c->weights, c->n);
  lua_pushinteger(L, (lua_Integer)c->count);
  int failed = lua_pcall(L, 4, 1, 0) != LUA_OK;
  *source = NULL;
  if (failed) return lua_error(L);
  read_ancestors(L, 3, c);
  return 0;
}

/* Calls `run` protected. A Lua error is a defect of the component; what a service reported keeps its code. */
static borel_status protect(lua_CFunction run, const call *c, borel_error *error) {
  lua_State *L = state;
  if (!lua_checkstack(L, 30)) return borel_fail(error, BOREL_INTERNAL, "no room on Lua's stack");
  lua_pushcfunction(L, run);
  lua_pushlightuserdata(L, (void *)(uintptr_t)c);
  borel_status status = BOREL_OK;
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    const char *text = lua_tostring(L, -1);
    status = NOW.failure.code ? NOW.failure.code : BOREL_INTERNAL;
    borel_fail(error, status, "%s: %s", c->function, text ? text : "an error that is no text");
    lua_pop(L, 1);
  }
  return status;
}

static borel_status call_kernel(const void *self, const char *function, const borel_context *context,
                                borel_target *target, borel_point *point, void *const *tuned, double *info,
                                const double *told, borel_error *error) {
  const instance *of = self;
  call c = {.of = of, .function = function, .info = info, .told = told};
  borel_scripted_call before = NOW;
  NOW = (borel_scripted_call){&of->of->kernel, of->values, context, target, point, tuned, {0}};
  borel_status status = protect(run_kernel, &c, error);
  NOW = before;
  return status;
}

/* ---- ops of a kernel ------------------------------------------------------------------------- */

static borel_status begin(const void *self, const borel_context *context, borel_target *target,
                          borel_point *point, borel_error *error) {
  return call_kernel(self, "begin", context, target, point, NULL, NULL, NULL, error);
}

static borel_status warm(const void *self, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  return call_kernel(self, "warm", context, target, point, tuning, NULL, NULL, error);
}

static borel_status step(const void *self, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  return call_kernel(self, "step", context, target, point, NULL, info, NULL, error);
}

static borel_status adapt(const void *self, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  return call_kernel(self, "adapt", context, target, point, tuning, NULL, info, error);
}

/* ---- ops of a density ------------------------------------------------------------------------ */

static const borel_layout *layout(const void *self) { return &((const instance *)self)->of->layout; }

static borel_status call_density(const void *self, const char *function, const double *u, const int64_t *z,
                                 double *value, double *slope, borel_error *error) {
  call c = {.of = self, .function = function, .u = u, .z = z, .value = value, .slope = slope};
  borel_scripted_call before = NOW;
  NOW = (borel_scripted_call){0};
  borel_status status = protect(run_density, &c, error);
  NOW = before;
  return status;
}

static borel_status logdensity(const void *self, void *const *scratch, const double *u, const int64_t *z,
                               double *value, borel_error *error) {
  (void)scratch;
  return call_density(self, "logdensity", u, z, value, NULL, error);
}

static borel_status gradient(const void *self, void *const *scratch, const double *u, const int64_t *z,
                             double *value, double *slope, borel_error *error) {
  (void)scratch;
  return call_density(self, "gradient", u, z, value, slope, error);
}

/* ---- op of a resampler ----------------------------------------------------------------------- */

static borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n,
                             const double *weights, size_t count, int64_t *ancestors, borel_error *error) {
  (void)scratch;
  call c = {.of = self,
            .function = "resample",
            .rng = rng,
            .weights = weights,
            .n = n,
            .count = count,
            .ancestors = ancestors};
  borel_scripted_call before = NOW;
  NOW = (borel_scripted_call){0};
  borel_status status = protect(run_resampler, &c, error);
  NOW = before;
  return status;
}

/* ---- instances ------------------------------------------------------------------------------- */

static void push_value(lua_State *L, const borel_param *param, const borel_value *value) {
  const char *word;
  if (param->type == BOREL_CHOICE) {
    size_t length = borel_schema_choice(param, (size_t)value->number, &word);
    lua_pushlstring(L, word, length);
  } else if (param->type == BOREL_REALS) {
    borel_scripted_push_reals(L, value->reals, value->count);
  } else if (param->type == BOREL_FLAG) {
    lua_pushboolean(L, value->number != 0);
  } else if (param->type == BOREL_INT) {
    lua_pushinteger(L, (lua_Integer)value->number);
  } else {
    lua_pushnumber(L, value->number);
  }
}

static int refuse_write(lua_State *L) {
  borel_lua_fail(L,
                 "self holds the parameters and never changes; what changes is declared in tuning or state");
}

/* [instance]: makes the read-only table of parameters. */
static int make_self(lua_State *L) {
  instance *made = lua_touserdata(L, 1);
  const borel_param *params = made->of->component.params;
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  for (size_t i = 0; params && params[i].name; i++) {
    push_value(L, &params[i], &made->values[i]);
    lua_setfield(L, -2, params[i].name);
  }
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  made->self = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  instance *made = host->allocate(1, sizeof *made);
  if (!made || !creating || !state)
    return host->fail(error, BOREL_INTERNAL, "a component in Lua cannot be made here");
  *made = (instance){.of = creating, .values = values, .self = LUA_NOREF};
  lua_pushcfunction(state, make_self);
  lua_pushlightuserdata(state, made);
  if (lua_pcall(state, 1, 0, 0) != LUA_OK) {
    lua_pop(state, 1);
    host->release(made);
    return host->fail(error, BOREL_INTERNAL, "no memory for a component in Lua");
  }
  *self = made;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) {
  if (main_state) luaL_unref(main_state, LUA_REGISTRYINDEX, ((instance *)self)->self);
  host->release(self);
}

/* ---- definitions ----------------------------------------------------------------------------- */

/* Text of a field of the table on top; it lives as long as the table. */
static const char *text(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  const char *found = lua_tostring(L, -1);
  lua_pop(L, 1);
  return found;
}

static double number(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  double found = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return found;
}

/* Pushes entry `name` of the table at `index`, a list, and allocates one more than its length. */
static void *list(lua_State *L, int index, const char *name, size_t size, size_t *n) {
  lua_getfield(L, index, name);
  *n = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
  void *made = calloc(*n + 1, size);
  if (!made) luaL_error(L, "out of memory for a component");
  return made;
}

static void read_params(lua_State *L, int definition, scripted *s) {
  size_t n;
  s->params = list(L, definition, "params", sizeof *s->params, &n);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    s->params[i] = (borel_param){.name = text(L, "name"),
                                 .type = (borel_param_type)number(L, "type"),
                                 .number = number(L, "default"),
                                 .min = number(L, "min"),
                                 .max = number(L, "max"),
                                 .choices = text(L, "choices"),
                                 .required = number(L, "required") != 0,
                                 .unit = text(L, "unit"),
                                 .doc = text(L, "doc")};
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static borel_field *read_fields(lua_State *L, int definition, const char *name) {
  size_t n;
  borel_field *fields = list(L, definition, name, sizeof *fields, &n);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    fields[i] = (borel_field){.name = text(L, "name"),
                              .dtype = (borel_dtype)number(L, "dtype"),
                              .dim = {(int32_t)number(L, "rows"), (int32_t)number(L, "columns")},
                              .doc = text(L, "doc")};
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return fields;
}

static void read_sites(lua_State *L, int definition, scripted *s) {
  size_t n;
  s->sites = list(L, definition, "sites", sizeof *s->sites, &n);
  s->layout = (borel_layout){.size = sizeof s->layout, .site_count = n, .sites = s->sites};
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    int discrete = number(L, "count") > 0;
    size_t *total = discrete ? &s->layout.K : &s->layout.D;
    s->sites[i] = (borel_site){.name = text(L, "name"),
                               .block = discrete ? BOREL_SITE_Z : BOREL_SITE_U,
                               .offset = *total,
                               .size = (size_t)number(L, "size"),
                               .lowest = (int64_t)number(L, "lowest"),
                               .count = (int64_t)number(L, "count")};
    *total += s->sites[i].size;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int has(lua_State *L, int functions, const char *name) {
  int there = lua_getfield(L, functions, name) == LUA_TFUNCTION;
  lua_pop(L, 1);
  return there;
}

static void read_claims(lua_State *L, int definition, scripted *s) {
  lua_getfield(L, definition, "claims");
  s->component.claims = (borel_claims){.preserves = (borel_preserves)number(L, "preserves"),
                                       .order = number(L, "order"),
                                       .flags = (uint32_t)number(L, "flags"),
                                       .checks = (uint32_t)number(L, "checks"),
                                       .note = text(L, "note")};
  lua_pop(L, 1);
}

static void set_kernel(lua_State *L, int definition, int functions, scripted *s) {
  s->tuning = read_fields(L, definition, "tuning");
  s->state = read_fields(L, definition, "state");
  s->info = read_fields(L, definition, "info");
  s->kernel = (borel_kernel_ops){.size = sizeof s->kernel,
                                 .tuning = s->tuning,
                                 .state = s->state,
                                 .info = s->info,
                                 .create = create,
                                 .destroy = destroy,
                                 .begin = has(L, functions, "begin") ? begin : NULL,
                                 .warm = has(L, functions, "warm") ? warm : NULL,
                                 .step = has(L, functions, "step") ? step : NULL,
                                 .adapt = has(L, functions, "adapt") ? adapt : NULL};
  read_claims(L, definition, s);
  s->component.ops = &s->kernel;
}

static void set_density(lua_State *L, int definition, int functions, scripted *s) {
  read_sites(L, definition, s);
  s->density = (borel_density_ops){.size = sizeof s->density,
                                   .create = create,
                                   .destroy = destroy,
                                   .layout = layout,
                                   .logdensity = logdensity,
                                   .gradient = has(L, functions, "gradient") ? gradient : NULL};
  s->component.ops = &s->density;
}

static void set_resampler(lua_State *L, int definition, int functions, scripted *s) {
  read_claims(L, definition, s);
  s->resampler = (borel_resampler_ops){.size = sizeof s->resampler,
                                       .create = create,
                                       .destroy = destroy,
                                       .resample = has(L, functions, "resample") ? resample : NULL};
  s->component.ops = &s->resampler;
}

static const struct {
  const char *kind;
  void (*set)(lua_State *, int definition, int functions, scripted *);
} kinds[] = {{BOREL_KERNEL, set_kernel}, {BOREL_DENSITY, set_density}, {BOREL_RESAMPLER, set_resampler}};

/* core.scripted(definition): {kind = "kernel" | "density" | "resampler", name, summary, reference, hash,
 * params, functions, and tuning, state, info, claims or sites}, as stdlib/borel/component.lua makes it */
static int scripted_new(lua_State *L) {
  borel_error error = {0};
  luaL_checktype(L, 1, LUA_TTABLE);
  scripted *s = lua_newuserdatauv(L, sizeof *s, 1);
  *s = (scripted){.functions = LUA_NOREF};
  luaL_setmetatable(L, SCRIPTED);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, 1);
  lua_getfield(L, 1, "functions"); /* 3 */
  lua_pushvalue(L, 1);             /* 4: on top, for text() */
  const char *kind = text(L, "kind");
  size_t k = strcmp(kind, "density") == 0 ? 1 : strcmp(kind, "resampler") == 0 ? 2 : 0;
  s->component = (borel_component){.size = sizeof s->component,
                                   .kind = kinds[k].kind,
                                   .name = text(L, "name"),
                                   .summary = text(L, "summary"),
                                   .reference = text(L, "reference")};
  snprintf(s->hash, sizeof s->hash, "%s", text(L, "hash"));
  read_params(L, 1, s);
  s->component.params = s->params;
  kinds[k].set(L, 1, 3, s);
  lua_settop(L, 3);
  s->functions = luaL_ref(L, LUA_REGISTRYINDEX);
  if (borel_component_check(&s->component, &error)) return borel_lua_error(L, &error);
  return 1;
}

static int scripted_gc(lua_State *L) {
  scripted *s = luaL_checkudata(L, 1, SCRIPTED);
  luaL_unref(L, LUA_REGISTRYINDEX, s->functions);
  free(s->params);
  free(s->tuning);
  free(s->state);
  free(s->info);
  free(s->sites);
  *s = (scripted){.functions = LUA_NOREF};
  return 0;
}

const borel_component *borel_lua_scripted(lua_State *L, int index, const char **hash) {
  const scripted *s = luaL_testudata(L, index, SCRIPTED);
  if (!s) return NULL;
  creating = s;
  borel_lua_scripted_enter(L);
  if (hash) *hash = s->hash;
  return &s->component;
}

void borel_lua_scripted_enter(lua_State *L) {
  state = L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_state = lua_tothread(L, -1); /* lives longer than a coroutine */
  lua_pop(L, 1);
}

int borel_lua_is_scripted(const borel_component *component) {
  if (strcmp(component->kind, BOREL_KERNEL) == 0)
    return ((const borel_kernel_ops *)component->ops)->create == create;
  if (strcmp(component->kind, BOREL_DENSITY) == 0)
    return ((const borel_density_ops *)component->ops)->create == create;
  return ((const borel_resampler_ops *)component->ops)->create == create;
}

void borel_lua_open_scripted(lua_State *L) {
  luaL_newmetatable(L, SCRIPTED);
  lua_pushcfunction(L, scripted_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, scripted_new);
  lua_setfield(L, -2, "scripted");
}
