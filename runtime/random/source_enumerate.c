/* SPDX-License-Identifier: MIT */
#include "random/source_enumerate.h"

#include "random/check.h"
#include "random/source.h"

#include <math.h>
#include <stdlib.h>

static borel_enumeration *self(borel_rng *rng) { return (borel_enumeration *)rng; }

/* ---- the tree -------------------------------------------------------------------------------- */

static int grow(borel_enumeration *e) {
  size_t capacity = e->capacity ? 2 * e->capacity : 32;
  borel_branch *grown = reallocarray(e->prefix, capacity, sizeof *grown);
  if (!grown) {
    borel_source_fail(&e->rng, BOREL_INTERNAL, "enumeration: no memory for %zu choices", capacity);
    return 0;
  }
  e->prefix = grown;
  e->capacity = capacity;
  return 1;
}

/* Which of `arity` outcomes this path takes: that of the prefix, or the first of a new branch. */
static uint64_t branch(borel_rng *rng, borel_law law, uint64_t parameters, uint64_t arity) {
  borel_enumeration *e = self(rng);
  if (rng->status != BOREL_OK) return 0;
  if (arity > e->budget) {
    borel_source_fail(rng, BOREL_ARG, "enumeration: %s with %llu outcomes exceeds the budget of %llu paths",
                      borel_law_name(law), (unsigned long long)arity, (unsigned long long)e->budget);
    return 0;
  }
  if (e->position == e->depth) {
    if (e->depth == e->capacity && !grow(e)) return 0;
    e->prefix[e->depth++] = (borel_branch){.law = law, .parameters = parameters, .arity = arity};
  }
  const borel_branch *at = &e->prefix[e->position++];
  if (at->law != law || at->arity != arity || at->parameters != parameters) {
    borel_source_fail(
        rng, BOREL_INTERNAL,
        "the program is not deterministic given its choices: choice %zu of path %llu was %s with %llu "
        "outcomes and is now %s with %llu%s",
        e->position, (unsigned long long)e->paths, borel_law_name(at->law), (unsigned long long)at->arity,
        borel_law_name(law), (unsigned long long)arity,
        at->law == law && at->arity == arity ? ", by other parameters" : "");
    return 0;
  }
  return at->chosen;
}

/* An outcome of probability q, which a relative error of 1 in what the program has stated changes by `doubt`.
 */
static void take(borel_rng *rng, double q, double doubt) {
  if (rng->status != BOREL_OK) return;
  self(rng)->probability *= q;
  self(rng)->doubt += doubt;
}

/* 1 with probability p, 0 with probability q; `doubt` is that of p, which q has as well in absolute terms. */
static int coin(borel_rng *rng, borel_law law, uint64_t parameters, double p, double q, double doubt) {
  if (rng->status != BOREL_OK || p == 0) return 0;
  if (q == 0) return 1;
  int heads = (int)branch(rng, law, parameters, 2);
  take(rng, heads ? p : q, heads ? doubt : doubt * p / q);
  return heads;
}

/* ---- laws of finite support ------------------------------------------------------------------ */

static int accept(borel_rng *rng, double log_ratio) {
  if (!borel_check_log_ratio(rng, log_ratio)) return 0;
  if (log_ratio >= 0) return 1;
  return coin(rng, BOREL_LAW_ACCEPT, borel_choice_hash_reals(&log_ratio, 1), exp(log_ratio),
              -expm1(log_ratio), fmax(1, -log_ratio));
}

static int direction(borel_rng *rng) { return coin(rng, BOREL_LAW_DIRECTION, 0, 0.5, 0.5, 0) ? 1 : -1; }

static int bernoulli(borel_rng *rng, double p) {
  if (!borel_check_probability(rng, p)) return 0;
  return coin(rng, BOREL_LAW_BERNOULLI, borel_choice_hash_reals(&p, 1), p, 1 - p, 1);
}

