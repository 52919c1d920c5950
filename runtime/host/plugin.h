/* SPDX-License-Identifier: MIT
 * Loading one plugin file. */
#ifndef BOREL_HOST_PLUGIN_H
#define BOREL_HOST_PLUGIN_H

#include <borel/plugin.h>

/* Loads the shared object at `path` and checks everything that can be checked before an instance exists:
 * the file and its permissions, the ELF image, the entry symbol, the ABI, every component, its parameters,
 * fields and ops, and that loading left the floating-point environment alone. It stays loaded until the
 * process ends. Errors (all name the file): IO for the file, ARG for what it contains. [main thread] */
borel_status borel_plugin_load(const char *path, const borel_plugin **, borel_error *);

#endif
