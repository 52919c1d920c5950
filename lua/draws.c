/* SPDX-License-Identifier: MIT
 * Draw logs and checkpoints for chains in Lua, and the way back: draws whose sites differ, each with the text
 * of its layout. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/hash.h"
#include "engine.h"
#include "store/checkpoint.h"
#include "store/log.h"
#include "values.h"

#define WRITER "borel.drawlog"
#define RECORDS "borel.records"

/* ---- writing --------------------------------------------------------------------------------- */

/* Values that are written more than once. */
typedef struct {
  size_t kind, first, count; /* numbers[first ..] */
} prepared;

typedef struct {
  borel_log_writer *log;
  int64_t *ids; /* by kind: its layout in the log, -1 before its first draw */
  size_t kinds, declared;
  prepared *records;
  size_t record_count;
  double *numbers; /* of all records; behind them room for a draw */
  size_t number_count, capacity;
} writer; /* its user value is the list of the kinds' texts */

static writer *check_writer(lua_State *L) {
  writer *w = luaL_checkudata(L, 1, WRITER);
  if (!w->log) borel_lua_fail(L, "this draw log is closed");
  return w;
}

static int writer_gc(lua_State *L) {
  writer *w = luaL_checkudata(L, 1, WRITER);
  borel_error error = {0};
  borel_log_close(w->log, &error);
  free(w->ids);
  free(w->records);
  free(w->numbers);
  *w = (writer){0};
  return 0;
}

/* `array` with room for one more behind `count`: its size doubles. */
static void *grown(lua_State *L, void *array, size_t count, size_t size) {
  if (count & (count - 1)) return array;
  void *larger = reallocarray(array, count ? 2 * count : 1, size);
  if (!larger) borel_lua_fail(L, "out of memory for a draw log");
  return larger;
}

static size_t add_kind(lua_State *L, writer *w, int64_t id) {
  w->ids = grown(L, w->ids, w->kinds, sizeof *w->ids);
  w->ids[w->kinds] = id;
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)++w->kinds);
  lua_pop(L, 2);
  return w->kinds;
}

/* The layouts of the log at `path` up to `length` become kinds: the writer is at 1 on the stack. */
static void know_layouts(lua_State *L, writer *w, const char *path, uint64_t length) {
  borel_error error = {0};
  borel_log_reader *reader = NULL;
  borel_log_record record;
  int more = 1;
  borel_status status = borel_log_open(path, &reader, &error);
  if (!status) status = borel_log_limit(reader, length, &error);
  while (!status && more) status = borel_log_next(reader, &record, &more, &error);
  for (size_t i = 0; !status && i < borel_log_layout_count(reader); i++) {
    size_t size;
    const char *text = borel_log_layout_text(reader, borel_log_layout_id(reader, i), &size);
    lua_pushlstring(L, text, size);
    add_kind(L, w, (int64_t)w->declared++);
  }
  borel_log_reader_free(reader);
  if (status) borel_lua_error(L, &error);
}

/* core.draw_log(path, header): a new log in place of what is there; core.draw_log(path, nil, length): goes on
 * behind `length` bytes, which a checkpoint has named. */
static int writer_new(lua_State *L) {
  borel_error error = {0};
  const char *path = luaL_checkstring(L, 1);
  size_t length;
  const char *header = luaL_optlstring(L, 2, NULL, &length);
  lua_Integer kept = header ? 0 : luaL_checkinteger(L, 3);
  lua_settop(L, 3);
  writer *w = lua_newuserdatauv(L, sizeof *w, 1);
  *w = (writer){0};
  luaL_setmetatable(L, WRITER);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  lua_insert(L, 1);
  if (!header) know_layouts(L, w, path, (uint64_t)kept);
  if (header) unlink(path); /* of a start that never reached its first checkpoint */
  borel_status status = header ? borel_log_create(path, header, length, &w->log, &error)
                               : borel_log_resume(path, (uint64_t)kept, &w->log, &error);
  if (status) return borel_lua_error(L, &error);
  lua_settop(L, 1);
  return 1;
}

