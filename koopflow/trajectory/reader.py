"""The HDF5 trajectory of an ensemble's weights: read it in column blocks; write and record it through `koopflow.recording`.

>>> trajectory = Trajectory("trajectories.h5")                          # doctest: +SKIP
>>> columns = trajectory.columns(["fc2.*"])                              # doctest: +SKIP
>>> for start, stop, weights in trajectory.blocks(columns): ...          # doctest: +SKIP

The layout is in `koopflow.trajectory.layout`. A file is checked when it is opened, its numbers when they are read: whatever is wrong
ends in one line that names the file and what was found.
"""

import json
from collections.abc import Iterator
from copy import copy
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.checksums import REMEDY, Verifier
from koopflow.trajectory.layout import (
    FORMAT,
    FORMAT_VERSION,
    NOT_WRITTEN,
    Parameter,
    load_parameters,
    parameter_table,
    partial_path,
)
from koopflow.trajectory.recorder import TrajectoryRecorder
from koopflow.trajectory.writer import TrajectoryWriter

__all__ = ["Parameter", "Trajectory", "TrajectoryRecorder", "TrajectoryWriter"]

BLOCK_BYTES = 32 << 20
ACCEPTED = "accepted is what koopflow's TrajectoryRecorder writes"
UPGRADE = (
    "run the same command again to have it made anew, or keep one of your own with `python -m koopflow.cli.verify --upgrade FILE`"
)


