"""The blocks ``trajectories`` and ``spectra``: Koopman spectra of recorded training runs."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from koopflow.config.base import Block
from koopflow.config.common import (
    Count,
    CountOrNull,
    Fraction,
    Items,
    Natural,
    Needs,
    PathText,
    Positive,
    Whole,
    one_or_several,
)
from koopflow.config.equivalence import StableOrRank

Paths = Annotated[
    Annotated[PathText, Tag("(one)")] | Annotated[Items[PathText], Field(min_length=1), Tag("(several)")],
    Discriminator(one_or_several),
    Needs("string", "array"),
]

Steps = Annotated[Annotated[Items[Natural], Field(min_length=2, max_length=2)] | None, Needs("array", "null")]


class TrajectorySettings(Block):
    """One trajectory, or several runs of one system, and the operator fitted to it."""

    path: Paths = Field(
        description="Trajectory file, or folder of checkpoints (PyTorch or .npy) with step numbers in their names; "
        "the runs in a list are pooled into one fit."
    )
    parameters: Items[str] = Field(
        default=("*",), min_length=1, description="Name patterns of the observed parameters."
    )
    include: Items[str] = Field(
        default=(), description="Name patterns of tensors to read from a folder even if they look like buffers."
    )
    exclude: Items[str] = Field(default=(), description="Name patterns of tensors in a folder to skip.")
    steps: Steps = Field(default=None, description="First and last step to read, such as [0, 900]; null for all.")
    delays: Natural = Field(default=0, description="Time delays in addition to the present state.")
    rank: StableOrRank = Field(
        default=0,
        description="svd_rank as in PyDMD: 0 is the optimal threshold, 0 < r < 1 a share of the energy, "
        "an integer the number of modes, -1 all. `stable` chooses one rank for all trajectories that ask for it, "
        "by the stability of eigenvalues over their runs.",
    )
    variant: Literal["standard", "total_least_squares", "forward_backward"] = Field(
        default="standard",
        description="Kind of fit; standard for noise in the steps, such as that of minibatches, "
        "total_least_squares and forward_backward for noise in the recorded numbers.",
    )

    windows: CountOrNull = Field(
        default=None,
        description="Iterations in a window: also fit successive windows of every run and compare their spectra; "
        "null for none.",
    )

    @field_validator("windows")
    @classmethod
    def _of_a_number(cls, windows: int | None, info: ValidationInfo) -> int | None:
        if windows is not None and isinstance(info.data.get("rank"), str):
            what = "null where rank is stable, since windows are fitted at a given rank"
            raise PydanticCustomError("needed", "{what}", {"what": what})
        return windows

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths, one or several."""
        return (self.path,) if isinstance(self.path, str) else self.path


class SpectraSettings(Block):
    """Intervals and tests of the spectra."""

    draws: Whole = Field(default=200, ge=10, description="Without effect: intervals are by the jackknife.")
    level: Fraction = Field(default=0.95, description="Level of the intervals.")
    largest_residual: Positive = Field(default=0.1, description="Eigenpairs with a larger residual are drawn hollow.")
    walks: Natural = Field(
        default=39,
        description="Random walks with the same increments in shuffled order, against which eigenpairs are tested; "
        "0 for no test.",
    )
    walk_level: Fraction = Field(
        default=0.05,
        validate_default=True,
        description="Eigenpairs with a larger p-value against the random walks are drawn hollow; at most this share "
        "of the eigenpairs of pure random walks passes.",
    )
    stability: Fraction = Field(
        default=0.33,
        description="Of trajectories with the rank `stable`: largest distance between runs as a share of the distance "
        "between neighbouring eigenvalues, averaged over trajectories, up to the chosen rank.",
    )
    largest_rank: Whole = Field(default=12, ge=2, description="Largest rank that `stable` may choose.")
    shuffles: Count = Field(default=100, description="Draws of the shuffle control between trajectories.")
    significance: Fraction = Field(
        default=0.05,
        description="Level of the permutation tests between trajectories of several runs each, after adjustment; they "
        "decide nothing.",
    )
    margin: Positive = Field(default=0.25, description="Margin of equivalence, as in equivalence.training.")

    @field_validator("walk_level")
    @classmethod
    def _attainable(cls, level: float, info: ValidationInfo) -> float:
        walks = info.data.get("walks", 0)
        if walks and (walks + 1) * level < 1 - 1e-9:
            least = f"at least {1 / (walks + 1):.3g}, the smallest p-value of {walks} walks"
            raise PydanticCustomError("needed", "{what}", {"what": least})
        return level
