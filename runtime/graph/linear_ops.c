/* SPDX-License-Identifier: MIT
 * Linear algebra as operations of the graph: shapes, evaluation, and derivatives in terms of the same
 * operations, so that they can be differentiated again.
 *   Cholesky: I. Murray 2016, Differentiation of the Cholesky decomposition, eq. 10 (arXiv:1602.07527).
 *   Solutions, determinants, eigenvectors: M. Giles 2008, An extended collection of matrix derivative results
 * for forward and reverse mode algorithmic differentiation, sections 2.2.3, 2.2.4, 3.1 and 3.2. */
#include "graph/linear.h"

#include "graph/internal.h"

#define EVAL(NAME)                                                                                           \
  void borel_eval_##NAME(const borel_node_info *node, const borel_operand *args, size_t count, void *out)
#define SHAPE(NAME)                                                                                          \
  borel_status borel_shape_##NAME(borel_node_info *info, const borel_node_info *const *args, size_t count,   \
                                  const borel_shape *stated, borel_error *error)
#define RULE(NAME) void borel_vjp_##NAME(borel_vjp *v)

/* ---- shapes ---------------------------------------------------------------------------------- */

static borel_status check(const borel_node_info *info, const borel_node_info *const *args, size_t count,
                          size_t wanted, borel_error *error) {
  const char *name = borel_op_get(info->op)->name;
  char text[64];
  if (count != wanted)
    return borel_fail(error, BOREL_ARG, "%s: takes %zu arguments, got %zu", name, wanted, count);
  for (size_t i = 0; i < count; i++)
    if (args[i]->dtype != BOREL_F64)
      return borel_fail(error, BOREL_ARG, "%s: needs f64 arrays, got %s", name,
                        borel_dtype_name(args[i]->dtype));
  const borel_shape *a = &args[0]->shape;
  int factored = info->op == BOREL_OP_DET_SIGN;
  if (a->rank != 2 || a->extent[0] - factored != a->extent[1])
    return borel_fail(error, BOREL_ARG, "%s: needs a square matrix, got shape %s", name,
                      borel_shape_text(a, text));
  if (a->extent[1] > BOREL_LINEAR_MOST)
    return borel_fail(error, BOREL_ARG, "%s: a matrix of shape %s is too large, the most is %d rows", name,
                      borel_shape_text(a, text), BOREL_LINEAR_MOST);
  return BOREL_OK;
}

/* The result of solving with a [N,N] and a right side of [N] or [N,M] has the shape of the latter. */
static borel_status check_right_side(borel_node_info *info, const borel_shape *a, const borel_shape *b,
                                     borel_error *error) {
  char left[64], right[64];
  if ((b->rank != 1 && b->rank != 2) || b->extent[0] != a->extent[0])
    return borel_fail(
        error, BOREL_ARG,
        "%s: the right side has shape %s; a vector of %lld elements or a matrix of %lld rows fits the "
        "matrix of shape %s",
        borel_op_get(info->op)->name, borel_shape_text(b, right), (long long)a->extent[0],
        (long long)a->extent[0], borel_shape_text(a, left));
  if (b->rank == 2 && b->extent[1] > INT32_MAX)
    return borel_fail(error, BOREL_ARG, "%s: the right side has too many columns",
                      borel_op_get(info->op)->name);
  info->shape = *b;
  info->dtype = BOREL_F64;
  return BOREL_OK;
}

static borel_status check_factors(const borel_node_info *info, const borel_shape *a, const borel_shape *lu,
                                  borel_error *error) {
  if (lu->rank == 2 && lu->extent[0] == a->extent[0] + 1 && lu->extent[1] == a->extent[1]) return BOREL_OK;
  return borel_fail(error, BOREL_INTERNAL, "%s: these are not the factors of the matrix",
                    borel_op_get(info->op)->name);
}

SHAPE(CHOLESKY) {
  (void)stated;
  borel_status status = check(info, args, count, 1, error);
  if (status) return status;
  info->shape = args[0]->shape;
  info->dtype = BOREL_F64;
  return BOREL_OK;
}

SHAPE(SOLVE_TRIANGULAR) {
  (void)stated;
  borel_status status = check(info, args, count, 2, error);
  return status ? status : check_right_side(info, &args[0]->shape, &args[1]->shape, error);
}

static borel_status check_factor(const borel_node_info *info, const borel_shape *a, const borel_shape *l,
                                 borel_error *error) {
  if (borel_shape_equal(a, l)) return BOREL_OK;
  return borel_fail(error, BOREL_INTERNAL, "%s: this is not the factor of the matrix",
                    borel_op_get(info->op)->name);
}

