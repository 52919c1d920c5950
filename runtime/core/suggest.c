/* SPDX-License-Identifier: MIT */
#include "core/suggest.h"

#include <string.h>

enum { LONGEST = 64 };

/* Levenshtein distance by rows; both lengths are at most LONGEST. */
static size_t distance(const char *a, size_t n, const char *b, size_t m) {
  size_t row[LONGEST + 1];
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

const char *borel_nearest(const char *word, const char *const *names, size_t n) {
  const char *nearest = NULL;
  size_t length = strlen(word), least = 0;
  if (length > LONGEST) return NULL;
  for (size_t i = 0; i < n; i++) {
    size_t other = strlen(names[i]);
    if (other > LONGEST) continue;
    size_t d = distance(word, length, names[i], other);
    size_t allowed = (length > other ? length : other) / 3 + 1;
    if (d <= allowed && (!nearest || d < least)) {
      nearest = names[i];
      least = d;
    }
  }
  return nearest;
}
