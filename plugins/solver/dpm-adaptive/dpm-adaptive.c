/* SPDX-License-Identifier: MIT
 *
 * dpm-adaptive: DPM-Solver with steps in lambda that hold a local error to a tolerance.
 *
 * From s to t, h = lambda_t - lambda_s, with e the prediction of eps and p the order:
 *   order 1:  x_t = (a_t/a_s) x - s_t expm1(h) e
 *   order 2:  u = that with r1 h;  x_t = order 1 - s_t expm1(h) / (2 r1) (e(u) - e)
 *   order 3:  v = (a_2/a_s) x - s_2 expm1(r2 h) e - (r2/r1) s_2 (expm1(r2 h)/(r2 h) - 1) (e(u) - e);
 *             x_t = order 1 - s_t/r2 (expm1(h)/h - 1) (e(v) - e)
 * A step of order p is compared with that of order p - 1, which uses the same evaluations: r1 = 1/2 for the
 * pair (1, 2), r1 = 1/3, r2 = 2/3 for (2, 3). With d = max(atol, rtol max(|low|, |previous low|)) and E the
 * root mean square of (high - low) / d over the coordinates of a sample, it is taken when E <= 1, and the
 * next one is theta E^{-1/p} times as long, five times longer or shorter at most. Each sample has steps of
 * its own; with control = batch all have those of the sample with the largest E, as in the published code, so
 * that a sample depends on those that are run with it.
 *
 * The grid gives the ends. A last level without noise is reached by x0 from the one before it.
 *
 * Reference: Lu et al. 2022, NeurIPS, algorithm 1 and appendix C.
 */
#include <borel/diffusion.h>
#include <math.h>
#include <string.h>

enum { ORDER, ATOL, RTOL, STEP, THETA, CONTROL };
enum { LAMBDA, H, TRIED, ERROR, ARRIVED, REJECTED, PREVIOUS }; /* state */
enum { ROWS, LEVELS, POINT, GOING, E0, E1, E2, HIGH, LOW };    /* scratch */

typedef struct {
  int order, together;
  double atol, rtol, first, theta;
} adaptive;

static borel_status create(const borel_host *host, const borel_value *p, void **out, borel_error *error) {
  adaptive *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "dpm-adaptive: out of memory");
  *self = (adaptive){.order = (int)p[ORDER].number,
                     .together = (int)p[CONTROL].number,
                     .atol = p[ATOL].number,
                     .rtol = p[RTOL].number,
                     .first = p[STEP].number,
                     .theta = p[THETA].number};
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void claims(const void *given, borel_solver_claims *out) {
  const adaptive *self = given;
  out->flags = BOREL_ONE_WAY | BOREL_EXACT_NOISE | (self->together ? BOREL_COUPLED : 0);
  out->form = BOREL_PREDICT_NOISE;
}

/* ---- one step of one row -------------------------------------------------------------------------- */

/* out = order 1 from x at s to t; expm1(h) is `grown`. */
static void transfer(size_t D, const borel_level *s, const borel_level *t, double grown, const double *x,
                     const double *e, double *out) {
  double a = exp(t->ln_alpha - s->ln_alpha), c = -exp(t->ln_sigma) * grown;
  for (size_t d = 0; d < D; d++) out[d] = a * x[d] + c * e[d];
}

static void correct(size_t D, double c, const double *e, const double *before, double *out) {
  for (size_t d = 0; d < D; d++) out[d] += c * (e[d] - before[d]);
}

/* expm1(z) / z - 1 */
static double remainder_of(double z) {
  return fabs(z) < 1e-3 ? z * (0.5 + z * (1.0 / 6 + z * (1.0 / 24 + z / 120))) : expm1(z) / z - 1;
}

