/* SPDX-License-Identifier: MIT */
#include "host/plugin.h"

#include "core/error.h"
#include "host/component.h"
#include "host/elf.h"
#include "host/fpenv.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_COMPONENTS = 1024, MAX_TABLE = 4096 };

/* Code that anybody may have replaced is not run. `real` has no symbolic links. */
static borel_status check_owner(const char *path, const char *real, const struct stat *file,
                                borel_error *error) {
  char folder[PATH_MAX];
  struct stat parent;
  strcpy(folder, real);
  const char *name = dirname(folder);
  if (stat(name, &parent) != 0) return borel_fail(error, BOREL_IO, "%s: %s: %s", path, name, strerror(errno));
  if (file->st_mode & S_IWOTH)
    return borel_fail(error, BOREL_ARG, "%s: refused, because every user may write to it; chmod o-w", path);
  if (parent.st_mode & S_IWOTH)
    return borel_fail(error, BOREL_ARG, "%s: refused, because every user may write to its folder %s", path,
                      name);
  return BOREL_OK;
}

static borel_status check_file(const char *path, char real[PATH_MAX], borel_error *error) {
  if (!realpath(path, real)) return borel_fail(error, BOREL_IO, "%s: %s", path, strerror(errno));
  int descriptor = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return borel_fail(error, BOREL_IO, "%s: %s", path, strerror(errno));
  struct stat file;
  borel_status status;
  if (fstat(descriptor, &file) != 0)
    status = borel_fail(error, BOREL_IO, "%s: %s", path, strerror(errno));
  else if (!S_ISREG(file.st_mode))
    status = borel_fail(error, BOREL_ARG, "%s: not a regular file", path);
  else
    status = check_owner(path, real, &file, error);
  if (status == BOREL_OK) status = borel_elf_check(descriptor, (size_t)file.st_size, path, error);
  close(descriptor);
  return status;
}

/* The entry constant; NULL when the object exports none, or something that cannot be one. */
static const borel_plugin *entry_of(void *library, size_t *size) {
  const void *entry = dlsym(library, "borel_plugin_entry");
  Dl_info info;
  const ElfW(Sym) *symbol = NULL;
  if (!entry || !dladdr1(entry, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol) return NULL;
  if (info.dli_saddr != entry || (symbol->st_info & 0xf) != STT_OBJECT) return NULL;
  *size = symbol->st_size;
  return entry;
}

static borel_status check_plugin(const borel_plugin *plugin, size_t size, borel_error *error) {
  if (!plugin || size < 2 * sizeof plugin->abi)
    return borel_fail(error, BOREL_ARG,
                      "not a Borel plugin: it exports no constant `borel_plugin_entry` (BOREL_EXPORT const)");
  if (plugin->abi != BOREL_ABI)
    return borel_fail(error, BOREL_ARG, "built for plugin ABI %u, but this Borel has ABI %u; build it again",
                      (unsigned)plugin->abi, BOREL_ABI);
  if (plugin->size < sizeof *plugin || plugin->size > MAX_TABLE || size < sizeof *plugin)
    return borel_fail(error, BOREL_ARG, "its entry claims %u bytes and has %zu, but ABI %u has %zu",
                      (unsigned)plugin->size, size, BOREL_ABI, sizeof *plugin);
  if (plugin->param_size != sizeof(borel_param) || plugin->field_size != sizeof(borel_field))
    return borel_fail(
        error, BOREL_ARG,
        "its entry says that borel_param has %u bytes and borel_field %u, but ABI %u has %zu and "
        "%zu; begin the entry with BOREL_PLUGIN_HEAD",
        (unsigned)plugin->param_size, (unsigned)plugin->field_size, BOREL_ABI, sizeof(borel_param),
        sizeof(borel_field));
  if (!plugin->id || !plugin->version || !plugin->licence)
    return borel_fail(error, BOREL_ARG, "its entry has no %s (NULL)",
                      !plugin->id        ? "id"
                      : !plugin->version ? "version"
                                         : "licence");
  if (!plugin->components || plugin->component_count < 1 || plugin->component_count > MAX_COMPONENTS)
    return borel_fail(error, BOREL_ARG, "its entry claims %zu components; 1 to %d are possible",
                      plugin->components ? plugin->component_count : 0, MAX_COMPONENTS);
  for (size_t i = 0; i < plugin->component_count; i++) {
    borel_status status = borel_component_check(plugin->components[i], error);
    if (status != BOREL_OK) return status;
    for (size_t j = 0; j < i; j++)
      if (!strcmp(plugin->components[i]->name, plugin->components[j]->name) &&
          !strcmp(plugin->components[i]->kind, plugin->components[j]->kind))
        return borel_fail(error, BOREL_ARG, "has component %s of kind %s twice", plugin->components[i]->name,
                          plugin->components[i]->kind);
  }
  return BOREL_OK;
}

borel_status borel_plugin_load(const char *path, const borel_plugin **out, borel_error *error) {
  char real[PATH_MAX];
  *out = NULL;
  borel_status status = check_file(path, real, error);
  if (status != BOREL_OK) return status;

  unsigned environment = borel_fpenv_get();
  void *library = dlopen(real, RTLD_NOW | RTLD_LOCAL);
  const char *difference = borel_fpenv_difference(environment, borel_fpenv_get());
  borel_fpenv_set(environment);
  if (!library) return borel_fail(error, BOREL_ARG, "cannot be loaded: %s", dlerror()); /* names the file */

  size_t size = 0;
  const borel_plugin *plugin = entry_of(library, &size);
  if (difference)
    status = borel_fail(error, BOREL_ARG,
                        "loading it %s for the whole process; build it without -ffast-math and -Ofast",
                        difference);
  else
    status = check_plugin(plugin, size, error);
  if (status != BOREL_OK) {
    borel_fail_within(error, "%s", path);
    dlclose(library); /* nothing has been taken from it; what is accepted stays loaded */
    return status;
  }
  *out = plugin;
  return BOREL_OK;
}
