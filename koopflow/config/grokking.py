"""The block ``grokking``: networks that generalize late, at once or never, seen through their first
steps."""

from typing import Annotated, Any, Literal

from pydantic import Field

from koopflow.config.base import REPLACED, Block, PartOf, Settings
from koopflow.config.common import Count, Fraction, Items, Name, Natural, Omittable, Positive, Prime, Text, Whole
from koopflow.config.training import ModelSettings, OptimizerSettings

Span = Annotated[Items[Positive], Field(min_length=2, max_length=2)]
"""The lowest and the highest value."""


class GrokkingSetup(Settings):
    """One way of training a Transformer on modular addition, on all training pairs at once."""

    prime: Prime = Field(description="The modulus, a prime.")
    share: Fraction = Field(description="Share of all pairs for training.")
    model: ModelSettings = Field(description="The network.")
    optimizer: OptimizerSettings = Field(description="The optimizer.")
    steps: Count = Field(description="Optimizer steps.")
    held_norm: Omittable[Positive] = Field(
        default=None,
        description="Holds the norm of all weights at this share of its initial value, from the start.",
    )
    seeds: Omittable[Whole] = Field(
        default=None, ge=2, description="Networks of this setting; the number of all settings by default."
    )
    copies: Count = Field(
        default=1,
        description="Networks pooled in one spectrum: one, and copies of it that start from perturbed weights.",
    )
    perturbation: Positive = Field(
        default=0.001, description="Every weight of a copy is multiplied by 1 + perturbation * U(-1, 1)."
    )
    first_state: Natural = Field(default=1, le=1, description="First state of the spectra; 0 is the initial one.")
    spectrum_states: Omittable[Whole] = Field(
        default=None, ge=10, description="Number of states of the spectra; first_steps by default."
    )
    centred: bool = Field(
        default=True, description="Subtract the mean state before states are projected on principal directions."
    )

    @property
    def batch_size(self) -> int:
        """Training pairs: every step sees all of them."""
        return round(self.share * self.prime**2)


SetupPart = Annotated[dict[str, Any], PartOf(GrokkingSetup)]


class SweepSettings(Block):
    """Networks whose settings are spread evenly over ranges, one network each."""

    networks: Natural = Field(default=0, description="Number of networks; 0 for no sweep.")
    weight_decay: Span = Field(default=(0.3, 3.0), description="Range of the weight decay, even in its logarithm.")
    learning_rate: Span = Field(default=(0.002, 0.01), description="Range of the rate, even in its logarithm.")
    share: Span = Field(default=(0.4, 0.7), description="Range of the share of pairs for training.")


class GrokkingSettings(Block):
    """Do the first steps tell whether a network will grok? (Redman et al., NeurIPS 2024, Fig. 5)"""

    seeds: Whole = Field(default=5, ge=2, description="Networks of every setting.")
    first_steps: Whole = Field(default=100, ge=10, description="Steps from which spectra and predictors are taken.")
    observables: Items[Text] = Field(
        default=("mlp_out.weight",), min_length=1, description="Name patterns of the observed parameters."
    )
    directions: Count = Field(
        default=10, description="Leading principal directions of the observed parameters, of each network."
    )
    delays: Natural = Field(default=32, description="Time delays in addition to the present state.")
    rank: Count = Field(default=10, description="Rank of the Koopman operator of each network.")
    threshold: Fraction = Field(
        default=0.9,
        description="Training accuracy of a network that has memorized, and test accuracy of one that has generalized.",
    )
    delay: Positive = Field(
        default=5.0,
        ge=1,
        description="A network groks if it generalizes at a step at least this many times that of memorizing.",
    )
    measured: Whole = Field(default=40, ge=2, description="Steps after the first ones at which curves are measured.")
    predictors: Items[Literal["spectrum", "train_loss", "test_loss", "weight_norm", "settings"]] = Field(
        default=("spectrum", "train_loss", "test_loss", "weight_norm", "settings"),
        min_length=1,
        description="What predicts grokking: the spectrum of the first steps, a curve over them, or the weight decay, "
        "rate, share and held norm themselves.",
    )
    level: Fraction = Field(default=0.95, description="Confidence level of the intervals.")
    base: SetupPart = Field(default_factory=dict, description="Settings of every setting, unless it overrides them.")
    settings: dict[Name, SetupPart] = Field(
        default_factory=dict, json_schema_extra=REPLACED, description="Settings, by name; none skips the study."
    )
    pairs: Items[Annotated[Items[str], Field(min_length=2, max_length=2)]] = Field(
        default=(), description="Pairs of settings whose spectra are compared."
    )
    sweep: SweepSettings = Field(default=SweepSettings(), description="Further networks, for the prediction alone.")
