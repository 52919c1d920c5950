/* SPDX-License-Identifier: MIT
 *
 * dpm.h: the steps of DPM-Solver and DPM-Solver++, which are the same steps for another prediction. With m
 * the prediction and h = lambda_t - lambda_s a step replaces m over [lambda_s, lambda_t] (exponential.h) by
 *  - order 1: m(s), which is DDIM;
 *  - order 2: a line through m(s) and m at s + r1 h (singlestep) or at the level before s (multistep),
 * integrated exactly (taylor) or taken at the middle of the step (midpoint);
 *  - order 3, singlestep: a line through m(s) and m at s + r2 h, whose value comes from a step with the line
 *    through s and s + r1 h; r2 = 2/3 makes it exact for parabolas to the third order. taylor: the parabola
 *    through all three, of the third order for r2 = 2/3 as well, since only then m at s + r1 h, which is of
 * the first order, gets no weight;
 *  - order 3, multistep: the parabola through m at s and the two levels before.
 * The published code of order 3 multistep halves the second difference, which leaves order 2: compat =
 * "reference".
 *
 * A run in multistep has no past at first: the first step is of order 1, the second of order 2. A first step
 * of order 1 leaves an error of order h^2, so that order 3 asks for another start = "singlestep": one more
 * prediction.
 *
 * fast: as many predictions as the grid has steps, in steps of order 3, 3, ..., and 2 and 1 at the end.
 *
 * References: Lu et al. 2022, NeurIPS (DPM-Solver, algorithms 1-3, appendix D); Lu et al. 2025, Machine
 * Intelligence Research 22 (DPM-Solver++, algorithms 1 and 2, appendix on SDEs).
 */
#ifndef BOREL_SOLVER_DPM_H
#define BOREL_SOLVER_DPM_H

#include "../exponential.h"

enum { DPM_MULTISTEP, DPM_SINGLESTEP, DPM_FAST };
enum { DPM_MIDPOINT, DPM_TAYLOR, DPM_HEUN };
enum {
  DPM_ORDER,
  DPM_MODE,
  DPM_FORM,
  DPM_R1,
  DPM_R2,
  DPM_OUTER,
  DPM_INNER,
  DPM_START,
  DPM_LOWER_FINAL,
  DPM_LOWER_BELOW,
  DPM_EULER_FINAL,
  DPM_DENOISE,
  DPM_COMPAT,
  DPM_OWN /* the first that a solver has for itself */
};

#define DPM_PARAMS                                                                                           \
  {.name = "order", .type = BOREL_INT, .number = 2, .min = 1, .max = 3, .doc = "1 is DDIM"},                 \
      {.name = "mode",                                                                                       \
       .type = BOREL_CHOICE,                                                                                 \
       .choices = "multistep|singlestep|fast",                                                               \
       .doc =                                                                                                \
           "multistep: one prediction a step; singlestep: `order` predictions a step; fast: single steps "   \
           "of mixed orders, with as many predictions as the grid has steps"},                               \
      {.name = "form",                                                                                       \
       .type = BOREL_CHOICE,                                                                                 \
       .choices = "midpoint|taylor|heun",                                                                    \
       .doc = "midpoint: the published one; taylor: polynomials integrated exactly; heun: the same as "      \
              "taylor"},                                                                                     \
      {.name = "r1",                                                                                         \
       .number = 0,                                                                                          \
       .min = 0,                                                                                             \
       .max = 1,                                                                                             \
       .doc = "where a single step predicts, as a share of it; 0: 1/2 in order 2, 1/3 in order 3"},          \
      {.name = "r2", .number = 2.0 / 3, .min = 0, .max = 1, .doc = "the same, the second in order 3"},       \
      {.name = "outer",                                                                                      \
       .type = BOREL_CHOICE,                                                                                 \
       .choices = "lambda|grid",                                                                             \
       .doc = "fast: steps of one length in lambda, or, of order k, over k steps of the grid"},              \
      {.name = "inner",                                                                                      \
       .type = BOREL_CHOICE,                                                                                 \
       .choices = "share|grid",                                                                              \
       .doc = "fast over the grid: predicts inside a step at r1 and r2, or at the levels of the grid"},      \
      {.name = "start",                                                                                      \
       .type = BOREL_CHOICE,                                                                                 \
       .choices = "lower|singlestep",                                                                        \
       .doc = "multistep of order 3: the first step is of order 1, or a single one of order 2"},             \
      {.name = "lower_order_final",                                                                          \
       .type = BOREL_FLAG,                                                                                   \
       .number = 1,                                                                                          \
       .doc = "multistep ends with steps of order .., 2, 1"},                                                \
      {.name = "lower_order_below",                                                                          \
       .type = BOREL_INT,                                                                                    \
       .number = 15,                                                                                         \
       .min = 0,                                                                                             \
       .max = 1e9,                                                                                           \
       .doc = "where the grid has fewer steps than this"},                                                   \
      {.name = "euler_at_final", .type = BOREL_FLAG, .doc = "multistep: the last step is of order 1"},       \
      {.name = "denoise", .type = BOREL_FLAG, .doc = "ends with x0 as predicted at the last level"}, {       \
    .name = "compat", .type = BOREL_CHOICE, .choices = "none|reference",                                     \
    .doc = "reference: as the published code, which halves a difference in multistep of order 3, and "       \
           "takes any r2"                                                                                    \
  }