static double error_of(const adaptive *self, size_t D, const double *high, const double *low,
                       const double *previous) {
  double sum = 0;
  for (size_t d = 0; d < D; d++) {
    double scale = fmax(self->atol, self->rtol * fmax(fabs(low[d]), fabs(previous[d])));
    double off = (high[d] - low[d]) / scale;
    sum += off * off;
  }
  return sqrt(sum / (double)D);
}

/* ---- a step of a batch -------------------------------------------------------------------------------- */

/* What a step has at hand. n rows are going: rows[i], compact arrays [n, D]. */
typedef struct {
  const adaptive *self;
  borel_batch *batch;
  size_t D, n;
  double *x, *lambda, *h, *tried, *error, *previous;
  int64_t *arrived, *rejected, *rows;
  borel_level *levels; /* [N, 4]: s, t, l1, l2 of each */
  double *at;          /* levels of a call */
  double *point, *e0, *e1, *e2, *high, *low;
} trip;

static borel_level last_noisy(const borel_plan *plan) {
  const borel_level *last = &plan->levels[plan->points - 1];
  return isinf(last->lambda) ? last[-1] : *last;
}

static borel_status predict(const trip *w, int which, const double *points, double *out, borel_error *error) {
  borel_level *call = (borel_level *)w->at;
  for (size_t i = 0; i < w->n; i++) call[i] = w->levels[4 * i + (size_t)which];
  return w->batch->ops->predict(w->batch, w->n, w->rows, points, call, BOREL_PREDICT_NOISE, out, error);
}

/* s, t and what lies between for each row that goes, and x at s. */
static void set_out(const trip *w, const borel_level *end) {
  const borel_plan *plan = w->batch->plan;
  double r1 = w->self->order == 2 ? 1.0 / 2 : 1.0 / 3;
  for (size_t i = 0; i < w->n; i++) {
    int64_t row = w->rows[i];
    borel_level *l = w->levels + 4 * i;
    plan->at_lambda(plan, w->lambda[row], &l[0]);
    double h = w->h[row], left = end->lambda - w->lambda[row];
    if (h >= left) {
      l[1] = *end;
      h = left;
    } else {
      plan->at_lambda(plan, w->lambda[row] + h, &l[1]);
    }
    w->tried[row] = h;
    plan->at_lambda(plan, w->lambda[row] + r1 * h, &l[2]);
    plan->at_lambda(plan, w->lambda[row] + 2 * r1 * h, &l[3]);
    memcpy(w->point + i * w->D, w->x + (size_t)row * w->D, w->D * sizeof(double));
  }
}

static borel_status attempt(const trip *w, borel_error *error) {
  size_t D = w->D;
  int order = w->self->order;
  double r1 = order == 2 ? 1.0 / 2 : 1.0 / 3;
  borel_status status = predict(w, 0, w->point, w->e0, error);
  if (status != BOREL_OK) return status;
  double *inner = w->low; /* room until low is known */
  for (size_t i = 0; i < w->n; i++) {
    const borel_level *l = w->levels + 4 * i;
    transfer(D, &l[0], &l[2], expm1(l[2].lambda - l[0].lambda), w->point + i * D, w->e0 + i * D,
             inner + i * D);
  }
  status = predict(w, 2, inner, w->e1, error);
  if (status != BOREL_OK) return status;
  for (size_t i = 0; i < w->n; i++) {
    const borel_level *l = w->levels + 4 * i;
    double h = l[1].lambda - l[0].lambda, sigma = exp(l[1].ln_sigma);
    double *first = order == 2 ? w->low : w->high, *second = order == 2 ? w->high : w->low;
    transfer(D, &l[0], &l[1], expm1(h), w->point + i * D, w->e0 + i * D, first + i * D);
    memcpy(second + i * D, first + i * D, D * sizeof(double));
    correct(D, -sigma * expm1(h) / (2 * r1), w->e1 + i * D, w->e0 + i * D, second + i * D);
  }
  if (order == 2) return BOREL_OK;
  double *outer = w->e2; /* room until its prediction is known */
  for (size_t i = 0; i < w->n; i++) {
    const borel_level *l = w->levels + 4 * i;
    double z = l[3].lambda - l[0].lambda;
    transfer(D, &l[0], &l[3], expm1(z), w->point + i * D, w->e0 + i * D, outer + i * D);
    correct(D, -2 * exp(l[3].ln_sigma) * remainder_of(z), w->e1 + i * D, w->e0 + i * D, outer + i * D);
  }
  memcpy(w->e1, outer, w->n * D * sizeof(double));
  status = predict(w, 3, w->e1, w->e2, error);
  for (size_t i = 0; i < w->n && status == BOREL_OK; i++) {
    const borel_level *l = w->levels + 4 * i;
    double h = l[1].lambda - l[0].lambda;
    correct(D, -1.5 * exp(l[1].ln_sigma) * remainder_of(h), w->e2 + i * D, w->e0 + i * D, w->high + i * D);
  }
  return status;
}

