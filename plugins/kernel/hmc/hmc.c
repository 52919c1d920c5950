/* SPDX-License-Identifier: MIT
 *
 * hmc: Hamiltonian trajectories of a given length; mala: those of one leapfrog step.
 *
 * A step draws a momentum p ~ N(0, I) in the coordinates y of the metric (borel_metric), follows `path_length
 * / step_size` leapfrog steps, and accepts their end with probability min(1, exp(H_start - H_end)), H =
 * -logdensity + p' p / 2. Choose hmc where the cost of a step must be known in advance, or as a yardstick for
 * nuts; mala inside cycles with other kernels, where long trajectories would not pay.
 *
 * A fixed length can be a period of the target, on which the chain would go in circles, so the number of
 * steps is drawn anew for each path: uniform on the last `jitter` of the way. As that depends on nothing
 * else, each number has detailed balance of its own. A path on which the *range* of energies exceeds
 * max_energy_error ends there and is rejected, seen from either end.
 *
 * References: Neal 2011 (Handbook of MCMC, ch. 5, with 5.4.2 on random lengths); mala: Roberts and Tweedie
 * 1996, Bernoulli 2:341; Roberts and Rosenthal 1998, JRSSB 60:255, for its acceptance of 0.574.
 *
 * BOREL_MUTANT = k breaks one expression on purpose; the orbit test must notice each. */
#include <borel/plugin.h>

#include <math.h>

#ifndef BOREL_MUTANT
#define BOREL_MUTANT 0
#endif

/* ---- parameters and fields ------------------------------------------------------------------- */

enum {
  PARAM_METRIC,
  PARAM_TARGET_ACCEPT,
  PARAM_STEP_SIZE,
  PARAM_MAX_ENERGY_ERROR, /* hmc only: */
  PARAM_PATH_LENGTH,
  PARAM_JITTER,
  PARAM_STEP_JITTER,
  PARAM_MAX_STEPS
};

#define SHARED_PARAMS(accept)                                                                                \
  {.name = "metric",                                                                                         \
   .type = BOREL_CHOICE,                                                                                     \
   .choices = BOREL_METRIC_WORDS,                                                                            \
   .doc = "how the scale of the coordinates is learnt: fisher and low_rank from draws and gradients, "       \
          "variance and dense from draws"},                                                                  \
      {.name = "target_accept",                                                                              \
       .type = BOREL_REAL,                                                                                   \
       .number = accept,                                                                                     \
       .min = 0.05,                                                                                          \
       .max = 0.999,                                                                                         \
       .doc = "mean acceptance that the warm-up tunes the step size to"},                                    \
      {.name = "step_size",                                                                                  \
       .type = BOREL_REAL,                                                                                   \
       .number = 0,                                                                                          \
       .min = 0,                                                                                             \
       .max = 1e6,                                                                                           \
       .doc = "first step size; 0 finds one by doubling or halving"},                                        \
  {                                                                                                          \
    .name = "max_energy_error", .type = BOREL_REAL, .number = 1000, .min = 1e-3, .max = 1e6,                 \
    .doc = "largest range of energies on a path; beyond it the path diverges"                                \
  }

static const borel_param hmc_params[] = {
    SHARED_PARAMS(0.8),
    {.name = "path_length",
     .type = BOREL_REAL,
     .number = 3.2, /* about half a period of a normal density */
     .min = 1e-6,
     .max = 1e6,
     .doc = "leapfrog steps times step size, at most; in units of standard deviations"},
    {.name = "jitter",
     .type = BOREL_REAL,
     .number = 1,
     .min = 0,
     .max = 1,
     .doc = "share of a path that may be left out: the number of steps is uniform on what remains"},
    {.name = "step_jitter",
     .type = BOREL_REAL,
     .number = 0,
     .min = 0,
     .max = 0.99,
     .doc = "step sizes are uniform on 1 +- this times the tuned one"},
    {.name = "max_steps",
     .type = BOREL_INT,
     .number = 1000,
     .min = 1,
     .max = 1e6,
     .unit = "leapfrog steps",
     .doc = "most steps of a path"},
    {0}};
static const borel_param mala_params[] = {SHARED_PARAMS(0.574), {0}};

enum { SCRATCH_PLACES };
enum { ROWS = 4, PLACES = 2 };
static const borel_field scratch_fields[] = {
    {"places", BOREL_F64, {PLACES * ROWS, BOREL_DIM_D}, "u, gradient, momentum, force"}, {0}};

enum { INFO_ACCEPT, INFO_STEP_SIZE, INFO_LEAPFROGS, INFO_DIVERGING, INFO_ENERGY, INFO_NAN, INFO_MOVED };
static const borel_field info_fields[] = {
    {"accept", BOREL_F64, {0}, "probability with which the end of the path was accepted"},
    {"step_size", BOREL_F64, {0}, "leapfrog step"},
    {"leapfrogs", BOREL_F64, {0}, "gradients evaluated"},
    {"diverging", BOREL_F64, {0}, "1 when the path ended by its energy"},
    {"energy", BOREL_F64, {0}, "H at the new point"},
    {"nan", BOREL_F64, {0}, "1 when the target was not a number at the end of the path"},
    {"moved", BOREL_F64, {0}, "1 when the end was accepted"},
    {0}};

