/* SPDX-License-Identifier: MIT
 * Weights of polynomials against exponentials: what solvers of differential equations plan with. */
#include "host/quadrature.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

static const borel_quadrature *q = &borel_quadrature_table;

static int close_to(double a, double b, double units) {
  return fabs(a - b) <= units * DBL_EPSILON * fmax(fabs(a), fabs(b));
}

/* Values of the series summed with 90 decimal digits. */
static const struct {
  unsigned k;
  double z, value;
} table[] = {{1, -60, 1.6666666666666666435e-02},   {1, -29.5, 3.3898305084740530668e-02},
             {1, -3, 3.1673764387737868287e-01},    {1, -1, 6.3212055882855766598e-01},
             {1, -0.25, 8.8479686771438048609e-01}, {1, 1e-9, 1.0000000005000000414e+00},
             {1, 0.7, 1.4482181535292522057e+00},   {1, 5, 2.9482631820515319276e+01},
             {1, 29, 1.3556325162562214661e+11},    {1, 40, 5.8846316709255000000e+15},
             {2, -60, 1.6388888888888890338e-02},   {2, -29.5, 3.2749209997127437521e-02},
             {2, -3, 2.2775411870754044830e-01},    {2, -1, 3.6787944117144233402e-01},
             {2, -0.25, 4.6081252914247788910e-01}, {2, 1e-9, 5.0000000016666668046e-01},
             {2, 0.7, 6.4031164789893169065e-01},   {2, 5, 5.6965263641030645658e+00},
             {2, 29, 4.6745948836076602936e+09},    {2, 40, 1.4711579177313746875e+14},
             {3, -60, 8.0601851851851858549e-03},   {3, -29.5, 1.5839009830605849105e-02},
             {3, -3, 9.0748627097486517235e-02},    {3, -1, 1.3212055882855766598e-01},
             {3, -0.25, 1.5674988343008844360e-01}, {3, 1e-9, 1.6666666670833332753e-01},
             {3, 0.7, 2.0044521128418810174e-01},   {3, 5, 1.0393052728206129132e+00},
             {3, 29, 1.6119292700371241570e+08},    {3, 40, 3.6778947943284243164e+12},
             {4, -60, 2.6434413580246913372e-03},   {4, -29.5, 5.1128019266461297715e-03},
             {4, -3, 2.5306013189726715706e-02},    {4, -1, 3.4546107838108991439e-02},
             {4, -0.25, 3.9667132946312938513e-02}, {4, 1e-9, 4.1666666674999998377e-02},
             {4, 0.7, 4.8255063739316345073e-02},   {4, 5, 1.7452772123078924560e-01},
             {4, 29, 5.5583767874843357131e+06},    {4, 40, 9.1947369858206436157e+10},
             {8, -60, 2.9566450333205413849e-06},   {8, -29.5, 5.4062254795584028727e-06},
             {8, -3, 1.8475177533369209248e-05},    {8, -1, 2.2298314299464454334e-05},
             {8, -0.25, 2.4129494207220241077e-05}, {8, 1e-9, 2.4801587304343035168e-05},
             {8, 0.7, 2.6874753041383041827e-05},   {8, 5, 5.0672925397834199892e-05},
             {8, 29, 7.8587866732008153647e+00},    {8, 40, 3.5916941344887032756e+04}};

Test(quadrature, phi_is_right_to_rounding) {
  /* 30 units: the rounding of a sum of 100 positive terms, or of 40 points of quadrature. */
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    cr_expect(close_to(q->phi(table[i].k, table[i].z), table[i].value, 30), "phi_%u(%g) = %.17g, not %.17g",
              table[i].k, table[i].z, q->phi(table[i].k, table[i].z), table[i].value);
  double factorial = 1;
  for (unsigned k = 0; k <= 8; k++, factorial *= k) cr_expect(close_to(q->phi(k, 0), 1 / factorial, 2));
  cr_expect(isnan(q->phi(9, 1)));
}

Test(quadrature, derivatives_of_polynomials_are_exact) {
  const double nodes[] = {0.3, -0.2, 1.1, 0.9};
  for (unsigned order = 0; order < 4; order++) {
    double w[4], sum = 0;
    q->derivative(4, nodes, 0.5, order, w);
    for (int j = 0; j < 4; j++) sum += w[j] * (1 + nodes[j] * (2 + nodes[j] * (-3 + nodes[j])));
    const double exact[] = {1 + 0.5 * (2 + 0.5 * (-3 + 0.5)), 2 - 6 * 0.5 + 3 * 0.25, -6 + 6 * 0.5, 6};
    /* The weights reach 1 / 0.2^order; what they multiply is about 1. */
    cr_expect(fabs(sum - exact[order]) < 1e-12, "order %u: %g", order, sum - exact[order]);
  }
}

Test(quadrature, integrals_against_exponentials_are_exact) {
  /* int_a^b e^{r (s - b)} s^2 ds in closed form */
  const double nodes[] = {1.0, 0.7, 0.2}, a = 1.0, b = 1.6;
  const double rates[] = {-7, -1, 1e-7, 0.5, 3, 40};
  for (int i = 0; i < 6; i++) {
    double r = rates[i], w[3], sum = 0;
    q->exponential(3, nodes, a, b, r, w);
    for (int j = 0; j < 3; j++) sum += w[j] * nodes[j] * nodes[j];
    double h = b - a, exact = 0;
    /* s = a + h v: the moments of v are h m! phi_{m+1}(-r h). */
    exact = h * (a * a * q->phi(1, -r * h) + 2 * a * h * q->phi(2, -r * h) + 2 * h * h * q->phi(3, -r * h));
    cr_expect(fabs(sum - exact) < 1e-13 * fabs(exact) * 10, "rate %g: %g and %g", r, sum, exact);
  }
}

static double decay(const void *rate, double s) { return exp(*(const double *)rate * (s - 1.6)); }

Test(quadrature, both_kinds_of_integral_agree) {
  const double nodes[] = {1.0, 0.7, 0.2, -0.1}, rate = 2.5;
  double exact[4], w[4];
  q->exponential(4, nodes, 1.0, 1.6, rate, exact);
  q->weighted(4, nodes, 1.0, 1.6, decay, &rate, w);
  for (int j = 0; j < 4; j++) cr_expect(fabs(w[j] - exact[j]) < 1e-13, "weight %d: %g", j, w[j] - exact[j]);
}

Test(quadrature, backwards_is_the_negative) {
  const double nodes[] = {1.0, 0.7};
  double forth[2], back[2];
  q->exponential(2, nodes, 1.0, 1.6, 0, forth);
  q->exponential(2, nodes, 1.6, 1.0, 0, back);
  for (int j = 0; j < 2; j++) cr_expect(fabs(forth[j] + back[j]) < 1e-14);
}

Test(quadrature, equal_nodes_give_nan_and_not_nonsense) {
  const double nodes[] = {1.0, 1.0};
  double w[2];
  q->exponential(2, nodes, 1.0, 1.6, 1, w);
  cr_expect(isnan(w[0]) && isnan(w[1]));
}

Test(quadrature, small_systems_are_solved) {
  double matrix[] = {0, 2, 1, 1, 1, 1, 3, 0, -1}, right[] = {7, 6, 0};
  cr_assert(q->solve(3, matrix, right)); /* y = (1, 2, 3) */
  for (int i = 0; i < 3; i++) cr_expect(fabs(right[i] - (i + 1)) < 1e-14);
  double singular[] = {1, 2, 2, 4}, both[] = {1, 2};
  cr_expect(!q->solve(2, singular, both));
}
