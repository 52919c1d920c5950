/* SPDX-License-Identifier: MIT
 *
 * Every operation of ops.def on whole arrays: native code = interpreter = plain loops, and first and second
 * derivatives = finite differences. A new operation needs a case here: `every_operation_has_a_case` says so.
 */
#include "support/differences.h"
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static borel_node made(borel_node node, const borel_error *error) {
  cr_assert(node != BOREL_NO_NODE, "%s", error->message);
  return node;
}
static borel_node op(borel_graph *G, borel_op which, const borel_node *args, size_t count, int64_t attr,
                     borel_shape shape) {
  borel_error error = {0};
  return made(borel_graph_op(G, which, args, count, attr, &shape, &error), &error);
}
static borel_node input(borel_graph *G, borel_shape shape) { return borel_graph_input(G, BOREL_F64, &shape); }

#define SHAPE0 ((borel_shape){0})
#define SHAPE1(a) ((borel_shape){1, {a}})
#define SHAPE2(a, b) ((borel_shape){2, {a, b}})
#define SHAPE3(a, b, c) ((borel_shape){3, {a, b, c}})

/* ---- cases ----------------------------------------------------------------------------------- */

/* A case makes y from f64 inputs of the graph; `variant` counts until it returns BOREL_NO_NODE. */
typedef borel_node (*maker)(borel_graph *, int variant);

static borel_node reshape(borel_graph *G, int variant) {
  borel_shape from[] = {SHAPE1(6), SHAPE2(20, 3), SHAPE0, SHAPE1(1), SHAPE2(1, 1)},
              to[] = {SHAPE2(2, 3), SHAPE3(5, 3, 4), SHAPE2(1, 1), SHAPE0, SHAPE0};
  if (variant >= 5) return BOREL_NO_NODE;
  borel_node x = input(G, from[variant]);
  return op(G, BOREL_OP_RESHAPE, &x, 1, 0, to[variant]);
}

static borel_node broadcast(borel_graph *G, int variant) {
  borel_shape from[] = {SHAPE0,          SHAPE2(1, 3), SHAPE2(20, 1), SHAPE1(3),
                        SHAPE3(2, 1, 5), SHAPE1(1),    SHAPE2(21, 1)},
              to[] = {SHAPE1(20),         SHAPE2(20, 3), SHAPE2(20, 3), SHAPE3(2, 20, 3),
                      {4, {3, 2, 18, 5}}, SHAPE2(3, 4),  SHAPE2(21, 2)};
  if (variant >= 7) return BOREL_NO_NODE;
  borel_node x = input(G, from[variant]);
  return op(G, BOREL_OP_BROADCAST, &x, 1, 0, to[variant]);
}

static const int64_t places[21] = {3, 0, 0, 19, 7, 3, 3, 1, 18, 2, 11, 12, 13, 3, 9, 8, 0, 5, 6, 4, 10};

/* Indices that are constant, that are computed from numbers (with some outside), and single ones. */
static borel_node gather(borel_graph *G, int variant) {
  if (variant >= 5) return BOREL_NO_NODE;
  borel_node x = input(G, variant == 4 ? SHAPE2(4, 5) : SHAPE1(20)), index;
  switch (variant) {
  case 0: index = integers(G, 21, places); break;
  case 1: index = borel_graph_integer(G, 19); break;
  case 2: { /* an index that depends on the input's sign, through integers */
    borel_node seven[] = {apply2(G, BOREL_OP_GT, x, borel_graph_scalar(G, 0)), borel_graph_integer(G, 7)};
    index = op(G, BOREL_OP_IMUL, seven, 2, 0, SHAPE0);
    break;
  }
  case 3: index = apply2(G, BOREL_OP_GT, total(G, x), borel_graph_scalar(G, 0)); break;
  default: index = integers(G, 17, places); break;
  }
  return op(G, BOREL_OP_GATHER, (borel_node[]){x, index}, 2, 0, SHAPE0);
}

static borel_node scatter(borel_graph *G, int variant) {
  if (variant >= 2) return BOREL_NO_NODE;
  borel_node x = input(G, variant ? SHAPE1(5) : SHAPE1(21));
  borel_node args[] = {x, integers(G, variant ? 5 : 21, places)};
  return op(G, BOREL_OP_SCATTER, args, 2, 0, variant ? SHAPE2(4, 5) : SHAPE1(20));
}

static borel_node sum(borel_graph *G, int variant) {
  borel_shape from[] = {SHAPE1(1),        SHAPE1(7),        SHAPE1(8),     SHAPE1(17),
                        SHAPE1(101),      SHAPE2(20, 3),    SHAPE2(20, 3), SHAPE3(2, 30, 3),
                        SHAPE3(2, 3, 18), SHAPE3(19, 3, 2), SHAPE1(20),    SHAPE2(3, 4)};
  int axis[] = {-1, -1, -1, -1, -1, 0, 1, 1, 2, 0, 0, -1};
  if (variant >= 12) return BOREL_NO_NODE;
  borel_node x = input(G, from[variant]);
  return op(G, BOREL_OP_SUM, &x, 1, axis[variant], SHAPE0);
}

