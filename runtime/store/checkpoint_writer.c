/* SPDX-License-Identifier: MIT */
#include "core/error.h"
#include "store/checkpoint_format.h"
#include "store/file.h"

#include <stdlib.h>

enum { CHUNK = 1 << 16 }; /* a multiple of 8 */

typedef struct {
  char *name;
  uint32_t type; /* as in the file */
  borel_shape shape;
  size_t count;     /* numbers, or bytes of a text */
  const void *data; /* the caller's, or `own` */
  void *own;
} entry;

struct borel_checkpoint {
  entry *entries;
  size_t count, capacity;
  unsigned char *chunk; /* [CHUNK], what goes to the file next */
};

/* A file being written: its checksum so far, and the part of the chunk in use. */
typedef struct {
  borel_replacement file;
  unsigned char *chunk;
  size_t used;
  uint32_t crc;
} output;

static borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for a checkpoint");
}

borel_status borel_checkpoint_begin(borel_checkpoint **out, borel_error *error) {
  *out = NULL;
  borel_checkpoint *c = calloc(1, sizeof *c);
  if (!c || !(c->chunk = malloc(CHUNK))) {
    free(c);
    return no_memory(error);
  }
  *out = c;
  return BOREL_OK;
}

void borel_checkpoint_clear(borel_checkpoint *c) {
  for (size_t i = 0; i < c->count; i++) {
    free(c->entries[i].name);
    free(c->entries[i].own);
  }
  c->count = 0;
}

void borel_checkpoint_free(borel_checkpoint *c) {
  if (!c) return;
  borel_checkpoint_clear(c);
  free(c->entries);
  free(c->chunk);
  free(c);
}

static borel_status check_name(const borel_checkpoint *c, const char *name, borel_error *error) {
  size_t length = strlen(name);
  if (length == 0 || length > CHECKPOINT_NAME_MAX)
    return borel_fail(error, BOREL_ARG, "a checkpoint entry has a name of %zu bytes (1 to %d may be)", length,
                      CHECKPOINT_NAME_MAX);
  for (size_t i = 0; i < c->count; i++)
    if (strcmp(c->entries[i].name, name) == 0)
      return borel_fail(error, BOREL_ARG, "a checkpoint has two entries '%.200s'", name);
  return BOREL_OK;
}

/* Adds an entry; with `copy`, its data is copied. */
static borel_status add(borel_checkpoint *c, entry new, const char *name, int copy, borel_error *error) {
  borel_status status = check_name(c, name, error);
  if (status != BOREL_OK) return status;
  if (c->count == c->capacity) {
    size_t capacity = c->capacity ? 2 * c->capacity : 16;
    entry *entries = reallocarray(c->entries, capacity, sizeof *entries);
    if (!entries) return no_memory(error);
    c->entries = entries;
    c->capacity = capacity;
  }
  new.name = strdup(name);
  if (!new.name) return no_memory(error);
  if (copy) {
    size_t size = new.count *checkpoint_element(new.type);
    new.own = malloc(size ? size : 1);
    if (!new.own) {
      free(new.name);
      return no_memory(error);
    }
    memcpy(new.own, new.data, size);
    new.data = new.own;
  }
  c->entries[c->count++] = new;
  return BOREL_OK;
}

borel_status borel_checkpoint_add_array(borel_checkpoint *c, const char *name, borel_dtype dtype,
                                        const borel_shape *shape, const void *data, borel_error *error) {
  if ((unsigned)dtype > BOREL_BOOL || shape->rank < 0 || shape->rank > BOREL_MAX_RANK)
    return borel_fail(error, BOREL_ARG, "array '%.200s' has an unknown type or rank", name);
  size_t count = 1, bytes;
  for (int i = 0; i < shape->rank; i++)
    if (shape->extent[i] < 0 || __builtin_mul_overflow(count, (size_t)shape->extent[i], &count))
      return borel_fail(error, BOREL_ARG, "array '%.200s' has an impossible extent", name);
  if (__builtin_mul_overflow(count, borel_dtype_size(dtype), &bytes) || bytes > SIZE_MAX / 2)
    return borel_fail(error, BOREL_ARG, "array '%.200s' is too large", name);
  entry new = {.type = (uint32_t)dtype, .shape = *shape, .count = count, .data = data};
  return add(c, new, name, 0, error);
}

