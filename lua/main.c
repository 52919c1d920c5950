/* SPDX-License-Identifier: MIT
 * The program `borel`: a Lua state with the standard library in reach, which runs borel/cli.lua. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "core/interrupt.h"
#include "engine.h"
#include "values.h"

/* The standard library: the variable BOREL_STDLIB, else Borel's own. */
static const char *stdlib_folder(char path[BOREL_PLACE_SIZE]) {
  const char *chosen = getenv("BOREL_STDLIB");
  if (chosen && *chosen) return chosen;
  borel_lua_place(BOREL_STDLIB, path);
  return path;
}

static int open_core(lua_State *L) {
  luaopen_borel_core(L);
  borel_lua_open_model(L);
  borel_lua_open_component(L);
  borel_lua_open_compose(L);
  borel_lua_open_run(L);
  borel_lua_open_data(L);
  borel_lua_open_rows(L);
  borel_lua_open_choice(L);
  borel_lua_open_lanes(L);
  borel_lua_open_weights(L);
  borel_lua_open_tree(L);
  borel_lua_open_draws(L);
  borel_lua_open_resampler(L);
  borel_lua_open_diffusion(L);
  borel_lua_open_reverse(L);
  borel_lua_open_stepper(L);
  borel_lua_open_canvas(L);
  borel_lua_open_involution(L);
  borel_lua_open_scripted(L);
  borel_lua_open_system(L);
  borel_lua_open_place(L);
  return 1;
}

/* Finds "borel" and "borel.x" in the standard library, under chunk names "=borel/x.lua": errors skip these
 * frames on their way to the user's line. */
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1), *folder = lua_tostring(L, lua_upvalueindex(1));
  if (strcmp(name, "borel") != 0 && strncmp(name, "borel.", 6) != 0) return 0;
  const char *part = luaL_gsub(L, name[5] ? name + 6 : "init", ".", "/");
  const char *path = lua_pushfstring(L, "%s/borel/%s.lua", folder, part);
  FILE *file = fopen(path, "rb");
  if (!file) {
    lua_pushfstring(L, "no file '%s'", path);
    return 1;
  }
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (size_t n; (n = fread(luaL_prepbuffer(&text), 1, LUAL_BUFFERSIZE, file)) > 0;) luaL_addsize(&text, n);
  fclose(file);
  luaL_pushresult(&text);
  const char *chunk = lua_pushfstring(L, "=borel/%s.lua", part);
  size_t length;
  const char *source = lua_tolstring(L, -2, &length);
  if (luaL_loadbufferx(L, source, length, chunk, "t")) return lua_error(L);
  lua_pushstring(L, path);
  return 2;
}

/* A traceback only for developers (BOREL_TRACEBACK): users get one line. */
static int on_error(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING && getenv("BOREL_TRACEBACK")) luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

static lua_State *program;       /* for the signal handler */
static char interrupted_at[200]; /* "model.lua:3" */

/* Stops Lua wherever it is. The hook stays: a pcall of the script that catches the error gets the next one.
 */
static void stop(lua_State *L, lua_Debug *about) {
  (void)about;
  if (!interrupted_at[0]) {
    borel_lua_position(L);
    snprintf(interrupted_at, sizeof interrupted_at, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  luaL_error(L, "interrupted");
}

/* A second signal ends the program. While chains run nothing runs in Lua but their display; core.run takes
 * the hook away when they have stopped. */
static void on_interrupt(int signal_number) {
  signal(signal_number, SIG_DFL);
  borel_interrupt();
  lua_sethook(program, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void catch_interrupt(lua_State *L) {
  struct sigaction handler = {.sa_handler = on_interrupt}, before;
  program = L;
  if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
    sigaction(SIGINT, &handler, NULL);
}

/* What ended the script, said in one line. */
static void say(lua_State *L) {
  if (borel_interrupted())
    fprintf(stderr, "borel: interrupted%s%s\n", interrupted_at[0] ? " at " : "", interrupted_at);
  else if (lua_type(L, -1) == LUA_TSTRING || luaL_getmetafield(L, -1, "__tostring") != LUA_TNIL)
    fprintf(stderr, "borel: %s\n", luaL_tolstring(L, lua_type(L, -1) == LUA_TSTRING ? -1 : -2, NULL));
  else
    fprintf(stderr, "borel: the script raised an error that is no text (a %s)\n", luaL_typename(L, -1));
}

/* ---- start ----------------------------------------------------------------------------------- */

static int start(lua_State *L) {
  char path[BOREL_PLACE_SIZE];
  luaL_openlibs(L);
  luaL_requiref(L, "borel.core", open_core, 0);
  lua_pop(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_pushstring(L, stdlib_folder(path));
  lua_pushcclosure(L, search, 1);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_settop(L, 2);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "borel.cli");
  lua_call(L, 1, 1);
  char **argv = lua_touserdata(L, 2);
  int argc = (int)lua_tointeger(L, 1);
  lua_createtable(L, argc, 0);
  for (int i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  return 1;
}

int main(int argc, char **argv) {
  signal(SIGXFSZ, SIG_IGN); /* a file size limit is a write error with a message */
  signal(SIGPIPE, SIG_DFL);
  lua_State *L = luaL_newstate();
  if (!L) {
    fprintf(stderr, "borel: out of memory\n");
    return 1;
  }
  lua_pushcfunction(L, on_error);
  lua_pushcfunction(L, start);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int code = 1;
  catch_interrupt(L);
  int status = lua_pcall(L, 2, 1, 1);
  if (borel_interrupted()) lua_sethook(L, NULL, 0, 0);
  if (status == LUA_OK)
    code = (int)lua_tointeger(L, -1);
  else
    say(L);
  if (borel_interrupted()) code = 128 + SIGINT; /* as a shell calls it */
  lua_close(L);
  return code;
}
