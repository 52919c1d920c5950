# SPDX-License-Identifier: MIT
"""peers.py BOREL_JSON: diffusers and k-diffusion beside the samples of bench/diffusion/borel.lua."""
import importlib.util
import json
import math
import re
import sys
import types
import warnings

import numpy as np
import torch

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.set_grad_enabled(False)
torch.float32 = torch.float64  # schedulers that cast to float32 stay in float64
import diffusers  # noqa: E402
from diffusers import (DDIMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler,  # noqa: E402
                       DPMSolverSinglestepScheduler, SASolverScheduler, UniPCMultistepScheduler)

diffusers.utils.logging.set_verbosity_error()

borel = json.load(open(sys.argv[1]))
start = torch.tensor(borel["start"])
fine = torch.tensor(borel["fine"])
normals = [torch.tensor(step) for step in borel["normals"]]


# ---- the score --------------------------------------------------------------------------------------------------


def alpha_sigma(lam):
    return 1 / math.sqrt(1 + math.exp(-2 * lam)), 1 / math.sqrt(1 + math.exp(2 * lam))


class Mixture:
    """x0 of the mixture: isotropic components."""

    def __init__(self, weights, means, sd, dimension, **_):
        self.weights, self.sd = torch.tensor(weights), torch.tensor(sd)
        self.means = torch.tensor(means).reshape(-1, dimension)

    def x0(self, x, alpha, sigma):
        variance = alpha**2 * self.sd**2 + sigma**2
        rest = x[:, None, :] - alpha * self.means
        log = torch.log(self.weights) - x.shape[1] / 2 * torch.log(variance) - (rest**2).sum(-1) / (2 * variance)
        r = torch.softmax(log, 1)
        parts = self.means + (alpha * self.sd**2 / variance)[:, None] * rest
        return (r[:, :, None] * parts).sum(1)


class Combinations:
    """x0 of N(mean, variance) for combinations of 1, x at the start and normals: row [1, k]."""

    mean, variance = 0.7, 0.09

    def x0(self, x, alpha, sigma):
        gain = alpha * self.variance / (alpha**2 * self.variance + sigma**2)
        out = gain * x
        out[:, 0] += self.mean * (1 - gain * alpha)
        return out


m3 = Mixture(**borel["mixture"])


# ---- diffusers --------------------------------------------------------------------------------------------------


class Diffusers:
    """A scheduler class with options: run(score, lambdas, x, normals)."""

    def __init__(self, make, step=None, tau=None, **options):
        self.make, self.options, self.step_options, self.tau = make, options, step or {}, tau
        self.name = "diffusers " + make.__name__.replace("Scheduler", "")

    def scheduler(self, lambdas):
        n = len(lambdas) - 1
        if self.make is DDIMScheduler:  # knows alphas of a table alone: that of the levels
            scheduler = DDIMScheduler(num_train_timesteps=n, clip_sample=False, **self.options)
            scheduler.set_timesteps(n)
            squares = torch.tensor([alpha_sigma(lam)[0] ** 2 for lam in lambdas])
            scheduler.alphas_cumprod, scheduler.final_alpha_cumprod = squares[:-1].flip(0), squares[-1]
            return scheduler
        options = dict(self.options)
        if self.tau:
            options["tau_func"] = lambda i: torch.tensor(float(self.tau(lambdas[int(i)])))
        scheduler = self.make(**options)
        scheduler.set_timesteps(n)
        scheduler.sigmas = torch.tensor([math.exp(-lam) for lam in lambdas])
        scheduler.timesteps = torch.arange(n)
        return scheduler

    def run(self, score, lambdas, x, noise):
        scheduler = self.scheduler(lambdas)
        module = sys.modules[self.make.__module__]
        for i, t in enumerate(scheduler.timesteps):
            alpha, sigma = alpha_sigma(lambdas[i])
            eps = (x - alpha * score.x0(x, alpha, sigma)) / sigma
            module.randn_tensor = lambda *a, **k: noise[i]
            if self.make is DDIMScheduler:
                t = int(t)
            x = scheduler.step(eps, t, x, **self.step_options).prev_sample
        return x


# ---- k-diffusion ------------------------------------------------------------------------------------------------


def load_k_diffusion():
    """Its samplers without its package, which wants what images need."""
    found = importlib.util.find_spec("k_diffusion")
    if not found:
        return None
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["k_diffusion"] = package
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["torchvision.transforms"].functional = sys.modules["torchvision.transforms.functional"]
    return importlib.import_module("k_diffusion.sampling")


