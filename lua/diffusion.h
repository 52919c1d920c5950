/* SPDX-License-Identifier: MIT
 * Between the files that bind diffusion: paths, scores and predictors (diffusion.c), solvers, plans and runs
 * (reverse.c), and runs of solvers that step (stepper.c). Levels are arrays [n, 4]: t, lambda, ln alpha, ln
 * sigma. */
#ifndef BOREL_LUA_DIFFUSION_H
#define BOREL_LUA_DIFFUSION_H

#include "diffuse/execute.h"
#include "values.h"

/* The objects at `index`; raise for anything else. */
const borel_path *borel_lua_path(lua_State *L, int index);
borel_predictor *borel_lua_predictor(lua_State *L, int index);

/* The array at `index` as f64 [rows, D]; a D of 0 takes any. Replaces it in place and keeps it alive there. A
 * single row may come as a vector. `what` is for messages. */
const borel_array *borel_lua_rows(lua_State *L, int index, size_t D, const char *what);
/* Levels at `index`, [n, 4]. */
const borel_level *borel_lua_levels(lua_State *L, int index, size_t *count);
void borel_lua_push_level(lua_State *L, const borel_level *);
/* "data" or "noise" at `index`. */
borel_prediction borel_lua_prediction(lua_State *L, int index);
/* shift, condition and first of the table at `index` (or nil), for `rows` rows of D. Keeps what it converts
 * on the stack: two values are pushed. */
void borel_lua_call_options(lua_State *L, int index, size_t rows, size_t D, borel_score_call *);
const borel_solver *borel_lua_solver(lua_State *L, int index);
/* n, seed, threads, and the above of the table at `index`; what it points to lies on the stack. */
borel_reverse_options borel_lua_reverse_options(lua_State *L, int index, size_t D);
/* x [rows, D] of a run: pushed as an array, or read from the one at `index`. */
void borel_lua_push_x(lua_State *L, const borel_reverse_options *, const double *x);
void borel_lua_read_x(lua_State *L, int index, const borel_reverse_options *, double *x);
/* A class of userdata with these methods. */
void borel_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction collect);
/* Functions of predictors in Lua run in `L` from now on. */
void borel_lua_predictors_enter(lua_State *L);

#endif
