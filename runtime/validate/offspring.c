/* SPDX-License-Identifier: MIT
 * Resamplers: the exact law of their offspring numbers on small sets of weights, by enumeration of their
 * choices, and the rules of the kind on larger ones. */
#include "core/error.h"
#include "host/resampling.h"
#include "random/source_enumerate.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/examination.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WEIGHTS = 4, MOST_OFFSPRING = 10, LARGE = 1500, DRAWS = 20, THREADS = 4 };
#define TOLERANCE 1e-12 /* of the number of offspring, for sums over some thousand paths */

/* Awkward where resamplers go wrong: weights of zero, at the ends too; equal ones; one that dominates; tiny
 * ones; ends of particles on multiples of 1 / count, exactly or but for rounding; more and fewer offspring
 * than particles. */
typedef struct {
  size_t n, count;
  double weights[MOST_WEIGHTS];
} population;

static const population small[] = {
    {1, 1, {1}},
    {1, 4, {1}},
    {2, 1, {0.25, 0.75}},
    {2, 2, {0.5, 0.5}},
    {2, 3, {0.5, 0.5}},
    {2, 3, {1e-9, 1 - 1e-9}},
    {2, 3, {1 - 1e-9, 1e-9}},
    {2, 2, {0, 1}},
    {2, 2, {1, 0}},
    {3, 3, {1.0 / 3, 1.0 / 3, 1.0 / 3}},
    {3, 2, {0.3, 0.7, 0}},
    {3, 3, {0, 0.3, 0.7}},
    {3, 4, {0.25, 0.5, 0.25}},
    {3, 5, {0.2, 0.2, 0.6}},
    {3, 10, {0.1, 0.3, 0.6}},
    {3, 4, {0.9, 0.05, 0.05}},
    {3, 3, {0.05, 0.05, 0.9}},
    {4, 4, {0.25, 0.25, 0.25, 0.25}},
    {4, 3, {0.25, 0.25, 0.25, 0.25}},
    {4, 1, {0.1, 0.2, 0.3, 0.4}},
    {4, 2, {0.4, 0.3, 0.2, 0.1}},
    {4, 4, {0.1, 0.2, 0.3, 0.4}},
    {4, 5, {0.15, 0.35, 0.05, 0.45}},
    {4, 4, {0, 0.3, 0, 0.7}},
    {4, 4, {0.3, 0.6, 0.1, 0}}, /* a sum below 1 by rounding, before a weight of zero */
    {4, 4, {1e-9, 0.5, 1e-9, 0.5 - 2e-9}},
};
static const size_t small_count = sizeof small / sizeof *small;

typedef enum { MEAN, ROUND, VARIANCE, RETURNS, STEADY, SCRATCH, SHARED, ROWS } row;
static const char *const row_names[] = {
    "unbiased offspring", "floor or ceiling",        "at most multinomial",        "returns ancestors",
    "deterministic",      "scratch carries nothing", "serves many threads at once"};
static const char *const row_methods[] = {"offspring", "offspring", "offspring", "draws",
                                          "draws",     "draws",     "draws"};

typedef struct {
  size_t looked[ROWS];
  char broken[ROWS][320];
  double worst[ROWS]; /* MEAN, ROUND, VARIANCE: the largest deviation */
  char refused[240];  /* why its choices cannot be enumerated */
} tally;

/* One configuration. */
typedef struct {
  const borel_examination *examination;
  const char *text;
  tally *tally;
  const borel_resampler *resampler;
  borel_block *scratch;
} subject;

static void breaks(subject *s, row r, const char *what) {
  char *broken = s->tally->broken[r];
  if (!*broken) snprintf(broken, sizeof s->tally->broken[r], "%.220s; with %.90s", what, s->text);
}

/* ---- one call -------------------------------------------------------------------------------- */

static void spoil(borel_block *scratch, int byte) {
  for (size_t i = 0; i < scratch->count; i++) memset(scratch->fields[i].data, byte, scratch->fields[i].bytes);
}

/* Draws ancestors [count + 1], of which the last must stay as it was, and holds them to the interface. False
 * when there are none. */
