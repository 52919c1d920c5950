/* SPDX-License-Identifier: MIT
 * The draw log: what is written is what is read, and nothing but that. */
#include "core/hash.h"
#include "store/log.h"
#include "store_scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define HEADER "{\"columns\":[\"mu\",\"tau\"]}"

enum { DRAWS = 7, FRAMES = 10 };

/* A small log with two layouts; the end of each of its frames, and how many draws end there. */
typedef struct {
  scratch_bytes bytes;
  uint64_t end[FRAMES];
  uint64_t draws[FRAMES];
} sample;

/* Draw i of the sample: layout 0 with D, K, V, I = 2, 1, 3, 2, or layout 7 with 1, 0, 0, 0. */
static borel_log_record draw(uint64_t i, double numbers[7], int64_t z[1]) {
  int wide = i % 3 != 2;
  for (int k = 0; k < 7; k++) numbers[k] = (double)i + 0.125 * k;
  z[0] = -(int64_t)i;
  borel_log_record r = {.layout = wide ? 0 : 7,
                        .phase = i < 2 ? BOREL_LOG_WARMUP : BOREL_LOG_DRAWS,
                        .iteration = i,
                        .D = wide ? 2 : 1,
                        .u = numbers};
  if (!wide) return r;
  r.K = 1, r.V = 3, r.I = 2;
  r.z = z, r.values = numbers + 2, r.info = numbers + 5;
  return r;
}

static void append(borel_log_writer *w, uint64_t i) {
  double numbers[7];
  int64_t z[1];
  borel_log_record r = draw(i, numbers, z);
  borel_error error = {0};
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_OK, "%s", error.message);
}

static sample make_sample(const char *path) {
  sample s = {0};
  borel_error error = {0};
  borel_log_writer *w;
  int n = 0;
  cr_assert_eq(borel_log_create(path, HEADER, strlen(HEADER), &w, &error), BOREL_OK, "%s", error.message);
  s.end[n++] = borel_log_length(w);
  cr_assert_eq(borel_log_layout(w, 0, "[\"zero\"]", 8, &error), BOREL_OK);
  s.end[n++] = borel_log_length(w);
  for (uint64_t i = 0; i < DRAWS; i++) {
    if (i == 2) {
      cr_assert_eq(borel_log_layout(w, 7, "[\"seven\"]", 9, &error), BOREL_OK);
      s.end[n] = borel_log_length(w);
      s.draws[n++] = i;
    }
    append(w, i);
    s.end[n] = borel_log_length(w);
    s.draws[n++] = i + 1;
  }
  cr_assert_eq(n, FRAMES);
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
  s.bytes = scratch_read(path);
  return s;
}

static void check_numbers(const void *read, const void *wrote, size_t count, uint64_t i) {
  cr_assert(count == 0 || memcmp(read, wrote, count * 8) == 0, "draw %llu differs", (unsigned long long)i);
}

static void check_draw(const borel_log_record *r, uint64_t i) {
  double numbers[7];
  int64_t z[1];
  borel_log_record e = draw(i, numbers, z);
  cr_assert(r->layout == e.layout && r->phase == e.phase && r->iteration == e.iteration && r->D == e.D &&
                r->K == e.K && r->V == e.V && r->I == e.I,
            "draw %llu differs", (unsigned long long)i);
  check_numbers(r->u, e.u, e.D, i);
  check_numbers(r->z, e.z, e.K, i);
  check_numbers(r->values, e.values, e.V, i);
  check_numbers(r->info, e.info, e.I, i);
}

/* Reads to the end, checking each draw against draw(i); returns how many came. */
static uint64_t read_all(borel_log_reader *reader, borel_status *status, borel_error *error) {
  borel_log_record r;
  int more;
  for (uint64_t i = 0;; i++) {
    *status = borel_log_next(reader, &r, &more, error);
    if (*status != BOREL_OK || !more) return i;
    check_draw(&r, i);
  }
}

