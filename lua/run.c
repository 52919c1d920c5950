/* SPDX-License-Identifier: MIT
 * Runs for Lua: the run directory, the chains, reading a run back, its diagnostics. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "diagnose/diagnose.h"
#include "engine.h"
#include "host/compose.h"
#include "infer/run.h"
#include "infer/workers.h"
#include "store/log.h"
#include "store/manifest.h"
#include "store/rundir.h"
#include "values.h"

#define RUNDIR "borel.rundir"

/* ---- run directories ------------------------------------------------------------------------- */

static borel_rundir *check_rundir(lua_State *L, int index) {
  borel_rundir **box = luaL_checkudata(L, index, RUNDIR);
  if (!*box) luaL_error(L, "this run directory is closed");
  return *box;
}

static borel_rundir **push_rundir(lua_State *L) {
  borel_rundir **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, RUNDIR);
  return box;
}

/* core.rundir_create(path, replace) or core.rundir_create(nil, parent, name) */
static int rundir_create(lua_State *L) {
  borel_error error = {0};
  borel_rundir **box = push_rundir(L);
  borel_status status =
      lua_isnil(L, 1) ? borel_rundir_create_next(luaL_checkstring(L, 2), luaL_checkstring(L, 3), box, &error)
                      : borel_rundir_create(luaL_checkstring(L, 1),
                                            lua_toboolean(L, 2) ? BOREL_RUNDIR_REPLACE : 0, box, &error);
  return status ? borel_lua_error(L, &error) : 1;
}

/* core.rundir_open(path, write) */
static int rundir_open(lua_State *L) {
  borel_error error = {0};
  borel_rundir **box = push_rundir(L);
  return borel_rundir_open(luaL_checkstring(L, 1), lua_toboolean(L, 2), box, &error)
             ? borel_lua_error(L, &error)
             : 1;
}

static int rundir_close(lua_State *L) {
  borel_rundir **box = luaL_checkudata(L, 1, RUNDIR);
  borel_rundir_close(*box);
  *box = NULL;
  return 0;
}

static int rundir_path(lua_State *L) {
  lua_pushstring(L, borel_rundir_path(check_rundir(L, 1)));
  return 1;
}

/* rundir:write_manifest(json text) */
static int rundir_write_manifest(lua_State *L) {
  borel_error error = {0};
  borel_rundir *rundir = check_rundir(L, 1);
  json_error_t trouble;
  json_t *manifest = json_loads(luaL_checkstring(L, 2), 0, &trouble);
  borel_status status = manifest ? borel_manifest_write(borel_rundir_path(rundir), manifest, &error)
                                 : borel_fail(&error, BOREL_ARG, "manifest: %s", trouble.text);
  json_decref(manifest);
  return status ? borel_lua_error(L, &error) : 0;
}

/* rundir:read_manifest(): JSON text */
static int rundir_read_manifest(lua_State *L) {
  borel_error error = {0};
  json_t *manifest = NULL;
  if (borel_manifest_read(borel_rundir_path(check_rundir(L, 1)), &manifest, &error))
    return borel_lua_error(L, &error);
  char *text = json_dumps(manifest, 0);
  json_decref(manifest);
  lua_pushstring(L, text);
  free(text);
  return 1;
}

/* ---- running --------------------------------------------------------------------------------- */

/* A plugin may not end the process; when one does while chains run, somebody should hear of it. */
static volatile sig_atomic_t chains_run;
static pid_t runner; /* a worker process that ends is spoken of by the run */
static void on_exit_in_a_run(void) {
  if (!chains_run || getpid() != runner) return;
  fputs("borel: the process was ended from inside a run: does a plugin call exit? Draws so far are kept\n",
        stderr);
  _exit(1);
}

static const char *const state_names[] = {"waiting", "running", "done", "failed"};

