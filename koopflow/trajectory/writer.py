"""Write a trajectory file step by step, so that a killed process leaves something to go on from.

Two ways, by whether the number of steps is known:

- known (`steps=`) and not compressed: all space is allocated at once, so that the file's structure never changes afterwards and
  appending only fills in numbers. A process killed at any moment leaves a valid file, and a resumed file has the very bytes of an
  undisturbed one.
- unknown, or compressed: HDF5's single-writer protocol (SWMR), which keeps the file readable up to the last flush at any moment.

Either way the file grows under a temporary name and takes its own name only when it is complete.
"""

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np

import koopflow
from koopflow.core.errors import KoopflowError
from koopflow.trajectory.checksums import sign
from koopflow.trajectory.layout import (
    BUFFER_BYTES,
    FORMAT,
    FORMAT_VERSION,
    NOT_WRITTEN,
    chunk_shape,
    load_parameters,
    parameter_table,
    partial_path,
    store_parameters,
)

_CACHE = {"rdcc_nbytes": 32 << 20, "rdcc_w0": 1.0}
_SINGLE_WRITER = ("v110", "v110")


class TrajectoryWriter:
    """Append states of a whole ensemble to a trajectory file.

    Parameters
    ----------
    path : path
        The complete file; it appears when `close` is called. Until then the file grows at `temporary`.
    parameters : list of (name, shape)
        The captured tensors, flattened one after another (C order) on the last axis of ``/weights``.
    replicas : int
        How many networks are trained side by side.
    study : dict
        What was trained and how, stored as JSON.
    seeds : list or dict
        The seeds of the run, stored as JSON.
    steps : int, optional
        How many states will be appended, if known; see the module for what it buys.
    compression : str, optional
        An HDF5 filter ("gzip", "lzf"); about a third smaller for weights in float32, and several times slower.
    temporary : path, optional
        Where the file grows; next to `path` with ".partial" appended by default.

    Used as a context manager it closes the file at the end, and leaves the partial file where it is after an exception.
    """

    def __init__(
        self, path, parameters, replicas, *, study, seeds, steps=None, compression=None, temporary=None, code_version=None
    ):
        table = parameter_table(parameters)
        self.path, self.temporary = Path(path), Path(temporary or partial_path(path))
        self.temporary.parent.mkdir(parents=True, exist_ok=True)
        creator = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creator.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        allocated = steps is not None and compression is None
        if allocated:
            creator.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        length = steps if allocated else 0
        with h5py.File(self.temporary, "w", libver="earliest" if allocated else _SINGLE_WRITER) as file:
            chunk = chunk_shape(replicas, table[-1].stop, steps)
            file.create_dataset(
                "weights",
                shape=(replicas, length, table[-1].stop),
                maxshape=(replicas, None, table[-1].stop),
                dtype=np.float32,
                chunks=chunk,
                compression=compression,
                shuffle=compression is not None,
                dcpl=creator,
            )
            few = steps or 1024
            file.create_dataset("steps", data=np.full(length, NOT_WRITTEN, np.int64), maxshape=(None,), chunks=(few,))
            file.create_dataset("loss", data=np.full((replicas, length), np.nan), maxshape=(replicas, None), chunks=(1, few))
            store_parameters(file, table)
            file.attrs["format"] = FORMAT
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["study"] = json.dumps(study, sort_keys=True)
            file.attrs["seeds"] = json.dumps(seeds)
            file.attrs["code_version"] = code_version or koopflow.__version__
            file.attrs["steps_allocated"] = length
        self._open(written=0, last_step=None)

    def _open(self, written: int, last_step: int | None) -> None:
        allocated = _steps_allocated(self.temporary)
        self._file = h5py.File(self.temporary, "r+", libver="earliest" if allocated else _SINGLE_WRITER, **_CACHE)
        self._weights, self._steps, self._loss = (self._file[name] for name in ("weights", "steps", "loss"))
        self._allocated, self._written, self._last_step = allocated, written, last_step
        if not allocated:
            self._file.swmr_mode = True
        self.replicas, _, self.parameter_count = self._weights.shape
        held = self._weights.chunks[1]
        held = min(held, max(1, BUFFER_BYTES // (4 * self.replicas * self.parameter_count)))
        self._buffer = np.empty((self.replicas, held, self.parameter_count), np.float32)
        self._buffer_steps, self._buffer_loss = np.empty(held, np.int64), np.empty((self.replicas, held))
        self._buffered = 0

    @classmethod
    def resume(cls, path, steps_kept: int, *, temporary=None) -> "TrajectoryWriter":
        """Go on with a partial file after its first `steps_kept` states; what was captured later is dropped.

        Raises KoopflowError when the partial file is missing, unreadable, or holds fewer states.
        """
        self = cls.__new__(cls)
        self.path, self.temporary = Path(path), Path(temporary or partial_path(path))
        try:
            with h5py.File(self.temporary, "r", swmr=not _steps_allocated(self.temporary)) as file:
                steps = file["steps"][:]
        except (OSError, KeyError) as error:
            raise KoopflowError(f"{self.temporary}: cannot go on with this trajectory ({error})") from None
        have = int(np.count_nonzero(steps != NOT_WRITTEN))
        if not 0 <= steps_kept <= have:
            raise KoopflowError(f"{self.temporary}: asked to keep {steps_kept} states, it holds {have}")
        if _steps_allocated(self.temporary):
            with h5py.File(self.temporary, "r+", libver="earliest") as file:
                file["steps"][steps_kept:] = NOT_WRITTEN
        else:
            _copy_first(self.temporary, steps_kept)
        self._open(written=steps_kept, last_step=int(steps[steps_kept - 1]) if steps_kept else None)
        return self

    @property
    def steps_written(self) -> int:
        """How many states were appended, those not yet flushed included."""
        return self._written + self._buffered

    def append(self, step: int, weights, loss=None) -> None:
        """Append the state at optimizer step `step`: weights (replica, parameter) and loss (replica,).

        Raises KoopflowError for a wrong shape or a step that does not come after the last one.
        """
        weights = np.asarray(weights)
        if weights.shape != (self.replicas, self.parameter_count):
            raise KoopflowError(
                f"{self.path}: weights at step {step} have shape {weights.shape}, expected {(self.replicas, self.parameter_count)}"
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
        """Hand everything appended so far to the operating system; it then survives the death of this process."""
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
            self._steps[start:stop] = self._buffer_steps[:count]  # last: a step that is listed has its weights
            self._written, self._buffered = stop, 0
        self._file.flush()

    def close(self, finished: bool = True) -> Path:
        """Finish the file, with its checksums, and give it its own name; returns it."""
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
        """Flush and let go of the partial file without completing it."""
        if self._file:
            self.flush()
            self._file.close()

    def __enter__(self) -> "TrajectoryWriter":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def _steps_allocated(path: Path) -> int:
    """How many states the partial file has room for; 0 where it grows. Reads a file left open by a dead process as well."""
    with h5py.File(path, "r", swmr=True) as file:
        return int(file.attrs["steps_allocated"])


def _copy_first(path: Path, steps_kept: int) -> None:
    """Rewrite the growing file `path` with its first `steps_kept` states: one left open by a dead process cannot be reopened."""
    beside = path.with_name(path.name + ".copy")
    with h5py.File(path, "r", swmr=True) as old:
        weights = old["weights"]
        writer = TrajectoryWriter(
            path,
            [(parameter.name, parameter.shape) for parameter in load_parameters(old)],
            weights.shape[0],
            study=json.loads(old.attrs["study"]),
            seeds=json.loads(old.attrs["seeds"]),
            compression=weights.compression,
            temporary=beside,
            code_version=old.attrs["code_version"],
        )
        loss = old["loss"][:, :steps_kept]
        for at in range(steps_kept):
            writer.append(old["steps"][at], weights[:, at], loss[:, at])
    writer.close(finished=False)
