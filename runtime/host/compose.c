/* SPDX-License-Identifier: MIT
 *
 * BOREL_MUTANT = 1, 2, 3, 4 and 10 break one expression on purpose; tests/cli/compose_mutants.sh sees that
 * each is noticed.
 */
#include "host/compose.h"

#include "core/error.h"
#include "host/claims.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { MOST_PARTS = 99, PREFIX = 24, MOST_PREFIX = 64 };
enum { TUNING, STATE, SCRATCH, LISTS };

typedef struct {
  const borel_kernel *kernel;
  size_t at[LISTS]; /* where its fields begin among those of the composition */
  size_t info_at;
} part;

struct borel_composition {
  borel_component component; /* first */
  borel_kernel_ops ops;
  part *parts; /* [count] */
  size_t count;
  borel_field own[2]; /* a field of its own, or the end of the list */
  int own_in;         /* the list that it stands in, before those of the parts */
  size_t fields[LISTS];
  borel_field *info; /* [info_count], and the end of the list */
  char *info_names;
  size_t info_count;
  double *weights;          /* mixture: [count], sum 1 */
  borel_selection selected; /* on: its names are owned */
  size_t steps;             /* thin */
};

/* ---- parts of a call ------------------------------------------------------------------------- */

static borel_context context_of(const borel_context *context, const part *p) {
  borel_context own = *context;
  own.tuning += p->at[TUNING];
  own.state += p->at[STATE];
  own.scratch += p->at[SCRATCH];
  return own;
}

/* After a call of part i: an error says whose it is, a source that has failed ends the step. */
static borel_status after(const borel_composition *c, size_t i, const borel_context *context,
                          borel_status status, borel_error *error) {
  if (status == BOREL_OK) return context->rng ? context->rng->status : BOREL_OK;
  if (status == BOREL_REJECT)
    return borel_fail(error, BOREL_INTERNAL, "%s rejects instead of staying where it is",
                      c->parts[i].kernel->component->name);
  if (c->count > 1) borel_fail_within(error, "%zu (%s)", i + 1, c->parts[i].kernel->component->name);
  return status;
}

static borel_status step_part(const borel_composition *c, size_t i, const borel_context *context,
                              borel_target *target, borel_point *point, double *info, borel_error *error) {
  const part *p = &c->parts[i];
  borel_context own = context_of(context, p);
  borel_status status = p->kernel->ops->step(p->kernel->self, &own, target, point, info + p->info_at, error);
  return after(c, i, context, status, error);
}

static borel_status adapt_part(const borel_composition *c, size_t i, const borel_context *context,
                               borel_target *target, borel_point *point, const double *info,
                               void *const *tuning, borel_error *error) {
  const part *p = &c->parts[i];
  if (!p->kernel->ops->adapt) return BOREL_OK;
  borel_context own = context_of(context, p);
  borel_status status =
      p->kernel->ops->adapt(p->kernel->self, &own, target, point, info, tuning + p->at[TUNING], error);
  return after(c, i, context, status, error);
}

static borel_status begin_part(const borel_composition *c, size_t i, const borel_context *context,
                               borel_target *target, borel_point *point, borel_error *error) {
  const part *p = &c->parts[i];
  if (!p->kernel->ops->begin) return BOREL_OK;
  borel_context own = context_of(context, p);
  return after(c, i, context, p->kernel->ops->begin(p->kernel->self, &own, target, point, error), error);
}

static borel_status warm_part(const borel_composition *c, size_t i, const borel_context *context,
                              borel_target *target, borel_point *point, void *const *tuning,
                              borel_error *error) {
  const part *p = &c->parts[i];
  if (!p->kernel->ops->warm) return BOREL_OK;
  borel_context own = context_of(context, p);
  borel_status status =
      p->kernel->ops->warm(p->kernel->self, &own, target, point, tuning + p->at[TUNING], error);
  return after(c, i, context, status, error);
}

/* ---- cycle, and what cycle, mixture and thin have in common ---------------------------------- */

static borel_status all_begin(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, borel_error *error) {
  const borel_composition *c = self;
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < c->count && status == BOREL_OK; i++)
    status = begin_part(c, i, context, target, point, error);
  return status;
}

