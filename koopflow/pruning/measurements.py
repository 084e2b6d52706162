"""Everything that is asked about the networks of a study at one moment of their training, as rows of its tables."""

import itertools
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from koopflow.core import seeds
from koopflow.data.images.sets import Images
from koopflow.pruning import evaluation, mask, overlap, scores, training
from koopflow.pruning.decompose import Window, prediction_error
from koopflow.pruning.mask import Mask
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.evaluation import gradients
from koopflow.trajectory import Trajectory


@dataclass
class Job:
    """What stays the same from moment to moment; see `koopflow.pruning.study.run`."""

    name: str
    study: Mapping
    methods: Mapping[str, Mapping]
    images: Images
    trajectory: Trajectory
    networks: training.Networks
    seed: int
    seconds_per_step: float
    device: str

    def __post_init__(self):
        self.parameters, _ = evaluation.layouts(self.study["model"], self.images)
        self.prunable = mask.prunable_names(self.parameters, self.study["exclude"])
        self.evaluate = evaluation.Evaluator(self.study["model"], self.images, self.device)
        self.sound = [i for i, number in enumerate(self.networks.seeds) if number not in self.networks.diverged]


def tables(
    job: Job, epoch: float, step: int, window: int, checkpoint: Checkpoint | None, masks: str | Path | None
) -> dict[str, list[dict]]:
    """Return the rows of all tables for every network that did not diverge at `epoch`, after `step` optimizer steps."""
    rows: dict[str, list[dict]] = {table: [] for table in ("accuracy", "overlap", "spectrum", "layers", "cost")}
    study, sound = job.study, job.sound
    if not sound:
        return rows
    states = job.trajectory.window(step - window, step, spacing=1)
    weights = job.trajectory.window(step, step).read(replicas=sound)[:, 0]
    buffers = job.networks.buffers[step][sound] if job.networks.buffers else np.zeros((len(sound), 0), np.float32)
    count = study["gradient_images"] or None
    gradient = gradients(study["model"], weights, job.images, buffers=buffers, count=count, device=job.device)
    tuned = [(m, c) for m, c in itertools.product(study["methods"], study["compressions"]) if wants(study["finetune"], epoch, c)]
    kept = np.empty((len(sound), len(tuned), mask.size(job.parameters)), dtype=bool)
    for place, replica in enumerate(sound):
        number = job.networks.seeds[replica]
        where = {"study": job.name, "epoch": epoch, "seed": number}
        one = _Network(job, where, Window(states, replica), weights[place], gradient[place], states, replica)
        found = one.masks()
        rows["spectrum"] += one.spectra()
        rows["cost"] += one.costs(step)
        rows["layers"] += _layers(where, found)
        rows["overlap"] += _overlaps(job, where, found)
        rows["accuracy"] += _accuracies(job, where, found, weights[place], buffers[place])
        for column, key in enumerate(tuned):
            kept[place, column] = found[key].kept
        if masks is not None:
            _save(study["save_masks"], where, found, Path(masks))
    if tuned:
        _fine_tune(job, rows["accuracy"], tuned, kept, weights, buffers, step, checkpoint)
    return rows


def wants(settings: Mapping, epoch: float, compression: float) -> bool:
    """Return whether what is pruned at `epoch` to `compression` is to be fine-tuned (or saved)."""
    chosen = settings.get("compressions")
    return bool(settings.get("epochs", 1)) and epoch in settings["at"] and (not chosen or compression in chosen)


