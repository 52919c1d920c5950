/* SPDX-License-Identifier: MIT
 * Compiled with the flags of x86-64-v3 (CMakeLists.txt); elsewhere the processor is known when ode.c is
 * compiled. */
#include "compile/ode.h"

#if defined(__x86_64__)
#ifndef __FMA__
#error "compile this file with -march=x86-64-v3"
#endif
#define ODE_METHOD(...) __VA_ARGS__
#include "compile/ode_method.h"

void borel_ode_solve_fma(const borel_ode_problem *p) { borel_ode_dormand_prince(p); }
#endif
