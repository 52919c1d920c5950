/* SPDX-License-Identifier: MIT */
#include "core/error.h"
#include "store/file.h"
#include "store/log_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_BUFFER = 1 << 18 };

struct borel_log_writer {
  char *path;
  int fd;
  uint64_t written; /* bytes of the file: where the buffer goes; always the end of a record */
  uint64_t committed;
  unsigned char *buffer; /* whole records */
  size_t used, capacity;
  int named; /* the directory entry is on disk */
  log_layouts layouts;
  borel_error failure; /* of a sync: final */
};

static borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for a draw log");
}

static void release(borel_log_writer *w) {
  if (w->fd >= 0) close(w->fd);
  log_layouts_free(&w->layouts);
  free(w->buffer);
  free(w->path);
  free(w);
}

static borel_log_writer *make(const char *path) {
  borel_log_writer *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  *w = (borel_log_writer){
      .path = strdup(path), .fd = -1, .buffer = malloc(LOG_BUFFER), .capacity = LOG_BUFFER};
  if (w->path && w->buffer) return w;
  release(w);
  return NULL;
}

/* After a write that stopped short: cuts the file back to the records that are whole and forgets those.
 * Should the cut fail too, the next flush writes over the same bytes. */
static void settle(borel_log_writer *w, size_t written) {
  size_t whole = 0;
  for (;;) {
    if (written - whole < LOG_FRAME) break;
    size_t frame = LOG_FRAME + (size_t)borel_bytes_get32(w->buffer + whole);
    if (written - whole < frame) break;
    whole += frame;
  }
  w->written += whole;
  w->used -= whole;
  memmove(w->buffer, w->buffer + whole, w->used);
  if (ftruncate(w->fd, (off_t)w->written) != 0) return;
}

borel_status borel_log_flush(borel_log_writer *w, borel_error *error) {
  if (w->failure.code != BOREL_OK) {
    if (error) *error = w->failure;
    return w->failure.code;
  }
  if (w->used == 0) return BOREL_OK;
  size_t written;
  borel_status status = borel_file_write(w->fd, w->path, w->written, w->buffer, w->used, &written, error);
  if (status != BOREL_OK) {
    settle(w, written);
    return status;
  }
  w->written += w->used;
  w->used = 0;
  return BOREL_OK;
}

borel_status borel_log_sync(borel_log_writer *w, borel_error *error) {
  borel_status status = borel_log_flush(w, error);
  if (status != BOREL_OK) return status;
  if (fdatasync(w->fd) != 0) {
    borel_file_fail(&w->failure, "sync", w->path, errno);
    if (error) *error = w->failure;
    return BOREL_IO;
  }
  if (!w->named) {
    status = borel_file_sync_parent(w->path, error);
    if (status != BOREL_OK) return status;
    w->named = 1;
  }
  w->committed = w->written;
  return BOREL_OK;
}

uint64_t borel_log_length(const borel_log_writer *w) { return w->written + w->used; }
uint64_t borel_log_committed(const borel_log_writer *w) { return w->committed; }

int borel_log_has_layout(const borel_log_writer *w, uint32_t id) {
  return log_layouts_find(&w->layouts, id) != NULL;
}

/* Room for a frame of `length` payload bytes at the end of the buffer. */
static borel_status reserve(borel_log_writer *w, size_t length, borel_error *error) {
  size_t need = LOG_FRAME + length;
  if (w->capacity - w->used >= need) return BOREL_OK;
  borel_status status = borel_log_flush(w, error);
  if (status != BOREL_OK || w->capacity >= need) return status;
  unsigned char *buffer = realloc(w->buffer, need);
  if (!buffer) return no_memory(error);
  w->buffer = buffer;
  w->capacity = need;
  return BOREL_OK;
}

/* Turns the payload that stands behind the buffer's end into a frame. */
static void seal(borel_log_writer *w, size_t length) {
  unsigned char *frame = w->buffer + w->used;
  borel_bytes_put32(frame, (uint32_t)length);
  borel_bytes_put32(frame + 4, log_frame_crc(frame, (uint32_t)length));
  w->used += LOG_FRAME + length;
}

static borel_status append_text(borel_log_writer *w, uint32_t type, const uint32_t *id, const char *text,
                                size_t size, borel_error *error) {
  size_t fixed = id ? LOG_LAYOUT_FIXED : LOG_TEXT_FIXED;
  if (size > BOREL_LOG_FRAME_MAX - fixed)
    return borel_fail(error, BOREL_ARG, "'%.700s': a text of %zu bytes is too long for a draw log", w->path,
                      size);
  borel_status status = reserve(w, fixed + size, error);
  if (status != BOREL_OK) return status;
  unsigned char *payload = w->buffer + w->used + LOG_FRAME;
  borel_bytes_put32(payload, type);
  if (id) borel_bytes_put32(payload + 4, *id);
  borel_bytes_copy(payload + fixed, text, size, 1);
  seal(w, fixed + size);
  return BOREL_OK;
}

