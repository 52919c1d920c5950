/* SPDX-License-Identifier: MIT
 * The directory of a run and the right to write in it.
 *
 * A directory is a run when it holds `manifest.json`. Who writes holds a flock on `run.lock`, which
 * contains the process's id while it does; the lock goes when the last process that inherited it ends,
 * however it ends. Readers need no lock. */
#ifndef BOREL_STORE_RUNDIR_H
#define BOREL_STORE_RUNDIR_H

#include <borel/plugin.h>

typedef struct borel_rundir borel_rundir;

#define BOREL_RUNDIR_REPLACE 1u /* an existing run goes: its manifest, logs and checkpoints are removed */
#define BOREL_RUNDIR_FOREIGN 2u /* write next to files that are not of a run */

/* Makes `path` (and its parents) and locks it; it is a run once it has a manifest. Refused (BOREL_ARG) when
 * it holds a run or other files and `flags` do not allow that, and (BOREL_IO) when another process writes
 * there. */
borel_status borel_rundir_create(const char *path, unsigned flags, borel_rundir **, borel_error *);
/* Makes `<parent>/<name>-001`, or the first number that is free. Bytes of `name` other than letters,
 * digits, '.', '_', '-' become '_'. */
borel_status borel_rundir_create_next(const char *parent, const char *name, borel_rundir **, borel_error *);
/* Opens an existing run, to write (locked) or only to read. */
borel_status borel_rundir_open(const char *path, int write, borel_rundir **, borel_error *);
/* Gives up the lock. NULL is allowed. */
void borel_rundir_close(borel_rundir *);

const char *borel_rundir_path(const borel_rundir *);
/* `<path>/<name>` and `<path>/chain-<chain>.<suffix>`, chains counted from 1; released with free, NULL
 * when memory is short. */
char *borel_rundir_file(const borel_rundir *, const char *name);
char *borel_rundir_chain_file(const borel_rundir *, unsigned chain, const char *suffix);

#endif
