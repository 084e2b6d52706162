"""The flow of couplings over the rounds of a chain, and its exponents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from koopflow.io.columns import TICKET_EXPONENTS, TICKET_FLOW
from koopflow.rg.couplings import coupling_of
from koopflow.rg.exponents import WindowRule, fit_exponents
from koopflow.rg.flows import scale_of
from koopflow.rg.groups import Sums

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Flow:
    """Groups of weights over the rounds of a chain.

    Attributes
    ----------
    groups : list of str
    sums : array (3, seed, round, group)
        Magnitude, survivors and weights of each group.
    densities : array (round,)
        Share of weights that survive.
    """

    groups: list[str]
    sums: NDArray[Any]
    densities: NDArray[np.float64]

    def couplings(self, kind: str) -> NDArray[np.float64]:
        """Return the couplings (seed, round, group)."""
        return couplings_of(self.sums, kind)

    @property
    def scale(self) -> NDArray[np.float64]:
        """The accumulated log scale factor of each round, (round,)."""
        return scale_of(self.densities)


def couplings_of(sums: NDArray[Any], kind: str) -> NDArray[np.float64]:
    """Return couplings (seed, round, group) from sums (3, seed, round, group).

    Raises
    ------
    KoopflowError
        For an unknown kind of coupling.
    """
    _, seeds, rounds, groups = sums.shape
    flat = Sums(*sums.reshape(3, seeds * rounds, groups))
    return coupling_of(flat, kind, "tickets.coupling").reshape(seeds, rounds, groups)


def flow_table(flow: Flow, seeds: list[int], task: str, model: str, kind: str) -> "pd.DataFrame":
    """Return one row per seed, round and group with its coupling."""
    import pandas as pd  # trainings read chains, and make no table

    values = flow.couplings(kind)
    rows = [
        (task, model, seed, number, group, flow.densities[number], values[i, number, j])
        for i, seed in enumerate(seeds)
        for number in range(values.shape[1])
        for j, group in enumerate(flow.groups)
    ]
    return pd.DataFrame(rows, columns=list(TICKET_FLOW))


def exponents_table(flow: Flow, task: str, model: str, kind: str, rule: WindowRule, margin: float) -> "pd.DataFrame":
    """Return one row per group: its exponent, interval, fit, scaling window, class and drift.

    Parameters
    ----------
    flow : Flow
    task, model : str
        As tables name them.
    kind : str
        The kind of coupling.
    rule : WindowRule
        How the scaling window is chosen.
    margin : float
        Exponents within this distance of zero are marginal.
    """
    import pandas as pd

    fit = fit_exponents(flow.couplings(kind), flow.scale, flow.groups, rule, margin=margin)
    columns = [fit.groups, fit.sigma, fit.ci_low, fit.ci_high, fit.r2, fit.first_round, fit.last_round, fit.classes]
    drifts = zip(fit.drift, fit.drift_low, fit.drift_high)
    seeds = flow.sums.shape[1]
    rows = [(task, model, *values, seeds, fit.interval, *drift) for values, drift in zip(zip(*columns), drifts)]
    return pd.DataFrame(rows, columns=list(TICKET_EXPONENTS))
