/* SPDX-License-Identifier: MIT
 * Parts of arrays and symbolic values: fields, elements, slices, gathers. 1-based for people. */
#include <string.h>

#include "values.h"

/* ---- selections ------------------------------------------------------------------------------ */

/* Of each axis a run of elements, or the ones listed; axes that were indexed by a number go. */
typedef struct {
  borel_shape from, to;
  int64_t first[BOREL_MAX_RANK], count[BOREL_MAX_RANK]; /* 0-based */
  const int64_t *listed[BOREL_MAX_RANK]; /* 1-based, in the array that the user gave; or NULL */
} selection;

/* Checks a 1-based index against an axis and returns it 0-based. */
static int64_t check_index(lua_State *L, int index, int axis, int64_t extent) {
  int whole = 0;
  lua_Integer i = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
  if (!whole) borel_lua_fail(L, "an index must be a whole number, got %s", luaL_tolstring(L, index, NULL));
  if (i < 1 || i > extent)
    borel_lua_fail(L, "index %lld is out of range: axis %d has %lld element%s", (long long)i, axis + 1,
                   (long long)extent, extent == 1 ? "" : "s");
  return i - 1;
}

static _Noreturn void no_mask_index(lua_State *L) {
  borel_lua_fail(L,
                 "indices must be whole numbers, not a mask: choose elements with borel.where(mask, a, b)");
}

static selection whole_of(const borel_shape *shape) {
  selection s = {.from = *shape};
  for (int i = 0; i < shape->rank; i++) s.count[i] = shape->extent[i];
  return s;
}

static void take_one(selection *s, int axis, int64_t at) {
  s->first[axis] = at;
  s->count[axis] = -1; /* one, and the axis goes */
}

static void take_run(lua_State *L, selection *s, int axis, int64_t first, int64_t last) {
  if (last < first)
    borel_lua_fail(L, "the slice %lld to %lld is empty", (long long)first + 1, (long long)last + 1);
  s->first[axis] = first;
  s->count[axis] = last - first + 1;
}

static void check_list(lua_State *L, const borel_array *idx, int axis, int64_t extent) {
  if (idx->dtype == BOREL_BOOL) no_mask_index(L);
  if (idx->dtype != BOREL_I64)
    borel_lua_fail(L, "indices must be whole numbers (i64), got an %s array", borel_dtype_name(idx->dtype));
  for (int64_t i = 0, n = borel_shape_size(&idx->shape); i < n; i++) {
    int64_t at = ((const int64_t *)idx->data)[i];
    if (at < 1 || at > extent)
      borel_lua_fail(L, "index %lld (at place %lld) is out of range: axis %d has %lld elements",
                     (long long)at, (long long)i + 1, axis + 1, (long long)extent);
  }
}

static void take_list(lua_State *L, selection *s, int axis, const borel_array *idx) {
  if (idx->shape.rank != 1)
    borel_lua_fail(L, "the indices of one axis must be a vector, these have %d axes", idx->shape.rank);
  check_list(L, idx, axis, s->from.extent[axis]);
  s->listed[axis] = idx->data;
  s->count[axis] = idx->shape.extent[0];
}

/* Flat 0-based indices of the selected elements, in order: calls visit for each. */
#define EACH_SELECTED(s, flat)                                                                               \
  for (walk w_ = walk_start(s); w_.more; walk_next(&w_))                                                     \
    for (int64_t flat = w_.flat, once_ = 1; once_; once_ = 0)

typedef struct {
  const selection *s;
  int64_t at[BOREL_MAX_RANK], stride[BOREL_MAX_RANK], flat;
  int more;
} walk;

/* The place on an axis of its at-th selected element. */
static int64_t place(const selection *s, int axis, int64_t at) {
  return s->listed[axis] ? s->listed[axis][at] - 1 : s->first[axis] + at;
}

static int64_t taken(const selection *s, int axis) { return s->count[axis] < 0 ? 1 : s->count[axis]; }

