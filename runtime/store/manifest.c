/* SPDX-License-Identifier: MIT */
#include "store/manifest.h"

#include "core/error.h"
#include "store/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for a manifest");
}

/* The manifest as text: "format", then the caller's keys in their order. */
static char *text_of(const json_t *manifest) {
  json_t *whole = json_pack("{si}", "format", BOREL_MANIFEST_FORMAT);
  char *text = NULL;
  if (whole && json_object_update_missing(whole, (json_t *)(uintptr_t)manifest) == 0)
    text = json_dumps(whole, JSON_INDENT(2));
  json_decref(whole);
  return text;
}

borel_status borel_manifest_write(const char *directory, const json_t *manifest, borel_error *error) {
  if (!json_is_object(manifest)) return borel_fail(error, BOREL_ARG, "a manifest must be a JSON object");
  borel_status status = BOREL_INTERNAL;
  borel_replacement file = {.fd = -1};
  char *path = borel_file_join(directory, "/manifest.json"), *text = text_of(manifest);
  if (!path || !text) {
    borel_fail(error, status, "cannot make the text of a manifest (short memory, or text that is not UTF-8)");
    goto end;
  }
  size_t length = strlen(text);
  if (length + 1 > BOREL_MANIFEST_LIMIT) {
    status = borel_fail(error, BOREL_ARG, "'%.700s' would have %zu bytes; at most %zu can be read", path,
                        length + 1, BOREL_MANIFEST_LIMIT);
    goto end;
  }
  status = borel_replacement_begin(&file, path, error);
  if (status == BOREL_OK) status = borel_replacement_write(&file, text, length, error);
  if (status == BOREL_OK) status = borel_replacement_write(&file, "\n", 1, error);
  if (status == BOREL_OK) status = borel_replacement_commit(&file, 0, error);
end:
  borel_replacement_end(&file);
  free(text);
  free(path);
  return status;
}

borel_status borel_manifest_parse(const char *text, size_t length, const char *name, json_t **manifest,
                                  borel_error *error) {
  *manifest = NULL;
  if (length > BOREL_MANIFEST_LIMIT)
    return borel_fail(error, BOREL_IO, "'%.700s' has %zu bytes; a manifest has at most %zu", name, length,
                      BOREL_MANIFEST_LIMIT);
  json_error_t where;
  json_t *json = json_loadb(length ? text : "", length, JSON_REJECT_DUPLICATES, &where);
  if (!json)
    return borel_fail(error, BOREL_IO, "'%.600s' is malformed at line %d, column %d: %s", name, where.line,
                      where.column, where.text);
  const json_t *format = json_object_get(json, "format");
  borel_status status = BOREL_OK;
  if (!json_is_object(json) || !json_is_integer(format))
    status = borel_fail(error, BOREL_IO, "'%.700s' is not a manifest of Borel: it has no \"format\"", name);
  else if (json_integer_value(format) != BOREL_MANIFEST_FORMAT)
    status = borel_fail(error, BOREL_IO, "'%.700s' has format %lld; this program reads format %d", name,
                        (long long)json_integer_value(format), BOREL_MANIFEST_FORMAT);
  if (status == BOREL_OK)
    *manifest = json;
  else
    json_decref(json);
  return status;
}

borel_status borel_manifest_read(const char *directory, json_t **manifest, borel_error *error) {
  *manifest = NULL;
  int fd = -1;
  uint64_t size;
  char *text = NULL, *path = borel_file_join(directory, "/manifest.json");
  if (!path) return no_memory(error);
  borel_status status = borel_file_open(path, &fd, &size, error);
  if (status != BOREL_OK) goto end;
  if (size > BOREL_MANIFEST_LIMIT) {
    status = borel_fail(error, BOREL_IO, "'%.700s' has %llu bytes; a manifest has at most %zu", path,
                        (unsigned long long)size, BOREL_MANIFEST_LIMIT);
    goto end;
  }
  text = malloc((size_t)size + 1);
  status = text ? borel_file_read(fd, path, 0, text, (size_t)size, error) : no_memory(error);
  if (status == BOREL_OK) status = borel_manifest_parse(text, (size_t)size, path, manifest, error);
end:
  if (fd >= 0) close(fd);
  free(text);
  free(path);
  return status;
}