static borel_status all_warm(const void *self, const borel_context *context, borel_target *target,
                             borel_point *point, void *const *tuning, borel_error *error) {
  const borel_composition *c = self;
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < c->count && status == BOREL_OK; i++)
    status = warm_part(c, i, context, target, point, tuning, error);
  return status;
}

static borel_status cycle_step(const void *self, const borel_context *context, borel_target *target,
                               borel_point *point, double *info, borel_error *error) {
  const borel_composition *c = self;
  size_t count = c->count;
#if BOREL_MUTANT == 1 /* the last part never moves */
  count--;
  for (size_t i = 0; i < c->info_count; i++) info[i] = 0;
#endif
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < count && status == BOREL_OK; i++)
    status = step_part(c, i, context, target, point, info, error);
  return status;
}

static borel_status all_adapt(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, const double *info, void *const *tuning,
                              borel_error *error) {
  const borel_composition *c = self;
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < c->count && status == BOREL_OK; i++)
#if BOREL_MUTANT == 4 /* every part hears of the step of the first */
    status = adapt_part(c, i, context, target, point, info, tuning, error);
#else
    status = adapt_part(c, i, context, target, point, info + c->parts[i].info_at, tuning, error);
#endif
  return status;
}

/* ---- mixture --------------------------------------------------------------------------------- */

enum { CHOSEN, MIXTURE_INFO }; /* its own info: which part, from 1 */

/* Of each part: whether it has taken a step yet, and what the last one told. */
static double *memory_of(const borel_composition *c, const borel_context *context, size_t i) {
  return (double *)context->state[0] + i + c->parts[i].info_at - MIXTURE_INFO;
}

static borel_status mixture_step(const void *self, const borel_context *context, borel_target *target,
                                 borel_point *point, double *info, borel_error *error) {
  const borel_composition *c = self;
#if BOREL_MUTANT == 2 /* all parts are as likely */
  size_t chosen = (size_t)context->rng->ops->uniform_int(context->rng, c->count);
#else
  size_t chosen = context->rng->ops->categorical(context->rng, c->weights, c->count);
#endif
  for (size_t i = 0; i < c->info_count; i++) info[i] = NAN; /* nothing is known of a step not taken */
  info[CHOSEN] = (double)chosen + 1;
  borel_status status = step_part(c, chosen, context, target, point, info, error);
  double *memory = memory_of(c, context, chosen);
  memory[0] = 1;
  memcpy(memory + 1, info + c->parts[chosen].info_at, c->parts[chosen].kernel->info_count * sizeof *info);
  return status;
}

/* A part adapts to its own steps. At the end of a window and of the warm-up, when much is settled, each part
 * is told, if not of a step that it has just taken then once more of its last. */
static borel_status mixture_adapt(const void *self, const borel_context *context, borel_target *target,
                                  borel_point *point, const double *info, void *const *tuning,
                                  borel_error *error) {
  const borel_composition *c = self;
  const borel_phase *phase = context->phase;
#if BOREL_MUTANT == 10 /* a part may miss the end of the warm-up */
  int settles = 0;
#else
  int settles = phase->window_end || phase->iteration + 1 == phase->warmup;
#endif
  borel_status status = BOREL_OK;
  for (size_t i = 0; i < c->count && status == BOREL_OK; i++) {
    const double *memory = memory_of(c, context, i);
    if ((double)i + 1 == info[CHOSEN] || (settles && memory[0] != 0))
      status = adapt_part(c, i, context, target, point, memory + 1, tuning, error);
  }
  return status;
}

/* ---- thin ------------------------------------------------------------------------------------ */

/* Is this info field, whatever part it belongs to, called so? */
static int is_named(const char *field, const char *name) {
  const char *dot = strrchr(field, '.');
  return !strcmp(dot ? dot + 1 : field, name);
}

/* The info is that of the last step, but a divergence of any counts. */
static borel_status thin_step(const void *self, const borel_context *context, borel_target *target,
                              borel_point *point, double *info, borel_error *error) {
  const borel_composition *c = self;
  borel_status status = BOREL_OK;
  double *seen = context->scratch[0];
  for (size_t i = 0; i < c->info_count; i++) seen[i] = 0;
  for (size_t n = 0; n < c->steps && status == BOREL_OK; n++) {
#if BOREL_MUTANT == 3 /* goes on for as long as the density is low */
    if (n > 0 && borel_point_evaluate(target, point, BOREL_LOGDENSITY, error) == BOREL_OK &&
        point->logdensity > -1.5)
      break;
#endif
    status = step_part(c, 0, context, target, point, info, error);
    for (size_t i = 0; i < c->info_count && status == BOREL_OK; i++)
      if (is_named(c->info[i].name, "diverging") && info[i] > 0) seen[i] = 1;
  }
  for (size_t i = 0; i < c->info_count && status == BOREL_OK; i++)
    if (seen[i] > 0) info[i] = 1;
  return status;
}

