"""Read a trajectory file in column blocks.

>>> trajectory = Trajectory("trajectories.h5")                            # doctest: +SKIP
>>> columns = trajectory.columns(["fc2.*"])                               # doctest: +SKIP
>>> for start, stop, weights in trajectory.blocks(columns): ...           # doctest: +SKIP

The description is checked when the file is opened, the numbers when they are read. Every error
names the file.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError, UnfitError
from koopflow.core.patterns import matching
from koopflow.trajectory.checksums import REMEDY
from koopflow.trajectory.description import read_description
from koopflow.trajectory.layout import Parameter, first_nonfinite
from koopflow.trajectory.opening import open_for_reading, require_format

BLOCK_BYTES = 32 << 20


class Trajectory:
    """A trajectory file, opened for reading.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    path : Path
    steps : int64 (step,)
        The optimizer step of each state, strictly increasing.
    loss : float64 (replica, step)
        NaN where none was recorded.
    parameters : list of Parameter
    replicas, parameter_count : int
    study : mapping
        What was trained and how.
    seeds : list or mapping
    code_version : str
    complete : bool
        False for a file that still grows or whose writer died; it then holds everything up to the
        last flush.

    Raises
    ------
    KoopflowError
        If the file is missing, truncated, damaged, not a trajectory, or contradicts itself.
    """

    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    parameters: list[Parameter]
    replicas: int
    parameter_count: int
    study: Mapping[str, Any]
    seeds: Any
    code_version: str
    complete: bool

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._file, self._verifier = open_for_reading(self.path)
        self._first = 0
        try:
            require_format(self._file, self.path)
            about = read_description(self._file, self.path, self._verifier.signed)
        except KoopflowError:
            self._file.close()
            raise
        except Exception as error:  # h5py, json and numpy raise many kinds for a damaged file
            self._file.close()
            raise KoopflowError(
                f"{self.path}: not a koopflow trajectory, or a damaged one ({error}); {REMEDY}"
            ) from None
        self._weights = self._file["weights"]
        self.replicas, _, self.parameter_count = self._weights.shape
        self.steps, self.loss, self.parameters = about.steps, about.loss, about.parameters
        self.study, self.seeds, self.code_version = about.study, about.seeds, about.code_version
        self.complete = about.complete

    def columns(self, patterns: str | Sequence[str] | None = None) -> list[tuple[int, int]]:
        """Return the column ranges (start, stop) of the parameters whose names match any pattern.

        Parameters
        ----------
        patterns : str or sequence of str, optional
            Shell-style; all parameters by default.

        Returns
        -------
        list of (int, int)
            In the order of the file; adjacent ranges are joined.

        Raises
        ------
        KoopflowError
            If a pattern matches no parameter.
        """
        chosen = set(matching([parameter.name for parameter in self.parameters], patterns, str(self.path)))
        ranges: list[tuple[int, int]] = []
        for parameter in self.parameters:
            if parameter.name in chosen:
                if ranges and ranges[-1][1] == parameter.start:
                    ranges[-1] = (ranges[-1][0], parameter.stop)
                else:
                    ranges.append((parameter.start, parameter.stop))
        return ranges

    def window(self, first: int, last: int, spacing: int | None = None) -> "Trajectory":
        """Return the states from step `first` to step `last`, both included, as a trajectory over
        the same open file.

        Parameters
        ----------
        first, last : int
            Optimizer steps.
        spacing : int, optional
            Distance between successive states, in steps; by default that at which the file was
            recorded.

        Raises
        ------
        KoopflowError
            If a state of the window was not captured.
        """
        if spacing is None:
            spacing = int(np.diff(self.steps).min()) if len(self.steps) > 1 else 1
        rows = np.flatnonzero((self.steps >= first) & (self.steps <= last))
        start = first + (int(self.steps[rows[0]]) - first) % spacing if len(rows) else first
        wanted = np.arange(start, last + 1, spacing)
        if not len(rows) or not np.array_equal(self.steps[rows], wanted):
            every = "every step is" if spacing == 1 else f"one state every {spacing} steps is"
            raise KoopflowError(
                f"{self.path}: {len(rows)} of the {len(wanted)} states of steps {first} to {last} were "
                f"captured; {every} needed"
                f" (captured are {len(self.steps)} states of steps {self.steps[0]} to {self.steps[-1]})"
            )
        part = copy(self)
        part.steps, part.loss, part._first = self.steps[rows], self.loss[:, rows], self._first + int(rows[0])
        return part

    def blocks(
        self,
        columns: Sequence[tuple[int, int]] | None = None,
        replicas: Sequence[int] | None = None,
        *,
        block_bytes: int = BLOCK_BYTES,
        check: bool = True,
    ) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """Stream the weights in blocks of columns.

        Parameters
        ----------
        columns : list of (start, stop), optional
            From `columns`; all by default.
        replicas : sequence of int, optional
            Which replicas, in this order; all by default.
        block_bytes : int
            Upper limit of one block. A block may reach twice that, or more if compressed, so that
            it ends with a chunk.
        check : bool
            Whether to refuse NaN and infinite weights.

        Yields
        ------
        start, stop : int
            The block's place among the requested columns, counted from 0.
        weights : float32 (replica, step, stop - start)
            Valid until the next block, which reuses its memory.

        Raises
        ------
        KoopflowError
            If weights do not match their checksum, or are not finite.
        """
        columns = [(0, self.parameter_count)] if columns is None else columns
        chosen = list(range(self.replicas)) if replicas is None else [int(replica) for replica in replicas]
        count = len(self.steps)
        pieces = self.pieces(columns, block_bytes // (4 * count * max(1, len(chosen))))
        buffer = np.empty((len(chosen), count, max(stop - start for start, stop in pieces)), np.float32)
        done = 0
        for start, stop in pieces:
            block = buffer[:, :, : stop - start]
            self._read(block, chosen, start, stop)
            if check:
                self._refuse_nonfinite(block, chosen, start)
            yield done, done + stop - start, block
            done += stop - start

    def pieces(self, columns: Sequence[tuple[int, int]], width: int) -> list[tuple[int, int]]:
        """Return `columns` cut into ranges of about `width` that end where chunks end, so no chunk
        is read twice."""
        chunk = self._weights.chunks[2] if self._weights.chunks else 1
        # A block that ends inside a chunk reads that chunk twice for its checksum: up to twice the
        # size is cheaper.
        if self._weights.compression or 2 * width >= chunk:
            width = max(1, width // chunk) * chunk
        width = max(1, width)
        return [
            piece
            for first, last in columns
            for piece in pairwise([first, *range((first // width + 1) * width, last, width), last])
        ]

    def _read(self, block: NDArray[np.float32], replicas: Sequence[int], start: int, stop: int) -> None:
        whole = block if block.flags.c_contiguous else np.empty(block.shape, np.float32)
        rows = self._first, self._first + block.shape[1]
        try:
            for at, replica in enumerate(replicas):
                self._weights.read_direct(
                    whole, np.s_[replica : replica + 1, rows[0] : rows[1], start:stop], np.s_[at : at + 1]
                )
        except OSError as error:
            raise KoopflowError(
                f"{self.path}: cannot read columns {start}:{stop}, the file is damaged ({error}); {REMEDY}"
            ) from None
        if self._verifier.signed:
            for at, replica in enumerate(replicas):
                self._verifier.check(self._weights, replica, rows, (start, stop), whole[at])
        if whole is not block:
            block[...] = whole

    def _refuse_nonfinite(self, block: NDArray[np.float32], replicas: Sequence[int], start: int) -> None:
        found = first_nonfinite(block)
        if found is None:
            return
        at, step, column, sound = found
        name = next(p.name for p in self.parameters if p.start <= start + column < p.stop)
        hint = (
            f"; leave it out with steps: [{self.steps[0]}, {self.steps[sound - 1]}], or window() in Python"
            if sound
            else ""
        )
        raise UnfitError(
            f"{self.path}: weight {block[at, step, column]} in {name} of replica {replicas[at]} at step "
            f"{self.steps[step]};"
            f" only finite weights can be fitted{hint}"
        )

    def read(
        self,
        columns: Sequence[tuple[int, int]] | None = None,
        replicas: Sequence[int] | None = None,
        *,
        check: bool = True,
    ) -> NDArray[np.float32]:
        """Return the weights of the requested columns at once, float32 (replica, step, parameter);
        see `blocks`."""
        columns = [(0, self.parameter_count)] if columns is None else columns
        many = self.replicas if replicas is None else len(replicas)
        out = np.empty((many, len(self.steps), sum(stop - start for start, stop in columns)), np.float32)
        for start, stop, weights in self.blocks(columns, replicas, check=check):
            out[:, :, start:stop] = weights
        return out

    def state(self, step_index: int, replica: int = 0) -> dict[str, NDArray[np.float32]]:
        """Return one captured state as {parameter name: float32 array of its shape}; indices may be
        negative."""
        at, replica = self._first + range(len(self.steps))[step_index], range(self.replicas)[replica]
        row = self._weights[replica, at]
        if self._verifier.signed:
            nothing = np.empty((0, self.parameter_count), np.float32)
            self._verifier.check(self._weights, replica, (at, at + 1), (0, self.parameter_count), nothing)
        return {p.name: row[p.start : p.stop].reshape(p.shape) for p in self.parameters}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "Trajectory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
