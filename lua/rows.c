/* SPDX-License-Identifier: MIT
 * core.evaluate: a traced function at every draw of a run; core.pointwise: predictive accuracy of each
 * observation. */
#include <math.h>
#include <string.h>

#include "compile/program.h"
#include "diagnose/diagnose.h"
#include "engine.h"
#include "values.h"

#define PROGRAM "borel.program"

typedef struct {
  borel_program *program;
  borel_workspace work;
} box;

static int box_gc(lua_State *L) {
  box *b = luaL_checkudata(L, 1, PROGRAM);
  borel_workspace_free(&b->work);
  borel_program_free(b->program);
  *b = (box){0};
  return 0;
}

/* An input of the program: `count` numbers from place `offset` of a row. */
typedef struct {
  int32_t slot;
  size_t offset, count;
  int integer;
} input;

/* Reads the table of inputs {node, offset} at stack index 2. */
static input *read_inputs(lua_State *L, borel_graph *graph, const borel_program *p, size_t *count) {
  *count = lua_rawlen(L, 2);
  input *inputs = lua_newuserdatauv(L, (*count + 1) * sizeof *inputs, 0);
  for (size_t i = 0; i < *count; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    lua_rawgeti(L, -1, 1);
    const borel_node_info *node = borel_graph_at(graph, borel_lua_tonode(L, -1, graph));
    lua_rawgeti(L, -2, 2);
    inputs[i] = (input){p->input_slot[node->attr], (size_t)luaL_checkinteger(L, -1) - 1,
                        (size_t)borel_shape_size(&node->shape), node->dtype == BOREL_I64};
    lua_pop(L, 3);
  }
  return inputs;
}

static void fill(const borel_workspace *w, const input *inputs, size_t count, const double *row) {
  for (size_t i = 0; i < count; i++) {
    if (inputs[i].slot < 0) continue; /* nothing depends on it */
    void *to = w->slot[inputs[i].slot];
    const double *from = row + inputs[i].offset;
    if (!inputs[i].integer) memcpy(to, from, inputs[i].count * sizeof *from);
    for (size_t k = 0; inputs[i].integer && k < inputs[i].count; k++) ((int64_t *)to)[k] = (int64_t)from[k];
  }
}

/* core.evaluate(graph, inputs, outputs, matrices): inputs is a list of {input node, offset in a row (from
 * 1)}, outputs one of values of the open trace `graph`, matrices one of arrays [rows, columns] alike in
 * shape. For each output an array [matrices, rows, elements]. */
