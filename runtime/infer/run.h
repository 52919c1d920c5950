/* SPDX-License-Identifier: MIT
 * The chain driver: chains on threads or in processes, each with its own target, point, kernel blocks, log
 * and checkpoint. A chain is a pure function of (source, kernel, options, seed, chain number): threads, other
 * chains and interruptions do not change a bit of its log. */
#ifndef BOREL_INFER_RUN_H
#define BOREL_INFER_RUN_H

#include <stdatomic.h>

#include "host/instance.h"
#include "infer/source.h"
#include "store/rundir.h"

enum { BOREL_INIT_TRIES = 100 };

typedef struct {
  unsigned chains, threads; /* threads: 0 means one for each processor */
  uint64_t warmup, draws, seed, checkpoint_every;
  double
      checkpoint_seconds; /* two checkpoints are at least this far apart: syncing a disk takes milliseconds */
  int pathfinder;         /* starts from its approximation, not from where a chain happens to begin */
  const double *start_u, *start_z; /* [D], [K]: starting coordinates, NaN where none is given; or NULL */
  int resume;    /* continue from checkpoints; chains without one start from the beginning */
  int processes; /* each chain in a process of its own: for what may not run on threads */
} borel_run_options;

typedef enum {
  BOREL_CHAIN_WAITING,
  BOREL_CHAIN_RUNNING,
  BOREL_CHAIN_DONE,
  BOREL_CHAIN_FAILED
} borel_chain_state;

/* What a chain tells while it runs; read it at any time. */
typedef struct {
  _Alignas(128) atomic_int state;
  _Atomic uint64_t iteration, gradients, densities; /* evaluations of the target in this process */
  _Atomic uint64_t divergences;                     /* after warm-up */
  _Atomic double step_size;                         /* NaN when the kernel has none */
  borel_error error;                                /* once FAILED */
} borel_chain_progress;

/* Called by the thread that called borel_run_chains, about ten times a second and once at the end. A
 * non-zero result stops the run: chains write a checkpoint and end with CANCELLED. */
typedef int (*borel_run_watcher)(void *context, const borel_run_options *, borel_chain_progress *chains);

/* Runs all chains in `directory` (locked for writing). progress[chains] is the caller's. Returns the first
 * error in order of chains; the others have theirs in `progress`. What was drawn stays readable. */
borel_status borel_run_chains(const borel_source *, const borel_kernel *, const borel_run_options *,
                              const borel_rundir *directory, borel_chain_progress *progress,
                              borel_run_watcher, void *context, borel_error *);

/* How many chains run at once: `threads`, 0 for one a processor, and no more than there are. */
unsigned borel_run_threads(unsigned threads, unsigned chains);
/* The first error in order of chains, with the number of its chain; OK when none has failed. */
borel_status borel_run_failure(const borel_chain_progress *, unsigned chains, borel_error *);

#endif
