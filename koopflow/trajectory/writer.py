"""Write a trajectory file state by state, so that a killed process leaves a file to resume.

There are two modes, depending on whether the number of states is known:

- known (`steps`) and not compressed: all space is allocated at once and appending only fills in
  numbers. A process killed at any moment leaves a valid file, and a resumed file is byte-identical
  to one written without interruption.
- unknown, or compressed: HDF5's single-writer protocol (SWMR) keeps the file readable up to the
  last flush.

Either way the file grows under a temporary name and takes its own name when it is complete.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

import koopflow
from koopflow.core.errors import KoopflowError
from koopflow.trajectory.checksums import sign
from koopflow.trajectory.creation import SINGLE_WRITER, Header, create, steps_allocated
from koopflow.trajectory.layout import BUFFER_BYTES, NOT_WRITTEN, load_parameters, parameter_table, partial_path

_CACHE = {"rdcc_nbytes": 32 << 20, "rdcc_w0": 1.0}


class TrajectoryWriter:
    """Append states of an ensemble to a trajectory file.

    As a context manager it completes the file at the end of the block, and after an exception
    leaves the partial file for `resume`.

    Parameters
    ----------
    path : path
        The complete file; `close` creates it. Until then the file grows at `temporary`.
    parameters : sequence of (name, shape)
        The captured tensors, flattened (C order) one after another on the last axis of
        ``/weights``.
    replicas : int
        Number of networks trained side by side.
    study : mapping
        What was trained and how, stored as JSON.
    seeds : list or mapping
        The seeds of the run, stored as JSON.
    steps : int, optional
        Number of states that will be appended, if known; see the module for its effect.
    compression : str, optional
        An HDF5 filter ("gzip", "lzf"): about a third smaller for float32 weights, several times
        slower.
    temporary : path, optional
        Path at which the file grows; by default `path` with ".partial" appended.

    Raises
    ------
    KoopflowError
        If the parameters are empty, repeated or without numbers.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        parameters: Sequence[tuple[str, Sequence[int]]],
        replicas: int,
        *,
        study: Mapping[str, Any],
        seeds: Sequence[object] | Mapping[str, Any],
        steps: int | None = None,
        compression: str | None = None,
        temporary: str | os.PathLike[str] | None = None,
    ):
        header = Header(
            parameter_table(parameters),
            replicas,
            json.dumps(study, sort_keys=True),
            json.dumps(seeds),
            koopflow.__version__,
        )
        self.path, self.temporary = Path(path), Path(temporary or partial_path(path))
        self.temporary.parent.mkdir(parents=True, exist_ok=True)
        create(self.temporary, header, steps, compression)
        self._open(written=0, last_step=None)

    def _open(self, written: int, last_step: int | None) -> None:
        allocated = steps_allocated(self.temporary)
        self._file = h5py.File(self.temporary, "r+", libver="earliest" if allocated else SINGLE_WRITER, **_CACHE)
        self._weights, self._steps, self._loss = (self._file[name] for name in ("weights", "steps", "loss"))
        self._allocated, self._written, self._last_step = allocated, written, last_step
        if not allocated:
            self._file.swmr_mode = True
        self.replicas, _, self.parameter_count = self._weights.shape
        held = min(self._weights.chunks[1], max(1, BUFFER_BYTES // (4 * self.replicas * self.parameter_count)))
        self._buffer = np.empty((self.replicas, held, self.parameter_count), np.float32)
        self._buffer_steps, self._buffer_loss = np.empty(held, np.int64), np.empty((self.replicas, held))
        self._buffered = 0

    @classmethod
    def resume(
        cls, path: str | os.PathLike[str], steps_kept: int, *, temporary: str | os.PathLike[str] | None = None
    ) -> "TrajectoryWriter":
        """Continue a partial file after its first `steps_kept` states; later ones are dropped.

        Raises
        ------
        KoopflowError
            If the partial file is missing, unreadable, or holds fewer states.
        """
        self = cls.__new__(cls)
        self.path, self.temporary = Path(path), Path(temporary or partial_path(path))
        try:
            with h5py.File(self.temporary, "r", swmr=not steps_allocated(self.temporary)) as file:
                steps = file["steps"][:]
        except (OSError, KeyError) as error:
            raise KoopflowError(f"{self.temporary}: cannot resume this trajectory ({error})") from None
        have = int(np.count_nonzero(steps != NOT_WRITTEN))
        if not 0 <= steps_kept <= have:
            raise KoopflowError(
                f"{self.temporary}: steps_kept must be from 0 to {have}, the states it holds (got {steps_kept})"
            )
        if steps_allocated(self.temporary):
            with h5py.File(self.temporary, "r+", libver="earliest") as file:
                file["steps"][steps_kept:] = NOT_WRITTEN
        else:
            copy_growing(self.temporary, self.temporary, steps_kept)
        self._open(written=steps_kept, last_step=int(steps[steps_kept - 1]) if steps_kept else None)
        return self

    @property
    def steps_written(self) -> int:
        """Number of states appended, including those not yet flushed."""
        return self._written + self._buffered

    def append(self, step: int, weights: ArrayLike, loss: ArrayLike | None = None) -> None:
        """Append the state at optimizer step `step`.

        Parameters
        ----------
        step : int
            Greater than the last one.
        weights : array (replica, parameter)
        loss : array (replica,), optional

        Raises
        ------
        KoopflowError
            For a wrong shape, a step that does not increase, or more states than announced.
        """
        weights = np.asarray(weights)
        if weights.shape != (self.replicas, self.parameter_count):
            raise KoopflowError(
                f"{self.path}: weights at step {step} must have shape {(self.replicas, self.parameter_count)} "
                f"(got {weights.shape})"
            )
        if self._last_step is not None and step <= self._last_step:
            raise KoopflowError(f"{self.path}: step {step} does not come after step {self._last_step}")
        if self._allocated and self.steps_written >= self._allocated:
            raise KoopflowError(f"{self.path}: more than the {self._allocated} states announced")
        at = self._buffered
        self._buffer[:, at] = weights
        self._buffer_steps[at], self._buffer_loss[:, at] = step, np.nan if loss is None else loss
        self._buffered, self._last_step = at + 1, int(step)
        if self._buffered == len(self._buffer_steps):
            self.flush()

    def flush(self) -> None:
        """Pass all appended states to the operating system, so that they survive this process."""
        count = self._buffered
        if count:
            start, stop = self._written, self._written + count
            if not self._allocated:
                self._weights.resize(stop, 1)
                self._loss.resize(stop, 1)
            self._weights[:, start:stop] = self._buffer[:, :count]
            self._loss[:, start:stop] = self._buffer_loss[:, :count]
            self._file.flush()
            if not self._allocated:
                self._steps.resize(stop, 0)
            self._steps[start:stop] = self._buffer_steps[:count]  # last, so that every listed step has its weights
            self._written, self._buffered = stop, 0
        self._file.flush()

    def close(self, finished: bool = True) -> Path:
        """Complete the file, add checksums unless `finished` is false, rename it to `path`, and
        return that."""
        if self._file:
            self.flush()
            self._file.close()
            if self._allocated and self._written < self._allocated:
                with h5py.File(self.temporary, "r+", libver="earliest") as file:
                    for name, axis in (("weights", 1), ("loss", 1), ("steps", 0)):
                        file[name].resize(self._written, axis)
            if finished:
                sign(self.temporary)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.replace(self.temporary, self.path)
            except OSError:  # another file system
                nearby = partial_path(self.path)
                shutil.move(self.temporary, nearby)
                os.replace(nearby, self.path)
        return self.path

    def abandon(self) -> None:
        """Flush and close the partial file without completing it."""
        if self._file:
            self.flush()
            self._file.close()

    def __enter__(self) -> "TrajectoryWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def copy_growing(source: Path, target: Path, steps_kept: int) -> None:
    """Write the first `steps_kept` states of the trajectory `source` to `target` as a growing file,
    to be resumed.

    The two may be the same path: a growing file that a dead process had open cannot be reopened,
    only copied.
    """
    writer = TrajectoryWriter.__new__(TrajectoryWriter)
    writer.path, writer.temporary = target, target.with_name(target.name + ".copy")
    with h5py.File(source, "r", swmr=True) as old:
        weights, about = old["weights"], old.attrs
        header = Header(load_parameters(old), weights.shape[0], about["study"], about["seeds"], about["code_version"])
        create(writer.temporary, header, None, weights.compression)
        writer._open(written=0, last_step=None)
        loss = old["loss"][:, :steps_kept]
        for at in range(steps_kept):
            writer.append(old["steps"][at], weights[:, at], loss[:, at])
    writer.close(finished=False)
