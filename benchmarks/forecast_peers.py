"""Accuracy of `combined` beside statsforecast and LightGBM, on series that nothing was chosen on.

    python benchmarks/forecast_peers.py [--data ../shared/data] [--series nile,co2] [--origins 12]
    [--peers python] [--append]

Forecasts are made from the same origins by koopflow, from every sample of the past, and by each peer,
fitted anew at every origin. statsforecast 2.1 needs pandas below 3, so the peers run in a Python of
their own (--peers, an environment with statsforecast and lightgbm); without it only koopflow's methods
are compared. The peer of a series is the one that was best on its first 40 %.

Prints, for each series, the geometric mean over steps ahead of the mean absolute error, over that of
the seasonal naive forecast; the ratios of koopflow's ets, theta, auto_arima and mstl, where --methods
names them, to the models of the same family; then the ratio of `combined` to the best single peer over
series, and on how many series it is significantly worse than the series' own peer (sign flips over
blocks of origins, Holm). Writes benchmarks/out/forecast_peers.csv; with --append the rows of other
series stay, so that the series can be run one by one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
OUT = HERE.parent / "out"
DEVELOPMENT = ("airline", "gdp", "sunspots", "electrical_equipment", "german_inflation", "elnino")
"""Series on which `combined` was chosen; their rows are marked, and left out of the summary."""
SAME = {"ets": "AutoETS", "theta": "AutoTheta", "auto_arima": "AutoARIMA", "mstl": "MSTL"}
"""Methods of koopflow from statsmodels, and the model of statsforecast of the same family."""
LONGEST = 600
"""Most samples that a peer is fitted to; automatic orders of longer series take minutes an origin."""
LONGEST_SEASON = 24
"""Longest season that AutoARIMA, AutoETS, AutoCES and AutoTheta are asked to model."""


def peers(folder: Path) -> None:
    """Forecast every series in `folder` with the peers; runs in their environment."""
    import lightgbm
    from statsforecast.models import MSTL, AutoARIMA, AutoCES, AutoETS, AutoTheta

    for path in sorted(folder.glob("*.npz")):
        held = np.load(path)
        values, origins, horizon, period = held["values"], held["origins"], int(held["horizon"]), int(held["period"])
        season = period if period <= LONGEST_SEASON else 1
        models = {
            "AutoARIMA": partial(AutoARIMA, season_length=season, max_p=3, max_q=3, approximation=True, nmodels=30),
            "AutoETS": partial(AutoETS, season_length=season),
            "AutoTheta": partial(AutoTheta, season_length=season),
            "AutoCES": partial(AutoCES, season_length=season),
            "MSTL": partial(MSTL, season_length=period) if period > 1 else None,
            "LightGBM": partial(Boosted, lightgbm, period),
        }
        found = {}
        for name, make in models.items():
            if make is None:
                continue
            rows = []
            for origin in origins:
                past = values[max(0, origin + 1 - LONGEST) : origin + 1]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        rows.append(np.asarray(make().forecast(past.astype(np.float64), horizon)["mean"]))
                    except Exception as error:  # a peer that fails has no forecast
                        print(f"{path.stem}: {name} at {origin}: {type(error).__name__}: {error}", file=sys.stderr)
                        rows.append(np.full(horizon, np.nan))
            found[name] = np.stack(rows)
        np.savez(path.with_suffix(".peers"), **found)
        Path(f"{path.with_suffix('.peers')}.npz").rename(path.with_suffix(".done"))


class Boosted:
    """LightGBM, one model for each step ahead, on the last samples relative to the last one."""

    def __init__(self, library, period: int) -> None:
        self.library, self.lags = library, max(12, min(2 * period, 104))

    def forecast(self, past: np.ndarray, horizon: int) -> dict:
        lags = min(self.lags, len(past) // 3)
        windows = np.lib.stride_tricks.sliding_window_view(past, lags)
        rows, result = windows - windows[:, -1:], np.empty(horizon)
        for step in range(1, horizon + 1):
            truth = past[lags - 1 + step :] - windows[:-step, -1]
            model = self.library.LGBMRegressor(
                objective="l1", n_estimators=60, num_leaves=15, min_child_samples=10, verbose=-1, n_jobs=1
            )
            result[step - 1] = past[-1] + model.fit(rows[:-step], truth).predict(rows[-1:])[0]
        return {"mean": result}


def export(name: str, spec: dict, folder: Path, count: int, methods: dict) -> None:
    """Forecast one series with koopflow and write what the peers need."""
    from koopflow.config.series import SeriesSettings
    from koopflow.data.series.loading import load
    from koopflow.forecast.evaluate import evaluate

    series = load(name, spec)
    result = evaluate(series, SeriesSettings.load(spec, name), methods)
    table, horizon, early = result.predictions, result.choices["horizon"], result.choices["early"]
    known = table[table["truth"].notna()].groupby("origin")["horizon"].nunique()
    whole = known.index[known == known.max()].to_numpy()
    scored = whole[np.unique(np.linspace(0, len(whole) - 1, count).astype(int))]
    before = np.unique(np.linspace(early // 2, early - horizon - 1, max(3, count // 2)).astype(int))
    wide = {
        f"koopflow {method}": part[part["origin"].isin(scored)]
        .pivot_table(index="origin", columns="horizon", values="prediction")
        .to_numpy()
        for method, part in table.groupby("method")
    }
    np.savez(
        folder / f"{name}.npz",
        values=series.values,
        origins=np.concatenate([before, scored]),
        horizon=horizon,
        period=series.period,
        early=len(before),
        **wide,
    )


def scores(folder: Path) -> list[dict]:
    """Return a row for each series and method."""
    rows = []
    for path in sorted(folder.glob("*.npz")):
        held = dict(np.load(path))
        values, origins, horizon, early = held["values"], held["origins"], int(held["horizon"]), int(held["early"])
        truth = values[origins[:, None] + np.arange(1, horizon + 1)]
        done = path.with_suffix(".done")
        found = dict(np.load(done)) if done.exists() else {}
        errors = {name: np.abs(each - truth) for name, each in found.items()}
        ours = {name: np.abs(each - truth[early:]) for name, each in held.items() if name.startswith("koopflow ")}
        peer = min(errors, key=lambda name: np.nan_to_num(errors[name][:early].mean(), nan=np.inf), default=None)
        everyone = {name: each[early:] for name, each in errors.items()} | ours
        base = size(ours["koopflow seasonal_naive"])
        for name, each in everyone.items():
            row = {"series": path.stem, "method": name, "n": len(each), "relative": size(each) / base}
            row |= {"peer": name == peer, "development": path.stem in DEVELOPMENT}
            if peer is not None and name == "koopflow combined":
                row["p_worse"] = worse(each, everyone[peer])
            rows.append(row)
    return rows


def size(errors: np.ndarray) -> float:
    """Return the geometric mean over steps ahead of the mean absolute error."""
    return float(np.exp(np.log(np.maximum(errors.mean(axis=0), 1e-300)).mean()))


def worse(own: np.ndarray, other: np.ndarray) -> float:
    """Return the p-value of "not worse" from sign flips of the origins' differences, which are at
    least a horizon apart where the series is long enough."""
    typical = np.maximum((own + other).mean(axis=0), 1e-300)
    away = ((own - other) / typical).mean(axis=1)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(20000, len(away)))
    return float(np.mean((signs * away).mean(axis=1) >= away.mean() - 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--series", default="")
    parser.add_argument("--methods", default="seasonal_naive,persistence,ets,sliding,gated,combined")
    parser.add_argument("--origins", type=int, default=12)
    parser.add_argument("--peers", default="", help="a Python with statsforecast and lightgbm")
    parser.add_argument("--append", action="store_true", help="keep the rows of other series")
    parser.add_argument("--only-peers", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_peers:
        peers(Path(options.only_peers))
        return
    sys.path.insert(0, str(HERE.parents[1]))
    import pandas as pd
    import yaml

    from koopflow.forecast.protocol import named

    specs = yaml.safe_load((HERE.parents[1] / "config/series.yaml").read_text())["series"]
    names = options.series.split(",") if options.series else list(specs)
    methods = {name: named(name) for name in options.methods.split(",")}
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            spec = {key: value for key, value in specs[name].items() if key != "group"}
            if "path" in spec:
                spec["path"] = str(Path(options.data) / spec["path"])
            if "path" not in spec or Path(spec["path"]).is_file():
                export(name, spec, Path(temporary), options.origins, methods)
        if options.peers:
            subprocess.run([options.peers, str(HERE), "--only-peers", temporary], check=True)
        table = pd.DataFrame(scores(Path(temporary)))
    OUT.mkdir(exist_ok=True)
    before = OUT / "forecast_peers.csv"
    if options.append and before.is_file():
        held = pd.read_csv(before)
        table = pd.concat([held[~held["series"].isin(table["series"])], table], ignore_index=True)
    table.to_csv(OUT / "forecast_peers.csv", index=False)
    wide = table.pivot_table(index="series", columns="method", values="relative")
    print(wide.round(3).to_string())
    print(json.dumps(summary(table), indent=2))


def summary(table) -> dict:
    """Return the ratio to the best single peer, and the verdicts, over the held-out series."""
    held_out = table[~table["development"]]
    wide = np.log(held_out.pivot_table(index="series", columns="method", values="relative"))
    means = wide.mean().sort_values()
    single = [name for name in means.index if not name.startswith("koopflow ") and wide[name].notna().all()]
    found = {"series": len(wide), "geometric means": np.exp(means).round(3).to_dict()}
    if single:
        found["best single peer"] = single[0]
    if single and "koopflow combined" in means:
        found["combined over it"] = round(float(np.exp(means["koopflow combined"] - means[single[0]])), 3)
    for own, theirs in SAME.items():
        if f"koopflow {own}" in wide and theirs in wide:
            ratios = np.exp(wide[f"koopflow {own}"] - wide[theirs]).dropna()
            found[f"{own} over {theirs}"] = ratios.round(3).to_dict() | {
                "geometric mean": round(float(np.exp(np.log(ratios).mean())), 3)
            }
    if "p_worse" in held_out:
        p = np.sort(held_out["p_worse"].dropna().to_numpy())
        holm = np.maximum.accumulate(p * (len(p) - np.arange(len(p))))
        found["significantly worse than the series' own peer (Holm, 0.05)"] = int(np.sum(holm < 0.05))
    return found


if __name__ == "__main__":
    main()