SHAPE(POSITIVE_INVERSE) {
  (void)stated;
  borel_status status = check(info, args, count, 2, error);
  if (!status) status = check_factor(info, &args[0]->shape, &args[1]->shape, error);
  info->shape = args[0]->shape;
  info->dtype = BOREL_F64;
  return status;
}

SHAPE(LOG_DET) {
  (void)stated;
  borel_status status = check(info, args, count, 2, error);
  if (!status) status = check_factor(info, &args[0]->shape, &args[1]->shape, error);
  info->shape = (borel_shape){0};
  info->dtype = BOREL_F64;
  return status;
}

SHAPE(MAHALANOBIS) {
  (void)stated;
  borel_status status = check(info, args, count, 4, error);
  if (!status) status = check_factor(info, &args[0]->shape, &args[1]->shape, error);
  if (!status) status = check_right_side(info, &args[0]->shape, &args[2]->shape, error);
  if (!status) status = check_right_side(info, &args[0]->shape, &args[3]->shape, error);
  if (!status) info->shape = (borel_shape){info->shape.rank - 1, {info->shape.extent[1]}};
  return status;
}

SHAPE(LU) {
  (void)stated;
  borel_status status = check(info, args, count, 1, error);
  if (status) return status;
  info->shape = args[0]->shape;
  info->shape.extent[0]++;
  info->dtype = BOREL_F64;
  return BOREL_OK;
}

SHAPE(SOLVE) {
  (void)stated;
  borel_status status = check(info, args, count, 3, error);
  if (!status) status = check_factors(info, &args[0]->shape, &args[1]->shape, error);
  return status ? status : check_right_side(info, &args[0]->shape, &args[2]->shape, error);
}

SHAPE(LOG_ABS_DET) {
  (void)stated;
  borel_status status = check(info, args, count, 2, error);
  if (!status) status = check_factors(info, &args[0]->shape, &args[1]->shape, error);
  info->shape = (borel_shape){0};
  info->dtype = BOREL_F64;
  return status;
}

SHAPE(DET_SIGN) {
  (void)stated;
  borel_status status = check(info, args, count, 1, error);
  info->shape = (borel_shape){0};
  info->dtype = BOREL_F64;
  return status;
}

SHAPE(EIGH) {
  (void)stated;
  borel_status status = check(info, args, count, 1, error);
  if (status) return status;
  info->shape = args[0]->shape;
  info->shape.extent[0] += 4;
  info->dtype = BOREL_F64;
  return BOREL_OK;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

static int64_t rows(const borel_operand *a) { return a->shape->extent[0]; }
static int64_t columns(const borel_operand *b) { return b->shape->rank == 2 ? b->shape->extent[1] : 1; }

EVAL(CHOLESKY) {
  (void)node, (void)count;
  borel_linear_cholesky(rows(&args[0]), args[0].data, out);
}
EVAL(SOLVE_TRIANGULAR) {
  (void)count;
  borel_linear_solve_triangular(rows(&args[0]), columns(&args[1]), node->attr != 0, args[0].data,
                                args[1].data, out);
}
EVAL(POSITIVE_INVERSE) {
  (void)node, (void)count;
  borel_linear_positive_inverse(rows(&args[0]), args[1].data, out);
}
EVAL(LOG_DET) {
  (void)node, (void)count;
  *(double *)out = borel_linear_log_det(rows(&args[0]), args[1].data);
}
EVAL(MAHALANOBIS) {
  (void)node, (void)count;
  borel_linear_mahalanobis(rows(&args[0]), columns(&args[2]), args[3].data, out);
}
EVAL(LU) {
  (void)node, (void)count;
  borel_linear_lu(rows(&args[0]), args[0].data, out);
}
EVAL(SOLVE) {
  (void)count;
  borel_linear_solve(rows(&args[0]), columns(&args[2]), node->attr != 0, args[1].data, args[2].data, out);
}
EVAL(LOG_ABS_DET) {
  (void)node, (void)count;
  *(double *)out = borel_linear_log_abs_det(rows(&args[0]), args[1].data);
}
EVAL(DET_SIGN) {
  (void)node, (void)count;
  *(double *)out = borel_linear_det_sign(rows(&args[0]) - 1, args[0].data);
}
EVAL(EIGH) {
  (void)node, (void)count;
  borel_linear_eigh(rows(&args[0]), args[0].data, out);
}

/* ---- derivatives ----------------------------------------------------------------------------- */

static borel_node make(borel_vjp *v, borel_op op, borel_node a, borel_node b, int64_t attr) {
  return borel_graph_op(v->graph, op, (borel_node[]){a, b}, b == BOREL_NO_NODE ? 1 : 2, attr, NULL, v->error);
}
static const borel_shape *shape_of(const borel_vjp *v, borel_node node) {
  return &borel_graph_at(v->graph, node)->shape;
}
/* The adjoint with the full shape of y. */
static borel_node full(borel_vjp *v) {
  borel_shape shape = *shape_of(v, v->y);
  return borel_graph_expand(v->graph, v->g, &shape, v->error);
}
static borel_node reshaped(borel_vjp *v, borel_node x, borel_shape to) {
  return borel_graph_op(v->graph, BOREL_OP_RESHAPE, &x, 1, 0, &to, v->error);
}

/* A constant [n,n] with one value above the diagonal, one on it, one below. */
static borel_node pattern(borel_vjp *v, int64_t n, double below, double on, double above) {
  borel_array array = borel_array_new(BOREL_F64, &(borel_shape){2, {n, n}});
  if (!array.data) return BOREL_NO_NODE;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) ((double *)array.data)[i * n + j] = i == j ? on : i > j ? below : above;
  borel_node made = borel_graph_array(v->graph, &array);
  borel_array_release(&array);
  return made;
}