Test(store_log, a_log_is_read_as_it_was_written) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "chain-1.log"));
  borel_log_reader *reader;
  borel_error error = {0};
  borel_status status;
  cr_assert_eq(borel_log_open(scratch_path(dir, "chain-1.log"), &reader, &error), BOREL_OK, "%s",
               error.message);
  size_t length;
  cr_assert_str_eq(borel_log_header(reader, &length), HEADER);
  cr_assert_eq(length, strlen(HEADER));
  for (int pass = 0; pass < 2; pass++) {
    cr_assert_eq(read_all(reader, &status, &error), DRAWS);
    cr_assert_eq(status, BOREL_OK);
    cr_assert_eq(borel_log_good_length(reader), s.bytes.size);
    cr_assert_eq(borel_log_good_draws(reader), DRAWS);
    cr_assert_eq(borel_log_layout_count(reader), 2);
    cr_assert_str_eq(borel_log_layout_text(reader, borel_log_layout_id(reader, 1), &length), "[\"seven\"]");
    cr_assert_eq(length, 9);
    cr_assert_null(borel_log_layout_text(reader, 1, NULL));
    borel_log_rewind(reader);
  }
  borel_log_reader_free(reader);
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, the_bytes_are_those_of_the_documented_format) {
  const char *dir = scratch_make();
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(scratch_path(dir, "log"), "{}", 2, &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 5, "L", 1, &error), BOREL_OK);
  double u = 1.0;
  int64_t z = -2;
  borel_log_record r = {
      .layout = 5, .phase = BOREL_LOG_DRAWS, .iteration = 258, .D = 1, .u = &u, .K = 1, .z = &z};
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_OK);
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
  static const unsigned char expected[] = {
      'B', 'O', 'R', 'E', 'L', 'L',  'O',  'G',  1,    0,    0,    0,                             /* start */
      6,   0,   0,   0,   0,   0,    0,    0,    1,    0,    0,    0,    '{',  '}',               /* header */
      9,   0,   0,   0,   0,   0,    0,    0,    2,    0,    0,    0,    5,    0,    0,   0, 'L', /* layout */
      52,  0,   0,   0,   0,   0,    0,    0,    3,    0,    0,    0,    5,    0,    0,   0, 1,
      0,   0,   0,   2,   1,   0,    0,    0,    0,    0,    0, /* draw */
      1,   0,   0,   0,   1,   0,    0,    0,    0,    0,    0,    0,    0,    0,    0,   0, 0,
      0,   0,   0,   0,   0,   0xf0, 0x3f, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  scratch_bytes b = scratch_read(scratch_path(dir, "log"));
  cr_assert_eq(b.size, sizeof expected);
  for (size_t frame = 12; frame < b.size;) { /* the checksums, after checking them */
    uint32_t length = b.data[frame], crc;
    memcpy(&crc, b.data + frame + 4, 4);
    cr_assert_eq(crc, borel_crc32c(b.data + frame + 8, length, borel_crc32c(b.data + frame, 4, 0)));
    memset(b.data + frame + 4, 0, 4);
    frame += 8 + length;
  }
  cr_assert_arr_eq(b.data, expected, sizeof expected);
  free(b.data);
  scratch_remove(dir);
}