static int call(subject *s, borel_block *scratch, borel_rng *rng, size_t n, const double *weights,
                size_t count, int64_t *ancestors) {
  char what[320] = "";
  borel_error error = {0};
  for (size_t k = 0; k <= count; k++) ancestors[k] = -7;
  borel_status status = s->resampler->ops->resample(s->resampler->self, scratch->data, rng, n, weights, count,
                                                    ancestors, &error);
  if (rng->status != BOREL_OK) return 0; /* the source's own trouble */
  s->tally->looked[RETURNS]++;
  if (status != BOREL_OK)
    snprintf(what, sizeof what, "it fails with code %u: %.200s", (unsigned)status, error.message);
  else if (ancestors[count] != -7)
    snprintf(what, sizeof what, "it writes beyond the %zu ancestors", count);
  for (size_t k = 0; !*what && k < count; k++)
    if (ancestors[k] == -7)
      snprintf(what, sizeof what, "ancestor %zu of %zu is not set", k, count);
    else if (ancestors[k] < 0 || (uint64_t)ancestors[k] >= n)
      snprintf(what, sizeof what, "ancestor %zu of %zu is %lld, with %zu weights", k, count,
               (long long)ancestors[k], n);
    else if (!(weights[ancestors[k]] > 0))
      snprintf(what, sizeof what, "ancestor %zu of %zu is %lld, whose weight is 0", k, count,
               (long long)ancestors[k]);
  if (*what) breaks(s, RETURNS, what);
  return !*what;
}

static void count_offspring(const int64_t *ancestors, size_t count, double *numbers, size_t n) {
  memset(numbers, 0, n * sizeof *numbers);
  for (size_t k = 0; k < count; k++) numbers[ancestors[k]]++;
}

/* Is the number another one than floor or ceiling of what is expected, up to rounding? */
static int is_off(double number, double expected) {
  double guard = TOLERANCE * fmax(1, expected);
  return number < floor(expected + guard) || number > ceil(expected - guard);
}

/* ---- exact laws ------------------------------------------------------------------------------ */

/* Kahan's sum: there may be a million paths. */
typedef struct {
  double value, carry;
} total;

static void add(total *s, double x) {
  double term = x - s->carry, next = s->value + term;
  s->carry = (next - s->value) - term;
  s->value = next;
}

typedef struct {
  total mass, first[MOST_WEIGHTS], second[MOST_WEIGHTS], off[MOST_WEIGHTS];
} moments;

/* Sums over all paths. False when there is no such law. */
static int enumerate(subject *s, const population *p, moments *m) {
  borel_error error = {0};
  borel_enumeration e;
  int64_t ancestors[MOST_OFFSPRING + 1];
  double numbers[MOST_WEIGHTS];
  *m = (moments){0};
  borel_enumerate_begin(&e, 0, &error);
  int fine = 1;
  while (fine && borel_enumerate_next(&e)) {
    fine = call(s, s->scratch, borel_enumerate_rng(&e), p->n, p->weights, p->count, ancestors);
    if (!fine) break;
    double q = borel_enumerate_probability(&e);
    count_offspring(ancestors, p->count, numbers, p->n);
    add(&m->mass, q);
    for (size_t i = 0; i < p->n; i++) {
      add(&m->first[i], q * numbers[i]);
      add(&m->second[i], q * numbers[i] * numbers[i]);
      if (is_off(numbers[i], (double)p->count * p->weights[i])) add(&m->off[i], q);
    }
  }
  if (e.rng.status == BOREL_ARG)
    snprintf(s->tally->refused, sizeof s->tally->refused, "%.239s", error.message);
  else if (e.rng.status != BOREL_OK)
    breaks(s, MEAN, error.message);
  fine = fine && e.rng.status == BOREL_OK;
  borel_enumerate_end(&e);
  return fine;
}

static void judge(subject *s, const population *p, size_t i, row r, double deviation, const char *format,
                  double found, double wanted) {
  char what[320];
  s->tally->looked[r]++;
  if (!(deviation <= s->tally->worst[r])) s->tally->worst[r] = deviation;
  if (deviation <= TOLERANCE * (double)p->count) return;
  int used = snprintf(what, sizeof what, format, found, wanted);
  used += snprintf(what + used, sizeof what - (size_t)used, " for weight %zu of", i + 1);
  for (size_t j = 0; j < p->n; j++)
    used += snprintf(what + used, sizeof what - (size_t)used, "%s %g", j ? "," : "", p->weights[j]);
  snprintf(what + used, sizeof what - (size_t)used, " and %zu offspring", p->count);
  breaks(s, r, what);
}

