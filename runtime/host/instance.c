/* SPDX-License-Identifier: MIT */
#include "host/instance.h"

#include "core/error.h"
#include "host/compose.h"
#include "host/fpenv.h"
#include "host/services.h"

#include <stdlib.h>
#include <string.h>

/* The common start of all: right kind, checked values, and as much of the ops table as the plugin has. */
static borel_status prepare(const borel_component *component, const char *kind, borel_args args, void *table,
                            size_t table_size, borel_value **values, borel_error *error) {
  if (strcmp(component->kind, kind) != 0)
    return borel_fail(error, BOREL_ARG, "%s is of kind %s, but must be of kind %s", component->name,
                      component->kind, kind);
  uint32_t size;
  memcpy(&size, component->ops, sizeof size);
  memcpy(table, component->ops, size < table_size ? size : table_size);
  return borel_schema_check(component, args, values, error);
}

/* Looks at what `create` left behind: a status that names the component, a quiet floating-point environment.
 */
static borel_status created(const borel_component *component, borel_status status, unsigned environment,
                            borel_error *error) {
  const char *difference = borel_fpenv_difference(environment, borel_fpenv_get());
  borel_fpenv_set(environment);
  if (status == BOREL_OK && difference)
    return borel_fail(error, BOREL_ARG,
                      "%s: create %s in the floating-point environment, which is not its own",
                      component->name, difference);
  if (status == BOREL_REJECT) return borel_fail(error, BOREL_INTERNAL, "%s: create rejects", component->name);
  return status;
}

borel_status borel_kernel_create(const borel_component *component, borel_args args, borel_kernel **out,
                                 borel_error *error) {
  *out = NULL;
  borel_kernel *kernel = calloc(1, sizeof *kernel);
  if (!kernel) return borel_fail(error, BOREL_INTERNAL, "%s: no memory", component->name);
  kernel->component = component;
  kernel->ops = &kernel->table;
  borel_status status =
      prepare(component, BOREL_KERNEL, args, &kernel->table, sizeof kernel->table, &kernel->values, error);
  if (status != BOREL_OK) goto fail;
  const borel_field *info = kernel->table.info;
  while (info && info[kernel->info_count].name) kernel->info_count++;
  kernel->composition = borel_composition_of(component);
  if (kernel->composition) {
    kernel->self = (void *)(uintptr_t)kernel->composition;
    *out = kernel;
    return BOREL_OK;
  }
  unsigned environment = borel_fpenv_get();
  status = kernel->table.create(borel_host_table(), kernel->values, &kernel->self, error);
  status = created(component, status, environment, error);
  if (status != BOREL_OK) goto fail;
  if (kernel->table.fields) kernel->table.tuning = kernel->table.fields(kernel->self);
  *out = kernel;
  return BOREL_OK;

fail:
  borel_kernel_destroy(kernel);
  return status;
}

void borel_kernel_destroy(borel_kernel *kernel) {
  if (!kernel) return;
  if (kernel->self && !kernel->composition) kernel->table.destroy(borel_host_table(), kernel->self);
  borel_composition_destroy(kernel->owned);
  free(kernel->values);
  free(kernel);
}

borel_status borel_density_create(const borel_component *component, borel_args args, borel_density **out,
                                  borel_error *error) {
  *out = NULL;
  borel_density *density = calloc(1, sizeof *density);
  if (!density) return borel_fail(error, BOREL_INTERNAL, "%s: no memory", component->name);
  density->component = component;
  density->ops = &density->table;
  borel_status status = prepare(component, BOREL_DENSITY, args, &density->table, sizeof density->table,
                                &density->values, error);
  if (status != BOREL_OK) goto fail;
  unsigned environment = borel_fpenv_get();
  status = density->table.create(borel_host_table(), density->values, &density->self, error);
  status = created(component, status, environment, error);
  if (status != BOREL_OK) goto fail;
  *out = density;
  return BOREL_OK;

fail:
  borel_density_destroy(density);
  return status;
}

void borel_density_destroy(borel_density *density) {
  if (!density) return;
  if (density->self) density->table.destroy(borel_host_table(), density->self);
  free(density->values);
  free(density);
}

borel_status borel_resampler_create(const borel_component *component, borel_args args, borel_resampler **out,
                                    borel_error *error) {
  *out = NULL;
  borel_resampler *resampler = calloc(1, sizeof *resampler);
  if (!resampler) return borel_fail(error, BOREL_INTERNAL, "%s: no memory", component->name);
  resampler->component = component;
  resampler->ops = &resampler->table;
  borel_status status = prepare(component, BOREL_RESAMPLER, args, &resampler->table, sizeof resampler->table,
                                &resampler->values, error);
  if (status != BOREL_OK) goto fail;
  unsigned environment = borel_fpenv_get();
  status = resampler->table.create(borel_host_table(), resampler->values, &resampler->self, error);
  status = created(component, status, environment, error);
  if (status != BOREL_OK) goto fail;
  *out = resampler;
  return BOREL_OK;

fail:
  borel_resampler_destroy(resampler);
  return status;
}

void borel_resampler_destroy(borel_resampler *resampler) {
  if (!resampler) return;
  if (resampler->self) resampler->table.destroy(borel_host_table(), resampler->self);
  free(resampler->values);
  free(resampler);
}

static borel_status plain_blocks(const borel_kernel *kernel, const borel_layout *layout, size_t N,
                                 borel_kernel_blocks *blocks, borel_error *error) {
  borel_dims dims = borel_dims_of(layout, N, kernel->values);
  borel_status status = borel_block_create(kernel->table.tuning, &dims, &blocks->tuning, error);
  if (status == BOREL_OK) status = borel_block_create(kernel->table.state, &dims, &blocks->state, error);
  if (status == BOREL_OK) status = borel_block_create(kernel->table.scratch, &dims, &blocks->scratch, error);
  return status;
}

borel_status borel_kernel_blocks_create(const borel_kernel *kernel, const borel_layout *layout, size_t N,
                                        borel_kernel_blocks *blocks, borel_error *error) {
  *blocks = (borel_kernel_blocks){0};
  borel_status status =
      (kernel->composition ? borel_composition_blocks : plain_blocks)(kernel, layout, N, blocks, error);
  if (status == BOREL_OK) return BOREL_OK;
  borel_fail_within(error, "%s", kernel->component->name);
  borel_kernel_blocks_destroy(blocks);
  return status;
}

void borel_kernel_blocks_destroy(borel_kernel_blocks *blocks) {
  borel_block_destroy(blocks->tuning);
  borel_block_destroy(blocks->state);
  borel_block_destroy(blocks->scratch);
  for (size_t i = 0; i < blocks->view_count; i++) borel_block_view_destroy(blocks->views[i]);
  free(blocks->views);
  *blocks = (borel_kernel_blocks){0};
}

borel_context borel_kernel_context(const borel_kernel_blocks *blocks, borel_rng *rng,
                                   const borel_phase *phase) {
  return (borel_context){.size = sizeof(borel_context),
                         .host = borel_host_table(),
                         .rng = rng,
                         .phase = phase,
                         .tuning = (const void *const *)blocks->tuning->data,
                         .state = blocks->state->data,
                         .scratch = blocks->scratch->data};
}
