/* SPDX-License-Identifier: MIT */
#include "validate/configuration.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int is_open(const borel_configuration *c, const char *name) {
  for (size_t i = 0; i < c->count; i++)
    if (!strcmp(c->args[i].name, name)) return 0;
  return c->count < BOREL_CONFIGURATION_ARGS;
}

static size_t words_of(const borel_param *param) {
  const char *word;
  size_t n = 0;
  while (borel_schema_choice(param, n, &word)) n++;
  return n;
}

static void describe(borel_configuration *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void describe(borel_configuration *c, const char *format, ...) {
  size_t used = strlen(c->text);
  if (used) used += (size_t)snprintf(c->text + used, sizeof c->text - used, ", ");
  if (used >= sizeof c->text) return;
  va_list args;
  va_start(args, format);
  vsnprintf(c->text + used, sizeof c->text - used, format, args);
  va_end(args);
}

static void choose(borel_configuration *c, const borel_param *param, size_t index) {
  const char *word;
  size_t length = borel_schema_choice(param, index, &word);
  char *copy = c->words[c->count];
  snprintf(copy, sizeof c->words[0], "%.*s", (int)length, word);
  c->args[c->count++] = (borel_arg){.name = param->name, .kind = BOREL_ARG_TEXT, .text = copy};
  describe(c, "%s = %s", param->name, copy);
}

static void start(borel_configuration *c, borel_args given) {
  *c = (borel_configuration){0};
  for (size_t i = 0; i < given.count && i < BOREL_CONFIGURATION_ARGS; i++)
    c->args[c->count++] = given.items[i];
}

size_t borel_configurations(const borel_component *component, borel_args given,
                            borel_configuration out[BOREL_MAX_CONFIGURATIONS]) {
  size_t total = 1;
  start(&out[0], given);
  for (const borel_param *p = component->params; p && p->name; p++)
    if (p->type == BOREL_CHOICE && is_open(&out[0], p->name) && total < BOREL_MAX_CONFIGURATIONS)
      total *= words_of(p);
  if (total > BOREL_MAX_CONFIGURATIONS) total = BOREL_MAX_CONFIGURATIONS;
  for (size_t n = 0; n < total; n++) {
    size_t rest = n;
    start(&out[n], given);
    for (const borel_param *p = component->params; p && p->name; p++) {
      if (p->type != BOREL_CHOICE || !is_open(&out[n], p->name)) continue;
      choose(&out[n], p, rest % words_of(p));
      rest /= words_of(p);
    }
    if (!out[n].text[0]) describe(&out[n], "defaults");
  }
  return total;
}

void borel_configuration_copy(borel_configuration *to, const borel_configuration *from) {
  *to = *from;
  for (size_t i = 0; i < to->count; i++)
    if (to->args[i].text == from->words[i]) to->args[i].text = to->words[i];
}

static double within(const borel_param *param, double x) {
  return x < param->min ? param->min : x > param->max ? param->max : x;
}

int borel_configuration_number(borel_configuration *c, const borel_component *component, const char *name,
                               double x) {
  for (const borel_param *p = component->params; p && p->name; p++) {
    if (strcmp(p->name, name) != 0 || (p->type != BOREL_REAL && p->type != BOREL_INT)) continue;
    if (!is_open(c, name)) return 0;
    c->args[c->count++] = (borel_arg){.name = p->name, .kind = BOREL_ARG_NUMBER, .number = within(p, x)};
    describe(c, "%s = %g", name, within(p, x));
    return 1;
  }
  return 0;
}

void borel_configuration_shorten(borel_configuration *c, const borel_component *component, double largest) {
  for (const borel_param *p = component->params; p && p->name; p++)
    if (p->type == BOREL_INT && p->number > largest)
      borel_configuration_number(c, component, p->name, largest);
}

borel_args borel_configuration_args(const borel_configuration *c) { return (borel_args){c->args, c->count}; }
