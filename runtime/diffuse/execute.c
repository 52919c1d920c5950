/* SPDX-License-Identifier: MIT */
#include "diffuse/execute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "diffuse/brownian.h"
#include "diffuse/crew.h"
#include "random/source_philox.h"

/* Numbers of one slot that a thread works on at a time: a few slots of them fit the cache next to a core. */
enum { CHUNK_NUMBERS = 4096 };

struct borel_reverse {
  const borel_tape_view *tape;
  borel_predictor *predictor;
  borel_reverse_options options;
  double *shift, *condition;
  double *buffers; /* [buffers, rows, D]; the first is x */
  size_t chunk;    /* rows of a chunk */
  size_t at, until;
  uint64_t noise_key, samples; /* hash of their numbers */
  uint64_t *numbers;
  borel_status status;
};

static uint64_t key_of(uint64_t seed, const char *role) {
  return borel_stream_child(borel_stream_child(borel_stream_root(seed), "reverse"), role);
}

/* ---- making ------------------------------------------------------------------------------------ */

static double *copy(const double *given, size_t count) {
  double *made = malloc((count + 1) * sizeof *made);
  if (made) memcpy(made, given, count * sizeof *made);
  return made;
}

uint64_t *borel_sample_numbers(const borel_reverse_options *options) {
  uint64_t *made = malloc(options->rows * sizeof *made);
  if (made) memcpy(made, options->numbers, options->rows * sizeof *made);
  return made;
}

borel_status borel_reverse_check(const borel_reverse_options *options, const borel_predictor *predictor,
                                 size_t most, borel_error *error) {
  size_t rows = options->rows, D = options->D;
  if (!D || (predictor->D && predictor->D != D))
    return borel_fail(error, BOREL_ARG, "samples have %zu dimensions, but the score has %zu", D,
                      predictor->D);
  if (!rows || rows > UINT32_MAX || options->first > UINT32_MAX - rows)
    return borel_fail(error, BOREL_ARG, "samples %llu to %llu: there are streams for numbers up to %u",
                      (unsigned long long)options->first + 1, (unsigned long long)(options->first + rows),
                      UINT32_MAX);
  for (size_t r = 0; options->numbers && r < rows; r++)
    if (options->numbers[r] > UINT32_MAX)
      return borel_fail(error, BOREL_ARG, "sample %llu: there are streams for numbers up to %u",
                        (unsigned long long)options->numbers[r] + 1, UINT32_MAX);
  if (rows > SIZE_MAX / sizeof(double) / D / most / 2)
    return borel_fail(error, BOREL_INTERNAL, "%zu samples of %zu numbers are too many", rows, D);
  return BOREL_OK;
}

borel_status borel_reverse_create(const borel_tape *tape, borel_predictor *predictor,
                                  const borel_reverse_options *options, borel_reverse **out,
                                  borel_error *error) {
  *out = NULL;
  const borel_tape_view *view = borel_tape_look(tape);
  size_t rows = options->rows, D = options->D;
  if (D != view->D)
    return borel_fail(error, BOREL_ARG, "samples have %zu dimensions, but the plan is for %zu", D, view->D);
  borel_status status = borel_reverse_check(options, predictor, view->buffers, error);
  if (status != BOREL_OK) return status;
  borel_reverse *run = calloc(1, sizeof *run);
  if (!run) return borel_fail(error, BOREL_INTERNAL, "out of memory for a run");
  run->tape = view;
  run->predictor = predictor;
  run->options = *options;
  run->noise_key = key_of(options->seed, "noise");
  run->chunk = CHUNK_NUMBERS / D ? CHUNK_NUMBERS / D : 1;
  if (predictor->rows > run->chunk) run->chunk = predictor->rows;
  if (run->chunk > rows || predictor->serial) run->chunk = rows;
  run->buffers = calloc(view->buffers * rows * D, sizeof *run->buffers);
  if (options->numbers) run->numbers = borel_sample_numbers(options);
  run->options.numbers = run->numbers;
  run->samples = borel_hash(run->numbers, run->numbers ? rows * sizeof *run->numbers : 0, options->first);
  if (options->shift) run->shift = copy(options->shift, options->shift_stride ? rows * D : D);
  if (options->condition)
    run->condition = copy(options->condition, options->condition_stride ? rows * options->condition_size
                                                                        : options->condition_size);
  if (!run->buffers || (options->numbers && !run->numbers) || (options->shift && !run->shift) ||
      (options->condition && !run->condition)) {
    borel_reverse_destroy(run);
    return borel_fail(error, BOREL_INTERNAL, "out of memory for %zu samples of %zu numbers", rows, D);
  }
  *out = run;
  return BOREL_OK;
}

