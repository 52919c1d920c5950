/* SPDX-License-Identifier: MIT
 * A folder for one test, and whole files as bytes. */
#ifndef BOREL_TESTS_STORE_SCRATCH_H
#define BOREL_TESTS_STORE_SCRATCH_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  unsigned char *data;
  size_t size;
} scratch_bytes;

static inline int scratch_remove_one(const char *path, const struct stat *s, int flag, struct FTW *walk) {
  (void)s, (void)flag, (void)walk;
  return remove(path);
}

/* Texts of scratch_path, released by scratch_remove. */
typedef struct {
  char *items[64];
  size_t count;
} scratch_texts;

static inline scratch_texts *scratch_paths(void) {
  static scratch_texts paths;
  return &paths;
}

/* `<directory>/<name>`, valid until scratch_remove. */
static inline const char *scratch_path(const char *directory, const char *name) {
  scratch_texts *paths = scratch_paths();
  cr_assert_lt(paths->count, 64);
  char **path = &paths->items[paths->count++];
  cr_assert_geq(asprintf(path, "%s/%s", directory, name), 0);
  return *path;
}

/* A new folder; the text is static. */
static inline const char *scratch_make(void) {
  static char directory[] = "/tmp/borel-store-XXXXXX";
  cr_assert_not_null(mkdtemp(directory));
  return directory;
}

static inline void scratch_remove(const char *directory) {
  nftw(directory, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
  scratch_texts *paths = scratch_paths();
  while (paths->count) free(paths->items[--paths->count]);
}

static inline scratch_bytes scratch_read(const char *path) {
  struct stat status;
  cr_assert_eq(stat(path, &status), 0, "no file %s", path);
  scratch_bytes b = {.data = malloc((size_t)status.st_size + 1), .size = (size_t)status.st_size};
  int fd = open(path, O_RDONLY);
  cr_assert_eq(read(fd, b.data, b.size), (ssize_t)b.size);
  close(fd);
  return b;
}

static inline void scratch_write(const char *path, const void *data, size_t size) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, data, size), (ssize_t)size);
  close(fd);
}

/* The first `size` bytes in a block of exactly that size, so that memory checkers see a read beyond. */
static inline unsigned char *scratch_copy(const scratch_bytes *b, size_t size) {
  unsigned char *copy = malloc(size ? size : 1);
  memcpy(copy, b->data, size);
  return copy;
}

/* Mounts a tmpfs that only this process and its children see; 0 where that is not allowed. */
static inline int scratch_mount(const char *directory, const char *options) {
  if (unshare(CLONE_NEWNS) != 0) return 0;
  if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0) return 0;
  return mount("tmpfs", directory, "tmpfs", 0, options) == 0;
}

#endif
