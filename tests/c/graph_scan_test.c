/* SPDX-License-Identifier: MIT
 *
 * Scans: values, derivatives of the first and second order, what is refused, and who frees a body. */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static borel_region *new_region(size_t carries, size_t sequences, size_t captured, size_t outputs,
                                int reverse) {
  borel_region *region = malloc(sizeof *region);
  *region = (borel_region){
      borel_graph_new(), carries, sequences, captured, outputs, calloc(outputs, sizeof(borel_node)),
      reverse,           0,       NULL,      NULL,     0};
  return region;
}

/* s' = a s + x_t, from s0; stacks s'. */
static borel_node affine(borel_graph *G, int64_t T, int reverse, borel_node args[3]) {
  args[0] = scalar_input(G), args[1] = vector_input(G, T), args[2] = scalar_input(G);
  borel_region *region = new_region(1, 1, 1, 2, reverse);
  borel_graph *B = region->body;
  borel_node s = scalar_input(B), x = scalar_input(B), a = scalar_input(B);
  region->outputs[0] = region->outputs[1] = apply2(B, BOREL_OP_ADD, apply2(B, BOREL_OP_MUL, a, s), x);
  borel_error error = {0};
  borel_node scan = borel_graph_scan(G, region, args, 3, &error);
  cr_assert(scan != BOREL_NO_NODE, "%s", error.message);
  return scan;
}

/* Both engines on one program; out[engine] is for the caller to free. */
static void both(borel_graph *G, borel_node y, void *const *inputs, double *out[2]) {
  cache_make();
  engines e = {0};
  size_t p = engines_add(&e, G, &y, 1), bytes = 8 * (size_t)borel_shape_size(&borel_graph_at(G, y)->shape);
  engines_compile(&e);
  for (int which = 0; which < 2; which++) {
    engines_run(&e, p, (engine)which, inputs);
    out[which] = malloc(bytes + 1);
    memcpy(out[which], engines_output(&e, p, 0), bytes);
  }
  engines_free(&e);
  cache_remove();
}

Test(scan, goes_through_a_sequence_either_way) {
  for (int reverse = 0; reverse < 2; reverse++) {
    borel_graph *G = borel_graph_new();
    borel_node args[3], scan = affine(G, 20, reverse, args);
    borel_node parts[] = {borel_graph_project(G, scan, 0), borel_graph_project(G, scan, 1),
                          borel_graph_project(G, scan, 2)};
    borel_node y = borel_graph_op(G, BOREL_OP_STACK, parts, 3, 0, NULL, NULL);
    double s0 = 2, x[20], a = 0.9, s = s0, *out[2];
    for (int t = 0; t < 20; t++) x[t] = t + 1;
    both(G, y, (void *[]){&s0, x, &a}, out);
    for (int step = 0; step < 20; step++) {
      int t = reverse ? 19 - step : step;
      for (int which = 0; which < 2; which++)
        cr_expect(out[which][21 + t] == s, "the carry before step %d", t);
      s = a * s + x[t];
      for (int which = 0; which < 2; which++) cr_expect(out[which][1 + t] == s, "the output of step %d", t);
    }
    for (int which = 0; which < 2; which++) {
      cr_expect(out[which][0] == s);
      free(out[which]);
    }
    borel_graph_free(G);
  }
}

/* s_T = a^T s0 + ..., so d s_T / d s0 = a^T, d2 s_T / d s0 d a = T a^(T-1), d2 s_T / d a2 = T (T-1) a^(T-2)
 * s0. */
Test(scan, derivatives_of_a_geometric_sequence) {
  borel_graph *G = borel_graph_new();
  borel_node args[3], last = borel_graph_project(G, affine(G, 20, 0, args), 0), d[2], dd[2];
  cr_assert(borel_graph_gradient(G, last, (borel_node[]){args[0], args[2]}, 2, d, NULL) == BOREL_OK);
  cr_assert(borel_graph_gradient(G, d[1], (borel_node[]){args[0], args[2]}, 2, dd, NULL) == BOREL_OK);
  borel_node all[] = {d[0], d[1], dd[0], dd[1]};
  double s0 = 1.5, x[20] = {0}, a = 0.9, *out[2];
  both(G, borel_graph_op(G, BOREL_OP_STACK, all, 4, 0, NULL, NULL), (void *[]){&s0, x, &a}, out);
  double want[] = {pow(a, 20), 20 * pow(a, 19) * s0, 20 * pow(a, 19), 380 * pow(a, 18) * s0};
  for (int which = 0; which < 2; which++)
    for (int i = 0; i < 4; i++)
      cr_expect(fabs(out[which][i] / want[i] - 1) < 1e-13, "engine %d, %d: %g, not %g", which, i,
                out[which][i], want[i]);
  free(out[0]);
  free(out[1]);
  borel_graph_free(G);
}