/* `count` rows of `width` elements from row `first` of x; transposed: the columns of that block as rows. */
static borel_node block(borel_vjp *v, borel_node x, int64_t first, int64_t count, int64_t width,
                        int transposed) {
  borel_shape shape = {2, {transposed ? width : count, transposed ? count : width}};
  borel_array index = borel_array_new(BOREL_I64, &shape);
  if (!index.data) return BOREL_NO_NODE;
  int64_t *at = index.data;
  for (int64_t i = 0; i < shape.extent[0]; i++)
    for (int64_t j = 0; j < shape.extent[1]; j++)
      *at++ = (first + (transposed ? j : i)) * width + (transposed ? i : j);
  borel_node made = make(v, BOREL_OP_GATHER, x, borel_graph_array(v->graph, &index), 0);
  borel_array_release(&index);
  return made;
}
static borel_node transpose(borel_vjp *v, borel_node x) {
  if (x == BOREL_NO_NODE) return x;
  return block(v, x, 0, shape_of(v, x)->extent[0], shape_of(v, x)->extent[1], 1);
}

/* What the adjoint M of a symmetric matrix is for its lower triangle, the one that is read. */
static borel_node to_lower_triangle(borel_vjp *v, int64_t n, borel_node M) {
  return make(v, BOREL_OP_MUL, make(v, BOREL_OP_ADD, M, transpose(v, M), 0), pattern(v, n, 1, 0.5, 0), 0);
}

/* p q' for vectors and matrices. */
static borel_node outer(borel_vjp *v, borel_node p, borel_node q) {
  if (p == BOREL_NO_NODE || q == BOREL_NO_NODE) return BOREL_NO_NODE;
  int64_t n = shape_of(v, p)->extent[0];
  if (shape_of(v, p)->rank == 1) p = reshaped(v, p, (borel_shape){2, {n, 1}});
  if (shape_of(v, q)->rank == 1) q = reshaped(v, q, (borel_shape){2, {n, 1}});
  return make(v, BOREL_OP_MATMUL, p, q, 2);
}

/* With F(M) the lower triangle of M, its diagonal halved: A_bar = L^-T (F(L' L_bar) + F(L' L_bar)') L^-1, of
 * which the lower triangle takes both halves. */
RULE(CHOLESKY) {
  int64_t n = shape_of(v, v->y)->extent[0];
  borel_node L = v->y, half = pattern(v, n, 1, 0.5, 0);
  borel_node P = make(v, BOREL_OP_MUL, make(v, BOREL_OP_MATMUL, L, full(v), 1), half, 0);
  borel_node S = make(v, BOREL_OP_ADD, P, transpose(v, P), 0);
  borel_node left = make(v, BOREL_OP_SOLVE_TRIANGULAR, L, S, 1);
  borel_node both = make(v, BOREL_OP_SOLVE_TRIANGULAR, L, transpose(v, left), 1);
  v->adjoint[0] = make(v, BOREL_OP_MUL, both, half, 0);
}

