/* SPDX-License-Identifier: MIT
 *
 * nuts: the No-U-Turn sampler with multinomial selection.
 *
 * A step draws a momentum p ~ N(0, M), M = diag(1 / inverse_mass), and grows a leapfrog trajectory by
 * doubling in random directions until it turns back on itself. Points z = (u, p) carry the weight exp(-H(z)),
 * H = -logdensity(u) + p' inverse_mass p / 2. A sub-tree offers one of its points with multinomial
 * probability; the trajectory moves to the offer of a new half with probability min(1, W_new / W_old), which
 * favours far points.
 *
 * References: Hoffman and Gelman 2014 (JMLR 15:1593); Betancourt 2017 (arXiv:1701.02434), appendix A.3 for
 * the selection, A.4.2 for the turning criterion on the sum of momenta rho. Across each seam the criterion is
 * also tested with the first momentum beyond it, as in Stan since 2.21. Metric `fisher`: nuts-rs (Seyboldt).
 *
 * Reversible: the states of a finished trajectory reach it with the same probability, as each test depends on
 * the tree alone, never on where in it the step began; and for z in the old half O and z' in the new half N
 * the flow w(z) min(1, W_N / W_O) w(z') / W_N is symmetric. Hence a difference to Stan: after warm-up a
 * trajectory diverges when the *range* of its energies exceeds max_energy_error, not its distance from the
 * first energy.
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the orbit test must notice each. */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { MAX_DEPTH = 20, STATES_PER_LEVEL = 3, SPARE_STATES = 4 };
enum { MAX_STATES = STATES_PER_LEVEL * MAX_DEPTH + SPARE_STATES };

/* ---- parameters and fields ------------------------------------------------------------------- */

enum { PARAM_MAX_DEPTH, PARAM_TARGET_ACCEPT, PARAM_METRIC, PARAM_STEP_SIZE, PARAM_MAX_ENERGY_ERROR };
enum { METRIC_FISHER, METRIC_VARIANCE };

static const borel_param params[] = {
    {.name = "max_depth",
     .type = BOREL_INT,
     .number = 10,
     .min = 1,
     .max = MAX_DEPTH,
     .unit = "doublings",
     .doc = "a trajectory has at most 2^max_depth - 1 leapfrog steps"},
    {.name = "target_accept",
     .type = BOREL_REAL,
     .number = 0.88, /* what runs of Stan at its 0.8 come to; docs/performance.md has the comparison */
     .min = 0.05,
     .max = 0.999,
     .doc = "mean acceptance that the warm-up tunes the step size to"},
    {.name = "metric",
     .type = BOREL_CHOICE,
     .choices = "fisher|variance",
     .doc = "fisher: sqrt(var of draws / var of gradients), renewed at each draw; variance: Stan's windows"},
    {.name = "step_size",
     .type = BOREL_REAL,
     .number = 0,
     .min = 0,
     .max = 1e6,
     .doc = "first step size; 0 finds one by doubling or halving"},
    {.name = "max_energy_error",
     .type = BOREL_REAL,
     .number = 1000,
     .min = 1e-3,
     .max = 1e6,
     .doc = "largest range of energies on a trajectory; beyond it the trajectory diverges"},
    {0}};

enum { TUNE_STEP_SIZE, TUNE_INVERSE_MASS, TUNE_AVERAGING, TUNE_FORE, TUNE_BACK, TUNE_COUNTS, TUNE_WINDOW };

static const borel_field tuning_fields[] = {
    {"step_size", BOREL_F64, {0}, "leapfrog step"},
    {"inverse_mass", BOREL_F64, {BOREL_DIM_D}, "diagonal of the inverse mass matrix: about the variances"},
    {"averaging", BOREL_F64, {6}, "dual averaging of the step size"},
    {"foreground", BOREL_F64, {4, BOREL_DIM_D}, "Welford: mean and squares of draws, then of gradients"},
    {"background", BOREL_F64, {4, BOREL_DIM_D}, "the same for the next window"},
    {"counts", BOREL_F64, {4}, "draws, gradients in the foreground, then in the background"},
    {"window", BOREL_F64, {0}, "fisher: length of the current window; 0 while the first metric is in use"},
    {0}};

