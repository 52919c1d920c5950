/* SPDX-License-Identifier: MIT
 * Two passes: the first finds names, types and the number of rows, so that the second fills arrays of known
 * size. */
#include "data/csv.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/suggest.h"
#include "data/csv_field.h"

enum { MOST_COLUMNS = 10000, MOST_NAME = 200, MOST_FIELD = 1 << 20, BLOCK = 1 << 12 };

typedef struct {
  char *name;
  int kept;
  borel_csv_type asked, type; /* `type` is GUESS until an entry decides */
  int whole, missing;         /* all entries so far are whole; some are missing */
  size_t rounded;             /* line of the first whole number that a double does not hold; 0: none */
  char rounded_text[64];
  borel_column *out; /* in the second pass */
} column;

typedef struct {
  const char *name;
  const borel_csv_options *options;
  size_t line, record_line; /* physical lines from 1; record_line 0: between records */
  size_t record, field;     /* record 0 is the header */
  column *columns;
  size_t width;
  borel_table *out; /* NULL in the first pass */
  borel_status status;
  borel_error *error;
} reader;

#define FAIL(r, ...) ((void)((r)->status = borel_fail((r)->error, BOREL_ARG, __VA_ARGS__)))

static void out_of_memory(reader *r) {
  r->status = borel_fail(r->error, BOREL_INTERNAL, "%.700s: out of memory", r->name);
}

/* ---- header ---------------------------------------------------------------------------------- */

static void add_column(reader *r, const char *text, size_t length) {
  if (r->width == MOST_COLUMNS) {
    FAIL(r, "%.700s:%zu: more than %d columns", r->name, r->record_line, MOST_COLUMNS);
    return;
  }
  if (length > MOST_NAME) {
    FAIL(r, "%.700s:%zu: the name of column %zu has more than %d bytes", r->name, r->record_line,
         r->width + 1, MOST_NAME);
    return;
  }
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ') {
      FAIL(r, "%.700s:%zu: the name of column %zu holds a line break or another control character", r->name,
           r->record_line, r->width + 1);
      return;
    }
  if (r->width % 64 == 0) {
    column *grown = realloc(r->columns, (r->width + 64) * sizeof *grown);
    if (!grown) {
      out_of_memory(r);
      return;
    }
    r->columns = grown;
  }
  column *c = &r->columns[r->width];
  *c = (column){.name = strndup(text ? text : "", length), .whole = 1};
  if (!c->name)
    out_of_memory(r);
  else
    r->width++;
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const column *const *)a)->name, (*(const column *const *)b)->name);
}

static void check_names(reader *r) {
  const column **sorted = malloc(r->width * sizeof *sorted);
  size_t numbers = 0;
  if (!sorted) {
    out_of_memory(r);
    return;
  }
  for (size_t i = 0; i < r->width; i++) {
    const char *name = r->columns[i].name;
    sorted[i] = &r->columns[i];
    numbers += borel_csv_field_read(name, strlen(name)).numeric != 0;
    if (!*name && i > 0) FAIL(r, "%.700s:%zu: column %zu has no name", r->name, r->record_line, i + 1);
  }
  if (!r->status && numbers == r->width)
    FAIL(r, "%.700s:%zu: the first line must name the columns, it holds numbers", r->name, r->record_line);
  qsort(sorted, r->width, sizeof(const column *), by_name);
  for (size_t i = 1; !r->status && i < r->width; i++)
    if (by_name(&sorted[i - 1], &sorted[i]) == 0)
      FAIL(r, "%.500s:%zu: two columns are named '%s'", r->name, r->record_line, sorted[i]->name);
  free(sorted);
}

