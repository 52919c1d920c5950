/* SPDX-License-Identifier: MIT */
#include "graph/linear_form.h"

#include <stdlib.h>
#include <string.h>

/* Limits: of columns, and of numbers in a form (512 MB). */
enum { MOST_COLUMNS = 512, MOST_DEPTH = 2000 };
static const size_t MOST_NUMBERS = (size_t)1 << 26;

typedef borel_linear_form form;
typedef borel_linear_part part;

static void free_part(part *p) {
  free(p->matrix);
  free(p->index);
}

void borel_linear_form_free(form *f) {
  for (size_t k = 0; k < f->count; k++) free_part(&f->parts[k]);
  free(f->parts);
  *f = (form){0};
}

/* A part with room for its columns, or for its index. */
static part *add_part(form *f, borel_node v, size_t columns) {
  size_t total = columns;
  for (size_t k = 0; k < f->count; k++) total += f->parts[k].columns;
  if (total > MOST_COLUMNS || (f->rows && total > MOST_NUMBERS / f->rows)) return NULL;
  part *parts = realloc(f->parts, (f->count + 1) * sizeof *parts);
  if (!parts) return NULL;
  f->parts = parts;
  part made = {BOREL_NO_NODE, v, columns, NULL, NULL, 1};
  if (columns)
    made.matrix = calloc(columns * f->rows + 1, sizeof *made.matrix);
  else
    made.index = calloc(f->rows + 1, sizeof *made.index);
  if (!made.matrix && !made.index) return NULL;
  parts[f->count] = made;
  return &parts[f->count++];
}

static borel_node argument(const borel_graph *graph, borel_node node, int k) {
  return borel_graph_args(graph, node)[k];
}

static int is_data(const borel_node_info *node) {
  return node->op == BOREL_OP_ARRAY && node->dtype == BOREL_F64;
}

static const double *elements(const borel_node_info *node) { return node->array.data; }

/* ---- operations on forms --------------------------------------------------------------------- */

static int same_term(const part *a, const part *b) {
  return a->scale == b->scale && a->v == b->v && a->columns == b->columns && a->columns > 0;
}

/* a + sign b, which is emptied. */
static int combine(form *a, form *b, double sign) {
  for (size_t k = 0; k < b->count; k++) {
    part *from = &b->parts[k];
    size_t j = 0, numbers = from->columns * a->rows;
    while (j < a->count && !same_term(&a->parts[j], from)) j++;
    if (j == a->count) {
      part *to = add_part(a, from->v, from->columns);
      if (!to) goto fail;
      to->scale = from->scale;
    }
    part *to = &a->parts[j];
    for (size_t i = 0; i < numbers; i++) to->matrix[i] += sign * from->matrix[i];
    to->factor = sign * from->factor;
    if (!from->columns) memcpy(to->index, from->index, a->rows * sizeof *to->index);
  }
  borel_linear_form_free(b);
  return 1;
fail:
  borel_linear_form_free(a);
  borel_linear_form_free(b);
  return 0;
}

/* Each row times its number: rows[i], or `number` where rows is NULL. Divides instead when `over`. */
static int stretch_rows(form *f, const double *rows, double number, int over) {
  for (size_t k = 0; k < f->count; k++) {
    part *p = &f->parts[k];
    if (!p->columns && rows) return borel_linear_form_free(f), 0;
    if (!p->columns) p->factor = over ? p->factor / number : p->factor * number;
    for (size_t c = 0; c < p->columns; c++)
      for (size_t i = 0; i < f->rows; i++) {
        double by = rows ? rows[i] : number, *x = &p->matrix[c * f->rows + i];
        *x = over ? *x / by : *x * by;
      }
  }
  return 1;
}

/* The form times a scalar node. */
static int scale(borel_graph *graph, form *f, borel_node by) {
  double number;
  if (borel_graph_constant(graph, by, &number)) return stretch_rows(f, NULL, number, 0);
  for (size_t k = 0; k < f->count; k++) {
    part *p = &f->parts[k];
    borel_node *place = p->v == BOREL_NO_NODE ? &p->v : &p->scale;
    if (*place == BOREL_NO_NODE)
      *place = by;
    else
      *place = borel_graph_op(graph, BOREL_OP_MUL, (borel_node[]){*place, by}, 2, 0, NULL, NULL);
    if (*place == BOREL_NO_NODE) return borel_linear_form_free(f), 0;
  }
  return 1;
}

/* The rows that an index names. */
static int pick_rows(form *f, const int64_t *index, size_t rows) {
  for (size_t k = 0; k < f->count; k++) {
    part *p = &f->parts[k];
    part made = *p;
    made.matrix = p->columns ? malloc((p->columns * rows + 1) * sizeof *made.matrix) : NULL;
    made.index = p->columns ? NULL : malloc((rows + 1) * sizeof *made.index);
    if (!made.matrix && !made.index) return borel_linear_form_free(f), 0;
    for (size_t i = 0; i < rows; i++) {
      if (!p->columns) made.index[i] = p->index[index[i]];
      for (size_t c = 0; c < p->columns; c++)
        made.matrix[c * rows + i] = p->matrix[c * f->rows + (size_t)index[i]];
    }
    free_part(p);
    *p = made;
  }
  f->rows = rows;
  return 1;
}

/* ---- analysis -------------------------------------------------------------------------------- */

static int analyse(borel_graph *graph, borel_node node, size_t rows, int depth, form *f);

