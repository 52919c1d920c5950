/* SPDX-License-Identifier: MIT
 * Kernels made of kernels. A composition is a component like any other: its claims follow from those of its
 * parts, the fields of its parts are its own with a number before their names ("2.step_size"), and a kernel
 * of it is made by borel_kernel_create, or by borel_kernel_compose, which gives it away.
 *
 *   cycle     each part takes its step, one after the other
 *   mixture   one part takes its step, drawn with fixed chances
 *   on        the part sees and moves some sites only, the rest being held (host/block_view.h)
 *   thin      several steps of the part are one
 *
 * If every part preserves the target, so does each of these (Tierney 1994, Ann. Statist. 22:1701, sections
 * 2.3 and 2.4). */
#ifndef BOREL_HOST_COMPOSE_H
#define BOREL_HOST_COMPOSE_H

#include "host/block_view.h"
#include "host/instance.h"

/* The parts stay the caller's and must outlive what is made of them. Errors: ARG for no parts, more than 99,
 * weights that are no chances, no steps; INTERNAL when memory is short. [main thread] */
borel_status borel_cycle_new(const borel_kernel *const *parts, size_t count, borel_composition **,
                             borel_error *);
/* weights [count] > 0; they need not add up to 1. */
borel_status borel_mixture_new(const borel_kernel *const *parts, const double *weights, size_t count,
                               borel_composition **, borel_error *);
/* Copies the names. */
borel_status borel_on_new(const borel_selection *, const borel_kernel *part, borel_composition **,
                          borel_error *);
borel_status borel_thin_new(size_t steps, const borel_kernel *part, borel_composition **, borel_error *);
void borel_composition_destroy(borel_composition *); /* NULL is fine */

const borel_component *borel_composition_component(const borel_composition *);
/* A kernel that owns the composition, which it takes over in any case. */
borel_status borel_kernel_compose(borel_composition *, borel_kernel **, borel_error *);

/* Marks moved[site_count] of the sites that some part moves. Errors: those of borel_selection_mark. */
borel_status borel_kernel_moves(const borel_kernel *, const borel_layout *, uint8_t *moved, borel_error *);
/* Is this true of the component of some part, or of the kernel's own? */
int borel_kernel_any(const borel_kernel *, int (*is)(const borel_component *));

/* ---- for host/instance.c --------------------------------------------------------------------- */

/* The composition behind a component, or NULL: what a plugin brings has `create`. */
const borel_composition *borel_composition_of(const borel_component *);
/* The blocks of a composition with all its parts. What is made before an error is in `blocks`. */
borel_status borel_composition_blocks(const borel_kernel *, const borel_layout *, size_t N,
                                      borel_kernel_blocks *, borel_error *);

#endif
