"""Scores of quantile forecasts: weighted interval score, coverage, and skill relative to other
models.

The weighted interval score (Bracher et al. 2021) of equally weighted central intervals and the
median is the mean over quantile levels of twice the pinball loss. Models are compared on the
forecasts that both made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.seeds import rng
from koopflow.forecast.panels.panel import season_of
from koopflow.forecast.skill import block_bootstrap

Floats = NDArray[np.float64]
COVERAGES = (50, 80, 90, 95)
TASK = ["reference_date", "target", "location", "horizon"]
ALL = "all"
# Consecutive dates forecast the same weeks: a block of the bootstrap spans the longest horizon.
BLOCK = 4


@dataclass(frozen=True)
class Bootstrap:
    """Block bootstrap over reference dates: seed, number of draws, level of the intervals."""

    seed: int = 0
    draws: int = 1000
    level: float = 0.95


def weighted_interval_score(quantiles: Floats, truth: Floats, levels: Floats) -> Floats:
    """Return the weighted interval score (n,) of quantiles (n, levels).

    >>> weighted_interval_score(np.array([[1.0, 2.0, 3.0]]), np.array([4.0]), np.array([0.1, 0.5, 0.9]))
    array([1.46666667])
    """
    error = truth[:, None] - quantiles
    return np.asarray((2.0 * np.maximum(levels * error, (levels - 1.0) * error)).mean(axis=1), dtype=np.float64)


def score_rows(quantiles: pd.DataFrame, truth: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """Return one row per forecast with a known truth.

    Parameters
    ----------
    quantiles : DataFrame
        `koopflow.io.columns.HUB_QUANTILES`. Forecasts without all `levels` are left out.
    truth : DataFrame
        time, location, target, value.
    levels : sequence of float
        Levels over which the score is the mean.

    Returns
    -------
    DataFrame
        model, reference_date, target, location, horizon, wis, error (of the median) and covered_50
        ... covered_95 (1 or 0; NaN where a model has not these quantiles).
    """
    wide = quantiles.pivot_table(index=["model", *TASK], columns="quantile", values="value")
    absent = [level for level in levels if level not in wide]
    if absent:
        raise KoopflowError(f"scored_levels: no forecast has the quantile {absent[0]:g}")
    wide = wide.dropna(subset=list(levels))
    rows = wide.index.to_frame(index=False)
    ends = rows["reference_date"] + pd.to_timedelta(7 * rows["horizon"], unit="D")
    values = truth.set_index(["time", "location", "target"])["value"]
    happened = values.reindex(pd.MultiIndex.from_arrays([ends, rows["location"], rows["target"]])).to_numpy()
    rows["wis"] = weighted_interval_score(wide[list(levels)].to_numpy(), happened, np.asarray(levels))
    rows["error"] = np.abs(happened - wide[0.5].to_numpy())
    for coverage in COVERAGES:
        low, high = round(0.5 - coverage / 200, 4), round(0.5 + coverage / 200, 4)
        if low in wide and high in wide:
            ends_of = wide[[low, high]].to_numpy()
            inside = ((happened >= ends_of[:, 0]) & (happened <= ends_of[:, 1])).astype(float)
            rows[f"covered_{coverage}"] = np.where(np.isfinite(ends_of).all(axis=1), inside, np.nan)
        else:
            rows[f"covered_{coverage}"] = np.nan
    return rows[np.isfinite(rows["wis"])].reset_index(drop=True)


def compared(rows: pd.DataFrame, bootstrap: Bootstrap, name: str) -> pd.DataFrame:
    """Return the score of each model relative to each other one, on the forecasts that both made.

    Returns
    -------
    DataFrame
        target ("all" for all), model, against, n, ratio (of mean scores; below 1 `model` is
        better), ci_low, ci_high (block bootstrap over reference dates) and error_ratio (of mean
        absolute errors of the medians).
    """
    models, found = sorted(rows["model"].unique()), []
    targets = [ALL, *sorted(rows["target"].unique())]
    indexed = {model: part.set_index(TASK)[["wis", "error"]] for model, part in rows.groupby("model")}
    for a in models:
        for b in models:
            if a == b:
                continue
            both = indexed[a].add_suffix("_a").join(indexed[b].add_suffix("_b"), how="inner")
            for target in targets:
                part = both if target == ALL else both[both.index.get_level_values("target") == target]
                if len(part):
                    generator = rng(bootstrap.seed, "hub", name, "bootstrap", a, b, target)
                    found.append({"target": target, "model": a, "against": b} | _ratio(part, bootstrap, generator))
    columns = ["target", "model", "against", "n", "ratio", "ci_low", "ci_high", "error_ratio"]
    return pd.DataFrame(found, columns=columns)


def _ratio(part: pd.DataFrame, bootstrap: Bootstrap, generator: np.random.Generator) -> dict[str, float]:
    sums = part.groupby("reference_date")[["wis_a", "wis_b"]].sum().to_numpy()
    drawn = block_bootstrap(sums, min(BLOCK, len(sums)), bootstrap.draws, generator)
    ratios = drawn[:, 0] / np.maximum(drawn[:, 1], 1e-300)
    tails = [(1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2]
    low, high = np.quantile(ratios, tails)
    means = part.mean()
    ratio = float(means["wis_a"] / max(means["wis_b"], 1e-300))
    errors = float(means["error_a"] / max(means["error_b"], 1e-300))
    return {"n": len(part), "ratio": ratio, "ci_low": float(low), "ci_high": float(high), "error_ratio": errors}


def leaderboard(rows: pd.DataFrame, pairs: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return one row per target and model, best first.

    Returns
    -------
    DataFrame
        `koopflow.io.columns.HUB_LEADERBOARD` without hub: target, model, n, wis, mae (of the
        median), coverage_50 ... coverage_95, relative_skill (geometric mean of the ratios to all
        other models, on shared forecasts; below 1 is better than most), reference, n_shared, ratio,
        ci_low and ci_high (to the reference, on shared forecasts).
    """
    if reference not in set(rows["model"]):
        raise KoopflowError(
            f"reference: no forecasts of {reference!r}; found are {', '.join(sorted(rows['model'].unique()))}"
        )
    found = []
    for target in [ALL, *sorted(rows["target"].unique())]:
        own = rows if target == ALL else rows[rows["target"] == target]
        against = pairs[pairs["target"] == target]
        for model, part in own.groupby("model"):
            mine = against[against["model"] == model]
            ratio = mine[mine["against"] == reference]
            row = {"target": target, "model": model, "n": len(part), "wis": part["wis"].mean()}
            row |= {"mae": part["error"].mean()}
            row |= {f"coverage_{each}": part[f"covered_{each}"].mean() for each in COVERAGES}
            row |= {"relative_skill": float(np.exp(np.log(np.maximum(mine["ratio"], 1e-300)).mean()))}
            row |= {"reference": reference, "n_shared": len(part), "ratio": 1.0, "ci_low": 1.0, "ci_high": 1.0}
            if model != reference:
                empty = {"n": 0, "ratio": np.nan, "ci_low": np.nan, "ci_high": np.nan}
                best = ratio.iloc[0] if len(ratio) else empty
                row |= {"n_shared": int(best["n"])} | {name: best[name] for name in ("ratio", "ci_low", "ci_high")}
            found.append(row)
    table = pd.DataFrame(found)
    return table.sort_values(["target", "relative_skill", "model"], kind="stable").reset_index(drop=True)


