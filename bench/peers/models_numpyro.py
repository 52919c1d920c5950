# SPDX-License-Identifier: MIT
"""The posteriors for NumPyro, in its vectorised forms; BlackJAX samples the same densities. MODELS[name](data) is a
model without arguments."""
import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.experimental.ode import odeint
from jax.scipy.special import logsumexp
from numpyro.distributions import constraints

MODELS = {}


def posterior(name):
    def keep(function):
        MODELS[name] = lambda data: lambda: function(data)
        return function

    return keep


def flat(name, shape=(), support=constraints.real):
    """An unknown without a density of its own; shape is that of one value of the support."""
    if support.event_dim == 0:
        return numpyro.sample(name, dist.ImproperUniform(support, shape, ()))
    return numpyro.sample(name, dist.ImproperUniform(support, (), shape))


def forward(emission, transition):
    """log-likelihood of a two-state hidden Markov model without an initial law; emission [T, 2]."""
    log_transition = jnp.log(transition)

    def step(previous, seen):
        return logsumexp(previous[:, None] + log_transition, axis=0) + seen, None

    return logsumexp(jax.lax.scan(step, emission[0], emission[1:])[0])


def positive_ordered(name, means):
    x = flat(name, (2,), constraints.positive_ordered_vector)
    numpyro.factor(name + "_prior", dist.Normal(jnp.array(means), 1.0).log_prob(x).sum())
    return x


def observe(name, law, value):
    numpyro.sample(name, law, obs=jnp.asarray(value))


@posterior("kidiq-kidscore_interaction")
def _(d):
    beta = flat("beta", (4,))
    sigma = numpyro.sample("sigma", dist.HalfCauchy(2.5))
    hs, iq = d["mom_hs"], d["mom_iq"]
    observe("kid_score", dist.Normal(beta[0] + beta[1] * hs + beta[2] * iq + beta[3] * hs * iq, sigma), d["kid_score"])


@posterior("earnings-logearn_interaction")
def _(d):
    beta = flat("beta", (4,))
    sigma = flat("sigma", support=constraints.positive)
    height, male = d["height"], d["male"]
    mean = beta[0] + beta[1] * height + beta[2] * male + beta[3] * height * male
    observe("log_earn", dist.Normal(mean, sigma), jnp.log(d["earn"]))


@posterior("nes1980-nes")
def _(d):
    beta = flat("beta", (9,))
    sigma = flat("sigma", support=constraints.positive)
    age = [(d["age_discrete"] == k).astype(float) for k in (2, 3, 4)]
    X = jnp.column_stack([d["real_ideo"], d["race_adj"], *age, d["educ1"], d["gender"], d["income"]])
    observe("partyid7", dist.Normal(beta[0] + X @ beta[1:], sigma), d["partyid7"])


@posterior("sblrc-blr")
def _(d):
    beta = numpyro.sample("beta", dist.Normal(0, 10).expand([d["D"]]))
    sigma = numpyro.sample("sigma", dist.HalfNormal(10))
    observe("y", dist.Normal(d["X"] @ beta, sigma), d["y"])


@posterior("kilpisjarvi_mod-kilpisjarvi")
def _(d):
    alpha = numpyro.sample("alpha", dist.Normal(d["pmualpha"], d["psalpha"]))
    beta = numpyro.sample("beta", dist.Normal(d["pmubeta"], d["psbeta"]))
    sigma = flat("sigma", support=constraints.positive)
    observe("y", dist.Normal(alpha + beta * d["x"], sigma), d["y"])


@posterior("diamonds-diamonds")
def _(d):
    Xc = d["X"][:, 1:] - d["X"][:, 1:].mean(0)
    b = numpyro.sample("b", dist.Normal(0, 1).expand([d["K"] - 1]))
    intercept = numpyro.sample("Intercept", dist.StudentT(3, 8, 10))
    sigma = flat("sigma", support=constraints.positive)
    numpyro.factor("sigma_prior", dist.StudentT(3, 0, 10).log_prob(sigma))
    observe("Y", dist.Normal(intercept + Xc @ b, sigma), d["Y"])


