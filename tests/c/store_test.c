/* SPDX-License-Identifier: MIT
 * Run directories and their manifests. */
#include "store/manifest.h"
#include "store/rundir.h"
#include "store_scratch.h"

#include <signal.h>
#include <sys/wait.h>

/* ---- the manifest ---------------------------------------------------------------------------- */

Test(store_manifest, a_manifest_is_read_as_it_was_written) {
  const char *dir = scratch_make();
  borel_error e = {0};
  json_t *m = json_pack("{sssisf}", "model", "eight schools", "chains", 4, "delta", 0.1), *read;
  cr_assert_eq(borel_manifest_write(dir, m, &e), BOREL_OK, "%s", e.message);
  cr_assert_null(json_object_get(m, "format"), "the caller's object is as it was");
  cr_assert_eq(borel_manifest_read(dir, &read, &e), BOREL_OK, "%s", e.message);
  cr_assert_eq(json_integer_value(json_object_get(read, "format")), BOREL_MANIFEST_FORMAT);
  json_object_del(read, "format");
  cr_assert(json_equal(m, read));
  scratch_bytes b = scratch_read(scratch_path(dir, "manifest.json"));
  b.data[b.size] = 0;
  cr_assert_str_eq((char *)b.data, "{\n  \"format\": 1,\n  \"model\": \"eight schools\",\n  \"chains\": 4,\n"
                                   "  \"delta\": 0.10000000000000001\n}\n");
  free(b.data);
  cr_assert_eq(borel_manifest_write(dir, m, &e), BOREL_OK, "a manifest may be replaced");
  cr_assert_eq(access(scratch_path(dir, "manifest.json.tmp"), F_OK), -1);
  json_decref(read);
  json_decref(m);
  scratch_remove(dir);
}

Test(store_manifest, each_failure_has_its_own_message) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "manifest.json");
  borel_error e = {0};
  json_t *m;
  cr_assert_eq(borel_manifest_read(dir, &m, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "No such file"), "%s", e.message);
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "line 1, column 0"},
      {"{\"format\": 1,\n  \"a\": nope}", "line 2, column 11"},
      {"{\"format\": 1} x", "malformed"},
      {"{\"format\": 1, \"format\": 1}", "duplicate"},
      {"[1]", "no \"format\""},
      {"{\"model\": 1}", "no \"format\""},
      {"{\"format\": 2}", "format 2; this program reads format 1"},
      {"{\"format\": 1e400}", "malformed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    scratch_write(path, cases[i].text, strlen(cases[i].text));
    cr_assert_eq(borel_manifest_read(dir, &m, &e), BOREL_IO, "%s", cases[i].text);
    cr_assert_null(m);
    cr_assert_not_null(strstr(e.message, cases[i].message), "%s: %s", cases[i].text, e.message);
  }
  cr_assert_eq(truncate(path, (off_t)BOREL_MANIFEST_LIMIT + 1), 0);
  cr_assert_eq(borel_manifest_read(dir, &m, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "at most 16777216"), "%s", e.message);
  m = json_array();
  cr_assert_eq(borel_manifest_write(dir, m, &e), BOREL_ARG);
  json_decref(m);
  scratch_remove(dir);
}

Test(store_manifest, deep_nesting_is_refused) {
  char *text = malloc(2000000);
  memset(text, '[', 2000000);
  json_t *m;
  borel_error e = {0};
  cr_assert_eq(borel_manifest_parse(text, 2000000, "memory", &m, &e), BOREL_IO);
  free(text);
}

/* ---- the directory --------------------------------------------------------------------------- */

static void put_manifest(const char *dir) {
  borel_error e = {0};
  json_t *m = json_object();
  cr_assert_eq(borel_manifest_write(dir, m, &e), BOREL_OK, "%s", e.message);
  json_decref(m);
}

