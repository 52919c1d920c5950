# SPDX-License-Identifier: MIT
"""run_borel.py NAME: `borel run` on the example, twice: with an empty cache of compiled models, then again. Both times
are of the whole process, from the script to the printed summary."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np

from common import BUILD, CHAINS, DRAWS, ROOT, SEED, WARMUP, finish, reference, timed

BOREL = os.environ.get("BOREL", ROOT / "build/release/borel")


def main(name):
    folder = BUILD / "borel" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    example = ROOT / "examples/posteriordb" / (name + ".lua")
    environment = dict(os.environ, BOREL_CACHE=str(folder / "cache"))

    def run(out):
        return timed(BOREL, "run", example, "--quiet", "--seed", SEED, "--warmup", WARMUP, "--draws", DRAWS, "--chains", CHAINS,
                     "--out", folder / out, env=environment, stdout=subprocess.DEVNULL)

    cold_s, _, _ = run("cold")
    warm_s, memory, cpu_s = run("warm")
    names = [row["name"] for row in reference(name)]
    subprocess.run([BOREL, "run", ROOT / "bench/peers/export.lua", "--quiet", "--", folder / "warm", folder / "draws", *names], check=True)
    values = {}
    for line in (folder / "draws").read_text().splitlines():
        key, *numbers = line.split(" ")
        values[key] = np.array(numbers, dtype=float).reshape(CHAINS, DRAWS)
    explained = json.loads(subprocess.check_output([BOREL, "explain", example, "--at", folder / "warm", "--json"], env=environment))
    finish(name, "borel", values, cold_s=cold_s, warm_s=warm_s, sample_s=warm_s, cpu_s=cpu_s,
           compile_s=cold_s - warm_s, gradient_s=min(e["gradient_seconds"] for e in explained["explanations"]), leapfrogs=float(values["leapfrogs"].sum()),
           divergences=int(values["diverging"].sum()), memory_mib=memory)
    shutil.rmtree(folder)


main(sys.argv[1])