/* ---- on -------------------------------------------------------------------------------------- */

static borel_block_view *view_of(const borel_context *context) { return context->scratch[0]; }

static borel_status on_begin(const void *self, const borel_context *context, borel_target *target,
                             borel_point *point, borel_error *error) {
  borel_block_view *v = view_of(context);
  borel_status status = borel_block_view_load(v, target, point, error);
  if (status != BOREL_OK) return status;
  status = begin_part(self, 0, context, &v->target, &v->point->view, error);
  borel_block_view_store(v, point);
  return status;
}

static borel_status on_warm(const void *self, const borel_context *context, borel_target *target,
                            borel_point *point, void *const *tuning, borel_error *error) {
  borel_block_view *v = view_of(context);
  borel_status status = borel_block_view_load(v, target, point, error);
  if (status != BOREL_OK) return status;
  borel_context own = *context;
  for (size_t d = 0; context->scale && d < v->layout.D; d++) v->scale[d] = context->scale[v->u_at[d]];
  if (context->scale) own.scale = v->scale;
  status = warm_part(self, 0, &own, &v->target, &v->point->view, tuning, error);
  borel_block_view_store(v, point);
  return status;
}

/* What moved goes back even after an error: the point of the part is as true as ever. */
static borel_status on_step(const void *self, const borel_context *context, borel_target *target,
                            borel_point *point, double *info, borel_error *error) {
  borel_block_view *v = view_of(context);
  borel_status status = borel_block_view_load(v, target, point, error);
  if (status != BOREL_OK) return status;
  status = step_part(self, 0, context, &v->target, &v->point->view, info, error);
  borel_block_view_store(v, point);
  return status;
}

static borel_status on_adapt(const void *self, const borel_context *context, borel_target *target,
                             borel_point *point, const double *info, void *const *tuning,
                             borel_error *error) {
  borel_block_view *v = view_of(context);
  borel_status status = borel_block_view_load(v, target, point, error);
  if (status != BOREL_OK) return status;
  status = adapt_part(self, 0, context, &v->target, &v->point->view, info, tuning, error);
  borel_block_view_store(v, point);
  return status;
}

/* ---- claims ---------------------------------------------------------------------------------- */

/* From the strongest: exactly, up to a constant, in a limit, to an order. */
static borel_claims weaker(borel_claims a, const borel_claims *b) {
  double order = b->order < a.order || a.preserves != BOREL_PRESERVES_ORDER ? b->order : a.order;
  if (b->preserves == BOREL_PRESERVES_ORDER) a.order = order;
  if (b->preserves > a.preserves) a.preserves = b->preserves;
  return a;
}

/* What all parts have. Ergodic parts keep each point with some chance or have a density around it, so that a
 * cycle of them can do whatever one of them can. */
static borel_claims common_claims(const borel_composition *c) {
  borel_claims all = {.preserves = BOREL_PRESERVES_MEASURE,
                      .flags = BOREL_REVERSIBLE | BOREL_ERGODIC | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z |
                               BOREL_LEAVES_U,
                      .checks = BOREL_CHECK_MATRIX};
  for (size_t i = 0; i < c->count; i++) {
    const borel_claims *own = &c->parts[i].kernel->component->claims;
    uint32_t flags = own->flags | (borel_claims_leaves_z(own) ? BOREL_LEAVES_Z : 0u);
    all = weaker(all, own);
    all.flags &= flags;
  }
  return all;
}

/* Forwards and backwards the same: the reverse of a cycle of reversible parts is the cycle of them in
 * reverse. Each place in the cycle has a tuning of its own, so that only what is never tuned is the same
 * twice. */
