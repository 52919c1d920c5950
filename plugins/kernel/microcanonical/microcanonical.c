/* SPDX-License-Identifier: MIT
 *
 * microcanonical: trajectories along which the momentum keeps its length, accepted or not;
 * microcanonical-unadjusted: one endless such trajectory, which is never refused.
 *
 * In the coordinates y of the metric a direction e, |e| = 1, is turned towards the force, de/dt = (I - e e')
 * force / (D - 1), and y moves with speed sqrt(D), so that times compare with those of hmc and nuts. Steps
 * are half a turn, a drift, half a turn. A turn shrinks the sphere around e by exp(volume), and with energy E
 * = sum of volumes - logdensity a path has detailed balance when its end is accepted with probability min(1,
 * exp(E_start - E_end)), as its map keeps density times volume. Its energy errors grow slower with D than
 * those of a leapfrog with free momentum: choose it for many dimensions.
 *
 * microcanonical draws a direction for each path, of a random number of steps. microcanonical-unadjusted
 * keeps it and only mixes some noise in at each step; without acceptance it is wrong by an error of order
 * step^2, as steps are symmetric in time and the noise is exact. The step size is tuned so that the squared
 * change of energy in a step is `energy_variance` D.
 *
 * References: Robnik, De Luca, Silverstein, Seljak 2023 (JMLR 24:311), eq. 16 for a turn; adjusted: Robnik,
 * Cohn-Gordon, Seljak 2025 (arXiv:2503.01707); noise: Robnik and Seljak 2023 (arXiv:2303.18221).
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the isokinetic test must notice each. */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

/* ---- parameters and fields ------------------------------------------------------------------- */

enum {
  PARAM_METRIC,
  PARAM_STEP_SIZE,
  PARAM_MAX_ENERGY_ERROR,
  PARAM_PATH_LENGTH,
  PARAM_MAX_STEPS,
  PARAM_TARGET_ACCEPT,
  PARAM_JITTER, /* adjusted */
  PARAM_ENERGY_VARIANCE = PARAM_TARGET_ACCEPT,
  PARAM_DECOHERENCE /* unadjusted */
};

#define SHARED_PARAMS(length, path_doc)                                                                      \
  {.name = "metric",                                                                                         \
   .type = BOREL_CHOICE,                                                                                     \
   .choices = BOREL_METRIC_WORDS,                                                                            \
   .doc = "how the scale of the coordinates is learnt: fisher and low_rank from draws and gradients, "       \
          "variance and dense from draws"},                                                                  \
      {.name = "step_size",                                                                                  \
       .type = BOREL_REAL,                                                                                   \
       .number = 0,                                                                                          \
       .min = 0,                                                                                             \
       .max = 1e6,                                                                                           \
       .doc = "first step size; 0 finds one by doubling or halving"},                                        \
      {.name = "max_energy_error",                                                                           \
       .type = BOREL_REAL,                                                                                   \
       .number = 1000,                                                                                       \
       .min = 1e-3,                                                                                          \
       .max = 1e6,                                                                                           \
       .doc = "largest range of energies on a path; beyond it the path diverges"},                           \
      {.name = "path_length",                                                                                \
       .type = BOREL_REAL,                                                                                   \
       .number = length,                                                                                     \
       .min = 1e-6,                                                                                          \
       .max = 1e6,                                                                                           \
       .doc = path_doc},                                                                                     \
  {                                                                                                          \
    .name = "max_steps", .type = BOREL_INT, .number = 1000, .min = 1, .max = 1e6, .unit = "steps",           \
    .doc = "most steps between two draws"                                                                    \
  }

static const borel_param adjusted_params[] = {
    SHARED_PARAMS(3.2, "steps times step size, at most; in units of standard deviations"),
    {.name = "target_accept",
     .type = BOREL_REAL,
     .number = 0.9,
     .min = 0.05,
     .max = 0.999,
     .doc = "mean acceptance that the warm-up tunes the step size to"},
    {.name = "jitter",
     .type = BOREL_REAL,
     .number = 1,
     .min = 0,
     .max = 1,
     .doc = "share of a path that may be left out: the number of steps is uniform on what remains"},
    {0}};
