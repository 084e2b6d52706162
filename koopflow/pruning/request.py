"""The further options of `koopflow.prune`, with their defaults."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, TypedDict

from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name
from koopflow.pruning.schedules import Schedule
from koopflow.pruning.subject import Kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    from koopflow.pruning.probes import Batch, Loss


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
    data : (inputs, targets)
        Training data for scores that probe the network; by default gradients are read from
        ``.grad``.
    loss : function of (output, targets)
        Mean loss on `data`; cross-entropy by default.
    schedule : {"one_shot", "iterative", "gradual"}
        Prune at once, or in rounds that score what is left again: the same share of survivors in
        each round, or a cubic schedule.
    rounds : int
        Number of rounds; 1 for one_shot.
    train : function of (model,)
        Called after each round with the masked network, to train it. The network is then changed,
        and has the mask applied in the end.
    """

    prunable: Kinds
    counted: Literal["prunable", "all"]
    window: int | None
    rank: float
    replica: int
    seed: int
    data: "tuple[torch.Tensor, torch.Tensor]"
    loss: "Loss"
    schedule: Schedule
    rounds: int
    train: "Callable[[nn.Module], object]"


@dataclass(frozen=True)
class Request:
    """The options of `Further`, all given."""

    prunable: Kinds = "weights"
    counted: Literal["prunable", "all"] = "prunable"
    window: int | None = None
    rank: float = 10
    replica: int = 0
    seed: int = 0
    data: "tuple[torch.Tensor, torch.Tensor] | None" = None
    loss: "Loss | None" = None
    schedule: Schedule = "one_shot"
    rounds: int = 1
    train: "Callable[[nn.Module], object] | None" = None

    @property
    def batch(self) -> "Batch | None":
        """The data on which the network is probed."""
        from koopflow.pruning.probes import Batch

        if self.data is None:
            return None
        return Batch(*self.data) if self.loss is None else Batch(*self.data, self.loss)

    @classmethod
    def completed(cls, further: Further) -> "Request":
        """Return the options with defaults in place of those not given.

        Raises
        ------
        KoopflowError
            For an unknown option, or one of the wrong type.
        """
        known = [field.name for field in fields(cls)]
        for name in further:
            if name not in known:
                raise unknown_name("prune", name, known, "option")
        found = cls(**further)
        arguments.whole(found.rounds, "rounds", 1)
        arguments.whole(found.seed, "seed")
        if found.data is not None and not (isinstance(found.data, tuple | list) and len(found.data) == 2):
            raise KoopflowError(f"data must be inputs and targets, (inputs, targets) (got {type(found.data).__name__})")
        return found