enum { STATE_DISPLACEMENT };
static const borel_field state_fields[] = {
    {"displacement", BOREL_I64, {0}, "leapfrog steps from the last draw to this one, with sign"}, {0}};

enum { SCRATCH_STATES, SCRATCH_SPARE, SCRATCH_RHO };
static const borel_field scratch_fields[] = {
    {"states",
     BOREL_F64,
     {BOREL_DIM_PARAM(PARAM_MAX_DEPTH), 3 * STATES_PER_LEVEL, BOREL_DIM_D},
     "u, p, gradient"},
    {"spare", BOREL_F64, {3 * SPARE_STATES + 1, BOREL_DIM_D}, "more states, and rho of the trajectory"},
    {"rho", BOREL_F64, {BOREL_DIM_PARAM(PARAM_MAX_DEPTH), BOREL_DIM_D}, "sums of momenta of sub-trees"},
    {0}};

enum {
  INFO_ACCEPT,
  INFO_STEP_SIZE,
  INFO_LEAPFROGS,
  INFO_DEPTH,
  INFO_DIVERGING,
  INFO_ENERGY,
  INFO_NAN,
  INFO_SYMMETRIC
};
static const borel_field info_fields[] = {
    {"accept", BOREL_F64, {0}, "mean of min(1, exp(H_start - H)) over the new points of the trajectory"},
    {"step_size", BOREL_F64, {0}, "leapfrog step"},
    {"leapfrogs", BOREL_F64, {0}, "gradients evaluated"},
    {"depth", BOREL_F64, {0}, "completed doublings"},
    {"diverging", BOREL_F64, {0}, "1 when the trajectory ended by its energy"},
    {"energy", BOREL_F64, {0}, "H at the new point"},
    {"nan", BOREL_F64, {0}, "points of the trajectory where the target was not a number"},
    {"symmetric",
     BOREL_F64,
     {0},
     "mean of 2 min(1, r) / (1 + r), r = exp(H_start - H), over the same points"},
    {0}};

typedef struct {
  int max_depth, metric;
  double target_accept, step_size, max_energy_error;
} nuts;

/* ---- trajectories ---------------------------------------------------------------------------- */

/* A phase-space point in scratch memory. */
typedef struct {
  double *u, *p, *gradient; /* [D] */
  double logdensity, energy;
  int64_t index; /* leapfrog steps from the start */
} state;

/* A stretch of the orbit, in the order in which it was built. Each of its three states is counted once in
 * `holders`, so that states move between trees by number and are never copied. */
typedef struct {
  int first, last, offer;
  int depth;
  double log_weight; /* of all its points, relative to the start */
  const double *rho; /* [D], sum of momenta; of a single point its p */
} tree;

/* One step's view of target and scratch. */
typedef struct {
  borel_target *target;
  borel_rng *rng;
  uint32_t layout;
  const int64_t *z;
  size_t D;
  const double *inverse_mass; /* [D] */
  double *rho;                /* [max_depth, D], row i for the tree at stack[i] */
  double *rho_top;            /* [D] */
  state states[MAX_STATES];
  int holders[MAX_STATES], vacant[MAX_STATES],
      vacant_count; /* last freed, first reused: it is in the cache */
  tree stack[MAX_DEPTH + 1];
  double start_energy, lowest, highest, max_range;
  int warming;
  double accept_sum, symmetric_sum;
  int64_t leapfrogs, nans;
  int diverging;
} work;

