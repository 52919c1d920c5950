/* SPDX-License-Identifier: MIT
 * Involutions for tests: `branch` leads from one branch of a finite program to the other, `split` from one
 * number to two, without a log-Jacobian; `wrong-involution` is split with the fault that its parameter names.
 */
#include <borel/plugin.h>

#include <math.h>
#include <signal.h>

static void destroy(const borel_host *host, void *self) { host->release(self); }

/* ---- branch ------------------------------------------------------------------------------------ */

static const borel_field left[] = {
    {.name = "b", .dtype = BOREL_BOOL}, {.name = "c", .dtype = BOREL_I64}, {0}};
static const borel_field right[] = {{.name = "b", .dtype = BOREL_BOOL},
                                    {.name = "d", .dtype = BOREL_BOOL},
                                    {.name = "e", .dtype = BOREL_BOOL},
                                    {0}};

static borel_status create_plain(const borel_host *host, const borel_value *values, void **self,
                                 borel_error *error) {
  (void)values;
  *self = host->allocate(1, 1);
  return *self ? BOREL_OK : host->fail(error, BOREL_INTERNAL, "no memory");
}

/* b, c; d, e and b, d, e; c: the auxiliary numbers change places with those of the branch. */
static borel_status map_branch(const void *self, uint32_t side, const double *in, double *out,
                               borel_error *error) {
  (void)self, (void)error;
  if (in[0] != (side == 0 ? 1 : 0)) return BOREL_REJECT;
  out[0] = 1 - in[0];
  for (int i = 1; i < 4; i++) out[i] = side == 0 ? in[i == 3 ? 1 : i + 1] : in[i == 1 ? 3 : i - 1];
  return BOREL_OK;
}

static const borel_involution_ops branch_ops = {.size = sizeof branch_ops,
                                                .trace = {left, right},
                                                .auxiliary = {right + 1, left + 1},
                                                .create = create_plain,
                                                .destroy = destroy,
                                                .map = map_branch};
static const borel_component branch = {.size = sizeof branch,
                                       .kind = BOREL_INVOLUTION,
                                       .name = "branch",
                                       .summary = "From one branch to the other",
                                       .ops = &branch_ops};

/* ---- split ------------------------------------------------------------------------------------- */

enum {
  NONE,
  SHIFT,
  JACOBIAN,
  HALF,
  NAN_OUT,
  UNSET,
  FRACTION,
  COUNTER,
  NO_WAY_BACK,
  NOISY,
  NEVER,
  FAILS,
  FLAT,
  CRASH
};
static const borel_param params[] = {{.name = "fault",
                                      .type = BOREL_CHOICE,
                                      .choices =
                                          "none|shift|jacobian|half|nan|unset|fraction|counter|no_way_back|"
                                          "noisy|never|fails|flat|crash"},
                                     {0}};
static const borel_field one[] = {{.name = "two", .dtype = BOREL_BOOL}, {.name = "a"}, {0}};
static const borel_field two[] = {{.name = "two", .dtype = BOREL_BOOL}, {.name = "a"}, {.name = "b"}, {0}};
static const borel_field ratio[] = {{.name = "v"}, {0}};

typedef struct {
  int fault;
} split;

static borel_status create_split(const borel_host *host, const borel_value *values, void **self,
                                 borel_error *error) {
  split *s = host->allocate(1, sizeof *s);
  if (!s) return host->fail(error, BOREL_INTERNAL, "no memory");
  s->fault = values ? (int)values[0].number : NONE;
  *self = s;
  return BOREL_OK;
}

static borel_status spoil(int fault, uint32_t side, const double *in, double *out, borel_error *error) {
  static int calls;
  switch (fault) {
  case SHIFT: out[1] += 1e-6; break;
  case NAN_OUT: out[2] = NAN; break;
  case UNSET:
    if (side == 1) out[2] = NAN; /* as the host left it */
    break;
  case FRACTION: out[0] = 0.5; break;
  case COUNTER: out[1] *= calls++ % 2 ? 1 : 1 + 1e-12; break;
  case NO_WAY_BACK: return side == 0 ? BOREL_OK : BOREL_REJECT;
  case NOISY:
    if (in[1] > 0) return BOREL_OK;
    error->code = BOREL_DOMAIN;
    return BOREL_REJECT;
  case NEVER: return BOREL_REJECT;
  case FAILS: return BOREL_IO;
  case FLAT: out[1] = out[2]; break;
  case CRASH: raise(SIGSEGV); break;
  default: break;
  }
  return BOREL_OK;
}

/* a with v: a e^(-2 v) and b = e^(2 v). */
static borel_status map_split(const void *self, uint32_t side, const double *in, double *out,
                              borel_error *error) {
  if (in[0] != side || (side == 1 && !(in[2] > 0))) return BOREL_REJECT;
  out[0] = 1 - in[0];
  out[1] = side == 0 ? in[1] * exp(-2 * in[2]) : in[1] * in[2];
  out[2] = side == 0 ? exp(2 * in[2]) : log(in[2]) / 2;
  return spoil(((const split *)self)->fault, side, in, out, error);
}

/* d(a e^(-2 v), e^(2 v)) / d(a, v) = 2. */
static borel_status log_jacobian(const void *self, uint32_t side, const double *in, double *value,
                                 borel_error *error) {
  int fault = ((const split *)self)->fault;
  (void)in, (void)error;
  *value = (side == 0 ? 1 : -1) * log(fault == JACOBIAN ? 4 : 2);
  if (fault == HALF && side == 1) *value = 0;
  return BOREL_OK;
}

static const borel_involution_ops split_ops = {.size = offsetof(borel_involution_ops, log_jacobian),
                                               .trace = {one, two},
                                               .auxiliary = {ratio, NULL},
                                               .create = create_split,
                                               .destroy = destroy,
                                               .map = map_split};
static const borel_component plain_split = {.size = sizeof plain_split,
                                            .kind = BOREL_INVOLUTION,
                                            .name = "split",
                                            .summary = "One number or two, whose product is what was one",
                                            .ops = &split_ops};

static const borel_involution_ops wrong_ops = {.size = sizeof wrong_ops,
                                               .trace = {one, two},
                                               .auxiliary = {ratio, NULL},
                                               .create = create_split,
                                               .destroy = destroy,
                                               .map = map_split,
                                               .log_jacobian = log_jacobian};
static const borel_component wrong = {.size = sizeof wrong,
                                      .kind = BOREL_INVOLUTION,
                                      .name = "wrong-involution",
                                      .summary = "split with one fault",
                                      .params = params,
                                      .ops = &wrong_ops};

static const borel_component *const components[] = {&branch, &plain_split, &wrong};

BOREL_EXPORT const borel_plugin borel_plugin_entry = {BOREL_PLUGIN_HEAD,    .id = "test.involution",
                                                      .version = "0",       .licence = "MIT",
                                                      .component_count = 3, .components = components};
