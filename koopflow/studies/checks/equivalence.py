"""The check of ``equivalence``: data and network of every set-up."""

from typing import Any

from koopflow.data.images import load
from koopflow.training.check import checked


def check(setups: dict[str, Any], data: dict[str, Any], data_root: str, seed: int) -> dict[str, Any]:
    """Load each set-up's images and build its network; return what was found.

    Raises
    ------
    KoopflowError
        For the first set-up that cannot be trained.
    """
    images: dict[str, Any] = {}
    found = {}
    for name, setup in setups.items():
        key = setup["data"]
        if key not in images:
            images[key] = load(data[key], data_root=data_root, seed=seed, named=data)
        found[name] = checked(f"equivalence.training.setups.{name}", setup, images[key], setup["koopman"]["observables"])
    return found
