/* SPDX-License-Identifier: MIT
 *
 * BOREL_MUTANT = 5 to 9 breaks one expression on purpose; tests/cli/compose_mutants.sh sees that each is
 * noticed. */
#include "host/block_view.h"

#include "core/error.h"
#include "core/suggest.h"

#include <stdlib.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

/* ---- which sites ----------------------------------------------------------------------------- */

static int is_called(const borel_site *site, const char *name) {
  size_t length = strlen(name);
  if (strncmp(site->name, name, length) != 0) return 0;
  char next = site->name[length];
  return !next || next == '[' || next == '.';
}

static borel_status unknown_site(const borel_layout *layout, const char *name, borel_error *error) {
  const char **names = malloc((layout->site_count + 1) * sizeof *names), *nearest = NULL;
  for (size_t i = 0; names && i < layout->site_count; i++) names[i] = layout->sites[i].name;
  if (names) nearest = borel_nearest(name, names, layout->site_count);
  free(names);
  return nearest
             ? borel_fail(error, BOREL_ARG, "on: there is no unknown '%s'; did you mean '%s'?", name, nearest)
             : borel_fail(error, BOREL_ARG, "on: there is no unknown '%s'", name);
}

borel_status borel_selection_mark(const borel_selection *selection, const borel_layout *layout,
                                  uint8_t *selected, borel_error *error) {
  size_t marked = 0;
  for (size_t s = 0; s < layout->site_count; s++)
    marked += selected[s] = selection->all && layout->sites[s].block == selection->block;
  if (selection->all && !marked)
    return borel_fail(error, BOREL_ARG, "on: nothing is %s",
                      selection->block == BOREL_SITE_Z ? "discrete" : "continuous");
  for (size_t n = 0; !selection->all && n < selection->count; n++) {
    marked = 0;
    for (size_t s = 0; s < layout->site_count; s++)
      if (is_called(&layout->sites[s], selection->names[n])) marked += selected[s] = 1;
    if (!marked) return unknown_site(layout, selection->names[n], error);
  }
  return BOREL_OK;
}

/* ---- the target ------------------------------------------------------------------------------ */

static const borel_layout *view_layout(borel_target *target, uint32_t id) {
  return id == 0 ? &((borel_block_view *)target)->layout : NULL;
}

/* All of u with these in their places. */
static const double *all_u(borel_block_view *v, const double *u) {
  if (v->whole_u) return u;
  for (size_t d = 0; d < v->layout.D; d++) v->u[v->u_at[d]] = u[d];
  return v->u;
}

static const int64_t *all_z(borel_block_view *v, const int64_t *z) {
  for (size_t k = 0; k < v->layout.K; k++) v->z[v->z_at[k]] = z[k];
  return v->z;
}

static borel_status view_logdensity(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                                    double *logdensity, borel_error *error) {
  borel_block_view *v = (borel_block_view *)target;
  (void)id;
  return v->inner->ops->logdensity(v->inner, v->outer->id, all_u(v, u), all_z(v, z), logdensity, error);
}

static borel_status view_gradient(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                                  double *logdensity, double *gradient, borel_error *error) {
  borel_block_view *v = (borel_block_view *)target;
  (void)id;
  double *all = v->whole_u ? gradient : v->gradient;
  borel_status status =
      v->inner->ops->gradient(v->inner, v->outer->id, all_u(v, u), all_z(v, z), logdensity, all, error);
  for (size_t d = 0; !v->whole_u && d < v->layout.D; d++) gradient[d] = all[v->u_at[d]];
  return status;
}

static borel_status view_split(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                               double *prior, double *likelihood, borel_error *error) {
  borel_block_view *v = (borel_block_view *)target;
  (void)id;
  return v->inner->ops->split(v->inner, v->outer->id, all_u(v, u), all_z(v, z), prior, likelihood, error);
}

static size_t view_independent(borel_target *target, uint32_t id, size_t k) {
  borel_block_view *v = (borel_block_view *)target;
  (void)id;
  size_t most = v->inner->ops->independent(v->inner, v->outer->id, v->z_at[k]), n = most > 0;
  while (n < most && k + n < v->layout.K && v->z_at[k + n] == v->z_at[k] + n)
    n++; /* one run there and here */
  return n;
}

static borel_status view_conditional(borel_target *target, uint32_t id, const double *u, const int64_t *z,
                                     size_t k, size_t n, double *logdensity, borel_error *error) {
  borel_block_view *v = (borel_block_view *)target;
  (void)id;
  return v->inner->ops->conditional(v->inner, v->outer->id, all_u(v, u), all_z(v, z), v->z_at[k], n,
                                    logdensity, error);
}

