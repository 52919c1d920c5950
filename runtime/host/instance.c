/* SPDX-License-Identifier: MIT */
#include "host/instance.h"

#include "core/array.h"
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

/* Instances of the other kinds are alike but for their ops, whose table has `create` at this offset. */
typedef borel_status (*create_op)(const borel_host *, const borel_value *, void **, borel_error *);

static borel_status instantiate(const borel_component *component, const char *kind, borel_args args,
                                void *table, size_t table_size, size_t create_at, borel_value **values,
                                void **self, borel_error *error) {
  borel_status status = prepare(component, kind, args, table, table_size, values, error);
  if (status != BOREL_OK) return status;
  create_op create;
  memcpy(&create, (const char *)table + create_at, sizeof create);
  unsigned environment = borel_fpenv_get();
  status = create(borel_host_table(), *values, self, error);
  return created(component, status, environment, error);
}

#define INSTANCES(type, KIND)                                                                                \
  borel_status borel_##type##_create(const borel_component *component, borel_args args, borel_##type **out,  \
                                     borel_error *error) {                                                   \
    *out = NULL;                                                                                             \
    borel_##type *made = calloc(1, sizeof *made);                                                            \
    if (!made) return borel_fail(error, BOREL_INTERNAL, "%s: no memory", component->name);                   \
    made->component = component;                                                                             \
    made->ops = &made->table;                                                                                \
    borel_status status =                                                                                    \
        instantiate(component, KIND, args, &made->table, sizeof made->table,                                 \
                    offsetof(borel_##type##_ops, create), &made->values, &made->self, error);                \
    if (status == BOREL_OK)                                                                                  \
      *out = made;                                                                                           \
    else                                                                                                     \
      borel_##type##_destroy(made);                                                                          \
    return status;                                                                                           \
  }                                                                                                          \
                                                                                                             \
  void borel_##type##_destroy(borel_##type *made) {                                                          \
    if (!made) return;                                                                                       \
    if (made->self) made->table.destroy(borel_host_table(), made->self);                                     \
    free(made->values);                                                                                      \
    free(made);                                                                                              \
  }

INSTANCES(density, BOREL_DENSITY)
INSTANCES(resampler, BOREL_RESAMPLER)
INSTANCES(process, BOREL_PROCESS)
INSTANCES(score, BOREL_SCORE)
INSTANCES(solver, BOREL_SOLVER)

static borel_status lay_out_list(const borel_involution *involution, const borel_field *list,
                                 borel_block **block, borel_involution_side *side, borel_error *error) {
  for (const borel_field *f = list; f && f->name; f++)
    for (int i = 0; i < 3; i++)
      if (f->dim[i] < 0 && f->dim[i] > BOREL_DIM_PARAM(0))
        return borel_fail(error, BOREL_ARG, "field %s: its extents are constants or parameters", f->name);
  borel_dims dims = {.values = involution->values};
  borel_status status = borel_block_create(list, &dims, block, error);
  for (size_t i = 0; status == BOREL_OK && i < (*block)->count; i++) {
    const borel_block_field *field = &(*block)->fields[i];
    size_t count = field->bytes / borel_dtype_size(field->dtype);
    side->size += count;
    if (field->dtype == BOREL_F64) side->continuous += count;
  }
  return status;
}

static borel_status lay_out_sides(borel_involution *involution, borel_error *error) {
  const borel_involution_ops *ops = &involution->table;
  borel_status status = BOREL_OK;
  involution->side_count = ops->trace[1] || ops->auxiliary[1] ? 2 : 1;
  for (size_t s = 0; s < involution->side_count && status == BOREL_OK; s++) {
    borel_involution_side *side = &involution->sides[s];
    status = lay_out_list(involution, ops->trace[s], &side->trace, side, error);
    if (status == BOREL_OK)
      status = lay_out_list(involution, ops->auxiliary[s], &side->auxiliary, side, error);
  }
  size_t here = involution->sides[0].continuous, there = involution->sides[1].continuous;
  if (status == BOREL_OK && involution->side_count == 2 && here != there)
    status = borel_fail(
        error, BOREL_ARG,
        "side 0 has %zu continuous numbers, side 1 has %zu: between them no map has an inverse", here, there);
  if (status != BOREL_OK) borel_fail_within(error, "%s", involution->component->name);
  return status;
}

borel_status borel_involution_create(const borel_component *component, borel_args args,
                                     borel_involution **out, borel_error *error) {
  *out = NULL;
  borel_involution *involution = calloc(1, sizeof *involution);
  if (!involution) return borel_fail(error, BOREL_INTERNAL, "%s: no memory", component->name);
  involution->component = component;
  involution->ops = &involution->table;
  borel_status status = prepare(component, BOREL_INVOLUTION, args, &involution->table,
                                sizeof involution->table, &involution->values, error);
  if (status != BOREL_OK) goto fail;
  status = lay_out_sides(involution, error);
  if (status != BOREL_OK) goto fail;
  unsigned environment = borel_fpenv_get();
  status = involution->table.create(borel_host_table(), involution->values, &involution->self, error);
  status = created(component, status, environment, error);
  if (status != BOREL_OK) goto fail;
  *out = involution;
  return BOREL_OK;

fail:
  borel_involution_destroy(involution);
  return status;
}

void borel_involution_destroy(borel_involution *involution) {
  if (!involution) return;
  if (involution->self) involution->table.destroy(borel_host_table(), involution->self);
  for (size_t s = 0; s < involution->side_count; s++) {
    borel_block_destroy(involution->sides[s].trace);
    borel_block_destroy(involution->sides[s].auxiliary);
  }
  free(involution->values);
  free(involution);
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
