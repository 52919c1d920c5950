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
  if (claims->checks)
    borel_text_printf(out, "; checks: %s%s%s", claims->checks & BOREL_CHECK_MATRIX ? "matrix" : "",
                      claims->checks == (BOREL_CHECK_MATRIX | BOREL_CHECK_ORBIT) ? ", " : "",
                      claims->checks & BOREL_CHECK_ORBIT ? "orbit" : "");
  if (claims->note && *claims->note) borel_text_printf(out, ". Note: %s", claims->note);
}