/* The weight of index i; `largest` shifts log weights and is NAN for plain probabilities. */
static double weight(const double *w, size_t i, double largest) {
  return isnan(largest) ? w[i] : exp(w[i] - largest);
}

static size_t choose(borel_rng *rng, borel_law law, const double *w, size_t n, double largest) {
  size_t support = 0;
  double total = 0, carry = 0; /* Kahan's sum */
  for (size_t i = 0; i < n; i++) {
    double x = weight(w, i, largest);
    support += x > 0;
    double term = x - carry, sum = total + term;
    carry = (sum - total) - term;
    total = sum;
  }
  if (isnan(largest)) total = 1; /* taken as they are: a sum that is off shows in the result */
  uint64_t wanted = support > 1 ? branch(rng, law, borel_choice_hash_reals(w, n), support) : 0;
  if (rng->status != BOREL_OK) return 0;
  for (size_t i = 0; i < n; i++) {
    double x = weight(w, i, largest);
    if (x > 0 && wanted-- == 0) {
      take(rng, x / total, 1);
      return i;
    }
  }
  return 0;
}

static size_t categorical(borel_rng *rng, const double *p, size_t n) {
  return borel_check_categorical(rng, p, n) ? choose(rng, BOREL_LAW_CATEGORICAL, p, n, NAN) : 0;
}

static size_t categorical_log(borel_rng *rng, const double *lw, size_t n) {
  double largest;
  if (!borel_check_categorical_log(rng, lw, n, &largest)) return 0;
  return choose(rng, BOREL_LAW_CATEGORICAL_LOG, lw, n, largest);
}

static uint64_t uniform_int(borel_rng *rng, uint64_t n) {
  if (!borel_check_uniform_int(rng, n) || n == 1) return 0;
  uint64_t i = branch(rng, BOREL_LAW_UNIFORM_INT, n, n);
  take(rng, 1 / (double)n, 0);
  return i;
}

/* Weights relative to that of the mode by their ratios, normalised: exact to rounding, and no special
 * function. */
static uint64_t binomial(borel_rng *rng, uint64_t n, double p) {
  if (!borel_check_binomial(rng, n, p) || p == 0 || n == 0) return 0;
  if (p == 1) return n;
  const uint64_t k = branch(rng, BOREL_LAW_BINOMIAL, borel_choice_hash_count(n, p), n + 1);
  if (rng->status != BOREL_OK) return 0;
  const double trials = (double)n, odds = p / (1 - p);
  const uint64_t mode = (uint64_t)floor((trials + 1) * p) < n ? (uint64_t)floor((trials + 1) * p) : n;
  double total = 1, wanted = 1, w = 1;
  for (uint64_t j = mode; j < n; j++) {
    w *= (trials - (double)j) / ((double)j + 1) * odds;
    total += w;
    if (j + 1 == k) wanted = w;
  }
  w = 1;
  for (uint64_t j = mode; j > 0; j--) {
    w *= (double)j / ((trials - (double)j + 1) * odds);
    total += w;
    if (j - 1 == k) wanted = w;
  }
  take(rng, wanted / total, trials);
  return k;
}

/* A fresh uniform is somewhere in [0, 1); each cut inside what is left of the interval is a choice. `value`
 * is kept in the middle of it for who must look. */
static borel_unif unif(borel_rng *rng) {
  (void)rng;
  return (borel_unif){0, 1, 0.5};
}

static int unif_lt(borel_rng *rng, borel_unif *u, double cut) {
  if (!borel_check_cut(rng, cut)) return 0;
  if (cut <= u->low) return 0;
  if (cut >= u->high) return 1;
  const double length = u->high - u->low, key[3] = {u->low, u->high, cut};
  int below = coin(rng, BOREL_LAW_UNIF_LT, borel_choice_hash_reals(key, 3), (cut - u->low) / length,
                   (u->high - cut) / length, cut / (cut - u->low));
  if (below)
    u->high = cut;
  else
    u->low = cut;
  u->value = u->low + 0.5 * (u->high - u->low);
  return below;
}

