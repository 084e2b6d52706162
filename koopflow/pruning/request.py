"""The further options of `koopflow.prune`, with their defaults."""

from dataclasses import dataclass, fields
from typing import Literal, TypedDict

from koopflow.core.suggest import unknown_name
from koopflow.pruning.subject import Kinds


class Further(TypedDict, total=False):
    """Further options of `koopflow.prune`.

    Attributes
    ----------
    prunable : {"weights", "all"} or sequence of str
        The tensors that may be pruned: the weights of linear layers and convolutions (in a recorded
        run, all tensors of at least two dimensions), all tensors, or name patterns.
    counted : {"prunable", "all"}
        Whether compression is prunable weights / kept ones, or, as in ShrinkBench, all weights /
        kept ones.
    window, rank, replica : int, float, int
        Koopman fit: number of recorded steps before the end (all by default), rank, and index of
        the run.
    seed : int
        Seed of random scores.
    """

    prunable: Kinds
    counted: Literal["prunable", "all"]
    window: int | None
    rank: float
    replica: int
    seed: int


@dataclass(frozen=True)
class Request:
    """The options of `Further`, all given."""

    prunable: Kinds = "weights"
    counted: Literal["prunable", "all"] = "prunable"
    window: int | None = None
    rank: float = 10
    replica: int = 0
    seed: int = 0

    @classmethod
    def completed(cls, further: Further) -> "Request":
        """Return the options with defaults in place of those not given.

        Raises
        ------
        KoopflowError
            For an unknown option.
        """
        known = [field.name for field in fields(cls)]
        for name in further:
            if name not in known:
                raise unknown_name("prune", name, known, "option")
        return cls(**further)
