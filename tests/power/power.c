/* SPDX-License-Identifier: MIT
 * What the statistical tier of the validation is worth, measured (docs/validity.md has the tables):
 *   power mutants [NAME] each test rejects the mutants that are assigned to it, in 99 of 100 seeds at least
 *   power false-alarms   and the kernels themselves as seldom as it says, in 200 seeds
 * Exit code 1: it does not. */
#include "host/plugin.h"
#include "random/stream.h"
#include "validate/null_law.h"
#include "validate/sampling.h"
#include "validate/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 100, ENOUGH = 99, ALARM_SEEDS = 200, SHRINK = 8 };
static const double level = 0.01; /* of the tests whose alarms are counted */

/* Of one configuration on all laws, as `borel validate` shares it out for a kernel with four of them. */
static double suite_alpha(void) {
  return BOREL_VALIDATE_ALPHA / (double)(BOREL_SAMPLING_METHODS * 4 * borel_joint_count);
}

static const borel_component *load(const char *path, const char *name) {
  borel_error error = {0};
  const borel_plugin *plugin;
  if (borel_plugin_load(path, &plugin, &error) != BOREL_OK) {
    fprintf(stderr, "%s\n", error.message);
    exit(2);
  }
  for (size_t i = 0; i < plugin->component_count; i++)
    if (!strcmp(plugin->components[i]->name, name)) return plugin->components[i];
  fprintf(stderr, "%s has no %s\n", path, name);
  exit(2);
}

static uint64_t key_of(uint64_t seed, const borel_component *kernel, const borel_sampling_method *method,
                       const borel_joint *joint) {
  uint64_t key = borel_stream_child(borel_stream_root(seed), kernel->name);
  return borel_stream_child(borel_stream_child(key, method->name), joint->name);
}

/* ---- mutants --------------------------------------------------------------------------------- */

/* Those whose error is larger than the differences that the tests are made for. */
static const struct {
  const char *kernel;
  int number;
  int by[BOREL_SAMPLING_METHODS];
} assigned[] = {
    {"random-walk", 1, {1, 1}},
    {"random-walk", 2, {1, 1}},
    {"random-walk", 3, {1, 1}},
    {"random-walk", 4, {1, 1}},
    {"random-walk", 8, {1, 1}},
    {"nuts", 1, {1, 1}},
    {"nuts", 2, {1, 1}},
    {"nuts", 7, {1, 1}},
    {"nuts", 11, {1, 0}},
    {"hmc", 6, {1, 1}},
    {"hmc", 7, {1, 1}},
    {"microcanonical", 7, {1, 1}},
    {"microcanonical", 8, {1, 1}},
    {"slice", 1, {1, 0}},
    {"elliptical-slice", 1, {1, 1}},
    {"elliptical-slice", 5, {1, 1}},
    {"elliptical-slice", 6, {1, 1}},
};

/* The law on which it is rejected, or NULL. */
static const char *rejected_on(const borel_component *kernel, const borel_sampling_method *method,
                               uint64_t seed) {
  for (size_t k = 0; k < borel_joint_count; k++) {
    borel_sampling s;
    const borel_joint *joint = &borel_joints[k];
    borel_sequence r = borel_sampling_run(&s, kernel, (borel_args){0}, method, joint,
                                          key_of(seed, kernel, method, joint), method->n, suite_alpha());
    int rejected = borel_sampling_counts(&s, &r) && r.rejected;
    borel_frozen_close(&s.frozen);
    if (rejected) return joint->name;
  }
  return NULL;
}

/* Of all kernels, or of one. */
static int mutants(const char *only) {
  int missed = 0;
  printf("| mutant | test | rejected, of %d seeds |\n|---|---|---|\n", SEEDS);
  for (size_t i = 0; i < sizeof assigned / sizeof *assigned; i++)
    for (int m = 0; m < BOREL_SAMPLING_METHODS; m++) {
      char path[400];
      int rejected = 0;
      if (!assigned[i].by[m] || (only && strcmp(only, assigned[i].kernel) != 0)) continue;
      snprintf(path, sizeof path, "%s/mutants/%s-%d.so", BOREL_BUILD_DIR, assigned[i].kernel,
               assigned[i].number);
      const borel_component *mutant = load(path, assigned[i].kernel);
      for (uint64_t seed = 1; seed <= SEEDS; seed++)
        rejected += rejected_on(mutant, &borel_sampling_methods[m], seed) != NULL;
      printf("| %s %d | %s | %d |\n", assigned[i].kernel, assigned[i].number, borel_sampling_methods[m].name,
             rejected);
      fflush(stdout);
      missed += rejected < ENOUGH;
    }
  printf("FIGURE power_missed %d\n", missed);
  return missed > 0;
}

