/* SPDX-License-Identifier: MIT
 * JSON by jansson: lists of numbers become arrays, null becomes core.missing (NaN in a list of numbers). */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/table.h"
#include "values.h"

enum { MOST_DEPTH = 200, FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL };

static const char list_key; /* registry: the metatable that marks lists for to_json */

/* ---- reading: is it an array? ---------------------------------------------------------------- */

typedef struct {
  borel_shape shape;
  int numbers, integers, booleans, nulls; /* kinds of leaves met */
  borel_array out;                        /* data is NULL while looking */
  int64_t filled;
} leaves;

static void put(leaves *l, double number, int64_t whole) {
  switch (l->out.dtype) {
  case BOREL_I64: ((int64_t *)l->out.data)[l->filled++] = whole; break;
  case BOREL_BOOL: ((uint8_t *)l->out.data)[l->filled++] = whole != 0; break;
  default: ((double *)l->out.data)[l->filled++] = number;
  }
}

/* Goes through a value that should be rectangular below `depth`; returns 0 when it is not, or holds
 * something else than numbers, booleans and nulls. */
static int visit(const json_t *value, leaves *l, int depth) {
  if (json_is_array(value)) {
    if (depth >= l->shape.rank || json_array_size(value) != (size_t)l->shape.extent[depth]) return 0;
    size_t i;
    const json_t *element;
    json_array_foreach(value, i, element) if (!visit(element, l, depth + 1)) return 0;
    return 1;
  }
  if (depth != l->shape.rank) return 0;
  if (json_is_integer(value))
    l->integers = 1;
  else if (json_is_real(value))
    l->numbers = 1;
  else if (json_is_boolean(value))
    l->booleans = 1;
  else if (json_is_null(value))
    l->nulls = 1;
  else
    return 0;
  if (l->out.data)
    put(l, json_is_null(value) ? NAN : json_number_value(value),
        json_is_integer(value) ? json_integer_value(value) : json_is_true(value));
  return 1;
}

/* Pushes a list as an array if it is one. */
static int push_array(lua_State *L, const json_t *list) {
  leaves l = {.shape = {0}};
  for (const json_t *first = list; json_is_array(first); first = json_array_get(first, 0)) {
    if (l.shape.rank == BOREL_MAX_RANK || json_array_size(first) == 0) return 0;
    l.shape.extent[l.shape.rank++] = (int64_t)json_array_size(first);
  }
  if (!visit(list, &l, 0)) return 0;
  int number = l.numbers || l.integers;
  if (l.booleans && (number || l.nulls)) return 0;
  if (!number && !l.booleans) return 0; /* nothing but nulls */
  borel_array *array = borel_lua_newarray(L);
  borel_dtype dtype = l.booleans ? BOREL_BOOL : l.numbers || l.nulls ? BOREL_F64 : BOREL_I64;
  *array = borel_array_new(dtype, &l.shape);
  if (!array->data) borel_lua_fail(L, "out of memory for an array of the data");
  l.out = *array;
  visit(list, &l, 0);
  borel_lua_account(L);
  return 1;
}

static void push_value(lua_State *L, const json_t *value, int depth) {
  luaL_checkstack(L, 4, "JSON");
  if (depth > MOST_DEPTH) borel_lua_fail(L, "the JSON is nested more than %d deep", MOST_DEPTH);
  switch (json_typeof(value)) {
  case JSON_NULL: borel_lua_pushmissing(L); return;
  case JSON_TRUE: lua_pushboolean(L, 1); return;
  case JSON_FALSE: lua_pushboolean(L, 0); return;
  case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); return;
  case JSON_REAL: lua_pushnumber(L, json_real_value(value)); return;
  case JSON_STRING: lua_pushlstring(L, json_string_value(value), json_string_length(value)); return;
  case JSON_ARRAY: {
    if (push_array(L, value)) return;
    size_t i;
    json_t *element;
    lua_createtable(L, (int)json_array_size(value), 0);
    json_array_foreach(value, i, element) {
      push_value(L, element, depth + 1);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
    lua_setmetatable(L, -2);
    return;
  }
  case JSON_OBJECT: {
    const char *key;
    json_t *element;
    lua_newtable(L);
    json_object_foreach((json_t *)(uintptr_t)value, key, element) {
      push_value(L, element, depth + 1);
      lua_setfield(L, -2, key);
    }
    return;
  }
  }
}

/* A box that frees the document also when an error passes. */
static int free_document(lua_State *L) {
  json_t **box = lua_touserdata(L, 1);
  json_decref(*box);
  *box = NULL;
  return 0;
}

static json_t **push_document(lua_State *L) {
  json_t **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  if (luaL_newmetatable(L, "borel.json")) {
    lua_pushcfunction(L, free_document);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, free_document);
    lua_setfield(L, -2, "__close");
  }
  lua_setmetatable(L, -2);
  return box;
}

/* Pushes what is in the box, which goes, or says where `name` is wrong. */
static int push_parsed(lua_State *L, json_t **box, const char *name, const json_error_t *trouble) {
  if (!*box)
    borel_lua_fail(L, "%s:%d:%d: invalid JSON: %s", name, trouble->line, trouble->column, trouble->text);
  push_value(L, *box, 0);
  json_decref(*box);
  *box = NULL;
  return 1;
}

static const char *check_text(lua_State *L, const char *function, const char *what, size_t *length) {
  if (lua_type(L, 1) != LUA_TSTRING)
    borel_lua_fail(L, "%s takes a %s, got a %s", function, what, borel_lua_typename(L, 1));
  return lua_tolstring(L, 1, length);
}

