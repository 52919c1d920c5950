/* SPDX-License-Identifier: MIT */
#include "infer/chain.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "host/point.h"
#include "host/services.h"
#include "host/windows.h"
#include "infer/counting_target.h"
#include "infer/pathfinder.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "store/checkpoint.h"
#include "store/log.h"

typedef struct {
  const borel_chain_task *task;
  borel_counting_target target;
  borel_target *inner;
  borel_host_point *point;
  borel_kernel_blocks blocks;
  borel_windows windows;
  borel_philox_rng rng;
  uint64_t root; /* key of all streams of the run */
  double *values, *info;
  double *scale;      /* of the start, [D], or NULL; for the kernel's `warm` */
  int info_step_size; /* place in info, -1: none */
  borel_log_writer *log;
  borel_checkpoint *checkpoint;
  char *log_path, *checkpoint_path;
  uint64_t iteration, divergences;
  double saved_at; /* seconds */
  borel_error *error;
} chain;

/* ---- randomness: a key by role, a lane by chain, an index by iteration ----------------------- */

static borel_rng *open_rng(chain *c, const char *role, uint64_t index) {
  borel_philox_open(&c->rng, borel_stream_child(c->root, role), c->task->number - 1, index, 0, c->error);
  return &c->rng.rng;
}

static borel_context context(chain *c, borel_rng *rng, const borel_phase *phase) {
  return borel_kernel_context(&c->blocks, rng, phase);
}

/* An operation's status, or what went wrong in its source of randomness. */
static borel_status after(chain *c, borel_status status) {
  return status == BOREL_OK && c->rng.rng.status ? c->rng.rng.status : status;
}

/* ---- log ------------------------------------------------------------------------------------- */

static json_t *shape_json(const borel_shape *shape) {
  json_t *list = json_array();
  for (int i = 0; i < shape->rank; i++) json_array_append_new(list, json_integer(shape->extent[i]));
  return list;
}

static char *header_text(const chain *c) {
  const borel_source *source = c->task->source;
  json_t *values = json_array(), *info = json_array();
  for (size_t i = 0; i < source->value_count; i++)
    json_array_append_new(values, json_pack("{s:s, s:o}", "name", source->values[i].name, "shape",
                                            shape_json(&source->values[i].shape)));
  for (size_t i = 0; i < c->task->kernel->info_count; i++)
    json_array_append_new(info, json_string(c->task->kernel->ops->info[i].name));
  json_t *header = json_pack("{s:i, s:s, s:o, s:o}", "chain", (int)c->task->number, "kernel",
                             c->task->kernel->component->name, "values", values, "info", info);
  char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
  json_decref(header);
  return text;
}

static char *layout_text(const borel_layout *layout) {
  json_t *sites = json_array();
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    json_array_append_new(sites, json_pack("{s:s, s:s, s:I, s:I}", "name", site->name, "block",
                                           site->block == BOREL_SITE_U ? "u" : "z", "offset",
                                           (json_int_t)site->offset, "size", (json_int_t)site->size));
  }
  json_t *text = json_pack("{s:o}", "sites", sites);
  char *dumped = text ? json_dumps(text, JSON_COMPACT) : NULL;
  json_decref(text);
  return dumped;
}

static borel_status start_log(chain *c) {
  char *header = header_text(c), *layout = layout_text(c->task->source->layout);
  borel_status status = BOREL_INTERNAL;
  if (header && layout) {
    unlink(c->log_path); /* of a start that never reached its first checkpoint */
    status = borel_log_create(c->log_path, header, strlen(header), &c->log, c->error);
    if (!status) status = borel_log_layout(c->log, 0, layout, strlen(layout), c->error);
  }
  free(header);
  free(layout);
  return status;
}