static void work_open(work *w, const nuts *self, const borel_context *context, borel_target *target,
                      const borel_point *point, const double *inverse_mass) {
  size_t D = point->D;
  double *levels = context->scratch[SCRATCH_STATES], *spare = context->scratch[SCRATCH_SPARE];
  int count = STATES_PER_LEVEL * self->max_depth + SPARE_STATES;
  w->target = target;
  w->rng = context->rng;
  w->layout = point->layout;
  w->z = point->z;
  w->D = D;
  w->inverse_mass = inverse_mass;
  w->rho = context->scratch[SCRATCH_RHO];
  w->rho_top = spare + 3 * SPARE_STATES * D;
  for (int i = 0; i < count; i++) {
    double *at = i < SPARE_STATES ? spare + 3 * D * (size_t)i : levels + 3 * D * (size_t)(i - SPARE_STATES);
    w->states[i] = (state){.u = at, .p = at + D, .gradient = at + 2 * D};
    w->holders[i] = 0;
    w->vacant[i] = count - 1 - i;
  }
  w->vacant_count = count;
  w->max_range = self->max_energy_error;
  w->warming = context->phase ? context->phase->warming : 0;
  w->accept_sum = w->symmetric_sum = 0;
  w->leapfrogs = w->nans = 0;
  w->diverging = 0;
}

static int take(work *w) { return w->vacant[--w->vacant_count]; }

static void drop(work *w, int s) {
  if (--w->holders[s] == 0) w->vacant[w->vacant_count++] = s;
}

/* Loops take four numbers at a time, as two pairs; a sum has four parts, so that additions overlap. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));
#define PAIR(x) (*(const pair *)(x))
#define TOTAL(sum) ((sum[0][0] + sum[0][1]) + (sum[1][0] + sum[1][1]))

/* p += kick * gradient; returns p' inverse_mass p / 2. */
static double kick_and_energy(double *p, const double *gradient, const double *inverse_mass, double kick,
                              size_t D) {
  pair sum[2] = {0};
  size_t i = 0;
  for (; i + 4 <= D; i += 4)
#pragma GCC unroll 2
    for (size_t j = 0; j < 2; j++) {
      size_t at = i + 2 * j;
      pair kicked = PAIR(p + at) + kick * PAIR(gradient + at);
      *(pair *)(p + at) = kicked;
      sum[j] += PAIR(inverse_mass + at) * kicked * kicked;
    }
  for (; i < D; i++) {
    p[i] += kick * gradient[i];
    sum[0][0] += inverse_mass[i] * p[i] * p[i];
  }
  return 0.5 * TOTAL(sum);
}

static void kick_and_drift(const state *from, state *to, const double *inverse_mass, double step, size_t D) {
  const double *u = from->u, *p = from->p, *gradient = from->gradient;
  double *new_u = to->u, *new_p = to->p;
#if BOREL_MUTANT == 5 /* a whole momentum step before the drift: not symmetric in time */
  double kick = step;
#else
  double kick = 0.5 * step;
#endif
  size_t i = 0;
  for (; i + 2 <= D; i += 2) {
    pair kicked = PAIR(p + i) + kick * PAIR(gradient + i);
    *(pair *)(new_p + i) = kicked;
    *(pair *)(new_u + i) = PAIR(u + i) + step * (PAIR(inverse_mass + i) * kicked);
  }
  for (; i < D; i++) {
    new_p[i] = p[i] + kick * gradient[i];
    new_u[i] = u[i] + step * (inverse_mass[i] * new_p[i]);
  }
}

/* One leapfrog step. The energy is +inf where the target is zero or not a number. */
static borel_status leapfrog(work *w, int from, int to, double step, borel_error *error) {
  const state *a = &w->states[from];
  state *b = &w->states[to];
  kick_and_drift(a, b, w->inverse_mass, step, w->D);
  b->index = a->index + (step > 0 ? 1 : -1);
  b->logdensity = -INFINITY;
  borel_status status =
      w->target->ops->gradient(w->target, w->layout, b->u, w->z, &b->logdensity, b->gradient, error);
  w->leapfrogs++;
  if (status == BOREL_OK && b->logdensity > -INFINITY) {
    b->energy = kick_and_energy(b->p, b->gradient, w->inverse_mass, 0.5 * step, w->D) - b->logdensity;
    if (isfinite(b->energy)) return BOREL_OK;
    w->nans++;
  } else if (status == BOREL_DOMAIN || (status == BOREL_OK && isnan(b->logdensity))) {
    w->nans++;
    error->code = BOREL_OK;
    error->message[0] = 0;
    status = BOREL_OK;
  }
  b->energy = INFINITY;
  return status == BOREL_REJECT ? BOREL_OK : status;
}

