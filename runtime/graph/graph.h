/* SPDX-License-Identifier: MIT
 * The expression graph of a model: typed tensor nodes, hash-consed, folded as they are made. A node's
 * arguments always have smaller numbers, so numerical order is a topological order. Scalars stretch
 * implicitly in elementwise operations; other differences of shape become BROADCAST nodes. */
#ifndef BOREL_GRAPH_GRAPH_H
#define BOREL_GRAPH_GRAPH_H

#include "core/array.h"

typedef enum {
  BOREL_OP_SCALAR,  /* a constant number */
  BOREL_OP_ARRAY,   /* a constant array */
  BOREL_OP_INPUT,   /* attr = which one */
  BOREL_OP_PROJECT, /* output attr of a region node */
#define ELEMENTWISE1(NAME, lua, R, A, e, da) BOREL_OP_##NAME,
#define ELEMENTWISE2(NAME, lua, R, A, B_, e, da, db) BOREL_OP_##NAME,
#define ELEMENTWISE3(NAME, lua, R, A, B_, C_, e, da, db, dc) BOREL_OP_##NAME,
#define INDEXED(NAME, lua) BOREL_OP_##NAME,
#define STRUCTURED(NAME, lua) BOREL_OP_##NAME,
#define REGION(NAME, lua) BOREL_OP_##NAME,
#include "graph/ops.def"
  BOREL_OP_COUNT
} borel_op;

typedef enum {
  BOREL_CLASS_LEAF,
  BOREL_CLASS_ELEMENTWISE,
  BOREL_CLASS_INDEXED,
  BOREL_CLASS_STRUCTURED,
  BOREL_CLASS_REGION
} borel_op_class;

typedef struct {
  const char *name; /* as in Lua */
  borel_op_class kind;
  int arity;              /* 0: any number */
  char result;            /* 'D' or 'I' */
  char types[4];          /* of the arguments */
  const char *expression; /* C text of an elementwise operation */
} borel_op_info;

const borel_op_info *borel_op_get(borel_op);

typedef uint32_t borel_node;
#define BOREL_NO_NODE UINT32_MAX

typedef struct borel_graph borel_graph;

/* How a differential equation is solved, and the columns of its sensitivities. */
typedef struct {
  double rel_tol, abs_tol; /* the error of a step, for each state: abs_tol + rel_tol |y| */
  int64_t max_steps;
  int stiff;       /* BDF instead of Runge-Kutta */
  int64_t columns; /* set by borel_graph_ode, as is what follows */
  int64_t first[]; /* column of the first element of argument k, -1: it has none */
} borel_ode;

/* A sub-graph with its own inputs; it does not change once a node holds it.
 * SCAN: the inputs are carries, then one element of each sequence, then captured values; the outputs are the
 * new carries, then what is stacked over the steps. COND: all inputs are captured values, and `otherwise` has
 * the same inputs and outputs of the same types and shapes. */
typedef struct borel_region {
  borel_graph *body; /* the region's */
  size_t carries, sequences, captured;
  size_t output_count;
  borel_node *outputs;
  int reverse; /* SCAN: from the last element to the first */
  int finite;  /* SCAN: so are all values and slopes of a step whenever its inputs are; adjoints need no masks
                */
  struct borel_region *otherwise; /* COND: what runs when the condition is false; the region's */
  borel_ode *ode;                 /* ODE; the region's */
  size_t holders;                 /* graphs that share it */
} borel_region;

typedef struct {
  borel_op op;
  borel_dtype dtype;
  uint8_t masked; /* may hold exact zeros that stand for "not this branch" */
  borel_shape shape;
  uint32_t arg_count, first_arg; /* borel_graph_args */
  int64_t attr;                  /* axis, input number, project number, flags; integer constants */
  double value;                  /* SCALAR */
  borel_array array;             /* ARRAY */
  const borel_region *region;
} borel_node_info;

borel_graph *borel_graph_new(void);
void borel_graph_free(borel_graph *);
size_t borel_graph_size(const borel_graph *);
/* How often an operation was asked for that was there already, and got that node. */
size_t borel_graph_shared(const borel_graph *);
/* Valid until the next node is made. */
const borel_node_info *borel_graph_at(const borel_graph *, borel_node);
const borel_node *borel_graph_args(const borel_graph *, borel_node);

borel_node borel_graph_input(borel_graph *, borel_dtype, const borel_shape *);
size_t borel_graph_inputs(const borel_graph *);
borel_node borel_graph_scalar(borel_graph *, double);
borel_node borel_graph_integer(borel_graph *, int64_t);
/* Keeps a hold of the array; f32 is widened never: it is an error at the door of the language. */
borel_node borel_graph_array(borel_graph *, const borel_array *);

