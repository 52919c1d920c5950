/* SPDX-License-Identifier: MIT */
#include "store/rundir.h"

#include "core/error.h"
#include "store/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "run.lock"

struct borel_rundir {
  char *path;
  int lock;     /* descriptor, -1 when only reading */
  pid_t writer; /* who took the lock: a child that inherited it must not clear its text */
};

static borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for a run directory");
}

static borel_rundir *make(const char *path) {
  borel_rundir *run = calloc(1, sizeof *run);
  if (!run) return NULL;
  *run = (borel_rundir){.path = strdup(path), .lock = -1};
  if (run->path) return run;
  free(run);
  return NULL;
}

void borel_rundir_close(borel_rundir *run) {
  if (!run) return;
  if (run->lock >= 0) {
    /* Equal runs leave equal directories: no process id stays behind. */
    if (run->writer == getpid() && ftruncate(run->lock, 0) != 0) errno = 0;
    close(run->lock);
  }
  free(run->path);
  free(run);
}

const char *borel_rundir_path(const borel_rundir *run) { return run->path; }

char *borel_rundir_file(const borel_rundir *run, const char *name) {
  char *file;
  return asprintf(&file, "%s/%s", run->path, name) < 0 ? NULL : file;
}

char *borel_rundir_chain_file(const borel_rundir *run, unsigned chain, const char *suffix) {
  char *file;
  return asprintf(&file, "%s/chain-%u.%s", run->path, chain, suffix) < 0 ? NULL : file;
}

/* ---- what a directory holds ------------------------------------------------------------------ */

typedef enum { NAME_LOCK, NAME_MANIFEST, NAME_CHAIN, NAME_OTHER } name_kind;

static name_kind classify(const char *name) {
  if (strcmp(name, LOCK_NAME) == 0) return NAME_LOCK;
  if (strcmp(name, "manifest.json") == 0) return NAME_MANIFEST;
  if (strcmp(name, "manifest.json.tmp") == 0) return NAME_CHAIN;
  static const char *const suffixes[] = {".log", ".ckpt", ".ckpt.prev", ".ckpt.tmp"};
  if (strncmp(name, "chain-", 6) != 0) return NAME_OTHER;
  size_t digits = strspn(name + 6, "0123456789");
  for (size_t i = 0; digits && i < sizeof suffixes / sizeof *suffixes; i++)
    if (strcmp(name + 6 + digits, suffixes[i]) == 0) return NAME_CHAIN;
  return NAME_OTHER;
}

typedef struct {
  int manifest, others; /* others: all but the lock and the manifest */
} contents;

