/* SPDX-License-Identifier: MIT
 *
 * nuts: the No-U-Turn sampler with multinomial selection.
 *
 * A step draws a momentum p ~ N(0, I) in the coordinates y of the metric (borel_metric), and grows a leapfrog
 * trajectory by doubling in random directions until it turns back on itself. Points z = (u, p) carry the
 * weight exp(-H(z)), H = -logdensity(u) + p' p / 2. A sub-tree offers one of its points with multinomial
 * probability; the trajectory moves to the offer of a new half with probability min(1, W_new / W_old), which
 * favours far points.
 *
 * References: Hoffman and Gelman 2014 (JMLR 15:1593); Betancourt 2017 (arXiv:1701.02434), appendix A.3 for
 * the selection, A.4.2 for the turning criterion on the sum of momenta rho. Across each seam the criterion is
 * also tested with the first momentum beyond it, as in Stan since 2.21.
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

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

enum { MAX_DEPTH = 20, STATES_PER_LEVEL = 3, SPARE_STATES = 4, ROWS = 4 /* arrays [D] of a state */ };
enum { MAX_STATES = STATES_PER_LEVEL * MAX_DEPTH + SPARE_STATES };

/* ---- parameters and fields ------------------------------------------------------------------- */

enum {
  PARAM_MAX_DEPTH,
  PARAM_TARGET_ACCEPT,
  PARAM_METRIC,
  PARAM_STEP_SIZE,
  PARAM_MAX_ENERGY_ERROR,
  PARAM_STEP_JITTER
};

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
     .choices = BOREL_METRIC_WORDS,
     .doc =
         "how the scale of the coordinates is learnt: fisher and low_rank from draws and gradients, variance "
         "and dense from draws"},
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
    {.name = "step_jitter",
     .type = BOREL_REAL,
     .number = 0,
     .min = 0,
     .max = 0.99,
     .doc = "step sizes are uniform on 1 +- this times the tuned one"},
    {0}};

enum { STATE_DISPLACEMENT };
static const borel_field state_fields[] = {
    {"displacement", BOREL_I64, {0}, "leapfrog steps from the last draw to this one, with sign"}, {0}};

enum { SCRATCH_STATES, SCRATCH_SPARE, SCRATCH_RHO };
static const borel_field scratch_fields[] = {
    {"states",
     BOREL_F64,
     {BOREL_DIM_PARAM(PARAM_MAX_DEPTH), ROWS *STATES_PER_LEVEL, BOREL_DIM_D},
     "u, gradient, momentum, force"},
    {"spare", BOREL_F64, {ROWS * SPARE_STATES + 1, BOREL_DIM_D}, "more states, and rho of the trajectory"},
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
  int max_depth;
  double max_energy_error, step_jitter;
  borel_hamiltonian_options options;
  borel_field tuning[BOREL_HAMILTONIAN_FIELDS];
} nuts;

