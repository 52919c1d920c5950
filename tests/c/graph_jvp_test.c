/* SPDX-License-Identifier: MIT
 *
 * Forward mode: every elementwise operation, what is absent where tangents are zero, masks, scans in scans.
 * The other operations are in graph_arrays_test.c. */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 40 };

/* J v of an elementwise operation must be the sum of its adjoints times v, in the order of its arguments: the
 * Jacobian is diagonal. Points are where all operations are defined. */
Test(jvp, of_elementwise_operations_is_their_gradient_times_the_direction) {
  cache_make();
  engines e = {0};
  borel_graph *G[BOREL_OP_COUNT] = {0};
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    const borel_op_info *info = borel_op_get((borel_op)op);
    if (info->kind != BOREL_CLASS_ELEMENTWISE || info->result == 'I') continue;
    borel_graph *g = borel_graph_new();
    borel_node args[3], v[3], wrt[3], dots[3];
    size_t count = 0;
    for (int k = 0; k < info->arity; k++) {
      args[k] =
          borel_graph_input(g, info->types[k] == 'I' ? BOREL_I64 : BOREL_F64, &(borel_shape){1, {POINTS}});
      if (info->types[k] == 'D') wrt[count++] = args[k];
    }
    for (size_t k = 0; k < count; k++) dots[k] = v[k] = vector_input(g, POINTS);
    borel_error error = {0};
    borel_node y = borel_graph_op(g, (borel_op)op, args, (size_t)info->arity, 0, NULL, &error), along;
    borel_node gradient[3], sum = borel_graph_scalar(g, 0);
    borel_status forward = borel_graph_jvp(g, &y, 1, wrt, dots, count, &along, &error),
                 reverse = borel_graph_gradient(g, total(g, y), wrt, count, gradient, &error);
    cr_expect(forward == reverse, "%s: %d forward, %d in reverse (%s)", info->name, forward, reverse,
              error.message);
    if (forward || reverse) { /* a derivative that is not offered */
      cr_expect(strstr(error.message, info->name), "%s", error.message);
      borel_graph_free(g);
      continue;
    }
    G[op] = g;
    for (size_t k = 0; k < count; k++)
      sum = apply2(g, BOREL_OP_ADD, sum, apply2(g, BOREL_OP_MUL, gradient[k], v[k]));
    sum = borel_graph_op(g, BOREL_OP_BROADCAST, &sum, 1, 0, &(borel_shape){1, {POINTS}}, NULL);
    engines_add(&e, g, (borel_node[]){along, sum}, 2);
  }
  engines_compile(&e);
  double numbers[6][64];
  int64_t whole[64];
  uint64_t state = 5;
  for (int i = 0; i < 64; i++) {
    for (int k = 0; k < 6; k++) numbers[k][i] = uniform(&state, 0.05, 0.95);
    whole[i] = i % 2;
  }
  for (int op = 0, program = 0; op < BOREL_OP_COUNT; op++) {
    if (!G[op]) continue;
    void *in[6];
    for (int k = 0, n = 0; k < 6; k++)
      in[k] = k < 3 && borel_op_get((borel_op)op)->types[k] == 'I' ? (void *)whole : (void *)numbers[n++];
    for (int which = 0; which < 2; which++) {
      engines_run(&e, (size_t)program, (engine)which, in);
      const double *a = engines_output(&e, (size_t)program, 0), *b = engines_output(&e, (size_t)program, 1);
      for (int i = 0; i < POINTS; i++)
        cr_expect(same_bits(a[i], b[i]) || fabs(a[i] - b[i]) <= 1e-14 * (1 + fabs(b[i])),
                  "%s[%d]: %.17g, %.17g", borel_op_get((borel_op)op)->name, i, a[i], b[i]);
    }
    program++;
  }
  engines_free(&e);
  for (int op = 0; op < BOREL_OP_COUNT; op++) borel_graph_free(G[op]);
  cache_remove();
}

static double value(borel_graph *g, borel_node y, void *const *inputs) {
  engines e = {0};
  size_t program = engines_add(&e, g, &y, 1);
  engines_run(&e, program, INTERPRETED, inputs);
  double result = *(const double *)engines_output(&e, program, 0);
  engines_free(&e);
  return result;
}

/* log where x > 0, else x^2: at a point of either branch only that branch counts, infinities of the other
 * not. */
