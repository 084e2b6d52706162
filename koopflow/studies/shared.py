"""What the plans of several stages share."""

from typing import Any

from koopflow.config.base import Settings
from koopflow.config.data import DataSelection
from koopflow.config.series import SeriesSettings
from koopflow.config.study import Study
from koopflow.data.series.registry import SOURCES
from koopflow.workflow.estimates import Machine


def selection(study: Study, name: str) -> DataSelection:
    """Return the data set `name` with the sets that it refers to: all that loading its images
    depends on."""
    named, other = {}, study.data[name].like
    while other is not None and other in study.data and other not in named:
        named[other] = study.data[other]
        other = named[other].like
    return DataSelection(spec=study.data[name], named=named, root=study.data_root)


def is_measured(spec: SeriesSettings) -> bool:
    """Return whether a series comes from a file or a registered source of measured series; one's own
    sources count as synthetic."""
    return not SOURCES.get(spec.kind or "csv", "synthetic:").partition(":")[0].endswith("synthetic")


def machine(study: Study, threads: int | None = None) -> Machine:
    """Return the machine of the study's training jobs; `threads` replaces the study's number."""
    return Machine(threads=study.threads if threads is None else threads, gpu=study.gpu)


def ranges(count: int, size: int) -> list[tuple[int, int]]:
    """Cut `count` things into ranges (first, stop) of at most `size`.

    >>> ranges(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def some(settings: Settings, *keys: str) -> dict[str, Any]:
    """Return the settings named by `keys`, as plain values."""
    plain = settings.dump()
    return {key: plain[key] for key in keys}
