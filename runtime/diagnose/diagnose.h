/* SPDX-License-Identifier: MIT
 *
 * diagnose.h - how far to trust a set of Markov chains: R-hat, effective sample size, Monte Carlo
 * standard error, E-BFMI; and how well a model predicts: PSIS-LOO, WAIC.
 *
 *   Vehtari, Gelman, Simpson, Carpenter, Buerkner (2021), "Rank-normalization, folding, and
 *     localization: an improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2).
 *   Geyer (1992), "Practical Markov chain Monte Carlo", Statistical Science 7(4).
 *   Betancourt (2016), "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo",
 *     arXiv:1604.00695.
 *   Vehtari, Simpson, Gelman, Yao, Gabry (2024), "Pareto smoothed importance sampling", JMLR 25(72).
 *   Zhang, Stephens (2009), "A new and efficient estimation method for the generalized Pareto
 *     distribution", Technometrics 51(3).
 *   Watanabe (2010), "Asymptotic equivalence of Bayes cross validation and widely applicable information
 *     criterion in singular learning theory", JMLR 11.
 *
 * The reference implementation is arviz-stats 0.8.0 (the engine of ArviZ 1.x), matched to a relative
 * 1e-8 by tests/c/diagnose_test.c. Two exceptions: for borel_mcse_sd it takes the ESS of x in place of
 * that of (x - mean)^2, a defect (arviz-stats issue 428); there the reference is ArviZ 0.23.4. Another is
 * R-hat of a single chain, which is NaN there: here, as in Vehtari et al. and R's posterior, it is that of
 * the two halves, and the reference is its definition in NumPy.
 *
 * Conventions
 *  - x is [chains, draws], row-major: draw i of chain c is x[c*draws + i]. It is only read.
 *  - Every chain is split in two halves of draws/2 (an odd middle draw is left out) before R-hat and ESS.
 *  - A NaN anywhere in x gives NaN. So do chains == 0, draws < 4, and memory that cannot be had.
 *  - If all draws are equal, ESS is the number of split draws, R-hat and borel_mcse_sd are NaN.
 *  - ESS is at most N log10(N) with N the number of split draws: antithetic chains may exceed N.
 *  - Safe to call from any thread. Scratch memory is taken and freed inside. O(N log N), and O(N) more
 *    for each lag up to Geyer's cut; chains that disagree have no early cut, so cost O(N draws).
 */
#ifndef BOREL_DIAGNOSE_H
#define BOREL_DIAGNOSE_H

#include <stdbool.h>
#include <stddef.h>

/* Rank-normalised split R-hat: the larger of bulk (of x) and tail (of |x - median|). Near 1 when the
 * chains agree; above 1.01 they do not yet. Of a single chain it compares the halves, which shows a drift but
 * not a mode that the chain never met. Vehtari et al. */
double borel_rhat(const double *x, size_t chains, size_t draws);

/* ESS of the rank-normalised draws: efficiency in the centre. Vehtari et al. */
double borel_ess_bulk(const double *x, size_t chains, size_t draws);

/* The smaller of the ESS of the 5 % and 95 % quantiles. Vehtari et al. */
double borel_ess_tail(const double *x, size_t chains, size_t draws);

/* ESS for the estimate of E[x]. Vehtari et al.; Geyer. */
double borel_ess_mean(const double *x, size_t chains, size_t draws);

/* ESS for the estimate of the standard deviation: that of (x - mean)^2. */
double borel_ess_sd(const double *x, size_t chains, size_t draws);

/* ESS of the quantile at `prob`: that of the indicator x <= quantile. NaN unless 0 <= prob <= 1. */
double borel_ess_quantile(const double *x, size_t chains, size_t draws, double prob);

/* Standard error of the mean: sd / sqrt(borel_ess_mean). Unit of x. */
double borel_mcse_mean(const double *x, size_t chains, size_t draws);

/* Standard error of the standard deviation, by the delta method from the fourth central moment and
 * borel_ess_sd. Unit of x. Vehtari et al.; Kenney and Keeping (1951), p. 141. */
double borel_mcse_sd(const double *x, size_t chains, size_t draws);

/* Standard error of the quantile at `prob`: half the distance between the order statistics at the
 * 16 % and 84 % points of its Beta distribution. Unit of x. NaN unless 0 <= prob <= 1.
 * Vehtari et al. */
double borel_mcse_quantile(const double *x, size_t chains, size_t draws, double prob);

/* Energy Bayesian fraction of missing information of ONE chain: mean squared step of the energy over
 * its variance. energy: [draws], total Hamiltonian at each draw. Below about 0.3 the momentum
 * resampling explores the energies too slowly. Betancourt. */
double borel_ebfmi(const double *energy, size_t draws);

/* One row of a posterior table. sd divides by N - 1; quantiles interpolate linearly (Hyndman and Fan's
 * type 7, NumPy's default). */
struct borel_summary {
  double mean, sd, mcse_mean, mcse_sd;
  double q5, median, q95;
  double ess_bulk, ess_tail, rhat;
};