static void exact_laws(subject *s) {
  for (size_t k = 0; k < small_count; k++) {
    const population *p = &small[k];
    moments m;
    borel_examination_doing(s->examination, "enumeration with %s", s->text);
    if (!enumerate(s, p, &m)) continue;
    for (size_t i = 0; i < p->n; i++) {
      double mean = (double)p->count * p->weights[i], most = mean * (1 - p->weights[i]);
      double first = m.first[i].value, variance = m.second[i].value - first * first;
      judge(s, p, i, MEAN, fmax(fabs(first - mean), fabs(m.mass.value - 1)), "%.12g on average, not %.12g",
            first, mean);
      judge(s, p, i, ROUND, m.off[i].value, "with probability %.3g neither floor nor ceiling of %.12g",
            m.off[i].value, mean);
      judge(s, p, i, VARIANCE, fmax(0, variance - most), "a variance of %.12g, where %.12g is the most",
            variance, most);
    }
  }
}

/* ---- the rules, on drawn ancestors ------------------------------------------------------------- */

typedef struct {
  size_t n, count;
  double weights[LARGE];
} large_population;

/* Sizes and weights of many scales, a third of them zero. */
static void draw_population(uint64_t index, large_population *p) {
  borel_error error = {0};
  borel_philox_rng source;
  borel_philox_open(&source, borel_stream_child(borel_stream_root(1), "weights"), 0, index, 0, &error);
  borel_rng *rng = &source.rng;
  double sum = 0;
  p->n = 1 + rng->ops->uniform_int(rng, LARGE);
  p->count = 1 + rng->ops->uniform_int(rng, LARGE);
  for (size_t i = 0; i < p->n; i++) {
    p->weights[i] = i && rng->ops->uniform_int(rng, 3) == 0 ? 0 : exp(3 * rng->ops->normal(rng));
    sum += p->weights[i];
  }
  for (size_t i = 0; i < p->n; i++) p->weights[i] /= sum;
}

static int draw(subject *s, borel_block *scratch, uint64_t index, const large_population *p,
                int64_t *ancestors) {
  borel_error error = {0};
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(1), "ancestors"), 0, index, 0, &error);
  if (call(s, scratch, &rng.rng, p->n, p->weights, p->count, ancestors)) return 1;
  if (rng.rng.status != BOREL_OK) breaks(s, RETURNS, error.message);
  return 0;
}

static void look_again(subject *s, row r, int byte, uint64_t index, const large_population *p,
                       const int64_t *before, const char *what) {
  int64_t ancestors[LARGE + 1];
  spoil(s->scratch, byte);
  s->tally->looked[r]++;
  if (!draw(s, s->scratch, index, p, ancestors) || memcmp(ancestors, before, p->count * sizeof *before))
    breaks(s, r, what);
}

static void steady(subject *s) {
  for (uint64_t index = 0; index < DRAWS; index++) {
    large_population p;
    int64_t ancestors[LARGE + 1];
    double numbers[LARGE];
    draw_population(index, &p);
    borel_examination_doing(s->examination, "%zu offspring of %zu particles with %s", p.count, p.n, s->text);
    spoil(s->scratch, 0);
    if (!draw(s, s->scratch, index, &p, ancestors)) return;
    count_offspring(ancestors, p.count, numbers, p.n);
    s->tally->looked[ROUND]++;
    for (size_t i = 0; i < p.n; i++)
      if (is_off(numbers[i], (double)p.count * p.weights[i]))
        breaks(s, ROUND,
               "a particle has neither floor nor ceiling of what is expected, among 1 to 1500 particles");
    look_again(s, STEADY, 0, index, &p, ancestors, "a second call with the same randomness differs");
    look_again(s, SCRATCH, 0xff, index, &p, ancestors, "other bytes in scratch give other ancestors");
  }
}

/* ---- threads ----------------------------------------------------------------------------------- */

typedef struct {
  subject subject;
  tally tally;
  uint64_t hash; /* of all ancestors */
  int failed;
} worker;

static void *work(void *context) {
  worker *w = context;
  for (uint64_t index = 0; index < DRAWS; index++) {
    large_population p;
    int64_t ancestors[LARGE + 1];
    draw_population(index, &p);
    w->failed |= !draw(&w->subject, w->subject.scratch, index, &p, ancestors);
    for (size_t k = 0; k < p.count; k++) w->hash = 31 * w->hash + (uint64_t)ancestors[k];
  }
  return NULL;
}

