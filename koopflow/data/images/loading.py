"""The registry of image sources and transforms, and `load`, which reads a few lines of config into normalized images."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images, RawImages, check, normalize

SOURCES: dict[str, Callable[..., RawImages]] = {}
TRANSFORMS: dict[str, Callable[..., RawImages]] = {}

# Keys that `load` itself understands; all others go to the source as keyword arguments.
_COMMON = ("source", "transform", "train_size", "test_size")


def source(name: str) -> Callable:
    """Register a function ``(context, **options) -> RawImages`` as the image source `name`."""

    def register(function: Callable) -> Callable:
        SOURCES[name] = function
        return function

    return register


def transform(name: str) -> Callable:
    """Register a function ``(raw, option, seed) -> RawImages`` as the transform `name` of any set."""

    def register(function: Callable) -> Callable:
        TRANSFORMS[name] = function
        return function

    return register


class Context:
    """What a source may need besides its own options: where files lie, the seed, and the other named sets."""

    def __init__(self, data_root: str, seed: int, named: Mapping, trail: tuple[str, ...]):
        self.data_root, self.seed, self.named, self.trail = data_root, seed, named, trail

    def load(self, name: str) -> RawImages:
        """Return the raw images of the set called `name` in the config, or of the source of that name."""
        if name in self.trail:
            raise KoopflowError(f"data: {' → '.join((*self.trail, name))} refers to itself")
        spec = self.named.get(name, {"source": name} if name in SOURCES else None)
        if spec is None:
            known = [*self.named, *SOURCES]
            raise KoopflowError(f"data: 'like: {name}' is no data set here{_nearest(name, known)}; known are {', '.join(known)}")
        return _raw(spec, Context(self.data_root, self.seed, self.named, (*self.trail, name)))


def load(spec: Mapping | str, *, data_root: str = "data", seed: int = 0, named: Mapping | None = None) -> Images:
    """Return the images that `spec` describes, normalized by their training set's mean and standard deviation.

    Parameters
    ----------
    spec : mapping or str
        ``{"source": NAME, **options}``, or NAME alone. Beside the source's options: ``transform: {NAME: option}``
        (applied in the order
        given), ``train_size`` and ``test_size`` (keep that many images, drawn evenly over the classes).
    data_root : str
        Folder in which downloaded sets lie.
    seed : int
        The run's seed; synthetic sets and noise are drawn from it by name.
    named : mapping, optional
        The config's ``data`` map, so that ``like: NAME`` can refer to it.

    Raises
    ------
    KoopflowError
        An unknown source, option or transform; files absent and not downloadable; arrays of wrong shape or dtype, or with NaN.
    """
    if isinstance(spec, str):
        spec = {"source": spec}
    return normalize(_raw(spec, Context(str(data_root), int(seed), named or {}, ())))


def _raw(spec: Mapping, context: Context) -> RawImages:
    name = spec.get("source")
    if name not in SOURCES:
        raise KoopflowError(f"data: unknown source {name!r}{_nearest(name, SOURCES)}; known are {', '.join(SOURCES)}")
    function = SOURCES[name]
    options = {key: value for key, value in spec.items() if key not in _COMMON}
    _check_options(name, function, options)
    raw = check(function(context, **options))
    for part in ("train", "test"):
        if f"{part}_size" in spec:
            raw = _subset(raw, part, spec[f"{part}_size"])
    for key, option in (spec.get("transform") or {}).items():
        if key not in TRANSFORMS:
            raise KoopflowError(f"data: unknown transform {key!r}{_nearest(key, TRANSFORMS)}; known are {', '.join(TRANSFORMS)}")
        raw = check(TRANSFORMS[key](raw, option, context.seed))
    return raw


def _check_options(name: str, function: Callable, options: Mapping) -> None:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    known = [parameter.name for parameter in parameters]
    for key in options:
        if key not in known:
            accepted = ", ".join([*_COMMON, *known])
            raise KoopflowError(
                f"data: source {name} has no option {key!r}{_nearest(key, [*known, *_COMMON])}; accepted are {accepted}"
            )
    for parameter in parameters:
        if parameter.default is inspect.Parameter.empty and parameter.name not in options:
            raise KoopflowError(f"data: source {name} needs the option {parameter.name!r}")


def _subset(raw: RawImages, part: str, size: int) -> RawImages:
    """Keep `size` images of a part, as many of each class as their shares allow, in their original order."""
    labels = getattr(raw, f"y_{part}")
    if not raw.classes <= size <= len(labels):
        raise KoopflowError(
            f"data: {part}_size: {size} of {raw.name} is outside {raw.classes} (its classes) to {len(labels)} (its {part} images)"
        )
    # Images sorted by their rank within the class, as a share of the class: the first `size` of them keep every class's
    # share to one image.
    order = seeds.rng(0, "data", raw.name, part, "subset").permutation(len(labels))
    share = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        share[members] = (np.arange(len(members)) + 0.5) / len(members)
    keep = np.sort(np.argsort(share, kind="stable")[:size])
    return replace(raw, **{f"x_{part}": getattr(raw, f"x_{part}")[keep], f"y_{part}": labels[keep]})


def _nearest(name: object, known) -> str:
    match = difflib.get_close_matches(str(name), [str(key) for key in known], n=1)
    return f" (did you mean {match[0]!r}?)" if match else ""
