/* SPDX-License-Identifier: MIT
 *
 * Compilation: one schedule for both engines, one compile for every size of data, the cache, and what happens
 * when the compiler or the cache does not work. */
#include "support/engines.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(compile, .fini = cache_remove);

/* The log-density of a regression with N rows, and its gradient. */
static borel_graph *regression(int64_t N, borel_node outputs[3]) {
  borel_graph *G = borel_graph_new();
  double *x = malloc((size_t)N * 8), *y = malloc((size_t)N * 8);
  for (int64_t i = 0; i < N; i++) x[i] = (double)i / (double)N, y[i] = sin((double)i);
  borel_node a = scalar_input(G), b = scalar_input(G);
  borel_node mean = apply2(G, BOREL_OP_ADD, a, apply2(G, BOREL_OP_MUL, b, doubles(G, N, x)));
  borel_node gap = apply2(G, BOREL_OP_SUB, doubles(G, N, y), mean);
  outputs[0] = total(G, apply2(G, BOREL_OP_MUL, gap, gap));
  cr_assert(borel_graph_gradient(G, outputs[0], (borel_node[]){a, b}, 2, outputs + 1, NULL) == BOREL_OK);
  free(x);
  free(y);
  return G;
}

static void text_of(const borel_program *p, borel_text *text) {
  borel_emit_prelude(&p, 1, text);
  borel_emit_program(p, "f", text);
}

/* Both engines on it. NULL when all is well. Free of Criterion, whose assertions may not be used in a child.
 */
static const char *try_regression(int64_t N) {
  static borel_error error;
  borel_node outputs[3];
  borel_graph *G = regression(N, outputs);
  borel_program *p = borel_program_new(G, outputs, 3, &error);
  borel_workspace w;
  borel_text text = {0};
  borel_native_function f;
  borel_workspace_new(p, &w, &error);
  text_of(p, &text);
  const char *fault = borel_compile(text.bytes, 2, (const char *[]){"f"}, 1, &f, NULL, &error) == BOREL_OK
                          ? NULL
                          : error.message;
  double at[] = {0.5, -2}, kept[3];
  for (int k = 0; k < 2; k++) *(double *)w.slot[p->input_slot[k]] = at[k];
  borel_program_interpret(p, &w);
  for (size_t k = 0; k < 3; k++) kept[k] = *(double *)w.slot[borel_program_output_slot(p, k)];
  if (!fault) f(w.slot, p->tables->constants, (const long long *)p->tables->extents);
  for (size_t k = 0; k < 3 && !fault; k++)
    if (!same_bits(kept[k], *(double *)w.slot[borel_program_output_slot(p, k)]))
      fault = "the engines disagree";
  borel_text_free(&text);
  borel_workspace_free(&w);
  borel_program_free(p);
  borel_graph_free(G);
  return fault;
}

static void run_regression(int64_t N) {
  const char *fault = try_regression(N);
  cr_expect(!fault, "N = %lld: %s", (long long)N, fault);
}

/* ---- one schedule ---------------------------------------------------------------------------- */

/* Nodes are numbered in the order in which the interpreter computes them; the text defines them in that
 * order. Sums are declared ahead of their loop, so only values of loops and lines count. */
Test(compile, emission_follows_the_schedule) {
  borel_node outputs[3];
  borel_graph *G = regression(100, outputs);
  engines e = {0};
  cache_make();
  size_t added = engines_add(&e, G, outputs, 3);
  const borel_program *p = e.programs[added];
  borel_text text = {0};
  text_of(p, &text);
  const char *at = text.bytes;
  int32_t last = -1;
  for (size_t k = 0; k < p->group_count; k++)
    for (size_t j = 0; j < p->groups[k].count; j++) {
      borel_node i = p->groups[k].nodes[j];
      char loop[40], line[40];
      cr_expect(p->number[i] > last);
      last = p->number[i];
      snprintf(loop, sizeof loop, " r%d = ", last);
      snprintf(line, sizeof line, " s%d = ", last);
      const char *found = strstr(text.bytes, loop);
      if (!found) found = strstr(text.bytes, line);
      cr_assert(found, "node %u (%s) is not in the text", i,
                borel_op_get(borel_graph_at(p->graph, i)->op)->name);
      if (borel_graph_at(p->graph, i)->op == BOREL_OP_SUM) continue;
      cr_expect(found > at, "node %u is out of order", i);
      at = found;
    }
  borel_text_free(&text);
  engines_free(&e);
  borel_graph_free(G);
}

