"""Fit Koopman operators to data of any supported type: `fit`."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import pandas as pd

from koopflow.api.operators import Operator
from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import matching
from koopflow.koopman import dmd
from koopflow.koopman.source import Columns
from koopflow.koopman.user_files import about_files, open_trajectory
from koopflow.trajectory import Trajectory

Data: TypeAlias = Any
"""A path or paths, a Trajectory, an array, a torch tensor, a DataFrame, or a list of these; see
`fit`.
"""


def fit(
    data: Data,
    *,
    rank: float = 0,
    delays: int = 0,
    variant: str = "standard",
    parameters: str | Sequence[str] | None = None,
    replicas: Sequence[int] | None = None,
    precision: str = "double",
    interval: int | None = None,
) -> Operator:
    """Return the Koopman operator fitted to states recorded at equal steps.

    >>> import numpy as np
    >>> import koopflow as kf
    >>> wave = np.cos(0.3 * np.arange(80))
    >>> kf.fit(wave, rank=2, delays=1).eigenvalues.round(4)
    array([0.9553+0.2955j, 0.9553-0.2955j])

    Parameters
    ----------
    data : path, Trajectory, array, torch tensor, DataFrame, or list
        A trajectory file, or a folder of checkpoints or arrays. Numbers are states (step,
        parameter), several runs (run, step, parameter), or a series (step,). Nested lists of
        numbers are converted as by `numpy.asarray`. A list of paths or of matrices is a list of
        runs of one system; their pairs of successive states are pooled.
    rank : int or float
        Number of eigenvalues. 0: optimal hard threshold. Between 0 and 1: share of energy. -1: all.
    delays : int
        Number of earlier states in a delayed state (Hankel DMD).
    variant : str
        "standard"; "total_least_squares" or "forward_backward" for noisy states; for one run also
        "optimized" and "bagged".
    parameters : str or list of str, optional
        Names of parameters in trajectory files, or of columns in a DataFrame, as shell patterns
        ("fc2.*").
    replicas : sequence of int, optional
        Indices of the runs to fit from a single file or array; all by default.
    precision : {"double", "single"}
        "single" is faster with more parameters than steps, and gives eigenvalues to about four
        digits.
    interval : int, optional
        Optimizer steps between the states of arrays (default 1); files say it themselves.

    Raises
    ------
    KoopflowError
        For NaN, masked or complex numbers, ragged lists, unequal steps, too few steps, or a rank
        above that of the data.
    """
    opened, paths = _opened(data)
    selected, columns = _selected(opened, parameters)
    engine = partial(dmd.fit, columns=columns, replicas=replicas, precision=precision)
    try:
        fitted = engine(selected, svd_rank=rank, delays=delays, variant=variant)
    except KoopflowError as error:
        raise type(error)(about_files(str(error), paths)) from None
    _set_interval(fitted, interval, from_file=_is_file(selected))
    return Operator(fitted, parameters, _complete(opened))


def _opened(data: Data) -> tuple[Data, list[str]]:
    """Return `data` with paths replaced by open trajectories, and the paths."""
    if isinstance(data, str | os.PathLike):
        return open_trajectory(data), [os.fspath(data)]
    if isinstance(data, list | tuple) and any(isinstance(one, str | os.PathLike | Trajectory) for one in data):
        wrong = next((one for one in data if not isinstance(one, str | os.PathLike | Trajectory)), None)
        if wrong is not None:
            raise KoopflowError(
                "data must be a list of trajectory files or of arrays, not both (got a "
                f"{type(wrong).__name__} among files)"
            )
        files = [one if isinstance(one, Trajectory) else open_trajectory(one) for one in data]
        return (files if len(files) > 1 else files[0]), [str(file.path) for file in files]
    return data, []


def _selected(data: Data, parameters: str | Sequence[str] | None) -> tuple[Data, Columns | None]:
    """Return `data` and the trajectory columns that match `parameters`; data frames are reduced to
    matching columns.
    """
    first = data[0] if isinstance(data, list) and data else data
    if isinstance(first, Trajectory):
        return data, None if parameters is None else first.columns(parameters)
    if parameters is None:
        return data, None
    if not isinstance(data, pd.DataFrame):
        raise KoopflowError("parameters needs trajectory files or data frames; index the array instead")
    return data.loc[:, matching([str(name) for name in data.columns], parameters, "parameters")], None


def _is_file(data: Data) -> bool:
    return isinstance(data[0] if isinstance(data, list) and data else data, Trajectory)


def _set_interval(fitted: dmd.Koopman, interval: int | None, from_file: bool) -> None:
    """Set the steps between the states of `fitted`; refuse a number that contradicts a file."""
    if interval is None:
        return
    if isinstance(interval, bool) or interval != int(interval) or interval < 1:
        raise KoopflowError(f"interval must be a whole number of steps, at least 1 (got {interval!r})")
    if from_file and interval != fitted.interval:
        raise KoopflowError(
            f"interval must be {fitted.interval}, the steps between the states in the file (got {interval})"
        )
    fitted.runs.interval = int(interval)


def _complete(data: Data) -> bool:
    files = data if isinstance(data, list) else [data]
    return all(file.complete for file in files if isinstance(file, Trajectory))