/* log:kinds(): the texts of the layouts so far, a list by kind */
static int writer_kinds(lua_State *L) {
  check_writer(L);
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/* log:kind(text): the number of a new kind of draws, whose layout is `text` */
static int writer_kind(lua_State *L) {
  writer *w = check_writer(L);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushinteger(L, (lua_Integer)add_kind(L, w, -1));
  return 1;
}

/* Copies the list of numbers at `index` behind those of the records; how many. */
static size_t put_numbers(lua_State *L, writer *w, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  size_t count = lua_rawlen(L, index), need = w->number_count + count;
  if (need > w->capacity) {
    double *larger = reallocarray(w->numbers, 2 * need, sizeof *larger);
    if (!larger) borel_lua_fail(L, "out of memory for a draw of %d numbers", (int)count);
    w->numbers = larger;
    w->capacity = 2 * need;
  }
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    w->numbers[w->number_count + i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return count;
}

static size_t check_kind(lua_State *L, const writer *w) {
  lua_Integer kind = luaL_checkinteger(L, 2);
  luaL_argcheck(L, kind >= 1 && (size_t)kind <= w->kinds, 2, "no such kind");
  return (size_t)kind;
}

static void append(lua_State *L, writer *w, const prepared *p, uint64_t iteration, double info) {
  borel_error error = {0};
  borel_status status = BOREL_OK;
  int64_t *id = &w->ids[p->kind - 1];
  if (*id < 0) {
    size_t length;
    lua_getiuservalue(L, 1, 1);
    lua_rawgeti(L, -1, (lua_Integer)p->kind);
    const char *text = lua_tolstring(L, -1, &length);
    status = borel_log_layout(w->log, (uint32_t)w->declared, text, length, &error);
    lua_pop(L, 2);
    if (!status) *id = (int64_t)w->declared++;
  }
  borel_log_record record = {.layout = (uint32_t)*id,
                             .phase = BOREL_LOG_DRAWS,
                             .iteration = iteration,
                             .V = p->count,
                             .I = 1,
                             .values = w->numbers + p->first,
                             .info = &info};
  if (!status) status = borel_log_append(w->log, &record, &error);
  if (status) borel_lua_error(L, &error);
}

/* log:append(kind, values, iteration, info): a draw; `values` is a list of numbers, `info` a number */
static int writer_append(lua_State *L) {
  writer *w = check_writer(L);
  prepared p = {check_kind(L, w), w->number_count, 0};
  p.count = put_numbers(L, w, 3);
  append(L, w, &p, (uint64_t)luaL_checkinteger(L, 4), luaL_checknumber(L, 5));
  return 0;
}

/* log:prepare(kind, values): the number, from 1, of values for append_ends */
static int writer_prepare(lua_State *L) {
  writer *w = check_writer(L);
  prepared p = {check_kind(L, w), w->number_count, 0};
  p.count = put_numbers(L, w, 3);
  w->records = grown(L, w->records, w->record_count, sizeof *w->records);
  w->records[w->record_count++] = p;
  w->number_count += p.count;
  lua_pushinteger(L, (lua_Integer)w->record_count);
  return 1;
}

/* log:append_ends(ends, accepted, steps, iteration, warmup): draws behind each `steps` of the ends, i64 [n],
 * numbers of prepared values; accepted, i64 [n], is 1 where a step was, and its mean the info of the draw.
 * The first has this iteration, and those below `warmup` are left out. */
static int writer_append_ends(lua_State *L) {
  writer *w = check_writer(L);
  const borel_array *ends = borel_lua_checkarray(L, 2), *accepted = borel_lua_checkarray(L, 3);
  lua_Integer steps = luaL_checkinteger(L, 4), iteration = luaL_checkinteger(L, 5),
              warmup = luaL_checkinteger(L, 6);
  int64_t n = borel_shape_size(&ends->shape);
  luaL_argcheck(L, ends->dtype == BOREL_I64 && accepted->dtype == BOREL_I64, 2, "i64 vectors");
  luaL_argcheck(L, borel_shape_size(&accepted->shape) == n && steps >= 1 && n % steps == 0, 3, "equal sizes");
  const int64_t *at = ends->data, *yes = accepted->data;
  for (int64_t i = 0; i < n; i += steps, iteration++) {
    if (iteration < warmup) continue;
    int64_t sum = 0, end = at[i + steps - 1];
    for (int64_t k = 0; k < steps; k++) sum += yes[i + k];
    luaL_argcheck(L, end >= 1 && (size_t)end <= w->record_count, 2, "numbers of prepared values");
    append(L, w, &w->records[end - 1], (uint64_t)iteration, (double)sum / (double)steps);
  }
  return 0;
}

/* log:sync(): waits for the disk; the length up to here, which a checkpoint may name */
static int writer_sync(lua_State *L) {
  borel_error error = {0};
  writer *w = check_writer(L);
  if (borel_log_sync(w->log, &error)) return borel_lua_error(L, &error);
  lua_pushinteger(L, (lua_Integer)borel_log_committed(w->log));
  return 1;
}

/* log:flush(): others see the draws so far */
static int writer_flush(lua_State *L) {
  borel_error error = {0};
  return borel_log_flush(check_writer(L)->log, &error) ? borel_lua_error(L, &error) : 0;
}

static int writer_close(lua_State *L) {
  borel_error error = {0};
  writer *w = check_writer(L);
  borel_log_writer *log = w->log;
  w->log = NULL;
  return borel_log_close(log, &error) ? borel_lua_error(L, &error) : 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Draws of equal bits are one record. */
typedef struct {
  prepared *list; /* kind: the layout's id */
  size_t count;
  double *numbers;
  size_t number_count, capacity;
  uint32_t *slots; /* open addressing: 1 + number of a record; 0: free */
  size_t slot_count;
} records;

static int records_gc(lua_State *L) {
  records *r = luaL_checkudata(L, 1, RECORDS);
  free(r->list);
  free(r->numbers);
  free(r->slots);
  *r = (records){0};
  return 0;
}

/* The slot of these values, or the free one where they belong. */
static uint32_t *slot_of(records *r, const double *values, size_t count, size_t kind) {
  size_t mask = r->slot_count - 1, at = borel_crc32c(values, count * sizeof *values, (uint32_t)kind) & mask;
  for (; r->slots[at]; at = (at + 1) & mask) {
    const prepared *p = &r->list[r->slots[at] - 1];
    if (p->kind == kind && p->count == count &&
        (count == 0 || memcmp(r->numbers + p->first, values, count * sizeof *values) == 0))
      break;
  }
  return &r->slots[at];
}

/* Twice as many slots; 0 when memory is short. */
static int more_slots(records *r) {
  uint32_t *old = r->slots, *slots = calloc(r->slot_count ? 2 * r->slot_count : 64, sizeof *slots);
  if (!slots) return 0;
  r->slots = slots;
  r->slot_count = r->slot_count ? 2 * r->slot_count : 64;
  free(old);
  for (size_t i = 0; i < r->count; i++) {
    const prepared *p = &r->list[i];
    *slot_of(r, r->numbers + p->first, p->count, p->kind) = (uint32_t)i + 1;
  }
  return 1;
}

/* The number, from 1, of a draw's record; 0 when memory is short or there are too many. */
static uint32_t record_of(records *r, const borel_log_record *draw) {
  if (2 * r->count >= r->slot_count && !more_slots(r)) return 0;
  uint32_t *slot = slot_of(r, draw->values, draw->V, draw->layout);
  if (*slot) return *slot;
  if (r->count == UINT32_MAX - 1) return 0;
  size_t need = r->number_count + draw->V;
  if (need > r->capacity) {
    double *larger = reallocarray(r->numbers, 2 * need, sizeof *larger);
    if (!larger) return 0;
    r->numbers = larger;
    r->capacity = 2 * need;
  }
  if ((r->count & (r->count - 1)) == 0) {
    prepared *larger = reallocarray(r->list, r->count ? 2 * r->count : 1, sizeof *larger);
    if (!larger) return 0;
    r->list = larger;
  }
  if (draw->V) memcpy(r->numbers + r->number_count, draw->values, draw->V * sizeof *r->numbers);
  r->list[r->count] = (prepared){draw->layout, r->number_count, draw->V};
  r->number_count = need;
  return *slot = (uint32_t)++r->count;
}

/* records:get(number): the layout's id and a list of the numbers */
static int records_get(lua_State *L) {
  const records *r = luaL_checkudata(L, 1, RECORDS);
  lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 1 && (size_t)number <= r->count, 2, "no such record");
  const prepared *p = &r->list[number - 1];
  lua_pushinteger(L, (lua_Integer)p->kind);
  lua_createtable(L, (int)p->count, 0);
  for (size_t i = 0; i < p->count; i++) {
    lua_pushnumber(L, r->numbers[p->first + i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 2;
}

static void push_layouts(lua_State *L, const borel_log_reader *reader) {
  lua_newtable(L);
  for (size_t i = 0; i < borel_log_layout_count(reader); i++) {
    size_t length;
    uint32_t id = borel_log_layout_id(reader, i);
    const char *text = borel_log_layout_text(reader, id, &length);
    lua_pushlstring(L, text, length);
    lua_rawseti(L, -2, (lua_Integer)id);
  }
}

static int close_reader(lua_State *L) {
  borel_log_reader **box = lua_touserdata(L, 1);
  borel_log_reader_free(*box);
  *box = NULL;
  return 0;
}

/* A reader that Lua frees. */
static borel_log_reader *push_reader(lua_State *L, const char *path) {
  borel_error error = {0};
  borel_log_reader **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  if (luaL_newmetatable(L, "borel.logreader")) {
    lua_pushcfunction(L, close_reader);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (borel_log_open(path, box, &error)) borel_lua_error(L, &error);
  return *box;
}

/* core.read_draws(path): the draws of a log whose layouts may be many: { header = text, draws = n, index =
 * list of the draws' records, info = list of the first number that is said of each, layouts = { [id] = text
 * }, records = userdata with get(number), tail = text or nil } */
static int read_draws(lua_State *L) {
  borel_error tail = {0};
  lua_settop(L, 1);
  borel_log_reader *reader = push_reader(L, luaL_checkstring(L, 1)); /* 2 */
  lua_newtable(L);                                                   /* 3 */
  records *r = lua_newuserdatauv(L, sizeof *r, 0);                   /* 4 */
  *r = (records){0};
  luaL_setmetatable(L, RECORDS);
  lua_newtable(L); /* 5: index */
  lua_newtable(L); /* 6: info */
  borel_log_record draw;
  lua_Integer draws = 0;
  int more = 1;
  while (borel_log_next(reader, &draw, &more, &tail) == BOREL_OK && more) {
    if (draw.phase != BOREL_LOG_DRAWS) continue;
    uint32_t number = record_of(r, &draw);
    if (!number) borel_lua_fail(L, "out of memory for the draws of %s", lua_tostring(L, 1));
    lua_pushinteger(L, number);
    lua_rawseti(L, 5, ++draws);
    lua_pushnumber(L, draw.I ? draw.info[0] : 0);
    lua_rawseti(L, 6, draws);
  }
  if (tail.code == BOREL_INTERNAL) return borel_lua_error(L, &tail);
  lua_setfield(L, 3, "info");
  lua_setfield(L, 3, "index");
  lua_setfield(L, 3, "records");
  size_t length;
  const char *header = borel_log_header(reader, &length);
  lua_pushlstring(L, header, length);
  lua_setfield(L, 3, "header");
  lua_pushinteger(L, draws);
  lua_setfield(L, 3, "draws");
  push_layouts(L, reader);
  lua_setfield(L, 3, "layouts");
  lua_pushcfunction(L, close_reader);
  lua_pushvalue(L, 2);
  lua_call(L, 1, 0);
  if (tail.code) {
    lua_pushstring(L, tail.message);
    lua_setfield(L, 3, "tail");
  }
  return 1;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static int free_checkpoint(lua_State *L) {
  borel_checkpoint_free(*(borel_checkpoint **)lua_touserdata(L, 1));
  return 0;
}

static borel_status add_entry(lua_State *L, borel_checkpoint *c, const char *name, borel_error *error) {
  if (lua_isinteger(L, -1)) return borel_checkpoint_add_u64(c, name, (uint64_t)lua_tointeger(L, -1), error);
  if (lua_type(L, -1) == LUA_TSTRING) return borel_checkpoint_add_text(c, name, lua_tostring(L, -1), error);
  const borel_array *array = borel_lua_checkarray(L, -1);
  return borel_checkpoint_add_array(c, name, array->dtype, &array->shape, array->data, error);
}

/* core.write_checkpoint(path, log length, entries): a table by name of integers, texts and arrays */
static int write_checkpoint(lua_State *L) {
  borel_error error = {0};
  const char *path = luaL_checkstring(L, 1);
  lua_Integer length = luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  borel_checkpoint **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  if (luaL_newmetatable(L, "borel.checkpoint")) {
    lua_pushcfunction(L, free_checkpoint);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  borel_status status = borel_checkpoint_begin(box, &error);
  for (lua_pushnil(L); !status && lua_next(L, 3); lua_pop(L, 1))
    status = add_entry(L, *box, lua_tostring(L, -2), &error);
  if (!status) status = borel_checkpoint_commit(*box, path, (uint64_t)length, &error);
  return status ? borel_lua_error(L, &error) : 0;
}

static void push_entry(lua_State *L, const borel_checkpoint_entry *e) {
  if (e->kind == BOREL_ENTRY_U64) {
    lua_pushinteger(L, (lua_Integer) * (const uint64_t *)e->data);
  } else if (e->kind == BOREL_ENTRY_TEXT) {
    lua_pushstring(L, e->data);
  } else {
    borel_array array = borel_array_new(e->dtype, &e->shape);
    size_t bytes = (size_t)borel_shape_size(&e->shape) * borel_dtype_size(e->dtype);
    if (array.data && bytes) memcpy(array.data, e->data, bytes);
    borel_lua_pusharray(L, array);
  }
}

static int free_checkpoint_reader(lua_State *L) {
  borel_checkpoint_reader_free(*(borel_checkpoint_reader **)lua_touserdata(L, 1));
  return 0;
}

/* core.read_checkpoint(path): entries, log length; nil when there is none */
static int read_checkpoint(lua_State *L) {
  borel_error error = {0};
  const char *path = luaL_checkstring(L, 1);
  if (!borel_checkpoint_exists(path)) return 0;
  borel_checkpoint_reader **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  if (luaL_newmetatable(L, "borel.checkpointreader")) {
    lua_pushcfunction(L, free_checkpoint_reader);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (borel_checkpoint_load(path, box, &error)) return borel_lua_error(L, &error);
  lua_newtable(L);
  for (size_t i = 0; i < borel_checkpoint_count(*box); i++) {
    const borel_checkpoint_entry *e = borel_checkpoint_at(*box, i);
    push_entry(L, e);
    lua_setfield(L, -2, e->name);
  }
  lua_pushinteger(L, (lua_Integer)borel_checkpoint_log_length(*box));
  return 2;
}

static void metatable(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void borel_lua_open_draws(lua_State *L) {
  static const luaL_Reg of_writers[] = {{"kinds", writer_kinds},
                                        {"kind", writer_kind},
                                        {"append", writer_append},
                                        {"prepare", writer_prepare},
                                        {"append_ends", writer_append_ends},
                                        {"sync", writer_sync},
                                        {"flush", writer_flush},
                                        {"close", writer_close},
                                        {NULL, NULL}};
  static const luaL_Reg of_records[] = {{"get", records_get}, {NULL, NULL}};
  metatable(L, WRITER, of_writers, writer_gc);
  metatable(L, RECORDS, of_records, records_gc);
  static const luaL_Reg functions[] = {{"draw_log", writer_new},
                                       {"read_draws", read_draws},
                                       {"write_checkpoint", write_checkpoint},
                                       {"read_checkpoint", read_checkpoint},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
