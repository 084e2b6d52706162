"""What a training set-up will be, found out without training: the first job of each study, so that bad input stops it at once."""

from collections.abc import Mapping, Sequence

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training import optimizers
from koopflow.training.batches import Batches
from koopflow.training.capture import Capture
from koopflow.training.models import last_layer
from koopflow.training.replicas import Replicas


def describe(setup: Mapping, images: Images, patterns: Sequence[str] = ("*",)) -> dict:
    """Return the sizes of a set-up, after checking that it can be trained.

    Parameters
    ----------
    setup : mapping
        model, optimizer, batch_size, steps.
    images : Images
    patterns : sequence of str
        Names of the parameters to be captured.

    Returns
    -------
    dict
        data, train_images, test_images, input_shape, classes, parameters, observables.

    Raises
    ------
    KoopflowError
        Whatever `koopflow.training.ensemble.train` would refuse: an unknown network, a batch larger than the data, a pattern that
        matches nothing.
    """
    optimizers.check(setup["optimizer"])
    replicas = Replicas(setup["model"], images.shape, images.classes, 1, 1, device="cpu", method="sequential", random_seeds=[0])
    Batches(images, setup["batch_size"], [0], 0, (), replicas.device)
    names = Capture("", tuple(patterns)).names(replicas.layout, last_layer(replicas.module))
    shapes = {name: tuple(parameter.shape) for name, parameter in replicas.module.named_parameters()}
    sizes = {name: _count(shape) for name, shape in shapes.items()}
    return {
        "data": images.name,
        "train_images": len(images.x_train),
        "test_images": len(images.x_test),
        "input_shape": list(images.shape),
        "classes": int(images.classes),
        "parameters": sum(sizes.values()),
        "observables": sum(sizes[name] for name in names),
    }


def checked(key: str, setup: Mapping, images: Images, patterns: Sequence[str] = ("*",)) -> dict:
    """Return `describe`, naming the config's `key` in what it refuses."""
    try:
        return describe(setup, images, patterns)
    except KoopflowError as error:
        raise KoopflowError(f"{key}: {error}") from None


def _count(shape: tuple[int, ...]) -> int:
    product = 1
    for length in shape:
        product *= length
    return product
