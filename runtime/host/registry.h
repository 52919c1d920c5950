/* SPDX-License-Identifier: MIT
 * The components that a process can use: found by kind and name, loaded when first asked for. */
#ifndef BOREL_HOST_REGISTRY_H
#define BOREL_HOST_REGISTRY_H

#include <borel/plugin.h>

typedef struct borel_registry borel_registry;

typedef struct {
  const borel_component *component;
  const borel_plugin *plugin;
  const char *path; /* of its file, absolute */
} borel_registry_entry;

/* `builtin`: the folder with <kind>/<name>.so that came with Borel, or NULL. `search`: folders separated by
 * colons that hold <kind>/<name>.so or <name>.so, usually getenv("BOREL_PLUGIN_PATH"), or NULL. Loads
 * nothing. Errors: INTERNAL when memory is short. All functions: [main thread]. */
borel_status borel_registry_create(const char *builtin, const char *search, borel_registry **, borel_error *);
void borel_registry_destroy(borel_registry *); /* loaded code stays mapped; NULL is fine */

/* Loads one file and registers its components; the same file again is fine. Errors: those of
 * borel_plugin_load; ARG when another file has a component of the same kind and name (names both). */
borel_status borel_registry_add(borel_registry *, const char *path, borel_error *);

/* The component `name` of `kind` ("kernel" or BOREL_KERNEL); NULL with `error` set when there is none: ARG
 * with the nearest name, or what kept its file from loading. Loads <kind>/<name>.so only; other files are
 * looked into only if that file does not exist. */
const borel_component *borel_registry_find(borel_registry *, const char *kind, const char *name,
                                           borel_error *);

/* Loads every file of all folders. Returns how many files failed; each failure is logged as a warning, and
 * `error` keeps the first. */
size_t borel_registry_load_all(borel_registry *, borel_error *);

/* What is registered by now, in order of registration; NULL past the end. The path of a component. */
const borel_registry_entry *borel_registry_at(const borel_registry *, size_t i);
const char *borel_registry_path(const borel_registry *, const borel_component *);

#endif
