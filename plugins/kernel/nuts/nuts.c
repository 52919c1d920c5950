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
#define FAR_BELOW 300 /* energies may fall by this before weights are taken relative to another one */
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
  double weight;     /* of all its points */
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
  double *rho;            /* [max_depth, D], row i for the tree at stack[i] */
  double *rho_top;        /* [D] */
  double *levels, *spare; /* memory of the states */
  borel_place states[MAX_STATES];
  int holders[MAX_STATES], vacant[MAX_STATES];
  int made, vacant_count; /* states that have their arrays; last freed, first reused: it is in the cache */
  tree stack[MAX_DEPTH + 1], path; /* what is being built, and the trajectory so far */
  double reference;                /* the energy of a point that weighs 1 */
  double start_energy, lowest, highest, max_range;
  int warming;
  double accept_sum, symmetric_sum;
  int64_t leapfrogs, nans;
  int diverging;
} work;

static void work_open(work *w, const nuts *self, const borel_context *context, borel_target *target,
                      const borel_point *point) {
  size_t D = point->D;
  w->target = target;
  w->rng = context->rng;
  w->point = point;
  w->D = D;
  w->dynamics = context->host->hamiltonian;
  w->dynamics->metric(self->options.metric, D, context->tuning, &w->metric);
  w->levels = context->scratch[SCRATCH_STATES];
  w->spare = context->scratch[SCRATCH_SPARE];
  w->rho = context->scratch[SCRATCH_RHO];
  w->rho_top = w->spare + ROWS * SPARE_STATES * D;
  w->made = w->vacant_count = 0;
  w->max_range = self->max_energy_error;
  w->warming = context->phase ? context->phase->warming : 0;
  w->accept_sum = w->symmetric_sum = 0;
  w->leapfrogs = w->nans = 0;
  w->diverging = 0;
}

/* A state that nobody holds. There are never more than STATES_PER_LEVEL max_depth + SPARE_STATES. */
static int take(work *w) {
  if (w->vacant_count > 0) return w->vacant[--w->vacant_count];
  size_t D = w->D, i = (size_t)w->made;
  double *at = i < SPARE_STATES ? w->spare + ROWS * D * i : w->levels + ROWS * D * (i - SPARE_STATES);
  w->states[i] = (borel_place){.u = at, .gradient = at + D, .momentum = at + 2 * D, .force = at + 3 * D};
  return w->made++;
}

static void drop(work *w, int s) {
  if (--w->holders[s] == 0) w->vacant[w->vacant_count++] = s;
}

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

/* ---- turns ----------------------------------------------------------------------------------- */

/* Loops take four numbers at a time. A sum has four parts and one for the rest: the same bits in registers of
 * any width. */
typedef double four __attribute__((vector_size(32), aligned(8), may_alias));
#define FOUR(x) (*(const four *)(x))
#define SET_FOUR(x) (*(four *)(x))
#define INLINE static inline __attribute__((always_inline))

INLINE void totals(const four *sum, const double *rest, size_t count, double *out) {
#pragma GCC unroll 6
  for (size_t k = 0; k < count; k++) out[k] = ((sum[k][0] + sum[k][1]) + (sum[k][2] + sum[k][3])) + rest[k];
}

/* rho = x + y, sums of momenta of two neighbours, and its products with the momenta at both ends of their
 * union. Single points are their own ends: these are x and y. */
INLINE void join_points_body(const double *x, const double *y, size_t D, double *rho, double ends[2]) {
  four sum[2] = {0};
  double rest[2] = {0};
  size_t i = 0;
  for (; i + 4 <= D; i += 4) {
    four p = FOUR(x + i), q = FOUR(y + i), both = p + q;
    sum[0] += both * p;
    sum[1] += both * q;
    SET_FOUR(rho + i) = both;
  }
  for (; i < D; i++) {
    double p = x[i], q = y[i], both = p + q;
    rest[0] += both * p;
    rest[1] += both * q;
    rho[i] = both;
  }
  totals(sum, rest, 2, ends);
}

/* The same for trees, and for either with the first point beyond the seam. `rho` may be x. */
typedef struct {
  const double *x, *y;                          /* [D], sums of momenta */
  const double *first, *before, *beyond, *last; /* [D], momenta at the ends of the one and of the other */
} seam;

