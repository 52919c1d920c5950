/* my-density: a banana. x1 ~ N(0, scale^2), and x2 given x1 ~ N(bend * (x1^2 - scale^2), 1): a target written
 * by hand, with its gradient.
 *
 *   ./build.sh                                  builds my-density.so and tests it
 *   borel.infer(borel.density("./my-density.so"), { seed = 1 })          in a script */
#include <borel/plugin.h>

#include <math.h>

/* What a user may set, in this order in `create`. */
enum { PARAM_SCALE, PARAM_BEND };
static const borel_param params[] = {{.name = "scale",
                                      .type = BOREL_REAL,
                                      .number = 1,
                                      .min = 1e-100,
                                      .max = 1e100,
                                      .doc = "standard deviation of x1"},
                                     {.name = "bend",
                                      .type = BOREL_REAL,
                                      .number = 0.5,
                                      .min = -1e3,
                                      .max = 1e3,
                                      .doc = "how strongly x2 follows the square of x1"},
                                     {0}};

/* An instance: what follows from the parameters. It never changes, so many chains may share it. */
typedef struct {
  double scale, bend, constant;
} density;

/* The coordinates, by name. They have no bounds; a bounded quantity is written here as, say, exp(u), and its
 * log-Jacobian is added to the log-density. */
static const borel_site sites[] = {{.name = "x1", .block = BOREL_SITE_U, .offset = 0, .size = 1},
                                   {.name = "x2", .block = BOREL_SITE_U, .offset = 1, .size = 1}};
static const borel_layout layout = {
    .size = sizeof layout, .D = 2, .site_count = sizeof sites / sizeof *sites, .sites = sites};

static const borel_layout *layout_of(const void *self) {
  (void)self;
  return &layout;
}

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  density *d = host->allocate(1, sizeof *d);
  if (!d) return host->fail(error, BOREL_INTERNAL, "my-density: no memory");
  d->scale = values[PARAM_SCALE].number;
  d->bend = values[PARAM_BEND].number;
  d->constant = -log(2 * 3.14159265358979323846) - log(d->scale);
  *self = d;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* The log-density; `slope`, its gradient, may be NULL. */
static double evaluate(const density *d, const double *u, double *slope) {
  double x = u[0] / d->scale, rest = u[1] - d->bend * (u[0] * u[0] - d->scale * d->scale);
  if (slope) {
    slope[0] = -x / d->scale + rest * d->bend * 2 * u[0];
    slope[1] = -rest;
  }
  return d->constant - 0.5 * (x * x + rest * rest);
}

/* Outside of a support, return BOREL_REJECT or set *value to -INFINITY. */
static borel_status logdensity(const void *self, void *const *scratch, const double *u, const int64_t *z,
                               double *value, borel_error *error) {
  (void)scratch, (void)z, (void)error;
  *value = evaluate(self, u, NULL);
  return BOREL_OK;
}

static borel_status gradient(const void *self, void *const *scratch, const double *u, const int64_t *z,
                             double *value, double *slope, borel_error *error) {
  (void)scratch, (void)z, (void)error;
  *value = evaluate(self, u, slope);
  return BOREL_OK;
}

static const borel_density_ops ops = {.size = sizeof ops,
                                      .create = create,
                                      .destroy = destroy,
                                      .layout = layout_of,
                                      .logdensity = logdensity,
                                      .gradient = gradient};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_DENSITY,
                                          .name = "my-density",
                                          .summary = "A banana in two dimensions",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "my-density",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
