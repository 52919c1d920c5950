# SPDX-License-Identifier: MIT
"""The posteriors for PyMC, in its vectorised forms. MODELS[name](data) is a model; OMITTED says why one is not there."""
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt

OMITTED = {"hudson_lynx_hare-lotka_volterra": "no ODE solver with gradients that numba compiles"}
MODELS = {}


def posterior(name):
    def keep(function):
        def build(data):
            with pm.Model() as model:
                function(data)
            return model

        MODELS[name] = build
        return function

    return keep


def positive_ordered(name, means):
    """0 < x1 < x2 with factors N(x; mean, 1)."""
    log_steps = pm.Flat(name + "_log_steps", shape=2)
    x = pm.Deterministic(name, pt.cumsum(pt.exp(log_steps)))
    pm.Potential(name + "_prior", pt.sum(log_steps) + pt.sum(pm.logp(pm.Normal.dist(np.array(means), 1.0), x)))
    return x


def forward(emission, transition):
    """log-likelihood of a two-state hidden Markov model without an initial law; emission [T, 2]."""
    log_transition = pt.log(transition)

    def step(seen, previous, log_transition):
        return pt.logsumexp(previous[:, None] + log_transition, axis=0) + seen

    values, _ = pytensor.scan(step, sequences=[emission[1:]], outputs_info=[emission[0]], non_sequences=[log_transition])
    return pt.logsumexp(values[-1])


@posterior("kidiq-kidscore_interaction")
def _(d):
    X = np.column_stack([np.ones(d["N"]), d["mom_hs"], d["mom_iq"], d["mom_hs"] * d["mom_iq"]])
    beta = pm.Flat("beta", shape=4)
    sigma = pm.HalfCauchy("sigma", 2.5)
    pm.Normal("kid_score", X @ beta, sigma, observed=d["kid_score"])


@posterior("earnings-logearn_interaction")
def _(d):
    X = np.column_stack([np.ones(d["N"]), d["height"], d["male"], d["height"] * d["male"]])
    beta = pm.Flat("beta", shape=4)
    sigma = pm.HalfFlat("sigma")
    pm.Normal("log_earn", X @ beta, sigma, observed=np.log(d["earn"]))


@posterior("nes1980-nes")
def _(d):
    age = [(d["age_discrete"] == k).astype(float) for k in (2, 3, 4)]
    X = np.column_stack([np.ones(d["N"]), d["real_ideo"], d["race_adj"], *age, d["educ1"], d["gender"], d["income"]])
    beta = pm.Flat("beta", shape=9)
    sigma = pm.HalfFlat("sigma")
    pm.Normal("partyid7", X @ beta, sigma, observed=d["partyid7"])


@posterior("sblrc-blr")
def _(d):
    beta = pm.Normal("beta", 0, 10, shape=d["D"])
    sigma = pm.HalfNormal("sigma", 10)
    pm.Normal("y", d["X"] @ beta, sigma, observed=d["y"])


@posterior("kilpisjarvi_mod-kilpisjarvi")
def _(d):
    alpha = pm.Normal("alpha", d["pmualpha"], d["psalpha"])
    beta = pm.Normal("beta", d["pmubeta"], d["psbeta"])
    sigma = pm.HalfFlat("sigma")
    pm.Normal("y", alpha + beta * d["x"], sigma, observed=d["y"])


@posterior("diamonds-diamonds")
def _(d):
    Xc = d["X"][:, 1:] - d["X"][:, 1:].mean(0)
    b = pm.Normal("b", 0, 1, shape=d["K"] - 1)
    intercept = pm.StudentT("Intercept", nu=3, mu=8, sigma=10)
    sigma = pm.HalfStudentT("sigma", nu=3, sigma=10)
    pm.Normal("Y", intercept + Xc @ b, sigma, observed=d["Y"])


@posterior("wells_data-wells_dae_inter_model")
def _(d):
    c1, c2, c3 = (d["dist"] - d["dist"].mean()) / 100, d["arsenic"] - d["arsenic"].mean(), (d["educ"] - d["educ"].mean()) / 4
    X = np.column_stack([c1, c2, c3, c1 * c2, c1 * c3, c2 * c3])
    alpha = pm.Flat("alpha")
    beta = pm.Flat("beta", shape=6)
    pm.Bernoulli("switched", logit_p=alpha + X @ beta, observed=d["switched"])


@posterior("GLM_Poisson_Data-GLM_Poisson_model")
def _(d):
    year = d["year"]
    alpha = pm.Uniform("alpha", -20, 20)
    beta1, beta2, beta3 = (pm.Uniform(f"beta{k}", -10, 10) for k in (1, 2, 3))
    pm.Poisson("C", pt.exp(alpha + beta1 * year + beta2 * year**2 + beta3 * year**3), observed=d["C"])


@posterior("eight_schools-eight_schools_centered")
def _(d):
    mu = pm.Normal("mu", 0, 5)
    tau = pm.HalfCauchy("tau", 5)
    theta = pm.Normal("theta", mu, tau, shape=d["J"])
    pm.Normal("y", theta, d["sigma"], observed=d["y"])


@posterior("eight_schools-eight_schools_noncentered")
def _(d):
    mu = pm.Normal("mu", 0, 5)
    tau = pm.HalfCauchy("tau", 5)
    z = pm.Normal("z", 0, 1, shape=d["J"])
    theta = pm.Deterministic("theta", mu + tau * z)
    pm.Normal("y", theta, d["sigma"], observed=d["y"])


