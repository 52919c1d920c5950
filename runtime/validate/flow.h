/* SPDX-License-Identifier: MIT
 * Orbits of the flows along which kernels move, computed apart from what kernels use for it. */
#ifndef BOREL_VALIDATE_FLOW_H
#define BOREL_VALIDATE_FLOW_H

#include "validate/rig.h"

enum {
  BOREL_ORBIT_SIDE = 40, /* states computed on each side of state 0, which is number SIDE */
  BOREL_ORBIT_STATES = 2 * BOREL_ORBIT_SIDE + 1,
  BOREL_ORBIT_LONGEST = 15 /* steps that a transition may take */
};

/* What a kernel moves along, in coordinates y of its metric, u = L y, from normals n that it draws first. */
typedef enum {
  BOREL_FLOW_LEAPFROG,   /* (y, n): half a kick, a drift, half a kick */
  BOREL_FLOW_ISOKINETIC, /* the same for n / |n| on the unit sphere, with speed sqrt(D) */
  BOREL_FLOW_ELLIPSE,    /* (y - center, n) rotated by a fixed angle */
  BOREL_FLOWS
} borel_flow;

typedef struct {
  borel_flow flow;
  const borel_trial *trial;
  double step;   /* of leapfrog and isokinetic */
  size_t angles; /* of the ellipse: 2 pi / angles is the step */
  double L[BOREL_TRIAL_MAX][BOREL_TRIAL_MAX], center[BOREL_TRIAL_MAX];
  double q[BOREL_ORBIT_STATES][BOREL_TRIAL_MAX]; /* u */
  double n[BOREL_ORBIT_STATES][BOREL_TRIAL_MAX];
  double energy[BOREL_ORBIT_STATES]; /* -log of density of q times that of n times the volume of the flow */
  double lowest, strain; /* of energies; the most that a step shrinks or stretches directions, in logs */
  int low, high;         /* the states that exist; beyond is no density, or too little, or no room */
} borel_orbit;

/* Energies above that of state 0 where an orbit is cut, far beyond all that a kernel accepts, because steps
 * from such heights do not find back in floating point. */
#define BOREL_ORBIT_CUT 1e4

/* Gives the rig a metric, number `n` of some, in those of the fields scale [D], root [D, D], rank, directions
 * and stretch, center [D] that it has, and the orbit the same. 0 after filling `rig->error`. */
int borel_orbit_metric(borel_orbit *, borel_rig *rig, size_t n);
/* All states from q and n of state 0. Returns 0 when two of them might be taken for one another, or
 * when rounding grows too much along it. */
int borel_orbit_lay(borel_orbit *);
/* The state that is at q; -1: none. */
int borel_orbit_state_at(const borel_orbit *, const double *q);

#endif
