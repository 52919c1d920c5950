/* SPDX-License-Identifier: MIT
 * Regions of numbers. Small carries, captured values and results become numbers, one each; captured values
 * become arguments when the body turns out to need them. What a scan takes from its sequences and stacks over
 * its steps stays as it is: a step reads and writes its elements where they are. */
#include <stdlib.h>
#include <string.h>

#include "graph/scalarise.h"

typedef struct {
  borel_scalariser *around, in[2];
  borel_node node; /* of before */
  borel_node_info info;
  const borel_region *old[2];
  borel_region *made; /* the region in the making */
  borel_bridge bridge;
  borel_node *inputs; /* [inputs]: of the body of before, then of the other one */
  borel_result_place *results;
  size_t total;
} making;

static borel_node argument(const making *m, size_t k) {
  return borel_graph_args(m->around->from, m->node)[k];
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* Input k of the body of a scan, a carry or an element of a sequence, is fed by argument k. */
static int feed_fixed(making *m, size_t k, int as_numbers) {
  borel_node arg = argument(m, k), input = m->inputs[k];
  borel_scalariser *in = &m->in[0];
  const borel_shape *shape = &borel_graph_at(in->from, input)->shape;
  if (as_numbers && borel_scalarise_is_small(in, shape)) {
    int64_t n = borel_shape_size(shape);
    if (!(in->parts[input] = malloc((size_t)n * sizeof *in->parts[input]))) return 0;
    for (int64_t i = 0; i < n; i++) {
      int at = borel_bridge_add(&m->bridge, borel_scalarise_part(m->around, arg, i), &(borel_shape){0});
      if (at < 0) return 0;
      in->parts[input][i] = m->bridge.inner[0][at];
    }
    return 1;
  }
  int at = borel_bridge_add(&m->bridge, borel_scalarise_whole(m->around, arg), shape);
  if (at >= 0) in->whole[input] = m->bridge.inner[0][at];
  return at >= 0;
}

/* Input k of both bodies is a captured value, argument `arg` of before. */
static int feed_captured(making *m, size_t k, borel_node arg) {
  size_t inputs = borel_graph_inputs(m->old[0]->body);
  for (int b = 0; b < m->bridge.bodies; b++) {
    borel_scalariser *in = &m->in[b];
    borel_node input = m->inputs[(size_t)b * inputs + k];
    in->outside[input] = 1;
    if (!m->around->parts[arg]) {
      if ((in->whole[input] = borel_scalarise_whole(m->around, arg)) == BOREL_NO_NODE) return 0;
      continue;
    }
    int64_t n = borel_shape_size(&borel_graph_at(in->from, input)->shape);
    if (!(in->parts[input] = malloc((size_t)n * sizeof *in->parts[input]))) return 0;
    for (int64_t i = 0; i < n; i++)
      if ((in->parts[input][i] = borel_scalarise_part(m->around, arg, i)) == BOREL_NO_NODE) return 0;
  }
  return 1;
}

/* A solver reads the arguments as they are, and writes the inputs. */
static int feed_ode(making *m) {
  for (size_t k = 0; k < borel_graph_inputs(m->old[0]->body); k++) {
    const borel_node_info *input = borel_graph_at(m->old[0]->body, m->inputs[k]);
    borel_node made = borel_graph_input(m->made->body, input->dtype, &input->shape);
    if ((m->in[0].whole[m->inputs[k]] = made) == BOREL_NO_NODE) return 0;
  }
  return 1;
}

static int feed(making *m) {
  if (m->info.op == BOREL_OP_ODE) return feed_ode(m);
  const borel_region *old = m->old[0];
  size_t inputs = borel_graph_inputs(old->body), fixed = old->carries + old->sequences;
  size_t first = m->info.op == BOREL_OP_COND ? 1 : 0;
  for (size_t k = 0; k < fixed; k++)
    if (!feed_fixed(m, k, k < old->carries)) return 0;
  m->bridge.fixed = m->bridge.count;
  for (size_t k = fixed; k < inputs; k++)
    if (!feed_captured(m, k, argument(m, first + k))) return 0;
  return 1;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static size_t most_outputs(const making *m) {
  size_t most = 3 + m->total;
  for (size_t k = 0; k < m->old[0]->output_count; k++) {
    int64_t size = borel_shape_size(&borel_graph_at(m->old[0]->body, m->old[0]->outputs[k])->shape);
    most += size > 1 && size <= m->in[0].most ? (size_t)size : 1;
  }
  return most;
}

/* Appends node i of the body of before: as numbers, or as one value. */
static int put(making *m, int body, borel_node i, int as_numbers) {
  borel_region *to = body ? m->made->otherwise : m->made;
  const borel_shape *shape = &borel_graph_at(m->in[body].from, i)->shape;
  int64_t n = as_numbers && shape->rank > 0 && borel_scalarise_is_small(&m->in[body], shape)
                  ? borel_shape_size(shape)
                  : 0;
  if (n == 0) to->outputs[to->output_count++] = borel_scalarise_whole(&m->in[body], i);
  for (int64_t k = 0; k < n; k++) to->outputs[to->output_count++] = borel_scalarise_part(&m->in[body], i, k);
  for (size_t k = 0; k < to->output_count; k++)
    if (to->outputs[k] == BOREL_NO_NODE) return 0;
  return 1;
}

/* Result `which` of before is the next output. */
static int put_result(making *m, size_t which, borel_node i, int as_numbers) {
  size_t first = m->made->output_count;
  if (!put(m, 0, i, as_numbers)) return 0;
  int is_number = borel_graph_at(m->in[0].from, i)->shape.rank == 0;
  size_t count = m->made->output_count - first;
  int listed = as_numbers && !is_number &&
               borel_scalarise_is_small(&m->in[0], &borel_graph_at(m->in[0].from, i)->shape);
  m->results[which] = (borel_result_place){(int64_t)first, listed ? (int64_t)count : 0};
  return 1;
}

static int put_scan(making *m, const uint8_t *read) {
  const borel_region *old = m->old[0];
  for (size_t k = 0; k < old->carries; k++)
    if (!put_result(m, k, old->outputs[k], 1)) return 0;
  m->made->carries = m->made->output_count;
  for (size_t k = old->carries; k < old->output_count; k++)
    if (read[k] && !put_result(m, k, old->outputs[k], 0)) return 0;
  for (size_t k = 0; k < old->carries; k++) /* carries before the step, stacked as arrays */
    if (read[old->output_count + k] && m->results[k].count > 0 &&
        !put_result(m, old->output_count + k, m->inputs[k], 0))
      return 0;
  for (size_t k = 0; k < old->carries; k++)
    if (m->results[k].count == 0)
      m->results[old->output_count + k].first = (int64_t)m->made->output_count + m->results[k].first;
  return 1;
}

static int put_outputs(making *m) {
  uint8_t *read = calloc(m->total + 1, 1);
  if (!read) return 0;
  for (borel_node i = m->node; i < m->around->nodes; i++)
    if (m->around->used[i] && borel_graph_at(m->around->from, i)->op == BOREL_OP_PROJECT &&
        borel_graph_args(m->around->from, i)[0] == m->node)
      read[borel_graph_at(m->around->from, i)->attr] = 1;
  int done = 1;
  if (m->info.op == BOREL_OP_SCAN) {
    done = put_scan(m, read);
  } else {
    for (size_t k = 0; k < m->old[0]->output_count && done; k++) {
      done = put_result(m, k, m->old[0]->outputs[k], m->info.op == BOREL_OP_COND);
      if (done && m->bridge.bodies == 2) done = put(m, 1, m->old[1]->outputs[k], 1);
    }
  }
  free(read);
  return done;
}

/* ---- the region ------------------------------------------------------------------------------ */

static int begin(making *m) {
  const borel_region *old = m->old[0];
  size_t inputs = borel_graph_inputs(old->body);
  borel_region *made[2] = {m->made = calloc(1, sizeof *m->made), NULL};
  m->results = malloc((m->total + 1) * sizeof *m->results);
  m->inputs = malloc((2 * inputs + 1) * sizeof *m->inputs);
  if (!made[0] || !m->results || !m->inputs) return 0;
  if (m->old[1] && !(made[1] = made[0]->otherwise = calloc(1, sizeof *made[1]))) return 0;
  for (size_t k = 0; k < m->total; k++) m->results[k] = (borel_result_place){-1, 0};
  for (int b = 0; b < m->bridge.bodies; b++) {
    int begun =
        borel_scalariser_begin(&m->in[b], m->old[b]->body, m->old[b]->outputs, m->old[b]->output_count);
    m->bridge.body[b] = made[b]->body = m->in[b].to; /* to be freed with the region */
    if (!begun || !(made[b]->outputs = malloc(most_outputs(m) * sizeof *made[b]->outputs))) return 0;
    for (borel_node i = 0; i < m->in[b].nodes; i++)
      if (borel_graph_at(m->in[b].from, i)->op == BOREL_OP_INPUT)
        m->inputs[(size_t)b * inputs + (size_t)borel_graph_at(m->in[b].from, i)->attr] = i;
  }
  made[0]->reverse = old->reverse;
  made[0]->sequences = old->sequences;
  if (!old->ode) return 1;
  size_t bytes = sizeof *old->ode + m->info.arg_count * sizeof *old->ode->first;
  if ((made[0]->ode = malloc(bytes))) memcpy(made[0]->ode, old->ode, bytes);
  return made[0]->ode != NULL;
}

static void end(making *m) {
  for (int b = 0; b < m->bridge.bodies; b++) borel_scalariser_end(&m->in[b]);
  free(m->bridge.outer);
  free(m->bridge.inner[0]);
  free(m->bridge.inner[1]);
  free(m->inputs);
  free(m->results);
  borel_region_free(m->made);
}

/* The node, from the arguments that the bodies turned out to need. */
static borel_node finish(making *m) {
  borel_bridge *b = &m->bridge;
  int cond = m->info.op == BOREL_OP_COND, ode = m->info.op == BOREL_OP_ODE;
  size_t count = ode ? m->info.arg_count : b->count + (size_t)cond;
  borel_node made = BOREL_NO_NODE, *args = malloc((count + 1) * sizeof *args);
  if (!args) return BOREL_NO_NODE;
  for (size_t k = 0; k < count; k++)
    args[k] = ode || (cond && k == 0) ? borel_scalarise_whole(m->around, argument(m, k))
                                      : b->outer[k - (size_t)cond];
  for (borel_region *r = m->made; r; r = r->otherwise)
    r->captured = ode ? m->old[0]->captured : b->count - b->fixed;
  borel_region *region = m->made;
  m->made = NULL; /* the graph's now */
  made = borel_graph_region(m->around->to, m->info.op, region, args, count, m->around->error);
  free(args);
  return made;
}

borel_status borel_scalarise_region_to(borel_scalariser *s, borel_node i, int64_t most, size_t *growth) {
  making m = {.around = s, .node = i, .info = *borel_graph_at(s->from, i)};
  m.old[0] = m.info.region;
  m.old[1] = m.info.region->otherwise;
  m.total = borel_region_results(&m.info);
  if (m.info.op == BOREL_OP_ODE && m.total < 3) m.total = 3;
  m.bridge = (borel_bridge){.around = s, .bodies = m.old[1] ? 2 : 1, .hoist = m.info.op == BOREL_OP_SCAN};
  for (int b = 0; b < m.bridge.bodies; b++)
    m.in[b] = (borel_scalariser){.most = most,
                                 .around = s,
                                 .bridge = m.info.op == BOREL_OP_ODE ? NULL : &m.bridge,
                                 .branch = b,
                                 .error = s->error};
  borel_status status = BOREL_INTERNAL;
  if (!begin(&m) || !feed(&m)) goto done;
  for (int b = 0; b < m.bridge.bodies; b++)
    if (borel_scalariser_run(&m.in[b])) goto done;
  if (!put_outputs(&m)) goto done;
  *growth = 0;
  for (const borel_region *made = m.made, *old = m.old[0]; made;
       made = made->otherwise, old = old->otherwise) {
    size_t before = borel_scalarise_count(old->body, old->outputs, old->output_count),
           after = borel_scalarise_count(made->body, made->outputs, made->output_count);
    if (after > before) *growth += after - before;
  }
  if ((s->whole[i] = finish(&m)) == BOREL_NO_NODE) goto done;
  free(s->results[i]);
  s->results[i] = m.results;
  m.results = NULL;
  status = BOREL_OK;
done:
  end(&m);
  return status;
}

borel_status borel_scalarise_region(borel_scalariser *s, borel_node i) {
  enum { GROWTH = 256 };
  static const int64_t sizes[] = {16, 8, 4, 2, 0};
  size_t growth = 0;
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    borel_status status = borel_scalarise_region_to(s, i, sizes[k], &growth);
    if (status || growth <= GROWTH) return status;
  }
  return BOREL_OK;
}
