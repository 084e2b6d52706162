"""The studies of ``pruning``, merged over their base and checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koopflow.config.data import DataSet
from koopflow.config.pruning import PruningSettings, PruningStudy
from koopflow.config.resolution import completed
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name


def pruning_studies(pruning: PruningSettings, data: Mapping[str, DataSet]) -> dict[str, PruningStudy]:
    """Return every study by name.

    Parameters
    ----------
    pruning : PruningSettings
    data : mapping of str to DataSet
        The data sets of the configuration.

    Raises
    ------
    KoopflowError
        If a study lacks a key, names an unknown data set or method, prunes after its training,
        fine-tunes or saves masks at epochs at which it does not prune, or if its trajectory does
        not exist.
    """
    found: dict[str, PruningStudy] = {}
    for name, own in pruning.studies.items():
        key = f"pruning.studies.{name}"
        study = completed(PruningStudy, pruning.base, own, key, "pruning.base")
        if study.data not in data:
            raise unknown_name(f"{key}.data", study.data, data, "data set")
        for place, names in (("methods", study.methods), *(("pairs", pair) for pair in study.compared)):
            for method in names:
                if method not in pruning.methods:
                    raise unknown_name(f"{key}.{place}", method, pruning.methods, "method")
        _check_epochs(study, own, key)
        if study.trajectory and not Path(study.trajectory).is_file():
            raise KoopflowError(f"{key}.trajectory: {study.trajectory} does not exist")
        found[name] = study
    return found


def _check_epochs(study: PruningStudy, own: Mapping[str, Any], key: str) -> None:
    last = max(study.prune_epochs)
    if last > study.epochs:
        raise KoopflowError(f"{key}.prune_epochs must be at most {study.epochs}, the epochs of training (got {last:g})")
    for part, epochs in (("finetune", study.finetune.at), ("save_masks", study.save_masks.at)):
        absent = sorted(set(epochs) - set(study.prune_epochs))
        # A study ignores an epoch at which only the base saves masks and the study does not prune.
        if absent and (part == "finetune" or part in own):
            raise KoopflowError(
                f"{key}.{part}.at must be among prune_epochs, "
                f"{', '.join(f'{epoch:g}' for epoch in study.prune_epochs)} "
                f"(got {absent[0]:g})"
            )
        asked = (own.get(part) or {}).get("compressions") or ()
        unknown = sorted(set(asked) - set(study.compressions))
        if unknown:
            raise KoopflowError(
                f"{key}.{part}.compressions must be among compressions, "
                f"{', '.join(f'{each:g}' for each in study.compressions)} (got {unknown[0]:g})"
            )
