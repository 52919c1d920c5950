/* SPDX-License-Identifier: MIT */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char cache[64];

const char *cache_make(void) {
  strcpy(cache, "/tmp/borel-cache-XXXXXX");
  cr_assert(mkdtemp(cache) != NULL);
  setenv("BOREL_CACHE", cache, 1);
  return cache;
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *walk) {
  (void)s, (void)flag, (void)walk;
  return remove(path);
}
void cache_remove(void) { nftw(cache, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

size_t engines_add(engines *e, const borel_graph *graph, const borel_node *outputs, size_t count) {
  borel_error error = {0};
  if (e->count == e->room) {
    e->room = 2 * e->room + 16;
    e->programs = realloc(e->programs, e->room * sizeof *e->programs);
    e->functions = realloc(e->functions, e->room * sizeof *e->functions);
    e->work = realloc(e->work, e->room * sizeof *e->work);
  }
  e->functions[e->count] = NULL;
  e->programs[e->count] = borel_program_new(graph, outputs, count, &error);
  cr_assert(e->programs[e->count] != NULL, "%s", error.message);
  cr_assert(borel_workspace_new(e->programs[e->count], &e->work[e->count], &error) == BOREL_OK, "%s",
            error.message);
  return e->count++;
}

void engines_compile(engines *e) {
  borel_text text = {0};
  borel_error error = {0};
  char(*names)[40] = calloc(e->count, sizeof *names);
  const char **list = calloc(e->count, sizeof *list);
  borel_emit_prelude((const borel_program *const *)e->programs, e->count, &text);
  for (size_t i = 0; i < e->count; i++) {
    snprintf(names[i], sizeof names[i], "program_%zu", i);
    list[i] = names[i];
    borel_emit_program(e->programs[i], names[i], &text);
  }
  cr_assert(!text.failed);
  borel_status status = borel_compile(text.bytes, 2, list, e->count, e->functions, NULL, &error);
  cr_assert(status == BOREL_OK, "%s", error.message);
  borel_text_free(&text);
  free(list);
  free(names);
}

void engines_run(engines *e, size_t program, engine which, void *const *inputs) {
  const borel_program *p = e->programs[program];
  borel_workspace *w = &e->work[program];
  for (size_t k = 0; k < borel_graph_inputs(p->graph); k++)
    if (inputs && inputs[k] && p->input_slot[k] >= 0)
      memcpy(w->slot[p->input_slot[k]], inputs[k], 8 * p->tables->slots[p->input_slot[k]].size);
  if (which == NATIVE)
    e->functions[program](w->slot, p->tables->constants, (const long long *)p->tables->extents);
  else
    borel_program_interpret(p, w);
}

const void *engines_output(const engines *e, size_t program, size_t k) {
  return e->work[program].slot[borel_program_output_slot(e->programs[program], k)];
}

void engines_free(engines *e) {
  for (size_t i = 0; i < e->count; i++) {
    borel_workspace_free(&e->work[i]);
    borel_program_free(e->programs[i]);
  }
  free(e->programs);
  free(e->functions);
  free(e->work);
  *e = (engines){0};
}

int same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

double ulps_apart(double a, double b) {
  int64_t x, y;
  if (a == b || (isnan(a) && isnan(b))) return 0;
  if (isnan(a) || isnan(b)) return INFINITY;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  if (x < 0) x = INT64_MIN - x; /* so that integers are in the order of the numbers */
  if (y < 0) y = INT64_MIN - y;
  return x > y ? (double)((uint64_t)x - (uint64_t)y) : (double)((uint64_t)y - (uint64_t)x);
}

/* xorshift64* */
static uint64_t next(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545F4914F6CDD1Du;
}
double uniform(uint64_t *state, double low, double high) {
  return low + (high - low) * ((double)(next(state) >> 11) + 0.5) * 0x1p-53;
}
uint64_t uniform_below(uint64_t *state, uint64_t limit) { return (next(state) >> 16) % limit; }

borel_node vector_input(borel_graph *G, int64_t size) {
  return borel_graph_input(G, BOREL_F64, &(borel_shape){1, {size}});
}
borel_node scalar_input(borel_graph *G) { return borel_graph_input(G, BOREL_F64, &(borel_shape){0}); }

static borel_node apply(borel_graph *G, borel_op op, const borel_node *args, size_t count, int64_t attr) {
  borel_error error = {0};
  borel_node made = borel_graph_op(G, op, args, count, attr, NULL, &error);
  cr_assert(made != BOREL_NO_NODE, "%s: %s", borel_op_get(op)->name, error.message);
  return made;
}
borel_node apply1(borel_graph *G, borel_op op, borel_node a) { return apply(G, op, &a, 1, 0); }
borel_node apply2(borel_graph *G, borel_op op, borel_node a, borel_node b) {
  return apply(G, op, (borel_node[]){a, b}, 2, 0);
}
borel_node apply3(borel_graph *G, borel_op op, borel_node a, borel_node b, borel_node c) {
  return apply(G, op, (borel_node[]){a, b, c}, 3, 0);
}
borel_node total(borel_graph *G, borel_node a) { return apply(G, BOREL_OP_SUM, &a, 1, -1); }

static borel_node filled(borel_graph *G, borel_dtype dtype, int64_t count, const void *values) {
  borel_array array = borel_array_new(dtype, &(borel_shape){1, {count}});
  memcpy(array.data, values, 8 * (size_t)count);
  borel_node made = borel_graph_array(G, &array);
  borel_array_release(&array);
  return made;
}
borel_node doubles(borel_graph *G, int64_t count, const double *values) {
  return filled(G, BOREL_F64, count, values);
}
borel_node integers(borel_graph *G, int64_t count, const int64_t *values) {
  return filled(G, BOREL_I64, count, values);
}