borel_status borel_log_create(const char *path, const char *header, size_t length, borel_log_writer **out,
                              borel_error *error) {
  *out = NULL;
  borel_log_writer *w = make(path);
  if (!w) return no_memory(error);
  borel_status status;
  w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (w->fd < 0) {
    status = borel_file_fail(error, "create", path, errno);
    goto fail;
  }
  unsigned char start[LOG_START];
  memcpy(start, LOG_MAGIC, 8);
  borel_bytes_put32(start + 8, BOREL_LOG_VERSION);
  size_t written;
  status = borel_file_write(w->fd, path, 0, start, sizeof start, &written, error);
  w->written = LOG_START;
  if (status == BOREL_OK) status = append_text(w, LOG_TYPE_HEADER, NULL, header, length, error);
  if (status == BOREL_OK) status = borel_log_flush(w, error);
  if (status == BOREL_OK) {
    *out = w;
    return BOREL_OK;
  }
  unlink(path);
fail:
  release(w);
  return status;
}

/* Checks the first `length` bytes and learns which layouts they declare. */
static borel_status review(borel_log_writer *w, uint64_t length, borel_error *error) {
  borel_log_reader *reader;
  borel_status status = borel_log_open(w->path, &reader, error);
  if (status != BOREL_OK) return status;
  status = borel_log_limit(reader, length, error);
  borel_log_record record;
  int more = 1;
  while (status == BOREL_OK && more) status = borel_log_next(reader, &record, &more, error);
  for (size_t i = 0; status == BOREL_OK && i < borel_log_layout_count(reader); i++)
    if (!log_layouts_add(&w->layouts, borel_log_layout_id(reader, i), NULL, 0)) status = no_memory(error);
  borel_log_reader_free(reader);
  return status;
}

borel_status borel_log_resume(const char *path, uint64_t length, borel_log_writer **out, borel_error *error) {
  *out = NULL;
  borel_log_writer *w = make(path);
  if (!w) return no_memory(error);
  borel_status status = review(w, length, error);
  if (status != BOREL_OK) {
    if (error) borel_fail_within(error, "cannot continue the log at byte %llu", (unsigned long long)length);
    goto fail;
  }
  w->fd = open(path, O_WRONLY | O_CLOEXEC);
  if (w->fd < 0) {
    status = borel_file_fail(error, "open to append to", path, errno);
    goto fail;
  }
  if (ftruncate(w->fd, (off_t)length) != 0) {
    status = borel_file_fail(error, "truncate", path, errno);
    goto fail;
  }
  w->written = w->committed = length;
  *out = w;
  return BOREL_OK;
fail:
  release(w);
  return status;
}

borel_status borel_log_close(borel_log_writer *w, borel_error *error) {
  if (!w) return BOREL_OK;
  borel_status status = borel_log_flush(w, error);
  int closed = close(w->fd);
  w->fd = -1;
  if (closed != 0 && status == BOREL_OK) status = borel_file_fail(error, "close", w->path, errno);
  release(w);
  return status;
}

borel_status borel_log_layout(borel_log_writer *w, uint32_t id, const char *text, size_t length,
                              borel_error *error) {
  if (borel_log_has_layout(w, id))
    return borel_fail(error, BOREL_ARG, "'%.700s': layout %u was declared before", w->path, id);
  borel_status status = append_text(w, LOG_TYPE_LAYOUT, &id, text, length, error);
  if (status != BOREL_OK) return status;
  if (log_layouts_add(&w->layouts, id, NULL, 0)) return BOREL_OK;
  w->used -= LOG_FRAME + LOG_LAYOUT_FIXED + length;
  return no_memory(error);
}

static unsigned char *put(unsigned char *at, const void *numbers, size_t count) {
  borel_bytes_copy(at, numbers, count, 8);
  return at + 8 * count;
}

borel_status borel_log_append(borel_log_writer *w, const borel_log_record *r, borel_error *error) {
  const size_t limit = (BOREL_LOG_FRAME_MAX - LOG_DRAW_FIXED) / 8;
  if (r->D > limit || r->K > limit || r->V > limit || r->I > limit || r->D + r->K + r->V + r->I > limit)
    return borel_fail(error, BOREL_ARG, "'%.700s': a draw of %zu + %zu + %zu + %zu numbers is too large",
                      w->path, r->D, r->K, r->V, r->I);
  if (r->phase != BOREL_LOG_WARMUP && r->phase != BOREL_LOG_DRAWS)
    return borel_fail(error, BOREL_ARG, "'%.700s': %d is no phase", w->path, (int)r->phase);
  if (!borel_log_has_layout(w, r->layout))
    return borel_fail(error, BOREL_ARG, "'%.700s': a draw of layout %u, which was not declared", w->path,
                      r->layout);
  size_t length = LOG_DRAW_FIXED + 8 * (r->D + r->K + r->V + r->I);
  borel_status status = reserve(w, length, error);
  if (status != BOREL_OK) return status;
  unsigned char *at = w->buffer + w->used + LOG_FRAME;
  borel_bytes_put32(at, LOG_TYPE_DRAW);
  borel_bytes_put32(at + 4, r->layout);
  borel_bytes_put32(at + 8, (uint32_t)r->phase);
  borel_bytes_put64(at + 12, r->iteration);
  borel_bytes_put32(at + 20, (uint32_t)r->D);
  borel_bytes_put32(at + 24, (uint32_t)r->K);
  borel_bytes_put32(at + 28, (uint32_t)r->V);
  borel_bytes_put32(at + 32, (uint32_t)r->I);
  at = put(at + LOG_DRAW_FIXED, r->u, r->D);
  at = put(at, r->z, r->K);
  at = put(at, r->values, r->V);
  put(at, r->info, r->I);
  seal(w, length);
  return BOREL_OK;
}