@posterior("wells_data-wells_dae_inter_model")
def _(d):
    c1, c2, c3 = (d["dist"] - d["dist"].mean()) / 100, d["arsenic"] - d["arsenic"].mean(), (d["educ"] - d["educ"].mean()) / 4
    X = jnp.column_stack([c1, c2, c3, c1 * c2, c1 * c3, c2 * c3])
    alpha = flat("alpha")
    beta = flat("beta", (6,))
    observe("switched", dist.BernoulliLogits(alpha + X @ beta), d["switched"])


@posterior("GLM_Poisson_Data-GLM_Poisson_model")
def _(d):
    year = d["year"]
    alpha = numpyro.sample("alpha", dist.Uniform(-20, 20))
    beta1, beta2, beta3 = (numpyro.sample(f"beta{k}", dist.Uniform(-10, 10)) for k in (1, 2, 3))
    observe("C", dist.Poisson(jnp.exp(alpha + beta1 * year + beta2 * year**2 + beta3 * year**3)), d["C"])


@posterior("eight_schools-eight_schools_centered")
def _(d):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    theta = numpyro.sample("theta", dist.Normal(mu, tau).expand([d["J"]]))
    observe("y", dist.Normal(theta, d["sigma"]), d["y"])


@posterior("eight_schools-eight_schools_noncentered")
def _(d):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    z = numpyro.sample("z", dist.Normal(0, 1).expand([d["J"]]))
    theta = numpyro.deterministic("theta", mu + tau * z)
    observe("y", dist.Normal(theta, d["sigma"]), d["y"])


@posterior("radon_mn-radon_hierarchical_intercept_noncentered")
def _(d):
    sigma_alpha = numpyro.sample("sigma_alpha", dist.HalfNormal(1))
    sigma_y = numpyro.sample("sigma_y", dist.HalfNormal(1))
    mu_alpha = numpyro.sample("mu_alpha", dist.Normal(0, 10))
    beta = numpyro.sample("beta", dist.Normal(0, 10).expand([2]))
    z = numpyro.sample("z", dist.Normal(0, 1).expand([d["J"]]))
    alpha = numpyro.deterministic("alpha", mu_alpha + sigma_alpha * z)
    mean = alpha[d["county_idx"] - 1] + beta[0] * d["log_uppm"] + beta[1] * d["floor_measure"]
    observe("log_radon", dist.Normal(mean, sigma_y), d["log_radon"])


@posterior("irt_2pl-irt_2pl")
def _(d):
    sigma_theta = numpyro.sample("sigma_theta", dist.HalfCauchy(2))
    theta = numpyro.sample("theta", dist.Normal(0, sigma_theta).expand([d["J"]]))
    sigma_a = numpyro.sample("sigma_a", dist.HalfCauchy(2))
    a = numpyro.sample("a", dist.LogNormal(0, sigma_a).expand([d["I"]]))
    mu_b = numpyro.sample("mu_b", dist.Normal(0, 5))
    sigma_b = numpyro.sample("sigma_b", dist.HalfCauchy(2))
    b = numpyro.sample("b", dist.Normal(mu_b, sigma_b).expand([d["I"]]))
    observe("y", dist.BernoulliLogits(a[:, None] * (theta - b[:, None])), d["y"])


@posterior("low_dim_gauss_mix-low_dim_gauss_mix")
def _(d):
    mu = flat("mu", (2,), constraints.ordered_vector)
    numpyro.factor("mu_prior", dist.Normal(0, 2).log_prob(mu).sum())
    sigma = numpyro.sample("sigma", dist.HalfNormal(2).expand([2]))
    theta = numpyro.sample("theta", dist.Beta(5, 5))
    weights = dist.CategoricalProbs(jnp.stack([theta, 1 - theta]))
    observe("y", dist.MixtureSameFamily(weights, dist.Normal(mu, sigma)), d["y"])


@posterior("gp_pois_regr-gp_regr")
def _(d):
    rho = numpyro.sample("rho", dist.Gamma(25, 4))
    alpha = numpyro.sample("alpha", dist.HalfNormal(2))
    sigma = numpyro.sample("sigma", dist.HalfNormal(1))
    square = (d["x"][:, None] - d["x"]) ** 2.0
    K = alpha**2 * jnp.exp(-0.5 * square / rho**2) + sigma * jnp.eye(d["N"])
    observe("y", dist.MultivariateNormal(jnp.zeros(d["N"]), covariance_matrix=K), d["y"])


