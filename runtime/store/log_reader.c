/* SPDX-License-Identifier: MIT */
#include "core/error.h"
#include "store/file.h"
#include "store/log_format.h"

#include <stdlib.h>
#include <unistd.h>

enum { LOG_WINDOW = 1 << 18 };

struct borel_log_reader {
  char *name;
  const unsigned char *memory; /* the whole file, or NULL: then fd and a window of it */
  int fd;
  uint64_t size;
  unsigned char *window;
  uint64_t window_start;
  size_t window_length, window_capacity;
  char *header;
  size_t header_length;
  uint64_t first;    /* offset of the first frame after the header's */
  uint64_t offset;   /* of the next frame: all before it is good */
  uint64_t explored; /* layouts declared before this offset are known */
  uint64_t draws;
  log_layouts layouts;
  double *numbers; /* of the last draw */
  size_t numbers_capacity;
  borel_error failure;
};

/* `size` bytes at `offset`, which are inside the file; valid until the next call. */
static borel_status view(borel_log_reader *r, uint64_t offset, size_t size, const unsigned char **bytes,
                         borel_error *error) {
  if (r->memory) {
    *bytes = r->memory + offset;
    return BOREL_OK;
  }
  if (offset < r->window_start || offset + size > r->window_start + r->window_length) {
    if (size > r->window_capacity || !r->window) {
      size_t capacity = size > LOG_WINDOW ? size : LOG_WINDOW;
      unsigned char *window = realloc(r->window, capacity);
      if (!window) return borel_fail(error, BOREL_INTERNAL, "'%.700s': out of memory", r->name);
      r->window = window;
      r->window_capacity = capacity;
    }
    uint64_t rest = r->size - offset;
    size_t length = rest < r->window_capacity ? (size_t)rest : r->window_capacity;
    r->window_length = 0;
    borel_status status = borel_file_read(r->fd, r->name, offset, r->window, length, error);
    if (status != BOREL_OK) return status;
    r->window_start = offset;
    r->window_length = length;
  }
  *bytes = r->window + (offset - r->window_start);
  return BOREL_OK;
}

static borel_status damaged(const borel_log_reader *r, borel_error *error, const char *what) {
  return borel_fail(error, BOREL_IO,
                    "'%.600s': the record at byte %llu %s; the %llu draws before it are good", r->name,
                    (unsigned long long)r->offset, what, (unsigned long long)r->draws);
}

/* The payload of the frame at r->offset, checked; the type is its first word. */
static borel_status frame(borel_log_reader *r, const unsigned char **payload, uint32_t *length,
                          borel_error *error) {
  const unsigned char *bytes;
  uint64_t rest = r->size - r->offset;
  if (rest < LOG_FRAME) return damaged(r, error, "is cut short");
  borel_status status = view(r, r->offset, LOG_FRAME, &bytes, error);
  if (status != BOREL_OK) return status;
  *length = borel_bytes_get32(bytes);
  if (*length < 4 || *length > BOREL_LOG_FRAME_MAX) return damaged(r, error, "has an impossible length");
  if (*length > rest - LOG_FRAME) return damaged(r, error, "is cut short, or its length is damaged");
  status = view(r, r->offset, LOG_FRAME + (size_t)*length, &bytes, error);
  if (status != BOREL_OK) return status;
  if (borel_bytes_get32(bytes + 4) != log_frame_crc(bytes, *length))
    return damaged(r, error, "is damaged (wrong checksum)");
  *payload = bytes + LOG_FRAME;
  return BOREL_OK;
}