Test(store_log, equal_content_gives_equal_bytes_however_it_is_flushed) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "a"));
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(scratch_path(dir, "b"), HEADER, strlen(HEADER), &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 0, "[\"zero\"]", 8, &error), BOREL_OK);
  for (uint64_t i = 0; i < DRAWS; i++) {
    if (i == 2) cr_assert_eq(borel_log_layout(w, 7, "[\"seven\"]", 9, &error), BOREL_OK);
    cr_assert_eq(borel_log_sync(w, &error), BOREL_OK);
    cr_assert_eq(borel_log_committed(w), borel_log_length(w));
    append(w, i);
  }
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
  scratch_bytes b = scratch_read(scratch_path(dir, "b"));
  cr_assert_eq(b.size, s.bytes.size);
  cr_assert_arr_eq(b.data, s.bytes.data, b.size);
  free(b.data);
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, cut_anywhere_it_yields_the_draws_before_the_cut) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "log"));
  for (size_t size = 0; size <= s.bytes.size; size++) {
    unsigned char *copy = scratch_copy(&s.bytes, size);
    borel_error error = {0};
    borel_log_reader *reader;
    borel_status status = borel_log_open_memory(copy, size, "memory", &reader, &error);
    if (size < s.end[0]) {
      cr_assert_eq(status, BOREL_IO);
      cr_assert_null(reader);
    } else {
      int last = 0; /* the last frame that is whole */
      while (last + 1 < FRAMES && s.end[last + 1] <= size) last++;
      cr_assert_eq(read_all(reader, &status, &error), s.draws[last]);
      cr_assert_eq(status, size == s.end[last] ? BOREL_OK : BOREL_IO);
      cr_assert_eq(borel_log_good_draws(reader), s.draws[last]);
      cr_assert_eq(borel_log_good_length(reader), s.end[last]);
      if (status != BOREL_OK) cr_assert_not_null(strstr(error.message, "cut short"), "%s", error.message);
    }
    borel_log_reader_free(reader);
    free(copy);
  }
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, a_changed_byte_is_never_read_as_a_draw) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "log"));
  unsigned char *copy = scratch_copy(&s.bytes, s.bytes.size);
  for (size_t at = 0; at < s.bytes.size; at++) {
    for (unsigned change = 1; change < 256; change++) {
      copy[at] ^= (unsigned char)change;
      borel_error error = {0};
      borel_log_reader *reader;
      borel_status status = borel_log_open_memory(copy, s.bytes.size, "memory", &reader, &error);
      if (at < s.end[0]) {
        cr_assert_eq(status, BOREL_IO);
      } else {
        int last = 0; /* the last frame before the change */
        while (s.end[last + 1] <= at) last++;
        cr_assert_eq(read_all(reader, &status, &error), s.draws[last]);
        cr_assert_eq(status, BOREL_IO);
        cr_assert_eq(borel_log_good_length(reader), s.end[last]);
      }
      borel_log_reader_free(reader);
      copy[at] ^= (unsigned char)change;
    }
  }
  free(copy);
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, a_damaged_tail_is_described_and_stays_the_end) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  sample s = make_sample(path);
  cr_assert_eq(truncate(path, (off_t)s.bytes.size - 1), 0);
  borel_log_reader *reader;
  borel_error error = {0}, again = {0};
  borel_status status;
  cr_assert_eq(borel_log_open(path, &reader, &error), BOREL_OK);
  cr_assert_eq(read_all(reader, &status, &error), DRAWS - 1);
  char expected[700];
  snprintf(
      expected, sizeof expected,
      "'%s': the record at byte %llu is cut short, or its length is damaged; the %d draws before it are good",
      path, (unsigned long long)s.end[FRAMES - 2], DRAWS - 1);
  cr_assert_str_eq(error.message, expected);
  cr_assert_eq(read_all(reader, &status, &again), 0);
  cr_assert_str_eq(again.message, error.message);
  borel_log_reader_free(reader);
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, a_truncated_log_continues_to_the_same_bytes) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  sample s = make_sample(path);
  for (int from = 0; from < FRAMES; from++) {
    unsigned char garbage[33] = {0xff};
    borel_error error = {0};
    scratch_write(path, s.bytes.data, s.bytes.size - (size_t)(from % 2)); /* whole, or cut in its tail */
    if (from == FRAMES - 1) scratch_write(path, s.bytes.data, s.bytes.size);
    int fd = open(path, O_WRONLY | O_APPEND);
    cr_assert_eq(write(fd, garbage, sizeof garbage), (ssize_t)sizeof garbage);
    close(fd);
    borel_log_writer *w;
    cr_assert_eq(borel_log_resume(path, s.end[from], &w, &error), BOREL_OK, "%s", error.message);
    cr_assert_eq(borel_log_length(w), s.end[from]);
    cr_assert_eq(borel_log_committed(w), s.end[from]);
    cr_assert_eq(borel_log_has_layout(w, 0), from >= 1);
    cr_assert_eq(borel_log_has_layout(w, 7), from >= 4);
    if (from < 1) cr_assert_eq(borel_log_layout(w, 0, "[\"zero\"]", 8, &error), BOREL_OK);
    for (uint64_t i = s.draws[from]; i < DRAWS; i++) {
      if (i == 2 && from < 4) cr_assert_eq(borel_log_layout(w, 7, "[\"seven\"]", 9, &error), BOREL_OK);
      append(w, i);
    }
    cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
    scratch_bytes b = scratch_read(path);
    cr_assert_eq(b.size, s.bytes.size);
    cr_assert_arr_eq(b.data, s.bytes.data, b.size);
    free(b.data);
  }
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, a_log_continues_only_at_the_end_of_a_record) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  sample s = make_sample(path);
  borel_log_writer *w;
  borel_error error = {0};
  for (uint64_t length = 0; length <= s.bytes.size + 1; length++) {
    int boundary = 0;
    for (int i = 0; i < FRAMES; i++) boundary |= s.end[i] == length;
    if (boundary) continue;
    cr_assert_neq(borel_log_resume(path, length, &w, &error), BOREL_OK);
    cr_assert_null(w);
  }
  cr_assert_not_null(strstr(error.message, "were committed"), "%s", error.message);
  scratch_bytes b = scratch_read(path);
  cr_assert_eq(b.size, s.bytes.size, "a refused length must not cut the file");
  free(b.data);
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, a_writer_refuses_what_no_reader_would_accept) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  borel_log_writer *w, *second;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(path, HEADER, strlen(HEADER), &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_create(path, HEADER, strlen(HEADER), &second, &error), BOREL_IO, "an existing log");
  cr_assert_null(second);
  borel_log_record r = {.layout = 3};
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_ARG, "undeclared layout");
  cr_assert_eq(borel_log_layout(w, 3, NULL, 0, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 3, NULL, 0, &error), BOREL_ARG, "declared twice");
  r.D = SIZE_MAX;
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_ARG, "too large");
  r.D = r.K = r.V = r.I = BOREL_LOG_FRAME_MAX / 32;
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_ARG, "too large in all");
  r = (borel_log_record){.layout = 3, .phase = (borel_log_phase)2};
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_ARG, "no phase");
  r.phase = BOREL_LOG_DRAWS;
  cr_assert_eq(borel_log_append(w, &r, &error), BOREL_OK, "a draw of nothing is a draw");
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
  borel_log_reader *reader;
  int more;
  cr_assert_eq(borel_log_open(path, &reader, &error), BOREL_OK);
  cr_assert(borel_log_next(reader, &r, &more, &error) == BOREL_OK && more == 1);
  cr_assert(borel_log_next(reader, &r, &more, &error) == BOREL_OK && more == 0);
  borel_log_reader_free(reader);
  scratch_remove(dir);
}

