/* SPDX-License-Identifier: MIT */
#include "diffuse/tape.h"

#include "core/error.h"
#include "core/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SLOTS = 4096, NAME_SIZE = 24 };

typedef struct {
  borel_tape tape; /* first: the pointer that planners have */
  borel_tape_view view;
  const char *solver;
  borel_error error; /* the first failure */
  borel_tape_instruction *instructions;
  size_t capacity;
  double *coefficients;
  size_t coefficient_count, coefficient_capacity;
  char (*names)[NAME_SIZE];
  const char **name_list;
  int32_t *buffer_of, *sources_at;
  uint32_t uses; /* noises in the step that is being written */
  borel_level reached;
} tape;

static tape *of(borel_tape *t) { return (tape *)t; }

/* ---- writing ----------------------------------------------------------------------------------- */

static int failed(const tape *t) { return t->error.code != BOREL_OK; }

static int grow(tape *t, void **array, size_t element, size_t needed, size_t *capacity) {
  if (needed <= *capacity) return 1;
  size_t wanted = *capacity ? 2 * *capacity : 64;
  if (wanted < needed) wanted = needed;
  void *bigger = wanted < SIZE_MAX / element ? realloc(*array, wanted * element) : NULL;
  if (!bigger) {
    borel_fail(&t->error, BOREL_INTERNAL, "%s: out of memory for the tape", t->solver);
    return 0;
  }
  *array = bigger;
  *capacity = wanted;
  return 1;
}

/* A new instruction that writes `to`, or NULL after a failure. */
static borel_tape_instruction *add(tape *t, borel_tape_code code, int32_t to) {
  if (failed(t)) return NULL;
  if (to < 0 || (size_t)to >= t->view.slots) {
    borel_fail(&t->error, BOREL_INTERNAL,
               "%s: instruction %zu of its tape writes slot %d, which does not exist", t->solver,
               t->view.count + 1, (int)to);
    return NULL;
  }
  if (!grow(t, (void **)&t->instructions, sizeof *t->instructions, t->view.count + 1, &t->capacity))
    return NULL;
  borel_tape_instruction *added = &t->instructions[t->view.count++];
  *added = (borel_tape_instruction){.code = code, .to = to, .step = (uint32_t)t->view.steps};
  return added;
}

static int32_t tape_slot(borel_tape *given, const char *name) {
  tape *t = of(given);
  if (failed(t)) return 0;
  size_t slots = t->view.slots;
  if (slots == MOST_SLOTS) {
    borel_fail(&t->error, BOREL_ARG, "%s: a tape has at most %d slots; use those that are free again",
               t->solver, MOST_SLOTS);
    return 0;
  }
  snprintf(t->names[slots], NAME_SIZE, "%s", name ? name : "");
  t->view.slots++;
  return (int32_t)slots;
}

static void tape_predict(borel_tape *given, int32_t to, int32_t from, const borel_level *level,
                         borel_prediction prediction) {
  tape *t = of(given);
  borel_tape_instruction *added = add(t, BOREL_TAPE_PREDICT, to);
  if (!added) return;
  if (isnan(level->lambda) || prediction > BOREL_PREDICT_NOISE)
    borel_fail(&t->error, BOREL_INTERNAL, "%s: asks for prediction %u at lambda = %g", t->solver,
               (unsigned)prediction, level->lambda);
  added->count = 1;
  added->from[0] = from;
  added->level = *level;
  added->prediction = prediction;
  t->view.predictions++;
}

/* Keeps `count` coefficients; where they lie. */
static size_t keep(tape *t, const double *coefficients, size_t count) {
  size_t at = t->coefficient_count;
  if (!grow(t, (void **)&t->coefficients, sizeof(double), at + count, &t->coefficient_capacity)) return 0;
  for (size_t i = 0; i < count; i++)
    if (!isfinite(coefficients[i]) && !failed(t))
      borel_fail(&t->error, BOREL_ARG,
                 "%s: a coefficient of step %zu is %g; is there a level without noise, or without data, that "
                 "the solver "
                 "cannot use?",
                 t->solver, t->view.steps + 1, coefficients[i]);
  memcpy(t->coefficients + at, coefficients, count * sizeof *coefficients);
  t->coefficient_count += count;
  return at;
}

