/* SPDX-License-Identifier: MIT
 * Errors at the line of the person who wrote the model, not of the library that noticed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/suggest.h"
#include "values.h"

void borel_lua_position(lua_State *L) {
  lua_Debug frame;
  for (int level = 0; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sl", &frame);
    if (frame.currentline < 0 || strncmp(frame.source, "=borel/", 7) == 0) continue;
    lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
    return;
  }
  lua_pushliteral(L, "");
}

static _Noreturn void raise_message(lua_State *L, const char *message) {
  borel_lua_position(L);
  if (lua_rawlen(L, -1) > 0)
    lua_pushliteral(L, ": ");
  else
    lua_pushliteral(L, "");
  lua_pushstring(L, message);
  lua_concat(L, 3);
  lua_error(L);
  __builtin_unreachable();
}

int borel_lua_error(lua_State *L, const borel_error *error) { raise_message(L, error->message); }

int borel_lua_fail(lua_State *L, const char *format, ...) {
  char message[sizeof((borel_error *)0)->message];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  raise_message(L, message);
}

const char *borel_lua_typename(lua_State *L, int index) {
  if (luaL_testudata(L, index, "borel.array")) return "array";
  if (luaL_testudata(L, index, "borel.node")) return "symbolic value";
  if (luaL_testudata(L, index, "borel.particles")) return "value of all particles";
  if (borel_lua_ismissing(L, index)) return "missing value";
  return luaL_typename(L, index);
}

int borel_lua_options(lua_State *L, int index, const char *function, const char *const *known, size_t count) {
  if (lua_isnoneornil(L, index)) return 0;
  if (lua_type(L, index) != LUA_TTABLE)
    borel_lua_fail(L, "%s: options are a table, got a %s", function, borel_lua_typename(L, index));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    size_t i = 0;
    while (name && i < count && strcmp(name, known[i]) != 0) i++;
    if (name && i < count) continue;
    if (!name) borel_lua_fail(L, "%s: options have names, as in {%s = ...}", function, known[0]);
    const char *nearest = borel_nearest(name, known, count);
    borel_lua_fail(L, "%s: unknown option '%s'%s%s%s", function, name, nearest ? "; did you mean '" : "",
                   nearest ? nearest : "", nearest ? "'?" : "");
  }
  return 1;
}

/* core.position() -> "file:line" of the caller outside the standard library. */
static int position(lua_State *L) {
  borel_lua_position(L);
  return 1;
}

/* core.error(message): raises it with that position. */
static int raise_error(lua_State *L) { raise_message(L, luaL_checkstring(L, 1)); }

void borel_lua_open_where(lua_State *L) {
  lua_pushcfunction(L, position);
  lua_setfield(L, 1, "position");
  lua_pushcfunction(L, raise_error);
  lua_setfield(L, 1, "error");
}
