"""Measures on Koopman-based pruning (arXiv 2110.14856)."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Estimate, Undecided, over_units
from koopflow.claims.measures import measure
from koopflow.claims.tables import Choice, Tables, pick
from koopflow.core.intervals import AT_MOST_ONE, CORRELATION
from koopflow.core.overlap import adjusted_jaccard

ACCURACY = "pruning/accuracy.csv"
OVERLAP = "pruning/overlap.csv"
SPECTRUM = "pruning/spectrum.csv"
FEWEST_EPOCHS = 4
"""Fewest pruned epochs over which a rank correlation is taken."""

When = Literal["early", "late"]
"""Early is the first pruned epoch. Late is the last, or, with `converged`, the first from which on
the training loss is at most that."""


def _epochs(tables: Tables, frame: pd.DataFrame, when: When, converged: float | None = None) -> pd.DataFrame:
    """Return the rows of each study's early or late epoch; a study pruned only once has neither.

    With `converged`, a study that never gets there is left out.
    """
    epochs = frame.groupby("study")["epoch"]
    frame = frame[epochs.transform("min") < epochs.transform("max")]
    if frame.empty:
        raise Undecided("no study was pruned at more than one epoch; early and late cannot be told apart")
    if when == "early":
        return frame[frame["epoch"] == frame.groupby("study")["epoch"].transform("min")]
    if converged is None:
        return frame[frame["epoch"] == frame.groupby("study")["epoch"].transform("max")]
    late = _converged(tables, converged)
    chosen = frame[frame["epoch"] == frame["study"].map(late)]
    if chosen.empty:
        raise Undecided(f"no study was pruned at a training loss of at most {converged:g}")
    return chosen


def _converged(tables: Tables, most: float) -> dict[str, float]:
    """Return, for each study, the first pruned epoch from which on the training loss, averaged over
    networks, is at most `most`."""
    table = tables.read(ACCURACY)
    if "loss" not in table:
        raise Undecided(f"{ACCURACY} has no column loss; make it again")
    losses = table.groupby(["study", "epoch"])["loss"].mean()
    late = {}
    for study, own in losses.groupby("study"):
        above = np.flatnonzero(~(own.to_numpy() <= most))
        first = above[-1] + 1 if len(above) else 0
        if first < len(own):
            late[str(study)] = float(own.index.get_level_values("epoch")[first])
    return late


def _pooled(frame: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Return the mean of `column` over studies, and over the rows of each, per seed that all
    studies have."""
    wide = frame.pivot_table(index="seed", columns="study", values=column, aggfunc="mean")
    return wide.dropna().mean(axis=1)


def _agreements(tables: Tables, study: Choice, a: str, b: str) -> pd.DataFrame:
    """Return the rows that compare two methods, with the adjusted Jaccard index of their pruned
    sets as `agreement`."""
    frame = pick(tables.read(OVERLAP), OVERLAP, study=study)
    either = ((frame["method_a"] == a) & (frame["method_b"] == b)) | (
        (frame["method_a"] == b) & (frame["method_b"] == a)
    )
    frame = frame[either & (frame["compression"] > 1)]
    if frame.empty:
        raise Undecided(f"{OVERLAP} does not compare {a} with {b}")
    return frame.assign(agreement=adjusted_jaccard(frame["jaccard"], frame["expected_jaccard"]))


@measure("adjusted Jaccard index of the pruned sets: 0 at chance, 1 for the same set")
def mask_agreement(
    tables: Tables,
    level: float,
    a: str,
    b: str,
    when: When,
    study: Choice = None,
    converged: float | None = None,
    beside: list[str] | None = None,
) -> Estimate:
    """Return the agreement of two methods' pruned sets, averaged over studies and compressions
    above 1, per seed.

    `converged` is the training loss from which on pruning is late. `beside` names methods such as
    `a` at another rank or window: the alternatives are their agreements with `b`, over the studies
    that compare them.
    """
    frame = _epochs(tables, _agreements(tables, study, a, b), when, converged)
    found = over_units(_pooled(frame, "agreement"), level, within=AT_MOST_ONE)
    alternatives = {}
    for other in beside or []:
        try:
            own = mask_agreement(tables, level, other, b, when, study, converged)
        except Undecided:  # no study compares it
            continue
        alternatives[f"the method {other}"] = own.low, own.high
    return replace(found, alternatives=alternatives)