static int evaluate(lua_State *L) {
  borel_error error = {0};
  lua_settop(L, 4);
  borel_graph *graph = borel_lua_graph(L, 1);
  for (int i = 2; i <= 4; i++) luaL_checktype(L, i, LUA_TTABLE);
  size_t outputs = lua_rawlen(L, 3), chains = lua_rawlen(L, 4), input_count;
  box *b = lua_newuserdatauv(L, sizeof *b, 0); /* 5 */
  *b = (box){0};
  luaL_setmetatable(L, PROGRAM);
  borel_node *nodes = lua_newuserdatauv(L, (outputs + 1) * sizeof *nodes, 0); /* 6 */
  for (size_t i = 0; i < outputs; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    nodes[i] = borel_lua_tonode(L, -1, graph);
    if (borel_graph_at(graph, nodes[i])->dtype != BOREL_F64)
      nodes[i] = borel_lua_checknode(L, borel_graph_op(graph, BOREL_OP_TO_F64, &nodes[i], 1, 0, NULL, &error),
                                     &error);
    lua_pop(L, 1);
  }
  if (!(b->program = borel_program_new(graph, nodes, outputs, &error)) ||
      borel_workspace_new(b->program, &b->work, &error))
    return borel_lua_error(L, &error);
  const input *inputs = read_inputs(L, graph, b->program, &input_count); /* 7 */

  size_t rows = 0, width = 0;
  const double **matrix = lua_newuserdatauv(L, (chains + 1) * sizeof *matrix, 0); /* 8 */
  for (size_t c = 0; c < chains; c++) {
    lua_rawgeti(L, 4, (lua_Integer)c + 1);
    const borel_array *m = borel_lua_checkarray(L, -1);
    if (m->dtype != BOREL_F64 || m->shape.rank != 2 ||
        (c > 0 && ((size_t)m->shape.extent[0] != rows || (size_t)m->shape.extent[1] != width)))
      return luaL_error(L, "core.evaluate: matrices of different shapes");
    rows = (size_t)m->shape.extent[0];
    width = (size_t)m->shape.extent[1];
    matrix[c] = m->data;
    lua_pop(L, 1);
  }
  for (size_t i = 0; i < input_count; i++)
    if (inputs[i].offset + inputs[i].count > width) return luaL_error(L, "core.evaluate: rows are too short");

  double **out = lua_newuserdatauv(L, (outputs + 1) * sizeof *out, 0); /* 9 */
  size_t *size = lua_newuserdatauv(L, (outputs + 1) * sizeof *size, 0);
  lua_createtable(L, (int)outputs, 0);
  for (size_t k = 0; k < outputs; k++) {
    size[k] = (size_t)borel_shape_size(&borel_graph_at(graph, nodes[k])->shape);
    borel_array array =
        borel_array_new(BOREL_F64, &(borel_shape){3, {(int64_t)chains, (int64_t)rows, (int64_t)size[k]}});
    if (!array.data) return luaL_error(L, "out of memory for %d values at each draw", (int)size[k]);
    out[k] = array.data;
    borel_lua_pusharray(L, array);
    lua_rawseti(L, -2, (lua_Integer)k + 1);
  }
  for (size_t c = 0, row = 0; c < chains; c++)
    for (size_t r = 0; r < rows; r++, row++) {
      fill(&b->work, inputs, input_count, matrix[c] + r * width);
      borel_program_interpret(b->program, &b->work);
      for (size_t k = 0; k < outputs; k++)
        memcpy(out[k] + row * size[k], b->work.slot[borel_program_output_slot(b->program, k)],
               size[k] * sizeof **out);
    }
  return 1;
}

/* core.pointwise("loo" | "waic", loglik [chains, draws, N] [, r_eff]): elpd, p, k, r_eff, each [N]; for
 * "waic" k and r_eff are NaN. Without r_eff each observation has its own. */
static int pointwise(lua_State *L) {
  static const char *const kinds[] = {"loo", "waic", NULL};
  int loo = luaL_checkoption(L, 1, NULL, kinds) == 0;
  const borel_array *loglik = borel_lua_checkarray(L, 2);
  double fixed = luaL_optnumber(L, 3, 0);
  luaL_argcheck(L, loglik->shape.rank == 3 && loglik->dtype == BOREL_F64, 2,
                "needs an array [chains, draws, N]");
  size_t chains = (size_t)loglik->shape.extent[0], draws = (size_t)loglik->shape.extent[1],
         N = (size_t)loglik->shape.extent[2];
  double *x = lua_newuserdatauv(L, (chains * draws + 1) * sizeof *x, 0), *out[4];
  for (int f = 0; f < 4; f++) {
    borel_array array = borel_array_new(BOREL_F64, &(borel_shape){1, {(int64_t)N}});
    if (!array.data) return luaL_error(L, "out of memory for %d observations", (int)N);
    out[f] = array.data;
    borel_lua_pusharray(L, array);
  }
  for (size_t i = 0; i < N; i++) {
    for (size_t s = 0; s < chains * draws; s++) x[s] = ((const double *)loglik->data)[s * N + i];
    struct borel_elpd elpd;
    double r_eff = !loo ? NAN : fixed > 0 ? fixed : borel_relative_ess(x, chains, draws);
    if (loo)
      borel_loo(x, chains, draws, r_eff, &elpd); /* what it cannot do is NaN, k +inf */
    else
      borel_waic(x, chains, draws, &elpd);
    out[0][i] = elpd.elpd, out[1][i] = elpd.p, out[2][i] = elpd.k, out[3][i] = r_eff;
  }
  return 4;
}

static int pareto_limit(lua_State *L) {
  lua_pushnumber(L, borel_pareto_limit((size_t)luaL_checkinteger(L, 1)));
  return 1;
}

void borel_lua_open_rows(lua_State *L) {
  luaL_newmetatable(L, PROGRAM);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {
      {"evaluate", evaluate}, {"pointwise", pointwise}, {"pareto_limit", pareto_limit}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
