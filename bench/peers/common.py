# SPDX-License-Identifier: MIT
"""What all peers share: where things are, what a run must hand over, and how processes are timed.

A run hands over OUT.npz: every reported quantity as [chains, draws] under the name it has in the reference, and
OUT.json: seconds, gradients, memory. score.py makes the same figures of all of them.
"""
import csv
import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PEERS_OUT", ROOT / "build/bench/peers"))
CHAINS, WARMUP, DRAWS, CORES = 4, 1000, 1000, 2
SEED = int(os.environ.get("SEED", "1"))


def data_path(name):
    """The data of posterior DATA-MODEL (model names have underscores, not hyphens)."""
    return ROOT / "examples/posteriordb/data" / (name.split("-")[0] + ".json")


def data(name):
    """The data as numpy arrays and numbers."""
    read = json.loads(data_path(name).read_text())
    return {key: np.array(value) if isinstance(value, list) else value for key, value in read.items()}


def reference(name):
    """Rows of the reference moments: name, mean, sd, mcse_mean, mcse_sd as numbers."""
    with open(ROOT / "tests/fixtures/posteriordb" / (name + ".csv")) as file:
        return [{k: v if k == "name" else float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def columns(values):
    """{"beta": [chains, draws, 4], ...} to {"beta[1]": [chains, draws], ...}"""
    flat = {}
    for name, value in values.items():
        value = np.asarray(value, dtype=float)
        if value.ndim == 2:
            flat[name] = value
            continue
        for index in np.ndindex(value.shape[2:]):
            flat[f"{name}[{','.join(str(i + 1) for i in index)}]"] = value[(..., *index)]
    return flat


def finish(name, peer, values, **figures):
    """Writes the draws of the reference's quantities and the figures of a run."""
    flat = columns(values)
    wanted = {row["name"]: flat[row["name"]] for row in reference(name)}
    out = BUILD / "runs" / f"{name}.{peer}"
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out.with_name(out.name + ".npz"), **wanted)
    out.with_name(out.name + ".json").write_text(json.dumps(dict(posterior=name, peer=peer, **figures), indent=1))


def wait_for(processes):
    """Waits for all; returns (MiB at the peak, processor seconds) of each. A failure raises."""
    usages = []
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{process.args[0]}: exit code {process.returncode}")
        usages.append((usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime))
    return usages


def timed(*command, **options):
    """Runs a command: seconds of wall time, MiB at the peak, processor seconds."""
    start = time.monotonic()
    (peak, cpu), = wait_for([subprocess.Popen([str(part) for part in command], **options)])
    return time.monotonic() - start, peak, cpu


def least_time(function, seconds=0.5):
    """Seconds of one call: least of many batches of about a millisecond."""
    batch, least, begin = 1, float("inf"), time.monotonic()
    while time.monotonic() - begin < seconds:
        start = time.perf_counter()
        for _ in range(batch):
            function()
        took = time.perf_counter() - start
        if took < 1e-3:
            batch *= 2
        else:
            least = min(least, took / batch)
    return least
