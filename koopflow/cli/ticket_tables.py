"""The report's tables on what tells a ticket's transfer."""

import numpy as np
import pandas as pd

from koopflow.cli.report_tables import with_interval
from koopflow.core.labels import label
from koopflow.tickets.predictors.calibration import CANNOT_SAY, STAYS, TRANSFERS, coverage, right_answers


def predictor_tests(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how well each predictor tells transfer, at what cost, and what its test decides."""
    return pd.DataFrame(
        {
            "network": frame["model"],
            "predictor": frame["predictor"].map(label),
            "rank correlation with transfer": with_interval(frame, "correlation"),
            "inside one target": frame["within_target"].map("{:.2f}".format),
            "p, adjusted": frame["p_adjusted"].map("{:.2g}".format, na_action="ignore").fillna(""),
            "decision": frame["decision"],
            "cost / training": frame["cost"].map("{:.2g}".format),
            "needs pruning there": np.where(frame["needs"].fillna("") == "target_rounds", "yes", "no"),
            "density": [f"{100 * density:.1f} %" for density in frame["density"].astype(float)],
            "split-half reliability": frame["reliability"].map("{:.2f}".format),
            "tasks": frame["tasks"],
        }
    )


def exponent_verdicts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return whether each layer's exponent differs between tasks by more than between seeds."""
    return pd.DataFrame(
        {
            "network": frame["model"],
            "layer": frame["layer"],
            "distance between tasks": frame["between"].map("{:.3g}".format),
            "distance between seeds": frame["within"].map("{:.3g}".format),
            "ratio": with_interval(frame, "ratio"),
            "exponents differ between tasks": frame["verdict"],
            "lowest R²": frame["lowest_r2"].map("{:.2f}".format),
            "rounds": [f"{first:g} to {last:g}" for first, last in zip(frame["first_round"], frame["last_round"])],
            "tasks": frame["tasks"],
            "seeds": frame["seeds"],
        }
    )


def exponents_by_task(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network and task with the exponents of its layers, over initializations."""
    rows = []
    for (network, task), fits in frame.groupby(["model", "task"], sort=False):
        row: dict[str, object] = {"network": network, "task": label(task), "initializations": fits["seed"].nunique()}
        for layer, of in fits.groupby("layer", sort=False):
            row[str(layer)] = f"{of['sigma'].mean():.3f} ± {of['sigma'].std():.3f} (R² {of['r2'].mean():.2f})"
        rows.append(row)
    columns = ["network", "task", "initializations", *dict.fromkeys(frame["layer"])]
    return pd.DataFrame(rows, columns=columns).fillna("")


def forecast_quality(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how good the forecasts for tasks left out are: coverage with its standard error over
    tasks, and how many answers of each kind are right."""
    rows = []
    for network, found in frame.groupby("model", sort=False):
        known = found[found["inside"].isin(["yes", "no"])]
        covered, error, tasks = coverage(known)
        row = {
            "network": network,
            "tasks left out": tasks,
            "pairs": len(known),
            "level of the intervals": f"{found['level'].iloc[0]:.2f}",
            "coverage, standard error over tasks": f"{covered:.2f} ± {error:.2f}",
        }
        for kind in (TRANSFERS, STAYS):
            right, told = right_answers(known, kind)
            row[f'answers "{kind}", right'] = f"{told}, {100 * right / told:.0f} %" if told else "0"
        row[f'"{CANNOT_SAY}"'] = int((known["answer"] == CANNOT_SAY).sum())
        rows.append(row | {"cost / training": f"{found['cost'].iloc[0]:.2g}"})
    return pd.DataFrame(rows)


def will_transfer(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the forecast of every ticket for a target that its calibration has not seen."""
    frame = frame[frame["left_out"] == frame["target"]]
    return pd.DataFrame(
        {
            "network": frame["model"],
            "ticket of": frame["source"].map(label),
            "on": frame["target"].map(label),
            "predicted share": with_interval(frame, "share", digits=2),
            "answer": frame["answer"],
            "measured share": frame["transfer"].map("{:.2f}".format, na_action="ignore").fillna(""),
            "inside": frame["inside"].fillna(""),
            "cost / training": frame["cost"].map("{:.2g}".format),
        }
    )
