"""The check of ``equivalence``: data and network of every set-up."""

from typing import Any

from koopflow.config.equivalence import Setup
from koopflow.data.images import load
from koopflow.training.check import checked


def check(setups: dict[str, Any], data: dict[str, Any], data_root: str, seed: int) -> dict[str, Any]:
    """Load each set-up's images and build its network; return what was found, by set-up.

    Raises
    ------
    KoopflowError
        For the first set-up that cannot be trained.
    """
    images: dict[str, Any] = {}
    found = {}
    for name, given in setups.items():
        key = f"equivalence.training.setups.{name}"
        setup = Setup.load(given, key)
        if setup.data not in images:
            images[setup.data] = load(data[setup.data], data_root=data_root, seed=seed, named=data)
        found[name] = checked(key, setup, images[setup.data], setup.koopman.observables)
    return found
