/* SPDX-License-Identifier: MIT
 * Arrays in Lua: immutable userdata around counted buffers. Lua's collector does not see what they hold, so
 * their bytes are counted and drive it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/table.h" /* BOREL_DATA_MOST_BYTES */
#include "values.h"

static const char type_name[] = "borel.array";

/* ---- memory ---------------------------------------------------------------------------------- */

void borel_lua_account(lua_State *L) {
  borel_lua_values *values = borel_lua_state(L);
  size_t bytes = borel_array_bytes();
  if (bytes < values->counted_bytes) values->counted_bytes = bytes;
  size_t grown = bytes - values->counted_bytes, limit = values->counted_bytes / 4;
  if (limit < (size_t)1 << 22) limit = (size_t)1 << 22;
  if (grown < limit || !lua_gc(L, LUA_GCISRUNNING)) return;
  size_t kb = grown / 1024;
  lua_gc(L, LUA_GCSTEP, kb < 1 << 20 ? (int)kb : 1 << 20);
  values->counted_bytes = borel_array_bytes();
}

borel_array *borel_lua_newarray(lua_State *L) {
  borel_array *array = lua_newuserdatauv(L, sizeof *array, 0);
  *array = (borel_array){0};
  luaL_setmetatable(L, type_name);
  return array;
}

static borel_array *make(lua_State *L, borel_dtype dtype, const borel_shape *shape,
                         borel_array (*get)(borel_dtype, const borel_shape *)) {
  char text[64];
  double bytes = (double)borel_dtype_size(dtype);
  for (int i = 0; i < shape->rank; i++) bytes *= (double)shape->extent[i];
  if (bytes > (double)BOREL_DATA_MOST_BYTES)
    borel_lua_fail(L, "an array of shape %s would take %.3g GiB; the most is 2 GiB",
                   borel_shape_text(shape, text), bytes / 0x1p30);
  borel_array *array = borel_lua_newarray(L);
  *array = get(dtype, shape);
  if (!array->data)
    borel_lua_fail(L, "out of memory for an array of shape %s", borel_shape_text(shape, text));
  return array;
}

borel_array *borel_lua_makearray(lua_State *L, borel_dtype dtype, const borel_shape *shape) {
  return make(L, dtype, shape, borel_array_new);
}

borel_array *borel_lua_makeroom(lua_State *L, borel_dtype dtype, const borel_shape *shape) {
  return make(L, dtype, shape, borel_array_room);
}

static int new_empty(lua_State *L) {
  borel_lua_newarray(L);
  return 1;
}

void borel_lua_pusharray(lua_State *L, borel_array taken) {
  lua_pushcfunction(L, new_empty);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
    borel_array_release(&taken);
    lua_error(L);
  }
  *(borel_array *)lua_touserdata(L, -1) = taken;
  borel_lua_account(L);
}

borel_array *borel_lua_testarray(lua_State *L, int index) {
  borel_array *array = luaL_testudata(L, index, type_name);
  if (array && !array->data) borel_lua_fail(L, "this array was released");
  return array;
}

borel_array *borel_lua_checkarray(lua_State *L, int index) {
  borel_array *array = borel_lua_testarray(L, index);
  if (!array) borel_lua_fail(L, "an array is needed, got a %s", borel_lua_typename(L, index));
  return array;
}

static int release(lua_State *L) {
  borel_array *array = luaL_testudata(L, 1, type_name);
  if (array) borel_array_release(array);
  return 0;
}

/* ---- elements -------------------------------------------------------------------------------- */

void borel_lua_pushelement(lua_State *L, const borel_array *array, int64_t i) {
  if (array->dtype == BOREL_I64)
    lua_pushinteger(L, ((const int64_t *)array->data)[i]);
  else if (array->dtype == BOREL_BOOL)
    lua_pushboolean(L, ((const uint8_t *)array->data)[i]);
  else
    lua_pushnumber(L, borel_array_at(array, i));
}

borel_array borel_lua_convert(const borel_array *from, borel_dtype dtype) {
  if (from->dtype == dtype) return borel_array_hold(from);
  borel_array to = borel_array_new(dtype, &from->shape);
  for (int64_t i = 0, n = to.data ? borel_shape_size(&to.shape) : 0; i < n; i++) {
    switch (dtype) {
    case BOREL_F64: ((double *)to.data)[i] = borel_array_at(from, i); break;
    case BOREL_F32: ((float *)to.data)[i] = (float)borel_array_at(from, i); break;
    case BOREL_BOOL: ((uint8_t *)to.data)[i] = borel_array_at(from, i) == 1; break;
    case BOREL_I64:
      ((int64_t *)to.data)[i] =
          from->dtype == BOREL_BOOL ? ((const uint8_t *)from->data)[i] : (int64_t)borel_array_at(from, i);
    }
  }
  return to;
}

