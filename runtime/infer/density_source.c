/* SPDX-License-Identifier: MIT */
#include "infer/density_source.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "host/density_target.h"

struct borel_density_source {
  borel_source source; /* first */
  borel_density *density;
  borel_value_info *values;
};

static borel_status source_open(const borel_source *source, borel_target **target, borel_error *error) {
  return borel_density_target_create(((const borel_density_source *)source)->density, target, error);
}

static void source_close(const borel_source *source, borel_target *target) {
  (void)source;
  borel_density_target_destroy(target);
}

static borel_status source_constrain(const borel_source *source, borel_target *target, const double *u,
                                     const int64_t *z, borel_rng *rng, double *out, borel_error *error) {
  (void)target, (void)rng, (void)error;
  for (size_t s = 0; s < source->layout->site_count; s++) {
    const borel_site *site = &source->layout->sites[s];
    for (size_t i = 0; i < site->size; i++)
      out[source->values[s].offset + i] =
          site->block == BOREL_SITE_U ? u[site->offset + i] : (double)z[site->offset + i];
  }
  return BOREL_OK;
}

borel_status borel_density_source_new(borel_density *density, borel_density_source **made,
                                      borel_error *error) {
  const borel_layout *layout = density->ops->layout(density->self);
  borel_density_source *s = calloc(1, sizeof *s);
  if (s) s->values = calloc(layout->site_count + 1, sizeof *s->values);
  if (!s || !s->values) {
    free(s);
    return borel_fail(error, BOREL_INTERNAL, "out of memory for a density");
  }
  s->density = density;
  s->source = (borel_source){.layout = layout,
                             .values = s->values,
                             .value_count = layout->site_count,
                             .open = source_open,
                             .close = source_close,
                             .constrain = source_constrain};
  for (size_t i = 0; i < layout->site_count; i++) {
    const borel_site *site = &layout->sites[i];
    s->values[i] = (borel_value_info){
        site->name, {site->size == 1 ? 0 : 1, {(int64_t)site->size}}, s->source.value_size, site->size};
    s->source.value_size += site->size;
  }
  *made = s;
  return BOREL_OK;
}

void borel_density_source_free(borel_density_source *s) {
  if (!s) return;
  borel_density_destroy(s->density);
  free(s->values);
  free(s);
}

const borel_source *borel_density_source_view(const borel_density_source *s) { return &s->source; }