static void push_progress(lua_State *L, const borel_run_options *options, borel_chain_progress *chains) {
  lua_createtable(L, (int)options->chains, 0);
  for (unsigned i = 0; i < options->chains; i++) {
    borel_chain_progress *p = &chains[i];
    int state = atomic_load(&p->state);
    lua_createtable(L, 0, 7);
#define FIELD(push, name) (push, lua_setfield(L, -2, name))
    FIELD(lua_pushstring(L, state_names[state]), "state");
    FIELD(lua_pushinteger(L, (lua_Integer)atomic_load(&p->iteration)), "iteration");
    FIELD(lua_pushinteger(L, (lua_Integer)atomic_load(&p->gradients)), "gradients");
    FIELD(lua_pushinteger(L, (lua_Integer)atomic_load(&p->densities)), "densities");
    FIELD(lua_pushinteger(L, (lua_Integer)atomic_load(&p->divergences)), "divergences");
    FIELD(lua_pushnumber(L, atomic_load(&p->step_size)), "step_size");
    if (state == BOREL_CHAIN_FAILED) {
      FIELD(lua_pushstring(L, p->error.message), "error");
      FIELD(lua_pushstring(L, borel_status_name(p->error.code)), "code");
    }
#undef FIELD
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

typedef struct {
  lua_State *L;
  int watcher; /* index of the function on the stack, 0: none */
  int failed;  /* the watcher raised: its message is on the stack */
} watching;

static int watch(void *context, const borel_run_options *options, borel_chain_progress *chains) {
  watching *w = context;
  if (w->watcher && !w->failed && !borel_interrupted()) {
    lua_pushvalue(w->L, w->watcher);
    push_progress(w->L, options, chains);
    if (lua_pcall(w->L, 1, 0, 0) != LUA_OK) w->failed = 1;
  }
  return borel_interrupted() || w->failed;
}

/* What core.run and core.run_workers return: the progress of each chain, then the error and its code, if
 * there is one. Raises the watcher's own error. */
static int run_results(lua_State *L, const watching *w, const borel_run_options *options,
                       borel_chain_progress *progress, borel_status status, const borel_error *error) {
  /* Chains that were interrupted have stopped in good order: Lua goes on to say so (main.c set the hook). */
  int failed = w->failed && !borel_interrupted();
  if (borel_interrupted()) lua_sethook(L, NULL, 0, 0);
  if (failed) {
    free(progress);
    return lua_error(L);
  }
  push_progress(L, options, progress);
  free(progress);
  if (!status) return 1;
  lua_pushstring(L, error->message);
  lua_pushstring(L, borel_status_name(error->code));
  return 3;
}

static borel_chain_progress *new_progress(lua_State *L, unsigned chains) {
  borel_chain_progress *progress = aligned_alloc(128, (chains + 1) * sizeof *progress);
  if (!progress) luaL_error(L, "out of memory for %d chains", (int)chains);
  memset(progress, 0, (chains + 1) * sizeof *progress);
  return progress;
}

static lua_Integer option(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  lua_Integer value = luaL_optinteger(L, -1, 0);
  lua_pop(L, 1);
  return value;
}

/* core.interrupted(): was the program asked to stop? */
static int is_interrupted(lua_State *L) {
  lua_pushboolean(L, borel_interrupted());
  return 1;
}

/* Field `name` of the table at 1, an f64 array or nil: its numbers. The table holds it. */
static const double *numbers(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const borel_array *array = lua_isnil(L, -1) ? NULL : borel_lua_checkarray(L, -1);
  lua_pop(L, 1);
  return array ? array->data : NULL;
}

/* core.run{source =, kernel =, directory =, chains =, threads =, warmup =, draws =, seed =,
 * checkpoint_every =, checkpoint_seconds =, pathfinder =, start_u =, start_z =, resume =, watcher =}: the
 * progress of each chain, then the error and its code (nil when there is none). The caller has checked the
 * numbers. */
static int run_chains(lua_State *L) {
  borel_error error = {0};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "source");    /* 2 */
  lua_getfield(L, 1, "kernel");    /* 3 */
  lua_getfield(L, 1, "directory"); /* 4 */
  lua_getfield(L, 1, "watcher");   /* 5 */
  lua_getfield(L, 1, "resume");    /* 6 */
  const borel_source *source = borel_lua_source(L, 2);
  borel_kernel *kernel = borel_lua_kernel(L, 3);
  borel_rundir *directory = check_rundir(L, 4);
  borel_run_options options = {
      .chains = (unsigned)option(L, "chains"),
      .threads = (unsigned)option(L, "threads"),
      .warmup = (uint64_t)option(L, "warmup"),
      .draws = (uint64_t)option(L, "draws"),
      .seed = (uint64_t)option(L, "seed"),
      .checkpoint_every = (uint64_t)option(L, "checkpoint_every"),
      .checkpoint_seconds = (double)option(L, "checkpoint_seconds"),
      .pathfinder = option(L, "pathfinder") != 0,
      .start_u = numbers(L, "start_u"),
      .start_z = numbers(L, "start_z"),
      .resume = lua_toboolean(L, 6),
      .processes = borel_kernel_any(kernel, borel_lua_is_scripted) || borel_lua_source_is_scripted(L, 2),
  };
  borel_chain_progress *progress = new_progress(L, options.chains);
  watching w = {L, lua_isfunction(L, 5) ? 5 : 0, 0};
  borel_lua_scripted_enter(L);
  static int registered;
  if (!registered) registered = atexit(on_exit_in_a_run) == 0;
  chains_run = 1;
  runner = getpid();
  borel_status status = borel_run_chains(source, kernel, &options, directory, progress, watch, &w, &error);
  chains_run = 0;
  return run_results(L, &w, &options, progress, status, &error);
}

/* ---- chains that Lua makes ------------------------------------------------------------------- */

typedef struct {
  borel_chain_progress *progress;
  const atomic_int *cancelled;
} reporting;

/* report(iterations made): is the chain to stop? */
static int report(lua_State *L) {
  const reporting *r = lua_touserdata(L, lua_upvalueindex(1));
  atomic_store(&r->progress->iteration, (uint64_t)luaL_checkinteger(L, 1));
  lua_pushboolean(L, atomic_load(r->cancelled));
  return 1;
}

/* One chain, in its own process: calls the function at 2 with its number, from 1, and `report`. */
static void run_body(void *self, unsigned chain, borel_chain_progress *progress,
                     const atomic_int *cancelled) {
  lua_State *L = self;
  atomic_store(&progress->state, BOREL_CHAIN_RUNNING);
  reporting about = {progress, cancelled};
  lua_pushvalue(L, 2);
  lua_pushinteger(L, (lua_Integer)chain + 1);
  lua_pushlightuserdata(L, &about);
  lua_pushcclosure(L, report, 1);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
    borel_fail(&progress->error, BOREL_ARG, "%s", luaL_tolstring(L, -1, NULL));
  } else if (!lua_toboolean(L, -1)) {
    borel_fail(&progress->error, BOREL_CANCELLED, "stopped on request after %llu iterations",
               (unsigned long long)atomic_load(&progress->iteration));
  }
  atomic_store(&progress->state, progress->error.code ? BOREL_CHAIN_FAILED : BOREL_CHAIN_DONE);
}

