# SPDX-License-Identifier: MIT
"""score.py: bulk effective sample sizes of all runs by one program (ArviZ), and the largest |z| of a mean against the
reference, added to each run's JSON."""
import json
import warnings

import arviz
import numpy as np

from common import BUILD, CHAINS, DRAWS, reference

warnings.filterwarnings("ignore")
for path in sorted((BUILD / "runs").glob("*.npz")):
    result_path = path.with_name(path.name[:-4] + ".json")
    result = json.loads(result_path.read_text())
    if "min_ess" in result and result_path.stat().st_mtime >= path.stat().st_mtime:
        continue
    draws, worst_ess, worst_z, worst_rhat = np.load(path), np.inf, 0.0, 0.0
    for row in reference(result["posterior"]):
        x = draws[row["name"]]
        ess = float(arviz.ess(x, method="bulk"))
        worst_ess = min(worst_ess, ess)
        worst_rhat = max(worst_rhat, float(arviz.rhat(x)))
        worst_z = max(worst_z, abs(x.mean() - row["mean"]) / np.hypot(row["mcse_mean"], x.std() / np.sqrt(ess)))
    result |= dict(min_ess=worst_ess, max_rhat=worst_rhat, max_z=worst_z,
                   leapfrogs_per_draw=result["leapfrogs"] / (CHAINS * DRAWS), ess_per_gradient=worst_ess / result["leapfrogs"],
                   ess_per_s=worst_ess / result["sample_s"],
                   ess_per_cpu_s=worst_ess / result["cpu_s"], gradients_per_s=1 / result["gradient_s"])
    result_path.write_text(json.dumps(result, indent=1))
