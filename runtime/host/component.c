/* SPDX-License-Identifier: MIT */
#include "host/component.h"

#include "core/error.h"
#include "core/text.h"
#include "host/kinds.h"

#include <math.h>
#include <string.h>

enum { MAX_NAME = 64, MAX_PARAMS = 256, MAX_FIELDS = 256, MAX_TABLE = 4096 };

int borel_component_named(const char *name) {
  size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
  return length > 0 && length <= MAX_NAME && !name[length];
}

/* A kind of another version, by name; else one that was never known. */
static borel_status unknown_kind(const borel_component *component, borel_error *error) {
  const char *slash = strchr(component->kind, '/');
  size_t length = slash ? (size_t)(slash - component->kind) : 0;
  const borel_kind *same;
  for (size_t i = 0; slash && (same = borel_kind_at(i)); i++)
    if (strlen(same->folder) == length && !strncmp(same->folder, component->kind, length))
      return borel_fail(
          error, BOREL_ARG,
          "component %s is of kind %s, but this Borel takes kind %s; build it again with its header",
          component->name, component->kind, same->name);
  borel_text known = {0};
  const borel_kind *kind;
  for (size_t i = 0; (kind = borel_kind_at(i)); i++)
    borel_text_printf(&known, "%s%s", i ? ", " : "", kind->name);
  borel_fail(error, BOREL_ARG, "component %s has the unknown kind \"%s\"; known kinds: %s", component->name,
             component->kind, known.bytes ? known.bytes : "");
  borel_text_free(&known);
  return BOREL_ARG;
}

static borel_status check_param(const borel_component *c, const borel_param *p, borel_error *error) {
  if ((unsigned)p->type > BOREL_REALS)
    return borel_fail(error, BOREL_ARG, "component %s: parameter %s has the unknown type %d", c->name,
                      p->name, (int)p->type);
  if (p->type == BOREL_CHOICE && (!p->choices || !*p->choices || *p->choices == '|'))
    return borel_fail(error, BOREL_ARG, "component %s: parameter %s has no choices", c->name, p->name);
  if (p->type == BOREL_CHOICE || p->type == BOREL_FLAG) return BOREL_OK;
  if (!(p->min <= p->max))
    return borel_fail(error, BOREL_ARG, "component %s: parameter %s has the range [%g, %g]", c->name, p->name,
                      p->min, p->max);
  if (p->type != BOREL_REALS && !p->required && !(p->number >= p->min && p->number <= p->max))
    return borel_fail(error, BOREL_ARG, "component %s: the default %g of parameter %s is outside [%g, %g]",
                      c->name, p->number, p->name, p->min, p->max);
  return BOREL_OK;
}

static borel_status check_params(const borel_component *c, size_t *count, borel_error *error) {
  *count = 0;
  for (const borel_param *p = c->params; p && p->name; p++) {
    if (++*count > MAX_PARAMS)
      return borel_fail(error, BOREL_ARG, "component %s has no end of parameters (NULL name)", c->name);
    borel_status status = check_param(c, p, error);
    if (status != BOREL_OK) return status;
    for (const borel_param *q = c->params; q < p; q++)
      if (!strcmp(p->name, q->name))
        return borel_fail(error, BOREL_ARG, "component %s declares parameter %s twice", c->name, p->name);
  }
  return BOREL_OK;
}

/* Can `dim` be resolved? A parameter must be a list, or a whole number that is never negative. */
static int extent_is_possible(const borel_component *c, size_t params, int32_t dim) {
  if (dim > 0 || dim == BOREL_DIM_D || dim == BOREL_DIM_K || dim == BOREL_DIM_N || dim == BOREL_DIM_V)
    return 1;
  if (dim > BOREL_DIM_PARAM(0)) return 0;
  size_t index = (size_t)(BOREL_DIM_PARAM(0) - (int64_t)dim);
  if (index >= params) return 0;
  return c->params[index].type == BOREL_REALS ||
         (c->params[index].type == BOREL_INT && c->params[index].min >= 0);
}

