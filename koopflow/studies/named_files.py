"""The user's files that the parameters of a job name: data, recordings, checkpoints, Python modules.

They count by content, like the code of the library: a changed number in an .npz or a changed layer in a network makes what was
computed from it out of date.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from koopflow.core.dependencies import user_files
from koopflow.core.registry import is_target
from koopflow.io.digests import Digests

PATHS = ("path", "folder", "trajectory")
"""Keys whose values are files or folders of the user."""
DOWNLOADED = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "kmnist": "KMNIST/raw",
    "cifar10": "cifar-10-batches-py",
}
"""Where the files of torchvision's sets lie, below the folder of downloaded sets."""


def digests_of_named(digests: Digests, folders: Sequence[Path]) -> Callable[[Any], list[tuple[str, str]]]:
    """Return a function from a parameter's value to the names and digests of the user's files that it names.

    Parameters
    ----------
    digests : Digests
    folders : sequence of path
        Where the user's Python modules are looked for.
    """

    def named(value: Any) -> list[tuple[str, str]]:
        files = {(path, digests.of(path)) for path in _paths(value, folders)}
        return sorted(files | {(path, digests.since_first_seen(path)) for path in _downloaded(value)})

    return named


def _paths(value: Any, folders: Sequence[Path]) -> Iterator[str]:
    """Yield the files and folders that `value` names at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in PATHS:
                yield from [inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []
            else:
                yield from _paths(inner, folders)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _paths(inner, folders)
    elif isinstance(value, str) and is_target(value):
        yield from map(str, user_files(value, folders))


def _downloaded(value: Any) -> Iterator[str]:
    """Yield the folders of torchvision's sets among the data that `value` selects (see koopflow.config.data.DataSelection)."""
    if not isinstance(value, Mapping) or "spec" not in value:
        return
    for spec in (value["spec"], *value.get("named", {}).values()):
        if isinstance(spec, Mapping) and spec.get("source") in DOWNLOADED:
            yield str(Path(value.get("root", "data"), DOWNLOADED[spec["source"]]))