/* core.run_workers{chains =, threads =, warmup =, draws =, drops =, body =, watcher =}: calls body(chain,
 * report) for each chain in a process of its own, `threads` at a time; it returns true when it has come to
 * its end, false when report(iterations) said that it is to stop. drops: a chain that is to stop is ended
 * where it is. Results as of core.run. */
static int run_workers(lua_State *L) {
  borel_error error = {0};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "body");    /* 2 */
  lua_getfield(L, 1, "watcher"); /* 3 */
  lua_getfield(L, 1, "drops");   /* 4 */
  borel_run_options options = {.chains = (unsigned)option(L, "chains"),
                               .warmup = (uint64_t)option(L, "warmup"),
                               .draws = (uint64_t)option(L, "draws")};
  unsigned at_once = borel_run_threads((unsigned)option(L, "threads"), options.chains);
  borel_chain_progress *progress = new_progress(L, options.chains);
  watching w = {L, lua_isfunction(L, 3) ? 3 : 0, 0};
  borel_work work = {run_body, L, lua_toboolean(L, 4)};
  borel_status status = borel_workers_run(&work, &options, progress, at_once, watch, &w, &error);
  if (!status) status = borel_run_failure(progress, options.chains, &error);
  return run_results(L, &w, &options, progress, status, &error);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A matrix [rows, columns] that malloc gave, as an array. */
static void push_matrix(lua_State *L, const double *values, size_t rows, size_t columns) {
  borel_array array = borel_array_new(BOREL_F64, &(borel_shape){2, {(int64_t)rows, (int64_t)columns}});
  if (array.data && values) memcpy(array.data, values, rows * columns * sizeof *values);
  borel_lua_pusharray(L, array);
}

/* core.read_log(path [, warmup]): {header = text, draws = n, values = [n, V], info = [n, I], u = [n, D], z =
 * [n, K], tail = text or nil} of the draws, or of the warm-up. */
