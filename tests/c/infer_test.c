/* SPDX-License-Identifier: MIT
 * The chain driver: what a chain depends on, what an interruption costs, what a step allocates. */
#include "diagnose/diagnose.h"
#include "host/registry.h"
#include "infer/counting_target.h"
#include "infer/density_source.h"
#include "infer/run.h"
#include "store/log.h"
#include "store_scratch.h"

#include <malloc.h>
#include <math.h>
#include <sys/wait.h>

enum { D = 3, CHAINS = 2, WARMUP = 250, DRAWS = 400, EVERY = 50, LEAPFROGS = 2 };

/* ---- a posterior that kills the process at a chosen gradient --------------------------------- */

static long budget = -1; /* gradients until the process ends; -1: for ever */

typedef struct {
  borel_source source; /* first */
  const borel_source *inner;
} fragile;

static borel_status fragile_gradient(borel_target *target, uint32_t layout, const double *u, const int64_t *z,
                                     double *logdensity, double *gradient, borel_error *error) {
  borel_counting_target *t = (borel_counting_target *)target;
  if (budget == 0) _exit(9);
  if (budget > 0) budget--;
  return t->inner->ops->gradient(t->inner, layout, u, z, logdensity, gradient, error);
}

static borel_status fragile_open(const borel_source *source, borel_target **target, borel_error *error) {
  const fragile *f = (const fragile *)source;
  borel_counting_target *t = calloc(1, sizeof *t);
  borel_target *inner;
  if (f->inner->open(f->inner, &inner, error)) return error->code;
  borel_counting_target_wrap(t, inner);
  t->ops.gradient = fragile_gradient;
  *target = &t->target;
  return BOREL_OK;
}

static void fragile_close(const borel_source *source, borel_target *target) {
  const fragile *f = (const fragile *)source;
  f->inner->close(f->inner, ((borel_counting_target *)target)->inner);
  free(target);
}

static borel_status fragile_constrain(const borel_source *source, borel_target *target, const double *u,
                                      const int64_t *z, borel_rng *rng, double *out, borel_error *error) {
  const fragile *f = (const fragile *)source;
  return f->inner->constrain(f->inner, ((borel_counting_target *)target)->inner, u, z, rng, out, error);
}

typedef struct {
  borel_registry *registry;
  borel_density_source *density;
  fragile source;
  borel_kernel *kernel;
  const char *folder;
} setting;

static setting set_up(void) {
  setting s = {.folder = scratch_make()};
  borel_error error = {0};
  static const double mean[D] = {1, -2, 0}, sd[D] = {1, 10, 0.1};
  const borel_arg args[] = {{.name = "mean", .kind = BOREL_ARG_REALS, .reals = mean, .count = D},
                            {.name = "sd", .kind = BOREL_ARG_REALS, .reals = sd, .count = D}};
  borel_density *density = NULL;
  cr_assert_eq(borel_registry_create(BOREL_BUILD_DIR "/plugins", NULL, &s.registry, &error), BOREL_OK);
  cr_assert_eq(borel_density_create(borel_registry_find(s.registry, "density", "gaussian", &error),
                                    (borel_args){args, 2}, &density, &error),
               BOREL_OK, "%s", error.message);
  cr_assert_eq(borel_density_source_new(density, &s.density, &error), BOREL_OK);
  const borel_source *inner = borel_density_source_view(s.density);
  s.source = (fragile){*inner, inner};
  s.source.source.open = fragile_open;
  s.source.source.close = fragile_close;
  s.source.source.constrain = fragile_constrain;
  cr_assert_eq(borel_kernel_create(borel_registry_find(s.registry, "kernel", "nuts", &error), (borel_args){0},
                                   &s.kernel, &error),
               BOREL_OK);
  return s;
}

static void tear_down(setting *s) {
  borel_kernel_destroy(s->kernel);
  borel_density_source_free(s->density);
  borel_registry_destroy(s->registry);
  scratch_remove(s->folder);
}

