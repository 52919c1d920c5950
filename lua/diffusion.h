/* SPDX-License-Identifier: MIT
 * Between the files that bind diffusion: paths, scores and predictors (diffusion.c), solvers, plans and runs
 * (reverse.c). Levels are arrays [n, 4]: t, lambda, ln alpha, ln sigma. */
#ifndef BOREL_LUA_DIFFUSION_H
#define BOREL_LUA_DIFFUSION_H

#include "diffuse/predictor.h"
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
/* Functions of predictors in Lua run in `L` from now on. */
void borel_lua_predictors_enter(lua_State *L);

#endif