class KDiffusion:
    def __init__(self, sampler, **options):
        self.sampler, self.options, self.name = sampler, options, "k-diffusion " + sampler

    def run(self, score, lambdas, x, noise):
        """In the frame of variance that explodes: z = x / alpha."""
        sigmas = torch.tensor([math.exp(-lam) for lam in lambdas])
        step = [0]

        def denoised(z, sigma, **_):
            lam = -math.log(float(sigma.flatten()[0]))
            alpha, s = alpha_sigma(lam)
            return score.x0(alpha * z, alpha, s)

        def sampler(sigma, sigma_next):
            step[0] += 1
            return noise[step[0] - 1]

        options = dict(self.options)
        if options.pop("sde", False):
            options["noise_sampler"] = sampler
        z = x / alpha_sigma(lambdas[0])[0]
        call = getattr(k, self.sampler)
        if self.sampler == "sample_dpm_fast":
            z = call(denoised, z, float(sigmas[-1]), float(sigmas[0]), len(lambdas) - 1, disable=True, **options)
        else:
            z = call(denoised, z, sigmas, disable=True, **options)
        return alpha_sigma(lambdas[-1])[0] * z


k = load_k_diffusion()


# ---- cases ------------------------------------------------------------------------------------------------------

multi = {"final_sigmas_type": "sigma_min"}
single = {"final_sigmas_type": "sigma_min", "lower_order_final": False}
unipc = {"lower_order_final": False, "final_sigmas_type": "sigma_min"}
sa = {"lower_order_final": False}
one = lambda lam: 1  # noqa: E731


def DPM(order, kind="dpmsolver++", form="midpoint", **more):
    return Diffusers(DPMSolverMultistepScheduler, solver_order=order, algorithm_type=kind, solver_type=form,
                     **{**multi, **more})


def Single(order, kind="dpmsolver++", form="midpoint", lower=False):
    return Diffusers(DPMSolverSinglestepScheduler, solver_order=order, algorithm_type=kind, solver_type=form,
                     **{**single, "lower_order_final": lower})


def UniPC(order, variant="bh2", **more):
    return Diffusers(UniPCMultistepScheduler, solver_order=order, solver_type=variant, **{**unipc, **more})


def SA(predictor, corrector, tau=one, **more):
    return Diffusers(SASolverScheduler, predictor_order=predictor, corrector_order=corrector, tau=tau, **{**sa, **more})


SAME, OTHER = "same", "other"  # those that differ are reported
cases = [
    ("ddim", Diffusers(DDIMScheduler), SAME, ""),
    ("ddim eta=1", Diffusers(DDIMScheduler, step={"eta": 1.0}), SAME, ""),
    ("dpmpp 1", DPM(1), SAME, ""),
    ("dpmpp 2M midpoint", DPM(2), SAME, ""),
    ("dpmpp 2M heun", DPM(2, form="heun"), SAME, ""),
    ("dpmpp 3M compat", DPM(3), SAME, ""),
    ("dpmpp 3M", DPM(3), OTHER, "half of the second difference"),
    ("dpm 1", DPM(1, "dpmsolver"), SAME, ""),
    ("dpm 2M midpoint", DPM(2, "dpmsolver"), SAME, ""),
    ("dpm 2M taylor", DPM(2, "dpmsolver", "heun"), SAME, ""),
    ("dpm 3M compat", DPM(3, "dpmsolver"), SAME, ""),
    ("dpm 3M", DPM(3, "dpmsolver"), OTHER, "half of the second difference"),
    ("sde 1", DPM(1, "sde-dpmsolver++"), SAME, ""),
    ("sde 2M midpoint", DPM(2, "sde-dpmsolver++"), SAME, ""),
    ("sde 2M heun", DPM(2, "sde-dpmsolver++", "heun"), SAME, ""),
    ("sde 3M", DPM(3, "sde-dpmsolver++"), OTHER, "sign of 1/2 in the last term"),
    ("sde noise 1", DPM(1, "sde-dpmsolver"), SAME, ""),
    ("sde noise 2M", DPM(2, "sde-dpmsolver"), SAME, ""),
    ("dpmpp 2S grid", Single(2), SAME, ""),
    ("dpmpp 3S grid taylor", Single(3, form="heun", lower=True), SAME, ""),
    ("dpm 2S grid", Single(2, "dpmsolver"), SAME, ""),
    ("dpm 3S grid taylor", Single(3, "dpmsolver", "heun", lower=True), SAME, ""),
    ("dpmpp 3S grid taylor", Single(3, lower=True), OTHER, "midpoint inside, any r2"),
    ("unipc 1 bh1", UniPC(1, "bh1"), SAME, ""),
    ("unipc 1 bh2", UniPC(1), SAME, ""),
    ("unipc 2 bh1", UniPC(2, "bh1"), SAME, ""),
    ("unipc 2 bh2", UniPC(2), SAME, ""),
    ("unipc 3 bh2", UniPC(3), SAME, ""),
    ("unipc 4 bh2", UniPC(4), SAME, ""),
    ("unipc 2 lower end", UniPC(2, lower_order_final=True), SAME, ""),
    ("unipc 3 noise", UniPC(3, predict_x0=False), SAME, ""),
    ("unipc 3 from 3", UniPC(3, disable_corrector=[0, 1]), SAME, ""),
    ("sa 1 1", SA(1, 1), SAME, ""),
    ("sa 2 2", SA(2, 2), SAME, ""),
    ("sa 3 4", SA(3, 4), SAME, ""),
    ("sa 3 3 pieces", SA(3, 3, lambda lam: 0 if lam < -1 or lam >= 1.5 else 1), SAME, ""),
    ("sa 3 3 tau=0", SA(3, 3, lambda lam: 0), SAME, ""),
    ("sa 3 3 noise", SA(3, 3, lambda lam: 0.5, algorithm_type="noise_prediction"), SAME, ""),
    ("dpm 1", Diffusers(DEISMultistepScheduler, solver_order=1, lower_order_final=False), SAME, ""),
    ("dpm 2M taylor", Diffusers(DEISMultistepScheduler, solver_order=2, lower_order_final=False), SAME, ""),
    ("dpm 3M taylor", Diffusers(DEISMultistepScheduler, solver_order=3, lower_order_final=False), SAME, ""),
]
if k:
    cases += [
        ("dpmpp 2M midpoint", KDiffusion("sample_dpmpp_2m"), SAME, ""),
        ("dpmpp 2S", KDiffusion("sample_dpmpp_2s_ancestral", eta=0.0), SAME, ""),
        ("sde 2M midpoint", KDiffusion("sample_dpmpp_2m_sde", sde=True), SAME, ""),
        ("sde 2M heun", KDiffusion("sample_dpmpp_2m_sde", sde=True, solver_type="heun"), SAME, ""),
        ("sde 2M heun eta=.5", KDiffusion("sample_dpmpp_2m_sde", sde=True, solver_type="heun", eta=0.5), SAME, ""),
        ("sde 3M compat taylor", KDiffusion("sample_dpmpp_3m_sde", sde=True), SAME, ""),
        ("sde 3M", KDiffusion("sample_dpmpp_3m_sde", sde=True), OTHER, "half of the second difference"),
        ("dpm fast 3", KDiffusion("sample_dpm_fast"), SAME, ""),
    ]