static int in_processes; /* each chain in a process of its own */

/* Runs or resumes in <folder>/<name>; progress[CHAINS]. */
static borel_status run(const setting *s, const char *name, unsigned threads, int resume,
                        borel_run_watcher watcher, borel_chain_progress *progress, borel_error *error) {
  borel_rundir *directory = NULL;
  const char *path = scratch_path(s->folder, name);
  borel_run_options options = {.chains = CHAINS,
                               .threads = threads,
                               .warmup = WARMUP,
                               .draws = DRAWS,
                               .seed = 7,
                               .checkpoint_every = EVERY,
                               .resume = resume,
                               .processes = in_processes};
  cr_assert_eq(borel_rundir_create(path, BOREL_RUNDIR_FOREIGN, &directory, error), BOREL_OK, "%s",
               error->message);
  borel_status status =
      borel_run_chains(&s->source.source, s->kernel, &options, directory, progress, watcher, NULL, error);
  borel_rundir_close(directory);
  return status;
}

static void assert_same_logs(const setting *s, const char *a, const char *b) {
  for (int chain = 1; chain <= CHAINS; chain++) {
    char file[100], other[100];
    snprintf(file, sizeof file, "%s/chain-%d.log", a, chain);
    snprintf(other, sizeof other, "%s/chain-%d.log", b, chain);
    scratch_bytes x = scratch_read(scratch_path(s->folder, file)),
                  y = scratch_read(scratch_path(s->folder, other));
    cr_assert_eq(x.size, y.size, "%s has %zu bytes, %s %zu", file, x.size, other, y.size);
    cr_assert(memcmp(x.data, y.data, x.size) == 0, "%s and %s differ", file, other);
    free(x.data);
    free(y.data);
  }
}

/* ---- tests ----------------------------------------------------------------------------------- */

Test(infer, threads_change_nothing) {
  setting s = set_up();
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  cr_assert_eq(run(&s, "one", 1, 0, NULL, progress, &error), BOREL_OK, "%s", error.message);
  cr_assert_eq(run(&s, "two", 2, 0, NULL, progress, &error), BOREL_OK, "%s", error.message);
  assert_same_logs(&s, "one", "two");
  tear_down(&s);
}

static int stop_at_once(void *context, const borel_run_options *options, borel_chain_progress *chains) {
  (void)context, (void)options, (void)chains;
  return 1;
}

Test(infer, processes_change_nothing) {
  setting s = set_up();
  borel_chain_progress threads[CHAINS], processes[CHAINS];
  borel_error error = {0};
  cr_assert_eq(run(&s, "threads", 2, 0, NULL, threads, &error), BOREL_OK, "%s", error.message);
  in_processes = 1;
  for (unsigned at_once = 1; at_once <= 3; at_once++) {
    char name[32];
    snprintf(name, sizeof name, "processes-%u", at_once);
    cr_assert_eq(run(&s, name, at_once, 0, NULL, processes, &error), BOREL_OK, "%s", error.message);
    assert_same_logs(&s, "threads", name);
    for (int c = 0; c < CHAINS; c++) {
      cr_expect(processes[c].state == BOREL_CHAIN_DONE && processes[c].gradients == threads[c].gradients);
      cr_expect(processes[c].iteration == WARMUP + DRAWS && processes[c].step_size == threads[c].step_size);
    }
  }
  tear_down(&s);
}

