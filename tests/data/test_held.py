"""Series that a user holds in Python: each value at its own time, in the order of time, or one line."""

import datetime

import numpy as np
import pandas as pd
import pytest
import torch

from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import as_series
from koopflow.data.series.several import opened

MONTHS = pd.date_range("2000-01-01", periods=60, freq="MS")
HOURS = pd.date_range("2023-10-20", periods=400, freq="h", tz="Europe/Berlin")
VALUES = 10 + np.sin(np.arange(400) / 3) + np.random.default_rng(0).normal(0, 0.1, 400)
V = VALUES[:60]
YEAR, QUARTER = 1990 + np.arange(60) // 4, np.arange(60) % 4 + 1


def table(**columns):
    return pd.DataFrame({**columns, "v": V})


BACKWARDS = {
    "index of text": pd.Series(V, MONTHS.strftime("%Y-%m-%d")),
    "index of text, day first": pd.Series(V, MONTHS.strftime("%d/%m/%Y")),
    "index of dates": pd.Series(V, [stamp.date() for stamp in MONTHS]),
    "index of codes": pd.Series(V, [100 * stamp.year + stamp.month for stamp in MONTHS]),
    "index of two levels": pd.Series(V, pd.MultiIndex.from_product([["a"], MONTHS])),
    "column of dates": table(when=[datetime.date(s.year, s.month, 1) for s in MONTHS]),
    "column of periods": table(when=MONTHS.to_period("M")),
    "column of another name": table(Month=MONTHS.strftime("%Y-%m")),
    "day first": table(date=MONTHS.strftime("%d/%m/%Y")),
    "codes": table(date=[100 * stamp.year + stamp.month for stamp in MONTHS]),
    "year and quarter": table(Year=YEAR, Quarter=QUARTER),
    "date and clock": table(date=pd.date_range("2020-01-01", periods=60, freq="h").strftime("%d.%m.%Y"))
    .assign(time=pd.date_range("2020-01-01", periods=60, freq="h").strftime("%H:%M"))
    .loc[:, ["date", "time", "v"]],
}


@pytest.mark.parametrize("case", BACKWARDS)
def test_rows_are_put_in_the_order_of_their_times(case):
    for given in (BACKWARDS[case], BACKWARDS[case][::-1]):
        series = as_series(given)
        np.testing.assert_allclose(series.values, V)
        assert series.time.dtype.kind == "M"


@pytest.mark.parametrize("numbers", [np.arange(60), np.arange(60) / 12 + 2000], ids=["whole", "years"])
def test_numbers_are_times_where_their_steps_differ(numbers):
    kept = np.r_[0:20, 25:60]
    for given in (pd.Series(V[kept], numbers[kept])[::-1], table(time=numbers).iloc[kept[::-1]]):
        series = as_series(given)
        assert len(series.values) == 60
        np.testing.assert_allclose(np.compress(series.observed, series.values), V[kept])


def test_local_hours_keep_their_own_slots_when_clocks_are_set_back():
    series = as_series(pd.Series(VALUES, HOURS))
    np.testing.assert_allclose(series.values, VALUES)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.ma.masked_array(V, mask=np.arange(60) == 3), np.arange(60) != 3),
        (torch.tensor(V, requires_grad=True), slice(None)),
        (torch.tensor(V.round(1)).bfloat16(), None),
    ],
    ids=["masked", "with gradient", "bfloat16"],
)
def test_missing_and_wrapped_values_are_read_as_such(given, kept):
    series = as_series(given)
    expected = given.double().numpy() if kept is None else V[kept]
    np.testing.assert_allclose(np.compress(series.observed, series.values), expected)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (V + 1j, "all values must be numbers"),
        (pd.Series(V, MONTHS.where(np.arange(60) != 5)), r"times must not be missing \(row 5\)"),
        (pd.Series(V, [*range(30), *range(30)]), "times must be unique"),
        (pd.Series(V, [f"n{i}" for i in range(60)]), "'n0' in the index is not a date or number"),
        (table(a=MONTHS, b=MONTHS), r"one column of times \(got a, b\)"),
        (table(date=MONTHS).astype({"v": str}), "column 'v' must hold numbers"),
        (pd.Series(V, pd.MultiIndex.from_product([["a", "b"], MONTHS[:30]])), "must have one level"),
    ],
)
def test_what_cannot_be_a_series_is_refused_in_one_line(given, problem):
    with pytest.raises(KoopflowError, match=problem) as found:
        as_series(given)
    assert "\n" not in str(found.value)


def test_a_cell_of_text_does_not_drop_its_series():
    wide = pd.DataFrame({"date": MONTHS, "a": V, "b": V, "c": [*map(str, V[:-1]), "n.v."]})
    with pytest.raises(KoopflowError, match=r"column 'c' must hold numbers \(got 'n.v.'\)"):
        opened(wide)


def test_a_code_for_missing_values_is_told(caplog):
    as_series(np.where(np.arange(60) == 7, -999.0, V))
    assert "-999 occurs 1 time(s)" in caplog.text
