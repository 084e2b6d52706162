"""Hooks of the grokking study: curves of loss, accuracy and weight norm, and a norm that is held."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from koopflow.data.images.sets import Images
from koopflow.io.columns import GROKKING_CURVES
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Start, train
from koopflow.training.hooks import Context, Hook, check_steps
from koopflow.training.layout import Stack
from koopflow.training.recipe import Setup
from koopflow.training.replicas import initial_weights
from koopflow.training.run import Run, Trained


def norms(weights: Stack) -> torch.Tensor:
    """Return the Euclidean norm of all weights of each network, float64 (replica,)."""
    squares = [view.double().flatten(1).square().sum(dim=1) for view in weights.views.values()]
    return torch.stack(squares).sum(dim=0).sqrt()


class Curves(Hook):
    """Measures loss and accuracy on all training and test images, and the norm of the weights, at
    chosen steps, in ``Trained.curves``: float64 (quantity, replica), in the order of
    `GROKKING_CURVES`."""

    def __init__(self, steps: Collection[int]):
        self._steps = frozenset(steps)
        self._parts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def prepare(self, context: Context) -> None:
        check_steps("curves", self._steps, context.run.steps)
        images, device = context.images, context.run.replicas.device
        pairs = ((images.x_train, images.y_train), (images.x_test, images.y_test))
        self._parts = [(torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)) for x, y in pairs]

    def identity(self) -> object:
        return ["curves", sorted(self._steps)]

    def before(self, run: Run) -> None:
        if run.step in self._steps:
            (train, loss), (test, test_loss) = (run.replicas.score(*part) for part in self._parts)
            size = norms(run.replicas.weights).cpu().numpy()
            run.curves[run.step] = np.stack([loss, test_loss, train, test, size])


class HoldNorm(Hook):
    """Scales the weights of each network to a given norm after every step: the constrained
    training of Redman et al. (NeurIPS 2024), where weights move on a sphere.

    Parameters
    ----------
    norms : sequence of float (replica,)
        The norms to hold.
    """

    def __init__(self, norms: Sequence[float] | NDArray[np.float64]):
        self._norms = [float(norm) for norm in norms]

    def identity(self) -> object:
        return ["hold_norm", self._norms]

    def after(self, run: Run, step: int, losses: NDArray[np.float32]) -> None:
        if step == run.steps:
            return  # no update was made
        weights = run.replicas.weights
        target = torch.tensor(self._norms, dtype=torch.float64, device=weights.flat.device)
        factor = (target / norms(weights)).to(weights.flat.dtype)
        for view in weights.views.values():
            view.mul_(factor.view(-1, *[1] * (view.dim() - 1)))


def train_held(
    setup: Setup,
    images: Images,
    ensemble: Ensemble,
    measured: Sequence[int],
    held_norm: float | None,
    *,
    hooks: Sequence[Hook] = (),
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
) -> Trained:
    """Train an ensemble with curves at the steps `measured`, and, with `held_norm`, the weights of
    every network scaled to that share of their initial norm and held there.

    Other parameters, and errors, are those of `koopflow.training.ensemble.train`.
    """
    weights = initial_weights(
        setup.model,
        images.shape,
        images.classes,
        seed=ensemble.seed,
        stream=ensemble.stream,
        groups=ensemble.groups,
        copies=ensemble.copies,
        perturbation=ensemble.perturbation,
    )
    before: list[Hook] = []
    if held_norm is not None:
        weights = (held_norm * weights).astype(np.float32)
        before = [HoldNorm(np.linalg.norm(weights.astype(float), axis=1))]
    return train(
        setup,
        images,
        ensemble,
        start=Start(weights=weights),
        hooks=[*before, Curves(measured), *hooks],
        checkpoint=checkpoint,
        device=device,
    )


def curve_table(setting: str, trained: Trained) -> pd.DataFrame:
    """Return the curves of an ensemble whose groups are seeds, columns `GROKKING_CURVES`; of a seed
    with copies, the means over them, which a copy that diverged leaves without a number."""
    copies: dict[int, list[int]] = {}
    for place, name in enumerate(trained.replicas):
        copies.setdefault(int(name.partition("/")[0]), []).append(place)
    rows = [
        (setting, seed, step, *values[:, places].mean(axis=1))
        for seed, places in copies.items()
        for step, values in sorted(trained.curves.items())
    ]
    return pd.DataFrame(rows, columns=list(GROKKING_CURVES))
