# SPDX-License-Identifier: MIT
"""run_blackjax.py NAME: BlackJAX's window adaptation and NUTS on the density of the NumPyro model, a device for each
chain, as its documentation shows."""
import time

START = time.monotonic()
import resource
import sys

from jax_setup import gradient_seconds, jax
import arviz
import blackjax
import numpy as np
from numpyro.infer.util import initialize_model

from common import CHAINS, DRAWS, SEED, WARMUP, data, finish, reference
from models_numpyro import MODELS


def main(name):
    model = MODELS[name](data(name))
    begin = time.monotonic()
    keys = jax.random.split(jax.random.key(SEED), CHAINS)
    start_points, potential, postprocess, _ = initialize_model(keys, model)

    def logdensity(z):
        return -potential(z)

    def chain(key, position):
        warm_key, draw_key = jax.random.split(key)
        adaptation = blackjax.window_adaptation(blackjax.nuts, logdensity)
        (state, parameters), _ = adaptation.run(warm_key, position, num_steps=WARMUP)
        step = blackjax.nuts(logdensity, **parameters).step

        def one(state, key):
            state, info = step(key, state)
            return state, (state.position, info.num_integration_steps, info.is_divergent)

        _, (positions, steps, diverging) = jax.lax.scan(one, state, jax.random.split(draw_key, DRAWS))
        return positions, jax.vmap(postprocess)(positions), steps, diverging

    chains = jax.pmap(chain)

    def sample():
        start, cpu = time.monotonic(), time.process_time()
        result = jax.tree.map(np.asarray, chains(keys, start_points.z))
        return result, time.monotonic() - start, time.process_time() - cpu

    (_, draws, _, _), _, _ = sample()
    first_s = time.monotonic() - begin
    wanted = sorted({row["name"].split("[")[0] for row in reference(name)})
    arviz.summary(arviz.from_dict(posterior={key: draws[key] for key in wanted}))
    cold_s = time.monotonic() - START
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (positions, draws, steps, diverging), sample_s, cpu_s = sample()
    point = jax.tree.map(lambda x: jax.numpy.asarray(x[0, -1]), positions)
    finish(name, "blackjax", draws, cold_s=cold_s, warm_s=sample_s, sample_s=sample_s, cpu_s=cpu_s, compile_s=first_s - sample_s,
           gradient_s=gradient_seconds(potential, point), leapfrogs=float(steps.sum()), divergences=int(diverging.sum()),
           memory_mib=memory)


main(sys.argv[1])
