/* SPDX-License-Identifier: MIT
 * Calls of involutions, held to their interface. */
#ifndef BOREL_HOST_INVOLUTION_H
#define BOREL_HOST_INVOLUTION_H

#include "host/instance.h"

/* The side to which `side` is led. */
const borel_involution_side *borel_involution_other(const borel_involution *, size_t side);

/* `in` [size of the side] to `out` [size of the other side]. REJECT where the map does not apply. Errors:
 * DOMAIN when `out` holds no finite number somewhere, INTERNAL when a whole one has a fraction, both with the
 * name of the field; those of the map. [any thread] */
borel_status borel_involution_map(const borel_involution *, size_t side, const double *in, double *out,
                                  borel_error *);

/* log |det d out / d in| over continuous numbers, as the involution states it, with a doubt of 0, or else by
 * differences. Errors: DOMAIN where it is not finite, or differences leave a doubt above 1e-6; INTERNAL when
 * memory is short; those of the involution. [any thread] */
borel_status borel_involution_log_jacobian(const borel_involution *, size_t side, const double *in,
                                           double *log_jacobian, double *doubt, borel_error *);
/* The same by differences whatever it states; *doubt: how far the errors of the differences move it, to first
 * order. Columns of numbers at which no difference exists give a DOMAIN error. */
borel_status borel_involution_differences(const borel_involution *, size_t side, const double *in,
                                          double *log_jacobian, double *doubt, borel_error *);

#endif
