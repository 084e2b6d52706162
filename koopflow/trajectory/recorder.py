"""Record a training run from any PyTorch loop, in three lines."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.trajectory.layout import partial_path
from koopflow.trajectory.open_recordings import FileLock, OpenRecording, opened_here, process_rank
from koopflow.trajectory.reader import Trajectory
from koopflow.trajectory.tensors import NamedTensors
from koopflow.trajectory.writer import TrajectoryWriter, copy_growing

logger = logging.getLogger("koopflow")

CHOICES = "pass resume=True to continue it, overwrite=True to replace it, or choose another name"


@dataclass(eq=False, repr=False)
class TrajectoryRecorder:
    """Record chosen parameters of one model while it trains.

    Captured states survive the ordinary ends of a process (an exception, ``sys.exit``, Ctrl-C,
    SIGTERM, a script that ends without `close`); only kill -9 loses those since the last flush. In
    a process group of ``torch.distributed`` the process of rank 0 records and the others do
    nothing.

    Parameters
    ----------
    model : torch.nn.Module
    path : path
        The trajectory file, which `close` creates. Until then it grows at ``<path>.partial``, which
        can be read as well.
    parameters : str or list of str, optional
        Shell-style name patterns ("fc2.*"); all parameters by default. Names are looked up at each
        capture, so replaced parameters are followed. A complex parameter is recorded as real and
        imaginary parts, on a last axis of two.
    every : int
        Steps between captured states, beginning with step 0.
    study : mapping, optional
        Notes on the run, stored as JSON.
    seed : int, optional
    steps : int, optional
        Total number of calls of `step`, if known: a killed recording then resumes to the same
        bytes.
    compression : str, optional
        "gzip" or "lzf".
    resume : bool
        Continue ``<path>.partial``, or a finished `path`, where it ends. Starts a file if there is
        neither.
    resume_after : int, optional
        With `resume`, drop states after this step, the step of the checkpoint from which you
        resume.
    overwrite : bool
        Replace a finished or partial recording of this name.

    Raises
    ------
    KoopflowError
        If a recording of this name exists and neither `resume` nor `overwrite` is given, another
        process records to it, or a pattern matches no parameter.

    Examples
    --------
    >>> import tempfile, torch
    >>> model, folder = torch.nn.Linear(3, 2), tempfile.mkdtemp()
    >>> with TrajectoryRecorder(model, f"{folder}/run.h5", parameters="weight", every=10) as recorder:
    ...     for _ in range(30):
    ...         captured = recorder.step(loss=0.5)   # after each optimizer step
    >>> Trajectory(f"{folder}/run.h5").steps.tolist()
    [0, 10, 20]
    """

    model: torch.nn.Module
    path: str | os.PathLike[str]
    _: KW_ONLY
    parameters: str | Sequence[str] | None = None
    every: int = 1
    study: Mapping[str, Any] | None = None
    seed: int | None = None
    steps: int | None = None
    compression: str | None = None
    resume: bool = False
    resume_after: int | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.model, torch.nn.Module):
            raise KoopflowError(f"model must be a torch.nn.Module (got {type(self.model).__name__})")
        self.every = arguments.whole(self.every, "every", 1)
        for key, least in (("seed", -(2**63)), ("steps", 0), ("resume_after", -1)):
            if getattr(self, key) is not None:
                arguments.whole(getattr(self, key), key, least)
        if self.compression not in (None, "gzip", "lzf"):
            raise KoopflowError(f"compression must be gzip, lzf or None (got {self.compression!r})")
        if not isinstance(self.path, str | os.PathLike) or not Path(self.path).name:
            raise KoopflowError(f"path must be the path of a file (got {self.path!r})")
        self.path = Path(self.path).absolute()  # the working directory may change
        self._first: NDArray[np.float32] | None = None
        self._still = 0
        self._next = 0 if self.resume_after is None else int(self.resume_after) + 1
        self._recording: OpenRecording | None = None
        self._silent = process_rank() > 0
        if self._silent:
            logger.warning("process %d records nothing: process 0 writes %s", process_rank(), self.path)
            return
        self._tensors = NamedTensors(self.model, self.parameters)
        self._row = np.empty(self._tensors.size, np.float32)
        before = opened_here(self.path)
        if before is not None and (self.overwrite or self.resume):  # a notebook cell that is run again
            before.leave()
        lock = FileLock(self.path)
        try:
            self._recording = OpenRecording(self._writer(self.path), lock)
        except BaseException:
            lock.release()
            raise

    def _writer(self, path: Path) -> TrajectoryWriter:
        partial = partial_path(path)
        if self.resume and (partial.exists() or path.exists()):
            return self._resumed(path, partial)
        if not self.overwrite:
            refuse_existing(path, partial)
        announced = None if self.steps is None else -(-int(self.steps) // self.every)
        about = {"recorder": type(self).__name__, "model": type(self.model).__name__, **(self.study or {})}
        try:
            json.dumps(about)
        except (TypeError, ValueError) as error:
            raise KoopflowError(f"study must hold plain values, which JSON can store ({error})") from None
        seeds = [] if self.seed is None else [int(self.seed)]
        return TrajectoryWriter(
            path, self._tensors.table, 1, study=about, seeds=seeds, steps=announced, compression=self.compression
        )

    def _resumed(self, path: Path, partial: Path) -> TrajectoryWriter:
        source = partial if partial.exists() else path
        steps = np.empty(0, np.int64)
        try:
            with Trajectory(source) as before:
                steps = before.steps
                if [(p.name, p.shape) for p in before.parameters] != self._tensors.table:
                    raise KoopflowError(
                        f"{source}: holds other parameters than this model's; remove it or record elsewhere"
                    )
        except KoopflowError as error:
            if not _is_empty(error):
                raise
        kept = len(steps) if self.resume_after is None else int(np.searchsorted(steps, self.resume_after, side="right"))
        if self.resume_after is None and kept:
            self._next = int(steps[kept - 1]) + 1
        if source == path:
            copy_growing(path, partial, kept)
        return TrajectoryWriter.resume(path, kept)

    @property
    def next_step(self) -> int:
        """The step number of the next call of `step`."""
        return self._next

    def step(self, loss: float | torch.Tensor | None = None, step: int | None = None) -> bool:
        """Count one training step, and capture the weights if the step is a multiple of `every`.

        Parameters
        ----------
        loss : float or tensor, optional
            One number; a tensor is only read when a state is captured.
        step : int, optional
            The step's number, in place of the recorder's own count.

        Returns
        -------
        bool
            Whether a state was captured.

        Raises
        ------
        KoopflowError
            If the recorder is closed, the step does not come after the last one, or a parameter is
            gone.
        """
        step = self._next if step is None else _step_number(step)
        self._next = step + 1
        if self._silent or step % self.every:
            return False
        if self._recording is None:
            raise KoopflowError(f"{self.path}: this recorder is closed")
        if not self._recording.mine:
            raise KoopflowError(
                f"{self.path}: another process opened this recorder; make one, of another name, in each"
            )
        self._tensors.read(self._row)
        self._recording.writer.append(step, self._row[None], None if loss is None else [_number(loss)])
        self._watch()
        return True

    def _watch(self) -> None:
        """Count states until one differs from the first."""
        if self._still < 0:
            return
        self._first = self._row.copy() if self._first is None else self._first
        self._still = self._still + 1 if np.array_equal(self._first, self._row, equal_nan=True) else -1
        if self._still < 0:
            self._first = None

    def _tell(self) -> None:
        """Warn of what a user may not have meant: states that never change, parameters that came later."""
        self._tensors.report_additions()
        if self._still > 1:
            logger.warning(
                "%s: all %d states are the same; record the model that is trained (%s), not a copy of it",
                *(self.path, self._still, type(self.model).__name__),
            )

    def flush(self) -> int:
        """Write all captured states to the file, where they survive even kill -9; return their
        number."""
        if self._recording is None or not self._recording.mine:
            return 0
        self._recording.writer.flush()
        return self._recording.writer.steps_written

    def close(self) -> Path:
        """Complete the file, rename it to `path`, and return that."""
        if self._recording is not None and self._recording.mine:
            self._tell()
            self._recording.close()
            self._recording = None
        return Path(self.path)

    def leave(self) -> None:
        """Stop recording and leave the partial file, to be read or resumed."""
        if self._recording is not None and self._recording.mine:
            self._recording.leave()
            self._recording = None

    def __enter__(self) -> "TrajectoryRecorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()


def _step_number(given: object) -> int:
    try:
        found = int(given)  # type: ignore[call-overload]
    except (TypeError, ValueError, RuntimeError):
        found = -1
    if found < 0 or found != given:
        raise KoopflowError(f"step must be a whole number of at least 0 (got {given!r})")
    return found


def refuse_existing(path: Path, partial: Path) -> None:
    """Raise a KoopflowError if a recording of this name exists, finished or with at least one
    state."""
    if path.exists():
        raise KoopflowError(f"{path}: exists already; {CHOICES}")
    if not partial.exists():
        return
    try:
        with Trajectory(partial) as before:
            held = f"holds {len(before.steps)} states of an unfinished recording"
    except KoopflowError as error:
        if _is_empty(error):
            return
        held = "exists and cannot be read"
    raise KoopflowError(f"{partial}: {held}; {CHOICES}")


def _is_empty(error: KoopflowError) -> bool:
    return "no step was recorded" in str(error)


def _number(loss: float | torch.Tensor) -> float:
    try:
        return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
    except (TypeError, ValueError, RuntimeError):
        raise KoopflowError(f"loss must be one number (got {getattr(loss, 'shape', type(loss).__name__)})") from None
