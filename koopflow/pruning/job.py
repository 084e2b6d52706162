"""The data that all networks and epochs of one pruning job share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.data.images.sets import Images
from koopflow.pruning import evaluation, scoring, selection
from koopflow.pruning.methods import longest_window, methods_of
from koopflow.pruning.training import Networks
from koopflow.trajectory import Trajectory


@dataclass
class Job:
    """The networks of one trajectory, and the methods that prune them.

    Attributes
    ----------
    name : str
        The study's name; every random stream is named after it and the network's number.
    study : PruningStudy
    methods : mapping of str to PruningMethod
        All methods of the configuration; only those that the study names are kept.
    images : Images
    trajectory : Trajectory
        Every optimizer step of the windows.
    networks : Networks
        Results of training besides the trajectory.
    seed : int
        The run's seed.
    seconds_per_step : float
        Training time of one network per step, in seconds, with which the cost of pruning is
        compared.
    device : str
    """

    name: str
    study: PruningStudy
    methods: Mapping[str, PruningMethod]
    images: Images
    trajectory: Trajectory
    networks: Networks
    seed: int
    seconds_per_step: float = float("nan")
    device: str = "auto"

    def __post_init__(self) -> None:
        self.methods = methods_of(self.study, self.methods)
        self.window = longest_window(self.study, self.methods)
        self.parameters, _ = evaluation.layouts(self.study.model, self.images)
        self.prunable = selection.prunable_names(
            self.parameters, self.study.exclude, evaluation.classifier_of(self.study.model, self.images)
        )
        self.evaluate = evaluation.Evaluator(self.study.model, self.images, self.device)
        self.sound = [i for i, number in enumerate(self.networks.seeds) if number not in self.networks.diverged]
        self._probed: nn.Module | None = None
        self.needs = {name: scoring.needs_of(method.score) for name, method in self.methods.items()}

    def need(self, what: str) -> bool:
        """Return whether the score of any method needs `what`, an attribute of `NetworkState`."""
        return any(what in needs for needs in self.needs.values())

    def network(self, weights: NDArray[np.float32], buffers: NDArray[np.float32]) -> nn.Module:
        """Return the study's network with the given weights and statistics, in evaluation mode; the
        same module at every call."""
        if self._probed is None:
            self._probed = evaluation.blank(self.study.model, self.images)
        evaluation.put(self._probed, weights, buffers)
        return self._probed.eval()