static walk walk_start(const selection *s) {
  walk w = {.s = s, .more = 1};
  int64_t run = 1;
  for (int i = s->from.rank - 1; i >= 0; i--) {
    w.stride[i] = run;
    run *= s->from.extent[i];
    w.flat += place(s, i, 0) * w.stride[i];
  }
  return w;
}

static void walk_next(walk *w) {
  for (int i = w->s->from.rank - 1; i >= 0; i--) {
    int64_t before = place(w->s, i, w->at[i]), last = ++w->at[i] == taken(w->s, i);
    if (last) w->at[i] = 0;
    w->flat += (place(w->s, i, w->at[i]) - before) * w->stride[i];
    if (!last) return;
  }
  w->more = 0;
}

static void finish_selection(selection *s) {
  s->to = (borel_shape){0};
  for (int i = 0; i < s->from.rank; i++)
    if (s->count[i] >= 0) s->to.extent[s->to.rank++] = s->count[i];
}

static void copy_element(const borel_array *from, int64_t i, borel_array *to, int64_t k) {
  size_t size = borel_dtype_size(from->dtype);
  memcpy((char *)to->data + (size_t)k * size, (const char *)from->data + (size_t)i * size, size);
}

/* Pushes the constant i64 array `indices` of `graph`'s node at x gathered: x[indices]. */
static void push_gather(lua_State *L, borel_graph *graph, int x, borel_node indices) {
  borel_error error = {0};
  borel_node args[2] = {borel_lua_tonode(L, x, graph), indices};
  borel_lua_pushnode(
      L, graph,
      borel_lua_checknode(L, borel_graph_op(graph, BOREL_OP_GATHER, args, 2, 0, NULL, &error), &error));
}

static borel_array *new_indices(lua_State *L, const borel_shape *shape) {
  borel_array *indices = borel_lua_makearray(L, BOREL_I64, shape);
  return indices;
}

static borel_node constant_indices(lua_State *L, borel_graph *graph, const borel_array *indices) {
  borel_error error = {0};
  return borel_lua_checknode(L, borel_graph_array(graph, indices), &error);
}

/* Pushes x[places] for 0-based flat places on top of the stack, x a value of all particles. */
static void gather_flat(lua_State *L, int x) {
  lua_pushvalue(L, x);
  lua_insert(L, -2);
  borel_lua_op(L, BOREL_OP_GATHER, -2, 2, 0, NULL);
}

static void push_selection(lua_State *L, int x, selection *s) {
  finish_selection(s);
  if (borel_lua_testparticles(L, x)) {
    int64_t k = 0;
    if (s->to.rank == 0) {
      lua_pushinteger(L, walk_start(s).flat);
    } else {
      borel_array *places = new_indices(L, &s->to);
      EACH_SELECTED(s, flat)((int64_t *)places->data)[k++] = flat;
    }
    gather_flat(L, x);
    return;
  }
  if (!borel_lua_isnode(L, x)) {
    const borel_array *from = borel_lua_checkarray(L, x);
    if (s->to.rank == 0) {
      borel_lua_pushelement(L, from, walk_start(s).flat);
      return;
    }
    borel_array *to = borel_lua_makearray(L, from->dtype, &s->to);
    int64_t k = 0;
    EACH_SELECTED(s, flat) copy_element(from, flat, to, k++);
    borel_lua_account(L);
    return;
  }
  borel_graph *graph = borel_lua_need_graph(L);
  if (borel_shape_equal(&s->from, &s->to)) {
    lua_pushvalue(L, x);
    return;
  }
  if (s->to.rank == 0) {
    push_gather(L, graph, x, borel_graph_integer(graph, walk_start(s).flat));
    return;
  }
  borel_array *indices = new_indices(L, &s->to);
  int64_t k = 0;
  EACH_SELECTED(s, flat)((int64_t *)indices->data)[k++] = flat;
  push_gather(L, graph, x, constant_indices(L, graph, indices));
}