borel_status borel_checkpoint_add_u64(borel_checkpoint *c, const char *name, uint64_t value,
                                      borel_error *error) {
  return add(c, (entry){.type = BOREL_ENTRY_U64, .count = 1, .data = &value}, name, 1, error);
}

borel_status borel_checkpoint_add_real(borel_checkpoint *c, const char *name, double value,
                                       borel_error *error) {
  return add(c, (entry){.type = BOREL_F64, .count = 1, .data = &value}, name, 1, error);
}

borel_status borel_checkpoint_add_text(borel_checkpoint *c, const char *name, const char *text,
                                       borel_error *error) {
  size_t length = strlen(text);
  entry new = {.type = BOREL_ENTRY_TEXT,
               .shape = {.rank = 1, .extent = {(int64_t)length}},
               .count = length + 1, /* with its NUL */
               .data = text};
  return add(c, new, name, 1, error);
}

static borel_status drain(output *out, borel_error *error) {
  out->crc = borel_crc32c(out->chunk, out->used, out->crc);
  borel_status status = borel_replacement_write(&out->file, out->chunk, out->used, error);
  out->used = 0;
  return status;
}

/* Writes numbers, then zeros up to a multiple of 8. */
static borel_status put(output *out, const void *data, size_t count, size_t size, borel_error *error) {
  for (const unsigned char *from = data; count > 0;) {
    size_t fits = (CHUNK - out->used) / size, n = count < fits ? count : fits;
    borel_bytes_copy(out->chunk + out->used, from, n, size);
    out->used += n * size;
    from += n * size;
    count -= n;
    if (CHUNK - out->used >= size) continue;
    borel_status status = drain(out, error);
    if (status != BOREL_OK) return status;
  }
  while (out->used % 8) out->chunk[out->used++] = 0;
  return BOREL_OK;
}

static borel_status put_entry(output *out, const entry *e, borel_error *error) {
  unsigned char head[CHECKPOINT_ENTRY] = {0};
  size_t length = strlen(e->name);
  borel_bytes_put32(head, e->type);
  borel_bytes_put32(head + 4, (uint32_t)e->shape.rank);
  for (int i = 0; i < e->shape.rank; i++) borel_bytes_put64(head + 8 + 8 * i, (uint64_t)e->shape.extent[i]);
  borel_bytes_put32(head + 40, (uint32_t)length);
  borel_status status = put(out, head, sizeof head, 1, error);
  if (status == BOREL_OK) status = put(out, e->name, length + 1, 1, error);
  if (status == BOREL_OK) status = put(out, e->data, e->count, checkpoint_element(e->type), error);
  return status;
}

static uint64_t file_size(const borel_checkpoint *c) {
  uint64_t size = CHECKPOINT_START + CHECKPOINT_END;
  for (size_t i = 0; i < c->count; i++) {
    const entry *e = &c->entries[i];
    size += CHECKPOINT_ENTRY + checkpoint_padded(strlen(e->name) + 1) +
            checkpoint_padded(e->count * checkpoint_element(e->type));
  }
  return size;
}

borel_status borel_checkpoint_commit(borel_checkpoint *c, const char *path, uint64_t log_length,
                                     borel_error *error) {
  output out = {.chunk = c->chunk};
  borel_status status = borel_replacement_begin(&out.file, path, error);
  if (status != BOREL_OK) return status;
  unsigned char start[CHECKPOINT_START];
  memcpy(start, CHECKPOINT_MAGIC, 8);
  borel_bytes_put32(start + 8, BOREL_CHECKPOINT_VERSION);
  borel_bytes_put32(start + 12, (uint32_t)c->count);
  borel_bytes_put64(start + 16, file_size(c));
  borel_bytes_put64(start + 24, log_length);
  status = put(&out, start, sizeof start, 1, error);
  for (size_t i = 0; status == BOREL_OK && i < c->count; i++) status = put_entry(&out, &c->entries[i], error);
  if (status == BOREL_OK) status = drain(&out, error);
  unsigned char end[CHECKPOINT_END];
  borel_bytes_put32(end, out.crc);
  if (status == BOREL_OK) status = borel_replacement_write(&out.file, end, sizeof end, error);
  if (status == BOREL_OK) status = borel_replacement_commit(&out.file, 1, error);
  borel_replacement_end(&out.file);
  return status;
}
