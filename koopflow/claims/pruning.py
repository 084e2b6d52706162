"""Measures on Koopman-based pruning (arXiv 2110.14856)."""

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Estimate, Tables, Undecided, over_units, pick
from koopflow.claims.measures import measure
from koopflow.core.intervals import AT_MOST_ONE, CORRELATION

ACCURACY = "pruning/accuracy.csv"
OVERLAP = "pruning/overlap.csv"
SPECTRUM = "pruning/spectrum.csv"


def _epochs(frame: pd.DataFrame, when: str) -> pd.DataFrame:
    """Return the rows of each study's first or last pruned epoch; studies that were pruned only once are left out."""
    if when not in ("early", "late"):
        raise Undecided(f"when is {when!r}; it can be early or late")
    epochs = frame.groupby("study")["epoch"]
    first, last = epochs.transform("min"), epochs.transform("max")
    chosen = frame[(first < last) & (frame["epoch"] == (first if when == "early" else last))]
    if chosen.empty:
        raise Undecided("no study was pruned at more than one epoch; early and late cannot be told apart")
    return chosen


def _beyond_chance(tables: Tables, study, a: str, b: str) -> pd.DataFrame:
    """Return the overlaps of the two methods' surviving weights, 0 where chance would put them and 1 where they agree."""
    frame = tables.read(OVERLAP)
    frame = pick(frame, OVERLAP, study=study)
    either = ((frame["method_a"] == a) & (frame["method_b"] == b)) | ((frame["method_a"] == b) & (frame["method_b"] == a))
    frame = frame[either & (frame["compression"] > 1)]
    if frame.empty:
        raise Undecided(f"{OVERLAP} does not compare {a} with {b}")
    return frame.assign(agreement=(frame["jaccard"] - frame["expected_jaccard"]) / (1 - frame["expected_jaccard"]))


@measure("overlap of the surviving weights beyond chance: 0 as by chance, 1 the same weights")
def mask_agreement(tables: Tables, level: float, a: str, b: str, when: str, study: str | None = None) -> Estimate:
    """Return (J − E[J]) / (1 − E[J]) of two methods' masks, averaged over studies and compressions above 1, per seed."""
    frame = _epochs(_beyond_chance(tables, study, a, b), when)
    return over_units(frame.groupby("seed")["agreement"].mean(), level, within=AT_MOST_ONE)


@measure("overlap of the surviving weights beyond chance, late minus early")
def agreement_gained(tables: Tables, level: float, a: str, b: str, study: str | None = None) -> Estimate:
    """Return how much more two methods' masks agree at the last pruned epoch than at the first, per seed."""
    frame = _beyond_chance(tables, study, a, b)
    late, early = (_epochs(frame, when).groupby("seed")["agreement"].mean() for when in ("late", "early"))
    return over_units((late - early).dropna(), level)


@measure("largest difference in accuracy after pruning between two methods over compressions (share of images)")
def accuracy_gap(tables: Tables, level: float, a: str, b: str, when: str, study: str | None = None) -> Estimate:
    """Return accuracy of `a` minus that of `b` at the compression above 1 where the mean over seeds differs most."""
    frame = tables.read(ACCURACY)
    frame = pick(frame, ACCURACY, study=study, method=[a, b])
    frame = _epochs(frame[frame["compression"] > 1], when)
    wide = frame.pivot_table(index=["compression", "seed"], columns="method", values="accuracy").reset_index()
    gaps = wide.assign(gap=wide[a] - wide[b]).pivot_table(index="seed", columns="compression", values="gap", dropna=False)
    means = gaps.mean()
    if not np.isfinite(means).any():
        raise Undecided(f"{ACCURACY} has no compression above 1 with both {a} and {b}")
    return over_units(gaps[means.abs().idxmax()], level)


@measure("rank correlation, over epochs, of the leading eigenvalue's distance from 1 with the overlap of the masks")
def spectrum_tells_agreement(tables: Tables, level: float, a: str, b: str, study: str | None = None) -> Estimate:
    """Return Spearman's ρ per seed between |λ₁ − 1|, λ₁ the eigenvalue nearest 1, and the agreement of the masks at that epoch.

    Per study, the spectrum of the fit listed first (its window and rank) is used; the correlation is over epochs, averaged over studies.
    """
    agreement = _beyond_chance(tables, study, a, b).groupby(["study", "seed", "epoch"])["agreement"].mean()
    spectrum = pick(tables.read(SPECTRUM), SPECTRUM, study=study)
    fits = spectrum.drop_duplicates(["study", "epoch", "seed"])[["study", "epoch", "seed", "window", "rank"]]
    spectrum = spectrum.merge(fits, on=list(fits.columns))
    gaps = np.hypot(spectrum["real"] - 1, spectrum["imag"]).groupby([spectrum["study"], spectrum["seed"], spectrum["epoch"]]).min()
    both = pd.concat({"agreement": agreement, "gap": gaps}, axis=1).dropna().reset_index()
    correlations = [
        (seed, own["gap"].corr(own["agreement"], method="spearman"))
        for (_, seed), own in both.groupby(["study", "seed"])
        if len(own) >= 4
    ]
    if not correlations:
        raise Undecided("fewer than 4 epochs were pruned; a rank correlation over epochs takes at least 4")
    return over_units(pd.DataFrame(correlations, columns=["seed", "rho"]).groupby("seed")["rho"].mean(), level, within=CORRELATION)
