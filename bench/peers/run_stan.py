# SPDX-License-Identifier: MIT
"""run_stan.py NAME [--build]: Stan as CmdStan runs it: stanc --O1, -O3 -march=native, one process a chain, two at a
time. Headers and stanc come with httpstan's wheel. Built programs are kept; their seconds are those of the first time.
"""
import hashlib
import importlib.util
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

from common import BUILD, CHAINS, CORES, DRAWS, ROOT, SEED, WARMUP, data_path, finish, timed

HTTPSTAN = Path(importlib.util.find_spec("httpstan").submodule_search_locations[0])
FOLDER = BUILD / "stan"
FLAGS = ["-O3", "-march=native", "-std=c++17", "-w", "-DBOOST_DISABLE_ASSERTS", "-DBOOST_PHOENIX_NO_VARIADIC_EXPRESSION",
         "-D_REENTRANT", "-D_GLIBCXX_USE_CXX11_ABI=0", "-isystem", str(HTTPSTAN / "include")]
LIBRARIES = ["-L" + str(HTTPSTAN / "lib"), "-Wl,-rpath," + str(HTTPSTAN / "lib"), "-lsundials_cvodes", "-lsundials_idas",
             "-lsundials_nvecserial", "-ltbb"]


def run(*command):
    subprocess.run([str(part) for part in command], check=True)


def digest(*sources):
    """What a built thing depends on: texts, flags and the version of Stan; times of files change with every checkout."""
    text = b"".join(source.read_bytes() for source in sources) + " ".join(FLAGS).encode() + version("httpstan").encode()
    return hashlib.sha256(text).hexdigest()[:16]


def shared_parts():
    """Built once for all models, as CmdStan does: the object with Stan's sampler and the precompiled header."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    source = ROOT / "bench/peers/stan_driver.cpp"
    linked, header = FOLDER / f"driver-{digest(source)}.o", FOLDER / f"header-{digest()}.hpp"
    if not linked.exists():
        run("g++", *FLAGS, "-c", source, "-o", linked.with_suffix(".part"))
        linked.with_suffix(".part").rename(linked)
    if not header.with_suffix(".hpp.gch").exists():
        header.write_text("#include <stan/model/model_header.hpp>\n")
        run("g++", *FLAGS, "-x", "c++-header", header, "-o", header.with_suffix(".part"))
        header.with_suffix(".part").rename(header.with_suffix(".hpp.gch"))
    return linked, header


def build(name):
    """The program of a model and the seconds that building it took."""
    linked, header = shared_parts()
    source, program, record = ROOT / f"bench/peers/stan/{name}.stan", FOLDER / name, FOLDER / f"{name}.built"
    wanted = digest(source, ROOT / "bench/peers/stan_driver.cpp")
    if program.exists() and record.exists():
        built, seconds = record.read_text().split()
        if built == wanted:
            return program, float(seconds)
    start = time.monotonic()
    run(HTTPSTAN / "stanc", "--O1", "--name", "model", "--o", FOLDER / f"{name}.cpp", source)
    run("g++", *FLAGS, "-include", header, FOLDER / f"{name}.cpp", linked, "-o", program, *LIBRARIES)
    seconds = time.monotonic() - start
    record.write_text(f"{wanted} {seconds}\n")
    return program, seconds


def read_draws(path):
    """Columns of Stan's CSV by name; beta.1 becomes beta[1]."""
    with open(path) as file:
        lines = [line for line in file if not line.startswith("#")]
    table = np.loadtxt(lines[1:], delimiter=",")
    names = [part if "." not in part else "{}[{}]".format(*part.split(".", 1)).replace(".", ",") for part in lines[0].strip().split(",")]
    return dict(zip(names, table.T))


def main(name):
    program, compile_s = build(name)
    files = [FOLDER / f"{name}.{chain}.csv" for chain in range(1, CHAINS + 1)]

    def chain(c):
        return timed(program, "sample", data_path(name), SEED, c, WARMUP, DRAWS, files[c - 1], FOLDER / f"{name}.{c}.last",
                     stderr=subprocess.DEVNULL)

    start = time.monotonic()
    with ThreadPoolExecutor(CORES) as pool:
        _, peaks, cpu = zip(*pool.map(chain, range(1, CHAINS + 1)))
    sample_s = time.monotonic() - start
    draws = [read_draws(path) for path in files]
    values = {key: np.stack([d[key] for d in draws]) for key in draws[0]}
    gradient_s = float(subprocess.check_output([program, "gradient", data_path(name), FOLDER / f"{name}.1.last"]))
    finish(name, "stan", values, cold_s=compile_s + sample_s, warm_s=sample_s, sample_s=sample_s, cpu_s=sum(cpu),
           compile_s=compile_s, gradient_s=gradient_s, leapfrogs=float(values["n_leapfrog__"].sum()), divergences=int(values["divergent__"].sum()),
           memory_mib=CORES * max(peaks))


if __name__ == "__main__":
    if "--build" in sys.argv:
        build(sys.argv[1])
    else:
        main(sys.argv[1])
