/* SPDX-License-Identifier: MIT
 * Values of a whole population: userdata that stand for one number or array of each particle. The axis of the
 * particles is the first of the buffer and hidden: a program written for one particle runs on all of them,
 * and what it does to a value happens to every row.
 *
 * Rows belong to a *lineage*. Resampling makes a new one, whose rows each come from a row of its parent, and
 * enters it; values that a suspended program still holds stay where they are until somebody reads them, and
 * are then brought to the lineage that is entered, once, by the maps in between. So a program that runs once
 * goes on as if it had been copied with the particles. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

static const char type_name[] = "borel.particles", lineage_type[] = "borel.lineage";

/* Where no value stands any more, a lineage is cut out of the chain: of T resamplings those remain that
 * something alive was made in. */
struct borel_lineage {
  borel_lineage *parent; /* NULL: nothing older is alive */
  int64_t rows;
  int64_t *from;    /* [rows]: the parent's row that each comes from, 0-based */
  size_t holders;   /* values, children, Lua */
  size_t values;    /* of them, values: what may have to be brought elsewhere */
  uint64_t number;  /* which it is of those ever made */
  uint64_t asker;   /* number of the lineage that `through` leads from; 0: none */
  int64_t *through; /* [rows of the asker]: the row here */
};

/* ---- lineages -------------------------------------------------------------------------------- */

static void drop(borel_lineage *l) {
  while (l && --l->holders == 0) {
    borel_lineage *parent = l->parent;
    free(l->from);
    free(l->through);
    free(l);
    l = parent;
  }
}

static borel_lineage *hold(borel_lineage *l) {
  l->holders++;
  return l;
}

/* Pushes a new lineage; `from` is for the caller to fill when it has a parent. */
static borel_lineage *push_lineage(lua_State *L, borel_lineage *parent, int64_t rows) {
  if (rows < 1 || rows > (int64_t)1 << 40)
    borel_lua_fail(L, "a population has at least one particle, got %lld", (long long)rows);
  borel_lineage **kept = lua_newuserdatauv(L, sizeof *kept, 0);
  *kept = NULL;
  luaL_setmetatable(L, lineage_type);
  borel_lineage *l = calloc(1, sizeof *l);
  int64_t *from = parent ? calloc((size_t)rows, sizeof *from) : NULL;
  if (!l || (parent && !from)) {
    free(l);
    free(from);
    borel_lua_fail(L, "out of memory for %lld particles", (long long)rows);
  }
  *l = (borel_lineage){.rows = rows, .from = from, .holders = 1, .number = ++borel_lua_state(L)->lineages};
  if (parent) l->parent = hold(parent);
  return *kept = l;
}

static borel_lineage *check_lineage(lua_State *L, int index) {
  return *(borel_lineage **)luaL_checkudata(L, index, lineage_type);
}

static int lineage_gc(lua_State *L) {
  borel_lineage **kept = luaL_checkudata(L, 1, lineage_type);
  drop(*kept);
  *kept = NULL;
  return 0;
}

/* core.lineage(n): rows that come from nowhere. */
static int lineage_new(lua_State *L) {
  push_lineage(L, NULL, luaL_checkinteger(L, 1));
  return 1;
}

/* Cuts out what no value stands in between `l` and the first of its chain. */
static void shorten(borel_lineage *l) {
  while (l->parent) {
    borel_lineage *parent = l->parent, *above = parent->parent;
    if (parent->asker) {
      free(parent->through);
      parent->through = NULL;
      parent->asker = 0;
    }
    if (parent->values > 0) {
      l = parent;
      continue;
    }
    if (above)
      for (int64_t i = 0; i < l->rows; i++) l->from[i] = parent->from[l->from[i]];
    else
      free(l->from), l->from = NULL;
    l->parent = above ? hold(above) : NULL;
    drop(parent);
  }
}

