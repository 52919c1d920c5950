/* SPDX-License-Identifier: MIT
 * Parameters of components: given by name, checked against the declared borel_param list. */
#ifndef BOREL_HOST_SCHEMA_H
#define BOREL_HOST_SCHEMA_H

#include <borel/plugin.h>

typedef enum { BOREL_ARG_NUMBER, BOREL_ARG_TEXT, BOREL_ARG_REALS } borel_arg_kind;

/* One parameter as a person gives it. NUMBER suits REAL, INT, FLAG (0 or 1) and a REALS of one element; TEXT
 * suits CHOICE; REALS suits REALS. */
typedef struct {
  const char *name;
  borel_arg_kind kind;
  double number;
  const char *text;
  const double *reals; /* [count] */
  size_t count;
} borel_arg;

typedef struct {
  const borel_arg *items;
  size_t count;
} borel_args;

/* Number of parameters of a component. */
size_t borel_schema_count(const borel_component *);

/* Checked values, one for each parameter in order of declaration, defaults filled in; one allocation that
 * holds the lists too, released by free(). Errors: ARG, naming component and parameter, for an unknown name
 * (suggests the nearest), a name given twice, a wrong type, a number out of range, not an integer, not a
 * number, an unknown word (lists them), a missing required one. */
borel_status borel_schema_check(const borel_component *, borel_args, borel_value **, borel_error *);

/* The length of word `index` of a CHOICE parameter, whose start goes to `*word`; 0 past the end. */
size_t borel_schema_choice(const borel_param *, size_t index, const char **word);

#endif