static int read_log(lua_State *L) {
  borel_error error = {0};
  const char *path = luaL_checkstring(L, 1);
  borel_log_reader *reader = NULL;
  borel_log_block block = {0};
  if (borel_log_open(path, &reader, &error)) return borel_lua_error(L, &error);
  if (borel_log_load(reader, lua_toboolean(L, 2) ? BOREL_LOG_WARMUP : BOREL_LOG_DRAWS, 0,
                     BOREL_LOG_LOAD_VALUES | BOREL_LOG_LOAD_INFO | BOREL_LOG_LOAD_U | BOREL_LOG_LOAD_Z,
                     &block, &error)) {
    borel_log_reader_free(reader);
    return borel_lua_error(L, &error);
  }
  size_t length;
  const char *header = borel_log_header(reader, &length);
  lua_newtable(L);
  lua_pushlstring(L, header, length);
  lua_setfield(L, -2, "header");
  lua_pushinteger(L, (lua_Integer)block.draws);
  lua_setfield(L, -2, "draws");
  push_matrix(L, block.values, block.draws, block.V);
  lua_setfield(L, -2, "values");
  push_matrix(L, block.info, block.draws, block.I);
  lua_setfield(L, -2, "info");
  push_matrix(L, block.u, block.draws, block.D);
  lua_setfield(L, -2, "u");
  borel_array z = borel_array_new(BOREL_I64, &(borel_shape){2, {(int64_t)block.draws, (int64_t)block.K}});
  if (z.data && block.z) memcpy(z.data, block.z, block.draws * block.K * sizeof *block.z);
  borel_lua_pusharray(L, z);
  lua_setfield(L, -2, "z");
  if (block.tail.code) {
    lua_pushstring(L, block.tail.message);
    lua_setfield(L, -2, "tail");
  }
  borel_log_block_free(&block);
  borel_log_reader_free(reader);
  return 1;
}

/* ---- diagnostics ----------------------------------------------------------------------------- */

/* Copies column `column` (1-based) of the matrices at `index` (a list, one a chain, equal rows) into
 * [chains, draws]; raises on bad input. */
static double *gather_column(lua_State *L, int index, lua_Integer column, size_t *chains, size_t *draws) {
  luaL_checktype(L, index, LUA_TTABLE);
  *chains = lua_rawlen(L, index);
  *draws = 0;
  double *x = NULL;
  for (size_t c = 0; c < *chains; c++) {
    lua_rawgeti(L, index, (lua_Integer)c + 1);
    const borel_array *m = borel_lua_toarray(L, -1);
    luaL_argcheck(L, m->shape.rank == 2 && column >= 1 && column <= m->shape.extent[1], index,
                  "no such column");
    if (c == 0) {
      *draws = (size_t)m->shape.extent[0];
      x = lua_newuserdatauv(L, (*chains * *draws + 1) * sizeof *x, 0);
      lua_insert(L, -2);
    }
    luaL_argcheck(L, (size_t)m->shape.extent[0] == *draws, index, "chains of different lengths");
    for (size_t i = 0; i < *draws; i++)
      x[c * *draws + i] = borel_array_at(m, (int64_t)i * m->shape.extent[1] + column - 1);
    lua_pop(L, 1);
  }
  return x;
}

/* core.summarise(list of [draws, V], column): {mean, sd, mcse_mean, mcse_sd, q5, median, q95, ess_bulk,
 * ess_tail, rhat} */
static int summarise(lua_State *L) {
  size_t chains, draws;
  double *x = gather_column(L, 1, luaL_checkinteger(L, 2), &chains, &draws);
  struct borel_summary s;
  borel_summarise(x, chains, draws, &s);
  lua_newtable(L);
#define FIELD(name) (lua_pushnumber(L, s.name), lua_setfield(L, -2, #name))
  FIELD(mean), FIELD(sd), FIELD(mcse_mean), FIELD(mcse_sd), FIELD(q5), FIELD(median), FIELD(q95),
      FIELD(ess_bulk), FIELD(ess_tail), FIELD(rhat);
#undef FIELD
  return 1;
}

/* core.ebfmi(list of [draws, I], column): a list, one number a chain */
static int ebfmi(lua_State *L) {
  size_t chains, draws;
  double *x = gather_column(L, 1, luaL_checkinteger(L, 2), &chains, &draws);
  lua_newtable(L);
  for (size_t c = 0; c < chains; c++) {
    lua_pushnumber(L, borel_ebfmi(x + c * draws, draws));
    lua_rawseti(L, -2, (lua_Integer)c + 1);
  }
  return 1;
}

void borel_lua_open_run(lua_State *L) {
  static const luaL_Reg methods[] = {{"path", rundir_path},
                                     {"close", rundir_close},
                                     {"write_manifest", rundir_write_manifest},
                                     {"read_manifest", rundir_read_manifest},
                                     {NULL, NULL}};
  luaL_newmetatable(L, RUNDIR);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, rundir_close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"rundir_create", rundir_create},
                                       {"rundir_open", rundir_open},
                                       {"run", run_chains},
                                       {"run_workers", run_workers},
                                       {"interrupted", is_interrupted},
                                       {"read_log", read_log},
                                       {"summarise", summarise},
                                       {"ebfmi", ebfmi},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
