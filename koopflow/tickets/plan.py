"""The origin of a chain of pruning rounds: its plan, its set-up and its images."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from koopflow.core import masks
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.tickets.training import Setup


@dataclass(frozen=True)
class ChainPlan:
    """How a chain prunes, round by round.

    Attributes
    ----------
    task : str
        Name of the task, for provenance.
    seeds : int
        Number of seeds; the initial weights of a seed are the same in every task, so that its
        tickets can be transferred.
    fraction : float
        Share of the survivors pruned after each round, strictly between 0 and 1; counts are exact.
    scope : {"global", "layer"}
        Whether magnitudes compete across layers.
    composed : int
        Prunings after each training: 2 makes one large step of two small ones, with exactly their
        counts.
    rewind_step : int
        Step of round 0 to which survivors are rewound; the training of each later round starts
        there.
    seed : int
        The run's seed.
    stream : str
        Name of the stream of batch orders; another name gives the same chain other batches.
    """

    task: str
    seeds: int
    fraction: float = 0.2
    scope: str = "global"
    composed: int = 1
    rewind_step: int = 0
    seed: int = 0
    stream: str = "batches"

    def check(self, steps: int) -> None:
        """Raise a KoopflowError unless the plan suits trainings of `steps` steps."""
        masks.pruned_count(1, self.fraction)
        if self.scope not in ("global", "layer"):
            raise KoopflowError(f"tickets: scope must be global or layer (got {self.scope!r})")
        if not 0 <= self.rewind_step < steps:
            raise KoopflowError(
                f"tickets: rewind_step must be from 0 to {steps - 1}, a step before the end of training (got "
                f"{self.rewind_step})"
            )


@dataclass(frozen=True, kw_only=True)
class ChainOrigin(ChainPlan):
    """All that the numbers of a chain depend on, except its number of rounds.

    Attributes
    ----------
    setup : dict
        The training set-up, as plain values.
    images : str
        A digest of the training images and labels.
    """

    setup: dict[str, Any]
    images: str

    @classmethod
    def of(cls, plan: ChainPlan, setup: Setup, images: Images) -> "ChainOrigin":
        """Return the origin of a chain with this plan and set-up on `images`."""
        digest = hashlib.sha256(np.ascontiguousarray(images.x_train).tobytes())
        digest.update(np.ascontiguousarray(images.y_train).tobytes())
        return cls(**asdict(plan), setup=setup.describe(), images=digest.hexdigest()[:16])

    def dump(self) -> dict[str, Any]:
        """Return the origin as plain values."""
        return asdict(self)

    def digest(self) -> str:
        """Return the name under which a chain of this origin is kept."""
        return hashlib.sha256(json.dumps(self.dump(), sort_keys=True).encode()).hexdigest()[:24]
