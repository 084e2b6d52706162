"""Corrections of the newest values of a vintage, learned from how earlier vintages were revised.

A surveillance table is not complete when it is published: its newest values grow or shrink as late
reports arrive. The chain-ladder factor (Mack 1993) of a target and an age is the sum of values as
they stand now over the sum of the same values as they stood at that age. It is estimated from the
vintages up to the reference date alone, and shrunk: where it differs from 1 by less than its
standard error, nothing is corrected.
"""

import numpy as np
import pandas as pd

# Ages that are corrected: the newest week of a vintage has age 0.
AGES = 3
# Fewer earlier vintages give no standard error worth the name.
FEWEST = 4
PLACE = ["time", "location", "target"]


def corrected(vintages: pd.DataFrame) -> pd.DataFrame:
    """Return vintages with their newest values corrected by what earlier vintages taught.

    Parameters
    ----------
    vintages : DataFrame
        reference_date, time, location, target, value.

    Returns
    -------
    DataFrame
        The same rows. The vintage of a date depends on itself and earlier ones only.
    """
    if vintages.empty:
        return vintages
    aged = vintages.assign(age=_ages(vintages))
    parts = []
    for date, vintage in aged.groupby("reference_date", sort=True):
        learned = factors(aged[aged["reference_date"] < date], vintage)
        rows = pd.MultiIndex.from_frame(vintage[["target", "age"]])
        factor = learned["factor"].reindex(rows).fillna(1.0).to_numpy(dtype=np.float64)
        parts.append(vintage.assign(value=vintage["value"] * factor))
    return pd.concat(parts)[list(vintages.columns)]


def factors(earlier: pd.DataFrame, vintage: pd.DataFrame) -> pd.DataFrame:
    """Return by how much values of each target and age have been revised since they were published.

    Parameters
    ----------
    earlier : DataFrame
        Earlier vintages: reference_date, age, time, location, target, value.
    vintage : DataFrame
        The present one, whose values are the revised ones.

    Returns
    -------
    DataFrame
        Indexed by target and age: factor (what the value is multiplied by, after shrinkage), ratio
        and standard_error (before), n (earlier vintages). The standard error is that of a ratio of
        sums, with vintages as the unit: the series of one vintage are revised together.
    """
    recent = earlier[earlier["age"] < AGES]
    both = recent.merge(vintage[[*PLACE, "value"]], on=PLACE, suffixes=("", "_now"))
    sums = both.groupby(["target", "age", "reference_date"])[["value", "value_now"]].sum().reset_index()
    found = []
    for (target, age), part in sums.groupby(["target", "age"]):
        count, before = len(part), float(part["value"].sum())
        if count < FEWEST or before <= 0:
            continue
        ratio = float(part["value_now"].sum()) / before
        rest = part["value_now"] - ratio * part["value"]
        error = float(np.sqrt((rest**2).sum() * count / (count - 1))) / before
        # James and Stein's positive part, of one shift
        share = max(0.0, 1.0 - (error / (ratio - 1.0)) ** 2) if ratio != 1.0 else 0.0
        found.append((target, age, 1.0 + share * (ratio - 1.0), ratio, error, count))
    columns = ["target", "age", "factor", "ratio", "standard_error", "n"]
    return pd.DataFrame(found, columns=columns).set_index(["target", "age"])


def _ages(vintages: pd.DataFrame) -> "pd.Series[int]":
    """Return the age of each row in weeks: 0 for the newest week of its vintage."""
    newest = vintages.groupby("reference_date")["time"].transform("max")
    return (newest - vintages["time"]).dt.days // 7
