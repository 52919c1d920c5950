/* SPDX-License-Identifier: MIT
 * Trees of runs (infer/tree.h) for programs in Lua: core.tree(next, places). next(choices) runs the program
 * on a list of choices (1-based) and returns what comes after them: "choice", score, site, law; "end", score,
 * number; "dead"; or nothing when it is no finite choice. Sites and ends are numbers from 1 that the caller
 * gives. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "engine.h"
#include "infer/tree.h"
#include "random/source_philox.h"
#include "values.h"

#define TREE "borel.tree"
#define RUN "borel.tree.run"

typedef struct {
  borel_tree *tree;
  lua_State *L; /* of the call that is going on; its stack index 1 is a run or the tree, whose user value is
                   `next` */
  int next;     /* registry reference of the function */
  int failure;  /* the same of what it raised */
} program;

typedef struct {
  borel_tree_run *run;
  program *of;
} run;

/* ---- the program ----------------------------------------------------------------------------- */

static borel_status answer(lua_State *L, borel_tree_place *place, borel_error *error) {
  const char *kind = lua_tostring(L, -4);
  if (!kind) return BOREL_REJECT;
  place->score = lua_tonumber(L, -3);
  if (!strcmp(kind, "dead")) {
    place->kind = BOREL_TREE_DEAD;
  } else if (!strcmp(kind, "end")) {
    place->kind = BOREL_TREE_END;
    place->end = (uint32_t)lua_tointeger(L, -2) - 1;
  } else if (!strcmp(kind, "choice")) {
    place->kind = BOREL_TREE_CHOICE;
    place->site = (uint32_t)lua_tointeger(L, -2) - 1;
    place->law = (uint32_t)lua_tointeger(L, -1);
  } else {
    return borel_fail(error, BOREL_INTERNAL, "core.tree: next returned '%s'", kind);
  }
  return BOREL_OK;
}

static borel_status ask(void *self, const uint32_t *choices, size_t count, borel_tree_place *place,
                        borel_error *error) {
  program *p = self;
  lua_State *L = p->L;
  if (!lua_checkstack(L, 8)) return borel_fail(error, BOREL_INTERNAL, "core.tree: the stack is full");
  int top = lua_gettop(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->next);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)choices[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  if (lua_pcall(L, 1, 4, 0) != LUA_OK) {
    p->failure = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, top);
    return borel_fail(error, BOREL_INTERNAL, "core.tree: the program failed");
  }
  borel_status status = answer(L, place, error);
  lua_settop(L, top);
  return status;
}

/* Raises what has gone wrong: the program's own error, or the engine's. False when a choice was not finite.
 */
static int went_well(lua_State *L, program *p, borel_status status, const borel_error *error) {
  if (status == BOREL_OK) return 1;
  if (status == BOREL_REJECT) return 0;
  if (p->failure == LUA_NOREF) return borel_lua_error(L, error);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->failure);
  luaL_unref(L, LUA_REGISTRYINDEX, p->failure);
  p->failure = LUA_NOREF;
  return lua_error(L);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static program *check_tree(lua_State *L) {
  program *p = luaL_checkudata(L, 1, TREE);
  luaL_argcheck(L, p->tree, 1, "the tree is closed");
  return p;
}

static int tree_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_Integer places = luaL_checkinteger(L, 2);
  luaL_argcheck(L, places > 0 && places < (lua_Integer)1 << 30, 2, "a number of places");
  program *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (program){.next = LUA_NOREF, .failure = LUA_NOREF};
  luaL_setmetatable(L, TREE);
  lua_pushvalue(L, 1);
  p->next = luaL_ref(L, LUA_REGISTRYINDEX);
  p->tree = borel_tree_create((borel_tree_program){p, ask}, (size_t)places);
  if (!p->tree) borel_lua_fail(L, "out of memory for the tree of runs");
  return 1;
}

static int tree_gc(lua_State *L) {
  program *p = luaL_checkudata(L, 1, TREE);
  borel_tree_destroy(p->tree);
  luaL_unref(L, LUA_REGISTRYINDEX, p->next);
  p->tree = NULL;
  p->next = LUA_NOREF;
  return 0;
}

/* tree:law(support, {p1, p2, ...}) -> its number; support is a number that the caller gives. */
static int tree_law(lua_State *L) {
  program *p = check_tree(L);
  lua_Integer support = luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  size_t n = lua_rawlen(L, 3);
  luaL_argcheck(L, n > 0, 3, "a list of probabilities");
  double *probabilities = lua_newuserdatauv(L, n * sizeof *probabilities, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    probabilities[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  uint32_t law = borel_tree_law(p->tree, (uint32_t)support, probabilities, n);
  if (!law) borel_lua_fail(L, "out of memory for the tree of runs");
  lua_pushinteger(L, law);
  return 1;
}

/* #tree: places that are known. */
static int tree_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)borel_tree_places(check_tree(L)->tree));
  return 1;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* tree:run() -> a run that is nowhere yet */
static int run_new(lua_State *L) {
  program *p = check_tree(L);
  run *r = lua_newuserdatauv(L, sizeof *r, 1);
  *r = (run){.of = p};
  luaL_setmetatable(L, RUN);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  r->run = borel_tree_run_create(p->tree);
  if (!r->run) borel_lua_fail(L, "out of memory for a run");
  return 1;
}

