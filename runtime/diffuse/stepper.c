/* SPDX-License-Identifier: MIT */
#include "diffuse/stepper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "diffuse/crew.h"

/* Rows that a thread works on at a time; more spare calls of the score, fewer let threads share the work. */
enum { CHUNK_ROWS = 256 };

/* Rows that go together, with what the solver keeps of them. */
typedef struct {
  borel_batch batch; /* first: the pointer that solvers have */
  borel_stepper *run;
  size_t first;
  borel_block *state;
  int32_t done;
  void *room; /* of the predictor, while a thread is at it */
  double *shift, *condition;
} chunk;

struct borel_stepper {
  const borel_solver *solver;
  borel_predictor *predictor;
  borel_plan *plan;
  borel_reverse_options options;
  double *shift, *condition, *x;
  int64_t *evaluations;
  uint64_t *numbers;
  size_t chunk_rows, chunks;
  chunk *parts;
  uint64_t hash, steps; /* to take in this call */
  borel_status status;
};

/* ---- what solvers may ask ----------------------------------------------------------------------- */

/* The rows `rows` of an array with this stride, or the array where all rows have the same. */
static const double *pick(const double *array, size_t stride, size_t width, size_t n, const int64_t *rows,
                          double *room) {
  if (!array || !stride || !rows) return array;
  for (size_t i = 0; i < n; i++)
    memcpy(room + i * width, array + (size_t)rows[i] * stride, width * sizeof *room);
  return room;
}

static borel_status batch_predict(borel_batch *given, size_t n, const int64_t *rows, const double *x,
                                  const borel_level *levels, borel_prediction what, double *out,
                                  borel_error *error) {
  chunk *c = (chunk *)given;
  borel_stepper *run = c->run;
  const borel_reverse_options *o = &run->options;
  if (!n) return BOREL_OK;
  size_t stride = o->shift_stride, width = o->condition_size;
  borel_score_call call = {.size = sizeof call,
                           .rows = n,
                           .D = o->D,
                           .levels = levels,
                           .level_stride = 1,
                           .shift_stride = stride,
                           .condition_size = width,
                           .condition_stride = o->condition_stride,
                           .first = borel_sample_number(o, c->first),
                           .step = -1};
  call.shift = pick(run->shift ? run->shift + c->first * stride : NULL, stride, o->D, n, rows, c->shift);
  call.condition = pick(run->condition ? run->condition + c->first * o->condition_stride : NULL,
                        o->condition_stride, width, n, rows, c->condition);
  for (size_t i = 0; i < n; i++) run->evaluations[c->first + (rows ? (size_t)rows[i] : i)]++;
  return run->predictor->ops->predict(run->predictor, c->room, &call, x, what, out, error);
}

static void batch_normals(borel_batch *given, int64_t row, uint64_t step, uint32_t use, double *out) {
  const chunk *c = (const chunk *)given;
  const borel_reverse_options *o = &c->run->options;
  borel_reverse_normals(o->seed, borel_sample_number(o, c->first + (size_t)row), step, use, o->D, out);
}

static const borel_batch_ops batch_ops = {
    .size = sizeof batch_ops, .predict = batch_predict, .normals = batch_normals};

/* ---- making ------------------------------------------------------------------------------------- */

static double *copy(const double *given, size_t count) {
  double *made = malloc((count + 1) * sizeof *made);
  if (made) memcpy(made, given, count * sizeof *made);
  return made;
}

static borel_status make_chunks(borel_stepper *run, borel_error *error) {
  const borel_reverse_options *o = &run->options;
  run->chunks = (o->rows + run->chunk_rows - 1) / run->chunk_rows;
  run->parts = calloc(run->chunks, sizeof *run->parts);
  if (!run->parts) return borel_fail(error, BOREL_INTERNAL, "out of memory for %zu samples", o->rows);
  for (size_t k = 0; k < run->chunks; k++) {
    chunk *c = &run->parts[k];
    size_t first = k * run->chunk_rows, left = o->rows - first;
    *c = (chunk){.batch = {&batch_ops, run->plan, left < run->chunk_rows ? left : run->chunk_rows},
                 .run = run,
                 .first = first};
    borel_dims dims = {.D = o->D, .N = c->batch.rows, .values = run->solver->values};
    borel_status status = borel_block_create(run->solver->ops->state, &dims, &c->state, error);
    if (status != BOREL_OK) return status;
  }
  return BOREL_OK;
}

static uint64_t hash_of(const borel_stepper *run) {
  const borel_component *component = run->solver->component;
  uint64_t h = borel_hash_text(component->name, 0);
  for (size_t i = 0; component->params && component->params[i].name; i++) {
    const borel_value *value = &run->solver->values[i];
    h = borel_hash(&value->number, sizeof value->number, h);
    h = borel_hash(value->reals, value->count * sizeof *value->reals, h);
  }
  h = borel_hash(run->numbers, run->numbers ? run->options.rows * sizeof *run->numbers : 0, h);
  return borel_hash(run->plan->levels, run->plan->points * sizeof *run->plan->levels, h);
}

