/* SPDX-License-Identifier: MIT */
#include "diffuse/crew.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_THREADS = 256 };

typedef struct {
  const borel_crew_ops *ops;
  void *context;
  size_t tasks;
  atomic_size_t next;
  atomic_int failed;
  pthread_mutex_t lock; /* of what follows */
  size_t failed_task;
  borel_error error;
} crew;

static void keep_error(crew *c, size_t task, const borel_error *error) {
  pthread_mutex_lock(&c->lock);
  if (task < c->failed_task) {
    c->failed_task = task;
    c->error = *error;
  }
  pthread_mutex_unlock(&c->lock);
  atomic_store(&c->failed, 1);
}

static void *work(void *given) {
  crew *c = given;
  borel_error error = {0};
  void *room = c->ops->open(c->context, &error);
  if (!room) {
    keep_error(c, 0, &error);
    return NULL;
  }
  for (size_t k; !atomic_load(&c->failed) && (k = atomic_fetch_add(&c->next, 1)) < c->tasks;)
    if (c->ops->task(c->context, room, k, &error) != BOREL_OK) keep_error(c, k, &error);
  c->ops->close(c->context, room);
  return NULL;
}

borel_status borel_crew_run(const borel_crew_ops *ops, void *context, size_t tasks, unsigned threads,
                            borel_error *error) {
  crew c = {.ops = ops, .context = context, .tasks = tasks, .failed_task = SIZE_MAX};
  pthread_mutex_init(&c.lock, NULL);
  pthread_t ids[MOST_THREADS];
  size_t wanted = threads < tasks ? threads : tasks, started = 0;
  if (wanted > MOST_THREADS) wanted = MOST_THREADS;
  while (started + 1 < wanted && pthread_create(&ids[started], NULL, work, &c) == 0) started++;
  work(&c);
  for (size_t i = 0; i < started; i++) pthread_join(ids[i], NULL);
  pthread_mutex_destroy(&c.lock);
  if (!atomic_load(&c.failed)) return BOREL_OK;
  *error = c.error;
  return c.error.code;
}