/* x[{i, ":", {a, b}, indices}] */
static void select_axes(lua_State *L, int x, int key) {
  borel_shape shape = borel_lua_shape(L, x);
  selection s = whole_of(&shape);
  lua_Integer n = (lua_Integer)lua_rawlen(L, key);
  if (n < 1 || n > shape.rank)
    borel_lua_fail(L, "%lld indices for %d ax%s", (long long)n, shape.rank, shape.rank == 1 ? "is" : "es");
  for (int axis = 0; axis < (int)n; axis++) {
    lua_rawgeti(L, key, axis + 1);
    if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), ":") == 0) {
      lua_pop(L, 1);
    } else if (lua_type(L, -1) == LUA_TTABLE) {
      if (lua_rawlen(L, -1) != 2) borel_lua_fail(L, "a slice of an axis is {first, last}");
      lua_rawgeti(L, -1, 1);
      lua_rawgeti(L, -2, 2);
      take_run(L, &s, axis, check_index(L, -2, axis, shape.extent[axis]),
               check_index(L, -1, axis, shape.extent[axis]));
      lua_pop(L, 3);
    } else if (borel_lua_testarray(L, -1)) {
      take_list(L, &s, axis, borel_lua_checkarray(L, -1));
      lua_pop(L, 1); /* `key` holds it */
    } else {
      take_one(&s, axis, check_index(L, -1, axis, shape.extent[axis]));
      lua_pop(L, 1);
    }
  }
  push_selection(L, x, &s);
}

/* ---- gathers --------------------------------------------------------------------------------- */

/* x[idx] for an array idx of whole numbers: rows of x, in the shape of idx. */
static void gather_rows(lua_State *L, int x, const borel_array *idx) {
  borel_shape shape = borel_lua_shape(L, x), to = idx->shape;
  if (shape.rank == 0) borel_lua_fail(L, "a scalar has no elements");
  check_list(L, idx, 0, shape.extent[0]);
  if (to.rank + shape.rank - 1 > BOREL_MAX_RANK)
    borel_lua_fail(L, "the result would have more than %d axes", BOREL_MAX_RANK);
  int64_t row = 1, count = borel_shape_size(&idx->shape);
  for (int i = 1; i < shape.rank; i++) row *= to.extent[to.rank++] = shape.extent[i];
  borel_array *flat = new_indices(L, &to);
  int64_t *out = flat->data;
  for (int64_t i = 0; i < count; i++) {
    int64_t at = ((const int64_t *)idx->data)[i] - 1;
    for (int64_t k = 0; k < row; k++) *out++ = at * row + k;
  }
  if (borel_lua_isnode(L, x)) {
    borel_graph *graph = borel_lua_need_graph(L);
    push_gather(L, graph, x, constant_indices(L, graph, flat));
    return;
  }
  if (borel_lua_testparticles(L, x)) {
    gather_flat(L, x);
    return;
  }
  const borel_array *from = borel_lua_checkarray(L, x);
  borel_array *result = borel_lua_makearray(L, from->dtype, &to);
  for (int64_t k = 0, n = borel_shape_size(&to); k < n; k++)
    copy_element(from, ((int64_t *)flat->data)[k], result, k);
  borel_lua_account(L);
}

/* x[z] for symbolic whole numbers z, known only when the model runs: rows of x, in the shape of z. */
static void gather_symbolic(lua_State *L, int x, int key) {
  borel_error error = {0};
  borel_graph *graph = borel_lua_need_graph(L);
  borel_shape shape = borel_lua_shape(L, x), row = {shape.rank - 1, {0}};
  if (shape.rank == 0) borel_lua_fail(L, "a scalar has no elements");
  if (borel_lua_is_mask(L, key)) no_mask_index(L);
  borel_node z = borel_lua_tonode(L, key, graph);
  if (borel_graph_at(graph, z)->dtype == BOREL_F64)
    borel_lua_fail(L, "an index must be a whole number, this value is real");
  borel_shape column = borel_graph_at(graph, z)->shape;
  if (column.rank + row.rank > BOREL_MAX_RANK)
    borel_lua_fail(L, "the result would have more than %d axes", BOREL_MAX_RANK);
  z = borel_graph_op(graph, BOREL_OP_ISUB, (borel_node[]){z, borel_graph_integer(graph, 1)}, 2, 0, NULL,
                     &error);
  if (row.rank > 0) { /* the flat places of row z: z * size + 0 .. size - 1 */
    for (int i = 0; i < row.rank; i++) row.extent[i] = shape.extent[i + 1], column.extent[column.rank++] = 1;
    int64_t size = borel_shape_size(&row);
    borel_array *within = new_indices(L, &row);
    for (int64_t i = 0; i < size; i++) ((int64_t *)within->data)[i] = i;
    z = borel_graph_op(graph, BOREL_OP_RESHAPE, &z, 1, 0, &column, &error);
    z = borel_graph_op(graph, BOREL_OP_IMUL, (borel_node[]){z, borel_graph_integer(graph, size)}, 2, 0, NULL,
                       &error);
    z = borel_graph_op(graph, BOREL_OP_IADD, (borel_node[]){z, constant_indices(L, graph, within)}, 2, 0,
                       NULL, &error);
  }
  push_gather(L, graph, x, borel_lua_checknode(L, z, &error));
}

