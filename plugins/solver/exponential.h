/* SPDX-License-Identifier: MIT
 *
 * exponential.h: what exponential integrators of the reverse equation share; solvers that predict at levels
 * of noise include it.
 *
 * With eta times the noise of the reverse diffusion (0: the equation without noise, 1: the reverse of the
 * process) a step from s to t, h = lambda_t - lambda_s, is
 *   data:  x_t = (sigma_t / sigma_s) e^{-eta h} x_s
 *              + (1 + eta) alpha_t int e^{(1 + eta)(l - lambda_t)} x0(l) dl + sigma_t sqrt(1 - e^{-2 eta h})
 * z noise: x_t = (alpha_t / alpha_s) x_s
 *              - (1 + eta) sigma_t int e^{lambda_t - l} eps(l) dl + sigma_t sqrt(eta (e^{2h} - 1)) z
 * which is exact. Solvers differ in how they replace the prediction by a polynomial in lambda through values
 * that they have. Between levels of which one is without noise, or without data, the interval is infinite and
 * no polynomial but the constant x0 will do: such a step is closed, of the first order.
 */
#ifndef BOREL_SOLVER_EXPONENTIAL_H
#define BOREL_SOLVER_EXPONENTIAL_H

#include <borel/diffusion.h>
#include <math.h>

#define EXPONENTIAL_PAST 8

/* x_t = keep x_s + scale * int e^{rate (l - lambda_t)} m(l) dl + noise z */
typedef struct {
  double keep, scale, rate, noise;
} exponential_step;

static inline exponential_step exponential_between(const borel_level *s, const borel_level *t,
                                                   borel_prediction predict, double eta) {
  double h = t->lambda - s->lambda, damping = eta > 0 ? eta * h : 0; /* h may be infinite */
  if (predict == BOREL_PREDICT_NOISE)
    return (exponential_step){.keep = exp(t->ln_alpha - s->ln_alpha),
                              .scale = -(1 + eta) * exp(t->ln_sigma),
                              .rate = -1,
                              .noise = exp(t->ln_sigma) * sqrt(eta > 0 ? eta * expm1(2 * h) : 0)};
  return (exponential_step){.keep = exp(t->ln_sigma - s->ln_sigma - damping),
                            .scale = (1 + eta) * exp(t->ln_alpha),
                            .rate = 1 + eta,
                            .noise = exp(t->ln_sigma) * sqrt(-expm1(-2 * damping))};
}

/* Predictions that a step may use, from the newest on. */
typedef struct {
  size_t count, capacity;
  double lambda[EXPONENTIAL_PAST];
  int32_t slot[EXPONENTIAL_PAST];
} exponential_past;

static inline exponential_past exponential_remember(borel_tape *tape, size_t capacity) {
  exponential_past past = {.capacity = capacity};
  for (size_t i = 0; i < capacity; i++) past.slot[i] = tape->ops->slot(tape, "past");
  return past;
}

/* Makes room for a new one in front of the others, in the slot of the oldest; returns that slot. */
static inline int32_t exponential_push(exponential_past *past, double lambda) {
  int32_t slot = past->slot[past->capacity - 1];
  for (size_t i = past->capacity - 1; i > 0; i--) {
    past->slot[i] = past->slot[i - 1];
    past->lambda[i] = past->lambda[i - 1];
  }
  past->slot[0] = slot;
  past->lambda[0] = lambda;
  if (past->count < past->capacity) past->count++;
  return slot;
}

/* to = keep x + scale * sum of weights[j] slots[j] */
static inline void exponential_combine(borel_tape *tape, const exponential_step *step, int32_t to, int32_t x,
                                       size_t n, const double *weights, const int32_t *slots) {
  double coefficients[EXPONENTIAL_PAST + 1] = {step->keep};
  int32_t from[EXPONENTIAL_PAST + 1] = {x};
  for (size_t j = 0; j < n; j++) {
    coefficients[j + 1] = step->scale * weights[j];
    from[j + 1] = slots[j];
  }
  tape->ops->combine(tape, to, n + 1, coefficients, from);
}

static inline int exponential_closed(const borel_level *s, const borel_level *t) {
  return isinf(s->lambda) || isinf(t->lambda);
}

/* The step of the first order from slot m, the prediction at s, and its mark. */
static inline void exponential_finish(borel_tape *tape, int32_t m, const borel_level *s, const borel_level *t,
                                      borel_prediction predict, double eta, borel_noise noise) {
  double h = t->lambda - s->lambda;
  exponential_step step = exponential_between(s, t, predict, eta);
  double share = predict == BOREL_PREDICT_NOISE /* h may be infinite: (1 + eta) sigma_t (1 - e^h) otherwise */
                     ? (1 + eta) * exp(t->ln_alpha - s->ln_alpha + s->ln_sigma) * expm1(-h)
                     : -exp(t->ln_alpha) * expm1(-(1 + eta) * h);
  tape->ops->combine(tape, BOREL_SLOT_X, 2, (double[]){step.keep, share}, (int32_t[]){BOREL_SLOT_X, m});
  if (step.noise > 0) tape->ops->noise(tape, BOREL_SLOT_X, step.noise, noise, s->lambda, t->lambda);
  tape->ops->mark(tape, t);
}

/* The same from x0 at s, predicted into the slot `room`. */
static inline void exponential_close(borel_tape *tape, int32_t room, const borel_level *s,
                                     const borel_level *t, double eta, borel_noise noise) {
  tape->ops->predict(tape, room, BOREL_SLOT_X, s, BOREL_PREDICT_DATA);
  exponential_finish(tape, room, s, t, BOREL_PREDICT_DATA, eta, noise);
}

#endif
