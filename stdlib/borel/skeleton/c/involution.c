/* my-involution: one number becomes two, `low` = x - scale v and `high` = x + scale v with an auxiliary v, or
 * two become one: the middle, and half of their distance over scale.
 *
 *   ./build.sh                                  builds my-involution.so and tests that it is an involution
 *   rep.involutive { auxiliary = ..., involution = borel.involution("./my-involution.so", { scale = 1 }) }
 *                                               in a script, for a model with the sites "two" and "x", or
 * "two", "low" and "high"; names = function(trace, aux) gives others */
#include <borel/plugin.h>

#include <math.h>

/* What a user may set, in this order in `create`. */
enum { PARAM_SCALE };
static const borel_param params[] = {{.name = "scale",
                                      .type = BOREL_REAL,
                                      .number = 1,
                                      .min = 1e-100,
                                      .max = 1e100,
                                      .doc = "half of the distance where v is 1"},
                                     {0}};

/* The sides, and their numbers in the order in which `map` meets them: those of the trace, then the auxiliary
 * ones. Whole numbers have the dtype BOREL_BOOL or BOREL_I64, arrays their extents in `dim`. */
enum { ONE, TWO };
static const borel_field middle[] = {{.name = "two", .dtype = BOREL_BOOL}, {.name = "x"}, {0}};
static const borel_field drawn[] = {{.name = "v"}, {0}};
static const borel_field both[] = {
    {.name = "two", .dtype = BOREL_BOOL}, {.name = "low"}, {.name = "high"}, {0}};

/* An instance: what follows from the parameters. It never changes, so many threads may share it. */
typedef struct {
  double scale;
} split;

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  split *s = host->allocate(1, sizeof *s);
  if (!s) return host->fail(error, BOREL_INTERNAL, "my-involution: no memory");
  s->scale = values[PARAM_SCALE].number;
  *self = s;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* 0, x, v to 1, low, high and back. BOREL_REJECT says that the move does not apply there. */
static borel_status map(const void *self, uint32_t side, const double *in, double *out, borel_error *error) {
  const split *s = self;
  (void)error;
  if (in[0] != side) return BOREL_REJECT;
  out[0] = 1 - in[0];
  if (side == ONE) {
    out[1] = in[1] - s->scale * in[2];
    out[2] = in[1] + s->scale * in[2];
  } else {
    out[1] = 0.5 * (in[1] + in[2]);
    out[2] = 0.5 * (in[2] - in[1]) / s->scale;
  }
  return BOREL_OK;
}

/* The determinant of d(low, high) / d(x, v) is 2 scale. Without this function Borel takes differences. */
static borel_status log_jacobian(const void *self, uint32_t side, const double *in, double *value,
                                 borel_error *error) {
  const split *s = self;
  (void)in, (void)error;
  *value = side == ONE ? log(2 * s->scale) : -log(2 * s->scale);
  return BOREL_OK;
}

/* `borel validate` applies the map twice and compares the log-Jacobian with differences. */
static const borel_involution_ops ops = {.size = sizeof ops,
                                         .trace = {middle, both},
                                         .auxiliary = {drawn, NULL},
                                         .create = create,
                                         .destroy = destroy,
                                         .map = map,
                                         .log_jacobian = log_jacobian};
static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_INVOLUTION,
                                          .name = "my-involution",
                                          .summary = "One number or two",
                                          .reference = "Green 1995, Biometrika 82:711",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "my-involution",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