/* x[z] for whole numbers z of all particles: rows of x, in the shape of z. */
static void gather_particles(lua_State *L, int x, int key) {
  const borel_particles *z = borel_lua_testparticles(L, key);
  borel_shape shape = borel_lua_shape(L, x), row = {shape.rank - 1, {0}}, column = borel_particles_shape(z);
  if (shape.rank == 0) borel_lua_fail(L, "a scalar has no elements");
  if (z->array.dtype == BOREL_BOOL) no_mask_index(L);
  if (z->array.dtype != BOREL_I64) borel_lua_fail(L, "an index must be a whole number, this value is real");
  for (int64_t i = 0, n = borel_shape_size(&z->array.shape); i < n; i++) {
    int64_t at = ((const int64_t *)z->array.data)[i];
    if (at < 1 || at > shape.extent[0])
      borel_lua_fail(L, "index %lld of a particle is out of range: axis 1 has %lld elements", (long long)at,
                     (long long)shape.extent[0]);
  }
  if (column.rank + row.rank >= BOREL_MAX_RANK)
    borel_lua_fail(L, "values of all particles have at most %d axes each", BOREL_MAX_RANK - 1);
  for (int i = 0; i < row.rank; i++) row.extent[i] = shape.extent[i + 1], column.extent[column.rank++] = 1;
  lua_pushvalue(L, key);
  lua_pushinteger(L, 1);
  borel_lua_op(L, BOREL_OP_SUB, -2, 2, 0, NULL);
  if (row.rank > 0) { /* the flat places of row z: z * size + 0 .. size - 1 */
    int64_t size = borel_shape_size(&row);
    borel_lua_reshape(L, -1, &column);
    lua_pushinteger(L, size);
    borel_lua_op(L, BOREL_OP_MUL, -2, 2, 0, NULL);
    borel_array *within = new_indices(L, &row);
    for (int64_t i = 0; i < size; i++) ((int64_t *)within->data)[i] = i;
    borel_lua_op(L, BOREL_OP_ADD, -2, 2, 0, NULL);
  }
  gather_flat(L, x);
}

/* ---- x[key] ---------------------------------------------------------------------------------- */

void borel_lua_index(lua_State *L, int x, int key) {
  x = lua_absindex(L, x), key = lua_absindex(L, key);
  int type = lua_type(L, key);
  if (type == LUA_TNUMBER) {
    borel_shape shape = borel_lua_shape(L, x);
    if (shape.rank == 0) borel_lua_fail(L, "a scalar has no elements");
    int64_t at = check_index(L, key, 0, shape.extent[0]);
    const borel_array *array = shape.rank == 1 && !borel_lua_isnode(L, x) ? borel_lua_testarray(L, x) : NULL;
    if (array) {
      borel_lua_pushelement(L, array, at);
      return;
    }
    selection s = whole_of(&shape);
    take_one(&s, 0, at);
    push_selection(L, x, &s);
  } else if (type == LUA_TTABLE) {
    select_axes(L, x, key);
  } else if (borel_lua_isnode(L, key)) {
    gather_symbolic(L, x, key);
  } else if (borel_lua_testparticles(L, key)) {
    gather_particles(L, x, key);
  } else if (borel_lua_testarray(L, key)) {
    gather_rows(L, x, borel_lua_checkarray(L, key));
  } else {
    borel_lua_fail(L, "an index is a number, a list of them, or an array of whole numbers, got a %s",
                   borel_lua_typename(L, key));
  }
}

