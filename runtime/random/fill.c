/* SPDX-License-Identifier: MIT */
#include "random/fill.h"

#include "random/elementary.h"
#include "random/philox.h"

#include <math.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#endif

/* Blocks are computed GROUP at a time, structure of arrays, in loops of constant length that the compiler
 * turns into whole vectors. The arithmetic is that of a single block, so the width changes no bit. A batch is
 * several groups: its counters are written well before they are read. */
enum { GROUP = BOREL_GROUP_WORDS / 2, BATCH = 64 };

/* 32-bit words of a group of counters, each in the low half of 64 bits, the multiplier's own shape. What the
 * upper half holds means nothing. */
typedef struct {
  uint64_t word[4][GROUP];
} words;

typedef struct {
  uint64_t key;
  uint64_t word2, word3; /* index and site, the same for all */
  uint64_t block[BATCH], lane[BATCH];
  double even[BATCH], odd[BATCH];
} batch;

/* Box and Muller 1958: radius from the first word, angle from the second. */
BOREL_INLINE void box_muller(uint64_t word0, uint64_t word1, double *even, double *odd) {
  double radius = sqrt(-2.0 * borel_log(borel_word_uniform(word0))), cosine, sine;
  borel_turn(borel_word_uniform(word1), &cosine, &sine);
  *even = radius * cosine;
  *odd = radius * sine;
}

BOREL_INLINE void to_uniforms(const words *x, double *restrict even, double *restrict odd) {
  for (int j = 0; j < GROUP; j++) {
    even[j] = borel_word_uniform(x->word[1][j] << 32 | (uint32_t)x->word[0][j]);
    odd[j] = borel_word_uniform(x->word[3][j] << 32 | (uint32_t)x->word[2][j]);
  }
}

BOREL_INLINE void to_normals(const words *x, double *restrict even, double *restrict odd) {
  for (int j = 0; j < GROUP; j++)
    box_muller(x->word[1][j] << 32 | (uint32_t)x->word[0][j], x->word[3][j] << 32 | (uint32_t)x->word[2][j],
               &even[j], &odd[j]);
}

BOREL_INLINE words philox_plain(const batch *b, size_t at) {
  words x;
  for (int j = 0; j < GROUP; j++) {
    x.word[0][j] = b->block[at + (size_t)j];
    x.word[1][j] = b->lane[at + (size_t)j];
    x.word[2][j] = b->word2;
    x.word[3][j] = b->word3;
  }
  uint32_t k0 = (uint32_t)b->key, k1 = (uint32_t)(b->key >> 32);
  for (int round = 0; round < BOREL_PHILOX_ROUNDS; round++) {
    for (int j = 0; j < GROUP; j++) {
      uint64_t p0 = (uint64_t)BOREL_PHILOX_M0 * (uint32_t)x.word[0][j];
      uint64_t p1 = (uint64_t)BOREL_PHILOX_M1 * (uint32_t)x.word[2][j];
      x.word[0][j] = (p1 >> 32) ^ x.word[1][j] ^ k0;
      x.word[1][j] = p1;
      x.word[2][j] = (p0 >> 32) ^ x.word[3][j] ^ k1;
      x.word[3][j] = p0;
    }
    k0 += BOREL_PHILOX_W0;
    k1 += BOREL_PHILOX_W1;
  }
  return x;
}

/* The words behind a group's uniforms, in order. */
BOREL_INLINE void to_words(const words *x, uint64_t *restrict out) {
  for (int j = 0; j < GROUP; j++) {
    out[2 * j] = x->word[1][j] << 32 | (uint32_t)x->word[0][j];
    out[2 * j + 1] = x->word[3][j] << 32 | (uint32_t)x->word[2][j];
  }
}

static void group_words_plain(const batch *b, uint64_t *out) {
  words x = philox_plain(b, 0);
  to_words(&x, out);
}

