/* SPDX-License-Identifier: MIT
 * What all sources share: opening, the sticky failure, and taking over the failure of an inner source. */
#ifndef BOREL_RANDOM_SOURCE_H
#define BOREL_RANDOM_SOURCE_H

#include <borel/plugin.h>

void borel_source_open(borel_rng *, const borel_rng_ops *, borel_error *error);

/* The first failure of a source sets its status and fills its error; later ones change nothing. */
void borel_source_fail(borel_rng *, borel_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `outer` fails as `inner` has, when it has; returns whether `outer` is still fine. */
int borel_source_adopt(borel_rng *outer, const borel_rng *inner);

#endif
