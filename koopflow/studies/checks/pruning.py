"""The check of ``pruning``: every study against its data and its network."""

from typing import Any

from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.data.images import load
from koopflow.pruning.checks import check_study
from koopflow.studies.checks.device import check_device


def check(
    studies: dict[str, Any],
    methods: dict[str, Any],
    data: dict[str, Any],
    data_root: str,
    seed: int,
    device: str = "auto",
) -> dict[str, str]:
    """Load each study's images and build its network.

    Raises
    ------
    KoopflowError
        For the first study that cannot be run.
    """
    check_device(device, studies)
    loaded = {name: PruningMethod.load(method, f"pruning.methods.{name}") for name, method in methods.items()}
    for name, settings in studies.items():
        study = PruningStudy.load(settings, f"pruning.studies.{name}")
        images = load(data[study.data], data_root=data_root, seed=seed, named=data)
        check_study(name, study, loaded, images)
    return dict.fromkeys(sorted(studies), "can be done")
