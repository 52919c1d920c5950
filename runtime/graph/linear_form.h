/* SPDX-License-Identifier: MIT
 * An array as a linear function of unknowns with data as coefficients:
 *     element i = sum over parts of scale * (columns of row i) . v, or, for a group, of scale * factor *
 * v[index[i]] Scales are scalar nodes, v scalars or vectors. Private to sufficient.c. */
#ifndef BOREL_GRAPH_LINEAR_FORM_H
#define BOREL_GRAPH_LINEAR_FORM_H

#include "graph/graph.h"

typedef struct {
  borel_node scale; /* BOREL_NO_NODE: 1 */
  borel_node v;     /* BOREL_NO_NODE: 1 */
  size_t columns;   /* 0: a group, of which `index` says where v is read */
  double *matrix;   /* [columns][rows] */
  int64_t *index;   /* [rows] */
  double factor;    /* of a group */
} borel_linear_part;

typedef struct {
  size_t rows, count;
  borel_linear_part *parts;
} borel_linear_form;

/* 1: `node`, seen as an array of `rows` elements, is linear, and the form holds it; 0: it is not, or it is
 * too large, or memory is short, and the form is empty. May make nodes (products of scales). */
int borel_linear_form_of(borel_graph *, borel_node node, size_t rows, borel_linear_form *);
void borel_linear_form_free(borel_linear_form *);

#endif
