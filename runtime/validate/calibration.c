/* SPDX-License-Identifier: MIT
 * Two customary checks that decide nothing, because they hold only for chains long enough to forget their
 * start, and in the limit: simulation-based calibration (Talts et al. 2018, arXiv:1804.06788) and the joint
 * test of Geweke (2004, JASA 99:799). Of the first configuration, on laws with one mode. */
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/null_law.h"
#include "validate/sampling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DATA_SETS = 200, BURN_IN = 100, DRAWS = 19, THIN = 20, BINS = 10 };
enum { BATCHES = 50, BATCH = 400 };

/* Of all laws looked at. */
typedef struct {
  size_t laws, statistics;
  double extreme; /* smallest p-value, or largest |z| */
  char where[64];
} tally;

static void keep(tally *t, const borel_frozen *f, size_t statistic) {
  char name[24];
  borel_joint_statistic_name(f->joint, statistic, name);
  snprintf(t->where, sizeof t->where, "%s of %s", name, f->joint->name);
}

/* ---- simulation-based calibration ------------------------------------------------------------ */

/* Adds 1 to the bin of the rank of exact parameters among the draws of a chain that begins elsewhere. */
static borel_status one_data_set(borel_frozen *f, uint64_t i, size_t bins[BOREL_STATISTICS][BINS],
                                 size_t *count) {
  double exact[BOREL_STATISTICS], value[BOREL_STATISTICS], u[BOREL_TRIAL_MAX];
  int64_t z[BOREL_TRIAL_MAX];
  size_t below[BOREL_STATISTICS] = {0}, tied[BOREL_STATISTICS] = {0};
  borel_philox_rng rng;
  borel_frozen_rng(f, &rng, "sbc", 0, i);
  borel_frozen_draw(f, &rng.rng);
  *count = borel_frozen_statistics(f, exact);
  f->joint->draw_parameters(&rng.rng, u, z);
  borel_rig_reset(&f->rig, u, z);
  borel_status status = borel_frozen_steps(f, &rng.rng, BURN_IN);
  for (int l = 0; l < DRAWS && status == BOREL_OK; l++) {
    status = borel_frozen_steps(f, &rng.rng, THIN);
    borel_frozen_statistics(f, value);
    for (size_t t = 0; t < *count; t++) below[t] += value[t] < exact[t], tied[t] += value[t] == exact[t];
  }
  for (size_t t = 0; t < *count; t++)
    bins[t][(below[t] + rng.rng.ops->uniform_int(&rng.rng, tied[t] + 1)) * BINS / (DRAWS + 1)]++;
  return status;
}

static borel_status calibrate(borel_frozen *f, tally *t) {
  size_t bins[BOREL_STATISTICS][BINS] = {{0}}, count = 0;
  borel_status status = BOREL_OK;
  for (uint64_t i = 0; i < DATA_SETS && status == BOREL_OK; i++) status = one_data_set(f, i, bins, &count);
  for (size_t s = 0; s < count && status == BOREL_OK; s++) {
    const double expected = (double)DATA_SETS / BINS;
    double square = 0;
    for (int b = 0; b < BINS; b++) square += pow((double)bins[s][b] - expected, 2) / expected;
    double p = borel_chi_squared_p(square, BINS - 1);
    if (!t->statistics++ || p < t->extreme) t->extreme = p, keep(t, f, s);
  }
  t->laws += status == BOREL_OK;
  return status;
}

/* ---- the joint test -------------------------------------------------------------------------- */

typedef struct {
  double sum[2 * BOREL_STATISTICS], squares[2 * BOREL_STATISTICS]; /* of means of batches */
} means;

/* Means of one batch, of statistics and of their squares: steps and data in turn, or exact draws. */
static borel_status one_batch(borel_frozen *f, borel_rng *rng, int exact, means *m, size_t *count) {
  double sum[2 * BOREL_STATISTICS] = {0}, value[BOREL_STATISTICS];
  const borel_host_point *point = f->rig.point;
  borel_status status = BOREL_OK;
  for (int i = 0; i < BATCH && status == BOREL_OK; i++) {
    if (exact) {
      borel_frozen_draw(f, rng);
    } else {
      f->joint->draw_data(rng, point->u, point->z, f->data);
      borel_point_forget(&f->rig.point->view);
      status = borel_frozen_steps(f, rng, 1);
    }
    *count = borel_frozen_statistics(f, value);
    for (size_t t = 0; t < *count; t++) sum[2 * t] += value[t], sum[2 * t + 1] += value[t] * value[t];
  }
  for (size_t t = 0; t < 2 * *count; t++) {
    double mean = sum[t] / BATCH;
    m->sum[t] += mean;
    m->squares[t] += mean * mean;
  }
  return status;
}