typedef struct {
  const borel_host *host;
  const borel_quadrature *quadrature;
  const char *name;
  unsigned order;
  int mode, taylor, by_grid, inner_grid, single_start, lower_final, euler_final, denoise, reference;
  double r1, r2, lower_below;
  borel_prediction predict;
  double eta;
  borel_noise noise;
} dpm_options;

static inline int dpm_two_thirds(double r2) { return fabs(r2 - 2.0 / 3) < 1e-12; }

static borel_status dpm_check(const dpm_options *o, borel_error *error) {
  const borel_host *host = o->host;
  int third = o->order == 3 && o->mode != DPM_MULTISTEP;
  if (third && !(o->r1 > 0 && o->r1 < o->r2))
    return host->fail(error, BOREL_ARG, "%s: r1 = %g must be above 0 and below r2 = %g", o->name, o->r1,
                      o->r2);
  if (third && !o->taylor && !o->reference && !dpm_two_thirds(o->r2))
    return host->fail(error, BOREL_ARG,
                      "%s: r2 = %g is for form = \"taylor\"; in the midpoint form order 3 needs 2/3", o->name,
                      o->r2);
  if (o->inner_grid && !(o->mode == DPM_FAST && o->by_grid))
    return host->fail(error, BOREL_ARG, "%s: inner = \"grid\" is for mode = \"fast\" with outer = \"grid\"",
                      o->name);
  if (o->inner_grid && third && !o->taylor)
    return host->fail(error, BOREL_ARG, "%s: inner = \"grid\" with order 3 needs form = \"taylor\"", o->name);
  if (o->single_start && (o->mode != DPM_MULTISTEP || o->order != 3 || o->eta > 0))
    return host->fail(error, BOREL_ARG,
                      "%s: start = \"singlestep\" is for mode = \"multistep\" of order 3 without noise",
                      o->name);
  if (o->euler_final && o->mode != DPM_MULTISTEP)
    return host->fail(error, BOREL_ARG, "%s: euler_at_final is for mode = \"multistep\"", o->name);
  if (o->eta > 0 && o->mode != DPM_MULTISTEP)
    return host->fail(error, BOREL_ARG, "%s: eta = %g needs mode = \"multistep\"; single steps draw no noise",
                      o->name, o->eta);
  return BOREL_OK;
}

static void dpm_options_of(const borel_host *host, const borel_value *params, const char *name,
                           dpm_options *o) {
  o->host = host;
  o->name = name;
  o->quadrature = host->quadrature;
  o->order = (unsigned)params[DPM_ORDER].number;
  o->mode = (int)params[DPM_MODE].number;
  o->taylor = params[DPM_FORM].number != DPM_MIDPOINT;
  o->r1 = params[DPM_R1].number > 0 ? params[DPM_R1].number : 1.0 / (o->order == 3 ? 3 : 2);
  o->r2 = params[DPM_R2].number;
  o->by_grid = params[DPM_OUTER].number > 0;
  o->inner_grid = params[DPM_INNER].number > 0;
  o->single_start = params[DPM_START].number > 0;
  o->lower_final = params[DPM_LOWER_FINAL].number > 0;
  o->lower_below = params[DPM_LOWER_BELOW].number;
  o->euler_final = params[DPM_EULER_FINAL].number > 0;
  o->denoise = params[DPM_DENOISE].number > 0;
  o->reference = params[DPM_COMPAT].number > 0;
}

