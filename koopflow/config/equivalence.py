"""The block ``equivalence``: do optimizers, or ways of training, have the same dynamics?"""

from math import log10
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from koopflow.config.base import REPLACED, Block, PartOf, Settings
from koopflow.config.common import (
    Count,
    Fraction,
    Items,
    Name,
    Natural,
    Needs,
    NonNegative,
    Omittable,
    Positive,
    Rank,
    Text,
    Whole,
)
from koopflow.config.training import TrainingSetup

FEWEST = 4
"""Seeds per set-up below which no interval of the excess is given."""


MOST_RUNS = 10_000
"""Most initial conditions of the study of optimizers."""


class OptimizersStudy(Block):
    """Mirror descent, gradient descent and bisection on the sum of tan(x_i)."""

    dimension: Count = Field(default=2, description="Number of variables.")
    step_length: Positive = Field(default=0.01, description="Step length of both descents.")
    states: Whole = Field(default=100, ge=8, description="States in a trajectory, the first included.")
    grid: Whole = Field(
        default=5,
        ge=2,
        validate_default=True,
        description="Initial conditions per axis; there are grid^dimension runs, at most 10,000.",
    )
    delays: Natural = Field(
        default=4, validate_default=True, description="Time delays in addition to the present state."
    )
    shuffles: Count = Field(default=100, description="Draws of the shuffle control.")
    draws: Whole = Field(
        default=100, ge=10, description="Bootstrap draws of initial conditions, for the intervals of distances."
    )

    @field_validator("grid")
    @classmethod
    def _few_runs(cls, grid: int, info: ValidationInfo) -> int:
        dimension = info.data.get("dimension", 1)
        if dimension * log10(grid) > log10(MOST_RUNS):
            what = f"small enough for at most {MOST_RUNS:,} runs, grid^{dimension}"
            raise PydanticCustomError("needed", "{what}", {"what": what})
        return grid

    @field_validator("delays")
    @classmethod
    def _within_states(cls, delays: int, info: ValidationInfo) -> int:
        states = info.data.get("states", delays + 2)
        if delays > states - 2:
            what = f"at most {states - 2}, because a trajectory has {states} states"
            raise PydanticCustomError("needed", "{what}", {"what": what})
        return delays


def _stable_or_number(value: Any) -> str:
    """Return the tag of a rank: the word, or a number."""
    return "(word)" if isinstance(value, str) else "(number)"


StableOrRank = Annotated[
    Annotated[Literal["stable"], Tag("(word)")] | Annotated[Rank, Tag("(number)")],
    Discriminator(_stable_or_number),
    Needs("number", "string"),
]


class KoopmanSettings(Settings):
    """The Koopman operator fitted to each seed of a set-up."""

    observables: Items[Text] = Field(
        min_length=1, description="Name patterns of the observed parameters; `last` is the last layer."
    )
    delays: Natural = Field(description="Time delays in addition to the present state.")
    rank: StableOrRank = Field(
        description="`stable` chooses one rank for all set-ups by the stability of eigenvalues over seeds. "
        "Or svd_rank as in PyDMD: 0 is the optimal threshold, 0 < r < 1 a share of the energy, "
        "an integer the number of modes, -1 all."
    )

    @property
    def one_size(self) -> bool:
        """Whether the spectra of all seeds have as many eigenvalues."""
        return isinstance(self.rank, str) or self.rank >= 1


class Setup(TrainingSetup):
    """A set-up of the equivalence study: a training, and the operator fitted to it."""

    batch_order: Literal["shuffled", "fixed"] = Field(
        default="shuffled",
        description="shuffled: each seed sees the images in an order of its own, drawn again every epoch; "
        "fixed: all seeds see them in the order in which the data set stores them.",
    )
    koopman: KoopmanSettings = Field(description="The Koopman operator fitted to each seed.")


SetupPart = Annotated[dict[str, Any], PartOf(Setup)]


