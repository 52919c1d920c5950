/* SPDX-License-Identifier: MIT
 * Checkpoints: exact, named, refused when damaged, and never the last one lost. */
#include "core/hash.h"
#include "store/checkpoint.h"
#include "store/log.h"
#include "store_scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const borel_shape scalar = {0}, vector3 = {1, {3}}, matrix23 = {2, {2, 3}}, empty = {2, {0, 5}};

static const double mass[6] = {1, -0.0, 0.1, 1e300, 5e-324, 7};
static const int64_t counts[3] = {INT64_MIN, 0, INT64_MAX};
static const float small[3] = {0.5f, 1.5f, 2.5f};
static const unsigned char flags[3] = {1, 0, 1};

static void fill(borel_checkpoint *c, uint64_t iteration) {
  borel_error e = {0};
  cr_assert_eq(borel_checkpoint_add_array(c, "inverse_mass", BOREL_F64, &matrix23, mass, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_array(c, "z", BOREL_I64, &vector3, counts, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_array(c, "w", BOREL_F32, &vector3, small, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_array(c, "on", BOREL_BOOL, &vector3, flags, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_array(c, "none", BOREL_F64, &empty, NULL, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_u64(c, "iteration", iteration, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_real(c, "step_size", 0.3, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_text(c, "phase", "warm-up", &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_text(c, "note", "", &e), BOREL_OK);
}

static void commit(const char *path, uint64_t iteration) {
  borel_checkpoint *c;
  borel_error e = {0};
  cr_assert_eq(borel_checkpoint_begin(&c, &e), BOREL_OK);
  fill(c, iteration);
  cr_assert_eq(borel_checkpoint_commit(c, path, 10 * iteration, &e), BOREL_OK, "%s", e.message);
  borel_checkpoint_free(c);
}

/* The iteration of the checkpoint that is loaded; 0 when there is none. */
static uint64_t loaded(const char *path, char refused[2048]) {
  borel_checkpoint_reader *r;
  borel_error e = {0};
  uint64_t iteration = 0;
  if (borel_checkpoint_load(path, &r, &e) != BOREL_OK) {
    snprintf(refused, 2048, "%s", e.message);
    return 0;
  }
  cr_assert_eq(borel_checkpoint_get_u64(r, "iteration", &iteration, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_log_length(r), 10 * iteration);
  snprintf(refused, 2048, "%s", borel_checkpoint_refused(r));
  borel_checkpoint_reader_free(r);
  return iteration;
}

Test(store_checkpoint, what_is_saved_is_loaded_bit_for_bit) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "chain-1.ckpt");
  commit(path, 100);
  borel_checkpoint_reader *r;
  borel_error e = {0};
  const void *data;
  cr_assert_eq(borel_checkpoint_load(path, &r, &e), BOREL_OK, "%s", e.message);
  cr_assert_str_eq(borel_checkpoint_source(r), path);
  cr_assert_str_empty(borel_checkpoint_refused(r));
  cr_assert_eq(borel_checkpoint_log_length(r), 1000);
  cr_assert_eq(borel_checkpoint_get_array(r, "inverse_mass", BOREL_F64, &matrix23, &data, &e), BOREL_OK);
  cr_assert_eq((uintptr_t)data % 8, 0);
  cr_assert_eq(memcmp(data, mass, sizeof mass), 0);
  cr_assert_eq(borel_checkpoint_get_array(r, "z", BOREL_I64, &vector3, &data, &e), BOREL_OK);
  cr_assert_eq(memcmp(data, counts, sizeof counts), 0);
  cr_assert_eq(borel_checkpoint_get_array(r, "w", BOREL_F32, &vector3, &data, &e), BOREL_OK);
  cr_assert_eq(memcmp(data, small, sizeof small), 0);
  cr_assert_eq(borel_checkpoint_get_array(r, "on", BOREL_BOOL, &vector3, &data, &e), BOREL_OK);
  cr_assert_eq(memcmp(data, flags, sizeof flags), 0);
  cr_assert_eq(borel_checkpoint_get_array(r, "none", BOREL_F64, &empty, &data, &e), BOREL_OK);
  uint64_t iteration;
  double step;
  const char *text;
  cr_assert_eq(borel_checkpoint_get_u64(r, "iteration", &iteration, &e), BOREL_OK);
  cr_assert_eq(iteration, 100);
  cr_assert_eq(borel_checkpoint_get_real(r, "step_size", &step, &e), BOREL_OK);
  cr_assert_eq(step, 0.3);
  cr_assert_eq(borel_checkpoint_get_text(r, "phase", &text, &e), BOREL_OK);
  cr_assert_str_eq(text, "warm-up");
  cr_assert_eq(borel_checkpoint_get_text(r, "note", &text, &e), BOREL_OK);
  cr_assert_str_empty(text);
  cr_assert_eq(borel_checkpoint_count(r), 9);
  cr_assert_str_eq(borel_checkpoint_at(r, 7)->name, "phase");
  cr_assert_eq(borel_checkpoint_at(r, 7)->kind, BOREL_ENTRY_TEXT);
  borel_checkpoint_reader_free(r);
  scratch_remove(dir);
}

Test(store_checkpoint, what_does_not_fit_is_refused_by_name) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c");
  commit(path, 1);
  borel_checkpoint_reader *r;
  borel_error e = {0};
  const void *data;
  uint64_t value;
  cr_assert_eq(borel_checkpoint_load(path, &r, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_get_array(r, "mass", BOREL_F64, &vector3, &data, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "has no 'mass'"), "%s", e.message);
  cr_assert_eq(borel_checkpoint_get_array(r, "inverse_mass", BOREL_F64, &vector3, &data, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "'inverse_mass' is f64 [2, 3] where this run needs f64 [3]"), "%s",
                     e.message);
  cr_assert_eq(borel_checkpoint_get_array(r, "z", BOREL_F64, &vector3, &data, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "'z' is i64 [3] where this run needs f64 [3]"), "%s", e.message);
  cr_assert_eq(borel_checkpoint_get_u64(r, "step_size", &value, &e), BOREL_IO);
  cr_assert_eq(borel_checkpoint_get_array(r, "iteration", BOREL_F64, &scalar, &data, &e), BOREL_IO);
  borel_checkpoint_reader_free(r);
  scratch_remove(dir);
}

Test(store_checkpoint, a_builder_refuses_ambiguous_entries) {
  borel_checkpoint *c;
  borel_error e = {0};
  cr_assert_eq(borel_checkpoint_begin(&c, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_u64(c, "a", 1, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_real(c, "a", 1, &e), BOREL_ARG);
  cr_assert_eq(borel_checkpoint_add_real(c, "", 1, &e), BOREL_ARG);
  borel_shape negative = {1, {-1}}, huge = {2, {INT64_MAX, INT64_MAX}}, deep = {5, {1}};
  cr_assert_eq(borel_checkpoint_add_array(c, "n", BOREL_F64, &negative, NULL, &e), BOREL_ARG);
  cr_assert_eq(borel_checkpoint_add_array(c, "h", BOREL_F64, &huge, NULL, &e), BOREL_ARG);
  cr_assert_eq(borel_checkpoint_add_array(c, "d", BOREL_F64, &deep, NULL, &e), BOREL_ARG);
  borel_checkpoint_clear(c);
  cr_assert_eq(borel_checkpoint_add_u64(c, "a", 1, &e), BOREL_OK);
  borel_checkpoint_free(c);
}

Test(store_checkpoint, large_arrays_cross_the_chunks) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c");
  borel_shape shape = {1, {100003}};
  unsigned char *bytes = malloc(100003);
  double *numbers = malloc(100003 * sizeof *numbers);
  for (int i = 0; i < 100003; i++) bytes[i] = (unsigned char)(i % 251), numbers[i] = 1.0 / (i + 1);
  borel_checkpoint *c;
  borel_checkpoint_reader *r;
  borel_error e = {0};
  const void *data;
  cr_assert_eq(borel_checkpoint_begin(&c, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_array(c, "bytes", BOREL_BOOL, &shape, bytes, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_add_array(c, "numbers", BOREL_F64, &shape, numbers, &e), BOREL_OK);
  cr_assert_eq(borel_checkpoint_commit(c, path, 0, &e), BOREL_OK, "%s", e.message);
  cr_assert_eq(borel_checkpoint_load(path, &r, &e), BOREL_OK, "%s", e.message);
  cr_assert_eq(borel_checkpoint_get_array(r, "bytes", BOREL_BOOL, &shape, &data, &e), BOREL_OK);
  cr_assert_eq(memcmp(data, bytes, 100003), 0);
  cr_assert_eq(borel_checkpoint_get_array(r, "numbers", BOREL_F64, &shape, &data, &e), BOREL_OK);
  cr_assert_eq(memcmp(data, numbers, 100003 * sizeof *numbers), 0);
  borel_checkpoint_reader_free(r);
  borel_checkpoint_free(c);
  free(bytes);
  free(numbers);
  scratch_remove(dir);
}

Test(store_checkpoint, the_newest_whole_one_is_loaded) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c"), *previous = scratch_path(dir, "c.prev");
  char refused[2048];
  cr_assert_eq(borel_checkpoint_exists(path), 0);
  cr_assert_eq(loaded(path, refused), 0);
  cr_assert_not_null(strstr(refused, "no whole checkpoint"), "%s", refused);
  for (uint64_t i = 1; i <= 3; i++) {
    commit(path, i);
    cr_assert_eq(loaded(path, refused), i);
    cr_assert_eq(access(previous, F_OK) == 0, i > 1);
  }
  cr_assert_eq(loaded(previous, refused), 2);

  scratch_bytes newest = scratch_read(path);
  newest.data[newest.size / 2] ^= 4;
  scratch_write(path, newest.data, newest.size);
  cr_assert_eq(loaded(path, refused), 2);
  cr_assert_not_null(strstr(refused, "wrong checksum"), "%s", refused);

  cr_assert_eq(unlink(path), 0); /* between the two renames of a commit */
  cr_assert_eq(borel_checkpoint_exists(path), 1);
  cr_assert_eq(loaded(path, refused), 2);
  cr_assert_not_null(strstr(refused, "No such file"), "%s", refused);

  commit(path, 3); /* likewise, with a damaged .prev: what is on its way in is whole */
  cr_assert_eq(rename(path, scratch_path(dir, "c.tmp")), 0);
  scratch_write(previous, newest.data, newest.size);
  cr_assert_eq(loaded(path, refused), 3);

  scratch_write(scratch_path(dir, "c.tmp"), newest.data, 40);
  cr_assert_eq(loaded(path, refused), 0);
  cr_assert_not_null(strstr(refused, "No such file"), "%s", refused);
  cr_assert_not_null(strstr(refused, "wrong checksum"), "%s", refused);
  cr_assert_not_null(strstr(refused, "cut short"), "%s", refused);
  free(newest.data);
  scratch_remove(dir);
}

Test(store_checkpoint, a_damaged_newest_never_replaces_the_good_one) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c");
  char refused[2048];
  commit(path, 1);
  commit(path, 2);
  scratch_write(path, "broken", 6);
  cr_assert_eq(loaded(path, refused), 1);
  commit(path, 3);
  cr_assert_eq(loaded(path, refused), 3);
  scratch_remove(dir);
}

Test(store_checkpoint, no_truncation_and_no_changed_byte_is_accepted) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c");
  commit(path, 1);
  scratch_bytes b = scratch_read(path);
  borel_checkpoint_reader *r;
  borel_error e = {0};
  for (size_t size = 0; size < b.size; size++) {
    unsigned char *copy = scratch_copy(&b, size);
    cr_assert_eq(borel_checkpoint_parse(copy, size, "memory", &r, &e), BOREL_IO);
    cr_assert_null(r);
    free(copy);
  }
  for (size_t at = 0; at < b.size; at++)
    for (unsigned change = 1; change < 256; change++) {
      b.data[at] ^= (unsigned char)change;
      cr_assert_eq(borel_checkpoint_parse(b.data, b.size, "memory", &r, &e), BOREL_IO);
      b.data[at] ^= (unsigned char)change;
    }
  cr_assert_eq(borel_checkpoint_parse(b.data, b.size, "memory", &r, &e), BOREL_OK);
  borel_checkpoint_reader_free(r);
  free(b.data);
  scratch_remove(dir);
}

/* With a repaired checksum the parser itself must stand: it either refuses, or all it gives is readable. */
Test(store_checkpoint, random_damage_never_crashes_a_reader) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c");
  commit(path, 1);
  scratch_bytes b = scratch_read(path);
  uint64_t state = 1, accepted = 0, sum = 0;
  for (int trial = 0; trial < 50000; trial++) {
    unsigned char *copy = scratch_copy(&b, b.size);
    for (int i = 0; i <= trial % 3; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      copy[(state >> 33) % b.size] = (unsigned char)(state >> 25 & (trial % 2 ? 0xff : 0x0f));
    }
    uint32_t crc = borel_crc32c(copy, b.size - 4, 0);
    memcpy(copy + b.size - 4, &crc, 4);
    borel_checkpoint_reader *r;
    borel_error e = {0};
    if (borel_checkpoint_parse(copy, b.size, "memory", &r, &e) == BOREL_OK) {
      accepted++;
      for (size_t i = 0; i < borel_checkpoint_count(r); i++) {
        const borel_checkpoint_entry *entry = borel_checkpoint_at(r, i);
        const unsigned char *data = entry->data;
        size_t element = entry->kind == BOREL_ENTRY_U64    ? 8
                         : entry->kind == BOREL_ENTRY_TEXT ? 1
                                                           : borel_dtype_size(entry->dtype);
        size_t size = (size_t)borel_shape_size(&entry->shape) * element;
        for (size_t k = 0; k < size; k++) sum += data[k];
        sum += strlen(entry->name);
      }
      borel_checkpoint_reader_free(r);
    }
    free(copy);
  }
  cr_assert(accepted > 0 && sum > 0, "some damage hits only numbers");
  free(b.data);
  scratch_remove(dir);
}

Test(store_checkpoint, a_failed_commit_keeps_what_was_there) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "c");
  char refused[2048];
  commit(path, 1);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  borel_checkpoint *c;
  borel_error e = {0};
  cr_assert_eq(borel_checkpoint_begin(&c, &e), BOREL_OK);
  fill(c, 2);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, old.rlim_max}), 0);
  cr_assert_eq(borel_checkpoint_commit(c, path, 20, &e), BOREL_IO);
  setrlimit(RLIMIT_FSIZE, &old);
  cr_assert_not_null(strstr(e.message, "c.tmp': File too large"), "%s", e.message);
  cr_assert_eq(access(scratch_path(dir, "c.tmp"), F_OK), -1, "the torn file is removed");
  cr_assert_eq(loaded(path, refused), 1);
  cr_assert_eq(borel_checkpoint_commit(c, path, 20, &e), BOREL_OK);
  cr_assert_eq(loaded(path, refused), 2);
  borel_checkpoint_free(c);
  scratch_remove(dir);
}

/* ---- log and checkpoint together: a chain that is killed at any moment ----------------------- */

enum { TOTAL = 3000, EVERY = 20 };

/* A chain whose state is one number; continues from the checkpoint when there is one. */
static void chain(const char *dir) {
  const char *log = scratch_path(dir, "chain-1.log"), *path = scratch_path(dir, "chain-1.ckpt");
  borel_error e = {0};
  borel_log_writer *w;
  borel_checkpoint *c;
  double x = 0.5;
  uint64_t start = 0;
  int ok = 1;
  if (borel_checkpoint_exists(path)) {
    borel_checkpoint_reader *r;
    ok &= borel_checkpoint_load(path, &r, &e) == BOREL_OK;
    ok = ok && borel_checkpoint_get_u64(r, "next", &start, &e) == BOREL_OK &&
         borel_checkpoint_get_real(r, "x", &x, &e) == BOREL_OK &&
         borel_log_resume(log, borel_checkpoint_log_length(r), &w, &e) == BOREL_OK;
    if (ok) borel_checkpoint_reader_free(r);
  } else {
    unlink(log);
    ok &=
        borel_log_create(log, "{}", 2, &w, &e) == BOREL_OK && borel_log_layout(w, 0, "x", 1, &e) == BOREL_OK;
  }
  ok = ok && borel_checkpoint_begin(&c, &e) == BOREL_OK;
  for (uint64_t i = start; ok && i < TOTAL; i++) {
    x = 3.9 * x * (1 - x);
    borel_log_record r = {.phase = BOREL_LOG_DRAWS, .iteration = i, .D = 1, .u = &x};
    ok &= borel_log_append(w, &r, &e) == BOREL_OK;
    if (i % 7 == 0) ok &= borel_log_flush(w, &e) == BOREL_OK;
    if ((i + 1) % EVERY) continue;
    borel_checkpoint_clear(c);
    ok = ok && borel_log_sync(w, &e) == BOREL_OK &&
         borel_checkpoint_add_u64(c, "next", i + 1, &e) == BOREL_OK &&
         borel_checkpoint_add_real(c, "x", x, &e) == BOREL_OK &&
         borel_checkpoint_commit(c, path, borel_log_committed(w), &e) == BOREL_OK;
  }
  if (ok) {
    ok = borel_log_close(w, &e) == BOREL_OK;
    borel_checkpoint_free(c);
  }
  if (!ok) fprintf(stderr, "%s\n", e.message);
  _exit(ok ? 0 : 1);
}

/* Runs the chain in a child and kills it after `delay` microseconds, unless that is 0. 1 when it ended. */
static int run_chain(const char *dir, useconds_t delay) {
  pid_t pid = fork();
  if (pid == 0) chain(dir);
  if (delay) {
    usleep(delay);
    kill(pid, SIGKILL);
  }
  int status;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status)) cr_assert_eq(WEXITSTATUS(status), 0, "an interrupted chain could not continue");
  return WIFEXITED(status);
}

Test(store_checkpoint, a_killed_chain_continues_to_the_same_bytes, .timeout = 120) {
  const char *dir = scratch_make();
  const char *whole = scratch_path(dir, "whole"), *killed = scratch_path(dir, "killed");
  mkdir(whole, 0777);
  mkdir(killed, 0777);
  cr_assert(run_chain(whole, 0));
  int kills = 0;
  uint64_t state = 12345;
  for (; kills < 60; kills++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    if (run_chain(killed, (useconds_t)(200 + (state >> 40) % 12000))) break;
  }
  cr_assert_gt(kills, 0);
  cr_assert(run_chain(killed, 0));
  scratch_bytes a = scratch_read(scratch_path(whole, "chain-1.log"));
  scratch_bytes b = scratch_read(scratch_path(killed, "chain-1.log"));
  cr_assert_eq(a.size, b.size);
  cr_assert_eq(memcmp(a.data, b.data, a.size), 0);
  free(a.data);
  free(b.data);
  a = scratch_read(scratch_path(whole, "chain-1.ckpt"));
  b = scratch_read(scratch_path(killed, "chain-1.ckpt"));
  cr_assert(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
  free(a.data);
  free(b.data);
  scratch_remove(dir);
}
