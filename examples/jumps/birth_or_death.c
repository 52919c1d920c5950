/* The birth and death of a change in change_points.lua: a segment of years with one rate becomes two, or two
 * become one. With a years before the change and b behind it, a log first + b log second = (a + b) log rate
 * and second / first = v.
 *
 *   cc -O2 -ffp-contract=off -shared -fPIC -I"$(borel plugins headers)" birth_or_death.c -o birth_or_death.so
 * -lm borel.involution("./birth_or_death.so", { places = 111 })         in a script, for rep.involutive */
#include <borel/plugin.h>

#include <math.h>
#include <string.h>

enum { PARAM_PLACES };
static const borel_param params[] = {{.name = "places",
                                      .type = BOREL_INT,
                                      .number = 9,
                                      .min = 1,
                                      .max = 1e6,
                                      .doc = "turns of years at which there may be a change"},
                                     {0}};

enum { ONE, TWO }; /* the sides: one rate around the place, or two */
static const borel_field one[] = {
    {.name = "change", .dtype = BOREL_I64, .dim = {BOREL_DIM_PARAM(PARAM_PLACES)}}, {.name = "first"}, {0}};
static const borel_field two[] = {
    {.name = "change", .dtype = BOREL_I64, .dim = {BOREL_DIM_PARAM(PARAM_PLACES)}},
    {.name = "first"},
    {.name = "second"},
    {0}};
static const borel_field birth[] = {{.name = "at", .dtype = BOREL_I64}, {.name = "v"}, {0}};
static const borel_field death[] = {{.name = "at", .dtype = BOREL_I64}, {0}};

typedef struct {
  size_t places;
} changes;

static borel_status create(const borel_host *host, const borel_value *values, void **self,
                           borel_error *error) {
  changes *c = host->allocate(1, sizeof *c);
  if (!c) return host->fail(error, BOREL_INTERNAL, "birth-or-death: no memory");
  c->places = (size_t)values[PARAM_PLACES].number;
  *self = c;
  return BOREL_OK;
}

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* b / (a + b); places are counted from 1, and 0 is the start of the years. */
static double share_behind(const double *change, size_t places, size_t at) {
  size_t before = at - 1, behind = at + 1;
  while (before > 0 && change[before - 1] == 0) before--;
  while (behind <= places && change[behind - 1] == 0) behind++;
  return (double)(behind - at) / (double)(behind - before);
}

/* The place, 0 when the numbers are not of this side. */
static size_t place_of(const changes *c, uint32_t side, const double *in) {
  double at = in[c->places + (side == ONE ? 1 : 2)];
  if (!(at >= 1 && at <= (double)c->places)) return 0;
  return in[(size_t)at - 1] == (side == ONE ? 0 : 1) ? (size_t)at : 0;
}

static borel_status map(const void *self, uint32_t side, const double *in, double *out, borel_error *error) {
  const changes *c = self;
  size_t n = c->places, at = place_of(c, side, in);
  (void)error;
  if (!at) return BOREL_REJECT;
  double share = share_behind(in, n, at);
  memcpy(out, in, n * sizeof *out);
  out[at - 1] = side == ONE ? 1 : 0;
  if (side == ONE) {
    out[n] = in[n] * pow(in[n + 2], -share);
    out[n + 1] = out[n] * in[n + 2];
    out[n + 2] = (double)at;
  } else {
    double v = in[n + 1] / in[n];
    out[n] = in[n] * pow(v, share);
    out[n + 1] = (double)at;
    out[n + 2] = v;
  }
  return BOREL_OK;
}

/* d(first, second) / d(rate, v) has the determinant rate v^(-2 share). */
static borel_status log_jacobian(const void *self, uint32_t side, const double *in, double *log_jacobian,
                                 borel_error *error) {
  const changes *c = self;
  size_t n = c->places;
  double share = share_behind(in, n, place_of(c, side, in));
  (void)error;
  *log_jacobian = side == ONE ? log(in[n]) - 2 * share * log(in[n + 2])
                              : share * log(in[n + 1]) - (1 + share) * log(in[n]);
  return BOREL_OK;
}

/* For tests: flags, a place, positive numbers. */
static borel_status draw(const void *self, uint32_t side, borel_rng *rng, double *in, borel_error *error) {
  const changes *c = self;
  size_t n = c->places, at = (size_t)rng->ops->uniform_int(rng, n);
  (void)error;
  for (size_t i = 0; i < n; i++) in[i] = rng->ops->bernoulli(rng, 0.3);
  in[at] = side == ONE ? 0 : 1;
  double *next = in + n;
  *next++ = rng->ops->gamma(rng, 2);
  if (side == TWO) *next++ = rng->ops->gamma(rng, 2);
  *next++ = (double)(at + 1);
  if (side == ONE) *next = rng->ops->gamma(rng, 2);
  return BOREL_OK;
}

static const borel_involution_ops ops = {.size = sizeof ops,
                                         .trace = {one, two},
                                         .auxiliary = {birth, death},
                                         .create = create,
                                         .destroy = destroy,
                                         .map = map,
                                         .log_jacobian = log_jacobian,
                                         .draw = draw};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_INVOLUTION,
                                          .name = "birth-or-death",
                                          .summary = "A change of a piecewise constant rate begins or ends",
                                          .reference = "Green 1995, Biometrika 82:711, section 4",
                                          .params = params,
                                          .ops = &ops};

static const borel_component *const components[] = {&component};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "birth-or-death",
                                                      .version = "0.1.0",   .licence = "MIT",
                                                      .component_count = 1, .components = components};
