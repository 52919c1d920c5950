/* SPDX-License-Identifier: MIT
 * Matrices in the language: functions of `core` and methods, for arrays and symbolic values alike. */
#include "values.h"

/* Arguments as values; raises unless there are `least` to `most`. */
static void take(lua_State *L, const char *name, int least, int most) {
  int count = lua_gettop(L);
  if (count < least || count > most)
    borel_lua_fail(L, "%s takes %d value%s%s, got %d", name, least, least == 1 ? "" : "s",
                   most > least ? " and options" : "", count);
  for (int i = 1; i <= least; i++)
    if (lua_type(L, i) == LUA_TTABLE) borel_lua_toarray(L, i);
  lua_settop(L, most);
}

/* The shape of argument i, which must have `rank` axes. */
static borel_shape need_rank(lua_State *L, const char *name, int i, int rank) {
  char text[64];
  if (!borel_lua_testarray(L, i) && !borel_lua_isnode(L, i) && !borel_lua_testparticles(L, i))
    borel_lua_fail(L, "%s: argument %d must be a %s, got a %s", name, i, rank == 1 ? "vector" : "matrix",
                   borel_lua_typename(L, i));
  borel_shape shape = borel_lua_shape(L, i);
  if (shape.rank != rank)
    borel_lua_fail(L, "%s: argument %d must be a %s, its shape is %s", name, i,
                   rank == 1 ? "vector" : "matrix", borel_shape_text(&shape, text));
  return shape;
}

static borel_shape need_square(lua_State *L, const char *name) {
  char text[64];
  borel_shape shape = need_rank(L, name, 1, 2);
  if (shape.extent[0] != shape.extent[1])
    borel_lua_fail(L, "%s: needs a square matrix, got shape %s", name, borel_shape_text(&shape, text));
  return shape;
}

/* Pushes what `op` makes of the `count` values on top of the stack, in their place. */
static void apply(lua_State *L, borel_op op, int count, int64_t attr) {
  int first = lua_gettop(L) - count + 1;
  borel_lua_op(L, op, first, count, attr, NULL);
  lua_replace(L, first);
  lua_settop(L, first);
}

/* ---- the same elements elsewhere ------------------------------------------------------------- */

static void check_size(lua_State *L, const borel_shape *shape) {
  enum { MOST = 1 << 26 };
  char text[64];
  if (borel_shape_size(shape) > MOST)
    borel_lua_fail(L, "a matrix of shape %s has more than %d elements", borel_shape_text(shape, text), MOST);
}

/* Pushes an i64 array; its elements are for the caller to write. */
static int64_t *push_indices(lua_State *L, borel_shape shape) {
  check_size(L, &shape);
  borel_array *array = borel_lua_makearray(L, BOREL_I64, &shape);
  borel_lua_account(L);
  return array->data;
}

/* Pushes element offset + row * i + column * j of the value at x, for all i < shape[0], j < shape[1]. */
static void push_part(lua_State *L, int x, borel_shape shape, int64_t offset, int64_t row, int64_t column) {
  int64_t columns = shape.rank == 2 ? shape.extent[1] : 1;
  lua_pushvalue(L, x);
  int64_t *at = push_indices(L, shape);
  for (int64_t i = 0; i < shape.extent[0]; i++)
    for (int64_t j = 0; j < columns; j++) *at++ = offset + row * i + column * j;
  int mask = borel_lua_testarray(L, x) && borel_lua_testarray(L, x)->dtype == BOREL_BOOL;
  apply(L, BOREL_OP_GATHER, 2, 0);
  if (mask) { /* the operation knows whole numbers only */
    lua_pushinteger(L, 0);
    apply(L, BOREL_OP_NE, 2, 0);
  }
}

/* core.transpose(x), x:t(): [N,M] -> [M,N] */
static int transpose(lua_State *L) {
  take(L, "transpose", 1, 1);
  borel_shape s = need_rank(L, "transpose", 1, 2);
  push_part(L, 1, (borel_shape){2, {s.extent[1], s.extent[0]}}, 0, 1, s.extent[1]);
  return 1;
}

/* core.diagonal(x): [N,N] -> [N] */
static int diagonal(lua_State *L) {
  take(L, "diagonal", 1, 1);
  borel_shape s = need_square(L, "diagonal");
  push_part(L, 1, (borel_shape){1, {s.extent[0]}}, 0, s.extent[0] + 1, 0);
  return 1;
}

/* core.diag(v): [N] -> [N,N] with v on the diagonal, 0 elsewhere */
static int diag(lua_State *L) {
  take(L, "diag", 1, 1);
  borel_shape shape = need_rank(L, "diag", 1, 1);
  int64_t n = shape.extent[0];
  borel_shape square = {2, {n, n}};
  check_size(L, &square);
  int64_t *at = push_indices(L, shape);
  for (int64_t i = 0; i < n; i++) at[i] = i * (n + 1);
  borel_lua_op(L, BOREL_OP_SCATTER, 1, 2, 0, &square);
  return 1;
}

/* core.tril(x): the lower triangle with the diagonal, 0 above it */
static int tril(lua_State *L) {
  take(L, "tril", 1, 1);
  borel_shape shape = need_rank(L, "tril", 1, 2);
  int64_t *at = push_indices(L, shape);
  for (int64_t i = 0; i < shape.extent[0]; i++)
    for (int64_t j = 0; j < shape.extent[1]; j++) *at++ = i >= j;
  lua_pushvalue(L, 1);
  lua_pushnumber(L, 0);
  apply(L, BOREL_OP_WHERE, 3, 0);
  return 1;
}

/* ---- products -------------------------------------------------------------------------------- */

