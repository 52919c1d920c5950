/* SPDX-License-Identifier: MIT */
#include "store/file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

borel_status borel_file_fail(borel_error *error, const char *verb, const char *path, int cause) {
  char text[128];
  return borel_fail(error, BOREL_IO, "cannot %s '%.700s': %s", verb, path,
                    strerror_r(cause, text, sizeof text));
}

borel_status borel_file_open(const char *path, int *fd, uint64_t *size, borel_error *error) {
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0) return borel_file_fail(error, "open", path, errno);
  struct stat status;
  borel_status result = BOREL_OK;
  if (fstat(*fd, &status) != 0)
    result = borel_file_fail(error, "examine", path, errno);
  else if (S_ISDIR(status.st_mode))
    result = borel_file_fail(error, "read", path, EISDIR);
  else if (!S_ISREG(status.st_mode))
    result = borel_fail(error, BOREL_IO, "'%.700s' is not a regular file", path);
  if (result == BOREL_OK) {
    *size = (uint64_t)status.st_size;
  } else {
    close(*fd);
    *fd = -1;
  }
  return result;
}

borel_status borel_file_read(int fd, const char *path, uint64_t offset, void *bytes, size_t size,
                             borel_error *error) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pread(fd, (char *)bytes + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return borel_file_fail(error, "read", path, errno);
    if (got == 0) return borel_fail(error, BOREL_IO, "'%.700s' became shorter while it was read", path);
    done += (size_t)got;
  }
  return BOREL_OK;
}

borel_status borel_file_write(int fd, const char *path, uint64_t offset, const void *bytes, size_t size,
                              size_t *written, borel_error *error) {
  *written = 0;
  while (*written < size) {
    ssize_t got = pwrite(fd, (const char *)bytes + *written, size - *written, (off_t)(offset + *written));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return borel_file_fail(error, "write", path, got < 0 ? errno : EIO);
    *written += (size_t)got;
  }
  return BOREL_OK;
}

borel_status borel_file_sync_parent(const char *path, borel_error *error) {
  const char *slash = strrchr(path, '/');
  char *parent = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
  if (!parent) return borel_fail(error, BOREL_INTERNAL, "out of memory");
  borel_status status = BOREL_OK;
  int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Some network file systems cannot sync a directory (EINVAL); there is nothing more to be done there. */
  if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
    status = borel_file_fail(error, "sync directory", parent, errno);
  if (fd >= 0) close(fd);
  free(parent);
  return status;
}

char *borel_file_join(const char *first, const char *second) {
  size_t length = strlen(first), rest = strlen(second) + 1;
  char *joined = malloc(length + rest);
  if (!joined) return NULL;
  memcpy(joined, first, length);
  memcpy(joined + length, second, rest);
  return joined;
}

borel_status borel_replacement_begin(borel_replacement *r, const char *path, borel_error *error) {
  *r = (borel_replacement){.path = strdup(path), .temporary = borel_file_join(path, ".tmp"), .fd = -1};
  if (!r->path || !r->temporary) {
    borel_replacement_end(r);
    return borel_fail(error, BOREL_INTERNAL, "out of memory");
  }
  r->fd = open(r->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (r->fd >= 0) return BOREL_OK;
  borel_file_fail(error, "create", r->temporary, errno);
  borel_replacement_end(r);
  return BOREL_IO;
}

borel_status borel_replacement_write(borel_replacement *r, const void *bytes, size_t size,
                                     borel_error *error) {
  size_t written;
  borel_status status = borel_file_write(r->fd, r->temporary, r->size, bytes, size, &written, error);
  r->size += written;
  return status;
}

/* Between the two renames `path` is absent, but `<path>.tmp` is whole and on disk. */
static borel_status swap(const borel_replacement *r, int keep, borel_error *error) {
  if (keep) {
    char *previous = borel_file_join(r->path, ".prev");
    if (!previous) return borel_fail(error, BOREL_INTERNAL, "out of memory");
    int failed = rename(r->path, previous) != 0 && errno != ENOENT;
    if (failed) borel_file_fail(error, "rename to", previous, errno);
    free(previous);
    if (failed) return BOREL_IO;
  }
  if (rename(r->temporary, r->path) != 0) return borel_file_fail(error, "rename to", r->path, errno);
  return BOREL_OK;
}

borel_status borel_replacement_commit(borel_replacement *r, int keep, borel_error *error) {
  if (fsync(r->fd) != 0) return borel_file_fail(error, "sync", r->temporary, errno);
  int closed = close(r->fd);
  r->fd = -1;
  if (closed != 0) {
    borel_file_fail(error, "close", r->temporary, errno);
    unlink(r->temporary);
    return BOREL_IO;
  }
  borel_status status = swap(r, keep, error);
  return status == BOREL_OK ? borel_file_sync_parent(r->path, error) : status;
}

void borel_replacement_end(borel_replacement *r) {
  if (r->fd >= 0) {
    close(r->fd);
    unlink(r->temporary);
  }
  free(r->path);
  free(r->temporary);
  *r = (borel_replacement){.fd = -1};
}
