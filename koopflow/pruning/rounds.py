"""Prunes a model or a recorded run in one or several rounds."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options
from koopflow.pruning import masking, probes, schedules, scoring, selection
from koopflow.pruning.decompose import Window
from koopflow.pruning.mask import Mask
from koopflow.pruning.modes import Modes
from koopflow.pruning.request import Request
from koopflow.pruning.subject import Subject, flat, state_at
from koopflow.pruning.weights import weights_of
from koopflow.trajectory import Trajectory


@dataclass
class Rounds:
    """What every round of pruning one network needs.

    Attributes
    ----------
    subject : Subject
    score : str or function
    options : mapping, optional
        Options of the score.
    asked : Request
    """

    subject: Subject
    score: str | scoring.ScoreFunction
    options: Options | None
    asked: Request

    def __post_init__(self) -> None:
        self.model = self.subject.model
        self.name, self.needs = scoring.named_score(self.score)[0], scoring.needs_of(self.score)
        self._recorded: dict[str, Any] = {}

    def run(self, prunable: tuple[str, ...], keep: int, scope: str) -> Mask:
        """Return the mask that keeps `keep` of the weights of the tensors `prunable`."""
        layout, asked = self.subject.parameters, self.asked
        mask = Mask.dense(layout, prunable)
        among = int(np.count_nonzero(mask.eligible()))
        densities = schedules.densities(keep / among, asked.schedule, asked.rounds)
        if asked.train is not None and self.model is None:
            raise KoopflowError("prune: train needs a network; a recorded run cannot be trained")
        model = self.model
        for number, density in enumerate(densities):
            values = scoring.evaluate(self.score, self.state(model, mask), self.options)
            left = keep if number == len(densities) - 1 else max(keep, round(density * among))
            mask = selection.mask_by_score(values, layout, left, scope=scope, within=mask)
            if model is None or (asked.train is None and number == len(densities) - 1):
                continue
            if asked.train is None:
                model = copy.deepcopy(self.model) if model is self.model else model
            assert model is not None
            masking.hold(mask, model)
            if asked.train is not None:
                asked.train(model)
        return mask

    def state(self, model: nn.Module | None, mask: Mask) -> scoring.NetworkState:
        """Return the inputs that the score declares, or all available inputs if it declares
        none."""
        subject = self.subject
        weights = subject.weights
        if model is None and not mask.kept.all():
            weights = weights * mask.kept
        elif model is not None and not mask.kept.all():
            tensors = weights_of(model)
            weights = flat([tensors[name].value for name, _ in subject.parameters]) * mask.kept
        generator = seeds.rng(self.asked.seed, "prune", self.name)
        found = {**self._of_recording(), **self._of_model(model)}
        return scoring.NetworkState(weights, subject.parameters, generator=generator, **found)

    def _of_model(self, model: nn.Module | None) -> dict[str, NDArray[np.float32] | None]:
        wanted, batch, found = self.needs & scoring.PROBED, self.asked.batch, {}
        declared = scoring.declares(self.score)
        if wanted and model is not None and batch is not None:
            tensors = weights_of(model)
            ordered = [tensors[name] for name, _ in self.subject.parameters]
            for need in sorted(wanted):
                if need == "path_gradient":
                    if not batch.inputs.is_floating_point():
                        raise KoopflowError(
                            f"prune: score {self.name} takes an input of ones, but inputs are whole numbers"
                        )
                    found[need] = flat(probes.path_gradient(model, ordered, batch.inputs.shape[1:]))
                else:
                    found[need] = flat(getattr(probes, need)(model, ordered, batch))
            return dict(found)
        if wanted <= {"gradient"}:
            gradient = self.subject.gradient if model is self.model else None
            if wanted and declared and gradient is None:
                raise KoopflowError(
                    f"prune: score {self.name} needs gradients; pass the network after loss.backward() on training "
                    "data, so that every parameter has .grad, or pass data=(inputs, targets)"
                )
            return {"gradient": gradient}
        raise KoopflowError(f"prune: score {self.name} needs a network and training data; pass data=(inputs, targets)")

    def _of_recording(self) -> dict[str, Any]:
        wanted, states = self.needs & scoring.RECORDED, self.subject.states
        if states is None:
            if wanted and scoring.declares(self.score):
                raise KoopflowError(
                    f"prune: score {self.name} needs a recording of the training; pass recording=..., written by "
                    "kf.Recorder"
                )
            return {}
        if wanted and not self._recorded:
            states, replica = _window(states, self.asked.window), self.subject.replica
            if "modes" in wanted:
                self._recorded["modes"] = _modes(states, replica, self.asked.rank)
            if "earlier" in wanted:
                self._recorded["earlier"] = state_at(states, 0, replica)
            if "movement" in wanted:
                self._recorded["movement"] = movement(states, replica)
        return self._recorded


def movement(states: Trajectory, replica: int) -> NDArray[np.float64]:
    """Return the sum over steps of w(t) (w(t+1) - w(t)), shape (parameter,)."""
    before = state_at(states, 0, replica).astype(float)
    total = np.zeros_like(before)
    for place in range(1, len(states.steps)):
        after = state_at(states, place, replica).astype(float)
        total += before * (after - before)
        before = after
    return total


def _window(states: Trajectory, window: int | None) -> Trajectory:
    """Return the last `window` steps between recorded states; None means all."""
    most = len(states.steps) - 1
    if most < 2 or (window is not None and not 2 <= window <= most):
        asked = f"{len(states.steps)} recorded states" if window is None else str(window)
        raise KoopflowError(f"prune: window must be between 2 and {most}, the steps in {states.path} (got {asked})")
    first = 0 if window is None else len(states.steps) - 1 - window
    return states.window(int(states.steps[first]), int(states.steps[-1]))


def _modes(states: Trajectory, replica: int, rank: float) -> Modes:
    found = Window(states, replica)
    return found.modes(found.fit(len(states.steps) - 1, rank))
