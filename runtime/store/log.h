/* SPDX-License-Identifier: MIT
 * The draw log of one chain: an append-only file of checksummed records, and two ways to read it.
 *
 * Everything is little-endian and nothing depends on the clock, the machine or the size of buffers:
 * equal content gives equal bytes.
 *
 *   file    = "BORELLOG" | u32 version (1) | frame(header) | frame(layout or draw) ...
 *   frame   = u32 length | u32 crc | payload[length]     crc: CRC-32C of the length's bytes and payload
 *   header  = u32 1 | text                               what the writer says of the file (JSON)
 *   layout  = u32 2 | u32 id | text                      before the first draw of that layout
 *   draw    = u32 3 | u32 layout | u32 phase | u64 iteration | u32 D, K, V, I
 *             | f64 u[D] | i64 z[K] | f64 values[V] | f64 info[I]
 *
 * Counts stand in each draw, so that draws of different layouts mix freely. A file that ends in the
 * middle of a frame, or holds a damaged one, is good up to there: readers hand out the records before
 * it, then say what is wrong and where. */
#ifndef BOREL_STORE_LOG_H
#define BOREL_STORE_LOG_H

#include <borel/plugin.h>

#define BOREL_LOG_VERSION 1u
#define BOREL_LOG_FRAME_MAX (UINT32_C(1) << 30) /* bytes of one payload */

typedef enum { BOREL_LOG_WARMUP = 0, BOREL_LOG_DRAWS = 1 } borel_log_phase;

/* One draw. To append: the caller's arrays, which may be NULL where their count is 0. When read: arrays
 * of the reader, which live until its next call. */
typedef struct {
  uint32_t layout;
  borel_log_phase phase;
  uint64_t iteration; /* 0-based, over warm-up and draws */
  size_t D, K, V, I;
  const double *u;      /* [D] unconstrained */
  const int64_t *z;     /* [K] */
  const double *values; /* [V] constrained and deterministic values */
  const double *info;   /* [I] what the kernel says of the step */
} borel_log_record;

/* ---- writing --------------------------------------------------------------------------------------
 * One thread at a time for a writer. Records gather in a buffer; after opening, memory is taken only
 * for a record larger than any before and for a new layout. When a write fails (full disk, a limit),
 * the error names the path and the cause, the file is cut back to its last complete record, and what
 * remains in the buffer is kept, so that a later flush may succeed. A failed sync is final: the system
 * may have dropped what it could not write, so the run must continue from its last checkpoint.
 * A process that meets RLIMIT_FSIZE dies of SIGXFSZ unless it ignores that signal. */

typedef struct borel_log_writer borel_log_writer;

/* A new log with its header written; an existing file is refused (BOREL_IO): who starts over without a
 * checkpoint removes it first. */
borel_status borel_log_create(const char *path, const char *header, size_t length, borel_log_writer **,
                              borel_error *);
/* Continues a log: checks it up to `length`, which must be the end of a record (a committed length),
 * learns its layouts and cuts off what follows. */
borel_status borel_log_resume(const char *path, uint64_t length, borel_log_writer **, borel_error *);
/* Flushes and closes; the writer is gone even when this fails. NULL is allowed. */
borel_status borel_log_close(borel_log_writer *, borel_error *);

/* Has this layout been declared? */
int borel_log_has_layout(const borel_log_writer *, uint32_t id);
/* Declares a layout, once, before its first draw. The text is the caller's (JSON that lists its sites). */
borel_status borel_log_layout(borel_log_writer *, uint32_t id, const char *text, size_t length,
                              borel_error *);
/* Appends a draw. BOREL_ARG when its layout is undeclared or it is too large. On failure the record is
 * not in the log. */
borel_status borel_log_append(borel_log_writer *, const borel_log_record *, borel_error *);

/* Hands the buffer to the system: other processes see it, a crash of the machine may lose it. */
borel_status borel_log_flush(borel_log_writer *, borel_error *);
/* Flushes and waits for the disk; then all that was appended is committed. */
borel_status borel_log_sync(borel_log_writer *, borel_error *);
uint64_t borel_log_length(const borel_log_writer *);    /* bytes appended, the buffer's included */
uint64_t borel_log_committed(const borel_log_writer *); /* bytes safe after the last sync or resume */

/* ---- reading --------------------------------------------------------------------------------------
 * Files are hostile until parsed: no size is believed before it fits in the file, and no record is
 * handed out before its checksum agrees. A reader sees the file as long as it was when opened, so it
 * may follow a run that still writes. */

typedef struct borel_log_reader borel_log_reader;

borel_status borel_log_open(const char *path, borel_log_reader **, borel_error *);
/* The same over bytes in memory, which must outlive the reader; `name` stands for a path in messages. */
borel_status borel_log_open_memory(const void *bytes, size_t size, const char *name, borel_log_reader **,
                                   borel_error *);
void borel_log_reader_free(borel_log_reader *);
/* Looks no further than `length` bytes, as if the file ended there. BOREL_IO when it is shorter. */
borel_status borel_log_limit(borel_log_reader *, uint64_t length, borel_error *);

/* The header's text, with a NUL after it that is not counted. Lives as long as the reader. */
const char *borel_log_header(const borel_log_reader *, size_t *length);
/* Text of a layout met so far (NUL as above), or NULL. */
const char *borel_log_layout_text(const borel_log_reader *, uint32_t id, size_t *length);
/* How many layouts were met so far, and the id of number i < count (in order of declaration). */
size_t borel_log_layout_count(const borel_log_reader *);
uint32_t borel_log_layout_id(const borel_log_reader *, size_t i);

/* Fetches the next draw: *more = 1. At a clean end: OK and *more = 0. At a cut or damaged frame:
 * BOREL_IO and *more = 0, now and in each later call; the message counts the good draws and gives the
 * offset of the frame. */
borel_status borel_log_next(borel_log_reader *, borel_log_record *, int *more, borel_error *);
/* Back to the first record. */
void borel_log_rewind(borel_log_reader *);
/* Draws handed out so far, and the end of the last good frame: after an error, what can be kept. */
uint64_t borel_log_good_draws(const borel_log_reader *);
uint64_t borel_log_good_length(const borel_log_reader *);

/* ---- a block of draws -----------------------------------------------------------------------------*/

#define BOREL_LOG_LOAD_U 1u
#define BOREL_LOG_LOAD_Z 2u
#define BOREL_LOG_LOAD_VALUES 4u
#define BOREL_LOG_LOAD_INFO 8u

/* All draws of one phase and layout as dense matrices; a matrix that was not asked for is NULL. */
typedef struct {
  size_t draws;
  size_t D, K, V, I;
  uint64_t *iteration; /* [draws] */
  double *u;           /* [draws, D] */
  int64_t *z;          /* [draws, K] */
  double *values;      /* [draws, V] */
  double *info;        /* [draws, I] */
  borel_error tail;    /* code OK: the log ends cleanly; otherwise what next said where it stopped */
} borel_log_block;

/* Reads the log from its start, into `block`, whose old content is not looked at. A damaged tail is no
 * error here (see `tail`); draws of one layout with different counts are (BOREL_IO). */
borel_status borel_log_load(borel_log_reader *, borel_log_phase, uint32_t layout, unsigned parts,
                            borel_log_block *block, borel_error *);
void borel_log_block_free(borel_log_block *);

#endif