/* log(exp(a) + exp(b)), to an absolute 1e-16. */
static double log_add(double a, double b) {
  double high = a > b ? a : b, low = a > b ? b : a;
  return low == -INFINITY ? high : high + log(1 + exp(low - high));
}

/* Do the velocities at both ends still point along rho = x + y? */
static int advances(const work *w, const double *x, const double *y, const double *first,
                    const double *last) {
  const double *inverse_mass = w->inverse_mass;
  pair sum_first[2] = {0}, sum_last[2] = {0};
  size_t i = 0, D = w->D;
  for (; i + 4 <= D; i += 4)
#pragma GCC unroll 2
    for (size_t j = 0; j < 2; j++) {
      size_t at = i + 2 * j;
      pair scaled = PAIR(inverse_mass + at) * (PAIR(x + at) + PAIR(y + at));
      sum_first[j] += scaled * PAIR(first + at);
      sum_last[j] += scaled * PAIR(last + at);
    }
  for (; i < D; i++) {
    double scaled = inverse_mass[i] * (x[i] + y[i]);
    sum_first[0][0] += scaled * first[i];
    sum_last[0][0] += scaled * last[i];
  }
#if BOREL_MUTANT == 3 /* tests the end that has just been reached, and not the other */
  return TOTAL(sum_last) > 0;
#else
  return TOTAL(sum_first) > 0 && TOTAL(sum_last) > 0;
#endif
}

/* Does the union of two neighbours of one size turn back: as a whole, or either half with the first point
 * beyond the seam? For single points the three tests are one. */
static int turns(const work *w, const tree *a, const tree *b) {
  const double *first = w->states[a->first].p, *before = w->states[a->last].p;
  const double *beyond = w->states[b->first].p, *last = w->states[b->last].p;
  if (!advances(w, a->rho, b->rho, first, last)) return 1;
  if (a->depth == 0) return 0;
#if BOREL_MUTANT == 13 /* looks across the seam from one side only */
  return !advances(w, a->rho, beyond, first, beyond);
#else
  return !(advances(w, a->rho, beyond, first, beyond) && advances(w, b->rho, before, before, last));
#endif
}

/* a becomes a and b; its offer is b's when `switched`. `rho` receives the sum of momenta; it may be a's own.
 */
static void join(work *w, tree *a, const tree *b, double log_weight, double *rho, int switched) {
  for (size_t i = 0; i < w->D; i++) rho[i] = a->rho[i] + b->rho[i];
  a->rho = rho;
  drop(w, switched ? a->offer : b->offer);
  if (switched) a->offer = b->offer;
  drop(w, a->last);
  drop(w, b->first);
  a->last = b->last;
  a->depth++;
  a->log_weight = log_weight;
}

/* Joins the two trees on top of the stack; returns 0 when the whole turns. */
static int join_top(work *w, size_t top) {
  tree *a = &w->stack[top - 1], *b = &w->stack[top];
#if BOREL_MUTANT != 4 /* sub-trees may turn: the trajectory's states reach it with unlike probabilities */
  if (turns(w, a, b)) return 0;
#endif
  double log_weight = log_add(a->log_weight, b->log_weight);
#if BOREL_MUTANT == 11 /* favours the far half inside sub-trees too */
  double log_ratio = b->log_weight - a->log_weight;
#else
  double log_ratio = b->log_weight - log_weight;
#endif
  join(w, a, b, log_weight, w->rho + (top - 1) * w->D, w->rng->ops->accept(w->rng, log_ratio));
  return 1;
}

static int diverges(work *w, double energy) {
  if (energy < w->lowest) w->lowest = energy;
  if (energy > w->highest) w->highest = energy;
#if BOREL_MUTANT == 12 /* measures from the start after warm-up too: which trees end depends on the start */
  return energy - w->start_energy > w->max_range;
#else
  /* Far out, where a warm-up may begin, energy can fall a lot, and the chain should follow. */
  return (w->warming ? energy - w->start_energy : w->highest - w->lowest) > w->max_range;
#endif
}

/* Builds 2^depth points beyond state `from` into stack[0]. `*whole` becomes 0 when a sub-tree turns or a
 * point diverges; the rest is then not built. Leaf n completes as many joins as n has trailing ones. */
