/* SPDX-License-Identifier: MIT */
#include "data/npy_header.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_HEADER = 65536, MOST_DESCR = 16 };

typedef struct {
  const char *name;
  const uint8_t *at, *end;
  borel_npy_header *header;
  char descr[MOST_DESCR + 1];
  unsigned seen; /* keys met: 1 descr, 2 fortran_order, 4 shape */
  borel_error *error;
} parser;

static borel_status malformed(const parser *p, const char *what) {
  return borel_fail(p->error, BOREL_ARG, "%.700s: damaged NPY header: %s", p->name, what);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void skip_space(parser *p) {
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) p->at++;
}

/* Takes `c` after white space. */
static int take(parser *p, char c) {
  skip_space(p);
  if (p->at == p->end || *p->at != (uint8_t)c) return 0;
  p->at++;
  return 1;
}

static int take_word(parser *p, const char *word) {
  size_t n = strlen(word);
  skip_space(p);
  if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) return 0;
  p->at += n;
  return 1;
}

/* A quoted text without escapes into out[MOST_DESCR + 1]. */
static int take_text(parser *p, char *out) {
  skip_space(p);
  if (p->at == p->end || (*p->at != '\'' && *p->at != '"')) return 0;
  uint8_t quote = *p->at++;
  size_t n = 0;
  while (p->at < p->end && *p->at != quote) {
    if (n == MOST_DESCR || *p->at == '\\' || *p->at < ' ' || *p->at > '~') return 0;
    out[n++] = (char)*p->at++;
  }
  if (p->at == p->end) return 0;
  p->at++;
  out[n] = 0;
  return 1;
}

/* A whole number below 2^62; Python 2 wrote an L behind some. */
static int take_extent(parser *p, int64_t *out) {
  skip_space(p);
  const uint8_t *first = p->at;
  *out = 0;
  for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
    if (*out >= (int64_t)1 << 58) return 0;
    *out = *out * 10 + (*p->at - '0');
  }
  if (p->at == first) return 0;
  if (p->at < p->end && *p->at == 'L') p->at++;
  return 1;
}

/* ---- values ---------------------------------------------------------------------------------- */

static borel_status read_descr(parser *p) {
  skip_space(p);
  if (p->at < p->end && *p->at == '[')
    return borel_fail(p->error, BOREL_ARG,
                      "%.700s: records (a structured dtype) cannot be read; save each field as an array",
                      p->name);
  return take_text(p, p->descr) ? BOREL_OK : malformed(p, "descr is no short text");
}

static borel_status read_order(parser *p) {
  if (take_word(p, "True"))
    p->header->fortran = 1;
  else if (!take_word(p, "False"))
    return malformed(p, "fortran_order is neither True nor False");
  return BOREL_OK;
}

static borel_status read_shape(parser *p) {
  borel_shape *shape = &p->header->shape;
  if (!take(p, '(')) return malformed(p, "shape is no tuple");
  while (!take(p, ')')) {
    int64_t extent;
    if (!take_extent(p, &extent)) return malformed(p, "shape holds something else than whole numbers");
    if (shape->rank == BOREL_MAX_RANK)
      return borel_fail(p->error, BOREL_ARG, "%.700s: the array has more than %d axes", p->name,
                        BOREL_MAX_RANK);
    shape->extent[shape->rank++] = extent;
    if (!take(p, ',')) {
      if (!take(p, ')')) return malformed(p, "shape is not closed");
      break;
    }
  }
  return BOREL_OK;
}

static borel_status read_dictionary(parser *p) {
  static const struct {
    const char *key;
    borel_status (*read)(parser *);
  } known[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
  char key[MOST_DESCR + 1];
  if (!take(p, '{')) return malformed(p, "no dictionary");
  while (!take(p, '}')) {
    if (!take_text(p, key) || !take(p, ':')) return malformed(p, "no key and colon where one is due");
    size_t k = 0;
    while (k < 3 && strcmp(key, known[k].key) != 0) k++;
    if (k == 3 || p->seen & 1u << k) return malformed(p, "a key that is unknown or there twice");
    p->seen |= 1u << k;
    borel_status status = known[k].read(p);
    if (status) return status;
    if (!take(p, ',')) {
      if (!take(p, '}')) return malformed(p, "the dictionary is not closed");
      break;
    }
  }
  skip_space(p);
  if (p->at != p->end) return malformed(p, "something follows the dictionary");
  return p->seen == 7 ? BOREL_OK : malformed(p, "descr, fortran_order or shape is missing");
}

/* ---- element types --------------------------------------------------------------------------- */

static const char *refusal(char kind) {
  switch (kind) {
  case 'O': return "objects are stored as pickles, which are programs: never read; save numbers";
  case 'U':
  case 'S': return "texts cannot be read from NPY; write them to a .csv or .json file";
  case 'c': return "complex numbers: save the real and the imaginary part";
  case 'M':
  case 'm': return "dates and times: save them as numbers";
  case 'V': return "records or raw bytes: save each field as an array";
  default: return "known are f4, f8, i1 to i8, u1 to u8 and b1";
  }
}

static borel_status read_type(parser *p) {
  const char *text = p->descr;
  borel_npy_header *h = p->header;
  char order = '|';
  if (*text == '<' || *text == '>' || *text == '|' || *text == '=') order = *text++;
  h->kind = *text;
  char *rest = NULL;
  long width = *text && text[1] >= '0' && text[1] <= '9' ? strtol(text + 1, &rest, 10) : 0;
  int whole = h->kind == 'i' || h->kind == 'u';
  int known = rest && *rest == 0 &&
              ((h->kind == 'f' && (width == 4 || width == 8)) || (h->kind == 'b' && width == 1) ||
               (whole && (width == 1 || width == 2 || width == 4 || width == 8)));
  if (!known)
    return borel_fail(p->error, BOREL_ARG, "%.600s: elements of type '%s' cannot be read: %s", p->name,
                      p->descr, refusal(h->kind));
  if (order == '|' && width > 1) return malformed(p, "descr does not say the byte order");
  h->width = (int)width;
  h->big_endian = order == '>'; /* '=' is the order of this machine, which is little-endian */
  return BOREL_OK;
}

borel_status borel_npy_header_parse(const char *name, const uint8_t *bytes, size_t size,
                                    borel_npy_header *header, borel_error *error) {
  parser p = {.name = name, .header = header, .error = error};
  *header = (borel_npy_header){0};
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
    return borel_fail(error, BOREL_ARG, "%.700s: no NPY file (it must start with \\x93NUMPY)", name);
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
    return borel_fail(error, BOREL_ARG, "%.700s: NPY version %d.%d is not known (1.0, 2.0 and 3.0 are)", name,
                      bytes[6], bytes[7]);
  size_t before = bytes[6] == 1 ? 10 : 12;
  if (size < before) return malformed(&p, "the file ends in it");
  size_t length = bytes[8] | (size_t)bytes[9] << 8;
  if (before == 12) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (length > MOST_HEADER) return malformed(&p, "longer than 65536 bytes");
  if (length > size - before) return malformed(&p, "the file ends in it");
  p.at = bytes + before;
  p.end = p.at + length;
  header->data = before + length;
  borel_status status = read_dictionary(&p);
  return status ? status : read_type(&p);
}