Test(infer, a_process_that_ends_fails_its_chain_and_can_be_resumed) {
  setting s = set_up();
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  in_processes = 1;
  cr_assert_eq(run(&s, "whole", 2, 0, NULL, progress, &error), BOREL_OK, "%s", error.message);
  unsigned long least = progress[0].gradients, most = least;
  for (int c = 1; c < CHAINS; c++) {
    if (progress[c].gradients < least) least = progress[c].gradients;
    if (progress[c].gradients > most) most = progress[c].gradients;
  }
  cr_assert(least < most, "all chains take %lu gradients: choose another seed", least);
  budget = (long)least; /* each process has its own: the cheapest chain gets through, the dearest does not */
  cr_expect_eq(run(&s, "some", 2, 0, NULL, progress, &error), BOREL_INTERNAL);
  budget = -1;
  cr_expect(strstr(error.message, "its process ended itself with exit code 9 after iteration"), "%s",
            error.message);
  int failed = 0;
  for (int c = 0; c < CHAINS; c++) failed += progress[c].state == BOREL_CHAIN_FAILED;
  cr_expect(failed > 0 && failed < CHAINS, "%d of %d chains failed", failed, (int)CHAINS);
  error = (borel_error){0};
  cr_assert_eq(run(&s, "some", 2, 1, NULL, progress, &error), BOREL_OK, "%s", error.message);
  assert_same_logs(&s, "whole", "some");
  tear_down(&s);
}

Test(infer, processes_that_are_stopped_continue_to_the_same_bytes) {
  setting s = set_up();
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  cr_assert_eq(run(&s, "whole", 1, 0, NULL, progress, &error), BOREL_OK);
  in_processes = 1;
  borel_status status = run(&s, "stopped", 2, 0, stop_at_once, progress, &error);
  cr_assert(status == BOREL_OK || status == BOREL_CANCELLED, "%s", error.message);
  cr_assert_eq(run(&s, "stopped", 2, 1, NULL, progress, &error), BOREL_OK, "%s", error.message);
  assert_same_logs(&s, "whole", "stopped");
  tear_down(&s);
}

/* The leapfrog steps of each iteration of a chain's log. */
static void read_leapfrogs(const setting *s, const char *name, int chain, double steps[WARMUP + DRAWS]) {
  char file[100];
  snprintf(file, sizeof file, "%s/chain-%d.log", name, chain);
  borel_log_reader *reader;
  borel_error error = {0};
  borel_log_record record;
  int more;
  cr_assert_eq(borel_log_open(scratch_path(s->folder, file), &reader, &error), BOREL_OK);
  while (borel_log_next(reader, &record, &more, &error) == BOREL_OK && more)
    steps[record.iteration] = record.info[LEAPFROGS];
  borel_log_reader_free(reader);
}

/* A process that ends at gradient `at`, in warm-up or later, loses at most EVERY iterations of its chain. */
static void crash_and_resume(setting *s, long at) {
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  char name[32];
  snprintf(name, sizeof name, "crash-%ld", at);
  pid_t child = fork();
  if (child == 0) {
    budget = at;
    run(s, name, 1, 0, NULL, progress, &error);
    _exit(0); /* never reached when `at` is small enough */
  }
  int status;
  waitpid(child, &status, 0);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 9, "the child was to end at gradient %ld", at);
  cr_assert_eq(run(s, name, 1, 1, NULL, progress, &error), BOREL_OK, "%s", error.message);
  assert_same_logs(s, "whole", name);

  /* Of which iteration was gradient `at`? Chains run one after the other here; the search for a first step
   * size and a start takes a few gradients more than the leapfrogs in the logs. */
  double left = (double)at, due = 0;
  uint64_t gradients = 0;
  for (int chain = 1; chain <= CHAINS; chain++) {
    double steps[WARMUP + DRAWS];
    int reached = 0;
    read_leapfrogs(s, "whole", chain, steps);
    for (; reached < WARMUP + DRAWS && left > 0; reached++) left -= steps[reached];
    for (int i = reached == WARMUP + DRAWS ? reached
                 : reached > EVERY         ? reached - EVERY
                                           : 0;
         i < WARMUP + DRAWS; i++)
      due += steps[i];
    gradients += progress[chain - 1].gradients;
  }
  enum { SLACK = 100 }; /* gradients of starting a chain */
  cr_assert_leq((double)gradients, due + SLACK,
                "crash at gradient %ld: resuming took %llu gradients, at most %g are due", at,
                (unsigned long long)gradients, due);
}

