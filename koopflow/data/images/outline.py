"""Images as a check needs them: how many, of what shape, of how many classes."""

from collections.abc import Mapping

import numpy as np

from koopflow.data.images.files import tree
from koopflow.data.images.registry import load
from koopflow.data.images.sets import Images


def look(spec: Mapping, **where) -> Images:
    """Return the set that `spec` describes, as `koopflow.data.images.load` does, but of an ImageFolder only the names of its files are read.

    Its pixels are then zeros that take no memory: a check of ImageNet runs where the workflow is started, in a minute.
    """
    if spec.get("source") != "image_folder" or spec.get("transform"):
        return load(spec, **where)
    size, channels = spec.get("size", 32), spec.get("channels", 3)
    arrays = []
    for part, (_, files) in zip(("train", "test"), tree(spec["path"])):
        labels = np.array([label for _, label in files])[: spec.get(f"{part}_size")]
        arrays += [np.broadcast_to(np.float32(0), (len(labels), channels, size, size)), labels]
    classes = int(max(labels.max() for labels in arrays[1::2])) + 1
    return Images(*arrays, classes, (0.0,) * channels, (1.0,) * channels, str(spec["path"]))
