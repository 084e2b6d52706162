"""What the dates of a series say ahead of its values."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.data.series.calendar_columns import calendar_columns, holiday_columns


def dates(start: str, count: int, step: str) -> np.ndarray:
    return pd.date_range(start, periods=count, freq=step).to_numpy()


def test_days_of_the_week_are_those_of_pandas():
    found = calendar_columns(dates("2023-02-27", 20, "D"))
    assert found[:, :7].argmax(axis=1).tolist() == pd.date_range("2023-02-27", periods=20).day_of_week.tolist()
    assert (found[:, :7].sum(axis=1) == 1).all()


def test_months_have_their_working_days_and_length():
    found = calendar_columns(dates("2023-01-01", 4, "MS"))
    assert found[:, 0] * [31, 28, 31, 30] == pytest.approx([22, 20, 23, 20])
    assert found[:, 1] * 30 == pytest.approx([31, 28, 31, 30])


def test_hours_know_the_time_of_day():
    found = calendar_columns(dates("2023-01-01", 48, "h"))
    assert found[6, 7] == pytest.approx(1.0)
    assert np.allclose(found[:24, 7:11], found[24:, 7:11])


def test_numbers_and_years_have_no_calendar():
    assert calendar_columns(np.arange(5.0)).shape == (5, 0)
    assert calendar_columns(dates("1990-01-01", 5, "YS")).shape == (5, 0)


def test_holidays_of_numbers_are_refused():
    with pytest.raises(KoopflowError, match=r"series.a.holidays: needs dates"):
        holiday_columns(np.arange(5.0), "US", "series.a.holidays")


def test_holidays_of_days_have_their_neighbours():
    pytest.importorskip("holidays")
    found = holiday_columns(dates("2023-07-02", 5, "D"), "US")
    assert found[:, 0].tolist() == [0, 0, 1, 0, 0]
    assert found[:, 1].tolist() == [0, 0, 0, 1, 0]
    assert found[:, 2].tolist() == [0, 1, 0, 0, 0]


def test_holidays_of_weeks_and_months_are_counted():
    pytest.importorskip("holidays")
    assert holiday_columns(dates("2023-05-01", 3, "MS"), "US")[:, 0].tolist() == [1, 1, 1]
    assert holiday_columns(dates("2023-07-03", 2, "7D"), "US")[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize("place", ["XX", "US-ZZ"])
def test_an_unknown_place_is_refused_in_one_line(place):
    pytest.importorskip("holidays")
    with pytest.raises(KoopflowError, match=f"holidays: must be a country's code.*{place}"):
        holiday_columns(dates("2023-05-01", 3, "D"), place)