class _Network:
    """One network at one moment: its decompositions and its masks."""

    def __init__(self, job: Job, where: Mapping, window: Window, weights, gradient, states: Trajectory, replica: int):
        self._job, self._where, self._window = job, where, window
        self._weights, self._gradient, self._states, self._replica = weights, gradient, states, replica
        self._fits: dict[tuple, tuple] = {}

    def masks(self) -> dict[tuple[str, float], Mask]:
        """Return the mask of each method and compression; layers of which nothing is left are warned of."""
        job, found = self._job, {}
        for name, method in job.methods.items():
            values = scores.evaluate(method["score"], self._moment(name, method), method.get("options"))
            for compression in job.study["compressions"]:
                keep = mask.kept_at(job.parameters, job.prunable, compression, job.study["counted"])
                chosen = mask.select(values, job.parameters, keep, prunable=job.prunable, scope=method.get("scope", "global"))
                found[name, compression] = chosen
                if chosen.emptied():
                    place = f"study {job.name}, {name}, epoch {self._where['epoch']:g}, compression {compression:g}"
                    warnings.warn(f"{place}: nothing is left of {', '.join(chosen.emptied())}", stacklevel=2)
        return found

    def _moment(self, method_name: str, method: Mapping) -> scores.Moment:
        job, where, steps = self._job, self._where, method.get("window", self._job.study["window"])
        generator = seeds.rng(job.seed, "pruning", job.name, where["seed"], where["epoch"], "score", method_name)
        modes = self._modes(method) if method["score"].startswith("koopman") or ":" in method["score"] else None
        begin = int(self._states.steps[-1]) - steps
        earlier = self._states.window(begin, begin).read(replicas=[self._replica])[0, 0]
        return scores.Moment(self._weights, job.parameters, self._gradient, modes, generator, earlier)

    def _modes(self, method: Mapping):
        key = (method.get("window", self._job.study["window"]), method.get("rank", self._job.study["rank"]))
        if key not in self._fits:
            before = self._window.seconds if self._fits else 0.0  # the first fit pays for the inner products
            fitted = self._window.fit(*key)
            modes = self._window.modes(fitted)
            self._fits[key] = fitted, modes, self._window.seconds - before
        return self._fits[key][1]

    def spectra(self) -> list[dict]:
        """Return a row for each eigenvalue of each fit, those nearest 1 first."""
        rows = []
        for (window, rank), (fitted, modes, _) in self._fits.items():
            order = np.lexsort((modes.eigenvalues.imag, np.round(np.abs(modes.eigenvalues - 1), 12)))
            fit = {"window": window, "rank": rank, "prediction_error": prediction_error(fitted)}
            for mode, i in enumerate(order):
                value = modes.eigenvalues[i]
                rows.append(
                    self._where
                    | fit
                    | {"mode": mode, "real": float(value.real), "imag": float(value.imag)}
                    | {"amplitude": float(abs(modes.amplitudes[i])), "present": float(abs(modes.present[i]))}
                    | {"residual": float(modes.residuals[i])}
                )
        return rows

    def costs(self, step: int) -> list[dict]:
        """Return what a fit and its modes took, beside what training took until then."""
        begun = time.perf_counter()
        np.abs(self._weights)
        magnitude, training_seconds = time.perf_counter() - begun, step * self._job.seconds_per_step
        return [
            self._where
            | {"window": window, "rank": rank, "training_seconds": training_seconds, "koopman_seconds": seconds}
            | {"magnitude_seconds": magnitude, "share_of_training": seconds / training_seconds}
            for (window, rank), (_, _, seconds) in itertools.islice(self._fits.items(), 1)
        ]


def _accuracies(job: Job, where: Mapping, found: Mapping, weights: np.ndarray, buffers: np.ndarray) -> list[dict]:
    keys = [key for key in found if key[0] in job.study["methods"]]
    accuracies = job.evaluate([weights * found[key].kept for key in keys], buffers)
    dense = job.evaluate.multiply_adds(Mask.dense(job.parameters))
    rows = []
    for (name, compression), accuracy in zip(keys, accuracies):
        chosen = found[name, compression]
        left = job.evaluate.multiply_adds(chosen)
        rows.append(
            where
            | {"method": name, "compression": compression, "accuracy": float(accuracy), "accuracy_finetuned": float("nan")}
            | {"kept": int(chosen.kept.sum()), "size": chosen.kept.size, "whole_compression": chosen.compression()}
            | {"multiply_adds": left, "speedup": dense / left if left else float("inf"), "emptied": " ".join(chosen.emptied())}
        )
    return rows


def _fine_tune(job: Job, rows: list[dict], tuned: list, kept, weights, buffers, step: int, checkpoint) -> None:
    """Fine-tune every network under each of its masks `kept` (network, mask, parameter), and enter the accuracies into `rows`."""
    numbers = [job.networks.seeds[replica] for replica in job.sound]
    options = {"seed": job.seed, "seeds": numbers, "step": step, "checkpoint": checkpoint, "device": job.device}
    after, statistics = training.fine_tune(job.name, job.study, job.images, kept, weights, buffers, **options)
    place = {(row["seed"], row["method"], row["compression"]): row for row in rows}
    for i, number in enumerate(numbers):
        for j, (name, compression) in enumerate(tuned):
            accuracy = job.evaluate([after[i, j]], statistics[i, j])[0]
            place[number, name, compression]["accuracy_finetuned"] = float(accuracy)


def _overlaps(job: Job, where: Mapping, found: Mapping) -> list[dict]:
    rows, among = [], mask.eligible(job.parameters, job.prunable)
    for (a, b), compression in itertools.product(job.study["pairs"], job.study["compressions"]):
        pruned_a, pruned_b = (~found[name, compression].kept[among] for name in (a, b))
        sizes = (len(pruned_a), int(pruned_a.sum()), int(pruned_b.sum()))
        rows.append(
            where
            | {"method_a": a, "method_b": b, "compression": compression}
            | {"jaccard": overlap.jaccard(pruned_a, pruned_b), "expected_jaccard": overlap.expected_jaccard(*sizes)}
            | {"beyond_chance": overlap.beyond_chance(pruned_a, pruned_b)}
        )
    return rows


def _layers(where: Mapping, found: Mapping) -> list[dict]:
    rows = []
    for (name, compression), chosen in found.items():
        for record in chosen.summary():
            if record["prunable"]:
                kept = {key: record[key] for key in ("layer", "size", "kept", "density")}
                rows.append(where | {"method": name, "compression": compression} | kept)
    return rows


def _save(wanted: Mapping, where: Mapping, found: Mapping, folder: Path) -> None:
    """Save the masks that the study asks for, a file each."""
    for (name, compression), chosen in found.items():
        if wants(wanted, where["epoch"], compression):
            folder.mkdir(parents=True, exist_ok=True)
            chosen.save(folder / f"{where['seed']}-{name}-epoch-{where['epoch']:g}-compression-{compression:g}.npz")
