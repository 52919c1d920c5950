/* SPDX-License-Identifier: MIT */
#include "graph/sufficient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"
#include "graph/linear_form.h"
#include "graph/sums.h"

/* Below this many rows for each that would be left a loop over them is as fast. */
enum { LEAST_RATIO = 2 };
static const double MOST_WORK = 1e9; /* operations of a factorisation: about a second */

/* ---- the triangle ---------------------------------------------------------------------------- */

/* Four sums, so that the order is stated and the loop is fast. */
static double product(const double *x, const double *y, size_t n) {
  double sum[4] = {0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t l = 0; l < 4; l++) sum[l] += x[i + l] * y[i + l];
  for (; i < n; i++) sum[0] += x[i] * y[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Householder (Golub and Van Loan, algorithm 5.2.1) on columns x[columns][rows], which are overwritten:
 * triangle[columns][columns], row by row. Own, since the bits of the result are part of a model's identity.
 */
static void triangle_of(double *x, size_t rows, size_t columns, double *triangle) {
  memset(triangle, 0, columns * columns * sizeof *triangle);
  for (size_t k = 0; k < columns; k++) {
    double *v = x + k * rows + k;
    size_t n = rows - k;
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(v[i]));
    double *row = triangle + k * columns;
    if (largest > 0) {
      for (size_t i = 0; i < n; i++) v[i] /= largest;
      double norm = sqrt(product(v, v, n)), head = v[0] > 0 ? -norm : norm;
      v[0] -= head;
      double half = product(v, v, n) / 2;
      row[k] = head * largest;
      for (size_t j = k + 1; j < columns; j++) {
        double *y = x + j * rows + k, by = product(v, y, n) / half;
        for (size_t i = 0; i < n; i++) y[i] -= by * v[i];
      }
    }
    for (size_t j = k + 1; j < columns; j++) row[j] = x[j * rows + k];
  }
}

static int all_finite(const double *x, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return 0;
  return 1;
}

/* ---- a square -------------------------------------------------------------------------------- */

static borel_node sum_of_squares(borel_sum *r, borel_node a) {
  return borel_sum_of(r, borel_sum_op(r, BOREL_OP_MUL, a, a));
}

static borel_node constant(borel_sum *r, const double *x, int rank, size_t rows, size_t columns) {
  borel_array array = borel_array_new(BOREL_F64, &(borel_shape){rank, {(int64_t)rows, (int64_t)columns}});
  if (!array.data) return BOREL_NO_NODE;
  memcpy(array.data, x, rows * columns * sizeof *x);
  borel_node node = borel_graph_array(r->graph, &array);
  borel_array_release(&array);
  return node;
}

/* The scale that every part has, which then leaves the square; BOREL_NO_NODE when there is none. A column of
 * data that is multiplied by it holds it as its unknown. */
static borel_node take_scale(borel_linear_form *f) {
  borel_node scale = BOREL_NO_NODE;
  for (size_t k = 0; k < f->count && scale == BOREL_NO_NODE; k++) scale = f->parts[k].scale;
  if (scale == BOREL_NO_NODE) return scale;
  for (size_t k = 0; k < f->count; k++) {
    const borel_linear_part *p = &f->parts[k];
    if (p->scale != scale && !(p->scale == BOREL_NO_NODE && p->v == scale && p->columns == 1))
      return BOREL_NO_NODE;
  }
  for (size_t k = 0; k < f->count; k++) {
    borel_linear_part *p = &f->parts[k];
    if (p->scale == BOREL_NO_NODE) p->v = BOREL_NO_NODE;
    p->scale = BOREL_NO_NODE;
  }
  return scale;
}

/* Which element of which vector a node is. */
static int element_of(const borel_graph *graph, borel_node node, borel_node *vector, int64_t *place) {
  if (node == BOREL_NO_NODE || borel_graph_at(graph, node)->op != BOREL_OP_GATHER) return 0;
  const borel_node *args = borel_graph_args(graph, node);
  const borel_node_info *index = borel_graph_at(graph, args[1]);
  if (index->op != BOREL_OP_SCALAR || borel_graph_at(graph, args[0])->shape.rank != 1) return 0;
  *vector = args[0];
  *place = index->attr;
  return 1;
}

/* All elements of a vector, each with a column of its own, become the vector with all columns: its derivative
 * is one array then, not many numbers. */
static void gather_elements(const borel_graph *graph, borel_linear_form *f, size_t first) {
  borel_node vector, other;
  int64_t place, size;
  if (f->parts[first].columns != 1 || !element_of(graph, f->parts[first].v, &vector, &place)) return;
  size = borel_shape_size(&borel_graph_at(graph, vector)->shape);
  double *matrix = calloc((size_t)size * f->rows + 1, sizeof *matrix);
  int64_t have = 0;
  if (!matrix) return; /* also right, only slower */
  for (size_t k = first; k < f->count; k++) {
    const borel_linear_part *p = &f->parts[k];
    if (p->columns != 1 || p->scale != f->parts[first].scale || !element_of(graph, p->v, &other, &place) ||
        other != vector)
      continue;
    memcpy(matrix + (size_t)place * f->rows, p->matrix, f->rows * sizeof *matrix);
    have++;
  }
  if (have < size) { /* parts of one form differ, so `have` places are different */
    free(matrix);
    return;
  }
  size_t kept = 0;
  for (size_t k = 0; k < f->count; k++) {
    borel_linear_part *p = &f->parts[k];
    if (k > first && p->columns == 1 && p->scale == f->parts[first].scale &&
        element_of(graph, p->v, &other, &place) && other == vector) {
      free(p->matrix);
      continue;
    }
    f->parts[kept++] = *p;
  }
  f->count = kept;
  free(f->parts[first].matrix);
  f->parts[first].matrix = matrix;
  f->parts[first].columns = (size_t)size;
  f->parts[first].v = vector;
}

/* The unknowns of the columns, as one vector. */
static borel_node coefficients(borel_sum *r, const borel_linear_form *f) {
  borel_node *list = malloc((f->count + 1) * sizeof *list), made = BOREL_NO_NODE;
  size_t count = 0;
  if (!list) return made;
  for (size_t k = 0; k < f->count; k++)
    if (f->parts[k].columns) {
      list[count] = borel_sum_times(r, f->parts[k].v, f->parts[k].scale);
      if (list[count++] == BOREL_NO_NODE) goto done;
    }
  made = borel_graph_op(r->graph, BOREL_OP_STACK, list, count, 0, NULL, r->error);
done:
  free(list);
  return made;
}

/* Takes the mean of each group out of every column: means[groups][columns] are of the groups' rows times the
 * root of their number. */
static void take_means(double *x, size_t rows, size_t columns, const int64_t *index, const double *root,
                       size_t groups, double *means) {
  memset(means, 0, groups * columns * sizeof *means);
  for (size_t c = 0; c < columns; c++) {
    double *column = x + c * rows;
    for (size_t i = 0; i < rows; i++) means[(size_t)index[i] * columns + c] += column[i];
    for (size_t g = 0; g < groups; g++)
      if (root[g] > 0) means[g * columns + c] /= root[g] * root[g];
    for (size_t i = 0; i < rows; i++) column[i] -= means[(size_t)index[i] * columns + c];
    for (size_t g = 0; g < groups; g++) means[g * columns + c] *= root[g];
  }
}

/* The sum of squares of a form: columns alone, or columns and one group, whose rows are split into the means
 * of the groups and what differs from them. */
static borel_node square_of_form(borel_sum *r, borel_linear_form *f, const borel_linear_part *group,
                                 size_t columns, size_t groups) {
  borel_node result = BOREL_NO_NODE;
  double *x = malloc((columns * f->rows + 1) * sizeof *x),
         *triangle = malloc((columns * columns + 1) * sizeof *triangle),
         *means = malloc((groups * columns + 1) * sizeof *means), *root = calloc(groups + 1, sizeof *root);
  if (!x || !triangle || !means || !root) goto done;
  size_t at = 0;
  for (size_t k = 0; k < f->count; k++) {
    if (f->parts[k].columns) memcpy(x + at, f->parts[k].matrix, f->parts[k].columns * f->rows * sizeof *x);
    at += f->parts[k].columns * f->rows;
  }
  for (size_t i = 0; group && i < f->rows; i++) root[group->index[i]] += 1;
  for (size_t g = 0; g < groups; g++) root[g] = sqrt(root[g]);
  if (group) take_means(x, f->rows, columns, group->index, root, groups, means);
  triangle_of(x, f->rows, columns, triangle);
  if (!all_finite(triangle, columns * columns) || !all_finite(means, groups * columns)) goto done;
  borel_node p = columns ? coefficients(r, f) : BOREL_NO_NODE, within = BOREL_NO_NODE;
  if (columns) {
    borel_node R = constant(r, triangle, 2, columns, columns);
    result = within = sum_of_squares(r, borel_sum_op(r, BOREL_OP_MATMUL, R, p));
    if (within == BOREL_NO_NODE) goto done;
  }
  if (group) {
    for (size_t g = 0; g < groups; g++) root[g] *= group->factor;
    borel_node level = borel_sum_op(r, BOREL_OP_MUL, constant(r, root, 1, groups, 1),
                                    borel_sum_times(r, group->v, group->scale));
    if (columns)
      level =
          borel_sum_op(r, BOREL_OP_ADD,
                       borel_sum_op(r, BOREL_OP_MATMUL, constant(r, means, 2, groups, columns), p), level);
    result = sum_of_squares(r, level);
    if (columns) result = borel_sum_op(r, BOREL_OP_ADD, result, within);
  }
done:
  free(x);
  free(triangle);
  free(means);
  free(root);
  return result;
}

/* The sum of z^2, or BOREL_NO_NODE where it stays what it is. */
static borel_node square(borel_sum *r, borel_node z, borel_sufficient *found) {
  borel_linear_form f;
  borel_node result = BOREL_NO_NODE;
  if (!borel_linear_form_of(r->graph, z, r->rows, &f)) return result;
  borel_node scale = take_scale(&f);
  size_t columns = 0, groups = 0;
  for (size_t k = 0; k < f.count; k++) gather_elements(r->graph, &f, k);
  const borel_linear_part *group = NULL;
  for (size_t k = 0; k < f.count; k++) {
    columns += f.parts[k].columns;
    if (f.parts[k].columns) continue;
    if (group) goto done;
    group = &f.parts[k];
    groups = (size_t)borel_shape_size(&borel_graph_at(r->graph, group->v)->shape);
  }
  if (r->rows / LEAST_RATIO < columns + groups ||
      (double)r->rows * (double)columns * (double)columns > MOST_WORK)
    goto done;
  result = square_of_form(r, &f, group, columns, groups);
  if (result == BOREL_NO_NODE) goto done;
  if (scale != BOREL_NO_NODE)
    result = borel_sum_op(r, BOREL_OP_MUL, borel_sum_op(r, BOREL_OP_MUL, scale, scale), result);
  r->taken++;
  found->sums++;
  found->rows += r->rows;
  found->left += columns + groups;
done:
  borel_linear_form_free(&f);
  return result;
}

/* ---- a sum ----------------------------------------------------------------------------------- */

/* A product of two arrays: of one with itself the square, if it is linear in the unknowns. */
static int take_square(borel_sum *r, double sign, borel_node scale, borel_node node, void *found) {
  if (borel_graph_at(r->graph, node)->op != BOREL_OP_MUL) return 0;
  borel_node a = borel_sum_strip(r, borel_graph_args(r->graph, node)[0], &sign, &scale),
             b = borel_sum_strip(r, borel_graph_args(r->graph, node)[1], &sign, &scale),
             squared = a == b ? square(r, a, found) : BOREL_NO_NODE;
  if (squared != BOREL_NO_NODE)
    borel_sum_add(r, &r->total, sign, scale, squared);
  else
    borel_sum_add(r, &r->rest, sign, scale, borel_sum_op(r, BOREL_OP_MUL, a, b));
  return 1;
}

borel_node borel_graph_sufficient(borel_graph *graph, borel_node root, borel_sufficient *found,
                                  borel_error *error) {
  return borel_graph_rewrite_sums(graph, root, take_square, found, 0, error);
}
