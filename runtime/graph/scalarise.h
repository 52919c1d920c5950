/* SPDX-License-Identifier: MIT
 * Private to scalarise*.c: a copy of a graph in the making, in which small arrays are lists of numbers. */
#ifndef BOREL_GRAPH_SCALARISE_H
#define BOREL_GRAPH_SCALARISE_H

#include "graph/internal.h"

typedef struct borel_bridge borel_bridge;

/* Where result k of a region of before is in the new region: `count` numbers from `first` on, or (0) one
 * array. first = -1: nobody reads it. */
typedef struct {
  int64_t first, count;
} borel_result_place;

typedef struct borel_scalariser {
  const borel_graph *from;
  borel_graph *to;
  size_t nodes;  /* of `from` */
  int64_t most;  /* arrays of more elements stay arrays */
  uint8_t *used; /* [nodes] */
  /* The value of a node: an array or number `whole`, its elements `parts` (owned), or both; `outside`: those
   * are nodes of the graph around, which do not change from step to step of a loop. */
  borel_node *whole;
  borel_node **parts;
  uint8_t *outside;
  borel_result_place **results; /* [nodes]: of regions */
  struct borel_scalariser *around;
  borel_bridge *bridge; /* to the graph around; NULL in the outermost graph */
  int branch;           /* which body of the bridge this is */
  int out;              /* the node that is made now goes to the graph around */
  borel_error *error;
} borel_scalariser;

/* Arguments of a region in the making, in the graph around, and the input for each in the one or two bodies.
 */
struct borel_bridge {
  borel_scalariser *around;
  borel_graph *body[2];
  borel_node *outer, *inner[2];
  size_t count, room;
  size_t fixed; /* those before are no captured values */
  int bodies;
  int hoist; /* what does not change between steps goes to the graph around */
};

/* The graph that receives the node which is made now. */
borel_graph *borel_scalarise_target(const borel_scalariser *);
/* Node i of before in the target: as an array (a number, for a number), and one of its elements. */
borel_node borel_scalarise_whole(borel_scalariser *, borel_node i);
borel_node borel_scalarise_part(borel_scalariser *, borel_node i, int64_t element);
/* Has it from one to `most` elements? */
int borel_scalarise_is_small(const borel_scalariser *, const borel_shape *);
/* The integers of node i, when they are known: else NULL. */
const int64_t *borel_scalarise_known(const borel_scalariser *, borel_node i);

/* scalarise_ops.c: the elements of node i of `from`, when that can be made of numbers; else NULL and
 * *failed = 0. */
borel_node *borel_scalarise_op(borel_scalariser *, borel_node i, int *failed);

/* scalarise_region.c: node i is a region. Fills whole[i], results[i]. */
borel_status borel_scalarise_region(borel_scalariser *, borel_node i);
/* The same with a given bound; `growth` is by how many nodes the bodies grew. */
borel_status borel_scalarise_region_to(borel_scalariser *, borel_node i, int64_t most, size_t *growth);

/* scalarise.c: a copy of `from` with room for its values; its inputs and outputs are the caller's. */
int borel_scalariser_begin(borel_scalariser *, const borel_graph *from, const borel_node *outputs,
                           size_t count);
borel_status borel_scalariser_run(borel_scalariser *);
/* Leaves the graph `to`. */
void borel_scalariser_end(borel_scalariser *);
/* How many nodes the outputs need. */
size_t borel_scalarise_count(const borel_graph *, const borel_node *outputs, size_t count);
/* A new input of the bodies, fed by `outer`; -1 when memory is short. */
int borel_bridge_add(borel_bridge *, borel_node outer, const borel_shape *);

#endif
