"""One window of rounds for all exponents that are compared: every layer of every task."""

from collections.abc import Mapping

import numpy as np

from koopflow.rg.exponents import WindowRule
from koopflow.rg.flows import scaling_window
from koopflow.tickets.chain import Chain

FEWEST = 3
"""Fewest rounds of a window."""


def common_window(
    chains: Mapping[str, Chain], rule: WindowRule, coupling: str = "share", grouping: str = "layer"
) -> tuple[int, int]:
    """Return the longest window in which all couplings of all tasks scale; all rounds if there is
    none, where R² tells how far each is from a power law.

    The window is the same for all tasks, so that a difference of exponents is no difference of
    windows.

    Parameters
    ----------
    chains : mapping of str to Chain
    rule : WindowRule
        Tolerance and fewest rounds.
    coupling, grouping : str
        Which couplings.
    """
    rounds = min(chain.rounds for chain in chains.values())
    if rounds < FEWEST:
        return 0, rounds - 1
    seeds = sorted(set.intersection(*(set(chain.seeds) for chain in chains.values())))
    logs = []
    for chain in chains.values():
        kept = [chain.seeds.index(seed) for seed in seeds]
        with np.errstate(divide="ignore"):
            logs.append(np.log(chain.flow(grouping).couplings(coupling)[kept, :rounds]).transpose(2, 0, 1))
    scale = next(iter(chains.values())).flow(grouping).scale[:rounds]
    found = scaling_window(np.concatenate(logs), scale, rule.tolerance, min(rule.minimum_rounds, rounds))
    return found or (0, rounds - 1)
