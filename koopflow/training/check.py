"""Checks a training set-up without training, as the first job of each study, so that bad input
stops it at once."""

from collections.abc import Sequence
from math import prod

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training import optimizers
from koopflow.training.batches import Batches
from koopflow.training.capture import captured_names
from koopflow.training.models.build import last_layer
from koopflow.training.recipe import Setup
from koopflow.training.replicas import Replicas


def describe(setup: Setup, images: Images, patterns: Sequence[str] = ("*",)) -> dict[str, object]:
    """Check that a set-up can be trained, and return its sizes.

    Parameters
    ----------
    setup : Setup
        model, optimizer, batch_size, steps.
    images : Images
    patterns : sequence of str
        Patterns of the parameters to be captured.

    Returns
    -------
    dict
        data, train_images, test_images, input_shape, classes, parameters, observables.

    Raises
    ------
    KoopflowError
        For everything that `koopflow.training.ensemble.train` refuses: an unknown network, a batch
        larger than the data, a pattern that matches nothing.
    """
    optimizers.optimizer_settings(setup.optimizer)
    replicas = Replicas(setup.model, images.shape, images.classes, 1, 1, device="cpu")
    _one_step(replicas, Batches(images, setup.batch_size, [0], 0, (), replicas.device), setup)
    names = captured_names(patterns, replicas.layout, last_layer(replicas.module, images.shape))
    sizes = {name: prod(parameter.shape) for name, parameter in replicas.module.named_parameters()}
    return {
        "data": images.name,
        "train_images": len(images.x_train),
        "test_images": len(images.x_test),
        "input_shape": list(images.shape),
        "classes": int(images.classes),
        "parameters": sum(sizes.values()),
        "observables": sum(sizes[name] for name in names),
    }


def _one_step(replicas: Replicas, batches: Batches, setup: Setup) -> None:
    """Compute the gradient of two images with the engine that will train; raise a KoopflowError if
    it fails."""
    x, y = batches.at(0)
    try:
        replicas.engine.gradient(x[:, :2], y[:, :2], 0)
    except Exception as error:  # a user's network may raise anything
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise KoopflowError(f"model {setup.model.name} cannot be trained in float32: {told}") from None


def checked(key: str, setup: Setup, images: Images, patterns: Sequence[str] = ("*",)) -> dict[str, object]:
    """Return `describe`, naming the config's `key` in errors."""
    try:
        return describe(setup, images, patterns)
    except KoopflowError as error:
        raise KoopflowError(f"{key}: {error}") from None
