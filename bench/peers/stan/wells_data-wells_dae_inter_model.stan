data {
  int<lower=0> N;
  array[N] int<lower=0, upper=1> switched;
  vector[N] dist, arsenic, educ;
}
transformed data {
  vector[N] c1 = (dist - mean(dist)) / 100;
  vector[N] c2 = arsenic - mean(arsenic);
  vector[N] c3 = (educ - mean(educ)) / 4;
  matrix[N, 6] x;
  x[ : , 1] = c1;
  x[ : , 2] = c2;
  x[ : , 3] = c3;
  x[ : , 4] = c1 .* c2;
  x[ : , 5] = c1 .* c3;
  x[ : , 6] = c2 .* c3;
}
parameters {
  real alpha;
  vector[6] beta;
}
model {
  switched ~ bernoulli_logit_glm(x, alpha, beta);
}