/* Doubles from -2^63 up to 2^63 that are whole. */
static int is_whole(double value) { return value >= -0x1p63 && value < 0x1p63 && value == floor(value); }

borel_dtype borel_lua_todtype(lua_State *L, int index, borel_dtype missing) {
  if (lua_isnoneornil(L, index)) return missing;
  const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";
  for (borel_dtype dtype = BOREL_F64; dtype <= BOREL_BOOL; dtype++)
    if (strcmp(name, borel_dtype_name(dtype)) == 0) return dtype;
  borel_lua_fail(L, "an element type is \"f64\", \"f32\", \"i64\" or \"bool\", got %s",
                 *name ? name : borel_lua_typename(L, index));
}

borel_shape borel_lua_toshape(lua_State *L, int index) {
  borel_shape shape = {0};
  lua_Unsigned count = lua_type(L, index) == LUA_TTABLE ? lua_rawlen(L, index) : 1;
  if (lua_type(L, index) != LUA_TTABLE && lua_type(L, index) != LUA_TNUMBER)
    borel_lua_fail(L, "a shape is a number or a list of numbers, got a %s", borel_lua_typename(L, index));
  if (count > BOREL_MAX_RANK)
    borel_lua_fail(L, "a shape has at most %d axes, got %d", BOREL_MAX_RANK, (int)count);
  for (int i = 0; i < (int)count; i++) {
    if (lua_type(L, index) == LUA_TTABLE)
      lua_rawgeti(L, index, i + 1);
    else
      lua_pushvalue(L, index);
    int whole = 0;
    lua_Integer extent = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
    if (!whole || extent < 1)
      borel_lua_fail(L, "extent %d of a shape must be a whole number of at least 1", i + 1);
    lua_pop(L, 1);
    shape.extent[shape.rank++] = extent;
  }
  return shape;
}

/* ---- from tables ----------------------------------------------------------------------------- */

/* A nested table on its way to an array; `path` is where in it we are. */
typedef struct {
  borel_shape shape;
  int64_t path[BOREL_MAX_RANK];
  int all_integer, all_boolean;
  borel_array out; /* data is NULL in the first pass, which looks at shapes and types */
  int64_t filled;
} reading;

static const char *path_text(lua_State *L, const reading *r, int depth) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (int i = 0; i < depth; i++) {
    lua_pushfstring(L, "[%I]", (LUAI_UACINT)r->path[i]);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  return lua_tostring(L, -1);
}

static void put_number(lua_State *L, reading *r, int depth, double value, int64_t whole) {
  int64_t i = r->filled++;
  int fits = 1;
  switch (r->out.dtype) {
  case BOREL_F64: ((double *)r->out.data)[i] = value; break;
  case BOREL_F32: ((float *)r->out.data)[i] = (float)value; break;
  case BOREL_I64:
    fits = (double)whole == value; /* not is_whole: the largest integers round up to 2^63 */
    ((int64_t *)r->out.data)[i] = whole;
    break;
  case BOREL_BOOL: fits = value == 0 || value == 1; ((uint8_t *)r->out.data)[i] = value == 1;
  }
  if (!fits)
    borel_lua_fail(L, "element %s is %g, which is no %s", path_text(L, r, depth), value,
                   borel_dtype_name(r->out.dtype));
}

/* The value on top of the stack as one element. */
static void read_leaf(lua_State *L, reading *r, int depth) {
  int type = lua_type(L, -1), missing = borel_lua_ismissing(L, -1);
  if (type == LUA_TTABLE || borel_lua_testarray(L, -1))
    borel_lua_fail(L, "ragged: element %s is a%s, where others are numbers", path_text(L, r, depth),
                   type == LUA_TTABLE ? " table" : "n array");
  if (type != LUA_TNUMBER && type != LUA_TBOOLEAN && !missing) {
    const char *name = borel_lua_typename(L, -1);
    borel_lua_fail(L, "element %s is a %s, not a number%s", path_text(L, r, depth), name,
                   borel_lua_isnode(L, -1) || borel_lua_testparticles(L, -1)
                       ? " yet: combine drawn values with stack{...}"
                       : "");
  }
  r->all_integer &= type == LUA_TNUMBER && lua_isinteger(L, -1);
  r->all_boolean &= type == LUA_TBOOLEAN;
  if (!r->out.data) return;
  double value = missing ? NAN : type == LUA_TBOOLEAN ? lua_toboolean(L, -1) : lua_tonumber(L, -1);
  int64_t whole = type == LUA_TNUMBER && lua_isinteger(L, -1) ? lua_tointeger(L, -1)
                  : is_whole(value)                           ? (int64_t)value
                                                              : 0;
  put_number(L, r, depth, value, whole);
}

