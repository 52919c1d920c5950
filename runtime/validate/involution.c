/* SPDX-License-Identifier: MIT
 * The rules of kind involution, at points that it draws or at normal numbers and coins: that the map is its
 * own inverse, that its log-Jacobian is that of differences, and that with it Green's move is in detailed
 * balance. */
#include "host/involution.h"

#include "core/error.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/examination.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 200, SLOPES = 20, MOST_CONTINUOUS = 64 };

/* What rounding may do to a map that is no worse conditioned than 1e6, as when a move checks its map; and how
 * far beyond their own estimate of it the error of differences may be. */
static const double TOLERANCE = 1e-9, DOUBTS = 10;

typedef enum { RETURNS, STEADY, INVERSE, JACOBIAN, BALANCE, RULES } rule;
static const char *const rule_names[] = {"returns what it may", "deterministic", "is its own inverse",
                                         "log-Jacobian", "preserves the measure"};
static const char *const rule_methods[] = {"points", "points", "points", "differences", "pairs"};

typedef struct {
  size_t looked[RULES], outside;
  double worst[RULES];
  char broken[RULES][400];
} tally;

/* One side of one configuration. */
typedef struct {
  const borel_examination *examination;
  const char *text;
  tally *tally;
  const borel_involution *involution;
  size_t side, back; /* it leads from `side` to `back` */
  double *in, *out, *again;
} subject;

static void breaks(subject *s, rule r, const char *what) {
  char *broken = s->tally->broken[r];
  if (*broken) return;
  snprintf(broken, sizeof s->tally->broken[r], "side %zu: %.200s; with %.90s", s->side, what, s->text);
}

static void fails(subject *s, rule r, const char *name, borel_status status, const borel_error *error) {
  char what[320];
  snprintf(what, sizeof what, "%s gives code %u: %.160s", name, (unsigned)status, error->message);
  breaks(s, r, what);
}

/* ---- points ---------------------------------------------------------------------------------- */

static void draw_block(const borel_block *block, borel_rng *rng, double **numbers) {
  for (size_t i = 0; i < block->count; i++) {
    const borel_block_field *field = &block->fields[i];
    size_t count = 1;
    for (int d = 0; d < field->rank; d++) count *= field->extent[d];
    for (size_t k = 0; k < count; k++)
      *(*numbers)++ = field->dtype == BOREL_F64 ? rng->ops->normal(rng) : rng->ops->bernoulli(rng, 0.5);
  }
}

/* Numbers of the side in s->in. */
static borel_status draw(subject *s, uint64_t index, borel_error *error) {
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(1), "involution"), 0, index, 0, error);
  const borel_involution *involution = s->involution;
  const borel_involution_side *side = &involution->sides[s->side];
  if (involution->ops->draw)
    return involution->ops->draw(involution->self, (uint32_t)s->side, &rng.rng, s->in, error);
  double *numbers = s->in;
  draw_block(side->trace, &rng.rng, &numbers);
  draw_block(side->auxiliary, &rng.rng, &numbers);
  return BOREL_OK;
}

/* ---- rules at a point ------------------------------------------------------------------------ */

/* How far apart two lists are, relative to the largest number that the map met there: what rounding grows
 * with. */
static double distance(const double *a, const double *b, size_t n, const double *met, size_t m) {
  double worst = 0, scale = 1;
  for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(a[i]));
  for (size_t i = 0; i < m; i++) scale = fmax(scale, fabs(met[i]));
  for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs(a[i] - b[i]) / scale);
  return worst;
}

static void holds_to(subject *s, rule r, double off, double tolerance, const char *what) {
  char text[320];
  s->tally->looked[r]++;
  s->tally->worst[r] = fmax(s->tally->worst[r], off);
  if (off <= tolerance) return;
  snprintf(text, sizeof text, "%s: off by %.1e, in[0] = %g", what, off, s->in[0]);
  breaks(s, r, text);
}

static void check_steady(subject *s) {
  borel_error error = {0};
  size_t size = borel_involution_other(s->involution, s->side)->size;
  borel_status status = borel_involution_map(s->involution, s->side, s->in, s->again, &error);
  s->tally->looked[STEADY]++;
  if (status != BOREL_OK || (size && memcmp(s->out, s->again, size * sizeof *s->out) != 0))
    breaks(s, STEADY, "the same numbers give another answer");
}

static void check_inverse(subject *s) {
  borel_error error = {0};
  size_t here = s->involution->sides[s->side].size, there = s->involution->sides[s->back].size;
  borel_status status = borel_involution_map(s->involution, s->back, s->out, s->again, &error);
  if (status == BOREL_REJECT) {
    breaks(s, INVERSE, "the map does not apply to what it has made");
    return;
  }
  if (status != BOREL_OK) {
    fails(s, INVERSE, "map of what it has made", status, &error);
    return;
  }
  holds_to(s, INVERSE, distance(s->in, s->again, here, s->out, there), TOLERANCE, "applied twice");
}