static borel_status read_header(borel_log_reader *r, borel_error *error) {
  const unsigned char *bytes;
  borel_status status = view(r, 0, r->size < LOG_START ? (size_t)r->size : LOG_START, &bytes, error);
  if (status != BOREL_OK) return status;
  size_t known = r->size < 8 ? (size_t)r->size : 8;
  if (memcmp(bytes, LOG_MAGIC, known) != 0)
    return borel_fail(error, BOREL_IO, "'%.700s' is not a draw log of Borel", r->name);
  if (r->size < LOG_START)
    return borel_fail(error, BOREL_IO, "'%.700s': the draw log is cut short in its header", r->name);
  uint32_t version = borel_bytes_get32(bytes + 8);
  if (version != BOREL_LOG_VERSION)
    return borel_fail(error, BOREL_IO, "'%.700s' is a draw log of version %u; this program reads version %u",
                      r->name, version, BOREL_LOG_VERSION);
  r->offset = LOG_START;
  uint32_t length;
  status = frame(r, &bytes, &length, error);
  if (status != BOREL_OK) return status;
  if (borel_bytes_get32(bytes) != LOG_TYPE_HEADER) return damaged(r, error, "should be the header");
  r->header_length = length - LOG_TEXT_FIXED;
  r->header = malloc(r->header_length + 1);
  if (!r->header) return borel_fail(error, BOREL_INTERNAL, "'%.700s': out of memory", r->name);
  memcpy(r->header, bytes + LOG_TEXT_FIXED, r->header_length);
  r->header[r->header_length] = 0;
  r->first = r->explored = r->offset = LOG_START + LOG_FRAME + (uint64_t)length;
  return BOREL_OK;
}

/* Takes over `fd`. */
static borel_status open_reader(const char *name, int fd, const void *memory, uint64_t size,
                                borel_log_reader **out, borel_error *error) {
  *out = NULL;
  borel_log_reader *r = calloc(1, sizeof *r);
  if (!r) {
    if (fd >= 0) close(fd);
    return borel_fail(error, BOREL_INTERNAL, "'%.700s': out of memory", name);
  }
  *r = (borel_log_reader){.name = strdup(name), .memory = memory, .fd = fd, .size = size};
  borel_status status =
      r->name ? read_header(r, error) : borel_fail(error, BOREL_INTERNAL, "'%.700s': out of memory", name);
  if (status == BOREL_OK)
    *out = r;
  else
    borel_log_reader_free(r);
  return status;
}

borel_status borel_log_open(const char *path, borel_log_reader **out, borel_error *error) {
  *out = NULL;
  int fd;
  uint64_t size;
  borel_status status = borel_file_open(path, &fd, &size, error);
  return status == BOREL_OK ? open_reader(path, fd, NULL, size, out, error) : status;
}

borel_status borel_log_open_memory(const void *bytes, size_t size, const char *name, borel_log_reader **out,
                                   borel_error *error) {
  return open_reader(name, -1, size ? bytes : "", size, out, error);
}

void borel_log_reader_free(borel_log_reader *r) {
  if (!r) return;
  if (r->fd >= 0) close(r->fd);
  log_layouts_free(&r->layouts);
  free(r->numbers);
  free(r->header);
  free(r->window);
  free(r->name);
  free(r);
}

borel_status borel_log_limit(borel_log_reader *r, uint64_t length, borel_error *error) {
  if (length > r->size)
    return borel_fail(error, BOREL_IO, "'%.700s' has %llu bytes where %llu were committed", r->name,
                      (unsigned long long)r->size, (unsigned long long)length);
  if (length < r->offset)
    return borel_fail(error, BOREL_ARG, "'%.700s': byte %llu has been read already", r->name,
                      (unsigned long long)length);
  r->size = length;
  r->window_length = 0;
  return BOREL_OK;
}

const char *borel_log_header(const borel_log_reader *r, size_t *length) {
  if (length) *length = r->header_length;
  return r->header;
}

const char *borel_log_layout_text(const borel_log_reader *r, uint32_t id, size_t *length) {
  const log_layout *layout = log_layouts_find(&r->layouts, id);
  if (length) *length = layout ? layout->length : 0;
  return layout ? layout->text : NULL;
}

size_t borel_log_layout_count(const borel_log_reader *r) { return r->layouts.count; }
uint32_t borel_log_layout_id(const borel_log_reader *r, size_t i) { return r->layouts.items[i]->id; }