static borel_status extend(work *w, int from, int depth, double step, int *whole, borel_error *error) {
  size_t height = 0;
  *whole = 0;
  for (uint64_t n = 0; n < (uint64_t)1 << depth; n++) {
    int leaf = take(w);
    borel_status status = leapfrog(w, from, leaf, step, error);
    if (status != BOREL_OK) return status;
    from = leaf;
    w->holders[leaf] = 3;
    double change = w->start_energy - w->states[leaf].energy;
    double ratio = exp(change < 0 ? change : -change); /* min(r, 1/r) */
    w->accept_sum += change > 0 ? 1 : ratio;
    w->symmetric_sum += 2 * ratio / (1 + ratio);
#if BOREL_MUTANT == 1 /* points are chosen as if all weighed the same */
    double log_weight = 0;
#else
    double log_weight = change;
#endif
    w->stack[height++] = (tree){leaf, leaf, leaf, 0, log_weight, w->states[leaf].p};
    if (diverges(w, w->states[leaf].energy)) {
      w->diverging = 1;
      return BOREL_OK;
    }
    for (uint64_t ones = n; ones & 1; ones >>= 1, height--)
      if (!join_top(w, height - 1)) return BOREL_OK;
  }
  *whole = 1;
  return BOREL_OK;
}

/* ---- one transition -------------------------------------------------------------------------- */

/* Fills a new state with u, gradient and log-density of the point. */
static borel_status load(const borel_context *context, work *w, borel_point *point, int *loaded,
                         borel_error *error) {
  borel_status status = context->host->evaluate(w->target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK && status != BOREL_REJECT) return status;
  if (!isfinite(point->logdensity))
    return context->host->fail(error, BOREL_DOMAIN, "nuts: the log-density is %g at the current point",
                               point->logdensity);
  *loaded = take(w);
  state *s = &w->states[*loaded];
  if (w->D) {
    memcpy(s->u, point->u, w->D * sizeof *s->u);
    memcpy(s->gradient, point->gradient, w->D * sizeof *s->gradient);
  }
  s->logdensity = point->logdensity;
  s->index = 0;
  return BOREL_OK;
}

/* A new momentum for state s, and its energy. */
static void refresh(work *w, state *s) {
  w->rng->ops->fill_normal(w->rng, s->p, 1, w->D);
  double kinetic = 0;
  for (size_t i = 0; i < w->D; i++) {
#if BOREL_MUTANT == 10 /* momentum of the inverse metric */
    s->p[i] *= sqrt(w->inverse_mass[i]);
#else
    s->p[i] /= sqrt(w->inverse_mass[i]);
#endif
    kinetic += w->inverse_mass[i] * s->p[i] * s->p[i];
  }
  s->energy = 0.5 * kinetic - s->logdensity;
}

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const nuts *self = instance;
  const borel_host *host = context->host;
  borel_rng *rng = context->rng;
  double step_size = *(const double *)context->tuning[TUNE_STEP_SIZE];
  work w;
  work_open(&w, self, context, target, point, context->tuning[TUNE_INVERSE_MASS]);
  int start;
  borel_status status = load(context, &w, point, &start, error);
  if (status != BOREL_OK) return status;
  refresh(&w, &w.states[start]);
  w.start_energy = w.lowest = w.highest = w.states[start].energy;
  w.holders[start] = 3;

#if BOREL_MUTANT == 7 /* the point where the step began weighs nothing */
  tree path = {start, start, start, 0, -INFINITY, w.states[start].p};
#else
  tree path = {start, start, start, 0, 0, w.states[start].p};
