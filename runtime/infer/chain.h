/* SPDX-License-Identifier: MIT
 * One chain of a run, start to end. Private to the infer layer. */
#ifndef BOREL_INFER_CHAIN_H
#define BOREL_INFER_CHAIN_H

#include "infer/run.h"

typedef struct {
  const borel_source *source;
  const borel_kernel *kernel;
  const borel_run_options *options;
  const borel_rundir *directory;
  unsigned number; /* from 1 */
  borel_chain_progress *progress;
  const atomic_int *cancelled;
} borel_chain_task;

/* Runs the chain; the result is also in progress->error. [chain thread] */
borel_status borel_chain_run(const borel_chain_task *);

#endif
