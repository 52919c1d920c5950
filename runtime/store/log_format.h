/* SPDX-License-Identifier: MIT
 * What writer and reader of the draw log share: the numbers of the format in log.h, and the layouts
 * that a log has declared. */
#ifndef BOREL_STORE_LOG_FORMAT_H
#define BOREL_STORE_LOG_FORMAT_H

#include "core/hash.h"
#include "store/bytes.h"
#include "store/log.h"

#define LOG_MAGIC "BORELLOG"

enum { LOG_START = 12, LOG_FRAME = 8, LOG_TEXT_FIXED = 4, LOG_LAYOUT_FIXED = 8, LOG_DRAW_FIXED = 36 };
enum { LOG_TYPE_HEADER = 1, LOG_TYPE_LAYOUT = 2, LOG_TYPE_DRAW = 3 };

/* Checksum of a frame: its length field and its payload. */
static inline uint32_t log_frame_crc(const unsigned char *frame, uint32_t length) {
  return borel_crc32c(frame + LOG_FRAME, length, borel_crc32c(frame, 4, 0));
}

/* Declared layouts by id; text stays NULL in a writer. */
typedef struct {
  uint32_t id;
  size_t length;
  char *text;
} log_layout;

typedef struct {
  void *tree;         /* of tsearch: hostile ids cannot make it slow */
  log_layout **items; /* [count] in order of declaration */
  size_t count, capacity;
} log_layouts;

const log_layout *log_layouts_find(const log_layouts *, uint32_t id);
/* Adds a layout that is not there yet, with a copy of `text` unless that is NULL. 0 when memory is short. */
int log_layouts_add(log_layouts *, uint32_t id, const void *text, size_t length);
void log_layouts_free(log_layouts *);

#endif
