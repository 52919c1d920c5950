/* SPDX-License-Identifier: MIT
 * Data files for Lua: tables of CSV and NPZ, arrays of NPY. */
#include <stdlib.h>
#include <string.h>

#include "data/csv.h"
#include "data/npy.h"
#include "data/npz.h"
#include "engine.h"
#include "values.h"

#define BOX "borel.data"

/* What a reader holds, released also when an error passes. */
typedef struct {
  uint8_t *bytes;
  borel_table table;
} box;

static int box_gc(lua_State *L) {
  box *b = lua_touserdata(L, 1);
  free(b->bytes);
  borel_table_free(&b->table);
  *b = (box){0};
  return 0;
}

/* Pushes a box with the bytes of the file at stack index 1. */
static box *load(lua_State *L, size_t *size) {
  borel_error error = {0};
  const char *path = luaL_checkstring(L, 1);
  box *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (box){0};
  luaL_setmetatable(L, BOX);
  if (borel_data_load(path, &b->bytes, size, &error)) borel_lua_error(L, &error);
  return b;
}

static void push_cells(lua_State *L, const borel_column *column, size_t rows) {
  lua_createtable(L, (int)rows, 0);
  for (size_t i = 0; i < rows; i++) {
    if (column->cells[i].bytes)
      lua_pushlstring(L, column->cells[i].bytes, column->cells[i].length);
    else
      borel_lua_pushmissing(L);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* Pushes an array, or a number where it has no axes; takes the array. */
static void push_array(lua_State *L, borel_array *array) {
  borel_array *made = borel_lua_newarray(L);
  *made = *array;
  *array = (borel_array){0};
  borel_lua_account(L);
  if (made->shape.rank > 0) return;
  borel_lua_pushelement(L, made, 0);
  lua_remove(L, -2);
}

static int push_table(lua_State *L, borel_table *table) {
  lua_createtable(L, 0, (int)table->count);
  for (size_t i = 0; i < table->count; i++) {
    borel_column *column = &table->columns[i];
    if (column->cells)
      push_cells(L, column, table->rows);
    else
      push_array(L, &column->array);
    lua_setfield(L, -2, column->name);
  }
  return 1;
}

/* ---- options of CSV -------------------------------------------------------------------------- */

/* The texts of the list at the top of the stack as an array that Lua owns; keeps both on the stack. */
static const char **to_texts(lua_State *L, const char *option, size_t *count) {
  if (lua_type(L, -1) != LUA_TTABLE)
    borel_lua_fail(L, "borel.read: option '%s' must be a list of names", option);
  int list = lua_gettop(L);
  *count = lua_rawlen(L, list);
  if (*count == 0) borel_lua_fail(L, "borel.read: option '%s' is an empty list", option);
  const char **texts = lua_newuserdatauv(L, (*count + 1) * sizeof *texts, 0);
  for (size_t i = 0; i < *count; i++) {
    if (lua_rawgeti(L, list, (lua_Integer)i + 1) != LUA_TSTRING)
      borel_lua_fail(L, "borel.read: option '%s' must be a list of names", option);
    texts[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  return texts;
}

static borel_csv_typed *to_types(lua_State *L, size_t *count) {
  static const char *const names[] = {"f64", "i64", "bool", "text"};
  if (lua_type(L, -1) != LUA_TTABLE)
    borel_lua_fail(L, "borel.read: option 'types' must be a table such as { y = \"f64\" }");
  int table = lua_gettop(L);
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
  borel_csv_typed *types = lua_newuserdatauv(L, (n + 1) * sizeof *types, 0);
  *count = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      borel_lua_fail(L, "borel.read: option 'types' must be a table such as { y = \"f64\" }");
    size_t k = 0;
    while (k < 4 && strcmp(names[k], lua_tostring(L, -1)) != 0) k++;
    if (k == 4)
      borel_lua_fail(L,
                     "borel.read: option 'types': column '%s' cannot be '%s'; known are f64, i64, bool, text",
                     lua_tostring(L, -2), lua_tostring(L, -1));
    types[(*count)++] = (borel_csv_typed){lua_tostring(L, -2), (borel_csv_type)(BOREL_CSV_F64 + k)};
  }
  return types;
}

/* The option table at index 2; what it points to stays on the stack. */
static borel_csv_options to_options(lua_State *L) {
  static const char *const known[] = {"delimiter", "columns", "types"};
  borel_csv_options options = {0};
  if (!borel_lua_options(L, 2, "borel.read", known, 3)) return options;
  if (lua_getfield(L, 2, "delimiter") != LUA_TNIL) {
    size_t length = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : "";
    if (length != 1 || strchr("\"\r\n", *text) || (unsigned char)*text > '~')
      borel_lua_fail(L,
                     "borel.read: option 'delimiter' must be one ASCII character such as \";\" or \"\\t\"");
    options.delimiter = *text;
  }
  if (lua_getfield(L, 2, "columns") != LUA_TNIL)
    options.columns = to_texts(L, "columns", &options.column_count);
  if (lua_getfield(L, 2, "types") != LUA_TNIL) options.types = to_types(L, &options.type_count);
  return options;
}

/* ---- readers --------------------------------------------------------------------------------- */

/* core.read_csv(path, {delimiter =, columns =, types =}): a table of arrays and lists of texts */
static int read_csv(lua_State *L) {
  borel_error error = {0};
  size_t size;
  lua_settop(L, 2);
  borel_csv_options options = to_options(L);
  box *b = load(L, &size);
  if (borel_csv_parse(lua_tostring(L, 1), b->bytes, size, &options, &b->table, &error))
    return borel_lua_error(L, &error);
  return push_table(L, &b->table);
}

/* core.read_npy(path): an array, or a number for an array without axes */
static int read_npy(lua_State *L) {
  borel_error error = {0};
  size_t size;
  borel_array array;
  box *b = load(L, &size);
  if (!borel_table_add(&b->table, "", 0)) return luaL_error(L, "out of memory");
  if (borel_npy_parse(lua_tostring(L, 1), b->bytes, size, &array, &error)) return borel_lua_error(L, &error);
  b->table.columns[0].array = array;
  push_array(L, &b->table.columns[0].array);
  return 1;
}

/* core.read_npz(path): a table of them */
static int read_npz(lua_State *L) {
  borel_error error = {0};
  size_t size;
  box *b = load(L, &size);
  if (borel_npz_parse(lua_tostring(L, 1), b->bytes, size, &b->table, &error))
    return borel_lua_error(L, &error);
  return push_table(L, &b->table);
}

void borel_lua_open_data(lua_State *L) {
  luaL_newmetatable(L, BOX);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {
      {"read_csv", read_csv}, {"read_npy", read_npy}, {"read_npz", read_npz}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
