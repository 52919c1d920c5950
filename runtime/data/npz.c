/* SPDX-License-Identifier: MIT */
#include "data/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "data/npy.h"

enum {
  MOST_ENTRIES = 10000,
  MOST_NAME = 200,
  MOST_RATIO = 1032, /* of deflate: 258 bytes for two bits */
};

typedef struct {
  const char *name;
  zip_t *zip;
  size_t total; /* bytes unpacked so far */
  borel_table *out;
  borel_error *error;
} archive;

static borel_status refuse(const archive *a, const char *entry, const char *why) {
  return borel_fail(a->error, BOREL_ARG, "%.500s: entry '%.200s': %s", a->name, entry, why);
}

/* Is the entry one that can be read, of a believable size? */
static borel_status examine(archive *a, const zip_stat_t *entry) {
  const zip_uint64_t need =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  size_t length = strlen(entry->name);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)entry->name[i] < ' ') return refuse(a, "?", "its name holds control characters");
  if (length <= 4 || length > MOST_NAME || strcmp(entry->name + length - 4, ".npy") != 0)
    return refuse(a, entry->name, "only .npy entries can be read");
  if ((entry->valid & need) != need) return refuse(a, entry->name, "the archive does not say its size");
  if (entry->encryption_method != ZIP_EM_NONE) return refuse(a, entry->name, "encrypted");
  if (entry->comp_method != ZIP_CM_STORE && entry->comp_method != ZIP_CM_DEFLATE)
    return refuse(a, entry->name, "compressed by another method than deflate");
  zip_uint64_t most =
      entry->comp_method == ZIP_CM_STORE ? entry->comp_size : entry->comp_size * MOST_RATIO + 64;
  if (entry->comp_size > BOREL_DATA_MOST_BYTES || entry->size > most)
    return refuse(a, entry->name, "it claims to unpack to more than its compressed bytes can hold");
  if (entry->size > BOREL_DATA_MOST_BYTES - a->total)
    return refuse(a, entry->name, "the archive unpacks to more than 2 GiB");
  a->total += (size_t)entry->size;
  return BOREL_OK;
}

/* Unpacks entry `i` into bytes[size]; the archive's check sum is compared at the end of the entry. */
static borel_status unpack(const archive *a, zip_uint64_t i, const char *entry, uint8_t *bytes, size_t size) {
  zip_file_t *file = zip_fopen_index(a->zip, i, 0);
  if (!file) return refuse(a, entry, zip_strerror(a->zip));
  zip_int64_t got = 0;
  size_t done = 0;
  while (done < size && (got = zip_fread(file, bytes + done, size - done)) > 0) done += (size_t)got;
  uint8_t beyond;
  borel_status status = BOREL_OK;
  if (got >= 0 && done == size) got = zip_fread(file, &beyond, 1);
  if (got < 0)
    status = refuse(a, entry, zip_file_strerror(file));
  else if (done < size || got > 0)
    status = refuse(a, entry, "it unpacks to another size than the archive says");
  zip_fclose(file);
  return status;
}

static borel_status read_entry(archive *a, zip_uint64_t i) {
  zip_stat_t entry;
  zip_stat_init(&entry);
  if (zip_stat_index(a->zip, i, 0, &entry) != 0 || !(entry.valid & ZIP_STAT_NAME) || !entry.name)
    return borel_fail(a->error, BOREL_ARG, "%.700s: entry %llu has no name", a->name,
                      (unsigned long long)i + 1);
  borel_status status = examine(a, &entry);
  if (status) return status;
  uint8_t *bytes = malloc((size_t)entry.size + 1);
  if (!bytes) return refuse(a, entry.name, "out of memory");
  status = unpack(a, i, entry.name, bytes, (size_t)entry.size);
  borel_column *column = NULL;
  if (!status && !(column = borel_table_add(a->out, entry.name, strlen(entry.name) - 4)))
    status = refuse(a, entry.name, "out of memory");
  if (!status) {
    char place[MOST_NAME + 520];
    snprintf(place, sizeof place, "%.500s: entry '%.200s'", a->name, entry.name);
    status = borel_npy_parse(place, bytes, (size_t)entry.size, &column->array, a->error);
  }
  free(bytes);
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const borel_column *)a)->name, ((const borel_column *)b)->name);
}

static borel_status read_all(archive *a) {
  zip_int64_t n = zip_get_num_entries(a->zip, 0);
  if (n < 1 || n > MOST_ENTRIES)
    return borel_fail(a->error, BOREL_ARG, "%.700s: the archive has %lld entries, 1 to %d can be read",
                      a->name, (long long)n, MOST_ENTRIES);
  for (zip_uint64_t i = 0; i < (zip_uint64_t)n; i++) {
    borel_status status = read_entry(a, i);
    if (status) return status;
  }
  qsort(a->out->columns, a->out->count, sizeof *a->out->columns, by_name);
  for (size_t i = 1; i < a->out->count; i++)
    if (by_name(&a->out->columns[i - 1], &a->out->columns[i]) == 0)
      return refuse(a, a->out->columns[i].name, "it is there twice");
  return BOREL_OK;
}

borel_status borel_npz_parse(const char *name, const uint8_t *bytes, size_t size, borel_table *out,
                             borel_error *error) {
  zip_error_t trouble;
  zip_error_init(&trouble);
  *out = (borel_table){0};
  archive a = {.name = name, .out = out, .error = error};
  zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &trouble);
  if (source) a.zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &trouble);
  borel_status status = a.zip ? read_all(&a)
                              : borel_fail(error, BOREL_ARG, "%.700s: no readable NPZ archive: %s", name,
                                           zip_error_strerror(&trouble));
  if (a.zip)
    zip_discard(a.zip);
  else if (source)
    zip_source_free(source);
  zip_error_fini(&trouble);
  if (status) borel_table_free(out);
  return status;
}