/* core.outer(a, b): [N], [M] -> [N,M] of all products */
static int outer(lua_State *L) {
  take(L, "outer", 2, 2);
  borel_shape column = {2, {need_rank(L, "outer", 1, 1).extent[0], 1}};
  need_rank(L, "outer", 2, 1);
  borel_lua_reshape(L, 1, &column);
  apply(L, BOREL_OP_MUL, 2, 0);
  return 1;
}

/* core.trace(x): the sum of the diagonal of [N,N] */
static int trace(lua_State *L) {
  take(L, "trace", 1, 1);
  need_square(L, "trace");
  diagonal(L);
  apply(L, BOREL_OP_SUM, 1, -1);
  return 1;
}

/* ---- factors and solutions ------------------------------------------------------------------- */

/* core.cholesky(a): the lower L with L L' = a, of which the lower triangle is read; all NaN when a is not
 * positive definite */
static int cholesky(lua_State *L) {
  take(L, "cholesky", 1, 1);
  need_square(L, "cholesky");
  apply(L, BOREL_OP_CHOLESKY, 1, 0);
  return 1;
}

static int is_transposed(lua_State *L, const char *name, int index) {
  static const char *const known[] = {"transposed"};
  if (!borel_lua_options(L, index, name, known, 1)) return 0;
  if (lua_getfield(L, index, known[0]) != LUA_TNIL && !lua_isboolean(L, -1))
    borel_lua_fail(L, "%s: option 'transposed' must be true or false, got a %s", name,
                   borel_lua_typename(L, -1));
  int transposed = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return transposed;
}

/* core.solve_triangular(L, b [, {transposed = true}]): x with L x = b, or L' x = b; b is [N] or [N,M] */
static int solve_triangular(lua_State *L) {
  take(L, "solve_triangular", 2, 3);
  need_square(L, "solve_triangular");
  int transposed = is_transposed(L, "solve_triangular", 3);
  lua_settop(L, 2);
  apply(L, BOREL_OP_SOLVE_TRIANGULAR, 2, transposed);
  return 1;
}

static void push_factors(lua_State *L) {
  lua_pushvalue(L, 1);
  apply(L, BOREL_OP_LU, 1, 0);
}

/* core.solve(a, b [, {transposed = true}]): x with a x = b, or a' x = b; NaN when a is singular */
static int solve(lua_State *L) {
  take(L, "solve", 2, 3);
  need_square(L, "solve");
  int transposed = is_transposed(L, "solve", 3);
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  push_factors(L);
  lua_pushvalue(L, 2);
  apply(L, BOREL_OP_SOLVE, 3, transposed);
  return 1;
}

/* Pushes argument 1 and its Cholesky factor. */
static void push_with_factor(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 1);
  apply(L, BOREL_OP_CHOLESKY, 1, 0);
}

/* core.logdet(a): log det of a positive definite matrix, from its Cholesky factor; NaN when it is not */
static int logdet(lua_State *L) {
  take(L, "logdet", 1, 1);
  need_square(L, "logdet");
  push_with_factor(L);
  apply(L, BOREL_OP_LOG_DET, 2, 0);
  return 1;
}

/* core.mahalanobis(a, b): b' a^-1 b for a positive definite matrix, of which the lower triangle is read; NaN
 * when it is not. b is [N], or [N,M]: the M numbers of its columns */
static int mahalanobis(lua_State *L) {
  take(L, "mahalanobis", 2, 2);
  need_square(L, "mahalanobis");
  push_with_factor(L);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 4);
  lua_pushvalue(L, 2);
  apply(L, BOREL_OP_SOLVE_TRIANGULAR, 2, 0);
  apply(L, BOREL_OP_MAHALANOBIS, 4, 0);
  return 1;
}

/* core.slogdet(a): log|det a| and the sign of det a; -inf and 0 when singular */
static int slogdet(lua_State *L) {
  take(L, "slogdet", 1, 1);
  need_square(L, "slogdet");
  lua_pushvalue(L, 1);
  push_factors(L);
  apply(L, BOREL_OP_LOG_ABS_DET, 2, 0);
  push_factors(L);
  apply(L, BOREL_OP_DET_SIGN, 1, 0);
  return 2;
}

/* core.eigh(a): the eigenvalues of a symmetric matrix in ascending order, and the matrix whose columns are
 * the eigenvectors (largest element positive); the lower triangle is read */
static int eigh(lua_State *L) {
  take(L, "eigh", 1, 1);
  int64_t n = need_square(L, "eigh").extent[0];
  lua_pushvalue(L, 1);
  apply(L, BOREL_OP_EIGH, 1, 0);
  push_part(L, 2, (borel_shape){1, {n}}, 0, 1, 0);
  push_part(L, 2, (borel_shape){2, {n, n}}, n, n, 1);
  return 2;
}

void borel_lua_open_linear(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"transpose", transpose}, {"t", transpose},       {"diag", diag},
      {"diagonal", diagonal},   {"tril", tril},         {"outer", outer},
      {"trace", trace},         {"cholesky", cholesky}, {"solve_triangular", solve_triangular},
      {"solve", solve},         {"logdet", logdet},     {"mahalanobis", mahalanobis},
      {"slogdet", slogdet},     {"eigh", eigh},         {NULL, NULL}};
  luaL_setfuncs(L, functions, 0); /* methods: on top */
  lua_settop(L, 2);
  for (const luaL_Reg *f = functions; f->name; f++) {
    if (f->func == transpose && f->name[1] == 0) continue; /* t is a method only */
    lua_getfield(L, 2, f->name);
    lua_setfield(L, 1, f->name);
  }
}
