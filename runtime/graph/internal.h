/* SPDX-License-Identifier: MIT
 * Private parts of the graph layer: tables made from ops.def. */
#ifndef BOREL_GRAPH_INTERNAL_H
#define BOREL_GRAPH_INTERNAL_H

#include "core/error.h"
#include "graph/graph.h"

/* Fills shape and dtype of `info`; arguments are checked for count and type already. */
typedef borel_status (*borel_shape_rule)(borel_node_info *info, const borel_node_info *const *args,
                                         size_t count, const borel_shape *stated, borel_error *);
typedef void (*borel_eval_rule)(const borel_node_info *, const borel_operand *args, size_t count, void *out);

/* What a derivative rule sees: the node y, its arguments, the adjoint g (of y's shape or a scalar that
 * stands for it); it fills adjoint[i], leaves BOREL_NO_NODE for a derivative that is 0, or puts BOREL_REFUSED
 * for one that is not offered. For a region `parts` has the adjoint of each of its results, of full shape or
 * BOREL_NO_NODE. */
#define BOREL_REFUSED (BOREL_NO_NODE - 1)
typedef struct {
  borel_graph *graph;
  borel_node y, g;
  const borel_node *args;
  size_t count;
  borel_node *adjoint;
  borel_error *error;
  const borel_node *parts;
  const uint8_t *active; /* [nodes]: does anybody want a derivative that passes through this one? */
  borel_status status;   /* of a region's rule */
} borel_vjp;
typedef void (*borel_vjp_rule)(borel_vjp *);

/* What a rule of forward mode sees: the node y, its arguments and their tangents, of full shape,
 * BOREL_NO_NODE where zero (not all of them are). Returns the tangent of y: of its shape, or a scalar that
 * stands for it. */
typedef struct {
  borel_graph *graph;
  borel_node y;
  const borel_node *args, *dots;
  size_t count;
  borel_error *error;
} borel_tangent;
typedef borel_node (*borel_tangent_rule)(const borel_tangent *);

#define ELEMENTWISE1(NAME, lua, R, A, e, da) void borel_vjp_##NAME(borel_vjp *);
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db) void borel_vjp_##NAME(borel_vjp *);
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc) void borel_vjp_##NAME(borel_vjp *);
#define STRUCTURED(NAME, lua)                                                                                \
  borel_status borel_shape_##NAME(borel_node_info *, const borel_node_info *const *, size_t,                 \
                                  const borel_shape *, borel_error *);                                       \
  void borel_eval_##NAME(const borel_node_info *, const borel_operand *, size_t, void *);                    \
  void borel_vjp_##NAME(borel_vjp *);                                                                        \
  borel_node borel_tangent_##NAME(const borel_tangent *);
#define INDEXED(NAME, lua) STRUCTURED(NAME, lua)
#define REGION(NAME, lua) void borel_vjp_##NAME(borel_vjp *);
#include "graph/ops.def"

/* As borel_graph_jvp, but zeros stay BOREL_NO_NODE. */
borel_status borel_graph_tangents(borel_graph *, const borel_node *outputs, size_t count,
                                  const borel_node *wrt, const borel_node *tangents, size_t wrt_count,
                                  borel_node *out, borel_error *);
/* The tangents of all results of a region node: parts[k] for those that have one. */
borel_status borel_region_tangents(borel_graph *, borel_node region, const borel_node *dots,
                                   borel_node *parts, borel_error *);
/* The node equal to `node`, made if there is none. Takes over node->array when it makes one. */
borel_node borel_graph_intern(borel_graph *, borel_node_info *node, const borel_node *args, size_t count);
/* The graph is one more holder of the region from now on; 0 when memory is short. */
int borel_graph_keep_region(borel_graph *, borel_region *);
/* A node that is to `args` what `like` (a copy: the graph grows) is to its arguments; not an input. */
borel_node borel_graph_like(borel_graph *, const borel_node_info *like, const borel_node *args,
                            borel_error *);
/* Which nodes `root` needs: [root + 1], to be freed, and the most arguments that one of them has. NULL when
 * memory is short. */
uint8_t *borel_graph_needed(const borel_graph *, borel_node root, size_t *most_args);
/* Which nodes of the graph any of roots[count] needs: [nodes + 1], to be freed. NULL when memory is short. */
uint8_t *borel_graph_needed_by(const borel_graph *, const borel_node *roots, size_t count);
/* The node with map[argument] for each argument, or itself when these are the same; `args` has room for them.
 */
borel_node borel_graph_mapped(borel_graph *, borel_node, const borel_node *map, borel_node *args,
                              borel_error *);
/* What stands for a node, or BOREL_NO_NODE: itself. */
typedef borel_node (*borel_graph_rule)(borel_graph *, borel_node, void *context, borel_error *);
/* The node equal to `root` in which a rule was asked for every node that it needs, arguments first; `root`
 * itself where nothing changed. BOREL_NO_NODE and a message when memory is short. */
borel_node borel_graph_rewrite(borel_graph *, borel_node root, borel_graph_rule, void *context,
                               borel_error *);
/* How many results a region node has. */
size_t borel_region_results(const borel_node_info *);
/* A region node of the given kind, checked. */
borel_node borel_graph_region(borel_graph *, borel_op, borel_region *, const borel_node *args, size_t count,
                              borel_error *);
/* Result `which` of a differential equation. */
borel_node borel_graph_ode_project(borel_graph *, borel_node ode, size_t which);
borel_status borel_ode_tangents(borel_graph *, borel_node ode, const borel_node *dots, borel_node *parts,
                                borel_error *);
/* A simpler equal node, or BOREL_NO_NODE. */
borel_node borel_graph_simplify(borel_graph *, const borel_node_info *, const borel_node *args);
/* Does this product add its terms in lanes (term k into accumulator k mod 8)? It does where that is what
 * makes long sums vector code: rows times rows, and a few columns times a vector. Else it adds them one by
 * one. */
int borel_matmul_in_lanes(int64_t attr, const borel_shape *a, const borel_shape *result);
/* Adjoint product: zero absorbs where `g` comes from a mask. */
borel_node borel_graph_adjoint_product(borel_graph *, borel_node g, borel_node factor);
/* From now on `x` counts as one that may hold zeros of a mask; nodes made of it before do not. */
void borel_graph_mask(borel_graph *, borel_node x);
/* `x` with its own shape stretched to `shape`. */
borel_node borel_graph_expand(borel_graph *, borel_node x, const borel_shape *shape, borel_error *);

#endif