static int analyse_data(const borel_node_info *node, form *f) {
  part *p = add_part(f, BOREL_NO_NODE, 1);
  if (!p) return 0;
  memcpy(p->matrix, elements(node), f->rows * sizeof *p->matrix);
  return 1;
}

/* One number for all rows. */
static int analyse_number(const borel_graph *graph, borel_node node, form *f) {
  double number = 1;
  int known = borel_graph_constant(graph, node, &number);
  part *p = add_part(f, known ? BOREL_NO_NODE : node, 1);
  if (!p) return 0;
  for (size_t i = 0; i < f->rows; i++) p->matrix[i] = number;
  return 1;
}

/* Data [rows, columns] times a vector. */
static int analyse_product(const borel_graph *graph, borel_node node, form *f) {
  borel_node vector = argument(graph, node, 1);
  const borel_node_info *info = borel_graph_at(graph, node),
                        *data = borel_graph_at(graph, argument(graph, node, 0));
  if (!is_data(data) || info->attr != 0 || borel_graph_at(graph, vector)->shape.rank != 1) return 0;
  size_t columns = (size_t)data->shape.extent[1];
  if (columns == 0 || columns > MOST_COLUMNS) return 0;
  part *p = add_part(f, vector, columns);
  if (!p) return 0;
  for (size_t c = 0; c < columns; c++)
    for (size_t i = 0; i < f->rows; i++) p->matrix[c * f->rows + i] = elements(data)[i * columns + c];
  return 1;
}

/* Rows of something linear, or a level for each group. */
static int analyse_gather(borel_graph *graph, borel_node node, int depth, form *f) {
  borel_node from = argument(graph, node, 0);
  const borel_node_info *index = borel_graph_at(graph, argument(graph, node, 1)),
                        *source = borel_graph_at(graph, from);
  if (index->op != BOREL_OP_ARRAY) return 0;
  const int64_t *places = index->array.data;
  int is_vector = source->shape.rank == 1;
  size_t rows = f->rows;
  if (analyse(graph, from, (size_t)borel_shape_size(&source->shape), depth, f))
    return pick_rows(f, places, rows);
  *f = (form){rows, 0, NULL};
  part *p = is_vector ? add_part(f, from, 0) : NULL;
  if (!p) return 0;
  memcpy(p->index, places, rows * sizeof *p->index);
  return 1;
}

static int analyse_two(borel_graph *graph, borel_node node, int depth, form *f) {
  borel_op op = borel_graph_at(graph, node)->op;
  borel_node a = argument(graph, node, 0), b = argument(graph, node, 1);
  size_t rows = f->rows;
  if (op == BOREL_OP_ADD || op == BOREL_OP_SUB) {
    form right;
    if (!analyse(graph, a, rows, depth, f)) return 0;
    if (analyse(graph, b, rows, depth, &right)) return combine(f, &right, op == BOREL_OP_ADD ? 1 : -1);
    borel_linear_form_free(f);
    return 0;
  }
  for (int k = 0; k < (op == BOREL_OP_MUL ? 2 : 1); k++) {
    borel_node factor = k == 0 ? b : a, rest = k == 0 ? a : b;
    const borel_node_info *by = borel_graph_at(graph, factor);
    const double *numbers = is_data(by) ? elements(by) : NULL;
    if (by->shape.rank > 0 && (!numbers || (size_t)borel_shape_size(&by->shape) != rows)) continue;
    if (!analyse(graph, rest, rows, depth, f)) continue;
    if (numbers) return stretch_rows(f, numbers, 0, op == BOREL_OP_DIV);
    return op == BOREL_OP_MUL ? scale(graph, f, factor) : (borel_linear_form_free(f), 0);
  }
  return 0;
}

static int analyse(borel_graph *graph, borel_node node, size_t rows, int depth, form *f) {
  const borel_node_info *info = borel_graph_at(graph, node);
  *f = (form){rows, 0, NULL};
  int linear = 0;
  if (info->dtype != BOREL_F64 || depth > MOST_DEPTH) return 0;
  if (info->shape.rank == 0)
    linear = analyse_number(graph, node, f);
  else if ((size_t)borel_shape_size(&info->shape) != rows)
    linear = 0;
  else
    switch (info->op) {
    case BOREL_OP_ARRAY: linear = analyse_data(info, f); break;
    case BOREL_OP_BROADCAST:
      if (borel_graph_at(graph, argument(graph, node, 0))->shape.rank > 0) break;
      return analyse(graph, argument(graph, node, 0), rows, depth + 1, f);
    case BOREL_OP_RESHAPE: return analyse(graph, argument(graph, node, 0), rows, depth + 1, f);
    case BOREL_OP_NEG:
      return analyse(graph, argument(graph, node, 0), rows, depth + 1, f) && stretch_rows(f, NULL, -1, 0);
    case BOREL_OP_ADD:
    case BOREL_OP_SUB:
    case BOREL_OP_MUL:
    case BOREL_OP_DIV: linear = analyse_two(graph, node, depth + 1, f); break;
    case BOREL_OP_MATMUL: linear = analyse_product(graph, node, f); break;
    case BOREL_OP_GATHER: linear = analyse_gather(graph, node, depth + 1, f); break;
    default: break;
    }
  if (!linear) borel_linear_form_free(f);
  return linear;
}

int borel_linear_form_of(borel_graph *graph, borel_node node, size_t rows, form *f) {
  return analyse(graph, node, rows, 0, f);
}