/* What the inner target can do, this one can. */
static void follow(borel_block_view *v, borel_target *inner) {
  const borel_target_ops *ops = inner->ops;
  v->inner = inner;
  v->ops = (borel_target_ops){.size = sizeof v->ops, .layout = view_layout, .logdensity = view_logdensity};
  if (BOREL_HAS(borel_target_ops, ops, gradient)) v->ops.gradient = view_gradient;
  if (BOREL_HAS(borel_target_ops, ops, split)) v->ops.split = view_split;
  if (!BOREL_HAS(borel_target_ops, ops, conditional)) return;
  v->ops.independent = view_independent;
  v->ops.conditional = view_conditional;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* The selected sites, their coordinates tiled anew, and where these come from. */
static void lay_out(borel_block_view *v, const uint8_t *selected) {
  for (size_t s = 0; s < v->outer->site_count; s++) {
    if (!selected[s]) continue;
    borel_site site = v->outer->sites[s];
    int discrete = site.block == BOREL_SITE_Z;
    size_t *extent = discrete ? &v->layout.K : &v->layout.D, *at = discrete ? v->z_at : v->u_at;
    for (size_t i = 0; i < site.size; i++) at[*extent + i] = site.offset + i;
    site.offset = *extent;
    *extent += site.size;
    v->sites[v->layout.site_count++] = site;
  }
  v->layout.sites = v->sites;
  v->whole_u = v->layout.D == v->outer->D;
}

borel_status borel_block_view_create(const borel_selection *selection, const borel_layout *outer,
                                     borel_block_view **out, borel_error *error) {
  *out = NULL;
  borel_block_view *v = calloc(1, sizeof *v);
  uint8_t *selected = calloc(outer->site_count + 1, 1);
  borel_status status = BOREL_OK;
  if (v) {
    v->target.ops = &v->ops;
    v->outer = outer;
    v->layout.size = sizeof v->layout;
    v->sites = calloc(outer->site_count + 1, sizeof *v->sites);
    v->u_at = calloc(outer->D + 1, sizeof *v->u_at);
    v->z_at = calloc(outer->K + 1, sizeof *v->z_at);
    v->u = calloc(outer->D + 1, sizeof *v->u);
    v->gradient = calloc(outer->D + 1, sizeof *v->gradient);
    v->scale = calloc(outer->D + 1, sizeof *v->scale);
    v->z = calloc(outer->K + 1, sizeof *v->z);
  }
  if (!v || !selected || !v->sites || !v->u_at || !v->z_at || !v->u || !v->gradient || !v->scale || !v->z)
    status = borel_fail(error, BOREL_INTERNAL, "no memory for a kernel on some of the unknowns");
  if (status == BOREL_OK) status = borel_selection_mark(selection, outer, selected, error);
  if (status == BOREL_OK) {
    lay_out(v, selected);
    status = borel_point_create(&v->layout, &v->point, error);
  }
  free(selected);
  if (status == BOREL_OK)
    *out = v;
  else
    borel_block_view_destroy(v);
  return status;
}

void borel_block_view_destroy(borel_block_view *v) {
  if (!v) return;
  borel_point_destroy(v->point);
  free(v->sites);
  free(v->u_at);
  free(v->z_at);
  free(v->u);
  free(v->gradient);
  free(v->scale);
  free(v->z);
  free(v);
}

/* ---- there and back -------------------------------------------------------------------------- */

borel_status borel_block_view_load(borel_block_view *v, borel_target *inner, const borel_point *outer,
                                   borel_error *error) {
  if (outer->layout != v->outer->id || outer->D != v->outer->D || outer->K != v->outer->K)
    return borel_fail(error, BOREL_ARG, "on: the point has changed its layout");
  follow(v, inner);
  memcpy(v->u, outer->u, outer->D * sizeof *v->u);
#if BOREL_MUTANT != 8 /* what is held are zeros */
  memcpy(v->z, outer->z, outer->K * sizeof *v->z);
#endif
  borel_host_point *point = v->point;
  for (size_t d = 0; d < v->layout.D; d++) {
    point->u[d] = outer->u[v->u_at[d]];
    point->gradient[d] = outer->gradient[v->u_at[d]];
  }
  for (size_t k = 0; k < v->layout.K; k++) point->z[k] = outer->z[v->z_at[k]];
#if BOREL_MUTANT == 5 /* what was known somewhere else is still believed */
  uint32_t stale = point->view.valid;
  if (!stale) point->view.logdensity = outer->logdensity;
  point->view.valid = outer->valid | stale;
#else
  point->view.logdensity = outer->logdensity;
  point->view.prior = outer->prior;
  point->view.likelihood = outer->likelihood;
  point->view.valid = outer->valid;
#endif
  v->version = ++point->view.version;
  return BOREL_OK;
}

void borel_block_view_store(borel_block_view *v, borel_point *outer) {
  const borel_host_point *point = v->point;
  borel_host_point *to = (borel_host_point *)outer;
  if (point->view.version != v->version) {
#if BOREL_MUTANT != 6 /* the outer point keeps what it knew before the move */
    outer->valid = 0;
#endif
    outer->version++;
    for (size_t d = 0; d < v->layout.D; d++) to->u[v->u_at[d]] = point->u[d];
#if BOREL_MUTANT == 7 /* in the wrong place */
    for (size_t k = 0; k < v->layout.K; k++) to->z[k] = point->z[k];
#else
    for (size_t k = 0; k < v->layout.K; k++) to->z[v->z_at[k]] = point->z[k];
#endif
  }
  uint32_t news = point->view.valid & ~outer->valid;
#if BOREL_MUTANT != 9
  if (!v->whole_u) news &= ~BOREL_GRADIENT; /* that of some of u is not that of all */
#endif
  if (news & BOREL_LOGDENSITY) outer->logdensity = point->view.logdensity;
  if (news & BOREL_SPLIT) outer->prior = point->view.prior, outer->likelihood = point->view.likelihood;
  if (news & BOREL_GRADIENT) memcpy(to->gradient, point->gradient, v->layout.D * sizeof *to->gradient);
  outer->valid |= news;
}