/* ---- false alarms ---------------------------------------------------------------------------- */

static const char *const kernels[][2] = {{"random-walk", "random-walk"},
                                         {"nuts", "nuts"},
                                         {"hmc", "hmc"},
                                         {"hmc", "mala"},
                                         {"microcanonical", "microcanonical"},
                                         {"slice", "slice"},
                                         {"elliptical-slice", "elliptical-slice"}};

typedef struct {
  size_t runs, suite, sequential, single; /* rejections of runs: at the suite's alpha, at `level` */
} alarms;

/* One seed of one test. The test at `level` is exact for any n, so that small samples do for counting. */
static void one_seed(const borel_component *kernel, const borel_sampling_method *method,
                     const borel_joint *joint, uint64_t seed, alarms *a) {
  borel_sampling s;
  uint64_t key = key_of(seed, kernel, method, joint);
  borel_sequence r =
      borel_sampling_run(&s, kernel, (borel_args){0}, method, joint, key, method->n, suite_alpha());
  int counts = borel_sampling_counts(&s, &r);
  borel_frozen_close(&s.frozen);
  if (!counts) return;
  a->runs++;
  a->suite += (size_t)r.rejected;
  r = borel_sampling_run(&s, kernel, (borel_args){0}, method, joint, borel_stream_child(key, "level"),
                         method->n / SHRINK, level);
  a->sequential += (size_t)r.rejected;
  a->single += s.p <= level;
  borel_frozen_close(&s.frozen);
}

/* Is this count outside the 99.9 % interval of Binomial(runs, level)? */
static int is_odd(size_t count, size_t runs) { return borel_binomial_p(runs, count, level) < 1e-3; }

static void add(alarms *total, const alarms *a) {
  total->runs += a->runs;
  total->suite += a->suite;
  total->sequential += a->sequential;
  total->single += a->single;
}

/* All laws. Returns how many counts are not as they should be: all rounds together may reject less often than
 * at their level, never more. */
static int one_kernel(const borel_component *kernel, const borel_sampling_method *method, uint64_t seeds,
                      alarms *sum) {
  int odd = 0;
  size_t laws = 0;
  for (size_t k = 0; k < borel_joint_count; k++) {
    alarms a = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++)
      one_seed(kernel, method, &borel_joints[k], 1000 + seed, &a);
    odd += a.suite > 0 || ((double)a.sequential > level * (double)a.runs && is_odd(a.sequential, a.runs));
    laws += a.runs > 0;
    add(sum, &a);
  }
  printf("| %s | %s | %zu | %zu | %zu | %zu | %zu |\n", kernel->name, method->name, laws, sum->runs,
         sum->suite, sum->sequential, sum->single);
  fflush(stdout);
  return odd;
}

static int false_alarms(uint64_t seeds) {
  alarms total[BOREL_SAMPLING_METHODS] = {{0}};
  int odd = 0;
  printf("| kernel | test | laws | tests | rejected at %.1e | at %g, all rounds | at %g, first statistic |\n"
         "|---|---|---|---|---|---|---|\n",
         suite_alpha(), level, level);
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    char path[400];
    snprintf(path, sizeof path, "%s/plugins/kernel/%s.so", BOREL_BUILD_DIR, kernels[i][0]);
    const borel_component *kernel = load(path, kernels[i][1]);
    for (int m = 0; m < BOREL_SAMPLING_METHODS; m++) {
      alarms sum = {0};
      if ((kernel->claims.flags & borel_sampling_methods[m].flags) != borel_sampling_methods[m].flags)
        continue;
      odd += one_kernel(kernel, &borel_sampling_methods[m], seeds, &sum);
      add(&total[m], &sum);
    }
  }
  for (int m = 0; m < BOREL_SAMPLING_METHODS; m++)
    printf("| all | %s | | %zu | %zu | %zu | %zu |\n", borel_sampling_methods[m].name, total[m].runs,
           total[m].suite, total[m].sequential, total[m].single);
  odd += is_odd(total[0].single, total[0].runs); /* Smirnov's test has its level, but for steps of 1 / n */
  printf("FIGURE power_false_alarms %zu\nFIGURE power_odd_counts %d\n", total[0].suite + total[1].suite, odd);
  return odd > 0;
}

int main(int argc, char **argv) {
  setenv("BOREL_LOG", "off", 1);
  if (argc > 1 && !strcmp(argv[1], "mutants")) return mutants(argc > 2 ? argv[2] : NULL);
  if (argc > 1 && !strcmp(argv[1], "false-alarms"))
    return false_alarms(argc > 2 ? strtoull(argv[2], NULL, 10) : ALARM_SEEDS);
  fprintf(stderr, "usage: power mutants [NAME] | false-alarms [SEEDS]\n");
  return 2;
}
