/* SPDX-License-Identifier: MIT
 * What of the binding is not a value: models, kernels, runs. Each function adds its part to the table
 * "borel.core" on top of the stack. */
#ifndef BOREL_LUA_ENGINE_H
#define BOREL_LUA_ENGINE_H

#include <lauxlib.h>
#include <lua.h>

#include "host/instance.h"
#include "host/registry.h"
#include "infer/source.h"

void borel_lua_open_model(lua_State *L);      /* model.c: traced models, density plugins */
void borel_lua_open_component(lua_State *L);  /* component.c: plugins, kernels */
void borel_lua_open_compose(lua_State *L);    /* compose.c: kernels made of kernels */
void borel_lua_open_run(lua_State *L);        /* run.c: run directories, chains, reading back, diagnostics */
void borel_lua_open_data(lua_State *L);       /* data.c: readers of data files */
void borel_lua_open_rows(lua_State *L);       /* rows.c: functions of draws, predictive accuracy */
void borel_lua_open_tree(lua_State *L);       /* tree.c: trees of runs */
void borel_lua_open_draws(lua_State *L);      /* draws.c: draw logs and checkpoints of chains in Lua */
void borel_lua_open_choice(lua_State *L);     /* choice.c: sources of randomness for programs */
void borel_lua_open_lanes(lua_State *L);      /* lanes.c: the source of all particles at once */
void borel_lua_open_weights(lua_State *L);    /* weights.c: sums of weights on the log scale */
void borel_lua_open_resampler(lua_State *L);  /* resampler.c */
void borel_lua_open_diffusion(lua_State *L);  /* diffusion.c: processes, scores, predictors */
void borel_lua_open_reverse(lua_State *L);    /* reverse.c: solvers, plans, runs from noise to data */
void borel_lua_open_stepper(lua_State *L);    /* stepper.c: runs of solvers that step */
void borel_lua_open_canvas(lua_State *L);     /* canvas.c: pictures */
void borel_lua_open_involution(lua_State *L); /* involution.c */

void borel_lua_open_system(lua_State *L); /* system.c */
void borel_lua_open_place(lua_State *L);  /* place.c: the folders of Borel's own files */

enum { BOREL_PLACE_SIZE = 4160 };
typedef enum { BOREL_STDLIB, BOREL_PLUGINS, BOREL_HEADERS } borel_lua_folder;
/* The folder of one part, installed or in the build tree. */
void borel_lua_place(borel_lua_folder, char path[BOREL_PLACE_SIZE]);

/* The source behind a model or density userdata at `index`; raises when it is something else. */
const borel_source *borel_lua_source(lua_State *L, int index);
borel_kernel *borel_lua_kernel(lua_State *L, int index);
/* The source of randomness at `index`; raises when it is something else, or draws no more. */
borel_rng *borel_lua_rng(lua_State *L, int index);
/* Pushes a userdata that owns the kernel; its user value 1 is free for what must live as long. */
void borel_lua_push_kernel(lua_State *L, borel_kernel *);
int borel_lua_kernel_stays(lua_State *L); /* a method of kernels (compose.c) */
/* Makes an instance of a kind ("kernel", "density", ...) from the name, path or component in Lua at `index`
 * and the table of parameters after it; *made points to its borel_kernel, borel_density, ... */
borel_status borel_lua_create(lua_State *L, int index, const char *kind, void **made, borel_error *error);
/* Pushes {name =, hash = of its file, parameters =}: what a run depends on. */
void borel_lua_describe(lua_State *L, const borel_component *, const borel_value *values);
/* Puts the hash of the component in Lua behind the userdata at `index`, if it is one, into the table on top.
 */
void borel_lua_describe_scripted(lua_State *L, int index);
/* The component of a core.scripted at `index`, about to be used by this state, and the hash of its
 * definition; NULL for another value. */
const borel_component *borel_lua_scripted(lua_State *L, int index, const char **hash);
/* Is it written in Lua, so that it may not run on threads? */
int borel_lua_is_scripted(const borel_component *);
/* The same of what is behind a model or density userdata. */
int borel_lua_source_is_scripted(lua_State *L, int index);
/* Functions of components in Lua run in `L` from now on. */
void borel_lua_scripted_enter(lua_State *L);
void borel_lua_open_scripted(lua_State *L);
/* The registry of this state, made at first use. */
borel_registry *borel_lua_registry(lua_State *L);

#endif