/* Groups in order, some of them empty, the last ones among them. */
static borel_node segment_sum(borel_graph *G, int variant) {
  int64_t at[90];
  if (variant >= 3) return BOREL_NO_NODE;
  for (int i = 0; i < 90; i++) at[i] = variant == 0 ? i / 13 : variant == 1 ? i / 25 * 3 : i / 90;
  borel_shape to = SHAPE1(variant == 1 ? 14 : 9);
  borel_node args[] = {input(G, SHAPE1(90)), integers(G, 90, at)};
  borel_node made = op(G, BOREL_OP_SCATTER, args, 2, 0, to);
  cr_assert(borel_graph_at(G, made)->op == BOREL_OP_SEGMENT_SUM);
  return made;
}

static borel_node sum_log(borel_graph *G, int variant) {
  borel_shape from[] = {SHAPE1(1), SHAPE1(9), SHAPE1(40), SHAPE2(5, 18), SHAPE1(300), SHAPE2(3, 150)};
  if (variant >= 6) return BOREL_NO_NODE;
  borel_node x = input(G, from[variant]), positive = op(G, BOREL_OP_EXP, &x, 1, 0, SHAPE0);
  return op(G, BOREL_OP_SUM_LOG, &positive, 1, 0, SHAPE0);
}

static borel_node log_sum_exp(borel_graph *G, int variant) {
  borel_shape from[] = {SHAPE1(1),     SHAPE1(9),       SHAPE1(40),    SHAPE2(5, 18),
                        SHAPE2(20, 3), SHAPE3(2, 3, 4), SHAPE2(20, 2), SHAPE2(3, 3)};
  if (variant >= 8) return BOREL_NO_NODE;
  borel_node x = input(G, from[variant]);
  return op(G, BOREL_OP_LOG_SUM_EXP, &x, 1, variant >= 3 && variant < 7 ? from[variant].rank - 1 : -1,
            SHAPE0);
}

/* x with its elements so far apart, in groups of n, that differences do not change their order. */
static borel_node apart(borel_graph *G, borel_node x, int64_t n) {
  borel_shape shape = borel_graph_at(G, x)->shape;
  int64_t steps[80], size = borel_shape_size(&shape);
  for (int64_t i = 0; i < size; i++) steps[i] = 4 * (i * 17 % n);
  borel_node constants = apply1(G, BOREL_OP_TO_F64, integers(G, size, steps));
  return apply2(G, BOREL_OP_ADD, x, op(G, BOREL_OP_RESHAPE, &constants, 1, 0, shape));
}

static borel_node maximum(borel_graph *G, int variant) {
  borel_shape from[] = {SHAPE1(50), SHAPE2(3, 4), SHAPE1(4), SHAPE2(20, 4), SHAPE3(2, 3, 4), SHAPE2(20, 2)};
  if (variant >= 6) return BOREL_NO_NODE;
  borel_node x = input(G, from[variant]);
  if (variant >= 2) x = apart(G, x, 4);
  return op(G, BOREL_OP_MAXIMUM, &x, 1, variant < 2 ? -1 : from[variant].rank - 1, SHAPE0);
}

/* The elements in ascending order, less what sets them apart, each times its place. */
static borel_node order(borel_graph *G, int variant) {
  if (variant >= 3) return BOREL_NO_NODE;
  int64_t n = variant == 0 ? 1 : variant == 1 ? 7 : 50, rank[50], steps[50];
  for (int64_t i = 0; i < n; i++) rank[i] = i + 1, steps[i] = 4 * i;
  borel_node x = apart(G, input(G, SHAPE1(n)), n);
  borel_node args[] = {x, op(G, BOREL_OP_ORDER, &x, 1, 0, SHAPE0)};
  borel_node close = apply2(G, BOREL_OP_SUB, op(G, BOREL_OP_GATHER, args, 2, 0, SHAPE0),
                            apply1(G, BOREL_OP_TO_F64, integers(G, n, steps)));
  return apply2(G, BOREL_OP_MUL, close,
                apply2(G, BOREL_OP_DIV, apply1(G, BOREL_OP_TO_F64, integers(G, n, rank)),
                       borel_graph_scalar(G, (double)n)));
}

static borel_node cumsum(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  borel_node x = input(G, variant < 2 ? SHAPE1(5) : SHAPE1(33));
  return op(G, BOREL_OP_CUMSUM, &x, 1, variant % 2, SHAPE0);
}

static borel_node stack(borel_graph *G, int variant) {
  if (variant >= 3) return BOREL_NO_NODE;
  borel_node args[100], x = input(G, SHAPE1(20)), s = input(G, SHAPE0);
  int count = variant == 0 ? 3 : variant == 1 ? 12 : 100; /* inline, allocated, and more than a chunk */
  for (int i = 0; i < count; i++)
    args[i] = i % 3 == 0 ? s : i % 3 == 1 ? x : apply2(G, BOREL_OP_MUL, s, borel_graph_scalar(G, i));
  return op(G, BOREL_OP_STACK, args, (size_t)count, 0, SHAPE0);
}

