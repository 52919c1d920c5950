/* SPDX-License-Identifier: MIT
 * A density plugin as a source: its values are its coordinates, by site. */
#ifndef BOREL_INFER_DENSITY_SOURCE_H
#define BOREL_INFER_DENSITY_SOURCE_H

#include "host/instance.h"
#include "infer/source.h"

typedef struct borel_density_source borel_density_source;

/* Takes over the instance when it succeeds. */
borel_status borel_density_source_new(borel_density *, borel_density_source **, borel_error *);
void borel_density_source_free(borel_density_source *);
const borel_source *borel_density_source_view(const borel_density_source *);

#endif
