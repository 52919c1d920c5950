/* SPDX-License-Identifier: MIT */
#include "random/source_record.h"

#include "random/source.h"

static borel_record_rng *self(borel_rng *rng) { return (borel_record_rng *)rng; }

/* The source that answers. */
#define SOURCE(rng) (self(rng)->source)
#define ASK(rng, op, ...) (SOURCE(rng)->ops->op(SOURCE(rng), __VA_ARGS__))
#define ASK0(rng, op) (SOURCE(rng)->ops->op(SOURCE(rng)))

static void append(borel_rng *rng, borel_choice choice) {
  if (!borel_source_adopt(rng, SOURCE(rng))) return;
  if (!borel_trace_append(self(rng)->trace, &choice))
    borel_source_fail(rng, BOREL_INTERNAL, "no memory for a trace of %zu choices",
                      self(rng)->trace->count + 1);
}

static int64_t decided(borel_rng *rng, borel_law law, uint64_t parameters, uint64_t arity, int64_t decision) {
  append(rng, (borel_choice){.law = law, .parameters = parameters, .arity = arity, .decision = decision});
  return decision;
}

static double drawn(borel_rng *rng, borel_law law, uint64_t parameters, double value) {
  append(rng, (borel_choice){.law = law, .parameters = parameters, .value = value});
  return value;
}

static int accept(borel_rng *rng, double log_ratio) {
  uint64_t hash = borel_choice_hash_reals(&log_ratio, 1);
  return (int)decided(rng, BOREL_LAW_ACCEPT, hash, 2, ASK(rng, accept, log_ratio));
}

static int direction(borel_rng *rng) {
  return decided(rng, BOREL_LAW_DIRECTION, 0, 2, ASK0(rng, direction) > 0) ? 1 : -1;
}

static int bernoulli(borel_rng *rng, double p) {
  return (int)decided(rng, BOREL_LAW_BERNOULLI, borel_choice_hash_reals(&p, 1), 2, ASK(rng, bernoulli, p));
}

static size_t categorical(borel_rng *rng, const double *p, size_t n) {
  uint64_t hash = borel_choice_hash_reals(p, n);
  return (size_t)decided(rng, BOREL_LAW_CATEGORICAL, hash, n, (int64_t)ASK(rng, categorical, p, n));
}

static size_t categorical_log(borel_rng *rng, const double *lw, size_t n) {
  uint64_t hash = borel_choice_hash_reals(lw, n);
  return (size_t)decided(rng, BOREL_LAW_CATEGORICAL_LOG, hash, n, (int64_t)ASK(rng, categorical_log, lw, n));
}

static uint64_t uniform_int(borel_rng *rng, uint64_t n) {
  return (uint64_t)decided(rng, BOREL_LAW_UNIFORM_INT, n, n, (int64_t)ASK(rng, uniform_int, n));
}

static borel_unif unif(borel_rng *rng) {
  borel_unif u = ASK0(rng, unif);
  drawn(rng, BOREL_LAW_UNIF, 0, u.value);
  return u;
}

static int unif_lt(borel_rng *rng, borel_unif *u, double cut) {
  uint64_t hash = borel_choice_hash_reals(&cut, 1);
  return (int)decided(rng, BOREL_LAW_UNIF_LT, hash, 2, ASK(rng, unif_lt, u, cut));
}

static double uniform(borel_rng *rng) { return drawn(rng, BOREL_LAW_UNIFORM, 0, ASK0(rng, uniform)); }

static double normal(borel_rng *rng) { return drawn(rng, BOREL_LAW_NORMAL, 0, ASK0(rng, normal)); }

static double exponential(borel_rng *rng) {
  return drawn(rng, BOREL_LAW_EXPONENTIAL, 0, ASK0(rng, exponential));
}

static double gamma_draw(borel_rng *rng, double shape) {
  return drawn(rng, BOREL_LAW_GAMMA, borel_choice_hash_reals(&shape, 1), ASK(rng, gamma, shape));
}

static double beta(borel_rng *rng, double a, double b) {
  const double parameters[2] = {a, b};
  return drawn(rng, BOREL_LAW_BETA, borel_choice_hash_reals(parameters, 2), ASK(rng, beta, a, b));
}

static uint64_t poisson(borel_rng *rng, double mean) {
  uint64_t hash = borel_choice_hash_reals(&mean, 1);
  return (uint64_t)decided(rng, BOREL_LAW_POISSON, hash, 0, (int64_t)ASK(rng, poisson, mean));
}

static uint64_t binomial(borel_rng *rng, uint64_t n, double p) {
  uint64_t hash = borel_choice_hash_count(n, p);
  return (uint64_t)decided(rng, BOREL_LAW_BINOMIAL, hash, n + 1, (int64_t)ASK(rng, binomial, n, p));
}

static void fill_uniform(borel_rng *rng, double *out, size_t lanes, size_t n) {
  ASK(rng, fill_uniform, out, lanes, n);
  for (size_t i = 0; i < lanes * n; i++) drawn(rng, BOREL_LAW_UNIFORM, 0, out[i]);
}

static void fill_normal(borel_rng *rng, double *out, size_t lanes, size_t n) {
  ASK(rng, fill_normal, out, lanes, n);
  for (size_t i = 0; i < lanes * n; i++) drawn(rng, BOREL_LAW_NORMAL, 0, out[i]);
}

static const borel_rng_ops record_ops = {
    .size = sizeof record_ops,
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

void borel_record_open(borel_record_rng *r, borel_rng *source, borel_trace *trace, borel_error *error) {
  *r = (borel_record_rng){.source = source, .trace = trace};
  borel_source_open(&r->rng, &record_ops, error);
  borel_source_adopt(&r->rng, source);
}
