"""The block ``tickets``: iterative magnitude pruning as a renormalization-group flow."""

from typing import Annotated, Any, Literal

from pydantic import Field

from koopflow.config.base import REPLACED, Block, PartOf, Settings
from koopflow.config.common import (
    Count,
    CountOrNull,
    DistinctItems,
    Fraction,
    Items,
    Name,
    Natural,
    NonNegative,
    Omittable,
    PathText,
    Positive,
    Registered,
    Whole,
)
from koopflow.config.training import ModelSettings, OptimizerSettings


class Controls(Settings):
    """Controls of a chain: random masks, other initial weights, one-shot pruning."""

    rounds: DistinctItems[Natural] = Field(description="Rounds that are compared with controls.")


class Transfer(Settings):
    """Tickets tried on other tasks."""

    rounds: DistinctItems[Count] = Field(description="Rounds whose tickets are tried on the study's other tasks.")


class Predictors(Block):
    """What may tell a ticket's transfer before it is tried."""

    registered: DistinctItems[Annotated[str, Registered("predictor of transfer")]] = Field(
        default=(),
        description="Predictors named before the run: their tests decide, adjusted for their number (Holm).",
    )
    exploratory: DistinctItems[Annotated[str, Registered("predictor of transfer")]] = Field(
        default=(), description="Predictors that are shown beside them, and decide nothing."
    )
    reliability: Fraction = Field(
        default=0.8,
        description="Least split-half reliability of transfer. Of the rounds in transfer.rounds, tests take the most "
        "reliable one; below this they decide nothing.",
    )

    level: Fraction = Field(default=0.9, description="Level of the intervals of predicted transfer.")
    threshold: Fraction = Field(
        default=0.5,
        description="Share of the gain above which a ticket counts as transferring; where the interval holds it, the "
        "answer is that it cannot be said.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """All predictors, registered ones first."""
        return tuple(dict.fromkeys([*self.registered, *self.exploratory]))


class Composition(Settings):
    """Two small rounds beside one large round."""

    seeds: Natural = Field(
        description="Seeds whose chains are rerun in steps of 1 - (1 - fraction)^2, and with other batches; 0 "
        "reruns none."
    )


class ChainSettings(Settings):
    """The settings that determine a chain of rounds. A longer study continues a shorter chain."""

    model: ModelSettings = Field(description="The network, the same for all tasks of a study.")
    optimizer: OptimizerSettings = Field(description="The optimizer.")
    batch_size: Count = Field(description="Images per step.")
    steps: Count = Field(description="Optimizer steps of each round's training.")
    seeds: Whole = Field(ge=2, description="Independent initializations and batch orders, trained as one ensemble.")
    fraction: Fraction = Field(description="Share of the surviving weights that is pruned after each round.")
    scope: Literal["global", "layer"] = Field(description="Whether magnitudes compete across layers or inside each.")
    rewind_step: Natural = Field(description="Step of the dense training to which the surviving weights are rewound.")


class TicketStudy(ChainSettings):
    """Chains of pruning rounds of one network on several tasks, their controls and transfers."""

    tasks: DistinctItems[Name] = Field(
        min_length=1, description="Names of data sets; each task's tickets are tried on every other."
    )
    data: Omittable[str] = Field(default=None, description="Ignored; `tasks` names the data sets.")
    rounds: Whole = Field(ge=3, description="Number of rounds, including the dense round 0.")
    rounds_per_job: CountOrNull = Field(
        description="Rounds per job, to cut a chain into jobs on a cluster; null makes one job."
    )
    grouping: Literal["layer", "block"] = Field(
        description="Whether a coupling is the magnitude share of a layer or of a block."
    )
    controls: Controls = Field(description="Controls.")
    transfer: Transfer = Field(description="Transfer to other tasks.")
    composition: Composition = Field(description="Composition of rounds.")
    predictors: Predictors = Field(default=Predictors(), description="Predictors of transfer; none by default.")
    chains: dict[Name, Name] = Field(
        default_factory=dict,
        description="Tasks whose rounds were pruned elsewhere, and their entries in tickets.external. Masks and "
        "initial weights are read, and their tickets trained here; such a study composes no rounds.",
    )


TicketStudyPart = Annotated[dict[str, Any], PartOf(TicketStudy)]


class TicketJob(ChainSettings):
    """The settings of one training job: those it needs of its study, and how it runs."""

    tasks: DistinctItems[Name] = Field(default=(), description="Names of data sets.")
    controls: Controls = Field(default=Controls(rounds=()), description="Controls.")
    transfer: Transfer = Field(default=Transfer(rounds=()), description="Transfer to other tasks.")
    composition: Composition = Field(default=Composition(seeds=0), description="Composition of rounds.")
    predictors: Predictors = Field(default=Predictors(), description="Predictors of transfer.")
    grouping: Literal["layer", "block"] = Field(
        default="layer", description="Whether exponents that predict transfer are those of layers or of blocks."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Device; auto uses a GPU if there is one."
    )
    interval: Count = Field(default=500, description="Optimizer steps between checkpoints.")


class CheckedStudy(Settings):
    """The settings of a study that the stage's check needs."""

    tasks: DistinctItems[Name] = Field(description="Names of data sets.")
    model: ModelSettings = Field(description="The network.")
    batch_size: Count = Field(description="Images per step.")
    optimizer: OptimizerSettings = Field(description="The optimizer.")
    seeds: Whole = Field(description="Independent initializations.")
    chains: dict[Name, Name] = Field(default_factory=dict, description="Tasks whose rounds were pruned elsewhere.")
    predictors: Predictors = Field(default=Predictors(), description="Predictors of transfer.")


class CollectedStudy(Settings):
    """The settings of a study that the tables need."""

    tasks: DistinctItems[Name] = Field(description="Names of data sets.")
    model: ModelSettings = Field(description="The network.")
    grouping: Literal["layer", "block"] = Field(
        description="Whether a coupling is the magnitude share of a layer or of a block."
    )
    rounds: Whole = Field(description="Number of rounds, including the dense round 0.")
    transfer: Transfer = Field(description="Transfer to other tasks.")
    predictors: Predictors = Field(default=Predictors(), description="Predictors of transfer.")


class Elastic(Settings):
    """Tickets stretched across depth."""

    studies: DistinctItems[str] = Field(min_length=2, description="Studies of one family of networks, two or more.")
    rounds: DistinctItems[Count] = Field(min_length=1, description="Rounds whose tickets are stretched.")


class WindowSettings(Block):
    """Rounds over which an exponent is fitted."""

    tolerance: Positive = Field(default=0.05, description="Largest deviation of a log coupling from a straight line.")
    minimum_rounds: Whole = Field(default=5, ge=3, description="Fewest rounds in a window.")
    scope: Literal["layer", "model"] = Field(
        default="layer", description="One window per layer, or one for the whole model."
    )


class External(Block):
    """Rounds trained elsewhere."""

    folder: PathText = Field(description="Folder of per-round checkpoints (weights and masks).")
    seeds: DistinctItems[PathText] = Field(
        default=(), description="Folders of the same chain trained from other seeds; intervals are then over seeds."
    )
    include: Items[str] = Field(
        default=(), description="Name patterns of tensors to read even if they look like buffers."
    )
    exclude: Items[str] = Field(default=(), description="Name patterns of tensors to skip.")
    grouping: Literal["layer", "block"] = Field(
        default="layer", description="Whether a coupling is the magnitude share of a layer or of a block."
    )
    compared: Omittable[Name] = Field(
        default=None,
        description="Name of a comparison: entries of one comparison are chains of one network on several tasks, whose "
        "exponents are compared in one common window.",
    )
    rewind: Omittable[str] = Field(
        default=None,
        description="File of the weights to which survivors are rewound, relative to the folder of each seed; needed "
        "where studies.NAME.chains uses the rounds. The one of open_lth is found.",
    )

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of all seeds."""
        return (self.folder, *self.seeds)


class FlowSettings(Settings):
    """How couplings and exponents are read from chains, and which rounds come from elsewhere."""

    coupling: str = Field(description="What a coupling is.")
    window: WindowSettings = Field(description="Rounds over which exponents are fitted.")
    margin: NonNegative = Field(description="Exponents within this distance of zero are marginal.")
    external: dict[Name, External] = Field(description="Rounds trained elsewhere, by name.")


class TicketsSettings(Block):
    """The studies of tickets, and how couplings and exponents are read from them."""

    base: TicketStudyPart = Field(
        default_factory=dict, description="Settings of every study, unless it overrides them."
    )
    studies: dict[Name, TicketStudyPart] = Field(
        default_factory=dict, json_schema_extra=REPLACED, description="Studies, by name."
    )
    elastic: dict[Name, Elastic] = Field(
        default_factory=dict, json_schema_extra=REPLACED, description="Comparisons across depths, by name."
    )
    coupling: Annotated[str, Registered("coupling")] = Field(
        default="share",
        description="What a coupling is; share (of magnitude) is our reconstruction of arXiv 2110.03210.",
    )
    window: WindowSettings = Field(default=WindowSettings(), description="Rounds over which exponents are fitted.")
    margin: NonNegative = Field(default=0.02, description="Exponents within this distance of zero are marginal.")
    external: dict[Name, External] = Field(
        default_factory=dict, json_schema_extra=REPLACED, description="Rounds trained elsewhere, by name."
    )
