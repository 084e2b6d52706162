"""A hook that streams an ensemble's chosen parameters to a trajectory file while it trains."""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import as_patterns, matching
from koopflow.training.checkpoint import Facts
from koopflow.training.hooks import Context, Hook, check_steps
from koopflow.training.layout import Layout
from koopflow.training.models.build import last_layer
from koopflow.training.run import Run
from koopflow.trajectory import TrajectoryWriter


class Capture(Hook):
    """Records states of the ensemble; state s is the state after s updates.

    Parameters
    ----------
    path : str
        The trajectory file (``koopflow.trajectory``), which exists once training is complete.
    patterns : str or sequence of str
        Shell-like patterns of parameter names; ``last`` stands for the last layer, whatever its
        name.
    every : int
        Steps between recorded states.
    first, last : int, int or None
        The window of steps, both included; None is the end of training.
    study : mapping of str to object, optional
        Stored in the file, besides the facts that the trainer adds.
    only : sequence of int, optional
        Record these steps instead of those of every, first and last.
    """

    def __init__(
        self,
        path: str,
        patterns: str | Sequence[str] = ("*",),
        every: int = 1,
        first: int = 0,
        last: int | None = None,
        study: Facts | None = None,
        only: Sequence[int] | None = None,
    ):
        self._path, self._patterns, self._study = path, patterns, study or {}
        self._every, self._first, self._last, self._only = every, first, last, only
        self._names: tuple[str, ...] = ()
        self._steps: Sequence[int] = ()
        self._taken = False

    def prepare(self, context: Context) -> None:
        self._context, replicas = context, context.run.replicas
        self._names = captured_names(self._patterns, replicas.layout, last_layer(replicas.module, context.images.shape))
        self._steps = self._captured_steps(context.run.steps)
        self._wanted = frozenset(self._steps)

    def identity(self) -> object:
        return ["capture", str(self._path), list(self._names), list(self._steps)]

    def begin(self, saved: int | None) -> None:
        replicas = self._context.run.replicas
        shapes = dict(zip(replicas.layout.names, replicas.layout.shapes))
        if saved:
            self._writer = TrajectoryWriter.resume(self._path, saved)
        else:
            self._writer = TrajectoryWriter(
                self._path,
                [(name, shapes[name]) for name in self._names],
                replicas.count,
                study={**self._context.about, **self._study},
                seeds=list(self._context.groups),
                steps=len(self._steps),
            )
        self._rows = torch.empty(replicas.count, sum(prod(shapes[name]) for name in self._names))

    def before(self, run: Run) -> None:
        self._taken = run.step in self._wanted
        if self._taken:
            run.replicas.weights.rows(self._names, out=self._rows)

    def after(self, run: Run, step: int, losses: NDArray[np.float32]) -> None:
        if self._taken:
            self._rows[torch.from_numpy(~np.isfinite(losses))] = torch.nan
            self._writer.append(step, self._rows.numpy(), losses)

    def saved(self) -> int:
        self._writer.flush()
        return int(self._writer.steps_written)

    def close(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        """Leave the unfinished file as it is, for a later resumption."""
        if hasattr(self, "_writer"):
            self._writer.abandon()

    def _captured_steps(self, total: int) -> Sequence[int]:
        """Return the captured steps of a training of `total` steps; raise a KoopflowError for steps
        outside it."""
        if self._only is not None:
            check_steps("capture", self._only, total)
            return tuple(sorted(set(self._only)))
        last = total if self._last is None else self._last
        if self._every < 1:
            raise KoopflowError(f"capture: every must be a positive integer (got {self._every})")
        if not 0 <= self._first <= last <= total:
            raise KoopflowError(
                f"capture: the window {self._first} to {last} is outside the training's steps 0 to {total}"
            )
        return range(self._first, last + 1, self._every)


def captured_names(patterns: str | Sequence[str], layout: Layout, last: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the parameters that `patterns` choose, in the network's order; ``last``
    stands for the parameters `last`.

    Raises
    ------
    KoopflowError
        If a pattern matches no parameter.
    """
    expanded = [name for pattern in as_patterns(patterns) for name in (last if pattern == "last" else [pattern])]
    return tuple(matching(layout.names, expanded, "capture"))
