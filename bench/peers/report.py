# SPDX-License-Identifier: MIT
"""report.py REGEX PEER...: tables of all runs (Markdown), FIGURE lines, and the picture when all posteriors and peers are there."""
import json
import re
import sys
from statistics import geometric_mean

from common import BUILD, ROOT

PATTERN, PEERS = sys.argv[1], sys.argv[2:]
NAMES = sorted(p.stem for p in (ROOT / "tests/fixtures/posteriordb").glob("*.csv"))
COLORS = {"stan": "#d1495b", "nutpie": "#2a9d8f", "numpyro": "#e9a23b", "blackjax": "#7b6fd6"}
# What the mean of a run may be away from the reference: as in bench/posteriordb.sh.
Z_LIMIT, RHAT_LIMIT = 4, 1.01


def short(name):
    return name.split("-", 1)[1].removesuffix("_model").replace("radon_hierarchical_intercept_noncentered", "radon_noncentered")


def load(name, peer):
    """The figures of a run; {"failed": why} when there is none."""
    path = BUILD / "runs" / f"{name}.{peer}.json"
    if path.exists():
        return json.loads(path.read_text())
    failed = path.with_name(f"{name}.{peer}.failed")
    return {"failed": failed.read_text().strip() if failed.exists() else "not run"}


def sound(run):
    """The chains agree with each other and with the reference: only then effective sizes mean something."""
    return "failed" not in run and run["max_rhat"] <= RHAT_LIMIT and run["max_z"] <= Z_LIMIT


def cell(value, form="{:.3g}"):
    return "" if value is None else form.format(value)


def ratio(name, peer, key):
    """Borel's over the peer's, or None. Effective sizes are compared only where both runs are sound."""
    mine, theirs = load(name, "borel"), load(name, peer)
    if "failed" in mine or "failed" in theirs or not mine.get(key) or not theirs.get(key):
        return None
    if key.startswith("ess") and not (sound(mine) and sound(theirs)):
        return None
    return mine[key] / theirs[key]


def table_of_runs(names):
    print("| posterior | | gradient, us | leapfrogs a draw | ESS | ESS / 1000 gradients | ESS / s | later call, s | cold, s | CPU s | MiB | |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for peer in ["borel", *PEERS]:
            run = load(name, peer)
            if "failed" in run:
                if run["failed"] != "not run":
                    print(f"| {short(name)} | {peer} | | | | | | | | | | {run['failed']} |")
                continue
            gradient = cell(run["gradient_s"] and 1e6 * run["gradient_s"])
            remark = f"{run['divergences']} divergences" if run["divergences"] else ""
            if not sound(run):
                remark = f"R-hat {run['max_rhat']:.3f}, largest |z| {run['max_z']:.1f}" + (", " + remark if remark else "")
            print(f"| {short(name)} | {peer} | {gradient} | {cell(run['leapfrogs_per_draw'])} | {cell(run['min_ess'], '{:.0f}')} | "
                  f"{cell(1000 * run['ess_per_gradient'])} | {cell(run['ess_per_s'])} | {cell(run['warm_s'])} | {cell(run['cold_s'])} | "
                  f"{cell(run['cpu_s'])} | {cell(run['memory_mib'], '{:.0f}')} | {remark} |")


def table_of_ratios(names):
    print("\n| Borel over | " + " | ".join(f"{p}: gradients/s | ESS/s | ESS/CPU s" for p in PEERS) + " |")
    print("|---|" + "---|" * (3 * len(PEERS)))
    for name in names:
        cells = [cell(ratio(name, p, k), "{:.3g}") for p in PEERS for k in ("gradients_per_s", "ess_per_s", "ess_per_cpu_s")]
        if any(cells):
            print(f"| {short(name)} | " + " | ".join(cells) + " |")


def figures(names):
    for peer in PEERS:
        for key, label in (("gradients_per_s", "gradients_ratio"), ("ess_per_s", "ess_per_s_ratio"), ("ess_per_cpu_s", "ess_per_cpu_s_ratio"),
                           ("ess_per_gradient", "ess_per_gradient_ratio")):
            ratios = [r for r in (ratio(name, peer, key) for name in names) if r]
            if ratios:
                print(f"FIGURE peers_{label}_{peer}_geomean {geometric_mean(ratios):.3g}")
                print(f"FIGURE peers_{label}_{peer}_min {min(ratios):.3g}")
                print(f"FIGURE peers_{label}_{peer}_count {len(ratios)}")
    mine = [run for run in (load(name, "borel") for name in names) if "failed" not in run]
    print(f"FIGURE peers_cold_under_3s {sum(run['cold_s'] < 3 for run in mine)}")
    if mine:
        print(f"FIGURE peers_memory_mib_max {max(run['memory_mib'] for run in mine):.0f}")


def picture(names):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    gray = "#808080"  # readable on white and on black
    plt.rcParams.update({"svg.hashsalt": "peers", "text.color": gray, "axes.labelcolor": gray, "xtick.color": gray, "ytick.color": gray,
                         "axes.edgecolor": gray, "font.size": 9})
    figure, axes = plt.subplots(1, 2, figsize=(10, 6), sharey=True)
    for panel, key, title in ((axes[0], "gradients_per_s", "gradients per second"), (axes[1], "ess_per_s", "effective draws per second")):
        for peer in PEERS:
            points = [(r, i) for i, name in enumerate(names) if (r := ratio(name, peer, key))]
            if points:
                panel.plot(*zip(*points), "o", color=COLORS.get(peer, gray), label=peer, markersize=6, alpha=0.85, markeredgewidth=0)
        panel.axvline(1, color=gray, linewidth=1)
        panel.set_xscale("log")
        panel.set_xlabel("Borel over the peer: " + title)
        panel.grid(True, axis="both", color=gray, alpha=0.25, linewidth=0.5)
        panel.patch.set_alpha(0)
    axes[0].set_yticks(range(len(names)), [short(name) for name in names])
    axes[0].invert_yaxis()
    axes[1].legend(frameon=False, loc="lower right")
    figure.tight_layout()
    path = ROOT / "docs/pictures/peers.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True, metadata={"Date": None})


def main():
    chosen = [name for name in NAMES if re.search(PATTERN, name)]
    table_of_runs(chosen)
    table_of_ratios(chosen)
    figures(chosen)
    ran = all(load(name, peer).get("failed") != "not run" for name in NAMES for peer in ["borel", *PEERS])
    if chosen == NAMES and set(PEERS) == set(COLORS) and ran:
        picture(NAMES)


main()
