/* SPDX-License-Identifier: MIT */
#include "infer/run.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "infer/chain.h"
#include "infer/workers.h"

typedef struct {
  borel_chain_task *tasks;
  unsigned chains;
  atomic_uint next;
  atomic_int cancelled;
  unsigned working; /* under `lock` */
  pthread_mutex_t lock;
  pthread_cond_t changed;
} pool;

static void *work(void *context) {
  pool *p = context;
  for (unsigned i; (i = atomic_fetch_add(&p->next, 1)) < p->chains;) borel_chain_run(&p->tasks[i]);
  pthread_mutex_lock(&p->lock);
  p->working--;
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

/* Calls the watcher until every worker is done. */
static void watch(pool *p, const borel_run_options *options, borel_chain_progress *progress,
                  borel_run_watcher watcher, void *context) {
  pthread_mutex_lock(&p->lock);
  while (p->working) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 100000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&p->changed, &p->lock, &until);
    if (!watcher || !p->working) continue;
    pthread_mutex_unlock(&p->lock);
    if (watcher(context, options, progress)) atomic_store(&p->cancelled, 1);
    pthread_mutex_lock(&p->lock);
  }
  pthread_mutex_unlock(&p->lock);
}

/* Returns whether there was a thread at all. */
static int run_on_threads(pool *p, pthread_t *ids, unsigned threads, const borel_run_options *options,
                          borel_chain_progress *progress, borel_run_watcher watcher, void *context) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->changed, &clock);
  pthread_condattr_destroy(&clock);
  unsigned started = 0;
  p->working = threads;
  while (started < threads && pthread_create(&ids[started], NULL, work, p) == 0) started++;
  if (started < threads) { /* fewer workers do the same work */
    pthread_mutex_lock(&p->lock);
    p->working -= threads - started;
    pthread_mutex_unlock(&p->lock);
  }
  watch(p, options, progress, watcher, context);
  for (unsigned i = 0; i < started; i++) pthread_join(ids[i], NULL);
  pthread_cond_destroy(&p->changed);
  pthread_mutex_destroy(&p->lock);
  return started > 0;
}

/* In a worker: the task, with what its process shares in place of the caller's. */
static void run_task(void *self, unsigned chain, borel_chain_progress *progress,
                     const atomic_int *cancelled) {
  borel_chain_task task = ((borel_chain_task *)self)[chain];
  task.progress = progress;
  task.cancelled = cancelled;
  borel_chain_run(&task);
}

unsigned borel_run_threads(unsigned threads, unsigned chains) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (threads == 0) threads = processors > 0 ? (unsigned)processors : 1;
  return threads < chains ? threads : chains;
}

borel_status borel_run_failure(const borel_chain_progress *progress, unsigned chains, borel_error *error) {
  for (unsigned i = 0; i < chains; i++)
    if (atomic_load(&progress[i].state) == BOREL_CHAIN_FAILED) {
      *error = progress[i].error;
      borel_fail_within(error, "chain %u", i + 1);
      return progress[i].error.code;
    }
  return BOREL_OK;
}

borel_status borel_run_chains(const borel_source *source, const borel_kernel *kernel,
                              const borel_run_options *options, const borel_rundir *directory,
                              borel_chain_progress *progress, borel_run_watcher watcher, void *context,
                              borel_error *error) {
  if (options->chains == 0 || options->draws == 0)
    return borel_fail(error, BOREL_ARG, "at least one chain and one draw are needed");
  if (source->layout->D == 0 && source->layout->K == 0)
    return borel_fail(error, BOREL_ARG, "the model has no unknowns: there is nothing to draw");
  unsigned threads = borel_run_threads(options->threads, options->chains);
  pool p = {.tasks = calloc(options->chains, sizeof *p.tasks), .chains = options->chains};
  pthread_t *ids = calloc(threads, sizeof *ids);
  borel_status status = BOREL_OK;
  if (!p.tasks || !ids) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for the chains");
    goto done;
  }
  for (unsigned i = 0; i < options->chains; i++) {
    progress[i] = (borel_chain_progress){.step_size = NAN};
    p.tasks[i] = (borel_chain_task){source, kernel, options, directory, i + 1, &progress[i], &p.cancelled};
  }
  int ran;
  if (options->processes)
    ran = (status = borel_workers_run(&(borel_work){run_task, p.tasks, 0}, options, progress, threads,
                                      watcher, context, error)) == BOREL_OK;
  else
    ran = run_on_threads(&p, ids, threads, options, progress, watcher, context);
  if (!ran && !status) status = borel_fail(error, BOREL_INTERNAL, "the system refuses to start a thread");
  if (watcher && ran) watcher(context, options, progress);
  if (!status) status = borel_run_failure(progress, options->chains, error);
done:
  free(p.tasks);
  free(ids);
  return status;
}
