"""From a few lines of config to normalized images."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from koopflow.config.data import DataSelection, DataSet
from koopflow.core import facts, seeds
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options, check_options
from koopflow.core.suggest import unknown_name
from koopflow.data.images.context import Context
from koopflow.data.images.registry import SOURCES, TRANSFORMS
from koopflow.data.images.sets import Images, Part, RawImages, check, normalize

DataSpec = DataSet | Mapping[str, Any] | str
"""A set's settings, as a model or as YAML holds them, or the name of its source."""


@dataclass(frozen=True)
class _Request:
    """A requested set: its source, the source's options, the number of images to keep, and
    transforms."""

    source: str
    options: Options = field(default_factory=dict)
    transforms: Options = field(default_factory=dict)
    sizes: Mapping[Part, int] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: DataSpec) -> "_Request":
        if isinstance(spec, str):
            return cls(spec)
        options = dict(spec.dump() if isinstance(spec, DataSet) else spec)
        source, transforms = str(options.pop("source", None)), options.pop("transform", None) or {}
        own = options.pop("arguments", None) or {}
        parts: tuple[Part, ...] = ("train", "test")
        sizes = {part: options.pop(f"{part}_size") for part in parts if f"{part}_size" in options}
        return cls(source, options | own, transforms, sizes)


def load_selection(selection: DataSelection, seed: int) -> Images:
    """Return the images of the set that a job selects, normalized; see `load`."""
    return load(selection.spec, data_root=selection.root, seed=seed, named=selection.named)


def load(
    spec: DataSpec, *, data_root: str = "data", seed: int = 0, named: "Mapping[str, DataSpec] | None" = None
) -> Images:
    """Return the images that `spec` describes, normalized by the mean and standard deviation of its
    training images.

    Parameters
    ----------
    spec : DataSet, mapping or str
        ``{"source": NAME, **options}``, or NAME alone. Besides the source's options: ``transform``,
        ``{NAME: option}``, applied in the order given; ``train_size`` and ``test_size``, to keep
        that many images, drawn evenly over the classes.
    data_root : str
        Folder of downloaded sets.
    seed : int
        The run's seed; synthetic sets and noise are drawn from it by name.
    named : mapping of str to spec, optional
        The sets that ``like: NAME`` may refer to.

    Raises
    ------
    KoopflowError
        If a source, option or transform is unknown; files are absent and cannot be downloaded;
        arrays have a wrong shape or dtype, or hold NaN.
    """
    raw = _Sets(str(data_root), int(seed), named or {}).raw(spec, ())
    sizes = {"train": len(raw.y_train), "test": len(raw.y_test)}
    facts.note("data", name=raw.name, transforms=_Request.of(spec).transforms, **sizes, sha256=raw.sha256())
    return normalize(raw)


@dataclass(frozen=True)
class _Sets:
    """The named sets of a configuration, with the folder and seed to load them."""

    data_root: str
    seed: int
    named: "Mapping[str, DataSpec]"

    def raw(self, spec: DataSpec, trail: tuple[str, ...]) -> RawImages:
        """Return the raw images of `spec`; `trail` names the sets that refer to it."""
        asked = _Request.of(spec)
        source = SOURCES.load(asked.source, "data.source")
        key = "data" if asked.source in SOURCES else f"data: source {asked.source}: arguments"
        options = check_options(source, asked.options, key)
        context = Context(self.data_root, self.seed, lambda name: self._referred(name, trail))
        raw = check(source(context, **options))
        for part, size in asked.sizes.items():
            raw = _subset(raw, part, size)
        for name, option in asked.transforms.items():
            raw = check(TRANSFORMS.load(name, "data.transform")(raw, option, self.seed))
        return raw

    def _referred(self, name: str, trail: tuple[str, ...]) -> RawImages:
        """Return the raw images of the named set or source that the last of `trail` refers to."""
        if name in trail:
            raise KoopflowError(f"data: {' → '.join((*trail, name))} refers to itself")
        spec = self.named.get(name, name if name in SOURCES else None)
        if spec is None:
            raise unknown_name("data.like", name, [*self.named, *SOURCES], "data set")
        return self.raw(spec, (*trail, name))


def _subset(raw: RawImages, part: Part, size: int) -> RawImages:
    """Keep `size` images of a part, as many of each class as its share allows, in their original
    order."""
    labels = raw.labels(part)
    if not raw.classes <= size <= len(labels):
        raise KoopflowError(
            f"data.{part}_size must be between {raw.classes} (the classes of {raw.name}) and "
            f"{len(labels)} (its {part} images)"
            f" (got {size})"
        )
    # Sorted by rank within the class, as a share of the class, the first `size` images keep every
    # class's share to one image.
    order = seeds.rng(0, "data", raw.name, part, "subset").permutation(len(labels))
    share = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        share[members] = (np.arange(len(members)) + 0.5) / len(members)
    keep = np.sort(np.argsort(share, kind="stable")[:size])
    if part == "train":
        return replace(raw, x_train=raw.x_train[keep], y_train=labels[keep])
    return replace(raw, x_test=raw.x_test[keep], y_test=labels[keep])