static borel_status append(chain *c, const borel_phase *phase) {
  const borel_source *source = c->task->source;
  const borel_point *p = &c->point->view;
  borel_rng *rng = open_rng(c, "summed", phase->iteration);
  borel_status status = source->constrain(source, c->inner, p->u, p->z, rng, c->values, c->error);
  if (status) return status;
  borel_log_record record = {p->layout,
                             phase->warming ? BOREL_LOG_WARMUP : BOREL_LOG_DRAWS,
                             phase->iteration,
                             p->D,
                             p->K,
                             source->value_size,
                             c->task->kernel->info_count,
                             p->u,
                             p->z,
                             c->values,
                             c->info};
  return borel_log_append(c->log, &record, c->error);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

typedef borel_status (*block_visit)(chain *c, const char *name, const borel_block_field *,
                                    const borel_shape *, void *reader);

static borel_status each_field(chain *c, block_visit visit, void *reader) {
  const struct {
    const char *prefix;
    borel_block *block;
  } blocks[] = {{"tuning", c->blocks.tuning}, {"state", c->blocks.state}};
  for (size_t b = 0; b < 2; b++)
    for (size_t i = 0; blocks[b].block && i < blocks[b].block->count; i++) {
      const borel_block_field *field = &blocks[b].block->fields[i];
      borel_shape shape = {field->rank, {0}};
      char name[200];
      for (int k = 0; k < field->rank; k++) shape.extent[k] = (int64_t)field->extent[k];
      snprintf(name, sizeof name, "%s.%s", blocks[b].prefix, field->name);
      borel_status status = visit(c, name, field, &shape, reader);
      if (status) return status;
    }
  return BOREL_OK;
}

static borel_status save_field(chain *c, const char *name, const borel_block_field *field,
                               const borel_shape *shape, void *reader) {
  (void)reader;
  return borel_checkpoint_add_array(c->checkpoint, name, field->dtype, shape, field->data, c->error);
}

static borel_status load_field(chain *c, const char *name, const borel_block_field *field,
                               const borel_shape *shape, void *reader) {
  const void *data;
  borel_status status = borel_checkpoint_get_array(reader, name, field->dtype, shape, &data, c->error);
  if (!status && field->bytes) memcpy(field->data, data, field->bytes);
  return status;
}

static borel_status save(chain *c) {
  const borel_point *p = &c->point->view;
  borel_shape d = {1, {(int64_t)p->D}}, k = {1, {(int64_t)p->K}};
  borel_status status = borel_log_sync(c->log, c->error);
  borel_checkpoint_clear(c->checkpoint);
#define SAVE(call)                                                                                           \
  if (!status) status = (call)
  SAVE(borel_checkpoint_add_u64(c->checkpoint, "iteration", c->iteration, c->error));
  SAVE(borel_checkpoint_add_u64(c->checkpoint, "divergences", c->divergences, c->error));
  SAVE(borel_checkpoint_add_u64(c->checkpoint, "point.layout", p->layout, c->error));
  SAVE(borel_checkpoint_add_u64(c->checkpoint, "point.valid", p->valid & (BOREL_LOGDENSITY | BOREL_GRADIENT),
                                c->error));
  SAVE(borel_checkpoint_add_real(c->checkpoint, "point.logdensity", p->logdensity, c->error));
  SAVE(borel_checkpoint_add_array(c->checkpoint, "point.u", BOREL_F64, &d, p->u, c->error));
  SAVE(borel_checkpoint_add_array(c->checkpoint, "point.gradient", BOREL_F64, &d, p->gradient, c->error));
  SAVE(borel_checkpoint_add_array(c->checkpoint, "point.z", BOREL_I64, &k, p->z, c->error));
  SAVE(each_field(c, save_field, NULL));
  SAVE(borel_checkpoint_commit(c->checkpoint, c->checkpoint_path, borel_log_committed(c->log), c->error));
#undef SAVE
  return status;
}

static borel_status restore(chain *c) {
  borel_checkpoint_reader *reader = NULL;
  borel_status status = borel_checkpoint_load(c->checkpoint_path, &reader, c->error);
  if (status) return status;
  borel_shape d = {1, {(int64_t)c->point->view.D}}, k = {1, {(int64_t)c->point->view.K}};
  uint64_t valid = 0;
  double logdensity = 0;
  const void *u, *gradient, *z;
#define LOAD(call)                                                                                           \
  if (!status) status = (call)
  LOAD(borel_checkpoint_get_u64(reader, "iteration", &c->iteration, c->error));
  LOAD(borel_checkpoint_get_u64(reader, "divergences", &c->divergences, c->error));
  LOAD(borel_checkpoint_get_u64(reader, "point.valid", &valid, c->error));
  LOAD(borel_checkpoint_get_real(reader, "point.logdensity", &logdensity, c->error));
  LOAD(borel_checkpoint_get_array(reader, "point.u", BOREL_F64, &d, &u, c->error));
  LOAD(borel_checkpoint_get_array(reader, "point.gradient", BOREL_F64, &d, &gradient, c->error));
  LOAD(borel_checkpoint_get_array(reader, "point.z", BOREL_I64, &k, &z, c->error));
  LOAD(each_field(c, load_field, reader));
  LOAD(borel_log_resume(c->log_path, borel_checkpoint_log_length(reader), &c->log, c->error));
#undef LOAD
  if (!status) {
    borel_point_set(c->point, u, z);
    if (valid & BOREL_LOGDENSITY)
      borel_point_know(&c->point->view, logdensity, valid & BOREL_GRADIENT ? gradient : NULL);
  }
  borel_checkpoint_reader_free(reader);
  return status;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* A log-density beyond this is rounded to more than 0.02: differences of energies are then noise, and no
 * kernel finds its way from there. */
static const double coarse = 1e14;

/* Moves to try number `attempt`: u ~ U(-2, 2), z uniform, but for what the user gave; REJECT when density or
 * gradient is not finite. */
static borel_status try_start(chain *c, uint64_t attempt, double *u, int64_t *z, borel_error *error) {
  const borel_layout *layout = c->task->source->layout;
  unsigned want = BOREL_LOGDENSITY | (layout->D && c->target.ops.gradient ? BOREL_GRADIENT : 0);
  borel_rng *rng = open_rng(c, "init", attempt);
  for (size_t i = 0; i < layout->D; i++) u[i] = 4 * rng->ops->uniform(rng) - 2;
  for (size_t s = 0; s < layout->site_count; s++)
    for (size_t i = 0; layout->sites[s].block == BOREL_SITE_Z && i < layout->sites[s].size; i++)
      z[layout->sites[s].offset + i] =
          layout->sites[s].lowest + (int64_t)rng->ops->uniform_int(rng, (uint64_t)layout->sites[s].count);
  const double *given_u = c->task->options->start_u, *given_z = c->task->options->start_z;
  for (size_t i = 0; given_u && i < layout->D; i++)
    if (!isnan(given_u[i])) u[i] = given_u[i];
  for (size_t i = 0; given_z && i < layout->K; i++)
    if (!isnan(given_z[i])) z[i] = (int64_t)given_z[i];
  borel_point_set(c->point, u, z);
  borel_status status = borel_point_evaluate(&c->target.target, &c->point->view, want, error);
  for (size_t i = 0; !status && (want & BOREL_GRADIENT) && i < layout->D; i++)
    if (!isfinite(c->point->view.gradient[i])) status = BOREL_REJECT;
  return status;
}

/* Tries starts, from number `first` on, until one has a density that is finite and not coarse; when all are
 * coarse, the best is taken. */
static borel_status find_start(chain *c, uint64_t first) {
  const borel_source *source = c->task->source;
  double *u = calloc(source->layout->D + 1, sizeof *u);
  int64_t *z = calloc(source->layout->K + 1, sizeof *z);
  borel_status status = u && z ? BOREL_OK : borel_fail(c->error, BOREL_INTERNAL, "out of memory for a chain");
  borel_error last = {0};
  double highest = -INFINITY;
  uint64_t best = first;
  int found = 0;
  for (uint64_t attempt = first; status == BOREL_OK && !found && attempt < first + BOREL_INIT_TRIES;
       attempt++) {
    borel_status tried = try_start(c, attempt, u, z, &last);
    if (tried == BOREL_OK) {
      double logdensity = c->point->view.logdensity;
      found = fabs(logdensity) < coarse;
      if (logdensity > highest) highest = logdensity, best = attempt;
    } else if (tried != BOREL_REJECT && tried != BOREL_DOMAIN) {
      *c->error = last;
      status = tried;
    }
  }
  if (status == BOREL_OK && !found && highest > -INFINITY) {
    status = try_start(c, best, u, z, &last);
  } else if (status == BOREL_OK && !found) {
    char terms[600] = "";
    if (source->explain) source->explain(source, u, z, terms, sizeof terms);
    status = borel_fail(
        c->error, BOREL_ARG,
        "no start found in %d tries: the log-density is not finite for u ~ U(-2, 2)%s%s (last try)",
        BOREL_INIT_TRIES, terms[0] ? "; " : "", terms);
  }
  free(u);
  free(z);
  return status;
}

enum { PATHS = 4, PATH_CELLS = 1 << 16 /* cells of a path; the first ones are its places */ };

typedef struct {
  chain *c;
  uint64_t path;
} path_cells;

static borel_rng *pathfinder_rng(void *context, uint64_t index) {
  const path_cells *cells = context;
  return open_rng(cells->c, "pathfinder", cells->path * PATH_CELLS + index);
}

/* One of pathfinder's draws on paths from several starts, chosen by importance: u [D] and its scale [D]. A
 * path that ends in a small mode has little weight. REJECT when no path has an approximation. */
static borel_status follow_paths(chain *c, double *u, double *scale, double *room, int64_t *z) {
  size_t D = c->point->view.D;
  double log_total = -INFINITY;
  for (uint64_t path = 0; path < PATHS; path++) {
    path_cells cells = {c, path};
    double log_mass;
    borel_status status = find_start(c, path * BOREL_INIT_TRIES);
    if (status == BOREL_OK)
      status = borel_pathfinder(&c->target.target, &c->point->view, pathfinder_rng, &cells, room, room + D,
                                &log_mass, c->error);
    if (status == BOREL_REJECT) continue;
    if (status == BOREL_ARG && path > 0) { /* no start: others were found */
      *c->error = (borel_error){0};
      continue;
    }
    if (status != BOREL_OK) return status;
    /* reservoir sampling: path k is kept with probability mass k / (mass 0 + ... + mass k) */
    double high = fmax(log_total, log_mass);
    log_total = high + log(exp(log_total - high) + exp(log_mass - high));
    borel_rng *rng = open_rng(c, "path", path);
    if (!rng->ops->accept(rng, log_mass - log_total)) continue;
    memcpy(u, room, D * sizeof *u);
    memcpy(scale, room + D, D * sizeof *scale);
    if (c->point->view.K) memcpy(z, c->point->view.z, c->point->view.K * sizeof *z);
  }
  return log_total > -INFINITY ? BOREL_OK : BOREL_REJECT;
}

/* From a start of pathfinder's, unless it fails. */
static borel_status improve_start(chain *c) {
  size_t D = c->point->view.D;
  double *scale = calloc(4 * D + 1, sizeof *scale), *u = scale + D;
  int64_t *z = calloc(c->point->view.K + 1, sizeof *z);
  if (!scale || !z) {
    free(scale);
    free(z);
    return borel_fail(c->error, BOREL_INTERNAL, "out of memory for a chain");
  }
  borel_status status = BOREL_REJECT;
  if (D && c->target.ops.gradient) status = follow_paths(c, u, scale, scale + 2 * D, z);
  if (status == BOREL_OK) {
    borel_point_set(c->point, u, z);
    status =
        borel_point_evaluate(&c->target.target, &c->point->view, BOREL_LOGDENSITY | BOREL_GRADIENT, c->error);
  }
  if (status == BOREL_REJECT)
    borel_log(BOREL_LOG_WARN, "chain %u: pathfinder found no approximation%s; it starts at u ~ U(-2, 2)",
              c->task->number, D && c->target.ops.gradient ? "" : ", as the model has no gradient");
  free(z);
  if (status == BOREL_OK)
    c->scale = scale;
  else
    free(scale);
  return status;
}

static borel_status begin(chain *c) {
  borel_phase phase = borel_windows_phase(&c->windows, 0, 1);
  borel_status status = c->task->options->pathfinder ? improve_start(c) : BOREL_REJECT;
  if (status == BOREL_REJECT) status = find_start(c, 0);
  if (status) return status;
  const borel_kernel *kernel = c->task->kernel;
  if (kernel->ops->begin) {
    borel_context x = context(c, open_rng(c, "begin", 0), &phase);
    if ((status =
             after(c, kernel->ops->begin(kernel->self, &x, &c->target.target, &c->point->view, c->error))))
      return status;
  }
  if (kernel->ops->warm) {
    borel_context x = context(c, open_rng(c, "warm", 0), &phase);
    x.scale = c->scale;
    if ((status = after(c, kernel->ops->warm(kernel->self, &x, &c->target.target, &c->point->view,
                                             c->blocks.tuning->data, c->error))))
      return status;
  }
  status = start_log(c);
  return status ? status : save(c);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void tell(chain *c) {
  borel_chain_progress *p = c->task->progress;
  atomic_store_explicit(&p->iteration, c->iteration, memory_order_relaxed);
  atomic_store_explicit(&p->gradients, c->target.gradients, memory_order_relaxed);
  atomic_store_explicit(&p->densities, c->target.densities, memory_order_relaxed);
  atomic_store_explicit(&p->divergences, c->divergences, memory_order_relaxed);
  if (c->info_step_size >= 0)
    atomic_store_explicit(&p->step_size, c->info[c->info_step_size], memory_order_relaxed);
}

/* Is info field i, of the kernel or of a part of it ("2.accept"), called so? */
static int is_info(const borel_kernel *kernel, size_t i, const char *name) {
  const char *field = kernel->ops->info[i].name, *dot = strrchr(field, '.');
  return strcmp(dot ? dot + 1 : field, name) == 0;
}

static int find_info(const borel_kernel *kernel, const char *name) {
  for (size_t i = 0; i < kernel->info_count; i++)
    if (is_info(kernel, i, name)) return (int)i;
  return -1;
}

/* Has any part of the kernel diverged in this step? NaN is of a part that took none. */
static int diverges(const chain *c) {
  const borel_kernel *kernel = c->task->kernel;
  for (size_t i = 0; i < kernel->info_count; i++)
    if (is_info(kernel, i, "diverging") && c->info[i] > 0) return 1;
  return 0;
}

static borel_status iterate(chain *c) {
  const borel_kernel *kernel = c->task->kernel;
  borel_phase phase = borel_windows_phase(&c->windows, c->iteration, 1);
  borel_context x = context(c, open_rng(c, "step", c->iteration), &phase);
  borel_status status =
      after(c, kernel->ops->step(kernel->self, &x, &c->target.target, &c->point->view, c->info, c->error));
  if (!status && phase.warming && kernel->ops->adapt) {
    x = context(c, open_rng(c, "adapt", c->iteration), &phase);
    status = after(c, kernel->ops->adapt(kernel->self, &x, &c->target.target, &c->point->view, c->info,
                                         c->blocks.tuning->data, c->error));
  }
  if (status) {
    borel_fail_within(c->error, "kernel '%s', iteration %llu", kernel->component->name,
                      (unsigned long long)c->iteration + 1);
    return status;
  }
  if (!phase.warming) c->divergences += (uint64_t)diverges(c);
  return append(c, &phase);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* When checkpoints are written depends on time, but nothing that is drawn depends on them. */
static borel_status save_in_time(chain *c) {
  double now = seconds();
  if (now - c->saved_at < c->task->options->checkpoint_seconds) return BOREL_OK;
  c->saved_at = now;
  return save(c);
}

static borel_status loop(chain *c) {
  const borel_run_options *options = c->task->options;
  uint64_t total = options->warmup + options->draws;
  c->saved_at = seconds();
  borel_status status = BOREL_OK;
  while (!status && c->iteration < total) {
    if (atomic_load_explicit(c->task->cancelled, memory_order_relaxed)) {
      status = save(c);
      return status
                 ? status
                 : borel_fail(c->error, BOREL_CANCELLED, "stopped on request after %llu of %llu iterations",
                              (unsigned long long)c->iteration, (unsigned long long)total);
    }
    if ((status = iterate(c))) break;
    c->iteration++;
    tell(c);
    if (c->iteration == total)
      status = save(c);
    else if (options->checkpoint_every && c->iteration % options->checkpoint_every == 0)
      status = save_in_time(c);
  }
  return status;
}

static borel_status run(chain *c) {
  const borel_chain_task *task = c->task;
  const borel_layout *layout = task->source->layout;
  c->root = borel_stream_root(task->options->seed);
  c->windows = borel_windows_plan(task->options->warmup, task->options->warmup + task->options->draws);
  c->info_step_size = find_info(task->kernel, "step_size");
  c->values = calloc(task->source->value_size + 1, sizeof *c->values);
  c->info = calloc(task->kernel->info_count + 1, sizeof *c->info);
  c->log_path = borel_rundir_chain_file(task->directory, task->number, "log");
  c->checkpoint_path = borel_rundir_chain_file(task->directory, task->number, "ckpt");
  if (!c->values || !c->info || !c->log_path || !c->checkpoint_path)
    return borel_fail(c->error, BOREL_INTERNAL, "out of memory for a chain");
  borel_status status = borel_checkpoint_begin(&c->checkpoint, c->error);
  if (!status) status = task->source->open(task->source, &c->inner, c->error);
  if (status) return status;
  borel_counting_target_wrap(&c->target, c->inner);
  status = borel_point_create(layout, &c->point, c->error);
  if (!status) status = borel_kernel_blocks_create(task->kernel, layout, 1, &c->blocks, c->error);
  if (!status)
    status = task->options->resume && borel_checkpoint_exists(c->checkpoint_path) ? restore(c) : begin(c);
  if (!status) {
    tell(c);
    status = loop(c);
  }
  tell(c);
  return status;
}

borel_status borel_chain_run(const borel_chain_task *task) {
  chain c = {.task = task, .error = &task->progress->error};
  atomic_store(&task->progress->state, BOREL_CHAIN_RUNNING);
  borel_status status = run(&c);
  borel_error closing = {0};
  if (c.log && borel_log_close(c.log, &closing) && !status) {
    status = closing.code;
    task->progress->error = closing;
  }
  borel_checkpoint_free(c.checkpoint);
  borel_kernel_blocks_destroy(&c.blocks);
  borel_point_destroy(c.point);
  if (c.inner) task->source->close(task->source, c.inner);
  free(c.scale);
  free(c.values);
  free(c.info);
  free(c.log_path);
  free(c.checkpoint_path);
  if (status && task->progress->error.code == BOREL_OK)
    borel_fail(&task->progress->error, status, "chain %u failed (%s)", task->number,
               borel_status_name(status));
  atomic_store(&task->progress->state, status ? BOREL_CHAIN_FAILED : BOREL_CHAIN_DONE);
  return status;
}