static borel_status check_fields(const borel_component *c, size_t params, const borel_field *fields,
                                 borel_error *error) {
  for (const borel_field *f = fields; f && f->name; f++) {
    if (f - fields >= MAX_FIELDS)
      return borel_fail(error, BOREL_ARG, "component %s has no end of fields (NULL name)", c->name);
    if ((unsigned)f->dtype > BOREL_BOOL)
      return borel_fail(error, BOREL_ARG, "component %s: field %s has an unknown element type", c->name,
                        f->name);
    for (int i = 0; i < 3 && f->dim[i]; i++)
      if (!extent_is_possible(c, params, f->dim[i]))
        return borel_fail(error, BOREL_ARG, "component %s: extent %d of field %s means nothing", c->name,
                          (int)f->dim[i], f->name);
    for (const borel_field *g = fields; g < f; g++)
      if (!strcmp(f->name, g->name))
        return borel_fail(error, BOREL_ARG, "component %s declares field %s twice", c->name, f->name);
  }
  return BOREL_OK;
}

static borel_status check_info(const borel_component *c, const borel_field *info, borel_error *error) {
  for (const borel_field *f = info; f && f->name; f++)
    if (f->dtype != BOREL_F64 || f->dim[0])
      return borel_fail(error, BOREL_ARG, "component %s: info field %s must be an F64 scalar", c->name,
                        f->name);
  return BOREL_OK;
}

static borel_status check_ops(const borel_component *c, const borel_kind *kind, borel_error *error) {
  if (!c->ops) return borel_fail(error, BOREL_ARG, "component %s has no ops table", c->name);
  uint32_t size;
  memcpy(&size, c->ops, sizeof size);
  if (size < kind->minimum)
    return borel_fail(error, BOREL_ARG, "component %s: its ops table has %u bytes, but kind %s needs %u",
                      c->name, (unsigned)size, kind->name, (unsigned)kind->minimum);
  if (size > MAX_TABLE)
    return borel_fail(error, BOREL_ARG, "component %s: its ops table claims %u bytes", c->name,
                      (unsigned)size);
  const char *missing = kind->missing(c->ops);
  if (missing)
    return borel_fail(error, BOREL_ARG, "component %s lacks the op %s, which kind %s requires", c->name,
                      missing, kind->name);
  return BOREL_OK;
}

static borel_status check_claims(const borel_component *c, const borel_kind *kind, borel_error *error) {
  const borel_claims *claims = &c->claims;
  unsigned preserves = (unsigned)claims->preserves;
  if (preserves > BOREL_PRESERVES_ORDER || (kind->claims && !preserves))
    return borel_fail(error, BOREL_ARG, "component %s does not say what it preserves (claims)", c->name);
  if (preserves == BOREL_PRESERVES_ORDER && !(claims->order > 0 && isfinite(claims->order)))
    return borel_fail(error, BOREL_ARG, "component %s claims an order of %g", c->name, claims->order);
  return BOREL_OK;
}

borel_status borel_component_check(const borel_component *c, borel_error *error) {
  if (!c) return borel_fail(error, BOREL_ARG, "a component is NULL");
  if (c->size < sizeof *c || c->size > MAX_TABLE)
    return borel_fail(error, BOREL_ARG, "a component claims %u bytes, but has %zu in this ABI",
                      (unsigned)c->size, sizeof *c);
  if (!c->name) return borel_fail(error, BOREL_ARG, "a component has no name (NULL)");
  if (!borel_component_named(c->name))
    return borel_fail(error, BOREL_ARG, "\"%.80s\" cannot name a component: use 1 to 64 of a-z, 0-9 and -",
                      c->name);
  if (!c->kind) return borel_fail(error, BOREL_ARG, "component %s has no kind (NULL)", c->name);
  if (!c->summary) return borel_fail(error, BOREL_ARG, "component %s has no summary (NULL)", c->name);
  const borel_kind *kind = borel_kind_find(c->kind);
  if (!kind || strcmp(kind->name, c->kind) != 0) return unknown_kind(c, error);

  size_t params;
  borel_status status = check_claims(c, kind, error);
  if (status == BOREL_OK) status = check_params(c, &params, error);
  if (status == BOREL_OK) status = check_ops(c, kind, error);
  if (status != BOREL_OK) return status;
  const borel_field *lists[4];
  kind->fields(c->ops, lists);
  for (int i = 0; i < 4 && status == BOREL_OK; i++) status = check_fields(c, params, lists[i], error);
  if (status != BOREL_OK || strcmp(c->kind, BOREL_KERNEL) != 0) return status;
  return check_info(c, lists[3], error);
}