/* s' = s + sum over k of x_k[t] c_k, with as many sequences and captured values: any number of arguments. */
Test(scan, takes_any_number_of_arguments) {
  enum { MANY = 150 };
  borel_graph *G = borel_graph_new();
  borel_region *region = new_region(1, MANY, MANY, 1, 0);
  borel_graph *B = region->body;
  borel_node args[1 + 2 * MANY], inner[1 + 2 * MANY], d[1 + 2 * MANY];
  for (int i = 0; i <= 2 * MANY; i++) {
    inner[i] = scalar_input(B);
    args[i] = i >= 1 && i <= MANY ? vector_input(G, 2) : scalar_input(G);
  }
  borel_node sum = inner[0];
  for (int k = 1; k <= MANY; k++)
    sum = apply2(B, BOREL_OP_ADD, sum, apply2(B, BOREL_OP_MUL, inner[k], inner[MANY + k]));
  region->outputs[0] = sum;
  borel_node last = borel_graph_project(G, borel_graph_scan(G, region, args, 1 + 2 * MANY, NULL), 0);
  borel_error error = {0};
  cr_assert(borel_graph_gradient(G, last, args, 1 + 2 * MANY, d, &error) == BOREL_OK, "%s", error.message);
  double s0 = 0, x[MANY][2], c[MANY], *out[2];
  void *in[1 + 2 * MANY] = {&s0};
  for (int k = 0; k < MANY; k++) {
    x[k][0] = k, x[k][1] = 2 * k + 1, c[k] = k + 3;
    in[1 + k] = x[k], in[1 + MANY + k] = &c[k];
  }
  both(G, borel_graph_op(G, BOREL_OP_STACK, d, 1 + 2 * MANY, 0, NULL, NULL), in, out);
  for (int which = 0; which < 2; which++) {
    for (int k = 0; k < MANY; k++) {
      cr_expect(out[which][1 + 2 * k] == c[k] && out[which][2 + 2 * k] == c[k]);
      cr_expect(out[which][1 + 2 * MANY + k] == x[k][0] + x[k][1]);
    }
    free(out[which]);
  }
  borel_graph_free(G);
}

/* Two carries that change places: neither may be overwritten before it is read. */
Test(scan, carries_may_change_places) {
  borel_graph *G = borel_graph_new();
  borel_node args[] = {scalar_input(G), scalar_input(G), vector_input(G, 3)};
  borel_region *region = new_region(2, 1, 0, 2, 0);
  borel_node first = scalar_input(region->body), second = scalar_input(region->body);
  scalar_input(region->body);
  region->outputs[0] = second, region->outputs[1] = first;
  borel_node scan = borel_graph_scan(G, region, args, 3, NULL);
  borel_node ends[] = {borel_graph_project(G, scan, 0), borel_graph_project(G, scan, 1)};
  double a = 1, b = 2, x[3] = {0}, *out[2];
  both(G, borel_graph_op(G, BOREL_OP_STACK, ends, 2, 0, NULL, NULL), (void *[]){&a, &b, x}, out);
  for (int which = 0; which < 2; which++) {
    cr_expect(out[which][0] == 2 && out[which][1] == 1);
    free(out[which]);
  }
  borel_graph_free(G);
}

Test(scan, of_no_steps_gives_the_initial_carry) {
  borel_graph *G = borel_graph_new();
  borel_node args[3], last = borel_graph_project(G, affine(G, 0, 0, args), 0), d;
  cr_assert(borel_graph_gradient(G, last, args, 1, &d, NULL) == BOREL_OK);
  double s0 = 4, a = 7, *out[2];
  both(G, borel_graph_op(G, BOREL_OP_STACK, (borel_node[]){last, d}, 2, 0, NULL, NULL),
       (void *[]){&s0, NULL, &a}, out);
  for (int which = 0; which < 2; which++) {
    cr_expect(out[which][0] == 4 && out[which][1] == 1);
    free(out[which]);
  }
  borel_graph_free(G);
}

/* In a forward filter with an impossible state, the masked branch inside the body gives 0, not NaN: also in
 * the second derivative. */
Test(scan, masks_inside_the_body_stop_nan) {
  borel_graph *G = borel_graph_new();
  borel_node args[] = {scalar_input(G), vector_input(G, 20)};
  borel_region *region = new_region(1, 1, 0, 1, 0);
  borel_graph *B = region->body;
  borel_node s = scalar_input(B), x = scalar_input(B),
             alive = apply2(B, BOREL_OP_GT, x, borel_graph_scalar(B, 0));
  borel_node term = apply3(B, BOREL_OP_WHERE, alive, apply1(B, BOREL_OP_LOG, x), borel_graph_scalar(B, 0));
  region->outputs[0] = apply2(B, BOREL_OP_ADD, s, term);
  borel_node last = borel_graph_project(G, borel_graph_scan(G, region, args, 2, NULL), 0), d[2];
  cr_assert(borel_graph_gradient(G, last, &args[1], 1, d, NULL) == BOREL_OK);
  cr_assert(borel_graph_gradient(G, total(G, d[0]), &args[1], 1, d + 1, NULL) == BOREL_OK);
  double s0 = 0, data[20], *out[2];
  for (int t = 0; t < 20; t++) data[t] = t % 3 ? t : t % 2 ? -1 : 0;
  both(G, borel_graph_op(G, BOREL_OP_STACK, d, 2, 0, NULL, NULL), (void *[]){&s0, data}, out);
  for (int which = 0; which < 2; which++) {
    for (int t = 0; t < 20; t++) {
      double at = data[t], second = at > 0 ? -1 / (at * at) : 0;
      cr_expect(out[which][t] == (at > 0 ? 1 / at : 0));
      cr_expect(fabs(out[which][20 + t] - second) <= 4e-16 * fabs(second));
    }
    free(out[which]);
  }
  borel_graph_free(G);
}

