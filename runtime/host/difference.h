/* SPDX-License-Identifier: MIT
 * Derivatives by differences. */
#ifndef BOREL_HOST_DIFFERENCE_H
#define BOREL_HOST_DIFFERENCE_H

/* f'(x) by central differences at halved distances, extrapolated to distance 0 (Ridders 1982, Adv. Eng.
 * Softw. 4:75), where f gives NaN outside of its domain. *error: how far neighbouring extrapolations differ,
 * infinity when no difference is a number. */
double borel_difference(double (*f)(void *context, double x), void *context, double x, double *error);
/* The same with the first distance given; the last one is 256 times smaller. */
double borel_difference_from(double (*f)(void *context, double x), void *context, double x, double distance,
                             double *error);

#endif