Test(store_log, records_larger_than_the_buffer_are_ordinary) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  enum { D = 100000 };
  double *u = malloc(D * sizeof *u);
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(path, "", 0, &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 0, "", 0, &error), BOREL_OK);
  for (uint64_t i = 0; i < 5; i++) {
    for (size_t k = 0; k < D; k++) u[k] = (double)(i * D + k);
    borel_log_record r = {.phase = BOREL_LOG_DRAWS, .iteration = i, .D = i % 2 ? D : 10, .u = u};
    cr_assert_eq(borel_log_append(w, &r, &error), BOREL_OK);
  }
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
  borel_log_reader *reader;
  borel_log_record r;
  int more;
  cr_assert_eq(borel_log_open(path, &reader, &error), BOREL_OK);
  for (uint64_t i = 0; i < 5; i++) {
    cr_assert_eq(borel_log_next(reader, &r, &more, &error), BOREL_OK, "%s", error.message);
    cr_assert_eq(r.D, i % 2 ? (size_t)D : 10u);
    for (size_t k = 0; k < r.D; k++) cr_assert_eq(r.u[k], (double)(i * D + k));
  }
  borel_log_reader_free(reader);
  free(u);
  scratch_remove(dir);
}

Test(store_log, a_block_holds_the_draws_of_one_phase_and_layout) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "log"));
  borel_log_reader *reader;
  borel_error error = {0};
  borel_log_block b;
  cr_assert_eq(borel_log_open(scratch_path(dir, "log"), &reader, &error), BOREL_OK);
  unsigned parts = BOREL_LOG_LOAD_U | BOREL_LOG_LOAD_Z | BOREL_LOG_LOAD_VALUES | BOREL_LOG_LOAD_INFO;
  cr_assert_eq(borel_log_load(reader, BOREL_LOG_DRAWS, 0, parts, &b, &error), BOREL_OK);
  static const uint64_t expected[] = {3, 4, 6};
  cr_assert(b.draws == 3 && b.D == 2 && b.K == 1 && b.V == 3 && b.I == 2);
  cr_assert_eq(b.tail.code, BOREL_OK);
  for (size_t row = 0; row < 3; row++) {
    borel_log_record r = {.layout = 0,
                          .phase = BOREL_LOG_DRAWS,
                          .iteration = b.iteration[row],
                          .D = 2,
                          .K = 1,
                          .V = 3,
                          .I = 2,
                          .u = b.u + 2 * row,
                          .z = b.z + row,
                          .values = b.values + 3 * row,
                          .info = b.info + 2 * row};
    check_draw(&r, expected[row]);
  }
  borel_log_block_free(&b);
  cr_assert_eq(borel_log_load(reader, BOREL_LOG_WARMUP, 0, BOREL_LOG_LOAD_VALUES, &b, &error), BOREL_OK);
  cr_assert(b.draws == 2 && b.u == NULL && b.info == NULL && b.values[3] == 1.25);
  borel_log_block_free(&b);
  cr_assert_eq(borel_log_load(reader, BOREL_LOG_DRAWS, 99, parts, &b, &error), BOREL_OK);
  cr_assert_eq(b.draws, 0);
  borel_log_block_free(&b);
  borel_log_reader_free(reader);

  scratch_write(scratch_path(dir, "cut"), s.bytes.data, s.bytes.size - 5);
  cr_assert_eq(borel_log_open(scratch_path(dir, "cut"), &reader, &error), BOREL_OK);
  cr_assert_eq(borel_log_load(reader, BOREL_LOG_DRAWS, 0, parts, &b, &error), BOREL_OK);
  cr_assert_eq(b.draws, 2);
  cr_assert_eq(b.tail.code, BOREL_IO);
  cr_assert_not_null(strstr(b.tail.message, "cut short"));
  borel_log_block_free(&b);
  borel_log_reader_free(reader);
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, a_block_of_draws_with_different_counts_is_an_error) {
  const char *dir = scratch_make();
  borel_log_writer *w;
  borel_log_reader *reader;
  borel_log_block b;
  borel_error error = {0};
  double u[2] = {0};
  cr_assert_eq(borel_log_create(scratch_path(dir, "log"), "", 0, &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 0, "", 0, &error), BOREL_OK);
  for (size_t D = 1; D <= 2; D++) {
    borel_log_record r = {.phase = BOREL_LOG_DRAWS, .D = D, .u = u, .iteration = D};
    cr_assert_eq(borel_log_append(w, &r, &error), BOREL_OK);
  }
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK);
  cr_assert_eq(borel_log_open(scratch_path(dir, "log"), &reader, &error), BOREL_OK);
  cr_assert_eq(borel_log_load(reader, BOREL_LOG_DRAWS, 0, 0, &b, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "differ in their counts"));
  cr_assert_null(b.iteration);
  borel_log_reader_free(reader);
  scratch_remove(dir);
}