/* log |det| there and back cancel: with that, what flows from x to y by Green's rule flows back. */
static void check_balance(subject *s, double forth, double doubt) {
  borel_error error = {0};
  double back, more, scale = fmax(1, fabs(forth));
  borel_status status = borel_involution_log_jacobian(s->involution, s->back, s->out, &back, &more, &error);
  if (status != BOREL_OK) {
    fails(s, BALANCE, "log_jacobian on the way back", status, &error);
    return;
  }
  holds_to(s, BALANCE, fabs(forth + back) / scale, TOLERANCE + DOUBTS * (doubt + more) / scale,
           "there and back the log-Jacobians do not cancel");
}

static void check_difference(subject *s, double stated) {
  borel_error error = {0};
  double found, doubt;
  if (borel_involution_differences(s->involution, s->side, s->in, &found, &doubt, &error)) {
    fails(s, JACOBIAN, "the derivative", error.code, &error);
    return;
  }
  double scale = fmax(1, fabs(found));
  holds_to(s, JACOBIAN, fabs(stated - found) / scale, TOLERANCE + DOUBTS * doubt / scale,
           "stated and by differences");
}

static void check_jacobian(subject *s, int with_differences) {
  borel_error error = {0};
  double forth, doubt;
  borel_status status = borel_involution_log_jacobian(s->involution, s->side, s->in, &forth, &doubt, &error);
  if (status != BOREL_OK) {
    fails(s, BALANCE, "log_jacobian", status, &error);
    return;
  }
  check_balance(s, forth, doubt);
  int is_small = s->involution->sides[s->side].continuous <= MOST_CONTINUOUS;
  if (s->involution->ops->log_jacobian && with_differences && is_small) check_difference(s, forth);
}

static void look(subject *s, uint64_t index) {
  borel_error error = {0};
  borel_status status = draw(s, index, &error);
  if (status != BOREL_OK) {
    fails(s, RETURNS, "draw", status, &error);
    return;
  }
  status = borel_involution_map(s->involution, s->side, s->in, s->out, &error);
  s->tally->looked[RETURNS]++;
  if (status == BOREL_REJECT) {
    s->tally->outside++;
    if (error.code != BOREL_OK) breaks(s, RETURNS, "it returns REJECT and an error: to stay is no error");
    return;
  }
  if (status != BOREL_OK) {
    fails(s, RETURNS, "map", status, &error);
    return;
  }
  check_steady(s);
  check_inverse(s);
  check_jacobian(s, index < SLOPES);
}

/* ---- one configuration after the other ------------------------------------------------------- */

static void examine_side(subject *s) {
  size_t here = s->involution->sides[s->side].size, there = s->involution->sides[s->back].size;
  size_t most = here > there ? here : there;
  s->in = calloc(most + 1, sizeof *s->in);
  s->out = calloc(most + 1, sizeof *s->out);
  s->again = calloc(most + 1, sizeof *s->again);
  borel_examination_doing(s->examination, "maps of side %zu with %s", s->side, s->text);
  if (!s->in || !s->out || !s->again) breaks(s, RETURNS, "there is no memory for its numbers");
  for (uint64_t p = 0; s->in && s->out && s->again && p < POINTS; p++) look(s, p);
  free(s->in);
  free(s->out);
  free(s->again);
}

static void examine_configuration(const borel_examination *e, const borel_configuration *configuration,
                                  tally *t) {
  borel_error error = {0};
  borel_involution *involution = NULL;
  subject s = {.examination = e, .text = configuration->text, .tally = t};
  borel_examination_doing(e, "its creation with %s", s.text);
  if (borel_involution_create(e->component, borel_configuration_args(configuration), &involution, &error)) {
    breaks(&s, RETURNS, error.message);
    return;
  }
  s.involution = involution;
  for (s.side = 0; s.side < involution->side_count; s.side++) {
    s.back = involution->side_count == 2 ? 1 - s.side : 0;
    examine_side(&s);
  }
  borel_involution_destroy(involution);
}

static void report(const borel_examination *e, const tally *t, rule r) {
  const char *name = rule_names[r], *method = rule_methods[r];
  if (*t->broken[r])
    borel_examination_row(e, BOREL_FAILS, name, method, "%s", t->broken[r]);
  else if (r == JACOBIAN && !t->looked[r] && t->looked[BALANCE])
    borel_examination_row(e, BOREL_NOT_TESTED, name, "-", "it states none: differences are taken");
  else if (!t->looked[r])
    borel_examination_row(e, BOREL_NOT_TESTED, name, "-",
                          "the map applied at none of %zu points; give it the op draw", t->outside);
  else if (r <= STEADY)
    borel_examination_row(e, BOREL_HOLDS, name, method, "looked %zu times, it did not apply %zu times",
                          t->looked[r], t->outside);
  else
    borel_examination_row(e, BOREL_HOLDS, name, method, "off by at most %.1e, looked %zu times", t->worst[r],
                          t->looked[r]);
}

void borel_examine_involution(const borel_examination *e) {
  tally t = {0};
  for (size_t i = 0; i < e->count; i++) examine_configuration(e, &e->configurations[i], &t);
  for (rule r = 0; r < RULES; r++) report(e, &t, r);
}