Test(store_rundir, numbered_runs_never_reuse_a_directory) {
  const char *dir = scratch_make();
  const char *runs = scratch_path(dir, "deep/runs");
  borel_rundir *run[4];
  borel_error e = {0};
  static const char *const names[] = {"school-001", "school-002", "school-004", "_a_b-001"};
  cr_assert_eq(borel_rundir_create_next(runs, "school", &run[0], &e), BOREL_OK, "%s", e.message);
  cr_assert_eq(borel_rundir_create_next(runs, "school", &run[1], &e), BOREL_OK);
  mkdir(scratch_path(runs, "school-003"), 0777);
  cr_assert_eq(borel_rundir_create_next(runs, "school", &run[2], &e), BOREL_OK);
  cr_assert_eq(borel_rundir_create_next(runs, ".a/b", &run[3], &e), BOREL_OK);
  for (int i = 0; i < 4; i++) {
    cr_assert_str_eq(borel_rundir_path(run[i]), scratch_path(runs, names[i]));
    borel_rundir_close(run[i]);
  }
  scratch_remove(dir);
}

Test(store_rundir, two_processes_that_number_runs_get_different_ones) {
  const char *dir = scratch_make();
  enum { PROCESSES = 8, EACH = 20 };
  for (int p = 0; p < PROCESSES; p++) {
    if (fork() != 0) continue;
    borel_error e = {0};
    for (int i = 0; i < EACH; i++) {
      borel_rundir *run;
      if (borel_rundir_create_next(dir, "m", &run, &e) != BOREL_OK) _exit(1);
      char *mine = borel_rundir_file(run, "mine");
      if (open(mine, O_CREAT | O_EXCL | O_WRONLY, 0666) < 0) _exit(2);
      free(mine);
      borel_rundir_close(run);
    }
    _exit(0);
  }
  for (int p = 0, status; p < PROCESSES; p++) {
    wait(&status);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  cr_assert_eq(access(scratch_path(dir, "m-160"), F_OK), 0);
  cr_assert_eq(access(scratch_path(dir, "m-161"), F_OK), -1);
  scratch_remove(dir);
}

Test(store_rundir, only_an_empty_place_becomes_a_run_unless_told) {
  const char *dir = scratch_make();
  const char *path = scratch_path(dir, "run"), *note = scratch_path(dir, "run/note.txt");
  borel_rundir *run;
  borel_error e = {0};
  mkdir(path, 0777);
  cr_assert_eq(borel_rundir_create(path, 0, &run, &e), BOREL_OK, "an empty directory will do: %s", e.message);
  borel_rundir_close(run);
  cr_assert_eq(borel_rundir_create(path, 0, &run, &e), BOREL_OK, "so will one where a run was given up");
  borel_rundir_close(run);
  unlink(scratch_path(path, "run.lock"));

  scratch_write(note, "mine", 4);
  cr_assert_eq(borel_rundir_create(path, BOREL_RUNDIR_REPLACE, &run, &e), BOREL_ARG);
  cr_assert_not_null(strstr(e.message, "not of a run"), "%s", e.message);
  cr_assert_eq(access(scratch_path(path, "run.lock"), F_OK), -1,
               "nothing is put into a stranger's directory");
  cr_assert_eq(borel_rundir_create(path, BOREL_RUNDIR_FOREIGN, &run, &e), BOREL_OK, "%s", e.message);
  put_manifest(path);
  char *log = borel_rundir_chain_file(run, 12, "log"), *summary = borel_rundir_file(run, "chain-x.log");
  cr_assert_str_eq(log, scratch_path(path, "chain-12.log"));
  scratch_write(log, "x", 1);
  scratch_write(summary, "x", 1);
  borel_rundir_close(run);

  cr_assert_eq(borel_rundir_create(path, BOREL_RUNDIR_FOREIGN, &run, &e), BOREL_ARG);
  cr_assert_not_null(strstr(e.message, "already holds a run"), "%s", e.message);
  cr_assert_eq(borel_rundir_create(path, BOREL_RUNDIR_REPLACE | BOREL_RUNDIR_FOREIGN, &run, &e), BOREL_OK,
               "%s", e.message);
  cr_assert_eq(access(log, F_OK), -1, "the old run is gone");
  cr_assert_eq(access(scratch_path(path, "manifest.json"), F_OK), -1);
  cr_assert_eq(access(summary, F_OK), 0, "what is not of a run stays");
  cr_assert_eq(access(scratch_path(path, "note.txt"), F_OK), 0);
  borel_rundir_close(run);
  free(log);
  free(summary);
  scratch_write(scratch_path(dir, "file"), "", 0);
  cr_assert_eq(borel_rundir_create(scratch_path(dir, "file"), 0, &run, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "not a directory"), "%s", e.message);
  cr_assert_eq(borel_rundir_create("", 0, &run, &e), BOREL_ARG);
  scratch_remove(dir);
}

Test(store_rundir, only_a_run_is_opened) {
  const char *dir = scratch_make();
  borel_rundir *run;
  borel_error e = {0};
  cr_assert_eq(borel_rundir_open(scratch_path(dir, "none"), 0, &run, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "No such file"), "%s", e.message);
  cr_assert_eq(borel_rundir_open(dir, 0, &run, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "not a run directory"), "%s", e.message);
  scratch_write(scratch_path(dir, "file"), "", 0);
  cr_assert_eq(borel_rundir_open(scratch_path(dir, "file"), 1, &run, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "not a run directory"), "%s", e.message);
  cr_assert_null(run);
  put_manifest(dir);
  cr_assert_eq(borel_rundir_open(dir, 0, &run, &e), BOREL_OK);
  cr_assert_eq(access(scratch_path(dir, "run.lock"), F_OK), -1, "a reader leaves no trace");
  borel_rundir_close(run);
  scratch_remove(dir);
}

Test(store_rundir, one_process_writes_a_run_and_the_other_is_told_which) {
  const char *dir = scratch_make();
  borel_rundir *run, *reader;
  borel_error e = {0};
  put_manifest(dir);
  int ready[2];
  cr_assert_eq(pipe(ready), 0);
  pid_t pid = fork();
  if (pid == 0) {
    char c = borel_rundir_open(dir, 1, &run, &e) == BOREL_OK ? 'y' : 'n';
    if (write(ready[1], &c, 1) == 1) pause();
    _exit(0);
  }
  char answer;
  cr_assert(read(ready[0], &answer, 1) == 1 && answer == 'y');
  char expected[600];
  snprintf(expected, sizeof expected, "process %ld is writing the run '%s'", (long)pid, dir);
  cr_assert_eq(borel_rundir_open(dir, 1, &run, &e), BOREL_IO);
  cr_assert_str_eq(e.message, expected);
  cr_assert_eq(borel_rundir_create(dir, BOREL_RUNDIR_REPLACE, &run, &e), BOREL_IO, "nor can it be replaced");
  cr_assert_str_eq(e.message, expected);
  cr_assert_eq(borel_rundir_open(dir, 0, &reader, &e), BOREL_OK, "reading is free");
  borel_rundir_close(reader);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  cr_assert_eq(borel_rundir_open(dir, 1, &run, &e), BOREL_OK, "the lock of a killed process is gone: %s",
               e.message);
  borel_rundir_close(run);
  scratch_bytes lock = scratch_read(scratch_path(dir, "run.lock"));
  cr_assert_eq(lock.size, 0, "a finished run names no process");
  free(lock.data);
  scratch_remove(dir);
}

Test(store_rundir, a_read_only_run_can_be_read_but_not_written) {
  const char *dir = scratch_make();
  if (!scratch_mount(dir, "size=300k")) {
    scratch_remove(dir);
    cr_skip_test("mounting is not allowed here");
  }
  put_manifest(dir);
  cr_assert_eq(mount("none", dir, "none", MS_REMOUNT | MS_RDONLY, NULL), 0);
  borel_rundir *run;
  borel_error e = {0};
  cr_assert_eq(borel_rundir_open(dir, 0, &run, &e), BOREL_OK);
  borel_rundir_close(run);
  cr_assert_eq(borel_rundir_open(dir, 1, &run, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "Read-only file system"), "%s", e.message);
  cr_assert_eq(borel_rundir_create(scratch_path(dir, "new"), 0, &run, &e), BOREL_IO);
  cr_assert_not_null(strstr(e.message, "Read-only file system"), "%s", e.message);
  umount(dir);
  scratch_remove(dir);
}