/* ---- hostile files --------------------------------------------------------------------------- */

/* A log whose checksums are right: the first `keep` bytes of the sample and a frame of `payload`. */
static borel_status read_forged(const sample *s, uint64_t keep, const uint32_t *payload, uint32_t length,
                                borel_error *error) {
  size_t size = (size_t)keep + 8 + length;
  unsigned char *bytes = malloc(size), *frame = bytes + keep;
  memcpy(bytes, s->bytes.data, (size_t)keep);
  memcpy(frame, &length, 4);
  memcpy(frame + 8, payload, length);
  uint32_t crc = borel_crc32c(frame + 8, length, borel_crc32c(frame, 4, 0));
  memcpy(frame + 4, &crc, 4);
  borel_log_reader *reader;
  borel_log_record r;
  int more = 1;
  borel_status status = borel_log_open_memory(bytes, size, "memory", &reader, error);
  while (status == BOREL_OK && more) status = borel_log_next(reader, &r, &more, error);
  borel_log_reader_free(reader);
  free(bytes);
  return status;
}

Test(store_log, a_frame_that_lies_is_refused_though_its_checksum_is_right) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "log"));
  uint32_t max = UINT32_MAX, half = 0x80000000u, wrap = 0x20000000u;
  struct {
    const char *what;
    uint32_t payload[11], length;
  } cases[] = {
      {"unknown type", {9}, 4},
      {"second header", {1}, 4},
      {"layout without id", {2}, 4},
      {"layout twice", {2, 0}, 8},
      {"draw without counts", {3, 0, 1}, 12},
      {"undeclared layout", {3, 5, 1, 0, 0, 0, 0, 0, 0}, 36},
      {"unknown phase", {3, 0, 2, 0, 0, 0, 0, 0, 0}, 36},
      {"too many numbers", {3, 0, 1, 0, 0, 1, 0, 0, 0}, 36},
      {"too few numbers", {3, 0, 1, 0, 0, 0, 0, 0, 0, 7, 7}, 44},
      {"sum that wraps 32 bits", {3, 0, 1, 0, 0, half, half, 1, 0, 7, 7}, 44},
      {"bytes that wrap 32 bits", {3, 0, 1, 0, 0, wrap, 1, 0, 0, 7, 7}, 44},
      {"largest counts", {3, 0, 1, 0, 0, max, max, max, max}, 36},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    borel_error error = {0};
    cr_assert_eq(read_forged(&s, s.bytes.size, cases[i].payload, cases[i].length, &error), BOREL_IO, "%s",
                 cases[i].what);
    cr_assert_not_null(strstr(error.message, "the 7 draws before it are good"), "%s: %s", cases[i].what,
                       error.message);
  }
  uint32_t fine[] = {3, 0, 1, 0, 0, 0, 1, 0, 0, 7, 7}, header[] = {2, 0};
  borel_error error = {0};
  cr_assert_eq(read_forged(&s, s.bytes.size, fine, 44, &error), BOREL_OK, "the forger can forge");
  cr_assert_eq(read_forged(&s, 12, header, 8, &error), BOREL_IO, "a file without a header");
  free(s.bytes.data);
  scratch_remove(dir);
}

