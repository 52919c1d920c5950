/* SPDX-License-Identifier: MIT
 *
 * sa: SA-Solver, stochastic Adams methods: a multistep predictor with noise, and a corrector.
 *
 * The reverse diffusion with tau(lambda) times its noise: tau = 0 has none, 1 is the reverse of the process.
 * tau is constant in pieces of lambda, and in a step has the value at its start; then each step is one of
 * ../exponential.h with eta = tau^2. The predictor (SA-Predictor) takes the polynomial through as many
 * predictions as its order says. The corrector takes the step again, with the same noise and the polynomial
 * through the prediction at the place that the predictor led to and those before, as many as its order says.
 * mode:
 *  - pec: that prediction is the newest of the past; one prediction a step;
 *  - pece: it is made again at the corrected place; two a step.
 * The last step is not corrected, unless pece: nothing would be predicted there.
 *
 * form = "midpoint" is the published change of lines (order 2), which gives the slope the weight h^2 / 2 or,
 * in the corrector, h / 2 of its own, in place of its integral against the exponential.
 *
 * Reference: Xue et al. 2023, NeurIPS, algorithm 1, eq. 14 and 17.
 */
#include "../exponential.h"

enum { PREDICTOR, CORRECTOR, MODE, TAU, TAUS, BREAKS, FORM, PREDICT, NOISE, LOWER_FINAL, LOWER_BELOW };

typedef struct {
  const borel_host *host;
  const borel_quadrature *quadrature;
  unsigned predictor, corrector;
  int twice, midpoint, lower_final;
  double tau, lower_below;
  const double *taus, *breaks;
  size_t pieces; /* of taus; 0: tau everywhere */
  borel_prediction predict;
  borel_noise noise;
} sa;

static borel_status check(const borel_host *host, const borel_value *params, borel_error *error) {
  const borel_value *taus = &params[TAUS], *breaks = &params[BREAKS];
  if (taus->count != (breaks->count || taus->count ? breaks->count + 1 : 0))
    return host->fail(error, BOREL_ARG, "sa: %zu breaks of lambda make %zu pieces, but taus has %zu",
                      breaks->count, breaks->count + 1, taus->count);
  for (size_t i = 1; i < breaks->count; i++)
    if (!(breaks->reals[i] > breaks->reals[i - 1]))
      return host->fail(error, BOREL_ARG, "sa: breaks must rise, but %g follows %g", breaks->reals[i],
                        breaks->reals[i - 1]);
  if (params[MODE].number > 0 && !(params[CORRECTOR].number > 0))
    return host->fail(error, BOREL_ARG, "sa: mode = \"pece\" needs a corrector; its order is 0");
  return BOREL_OK;
}

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  borel_status status = check(host, params, error);
  if (status != BOREL_OK) return status;
  sa *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "sa: out of memory");
  *self = (sa){.host = host,
               .quadrature = host->quadrature,
               .predictor = (unsigned)params[PREDICTOR].number,
               .corrector = (unsigned)params[CORRECTOR].number,
               .twice = params[MODE].number > 0,
               .midpoint = params[FORM].number > 0,
               .lower_final = params[LOWER_FINAL].number > 0,
               .lower_below = params[LOWER_BELOW].number,
               .tau = params[TAU].number,
               .taus = params[TAUS].reals,
               .breaks = params[BREAKS].reals,
               .pieces = params[TAUS].count,
               .predict = params[PREDICT].number > 0 ? BOREL_PREDICT_NOISE : BOREL_PREDICT_DATA,
               .noise = params[NOISE].number > 0 ? BOREL_NOISE_TREE : BOREL_NOISE_FRESH};
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static double eta_at(const sa *self, double lambda) {
  size_t piece = 0;
  while (piece + 1 < self->pieces && lambda >= self->breaks[piece]) piece++;
  double tau = self->pieces ? self->taus[piece] : self->tau;
  return tau * tau;
}

static int quiet(const sa *self) {
  for (size_t i = 0; i < self->pieces; i++)
    if (self->taus[i] > 0) return 0;
  return self->pieces || !(self->tau > 0);
}