static double variance_of_mean(const means *m, size_t t) {
  return (m->squares[t] - m->sum[t] * m->sum[t] / BATCHES) / (BATCHES - 1) / BATCHES;
}

static borel_status compare_joint(borel_frozen *f, tally *t) {
  means chain = {{0}, {0}}, draws = {{0}, {0}};
  size_t count = 0;
  borel_status status = BOREL_OK;
  borel_philox_rng rng;
  for (uint64_t i = 0; i < BATCHES; i++) {
    borel_frozen_rng(f, &rng, "joint draws", 0, i);
    status = one_batch(f, &rng.rng, 1, &draws, &count);
  }
  for (uint64_t i = 0; i < BATCHES && status == BOREL_OK; i++) {
    borel_frozen_rng(f, &rng, "joint chain", 0, i);
    status = one_batch(f, &rng.rng, 0, &chain, &count);
  }
  for (size_t s = 0; s < 2 * count && status == BOREL_OK; s++) {
    double error = sqrt(variance_of_mean(&chain, s) + variance_of_mean(&draws, s));
    double z = error == 0 ? 0 : fabs(chain.sum[s] - draws.sum[s]) / BATCHES / error;
    if (isnan(z)) z = INFINITY; /* the chain has gone where numbers end */
    if (!t->statistics++ || z > t->extreme) t->extreme = z, keep(t, f, s / 2);
  }
  t->laws += status == BOREL_OK;
  return status;
}

/* ---- all laws -------------------------------------------------------------------------------- */

/* Does the kernel move z, where there is one? Else its chains do not get about. */
static int moves_all(borel_frozen *f) {
  borel_philox_rng rng;
  const int64_t *z = f->rig.point->z;
  if (!f->joint->K) return 1;
  borel_frozen_rng(f, &rng, "moves", 0, 0);
  borel_frozen_draw(f, &rng.rng);
  borel_frozen_steps(f, &rng.rng, BURN_IN);
  return memcmp(z, f->drawn_z, f->joint->K * sizeof *z) != 0;
}

static void each_law(const borel_examination *e, const char *method,
                     borel_status (*check)(borel_frozen *, tally *), tally *t) {
  const borel_configuration *c = &e->configurations[0];
  for (size_t k = 0; k < borel_joint_count; k++) {
    const borel_joint *joint = &borel_joints[k];
    uint64_t key =
        borel_stream_child(borel_stream_child(borel_stream_root(e->tier->seed), method), joint->name);
    borel_frozen f;
    if (joint->modes) continue;
    borel_examination_doing(e, "%s on %s with %s", method, joint->name, c->text);
    borel_status status = borel_frozen_open(&f, e->component, borel_configuration_args(c), joint, key);
    if (status == BOREL_OK && moves_all(&f)) check(&f, t);
    borel_frozen_close(&f);
  }
}

void borel_examine_calibration(const borel_examination *e) {
  tally sbc = {0}, joint = {0};
  const char *text = e->configurations[0].text;
  each_law(e, "sbc", calibrate, &sbc);
  each_law(e, "geweke", compare_joint, &joint);
  if (sbc.laws)
    borel_examination_row(e, BOREL_REPORTED, BOREL_CLAIM_PRESERVES, "sbc",
                          "with %s: least of %zu p-values %.2g, %s; %d data sets on each of %zu laws, %d "
                          "draws, %d steps apart, "
                          "after %d steps; chains that mix slowly give small ones too",
                          text, sbc.statistics, sbc.extreme, sbc.where, DATA_SETS, sbc.laws, DRAWS, THIN,
                          BURN_IN);
  if (joint.laws)
    borel_examination_row(e, BOREL_REPORTED, BOREL_CLAIM_PRESERVES, "geweke",
                          "with %s: largest of %zu |z| %.2f, %s; %d batches of %d steps on each of %zu laws",
                          text, joint.statistics, joint.extreme, joint.where, BATCHES, BATCH, joint.laws);
}