Test(jvp, goes_through_the_branch_that_is_taken) {
  borel_graph *g = borel_graph_new();
  borel_node x = scalar_input(g), one = borel_graph_scalar(g, 1), dy;
  borel_node y = apply3(g, BOREL_OP_WHERE, apply2(g, BOREL_OP_GT, x, borel_graph_scalar(g, 0)),
                        apply1(g, BOREL_OP_LOG, x), apply2(g, BOREL_OP_MUL, x, x));
  cr_assert(borel_graph_jvp(g, &y, 1, &x, &one, 1, &dy, NULL) == BOREL_OK);
  cr_expect(value(g, dy, (void *[]){&(double){4}}) == 0.25);
  cr_expect(value(g, dy, (void *[]){&(double){0}}) == 0);
  cr_expect(value(g, dy, (void *[]){&(double){-3}}) == -6);
  /* sqrt of a masked value: its infinite slope times the zero of the mask */
  borel_node safe = apply3(g, BOREL_OP_WHERE, apply2(g, BOREL_OP_GT, x, borel_graph_scalar(g, 0)), x,
                           borel_graph_scalar(g, 0));
  y = apply1(g, BOREL_OP_SQRT, safe);
  cr_assert(borel_graph_jvp(g, &y, 1, &x, &one, 1, &dy, NULL) == BOREL_OK);
  cr_expect(value(g, dy, (void *[]){&(double){-1}}) == 0);
  cr_expect(value(g, dy, (void *[]){&(double){4}}) == 0.25);
  borel_graph_free(g);
}

/* What does not depend on the direction is the number 0, with no work left in the graph. */
Test(jvp, zeros_are_constants) {
  borel_graph *g = borel_graph_new();
  borel_node x = scalar_input(g), z = vector_input(g, 3), one = borel_graph_scalar(g, 1), dy[3];
  borel_node y[] = {apply1(g, BOREL_OP_EXP, z), apply1(g, BOREL_OP_FLOOR, x), apply1(g, BOREL_OP_STOP, x)};
  cr_assert(borel_graph_jvp(g, y, 3, &x, &one, 1, dy, NULL) == BOREL_OK);
  for (int i = 0; i < 3; i++) {
    double number = 1;
    cr_expect(borel_graph_constant(g, dy[i], &number) && number == 0);
    cr_expect(borel_shape_equal(&borel_graph_at(g, dy[i])->shape, &borel_graph_at(g, y[i])->shape));
  }
  borel_node wrong = doubles(g, 2, (double[]){1, 2});
  borel_error error = {0};
  cr_expect(borel_graph_jvp(g, y, 1, &z, &wrong, 1, dy, &error) == BOREL_ARG);
  cr_expect(strstr(error.message, "[2]") && strstr(error.message, "[3]"), "%s", error.message);
  borel_graph_free(g);
}

/* s' = s^2 + c x_t where only c moves: the carry has a tangent from the first step on. With T = 2 and s_0 =
 * 0: s_2 = (c x_1)^2 + c x_2, so ds_2/dc = 2 c x_1^2 + x_2, and d2/dc2 = 2 x_1^2. */
Test(jvp, a_carry_moves_when_a_step_makes_it) {
  borel_graph *g = borel_graph_new();
  borel_node args[] = {borel_graph_scalar(g, 0), vector_input(g, 2), scalar_input(g)};
  borel_region *region = calloc(1, sizeof *region);
  borel_graph *B = borel_graph_new();
  borel_node s = scalar_input(B), x = scalar_input(B), c = scalar_input(B);
  *region = (borel_region){
      .body = B, .carries = 1, .sequences = 1, .captured = 1, .output_count = 1, .outputs = malloc(sizeof s)};
  region->outputs[0] = apply2(B, BOREL_OP_ADD, apply2(B, BOREL_OP_MUL, s, s), apply2(B, BOREL_OP_MUL, c, x));
  borel_node y = borel_graph_project(g, borel_graph_scan(g, region, args, 3, NULL), 0), dy, ddy,
             one = borel_graph_scalar(g, 1);
  cr_assert(borel_graph_jvp(g, &y, 1, &args[2], &one, 1, &dy, NULL) == BOREL_OK);
  cr_assert(borel_graph_jvp(g, &dy, 1, &args[2], &one, 1, &ddy, NULL) == BOREL_OK);
  double xs[] = {3, 5}, cs = 0.7;
  cr_expect(fabs(value(g, dy, (void *[]){xs, &cs}) - (2 * cs * 9 + 5)) < 1e-13);
  cr_expect(fabs(value(g, ddy, (void *[]){xs, &cs}) - 18) < 1e-13);
  borel_graph_free(g);
}