/* The order in h for h -> 0, the final steps of short grids left aside. */
static double dpm_order(const dpm_options *o) {
  if (o->order < 3) return o->euler_final && o->mode == DPM_MULTISTEP ? fmin(o->order, 2) : o->order;
  if (o->mode == DPM_MULTISTEP) return o->single_start && !o->reference && !o->euler_final ? 3 : 2;
  return dpm_two_thirds(o->r2) && !o->inner_grid && o->mode == DPM_SINGLESTEP ? 3 : 2;
}

static uint32_t dpm_degree(const dpm_options *o) {
  if (o->mode == DPM_FAST || o->order == 1) return 0; /* fast ends with order 1 */
  if (o->mode == DPM_MULTISTEP && o->euler_final) return 0;
  if (o->order == 2) return o->taylor ? 1 : 0;
  return (o->mode == DPM_MULTISTEP ? !o->reference : o->taylor) ? 2 : 1;
}

static void dpm_claims(const dpm_options *o, borel_solver_claims *out) {
  if (o->eta > 0) {
    out->flags = BOREL_STOCHASTIC;
    out->weak_order = o->order > 1 ? 2 : 1;
  }
  if (o->denoise) { /* the end is x0, not x at its level */
    out->weak_order = 0;
    return;
  }
  if (!(o->eta > 0)) out->order = dpm_order(o);
  out->flags |= o->eta > 0 ? o->predict == BOREL_PREDICT_DATA ? BOREL_EXACT_DATA : BOREL_EXACT_NOISE
                           : BOREL_EXACT_DATA | BOREL_EXACT_NOISE;
  out->degree = dpm_degree(o);
  out->form = o->predict;
}

/* ---- steps ------------------------------------------------------------------------------------- */

typedef struct {
  const dpm_options *o;
  const borel_plan *in;
  borel_tape *tape;
  int32_t stage, inner[2]; /* x inside a single step, and what is predicted there */
} dpm_writer;

/* Weights of a line through m at nodes[0] = lambda_s and nodes[1]. */
static void dpm_line(const dpm_options *o, const exponential_step *step, const double *nodes, double t,
                     double *weights) {
  if (o->taylor) {
    o->quadrature->exponential(2, nodes, nodes[0], t, step->rate, weights);
    return;
  }
  double all;
  o->quadrature->exponential(1, nodes, nodes[0], t, step->rate, &all);
  weights[1] = all * (t - nodes[0]) / (2 * (nodes[1] - nodes[0]));
  weights[0] = all - weights[1];
}

/* The parabola; its second derivative halved as in the published code when `o->reference`. */
static void dpm_parabola(const dpm_options *o, const exponential_step *step, const double *nodes, double t,
                         double *weights) {
  o->quadrature->exponential(3, nodes, nodes[0], t, step->rate, weights);
  if (!o->reference) return;
  double h = t - nodes[0], second[3];
  o->quadrature->derivative(3, nodes, nodes[0], 2, second);
  for (int j = 0; j < 3; j++)
    weights[j] -= h * h * h * o->quadrature->phi(3, -step->rate * h) * second[j] / 2;
}

/* x at `to` from x at s, with n predictions through nodes; the parts of a single step. */
static exponential_step dpm_stage(const dpm_writer *w, const borel_level *s, const borel_level *at, size_t n,
                                  const double *nodes, const int32_t *slots, int32_t into) {
  double weights[3];
  exponential_step step = exponential_between(s, at, w->o->predict, 0);
  w->o->quadrature->exponential(n, nodes, s->lambda, at->lambda, step.rate, weights);
  exponential_combine(w->tape, &step, w->stage, BOREL_SLOT_X, n, weights, slots);
  w->tape->ops->predict(w->tape, into, w->stage, at, w->o->predict);
  return step;
}