/* Under a memory checker the address space cannot be limited. */
static int checked_memory(void) {
#ifdef __SANITIZE_ADDRESS__
  return 1;
#else
  const char *preloaded = getenv("LD_PRELOAD");
  return preloaded && strstr(preloaded, "valgrind");
#endif
}

Test(store_log, a_hostile_length_is_refused_before_memory_is_taken) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  sample s = make_sample(path);
  if (!checked_memory()) { /* what is there, and 64 MiB */
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(statm, "%ld", &pages), 1);
    fclose(statm);
    rlim_t limit = (rlim_t)(pages * sysconf(_SC_PAGESIZE)) + (64u << 20);
    cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit}), 0);
    cr_assert_null(malloc((size_t)1 << 30));
  }
  static const uint32_t lengths[] = {0, 3, 0x3fffffffu, 0x40000000u, 0x40000001u, 0x7fffffffu, 0xffffffffu};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    memcpy(s.bytes.data + s.end[1], &lengths[i], 4);
    scratch_write(path, s.bytes.data, s.bytes.size);
    borel_log_reader *reader;
    borel_error error = {0};
    borel_status status;
    cr_assert_eq(borel_log_open(path, &reader, &error), BOREL_OK);
    cr_assert_eq(read_all(reader, &status, &error), 0);
    cr_assert_eq(status, BOREL_IO, "%s", error.message);
    borel_log_reader_free(reader);
  }
  free(s.bytes.data);
  scratch_remove(dir);
}

