/* SPDX-License-Identifier: MIT
 * What the standard library asks of the system: clocks, terminals, files, the nearest name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compile/driver.h"
#include "core/hash.h"
#include "core/suggest.h"
#include "core/version.h"
#include "engine.h"
#include "values.h"

/* core.clock(): seconds of a monotonic clock */
static int clock_now(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
  return 1;
}

/* core.terminal_width(): columns of the terminal behind stderr, nil when it is none */
static int terminal_width(lua_State *L) {
  struct winsize size;
  if (!isatty(2)) return 0;
  lua_pushinteger(L, ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80);
  return 1;
}

/* core.nearest(word, names): the name that is most like it, or nil */
static int nearest(lua_State *L) {
  const char *word = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t n = lua_rawlen(L, 2);
  const char **names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    names[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  lua_pushstring(L, borel_nearest(word, names, n));
  return 1;
}

/* core.file_info(path): "file" or "directory" (nil when there is none), size, absolute path */
static int file_info(lua_State *L) {
  struct stat st;
  const char *path = luaL_checkstring(L, 1);
  if (stat(path, &st)) return 0;
  lua_pushstring(L, S_ISDIR(st.st_mode) ? "directory" : "file");
  lua_pushinteger(L, st.st_size);
  char *full = realpath(path, NULL);
  lua_pushstring(L, full ? full : path);
  free(full);
  return 3;
}

/* core.hash(text): 16 hexadecimal digits */
static int hash_text(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  char out[20];
  snprintf(out, sizeof out, "%016llx", (unsigned long long)borel_hash(text, length, 0));
  lua_pushstring(L, out);
  return 1;
}

static int compile_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)borel_compile_count());
  return 1;
}

static int chdir_to(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (chdir(path)) return luaL_error(L, "%s: %s", path, strerror(errno));
  return 0;
}

static int current_folder(lua_State *L) {
  char *path = getcwd(NULL, 0);
  lua_pushstring(L, path ? path : ".");
  free(path);
  return 1;
}

/* core.create_folder(path): fine when it is there */
static int create_folder(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct stat st;
  if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))) return 0;
  lua_pushfstring(L, "%s: %s", path, strerror(errno));
  return lua_error(L);
}

/* core.create_file(path, text, executable): refuses a path that exists. */
static int create_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, lua_toboolean(L, 3) ? 0777 : 0666);
  FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
  int written = file && fwrite(text, 1, length, file) == length;
  if (file && fclose(file) == 0 && written) return 0;
  lua_pushfstring(L, "%s: %s", path, strerror(errno));
  return lua_error(L);
}

void borel_lua_open_system(lua_State *L) {
  static const luaL_Reg functions[] = {{"clock", clock_now},
                                       {"terminal_width", terminal_width},
                                       {"nearest", nearest},
                                       {"file_info", file_info},
                                       {"hash", hash_text},
                                       {"compile_count", compile_count},
                                       {"chdir", chdir_to},
                                       {"current_folder", current_folder},
                                       {"create_file", create_file},
                                       {"create_folder", create_folder},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_pushstring(L, borel_version());
  lua_setfield(L, -2, "version");
  lua_pushstring(L, borel_build_id());
  lua_setfield(L, -2, "build_id");
}
