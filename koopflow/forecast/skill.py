"""Errors and skill of forecasts by step ahead, with block-bootstrap intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core import progress
from koopflow.core.seeds import rng

Floats = NDArray[np.float64]
NAIVE = ("persistence", "seasonal_naive")
WITHOUT_RECALL = "gated_without_recall"
LEVELS = (50, 80, 95)
"""Nominal coverages in percent of the further intervals whose coverage is scored."""
RECALL_COLUMNS = ("skill_vs_without_recall", "recall_ci_low", "recall_ci_high")


@dataclass(frozen=True)
class Bootstrap:
    """Block bootstrap of the errors: seed, number of draws, and level of the intervals."""

    seed: int
    draws: int = 1000
    level: float = 0.95

    @property
    def tails(self) -> list[float]:
        """Return the lower and upper quantile levels of the interval."""
        return [(1 - self.level) / 2, (1 + self.level) / 2]


@dataclass(frozen=True)
class Errors:
    """Errors of all methods at one horizon, from equal origins.

    Attributes
    ----------
    methods : list of str
    absolute : (origins, methods)
    means : (draws, methods)
        Bootstrapped mean absolute errors.
    left_out : int
        Number of origins with a truth left out because some method has no finite forecast.
    missing : Series
        Number of these forecasts missing per method.
    """

    methods: list[str]
    absolute: Floats
    means: Floats
    left_out: int
    missing: "pd.Series[int]"

    @property
    def mae(self) -> Floats:
        """Return the mean absolute error of each method, (methods,)."""
        return np.mean(self.absolute, axis=0)


def block_bootstrap(errors: Floats, block: int, draws: int, generator: np.random.Generator) -> Floats:
    """Return means of errors over circular blocks drawn with replacement (Politis and Romano 1992).

    Parameters
    ----------
    errors : (n, ...)
    block : int
        Length of a block.
    draws : int
    generator : Generator

    Returns
    -------
    (draws, ...)
    """
    count = len(errors)
    block = max(1, min(block, count))
    pieces = -(-count // block)
    starts = generator.integers(0, count, size=(draws, pieces))
    around = np.concatenate([errors, errors[:block]])
    sums = np.concatenate([np.zeros((1, *errors.shape[1:])), np.cumsum(around, axis=0)])
    blocks = (sums[block:] - sums[:-block])[:count]
    total = np.zeros((draws, *errors.shape[1:]))
    for piece in range(pieces):
        total += blocks[starts[:, piece]]
    return total / (pieces * block)


def skill_table(
    predictions: pd.DataFrame, scales: Mapping[str, float], *, seed: int, draws: int = 1000, level: float = 0.95
) -> pd.DataFrame:
    """Return the skill of all methods on each series, from equal origins.

    Parameters
    ----------
    predictions : DataFrame
        `koopflow.io.columns.FORECAST_PREDICTIONS`, with lower and upper if there are intervals.
    scales : mapping of str to float
        For each series, the mean absolute error of the seasonal naive forecast on the early
        stretch: the unit of MASE.
    seed, draws, level
        See `Bootstrap`.

    Returns
    -------
    DataFrame
        One row per series, horizon and method: `koopflow.io.columns.FORECAST_SKILL`, then naive
        (the better of persistence and seasonal naive at that step), skill_vs_naive with its
        interval, coverage (share of truths inside the interval), excluded (origins with a truth
        left out because some method has no finite forecast), missing (non-finite forecasts of
        this method), skill_vs_without_recall (against `gated_without_recall`) with its interval,
        and coverage_50, coverage_80, coverage_95 (shares of truths inside these intervals, if
        `predictions` has band). Skill is 1 - MAE / MAE of the reference.
    """
    bootstrap = Bootstrap(seed, draws, level)
    parts = progress.bar(predictions.groupby("series", sort=True), "scoring", "series")
    return pd.concat(
        [_series_skill(str(name), part, scales[str(name)], bootstrap) for name, part in parts], ignore_index=True
    )


def _series_skill(series: str, part: pd.DataFrame, scale: float, bootstrap: Bootstrap) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for _, step in part.groupby("horizon", sort=True):
        horizon = int(step["horizon"].iloc[0])
        errors = _errors(series, horizon, step, bootstrap)
        count = len(errors.absolute)
        if count == 0:
            continue
        mae, coverage, bands = errors.mae, _coverage(step), _bands(step)
        low, high = np.quantile(errors.means, bootstrap.tails, axis=0)
        naive = min((m for m in NAIVE if m in errors.methods), key=lambda m: mae[errors.methods.index(m)], default=None)
        for j, method in enumerate(errors.methods):
            row = {"series": series, "method": method, "horizon": horizon, "n": count, "mae": mae[j]}
            row |= {"rmse": float(np.sqrt(np.mean(errors.absolute[:, j] ** 2))), "mase": mae[j] / scale}
            row |= dict(zip(("skill_vs_sliding", "ci_low", "ci_high"), _skill(errors, j, "sliding", bootstrap)))
            row |= dict(zip(("skill_vs_naive", "naive_ci_low", "naive_ci_high"), _skill(errors, j, naive, bootstrap)))
            row |= {"mae_ci_low": low[j], "mae_ci_high": high[j]}
            row |= {"excluded": errors.left_out, "missing": int(errors.missing[method])}
            row |= {"naive": naive, "coverage": coverage.get(method, np.nan)}
            row |= dict(zip(RECALL_COLUMNS, _skill(errors, j, WITHOUT_RECALL, bootstrap)))
            row |= {f"coverage_{level}": held.get(method, np.nan) for level, held in bands.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def _errors(series: str, horizon: int, step: pd.DataFrame, bootstrap: Bootstrap) -> Errors:
    """Return the errors at the origins from which every method has a finite forecast."""
    wide = step.pivot_table(index="origin", columns="method", values="prediction", dropna=False)
    truth = step.drop_duplicates("origin").set_index("origin")["truth"].reindex(wide.index)
    given = pd.DataFrame(np.isfinite(wide), index=wide.index, columns=wide.columns)
    known = truth.notna()
    kept = given.all(axis=1) & known
    absolute = np.abs(wide[kept].to_numpy() - truth[kept].to_numpy()[:, None])
    count = len(absolute)
    if count == 0:
        means = np.empty((0, wide.shape[1]))
    else:
        # Forecasts from neighbouring origins share most of their future, so a block spans at least
        # two horizons.
        block = int(max(2 * horizon, np.ceil(count ** (1 / 3))))
        means = block_bootstrap(
            absolute, block, bootstrap.draws, rng(bootstrap.seed, "forecast", series, "bootstrap", horizon)
        )
    return Errors(list(wide.columns), absolute, means, int((known & ~kept).sum()), (~given[known]).sum())


def _coverage(step: pd.DataFrame) -> "pd.Series[float]":
    """Return, by method, the share of known truths inside the interval; empty without intervals."""
    if "lower" not in step:
        return pd.Series(dtype=float)
    known = step["lower"].notna() & step["truth"].notna()
    covered = ((step["truth"] >= step["lower"]) & (step["truth"] <= step["upper"])).where(known)
    return covered.astype(float).groupby(step["method"]).mean()


def _bands(step: pd.DataFrame) -> "dict[int, pd.Series[float]]":
    """Return, by nominal coverage in percent and by method, the share of truths inside; empty
    without bands."""
    if "band" not in step:
        return {}
    known = step["band"].notna()
    held = {level: (step["band"] <= level / 100 + 1e-9).where(known).astype(float) for level in LEVELS}
    return {level: inside.groupby(step["method"]).mean() for level, inside in held.items()}


def _skill(errors: Errors, j: int, reference: str | None, bootstrap: Bootstrap) -> tuple[float, float, float]:
    """Return the skill of method `j` against `reference`, and its interval; NaN without a
    reference."""
    if reference is None or reference not in errors.methods:
        return np.nan, np.nan, np.nan
    r, mae, means = errors.methods.index(reference), errors.mae, errors.means
    if mae[r] <= 0:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(1.0 - means[:, j] / np.maximum(means[:, r], 1e-300), bootstrap.tails)
    return float(1.0 - mae[j] / mae[r]), float(low), float(high)
