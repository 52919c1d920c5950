data {
  int<lower=0> N, K;
  vector[N] u, v;
  matrix[K, K] alpha;
}
transformed data {
  vector[2] start = [0.5, 0.5]'; // a constant factor: the first state has no law of its own
}
parameters {
  simplex[2] theta1, theta2;
  positive_ordered[2] phi, lambda;
}
model {
  matrix[2, N] emission;
  for (k in 1 : 2) {
    emission[k] = (log(phi[k]) + log(lambda[k]) - phi[k] * u - lambda[k] * v)';
  }
  theta1 ~ dirichlet(alpha[1]');
  theta2 ~ dirichlet(alpha[2]');
  phi[1] ~ std_normal();
  phi[2] ~ normal(3, 1);
  lambda[1] ~ std_normal();
  lambda[2] ~ normal(3, 1);
  target += hmm_marginal(emission, append_row(theta1', theta2'), start);
}
