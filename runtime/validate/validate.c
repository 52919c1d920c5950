/* SPDX-License-Identifier: MIT */
#include "validate/validate.h"

#include "core/error.h"
#include "host/instance.h"
#include "validate/examination.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *borel_verdict_name(borel_verdict verdict) {
  static const char *const names[] = {"not tested", "holds", "fails", "reported"};
  return names[verdict];
}

static const borel_validate_tier exact_tier = {0};

static void untested(const borel_examination *e, const char *claim, const char *why) {
  if (!borel_examination_has(e, claim)) borel_examination_row(e, BOREL_NOT_TESTED, claim, "-", "%s", why);
}

/* Configurations about which nothing is known, or too little. */
static void list_gaps(const borel_examination *e) {
  uint32_t flags = e->component->claims.flags;
  for (size_t i = 0; i < e->count; i++) {
    borel_judged judged = e->findings->judged[i];
    const char *text = e->configurations[i].text, *why = e->findings->refusals[i];
    if (judged == BOREL_NOT_JUDGED && !e->findings->sampled[i] && *why)
      borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_PRESERVES, "-", "with %s: %s", text, why);
    if (judged == BOREL_JUDGED_PAIRS && flags & BOREL_ERGODIC)
      borel_examination_row(e, BOREL_NOT_TESTED, BOREL_CLAIM_ERGODIC, "-", "with %s: pairs cannot tell",
                            text);
  }
}

static int is_approximate(const borel_claims *claims) {
  return claims->preserves == BOREL_PRESERVES_ASYMPTOTIC || claims->preserves == BOREL_PRESERVES_ORDER;
}

/* No claim goes without a row. */
static void complete(const borel_examination *e) {
  const borel_claims *claims = &e->component->claims;
  int exact = claims->preserves == BOREL_PRESERVES_MEASURE || claims->preserves == BOREL_PRESERVES_SCALE;
  list_gaps(e);
  if (exact || !is_approximate(claims) || !e->tier->statistical)
    untested(e, BOREL_CLAIM_PRESERVES,
             exact
                 ? "no exact check applies"
                 : "claimed in a limit or to an order: there is no exact check, the statistical tests tell");
  if (claims->flags & BOREL_REVERSIBLE) untested(e, BOREL_CLAIM_REVERSIBLE, "no exact check applies");
  if (claims->flags & BOREL_ERGODIC) untested(e, BOREL_CLAIM_ERGODIC, "only the matrix check can tell");
  if (claims->flags & BOREL_FIXED_LAYOUT) untested(e, BOREL_CLAIM_LAYOUT, "it took no step on any trial");
  if (claims->flags & BOREL_LEAVES_Z) untested(e, BOREL_CLAIM_LEAVES_Z, "it took no step on any trial");
  if (claims->flags & BOREL_LEAVES_U) untested(e, BOREL_CLAIM_LEAVES_U, "it took no step on any trial");
}

static borel_status examine_kernel(const borel_examination *e, borel_error *error) {
  const borel_claims *claims = &e->component->claims;
  int exact = claims->preserves == BOREL_PRESERVES_MEASURE || claims->preserves == BOREL_PRESERVES_SCALE;
  borel_status status = borel_examine_apart(e, borel_examine_rules, BOREL_EXACT_SECONDS, error);
  if (status == BOREL_OK && exact && claims->checks & BOREL_CHECK_MATRIX)
    status = borel_examine_apart(e, borel_examine_matrix, BOREL_EXACT_SECONDS, error);
  if (status == BOREL_OK && exact && claims->checks & ~BOREL_CHECK_MATRIX)
    status = borel_examine_apart(e, borel_examine_orbits, BOREL_EXACT_SECONDS, error);
  if (status == BOREL_OK && exact)
    status = borel_examine_apart(e, borel_examine_pairs, BOREL_EXACT_SECONDS, error);
  if (status == BOREL_OK && exact && e->tier->statistical)
    status = borel_examine_apart(e, borel_examine_samples, BOREL_STATISTICAL_SECONDS, error);
  if (status == BOREL_OK && exact && e->tier->statistical)
    status = borel_examine_apart(e, borel_examine_calibration, BOREL_STATISTICAL_SECONDS, error);
  if (status == BOREL_OK && is_approximate(claims) && e->tier->statistical)
    status = borel_examine_apart(e, borel_examine_order, BOREL_STATISTICAL_SECONDS, error);
  complete(e);
  return status;
}

static borel_status examine_density(const borel_examination *e, borel_error *error) {
  return borel_examine_apart(e, borel_examine_density, BOREL_EXACT_SECONDS, error);
}

static borel_status examine_single_density(const borel_examination *e, borel_error *error) {
  borel_examination one = *e;
  one.single = 1;
  return borel_examine_apart(&one, borel_examine_density, BOREL_EXACT_SECONDS, error);
}

static borel_status examine_resampler(const borel_examination *e, borel_error *error) {
  return borel_examine_apart(e, borel_examine_offspring, BOREL_EXACT_SECONDS, error);
}

static borel_status examine_single_resampler(const borel_examination *e, borel_error *error) {
  borel_examination one = *e;
  one.single = 1;
  return borel_examine_apart(&one, borel_examine_offspring, BOREL_EXACT_SECONDS, error);
}

