/* SPDX-License-Identifier: MIT
 * Sets of parameters under which the claims of a component are tested. */
#ifndef BOREL_VALIDATE_CONFIGURATION_H
#define BOREL_VALIDATE_CONFIGURATION_H

#include "host/schema.h"

enum { BOREL_MAX_CONFIGURATIONS = 16, BOREL_CONFIGURATION_ARGS = 16 };

typedef struct {
  borel_arg args[BOREL_CONFIGURATION_ARGS]; /* their texts may point into `words` */
  size_t count;
  char words[BOREL_CONFIGURATION_ARGS][32];
  char text[96]; /* "law = three_point, move = u", or "defaults" */
} borel_configuration;

/* `given`, and with it each combination of the words of those CHOICE parameters that it leaves open: the
 * first BOREL_MAX_CONFIGURATIONS of them. Returns how many. A configuration must not be copied. */
size_t borel_configurations(const borel_component *, borel_args given,
                            borel_configuration out[BOREL_MAX_CONFIGURATIONS]);

/* Takes over `from`, with `text` of its own. */
void borel_configuration_copy(borel_configuration *to, const borel_configuration *from);
/* Sets a number, if the component has a REAL or INT parameter of this name that is still open, and keeps it
 * inside its range. Returns whether it has. */
int borel_configuration_number(borel_configuration *, const borel_component *, const char *name, double);
/* No INT parameter that is still open is larger than this, so that trajectories are short. */
void borel_configuration_shorten(borel_configuration *, const borel_component *, double largest);

borel_args borel_configuration_args(const borel_configuration *);

#endif
