/* SPDX-License-Identifier: MIT */
#include "random/source_replay.h"

#include "random/check.h"
#include "random/source.h"

#include <math.h>

static borel_replay_rng *self(borel_rng *rng) { return (borel_replay_rng *)rng; }

/* The next source answers. */
#define ASK(rng, op, ...) (self(rng)->next->ops->op(self(rng)->next, __VA_ARGS__))
#define ASK0(rng, op) (self(rng)->next->ops->op(self(rng)->next))

static int64_t decided(borel_rng *rng, int64_t decision) {
  borel_source_adopt(rng, self(rng)->next);
  return decision;
}

static double drawn(borel_rng *rng, double value) {
  borel_source_adopt(rng, self(rng)->next);
  return value;
}

/* ---- what is given --------------------------------------------------------------------------- */

static int from_trace(borel_replay_rng *r, borel_choice *asked) {
  if (r->position == r->trace->count) return 0;
  const borel_choice *was = &r->trace->choices[r->position++];
  if (was->law != asked->law)
    borel_source_fail(
        &r->rng, BOREL_INTERNAL,
        "the program is not deterministic given its choices: choice %zu of %zu was %s and is now %s",
        r->position, r->trace->count, borel_law_name(was->law), borel_law_name(asked->law));
  else if (was->parameters != asked->parameters || was->arity != asked->arity)
    borel_source_fail(&r->rng, BOREL_INTERNAL,
                      "the program is not deterministic given its choices: choice %zu of %zu, %s, has other "
                      "parameters than before",
                      r->position, r->trace->count, borel_law_name(was->law));
  else
    *asked = *was;
  return 1;
}

static int from_script(borel_replay_rng *r, borel_choice *asked) {
  const borel_script *s = &r->script;
  switch (asked->law) {
  case BOREL_LAW_EXPONENTIAL:
  case BOREL_LAW_GAMMA:
  case BOREL_LAW_BETA: return 0;
  case BOREL_LAW_NORMAL:
    if (r->normals == s->normal_count) return 0;
    asked->value = s->normals[r->normals++];
    return 1;
  case BOREL_LAW_UNIFORM:
  case BOREL_LAW_UNIF:
    if (r->uniforms == s->uniform_count) return 0;
    asked->value = s->uniforms[r->uniforms++];
    return 1;
  default:
    if (r->decisions == s->decision_count) return 0;
    asked->decision = s->decisions[r->decisions++];
    return 1;
  }
}

/* Completes `asked` by what is given; 0 when it is for `next` to answer. After a failure `asked` keeps the
 * harmless outcome that it came with. */
static int given(borel_rng *rng, borel_choice *asked) {
  borel_replay_rng *r = self(rng);
  if (rng->status != BOREL_OK) return 1;
  if (r->trace ? from_trace(r, asked) : from_script(r, asked)) return 1;
  if (r->next) return 0;
  borel_source_fail(rng, BOREL_ARG, "replay: the program asks for more than the given choices, first for %s",
                    borel_law_name(asked->law));
  return 1;
}

/* A forced decision must be one that could happen. */
static int64_t forced(borel_rng *rng, const borel_choice *choice, int possible, int64_t harmless) {
  if (!possible)
    borel_source_fail(rng, BOREL_ARG, "replay: forced decision %zu has probability 0: %s cannot give %lld",
                      self(rng)->decisions, borel_law_name(choice->law), (long long)choice->decision);
  return rng->status == BOREL_OK ? choice->decision : harmless;
}

/* ---- decisions ------------------------------------------------------------------------------- */

static int accept(borel_rng *rng, double log_ratio) {
  if (!borel_check_log_ratio(rng, log_ratio)) return 0;
  borel_choice c = {
      .law = BOREL_LAW_ACCEPT, .parameters = borel_choice_hash_reals(&log_ratio, 1), .arity = 2};
  if (!given(rng, &c)) return (int)decided(rng, ASK(rng, accept, log_ratio));
  return (int)forced(rng, &c,
                     (c.decision == 1 && log_ratio > -INFINITY) || (c.decision == 0 && log_ratio < 0), 0);
}

static int direction(borel_rng *rng) {
  borel_choice c = {.law = BOREL_LAW_DIRECTION, .arity = 2};
  if (!given(rng, &c)) return (int)decided(rng, ASK0(rng, direction));
  if (self(rng)->trace) c.decision = c.decision ? 1 : -1;
  return (int)forced(rng, &c, c.decision == -1 || c.decision == 1, 1);
}

static int bernoulli(borel_rng *rng, double p) {
  if (!borel_check_probability(rng, p)) return 0;
  borel_choice c = {.law = BOREL_LAW_BERNOULLI, .parameters = borel_choice_hash_reals(&p, 1), .arity = 2};
  if (!given(rng, &c)) return (int)decided(rng, ASK(rng, bernoulli, p));
  return (int)forced(rng, &c, (c.decision == 1 && p > 0) || (c.decision == 0 && p < 1), 0);
}

