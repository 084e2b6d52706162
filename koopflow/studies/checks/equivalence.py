"""The check of ``equivalence``: data and network of every set-up."""

from collections.abc import Mapping
from typing import Any

from koopflow.config.equivalence import Setup
from koopflow.data.images import Images, load
from koopflow.studies.checks.device import check_device
from koopflow.training.check import checked


def check(
    setups: dict[str, Any],
    windows: dict[str, Any],
    data: dict[str, Any],
    data_root: str,
    seed: int,
    device: str = "auto",
) -> dict[str, Any]:
    """Load the images of each set-up and study of windows and build its network; return what was
    found, by set-up, and by study as "windows.NAME".

    One data set at a time is in memory: the check runs on the login node of a cluster.

    Raises
    ------
    KoopflowError
        For the first set-up that cannot be trained.
    """
    check_device(device, {**setups, **windows})
    named = {name: (f"equivalence.training.setups.{name}", given) for name, given in setups.items()}
    named |= {f"windows.{name}": (f"equivalence.windows.{name}", given) for name, given in windows.items()}
    given_by = {name: (key, Setup.load(given, key)) for name, (key, given) in named.items()}
    found: dict[str, Any] = {}
    for source in dict.fromkeys(setup.data for _, setup in given_by.values()):
        of_it = {name: (key, setup) for name, (key, setup) in given_by.items() if setup.data == source}
        found |= _found(of_it, load(data[source], data_root=data_root, seed=seed, named=data))
    return {name: found[name] for name in named}


def _found(setups: Mapping[str, tuple[str, Setup]], images: Images) -> dict[str, Any]:
    """Return what was found of set-ups that share their images."""
    return {name: checked(key, setup, images, setup.koopman.observables) for name, (key, setup) in setups.items()}