/* Fills `out`, for less than the separate calls (the draws are sorted once). Returns 0; EINVAL for
 * chains == 0 or draws < 4; ENOMEM. On error, and for a NaN in x, every field is NaN. */
int borel_summarise(const double *x, size_t chains, size_t draws, struct borel_summary *out);

/* --- predictive accuracy --- loglik is [chains, draws]: log p(y_i | theta) of ONE observation at each draw.
 */

/* Fits a generalised Pareto distribution to exceedances x [n], positive and increasing: shape k (with a weak
 * prior at 1/2 worth ten observations) and scale sigma. EINVAL for n < 5; ENOMEM; then both are NaN.
 * Zhang and Stephens; the prior of k: Vehtari et al. 2024. */
int borel_pareto_fit(const double *x, size_t n, double *k, double *sigma);

/* Turns log importance ratios [n] into smoothed log weights that sum to 1 on the natural scale; *k is the
 * Pareto shape of their upper tail: +inf when the tail has fewer than 5 ratios or cannot be fitted (then
 * nothing is smoothed), 0 when it has no spread. r_eff: effective over actual sample size, > 0. EINVAL for
 * NaN and +inf among the ratios: all weights are then NaN; ENOMEM. Vehtari et al. 2024. */
int borel_psis(double *log_ratio, size_t n, double r_eff, double *k);

/* Above this k the estimate is not to be trusted: min(1 - 1 / log10(S), 0.7) for S draws. Vehtari et al.
 * 2024. */
double borel_pareto_limit(size_t draws);

/* Relative efficiency of the likelihood's draws, ESS of exp(loglik) over their number; 1 where that is not
 * defined. */
double borel_relative_ess(const double *loglik, size_t chains, size_t draws);

/* What one observation adds to the expected log predictive density (elpd), its effective number of parameters
 * p (difference from the density of the fit that saw it), and k. */
struct borel_elpd {
  double elpd, p, k;
};

/* Leave-one-out by PSIS. Errors as borel_psis; the fields are then NaN, k +inf. */
int borel_loo(const double *loglik, size_t chains, size_t draws, double r_eff, struct borel_elpd *out);

/* WAIC: log mean likelihood minus the variance of loglik (dividing by S - 1), which is p; k is NaN. EINVAL
 * for less than 2 draws. Watanabe; Gelman, Hwang, Vehtari 2014, eq. (13) for p. */
int borel_waic(const double *loglik, size_t chains, size_t draws, struct borel_elpd *out);

/* --- private to runtime/diagnose ------------------------------------------------------------------- */

/* A draw and where it came from; an array of them in increasing order of value is "an order". */
struct borel_diagnose_ordered {
  double value;
  size_t index;
};

/* Enough draws, no NaN. */
bool borel_diagnose_usable(const double *x, size_t chains, size_t draws);

/* halves [2 chains, draws/2]: all first halves, then all second halves. */
void borel_diagnose_split(const double *x, size_t chains, size_t draws, double *halves);

/* Mean (exact for equal values) and variance (divides by n - 1) of x [n]. */
double borel_diagnose_mean(const double *x, size_t n);
double borel_diagnose_variance(const double *x, size_t n);

/* The order of x [n]; the caller frees it. NULL when out of memory. */
struct borel_diagnose_ordered *borel_diagnose_order(const double *x, size_t n);

/* From the order of x [chains, draws] that of its split form, [2 chains * (draws/2)]; the caller frees it.
 * NULL when out of memory. */
struct borel_diagnose_ordered *borel_diagnose_order_halves(const struct borel_diagnose_ordered *order,
                                                           size_t chains, size_t draws);

/* From the order of x [n] the order of |x - median(x)|, into `folded` [n]. */
void borel_diagnose_order_folded(const struct borel_diagnose_ordered *order, size_t n,
                                 struct borel_diagnose_ordered *folded);

/* Type 7 quantile of the ordered draws; bit for bit NumPy's, as x <= quantile depends on the last bit. */
double borel_diagnose_quantile(const struct borel_diagnose_ordered *order, size_t n, double prob);

/* scores [n]: at order[k].index the normal quantile of the (average) rank. */
void borel_diagnose_normal_scores(const struct borel_diagnose_ordered *order, size_t n, double *scores);

/* The statistics on chains that are split already, [chains, draws]: R-hat, given the order of the draws and
 * the normal scores of that; and Geyer's ESS. */
double borel_diagnose_rhat_of_order(const struct borel_diagnose_ordered *order, const double *scores,
                                    size_t chains, size_t draws);
double borel_diagnose_geyer_ess(const double *x, size_t chains, size_t draws);

/* ESS of the indicator x <= threshold, x unsplit. */
double borel_diagnose_ess_below(const double *x, size_t chains, size_t draws, double threshold);

/* Inverse of the standard normal distribution function, and of the Beta(a, b) one for a, b >= 1. */
double borel_diagnose_normal_quantile(double p);
double borel_diagnose_beta_quantile(double p, double a, double b);

#endif