INLINE void join_trees_body(const seam *s, size_t D, double *rho, double ends[6]) {
  four sum[6] = {0};
  double rest[6] = {0};
  size_t i = 0;
  for (; i + 4 <= D; i += 4) {
    four x = FOUR(s->x + i), y = FOUR(s->y + i), first = FOUR(s->first + i), last = FOUR(s->last + i);
    four before = FOUR(s->before + i), beyond = FOUR(s->beyond + i);
    four both = x + y, further = x + beyond, back = before + y;
    sum[0] += both * first;
    sum[1] += both * last;
    sum[2] += further * first;
    sum[3] += further * beyond;
    sum[4] += back * before;
    sum[5] += back * last;
    SET_FOUR(rho + i) = both;
  }
  for (; i < D; i++) {
    double first = s->first[i], before = s->before[i], beyond = s->beyond[i], last = s->last[i];
    double both = s->x[i] + s->y[i], further = s->x[i] + beyond, back = before + s->y[i];
    rest[0] += both * first;
    rest[1] += both * last;
    rest[2] += further * first;
    rest[3] += further * beyond;
    rest[4] += back * before;
    rest[5] += back * last;
    rho[i] = both;
  }
  totals(sum, rest, 6, ends);
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) static void join_points_avx2(const double *x, const double *y, size_t D,
                                                             double *rho, double ends[2]) {
  join_points_body(x, y, D, rho, ends);
}

__attribute__((target("avx2"))) static void join_trees_avx2(const seam *s, size_t D, double *rho,
                                                            double ends[6]) {
  join_trees_body(s, D, rho, ends);
}
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define join_points_avx2 join_points_body
#define join_trees_avx2 join_trees_body
#define HAS_AVX2 0
#endif

static void join_points(const double *x, const double *y, size_t D, double *rho, double ends[2]) {
  if (HAS_AVX2)
    join_points_avx2(x, y, D, rho, ends);
  else
    join_points_body(x, y, D, rho, ends);
}

static void join_trees(const seam *s, size_t D, double *rho, double ends[6]) {
  if (HAS_AVX2)
    join_trees_avx2(s, D, rho, ends);
  else
    join_trees_body(s, D, rho, ends);
}

/* Does the union of two neighbours of one size turn back: as a whole, or either half with the first point
 * beyond the seam? For single points the three tests are one. `rho` receives its sum of momenta; it may be
 * a's. */
static int turns(const work *w, const tree *a, const tree *b, double *rho) {
  double ends[6];
  size_t count = a->depth == 0 ? 2 : 6;
  if (a->depth == 0)
    join_points(a->rho, b->rho, w->D, rho, ends);
  else
    join_trees(&(seam){a->rho, b->rho, w->states[a->first].momentum, w->states[a->last].momentum,
                       w->states[b->first].momentum, w->states[b->last].momentum},
               w->D, rho, ends);
#if BOREL_MUTANT == 13 /* looks across the seam from one side only */
  if (count == 6) count = 4;
#endif
  for (size_t i = 0; i < count; i++) {
#if BOREL_MUTANT == 3 /* tests the end that has just been reached, and not the other */
    if (i % 2 == 0) continue;
#endif
    if (!(ends[i] > 0)) return 1;
  }
  return 0;
}

/* ---- selection ------------------------------------------------------------------------------- */

/* min(1, new / old) */
static int prefers(borel_rng *rng, double new, double old) {
  return rng->ops->bernoulli(rng, new >= old ? 1 : new / old);
}

/* A weight is exp(reference - H): relative to the start, until a point lies so low that it could overflow. */
static void lower_reference(work *w, size_t height, double energy) {
  double factor = exp(energy - w->reference);
  w->reference = energy;
  w->path.weight *= factor;
  for (size_t i = 0; i < height; i++) w->stack[i].weight *= factor;
}

/* a becomes a and b, with the sum of momenta rho; its offer is b's when `switched`. */
static void join(work *w, tree *a, const tree *b, const double *rho, int switched) {
  a->rho = rho;
  drop(w, switched ? a->offer : b->offer);
  if (switched) a->offer = b->offer;
  drop(w, a->last);
  drop(w, b->first);
  a->last = b->last;
  a->depth++;
  a->weight += b->weight;
}