/* The array on top of the stack as everything below `depth`. */
static void read_array(lua_State *L, reading *r, const borel_array *array, int depth) {
  borel_shape rest = {r->shape.rank - depth, {0}};
  memcpy(rest.extent, r->shape.extent + depth, sizeof *rest.extent * (size_t)rest.rank);
  char have[64], want[64];
  if (!borel_shape_equal(&array->shape, &rest))
    borel_lua_fail(L, "ragged: element %s has shape %s, others have %s", path_text(L, r, depth),
                   borel_shape_text(&array->shape, have), borel_shape_text(&rest, want));
  r->all_integer &= array->dtype == BOREL_I64;
  r->all_boolean &= array->dtype == BOREL_BOOL;
  for (int64_t i = 0, n = r->out.data ? borel_shape_size(&rest) : 0; i < n; i++) {
    double value = borel_array_at(array, i);
    put_number(L, r, depth, value,
               array->dtype == BOREL_I64 ? ((const int64_t *)array->data)[i]
               : is_whole(value)         ? (int64_t)value
                                         : 0);
  }
}

static void read_value(lua_State *L, reading *r, int depth) {
  if (depth == r->shape.rank) {
    read_leaf(L, r, depth);
    return;
  }
  const borel_array *array = borel_lua_testarray(L, -1);
  if (array) {
    read_array(L, r, array, depth);
    return;
  }
  if (lua_type(L, -1) != LUA_TTABLE) {
    const char *name = borel_lua_typename(L, -1);
    borel_lua_fail(L, "ragged: element %s is a %s, where others are tables", path_text(L, r, depth), name);
  }
  int64_t extent = (int64_t)lua_rawlen(L, -1);
  if (extent != r->shape.extent[depth])
    borel_lua_fail(L, "ragged: table %s has %lld elements, others have %lld", path_text(L, r, depth),
                   (long long)extent, (long long)r->shape.extent[depth]);
  for (int64_t i = 1; i <= extent; i++) {
    lua_rawgeti(L, -1, i);
    r->path[depth] = i;
    read_value(L, r, depth + 1);
    lua_pop(L, 1);
  }
}

/* The shape that the first elements promise. */
static void read_shape(lua_State *L, reading *r) {
  int top = lua_gettop(L);
  for (;;) {
    const borel_array *array = borel_lua_testarray(L, -1);
    if (!array && lua_type(L, -1) != LUA_TTABLE) break;
    int more = array ? array->shape.rank : 1;
    if (r->shape.rank + more > BOREL_MAX_RANK)
      borel_lua_fail(L, "an array has at most %d axes", BOREL_MAX_RANK);
    if (array) {
      memcpy(r->shape.extent + r->shape.rank, array->shape.extent, sizeof *r->shape.extent * (size_t)more);
      r->shape.rank += more;
      break;
    }
    int64_t extent = (int64_t)lua_rawlen(L, -1);
    if (extent == 0)
      borel_lua_fail(L, "an array cannot be empty: the table%s%s has no elements", r->shape.rank ? " " : "",
                     path_text(L, r, r->shape.rank));
    r->path[r->shape.rank] = 1;
    r->shape.extent[r->shape.rank++] = extent;
    lua_rawgeti(L, -1, 1);
  }
  lua_settop(L, top);
}

/* dtype < 0: what the elements are. Replaces the table at `index`. */
static borel_array *read_table(lua_State *L, int index, int dtype) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 12, "reading a table");
  lua_pushvalue(L, index);
  reading r = {.all_integer = 1, .all_boolean = 1};
  read_shape(L, &r);
  read_value(L, &r, 0);
  if (dtype < 0) dtype = r.all_boolean ? BOREL_BOOL : r.all_integer ? BOREL_I64 : BOREL_F64;
  borel_array *out = borel_lua_makearray(L, (borel_dtype)dtype, &r.shape);
  r.out = *out;
  lua_insert(L, -2); /* the table again on top */
  read_value(L, &r, 0);
  lua_pop(L, 1);
  lua_replace(L, index);
  borel_lua_account(L);
  return out;
}

borel_array *borel_lua_table_toarray(lua_State *L, int index, borel_dtype dtype) {
  return read_table(L, index, (int)dtype);
}

