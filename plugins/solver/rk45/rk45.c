/* SPDX-License-Identifier: MIT
 *
 * rk45: the pair of Dormand and Prince, orders 5 and 4, with steps in lambda that hold a local error to a
 * tolerance.
 *
 * With y = x / alpha and rho = sigma / alpha = e^{-lambda} the reverse equation is dy / d lambda = -rho eps,
 * without a linear term. Each sample has steps of its own: with d = atol + rtol max(|x|, |x new|), E the root
 * mean square of alpha (y5 - y4) / d, a step is taken when E <= 1, and the next is 0.9 E^{-1/5} as long,
 * between a fifth and ten times. The last stage of a step that was taken is the first of the next.
 *
 * The grid gives the ends. A last level without noise is reached by x0 from the one before it.
 *
 * References: Dormand and Prince 1980, J. Comput. Appl. Math. 6:1; Song et al. 2021, ICLR, section 4.3.
 */
#include <borel/diffusion.h>
#include <math.h>
#include <string.h>

enum { ATOL, RTOL, STEP };
enum { STAGES = 7 };
enum { LAMBDA, H, READY, ARRIVED, REJECTED, FIRST }; /* state */
enum { ROWS, LEVELS, CALL, Y, POINT, SLOPES };       /* scratch */

/* The tableau: nodes, weights of each stage, the difference between the orders. */
static const double node[STAGES] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
static const double stage[STAGES][STAGES - 1] = {
    {0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
static const double difference[STAGES] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                          -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

typedef struct {
  double atol, rtol, first;
} rk45;

static borel_status create(const borel_host *host, const borel_value *p, void **out, borel_error *error) {
  rk45 *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "rk45: out of memory");
  *self = (rk45){p[ATOL].number, p[RTOL].number, p[STEP].number};
  *out = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static void claims(const void *self, borel_solver_claims *out) {
  (void)self;
  out->flags = 0;
}

/* n rows are going: rows[i], compact arrays [n, D]; slopes [7, N, D]. */
typedef struct {
  const rk45 *self;
  borel_batch *batch;
  size_t D, N, n;
  double *x, *lambda, *h, *first;
  int64_t *ready, *arrived, *rejected, *rows;
  borel_level *levels, *call; /* [N, 2]: s and where the step leads; [N] */
  double *y, *point, *slopes;
  double sign; /* of steps in lambda */
} trip;

static double *slope(const trip *w, size_t s) { return w->slopes + s * w->N * w->D; }

/* slopes[s] = -rho eps at w->point (x), levels w->call, for the rows with go[i]. */
static borel_status evaluate(const trip *w, size_t s, borel_error *error) {
  double *out = slope(w, s);
  borel_status status =
      w->batch->ops->predict(w->batch, w->n, w->rows, w->point, w->call, BOREL_PREDICT_NOISE, out, error);
  for (size_t i = 0; i < w->n && status == BOREL_OK; i++) {
    double rho = exp(-w->call[i].lambda);
    for (size_t d = 0; d < w->D; d++) out[i * w->D + d] *= -rho;
  }
  return status;
}

static void set_out(const trip *w, const borel_level *end) {
  const borel_plan *plan = w->batch->plan;
  for (size_t i = 0; i < w->n; i++) {
    int64_t row = w->rows[i];
    borel_level *l = w->levels + 2 * i;
    plan->at_lambda(plan, w->lambda[row], &l[0]);
    double left = (end->lambda - w->lambda[row]) * w->sign;
    if (w->h[row] >= left)
      l[1] = *end;
    else
      plan->at_lambda(plan, w->lambda[row] + w->sign * w->h[row], &l[1]);
    for (size_t d = 0; d < w->D; d++) w->y[i * w->D + d] = w->x[(size_t)row * w->D + d] * exp(-l[0].ln_alpha);
    w->call[i] = l[0];
    memcpy(w->point + i * w->D, w->x + (size_t)row * w->D, w->D * sizeof(double));
  }
}

/* The first slope of each row: kept from the last step, but for the first one of all. */
static borel_status begin(const trip *w, borel_error *error) {
  borel_status status = BOREL_OK;
  if (!w->ready[0]) status = evaluate(w, 0, error);
  for (size_t i = 0; i < w->n && status == BOREL_OK; i++) {
    double *kept = w->first + (size_t)w->rows[i] * w->D, *now = slope(w, 0) + i * w->D;
    if (w->ready[0])
      memcpy(now, kept, w->D * sizeof(double));
    else
      memcpy(kept, now, w->D * sizeof(double));
  }
  return status;
}

/* x at node s of each row's step. */
static void advance(const trip *w, size_t s) {
  const borel_plan *plan = w->batch->plan;
  for (size_t i = 0; i < w->n; i++) {
    const borel_level *l = w->levels + 2 * i;
    double h = l[1].lambda - l[0].lambda;
    if (node[s] < 1)
      plan->at_lambda(plan, l[0].lambda + node[s] * h, &w->call[i]);
    else
      w->call[i] = l[1];
    double alpha = exp(w->call[i].ln_alpha);
    for (size_t d = 0; d < w->D; d++) {
      double sum = 0;
      for (size_t j = 0; j < s; j++) sum += stage[s][j] * slope(w, j)[i * w->D + d];
      w->point[i * w->D + d] = alpha * (w->y[i * w->D + d] + h * sum);
    }
  }
}

static double error_of(const trip *w, size_t i) {
  const borel_level *l = w->levels + 2 * i;
  double h = l[1].lambda - l[0].lambda, alpha = exp(l[1].ln_alpha), total = 0;
  const double *x = w->x + (size_t)w->rows[i] * w->D;
  for (size_t d = 0; d < w->D; d++) {
    double off = 0;
    for (size_t s = 0; s < STAGES; s++) off += difference[s] * slope(w, s)[i * w->D + d];
    double scale = w->self->atol + w->self->rtol * fmax(fabs(x[d]), fabs(w->point[i * w->D + d]));
    off *= alpha * h / scale;
    total += off * off;
  }
  return sqrt(total / (double)w->D);
}

static borel_status judge(const trip *w, const borel_level *end, borel_error *error) {
  for (size_t i = 0; i < w->n; i++) {
    int64_t row = w->rows[i];
    const borel_level *l = w->levels + 2 * i;
    double e = error_of(w, i), tried = fabs(l[1].lambda - l[0].lambda), factor = 0.9 * pow(e, -0.2);
    if (e <= 1) {
      memcpy(w->x + (size_t)row * w->D, w->point + i * w->D, w->D * sizeof(double));
      memcpy(w->first + (size_t)row * w->D, slope(w, STAGES - 1) + i * w->D, w->D * sizeof(double));
      w->lambda[row] = l[1].lambda;
      w->arrived[row] = (end->lambda - w->lambda[row]) * w->sign <= 0;
    } else {
      w->rejected[row]++;
    }
    w->h[row] = tried * (factor > 10 ? 10 : factor > 0.2 ? factor : 0.2);
    if (w->h[row] < 1e-9 && !w->arrived[row])
      return w->batch->plan->host->fail(
          error, BOREL_DOMAIN,
          "rk45: at lambda = %g a step in lambda fell below 1e-9, with an error of %g "
          "tolerances; loosen atol and rtol, or look at the score there",
          w->lambda[row], e);
  }
  return BOREL_OK;
}

/* x0 where the grid ends without noise. */
static borel_status clean(const trip *w, const borel_level *end, borel_error *error) {
  for (size_t i = 0; i < w->N; i++) w->call[i] = *end;
  borel_status status =
      w->batch->ops->predict(w->batch, w->N, NULL, w->x, w->call, BOREL_PREDICT_DATA, w->point, error);
  if (status == BOREL_OK) memcpy(w->x, w->point, w->N * w->D * sizeof(double));
  return status;
}

static borel_status step(const void *given, borel_batch *batch, void *const *state, void *const *scratch,
                         double *x, int32_t *done, borel_error *error) {
  const rk45 *self = given;
  const borel_plan *plan = batch->plan;
  borel_level end = plan->levels[plan->points - 1], start = plan->levels[0];
  int closes = isinf(end.lambda) && end.lambda > 0;
  if (closes && plan->points > 2) end = plan->levels[plan->points - 2];
  if (isinf(start.lambda) || isinf(end.lambda))
    return plan->host->fail(error, BOREL_ARG,
                            "rk45: lambda must be finite at both ends; a level without noise may follow");
  trip w = {.self = self,
            .batch = batch,
            .D = plan->D,
            .N = batch->rows,
            .x = x,
            .lambda = state[LAMBDA],
            .h = state[H],
            .ready = state[READY],
            .first = state[FIRST],
            .arrived = state[ARRIVED],
            .rejected = state[REJECTED],
            .rows = scratch[ROWS],
            .levels = scratch[LEVELS],
            .call = scratch[CALL],
            .y = scratch[Y],
            .point = scratch[POINT],
            .slopes = scratch[SLOPES],
            .sign = end.lambda > start.lambda ? 1 : -1};
  for (size_t i = 0; i < w.N; i++) {
    if (!w.ready[0]) {
      w.lambda[i] = start.lambda;
      w.h[i] = self->first;
    }
    if (!w.arrived[i]) w.rows[w.n++] = (int64_t)i;
  }
  set_out(&w, &end);
  borel_status status = begin(&w, error);
  for (size_t s = 1; s < STAGES && status == BOREL_OK; s++) {
    advance(&w, s);
    status = evaluate(&w, s, error);
  }
  if (status == BOREL_OK) status = judge(&w, &end, error);
  if (status != BOREL_OK) return status;
  w.ready[0] = 1;
  *done = 1;
  for (size_t i = 0; i < w.N; i++) *done &= w.arrived[i] != 0;
  return *done && closes ? clean(&w, &plan->levels[plan->points - 1], error) : BOREL_OK;
}

static const borel_field state[] = {
    {.name = "lambda", .dim = {BOREL_DIM_N}, .doc = "where a row is"},
    {.name = "step", .dim = {BOREL_DIM_N}, .doc = "in lambda, to be tried next"},
    {.name = "ready", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "[0]: is `first` known?"},
    {.name = "arrived", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "0 or 1"},
    {.name = "rejected", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "steps taken back"},
    {.name = "first", .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "slope where a row is"},
    {0}};

static const borel_field scratch[] = {
    {.name = "rows", .dtype = BOREL_I64, .dim = {BOREL_DIM_N}, .doc = "that go"},
    {.name = "levels", .dim = {BOREL_DIM_N, 8}, .doc = "start and end of the step of each"},
    {.name = "call", .dim = {BOREL_DIM_N, 4}, .doc = "levels of an evaluation"},
    {.name = "y", .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "x / alpha at the start"},
    {.name = "point", .dim = {BOREL_DIM_N, BOREL_DIM_D}, .doc = "x at a stage"},
    {.name = "slopes", .dim = {STAGES, BOREL_DIM_N, BOREL_DIM_D}, .doc = "of the stages"},
    {0}};

static const borel_param params[] = {
    {.name = "atol", .number = 1e-5, .min = 1e-15, .max = 1e6, .doc = "absolute tolerance"},
    {.name = "rtol", .number = 1e-5, .min = 0, .max = 1, .doc = "relative tolerance"},
    {.name = "step", .number = 0.05, .min = 1e-9, .max = 100, .unit = "lambda", .doc = "the first one"},
    {0}};

static const borel_solver_ops ops = {.size = sizeof ops,
                                     .state = state,
                                     .scratch = scratch,
                                     .create = create,
                                     .destroy = destroy,
                                     .claims = claims,
                                     .step = step};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_SOLVER,
    .name = "rk45",
    .summary = "Dormand and Prince's pair of orders 5 and 4, with a local error held to a tolerance",
    .reference = "Dormand and Prince 1980, J. Comput. Appl. Math. 6:1; Song et al. 2021, ICLR, section 4.3",
    .params = params,
    .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "org.borel.rk45",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