RULE(SOLVE_TRIANGULAR) {
  int transposed = borel_graph_at(v->graph, v->y)->attr != 0;
  int64_t n = shape_of(v, v->args[0])->extent[0];
  borel_node B_bar = make(v, BOREL_OP_SOLVE_TRIANGULAR, v->args[0], full(v), !transposed);
  borel_node product = transposed ? outer(v, v->y, B_bar) : outer(v, B_bar, v->y);
  v->adjoint[0] = make(v, BOREL_OP_MUL, product, pattern(v, n, -1, -1, 0), 0);
  v->adjoint[1] = B_bar;
}

/* A Cholesky factor is part of the matrix too: the derivatives of the next three are by the matrix itself. */
static borel_node inverse_of_first(borel_vjp *v) {
  return make(v, BOREL_OP_POSITIVE_INVERSE, v->args[0], v->args[1], 0);
}

RULE(POSITIVE_INVERSE) {
  borel_node product = make(v, BOREL_OP_MATMUL, make(v, BOREL_OP_MATMUL, v->y, full(v), 0), v->y, 0);
  borel_node lower = to_lower_triangle(v, shape_of(v, v->y)->extent[0], product);
  v->adjoint[0] = make(v, BOREL_OP_NEG, lower, BOREL_NO_NODE, 0);
}

RULE(LOG_DET) {
  borel_node lower = pattern(v, shape_of(v, v->args[0])->extent[0], 2, 1, 0);
  v->adjoint[0] = borel_graph_adjoint_product(v->graph, borel_graph_adjoint_product(v->graph, v->g, lower),
                                              inverse_of_first(v));
}

/* With X = A^-1 B: A_bar = -X diag(y_bar) X', B_bar = 2 X diag(y_bar). */
RULE(MAHALANOBIS) {
  borel_node X = make(v, BOREL_OP_SOLVE_TRIANGULAR, v->args[1], v->args[3], 1);
  borel_node half = borel_graph_adjoint_product(v->graph, v->g, X);
  int64_t n = shape_of(v, v->args[0])->extent[0];
  v->adjoint[0] = make(v, BOREL_OP_MUL, outer(v, half, X), pattern(v, n, -2, -1, 0), 0);
  v->adjoint[2] = make(v, BOREL_OP_MUL, borel_graph_scalar(v->graph, 2), half, 0);
}

/* The factors are part of the matrix, whose rule in SOLVE and LOG_ABS_DET is the whole derivative. */
RULE(LU) { (void)v; }

RULE(SOLVE) {
  int transposed = borel_graph_at(v->graph, v->y)->attr != 0;
  borel_node args[] = {v->args[0], v->args[1], full(v)};
  borel_node B_bar = borel_graph_op(v->graph, BOREL_OP_SOLVE, args, 3, !transposed, NULL, v->error);
  borel_node product = transposed ? outer(v, v->y, B_bar) : outer(v, B_bar, v->y);
  v->adjoint[0] = make(v, BOREL_OP_NEG, product, BOREL_NO_NODE, 0);
  v->adjoint[2] = B_bar;
}

RULE(LOG_ABS_DET) {
  int64_t n = shape_of(v, v->args[0])->extent[0];
  borel_node args[] = {v->args[0], v->args[1], pattern(v, n, 0, 1, 0)};
  borel_node inverse = borel_graph_op(v->graph, BOREL_OP_SOLVE, args, 3, 1, NULL, v->error); /* transposed */
  v->adjoint[0] = borel_graph_adjoint_product(v->graph, v->g, inverse);
}

RULE(DET_SIGN) { (void)v; }

/* A_bar = V (diag(w_bar) + F . (V' V_bar)) V' with F_ij = 1 / (w_j - w_i), 0 on the diagonal. Where
 * eigenvalues are exactly equal F is infinite: vectors have no derivative there, and it comes out infinite or
 * NaN, unless nothing depends on them (V_bar = 0), when it is that of the values alone. */
