/* SPDX-License-Identifier: MIT */
#include "core/error.h"
#include "store/checkpoint_format.h"
#include "store/file.h"

#include <stdlib.h>
#include <unistd.h>

struct borel_checkpoint_reader {
  char *source;
  char refused[2048];
  unsigned char *bytes; /* the file, numbers in native order */
  uint64_t log_length;
  borel_checkpoint_entry *entries;
  size_t count;
};

static borel_status bad(const char *name, const char *what, borel_error *error) {
  return borel_fail(error, BOREL_IO, "checkpoint '%.250s' %s", name, what);
}

void borel_checkpoint_reader_free(borel_checkpoint_reader *r) {
  if (!r) return;
  free(r->source);
  free(r->bytes);
  free(r->entries);
  free(r);
}

/* Bytes of an entry's numbers; 0 return when its type, rank or extents are impossible. */
static int data_size(const unsigned char *head, borel_checkpoint_entry *e, uint64_t *size) {
  uint32_t type = borel_bytes_get32(head), rank = borel_bytes_get32(head + 4);
  if (checkpoint_element(type) == 0 || rank > BOREL_MAX_RANK) return 0;
  if (type == BOREL_ENTRY_U64 && rank != 0) return 0;
  if (type == BOREL_ENTRY_TEXT && rank != 1) return 0;
  e->kind = type <= BOREL_BOOL ? BOREL_ENTRY_ARRAY : (borel_entry_kind)type;
  e->dtype = type <= BOREL_BOOL ? (borel_dtype)type : BOREL_F64;
  e->shape.rank = (int)rank;
  *size = checkpoint_element(type);
  for (uint32_t i = 0; i < rank; i++) {
    uint64_t extent = borel_bytes_get64(head + 8 + 8 * i);
    if (extent > INT64_MAX || __builtin_mul_overflow(*size, extent, size)) return 0;
    e->shape.extent[i] = (int64_t)extent;
  }
  if (type == BOREL_ENTRY_TEXT) *size += 1; /* its NUL */
  return *size <= INT64_MAX;
}

/* Parses the entry at *at, before `end`; 0 when it is malformed. */
static int read_entry(borel_checkpoint_reader *r, uint64_t *at, uint64_t end, borel_checkpoint_entry *e) {
  if (end - *at < CHECKPOINT_ENTRY) return 0;
  unsigned char *head = r->bytes + *at;
  uint64_t size, length = borel_bytes_get32(head + 40);
  *at += CHECKPOINT_ENTRY;
  if (!data_size(head, e, &size) || length == 0 || length > CHECKPOINT_NAME_MAX) return 0;
  uint64_t name_size = checkpoint_padded(length + 1);
  if (end - *at < name_size || end - *at - name_size < checkpoint_padded(size)) return 0;
  e->name = (const char *)r->bytes + *at;
  unsigned char *data = r->bytes + *at + name_size;
  e->data = data;
  *at += name_size + checkpoint_padded(size);
  if (strnlen(e->name, (size_t)length + 1) != length) return 0;
  if (e->kind == BOREL_ENTRY_TEXT) return strnlen((const char *)data, (size_t)size) == size - 1;
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  size_t element = e->kind == BOREL_ENTRY_U64 ? 8 : borel_dtype_size(e->dtype);
  for (uint64_t i = 0; i < size; i += element) {
    unsigned char number[8];
    borel_bytes_copy(number, data + i, 1, element);
    memcpy(data + i, number, element);
  }
#endif
  return 1;
}

/* Checks r->bytes and fills the entries. */
static borel_status parse(borel_checkpoint_reader *r, uint64_t size, borel_error *error) {
  uint64_t at = CHECKPOINT_START, end = size - CHECKPOINT_END;
  if (borel_bytes_get32(r->bytes + end) != borel_crc32c(r->bytes, (size_t)end, 0))
    return bad(r->source, "is damaged (wrong checksum)", error);
  uint64_t count = borel_bytes_get32(r->bytes + 12);
  if (count > (end - at) / CHECKPOINT_ENTRY) return bad(r->source, "counts more entries than it has", error);
  r->log_length = borel_bytes_get64(r->bytes + 24);
  r->entries = calloc(count ? (size_t)count : 1, sizeof *r->entries);
  if (!r->entries) return borel_fail(error, BOREL_INTERNAL, "out of memory for a checkpoint");
  for (; r->count < count; r->count++)
    if (!read_entry(r, &at, end, &r->entries[r->count]))
      return bad(r->source, "has a malformed entry", error);
  return at == end ? BOREL_OK : bad(r->source, "has bytes that belong to no entry", error);
}