/* Joins the two trees on top of the stack; returns 0 when the whole turns. */
static int join_top(work *w, size_t top) {
  tree *a = &w->stack[top - 1], *b = &w->stack[top];
  double *rho = w->rho + (top - 1) * w->D, total = a->weight + b->weight;
  int turning = turns(w, a, b, rho);
#if BOREL_MUTANT != 4 /* sub-trees may turn: the trajectory's states reach it with unlike probabilities */
  if (turning) return 0;
#else
  (void)turning;
#endif
#if BOREL_MUTANT == 11 /* favours the far half inside sub-trees too */
  int switched = prefers(w->rng, b->weight, a->weight);
  (void)total;
#else
  int switched = w->rng->ops->bernoulli(w->rng, total > 0 ? b->weight / total : 0.5);
#endif
  join(w, a, b, rho, switched);
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
    double energy = w->states[leaf].energy, change = w->start_energy - energy;
    double ratio = exp(change < 0 ? change : -change); /* min(r, 1/r) */
    w->accept_sum += change > 0 ? 1 : ratio;
    w->symmetric_sum += 2 * ratio / (1 + ratio);
    if (w->reference - energy > FAR_BELOW) lower_reference(w, height, energy);
    double weight = w->reference < w->start_energy ? exp(w->reference - energy)
                    : change > 0                   ? 1 / ratio
                                                   : ratio;
#if BOREL_MUTANT == 1 /* points are chosen as if all weighed the same */
    weight = 1;
#endif
    w->stack[height++] = (tree){leaf, leaf, leaf, 0, weight, w->states[leaf].momentum};
    if (diverges(w, energy)) {
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
  w.start_energy = w.lowest = w.highest = w.reference = w.states[start].energy;
  w.holders[start] = 3;

#if BOREL_MUTANT == 7 /* the point where the step began weighs nothing */
  w.path = (tree){start, start, start, 0, 0, w.states[start].momentum};
#else
  w.path = (tree){start, start, start, 0, 1, w.states[start].momentum};
#endif
  tree *path = &w.path;
  /* Each step size has detailed balance of its own, so any mixture of them has. */
  if (self->step_jitter > 0) step_size *= 1 + self->step_jitter * (2 * rng->ops->uniform(rng) - 1);
  int heading = 1; /* path->last is its end in this direction of time */
  for (int turning = 0; !turning && path->depth < self->max_depth;) {
#if BOREL_MUTANT == 8 /* only ever grows forward in time */
    int direction = 1;
#else
    int direction = rng->ops->direction(rng);
#endif
    if (direction != heading) {
      int last = path->last;
      path->last = path->first;
      path->first = last;
      heading = direction;
    }
    int whole;
    status = extend(&w, path->last, path->depth, direction * step_size, &whole, error);
    if (status != BOREL_OK) return status;
#if BOREL_MUTANT == 6 /* moves into a half that turned or diverged, then stops */
    turning = !whole;
#else
    if (!whole) break;
#endif
    const tree *half = &w.stack[0];
    turning |= turns(&w, path, half, w.rho_top);
#if BOREL_MUTANT == 2 /* prefers the lighter half */
    int switched = prefers(rng, path->weight, half->weight);
#else
    int switched = prefers(rng, half->weight, path->weight);
#endif
#if BOREL_MUTANT == 14 /* forgets from the third doubling on what the trajectory weighs */
    double before = path->weight;
    join(&w, path, half, w.rho_top, switched);
    if (path->depth > 2) path->weight = before;
#else
    join(&w, path, half, w.rho_top, switched);
#endif
  }

  const borel_place *chosen = &w.states[path->offer];
  *(int64_t *)context->state[STATE_DISPLACEMENT] = chosen->index;
  if (chosen->index != 0) {
    host->move_u(point, chosen->u);
#if BOREL_MUTANT == 9 /* remembers the gradient of another point */
    host->know(point, chosen->logdensity, w.states[path->last].gradient);
#else
    host->know(point, chosen->logdensity, chosen->gradient);
#endif
  }
  info[INFO_ACCEPT] = w.accept_sum / (double)w.leapfrogs;
  info[INFO_STEP_SIZE] = step_size;
  info[INFO_LEAPFROGS] = (double)w.leapfrogs;
  info[INFO_DEPTH] = path->depth;
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
