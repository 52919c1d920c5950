/* SPDX-License-Identifier: MIT
 * Some sites of a point by themselves: a layout of these sites alone, a point of their coordinates, and a
 * target in which all else is held where it is. A kernel that is given them moves these sites of the joint
 * density, which is their conditional density up to a constant. */
#ifndef BOREL_HOST_BLOCK_VIEW_H
#define BOREL_HOST_BLOCK_VIEW_H

#include "host/point.h"

/* Which sites: all of one block, or those with these names. A name also stands for the elements
 * ("theta" for "theta[1]", ...) and the members ("group" for "group.mu") that begin with it. */
typedef struct {
  int all;                  /* 1: all sites of `block` */
  borel_site_block block;   /* when all */
  const char *const *names; /* [count], when not */
  size_t count;
} borel_selection;

/* Marks selected[site_count] with 1. Errors: ARG for a name that no site has (suggests the nearest), for a
 * block that is empty. */
borel_status borel_selection_mark(const borel_selection *, const borel_layout *, uint8_t *selected,
                                  borel_error *);

typedef struct borel_block_view {
  borel_target target; /* first: what a kernel sees */
  borel_target_ops ops;
  borel_target *inner; /* of the call */
  const borel_layout *outer;
  borel_layout layout;
  borel_site *sites;
  size_t *u_at, *z_at;          /* [layout.D], [layout.K]: the place of each coordinate in the outer point */
  int whole_u;                  /* all of u */
  double *u, *gradient, *scale; /* [outer D]; scale [layout.D] */
  int64_t *z;                   /* [outer K] */
  borel_host_point *point;      /* of the selected coordinates */
  uint64_t version;             /* of `point` when it was loaded */
} borel_block_view;

/* Errors: those of borel_selection_mark; INTERNAL when memory is short. The outer layout must outlive it. */
borel_status borel_block_view_create(const borel_selection *, const borel_layout *outer, borel_block_view **,
                                     borel_error *);
void borel_block_view_destroy(borel_block_view *); /* NULL is fine */

/* Makes the view that of the outer point, with all that is known there. Errors: ARG when the point has
 * another layout. */
borel_status borel_block_view_load(borel_block_view *, borel_target *inner, const borel_point *outer,
                                   borel_error *);
/* Takes moves of the selected coordinates back to the outer point, and what has been found out there. */
void borel_block_view_store(borel_block_view *, borel_point *outer);

#endif
