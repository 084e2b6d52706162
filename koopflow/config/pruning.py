"""The block ``pruning``: pruning by Koopman modes of training, beside the usual methods."""

import itertools
from typing import Annotated, Any, Literal

from annotated_types import MaxLen, MinLen
from pydantic import Field

from koopflow.config.base import REPLACED, Block, PartOf, Settings
from koopflow.config.common import (
    Compression,
    Count,
    DistinctItems,
    Items,
    Name,
    Natural,
    NonNegative,
    Omittable,
    PathText,
    Positive,
    Rank,
    Registered,
    Text,
    Whole,
)
from koopflow.config.training import ModelSettings, OptimizerSettings


class FineTune(Settings):
    """Training under a mask."""

    epochs: NonNegative = Field(description="Epochs of training under the mask; 0 skips it.")
    at: Items[Positive] = Field(description="Pruning epochs after which networks are trained under their masks.")
    compressions: Omittable[Items[Compression]] = Field(
        default=None, description="Compressions that are trained; all by default."
    )


class SaveMasks(Settings):
    """Masks written as files."""

    at: Items[Positive] = Field(description="Pruning epochs whose masks are written.")
    compressions: Omittable[Items[Compression]] = Field(
        default=None, description="Compressions whose masks are written; all by default."
    )


class PrunedTraining(Settings):
    """The settings that determine the training of a pruning study's networks."""

    model: ModelSettings = Field(description="The network.")
    optimizer: OptimizerSettings = Field(description="The optimizer.")
    batch_size: Count = Field(description="Images per step.")
    epochs: Count = Field(description="Epochs of training.")
    prune_epochs: DistinctItems[Positive] = Field(
        min_length=1, description="Epochs at which networks are pruned; fractions are allowed."
    )


class PruningStudy(PrunedTraining):
    """Independently trained networks, and how, when and how far they are pruned."""

    data: str = Field(description="Name of a data set.")
    seeds: Count = Field(description="Number of networks, trained independently.")
    trajectory: Omittable[PathText] = Field(
        default=None,
        description="Trajectory file of networks recorded elsewhere, which are pruned instead of newly trained ones.",
    )
    window: Whole = Field(
        ge=2, description="Optimizer steps before each pruning to which the Koopman operator is fitted."
    )
    rank: Rank = Field(
        description="Rank of the fit: a number of modes, a share of the energy between 0 and 1, or -1 for all."
    )
    compressions: DistinctItems[Compression] = Field(
        min_length=1, description="Compressions to which networks are pruned."
    )
    counted: Literal["all", "prunable"] = Field(
        description="What compression counts: prunable weights over those kept, or all weights over all kept, as "
        "ShrinkBench does."
    )
    exclude: Items[Text] = Field(
        description="Parameters never pruned: classifier (the last layer), vectors (biases, normalization), or "
        "name patterns."
    )
    methods: DistinctItems[str] = Field(min_length=1, description="Names of the methods whose accuracy is measured.")
    pairs: Literal["all"] | Items[Annotated[Items[str], MinLen(2), MaxLen(2)]] = Field(
        description="Pairs of methods whose pruned sets are compared; all takes every two of `methods`."
    )
    gradient_images: Natural = Field(description="Training images for the gradient of gradient pruning; 0 means all.")
    finetune: FineTune = Field(description="Training under the masks.")
    save_masks: SaveMasks = Field(description="Masks that are written as files.")

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """The pairs of methods whose pruned sets are compared."""
        if self.pairs == "all":
            return tuple(itertools.combinations(self.methods, 2))
        return tuple((str(a), str(b)) for a, b in self.pairs)


PruningStudyPart = Annotated[dict[str, Any], PartOf(PruningStudy)]


class PruningMethod(Settings):
    """A score and how weights compete by it."""

    score: Annotated[Text, Registered("score")] = Field(
        description="Score that ranks the weights; the lowest are pruned."
    )
    scope: Literal["global", "layer", "output", "erk"] = Field(
        default="global",
        description="How layers share what is kept: one ranking, equal densities, equal densities of output units, or "
        "Erdős–Rényi kernels.",
    )
    schedule: Literal["one_shot", "iterative", "gradual"] = Field(
        default="one_shot", description="Prune at once, or in rounds: the same share of survivors in each, or cubic."
    )
    rounds: Count = Field(default=1, description="Rounds of an iterative or gradual schedule.")
    round_epochs: NonNegative = Field(default=0.0, description="Epochs of training under the mask after each round.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the score.")
    window: Omittable[Whole] = Field(
        default=None, ge=2, description="Window of the Koopman fit; the study's by default."
    )
    rank: Omittable[Rank] = Field(default=None, description="Rank of the Koopman fit; the study's by default.")


class PruningSettings(Block):
    """The studies of pruning and their methods."""

    base: PruningStudyPart = Field(
        default_factory=dict, description="Settings of every study, unless it overrides them."
    )
    studies: dict[Name, PruningStudyPart] = Field(
        default_factory=dict, json_schema_extra=REPLACED, min_length=1, description="Studies, by name."
    )
    methods: dict[Name, PruningMethod] = Field(default_factory=dict, description="Pruning methods, by name.")
