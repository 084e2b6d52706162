"""A user's CSV: what its marks and codes mean is recognised or refused, never guessed; bad files
cost one line and little time."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.data.series.loading import load

DAYS = [str(day.date()) for day in pd.date_range("2020-01-01", periods=80)]
NUMBERS = np.random.default_rng(3).integers(700, 1400, 80)


def spec(tmp_path, text, **options):
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    return {"path": str(tmp_path / "s.csv"), "time": "t", "value": "v", **options}


def table(tmp_path, values, mark=",", header=None, end="", **options):
    head = header or f"t{mark}v"
    return spec(
        tmp_path, "\n".join([head, *(f"{day}{mark}{value}{end}" for day, value in zip(DAYS, values))]) + "\n", **options
    )


def grouped(mark, decimals=""):
    return [f"{value:,}".replace(",", mark) + decimals for value in NUMBERS]


READ = {
    "points group, commas are decimal": (grouped(".", ",50"), ";", {}, NUMBERS + 0.5),
    "commas group, points are decimal": ([f'"{value:,}.50"' for value in NUMBERS], ",", {}, NUMBERS + 0.5),
    "points group whole numbers": (grouped("."), ";", {}, NUMBERS),
    "commas group whole numbers": (grouped(","), ";", {}, NUMBERS),
    "quoted commas group": ([f'"{value:,}"' for value in NUMBERS], ",", {}, NUMBERS),
    "blanks group": (grouped(" "), ";", {}, NUMBERS),
    "narrow blanks group": (grouped("\u202f"), ";", {}, NUMBERS),
    "apostrophes group": (grouped("'"), ";", {}, NUMBERS),
    "millions": ([f"{value * 1000:,}".replace(",", ".") for value in NUMBERS], ";", {}, NUMBERS * 1000),
    "decimal commas": ([f"{value / 7:.2f}".replace(".", ",") for value in NUMBERS], ";", {}, np.round(NUMBERS / 7, 2)),
    "decimal commas and tabs": (
        [f"{value / 7:.2f}".replace(".", ",") for value in NUMBERS],
        "\t",
        {},
        np.round(NUMBERS / 7, 2),
    ),
    "eighths are no thousands": ([f"{value / 8:g}" for value in NUMBERS], ";", {}, NUMBERS / 8),
    "three decimals below one": (
        [f"{value / 2000:.3f}" for value in NUMBERS // 2 * 2],
        ";",
        {},
        NUMBERS // 2 * 2 / 2000,
    ),
    "a key says thousands": (
        [f"{value + 1000:,}".replace(",", ".") for value in NUMBERS],
        ";",
        {"thousands": "."},
        NUMBERS + 1000,
    ),
    "a key says decimal": (
        [f"{value / 1000:.3f}".replace(".", ",") for value in NUMBERS],
        ";",
        {"decimal": ","},
        NUMBERS / 1000,
    ),
    "a minus sign of typography": ([f"\u2212{value}" for value in NUMBERS], ",", {}, -NUMBERS),
    "bars": (list(NUMBERS), "|", {}, NUMBERS),
    "blanks separate": (list(NUMBERS), "  ", {}, NUMBERS),
    "a separator of one's own": (list(NUMBERS), "~", {"separator": "~"}, NUMBERS),
}


@pytest.mark.parametrize("case", READ)
def test_marks_are_read_as_they_were_meant(tmp_path, case):
    values, separator, options, expected = READ[case]
    np.testing.assert_allclose(load("s", table(tmp_path, values, separator, **options)).values, expected)


REFUSED = {
    "thousands or fractions": (
        [f'"{value + 1000:,}"' for value in NUMBERS],
        ",",
        "set series.s.decimal or series.s.thousands",
    ),
    "decimal commas between commas": (
        [f"{value / 7:.2f}".replace(".", ",") for value in NUMBERS],
        ",",
        "has 3 fields, the header 2",
    ),
    "two ways at once": (["1.234,5", "1,234.5"] * 40, ";", "comma and point in two ways"),
    "text": (["1", "many"] * 40, ",", "'many' in line 3 is not a number"),
    "too large": (["1", "1e999"] * 40, ",", "'1e999' in line 3 is not a finite number"),
    "infinite": (["1", "-inf"] * 40, ",", "'-inf' in line 3 is not a finite number"),
    "a code below zero": (
        ["810.5", "1640", "-999", "900"] * 20,
        ",",
        r"-999 occurs 20 times, far from all other values",
    ),
    "a code of model output": (["810.5", "1640", "1e20", "900"] * 20, ",", r"set series\.s\.missing: \[1\.0e\+20\]"),
    "a code of whole numbers": (["81", "-32768", "16", "90"] * 20, ",", r"-32768 occurs 20 times"),
    "a code": (["10.5", "11.5", "-999", "12.5"] * 20, ",", r"-999 occurs 20 times.*set series\.s\.missing: \[-999\]"),
    "another code": (["0.1", "0.2", "9999", "0.3"] * 20, ",", r"9999 occurs 20 times"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_mean_two_things_is_refused_with_the_key_that_decides(tmp_path, case):
    values, separator, words = REFUSED[case]
    with pytest.raises(KoopflowError, match=words):
        load("s", table(tmp_path, values, separator))


def test_a_code_for_missing_values_is_missing_if_it_is_said_to_be(tmp_path):
    values = ["10.5", "11.5", "-999", "12.5"] * 20
    series = load("s", table(tmp_path, values, missing=[-999]))
    assert int(series.observed.sum()) == 60
    assert load("s", table(tmp_path, values, missing=[])).values.min() == -999  # noqa: PD011 - a Series of ours
    assert load("s", table(tmp_path, np.arange(-1039, -959))).values.min() == -1039  # noqa: PD011


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_separator_at_the_end_of_each_line_shifts_nothing(tmp_path, separator):
    with_end = load("s", table(tmp_path, NUMBERS, separator, end=separator))
    np.testing.assert_array_equal(with_end.values, NUMBERS)
    assert str(with_end.time[0])[:10] == "2020-01-01"
    both = load("s", table(tmp_path, NUMBERS, separator, header=f"t{separator}v{separator}", end=separator))
    np.testing.assert_array_equal(both.values, NUMBERS)


@pytest.mark.parametrize(
    "before", ["# made by hand\n# in 2020\n", "Source: office; all rights reserved\n\n", "% units: mm\n"]
)
def test_comments_may_precede_the_header(tmp_path, before):
    path = table(tmp_path, NUMBERS)["path"]
    text = Path(path).read_text()
    series = load("s", spec(tmp_path, before + text + "# end\n"))
    np.testing.assert_array_equal(series.values, NUMBERS)
    with pytest.raises(KoopflowError, match=f"in line {before.count(chr(10)) + 4} is not a number"):
        load("s", spec(tmp_path, before + text.replace(f"{DAYS[2]},", f"{DAYS[2]},x")))


def test_a_header_may_be_a_comment(tmp_path):
    text = Path(table(tmp_path, NUMBERS)["path"]).read_text()
    np.testing.assert_array_equal(load("s", spec(tmp_path, "#" + text)).values, NUMBERS)


HOSTILE = {
    "a field of megabytes": (lambda: "t,v\n1," + "9" * 40_000_000 + "\n", "line 2 has more than"),
    "200,000 columns": (
        lambda: ",".join(f"c{number}" for number in range(200_000)) + "\n",
        "not a readable CSV|no column",
    ),
    "wide but short": (
        lambda: ",".join(["t", "v", *(f"c{number}" for number in range(50_000))]) + "\n1,2\n",
        "50,002 columns",
    ),
    "an open quote": (lambda: 't,v\n1,"' + "x\n" * 2_000_000, "not a readable CSV: field larger"),
    "no line breaks": (lambda: "x" * 3_000_000, "line 1 has more than"),
    "null bytes": (lambda: "\0" * 1000, "no column"),
    "a long name": (lambda: "y" * 900_000 + ",v\n1,2\n", "field larger than"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_costs_one_short_line_and_little_time(tmp_path, case):
    make, words = HOSTILE[case]
    given, begun = spec(tmp_path, make()), time.process_time()
    with pytest.raises(KoopflowError, match=words) as caught:
        load("s", given)
    assert len(str(caught.value)) < 700 + len(str(tmp_path))
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/proc", "/"])
def test_a_device_or_folder_is_no_csv(path):
    with pytest.raises(KoopflowError, match="not a readable CSV: it is a"):
        load("s", {"path": path, "time": "t", "value": "v"})


def test_regressors_are_read_beside_the_values_and_beyond_them(tmp_path):
    path = tmp_path / "sales.csv"
    rows = [
        f"2024-01-{day:02d},{day * day % 7 if day <= 20 else ''},{day},{0 if day % 5 else -999}" for day in range(1, 26)
    ]
    path.write_text("date,sales,temp,promo\n" + "\n".join(rows))
    spec = {"path": str(path), "time": "date", "value": "sales", "regressors": ["temp", "promo"]}
    found = load("mine", spec)
    assert len(found.time) == 20
    assert found.regressors["temp"].tolist() == list(range(1, 26))
    assert found.regressors["promo"][[3, 4, 24]].tolist() == [
        0,
        -999,
        -999,
    ]  # a planned value is no code for a missing one


def test_a_gap_in_a_regressor_holds_the_value_before(tmp_path):
    path = tmp_path / "sales.csv"
    temp = ["", "3", "", "5", "6"] + [str(each) for each in range(10)]
    path.write_text("date,sales,temp\n" + "\n".join(f"2024-01-{d + 1:02d},{d % 3},{t}" for d, t in enumerate(temp)))
    spec = {"path": str(path), "time": "date", "value": "sales", "regressors": ["temp"]}
    assert load("mine", spec).regressors["temp"][:5].tolist() == [3, 3, 3, 5, 6]


def test_regressors_without_a_file_or_a_column_are_refused_in_one_line(tmp_path):
    with pytest.raises(KoopflowError, match=r"^series.a.regressors: needs path"):
        load("a", {"source": "sunspots", "regressors": ["temp"]})
    with pytest.raises(KoopflowError, match=r"^series.a.path: the source sunspots reads no file \(got 'mine.csv'\)"):
        load("a", {"source": "sunspots", "path": "mine.csv"})
    path = tmp_path / "sales.csv"
    path.write_text("date,sales\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n")
    with pytest.raises(KoopflowError, match=r"^series.a.regressors: .* has no column 'temp'"):
        load("a", {"path": str(path), "time": "date", "value": "sales", "regressors": ["temp"]})


def rows_of(count, note=""):
    return [f"2024-{1 + day // 28:02d}-{1 + day % 28:02d},{day % 7}.5,{note}" for day in range(count)]


def read_back(path, value="v"):
    return load("s", {"path": str(path), "time": "t", "value": value})


def test_a_quote_that_swallows_rows_is_refused(tmp_path):
    path = tmp_path / "s.csv"
    for closed in ("", '"'):
        rows = rows_of(60)
        rows[5] += '"open'
        rows[40] += f"b{closed}"
        path.write_text("\n".join(["t,v,note", *rows]) + "\n")
        with pytest.raises(KoopflowError, match="a quotation mark in line 7 is closed in line"):
            read_back(path)
    path.write_text("\n".join(["t,v,note", *rows_of(60, '"two\nlines"')]) + "\n")
    assert read_back(path).observed.sum() == 60


def test_a_header_is_found_in_either_spelling_of_accents_and_in_utf_16(tmp_path):
    path = tmp_path / "s.csv"
    for name, encoding in (("Gro\u0308\u00dfe", "utf-8"), ("Gr\u00f6\u00dfe", "utf-16")):
        path.write_text("\n".join([f"t,{name},note", *rows_of(60)]) + "\n", encoding=encoding)
        assert read_back(path, "Gr\u00f6\u00dfe").observed.sum() == 60


def test_a_column_named_twice_is_refused(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["t,v,v", *rows_of(60, "1")]) + "\n")
    with pytest.raises(KoopflowError, match=r"^series\.s: .* has two columns 'v'"):
        read_back(path)