/* A single step with m at s given; inner levels for orders above 1. */
static void dpm_single(const dpm_writer *w, unsigned order, const borel_level *s, const borel_level *t,
                       int32_t m, const borel_level *inner) {
  const borel_quadrature *q = w->o->quadrature;
  exponential_step step = exponential_between(s, t, w->o->predict, 0);
  double nodes[3] = {s->lambda}, weights[3];
  int32_t slots[3] = {m, w->inner[0], w->inner[1]};
  size_t n = 1;
  if (order > 1) {
    dpm_stage(w, s, &inner[0], 1, nodes, slots, slots[1]);
    nodes[n++] = inner[0].lambda;
  }
  if (order > 2) {
    dpm_stage(w, s, &inner[1], 2, nodes, slots, slots[2]);
    nodes[n++] = inner[1].lambda;
    if (!w->o->taylor) { /* without the first of the two */
      nodes[1] = nodes[2];
      slots[1] = slots[2];
      n = 2;
    }
  }
  if (order == 2)
    dpm_line(w->o, &step, nodes, t->lambda, weights);
  else
    q->exponential(n, nodes, s->lambda, t->lambda, step.rate, weights);
  exponential_combine(w->tape, &step, BOREL_SLOT_X, BOREL_SLOT_X, n, weights, slots);
}

static void dpm_inner_levels(const dpm_writer *w, unsigned order, const borel_level *s, const borel_level *t,
                             borel_level inner[2]) {
  double h = t->lambda - s->lambda, r1 = order == w->o->order ? w->o->r1 : 0.5;
  if (order > 1) w->in->at_lambda(w->in, s->lambda + r1 * h, &inner[0]);
  if (order > 2) w->in->at_lambda(w->in, s->lambda + w->o->r2 * h, &inner[1]);
}

static void dpm_single_step(const dpm_writer *w, unsigned order, const borel_level *s, const borel_level *t,
                            int32_t m, const borel_level *inner) {
  borel_level own[2];
  w->tape->ops->predict(w->tape, m, BOREL_SLOT_X, s, w->o->predict);
  if (!inner) dpm_inner_levels(w, order, s, t, own);
  dpm_single(w, order, s, t, m, inner ? inner : own);
}

static void dpm_multi(const dpm_writer *w, unsigned order, const borel_level *s, const borel_level *t,
                      const exponential_past *past) {
  const dpm_options *o = w->o;
  exponential_step step = exponential_between(s, t, o->predict, o->eta);
  double weights[3];
  if (order == 1)
    o->quadrature->exponential(1, past->lambda, s->lambda, t->lambda, step.rate, weights);
  else if (order == 2)
    dpm_line(o, &step, past->lambda, t->lambda, weights);
  else
    dpm_parabola(o, &step, past->lambda, t->lambda, weights);
  exponential_combine(w->tape, &step, BOREL_SLOT_X, BOREL_SLOT_X, order, weights, past->slot);
  if (step.noise > 0) w->tape->ops->noise(w->tape, BOREL_SLOT_X, step.noise, o->noise, s->lambda, t->lambda);
}

/* ---- runs -------------------------------------------------------------------------------------- */

/* Order of the step from level i in multistep: of what is known, and lower at the end. */
static unsigned dpm_order_at(const dpm_writer *w, size_t i, size_t known) {
  size_t steps = w->in->points - 1, left = steps - i, order = w->o->order;
  if (order > known) order = known;
  if (w->o->lower_final && (double)steps < w->o->lower_below && order > left) order = left;
  if (w->o->euler_final && left == 1) order = 1;
  return (unsigned)order;
}