/* [5,K] x [K,4] and [5,K] x [K], each operand transposed or not, short and long K. */
static borel_node matmul(borel_graph *G, int variant) {
  if (variant >= 20) return BOREL_NO_NODE;
  int64_t K = variant < 10 ? 3 : 19, N = variant < 10 ? 19 : 5;
  int kind = variant % 10, ta = kind & 1, tb = kind >> 1 & 1, vector = kind >= 4;
  if (kind >= 6) { /* one column as a matrix; many columns */
    int64_t M = kind < 8 ? 1 : 18;
    borel_node args[] = {input(G, ta ? SHAPE2(K, N) : SHAPE2(N, K)), input(G, SHAPE2(K, M))};
    return op(G, BOREL_OP_MATMUL, args, 2, ta, SHAPE0);
  }
  borel_node args[] = {input(G, ta ? SHAPE2(K, N) : SHAPE2(N, K)), input(G, vector ? SHAPE1(K)
                                                                            : tb   ? SHAPE2(4, K)
                                                                                   : SHAPE2(K, 4))};
  return op(G, BOREL_OP_MATMUL, args, 2, vector ? ta : ta | tb << 1, SHAPE0);
}

/* Carry s [2], sequence x [T], captured w: s' = tanh(w s + x_t) reversed or not; stacked s'_0 * x_t. */
static borel_node scan(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  int64_t T = variant < 2 ? 4 : 21;
  borel_node args[3] = {input(G, SHAPE1(2)), input(G, SHAPE1(T)), input(G, SHAPE0)};
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = region->body = borel_graph_new();
  borel_node s = input(B, SHAPE1(2)), x = input(B, SHAPE0), w = input(B, SHAPE0),
             zero = borel_graph_integer(B, 0);
  borel_node next = apply1(B, BOREL_OP_TANH, apply2(B, BOREL_OP_ADD, apply2(B, BOREL_OP_MUL, w, s), x));
  *region = (borel_region){B, 1, 1, 1, 2, malloc(2 * sizeof(borel_node)), variant % 2, 0, NULL, NULL, 0};
  region->outputs[0] = next;
  region->outputs[1] = apply2(B, BOREL_OP_MUL, apply2(B, BOREL_OP_GATHER, next, zero), x);
  borel_error error = {0};
  borel_node node = made(borel_graph_scan(G, region, args, 3, &error), &error);
  borel_node parts[] = {borel_graph_project(G, node, 0), borel_graph_project(G, node, 1),
                        borel_graph_project(G, node, 2)}; /* also the carries before each step */
  return op(G, BOREL_OP_STACK, parts, 3, 0, SHAPE0);
}

/* ---- linear algebra: graph_linear_test.c has its values ---- */

static borel_node plus_diagonal(borel_graph *G, borel_node x, double first, double step) {
  borel_shape shape = borel_graph_at(G, x)->shape;
  double values[17 * 17] = {0};
  for (int64_t i = 0, n = shape.extent[0]; i < n; i++) values[i * n + i] = first + step * (double)i;
  borel_node flat = doubles(G, borel_shape_size(&shape), values);
  return apply2(G, BOREL_OP_ADD, x, op(G, BOREL_OP_RESHAPE, &flat, 1, 0, shape));
}
static const int64_t SIDES[] = {1, 2, 5, 17}; /* above 16 by LAPACK */

static borel_node cholesky(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  borel_node x = input(G, SHAPE2(SIDES[variant], SIDES[variant]));
  borel_node square = op(G, BOREL_OP_MATMUL, (borel_node[]){x, x}, 2, 2, SHAPE0);
  return apply1(G, BOREL_OP_CHOLESKY, plus_diagonal(G, square, 2, 0));
}

/* The upper triangle, which is not read, depends on the input too. */
static borel_node solve_triangular(borel_graph *G, int variant) {
  if (variant >= 12) return BOREL_NO_NODE;
  int64_t n = SIDES[1 + variant / 4], transposed = variant & 1;
  borel_node L = plus_diagonal(G, input(G, SHAPE2(n, n)), n > 5 ? 9 : 4, 0),
             b = input(G, variant & 2 ? SHAPE2(n, 3) : SHAPE1(n));
  return op(G, BOREL_OP_SOLVE_TRIANGULAR, (borel_node[]){L, b}, 2, transposed, SHAPE0);
}

static borel_node positive_inverse(borel_graph *G, int variant) {
  borel_node L = cholesky(G, variant);
  return L == BOREL_NO_NODE ? L : apply2(G, BOREL_OP_POSITIVE_INVERSE, borel_graph_args(G, L)[0], L);
}

static borel_node log_det(borel_graph *G, int variant) {
  borel_node L = cholesky(G, variant);
  return L == BOREL_NO_NODE ? L : apply2(G, BOREL_OP_LOG_DET, borel_graph_args(G, L)[0], L);
}

static borel_node mahalanobis(borel_graph *G, int variant) {
  borel_node L = cholesky(G, variant / 2);
  if (L == BOREL_NO_NODE) return L;
  int64_t n = borel_graph_at(G, L)->shape.extent[0];
  borel_node b = input(G, variant & 1 ? SHAPE2(n, 3) : SHAPE1(n)),
             args[] = {borel_graph_args(G, L)[0], L, b, apply2(G, BOREL_OP_SOLVE_TRIANGULAR, L, b)};
  return op(G, BOREL_OP_MAHALANOBIS, args, 4, 0, SHAPE0);
}