static borel_tape_instruction *combination(tape *t, borel_tape_code code, int32_t to, size_t n,
                                           const int32_t *from) {
  if (!failed(t) && (n < 1 || n > BOREL_TAPE_SOURCES))
    borel_fail(&t->error, BOREL_INTERNAL, "%s: combines %zu slots; 1 to %d are possible", t->solver, n,
               BOREL_TAPE_SOURCES);
  borel_tape_instruction *added = add(t, code, to);
  if (!added) return NULL;
  added->count = (uint32_t)n;
  memcpy(added->from, from, n * sizeof *from);
  added->coefficients = t->coefficient_count;
  return added;
}

static void tape_combine(borel_tape *given, int32_t to, size_t n, const double *coefficients,
                         const int32_t *from) {
  tape *t = of(given);
  if (combination(t, BOREL_TAPE_COMBINE, to, n, from)) keep(t, coefficients, n);
}

static void tape_combine_by(borel_tape *given, int32_t to, size_t n, const double *const *coefficients,
                            const int32_t *from) {
  tape *t = of(given);
  if (!combination(t, BOREL_TAPE_COMBINE_BY, to, n, from)) return;
  for (size_t j = 0; j < n; j++) keep(t, coefficients[j], t->view.D);
}

static void tape_noise(borel_tape *given, int32_t to, double scale, borel_noise kind, double lambda_from,
                       double lambda_to) {
  tape *t = of(given);
  borel_tape_instruction *added = add(t, BOREL_TAPE_NOISE, to);
  if (!added) return;
  if (!isfinite(scale) || scale < 0 || kind > BOREL_NOISE_TREE)
    borel_fail(&t->error, BOREL_INTERNAL, "%s: draws noise of kind %u and scale %g", t->solver,
               (unsigned)kind, scale);
  added->scale = scale;
  added->noise = kind;
  added->interval[0] = lambda_from;
  added->interval[1] = lambda_to;
  added->use = t->uses++;
  t->view.stochastic = 1;
}

static void tape_mark(borel_tape *given, const borel_level *level) {
  tape *t = of(given);
  borel_tape_instruction *added = add(t, BOREL_TAPE_MARK, BOREL_SLOT_X);
  if (!added) return;
  added->level = t->reached = *level;
  t->view.steps++;
  t->uses = 0;
}

static const borel_tape_ops ops = {.size = sizeof ops,
                                   .slot = tape_slot,
                                   .predict = tape_predict,
                                   .combine = tape_combine,
                                   .combine_by = tape_combine_by,
                                   .noise = tape_noise,
                                   .mark = tape_mark};

/* ---- finishing --------------------------------------------------------------------------------- */

static uint32_t sources(const borel_tape_instruction *i) {
  return i->code == BOREL_TAPE_NOISE ? 1 : i->count;
}
static int32_t source(const borel_tape_instruction *i, uint32_t j) {
  return i->code == BOREL_TAPE_NOISE ? i->to : i->from[j];
}

static borel_status check_reads(tape *t, borel_error *error) {
  char *written = calloc(t->view.slots, 1);
  if (!written) return borel_fail(error, BOREL_INTERNAL, "%s: out of memory for the tape", t->solver);
  written[BOREL_SLOT_X] = 1;
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < t->view.count && status == BOREL_OK; i++) {
    const borel_tape_instruction *at = &t->instructions[i];
    for (uint32_t j = 0; j < sources(at); j++) {
      int32_t from = source(at, j);
      int known = from == BOREL_SLOT_ONE ? at->code != BOREL_TAPE_PREDICT
                                         : from >= 0 && (size_t)from < t->view.slots && written[from];
      if (!known)
        status = borel_fail(error, BOREL_INTERNAL,
                            "%s: instruction %zu of its tape reads slot %d (%s), which was never written",
                            t->solver, i + 1, (int)from,
                            from >= 0 && (size_t)from < t->view.slots ? t->names[from] : "?");
    }
    written[at->to] = 1;
  }
  free(written);
  return status;
}

