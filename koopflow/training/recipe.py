"""The set-up that the trainer needs: network, optimizer, batch size, steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.training.models.build import ModelSpec, model_settings
from koopflow.training.optimizers import OptimizerSpec, optimizer_settings

KEYS = ("model", "optimizer", "batch_size", "steps")


class Setup(Protocol):
    """Anything with these four attributes: ``TrainingSetup`` and ``ChainSettings`` of the config,
    or a `Recipe`."""

    @property
    def model(self) -> ModelSettings: ...
    @property
    def optimizer(self) -> OptimizerSettings: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def steps(self) -> int: ...


SetupSpec = Setup | Mapping[str, Any]
"""A set-up, as a model or as YAML holds it."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, whatever the data.

    >>> recipe = Recipe.of("mlp", {"name": "sgd", "learning_rate": 0.1}, batch_size=60, steps=100)
    >>> recipe.model.name, recipe.optimizer.learning_rate
    ('mlp', 0.1)
    """

    model: ModelSettings
    optimizer: OptimizerSettings
    batch_size: int
    steps: int

    @classmethod
    def of(cls, model: ModelSpec, optimizer: OptimizerSpec, batch_size: int, steps: int) -> Self:
        """Return the recipe of a network and an optimizer as YAML holds them."""
        return cls(
            model_settings(model),
            optimizer_settings(optimizer),
            arguments.whole(batch_size, "batch_size", 1),
            arguments.whole(steps, "steps", 1),
        )

    @classmethod
    def load(cls, setup: SetupSpec) -> Self:
        """Return the recipe in a set-up's mapping (other keys are ignored), or in a set-up.

        Raises
        ------
        KoopflowError
            If a key is missing or its value is wrong.
        """
        if not isinstance(setup, Mapping):
            if any(not hasattr(setup, key) for key in KEYS):
                raise KoopflowError(
                    f"a training set-up must be a mapping with the keys {', '.join(KEYS)} (got {setup!r})"
                )
            return cls(setup.model, setup.optimizer, setup.batch_size, setup.steps)
        for key in KEYS:
            if key not in setup:
                raise KoopflowError(f"a training set-up needs the key {key!r} (got {', '.join(setup)})")
        return cls.of(*(setup[key] for key in KEYS))


def describe_setup(setup: Setup) -> dict[str, object]:
    """Return a set-up as plain values: the given keys, in their order."""
    return {
        "model": setup.model.dump(),
        "optimizer": setup.optimizer.dump(),
        "batch_size": setup.batch_size,
        "steps": setup.steps,
    }
