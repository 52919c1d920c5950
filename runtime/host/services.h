/* SPDX-License-Identifier: MIT
 * What the host lends to plugins. */
#ifndef BOREL_HOST_SERVICES_H
#define BOREL_HOST_SERVICES_H

#include <borel/plugin.h>

/* The one table that every plugin receives; constant for the life of the process. [any thread] */
const borel_host *borel_host_table(void);

/* Writes one line "borel: <level>: ..." to stderr if `level` passes the filter in the environment variable
 * BOREL_LOG (debug, info, warn or off; warn when unset). [any thread] */
void borel_log(borel_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
