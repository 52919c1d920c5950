/* SPDX-License-Identifier: MIT */
#include "core/error.h"
#include "store/log.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  borel_log_phase phase;
  uint32_t layout;
} selection;

/* Fetches the next selected draw. Damage ends the log here; it is described in `tail`. Trouble of the
 * reader itself (memory) is an error. */
static borel_status next_selected(borel_log_reader *r, const selection *s, borel_log_record *record,
                                  int *more, borel_error *tail, borel_error *error) {
  for (;;) {
    borel_status status = borel_log_next(r, record, more, tail);
    if (status == BOREL_INTERNAL) {
      if (error) *error = *tail;
      return status;
    }
    if (!*more || (record->phase == s->phase && record->layout == s->layout)) return BOREL_OK;
  }
}

static borel_status measure(borel_log_reader *r, const selection *s, borel_log_block *block,
                            borel_error *error) {
  borel_log_rewind(r);
  borel_log_record record;
  int more;
  for (;;) {
    borel_status status = next_selected(r, s, &record, &more, &block->tail, error);
    if (status != BOREL_OK || !more) return status;
    if (block->draws == 0) {
      block->D = record.D;
      block->K = record.K;
      block->V = record.V;
      block->I = record.I;
    }
    if (record.D != block->D || record.K != block->K || record.V != block->V || record.I != block->I)
      return borel_fail(error, BOREL_IO,
                        "draws of layout %u differ in their counts: [%zu, %zu, %zu, %zu] at "
                        "first, [%zu, %zu, %zu, %zu] at iteration %llu",
                        s->layout, block->D, block->K, block->V, block->I, record.D, record.K, record.V,
                        record.I, (unsigned long long)record.iteration);
    block->draws++;
  }
}

/* 0 when memory is short; an empty matrix has an address too. */
static int matrix(void *out, int wanted, size_t draws, size_t width) {
  if (!wanted) return 1;
  size_t size;
  if (__builtin_mul_overflow(width, sizeof(double), &size)) return 0;
  void *numbers = calloc(draws ? draws : 1, size ? size : sizeof(double));
  memcpy(out, &numbers, sizeof numbers);
  return numbers != NULL;
}

static void copy_row(void *to, size_t row, const void *from, size_t width) {
  if (to && width) memcpy((char *)to + row * width * sizeof(double), from, width * sizeof(double));
}

static borel_status fill(borel_log_reader *r, const selection *s, borel_log_block *block,
                         borel_error *error) {
  borel_log_rewind(r);
  borel_log_record record;
  int more;
  size_t row = 0;
  for (; row < block->draws; row++) {
    borel_status status = next_selected(r, s, &record, &more, &block->tail, error);
    if (status != BOREL_OK) return status;
    if (!more || record.D != block->D || record.K != block->K || record.V != block->V || record.I != block->I)
      return borel_fail(error, BOREL_IO, "the draw log changed while it was read");
    block->iteration[row] = record.iteration;
    copy_row(block->u, row, record.u, block->D);
    copy_row(block->z, row, record.z, block->K);
    copy_row(block->values, row, record.values, block->V);
    copy_row(block->info, row, record.info, block->I);
  }
  return BOREL_OK;
}

borel_status borel_log_load(borel_log_reader *r, borel_log_phase phase, uint32_t layout, unsigned parts,
                            borel_log_block *block, borel_error *error) {
  const selection s = {phase, layout};
  *block = (borel_log_block){0};
  borel_status status = measure(r, &s, block, error);
  if (status != BOREL_OK) goto fail;
  if (!matrix(&block->iteration, 1, block->draws, 1) ||
      !matrix(&block->u, parts & BOREL_LOG_LOAD_U, block->draws, block->D) ||
      !matrix(&block->z, parts & BOREL_LOG_LOAD_Z, block->draws, block->K) ||
      !matrix(&block->values, parts & BOREL_LOG_LOAD_VALUES, block->draws, block->V) ||
      !matrix(&block->info, parts & BOREL_LOG_LOAD_INFO, block->draws, block->I)) {
    status = borel_fail(error, BOREL_INTERNAL, "out of memory for %zu draws", block->draws);
    goto fail;
  }
  status = fill(r, &s, block, error);
  if (status == BOREL_OK) return BOREL_OK;
fail:
  borel_log_block_free(block);
  return status;
}

void borel_log_block_free(borel_log_block *block) {
  free(block->iteration);
  free(block->u);
  free(block->z);
  free(block->values);
  free(block->info);
  *block = (borel_log_block){0};
}
