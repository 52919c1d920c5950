data {
  int<lower=0> N;
  vector[N] x, y;
  real pmualpha, psalpha, pmubeta, psbeta;
}
transformed data {
  matrix[N, 1] X = to_matrix(x, N, 1);
}
parameters {
  real alpha, beta;
  real<lower=0> sigma;
}
model {
  alpha ~ normal(pmualpha, psalpha);
  beta ~ normal(pmubeta, psbeta);
  y ~ normal_id_glm(X, alpha, [beta]', sigma);
}
