"""One window of rounds for all exponents that are compared: every layer of every task."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from koopflow.rg.exponents import WindowRule
from koopflow.rg.flows import scaling_window
from koopflow.tickets.flow import Flow

FEWEST = 3
"""Fewest rounds of a window."""


class Compared(Protocol):
    """A chain whose exponents are compared with those of others: trained here or elsewhere."""

    @property
    def rounds(self) -> int:
        """Number of rounds."""

    @property
    def seeds(self) -> list[int]:
        """Seeds with all rounds."""

    @property
    def step(self) -> float:
        """The log scale factor of one round."""

    def flow(self, grouping: str = "layer") -> Flow:
        """Return the flow of groups of weights."""


def common_window(
    chains: Mapping[str, Compared], rule: WindowRule, coupling: str = "share", grouping: str = "layer"
) -> tuple[int, int]:
    """Return the longest window in which all couplings of all tasks scale; all rounds if there is
    none, where R² tells how far each is from a power law.

    The window is the same for all tasks, so that a difference of exponents is no difference of
    windows.

    Parameters
    ----------
    chains : mapping of str to Compared
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
