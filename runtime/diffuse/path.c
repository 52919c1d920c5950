/* SPDX-License-Identifier: MIT */
#include "diffuse/path.h"

#include "core/error.h"

#include <math.h>

enum { PLACES = 1000 };

static void level_at(const borel_path *path, double t, borel_level *level) {
  level->t = t;
  path->process->ops->path(path->process->self, t, &level->ln_alpha, &level->ln_sigma);
  level->lambda = level->ln_alpha - level->ln_sigma;
}

static borel_status check_fall(const borel_path *path, borel_error *error) {
  const char *name = path->process->component->name;
  borel_level before, level;
  level_at(path, path->least, &before);
  if (isnan(before.lambda))
    return borel_fail(error, BOREL_ARG, "%s: lambda is not a number at t = %g", name, path->least);
  for (int i = 1; i <= PLACES; i++, before = level) {
    double t = i == PLACES ? path->most : path->least + (path->most - path->least) * i / PLACES;
    level_at(path, t, &level);
    if (!(level.lambda < before.lambda))
      return borel_fail(error, BOREL_ARG,
                        "%s: lambda must fall as noise grows, but is %.9g at t = %.9g and %.9g at t = %.9g",
                        name, before.lambda, before.t, level.lambda, t);
  }
  return BOREL_OK;
}

borel_status borel_path_open(const borel_process *process, borel_path *path, borel_error *error) {
  const borel_process_ops *ops = process->ops;
  const char *name = process->component->name;
  *path = (borel_path){.process = process};
  ops->domain(process->self, &path->least, &path->most);
  if (!isfinite(path->least) || !isfinite(path->most) || path->least == path->most)
    return borel_fail(error, BOREL_ARG, "%s: its times from %g to %g are no interval", name, path->least,
                      path->most);
  borel_status status = check_fall(path, error);
  if (status != BOREL_OK) return status;
  borel_level level;
  level_at(path, path->least, &level);
  path->lambda_of_least = level.lambda;
  level_at(path, path->most, &level);
  path->lambda_of_most = level.lambda;
  path->degrees = ops->degrees ? ops->degrees(process->self) : 0;
  path->prior_scale = ops->prior_scale ? ops->prior_scale(process->self) : exp(level.ln_sigma);
  path->shifted = ops->shifted && ops->shifted(process->self);
  path->indices = ops->indices ? ops->indices(process->self) : 0;
  if (!(path->prior_scale > 0 && isfinite(path->prior_scale)))
    return borel_fail(error, BOREL_ARG, "%s: the scale where a run begins is %g", name, path->prior_scale);
  if (!(path->degrees >= 0))
    return borel_fail(error, BOREL_ARG, "%s: degrees of freedom are %g", name, path->degrees);
  if (isinf(path->degrees)) path->degrees = 0;
  return BOREL_OK;
}

static double held(const borel_path *path, double t) {
  double low = fmin(path->least, path->most), high = fmax(path->least, path->most);
  return t < low ? low : t > high ? high : t;
}

void borel_path_at_time(const borel_path *path, double t, borel_level *level) {
  level_at(path, held(path, t), level);
}

/* Down to neighbouring numbers, 1100 halvings at most; lambda falls from `near` to `far`. */
static double bisect(const borel_path *path, double lambda) {
  double near = path->least, far = path->most;
  for (;;) {
    double middle = near + (far - near) / 2;
    if (middle == near || middle == far) return near;
    borel_level level;
    level_at(path, middle, &level);
    if (level.lambda > lambda)
      near = middle;
    else
      far = middle;
  }
}

void borel_path_at_lambda(const borel_path *path, double lambda, borel_level *level) {
  const borel_process *process = path->process;
  double t;
  if (lambda >= path->lambda_of_least)
    t = path->least;
  else if (lambda <= path->lambda_of_most)
    t = path->most;
  else
    t = process->ops->time ? held(path, process->ops->time(process->self, lambda)) : bisect(path, lambda);
  level_at(path, t, level);
}

