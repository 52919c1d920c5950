/* SPDX-License-Identifier: MIT */
#include "host/registry.h"

#include "core/error.h"
#include "core/suggest.h"
#include "host/component.h"
#include "host/kinds.h"
#include "host/plugin.h"
#include "host/services.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  char *path;
  int flat; /* may hold <name>.so beside <kind>/<name>.so */
} folder;

struct borel_registry {
  folder *folders;
  size_t folder_count;
  borel_registry_entry **entries; /* each allocated with its path behind it, so that pointers last */
  size_t count, capacity;
};

/* ---- the object ------------------------------------------------------------------------------ */

static int add_folder(borel_registry *registry, const char *path, size_t length, int flat) {
  if (!length) return 1;
  folder *more = realloc(registry->folders, (registry->folder_count + 1) * sizeof *more);
  if (!more) return 0;
  registry->folders = more;
  char *copy = strndup(path, length);
  if (!copy) return 0;
  more[registry->folder_count++] = (folder){copy, flat};
  return 1;
}

borel_status borel_registry_create(const char *builtin, const char *search, borel_registry **out,
                                   borel_error *error) {
  *out = NULL;
  borel_registry *registry = calloc(1, sizeof *registry);
  int fits = registry && add_folder(registry, builtin, builtin ? strlen(builtin) : 0, 0);
  for (const char *at = search; fits && at && *at;) {
    size_t length = strcspn(at, ":");
    fits = add_folder(registry, at, length, 1);
    at += length + (at[length] == ':');
  }
  if (!fits) {
    borel_registry_destroy(registry);
    return borel_fail(error, BOREL_INTERNAL, "no memory for the registry");
  }
  *out = registry;
  return BOREL_OK;
}

void borel_registry_destroy(borel_registry *registry) {
  if (!registry) return;
  for (size_t i = 0; i < registry->folder_count; i++) free(registry->folders[i].path);
  for (size_t i = 0; i < registry->count; i++) free(registry->entries[i]);
  free(registry->folders);
  free(registry->entries);
  free(registry);
}

const borel_registry_entry *borel_registry_at(const borel_registry *registry, size_t i) {
  return i < registry->count ? registry->entries[i] : NULL;
}

const char *borel_registry_path(const borel_registry *registry, const borel_component *component) {
  for (size_t i = 0; i < registry->count; i++)
    if (registry->entries[i]->component == component) return registry->entries[i]->path;
  return NULL;
}

static const borel_registry_entry *look_up(const borel_registry *registry, const char *kind,
                                           const char *name) {
  for (size_t i = 0; i < registry->count; i++) {
    const borel_component *component = registry->entries[i]->component;
    if (!strcmp(component->kind, kind) && !strcmp(component->name, name)) return registry->entries[i];
  }
  return NULL;
}

/* ---- adding one file ------------------------------------------------------------------------- */

static int reserve(borel_registry *registry, size_t more) {
  if (registry->capacity - registry->count >= more) return 1;
  size_t capacity = 2 * registry->capacity + more;
  borel_registry_entry **entries = realloc(registry->entries, capacity * sizeof *entries);
  if (!entries) return 0;
  registry->entries = entries;
  registry->capacity = capacity;
  return 1;
}

static borel_registry_entry *entry_new(const borel_plugin *plugin, const borel_component *component,
                                       const char *path) {
  size_t length = strlen(path) + 1;
  borel_registry_entry *entry = malloc(sizeof *entry + length);
  if (entry) *entry = (borel_registry_entry){component, plugin, memcpy(entry + 1, path, length)};
  return entry;
}

borel_status borel_registry_add(borel_registry *registry, const char *path, borel_error *error) {
  char real[PATH_MAX];
  const borel_plugin *plugin;
  if (realpath(path, real)) /* when it is not there, the loader says so */
    for (size_t i = 0; i < registry->count; i++)
      if (!strcmp(registry->entries[i]->path, real)) return BOREL_OK;
  borel_status status = borel_plugin_load(path, &plugin, error);
  if (status != BOREL_OK) return status;
  for (size_t i = 0; i < plugin->component_count; i++) {
    const borel_component *component = plugin->components[i];
    const borel_registry_entry *other = look_up(registry, component->kind, component->name);
    if (other && other->plugin == plugin) return BOREL_OK; /* the same object under another path */
    if (other)
      return borel_fail(error, BOREL_ARG, "%s: component %s of kind %s is already registered from %s", path,
                        component->name, component->kind, other->path);
  }
  size_t before = registry->count;
  int fits = reserve(registry, plugin->component_count);
  for (size_t i = 0; fits && i < plugin->component_count; i++) {
    borel_registry_entry *entry = entry_new(plugin, plugin->components[i], real);
    fits = entry != NULL;
    if (fits) registry->entries[registry->count++] = entry;
  }
  if (fits) return BOREL_OK;
  while (registry->count > before) free(registry->entries[--registry->count]);
  return borel_fail(error, BOREL_INTERNAL, "%s: no memory to register it", path);
}