static column *find(reader *r, const char *name, const char *option) {
  for (size_t i = 0; i < r->width; i++)
    if (strcmp(r->columns[i].name, name) == 0) return &r->columns[i];
  const char **names = malloc(r->width * sizeof *names);
  const char *nearest = NULL;
  for (size_t i = 0; names && i < r->width; i++) names[i] = r->columns[i].name;
  if (names) nearest = borel_nearest(name, names, r->width);
  free(names);
  FAIL(r, "%.400s: option '%s' names column '%.100s', which the file does not have%s%s%s", r->name, option,
       name, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
  return NULL;
}

static void apply_options(reader *r) {
  const borel_csv_options *options = r->options;
  for (size_t i = 0; i < r->width; i++)
    r->columns[i].kept = options->column_count == 0 && *r->columns[i].name;
  for (size_t i = 0; !r->status && i < options->column_count; i++) {
    column *c = find(r, options->columns[i], "columns");
    if (c) c->kept = 1;
  }
  for (size_t i = 0; !r->status && i < options->type_count; i++) {
    column *c = find(r, options->types[i].column, "types");
    if (c) c->asked = c->type = options->types[i].type;
  }
}

/* ---- entries --------------------------------------------------------------------------------- */

/* An entry as a message can show it: one line, not too long. */
static const char *shown(const char *text, char out[64]) {
  size_t n = 0;
  for (; text[n] && n < 60; n++) out[n] = (unsigned char)text[n] < ' ' ? ' ' : text[n];
  snprintf(out + n, 64 - n, "%s", text[n] ? "..." : "");
  return out;
}

static void wrong_entry(reader *r, const column *c, const char *text, const char *why) {
  char copy[64];
  FAIL(r, "%.500s:%zu: column '%s': %s%s%s %s", r->name, r->record_line, c->name, text ? "'" : "",
       text ? shown(text, copy) : "a missing entry", text ? "'" : "", why);
}

static borel_csv_type type_of(const borel_csv_field *f) {
  return f->numeric ? BOREL_CSV_F64 : f->truth >= 0 ? BOREL_CSV_BOOL : BOREL_CSV_TEXT;
}

/* First pass: does the entry agree with the type of its column, which it may decide? */
static void survey(reader *r, column *c, const char *text, const borel_csv_field *f) {
  c->missing |= f->missing;
  c->whole &= f->whole;
  if (f->missing) {
    if (c->asked == BOREL_CSV_I64 || c->asked == BOREL_CSV_BOOL)
      wrong_entry(r, c, NULL, c->asked == BOREL_CSV_I64 ? "cannot be i64; f64 has NaN" : "cannot be bool");
    return;
  }
  if (c->type == BOREL_CSV_GUESS) c->type = type_of(f);
  if (f->beyond && c->type == BOREL_CSV_F64) {
    wrong_entry(r, c, text, "is beyond the largest number, 1.8e308; inf is one that is meant");
    return;
  }
  if (f->rounded && !c->rounded) { /* no harm where all turn out to be i64 or texts */
    c->rounded = r->record_line;
    shown(text, c->rounded_text);
  }
  switch (c->type) {
  case BOREL_CSV_F64:
    if (!f->numeric)
      wrong_entry(r, c, text,
                  c->asked ? "is no number"
                           : "is no number, as the entries before are; missing ones are empty or NA, and "
                             "types = { <column> = \"text\" } keeps texts");
    break;
  case BOREL_CSV_I64:
    if (!f->whole) wrong_entry(r, c, text, "is no whole number of 64 bits");
    break;
  case BOREL_CSV_BOOL:
    if (f->truth < 0) wrong_entry(r, c, text, "is neither true nor false, as the entries before are");
    break;
  default: break;
  }
}

static void store(reader *r, const column *c, size_t row, const char *text, size_t length,
                  const borel_csv_field *f) {
  if (c->out->cells) {
    borel_cell *cell = &c->out->cells[row];
    if (f->missing) return;
    if (!(cell->bytes = malloc(length + 1))) {
      out_of_memory(r);
      return;
    }
    memcpy(cell->bytes, text, length + 1);
    cell->length = length;
    return;
  }
  switch (c->out->array.dtype) {
  case BOREL_I64: ((int64_t *)c->out->array.data)[row] = f->integer; break;
  case BOREL_BOOL: ((uint8_t *)c->out->array.data)[row] = (uint8_t)f->truth; break;
  default: ((double *)c->out->array.data)[row] = f->number;
  }
}

/* ---- libcsv's callbacks ---------------------------------------------------------------------- */

static void on_field(void *bytes, size_t length, void *context) {
  reader *r = context;
  const char *text = bytes;
  size_t i = r->field++;
  if (r->status || (r->record > 0 && i >= r->width)) return; /* too many: told at the end of the record */
  if (r->record == 0) {
    if (!r->out) add_column(r, text, length);
    return;
  }
  column *c = &r->columns[i];
  if (!c->kept) return;
  borel_csv_field f = borel_csv_field_read(text, length);
  if (r->out)
    store(r, c, r->record - 1, text, length, &f);
  else
    survey(r, c, text, &f);
}

static void on_record(int end, void *context) {
  reader *r = context;
  (void)end;
  if (!r->status && r->record == 0 && !r->out) {
    check_names(r);
    if (!r->status) apply_options(r);
  } else if (!r->status && r->field != r->width) {
    FAIL(r, "%.700s:%zu: %zu fields, the header names %zu", r->name, r->record_line, r->field, r->width);
  }
  r->record++;
  r->field = 0;
  r->record_line = 0;
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Bytes up to and with the end of the line: \n, \r or both. */
static size_t line_length(const uint8_t *at, size_t left) {
  for (size_t i = 0; i < left; i++) {
    if (at[i] == '\n') return i + 1;
    if (at[i] == '\r') return i + 1 < left && at[i + 1] == '\n' ? i + 2 : i + 1;
  }
  return left;
}

static void damaged(reader *r, struct csv_parser *parser) {
  if (csv_error(parser) == CSV_EPARSE)
    FAIL(r,
         "%.700s:%zu: a quote in the middle of a field or not closed; quotes inside a quoted field are "
         "doubled",
         r->name, r->record_line ? r->record_line : r->line);
  else
    out_of_memory(r);
}

/* Feeds line by line, so that the callbacks know where they are. */
static void feed(reader *r, struct csv_parser *parser, const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size && !r->status;) {
    size_t n = line_length(bytes + at, size - at);
    r->line++;
    if (r->record_line == 0 || (r->field == 0 && parser->entry_pos == 0 && !parser->quoted))
      r->record_line = r->line;
    if (csv_parse(parser, bytes + at, n, on_field, on_record, r) != n && !r->status) damaged(r, parser);
    if (!r->status && parser->entry_pos > MOST_FIELD)
      FAIL(r, "%.700s:%zu: a field of more than 1 MiB: is a quote not closed?", r->name, r->record_line);
    at += n;
  }
  if (!r->status && csv_fini(parser, on_field, on_record, r) != 0 && !r->status) damaged(r, parser);
}

static void pass(reader *r, const uint8_t *bytes, size_t size) {
  struct csv_parser parser;
  r->line = r->record_line = r->record = r->field = 0;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_EMPTY_IS_NULL) != 0) {
    out_of_memory(r);
    return;
  }
  csv_set_blk_size(&parser, BLOCK);
  if (r->options->delimiter) csv_set_delim(&parser, (unsigned char)r->options->delimiter);
  feed(r, &parser, bytes, size);
  csv_free(&parser);
}

