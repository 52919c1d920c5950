/* SPDX-License-Identifier: MIT
 *
 * gaussian: D independent normals, u[i] ~ N(mean[i], sd[i]^2), normalised. The smallest example of kind
 * density: a target written by hand, with its gradient. */
#include <borel/plugin.h>

#include <math.h>

enum { PARAM_MEAN, PARAM_SD };

static const borel_param params[] = {{.name = "mean",
                                      .type = BOREL_REALS,
                                      .min = -1e300,
                                      .max = 1e300,
                                      .doc = "one for each sd; zeros if left out"},
                                     {.name = "sd",
                                      .type = BOREL_REALS,
                                      .min = 1e-150,
                                      .max = 1e150,
                                      .required = 1,
                                      .doc = "standard deviations; their number is D"},
                                     {0}};

typedef struct {
  const double *mean, *sd; /* [D]; mean may be NULL: zeros */
  double constant;         /* log of the normaliser */
  borel_site site;
  borel_layout layout;
} gaussian;

static borel_status create(const borel_host *host, const borel_value *values, void **instance,
                           borel_error *error) {
  const borel_value *mean = &values[PARAM_MEAN], *sd = &values[PARAM_SD];
  if (mean->count && mean->count != sd->count)
    return host->fail(error, BOREL_ARG, "gaussian: %zu means, but %zu standard deviations", mean->count,
                      sd->count);
  gaussian *self = host->allocate(1, sizeof *self);
  if (!self) return host->fail(error, BOREL_INTERNAL, "gaussian: no memory");
  self->mean = mean->count ? mean->reals : NULL;
  self->sd = sd->reals;
  self->constant = -0.91893853320467274178 * (double)sd->count; /* -log(2 pi) / 2 each */
  for (size_t i = 0; i < sd->count; i++) self->constant -= log(sd->reals[i]);
  self->site = (borel_site){.name = "x", .block = BOREL_SITE_U, .offset = 0, .size = sd->count};
  self->layout = (borel_layout){
      .size = sizeof(borel_layout), .id = 0, .D = sd->count, .site_count = 1, .sites = &self->site};
  *instance = self;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *instance) { host->release(instance); }

static const borel_layout *layout(const void *instance) { return &((const gaussian *)instance)->layout; }

/* `slope` may be NULL. */
static double evaluate(const gaussian *self, const double *u, double *slope) {
  double sum = 0;
  for (size_t i = 0; i < self->layout.D; i++) {
    double scaled = (u[i] - (self->mean ? self->mean[i] : 0)) / self->sd[i];
    sum += scaled * scaled;
    if (slope) slope[i] = -scaled / self->sd[i];
  }
  return self->constant - 0.5 * sum;
}

static borel_status logdensity(const void *instance, void *const *scratch, const double *u, const int64_t *z,
                               double *out, borel_error *error) {
  (void)scratch, (void)z, (void)error;
  *out = evaluate(instance, u, NULL);
  return BOREL_OK;
}

static borel_status gradient(const void *instance, void *const *scratch, const double *u, const int64_t *z,
                             double *out, double *slope, borel_error *error) {
  (void)scratch, (void)z, (void)error;
  *out = evaluate(instance, u, slope);
  return BOREL_OK;
}

static const borel_density_ops ops = {
    .size = sizeof ops,
    .create = create,
    .destroy = destroy,
    .layout = layout,
    .logdensity = logdensity,
    .gradient = gradient,
};

static const borel_component component = {
    .size = sizeof component,
    .kind = BOREL_DENSITY,
    .name = "gaussian",
    .summary = "Independent normals",
    .params = params,
    .ops = &ops,
};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {
    BOREL_PLUGIN_HEAD, .id = "org.borel.gaussian", .version = "0.1.0",
    .licence = "MIT",  .component_count = 1,       .components = components,
};