void borel_reverse_destroy(borel_reverse *run) {
  if (!run) return;
  free(run->buffers);
  free(run->numbers);
  free(run->shift);
  free(run->condition);
  free(run);
}

double *borel_reverse_x(borel_reverse *run) { return run->buffers; }
size_t borel_reverse_at(const borel_reverse *run) { return run->at; }

/* ---- noise ------------------------------------------------------------------------------------- */

/* A cell for each (sample, step, use). */
static borel_cell cell_of(uint64_t key, uint64_t sample, uint64_t step, uint32_t use) {
  return (borel_cell){.key = key, .lane = (uint32_t)sample, .index = step, .site = (uint16_t)use};
}

void borel_reverse_normals(uint64_t seed, uint64_t sample, uint64_t step, uint32_t use, size_t D,
                           double *out) {
  borel_cell cell = cell_of(key_of(seed, "noise"), sample, step, use);
  borel_cell_fill_normal(&cell, 0, out, 1, D);
}

void borel_reverse_prior(const borel_reverse_options *options, double scale, double degrees, double *x) {
  size_t rows = options->rows, D = options->D;
  uint64_t key = key_of(options->seed, "prior");
  for (size_t r = 0; r < rows; r++) {
    borel_cell cell = cell_of(key, borel_sample_number(options, r), 0, 0);
    borel_cell_fill_normal(&cell, 0, x + r * D, 1, D);
    double factor = scale;
    if (degrees > 0) { /* Student's t: one chi-squared for all coordinates of a sample */
      borel_error error = {0};
      borel_philox_rng source;
      borel_philox_open(&source, key, (uint32_t)borel_sample_number(options, r), 0, 1, &error);
      factor *= sqrt(degrees / (2 * source.rng.ops->gamma(&source.rng, degrees / 2)));
    }
    for (size_t d = 0; d < D; d++) x[r * D + d] *= factor;
  }
}

/* ---- instructions ------------------------------------------------------------------------------ */

/* What one thread has. */
typedef struct {
  borel_reverse *run;
  size_t first, rows; /* of the chunk */
  void *room;         /* of the predictor */
  double *noise;      /* [rows, D] */
  borel_error *error;
} worker;

static double *buffer(const worker *w, int32_t number) {
  size_t D = w->run->options.D;
  return w->run->buffers + ((size_t)number * w->run->options.rows + w->first) * D;
}

static borel_status predict(const worker *w, const borel_tape_instruction *at, const int32_t *sources,
                            int32_t to) {
  const borel_reverse *run = w->run;
  const borel_reverse_options *o = &run->options;
  borel_score_call call = {.size = sizeof call,
                           .rows = w->rows,
                           .D = o->D,
                           .levels = &at->level,
                           .shift = run->shift ? run->shift + w->first * o->shift_stride : NULL,
                           .shift_stride = o->shift_stride,
                           .condition =
                               run->condition ? run->condition + w->first * o->condition_stride : NULL,
                           .condition_size = o->condition_size,
                           .condition_stride = o->condition_stride,
                           .first = borel_sample_number(o, w->first),
                           .step = at->step};
  return run->predictor->ops->predict(run->predictor, w->room, &call, buffer(w, sources[0]), at->prediction,
                                      buffer(w, to), w->error);
}

/* One pass over memory. Sums go from the first source to the last, whatever their number. */
static void combine(size_t count, size_t n, const double *c, const double *const *from, double *to) {
  const double *a = from[0], *b = n > 1 ? from[1] : a, *d = n > 2 ? from[2] : a, *e = n > 3 ? from[3] : a;
  if (n == 1)
    for (size_t i = 0; i < count; i++) to[i] = c[0] * a[i];
  else if (n == 2)
    for (size_t i = 0; i < count; i++) to[i] = c[0] * a[i] + c[1] * b[i];
  else if (n == 3)
    for (size_t i = 0; i < count; i++) to[i] = c[0] * a[i] + c[1] * b[i] + c[2] * d[i];
  else if (n == 4)
    for (size_t i = 0; i < count; i++) to[i] = c[0] * a[i] + c[1] * b[i] + c[2] * d[i] + c[3] * e[i];
  else
    for (size_t i = 0; i < count; i++) {
      double total = c[0] * a[i];
      for (size_t j = 1; j < n; j++) total += c[j] * from[j][i];
      to[i] = total;
    }
}

