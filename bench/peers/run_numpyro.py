# SPDX-License-Identifier: MIT
"""run_numpyro.py NAME: NumPyro's NUTS, a device for each chain. Its own chain_method="parallel" compiles anew at each
call; here the compiled function is kept for the second one."""
import time

START = time.monotonic()
import resource
import sys

from jax_setup import gradient_seconds, jax
import arviz
import numpy as np
from numpyro.infer import MCMC, NUTS
from numpyro.infer.util import initialize_model

from common import CHAINS, DRAWS, SEED, WARMUP, data, finish, reference
from models_numpyro import MODELS


def main(name):
    kept = {}

    def parallel(function):
        return kept.setdefault("parallel", jax.pmap(function))

    model = MODELS[name](data(name))
    mcmc = MCMC(NUTS(model), num_warmup=WARMUP, num_samples=DRAWS, num_chains=CHAINS,
                chain_method=parallel, progress_bar=False)

    def sample():
        start, cpu = time.monotonic(), time.process_time()
        mcmc.run(jax.random.key(SEED), extra_fields=("num_steps", "diverging"))
        draws = jax.tree.map(np.asarray, mcmc.get_samples(group_by_chain=True))
        return draws, time.monotonic() - start, time.process_time() - cpu

    draws, first_s, _ = sample()
    wanted = sorted({row["name"].split("[")[0] for row in reference(name)})
    arviz.summary(arviz.from_dict(posterior={key: draws[key] for key in wanted}))
    cold_s = time.monotonic() - START
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    draws, sample_s, cpu_s = sample()
    stats = mcmc.get_extra_fields()
    potential = initialize_model(jax.random.key(SEED), model).potential_fn
    point = jax.tree.map(lambda x: jax.numpy.asarray(np.asarray(x)[0]), mcmc.last_state.z)
    finish(name, "numpyro", draws, cold_s=cold_s, warm_s=sample_s, sample_s=sample_s, cpu_s=cpu_s, compile_s=first_s - sample_s,
           gradient_s=gradient_seconds(potential, point), leapfrogs=float(np.sum(stats["num_steps"])),
           divergences=int(np.sum(stats["diverging"])), memory_mib=memory)


main(sys.argv[1])
