"""Checks that belong to no stage: data sets that refer to others, and the user's files."""

from collections.abc import Collection, Mapping
from pathlib import Path

from koopflow.config.data import DataSet
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name
from koopflow.io.paths import existing


def check(study: Study, image_sources: Collection[str]) -> None:
    """Raise a KoopflowError for wrong references between data sets and for missing files."""
    check_data_sets(study.data, image_sources)
    existing({name: {"path": entry.path} for name, entry in study.trajectories.items()})
    for name, entry in study.tickets.external.items():
        if not Path(entry.folder).is_dir():
            raise KoopflowError(f"tickets.external.{name}.folder: no folder {entry.folder}")
        for folder in entry.seeds:
            if not Path(folder).is_dir():
                raise KoopflowError(f"tickets.external.{name}.seeds: no folder {folder}")


def check_data_sets(data: Mapping[str, DataSet], sources: Collection[str]) -> None:
    """Raise a KoopflowError for a ``like`` that is neither a set nor a source, or a circle."""
    for name in data:
        trail = [name]
        while trail[-1] in data and (target := data[trail[-1]].like) is not None:
            key = f"data.{trail[-1]}.like"
            if target not in data and target not in sources:
                raise unknown_name(key, target, [*data, *sources], "data set or source")
            if target in trail:
                raise KoopflowError(f"{key}: {' → '.join([*trail, target])} leads back to itself")
            trail.append(target)