static borel_node solve(borel_graph *G, int variant) {
  if (variant >= 12) return BOREL_NO_NODE;
  int64_t n = SIDES[1 + variant / 4], transposed = variant & 1;
  borel_node A = plus_diagonal(G, input(G, SHAPE2(n, n)), 0.5, 0),
             b = input(G, variant & 2 ? SHAPE2(n, 3) : SHAPE1(n));
  return op(G, BOREL_OP_SOLVE, (borel_node[]){A, apply1(G, BOREL_OP_LU, A), b}, 3, transposed, SHAPE0);
}

static borel_node log_abs_det(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  borel_node A = input(G, SHAPE2(SIDES[variant], SIDES[variant]));
  return apply2(G, BOREL_OP_LOG_ABS_DET, A, apply1(G, BOREL_OP_LU, A));
}

static borel_node det_sign(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  borel_node A = input(G, SHAPE2(SIDES[variant], SIDES[variant]));
  return apply2(G, BOREL_OP_MUL, A, apply1(G, BOREL_OP_DET_SIGN, apply1(G, BOREL_OP_LU, A)));
}

/* Eigenvalues well apart, and small: differences lose the digits of the largest. */
static borel_node eigh(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  borel_node A = input(G, SHAPE2(SIDES[variant], SIDES[variant]));
  borel_node eighth = apply2(G, BOREL_OP_MUL, A, borel_graph_scalar(G, 0.125));
  return apply1(G, BOREL_OP_EIGH, plus_diagonal(G, eighth, 0, 0.75));
}

/* ---- regions ---- */

/* A step whose body is itself a scan: s' = sum over j of tanh(w s + x_t + a_j u), u from s by steps of its
 * own; reversed or not, short and long. */
static borel_node nested(borel_graph *G, int variant) {
  int64_t T = variant < 2 ? 3 : 18, J = variant % 2 ? 17 : 4;
  borel_node args[] = {input(G, SHAPE0), input(G, SHAPE1(T)), input(G, SHAPE1(J))};
  borel_region *outer = calloc(1, sizeof *outer), *inner = calloc(1, sizeof *inner);
  borel_graph *O = borel_graph_new(), *I = borel_graph_new();
  borel_node s = input(O, SHAPE0), x = input(O, SHAPE0), a = input(O, SHAPE1(J));
  borel_node u = input(I, SHAPE0), aj = input(I, SHAPE0), xt = input(I, SHAPE0);
  *inner = (borel_region){I, 1, 1, 1, 2, malloc(2 * sizeof(borel_node)), variant % 2, 0, NULL, NULL, 0};
  inner->outputs[0] = apply1(I, BOREL_OP_TANH, apply2(I, BOREL_OP_ADD, apply2(I, BOREL_OP_MUL, u, aj), xt));
  inner->outputs[1] = apply2(I, BOREL_OP_MUL, inner->outputs[0], aj);
  borel_error error = {0};
  borel_node loop = made(borel_graph_scan(O, inner, (borel_node[]){s, a, x}, 3, &error), &error);
  *outer = (borel_region){O, 1, 1, 1, 2, malloc(2 * sizeof(borel_node)), variant / 2 % 2, 0, NULL, NULL, 0};
  outer->outputs[0] =
      apply2(O, BOREL_OP_ADD, borel_graph_project(O, loop, 0), total(O, borel_graph_project(O, loop, 1)));
  outer->outputs[1] = apply2(O, BOREL_OP_MUL, borel_graph_project(O, loop, 1), s);
  borel_node node = made(borel_graph_scan(G, outer, args, 3, &error), &error);
  borel_node parts[] = {borel_graph_project(G, node, 0), borel_graph_project(G, node, 1)};
  return op(G, BOREL_OP_STACK, parts, 2, 0, SHAPE0);
}

static borel_node scan_or_nested(borel_graph *G, int variant) {
  return variant < 4 ? scan(G, variant) : variant < 8 ? nested(G, variant - 4) : BOREL_NO_NODE;
}

/* A branch is x sqrt(w^2 + 1), another x (x + w); each captures what the other does not. In variants 2 and 3
 * the choice stands in the body of a scan, and changes from step to step. */
static borel_node cond_of(borel_graph *G, borel_node mask, borel_node x, borel_node w) {
  borel_region *region = calloc(1, sizeof *region), *other = calloc(1, sizeof *region);
  borel_graph *bodies[] = {borel_graph_new(), borel_graph_new()};
  borel_shape shapes[] = {borel_graph_at(G, x)->shape, borel_graph_at(G, w)->shape};
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 2; k++) input(bodies[i], shapes[k]);
  borel_graph *B = bodies[0];
  *region = (borel_region){B, 0, 0, 2, 1, malloc(sizeof(borel_node)), 0, 0, other, NULL, 0};
  region->outputs[0] =
      apply2(B, BOREL_OP_MUL, 0,
             apply1(B, BOREL_OP_SQRT,
                    apply2(B, BOREL_OP_ADD, apply2(B, BOREL_OP_MUL, 1, 1), borel_graph_scalar(B, 1))));
  B = bodies[1];
  *other = (borel_region){B, 0, 0, 2, 1, malloc(sizeof(borel_node)), 0, 0, NULL, NULL, 0};
  other->outputs[0] = apply2(B, BOREL_OP_MUL, 0, apply2(B, BOREL_OP_ADD, 0, 1));
  borel_error error = {0};
  borel_node node = made(borel_graph_cond(G, region, (borel_node[]){mask, x, w}, 3, &error), &error);
  return borel_graph_project(G, node, 0);
}