@measure("adjusted Jaccard index of the pruned sets, in the study where its interval begins lowest")
def least_mask_agreement(
    tables: Tables, level: float, a: str, b: str, when: When, study: Choice = None, converged: float | None = None
) -> Estimate:
    """Return the agreement of two methods' pruned sets, averaged over compressions above 1, per
    seed of the study whose interval begins lowest.

    If that interval lies above a number, all do: an intersection-union test, whose level is that of
    one test.
    """
    frame = _epochs(tables, _agreements(tables, study, a, b), when, converged)
    every = [
        over_units(own.groupby("seed")["agreement"].mean(), level, within=AT_MOST_ONE)
        for _, own in frame.groupby("study")
    ]
    return min(every, key=lambda estimate: estimate.low)


@measure("adjusted Jaccard index of the pruned sets, late minus early")
def agreement_gained(tables: Tables, level: float, a: str, b: str, study: Choice = None) -> Estimate:
    """Return how much better two methods' pruned sets agree at the last pruned epoch than at the
    first, per seed."""
    frame = _agreements(tables, study, a, b)
    late = _epochs(tables, frame, "late").groupby("seed")["agreement"].mean()
    early = _epochs(tables, frame, "early").groupby("seed")["agreement"].mean()
    return over_units((late - early).dropna(), level)


@measure("largest difference in accuracy after pruning between two methods over compressions (share of images)")
def accuracy_gap(tables: Tables, level: float, a: str, b: str, when: When, study: Choice = None) -> Estimate:
    """Return the accuracy of `a` minus that of `b`, per seed, at the compression above 1 where
    their means differ most."""
    frame = pick(tables.read(ACCURACY), ACCURACY, study=study, method=[a, b])
    frame = _epochs(tables, frame[frame["compression"] > 1], when)
    wide = frame.pivot_table(index=["compression", "seed"], columns="method", values="accuracy").reset_index()
    gaps = wide.assign(gap=wide[a] - wide[b]).pivot_table(
        index="seed", columns="compression", values="gap", dropna=False
    )
    means = gaps.mean()
    if not np.isfinite(means).any():
        raise Undecided(f"{ACCURACY} has no compression above 1 with both {a} and {b}")
    return over_units(gaps[means.abs().idxmax()], level)


@measure("difference in accuracy after pruning between two methods, averaged over compressions (share of images)")
def mean_accuracy_gap(
    tables: Tables, level: float, a: str, b: str, when: When, study: Choice = None, converged: float | None = None
) -> Estimate:
    """Return the accuracy of `a` minus that of `b`, averaged over studies and compressions above 1,
    per seed.

    Unlike the largest of several differences, it is not biased away from zero.
    """
    frame = pick(tables.read(ACCURACY), ACCURACY, study=study, method=[a, b])
    frame = _epochs(tables, frame[frame["compression"] > 1], when, converged)
    wide = frame.pivot_table(index=["study", "compression", "seed"], columns="method", values="accuracy")
    if a not in wide or b not in wide:
        raise Undecided(f"{ACCURACY} has no compression above 1 with both {a} and {b}")
    gaps = wide.assign(gap=wide[a] - wide[b]).dropna().reset_index()
    return over_units(_pooled(gaps, "gap"), level)


@measure(
    "rank correlation, over epochs, of the leading eigenvalue's distance from 1 with the overlap of the pruned sets"
)
def spectrum_tells_agreement(tables: Tables, level: float, a: str, b: str, study: Choice = None) -> Estimate:
    """Return Spearman's ρ per seed between |λ₁ − 1| and the agreement of the pruned sets at that
    epoch.

    λ₁ is the eigenvalue nearest 1 in the first fit (window and rank) listed for a study. ρ is
    averaged over studies.
    """
    keys = ["study", "seed", "epoch"]
    agreement = _agreements(tables, study, a, b).groupby(keys)["agreement"].mean()
    spectrum = pick(tables.read(SPECTRUM), SPECTRUM, study=study)
    fits = spectrum.drop_duplicates(["study", "epoch", "seed"])[["study", "epoch", "seed", "window", "rank"]]
    spectrum = spectrum.merge(fits, on=list(fits.columns))
    gaps = spectrum.assign(gap=np.hypot(spectrum["real"] - 1, spectrum["imag"])).groupby(keys)["gap"].min()
    both = pd.concat({"agreement": agreement, "gap": gaps}, axis=1).dropna().reset_index()
    correlations = [
        (name, seed, own["gap"].corr(own["agreement"], method="spearman"))
        for (name, seed), own in both.groupby(["study", "seed"])
        if len(own) >= FEWEST_EPOCHS
    ]
    if not correlations:
        raise Undecided(
            f"no study was pruned at {FEWEST_EPOCHS} epochs or more, which a rank correlation over epochs needs"
        )
    frame = pd.DataFrame(correlations, columns=["study", "seed", "rho"])
    return over_units(_pooled(frame, "rho"), level, within=CORRELATION)
