/* SPDX-License-Identifier: MIT
 * "Did you mean ...?" */
#ifndef BOREL_CORE_SUGGEST_H
#define BOREL_CORE_SUGGEST_H

#include <stddef.h>

/* The name nearest to `word` by Levenshtein distance (the first of equals), or NULL when all are further away
 * than a third of the longer length, plus one. */
const char *borel_nearest(const char *word, const char *const *names, size_t n);

#endif
