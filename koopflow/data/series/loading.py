"""From settings, or from samples, to a regular series without missing values."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core import facts
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import check_options
from koopflow.data.series.csv import csv_whole
from koopflow.data.series.grid import regular
from koopflow.data.series.registry import SOURCES
from koopflow.data.series.season import infer_period, infer_seasons
from koopflow.data.series.series import EARLY, Series, Times

SeriesSpec = SeriesSettings | Mapping[str, Any]
"""A series' settings, as a model or as YAML holds them."""

LARGEST = 1e100
"""Larger values cannot be squared and added up."""

STILL = 0.1
"""A series that is constant for at least this share of its early stretch begins at its first
change."""


def load(name: str, spec: SeriesSpec, seed: int = 0) -> Series:
    """Return the series `name` that `spec` describes.

    Parameters
    ----------
    name : str
    spec : SeriesSettings or mapping
        ``source`` (csv if only a ``path`` is given) and its options, ``fill``, ``step`` and
        ``period``.
    seed : int
        The run's seed, for synthetic sources.

    Raises
    ------
    KoopflowError
        One line that names the series and what is wrong.
    """
    settings = SeriesSettings.load(spec, f"series.{name}")
    if settings.kind is None:
        raise KoopflowError(f"series.{name}.source: a source or a path is missing; sources are {', '.join(SOURCES)}")
    if settings.path and settings.kind != "csv" and settings.kind in SOURCES:
        raise KoopflowError(
            f"series.{name}.path: the source {settings.kind} reads no file (got {settings.path!r}); leave out path or "
            "source"
        )
    source = SOURCES.load(settings.kind, f"series.{name}.source")
    options = check_options(source, settings.arguments, f"series.{name}.arguments", first=3)
    times, values, label = source(name, settings, seed, **options)
    regressors: dict[str, NDArray[np.float64]] = {}
    if settings.regressors:
        if settings.kind != "csv":
            raise KoopflowError(f"series.{name}.regressors: needs path, a CSV file with these columns")
        _, _, regressors = csv_whole(name, settings)
    times, values = times[: settings.length], values[: settings.length]
    regressors = {each: column[: settings.length] for each, column in regressors.items()}
    digest = hashlib.sha256(np.ascontiguousarray(times).tobytes() + np.ascontiguousarray(values).tobytes())
    facts.note("data", name=name, source=settings.kind, samples=len(values), sha256=digest.hexdigest())
    return prepared(name, times, values, label, **given(settings), regressors=regressors)


def given(settings: SeriesSettings) -> dict[str, Any]:
    """Return the settings that `prepared` takes, by the names of its parameters."""
    return {name: getattr(settings, name) for name in ("fill", "period", "step", "seasons", "holidays")}


def prepared(
    name: str,
    times: Times,
    values: NDArray[np.float64],
    label: str = "value",
    *,
    fill: Literal["interpolate", "hold"] = "interpolate",
    period: int | None = None,
    step: str | None = None,
    seasons: Sequence[int] | None = None,
    holidays: str | None = None,
    regressors: Mapping[str, NDArray[np.float64]] | None = None,
) -> Series:
    """Return samples as a series: on a regular grid, without missing values, with its season.

    Parameters
    ----------
    name : str
        Name of the series in errors.
    times : (n,) datetime64 or numbers, increasing
    values : (n,) float
        NaN where one is missing.
    label : str
        Axis label of the values.
    fill : "interpolate" or "hold"
        How missing values are filled.
    period, step, seasons : optional
        Samples per season, the step of the grid (see `koopflow.data.series.grid`), and all seasons;
        found from the early stretch by default.
    holidays : str, optional
        Code of a country, or part of one.
    regressors : mapping of str to (n,) float, optional
        Other columns; they may go on after the last value.

    Raises
    ------
    KoopflowError
        If the series is too short, constant, without values, or has values too large to square.
    """
    beside = {each: _held(name, each, times, column, step) for each, column in (regressors or {}).items()}
    times, values, step = regular(name, times, values, step)
    present = np.flatnonzero(np.isfinite(values))
    if len(present) == 0:
        raise KoopflowError(f"series.{name}: all {len(values)} values are missing")
    times, values = times[present[0] : present[-1] + 1], values[present[0] : present[-1] + 1]
    observed = np.isfinite(values)
    largest = float(np.max(np.abs(values[observed])))
    if largest > LARGEST:
        raise KoopflowError(f"series.{name}: values must be at most {LARGEST:g} (got {largest:.1g})")
    values = filled(values, fill)
    if np.ptp(values) == 0:
        raise KoopflowError(f"series.{name}: constant, all {len(values)} values are {values[0]:g}; nothing to forecast")
    start = beginning(values)
    times, values, observed = times[start:], values[start:], observed[start:]
    early = values[: int(EARLY * len(values))]
    period, found = _seasons(early, step, period, seasons)
    beside = {each: column[int(present[0]) + start :] for each, column in beside.items()}
    return Series(
        *(name, times, values, observed, period, label, step), seasons=found, holidays=holidays, regressors=beside
    )


def _seasons(
    early: NDArray[np.float64], step: str, period: int | None, seasons: Sequence[int] | None
) -> tuple[int, tuple[int, ...]]:
    """Return the samples per season, and all seasons; what is not given is found."""
    if period is None:
        period = seasons[0] if seasons else infer_period(early, step)
    return int(period), tuple(sorted({int(period), *seasons})) if seasons else infer_seasons(early, step, int(period))


def _held(
    name: str, regressor: str, times: Times, column: NDArray[np.float64], step: str | None
) -> NDArray[np.float64]:
    """Return a regressor on the grid of its series, up to its last value; gaps hold the value
    before."""
    _, placed, _ = regular(name, times, column, step)
    known = np.flatnonzero(np.isfinite(placed))
    if len(known) == 0:
        raise KoopflowError(f"series.{name}.regressors: all values of {regressor!r} are missing")
    placed = placed[: known[-1] + 1]
    placed[: known[0]] = placed[known[0]]
    return filled(placed, "hold")


def beginning(values: NDArray[np.float64]) -> int:
    """Return the index of the last sample before a series first changes, 0 if it is constant only
    briefly.

    A product that is not yet sold, or an illness that is not yet counted, has no dynamics.
    """
    still = int(np.argmax(values != values[0]))
    return still - 1 if still >= max(2, STILL * EARLY * len(values)) else 0


def filled(values: NDArray[np.float64], how: Literal["interpolate", "hold"]) -> NDArray[np.float64]:
    """Return `values` with missing ones interpolated, or the last one held; the first must be
    present."""
    at, known = np.arange(len(values)), np.isfinite(values)
    if how == "hold":
        return values[np.maximum.accumulate(np.where(known, at, 0))]
    return np.interp(at, at[known], values[known])
