/* SPDX-License-Identifier: MIT
 * What a chain driver needs of a posterior: targets, one for each chain, and the values worth keeping of
 * a point. A compiled model is one source, a density plugin another. */
#ifndef BOREL_INFER_SOURCE_H
#define BOREL_INFER_SOURCE_H

#include "core/array.h"

/* A named value of a draw: a site on its own scale, or a deterministic value. */
typedef struct {
  const char *name;
  borel_shape shape;
  size_t offset, size; /* place among all values of a draw */
} borel_value_info;

typedef struct borel_source borel_source;
struct borel_source {
  const borel_layout *layout; /* of every draw: the layout is fixed */
  const borel_value_info *values;
  size_t value_count; /* entries of `values` */
  size_t value_size;  /* doubles of a draw */
  /* A target of its own for one thread. */
  borel_status (*open)(const borel_source *, borel_target **, borel_error *);
  void (*close)(const borel_source *, borel_target *);
  /* Fills out[value_size] for a point; uses the memory of that target. `rng` is for values that are drawn,
   * given the point. */
  borel_status (*constrain)(const borel_source *, borel_target *, const double *u, const int64_t *z,
                            borel_rng *rng, double *out, borel_error *);
  /* Says into text[size] which terms are not finite at a point, and why no chain can start there. */
  void (*explain)(const borel_source *, const double *u, const int64_t *z, char *text, size_t size);
};

#endif
