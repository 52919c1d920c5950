# SPDX-License-Identifier: MIT
"""run_borel.py NAME: `borel run` on the example, twice: with an empty cache of compiled models, then again. cold_s
and warm_s are of the whole process, from the script to the printed summary; sample_s is of the chains, as it says itself."""
import json
import os
import re
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
        with open(folder / "stderr", "w") as errors:
            return timed(BOREL, "run", example, "--seed", SEED, "--warmup", WARMUP, "--draws", DRAWS, "--chains", CHAINS, "--out",
                         folder / out, env=environment, stdout=subprocess.DEVNULL, stderr=errors)

    cold_s, _, _ = run("cold")
    warm_s, memory, cpu_s = run("warm")
    sample_s = float(re.search(r"done after ([0-9.]+) s", (folder / "stderr").read_text())[1])
    names = [row["name"] for row in reference(name)]
    subprocess.run([BOREL, "run", ROOT / "bench/peers/export.lua", "--quiet", "--", folder / "warm", folder / "draws", *names], check=True)
    values = {}
    for line in (folder / "draws").read_text().splitlines():
        key, *numbers = line.split(" ")
        values[key] = np.array(numbers, dtype=float).reshape(CHAINS, DRAWS)

    def gradient_seconds():
        explained = json.loads(subprocess.check_output([BOREL, "explain", example, "--at", folder / "warm", "--json"], env=environment))
        return explained["explanations"][0]["gradient_seconds"]

    finish(name, "borel", values, cold_s=cold_s, warm_s=warm_s, sample_s=sample_s, cpu_s=cpu_s,
           compile_s=cold_s - warm_s, gradient_s=min(gradient_seconds() for _ in range(5)), leapfrogs=float(values["leapfrogs"].sum()),
           divergences=int(values["diverging"].sum()), memory_mib=memory)
    shutil.rmtree(folder)


main(sys.argv[1])
