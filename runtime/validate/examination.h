/* SPDX-License-Identifier: MIT
 * The parts of a validation. Each adds rows, and says which configurations it has judged. */
#ifndef BOREL_VALIDATE_EXAMINATION_H
#define BOREL_VALIDATE_EXAMINATION_H

#include "validate/configuration.h"
#include "validate/validate.h"

#define BOREL_CLAIM_PRESERVES "preserves the target"
#define BOREL_CLAIM_REVERSIBLE "reversible"
#define BOREL_CLAIM_ERGODIC "ergodic"
#define BOREL_CLAIM_LAYOUT "keeps the layout"
#define BOREL_CLAIM_LEAVES_Z "leaves z"
#define BOREL_CLAIM_LEAVES_U "leaves u"

enum { BOREL_MAX_ROWS = 64 };
typedef enum { BOREL_NOT_JUDGED, BOREL_JUDGED, BOREL_JUDGED_PAIRS } borel_judged;

/* What the parts have found. Plain bytes: it lies in memory that processes share. */
typedef struct {
  borel_validate_row rows[BOREL_MAX_ROWS];
  size_t count;
  borel_judged judged[BOREL_MAX_CONFIGURATIONS]; /* what it says of preservation */
  int sampled[BOREL_MAX_CONFIGURATIONS];         /* a test of the statistical tier has */
  char refusals[BOREL_MAX_CONFIGURATIONS][200];  /* why a configuration has not been judged */
  int remembers;   /* steps depend on the state block, so that a point alone is no state of the chain */
  char doing[160]; /* for the report of a crash */
  int finished;    /* the part of now came to its end, whatever the exit status says */
} borel_findings;

typedef struct {
  const borel_component *component;
  const borel_configuration *configurations;
  size_t count;
  borel_findings *findings;
  int single; /* one thread only */
  const borel_validate_tier *tier;
} borel_examination;

void borel_examination_row(const borel_examination *, borel_verdict, const char *claim, const char *method,
                           const char *format, ...) __attribute__((format(printf, 5, 6)));
void borel_examination_doing(const borel_examination *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Is there a row for this claim? */
int borel_examination_has(const borel_examination *, const char *claim);

/* Rules of the interface: determinism, scratch, tuning, caches, copies, failures, layout. */
void borel_examine_rules(const borel_examination *);
/* E2, E3: exact transition matrices on finite sets of points. */
void borel_examine_matrix(const borel_examination *);
/* Exact transition probabilities along leapfrog orbits. */
void borel_examine_orbits(const borel_examination *);
/* E6: detailed balance at pairs of points, for what no other check has judged. */
void borel_examine_pairs(const borel_examination *);

/* The statistical tier: two-sample and rank tests, by which alone continuous laws are judged. */
void borel_examine_samples(const borel_examination *);
/* Simulation-based calibration and the joint test of Geweke, for people to read. */
void borel_examine_calibration(const borel_examination *);
/* By which power of the step size the error of an approximate kernel falls. */
void borel_examine_order(const borel_examination *);

/* Rules of kind density: layout, statuses, gradient, determinism, threads. */
void borel_examine_density(const borel_examination *);

/* Rules and claims of kind resampler: exact laws of offspring numbers. */
void borel_examine_offspring(const borel_examination *);

/* Rules of kind involution: twice the map is nothing, its Jacobian. */
void borel_examine_involution(const borel_examination *);

/* Runs a part in a child process of at most so many seconds of processor time; its end by a signal becomes a
 * row that fails. */
enum { BOREL_EXACT_SECONDS = 60, BOREL_STATISTICAL_SECONDS = 1800 };
borel_status borel_examine_apart(const borel_examination *, void (*part)(const borel_examination *),
                                 unsigned seconds, borel_error *);

#endif
