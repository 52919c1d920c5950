/* SPDX-License-Identifier: MIT
 * The rules of kind kernel, on chains of a short warm-up and some draws. */
#include "core/hash.h"
#include "random/source_philox.h"
#include "random/stream.h"
#include "validate/examination.h"
#include "validate/rig.h"

#include <stdio.h>
#include <string.h>

enum { WARMUP = 40, TOTAL = 90, AHEAD = 5, BREAKDOWNS = 12 };

typedef enum { TRUTH, FROZEN, DETERMINISTIC, SCRATCH, COPIES, FAILURES, LAYOUT, STAYS, STAYS_U, RULES } rule;
static const char *const rule_names[] = {
    "leaves a true point",     "tuning is frozen in a step", "deterministic",
    "scratch carries nothing", "copies continue alike",      "withstands failures",
    BOREL_CLAIM_LAYOUT,        BOREL_CLAIM_LEAVES_Z,         BOREL_CLAIM_LEAVES_U};

/* The rules of those only that claim them. */
static const uint32_t claimed[RULES] = {
    [LAYOUT] = BOREL_FIXED_LAYOUT, [STAYS] = BOREL_LEAVES_Z, [STAYS_U] = BOREL_LEAVES_U};

/* How often each rule was looked at, and what first broke it. */
typedef struct {
  size_t looked[RULES];
  char broken[RULES][320];
  size_t chains, moves;
  char unsuited[200];
} tally;

/* One configuration on one trial. */
typedef struct {
  const borel_examination *examination;
  const borel_configuration *configuration;
  const borel_trial *trial;
  borel_windows plan;
  tally *tally;
  uint64_t trace[TOTAL]; /* hash of everything after each step of the first run */
} chain;

static void breaks(chain *c, rule r, uint64_t iteration, const char *what) {
  char *broken = c->tally->broken[r];
  if (!*broken)
    snprintf(broken, sizeof c->tally->broken[r], "%.180s; on %s with %s, step %d", what, c->trial->name,
             c->configuration->text, (int)iteration);
}

static borel_status open_rig(chain *c, borel_rig *rig) {
  return borel_rig_open(rig, c->examination->component, borel_configuration_args(c->configuration), c->trial,
                        &c->plan);
}

static borel_status step(borel_rig *rig, uint64_t iteration) {
  borel_philox_rng rng;
  borel_philox_open(&rng, borel_stream_child(borel_stream_root(1), "step"), 0, iteration, 0, &rig->error);
  return borel_rig_step(rig, &rng.rng, iteration);
}

static uint64_t hash_point(const borel_rig *rig) {
  const borel_host_point *point = rig->point;
  uint64_t hash = borel_hash(point->u, point->view.D * sizeof *point->u, 0);
  return borel_hash(point->z, point->view.K * sizeof *point->z, hash);
}

static uint64_t hash_all(const borel_rig *rig) {
  uint64_t hash = hash_point(rig),
           blocks[2] = {borel_block_hash(rig->blocks.tuning), borel_block_hash(rig->blocks.state)};
  hash = borel_hash(rig->info, rig->kernel->info_count * sizeof *rig->info, hash);
  return borel_hash(blocks, sizeof blocks, hash);
}

/* The first run: every step succeeds, writes no tuning, and leaves a true point behind. */
static int first_run(chain *c) {
  borel_rig rig;
  int fine = open_rig(c, &rig) == BOREL_OK;
  for (uint64_t i = 0; fine && i < TOTAL; i++) {
    uint64_t frozen = borel_block_hash(rig.blocks.tuning), before = hash_point(&rig);
    fine = step(&rig, i) == BOREL_OK && borel_rig_is_true(&rig);
    if (!fine) breaks(c, TRUTH, i, rig.error.message);
    c->tally->moves += hash_point(&rig) != before;
    c->trace[i] = hash_all(&rig);
    c->tally->looked[STAYS] += c->trial->K > 0;
    if (memcmp(rig.point->z, c->trial->z, c->trial->K * sizeof *c->trial->z))
      breaks(c, STAYS, i, "a step changes z");
    c->tally->looked[STAYS_U] += c->trial->D > 0;
    if (memcmp(rig.point->u, c->trial->u, c->trial->D * sizeof *c->trial->u))
      breaks(c, STAYS_U, i, "a step changes u");
    if (i < WARMUP) continue;
    c->tally->looked[FROZEN]++;
    if (borel_block_hash(rig.blocks.tuning) != frozen)
      breaks(c, FROZEN, i, "a step after the warm-up changes the tuning");
    c->tally->looked[TRUTH]++;
    c->tally->looked[LAYOUT]++;
    if (rig.point->view.layout != 0 || rig.point->view.D != c->trial->D || rig.point->view.K != c->trial->K)
      breaks(c, LAYOUT, i, "a step changes the layout");
  }
  borel_rig_close(&rig);
  return fine;
}

/* The same again: equal bits, whatever lies in scratch. */
static void run_again(chain *c, rule r, int spoil, const char *what) {
  borel_rig rig;
  borel_status status = open_rig(c, &rig);
  rig.spoil = spoil;
  for (uint64_t i = 0; status == BOREL_OK && i < TOTAL; i++) {
    status = step(&rig, i);
    c->tally->looked[r]++;
    if (status == BOREL_OK && hash_all(&rig) == c->trace[i]) continue;
    breaks(c, r, i, what);
    break;
  }
  borel_rig_close(&rig);
}