static borel_status validate(const borel_component *component, borel_args params,
                             const borel_validate_tier *tier,
                             borel_status (*examine)(const borel_examination *, borel_error *),
                             borel_validate_report *report, borel_error *error) {
  borel_status status = BOREL_OK;
  borel_configuration *configurations = calloc(BOREL_MAX_CONFIGURATIONS, sizeof *configurations);
  borel_findings *findings =
      mmap(NULL, sizeof *findings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!configurations || findings == MAP_FAILED) {
    status = borel_fail(error, BOREL_INTERNAL, "validate: no memory");
    goto end;
  }
  borel_examination e = {
      component, configurations, borel_configurations(component, params, configurations), findings, 0, tier};
  status = examine(&e, error);
  if (status != BOREL_OK) goto end;
  report->rows = malloc(findings->count * sizeof *report->rows);
  if (!report->rows) {
    status = borel_fail(error, BOREL_INTERNAL, "validate: no memory");
    goto end;
  }
  report->count = findings->count;
  memcpy(report->rows, findings->rows, findings->count * sizeof *report->rows);

end:
  free(configurations);
  if (findings != MAP_FAILED) munmap(findings, sizeof *findings);
  return status;
}

/* Instances are made here too before anything is examined: else the caller has an error, not a report. */
borel_status borel_validate_kernel_tier(const borel_component *component, borel_args params,
                                        const borel_validate_tier *tier, borel_validate_report *report,
                                        borel_error *error) {
  borel_kernel *kernel;
  *report = (borel_validate_report){0};
  borel_status status = borel_kernel_create(component, params, &kernel, error);
  borel_kernel_destroy(kernel);
  return status == BOREL_OK ? validate(component, params, tier, examine_kernel, report, error) : status;
}

borel_status borel_validate_kernel(const borel_component *component, borel_args params,
                                   borel_validate_report *report, borel_error *error) {
  return borel_validate_kernel_tier(component, params, &exact_tier, report, error);
}

static borel_status validate_resampler(const borel_component *component, borel_args params,
                                       borel_status (*examine)(const borel_examination *, borel_error *),
                                       borel_validate_report *report, borel_error *error) {
  borel_resampler *resampler;
  *report = (borel_validate_report){0};
  borel_status status = borel_resampler_create(component, params, &resampler, error);
  borel_resampler_destroy(resampler);
  return status == BOREL_OK ? validate(component, params, &exact_tier, examine, report, error) : status;
}

borel_status borel_validate_resampler(const borel_component *component, borel_args params,
                                      borel_validate_report *report, borel_error *error) {
  return validate_resampler(component, params, examine_resampler, report, error);
}

borel_status borel_validate_single_resampler(const borel_component *component, borel_args params,
                                             borel_validate_report *report, borel_error *error) {
  return validate_resampler(component, params, examine_single_resampler, report, error);
}

static borel_status examine_involution(const borel_examination *e, borel_error *error) {
  return borel_examine_apart(e, borel_examine_involution, BOREL_EXACT_SECONDS, error);
}

borel_status borel_validate_involution(const borel_component *component, borel_args params,
                                       borel_validate_report *report, borel_error *error) {
  borel_involution *involution;
  *report = (borel_validate_report){0};
  borel_status status = borel_involution_create(component, params, &involution, error);
  borel_involution_destroy(involution);
  return status == BOREL_OK ? validate(component, params, &exact_tier, examine_involution, report, error)
                            : status;
}

static double within(const borel_param *p, double x) { return fmin(fmax(x, p->min), p->max); }

static borel_status validate_density(const borel_component *component, borel_args params,
                                     borel_status (*examine)(const borel_examination *, borel_error *),
                                     borel_validate_report *report, borel_error *error) {
  borel_arg all[BOREL_CONFIGURATION_ARGS];
  double lists[BOREL_CONFIGURATION_ARGS][3];
  size_t n = 0;
  *report = (borel_validate_report){0};
  for (; n < params.count && n < BOREL_CONFIGURATION_ARGS; n++) all[n] = params.items[n];
  for (const borel_param *p = component->params; p && p->name && n < BOREL_CONFIGURATION_ARGS; p++) {
    int open = p->required != 0;
    for (size_t i = 0; i < params.count; i++) open = open && strcmp(params.items[i].name, p->name) != 0;
    if (!open) continue;
    for (int i = 0; i < 3; i++) lists[n][i] = within(p, 1 + 0.5 * i);
    all[n] = p->type == BOREL_REALS
                 ? (borel_arg){.name = p->name, .kind = BOREL_ARG_REALS, .reals = lists[n], .count = 3}
                 : (borel_arg){.name = p->name, .kind = BOREL_ARG_NUMBER, .number = ceil(within(p, 1))};
    n++;
  }
  borel_density *density;
  borel_status status = borel_density_create(component, (borel_args){all, n}, &density, error);
  borel_density_destroy(density);
  return status == BOREL_OK ? validate(component, (borel_args){all, n}, &exact_tier, examine, report, error)
                            : status;
}

borel_status borel_validate_density(const borel_component *component, borel_args params,
                                    borel_validate_report *report, borel_error *error) {
  return validate_density(component, params, examine_density, report, error);
}

borel_status borel_validate_single_density(const borel_component *component, borel_args params,
                                           borel_validate_report *report, borel_error *error) {
  return validate_density(component, params, examine_single_density, report, error);
}

void borel_validate_report_free(borel_validate_report *report) {
  free(report->rows);
  *report = (borel_validate_report){0};
}

size_t borel_validate_report_failures(const borel_validate_report *report) {
  size_t failures = 0;
  for (size_t i = 0; i < report->count; i++) failures += report->rows[i].verdict == BOREL_FAILS;
  return failures;
}