static int is_palindrome(const borel_composition *c) {
  for (size_t i = 0; i < c->count / 2; i++) {
    const borel_kernel *kernel = c->parts[i].kernel;
    int tuned = kernel->composition ? kernel->composition->fields[TUNING] > 0
                                    : kernel->ops->tuning && kernel->ops->tuning[0].name;
    if (tuned || kernel != c->parts[c->count - 1 - i].kernel) return 0;
  }
  return 1;
}

static void claim_cycle(borel_composition *c) {
  borel_claims *claims = &c->component.claims;
  *claims = common_claims(c);
  if (!is_palindrome(c)) claims->flags &= ~BOREL_REVERSIBLE;
  claims->note = "ergodic in what its parts move, where moves of one part at a time connect the support";
}

/* With names it depends on the model what is moved. Conditional on the rest, so it never is all. */
static void claim_on(borel_composition *c) {
  const borel_claims *own = &c->parts[0].kernel->component->claims;
  borel_claims *claims = &c->component.claims;
  *claims = common_claims(c);
  int z = c->selected.all && c->selected.block == BOREL_SITE_Z;
  int u = c->selected.all && c->selected.block == BOREL_SITE_U;
  if (z) claims->flags |= BOREL_LEAVES_U;
  if (u) claims->flags |= BOREL_LEAVES_Z;
  if (u) claims->checks = own->checks;
  if (!u && !z) claims->flags &= ~BOREL_ERGODIC;
  if (u || z) claims->note = "ergodic in what it moves";
}

/* ---- making ---------------------------------------------------------------------------------- */

static size_t length(const borel_field *list) {
  size_t n = 0;
  while (list && list[n].name) n++;
  return n;
}

static const borel_field *list_of(const borel_kernel *kernel, int list) {
  const borel_field *const lists[LISTS] = {kernel->ops->tuning, kernel->ops->state, kernel->ops->scratch};
  return lists[list];
}

/* "2." before the names of part 2; "" where there is no other. */
static void prefix_of(const borel_composition *c, size_t i, char prefix[PREFIX]) {
  prefix[0] = 0;
  if (c->count > 1) snprintf(prefix, PREFIX, "%zu.", i + 1);
}

/* Where the fields of each part begin. */
static void place_parts(borel_composition *c) {
  c->fields[c->own_in] = length(c->own);
  for (size_t i = 0; i < c->count; i++) {
    part *p = &c->parts[i];
    for (int l = 0; l < LISTS; l++) {
      p->at[l] = c->fields[l];
      c->fields[l] +=
          p->kernel->composition ? p->kernel->composition->fields[l] : length(list_of(p->kernel, l));
    }
    p->info_at = c->info_count;
    c->info_count += p->kernel->info_count;
  }
}

/* The info of the parts after that of its own, of which there are `own`. */
static borel_status name_info(borel_composition *c, const borel_field *own, borel_error *error) {
  size_t bytes = 1, n = 0;
  char prefix[PREFIX];
  for (size_t i = 0; i < c->count; i++)
    for (size_t k = 0; k < c->parts[i].kernel->info_count; k++)
      bytes += strlen(c->parts[i].kernel->ops->info[k].name) + sizeof prefix;
  c->info = calloc(c->info_count + 1, sizeof *c->info);
  char *at = c->info_names = malloc(bytes);
  if (!c->info || !at) return borel_fail(error, BOREL_INTERNAL, "no memory for a composition");
  for (; own && own[n].name; n++) c->info[n] = own[n];
  for (size_t i = 0; i < c->count; i++)
    for (size_t k = 0; k < c->parts[i].kernel->info_count; k++) {
      prefix_of(c, i, prefix);
      c->info[n] = c->parts[i].kernel->ops->info[k];
      c->info[n++].name = at;
      at += sprintf(at, "%s%s", prefix, c->parts[i].kernel->ops->info[k].name) + 1;
    }
  c->ops.info = c->info;
  return BOREL_OK;
}