static void combine_by(size_t rows, size_t D, size_t n, const double *c, const double *const *from,
                       double *to) {
  for (size_t r = 0; r < rows; r++)
    for (size_t d = 0; d < D; d++) {
      double total = 0;
      for (size_t j = 0; j < n; j++) total += c[j * D + d] * (from[j] ? from[j][r * D + d] : 1);
      to[r * D + d] = total;
    }
}

/* Ones are a source like any other for combine_by; for combine they are a constant added at the end. */
static void combination(const worker *w, const borel_tape_instruction *at, const int32_t *sources,
                        int32_t to) {
  const double *from[BOREL_TAPE_SOURCES], *c = w->run->tape->coefficients + at->coefficients;
  size_t D = w->run->options.D, n = 0;
  double plain[BOREL_TAPE_SOURCES], constant = 0;
  int ones = 0;
  for (uint32_t j = 0; j < at->count; j++) {
    const double *array = sources[j] < 0 ? NULL : buffer(w, sources[j]);
    if (at->code == BOREL_TAPE_COMBINE && !array) {
      constant += c[j];
      ones = 1;
      continue;
    }
    plain[n] = c[j];
    from[n++] = array;
  }
  double *out = buffer(w, to);
  if (at->code == BOREL_TAPE_COMBINE_BY) {
    combine_by(w->rows, D, n, c, from, out);
    return;
  }
  if (n)
    combine(w->rows * D, n, plain, from, out);
  else
    memset(out, 0, w->rows * D * sizeof *out);
  if (ones)
    for (size_t i = 0; i < w->rows * D; i++) out[i] += constant;
}

/* z of `rows` rows that have numbers in order. */
static void fill_noise(const borel_reverse *run, const borel_tape_instruction *at, uint64_t sample,
                       size_t rows, double *z) {
  size_t D = run->options.D;
  if (at->noise == BOREL_NOISE_TREE) {
    borel_brownian_increment(run->options.seed, sample, rows, D, at->interval[0], at->interval[1], z);
    return;
  }
  borel_cell cell = cell_of(run->noise_key, sample, at->step, at->use);
  borel_cell_fill_normal(&cell, 0, z, rows, D);
}

static void add_noise(const worker *w, const borel_tape_instruction *at, int32_t to) {
  const borel_reverse_options *o = &w->run->options;
  double *out = buffer(w, to);
  if (!o->numbers) fill_noise(w->run, at, o->first + w->first, w->rows, w->noise);
  for (size_t r = 0; o->numbers && r < w->rows; r++)
    fill_noise(w->run, at, o->numbers[w->first + r], 1, w->noise + r * o->D);
  for (size_t i = 0; i < w->rows * o->D; i++) out[i] += at->scale * w->noise[i];
}

static borel_status run_chunk(const worker *w, size_t from, size_t until) {
  const borel_tape_view *tape = w->run->tape;
  for (size_t i = from; i < until; i++) {
    const borel_tape_instruction *at = &tape->instructions[i];
    const int32_t *sources = tape->sources_at + i * BOREL_TAPE_SOURCES;
    switch (at->code) {
    case BOREL_TAPE_PREDICT: {
      borel_status status = predict(w, at, sources, tape->buffer_of[i]);
      if (status != BOREL_OK) return status;
      break;
    }
    case BOREL_TAPE_COMBINE:
    case BOREL_TAPE_COMBINE_BY: combination(w, at, sources, tape->buffer_of[i]); break;
    case BOREL_TAPE_NOISE: add_noise(w, at, tape->buffer_of[i]); break;
    case BOREL_TAPE_MARK: break;
    }
  }
  return BOREL_OK;
}

/* ---- threads ----------------------------------------------------------------------------------- */

static void close_worker(void *run, void *room) {
  worker *w = room;
  if (w->room) ((borel_reverse *)run)->predictor->ops->close(((borel_reverse *)run)->predictor, w->room);
  free(w->noise);
  free(w);
}

static void *open_worker(void *context, borel_error *error) {
  borel_reverse *run = context;
  worker *w = calloc(1, sizeof *w);
  if (!w) {
    borel_fail(error, BOREL_INTERNAL, "out of memory for a run");
    return NULL;
  }
  w->run = run;
  w->room = run->predictor->ops->open(run->predictor, run->chunk, run->options.D, error);
  w->noise = malloc((run->chunk * run->options.D + 1) * sizeof *w->noise);
  if (w->room && w->noise) return w;
  if (w->room) borel_fail(error, BOREL_INTERNAL, "out of memory for noise");
  close_worker(run, w);
  return NULL;
}

