"""What a training consists of: network, optimizer, schedule, batches, steps."""

from typing import Annotated, Any, Literal

from annotated_types import Lt
from pydantic import Field

from koopflow.config.base import Settings
from koopflow.config.common import Count, Items, Natural, NonNegative, Omittable, PathText, Positive, Registered, Text


class ModelSettings(Settings):
    """A network. Its function determines which options it accepts, and their defaults."""

    name: Annotated[Text, Registered("model")] = Field(description="The network's function.")
    widths: Omittable[Items[Count]] = Field(default=None, description="Widths of the hidden layers (mlp).")
    width: Omittable[Count] = Field(default=None, description="Channels of the first block (convolutional networks).")
    initialization: Omittable[Literal["torch", "kaiming_normal"]] = Field(
        default=None, description="Distribution of the initial weights."
    )
    activation: Omittable[Literal["relu", "tanh", "gelu", "linear"]] = Field(
        default=None, description="Activation function."
    )
    bias: Omittable[bool] = Field(default=None, description="Whether layers have biases.")
    initial_weights: Omittable[PathText] = Field(
        default=None,
        description="Checkpoint (torch.save or safetensors) whose weights and running statistics every network starts "
        "from; tensors are matched by name, or by order where no name matches.",
    )
    initial_except: Items[Text] = Field(
        default=(),
        description="Name patterns of tensors that keep an initialization of their own beside initial_weights, such as "
        "the classifier of another number of classes.",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Options that have no key of their own, such as those of package.module:factory.",
    )

    def options(self) -> dict[str, Any]:
        """Return the options of the network that were given, those under ``arguments`` included."""
        given = self.dump()
        given.pop("name", None)
        given.pop("initial_weights", None)
        given.pop("initial_except", None)
        return given | given.pop("arguments", {})

    @property
    def label(self) -> str:
        """Name of the network in tables.

        >>> ModelSettings(name="mlp", widths=[300, 100]).label
        'mlp-300-100'
        """
        sizes = [*(self.widths or ()), *([] if self.width is None else [self.width])]
        return "-".join(map(str, [self.name, *sizes]))


class ScheduleSettings(Settings):
    """How the learning rate changes during a training."""

    name: Literal["constant", "step", "cosine"] = Field(
        description="constant; step, multiplied by `factor` at each of `milestones`; cosine, down to `final` "
        "over all steps."
    )
    warmup: Natural = Field(default=0, description="Steps over which the rate first rises linearly.")
    final: NonNegative = Field(
        default=0.0, description="Rate at the end of a cosine schedule, as a share of the learning rate."
    )
    milestones: Items[Count] = Field(default=(), description="Steps at which a step schedule changes the rate.")
    factor: Positive = Field(default=0.1, description="Factor of a step schedule.")


def _default_momentum(given: dict[str, Any]) -> float:
    return 0.9 if given.get("name") == "momentum" else 0.0


class OptimizerSettings(Settings):
    """An optimizer and its schedule."""

    name: Literal["sgd", "momentum", "adam", "adamw"] = Field(
        description="Algorithm; momentum is sgd with momentum 0.9, unless `momentum` overrides it."
    )
    learning_rate: Positive = Field(description="Learning rate.")
    momentum: NonNegative = Field(
        default_factory=_default_momentum, lt=1, description="Momentum (sgd); 0.9 for the name momentum, otherwise 0."
    )
    nesterov: bool = Field(default=False, description="Whether momentum is Nesterov's (sgd).")
    weight_decay: NonNegative = Field(default=0.0, description="Weight decay; decoupled for adamw.")
    betas: Items[Annotated[NonNegative, Lt(1)]] = Field(
        default=(0.9, 0.999),
        min_length=2,
        max_length=2,
        description="Decay rates of the two moment estimates (adam, adamw).",
    )
    epsilon: Positive = Field(default=1e-8, description="Term added to the denominator (adam, adamw).")
    schedule: Omittable[ScheduleSettings] = Field(
        default=None, description="Schedule of the learning rate; constant by default."
    )

    @property
    def algorithm(self) -> Literal["sgd", "adam", "adamw"]:
        """The algorithm behind the name: sgd for momentum."""
        return "sgd" if self.name == "momentum" else self.name


class TrainingSetup(Settings):
    """How a network is trained on a data set."""

    data: str = Field(description="Name of a data set.")
    model: ModelSettings = Field(description="The network.")
    optimizer: OptimizerSettings = Field(description="The optimizer.")
    batch_size: Count = Field(description="Images per step.")
    steps: Count = Field(description="Optimizer steps.")