static void dpm_run_multistep(const dpm_writer *w, size_t first, size_t last) {
  exponential_past past = exponential_remember(w->tape, w->o->order);
  for (size_t i = first; i < last; i++) {
    const borel_level *s = &w->in->levels[i], *t = s + 1;
    w->tape->ops->predict(w->tape, exponential_push(&past, s->lambda), BOREL_SLOT_X, s, w->o->predict);
    if (i == first && w->o->single_start) {
      borel_level inner[2];
      dpm_inner_levels(w, 2, s, t, inner);
      dpm_single(w, 2, s, t, past.slot[0], inner);
    } else
      dpm_multi(w, dpm_order_at(w, i, past.count), s, t, &past);
    if (i + 2 < w->in->points || !w->o->denoise) w->tape->ops->mark(w->tape, t);
  }
}

static void dpm_run_singlestep(const dpm_writer *w, size_t first, size_t last) {
  int32_t m = w->tape->ops->slot(w->tape, "m");
  for (size_t i = first; i < last; i++) {
    const borel_level *s = &w->in->levels[i];
    dpm_single_step(w, w->o->order, s, s + 1, m, NULL);
    if (i + 2 < w->in->points || !w->o->denoise) w->tape->ops->mark(w->tape, s + 1);
  }
}

/* Order of the next step of `fast` with so many predictions left: 3, 3, .. and 2, 1 or 1 or 2 at the end. */
static unsigned dpm_next_order(unsigned order, size_t left) {
  if (order == 3 && left == 3) return 2;
  return left < order ? (unsigned)left : order;
}

static void dpm_run_fast(const dpm_writer *w, size_t first, size_t last) {
  const borel_level *levels = w->in->levels;
  size_t steps = 0;
  for (size_t i = first; i < last; i += dpm_next_order(w->o->order, last - i)) steps++;
  int32_t m = w->tape->ops->slot(w->tape, "m");
  borel_level s = levels[first], t;
  for (size_t i = first, k = 1; i < last; k++, s = t) {
    unsigned order = dpm_next_order(w->o->order, last - i);
    double share = (double)k / (double)steps;
    if (w->o->by_grid || i + order == last)
      t = levels[i + order];
    else
      w->in->at_lambda(w->in, levels[first].lambda + share * (levels[last].lambda - levels[first].lambda),
                       &t);
    dpm_single_step(w, order, &s, &t, m, w->o->inner_grid ? &levels[i + 1] : NULL);
    i += order;
    if (i + 1 < w->in->points || !w->o->denoise) w->tape->ops->mark(w->tape, &t);
  }
}

static borel_status dpm_plan(const dpm_options *o, const borel_plan *in, borel_tape *tape,
                             borel_error *error) {
  const borel_host *host = o->host;
  size_t first = 0, last = in->points - 1;
  if (o->mode == DPM_MULTISTEP && last < o->order)
    return host->fail(error, BOREL_ARG, "%s: order %u in multistep needs at least %u steps; the grid has %zu",
                      o->name, o->order, o->order, last);
  if (o->denoise && isinf(in->levels[last].lambda))
    return host->fail(error, BOREL_ARG, "%s: denoise is for grids that end with noise; this one ends without",
                      o->name);
  dpm_writer w = {.o = o, .in = in, .tape = tape};
  w.stage = tape->ops->slot(tape, "stage");
  for (int j = 0; j < 2; j++) w.inner[j] = tape->ops->slot(tape, "inner");
  if (exponential_closed(&in->levels[0], &in->levels[1])) {
    exponential_close(tape, w.stage, &in->levels[0], &in->levels[1], o->eta, o->noise);
    first++;
  }
  int closes = last > first && isinf(in->levels[last].lambda);
  if (closes) last--;
  if (o->mode == DPM_MULTISTEP)
    dpm_run_multistep(&w, first, last);
  else if (o->mode == DPM_SINGLESTEP)
    dpm_run_singlestep(&w, first, last);
  else
    dpm_run_fast(&w, first, last);
  if (closes) exponential_close(tape, w.stage, &in->levels[last], &in->levels[last + 1], o->eta, o->noise);
  if (o->denoise) {
    tape->ops->predict(tape, w.stage, BOREL_SLOT_X, &in->levels[last], BOREL_PREDICT_DATA);
    tape->ops->combine(tape, BOREL_SLOT_X, 1, (double[]){1}, (int32_t[]){w.stage});
    tape->ops->mark(tape, &in->levels[last]);
  }
  return BOREL_OK;
}

#endif