/* Does a step end elsewhere when the state is that of a chain which has just begun here? */
static int state_matters(chain *c, borel_rig *rig, uint64_t iteration) {
  borel_rig fresh;
  int matters = 0;
  borel_block *state = rig->blocks.state;
  if (!state->bytes || open_rig(c, &fresh) != BOREL_OK) goto end;
  borel_block_copy(fresh.blocks.tuning, rig->blocks.tuning);
  borel_rig_reset(&fresh, rig->point->u, rig->point->z);
  if (step(&fresh, iteration) != BOREL_OK) goto end;
  uint64_t there = hash_point(&fresh);
  borel_rig_reset(&fresh, rig->point->u, rig->point->z);
  borel_block_copy(fresh.blocks.state, state);
  matters = step(&fresh, iteration) != BOREL_OK || hash_point(&fresh) != there;

end:
  if (state->bytes) borel_rig_close(&fresh);
  return matters;
}

/* Tuning, state and coordinates are all there is: put into other memory they continue with the same bits. */
static void continue_copy(chain *c, borel_rig *rig, uint64_t at) {
  borel_rig copy;
  if (open_rig(c, &copy) == BOREL_OK) {
    borel_point_set(copy.point, rig->point->u, rig->point->z);
    borel_block_copy(copy.blocks.tuning, rig->blocks.tuning);
    borel_block_copy(copy.blocks.state, rig->blocks.state);
    for (uint64_t i = at; i < at + AHEAD && i < TOTAL; i++) {
      c->tally->looked[COPIES]++;
      if (step(&copy, i) == BOREL_OK && hash_all(&copy) == c->trace[i]) continue;
      breaks(c, COPIES, i, "a copy of tuning, state and coordinates goes another way");
      break;
    }
  }
  borel_rig_close(&copy);
}

static void run_with_copies(chain *c) {
  borel_rig rig;
  borel_status status = open_rig(c, &rig);
  for (uint64_t i = 0; status == BOREL_OK && i < TOTAL; i++) {
    if (i % 17 == 3) continue_copy(c, &rig, i);
    if (i % 3 == 1 && i > WARMUP && state_matters(c, &rig, i)) c->examination->findings->remembers = 1;
    status = step(&rig, i);
  }
  borel_rig_close(&rig);
}

/* The target breaks down at evaluation k of a step. A NaN may count as a rejection, an IO error must come
 * back; either way the point stays true, and the next step is fine. */
static void run_broken(chain *c, borel_status failure) {
  for (uint64_t k = 1; k <= BREAKDOWNS; k++) {
    borel_rig rig;
    borel_status status = open_rig(c, &rig);
    if (status == BOREL_OK)
      status = borel_point_evaluate(&rig.target.target, &rig.point->view, BOREL_LOGDENSITY | BOREL_GRADIENT,
                                    &rig.error);
    if (status == BOREL_OK) {
      rig.target.failure = failure;
      rig.target.breaks_at = rig.target.evaluations + k;
      status = step(&rig, WARMUP + k);
      int broke = rig.target.evaluations >= rig.target.breaks_at;
      c->tally->looked[FAILURES] += (size_t)broke;
      if (broke && failure == BOREL_IO && status != BOREL_IO)
        breaks(c, FAILURES, k, "an error of the target does not come back from the step");
      if (status == BOREL_OK ? !borel_rig_is_true(&rig) : rig.error.code != status)
        breaks(c, FAILURES, k, status == BOREL_OK ? rig.error.message : "a failure without words");
      rig.error = (borel_error){0};
      rig.target.breaks_at = 0;
      if (step(&rig, WARMUP + k) != BOREL_OK || !borel_rig_is_true(&rig))
        breaks(c, FAILURES, k, rig.error.message);
    }
    borel_rig_close(&rig);
  }
}

static void examine_chain(chain *c) {
  borel_rig rig;
  borel_status status = open_rig(c, &rig);
  if (status == BOREL_OK) status = step(&rig, 0);
  snprintf(c->tally->unsuited, sizeof c->tally->unsuited, "%.199s", rig.error.message);
  borel_rig_close(&rig);
  if (status == BOREL_ARG) return; /* not for such a target */
  c->tally->chains++;
  if (!first_run(c)) return;
  run_again(c, DETERMINISTIC, 0xff, "a second run of the same steps differs");
  run_again(c, SCRATCH, 0, "other bytes in scratch give other results");
  run_with_copies(c);
  run_broken(c, BOREL_DOMAIN);
  run_broken(c, BOREL_IO);
}

void borel_examine_rules(const borel_examination *e) {
  tally t = {0};
  for (size_t i = 0; i < e->count; i++)
    for (size_t k = 0; k < borel_rule_trial_count; k++) {
      chain c = {e, &e->configurations[i], borel_rule_trials[k], borel_windows_plan(WARMUP, TOTAL), &t, {0}};
      borel_examination_doing(e, "steps on %s with %s", c.trial->name, c.configuration->text);
      examine_chain(&c);
    }
  for (int r = 0; r < RULES; r++) {
    if (claimed[r] && !(e->component->claims.flags & claimed[r])) continue;
    if (*t.broken[r])
      borel_examination_row(e, BOREL_FAILS, rule_names[r], "steps", "%s", t.broken[r]);
    else if (t.looked[r])
      borel_examination_row(e, BOREL_HOLDS, rule_names[r], "steps",
                            "looked %zu times, on %zu chains of %d steps", t.looked[r], t.chains, TOTAL);
    else
      borel_examination_row(e, BOREL_NOT_TESTED, rule_names[r], "steps", "%s",
                            t.chains ? "no step came to it" : t.unsuited);
  }
  if (t.looked[TRUTH] && !t.moves && e->component->claims.flags & BOREL_ERGODIC)
    borel_examination_row(e, BOREL_FAILS, BOREL_CLAIM_ERGODIC, "steps", "no step of %zu chains moved",
                          t.chains);
}
