/* SPDX-License-Identifier: MIT
 * Streams: Philox, keys, cells, and the promise that a number depends on its place alone. */
#include "core/hash.h"
#include "random/philox.h"
#include "random/source_philox.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static borel_error error;

static borel_philox_rng at(uint64_t key, uint32_t lane, uint64_t index, uint16_t site) {
  borel_philox_rng r;
  borel_philox_open(&r, key, lane, index, site, &error);
  return r;
}

static double uniform(borel_philox_rng *r) { return r->rng.ops->uniform(&r->rng); }
static double normal(borel_philox_rng *r) { return r->rng.ops->normal(&r->rng); }

#define assert_same_bits(a, b, ...)                                                                          \
  do {                                                                                                       \
    double a_ = (a), b_ = (b);                                                                               \
    cr_assert(memcmp(&a_, &b_, sizeof a_) == 0, __VA_ARGS__);                                                \
  } while (0)

/* Random123 1.14, tests/kat_vectors, lines "philox4x32 10". */
Test(random, philox_gives_the_published_answers) {
  static const struct {
    uint32_t counter[4], key[2], answer[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t out[4];
    borel_philox((uint64_t)known[i].key[1] << 32 | known[i].key[0], known[i].counter, out);
    cr_assert_arr_eq(out, known[i].answer, sizeof out, "vector %zu", i);
  }
}

Test(random, counter_is_packed_as_documented) {
  const borel_cell cell = {.lane = 0x11223344, .index = 0xAABBCCDDEEFFu, .site = 0x5566};
  uint32_t counter[4];
  borel_stream_counter(&cell, 0x778899AA, counter);
  cr_assert_eq(counter[0], 0x778899AAu);
  cr_assert_eq(counter[1], 0x11223344u);
  cr_assert_eq(counter[2], 0xCCDDEEFFu);
  cr_assert_eq(counter[3], 0x5566AABBu);
}

/* docs/streams.md quotes these. */
Test(random, keys_are_the_documented_ones) {
  cr_assert_eq(borel_hash_text("", 0), 0xEFD01F60BA992926u);
  cr_assert_eq(borel_hash_text("borel", 0), 0x363BF8FD9DC441ABu);
  cr_assert_eq(borel_hash_text("step", 0), 0xDBBF05A3037853E0u);
  cr_assert_eq(borel_stream_root(0), 0x79211F51464AB49Eu);
  cr_assert_eq(borel_stream_root(42), 0x1C63225E38853F76u);
  cr_assert_eq(borel_stream_child(borel_stream_root(42), "step"), 0x5D333BB39B4674F4u);
  cr_assert_eq(borel_stream_child_id(borel_stream_root(42), 7), 0xBA6D008FD5833430u);
  cr_assert_eq(borel_stream_child(1, "step"), borel_stream_child_id(1, borel_hash_text("step", 0)));
}

Test(random, cells_hold_the_documented_numbers) {
  static const struct {
    uint64_t key;
    uint32_t lane;
    uint64_t index;
    uint16_t site;
    double uniform[3], normal[3];
  } known[] = {
      {0x0000000000000000,
       0x0,
       0x0,
       0x0,
       {0x1.c2d38b1acc4fdp-1, 0x1.3601b7b178af5p-1, 0x1.72c8036fe3932p-2},
       {0x1.91305e3b02cfp-2, 0x1.59ccb02aab286p-1, 0x1.bda1f1ee1728fp+0}},
      {0x5D333BB39B4674F4,
       0x0,
       0x0,
       0x0,
       {0x1.c4a7d61b32b45p-1, 0x1.dad7ed6d5ec81p-1, 0x1.c3be3672f01ccp-3},
       {-0x1.a597717740647p+0, 0x1.c0bf864e1cb85p-3, 0x1.1b71d23cb97a8p-3}},
      {0x5D333BB39B4674F4,
       0x3,
       0x3E8,
       0x2,
       {0x1.ab6c6b74b011p-5, 0x1.440d1a84c7235p-1, 0x1.307f12e6e7c19p-1},
       {0x1.599bf48d30ad7p+0, 0x1.a87571e2b0d7ap+0, -0x1.b4efac6e026b7p-1}},
      {0x5D333BB39B4674F4,
       0xFFFFFFFF,
       0xFFFFFFFFFFFF,
       0xFFFE,
       {0x1.d1e91df742c54p-3, 0x1.176855cd0179bp-1, 0x1.77cc0555612a3p-1},
       {0x1.9ab3bb5104074p-1, -0x1.342cbd73cf194p-2, 0x1.7dccae936085cp-1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    borel_philox_rng r = at(known[i].key, known[i].lane, known[i].index, known[i].site);
    for (int j = 0; j < 3; j++)
      assert_same_bits(uniform(&r), known[i].uniform[j], "uniform %d of cell %zu", j, i);
    for (int j = 0; j < 3; j++)
      assert_same_bits(normal(&r), known[i].normal[j], "normal %d of cell %zu", j, i);
  }
}

Test(random, fill_is_the_scalar_draws_for_every_size_and_number_of_lanes) {
  enum { SIZES = 70, LANES = 9 };
  static double normals[LANES][SIZES + 3], uniforms[LANES][SIZES + 3], out[LANES * SIZES];
  for (uint32_t b = 0; b < LANES; b++) {
    borel_philox_rng r = at(77, 5 + b, 3, 2);
    for (int i = 0; i < SIZES + 3; i++) uniforms[b][i] = uniform(&r), normals[b][i] = normal(&r);
  }
  for (size_t before = 0; before < 4; before++)
    for (size_t lanes = 1; lanes <= LANES; lanes++)
      for (size_t n = 1; n + before <= SIZES + 3 && n <= SIZES; n++) {
        borel_philox_rng r = at(77, 5, 3, 2);
        for (size_t i = 0; i < before; i++) normal(&r), uniform(&r);
        r.rng.ops->fill_normal(&r.rng, out, lanes, n);
        for (size_t b = 0; b < lanes; b++)
          cr_assert_arr_eq(out + b * n, normals[b] + before, n * sizeof *out, "normals, [%zu, %zu]", lanes,
                           n);
        r.rng.ops->fill_uniform(&r.rng, out, lanes, n);
        for (size_t b = 0; b < lanes; b++)
          cr_assert_arr_eq(out + b * n, uniforms[b] + before, n * sizeof *out, "uniforms, [%zu, %zu]", lanes,
                           n);
        if (before + n < SIZES + 3) {
          assert_same_bits(normal(&r), normals[0][before + n], "normal after a fill");
          assert_same_bits(uniform(&r), uniforms[0][before + n], "uniform after a fill");
        }
      }
}

Test(random, fill_in_parts_is_fill_at_once) {
  enum { N = 301 };
  double whole[3 * N], part[3 * N];
  borel_philox_rng a = at(8, 0, 0, 0), b = a;
  a.rng.ops->fill_normal(&a.rng, whole, 3, N);
  for (size_t done = 0, step = 1; done < N; done += step, step = 1 + (step * 7) % 40) {
    if (step > N - done) step = N - done;
    b.rng.ops->fill_normal(&b.rng, part, 3, step);
    for (size_t lane = 0; lane < 3; lane++)
      cr_assert_arr_eq(part + lane * step, whole + lane * N + done, step * sizeof *part);
  }
}

Test(random, uniforms_between_normals_change_nothing) {
  borel_philox_rng plain = at(9, 1, 2, 3), mixed = at(9, 1, 2, 3);
  for (int i = 0; i < 50; i++) {
    for (int j = 0; j < i % 5; j++) uniform(&mixed);
    if (i % 3 == 0) mixed.rng.ops->gamma(&mixed.rng, 0.5), mixed.normals = plain.normals, mixed.pair_held = 0;
    assert_same_bits(normal(&plain), normal(&mixed), "normal %d", i);
  }
}

Test(random, every_part_of_the_place_matters) {
  borel_philox_rng r[5] = {at(1, 0, 0, 0), at(2, 0, 0, 0), at(1, 1, 0, 0), at(1, 0, 1, 0), at(1, 0, 0, 1)};
  borel_philox_rng high = at(1, 0, UINT64_C(1) << 40, 0);
  double u[6];
  for (int i = 0; i < 5; i++) u[i] = uniform(&r[i]);
  u[5] = uniform(&high);
  for (int i = 0; i < 6; i++)
    for (int j = 0; j < i; j++) cr_assert_neq(u[i], u[j], "%d and %d", i, j);
}

Test(random, a_place_that_does_not_exist_is_refused) {
  borel_philox_rng r = at(1, 0, BOREL_STREAM_INDEX_LIMIT, 0);
  cr_assert_eq(r.rng.status, BOREL_ARG);
  cr_assert(strstr(error.message, "below 2^48"), "%s", error.message);
  r = at(1, 0, BOREL_STREAM_INDEX_LIMIT - 1, 0xFFFE);
  cr_assert_eq(r.rng.status, BOREL_OK);
  r = at(1, 0, 0, 0xFFFF);
  cr_assert_eq(r.rng.status, BOREL_ARG);
  double out[4];
  r = at(1, 0xFFFFFFFF, 0, 0);
  r.rng.ops->fill_normal(&r.rng, out, 1, 4);
  cr_assert_eq(r.rng.status, BOREL_OK);
  r.rng.ops->fill_normal(&r.rng, out, 2, 2);
  cr_assert_eq(r.rng.status, BOREL_ARG);
}

Test(random, a_used_up_cell_is_an_internal_error_and_harmless) {
  borel_philox_rng r = at(1, 0, 0, 0);
  r.uniforms = (UINT64_C(1) << 32) - 1;
  uniform(&r);
  cr_assert_eq(r.rng.status, BOREL_OK);
  cr_assert_eq(uniform(&r), 0.5);
  cr_assert_eq(r.rng.status, BOREL_INTERNAL);
  r = at(1, 0, 0, 0);
  r.normals = (UINT64_C(1) << 32) - 3;
  double out[4] = {9, 9, 9, 9};
  r.rng.ops->fill_normal(&r.rng, out, 1, 3);
  cr_assert_eq(r.rng.status, BOREL_OK);
  r.rng.ops->fill_normal(&r.rng, out, 1, 4);
  cr_assert_eq(r.rng.status, BOREL_INTERNAL);
  for (int i = 0; i < 4; i++) cr_assert_eq(out[i], 0);
  cr_assert_eq(normal(&r), 0);
}

Test(random, the_first_error_stays_and_results_are_harmless) {
  borel_philox_rng r = at(1, 0, 0, 0);
  const borel_rng_ops *ops = r.rng.ops;
  borel_rng *rng = &r.rng;
  cr_assert_eq(ops->accept(rng, NAN), 0);
  cr_assert_eq(rng->status, BOREL_DOMAIN);
  cr_assert_eq(error.code, BOREL_DOMAIN);
  char first[sizeof error.message];
  strcpy(first, error.message);
  cr_assert_eq(ops->gamma(rng, -1), 0);
  cr_assert_eq(ops->accept(rng, 1), 0);
  cr_assert_eq(ops->bernoulli(rng, 1), 0);
  cr_assert_eq(ops->categorical(rng, (const double[]){0, 1}, 2), 0);
  cr_assert_eq(ops->categorical_log(rng, (const double[]){-INFINITY, 0}, 2), 0);
  cr_assert_eq(ops->uniform_int(rng, 100), 0);
  cr_assert_eq(ops->uniform(rng), 0.5);
  cr_assert_eq(ops->normal(rng), 0);
  cr_assert_eq(ops->exponential(rng), 0);
  cr_assert_eq(ops->gamma(rng, 2), 0);
  cr_assert_eq(ops->beta(rng, 2, 2), 0.5);
  cr_assert_eq(ops->poisson(rng, 1000), 0);
  cr_assert_eq(ops->binomial(rng, 1000, 0.5), 0);
  cr_assert_eq(ops->unif(rng).value, 0.5);
  cr_assert_eq(abs(ops->direction(rng)), 1);
  cr_assert_str_eq(error.message, first);
  cr_assert_eq(rng->status, BOREL_DOMAIN);
}