static borel_node cond(borel_graph *G, int variant) {
  if (variant >= 4) return BOREL_NO_NODE;
  if (variant < 2) return cond_of(G, borel_graph_integer(G, variant), input(G, SHAPE1(19)), input(G, SHAPE0));
  borel_node args[] = {input(G, SHAPE0), input(G, SHAPE1(20)), input(G, SHAPE0)};
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = borel_graph_new();
  borel_node s = input(B, SHAPE0), x = input(B, SHAPE0), w = input(B, SHAPE0);
  borel_node mask = apply2(B, BOREL_OP_GT, x, borel_graph_scalar(B, 0));
  borel_node next = apply1(B, BOREL_OP_TANH, apply2(B, BOREL_OP_ADD, cond_of(B, mask, s, w), x));
  *region = (borel_region){B, 1, 1, 1, 2, malloc(2 * sizeof(borel_node)), variant % 2, 0, NULL, NULL, 0};
  region->outputs[0] = region->outputs[1] = next;
  borel_error error = {0};
  borel_node node = made(borel_graph_scan(G, region, args, 3, &error), &error);
  return borel_graph_project(G, node, 1);
}

static const struct {
  borel_op op;
  maker make;
} cases[] = {{BOREL_OP_RESHAPE, reshape},
             {BOREL_OP_BROADCAST, broadcast},
             {BOREL_OP_GATHER, gather},
             {BOREL_OP_SCATTER, scatter},
             {BOREL_OP_SUM, sum},
             {BOREL_OP_SEGMENT_SUM, segment_sum},
             {BOREL_OP_SUM_LOG, sum_log},
             {BOREL_OP_LOG_SUM_EXP, log_sum_exp},
             {BOREL_OP_MAXIMUM, maximum},
             {BOREL_OP_CUMSUM, cumsum},
             {BOREL_OP_ORDER, order},
             {BOREL_OP_STACK, stack},
             {BOREL_OP_MATMUL, matmul},
             {BOREL_OP_SCAN, scan_or_nested},
             {BOREL_OP_COND, cond},
             {BOREL_OP_CHOLESKY, cholesky},
             {BOREL_OP_LU, log_abs_det},
             {BOREL_OP_SOLVE_TRIANGULAR, solve_triangular},
             {BOREL_OP_SOLVE, solve},
             {BOREL_OP_LOG_ABS_DET, log_abs_det},
             {BOREL_OP_EIGH, eigh},
             {BOREL_OP_DET_SIGN, det_sign},
             {BOREL_OP_LOG_DET, log_det},
             {BOREL_OP_POSITIVE_INVERSE, positive_inverse},
             {BOREL_OP_MAHALANOBIS, mahalanobis}};
enum { CASES = sizeof cases / sizeof *cases, VARIANTS = 20 };

Test(arrays, every_operation_has_a_case) {
  for (int which = 0; which < BOREL_OP_COUNT; which++) {
    borel_op_class kind = borel_op_get((borel_op)which)->kind;
    int found = kind == BOREL_CLASS_LEAF || kind == BOREL_CLASS_ELEMENTWISE ||
                which == BOREL_OP_ODE; /* graph_ode_test.c */
    for (size_t i = 0; i < CASES; i++) found |= (int)cases[i].op == which;
    cr_expect(found, "add a case for %s", borel_op_get((borel_op)which)->name);
  }
}

/* ---- running them ---------------------------------------------------------------------------- */

enum { INPUTS = 4, ROOM = 2000 };
static double values[INPUTS][ROOM]; /* room for the edges that no vector loop may read beyond */
static void *columns[INPUTS] = {values[0], values[1], values[2], values[3]};

static void randomise(uint64_t state) {
  for (int k = 0; k < INPUTS; k++)
    for (int i = 0; i < ROOM; i++) values[k][i] = uniform(&state, -1.5, 1.5);
}

static int64_t size_at(const borel_graph *G, borel_node node) {
  return borel_shape_size(&borel_graph_at(G, node)->shape);
}

/* Is bit-for-bit promised? tanh in a vector loop is libmvec's, up to 4 ulp. */
static int exact(borel_op which) { return borel_op_get(which)->kind != BOREL_CLASS_REGION; }

