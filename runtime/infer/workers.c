/* SPDX-License-Identifier: MIT */
#include "infer/workers.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"

enum { TICK_MS = 5, TICKS_BETWEEN_LOOKS = 20 };

/* What parent and child share of one chain. */
typedef struct {
  borel_chain_progress progress;
  sem_t turn;
} desk;

typedef struct {
  atomic_int cancelled;
  desk desks[];
} office;

typedef struct {
  const borel_work *work;
  borel_chain_progress *progress;           /* the caller's */
  unsigned chains, at_once, given, running; /* chains that were given their turn; that run now */
  pid_t *pids;                              /* 0: there is no such process (any more) */
  office *shared;
  size_t bytes;
} workers;

/* ---- a child --------------------------------------------------------------------------------- */

static _Noreturn void child(const workers *w, unsigned i, pid_t parent) {
  signal(SIGINT, SIG_IGN); /* the parent hears it and says so by `cancelled` */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  desk *d = &w->shared->desks[i];
  while (sem_wait(&d->turn) != 0 && errno == EINTR) continue;
  w->work->run(w->work->self, i, &d->progress, &w->shared->cancelled);
  fflush(NULL);
  _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void follow(const workers *w, unsigned i) {
  borel_chain_progress *to = &w->progress[i], *from = &w->shared->desks[i].progress;
  atomic_store(&to->iteration, atomic_load(&from->iteration));
  atomic_store(&to->gradients, atomic_load(&from->gradients));
  atomic_store(&to->densities, atomic_load(&from->densities));
  atomic_store(&to->divergences, atomic_load(&from->divergences));
  atomic_store(&to->step_size, atomic_load(&from->step_size));
  int state = atomic_load(&from->state);
  if (state == BOREL_CHAIN_DONE || state == BOREL_CHAIN_FAILED) return; /* told when the process has ended */
  atomic_store(&to->state, state);
}

/* The process has ended: as it should have, or not. */
static void close_desk(const workers *w, unsigned i, int status) {
  borel_chain_progress *to = &w->progress[i], *from = &w->shared->desks[i].progress;
  int state = atomic_load(&from->state);
  follow(w, i);
  to->error = from->error;
  int done = state == BOREL_CHAIN_DONE || state == BOREL_CHAIN_FAILED;
  const char *kept = "; its draws up to the last checkpoint are kept, and borel resume goes on from there";
  if (WIFSIGNALED(status) && w->work->drops && atomic_load(&w->shared->cancelled))
    borel_fail(&to->error, BOREL_CANCELLED, "stopped on request");
  else if (WIFSIGNALED(status))
    borel_fail(&to->error, BOREL_INTERNAL, "its process was killed by signal %d (%s) after iteration %llu%s",
               WTERMSIG(status), strsignal(WTERMSIG(status)),
               (unsigned long long)atomic_load(&from->iteration), kept);
  else if (!done || WEXITSTATUS(status) != 0)
    borel_fail(&to->error, BOREL_INTERNAL,
               "its process ended itself with exit code %d after iteration %llu%s", WEXITSTATUS(status),
               (unsigned long long)atomic_load(&from->iteration), kept);
  else {
    atomic_store(&to->state, state);
    return;
  }
  atomic_store(&to->state, BOREL_CHAIN_FAILED);
}

static void reap(workers *w) {
  for (unsigned i = 0; i < w->given; i++) {
    int status;
    if (!w->pids[i]) continue;
    pid_t ended = waitpid(w->pids[i], &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) continue;
    close_desk(w, i, ended < 0 ? 0 : status);
    w->pids[i] = 0;
    w->running--;
  }
}

static void give_turns(workers *w) {
  while (w->running < w->at_once && w->given < w->chains) {
    sem_post(&w->shared->desks[w->given++].turn);
    w->running++;
  }
}

static void end_all(const workers *w) {
  for (unsigned i = 0; i < w->chains; i++)
    if (w->pids[i]) kill(w->pids[i], SIGKILL);
}

static void watch(workers *w, const borel_run_options *options, borel_run_watcher watcher, void *context) {
  give_turns(w);
  for (unsigned tick = 1; w->running; tick++) {
    nanosleep(&(struct timespec){0, TICK_MS * 1000000L}, NULL);
    reap(w);
    give_turns(w);
    if (tick % TICKS_BETWEEN_LOOKS != 0 || !watcher || !w->running) continue;
    for (unsigned i = 0; i < w->given; i++)
      if (w->pids[i]) follow(w, i);
    if (watcher(context, options, w->progress)) atomic_store(&w->shared->cancelled, 1);
    if (w->work->drops && atomic_load(&w->shared->cancelled)) end_all(w);
  }
}

static borel_status fork_all(workers *w, borel_error *error) {
  pid_t parent = getpid();
  fflush(NULL); /* or each child would write it again */
  for (unsigned i = 0; i < w->chains; i++) {
    w->pids[i] = fork();
    if (w->pids[i] == 0) child(w, i, parent);
    if (w->pids[i] > 0) continue;
    int reason = errno;
    for (unsigned k = 0; k < i; k++) kill(w->pids[k], SIGKILL);
    for (unsigned k = 0; k < i; k++) waitpid(w->pids[k], NULL, 0);
    return borel_fail(error, BOREL_INTERNAL, "the system refuses a process for chain %u of %u: %s", i + 1,
                      w->chains, strerror(reason));
  }
  return BOREL_OK;
}

borel_status borel_workers_run(const borel_work *work, const borel_run_options *options,
                               borel_chain_progress *progress, unsigned at_once, borel_run_watcher watcher,
                               void *context, borel_error *error) {
  unsigned chains = options->chains;
  workers w = {.work = work, .progress = progress, .chains = chains, .at_once = at_once};
  w.bytes = sizeof *w.shared + chains * sizeof w.shared->desks[0];
  w.pids = calloc(chains, sizeof *w.pids);
  w.shared = mmap(NULL, w.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  borel_status status = BOREL_OK;
  if (!w.pids || w.shared == MAP_FAILED) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for the chains");
    goto end;
  }
  for (unsigned i = 0; i < chains; i++) {
    desk *d = &w.shared->desks[i];
    atomic_store(&d->progress.step_size, atomic_load(&progress[i].step_size));
    sem_init(&d->turn, 1, 0);
  }
  status = fork_all(&w, error);
  if (status == BOREL_OK) watch(&w, options, watcher, context);

end:
  free(w.pids);
  if (w.shared != MAP_FAILED) munmap(w.shared, w.bytes);
  return status;
}
