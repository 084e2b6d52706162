"""How good forecasts were: errors by step ahead, skill against references, and intervals by block bootstrap."""

import numpy as np
import pandas as pd

from koopflow.core.seeds import rng

NAIVE = ("persistence", "seasonal_naive")


def block_bootstrap(errors: np.ndarray, block: int, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Return means (draws, ...) of `errors` (n, ...) over circular blocks drawn with replacement (Politis and Romano 1992)."""
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
    predictions: pd.DataFrame, scales: dict[str, float], *, seed: int, draws: int = 1000, level: float = 0.95
) -> pd.DataFrame:
    """Return one row for each series, method and step ahead, all methods of a series on the same origins.

    Parameters
    ----------
    predictions : DataFrame
        series, method, origin, horizon, prediction, truth, lower, upper.
    scales : dict
        For each series, the mean absolute error of the seasonal naive forecast in the early stretch, the unit of MASE.
    seed, draws, level
        Of the bootstrap.

    Returns
    -------
    DataFrame
        `koopflow.io.columns.FORECAST_SKILL`, then naive (the better of persistence and seasonal naive at that step), skill_vs_naive with its interval, and
        coverage (share of truths inside the interval), excluded (origins with a truth that were left out because some method gave no
        finite forecast) and missing (those of this method). Skill is 1 - MAE / MAE of the reference.
    """
    tables = [
        _series_skill(name, part, scales[name], seed, draws, level) for name, part in predictions.groupby("series", sort=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _series_skill(name: str, part: pd.DataFrame, scale: float, seed: int, draws: int, level: float) -> pd.DataFrame:
    rows = []
    tails = [(1 - level) / 2, (1 + level) / 2]
    for horizon, step in part.groupby("horizon", sort=True):
        wide = step.pivot_table(index="origin", columns="method", values="prediction", dropna=False)
        truth = step.drop_duplicates("origin").set_index("origin")["truth"].reindex(wide.index)
        # A forecast that left the finite numbers is none. Origins without one by every method are left out for all, and counted.
        given, known = np.isfinite(wide), truth.notna()
        kept = given.all(axis=1) & known
        left_out, missing = int((known & ~kept).sum()), (~given[known]).sum()
        wide, truth = wide[kept], truth[kept].to_numpy()
        errors = np.abs(wide.to_numpy() - truth[:, None])
        methods, count = list(wide.columns), len(truth)
        if count == 0:
            continue
        # Neighbouring forecasts share most of their future: a block spans at least two horizons.
        block = int(max(2 * horizon, np.ceil(count ** (1 / 3))))
        means = block_bootstrap(errors, block, draws, rng(seed, "forecast", name, "bootstrap", horizon))
        mae, ends_of_mae = errors.mean(axis=0), np.quantile(means, tails, axis=0)
        naive = min((m for m in NAIVE if m in methods), key=lambda m: mae[methods.index(m)], default=None)
        inside = None
        if "lower" in step:
            known = step["lower"].notna() & step["truth"].notna()
            covered = ((step["truth"] >= step["lower"]) & (step["truth"] <= step["upper"])).where(known)
            inside = covered.astype(float).groupby(step["method"]).mean()
        for j, method in enumerate(methods):
            row = {"series": name, "method": method, "horizon": int(horizon), "n": count, "mae": mae[j]}
            row |= {"rmse": float(np.sqrt(np.mean(errors[:, j] ** 2))), "mase": mae[j] / scale}
            for label, reference in (("sliding", "sliding"), ("naive", naive)):
                skill, low, high = _skill(mae, means, methods, j, reference, tails)
                row[f"skill_vs_{label}"] = skill
                ends = ("ci_low", "ci_high") if label == "sliding" else ("naive_ci_low", "naive_ci_high")
                row |= dict(zip(ends, (low, high)))
            row |= {"mae_ci_low": ends_of_mae[0, j], "mae_ci_high": ends_of_mae[1, j]}
            row |= {"excluded": left_out, "missing": int(missing[method])}
            row |= {"naive": naive, "coverage": np.nan if inside is None else inside.get(method, np.nan)}
            rows.append(row)
    return pd.DataFrame(rows)


def _skill(mae, means, methods, j, reference, tails) -> tuple[float, float, float]:
    if reference not in methods:
        return np.nan, np.nan, np.nan
    r = methods.index(reference)
    if mae[r] <= 0:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(1.0 - means[:, j] / np.maximum(means[:, r], 1e-300), tails)
    return float(1.0 - mae[j] / mae[r]), float(low), float(high)
