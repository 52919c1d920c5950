/* SPDX-License-Identifier: MIT
 *
 * The host layer: what it loads, what it refuses and in which words, and what it lends to plugins. */
#include "core/suggest.h"
#include "host/claims.h"
#include "host/density_target.h"
#include "host/fpenv.h"
#include "host/instance.h"
#include "host/plugin.h"
#include "host/point.h"
#include "host/registry.h"
#include "host/services.h"
#include "host/windows.h"

#include <borel/diffusion.h>
#include <criterion/criterion.h>
#include <elf.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILTIN BOREL_BUILD_DIR "/plugins"
#define NUTS BUILTIN "/kernel/nuts.so"
#define TEST_PLUGINS BOREL_BUILD_DIR "/tests/plugins"

/* ---- helpers --------------------------------------------------------------------------------- */

static void expect_says(const borel_error *error, const char *text) {
  cr_expect(strstr(error->message, text), "expected \"%s\" in: %s", text, error->message);
}

/* A private folder, and a path in it. */
static char folder[64], path[128];

static const char *in_folder(const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void make_folder(void) {
  strcpy(folder, "/tmp/borel-host-XXXXXX");
  cr_assert(mkdtemp(folder));
}

static void remove_folder(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  cr_expect(system(command) == 0);
}

typedef struct {
  char *bytes;
  size_t size;
} content;

static content read_file(const char *name) {
  FILE *file = fopen(name, "rb");
  cr_assert(file, "%s", name);
  cr_assert(fseek(file, 0, SEEK_END) == 0);
  content c = {.size = (size_t)ftell(file)};
  rewind(file);
  c.bytes = malloc(c.size);
  cr_assert(c.bytes && fread(c.bytes, 1, c.size, file) == c.size);
  fclose(file);
  return c;
}

static void write_file(const char *name, const char *bytes, size_t size) {
  FILE *file = fopen(name, "wb");
  cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
  cr_assert(chmod(name, 0644) == 0);
}

/* A refusal with this code whose one line names the file and says `text`. */
static void expect_refused(const char *name, borel_status code, const char *text) {
  borel_error error = {0};
  const borel_plugin *plugin;
  borel_status status = borel_plugin_load(name, &plugin, &error);
  cr_expect(status == code && error.code == code, "%s: status %d, %s", name, (int)status, error.message);
  cr_expect(!plugin);
  expect_says(&error, name);
  expect_says(&error, text);
  cr_expect(!strchr(error.message, '\n'), "more than one line: %s", error.message);
}

static const borel_component *find(const char *file, const char *kind, const char *name) {
  static borel_registry *registry; /* kept: components live as long as the process */
  borel_error error = {0};
  if (!registry) cr_assert(borel_registry_create(BUILTIN, NULL, &registry, &error) == BOREL_OK);
  if (file) cr_assert(borel_registry_add(registry, file, &error) == BOREL_OK, "%s", error.message);
  const borel_component *component = borel_registry_find(registry, kind, name, &error);
  cr_assert(component, "%s", error.message);
  return component;
}

/* ---- loading --------------------------------------------------------------------------------- */

Test(loader, accepts_what_borel_ships) {
  borel_error error = {0};
  const borel_plugin *plugin, *again;
  cr_assert(borel_plugin_load(NUTS, &plugin, &error) == BOREL_OK, "%s", error.message);
  cr_expect(plugin->component_count == 1 && !strcmp(plugin->components[0]->name, "nuts"));
  cr_assert(borel_plugin_load(NUTS, &again, &error) == BOREL_OK);
  cr_expect(plugin == again);
}

Test(loader, refuses_each_defect_in_its_own_words) {
  static const struct {
    const char *name, *text;
  } bad[] = {
      {"wrong_abi", "built for plugin ABI 4711, but this Borel has ABI 1"},
      {"no_entry", "exports no constant `borel_plugin_entry`"},
      {"function_entry", "exports no constant `borel_plugin_entry`"},
      {"null_name", "a component has no name (NULL)"},
      {"bad_kind",
       "component bad-kind has the unknown kind \"kernle/0\"; known kinds: " BOREL_KERNEL ", " BOREL_DENSITY
       ", " BOREL_RESAMPLER ", " BOREL_PROCESS ", " BOREL_SCORE ", " BOREL_SOLVER ", " BOREL_INVOLUTION},
      {"old_abi", "built for plugin ABI 0, but this Borel has ABI 1; build it again"},
      {"old_kind",
       "component old-kind is of kind kernel/0, but this Borel takes kind kernel/1; build it again"},
      {"absurd_count", "its entry claims 1099511627776 components; 1 to 1024 are possible"},
      {"short_ops", "component short-ops: its ops table has "},
      {"missing_op", "component missing-op lacks the op destroy, which kind " BOREL_KERNEL " requires"},
      {"bad_extent", "component bad-extent: extent -103 of field memory means nothing"},
      {"undefined_symbol", "borel_test_nobody_defines_this"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char name[PATH_MAX];
    snprintf(name, sizeof name, TEST_PLUGINS "/%s.so", bad[i].name);
    expect_refused(name, BOREL_ARG, bad[i].text);
  }
}

Test(loader, refuses_flush_to_zero_and_restores_the_environment) {
#if !defined(__x86_64__)
  cr_skip("only x86 is watched");
#endif
  unsigned before = borel_fpenv_get();
  for (int twice = 0; twice < 2; twice++)
    expect_refused(TEST_PLUGINS "/flush_ftz.so", BOREL_ARG, "turned flush-to-zero on");
  cr_expect(borel_fpenv_get() == before);
}

Test(loader, refuses_a_create_that_turns_flush_to_zero_on) {
#if !defined(__x86_64__)
  cr_skip("only x86 is watched");
#endif
  const borel_component *component = find(TEST_PLUGINS "/flush_later.so", "kernel", "flush-later");
  borel_error error = {0};
  borel_kernel *kernel;
  unsigned before = borel_fpenv_get();
  cr_expect(borel_kernel_create(component, (borel_args){0}, &kernel, &error) == BOREL_ARG);
  expect_says(&error, "flush-later: create turned flush-to-zero on");
  cr_expect(borel_fpenv_get() == before);
}

Test(loader, refuses_files_that_are_no_shared_objects, .init = make_folder, .fini = remove_folder) {
  expect_refused(in_folder("none.so"), BOREL_IO, "No such file");
  expect_refused(folder, BOREL_ARG, "not a regular file");
  const char *text = "this is not the plugin that you are looking for\n";
  write_file(in_folder("x.so"), text, strlen(text));
  expect_refused(path, BOREL_ARG, "not a shared object (no ELF mark at its start)");
  write_file(in_folder("empty.so"), "", 0);
  expect_refused(path, BOREL_ARG, "not a shared object (no ELF mark at its start)");

  content nuts = read_file(NUTS);
  Elf64_Ehdr *head = (Elf64_Ehdr *)nuts.bytes;
  Elf64_Half machine = head->e_machine;
  head->e_machine = EM_SPARCV9;
  write_file(in_folder("foreign.so"), nuts.bytes, nuts.size);
  expect_refused(path, BOREL_ARG, "built for another machine, but this is ");
  head->e_machine = machine;
  head->e_type = ET_REL;
  write_file(in_folder("object.so"), nuts.bytes, nuts.size);
  expect_refused(path, BOREL_ARG, "link it with -shared");
  free(nuts.bytes);
}

Test(loader, refuses_a_file_cut_anywhere, .init = make_folder, .fini = remove_folder) {
  content nuts = read_file(NUTS);
  for (size_t size = EI_NIDENT; size < nuts.size; size += 509) {
    char name[32];
    snprintf(name, sizeof name, "cut-%zu.so", size);
    write_file(in_folder(name), nuts.bytes, size);
    expect_refused(path, BOREL_ARG, "the file is truncated");
  }
  write_file(in_folder("cut-last.so"), nuts.bytes, nuts.size - 1);
  expect_refused(path, BOREL_ARG, "the file is truncated");
  free(nuts.bytes);
}

Test(loader, refuses_what_every_user_may_write_to, .init = make_folder, .fini = remove_folder) {
  content nuts = read_file(NUTS);
  write_file(in_folder("open.so"), nuts.bytes, nuts.size);
  free(nuts.bytes);
  cr_assert(chmod(path, 0666) == 0);
  expect_refused(path, BOREL_ARG, "every user may write to it");
  cr_assert(chmod(path, 0644) == 0 && chmod(folder, 0777) == 0);
  expect_refused(path, BOREL_ARG, "every user may write to its folder");
  cr_assert(chmod(folder, 0700) == 0);
  borel_error error = {0};
  const borel_plugin *plugin;
  cr_expect(borel_plugin_load(path, &plugin, &error) == BOREL_OK, "%s", error.message);
}

/* ---- registry -------------------------------------------------------------------------------- */

static borel_registry *registry_of(const char *builtin, const char *search) {
  borel_error error = {0};
  borel_registry *registry;
  cr_assert(borel_registry_create(builtin, search, &registry, &error) == BOREL_OK);
  return registry;
}

Test(registry, loads_only_what_is_asked_for) {
  borel_error error = {0};
  borel_registry *registry = registry_of(BUILTIN, NULL);
  cr_expect(!borel_registry_at(registry, 0));
  const borel_component *nuts = borel_registry_find(registry, "kernel", "nuts", &error);
  cr_assert(nuts, "%s", error.message);
  cr_expect(!strcmp(nuts->kind, BOREL_KERNEL));
  cr_expect(borel_registry_find(registry, BOREL_KERNEL, "nuts", &error) == nuts);
  cr_expect(borel_registry_at(registry, 0)->component == nuts && !borel_registry_at(registry, 1));
  char real[PATH_MAX];
  cr_assert(realpath(NUTS, real));
  cr_expect_str_eq(borel_registry_path(registry, nuts), real);
  borel_registry_destroy(registry);
}

Test(registry, suggests_the_nearest_name) {
  borel_error error = {0};
  borel_registry *registry = registry_of(BUILTIN, NULL);
  cr_expect(!borel_registry_find(registry, "kernel", "nut", &error));
  cr_expect(error.code == BOREL_ARG);
  expect_says(&error, "there is no kernel named \"nut\"; did you mean nuts?");
  cr_expect(!borel_registry_find(registry, "density", "../kernel/nuts", &error));
  expect_says(&error, "there is no density named \"../kernel/nuts\"");
  cr_expect(!borel_registry_find(registry, "kernal", "nuts", &error));
  expect_says(&error, "there is no kind \"kernal\"");
  borel_registry_destroy(registry);
}

Test(registry, names_both_files_of_a_duplicate) {
  borel_error error = {0};
  borel_registry *registry = registry_of(BUILTIN, NULL);
  cr_assert(borel_registry_find(registry, "kernel", "nuts", &error));
  cr_expect(borel_registry_add(registry, TEST_PLUGINS "/nuts_again.so", &error) == BOREL_ARG);
  expect_says(&error, TEST_PLUGINS "/nuts_again.so: component nuts of kind " BOREL_KERNEL
                                   " is already registered from ");
  expect_says(&error, "plugins/kernel/nuts.so");
  cr_expect(!borel_registry_at(registry, 1));
  cr_expect(borel_registry_add(registry, NUTS, &error) == BOREL_OK, "the same file again is fine");
  borel_registry_destroy(registry);
}

Test(registry, finds_in_search_folders_and_notices_shadowing, .init = make_folder, .fini = remove_folder) {
  borel_error error = {0};
  content probe = read_file(TEST_PLUGINS "/probe.so"), again = read_file(TEST_PLUGINS "/nuts_again.so");
  write_file(in_folder("probe.so"), probe.bytes, probe.size);
  cr_assert(mkdir(in_folder("kernel"), 0755) == 0);
  write_file(in_folder("kernel/nuts.so"), again.bytes, again.size);
  write_file(in_folder("broken.so"), again.bytes, again.size / 2);
  free(probe.bytes);
  free(again.bytes);
  char search[160];
  snprintf(search, sizeof search, "/nowhere::%s", folder);

  borel_registry *registry = registry_of(BUILTIN, search);
  const borel_component *component = borel_registry_find(registry, "kernel", "probe", &error);
  cr_assert(component, "%s", error.message);
  cr_expect_str_eq(borel_registry_path(registry, component), in_folder("probe.so"));
  cr_expect(!borel_registry_find(registry, "kernel", "nuts", &error), "two files have it");
  expect_says(&error, "already registered from");
  cr_expect(borel_registry_load_all(registry, &error) == 2, "the broken one and the second nuts");
  cr_expect(borel_registry_find(registry, "density", "gaussian", &error));
  borel_registry_destroy(registry);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static const borel_component *probe(void) { return find(TEST_PLUGINS "/probe.so", "kernel", "probe"); }

#define NUMBER(its_name, x) ((borel_arg){.name = its_name, .kind = BOREL_ARG_NUMBER, .number = x})
#define TEXT(its_name, x) ((borel_arg){.name = its_name, .kind = BOREL_ARG_TEXT, .text = x})
#define LIST(its_name, ...)                                                                                  \
  ((borel_arg){.name = its_name,                                                                             \
               .kind = BOREL_ARG_REALS,                                                                      \
               .reals = (double[]){__VA_ARGS__},                                                             \
               .count = sizeof((double[]){__VA_ARGS__}) / sizeof(double)})

Test(schema, fills_defaults_and_takes_what_is_given) {
  borel_error error = {0};
  borel_value *values;
  borel_arg args[] = {TEXT("shape", "flat"), LIST("weights", 1, -2.5, 10), NUMBER("count", 7)};
  cr_assert(borel_schema_check(probe(), (borel_args){args, 3}, &values, &error) == BOREL_OK, "%s",
            error.message);
  cr_expect(values[0].number == 7 && values[1].number == 0.5 && values[2].number == 1 &&
            values[3].number == 2);
  cr_expect(values[4].count == 3 && values[4].reals[1] == -2.5);
  free(values);
  borel_arg one = NUMBER("weights", 4);
  cr_assert(borel_schema_check(probe(), (borel_args){&one, 1}, &values, &error) == BOREL_OK);
  cr_expect(values[4].count == 1 && values[4].reals[0] == 4 && values[3].number == 0);
  free(values);
}

Test(schema, refuses_in_words_that_help) {
  const struct {
    borel_arg arg;
    const char *text;
  } bad[] = {
      {NUMBER("cuont", 1), "probe: unknown parameter cuont; did you mean count?"},
      {NUMBER("zzzzzzzzzz", 1), "it has: count, rate, verbose, shape, weights"},
      {NUMBER("count", -1), "probe: parameter count is -1, outside [0, 1e+06] things"},
      {NUMBER("count", 2.5), "parameter count is 2.5, but must be a whole number in [0, 1e+06] things"},
      {NUMBER("count", INFINITY), "parameter count is inf, outside [0, 1e+06] things"},
      {NUMBER("rate", 1.25), "parameter rate is 1.25, outside [0, 1]"},
      {NUMBER("rate", NAN), "parameter rate is not a number; it must be in [0, 1]"},
      {TEXT("rate", "high"), "parameter rate is a text, but must be a number"},
      {NUMBER("verbose", 2), "parameter verbose is 2, but must be true or false"},
      {TEXT("shape", "rund"), "parameter shape is \"rund\", but must be one of round|square|flat"},
      {TEXT("shape", ""), "parameter shape is \"\", but must be one of"},
      {NUMBER("shape", 1), "parameter shape is a number, but must be a word"},
      {LIST("weights", 1, 2, 11), "parameter weights element 3 is 11, outside [-10, 10]"},
      {{.name = "weights", .kind = BOREL_ARG_REALS}, "parameter weights must not be an empty list"},
      {NUMBER("count", 1), "parameter weights is required: one for each thing"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    borel_error error = {0};
    borel_value *values;
    cr_expect(borel_schema_check(probe(), (borel_args){&bad[i].arg, 1}, &values, &error) == BOREL_ARG);
    cr_expect(!values);
    expect_says(&error, bad[i].text);
  }
  borel_error error = {0};
  borel_value *values;
  borel_arg twice[] = {NUMBER("rate", 0), NUMBER("rate", 1)};
  cr_expect(borel_schema_check(probe(), (borel_args){twice, 2}, &values, &error) == BOREL_ARG);
  expect_says(&error, "parameter rate is given twice");
}

Test(suggest, nearest_by_edit_distance) {
  const char *names[] = {"nuts", "hmc", "random-walk"};
  cr_expect_str_eq(borel_nearest("nutz", names, 3), "nuts");
  cr_expect_str_eq(borel_nearest("randomwalk", names, 3), "random-walk");
  cr_expect(!borel_nearest("elliptical", names, 3));
  cr_expect(!borel_nearest("x", names, 0));
}

/* ---- blocks ---------------------------------------------------------------------------------- */

Test(blocks, follow_the_declared_fields) {
  borel_error error = {0};
  borel_arg args[] = {NUMBER("count", 3), LIST("weights", 1)};
  borel_kernel *kernel;
  cr_assert(borel_kernel_create(probe(), (borel_args){args, 2}, &kernel, &error) == BOREL_OK, "%s",
            error.message);
  cr_expect(kernel->ops->step && !kernel->ops->adapt && !kernel->ops->step_batch,
            "a short table is completed");
  borel_kernel_blocks blocks, copy;
  const borel_layout small = {.size = sizeof small, .D = 17},
                     endless = {.size = sizeof endless, .D = SIZE_MAX / 8};
  cr_assert(borel_kernel_blocks_create(kernel, &small, 4, &blocks, &error) == BOREL_OK);
  cr_assert(borel_kernel_blocks_create(kernel, &small, 4, &copy, &error) == BOREL_OK);
  cr_expect(blocks.tuning->count == 2 && blocks.state->count == 2 && blocks.scratch->count == 0);
  const borel_block_field *matrix = borel_block_find(blocks.tuning, "matrix");
  cr_assert(matrix && matrix->rank == 2);
  cr_expect(matrix->extent[0] == 3 && matrix->extent[1] == 17 && matrix->bytes == 3 * 17 * 4);
  cr_expect(borel_block_find(blocks.tuning, "rate")->rank == 0);
  cr_expect(borel_block_find(blocks.state, "flags")->bytes == 4 * 5);
  const borel_block_field *levels = borel_block_find(blocks.state, "levels");
  cr_expect(levels->bytes == 0 && levels->data, "an empty array has an address");
  for (size_t i = 0; i < 2; i++) cr_expect((uintptr_t)blocks.tuning->data[i] % 64 == 0);

  cr_expect(borel_block_hash(blocks.tuning) == borel_block_hash(copy.tuning));
  ((float *)matrix->data)[50] = 1;
  cr_expect(borel_block_hash(blocks.tuning) != borel_block_hash(copy.tuning));
  borel_block_copy(copy.tuning, blocks.tuning);
  cr_expect(borel_block_hash(blocks.tuning) == borel_block_hash(copy.tuning));
  cr_expect(((float *)borel_block_find(copy.tuning, "matrix")->data)[50] == 1);

  borel_kernel_blocks huge;
  cr_expect(borel_kernel_blocks_create(kernel, &endless, 1, &huge, &error) == BOREL_ARG);
  expect_says(&error, "probe: field matrix: too many elements");
  borel_kernel_blocks_destroy(&blocks);
  borel_kernel_blocks_destroy(&copy);
  borel_kernel_destroy(kernel);
}

/* ---- points ---------------------------------------------------------------------------------- */

/* A standard normal in one dimension that counts its evaluations: -inf below -10, NaN above 10. */
typedef struct {
  borel_target target;
  int evaluations;
} counting;

static borel_status counted_gradient(borel_target *target, uint32_t layout, const double *u, const int64_t *z,
                                     double *logdensity, double *gradient, borel_error *error) {
  (void)layout, (void)z, (void)error;
  ((counting *)target)->evaluations++;
  if (*u < -10) return BOREL_REJECT;
  *logdensity = *u > 10 ? NAN : -0.5 * *u * *u;
  if (gradient) *gradient = -*u;
  return BOREL_OK;
}

static borel_status counted_logdensity(borel_target *target, uint32_t layout, const double *u,
                                       const int64_t *z, double *logdensity, borel_error *error) {
  return counted_gradient(target, layout, u, z, logdensity, NULL, error);
}

static const borel_target_ops counted_ops = {
    .size = sizeof counted_ops, .logdensity = counted_logdensity, .gradient = counted_gradient};

Test(point, remembers_until_it_moves) {
  borel_error error = {0};
  borel_layout layout = {.size = sizeof(borel_layout), .D = 1};
  borel_host_point *point, *copy;
  counting target = {{&counted_ops}, 0};
  const uint32_t both = BOREL_LOGDENSITY | BOREL_GRADIENT;
  cr_assert(borel_point_create(&layout, &point, &error) == BOREL_OK);
  cr_assert(borel_point_create(&layout, &copy, &error) == BOREL_OK);
  borel_point *view = &point->view;
  const borel_host *host = borel_host_table();
  host->move_u(view, (double[]){2});
  uint64_t version = view->version;
  cr_expect(host->evaluate(&target.target, view, both, &error) == BOREL_OK && target.evaluations == 1);
  cr_expect(host->evaluate(&target.target, view, BOREL_LOGDENSITY, &error) == BOREL_OK &&
            target.evaluations == 1);
  cr_expect(view->logdensity == -2 && view->gradient[0] == -2 && view->version == version);

  cr_assert(borel_point_copy(copy, point, &error) == BOREL_OK);
  cr_expect(host->evaluate(&target.target, &copy->view, both, &error) == BOREL_OK && target.evaluations == 1);
  host->move_u(view, (double[]){3});
  cr_expect(view->valid == 0 && view->version > version && copy->u[0] == 2);
  host->know(view, -4.5, NULL);
  cr_expect(host->evaluate(&target.target, view, BOREL_LOGDENSITY, &error) == BOREL_OK &&
            target.evaluations == 1);
  cr_expect(host->evaluate(&target.target, view, both, &error) == BOREL_OK && target.evaluations == 2);
  borel_point_destroy(point);
  borel_point_destroy(copy);
}

Test(point, tells_outside_the_support_from_not_a_number) {
  borel_error error = {0};
  borel_layout layout = {.size = sizeof(borel_layout), .D = 1};
  borel_host_point *point;
  counting target = {{&counted_ops}, 0};
  cr_assert(borel_point_create(&layout, &point, &error) == BOREL_OK);
  borel_point_set(point, (double[]){-11}, NULL);
  for (int twice = 0; twice < 2; twice++)
    cr_expect(borel_point_evaluate(&target.target, &point->view, BOREL_GRADIENT, &error) == BOREL_REJECT);
  cr_expect(target.evaluations == 1 && point->view.logdensity == -INFINITY && error.message[0] == 0);
  borel_point_set(point, (double[]){11}, NULL);
  cr_expect(borel_point_evaluate(&target.target, &point->view, BOREL_LOGDENSITY, &error) == BOREL_DOMAIN);
  cr_expect(borel_point_evaluate(&target.target, &point->view, BOREL_SPLIT, &error) == BOREL_ARG);
  expect_says(&error, "does not separate prior and likelihood");
  borel_point_destroy(point);
}

Test(point, starts_discrete_coordinates_at_their_lowest_value) {
  borel_error error = {0};
  borel_site sites[] = {
      {.name = "a", .block = BOREL_SITE_Z, .offset = 0, .size = 2, .lowest = -3, .count = 7},
      {.name = "b", .block = BOREL_SITE_Z, .offset = 2, .size = 1, .lowest = 5, .count = 2}};
  borel_layout layout = {.size = sizeof(borel_layout), .K = 3, .site_count = 2, .sites = sites};
  borel_host_point *point;
  cr_assert(borel_point_create(&layout, &point, &error) == BOREL_OK);
  cr_expect(point->z[0] == -3 && point->z[1] == -3 && point->z[2] == 5);
  borel_point_move_z(&point->view, 2, 6);
  cr_expect(point->view.z[2] == 6);
  borel_point_destroy(point);
}

Test(density_target, evaluates_a_density_plugin) {
  borel_error error = {0};
  borel_arg args[] = {LIST("mean", 1, 2), LIST("sd", 0.5, 2)};
  borel_density *density;
  borel_target *target;
  const borel_component *gaussian = find(NULL, "density", "gaussian");
  cr_assert(borel_density_create(gaussian, (borel_args){args, 2}, &density, &error) == BOREL_OK, "%s",
            error.message);
  cr_assert(borel_density_target_create(density, &target, &error) == BOREL_OK, "%s", error.message);
  double logdensity, gradient[2], u[] = {1.5, 0};
  cr_assert(target->ops->layout(target, 0)->D == 2 && !target->ops->layout(target, 1));
  cr_assert(target->ops->gradient(target, 0, u, NULL, &logdensity, gradient, &error) == BOREL_OK);
  cr_expect_float_eq(logdensity, -log(2 * acos(-1.0)) - log(0.5) - log(2) - 0.5 - 0.5, 1e-14);
  cr_expect(gradient[0] == -2 && gradient[1] == 0.5);
  u[0] = NAN;
  cr_expect(target->ops->logdensity(target, 0, u, NULL, &logdensity, &error) == BOREL_DOMAIN);
  expect_says(&error, "density gaussian is ");
  borel_density_target_destroy(target);
  borel_density_destroy(density);

  args[0] = LIST("mean", 1);
  cr_expect(borel_density_create(gaussian, (borel_args){args, 2}, &density, &error) == BOREL_ARG);
  expect_says(&error, "gaussian: 1 means, but 2 standard deviations");
}

/* ---- warm-up plan and shared estimators ------------------------------------------------------ */

/* The iterations that end a slow window, as text. */
static const char *window_ends(uint64_t warmup, char text[128]) {
  borel_windows plan = borel_windows_plan(warmup, warmup + 100);
  text[0] = 0;
  for (uint64_t i = 0; i < warmup + 100; i++) {
    borel_phase phase = borel_windows_phase(&plan, i, 1);
    cr_assert(phase.warming == (i < warmup) && phase.iteration == i && phase.warmup == warmup);
    if (phase.window_end) snprintf(text + strlen(text), 128 - strlen(text), "%d ", (int)i);
  }
  return text;
}

Test(windows, are_those_of_stan) {
  char text[128];
  cr_expect_str_eq(window_ends(1000, text), "99 149 249 449 949 "); /* Stan's default */
  cr_expect_str_eq(window_ends(500, text), "99 149 249 449 ");
  cr_expect_str_eq(window_ends(150, text), "99 ");
  cr_expect_str_eq(window_ends(100, text), "89 "); /* 15 + 75 + 10 */
  cr_expect_str_eq(window_ends(19, text), "");
  cr_expect_str_eq(window_ends(0, text), "");
}

Test(services, dual_averaging_finds_the_wanted_acceptance) {
  /* Acceptance exp(-step) is 0.8 at step = -log(0.8) = 0.223. After t updates the mean acceptance is still
   * off by gamma (mu - log step) / sqrt(t) = 0.05 * 5.4 / sqrt(2000) = 0.006, the step by 0.006 / 0.8. */
  const borel_dual_averaging *averaging = borel_host_table()->dual_averaging;
  double state[6], step = 5;
  averaging->restart(state, step);
  for (int i = 0; i < 2000; i++) step = averaging->update(state, exp(-step), 0.8);
  cr_expect_float_eq(averaging->finish(state), -log(0.8), 0.006 / 0.8);
  step = averaging->update(state, NAN, 0.8);
  cr_expect(isfinite(step));
}

Test(services, welford_equals_the_two_pass_variance) {
  const borel_welford *welford = borel_host_table()->welford;
  double count = 9, mean[2], squares[2], variance[2];
  welford->reset(&count, mean, squares, 2);
  const double x[4][2] = {{1e9, 1}, {1e9 + 1, 4}, {1e9 + 2, 9}, {1e9 + 3, 16}};
  for (int i = 0; i < 4; i++) welford->add(&count, mean, squares, 2, x[i]);
  welford->variance(&count, squares, 2, variance);
  cr_expect(count == 4 && mean[0] == 1e9 + 1.5 && mean[1] == 7.5);
  cr_expect_float_eq(variance[0], 5.0 / 3, 1e-12);
  cr_expect_float_eq(variance[1], 43, 1e-12);
}

Test(claims, read_as_a_sentence) {
  borel_text text = {0};
  borel_claims_text(&probe()->claims, &text);
  cr_expect_str_eq(text.bytes,
                   "preserves the target to order step^2; ergodic; checks: matrix. Note: only a probe");
  borel_text_free(&text);
}

Test(claims, of_a_kernel_that_leaves_z) {
  borel_text text = {0};
  borel_claims stated = {.preserves = BOREL_PRESERVES_MEASURE, .flags = BOREL_LEAVES_Z};
  borel_claims silent = {.preserves = BOREL_PRESERVES_MEASURE, .checks = BOREL_CHECK_MATRIX},
               flow = {.preserves = BOREL_PRESERVES_MEASURE, .checks = BOREL_CHECK_ORBIT}; /* built before */
  borel_claims_text(&stated, &text);
  cr_expect_str_eq(text.bytes, "preserves the target exactly; leaves z");
  borel_text_free(&text);
  cr_expect(borel_claims_leaves_z(&stated) && borel_claims_leaves_z(&flow) &&
            !borel_claims_leaves_z(&silent));
}