static void claims(const void *given, borel_solver_claims *out) {
  const sa *self = given;
  int data = self->predict == BOREL_PREDICT_DATA;
  /* The first step has but one prediction, with the corrector two; the last has no corrector. */
  double order =
      self->corrector ? fmin(fmin(self->corrector, self->predictor + 1), 3) : fmin(self->predictor, 2);
  if (quiet(self)) {
    out->order = order;
    out->flags = BOREL_EXACT_DATA | BOREL_EXACT_NOISE;
  } else {
    out->weak_order = fmin(order, 2); /* the last step sees nothing of its noise */
    out->flags = BOREL_STOCHASTIC | (data ? BOREL_EXACT_DATA : BOREL_EXACT_NOISE);
  }
  unsigned least = self->corrector && self->corrector < self->predictor ? self->corrector : self->predictor;
  out->degree = self->midpoint && (self->predictor == 2 || self->corrector == 2) ? 0 : least - 1;
  out->form = self->predict;
}

/* Weights of predictions at n nodes for the integral from s to t; s is nodes[0], or nodes[1] where nodes[0]
 * is t. */
static void weigh(const sa *self, const exponential_step *step, size_t n, const double *nodes, double s,
                  double t, double *weights) {
  if (!self->midpoint || n != 2) {
    self->quadrature->exponential(n, nodes, s, t, step->rate, weights);
    return;
  }
  double h = t - s, all;
  self->quadrature->exponential(1, &s, s, t, step->rate, &all);
  size_t other = nodes[0] == s;
  weights[other] = h * h / 2 / (nodes[other] - s);
  weights[1 - other] = all - weights[other];
}

typedef struct {
  const sa *self;
  borel_tape *tape;
  exponential_past past;
  int32_t noise; /* that of the step, until the corrector has used it */
} writer;

/* to = the step from s to t with the n newest predictions; `drawn` is added to it when there is noise. */
static void go(const writer *w, size_t n, int32_t to, const borel_level *s, const borel_level *t) {
  double weights[EXPONENTIAL_PAST];
  exponential_step step = exponential_between(s, t, w->self->predict, eta_at(w->self, s->lambda));
  weigh(w->self, &step, n, w->past.lambda, s->lambda, t->lambda, weights);
  exponential_combine(w->tape, &step, to, BOREL_SLOT_X, n, weights, w->past.slot);
  if (step.noise > 0)
    w->tape->ops->combine(w->tape, to, 2, (double[]){1, step.noise}, (int32_t[]){to, w->noise});
}