/* Judges the first CHECKPOINT_START bytes, before anything is allocated. */
static borel_status check_start(const unsigned char *start, uint64_t size, const char *name,
                                borel_error *error) {
  if (memcmp(start, CHECKPOINT_MAGIC, 8) != 0) return bad(name, "is not a checkpoint of Borel", error);
  uint32_t version = borel_bytes_get32(start + 8);
  if (version != BOREL_CHECKPOINT_VERSION)
    return borel_fail(error, BOREL_IO, "checkpoint '%.250s' has version %u; this program reads version %u",
                      name, version, BOREL_CHECKPOINT_VERSION);
  if (borel_bytes_get64(start + 16) != size || size > SIZE_MAX / 2)
    return bad(name, "is cut short (its size is not what it says)", error);
  return BOREL_OK;
}

/* Reads from `fd`, or from `memory` when that is given. */
static borel_status load(const char *name, int fd, const void *memory, uint64_t size,
                         borel_checkpoint_reader **out, borel_error *error) {
  unsigned char start[CHECKPOINT_START];
  if (size < CHECKPOINT_START + CHECKPOINT_END) return bad(name, "is cut short", error);
  borel_status status = BOREL_OK;
  if (memory)
    memcpy(start, memory, sizeof start);
  else
    status = borel_file_read(fd, name, 0, start, sizeof start, error);
  if (status == BOREL_OK) status = check_start(start, size, name, error);
  if (status != BOREL_OK) return status;
  borel_checkpoint_reader *r = calloc(1, sizeof *r);
  if (r) {
    r->source = strdup(name);
    r->bytes = malloc((size_t)size);
  }
  if (!r || !r->source || !r->bytes)
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for checkpoint '%.250s'", name);
  else if (memory)
    memcpy(r->bytes, memory, (size_t)size);
  else
    status = borel_file_read(fd, name, 0, r->bytes, (size_t)size, error);
  if (status == BOREL_OK) status = parse(r, size, error);
  if (status == BOREL_OK)
    *out = r;
  else
    borel_checkpoint_reader_free(r);
  return status;
}

borel_status borel_checkpoint_parse(const void *bytes, size_t size, const char *name,
                                    borel_checkpoint_reader **out, borel_error *error) {
  *out = NULL;
  return load(name, -1, size ? bytes : "", size, out, error);
}

static borel_status load_file(const char *path, borel_checkpoint_reader **out, borel_error *error) {
  int fd;
  uint64_t size;
  borel_status status = borel_file_open(path, &fd, &size, error);
  if (status != BOREL_OK) return status;
  status = load(path, fd, NULL, size, out, error);
  close(fd);
  return status;
}

int borel_checkpoint_exists(const char *path) {
  char *previous = borel_file_join(path, ".prev");
  int exists = access(path, F_OK) == 0 || (previous && access(previous, F_OK) == 0);
  free(previous);
  return exists;
}

/* Appends to the reasons why files were refused. */
static void refuse(char refused[2048], const borel_error *reason) {
  size_t used = strlen(refused);
  if (used) strncat(refused, "; ", 2047 - used);
  used = strlen(refused);
  strncat(refused, reason->message, 2047 - used);
}

borel_status borel_checkpoint_load(const char *path, borel_checkpoint_reader **out, borel_error *error) {
  static const char *const suffixes[] = {"", ".prev", ".tmp"};
  char refused[2048] = "";
  *out = NULL;
  for (int i = 0; i < 3; i++) {
    char *file = borel_file_join(path, suffixes[i]);
    if (!file) return borel_fail(error, BOREL_INTERNAL, "out of memory for a checkpoint");
    borel_error reason = {0};
    borel_status status = load_file(file, out, &reason);
    free(file);
    if (status == BOREL_OK) {
      memcpy((*out)->refused, refused, sizeof refused);
      return BOREL_OK;
    }
    if (status == BOREL_INTERNAL) return borel_fail(error, status, "%s", reason.message);
    refuse(refused, &reason);
  }
  return borel_fail(error, BOREL_IO, "no whole checkpoint: %.950s", refused);
}