Test(store_log, what_is_no_log_is_refused_by_name) {
  const char *dir = scratch_make();
  borel_log_reader *reader;
  borel_error error = {0};
  cr_assert_eq(borel_log_open(scratch_path(dir, "none"), &reader, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "No such file"), "%s", error.message);
  cr_assert_eq(borel_log_open(dir, &reader, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "directory"), "%s", error.message);
  cr_assert_eq(mkfifo(scratch_path(dir, "fifo"), 0600), 0);
  cr_assert_eq(borel_log_open(scratch_path(dir, "fifo"), &reader, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "regular file"), "%s", error.message);
  scratch_write(scratch_path(dir, "text"), "hello, this is text", 19);
  cr_assert_eq(borel_log_open(scratch_path(dir, "text"), &reader, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "not a draw log"), "%s", error.message);
  sample s = make_sample(scratch_path(dir, "log"));
  s.bytes.data[8] = 2;
  cr_assert_eq(borel_log_open_memory(s.bytes.data, s.bytes.size, "new", &reader, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "version 2"), "%s", error.message);
  free(s.bytes.data);
  scratch_remove(dir);
}

/* Any mutation of a valid log, with checksums repaired half of the time, ends in a status. */
Test(store_log, random_damage_never_crashes_a_reader) {
  const char *dir = scratch_make();
  sample s = make_sample(scratch_path(dir, "log"));
  uint64_t state = 1;
  for (int trial = 0; trial < 20000; trial++) {
    size_t size = s.bytes.size;
    unsigned char *copy = scratch_copy(&s.bytes, size);
    int changes = 1 + trial % 4;
    for (int i = 0; i < changes; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      copy[s.end[0] + (state >> 33) % (size - s.end[0])] = (unsigned char)(state >> 25);
    }
    for (size_t at = 12; trial % 2 && at + 8 < size;) {
      uint32_t length;
      memcpy(&length, copy + at, 4);
      if (length > size - at - 8) break;
      uint32_t crc = borel_crc32c(copy + at + 8, length, borel_crc32c(copy + at, 4, 0));
      memcpy(copy + at + 4, &crc, 4);
      at += 8 + (size_t)length;
    }
    borel_log_reader *reader;
    borel_log_block block;
    borel_error error = {0};
    if (borel_log_open_memory(copy, size, "memory", &reader, &error) == BOREL_OK) {
      if (borel_log_load(reader, BOREL_LOG_DRAWS, 0, 15u, &block, &error) == BOREL_OK)
        borel_log_block_free(&block);
      borel_log_reader_free(reader);
    }
    free(copy);
  }
  free(s.bytes.data);
  scratch_remove(dir);
}

/* ---- disks that refuse ----------------------------------------------------------------------- */

/* Appends draws of layout 0 until a write fails; returns how many were accepted. */
static uint64_t fill_up(borel_log_writer *w, borel_error *error) {
  uint64_t i = 0;
  for (; i < 100000; i++) {
    double numbers[7];
    int64_t z[1];
    borel_log_record r = draw(3 * i, numbers, z);
    if (borel_log_append(w, &r, error) != BOREL_OK) break;
  }
  cr_assert_lt(i, 100000, "the disk never filled");
  return i;
}

