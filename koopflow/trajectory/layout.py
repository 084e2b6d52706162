"""The layout of a trajectory file: names, types and chunk shapes, shared by the writer and the reader.

::

    /weights     float32 (replica, step, parameter)
    /steps       int64   (step,)           the optimizer step of each captured state, strictly increasing
    /loss        float64 (replica, step)   NaN where no loss was given
    /parameters  (name, shape, start, stop), one row for each captured tensor, in the order of the last axis of /weights
    attributes   format, format_version, study (JSON), seeds (JSON), code_version

A finished file has checksums of all of these behind its end (koopflow.trajectory.checksums).
"""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import h5py
import numpy as np

from koopflow.core.errors import KoopflowError

FORMAT = "koopflow trajectory"
FORMAT_VERSION = 2  # 1 had no checksums
NOT_WRITTEN = -1  # in /steps, of a file that is still growing
CHUNK_BYTES = 1 << 20
BUFFER_BYTES = 64 << 20


@dataclass(frozen=True)
class Parameter:
    """One captured tensor: its name, shape, and its place ``start:stop`` on the last axis of ``/weights``."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


def parameter_table(parameters) -> list[Parameter]:
    """Lay (name, shape) pairs out one after another; raises KoopflowError for an empty, repeated or sizeless one."""
    table, start = [], 0
    for name, shape in parameters:
        shape = tuple(int(length) for length in shape)
        if prod(shape) < 1:
            raise KoopflowError(f"parameter {name}: shape {shape} holds no numbers")
        table.append(Parameter(str(name), shape, start, start + prod(shape)))
        start = table[-1].stop
    if not table:
        raise KoopflowError("a trajectory needs at least one parameter")
    if len({parameter.name for parameter in table}) < len(table):
        raise KoopflowError(f"parameter names must differ, found {[parameter.name for parameter in table]}")
    return table


def store_parameters(file: h5py.File, table: list[Parameter]) -> None:
    """Write ``/parameters``."""
    dtype = np.dtype([("name", h5py.string_dtype()), ("shape", h5py.vlen_dtype(np.int64)), ("start", np.int64), ("stop", np.int64)])
    rows = np.empty(len(table), dtype)
    for row, parameter in zip(rows, table):
        row["name"], row["shape"] = parameter.name, np.array(parameter.shape, np.int64)
        row["start"], row["stop"] = parameter.start, parameter.stop
    file.create_dataset("parameters", data=rows, dtype=dtype)


def load_parameters(file: h5py.File) -> list[Parameter]:
    """Read ``/parameters``."""
    rows = file["parameters"][:]
    return [
        Parameter(row["name"].decode(), tuple(int(n) for n in row["shape"]), int(row["start"]), int(row["stop"])) for row in rows
    ]


def chunk_shape(replicas: int, parameters: int, steps: int | None) -> tuple[int, int, int]:
    """Return the chunk (1, steps, parameters): about 1 MB, as many steps long as 64 MB of all replicas' steps allow.

    Long chunks make reading a parameter's whole history fast; a chunk is not longer than what the writer can hold back.
    """
    width_limit = CHUNK_BYTES // 4
    long = max(64, width_limit // parameters)
    length = min(max(4, BUFFER_BYTES // (4 * replicas * parameters)), long, steps or long)
    return 1, length, min(parameters, max(1, width_limit // length))


def partial_path(path) -> Path:
    """Where the trajectory `path` grows until it is complete."""
    path = Path(path)
    return path.with_name(path.name + ".partial")