def slope(errors, ns):
    return math.log(errors[-2] / errors[-1]) / math.log(ns[-1] / ns[-2])


def uniform(a, b, n):
    return [a + (b - a) * i / n for i in range(n)] + [b]


def peer_errors(peer):
    out = []
    for n in borel["ns"]:
        x = peer.run(m3, uniform(-5, 4, n), start, [torch.zeros_like(start)] * n)
        out.append(float(((x - fine) ** 2).sum(1).mean().sqrt()))
    return out, slope(out, borel["ns"])


def peer_weak(peer):
    """Errors of the variance at the end for x0 ~ N(.7, .3^2), exactly."""
    out = []
    for n in borel["weak_ns"]:
        x = torch.zeros(1, n + 2)
        x[0, 1] = 1
        x = peer.run(Combinations(), uniform(-5, 3, n), x, [torch.eye(n + 2)[i + 2][None] for i in range(n)])[0]
        (a, s), (b, t) = alpha_sigma(-5), alpha_sigma(3)
        have = float(x[1] ** 2 * (a**2 * 0.09 + s**2) + (x[2:] ** 2).sum())
        out.append(abs(have - (b**2 * 0.09 + t**2)))
    return out, slope(out, borel["weak_ns"])


def main():
    print(f"diffusers {diffusers.__version__}, torch {torch.__version__}, k-diffusion {'0.1.1' if k else 'not there'}")
    print(f"{'Borel':22} {'peer':42} {'apart':>8}  {'order: Borel':>12} {'peer':>6}")
    bad, same, other = [], 0, 0
    only = re.compile(sys.argv[2] if len(sys.argv) > 2 else ".")
    for name, peer, expected, note in cases:
        if not only.search(f"{name} {peer.name}"):
            continue
        kept = borel["cases"][name]
        x = torch.tensor(kept["x"])
        lambdas = borel["lambdas"]
        if peer.name.endswith("dpm_fast"):
            lambdas = None  # has a grid of its own
        apart = math.nan
        if lambdas:
            y = peer.run(m3, lambdas, start, normals)
            apart = float((x - y).abs().max() / x.abs().max())
        if "weak" in kept:
            ours, (errors, theirs) = slope(kept["weak"], borel["weak_ns"]), peer_weak(peer)
            worst = abs(errors[-1] / kept["weak"][-1] - 1)
        else:
            ours, (errors, theirs) = slope(kept["errors"], borel["ns"]), peer_errors(peer)
            worst = abs(errors[-1] / kept["errors"][-1] - 1)
        if not lambdas:
            apart = worst
        print(f"{name:22} {peer.name:42} {apart:8.1e}  {ours:12.2f} {theirs:6.2f}  {note}")
        if expected == SAME:
            same += 1
            if not apart < 1e-7:
                bad.append((name, peer.name))
        else:
            other += 1
    print(f"FIGURE diffusion_peers_agree {same - len(bad)} of {same}")
    print(f"FIGURE diffusion_peers_differ {other}")
    for name, peer in bad:
        print(f"differs: {name} and {peer}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