/* lineage:child(ancestors): row i comes from row ancestors[i], a list or an i64 array, 1-based. */
static int lineage_child(lua_State *L) {
  borel_lineage *parent = check_lineage(L, 1);
  const borel_array *a = borel_lua_testarray(L, 2);
  if (!a) a = borel_lua_table_toarray(L, 2, BOREL_I64);
  if (a->dtype != BOREL_I64 || a->shape.rank != 1)
    borel_lua_fail(L, "ancestors are whole numbers, one for each particle");
  borel_lineage *l = push_lineage(L, parent, a->shape.extent[0]);
  for (int64_t i = 0; i < l->rows; i++) {
    int64_t from = ((const int64_t *)a->data)[i];
    if (from < 1 || from > parent->rows)
      borel_lua_fail(L, "ancestor %lld of particle %lld: there are %lld", (long long)from, (long long)i + 1,
                     (long long)parent->rows);
    l->from[i] = from - 1;
  }
  shorten(l);
  return 1;
}

static int lineage_length(lua_State *L) {
  lua_pushinteger(L, check_lineage(L, 1)->rows);
  return 1;
}

/* lineage:depth(): how many lineages are kept, it and those before it. */
static int lineage_depth(lua_State *L) {
  lua_Integer depth = 0;
  for (const borel_lineage *l = check_lineage(L, 1); l; l = l->parent) depth++;
  lua_pushinteger(L, depth);
  return 1;
}

/* core.enter(lineage or nil): values are brought there when they are read; nil: they stay where they are. */
static int enter(lua_State *L) {
  borel_lua_values *values = borel_lua_state(L);
  borel_lineage *l = lua_isnoneornil(L, 1) ? NULL : hold(check_lineage(L, 1));
  drop(values->lineage);
  values->lineage = l;
  return 0;
}

/* The row of `old` that each row of `now` comes from; kept for the next who asks. */
static const int64_t *rows_through(lua_State *L, const borel_lineage *now, const borel_lineage *old) {
  const int64_t *map = NULL;
  for (const borel_lineage *l = now; l != old; l = l->parent) {
    borel_lineage *parent = l->parent;
    if (!parent) borel_lua_fail(L, "a drawn value is used in another run than the one that drew it");
    if (!map) {
      map = l->from;
    } else if (parent->asker == now->number) {
      map = parent->through;
    } else {
      int64_t *through = realloc(parent->through, (size_t)now->rows * sizeof *through);
      if (!through)
        borel_lua_fail(L, "out of memory for the ancestors of %lld particles", (long long)now->rows);
      for (int64_t i = 0; i < now->rows; i++) through[i] = l->from[map[i]];
      parent->through = through;
      parent->asker = now->number;
      map = through;
    }
  }
  return map;
}

/* ---- values ---------------------------------------------------------------------------------- */

static int64_t row_bytes(const borel_array *array) {
  int64_t bytes = (int64_t)borel_dtype_size(array->dtype);
  for (int i = 1; i < array->shape.rank; i++) bytes *= array->shape.extent[i];
  return bytes;
}

/* Pushes an array of the rows map[0 .. n - 1] of `from`. */
static borel_array *push_rows(lua_State *L, const borel_array *from, const int64_t *map, int64_t n) {
  borel_shape shape = from->shape;
  shape.extent[0] = n;
  borel_array *to = borel_lua_makeroom(L, from->dtype, &shape);
  const size_t bytes = (size_t)row_bytes(from);
  if (bytes == sizeof(double))
    for (int64_t i = 0; i < n; i++)
      memcpy((double *)to->data + i, (double *)from->data + map[i], sizeof(double));
  else
    for (int64_t i = 0; i < n; i++)
      memcpy((char *)to->data + (size_t)i * bytes, (const char *)from->data + (size_t)map[i] * bytes, bytes);
  borel_lua_account(L);
  return to;
}

static void belongs(borel_particles *p, borel_lineage *to) {
  hold(to)->values++;
  if (p->lineage) {
    p->lineage->values--;
    drop(p->lineage);
  }
  p->lineage = to;
}