typedef struct {
  int is_mala;
  double max_energy_error, path_length, jitter, step_jitter, max_steps;
  borel_hamiltonian_options options;
  borel_field tuning[BOREL_HAMILTONIAN_FIELDS];
} hmc;

/* ---- one transition -------------------------------------------------------------------------- */

static uint64_t number_of_steps(const hmc *self, borel_rng *rng, double step_size) {
  if (self->is_mala) return 1;
  double most = ceil(self->path_length / step_size);
  if (!(most <= self->max_steps)) most = self->max_steps;
  uint64_t longest = most >= 1 ? (uint64_t)most : 1;
  uint64_t spare = (uint64_t)(self->jitter * (double)(longest - 1));
  return longest - rng->ops->uniform_int(rng, spare + 1);
}

/* Follows a path; stops early where it diverges. */
static borel_status follow(const hmc *self, const borel_context *context, borel_target *target,
                           const borel_point *point, const borel_metric *metric, const borel_place *start,
                           borel_place *end, double step_size, uint64_t steps, double *info,
                           borel_error *error) {
  const borel_hamiltonian *dynamics = context->host->hamiltonian;
  int warming = context->phase ? context->phase->warming : 0;
  double lowest = start->energy, highest = start->energy;
  info[INFO_DIVERGING] = 0;
  info[INFO_LEAPFROGS] = 0;
  for (uint64_t i = 0; i < steps && info[INFO_DIVERGING] == 0; i++) {
    const borel_place *from = i ? end : start;
#if BOREL_MUTANT == 1 /* longer strides once it is under way */
    double stride = i ? 1.1 * step_size : step_size;
#else
    double stride = step_size;
#endif
    borel_status status = dynamics->leapfrog(target, point, metric, from, stride, end, error);
    if (status != BOREL_OK) return status;
    info[INFO_LEAPFROGS] += 1;
    lowest = fmin(lowest, end->energy);
    highest = fmax(highest, end->energy);
    /* Far out, where a warm-up may begin, energy can fall a lot, and the chain should follow. */
#if BOREL_MUTANT == 2 /* measures from the start: seen from the other end the path may be none */
    double error_now = end->energy - start->energy;
#else
    double error_now = warming ? end->energy - start->energy : highest - lowest;
#endif
    info[INFO_DIVERGING] = !(error_now <= self->max_energy_error);
  }
  return BOREL_OK;
}

static borel_status step(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, double *info, borel_error *error) {
  const hmc *self = instance;
  const borel_host *host = context->host;
  const borel_hamiltonian *dynamics = host->hamiltonian;
  borel_rng *rng = context->rng;
  size_t D = point->D;
  double *room = context->scratch[SCRATCH_PLACES], step_size = *(const double *)context->tuning[0];
  borel_place places[PLACES];
  for (size_t i = 0; i < PLACES; i++, room += ROWS * D)
    places[i] =
        (borel_place){.u = room, .gradient = room + D, .momentum = room + 2 * D, .force = room + 3 * D};
  borel_place *start = &places[0], *end = &places[1];
  borel_metric metric;
  dynamics->metric(self->options.metric, D, context->tuning, &metric);
  borel_status status = dynamics->load(target, point, &metric, start, error);
  if (status != BOREL_OK) return status;
  dynamics->refresh(rng, &metric, start);
#if BOREL_MUTANT == 3 /* only goes forward along the first axis */
  if (D && start->momentum[0] < 0) start->momentum[0] = -start->momentum[0];
#endif
  if (self->step_jitter > 0) step_size *= 1 + self->step_jitter * (2 * rng->ops->uniform(rng) - 1);
#if BOREL_MUTANT == 4 /* the length of the path depends on where it starts */
  uint64_t steps = number_of_steps(self, rng, step_size) + (D && point->u[0] > 0);
#else
  uint64_t steps = number_of_steps(self, rng, step_size);
#endif
  status = follow(self, context, target, point, &metric, start, end, step_size, steps, info, error);
  if (status != BOREL_OK) return status;

#if BOREL_MUTANT == 5 /* forgets the momentum */
  double log_ratio = end->logdensity - start->logdensity;
#elif BOREL_MUTANT == 6 /* prefers high energy */
  double log_ratio = end->energy - start->energy;
#else
  double log_ratio = start->energy - end->energy;
#endif
#if BOREL_MUTANT == 7 /* accepts whatever does not diverge */
  int accepted = info[INFO_DIVERGING] == 0 && end->energy < INFINITY;
#else
  int accepted = info[INFO_DIVERGING] == 0 && rng->ops->accept(rng, log_ratio);
#endif
  if (accepted) {
    host->move_u(point, end->u);
#if BOREL_MUTANT == 8 /* remembers the gradient of the start */
    host->know(point, end->logdensity, start->gradient);
#else
    host->know(point, end->logdensity, end->gradient);
#endif
  }
  info[INFO_ACCEPT] = info[INFO_DIVERGING] != 0 ? 0 : log_ratio > 0 ? 1 : exp(log_ratio);
  info[INFO_STEP_SIZE] = step_size;
  info[INFO_ENERGY] = (accepted ? end : start)->energy;
  info[INFO_NAN] = end->nan;
  info[INFO_MOVED] = accepted;
  return BOREL_OK;
}