/* y, the gradient of w.y and of its own square's sum: all of it native = interpreted. */
Test(arrays, native_code_agrees_with_the_interpreter) {
  cache_make();
  engines e = {0};
  borel_graph *G[CASES][VARIANTS] = {0};
  for (size_t c = 0; c < CASES; c++)
    for (int v = 0; v < VARIANTS; v++) {
      borel_graph *g = borel_graph_new();
      borel_node y = cases[c].make(g, v), outputs[INPUTS + 2], wrt[INPUTS];
      if (y == BOREL_NO_NODE) {
        borel_graph_free(g);
        break;
      }
      G[c][v] = g;
      size_t inputs = 0;
      for (borel_node i = 0; i < borel_graph_size(g); i++)
        if (borel_graph_at(g, i)->op == BOREL_OP_INPUT) wrt[inputs++] = i;
      outputs[0] = y;
      outputs[1] = total(g, apply2(g, BOREL_OP_MUL, y, y));
      cr_assert(borel_graph_gradient(g, outputs[1], wrt, inputs, outputs + 2, NULL) == BOREL_OK);
      engines_add(&e, g, outputs, inputs + 2);
    }
  engines_compile(&e);
  randomise(11);
  for (size_t c = 0, program = 0; c < CASES; c++)
    for (int v = 0; v < VARIANTS && G[c][v]; v++, program++) {
      const borel_program *p = e.programs[program];
      double *kept = malloc(ROOM * INPUTS * sizeof *kept);
      engines_run(&e, program, INTERPRETED, columns);
      size_t at = 0;
      for (size_t k = 0; k < p->output_count; k++) {
        size_t size = (size_t)size_at(p->graph, p->outputs[k]);
        memcpy(kept + at, engines_output(&e, program, k), size * sizeof *kept);
        at += size;
      }
      engines_run(&e, program, NATIVE, columns);
      at = 0;
      for (size_t k = 0; k < p->output_count; k++)
        for (int64_t i = 0; i < size_at(p->graph, p->outputs[k]); i++, at++) {
          double native = ((const double *)engines_output(&e, program, k))[i];
          int fine = exact(cases[c].op) ? same_bits(native, kept[at])
                                        : fabs(native - kept[at]) <= 1e-14 * (1 + fabs(kept[at]));
          cr_expect(fine, "%s, variant %d, output %zu[%lld]: native %.17g, interpreted %.17g",
                    borel_op_get(cases[c].op)->name, v, k, (long long)i, native, kept[at]);
        }
      free(kept);
    }
  engines_free(&e);
  for (size_t c = 0; c < CASES; c++)
    for (int v = 0; v < VARIANTS; v++) borel_graph_free(G[c][v]);
  cache_remove();
}

/* A random direction in the space of y makes a number of it: w.y, then v.gradient. */
static borel_node directed(borel_graph *g, borel_node y, uint64_t seed) {
  int64_t size = size_at(g, y);
  double *weights = malloc((size_t)size * sizeof *weights);
  for (int64_t i = 0; i < size; i++) weights[i] = uniform(&seed, -1, 1);
  borel_node flat = borel_graph_op(g, BOREL_OP_RESHAPE, &y, 1, 0, &SHAPE1(size), NULL);
  borel_node product = apply2(g, BOREL_OP_MUL, flat, doubles(g, size, weights));
  free(weights);
  return total(g, product);
}

static void compare(const char *name, int variant, int order, engines *e, size_t f, size_t df, size_t k,
                    size_t size) {
  difference *d = malloc(size * sizeof *d);
  partial_differences(e, f, 0, columns, values[k], size, d);
  engines_run(e, df, INTERPRETED, columns);
  const double *derivative = engines_output(e, df, 0);
  for (size_t i = 0; i < size; i++) {
    double tolerance = 10 * d[i].error + 1e-9 * (1 + fabs(d[i].value));
    cr_expect(tolerance < 1e-3 && fabs(derivative[i] - d[i].value) <= tolerance,
              "%s, variant %d, order %d, input %zu[%zu]: %.12g, differences %.12g", name, variant, order, k,
              i, derivative[i], d[i].value);
  }
  free(d);
}

Test(arrays, derivatives_agree_with_differences) {
  for (size_t c = 0; c < CASES; c++)
    for (int v = 0; v < VARIANTS; v++) {
      borel_graph *g = borel_graph_new();
      borel_node y = cases[c].make(g, v);
      randomise(31);
      for (borel_node i = 0; y != BOREL_NO_NODE && i < borel_graph_size(g); i++) {
        borel_node_info info = *borel_graph_at(g, i);
        if (info.op != BOREL_OP_INPUT) continue;
        size_t k = (size_t)info.attr, size = (size_t)borel_shape_size(&info.shape);
        engines e = {0};
        /* squared, so that the second derivative is not 0 */
        borel_node number = directed(g, apply2(g, BOREL_OP_MUL, y, y), 5), first, second;
        cr_assert(borel_graph_gradient(g, number, &i, 1, &first, NULL) == BOREL_OK);
        borel_node along = directed(g, first, 6);
        cr_assert(borel_graph_gradient(g, along, &i, 1, &second, NULL) == BOREL_OK);
        size_t f = engines_add(&e, g, &number, 1), df = engines_add(&e, g, &first, 1),
               v_df = engines_add(&e, g, &along, 1), ddf = engines_add(&e, g, &second, 1);
        compare(borel_op_get(cases[c].op)->name, v, 1, &e, f, df, k, size);
        compare(borel_op_get(cases[c].op)->name, v, 2, &e, v_df, ddf, k, size);
        engines_free(&e);
      }
      borel_graph_free(g);
      if (y == BOREL_NO_NODE) break;
    }
}

/* ---- references ------------------------------------------------------------------------------ */

static const double *interpret(engines *e, const borel_graph *g, borel_node y) {
  size_t program = engines_add(e, g, &y, 1);
  engines_run(e, program, INTERPRETED, columns);
  return engines_output(e, program, 0);
}