/* Calls `visit` (may be NULL) for each name; counts what is there. */
static borel_status survey(const char *path, contents *found, int (*visit)(int directory, const char *name),
                           borel_error *error) {
  *found = (contents){0};
  DIR *directory = opendir(path);
  if (!directory) return borel_file_fail(error, "list directory", path, errno);
  borel_status status = BOREL_OK;
  for (const struct dirent *entry; status == BOREL_OK && (errno = 0, entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    name_kind kind = classify(entry->d_name);
    found->manifest |= kind == NAME_MANIFEST;
    found->others |= kind == NAME_CHAIN || kind == NAME_OTHER;
    if (visit && visit(dirfd(directory), entry->d_name) != 0)
      status = borel_file_fail(error, "remove", entry->d_name, errno);
  }
  closedir(directory);
  return status;
}

static int remove_run_file(int directory, const char *name) {
  name_kind kind = classify(name);
  return kind == NAME_MANIFEST || kind == NAME_CHAIN ? unlinkat(directory, name, 0) : 0;
}

/* May a new run be written among what was found? */
static borel_status permit(const char *path, const contents *found, unsigned flags, borel_error *error) {
  if (found->manifest && !(flags & BOREL_RUNDIR_REPLACE))
    return borel_fail(error, BOREL_ARG, "'%.700s' already holds a run: resume it or choose another directory",
                      path);
  if (!found->manifest && found->others && !(flags & BOREL_RUNDIR_FOREIGN))
    return borel_fail(error, BOREL_ARG,
                      "'%.700s' holds files that are not of a run: choose an empty directory", path);
  return BOREL_OK;
}

/* ---- the lock -------------------------------------------------------------------------------- */

static borel_status report_holder(const borel_rundir *run, borel_error *error) {
  char text[32] = "";
  ssize_t got = pread(run->lock, text, sizeof text - 1, 0);
  long pid = got > 0 ? strtol(text, NULL, 10) : 0;
  if (pid > 0) return borel_fail(error, BOREL_IO, "process %ld is writing the run '%.700s'", pid, run->path);
  return borel_fail(error, BOREL_IO, "another process is writing the run '%.700s'", run->path);
}

static borel_status lock(borel_rundir *run, borel_error *error) {
  char *file = borel_rundir_file(run, LOCK_NAME);
  if (!file) return no_memory(error);
  borel_status status = BOREL_OK;
  run->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (run->lock < 0)
    status = borel_file_fail(error, "open the lock", file, errno);
  else if (flock(run->lock, LOCK_EX | LOCK_NB) != 0)
    status = errno == EWOULDBLOCK ? report_holder(run, error) : borel_file_fail(error, "lock", file, errno);
  free(file);
  if (status != BOREL_OK) return status;
  char text[32];
  int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  /* The id is only there to be told to people: a full disk must not end a run here. */
  if (ftruncate(run->lock, 0) != 0 || pwrite(run->lock, text, (size_t)length, 0) != length) errno = 0;
  run->writer = getpid();
  return BOREL_OK;
}

/* ---- making and opening ---------------------------------------------------------------------- */

static borel_status make_directory(const char *path, borel_error *error) {
  if (mkdir(path, 0777) == 0) return BOREL_OK;
  int cause = errno;
  struct stat status;
  if (cause == EEXIST && stat(path, &status) == 0) {
    if (S_ISDIR(status.st_mode)) return BOREL_OK;
    return borel_fail(error, BOREL_IO, "'%.700s' exists and is not a directory", path);
  }
  return borel_file_fail(error, "make directory", path, cause);
}

/* `path` and those of its parents that are missing. */
static borel_status make_directories(const char *path, borel_error *error) {
  if (!*path) return borel_fail(error, BOREL_ARG, "a run directory has an empty name");
  char *part = strdup(path);
  if (!part) return no_memory(error);
  borel_status status = BOREL_OK;
  for (char *at = part + 1; status == BOREL_OK && *at; at++) {
    if (*at != '/' || at[-1] == '/') continue;
    *at = 0;
    status = make_directory(part, error);
    *at = '/';
  }
  if (status == BOREL_OK) status = make_directory(part, error);
  free(part);
  return status;
}

/* Takes a directory that exists. Contents are judged before the lock, so that nothing is put into a
 * stranger's directory, and after it, because another process may have just finished a run there. */
static borel_status occupy(const char *path, unsigned flags, borel_rundir **out, borel_error *error) {
  contents found;
  borel_status status = survey(path, &found, NULL, error);
  if (status == BOREL_OK) status = permit(path, &found, flags, error);
  if (status != BOREL_OK) return status;
  borel_rundir *run = make(path);
  if (!run) return no_memory(error);
  status = lock(run, error);
  if (status == BOREL_OK) status = survey(path, &found, NULL, error);
  if (status == BOREL_OK) status = permit(path, &found, flags, error);
  if (status == BOREL_OK && flags & BOREL_RUNDIR_REPLACE && found.manifest)
    status = survey(path, &found, remove_run_file, error);
  if (status == BOREL_OK) status = borel_file_sync_parent(path, error);
  if (status == BOREL_OK)
    *out = run;
  else
    borel_rundir_close(run);
  return status;
}

borel_status borel_rundir_create(const char *path, unsigned flags, borel_rundir **out, borel_error *error) {
  *out = NULL;
  borel_status status = make_directories(path, error);
  return status == BOREL_OK ? occupy(path, flags, out, error) : status;
}

static void clean_name(char *name) {
  static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (*name == '.') *name = '_'; /* not hidden */
  for (char *bad = name; *(bad += strspn(bad, fine));) *bad = '_';
}

borel_status borel_rundir_create_next(const char *parent, const char *name, borel_rundir **out,
                                      borel_error *error) {
  *out = NULL;
  borel_status status = make_directories(parent, error);
  if (status != BOREL_OK) return status;
  char *clean = strndup(*name ? name : "model", 100), *path = NULL;
  if (!clean) return no_memory(error);
  clean_name(clean);
  for (unsigned number = 1;; number++) {
    free(path);
    if (asprintf(&path, "%s/%s-%03u", parent, clean, number) < 0) {
      path = NULL;
      status = no_memory(error);
      break;
    }
    /* Who makes the directory owns it: an existing one is never used, whatever it holds. */
    if (mkdir(path, 0777) == 0) {
      status = occupy(path, 0, out, error);
      break;
    }
    if (errno != EEXIST || number == 999999) {
      status = borel_file_fail(error, "make directory", path, errno);
      break;
    }
  }
  free(path);
  free(clean);
  return status;
}

borel_status borel_rundir_open(const char *path, int write, borel_rundir **out, borel_error *error) {
  *out = NULL;
  struct stat status_of;
  if (stat(path, &status_of) != 0) return borel_file_fail(error, "open the run", path, errno);
  contents found = {0};
  borel_status status = S_ISDIR(status_of.st_mode) ? survey(path, &found, NULL, error) : BOREL_OK;
  if (status == BOREL_OK && !found.manifest)
    status = borel_fail(error, BOREL_IO, "'%.700s' is not a run directory: it has no manifest.json", path);
  if (status != BOREL_OK) return status;
  borel_rundir *run = make(path);
  if (!run) return no_memory(error);
  if (write) status = lock(run, error);
  if (status == BOREL_OK)
    *out = run;
  else
    borel_rundir_close(run);
  return status;
}