static size_t categorical(borel_rng *rng, const double *p, size_t n) {
  if (!borel_check_categorical(rng, p, n)) return 0;
  borel_choice c = {.law = BOREL_LAW_CATEGORICAL, .parameters = borel_choice_hash_reals(p, n), .arity = n};
  if (!given(rng, &c)) return (size_t)decided(rng, (int64_t)ASK(rng, categorical, p, n));
  return (size_t)forced(rng, &c, (uint64_t)c.decision < n && p[c.decision] > 0, 0);
}

static size_t categorical_log(borel_rng *rng, const double *lw, size_t n) {
  double largest;
  if (!borel_check_categorical_log(rng, lw, n, &largest)) return 0;
  borel_choice c = {
      .law = BOREL_LAW_CATEGORICAL_LOG, .parameters = borel_choice_hash_reals(lw, n), .arity = n};
  if (!given(rng, &c)) return (size_t)decided(rng, (int64_t)ASK(rng, categorical_log, lw, n));
  return (size_t)forced(rng, &c, (uint64_t)c.decision < n && lw[c.decision] > -INFINITY, 0);
}

static uint64_t uniform_int(borel_rng *rng, uint64_t n) {
  if (!borel_check_uniform_int(rng, n)) return 0;
  borel_choice c = {.law = BOREL_LAW_UNIFORM_INT, .parameters = n, .arity = n};
  if (!given(rng, &c)) return (uint64_t)decided(rng, (int64_t)ASK(rng, uniform_int, n));
  return (uint64_t)forced(rng, &c, (uint64_t)c.decision < n, 0);
}

static uint64_t poisson(borel_rng *rng, double mean) {
  if (!borel_check_poisson(rng, mean)) return 0;
  borel_choice c = {.law = BOREL_LAW_POISSON, .parameters = borel_choice_hash_reals(&mean, 1)};
  if (!given(rng, &c)) return (uint64_t)decided(rng, (int64_t)ASK(rng, poisson, mean));
  return (uint64_t)forced(rng, &c, c.decision >= 0 && (mean > 0 || c.decision == 0), 0);
}

static uint64_t binomial(borel_rng *rng, uint64_t n, double p) {
  if (!borel_check_binomial(rng, n, p)) return 0;
  borel_choice c = {.law = BOREL_LAW_BINOMIAL, .parameters = borel_choice_hash_count(n, p), .arity = n + 1};
  if (!given(rng, &c)) return (uint64_t)decided(rng, (int64_t)ASK(rng, binomial, n, p));
  const uint64_t k = (uint64_t)c.decision;
  return (uint64_t)forced(rng, &c, k <= n && (p > 0 || k == 0) && (p < 1 || k == n), 0);
}

/* ---- compared uniforms ----------------------------------------------------------------------- */

static borel_unif unif(borel_rng *rng) {
  borel_choice c = {.law = BOREL_LAW_UNIF, .value = 0.5};
  if (!given(rng, &c)) {
    borel_unif u = ASK0(rng, unif);
    borel_source_adopt(rng, self(rng)->next);
    return u;
  }
  /* A scripted number is known at once: an interval without inside. */
  return self(rng)->trace ? (borel_unif){0, 1, c.value} : (borel_unif){c.value, c.value, c.value};
}

/* After a given answer the interval is that of what is known. A script knows no value: the value in hand
 * moves with the interval, so that it stays uniform there and `next` may go on with it. */
static void narrow(borel_unif *u, double cut, int below, int move) {
  double low = below ? u->low : fmax(u->low, cut), high = below ? fmin(u->high, cut) : u->high;
  if (move) u->value = low + (u->value - u->low) * ((high - low) / (u->high - u->low));
  u->low = low;
  u->high = high;
}

