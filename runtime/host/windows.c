/* SPDX-License-Identifier: MIT */
#include "host/windows.h"

borel_windows borel_windows_plan(uint64_t warmup, uint64_t total) {
  borel_windows plan = {.warmup = warmup, .total = total, .start = warmup, .end = warmup, .base = 0};
  if (warmup < 20) return plan;
  uint64_t first = 75, last = 50;
  plan.base = 25;
  if (first + plan.base + last > warmup) {
    first = (uint64_t)(0.15 * (double)warmup);
    last = (uint64_t)(0.1 * (double)warmup);
    plan.base = warmup - first - last;
  }
  plan.start = first;
  plan.end = warmup - last;
  return plan;
}

/* Is `iteration`, inside the slow part, the last of its window? A window that would leave less than twice its
 * length to the next one takes the rest. */
static int ends_window(const borel_windows *plan, uint64_t iteration) {
  uint64_t length = plan->base;
  for (uint64_t start = plan->start; start < plan->end; length *= 2) {
    uint64_t stop = start + length;
    if (plan->end - start < length || plan->end - stop < 2 * length) stop = plan->end;
    if (iteration < stop) return iteration + 1 == stop;
    start = stop;
  }
  return 0;
}

borel_phase borel_windows_phase(const borel_windows *plan, uint64_t iteration, uint64_t lanes) {
  borel_phase phase = {.size = sizeof phase,
                       .iteration = iteration,
                       .warmup = plan->warmup,
                       .total = plan->total,
                       .lanes = lanes};
  phase.warming = iteration < plan->warmup;
  phase.slow = iteration >= plan->start && iteration < plan->end;
  phase.window_end = phase.slow && ends_window(plan, iteration);
  return phase;
}
