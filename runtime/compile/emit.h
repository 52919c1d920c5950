/* SPDX-License-Identifier: MIT
 * Private to the emitter: how values are spelled in emitted code. */
#ifndef BOREL_COMPILE_EMIT_H
#define BOREL_COMPILE_EMIT_H

#include "compile/program.h"

/* The number of elements of a shape: "8", "n[0]", "5 * n[1]". */
void borel_emit_size(const borel_program *, const borel_shape *, borel_text *);
void borel_emit_extent(const borel_program *, int64_t extent, borel_text *);
/* A scalar value: a literal, a constant argument or a local variable. */
void borel_emit_scalar(const borel_program *, borel_node, borel_text *);
/* "((const double *)b[7])" or its writable form. */
void borel_emit_pointer(const borel_program *, borel_node, int writable, borel_text *);

const char *borel_emit_type(const borel_node_info *);
/* Marks the operations of a program. */
void borel_emit_note_ops(const borel_program *, uint8_t *used);
/* Does its result depend on how libm is called, for one number or for a vector of them? */
int borel_emit_needs_libm(borel_op);
/* borel_emit_prelude; with `lanes` all operations are those of vectors. */
void borel_emit_prelude_of(const borel_program *const *programs, size_t count, int lanes, borel_text *);
/* Does the prelude have one_NAME beside op_NAME, for numbers alone? */
int borel_emit_has_single(borel_op);
/* The value of node i in terms of its arguments, inside group k. */
void borel_emit_value(const borel_program *, int32_t k, borel_node i, borel_text *);
/* "b[7][0] = s12;" when somebody reads the scalar from memory. */
void borel_emit_store(const borel_program *, borel_node, borel_text *);
/* Locals for the scalar inputs, and the groups, of a program. */
void borel_emit_inputs(const borel_program *, borel_text *);
void borel_emit_body(const borel_program *, borel_text *);
void borel_emit_region(const borel_program *, int32_t k, borel_text *);
void borel_emit_loop(const borel_program *, int32_t k, borel_text *);
/* Does loops' code call a function of arrays for it, OF_MANY(name)? */
int borel_emit_is_many(borel_op);
/* Does it call a function of special_functions.h? */
int borel_emit_is_library(borel_op);
/* Declares the routines that operations in `used` call. */
void borel_emit_linear_prelude(const uint8_t *used, borel_text *);

/* Differential equations (emit_ode.c): declarations, functions that stand before the program's, the call. */
void borel_emit_ode_prelude(borel_text *);
void borel_emit_ode_functions(const borel_program *, const char *name, borel_text *);
void borel_emit_ode(const borel_program *, int32_t k, borel_text *);

#define STRUCTURED(NAME, lua) void borel_emit_##NAME(const borel_program *, borel_node, borel_text *);
#include "graph/ops.def"

#endif
