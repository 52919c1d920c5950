/* SPDX-License-Identifier: MIT
 * A standard normal in two dimensions that breaks the rule which its parameter names. */
#include <borel/plugin.h>

#include <math.h>
#include <sched.h>
#include <signal.h>

enum {
  NONE,
  LAYOUT,
  SLOPE,
  NUMBERS,
  COUNTER,
  SCRATCH,
  SHARED,
  INFINITE,
  ERROR_ON_REJECT,
  SWALLOWS_NAN,
  NOWHERE,
  CRASH
};

static const borel_param params[] = {
    {.name = "fault",
     .type = BOREL_CHOICE,
     .choices =
         "none|layout|slope|numbers|counter|scratch|shared|infinite|error_on_reject|swallows_nan|nowhere|"
         "crash"},
    {0}};

static const borel_field scratch_fields[] = {{.name = "room", .dtype = BOREL_F64, .dim = {BOREL_DIM_D}}, {0}};

typedef struct {
  int fault;
  volatile double shared[2];
  borel_site site;
  borel_layout layout;
} normal;

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  normal *n = host->allocate(1, sizeof *n);
  if (!n) return host->fail(error, BOREL_INTERNAL, "no memory");
  n->fault = (int)values[0].number;
  n->site = (borel_site){.name = "x", .block = BOREL_SITE_U, .offset = 0, .size = n->fault == LAYOUT ? 1 : 2};
  n->layout = (borel_layout){.size = sizeof(borel_layout), .D = 2, .site_count = 1, .sites = &n->site};
  *self = n;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

static const borel_layout *layout_of(const void *self) { return &((const normal *)self)->layout; }

static borel_status evaluate(const void *self, void *const *scratch, const double *u, double *value,
                             double *slope, borel_error *error) {
  static double calls;
  normal *n = (normal *)(uintptr_t)self; /* the fault SHARED: an instance that is written to */
  double x[2] = {u[0], u[1]};
  if (n->fault == CRASH) raise(SIGSEGV);
  if (n->fault == ERROR_ON_REJECT && u[0] > 1) {
    error->code = BOREL_REJECT;
    return BOREL_REJECT;
  }
  if (n->fault == SWALLOWS_NAN)
    for (int i = 0; i < 2; i++) x[i] = isnan(x[i]) ? 0 : x[i];
  if (n->fault == SHARED) {
    n->shared[0] = x[0], n->shared[1] = x[1];
    sched_yield(); /* lets another thread write here */
    x[0] = n->shared[0], x[1] = n->shared[1];
  }
  *value = -0.5 * (x[0] * x[0] + x[1] * x[1]);
  if (n->fault == COUNTER) *value += 1e-3 * calls++;
  if (n->fault == SCRATCH) *value += *(const double *)scratch[0] == 0 ? 1 : 0;
  if (n->fault == NUMBERS && slope) *value += 1e-6;
  if (n->fault == INFINITE && u[0] > 50) *value = INFINITY;
  if (n->fault == NOWHERE) *value = -INFINITY;
  for (int i = 0; slope && i < 2; i++) slope[i] = (n->fault == SLOPE ? -1.00001 : -1) * x[i];
  return BOREL_OK;
}

static borel_status logdensity(const void *self, void *const *scratch, const double *u, const int64_t *z,
                               double *value, borel_error *error) {
  (void)z;
  return evaluate(self, scratch, u, value, NULL, error);
}

static borel_status gradient(const void *self, void *const *scratch, const double *u, const int64_t *z,
                             double *value, double *slope, borel_error *error) {
  (void)z;
  return evaluate(self, scratch, u, value, slope, error);
}

static const borel_density_ops ops = {.size = sizeof ops,
                                      .scratch = scratch_fields,
                                      .create = create,
                                      .destroy = destroy,
                                      .layout = layout_of,
                                      .logdensity = logdensity,
                                      .gradient = gradient};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_DENSITY,
                                          .name = "wrong-density",
                                          .summary = "for a test",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "test",
                                                      .version = "0",       .licence = "MIT",
                                                      .component_count = 1, .components = components};