void borel_path_slopes(const borel_path *path, double t, double *alpha, double *sigma) {
  const borel_process *process = path->process;
  if (process->ops->slopes) {
    process->ops->slopes(process->self, t, alpha, sigma);
    return;
  }
  /* The cube root of the rounding unit balances rounding and truncation. */
  double step = 6e-6 * fmax(fabs(t), 1e-3 * fabs(path->most - path->least));
  borel_level left, right;
  level_at(path, held(path, t - step), &left);
  level_at(path, held(path, t + step), &right);
  *alpha = (exp(right.ln_alpha) - exp(left.ln_alpha)) / (right.t - left.t);
  *sigma = (exp(right.ln_sigma) - exp(left.ln_sigma)) / (right.t - left.t);
}

/* ---- grids ------------------------------------------------------------------------------------ */

static borel_status grid_level(const borel_path *path, borel_grid_scale scale, double value,
                               borel_level *level, borel_error *error) {
  const char *word = scale == BOREL_GRID_TIME ? "t" : "lambda";
  double ends[2] = {path->least, path->most};
  if (scale == BOREL_GRID_LAMBDA) {
    ends[0] = path->lambda_of_least;
    ends[1] = path->lambda_of_most;
  }
  double low = fmin(ends[0], ends[1]), high = fmax(ends[0], ends[1]);
  double slack = 1e-9 * (isfinite(high - low) ? high - low : 1);
  if (!(value >= low - slack && value <= high + slack))
    return borel_fail(error, BOREL_ARG,
                      "grid: %s = %.9g is outside of the process %s, which reaches from %.9g to %.9g", word,
                      value, path->process->component->name, low, high);
  if (scale == BOREL_GRID_TIME)
    borel_path_at_time(path, value, level);
  else
    borel_path_at_lambda(path, value, level);
  return BOREL_OK;
}

/* Data without noise: alpha is that of the least noise, or 1 where the process goes all the way. */
static borel_level clean_level(const borel_path *path) {
  borel_level level;
  level_at(path, path->least, &level);
  double alpha = exp(level.ln_alpha), sigma = exp(level.ln_sigma);
  /* alpha^2 + sigma^2 = 1, alpha = 1 and alpha + sigma = 1 all have alpha = 1 at the end. */
  if (sigma > 0 && alpha > 0.5) level.ln_alpha = 0;
  level.ln_sigma = -INFINITY;
  level.lambda = INFINITY;
  return level;
}

borel_status borel_path_grid(const borel_path *path, borel_grid_scale scale, size_t n, const double *values,
                             int clean, borel_level *out, borel_error *error) {
  size_t points = n + (clean != 0);
  if (points < 2)
    return borel_fail(error, BOREL_ARG, "grid: a run has at least one step, from one level to another");
  for (size_t i = 0; i < n; i++) {
    borel_status status = grid_level(path, scale, values[i], &out[i], error);
    if (status != BOREL_OK) return status;
  }
  if (clean) out[n] = clean_level(path);
  int rises = out[1].lambda > out[0].lambda;
  for (size_t i = 1; i < points; i++) {
    if (out[i].lambda == out[i - 1].lambda)
      return borel_fail(error, BOREL_ARG,
                        "grid: levels %zu and %zu are the same, t = %.9g, lambda = %.9g; take fewer, or "
                        "others",
                        i, i + 1, out[i].t, out[i].lambda);
    if (rises != (out[i].lambda > out[i - 1].lambda))
      return borel_fail(
          error, BOREL_ARG,
          "grid: noise must fall, or rise, from level to level, but lambda is %.9g at level %zu and %.9g "
          "at level %zu",
          out[i - 1].lambda, i, out[i].lambda, i + 1);
  }
  return BOREL_OK;
}

void borel_path_native(const borel_path *path, borel_parametrisation native, const borel_level *level,
                       double *p, double *q) {
  double alpha = exp(level->ln_alpha), sigma = exp(level->ln_sigma);
  *p = *q = 0;
  switch (native) {
  case BOREL_NATIVE_DATA: *p = 1; break;
  case BOREL_NATIVE_NOISE: *q = 1; break;
  case BOREL_NATIVE_SCORE: *q = -1 / sigma; break;
  case BOREL_NATIVE_V:
    *p = -sigma;
    *q = alpha;
    break;
  default: borel_path_slopes(path, level->t, p, q); /* of the velocity */
  }
}
