/* SPDX-License-Identifier: MIT
 * The rest of a kernel, for test plugins that are wrong in one place. */
#ifndef BOREL_TEST_SKELETON_H
#define BOREL_TEST_SKELETON_H

#include <borel/plugin.h>

static borel_status skeleton_create(const borel_host *host, const borel_value *values, void **self,
                                    borel_error *error) {
  (void)host, (void)values, (void)error;
  *self = NULL;
  return BOREL_OK;
}

static void skeleton_destroy(const borel_host *host, void *self) { (void)host, (void)self; }

static borel_status skeleton_step(const void *self, const borel_context *context, borel_target *target,
                                  borel_point *point, double *info, borel_error *error) {
  (void)self, (void)context, (void)target, (void)point, (void)info, (void)error;
  return BOREL_OK;
}

static const borel_kernel_ops skeleton_ops = {.size = sizeof skeleton_ops,
                                              .create = skeleton_create,
                                              .destroy = skeleton_destroy,
                                              .step = skeleton_step};

/* A kernel component with this kind, name and ops. */
#define SKELETON_COMPONENT(its_kind, its_name, its_ops)                                                      \
  static const borel_component component = {.size = sizeof component,                                        \
                                            .kind = its_kind,                                                \
                                            .name = its_name,                                                \
                                            .summary = "for a test",                                         \
                                            .claims = {.preserves = BOREL_PRESERVES_MEASURE},                \
                                            .ops = its_ops}

/* The entry of a plugin with `count` components that says it was built for `its_abi`. */
#define SKELETON_ENTRY(its_abi, count)                                                                       \
  static const borel_component *const components[] = {&component};                                           \
  BOREL_EXPORT const borel_plugin borel_plugin_entry = {.abi = its_abi,                                      \
                                                        .size = sizeof(borel_plugin),                        \
                                                        .param_size = sizeof(borel_param),                   \
                                                        .field_size = sizeof(borel_field),                   \
                                                        .id = "test",                                        \
                                                        .version = "0",                                      \
                                                        .licence = "MIT",                                    \
                                                        .component_count = count,                            \
                                                        .components = components}

#endif