Test(infer, a_crash_costs_at_most_one_interval) {
  setting s = set_up();
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  cr_assert_eq(run(&s, "whole", 1, 0, NULL, progress, &error), BOREL_OK, "%s", error.message);
  long total = 0;
  for (int c = 0; c < CHAINS; c++) total += (long)progress[c].gradients;
  for (int k = 0; k < 8; k++) crash_and_resume(&s, 20 + k * (total - 40) / 8);
  tear_down(&s);
}

Test(infer, a_stopped_run_continues_to_the_same_bytes) {
  setting s = set_up();
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  cr_assert_eq(run(&s, "whole", 1, 0, NULL, progress, &error), BOREL_OK);
  borel_status status = run(&s, "stopped", 2, 0, stop_at_once, progress, &error);
  cr_assert(status == BOREL_OK || status == BOREL_CANCELLED, "%s", error.message);
  cr_assert_eq(run(&s, "stopped", 2, 1, NULL, progress, &error), BOREL_OK, "%s", error.message);
  assert_same_logs(&s, "whole", "stopped");
  tear_down(&s);
}

Test(infer, no_start_is_an_error_that_says_so) {
  setting s = set_up();
  s.source.source.explain = NULL;
  borel_chain_progress progress[CHAINS];
  borel_error error = {0};
  /* Started where every point lies 10^159 standard deviations out. */
  static const double mean[D] = {1e10, 1e10, 1e10}, sd[D] = {1e-149, 1e-149, 1e-149};
  const borel_arg args[] = {{.name = "mean", .kind = BOREL_ARG_REALS, .reals = mean, .count = D},
                            {.name = "sd", .kind = BOREL_ARG_REALS, .reals = sd, .count = D}};
  borel_density *density = NULL;
  cr_assert_eq(borel_density_create(borel_registry_find(s.registry, "density", "gaussian", &error),
                                    (borel_args){args, 2}, &density, &error),
               BOREL_OK, "%s", error.message);
  borel_density_source *source;
  cr_assert_eq(borel_density_source_new(density, &source, &error), BOREL_OK);
  s.source.inner = borel_density_source_view(source);
  cr_assert_eq(run(&s, "nowhere", 1, 0, NULL, progress, &error), BOREL_ARG);
  cr_assert(strstr(error.message, "no start found in 100 tries"), "%s", error.message);
  borel_density_source_free(source);
  tear_down(&s);
}

/* Steps allocate nothing: twice the draws take the same number of allocations, but for the log's buffer. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
static atomic_long allocations;
void *malloc(size_t n) {
  atomic_fetch_add(&allocations, 1);
  return __libc_malloc(n);
}
void *calloc(size_t n, size_t size) {
  atomic_fetch_add(&allocations, 1);
  return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n) {
  atomic_fetch_add(&allocations, 1);
  return __libc_realloc(p, n);
}

static long allocations_of(const setting *s, const char *name, uint64_t draws) {
  borel_rundir *directory = NULL;
  borel_error error = {0};
  borel_chain_progress progress[1];
  borel_run_options options = {.chains = 1, .threads = 1, .warmup = 100, .draws = draws, .seed = 7};
  cr_assert_eq(borel_rundir_create(scratch_path(s->folder, name), 0, &directory, &error), BOREL_OK);
  long before = atomic_load(&allocations);
  cr_assert_eq(
      borel_run_chains(&s->source.source, s->kernel, &options, directory, progress, NULL, NULL, &error),
      BOREL_OK);
  long after = atomic_load(&allocations);
  borel_rundir_close(directory);
  return after - before;
}

Test(infer, a_step_allocates_nothing) {
  setting s = set_up();
  allocations_of(&s, "first", 10); /* what is made once */
  long few = allocations_of(&s, "few", 100), many = allocations_of(&s, "many", 3000);
  cr_assert_gt(few, 0, "allocations are counted");
  cr_assert_eq(few, many, "100 draws take %ld allocations, 3000 take %ld", few, many);
  tear_down(&s);
}
#endif