/* Takes or refuses each row's step and sets the next. */
static borel_status judge(const trip *w, const borel_level *end, borel_error *error) {
  size_t D = w->D;
  double worst = 0;
  for (size_t i = 0; i < w->n; i++) {
    int64_t row = w->rows[i];
    w->error[row] = error_of(w->self, D, w->high + i * D, w->low + i * D, w->previous + (size_t)row * D);
    if (!(w->error[row] <= worst)) worst = w->error[row]; /* a NaN counts as the worst */
  }
  for (size_t i = 0; i < w->n; i++) {
    int64_t row = w->rows[i];
    double e = w->self->together ? worst : w->error[row];
    if (e <= 1) {
      memcpy(w->x + (size_t)row * D, w->high + i * D, D * sizeof(double));
      memcpy(w->previous + (size_t)row * D, w->low + i * D, D * sizeof(double));
      w->lambda[row] = w->levels[4 * i + 1].lambda;
      w->arrived[row] = end->lambda - w->lambda[row] <= 0;
    } else {
      w->rejected[row]++;
    }
    double factor = w->self->theta * pow(e, -1.0 / w->self->order);
    w->h[row] = w->tried[row] * (factor > 5 ? 5 : factor > 0.2 ? factor : 0.2);
    if (w->h[row] < 1e-6 && !w->arrived[row])
      return w->batch->plan->host->fail(
          error, BOREL_DOMAIN,
          "dpm-adaptive: at lambda = %g a step in lambda fell below 1e-6, with an error of %g "
          "tolerances; loosen atol and rtol, or look at the score there",
          w->lambda[row], e);
  }
  return BOREL_OK;
}

/* x0 where the grid ends without noise. */
static borel_status clean(const trip *w, const borel_level *end, borel_error *error) {
  borel_level *call = (borel_level *)w->at;
  size_t N = w->batch->rows;
  for (size_t i = 0; i < N; i++) call[i] = *end;
  borel_status status =
      w->batch->ops->predict(w->batch, N, NULL, w->x, call, BOREL_PREDICT_DATA, w->high, error);
  if (status == BOREL_OK) memcpy(w->x, w->high, N * w->D * sizeof(double));
  return status;
}