borel_array *borel_lua_toarray(lua_State *L, int index) {
  borel_array *array = borel_lua_testarray(L, index);
  if (array) return array;
  int type = lua_type(L, index);
  if (type == LUA_TTABLE || type == LUA_TNUMBER || type == LUA_TBOOLEAN) return read_table(L, index, -1);
  borel_lua_fail(L, "an array is made from a number or a table of numbers, got a %s",
                 borel_lua_typename(L, index));
}

/* ---- functions and methods ------------------------------------------------------------------- */

/* x:to(dtype): the same numbers held another way. */
static int to(lua_State *L) {
  borel_dtype dtype = borel_lua_todtype(L, 2, BOREL_F64);
  if (borel_lua_isnode(L, 1)) {
    if (dtype != BOREL_F64) borel_lua_fail(L, "to: a symbolic value can become f64 only");
    if (borel_lua_nodeinfo(L, 1)->dtype == BOREL_F64)
      lua_settop(L, 1);
    else
      borel_lua_op(L, BOREL_OP_TO_F64, 1, 1, 0, NULL);
    return 1;
  }
  if (lua_type(L, 1) == LUA_TBOOLEAN || lua_type(L, 1) == LUA_TNUMBER) { /* a scalar of a plain run */
    double value = lua_isboolean(L, 1) ? lua_toboolean(L, 1) : lua_tonumber(L, 1);
    if (dtype == BOREL_I64 ? !is_whole(value) : dtype == BOREL_BOOL && value != 0 && value != 1)
      borel_lua_fail(L, "to \"%s\": the value is %g", borel_dtype_name(dtype), value);
    if (dtype == BOREL_BOOL)
      lua_pushboolean(L, value != 0);
    else if (dtype == BOREL_I64)
      lua_pushinteger(L, (lua_Integer)value);
    else
      lua_pushnumber(L, value);
    return 1;
  }
  const borel_particles *particles = borel_lua_testparticles(L, 1);
  const borel_array *from = particles ? &particles->array : borel_lua_checkarray(L, 1);
  int64_t n = borel_shape_size(&from->shape);
  if ((dtype == BOREL_I64 || dtype == BOREL_BOOL) && from->dtype != BOREL_BOOL && from->dtype != dtype)
    for (int64_t i = 0; i < n; i++) {
      double value = borel_array_at(from, i);
      if (dtype == BOREL_I64 ? !is_whole(value) : value != 0 && value != 1)
        borel_lua_fail(L, "to \"%s\": element %lld is %g", borel_dtype_name(dtype), (long long)i + 1, value);
    }
  borel_array *out = borel_lua_newarray(L);
  *out = borel_lua_convert(from, dtype);
  if (!out->data) borel_lua_fail(L, "out of memory for an array");
  borel_lua_account(L);
  if (particles) borel_lua_as_particles(L, particles->lineage);
  return 1;
}

/* core.array(value [, dtype]) */
static int new_array(lua_State *L) {
  lua_settop(L, 2);
  if (borel_lua_isnode(L, 1))
    borel_lua_fail(L, "a symbolic value is no array: its elements are not known yet");
  int given = !lua_isnil(L, 2);
  borel_dtype dtype = borel_lua_todtype(L, 2, BOREL_F64);
  if (given && borel_lua_testarray(L, 1)) return to(L);
  if (given &&
      (lua_type(L, 1) == LUA_TTABLE || lua_type(L, 1) == LUA_TNUMBER || lua_type(L, 1) == LUA_TBOOLEAN))
    borel_lua_table_toarray(L, 1, dtype);
  else
    borel_lua_toarray(L, 1);
  lua_settop(L, 1);
  return 1;
}

static void push_nested(lua_State *L, const borel_array *array, int axis, int64_t *at) {
  if (axis == array->shape.rank) {
    borel_lua_pushelement(L, array, (*at)++);
    return;
  }
  luaL_checkstack(L, 3, "an array as a table");
  int64_t extent = array->shape.extent[axis];
  lua_createtable(L, extent < 1 << 24 ? (int)extent : 0, 0);
  for (int64_t i = 1; i <= extent; i++) {
    push_nested(L, array, axis + 1, at);
    lua_rawseti(L, -2, i);
  }
}

/* x:totable(): nested Lua tables. */
static int totable(lua_State *L) {
  if (borel_lua_isnode(L, 1)) borel_lua_fail(L, "a symbolic value has no elements yet");
  if (borel_lua_testparticles(L, 1)) borel_lua_no_elements(L);
  int64_t at = 0;
  push_nested(L, borel_lua_checkarray(L, 1), 0, &at);
  return 1;
}