Test(arrays, matmul_is_the_product_of_matrices) {
  randomise(3);
  for (int v = 0; v < VARIANTS; v++) {
    borel_graph *g = borel_graph_new();
    engines e = {0};
    borel_node y = matmul(g, v), a = borel_graph_args(g, y)[0], b = borel_graph_args(g, y)[1];
    borel_node_info info = *borel_graph_at(g, y);
    int ta = (int)(info.attr & 1), tb = (int)(info.attr >> 1 & 1);
    int64_t K = borel_graph_at(g, a)->shape.extent[ta ? 0 : 1], N = info.shape.extent[0],
            M = info.shape.rank == 2 ? info.shape.extent[1] : 1;
    (void)b;
    const double *got = interpret(&e, g, y);
    for (int64_t i = 0; i < N; i++)
      for (int64_t j = 0; j < M; j++) {
        double want = 0;
        for (int64_t k = 0; k < K; k++)
          want += values[0][ta ? k * N + i : i * K + k] * values[1][tb ? j * K + k : k * M + j];
        cr_expect(fabs(got[i * M + j] - want) < 1e-13, "variant %d [%lld, %lld]", v, (long long)i,
                  (long long)j);
      }
    engines_free(&e);
    borel_graph_free(g);
  }
}

Test(arrays, reductions_are_what_they_say) {
  randomise(4);
  for (int v = 0; v < VARIANTS; v++)
    for (int what = 0; what < 3; what++) {
      borel_graph *g = borel_graph_new();
      engines e = {0};
      borel_node y = what == 0 ? sum(g, v) : what == 1 ? log_sum_exp(g, v) : cumsum(g, v);
      if (y != BOREL_NO_NODE) {
        borel_shape from = borel_graph_at(g, borel_graph_args(g, y)[0])->shape;
        int64_t attr = borel_graph_at(g, y)->attr, outer = 1, inner = 1, n = borel_shape_size(&from);
        for (int i = 0; what < 2 && attr >= 0 && i < from.rank; i++) {
          if (i < attr) outer *= from.extent[i];
          if (i > attr) inner *= from.extent[i];
        }
        n /= outer * inner;
        const double *got = interpret(&e, g, y);
        for (int64_t o = 0; o < outer; o++)
          for (int64_t k = 0; k < inner; k++) {
            double run = 0;
            for (int64_t i = 0; i < n; i++) {
              int64_t at = what == 2 && attr ? n - 1 - i : i;
              double x = values[0][(o * n + at) * inner + k];
              run += what == 1 ? exp(x) : x;
              if (what == 2) cr_expect(fabs(got[at] - run) < 1e-13);
            }
            if (what < 2) cr_expect(fabs(got[o * inner + k] - (what == 1 ? log(run) : run)) < 1e-12);
          }
      }
      engines_free(&e);
      borel_graph_free(g);
    }
}

Test(arrays, gather_and_scatter_are_transposes) {
  borel_graph *g = borel_graph_new();
  engines e = {0};
  borel_node x = input(g, SHAPE1(20)), y = input(g, SHAPE1(21)), index = integers(g, 21, places);
  borel_node left = total(g, apply2(g, BOREL_OP_MUL, apply2(g, BOREL_OP_GATHER, x, index), y));
  borel_node back = op(g, BOREL_OP_SCATTER, (borel_node[]){y, index}, 2, 0, SHAPE1(20));
  borel_node right = total(g, apply2(g, BOREL_OP_MUL, back, x));
  randomise(8);
  double a = *interpret(&e, g, left), b = *interpret(&e, g, right);
  cr_expect(fabs(a - b) < 1e-12 && a != 0);
  engines_free(&e);
  borel_graph_free(g);
}

/* ---- forward mode ---------------------------------------------------------------------------- */

/* y of a case, and for its inputs x constant directions v: J v, w.J v, w.y and its gradient g (in `wrt`
 * order), g.v. */
typedef struct {
  borel_node y, along, w_along, number, gradient[INPUTS], g_v, hessian_v[INPUTS], h_v, v_hv;
  borel_node wrt[INPUTS], v[INPUTS];
  size_t count;
} forward;

static borel_node inner(borel_graph *g, const borel_node *a, const borel_node *b, size_t count) {
  borel_node sum = borel_graph_scalar(g, 0);
  for (size_t k = 0; k < count; k++)
    sum = apply2(g, BOREL_OP_ADD, sum, total(g, apply2(g, BOREL_OP_MUL, a[k], b[k])));
  return sum;
}

