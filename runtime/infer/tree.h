/* SPDX-License-Identifier: MIT
 * The tree of runs of a program whose choices are finite, and Metropolis-Hastings on it. A program is a
 * function of its choices, so what it does next after some of them is remembered: a place of the tree is the
 * next choice, or the end. A step that stays among known places runs no program at all.
 *
 * The kernel: one of the n choices of the run is picked, each as likely, and drawn anew; behind it a choice
 * keeps its value where the old run has a choice of the same site with the same support, else it is drawn;
 * the new run is accepted with the ratio of Scibior et al. (POPL 2018): w(y) n(x) / (w(x) n(y)) times, over
 * kept choices, p(v; y) / p(v; x). */
#ifndef BOREL_INFER_TREE_H
#define BOREL_INFER_TREE_H

#include <borel/plugin.h>

typedef struct borel_tree borel_tree;

typedef enum { BOREL_TREE_CHOICE, BOREL_TREE_END, BOREL_TREE_DEAD } borel_tree_kind;

/* What a program does after some choices. */
typedef struct {
  borel_tree_kind kind;
  double score;  /* sum of the log-weights since the last choice */
  uint32_t site; /* CHOICE: which site, a small number */
  uint32_t law;  /* CHOICE: as borel_tree_law numbered it */
  uint32_t end;  /* END: what was returned, a small number */
} borel_tree_place;

/* Runs the program on `choices`, 0-based, up to what comes next. REJECT: that is no finite choice. */
typedef struct {
  void *self;
  borel_status (*next)(void *self, const uint32_t *choices, size_t count, borel_tree_place *, borel_error *);
} borel_tree_program;

/* At most `places` are remembered (then all are forgotten, and the tree grows anew). NULL when there is no
 * memory. */
borel_tree *borel_tree_create(borel_tree_program, size_t places);
void borel_tree_destroy(borel_tree *);

/* The number of a law with these probabilities [count], on a support that the caller numbered: values are
 * kept between choices of one support. 0 when there is no memory. */
uint32_t borel_tree_law(borel_tree *, uint32_t support, const double *p, size_t count);
size_t borel_tree_places(const borel_tree *);

/* One run of the program: where a chain is. */
typedef struct borel_tree_run borel_tree_run;
borel_tree_run *borel_tree_run_create(borel_tree *);
void borel_tree_run_destroy(borel_tree_run *);

/* A run from the prior: OK with any weight, also zero; then score is -inf and the run is not complete. */
borel_status borel_tree_draw(borel_tree_run *, borel_rng *, borel_error *);
/* The run of these choices, as borel_tree_choices gave them. INTERNAL when they do not lead to an end: the
 * program is another. */
borel_status borel_tree_take(borel_tree_run *, const uint32_t *choices, size_t count, borel_error *);
/* One step from a complete run; *accepted is 1, 0, or -1 when there is nothing to move. */
borel_status borel_tree_step(borel_tree_run *, borel_rng *, int *accepted, borel_error *);

double borel_tree_score(const borel_tree_run *);
uint32_t borel_tree_end(const borel_tree_run *);
const uint32_t *borel_tree_choices(const borel_tree_run *, size_t *count);

#endif