static borel_status step(const void *given, borel_batch *batch, void *const *state, void *const *scratch,
                         double *x, int32_t *done, borel_error *error) {
  const adaptive *self = given;
  const borel_plan *plan = batch->plan;
  trip w = {.self = self,
            .batch = batch,
            .D = plan->D,
            .x = x,
            .lambda = state[LAMBDA],
            .h = state[H],
            .tried = state[TRIED],
            .error = state[ERROR],
            .previous = state[PREVIOUS],
            .arrived = state[ARRIVED],
            .rejected = state[REJECTED],
            .rows = scratch[ROWS],
            .levels = scratch[LEVELS],
            .at = scratch[GOING],
            .point = scratch[POINT],
            .e0 = scratch[E0],
            .e1 = scratch[E1],
            .e2 = scratch[E2],
            .high = scratch[HIGH],
            .low = scratch[LOW]};
  borel_level end = last_noisy(plan);
  int closes = isinf(plan->levels[plan->points - 1].lambda);
  if (isinf(plan->levels[0].lambda))
    return plan->host->fail(error, BOREL_ARG,
                            "dpm-adaptive: the grid begins without data; begin at a finite lambda");
  if (closes && plan->points < 3)
    return plan->host->fail(error, BOREL_ARG,
                            "dpm-adaptive: a grid that ends without noise needs a level before its end");
  if (w.h[0] == 0)
    for (size_t i = 0; i < batch->rows; i++) {
      w.h[i] = self->first;
      w.lambda[i] = plan->levels[0].lambda;
      memcpy(w.previous + i * w.D, x + i * w.D, w.D * sizeof(double));
    }
  for (size_t i = 0; i < batch->rows; i++)
    if (!w.arrived[i]) w.rows[w.n++] = (int64_t)i;
  set_out(&w, &end);
  borel_status status = attempt(&w, error);
  if (status == BOREL_OK) status = judge(&w, &end, error);
  *done = 1;
  for (size_t i = 0; i < batch->rows; i++) *done &= w.arrived[i] != 0;
  return status == BOREL_OK && *done && closes ? clean(&w, &end, error) : status;
}

static const borel_field state[] = {
    {.name = "lambda", .dim = {BOREL_DIM_N}, .doc = "where a row is"},
    {.name = "step", .dim = {BOREL_DIM_N}, .doc = "in lambda, to be tried next"},
    {.name = "tried", .dim = {BOREL_DIM_N}, .doc = "the last one"},
    {.name = "error", .dim = {BOREL_DIM_N}, .doc = "E of the last one"},
    {.name = "arrived", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "0 or 1"},
    {.name = "rejected", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "steps taken back"},
    {.name = "previous", .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "low of the last step taken"},
    {0}};

#define ROW(label)                                                                                           \
  { .name = label, .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "of the rows that go" }
static const borel_field scratch[] = {
    {.name = "rows", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "that go"},
    {.name = "levels", .dim = {BOREL_DIM_N, 16}, .doc = "s, t and between"},
    ROW("point"),
    {.name = "call", .dim = {BOREL_DIM_N, 4}, .doc = "levels of an evaluation"},
    ROW("first"),
    ROW("second"),
    ROW("third"),
    ROW("high"),
    ROW("low"),
    {0}};

static const borel_param params[] = {
    {.name = "order",
     .type = BOREL_INT,
     .number = 3,
     .min = 2,
     .max = 3,
     .doc = "of the pair: 2 with 1, or 3 with 2"},
    {.name = "atol", .number = 0.0078, .min = 1e-14, .max = 1e6, .doc = "absolute tolerance"},
    {.name = "rtol", .number = 0.05, .min = 0, .max = 1, .doc = "relative tolerance"},
    {.name = "step", .number = 0.05, .min = 1e-6, .max = 100, .unit = "lambda", .doc = "the first one"},
    {.name = "theta", .number = 0.9, .min = 0.1, .max = 1, .doc = "caution in the next step"},
    {.name = "control", .type = BOREL_CHOICE, .choices = "sample|batch", .doc = "whose error sets a step"},
    {0}};

static const borel_solver_ops ops = {.size = sizeof ops,
                                     .state = state,
                                     .scratch = scratch,
                                     .create = create,
                                     .destroy = destroy,
                                     .claims = claims,
                                     .step = step};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_SOLVER,
                                          .name = "dpm-adaptive",
                                          .summary = "DPM-Solver that holds a local error to a tolerance",
                                          .reference = "Lu et al. 2022, NeurIPS, algorithm 1 and appendix C",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.dpm-adaptive",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