#endif
  int heading = 1; /* path.last is its end in this direction of time */
  for (int turning = 0; !turning && path.depth < self->max_depth;) {
#if BOREL_MUTANT == 8 /* only ever grows forward in time */
    int direction = 1;
#else
    int direction = rng->ops->direction(rng);
#endif
    if (direction != heading) {
      int last = path.last;
      path.last = path.first;
      path.first = last;
      heading = direction;
    }
    int whole;
    status = extend(&w, path.last, path.depth, direction * step_size, &whole, error);
    if (status != BOREL_OK) return status;
#if BOREL_MUTANT == 6 /* moves into a half that turned or diverged, then stops */
    turning = !whole;
#else
    if (!whole) break;
#endif
    const tree *half = &w.stack[0];
    turning |= turns(&w, &path, half);
#if BOREL_MUTANT == 2 /* prefers the lighter half */
    double log_ratio = path.log_weight - half->log_weight;
#else
    double log_ratio = half->log_weight - path.log_weight;
#endif
    int switched = rng->ops->accept(rng, log_ratio);
#if BOREL_MUTANT == 14 /* forgets from the third doubling on what the trajectory weighs */
    double log_weight = path.depth < 2 ? log_add(path.log_weight, half->log_weight) : path.log_weight;
#else
    double log_weight = log_add(path.log_weight, half->log_weight);
#endif
    join(&w, &path, half, log_weight, w.rho_top, switched);
  }

  const state *chosen = &w.states[path.offer];
  *(int64_t *)context->state[STATE_DISPLACEMENT] = chosen->index;
  if (chosen->index != 0) {
    host->move_u(point, chosen->u);
#if BOREL_MUTANT == 9 /* remembers the gradient of another point */
    host->know(point, chosen->logdensity, w.states[path.last].gradient);
#else
    host->know(point, chosen->logdensity, chosen->gradient);
#endif
  }
  info[INFO_ACCEPT] = w.accept_sum / (double)w.leapfrogs;
  info[INFO_STEP_SIZE] = step_size;
  info[INFO_LEAPFROGS] = (double)w.leapfrogs;
  info[INFO_DEPTH] = path.depth;
  info[INFO_DIVERGING] = w.diverging;
  info[INFO_ENERGY] = chosen->energy;
  info[INFO_NAN] = (double)w.nans;
  info[INFO_SYMMETRIC] = w.symmetric_sum / (double)w.leapfrogs;
  return BOREL_OK;
}

/* ---- warm-up --------------------------------------------------------------------------------- */

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/* Doubles or halves a step size until one leapfrog step from the point crosses an acceptance of 0.8 (Hoffman
 * and Gelman 2014, algorithm 4, with Stan's threshold). */
static borel_status find_step_size(const nuts *self, const borel_context *context, borel_target *target,
                                   borel_point *point, const double *inverse_mass, double *step_size,
                                   borel_error *error) {
  const double threshold = log(0.8), smallest = 1e-12, largest = 1e7;
  work w;
  work_open(&w, self, context, target, point, inverse_mass);
  int start;
  borel_status status = load(context, &w, point, &start, error);
  if (status != BOREL_OK) return status;
  int there = take(&w);
  for (int grow = -1; *step_size > smallest && *step_size < largest;) {
    refresh(&w, &w.states[start]);
    status = leapfrog(&w, start, there, *step_size, error);
    if (status != BOREL_OK) return status;
    int accepted = w.states[start].energy - w.states[there].energy > threshold;
    if (grow < 0) grow = accepted;
    if (accepted != grow) return BOREL_OK;
    *step_size *= grow ? 2 : 0.5;
  }
  context->host->log(BOREL_LOG_WARN, *step_size >= largest
                                         ? "nuts: any step size is accepted: is the density proper?"
                                         : "nuts: no step size is accepted: is the density continuous?");
  *step_size = clamp(*step_size, smallest, largest);
  return BOREL_OK;
}

/* The four Welford rows of one window. */
typedef struct {
  double *counts, *rows; /* [2], [4, D] */
  size_t D;
} estimate;

static estimate estimate_of(void *const *tuning, int field, size_t D) {
  double *counts = tuning[TUNE_COUNTS];
  return (estimate){field == TUNE_FORE ? counts : counts + 2, tuning[field], D};
}

static void estimate_reset(const borel_welford *welford, estimate e) {
  welford->reset(&e.counts[0], e.rows, e.rows + e.D, e.D);
  welford->reset(&e.counts[1], e.rows + 2 * e.D, e.rows + 3 * e.D, e.D);
}