RULE(EIGH) {
  int64_t n = shape_of(v, v->args[0])->extent[0];
  borel_node g = full(v), w = block(v, v->y, 0, 1, n, 0), V = block(v, v->y, 1, n, n, 0),
             w_bar = block(v, g, 0, 1, n, 0), V_bar = block(v, g, 1, n, n, 0);
  if (w == BOREL_NO_NODE) return;
  borel_node apart = make(v, BOREL_OP_SUB, w, reshaped(v, w, (borel_shape){2, {n, 1}}), 0);
  apart = make(v, BOREL_OP_ADD, apart, pattern(v, n, 0, 1, 0), 0);
  borel_node F = make(v, BOREL_OP_DIV, pattern(v, n, 1, 0, 1), apart, 0);
  borel_node inner = make(v, BOREL_OP_MULZ, make(v, BOREL_OP_MATMUL, V, V_bar, 1), F, 0);
  inner = make(v, BOREL_OP_ADD, inner, make(v, BOREL_OP_MUL, pattern(v, n, 0, 1, 0), w_bar, 0), 0);
  borel_node M = make(v, BOREL_OP_MATMUL, make(v, BOREL_OP_MATMUL, V, inner, 0), V, 2);
  v->adjoint[0] = to_lower_triangle(v, n, M);
}

/* ---- tangents: Giles, the forward mode of the same sections; Murray, eq. 8 for Cholesky ------- */

#define TANGENT(NAME) borel_node borel_tangent_##NAME(const borel_tangent *t)

/* The helpers above see the graph through this. */
static borel_vjp view(const borel_tangent *t) {
  return (borel_vjp){.graph = t->graph, .y = t->y, .args = t->args, .count = t->count, .error = t->error};
}

/* The tangent of a symmetric matrix from that of its lower triangle. */
static borel_node from_lower_triangle(borel_vjp *v, int64_t n, borel_node dot) {
  borel_node half = make(v, BOREL_OP_MUL, dot, pattern(v, n, 1, 0.5, 0), 0);
  return make(v, BOREL_OP_ADD, half, transpose(v, half), 0);
}

/* L_dot = L F(L^-1 A_dot L^-T) */
TANGENT(CHOLESKY) {
  borel_vjp v = view(t);
  int64_t n = shape_of(&v, v.y)->extent[0];
  borel_node left = make(&v, BOREL_OP_SOLVE_TRIANGULAR, v.y, from_lower_triangle(&v, n, t->dots[0]), 0);
  borel_node both = make(&v, BOREL_OP_SOLVE_TRIANGULAR, v.y, transpose(&v, left), 0);
  return make(&v, BOREL_OP_MATMUL, v.y, make(&v, BOREL_OP_MUL, both, pattern(&v, n, 1, 0.5, 0), 0), 0);
}

TANGENT(POSITIVE_INVERSE) {
  borel_vjp v = view(t);
  borel_node dot = from_lower_triangle(&v, shape_of(&v, v.y)->extent[0], t->dots[0]);
  borel_node product = make(&v, BOREL_OP_MATMUL, make(&v, BOREL_OP_MATMUL, v.y, dot, 0), v.y, 0);
  return make(&v, BOREL_OP_NEG, product, BOREL_NO_NODE, 0);
}

TANGENT(LOG_DET) {
  borel_vjp v = view(t);
  borel_node lower = pattern(&v, shape_of(&v, v.args[0])->extent[0], 2, 1, 0);
  borel_node product =
      make(&v, BOREL_OP_MUL, make(&v, BOREL_OP_MUL, lower, t->dots[0], 0), inverse_of_first(&v), 0);
  return make(&v, BOREL_OP_SUM, product, BOREL_NO_NODE, -1);
}

/* The column sums of X . (2 B_dot - A_dot X) */
TANGENT(MAHALANOBIS) {
  borel_vjp v = view(t);
  borel_node X = make(&v, BOREL_OP_SOLVE_TRIANGULAR, v.args[1], v.args[3], 1), change = BOREL_NO_NODE;
  if (t->dots[2] != BOREL_NO_NODE)
    change = make(&v, BOREL_OP_MUL, borel_graph_scalar(v.graph, 2), t->dots[2], 0);
  if (t->dots[0] != BOREL_NO_NODE) {
    borel_node dot = from_lower_triangle(&v, shape_of(&v, v.args[0])->extent[0], t->dots[0]);
    borel_node product = make(&v, BOREL_OP_MATMUL, dot, X, 0);
    change = change == BOREL_NO_NODE ? make(&v, BOREL_OP_NEG, product, BOREL_NO_NODE, 0)
                                     : make(&v, BOREL_OP_SUB, change, product, 0);
  }
  if (change == BOREL_NO_NODE) return borel_graph_scalar(t->graph, 0);
  return make(&v, BOREL_OP_SUM, make(&v, BOREL_OP_MUL, X, change, 0), BOREL_NO_NODE,
              shape_of(&v, v.y)->rank == 1 ? 0 : -1);
}