static int push_field(lua_State *L, const char *name) {
  borel_shape shape = borel_lua_shape(L, 1);
  if (strcmp(name, "rank") == 0)
    lua_pushinteger(L, shape.rank);
  else if (strcmp(name, "size") == 0)
    lua_pushinteger(L, borel_shape_size(&shape));
  else if (strcmp(name, "dtype") == 0) {
    if (lua_type(L, 1) != LUA_TUSERDATA) {
      lua_pushstring(L, lua_type(L, 1) == LUA_TBOOLEAN ? "bool" : lua_isinteger(L, 1) ? "i64" : "f64");
    } else if (borel_lua_isnode(L, 1)) {
      borel_dtype dtype = borel_lua_nodeinfo(L, 1)->dtype;
      lua_pushstring(L, borel_lua_is_mask(L, 1) ? "bool" : borel_dtype_name(dtype));
    } else {
      const borel_particles *p = borel_lua_testparticles(L, 1);
      lua_pushstring(L, borel_dtype_name((p ? &p->array : borel_lua_checkarray(L, 1))->dtype));
    }
  } else if (strcmp(name, "shape") == 0) {
    lua_createtable(L, shape.rank, 0);
    for (int i = 0; i < shape.rank; i++) {
      lua_pushinteger(L, shape.extent[i]);
      lua_rawseti(L, -2, i + 1);
    }
  } else {
    return 0;
  }
  return 1;
}

/* x[i] of a vector, as loops over time have it, without a look into the registry. */
static int push_number_at(lua_State *L) {
  if (!lua_isinteger(L, 2) || lua_type(L, 1) != LUA_TUSERDATA || !lua_getmetatable(L, 1)) return 0;
  int is_array = lua_rawequal(L, -1, lua_upvalueindex(2));
  lua_pop(L, 1);
  const borel_array *array = is_array ? lua_touserdata(L, 1) : NULL;
  lua_Integer i = lua_tointeger(L, 2);
  if (!array || !array->data || array->shape.rank != 1 || i < 1 || i > array->shape.extent[0]) return 0;
  borel_lua_pushelement(L, array, i - 1);
  return 1;
}

/* `ipairs` ends at the first nil: C code that reads the element after the last gets one, Lua code an error.
 */
static int asks_beyond_the_end(lua_State *L) {
  lua_Debug caller;
  if (!lua_isinteger(L, 2) || lua_type(L, 1) != LUA_TUSERDATA) return 0;
  borel_shape shape = borel_lua_shape(L, 1);
  if (shape.rank == 0 || lua_tointeger(L, 2) != shape.extent[0] + 1) return 0;
  return lua_getstack(L, 1, &caller) && lua_getinfo(L, "S", &caller) && *caller.what == 'C';
}

/* Upvalues: the methods, the metatable of arrays. */
static int index_event(lua_State *L) {
  if (push_number_at(L)) return 1;
  if (asks_beyond_the_end(L)) return 0;
  if (lua_type(L, 2) != LUA_TSTRING) {
    borel_lua_index(L, 1, 2);
    return 1;
  }
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  if (push_field(L, lua_tostring(L, 2))) return 1;
  const char *what = borel_lua_isnode(L, 1) || borel_lua_testparticles(L, 1) ? "a value of the model"
                     : lua_type(L, 1) == LUA_TUSERDATA                       ? "an array"
                                                                             : luaL_typename(L, 1);
  borel_lua_fail(L, "%s%s has no '%s'", lua_type(L, 1) == LUA_TUSERDATA ? "" : "a ", what,
                 lua_tostring(L, 2));
}

static int newindex_event(lua_State *L) {
  borel_lua_fail(L, "arrays cannot be changed: build a new one, with borel.where or borel.stack");
}