@posterior("arK-arK")
def _(d):
    K, T, y = d["K"], d["T"], d["y"]
    alpha = numpyro.sample("alpha", dist.Normal(0, 10))
    beta = numpyro.sample("beta", dist.Normal(0, 10).expand([K]))
    sigma = numpyro.sample("sigma", dist.HalfCauchy(2.5))
    lagged = jnp.column_stack([y[K - k : T - k] for k in range(1, K + 1)])
    observe("y", dist.Normal(alpha + lagged @ beta, sigma), y[K:])


@posterior("arma-arma11")
def _(d):
    y = jnp.asarray(d["y"])
    mu = numpyro.sample("mu", dist.Normal(0, 10))
    phi = numpyro.sample("phi", dist.Normal(0, 2))
    theta = numpyro.sample("theta", dist.Normal(0, 2))
    sigma = numpyro.sample("sigma", dist.HalfCauchy(2.5))

    def step(err, pair):
        err = pair[0] - (mu + phi * pair[1] + theta * err)
        return err, err

    first = y[0] - (mu + phi * mu)
    _, err = jax.lax.scan(step, first, (y[1:], y[:-1]))
    numpyro.factor("y", dist.Normal(0, sigma).log_prob(jnp.append(err, first)).sum())


@posterior("garch-garch11")
def _(d):
    y = jnp.asarray(d["y"])
    mu = flat("mu")
    alpha0 = flat("alpha0", support=constraints.positive)
    alpha1 = numpyro.sample("alpha1", dist.Uniform(0, 1))
    beta1 = numpyro.sample("beta1", dist.Uniform(0, 1 - alpha1))
    numpyro.factor("triangle", jnp.log1p(-alpha1))  # flat on the triangle

    def step(variance, before):
        variance = alpha0 + alpha1 * (before - mu) ** 2 + beta1 * variance
        return variance, variance

    first = jnp.asarray(float(d["sigma1"]) ** 2)
    _, later = jax.lax.scan(step, first, y[:-1])
    observe("y", dist.Normal(mu, jnp.sqrt(jnp.concatenate([first[None], later]))), y)


@posterior("hmm_example-hmm_example")
def _(d):
    theta = jnp.stack([numpyro.sample(f"theta{k}", dist.Dirichlet(jnp.ones(2))) for k in (1, 2)])
    mu = positive_ordered("mu", [3.0, 10.0])
    numpyro.factor("y", forward(dist.Normal(mu, 1).log_prob(d["y"][:, None]), theta))


@posterior("bball_drive_event_0-hmm_drive_0")
def _(d):
    theta = jnp.stack([numpyro.sample(f"theta{k}", dist.Dirichlet(jnp.asarray(d["alpha"][k - 1], float))) for k in (1, 2)])
    phi, rate = positive_ordered("phi", [0.0, 3.0]), positive_ordered("lambda", [0.0, 3.0])
    emission = dist.Exponential(phi).log_prob(d["u"][:, None]) + dist.Exponential(rate).log_prob(d["v"][:, None])
    numpyro.factor("uv", forward(emission, theta))


@posterior("hudson_lynx_hare-lotka_volterra")
def _(d):
    location = jnp.array([1, 0.05, 1, 0.05])
    theta = numpyro.sample("theta", dist.TruncatedNormal(location, jnp.array([0.5, 0.05, 0.5, 0.05]), low=0.0))
    sigma = numpyro.sample("sigma", dist.LogNormal(-1, 1).expand([2]))
    z_init = numpyro.sample("z_init", dist.LogNormal(jnp.log(10.0), 1).expand([2]))

    def field(z, _, theta):
        return jnp.stack([(theta[0] - theta[1] * z[1]) * z[0], (theta[3] * z[0] - theta[2]) * z[1]])

    times = jnp.concatenate([jnp.zeros(1), jnp.asarray(d["ts"], float)])
    z = odeint(field, z_init, times, theta, rtol=1e-5, atol=1e-3, mxstep=1000)
    observe("y_init", dist.LogNormal(jnp.log(z_init), sigma), d["y_init"])
    observe("y", dist.LogNormal(jnp.log(z[1:]), sigma), d["y"])