@posterior("radon_mn-radon_hierarchical_intercept_noncentered")
def _(d):
    sigma_alpha = pm.HalfNormal("sigma_alpha", 1)
    sigma_y = pm.HalfNormal("sigma_y", 1)
    mu_alpha = pm.Normal("mu_alpha", 0, 10)
    beta = pm.Normal("beta", 0, 10, shape=2)
    z = pm.Normal("z", 0, 1, shape=d["J"])
    alpha = pm.Deterministic("alpha", mu_alpha + sigma_alpha * z)
    mean = alpha[d["county_idx"] - 1] + beta[0] * d["log_uppm"] + beta[1] * d["floor_measure"]
    pm.Normal("log_radon", mean, sigma_y, observed=d["log_radon"])


@posterior("irt_2pl-irt_2pl")
def _(d):
    sigma_theta = pm.HalfCauchy("sigma_theta", 2)
    theta = pm.Normal("theta", 0, sigma_theta, shape=d["J"])
    sigma_a = pm.HalfCauchy("sigma_a", 2)
    a = pm.LogNormal("a", 0, sigma_a, shape=d["I"])
    mu_b = pm.Normal("mu_b", 0, 5)
    sigma_b = pm.HalfCauchy("sigma_b", 2)
    b = pm.Normal("b", mu_b, sigma_b, shape=d["I"])
    pm.Bernoulli("y", logit_p=a[:, None] * (theta - b[:, None]), observed=d["y"])


@posterior("low_dim_gauss_mix-low_dim_gauss_mix")
def _(d):
    mu = pm.Normal("mu", 0, 2, shape=2, transform=pm.distributions.transforms.ordered, initval=[-1, 1])
    sigma = pm.HalfNormal("sigma", 2, shape=2)
    theta = pm.Beta("theta", 5, 5)
    pm.NormalMixture("y", pt.stack([theta, 1 - theta]), mu, sigma=sigma, observed=d["y"])


@posterior("gp_pois_regr-gp_regr")
def _(d):
    rho = pm.Gamma("rho", 25, 4)
    alpha = pm.HalfNormal("alpha", 2)
    sigma = pm.HalfNormal("sigma", 1)
    square = (d["x"][:, None] - d["x"]) ** 2.0
    K = alpha**2 * pt.exp(-0.5 * square / rho**2) + sigma * np.eye(d["N"])
    pm.MvNormal("y", np.zeros(d["N"]), cov=K, observed=d["y"])


@posterior("arK-arK")
def _(d):
    K, T, y = d["K"], d["T"], d["y"]
    alpha = pm.Normal("alpha", 0, 10)
    beta = pm.Normal("beta", 0, 10, shape=K)
    sigma = pm.HalfCauchy("sigma", 2.5)
    lagged = np.column_stack([y[K - k : T - k] for k in range(1, K + 1)])
    pm.Normal("y", alpha + lagged @ beta, sigma, observed=y[K:])


@posterior("arma-arma11")
def _(d):
    y = d["y"]
    mu = pm.Normal("mu", 0, 10)
    phi = pm.Normal("phi", 0, 2)
    theta = pm.Normal("theta", 0, 2)
    sigma = pm.HalfCauchy("sigma", 2.5)
    first = y[0] - (mu + phi * mu)
    err, _ = pytensor.scan(lambda now, before, err, mu, phi, theta: now - (mu + phi * before + theta * err),
                           sequences=[pt.as_tensor(y[1:]), pt.as_tensor(y[:-1])], outputs_info=[first], non_sequences=[mu, phi, theta])
    pm.Potential("y", pt.sum(pm.logp(pm.Normal.dist(0, sigma), pt.concatenate([first[None], err]))))


@posterior("garch-garch11")
def _(d):
    y = d["y"]
    mu = pm.Flat("mu")
    alpha0 = pm.HalfFlat("alpha0")
    alpha1 = pm.Uniform("alpha1", 0, 1)
    beta1 = pm.Uniform("beta1", 0, 1 - alpha1)
    pm.Potential("triangle", pt.log1p(-alpha1))  # flat on the triangle
    first = pt.constant(d["sigma1"] ** 2, dtype="float64")
    later, _ = pytensor.scan(lambda before, variance, mu, alpha0, alpha1, beta1: alpha0 + alpha1 * (before - mu) ** 2 + beta1 * variance,
                             sequences=[pt.as_tensor(y[:-1])], outputs_info=[first], non_sequences=[mu, alpha0, alpha1, beta1])
    pm.Normal("y", mu, pt.sqrt(pt.concatenate([first[None], later])), observed=y)


@posterior("hmm_example-hmm_example")
def _(d):
    theta = pt.stack([pm.Dirichlet(f"theta{k}", np.ones(2)) for k in (1, 2)])
    mu = positive_ordered("mu", [3.0, 10.0])
    emission = -0.5 * (d["y"][:, None] - mu) ** 2
    pm.Potential("y", forward(emission, theta))


@posterior("bball_drive_event_0-hmm_drive_0")
def _(d):
    theta = pt.stack([pm.Dirichlet(f"theta{k}", d["alpha"][k - 1].astype(float)) for k in (1, 2)])
    phi, rate = positive_ordered("phi", [0.0, 3.0]), positive_ordered("lambda", [0.0, 3.0])
    emission = pt.log(phi) - phi * d["u"][:, None] + pt.log(rate) - rate * d["v"][:, None]
    pm.Potential("uv", forward(emission, theta))