static run *check_run(lua_State *L) {
  run *r = luaL_checkudata(L, 1, RUN);
  luaL_argcheck(L, r->run && r->of->tree, 1, "the run is closed");
  r->of->L = L;
  return r;
}

static int run_gc(lua_State *L) {
  run *r = luaL_checkudata(L, 1, RUN);
  borel_tree_run_destroy(r->run);
  r->run = NULL;
  return 0;
}

/* run:draw(source) -> log-weight of a run from the prior; nil when a choice is not finite */
static int run_draw(lua_State *L) {
  run *r = check_run(L);
  borel_rng *rng = borel_lua_rng(L, 2);
  borel_error error = {0};
  borel_status status = borel_tree_draw(r->run, rng, &error);
  if (rng->status) return borel_lua_error(L, rng->error);
  if (!went_well(L, r->of, status, &error)) return 0;
  lua_pushnumber(L, borel_tree_score(r->run));
  return 1;
}

/* run:step(source) -> 1 accepted, 0 refused, -1 nothing to move; nil when a choice is not finite */
static int run_step(lua_State *L) {
  run *r = check_run(L);
  borel_rng *rng = borel_lua_rng(L, 2);
  borel_error error = {0};
  int accepted = 0;
  borel_status status = borel_tree_step(r->run, rng, &accepted, &error);
  if (rng->status) return borel_lua_error(L, rng->error);
  if (!went_well(L, r->of, status, &error)) return 0;
  lua_pushinteger(L, accepted);
  return 1;
}

/* run:chain(key, lane, first, ends, accepted): steps with the streams of cells (key, lane, first + k); ends
 * and accepted, i64 arrays [steps], get the end after each and 1 where it was accepted, else 0 -> how many
 * were made. Fewer than asked: a choice was not finite. */
static int run_chain(lua_State *L) {
  run *r = check_run(L);
  uint64_t key = (uint64_t)luaL_checkinteger(L, 2), first = (uint64_t)luaL_checkinteger(L, 4);
  uint32_t lane = (uint32_t)luaL_checkinteger(L, 3);
  borel_array *ends = borel_lua_checkarray(L, 5), *accepted_at = borel_lua_checkarray(L, 6);
  luaL_argcheck(L, ends->dtype == BOREL_I64 && ends->shape.rank == 1, 5, "an i64 vector");
  luaL_argcheck(L, accepted_at->dtype == BOREL_I64 && borel_shape_equal(&accepted_at->shape, &ends->shape), 6,
                "an i64 vector of the same size");
  borel_error error = {0};
  borel_philox_rng source;
  int64_t *out = ends->data, *yes = accepted_at->data, count = borel_shape_size(&ends->shape), k = 0;
  for (; k < count; k++) {
    int accepted = 0;
    borel_philox_open(&source, key, lane, first + (uint64_t)k, 0, &error);
    borel_status status = borel_tree_step(r->run, &source.rng, &accepted, &error);
    if (!went_well(L, r->of, status, &error)) break;
    yes[k] = accepted == 1;
    out[k] = (int64_t)borel_tree_end(r->run) + 1;
  }
  lua_pushinteger(L, k);
  return 1;
}

/* run:choices() -> list of choices, 1-based, the number of the end, the log-weight */
static int run_choices(lua_State *L) {
  run *r = check_run(L);
  size_t count;
  const uint32_t *choices = borel_tree_choices(r->run, &count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)choices[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushinteger(L, (lua_Integer)borel_tree_end(r->run) + 1);
  lua_pushnumber(L, borel_tree_score(r->run));
  return 3;
}

/* run:take(choices): back to the run of an i64 array or a list of choices, as run:choices gives them */
static int run_take(lua_State *L) {
  run *r = check_run(L);
  const borel_array *given = borel_lua_toarray(L, 2);
  size_t count = (size_t)borel_shape_size(&given->shape);
  uint32_t *choices = lua_newuserdatauv(L, (count + 1) * sizeof *choices, 0);
  for (size_t i = 0; i < count; i++) choices[i] = (uint32_t)borel_array_at(given, (int64_t)i) - 1;
  borel_error error = {0};
  if (!went_well(L, r->of, borel_tree_take(r->run, choices, count, &error), &error))
    borel_lua_fail(L, "a choice of the run is no longer a single value of a finite law");
  return 0;
}

static void metatable(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
}

void borel_lua_open_tree(lua_State *L) {
  static const luaL_Reg of_trees[] = {{"law", tree_law}, {"run", run_new}, {NULL, NULL}};
  static const luaL_Reg of_runs[] = {{"draw", run_draw},       {"step", run_step}, {"chain", run_chain},
                                     {"choices", run_choices}, {"take", run_take}, {NULL, NULL}};
  metatable(L, TREE, of_trees, tree_gc);
  lua_pushcfunction(L, tree_len);
  lua_setfield(L, -2, "__len");
  lua_pop(L, 1);
  metatable(L, RUN, of_runs, run_gc);
  lua_pop(L, 1);
  lua_pushcfunction(L, tree_new);
  lua_setfield(L, -2, "tree");
}