/* Gives each written value a buffer from its making to its last reading. x has buffer 0 for itself, since
 * runs are watched and steered there. */
static borel_status assign_buffers(tape *t, borel_error *error) {
  size_t count = t->view.count, slots = t->view.slots;
  size_t *last = calloc(count, sizeof *last); /* by instruction: the last that reads what it wrote */
  size_t *maker = calloc(slots, sizeof *maker);
  int32_t *holder = malloc(slots * sizeof *holder); /* buffer of a slot; -1: none */
  size_t *busy = calloc(slots + 1, sizeof *busy);   /* by buffer: the instruction until which it is needed */
  t->buffer_of = malloc((count + 1) * sizeof *t->buffer_of);
  t->sources_at = malloc((count + 1) * BOREL_TAPE_SOURCES * sizeof *t->sources_at);
  borel_status status = BOREL_OK;
  if (!last || !maker || !holder || !busy || !t->buffer_of || !t->sources_at) {
    status = borel_fail(error, BOREL_INTERNAL, "%s: out of memory for the tape", t->solver);
    goto end;
  }
  for (size_t i = 0; i < count; i++) {
    const borel_tape_instruction *at = &t->instructions[i];
    for (uint32_t j = 0; j < sources(at); j++)
      if (source(at, j) > 0) last[maker[source(at, j)]] = i;
    maker[at->to] = i;
    last[i] = i;
  }
  for (size_t s = 0; s < slots; s++) holder[s] = s ? -1 : 0;
  size_t buffers = 1;
  for (size_t i = 0; i < count; i++) {
    const borel_tape_instruction *at = &t->instructions[i];
    for (uint32_t j = 0; j < sources(at); j++)
      t->sources_at[i * BOREL_TAPE_SOURCES + j] =
          source(at, j) == BOREL_SLOT_ONE ? -1 : holder[source(at, j)];
    if (at->code == BOREL_TAPE_MARK || at->to == BOREL_SLOT_X) {
      t->buffer_of[i] = at->code == BOREL_TAPE_MARK ? -1 : 0;
      continue;
    }
    /* A slot that is written from itself stays where it is; else one whose value is read here for the last
     * time may be written over, since combinations go coordinate by coordinate. A score reads and writes at
     * will. */
    size_t chosen = 0;
    for (size_t b = 1; b < buffers && !chosen; b++)
      if (busy[b] < i || (busy[b] == i && at->code != BOREL_TAPE_PREDICT)) chosen = b;
    if (at->code == BOREL_TAPE_NOISE) chosen = (size_t)holder[at->to];
    if (!chosen) chosen = buffers++;
    busy[chosen] = last[i] > i ? last[i] : i;
    holder[at->to] = t->buffer_of[i] = (int32_t)chosen;
  }
  t->view.buffers = buffers;

end:
  free(last);
  free(maker);
  free(holder);
  free(busy);
  return status;
}

static uint64_t hash_of(const tape *t) {
  uint64_t h = borel_hash(&t->view.D, sizeof t->view.D, 0);
  for (size_t i = 0; i < t->view.count; i++) {
    const borel_tape_instruction *at = &t->instructions[i];
    int32_t head[4] = {(int32_t)at->code, at->to, (int32_t)at->count, (int32_t)at->noise};
    uint32_t tail[3] = {at->prediction, at->step, at->use};
    h = borel_hash(head, sizeof head, h);
    h = borel_hash(at->from, at->count * sizeof *at->from, h);
    h = borel_hash(&at->level, sizeof at->level, h);
    h = borel_hash(&at->scale, sizeof at->scale, h);
    h = borel_hash(at->interval, sizeof at->interval, h);
    h = borel_hash(tail, sizeof tail, h);
  }
  return borel_hash(t->coefficients, t->coefficient_count * sizeof *t->coefficients, h);
}

