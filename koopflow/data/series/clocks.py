"""Clock times: the forms in which they are written, midnight as 24:00, and the hour that occurs
twice in autumn."""

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.data.series.series import Times

logger = logging.getLogger("koopflow")

HOUR = np.timedelta64(3600, "s")
FOLD_MONTHS = (3, 4, 9, 10, 11)
"""Months in which clocks are set back, in the north or the south."""

_MIDNIGHT = r"[T ]24(?::?00(?::?00(?:\.0+)?)?)?$"


def clock_of(text: pd.Series) -> pd.Series:
    """Return the time since midnight of each text, NaT if the text is no clock time.

    Accepted are 18:00, 18:00:00, 18.00.00, 18h00, 6:00 PM, 1800 (if all have four digits, or some
    exceed 24) and hours (18, 18.5); 24 is the midnight that ends the day.
    """
    parts = text.str.extract(r"^(\d{1,2})[:.h](\d{2})(?:[:.](\d{2}(?:\.\d+)?))?\s*([AaPp]\.?[Mm]\.?)?$")
    if parts[1].notna().all():
        hours, half = parts[0].astype(float), parts[3].str[:1].str.lower()
        hours = hours.where(half.isna(), hours % 12 + 12 * (half == "p"))
        seconds = 3600 * hours + 60 * parts[1].astype(float) + parts[2].fillna("0").astype(float)
        decimal = text.str.fullmatch(r"\d{1,2}\.\d{2}").all() and not (parts[1].astype(int) < 60).all()
        seconds = 3600 * text.astype(float) if decimal else seconds
    else:
        numbers = pd.to_numeric(text, errors="coerce")
        compact = text.str.fullmatch(r"\d{4}").all() or (numbers.max() > 24 and text.str.fullmatch(r"\d{1,4}").all())
        seconds = 3600 * (numbers // 100) + 60 * (numbers % 100) if compact else 3600 * numbers
    return pd.to_timedelta(seconds.where((seconds >= 0) & (seconds <= 86_400)), unit="s")


def one_day_later_at_24(text: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Return the text with 24:00 as 00:00, and a mask (n,) of the stamps that this moves to the
    next day."""
    late = text.str.contains(_MIDNIGHT, regex=True).to_numpy(dtype=bool)
    return (text.str.replace(_MIDNIGHT, " 00:00", regex=True) if late.any() else text), late


def unfold(times: Times) -> Times:
    """Return local stamps on the clock of the first one, if an hour occurs twice because clocks are
    set back.

    Later stamps are then an hour ahead of the local clock, until it is set forward. Without such an
    hour, stamps are unchanged.
    """
    gaps = np.diff(times)
    if len(gaps) < 2 or (gaps > np.timedelta64(0, "ns")).all():
        return times
    folds = _nights(times) & (gaps <= np.timedelta64(0, "ns")) & (gaps > -HOUR)
    if not folds.any() or ((gaps <= np.timedelta64(0, "ns")) & ~folds).any():
        return times
    usual = np.median(gaps)
    springs = _nights(times) & (gaps == usual + HOUR)
    shift = np.concatenate(
        [[0], np.cumsum(folds.astype(int) - (springs & (np.cumsum(folds) > np.cumsum(springs) - springs)))]
    )
    logger.warning(
        "time stamps: %d %s twice, because clocks are set back; stamps keep the clock of the first one",
        *(folds.sum(), "hour occurs" if folds.sum() == 1 else "hours occur"),
    )
    found: Times = times + shift * HOUR
    return found


def _nights(times: Times) -> NDArray[np.bool_]:
    """Return which gaps between stamps end in the small hours of a Sunday of spring or autumn."""
    days = times[1:].astype("datetime64[D]")
    hours = (times[1:] - days) // HOUR
    months = times[1:].astype("datetime64[M]").astype(int) % 12 + 1
    sunday = (days.astype(int) + 4) % 7 == 0
    return np.asarray(sunday & np.isin(months, FOLD_MONTHS) & (hours < 4))