/* B_dot - A_dot X, the right side of X_dot; A_dot transposed where A is. */
static borel_node right_side(borel_vjp *v, borel_node A_dot, borel_node B_dot, int transposed) {
  if (A_dot == BOREL_NO_NODE) return B_dot;
  borel_node product = make(v, BOREL_OP_MATMUL, A_dot, v->y, transposed);
  return B_dot == BOREL_NO_NODE ? make(v, BOREL_OP_NEG, product, BOREL_NO_NODE, 0)
                                : make(v, BOREL_OP_SUB, B_dot, product, 0);
}

TANGENT(SOLVE_TRIANGULAR) {
  borel_vjp v = view(t);
  int transposed = borel_graph_at(t->graph, t->y)->attr != 0;
  int64_t n = shape_of(&v, v.args[0])->extent[0];
  borel_node A_dot = t->dots[0];
  if (A_dot != BOREL_NO_NODE) A_dot = make(&v, BOREL_OP_MUL, A_dot, pattern(&v, n, 1, 1, 0), 0);
  return make(&v, BOREL_OP_SOLVE_TRIANGULAR, v.args[0], right_side(&v, A_dot, t->dots[1], transposed),
              transposed);
}

/* Whole in SOLVE and LOG_ABS_DET, as the adjoint is. */
TANGENT(LU) { return borel_graph_scalar(t->graph, 0); }

TANGENT(SOLVE) {
  borel_vjp v = view(t);
  int transposed = borel_graph_at(t->graph, t->y)->attr != 0;
  borel_node args[] = {v.args[0], v.args[1], right_side(&v, t->dots[0], t->dots[2], transposed)};
  if (args[2] == BOREL_NO_NODE) return borel_graph_scalar(t->graph, 0);
  return borel_graph_op(t->graph, BOREL_OP_SOLVE, args, 3, transposed, NULL, t->error);
}

TANGENT(LOG_ABS_DET) {
  borel_vjp v = view(t);
  if (t->dots[0] == BOREL_NO_NODE) return borel_graph_scalar(t->graph, 0);
  borel_node args[] = {v.args[0], v.args[1], pattern(&v, shape_of(&v, v.args[0])->extent[0], 0, 1, 0)};
  borel_node inverse = borel_graph_op(t->graph, BOREL_OP_SOLVE, args, 3, 1, NULL, t->error); /* transposed */
  return make(&v, BOREL_OP_SUM, make(&v, BOREL_OP_MUL, inverse, t->dots[0], 0), BOREL_NO_NODE, -1);
}

TANGENT(DET_SIGN) { return borel_graph_scalar(t->graph, 0); }

/* With P = V' A_dot V: w_dot = diag P, V_dot = V (F . P), F as in the adjoint. The rows of work have none. */
TANGENT(EIGH) {
  borel_vjp v = view(t);
  int64_t n = shape_of(&v, v.args[0])->extent[0];
  borel_node w = block(&v, v.y, 0, 1, n, 0), V = block(&v, v.y, 1, n, n, 0);
  if (w == BOREL_NO_NODE) return w;
  borel_node product = make(&v, BOREL_OP_MATMUL, V, from_lower_triangle(&v, n, t->dots[0]), 1);
  borel_node P = make(&v, BOREL_OP_MATMUL, product, V, 0);
  borel_node apart = make(&v, BOREL_OP_SUB, w, reshaped(&v, w, (borel_shape){2, {n, 1}}), 0);
  apart = make(&v, BOREL_OP_ADD, apart, pattern(&v, n, 0, 1, 0), 0);
  borel_node F = make(&v, BOREL_OP_DIV, pattern(&v, n, 1, 0, 1), apart, 0);
  borel_node parts[] = {
      make(&v, BOREL_OP_SUM, make(&v, BOREL_OP_MUL, P, pattern(&v, n, 0, 1, 0), 0), BOREL_NO_NODE, 0),
      make(&v, BOREL_OP_MATMUL, V, make(&v, BOREL_OP_MULZ, P, F, 0), 0), BOREL_NO_NODE};
  borel_array none = borel_array_new(BOREL_F64, &(borel_shape){2, {3, n}});
  parts[2] = none.data ? borel_graph_array(t->graph, &none) : BOREL_NO_NODE;
  borel_array_release(&none);
  borel_node flat = borel_graph_op(t->graph, BOREL_OP_STACK, parts, 3, 0, NULL, t->error);
  return reshaped(&v, flat, (borel_shape){2, {n + 4, n}});
}