/* Only the branch that is taken runs: sqrt of a negative number in the other one leaves no NaN, neither in
 * the value nor in derivatives of the first and second order. */
Test(cond, the_other_branch_leaves_no_trace) {
  borel_graph *G = borel_graph_new();
  borel_node x = scalar_input(G), mask = apply2(G, BOREL_OP_GT, x, borel_graph_scalar(G, 0));
  borel_region *region = new_region(0, 0, 1, 1, 0), *other = new_region(0, 0, 1, 1, 0);
  region->outputs[0] = apply1(region->body, BOREL_OP_SQRT, scalar_input(region->body));
  borel_node inner = scalar_input(other->body);
  other->outputs[0] = apply2(other->body, BOREL_OP_MUL, inner, inner);
  region->otherwise = other;
  borel_node y[3] = {
      borel_graph_project(G, borel_graph_cond(G, region, (borel_node[]){mask, x}, 2, NULL), 0)};
  cr_assert(borel_graph_gradient(G, y[0], &x, 1, y + 1, NULL) == BOREL_OK);
  cr_assert(borel_graph_gradient(G, y[1], &x, 1, y + 2, NULL) == BOREL_OK);
  borel_node all = borel_graph_op(G, BOREL_OP_STACK, y, 3, 0, NULL, NULL);
  double at[] = {4, -3}, want[2][3] = {{2, 0.25, -1.0 / 32}, {9, -6, 2}};
  for (int i = 0; i < 2; i++) {
    double *out[2];
    both(G, all, (void *[]){&at[i]}, out);
    for (int which = 0; which < 2; which++) {
      for (int k = 0; k < 3; k++) cr_expect(out[which][k] == want[i][k], "order %d at %g", k, at[i]);
      free(out[which]);
    }
  }
  borel_graph_free(G);
}

/* ---- refusals, and who frees ----------------------------------------------------------------- */

static void expect_refused(borel_graph *G, borel_region *region, const borel_node *args, size_t count,
                           const char *text) {
  borel_error error = {0};
  cr_expect(borel_graph_scan(G, region, args, count, &error) == BOREL_NO_NODE);
  cr_expect(strstr(error.message, text), "expected \"%s\" in: %s", text, error.message);
}

/* The graph takes over every region, also those of scans that it refuses: under a leak checker this test
 * would fail if it did not, and under an address checker if it freed them twice. */
Test(scan, refuses_and_still_owns_the_region) {
  borel_graph *G = borel_graph_new();
  borel_node s = scalar_input(G), x = vector_input(G, 20), y = vector_input(G, 7);
  for (int fault = 0; fault < 6; fault++) {
    borel_region *region = new_region(1, fault == 3 ? 0 : fault == 2 ? 2 : 1, 0, fault == 4 ? 0 : 1, 0);
    borel_graph *B = region->body;
    borel_node carry = scalar_input(B);
    if (fault != 3) fault == 1 ? vector_input(B, 2) : scalar_input(B);
    if (fault == 2) scalar_input(B);
    if (fault != 4) region->outputs[0] = fault == 5 ? doubles(B, 2, (double[]){1, 2}) : carry;
    static const char *const texts[] = {"the number of arguments differs",
                                        "argument 2 is f64 [] where the body takes f64 [2]",
                                        "different lengths",
                                        "no sequence",
                                        "fewer outputs than carries",
                                        "a carry changes its shape"};
    borel_node args[] = {s, x, y};
    expect_refused(G, region, args, fault == 2 ? 3 : fault == 3 || fault == 0 ? 1 : 2, texts[fault]);
  }
  borel_region *region = new_region(1, 1, 0, 1, 0); /* a sequence without an axis */
  region->outputs[0] = scalar_input(region->body);
  scalar_input(region->body);
  expect_refused(G, region, (borel_node[]){s, s}, 2, "at least one axis");
  borel_graph_free(G);
}

Test(scan, a_failed_argument_fails_the_scan) {
  borel_graph *G = borel_graph_new();
  borel_region *region = new_region(1, 1, 0, 1, 0);
  region->outputs[0] = scalar_input(region->body);
  scalar_input(region->body);
  cr_expect(borel_graph_scan(G, region, (borel_node[]){BOREL_NO_NODE, vector_input(G, 3)}, 2, NULL) ==
            BOREL_NO_NODE);
  region = new_region(1, 1, 0, 1, 0);
  scalar_input(region->body), scalar_input(region->body);
  region->outputs[0] = BOREL_NO_NODE;
  cr_expect(borel_graph_scan(G, region, (borel_node[]){scalar_input(G), vector_input(G, 3)}, 2, NULL) ==
            BOREL_NO_NODE);
  borel_graph_free(G);
}
