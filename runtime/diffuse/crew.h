/* SPDX-License-Identifier: MIT
 * Independent tasks on a few threads. */
#ifndef BOREL_DIFFUSE_CREW_H
#define BOREL_DIFFUSE_CREW_H

#include <borel/plugin.h>

typedef struct {
  /* What a thread needs; NULL, with `error`, when it cannot be had. */
  void *(*open)(void *context, borel_error *);
  void (*close)(void *context, void *room);
  borel_status (*task)(void *context, void *room, size_t number, borel_error *);
} borel_crew_ops;

/* Does tasks 0 .. tasks - 1, by the calling thread and as many more as are wanted and can be had. After a
 * failure no further task begins; the error is that of the first task, by number, among those that failed. */
borel_status borel_crew_run(const borel_crew_ops *, void *context, size_t tasks, unsigned threads,
                            borel_error *);

#endif
