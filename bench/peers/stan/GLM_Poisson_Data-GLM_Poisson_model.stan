data {
  int<lower=0> n;
  array[n] int<lower=0> C;
  vector[n] year;
}
transformed data {
  matrix[n, 3] X = append_col(append_col(year, year ^ 2), year ^ 3);
}
parameters {
  real<lower=-20, upper=20> alpha;
  real<lower=-10, upper=10> beta1, beta2, beta3;
}
model {
  C ~ poisson_log_glm(X, alpha, [beta1, beta2, beta3]');
}
