/* SPDX-License-Identifier: MIT
 * Programs run by both engines: many of them are compiled in one text, then each runs interpreted or native.
 */
#ifndef BOREL_TESTS_SUPPORT_ENGINES_H
#define BOREL_TESTS_SUPPORT_ENGINES_H

#include "compile/driver.h"
#include "compile/program.h"

typedef enum { INTERPRETED, NATIVE } engine;

typedef struct {
  borel_program **programs;
  borel_native_function *functions; /* after engines_compile */
  borel_workspace *work;
  size_t count, room;
} engines;

/* Sets BOREL_CACHE to a new private folder and returns it; cache_remove deletes it. */
const char *cache_make(void);
void cache_remove(void);

/* Plans a program and returns its number. The graph must outlive `e`. */
size_t engines_add(engines *e, const borel_graph *, const borel_node *outputs, size_t count);
/* Compiles all that were added, in one text. */
void engines_compile(engines *e);
/* inputs[k]: the elements of input k of the graph (NULL: left as they are). */
void engines_run(engines *e, size_t program, engine, void *const *inputs);
/* The elements of output k after a run: good until the next one. */
const void *engines_output(const engines *e, size_t program, size_t k);
void engines_free(engines *e);

/* Values compared in bits, but that every NaN equals every other. */
int same_bits(double, double);
/* How many representable numbers apart; huge when one is NaN and the other is not. */
double ulps_apart(double, double);
/* Uniform in (low, high), from a state that is never 0. */
double uniform(uint64_t *state, double low, double high);
uint64_t uniform_below(uint64_t *state, uint64_t limit);

/* Shorthands for graphs in tests. */
borel_node vector_input(borel_graph *, int64_t size);
borel_node scalar_input(borel_graph *);
borel_node apply1(borel_graph *, borel_op, borel_node);
borel_node apply2(borel_graph *, borel_op, borel_node, borel_node);
borel_node apply3(borel_graph *, borel_op, borel_node, borel_node, borel_node);
borel_node total(borel_graph *, borel_node); /* sum over everything */
borel_node doubles(borel_graph *, int64_t count, const double *);
borel_node integers(borel_graph *, int64_t count, const int64_t *);

#endif