static int tostring(lua_State *L) {
  const borel_array *array = luaL_checkudata(L, 1, type_name);
  if (!array->data) {
    lua_pushliteral(L, "array (released)");
    return 1;
  }
  enum { SHOWN = 6 };
  int64_t size = borel_shape_size(&array->shape);
  char text[64];
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  lua_pushfstring(L, "array %s %s {", borel_dtype_name(array->dtype), borel_shape_text(&array->shape, text));
  luaL_addvalue(&line);
  for (int64_t i = 0; i < size && i < SHOWN; i++) {
    if (i) luaL_addstring(&line, ", ");
    borel_lua_pushelement(L, array, i);
    if (array->dtype == BOREL_I64)
      lua_tolstring(L, -1, NULL);
    else if (array->dtype == BOREL_BOOL)
      lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false"), lua_remove(L, -2);
    else {
      snprintf(text, sizeof text, "%.6g", lua_tonumber(L, -1));
      lua_pop(L, 1);
      lua_pushstring(L, text);
    }
    luaL_addvalue(&line);
  }
  luaL_addstring(&line, size > SHOWN ? ", ...}" : "}");
  luaL_pushresult(&line);
  return 1;
}

/* core.zeros(shape), core.ones(shape): f64 */
static int filled(lua_State *L) {
  double value = lua_tonumber(L, lua_upvalueindex(1));
  if (lua_gettop(L) > 1)
    borel_lua_fail(L, "%s: takes one shape: %s { n, m } for several extents", value == 0 ? "zeros" : "ones",
                   value == 0 ? "zeros" : "ones");
  borel_shape shape = borel_lua_toshape(L, 1);
  borel_array *out = borel_lua_makearray(L, BOREL_F64, &shape);
  for (int64_t i = 0, n = value == 0 ? 0 : borel_shape_size(&shape); i < n; i++)
    ((double *)out->data)[i] = value;
  borel_lua_account(L);
  return 1;
}

/* core.range(first, last): i64, both ends included. */
static int range(lua_State *L) {
  int whole_first = 0, whole_last = 0;
  lua_Integer first = lua_tointegerx(L, 1, &whole_first), last = lua_tointegerx(L, 2, &whole_last);
  if (!whole_first || !whole_last)
    borel_lua_fail(L, "range: takes two whole numbers, the first and the last");
  if (last < first)
    borel_lua_fail(L, "range: empty, %lld comes after %lld", (long long)first, (long long)last);
  borel_shape shape = {1, {(int64_t)((uint64_t)last - (uint64_t)first + 1)}};
  if (shape.extent[0] <= 0) shape.extent[0] = INT64_MAX; /* more than can be counted */
  borel_array *out = borel_lua_makearray(L, BOREL_I64, &shape);
  for (int64_t i = 0; i < shape.extent[0]; i++) ((int64_t *)out->data)[i] = first + i;
  borel_lua_account(L);
  return 1;
}

static int is_array(lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, type_name) != NULL);
  return 1;
}

static int no_order(lua_State *L) {
  borel_lua_fail(L, "arrays cannot be compared with < in Lua: use x:lt(y), x:gt(y) and where");
}

/* Reached by `x == y` only when both are userdata. */
static int no_equality(lua_State *L) {
  if ((luaL_testudata(L, 1, type_name) || borel_lua_isnode(L, 1)) &&
      (luaL_testudata(L, 2, type_name) || borel_lua_isnode(L, 2)))
    borel_lua_fail(L, "arrays cannot be compared with == in Lua: use x:eq(y)");
  lua_pushboolean(L, 0);
  return 1;
}

static int no_text(lua_State *L) { borel_lua_fail(L, "an array cannot be joined with ..: use tostring(x)"); }

void borel_lua_open_array(lua_State *L) {
  luaL_newmetatable(L, type_name);
  static const luaL_Reg meta[] = {{"__gc", release},     {"__close", release}, {"__tostring", tostring},
                                  {"__lt", no_order},    {"__le", no_order},   {"__eq", no_equality},
                                  {"__concat", no_text}, {NULL, NULL}};
  luaL_setfuncs(L, meta, 0);
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {
      {"array", new_array}, {"range", range}, {"is_array", is_array}, {NULL, NULL}};
  lua_pushvalue(L, 1);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
  lua_pushinteger(L, BOREL_MAX_RANK);
  lua_setfield(L, 1, "MAX_RANK");
  for (int value = 0; value <= 1; value++) {
    lua_pushinteger(L, value);
    lua_pushcclosure(L, filled, 1);
    lua_setfield(L, 1, value ? "ones" : "zeros");
  }
  static const luaL_Reg methods[] = {{"to", to}, {"totable", totable}, {"release", release}, {NULL, NULL}};
  lua_pushvalue(L, 2);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
