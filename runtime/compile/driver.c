/* SPDX-License-Identifier: MIT */
#include "compile/driver.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/interrupt.h"
#include "core/processor.h"

extern char **environ;

enum { COMPILE_SECONDS = 120, CACHE_MEGABYTES = 256 };

/* BOREL_CC_SECONDS, else COMPILE_SECONDS. */
static double compile_seconds(void) {
  const char *chosen = getenv("BOREL_CC_SECONDS");
  double seconds = chosen ? strtod(chosen, NULL) : 0;
  return seconds > 0 ? seconds : COMPILE_SECONDS;
}

static atomic_size_t compile_count;
size_t borel_compile_count(void) { return atomic_load(&compile_count); }

static const char *compiler(void) {
  const char *chosen = getenv("BOREL_CC");
  return chosen && *chosen ? chosen : "cc";
}

/* ---- running the compiler -------------------------------------------------------------------- */

static double seconds_since(const struct timespec *start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* The end of `child`, waited for until `limit` seconds after `start` or an interrupt, then enforced. */
static int finish(pid_t child, const struct timespec *start, double limit) {
  int raw = 0;
  pid_t ended;
  while ((ended = waitpid(child, &raw, WNOHANG)) == 0 && seconds_since(start) < limit && !borel_interrupted())
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  if (ended == 0) {
    kill(-child, SIGKILL);
    while (waitpid(child, &raw, 0) < 0 && errno == EINTR) {}
    return -1;
  }
  return ended == child && WIFEXITED(raw) ? WEXITSTATUS(raw) : -1;
}

/* A file in memory that holds `text`, at its start: unlike a pipe it needs no reader. */
static int text_file(const char *text, size_t length) {
  int file = memfd_create("borel-source", MFD_CLOEXEC);
  for (size_t sent = 0; file >= 0 && sent < length;) {
    ssize_t n = write(file, text + sent, length - sent);
    if (n > 0)
      sent += (size_t)n;
    else if (errno != EINTR)
      close(file), file = -1;
  }
  if (file >= 0) lseek(file, 0, SEEK_SET);
  return file;
}

/* Runs argv with stdin from `input`, both outputs into `said` (capacity > 0). Returns the exit status, or -1
 * when it could not be started, ran out of time, or died. */
static int run(char *const *argv, const char *input, size_t length, char *said, size_t capacity) {
  int in = text_file(input, length), out[2];
  said[0] = 0;
  if (in < 0) return -1;
  if (pipe2(out, O_CLOEXEC)) return close(in), -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  posix_spawnattr_t attributes; /* a group of its own: on a timeout cc1 and as die with the driver */
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  pid_t child;
  int failed = posix_spawnp(&child, argv[0], &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(in);
  close(out[1]);
  int status = -1;
  if (!failed) {
    struct rlimit memory = {4ull << 30, 4ull << 30};
    prlimit(child, RLIMIT_AS, &memory, NULL);
    const double limit = compile_seconds();
    size_t got = 0;
    for (int reading = 1; reading && seconds_since(&start) < limit && !borel_interrupted();) {
      struct pollfd fds = {out[0], POLLIN, 0};
      if (poll(&fds, 1, 100) <= 0) continue;
      char buffer[4096];
      ssize_t n = read(out[0], buffer, sizeof buffer);
      if (n == 0 || (n < 0 && errno != EINTR)) reading = 0;
      if (n > 0 && got + 1 < capacity) {
        size_t keep = (size_t)n < capacity - 1 - got ? (size_t)n : capacity - 1 - got;
        memcpy(said + got, buffer, keep);
        said[got += keep] = 0;
      }
    }
    status = finish(child, &start, limit);
  }
  close(out[0]);
  return status;
}

static char compiler_texts[3][400];
static pthread_once_t compiler_once = PTHREAD_ONCE_INIT;

static void ask_compiler(void) {
  char said[300], *argv[] = {(char *)compiler(), "--version", NULL};
  if (run(argv, "", 0, said, sizeof said) != 0) return;
  said[strcspn(said, "\n")] = 0;
  for (int level = 1; level <= 2; level++)
    snprintf(compiler_texts[level], sizeof compiler_texts[level],
             "%s; -O%d -ftree-vectorize -fpeel-loops -fno-tree-slp-vectorize %s", said, level,
             borel_processor_flag());
}

const char *borel_compiler_text(int optimise) {
  pthread_once(&compiler_once, ask_compiler);
  return compiler_texts[optimise][0] ? compiler_texts[optimise] : NULL;
}

/* ---- the cache ------------------------------------------------------------------------------- */

/* Ours alone: a folder or file of another owner, or that others may write, is not used. */
static int is_private(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int make_folders(char *path) {
  for (char *at = path + 1; *at; at++)
    if (*at == '/') {
      *at = 0;
      int failed = mkdir(path, 0700) && errno != EEXIST;
      *at = '/';
      if (failed) return -1;
    }
  return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

/* The open cache folder, or -1: BOREL_CACHE, else XDG_CACHE_HOME/borel, else ~/.cache/borel. */
static int open_cache(void) {
  char path[4000];
  const char *own = getenv("BOREL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (own && *own)
    snprintf(path, sizeof path, "%s", own);
  else if (xdg && *xdg)
    snprintf(path, sizeof path, "%s/borel", xdg);
  else if (home && *home)
    snprintf(path, sizeof path, "%s/.cache/borel", home);
  else
    return -1;
  if (make_folders(path)) return -1;
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0 && !is_private(folder)) close(folder), folder = -1;
  return folder;
}

typedef struct {
  char name[64];
  time_t used;
  off_t size;
} cached;

static int oldest_first(const void *a, const void *b) {
  const cached *x = a, *y = b;
  return x->used < y->used ? -1 : x->used > y->used;
}

/* Forgets the least recently used objects above the limit. */
static void trim_cache(int folder) {
  DIR *listing = fdopendir(dup(folder));
  cached *files = NULL;
  size_t count = 0, room = 0;
  off_t total = 0;
  if (!listing) return;
  rewinddir(listing);
  for (struct dirent *entry; (entry = readdir(listing));) {
    struct stat st;
    size_t length = strlen(entry->d_name);
    if (length < 4 || length >= sizeof files->name || strcmp(entry->d_name + length - 3, ".so") ||
        fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
      continue;
    if (count == room) {
      cached *more = realloc(files, (room = 2 * room + 64) * sizeof *more);
      if (!more) break;
      files = more;
    }
    memcpy(files[count].name, entry->d_name, length + 1);
    files[count].used = st.st_mtime;
    files[count++].size = st.st_size;
    total += st.st_size;
  }
  closedir(listing);
  if (count) qsort(files, count, sizeof *files, oldest_first);
  for (size_t i = 0; i < count && total > ((off_t)CACHE_MEGABYTES << 20); i++) {
    unlinkat(folder, files[i].name, 0);
    total -= files[i].size;
  }
  free(files);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Loads the object at `path`, with these bytes; where its file system forbids execution, from memory. The
 * loader knows objects by path, so a path must never name two of them: the cache's hold the hash. */
static void *load(const char *path, const char *bytes, size_t size) {
  void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (object) return object;
  int memory = memfd_create("borel", MFD_CLOEXEC); /* stays open: its number is the object's name */
  if (memory < 0) return NULL;
  if (write(memory, bytes, size) != (ssize_t)size) return close(memory), NULL;
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", memory);
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

static char *read_all(int file, size_t *size) {
  struct stat st;
  if (fstat(file, &st) || st.st_size <= 0) return NULL;
  char *bytes = malloc((size_t)st.st_size);
  if (bytes && pread(file, bytes, (size_t)st.st_size, 0) != st.st_size) free(bytes), bytes = NULL;
  *size = (size_t)st.st_size;
  return bytes;
}

/* An object in the cache ends in a hash of what is before it: the loader would crash on a damaged one. */
static int is_whole(const char *bytes, size_t size) {
  uint64_t sum;
  if (size <= sizeof sum) return 0;
  memcpy(&sum, bytes + size - sizeof sum, sizeof sum);
  return sum == borel_hash(bytes, size - sizeof sum, 0);
}

/* Loads an object of ours from `folder` (by descriptor: nobody can put another one in its place). */
static void *load_object(int folder, const char *name) {
  char path[160];
  size_t size = 0;
  int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return NULL;
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", folder, name);
  char *bytes = is_private(file) ? read_all(file, &size) : NULL;
  void *object = bytes && is_whole(bytes, size) ? load(path, bytes, size) : NULL;
  if (object) futimens(file, NULL);
  free(bytes);
  close(file);
  return object;
}

/* Appends the hash. */
static int seal(int folder, const char *name) {
  size_t size = 0;
  int file = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  char *bytes = file >= 0 ? read_all(file, &size) : NULL;
  uint64_t sum = bytes ? borel_hash(bytes, size, 0) : 0;
  int done = bytes && fchmod(file, 0600) == 0 && pwrite(file, &sum, sizeof sum, (off_t)size) == sizeof sum;
  free(bytes);
  if (file >= 0) close(file);
  return done;
}

static borel_status compile_to(const char *source, int optimise, const char *path, borel_error *error) {
  char level[8], said[4000];
  snprintf(level, sizeof level, "-O%d", optimise);
  /* One flag is of gcc alone. Straight lines are not made into vectors: gcc 12 then takes fused operations
   * for sums and differences in turn, whatever -ffp-contract says. */
  const char *text = borel_compiler_text(optimise);
  int is_clang = text && strstr(text, "clang") != NULL;
  char *argv[] = {(char *)compiler(),
                  "-x",
                  "c",
                  "-",
                  "-o",
                  (char *)path,
                  "-shared",
                  "-fPIC",
                  level,
                  "-ftree-vectorize",
                  "-fpeel-loops",
                  (char *)borel_processor_flag(),
                  "-fopenmp-simd",
                  "-fno-math-errno",
                  "-fno-trapping-math",
                  "-ffp-contract=off",
                  "-fno-tree-slp-vectorize",
                  is_clang ? "-fvectorize" : "-fvect-cost-model=unlimited",
                  "-std=gnu17",
                  "-w",
                  "-lm",
                  NULL};
  int status = run(argv, source, strlen(source), said, sizeof said);
  if (status == 0) return BOREL_OK;
  const char *line = strstr(said, "error"); /* the first complaint, on one line */
  line = line ? line : *said ? said : "it was stopped (time or memory limit)";
  return borel_fail(error, BOREL_IO, "the C compiler '%s' failed on the model's code: %.*s", compiler(),
                    (int)strcspn(line, "\n"), line);
}

/* Compiles into `folder` under `name`, complete or not at all. */
static void *make_object(const char *source, int optimise, int folder, const char *name, borel_error *error) {
  char making[64], path[160];
  snprintf(making, sizeof making, "making-%ld-%zu", (long)getpid(), atomic_fetch_add(&compile_count, 1));
  snprintf(path, sizeof path, "/proc/%ld/fd/%d/%s", (long)getpid(), folder, making);
  borel_status status = compile_to(source, optimise, path, error);
  void *object = NULL;
  if (!status && seal(folder, making) && !renameat(folder, making, folder, name))
    object = load_object(folder, name);
  unlinkat(folder, making, 0);
  if (!status && !object) {
    const char *why = dlerror();
    borel_fail(error, BOREL_IO, "the compiled model does not load: %s", why ? why : strerror(errno));
  }
  return object;
}

/* Can files be made there? A folder may be ours and yet on a file system that is full or read-only. */
static int is_writable(int folder) {
  char name[40];
  snprintf(name, sizeof name, "trying-%ld", (long)getpid());
  int file = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return 0;
  int fits = posix_fallocate(file, 0, 1 << 20) == 0;
  close(file);
  unlinkat(folder, name, 0);
  return fits;
}

borel_status borel_compile(const char *source, int optimise, const char *const *names, size_t count,
                           borel_native_function *functions, int *compiled, borel_error *error) {
  const char *text = borel_compiler_text(optimise);
  if (compiled) *compiled = 0;
  if (!text)
    return borel_fail(error, BOREL_IO, "the C compiler '%s' does not run (set BOREL_CC, or install gcc)",
                      compiler());
  uint64_t low = borel_hash_text(source, borel_hash_text(text, 1)),
           high = borel_hash_text(source, borel_hash_text(text, 2));
  char name[64], own[] = "/tmp/borel-XXXXXX";
  snprintf(name, sizeof name, "%016llx%016llx.so", (unsigned long long)high, (unsigned long long)low);
  int folder = open_cache(), kept = folder >= 0;
  void *object = kept ? load_object(folder, name) : NULL;
  borel_error trouble = {0};
  if (!object) {
    if (kept && !is_writable(folder)) close(folder), kept = 0;
    if (!kept) { /* compile into a private folder and forget it */
      if (!mkdtemp(own) || (folder = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return borel_fail(error, BOREL_IO, "no folder to compile in: %s", strerror(errno));
    }
    object = make_object(source, optimise, folder, name, &trouble);
    if (kept) {
      trim_cache(folder);
    } else {
      unlinkat(folder, name, 0);
      rmdir(own);
    }
    if (object && compiled) *compiled = 1;
  }
  close(folder);
  if (!object) return borel_fail(error, trouble.code, "%s", trouble.message);
  for (size_t i = 0; i < count; i++)
    if (!(*(void **)(void *)&functions[i] = dlsym(object, names[i])))
      return borel_fail(error, BOREL_INTERNAL, "the compiled model has no function '%s'", names[i]);
  return BOREL_OK;
}