static borel_particles *push_empty(lua_State *L, borel_lineage *lineage) {
  borel_particles *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (borel_particles){0};
  luaL_setmetatable(L, type_name);
  belongs(p, lineage);
  return p;
}

void borel_lua_as_particles(lua_State *L, borel_lineage *lineage) {
  borel_array *array = borel_lua_checkarray(L, -1);
  borel_particles *p = push_empty(L, lineage);
  p->array = borel_array_hold(array);
  borel_array_release(array);
  lua_replace(L, -2);
}

double *borel_lua_pushcolumn(lua_State *L, borel_lineage *lineage) {
  borel_particles *p = push_empty(L, lineage);
  p->array = borel_array_room(BOREL_F64, &(borel_shape){1, {lineage->rows}});
  if (!p->array.data) borel_lua_fail(L, "out of memory for %lld particles", (long long)lineage->rows);
  return p->array.data;
}

/* Brings a value to the lineage `now`. */
static void bring(lua_State *L, borel_particles *p, borel_lineage *now) {
  const int64_t *map = rows_through(L, now, p->lineage);
  borel_array *moved = push_rows(L, &p->array, map, now->rows), old = p->array;
  p->array = *moved;
  *moved = old;
  borel_array_release(moved);
  belongs(p, now);
  lua_pop(L, 1);
}

/* The value at `index` as it is. Most that is asked about is something else, of another size. */
static borel_particles *peek(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) != sizeof(borel_particles)) return NULL;
  return luaL_testudata(L, index, type_name);
}

borel_particles *borel_lua_testparticles(lua_State *L, int index) {
  borel_particles *p = peek(L, index);
  if (!p) return NULL;
  borel_lineage *now = borel_lua_state(L)->lineage;
  if (now && now != p->lineage) bring(L, p, now);
  return p;
}

borel_particles *borel_lua_checkparticles(lua_State *L, int index) {
  borel_particles *p = borel_lua_testparticles(L, index);
  if (!p) borel_lua_fail(L, "a value of all particles is needed, got a %s", borel_lua_typename(L, index));
  return p;
}

borel_shape borel_particles_shape(const borel_particles *p) {
  borel_shape own = {p->array.shape.rank - 1, {0}};
  memcpy(own.extent, p->array.shape.extent + 1, sizeof *own.extent * (size_t)own.rank);
  return own;
}

int64_t borel_lineage_rows(const borel_lineage *l) { return l->rows; }

static int particles_gc(lua_State *L) {
  borel_particles *p = luaL_checkudata(L, 1, type_name);
  if (p->lineage) {
    p->lineage->values--;
    drop(p->lineage);
    p->lineage = NULL;
  }
  borel_array_release(&p->array);
  return 0;
}

/* core.particles(array, lineage): row i of the array as the value of particle i. */
static int particles_new(lua_State *L) {
  const borel_array *array = borel_lua_checkarray(L, 1);
  borel_lineage *lineage = check_lineage(L, 2);
  if (array->shape.rank < 1 || array->shape.extent[0] != lineage->rows)
    borel_lua_fail(L, "an array with a row for each of %lld particles is needed", (long long)lineage->rows);
  borel_array *held = borel_lua_newarray(L);
  *held = borel_array_hold(array);
  borel_lua_as_particles(L, lineage);
  return 1;
}

/* Pushes the array of a value, its rows those of the lineage at `index`, or as they are when there is none.
 */
static void push_array(lua_State *L, const borel_particles *p, int index) {
  const borel_lineage *to = lua_isnoneornil(L, index) ? p->lineage : check_lineage(L, index);
  if (to == p->lineage) {
    borel_array *held = borel_lua_newarray(L);
    *held = borel_array_hold(&p->array);
  } else {
    push_rows(L, &p->array, rows_through(L, to, p->lineage), to->rows);
  }
}

/* core.particles_array(value [, lineage]): the array behind it, particles along the first axis. */
static int particles_array(lua_State *L) {
  push_array(L, luaL_checkudata(L, 1, type_name), 2);
  return 1;
}

