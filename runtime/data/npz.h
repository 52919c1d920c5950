/* SPDX-License-Identifier: MIT
 * NPZ: a ZIP archive of NPY files, stored or deflated, read by libzip. */
#ifndef BOREL_DATA_NPZ_H
#define BOREL_DATA_NPZ_H

#include "data/table.h"

/* Arrays by entry name without ".npy". An archive may hold at most 10000 entries and unpack to at most
 * BOREL_DATA_MOST_BYTES; an entry that claims to unpack to more than deflate can reach is refused before
 * memory is taken for it. */
borel_status borel_npz_parse(const char *name, const uint8_t *bytes, size_t size, borel_table *out,
                             borel_error *);

#endif
