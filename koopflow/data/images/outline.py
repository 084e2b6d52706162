"""Images for a check: their number, shape and classes, without decoding image files."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from koopflow.config.data import DataSelection, DataSet
from koopflow.data.images.files import tree
from koopflow.data.images.loading import DataSpec, load
from koopflow.data.images.sets import Images


def look_at_selection(selection: DataSelection, seed: int) -> Images:
    """Return the outline of the set that a job selects; see `look`."""
    return look(selection.spec, data_root=selection.root, seed=seed, named=selection.named)


def look(
    spec: DataSpec, *, data_root: str = "data", seed: int = 0, named: "Mapping[str, DataSpec] | None" = None
) -> Images:
    """Return the set that `spec` describes, as `koopflow.data.images.load` does, but only list the
    files of an image folder.

    Its pixels are then zeros that take no memory, so that a check of ImageNet takes only a minute.
    """
    settings = (
        spec if isinstance(spec, DataSet) else DataSet.load({"source": spec} if isinstance(spec, str) else spec, "data")
    )
    if settings.source != "image_folder" or settings.transform != type(settings.transform)() or settings.path is None:
        return load(settings, data_root=data_root, seed=seed, named=named)
    size, channels = settings.size or 32, settings.channels or 3
    (_, train), (_, test) = tree(settings.path)
    y_train, y_test = _labels(train)[: settings.train_size], _labels(test)[: settings.test_size]
    x_train, x_test = (
        np.broadcast_to(np.float32(0), (len(labels), channels, size, size)) for labels in (y_train, y_test)
    )
    classes = int(max(y_train.max(), y_test.max())) + 1
    return Images(x_train, y_train, x_test, y_test, classes, (0.0,) * channels, (1.0,) * channels, settings.path)


def _labels(files: Sequence[tuple[object, int]]) -> NDArray[np.int64]:
    return np.array([label for _, label in files], dtype=np.int64)
