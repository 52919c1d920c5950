/* SPDX-License-Identifier: MIT
 * Components written in Lua: scripted.c makes a borel_component of a definition and runs its functions as
 * ops, scripted_views.c gives these functions what C ops receive as pointers. One state, one thread: chains
 * with such a component run in processes of their own. */
#ifndef BOREL_LUA_SCRIPTED_H
#define BOREL_LUA_SCRIPTED_H

#include "engine.h"
#include "values.h"

/* The call that is under way; views look here, so that they mean nothing outside of one. */
typedef struct {
  const borel_kernel_ops *ops; /* of the component: names and shapes of its fields */
  const borel_value *values;
  const borel_context *context; /* NULL: no call of a kernel */
  borel_target *target;
  borel_point *point;
  void *const *tuned;  /* tuning that may be written, else NULL */
  borel_error failure; /* what a service reported before the function raised */
} borel_scripted_call;

extern borel_scripted_call borel_scripted_now;

/* Pushes the views (ctx, target, point), made once for each state. */
void borel_scripted_push_views(lua_State *L);
/* Pushes an array [n] of these numbers. */
void borel_scripted_push_reals(lua_State *L, const double *x, size_t n);
void borel_scripted_push_wholes(lua_State *L, const int64_t *x, size_t n);
/* Reads n numbers from the list or array at `index`; raises, naming `what`, for anything else. */
void borel_scripted_read(lua_State *L, int index, double *out, size_t n, const char *what);

/* Pushes a source of randomness, drawing from *rng_of(userdata), which may change; its failures raise
 * nothing. */
borel_rng **borel_lua_push_source(lua_State *L);

#endif
