"""Do exponents differ between tasks by more than between seeds of one task?"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from koopflow.core.errors import KoopflowError
from koopflow.rg.groups import Array

MORE, NO_MORE, UNDECIDED = "more than between seeds", "no more than between seeds", "undecided"


@dataclass(frozen=True)
class BetweenTasks:
    """Spread of one exponent between tasks beside its spread between seeds.

    Attributes
    ----------
    between : float
        Root mean square distance between two tasks, free of the spread of seeds.
    within : float
        Root mean square distance between two seeds of one task: the floor.
    ratio, ci_low, ci_high : float
        between / within, with its interval.
    verdict : str
        "more than between seeds" if the interval lies above 1, "no more than between seeds" if it
        lies below, "undecided" otherwise.
    """

    between: float
    within: float
    ratio: float
    ci_low: float
    ci_high: float
    verdict: str


def between_tasks(exponents: Array, confidence: float = 0.95) -> BetweenTasks:
    """Compare the spread of an exponent between tasks with that between seeds.

    One-way analysis of variance with tasks as random effects; the interval of the ratio of
    variances is exact for normal effects (Searle, Casella & McCulloch 1992, Variance Components,
    section 3.6).

    Parameters
    ----------
    exponents : float64 (task, seed)
    confidence : float
        Level of the interval of the ratio.

    Raises
    ------
    KoopflowError
        For fewer than two tasks or two seeds.
    """
    exponents = np.asarray(exponents, dtype=np.float64)
    if exponents.ndim != 2 or min(exponents.shape) < 2:
        raise KoopflowError(f"exponents must be (task, seed), two of each at least (got shape {exponents.shape})")
    tasks, seeds = exponents.shape
    within = float(exponents.var(axis=1, ddof=1).mean())
    statistic = seeds * float(exponents.mean(axis=1).var(ddof=1)) / within if within > 0 else np.inf
    freedom = tasks - 1, tasks * (seeds - 1)
    tail = (1 - confidence) / 2
    values = [statistic, *(statistic / special.fdtri(*freedom, level) for level in (1 - tail, tail))]
    ratio, low, high = (float(np.sqrt(max(0.0, (value - 1) / seeds))) for value in values)
    verdict = MORE if low > 1 else NO_MORE if high < 1 else UNDECIDED
    floor = float(np.sqrt(2 * within))
    return BetweenTasks(ratio * floor if np.isfinite(ratio) else np.nan, floor, ratio, low, high, verdict)