class EquivalenceTraining(Block):
    """An ensemble per set-up, a Koopman operator per seed, and comparisons of set-ups."""

    seeds: Whole = Field(
        default=16,
        ge=2,
        description="Independent initializations and batch orders per set-up; each gives one spectrum.",
    )
    copies: Count = Field(
        default=10, description="Perturbed copies of each initialization, with the same batches, pooled into one fit."
    )
    perturbation: NonNegative = Field(
        default=0.001,
        description="Size of the perturbation: every weight of a copy is multiplied by 1 + perturbation * U(-1, 1).",
    )
    capture_every: Count = Field(default=1, description="Optimizer steps between captured states.")
    first_state: Natural = Field(
        default=0,
        description="First captured state: 0 is the initialization; 1 is the state after the first step, as in "
        "arXiv 2302.09160.",
    )
    shuffles: Count = Field(default=100, description="Draws of the shuffle control.")
    stability: Fraction = Field(
        default=0.33,
        description="Of set-ups with the rank `stable`: largest distance between seeds as a share of the distance "
        "between neighbouring eigenvalues, averaged over set-ups, up to the chosen rank.",
    )
    largest_rank: Whole = Field(default=12, ge=2, description="Largest rank that `stable` may choose.")
    distance: Literal["wasserstein", "reliability", "dsa"] = Field(
        default="wasserstein",
        description="Distance between seeds: wasserstein counts all eigenvalues alike, reliability divides their "
        "differences by their scatter over seeds, dsa compares operators after the best rotation (minutes).",
    )
    significance: Fraction = Field(
        default=0.05,
        description="Level of the permutation tests, after adjustment for their number; they decide nothing.",
    )
    margin: Positive = Field(
        default=0.25,
        description="The excess is the typical distance between two set-ups over that between seeds of one, minus 1. "
        "Two set-ups are equivalent if its 95 % interval lies below the margin, different if above, otherwise "
        "inconclusive.",
    )
    shared_job: Natural = Field(
        default=60,
        description="Seconds. Short set-ups share one training job and one fitting job, as long as each of the two is "
        "expected to take at most this long; a change of one of them reruns all. 0 gives every set-up its own jobs, "
        "which take two to three seconds to start.",
    )
    base: SetupPart = Field(default_factory=dict, description="Settings of every set-up, unless it overrides them.")
    setups: dict[Name, SetupPart] = Field(
        default_factory=dict, json_schema_extra=REPLACED, min_length=1, description="Set-ups, by name."
    )
    comparisons: dict[Name, Annotated[Items[str], Field(min_length=2)]] = Field(
        default_factory=dict,
        json_schema_extra=REPLACED,
        description="Comparisons, by name: every pair of the set-ups in a list is compared.",
    )

    def states(self, steps: int) -> int:
        """Return the number of captured states of a training of `steps` optimizer steps."""
        return max(0, (steps - self.first_state) // self.capture_every + 1)


class WindowStudy(Setup):
    """One way of training, whose spectra are compared between windows of iterations."""

    window: Count = Field(default=100, description="Iterations in a window.")
    seeds: Count = Field(default=3, description="Independent trainings; distances between them are the floor.")
    copies: Count = Field(default=1, description="Perturbed copies of each training, pooled into one fit.")
    perturbation: NonNegative = Field(
        default=0.001, description="Size of the perturbation, as in equivalence.training."
    )
    epoch: Omittable[Count] = Field(
        default=None, description="Iterations in an epoch; later epochs are then drawn apart from the first."
    )

    def setup(self) -> dict[str, Any]:
        """Return how the networks are trained and observed, as plain values of a `Setup`."""
        return {name: value for name, value in self.dump().items() if name in Setup.model_fields}


class EquivalenceSettings(Block):
    """The studies of equivalence."""

    optimizers: OptimizersStudy = Field(
        default=OptimizersStudy(), description="Three optimizers that minimize one function."
    )
    training: EquivalenceTraining = Field(default=EquivalenceTraining(), description="Ways of training a network.")
    windows: dict[Name, Annotated[dict[str, Any], PartOf(WindowStudy)]] = Field(
        default_factory=dict,
        json_schema_extra=REPLACED,
        description="Spectra of windows along one training, by name; settings of equivalence.training.base hold "
        "unless an entry overrides them.",
    )
