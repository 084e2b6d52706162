"""What the tables of several seeds say together: differences between methods, the best one of each cell, from when on two agree, and
what in the spectrum tells it; all with intervals over seeds."""

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import CORRELATION, student
from koopflow.io.columns import PRUNING_BEST, PRUNING_DIFFERENCES, PRUNING_ONSET, PRUNING_PREDICTORS

AGREE = 0.9  # overlap beyond chance above which two methods are said to keep the same weights; the claims' criterion


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all `frames`, study by study, of each seed after those of the one before, however jobs were cut.

    An empty frame (every network of a job diverged) would turn numbers into objects.
    """
    whole = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    order = np.lexsort((whole["seed"], pd.factorize(whole["study"])[0]))
    return whole.iloc[order].reset_index(drop=True)


def counted(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return `tables` with a column `excluded`: how many networks of the row's study diverged and were left out (`exclusions` names them).

    A study of which no network is left stands in `exclusions` alone. Raises KoopflowError where no study has any.
    """
    gone = tables["exclusions"]["study"].value_counts()
    if tables["accuracy"].empty:
        raise KoopflowError("pruning.studies: every network of every study diverged; lower the learning rates")
    return {
        name: frame if name == "exclusions" else frame.assign(excluded=frame["study"].map(gone).fillna(0).astype(int))
        for name, frame in tables.items()
    }


def differences(accuracy: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """Return for each pair of methods, epoch and compression the accuracy of a minus that of b, paired by seed, with 95 % interval.

    Pairs of which one has no accuracy (a variant that is only compared) keep their overlap, with a difference of NaN.
    """
    by_seed = accuracy.set_index(["study", "method", "epoch", "compression", "seed"]).accuracy
    rows = []
    keys = ["study", "method_a", "method_b", "epoch", "compression"]
    for (study, a, b, epoch, compression), group in overlap.groupby(keys, sort=True):
        seeds = list(group.seed)
        first, second = (by_seed.reindex([(study, m, epoch, compression, seed) for seed in seeds]).to_numpy() for m in (a, b))
        rows.append((study, a, b, epoch, compression, len(seeds), *student(first - second), float(group.beyond_chance.mean())))
    return pd.DataFrame(rows, columns=PRUNING_DIFFERENCES)


def best(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the method of highest mean accuracy for each study, epoch and compression, and its margin over the next, paired by seed."""
    rows = []
    for (study, epoch, compression), group in accuracy.groupby(["study", "epoch", "compression"], sort=True):
        table = group.pivot_table(index="seed", columns="method", values="accuracy")
        order = table.mean().sort_values(ascending=False, kind="stable").index
        if len(order) < 2:
            continue
        margin = student((table[order[0]] - table[order[1]]).to_numpy())
        rows.append((study, epoch, compression, order[0], float(table[order[0]].mean()), order[1], *margin, len(table)))
    return pd.DataFrame(rows, columns=PRUNING_BEST)


def agreement(overlap: pd.DataFrame) -> pd.DataFrame:
    """Return the overlap beyond chance of each study, pair, seed and epoch, its mean over the compressions at which it is defined."""
    keys = ["study", "method_a", "method_b", "seed", "epoch"]
    return overlap.dropna(subset="beyond_chance").groupby(keys, sort=True).beyond_chance.mean().reset_index(name="agreement")


def leading(spectrum: pd.DataFrame) -> pd.DataFrame:
    """Return what the spectrum says at each study, seed and epoch, by the fit that the table lists first (its window and rank).

    Columns: gap, |lambda_1 - 1| of the eigenvalue nearest 1; second_gap, that of the next one; elsewhere, the size at the moment of
    pruning of all other modes against the leading one's; residual of the leading pair; prediction_error.
    """
    keys, rows = ["study", "seed", "epoch"], []
    fits = spectrum.drop_duplicates(["study"])[["study", "window", "rank"]]
    for place, group in spectrum.merge(fits, on=list(fits.columns)).groupby(keys, sort=True):
        group = group.sort_values("mode")
        gaps, size = np.hypot(group.real - 1, group.imag).to_numpy(), group.present.to_numpy()
        elsewhere = np.sqrt(np.sum(size[1:] ** 2)) / size[0]
        second = gaps[1] if len(gaps) > 1 else np.nan
        rows.append((*place, gaps[0], second, elsewhere, group.residual.iloc[0], group.prediction_error.iloc[0]))
    return pd.DataFrame(rows, columns=[*keys, "gap", "second_gap", "elsewhere", "residual", "prediction_error"])


def onset(overlap: pd.DataFrame, spectrum: pd.DataFrame) -> pd.DataFrame:
    """Return for each study, pair and seed the first pruned epoch from which on the overlap beyond chance stays at least `AGREE`.

    Missing where it does not at the last one. Beside it the agreement and the leading eigenvalue's distance from 1, first and last.
    """
    gaps, rows = leading(spectrum).set_index(["study", "seed", "epoch"]).gap, []
    for (study, a, b, seed), group in agreement(overlap).groupby(["study", "method_a", "method_b", "seed"], sort=True):
        group = group.sort_values("epoch")
        below = np.flatnonzero(group.agreement.to_numpy() < AGREE)
        start = below[-1] + 1 if len(below) else 0
        epoch = group.epoch.iloc[start] if start < len(group) else np.nan
        ends = group.agreement.iloc[[0, -1]]
        rows.append((study, a, b, seed, epoch, *ends, *(gaps.get((study, seed, group.epoch.iloc[end]), np.nan) for end in (0, -1))))
    return pd.DataFrame(rows, columns=PRUNING_ONSET)


def predictors(overlap: pd.DataFrame, spectrum: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlation, over the epochs of one seed, of each quantity of `leading` with the agreement of two methods.

    Mean and interval over seeds, for the pairs that have a Koopman method first; at least four epochs are needed.
    """
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