static borel_status finish(tape *t, const borel_plan *plan, const borel_solver_claims *claims,
                           borel_error *error) {
  const borel_level *end = &plan->levels[plan->points - 1];
  if (!t->view.steps || t->reached.lambda != end->lambda)
    return borel_fail(error, BOREL_INTERNAL, "%s: its tape ends at lambda = %g, not at the last level, %g",
                      t->solver, t->view.steps ? t->reached.lambda : NAN, end->lambda);
  if (t->view.stochastic && !(claims->flags & BOREL_STOCHASTIC))
    return borel_fail(error, BOREL_INTERNAL, "%s: draws noise but does not claim to", t->solver);
  borel_status status = check_reads(t, error);
  if (status == BOREL_OK) status = assign_buffers(t, error);
  if (status != BOREL_OK) return status;
  t->name_list = malloc(t->view.slots * sizeof *t->name_list);
  if (!t->name_list) return borel_fail(error, BOREL_INTERNAL, "%s: out of memory for the tape", t->solver);
  for (size_t s = 0; s < t->view.slots; s++) t->name_list[s] = t->names[s];
  t->view.instructions = t->instructions;
  t->view.coefficients = t->coefficients;
  t->view.names = t->name_list;
  t->view.buffer_of = t->buffer_of;
  t->view.sources_at = t->sources_at;
  t->view.hash = hash_of(t);
  return BOREL_OK;
}

borel_status borel_tape_plan(const borel_solver *solver, const borel_path *path, size_t D, size_t points,
                             const borel_level *levels, borel_tape **out, borel_error *error) {
  *out = NULL;
  const char *name = solver->component->name;
  if (!solver->ops->plan)
    return borel_fail(error, BOREL_ARG, "%s chooses its steps as it goes: it has no plan", name);
  tape *t = calloc(1, sizeof *t);
  borel_plan *plan = borel_plan_create(path, D, points, levels, error);
  borel_solver_claims claims = {.size = sizeof claims};
  borel_status status = plan ? BOREL_OK : error->code;
  if (t) t->names = malloc(MOST_SLOTS * sizeof *t->names);
  if (status == BOREL_OK && (!t || !t->names))
    status = borel_fail(error, BOREL_INTERNAL, "%s: out of memory for the tape", name);
  if (status == BOREL_OK) status = borel_solver_suits(solver, plan, error);
  if (status != BOREL_OK) goto end;
  t->tape.ops = &ops;
  t->solver = name;
  t->view.D = D;
  tape_slot(&t->tape, "x");
  solver->ops->claims(solver->self, &claims);
  status = solver->ops->plan(solver->self, plan, &t->tape, error);
  if (status == BOREL_OK && failed(t)) {
    status = t->error.code;
    *error = t->error;
  }
  if (status == BOREL_REJECT) status = borel_fail(error, BOREL_INTERNAL, "%s: plan rejects", name);
  if (status == BOREL_OK) status = finish(t, plan, &claims, error);

end:
  borel_plan_destroy(plan);
  if (status == BOREL_OK)
    *out = &t->tape;
  else
    borel_tape_destroy(t ? &t->tape : NULL);
  return status;
}

void borel_tape_destroy(borel_tape *given) {
  if (!given) return;
  tape *t = of(given);
  free(t->instructions);
  free(t->coefficients);
  free(t->names);
  free(t->name_list);
  free(t->buffer_of);
  free(t->sources_at);
  free(t);
}

const borel_tape_view *borel_tape_look(const borel_tape *t) { return &((const tape *)t)->view; }