/* ---- whole folders --------------------------------------------------------------------------- */

static int is_object(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return length > 3 && !strcmp(entry->d_name + length - 3, ".so");
}

/* Bytes, not a language's order: the same everywhere. */
static int by_bytes(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

/* Adds each <path>/<kind>/X.so, or <path>/X.so when `kind` is empty; returns how many failed. */
static size_t add_all(borel_registry *registry, const char *path, const char *kind, borel_error *first) {
  char name[PATH_MAX];
  struct dirent **list;
  size_t failed = 0;
  snprintf(name, sizeof name, "%s/%s", path, kind);
  int n = scandir(name, &list, is_object, by_bytes);
  for (int i = 0; i < n; i++) {
    borel_error error = {0};
    int length = snprintf(name, sizeof name, "%s/%s%s%s", path, kind, *kind ? "/" : "", list[i]->d_name);
    free(list[i]);
    if (length < 0 || (size_t)length >= sizeof name) continue;
    if (borel_registry_add(registry, name, &error) == BOREL_OK) continue;
    borel_log(BOREL_LOG_WARN, "plugin left out: %s", error.message);
    failed++;
    if (first && first->code == BOREL_OK) *first = error;
  }
  if (n >= 0) free(list);
  return failed;
}

size_t borel_registry_load_all(borel_registry *registry, borel_error *first) {
  size_t failed = 0;
  if (first) *first = (borel_error){0};
  for (size_t i = 0; i < registry->folder_count; i++) {
    const folder *place = &registry->folders[i];
    const borel_kind *kind;
    if (access(place->path, R_OK) != 0)
      borel_log(BOREL_LOG_WARN, "plugin folder %s cannot be read", place->path);
    for (size_t k = 0; (kind = borel_kind_at(k)); k++)
      failed += add_all(registry, place->path, kind->folder, first);
    if (place->flat) failed += add_all(registry, place->path, "", first);
  }
  return failed;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* Adds <path>/<kind>/<name>.so (or <path>/<name>.so) if it exists. */
static borel_status add_if_there(borel_registry *registry, const char *path, const char *kind,
                                 const char *name, borel_error *error) {
  char file[PATH_MAX];
  int length = snprintf(file, sizeof file, "%s/%s%s%s.so", path, kind, *kind ? "/" : "", name);
  if (length < 0 || (size_t)length >= sizeof file || access(file, F_OK) != 0) return BOREL_OK;
  return borel_registry_add(registry, file, error);
}

static const borel_component *not_found(const borel_registry *registry, const borel_kind *kind,
                                        const char *name, size_t failed, const borel_error *first,
                                        borel_error *error) {
  const char **names = malloc((registry->count + 1) * sizeof *names);
  size_t n = 0;
  for (size_t i = 0; names && i < registry->count; i++)
    if (!strcmp(registry->entries[i]->component->kind, kind->name))
      names[n++] = registry->entries[i]->component->name;
  const char *nearest = n ? borel_nearest(name, names, n) : NULL;
  borel_fail(error, BOREL_ARG, "there is no %s named \"%.80s\"%s%s%s", kind->folder, name,
             nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
  if (failed) {
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             " (%zu plugins could not be loaded, the first: %.600s)", failed, first->message);
  }
  free(names);
  return NULL;
}

const borel_component *borel_registry_find(borel_registry *registry, const char *kind_name, const char *name,
                                           borel_error *error) {
  const borel_kind *kind = borel_kind_find(kind_name);
  if (!kind) {
    borel_fail(error, BOREL_ARG, "there is no kind \"%.80s\" of component", kind_name);
    return NULL;
  }
  const borel_registry_entry *entry = look_up(registry, kind->name, name);
  if (entry) return entry->component;

  /* Every folder is asked, so that a second file with the same component is noticed. */
  for (size_t i = 0; borel_component_named(name) && i < registry->folder_count; i++) {
    const folder *place = &registry->folders[i];
    if (add_if_there(registry, place->path, kind->folder, name, error) != BOREL_OK) return NULL;
    if (place->flat && add_if_there(registry, place->path, "", name, error) != BOREL_OK) return NULL;
  }
  entry = look_up(registry, kind->name, name);
  if (entry) return entry->component;

  borel_error first;
  size_t failed = borel_registry_load_all(registry, &first);
  entry = look_up(registry, kind->name, name);
  return entry ? entry->component : not_found(registry, kind, name, failed, &first, error);
}