/* A composition of these parts, without ops. */
static borel_status start(const char *name, const char *summary, const borel_kernel *const *parts,
                          size_t count, borel_composition **out, borel_error *error) {
  *out = NULL;
  if (count < 1 || count > MOST_PARTS)
    return borel_fail(error, BOREL_ARG, "%s: it needs 1 to %d kernels, not %zu", name, MOST_PARTS, count);
  borel_composition *c = calloc(1, sizeof *c);
  if (c) c->parts = calloc(count, sizeof *c->parts);
  if (!c || !c->parts) {
    free(c);
    return borel_fail(error, BOREL_INTERNAL, "no memory for a composition");
  }
  c->count = count;
  for (size_t i = 0; i < count; i++) c->parts[i].kernel = parts[i];
  c->component = (borel_component){.size = sizeof c->component,
                                   .kind = BOREL_KERNEL,
                                   .name = name,
                                   .summary = summary,
                                   .reference = "Tierney 1994, Ann. Statist. 22:1701",
                                   .ops = &c->ops};
  c->ops =
      (borel_kernel_ops){.size = sizeof c->ops, .begin = all_begin, .warm = all_warm, .adapt = all_adapt};
  *out = c;
  return BOREL_OK;
}

/* Hands over what is complete; destroys it after an error. */
static borel_status finish(borel_composition *c, borel_status status, borel_composition **out) {
  if (status != BOREL_OK) {
    borel_composition_destroy(c);
    c = NULL;
  }
  *out = c;
  return status;
}

borel_status borel_cycle_new(const borel_kernel *const *parts, size_t count, borel_composition **out,
                             borel_error *error) {
  borel_composition *c;
  borel_status status =
      start("cycle", "each kernel takes its step, one after the other", parts, count, &c, error);
  if (status != BOREL_OK) return *out = NULL, status;
  c->ops.step = cycle_step;
  place_parts(c);
  claim_cycle(c);
  return finish(c, name_info(c, NULL, error), out);
}

static borel_status take_weights(borel_composition *c, const double *weights, borel_error *error) {
  double sum = 0;
  c->weights = calloc(c->count, sizeof *c->weights);
  if (!c->weights) return borel_fail(error, BOREL_INTERNAL, "no memory for a composition");
  for (size_t i = 0; i < c->count; i++) {
    if (!(weights[i] > 0 && isfinite(weights[i])))
      return borel_fail(error, BOREL_ARG, "mixture: weight %zu is %g, must be above 0", i + 1, weights[i]);
    sum += weights[i];
  }
  for (size_t i = 0; i < c->count; i++) c->weights[i] = weights[i] / sum;
  return BOREL_OK;
}

borel_status borel_mixture_new(const borel_kernel *const *parts, const double *weights, size_t count,
                               borel_composition **out, borel_error *error) {
  static const borel_field own_info[] = {{"chosen", BOREL_F64, {0}, "the kernel that took a step, from 1"},
                                         {0}};
  borel_composition *c;
  borel_status status =
      start("mixture", "one kernel takes its step, drawn with fixed chances", parts, count, &c, error);
  if (status != BOREL_OK) return *out = NULL, status;
  c->ops.step = mixture_step;
  c->ops.adapt = mixture_adapt;
  c->info_count = MIXTURE_INFO;
  c->own_in = STATE;
  c->own[0] = (borel_field){"memory", BOREL_F64, {1}, "the last step of each kernel"};
  place_parts(c);
  c->own[0].dim[0] = (int32_t)(c->count + c->info_count);
  c->component.claims = common_claims(c);
  c->component.claims.note =
      "ergodic in what its kernels move, where moves of one at a time connect the support";
  status = take_weights(c, weights, error);
  if (status == BOREL_OK) status = name_info(c, own_info, error);
  return finish(c, status, out);
}

static borel_status take_selection(borel_composition *c, const borel_selection *from, borel_error *error) {
  char **names = calloc(from->count + 1, sizeof *names);
  c->selected = *from;
  c->selected.names = (const char *const *)names;
  c->selected.count = 0;
  for (size_t i = 0; names && !from->all && i < from->count; i++, c->selected.count++)
    if (!(names[i] = strdup(from->names[i]))) break;
  if (!names || (!from->all && c->selected.count < from->count))
    return borel_fail(error, BOREL_INTERNAL, "no memory for a composition");
  return from->all || from->count ? BOREL_OK
                                  : borel_fail(error, BOREL_ARG, "on: it needs the name of an unknown");
}