static borel_status do_chunk(void *context, void *room, size_t number, borel_error *error) {
  borel_reverse *run = context;
  worker *w = room;
  size_t rows = run->options.rows;
  w->error = error;
  w->first = number * run->chunk;
  w->rows = rows - w->first < run->chunk ? rows - w->first : run->chunk;
  return run_chunk(w, run->at, run->until);
}

static borel_status check_x(const borel_reverse *run, borel_error *error) {
  size_t D = run->options.D;
  for (size_t i = 0; i < run->options.rows * D; i++)
    if (!isfinite(run->buffers[i]))
      return borel_fail(error, BOREL_DOMAIN, "coordinate %zu of sample %llu is %g after step %u of %zu",
                        i % D + 1, (unsigned long long)borel_sample_number(&run->options, i / D) + 1,
                        run->buffers[i], run->at ? run->tape->instructions[run->at - 1].step + 1 : 0,
                        run->tape->steps);
  return BOREL_OK;
}

borel_status borel_reverse_advance(borel_reverse *run, size_t until, borel_error *error) {
  if (run->status != BOREL_OK) return borel_fail(error, run->status, "this run has failed before");
  if (until > run->tape->count) until = run->tape->count;
  if (until <= run->at) return BOREL_OK;
  static const borel_crew_ops crew = {open_worker, close_worker, do_chunk};
  size_t chunks = (run->options.rows + run->chunk - 1) / run->chunk;
  run->until = until;
  run->status = borel_crew_run(&crew, run, chunks, run->predictor->serial ? 1 : run->options.threads, error);
  if (run->status != BOREL_OK) return run->status;
  run->at = until;
  return run->status = check_x(run, error);
}

/* ---- keeping and steering ---------------------------------------------------------------------- */

typedef struct {
  uint64_t magic, tape, seed, samples, rows, D, at;
} head;

static head head_of(const borel_reverse *run) {
  return (head){.magic = 0x3156455245520042u,
                .tape = run->tape->hash,
                .seed = run->options.seed,
                .samples = run->samples,
                .rows = run->options.rows,
                .D = run->options.D,
                .at = run->at};
}

static size_t body_size(const borel_reverse *run) {
  return run->tape->buffers * run->options.rows * run->options.D * sizeof *run->buffers;
}

size_t borel_reverse_size(const borel_reverse *run) { return sizeof(head) + body_size(run); }

void borel_reverse_save(const borel_reverse *run, void *bytes) {
  head h = head_of(run);
  memcpy(bytes, &h, sizeof h);
  memcpy((char *)bytes + sizeof h, run->buffers, body_size(run));
}

borel_status borel_reverse_load(borel_reverse *run, const void *bytes, size_t size, borel_error *error) {
  head have, want = head_of(run);
  if (size != borel_reverse_size(run))
    return borel_fail(error, BOREL_ARG, "a saved run of %zu bytes cannot go on here, where it has %zu", size,
                      borel_reverse_size(run));
  memcpy(&have, bytes, sizeof have);
  want.at = have.at;
  if (have.tape != want.tape)
    return borel_fail(error, BOREL_ARG,
                      "the saved run has another tape: process, grid, solver and its parameters must "
                      "be the same");
  if (memcmp(&have, &want, sizeof have) != 0 || have.at > run->tape->count)
    return borel_fail(error, BOREL_ARG, "the saved run has another seed, or other samples");
  memcpy(run->buffers, (const char *)bytes + sizeof have, body_size(run));
  run->at = (size_t)have.at;
  run->status = BOREL_OK;
  return BOREL_OK;
}

borel_status borel_reverse_gather(borel_reverse *run, const int64_t *rows, borel_error *error) {
  size_t n = run->options.rows, D = run->options.D;
  double *one = malloc(n * D * sizeof *one);
  if (!one) return borel_fail(error, BOREL_INTERNAL, "out of memory for %zu samples", n);
  for (size_t b = 0; b < run->tape->buffers; b++) {
    double *array = run->buffers + b * n * D;
    for (size_t i = 0; i < n; i++) memcpy(one + i * D, array + (size_t)rows[i] * D, D * sizeof *one);
    memcpy(array, one, n * D * sizeof *one);
  }
  free(one);
  return BOREL_OK;
}