/* The text holds no data: extents above 16 and numbers are arguments. */
Test(compile, new_data_do_not_call_the_compiler) {
  cache_make();
  run_regression(20);
  cr_expect(borel_compile_count() == 1);
  run_regression(1000);
  run_regression(17);
  run_regression(24);
  cr_expect(borel_compile_count() == 1, "compiled %zu times", borel_compile_count());
  run_regression(10); /* small extents are part of the text */
  cr_expect(borel_compile_count() == 2);
}

/* Loops run over whole lanes and long ones in pieces: what is beyond the size must not count. One text serves
 * all lengths; sums of little and of much work for an element are emitted differently. */
Test(compile, sums_of_every_length_agree) {
  cache_make();
  double x[600];
  uint64_t state = 7;
  for (int i = 0; i < 600; i++) x[i] = uniform(&state, -2, 2);
  static const int64_t lengths[] = {17,  18,  19,  20,  21,  22,  23,  24,  25,
                                    127, 128, 129, 136, 255, 256, 257, 511, 600};
  for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++) {
    borel_graph *G = borel_graph_new();
    borel_node in = vector_input(G, lengths[n]), grown = apply1(G, BOREL_OP_EXP, in);
    borel_node outputs[] = {total(G, apply2(G, BOREL_OP_MUL, in, in)), total(G, grown), grown};
    engines light = {0}, heavy = {0};
    size_t a = engines_add(&light, G, outputs, 1), b = engines_add(&heavy, G, outputs + 1, 2);
    engines_compile(&light);
    engines_compile(&heavy);
    double want[2];
    engines_run(&light, a, INTERPRETED, (void *[]){x});
    engines_run(&heavy, b, INTERPRETED, (void *[]){x});
    want[0] = *(const double *)engines_output(&light, a, 0);
    want[1] = *(const double *)engines_output(&heavy, b, 0);
    engines_run(&light, a, NATIVE, (void *[]){x});
    engines_run(&heavy, b, NATIVE, (void *[]){x});
    cr_expect(same_bits(*(const double *)engines_output(&light, a, 0), want[0]), "%lld",
              (long long)lengths[n]);
    cr_expect(same_bits(*(const double *)engines_output(&heavy, b, 0), want[1]), "%lld",
              (long long)lengths[n]);
    const double *each = engines_output(&heavy, b, 1);
    for (int64_t i = 0; i < lengths[n]; i++) cr_expect(each[i] == borel_op_number(BOREL_OP_EXP, x[i], 0, 0));
    engines_free(&light);
    engines_free(&heavy);
    borel_graph_free(G);
  }
  cr_expect(borel_compile_count() == 2);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static size_t count_files(const char *folder, const char *end, char *first) {
  DIR *listing = opendir(folder);
  size_t count = 0;
  cr_assert(listing);
  for (struct dirent *entry; (entry = readdir(listing));) {
    size_t length = strlen(entry->d_name), tail = strlen(end);
    if (entry->d_name[0] == '.' || length < tail || strcmp(entry->d_name + length - tail, end)) continue;
    if (first && !count) sprintf(first, "%.200s/%.200s", folder, entry->d_name);
    count++;
  }
  closedir(listing);
  return count;
}

/* Runs a model in a child: how often it called the compiler, 100 when it failed, 1000 + the signal that ended
 * it. */
