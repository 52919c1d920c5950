/* SPDX-License-Identifier: MIT
 * `manifest.json`: what a run is - model, data, options, engine. One JSON object whose "format" is the
 * version of its meaning; the rest is the caller's. */
#ifndef BOREL_STORE_MANIFEST_H
#define BOREL_STORE_MANIFEST_H

#include <borel/plugin.h>
#include <jansson.h>

#define BOREL_MANIFEST_FORMAT 1
#define BOREL_MANIFEST_LIMIT ((size_t)16 << 20) /* bytes */

/* Replaces `<directory>/manifest.json` in one step and waits for the disk. `manifest` is an object and
 * stays the caller's; "format" is written first, keys keep their order. */
borel_status borel_manifest_write(const char *directory, const json_t *manifest, borel_error *);
/* Reads it: a new reference. Errors tell a missing file, one that is too large, malformed JSON (line and
 * column) and an unknown format apart in their message. */
borel_status borel_manifest_read(const char *directory, json_t **manifest, borel_error *);
/* The same from text in memory; `name` stands for a path in messages. */
borel_status borel_manifest_parse(const char *text, size_t length, const char *name, json_t **manifest,
                                  borel_error *);

#endif