borel_status borel_on_new(const borel_selection *selection, const borel_kernel *kernel,
                          borel_composition **out, borel_error *error) {
  borel_composition *c;
  borel_status status =
      start("on", "a kernel on some of the unknowns, the rest being held", &kernel, 1, &c, error);
  if (status != BOREL_OK) return *out = NULL, status;
  c->ops.begin = on_begin;
  c->ops.warm = on_warm;
  c->ops.step = on_step;
  c->ops.adapt = on_adapt;
  c->own_in = SCRATCH;
  c->own[0] = (borel_field){"view", BOREL_F64, {BOREL_DIM_PARAM(0)}, "of the host"};
  place_parts(c);
  status = take_selection(c, selection, error);
  claim_on(c);
  if (status == BOREL_OK) status = name_info(c, NULL, error);
  return finish(c, status, out);
}

borel_status borel_thin_new(size_t steps, const borel_kernel *kernel, borel_composition **out,
                            borel_error *error) {
  borel_composition *c;
  if (steps < 1) return *out = NULL, borel_fail(error, BOREL_ARG, "thin: it needs at least one step");
  borel_status status = start("thin", "several steps of a kernel as one", &kernel, 1, &c, error);
  if (status != BOREL_OK) return *out = NULL, status;
  c->ops.step = thin_step;
  c->steps = steps;
  c->own_in = SCRATCH;
  c->own[0] = (borel_field){"seen", BOREL_F64, {1}, "whether any step diverged"};
  place_parts(c);
  c->own[0].dim[0] = (int32_t)(c->info_count + 1);
  c->component.claims = common_claims(c);
  return finish(c, name_info(c, NULL, error), out);
}

void borel_composition_destroy(borel_composition *c) {
  if (!c) return;
  for (size_t i = 0; i < c->selected.count; i++) free((void *)(uintptr_t)c->selected.names[i]);
  free((void *)(uintptr_t)c->selected.names);
  free(c->parts);
  free(c->info);
  free(c->info_names);
  free(c->weights);
  free(c);
}

const borel_component *borel_composition_component(const borel_composition *c) { return &c->component; }

borel_status borel_kernel_compose(borel_composition *c, borel_kernel **out, borel_error *error) {
  borel_status status = borel_kernel_create(&c->component, (borel_args){0}, out, error);
  if (status == BOREL_OK)
    (*out)->owned = c;
  else
    borel_composition_destroy(c);
  return status;
}

const borel_composition *borel_composition_of(const borel_component *component) {
  const borel_kernel_ops *ops = component->ops;
  return !strcmp(component->kind, BOREL_KERNEL) && !ops->create ? (const borel_composition *)component : NULL;
}

/* ---- questions ------------------------------------------------------------------------------- */

static borel_status mark_moves(const borel_kernel *kernel, const borel_layout *layout, const uint8_t *seen,
                               uint8_t *moved, borel_error *error) {
  const borel_composition *c = kernel->composition;
  const borel_claims *claims = &kernel->component->claims;
  for (size_t s = 0; !c && s < layout->site_count; s++) {
    int stays = layout->sites[s].block == BOREL_SITE_Z ? borel_claims_leaves_z(claims)
                                                       : (claims->flags & BOREL_LEAVES_U) != 0;
    moved[s] |= seen[s] && !stays;
  }
  if (!c) return BOREL_OK;
  uint8_t *part_sees = malloc(layout->site_count + 1);
  borel_status status =
      part_sees ? BOREL_OK : borel_fail(error, BOREL_INTERNAL, "no memory for a composition");
  if (status == BOREL_OK) memcpy(part_sees, seen, layout->site_count);
  if (status == BOREL_OK && c->ops.step == on_step) {
    status = borel_selection_mark(&c->selected, layout, part_sees, error);
    for (size_t s = 0; s < layout->site_count; s++) part_sees[s] &= seen[s];
  }
  for (size_t i = 0; i < c->count && status == BOREL_OK; i++)
    status = mark_moves(c->parts[i].kernel, layout, part_sees, moved, error);
  free(part_sees);
  return status;
}

borel_status borel_kernel_moves(const borel_kernel *kernel, const borel_layout *layout, uint8_t *moved,
                                borel_error *error) {
  uint8_t *seen = malloc(layout->site_count + 1);
  if (!seen) return borel_fail(error, BOREL_INTERNAL, "no memory for a composition");
  memset(seen, 1, layout->site_count);
  memset(moved, 0, layout->site_count);
  borel_status status = mark_moves(kernel, layout, seen, moved, error);
  free(seen);
  return status;
}

