/* SPDX-License-Identifier: MIT
 * Tests of what components claim, through their public ops only: docs/validity.md describes the methods.
 *
 *   borel_validate_report report;
 *   if (borel_validate_kernel(component, (borel_args){0}, &report, &error) == BOREL_OK)
 *     for (size_t i = 0; i < report.count; i++) puts(report.rows[i].evidence);
 *   borel_validate_report_free(&report); */
#ifndef BOREL_VALIDATE_VALIDATE_H
#define BOREL_VALIDATE_VALIDATE_H

#include "host/schema.h"

typedef enum {
  BOREL_NOT_TESTED, /* claimed, but no check applies; `evidence` says why */
  BOREL_HOLDS,
  BOREL_FAILS,
  BOREL_REPORTED /* a number for people, which decides nothing */
} borel_verdict;

/* "not tested", "holds", "fails", "reported" */
const char *borel_verdict_name(borel_verdict);

typedef struct {
  char claim[40];     /* "preserves the target", "reversible", "leaves a true point", ... */
  char method[24];    /* "matrix", "orbit", "pairs", "steps", or "-" */
  char evidence[440]; /* one line: the number, how many cases, the tolerance; or the first counterexample */
  borel_verdict verdict;
} borel_validate_row;

typedef struct {
  borel_validate_row *rows; /* [count] */
  size_t count;
} borel_validate_report;

/* The exact checks, which are always done, and the statistical tests. */
typedef struct {
  int statistical;
  uint64_t seed; /* of the statistical tests; the exact checks have none */
  double alpha;  /* with which any statistical test of a valid component rejects; 0: BOREL_VALIDATE_ALPHA */
} borel_validate_tier;

#define BOREL_VALIDATE_ALPHA 1e-6 /* 1e-4 for a suite of a hundred components */
#define BOREL_VALIDATE_SEED 1

/* Tests every claim of a kernel, and the rules that all kernels follow. A CHOICE parameter that `params`
 * leaves open takes each of its values in turn. The checks run in child processes, so that a plugin that
 * crashes or never returns gives a row that fails. The result does not depend on time or on earlier calls.
 * Errors: those of borel_kernel_create for `params`; INTERNAL when memory or processes are short. The report
 * is empty then. [main thread] */
borel_status borel_validate_kernel(const borel_component *, borel_args params, borel_validate_report *,
                                   borel_error *);
/* The same, with the statistical tests when `tier` asks for them. */
borel_status borel_validate_kernel_tier(const borel_component *, borel_args params,
                                        const borel_validate_tier *tier, borel_validate_report *,
                                        borel_error *);
/* The same for a density: the rules of its kind, at points u ~ U(-2, 2). Required parameters that `params`
 * leaves open are 1, lists 1, 1.5, 2, as near as their ranges allow. */
borel_status borel_validate_density(const borel_component *, borel_args params, borel_validate_report *,
                                    borel_error *);
/* The same for one that serves one thread only, whose chains run in processes. */
borel_status borel_validate_single_density(const borel_component *, borel_args params,
                                           borel_validate_report *, borel_error *);
/* The same for a resampler: what it claims of offspring numbers, exactly, and the rules of its kind. */
borel_status borel_validate_resampler(const borel_component *, borel_args params, borel_validate_report *,
                                      borel_error *);
/* The same for one that serves one thread only. */
borel_status borel_validate_single_resampler(const borel_component *, borel_args params,
                                             borel_validate_report *, borel_error *);
/* The same for an involution: that it is one, and its Jacobian. */
borel_status borel_validate_involution(const borel_component *, borel_args params, borel_validate_report *,
                                       borel_error *);
void borel_validate_report_free(borel_validate_report *);

/* How many rows fail. */
size_t borel_validate_report_failures(const borel_validate_report *);

#endif