def seasons(rows: pd.DataFrame, season_starts: int, against: str) -> pd.DataFrame:
    """Return one row per earlier season, target and model.

    Returns
    -------
    DataFrame
        `koopflow.io.columns.HUB_SEASONS` without hub; ratio is the mean score over that of
        `against` on the same forecasts, worst the largest ratio of a model over the seasons, and
        mean their geometric mean.
    """
    season, _ = season_of(rows["reference_date"].to_numpy(), season_starts)
    rows = pd.concat([rows.assign(season=season, target=ALL), rows.assign(season=season)], ignore_index=True)
    grouped = rows.groupby(["season", "target", "model"])
    table = grouped.agg(
        n=("wis", "size"), wis=("wis", "mean"), mae=("error", "mean"), coverage_80=("covered_80", "mean")
    ).reset_index()
    base = table[table["model"] == against].set_index(["season", "target"])["wis"]
    others = base.reindex(pd.MultiIndex.from_frame(table[["season", "target"]])).to_numpy()
    table = table.assign(against=against, ratio=table["wis"] / np.maximum(others, 1e-300))
    over = table.groupby(["target", "model"])["ratio"]
    mean = over.transform(lambda ratios: np.exp(np.log(np.maximum(ratios, 1e-300)).mean()))
    return table.assign(worst=over.transform("max"), mean=mean)