/* Makes (or finds) a node. `shape` states the result of RESHAPE, BROADCAST, SCATTER, may state that of
 * STACK, and may be NULL otherwise. On bad shapes or types: BOREL_NO_NODE and a message with both shapes. */
borel_node borel_graph_op(borel_graph *, borel_op, const borel_node *args, size_t count, int64_t attr,
                          const borel_shape *shape, borel_error *);
/* A scan over `region`, which the graph then owns (and frees on failure). args: initial carries,
 * sequences (equal first extent), captured values. Take results with borel_graph_project: final
 * carries, stacked outputs, then (for the derivative) the carries before each step. */
borel_node borel_graph_scan(borel_graph *, borel_region *region, const borel_node *args, size_t count,
                            borel_error *);
/* One of two sub-graphs, of which only that one runs. args: the condition (an integer scalar), then captured
 * values. The results are the outputs. Ownership as for a scan. */
borel_node borel_graph_cond(borel_graph *, borel_region *region, const borel_node *args, size_t count,
                            borel_error *);
/* The solution of dy/dt = f(t, y, captured values). The region's body has the inputs t, y [n] and captured
 * values, and the output f [n]. args: y(t0) [n], t0, increasing times ts [T] from t0 on, captured values. The
 * results are: the solution at ts [T, n]; its derivatives [T, n, columns] with respect to the elements of
 * those arguments but ts that are no constants; dy/dt at ts [T, n]. Ownership as for a scan. */
borel_node borel_graph_ode(borel_graph *, borel_region *region, const borel_node *args, size_t count,
                           const borel_ode *options, borel_error *);
/* Result `which` of a region node. */
borel_node borel_graph_project(borel_graph *, borel_node region, size_t which);
/* Lets go of a region that no graph took over. */
void borel_region_free(borel_region *);
/* Copies every node of `from` into `to`, its input k being inputs[k]: map[old] = new. What is made of an
 * input that is BOREL_NO_NODE is left out. */
borel_status borel_graph_copy(borel_graph *to, const borel_graph *from, const borel_node *inputs,
                              borel_node *map, borel_error *);

/* Derivatives of the scalar node y with respect to wrt[count]: out[i] has the shape of wrt[i]. Reverse
 * mode, graph to graph, so it can be applied again. */
borel_status borel_graph_gradient(borel_graph *, borel_node y, const borel_node *wrt, size_t count,
                                  borel_node *out, borel_error *);

/* Derivatives of outputs[count] along tangents[wrt_count] of the nodes wrt[wrt_count]: out[i] has the shape
 * of outputs[i]. tangents[i] has the shape of wrt[i] or is a scalar that stands for it. Forward mode, graph
 * to graph: it may be applied to a gradient, which makes Hessian-vector products, and again. */
borel_status borel_graph_jvp(borel_graph *, const borel_node *outputs, size_t count, const borel_node *wrt,
                             const borel_node *tangents, size_t wrt_count, borel_node *out, borel_error *);

/* The constant number of a scalar node, if it is one. */
int borel_graph_constant(const borel_graph *, borel_node, double *value);

/* Evaluates one operation on whole arrays; used by folding, by the interpreter and by the language.
 * data[i] and `out` are 8-byte elements (f64 or i64); shapes as the node's. */
typedef struct {
  void *data;
  const borel_shape *shape;
} borel_operand;
void borel_op_evaluate(const borel_node_info *, const borel_operand *args, size_t count, void *out);
/* Shape and type of a result without making a node: fills shape, dtype of `info` (op, attr set). */
borel_status borel_op_infer(borel_node_info *info, const borel_node_info *const *args, size_t count,
                            const borel_shape *stated, borel_error *);
/* An elementwise operation on numbers; integers pass as doubles. */
double borel_op_number(borel_op, double a, double b, double c);

/* The sum of scalar terms, isomorphic ones merged into one vector term each: a loop over observations
 * becomes arrays again, a recursion a scan. `merged` (may be NULL) counts the terms that were merged. */
borel_node borel_graph_reroll(borel_graph *, const borel_node *terms, size_t count, size_t *merged,
                              borel_error *);
/* A copy of what `outputs` need, in which small arrays are numbers (scalarise.c): made[count] are the outputs
 * in it, and the inputs keep their numbers. The caller frees it. NULL when memory is short. */
borel_graph *borel_graph_scalarise(const borel_graph *, const borel_node *outputs, size_t count,
                                   borel_node *made, borel_error *);
/* The vector of f64 scalars, made as loops where these are isomorphic. */
borel_node borel_graph_vector(borel_graph *, const borel_node *scalars, size_t count, borel_error *);

#endif