static const borel_param unadjusted_params[] = {
    SHARED_PARAMS(1.6, "steps times step size between two draws; in units of standard deviations"),
    {.name = "energy_variance",
     .type = BOREL_REAL,
     .number = 5e-4,
     .min = 1e-12,
     .max = 1,
     .doc =
         "squared change of energy in a step, for each dimension, that the warm-up tunes the step size to"},
    {.name = "decoherence",
     .type = BOREL_REAL,
     .number = 1.6,
     .min = 1e-6,
     .max = 1e6,
     .doc = "time in which noise makes the direction another one; in units of standard deviations"},
    {0}};

enum { STATE_DIRECTION, STATE_BEGUN };
static const borel_field unadjusted_state[] = {
    {"direction", BOREL_F64, {BOREL_DIM_D}, "of the last step, a unit vector"},
    {"begun", BOREL_F64, {0}, "1 when there is a direction"},
    {0}};

enum { SCRATCH_PLACES, SCRATCH_NOISE };
enum { ROWS = 4, PLACES = 2 };
static const borel_field scratch_fields[] = {
    {"places", BOREL_F64, {PLACES * ROWS, BOREL_DIM_D}, "u, gradient, direction, force"},
    {"noise", BOREL_F64, {BOREL_DIM_D}, "for the direction"},
    {0}};

enum {
  INFO_ACCEPT,
  INFO_STEP_SIZE,
  INFO_LEAPFROGS,
  INFO_DIVERGING,
  INFO_ENERGY_CHANGE,
  INFO_NAN,
  INFO_MOVED
};
static const borel_field info_fields[] = {
    {"accept", BOREL_F64, {0}, "probability with which the end of the path was accepted; unadjusted: 1"},
    {"step_size", BOREL_F64, {0}, "time of a step"},
    {"leapfrogs", BOREL_F64, {0}, "gradients evaluated"},
    {"diverging", BOREL_F64, {0}, "1 when the path ended by its energy"},
    {"energy_change",
     BOREL_F64,
     {0},
     "from the start of the path to its end; unadjusted: squared, mean of steps"},
    {"nan", BOREL_F64, {0}, "1 when the target was not a number at the end of the path"},
    {"moved", BOREL_F64, {0}, "1 when the end was accepted"},
    {0}};

typedef struct {
  double max_energy_error, path_length, max_steps, jitter, energy_variance, decoherence;
  borel_hamiltonian_options options;
  borel_field tuning[BOREL_HAMILTONIAN_FIELDS];
} microcanonical;

/* ---- the flow -------------------------------------------------------------------------------- */

static double dot(const double *x, const double *y, size_t D) {
  double sum = 0;
  for (size_t i = 0; i < D; i++) sum += x[i] * y[i];
  return sum;
}

static void normalise(double *e, size_t D) {
  double size = sqrt(dot(e, e, D));
  for (size_t i = 0; i < D; i++) e[i] = size > 0 ? e[i] / size : i == 0;
}

/* Turns e towards the force for a distance; returns the log of what the sphere shrinks by around it. Equation
 * 16 with numerator and denominator times 2 exp(-angle), which cannot overflow. With c the cosine between e
 * and force, 1 + c and 1 - c are halves of squared lengths: no digits are lost where e runs against the
 * force. */
static double turn(double *e, const double *force, double distance, size_t D) {
  double size = sqrt(dot(force, force, D)), with = 0, against = 0;
  if (!(size > 0)) return 0;
#if BOREL_MUTANT == 1 /* as if the sphere had one dimension more */
  double angle = distance * size / (double)D;
#else
  double angle = distance * size / (double)(D - 1);
#endif
  for (size_t i = 0; i < D; i++) {
    double ahead = force[i] / size;
    with += 0.5 * (e[i] + ahead) * (e[i] + ahead);
    against += 0.5 * (e[i] - ahead) * (e[i] - ahead);
  }
  double far = exp(-angle), below = with + against * far * far;
  double ahead = (with - against * far * far + far * (against - with)) / (size * below);
  for (size_t i = 0; i < D; i++) e[i] = 2 * far / below * e[i] + ahead * force[i];
  normalise(e, D);
#if BOREL_MUTANT == 2 /* the volume of a sphere of one dimension more */
  return (double)D * (angle + log(0.5 * below));
#else
  return (double)(D - 1) * (angle + log(0.5 * below));
#endif
}

