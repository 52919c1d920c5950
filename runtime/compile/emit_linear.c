/* SPDX-License-Identifier: MIT
 * Linear algebra in emitted code: calls of graph/linear.c, which lies in libborel. The prelude has what else
 * lies there too. */
#include "compile/emit.h"

#define EMIT(NAME) void borel_emit_##NAME(const borel_program *p, borel_node i, borel_text *out)
#define ARG(k) (borel_graph_args(p->graph, i)[k])

static const struct {
  borel_op op;
  const char *text;
} declarations[] = {
    {BOREL_OP_CHOLESKY, "void borel_linear_cholesky(long long, const double *, double *);\n"},
    {BOREL_OP_SOLVE_TRIANGULAR,
     "void borel_linear_solve_triangular(long long, long long, int, const double *, "
     "const double *, double *);\n"},
    {BOREL_OP_POSITIVE_INVERSE, "void borel_linear_positive_inverse(long long, const double *, double *);\n"},
    {BOREL_OP_LOG_DET, "double borel_linear_log_det(long long, const double *);\n"},
    {BOREL_OP_MAHALANOBIS,
     "void borel_linear_mahalanobis(long long, long long, const double *, double *);\n"},
    {BOREL_OP_LU, "void borel_linear_lu(long long, const double *, double *);\n"},
    {BOREL_OP_SOLVE,
     "void borel_linear_solve(long long, long long, int, const double *, const double *, double *);\n"},
    {BOREL_OP_LOG_ABS_DET, "double borel_linear_log_abs_det(long long, const double *);\n"},
    {BOREL_OP_DET_SIGN, "double borel_linear_det_sign(long long, const double *);\n"},
    {BOREL_OP_EIGH, "void borel_linear_eigh(long long, const double *, double *);\n"},
    {BOREL_OP_ORDER, "void borel_order(long long, const double *, long long *);\n"}};

void borel_emit_linear_prelude(const uint8_t *used, borel_text *out) {
  for (size_t k = 0; k < sizeof declarations / sizeof *declarations; k++)
    if (used[declarations[k].op]) borel_text_printf(out, "%s", declarations[k].text);
}

static void emit_columns(const borel_program *p, borel_node i, borel_text *out) {
  const borel_shape *shape = &borel_graph_at(p->graph, i)->shape;
  borel_emit_extent(p, shape->rank == 2 ? shape->extent[1] : 1, out);
}

/* "  NAME(rows, ": rows of the first argument that is a matrix itself, not its factors. */
static void open_call(const borel_program *p, borel_node i, const char *name, borel_text *out) {
  borel_text_printf(out, "  borel_linear_%s(", name);
  borel_emit_extent(p, borel_graph_at(p->graph, ARG(0))->shape.extent[1], out);
  borel_text_printf(out, ", ");
}
static void close_call(const borel_program *p, borel_node i, borel_text *out) {
  borel_text_printf(out, ", ");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, ");\n");
}

static void emit_of_matrix(const borel_program *p, borel_node i, const char *name, borel_node matrix,
                           borel_text *out) {
  open_call(p, i, name, out);
  borel_emit_pointer(p, matrix, 0, out);
  close_call(p, i, out);
}
EMIT(CHOLESKY) { emit_of_matrix(p, i, "cholesky", ARG(0), out); }
EMIT(POSITIVE_INVERSE) { emit_of_matrix(p, i, "positive_inverse", ARG(1), out); }
EMIT(LU) { emit_of_matrix(p, i, "lu", ARG(0), out); }
EMIT(EIGH) { emit_of_matrix(p, i, "eigh", ARG(0), out); }

EMIT(MAHALANOBIS) {
  open_call(p, i, "mahalanobis", out);
  emit_columns(p, ARG(2), out);
  borel_text_printf(out, ", ");
  borel_emit_pointer(p, ARG(3), 0, out);
  close_call(p, i, out);
}

static void emit_solution(const borel_program *p, borel_node i, const char *name, borel_node matrix,
                          borel_node right, borel_text *out) {
  open_call(p, i, name, out);
  emit_columns(p, i, out);
  borel_text_printf(out, ", %d, ", borel_graph_at(p->graph, i)->attr != 0);
  borel_emit_pointer(p, matrix, 0, out);
  borel_text_printf(out, ", ");
  borel_emit_pointer(p, right, 0, out);
  close_call(p, i, out);
}
EMIT(SOLVE_TRIANGULAR) { emit_solution(p, i, "solve_triangular", ARG(0), ARG(1), out); }
EMIT(SOLVE) { emit_solution(p, i, "solve", ARG(1), ARG(2), out); }

static void emit_number(const borel_program *p, borel_node i, const char *name, borel_node factors,
                        borel_text *out) {
  borel_text_printf(out, "  ");
  borel_emit_pointer(p, i, 1, out);
  borel_text_printf(out, "[0] =");
  open_call(p, i, name, out);
  borel_emit_pointer(p, factors, 0, out);
  borel_text_printf(out, ");\n");
}
EMIT(LOG_ABS_DET) { emit_number(p, i, "log_abs_det", ARG(1), out); }
EMIT(LOG_DET) { emit_number(p, i, "log_det", ARG(1), out); }
EMIT(DET_SIGN) { emit_number(p, i, "det_sign", ARG(0), out); }
