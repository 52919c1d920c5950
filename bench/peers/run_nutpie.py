# SPDX-License-Identifier: MIT
"""run_nutpie.py NAME: nutpie on the PyMC model, compiled by numba (what its documentation recommends)."""
import time

START = time.monotonic()
import os
import resource
import sys

import arviz
import numba
import numpy as np
import nutpie

from common import CHAINS, CORES, DRAWS, SEED, WARMUP, data, finish, reference
from models_pymc import MODELS, OMITTED


def gradient_seconds(compiled, u):
    """Seconds of value and gradient at u: least of many batches, called from compiled code."""
    call = compiled.compiled_logp_func.ctypes
    slope, value, user = np.zeros_like(u), np.zeros(1), compiled.user_data.ctypes.data

    @numba.njit
    def many(times, u, slope, value):
        for _ in range(times):
            call(u.size, u.ctypes, slope.ctypes, value.ctypes, user)

    many(1, u, slope, value)
    times, least, begin = 1, float("inf"), time.monotonic()
    while time.monotonic() - begin < 0.5:
        start = time.perf_counter()
        many(times, u, slope, value)
        took = time.perf_counter() - start
        if took < 1e-3:
            times *= 2
        else:
            least = min(least, took / times)
    return least


def sample(compiled):
    start, cpu = time.monotonic(), time.process_time()
    trace = nutpie.sample(compiled, draws=DRAWS, tune=WARMUP, chains=CHAINS, cores=CORES, seed=SEED, progress_bar=False,
                          store_unconstrained=True)
    return trace, time.monotonic() - start, time.process_time() - cpu


def main(name):
    if name in OMITTED:
        raise SystemExit(f"nutpie: {name} is not written: {OMITTED[name]}")
    model = MODELS[name](data(name))
    begin = time.monotonic()
    compiled = nutpie.compile_pymc_model(model)
    compile_s = time.monotonic() - begin
    trace, _, _ = sample(compiled)
    wanted = sorted({row["name"].split("[")[0] for row in reference(name)})
    arviz.summary(trace, var_names=wanted)
    cold_s = time.monotonic() - START
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    trace, sample_s, cpu_s = sample(compiled)
    stats = trace.sample_stats
    u = np.array(stats["unconstrained_draw"].values[0, -1], dtype=float)
    try:
        gradient_s = gradient_seconds(compiled, u)
    except Exception as problem:  # sampling has been measured; say what could not be
        print(f"nutpie: {name}: gradient not timed: {problem}", file=sys.stderr)
        gradient_s = None
    finish(name, "nutpie", {key: trace.posterior[key].values for key in wanted}, cold_s=cold_s, warm_s=sample_s, sample_s=sample_s,
           cpu_s=cpu_s, compile_s=compile_s, gradient_s=gradient_s, leapfrogs=float(stats["n_steps"].values.sum()),
           divergences=int(stats["diverging"].values.sum()), memory_mib=memory)
    os._exit(0)  # threads of the libraries may hang at exit


main(sys.argv[1])