/* One transition's view of the target. */
typedef struct {
  const borel_hamiltonian *dynamics;
  borel_target *target;
  const borel_point *point;
  borel_metric metric;
} work;

/* Half a turn, a drift, half a turn; `place` moves. Its energy is that at the start plus the change so far.
 */
static borel_status advance(const work *w, borel_place *place, double step_size, borel_error *error) {
  size_t D = w->metric.D;
  double distance = step_size * sqrt((double)D), before = place->logdensity, energy = place->energy;
  double *e = place->momentum;
  double volume = turn(e, place->force, 0.5 * distance, D);
  borel_status status = w->dynamics->drift(w->target, w->point, &w->metric, place, e, distance, place, error);
  if (status != BOREL_OK || !(place->energy < INFINITY)) return status;
#if BOREL_MUTANT == 3 /* a whole turn after the drift: not symmetric in time */
  volume += turn(e, place->force, distance, D);
#else
  volume += turn(e, place->force, 0.5 * distance, D);
#endif
#if BOREL_MUTANT == 4 /* forgets volumes */
  volume = 0;
#endif
  place->energy = energy + volume + (before - place->logdensity);
  return BOREL_OK;
}

static double most_steps(const microcanonical *self, double step_size) {
  double most = ceil(self->path_length / step_size);
  return !(most <= self->max_steps) ? self->max_steps : most >= 1 ? most : 1;
}

/* Opens a transition: both places at the point, with energy 0. */
static borel_status open(const microcanonical *self, const borel_context *context, borel_target *target,
                         borel_point *point, work *w, borel_place places[PLACES], borel_error *error) {
  size_t D = point->D;
  double *room = context->scratch[SCRATCH_PLACES];
  for (size_t i = 0; i < PLACES; i++, room += ROWS * D)
    places[i] =
        (borel_place){.u = room, .gradient = room + D, .momentum = room + 2 * D, .force = room + 3 * D};
  *w = (work){.dynamics = context->host->hamiltonian, .target = target, .point = point};
  w->dynamics->metric(self->options.metric, D, context->tuning, &w->metric);
  for (size_t i = 0; i < PLACES; i++) {
    borel_status status = w->dynamics->load(target, point, &w->metric, &places[i], error);
    if (status != BOREL_OK) return status;
    places[i].energy = 0;
  }
  return BOREL_OK;
}

static void move(const borel_host *host, borel_point *point, const borel_place *to) {
  host->move_u(point, to->u);
  host->know(point, to->logdensity, to->gradient);
}

/* ---- adjusted -------------------------------------------------------------------------------- */

static borel_status adjusted_step(const void *instance, const borel_context *context, borel_target *target,
                                  borel_point *point, double *info, borel_error *error) {
  const microcanonical *self = instance;
  borel_rng *rng = context->rng;
  double step_size = *(const double *)context->tuning[0], lowest = 0, highest = 0;
  int warming = context->phase ? context->phase->warming : 0, diverging = 0;
  work w;
  borel_place places[PLACES], *end = &places[1];
  borel_status status = open(self, context, target, point, &w, places, error);
  if (status != BOREL_OK) return status;
  rng->ops->fill_normal(rng, end->momentum, 1, point->D);
#if BOREL_MUTANT == 5 /* no unit vector */
  for (size_t i = 0; i < point->D; i++) end->momentum[i] *= 0.5;
#else
  normalise(end->momentum, point->D);
#endif
  double longest = most_steps(self, step_size);
  uint64_t spare = (uint64_t)(self->jitter * (longest - 1));
  uint64_t steps = (uint64_t)longest - rng->ops->uniform_int(rng, spare + 1), taken = 0;
  for (; taken < steps && !diverging; taken++) {
#if BOREL_MUTANT == 6 /* each step is longer than the one before */
    status = advance(&w, end, step_size * (1 + 0.1 * (double)taken), error);
#else
    status = advance(&w, end, step_size, error);
#endif
    if (status != BOREL_OK) return status;
    lowest = fmin(lowest, end->energy);
    highest = fmax(highest, end->energy);
    diverging = !((warming ? end->energy : highest - lowest) <= self->max_energy_error);
  }
#if BOREL_MUTANT == 7 /* the square root of the ratio */
  double log_ratio = -0.5 * end->energy;
#else
  double log_ratio = -end->energy;
#endif
#if BOREL_MUTANT == 8 /* accepts whatever does not diverge */
  int accepted = !diverging;
#else
  int accepted = !diverging && rng->ops->accept(rng, log_ratio);
#endif
  if (accepted) move(context->host, point, end);
  info[INFO_ACCEPT] = diverging ? 0 : log_ratio > 0 ? 1 : exp(log_ratio);
  info[INFO_STEP_SIZE] = step_size;
  info[INFO_LEAPFROGS] = (double)taken;
  info[INFO_DIVERGING] = diverging;
  info[INFO_ENERGY_CHANGE] = end->energy;
  info[INFO_NAN] = end->nan;
  info[INFO_MOVED] = accepted;
  return BOREL_OK;
}

