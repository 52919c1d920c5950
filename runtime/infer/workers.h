/* SPDX-License-Identifier: MIT
 * Chains in processes of their own, for kernels and densities that may not run on threads. Private to the
 * infer layer. */
#ifndef BOREL_INFER_WORKERS_H
#define BOREL_INFER_WORKERS_H

#include "infer/chain.h"

/* Runs tasks[chains], `at_once` of them at a time, each in a child that is forked before the first one
 * begins: all start from the same memory, so neither their number at once nor what the watcher does changes a
 * draw. A child that dies fails its own chain alone. tasks[i].progress is the caller's and follows the child;
 * `cancelled` of the tasks is replaced. Errors: INTERNAL when memory or processes are short, before any chain
 * has begun. */
borel_status borel_workers_run(borel_chain_task *tasks, unsigned at_once, borel_run_watcher, void *context,
                               borel_error *);

#endif
