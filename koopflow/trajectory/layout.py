"""The layout of a trajectory file: names, types and chunk shapes.

::

    /weights     float32 (replica, step, parameter)
    /steps       int64   (step,)           optimizer step of each captured state, strictly increasing
    /loss        float64 (replica, step)   NaN where no loss was given
    /parameters  (name, shape, start, stop), one row per captured tensor, in the order of the last
                 axis of /weights
    attributes   format, format_version, study (JSON), seeds (JSON), code_version

Checksums follow the HDF5 content of a finished file (`koopflow.trajectory.checksums`).
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

FORMAT = "koopflow trajectory"
FORMAT_VERSION = 2  # version 1 had no checksums
NOT_WRITTEN = -1
"""In /steps of a growing file: a row without a state yet."""
CHUNK_BYTES = 1 << 20
BUFFER_BYTES = 64 << 20


@dataclass(frozen=True)
class Parameter:
    """One captured tensor: its name, its shape, and its columns ``start:stop`` of ``/weights``."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


def parameter_table(parameters: Iterable[tuple[str, Sequence[int]]]) -> list[Parameter]:
    """Lay out (name, shape) pairs one after another.

    Raises
    ------
    KoopflowError
        If there is no pair, a name occurs twice, or a shape holds no numbers.
    """
    table: list[Parameter] = []
    start = 0
    for name, lengths in parameters:
        shape = tuple(int(length) for length in lengths)
        if "\0" in str(name):
            raise KoopflowError(f"parameter {name!r}: names must not hold NUL characters")
        if prod(shape) < 1:
            raise KoopflowError(f"parameter {name}: shape {shape} holds no numbers")
        table.append(Parameter(str(name), shape, start, start + prod(shape)))
        start = table[-1].stop
    if not table:
        raise KoopflowError("a trajectory needs at least one parameter")
    if len({parameter.name for parameter in table}) < len(table):
        raise KoopflowError(f"parameter names must differ (got {', '.join(parameter.name for parameter in table)})")
    return table


def store_parameters(file: h5py.File, table: list[Parameter]) -> None:
    """Write ``/parameters``."""
    dtype = np.dtype(
        [("name", h5py.string_dtype()), ("shape", h5py.vlen_dtype(np.int64)), ("start", np.int64), ("stop", np.int64)]
    )
    rows = np.empty(len(table), dtype)
    for row, parameter in zip(rows, table):
        row["name"], row["shape"] = parameter.name, np.array(parameter.shape, np.int64)
        row["start"], row["stop"] = parameter.start, parameter.stop
    file.create_dataset("parameters", data=rows, dtype=dtype)


def load_parameters(file: h5py.File) -> list[Parameter]:
    """Read ``/parameters``."""
    rows = file["parameters"][:]
    return [
        Parameter(row["name"].decode(), tuple(int(n) for n in row["shape"]), int(row["start"]), int(row["stop"]))
        for row in rows
    ]


def chunk_shape(replicas: int, parameters: int, steps: int | None) -> tuple[int, int, int]:
    """Return the chunk shape (1, steps, parameters): about 1 MB, with as many steps as 64 MB of all
    replicas allow.

    Long chunks make a parameter's whole history fast to read. The limit is the size of the writer's
    buffer.

    Parameters
    ----------
    replicas, parameters : int
    steps : int or None
        The number of states, if known.
    """
    width_limit = CHUNK_BYTES // 4
    long = max(64, width_limit // parameters)
    length = min(max(4, BUFFER_BYTES // (4 * replicas * parameters)), long, steps or long)
    return 1, length, min(parameters, max(1, width_limit // length))


def partial_path(path: str | os.PathLike[str]) -> Path:
    """Return the temporary path of the trajectory `path`, used until it is complete."""
    path = Path(path)
    return path.with_name(path.name + ".partial")


def first_nonfinite(block: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Return replica, step and column of the first NaN or infinity in `block`, and how many steps
    are finite in all replicas before any; None if all numbers are finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(block.sum()):  # the cheapest pass that shows any NaN or infinity
            return None
    finite = np.isfinite(block)
    if finite.all():  # the sum overflowed
        return None
    at, step, column = (int(index) for index in np.argwhere(~finite)[0])
    return at, step, column, int(finite.all(axis=(0, 2)).argmin())
