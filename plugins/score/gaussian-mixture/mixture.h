/* SPDX-License-Identifier: MIT */
#ifndef GAUSSIAN_MIXTURE_H
#define GAUSSIAN_MIXTURE_H

#include <borel/diffusion.h>

#define LOG_SQRT_2PI 0.91893853320467274178

typedef struct {
  size_t D, K;
  double degrees;      /* of freedom of the noise; 0: normal */
  double *log_weights; /* [K] */
  double *means;       /* [K, D] */
  double *spread;      /* [K, D]: eigenvalues l of S_k */
  double *rotation; /* [K, D, D]: Q_k, column j is the eigenvector of eigenvalue j; NULL: S_k are multiples of
                       I */
  double *transposed; /* Q_k' */
  const borel_host *host;
} mixture;

#endif