static int unif_lt(borel_rng *rng, borel_unif *u, double cut) {
  if (!borel_check_cut(rng, cut)) return 0;
  const int scripted = self(rng)->trace == NULL;
  if (scripted && u->low == u->high) return u->value < cut;
  borel_choice c = {.law = BOREL_LAW_UNIF_LT, .parameters = borel_choice_hash_reals(&cut, 1), .arity = 2};
  if (!given(rng, &c)) return (int)decided(rng, ASK(rng, unif_lt, u, cut));
  int below = (int)forced(
      rng, &c, (c.decision == 1 && cut > u->low) || (c.decision == 0 && cut < u->high) || !scripted, 0);
  if (rng->status == BOREL_OK) narrow(u, cut, below, scripted);
  return below;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static double uniform(borel_rng *rng) {
  borel_choice c = {.law = BOREL_LAW_UNIFORM, .value = 0.5};
  return given(rng, &c) ? c.value : drawn(rng, ASK0(rng, uniform));
}

static double normal(borel_rng *rng) {
  borel_choice c = {.law = BOREL_LAW_NORMAL};
  return given(rng, &c) ? c.value : drawn(rng, ASK0(rng, normal));
}

static double exponential(borel_rng *rng) {
  borel_choice c = {.law = BOREL_LAW_EXPONENTIAL};
  return given(rng, &c) ? c.value : drawn(rng, ASK0(rng, exponential));
}

static double gamma_draw(borel_rng *rng, double shape) {
  if (!borel_check_gamma(rng, shape)) return 0;
  borel_choice c = {.law = BOREL_LAW_GAMMA, .parameters = borel_choice_hash_reals(&shape, 1)};
  return given(rng, &c) ? c.value : drawn(rng, ASK(rng, gamma, shape));
}

static double beta(borel_rng *rng, double a, double b) {
  if (!borel_check_beta(rng, a, b)) return 0.5;
  const double parameters[2] = {a, b};
  borel_choice c = {
      .law = BOREL_LAW_BETA, .parameters = borel_choice_hash_reals(parameters, 2), .value = 0.5};
  return given(rng, &c) ? c.value : drawn(rng, ASK(rng, beta, a, b));
}

/* The first `known` of the elements are given, one() takes them; `next` fills the others. With several lanes
 * it fills all, since element (b, i) is its lane b, and the given ones are put over. */
static void fill(borel_rng *rng, double *out, size_t lanes, size_t n, size_t known,
                 double (*one)(borel_rng *), void (*rest)(borel_rng *, double *, size_t, size_t)) {
  const size_t total = lanes * n;
  if (known > total) known = total;
  if (known < total && rest && rng->status == BOREL_OK) {
    if (lanes == 1)
      rest(self(rng)->next, out + known, 1, n - known);
    else
      rest(self(rng)->next, out, lanes, n);
    borel_source_adopt(rng, self(rng)->next);
  } else
    known = total;
  for (size_t i = 0; i < known; i++) out[i] = one(rng);
}

static size_t left_in_trace(const borel_replay_rng *r) { return r->trace->count - r->position; }

static void fill_uniform(borel_rng *rng, double *out, size_t lanes, size_t n) {
  borel_replay_rng *r = self(rng);
  size_t known = r->trace ? left_in_trace(r) : r->script.uniform_count - r->uniforms;
  fill(rng, out, lanes, n, known, uniform, r->next ? r->next->ops->fill_uniform : NULL);
}

static void fill_normal(borel_rng *rng, double *out, size_t lanes, size_t n) {
  borel_replay_rng *r = self(rng);
  size_t known = r->trace ? left_in_trace(r) : r->script.normal_count - r->normals;
  fill(rng, out, lanes, n, known, normal, r->next ? r->next->ops->fill_normal : NULL);
}

static const borel_rng_ops replay_ops = {
    .size = sizeof replay_ops,
    .accept = accept,
    .direction = direction,
    .bernoulli = bernoulli,
    .categorical = categorical,
    .categorical_log = categorical_log,
    .uniform_int = uniform_int,
    .unif = unif,
    .unif_lt = unif_lt,
    .uniform = uniform,
    .normal = normal,
    .exponential = exponential,
    .gamma = gamma_draw,
    .beta = beta,
    .poisson = poisson,
    .binomial = binomial,
    .fill_uniform = fill_uniform,
    .fill_normal = fill_normal,
};

static void open(borel_replay_rng *r, borel_rng *next, borel_error *error) {
  borel_source_open(&r->rng, &replay_ops, error);
  if (next) borel_source_adopt(&r->rng, next);
}

void borel_replay_open(borel_replay_rng *r, const borel_script *script, borel_rng *next, borel_error *error) {
  *r = (borel_replay_rng){.next = next, .script = *script};
  open(r, next, error);
}

void borel_replay_open_trace(borel_replay_rng *r, const borel_trace *trace, borel_rng *next,
                             borel_error *error) {
  *r = (borel_replay_rng){.next = next, .trace = trace};
  open(r, next, error);
}

borel_status borel_replay_finish(borel_replay_rng *r) {
  if (r->trace) {
    if (r->position < r->trace->count)
      borel_source_fail(&r->rng, BOREL_INTERNAL,
                        "the program is not deterministic given its choices: it stopped after %zu of %zu",
                        r->position, r->trace->count);
    return r->rng.status;
  }
  const borel_script *s = &r->script;
  if (r->normals < s->normal_count || r->uniforms < s->uniform_count || r->decisions < s->decision_count)
    borel_source_fail(
        &r->rng, BOREL_ARG,
        "replay: the program used %zu of %zu normals, %zu of %zu uniforms, %zu of %zu decisions", r->normals,
        s->normal_count, r->uniforms, s->uniform_count, r->decisions, s->decision_count);
  return r->rng.status;
}
