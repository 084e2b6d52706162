"""Measures on the flow of winning tickets as a renormalization group (arXiv 2110.03210)."""

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Estimate, over_networks
from koopflow.claims.measures import measure
from koopflow.claims.tables import Choice, Tables, pick
from koopflow.core.intervals import AT_MOST_ONE

FLOW = "tickets/flow.csv"
EXPONENTS = "tickets/exponents.csv"
COMPOSITION = "tickets/composition.csv"
FEWEST_ROUNDS = 3
"""Fewest rounds through which a power law is fitted."""


@measure("share of the variance of the log couplings explained by power laws of the density, in the scaling window")
def scaling(tables: Tables, level: float, task: Choice = None, model: Choice = None) -> Estimate:
    """Return pooled R² per seed of log M_i = σ_i log(1/density) + c, over the layers of all tasks,
    each in its scaling window; averaged over networks.

    The residuals of all layers are compared with the total variance, so a layer whose coupling
    hardly changes has little weight.
    """
    flow = pick(tables.read(FLOW), FLOW, task=task, model=model)
    keys = ["task", "model", "layer"]
    windows = tables.read(EXPONENTS)[[*keys, "first_round", "last_round"]].drop_duplicates(keys)
    flow = flow.merge(windows, on=keys)
    flow = flow[(flow["round"] >= flow["first_round"]) & (flow["round"] <= flow["last_round"]) & (flow["coupling"] > 0)]
    found = pd.Series({key: _explained(own) for key, own in flow.groupby(["model", "seed"])}, dtype=float)
    return over_networks(found.rename_axis(["model", "seed"]), level, within=AT_MOST_ONE)


def _explained(flow: pd.DataFrame) -> float:
    """Return the share of the variance of one seed's log couplings that power laws explain."""
    residual = total = 0.0
    for _, layer in flow.groupby(["task", "model", "layer"]):
        if len(layer) >= FEWEST_ROUNDS:
            x, y = np.log(1 / layer["density"].to_numpy()), np.log(layer["coupling"].to_numpy())
            fit = np.polyfit(x, y, 1)
            residual += np.sum((y - np.polyval(fit, x)) ** 2)
            total += np.sum((y - y.mean()) ** 2)
    return 1 - residual / total if total > 0 else float("nan")


@measure("mean relative difference of the couplings after two small rounds and after one large one")
def composition(tables: Tables, level: float, task: Choice = None, model: Choice = None) -> Estimate:
    """Return mean |log(M_a / M_b)| over tasks, layers and densities, per seed and averaged over
    networks: 0.05 is a difference of about 5 %."""
    frame = pick(tables.read(COMPOSITION), COMPOSITION, task=task, model=model)
    if "comparison" in frame:  # the table also holds the floor: the same steps run again
        frame = frame[frame["comparison"] == "composition"]
    frame = frame[(frame["coupling_a"] > 0) & (frame["coupling_b"] > 0)]
    apart = np.abs(np.log(frame["coupling_a"] / frame["coupling_b"]))
    per_seed = frame.assign(apart=apart).groupby(["model", "seed"])["apart"].mean()
    return over_networks(per_seed, level)
