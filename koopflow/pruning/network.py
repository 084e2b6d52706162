"""One network of a study at one step of its training: its Koopman fits and its masks."""

import itertools
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.koopman.dmd import Koopman
from koopflow.pruning import schedules, scoring, selection, training
from koopflow.pruning.decompose import Window, prediction_error
from koopflow.pruning.inputs import Probed
from koopflow.pruning.job import Job
from koopflow.pruning.mask import Mask
from koopflow.pruning.methods import rank_of, window_of
from koopflow.pruning.modes import Modes
from koopflow.pruning.rounds import movement
from koopflow.trajectory import Trajectory

Masks = dict[tuple[str, float], Mask]
"""The mask of each method and compression."""


@dataclass(frozen=True)
class Fit:
    """A Koopman fit to the last `window` steps: operator, modes, and the seconds both took."""

    window: int
    rank: float
    fitted: Koopman
    modes: Modes
    seconds: float


@dataclass
class Network:
    """One network at one step of its training.

    Attributes
    ----------
    job : Job
    replica : int
        Its place in the trajectory.
    epoch : float
    states : Trajectory
        Every step of the longest window, which ends at the step of pruning.
    probed : Probed
        Its weights, and what scores read of it.
    trained : dict of (str, float) to (ndarray, ndarray)
        Weights and statistics of networks that were trained while they were pruned, by method and
        compression.
    """

    job: Job
    replica: int
    epoch: float
    states: Trajectory
    probed: Probed
    fits: dict[tuple[int, float], Fit] = field(default_factory=dict)
    trained: dict[tuple[str, float], tuple[NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=dict)
    _scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The network's number in its study."""
        return self.job.networks.seeds[self.replica]

    @property
    def place(self) -> dict[str, Any]:
        """The columns with which every table begins."""
        return {"study": self.job.name, "epoch": self.epoch, "seed": self.seed}

    def masks(self) -> Masks:
        """Return the mask of each method and compression; warn if one empties a tensor."""
        job, found = self.job, {}
        for name in job.methods:
            for compression in job.study.compressions:
                keep = selection.kept_at(job.parameters, job.prunable, compression, job.study.counted)
                chosen = found[name, compression] = self._pruned(name, compression, keep)
                if chosen.emptied():
                    case = f"study {job.name}, {name}, epoch {self.epoch:g}, compression {compression:g}"
                    warnings.warn(f"{case}: nothing is left of {', '.join(chosen.emptied())}", stacklevel=2)
        return found

    def _pruned(self, name: str, compression: float, keep: int) -> Mask:
        """Return the mask of one method that keeps `keep` weights, reached in the method's rounds.

        Networks that are trained between rounds go into `trained`.
        """
        job, method = self.job, self.job.methods[name]
        mask, probed = Mask.dense(job.parameters, job.prunable), self.probed
        among = int(np.count_nonzero(mask.eligible()))
        steps = schedules.densities(keep / among, method.schedule, method.rounds)
        for number, density in enumerate(steps):
            last = number == len(steps) - 1
            left = keep if last else max(keep, round(density * among))
            mask = selection.mask_by_score(
                self._values(name, probed), job.parameters, left, scope=method.scope, within=mask
            )
            if method.round_epochs:
                probed = self._trained(probed, mask, method.round_epochs, number)
                self.trained[name, compression] = (probed.weights, probed.buffers)
            elif not last:
                probed = Probed(job, probed.weights * mask.kept, probed.buffers)
        return mask

    def _values(self, name: str, probed: Probed) -> NDArray[np.float64]:
        """Return a method's score of every weight; that of the network before pruning only once."""
        if probed is self.probed and name in self._scores:
            return self._scores[name]
        values = scoring.evaluate(
            self.job.methods[name].score, self.state(name, probed), self.job.methods[name].options
        )
        if probed is self.probed:
            self._scores[name] = values
        return values

    def _trained(self, probed: Probed, mask: Mask, epochs: float, number: int) -> Probed:
        """Return the network after training under `mask`."""
        job = self.job
        step = int(self.states.steps[-1]) + number
        start = training.MaskedStart(step, mask.kept[None, None], probed.weights[None], probed.buffers[None])
        tuned = job.study.finetune.model_copy(update={"epochs": epochs})
        members = training.Members(job.name, job.seed, [self.seed])
        weights, buffers = training.fine_tune(
            job.study.model_copy(update={"finetune": tuned}), job.images, members, start, device=job.device
        )
        return Probed(job, weights[0, 0], buffers[0, 0])

    def state(self, method_name: str, probed: Probed | None = None) -> scoring.NetworkState:
        """Return the state that the score of a method reads: the weights, and what else it
        needs."""
        job, method, needs = self.job, self.job.methods[method_name], self.job.needs[method_name]
        probed = self.probed if probed is None else probed
        window, rank = window_of(job.study, method), rank_of(job.study, method)
        generator = seeds.rng(job.seed, "pruning", job.name, self.seed, self.epoch, "score", method_name)
        begin = int(self.states.steps[-1]) - window
        return scoring.NetworkState(
            probed.weights,
            job.parameters,
            **probed(needs),
            modes=self.fit(window, rank).modes if "modes" in needs else None,
            generator=generator if "generator" in needs else None,
            earlier=self.states.window(begin, begin).read(replicas=[self.replica])[0, 0]
            if "earlier" in needs
            else None,
            movement=movement(self.states.window(begin, int(self.states.steps[-1])), self.replica)
            if "movement" in needs
            else None,
        )

    def fit(self, window: int, rank: float) -> Fit:
        """Return the Koopman fit to the last `window` steps, with at most `rank` modes."""
        if (window, rank) not in self.fits:
            if not self.fits:
                self._window = Window(self.states, self.replica)
            before = self._window.seconds if self.fits else 0.0  # the first fit includes the inner products
            fitted = self._window.fit(window, rank)
            modes = self._window.modes(fitted)
            self.fits[window, rank] = Fit(window, rank, fitted, modes, self._window.seconds - before)
        return self.fits[window, rank]

    def spectra(self) -> list[dict[str, Any]]:
        """Return a row for each eigenvalue of each fit, those nearest 1 first."""
        rows = []
        for fit in self.fits.values():
            modes, error = fit.modes, prediction_error(fit.fitted)
            residuals, present = scoring.given(modes.residuals), scoring.given(modes.present)
            for mode, i in enumerate(np.lexsort((modes.eigenvalues.imag, np.round(np.abs(modes.eigenvalues - 1), 12)))):
                value = modes.eigenvalues[i]
                rows.append(
                    self.place
                    | {"window": fit.window, "rank": fit.rank, "prediction_error": error}
                    | {"mode": mode, "real": float(value.real), "imag": float(value.imag)}
                    | {"amplitude": float(abs(modes.amplitudes[i])), "present": float(abs(present[i]))}
                    | {"residual": float(residuals[i])}
                )
        return rows

    def costs(self, step: int) -> list[dict[str, Any]]:
        """Return a row with the time of the first fit and the time of training `step` steps, in
        seconds."""
        begun = time.perf_counter()
        np.abs(self.probed.weights)
        magnitude, training = time.perf_counter() - begun, step * self.job.seconds_per_step
        return [
            self.place
            | {"window": fit.window, "rank": fit.rank, "training_seconds": training, "koopman_seconds": fit.seconds}
            | {"magnitude_seconds": magnitude, "share_of_training": fit.seconds / training}
            for fit in itertools.islice(self.fits.values(), 1)
        ]
