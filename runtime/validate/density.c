/* SPDX-License-Identifier: MIT
 * The rules of kind density: what an evaluation returns and where, its gradient, and that an instance serves
 * many threads at once. */
#include "core/error.h"
#include "host/density_target.h"
#include "host/difference.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/examination.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 40, STARTS = 100, SLOPES = 64, THREADS = 4, ROUNDS = 10 };

typedef enum { LAYOUT, RETURNS, START, AGREE, SLOPE, STEADY, SHARED, RULES } rule;
static const char *const rule_names[] = {
    "has a true layout",     "returns what it may", "has a place to start",       "two functions, one number",
    "gradient is the slope", "deterministic",       "serves many threads at once"};

typedef struct {
  size_t looked[RULES];
  char broken[RULES][320];
  double worst; /* difference of a gradient from the slope, relative */
  size_t unclear;
  int graded; /* has a gradient, or needs none */
} tally;

/* What one evaluation gave. */
typedef struct {
  borel_status status;
  double value;
} outcome;

/* One configuration. */
typedef struct {
  const borel_examination *examination;
  const char *text;
  tally *tally;
  const borel_density *density;
  const borel_layout *layout;
  borel_block *scratch;
  double *u, *slopes; /* [POINTS, D] */
  int64_t *z;         /* [POINTS, K] */
  outcome plain[POINTS], graded[POINTS];
} subject;

static void breaks(subject *s, rule r, const char *what) {
  char *broken = s->tally->broken[r];
  if (!*broken) snprintf(broken, sizeof s->tally->broken[r], "%.220s; with %.90s", what, s->text);
}

/* ---- evaluations ----------------------------------------------------------------------------- */

static void spoil(borel_block *scratch, int byte) {
  for (size_t i = 0; i < scratch->count; i++) memset(scratch->fields[i].data, byte, scratch->fields[i].bytes);
}

/* gradient [D] or NULL. NaN with OK is what the host makes of it: DOMAIN. */
static outcome evaluate(const borel_density *density, borel_block *scratch, const double *u, const int64_t *z,
                        double *gradient, borel_error *error) {
  outcome out = {BOREL_OK, NAN};
  *error = (borel_error){0};
  if (gradient)
    out.status = density->ops->gradient(density->self, scratch->data, u, z, &out.value, gradient, error);
  else
    out.status = density->ops->logdensity(density->self, scratch->data, u, z, &out.value, error);
  if (out.status == BOREL_REJECT) out.value = -INFINITY;
  if (out.status == BOREL_OK && isnan(out.value)) out.status = BOREL_DOMAIN;
  return out;
}

static int is_finite(outcome o) { return o.status == BOREL_OK && isfinite(o.value); }

/* Evaluates and holds the answer to the interface. */
static outcome look(subject *s, const double *u, const int64_t *z, double *gradient) {
  char what[320];
  borel_error error;
  outcome o = evaluate(s->density, s->scratch, u, z, gradient, &error);
  const char *name = gradient ? "gradient" : "logdensity";
  s->tally->looked[RETURNS]++;
  if (o.status == BOREL_OK && o.value == INFINITY) {
    snprintf(what, sizeof what, "%s gives +inf at u[0] = %g", name, s->layout->D ? u[0] : 0);
    breaks(s, RETURNS, what);
  } else if (o.status > BOREL_DOMAIN) {
    snprintf(what, sizeof what, "%s fails with code %u at u[0] = %g: %.160s", name, (unsigned)o.status,
             s->layout->D ? u[0] : 0, error.message);
    breaks(s, RETURNS, what);
  } else if (o.status == BOREL_REJECT && error.code != BOREL_OK) {
    breaks(s, RETURNS, "it returns REJECT and an error: outside the support is no error");
  }
  return o;
}

/* ---- the points ------------------------------------------------------------------------------ */

static void draw_point(const borel_layout *layout, uint64_t index, double *u, int64_t *z) {
  borel_error error = {0};
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(1), "points"), 0, index, 0, &error);
  borel_rng *r = &rng.rng;
  for (size_t i = 0; i < layout->D; i++) u[i] = 4 * r->ops->uniform(r) - 2;
  for (size_t k = 0; k < layout->site_count; k++)
    for (size_t i = 0; layout->sites[k].block == BOREL_SITE_Z && i < layout->sites[k].size; i++)
      z[layout->sites[k].offset + i] =
          layout->sites[k].lowest + (int64_t)r->ops->uniform_int(r, (uint64_t)layout->sites[k].count);
}

