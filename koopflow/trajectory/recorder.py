"""Record a training run in two or three lines of anybody's PyTorch loop."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.writer import TrajectoryWriter


class TrajectoryRecorder:
    """Record chosen parameters of one model while it trains.

    >>> recorder = TrajectoryRecorder(model, "run.h5", every=10)         # doctest: +SKIP
    >>> for step, batch in enumerate(batches):                           # doctest: +SKIP
    ...     loss = train_step(model, batch)
    ...     recorder.step(loss)
    >>> recorder.close()                                                 # doctest: +SKIP

    Parameters
    ----------
    model : torch.nn.Module
    path : path
        The trajectory file; it appears at `close`. Until then it grows at ``<path>.partial``, readable up to the last flush even if
        the process dies (`flush` says when that is; every 64 MB of captured weights by itself).
    parameters : str or list of str, optional
        Name patterns as in a shell ("fc2.*"); all floating-point parameters by default.
    every : int
        Capture every so many calls of `step`, the first call included.
    study : dict, optional
        Anything worth knowing later; stored as JSON.
    seed : int, optional
    steps : int, optional
        How many calls of `step` there will be, if known.
    compression : str, optional
        "gzip" or "lzf".
    resume : bool
        Go on with ``<path>.partial`` where it ends (or after `resume_after`), if it is there.
    resume_after : int, optional
        With `resume`, keep captured states up to this step: the one of the checkpoint you resume from.
    """

    def __init__(
        self,
        model,
        path,
        *,
        parameters=None,
        every: int = 1,
        study: dict | None = None,
        seed: int | None = None,
        steps: int | None = None,
        compression: str | None = None,
        resume: bool = False,
        resume_after: int | None = None,
    ):
        if every < 1:
            raise KoopflowError(f"every: found {every}, expected a whole number of at least 1")
        self.path, self.every = Path(path), int(every)
        self._tensors = _chosen(model, parameters)
        table = [(name, tuple(tensor.shape)) for name, tensor in self._tensors]
        self._row = np.empty(sum(int(np.prod(shape)) for _, shape in table), np.float32)
        self._calls = 0
        partial = self.path.with_name(self.path.name + ".partial")
        if resume and partial.exists():
            self._resume(partial, table, resume_after)
        else:
            announced = None if steps is None else -(-int(steps) // self.every)
            about = {"recorder": type(self).__name__, "model": type(model).__name__, **(study or {})}
            json.dumps(about)
            seeds = [] if seed is None else [int(seed)]
            self._writer = TrajectoryWriter(self.path, table, 1, study=about, seeds=seeds, steps=announced, compression=compression)

    def _resume(self, partial: Path, table, resume_after: int | None) -> None:
        from koopflow.trajectory import Trajectory  # the reader imports this module

        try:
            with Trajectory(partial) as before:
                steps = before.steps
                if [(p.name, p.shape) for p in before.parameters] != table:
                    raise KoopflowError(f"{partial}: holds other parameters than this model's; remove it or record elsewhere")
        except KoopflowError as error:
            if "no step was recorded" not in str(error):
                raise
            steps = np.empty(0, np.int64)
        kept = len(steps) if resume_after is None else int(np.searchsorted(steps, resume_after, side="right"))
        self._writer = TrajectoryWriter.resume(self.path, kept)
        self._calls = 0 if not kept else int(steps[kept - 1]) + 1
        if resume_after is not None:
            self._calls = int(resume_after) + 1

    @property
    def next_step(self) -> int:
        """The number that the next call of `step` counts as."""
        return self._calls

    def step(self, loss=None, step: int | None = None) -> bool:
        """Count one training step and capture the weights if it is their turn; returns whether it was.

        `loss` may be a number or a tensor; it is only looked at when a state is captured. `step` overrides the own count.
        """
        step = self._calls if step is None else int(step)
        self._calls = step + 1
        if step % self.every:
            return False
        self._capture()
        self._writer.append(step, self._row[None], None if loss is None else [float(getattr(loss, "detach", lambda: loss)())])
        return True

    def _capture(self) -> None:
        import torch

        start = 0
        row = torch.from_numpy(self._row)
        with torch.no_grad():
            for _, tensor in self._tensors:
                stop = start + tensor.numel()
                row[start:stop].view(tensor.shape).copy_(tensor.detach(), non_blocking=tensor.is_cuda)
                start = stop
            if any(tensor.is_cuda for _, tensor in self._tensors):
                torch.cuda.synchronize()

    def flush(self) -> int:
        """Make everything captured so far survive this process; returns the number of captured states."""
        self._writer.flush()
        return self._writer.steps_written

    def close(self) -> Path:
        """Complete the file and give it its own name."""
        return self._writer.close()

    def __enter__(self) -> "TrajectoryRecorder":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.abandon()


def _chosen(model, patterns) -> list:
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.is_floating_point()]
    patterns = ["*"] if patterns is None else [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name, _ in named):
            names = ", ".join(name for name, _ in named[:12])
            raise KoopflowError(f"parameters: no parameter of {type(model).__name__} matches {pattern!r}; it has {names}")
    return [(name, tensor) for name, tensor in named if any(fnmatchcase(name, pattern) for pattern in patterns)]