static int length_event(lua_State *L) {
  borel_shape shape = borel_lua_shape(L, 1);
  if (shape.rank == 0) borel_lua_fail(L, "a scalar has no length");
  lua_pushinteger(L, shape.extent[0]);
  return 1;
}

/* ---- methods --------------------------------------------------------------------------------- */

/* x:slice(first, last): along the first axis, both ends included. */
static int slice(lua_State *L) {
  borel_shape shape = borel_lua_shape(L, 1);
  if (shape.rank == 0) borel_lua_fail(L, "slice: a scalar has no elements");
  selection s = whole_of(&shape);
  take_run(L, &s, 0, check_index(L, 2, 0, shape.extent[0]), check_index(L, 3, 0, shape.extent[0]));
  push_selection(L, 1, &s);
  return 1;
}

/* Pushes it. */
static void reshape_particles(lua_State *L, int index, const borel_shape *to) {
  const borel_particles *p = borel_lua_testparticles(L, index);
  borel_shape own = borel_particles_shape(p), all = {to->rank + 1, {p->array.shape.extent[0]}};
  char have[64], want[64];
  if (borel_shape_size(&own) != borel_shape_size(to))
    borel_lua_fail(L, "reshape: %s has not as many elements as %s", borel_shape_text(&own, have),
                   borel_shape_text(to, want));
  if (to->rank >= BOREL_MAX_RANK)
    borel_lua_fail(L, "values of all particles have at most %d axes each", BOREL_MAX_RANK - 1);
  memcpy(all.extent + 1, to->extent, sizeof *to->extent * (size_t)to->rank);
  borel_array *out = borel_lua_newarray(L);
  *out = borel_array_hold(&p->array);
  out->shape = all;
  borel_lua_as_particles(L, p->lineage);
}

void borel_lua_reshape(lua_State *L, int index, const borel_shape *to) {
  index = lua_absindex(L, index);
  if (borel_lua_isnode(L, index)) {
    borel_lua_op(L, BOREL_OP_RESHAPE, index, 1, 0, to);
  } else if (borel_lua_testparticles(L, index)) {
    reshape_particles(L, index, to);
  } else {
    char have[64], want[64];
    const borel_array *array = borel_lua_checkarray(L, index);
    if (borel_shape_size(&array->shape) != borel_shape_size(to))
      borel_lua_fail(L, "reshape: %s has not as many elements as %s", borel_shape_text(&array->shape, have),
                     borel_shape_text(to, want));
    if (to->rank == 0) {
      borel_lua_pushelement(L, array, 0);
    } else {
      borel_array *out = borel_lua_newarray(L);
      *out = borel_array_hold(array);
      out->shape = *to;
    }
  }
  lua_replace(L, index);
}

/* x:reshape{n, m} */
static int reshape(lua_State *L) {
  borel_shape to = borel_lua_toshape(L, 2);
  lua_settop(L, 1);
  borel_lua_reshape(L, 1, &to);
  return 1;
}

static int gather(lua_State *L) {
  if (lua_type(L, 2) == LUA_TTABLE) borel_lua_table_toarray(L, 2, BOREL_I64);
  borel_lua_index(L, 1, 2);
  return 1;
}

void borel_lua_open_index(lua_State *L) {
  static const char *const types[] = {"borel.array", "borel.node", "borel.particles"};
  static const luaL_Reg events[] = {{"__newindex", newindex_event}, {"__len", length_event}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"slice", slice}, {"reshape", reshape}, {"gather", gather}, {NULL, NULL}};
  lua_pushvalue(L, 2);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  /* In a plain run a scalar site is a Lua number and a mask a boolean: they have the methods too. */
  lua_pushinteger(L, 0);
  lua_pushboolean(L, 0);
  for (int i = 0; i < 2; i++) {
    lua_createtable(L, 0, 12);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, index_event, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pop(L, 1); /* the boolean, then the number */
  }
  for (int i = 0; i < 3; i++) {
    luaL_getmetatable(L, types[i]);
    lua_pushvalue(L, 2);
    luaL_getmetatable(L, types[0]);
    lua_pushcclosure(L, index_event, 2);
    lua_setfield(L, -2, "__index");
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
  }
}
