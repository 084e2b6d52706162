"""What the tables of several seeds say together: differences between methods with intervals, and the best method of each cell."""

import numpy as np
import pandas as pd
from scipy import stats

DIFFERENCES = ["study", "method_a", "method_b", "epoch", "compression", "n", "difference", "ci_low", "ci_high", "beyond_chance"]
BEST = ["study", "epoch", "compression", "method", "accuracy", "runner_up", "margin", "ci_low", "ci_high", "n"]


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Return mean and Student's confidence interval of independent `values`, shape (n,); the interval is NaN for fewer than two."""
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


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
        rows.append((study, a, b, epoch, compression, len(seeds), *interval(first - second), float(group.beyond_chance.mean())))
    return pd.DataFrame(rows, columns=DIFFERENCES)


def best(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the method of highest mean accuracy for each study, epoch and compression, and its margin over the next, paired by seed."""
    rows = []
    for (study, epoch, compression), group in accuracy.groupby(["study", "epoch", "compression"], sort=True):
        table = group.pivot_table(index="seed", columns="method", values="accuracy")
        order = table.mean().sort_values(ascending=False, kind="stable").index
        if len(order) < 2:
            continue
        margin = interval((table[order[0]] - table[order[1]]).to_numpy())
        rows.append((study, epoch, compression, order[0], float(table[order[0]].mean()), order[1], *margin, len(table)))
    return pd.DataFrame(rows, columns=BEST)