/* ---- trajectories ---------------------------------------------------------------------------- */

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
  const borel_hamiltonian *dynamics;
  borel_target *target;
  const borel_point *point;
  borel_rng *rng;
  size_t D;
  borel_metric metric;
  double *rho;     /* [max_depth, D], row i for the tree at stack[i] */
  double *rho_top; /* [D] */
  borel_place states[MAX_STATES];
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
                      const borel_point *point) {
  size_t D = point->D;
  double *levels = context->scratch[SCRATCH_STATES], *spare = context->scratch[SCRATCH_SPARE];
  int count = STATES_PER_LEVEL * self->max_depth + SPARE_STATES;
  w->target = target;
  w->rng = context->rng;
  w->point = point;
  w->D = D;
  w->dynamics = context->host->hamiltonian;
  w->dynamics->metric(self->options.metric, D, context->tuning, &w->metric);
  w->rho = context->scratch[SCRATCH_RHO];
  w->rho_top = spare + ROWS * SPARE_STATES * D;
  for (int i = 0; i < count; i++) {
    double *at =
        i < SPARE_STATES ? spare + ROWS * D * (size_t)i : levels + ROWS * D * (size_t)(i - SPARE_STATES);
    w->states[i] = (borel_place){.u = at, .gradient = at + D, .momentum = at + 2 * D, .force = at + 3 * D};
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

static borel_status leapfrog(work *w, int from, int to, double step, borel_error *error) {
#if BOREL_MUTANT == 5 /* a whole momentum step before the drift: not symmetric in time */
  borel_place *start = &w->states[from], pushed = *start;
  pushed.momentum = w->states[to].momentum;
  for (size_t i = 0; i < w->D; i++) pushed.momentum[i] = start->momentum[i] + 0.5 * step * start->force[i];
  borel_status status =
      w->dynamics->leapfrog(w->target, w->point, &w->metric, &pushed, step, &w->states[to], error);
#else
  borel_status status =
      w->dynamics->leapfrog(w->target, w->point, &w->metric, &w->states[from], step, &w->states[to], error);
#endif
  w->leapfrogs++;
  w->nans += w->states[to].nan;
  return status;
}

/* log(exp(a) + exp(b)), to an absolute 1e-16. */
static double log_add(double a, double b) {
  double high = a > b ? a : b, low = a > b ? b : a;
  return low == -INFINITY ? high : high + log(1 + exp(low - high));
}

/* Do the momenta at both ends still point along rho = x + y? */
static int advances(const work *w, const double *x, const double *y, const double *first,
                    const double *last) {
  pair sum_first[2] = {0}, sum_last[2] = {0};
  size_t i = 0, D = w->D;
  for (; i + 4 <= D; i += 4)
#pragma GCC unroll 2
    for (size_t j = 0; j < 2; j++) {
      size_t at = i + 2 * j;
      pair rho = PAIR(x + at) + PAIR(y + at);
      sum_first[j] += rho * PAIR(first + at);
      sum_last[j] += rho * PAIR(last + at);
    }
  for (; i < D; i++) {
    double rho = x[i] + y[i];
    sum_first[0][0] += rho * first[i];
    sum_last[0][0] += rho * last[i];
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
  const double *first = w->states[a->first].momentum, *before = w->states[a->last].momentum;
  const double *beyond = w->states[b->first].momentum, *last = w->states[b->last].momentum;
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
    w->stack[height++] = (tree){leaf, leaf, leaf, 0, log_weight, w->states[leaf].momentum};
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

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const nuts *self = instance;
  const borel_host *host = context->host;
  borel_rng *rng = context->rng;
  double step_size = *(const double *)context->tuning[0];
  work w;
  work_open(&w, self, context, target, point);
  int start = take(&w);
  borel_status status = w.dynamics->load(target, point, &w.metric, &w.states[start], error);
  if (status != BOREL_OK) return status;
  w.dynamics->refresh(rng, &w.metric, &w.states[start]);
#if BOREL_MUTANT == 10 /* momentum in other units than the metric's */
  for (size_t i = 0; i < w.D; i++) w.states[start].momentum[i] *= w.metric.scale[i];
#endif
  w.start_energy = w.lowest = w.highest = w.states[start].energy;
  w.holders[start] = 3;

#if BOREL_MUTANT == 7 /* the point where the step began weighs nothing */
  tree path = {start, start, start, 0, -INFINITY, w.states[start].momentum};
#else
  tree path = {start, start, start, 0, 0, w.states[start].momentum};
#endif
  /* Each step size has detailed balance of its own, so any mixture of them has. */
  if (self->step_jitter > 0) step_size *= 1 + self->step_jitter * (2 * rng->ops->uniform(rng) - 1);
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

  const borel_place *chosen = &w.states[path.offer];
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

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const nuts *self = instance;
  return context->host->hamiltonian->start(&self->options, context, target, point, tuning,
                                           context->scratch[SCRATCH_SPARE], error);
}

static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const nuts *self = instance;
  /* A draw that stayed says nothing new; one next to a divergence says it about an odd place. */
  int64_t displacement = *(const int64_t *)context->state[STATE_DISPLACEMENT];
  int64_t least = info[INFO_DIVERGING] != 0 ? 5 : 1;
  borel_hamiltonian_news news = {.size = sizeof news,
                                 .accept = info[INFO_ACCEPT],
                                 .symmetric = info[INFO_SYMMETRIC],
                                 .informative = displacement >= least || displacement <= -least};
  return context->host->hamiltonian->adapt(&self->options, context, target, point, &news, tuning,
                                           context->scratch[SCRATCH_SPARE], error);
}

static const borel_field *tuning_fields(const void *instance) { return ((const nuts *)instance)->tuning; }

/* ---- the component --------------------------------------------------------------------------- */

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  nuts *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "nuts: no memory");
  self->max_depth = (int)values[PARAM_MAX_DEPTH].number;
  self->max_energy_error = values[PARAM_MAX_ENERGY_ERROR].number;
  self->step_jitter = values[PARAM_STEP_JITTER].number;
  self->options = (borel_hamiltonian_options){.size = sizeof(borel_hamiltonian_options),
                                              .metric = (borel_metric_kind)values[PARAM_METRIC].number,
                                              .step_size = values[PARAM_STEP_SIZE].number,
                                              .target_accept = values[PARAM_TARGET_ACCEPT].number};
  host->hamiltonian->fields(self->options.metric, sizeof *self->tuning, self->tuning);
  *instance = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_kernel_ops ops = {
    .size = sizeof ops,
    .state = state_fields,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create,
    .destroy = destroy,
    .warm = warm,
    .step = step,
    .adapt = adapt,
    .fields = tuning_fields,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_KERNEL,
    .name = "nuts",
    .summary = "No-U-Turn sampler: Hamiltonian trajectories of self-chosen length",
    .reference = "Hoffman and Gelman 2014, JMLR 15:1593; Betancourt 2017, arXiv:1701.02434, appendix A",
    .params = params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
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
