/* SPDX-License-Identifier: MIT */
#include "host/claims.h"

void borel_claims_text(const borel_claims *claims, borel_text *out) {
  switch (claims->preserves) {
  case BOREL_PRESERVES_MEASURE: borel_text_printf(out, "preserves the target exactly"); break;
  case BOREL_PRESERVES_SCALE: borel_text_printf(out, "preserves the target up to its constant"); break;
  case BOREL_PRESERVES_ASYMPTOTIC: borel_text_printf(out, "preserves the target in a limit"); break;
  case BOREL_PRESERVES_ORDER:
    borel_text_printf(out, "preserves the target to order step^%g", claims->order);
    break;
  default: borel_text_printf(out, "claims nothing about the target");
  }
  if (claims->flags & BOREL_REVERSIBLE) borel_text_printf(out, "; reversible");
  if (claims->flags & BOREL_ERGODIC) borel_text_printf(out, "; ergodic");
  if (claims->flags & BOREL_FIXED_LAYOUT) borel_text_printf(out, "; keeps the layout");
  if (claims->flags & BOREL_LEAVES_Z) borel_text_printf(out, "; leaves z");
  if (claims->flags & BOREL_FLOOR_CEILING) borel_text_printf(out, "; offspring by floor or ceiling");
  if (claims->flags & BOREL_AT_MOST_MULTINOMIAL)
    borel_text_printf(out, "; varies no more than multinomial resampling");
  if (claims->flags & BOREL_LEAVES_U) borel_text_printf(out, "; leaves u");
  static const char *const checks[] = {"matrix", "orbit", "isokinetic", "ellipse"};
  const char *before = "; checks: ";
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
    if (claims->checks >> i & 1) {
      borel_text_printf(out, "%s%s", before, checks[i]);
      before = ", ";
    }
  if (claims->note && *claims->note) borel_text_printf(out, ". Note: %s", claims->note);
}

int borel_claims_leaves_z(const borel_claims *claims) {
  const uint32_t flows = BOREL_CHECK_ORBIT | BOREL_CHECK_ISOKINETIC | BOREL_CHECK_ELLIPSE;
  return claims->flags & BOREL_LEAVES_Z || claims->checks & flows;
}