class Trajectory:
    """A trajectory file, opened for reading.

    Attributes
    ----------
    path : Path
    steps : int64 (step,)
        The optimizer step of each state, strictly increasing.
    loss : float64 (replica, step)
    parameters : list of Parameter
    replicas, parameter_count : int
    study : dict
    seeds : list or dict
    code_version : str
    complete : bool
        False for a file still growing, or left behind by a process that died: it holds everything up to the last flush.

    Raises KoopflowError, naming the file, when it is missing, truncated, not a trajectory, or contradicts itself.
    """

    def __init__(self, path):
        self.path = Path(path)
        (self._file, self._verifier), self._first = _open(self.path), 0
        try:
            self._read_description()
        except KoopflowError:
            self._file.close()
            raise
        except Exception as error:  # h5py, json and numpy raise many kinds for a damaged file
            self._file.close()
            raise KoopflowError(f"{self.path}: not a koopflow trajectory, or a damaged one ({error}); {REMEDY}") from None

    def _read_description(self) -> None:
        file, path = self._file, self.path
        if file.attrs.get("format", "") != FORMAT:
            raise KoopflowError(
                f"{path}: an HDF5 file, but not a koopflow trajectory (no attribute format = {FORMAT!r}); {ACCEPTED}"
            )
        if int(file.attrs["format_version"]) > FORMAT_VERSION:
            raise KoopflowError(
                f"{path}: format version {file.attrs['format_version']}, this koopflow reads up to {FORMAT_VERSION}; update it"
            )
        if int(file.attrs["format_version"]) < FORMAT_VERSION:
            raise KoopflowError(f"{path}: the older format version {file.attrs['format_version']}; {UPGRADE}")
        for name, axes in (("weights", 3), ("steps", 1), ("loss", 2)):
            if name not in file or file[name].ndim != axes:
                found = f"shape {file[name].shape}" if name in file else "nothing"
                raise KoopflowError(f"{path}: /{name} should have {axes} axes, found {found}")
        self._weights = file["weights"]
        if self._weights.dtype != np.float32:
            raise KoopflowError(f"{path}: /weights should be float32, found {self._weights.dtype}")
        steps = file["steps"][:]
        self.complete = not self.path.name.endswith(".partial") and NOT_WRITTEN not in steps
        self.steps = steps[steps != NOT_WRITTEN]
        count = len(self.steps)
        if not count:
            raise KoopflowError(f"{path}: no step was recorded")
        if np.any(np.diff(self.steps) <= 0):
            at = int(np.argmax(np.diff(self.steps) <= 0))
            raise KoopflowError(f"{path}: /steps must increase, found {self.steps[at]} then {self.steps[at + 1]} at row {at + 1}")
        self.replicas, stored, self.parameter_count = self._weights.shape
        self.loss = file["loss"][:, :count]
        if self.loss.shape != (self.replicas, count) or stored < count:
            raise KoopflowError(
                f"{path}: shapes disagree: /weights {self._weights.shape}, /steps {steps.shape}, /loss {file['loss'].shape}"
            )
        self.parameters = load_parameters(file)
        expected = parameter_table([(parameter.name, parameter.shape) for parameter in self.parameters])
        if expected != self.parameters or expected[-1].stop != self.parameter_count:
            raise KoopflowError(
                f"{path}: /parameters lays out {expected[-1].stop} columns, /weights has {self.parameter_count}; they must agree"
            )
        self.study = json.loads(file.attrs["study"])
        self.seeds = json.loads(file.attrs["seeds"])
        self.code_version = str(file.attrs["code_version"])
        # A file that is still growing has no checksums yet; its reader is told that it is not complete.
        if self.complete and not self._verifier.signed:
            raise KoopflowError(f"{path}: its checksums are missing, so it was cut or changed; {REMEDY}")

    def columns(self, patterns=None) -> list[tuple[int, int]]:
        """Return the column ranges (start, stop) of the parameters whose names match any of the `patterns` (as in a shell).

        In the order of the file, neighbours joined. No pattern means all. Raises KoopflowError for a pattern matching nothing.
        """
        patterns = ["*"] if patterns is None else [patterns] if isinstance(patterns, str) else list(patterns)
        names = [parameter.name for parameter in self.parameters]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise KoopflowError(f"{self.path}: no parameter matches {pattern!r}; it holds {', '.join(names[:12])}")
        ranges: list[tuple[int, int]] = []
        for parameter in self.parameters:
            if any(fnmatchcase(parameter.name, pattern) for pattern in patterns):
                if ranges and ranges[-1][1] == parameter.start:
                    ranges[-1] = (ranges[-1][0], parameter.stop)
                else:
                    ranges.append((parameter.start, parameter.stop))
        return ranges

    def window(self, first: int, last: int) -> "Trajectory":
        """Return the states of every optimizer step from `first` to `last`, both included, as a trajectory over the same open file.

        Raises KoopflowError, naming the file, where a step of them was not captured.
        """
        rows = np.flatnonzero((self.steps >= first) & (self.steps <= last))
        if len(rows) != last - first + 1:
            raise KoopflowError(
                f"{self.path}: {len(rows)} of the {last - first + 1} states of steps {first} to {last} were captured; every step is"
                f" needed (captured are {len(self.steps)} states of steps {self.steps[0]} to {self.steps[-1]})"
            )
        part = copy(self)
        part.steps, part.loss, part._first = self.steps[rows], self.loss[:, rows], self._first + int(rows[0])
        return part

    def blocks(
        self, columns=None, replicas=None, *, block_bytes: int = BLOCK_BYTES, check: bool = True
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Stream the weights in blocks of columns.

        Parameters
        ----------
        columns : list of (start, stop), optional
            From `columns`; all by default.
        replicas : sequence of int, optional
            Which replicas, in this order; all by default.
        block_bytes : int
            The size of one block, at most (one chunk's width of columns where that is up to twice as much, or compressed).
        check : bool
            Refuse NaN and infinite weights.

        Yields
        ------
        start, stop : int
            The block's place among the asked columns, counted through from 0.
        weights : float32 (replica, step, stop - start)
            Valid until the next block: its memory is used again.
        """
        columns = [(0, self.parameter_count)] if columns is None else columns
        replicas = range(self.replicas) if replicas is None else [int(replica) for replica in replicas]
        count = len(self.steps)
        pieces = self.pieces(columns, block_bytes // (4 * count * max(1, len(replicas))))
        buffer = np.empty((len(replicas), count, max(stop - start for start, stop in pieces)), np.float32)
        done = 0
        for start, stop in pieces:
            block = buffer[:, :, : stop - start]
            self._read(block, replicas, start, stop)
            if check:
                self._refuse_nonfinite(block, replicas, start)
            yield done, done + stop - start, block
            done += stop - start

    def pieces(self, columns: list[tuple[int, int]], width: int) -> list[tuple[int, int]]:
        """Return `columns` cut into ranges of about `width`, which end where chunks end, so that no chunk is read twice."""
        width = self._block_width(width)
        return [
            piece for first, last in columns for piece in pairwise([first, *range((first // width + 1) * width, last, width), last])
        ]

    def _block_width(self, wanted: int) -> int:
        chunk = self._weights.chunks[2] if self._weights.chunks else 1
        whole = max(1, wanted // chunk) * chunk
        # A block that ends inside a chunk has its checksum cost a second reading: up to twice the size asked for is the better bargain.
        return whole if self._weights.compression or 2 * wanted >= chunk else max(1, wanted)

    def _read(self, block: np.ndarray, replicas, start: int, stop: int) -> None:
        whole = block if block.flags.c_contiguous else np.empty(block.shape, np.float32)
        try:
            for at, replica in enumerate(replicas):
                place = np.s_[replica : replica + 1, self._first : self._first + block.shape[1], start:stop]
                self._weights.read_direct(whole, place, np.s_[at : at + 1])
        except OSError as error:
            raise KoopflowError(
                f"{self.path}: cannot read columns {start}:{stop}, the file is damaged ({error}); {REMEDY}"
            ) from None
        if self._verifier.signed:
            for at, replica in enumerate(replicas):
                rows = self._first, self._first + block.shape[1]
                self._verifier.check(self._weights, replica, rows, (start, stop), whole[at])
        if whole is not block:
            block[...] = whole

    def _refuse_nonfinite(self, block: np.ndarray, replicas, start: int) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(block.sum()):  # the cheapest pass that any NaN or infinity shows up in
                return
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):  # else the sum overflowed over finite numbers
            at, step, column = (int(index) for index in bad[0])
            name = next(p.name for p in self.parameters if p.start <= start + column < p.stop)
            raise KoopflowError(
                f"{self.path}: weight {block[at, step, column]} in {name} of replica {replicas[at]} at step {self.steps[step]};"
                " only finite weights can be fitted"
            )

    def read(self, columns=None, replicas=None, *, check: bool = True) -> np.ndarray:
        """Return the weights of the asked columns at once, float32 (replica, step, parameter); see `blocks`."""
        columns = [(0, self.parameter_count)] if columns is None else columns
        many = self.replicas if replicas is None else len(replicas)
        out = np.empty((many, len(self.steps), sum(stop - start for start, stop in columns)), np.float32)
        for start, stop, weights in self.blocks(columns, replicas, check=check):
            out[:, :, start:stop] = weights
        return out

    def state(self, step_index: int, replica: int = 0) -> dict[str, np.ndarray]:
        """Return one captured state as {parameter name: float32 array of its shape}."""
        row = self._weights[replica, self._first + range(len(self.steps))[step_index]]
        if self._verifier.signed:
            nothing_read = np.empty((0, self.parameter_count))
            at = self._first + range(len(self.steps))[step_index]
            self._verifier.check(
                self._weights, range(self.replicas)[replica], (at, at + 1), (0, self.parameter_count), nothing_read
            )
        return {p.name: row[p.start : p.stop].reshape(p.shape) for p in self.parameters}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "Trajectory":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _open(path: Path) -> tuple[h5py.File, Verifier]:
    if not path.exists():
        hint = (
            f"; {partial_path(path)} exists, unfinished: give its name to read what it holds" if partial_path(path).exists() else ""
        )
        raise KoopflowError(f"{path}: no such file{hint}")
    if path.is_dir() or not h5py.is_hdf5(path):
        raise KoopflowError(f"{path}: not an HDF5 file, or one whose beginning is lost; {ACCEPTED}")
    # A finished file was written under another name by its one writer, so reading it needs no lock, which some file systems refuse.
    finished = {} if path.name.endswith(".partial") else {"locking": False}
    verifier = Verifier(path)
    try:
        return h5py.File(path, "r", rdcc_nbytes=0, **finished), verifier
    except OSError as error:
        unfinished = path.name.endswith(".partial") or "already open for write" in str(error)
        if not unfinished:  # opened as a growing file, a damaged one would be read again and again, at ever longer intervals
            how = "truncated HDF5 file, its end is lost" if "truncated" in str(error) else "damaged HDF5 file"
            raise KoopflowError(f"{path}: a {how} ({error}); {REMEDY}") from None
        try:
            return h5py.File(path, "r", swmr=True, rdcc_nbytes=0), verifier  # being written, or its writer died
        except OSError:
            raise KoopflowError(f"{path}: a truncated or damaged HDF5 file ({error})") from None