/* core.particles_at(value, lineage): the value as it is there; what it is made from stays as it is. */
static int particles_at(lua_State *L) {
  borel_lineage *lineage = check_lineage(L, 2);
  push_array(L, luaL_checkudata(L, 1, type_name), 2);
  borel_lua_as_particles(L, lineage);
  return 1;
}

/* core.particle(value, i): the number, boolean or array that particle i (1-based) has. */
static int particle(lua_State *L) {
  const borel_particles *p = borel_lua_checkparticles(L, 1);
  int64_t i = luaL_checkinteger(L, 2) - 1, n = p->array.shape.extent[0];
  luaL_argcheck(L, i >= 0 && i < n, 2, "the number of a particle");
  if (p->array.shape.rank == 1) {
    borel_lua_pushelement(L, &p->array, i);
    return 1;
  }
  borel_shape own = borel_particles_shape(p);
  borel_array *row = push_rows(L, &p->array, &i, 1);
  row->shape = own;
  return 1;
}

/* core.is_particles(value): the number of axes that one particle's value has; false for another value. */
static int is_particles(lua_State *L) {
  const borel_particles *p = peek(L, 1);
  if (p)
    lua_pushinteger(L, p->array.shape.rank - 1);
  else
    lua_pushboolean(L, 0);
  return 1;
}

/* ---- what cannot be known -------------------------------------------------------------------- */

#define OTHERWISE                                                                                            \
  "the program runs once for all particles, which differ: choose with borel.where(mask, a, b), or run the "  \
  "model itself, not rep.batched(model)"

static int no_order(lua_State *L) {
  borel_lua_fail(L, "a drawn value cannot be compared with < in Lua: " OTHERWISE);
}

/* Reached by `x == y` only when both are userdata. */
static int no_equality(lua_State *L) {
  if (!lua_rawequal(L, 1, 2)) borel_lua_fail(L, "drawn values cannot be compared with == in Lua: " OTHERWISE);
  lua_pushboolean(L, 1);
  return 1;
}

static int no_text(lua_State *L) { borel_lua_fail(L, "a drawn value has no text: " OTHERWISE); }

void borel_lua_no_elements(lua_State *L) {
  borel_lua_fail(L, "a drawn value cannot become a table, a number or a boolean: " OTHERWISE);
}

static int tostring(lua_State *L) {
  const borel_particles *p = luaL_checkudata(L, 1, type_name);
  borel_shape own = borel_particles_shape(p);
  char text[64];
  lua_pushfstring(L, "%I particles of %s %s", (LUAI_UACINT)p->array.shape.extent[0],
                  borel_dtype_name(p->array.dtype), borel_shape_text(&own, text));
  return 1;
}

void borel_lua_open_particles(lua_State *L) {
  luaL_newmetatable(L, lineage_type);
  static const luaL_Reg lineage_meta[] = {{"__gc", lineage_gc}, {"__len", lineage_length}, {NULL, NULL}};
  luaL_setfuncs(L, lineage_meta, 0);
  lua_createtable(L, 0, 2);
  static const luaL_Reg lineage_methods[] = {
      {"child", lineage_child}, {"depth", lineage_depth}, {NULL, NULL}};
  luaL_setfuncs(L, lineage_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);

  luaL_newmetatable(L, type_name);
  static const luaL_Reg meta[] = {
      {"__gc", particles_gc}, {"__tostring", tostring}, {"__lt", no_order}, {"__le", no_order},
      {"__eq", no_equality},  {"__concat", no_text},    {NULL, NULL}};
  luaL_setfuncs(L, meta, 0);
  /* What Lua's own functions say when they are given one: "number expected, got ...". */
  lua_pushliteral(L, "value of all particles: write borel.exp(x) and the like");
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);

  static const luaL_Reg functions[] = {{"lineage", lineage_new},       {"enter", enter},
                                       {"particles", particles_new},   {"particles_array", particles_array},
                                       {"particles_at", particles_at}, {"particle", particle},
                                       {"is_particles", is_particles}, {NULL, NULL}};
  lua_pushvalue(L, 1);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
