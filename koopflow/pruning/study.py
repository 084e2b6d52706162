"""One pruning study for one seed: train, decompose, score, mask, evaluate; everything in one process on weights in memory."""

import copy
import itertools
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from koopflow import seeds
from koopflow.errors import KoopflowError
from koopflow.pruning import decompose, evaluation, mask, overlap, scores, training
from koopflow.pruning.columns import TABLES
from koopflow.pruning.networks import build


def check(name: str, study: Mapping, methods: Mapping, images) -> None:
    """Raise KoopflowError, before anything is trained, for whatever in `study` cannot be done."""
    key = f"pruning.studies.{name}"
    try:
        network = build(study["model"], images.x_train.shape[1:], images.classes, 0)
        parameters = training.layout(network)
        prunable = mask.prunable_names(parameters, study["exclude"])
        for compression in study["compressions"]:
            mask.kept_at(parameters, prunable, compression, study["counted"])
        per_epoch = len(images.x_train) // study["batch_size"]
        for method in (*study["methods"], *itertools.chain(*study["pairs"])):
            if method not in methods:
                raise KoopflowError(f"methods: {method!r} is unknown; accepted are {', '.join(methods)}")
            scores.find_score(methods[method]["score"])
            wanted = methods[method].get("window", study["window"])
            training.check_window(wanted, study["prune_epochs"], per_epoch, study["epochs"])
        training.optimizer_and_schedule(network, study["optimizer"], 1)
    except KoopflowError as error:
        raise KoopflowError(f"{key}: {error}") from None


def run(name: str, study: Mapping, methods: Mapping, images, run_seed: int, seed: int) -> dict[str, pd.DataFrame]:
    """Return the study's tables (see `TABLES`) for the network number `seed`.

    Parameters
    ----------
    name : str
        The study's name; every random stream is named after it and `seed`, so that studies and seeds do not touch each other.
    study : mapping
        model, optimizer, batch_size, epochs, prune_epochs, window (optimizer steps), rank, compressions, exclude, counted,
        methods, pairs (of methods to compare), gradient_images, finetune {epochs, at, compressions: all by default}.
    methods : mapping
        Name of method -> {score, scope, options, window, rank}.
    images : koopflow.data.Images
    run_seed, seed : int
    """
    check(name, study, methods, images)
    rows: dict[str, list[dict]] = {table: [] for table in TABLES}
    network = build(
        study["model"], images.x_train.shape[1:], images.classes, seeds.torch_seed(run_seed, "pruning", name, seed, "start")
    )
    used = {method: methods[method] for method in dict.fromkeys([*study["methods"], *itertools.chain(*study["pairs"])])}
    window = max([study["window"], *(method.get("window", 0) for method in used.values())])
    order = seeds.rng(run_seed, "pruning", name, seed, "batches")
    with tempfile.TemporaryDirectory(prefix="koopflow-pruning-") as scratch:
        for snapshot in training.train(network, images, study, order, study["prune_epochs"], window, Path(scratch)):
            one = _Epoch(name, study, used, images, run_seed, seed, network, snapshot)
            for table, found in one.tables().items():
                rows[table] += found
    return {table: pd.DataFrame(rows[table], columns=None if rows[table] else TABLES[table]) for table in TABLES}


