"""The rounded tables of the report, each a web page. The CSV files keep every digit."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from koopflow.core.labels import label
from koopflow.core.markup import html, one_line

COMPRESSIONS = (4, 16, 64)
STYLE = """
body { font: 14px/1.45 sans-serif; color: #222; margin: 1.5em; background: #fff; }
table { border-collapse: collapse; }
th { text-align: left; border-bottom: 1px solid #444; padding: .3em 1em .3em 0;
     position: sticky; top: 0; background: #fff; }
td { border-bottom: 1px solid #ddd; padding: .3em 1em .3em 0; vertical-align: top; }
p { max-width: 60em; }
"""


def page(show: Callable[[pd.DataFrame], pd.DataFrame], source: str, frame: pd.DataFrame) -> str:
    """Return a table of the report as one self-contained HTML page.

    Parameters
    ----------
    show : function
        Returns the frame that a reader sees from `frame`; a stage names it
        (`koopflow.studies.stage.Table`).
    source : str
        The CSV file of `frame`, shown to readers who want every digit.
    frame : DataFrame
    """
    shown = show(frame) if len(frame) else frame
    shown = shown.apply(lambda column: column if is_numeric_dtype(column) else column.map(one_line, na_action="ignore"))
    body = (
        shown.to_html(index=False, border=0, na_rep="")
        if len(shown)
        else "<p>This run computed no row of this table.</p>"
    )
    note = (
        f"<p>{len(shown)} rows, rounded; every digit, and all {len(frame)} rows behind them: "
        f"<code>{html(source)}</code>.</p>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta '
        f'charset="utf-8"><style>{STYLE}</style></head>\n<body>{body}{note}</body></html>\n'
    )


def with_interval(
    frame: pd.DataFrame, value: str, low: str = "ci_low", high: str = "ci_high", digits: int = 3
) -> list[str]:
    """Return "value [low, high]" of every row to `digits` significant digits, or "value (no
    interval)"."""
    told = []
    for middle, *ends in frame[[value, low, high]].itertuples(index=False):
        bracket = " [{:.{d}g}, {:.{d}g}]".format(*ends, d=digits) if np.isfinite(ends).all() else " (no interval)"
        told.append(f"{middle:.{digits}g}{bracket}" if np.isfinite(middle) else "")
    return told


def claims(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the claims with their numbers and reasons."""
    return pd.DataFrame(
        {
            "claim": frame["statement"],
            "paper": frame["paper"],
            "verdict": frame["verdict"],
            "statistic": frame["statistic"],
            "value": with_interval(frame, "value"),
            "criterion": frame["criterion"],
            "n": [f"{n} {unit}" if n else "" for n, unit in zip(frame["n"], frame["unit"].fillna(""))],
            "why not decided": frame["reason"].fillna(""),
        }
    )


def published(frame: pd.DataFrame) -> pd.DataFrame:
    """Return published numbers beside ours, and the verdict on each figure."""
    return pd.DataFrame(
        {
            "paper": frame["paper"].map(label),
            "figure": frame["figure"] + frame["variant"].map(" ({})".format, na_action="ignore").fillna(""),
            "shows": frame["shows"],
            "verdict": frame["verdict"],
            "what differs": frame["differs"].fillna(""),
            "quantity": frame["quantity"].fillna(""),
            "published": frame["published"].map("{:.3g}".format, na_action="ignore").fillna(""),
            "ours": with_interval(frame, "ours"),
        }
    )


def setups(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the tests between training set-ups."""
    return pd.DataFrame(
        {
            "comparison": frame["comparison"].map(label),
            "set-ups": frame["a"] + " / " + frame["b"],
            "excess over the distance between seeds": with_interval(frame, "excess"),
            "p, adjusted": frame["p_adjusted"].map("{:.2g}".format),
            "verdict": frame["verdict"],
            "at neighbouring ranks": frame["sensitivity"].fillna(""),
            "by other distances": frame["alternatives"].fillna(""),
            "seeds": frame["n"],
        }
    )


def pruned_alike(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how well the masks and accuracies of two methods agree, at the first and last epoch
    and some compressions."""
    frame = _ends(frame[frame["compression"].isin(COMPRESSIONS)])
    return pd.DataFrame(
        {
            "study": frame["study"].map(label),
            "methods": frame["method_a"].map(label) + " − " + frame["method_b"].map(label).str.lower(),
            "epoch": frame["epoch"],
            "compression": frame["compression"],
            "difference of accuracy": with_interval(frame, "difference"),
            "agreement beyond chance": [
                f"{share:.2f}" if np.isfinite(share) else "" for share in frame["beyond_chance"]
            ],
            "seeds": frame["n"],
        }
    )


def pruned_best(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the most accurate method and its lead over the next, at the first and last epoch and
    some compressions."""
    frame = _ends(frame[frame["compression"].isin(COMPRESSIONS)])
    return pd.DataFrame(
        {
            "study": frame["study"].map(label),
            "epoch": frame["epoch"],
            "compression": frame["compression"],
            "best": frame["method"].map(label),
            "accuracy": frame["accuracy"].map("{:.3f}".format),
            "next": frame["runner_up"].map(label),
            "lead over the next": with_interval(frame, "margin"),
            "seeds": frame["n"],
        }
    )


def koopman_wins(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the lead of the best Koopman score over the best other, at the first and last epoch
    and some compressions."""
    frame = _ends(frame[frame["compression"].isin(COMPRESSIONS)])
    return pd.DataFrame(
        {
            "study": frame["study"].map(label),
            "epoch": frame["epoch"],
            "compression": frame["compression"],
            "Koopman score": frame["koopman"].map(label),
            "other score": frame["other"].map(label),
            "lead of the Koopman score": with_interval(frame, "difference"),
            "seeds": frame["n"],
        }
    )


def agreed_from(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the epoch from which two methods keep the same weights, for each study, pair and
    network."""
    rows = []
    for (study, a, b), group in frame.groupby(["study", "method_a", "method_b"], sort=True):
        epochs = sorted(group["from_epoch"], key=lambda epoch: (np.isnan(epoch), epoch))
        means = group[["agreement_first", "agreement_last"]].mean()
        rows.append(
            {
                "study": label(study),
                "methods": f"{label(a)} − {label(b).lower()}",
                "alike from epoch (each network)": ", ".join(
                    "never" if np.isnan(epoch) else f"{epoch:g}" for epoch in epochs
                ),
                "agreement beyond chance, first epoch": f"{means.iloc[0]:.2f}",
                "last epoch": f"{means.iloc[1]:.2f}",
                "seeds": len(group),
            }
        )
    return pd.DataFrame(rows)


def told_by_spectrum(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how well each quantity of the spectrum correlates with the agreement of two methods
    over epochs."""
    words = {
        "gap": "leading eigenvalue's distance from 1",
        "second_gap": "second eigenvalue's distance from 1",
        "elsewhere": "size of the other modes over the leading one's",
        "residual": "leading pair's residual",
        "prediction_error": "one-step prediction error",
    }
    return pd.DataFrame(
        {
            "study": frame["study"].map(label),
            "methods": frame["method_a"].map(label) + " − " + frame["method_b"].map(label).str.lower(),
            "quantity": frame["quantity"].map(lambda name: words.get(name, name)),
            "rank correlation with agreement": with_interval(frame, "rho"),
            "seeds": frame["n"],
        }
    )


def exponents(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the exponents of every layer and task."""
    rounds = [
        f"{first:g} to {last:g}" if np.isfinite(first) else ""
        for first, last in zip(frame["first_round"], frame["last_round"])
    ]
    return pd.DataFrame(
        {
            "task": frame["task"].map(label),
            "network": frame["model"],
            "layer": frame["layer"],
            "exponent": with_interval(frame, "sigma"),
            "class": frame["class"],
            "R²": [f"{share:.3f}" if np.isfinite(share) else "" for share in frame["r2"]],
            "rounds": rounds,
            "seeds": frame["n"],
        }
    )


def predictors(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how well each observable predicts transfer."""
    return pd.DataFrame(
        {
            "observable": frame["observable"].map(label),
            "density": [
                f"{100 * density:.1f} %" if np.isfinite(density) else "" for density in frame["density"].astype(float)
            ],
            "rank correlation of nearness with transfer": with_interval(frame, "correlation"),
            "p (Mantel)": [f"{p:.2g}" if np.isfinite(p) else "" for p in frame["p"]],
            "tasks": frame["tasks"],
        }
    )


def skill(frame: pd.DataFrame) -> pd.DataFrame:
    """Return errors and skill of every method and series, averaged over the steps ahead."""
    numbers = ["n", "mae", "rmse", "mase", "skill_vs_sliding", "ci_low", "ci_high", "skill_vs_naive", "coverage"]
    rows = frame.groupby(["series", "method"])[numbers].mean().reset_index()
    rows = rows.sort_values(["series", "mae"])
    return pd.DataFrame(
        {
            "series": rows["series"].map(label),
            "method": rows["method"].map(label),
            "MAE": rows["mae"].map("{:.3g}".format),
            "RMSE": rows["rmse"].map("{:.3g}".format),
            "MASE": rows["mase"].map("{:.2f}".format),
            "skill over sliding": with_interval(rows, "skill_vs_sliding", digits=2),
            "skill over naive": rows["skill_vs_naive"].map("{:.2f}".format),
            "truths inside the interval": [
                f"{100 * share:.0f} %" if np.isfinite(share) else "" for share in rows["coverage"]
            ],
            "origins": rows["n"].round().astype(int),
        }
    )


def over_series(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of all methods compared over series."""
    return pd.DataFrame(
        {
            "series": frame["kind"],
            "method": frame["method"].map(label),
            "reference": frame["reference"].map(label),
            "error / error of the reference": with_interval(frame, "ratio"),
            "p (sign flips)": frame["p_sign_flip"].map("{:.2g}".format),
            "p (signed ranks)": frame["p_signed_rank"].map("{:.2g}".format),
            "better on": [f"{better} of {groups}" for better, groups in zip(frame["better"], frame["groups"])],
            "series in all": frame["series"],
        }
    )


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first and the last epoch of every study."""
    epochs = frame.groupby("study")["epoch"]
    return frame[(frame["epoch"] == epochs.transform("min")) | (frame["epoch"] == epochs.transform("max"))]


def areas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the area under the curve of each predictor, and its gain over each other one."""
    return pd.DataFrame(
        {
            "predictor": frame["predictor"].map(label),
            "compared with": frame["against"].fillna("").map(label),
            "area, or gain": with_interval(frame, "value"),
            "networks": frame["n"],
            "that grok": frame["n_groks"],
        }
    )