/* Each replaces `count` counters of a batch by the numbers of their blocks, whole groups at a time. */
static void uniforms_plain(batch *b, size_t count) {
  for (size_t at = 0; at < count; at += GROUP) {
    words x = philox_plain(b, at);
    to_uniforms(&x, b->even + at, b->odd + at);
  }
}

static void normals_plain(batch *b, size_t count) {
  for (size_t at = 0; at < count; at += GROUP) {
    words x = philox_plain(b, at);
    to_normals(&x, b->even + at, b->odd + at);
  }
}

#ifdef AVX2
/* gcc 12 widens 32-bit products through seven shuffles; vpmuludq is the instruction that is meant. */
typedef struct {
  __m256i word[4];
} four;

AVX2 BOREL_INLINE __m256i load(const uint64_t *at) {
  return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

AVX2 BOREL_INLINE void store(uint64_t *at, __m256i x) { _mm256_storeu_si256((__m256i *)(void *)at, x); }

AVX2 BOREL_INLINE four philox_round(four x, __m256i key0, __m256i key1) {
  __m256i p0 = _mm256_mul_epu32(x.word[0], _mm256_set1_epi64x(BOREL_PHILOX_M0));
  __m256i p1 = _mm256_mul_epu32(x.word[2], _mm256_set1_epi64x(BOREL_PHILOX_M1));
  return (four){{_mm256_xor_si256(_mm256_srli_epi64(p1, 32), _mm256_xor_si256(x.word[1], key0)), p1,
                 _mm256_xor_si256(_mm256_srli_epi64(p0, 32), _mm256_xor_si256(x.word[3], key1)), p0}};
}

/* Two sets of four lanes in registers hide the multiplier's latency. */
AVX2 BOREL_INLINE words philox_avx2(const batch *b, size_t at) {
  const __m256i word2 = _mm256_set1_epi64x((int64_t)b->word2), word3 = _mm256_set1_epi64x((int64_t)b->word3);
  four x = {{load(b->block + at), load(b->lane + at), word2, word3}};
  four y = {{load(b->block + at + 4), load(b->lane + at + 4), word2, word3}};
  uint32_t k0 = (uint32_t)b->key, k1 = (uint32_t)(b->key >> 32);
  for (int round = 0; round < BOREL_PHILOX_ROUNDS; round++) {
    const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
    x = philox_round(x, key0, key1);
    y = philox_round(y, key0, key1);
    k0 += BOREL_PHILOX_W0;
    k1 += BOREL_PHILOX_W1;
  }
  words out;
#pragma GCC unroll 4
  for (int w = 0; w < 4; w++) {
    store(out.word[w], x.word[w]);
    store(out.word[w] + 4, y.word[w]);
  }
  return out;
}

AVX2 static void group_words_avx2(const batch *b, uint64_t *out) {
  words x = philox_avx2(b, 0);
  to_words(&x, out);
}

AVX2 static void uniforms_avx2(batch *b, size_t count) {
  for (size_t at = 0; at < count; at += GROUP) {
    words x = philox_avx2(b, at);
    to_uniforms(&x, b->even + at, b->odd + at);
  }
}

AVX2 static void normals_avx2(batch *b, size_t count) {
  for (size_t at = 0; at < count; at += GROUP) {
    words x = philox_avx2(b, at);
    to_normals(&x, b->even + at, b->odd + at);
  }
}
#else
#define uniforms_avx2 uniforms_plain
#define normals_avx2 normals_plain
#define group_words_avx2 group_words_plain
#endif

typedef void (*batch_function)(batch *, size_t count);

/* Asked when it is wanted, not by an ifunc, which would run before a sanitizer is up. */
static int has_avx2(void) {
#ifdef AVX2
  return __builtin_cpu_supports("avx2") != 0;
#else
  return 0;
#endif
}

static batch_function widest(batch_function plain, batch_function avx2) { return has_avx2() ? avx2 : plain; }

/* A walk over the blocks that hold numbers first .. first + n - 1 of each lane, lane by lane. */
typedef struct {
  uint64_t start;  /* first block of each lane */
  size_t per_lane; /* blocks */
  size_t skip;     /* 1: the even half of the first block lies before the range */
  size_t lanes, n;
  size_t lane, k; /* where the walk stands: block start + k of lane */
} walk;

static size_t gather(walk *at, uint32_t base, uint32_t first_lane, batch *b) {
  size_t used = 0;
  while (used < BATCH && at->lane < at->lanes) {
    size_t left = at->per_lane - at->k, room = BATCH - used, take = left < room ? left : room;
    for (size_t j = 0; j < take; j++) {
      b->block[used + j] = base + at->start + at->k + j;
      b->lane[used + j] = first_lane + at->lane;
    }
    used += take;
    at->k += take;
    if (at->k == at->per_lane) at->k = 0, at->lane++;
  }
  return used;
}

static void scatter(walk *at, size_t used, const batch *b, double *out) {
  for (size_t j = 0; j < used; j++) {
    double *row = out + at->lane * at->n;
    size_t i = 2 * at->k; /* of the even half, plus skip */
    if (i >= at->skip) row[i - at->skip] = b->even[j];
    if (i + 1 - at->skip < at->n) row[i + 1 - at->skip] = b->odd[j];
    if (++at->k == at->per_lane) at->k = 0, at->lane++;
  }
}

static void fill(const borel_cell *cell, batch_function numbers, uint32_t base, uint64_t first, double *out,
                 size_t lanes, size_t n) {
  if (n == 0 || lanes == 0) return;
  uint32_t counter[4];
  borel_stream_counter(cell, 0, counter);
  batch b;
  b.key = cell->key, b.word2 = counter[2], b.word3 = counter[3];
  walk in = {.start = first / 2, .skip = first & 1, .lanes = lanes, .n = n};
  in.per_lane = (size_t)((first + n - 1) / 2 - in.start + 1);
  walk back = in;
  for (size_t used; (used = gather(&in, base, cell->lane, &b)) > 0;) {
    /* The last group is computed whole: its idle lanes repeat some counter. */
    for (size_t j = used; j % GROUP != 0; j++) b.block[j] = b.lane[j] = 0;
    numbers(&b, used);
    scatter(&back, used, &b, out);
  }
}

void borel_cell_fill_uniform(const borel_cell *cell, uint64_t first, double *out, size_t lanes, size_t n) {
  fill(cell, widest(uniforms_plain, uniforms_avx2), 0, first, out, lanes, n);
}

void borel_cell_fill_normal(const borel_cell *cell, uint64_t first, double *out, size_t lanes, size_t n) {
  fill(cell, widest(normals_plain, normals_avx2), BOREL_NORMAL_BLOCK, first, out, lanes, n);
}

static void block_words(const borel_cell *cell, uint32_t block, uint64_t out[2]) {
  uint32_t word[4];
  borel_stream_counter(cell, block, word);
  borel_philox(cell->key, word, word);
  out[0] = (uint64_t)word[1] << 32 | word[0];
  out[1] = (uint64_t)word[3] << 32 | word[2];
}

void borel_cell_words(const borel_cell *cell, uint64_t k, uint64_t out[2]) {
  block_words(cell, (uint32_t)k, out);
}

void borel_cell_group_words(const borel_cell *cell, uint64_t k, uint64_t out[BOREL_GROUP_WORDS]) {
  uint32_t counter[4];
  borel_stream_counter(cell, 0, counter);
  batch b;
  b.key = cell->key, b.word2 = counter[2], b.word3 = counter[3];
  for (uint64_t j = 0; j < GROUP; j++) b.block[j] = (uint32_t)(k + j), b.lane[j] = counter[1];
  if (has_avx2())
    group_words_avx2(&b, out);
  else
    group_words_plain(&b, out);
}

void borel_cell_normals(const borel_cell *cell, uint64_t k, double out[2]) {
  uint64_t word[2];
  block_words(cell, BOREL_NORMAL_BLOCK + (uint32_t)k, word);
  box_muller(word[0], word[1], &out[0], &out[1]);
}