static borel_status read_layout(borel_log_reader *r, const unsigned char *payload, uint32_t length,
                                borel_error *error) {
  if (length < LOG_LAYOUT_FIXED) return damaged(r, error, "is no layout");
  if (r->offset < r->explored) return BOREL_OK;
  uint32_t id = borel_bytes_get32(payload + 4);
  if (log_layouts_find(&r->layouts, id)) return damaged(r, error, "declares a layout a second time");
  if (!log_layouts_add(&r->layouts, id, payload + LOG_LAYOUT_FIXED, length - LOG_LAYOUT_FIXED))
    return borel_fail(error, BOREL_INTERNAL, "'%.700s': out of memory", r->name);
  return BOREL_OK;
}

static borel_status read_draw(borel_log_reader *r, const unsigned char *payload, uint32_t length,
                              borel_log_record *record, borel_error *error) {
  if (length < LOG_DRAW_FIXED) return damaged(r, error, "is no draw");
  uint64_t n[4], total = 0;
  for (int i = 0; i < 4; i++) total += n[i] = borel_bytes_get32(payload + 20 + 4 * i);
  if (LOG_DRAW_FIXED + 8 * total != length) return damaged(r, error, "counts numbers that it does not have");
  uint32_t layout = borel_bytes_get32(payload + 4), phase = borel_bytes_get32(payload + 8);
  if (phase > BOREL_LOG_DRAWS) return damaged(r, error, "has an unknown phase");
  if (!log_layouts_find(&r->layouts, layout)) return damaged(r, error, "has a layout that was not declared");
  if (total > r->numbers_capacity) {
    double *numbers = realloc(r->numbers, (size_t)total * sizeof *numbers);
    if (!numbers) return borel_fail(error, BOREL_INTERNAL, "'%.700s': out of memory", r->name);
    r->numbers = numbers;
    r->numbers_capacity = (size_t)total;
  }
  borel_bytes_copy(r->numbers, payload + LOG_DRAW_FIXED, (size_t)total, 8);
  const double *at = r->numbers;
  *record = (borel_log_record){.layout = layout,
                               .phase = (borel_log_phase)phase,
                               .iteration = borel_bytes_get64(payload + 12),
                               .D = (size_t)n[0],
                               .K = (size_t)n[1],
                               .V = (size_t)n[2],
                               .I = (size_t)n[3]};
  if (total == 0) return BOREL_OK;
  record->u = at;
  record->z = (const int64_t *)(const void *)(at += record->D);
  record->values = at += record->K;
  record->info = at += record->V;
  return BOREL_OK;
}

/* Reads the frame at r->offset; *draw tells whether it was one. */
static borel_status step(borel_log_reader *r, borel_log_record *record, int *draw, borel_error *error) {
  const unsigned char *payload;
  uint32_t length;
  borel_status status = frame(r, &payload, &length, error);
  if (status != BOREL_OK) return status;
  uint32_t type = borel_bytes_get32(payload);
  *draw = type == LOG_TYPE_DRAW;
  if (type == LOG_TYPE_DRAW)
    status = read_draw(r, payload, length, record, error);
  else if (type == LOG_TYPE_LAYOUT)
    status = read_layout(r, payload, length, error);
  else
    status = damaged(r, error, "is of an unknown type");
  if (status != BOREL_OK) return status;
  r->offset += LOG_FRAME + (uint64_t)length;
  r->draws += (uint64_t)*draw;
  if (r->explored < r->offset) r->explored = r->offset;
  return BOREL_OK;
}

borel_status borel_log_next(borel_log_reader *r, borel_log_record *record, int *more, borel_error *error) {
  *more = 0;
  int draw = 0;
  while (r->failure.code == BOREL_OK && r->offset < r->size && !draw) step(r, record, &draw, &r->failure);
  if (r->failure.code != BOREL_OK) {
    if (error) *error = r->failure;
    return r->failure.code;
  }
  *more = draw;
  return BOREL_OK;
}

void borel_log_rewind(borel_log_reader *r) {
  r->offset = r->first;
  r->draws = 0;
  r->failure = (borel_error){0};
}

uint64_t borel_log_good_draws(const borel_log_reader *r) { return r->draws; }
uint64_t borel_log_good_length(const borel_log_reader *r) { return r->offset; }
