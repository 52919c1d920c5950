/* SPDX-License-Identifier: MIT
 * Chains in processes of their own: for kernels and densities that may not run on threads, and for chains
 * that a program in Lua makes. */
#ifndef BOREL_INFER_WORKERS_H
#define BOREL_INFER_WORKERS_H

#include "infer/run.h"

/* What is done for each chain, in its own process. */
typedef struct {
  /* Chain number `chain`, from 0. Tells in `progress` how far it is, at the end DONE, or FAILED and the
   * error; looks at `cancelled` now and then. */
  void (*run)(void *self, unsigned chain, borel_chain_progress *progress, const atomic_int *cancelled);
  void *self;
  int drops; /* has nothing to save: when the run is cancelled, processes are ended where they are */
} borel_work;

/* Does the work of options->chains chains, `at_once` of them at a time, each in a child that is forked before
 * the first one begins: all start from the same memory, so neither their number at once nor what the watcher
 * does changes a draw. A child that dies fails its own chain alone. progress[chains] is the caller's and
 * follows the children. Errors: INTERNAL when memory or processes are short, before any chain has begun. */
borel_status borel_workers_run(const borel_work *, const borel_run_options *, borel_chain_progress *progress,
                               unsigned at_once, borel_run_watcher, void *context, borel_error *);

#endif