const char *borel_checkpoint_source(const borel_checkpoint_reader *r) { return r->source; }
const char *borel_checkpoint_refused(const borel_checkpoint_reader *r) { return r->refused; }
uint64_t borel_checkpoint_log_length(const borel_checkpoint_reader *r) { return r->log_length; }
size_t borel_checkpoint_count(const borel_checkpoint_reader *r) { return r->count; }
const borel_checkpoint_entry *borel_checkpoint_at(const borel_checkpoint_reader *r, size_t i) {
  return &r->entries[i];
}

static const borel_checkpoint_entry *find(const borel_checkpoint_reader *r, const char *name) {
  for (size_t i = 0; i < r->count; i++)
    if (strcmp(r->entries[i].name, name) == 0) return &r->entries[i];
  return NULL;
}

static const char *type_name(const borel_checkpoint_entry *e) {
  if (e->kind == BOREL_ENTRY_U64) return "u64";
  return e->kind == BOREL_ENTRY_TEXT ? "text" : borel_dtype_name(e->dtype);
}

/* Finds an entry like `wanted`, whose name, kind, dtype and shape are given (the shape of a text is free). */
static borel_status get(const borel_checkpoint_reader *r, const borel_checkpoint_entry *wanted,
                        const borel_checkpoint_entry **out, borel_error *error) {
  const borel_checkpoint_entry *e = find(r, wanted->name);
  if (!e) return borel_fail(error, BOREL_IO, "checkpoint '%.250s' has no '%.200s'", r->source, wanted->name);
  int fits = e->kind == wanted->kind && e->dtype == wanted->dtype &&
             (e->kind == BOREL_ENTRY_TEXT || borel_shape_equal(&e->shape, &wanted->shape));
  if (!fits) {
    char has[64], needs[64];
    return borel_fail(error, BOREL_IO, "checkpoint '%.250s': '%.200s' is %s %s where this run needs %s %s",
                      r->source, wanted->name, type_name(e), borel_shape_text(&e->shape, has),
                      type_name(wanted), borel_shape_text(&wanted->shape, needs));
  }
  *out = e;
  return BOREL_OK;
}

borel_status borel_checkpoint_get_array(const borel_checkpoint_reader *r, const char *name, borel_dtype dtype,
                                        const borel_shape *shape, const void **data, borel_error *error) {
  const borel_checkpoint_entry *e, wanted = {.name = name, .dtype = dtype, .shape = *shape};
  borel_status status = get(r, &wanted, &e, error);
  if (status == BOREL_OK) *data = e->data;
  return status;
}

borel_status borel_checkpoint_get_u64(const borel_checkpoint_reader *r, const char *name, uint64_t *value,
                                      borel_error *error) {
  const borel_checkpoint_entry *e, wanted = {.name = name, .kind = BOREL_ENTRY_U64};
  borel_status status = get(r, &wanted, &e, error);
  if (status == BOREL_OK) memcpy(value, e->data, sizeof *value);
  return status;
}

borel_status borel_checkpoint_get_real(const borel_checkpoint_reader *r, const char *name, double *value,
                                       borel_error *error) {
  const borel_checkpoint_entry *e, wanted = {.name = name};
  borel_status status = get(r, &wanted, &e, error);
  if (status == BOREL_OK) memcpy(value, e->data, sizeof *value);
  return status;
}

borel_status borel_checkpoint_get_text(const borel_checkpoint_reader *r, const char *name, const char **text,
                                       borel_error *error) {
  const borel_checkpoint_entry *e, wanted = {.name = name, .kind = BOREL_ENTRY_TEXT, .shape = {.rank = 1}};
  borel_status status = get(r, &wanted, &e, error);
  if (status == BOREL_OK) *text = e->data;
  return status;
}