/* All records in the file are whole, are a prefix of what was appended, and the file ends cleanly. */
static uint64_t check_prefix(const char *path) {
  borel_log_reader *reader;
  borel_log_record r;
  borel_error error = {0};
  int more;
  uint64_t count = 0;
  cr_assert_eq(borel_log_open(path, &reader, &error), BOREL_OK, "%s", error.message);
  for (;; count++) {
    cr_assert_eq(borel_log_next(reader, &r, &more, &error), BOREL_OK, "%s", error.message);
    if (!more) break;
    check_draw(&r, 3 * count);
  }
  borel_log_reader_free(reader);
  return count;
}

Test(store_log, a_file_size_limit_leaves_a_readable_log) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "log");
  signal(SIGXFSZ, SIG_IGN);
  const rlim_t limit = 400001; /* beyond the first buffer, inside a record */
  struct rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, old.rlim_max}), 0);
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(path, HEADER, strlen(HEADER), &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 0, "", 0, &error), BOREL_OK);
  uint64_t accepted = fill_up(w, &error);
  char expected[600];
  snprintf(expected, sizeof expected, "cannot write '%s': File too large", path);
  cr_assert_str_eq(error.message, expected);
  uint64_t kept = check_prefix(path);
  cr_assert(kept > 1000 && kept < accepted);
  setrlimit(RLIMIT_FSIZE, &old);
  cr_assert_eq(borel_log_close(w, &error), BOREL_OK, "once there is room, nothing that was accepted is lost");
  cr_assert_eq(check_prefix(path), accepted);
  scratch_remove(dir);
}

Test(store_log, a_full_disk_leaves_a_readable_log) {
  const char *dir = scratch_make();
  if (!scratch_mount(dir, "size=300k")) {
    scratch_remove(dir);
    cr_skip_test("mounting is not allowed here");
  }
  const char *path = scratch_path(dir, "log");
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(path, HEADER, strlen(HEADER), &w, &error), BOREL_OK);
  cr_assert_eq(borel_log_layout(w, 0, "", 0, &error), BOREL_OK);
  uint64_t accepted = fill_up(w, &error);
  cr_assert_not_null(strstr(error.message, path));
  cr_assert_not_null(strstr(error.message, "No space left on device"), "%s", error.message);
  cr_assert_eq(borel_log_sync(w, &error), BOREL_IO, "nothing is committed on a full disk");
  cr_assert_eq(borel_log_close(w, &error), BOREL_IO);
  uint64_t kept = check_prefix(path);
  cr_assert(kept > 1000 && kept < accepted);
  umount(dir);
  scratch_remove(dir);
}

Test(store_log, a_read_only_place_is_named) {
  const char *dir = scratch_make();
  if (!scratch_mount(dir, "size=300k") || mount("none", dir, "none", MS_REMOUNT | MS_RDONLY, NULL) != 0) {
    scratch_remove(dir);
    cr_skip_test("mounting is not allowed here");
  }
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(scratch_path(dir, "log"), HEADER, strlen(HEADER), &w, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, scratch_path(dir, "log")));
  cr_assert_not_null(strstr(error.message, "Read-only file system"), "%s", error.message);
  umount(dir);
  scratch_remove(dir);
}

Test(store_log, a_directory_without_permission_is_named) {
  if (geteuid() == 0) cr_skip_test("root may write everywhere");
  const char *dir = scratch_make();
  chmod(dir, 0500);
  borel_log_writer *w;
  borel_error error = {0};
  cr_assert_eq(borel_log_create(scratch_path(dir, "log"), HEADER, strlen(HEADER), &w, &error), BOREL_IO);
  cr_assert_not_null(strstr(error.message, "Permission denied"), "%s", error.message);
  chmod(dir, 0700);
  scratch_remove(dir);
}
