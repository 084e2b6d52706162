"""Tables: contract columns first, every digit, whole or not at all, clear errors."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.io.rows import write_rows
from koopflow.io.tables import _checksum, read_csv, write_csv


def test_floats_survive_the_file_bit_for_bit(tmp_path):
    values = np.random.default_rng(0).standard_normal(200) * 10.0 ** np.arange(-100, 100)
    write_csv(pd.DataFrame({"value": values}), tmp_path / "t.csv", ["value"])
    assert read_csv(tmp_path / "t.csv", ["value"])["value"].to_numpy().tobytes() == values.tobytes()


def test_rows_without_pandas_have_the_same_bytes(tmp_path):
    names, columns = ["0/1", 'a, "b"', "c"], ["name", "loss", "diverged_at", "never", "count"]
    loss, gone, count = np.array([0.1, np.nan, np.inf], np.float32), [None, 12, None], np.array([3, 2, 1])
    write_rows(zip(names, loss, gone, [None] * 3, count), tmp_path / "rows.csv", columns)
    table = pd.DataFrame(dict(zip(columns, (names, loss, gone, [None] * 3, count))))
    write_csv(table, tmp_path / "table.csv", columns)
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_contract_columns_come_first_and_lines_end_in_lf(tmp_path):
    write_csv(pd.DataFrame({"extra": [1, 2], "b": [3, 4], "a": ["y", "x"]}), tmp_path / "t.csv", ["a", "b"], sort=True)
    assert (tmp_path / "t.csv").read_bytes() == b"a,b,extra\nx,4,2\ny,3,1\n"


def test_missing_contract_column_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(KoopflowError, match="'mode'"):
        write_csv(pd.DataFrame({"real": [1.0]}), tmp_path / "t.csv", ["mode", "real"])
    assert list(tmp_path.iterdir()) == []


def test_failure_while_writing_leaves_the_old_table(tmp_path):
    class Bad:
        def __str__(self):
            raise RuntimeError("broken")

    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    with pytest.raises(RuntimeError):
        write_csv(pd.DataFrame({"a": [1, Bad()]}), path, ["a"])
    assert path.read_text() == "a\n1\n"
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_a_set_up_called_null_or_na_keeps_its_name(tmp_path):
    write_csv(
        pd.DataFrame({"setting": ["null", "NA", "None"], "value": [1.0, np.nan, 2.0]}),
        tmp_path / "t.csv",
        ["setting", "value"],
    )
    frame = read_csv(tmp_path / "t.csv")
    assert list(frame["setting"]) == ["null", "NA", "None"]
    assert np.isnan(frame["value"][1])


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "no such table"), (b"", "empty"), (b'a,b\n"1,2\n', "not a CSV"), (b"a,b\n1,2\n", "'distance'")],
)
def test_unusable_table_is_named_in_one_line(tmp_path, content, told):
    path = tmp_path / "distances.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KoopflowError, match=r"distances\.csv") as caught:
        read_csv(path, ["a", "b", "distance"])
    assert told in str(caught.value)


def test_checksum_tells_every_change_of_texts_and_arrays():
    a, b = np.arange(3.0), np.arange(2.0)
    frames = [
        pd.DataFrame({"word": words, "path": pd.Series(paths, dtype=object)})
        for words in (["x", "y"], ["y", "x"], ["x", "x"], ["x", None])
        for paths in ([a, b], [b, a], [a, np.arange(1.0, 3.0)], [np.r_[a, b], np.empty(0)])
    ]
    assert len({_checksum(frame) for frame in frames}) == len(frames)
    assert _checksum(frames[0]) == _checksum(frames[0].copy(deep=True))


def test_nan_is_a_number_among_numbers_and_a_name_among_names(tmp_path):
    (tmp_path / "t.csv").write_text("number,name,only\n1.5,a,nan\nnan,nan,nan\n,NaN,\n")
    frame = read_csv(tmp_path / "t.csv")
    assert np.array_equal(frame["number"], [1.5, np.nan, np.nan], equal_nan=True)
    assert frame["name"].tolist() == ["a", "nan", "NaN"]
    assert frame["only"].tolist()[:2] == ["nan", "nan"]
