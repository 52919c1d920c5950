/* SPDX-License-Identifier: MIT
 * What writer and reader of checkpoints share: the numbers of the format in checkpoint.h. */
#ifndef BOREL_STORE_CHECKPOINT_FORMAT_H
#define BOREL_STORE_CHECKPOINT_FORMAT_H

#include "core/hash.h"
#include "store/bytes.h"
#include "store/checkpoint.h"

#define CHECKPOINT_MAGIC "BORELCKP"

enum { CHECKPOINT_START = 32, CHECKPOINT_ENTRY = 48, CHECKPOINT_END = 4, CHECKPOINT_NAME_MAX = 1000 };

/* Size of one number, or 0 for an unknown type. */
static inline size_t checkpoint_element(uint32_t type) {
  if (type <= BOREL_BOOL) return borel_dtype_size((borel_dtype)type);
  return type == BOREL_ENTRY_U64 ? 8 : type == BOREL_ENTRY_TEXT ? 1 : 0;
}

/* Bytes of `size` after padding to 8. */
static inline uint64_t checkpoint_padded(uint64_t size) { return (size + 7) & ~(uint64_t)7; }

#endif