class _Epoch:
    """Everything that is asked about one network at one epoch."""

    def __init__(self, name, study, methods, images, run_seed, seed, network, snapshot):
        self.study, self.methods, self.images, self.snapshot = study, methods, images, snapshot
        self.run_seed, self.names = run_seed, ("pruning", name, seed)
        self.network = copy.deepcopy(network)
        self.parameters = training.layout(network)
        self.prunable = mask.prunable_names(self.parameters, study["exclude"])
        self.where = {"study": name, "epoch": snapshot.epoch, "seed": seed}
        self.fits: dict[tuple, tuple] = {}
        self.products = decompose.gram(snapshot.states)
        self.gradient = training.mean_gradient(self.network, images, study["gradient_images"])

    def tables(self) -> dict[str, list[dict]]:
        masks, costs = self._masks()
        return {
            "accuracy": self._accuracies(masks),
            "overlap": self._overlaps(masks),
            "spectrum": self._spectra(),
            "layers": self._layers(masks),
            "cost": costs,
        }

    def _moment(self, method_name: str, method: Mapping) -> scores.Moment:
        weights = self.snapshot.weights
        generator = seeds.rng(self.run_seed, *self.names, self.snapshot.epoch, "score", method_name)
        modes = self._modes(method) if method["score"].startswith("koopman") or ":" in method["score"] else None
        return scores.Moment(weights, self.parameters, self.gradient, modes, generator)

    def _modes(self, method: Mapping):
        key = (method.get("window", self.study["window"]), method.get("rank", self.study["rank"]))
        if key not in self.fits:
            states, products = self.snapshot.states[-key[0] - 1 :], self.products[-key[0] - 1 :, -key[0] - 1 :]
            fitted = decompose.fit(products, key[1])
            self.fits[key] = (fitted, decompose.modes(states, fitted))
        return self.fits[key][1]

    def _masks(self) -> tuple[dict, list[dict]]:
        found, costs = {}, []
        for name, method in self.methods.items():
            values = scores.evaluate(method["score"], self._moment(name, method), method.get("options"))
            for compression in self.study["compressions"]:
                keep = mask.kept_at(self.parameters, self.prunable, compression, self.study["counted"])
                chosen = mask.select(values, self.parameters, keep, prunable=self.prunable, scope=method.get("scope", "global"))
                found[name, compression] = chosen
                if chosen.emptied():
                    where = f"study {self.where['study']}, {name}, epoch {self.snapshot.epoch}, compression {compression:g}"
                    warnings.warn(f"{where}: nothing is left of {', '.join(chosen.emptied())}", stacklevel=2)
        for (window, rank), _ in self.fits.items():
            costs.append(self._cost(window, rank))
        return found, costs

    def _cost(self, window: int, rank: int | float) -> dict:
        """Time what KMP needs beyond GMP, alone: Gram matrix, fit, one mode."""
        states, weights = self.snapshot.states[-window - 1 :], self.snapshot.weights
        begun = time.perf_counter()
        fitted = decompose.fit(decompose.gram(states), rank)
        nearest = np.argsort(np.abs(fitted.eigenvalues - 1))[:1]
        np.abs(decompose.modes(states, fitted, nearest).vectors[0])
        middle = time.perf_counter()
        np.abs(weights)
        seconds, end = self.snapshot.seconds, time.perf_counter()
        return self.where | {
            "window": window,
            "rank": rank,
            "training_seconds": seconds,
            "koopman_seconds": middle - begun,
            "magnitude_seconds": end - middle,
            "share_of_training": (middle - begun) / seconds,
        }

    def _accuracies(self, masks: Mapping) -> list[dict]:
        study, snapshot, rows = self.study, self.snapshot, []
        evaluate = evaluation.Evaluator(self.network, self.images.x_test, self.images.y_test)
        operations = evaluation.positions(self.network, self.images.x_train.shape[1:])
        dense = evaluation.multiply_adds(mask.Mask.dense(self.parameters), operations)
        for (name, compression), chosen in masks.items():
            if name not in study["methods"]:
                continue
            training.put(self.network, snapshot.weights * chosen.kept, snapshot.buffers)
            before, after = evaluate(), float("nan")
            if wants_fine_tuning(study["finetune"], snapshot.epoch, compression):
                names = (*self.names, snapshot.epoch, "finetune")
                training.fine_tune(self.network, chosen, self.images, study, study["finetune"]["epochs"], self.run_seed, *names)
                after = evaluate()
            left = evaluation.multiply_adds(chosen, operations)
            rows.append(
                self.where
                | {"method": name, "compression": compression, "accuracy": before, "accuracy_finetuned": after}
                | {"kept": int(chosen.kept.sum()), "size": chosen.kept.size, "whole_compression": chosen.compression()}
                | {"multiply_adds": left, "speedup": dense / left, "emptied": " ".join(chosen.emptied())}
            )
        return rows

    def _overlaps(self, masks: Mapping) -> list[dict]:
        rows, among = [], mask.eligible(self.parameters, self.prunable)
        for (a, b), compression in itertools.product(self.study["pairs"], self.study["compressions"]):
            pruned_a, pruned_b = (~masks[name, compression].kept[among] for name in (a, b))
            sizes = (len(pruned_a), int(pruned_a.sum()), int(pruned_b.sum()))
            rows.append(
                self.where
                | {"method_a": a, "method_b": b, "compression": compression}
                | {"jaccard": overlap.jaccard(pruned_a, pruned_b), "expected_jaccard": overlap.expected_jaccard(*sizes)}
                | {"beyond_chance": overlap.beyond_chance(pruned_a, pruned_b)}
            )
        return rows

    def _spectra(self) -> list[dict]:
        rows = []
        for (window, rank), (fitted, _) in self.fits.items():
            order = np.lexsort((fitted.eigenvalues.imag, np.round(np.abs(fitted.eigenvalues - 1), 12)))
            for mode, i in enumerate(order):
                value, size = fitted.eigenvalues[i], abs(fitted.amplitudes[i])
                rows.append(
                    self.where
                    | {"window": window, "rank": rank, "mode": mode, "real": value.real, "imag": value.imag}
                    | {"amplitude": size, "prediction_error": fitted.prediction_error}
                )
        return rows

    def _layers(self, masks: Mapping) -> list[dict]:
        rows = []
        for (name, compression), chosen in masks.items():
            for record in chosen.summary():
                if record["prunable"]:
                    kept = {key: record[key] for key in ("layer", "size", "kept", "density")}
                    rows.append(self.where | {"method": name, "compression": compression} | kept)
        return rows


def wants_fine_tuning(settings: Mapping, epoch: int, compression: float) -> bool:
    """Return whether the network pruned at `epoch` to `compression` is to be fine-tuned."""
    chosen = settings.get("compressions")
    return bool(settings["epochs"]) and epoch in settings["at"] and (not chosen or compression in chosen)


def threads(count: int) -> None:
    """Use `count` threads in PyTorch; the same number gives the same bytes."""
    torch.set_num_threads(count)