/* ---- warm-up --------------------------------------------------------------------------------- */

static borel_status warm(const void *instance, const borel_context *context, borel_target *target,
                         borel_point *point, void *const *tuning, borel_error *error) {
  const hmc *self = instance;
  return context->host->hamiltonian->start(&self->options, context, target, point, tuning,
                                           context->scratch[SCRATCH_PLACES], error);
}

static borel_status adapt(const void *instance, const borel_context *context, borel_target *target,
                          borel_point *point, const double *info, void *const *tuning, borel_error *error) {
  const hmc *self = instance;
  borel_hamiltonian_news news = {.size = sizeof news,
                                 .accept = info[INFO_ACCEPT],
                                 .symmetric = info[INFO_ACCEPT],
                                 .informative = info[INFO_MOVED] != 0};
  return context->host->hamiltonian->adapt(&self->options, context, target, point, &news, tuning,
                                           context->scratch[SCRATCH_PLACES], error);
}

static const borel_field *tuning_fields(const void *instance) { return ((const hmc *)instance)->tuning; }

/* ---- the components -------------------------------------------------------------------------- */

static hmc *create_any(const borel_host *host, const borel_value *values) {
  hmc *self = host->allocate(1, sizeof *self);
  if (!self) return NULL;
  self->max_energy_error = values[PARAM_MAX_ENERGY_ERROR].number;
  self->options = (borel_hamiltonian_options){.size = sizeof(borel_hamiltonian_options),
                                              .metric = (borel_metric_kind)values[PARAM_METRIC].number,
                                              .step_size = values[PARAM_STEP_SIZE].number,
                                              .target_accept = values[PARAM_TARGET_ACCEPT].number};
  host->hamiltonian->fields(self->options.metric, sizeof *self->tuning, self->tuning);
  return self;
}

static borel_status create_hmc(const borel_host *host, const borel_value *values, void **instance,
                               borel_error *error) {
  hmc *self = *instance = create_any(host, values);
  if (!self) return host->fail(error, BOREL_INTERNAL, "hmc: no memory");
  self->path_length = values[PARAM_PATH_LENGTH].number;
  self->jitter = values[PARAM_JITTER].number;
  self->step_jitter = values[PARAM_STEP_JITTER].number;
  self->max_steps = values[PARAM_MAX_STEPS].number;
  return BOREL_OK;
}

static borel_status create_mala(const borel_host *host, const borel_value *values, void **instance,
                                borel_error *error) {
  hmc *self = *instance = create_any(host, values);
  if (!self) return host->fail(error, BOREL_INTERNAL, "mala: no memory");
  self->is_mala = 1;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

#define OPS(its_create)                                                                                      \
  {                                                                                                          \
    .size = sizeof(borel_kernel_ops), .scratch = scratch_fields, .info = info_fields, .create = its_create,  \
    .destroy = destroy, .warm = warm, .step = step, .adapt = adapt, .fields = tuning_fields                  \
  }
static const borel_kernel_ops hmc_ops = OPS(create_hmc), mala_ops = OPS(create_mala);

static const borel_component hmc_component = {
    .size = sizeof hmc_component,
    .kind = BOREL_KERNEL,
    .name = "hmc",
    .summary = "Hamiltonian Monte Carlo: trajectories of given length",
    .reference = "Neal 2011, Handbook of Markov Chain Monte Carlo, chapter 5",
    .params = hmc_params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
               .checks = BOREL_CHECK_ORBIT,
               .note =
                   "with the tuning fixed, after warm-up; moves u only. step_jitter mixes kernels of fixed "
                   "step size, of which each preserves the target"},
    .ops = &hmc_ops,
};

static const borel_component mala_component = {
    .size = sizeof mala_component,
    .kind = BOREL_KERNEL,
    .name = "mala",
    .summary = "Metropolis-adjusted Langevin: one leapfrog step from a fresh momentum",
    .reference = "Roberts and Tweedie 1996, Bernoulli 2:341",
    .params = mala_params,
    .claims = {.preserves = BOREL_PRESERVES_MEASURE,
               .flags = BOREL_REVERSIBLE | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z,
               .checks = BOREL_CHECK_ORBIT,
               .note = "with the tuning fixed, after warm-up; moves u only"},
    .ops = &mala_ops,
};

static const borel_component *const components[] = {&hmc_component, &mala_component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.hmc", .version = "0.1.0",
    .licence = "MIT",  .component_count = 2,  .components = components,
};
