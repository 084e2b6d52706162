"""Runs from user data: `as_runs` accepts arrays and trajectory files; `FileRuns` and `PooledRuns`
read files.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.memory import ArrayRuns, arrays_of
from koopflow.koopman.runs import Array, Runs, shifted
from koopflow.trajectory import Trajectory

Columns: TypeAlias = list[tuple[int, int]]
"""Ranges (start, stop) of a trajectory's columns, see `Trajectory.columns`."""


class FileRuns(Runs):
    """The replicas of one trajectory file.

    Parameters
    ----------
    trajectory : Trajectory
    delays : int
    columns : list of (start, stop), optional
        Columns to read; all by default.
    replicas : sequence of int, optional
        Replicas to read; all by default.

    Attributes
    ----------
    held_bytes : int
        Runs up to this size are read once and kept; larger ones are read whenever they are needed.
    """

    held_bytes: ClassVar[int] = 16 << 20

    def __init__(
        self,
        trajectory: Trajectory,
        delays: int,
        columns: Columns | None = None,
        replicas: Sequence[int] | None = None,
    ):
        self._trajectory = trajectory
        self._columns = [(0, trajectory.parameter_count)] if columns is None else columns
        self._replicas = list(range(trajectory.replicas)) if replicas is None else list(replicas)
        refuse_unequal(trajectory.path, trajectory.steps)
        width = sum(stop - start for start, stop in self._columns)
        super().__init__([len(trajectory.steps)] * len(self._replicas), width, delays)
        self.interval = _spacing(trajectory) or 1

    @cached_property
    def _held(self) -> NDArray[np.float32] | None:
        """All runs (run, step, parameter), read once, if they are small."""
        if 4 * self.width * int(self.offsets[-1]) > self.held_bytes:
            return None
        states = self._trajectory.read(self._columns, self._replicas)
        states.flags.writeable = False
        return states

    def blocks(self, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield blocks of columns, see `Runs.blocks`."""
        pieces = self._trajectory.pieces(self._columns, self.block_bytes // (8 * int(self.offsets[-1])))
        ends = np.cumsum([stop - start for start, stop in pieces])
        if (held := self._held) is not None:
            for end, (start, stop) in list(zip(ends.tolist(), pieces))[worker::workers]:
                place = end - (stop - start)
                yield place, end, shifted(held[:, :, place:end].reshape(-1, end - place), -self.exponent)
            return
        blocks = self._trajectory.blocks(pieces[worker::workers], self._replicas, block_bytes=self.block_bytes // 2)
        for end, (_, _, block) in zip(ends[worker::workers].tolist(), blocks):
            yield end - block.shape[-1], end, shifted(block.reshape(-1, block.shape[-1]), -self.exponent)

    def run(self, index: int) -> Array:
        """Return one run divided by ``2**exponent``, float64 (step, parameter)."""
        held = self._held
        states = self._trajectory.read(self._columns, [self._replicas[index]])[0] if held is None else held[index]
        return shifted(states.astype(float), -self.exponent)


class PooledRuns(Runs):
    """The replicas of several trajectory files of one system.

    Parameters
    ----------
    trajectories : sequence of Trajectory
    delays : int
    columns : list of (start, stop), optional
        Columns to read; all by default.
    replicas : sequence of int, optional
        Replicas to read, counted through all files; all by default.

    Raises
    ------
    KoopflowError
        If the files hold different parameters, or states at different step spacings.
    """

    def __init__(
        self,
        trajectories: Sequence[Trajectory],
        delays: int,
        columns: Columns | None = None,
        replicas: Sequence[int] | None = None,
    ):
        starts = np.cumsum([0, *(trajectory.replicas for trajectory in trajectories)])
        wanted = range(starts[-1]) if replicas is None else replicas
        parts = [[run - start for run in wanted if start <= run < stop] for start, stop in pairwise(starts.tolist())]
        chosen = [(trajectory, part) for trajectory, part in zip(trajectories, parts) if part]
        files = [FileRuns(trajectory, delays, columns, part) for trajectory, part in chosen]
        trajectories = [trajectory for trajectory, _ in chosen]
        first = trajectories[0]
        for trajectory in trajectories[1:]:
            if trajectory.parameters != first.parameters:
                raise KoopflowError(
                    f"{trajectory.path}: {_difference(trajectory, first)}; pooled trajectories must have the same "
                    "parameters"
                )
            if _spacing(trajectory) != _spacing(first):
                raise KoopflowError(
                    f"{trajectory.path}: pooled trajectories must have equal step spacing (got "
                    f"{_spacing(trajectory)}, but "
                    f"{_spacing(first)} in {first.path.name})"
                )
        super().__init__([length for file in files for length in file.lengths], files[0].width, delays)
        self.interval = files[0].interval
        self._chosen = chosen
        self._columns = [(0, first.parameter_count)] if columns is None else columns
        self._places = [(file, at) for file in files for at in range(len(file.lengths))]

    def blocks(self, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield blocks of columns, see `Runs.blocks`."""
        pieces = self._chosen[0][0].pieces(self._columns, self.block_bytes // (8 * int(self.offsets[-1])))
        ends = np.cumsum([stop - start for start, stop in pieces])
        for end, piece in list(zip(ends.tolist(), pieces))[worker::workers]:
            parts = [trajectory.read([piece], replicas) for trajectory, replicas in self._chosen]
            block = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
            yield end - block.shape[-1], end, shifted(block, -self.exponent)

    def run(self, index: int) -> Array:
        """Return one run divided by ``2**exponent``, float64 (step, parameter)."""
        file, at = self._places[index]
        return shifted(file.run(at), -self.exponent)


def as_runs(data: Any, delays: int = 0, columns: Columns | None = None, replicas: Sequence[int] | None = None) -> Runs:
    """Return the runs in `data`.

    Parameters
    ----------
    data : Trajectory, list of Trajectory, Runs, or any input of `koopflow.koopman.memory.arrays_of`
    delays : int
    columns : list of (start, stop), optional
        Columns of a trajectory file; all by default.
    replicas : sequence of int, optional
        Runs of an array, of a file, or counted through several files; all by default.

    Raises
    ------
    KoopflowError
        For anything else, and for data that cannot be fitted.
    """
    if isinstance(data, Runs):
        return data
    if isinstance(data, Trajectory):
        return FileRuns(data, delays, columns, replicas)
    if isinstance(data, list | tuple) and data and all(isinstance(one, Trajectory) for one in data):
        return PooledRuns(data, delays, columns, replicas)
    if columns is not None:
        raise KoopflowError("columns needs a trajectory file; index the array instead")
    arrays = arrays_of(data)
    return ArrayRuns(
        arrays if replicas is None else [arrays[replica] for replica in _chosen(replicas, len(arrays))], delays
    )


def _chosen(replicas: Any, count: int) -> list[int]:
    """Return indices of runs; raise a KoopflowError unless they are whole numbers below `count`."""
    found = [replicas] if np.ndim(replicas) == 0 else list(replicas)
    for each in found:
        if isinstance(each, bool) or not isinstance(each, int | np.integer) or not -count <= each < count:
            raise KoopflowError(f"replicas must be indices of the {count} runs (got {each!r})")
    return [int(each) for each in found]


def refuse_unequal(path: str | os.PathLike[str], steps: ArrayLike) -> None:
    """Raise a KoopflowError naming `path` unless `steps` (state,), the steps of its states, are
    equally spaced.
    """
    spacing = np.diff(steps)
    if len(spacing) and spacing.min() != spacing.max():
        raise KoopflowError(
            f"{path}: states must be equally spaced (got spacings from {spacing.min()} to {spacing.max()} steps)"
        )


def _spacing(trajectory: Trajectory) -> int | None:
    return int(trajectory.steps[1] - trajectory.steps[0]) if len(trajectory.steps) > 1 else None


def _difference(trajectory: Trajectory, first: Trajectory) -> str:
    """Return a description of the first difference between the parameters of two trajectories."""
    for ours, theirs in zip(trajectory.parameters, first.parameters):
        if ours != theirs:
            return f"holds {ours.name} {ours.shape} where {first.path.name} holds {theirs.name} {theirs.shape}"
    return f"holds {len(trajectory.parameters)} parameters, {first.path.name} holds {len(first.parameters)}"