static forward make_forward(borel_graph *g, borel_node y) {
  forward f = {.y = y};
  borel_error error = {0};
  uint64_t seed = 91;
  for (borel_node i = 0, n = (borel_node)borel_graph_size(g); i < n; i++) {
    borel_node_info info = *borel_graph_at(g, i);
    if (info.op != BOREL_OP_INPUT) continue;
    double direction[ROOM];
    for (int64_t k = 0; k < borel_shape_size(&info.shape); k++) direction[k] = uniform(&seed, -1, 1);
    borel_node flat = doubles(g, borel_shape_size(&info.shape), direction);
    f.wrt[f.count] = i;
    f.v[f.count++] = op(g, BOREL_OP_RESHAPE, &flat, 1, 0, info.shape);
  }
  cr_assert(borel_graph_jvp(g, &y, 1, f.wrt, f.v, f.count, &f.along, &error) == BOREL_OK, "%s",
            error.message);
  f.w_along = directed(g, f.along, 5);
  f.number = directed(g, y, 5);
  cr_assert(borel_graph_gradient(g, f.number, f.wrt, f.count, f.gradient, &error) == BOREL_OK);
  f.g_v = inner(g, f.gradient, f.v, f.count);
  /* Hessian of w.y^2 times v, by the tangent of the gradient and by the gradient of g.v */
  borel_node square = directed(g, apply2(g, BOREL_OP_MUL, y, y), 5), first[INPUTS], second[INPUTS];
  cr_assert(borel_graph_gradient(g, square, f.wrt, f.count, first, &error) == BOREL_OK);
  cr_assert(borel_graph_jvp(g, first, f.count, f.wrt, f.v, f.count, f.hessian_v, &error) == BOREL_OK, "%s",
            error.message);
  cr_assert(borel_graph_gradient(g, inner(g, first, f.v, f.count), f.wrt, f.count, second, &error) ==
            BOREL_OK);
  borel_node minus[INPUTS];
  for (size_t k = 0; k < f.count; k++) minus[k] = apply2(g, BOREL_OP_SUB, f.hessian_v[k], second[k]);
  f.h_v = inner(g, minus, minus, f.count);
  f.v_hv = inner(g, second, second, f.count);
  return f;
}

/* w.y moved by s along v. */
static double moved(engines *e, size_t program, const borel_graph *g, const forward *f, double s) {
  double kept[INPUTS][ROOM];
  memcpy(kept, values, sizeof kept);
  for (size_t k = 0; k < f->count; k++) {
    const borel_node_info *v = borel_graph_at(g, f->v[k]);
    for (int64_t i = 0; i < borel_shape_size(&v->shape); i++)
      values[borel_graph_at(g, f->wrt[k])->attr][i] +=
          s * (v->op == BOREL_OP_SCALAR ? v->value : ((const double *)v->array.data)[i]);
  }
  engines_run(e, program, INTERPRETED, columns);
  memcpy(values, kept, sizeof kept);
  return *(const double *)engines_output(e, program, 0);
}

/* Its derivative at s = 0: central differences, extrapolated twice (Romberg). */
static difference directional_difference(engines *e, size_t program, const borel_graph *g, const forward *f) {
  double d[3], step = 2e-3;
  for (int k = 0; k < 3; k++, step /= 2)
    d[k] = (moved(e, program, g, f, step) - moved(e, program, g, f, -step)) / (2 * step);
  double once[] = {(4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3}, twice = (16 * once[1] - once[0]) / 15;
  return (difference){twice, fabs(twice - once[1])};
}

/* <w, J v> = <J' w, v> in both engines, the same by differences, and Hessian times vector two ways. */
Test(arrays, forward_mode_is_the_transpose_of_reverse_mode) {
  cache_make();
  engines e = {0}, only_interpreted = {0};
  borel_graph *G[CASES * VARIANTS] = {0};
  forward all[CASES * VARIANTS];
  size_t case_of[CASES * VARIANTS], count = 0;
  for (size_t c = 0; c < CASES; c++)
    for (int v = 0; v < VARIANTS; v++) {
      borel_graph *g = borel_graph_new();
      borel_node y = cases[c].make(g, v);
      G[count] = g;
      if (y == BOREL_NO_NODE) {
        borel_graph_free(g);
        break;
      }
      case_of[count] = c;
      forward f = all[count++] = make_forward(g, y);
      engines_add(&e, g, (borel_node[]){f.w_along, f.g_v}, 2);
      engines_add(&only_interpreted, g, &f.number, 1);
      engines_add(&only_interpreted, g, (borel_node[]){f.h_v, f.v_hv}, 2);
    }
  engines_compile(&e);
  randomise(12);
  for (size_t i = 0; i < count; i++) {
    const char *name = borel_op_get(cases[case_of[i]].op)->name;
    difference slope = directional_difference(&only_interpreted, 2 * i, G[i], &all[i]);
    for (int which = 0; which < 2; which++) {
      engines_run(&e, i, (engine)which, columns);
      double along = *(const double *)engines_output(&e, i, 0),
             back = *(const double *)engines_output(&e, i, 1);
      cr_expect(fabs(along - back) <= 1e-12 * (1 + fabs(back)), "%s (%zu): %.17g forward, %.17g reverse",
                name, i, along, back);
      double tolerance = 10 * slope.error + 1e-9 * (1 + fabs(slope.value));
      cr_expect(tolerance < 1e-3 && fabs(along - slope.value) <= tolerance,
                "%s (%zu): %.12g, differences %.12g", name, i, along, slope.value);
    }
    engines_run(&only_interpreted, 2 * i + 1, INTERPRETED, columns);
    double apart = sqrt(*(const double *)engines_output(&only_interpreted, 2 * i + 1, 0)),
           norm = sqrt(*(const double *)engines_output(&only_interpreted, 2 * i + 1, 1));
    cr_expect(apart <= 1e-12 * (1 + norm), "%s (%zu): two Hessians times vector differ by %g of %g", name, i,
              apart, norm);
  }
  engines_free(&only_interpreted);
  engines_free(&e);
  for (size_t i = 0; i < count; i++) borel_graph_free(G[i]);
  cache_remove();
}
