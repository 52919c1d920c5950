/* SPDX-License-Identifier: MIT
 * The kinds of component that this host can use, and what each must bring. */
#ifndef BOREL_HOST_KINDS_H
#define BOREL_HOST_KINDS_H

#include <borel/plugin.h>

typedef struct {
  const char *name;   /* BOREL_KERNEL, as a component spells it */
  const char *folder; /* "kernel", the folder of its plugins, and the short name */
  int claims;         /* must a component say what it preserves? */
  uint32_t minimum;   /* bytes of the ops table up to its last required slot */
  /* Name of the first required slot that is NULL, or NULL. `ops` has at least `minimum` bytes. */
  const char *(*missing)(const void *ops);
  /* Lists of fields in the ops table, [4]; absent ones are NULL. */
  void (*fields)(const void *ops, const borel_field *lists[4]);
} borel_kind;

/* By full or short name (BOREL_KERNEL or "kernel"); NULL when unknown. */
const borel_kind *borel_kind_find(const char *name);
/* Kind i of all, in a fixed order; NULL past the end. */
const borel_kind *borel_kind_at(size_t i);

#endif