static borel_dtype dtype_of(const column *c) {
  borel_csv_type type = c->asked ? c->asked : c->type;
  if (type == BOREL_CSV_BOOL) return BOREL_BOOL;
  if (type == BOREL_CSV_I64) return BOREL_I64;
  return c->asked == BOREL_CSV_GUESS && type == BOREL_CSV_F64 && c->whole && !c->missing ? BOREL_I64
                                                                                         : BOREL_F64;
}

/* Makes the columns that the second pass fills. */
static void allocate(reader *r, borel_table *out) {
  borel_shape shape = {1, {(int64_t)out->rows}};
  for (size_t i = 0; i < r->width && !r->status; i++) {
    const column *c = &r->columns[i];
    if (!c->kept) continue;
    if (c->type == BOREL_CSV_BOOL && c->missing) {
      FAIL(r,
           "%.500s: column '%s' holds true and false with missing entries between; types = { %.60s = "
           "\"text\" } "
           "keeps it as texts",
           r->name, c->name, c->name);
      return;
    }
    if (c->rounded && c->type == BOREL_CSV_F64 && dtype_of(c) == BOREL_F64) {
      FAIL(r,
           "%.500s:%zu: column '%s': '%s' is a whole number above 2^53, which an f64 cannot hold; types = { "
           "%.60s = \"text\" } keeps it",
           r->name, c->rounded, c->name, c->rounded_text, c->name);
      return;
    }
    borel_column *made = borel_table_add(out, c->name, strlen(c->name));
    if (made && c->type == BOREL_CSV_TEXT)
      made->cells = calloc(out->rows, sizeof *made->cells);
    else if (made)
      made->array = borel_array_new(dtype_of(c), &shape);
    if (!made || !(made->cells || made->array.data)) out_of_memory(r);
  }
  for (size_t i = 0, k = 0; i < r->width && !r->status; i++)
    if (r->columns[i].kept) r->columns[i].out = &out->columns[k++];
}

static void read_table(reader *r, const uint8_t *bytes, size_t size, borel_table *out) {
  static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
  size_t bad = borel_csv_bad_line(bytes, size);
  if (bad) {
    FAIL(r, "%.700s:%zu: not UTF-8 text; save the file as UTF-8", r->name, bad);
    return;
  }
  size_t skip = size >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0 ? sizeof mark : 0;
  pass(r, bytes + skip, size - skip);
  if (r->status) return;
  if (r->record < 2) {
    FAIL(r, "%.700s: %s", r->name, r->record ? "no rows below the header" : "the file is empty");
    return;
  }
  out->rows = r->record - 1;
  allocate(r, out);
  if (r->status) return;
  r->out = out;
  pass(r, bytes + skip, size - skip);
}

borel_status borel_csv_parse(const char *name, const uint8_t *bytes, size_t size,
                             const borel_csv_options *options, borel_table *out, borel_error *error) {
  reader r = {.name = name, .options = options, .error = error};
  *out = (borel_table){0};
  read_table(&r, bytes, size, out);
  for (size_t i = 0; i < r.width; i++) free(r.columns[i].name);
  free(r.columns);
  if (r.status) borel_table_free(out);
  return r.status;
}
