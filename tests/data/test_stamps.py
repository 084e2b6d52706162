"""Time stamps: as many samples observed as there are rows, each at its own time, on a step that the
stamps have."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.data.series.loading import load

MONTHS = pd.period_range("2000-01", periods=120, freq="M")
QUARTERS = pd.period_range("1990Q1", periods=100, freq="Q")
HALVES = pd.date_range("1920-01-01", periods=120, freq="6MS")
YEARS = pd.date_range("1960-01-01", periods=50, freq="YS")
DAYS = pd.date_range("2015-01-01", periods=900)
HOURS = pd.date_range("2020-01-01", periods=900, freq="h")


def written(tmp_path, stamps, time="t", header=None, separator=","):
    """Write a series with these stamps; return its spec."""
    values = 10 + np.sin(np.arange(len(stamps)) / 3) + np.random.default_rng(0).normal(0, 0.1, len(stamps))
    path = tmp_path / "s.csv"
    lines = [
        separator.join([header or "t", "v"]),
        *(f"{stamp}{separator}{value:.4f}" for stamp, value in zip(stamps, values)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return {"path": str(path), "time": time, "value": "v"}


def starts(periods):
    return periods.to_timestamp()


def week_codes(form):
    weeks = pd.date_range("2010-01-04", periods=520, freq="7D").isocalendar()
    return [form.format(year, week) for year, week in zip(weeks["year"], weeks["week"])]


CODES = {
    "200001": ([f"{m.year}{m.month:02d}" for m in MONTHS], "month", starts(MONTHS)),
    "2000M01": ([f"{m.year}M{m.month:02d}" for m in MONTHS], "month", starts(MONTHS)),
    "2000-01": ([f"{m.year}-{m.month:02d}" for m in MONTHS], "month", starts(MONTHS)),
    "Jan-00": ([m.strftime("%b-%y") for m in MONTHS], "month", starts(MONTHS)),
    "Jan 2000": ([m.strftime("%b %Y") for m in MONTHS], "month", starts(MONTHS)),
    "01.2000": ([m.strftime("%m.%Y") for m in MONTHS], "month", starts(MONTHS)),
    "M1 2000": ([f"M{m.month} {m.year}" for m in MONTHS], "month", starts(MONTHS)),
    "1Q1990": ([f"{q.quarter}Q{q.year}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "KW 01/2010": (week_codes("KW {1:02d}/{0}"), "week", pd.date_range("2010-01-04", periods=520, freq="7D")),
    "2000/01": ([f"{y}/{(y + 1) % 100:02d}" for y in range(1960, 2010)], "year", YEARS),
    "2000-01, years": (
        [f"{y}-{(y + 1) % 100:02d}" for y in range(2000, 2012)],
        "year",
        YEARS[40:].append(pd.to_datetime(["2010-01-01", "2011-01-01"])),
    ),
    "FY1960": ([f"FY{y}" for y in range(1960, 2010)], "year", YEARS),
    "19901": ([f"{q.year}{q.quarter}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "1990Q1": ([f"{q.year}Q{q.quarter}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "1990-Q1": ([f"{q.year}-Q{q.quarter}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "Q1 1990": ([f"Q{q.quarter} {q.year}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "201001": (week_codes("{}{:02d}"), "week", pd.date_range("2010-01-04", periods=520, freq="7D")),
    "2010-W01": (week_codes("{}-W{:02d}"), "week", pd.date_range("2010-01-04", periods=520, freq="7D")),
    "2015001": ([f"{d.year}{d.day_of_year:03d}" for d in DAYS], "day", DAYS),
    "2015-001": ([f"{d.year}-{d.day_of_year:03d}" for d in DAYS], "day", DAYS),
    "20150101": ([d.strftime("%Y%m%d") for d in DAYS], "day", DAYS),
    "2020010100": ([h.strftime("%Y%m%d%H") for h in HOURS], "hour", HOURS),
    "202001010000": ([h.strftime("%Y%m%d%H%M") for h in HOURS], "hour", HOURS),
    "20200101000000": ([h.strftime("%Y%m%d%H%M%S") for h in HOURS], "hour", HOURS),
    "200001.0": ([f"{m.year}{m.month:02d}.0" for m in MONTHS], "month", starts(MONTHS)),
    "2000.01": ([f"{m.year}.{m.month:02d}" for m in MONTHS], "month", starts(MONTHS)),
    "2000.01, 2000.1 for October": ([f"{m.year + m.month / 100:.6g}" for m in MONTHS], "month", starts(MONTHS)),
    "2000:1": ([f"{m.year}:{m.month}" for m in MONTHS], "month", starts(MONTHS)),
    "2000Jan": ([m.strftime("%Y%b") for m in MONTHS], "month", starts(MONTHS)),
    "1990.1": ([f"{q.year}.{q.quarter}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "1990:1": ([f"{q.year}:{q.quarter}" for q in QUARTERS], "quarter", starts(QUARTERS)),
    "1990H1": ([f"{d.year}H{d.month // 6 + 1}" for d in HALVES], "half-year", HALVES),
    "1990-S1": ([f"{d.year}-S{d.month // 6 + 1}" for d in HALVES], "half-year", HALVES),
    "15001": ([f"{d.year % 100}{d.day_of_year:03d}" for d in DAYS], "day", DAYS),
    "150101": ([d.strftime("%y%m%d") for d in DAYS], "day", DAYS),
    "202000100": ([f"{h.year}{h.day_of_year:03d}{h.hour:02d}" for h in HOURS], "hour", HOURS),
    "20200101.0000": ([h.strftime("%Y%m%d.%H%M") for h in HOURS], "hour", HOURS),
    "unix hours in us": ([h.value // 1000 for h in HOURS], "hour", HOURS),
    "unix hours in ns": ([h.value for h in HOURS], "hour", HOURS),
    "excel months": ([(m - pd.Timestamp("1899-12-30")).days for m in starts(MONTHS)], "month", starts(MONTHS)),
    "excel quarters": ([(q - pd.Timestamp("1899-12-30")).days for q in starts(QUARTERS)], "quarter", starts(QUARTERS)),
    "unix months": ([int(m.timestamp()) for m in starts(MONTHS)], "month", starts(MONTHS)),
    "unix months in ms": ([int(m.timestamp()) * 1000 for m in starts(MONTHS)], "month", starts(MONTHS)),
}


@pytest.mark.parametrize("code", CODES)
def test_a_calendar_code_is_a_date(tmp_path, code):
    stamps, step, expected = CODES[code]
    series = load("s", written(tmp_path, stamps))
    assert series.step == step
    assert (series.time.astype("datetime64[ns]") == expected.to_numpy().astype("datetime64[ns]")).all()
    assert series.observed.all()


def test_plain_numbers_stay_numbers(tmp_path):
    decimals = (f"{1950 + number / 12:.2f}" for number in range(300)), (f"{1950 + n / 10:.1f}" for n in range(300))
    counted = (
        range(100000, 100200),
        range(1800, 2000),
        range(30000001, 30000201),
        range(15001, 15300),
        np.arange(300) / 7,
    )
    for stamps in map(list, (*counted, *decimals)):
        series = load("s", written(tmp_path, [f"{stamp}" for stamp in stamps]))
        assert series.step == "step"
        assert series.time.dtype.kind == "f"
        assert len(series.values) == len(stamps)


def every(**offset):
    return pd.date_range("2001-01-03", periods=160, freq=pd.DateOffset(**offset))


def parts_of_months(*days):
    months = pd.date_range("1999-01-01", periods=60, freq="MS")
    return pd.DatetimeIndex([m + pd.Timedelta(days=min(d, m.days_in_month) - 1) for m in months for d in days])


def retail(*weeks):
    return pd.Timestamp("2003-01-05") + pd.to_timedelta(7 * np.cumsum([0, *(list(weeks) * 40)]), unit="D")


STEPS = {
    "28 days": (every(days=28), "4 weeks"),
    "30 days": (every(days=30), "30 days"),
    "30 days in a short file": (every(days=30)[:12], "30 days"),
    "91 days": (every(days=91), "13 weeks"),
    "10 days apart": (every(days=10), "10 days"),
    "2 weeks": (every(weeks=2), "2 weeks"),
    "4-4-5 weeks": (retail(4, 4, 5), "step"),
    "5-4-4 weeks": (retail(5, 4, 4), "step"),
    "2 months": (every(months=2), "2 months"),
    "half-years": (every(months=6), "half-year"),
    "month ends": (pd.date_range("2001-01-31", periods=160, freq="ME"), "month"),
    "business month ends": (pd.date_range("2001-01-31", periods=160, freq="BME"), "month"),
    "quarter ends": (pd.date_range("2001-03-31", periods=160, freq="QE"), "quarter"),
    "the 30th": (parts_of_months(30), "month"),
    "the 1st and 15th": (parts_of_months(1, 15), "half-month"),
    "the 15th and last": (parts_of_months(15, 31), "half-month"),
    "the 1st, 11th and 21st": (parts_of_months(1, 11, 21), "10 days"),
    "the 10th, 20th and last": (parts_of_months(10, 20, 31), "10 days"),
    "years": (pd.date_range("1901-01-01", periods=100, freq="YS"), "year"),
    "five months": (pd.date_range("2001-07-01", periods=12, freq="MS"), "month"),
    "before 1678": (np.arange("1500-01", "1520-01", dtype="datetime64[M]"), "month"),
    "after 2262": (np.arange("2300-01-01", "2300-12-31", dtype="datetime64[D]"), "day"),
}


@pytest.mark.parametrize("case", STEPS)
def test_no_row_is_merged_and_no_slot_invented(tmp_path, case, caplog):
    stamps, step = STEPS[case]
    dates = [str(np.datetime64(stamp, "D")) for stamp in np.asarray(stamps, dtype="datetime64[us]")]
    series = load("s", written(tmp_path, dates))
    assert (len(series.values), series.step) == (len(stamps), step)
    assert series.observed.all()
    assert not caplog.messages
    away = np.abs((series.time - np.asarray(stamps).astype("datetime64[us]")) / np.timedelta64(1, "D"))
    assert away.max() <= (92 if "month" in step or step in ("quarter", "year", "half-year") else 0)


@pytest.mark.parametrize("missing", [[40], [40, 41, 90], list(range(60, 70))])
def test_gaps_in_months_days_and_rounded_stamps_are_empty_slots(tmp_path, missing):
    for stamps in (every(days=28), parts_of_months(1, 15), pd.date_range("2001-01-31", periods=120, freq="ME")):
        series = load("s", written(tmp_path, [stamp.date() for stamp in stamps.delete(missing)]))
        assert (np.flatnonzero(~series.observed) == missing).all()
    series = load("s", written(tmp_path, [f"{number / 120:.3f}" for number in np.delete(np.arange(1000), missing)]))
    assert (np.flatnonzero(~series.observed) == missing).all()


@pytest.mark.parametrize("rate", [24, 30, 50, 59.94, 60, 100, 120, 128, 240])
@pytest.mark.parametrize("form", ["seconds", "iso"])
def test_stamps_rounded_to_milliseconds_keep_every_row(tmp_path, rate, form):
    seconds = np.arange(2000) / rate
    first = pd.Timestamp("2024-01-01")
    stamps = [
        f"{s:.3f}" if form == "seconds" else (first + pd.Timedelta(seconds=s)).isoformat(timespec="milliseconds")
        for s in seconds
    ]
    series = load("s", written(tmp_path, stamps))
    assert len(series.values) == 2000
    assert series.observed.all()
    if form == "seconds":
        np.testing.assert_allclose(series.time, seconds, atol=1.5e-3)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Asia/Tokyo", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"]
)
@pytest.mark.parametrize("step", ["business day", "month", "year"])
def test_local_midnights_are_dates_of_that_place(tmp_path, zone, step):
    freq = {"business day": "B", "month": "MS", "year": "YS"}[step]
    days = pd.date_range("1985-01-02", periods=60, freq=freq, tz=zone)
    series = load("s", written(tmp_path, [day.isoformat() for day in days]))
    assert series.step == step
    assert (series.time == days.tz_localize(None).to_numpy()).all()


def test_hours_with_offsets_are_universal_time(tmp_path):
    hours = pd.date_range("2023-10-20", periods=600, freq="h", tz="Europe/Berlin")
    series = load("s", written(tmp_path, [hour.isoformat() for hour in hours]))
    assert series.step == "hour"
    assert (series.time == hours.tz_convert("UTC").tz_localize(None).to_numpy()).all()


CLOCKS = {
    "18:00": "%H:%M",
    "18:00:00": "%H:%M:%S",
    "18.00.00": "%H.%M.%S",
    "1800": "%H%M",
    "18h00": "%Hh%M",
    "6:00 PM": "%I:%M %p",
    "18": "%H",
}


@pytest.mark.parametrize("form", CLOCKS.values(), ids=CLOCKS)
def test_a_date_and_a_clock_are_a_stamp(tmp_path, form):
    hours = pd.date_range("2004-03-10 18:00", periods=400, freq="h")
    stamps = [f"{hour:%d/%m/%Y};{hour.strftime(form)}" for hour in hours]
    series = load("s", written(tmp_path, stamps, ["Date", "Time"], "Date;Time", ";"))
    assert series.step == "hour"
    assert (series.time == hours.to_numpy()).all()


def test_midnight_may_be_the_end_of_a_day(tmp_path):
    hours = pd.date_range("2004-03-10 01:00", periods=300, freq="h")
    before = [hour - pd.Timedelta(days=1) if hour.hour == 0 else hour for hour in hours]
    for form, header in ((" ", "t"), (",", "d,h")):
        stamps = [f"{b:%Y-%m-%d}{form}{hour.hour or 24:02d}" + ":00" * (form == " ") for b, hour in zip(before, hours)]
        series = load("s", written(tmp_path, stamps, header.split(",") if "," in header else header, header))
        assert (series.time == hours.to_numpy()).all()


@pytest.mark.parametrize(("zone", "first"), [("Europe/Berlin", "2023-10-20"), ("America/New_York", "2023-11-01")])
@pytest.mark.parametrize("freq", ["h", "30min", "15min"])
def test_the_hour_that_stands_twice_in_autumn_loses_no_row(tmp_path, zone, first, freq, caplog):
    local = pd.date_range(first, periods=1000, freq=freq, tz=zone)
    series = load("s", written(tmp_path, [f"{stamp:%Y-%m-%d %H:%M}" for stamp in local]))
    assert len(series.values) == 1000
    assert series.observed.all()
    assert "1 hour occurs twice" in caplog.text
    with pytest.raises(KoopflowError, match="unsorted"):
        load("s", written(tmp_path, ["2023-06-11 02:00", "2023-06-11 03:00", "2023-06-11 02:30", "2023-06-11 04:00"]))


YEARS_AND = {
    "quarter": ([(q.year, q.quarter) for q in QUARTERS], "quarter", starts(QUARTERS)),
    "half": ([(h.year, h.month // 6 + 1) for h in HALVES], "half-year", HALVES),
    "Q1": ([(q.year, f"Q{q.quarter}") for q in QUARTERS], "quarter", starts(QUARTERS)),
    "month": ([(m.year, m.month) for m in MONTHS], "month", starts(MONTHS)),
    "Jan": ([(m.year, m.strftime("%b")) for m in MONTHS], "month", starts(MONTHS)),
    "day": ([(d.year, d.day_of_year) for d in DAYS], "day", DAYS),
}


@pytest.mark.parametrize("kind", YEARS_AND)
def test_a_year_and_a_part_of_it_are_a_date(tmp_path, kind):
    pairs, step, expected = YEARS_AND[kind]
    series = load("s", written(tmp_path, [f"{year},{part}" for year, part in pairs], ["y", "p"], "y,p"))
    assert series.step == step
    assert (series.time == expected.to_numpy().astype("datetime64[ns]")).all()


def test_years_of_two_digits_pass_a_century(tmp_path):
    months = pd.period_range("1960-01", periods=240, freq="M")
    series = load("s", written(tmp_path, [m.strftime("%b-%y") for m in months]))
    assert (series.time == starts(months).to_numpy().astype("datetime64[ns]")).all()


def test_merged_rows_and_empty_slots_are_said_with_how_to_decide_otherwise(tmp_path, caplog):
    days = pd.date_range("2020-01-01", periods=50, freq="D")
    hours = pd.date_range("2020-02-20", periods=500, freq="h")
    spec = written(tmp_path, [f"{stamp:%Y-%m-%d %H:%M}" for stamp in days.append(hours)])
    assert load("s", spec).step == "day"
    assert "478 of 550 rows share a step with another" in caplog.text
    assert "set series.s.step" in caplog.text
    caplog.clear()
    assert len(load("s", spec | {"step": "rows"}).values) == 550
    assert not caplog.messages
    hourly = load("s", spec | {"step": "hour"})
    assert int(hourly.observed.sum()) == 550
    assert "steps have no row" in caplog.text


@pytest.mark.parametrize("step", ["fortnight", "0 days", "3 moons"])
def test_an_unknown_step_is_named(tmp_path, step):
    with pytest.raises(KoopflowError, match=r"series\.s\.step: no step named"):
        load("s", written(tmp_path, [day.date() for day in DAYS]) | {"step": step})


@pytest.mark.parametrize(
    ("step", "label"),
    [("2 weeks", "2 weeks"), ("month", "month"), ("half-month", "half-month"), ("36 hours", "36 hours")],
)
def test_a_step_may_be_chosen(tmp_path, step, label):
    series = load("s", written(tmp_path, [day.date() for day in DAYS]) | {"step": step})
    assert series.step == label
    assert len(series.values) < 900


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("%H:%M", "a clock time but no date"),
        ("%d %b", "no year"),
        ("%d/%m", "no year"),
        ("%I:%M %p", "a clock time but no date"),
    ],
)
def test_a_stamp_without_date_or_year_is_refused(tmp_path, form, problem):
    stamps = HOURS[:20] if "M" in form else DAYS[:20]
    with pytest.raises(KoopflowError, match=rf"^series\.s\.time: .* in line 2 has {problem}"):
        load("s", written(tmp_path, [stamp.strftime(form) for stamp in stamps]))


def test_dates_that_may_have_either_part_first_are_told(tmp_path, caplog):
    months = pd.date_range("2000-01-01", periods=12, freq="MS")
    load("s", written(tmp_path, [month.strftime("%d/%m/%Y") for month in months]))
    assert "'01/12/2000' may have the month or the day first; they are read as 2000-01-12" in caplog.text


def test_days_beside_clock_times_are_read_day_first_if_that_is_even(tmp_path):
    stamps = [f"{hour.strftime('%d.%m.%Y')},{hour.strftime('%H:%M')}" for hour in HOURS[:200]]
    series = load("s", written(tmp_path, stamps, ["d", "c"], "d,c"))
    assert (series.time.astype("datetime64[ns]") == HOURS[:200].to_numpy().astype("datetime64[ns]")).all()


def test_rows_that_are_newest_first_are_told_as_such(tmp_path):
    with pytest.raises(KoopflowError, match=r"unsorted; .* the newest is first; reverse the rows"):
        load("s", written(tmp_path, [stamp.strftime("%Y-%m-%d") for stamp in DAYS[:30][::-1]]))
