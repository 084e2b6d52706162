"""The check of ``equivalence``: data and network of every set-up."""

from typing import Any

from koopflow.config.equivalence import Setup
from koopflow.data.images import load
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

    Raises
    ------
    KoopflowError
        For the first set-up that cannot be trained.
    """
    check_device(device, {**setups, **windows})
    images: dict[str, Any] = {}
    found = {}
    named = {name: (f"equivalence.training.setups.{name}", given) for name, given in setups.items()}
    named |= {f"windows.{name}": (f"equivalence.windows.{name}", given) for name, given in windows.items()}
    for name, (key, given) in named.items():
        setup = Setup.load(given, key)
        if setup.data not in images:
            images[setup.data] = load(data[setup.data], data_root=data_root, seed=seed, named=data)
        found[name] = checked(key, setup, images[setup.data], setup.koopman.observables)
    return found
