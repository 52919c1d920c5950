/* SPDX-License-Identifier: MIT
 *
 * unipc: UniPC, a multistep predictor of order p and a corrector that raises it to p + 1 at no prediction
 * more.
 *
 * The predictor (UniP-p) takes the polynomial through the last p predictions (../exponential.h). The
 * prediction at the place it leads to serves twice: the corrector (UniC-p) takes the step again from its
 * start, with the polynomial through that one too, and the next step uses it as the newest of the past. The
 * last step is not corrected, for nothing would be predicted there.
 *
 * Where two values make a line (UniP-2 and UniC-1) the variants bh1 and bh2 give the slope the weight B(h) /
 * 2, with B(h) = z or e^z - 1, z = h for eps and -h for x0; vary integrates the line, as it does all
 * polynomials. For more values the equations for the weights have one solution, whatever B(h).
 *
 * A run has no past at first: its steps are of order 1, 2, .. p, and since UniC-1 leaves an error of order
 * h^3 that once, the order for h -> 0 is at most 3.
 *
 * Reference: Zhao et al. 2023, NeurIPS, algorithms 1 and 2, theorem 3.1.
 */
#include "../exponential.h"

enum { ORDER, VARIANT, PREDICT, CORRECTOR_FROM, LOWER_FINAL, LOWER_BELOW };
enum { BH2, BH1, VARY };

typedef struct {
  const borel_host *host;
  const borel_quadrature *quadrature;
  unsigned order;
  int variant, lower_final;
  borel_prediction predict;
  double corrector_from, lower_below;
} unipc;

static borel_status create(const borel_host *host, const borel_value *params, void **out,
                           borel_error *error) {
  unipc *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "unipc: out of memory");
  self->host = host;
  self->quadrature = host->quadrature;
  self->order = (unsigned)params[ORDER].number;
  self->variant = (int)params[VARIANT].number;
  self->predict = params[PREDICT].number > 0 ? BOREL_PREDICT_NOISE : BOREL_PREDICT_DATA;
  self->corrector_from = params[CORRECTOR_FROM].number;
  self->lower_final = params[LOWER_FINAL].number > 0;
  self->lower_below = params[LOWER_BELOW].number;
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void claims(const void *given, borel_solver_claims *out) {
  const unipc *self = given;
  double order = self->order;
  if (self->corrector_from == 1)
    out->order = fmin(order + 1, 3);
  else
    out->order = fmin(order + (self->corrector_from > 0), 2); /* the first step is of order 1 */
  out->flags = BOREL_EXACT_DATA | BOREL_EXACT_NOISE;
  /* The last step, which is the predictor's alone, follows the least. */
  out->degree = self->order == 2 && self->variant != VARY ? 0 : self->order - 1;
  out->form = self->predict;
}

/* Weights of predictions at n nodes, nodes[first] being that of s, for the integral from s to t. */
static void weigh(const unipc *self, const exponential_step *step, size_t n, const double *nodes,
                  size_t first, double t, double *weights) {
  const borel_quadrature *q = self->quadrature;
  double s = nodes[first], z = -step->rate * (t - s);
  if (n != 2 || self->variant == VARY) {
    q->exponential(n, nodes, s, t, step->rate, weights);
    return;
  }
  size_t other = 1 - first;
  double half = (t - s) * (self->variant == BH1 ? 1 : q->phi(1, z)) / 2;
  weights[other] = half * (t - s) / (nodes[other] - s);
  weights[first] = (t - s) * q->phi(1, z) - weights[other];
}

/* Takes the step from s to t with the n newest of the past, nodes[first] being that of s. */
static void go(const unipc *self, borel_tape *tape, const exponential_past *past, size_t n, size_t first,
               int32_t to, const borel_level *s, const borel_level *t) {
  double weights[EXPONENTIAL_PAST];
  exponential_step step = exponential_between(s, t, self->predict, 0);
  weigh(self, &step, n, past->lambda, first, t->lambda, weights);
  exponential_combine(tape, &step, to, BOREL_SLOT_X, n, weights, past->slot);
}

static unsigned order_at(const unipc *self, const borel_plan *in, size_t i, size_t known) {
  size_t steps = in->points - 1, order = self->order;
  if (order > known) order = known;
  if (self->lower_final && (double)steps < self->lower_below && order > steps - i) order = steps - i;
  return (unsigned)order;
}

static borel_status plan(const void *given, const borel_plan *in, borel_tape *tape, borel_error *error) {
  const unipc *self = given;
  size_t first = 0, last = in->points - 1;
  if (last < self->order)
    return self->host->fail(error, BOREL_ARG, "unipc: order %u needs at least %u steps; the grid has %zu",
                            self->order, self->order, last);
  int32_t guess = tape->ops->slot(tape, "guess");
  if (exponential_closed(&in->levels[0], &in->levels[1]))
    exponential_close(tape, guess, &in->levels[first++], &in->levels[1], 0, BOREL_NOISE_FRESH);
  int closes = last > first && isinf(in->levels[last].lambda);
  if (closes) last--;
  exponential_past past = exponential_remember(tape, self->order + 1);
  if (first < last || closes)
    tape->ops->predict(tape, exponential_push(&past, in->levels[first].lambda), BOREL_SLOT_X,
                       &in->levels[first], self->predict);
  for (size_t i = first; i < last; i++) {
    const borel_level *s = &in->levels[i], *t = s + 1;
    unsigned order = order_at(self, in, i, past.count);
    int goes_on = i + 1 < last || closes;
    int corrects = goes_on && self->corrector_from > 0 && (double)(i + 1) >= self->corrector_from;
    int32_t to = corrects ? guess : BOREL_SLOT_X;
    go(self, tape, &past, order, 0, to, s, t);
    if (goes_on) tape->ops->predict(tape, exponential_push(&past, t->lambda), to, t, self->predict);
    if (corrects) go(self, tape, &past, order + 1, 1, BOREL_SLOT_X, s, t);
    tape->ops->mark(tape, t);
  }
  if (closes)
    exponential_finish(tape, past.slot[0], &in->levels[last], &in->levels[last + 1], self->predict, 0,
                       BOREL_NOISE_FRESH);
  return BOREL_OK;
}

static const borel_param params[] = {
    {.name = "order", .type = BOREL_INT, .number = 2, .min = 1, .max = 4, .doc = "p, of the predictor"},
    {.name = "variant",
     .type = BOREL_CHOICE,
     .choices = "bh2|bh1|vary",
     .doc = "how lines are integrated: with B(h) = e^z - 1 or z for their slope, or exactly"},
    {.name = "predict", .type = BOREL_CHOICE, .choices = "data|noise", .doc = "what polynomials go through"},
    {.name = "corrector_from",
     .type = BOREL_INT,
     .number = 1,
     .min = 0,
     .max = 1e9,
     .doc = "number of the first step that is corrected, from 1; 0: none is"},
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

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_SOLVER,
                                          .name = "unipc",
                                          .summary =
                                              "UniPC: multistep predictor and corrector, orders 1 to 4",
                                          .reference = "Zhao et al. 2023, NeurIPS",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.unipc",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
