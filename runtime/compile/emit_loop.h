/* SPDX-License-Identifier: MIT
 * Private to the emitter of fused loops: emit_loop.c (flat) and emit_nest.c (rows and columns). */
#ifndef BOREL_COMPILE_EMIT_LOOP_H
#define BOREL_COMPILE_EMIT_LOOP_H

#include "compile/emit.h"

/* An argument of a node in group k: a register of this loop, an element of memory, or a scalar. */
void borel_emit_operand(const borel_program *, int32_t k, borel_node, borel_text *);
/* Those of a node, separated by commas. */
void borel_emit_arguments(const borel_program *, int32_t k, borel_node, borel_text *);
/* The statements of one element, for the variable `i`; summands go to t#[l]. With `stages`, only of the nodes
 * of one stage. */
void borel_emit_element(const borel_program *, int32_t k, const uint16_t *stages, int stage, borel_text *);
/* The place, in a smaller array, of the element of the shape it is stretched to whose number `element`
 * spells. */
void borel_emit_broadcast_index(const borel_program *, const borel_shape *from, const borel_shape *to,
                                const char *element, borel_text *);
/* Pointers to the arrays that group k reads and writes: p<slot> and q<slot>. */
void borel_emit_loop_pointers(const borel_program *, int32_t k, borel_text *);
/* Prints a format for each reduction of everything, its number in place of #: `sum` for a SUM, `log` for a
 * SUM_LOG. */
void borel_each_sum(const borel_program *, int32_t k, const char *sum, const char *log, borel_text *);
int borel_is_whole_sum(const borel_program *, borel_node);
/* The accumulators of the group's reductions: declared; fed with the `count` elements at "<from>#", whole
 * lanes, of which those beyond the true size are neutral (printed by borel_emit_neutral for one element,
 * "<at># = ..."). */
void borel_emit_accumulators(const borel_program *, int32_t k, borel_text *);
void borel_emit_accumulate(const borel_program *, int32_t k, const char *from, const char *count,
                           borel_text *);
void borel_emit_neutral(const borel_program *, int32_t k, const char *from, const char *index, borel_text *);
/* A broadcast of an array, and the axes of its runs: does a run's elements follow each other? */
int borel_is_stretched(const borel_program *, borel_node);
int borel_find_run(const borel_shape *from, const borel_shape *to, borel_shape *run);

/* Does an operation call a function? Those of one instruction do not count. */
int borel_is_long(borel_op);
/* Does a group call functions that are no part of vector loops, or lgamma or its kin? */
int borel_has_calls(const borel_program *, int32_t k);
/* The stages in which a group makes the elements of a piece, one number for each node, for the caller to
 * free. NULL where one loop is as good: no calls, and little is done before the first long function, or much
 * would go through memory. */
uint16_t *borel_find_stages(const borel_program *, int32_t k);
/* The arrays between stages, declared; and the stages, for elements i0 to i0 + end. */
void borel_emit_crossing(const borel_program *, int32_t k, const uint16_t *stages, borel_text *);
void borel_emit_stages(const borel_program *, int32_t k, const uint16_t *stages, borel_text *);

/* A group over rows and columns in which something is constant along one of them. */
int borel_is_nest(const borel_program *, int32_t k);
void borel_emit_nest(const borel_program *, int32_t k, borel_text *);

#endif