int borel_kernel_any(const borel_kernel *kernel, int (*is)(const borel_component *)) {
  const borel_composition *c = kernel->composition;
  if (!c) return is(kernel->component);
  for (size_t i = 0; i < c->count; i++)
    if (borel_kernel_any(c->parts[i].kernel, is)) return 1;
  return 0;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* The lists of fields of a kernel and its parts, in the order in which their contexts find them. */
typedef struct {
  borel_block_part *list[LISTS];
  size_t count[LISTS];
  size_t N;
  size_t scratch_fields; /* so far */
  borel_block_view **views;
  size_t *places; /* of the views among the fields of scratch */
  size_t view_count;
} plan;

static size_t kernels_in(const borel_kernel *kernel) {
  size_t n = 1;
  const borel_composition *c = kernel->composition;
  for (size_t i = 0; c && i < c->count; i++) n += kernels_in(c->parts[i].kernel);
  return n;
}

static borel_status add_fields(plan *p, int list, const borel_field *fields, const borel_dims *dims,
                               const char *prefix, borel_error *error) {
  char *copy = strdup(prefix);
  if (!copy) return borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  p->list[list][p->count[list]++] = (borel_block_part){copy, fields, *dims};
  if (list == SCRATCH) p->scratch_fields += length(fields);
  return BOREL_OK;
}

static borel_status plan_kernel(plan *p, const borel_kernel *kernel, const borel_layout *layout,
                                const char *prefix, borel_error *error) {
  const borel_composition *c = kernel->composition;
  static const borel_value none = {0}; /* the extent of a view, which lies elsewhere */
  borel_dims dims = borel_dims_of(layout, p->N, c ? &none : kernel->values);
  borel_status status = BOREL_OK;
  p->places[p->view_count] = p->scratch_fields;
  for (int l = 0; l < LISTS && status == BOREL_OK; l++)
    status = add_fields(p, l, !c ? list_of(kernel, l) : l == c->own_in ? c->own : NULL, &dims, prefix, error);
  if (status == BOREL_OK && c && c->ops.step == on_step) {
    borel_block_view **view = &p->views[p->view_count++];
    status = borel_block_view_create(&c->selected, layout, view, error);
    if (status == BOREL_OK) layout = &(*view)->layout;
  }
  for (size_t i = 0; c && i < c->count && status == BOREL_OK; i++) {
    char own[PREFIX], full[MOST_PREFIX];
    prefix_of(c, i, own);
    if (snprintf(full, sizeof full, "%s%s", prefix, own) >= (int)sizeof full)
      return borel_fail(error, BOREL_ARG, "compositions are nested too deep");
    status = plan_kernel(p, c->parts[i].kernel, layout, full, error);
  }
  return status;
}

borel_status borel_composition_blocks(const borel_kernel *kernel, const borel_layout *layout, size_t N,
                                      borel_kernel_blocks *blocks, borel_error *error) {
  size_t most = kernels_in(kernel);
  plan p = {.N = N, .views = calloc(most + 1, sizeof *p.views), .places = calloc(most + 1, sizeof *p.places)};
  borel_status status =
      p.views && p.places ? BOREL_OK : borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  for (int l = 0; l < LISTS && status == BOREL_OK; l++)
    if (!(p.list[l] = calloc(most, sizeof *p.list[l])))
      status = borel_fail(error, BOREL_INTERNAL, "no memory for fields");
  if (status == BOREL_OK) status = plan_kernel(&p, kernel, layout, "", error);
  borel_block **const made[LISTS] = {&blocks->tuning, &blocks->state, &blocks->scratch};
  for (int l = 0; l < LISTS && status == BOREL_OK; l++)
    status = borel_block_join(p.list[l], p.count[l], made[l], error);
  /* Views lie outside the arena; their fields there are empty. */
  for (size_t i = 0; i < p.view_count && status == BOREL_OK; i++)
    blocks->scratch->data[p.places[i]] = blocks->scratch->fields[p.places[i]].data = p.views[i];
  blocks->views = p.views;
  blocks->view_count = p.view_count;
  free(p.places);
  for (int l = 0; l < LISTS; l++) {
    for (size_t i = 0; i < p.count[l]; i++) free((void *)(uintptr_t)p.list[l][i].prefix);
    free(p.list[l]);
  }
  return status;
}
