data {
  int<lower=0> N;
  vector[N] y;
}
transformed data {
  vector[2] start = [0.5, 0.5]'; // a constant factor: the first state has no law of its own
}
parameters {
  simplex[2] theta1, theta2;
  positive_ordered[2] mu;
}
model {
  matrix[2, N] emission;
  for (t in 1 : N) {
    emission[1, t] = normal_lpdf(y[t] | mu[1], 1);
    emission[2, t] = normal_lpdf(y[t] | mu[2], 1);
  }
  mu[1] ~ normal(3, 1);
  mu[2] ~ normal(10, 1);
  target += hmm_marginal(emission, append_row(theta1', theta2'), start);
}
