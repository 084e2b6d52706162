"""Summaries of the tables of several networks, with intervals over seeds.

Differences between methods, the best method of each case, the epoch from which two methods agree,
and the quantities of the spectrum that correlate with their agreement.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import CORRELATION, student
from koopflow.io.columns import PRUNING_BEST, PRUNING_DIFFERENCES, PRUNING_ONSET, PRUNING_PREDICTORS, PRUNING_WINS

AGREE = 0.9
"""Agreement beyond chance from which two methods count as pruning the same weights."""


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all `frames` by study, then by seed, however the jobs were cut."""
    # An empty frame, of a job whose networks all diverged, would turn numbers into objects.
    whole = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    order = np.lexsort((whole["seed"], pd.factorize(whole["study"])[0]))
    return whole.iloc[order].reset_index(drop=True)


def counted(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return `tables` with a column `excluded`: how many networks of the row's study diverged.

    The table ``exclusions`` names them, and only it has the studies of which no network is left.

    Raises
    ------
    KoopflowError
        When every network of every study diverged.
    """
    gone = tables["exclusions"]["study"].value_counts()
    if tables["accuracy"].empty:
        raise KoopflowError("pruning.studies: every network of every study diverged; lower the learning rates")
    return {
        name: frame if name == "exclusions" else frame.assign(excluded=frame["study"].map(gone).fillna(0).astype(int))
        for name, frame in tables.items()
    }


def differences(accuracy: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """Return the difference in accuracy of each pair of methods by epoch and compression.

    The difference, a minus b, is the mean over seeds with its 95 % interval. If a method has no
    accuracy, because it is only compared, the difference is NaN, but the agreement beyond chance is
    given.
    """
    places = ["epoch", "compression", "seed"]
    by_seed = accuracy.set_index(["study", "method", *places]).accuracy
    # All rows at once: looking each pair up took most of the time of a study of many methods.
    first, second = (
        by_seed.reindex(pd.MultiIndex.from_frame(overlap[["study", method, *places]])).to_numpy()
        for method in ("method_a", "method_b")
    )
    apart, rows = first - second, []
    keys = ["study", "method_a", "method_b", "epoch", "compression"]
    for place, members in overlap.groupby(keys, sort=True).indices.items():
        assert isinstance(place, tuple)
        beyond = float(overlap["beyond_chance"].iloc[members].mean())
        rows.append((*place, len(members), *student(apart[members]), beyond))
    return pd.DataFrame(rows, columns=PRUNING_DIFFERENCES)


def _cases(accuracy: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield study, epoch and compression, each with its accuracies, one row per seed and one column
    per method."""
    whole = accuracy.pivot_table(index=["study", "epoch", "compression", "seed"], columns="method", values="accuracy")
    for key, table in whole.groupby(level=[0, 1, 2], sort=True):
        yield key, table.droplevel([0, 1, 2]).dropna(axis=1, how="all")


def best(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the best method by study, epoch and compression, and its margin over the next."""
    rows = []
    for (study, epoch, compression), table in _cases(accuracy):
        order = table.mean().sort_values(ascending=False, kind="stable").index
        if len(order) < 2:
            continue
        margin = student((table[order[0]] - table[order[1]]).to_numpy())
        rows.append((study, epoch, compression, order[0], float(table[order[0]].mean()), order[1], *margin, len(table)))
    return pd.DataFrame(rows, columns=PRUNING_BEST)


def wins(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return where Koopman scores win: the best of them against the best of all others, by study,
    epoch and compression.

    For each seed both are chosen by their mean accuracy on the other seeds, so that the best of
    many gains nothing from being chosen. The difference is the mean over seeds with its 95 %
    interval; the names are those chosen most often.
    """
    rows = []
    for (study, epoch, compression), cases in _cases(accuracy):
        table = cases.dropna()
        ours = [name for name in table if str(name).startswith("koopman")]
        others = [name for name in table if name not in ours and name != "random"]
        if compression <= 1 or not ours or not others or len(table) < 3:
            continue
        picks = list(zip(_chosen_by_others(table[ours]), _chosen_by_others(table[others])))
        gaps = [table.loc[seed, a] - table.loc[seed, b] for seed, (a, b) in zip(table.index, picks)]
        often = [min(names, key=lambda name: (-names.count(name), name)) for names in zip(*picks)]
        rows.append((study, epoch, compression, *often, len(table), *student(gaps)))
    return pd.DataFrame(rows, columns=PRUNING_WINS)


def _chosen_by_others(table: pd.DataFrame) -> list[str]:
    """Return for each seed the method of the highest mean accuracy on the other seeds, `table`
    (seed, method)."""
    by_method, names = np.ascontiguousarray(table.to_numpy().T), [str(name) for name in table]
    left_out = (np.delete(by_method, seed, axis=1).mean(axis=1) for seed in range(len(table)))
    return [names[int(np.argmax(means))] for means in left_out]


def agreement(overlap: pd.DataFrame) -> pd.DataFrame:
    """Return the agreement beyond chance of each pair, averaged over compressions."""
    keys = ["study", "method_a", "method_b", "seed", "epoch"]
    if overlap.empty:  # no pairs to compare, so no extra column
        return pd.DataFrame(columns=[*keys, "agreement"])
    return (
        overlap.dropna(subset="beyond_chance")
        .groupby(keys, sort=True)
        .beyond_chance.mean()
        .reset_index(name="agreement")
    )


def leading(spectrum: pd.DataFrame) -> pd.DataFrame:
    """Return quantities of the spectrum at each epoch, for the fit that each study lists first.

    Columns: ``gap``, |lambda_1 - 1| of the eigenvalue nearest 1; ``second_gap``, that of the next;
    ``elsewhere``, the size of all other modes when the network is pruned, relative to the leading
    one; ``residual`` of the leading pair; ``prediction_error``.
    """
    keys, rows = ["study", "seed", "epoch"], []
    fits = spectrum.drop_duplicates(["study"])[["study", "window", "rank"]]
    for place, group in spectrum.merge(fits, on=list(fits.columns)).groupby(keys, sort=True):
        group = group.sort_values("mode")
        gaps, size = np.hypot(group.real.to_numpy() - 1, group.imag.to_numpy()), group.present.to_numpy()
        elsewhere = np.sqrt(np.sum(size[1:] ** 2)) / size[0]
        second = gaps[1] if len(gaps) > 1 else np.nan
        rows.append((*place, gaps[0], second, elsewhere, group.residual.iloc[0], group.prediction_error.iloc[0]))
    return pd.DataFrame(rows, columns=[*keys, "gap", "second_gap", "elsewhere", "residual", "prediction_error"])


def onset(overlap: pd.DataFrame, spectrum: pd.DataFrame) -> pd.DataFrame:
    """Return the first pruned epoch from which two methods keep agreeing to `AGREE` or more.

    NaN if they do not agree at the last one. Further columns hold the agreement and |lambda_1 - 1|
    at the first and the last epoch.
    """
    gaps, rows = leading(spectrum).set_index(["study", "seed", "epoch"]).gap, []
    for (study, a, b, seed), group in agreement(overlap).groupby(["study", "method_a", "method_b", "seed"], sort=True):
        group = group.sort_values("epoch")
        below = np.flatnonzero(group.agreement.to_numpy() < AGREE)
        start = below[-1] + 1 if len(below) else 0
        epoch = group.epoch.iloc[start] if start < len(group) else np.nan
        ends = group.agreement.iloc[[0, -1]]
        rows.append(
            (
                study,
                a,
                b,
                seed,
                epoch,
                *ends,
                *(gaps.get((study, seed, group.epoch.iloc[end]), np.nan) for end in (0, -1)),
            )
        )
    return pd.DataFrame(rows, columns=PRUNING_ONSET)


def predictors(overlap: pd.DataFrame, spectrum: pd.DataFrame) -> pd.DataFrame:
    """Return how the quantities of `leading` correlate with the agreement of two methods.

    Spearman's correlation over the epochs of a network, its mean and interval over seeds, for pairs
    whose first method is a Koopman method. Networks pruned at fewer than four epochs are left out.
    """
    if overlap.empty:
        return pd.DataFrame(columns=PRUNING_PREDICTORS)
    both = agreement(overlap).merge(leading(spectrum), on=["study", "seed", "epoch"])
    both, rows = both[both.method_a.str.startswith("koopman")], []
    for (study, a, b), group in both.groupby(["study", "method_a", "method_b"], sort=True):
        for quantity in ("gap", "second_gap", "elsewhere", "residual", "prediction_error"):
            enough = [own for _, own in group.groupby("seed") if len(own) >= 4]
            enough = [own for own in enough if np.ptp(own[quantity]) > 0 and np.ptp(own.agreement) > 0]
            found = [own[quantity].corr(own.agreement, method="spearman") for own in enough]
            if found:
                mean, low, high = student(found, within=CORRELATION)
                rows.append((study, a, b, quantity, len(found), mean, low, high))
    return pd.DataFrame(rows, columns=PRUNING_PREDICTORS)
