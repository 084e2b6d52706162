"""The user's files that the parameters of a job name: data, recordings, checkpoints, Python
modules.

They are compared by content, like the library's code: a changed number in an .npz file or a changed
layer of a network makes all results computed from it out of date.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from koopflow.core.dependencies import PACKAGE, user_files
from koopflow.core.registry import is_target
from koopflow.io.digests import Digests

PATHS = ("path", "folder", "trajectory", "initial_weights")
"""Keys whose values are the user's files or folders."""
OPTIONS = ("arguments", "options")
"""Keys whose values hold options of the user's functions: any text there may name a file."""
DOWNLOADED = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "kmnist": "KMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
    "svhn": "train_32x32.mat",
}
"""Folders, or a file, of torchvision's sets, below the folder of downloaded sets."""


def digests_of_named(digests: Digests, folders: Sequence[Path]) -> Callable[[Any], list[tuple[str, str]]]:
    """Return a function that returns the names and digests of the user's files named in a
    parameter's value.

    Parameters
    ----------
    digests : Digests
    folders : sequence of path
        Folders in which to look for the user's Python modules.
    """

    def named(value: Any) -> list[tuple[str, str]]:
        files = {(path, digests.of(path)) for path in _paths(value, folders)}
        return sorted(files | {(path, digests.since_first_seen(path)) for path in _downloaded(value)})

    return named


def _paths(value: Any, folders: Sequence[Path], options: bool = False) -> Iterator[str]:
    """Yield the files and folders that `value`, which may be options, names at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in PATHS:
                yield from [inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []
            else:
                yield from _paths(inner, folders, options or key in OPTIONS)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _paths(inner, folders, options)
    elif not isinstance(value, str):
        return
    elif options and os.path.isfile(value):
        yield value
    elif is_target(value) and value.split(".")[0] != PACKAGE:
        # Relative, so that a study that moves to another folder keeps its results.
        yield from map(os.path.relpath, user_files(value, folders))


def _downloaded(value: Any) -> Iterator[str]:
    """Yield the folders of torchvision's sets among the data that `value` selects (see
    koopflow.config.data.DataSelection)."""
    if not isinstance(value, Mapping) or "spec" not in value:
        return
    for spec in (value["spec"], *value.get("named", {}).values()):
        if isinstance(spec, Mapping) and spec.get("source") in DOWNLOADED:
            yield str(Path(value.get("root", "data"), DOWNLOADED[spec["source"]]))
