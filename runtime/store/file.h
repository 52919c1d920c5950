/* SPDX-License-Identifier: MIT
 * Files whose failures name the path and the cause: guarded opening, whole reads and writes, and
 * replacement in one step. */
#ifndef BOREL_STORE_FILE_H
#define BOREL_STORE_FILE_H

#include <borel/plugin.h>

/* BOREL_IO, "cannot <verb> '<path>': <strerror(cause)>". */
borel_status borel_file_fail(borel_error *, const char *verb, const char *path, int cause);

/* Opens a regular file to read (never waits on a pipe or device); gives its size. */
borel_status borel_file_open(const char *path, int *fd, uint64_t *size, borel_error *);
/* Reads exactly `size` bytes at `offset`. */
borel_status borel_file_read(int fd, const char *path, uint64_t offset, void *bytes, size_t size,
                             borel_error *);
/* Writes `size` bytes at `offset`; *written tells how many were, also after a failure. */
borel_status borel_file_write(int fd, const char *path, uint64_t offset, const void *bytes, size_t size,
                              size_t *written, borel_error *);
/* Waits until the directory that holds `path` is on disk: new and renamed names survive a crash. */
borel_status borel_file_sync_parent(const char *path, borel_error *);

/* first + second, to be released with free; NULL when memory is short. */
char *borel_file_join(const char *first, const char *second);

/* A file on its way to take the place of `path`: written as `<path>.tmp`. */
typedef struct {
  char *path, *temporary;
  int fd;
  uint64_t size; /* bytes written so far */
} borel_replacement;

borel_status borel_replacement_begin(borel_replacement *, const char *path, borel_error *);
borel_status borel_replacement_write(borel_replacement *, const void *bytes, size_t size, borel_error *);
/* Waits for the disk and renames; with `keep`, what was at `path` becomes `<path>.prev`. */
borel_status borel_replacement_commit(borel_replacement *, int keep, borel_error *);
/* Releases everything; a temporary file that was not committed is removed. */
void borel_replacement_end(borel_replacement *);

#endif
