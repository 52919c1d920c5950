/* SPDX-License-Identifier: MIT
 * A program is a graph with chosen outputs, ordered into groups: fused elementwise loops (with the
 * reductions that end in them), straight lines of scalars, loop nests of structured operations, and
 * regions, which hold programs of their own. The interpreter and the emitter walk the same groups. */
#ifndef BOREL_COMPILE_PROGRAM_H
#define BOREL_COMPILE_PROGRAM_H

#include "core/text.h"
#include "graph/graph.h"

typedef enum {
  BOREL_GROUP_SCALARS,
  BOREL_GROUP_LOOP,
  BOREL_GROUP_STRUCTURED,
  BOREL_GROUP_REGION /* a region node, then its results */
} borel_group_kind;

typedef struct {
  borel_group_kind kind;
  uint32_t level;    /* groups of one level do not depend on each other */
  borel_shape shape; /* of the loop */
  borel_node *nodes; /* in topological order */
  size_t count;
  struct borel_program *body, *otherwise; /* of a REGION */
  int32_t carry_slot; /* of a scan: room to set all new carries aside; of an ode: room for its solver */
} borel_group;

/* Where a node that needs memory lives. Slots of nested programs share the tables of the outermost. */
typedef enum { BOREL_SLOT_INPUT, BOREL_SLOT_CONSTANT, BOREL_SLOT_WORK } borel_slot_role;
/* Native code may use elements of an input or output where its caller has them, at `first` of a vector. */
typedef enum { BOREL_CALLER_NONE, BOREL_CALLER_POINT, BOREL_CALLER_GRADIENT } borel_caller;
typedef struct {
  borel_slot_role role;
  size_t size;        /* elements of 8 bytes */
  size_t input;       /* INPUT of the outermost program */
  borel_array *array; /* CONSTANT: owned; its data are held by the graph */
  borel_caller caller;
  size_t first;
} borel_slot;

typedef struct {
  borel_slot *slots;
  size_t slot_count;
  double *constants; /* numbers of the model and of the data: arguments, not text */
  size_t constant_count;
  int64_t *extents; /* distinct extents above BOREL_EXTENT_CONSTANT, in order of appearance */
  size_t extent_count;
  size_t numbered;   /* how many nodes have a number */
  size_t statements; /* nodes to compute, all programs together */
} borel_tables;

typedef struct borel_program {
  const borel_graph *graph;
  borel_graph *owned; /* the same, of the outermost program */
  size_t nodes;
  const borel_node *outputs; /* in that graph */
  size_t output_count;
  borel_group *groups;
  size_t group_count;
  int32_t *group_of;   /* [nodes], -1: a leaf or not needed */
  int32_t *slot_of;    /* [nodes], -1: none */
  int32_t *input_slot; /* [inputs of the graph], -1: not read */
  int32_t *number;     /* [nodes]: its name in emitted code, in order of computation over all programs */
  uint8_t *stored;     /* [nodes]: must be in memory, not only in a register */
  uint8_t *in_place; /* [nodes]: in the body of a scan, an element of a sequence that native code reads, or a
                      * STACK of numbers that it writes, where the scan around has it */
  borel_tables *tables;
} borel_program;

#define BOREL_EXTENT_CONSTANT 16 /* extents up to here are compiled in, larger ones are arguments */
#define BOREL_LANES 8            /* accumulators of a reduction, and the multiple that arrays are padded to */

/* Plans `outputs` of `graph`, or rather of a copy in which small arrays are numbers. */
borel_program *borel_program_new(const borel_graph *graph, const borel_node *outputs, size_t count,
                                 borel_error *);
/* Native code then finds slot `slot` at element `first` of that vector of its caller, and writes the pointer
 * there. 0: no memory. */
int borel_program_bind(borel_program *, int32_t slot, borel_caller, size_t first);
void borel_program_free(borel_program *);

/* Memory to run a program in: one for each thread. slot[i] points to the elements of slot i; after those come
 * three for pointers to the vectors of the caller of native code. */
typedef struct {
  void **slot;
  void *memory;
} borel_workspace;
borel_status borel_workspace_new(const borel_program *, borel_workspace *, borel_error *);
void borel_workspace_free(borel_workspace *);

/* Runs the program in its workspace: inputs are read from, and outputs left in, their slots. */
void borel_program_interpret(const borel_program *, borel_workspace *);

/* One round of the body of a region in the workspace of the outermost program, whose constants are set. */
void borel_program_step(const borel_program *, borel_workspace *);

/* Differential equations (ode_group.c): numbers and slots of a group. */
typedef struct {
  long long states, columns, parameters, y0_column, t0_column, parameter_column;
  int32_t f, jy, jp;  /* -1: not asked for */
  int32_t results[3]; /* solution, sensitivities, slopes; -1: not wanted */
  size_t values;      /* how many numbers at the start of the room for the solver are those of parameters */
} borel_ode_layout;
borel_ode_layout borel_ode_layout_of(const borel_program *, const borel_group *);
size_t borel_ode_outputs_needed(const borel_program *, const borel_group *);
size_t borel_ode_group_work(const borel_program *, const borel_group *);
void borel_ode_interpret(const borel_program *, const borel_group *, borel_workspace *);

/* Emits `void NAME(void *const *b, const double *c, const long long *n)`; see emit.c. Call
 * borel_emit_prelude once before, with all programs that go into the same text. */
void borel_emit_prelude(const borel_program *const *programs, size_t count, borel_text *);
void borel_emit_program(const borel_program *, const char *name, borel_text *);

/* Several points at once, a lane of vectors for each (emit_lanes.c). Where the numbers of a point [size] are:
 * input[k] is that of the first element of input k of the graph, derivative[i] where those of output 1 + i
 * go. */
enum { BOREL_POINTS = 4 };
typedef struct {
  size_t size;
  const size_t *input, *derivative;
} borel_lanes_places;
/* Can it be emitted? Its outputs are a number and derivatives by inputs. */
int borel_program_fits_lanes(const borel_program *);
/* As the two above. The function reads BOREL_POINTS points [4, size] where b[slot_count] points, writes
 * derivatives [4, size] where b[slot_count + 1], and the first output [4] where b[slot_count + 2]; of the
 * slots it reads those of constants alone. Each point gets the bits that the other function would give. */
void borel_emit_lanes_prelude(const borel_program *const *programs, size_t count, borel_text *);
void borel_emit_lanes(const borel_program *, const borel_lanes_places *, const char *name, borel_text *);

/* Index of the slot that holds output i. */
int32_t borel_program_output_slot(const borel_program *, size_t i);

#endif