static void estimate_add(const borel_welford *welford, estimate e, const borel_point *point) {
  welford->add(&e.counts[0], e.rows, e.rows + e.D, e.D, point->u);
  welford->add(&e.counts[1], e.rows + 2 * e.D, e.rows + 3 * e.D, e.D, point->gradient);
}

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const nuts *self = instance;
  const borel_host *host = context->host;
  double *inverse_mass = tuning[TUNE_INVERSE_MASS], *step_size = tuning[TUNE_STEP_SIZE];
  borel_status status = host->evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK && status != BOREL_REJECT) return status;
  if (!isfinite(point->logdensity))
    return host->fail(error, BOREL_DOMAIN, "nuts: the log-density is %g at the start", point->logdensity);
  estimate fore = estimate_of(tuning, TUNE_FORE, point->D), back = estimate_of(tuning, TUNE_BACK, point->D);
  estimate_reset(host->welford, fore);
  estimate_reset(host->welford, back);
  *(double *)tuning[TUNE_WINDOW] = 0;
  for (size_t i = 0; i < point->D; i++) {
    double slope = fabs(point->gradient[i]);
    int usable = self->metric == METRIC_FISHER && slope > 0 && isfinite(slope);
    inverse_mass[i] = usable ? clamp(1 / slope, 1e-20, 1e20) : 1;
  }
  if (self->metric == METRIC_FISHER) {
    estimate_add(host->welford, fore, point);
    estimate_add(host->welford, back, point);
  }
  *step_size = self->step_size > 0 ? self->step_size : 1;
  if (self->step_size == 0) {
    status = find_step_size(self, context, target, point, inverse_mass, step_size, error);
    if (status != BOREL_OK) return status;
  }
  host->dual_averaging->restart(tuning[TUNE_AVERAGING], *step_size);
  return BOREL_OK;
}

/* A new first step size for a new metric. */
static borel_status restart(const nuts *self, const borel_context *context, borel_target *target,
                            borel_point *point, void *const *tuning, borel_error *error) {
  double *step_size = tuning[TUNE_STEP_SIZE];
  borel_status status =
      find_step_size(self, context, target, point, tuning[TUNE_INVERSE_MASS], step_size, error);
  if (status == BOREL_OK) context->host->dual_averaging->restart(tuning[TUNE_AVERAGING], *step_size);
  return status;
}

/* Stan: at the end of each slow window the variances of its draws, drawn a little towards 1e-3. */
static borel_status adapt_variance(const nuts *self, const borel_context *context, borel_target *target,
                                   borel_point *point, void *const *tuning, borel_error *error) {
  const borel_welford *welford = context->host->welford;
  double *inverse_mass = tuning[TUNE_INVERSE_MASS];
  estimate fore = estimate_of(tuning, TUNE_FORE, point->D);
  if (context->phase->slow) welford->add(&fore.counts[0], fore.rows, fore.rows + fore.D, fore.D, point->u);
  if (!context->phase->window_end || fore.counts[0] < 2) return BOREL_OK;
  double n = fore.counts[0];
  welford->variance(&fore.counts[0], fore.rows + fore.D, fore.D, inverse_mass);
  for (size_t i = 0; i < fore.D; i++)
    inverse_mass[i] = clamp(n / (n + 5) * inverse_mass[i] + 1e-3 * 5 / (n + 5), 1e-20, 1e20);
  estimate_reset(welford, fore);
  return restart(self, context, target, point, tuning, error);
}

#define EARLY 0.3 /* share of the warm-up in which the fisher metric is rough */

/* nuts-rs: inverse_mass = sqrt(var of draws / var of gradients), after each draw, from a window that overlaps
 * the one before: windows of 10 in the first 30 % of the warm-up, then 80, growing by half; none in the last
 * 15 %. */