borel_status borel_stepper_create(const borel_solver *solver, const borel_path *path, size_t points,
                                  const borel_level *levels, borel_predictor *predictor,
                                  const borel_reverse_options *options, borel_stepper **out,
                                  borel_error *error) {
  *out = NULL;
  if (!solver->ops->step)
    return borel_fail(error, BOREL_ARG, "%s plans its steps: there is nothing to choose",
                      solver->component->name);
  borel_status status = borel_reverse_check(options, predictor, 16, error);
  if (status != BOREL_OK) return status;
  borel_stepper *run = calloc(1, sizeof *run);
  if (!run) return borel_fail(error, BOREL_INTERNAL, "out of memory for a run");
  size_t rows = options->rows, D = options->D;
  run->solver = solver;
  run->predictor = predictor;
  run->options = *options;
  borel_solver_claims claims = {.size = sizeof claims};
  solver->ops->claims(solver->self, &claims);
  int together = predictor->serial || claims.flags & BOREL_COUPLED;
  run->chunk_rows = together || rows < CHUNK_ROWS ? rows : CHUNK_ROWS;
  run->plan = borel_plan_create(path, D, points, levels, error);
  status = run->plan ? borel_solver_suits(solver, run->plan, error) : error->code;
  if (status != BOREL_OK) goto fail;
  run->x = calloc(rows * D, sizeof *run->x);
  run->evaluations = calloc(rows, sizeof *run->evaluations);
  if (options->numbers) run->numbers = borel_sample_numbers(options);
  run->options.numbers = run->numbers;
  if (options->shift) run->shift = copy(options->shift, options->shift_stride ? rows * D : D);
  if (options->condition)
    run->condition = copy(options->condition, options->condition_stride ? rows * options->condition_size
                                                                        : options->condition_size);
  if (!run->x || !run->evaluations || (options->numbers && !run->numbers) ||
      (options->shift && !run->shift) || (options->condition && !run->condition)) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for %zu samples of %zu numbers", rows, D);
    goto fail;
  }
  status = make_chunks(run, error);
  if (status != BOREL_OK) goto fail;
  run->hash = hash_of(run);
  *out = run;
  return BOREL_OK;

fail:
  borel_stepper_destroy(run);
  return status;
}

void borel_stepper_destroy(borel_stepper *run) {
  if (!run) return;
  for (size_t k = 0; run->parts && k < run->chunks; k++) borel_block_destroy(run->parts[k].state);
  free(run->parts);
  borel_plan_destroy(run->plan);
  free(run->x);
  free(run->evaluations);
  free(run->numbers);
  free(run->shift);
  free(run->condition);
  free(run);
}

double *borel_stepper_x(borel_stepper *run) { return run->x; }

int64_t borel_stepper_evaluations(const borel_stepper *run, size_t row) { return run->evaluations[row]; }

int64_t borel_stepper_rejected(const borel_stepper *run, size_t row) {
  const chunk *c = &run->parts[row / run->chunk_rows];
  const borel_block_field *field = borel_block_find(c->state, "rejected");
  if (!field || field->rank != 1) return 0;
  size_t at = row - c->first;
  return field->dtype == BOREL_I64 ? ((const int64_t *)field->data)[at]
                                   : (int64_t)((const double *)field->data)[at];
}

int borel_stepper_done(const borel_stepper *run) {
  for (size_t k = 0; k < run->chunks; k++)
    if (!run->parts[k].done) return 0;
  return 1;
}

/* ---- running ------------------------------------------------------------------------------------- */

static borel_status check_x(const chunk *c, borel_error *error) {
  const borel_stepper *run = c->run;
  size_t D = run->options.D;
  const double *x = run->x + c->first * D;
  for (size_t i = 0; i < c->batch.rows * D; i++)
    if (!isfinite(x[i]))
      return borel_fail(error, BOREL_DOMAIN, "%s: coordinate %zu of sample %llu is %g",
                        run->solver->component->name, i % D + 1,
                        (unsigned long long)borel_sample_number(&run->options, c->first + i / D) + 1, x[i]);
  return BOREL_OK;
}

static borel_status run_chunk(chunk *c, uint64_t steps, borel_block *scratch, borel_error *error) {
  const borel_solver *solver = c->run->solver;
  double *x = c->run->x + c->first * c->run->options.D;
  for (uint64_t i = 0; !c->done && (!steps || i < steps); i++) {
    borel_status status =
        solver->ops->step(solver->self, &c->batch, c->state->data, scratch->data, x, &c->done, error);
    if (status == BOREL_REJECT)
      return borel_fail(error, BOREL_INTERNAL, "%s: step rejects", solver->component->name);
    if (status == BOREL_OK) status = check_x(c, error);
    if (status != BOREL_OK) return status;
  }
  return BOREL_OK;
}

