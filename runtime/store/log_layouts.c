/* SPDX-License-Identifier: MIT */
#include "store/log_format.h"

#include <search.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
  uint32_t x = ((const log_layout *)a)->id, y = ((const log_layout *)b)->id;
  return (x > y) - (x < y);
}

const log_layout *log_layouts_find(const log_layouts *layouts, uint32_t id) {
  log_layout key = {.id = id};
  log_layout *const *found = tfind(&key, &layouts->tree, compare);
  return found ? *found : NULL;
}

static int reserve(log_layouts *layouts) {
  if (layouts->count < layouts->capacity) return 1;
  size_t capacity = layouts->capacity ? 2 * layouts->capacity : 8;
  log_layout **items = reallocarray(layouts->items, capacity, sizeof *items);
  if (!items) return 0;
  layouts->items = items;
  layouts->capacity = capacity;
  return 1;
}

int log_layouts_add(log_layouts *layouts, uint32_t id, const void *text, size_t length) {
  if (!reserve(layouts)) return 0;
  log_layout *layout = calloc(1, sizeof *layout);
  if (!layout) return 0;
  *layout = (log_layout){.id = id, .length = length, .text = text ? malloc(length + 1) : NULL};
  if (text && !layout->text) goto fail;
  if (text) {
    memcpy(layout->text, text, length);
    layout->text[length] = 0;
  }
  if (!tsearch(layout, &layouts->tree, compare)) goto fail;
  layouts->items[layouts->count++] = layout;
  return 1;
fail:
  free(layout->text);
  free(layout);
  return 0;
}

static void keep(void *item) { (void)item; }

void log_layouts_free(log_layouts *layouts) {
  tdestroy(layouts->tree, keep);
  for (size_t i = 0; i < layouts->count; i++) {
    free(layouts->items[i]->text);
    free(layouts->items[i]);
  }
  free(layouts->items);
  *layouts = (log_layouts){0};
}