static void shared(subject *s) {
  worker *workers = calloc(THREADS + 1, sizeof *workers);
  pthread_t ids[THREADS];
  size_t started = 0;
  borel_error error = {0};
  if (!workers) return;
  borel_examination_doing(s->examination, "calls by %d threads with %s", THREADS, s->text);
  for (size_t t = 0; t <= THREADS; t++) {
    worker *w = &workers[t];
    w->subject = *s;
    w->subject.tally = &w->tally;
    w->subject.scratch = NULL;
    if (borel_resampler_scratch(s->resampler, LARGE, &w->subject.scratch, &error)) goto end;
  }
  work(&workers[THREADS]);
  while (started < THREADS && pthread_create(&ids[started], NULL, work, &workers[started]) == 0) started++;
  for (size_t t = 0; t < started; t++) {
    pthread_join(ids[t], NULL);
    if (workers[t].failed || workers[t].hash != workers[THREADS].hash)
      breaks(s, SHARED, "several threads, each with its own scratch, get other ancestors than one");
  }
  if (started > 1) s->tally->looked[SHARED] += started * DRAWS;

end:
  for (size_t t = 0; t <= THREADS; t++) borel_block_destroy(workers[t].subject.scratch);
  free(workers);
}

/* ---- one configuration after the other --------------------------------------------------------- */

static void examine_configuration(const borel_examination *e, const borel_configuration *configuration,
                                  tally *t) {
  borel_error error = {0};
  borel_resampler *resampler = NULL;
  subject s = {.examination = e, .text = configuration->text, .tally = t};
  borel_examination_doing(e, "its creation with %s", s.text);
  borel_status status =
      borel_resampler_create(e->component, borel_configuration_args(configuration), &resampler, &error);
  s.resampler = resampler;
  if (status == BOREL_OK) status = borel_resampler_scratch(resampler, LARGE, &s.scratch, &error);
  if (status == BOREL_OK) {
    exact_laws(&s);
    steady(&s);
    if (!e->single && !*t->broken[RETURNS]) shared(&s);
  } else {
    breaks(&s, RETURNS, error.message);
  }
  borel_block_destroy(s.scratch);
  borel_resampler_destroy(resampler);
}

static int is_claimed(const borel_claims *claims, row r) {
  if (r == ROUND) return (claims->flags & BOREL_FLOOR_CEILING) != 0;
  if (r == VARIANCE) return (claims->flags & BOREL_AT_MOST_MULTINOMIAL) != 0;
  return 1;
}

static int is_exact(const borel_claims *claims) {
  return claims->preserves == BOREL_PRESERVES_MEASURE || claims->preserves == BOREL_PRESERVES_SCALE;
}

static void report(const borel_examination *e, const tally *t, row r) {
  const char *name = row_names[r], *method = row_methods[r];
  int is_law = r <= VARIANCE;
  if (r == MEAN && !is_exact(&e->component->claims))
    borel_examination_row(e, BOREL_NOT_TESTED, name, "-",
                          "claimed in a limit or to an order: there is no exact check");
  else if (*t->broken[r])
    borel_examination_row(e, BOREL_FAILS, name, method, "%s", t->broken[r]);
  else if (r == SHARED && e->single)
    borel_examination_row(e, BOREL_NOT_TESTED, name, "-",
                          "it is written in Lua, so that its runs are processes");
  else if (!t->looked[r] || (is_law && *t->refused))
    borel_examination_row(e, BOREL_NOT_TESTED, name, "-", "%s",
                          *t->refused ? t->refused : "nothing came to it");
  else if (is_law)
    borel_examination_row(e, BOREL_HOLDS, name, method,
                          "off by at most %.1e, looked %zu times, tolerance %g of the number of offspring",
                          t->worst[r], t->looked[r], TOLERANCE);
  else
    borel_examination_row(e, BOREL_HOLDS, name, method, "looked %zu times", t->looked[r]);
}

void borel_examine_offspring(const borel_examination *e) {
  tally t = {0};
  for (size_t i = 0; i < e->count; i++) examine_configuration(e, &e->configurations[i], &t);
  for (row r = 0; r < ROWS; r++)
    if (is_claimed(&e->component->claims, r)) report(e, &t, r);
}
