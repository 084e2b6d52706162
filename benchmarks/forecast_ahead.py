"""What the calendar, public holidays and weather add to `combined`, on rentals of bicycles by day.

    python benchmarks/forecast_ahead.py [--data ../shared/data] [--every 7] [--horizon 7] [--cases 0,1,2,3]

The weather is that of the target day, as if its forecast were perfect: an upper bound of what
regressors can add. The cases are numbered: `combined` without the calendar, with it, with holidays, and
with weather; --cases 1,2 compares the second of these with the first alone, so that a run can be split.
Prints, for each case, the mean absolute error over that of the case before (of `gated` for the first),
from the same origins, with the 95 % interval of a bootstrap over blocks of two origins.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from koopflow.config.series import SeriesSettings
from koopflow.data.series.held import as_series
from koopflow.forecast.combined import Combined
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.protocol import named
from koopflow.forecast.skill import block_bootstrap

WEATHER = ["temp", "hum", "windspeed", "weathersit"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--horizon", type=int, default=7)
    parser.add_argument("--cases", default="0,1,2,3")
    options = parser.parse_args()
    table = pd.read_csv(Path(options.data) / "timeseries/day.csv", parse_dates=["dteday"])
    table = table[["dteday", "cnt", "holiday", *WEATHER]]
    table = pd.concat([table, table.tail(options.horizon).assign(cnt=np.nan)], ignore_index=True)
    table["dteday"] = pd.date_range(table["dteday"].iloc[0], periods=len(table), freq="D")
    print(f"{len(table) - options.horizon} days, horizon {options.horizon}, every {options.every} days")
    cases = {
        "nothing": ([], ("calendar",)),
        "calendar": ([], ()),
        "calendar and holidays": (["holiday"], ()),
        "calendar, holidays and weather": (["holiday", *WEATHER], ()),
    }
    chosen = [list(cases)[int(each)] for each in options.cases.split(",")]
    before, earlier = ("gated", gated(table, options)) if chosen[0] == "nothing" else ("", None)
    for name in chosen:
        columns, without = cases[name]
        rows = table if columns else table.dropna(subset="cnt")
        series = as_series(rows[["dteday", "cnt", *columns]], regressors=columns, period=7)
        own = error(series, Combined(without=without), options)
        if earlier is None:
            before, earlier = name, own
            continue
        both = np.column_stack([own, earlier])
        means = block_bootstrap(both, 2, 2000, np.random.default_rng(0))
        low, high = np.quantile(means[:, 0] / means[:, 1], [0.025, 0.975])
        ratio = both[:, 0].mean() / both[:, 1].mean()
        print(f"combined with {name} over {before}: {ratio:.3f} [{low:.3f}, {high:.3f}], n {len(both)}", flush=True)
        before, earlier = name, own


def gated(table: pd.DataFrame, options: argparse.Namespace) -> np.ndarray:
    """Return the errors of `gated`."""
    return error(as_series(table[["dteday", "cnt"]].dropna(), period=7), named("gated"), options)


def error(series, forecaster, options: argparse.Namespace) -> np.ndarray:
    """Return the mean absolute error from each origin whose whole future is known."""
    found = evaluate(series, SeriesSettings(horizon=options.horizon, every=options.every), {"m": forecaster})
    rows = found.predictions
    wide = rows.assign(error=(rows["prediction"] - rows["truth"]).abs()).pivot_table(
        index="origin", columns="horizon", values="error", dropna=False
    )
    return wide.dropna().mean(axis=1).to_numpy()


if __name__ == "__main__":
    main()
