data {
  int<lower=1> N, J;
  array[N] int<lower=1, upper=J> county_idx;
  vector[N] log_uppm, floor_measure, log_radon;
}
transformed data {
  matrix[N, 2] X = append_col(log_uppm, floor_measure);
}
parameters {
  real<lower=0> sigma_alpha, sigma_y;
  real mu_alpha;
  vector[2] beta;
  vector[J] z;
}
transformed parameters {
  vector[J] alpha = mu_alpha + sigma_alpha * z;
}
model {
  sigma_alpha ~ std_normal();
  sigma_y ~ std_normal();
  mu_alpha ~ normal(0, 10);
  beta ~ normal(0, 10);
  z ~ std_normal();
  log_radon ~ normal_id_glm(X, alpha[county_idx], beta, sigma_y);
}
