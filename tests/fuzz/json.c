/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of JSON data: jansson, and what makes arrays of lists; then what writes them back. */
#include <stdlib.h>

#include "values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A state for each input, so that a leak shows where it is made. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_requiref(L, "borel.core", luaopen_borel_core, 0);
  lua_getfield(L, 1, "to_json");
  lua_getfield(L, 1, "parse_json");
  lua_pushlstring(L, (const char *)data, size);
  int code = lua_pcall(L, 1, 1, 0);
  if (code == LUA_OK) code = lua_pcall(L, 1, 1, 0);
  if (code != LUA_OK && lua_type(L, -1) != LUA_TSTRING) abort(); /* every error is a text */
  lua_close(L);
  return 0;
}
