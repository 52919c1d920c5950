/* SPDX-License-Identifier: MIT */
#include "host/schema.h"

#include "core/error.h"
#include "core/suggest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARAMS = 256 };

size_t borel_schema_count(const borel_component *component) {
  size_t n = 0;
  if (component->params)
    while (component->params[n].name) n++;
  return n;
}

size_t borel_schema_choice(const borel_param *param, size_t index, const char **word) {
  const char *at = param->choices;
  for (; index && at; index--) {
    at = strchr(at, '|');
    if (at) at++;
  }
  *word = at;
  return at ? strcspn(at, "|") : 0;
}

/* What a parameter is checked within, for messages: "nuts: parameter max_depth". */
typedef struct {
  const borel_component *component;
  const borel_param *param;
  borel_error *error;
} place;

#define REFUSE(at, format, ...)                                                                              \
  borel_fail((at).error, BOREL_ARG, "%s: parameter %s " format, (at).component->name, (at).param->name,      \
             __VA_ARGS__)

/* "[0, 1] doublings" */
static const char *range_text(const borel_param *param, char text[96]) {
  snprintf(text, 96, "[%g, %g]%s%s", param->min, param->max, param->unit ? " " : "",
           param->unit ? param->unit : "");
  return text;
}

static borel_status check_number(place at, double number, const char *what) {
  char range[96];
  if (isnan(number))
    return REFUSE(at, "%sis not a number; it must be in %s", what, range_text(at.param, range));
  if (at.param->type == BOREL_INT && number != floor(number))
    return REFUSE(at, "%sis %g, but must be a whole number in %s", what, number, range_text(at.param, range));
  if (at.param->type == BOREL_FLAG && number != 0 && number != 1)
    return REFUSE(at, "%sis %g, but must be true or false", what, number);
  if (at.param->type != BOREL_FLAG && !(number >= at.param->min && number <= at.param->max))
    return REFUSE(at, "%sis %g, outside %s", what, number, range_text(at.param, range));
  return BOREL_OK;
}

static borel_status check_choice(place at, const char *given, borel_value *value) {
  const char *word;
  size_t length;
  for (size_t i = 0; (length = borel_schema_choice(at.param, i, &word)) > 0; i++)
    if (strlen(given) == length && !memcmp(given, word, length)) {
      value->number = (double)i;
      return BOREL_OK;
    }
  return REFUSE(at, "is \"%s\", but must be one of %s", given, at.param->choices);
}

static borel_status check_reals(place at, const double *reals, size_t count, borel_value *value,
                                double *room) {
  if (at.param->required && !count) return REFUSE(at, "%s", "must not be an empty list");
  for (size_t i = 0; i < count; i++) {
    char what[48];
    snprintf(what, sizeof what, "element %zu ", i + 1);
    borel_status status = check_number(at, reals[i], what);
    if (status != BOREL_OK) return status;
    room[i] = reals[i];
  }
  value->reals = room;
  value->count = count;
  return BOREL_OK;
}

/* `room` has space for arg->count numbers, one for a NUMBER. */
static borel_status check_arg(place at, const borel_arg *arg, borel_value *value, double *room) {
  static const char *const given[] = {"a number", "a text", "a list of numbers"};
  static const char *const wanted[] = {"a number", "a whole number", "true or false", "a word",
                                       "a list of numbers"};
  borel_param_type type = at.param->type;
  if (type == BOREL_CHOICE && arg->kind == BOREL_ARG_TEXT) return check_choice(at, arg->text, value);
  if (type == BOREL_REALS && arg->kind == BOREL_ARG_REALS)
    return check_reals(at, arg->reals, arg->count, value, room);
  if (type == BOREL_REALS && arg->kind == BOREL_ARG_NUMBER)
    return check_reals(at, &arg->number, 1, value, room);
  if (type != BOREL_CHOICE && type != BOREL_REALS && arg->kind == BOREL_ARG_NUMBER) {
    value->number = arg->number;
    return check_number(at, arg->number, "");
  }
  return REFUSE(at, "is %s, but must be %s", given[arg->kind], wanted[type]);
}

static borel_status unknown(const borel_component *component, const char *name, borel_error *error) {
  const char *names[MAX_PARAMS];
  size_t n = borel_schema_count(component);
  if (!n) return borel_fail(error, BOREL_ARG, "%s: has no parameters, so no %s", component->name, name);
  if (n > MAX_PARAMS) n = MAX_PARAMS;
  for (size_t i = 0; i < n; i++) names[i] = component->params[i].name;
  const char *nearest = borel_nearest(name, names, n);
  if (nearest)
    return borel_fail(error, BOREL_ARG, "%s: unknown parameter %s; did you mean %s?", component->name, name,
                      nearest);
  char list[400] = "";
  for (size_t i = 0, used = 0; i < n && used < sizeof list; i++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
  return borel_fail(error, BOREL_ARG, "%s: unknown parameter %s; it has: %s", component->name, name, list);
}

/* The parameter with this name; the count of parameters when there is none. */
static size_t index_of(const borel_component *component, size_t n, const char *name) {
  size_t i = 0;
  while (i < n && strcmp(component->params[i].name, name) != 0) i++;
  return i;
}

borel_status borel_schema_check(const borel_component *component, borel_args args, borel_value **out,
                                borel_error *error) {
  size_t n = borel_schema_count(component), reals = 0;
  *out = NULL;
  for (size_t i = 0; i < args.count; i++) {
    size_t more = args.items[i].kind == BOREL_ARG_REALS ? args.items[i].count : 1;
    if (more > SIZE_MAX / 32 || (reals += more) > SIZE_MAX / 32)
      return borel_fail(error, BOREL_ARG, "%s: parameter %s has too many elements", component->name,
                        args.items[i].name);
  }
  borel_value *values = calloc(1, n * sizeof *values + reals * sizeof(double) + 1);
  if (!values) return borel_fail(error, BOREL_INTERNAL, "%s: no memory for parameters", component->name);
  double *room = (double *)(values + n);
  const borel_arg *from[MAX_PARAMS] = {0};
  borel_status status = BOREL_OK;

  for (size_t i = 0; i < n; i++)
    values[i].number = component->params[i].type == BOREL_CHOICE ? 0 : component->params[i].number;
  for (size_t i = 0; i < args.count && status == BOREL_OK; i++) {
    const borel_arg *arg = &args.items[i];
    size_t p = index_of(component, n, arg->name);
    if (p == n) {
      status = unknown(component, arg->name, error);
    } else if (from[p]) {
      status = borel_fail(error, BOREL_ARG, "%s: parameter %s is given twice", component->name, arg->name);
    } else {
      from[p] = arg;
      status = check_arg((place){component, &component->params[p], error}, arg, &values[p], room);
      room += arg->kind == BOREL_ARG_REALS ? arg->count : 1;
    }
  }
  for (size_t i = 0; i < n && status == BOREL_OK; i++)
    if (component->params[i].required && !from[i])
      status =
          borel_fail(error, BOREL_ARG, "%s: parameter %s is required: %s", component->name,
                     component->params[i].name, component->params[i].doc ? component->params[i].doc : "");
  if (status != BOREL_OK) {
    free(values);
    return status;
  }
  *out = values;
  return BOREL_OK;
}
