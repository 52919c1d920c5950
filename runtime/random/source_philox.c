/* SPDX-License-Identifier: MIT */
#include "random/source_philox.h"

#include "random/check.h"
#include "random/elementary.h"
#include "random/fill.h"
#include "random/laws.h"
#include "random/source.h"

static borel_philox_rng *self(borel_rng *rng) { return (borel_philox_rng *)rng; }

/* Whether numbers first .. first + n - 1 exist. */
static int within_cell(borel_philox_rng *r, uint64_t first, uint64_t n) {
  const uint64_t limit = 2 * BOREL_SEQUENCE_BLOCKS;
  if (n > limit || first > limit - n)
    borel_source_fail(
        &r->rng, BOREL_INTERNAL,
        "a cell of the random streams is used up: lane %u, index %llu, site %u has 2^32 numbers",
        r->cell.lane, (unsigned long long)r->cell.index, r->cell.site);
  return r->rng.status == BOREL_OK;
}

/* Many kernels ask for one or two numbers a step; who asks for more is given eight blocks. */
static void hold_words(borel_philox_rng *r, uint64_t i) {
  const int first = r->held_until == 0;
  r->held_from = i & ~UINT64_C(1);
  r->held_until = r->held_from + (first ? 2 : BOREL_GROUP_WORDS);
  if (first)
    borel_cell_words(&r->cell, i / 2, r->words);
  else
    borel_cell_group_words(&r->cell, i / 2, r->words);
}

/* Uniform number `uniforms` is the upper bits of this. */
static uint64_t next_word(borel_philox_rng *r) {
  if (!within_cell(r, r->uniforms, 1)) return UINT64_C(1) << 63;
  const uint64_t i = r->uniforms++;
  if (i < r->held_from || i >= r->held_until) hold_words(r, i);
  return r->words[i - r->held_from];
}

static double uniform(borel_rng *rng) {
  uint64_t word = next_word(self(rng));
  return rng->status == BOREL_OK ? borel_word_uniform(word) : 0.5;
}

static double normal(borel_rng *rng) {
  borel_philox_rng *r = self(rng);
  if (!within_cell(r, r->normals, 1)) return 0;
  const uint64_t i = r->normals++;
  if (i % 2 == 0 || !r->pair_held) borel_cell_normals(&r->cell, i / 2, r->pair);
  r->pair_held = i % 2 == 0;
  return r->pair[i % 2];
}

/* Unbiased (Lemire 2019): the high half of word * n, words in the short first stretch of a bin refused. */
static uint64_t uniform_int(borel_rng *rng, uint64_t n) {
  __extension__ typedef unsigned __int128 wide;
  if (!borel_check_uniform_int(rng, n)) return 0;
  const uint64_t threshold = (0 - n) % n;
  wide product;
  do product = (wide)next_word(self(rng)) * n;
  while ((uint64_t)product < threshold && rng->status == BOREL_OK);
  return rng->status == BOREL_OK ? (uint64_t)(product >> 64) : 0;
}

static int may_fill(borel_philox_rng *r, uint64_t first, size_t lanes, size_t n) {
  if (lanes > (UINT64_C(1) << 32) - r->cell.lane)
    borel_source_fail(&r->rng, BOREL_ARG, "fill: %zu lanes from lane %u on; there are 2^32", lanes,
                      r->cell.lane);
  return within_cell(r, first, n);
}

static void fill_uniform(borel_rng *rng, double *out, size_t lanes, size_t n) {
  borel_philox_rng *r = self(rng);
  if (!may_fill(r, r->uniforms, lanes, n)) {
    for (size_t i = 0; i < lanes * n; i++) out[i] = 0.5;
    return;
  }
  borel_cell_fill_uniform(&r->cell, r->uniforms, out, lanes, n);
  r->uniforms += n;
}

static void fill_normal(borel_rng *rng, double *out, size_t lanes, size_t n) {
  borel_philox_rng *r = self(rng);
  if (!may_fill(r, r->normals, lanes, n)) {
    for (size_t i = 0; i < lanes * n; i++) out[i] = 0;
    return;
  }
  borel_cell_fill_normal(&r->cell, r->normals, out, lanes, n);
  r->normals += n;
  if (n > 0) r->pair_held = 0;
}

static const borel_rng_ops philox_ops = {
    .size = sizeof philox_ops,
    .accept = borel_law_accept,
    .direction = borel_law_direction,
    .bernoulli = borel_law_bernoulli,
    .categorical = borel_law_categorical,
    .categorical_log = borel_law_categorical_log,
    .uniform_int = uniform_int,
    .unif = borel_law_unif,
    .unif_lt = borel_law_unif_lt,
    .uniform = uniform,
    .normal = normal,
    .exponential = borel_law_exponential,
    .gamma = borel_law_gamma,
    .beta = borel_law_beta,
    .poisson = borel_law_poisson,
    .binomial = borel_law_binomial,
    .fill_uniform = fill_uniform,
    .fill_normal = fill_normal,
};

void borel_philox_open(borel_philox_rng *r, uint64_t key, uint32_t lane, uint64_t index, uint16_t site,
                       borel_error *error) {
  *r = (borel_philox_rng){.cell = {.key = key, .index = index, .lane = lane, .site = site}};
  borel_source_open(&r->rng, &philox_ops, error);
  if (index >= BOREL_STREAM_INDEX_LIMIT)
    borel_source_fail(&r->rng, BOREL_ARG, "random streams: index %llu; it must be below 2^48",
                      (unsigned long long)index);
  if (site == BOREL_STREAM_SITE_RESERVED)
    borel_source_fail(&r->rng, BOREL_ARG, "random streams: site 65535 is reserved for keys");
}