/* ---- unadjusted ------------------------------------------------------------------------------ */

/* e + noise, such that directions `decoherence` apart have little to do with one another (arXiv:2303.18221).
 */
static void mix(const microcanonical *self, borel_rng *rng, double *e, double *noise, double step_size,
                size_t D) {
  double size = sqrt(expm1(2 * step_size / self->decoherence) / (double)D);
  rng->ops->fill_normal(rng, noise, 1, D);
  for (size_t i = 0; i < D; i++) e[i] += size * noise[i];
  normalise(e, D);
}

static borel_status unadjusted_step(const void *instance, const borel_context *context, borel_target *target,
                                    borel_point *point, double *info, borel_error *error) {
  const microcanonical *self = instance;
  borel_rng *rng = context->rng;
  double step_size = *(const double *)context->tuning[0], squares = 0;
  double *direction = context->state[STATE_DIRECTION], *begun = context->state[STATE_BEGUN];
  double *noise = context->scratch[SCRATCH_NOISE];
  size_t D = point->D;
  work w;
  borel_place places[PLACES], *end = &places[1];
  borel_status status = open(self, context, target, point, &w, places, error);
  if (status != BOREL_OK) return status;
  if (*begun != 0) {
    memcpy(end->momentum, direction, D * sizeof *direction);
  } else {
    rng->ops->fill_normal(rng, end->momentum, 1, D);
    normalise(end->momentum, D);
  }
  double steps = most_steps(self, step_size), taken = 0;
  int diverging = 0;
  for (; taken < steps && !diverging; taken++) {
    double before = end->energy;
    mix(self, rng, end->momentum, noise, step_size, D);
    status = advance(&w, end, step_size, error);
    if (status != BOREL_OK) return status;
    double change = end->energy - before;
    squares += change * change;
    diverging = !(change <= self->max_energy_error);
  }
  *begun = !diverging; /* where it would leave the density it stays, and takes another direction */
  if (!diverging) {
    memcpy(direction, end->momentum, D * sizeof *direction);
    move(context->host, point, end);
  }
  info[INFO_ACCEPT] = 1;
  info[INFO_STEP_SIZE] = step_size;
  info[INFO_LEAPFROGS] = taken;
  info[INFO_DIVERGING] = diverging;
  info[INFO_ENERGY_CHANGE] = squares / taken;
  info[INFO_NAN] = end->nan;
  info[INFO_MOVED] = !diverging;
  return BOREL_OK;
}

/* ---- warm-up --------------------------------------------------------------------------------- */

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const microcanonical *self = instance;
  if (point->D < 2)
    return context->host->fail(error, BOREL_ARG,
                               "microcanonical: a direction needs two continuous dimensions, there is %zu",
                               point->D);
  return context->host->hamiltonian->start(&self->options, context, target, point, tuning,
                                           context->scratch[SCRATCH_PLACES], error);
}