static double *u_of(const subject *s, size_t p) { return s->u + p * s->layout->D; }
static int64_t *z_of(const subject *s, size_t p) { return s->z + p * s->layout->K; }
static double *slope_of(const subject *s, size_t p) { return s->slopes + p * s->layout->D; }

/* Starts as a chain does: POINTS of the first STARTS draws, those with a density where there are enough. */
static void first_look(subject *s) {
  size_t kept = 0, started = 0;
  double *u = malloc((s->layout->D + 1) * sizeof *u);
  int64_t *z = calloc(s->layout->K + 1, sizeof *z);
  for (uint64_t i = 0; u && z && i < STARTS; i++) {
    draw_point(s->layout, i, u, z);
    int fine = is_finite(look(s, u, z, NULL));
    started += (size_t)fine;
    if (kept == POINTS || (!fine && STARTS - i > POINTS - kept)) continue;
    if (s->layout->D) memcpy(u_of(s, kept), u, s->layout->D * sizeof *u);
    if (s->layout->K) memcpy(z_of(s, kept), z, s->layout->K * sizeof *z);
    kept++;
  }
  free(u);
  free(z);
  s->tally->looked[START] += STARTS;
  if (!started) breaks(s, START, "the log-density is finite at none of 100 points u ~ U(-2, 2)");
  spoil(s->scratch, 0xff);
  for (size_t p = 0; p < POINTS; p++) {
    s->plain[p] = look(s, u_of(s, p), z_of(s, p), NULL);
    if (s->density->ops->gradient) s->graded[p] = look(s, u_of(s, p), z_of(s, p), slope_of(s, p));
  }
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Rounding of one number computed by two pieces of code. */
static void agree(subject *s) {
  char what[200];
  for (size_t p = 0; p < POINTS && s->density->ops->gradient; p++) {
    outcome a = s->plain[p], b = s->graded[p];
    s->tally->looked[AGREE]++;
    if (is_finite(a) == is_finite(b) &&
        (!is_finite(a) || fabs(a.value - b.value) <= 1e-11 * (1 + fabs(a.value))))
      continue;
    snprintf(what, sizeof what, "logdensity gives %.12g, gradient %.12g, at the same point", a.value,
             b.value);
    breaks(s, AGREE, what);
  }
}

typedef struct {
  subject *subject;
  const int64_t *z;
  double *u;
  size_t i;
} line;

static double along(void *context, double x) {
  line *l = context;
  borel_error error;
  double before = l->u[l->i];
  l->u[l->i] = x;
  outcome o = evaluate(l->subject->density, l->subject->scratch, l->u, l->z, NULL, &error);
  l->u[l->i] = before;
  return is_finite(o) ? o.value : NAN;
}

/* One coordinate of the gradient at one point. Differences that do not settle (a kink, an edge) say nothing.
 */
static void slope(subject *s, size_t p, size_t i) {
  char what[240];
  line l = {s, z_of(s, p), u_of(s, p), i};
  double given = slope_of(s, p)[i], error, fresh = borel_difference(along, &l, l.u[i], &error);
  if (!(error <= 1e-5 * (1 + fabs(fresh)))) {
    s->tally->unclear++;
    return;
  }
  double off = fabs(given - fresh) / (1 + fabs(fresh));
  s->tally->looked[SLOPE]++;
  if (!(off <= s->tally->worst)) s->tally->worst = off;
  if (off <= 1e-6 + 10 * error / (1 + fabs(fresh))) return;
  snprintf(what, sizeof what,
           "at u[%zu] = %.6g the gradient is %.8g, differences of the log-density give %.8g", i, l.u[i],
           given, fresh);
  breaks(s, SLOPE, what);
}

static void slopes(subject *s) {
  size_t D = s->layout->D, stride = (D + SLOPES - 1) / SLOPES;
  s->tally->graded = s->density->ops->gradient || !D;
  for (size_t p = 0; p < POINTS && s->density->ops->gradient; p++)
    for (size_t i = stride ? p % stride : 0; i < D && is_finite(s->graded[p]); i += stride) slope(s, p, i);
}

static int same(outcome a, outcome b) {
  return a.status == b.status &&
         (isnan(a.value) ? isnan(b.value) : !memcmp(&a.value, &b.value, sizeof a.value));
}

/* All points again, with this instance and this scratch: the number of those that differ in a bit. */
static size_t differences(const subject *s, const borel_density *density, borel_block *scratch,
                          double *gradient) {
  size_t differ = 0, D = s->layout->D;
  borel_error error;
  for (size_t p = POINTS; p-- > 0;) {
    differ += !same(evaluate(density, scratch, u_of(s, p), z_of(s, p), NULL, &error), s->plain[p]);
    if (!density->ops->gradient) continue;
    outcome o = evaluate(density, scratch, u_of(s, p), z_of(s, p), gradient, &error);
    differ +=
        !same(o, s->graded[p]) || (is_finite(o) && memcmp(gradient, slope_of(s, p), D * sizeof *gradient));
  }
  return differ;
}

static void steady(subject *s, borel_args args) {
  borel_error error = {0};
  borel_density *twin = NULL;
  double *gradient = malloc((s->layout->D + 1) * sizeof *gradient);
  spoil(s->scratch, 0);
  if (gradient && differences(s, s->density, s->scratch, gradient))
    breaks(s, STEADY, "the same points in reverse order, with other bytes in scratch, give other numbers");
  if (gradient && borel_density_create(s->examination->component, args, &twin, &error) == BOREL_OK &&
      differences(s, twin, s->scratch, gradient))
    breaks(s, STEADY, "a second instance with the same parameters gives other numbers");
  s->tally->looked[STEADY] += POINTS;
  borel_density_destroy(twin);
  free(gradient);
}

typedef struct {
  const subject *subject;
  borel_block *scratch;
  double *gradient;
  size_t differ;
} worker;

static void *work(void *context) {
  worker *w = context;
  for (int i = 0; i < ROUNDS; i++)
    w->differ += differences(w->subject, w->subject->density, w->scratch, w->gradient);
  return NULL;
}

static void shared(subject *s) {
  worker workers[THREADS] = {{0}};
  pthread_t ids[THREADS];
  size_t started = 0, differ = 0;
  borel_error error = {0};
  borel_dims dims = {.D = s->layout->D, .K = s->layout->K, .N = 1, .values = s->density->values};
  for (size_t t = 0; t < THREADS; t++) {
    worker *w = &workers[t];
    *w = (worker){.subject = s, .gradient = malloc((s->layout->D + 1) * sizeof(double))};
    if (!w->gradient || borel_block_create(s->density->ops->scratch, &dims, &w->scratch, &error)) continue;
    if (pthread_create(&ids[started], NULL, work, w) == 0) started++;
  }
  for (size_t t = 0; t < started; t++) pthread_join(ids[t], NULL);
  for (size_t t = 0; t < THREADS; t++) {
    differ += workers[t].differ;
    borel_block_destroy(workers[t].scratch);
    free(workers[t].gradient);
  }
  if (started > 1) s->tally->looked[SHARED] += started * ROUNDS * POINTS;
  if (differ) breaks(s, SHARED, "several threads, each with its own scratch, get other numbers than one");
}

/* Far out, and where an input is no number: no crash, no +inf, and no number made of a NaN. */
static void edges(subject *s) {
  static const double far[] = {0, 1e2, -1e2, 1e10, -1e10, 1e154, -1e154, 1e300, -1e300, INFINITY, -INFINITY};
  size_t D = s->layout->D;
  double *u = malloc((D + 1) * sizeof *u), *gradient = malloc((D + 1) * sizeof *gradient);
  for (size_t k = 0; u && gradient && k < sizeof far / sizeof *far; k++)
    for (size_t i = 0; i <= D && i <= SLOPES; i++) { /* i = D: all of them */
      if (D) memcpy(u, u_of(s, 0), D * sizeof *u);
      for (size_t j = 0; j < D; j++)
        if (j == i || i == D) u[j] = far[k];
      look(s, u, z_of(s, 0), NULL);
      if (s->density->ops->gradient) look(s, u, z_of(s, 0), gradient);
    }
  for (size_t i = 0; u && i < D && i < SLOPES && is_finite(s->plain[0]); i++) {
    memcpy(u, u_of(s, 0), D * sizeof *u);
    u[i] += 0.125;
    if (same(look(s, u, z_of(s, 0), NULL), s->plain[0])) continue; /* it takes no notice of u[i] */
    u[i] = NAN;
    if (is_finite(look(s, u, z_of(s, 0), NULL)))
      breaks(s, RETURNS, "a coordinate is NaN, but the log-density is a number");
  }
  free(u);
  free(gradient);
}

/* ---- one configuration after the other --------------------------------------------------------- */

static int open_subject(subject *s, borel_density *density) {
  borel_error error = {0};
  borel_target *target = NULL;
  s->tally->looked[LAYOUT]++;
  borel_status status = borel_density_target_create(density, &target, &error); /* checks the layout */
  borel_density_target_destroy(target);
  if (status != BOREL_OK) {
    breaks(s, LAYOUT, error.message);
    return 0;
  }
  s->density = density;
  s->layout = density->ops->layout(density->self);
  if (s->layout != density->ops->layout(density->self))
    breaks(s, LAYOUT, "a second call gives another layout");
  for (size_t i = 0; i < s->layout->site_count; i++)
    for (size_t j = 0; j < i; j++)
      if (!strcmp(s->layout->sites[i].name, s->layout->sites[j].name))
        breaks(s, LAYOUT, "two sites have one name");
  borel_dims dims = {.D = s->layout->D, .K = s->layout->K, .N = 1, .values = density->values};
  s->u = calloc(POINTS * s->layout->D + 1, sizeof *s->u);
  s->slopes = calloc(POINTS * s->layout->D + 1, sizeof *s->slopes);
  s->z = calloc(POINTS * s->layout->K + 1, sizeof *s->z);
  return s->u && s->slopes && s->z &&
         borel_block_create(density->ops->scratch, &dims, &s->scratch, &error) == BOREL_OK;
}

static void examine_configuration(const borel_examination *e, const borel_configuration *configuration,
                                  tally *t) {
  borel_error error = {0};
  borel_density *density = NULL;
  subject s = {.examination = e, .text = configuration->text, .tally = t};
  borel_args args = borel_configuration_args(configuration);
  borel_examination_doing(e, "its creation with %s", s.text);
  if (borel_density_create(e->component, args, &density, &error) != BOREL_OK) {
    breaks(&s, LAYOUT, error.message);
  } else if (open_subject(&s, density)) {
    borel_examination_doing(e, "evaluations with %s", s.text);
    first_look(&s);
    agree(&s);
    slopes(&s);
    steady(&s, args);
    borel_examination_doing(e, "evaluations by %d threads with %s", THREADS, s.text);
    if (!e->single) shared(&s);
    borel_examination_doing(e, "evaluations far out with %s", s.text);
    edges(&s);
  }
  borel_block_destroy(s.scratch);
  free(s.u);
  free(s.slopes);
  free(s.z);
  borel_density_destroy(density);
}

void borel_examine_density(const borel_examination *e) {
  tally t = {.graded = 1};
  for (size_t i = 0; i < e->count; i++) examine_configuration(e, &e->configurations[i], &t);
  for (int r = 0; r < RULES; r++) {
    if (*t.broken[r])
      borel_examination_row(e, BOREL_FAILS, rule_names[r], "points", "%s", t.broken[r]);
    else if (r == SLOPE && t.looked[r])
      borel_examination_row(
          e, BOREL_HOLDS, rule_names[r], "points",
          "differs by at most %.1e of 1 + |slope|, at %zu places, tolerance 1e-06; %zu unclear", t.worst,
          t.looked[r], t.unclear);
    else if (t.looked[r])
      borel_examination_row(e, BOREL_HOLDS, rule_names[r], "points", "looked %zu times", t.looked[r]);
    else
      borel_examination_row(e, BOREL_NOT_TESTED, rule_names[r], "points", "%s",
                            r == SLOPE && !t.graded    ? "it has no gradient, so that NUTS cannot use it"
                            : r == SHARED && e->single ? "its chains run in processes of their own"
                                                       : "nothing came to it");
  }
}