/* core.parse_json(text) */
static int parse_json(lua_State *L) {
  size_t length;
  json_error_t trouble;
  const char *text = check_text(L, "parse_json", "text", &length);
  json_t **box = push_document(L);
  *box = json_loadb(text, length, FLAGS, &trouble);
  return push_parsed(L, box, "text", &trouble);
}

/* core.read_json(path) */
static int read_json(lua_State *L) {
  borel_error error = {0};
  json_error_t trouble;
  uint8_t *bytes;
  size_t size;
  const char *path = check_text(L, "read_json", "path", NULL);
  json_t **box = push_document(L);
  if (borel_data_load(path, &bytes, &size, &error)) return borel_lua_error(L, &error);
  *box = json_loadb((const char *)bytes, size, FLAGS, &trouble);
  free(bytes);
  return push_parsed(L, box, path, &trouble);
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *to_value(lua_State *L, int index, int depth);

static json_t *number_value(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *array_value(const borel_array *array, int axis, int64_t *at) {
  if (axis == array->shape.rank) {
    int64_t i = (*at)++;
    if (array->dtype == BOREL_I64) return json_integer(((const int64_t *)array->data)[i]);
    if (array->dtype == BOREL_BOOL) return json_boolean(((const uint8_t *)array->data)[i]);
    return number_value(borel_array_at(array, i));
  }
  json_t *list = json_array();
  for (int64_t i = 0; i < array->shape.extent[axis]; i++)
    json_array_append_new(list, array_value(array, axis + 1, at));
  return list;
}

/* A table with the keys 1 .. n only, and an empty one when it is marked. */
static int is_list(lua_State *L, int index) {
  int marked = 0;
  if (lua_getmetatable(L, index)) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
    marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, index), keys = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) keys++;
  return keys == n && (n > 0 || marked);
}

/* NULL with a message on top of the stack when a value has no JSON form. Raises nothing but memory errors. */
static json_t *table_value(lua_State *L, int index, int depth) {
  json_t *out = is_list(L, index) ? json_array() : json_object();
  for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, index); json_is_array(out) && i <= n; i++) {
    lua_rawgeti(L, index, i);
    json_t *element = to_value(L, lua_gettop(L), depth + 1);
    if (!element) {
      json_decref(out);
      return NULL;
    }
    json_array_append_new(out, element);
    lua_pop(L, 1);
  }
  if (json_is_array(out)) return out;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    json_t *element = NULL;
    size_t length = 0;
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &length) : NULL;
    if (!key || strlen(key) != length)
      lua_pushstring(L, key ? "a key holds a zero byte" : "a table that is no list must have texts for keys");
    else
      element = to_value(L, lua_gettop(L), depth + 1);
    if (!element || json_object_set_new(out, key, element)) {
      if (element) lua_pushliteral(L, "a text is not valid UTF-8");
      json_decref(out);
      return NULL;
    }
  }
  return out;
}

static json_t *to_value(lua_State *L, int index, int depth) {
  size_t length;
  if (depth > MOST_DEPTH || !lua_checkstack(L, 10)) {
    lua_pushliteral(L, "tables are nested too deep (or contain themselves)");
    return NULL;
  }
  switch (lua_type(L, index)) {
  case LUA_TNIL: return json_null();
  case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, index));
  case LUA_TNUMBER:
    return lua_isinteger(L, index) ? json_integer(lua_tointeger(L, index))
                                   : number_value(lua_tonumber(L, index));
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, index, &length);
    json_t *made = json_stringn(text, length);
    if (!made) lua_pushliteral(L, "a text is not valid UTF-8");
    return made;
  }
  case LUA_TTABLE: return table_value(L, index, depth);
  default: {
    if (borel_lua_ismissing(L, index)) return json_null();
    const borel_array *array = luaL_testudata(L, index, "borel.array");
    int64_t at = 0;
    if (array && array->data) return array_value(array, 0, &at);
    lua_pushfstring(L, "a %s has no JSON form", borel_lua_typename(L, index));
    return NULL;
  }
  }
}

/* core.to_json(value [, {indent = 2}]): text with keys in order; numbers that are not finite become null. */
static int to_json(lua_State *L) {
  static const char *const known[] = {"indent"};
  enum { MOST_INDENT = 31 };
  lua_Integer indent = 0;
  if (borel_lua_options(L, 2, "to_json", known, 1) && lua_getfield(L, 2, known[0]) != LUA_TNIL) {
    int whole = 0;
    indent = lua_tointegerx(L, -1, &whole);
    if (!whole || indent < 0 || indent > MOST_INDENT)
      borel_lua_fail(L, "to_json: indent must be a whole number from 0 to %d", MOST_INDENT);
  }
  lua_settop(L, 1);
  json_t *value = to_value(L, 1, 0);
  if (!value) borel_lua_fail(L, "to_json: %s", lua_tostring(L, -1));
  char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_REAL_PRECISION(17) |
                                     JSON_INDENT((size_t)indent));
  json_decref(value);
  if (!text) borel_lua_fail(L, "to_json: out of memory");
  lua_pushstring(L, text);
  free(text);
  return 1;
}

/* core.json_list(table): marks it as a list, so that an empty one is written as []. */
static int json_list(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE)
    borel_lua_fail(L, "json_list takes a table, got a %s", borel_lua_typename(L, 1));
  lua_settop(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
  lua_setmetatable(L, 1);
  return 1;
}

void borel_lua_open_json(lua_State *L) {
  static const luaL_Reg functions[] = {{"parse_json", parse_json},
                                       {"read_json", read_json},
                                       {"to_json", to_json},
                                       {"json_list", json_list},
                                       {NULL, NULL}};
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
  lua_pushvalue(L, 1);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