/* What one thread has. */
typedef struct {
  borel_block *scratch;
  void *room; /* of the predictor */
  double *shift, *condition;
} worker;

static void close_worker(void *context, void *given) {
  borel_stepper *run = context;
  worker *w = given;
  borel_block_destroy(w->scratch);
  if (w->room) run->predictor->ops->close(run->predictor, w->room);
  free(w->shift);
  free(w->condition);
  free(w);
}

static void *open_worker(void *context, borel_error *error) {
  borel_stepper *run = context;
  const borel_reverse_options *o = &run->options;
  worker *w = calloc(1, sizeof *w);
  if (!w) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for a run");
    return NULL;
  }
  borel_dims dims = {.D = o->D, .N = run->chunk_rows, .values = run->solver->values};
  borel_status status = borel_block_create(run->solver->ops->scratch, &dims, &w->scratch, error);
  if (status == BOREL_OK) w->room = run->predictor->ops->open(run->predictor, run->chunk_rows, o->D, error);
  w->shift = malloc((run->chunk_rows * o->D + 1) * sizeof *w->shift);
  w->condition = malloc((run->chunk_rows * o->condition_size + 1) * sizeof *w->condition);
  if (w->room && w->shift && w->condition) return w;
  if (w->room) borel_fail(error, BOREL_INTERNAL, "out of memory for %zu samples", run->chunk_rows);
  close_worker(run, w);
  return NULL;
}

static borel_status do_chunk(void *context, void *given, size_t number, borel_error *error) {
  borel_stepper *run = context;
  worker *w = given;
  chunk *c = &run->parts[number];
  c->room = w->room;
  c->shift = w->shift;
  c->condition = w->condition;
  return run_chunk(c, run->steps, w->scratch, error);
}

borel_status borel_stepper_advance(borel_stepper *run, uint64_t steps, borel_error *error) {
  static const borel_crew_ops crew = {open_worker, close_worker, do_chunk};
  if (run->status != BOREL_OK) return borel_fail(error, run->status, "this run has failed before");
  run->steps = steps;
  return run->status = borel_crew_run(&crew, run, run->chunks,
                                      run->predictor->serial ? 1 : run->options.threads, error);
}

/* ---- keeping ------------------------------------------------------------------------------------- */

typedef struct {
  uint64_t magic, hash, seed, first, rows, D;
} head;

static head head_of(const borel_stepper *run) {
  const borel_reverse_options *o = &run->options;
  return (head){0x3150455453004242u, run->hash, o->seed, o->first, o->rows, o->D};
}

size_t borel_stepper_size(const borel_stepper *run) {
  size_t rows = run->options.rows,
         size = sizeof(head) + rows * run->options.D * sizeof(double) + rows * sizeof(int64_t);
  for (size_t k = 0; k < run->chunks; k++) size += run->parts[k].state->bytes + sizeof(int64_t);
  return size;
}

/* Copies all that changes between the run and bytes, in one order for both directions. */
static void transfer(const borel_stepper *run, char *bytes, int save) {
  size_t rows = run->options.rows;
#define PIECE(at, count)                                                                                     \
  do {                                                                                                       \
    if (save)                                                                                                \
      memcpy(bytes, (at), (count));                                                                          \
    else                                                                                                     \
      memcpy((at), bytes, (count));                                                                          \
    bytes += (count);                                                                                        \
  } while (0)
  PIECE(run->x, rows * run->options.D * sizeof *run->x);
  PIECE(run->evaluations, rows * sizeof *run->evaluations);
  for (size_t k = 0; k < run->chunks; k++) {
    chunk *c = &run->parts[k];
    int64_t done = c->done;
    PIECE(&done, sizeof done);
    c->done = (int32_t)done;
    PIECE(c->state->arena, c->state->bytes);
  }
#undef PIECE
}

void borel_stepper_save(const borel_stepper *run, void *bytes) {
  head h = head_of(run);
  memcpy(bytes, &h, sizeof h);
  transfer(run, (char *)bytes + sizeof h, 1);
}

borel_status borel_stepper_load(borel_stepper *run, const void *bytes, size_t size, borel_error *error) {
  head have, want = head_of(run);
  if (size == borel_stepper_size(run)) memcpy(&have, bytes, sizeof have);
  if (size != borel_stepper_size(run) || memcmp(&have, &want, sizeof have) != 0)
    return borel_fail(error, BOREL_ARG, "the saved run has another solver, grid, seed, or other samples");
  transfer(run, (char *)(uintptr_t)bytes + sizeof have, 0);
  run->status = BOREL_OK;
  return BOREL_OK;
}
