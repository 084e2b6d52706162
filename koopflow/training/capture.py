"""Streaming an ensemble's chosen parameters to a trajectory file while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from koopflow.core.errors import KoopflowError
from koopflow.training.layout import Layout
from koopflow.training.replicas import Replicas


@dataclass(frozen=True)
class Capture:
    """What to record where.

    Attributes
    ----------
    path : str
        The trajectory file (``koopflow.trajectory``); it appears when training is complete.
    patterns : sequence of str
        Shell-like patterns of parameter names; ``last`` alone stands for the last layer, whatever its name.
    every : int
        A state every so many steps.
    first, last : int, int or None
        The window, both included; `last` None is the end of training. State s is the one after s updates; 0 is the initial one.
    study : mapping, optional
        Stored in the file, beside what the trainer itself knows.
    only : sequence of int, optional
        These steps and no others (several windows), instead of every, first and last.
    """

    path: str
    patterns: Sequence[str] = ("*",)
    every: int = 1
    first: int = 0
    last: int | None = None
    study: dict | None = None
    only: Sequence[int] | None = None

    def steps(self, total: int) -> Sequence[int]:
        """Return the captured steps of a training of `total` steps; raises KoopflowError for a window outside it."""
        if self.only is not None:
            if not self.only or min(self.only) < 0 or max(self.only) > total:
                raise KoopflowError(f"capture: the steps asked for do not lie within the training's steps 0 to {total}")
            return tuple(sorted(set(self.only)))
        last = total if self.last is None else self.last
        if self.every < 1:
            raise KoopflowError(f"capture: every: {self.every} is not a positive whole number")
        if not 0 <= self.first <= last <= total:
            raise KoopflowError(f"capture: the window {self.first} to {last} does not lie within the training's steps 0 to {total}")
        return range(self.first, last + 1, self.every)

    def names(self, layout: Layout, last_layer: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the captured parameters, in the network's order; raises KoopflowError for a pattern matching none."""
        patterns = [self.patterns] if isinstance(self.patterns, str) else list(self.patterns)
        expanded = [name for pattern in patterns for name in (last_layer if pattern == "last" else [pattern])]
        return layout.matching(expanded)


class CaptureStream:
    """An open capture: takes the weights before a step's update and the losses that the step then finds."""

    def __init__(
        self, capture: Capture, replicas: Replicas, names: Sequence[str], steps: Sequence[int], about: dict, seeds: list, kept: int
    ):
        from koopflow.trajectory import TrajectoryWriter

        self._replicas, self._names, self._steps = replicas, tuple(names), frozenset(steps)
        shapes = dict(zip(replicas.layout.names, replicas.layout.shapes))
        table = [(name, shapes[name]) for name in self._names]
        if kept:
            self._writer = TrajectoryWriter.resume(capture.path, kept)
        else:
            study = {**about, **(capture.study or {})}
            self._writer = TrajectoryWriter(capture.path, table, replicas.count, study=study, seeds=seeds, steps=len(steps))
        size = sum(int(np.prod(shape)) for _, shape in table)
        self._rows = torch.empty(replicas.count, size)

    def take(self, step: int) -> bool:
        """Copy the weights if `step` is to be captured; return whether it is."""
        if step not in self._steps:
            return False
        self._replicas.weights.rows(self._names, out=self._rows)
        return True

    def write(self, step: int, losses: np.ndarray) -> None:
        """Write the weights taken at `step`, replicas without a finite loss as NaN."""
        self._rows[torch.from_numpy(~np.isfinite(losses))] = torch.nan
        self._writer.append(step, self._rows.numpy(), losses)

    def flush(self) -> int:
        """Put everything on disk; return the number of states there."""
        self._writer.flush()
        return self._writer.steps_written

    def close(self) -> None:
        """Complete the file under its own name."""
        self._writer.close()

    def abandon(self) -> None:
        """Leave the unfinished file as it is, for a later resumption."""
        self._writer.abandon()