static borel_status adapt_fisher(const nuts *self, const borel_context *context, borel_target *target,
                                 borel_point *point, const double *info, void *const *tuning,
                                 borel_error *error) {
  const borel_phase *phase = context->phase;
  const borel_welford *welford = context->host->welford;
  double *window = tuning[TUNE_WINDOW], *inverse_mass = tuning[TUNE_INVERSE_MASS];
  double iteration = (double)phase->iteration, end = 0.85 * (double)phase->warmup;
  if (iteration >= end) return BOREL_OK;

  /* A draw that stayed says nothing new; one next to a divergence says it about an odd place. */
  int64_t displacement = *(const int64_t *)context->state[STATE_DISPLACEMENT];
  int64_t least = info[INFO_DIVERGING] != 0 ? 5 : 1;
  if (displacement < least && displacement > -least) return BOREL_OK;
  borel_status status = context->host->evaluate(target, point, BOREL_LOGDENSITY | BOREL_GRADIENT, error);
  if (status != BOREL_OK) return status;
  estimate fore = estimate_of(tuning, TUNE_FORE, point->D), back = estimate_of(tuning, TUNE_BACK, point->D);
  estimate_add(welford, fore, point);
  estimate_add(welford, back, point);

  int early = iteration < EARLY * (double)phase->warmup;
  double length = early ? 10 : *window > 80 ? *window : 80;
  if (back.counts[0] >= length && iteration + length < end) {
    memcpy(fore.counts, back.counts, 2 * sizeof *fore.counts);
    if (fore.D) memcpy(fore.rows, back.rows, 4 * fore.D * sizeof *fore.rows);
    estimate_reset(welford, back);
    *window = early ? length : 1.5 * length;
  }
  if (fore.counts[0] < 4) return BOREL_OK;
  double n = fore.counts[0];
  for (size_t i = 0; i < fore.D; i++) {
    double draws = fore.rows[fore.D + i] / (n - 1), gradients = fore.rows[3 * fore.D + i] / (n - 1);
    double ratio = sqrt(draws / gradients);
    if (ratio > 0 && isfinite(ratio)) inverse_mass[i] = clamp(ratio, 1e-20, 1e20);
  }
  if (*window > 0) return BOREL_OK;
  *window = 10; /* the first metric from draws: its scale may be far from that of the first guess */
  return restart(self, context, target, point, tuning, error);
}

static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const nuts *self = instance;
  const borel_phase *phase = context->phase;
  const borel_dual_averaging *averaging = context->host->dual_averaging;
  double *step_size = tuning[TUNE_STEP_SIZE];
  /* nuts-rs: once the metric has settled, gains of energy count like losses; the step comes out smaller. */
  int late = self->metric == METRIC_FISHER && (double)phase->iteration >= EARLY * (double)phase->warmup;
  *step_size = averaging->update(tuning[TUNE_AVERAGING], info[late ? INFO_SYMMETRIC : INFO_ACCEPT],
                                 self->target_accept);
  borel_status status = self->metric == METRIC_FISHER
                            ? adapt_fisher(self, context, target, point, info, tuning, error)
                            : adapt_variance(self, context, target, point, tuning, error);
  if (phase->iteration + 1 == phase->warmup) *step_size = averaging->finish(tuning[TUNE_AVERAGING]);
  return status;
}

/* ---- the component --------------------------------------------------------------------------- */

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  nuts *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "nuts: no memory");
  self->max_depth = (int)values[PARAM_MAX_DEPTH].number;
  self->target_accept = values[PARAM_TARGET_ACCEPT].number;
  self->metric = (int)values[PARAM_METRIC].number;
  self->step_size = values[PARAM_STEP_SIZE].number;
  self->max_energy_error = values[PARAM_MAX_ENERGY_ERROR].number;
  *instance = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_kernel_ops ops = {
    .size = sizeof ops,
    .tuning = tuning_fields,
    .state = state_fields,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create,
    .destroy = destroy,
    .warm = warm,
    .step = step,
    .adapt = adapt,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = "kernel/0",
    .name = "nuts",
    .summary = "No-U-Turn sampler: Hamiltonian trajectories of self-chosen length",
    .reference = "Hoffman and Gelman 2014, JMLR 15:1593; Betancourt 2017, arXiv:1701.02434, appendix A",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_FIXED_LAYOUT,
               .checks = BOREL_CHECK_ORBIT,
               .note = "with the tuning fixed, after warm-up; moves u only. Ergodic for densities without "
                       "gaps, but not claimed in general"},
    .ops = &ops,
};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.nuts", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,   .components = components,
};