/* ---- laws that cannot be enumerated ---------------------------------------------------------- */

static void refuse(borel_rng *rng, borel_law law, const char *what) {
  borel_source_fail(
      rng, BOREL_ARG,
      "enumeration: %s has %s support and cannot be enumerated; use a finite stand-in law in its place",
      borel_law_name(law), what);
}

static double uniform(borel_rng *rng) {
  refuse(rng, BOREL_LAW_UNIFORM, "continuous");
  return 0.5;
}

static double normal(borel_rng *rng) {
  refuse(rng, BOREL_LAW_NORMAL, "continuous");
  return 0;
}

static double exponential(borel_rng *rng) {
  refuse(rng, BOREL_LAW_EXPONENTIAL, "continuous");
  return 0;
}

static double gamma_draw(borel_rng *rng, double shape) {
  if (borel_check_gamma(rng, shape)) refuse(rng, BOREL_LAW_GAMMA, "continuous");
  return 0;
}

static double beta(borel_rng *rng, double a, double b) {
  if (borel_check_beta(rng, a, b)) refuse(rng, BOREL_LAW_BETA, "continuous");
  return 0.5;
}

static uint64_t poisson(borel_rng *rng, double mean) {
  if (borel_check_poisson(rng, mean) && mean > 0) refuse(rng, BOREL_LAW_POISSON, "unbounded");
  return 0;
}

static void fill_uniform(borel_rng *rng, double *out, size_t lanes, size_t n) {
  for (size_t i = 0; i < lanes * n; i++) out[i] = uniform(rng);
}

static void fill_normal(borel_rng *rng, double *out, size_t lanes, size_t n) {
  for (size_t i = 0; i < lanes * n; i++) out[i] = normal(rng);
}

static const borel_rng_ops enumerate_ops = {
    .size = sizeof enumerate_ops,
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

/* ---- the walk over paths --------------------------------------------------------------------- */

void borel_enumerate_begin(borel_enumeration *e, uint64_t budget, borel_error *error) {
  *e = (borel_enumeration){.budget = budget ? budget : BOREL_ENUMERATE_BUDGET};
  borel_source_open(&e->rng, &enumerate_ops, error);
}

/* Moves the prefix to the next leaf in order; 0 when there is none. */
static int advance(borel_enumeration *e) {
  while (e->depth > 0 && e->prefix[e->depth - 1].chosen + 1 == e->prefix[e->depth - 1].arity) e->depth--;
  if (e->depth == 0) return 0;
  e->prefix[e->depth - 1].chosen++;
  return 1;
}

int borel_enumerate_next(borel_enumeration *e) {
  if (e->rng.status != BOREL_OK) return 0;
  if (e->paths > 0) {
    if (e->position < e->depth) {
      borel_source_fail(
          &e->rng, BOREL_INTERNAL,
          "the program is not deterministic given its choices: path %llu stopped after %zu choices, "
          "before it made %zu",
          (unsigned long long)e->paths, e->position, e->depth);
      return 0;
    }
    if (!advance(e)) return 0;
  }
  if (e->paths == e->budget) {
    borel_source_fail(&e->rng, BOREL_ARG, "enumeration: more than the budget of %llu paths",
                      (unsigned long long)e->budget);
    return 0;
  }
  e->paths++;
  e->position = 0;
  e->probability = 1;
  e->doubt = 0;
  return 1;
}

borel_rng *borel_enumerate_rng(borel_enumeration *e) { return &e->rng; }

double borel_enumerate_probability(const borel_enumeration *e) { return e->probability; }
double borel_enumerate_doubt(const borel_enumeration *e) { return e->doubt; }

void borel_enumerate_end(borel_enumeration *e) {
  free(e->prefix);
  e->prefix = NULL;
  e->depth = e->capacity = 0;
}