static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const microcanonical *self = instance;
  double accept = info[INFO_ACCEPT];
  if (self->energy_variance > 0) { /* one half where the change is as wanted; tuned to that */
    double wanted = self->energy_variance * (double)point->D;
    accept = info[INFO_DIVERGING] != 0 ? 0 : wanted / (wanted + info[INFO_ENERGY_CHANGE]);
  }
  borel_hamiltonian_news news = {
      .size = sizeof news, .accept = accept, .symmetric = accept, .informative = info[INFO_MOVED] != 0};
  return context->host->hamiltonian->adapt(&self->options, context, target, point, &news, tuning,
                                           context->scratch[SCRATCH_PLACES], error);
}

static const borel_field *tuning_fields(const void *instance) {
  return ((const microcanonical *)instance)->tuning;
}

/* ---- the components -------------------------------------------------------------------------- */

static microcanonical *create_any(const borel_host *host, const borel_value *values, double target_accept) {
  microcanonical *self = host->allocate(1, sizeof *self);
  if (!self) return NULL;
  self->max_energy_error = values[PARAM_MAX_ENERGY_ERROR].number;
  self->path_length = values[PARAM_PATH_LENGTH].number;
  self->max_steps = values[PARAM_MAX_STEPS].number;
  self->options = (borel_hamiltonian_options){.size = sizeof(borel_hamiltonian_options),
                                              .metric = (borel_metric_kind)values[PARAM_METRIC].number,
                                              .step_size = values[PARAM_STEP_SIZE].number,
                                              .target_accept = target_accept};
  host->hamiltonian->fields(self->options.metric, sizeof *self->tuning, self->tuning);
  return self;
}

static borel_status create_adjusted(const borel_host *host, const borel_value *values, void **instance,
                                    borel_error *error) {
  microcanonical *self = *instance = create_any(host, values, values[PARAM_TARGET_ACCEPT].number);
  if (!self) return host->fail(error, BOREL_INTERNAL, "microcanonical: no memory");
  self->jitter = values[PARAM_JITTER].number;
  return BOREL_OK;
}

static borel_status create_unadjusted(const borel_host *host, const borel_value *values, void **instance,
                                      borel_error *error) {
  microcanonical *self = *instance = create_any(host, values, 0.5);
  if (!self) return host->fail(error, BOREL_INTERNAL, "microcanonical-unadjusted: no memory");
  self->energy_variance = values[PARAM_ENERGY_VARIANCE].number;
  self->decoherence = values[PARAM_DECOHERENCE].number;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_kernel_ops adjusted_ops = {
    .size = sizeof adjusted_ops,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create_adjusted,
    .destroy = destroy,
    .warm = warm,
    .step = adjusted_step,
    .adapt = adapt,
    .fields = tuning_fields,
};

static const borel_kernel_ops unadjusted_ops = {
    .size = sizeof unadjusted_ops,
    .state = unadjusted_state,
    .scratch = scratch_fields,
    .info = info_fields,
    .create = create_unadjusted,
    .destroy = destroy,
    .warm = warm,
    .step = unadjusted_step,
    .adapt = adapt,
    .fields = tuning_fields,
};

static const borel_component adjusted = {
    .size = sizeof adjusted,
    .kind = BOREL_KERNEL,
    .name = "microcanonical",
    .summary = "trajectories with momenta of fixed length, accepted or not",
    .reference = "Robnik, Cohn-Gordon, Seljak 2025, arXiv:2503.01707",
    .params = adjusted_params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
               .checks = BOREL_CHECK_ISOKINETIC,
               .note = "with the tuning fixed, after warm-up; moves u only, of at least two dimensions"},
    .ops = &adjusted_ops,
};

static const borel_component unadjusted = {
    .size = sizeof unadjusted,
    .kind = BOREL_KERNEL,
    .name = "microcanonical-unadjusted",
    .summary = "one trajectory with momenta of fixed length, never refused",
    .reference = "Robnik, De Luca, Silverstein, Seljak 2023, JMLR 24:311",
    .params = unadjusted_params,
    .claims = {.preserves = BOREL_PRESERVES_ORDER,
               .order = 2,
               .flags = BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
               .note = "energy_variance sets the error at which it is tuned"},
    .ops = &unadjusted_ops,
};

static const borel_component *const components[] = {&adjusted, &unadjusted};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD,    .id = "org.borel.microcanonical", .version = "0.1.0", .licence = "MIT",
    .component_count = 2, .components = components,
};
