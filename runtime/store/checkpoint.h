/* SPDX-License-Identifier: MIT
 * Checkpoints: named arrays and scalars in one checksummed file, replaced so that a good one exists at
 * every moment.
 *
 * For a path P (`chain-1.ckpt`) a commit writes P.tmp, waits for the disk, renames P to P.prev and
 * P.tmp to P, and syncs the directory. A load takes the first of P, P.prev, P.tmp that is whole.
 *
 *   file  = "BORELCKP" | u32 version (1) | u32 entries | u64 size of the file | u64 log length
 *           | entry ... | u32 CRC-32C of all bytes before
 *   entry = u32 type | u32 rank | u64 extent[4] | u32 name length | u32 0 | name, NUL | data
 *   type  = 0 f64, 1 f32, 2 i64, 3 bool, 16 u64 (rank 0), 17 text (rank 1, a NUL follows it)
 *
 * Numbers are little-endian; a name and the data of an entry are padded with zeros to 8 bytes. */
#ifndef BOREL_STORE_CHECKPOINT_H
#define BOREL_STORE_CHECKPOINT_H

#include "core/array.h"

#define BOREL_CHECKPOINT_VERSION 1u

/* ---- writing --------------------------------------------------------------------------------------*/

typedef struct borel_checkpoint borel_checkpoint;

/* An empty checkpoint to fill and commit; use it again after borel_checkpoint_clear. */
borel_status borel_checkpoint_begin(borel_checkpoint **, borel_error *);
void borel_checkpoint_clear(borel_checkpoint *);
void borel_checkpoint_free(borel_checkpoint *);

/* Adds an array by pointer: `data` must live, and hold what is to be saved, until the commit. A name is
 * 1 to 1000 bytes, copied, and used once (BOREL_ARG otherwise). data may be NULL when the array is empty. */
borel_status borel_checkpoint_add_array(borel_checkpoint *, const char *name, borel_dtype,
                                        const borel_shape *, const void *data, borel_error *);
/* Scalars are copied. */
borel_status borel_checkpoint_add_u64(borel_checkpoint *, const char *name, uint64_t, borel_error *);
borel_status borel_checkpoint_add_real(borel_checkpoint *, const char *name, double, borel_error *);
borel_status borel_checkpoint_add_text(borel_checkpoint *, const char *name, const char *text, borel_error *);

/* Writes the file at `path`. `log_length` is the committed length of the chain's log (borel_log_sync
 * first). When this fails, what could be loaded before can be loaded still. */
borel_status borel_checkpoint_commit(borel_checkpoint *, const char *path, uint64_t log_length,
                                     borel_error *);

/* ---- reading --------------------------------------------------------------------------------------*/

typedef struct borel_checkpoint_reader borel_checkpoint_reader;

/* Is there something to load: P or P.prev? */
int borel_checkpoint_exists(const char *path);
/* Loads the newest whole checkpoint of `path`. When none is whole, the error tells what is wrong with
 * each. */
borel_status borel_checkpoint_load(const char *path, borel_checkpoint_reader **, borel_error *);
/* Parses bytes in memory (copied); `name` stands for a path in messages. */
borel_status borel_checkpoint_parse(const void *bytes, size_t size, const char *name,
                                    borel_checkpoint_reader **, borel_error *);
void borel_checkpoint_reader_free(borel_checkpoint_reader *);

/* The file that was taken, and why newer ones were not ("" when the newest was): worth a warning. */
const char *borel_checkpoint_source(const borel_checkpoint_reader *);
const char *borel_checkpoint_refused(const borel_checkpoint_reader *);

uint64_t borel_checkpoint_log_length(const borel_checkpoint_reader *);

/* Finds an array of exactly this type and shape; the error (BOREL_IO) names what is missing or differs.
 * Data is 8-byte aligned, in native order, and lives as long as the reader. */
borel_status borel_checkpoint_get_array(const borel_checkpoint_reader *, const char *name, borel_dtype,
                                        const borel_shape *, const void **data, borel_error *);
borel_status borel_checkpoint_get_u64(const borel_checkpoint_reader *, const char *name, uint64_t *,
                                      borel_error *);
borel_status borel_checkpoint_get_real(const borel_checkpoint_reader *, const char *name, double *,
                                       borel_error *);
borel_status borel_checkpoint_get_text(const borel_checkpoint_reader *, const char *name, const char **,
                                       borel_error *);

typedef enum { BOREL_ENTRY_ARRAY = 0, BOREL_ENTRY_U64 = 16, BOREL_ENTRY_TEXT = 17 } borel_entry_kind;

/* One entry, for programs that show or compare whole checkpoints. A real is an f64 array of rank 0. */
typedef struct {
  const char *name;
  borel_entry_kind kind;
  borel_dtype dtype; /* of an array */
  borel_shape shape;
  const void *data; /* u64: a uint64_t; text: NUL-terminated */
} borel_checkpoint_entry;

size_t borel_checkpoint_count(const borel_checkpoint_reader *);
const borel_checkpoint_entry *borel_checkpoint_at(const borel_checkpoint_reader *, size_t i);

#endif
