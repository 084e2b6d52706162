"""What a predictor of transfer is given, and how it declares what it needs and costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name
from koopflow.data.images.sets import Images
from koopflow.tickets.chain import Chain
from koopflow.tickets.predictors.registry import PREDICTORS
from koopflow.tickets.training import Rows, Setup

NEEDS = frozenset({"target_rounds", "source_images"})
"""What a predictor may need beside the ticket and the target's training images: the target's own
rounds of pruning, or the images on which the ticket was found."""
STEP = 3
"""Cost of a training step in forward passes of its batch: a backward pass counts as two."""

Score = Callable[["Candidates"], NDArray[np.float64]]
Declared = TypeVar("Declared", bound=Score)


@dataclass(frozen=True)
class Candidates:
    """Tickets that might be trained on one target; a row is one ticket of one seed.

    Attributes
    ----------
    setup : Setup
        How the target trains.
    images : Images
        The target's images. Predictors read training images alone: transfer is scored on the
        others.
    rows : Rows
        Rewind weights, masks and seed of each ticket.
    sources : sequence of str, (row,)
        The task on which each ticket was found.
    seed : int
        The run's seed.
    stream : str
        Name of the stream of batch orders.
    first_step : int
        The rewind step.
    target : str
    round_number : int
        The round of all tickets.
    chains : mapping of str to Chain
        Chains of the sources, and the target's own, for predictors that need it.
    window : (int, int)
        First and last round, inclusive, of the window in which exponents are fitted.
    source_images : mapping of str to Images
        Images of the sources and the target, for predictors that need them.
    grouping : {"layer", "block"}
        Groups of weights whose exponents are compared.
    """

    setup: Setup
    images: Images
    rows: Rows
    sources: Sequence[str]
    seed: int = 0
    stream: str = "batches"
    first_step: int = 0
    target: str = ""
    round_number: int = 0
    chains: Mapping[str, Chain] = field(default_factory=dict)
    window: tuple[int, int] = (0, 0)
    source_images: Mapping[str, Images] = field(default_factory=dict)
    grouping: str = "layer"

    @property
    def count(self) -> int:
        """Number of tickets."""
        return len(self.sources)

    def by_source(self, distance: Callable[[str], NDArray[Any] | float]) -> NDArray[np.float64]:
        """Return minus the distance of each row's source from the target, (row,).

        ``distance(source)`` returns one number, or one per seed (seed,).
        """
        found = {source: np.asarray(distance(source), dtype=float) for source in dict.fromkeys(self.sources)}
        seeds = list(dict.fromkeys(self.rows.seeds))
        rows = zip(self.sources, self.rows.seeds)
        return np.array(
            [
                -float(found[source] if found[source].ndim == 0 else found[source][seeds.index(seed)])
                for source, seed in rows
            ]
        )


@dataclass(frozen=True)
class Predictor:
    """A predictor of transfer.

    Attributes
    ----------
    name : str
    function : callable
        ``function(candidates) -> array (row,)``; larger values promise more transfer.
    needs : frozenset of str
        What it needs beside the ticket and the target's training images.
    passes : callable
        ``passes(candidates)`` is its cost for one ticket, in forward passes of single images.
    """

    name: str
    function: Score
    needs: frozenset[str]
    passes: Callable[[Candidates], float]

    def scores(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the scores (row,).

        Raises
        ------
        KoopflowError
            If the function returns another shape.
        """
        found = np.asarray(self.function(candidates), dtype=np.float64)
        if found.shape != (candidates.count,):
            raise KoopflowError(
                f"predictor of transfer {self.name} must return one number per ticket, shape ({candidates.count},) "
                f"(got {found.shape})"
            )
        return found


def predictor(
    needs: Iterable[str] = (), passes: Callable[[Candidates], float] | None = None
) -> Callable[[Declared], Declared]:
    """Declare what a predictor of transfer needs, and what it costs.

    Parameters
    ----------
    needs : iterable of str
        Of `NEEDS`.
    passes : callable, optional
        ``passes(candidates)``: forward passes of single images per ticket; unknown (NaN) by default.

    Raises
    ------
    KoopflowError
        For an unknown need.
    """
    wanted = frozenset(needs)
    for name in sorted(wanted - NEEDS):
        raise unknown_name("predictor(needs=...)", name, NEEDS, "need of a predictor")

    def declare(function: Declared) -> Declared:
        function.needs, function.passes = wanted, passes or unknown  # type: ignore[attr-defined]
        return function

    return declare


def unknown(candidates: Candidates) -> float:
    """Return NaN: the cost of a predictor that declares none."""
    return float("nan")


def load_predictor(name: str, key: str = "predictors") -> Predictor:
    """Return the predictor `name`, registered or ``package.module:name``; errors begin with
    `key`."""
    function = PREDICTORS.load(name, key)
    return Predictor(name, function, getattr(function, "needs", frozenset()), getattr(function, "passes", unknown))


def cost_of_training(setup: Setup, first_step: int = 0) -> float:
    """Return the cost of training one ticket, in forward passes of single images."""
    return float(STEP * setup.batch_size * (setup.steps - first_step))


def cost_of_rounds(candidates: Candidates) -> float:
    """Return the cost of the target's own rounds of pruning up to the tickets' round."""
    return candidates.round_number * cost_of_training(candidates.setup, candidates.first_step)
