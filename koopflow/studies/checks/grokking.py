"""The check of ``grokking``: pairs and network of every setting."""

from typing import Any

from koopflow.config.grokking import GrokkingSetup
from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.studies.checks.device import check_device
from koopflow.training.check import checked


def check(settings: dict[str, Any], observables: list[str], seed: int, device: str = "auto") -> dict[str, Any]:
    """Make the pairs of each setting and build its network; return what was found, by setting.

    Raises
    ------
    KoopflowError
        For the first setting that cannot be trained, such as one whose prime is none.
    """
    check_device(device, settings)
    found = {}
    for name, given in settings.items():
        key = f"grokking.settings.{name}"
        setup = GrokkingSetup.load(given, key)
        spec = {"source": "modular_addition", "prime": setup.prime, "share": setup.share}
        try:
            images = load(spec, seed=seed)
        except KoopflowError as error:
            raise KoopflowError(f"{key}: {error}") from None
        found[name] = checked(key, setup, images, observables)
    return found
