"""The check of ``tickets``: tasks that one network can learn, depths to which tickets stretch,
rounds trained elsewhere."""

from typing import Any

from koopflow.config.tickets import CheckedStudy, Elastic, External
from koopflow.data.images.outline import look
from koopflow.studies.checks.device import check_device
from koopflow.tickets.checks import check_data


def check(
    data: dict[str, Any],
    studies: dict[str, Any],
    elastic: dict[str, Any],
    external: dict[str, Any],
    seed: int,
    device: str = "auto",
) -> list[str]:
    """Check the images of every task and the rounds trained elsewhere; return what was found, line
    by line.

    Raises
    ------
    KoopflowError
        For the first thing that cannot be used.
    """
    check_device(device, {**studies, **elastic})
    images = {task: look(of["spec"], data_root=of["root"], seed=seed, named=of["named"]) for task, of in data.items()}
    return check_data(
        {name: CheckedStudy.load(study, f"tickets.studies.{name}") for name, study in studies.items()},
        {name: Elastic.load(one, f"tickets.elastic.{name}") for name, one in elastic.items()},
        {name: External.load(one, f"tickets.external.{name}") for name, one in external.items()},
        images,
    )
