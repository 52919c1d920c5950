/* SPDX-License-Identifier: MIT
 * Where the parts of Borel lie. Installed, they are found relative to the program, so that the whole tree may
 * be moved; in a build tree, where CMake put them. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

static const struct {
  const char *installed, *built; /* the first is relative to the folder of the program */
} places[] = {
    [BOREL_STDLIB] = {BOREL_FROM_BIN_STDLIB, BOREL_STDLIB_DIR},
    [BOREL_PLUGINS] = {BOREL_FROM_BIN_PLUGINS, BOREL_PLUGIN_DIR},
    [BOREL_HEADERS] = {BOREL_FROM_BIN_HEADERS, BOREL_HEADER_DIR},
};

void borel_lua_place(borel_lua_folder place, char path[BOREL_PLACE_SIZE]) {
  char program[PATH_MAX], real[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  program[n > 0 ? n : 0] = 0;
  char *slash = strrchr(program, '/');
  if (slash) *slash = 0;
  int length = snprintf(path, BOREL_PLACE_SIZE, "%s/%s", program, places[place].installed);
  if (slash && length > 0 && length < BOREL_PLACE_SIZE && realpath(path, real))
    snprintf(path, BOREL_PLACE_SIZE, "%s", real);
  else
    snprintf(path, BOREL_PLACE_SIZE, "%s", places[place].built);
}

/* core.place("stdlib" | "plugins" | "headers" | "program"): the path of that folder, or of the program */
static int place_of(lua_State *L) {
  enum { PROGRAM = BOREL_HEADERS + 1 };
  static const char *const names[] = {[BOREL_STDLIB] = "stdlib",
                                      [BOREL_PLUGINS] = "plugins",
                                      [BOREL_HEADERS] = "headers",
                                      [PROGRAM] = "program",
                                      NULL};
  char path[BOREL_PLACE_SIZE];
  int place = luaL_checkoption(L, 1, NULL, names);
  if (place != PROGRAM)
    borel_lua_place((borel_lua_folder)place, path);
  else if (!realpath("/proc/self/exe", path))
    return luaL_error(L, "the path of the program is not known");
  lua_pushstring(L, path);
  return 1;
}

void borel_lua_open_place(lua_State *L) {
  lua_pushcfunction(L, place_of);
  lua_setfield(L, -2, "place");
}