/* Standard normals of a step into their slot. */
static void draw(const writer *w, const borel_level *s, const borel_level *t) {
  if (!(eta_at(w->self, s->lambda) > 0)) return;
  w->tape->ops->combine(w->tape, w->noise, 1, (double[]){0}, (int32_t[]){BOREL_SLOT_ONE});
  w->tape->ops->noise(w->tape, w->noise, 1, w->self->noise, s->lambda, t->lambda);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* One step, where `left` are left with it; `goes_on` when one follows that will ask for a prediction at t. */
static void take(writer *w, const borel_level *s, const borel_level *t, size_t left, int lowers, int goes_on,
                 int32_t guess) {
  const sa *self = w->self;
  size_t predictor = least(self->predictor, w->past.count),
         corrector = least(self->corrector, w->past.count + 1);
  if (lowers) {
    predictor = least(predictor, left);
    corrector = least(corrector, left + 1);
  }
  int corrects = corrector > 0 && (goes_on || self->twice);
  draw(w, s, t);
  int32_t to = corrects ? guess : BOREL_SLOT_X;
  go(w, predictor, to, s, t);
  if (corrects || goes_on)
    w->tape->ops->predict(w->tape, exponential_push(&w->past, t->lambda), to, t, self->predict);
  if (corrects) go(w, corrector, BOREL_SLOT_X, s, t);
  if (corrects && self->twice && goes_on)
    w->tape->ops->predict(w->tape, w->past.slot[0], BOREL_SLOT_X, t, self->predict);
  w->tape->ops->mark(w->tape, t);
}

static borel_status plan(const void *given, const borel_plan *in, borel_tape *tape, borel_error *error) {
  const sa *self = given;
  size_t first = 0, steps = in->points - 1, last = steps;
  const borel_level *levels = in->levels;
  if (steps < self->predictor)
    return self->host->fail(error, BOREL_ARG, "sa: predictor = %u needs at least %u steps; the grid has %zu",
                            self->predictor, self->predictor, steps);
  int lowers = self->lower_final && (double)steps < self->lower_below;
  int32_t guess = tape->ops->slot(tape, "guess");
  if (exponential_closed(&levels[0], &levels[1])) {
    exponential_close(tape, guess, &levels[0], &levels[1], eta_at(self, levels[0].lambda), self->noise);
    first++;
  }
  int closes = last > first && isinf(levels[last].lambda);
  if (closes) last--;
  writer w = {.self = self, .tape = tape, .noise = tape->ops->slot(tape, "noise")};
  w.past =
      exponential_remember(tape, (self->predictor > self->corrector ? self->predictor : self->corrector) + 1);
  if (first < last || closes)
    tape->ops->predict(tape, exponential_push(&w.past, levels[first].lambda), BOREL_SLOT_X, &levels[first],
                       self->predict);
  for (size_t i = first; i < last; i++)
    take(&w, &levels[i], &levels[i + 1], steps - i, lowers, i + 1 < last || closes, guess);
  if (closes)
    exponential_finish(tape, w.past.slot[0], &levels[last], &levels[last + 1], self->predict, 0, self->noise);
  return BOREL_OK;
}

static const borel_param params[] = {
    {.name = "predictor",
     .type = BOREL_INT,
     .number = 2,
     .min = 1,
     .max = 4,
     .doc = "its order: past predictions"},
    {.name = "corrector",
     .type = BOREL_INT,
     .number = 2,
     .min = 0,
     .max = 5,
     .doc = "its order: predictions with the new one; 0: none"},
    {.name = "mode",
     .type = BOREL_CHOICE,
     .choices = "pec|pece",
     .doc = "pece predicts again at the corrected place, two predictions a step"},
    {.name = "tau", .number = 1, .min = 0, .max = 10, .doc = "noise: 0 none, 1 that of the reverse process"},
    {.name = "taus",
     .type = BOREL_REALS,
     .min = 0,
     .max = 10,
     .doc = "in place of tau: its value in each piece"},
    {.name = "breaks",
     .type = BOREL_REALS,
     .min = -1e3,
     .max = 1e3,
     .doc = "lambda between the pieces of taus, rising; one fewer than taus"},
    {.name = "form",
     .type = BOREL_CHOICE,
     .choices = "taylor|midpoint",
     .doc = "order 2: lines integrated exactly, or as in the published code"},
    {.name = "predict", .type = BOREL_CHOICE, .choices = "data|noise", .doc = "what polynomials go through"},
    {.name = "noise",
     .type = BOREL_CHOICE,
     .choices = "fresh|tree",
     .doc = "tree: one Brownian path, whatever the grid, so that more steps refine the same sample"},
    {.name = "lower_order_final",
     .type = BOREL_FLAG,
     .number = 1,
     .doc = "ends with steps of order .., 2, 1"},
    {.name = "lower_order_below",
     .type = BOREL_INT,
     .number = 15,
     .min = 0,
     .max = 1e9,
     .doc = "where the grid has fewer steps than this"},
    {0}};

static const borel_solver_ops ops = {
    .size = sizeof ops, .create = create, .destroy = destroy, .claims = claims, .plan = plan};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_SOLVER,
    .name = "sa",
    .summary = "SA-Solver: stochastic Adams predictor and corrector, orders 1 to 4, noise tau(lambda)",
    .reference = "Xue et al. 2023, NeurIPS",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.sa",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