static int in_child(void) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const char *fault = try_regression(30);
    if (fault) fprintf(stderr, "in a child: %s\n", fault);
    _exit(fault ? 100 : (int)borel_compile_count());
  }
  int status;
  cr_assert(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

Test(compile, a_second_process_finds_the_first_ones_work) {
  cache_make();
  cr_expect(in_child() == 1);
  cr_expect(in_child() == 0, "the compiler ran again");
}

Test(compile, a_damaged_object_is_made_again) {
  const char *folder = cache_make();
  char file[500];
  cr_expect(in_child() == 1);
  cr_assert(count_files(folder, ".so", file) == 1);
  struct stat st;
  cr_assert(stat(file, &st) == 0);
  for (int damage = 0; damage < 8; damage++) {
    int fd = open(file, O_RDWR);
    if (damage < 6) /* cut short: to nothing, in the headers, in the code, and by one byte */
      cr_assert(ftruncate(fd, (off_t[]){0, 3, 64, 4096, st.st_size / 2, st.st_size - 1}[damage]) == 0);
    else { /* the right length, but some of it is something else */
      char junk[64];
      memset(junk, 0x5a, sizeof junk);
      cr_assert(pwrite(fd, junk, sizeof junk, damage == 6 ? 0 : st.st_size / 3) == (ssize_t)sizeof junk);
    }
    close(fd);
    int status = in_child();
    cr_expect(status == 1, "damage %d: %d", damage, status);
    cr_expect(in_child() == 0, "damage %d: not repaired", damage);
  }
}

Test(compile, processes_that_compile_at_once_agree) {
  const char *folder = cache_make();
  pid_t children[4];
  fflush(NULL);
  for (int i = 0; i < 4; i++)
    if ((children[i] = fork()) == 0) {
      alarm(20);
      _exit(try_regression(30) != NULL);
    }
  for (int i = 0; i < 4; i++) {
    int status;
    cr_assert(waitpid(children[i], &status, 0) == children[i]);
    cr_expect(status == 0);
  }
  cr_expect(count_files(folder, ".so", NULL) == 1 && count_files(folder, "", NULL) == 1,
            "leftovers in the cache");
}

/* Four places where nothing can be kept: under a file, where no file can be made, that others may write, and
 * nowhere at all. The model runs all the same. */
Test(compile, works_without_a_cache) {
  char *folder = strdup(cache_make()), path[200];
  setenv("BOREL_CACHE", "/dev/null/cache", 1);
  cr_expect(in_child() == 1);
  setenv("BOREL_CACHE", "/proc/self/task", 1);
  cr_expect(in_child() == 1);
  snprintf(path, sizeof path, "%s/open", folder);
  cr_assert(mkdir(path, 0700) == 0 && chmod(path, 0777) == 0);
  setenv("BOREL_CACHE", path, 1);
  cr_expect(in_child() == 1);
  cr_expect(count_files(path, "", NULL) == 0, "wrote to a folder that others may write");
  unsetenv("BOREL_CACHE");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  cr_expect(in_child() == 1);
  free(folder);
}

/* ---- the compiler ---------------------------------------------------------------------------- */

/* A compiler that does what the shell text says. */
static void use_compiler(const char *folder, const char *text) {
  char path[200];
  snprintf(path, sizeof path, "%s/cc", folder);
  FILE *file = fopen(path, "w");
  cr_assert(file && fprintf(file, "#!/bin/sh\n%s\n", text) > 0 && fclose(file) == 0 &&
            chmod(path, 0700) == 0);
  setenv("BOREL_CC", path, 1);
}

static void expect_failure(const char *text) {
  borel_native_function f;
  borel_error error = {0};
  cr_expect(borel_compile("void f(void) {}\n", 2, (const char *[]){"f"}, 1, &f, NULL, &error) == BOREL_IO);
  cr_expect(strstr(error.message, text), "expected \"%s\" in: %s", text, error.message);
  cr_expect(!strchr(error.message, '\n'));
}

Test(compile, without_a_compiler_says_so) {
  cache_make();
  setenv("BOREL_CC", "/bin/false", 1);
  expect_failure("the C compiler '/bin/false' does not run (set BOREL_CC, or install gcc)");
  cr_expect(borel_compiler_text(2) == NULL);
}

Test(compile, a_missing_compiler_says_so) {
  cache_make();
  setenv("BOREL_CC", "/nowhere/cc", 1);
  expect_failure("the C compiler '/nowhere/cc' does not run");
}

Test(compile, quotes_the_first_complaint_of_the_compiler) {
  use_compiler(cache_make(),
               "[ \"$1\" = --version ] && echo cc 1.0 && exit 0\necho 'x.c:1: error: no luck today' >&2\n"
               "echo 'more' >&2\nexit 1");
  expect_failure("error: no luck today");
}

Test(compile, stops_a_compiler_that_does_not_end) {
  setenv("BOREL_CC_SECONDS", "0.3", 1);
  use_compiler(cache_make(), "[ \"$1\" = --version ] && echo cc 1.0 && exit 0\nsleep 30");
  expect_failure("it was stopped (time or memory limit)");
}

/* It succeeds, but what it wrote is no object. */
Test(compile, notices_an_object_that_does_not_load) {
  use_compiler(cache_make(),
               "[ \"$1\" = --version ] && echo cc 1.0 && exit 0\nwhile [ \"$1\" != -o ]; do shift; done\n"
               "echo nonsense > \"$2\"");
  expect_failure("the compiled model does not load");
}

Test(compile, another_compiler_is_another_object) {
  const char *folder = cache_make();
  cr_expect(in_child() == 1);
  use_compiler(folder, "[ \"$1\" = --version ] && echo cc 1.0 && exit 0\nexec cc \"$@\"");
  cr_expect(in_child() == 1);
  cr_expect(count_files(folder, ".so", NULL) == 2);
}

/* gcc 12 would use fused operations for these, in spite of -ffp-contract=off, if it made vectors of straight
 * lines. */
Test(native, sums_and_differences_in_turn_are_not_fused, .init = (void (*)(void))cache_make,
     .fini = cache_remove) {
  enum { N = 8 };
  borel_graph *g = borel_graph_new();
  borel_node x = vector_input(g, 3 * N), in[3 * N], out[N];
  for (int i = 0; i < 3 * N; i++) in[i] = apply2(g, BOREL_OP_GATHER, x, borel_graph_integer(g, i));
  for (int i = 0; i < N; i++)
    out[i] = apply2(g, i % 2 ? BOREL_OP_ADD : BOREL_OP_SUB, apply2(g, BOREL_OP_MUL, in[i], in[N + i]),
                    in[2 * N + i]);
  borel_node y = borel_graph_op(g, BOREL_OP_STACK, out, N, 0, NULL, NULL);
  engines e = {0};
  size_t program = engines_add(&e, g, &y, 1);
  engines_compile(&e);
  uint64_t seed = 11;
  double values[3 * N];
  for (int i = 0; i < 3 * N; i++) values[i] = uniform(&seed, -1, 1);
  engines_run(&e, program, NATIVE, (void *[]){values});
  const double *found = engines_output(&e, program, 0);
  for (int i = 0; i < N; i++) {
    volatile double product = values[i] * values[N + i];
    double expected = i % 2 ? product + values[2 * N + i] : product - values[2 * N + i];
    cr_expect(same_bits(found[i], expected), "%d: %a, not %a", i, found[i], expected);
  }
  engines_free(&e);
  borel_graph_free(g);
}

/* Straight lines of numbers have forms of their own of these operations. */
Test(compile, functions_of_numbers_have_the_bits_of_both_engines) {
  static const double edges[] = {0,        -0.0,      5e-324, 0x1p-1022, 0x1p-1023, 1,         -1,
                                 0.5,      -0.25,     -0.24,  0.49,      0.75,      708,       -708,
                                 709.7,    709.8,     -744.4, -745.2,    1e-300,    1e300,     DBL_MAX,
                                 INFINITY, -INFINITY, NAN,    1e-17,     -1e-17,    -0.999999, 1.5};
  enum { EDGES = sizeof edges / sizeof *edges, RANDOM = 4000 };
  borel_graph *G = borel_graph_new();
  borel_node x = scalar_input(G), y = scalar_input(G);
  borel_node outputs[] = {apply1(G, BOREL_OP_EXP, x), apply1(G, BOREL_OP_LOG, x),
                          apply1(G, BOREL_OP_LOG1P, x), apply2(G, BOREL_OP_MULZ, x, y)};
  engines e = {0};
  size_t program = engines_add(&e, G, outputs, 4);
  engines_compile(&e);
  uint64_t state = 3;
  for (int i = 0; i < EDGES + RANDOM; i++) {
    double at = i < EDGES ? edges[i]
                : i % 2   ? uniform(&state, -760, 760)
                          : exp(uniform(&state, -30, 2)) - 0.9;
    double other = edges[i % EDGES], interpreted[4];
    engines_run(&e, program, INTERPRETED, (void *[]){&at, &other});
    for (size_t k = 0; k < 4; k++) interpreted[k] = *(const double *)engines_output(&e, program, k);
    engines_run(&e, program, NATIVE, (void *[]){&at, &other});
    for (size_t k = 0; k < 4; k++) {
      double native = *(const double *)engines_output(&e, program, k);
      cr_expect(same_bits(native, interpreted[k]), "output %zu at %a: %a native, %a interpreted", k, at,
                native, interpreted[k]);
    }
  }
  engines_free(&e);
  borel_graph_free(G);
}
